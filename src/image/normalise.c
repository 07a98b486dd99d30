/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include <stdlib.h>

/*
 * What a file system holds only because somebody built, booted or ran it. The
 * list is part of the identity of every image: docs/formats/manifest.md.
 */
enum action {
    DROP,       /* the path with everything below */
    DROP_BELOW, /* everything below, the directory stays */
    DROP_FILES, /* below: what is no directory */
};
static const struct {
    const char *path; /* a '*' stands for any characters but '/' */
    enum action action;
} rules_of_paths[] = {
    { ".dockerenv", DROP },
    { "dev", DROP_BELOW },
    { "etc/ssh/ssh_host_*", DROP },
    { "proc", DROP_BELOW },
    { "root/.cache", DROP },
    { "run", DROP_BELOW },
    { "sys", DROP_BELOW },
    { "tmp", DROP_BELOW },
    { "var/cache", DROP_BELOW },
    { "var/lib/apt/lists", DROP_BELOW },
    { "var/lib/dbus/machine-id", DROP },
    { "var/lib/dpkg/*-old", DROP },
    { "var/lib/systemd/random-seed", DROP },
    { "var/log", DROP_FILES },
    { "var/tmp", DROP_BELOW },
};
/* Names that are dropped wherever they are. */
static const char *const rules_of_names[] = { "__pycache__", "*.pyc" };

/* The mount points of selfsame-init, in every image. */
static const struct {
    const char *path;
    uint16_t mode;
} made_dirs[] = {
    { "dev", 0755 },
    { "proc", 0755 },
    { "run", 0755 },
    { "sys", 0755 },
    { "tmp", 01777 },
};

/* Fixed texts, in images that have an /etc. */
static const struct {
    const char *path, *text, *target;
} made_files[] = {
    { "etc/hostname", "localhost\n", NULL },
    { "etc/machine-id", "", NULL },
    { "etc/mtab", NULL, "/proc/self/mounts" },
    { "etc/resolv.conf", "", NULL },
};

enum { SHADOW_LIMIT = 1 << 20 };

static void
note(const struct normalise *r, const char *what, const char *path)
{
    if (r->note != NULL)
        r->note(r->ctx, what, path);
}

/* One '*' at most. */
static bool
matches(const char *pattern, const char *text, size_t len)
{
    const char *star = strchr(pattern, '*');
    struct selfsame_bytes t = BYTES((const uint8_t *)text, len);

    if (star == NULL)
        return bytes_eq(bytes_str(pattern), t);
    size_t before = (size_t)(star - pattern), after = strlen(star + 1);
    return len >= before + after && strncmp(text, pattern, before) == 0 &&
           strncmp(text + len - after, star + 1, after) == 0 &&
           memchr(text + before, '/', len - before) == NULL;
}

static bool
is_doomed(const struct node *n)
{
    const char *slash = strrchr(n->path, '/');
    const char *name = slash != NULL ? slash + 1 : n->path;

    for (size_t i = 0; i < COUNT(rules_of_names); i++)
        if (matches(rules_of_names[i], name, strlen(name)))
            return true;
    for (size_t i = 0; i < COUNT(rules_of_paths); i++) {
        const char *rule = rules_of_paths[i].path;
        size_t len = strlen(rule);
        bool below = strncmp(n->path, rule, len) == 0 && n->path[len] == '/';
        if (rules_of_paths[i].action == DROP && matches(rule, n->path, strlen(n->path)))
            return true;
        if (rules_of_paths[i].action == DROP_BELOW && below)
            return true;
        if (rules_of_paths[i].action == DROP_FILES && below && n->type != NODE_DIR)
            return true;
    }
    return false;
}

/* Collects first: the tree may not change while it is walked; its texts stay. */
static enum selfsame_code
drop(struct tree *t, const struct normalise *r, struct selfsame_err *e)
{
    auto_arena scratch = arena_new(SIZE_MAX);
    const char **doomed = ARENA_NEW(&scratch, const char *, tree_count(t));
    size_t count = 0;

    if (doomed == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to normalise %zu files", tree_count(t));
    for (size_t i = 0; i < tree_count(t); i++)
        if (is_doomed(tree_at(t, i)))
            doomed[count++] = tree_at(t, i)->path;
    for (size_t i = 0; i < count; i++) {
        if (tree_find(t, doomed[i]) == NULL)
            continue; /* gone with its directory */
        note(r, "dropped", doomed[i]);
        tree_remove(t, doomed[i]);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
make(struct tree *t, const struct normalise *r, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(made_dirs); i++) {
        const struct node n = { .path = made_dirs[i].path, .type = NODE_DIR };
        const struct node *old = tree_find(t, n.path);
        if (old != NULL && old->type != NODE_DIR)
            note(r, "replaced by an empty directory", old->path);
        TRY(tree_put(t, &n, e));
    }
    const struct node *etc = tree_find(t, "etc");
    if (etc == NULL || etc->type != NODE_DIR)
        return SELFSAME_OK;
    for (size_t i = 0; i < COUNT(made_files); i++) {
        struct node n = { .path = made_files[i].path,
            .type = NODE_SYMLINK,
            .target = made_files[i].target };
        if (made_files[i].text != NULL) {
            struct selfsame_bytes text = bytes_str(made_files[i].text);
            n.type = NODE_FILE;
            n.content = (struct content){ .size = text.len, .ptr = text.ptr };
        }
        TRY(tree_put(t, &n, e));
    }
    return SELFSAME_OK;
}

/* Copies a shadow(5) file without the third field, the day of the last change. */
static size_t
without_days(struct selfsame_bytes in, uint8_t *out)
{
    size_t len = 0, field = 0;

    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.ptr[i];
        if (c == ':')
            field++;
        if (c == '\n')
            field = 0;
        if (field != 2 || c == ':')
            out[len++] = c;
    }
    return len;
}

static enum selfsame_code
clear_days(struct tree *t, const char *path, struct selfsame_err *e)
{
    struct node *n = tree_find(t, path);

    if (n == NULL || n->type != NODE_FILE)
        return SELFSAME_OK;
    if (n->content.size > SHADOW_LIMIT)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected at most %d bytes, got %llu", path,
            SHADOW_LIMIT, (unsigned long long)n->content.size);
    size_t size = (size_t)n->content.size;
    uint8_t *text = arena_alloc(tree_arena(t), 1, size);
    uint8_t *kept = arena_alloc(tree_arena(t), 1, size);
    if (text == NULL || kept == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to normalise %s", path);
    TRY_WHILE(e, content_read(&n->content, 0, text, size, e), "normalising %s", path);
    size_t len = without_days(BYTES(text, size), kept);
    n->content = (struct content){ .size = len, .ptr = kept };
    n->hashed = false;
    return SELFSAME_OK;
}

static uint16_t
fixed_mode(const struct node *n, const struct normalise *r)
{
    unsigned setid = r->keep_setid ? n->mode & 06000u : 0;

    switch (n->type) {
    case NODE_DIR:
        for (size_t i = 0; i < COUNT(made_dirs); i++)
            if (strcmp(n->path, made_dirs[i].path) == 0)
                return made_dirs[i].mode;
        return strcmp(n->path, "var/tmp") == 0 ? 01777 : (uint16_t)(0755 | setid);
    case NODE_FILE: return (uint16_t)(((n->mode & 0111) != 0 ? 0755 : 0644) | setid);
    case NODE_SYMLINK: return 0777;
    case NODE_CHAR:
    case NODE_BLOCK: return n->mode & 0777;
    case NODE_FIFO: break;
    }
    return 0644;
}

static enum selfsame_code
fix_nodes(struct tree *t, const struct normalise *r, struct selfsame_err *e)
{
    for (size_t i = 0; i < tree_count(t); i++) {
        struct node *n = tree_find(t, tree_at(t, i)->path);
        bool device = n->type == NODE_CHAR || n->type == NODE_BLOCK;
        if (device && !r->allow_devices) {
            (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
                "%.80s is a device node; an image may have none outside /dev", n->path);
            err_remedy(e,
                "Leave it out of the source, or say \"allow_devices\": true in "
                "the recipe.");
            return SELFSAME_UNSUPPORTED;
        }
        if (!device)
            n->rdev_major = n->rdev_minor = 0;
        if (!r->keep_owners)
            n->uid = n->gid = 0;
        n->mode = fixed_mode(n, r);
        if (!utf8_valid(bytes_str(n->path)))
            note(r, "name is not UTF-8", n->path);
    }
    return SELFSAME_OK;
}

/* ---- names that differ in case only ---- */

static int
fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (int)(unsigned char)c;
}

static int
by_folded_path(const void *a, const void *b)
{
    const char *x = *(const char *const *)a, *y = *(const char *const *)b;

    while (*x != '\0' && fold(*x) == fold(*y))
        x++, y++;
    if (*x != '\0' || *y != '\0')
        return fold(*x) - fold(*y);
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Equal but for the case of the last component: children of a pair are no news. */
static bool
collide(const char *x, const char *y)
{
    const char *sx = strrchr(x, '/'), *sy = strrchr(y, '/');
    size_t nx = sx != NULL ? (size_t)(sx - x) : 0,
           ny = sy != NULL ? (size_t)(sy - y) : 0;

    if (nx != ny || strncmp(x, y, nx) != 0)
        return false;
    while (*x != '\0' && fold(*x) == fold(*y))
        x++, y++;
    return *x == '\0' && *y == '\0';
}

static enum selfsame_code
find_collisions(struct tree *t, const struct normalise *r, struct selfsame_err *e)
{
    auto_arena scratch = arena_new(SIZE_MAX);
    size_t count = tree_count(t);
    const char **path = ARENA_NEW(&scratch, const char *, count);

    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to normalise %zu files", count);
    for (size_t i = 0; i < count; i++)
        path[i] = tree_at(t, i)->path;
    if (count > 1)
        qsort(path, count, sizeof(*path), by_folded_path);
    for (size_t i = 1; i < count; i++) {
        if (!collide(path[i - 1], path[i]))
            continue;
        note(r, "differs only in case from another", path[i]);
        if (r->refuse_case_collisions)
            FAIL(e, SELFSAME_UNSUPPORTED, "%.60s and %.60s differ only in case",
                path[i - 1], path[i]);
    }
    return SELFSAME_OK;
}

enum selfsame_code
tree_normalise(struct tree *t, const struct normalise *rules, struct selfsame_err *e)
{
    TRY(drop(t, rules, e));
    TRY(make(t, rules, e));
    TRY(clear_days(t, "etc/shadow", e));
    TRY(clear_days(t, "etc/shadow-", e));
    TRY(fix_nodes(t, rules, e));
    return find_collisions(t, rules, e);
}
