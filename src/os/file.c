/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECRET_MAX = 64 * 1024 };

void
fd_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

enum selfsame_code
file_error(struct selfsame_err *e, const char *what, const char *path)
{
    int why = errno;

    (void)err_set(
        e, SELFSAME_IO, __FILE__, __LINE__, "%s %s: %s", what, path, strerror(why));
    if (why == ENOENT)
        err_remedy(e, "Check the path: there is nothing of this name.");
    else if (why == EACCES || why == EPERM)
        err_remedy(e, "Run as a user who may use this file, or change its mode.");
    else if (why == ENOSPC)
        err_remedy(e, "Free disk space and try again; nothing was left half written.");
    return SELFSAME_IO;
}

enum selfsame_code
file_empty(struct selfsame_err *e, const char *expected)
{
    (void)err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
        "empty file: expected %s, got 0 bytes", expected);
    err_remedy(e, "Check what should have written this file: it wrote nothing.");
    return SELFSAME_MALFORMED;
}

static enum selfsame_code
too_large(struct selfsame_err *e, const char *path, size_t limit)
{
    (void)err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
        "%s: larger than the %zu bytes this kind of file may have", path, limit);
    err_remedy(e, "Check that this is the file you meant.");
    return SELFSAME_MALFORMED;
}

/* What a file holds until it stands in the arena. */
struct buffer {
    uint8_t *ptr;
    size_t len, cap;
};

/* A private key is a small file, and freed memory keeps what stood in it. */
static void
buffer_free(struct buffer *b)
{
    if (b->ptr != NULL)
        explicit_bzero(b->ptr, b->len < SECRET_MAX ? b->len : SECRET_MAX);
    free(b->ptr);
    *b = (struct buffer){ .ptr = NULL };
}
#define auto_buffer __attribute__((cleanup(buffer_free))) struct buffer

/* Twice the room. Not by realloc, which gives the old memory back as it is. */
static bool
buffer_grow(struct buffer *b)
{
    struct buffer more = { malloc(b->cap * 2), b->len, b->cap * 2 };

    if (more.ptr == NULL)
        return false;
    memcpy(more.ptr, b->ptr, b->len);
    buffer_free(b);
    *b = more;
    return true;
}

/* Reads to the end of fd; `limit` + 1 bytes prove that it is too large. */
static enum selfsame_code
fill(struct buffer *b, int fd, const char *path, size_t limit, struct selfsame_err *e)
{
    for (;;) {
        if (b->len == b->cap && (b->cap > limit || !buffer_grow(b)))
            return too_large(e, path, limit);
        ssize_t n = read(fd, b->ptr + b->len, b->cap - b->len);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(e, "cannot read", path);
        b->len += (size_t)n;
    }
    return b->len > limit ? too_large(e, path, limit) : SELFSAME_OK;
}

static enum selfsame_code
read_all(int fd, const char *path, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct stat st;
    auto_buffer b = { .cap = 64 * 1024 };

    if (fstat(fd, &st) != 0)
        return file_error(e, "cannot read", path);
    if (S_ISDIR(st.st_mode))
        FAIL(e, SELFSAME_IO, "cannot read %s: it is a directory", path);
    if (S_ISREG(st.st_mode)) {
        if (st.st_size > (off_t)limit)
            return too_large(e, path, limit);
        b.cap = (size_t)st.st_size + 1;
    }
    b.ptr = malloc(b.cap);
    if (b.ptr == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: %zu bytes", path, b.cap);
    TRY(fill(&b, fd, path, limit, e));
    if (!arena_dup(arena, BYTES(b.ptr, b.len), ret))
        FAIL(e, SELFSAME_NOMEM, "%s: %zu bytes", path, b.len);
    return SELFSAME_OK;
}

enum selfsame_code
file_read(const char *path, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    if (strcmp(path, "-") == 0)
        return read_all(STDIN_FILENO, "standard input", limit, arena, ret, e);
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(e, "cannot open", path);
    return read_all(fd, path, limit, arena, ret, e);
}

enum selfsame_code
fd_write_all(int fd, struct selfsame_bytes b, const char *what, struct selfsame_err *e)
{
    while (b.len > 0) {
        if (os_interrupted())
            FAIL(e, SELFSAME_IO, "interrupted while writing %s", what);
        ssize_t n = write(fd, b.ptr, b.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(e, "cannot write", what);
        b.ptr += n;
        b.len -= (size_t)n;
    }
    return SELFSAME_OK;
}

enum selfsame_code
fd_pread_all(int fd, uint64_t offset, uint8_t *buf, size_t len, const char *what,
    struct selfsame_err *e)
{
    while (len > 0) {
        if (os_interrupted())
            FAIL(e, SELFSAME_IO, "interrupted while reading %s", what);
        ssize_t n = pread(fd, buf, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(e, "cannot read", what);
        if (n == 0)
            FAIL(e, SELFSAME_IO, "cannot read %s: it became shorter while being read",
                what);
        buf += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return SELFSAME_OK;
}

/* "dir" of "dir/name", "." and "/" where there is no more. */
static void
parent_of(const char *path, char *ret, size_t cap)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);

    (void)snprintf(ret, cap, "%.*s%s", (int)n, path, n > 0 ? "" : slash ? "/" : ".");
}

/*
 * A file without a name, where the file system has such: not even kill -9 leaves
 * anything of it. It gets its name at the commit, through /proc.
 */
static int
open_nameless(const char *path)
{
    char dir[1024];

    parent_of(path, dir, sizeof(dir));
    if (access("/proc/self/fd", X_OK) != 0)
        return -1;
    return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static enum selfsame_code
name_it(struct file_draft *d, struct selfsame_err *e)
{
    char from[64];

    (void)snprintf(from, sizeof(from), "/proc/self/fd/%d", d->fd);
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(d->temporary, sizeof(d->temporary), "%s.%ld-%u.part", d->path,
            (long)getpid(), i);
        if (linkat(AT_FDCWD, from, AT_FDCWD, d->temporary, AT_SYMLINK_FOLLOW) == 0)
            return SELFSAME_OK;
        if (errno != EEXIST)
            break;
    }
    d->temporary[0] = '\0';
    return file_error(e, "cannot name a file beside", d->path);
}

enum selfsame_code
draft_open(struct file_draft *d, const char *path, bool secret, struct selfsame_err *e)
{
    struct stat st;

    *d = (struct file_draft){ .fd = -1 };
    if (strlen(path) >= sizeof(d->path))
        FAIL(e, SELFSAME_USAGE, "path of %zu bytes, at most %zu", strlen(path),
            sizeof(d->path) - 1);
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        FAIL(e, SELFSAME_IO, "cannot write %s: it is a directory", path);
    (void)snprintf(d->path, sizeof(d->path), "%s", path);
    d->fd = open_nameless(path);
    if (d->fd < 0) {
        (void)snprintf(d->temporary, sizeof(d->temporary), "%s.XXXXXX.part", path);
        d->fd = mkostemps(d->temporary, 5, O_CLOEXEC);
    }
    if (d->fd < 0) {
        d->temporary[0] = '\0';
        return file_error(e, "cannot create a file beside", path);
    }
    /* An ordinary file obeys the umask; a secret one never does. */
    mode_t mask = umask(022);
    (void)umask(mask);
    if (fchmod(d->fd, secret ? 0600 : 0666 & ~mask) != 0) {
        draft_discard(d);
        return file_error(e, "cannot set the mode of", path);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
sync_parent(const char *path, struct selfsame_err *e)
{
    char dir[1024];

    parent_of(path, dir, sizeof(dir));
    auto_fd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        return file_error(e, "cannot sync", dir);
    return SELFSAME_OK;
}

enum selfsame_code
draft_commit(struct file_draft *d, struct selfsame_err *e)
{
    if (fsync(d->fd) != 0 && errno != EINVAL)
        return file_error(e, "cannot sync", d->path);
    if (d->temporary[0] == '\0')
        TRY(name_it(d, e));
    fd_close(&d->fd);
    if (rename(d->temporary, d->path) != 0)
        return file_error(e, "cannot rename to", d->path);
    d->temporary[0] = '\0';
    return sync_parent(d->path, e);
}

void
draft_discard(struct file_draft *d)
{
    fd_close(&d->fd);
    if (d->temporary[0] != '\0')
        (void)unlink(d->temporary);
    d->temporary[0] = '\0';
}

/*
 * Root may hand a file to the group of a service, and to nobody else, as Kubernetes does
 * with secrets: its mode is then 0440, and the service, which is not root, cannot widen it.
 */
static bool
is_handed_over(const struct stat *st)
{
    return st->st_uid == 0 && geteuid() != 0 && (st->st_mode & 037) == 0;
}

enum selfsame_code
file_is_private(const char *path, struct selfsame_err *e)
{
    struct stat st;

    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) == 0 ||
        is_handed_over(&st))
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "%s: expected mode 0600, got %04o: others can read this key", path,
        (unsigned)(st.st_mode & 07777));
    err_remedy(e, "chmod 600 the key; if somebody may have read it, make another.");
    return SELFSAME_USAGE;
}

enum selfsame_code
file_write(
    const char *path, struct selfsame_bytes data, bool secret, struct selfsame_err *e)
{
    if (strcmp(path, "-") == 0)
        return fd_write_all(STDOUT_FILENO, data, "standard output", e);
    auto_draft d = { .fd = -1 };
    TRY(draft_open(&d, path, secret, e));
    TRY(fd_write_all(d.fd, data, path, e));
    return draft_commit(&d, e);
}
