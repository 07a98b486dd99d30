/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"
#include "tee/shared/dcap_json.h"
#include "tee/shared/dcap_qpl.h"
#include "tee/shared/event_log.h"

static enum selfsame_code
add_info(struct dcap_bundle *b, struct selfsame_bytes json, struct arena *arena,
    struct selfsame_err *e)
{
    struct dcap_tcb_info info;

    TRY(dcap_tcb_info_parse(json, arena, &info, e));
    if (b->info_count == DCAP_BUNDLE_JSON)
        FAIL(e, SELFSAME_MALFORMED, "expected at most %d pieces of TCB info",
            (int)DCAP_BUNDLE_JSON);
    struct dcap_tcb_info *list = tee_bundle_room(
        b->info, sizeof(info), b->info_count, &b->info_room, arena);
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for TCB info");
    b->info = list;
    b->info[b->info_count++] = info;
    return SELFSAME_OK;
}

static enum selfsame_code
add_identity(struct dcap_bundle *b, struct selfsame_bytes json, struct arena *arena,
    struct selfsame_err *e)
{
    struct dcap_identity id;

    TRY(dcap_identity_parse(json, arena, &id, e));
    if (b->identity_count == DCAP_BUNDLE_JSON)
        FAIL(e, SELFSAME_MALFORMED, "expected at most %d enclave identities",
            (int)DCAP_BUNDLE_JSON);
    struct dcap_identity *list = tee_bundle_room(
        b->identity, sizeof(id), b->identity_count, &b->identity_room, arena);
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for enclave identities");
    b->identity = list;
    b->identity[b->identity_count++] = id;
    return SELFSAME_OK;
}

static bool
begins_object(struct selfsame_bytes in)
{
    size_t i = 0;

    while (i < in.len && (in.ptr[i] == ' ' || in.ptr[i] == '\t' || in.ptr[i] == '\r' ||
                             in.ptr[i] == '\n'))
        i++;
    return i < in.len && in.ptr[i] == '{';
}

/* PCS's answers; or, as it is printed by quoting libraries, all of them in one object. */
static enum selfsame_code
add_json(struct dcap_bundle *b, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_err *e)
{
    if (dcap_tcb_info_recognise(in))
        return add_info(b, in, arena, e);
    if (dcap_identity_recognise(in))
        return add_identity(b, in, arena, e);
    if (dcap_qpl_recognise(in))
        return dcap_qpl_add(b, in, arena, e);
    FAIL(e, SELFSAME_MALFORMED,
        "expected TCB info or an enclave identity, got JSON "
        "of another kind");
}

/* ---- texts that stand for DER ---- */

static int
nibble(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A caching service gives CRLs in hex: of a SEQUENCE, so that it begins with 30. */
static bool
is_hex_der(struct selfsame_bytes in)
{
    return in.len > 4 && in.len % 2 == 0 && in.ptr[0] == '3' && in.ptr[1] == '0' &&
           nibble(in.ptr[2]) >= 0 && nibble(in.ptr[3]) >= 0;
}

static struct selfsame_bytes
without_end(struct selfsame_bytes in)
{
    while (in.len > 0 && (in.ptr[in.len - 1] == '\n' || in.ptr[in.len - 1] == '\r' ||
                             in.ptr[in.len - 1] == 0))
        in.len--;
    return in;
}

static enum selfsame_code
add_hex(struct dcap_bundle *b, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_err *e)
{
    uint8_t *der = arena_alloc(arena, 1, in.len / 2);

    if (der == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for a CRL");
    for (size_t i = 0; i < in.len / 2; i++) {
        int high = nibble(in.ptr[2 * i]), low = nibble(in.ptr[2 * i + 1]);

        if (high < 0 || low < 0)
            FAIL(e, SELFSAME_MALFORMED, "a CRL in hex: expected digits, got others");
        der[i] = (uint8_t)(high << 4 | low);
    }
    return tee_bundle_add(&b->pki, BYTES(der, in.len / 2), arena, e);
}

/* PEM as PCS puts it into a header: "-----BEGIN%20CERTIFICATE-----%0A…". */
static bool
is_percent_pem(struct selfsame_bytes in)
{
    return bytes_has_prefix(in, BYTES_LIT("-----BEGIN%20"));
}

static enum selfsame_code
add_percent(struct dcap_bundle *b, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_err *e)
{
    uint8_t *text = arena_alloc(arena, 1, in.len);
    size_t n = 0;

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for certificates");
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] != '%') {
            text[n++] = in.ptr[i];
            continue;
        }
        int high = i + 2 < in.len ? nibble(in.ptr[i + 1]) : -1,
            low = i + 2 < in.len ? nibble(in.ptr[i + 2]) : -1;
        if (high < 0 || low < 0)
            FAIL(e, SELFSAME_MALFORMED,
                "certificates: expected two hexadecimal digits "
                "behind each %%");
        text[n++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return tee_bundle_add(&b->pki, BYTES(text, n), arena, e);
}

/* ---- the whole ---- */

static enum selfsame_code
add(struct dcap_bundle *b, struct selfsame_bytes piece, struct arena *arena,
    struct selfsame_err *e)
{
    struct selfsame_bytes text = without_end(piece);

    if (begins_object(piece))
        return add_json(b, text, arena, e);
    if (event_log_recognise(piece)) {
        if (b->log.ptr == NULL)
            b->log = piece;
        else
            FAIL(e, SELFSAME_MALFORMED, "expected one event log, got another");
        return SELFSAME_OK;
    }
    if (is_percent_pem(text))
        return add_percent(b, text, arena, e);
    return is_hex_der(text) ? add_hex(b, text, arena, e)
                            : tee_bundle_add(&b->pki, piece, arena, e);
}

bool
dcap_piece_recognise(struct selfsame_bytes piece)
{
    const struct selfsame_bytes text = without_end(piece);

    if (begins_object(piece))
        return dcap_tcb_info_recognise(text) || dcap_identity_recognise(text) ||
               dcap_qpl_recognise(text);
    return event_log_recognise(piece) || is_percent_pem(text) || is_hex_der(text);
}

enum selfsame_code
dcap_bundle_add(struct dcap_bundle *b, struct selfsame_bytes piece, struct arena *arena,
    struct selfsame_err *e)
{
    return tee_bundle_put_aside(&b->pki, add(b, piece, arena, e), arena, e);
}
