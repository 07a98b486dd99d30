/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t
os_now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

enum selfsame_code
dir_make(const char *path, bool secret, struct selfsame_err *e)
{
    char part[1024];
    struct stat st;
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof(part))
        FAIL(e, SELFSAME_USAGE, "directory name of %zu bytes, expected 1 to %zu", n,
            sizeof(part) - 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        bool last = i == n;
        if (mkdir(part, secret && last ? 0700 : 0777) != 0 && errno != EEXIST)
            FAIL(e, SELFSAME_IO, "cannot make directory %s: %s", part, strerror(errno));
    }
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        FAIL(e, SELFSAME_IO, "%s exists and is not a directory", path);
    /* Who may write there could exchange what we put in it. */
    if (secret && (st.st_uid != geteuid() || (st.st_mode & 022) != 0))
        FAIL(e, SELFSAME_IO,
            "%s: expected a directory that only user %d may write, got user %d and "
            "mode %04o",
            path, (int)geteuid(), (int)st.st_uid, (unsigned)st.st_mode & 07777);
    return SELFSAME_OK;
}

static void
dir_close(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

/* Removes what is in fd (which is consumed), depth first. */
static enum selfsame_code
empty(int fd, dev_t device, unsigned depth, struct selfsame_err *e)
{
    __attribute__((cleanup(dir_close))) DIR *d = fdopendir(fd);
    struct dirent *entry;

    if (d == NULL) {
        (void)close(fd);
        FAIL(e, SELFSAME_IO, "cannot list a directory: %s", strerror(errno));
    }
    if (depth > 256)
        FAIL(e, SELFSAME_IO, "directories nest over 256 deep");
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        struct stat st;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (!S_ISDIR(st.st_mode)) {
            if (unlinkat(dirfd(d), name, 0) != 0)
                FAIL(e, SELFSAME_IO, "cannot remove %s: %s", name, strerror(errno));
            continue;
        }
        if (st.st_dev != device)
            FAIL(e, SELFSAME_IO, "%s is a mount point: left alone", name);
        /* A directory of ours that may not be entered is opened up first. */
        if (fchmodat(dirfd(d), name, 0700, 0) != 0)
            FAIL(e, SELFSAME_IO, "cannot enter %s: %s", name, strerror(errno));
        int sub = openat(
            dirfd(d), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub < 0)
            FAIL(e, SELFSAME_IO, "cannot open %s: %s", name, strerror(errno));
        TRY(empty(sub, device, depth + 1, e));
        if (unlinkat(dirfd(d), name, AT_REMOVEDIR) != 0)
            FAIL(e, SELFSAME_IO, "cannot remove %s: %s", name, strerror(errno));
    }
    return SELFSAME_OK;
}

enum selfsame_code
dir_remove(const char *path, struct selfsame_err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return SELFSAME_OK;
    if (fd < 0 || fstat(fd, &st) != 0) {
        int why = errno;

        fd_close(&fd);
        FAIL(e, SELFSAME_IO, "cannot open %s: %s", path, strerror(why));
    }
    TRY_WHILE(e, empty(fd, st.st_dev, 0, e), "removing %s", path);
    if (rmdir(path) != 0)
        FAIL(e, SELFSAME_IO, "cannot remove %s: %s", path, strerror(errno));
    return SELFSAME_OK;
}

enum selfsame_code
dir_runtime(struct arena *arena, char **ret, struct selfsame_err *e)
{
    const char *set = getenv("XDG_RUNTIME_DIR"), *home = getenv("HOME");
    char *path;

    if (set != NULL && set[0] == '/')
        path = arena_printf(arena, "%s/selfsame", set);
    else if (geteuid() == 0)
        path = arena_printf(arena, "/run/selfsame");
    else if (home != NULL && home[0] == '/')
        path = arena_printf(arena, "%s/.cache/selfsame", home);
    else
        FAIL(e, SELFSAME_USAGE, "neither $XDG_RUNTIME_DIR nor $HOME names a directory");
    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    TRY(dir_make(path, true, e));
    *ret = path;
    return SELFSAME_OK;
}
