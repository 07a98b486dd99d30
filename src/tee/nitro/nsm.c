/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "tee/nitro/nitro.h"

/* nsm-api src/api/mod.rs: serde's externally tagged enums. */
static const char *const ops[] = {
    [NSM_DESCRIBE_NSM] = "DescribeNSM",
    [NSM_GET_RANDOM] = "GetRandom",
    [NSM_DESCRIBE_PCR] = "DescribePCR",
    [NSM_EXTEND_PCR] = "ExtendPCR",
    [NSM_LOCK_PCR] = "LockPCR",
    [NSM_LOCK_PCRS] = "LockPCRs",
    [NSM_ATTESTATION] = "Attestation",
};

/* What each error of the protocol means to the caller. */
static const struct {
    const char *name;
    enum selfsame_code code;
} errors[] = {
    { "InvalidArgument", SELFSAME_USAGE },
    { "InvalidIndex", SELFSAME_USAGE },
    { "InvalidResponse", SELFSAME_IO },
    { "ReadOnlyIndex", SELFSAME_DENIED },
    { "InvalidOperation", SELFSAME_UNSUPPORTED },
    { "BufferTooSmall", SELFSAME_IO },
    { "InputTooLarge", SELFSAME_USAGE },
    { "InternalError", SELFSAME_IO },
};

static bool
text_is(struct selfsame_bytes text, const char *word)
{
    return bytes_cmp(text, bytes_str(word)) == 0;
}

const char *
nsm_op_word(enum nsm_op op)
{
    return op > NSM_NONE && op < COUNT(ops) ? ops[op] : "?";
}

static enum nsm_op
op_from_word(struct selfsame_bytes word)
{
    for (enum nsm_op i = NSM_DESCRIBE_NSM; i < COUNT(ops); i++)
        if (text_is(word, ops[i]))
            return i;
    return NSM_NONE;
}

static void
put_optional(struct writer *w, const char *key, struct selfsame_bytes b)
{
    cbor_put_str(w, key);
    if (b.ptr == NULL)
        cbor_put_null(w);
    else
        cbor_put_bytes(w, b);
}

/* {op: { … }}, with the number of pairs within. */
static void
put_head(struct writer *w, enum nsm_op op, uint64_t pairs)
{
    cbor_put_map(w, 1);
    cbor_put_str(w, nsm_op_word(op));
    cbor_put_map(w, pairs);
}

void
nsm_request_put(struct writer *w, const struct nsm_request *q)
{
    switch (q->op) {
    case NSM_DESCRIBE_PCR:
    case NSM_LOCK_PCR:
    case NSM_LOCK_PCRS:
        put_head(w, q->op, 1);
        cbor_put_str(w, q->op == NSM_LOCK_PCRS ? "range" : "index");
        cbor_put_uint(w, q->index);
        break;
    case NSM_EXTEND_PCR:
        put_head(w, q->op, 2);
        cbor_put_str(w, "index");
        cbor_put_uint(w, q->index);
        cbor_put_str(w, "data");
        cbor_put_bytes(w, q->data);
        break;
    case NSM_ATTESTATION:
        put_head(w, q->op, 3);
        put_optional(w, "user_data", q->user_data);
        put_optional(w, "nonce", q->nonce);
        put_optional(w, "public_key", q->public_key);
        break;
    case NSM_NONE:
    case NSM_DESCRIBE_NSM:
    case NSM_GET_RANDOM: cbor_put_str(w, nsm_op_word(q->op)); break;
    }
}

/* QEMU's device takes text where bytes are meant; so do we. */
static struct selfsame_bytes
read_blob(struct cbor *c)
{
    if (cbor_get_null(c))
        return BYTES_NONE;
    return cbor_peek(c) == CBOR_TEXT ? cbor_get_text(c) : cbor_get_bytes(c);
}

enum field {
    INDEX = 1u << 0,
    RANGE = 1u << 1,
    DATA = 1u << 2,
    USER_DATA = 1u << 3,
    NONCE = 1u << 4,
    PUBLIC_KEY = 1u << 5,
};

static unsigned
read_field(struct cbor *c, struct nsm_request *q)
{
    struct selfsame_bytes key = cbor_get_text(c);

    if (text_is(key, "index") || text_is(key, "range")) {
        q->index = cbor_get_uint(c);
        return text_is(key, "index") ? INDEX : RANGE;
    }
    struct selfsame_bytes blob = read_blob(c);
    if (text_is(key, "data")) {
        q->data = blob;
        return DATA;
    }
    if (text_is(key, "user_data")) {
        q->user_data = blob;
        return USER_DATA;
    }
    if (text_is(key, "nonce")) {
        q->nonce = blob;
        return NONCE;
    }
    if (text_is(key, "public_key")) {
        q->public_key = blob;
        return PUBLIC_KEY;
    }
    cbor_fail(c, "an unknown field");
    return 0;
}

/* Fields a request must have; those of Attestation may be left out, meaning null. */
static unsigned
fields_of(enum nsm_op op)
{
    switch (op) {
    case NSM_DESCRIBE_PCR:
    case NSM_LOCK_PCR: return INDEX;
    case NSM_LOCK_PCRS: return RANGE;
    case NSM_EXTEND_PCR: return INDEX | DATA;
    case NSM_NONE:
    case NSM_DESCRIBE_NSM:
    case NSM_GET_RANDOM:
    case NSM_ATTESTATION: break;
    }
    return 0;
}

static void
read_fields(struct cbor *c, struct nsm_request *q)
{
    unsigned seen = 0, optional = USER_DATA | NONCE | PUBLIC_KEY;
    struct cbor_seq map = cbor_get_map(c);

    while (cbor_more(c, &map))
        seen |= read_field(c, q);
    if (q->op != NSM_ATTESTATION)
        optional = 0;
    if ((seen & ~optional) != fields_of(q->op))
        cbor_fail(c, "fields that are not those of the request");
}

enum selfsame_code
nsm_request_parse(
    struct selfsame_bytes in, struct nsm_request *ret, struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_STRICT);
    struct nsm_request q = { .op = NSM_NONE };

    if (cbor_peek(&c) == CBOR_TEXT) {
        q.op = op_from_word(cbor_get_text(&c));
        if (q.op != NSM_DESCRIBE_NSM && q.op != NSM_GET_RANDOM)
            cbor_fail(&c, "no such request without fields");
    } else {
        struct cbor_seq map = cbor_get_map(&c);

        if (map.left != 1)
            cbor_fail(&c, "expected a map of one request");
        while (cbor_more(&c, &map)) {
            q.op = op_from_word(cbor_get_text(&c));
            if (q.op == NSM_NONE)
                cbor_fail(&c, "no such request");
            read_fields(&c, &q);
        }
    }
    TRY(cbor_end(&c, in, "NSM request", e));
    *ret = q;
    return SELFSAME_OK;
}

static void
put_locked(struct writer *w, uint32_t locked)
{
    cbor_put_str(w, "locked_pcrs");
    cbor_put_array(w, (uint64_t)__builtin_popcount(locked));
    for (unsigned i = 0; i < NITRO_PCRS; i++)
        if (locked & 1u << i)
            cbor_put_uint(w, i);
}

static void
put_description(struct writer *w, const struct nsm_response *r)
{
    static const char *const names[] = { "version_major", "version_minor",
        "version_patch" };

    put_head(w, r->op, 7);
    for (size_t i = 0; i < COUNT(names); i++) {
        cbor_put_str(w, names[i]);
        cbor_put_uint(w, r->version[i]);
    }
    cbor_put_str(w, "module_id");
    cbor_put_text(w, r->module_id);
    cbor_put_str(w, "max_pcrs");
    cbor_put_uint(w, r->max_pcrs);
    put_locked(w, r->locked);
    cbor_put_str(w, "digest");
    cbor_put_str(w, "SHA384");
}

static void
put_success(struct writer *w, const struct nsm_response *r)
{
    switch (r->op) {
    case NSM_DESCRIBE_NSM: put_description(w, r); break;
    case NSM_GET_RANDOM:
        put_head(w, r->op, 1);
        cbor_put_str(w, "random");
        cbor_put_bytes(w, r->bytes);
        break;
    case NSM_DESCRIBE_PCR:
        put_head(w, r->op, 2);
        cbor_put_str(w, "lock");
        cbor_put_bool(w, r->lock);
        cbor_put_str(w, "data");
        cbor_put_bytes(w, r->bytes);
        break;
    case NSM_EXTEND_PCR:
        put_head(w, r->op, 1);
        cbor_put_str(w, "data");
        cbor_put_bytes(w, r->bytes);
        break;
    case NSM_ATTESTATION:
        put_head(w, r->op, 1);
        cbor_put_str(w, "document");
        cbor_put_bytes(w, r->bytes);
        break;
    case NSM_NONE:
    case NSM_LOCK_PCR:
    case NSM_LOCK_PCRS: cbor_put_str(w, nsm_op_word(r->op)); break;
    }
}

void
nsm_response_put(struct writer *w, const struct nsm_response *r)
{
    if (r->error == NULL) {
        put_success(w, r);
        return;
    }
    cbor_put_map(w, 1);
    cbor_put_str(w, "Error");
    cbor_put_str(w, r->error);
}

static enum selfsame_code
fail_by_name(struct selfsame_bytes name, enum nsm_op op, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(errors); i++)
        if (text_is(name, errors[i].name))
            FAIL(e, errors[i].code, "NSM: %s failed with %s", nsm_op_word(op),
                errors[i].name);
    FAIL(e, SELFSAME_IO, "NSM: %s failed with an error of an unknown name",
        nsm_op_word(op));
}

static uint32_t
read_locked(struct cbor *c)
{
    struct cbor_seq list = cbor_get_array(c);
    uint32_t mask = 0;

    while (cbor_more(c, &list)) {
        uint64_t i = cbor_get_uint(c);

        if (i < NITRO_PCRS)
            mask |= 1u << i;
        else
            cbor_fail(c, "a PCR index over 31");
    }
    return mask;
}

/* Devices differ in the order of keys, so they are read by name. */
static void
read_result(struct cbor *c, struct nsm_response *r)
{
    static const char *const versions[] = { "version_major", "version_minor",
        "version_patch" };
    struct selfsame_bytes key = cbor_get_text(c);

    for (size_t i = 0; i < COUNT(versions); i++)
        if (text_is(key, versions[i])) {
            r->version[i] = cbor_get_uint(c);
            return;
        }
    if (text_is(key, "lock"))
        r->lock = cbor_get_bool(c);
    else if (text_is(key, "max_pcrs"))
        r->max_pcrs = cbor_get_uint(c);
    else if (text_is(key, "module_id"))
        r->module_id = cbor_get_text(c);
    else if (text_is(key, "locked_pcrs"))
        r->locked = read_locked(c);
    else if (text_is(key, "random") || text_is(key, "data") || text_is(key, "document"))
        r->bytes = cbor_get_bytes(c);
    else
        (void)cbor_get_any(c);
}

static bool
gives_bytes(enum nsm_op op)
{
    return op == NSM_GET_RANDOM || op == NSM_DESCRIBE_PCR || op == NSM_EXTEND_PCR ||
           op == NSM_ATTESTATION;
}

enum selfsame_code
nsm_response_parse(struct selfsame_bytes in, enum nsm_op op, struct nsm_response *ret,
    struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_INDEFINITE_OK);
    struct nsm_response r = { .op = op };
    struct selfsame_bytes name = BYTES_NONE, error = BYTES_NONE;

    if (cbor_peek(&c) == CBOR_TEXT) {
        name = cbor_get_text(&c);
    } else {
        struct cbor_seq outer = cbor_get_map(&c);

        while (cbor_more(&c, &outer)) {
            name = cbor_get_text(&c);
            if (text_is(name, "Error")) {
                error = cbor_get_text(&c);
                continue;
            }
            struct cbor_seq map = cbor_get_map(&c);
            while (cbor_more(&c, &map))
                read_result(&c, &r);
        }
    }
    TRY(cbor_end(&c, in, "NSM response", e));
    if (error.ptr != NULL)
        return fail_by_name(error, op, e);
    if (op_from_word(name) != op || (gives_bytes(op) && r.bytes.ptr == NULL))
        FAIL(e, SELFSAME_MALFORMED, "NSM response: expected one to %s, got another",
            nsm_op_word(op));
    *ret = r;
    return SELFSAME_OK;
}
