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

enum { VKEY_LIMIT = 1 << 20, DIR_MEMORY = 32 << 20, HASH_PART = 16 };

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

/* "HASH-fork-SIZE-HASH.offered" of which log and kind? */
static void
count_kept(struct witness_dir *d, const char *name)
{
    size_t len = strlen(name);

    if (len < 8 + HASH_PART + 2 || strcmp(name + len - 8, ".offered") != 0)
        return;
    for (size_t i = 0; i < d->log_count; i++)
        for (size_t k = 0; k < COUNT(kinds); k++)
            if (strncmp(name, d->logs[i].hash, HASH_PART) == 0 &&
                strncmp(name + HASH_PART + 1, kinds[k], strlen(kinds[k])) == 0)
                d->logs[i].kept[k]++;
}

static enum selfsame_code
count_forks(struct witness_dir *d, struct selfsame_err *e)
{
    struct dirent **found = NULL;
    const char *dir;

    TRY(path_join(d->path, "forks", &d->arena, &dir, e));
    int n = scandir(dir, &found, NULL, NULL);
    if (n < 0)
        return file_error(e, "read", dir);
    for (int i = 0; i < n; i++) {
        count_kept(d, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    return SELFSAME_OK;
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
    return count_forks(d, e);
}

void
witness_dir_close(struct witness_dir *d)
{
    key_free(&d->key);
    arena_free(&d->arena);
}

/* ---- evidence ---- */

enum selfsame_code
witness_dir_keep(struct witness_dir *d, const struct witness_asked *q,
    const struct witness_record *cosigned, struct selfsame_bytes request, bool fork,
    bool *ret_new, struct selfsame_err *e)
{
    auto_arena arena = arena_new(16384);
    struct witness_log *l = witness_dir_log(d, q->checkpoint.origin);
    const size_t limit = fork ? WITNESS_FORKS : WITNESS_SUSPECTS;
    uint8_t digest[HASH_MAX];
    char hex[2 * LOG_HASH + 1];

    *ret_new = false;
    if (l == NULL || l->kept[fork] >= limit)
        return SELFSAME_OK;
    if (!hash_bytes(HASH_SHA256, q->note.text, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for a hash");
    hex_encode(BYTES(digest, LOG_HASH), hex);
    char *stem = arena_printf(&arena, "%s/forks/%.*s-%s-%" PRIu64 "-%.*s", d->path,
        (int)HASH_PART, l->hash, kinds[fork], q->checkpoint.size, (int)HASH_PART, hex);
    char *ours = arena_printf(&arena, "%s.cosigned", stem != NULL ? stem : "");
    char *theirs = arena_printf(&arena, "%s.offered", stem != NULL ? stem : "");
    if (stem == NULL || ours == NULL || theirs == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a path");
    if (access(theirs, F_OK) == 0)
        return SELFSAME_OK;
    TRY(file_write(ours, cosigned->note, false, e));
    TRY(file_write(theirs, request, false, e));
    l->kept[fork]++;
    *ret_new = true;
    return SELFSAME_OK;
}
