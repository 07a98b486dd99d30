/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sigstruct.h"

#include <inttypes.h>

enum {
    RSA = RSA_SGX_SIZE,
    HEAD = 128,    /* signed: all up to the modulus … */
    BODY_AT = 900, /* … and from MISCSELECT */
    BODY = 128,    /* to ISVSVN */
    TYPE_AT = 12,  /* of the header: bit 31 says debug */
};
static const uint8_t header[16] = { 6, 0, 0, 0, 0xe1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0 };
static const uint8_t header2[16] = { 1, 1, 0, 0, 0x60, 0, 0, 0, 0x60, 0, 0, 0, 1, 0, 0,
    0 };

bool
sigstruct_recognise(struct selfsame_bytes head)
{
    return bytes_has_prefix(head, BYTES(header, TYPE_AT));
}

/* Two decimal digits of a byte; false for others. */
static bool
bcd(unsigned byte, unsigned *ret)
{
    *ret = (byte >> 4) * 10 + (byte & 15);
    return (byte >> 4) < 10 && (byte & 15) < 10;
}

static enum selfsame_code
parse_date(uint32_t date, struct sigstruct *s, struct selfsame_err *e)
{
    unsigned century = 0, year = 0;
    int64_t unused;

    bool good = bcd(date >> 24, &century) && bcd(date >> 16 & 255, &year) &&
                bcd(date >> 8 & 255, &s->month) && bcd(date & 255, &s->day);
    s->year = century * 100 + year;
    if (!good ||
        !time_civil((int)s->year, (int)s->month, (int)s->day, 0, 0, 0, &unused))
        FAIL(e, SELFSAME_MALFORMED,
            "SIGSTRUCT: expected a date as 0xYYYYMMDD, got 0x%08" PRIx32, date);
    return SELFSAME_OK;
}

static enum selfsame_code
parse_header(struct reader *r, struct sigstruct *s, struct selfsame_err *e)
{
    struct selfsame_bytes start = get_bytes(r, TYPE_AT);
    uint32_t type = get_le32(r);

    s->vendor = get_le32(r);
    uint32_t date = get_le32(r);
    struct selfsame_bytes second = get_bytes(r, sizeof(header2));
    s->sw_defined = get_le32(r);
    get_zeros(r, 84);
    if (r->bad || !bytes_eq(start, BYTES(header, TYPE_AT)) ||
        !bytes_eq(second, BYTES_ARR(header2)) || (type & ~(UINT32_C(1) << 31)) != 0)
        FAIL(e, SELFSAME_MALFORMED, "SIGSTRUCT: expected both headers, got other");
    if (s->vendor != 0 && s->vendor != SIGSTRUCT_VENDOR_INTEL)
        FAIL(e, SELFSAME_MALFORMED,
            "SIGSTRUCT: expected vendor 0 or 0x8086, got 0x%" PRIx32, s->vendor);
    s->is_debug = type != 0;
    return parse_date(date, s, e);
}

static enum selfsame_code
parse_body(struct reader *r, struct sigstruct *s, struct selfsame_err *e)
{
    s->misc_select = get_le32(r);
    s->misc_mask = get_le32(r);
    s->cet_attributes = get_u8(r);
    s->cet_mask = get_u8(r);
    get_zeros(r, 2);
    s->isv_family_id = get_bytes(r, 16);
    s->flags = get_le64(r);
    s->xfrm = get_le64(r);
    s->flags_mask = get_le64(r);
    s->xfrm_mask = get_le64(r);
    s->enclave_hash = get_bytes(r, 32);
    get_zeros(r, 16);
    s->isv_ext_prod_id = get_bytes(r, 16);
    s->isv_prod_id = get_le16(r);
    s->isv_svn = get_le16(r);
    get_zeros(r, 12);
    if (r->bad)
        FAIL(e, SELFSAME_MALFORMED, "SIGSTRUCT: expected zeros in reserved bytes");
    return SELFSAME_OK;
}

enum selfsame_code
sigstruct_parse(struct selfsame_bytes in, struct sigstruct *ret, struct selfsame_err *e)
{
    struct reader r = reader_of(in);
    struct sigstruct s = { .raw = in };

    if (in.len != SIGSTRUCT_SIZE)
        FAIL(e, SELFSAME_MALFORMED, "SIGSTRUCT: expected %d bytes, got %zu",
            (int)SIGSTRUCT_SIZE, in.len);
    TRY(parse_header(&r, &s, e));
    s.modulus = get_bytes(&r, RSA);
    uint32_t exponent = get_le32(&r);
    s.signature = get_bytes(&r, RSA);
    if (exponent != 3)
        FAIL(e, SELFSAME_MALFORMED, "SIGSTRUCT: expected exponent 3, got %" PRIu32,
            exponent);
    TRY(parse_body(&r, &s, e));
    s.q1 = get_bytes(&r, RSA);
    s.q2 = get_bytes(&r, RSA);
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED, "SIGSTRUCT: expected an end, got more");
    *ret = s;
    return SELFSAME_OK;
}

/* ---- signature ---- */

static void
turn_round(const uint8_t *in, uint8_t ret[static RSA])
{
    for (size_t i = 0; i < RSA; i++)
        ret[i] = in[RSA - 1 - i];
}

static bool
digest_of(struct selfsame_bytes raw, uint8_t ret[static HASH_MAX])
{
    const struct selfsame_bytes part[] = { BYTES(raw.ptr, HEAD),
        BYTES(raw.ptr + BODY_AT, BODY) };

    return hash_parts(HASH_SHA256, part, COUNT(part), ret);
}

/* RSAPublicKey of a modulus with its top bit set, and exponent 3. */
enum { KEY_DER = 4 + 4 + 1 + RSA + 3 };
static void
key_der(const uint8_t modulus[static RSA], uint8_t ret[static KEY_DER])
{
    struct writer w = writer_of(ret, KEY_DER);

    put_u8(&w, 0x30);
    put_u8(&w, 0x82);
    put_be16(&w, KEY_DER - 4);
    put_u8(&w, 0x02);
    put_u8(&w, 0x82);
    put_be16(&w, RSA + 1);
    put_u8(&w, 0);
    put_bytes(&w, BYTES(modulus, RSA));
    put_bytes(&w, BYTES_LIT("\x02\x01\x03"));
}

static enum selfsame_code
check_quotients(const struct sigstruct *s, const uint8_t modulus[static RSA],
    const uint8_t signature[static RSA], struct selfsame_err *e)
{
    uint8_t q1[RSA], q2[RSA], got[RSA];

    TRY(rsa_sgx_quotients(modulus, signature, q1, q2, e));
    turn_round(s->q1.ptr, got);
    if (!bytes_eq(BYTES_ARR(q1), BYTES_ARR(got)))
        FAIL(e, SELFSAME_MALFORMED,
            "SIGSTRUCT: Q1 is not what modulus and signature give");
    turn_round(s->q2.ptr, got);
    if (!bytes_eq(BYTES_ARR(q2), BYTES_ARR(got)))
        FAIL(e, SELFSAME_MALFORMED,
            "SIGSTRUCT: Q2 is not what modulus and signature give");
    return SELFSAME_OK;
}

enum selfsame_code
sigstruct_verify(const struct sigstruct *s, struct selfsame_err *e)
{
    uint8_t modulus[RSA], signature[RSA], digest[HASH_MAX], der[KEY_DER];

    turn_round(s->modulus.ptr, modulus);
    turn_round(s->signature.ptr, signature);
    if ((modulus[0] & 0x80) == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "SIGSTRUCT: expected a modulus of 3072 bits, got a shorter one");
    if (!digest_of(s->raw, digest))
        FAIL(e, SELFSAME_NOMEM, "SIGSTRUCT: out of memory");
    key_der(modulus, der);
    TRY_WHILE(e,
        sig_verify(&(struct sig_check){ .alg = SIG_RSA_PKCS1,
                       .hash = HASH_SHA256,
                       .key = BYTES_ARR(der),
                       .digest = BYTES(digest, 32),
                       .signature = BYTES_ARR(signature) },
            e),
        "SIGSTRUCT");
    return check_quotients(s, modulus, signature, e);
}

bool
sigstruct_mrsigner(const struct sigstruct *s, uint8_t ret[static 32])
{
    uint8_t sum[HASH_MAX];

    if (!hash_bytes(HASH_SHA256, s->modulus, sum))
        return false;
    memcpy(ret, sum, 32);
    return true;
}

/* ---- making one ---- */

static uint32_t
to_bcd(unsigned n)
{
    return n / 10 << 4 | n % 10;
}

static void
put_id(struct writer *w, struct selfsame_bytes id)
{
    if (id.len > 0)
        put_bytes(w, id);
    else
        put_zeros(w, 16);
}

/* Everything but the numbers of RSA, which stay zero. */
static void
put_fields(struct writer *w, const struct sigstruct *s)
{
    put_bytes(w, BYTES(header, TYPE_AT));
    put_le32(w, s->is_debug ? UINT32_C(1) << 31 : 0);
    put_le32(w, s->vendor);
    put_le32(w, to_bcd(s->year / 100) << 24 | to_bcd(s->year % 100) << 16 |
                    to_bcd(s->month) << 8 | to_bcd(s->day));
    put_bytes(w, BYTES_ARR(header2));
    put_le32(w, s->sw_defined);
    put_zeros(w, 84 + RSA);
    put_le32(w, 3);
    put_zeros(w, RSA);
    put_le32(w, s->misc_select);
    put_le32(w, s->misc_mask);
    put_u8(w, s->cet_attributes);
    put_u8(w, s->cet_mask);
    put_zeros(w, 2);
    put_id(w, s->isv_family_id);
    put_le64(w, s->flags);
    put_le64(w, s->xfrm);
    put_le64(w, s->flags_mask);
    put_le64(w, s->xfrm_mask);
    put_bytes(w, s->enclave_hash);
    put_zeros(w, 16);
    put_id(w, s->isv_ext_prod_id);
    put_le32(w, (uint32_t)s->isv_prod_id | (uint32_t)s->isv_svn << 16);
    put_zeros(w, 12 + 2 * (size_t)RSA);
}

static enum selfsame_code
sign(uint8_t *raw, const struct key *key, struct arena *arena, struct selfsame_err *e)
{
    uint8_t modulus[RSA], digest[HASH_MAX], q1[RSA], q2[RSA];
    struct selfsame_bytes signature;

    TRY(rsa_sgx_modulus(key, modulus, e));
    if (!digest_of(BYTES(raw, SIGSTRUCT_SIZE), digest))
        FAIL(e, SELFSAME_NOMEM, "SIGSTRUCT: out of memory");
    TRY(key_sign(key, HASH_SHA256, BYTES(digest, 32), arena, &signature, e));
    if (signature.len != RSA)
        FAIL(
            e, SELFSAME_INTERNAL, "SIGSTRUCT: a signature of %zu bytes", signature.len);
    TRY(rsa_sgx_quotients(modulus, signature.ptr, q1, q2, e));
    turn_round(modulus, raw + HEAD);
    turn_round(signature.ptr, raw + HEAD + RSA + 4);
    turn_round(q1, raw + SIGSTRUCT_SIZE - 2 * RSA);
    turn_round(q2, raw + SIGSTRUCT_SIZE - RSA);
    return SELFSAME_OK;
}

enum selfsame_code
sigstruct_make(const struct sigstruct *s, const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t *raw = arena_alloc(arena, 1, SIGSTRUCT_SIZE);
    int64_t unused;

    if (raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "SIGSTRUCT: out of memory");
    if (!time_civil((int)s->year, (int)s->month, (int)s->day, 0, 0, 0, &unused) ||
        s->year > 9999)
        FAIL(e, SELFSAME_USAGE, "SIGSTRUCT: expected a date, got %u-%u-%u", s->year,
            s->month, s->day);
    struct writer w = writer_of(raw, SIGSTRUCT_SIZE);
    put_fields(&w, s);
    if (w.bad || w.len != SIGSTRUCT_SIZE)
        FAIL(e, SELFSAME_USAGE, "SIGSTRUCT: expected ids of 16 and a hash of 32 bytes");
    TRY(sign(raw, key, arena, e));
    *ret = BYTES(raw, SIGSTRUCT_SIZE);
    return SELFSAME_OK;
}
