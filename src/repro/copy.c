/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct copying {
    const struct copy_rules *rules;
    char path[TREE_PATH]; /* for messages */
};

static enum selfsame_code
cannot(struct selfsame_err *e, const char *what, const struct copying *c)
{
    FAIL(e, SELFSAME_IO, "cannot %s %s: %s", what, c->path, strerror(errno));
}

static enum selfsame_code
stamp(const struct copying *c, int at, const char *name, struct selfsame_err *e)
{
    struct timespec t = { .tv_sec = c->rules->mtime_s };
    struct timespec both[2] = { t, t };

    if (utimensat(at, name, both, AT_SYMLINK_NOFOLLOW) != 0)
        return cannot(e, "set the time of", c);
    return SELFSAME_OK;
}

static enum selfsame_code
copy_file(const struct copying *c, int from, int to, const char *name,
    const struct stat *st, struct selfsame_err *e)
{
    enum { PIECE = 64 * 1024 };
    auto_arena arena = arena_new(PIECE);
    uint8_t *buf = arena_alloc(&arena, 1, PIECE);
    auto_fd in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    mode_t want = (st->st_mode & 0111) != 0 ? 0755 : 0644;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to copy %s", c->path);
    if (in < 0)
        return cannot(e, "open", c);
    auto_fd out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0 || fchmod(out, want) != 0)
        return cannot(e, "make a copy of", c);
    for (;;) {
        ssize_t n = read(in, buf, PIECE);

        if (n == 0)
            return SELFSAME_OK;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot(e, "read", c);
        TRY(fd_write_all(out, BYTES(buf, (size_t)n), c->path, e));
    }
}

static enum selfsame_code
copy_link(
    const struct copying *c, int from, int to, const char *name, struct selfsame_err *e)
{
    char target[TREE_PATH];
    ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

    if (n <= 0)
        return cannot(e, "read the link", c);
    target[n] = 0;
    if (symlinkat(target, to, name) != 0)
        return cannot(e, "make a copy of", c);
    return SELFSAME_OK;
}

static enum selfsame_code copy_dir(
    struct copying *c, int from, int to, struct selfsame_err *e);

static enum selfsame_code
copy_subdir(
    struct copying *c, int from, int to, const char *name, struct selfsame_err *e)
{
    if (mkdirat(to, name, 0755) != 0)
        return cannot(e, "make a copy of", c);
    auto_fd in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_fd out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0 || out < 0 || fchmod(out, 0755) != 0)
        return cannot(e, "open", c);
    return copy_dir(c, in, out, e);
}

/* The owner first: giving a file away takes its set-id bits. */
static enum selfsame_code
keep(const struct copying *c, int to, const char *name, const struct stat *st,
    struct selfsame_err *e)
{
    uid_t uid = c->rules->owner != 0 ? c->rules->owner : st->st_uid;
    gid_t gid = c->rules->owner != 0 ? c->rules->owner : st->st_gid;

    if (geteuid() == 0 && fchownat(to, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
        return cannot(e, "set the owner of", c);
    if (!S_ISLNK(st->st_mode) && fchmodat(to, name, st->st_mode & 07777, 0) != 0)
        return cannot(e, "set the mode of", c);
    return SELFSAME_OK;
}

static enum selfsame_code
copy_one(struct copying *c, int from, int to, const char *name, struct selfsame_err *e)
{
    struct stat st;

    if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return cannot(e, "look at", c);
    if (S_ISDIR(st.st_mode) && c->rules->skip_ino != 0 &&
        st.st_ino == c->rules->skip_ino && st.st_dev == c->rules->skip_dev)
        return SELFSAME_OK;
    if (S_ISDIR(st.st_mode))
        TRY(copy_subdir(c, from, to, name, e));
    else if (S_ISREG(st.st_mode))
        TRY(copy_file(c, from, to, name, &st, e));
    else if (S_ISLNK(st.st_mode))
        TRY(copy_link(c, from, to, name, e));
    else if (S_ISSOCK(st.st_mode) || !c->rules->faithful)
        return SELFSAME_OK;
    else if (mknodat(to, name, st.st_mode & (S_IFMT | 0777), st.st_rdev) != 0)
        return cannot(e, "make a copy of", c);
    if (c->rules->faithful)
        TRY(keep(c, to, name, &st, e));
    return stamp(c, to, name, e);
}

/* ---- names, sorted ---- */

struct names {
    char **at;
    size_t count, cap;
};

static void
names_free(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free(n->at[i]);
    free((void *)n->at);
}

static bool
names_add(struct names *n, const char *name)
{
    if (n->count == n->cap) {
        size_t cap = n->cap == 0 ? 64 : n->cap * 2;
        char **more = realloc((void *)n->at, cap * sizeof(*more));

        if (more == NULL)
            return false;
        n->at = more;
        n->cap = cap;
    }
    n->at[n->count] = strdup(name);
    return n->at[n->count] != NULL && ++n->count > 0;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
dir_close(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

static enum selfsame_code
names_read(const struct copying *c, int fd, struct names *ret, struct selfsame_err *e)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    __attribute__((cleanup(dir_close))) DIR *d = own >= 0 ? fdopendir(own) : NULL;

    if (d == NULL) {
        fd_close(&own);
        return cannot(e, "read", c);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);

        if (entry == NULL && errno != 0)
            return cannot(e, "read", c);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!names_add(ret, entry->d_name))
            FAIL(e, SELFSAME_NOMEM, "no memory for the names in %s", c->path);
    }
    if (ret->count > 0)
        qsort((void *)ret->at, ret->count, sizeof(*ret->at), by_name);
    return SELFSAME_OK;
}

static enum selfsame_code
copy_dir(struct copying *c, int from, int to, struct selfsame_err *e)
{
    __attribute__((cleanup(names_free))) struct names names = { 0 };
    size_t len = strlen(c->path);

    TRY(names_read(c, from, &names, e));
    for (size_t i = 0; i < names.count; i++) {
        const char *name = names.at[c->rules->reverse ? names.count - 1 - i : i];

        /* What `git` keeps differs between two checkouts of the same tree. */
        if (len == 0 && !c->rules->faithful && strcmp(name, ".git") == 0)
            continue;
        int n = snprintf(
            c->path + len, sizeof(c->path) - len, "%s%s", len > 0 ? "/" : "", name);
        if (n < 0 || (size_t)n >= sizeof(c->path) - len)
            FAIL(e, SELFSAME_MALFORMED, "%s: a path of over %zu bytes", c->path,
                sizeof(c->path));
        TRY(copy_one(c, from, to, name, e));
        c->path[len] = 0;
    }
    return SELFSAME_OK;
}

enum selfsame_code
copy_tree(const char *from, const char *to, const struct copy_rules *rules,
    struct selfsame_err *e)
{
    struct copying c = { .rules = rules };
    auto_fd in = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_fd out = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (in < 0 || out < 0)
        FAIL(e, SELFSAME_IO, "cannot open %s: %s", in < 0 ? from : to, strerror(errno));
    return copy_dir(&c, in, out, e);
}
