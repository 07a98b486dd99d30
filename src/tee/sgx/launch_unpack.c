/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cpio.h"
#include "tee/sgx/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define auto_fd __attribute__((cleanup(close_fd))) int

static enum selfsame_code
failed(const char *what, const char *path, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_IO, "cannot %s %.200s: %s", what, path, strerror(errno));
}

/* The kernel itself keeps the way inside the root, and off every link. */
static int
open_parent(int root, const char *path)
{
    char parent[CPIO_NAME_MAX + 1] = ".";
    const char *slash = strrchr(path, '/');
    const struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

    if (slash != NULL) {
        memcpy(parent, path, (size_t)(slash - path));
        parent[slash - path] = 0;
    }
    return (int)syscall(SYS_openat2, root, parent, &how, sizeof(how));
}

static bool
write_all(int fd, struct selfsame_bytes b)
{
    while (b.len > 0) {
        ssize_t n = write(fd, b.ptr, b.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        b = BYTES(b.ptr + n, b.len - (size_t)n);
    }
    return true;
}

static enum selfsame_code
put_file(int dir, const char *name, const struct cpio_entry *x, struct selfsame_err *e)
{
    auto_fd fd = openat(
        dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 || !write_all(fd, x->data) || fchmod(fd, x->mode & 0777) != 0)
        return failed("write", name, e);
    return SELFSAME_OK;
}

static enum selfsame_code
put_link(int dir, const char *name, const struct cpio_entry *x, struct selfsame_err *e)
{
    char target[CPIO_NAME_MAX + 1];

    if (x->data.len == 0 || x->data.len >= sizeof(target))
        FAIL(e, SELFSAME_MALFORMED, "rootfs: a link of %zu bytes", x->data.len);
    memcpy(target, x->data.ptr, x->data.len);
    target[x->data.len] = 0;
    return symlinkat(target, dir, name) == 0 ? SELFSAME_OK : failed("make", name, e);
}

static enum selfsame_code
put_entry(int root, const struct cpio_entry *x, struct selfsame_err *e)
{
    char path[CPIO_NAME_MAX + 1];

    if (x->name.len == 0 || x->name.len >= sizeof(path))
        FAIL(e, SELFSAME_MALFORMED, "rootfs: a name of %zu bytes", x->name.len);
    memcpy(path, x->name.ptr, x->name.len);
    path[x->name.len] = 0;
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    if (name[0] == 0 || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
        FAIL(e, SELFSAME_MALFORMED, "rootfs: expected a name, got \"%.80s\"", path);
    auto_fd dir = open_parent(root, path);
    if (dir < 0)
        return failed("open the directory of", path, e);
    switch (x->mode & 0170000) {
    case 0040000:
        if (mkdirat(dir, name, 0755) != 0 && errno != EEXIST)
            return failed("make", path, e);
        return SELFSAME_OK;
    case 0100000: return put_file(dir, name, x, e);
    case 0120000: return put_link(dir, name, x, e);
    default: return SELFSAME_OK;
    }
}

static enum selfsame_code
put_all(struct selfsame_bytes archive, int root, struct selfsame_err *e)
{
    struct cpio c = cpio_of(archive);
    struct cpio_entry x;

    while (cpio_next(&c, &x))
        TRY(put_entry(root, &x, e));
    if (!cpio_done(&c))
        FAIL(e, SELFSAME_MALFORMED, "rootfs: %s",
            c.why != NULL ? c.why : "no archive of newc");
    return SELFSAME_OK;
}

enum selfsame_code
sgx_unpack(const char *archive, const char *to, struct selfsame_err *e)
{
    auto_fd fd = open(archive, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return failed("open", archive, e);
    auto_fd root = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return failed("open", to, e);
    if (st.st_size == 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected an archive, got nothing", archive);
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return failed("map", archive, e);
    enum selfsame_code code = put_all(BYTES(map, (size_t)st.st_size), root, e);
    (void)munmap(map, (size_t)st.st_size);
    return code;
}
