/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/key_file.h"
#include "service/witness_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VKEY_LIMIT = 1 << 20, DIR_MEMORY = 64 << 20, HASH_PART = 16 };

/* ---- init ---- */

enum selfsame_code
witness_service_init(const char *dir, const char *name, const char *key_file,
    struct arena *arena, char **ret_vkey, struct selfsame_err *e)
{
    static const char *const dirs[] = { "logs", "forks" };
    const char *path, *key_path;
    struct note_key vkey;
    auto_key *k = NULL;
    auto_witness_store *store = NULL;

    TRY(path_join(dir, "witness.key", arena, &key_path, e));
    if (access(key_path, F_OK) == 0)
        FAIL(e, SELFSAME_USAGE, "%s: there is a witness already", key_path);
    TRY(key_file_take(key_file, &k, e));
    TRY(note_key_of(bytes_str(name), NOTE_COSIGNATURE, k, arena, &vkey, e));
    char *text = note_key_text(&vkey, arena);
    char *line = text != NULL ? arena_printf(arena, "%s\n", text) : NULL;
    if (line == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    TRY(dir_make(dir, true, e));
    for (size_t i = 0; i < COUNT(dirs); i++) {
        TRY(path_join(dir, dirs[i], arena, &path, e));
        TRY(dir_make(path, true, e));
    }
    TRY(path_join(dir, "state.sqlite", arena, &path, e));
    TRY(witness_store_open(path, true, &store, e));
    TRY(path_join(dir, "witness.vkey", arena, &path, e));
    TRY(file_write(path, bytes_str(line), false, e));
    /* Last: whoever finds a key finds all. */
    TRY(key_file_write(key_path, k, e));
    *ret_vkey = text;
    return SELFSAME_OK;
}

/* ---- keys ---- */

static enum selfsame_code
read_own(struct witness_dir *d, struct selfsame_err *e)
{
    struct selfsame_bytes text, line;
    struct note_key same;
    const char *path;

    TRY(path_join(d->path, "witness.key", &d->arena, &path, e));
    TRY(key_file_read(path, &d->key, e));
    TRY(path_join(d->path, "witness.vkey", &d->arena, &path, e));
    TRY(file_read(path, VKEY_LIMIT, &d->arena, &text, e));
    if (!bytes_line(&text, &line) || text.len != 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected one line", path);
    TRY_WHILE(e, note_key_parse(line, &d->arena, &d->vkey, e), "%s", path);
    TRY(note_key_of(d->vkey.name, NOTE_COSIGNATURE, d->key, &d->arena, &same, e));
    if (same.id != d->vkey.id || d->vkey.type != NOTE_COSIGNATURE)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected the cosignature key of witness.key, got another", path);
    d->vkey_text = arena_str(&d->arena, line);
    if (d->vkey_text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    return SELFSAME_OK;
}

static enum selfsame_code
add_key(struct witness_dir *d, struct selfsame_bytes line, struct selfsame_err *e)
{
    struct note_key *k = &d->keys[d->key_count];
    uint8_t digest[HASH_MAX];

    if (d->key_count == WITNESS_LOGS)
        FAIL(e, SELFSAME_USAGE, "expected at most %d keys of logs", (int)WITNESS_LOGS);
    TRY(note_key_parse(line, &d->arena, k, e));
    if (k->type != NOTE_ED25519)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected the Ed25519 key of a log, got one of type 0x%02x",
            (unsigned)k->type);
    d->key_count++;
    if (witness_dir_log(d, k->name) != NULL)
        return SELFSAME_OK;
    struct witness_log *l = &d->logs[d->log_count++];
    l->origin = k->name;
    if (!hash_bytes(HASH_SHA256, k->name, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for a hash");
    hex_encode(BYTES(digest, LOG_HASH), l->hash);
    return SELFSAME_OK;
}

static enum selfsame_code
read_log(struct witness_dir *d, const char *path, struct selfsame_err *e)
{
    struct selfsame_bytes text, line;

    TRY(file_read(path, VKEY_LIMIT, &d->arena, &text, e));
    while (text.len > 0) {
        if (!bytes_line(&text, &line))
            FAIL(e, SELFSAME_MALFORMED, "%s: expected a newline at its end", path);
        if (line.len > 0 && line.ptr[0] != '#')
            TRY_WHILE(e, add_key(d, line, e), "%s", path);
    }
    return SELFSAME_OK;
}

static int
is_vkey(const struct dirent *d)
{
    size_t len = strlen(d->d_name);

    return d->d_name[0] != '.' && len > 5 && strcmp(d->d_name + len - 5, ".vkey") == 0;
}

static enum selfsame_code
read_logs(struct witness_dir *d, struct selfsame_err *e)
{
    struct dirent **found = NULL;
    enum selfsame_code code = SELFSAME_OK;
    const char *dir, *path;

    d->keys = ARENA_NEW(&d->arena, struct note_key, WITNESS_LOGS + 1);
    d->logs = ARENA_NEW(&d->arena, struct witness_log, WITNESS_LOGS);
    if (d->keys == NULL || d->logs == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for keys");
    TRY(path_join(d->path, "logs", &d->arena, &dir, e));
    int n = scandir(dir, &found, is_vkey, alphasort);
    if (n < 0)
        return file_error(e, "read", dir);
    for (int i = 0; i < n; i++) {
        if (code == SELFSAME_OK)
            code = path_join(dir, found[i]->d_name, &d->arena, &path, e);
        if (code == SELFSAME_OK)
            code = read_log(d, path, e);
        free(found[i]);
    }
    free(found);
    return code;
}

struct witness_log *
witness_dir_log(struct witness_dir *d, struct selfsame_bytes origin)
{
    for (size_t i = 0; i < d->log_count; i++)
        if (bytes_eq(d->logs[i].origin, origin))
            return &d->logs[i];
    return NULL;
}

static const char *const kinds[] = { "suspect", "fork" };
static const size_t limits[] = { WITNESS_SUSPECTS, WITNESS_FORKS };

/* By its place in the order: behind all that are known. False: no memory. */
static bool
remember(struct witness_dir *d, struct witness_kept *k, size_t limit, const char *stem)
{
    if (k->stems == NULL)
        k->stems = arena_alloc(&d->arena, sizeof(*k->stems), limit);
    if (k->stems == NULL)
        return false;
    if (k->count < limit)
        (void)snprintf(k->stems[k->count++], WITNESS_STEM, "%s", stem);
    return true;
}

/* "HASH-fork-SIZE-HASH.offered": of which log and kind? */
static bool
know_kept(struct witness_dir *d, const char *name)
{
    const size_t len = strlen(name);
    char stem[WITNESS_STEM];

    if (len < 8 + HASH_PART + 2 || len - 8 >= sizeof(stem) ||
        strcmp(name + len - 8, ".offered") != 0)
        return true;
    (void)snprintf(stem, sizeof(stem), "%.*s", (int)(len - 8), name);
    for (size_t i = 0; i < d->log_count; i++)
        for (size_t k = 0; k < COUNT(kinds); k++)
            if (strncmp(name, d->logs[i].hash, HASH_PART) == 0 &&
                strncmp(name + HASH_PART + 1, kinds[k], strlen(kinds[k])) == 0)
                return remember(d, &d->logs[i].kept[k], limits[k], stem);
    return true;
}

/* The order in which they were kept is that of the files' times. */
struct dated {
    int64_t ns;
    char name[256 + 8];
};

static int
by_date(const void *a, const void *b)
{
    const struct dated *x = a, *y = b;

    return x->ns < y->ns ? -1 : x->ns > y->ns ? 1 : strcmp(x->name, y->name);
}

static enum selfsame_code
know_all(struct witness_dir *d, const char *dir, struct dirent **found, size_t n,
    struct selfsame_err *e)
{
    struct dated *all = calloc(n + 1, sizeof(*all));
    char path[1400];
    bool good = all != NULL;

    for (size_t i = 0; i < n && good; i++) {
        struct stat st = { 0 };

        (void)snprintf(path, sizeof(path), "%s/%s", dir, found[i]->d_name);
        (void)stat(path, &st);
        all[i].ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        (void)snprintf(all[i].name, sizeof(all[i].name), "%s", found[i]->d_name);
    }
    if (good)
        qsort(all, n, sizeof(*all), by_date);
    for (size_t i = 0; i < n && good; i++)
        good = know_kept(d, all[i].name);
    free(all);
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "no memory for the evidence that is kept");
    return SELFSAME_OK;
}

static enum selfsame_code
know_forks(struct witness_dir *d, struct selfsame_err *e)
{
    struct dirent **found = NULL;
    const char *dir;

    TRY(path_join(d->path, "forks", &d->arena, &dir, e));
    int n = scandir(dir, &found, NULL, NULL);
    if (n < 0)
        return file_error(e, "read", dir);
    enum selfsame_code code = know_all(d, dir, found, (size_t)n, e);
    for (int i = 0; i < n; i++)
        free(found[i]);
    free(found);
    return code;
}

enum selfsame_code
witness_dir_open(const char *path, struct witness_dir *d, struct selfsame_err *e)
{
    d->arena = arena_new(DIR_MEMORY);
    d->path = arena_str(&d->arena, bytes_str(path));
    if (d->path == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    TRY(read_own(d, e));
    TRY(read_logs(d, e));
    return know_forks(d, e);
}

void
witness_dir_close(struct witness_dir *d)
{
    key_free(&d->key);
    arena_free(&d->arena);
}

/* ---- evidence ---- */

static bool
is_kept(const struct witness_kept *k, const char *stem)
{
    for (size_t i = 0; i < k->count; i++)
        if (strcmp(k->stems[i], stem) == 0)
            return true;
    return false;
}

static enum selfsame_code
file_of(const struct witness_dir *d, const char *stem, const char *what,
    struct arena *arena, const char **ret, struct selfsame_err *e)
{
    *ret = arena_printf(arena, "%s/forks/%s.%s", d->path, stem, what);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    return SELFSAME_OK;
}

/* The first half stays; of the others the oldest goes. */
static enum selfsame_code
make_room(const struct witness_dir *d, struct witness_kept *k, size_t limit,
    struct arena *arena, struct selfsame_err *e)
{
    const size_t oldest = limit / 2;
    const char *path;

    if (k->count < limit)
        return SELFSAME_OK;
    TRY(file_of(d, k->stems[oldest], "offered", arena, &path, e));
    (void)unlink(path);
    TRY(file_of(d, k->stems[oldest], "cosigned", arena, &path, e));
    (void)unlink(path);
    memmove(k->stems[oldest], k->stems[oldest + 1],
        (k->count - oldest - 1) * sizeof(*k->stems));
    k->count--;
    k->dropped++;
    return SELFSAME_OK;
}

enum selfsame_code
witness_dir_keep(struct witness_dir *d, const struct witness_asked *q,
    const struct witness_record *cosigned, struct selfsame_bytes request, bool fork,
    bool *ret_new, size_t *ret_dropped, struct selfsame_err *e)
{
    auto_arena arena = arena_new(16384);
    struct witness_log *l = witness_dir_log(d, q->checkpoint.origin);
    struct witness_kept *k = l != NULL ? &l->kept[fork] : NULL;
    uint8_t digest[HASH_MAX];
    char hex[2 * LOG_HASH + 1], stem[WITNESS_STEM];
    const char *ours, *theirs;

    *ret_new = false;
    if (k == NULL)
        return SELFSAME_OK;
    if (!hash_bytes(HASH_SHA256, q->note.text, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for a hash");
    hex_encode(BYTES(digest, LOG_HASH), hex);
    (void)snprintf(stem, sizeof(stem), "%.*s-%s-%" PRIu64 "-%.*s", (int)HASH_PART,
        l->hash, kinds[fork], q->checkpoint.size, (int)HASH_PART, hex);
    if (is_kept(k, stem))
        return SELFSAME_OK;
    TRY(file_of(d, stem, "cosigned", &arena, &ours, e));
    TRY(file_of(d, stem, "offered", &arena, &theirs, e));
    TRY(file_write(ours, cosigned->note, false, e));
    TRY(file_write(theirs, request, false, e));
    TRY(make_room(d, k, limits[fork], &arena, e));
    if (!remember(d, k, limits[fork], stem))
        FAIL(e, SELFSAME_NOMEM, "no memory for the evidence that is kept");
    *ret_new = true;
    *ret_dropped = k->dropped;
    return SELFSAME_OK;
}
