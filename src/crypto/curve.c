/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/internal.h"

/* SP 800-186 §3.2.1.3 to §3.2.1.5: field p and order n of each curve. */
#define FF8 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
static const uint8_t p256_p[] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
    0xff, FF8 };
static const uint8_t p256_n[] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, FF8,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
    0x25, 0x51 };
static const uint8_t p384_p[] = { FF8, FF8, FF8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xff, 0xff, 0xff, 0xff };
static const uint8_t p384_n[] = { FF8, FF8, FF8, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37,
    0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a,
    0xcc, 0xc5, 0x29, 0x73 };
static const uint8_t p521_p[] = { 0x01, 0xff, FF8, FF8, FF8, FF8, FF8, FF8, FF8, FF8 };
static const uint8_t p521_n[] = { 0x01, FF8, FF8, FF8, FF8, 0xfa, 0x51, 0x86, 0x87,
    0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b,
    0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64,
    0x09 };

static const struct curve curves[] = {
    { SIG_P256, "P-256", 32, { p256_p, sizeof(p256_p) }, { p256_n, sizeof(p256_n) } },
    { SIG_P384, "P-384", 48, { p384_p, sizeof(p384_p) }, { p384_n, sizeof(p384_n) } },
    { SIG_P521, "P-521", 66, { p521_p, sizeof(p521_p) }, { p521_n, sizeof(p521_n) } },
};

const struct curve *
curve_of(enum sig_alg alg)
{
    for (size_t i = 0; i < COUNT(curves); i++)
        if (curves[i].alg == alg)
            return &curves[i];
    return NULL;
}

/* Both big-endian and as long as the limit. */
static bool
below(const uint8_t *v, struct selfsame_bytes limit)
{
    return bytes_cmp(BYTES(v, limit.len), limit) < 0;
}

static bool
in_order(const uint8_t *v, const struct curve *c)
{
    return below(v, c->n) && !bytes_is_zero(BYTES(v, c->size));
}

static enum selfsame_code
check_digest(const struct sig_check *check, struct selfsame_err *e)
{
    size_t want = hash_size(check->hash), got = check->digest.len;

    if (want == 0 && (got == 32 || got == 48 || got == 64))
        return SELFSAME_OK;
    if (want == 0 || want != got)
        FAIL(e, SELFSAME_MALFORMED, "digest to verify: expected %zu bytes, got %zu",
            want, got);
    return SELFSAME_OK;
}

enum selfsame_code
curve_check(
    const struct curve *c, const struct sig_check *check, struct selfsame_err *e)
{
    size_t size = c->size;

    TRY(check_digest(check, e));
    if (check->key.len != 2 * size)
        FAIL(e, SELFSAME_MALFORMED, "%s public key: expected %zu bytes (X||Y), got %zu",
            c->name, 2 * size, check->key.len);
    if (check->signature.len != 2 * size)
        FAIL(e, SELFSAME_MALFORMED, "%s signature: expected %zu bytes (r||s), got %zu",
            c->name, 2 * size, check->signature.len);
    if (!below(check->key.ptr, c->p) || !below(check->key.ptr + size, c->p))
        FAIL(e, SELFSAME_MALFORMED,
            "%s public key: expected coordinates below the field prime, got more",
            c->name);
    if (!in_order(check->signature.ptr, c) || !in_order(check->signature.ptr + size, c))
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "%s signature: expected 0 < r, s < n, got one out of range", c->name);
    return SELFSAME_OK;
}
