/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function per form: the evidence, and the report data that names the key. Facts
 * from CCC-Attestation/interoperable-ra-tls (docs), gramineproject/gramine
 * (tools/sgx/ra-tls), openenclave/openenclave (common/attest_plugin.c, report.h),
 * Dstack-TEE/dstack (ra-tls, dstack-attest), veraison/cmw, evervault's cages.
 */
#include "appraise/appraise.h"
#include "appraise/ratls.h"
#include "codec/cbor.h"
#include "codec/cmw.h"
#include "codec/der.h"
#include "codec/pem.h"
#include "crypto/crypto.h"

enum { REPORT_DATA = 64 };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no room for a certificate's evidence");
}

enum selfsame_code
ratls_expect_sha256(struct selfsame_bytes b, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    uint8_t *data = arena_alloc(arena, 1, REPORT_DATA); /* zeroed */
    uint8_t digest[HASH_MAX];

    if (data == NULL || !hash_bytes(HASH_SHA256, b, digest))
        return nomem(e);
    memcpy(data, digest, hash_size(HASH_SHA256));
    r->report_data = BYTES(data, REPORT_DATA);
    return SELFSAME_OK;
}

static enum selfsame_code
expect_sha512(const struct selfsame_bytes *part, size_t count, struct arena *arena,
    struct ratls *r, struct selfsame_err *e)
{
    uint8_t *data = arena_alloc(arena, 1, HASH_MAX);

    if (data == NULL || !hash_parts(HASH_SHA512, part, count, data))
        return nomem(e);
    r->report_data = BYTES(data, REPORT_DATA);
    return SELFSAME_OK;
}

/* ---- TCG DICE: 60000([ evidence, claims ]) ---- */

/* [ algorithm, hash of the SubjectPublicKeyInfo ], itself a byte string. */
static enum selfsame_code
check_hash(struct selfsame_bytes entry, struct ratls *r, struct selfsame_err *e)
{
    static const struct {
        uint64_t id;
        enum hash_alg alg;
    } known[] = { { RATLS_SHA256, HASH_SHA256 }, { RATLS_SHA384, HASH_SHA384 },
        { RATLS_SHA512, HASH_SHA512 } };
    struct cbor c = cbor_of(entry, CBOR_STRICT);
    struct cbor_seq list = cbor_get_array(&c);
    struct selfsame_bytes hash = BYTES_NONE;
    uint8_t digest[HASH_MAX];
    uint64_t id = 0;

    if (list.left != 2)
        cbor_fail(&c, "pubkey-hash is not [ algorithm, hash ]");
    for (size_t i = 0; cbor_more(&c, &list); i++)
        if (i == 0)
            id = cbor_get_uint(&c);
        else
            hash = cbor_get_bytes(&c);
    TRY(cbor_end(&c, entry, "pubkey-hash", e));
    r->unbound = "the claims hash the key with an algorithm that is not accepted";
    for (size_t i = 0; i < COUNT(known); i++) {
        if (known[i].id != id)
            continue;
        if (!hash_bytes(known[i].alg, r->cert.spki, digest))
            return nomem(e);
        r->unbound = bytes_eq(BYTES(digest, hash_size(known[i].alg)), hash)
                         ? NULL
                         : "the claims are about another key than the certificate's";
    }
    return SELFSAME_OK;
}

/* Claims that are not known are nobody's business here, but they are hashed. */
static enum selfsame_code
read_claims(struct ratls *r, struct selfsame_err *e)
{
    struct cbor c = cbor_of(r->claims, CBOR_STRICT);
    struct cbor_seq map = cbor_get_map(&c);
    struct selfsame_bytes hash = BYTES_NONE;

    while (cbor_more(&c, &map)) {
        if (cbor_peek(&c) != CBOR_TEXT) {
            (void)cbor_get_any(&c);
            (void)cbor_get_any(&c);
            continue;
        }
        struct selfsame_bytes name = cbor_get_text(&c);
        if (bytes_eq(name, BYTES_LIT("pubkey-hash")))
            hash = cbor_get_bytes(&c);
        else if (bytes_eq(name, BYTES_LIT("nonce")))
            r->nonce = cbor_get_bytes(&c);
        else
            (void)cbor_get_any(&c);
    }
    TRY(cbor_end(&c, r->claims, "claims", e));
    if (r->nonce.ptr != NULL && (r->nonce.len == 0 || r->nonce.len > RATLS_NONCE_MAX))
        FAIL(e, SELFSAME_MALFORMED,
            "claims: expected a nonce of 1 to %d bytes, got %zu", (int)RATLS_NONCE_MAX,
            r->nonce.len);
    r->unbound = "the claims name no key (pubkey-hash)";
    return hash.ptr != NULL ? check_hash(hash, r, e) : SELFSAME_OK;
}

enum selfsame_code
ratls_read_dice(struct selfsame_bytes value, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    struct cbor c = cbor_of(value, CBOR_STRICT);

    if (cbor_peek(&c) != CBOR_TAG)
        cbor_fail(&c, "tagged evidence without a tag");
    const uint64_t tag = cbor_get_tag(&c);
    if (c.why == NULL && tag != RATLS_TAG_QUOTE)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "tagged evidence: expected tag %d (a quote), got %llu",
            (int)RATLS_TAG_QUOTE, (unsigned long long)tag);
    struct cbor_seq list = cbor_get_array(&c);
    if (list.left != 2)
        cbor_fail(&c, "tagged evidence is not [ quote, claims ]");
    for (size_t i = 0; cbor_more(&c, &list); i++)
        if (i == 0)
            r->evidence = cbor_get_bytes(&c);
        else
            r->claims = cbor_get_bytes(&c);
    TRY(cbor_end(&c, value, "tagged evidence", e));
    TRY(read_claims(r, e));
    r->rule = "report data is the hash of the claims, which hash the certificate's key";
    return ratls_expect_sha256(r->claims, arena, r, e);
}

/* 60000([ version, TCB info, its chain, CRLs, their chain, QE identity, its chain, ?time ]) */
enum selfsame_code
ratls_read_endorsements(
    struct selfsame_bytes value, struct ratls *r, struct selfsame_err *e)
{
    struct cbor c = cbor_of(value, CBOR_STRICT);

    if (cbor_peek(&c) == CBOR_TAG)
        (void)cbor_get_tag(&c);
    struct cbor_seq list = cbor_get_array(&c);
    while (cbor_more(&c, &list)) {
        if (cbor_peek(&c) != CBOR_BYTES) {
            (void)cbor_get_any(&c);
            continue;
        }
        struct selfsame_bytes one = cbor_get_bytes(&c);
        if (r->endorsement_count == RATLS_ENDORSEMENTS)
            cbor_fail(&c, "more than 16 endorsements");
        else if (one.len > 0)
            r->endorsements[r->endorsement_count++] = one;
    }
    return cbor_end(&c, value, "endorsements", e);
}

/* ---- CMW: CHOICE { json UTF8String, cbor OCTET STRING }, or either without its head ---- */

enum selfsame_code
ratls_read_cmw(struct selfsame_bytes value, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    uint8_t *data = arena_alloc(arena, 1, REPORT_DATA);
    struct der d = der_of(value);
    struct selfsame_bytes inner = BYTES_NONE;
    struct binder b;

    const bool text = der_is(&d, DER_UTF8);
    if (text || der_is(&d, DER_OCTET_STRING))
        inner = der_get(&d, text ? DER_UTF8 : DER_OCTET_STRING);
    if (inner.len > 0 && text != (inner.ptr[0] == '{' || inner.ptr[0] == '['))
        FAIL(e, SELFSAME_MALFORMED, "CMW: expected %s, got the other",
            text ? "JSON in a UTF8String" : "CBOR in an OCTET STRING");
    r->evidence = inner.ptr != NULL && der_done(&d) ? inner : value;
    if (!cmw_looks_like(r->evidence))
        FAIL(e, SELFSAME_MALFORMED, "the extension of %zu bytes is no CMW", value.len);
    if (data == NULL || !binder_certificate(&b, r->cert.spki) || !binder64(&b, data))
        return nomem(e);
    r->report_data = BYTES(data, REPORT_DATA);
    r->rule = "report data is the binder of the certificate's key";
    return SELFSAME_OK;
}

/* ---- Open Enclave: the key as PEM with line feeds, and a NUL ---- */

static enum selfsame_code
key_pem(const struct ratls *r, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    char *pem = pem_encode("PUBLIC KEY", r->cert.spki, arena);

    if (pem == NULL)
        return nomem(e);
    *ret = BYTES((const uint8_t *)pem, strlen(pem) + 1);
    return SELFSAME_OK;
}

static enum selfsame_code
expect_pem(struct arena *arena, struct ratls *r, struct selfsame_err *e)
{
    struct selfsame_bytes pem = BYTES_NONE;

    TRY(key_pem(r, arena, &pem, e));
    r->rule = "report data is the SHA-256 of the certificate's key as PEM";
    return ratls_expect_sha256(pem, arena, r, e);
}

/* oe_report_header_t: u32 version 1, u32 type 2 (remote), u64 size; a quote. */
enum selfsame_code
ratls_read_oe_report(struct selfsame_bytes value, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    enum { VERSION = 1, LOCAL = 1, REMOTE = 2 };
    struct reader in = reader_of(value);
    const uint32_t version = get_le32(&in), type = get_le32(&in);
    const uint64_t size = get_le64(&in);

    if (in.bad || size != in.rest.len)
        FAIL(e, SELFSAME_MALFORMED,
            "Open Enclave report: expected a header of 16 bytes and the size it says, "
            "got %zu bytes",
            value.len);
    if (version != VERSION || type != REMOTE)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "Open Enclave report: expected version 1 of a remote one, got version %u "
            "of "
            "type %u",
            version, type);
    r->evidence = in.rest;
    return expect_pem(arena, r, e);
}

/* "A3A21E87-1B4D-4014-B70A-A125D2FBCD8C", OE_FORMAT_UUID_SGX_ECDSA */
static const uint8_t oe_sgx_ecdsa[16] = { 0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40,
    0x14, 0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd, 0x8c };

/* Header, report body, u32 size of the signature data, and those: an SGX quote's length. */
static bool
split_quote(struct reader *in, struct selfsame_bytes *ret_quote)
{
    enum { BEFORE = 432 };
    struct reader look = *in;

    (void)get_bytes(&look, BEFORE);
    const uint32_t size = get_le32(&look);
    (void)get_bytes(&look, size);
    if (look.bad)
        return false;
    *ret_quote = get_bytes(in, BEFORE + sizeof(uint32_t) + size);
    return !in->bad;
}

static bool
is_key(struct selfsame_bytes value, struct selfsame_bytes pem)
{
    return bytes_eq(value, pem) || bytes_eq(value, BYTES(pem.ptr, pem.len - 1));
}

/* u64 version 1, u64 count; each u64 size of the name, u64 of the value, and both. */
static bool
names_key(struct selfsame_bytes claims, struct selfsame_bytes pem)
{
    struct reader in = reader_of(claims);
    bool found = false;

    if (is_key(claims, pem))
        return true;
    if (get_le64(&in) != 1)
        return false;
    for (uint64_t left = get_le64(&in); left > 0 && !in.bad; left--) {
        const uint64_t name = get_le64(&in), value = get_le64(&in);

        if (name > in.rest.len || value > in.rest.len)
            return false;
        (void)get_bytes(&in, (size_t)name);
        found = is_key(get_bytes(&in, (size_t)value), pem) || found;
    }
    return found && reader_done(&in);
}

/* oe_attestation_header_t: u32 version 3, format UUID, u64 size; quote, custom claims. */
enum selfsame_code
ratls_read_oe_evidence(struct selfsame_bytes value, struct arena *arena,
    struct ratls *r, struct selfsame_err *e)
{
    enum { VERSION = 3 };
    struct reader in = reader_of(value);
    const uint32_t version = get_le32(&in);
    const struct selfsame_bytes format = get_bytes(&in, sizeof(oe_sgx_ecdsa));
    const uint64_t size = get_le64(&in);
    struct selfsame_bytes pem = BYTES_NONE;

    if (in.bad || size != in.rest.len)
        FAIL(e, SELFSAME_MALFORMED,
            "Open Enclave evidence: expected a header of 28 bytes and the size it "
            "says, "
            "got %zu bytes",
            value.len);
    if (version != VERSION || !bytes_eq(format, BYTES_ARR(oe_sgx_ecdsa)))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "Open Enclave evidence: expected version 3 of an SGX quote, got version %u",
            version);
    if (!split_quote(&in, &r->evidence))
        FAIL(e, SELFSAME_MALFORMED, "Open Enclave evidence: the quote ends early");
    r->claims = in.rest;
    TRY(key_pem(r, arena, &pem, e));
    if (!names_key(r->claims, pem))
        r->unbound = "the custom claims do not hold the certificate's key";
    r->rule =
        "report data is the hash of custom claims that hold the certificate's key";
    return ratls_expect_sha256(r->claims, arena, r, e);
}

/* ---- raw quotes ---- */

enum selfsame_code
ratls_read_intel(struct selfsame_bytes value, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    r->evidence = value;
    return expect_pem(arena, r, e);
}

enum selfsame_code
ratls_read_gramine(struct selfsame_bytes value, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    r->evidence = value;
    r->rule = "report data is the SHA-256 of the certificate's key";
    return ratls_expect_sha256(r->cert.spki, arena, r, e);
}

/* An OCTET STRING inside the extension's own. */
enum selfsame_code
ratls_read_dstack(struct selfsame_bytes value, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    const struct selfsame_bytes part[] = { BYTES_LIT("ratls-cert:"), r->cert.spki };
    struct der d = der_of(value);

    r->evidence = der_get(&d, DER_OCTET_STRING);
    if (!der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "dstack quote: %s",
            d.why != NULL ? d.why : "bytes follow it");
    r->rule = "report data is the SHA-512 of \"ratls-cert:\" and the certificate's key";
    return expect_sha512(part, COUNT(part), arena, r, e);
}

/* ---- a document of Nitro, hex, cut into the labels of a dNSName ---- */

/* Labels of hex up to the first that is none; absent: this name begins with no document. */
static bool
join_labels(struct selfsame_bytes name, struct arena *arena, struct selfsame_bytes *ret)
{
    char *hex = arena_alloc(arena, 1, name.len + 1);
    uint8_t *out = arena_alloc(arena, 1, name.len + 1);
    size_t len = 0, got = 0;

    *ret = BYTES_NONE;
    if (hex == NULL || out == NULL)
        return false;
    for (size_t at = 0; at < name.len;) {
        size_t end = at, valid = 0;

        while (end < name.len && name.ptr[end] != '.')
            end++;
        for (size_t i = at; i < end; i++)
            valid += (name.ptr[i] >= '0' && name.ptr[i] <= '9') ||
                     (name.ptr[i] >= 'a' && name.ptr[i] <= 'f');
        if (valid == 0 || valid != end - at)
            break;
        memcpy(hex + len, name.ptr + at, end - at);
        len += end - at;
        at = end + 1;
    }
    if (hex_decode(hex, len, out, name.len, &got))
        *ret = BYTES(out, got);
    return true;
}

enum selfsame_code
ratls_read_name(struct selfsame_bytes value, struct arena *arena, struct ratls *r,
    struct selfsame_err *e)
{
    static const uint8_t start[] = { 0x84, 0x44, 0xa1, 0x01 }; /* RFC 9052 §4.2, §3.1 */
    struct der d = der_of(value), list = der_enter(&d, DER_SEQUENCE);
    struct selfsame_bytes document;

    while (!list.r.bad && !der_done(&list)) {
        unsigned tag = 0;
        struct selfsame_bytes name = der_get_any(&list, &tag);

        if (list.r.bad || tag != DER_CONTEXT_PRIMITIVE(2) || name.len < sizeof(start))
            continue;
        if (!join_labels(name, arena, &document))
            return nomem(e);
        if (!bytes_has_prefix(document, BYTES_ARR(start)))
            continue;
        if (r->form != RATLS_NONE)
            FAIL(e, SELFSAME_MALFORMED, "certificate: two documents as names");
        r->form = RATLS_NAME;
        r->evidence = document;
        r->report_data = r->cert.spki;
        r->rule = "user_data is the certificate's key";
    }
    return SELFSAME_OK;
}
