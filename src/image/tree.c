/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include <stdlib.h>

/*
 * A crit-bit tree over the paths: a branch names the first bit in which the paths
 * below it differ. Look-up costs the path, whatever the names are (layers come
 * from strangers, so nothing here may depend on a hash being kind), a directory
 * with its children is one branch, and walking it left to right is the canonical
 * order.
 */
struct entry {
    struct node node; /* first: tree_find hands it out */
    size_t len;       /* of path */
    struct entry *next_free;
};

struct branch;
struct ref { /* one of the two, or none: the empty tree */
    struct entry *leaf;
    struct branch *branch;
};
struct branch {
    struct ref child[2];
    size_t byte;
    uint8_t mask; /* one bit */
    struct branch *next_free;
};

enum { NAME_LIMIT = 255, STACK = TREE_PATH * 9 + 1 };
static const size_t memory_limit = (size_t)3 << 30;

struct tree {
    struct arena arena; /* of entries, branches and texts */
    struct ref root;
    struct entry *free_entries;
    struct branch *free_branches;
    size_t count;
    struct entry **order; /* cap >= count, so walking never allocates */
    size_t order_cap;
    bool ordered;
    struct ref *stack; /* STACK: critical bits grow downwards, 8 a byte */
};

struct tree *
tree_new(void)
{
    struct tree *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return NULL;
    t->arena = arena_new(memory_limit);
    t->stack = calloc(STACK, sizeof(*t->stack));
    if (t->stack == NULL)
        tree_free(&t);
    return t;
}

void
tree_free(struct tree **t)
{
    if (t == NULL || *t == NULL)
        return;
    arena_free(&(*t)->arena);
    free((*t)->order);
    free((*t)->stack);
    free(*t);
    *t = NULL;
}

struct arena *
tree_arena(struct tree *t)
{
    return &t->arena;
}

/* ---- paths ---- */

/* NULL, or what is wrong with it. */
static const char *
path_fault(const char *path)
{
    size_t len = strlen(path);

    if (len == 0)
        return "is empty";
    if (len >= TREE_PATH)
        return "is longer than 4095 bytes";
    for (const char *part = path;; part++) {
        size_t n = strcspn(part, "/");
        if (n == 0)
            return "has an empty component";
        if (n > NAME_LIMIT)
            return "has a component longer than 255 bytes";
        if (part[0] == '.' && (n == 1 || (n == 2 && part[1] == '.')))
            return "has a \".\" or \"..\" component";
        part += n;
        if (*part == '\0')
            return NULL;
    }
}

static enum selfsame_code
node_check(const struct node *n, struct selfsame_err *e)
{
    const char *fault = path_fault(n->path);

    if (fault != NULL)
        FAIL(e, SELFSAME_MALFORMED, "path \"%.100s\" %s", n->path, fault);
    if ((n->mode & ~07777u) != 0)
        FAIL(e, SELFSAME_MALFORMED, "%.80s: expected a mode within 07777, got 0%o",
            n->path, (unsigned)n->mode);
    switch (n->type) {
    case NODE_SYMLINK:
        if (n->target == NULL || n->target[0] == '\0' || strlen(n->target) >= TREE_PATH)
            FAIL(e, SELFSAME_MALFORMED,
                "%.80s: expected a symbolic link target of 1 to 4095 bytes", n->path);
        return SELFSAME_OK;
    case NODE_DIR:
    case NODE_FILE:
    case NODE_CHAR:
    case NODE_BLOCK:
    case NODE_FIFO: return SELFSAME_OK;
    }
    FAIL(
        e, SELFSAME_MALFORMED, "%.80s: %d is no type of a file", n->path, (int)n->type);
}

/* ---- crit-bit tree ---- */

static uint8_t
byte_at(struct selfsame_bytes key, size_t i)
{
    return i < key.len ? key.ptr[i] : 0;
}

static int
side(const struct branch *b, struct selfsame_bytes key)
{
    return (byte_at(key, b->byte) & b->mask) != 0;
}

static struct selfsame_bytes
key_of(const struct entry *e)
{
    return BYTES((const uint8_t *)e->node.path, e->len);
}

/* The one leaf that may be the key: shares with it all that branches ask about. */
static struct entry *
nearest(const struct tree *t, struct selfsame_bytes key)
{
    struct ref at = t->root;

    while (at.branch != NULL)
        at = at.branch->child[side(at.branch, key)];
    return at.leaf;
}

static struct entry *
lookup(const struct tree *t, struct selfsame_bytes key)
{
    struct entry *e = nearest(t, key);

    return e != NULL && bytes_eq(key_of(e), key) ? e : NULL;
}

/* Hangs in an entry whose path is not there yet; `b` is a branch to use. */
static void
attach(struct tree *t, struct entry *e, struct branch *b)
{
    struct selfsame_bytes key = key_of(e);
    const struct entry *near = nearest(t, key);
    struct ref *at = &t->root;

    t->count++;
    t->ordered = false;
    if (near == NULL) {
        *at = (struct ref){ .leaf = e };
        return;
    }
    size_t byte = 0;
    while (byte_at(key, byte) == byte_at(key_of(near), byte))
        byte++;
    unsigned diff = byte_at(key, byte) ^ byte_at(key_of(near), byte);
    uint8_t mask = 0x80;
    while ((diff & mask) == 0)
        mask = (uint8_t)(mask >> 1);
    while (at->branch != NULL &&
           (at->branch->byte < byte ||
               (at->branch->byte == byte && at->branch->mask > mask)))
        at = &at->branch->child[side(at->branch, key)];
    *b = (struct branch){ .byte = byte, .mask = mask };
    b->child[side(b, key)] = (struct ref){ .leaf = e };
    b->child[!side(b, key)] = *at;
    *at = (struct ref){ .branch = b };
}

/* Gives back everything under a reference that is no longer hanging in the tree. */
static void
release(struct tree *t, struct ref top)
{
    size_t depth = 0;

    t->stack[depth++] = top;
    while (depth > 0) {
        struct ref at = t->stack[--depth];
        if (at.branch != NULL) {
            t->stack[depth++] = at.branch->child[1];
            t->stack[depth++] = at.branch->child[0];
            at.branch->next_free = t->free_branches;
            t->free_branches = at.branch;
        } else {
            at.leaf->next_free = t->free_entries;
            t->free_entries = at.leaf;
            t->count--;
        }
    }
    t->ordered = false;
}

/* Takes out all paths that start with the prefix, or (exact) the one that is it. */
static void
detach(struct tree *t, struct selfsame_bytes prefix, bool exact)
{
    struct ref *at = &t->root, *parent = NULL;
    size_t asked = prefix.len + (exact ? 1 : 0);

    while (at->branch != NULL && at->branch->byte < asked) {
        parent = at;
        at = &at->branch->child[side(at->branch, prefix)];
    }
    struct ref top = *at, any = top;
    while (any.branch != NULL)
        any = any.branch->child[0];
    if (any.leaf == NULL || !bytes_has_prefix(key_of(any.leaf), prefix) ||
        (exact && any.leaf->len != prefix.len))
        return;
    if (parent == NULL) {
        t->root = (struct ref){ 0 };
    } else {
        struct branch *gone = parent->branch;
        *parent = gone->child[!side(gone, prefix)];
        gone->next_free = t->free_branches;
        t->free_branches = gone;
    }
    release(t, top);
}

/* ---- changes ---- */

static bool
grow_order(struct tree *t)
{
    if (t->count < t->order_cap)
        return true;
    size_t cap = t->order_cap == 0 ? 256 : t->order_cap * 2;
    struct entry **order = realloc(t->order, cap * sizeof(struct entry *));
    if (order == NULL)
        return false;
    t->order = order;
    t->order_cap = cap;
    return true;
}

static struct entry *
take_entry(struct tree *t)
{
    struct entry *e = t->free_entries;

    if (e == NULL)
        return ARENA_NEW(&t->arena, struct entry, 1);
    t->free_entries = e->next_free;
    *e = (struct entry){ 0 };
    return e;
}

static struct branch *
take_branch(struct tree *t)
{
    struct branch *b = t->free_branches;

    if (b == NULL)
        return ARENA_NEW(&t->arena, struct branch, 1);
    t->free_branches = b->next_free;
    return b;
}

/* A new name, its parents being there. */
static enum selfsame_code
add(struct tree *t, struct selfsame_bytes path, struct entry **ret,
    struct selfsame_err *e)
{
    if (t->count >= TREE_NODES)
        FAIL(e, SELFSAME_UNSUPPORTED, "the tree has more than %d files", TREE_NODES);
    struct entry *n = take_entry(t);
    struct branch *b = take_branch(t);
    char *copy = arena_str(&t->arena, path);
    if (n == NULL || b == NULL || copy == NULL || !grow_order(t))
        FAIL(e, SELFSAME_NOMEM, "no memory for file %zu of the tree", t->count + 1);
    n->node.path = copy;
    n->len = path.len;
    attach(t, n, b);
    *ret = n;
    return SELFSAME_OK;
}

/*
 * Parents of a parent are there and are directories, so most calls look up one
 * path. Nothing is made before the whole way is known to be free.
 */
static enum selfsame_code
make_parents(struct tree *t, struct selfsame_bytes path, struct selfsame_err *e)
{
    size_t up = path.len;

    while (up > 0 && path.ptr[up - 1] != '/')
        up--;
    if (up == 0)
        return SELFSAME_OK;
    const struct entry *parent = lookup(t, BYTES(path.ptr, up - 1));
    if (parent != NULL && parent->node.type == NODE_DIR)
        return SELFSAME_OK;
    for (size_t i = 0; i < up; i++) {
        if (path.ptr[i] != '/')
            continue;
        struct selfsame_bytes above = BYTES(path.ptr, i);
        struct entry *at = lookup(t, above);
        if (at != NULL && at->node.type != NODE_DIR)
            FAIL(e, SELFSAME_MALFORMED,
                "%.60s: expected a directory at %.60s, got type '%c'",
                (const char *)path.ptr, at->node.path, (int)at->node.type);
        if (at != NULL)
            continue;
        TRY(add(t, above, &at, e));
        at->node.type = NODE_DIR;
        at->node.mode = 0755;
    }
    return SELFSAME_OK;
}

static void
clear_dir(struct tree *t, const struct entry *dir)
{
    char prefix[TREE_PATH + 1];

    memcpy(prefix, dir->node.path, dir->len);
    prefix[dir->len] = '/';
    detach(t, BYTES((const uint8_t *)prefix, dir->len + 1), false);
}

enum selfsame_code
tree_put(struct tree *t, const struct node *n, struct selfsame_err *e)
{
    struct node copy = *n;

    TRY(node_check(n, e));
    struct selfsame_bytes path = bytes_str(n->path);
    if (n->type == NODE_SYMLINK) {
        copy.target = arena_str(&t->arena, bytes_str(n->target));
        if (copy.target == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for the target of %.100s", n->path);
    } else {
        copy.target = NULL;
    }
    struct entry *at = lookup(t, path);
    if (at == NULL) {
        TRY(make_parents(t, path, e));
        TRY(add(t, path, &at, e));
    } else if (at->node.type == NODE_DIR && n->type != NODE_DIR) {
        clear_dir(t, at);
    }
    copy.path = at->node.path;
    at->node = copy;
    return SELFSAME_OK;
}

enum selfsame_code
tree_link(struct tree *t, const char *path, const char *to, struct selfsame_err *e)
{
    const struct entry *at = lookup(t, bytes_str(to));

    if (at == NULL || at->node.type != NODE_FILE)
        FAIL(e, SELFSAME_MALFORMED, "hard link %.60s: %.60s is %s", path, to,
            at == NULL ? "not in the tree" : "not a regular file");
    struct node copy = at->node;
    copy.path = path;
    return tree_put(t, &copy, e);
}

void
tree_clear(struct tree *t, const char *dir)
{
    const struct entry *at = lookup(t, bytes_str(dir));

    if (at != NULL && at->node.type == NODE_DIR)
        clear_dir(t, at);
}

void
tree_remove(struct tree *t, const char *path)
{
    tree_clear(t, path);
    detach(t, bytes_str(path), true);
}

/* ---- looking ---- */

struct node *
tree_find(struct tree *t, const char *path)
{
    struct entry *e = lookup(t, bytes_str(path));

    return e != NULL ? &e->node : NULL;
}

size_t
tree_count(struct tree *t)
{
    return t->count;
}

static void
walk(struct tree *t)
{
    size_t depth = 0, n = 0;

    if (t->count > 0)
        t->stack[depth++] = t->root;
    while (depth > 0) {
        struct ref at = t->stack[--depth];
        if (at.branch != NULL) {
            t->stack[depth++] = at.branch->child[1];
            t->stack[depth++] = at.branch->child[0];
        } else {
            t->order[n++] = at.leaf;
        }
    }
    t->ordered = true;
}

const struct node *
tree_at(struct tree *t, size_t i)
{
    if (!t->ordered)
        walk(t);
    return i < t->count ? &t->order[i]->node : NULL;
}
