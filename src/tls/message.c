/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/message.h"

#include "codec/cbor.h"

/* Members of the three maps; the numbers are shared between them. */
enum {
    KEY_VERSION = 1,
    REQUEST_NONCE = 2,
    REQUEST_TYPES = 3,
    REQUEST_MODE = 4,
    REQUEST_FLAGS = 5,
    REQUEST_HINT = 6,
    STATUS = 2,
    RESPONSE_CMW = 3,
    RESPONSE_RELEASE = 4,
    RESPONSE_ENDORSEMENTS = 5,
    RESPONSE_REQUEST = 6,
    RESPONSE_SIGNATURE = 7,
    ERROR_TEXT = 8,
    ACK_RESPONSE = 9,
};
enum { VERSION = 1 };

/* The next key; deterministic encoding has them ascending (RFC 8949 §4.2.1). */
static uint64_t
next_key(struct cbor *c, uint64_t last)
{
    uint64_t key = cbor_get_uint(c);

    if (key <= last)
        cbor_fail(c, "member out of order");
    return key;
}

static bool
get_version(struct cbor *c)
{
    bool known = cbor_get_uint(c) == VERSION;

    if (!known)
        cbor_fail(c, "version is not 1");
    return known;
}

static bool
has(unsigned seen, unsigned key)
{
    return (seen >> key & 1u) != 0;
}

/* ---- request ---- */

static void
get_types(struct cbor *c, struct attest_request *m)
{
    struct cbor_seq list = cbor_get_array(c);

    while (cbor_more(c, &list)) {
        struct selfsame_bytes type = cbor_get_text(c);
        if (m->type_count == ATTEST_TYPES)
            cbor_fail(c, "more than 32 evidence types");
        else if (type.len == 0 || type.len > ATTEST_TYPE_SIZE)
            cbor_fail(c, "evidence type of 0 or more than 128 bytes");
        else
            m->types[m->type_count++] = type;
    }
    if (m->type_count == 0)
        cbor_fail(c, "no evidence type is accepted");
}

static void
get_request_member(struct cbor *c, uint64_t key, struct attest_request *m)
{
    uint64_t v = 0;

    switch (key) {
    case KEY_VERSION: (void)get_version(c); break;
    case REQUEST_NONCE:
        m->nonce = cbor_get_bytes(c);
        if (m->nonce.len != ATTEST_NONCE)
            cbor_fail(c, "nonce is not 32 bytes");
        break;
    case REQUEST_TYPES: get_types(c, m); break;
    case REQUEST_MODE:
        v = cbor_get_uint(c);
        if (v < ATTEST_EVIDENCE || v > ATTEST_KEY)
            cbor_fail(c, "unknown mode");
        else
            m->mode = (enum attest_mode)v;
        break;
    case REQUEST_FLAGS:
        v = cbor_get_uint(c);
        /* No flag is said by leaving the member out: one meaning, one encoding. */
        if (v == 0 || v > (ATTEST_WANT_RELEASE | ATTEST_WANT_ENDORSEMENTS))
            cbor_fail(c, "unknown flags, or none");
        else
            m->flags = (unsigned)v;
        break;
    case REQUEST_HINT: m->hint = cbor_get_bytes(c); break;
    default: cbor_fail(c, "unknown member");
    }
}

enum selfsame_code
attest_request_parse(
    struct selfsame_bytes in, struct attest_request *ret, struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_STRICT);
    struct attest_request m = { .hint = BYTES_NONE };
    struct cbor_seq map = cbor_get_map(&c);
    uint64_t key = 0;
    unsigned seen = 0;

    while (cbor_more(&c, &map)) {
        key = next_key(&c, key);
        get_request_member(&c, key, &m);
        seen |= key < 32 ? 1u << key : 0;
    }
    for (unsigned k = KEY_VERSION; k <= REQUEST_MODE; k++)
        if (!has(seen, k))
            cbor_fail(&c, "version, nonce, types or mode is missing");
    TRY(cbor_end(&c, in, "attest request", e));
    *ret = m;
    return SELFSAME_OK;
}

static void
put_request(struct writer *w, const struct attest_request *m)
{
    cbor_put_map(w, 4u + (m->flags != 0) + (m->hint.ptr != NULL));
    cbor_put_uint(w, KEY_VERSION);
    cbor_put_uint(w, VERSION);
    cbor_put_uint(w, REQUEST_NONCE);
    cbor_put_bytes(w, m->nonce);
    cbor_put_uint(w, REQUEST_TYPES);
    cbor_put_array(w, m->type_count);
    for (size_t i = 0; i < m->type_count; i++)
        cbor_put_text(w, m->types[i]);
    cbor_put_uint(w, REQUEST_MODE);
    cbor_put_uint(w, (uint64_t)m->mode);
    if (m->flags != 0) {
        cbor_put_uint(w, REQUEST_FLAGS);
        cbor_put_uint(w, m->flags);
    }
    if (m->hint.ptr != NULL) {
        cbor_put_uint(w, REQUEST_HINT);
        cbor_put_bytes(w, m->hint);
    }
}

/* Room for what the counting writer asked for. */
static enum selfsame_code
room(const struct writer *count, struct arena *arena, struct writer *ret,
    struct selfsame_err *e)
{
    uint8_t *p = arena_alloc(arena, 1, count->need);

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for a message of %zu bytes", count->need);
    *ret = writer_of(p, count->need);
    return SELFSAME_OK;
}

enum selfsame_code
attest_request_encode(const struct attest_request *m, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct writer w = writer_of(NULL, 0);

    put_request(&w, m);
    TRY(room(&w, arena, &w, e));
    put_request(&w, m);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

bool
attest_request_accepts(const struct attest_request *m, struct selfsame_bytes type)
{
    for (size_t i = 0; i < m->type_count; i++)
        if (bytes_eq(m->types[i], type))
            return true;
    return false;
}

/* ---- response ---- */

static struct selfsame_bytes
get_error(struct cbor *c)
{
    struct selfsame_bytes text = cbor_get_text(c);

    if (text.len > ATTEST_ERROR_SIZE)
        cbor_fail(c, "error text of more than 1024 bytes");
    return text;
}

static void
get_response_member(struct cbor *c, uint64_t key, struct attest_response *m)
{
    switch (key) {
    case KEY_VERSION: (void)get_version(c); break;
    case STATUS: m->status = cbor_get_uint(c); break;
    case RESPONSE_CMW: m->cmw = cbor_get_any(c); break;
    case RESPONSE_RELEASE: m->release = cbor_get_bytes(c); break;
    case RESPONSE_ENDORSEMENTS: m->endorsements = cbor_get_any(c); break;
    case RESPONSE_REQUEST: m->request = cbor_get_any(c); break;
    case RESPONSE_SIGNATURE: m->signature = cbor_get_bytes(c); break;
    case ERROR_TEXT: m->error = get_error(c); break;
    default: cbor_fail(c, "unknown member");
    }
}

enum selfsame_code
attest_response_parse(
    struct selfsame_bytes in, struct attest_response *ret, struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_STRICT);
    struct attest_response m = { 0 };
    struct cbor_seq map = cbor_get_map(&c);
    uint64_t key = 0;
    unsigned seen = 0;

    while (cbor_more(&c, &map)) {
        key = next_key(&c, key);
        get_response_member(&c, key, &m);
        seen |= key < 32 ? 1u << key : 0;
    }
    if (!has(seen, KEY_VERSION) || !has(seen, STATUS))
        cbor_fail(&c, "version or status is missing");
    if (m.status == ATTEST_OK ? !has(seen, RESPONSE_CMW) || has(seen, ERROR_TEXT)
                              : has(seen, RESPONSE_CMW))
        cbor_fail(&c, "status and members contradict each other");
    TRY(cbor_end(&c, in, "attest response", e));
    *ret = m;
    return SELFSAME_OK;
}

static void
put_item(struct writer *w, uint64_t key, struct selfsame_bytes item)
{
    if (item.ptr == NULL)
        return;
    cbor_put_uint(w, key);
    put_bytes(w, item);
}

static void
put_string(struct writer *w, uint64_t key, struct selfsame_bytes b)
{
    if (b.ptr == NULL)
        return;
    cbor_put_uint(w, key);
    cbor_put_bytes(w, b);
}

static void
put_status(struct writer *w, uint64_t pairs, uint64_t status)
{
    cbor_put_map(w, 2 + pairs);
    cbor_put_uint(w, KEY_VERSION);
    cbor_put_uint(w, VERSION);
    cbor_put_uint(w, STATUS);
    cbor_put_uint(w, status);
}

static void
put_error(struct writer *w, struct selfsame_bytes text)
{
    if (text.ptr == NULL)
        return;
    cbor_put_uint(w, ERROR_TEXT);
    cbor_put_text(w, text);
}

static void
put_response(struct writer *w, const struct attest_response *m)
{
    const struct selfsame_bytes *optional[] = { &m->cmw, &m->release, &m->endorsements,
        &m->request, &m->signature, &m->error };
    uint64_t pairs = 0;

    for (size_t i = 0; i < COUNT(optional); i++)
        pairs += optional[i]->ptr != NULL;
    put_status(w, pairs, m->status);
    put_item(w, RESPONSE_CMW, m->cmw);
    put_string(w, RESPONSE_RELEASE, m->release);
    put_item(w, RESPONSE_ENDORSEMENTS, m->endorsements);
    put_item(w, RESPONSE_REQUEST, m->request);
    put_string(w, RESPONSE_SIGNATURE, m->signature);
    put_error(w, m->error);
}

enum selfsame_code
attest_response_encode(const struct attest_response *m, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct writer w = writer_of(NULL, 0);

    put_response(&w, m);
    TRY(room(&w, arena, &w, e));
    put_response(&w, m);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

/* ---- acknowledgement ---- */

enum selfsame_code
attest_ack_parse(
    struct selfsame_bytes in, struct attest_ack *ret, struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_STRICT);
    struct attest_ack m = { 0 };
    struct cbor_seq map = cbor_get_map(&c);
    uint64_t key = 0;
    unsigned seen = 0;

    while (cbor_more(&c, &map)) {
        key = next_key(&c, key);
        switch (key) {
        case KEY_VERSION: (void)get_version(&c); break;
        case STATUS: m.status = cbor_get_uint(&c); break;
        case ERROR_TEXT: m.error = get_error(&c); break;
        case ACK_RESPONSE: m.response = cbor_get_any(&c); break;
        default: cbor_fail(&c, "unknown member");
        }
        seen |= key < 32 ? 1u << key : 0;
    }
    if (!has(seen, KEY_VERSION) || !has(seen, STATUS))
        cbor_fail(&c, "version or status is missing");
    if (m.status == ATTEST_OK && has(seen, ERROR_TEXT))
        cbor_fail(&c, "an error with status 0");
    TRY(cbor_end(&c, in, "attest acknowledgement", e));
    *ret = m;
    return SELFSAME_OK;
}

static void
put_ack(struct writer *w, const struct attest_ack *m)
{
    put_status(
        w, (uint64_t)(m->error.ptr != NULL) + (m->response.ptr != NULL), m->status);
    put_error(w, m->error);
    put_item(w, ACK_RESPONSE, m->response);
}

enum selfsame_code
attest_ack_encode(const struct attest_ack *m, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct writer w = writer_of(NULL, 0);

    put_ack(&w, m);
    TRY(room(&w, arena, &w, e));
    put_ack(&w, m);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}
