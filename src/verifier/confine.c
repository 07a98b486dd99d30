/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/confine.h"

#include "service/user.h"
#include "verifier/confine_parts.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static enum selfsame_code
forbid_dumps(struct selfsame_err *e)
{
    const struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_CORE, &none) != 0)
        FAIL(e, SELFSAME_IO, "cannot forbid core dumps: %s", strerror(errno));
    /* After the change of user, which sets it anew. */
    if (!CONFINE_SANITIZED && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        FAIL(e, SELFSAME_IO, "cannot forbid other processes to look into this one: %s",
            strerror(errno));
    return SELFSAME_OK;
}

enum selfsame_code
confine(const struct confine_config *c, struct confined *ret, struct selfsame_err *e)
{
    struct confined done = { 0 };

    if (c->user != NULL)
        TRY_WHILE(e, user_become(c->user, e), "--user");
    done.user = c->user != NULL;
    TRY(forbid_dumps(e));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        FAIL(e, SELFSAME_IO, "cannot forbid new privileges: %s", strerror(errno));
    TRY_WHILE(e, confine_files(c, &done, e), "landlock");
    TRY_WHILE(e, confine_calls(e), "seccomp");
    done.calls = true;
    *ret = done;
    return SELFSAME_OK;
}

void
confine_secret(const void *ptr, size_t len)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = (uintptr_t)ptr & ~(page - 1);
    const uintptr_t to = ((uintptr_t)ptr + len + page - 1) & ~(page - 1);

    /* Best effort: RLIMIT_MEMLOCK may be small, and swap may be encrypted or absent. */
    (void)mlock((const void *)from, to - from);
    (void)madvise((void *)from, to - from, MADV_DONTDUMP);
}
