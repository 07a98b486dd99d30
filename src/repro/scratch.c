/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Directories of builds in TMPDIR. Whoever works in one holds its lock, also as a
 * child; the kernel lets go of it with the last of them, however they end. So what
 * nobody holds was left behind by a build that was killed.
 */
#define PREFIX "selfsame-build-"
enum { RANDOM = 6, TRIES = 100 };

static void
dir_close(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

/* The directory of this name is the one behind fd. */
static bool
is_still(int at, const char *name, int fd)
{
    struct stat here, there;

    return fstat(fd, &here) == 0 &&
           fstatat(at, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

static void
sweep_one(const char *root, int at, const char *name, struct arena *arena)
{
    struct stat st;
    struct selfsame_err ignored = { 0 };
    auto_fd fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
        flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_still(at, name, fd))
        return;
    const char *path = arena_printf(arena, "%s/%s", root, name);
    /* Locked until it is gone: one that was just made is made again. */
    if (path != NULL && dir_remove(path, &ignored) != SELFSAME_OK)
        return; /* no reason to build nothing */
}

static void
sweep(const char *root)
{
    auto_arena arena = arena_new(1 << 20);
    __attribute__((cleanup(dir_close))) DIR *d = opendir(root);

    for (struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;)
        if (strncmp(entry->d_name, PREFIX, sizeof(PREFIX) - 1) == 0 &&
            strlen(entry->d_name) == sizeof(PREFIX) - 1 + RANDOM)
            sweep_one(root, dirfd(d), entry->d_name, &arena);
}

/* False: a sweep was faster. Where a file system knows no locks nothing is swept. */
static bool
lock(const char *path, int *ret_fd)
{
    auto_fd fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
        !is_still(AT_FDCWD, path, fd))
        return false;
    *ret_fd = fd;
    fd = -1;
    return true;
}

enum selfsame_code
scratch_make(struct arena *arena, struct scratch *ret, struct selfsame_err *e)
{
    char root[PATH_MAX];
    int why = 0;

    if (realpath(temporary_root(), root) != NULL) {
        sweep(root);
        for (int i = 0; i < TRIES; i++) {
            char *path = arena_printf(arena, "%s/" PREFIX "XXXXXX", root);

            if (path == NULL)
                FAIL(e, SELFSAME_NOMEM, "no memory for a path");
            if (mkdtemp(path) == NULL)
                break;
            if (lock(path, &ret->fd)) {
                ret->path = path;
                return SELFSAME_OK;
            }
        }
    }
    why = errno;
    return remedied(e,
        err_set(e, SELFSAME_IO, __FILE__, __LINE__, "cannot make a directory in %s: %s",
            temporary_root(), strerror(why)),
        "Set TMPDIR to a directory that may be written.");
}

enum selfsame_code
scratch_remove(struct scratch *s, struct selfsame_err *e)
{
    enum selfsame_code code = s->path != NULL ? dir_remove(s->path, e) : SELFSAME_OK;

    s->path = NULL;
    fd_close(&s->fd);
    return code;
}
