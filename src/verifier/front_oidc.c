/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What relying parties of OpenID Connect read (OpenID Connect Discovery 1.0 §4): the
 * discovery document and the keys. The issuer's path, if it has one, is cut off by the
 * proxy in front, as of every other path.
 */
#include "verifier/parts.h"

#include <stdio.h>

#define SHORT "public, max-age=600"

static json_t *
algs(const struct signing *g)
{
    /* RS256 first: clients that take one take the first. */
    static const enum jose_alg order[] = { JOSE_RS256, JOSE_ES256, JOSE_ES384,
        JOSE_PS256, JOSE_EDDSA };
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < COUNT(order); i++)
        if (signing_has(g, order[i]) &&
            json_array_append_new(list, json_string(jose_alg_word(order[i]))) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static void
serve_discovery(struct call *c)
{
    const char *issuer = verifier_issuer(c->s);
    const char *jwks = arena_printf(&c->arena, "%s/jwks.json", issuer);
    const char *none = arena_printf(&c->arena, "%s/none", issuer);
    json_t *list = algs(c->snap->signing);
    json_t *j = NULL;

    if (jwks != NULL && none != NULL && list != NULL)
        j = json_pack(
            "{s:s,s:s,s:s,s:[s],s:[s],s:O,s:[s,s,s,s,s,s,s,s,s,s],s:[s],s:[s]}",
            "issuer", issuer, "jwks_uri", jwks, "authorization_endpoint", none,
            "response_types_supported", "id_token", "subject_types_supported", "public",
            "id_token_signing_alg_values_supported", list, "claims_supported", "iss",
            "sub", "aud", "exp", "iat", "nbf", "jti", "eat_nonce", "eat_profile",
            "submods", "scopes_supported", "openid", "grant_types_supported",
            "implicit");
    json_decref(list);
    char *text = j != NULL ? json_compact(j) : NULL;
    json_decref(j);
    struct selfsame_err e = { 0 };
    if (text == NULL) {
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory to answer");
        call_problem(c, 503, &e);
        return;
    }
    const struct call_reply a = {
        .status = 200, .cache = SHORT, .body = bytes_str(text)
    };
    call_reply(c, &a);
    selfsame_free(text);
}

static void
serve_jwks(struct call *c)
{
    const struct call_reply a = {
        .status = 200, .cache = SHORT, .body = bytes_str(c->snap->signing->jwks)
    };

    call_reply(c, &a);
}

static const struct route routes[] = {
    { "GET", "/.well-known/openid-configuration", IN_LOOP, ROLE_NONE, serve_discovery,
        "getOpenidConfiguration" },
    { "GET", "/jwks.json", IN_LOOP, ROLE_NONE, serve_jwks, "getJwks" },
};
const struct route_list oidc_routes = { routes, COUNT(routes) };
