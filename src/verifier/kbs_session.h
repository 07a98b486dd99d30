/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_KBS_SESSION_H
#define SELFSAME_VERIFIER_KBS_SESSION_H

#include "verifier/parts.h"

/*
 * Sessions of the KBS protocol without a table: what a session is stands in its cookie,
 * with a MAC under a key that comes of DIR/secrets.key, which replicas share.
 *
 *     kbs-session-id = base64url(JSON) "." base64url(HMAC-SHA-256)
 *
 *     {"step":"authed","nonce":…,"tee":…,"exp":S}
 *     {"step":"attested","tenant":…,"policy":…,"release":…,"version":…,"status":…,
 *      "tee-pubkey":JWK,"exp":S}
 *
 * Nothing in it is secret; a stolen one gives secrets that only the key's owner opens.
 */
struct kbs_cookie {
    struct httpd_header header; /* Set-Cookie; in the call's arena */
};
/* `state` gets its "exp"; it may be NULL for want of memory. */
MUST enum selfsame_code kbs_cookie_make(struct call *c, json_t *state, int64_t life_s,
    struct kbs_cookie *ret, struct selfsame_err *e);
/* DENIED: none, not ours, over, or of another step. */
MUST enum selfsame_code kbs_cookie_read(
    struct call *c, const char *step, json_t **ret, struct selfsame_err *e);
/* The same state out of a token that front_kbs.c gave, and its "tee-pubkey". DENIED. */
MUST enum selfsame_code kbs_token_read(
    struct call *c, const char *token, json_t **ret, struct selfsame_err *e);

#endif
