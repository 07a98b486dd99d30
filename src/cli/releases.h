/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_RELEASES_H
#define SELFSAME_CLI_RELEASES_H

#include <selfsame/selfsame.h>

#include "cli/cli.h"

/*
 * Proofs of releases on the command line of verify and connect, the files that a
 * policy refers to, and what this user's requests learned of releases:
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
    const char *dir, *file;       /* where it is remembered, or NULL */
    struct selfsame_bytes memory; /* as it was read */
};

/* Gives the policy the files that it refers to, from beside `policy_file` (NULL: none). */
MUST enum selfsame_code releases_policy(struct cli *c, const char *policy_file,
    struct selfsame_policy *p, struct selfsame_err *e);
/* Reads the proofs, and what is remembered where the policy names releases. */
MUST enum selfsame_code releases_load(struct cli *c, const struct selfsame_policy *p,
    struct releases *ret, struct selfsame_err *e);
/* Into a request, and out of its result; `releases` is a struct releases, any thread. */
void releases_prepare(void *releases, struct selfsame_request *q);
/*
 * Keeps what the result says is to be remembered, whatever the verdict. Returns the
 * verdict's class: another one than before, where what was remembered meanwhile forbids
 * the release. What cannot be kept is said on stderr and changes nothing.
 */
MUST enum selfsame_code releases_settle(
    void *releases, struct selfsame_result *r, struct selfsame_err *e);

#endif
