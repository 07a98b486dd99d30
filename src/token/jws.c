/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Signatures, compact (RFC 7515 §7.1), with the algorithm pinned by the key. */
#include "token/token.h"

#include <stdlib.h>

enum { TRIES_MAX = 4 };

static enum hash_alg
hash_of(enum jose_alg a)
{
    return a == JOSE_ES384 ? HASH_SHA384 : HASH_SHA256;
}

/* ---- signing ---- */

static bool
fits(const struct key *k, enum jose_alg alg)
{
    switch (key_type_of(k)) {
    case KEY_P256: return alg == JOSE_ES256;
    case KEY_P384: return alg == JOSE_ES384;
    case KEY_ED25519: return alg == JOSE_EDDSA;
    case KEY_RSA2048:
    case KEY_RSA3072:
    case KEY_RSA4096: return alg == JOSE_RS256 || alg == JOSE_PS256;
    case KEY_RSA3072_E3: break; /* signs enclaves, and nothing else */
    }
    return false;
}

enum selfsame_code
jose_sign(const struct key *k, enum jose_alg alg, const struct selfsame_bytes *part,
    size_t count, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    if (!fits(k, alg))
        FAIL(e, SELFSAME_USAGE, "the key does not sign with %s", jose_alg_word(alg));
    if (alg == JOSE_EDDSA) { /* the message itself */
        if (count != 1)
            FAIL(e, SELFSAME_USAGE, "EdDSA signs one piece");
        return key_sign(k, HASH_SHA512, part[0], arena, ret, e);
    }
    if (!hash_parts(hash_of(alg), part, count, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory to sign");
    const struct selfsame_bytes d = BYTES(digest, hash_size(hash_of(alg)));
    if (alg == JOSE_PS256)
        return key_sign_pss(k, d, arena, ret, e);
    return key_sign(k, hash_of(alg), d, arena, ret, e);
}

static enum selfsame_code
head_text(enum jose_alg alg, json_t *header, char **ret, struct selfsame_err *e)
{
    auto_json *j = json_pack("{s:s}", "alg", jose_alg_word(alg));

    if (j == NULL || (header != NULL && json_object_update(j, header) != 0))
        FAIL(e, SELFSAME_NOMEM, "no memory for a header");
    *ret = json_compact(j);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a header");
    return SELFSAME_OK;
}

enum selfsame_code
jws_sign(const struct key *k, enum jose_alg alg, json_t *header,
    struct selfsame_bytes payload, struct arena *arena, char **ret,
    struct selfsame_err *e)
{
    enum { SIGNATURE_MAX = 512 };
    struct selfsame_bytes sig;
    char *head = NULL;

    if (payload.len > JWS_MAX)
        FAIL(e, SELFSAME_USAGE, "expected at most %d bytes to sign, got %zu",
            (int)JWS_MAX, payload.len);
    TRY(head_text(alg, header, &head, e));
    const size_t head_len = strlen(head);
    char *text = arena_alloc(arena, 1,
        BASE64_SIZE(head_len) + BASE64_SIZE(payload.len) + BASE64_SIZE(SIGNATURE_MAX));
    if (text == NULL) {
        free(head);
        FAIL(e, SELFSAME_NOMEM, "no memory for a token");
    }
    size_t n = base64_encode(BYTES((const uint8_t *)head, head_len), true, text);
    free(head);
    text[n++] = '.';
    n += base64_encode(payload, true, text + n);
    const struct selfsame_bytes part = BYTES((const uint8_t *)text, n);
    TRY(jose_sign(k, alg, &part, 1, arena, &sig, e));
    if (sig.len > SIGNATURE_MAX)
        FAIL(e, SELFSAME_INTERNAL, "a signature of %zu bytes", sig.len);
    text[n++] = '.';
    (void)base64_encode(sig, true, text + n);
    *ret = text;
    return SELFSAME_OK;
}

/* ---- reading ---- */

static enum selfsame_code
decode_part(struct selfsame_bytes in, size_t max, const char *what, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    size_t got = 0;

    if (in.len == 0 || in.len > max * 4 / 3 + 4)
        FAIL(e, SELFSAME_MALFORMED, "JWS: %s: expected 1 to %zu bytes", what, max);
    uint8_t *out = arena_alloc(arena, 1, in.len);
    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "JWS: out of memory");
    if (!base64_decode((const char *)in.ptr, in.len, true, out, in.len, &got))
        FAIL(e, SELFSAME_MALFORMED, "JWS: %s: expected base64url", what);
    *ret = BYTES(out, got);
    return SELFSAME_OK;
}

static enum selfsame_code
read_header(struct jws *s, struct selfsame_err *e)
{
    static const char *const texts[] = { "kid", "typ", "cty" };
    const json_t *j;

    TRY(json_parse(s->header, "JWS header", &s->header_json, e));
    if (!json_is_object(s->header_json))
        FAIL(e, SELFSAME_MALFORMED, "JWS header: expected an object");
    if (json_object_get(s->header_json, "crit") != NULL ||
        json_object_get(s->header_json, "b64") != NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "JWS header: \"crit\" and \"b64\" are not known");
    j = json_object_get(s->header_json, "alg");
    if (!json_is_string(j))
        FAIL(e, SELFSAME_MALFORMED, "JWS header: expected \"alg\"");
    s->alg = jose_alg_of(bytes_str(json_string_value(j)));
    if (s->alg == JOSE_NONE)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWS: expected ES256, ES384, RS256, PS256 or EdDSA, got %.20s",
            json_string_value(j));
    for (size_t i = 0; i < COUNT(texts); i++) {
        j = json_object_get(s->header_json, texts[i]);
        if (j != NULL && !json_is_string(j))
            FAIL(e, SELFSAME_MALFORMED, "JWS header: \"%s\": expected a string",
                texts[i]);
    }
    s->kid = json_string_value(json_object_get(s->header_json, "kid"));
    s->typ = json_string_value(json_object_get(s->header_json, "typ"));
    s->cty = json_string_value(json_object_get(s->header_json, "cty"));
    return SELFSAME_OK;
}

static enum selfsame_code
parse(struct selfsame_bytes text, struct arena *arena, struct jws *s,
    struct selfsame_err *e)
{
    const uint8_t *first = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
    const uint8_t *end = text.ptr + text.len;
    const uint8_t *second = first != NULL
                                ? memchr(first + 1, '.', (size_t)(end - first) - 1)
                                : NULL;

    if (text.len > JWS_MAX * 2)
        FAIL(e, SELFSAME_MALFORMED, "JWS: expected at most %d bytes, got %zu",
            (int)JWS_MAX * 2, text.len);
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second) - 1) != NULL)
        FAIL(e, SELFSAME_MALFORMED, "JWS: expected three parts between dots");
    s->signed_ = BYTES(text.ptr, (size_t)(second - text.ptr));
    TRY(decode_part(BYTES(text.ptr, (size_t)(first - text.ptr)), JWS_HEADER_MAX,
        "header", arena, &s->header, e));
    TRY(decode_part(BYTES(first + 1, (size_t)(second - first) - 1), JWS_MAX, "payload",
        arena, &s->payload, e));
    TRY(decode_part(BYTES(second + 1, (size_t)(end - second) - 1), 1024, "signature",
        arena, &s->signature, e));
    return read_header(s, e);
}

enum selfsame_code
jws_parse(struct selfsame_bytes text, struct arena *arena, struct jws *ret,
    struct selfsame_err *e)
{
    auto_jws s = { .alg = JOSE_NONE };

    TRY(parse(text, arena, &s, e));
    *ret = s;
    s.header_json = NULL;
    return SELFSAME_OK;
}

void
jws_free(struct jws *s)
{
    json_free(&s->header_json);
}

/* ---- verifying ---- */

static bool
may_be(const struct jws *s, const struct jwk *k)
{
    return k->alg == s->alg &&
           (s->kid == NULL || k->kid == NULL || strcmp(s->kid, k->kid) == 0);
}

enum selfsame_code
jose_verify(enum jose_alg alg, struct selfsame_bytes key,
    const struct selfsame_bytes *part, size_t count, struct selfsame_bytes signature,
    struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct sig_check check = {
        .alg = jose_sig_alg(alg),
        .hash = hash_of(alg),
        .key = key,
        .signature = signature,
    };

    if (alg == JOSE_EDDSA && count == 1)
        check.digest = part[0];
    else if (alg == JOSE_EDDSA || !hash_parts(check.hash, part, count, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory to verify");
    else
        check.digest = BYTES(digest, hash_size(check.hash));
    enum selfsame_code code = sig_verify(&check, e);
    /* A signature of another length is no signature of this key either. */
    if (code == SELFSAME_MALFORMED)
        code = e->code = SELFSAME_BAD_SIGNATURE;
    return code;
}

enum selfsame_code
jws_verify(const struct jws *s, const struct jwks *keys, const struct jwk **ret_key,
    struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_BAD_CHAIN;
    size_t tries = 0;

    (void)err_set(e, code, __FILE__, __LINE__,
        "JWS: none of the %zu keys is %s %.60s for %s", keys->count,
        s->kid != NULL ? "the key" : "a key", s->kid != NULL ? s->kid : "",
        jose_alg_word(s->alg));
    for (size_t i = 0; i < keys->count && tries < TRIES_MAX; i++) {
        const struct jwk *k = &keys->keys[i];
        struct selfsame_err failed = { 0 };

        if (!may_be(s, k))
            continue;
        tries++;
        code = jose_verify(s->alg, k->key, &s->signed_, 1, s->signature, &failed);
        if (code == SELFSAME_OK) {
            *ret_key = k;
            *e = (struct selfsame_err){ 0 };
            return SELFSAME_OK;
        }
        *e = failed;
        if (code == SELFSAME_NOMEM)
            return code;
    }
    return code;
}
