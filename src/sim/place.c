/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "sim/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { BUCKETS = 4096, MOST_LINKS = 1 << 20, MOST_CLOSED = 1 << 16 };

struct name {
    struct name *next;
    uint32_t ino, dev_major, dev_minor, mode;
    char path[];
};

struct placer {
    int root;
    bool owner; /* may give files away: running as root */
    struct name *links[BUCKETS];
    size_t link_count;
    struct name
        *closed; /* directories whose owner may not write: mode set at the end */
    size_t closed_count;
    struct place_entry entry;
    int parent; /* of the entry being made */
    char parent_path[4097];
    const char *base; /* in entry.name */
    int file;         /* being written, or -1 */
    char name[4097];
};

bool
place_is_link(const struct place_entry *e)
{
    return S_ISLNK(e->mode);
}

enum selfsame_code
placer_new(int root, struct placer **ret, struct selfsame_err *e)
{
    struct placer *p = calloc(1, sizeof(*p));

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "unpacking a ramdisk");
    p->root = root;
    p->owner = geteuid() == 0;
    p->parent = p->file = -1;
    *ret = p;
    return SELFSAME_OK;
}

static void
free_names(struct name **list)
{
    while (*list != NULL) {
        struct name *next = (*list)->next;

        free(*list);
        *list = next;
    }
}

void
placer_end_archive(struct placer *p)
{
    for (size_t i = 0; i < BUCKETS; i++)
        free_names(&p->links[i]);
    p->link_count = 0;
}

void
placer_free(struct placer *p)
{
    if (p == NULL)
        return;
    placer_end_archive(p);
    free_names(&p->closed);
    fd_close(&p->parent);
    fd_close(&p->file);
    free(p);
}

static struct name *
name_new(const struct place_entry *entry, const char *path)
{
    size_t n = strlen(path) + 1;
    struct name *name = malloc(sizeof(*name) + n);

    if (name == NULL)
        return NULL;
    *name = (struct name){ .ino = entry->ino,
        .dev_major = entry->dev_major,
        .dev_minor = entry->dev_minor,
        .mode = entry->mode };
    memcpy(name->path, path, n);
    return name;
}

/* "./usr//bin/" → "usr/bin"; the root itself → "". False: "..". */
static bool
clean(const char *in, char *ret)
{
    size_t n = 0;

    while (*in != '\0') {
        size_t len = strcspn(in, "/");

        if (len == 2 && in[0] == '.' && in[1] == '.')
            return false;
        if (len > 0 && !(len == 1 && in[0] == '.')) {
            if (n > 0)
                ret[n++] = '/';
            memcpy(ret + n, in, len);
            n += len;
        }
        in += len + (in[len] == '/');
    }
    ret[n] = '\0';
    return true;
}

/* A directory of the image: links in its path lead inside the root, as they will for the guest. */
static int
open_below(int root, const char *path)
{
    struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };

    return (int)syscall(
        SYS_openat2, root, path[0] != '\0' ? path : ".", &how, sizeof(how));
}

static enum selfsame_code
fail_io(const struct placer *p, const char *doing, struct selfsame_err *e)
{
    int why = errno;

    FAIL(e, SELFSAME_IO, "cannot %s %.90s: %s", doing, p->entry.name, strerror(why));
}

/* Splits the name; opens the directory, mostly the one of the entry before. */
static enum selfsame_code
find_parent(struct placer *p, struct selfsame_err *e)
{
    char *slash = strrchr(p->name, '/');
    char path[4097] = "";

    if (slash != NULL) {
        memcpy(path, p->name, (size_t)(slash - p->name));
        path[slash - p->name] = '\0';
    }
    p->base = slash != NULL ? slash + 1 : p->name;
    if (p->parent >= 0 && strcmp(path, p->parent_path) == 0)
        return SELFSAME_OK;
    fd_close(&p->parent);
    p->parent = open_below(p->root, path);
    if (p->parent < 0)
        FAIL(e, errno == ENOENT || errno == ENOTDIR ? SELFSAME_MALFORMED : SELFSAME_IO,
            "ramdisk: %.80s: cannot open its directory: %s", p->entry.name,
            strerror(errno));
    memcpy(p->parent_path, path, sizeof(path));
    return SELFSAME_OK;
}

/* A later entry replaces an earlier one of another kind, as in the kernel. */
static enum selfsame_code
make_room(struct placer *p, struct selfsame_err *e)
{
    struct stat st;

    if (fstatat(p->parent, p->base, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return SELFSAME_OK;
    bool dir = S_ISDIR(st.st_mode);
    if (dir && S_ISDIR(p->entry.mode))
        return SELFSAME_OK;
    if (unlinkat(p->parent, p->base, dir ? AT_REMOVEDIR : 0) != 0)
        return fail_io(p, "replace", e);
    if (!S_ISREG(st.st_mode))
        /* The remembered directory may have been reached through it. */
        p->parent_path[0] = '\1';
    return SELFSAME_OK;
}

static struct name **
bucket_of(struct placer *p)
{
    return &p->links[(p->entry.ino ^ p->entry.dev_minor << 8) % BUCKETS];
}

static const struct name *
find_link(struct placer *p)
{
    for (const struct name *n = *bucket_of(p); n != NULL; n = n->next)
        if (n->ino == p->entry.ino && n->dev_major == p->entry.dev_major &&
            n->dev_minor == p->entry.dev_minor && n->mode == p->entry.mode)
            return n;
    return NULL;
}

static enum selfsame_code
remember_link(struct placer *p, struct selfsame_err *e)
{
    struct name *n = p->link_count < MOST_LINKS ? name_new(&p->entry, p->name) : NULL;

    if (n == NULL)
        FAIL(e, SELFSAME_NOMEM, "a ramdisk with over %zu hard links", p->link_count);
    n->next = *bucket_of(p);
    *bucket_of(p) = n;
    p->link_count++;
    return SELFSAME_OK;
}

static enum selfsame_code
link_to(struct placer *p, const struct name *first, struct selfsame_err *e)
{
    char path[4097];
    const char *slash = strrchr(first->path, '/');
    size_t n = slash != NULL ? (size_t)(slash - first->path) : 0;

    memcpy(path, first->path, n);
    path[n] = '\0';
    auto_fd from = open_below(p->root, path);
    if (from < 0 || linkat(from, slash != NULL ? slash + 1 : first->path, p->parent,
                        p->base, 0) != 0)
        return fail_io(p, "link", e);
    return SELFSAME_OK;
}

static enum selfsame_code
begin_file(struct placer *p, struct selfsame_err *e)
{
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;

    if (p->entry.nlink > 1) {
        const struct name *first = find_link(p);

        if (first != NULL) {
            TRY(link_to(p, first, e));
            /* newc: the data stand with one of the names, mostly the last. */
            if (p->entry.size == 0)
                return SELFSAME_OK;
            /* The name may be a FIFO by now: opening it must not wait. */
            flags = O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
        } else {
            TRY(remember_link(p, e));
        }
    }
    p->file = openat(p->parent, p->base, flags, 0600);
    return p->file >= 0 ? SELFSAME_OK : fail_io(p, "make", e);
}

/* Owner and mode of what has no open descriptor; a link has no mode. */
static enum selfsame_code
set_owner(struct placer *p, struct selfsame_err *e)
{
    if (p->owner && fchownat(p->parent, p->base, p->entry.uid, p->entry.gid,
                        AT_SYMLINK_NOFOLLOW) != 0)
        return fail_io(p, "give away", e);
    return SELFSAME_OK;
}

/* The mode of a later entry counts. */
static void
forget_closed(struct placer *p)
{
    for (struct name **at = &p->closed; *at != NULL; at = &(*at)->next) {
        struct name *n = *at;

        if (strcmp(n->path, p->name) != 0)
            continue;
        *at = n->next;
        free(n);
        p->closed_count--;
        return;
    }
}

static enum selfsame_code
make_dir(struct placer *p, struct selfsame_err *e)
{
    bool is_root = p->name[0] == '\0';
    const char *base = is_root ? "." : p->base;
    mode_t mode = p->entry.mode & 07777;

    if (is_root || mkdirat(p->parent, base, 0700) != 0) {
        if (!is_root && errno != EEXIST)
            return fail_io(p, "make", e);
        forget_closed(p);
    }
    p->base = base;
    TRY(set_owner(p, e));
    if (!p->owner && (mode & 0700) != 0700) {
        /* Ours to fill first: only root writes into a directory of mode 0555. */
        struct name *n = p->closed_count < MOST_CLOSED ? name_new(&p->entry, p->name)
                                                       : NULL;

        if (n == NULL)
            FAIL(e, SELFSAME_NOMEM, "a ramdisk with over %zu closed directories",
                p->closed_count);
        n->next = p->closed;
        p->closed = n;
        p->closed_count++;
        mode |= 0700;
    }
    return fchmodat(p->parent, base, mode, 0) == 0 ? SELFSAME_OK
                                                   : fail_io(p, "set the mode of", e);
}

static enum selfsame_code
make_special(struct placer *p, struct selfsame_err *e)
{
    if (S_ISLNK(p->entry.mode)) {
        if (symlinkat(p->entry.target, p->parent, p->base) != 0)
            return fail_io(p, "make", e);
        return set_owner(p, e);
    }
    if (S_ISFIFO(p->entry.mode)) {
        if (mkfifoat(p->parent, p->base, 0600) != 0)
            return fail_io(p, "make", e);
        TRY(set_owner(p, e));
        return fchmodat(p->parent, p->base, p->entry.mode & 07777, 0) == 0
                   ? SELFSAME_OK
                   : fail_io(p, "set the mode of", e);
    }
    if (!S_ISCHR(p->entry.mode) && !S_ISBLK(p->entry.mode) && !S_ISSOCK(p->entry.mode))
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: %.80s: mode %o is of no kind of file",
            p->entry.name, p->entry.mode);
    /* The guest gets the simulator's /dev; nodes elsewhere would be the host's hardware. */
    return SELFSAME_OK;
}

enum selfsame_code
placer_begin(struct placer *p, const struct place_entry *entry, struct selfsame_err *e)
{
    p->entry = *entry;
    if (strlen(entry->name) >= sizeof(p->name) || !clean(entry->name, p->name))
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: name with \"..\": %.90s", entry->name);
    bool is_root = p->name[0] == '\0';
    if (is_root && !S_ISDIR(entry->mode))
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: \"%.40s\" is not a directory",
            entry->name);
    if (entry->size > 0 && !S_ISREG(entry->mode) && !S_ISLNK(entry->mode))
        FAIL(e, SELFSAME_MALFORMED, "ramdisk: %.80s: data in what is no file",
            entry->name);
    TRY(find_parent(p, e));
    if (!is_root)
        TRY(make_room(p, e));
    if (S_ISREG(entry->mode))
        return begin_file(p, e);
    return S_ISDIR(entry->mode) ? make_dir(p, e) : make_special(p, e);
}

enum selfsame_code
placer_data(struct placer *p, struct selfsame_bytes b, struct selfsame_err *e)
{
    return fd_write_all(p->file, b, p->entry.name, e);
}

enum selfsame_code
placer_end(struct placer *p, struct selfsame_err *e)
{
    if (p->file < 0)
        return SELFSAME_OK;
    TRY(set_owner(p, e));
    /* After chown, which clears the set-id bits. */
    if (fchmod(p->file, p->entry.mode & 07777) != 0)
        return fail_io(p, "set the mode of", e);
    fd_close(&p->file);
    return SELFSAME_OK;
}

enum selfsame_code
placer_finish(struct placer *p, struct selfsame_err *e)
{
    /* Newest first: a closed directory comes after those that it contains. */
    for (const struct name *n = p->closed; n != NULL; n = n->next) {
        char path[64];
        auto_fd dir = open_below(p->root, n->path);

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
        if (dir >= 0 && chmod(path, n->mode & 07777) != 0)
            FAIL(e, SELFSAME_IO, "cannot set the mode of %.90s: %s", n->path,
                strerror(errno));
    }
    return SELFSAME_OK;
}
