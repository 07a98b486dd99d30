/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- a set of paths ---- */

struct layer_names {
    struct arena arena;
    const char **slot;
    size_t cap, count;
};

static void
names_free(struct layer_names **n)
{
    if (*n == NULL)
        return;
    arena_free(&(*n)->arena);
    free((void *)(*n)->slot);
    free(*n);
    *n = NULL;
}

static struct layer_names *
names_new(void)
{
    struct layer_names *n = calloc(1, sizeof(*n));

    if (n != NULL)
        n->arena = arena_new((size_t)1 << 30);
    return n;
}

static size_t
names_slot(const struct layer_names *n, const char *s, size_t len)
{
    uint64_t h = 14695981039346656037U; /* FNV-1a; only a place, never a proof */

    for (size_t i = 0; i < len; i++)
        h = (h ^ (uint8_t)s[i]) * 1099511628211U;
    size_t at = (size_t)h & (n->cap - 1);
    while (n->slot[at] != NULL &&
           (strncmp(n->slot[at], s, len) != 0 || n->slot[at][len] != 0))
        at = (at + 1) & (n->cap - 1);
    return at;
}

static bool
names_has(const struct layer_names *n, const char *s, size_t len)
{
    return n->count > 0 && n->slot[names_slot(n, s, len)] != NULL;
}

static bool
names_grow(struct layer_names *n)
{
    struct layer_names bigger = { .cap = n->cap == 0 ? 64 : n->cap * 2 };

    if (n->count * 2 < n->cap)
        return true;
    bigger.slot = calloc(bigger.cap, sizeof(*bigger.slot));
    if (bigger.slot == NULL)
        return false;
    for (size_t i = 0; i < n->cap; i++)
        if (n->slot[i] != NULL)
            bigger.slot[names_slot(&bigger, n->slot[i], strlen(n->slot[i]))] =
                n->slot[i];
    free((void *)n->slot);
    n->slot = bigger.slot;
    n->cap = bigger.cap;
    return true;
}

static enum selfsame_code
names_add(struct layer_names *n, const char *s, size_t len, struct selfsame_err *e)
{
    if (names_has(n, s, len))
        return SELFSAME_OK;
    const char *copy = arena_str(&n->arena, BYTES((const uint8_t *)s, len));
    if (copy == NULL || !names_grow(n))
        FAIL(e, SELFSAME_NOMEM, "layer: no memory for %zu names", n->count);
    n->slot[names_slot(n, s, len)] = copy;
    n->count++;
    return SELFSAME_OK;
}

/* ---- paths ---- */

enum selfsame_code
layer_path(
    const char *in, const char *what, char *ret, size_t cap, struct selfsame_err *e)
{
    size_t len = 0;

    if (in[0] == '/')
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a path inside the root, got '%s'",
            what, in);
    for (const char *p = in; *p != 0;) {
        size_t n = strcspn(p, "/");

        if (n == 2 && p[0] == '.' && p[1] == '.')
            FAIL(e, SELFSAME_MALFORMED, "%s: expected a path without '..', got '%s'",
                what, in);
        if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (len + n + 2 > cap)
                FAIL(e, SELFSAME_MALFORMED, "%s: a path of over %zu bytes", what, cap);
            if (len > 0)
                ret[len++] = '/';
            memcpy(ret + len, p, n);
            len += n;
        }
        p += n;
        p += *p == '/';
    }
    ret[len] = 0;
    return SELFSAME_OK;
}

/* ---- members ---- */

/* The path and all its parents belong to this layer: no whiteout of it hides them. */
static enum selfsame_code
own(struct layer *l, const char *path, struct selfsame_err *e)
{
    for (size_t i = 1; path[i - 1] != 0; i++)
        if (path[i] == '/' || path[i] == 0)
            TRY(names_add(l->own, path, i, e));
    return SELFSAME_OK;
}

/* ".wh.x", ".wh..wh..opq": true when the entry was a marker. */
static enum selfsame_code
marker(struct layer *l, const char *path, bool *ret, struct selfsame_err *e)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t dir = slash != NULL ? (size_t)(slash - path) : 0;
    char victim[TREE_PATH];

    *ret = l->whiteouts && strncmp(name, ".wh.", 4) == 0;
    if (!*ret)
        return SELFSAME_OK;
    if (strcmp(name, ".wh..wh..opq") == 0)
        return names_add(l->opaque, path, dir, e);
    if (strncmp(name, ".wh..wh.", 8) == 0)
        return SELFSAME_OK; /* notes of the aufs driver */
    if (name[4] == 0 || strcmp(name + 4, ".") == 0 || strcmp(name + 4, "..") == 0)
        FAIL(e, SELFSAME_MALFORMED, "layer: expected a whiteout of a name, got '%s'",
            path);
    int n = snprintf(victim, sizeof(victim), "%.*s%s%s", (int)dir, path,
        dir > 0 ? "/" : "", name + 4);
    if (n < 0 || (size_t)n >= sizeof(victim))
        FAIL(e, SELFSAME_MALFORMED, "layer: a path of over %zu bytes", sizeof(victim));
    return names_add(l->hidden, victim, (size_t)n, e);
}

static enum selfsame_code
count_bytes(struct layer *l, const char *path, uint64_t size, struct selfsame_err *e)
{
    if (size > LAYER_TOTAL - *l->total)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "layer, '%s': expected at most %llu bytes in an image", path,
            (unsigned long long)LAYER_TOTAL);
    *l->total += size;
    return SELFSAME_OK;
}

static enum selfsame_code
put_file(
    struct layer *l, const struct tar_entry *t, struct node *n, struct selfsame_err *e)
{
    TRY(count_bytes(l, t->path, t->size, e));
    TRY(l->store->place(l->store->ctx, t->size, t->offset, &n->content, e));
    n->content.size = t->size;
    return tree_put(l->tree, n, e);
}

static enum selfsame_code
put_link(struct layer *l, const struct tar_entry *t, const char *path,
    struct selfsame_err *e)
{
    char to[TREE_PATH];

    TRY_WHILE(
        e, layer_path(t->link, "hard link", to, sizeof(to), e), "placing '%s'", path);
    /* An image has a copy for each name: links to one large file are a bomb. */
    const struct node *n = tree_find(l->tree, to);
    TRY(count_bytes(l, path, n != NULL ? n->content.size : 0, e));
    return tree_link(l->tree, path, to, e);
}

static enum node_type
node_type_of(enum tar_type t)
{
    switch (t) {
    case TAR_SYMLINK: return NODE_SYMLINK;
    case TAR_CHAR: return NODE_CHAR;
    case TAR_BLOCK_DEVICE: return NODE_BLOCK;
    case TAR_DIR: return NODE_DIR;
    case TAR_FIFO: return NODE_FIFO;
    case TAR_FILE:
    case TAR_HARDLINK: break;
    }
    return NODE_FILE;
}

static enum selfsame_code
on_entry(void *ctx, const struct tar_entry *t, struct selfsame_err *e)
{
    struct layer *l = ctx;
    char path[TREE_PATH];
    bool is_marker;

    TRY(layer_path(t->path, "archive", path, sizeof(path), e));
    if (path[0] == 0) {
        if (t->type != TAR_DIR)
            FAIL(e, SELFSAME_MALFORMED, "archive: expected the root to be a directory");
        return SELFSAME_OK;
    }
    TRY(marker(l, path, &is_marker, e));
    if (is_marker) {
        if (t->type != TAR_FILE || t->size != 0)
            FAIL(
                e, SELFSAME_MALFORMED, "layer: expected an empty file, got '%s'", path);
        return SELFSAME_OK;
    }
    struct node n = { .path = path,
        .type = node_type_of(t->type),
        .mode = (uint16_t)t->mode,
        .uid = t->uid,
        .gid = t->gid,
        .rdev_major = t->major,
        .rdev_minor = t->minor,
        .target = t->type == TAR_SYMLINK ? t->link : NULL };
    if (t->type == TAR_HARDLINK)
        TRY(put_link(l, t, path, e));
    else if (t->type == TAR_FILE)
        TRY(put_file(l, t, &n, e));
    else
        TRY(tree_put(l->tree, &n, e));
    return own(l, path, e);
}

static enum selfsame_code
on_data(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct layer *l = ctx;

    return l->store->write != NULL ? l->store->write(l->store->ctx, piece, e)
                                   : SELFSAME_OK;
}

static const struct tar_handler handler = { .entry = on_entry, .data = on_data };

/* ---- the life of a layer ---- */

enum selfsame_code
layer_begin(struct layer *l, struct tree *tree, const struct layer_store *store,
    bool whiteouts, uint64_t *total, struct selfsame_err *e)
{
    *l = (struct layer){ .tree = tree,
        .store = store,
        .whiteouts = whiteouts,
        .total = total,
        .own = names_new(),
        .hidden = names_new(),
        .opaque = names_new() };
    tar_init(&l->tar, &handler, l);
    if (l->own == NULL || l->hidden == NULL || l->opaque == NULL)
        FAIL(e, SELFSAME_NOMEM, "layer: no memory");
    return SELFSAME_OK;
}

void
layer_free(struct layer *l)
{
    tar_free(&l->tar);
    names_free(&l->own);
    names_free(&l->hidden);
    names_free(&l->opaque);
}

enum selfsame_code
layer_push(struct layer *l, struct selfsame_bytes piece, struct selfsame_err *e)
{
    return tar_push(&l->tar, piece, e);
}

/* Hidden: itself or a parent is whited out, or a parent is opaque. */
static bool
is_hidden(const struct layer *l, const char *path)
{
    if (names_has(l->own, path, strlen(path)))
        return false;
    if (names_has(l->opaque, "", 0) || names_has(l->hidden, path, strlen(path)))
        return true;
    for (size_t i = 1; path[i] != 0; i++)
        if (path[i] == '/' &&
            (names_has(l->hidden, path, i) || names_has(l->opaque, path, i)))
            return true;
    return false;
}

enum selfsame_code
layer_end(struct layer *l, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)1 << 30);

    TRY(tar_end(&l->tar, e));
    if (l->hidden->count == 0 && l->opaque->count == 0)
        return SELFSAME_OK;
    /* Names first: a node is valid until the tree changes. */
    size_t count = tree_count(l->tree), gone = 0;
    const char **victim = ARENA_NEW(&arena, const char *, count + 1);
    if (victim == NULL)
        FAIL(e, SELFSAME_NOMEM, "layer: no memory for its whiteouts");
    for (size_t i = 0; i < count; i++) {
        const char *path = tree_at(l->tree, i)->path;

        if (!is_hidden(l, path))
            continue;
        victim[gone] = arena_str(&arena, bytes_str(path));
        if (victim[gone++] == NULL)
            FAIL(e, SELFSAME_NOMEM, "layer: no memory for its whiteouts");
    }
    while (gone > 0)
        tree_remove(l->tree, victim[--gone]);
    return SELFSAME_OK;
}
