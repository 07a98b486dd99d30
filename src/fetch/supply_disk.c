/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/supply_parts.h"
#include "os/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The directory: entries of cache.c and locks of pace.c. When an entry was used last is
 * the time of its file, to the hour.
 */
enum {
    READ_ARENA = 8 << 20,
    NAME_LEN = 64,
    GONE_PART = 10 /* of the room is made anew */
};

struct file {
    char name[NAME_LEN + 1];
    uint64_t size;
    int64_t used_ns;
};
struct files {
    struct file *list;
    size_t count, room;
    uint64_t size;
};

static int
by_use(const void *a, const void *b)
{
    const struct file *x = a, *y = b;

    return x->used_ns < y->used_ns ? -1 : x->used_ns > y->used_ns;
}

static bool
add_file(struct files *f, const char *name, const struct stat *st)
{
    if (f->count == f->room) {
        const size_t room = f->room > 0 ? 2 * f->room : 256;
        struct file *list = realloc(f->list, room * sizeof(*list));

        if (list == NULL)
            return false;
        f->list = list;
        f->room = room;
    }
    struct file *one = &f->list[f->count++];
    memcpy(one->name, name, NAME_LEN + 1);
    one->size = (uint64_t)st->st_blocks * 512;
    one->used_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    f->size += one->size;
    return true;
}

/* Entries, the least recently used first. */
static enum selfsame_code
list_files(const char *dir, struct files *ret, struct selfsame_err *e)
{
    DIR *d = opendir(dir);
    bool full = false;
    struct stat st;

    if (d == NULL)
        return file_error(e, "cannot read", dir);
    for (struct dirent *n; !full && (n = readdir(d)) != NULL;)
        if (strlen(n->d_name) == NAME_LEN &&
            strspn(n->d_name, "0123456789abcdef") == NAME_LEN &&
            fstatat(dirfd(d), n->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode))
            full = !add_file(ret, n->d_name, &st);
    (void)closedir(d);
    if (full)
        FAIL(e, SELFSAME_NOMEM, "no memory for the names in a cache");
    if (ret->count > 0)
        qsort(ret->list, ret->count, sizeof(*ret->list), by_use);
    return SELFSAME_OK;
}

static bool
path_of(
    const struct supply *s, const char *name, const char *suffix, char ret[static 1024])
{
    const int n = snprintf(ret, 1024, "%s/%s%s", s->cache, name, suffix);

    return n > 0 && n < 1024;
}

/* ---- reading ---- */

static void
load_one(struct supply *s, const struct file *f)
{
    auto_arena arena = arena_new(READ_ARENA);
    struct cached c;
    char path[1024];

    if (!path_of(s, f->name, "", path) || !cache_read(path, &arena, &c))
        return;
    struct supply_piece *p = supply_piece_of(&c, piece_of_url(c.url));
    struct supply_entry *n = p != NULL ? supply_entry_of(s, c.url, true) : NULL;
    if (n == NULL) {
        supply_drop(p);
        return;
    }
    supply_put(s, n, p);
    n->used_s = f->used_ns / 1000000000;
}

/* As much as memory takes of what was used last. */
enum selfsame_code
supply_load(struct supply *s, struct selfsame_err *e)
{
    struct files f = { 0 };
    uint64_t size = 0;
    enum selfsame_code code = list_files(s->cache, &f, e);
    size_t from = f.count;

    while (code == SELFSAME_OK && from > 0 &&
           size + f.list[from - 1].size < s->config.memory_max)
        size += f.list[--from].size;
    for (size_t i = from; code == SELFSAME_OK && i < f.count; i++)
        load_one(s, &f.list[i]);
    supply_trim(s);
    atomic_store(&s->disk, f.size);
    free(f.list);
    return code;
}

struct supply_piece *
supply_read(struct supply *s, const char *url, enum fetch_what what)
{
    const struct fetcher f = { .cache = s->cache };
    char path[1024];

    if (!cache_path(&f, url, "", path) || access(path, F_OK) != 0)
        return NULL;
    auto_arena arena = arena_new(READ_ARENA);
    struct cached c;
    if (!cache_read(path, &arena, &c) || strcmp(c.url, url) != 0)
        return NULL;
    return supply_piece_of(&c, what);
}

void
supply_touch(struct supply *s, const char *url)
{
    const struct fetcher f = { .cache = s->cache };
    char path[1024];

    if (cache_path(&f, url, "", path))
        (void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

/* ---- writing ---- */

/* Whoever holds the lock of one that goes asks once more than needed: no more than that. */
static void
evict(struct supply *s)
{
    const uint64_t keep = s->config.disk_max - s->config.disk_max / GONE_PART;
    struct selfsame_err ignored = { 0 };
    struct files f = { 0 };
    char path[1024];

    if (list_files(s->cache, &f, &ignored) != SELFSAME_OK) {
        free(f.list);
        return;
    }
    for (size_t i = 0; i < f.count && f.size > keep; i++) {
        if (!path_of(s, f.list[i].name, "", path) || unlink(path) != 0)
            continue;
        if (path_of(s, f.list[i].name, ".lock", path))
            (void)unlink(path);
        f.size -= f.list[i].size;
        (void)atomic_fetch_add(&s->counts.evicted, 1);
    }
    atomic_store(&s->disk, f.size);
    free(f.list);
}

void
supply_write(struct supply *s, const struct cached *c)
{
    const struct fetcher f = { .cache = s->cache };
    struct stat before = { 0 }, after = { 0 };
    struct selfsame_err ignored = { 0 };
    char path[1024];

    if (!cache_path(&f, c->url, "", path))
        return;
    const bool was = stat(path, &before) == 0;
    if (cache_write(path, c, &ignored) != SELFSAME_OK) {
        (void)atomic_fetch_add(&s->counts.unwritten, 1);
        return;
    }
    if (stat(path, &after) == 0)
        (void)atomic_fetch_add(&s->disk,
            ((uint64_t)after.st_blocks - (was ? (uint64_t)before.st_blocks : 0)) * 512);
    if (atomic_load(&s->disk) > s->config.disk_max)
        evict(s);
}
