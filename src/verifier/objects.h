/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_OBJECTS_H
#define SELFSAME_VERIFIER_OBJECTS_H

#include "verifier/parts.h"

/*
 * Bodies of the registry's objects (docs/formats/registry.md), read strictly: unknown members, wrong types
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
/* Of the other kinds: policies and releases are what they are elsewhere. */
MUST enum selfsame_code object_check(
    enum registry_kind kind, struct selfsame_bytes body, struct selfsame_err *e);

#endif
