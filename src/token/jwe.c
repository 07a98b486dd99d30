/* SPDX-License-Identifier: Apache-2.0 */
#include "token/jwe.h"

#include "codec/der.h"

static const char ecdh_es[] = "ECDH-ES+A256KW", oaep[] = "RSA-OAEP-256";

static const struct curve_name {
    enum agree_alg alg;
    const char *name;
    size_t half;
} curves[] = {
    { AGREE_P256, "P-256", 32 },
    { AGREE_P384, "P-384", 48 },
    { AGREE_P521, "P-521", 66 },
};

static const struct curve_name *
curve_of_alg(enum agree_alg alg)
{
    for (size_t i = 0; i < COUNT(curves); i++)
        if (curves[i].alg == alg)
            return &curves[i];
    return NULL;
}

/* A secret on the way to a key, gone when its scope ends. */
struct fresh_key {
    uint8_t bytes[WRAP_MAX + WRAP_EXTRA];
};
_Static_assert(AGREE_SECRET <= WRAP_MAX + WRAP_EXTRA, "room for a coordinate");
static void
fresh_wipe(struct fresh_key *k)
{
    secret_wipe(k, sizeof(*k));
}
#define auto_fresh_key __attribute__((cleanup(fresh_wipe))) struct fresh_key

/* ---- base64url in an arena ---- */

static char *
base64url(struct selfsame_bytes in, struct arena *arena)
{
    char *out = arena_alloc(arena, 1, BASE64_SIZE(in.len));

    if (out != NULL)
        (void)base64_encode(in, true, out);
    return out;
}

static enum selfsame_code
unbase64url(struct selfsame_bytes in, const char *what, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t *out = arena_alloc(arena, 1, in.len + 1);
    size_t n = 0;

    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    if (!base64_decode((const char *)in.ptr, in.len, true, out, in.len + 1, &n))
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected base64url without padding, got something else", what);
    *ret = BYTES(out, n);
    return SELFSAME_OK;
}

static struct selfsame_bytes
member_text(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);

    return json_is_string(v)
               ? BYTES((const uint8_t *)json_string_value(v), json_string_length(v))
               : BYTES_NONE;
}

static enum selfsame_code
member_bytes(const json_t *j, const char *name, const char *what, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes text = member_text(j, name);

    if (text.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a text \"%s\", got none", what, name);
    return unbase64url(text, what, arena, ret, e);
}

/* ---- a public JWK ---- */

/* X||Y into the arena. */
static enum selfsame_code
read_point(const json_t *j, const struct curve_name *c, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes x = BYTES_NONE, y = BYTES_NONE;
    uint8_t *xy = arena_alloc(arena, 1, 2 * c->half);

    if (xy == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    TRY(member_bytes(j, "x", "JWK", arena, &x, e));
    TRY(member_bytes(j, "y", "JWK", arena, &y, e));
    if (x.len != c->half || y.len != c->half)
        FAIL(e, SELFSAME_MALFORMED,
            "JWK: expected coordinates of %zu bytes for %s, got %zu and %zu", c->half,
            c->name, x.len, y.len);
    memcpy(xy, x.ptr, x.len);
    memcpy(xy + c->half, y.ptr, y.len);
    *ret = BYTES(xy, 2 * c->half);
    return SELFSAME_OK;
}

static void
put_der(struct writer *w, unsigned tag, size_t len)
{
    put_u8(w, (uint8_t)tag);
    if (len > 0xff) {
        put_u8(w, 0x82);
        put_be16(w, (uint16_t)len);
        return;
    }
    if (len >= 0x80)
        put_u8(w, 0x81);
    put_u8(w, (uint8_t)len);
}

static size_t
der_size(size_t len)
{
    struct writer w = writer_of(NULL, 0);

    put_der(&w, 0, len);
    return w.need + len;
}

/* RSAPublicKey of two numbers without leading zeros; a high bit needs one before it. */
static enum selfsame_code
read_rsa(const json_t *j, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct selfsame_bytes number[2] = { { 0 } };
    static const char *const names[] = { "n", "e" };
    size_t size[2], inner = 0;

    for (size_t i = 0; i < 2; i++) {
        TRY(member_bytes(j, names[i], "JWK", arena, &number[i], e));
        if (number[i].len == 0 || number[i].len > 1024 || number[i].ptr[0] == 0)
            FAIL(e, SELFSAME_MALFORMED,
                "JWK: expected 1 to 1024 bytes without leading zeros for \"%s\"",
                names[i]);
        size[i] = number[i].len + (number[i].ptr[0] >= 0x80);
        inner += der_size(size[i]);
    }
    uint8_t *buf = arena_alloc(arena, 1, der_size(inner));
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    struct writer w = writer_of(buf, der_size(inner));
    put_der(&w, DER_SEQUENCE, inner);
    for (size_t i = 0; i < 2; i++) {
        put_der(&w, DER_INTEGER, size[i]);
        put_zeros(&w, size[i] - number[i].len);
        put_bytes(&w, number[i]);
    }
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

/* "alg" may be missing: the type has one here. */
static enum selfsame_code
check_alg(const json_t *j, const char *want, struct selfsame_err *e)
{
    struct selfsame_bytes alg = member_text(j, "alg");

    if (json_object_get(j, "alg") != NULL && !bytes_eq(alg, bytes_str(want)))
        FAIL(e, SELFSAME_UNSUPPORTED, "JWK: expected the algorithm %s, got \"%.*s\"",
            want, (int)text_cut(alg, 40), alg.len > 0 ? (const char *)alg.ptr : "");
    return SELFSAME_OK;
}

enum selfsame_code
jwe_to_jwk(const json_t *jwk, struct arena *arena, struct envelope_to *ret,
    struct selfsame_err *e)
{
    static const char *const private_[] = { "d", "p", "q", "dp", "dq", "qi", "oth",
        "k" };
    struct selfsame_bytes kty = member_text(jwk, "kty"), crv = member_text(jwk, "crv");
    struct envelope_to to = { .kind = ENVELOPE_NONE };

    if (!json_is_object(jwk))
        FAIL(e, SELFSAME_MALFORMED, "JWK: expected an object, got something else");
    for (size_t i = 0; i < COUNT(private_); i++)
        if (json_object_get(jwk, private_[i]) != NULL)
            FAIL(e, SELFSAME_MALFORMED,
                "JWK: expected a public key, got one with the private member \"%s\"",
                private_[i]);
    if (bytes_eq(kty, BYTES_LIT("RSA"))) {
        TRY(check_alg(jwk, oaep, e));
        to.kind = ENVELOPE_RSA;
        TRY(read_rsa(jwk, arena, &to.key, e));
    }
    for (size_t i = 0; bytes_eq(kty, BYTES_LIT("EC")) && i < COUNT(curves); i++) {
        if (!bytes_eq(crv, bytes_str(curves[i].name)))
            continue;
        TRY(check_alg(jwk, ecdh_es, e));
        to.kind = ENVELOPE_EC;
        to.alg = curves[i].alg;
        TRY(read_point(jwk, &curves[i], arena, &to.key, e));
    }
    if (to.kind == ENVELOPE_NONE)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWK: expected \"kty\" EC with P-256, P-384 or P-521, or RSA, got another");
    *ret = to;
    return SELFSAME_OK;
}

/* ---- keys of the text, wrapped and unwrapped ---- */

enum { CEK = 32, WRAPPED = CEK + WRAP_EXTRA };

/* RFC 7518 §4.6.2: the algorithm's name in full, no party told. */
static enum selfsame_code
kek_of(const struct agree_key *own, struct selfsame_bytes peer, struct fresh_key *ret,
    struct selfsame_err *e)
{
    auto_fresh_key z = { { 0 } };
    size_t len = 0;

    TRY_WHILE(e, agree_secret(own, peer, z.bytes, &len, e), "JWE");
    if (!concat_kdf(BYTES(z.bytes, len), bytes_str(ecdh_es), BYTES_NONE, BYTES_NONE,
            ret->bytes, 32))
        FAIL(e, SELFSAME_NOMEM, "JWE: out of memory");
    return SELFSAME_OK;
}

/* The protected header and the encrypted key. */
struct head {
    char *json;
    struct selfsame_bytes key;
};

static enum selfsame_code
head_ec(const struct envelope_to *to, const struct fresh_key *cek, struct arena *arena,
    struct head *ret, struct selfsame_err *e)
{
    const struct curve_name *c = curve_of_alg(to->alg);
    auto_agree_key *own = NULL;
    auto_fresh_key kek = { { 0 } };
    uint8_t *wrapped = arena_alloc(arena, 1, WRAPPED);

    TRY_WHILE(e, agree_generate(to->alg, &own, e), "JWE");
    TRY(kek_of(own, to->key, &kek, e));
    struct selfsame_bytes xy = agree_public(own);
    char *x = base64url(BYTES(xy.ptr, c->half), arena);
    char *y = base64url(BYTES(xy.ptr + c->half, c->half), arena);
    if (wrapped == NULL || x == NULL || y == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWE: out of memory");
    TRY_WHILE(e, key_wrap(kek.bytes, BYTES(cek->bytes, CEK), wrapped, e), "JWE");
    ret->json = arena_printf(arena,
        "{\"alg\":\"%s\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"%s\",\"kty\":\"EC\","
        "\"x\":\"%s\",\"y\":\"%s\"}}",
        ecdh_es, c->name, x, y);
    ret->key = BYTES(wrapped, WRAPPED);
    return SELFSAME_OK;
}

static enum selfsame_code
head_rsa(const struct envelope_to *to, const struct fresh_key *cek, struct arena *arena,
    struct head *ret, struct selfsame_err *e)
{
    uint8_t sealed[OAEP_MAX];
    size_t len = 0;

    TRY_WHILE(e, oaep_seal(to->key, BYTES(cek->bytes, CEK), sealed, &len, e), "JWE");
    ret->json = arena_printf(arena, "{\"alg\":\"%s\",\"enc\":\"A256GCM\"}", oaep);
    if (!arena_dup(arena, BYTES(sealed, len), &ret->key))
        FAIL(e, SELFSAME_NOMEM, "JWE: out of memory");
    return SELFSAME_OK;
}

enum selfsame_code
jwe_seal(const struct envelope_to *to, struct selfsame_bytes plain, struct arena *arena,
    char **ret, struct selfsame_err *e)
{
    auto_fresh_key cek = { { 0 } };
    struct head head = { .json = NULL };
    uint8_t iv[AEAD_NONCE];

    if (plain.len > JWE_PLAIN_MAX)
        FAIL(e, SELFSAME_USAGE, "JWE: a text of %zu bytes is too long", plain.len);
    if (to->kind != ENVELOPE_RSA &&
        (to->kind != ENVELOPE_EC || curve_of_alg(to->alg) == NULL))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWE: expected a key of P-256, P-384, P-521 or RSA, got another");
    if (!rng_bytes(cek.bytes, CEK) || !rng_bytes(iv, sizeof(iv)))
        FAIL(e, SELFSAME_INTERNAL, "JWE: no random bytes");
    TRY(to->kind == ENVELOPE_RSA ? head_rsa(to, &cek, arena, &head, e)
                                 : head_ec(to, &cek, arena, &head, e));
    uint8_t *text = arena_alloc(arena, 1, plain.len + AEAD_TAG);
    char *aad = head.json != NULL ? base64url(bytes_str(head.json), arena) : NULL;
    if (text == NULL || aad == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWE: out of memory");
    const struct aead a = { BYTES(cek.bytes, CEK), BYTES_ARR(iv), bytes_str(aad) };
    TRY_WHILE(e, aead_seal(&a, plain, text, e), "JWE");
    char *key = base64url(head.key, arena), *nonce = base64url(BYTES_ARR(iv), arena);
    char *ct = base64url(BYTES(text, plain.len), arena);
    char *tag = base64url(BYTES(text + plain.len, AEAD_TAG), arena);
    *ret = key == NULL || nonce == NULL || ct == NULL || tag == NULL
               ? NULL
               : arena_printf(arena,
                     "{\"protected\":\"%s\",\"encrypted_key\":\"%s\",\"iv\":\"%s\","
                     "\"ciphertext\":\"%s\",\"tag\":\"%s\"}",
                     aad, key, nonce, ct, tag);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWE: out of memory");
    return SELFSAME_OK;
}

/* ---- reading ---- */

enum { PART_HEADER, PART_KEY, PART_IV, PART_TEXT, PART_TAG, PARTS };
static const char *const part_names[PARTS] = { "protected", "encrypted_key", "iv",
    "ciphertext", "tag" };
struct parts {
    struct selfsame_bytes text[PARTS]; /* base64url */
    struct selfsame_bytes bytes[PARTS];
};

/* Five parts between dots (RFC 7516 §7.1). */
static bool
split_compact(struct selfsame_bytes in, struct parts *ret)
{
    size_t at = 0, from = 0;

    for (size_t i = 0; i <= in.len; i++) {
        if (i < in.len && in.ptr[i] != '.')
            continue;
        if (at == PARTS)
            return false;
        ret->text[at++] = BYTES(in.ptr + from, i - from);
        from = i + 1;
    }
    return at == PARTS;
}

/* Copies, for the JSON goes. No member but the five: "header" and "aad" change meanings. */
static enum selfsame_code
split_json(struct selfsame_bytes in, struct arena *arena, struct parts *ret,
    struct selfsame_err *e)
{
    auto_json *j = NULL;

    TRY(json_parse(in, "JWE", &j, e));
    if (json_object_size(j) != PARTS)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWE: expected a flattened one with \"protected\", \"encrypted_key\", "
            "\"iv\", \"ciphertext\" and \"tag\" alone");
    for (size_t i = 0; i < PARTS; i++) {
        struct selfsame_bytes text = member_text(j, part_names[i]);

        if (text.ptr == NULL)
            FAIL(e, SELFSAME_MALFORMED, "JWE: expected a text \"%s\", got none",
                part_names[i]);
        if (!arena_dup(arena, text, &ret->text[i]))
            FAIL(e, SELFSAME_NOMEM, "JWE: out of memory");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
split(struct selfsame_bytes in, struct arena *arena, struct parts *ret,
    struct selfsame_err *e)
{
    if (in.len > JWE_MAX)
        FAIL(e, SELFSAME_MALFORMED, "JWE: %zu bytes are too many", in.len);
    if (in.len > 0 && in.ptr[0] == '{')
        TRY(split_json(in, arena, ret, e));
    else if (!split_compact(in, ret))
        FAIL(e, SELFSAME_MALFORMED, "JWE: expected five parts between dots, or JSON");
    for (size_t i = 0; i < PARTS; i++)
        TRY_WHILE(e, unbase64url(ret->text[i], part_names[i], arena, &ret->bytes[i], e),
            "JWE");
    if (ret->bytes[PART_IV].len != AEAD_NONCE || ret->bytes[PART_TAG].len != AEAD_TAG)
        FAIL(e, SELFSAME_MALFORMED,
            "JWE: expected an IV of 12 bytes and a tag of 16, got %zu and %zu",
            ret->bytes[PART_IV].len, ret->bytes[PART_TAG].len);
    return SELFSAME_OK;
}

/* What this reader does not act on, it does not let pass. */
static enum selfsame_code
check_header(const json_t *h, const char *alg, struct selfsame_err *e)
{
    static const char *const known[] = { "alg", "enc", "epk", "kid", "typ", "cty" };
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)h, name, v)
    {
        bool found = false;

        for (size_t i = 0; i < COUNT(known); i++)
            found = found || strcmp(known[i], name) == 0;
        if (!found)
            FAIL(e, SELFSAME_UNSUPPORTED, "JWE: the header has \"%.40s\"", name);
    }
    if (!bytes_eq(member_text(h, "alg"), bytes_str(alg)) ||
        !bytes_eq(member_text(h, "enc"), BYTES_LIT("A256GCM")))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWE: expected %s and A256GCM, which this key opens, got others", alg);
    return SELFSAME_OK;
}

static enum selfsame_code
open_key_ec(const struct agree_key *own, const json_t *h, struct selfsame_bytes key,
    struct arena *arena, struct fresh_key *ret, struct selfsame_err *e)
{
    const struct curve_name *c = curve_of_alg(agree_alg_of(own));
    const json_t *epk = json_object_get(h, "epk");
    struct selfsame_bytes xy = BYTES_NONE;
    auto_fresh_key kek = { { 0 } };

    if (c == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "JWE: X25519 keys open HPKE");
    if (!bytes_eq(member_text(epk, "kty"), BYTES_LIT("EC")) ||
        !bytes_eq(member_text(epk, "crv"), bytes_str(c->name)))
        FAIL(e, SELFSAME_UNSUPPORTED, "JWE: expected an \"epk\" of %s, got another",
            c->name);
    TRY_WHILE(e, read_point(epk, c, arena, &xy, e), "JWE: epk");
    if (key.len != WRAPPED)
        FAIL(e, SELFSAME_MALFORMED, "JWE: expected a wrapped key of 40 bytes, got %zu",
            key.len);
    TRY(kek_of(own, xy, &kek, e));
    TRY_WHILE(e, key_unwrap(kek.bytes, key, ret->bytes, e), "JWE");
    return SELFSAME_OK;
}

static enum selfsame_code
open_key_rsa(struct selfsame_bytes pem, struct selfsame_bytes key,
    struct fresh_key *ret, struct selfsame_err *e)
{
    uint8_t out[OAEP_MAX];
    size_t len = 0;

    TRY_WHILE(e, oaep_open(pem, key, out, &len, e), "JWE");
    if (len == CEK)
        memcpy(ret->bytes, out, CEK);
    secret_wipe(out, sizeof(out));
    if (len != CEK)
        FAIL(
            e, SELFSAME_BAD_SIGNATURE, "JWE: expected a key of 32 bytes, got %zu", len);
    return SELFSAME_OK;
}

enum selfsame_code
jwe_open(const struct jwe_key *k, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_fresh_key cek = { { 0 } };
    auto_json *header = NULL;
    struct parts p = { .text = { { 0 } } };

    TRY(split(in, arena, &p, e));
    TRY_WHILE(e, json_parse(p.bytes[PART_HEADER], "header", &header, e), "JWE");
    TRY(check_header(header, k->agree != NULL ? ecdh_es : oaep, e));
    TRY(k->agree != NULL
            ? open_key_ec(k->agree, header, p.bytes[PART_KEY], arena, &cek, e)
            : open_key_rsa(k->rsa_pem, p.bytes[PART_KEY], &cek, e));
    struct selfsame_bytes text = p.bytes[PART_TEXT];
    uint8_t *sealed = arena_alloc(arena, 1, text.len + AEAD_TAG);
    uint8_t *plain = arena_alloc(arena, 1, text.len + 1);
    if (sealed == NULL || plain == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWE: out of memory");
    struct writer w = writer_of(sealed, text.len + AEAD_TAG);
    put_bytes(&w, text);
    put_bytes(&w, p.bytes[PART_TAG]);
    const struct aead a = { BYTES(cek.bytes, CEK), p.bytes[PART_IV],
        p.text[PART_HEADER] };
    TRY_WHILE(e, aead_open(&a, writer_bytes(&w), plain, e), "JWE");
    *ret = BYTES(plain, text.len);
    return SELFSAME_OK;
}
