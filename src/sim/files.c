/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * A tree whose files are known beforehand, as those of sysfs or of Gramine's
 * /dev/attestation are. What a file holds is made once for each time it is opened, so
 * that a reader of small pieces gets one answer and not parts of several.
 */
enum { HANDLES = 64, DATA = 4096, ROOT_NODE = 1, FIRST_NODE = 2, CONTENT = 1 << 18 };

struct handle {
    bool used, made;
    uint64_t node;
    uint8_t buf[DATA];
    size_t len;
    struct arena arena;
    struct selfsame_bytes all; /* once made */
};
struct tree {
    const struct guest_file *list;
    size_t count;
    struct handle handle[HANDLES];
    void *state;
};

void *
files_make(const struct guest_file *list, size_t count, size_t state_size)
{
    struct tree *t = calloc(1, sizeof(*t));

    if (t == NULL || (t->state = calloc(1, state_size)) == NULL) {
        free(t);
        return NULL;
    }
    t->list = list;
    t->count = count;
    return t;
}

void
files_free(void *tree)
{
    struct tree *t = tree;

    for (size_t i = 0; i < HANDLES; i++)
        arena_free(&t->handle[i].arena);
    free(t->state);
    free(t);
}

/* NULL: the root, or nothing. */
static const struct guest_file *
file_of(const struct tree *t, uint64_t node)
{
    return node >= FIRST_NODE && node - FIRST_NODE < t->count
               ? &t->list[node - FIRST_NODE]
               : NULL;
}

/* The name of a file in a directory; NULL: it is in another. */
static const char *
name_in(const struct tree *t, uint64_t dir, const struct guest_file *f)
{
    const struct guest_file *d = file_of(t, dir);
    const char *slash = strchr(f->path, '/');

    if (dir == ROOT_NODE)
        return slash == NULL ? f->path : NULL;
    if (d == NULL || !S_ISDIR(d->mode) || slash == NULL ||
        strlen(d->path) != (size_t)(slash - f->path) ||
        strncmp(f->path, d->path, strlen(d->path)) != 0)
        return NULL;
    return slash + 1;
}

int
files_stat(void *tree, uint64_t node, mode_t *ret)
{
    const struct guest_file *f = file_of(tree, node);

    if (f == NULL && node != ROOT_NODE)
        return -ENOENT;
    *ret = f != NULL ? f->mode : S_IFDIR | 0755;
    return 0;
}

const char *
files_entry(void *tree, uint64_t dir, size_t n, uint64_t *ret)
{
    const struct tree *t = tree;

    for (size_t i = 0; i < t->count; i++) {
        const char *name = name_in(t, dir, &t->list[i]);

        *ret = FIRST_NODE + i;
        if (name != NULL && n-- == 0)
            return name;
    }
    return NULL;
}

int
files_lookup(void *tree, uint64_t dir, const char *name, uint64_t *ret)
{
    const char *entry;

    for (size_t n = 0; (entry = files_entry(tree, dir, n, ret)) != NULL; n++)
        if (strcmp(entry, name) == 0)
            return 0;
    return -ENOENT;
}

int
files_mkdir(void *tree, uint64_t dir, const char *name, uint64_t *ret)
{
    (void)tree, (void)dir, (void)name, (void)ret;
    return -EPERM;
}

int
files_rmdir(void *tree, uint64_t dir, const char *name)
{
    (void)tree, (void)dir, (void)name;
    return -EPERM;
}

int
files_open(void *tree, uint64_t node, int flags, uint64_t *ret)
{
    struct tree *t = tree;
    const struct guest_file *f = file_of(t, node);
    const int access = flags & O_ACCMODE;

    if (f == NULL || S_ISDIR(f->mode))
        return f == NULL ? -ENOENT : -EISDIR;
    if ((access != O_RDONLY && (f->mode & 0222) == 0) ||
        (access != O_WRONLY && (f->mode & 0444) == 0))
        return -EACCES;
    for (size_t i = 0; i < HANDLES; i++) {
        if (t->handle[i].used)
            continue;
        t->handle[i] = (struct handle){
            .used = true, .node = node, .arena = arena_new(CONTENT)
        };
        *ret = i;
        return 0;
    }
    return -ENFILE;
}

static struct handle *
handle_of(struct tree *t, uint64_t fh)
{
    return fh < HANDLES && t->handle[fh].used ? &t->handle[fh] : NULL;
}

int
files_write(void *tree, struct notify *n, uint64_t fh, uint64_t offset,
    struct selfsame_bytes data)
{
    struct tree *t = tree;
    struct handle *h = handle_of(t, fh);

    if (h == NULL)
        return -EBADF;
    const struct guest_file *f = file_of(t, h->node);
    if (f->whole && offset != 0)
        return -EINVAL;
    if (offset > h->len || data.len > DATA - offset)
        return -EFBIG;
    memcpy(h->buf + offset, data.ptr, data.len);
    h->len = (size_t)offset + data.len;
    int why = f->write(n, t->state, f->which, BYTES(h->buf, h->len));
    return why != 0 ? why : (int)data.len;
}

void
files_release(void *tree, uint64_t fh)
{
    struct handle *h = handle_of(tree, fh);

    if (h == NULL)
        return;
    arena_free(&h->arena);
    h->used = false;
}

int
files_read(void *tree, struct notify *n, uint64_t fh, struct arena *arena,
    struct selfsame_bytes *ret)
{
    struct tree *t = tree;
    struct handle *h = handle_of(t, fh);

    (void)arena;
    if (h == NULL)
        return -EBADF;
    const struct guest_file *f = file_of(t, h->node);
    if (!h->made) {
        int why = f->read(n, t->state, f->which, &h->arena, &h->all);

        if (why != 0)
            return why;
        h->made = true;
    }
    *ret = h->all;
    return 0;
}
