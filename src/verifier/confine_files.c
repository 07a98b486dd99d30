/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "verifier/confine_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Landlock as of its third and fourth version (Linux 6.2, 6.7), which headers of older
 * systems do not have (kernel: Documentation/userspace-api/landlock.rst).
 */
enum { HAS_REFER = 2, HAS_TRUNCATE = 3, HAS_NET = 4, HAS_SCOPE = 6 };
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)
struct ruleset { /* grew with the versions; the size says which one is meant */
    uint64_t fs, net, scoped;
};

#define TO_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define TO_CHANGE                                                      \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |   \
        LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
        LANDLOCK_ACCESS_FS_MAKE_REG)
/* Nobody gets these: a verifier makes no devices, sockets or links, and starts nothing. */
#define TO_NOBODY                                                      \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |       \
        LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK | \
        LANDLOCK_ACCESS_FS_MAKE_FIFO)
/* Of these a file can have; of a directory's rights it cannot. */
#define OF_FILES \
    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

/* Names of hosts and users, certificates of authorities, time zones, libraries that are
 * loaded late (those of name services, libcurl), and what a process sees of itself. */
static const char *const of_the_system[] = { "/etc", "/usr/lib", "/usr/lib64", "/lib",
    "/lib64", "/usr/local/lib", "/usr/share", "/usr/local/share",
    "/var/lib/ca-certificates", "/run/systemd/resolve", "/run/nscd", "/proc",
    "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage", "/dev/urandom",
    "/dev/random", "/nix/store", NULL };
/* To write: what libraries open to look away. */
static const char *const to_nowhere[] = { "/dev/null", NULL };

static enum selfsame_code
allow(int ruleset, const char *path, uint64_t rights, bool must, struct selfsame_err *e)
{
    auto_fd fd = open(path, O_PATH | O_CLOEXEC);
    struct stat s;

    if (fd < 0 || fstat(fd, &s) != 0) {
        if (must)
            FAIL(e, SELFSAME_IO, "cannot open %s: %s", path, strerror(errno));
        return SELFSAME_OK;
    }
    const struct landlock_path_beneath_attr rule = {
        .allowed_access = S_ISDIR(s.st_mode) ? rights : rights & OF_FILES,
        .parent_fd = fd,
    };
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) !=
        0)
        FAIL(e, SELFSAME_IO, "cannot allow %s: %s", path, strerror(errno));
    return SELFSAME_OK;
}

static enum selfsame_code
allow_all(int ruleset, const char *const *paths, uint64_t rights, bool must,
    struct selfsame_err *e)
{
    for (size_t i = 0; paths != NULL && paths[i] != NULL; i++)
        TRY(allow(ruleset, paths[i], rights, must, e));
    return SELFSAME_OK;
}

static struct ruleset
of_version(long version, size_t *ret_size)
{
    struct ruleset r = { .fs = TO_READ | TO_CHANGE | TO_NOBODY };

    if (version >= HAS_REFER)
        r.fs |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= HAS_TRUNCATE)
        r.fs |= FS_TRUNCATE;
    if (version >= HAS_NET)
        r.net = NET_BIND_TCP;
    if (version >= HAS_SCOPE)
        r.scoped = SCOPE_SIGNAL;
    *ret_size = version >= HAS_SCOPE ? sizeof(r)
                : version >= HAS_NET ? offsetof(struct ruleset, scoped)
                                     : offsetof(struct ruleset, net);
    return r;
}

enum selfsame_code
confine_files(
    const struct confine_config *c, struct confined *ret, struct selfsame_err *e)
{
    const long version = syscall(
        SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    size_t size = 0;

    if (version < 1) /* not built in, or not switched on */
        return SELFSAME_OK;
    const struct ruleset r = of_version(version, &size);
    const uint64_t write = r.fs & ~(uint64_t)TO_NOBODY;
    auto_fd fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
    if (fd < 0)
        FAIL(e, SELFSAME_IO, "cannot make a set of rules: %s", strerror(errno));
    TRY(allow_all(fd, of_the_system, TO_READ, false, e));
    TRY(allow_all(fd, to_nowhere, TO_READ | LANDLOCK_ACCESS_FS_WRITE_FILE, false, e));
    TRY(allow_all(fd, c->read_paths, TO_READ, false, e));
    TRY(allow_all(fd, c->write_paths, write, true, e));
    if (syscall(SYS_landlock_restrict_self, fd, 0) != 0)
        FAIL(e, SELFSAME_IO, "cannot confine to the rules: %s", strerror(errno));
    ret->files = true;
    ret->addresses = r.net != 0;
    return SELFSAME_OK;
}
