/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include "codec/der.h"
#include "crypto/x509.h"

#include <stdio.h>
#include <stdlib.h>

enum { RSA_MIN_BITS = 2048, RSA_MAX_BITS = 8192, JWK_TEXT = 4096 };

/* ---- algorithms ---- */

static const struct alg {
    enum jose_alg alg;
    const char *word, *kty, *crv;
    enum sig_alg sig;
    size_t half; /* of a coordinate */
} algs[] = {
    { JOSE_ES256, "ES256", "EC", "P-256", SIG_P256, 32 },
    { JOSE_ES384, "ES384", "EC", "P-384", SIG_P384, 48 },
    { JOSE_RS256, "RS256", "RSA", NULL, SIG_RSA_PKCS1, 0 },
    { JOSE_PS256, "PS256", "RSA", NULL, SIG_RSA_PSS, 0 },
    { JOSE_EDDSA, "EdDSA", "OKP", "Ed25519", SIG_ED25519, 32 },
};

static const struct alg *
alg_of(enum jose_alg a)
{
    for (size_t i = 0; i < COUNT(algs); i++)
        if (algs[i].alg == a)
            return &algs[i];
    return NULL;
}

const char *
jose_alg_word(enum jose_alg a)
{
    const struct alg *found = alg_of(a);

    return found != NULL ? found->word : "none";
}

enum jose_alg
jose_alg_of(struct selfsame_bytes word)
{
    for (size_t i = 0; i < COUNT(algs); i++)
        if (bytes_eq(bytes_str(algs[i].word), word))
            return algs[i].alg;
    return JOSE_NONE;
}

enum sig_alg
jose_sig_alg(enum jose_alg a)
{
    const struct alg *found = alg_of(a);

    return found != NULL ? found->sig : SIG_NONE;
}

/* ---- members ---- */

static char *
text64(struct arena *arena, struct selfsame_bytes b)
{
    char *out = arena_alloc(arena, 1, BASE64_SIZE(b.len));

    if (out != NULL)
        (void)base64_encode(b, true, out);
    return out;
}

static enum selfsame_code
bytes_member(const json_t *j, const char *name, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const char *text = json_string_value(json_object_get(j, name));
    const size_t len = text != NULL ? strlen(text) : 0;
    size_t got = 0;

    if (text == NULL || len == 0 || len > JWK_TEXT)
        FAIL(e, SELFSAME_MALFORMED, "JWK: expected a member \"%s\" in base64url", name);
    uint8_t *out = arena_alloc(arena, 1, len);
    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    if (!base64_decode(text, len, true, out, len, &got))
        FAIL(e, SELFSAME_MALFORMED, "JWK: \"%s\": expected base64url", name);
    *ret = BYTES(out, got);
    return SELFSAME_OK;
}

/* ---- RSA keys: the JWK's two numbers, the signature seam's DER ---- */

enum selfsame_code
rsa_members(struct selfsame_bytes der, struct selfsame_bytes *ret_n,
    struct selfsame_bytes *ret_e, struct selfsame_err *e)
{
    struct der outer = der_of(der);
    struct der d = der_enter(&outer, DER_SEQUENCE);

    *ret_n = der_get_uint(&d);
    *ret_e = der_get_uint(&d);
    der_absorb(&outer, &d);
    if (!der_done(&outer))
        FAIL(e, SELFSAME_MALFORMED, "RSA key: expected an RSAPublicKey");
    return SELFSAME_OK;
}

static void
put_der_head(struct writer *w, unsigned tag, size_t len)
{
    put_u8(w, (uint8_t)tag);
    if (len >= 0x100) {
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
    return len + (len >= 0x100 ? 4u : len >= 0x80 ? 3u : 2u);
}

static void
put_der_uint(struct writer *w, struct selfsame_bytes v)
{
    const bool sign = (v.ptr[0] & 0x80) != 0;

    put_der_head(w, DER_INTEGER, v.len + sign);
    if (sign)
        put_u8(w, 0);
    put_bytes(w, v);
}

static enum selfsame_code
read_rsa(const json_t *j, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct selfsame_bytes n, x;

    TRY(bytes_member(j, "n", arena, &n, e));
    TRY(bytes_member(j, "e", arena, &x, e));
    if (n.ptr[0] == 0 || x.ptr[0] == 0 || x.len > 8)
        FAIL(e, SELFSAME_MALFORMED, "JWK: expected numbers without leading zeros");
    if ((x.ptr[x.len - 1] & 1) == 0 || (x.len == 1 && x.ptr[0] < 3))
        FAIL(e, SELFSAME_MALFORMED, "JWK: \"e\": expected an odd number above 1");
    if (n.len * 8 < RSA_MIN_BITS || n.len * 8 > RSA_MAX_BITS || !(n.ptr[0] & 0x80))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWK: expected an RSA key of %d to %d bits, got one of about %zu",
            (int)RSA_MIN_BITS, (int)RSA_MAX_BITS, n.len * 8);
    const size_t body = der_size(n.len + 1) + der_size(x.len + (x.ptr[0] >> 7));
    uint8_t *out = arena_alloc(arena, 1, der_size(body));
    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    struct writer w = writer_of(out, der_size(body));
    put_der_head(&w, DER_SEQUENCE, body);
    put_der_uint(&w, n);
    put_der_uint(&w, x);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

/* ---- the thumbprint: the required members, in their order (RFC 7638 §3.2) ---- */

static char *
canonical(const struct jwk *k, struct arena *arena)
{
    const struct alg *a = alg_of(k->alg);
    struct selfsame_bytes n, x;
    struct selfsame_err ignored;

    if (a == NULL)
        return NULL;
    if (strcmp(a->kty, "EC") == 0)
        return arena_printf(arena,
            "{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", a->crv,
            text64(arena, BYTES(k->key.ptr, a->half)),
            text64(arena, BYTES(k->key.ptr + a->half, a->half)));
    if (strcmp(a->kty, "OKP") == 0)
        return arena_printf(arena, "{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}",
            a->crv, text64(arena, k->key));
    if (rsa_members(k->key, &n, &x, &ignored) != SELFSAME_OK)
        return NULL;
    return arena_printf(arena, "{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}",
        text64(arena, x), text64(arena, n));
}

static enum selfsame_code
set_thumbprint(struct jwk *k, struct arena *arena, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    char *text = canonical(k, arena);

    if (text == NULL || !hash_bytes(HASH_SHA256, bytes_str(text), digest))
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    (void)base64_encode(BYTES(digest, 32), true, k->thumbprint);
    return SELFSAME_OK;
}

/* ---- reading ---- */

static const struct alg *
alg_for(const char *kty, const char *crv, const char *word)
{
    for (size_t i = 0; kty != NULL && i < COUNT(algs); i++)
        if (strcmp(algs[i].kty, kty) == 0 &&
            (algs[i].crv == NULL || (crv != NULL && strcmp(algs[i].crv, crv) == 0)) &&
            (word == NULL || strcmp(algs[i].word, word) == 0))
            return &algs[i];
    return NULL;
}

static enum selfsame_code
read_key(const json_t *j, const struct alg *a, struct arena *arena, struct jwk *k,
    struct selfsame_err *e)
{
    struct selfsame_bytes x, y;

    if (strcmp(a->kty, "RSA") == 0)
        return read_rsa(j, arena, &k->key, e);
    TRY(bytes_member(j, "x", arena, &x, e));
    if (x.len != a->half)
        FAIL(e, SELFSAME_MALFORMED, "JWK: \"x\": expected %zu bytes, got %zu", a->half,
            x.len);
    k->key = x;
    if (strcmp(a->kty, "OKP") == 0)
        return SELFSAME_OK;
    TRY(bytes_member(j, "y", arena, &y, e));
    uint8_t *both = arena_alloc(arena, 2, a->half);
    if (both == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    if (y.len != a->half)
        FAIL(e, SELFSAME_MALFORMED, "JWK: \"y\": expected %zu bytes, got %zu", a->half,
            y.len);
    memcpy(both, x.ptr, a->half);
    memcpy(both + a->half, y.ptr, a->half);
    k->key = BYTES(both, 2 * a->half); /* whether it is on the curve: sig_verify */
    return SELFSAME_OK;
}

/* NULL where there is no such member. */
static enum selfsame_code
text_member(const json_t *j, const char *name, struct arena *arena, const char **ret,
    struct selfsame_err *e)
{
    const json_t *member = json_object_get(j, name);

    *ret = NULL;
    if (member == NULL)
        return SELFSAME_OK;
    if (!json_is_string(member) || json_string_length(member) > JWK_TEXT)
        FAIL(e, SELFSAME_MALFORMED, "JWK: \"%s\": expected a short string", name);
    *ret = arena_str(arena, bytes_str(json_string_value(member)));
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    return SELFSAME_OK;
}

static enum selfsame_code
read_x5c(const json_t *j, struct arena *arena, struct jwk *k, struct selfsame_err *e)
{
    const char *text = json_string_value(json_array_get(json_object_get(j, "x5c"), 0));
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out = text != NULL ? arena_alloc(arena, 1, len + 1) : NULL;
    size_t got;

    if (text == NULL)
        return SELFSAME_OK;
    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    if (!base64_decode(text, len, false, out, len + 1, &got))
        FAIL(e, SELFSAME_MALFORMED, "JWK: \"x5c\": expected base64");
    k->x5c = BYTES(out, got);
    return SELFSAME_OK;
}

enum selfsame_code
jwk_read(json_t *j, struct arena *arena, struct jwk *ret, struct selfsame_err *e)
{
    static const char *const secret[] = { "d", "p", "q", "dp", "dq", "qi", "oth", "k" };
    const char *kty = json_string_value(json_object_get(j, "kty"));
    const char *crv = json_string_value(json_object_get(j, "crv"));
    const char *word = json_string_value(json_object_get(j, "alg"));
    const struct alg *a = alg_for(kty, crv, word);
    struct jwk k = { 0 };

    for (size_t i = 0; i < COUNT(secret); i++)
        if (json_object_get(j, secret[i]) != NULL)
            FAIL(e, SELFSAME_MALFORMED,
                "JWK: expected a public key, got one with the private member \"%s\"",
                secret[i]);
    if (a == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWK: expected EC P-256 or P-384, RSA or OKP Ed25519 and an algorithm that "
            "fits, got %.20s %.20s %.20s",
            kty != NULL ? kty : "no kty", crv != NULL ? crv : "",
            word != NULL ? word : "");
    k.alg = a->alg;
    TRY(text_member(j, "kid", arena, &k.kid, e));
    TRY(text_member(j, "use", arena, &k.use, e));
    TRY(read_key(j, a, arena, &k, e));
    TRY(read_x5c(j, arena, &k, e));
    TRY(set_thumbprint(&k, arena, e));
    *ret = k;
    return SELFSAME_OK;
}

enum selfsame_code
jwk_parse(struct selfsame_bytes json, struct arena *arena, struct jwk *ret,
    struct selfsame_err *e)
{
    auto_json *j = NULL;

    TRY(json_parse(json, "JWK", &j, e));
    return jwk_read(j, arena, ret, e);
}

static bool
signs(const json_t *j)
{
    const char *use = json_string_value(json_object_get(j, "use"));

    return use == NULL || strcmp(use, "sig") == 0 || strcmp(use, "jwt-svid") == 0;
}

static enum selfsame_code
read_keys(json_t *list, struct arena *arena, struct jwks *ret, struct selfsame_err *e)
{
    json_t *j;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) > JWKS_MAX)
        FAIL(e, SELFSAME_MALFORMED, "JWKS: expected a list of at most %d keys",
            (int)JWKS_MAX);
    ret->keys = ARENA_NEW(arena, struct jwk, json_array_size(list) + 1);
    if (ret->keys == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWKS: out of memory");
    json_array_foreach(list, i, j)
    {
        if (!signs(j))
            continue;
        enum selfsame_code code = jwk_read(j, arena, &ret->keys[ret->count], e);
        if (code == SELFSAME_OK)
            ret->count++;
        else if (code != SELFSAME_UNSUPPORTED) /* another kind of key is none for us */
            return code;
    }
    return SELFSAME_OK;
}

enum selfsame_code
jwks_parse(struct selfsame_bytes json, struct arena *arena, struct jwks *ret,
    struct selfsame_err *e)
{
    struct jwks set = { 0 };
    auto_json *root = NULL;

    TRY(json_parse(json, "JWKS", &root, e));
    if (json_object_get(root, "keys") != NULL) {
        TRY(read_keys(json_object_get(root, "keys"), arena, &set, e));
    } else {
        set.keys = ARENA_NEW(arena, struct jwk, 1);
        if (set.keys == NULL)
            FAIL(e, SELFSAME_NOMEM, "JWKS: out of memory");
        TRY(jwk_read(root, arena, &set.keys[0], e));
        set.count = 1;
    }
    if (set.count == 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "JWKS: expected a key that signs, got none");
    *ret = set;
    return SELFSAME_OK;
}

/* ---- ours ---- */

enum selfsame_code
jwk_of_spki(struct selfsame_bytes spki, enum jose_alg alg, struct arena *arena,
    struct jwk *ret, struct selfsame_err *e)
{
    struct jwk k = { 0 };
    enum sig_alg sig;

    TRY(spki_parse(spki, &sig, &k.key, e));
    for (size_t i = 0; i < COUNT(algs) && k.alg == JOSE_NONE; i++) {
        const bool rsa = sig == SIG_RSA_PKCS1 || sig == SIG_RSA_PSS;
        const bool same = rsa ? strcmp(algs[i].kty, "RSA") == 0 : algs[i].sig == sig;

        if (same && (alg == JOSE_NONE || alg == algs[i].alg))
            k.alg = algs[i].alg;
    }
    if (k.alg == JOSE_NONE)
        FAIL(e, SELFSAME_USAGE, "the key does not fit the algorithm %s",
            jose_alg_word(alg));
    if (!arena_dup(arena, k.key, &k.key))
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    TRY(set_thumbprint(&k, arena, e));
    k.use = "sig";
    k.kid = arena_str(arena, bytes_str(k.thumbprint));
    if (k.kid == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWK: out of memory");
    *ret = k;
    return SELFSAME_OK;
}

enum selfsame_code
jwk_of_key(const struct key *k, enum jose_alg alg, struct arena *arena, struct jwk *ret,
    struct selfsame_err *e)
{
    struct selfsame_bytes spki;

    TRY(key_spki(k, arena, &spki, e));
    return jwk_of_spki(spki, alg, arena, ret, e);
}

/* The members in the order of the thumbprint; built, since jansson's reader may lose text. */
static json_t *
members_json(const struct jwk *k)
{
    auto_arena arena = arena_new(64 << 10);
    const struct alg *a = alg_of(k->alg);
    struct selfsame_bytes n, x;
    struct selfsame_err ignored;

    if (a == NULL)
        return NULL;
    if (strcmp(a->kty, "EC") == 0)
        return json_pack("{s:s,s:s,s:s,s:s}", "crv", a->crv, "kty", a->kty, "x",
            text64(&arena, BYTES(k->key.ptr, a->half)), "y",
            text64(&arena, BYTES(k->key.ptr + a->half, a->half)));
    if (strcmp(a->kty, "OKP") == 0)
        return json_pack(
            "{s:s,s:s,s:s}", "crv", a->crv, "kty", a->kty, "x", text64(&arena, k->key));
    if (rsa_members(k->key, &n, &x, &ignored) != SELFSAME_OK)
        return NULL;
    return json_pack(
        "{s:s,s:s,s:s}", "e", text64(&arena, x), "kty", a->kty, "n", text64(&arena, n));
}

json_t *
jwk_json(const struct jwk *k)
{
    json_t *j = members_json(k);

    if ((k->use != NULL && json_object_set_new(j, "use", json_string(k->use)) != 0) ||
        json_object_set_new(j, "alg", json_string(jose_alg_word(k->alg))) != 0 ||
        (k->kid != NULL && json_object_set_new(j, "kid", json_string(k->kid)) != 0)) {
        json_decref(j);
        return NULL;
    }
    return j;
}
