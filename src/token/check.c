/* SPDX-License-Identifier: Apache-2.0 */
/* What a relying party demands of a token: nothing that is not asked for is taken. */
#include "token/token.h"

#include <stdio.h>

/* ---- opening ---- */

void
token_free(struct token *t)
{
    ear_free(&t->ear);
    jws_free(&t->jws);
}

static enum selfsame_code
parse(struct selfsame_bytes text, struct arena *arena, struct token *t,
    struct selfsame_err *e)
{
    if (text.len > TOKEN_MAX)
        FAIL(e, SELFSAME_MALFORMED, "token: expected at most %d bytes, got %zu",
            (int)TOKEN_MAX, text.len);
    t->cwt = cwt_recognise(text);
    return t->cwt ? cwt_parse(text, arena, &t->jws, e)
                  : jws_parse(text, arena, &t->jws, e);
}

static enum selfsame_code
claims_of(const struct token *t, json_t **ret, struct selfsame_err *e)
{
    if (t->cwt)
        return cwt_claims_read(t->jws.payload, ret, e);
    TRY(json_parse(t->jws.payload, "claims", ret, e));
    if (json_is_object(*ret))
        return SELFSAME_OK;
    json_free(ret);
    FAIL(e, SELFSAME_MALFORMED, "claims: expected an object");
}

/* Tokens made for something else name it (RFC 8725 §3.11); none is taken for a result. */
static enum selfsame_code
check_type(const char *typ, struct selfsame_err *e)
{
    static const char *const ours[] = { "jwt", "eat+jwt", "eat+cwt", "cwt" };
    char word[32] = "";

    if (typ == NULL)
        return SELFSAME_OK;
    if (strncmp(typ, "application/", 12) == 0)
        typ += 12;
    for (size_t i = 0; typ[i] != '\0' && typ[i] != ';' && i < sizeof(word) - 1; i++)
        word[i] = (char)(typ[i] >= 'A' && typ[i] <= 'Z' ? typ[i] + ('a' - 'A')
                                                        : typ[i]);
    for (size_t i = 0; i < COUNT(ours); i++)
        if (strcmp(word, ours[i]) == 0)
            return SELFSAME_OK;
    FAIL(e, SELFSAME_UNSUPPORTED, "token: expected typ JWT, got %.40s", typ);
}

enum selfsame_code
token_open(struct selfsame_bytes text, const struct jwks *keys, struct arena *arena,
    struct token *ret, struct selfsame_err *e)
{
    auto_token t = { 0 };
    auto_json *claims = NULL;

    TRY(parse(text, arena, &t, e));
    TRY(jws_verify(&t.jws, keys, &t.key, e));
    TRY(check_type(t.jws.typ, e));
    TRY(claims_of(&t, &claims, e));
    TRY(ear_read(claims, arena, &t.ear, e));
    *ret = t;
    t = (struct token){ 0 };
    return SELFSAME_OK;
}

enum selfsame_code
token_decode(struct selfsame_bytes text, struct arena *arena, json_t **ret,
    struct selfsame_err *e)
{
    auto_token t = { 0 };
    json_t *claims = NULL;

    TRY(parse(text, arena, &t, e));
    TRY(claims_of(&t, &claims, e));
    json_t *header = t.cwt ? json_pack("{s:s,s:s*}", "alg", jose_alg_word(t.jws.alg),
                                 "kid", t.jws.kid)
                           : json_incref(t.jws.header_json);
    *ret = json_pack("{s:s,s:o,s:o}", "form", t.cwt ? "CWT" : "JWT", "header", header,
        "claims", claims);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a token");
    return SELFSAME_OK;
}

/* ---- one member, by its pointer ---- */

static const json_t *
step(const json_t *at, const char *name)
{
    uint64_t i;

    if (json_is_array(at))
        return uint_parse(name, strlen(name), SIZE_MAX, &i)
                   ? json_array_get(at, (size_t)i)
                   : NULL;
    return json_object_get(at, name);
}

const json_t *
token_claim(const json_t *claims, const char *pointer)
{
    enum { NAME_MAX_ = 128 };
    const json_t *at = claims;

    while (at != NULL && *pointer == '/') {
        char name[NAME_MAX_];
        size_t n = 0;

        for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
            char c = *pointer;

            if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                c = *++pointer == '0' ? '~' : '/';
            if (n == sizeof(name) - 1)
                return NULL;
            name[n++] = c;
        }
        name[n] = '\0';
        at = step(at, name);
    }
    return *pointer == '\0' ? at : NULL;
}

/* ---- rules ---- */

enum selfsame_code
token_rules_check(const struct token_rules *r, struct selfsame_err *e)
{
    static const char remedy[] = "Say what is expected, or by its insecure name that "
                                 "anything will do.";
    const char *missing = NULL;

    if (r->issuer == NULL && !r->any_issuer)
        missing = "an issuer";
    else if (r->audience == NULL && !r->any_audience)
        missing = "an audience";
    else if (!r->has_time)
        missing = "the time";
    else if (r->nonce.len == 0 && r->max_age_s == 0 && !r->any_age)
        missing = "a nonce or a maximum age";
    if (missing == NULL)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "rules for tokens: expected %s, got none", missing);
    err_remedy(e, remedy);
    return SELFSAME_USAGE;
}

static bool
audience_fits(const json_t *aud, const char *expected)
{
    const json_t *one;
    size_t i;

    if (json_is_string(aud))
        return strcmp(json_string_value(aud), expected) == 0;
    json_array_foreach((json_t *)(uintptr_t)aud, i,
        one) if (json_is_string(one) &&
                 strcmp(json_string_value(one), expected) == 0) return true;
    return false;
}

static enum selfsame_code
check_parties(const struct ear *t, const struct token_rules *r, struct selfsame_err *e)
{
    const json_t *aud = json_object_get(t->claims, "aud");

    if (!r->any_issuer && (t->issuer == NULL || strcmp(t->issuer, r->issuer) != 0))
        FAIL(e, SELFSAME_DENIED, "issuer: expected %.60s, got %.60s", r->issuer,
            t->issuer != NULL ? t->issuer : "none");
    if (!r->any_audience && !audience_fits(aud, r->audience))
        FAIL(e, SELFSAME_UNBOUND, "audience: expected %.60s, got %.60s", r->audience,
            json_is_string(aud)  ? json_string_value(aud)
            : json_is_array(aud) ? "others"
                                 : "none");
    return SELFSAME_OK;
}

static enum selfsame_code
check_time(const struct ear *t, const struct token_rules *r, struct selfsame_err *e)
{
    const int64_t now = r->now_s, leeway = r->leeway_s;

    if (t->has_expiry && t->expires_s <= now - leeway)
        FAIL(e, SELFSAME_STALE, "expired %lld s ago", (long long)(now - t->expires_s));
    if (t->has_not_before && t->not_before_s > now + leeway)
        FAIL(e, SELFSAME_STALE, "not valid for another %lld s",
            (long long)(t->not_before_s - now));
    if (t->issued_s > now + leeway)
        FAIL(e, SELFSAME_STALE, "issued %lld s in the future",
            (long long)(t->issued_s - now));
    if (r->max_age_s > 0 && now - t->issued_s > r->max_age_s + leeway)
        FAIL(e, SELFSAME_STALE, "age: expected at most %lld s, got %lld s",
            (long long)r->max_age_s, (long long)(now - t->issued_s));
    return SELFSAME_OK;
}

/* The bytes themselves where the verifier echoes text, else their base64url (RFC 9711). */
static bool
nonce_is(const json_t *j, struct selfsame_bytes expected)
{
    enum { LONGEST = 128 };
    char text[BASE64_SIZE(LONGEST)];
    const char *got = json_string_value(j);

    if (got == NULL || expected.len > LONGEST)
        return false;
    (void)base64_encode(expected, true, text);
    return bytes_eq(bytes_str(got), bytes_str(text)) ||
           bytes_eq(bytes_str(got), expected);
}

static enum selfsame_code
check_nonce(const struct ear *t, const struct token_rules *r, struct selfsame_err *e)
{
    const json_t *j = json_object_get(t->claims, "eat_nonce"), *one;
    bool found = nonce_is(j, r->nonce);
    size_t i;

    if (r->nonce.len == 0)
        return SELFSAME_OK;
    json_array_foreach((json_t *)(uintptr_t)j, i, one)
        found = found || nonce_is(one, r->nonce);
    if (!found)
        FAIL(e, SELFSAME_STALE, "eat_nonce: the token answers %s",
            j != NULL ? "another nonce: it may be a replay" : "no nonce");
    return SELFSAME_OK;
}

/* Only absence and false deny it: 1, "true" and null are no such answer. */
static bool
may_be_true(const json_t *claims, const char *name)
{
    const json_t *j = json_object_get(claims, name);

    return j != NULL && !json_is_false(j);
}

static enum selfsame_code
check_status(const struct ear *t, const struct token_rules *r, struct selfsame_err *e)
{
    if (!r->simulated && may_be_true(t->claims, "simulated"))
        FAIL(e, SELFSAME_DENIED,
            "simulated evidence proves nothing about hardware and is refused");
    if (!r->debug && may_be_true(t->claims, "debug"))
        FAIL(e, SELFSAME_DEBUG,
            "debug mode: the operator can read and change everything inside");
    if (t->status == EAR_AFFIRMING || (r->warning && t->status == EAR_WARNING))
        return SELFSAME_OK;
    FAIL(e, SELFSAME_DENIED, "status: expected affirming%s, got %s",
        r->warning ? " or warning" : "", ear_status_word(t->status));
}

/* ---- the key ---- */

/* Each place that names a key must name this one, and one must. */
struct key_places {
    bool any, all;
};

static void
compare(struct key_places *p, bool same)
{
    p->all = (!p->any || p->all) && same;
    p->any = true;
}

static enum selfsame_code
compare_cnf(const json_t *claims, struct selfsame_bytes spki, struct arena *arena,
    struct key_places *p, struct selfsame_err *e)
{
    json_t *cnf = json_object_get(claims, "cnf"), *jwk = json_object_get(cnf, "jwk");
    const json_t *jkt = json_object_get(cnf, "jkt");
    struct selfsame_err ignored = { 0 };
    struct jwk expected, got;

    if (cnf == NULL)
        return SELFSAME_OK;
    enum selfsame_code code = jwk_of_spki(spki, JOSE_NONE, arena, &expected, &ignored);
    if (code == SELFSAME_OK && jwk != NULL)
        code = jwk_read(jwk, arena, &got, &ignored);
    if (code == SELFSAME_NOMEM) {
        *e = ignored;
        return code;
    }
    const char *print = json_string_value(jkt);
    if (jwk != NULL || jkt == NULL)
        compare(p, code == SELFSAME_OK && jwk != NULL &&
                       strcmp(got.thumbprint, expected.thumbprint) == 0);
    if (jkt != NULL)
        compare(p, code == SELFSAME_OK && print != NULL &&
                       strcmp(print, expected.thumbprint) == 0);
    return SELFSAME_OK;
}

static bool
attests(const char *akpub, struct selfsame_bytes spki, struct arena *arena)
{
    const size_t len = strlen(akpub);
    uint8_t *out = arena_alloc(arena, 1, len + 1);
    size_t got;

    return out != NULL &&
           (base64_decode(akpub, len, true, out, len, &got) ||
               base64_decode(akpub, len, false, out, len, &got)) &&
           bytes_eq(BYTES(out, got), spki);
}

static enum selfsame_code
check_key(const struct ear *t, const struct token_rules *r, struct selfsame_err *e)
{
    auto_arena arena = arena_new(256 << 10);
    const json_t *hash = json_object_get(t->claims, "key_sha256");
    struct key_places p = { 0 };
    uint8_t digest[HASH_MAX];
    char text[2 * 32 + 1];

    if (r->key.len == 0)
        return SELFSAME_OK;
    TRY(compare_cnf(t->claims, r->key, &arena, &p, e));
    if (!hash_bytes(HASH_SHA256, r->key, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for a hash");
    hex_encode(BYTES(digest, 32), text);
    if (hash != NULL)
        compare(&p, json_is_string(hash) && strcmp(json_string_value(hash), text) == 0);
    for (size_t i = 0; i < t->submod_count; i++)
        if (t->submods[i].key != NULL)
            compare(&p, attests(t->submods[i].key, r->key, &arena));
    if (!p.any)
        FAIL(e, SELFSAME_UNBOUND, "the token names no key, expected one");
    if (!p.all)
        FAIL(e, SELFSAME_UNBOUND, "the token is about another key");
    return SELFSAME_OK;
}

/* ---- further claims ---- */

static bool
claim_is(const json_t *j, const char *expected)
{
    char number[32];

    if (json_is_integer(j)) {
        (void)snprintf(
            number, sizeof(number), "%lld", (long long)json_integer_value(j));
        return strcmp(number, expected) == 0;
    }
    if (json_is_boolean(j))
        return strcmp(json_is_true(j) ? "true" : "false", expected) == 0;
    return json_is_string(j) && json_string_length(j) == strlen(expected) &&
           strcmp(json_string_value(j), expected) == 0;
}

static enum selfsame_code
check_claims(const struct ear *t, const struct token_rules *r, struct selfsame_err *e)
{
    for (size_t i = 0; i < r->claim_count; i++) {
        const struct token_claim_rule *c = &r->claims[i];
        const json_t *got = token_claim(t->claims, c->pointer);

        if (!claim_is(got, c->value))
            FAIL(e, c->code, "%.40s: expected %.50s, got %.50s", c->pointer, c->value,
                got == NULL           ? "none"
                : json_is_string(got) ? json_string_value(got)
                                      : "another value");
    }
    return SELFSAME_OK;
}

enum selfsame_code
token_check(const struct ear *t, const struct token_rules *r, struct selfsame_err *e)
{
    TRY(token_rules_check(r, e));
    TRY(check_parties(t, r, e));
    TRY(check_time(t, r, e));
    TRY(check_nonce(t, r, e));
    TRY(check_status(t, r, e));
    TRY(check_key(t, r, e));
    return check_claims(t, r, e);
}
