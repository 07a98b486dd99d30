/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_RELEASE_MAKE_H
#define SELFSAME_RELEASE_MAKE_H

#include "log/statement.h"

/*
 * Statements as publishers make them; what comes out has been parsed again, so that
 * nothing is signed that nobody would accept. Pure: times are arguments.
 */
struct release_facts {
    const char *name, *version; /* NULL: as the build says */
    const char *channel;        /* NULL: none */
    uint64_t sequence;
    const char *source_uri, *git_commit, *git_tree, *source_sha256; /* hex, or NULL */
    int64_t not_before_s, not_after_s;
    const uint8_t (*supersedes)[32];
    size_t supersedes_count;
    struct selfsame_bytes require; /* {"amd-sev-snp": {"minTcb": …}}, or absent */
};
/* From a build's statement.json. MALFORMED, UNSUPPORTED: it is none; USAGE: the facts. */
MUST enum selfsame_code release_make(struct selfsame_bytes build,
    const struct release_facts *facts, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);
/* The index of a name; lists as in struct release_index. */
MUST enum selfsame_code index_make(const struct release_index *x, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
