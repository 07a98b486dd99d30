/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/token.h>

#include "api/api.h"
#include "codec/pem.h"
#include "token/token.h"

#include <stdlib.h>

enum {
    KEYS_ROOM = 1 << 20,
    RULES_ROOM = 256 << 10,
    TOKEN_ROOM = 1 << 20,
    LEEWAY_MAX = 86400,
    NONCE_MIN = 8,
    NONCE_MAX = 64,
};

/* ---- keys ---- */

struct selfsame_token_keys {
    struct arena arena;
    struct jwk list[JWKS_MAX];
    size_t count;
};

enum selfsame_code
selfsame_token_keys_new(struct selfsame_token_keys **ret, struct selfsame_err *err)
{
    struct selfsame_token_keys *k = calloc(1, sizeof(*k));

    if (k == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for keys");
    k->arena = arena_new(KEYS_ROOM);
    *ret = k;
    return SELFSAME_OK;
}

/* PEM or DER of one key. */
static enum selfsame_code
add_spki(struct selfsame_token_keys *k, struct selfsame_bytes key, struct jwks *ret,
    struct selfsame_err *err)
{
    struct selfsame_bytes der = key, rest = key;

    if (pem_looks_like(key))
        TRY(pem_next(&rest, "PUBLIC KEY", &k->arena, &der, err));
    if (der.ptr == NULL)
        FAIL(err, SELFSAME_MALFORMED, "key: expected a block PUBLIC KEY, got none");
    ret->keys = ARENA_NEW(&k->arena, struct jwk, 1);
    if (ret->keys == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for keys");
    TRY(jwk_of_spki(der, JOSE_NONE, &k->arena, &ret->keys[0], err));
    ret->keys[0].kid = NULL; /* whatever a token calls it */
    ret->count = 1;
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_token_keys_add(
    struct selfsame_token_keys *k, struct selfsame_bytes key, struct selfsame_err *err)
{
    const bool json = key.len > 0 && strchr(" \t\r\n{", key.ptr[0]) != NULL;
    struct jwks set = { 0 };

    if (json && !pem_looks_like(key))
        TRY(jwks_parse(key, &k->arena, &set, err));
    else
        TRY(add_spki(k, key, &set, err));
    if (set.count > JWKS_MAX - k->count)
        FAIL(err, SELFSAME_USAGE, "expected at most %d keys", (int)JWKS_MAX);
    memcpy(k->list + k->count, set.keys, set.count * sizeof(*set.keys));
    k->count += set.count;
    return SELFSAME_OK;
}

void
selfsame_token_keys_free(struct selfsame_token_keys *k)
{
    if (k == NULL)
        return;
    arena_free(&k->arena);
    free(k);
}

/* ---- rules ---- */

struct selfsame_token_rules {
    struct arena arena;
    struct token_rules r;
    const char *broken; /* what a setter could not take */
};

enum selfsame_code
selfsame_token_rules_new(struct selfsame_token_rules **ret, struct selfsame_err *err)
{
    struct selfsame_token_rules *r = calloc(1, sizeof(*r));

    if (r == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for rules");
    r->arena = arena_new(RULES_ROOM);
    *ret = r;
    return SELFSAME_OK;
}

void
selfsame_token_rules_free(struct selfsame_token_rules *r)
{
    if (r == NULL)
        return;
    arena_free(&r->arena);
    free(r);
}

static const char *
copy(struct selfsame_token_rules *r, const char *text)
{
    const char *out = arena_str(&r->arena, bytes_str(text));

    if (out == NULL)
        r->broken = "rules for tokens: no room for them";
    return out;
}

void
selfsame_token_rules_require_issuer(struct selfsame_token_rules *r, const char *issuer)
{
    r->r.issuer = copy(r, issuer);
}

void
selfsame_token_rules_require_audience(
    struct selfsame_token_rules *r, const char *audience)
{
    r->r.audience = copy(r, audience);
}

void
selfsame_token_rules_set_time(
    struct selfsame_token_rules *r, int64_t now_s, int64_t leeway_s)
{
    if (leeway_s < 0 || leeway_s > LEEWAY_MAX || now_s < 0 || now_s > (int64_t)1 << 53)
        r->broken = "rules for tokens: expected a leeway of at most a day";
    r->r.has_time = true;
    r->r.now_s = now_s;
    r->r.leeway_s = leeway_s;
}

void
selfsame_token_rules_require_nonce(
    struct selfsame_token_rules *r, struct selfsame_bytes nonce)
{
    if (nonce.len < NONCE_MIN || nonce.len > NONCE_MAX)
        r->broken = "rules for tokens: expected a nonce of 8 to 64 bytes";
    else if (!arena_dup(&r->arena, nonce, &r->r.nonce))
        r->broken = "rules for tokens: no room for them";
}

void
selfsame_token_rules_require_max_age(struct selfsame_token_rules *r, int64_t seconds)
{
    if (seconds <= 0 || seconds > (int64_t)1 << 40)
        r->broken = "rules for tokens: expected a maximum age above zero";
    r->r.max_age_s = seconds;
}

static void
add_rule(struct selfsame_token_rules *r, const char *pointer, const char *value,
    enum selfsame_code code)
{
    if (r->r.claim_count == TOKEN_CLAIM_RULES)
        r->broken = "rules for tokens: expected at most 32 claims";
    else if (pointer[0] != '/')
        r->broken = "rules for tokens: expected a JSON pointer such as /release_name";
    else
        r->r.claims[r->r.claim_count++] = (struct token_claim_rule){ copy(r, pointer),
            copy(r, value), code };
}

void
selfsame_token_rules_require_claim(
    struct selfsame_token_rules *r, const char *pointer, const char *value)
{
    add_rule(r, pointer, value, SELFSAME_DENIED);
}

void
selfsame_token_rules_require_release(struct selfsame_token_rules *r, const char *name)
{
    add_rule(r, "/release_name", name, SELFSAME_MISMATCH);
}

void
selfsame_token_rules_require_measurement(
    struct selfsame_token_rules *r, const char *hex)
{
    add_rule(r, "/measurement", hex, SELFSAME_MISMATCH);
}

void
selfsame_token_rules_require_key(
    struct selfsame_token_rules *r, struct selfsame_bytes spki)
{
    if (spki.len == 0)
        r->broken = "rules for tokens: expected a key";
    else if (!arena_dup(&r->arena, spki, &r->r.key))
        r->broken = "rules for tokens: no room for them";
}

void
selfsame_token_rules_accept_warning(struct selfsame_token_rules *r)
{
    r->r.warning = true;
}

void
selfsame_token_rules_insecure_any_issuer(struct selfsame_token_rules *r)
{
    r->r.any_issuer = true;
}

void
selfsame_token_rules_insecure_any_audience(struct selfsame_token_rules *r)
{
    r->r.any_audience = true;
}

void
selfsame_token_rules_insecure_any_age(struct selfsame_token_rules *r)
{
    r->r.any_age = true;
}

void
selfsame_token_rules_insecure_simulated(struct selfsame_token_rules *r)
{
    r->r.simulated = true;
}

void
selfsame_token_rules_insecure_debug(struct selfsame_token_rules *r)
{
    r->r.debug = true;
}

/* ---- tokens ---- */

struct selfsame_token {
    struct arena arena;
    struct token t;
    char key[JWK_THUMBPRINT];
};

/* A breach of the rules' own form comes first: it is the caller's, not the token's. */
static enum selfsame_code
check(struct selfsame_token *t, struct selfsame_bytes text,
    const struct selfsame_token_keys *keys, const struct selfsame_token_rules *rules,
    struct selfsame_err *err)
{
    struct jwks set = { 0 };

    if (rules->broken != NULL)
        FAIL(err, SELFSAME_USAGE, "%s", rules->broken);
    TRY(token_rules_check(&rules->r, err));
    if (!arena_dup(&t->arena, text, &text))
        FAIL(err, SELFSAME_MALFORMED, "token: %zu bytes are too many", text.len);
    set.keys = ARENA_NEW(&t->arena, struct jwk, keys->count + 1);
    if (set.keys == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for a token");
    memcpy(set.keys, keys->list, keys->count * sizeof(*set.keys));
    set.count = keys->count;
    TRY(token_open(text, &set, &t->arena, &t->t, err));
    memcpy(t->key, t->t.key->thumbprint, sizeof(t->key));
    return token_check(&t->t.ear, &rules->r, err);
}

enum selfsame_code
selfsame_token_check(struct selfsame_bytes text, const struct selfsame_token_keys *keys,
    const struct selfsame_token_rules *rules, struct selfsame_token **ret,
    struct selfsame_err *err)
{
    struct selfsame_token *t = calloc(1, sizeof(*t));

    if (t == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for a token");
    t->arena = arena_new(TOKEN_ROOM);
    enum selfsame_code code = check(t, text, keys, rules, err);
    if (code != SELFSAME_OK) {
        selfsame_token_free(t);
        return code;
    }
    *ret = t;
    return SELFSAME_OK;
}

void
selfsame_token_free(struct selfsame_token *t)
{
    if (t == NULL)
        return;
    token_free(&t->t);
    arena_free(&t->arena);
    free(t);
}

const char *
selfsame_token_status(const struct selfsame_token *t)
{
    return ear_status_word(t->t.ear.status);
}

static const char *
text_of(struct selfsame_token *t, const json_t *j)
{
    if (j == NULL || json_is_string(j))
        return json_string_value(j);
    char *text = json_compact(j);
    const char *kept = text != NULL ? arena_str(&t->arena, bytes_str(text)) : NULL;
    free(text);
    return kept;
}

const char *
selfsame_token_claim(struct selfsame_token *t, const char *pointer)
{
    return text_of(t, token_claim(t->t.ear.claims, pointer));
}

const char *
selfsame_token_json(struct selfsame_token *t)
{
    return text_of(t, t->t.ear.claims);
}

const char *
selfsame_token_key(const struct selfsame_token *t)
{
    return t->key;
}
