/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "store/store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int
probe_before(const struct store_probe *p, const char *step, const char *path)
{
    return p != NULL ? p->before(p->ctx, step, path) : 0;
}

enum selfsame_code
place_error(const struct file_place *p, const char *what, const char *path,
    struct selfsame_err *e)
{
    char full[1300];

    (void)snprintf(full, sizeof(full), "%s/%s", p->name, path);
    return file_error(e, what, full);
}

/* What passes by itself: no file was touched, and asking again later may do. */
static enum selfsame_code
place_scarce(const struct file_place *p, const char *what, const char *path,
    struct selfsame_err *e)
{
    const bool passes = errno == EMFILE || errno == ENFILE || errno == ENOMEM;

    (void)place_error(p, what, path, e);
    if (!passes)
        return SELFSAME_IO;
    e->code = SELFSAME_DENIED;
    err_remedy(e, "Try again later; raise the limit of open files, or free memory.");
    return SELFSAME_DENIED;
}

/* What the probe wants to fail has failed. */
static bool
refused(const struct file_place *p, const char *step, const char *path)
{
    int why = probe_before(p->probe, step, path);

    errno = why;
    return why != 0;
}

enum selfsame_code
place_open(const struct file_place *p, const char *path, int flags, int *ret_fd,
    struct selfsame_err *e)
{
    int fd = -1;

    if (!refused(p, "open", path))
        fd = openat(p->dir, path, flags | O_CLOEXEC, 0644);
    if (fd < 0)
        return place_scarce(p, "cannot create", path, e);
    *ret_fd = fd;
    return SELFSAME_OK;
}

enum selfsame_code
place_write(const struct file_place *p, int fd, struct selfsame_bytes b,
    const char *path, struct selfsame_err *e)
{
    if (refused(p, "write", path))
        return place_scarce(p, "cannot write", path, e);
    while (b.len > 0) {
        ssize_t n = write(fd, b.ptr, b.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return place_scarce(p, "cannot write", path, e);
        b.ptr += n;
        b.len -= (size_t)n;
    }
    return SELFSAME_OK;
}

enum selfsame_code
place_sync(const struct file_place *p, int fd, const char *path, struct selfsame_err *e)
{
    if (refused(p, "sync", path) || fdatasync(fd) != 0)
        return place_error(p, "cannot sync", path, e);
    return SELFSAME_OK;
}

enum selfsame_code
place_may_sync(const struct file_place *p, const char *step, const char *path,
    struct selfsame_err *e)
{
    if (refused(p, step, path))
        return place_error(p, "cannot sync", path, e);
    return SELFSAME_OK;
}

enum selfsame_code
place_open_dir(
    const struct file_place *p, const char *path, int *ret_fd, struct selfsame_err *e)
{
    const int fd = openat(p->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return place_scarce(p, "cannot open", path, e);
    *ret_fd = fd;
    return SELFSAME_OK;
}

enum selfsame_code
place_sync_own(const struct file_place *p, struct selfsame_err *e)
{
    if (refused(p, "sync directory", ".") || fsync(p->dir) != 0)
        return place_error(p, "cannot sync", ".", e);
    return SELFSAME_OK;
}

enum selfsame_code
place_make(const struct file_place *p, const char *path, struct selfsame_err *e)
{
    if (refused(p, "make directory", path) ||
        (mkdirat(p->dir, path, 0755) != 0 && errno != EEXIST))
        return place_error(p, "cannot make directory", path, e);
    return SELFSAME_OK;
}

enum selfsame_code
place_rename_new(const struct file_place *p, const char *from, const char *to,
    bool *ret_taken, struct selfsame_err *e)
{
    if (refused(p, "rename", to))
        return place_error(p, "cannot rename to", to, e);
    int failed = renameat2(p->dir, from, p->dir, to, RENAME_NOREPLACE);
    /* Where the file system knows no such renaming, a second name does it. */
    if (failed != 0 && (errno == EINVAL || errno == ENOSYS)) {
        failed = linkat(p->dir, from, p->dir, to, 0);
        if (failed == 0)
            (void)unlinkat(p->dir, from, 0);
    }
    if (failed != 0 && errno != EEXIST)
        return place_error(p, "cannot rename to", to, e);
    *ret_taken = failed != 0;
    return SELFSAME_OK;
}

enum selfsame_code
place_rename(const struct file_place *p, const char *from, const char *to,
    struct selfsame_err *e)
{
    if (refused(p, "rename", to) || renameat(p->dir, from, p->dir, to) != 0)
        return place_error(p, "cannot rename to", to, e);
    return SELFSAME_OK;
}
