/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_RELEASES_H
#define SELFSAME_CLI_RELEASES_H

#include <selfsame/selfsame.h>

#include "cli/cli.h"

/*
 * Proofs of releases on the command line of verify and connect, the files that a
 * policy refers to, and the highest sequence of each name that this user accepted:
 * $XDG_STATE_HOME/selfsame/releases.json.
 */
#define RELEASE_OPTIONS                                                             \
    { .name = "release",                                                            \
        .argument = "FILE",                                                         \
        .repeatable = true,                                                         \
        .help = "proof of a release, of its index or of a rebuild (.tlog-proof)" }, \
        { .name = "release-name",                                                   \
            .argument = "NAME",                                                     \
            .help = "without a policy's releases: accept this one" },               \
        { .name = "publisher",                                                      \
            .argument = "FILE",                                                     \
            .repeatable = true,                                                     \
            .help = "with --release-name: who signs it (PEM public key)" },         \
    {                                                                               \
        .name = "trust", .argument = "FILE",                                        \
        .help = "with --release-name: logs, witnesses and quorum (trust policy)"    \
    }

enum { RELEASE_FILES = 64 };
struct releases {
    struct selfsame_bytes proof[RELEASE_FILES];
    size_t proof_count;
    struct {
        const char *name;
        uint64_t sequence;
    } highest[RELEASE_FILES];
    size_t highest_count;
};

/* Gives the policy the files that it refers to, from beside `policy_file` (NULL: none). */
MUST enum selfsame_code releases_policy(struct cli *c, const char *policy_file,
    struct selfsame_policy *p, struct selfsame_err *e);
/* Reads the proofs, and what was accepted before of the policy's releases. */
MUST enum selfsame_code releases_load(struct cli *c, const struct selfsame_policy *p,
    struct releases *ret, struct selfsame_err *e);
/* Into a request; `releases` is a struct releases. */
void releases_prepare(void *releases, struct selfsame_request *q);
/*
 * After success: keeps the sequence when it is a new highest; nothing with --at. What
 * cannot be kept is said on stderr: the verdict stands, the next one knows less.
 */
void releases_remember_or_warn(struct cli *c, const struct selfsame_result *r);

#endif
