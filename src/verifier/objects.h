/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_OBJECTS_H
#define SELFSAME_VERIFIER_OBJECTS_H

#include "log/statement.h"
#include "verifier/parts.h"

/*
 * Bodies of the registry's objects (docs/verifier-admin.md), read strictly: unknown members, wrong types
 * and values out of bounds are USAGE, with line and member. Texts are in the arena. Only
 * what the body says is set; names, versions and lists are the caller's.
 */
enum { TOKEN_LIFE_MAX_S = 3600, STALE_MAX_S = 30 * 86400 };

MUST enum selfsame_code object_read_tenant(struct selfsame_bytes body,
    struct arena *arena, struct snap_tenant *ret, struct selfsame_err *e);
MUST enum selfsame_code object_read_key(struct selfsame_bytes body, struct arena *arena,
    struct snap_key *ret, struct selfsame_err *e);
MUST enum selfsame_code object_read_audience(struct selfsame_bytes body,
    struct arena *arena, struct snap_audience *ret, struct selfsame_err *e);
MUST enum selfsame_code object_read_secret(struct selfsame_bytes body,
    struct arena *arena, struct snap_secret *ret, struct selfsame_err *e);
MUST enum selfsame_code object_read_identity(struct selfsame_bytes body,
    struct arena *arena, struct snap_identity *ret, struct selfsame_err *e);
/* The log of a release name whose entries are taken over (follow.h). */
enum { FOLLOW_KEYS = 16, FOLLOW_KEEP = 8, FOLLOW_KEEP_MAX = 32, FOLLOW_URL_MAX = 1024 };
struct object_follow {
    const char *log, *release;
    struct log_policy trust;
    struct selfsame_bytes publishers[FOLLOW_KEYS]; /* SubjectPublicKeyInfo */
    size_t publisher_count;
    size_t
        keep; /* releases of the name that are held, the newest; "keep", else FOLLOW_KEEP */
};
MUST enum selfsame_code object_read_follow(struct selfsame_bytes body,
    struct arena *arena, struct object_follow *ret, struct selfsame_err *e);
/*
 * Is o->body one of o->kind with that name? Policies with all that they refer to; releases
 * by their form alone: whether one holds, vouch.h says.
 */
MUST enum selfsame_code object_check(
    const struct registry_object *o, struct selfsame_err *e);

#endif
