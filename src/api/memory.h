/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_API_MEMORY_H
#define SELFSAME_API_MEMORY_H

#include "base/base.h"

/*
 * What a relying party remembers of releases between requests, so that no later answer
 * takes back an earlier one: docs/releases.md. One entry for each name and who is trusted
 * to publish it, so that another policy's publishers cannot raise what these have to reach.
 */
enum { MEMORY_ENTRIES = 1024, MEMORY_REVOKED = 4096, MEMORY_TRUST = 17 };
struct memory_entry {
    const char *name;
    char trust
        [MEMORY_TRUST]; /* hex: of the publishers, or the identity and its issuer */
    uint64_t sequence;  /* highest accepted, 0: none */
    uint64_t index;     /* highest index seen, 0: none */
    uint8_t (*revoked)[32];
    size_t revoked_count;
};
struct memory {
    struct memory_entry *entries;
    size_t count;
};
/* {"selfsame_memory": 1, ...}; nothing at all is an empty one. MALFORMED, UNSUPPORTED. */
MUST enum selfsame_code memory_parse(struct selfsame_bytes json, struct arena *arena,
    struct memory *ret, struct selfsame_err *e);
struct memory_entry *memory_find(
    const struct memory *m, const char *name, const char *trust);
/* More of the same name: the higher of each, and all that was revoked. *ret_changed: was anything new? */
MUST enum selfsame_code memory_learn(struct memory *m, const struct memory_entry *x,
    struct arena *arena, bool *ret_changed, struct selfsame_err *e);
/* malloc'ed. NOMEM. */
MUST enum selfsame_code memory_text(
    const struct memory *m, char **ret, struct selfsame_err *e);

#endif
