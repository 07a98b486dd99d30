/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/kbs_session.h"

#include "token/kbs.h"

#include <inttypes.h>
#include <stdlib.h>

#define COOKIE "kbs-session-id"
enum { MAC = 32, STATE_MAX = 6 << 10 };

/* A key of its own, so that no MAC of ours stands for another thing. */
static MUST bool
mac(const struct call *c, struct selfsame_bytes text, uint8_t ret[static HASH_MAX])
{
    const struct selfsame_bytes label = BYTES_LIT("selfsame kbs session key v1");
    uint8_t key[HASH_MAX];
    bool ok = hmac_parts(
                  HASH_SHA256, BYTES(service_secrets_key(c->s), 32), &label, 1, key) &&
              hmac_parts(HASH_SHA256, BYTES(key, 32), &text, 1, ret);

    secret_wipe(key, sizeof(key));
    return ok;
}

static const char *
url_text(struct call *c, struct selfsame_bytes b)
{
    char *text = arena_alloc(&c->arena, 1, BASE64_SIZE(b.len));

    if (text != NULL)
        (void)base64_encode(b, true, text);
    return text;
}

/* Where the issuer is https, no client sends it in the clear. */
enum selfsame_code
kbs_cookie_make(struct call *c, json_t *state, int64_t life_s, struct kbs_cookie *ret,
    struct selfsame_err *e)
{
    const bool secure = strncmp(verifier_issuer(c->s), "https:", 6) == 0;
    uint8_t tag[HASH_MAX];
    char *json = NULL;

    if (state != NULL &&
        json_object_set_new(state, "exp", json_integer(c->now_ms / 1000 + life_s)) == 0)
        json = json_compact(state);
    const char *text = json != NULL ? url_text(c, bytes_str(json)) : NULL;
    free(json);
    if (text == NULL || !mac(c, bytes_str(text), tag))
        FAIL(e, SELFSAME_NOMEM, "no memory for a session");
    const char *proof = url_text(c, BYTES(tag, MAC));
    const char *value = arena_printf(&c->arena,
        COOKIE "=%s.%s; Max-Age=%" PRId64 "; Path=/kbs; HttpOnly; SameSite=Strict%s",
        text, proof != NULL ? proof : "", life_s, secure ? "; Secure" : "");
    if (proof == NULL || value == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a session");
    ret->header = (struct httpd_header){ "Set-Cookie", value };
    return SELFSAME_OK;
}

/* Of the cookies of the request the one of this name; absent: none. */
static struct selfsame_bytes
find_cookie(const char *header)
{
    const size_t len = strlen(COOKIE);

    for (const char *at = header; at != NULL && *at != '\0';) {
        at += strspn(at, "; ");
        const size_t part = strcspn(at, ";");

        if (part > len && strncmp(at, COOKIE, len) == 0 && at[len] == '=')
            return BYTES((const uint8_t *)at + len + 1, part - len - 1);
        at += part;
    }
    return BYTES_NONE;
}

/* Text and proof; false: nothing that we gave. */
static bool
open_cookie(struct call *c, struct selfsame_bytes value, struct selfsame_bytes *ret)
{
    size_t dot = 0, n = 0;
    uint8_t want[HASH_MAX], got[MAC + 1];

    while (dot < value.len && value.ptr[dot] != '.')
        dot++;
    uint8_t *out = arena_alloc(&c->arena, 1, dot + 1);
    if (out == NULL || dot == value.len || value.len > 2 * STATE_MAX ||
        !base64_decode((const char *)value.ptr + dot + 1, value.len - dot - 1, true,
            got, sizeof(got), &n) ||
        n != MAC || !mac(c, BYTES(value.ptr, dot), want) ||
        !bytes_eq(BYTES(want, MAC), BYTES(got, MAC)) ||
        !base64_decode((const char *)value.ptr, dot, true, out, dot + 1, &n))
        return false;
    *ret = BYTES(out, n);
    return true;
}

static bool
is_step(const json_t *state, const char *step, int64_t now_s)
{
    const char *is = json_string_value(json_object_get(state, "step"));
    const json_int_t exp = json_integer_value(json_object_get(state, "exp"));

    return is != NULL && strcmp(is, step) == 0 && now_s < exp;
}

enum selfsame_code
kbs_cookie_read(struct call *c, const char *step, json_t **ret, struct selfsame_err *e)
{
    struct selfsame_bytes value = find_cookie(httpd_header(c->r, "cookie"));
    struct selfsame_bytes text = BYTES_NONE;
    struct selfsame_err ignored = { 0 };
    auto_json *state = NULL;

    if (value.ptr == NULL)
        FAIL(e, SELFSAME_DENIED, "cookie not found");
    if (!open_cookie(c, value, &text) ||
        json_parse(text, "session", &state, &ignored) != SELFSAME_OK ||
        !is_step(state, step, c->now_ms / 1000))
        FAIL(e, SELFSAME_DENIED,
            "session not found: it is over, or not of this verifier");
    *ret = state;
    state = NULL;
    return SELFSAME_OK;
}

/* ---- the token as a session ---- */

static enum selfsame_code
verify_token(struct call *c, const char *token, json_t **ret, struct selfsame_err *e)
{
    const struct jwk *by = NULL;
    auto_jws jws = { 0 };
    struct jwks keys;

    TRY(jwks_parse(bytes_str(c->snap->signing->jwks), &c->arena, &keys, e));
    TRY(jws_parse(bytes_str(token), &c->arena, &jws, e));
    TRY(jws_verify(&jws, &keys, &by, e));
    return json_parse(jws.payload, "token", ret, e);
}

static bool
is_ours(const struct call *c, const json_t *claims)
{
    const char *iss = json_string_value(json_object_get(claims, "iss"));
    const char *profile = json_string_value(json_object_get(claims, "eat_profile"));
    const json_t *exp = json_object_get(claims, "exp");

    return iss != NULL && strcmp(iss, verifier_issuer(c->s)) == 0 && profile != NULL &&
           strcmp(profile, KBS_PROFILE) == 0 && json_is_integer(exp) &&
           c->now_ms / 1000 < json_integer_value(exp);
}

enum selfsame_code
kbs_token_read(struct call *c, const char *token, json_t **ret, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    auto_json *claims = NULL;

    if (verify_token(c, token, &claims, &why) != SELFSAME_OK || !is_ours(c, claims))
        FAIL(e, SELFSAME_DENIED,
            "the token is not one of this verifier, or it is over: %s", err_text(&why));
    json_t *state = json_object_get(claims, "kbs");
    if (!json_is_object(state) || json_object_set(state, "tee-pubkey",
                                      json_object_get(claims, "tee-pubkey")) != 0)
        FAIL(e, SELFSAME_DENIED, "the token is not one of the KBS protocol");
    *ret = json_incref(state);
    return SELFSAME_OK;
}
