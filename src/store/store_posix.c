/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "os/os.h"
#include "store/store_parts.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOB_LIMIT = 32 << 20, /* a bundle of 256 entries of 65535 bytes fits */
    BLOBS = 64,
    KNOWN = 32,
    PARENTS = 4 * BLOBS,
};

struct posix {
    struct store store;
    struct file_place blobs, home;
    int lock, staged;
    int retired;             /* the blob that was replaced last: closing it frees it */
    bool read_only, staging; /* staging: written, and not synced yet */
    struct syncer syncer;
    char dir[1024], root[1024];
    atomic_ulong temporary;        /* number of the next temporary name */
    char known[KNOWN][STORE_PATH]; /* directories that are durable */
    char parents[PARENTS][STORE_PATH];
    size_t known_at, parent_count;
    struct database database;
};

static struct posix *
posix_of(struct store *s)
{
    return (struct posix *)(void *)s;
}

/* ---- blobs ---- */

/* Under names that no checkpoint calls for, beside what is served. */
static void
temporary_name(struct posix *p, char ret[static STORE_PATH])
{
    (void)snprintf(ret, STORE_PATH, ".new.%ld.%lu", (long)getpid(),
        atomic_fetch_add(&p->temporary, 1));
}

struct draft {
    int fd;
    char name[STORE_PATH];
};

static void
drafts_drop(struct posix *p, struct draft *drafts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fd_close(&drafts[i].fd);
        if (drafts[i].name[0] != '\0')
            (void)unlinkat(p->blobs.dir, drafts[i].name, 0);
    }
}

static enum selfsame_code
draft_blob(struct posix *p, const struct store_blob *b, struct draft *d,
    struct selfsame_err *e)
{
    temporary_name(p, d->name);
    TRY(place_open(&p->blobs, d->name, O_CREAT | O_EXCL | O_WRONLY, &d->fd, e));
    TRY(place_write(&p->blobs, d->fd, b->bytes, b->path, e));
    /* Begins what the sync waits for, so that all of a batch go to the disk at once. */
    (void)sync_file_range(d->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return SELFSAME_OK;
}

/* *ret_fd -1: there is none. */
static enum selfsame_code
open_blob(struct posix *p, const char *path, int *ret_fd, uint64_t *ret_size,
    struct selfsame_err *e)
{
    struct stat st;
    auto_fd fd = openat(p->blobs.dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    *ret_fd = -1;
    *ret_size = 0;
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return SELFSAME_OK;
    if (fd < 0 || fstat(fd, &st) != 0)
        return place_error(&p->blobs, "cannot open", path, e);
    if (!S_ISREG(st.st_mode) || st.st_size > BLOB_LIMIT)
        FAIL(e, SELFSAME_MALFORMED,
            "%s/%s: expected a file of at most %d bytes, got %s", p->root, path,
            (int)BLOB_LIMIT, S_ISREG(st.st_mode) ? "a larger one" : "no file");
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = fd;
    fd = -1;
    return SELFSAME_OK;
}

static enum selfsame_code
read_blob(struct posix *p, const char *path, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_fd fd = -1;
    uint64_t size = 0;

    *ret = BYTES_NONE;
    TRY(open_blob(p, path, &fd, &size, e));
    if (fd < 0)
        return SELFSAME_OK;
    uint8_t *to = arena_alloc(arena, 1, (size_t)size + 1);
    if (to == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", path);
    TRY(fd_pread_all(fd, 0, to, (size_t)size, path, e));
    *ret = BYTES(to, (size_t)size);
    return SELFSAME_OK;
}

static enum selfsame_code
posix_open(struct store *s, const char *path, int *ret_fd, uint64_t *ret_size,
    struct selfsame_err *e)
{
    return open_blob(posix_of(s), path, ret_fd, ret_size, e);
}

static enum selfsame_code
posix_get(struct store *s, const char *path, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    return read_blob(posix_of(s), path, arena, ret, e);
}

static enum selfsame_code
must_be_same(struct posix *p, const struct store_blob *b, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)BLOB_LIMIT + 64);
    struct selfsame_bytes got;

    TRY(read_blob(p, b->path, &arena, &got, e));
    if (got.ptr == NULL || !bytes_eq(got, b->bytes))
        FAIL(e, SELFSAME_LOG,
            "%s/%s: expected the %zu bytes that belong there, got others: this "
            "directory has another history",
            p->root, b->path, b->bytes.len);
    return SELFSAME_OK;
}

static void
directory_of(const char *path, char ret[static STORE_PATH])
{
    const char *slash = strrchr(path, '/');

    (void)snprintf(
        ret, STORE_PATH, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
}

static bool
is_known(const struct posix *p, const char *dir)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (strcmp(p->known[i], dir) == 0)
            return true;
    return false;
}

/* To be synced with the directories of the blobs. */
static void
sync_later(struct posix *p, const char *dir)
{
    for (size_t i = 0; i < p->parent_count; i++)
        if (strcmp(p->parents[i], dir) == 0)
            return;
    assert(p->parent_count < PARENTS);
    (void)snprintf(p->parents[p->parent_count++], STORE_PATH, "%s", dir);
}

/*
 * Once in a process for each directory in use, also when it is there: whoever made it
 * may have died before that was durable.
 */
static enum selfsame_code
know_directory(struct posix *p, const char *path, struct selfsame_err *e)
{
    char part[STORE_PATH], parent[STORE_PATH] = ".";

    for (size_t i = 1; path[i] != '\0' && i < sizeof(part); i++) {
        if (path[i] != '/')
            continue;
        (void)snprintf(part, sizeof(part), "%.*s", (int)i, path);
        if (!is_known(p, part)) {
            TRY(place_make(&p->blobs, part, e));
            sync_later(p, parent);
            (void)snprintf(p->known[p->known_at++ % KNOWN], STORE_PATH, "%s", part);
        }
        memcpy(parent, part, i + 1);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
name_blob(struct posix *p, const struct store_blob *b, struct draft *d,
    struct selfsame_err *e)
{
    bool taken = false;

    TRY(place_rename_new(&p->blobs, d->name, b->path, &taken, e));
    if (taken)
        return must_be_same(p, b, e);
    d->name[0] = '\0';
    return SELFSAME_OK;
}

static enum selfsame_code
run_jobs(struct posix *p, struct sync_job *jobs, size_t count, struct selfsame_err *e)
{
    syncer_run(&p->syncer, jobs, count);
    for (size_t i = 0; i < count; i++)
        if (jobs[i].error != 0) {
            errno = jobs[i].error;
            return place_error(&p->blobs, "cannot sync", "tile", e);
        }
    return SELFSAME_OK;
}

/* Before anything gets its name: afterwards none may be missing. */
static enum selfsame_code
open_parents(struct posix *p, const struct store_blob *blobs, size_t count,
    struct sync_job *jobs, size_t *n, struct selfsame_err *e)
{
    char dir[STORE_PATH];

    for (size_t i = 0; i < count; i++) {
        TRY(know_directory(p, blobs[i].path, e));
        directory_of(blobs[i].path, dir);
        sync_later(p, dir);
    }
    for (size_t i = 0; i < p->parent_count; i++) {
        struct sync_job job = { .directory = true };

        TRY(place_open_dir(&p->blobs, p->parents[i], &job.fd, e));
        jobs[(*n)++] = job;
    }
    return SELFSAME_OK;
}

/* It is not known any more what is there: nothing that passes. */
static enum selfsame_code
for_good(enum selfsame_code code, struct selfsame_err *e)
{
    if (code != SELFSAME_DENIED && code != SELFSAME_NOMEM)
        return code;
    e->code = SELFSAME_IO;
    return SELFSAME_IO;
}

static enum selfsame_code
name_blobs(struct posix *p, const struct store_blob *blobs, struct draft *drafts,
    size_t count, struct selfsame_err *e)
{
    for (size_t i = 0; i < count; i++)
        TRY(name_blob(p, &blobs[i], &drafts[i], e));
    for (size_t i = 0; i < p->parent_count; i++)
        TRY(place_may_sync(&p->blobs, "sync directory", p->parents[i], e));
    return SELFSAME_OK;
}

static enum selfsame_code
name_and_sync(struct posix *p, const struct store_blob *blobs, struct draft *drafts,
    size_t count, struct selfsame_err *e)
{
    struct sync_job jobs[PARENTS];
    size_t n = 0;
    enum selfsame_code code = open_parents(p, blobs, count, jobs, &n, e);

    if (code == SELFSAME_OK) {
        code = name_blobs(p, blobs, drafts, count, e);
        if (code == SELFSAME_OK)
            code = run_jobs(p, jobs, n, e);
        code = for_good(code, e);
    }
    while (n > 0)
        fd_close(&jobs[--n].fd);
    p->parent_count = 0;
    return code;
}

/* What was staged goes to the disk with the drafts: none has its name yet. */
static enum selfsame_code
sync_drafts(struct posix *p, const struct store_blob *blobs, const struct draft *drafts,
    size_t count, struct selfsame_err *e)
{
    struct sync_job jobs[BLOBS + 1];
    size_t n = 0;

    if (p->staging) {
        TRY(place_may_sync(&p->home, "sync", "staged", e));
        jobs[n++] = (struct sync_job){ .fd = p->staged };
    }
    for (size_t i = 0; i < count; i++) {
        TRY(place_may_sync(&p->blobs, "sync", blobs[i].path, e));
        jobs[n++] = (struct sync_job){ .fd = drafts[i].fd };
    }
    TRY(run_jobs(p, jobs, n, e));
    p->staging = false;
    return SELFSAME_OK;
}

static enum selfsame_code
put_drafts(struct posix *p, const struct store_blob *blobs, struct draft *drafts,
    size_t count, struct selfsame_err *e)
{
    for (size_t i = 0; i < count; i++)
        TRY(draft_blob(p, &blobs[i], &drafts[i], e));
    TRY(sync_drafts(p, blobs, drafts, count, e));
    return name_and_sync(p, blobs, drafts, count, e);
}

static enum selfsame_code
may_write(const struct posix *p, struct selfsame_err *e)
{
    if (p->read_only)
        FAIL(e, SELFSAME_IO, "%s: opened to be read only", p->dir);
    return SELFSAME_OK;
}

static enum selfsame_code
posix_put_new(struct store *s, const struct store_blob *blobs, size_t count,
    struct selfsame_err *e)
{
    struct posix *p = posix_of(s);

    TRY(may_write(p, e));
    for (size_t from = 0; from < count; from += BLOBS) {
        struct draft drafts[BLOBS];
        size_t n = count - from < BLOBS ? count - from : BLOBS;

        for (size_t i = 0; i < n; i++)
            drafts[i] = (struct draft){ .fd = -1 };
        enum selfsame_code code = put_drafts(p, blobs + from, drafts, n, e);
        drafts_drop(p, drafts, n);
        if (code != SELFSAME_OK) { /* what is durable is not known any more */
            memset(p->known, 0, sizeof(p->known));
            p->parent_count = 0;
            return from > 0 ? for_good(code, e) : code;
        }
    }
    return SELFSAME_OK;
}

static enum selfsame_code
replace_with(struct posix *p, const struct store_blob *b, struct draft *d,
    struct selfsame_err *e)
{
    if (strchr(b->path, '/') != NULL)
        FAIL(e, SELFSAME_INTERNAL, "%s: expected a path without directories", b->path);
    TRY(draft_blob(p, b, d, e));
    TRY(place_sync(&p->blobs, d->fd, b->path, e));
    fd_close(&p->retired);
    p->retired = openat(p->blobs.dir, b->path, O_RDONLY | O_CLOEXEC);
    TRY(place_rename(&p->blobs, d->name, b->path, e));
    d->name[0] = '\0';
    return place_sync_own(&p->blobs, e);
}

static enum selfsame_code
posix_replace(struct store *s, const struct store_blob *b, struct selfsame_err *e)
{
    struct posix *p = posix_of(s);
    struct draft d = { .fd = -1 };

    TRY(may_write(p, e));
    enum selfsame_code code = replace_with(p, b, &d, e);
    drafts_drop(p, &d, 1);
    return code;
}

static void
posix_drop(struct store *s, const char *path)
{
    struct posix *p = posix_of(s);
    struct selfsame_err ignored;
    char full[2 * sizeof(p->root)];

    (void)snprintf(full, sizeof(full), "%s/%s", p->root, path);
    if (!p->read_only && dir_remove(full, &ignored) != SELFSAME_OK)
        return; /* it takes room, and that is all */
}

/* The disk may take its time to forget a file. */
static void
posix_tidy(struct store *s)
{
    fd_close(&posix_of(s)->retired);
}

/* ---- staging ---- */

static enum selfsame_code
posix_stage(struct store *s, uint64_t first, struct selfsame_bytes batch,
    struct selfsame_err *e)
{
    struct posix *p = posix_of(s);

    TRY(may_write(p, e));
    p->staging = false;
    TRY(stage_write(&p->home, p->staged, first, batch, e));
    p->staging = true;
    return SELFSAME_OK;
}

static enum selfsame_code
posix_staged(struct store *s, struct arena *arena, uint64_t *ret_first,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct posix *p = posix_of(s);

    return stage_read(&p->home, p->staged, arena, ret_first, ret, e);
}

/* ---- state ---- */

static enum selfsame_code
posix_state(struct store *s, const char *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    return database_state(&posix_of(s)->database, key, arena, ret, e);
}

static enum selfsame_code
posix_swap(struct store *s, const struct store_swap *swap, bool *ret_swapped,
    struct selfsame_err *e)
{
    return database_swap(&posix_of(s)->database, swap, ret_swapped, e);
}

static enum selfsame_code
posix_find(struct store *s, const uint8_t key[static STORE_KEY], bool *ret_found,
    uint64_t *ret_position, struct selfsame_err *e)
{
    return database_find(&posix_of(s)->database, key, ret_found, ret_position, e);
}

/* ---- opening ---- */

static void
posix_close(struct store *s)
{
    struct posix *p = posix_of(s);

    syncer_close(&p->syncer);
    database_close(&p->database);
    fd_close(&p->staged);
    fd_close(&p->retired);
    fd_close(&p->blobs.dir);
    fd_close(&p->home.dir);
    fd_close(&p->lock); /* last: it guards the others */
    free(p);
}

static const struct store_class posix_class = {
    .name = "posix",
    .put_new = posix_put_new,
    .get = posix_get,
    .open = posix_open,
    .replace = posix_replace,
    .drop = posix_drop,
    .tidy = posix_tidy,
    .state = posix_state,
    .swap = posix_swap,
    .find = posix_find,
    .stage = posix_stage,
    .staged = posix_staged,
    .close = posix_close,
};

void
store_close(struct store **s)
{
    if (*s != NULL)
        (*s)->class->close(*s);
    *s = NULL;
}

static enum selfsame_code
take_lock(struct posix *p, struct selfsame_err *e)
{
    p->lock = openat(p->home.dir, "lock", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (p->lock < 0)
        return place_error(&p->home, "cannot open", "lock", e);
    if (flock(p->lock, LOCK_EX | LOCK_NB) == 0)
        return SELFSAME_OK;
    if (errno != EWOULDBLOCK)
        return place_error(&p->home, "cannot lock", "lock", e);
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
        "%s: another process writes this log; expected to be the only one", p->dir);
    err_remedy(e, "Stop the other one first; two that write one log would fork it.");
    return SELFSAME_IO;
}

static enum selfsame_code
open_directories(
    struct posix *p, const struct store_posix_config *c, struct selfsame_err *e)
{
    if (c->create) {
        TRY(dir_make(p->dir, false, e));
        TRY(dir_make(p->root, false, e));
    }
    p->home.dir = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->home.dir < 0)
        return file_error(e, "cannot open", p->dir);
    p->blobs.dir = open(p->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->blobs.dir < 0)
        return file_error(e, "cannot open", p->root);
    return SELFSAME_OK;
}

/* Drafts of a process that died. */
static void
sweep(struct posix *p)
{
    DIR *d = fdopendir(dup(p->blobs.dir));
    struct dirent *entry;

    while (d != NULL && (entry = readdir(d)) != NULL)
        if (strncmp(entry->d_name, ".new.", 5) == 0)
            (void)unlinkat(p->blobs.dir, entry->d_name, 0);
    if (d != NULL)
        (void)closedir(d);
}

static enum selfsame_code
open_all(struct posix *p, const struct store_posix_config *c, struct selfsame_err *e)
{
    char path[1100];

    TRY(open_directories(p, c, e));
    if (!c->read_only)
        TRY(take_lock(p, e));
    if (!c->read_only) {
        sweep(p);
        syncer_open(&p->syncer);
    }
    (void)snprintf(path, sizeof(path), "%s/state.sqlite", p->dir);
    p->database.probe = c->probe;
    TRY(database_open(&p->database, path, c->create, c->read_only, e));
    p->staged = openat(p->home.dir, "staged",
        (c->read_only ? O_RDONLY : O_CREAT | O_RDWR) | O_CLOEXEC, 0600);
    if (p->staged < 0 && !(c->read_only && errno == ENOENT))
        return place_error(&p->home, "cannot open", "staged", e);
    return c->create ? place_sync_own(&p->home, e) : SELFSAME_OK;
}

enum selfsame_code
store_posix_open(
    const struct store_posix_config *c, struct store **ret, struct selfsame_err *e)
{
    struct posix *p = calloc(1, sizeof(*p));

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "store: out of memory");
    p->store.class = &posix_class;
    p->lock = p->staged = p->retired = p->blobs.dir = p->home.dir = -1;
    p->read_only = c->read_only;
    (void)snprintf(p->dir, sizeof(p->dir), "%s", c->dir);
    int n = c->root != NULL ? snprintf(p->root, sizeof(p->root), "%s", c->root)
                            : snprintf(p->root, sizeof(p->root), "%s/public", c->dir);
    p->home.name = p->dir;
    p->blobs.name = p->root;
    p->home.probe = p->blobs.probe = c->probe;
    enum selfsame_code code = SELFSAME_OK;
    if (strlen(c->dir) >= sizeof(p->dir) - 16 || n >= (int)sizeof(p->root))
        code = err_set(e, SELFSAME_USAGE, __FILE__, __LINE__, "path is too long");
    if (code == SELFSAME_OK)
        code = open_all(p, c, e);
    if (code != SELFSAME_OK) {
        posix_close(&p->store);
        return code;
    }
    *ret = &p->store;
    return SELFSAME_OK;
}
