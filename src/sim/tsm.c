/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * configfs-tsm as the guest sees it (drivers/virt/coco/guest/report.c): a directory is a
 * request. What is written to inblob reaches the provider when the file is closed, and
 * its answer is lost; only the generation tells. fuse.c carries this over /dev/fuse.
 */
enum attribute {
    INBLOB,
    OUTBLOB,
    AUXBLOB,
    GENERATION,
    PROVIDER,
    PRIVLEVEL,
    FLOOR,
    ATTRIBUTES
};
static const struct {
    const char *name;
    mode_t mode;
    bool aux; /* only of providers with certificates and privilege levels: SNP */
} attributes[ATTRIBUTES] = {
    [INBLOB] = { "inblob", 0222, false },
    [OUTBLOB] = { "outblob", 0444, false },
    [AUXBLOB] = { "auxblob", 0444, true },
    [GENERATION] = { "generation", 0444, false },
    [PROVIDER] = { "provider", 0444, false },
    [PRIVLEVEL] = { "privlevel", 0222, true },
    [FLOOR] = { "privlevel_floor", 0444, true },
};

enum { REQUESTS = 64, HANDLES = 64, NAME = 64, DATA = 64, STEP = 16, ROOT_NODE = 1 };
struct request {
    char name[NAME]; /* "": free */
    uint8_t in[DATA];
    size_t in_len;
    uint64_t generation, made; /* of the report below; 0: none */
    unsigned vmpl;
    struct arena arena;
    struct selfsame_bytes out, aux;
};
struct handle {
    bool used, dirty;
    uint64_t node;
    uint8_t buf[DATA];
    size_t len;
};
struct tree {
    bool aux;
    struct request request[REQUESTS];
    struct handle handle[HANDLES];
};

static void *
tsm_make(const struct guest_device *d)
{
    struct tree *t = calloc(1, sizeof(*t));

    if (t != NULL)
        t->aux = d->aux;
    return t;
}

static void
tsm_free(void *tree)
{
    struct tree *t = tree;

    for (size_t i = 0; t != NULL && i < REQUESTS; i++)
        arena_free(&t->request[i].arena);
    free(t);
}

/* Node numbers: 1 the root; a request's directory is STEP * (its slot + 1), its files follow. */
static struct request *
request_of(struct tree *t, uint64_t node)
{
    uint64_t slot = node / STEP;

    if (slot < 1 || slot > REQUESTS || t->request[slot - 1].name[0] == '\0' ||
        node % STEP > ATTRIBUTES)
        return NULL;
    return &t->request[slot - 1];
}

static bool
is_file(uint64_t node)
{
    return node >= STEP && node % STEP != 0;
}

static enum attribute
attribute_of(uint64_t node)
{
    return (enum attribute)(node % STEP - 1);
}

/* ---- names ---- */

/* The provider has it. */
static bool
is_shown(const struct tree *t, size_t attribute)
{
    return t->aux || !attributes[attribute].aux;
}

static int
tsm_stat(void *tree, uint64_t node, mode_t *ret)
{
    struct tree *t = tree;
    if (node != ROOT_NODE && request_of(t, node) == NULL)
        return -ENOENT;
    *ret = is_file(node) ? S_IFREG | attributes[attribute_of(node)].mode
                         : S_IFDIR | 0777;
    return 0;
}

static int
tsm_lookup(void *tree, uint64_t dir, const char *name, uint64_t *ret)
{
    struct tree *t = tree;
    if (dir == ROOT_NODE) {
        for (size_t i = 0; i < REQUESTS; i++)
            if (name[0] != '\0' && strcmp(t->request[i].name, name) == 0) {
                *ret = STEP * (i + 1);
                return 0;
            }
        return -ENOENT;
    }
    if (request_of(t, dir) == NULL || is_file(dir))
        return -ENOTDIR;
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (is_shown(t, i) && strcmp(attributes[i].name, name) == 0) {
            *ret = dir + 1 + i;
            return 0;
        }
    return -ENOENT;
}

static int
tsm_mkdir(void *tree, uint64_t dir, const char *name, uint64_t *ret)
{
    struct tree *t = tree;
    size_t free_slot = REQUESTS;

    if (dir != ROOT_NODE)
        return -EPERM;
    if (tsm_lookup(t, dir, name, ret) == 0)
        return -EEXIST;
    if (strlen(name) >= NAME)
        return -ENAMETOOLONG;
    for (size_t i = REQUESTS; i-- > 0;)
        if (t->request[i].name[0] == '\0')
            free_slot = i;
    if (free_slot == REQUESTS)
        return -ENOSPC;
    struct request *r = &t->request[free_slot];
    *r = (struct request){ .arena = arena_new(0) };
    (void)snprintf(r->name, sizeof(r->name), "%s", name);
    *ret = STEP * (free_slot + 1);
    return 0;
}

static int
tsm_rmdir(void *tree, uint64_t dir, const char *name)
{
    struct tree *t = tree;
    uint64_t node;
    int why = tsm_lookup(t, dir, name, &node);

    if (why != 0)
        return why;
    if (is_file(node))
        return -ENOTDIR;
    struct request *r = request_of(t, node);
    arena_free(&r->arena);
    *r = (struct request){ .name = "" };
    for (size_t i = 0; i < HANDLES; i++) /* what is still open speaks to nobody */
        if (t->handle[i].used && t->handle[i].node / STEP == node / STEP)
            t->handle[i].node = 0;
    return 0;
}

static const char *
tsm_entry(void *tree, uint64_t dir, size_t n, uint64_t *ret)
{
    struct tree *t = tree;

    if (request_of(t, dir) != NULL) {
        for (size_t i = 0; i < ATTRIBUTES; i++) {
            *ret = dir + 1 + i;
            if (is_shown(t, i) && n-- == 0)
                return attributes[i].name;
        }
        return NULL;
    }
    for (size_t i = 0; dir == ROOT_NODE && i < REQUESTS; i++) {
        *ret = STEP * (i + 1);
        if (t->request[i].name[0] != '\0' && n-- == 0)
            return t->request[i].name;
    }
    return NULL;
}

/* ---- files ---- */

static int
tsm_open(void *tree, uint64_t node, int flags, uint64_t *ret)
{
    struct tree *t = tree;
    struct request *r = request_of(t, node);
    bool writes = (flags & O_ACCMODE) != O_RDONLY;

    if (r == NULL || !is_file(node))
        return -ENOENT;
    mode_t mode = attributes[attribute_of(node)].mode;
    if ((writes && (mode & 0222) == 0) ||
        ((flags & O_ACCMODE) != O_WRONLY && (mode & 0444) == 0))
        return -EACCES;
    for (size_t i = 0; i < HANDLES; i++) {
        if (t->handle[i].used)
            continue;
        t->handle[i] = (struct handle){ .used = true, .node = node };
        *ret = i;
        return 0;
    }
    return -ENFILE;
}

static int
tsm_write(void *tree, struct notify *n, uint64_t fh, uint64_t offset,
    struct selfsame_bytes data)
{
    struct tree *t = tree;
    struct handle *h = fh < HANDLES && t->handle[fh].used ? &t->handle[fh] : NULL;

    (void)n;
    if (h == NULL || h->node == 0)
        return -EBADF;
    if (attribute_of(h->node) == PRIVLEVEL) {
        char text[16] = "", *end;
        struct request *r = request_of(t, h->node);

        if (data.len >= sizeof(text))
            return -EINVAL;
        memcpy(text, data.ptr, data.len);
        unsigned long level = strtoul(text, &end, 0);
        if (end == text || (*end != '\0' && *end != '\n') || level > 3)
            return -EINVAL;
        r->vmpl = (unsigned)level;
        r->generation++;
        return (int)data.len;
    }
    if (offset > DATA || data.len > DATA - offset)
        return -EFBIG;
    memcpy(h->buf + offset, data.ptr, data.len);
    if (h->len < offset + data.len)
        h->len = (size_t)(offset + data.len);
    h->dirty = true;
    return (int)data.len;
}

/* A binary attribute reaches its owner here; nobody learns of a refusal. */
static void
tsm_release(void *tree, uint64_t fh)
{
    struct tree *t = tree;
    struct handle *h = fh < HANDLES && t->handle[fh].used ? &t->handle[fh] : NULL;
    struct request *r = h != NULL ? request_of(t, h->node) : NULL;

    if (r != NULL && h->dirty && attribute_of(h->node) == INBLOB) {
        memcpy(r->in, h->buf, DATA);
        r->in_len = h->len;
        r->generation++;
    }
    if (h != NULL)
        h->used = false;
}

static int
make_report(struct request *r, struct notify *n)
{
    if (r->made == r->generation && r->made != 0)
        return 0;
    /* Both providers take exactly so many. */
    if (r->in_len != DATA)
        return -EINVAL;
    arena_free(&r->arena);
    r->arena = arena_new((size_t)1 << 20);
    r->made = 0;
    int why = n->device->report(n, r->in, r->vmpl, &r->arena, &r->out, &r->aux);
    if (why == 0)
        r->made = r->generation;
    return why;
}

static int
tsm_read(void *tree, struct notify *n, uint64_t fh, struct arena *arena,
    struct selfsame_bytes *ret)
{
    struct tree *t = tree;
    struct handle *h = fh < HANDLES && t->handle[fh].used ? &t->handle[fh] : NULL;
    struct request *r = h != NULL ? request_of(t, h->node) : NULL;
    char *text = NULL;

    if (r == NULL)
        return -EBADF;
    switch (attribute_of(h->node)) {
    case OUTBLOB:
    case AUXBLOB: {
        int why = make_report(r, n);

        *ret = attribute_of(h->node) == OUTBLOB ? r->out : r->aux;
        return why;
    }
    case GENERATION:
        text = arena_printf(arena, "%llu\n", (unsigned long long)r->generation);
        break;
    case PROVIDER: text = arena_printf(arena, "%s\n", n->device->provider); break;
    case FLOOR: text = arena_printf(arena, "0\n"); break;
    case INBLOB:
    case PRIVLEVEL:
    case ATTRIBUTES: return -EACCES;
    }
    if (text == NULL)
        return -ENOMEM;
    *ret = bytes_str(text);
    return 0;
}

const struct guest_tree tsm_tree = {
    .make = tsm_make,
    .free = tsm_free,
    .stat = tsm_stat,
    .lookup = tsm_lookup,
    .mkdir = tsm_mkdir,
    .rmdir = tsm_rmdir,
    .entry = tsm_entry,
    .open = tsm_open,
    .write = tsm_write,
    .release = tsm_release,
    .read = tsm_read,
};
