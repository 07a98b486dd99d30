/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_CONFINE_H
#define SELFSAME_VERIFIER_CONFINE_H

#include "base/base.h"

/*
 * Takes from the process what a verifier never needs, for good: after it listens and has
 * read its keys, before it has threads and before the first byte of a client.
 *
 *   user         that of root, when it has it
 *   core dumps   none; other processes of the same user cannot look into it
 *   files        (landlock) its directory to write; certificates, libraries, /proc to read
 *   addresses    (landlock) no further ones to listen at
 *   system calls (seccomp) those of a list; a new program, tracing, mounting, modules and
 *                the like end the process, others fail
 *
 * What the kernel does not have is told and left out: landlock alone. Threads made later
 * are confined as well.
 */
struct confine_config {
    const char *user;               /* NULL: stays who it is */
    const char *const *write_paths; /* NULL-terminated; made before */
    const char *const *read_paths;  /* besides those of the system; those that exist */
};
struct confined {
    bool user, files, addresses, calls;
};
MUST enum selfsame_code confine(
    const struct confine_config *c, struct confined *ret, struct selfsame_err *e);

/* Memory of a key: not in dumps, not in swap as far as limits allow. */
void confine_secret(const void *ptr, size_t len);

#endif
