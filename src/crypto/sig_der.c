/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/internal.h"

#include "codec/der.h"

/* The two DER shapes signatures and keys come in, and our fixed-size ones. */

static void
pad_left(uint8_t *ret, size_t size, struct selfsame_bytes v)
{
    memset(ret, 0, size - v.len);
    if (v.len > 0)
        memcpy(ret + size - v.len, v.ptr, v.len);
}

/* Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER } (RFC 3279 §2.2.3). */
bool
sig_ecdsa_from_der(struct selfsame_bytes der, size_t half, uint8_t *ret)
{
    struct der d = der_of(der);
    struct der in = der_enter(&d, DER_SEQUENCE);
    struct selfsame_bytes r = der_get_uint(&in), s = der_get_uint(&in);

    der_absorb(&d, &in);
    if (!der_done(&d) || r.len > half || s.len > half)
        return false;
    pad_left(ret, half, r);
    pad_left(ret + half, half, s);
    return true;
}

/* A positive INTEGER shorter than 128 bytes. */
static size_t
put_uint(uint8_t *ret, struct selfsame_bytes v)
{
    while (v.len > 1 && v.ptr[0] == 0)
        v = BYTES(v.ptr + 1, v.len - 1);
    size_t pad = v.ptr[0] >> 7;
    ret[0] = DER_INTEGER;
    ret[1] = (uint8_t)(v.len + pad);
    ret[2] = 0;
    memcpy(ret + 2 + pad, v.ptr, v.len);
    return 2 + pad + v.len;
}

size_t
sig_ecdsa_to_der(struct selfsame_bytes rs, uint8_t ret[static ECDSA_DER_MAX])
{
    uint8_t body[ECDSA_DER_MAX];
    size_t half = rs.len / 2, head = 2;
    size_t n = put_uint(body, BYTES(rs.ptr, half));

    n += put_uint(body + n, BYTES(rs.ptr + half, half));
    ret[0] = DER_SEQUENCE;
    ret[1] = (uint8_t)n;
    if (n >= 0x80) {
        ret[1] = 0x81;
        ret[2] = (uint8_t)n;
        head = 3;
    }
    memcpy(ret + head, body, n);
    return head + n;
}

static size_t
bit_length(struct selfsame_bytes v)
{
    if (v.len == 0)
        return 0;
    size_t bits = (v.len - 1) * 8;
    for (unsigned top = v.ptr[0]; top != 0; top >>= 1)
        bits++;
    return bits;
}

/* RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER } (RFC 8017 §A.1.1). */
enum selfsame_code
rsa_key_parse(struct selfsame_bytes der, struct selfsame_bytes *ret_n,
    struct selfsame_bytes *ret_e, struct selfsame_err *e)
{
    struct der d = der_of(der);
    struct der in = der_enter(&d, DER_SEQUENCE);
    struct selfsame_bytes n = der_get_uint(&in), x = der_get_uint(&in);

    der_absorb(&d, &in);
    if (!der_done(&d) || n.len == 0 || x.len == 0)
        FAIL(e, SELFSAME_MALFORMED, "RSA public key: %s",
            d.why != NULL ? d.why : "not an RSAPublicKey");
    size_t bits = bit_length(n);
    if (bits < 2048 || bits > 8192)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "RSA public key: expected 2048 to 8192 bits, got %zu", bits);
    /* libcrypto refuses longer exponents too; real ones are 65537. */
    bool odd = (n.ptr[n.len - 1] & 1) != 0 && (x.ptr[x.len - 1] & 1) != 0;
    if (!odd || x.len > 8 || (x.len == 1 && x.ptr[0] < 3))
        FAIL(e, SELFSAME_MALFORMED,
            "RSA public key: expected an odd modulus and an odd exponent of 3 to "
            "2^64, got other");
    *ret_n = n;
    *ret_e = x;
    return SELFSAME_OK;
}
