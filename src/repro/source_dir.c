/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*
 * A directory of this machine. Names are read in whatever order the file system
 * has them: the tree sorts. Contents are opened when they are written, one at a
 * time; a file that changed meanwhile is an error, not a surprise.
 */
struct dir_source {
    struct dir_source *next;
    int top; /* the directory, or -1: paths are as they stand */
    struct dir_file *open_file;
    int open_fd;
};

struct dir_file {
    struct dir_source *dir;
    const char *path;
    struct stat st; /* when the tree was made */
};

static bool
same_file(const struct stat *a, const struct stat *b)
{
    return S_ISREG(b->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static enum selfsame_code
cannot(struct selfsame_err *e, const char *what, const char *path)
{
    int why = errno;

    return remedied(e,
        err_set(e, SELFSAME_IO, __FILE__, __LINE__, "cannot %s %s: %s", what, path,
            strerror(why)),
        why == EACCES ? "Run as a user who may read it, or change its mode."
                      : "Check the path, and that nothing else changes it.");
}

static enum selfsame_code
file_read_at(const struct content *c, uint64_t at, uint8_t *buf, size_t n,
    struct selfsame_err *e)
{
    struct dir_file *f = c->ctx;
    struct dir_source *d = f->dir;

    if (d->open_file != f) {
        struct stat now;

        fd_close(&d->open_fd);
        d->open_file = NULL;
        d->open_fd = openat(d->top >= 0 ? d->top : AT_FDCWD, f->path,
            O_RDONLY | O_CLOEXEC | O_NONBLOCK | (d->top >= 0 ? O_NOFOLLOW : 0));
        if (d->open_fd < 0)
            return cannot(e, "open", f->path);
        if (fstat(d->open_fd, &now) != 0 || !same_file(&f->st, &now))
            FAIL(e, SELFSAME_IO, "%s: changed while the image was built", f->path);
        d->open_file = f;
    }
    return fd_pread_all(d->open_fd, at, buf, n, f->path, e);
}

static struct dir_source *
dir_source_new(struct source *s, int top)
{
    struct dir_source *d = calloc(1, sizeof(*d));

    if (d == NULL)
        return NULL;
    *d = (struct dir_source){ .next = s->dirs, .top = top, .open_fd = -1 };
    s->dirs = d;
    return d;
}

static void
dir_sources_free(struct dir_source *d)
{
    while (d != NULL) {
        struct dir_source *next = d->next;

        fd_close(&d->open_fd);
        fd_close(&d->top);
        free(d);
        d = next;
    }
}

enum selfsame_code
source_init(struct source *s, struct selfsame_err *e)
{
    static const char *const none[] = { NULL };

    *s = (struct source){ .arena = arena_new((size_t)2 << 30),
        .tree = tree_new(),
        .spool = { .fd = -1 },
        .scratch = { .fd = -1 },
        .file = -1,
        .run = { .argv = none, .env = none, .workdir = "/" },
        .kind = "" };
    if (s->tree == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a tree");
    return SELFSAME_OK;
}

void
source_free(struct source *s)
{
    struct selfsame_err unused = { 0 };

    tree_free(&s->tree);
    dir_sources_free(s->dirs);
    spool_close(&s->spool);
    fd_close(&s->file);
    /* What stays behind in TMPDIR is no reason to fail a finished build. */
    (void)!scratch_remove(&s->scratch, &unused);
    arena_free(&s->arena);
}

/* ---- walking ---- */

struct walk {
    struct source *s;
    struct dir_source *dir;
    const struct dir_skip *skip;
    const struct repro_voice *voice;
    char path[TREE_PATH];
};

static enum selfsame_code
read_target(
    struct walk *w, int at, const char *name, struct node *n, struct selfsame_err *e)
{
    char *target = arena_alloc(&w->s->arena, 1, TREE_PATH);

    if (target == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a link");
    ssize_t len = readlinkat(at, name, target, TREE_PATH);
    if (len <= 0 || len >= TREE_PATH)
        return cannot(e, "read the link", w->path);
    n->target = target;
    return SELFSAME_OK;
}

static enum selfsame_code
make_content(struct source *s, struct dir_source *d, const char *path,
    const struct stat *st, struct content *ret, struct selfsame_err *e)
{
    struct dir_file *f = ARENA_NEW(&s->arena, struct dir_file, 1);
    const char *copy = arena_str(&s->arena, bytes_str(path));

    if (f == NULL || copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for %s", path);
    if ((uint64_t)st->st_size > LAYER_TOTAL - s->total)
        FAIL(e, SELFSAME_UNSUPPORTED, "%s: expected at most %llu bytes in an image",
            path, (unsigned long long)LAYER_TOTAL);
    s->total += (uint64_t)st->st_size;
    *f = (struct dir_file){ .dir = d, .path = copy, .st = *st };
    *ret = (struct content){
        .size = (uint64_t)st->st_size, .read = file_read_at, .ctx = f
    };
    return SELFSAME_OK;
}

static enum selfsame_code walk_dir(struct walk *w, int fd, struct selfsame_err *e);

static enum selfsame_code
walk_into(struct walk *w, int at, const char *name, struct selfsame_err *e)
{
    auto_fd fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return cannot(e, "open", w->path);
    return walk_dir(w, fd, e);
}

static enum selfsame_code
walk_one(struct walk *w, int at, const char *name, struct selfsame_err *e)
{
    struct stat st;

    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return cannot(e, "look at", w->path);
    if (w->skip->ino != 0 && st.st_ino == w->skip->ino && st.st_dev == w->skip->dev)
        return SELFSAME_OK;
    struct node n = { .path = w->path,
        .mode = (uint16_t)(st.st_mode & 07777),
        .uid = st.st_uid,
        .gid = st.st_gid };
    switch (st.st_mode & S_IFMT) {
    case S_IFDIR: n.type = NODE_DIR; break;
    case S_IFREG:
        n.type = NODE_FILE;
        TRY(make_content(w->s, w->dir, w->path, &st, &n.content, e));
        break;
    case S_IFLNK:
        n.type = NODE_SYMLINK;
        TRY(read_target(w, at, name, &n, e));
        break;
    case S_IFCHR:
    case S_IFBLK:
        n.type = S_ISCHR(st.st_mode) ? NODE_CHAR : NODE_BLOCK;
        n.rdev_major = major(st.st_rdev);
        n.rdev_minor = minor(st.st_rdev);
        break;
    case S_IFIFO: n.type = NODE_FIFO; break;
    default:
        voice_note(w->voice, "left out: %s (a socket)", w->path);
        return SELFSAME_OK;
    }
    TRY(tree_put(w->s->tree, &n, e));
    return n.type == NODE_DIR ? walk_into(w, at, name, e) : SELFSAME_OK;
}

static void
dir_close(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

static enum selfsame_code
walk_dir(struct walk *w, int fd, struct selfsame_err *e)
{
    size_t len = strlen(w->path);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    __attribute__((cleanup(dir_close))) DIR *d = own >= 0 ? fdopendir(own) : NULL;

    if (d == NULL) {
        fd_close(&own);
        return cannot(e, "read", w->path);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (entry == NULL && errno != 0)
            return cannot(e, "read", w->path);
        if (entry == NULL)
            return SELFSAME_OK;
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
            (len == 0 && w->skip->name != NULL && strcmp(name, w->skip->name) == 0))
            continue;
        int n = snprintf(
            w->path + len, sizeof(w->path) - len, "%s%s", len > 0 ? "/" : "", name);
        if (n < 0 || (size_t)n >= sizeof(w->path) - len)
            FAIL(e, SELFSAME_MALFORMED, "%s: a path of over %zu bytes", w->path,
                sizeof(w->path));
        TRY(walk_one(w, fd, name, e));
        w->path[len] = 0;
    }
}

enum selfsame_code
source_dir_add(struct source *s, const char *path, const struct dir_skip *skip,
    const struct repro_voice *voice, struct selfsame_err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return cannot(e, "open", path);
    struct dir_source *d = dir_source_new(s, fd);
    if (d == NULL) {
        fd_close(&fd);
        FAIL(e, SELFSAME_NOMEM, "no memory for a directory");
    }
    struct walk w = { .s = s, .dir = d, .skip = skip, .voice = voice };
    return walk_dir(&w, fd, e);
}

enum selfsame_code
source_file_add(struct source *s, struct tree *tree, const char *path, const char *to,
    int mode, struct selfsame_err *e)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return cannot(e, "look at", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "%s: expected a regular file", path);
    struct dir_source *d = dir_source_new(s, -1);
    struct node n = { .path = to, .type = NODE_FILE };
    if (d == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for %s", path);
    n.mode = mode >= 0 ? (uint16_t)mode : (st.st_mode & 0111) != 0 ? 0755 : 0644;
    TRY(make_content(s, d, path, &st, &n.content, e));
    return tree_put(tree, &n, e);
}
