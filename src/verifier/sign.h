/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_SIGN_H
#define SELFSAME_VERIFIER_SIGN_H

#include "token/token.h"

/*
 * Keys that sign tokens. DIR/keys/keys.json lists them with their times:
 *
 *     {"keys":[{"kid":…,"alg":"ES256","file":"KID.pem","use":S,"stop":S|null,"drop":S|null}]}
 *
 * A key stands in the JWKS from when it is listed until `drop`, and signs from `use`
 * until `stop`. Rotation lists the new key SIGN_LEAD_S before its use, so that whoever
 * caches the JWKS knows it by then, and keeps the old one for as long as tokens live.
 */
enum {
    SIGN_LEAD_S = 3600,        /* from publishing a key to its use */
    SIGN_OVERLAP_S = 300,      /* both sign: whichever clock a replica has */
    SIGN_KEEP_S = 3600 + 3600, /* the longest life of a token, and caches */
    SIGN_KEYS = 16,
};
struct signing_key {
    const struct key *key; /* owned by the signing */
    enum jose_alg alg;
    char kid[JWK_THUMBPRINT];
    int64_t use_s, stop_s, drop_s; /* stop, drop: 0: not planned */
};
struct signing {
    struct arena arena;
    struct key *owned[SIGN_KEYS];
    struct signing_key keys[SIGN_KEYS];
    size_t count;
    char *jwks; /* as served at the time it was read */
};
MUST enum selfsame_code signing_read(
    const char *dir, int64_t now_s, struct signing **ret, struct selfsame_err *e);
void signing_free(struct signing **g);
/*
 * Which key signs with this algorithm now, the newest; NULL: none. When the clock says
 * that none does yet or any more, the nearest one.
 */
const struct signing_key *signing_pick(
    const struct signing *g, enum jose_alg alg, int64_t now_s);
/* "ES256 RS256": of keys that sign. */
bool signing_has(const struct signing *g, enum jose_alg alg);

/* ---- sign_rotate.c ---- */
/*
 * Lists a new key of this algorithm, from `lead_s` on, and ends what it replaces; drops
 * what is past. The first key of an algorithm signs at once. *ret_kid in the arena.
 */
MUST enum selfsame_code signing_rotate(const char *dir, enum jose_alg alg,
    int64_t now_s, int64_t lead_s, struct arena *arena, char **ret_kid,
    struct selfsame_err *e);

#endif
