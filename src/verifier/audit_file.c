/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/audit_parts.h"

#include "os/os.h"
#include "service/key_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILES_ARENA = 1 << 20, SEGMENTS_MAX = 1 << 16 };

void
files_name(const char *dir, uint64_t first, char ret[static 1100])
{
    (void)snprintf(ret, 1100, "%s/rows-%012" PRIu64 ".jsonl", dir, first);
}

enum selfsame_code
audit_init(const char *dir, const char *origin, struct selfsame_err *e)
{
    auto_arena arena = arena_new(FILES_ARENA);
    auto_key *key = NULL;
    struct note_key vkey;
    const char *path;

    TRY(dir_make(dir, true, e));
    TRY(key_generate(KEY_ED25519, &key, e));
    TRY(note_key_of(bytes_str(origin), NOTE_ED25519, key, &arena, &vkey, e));
    const char *text = note_key_text(&vkey, &arena);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the audit log's key");
    TRY(path_join(dir, "audit.key", &arena, &path, e));
    TRY(key_file_write(path, key, e));
    TRY(path_join(dir, "audit.vkey", &arena, &path, e));
    return file_write(path, bytes_str(text), false, e);
}

enum selfsame_code
files_open(struct audit_files *f, const char *dir, bool secret, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    const char *path;

    f->arena = arena_new(FILES_ARENA);
    f->fd = f->lock_fd = -1;
    if (snprintf(f->dir, sizeof(f->dir), "%s", dir) >= (int)sizeof(f->dir))
        FAIL(e, SELFSAME_USAGE, "the audit log's directory has too long a name");
    TRY(path_join(dir, "audit.vkey", &f->arena, &path, e));
    TRY(file_read(path, 4096, &f->arena, &text, e));
    TRY(note_key_parse(text, &f->arena, &f->vkey, e));
    if (!secret)
        return SELFSAME_OK;
    TRY(path_join(dir, "audit.key", &f->arena, &path, e));
    return key_file_read(path, &f->key, e);
}

void
files_close(struct audit_files *f)
{
    fd_close(&f->fd);
    fd_close(&f->lock_fd);
    key_free(&f->key);
    arena_free(&f->arena);
}

static enum selfsame_code
step(struct audit_files *f, const char *what, struct selfsame_err *e)
{
    const int why = f->fail != NULL ? f->fail(f->fail_ctx, what) : 0;

    if (why == 0)
        return SELFSAME_OK;
    errno = why;
    return file_error(e, "cannot write", f->dir);
}

/* Under its own name only once its head is whole. */
enum selfsame_code
files_begin(struct audit_files *f, const struct audit_chain *c, struct selfsame_err *e)
{
    char path[1100], head[AUDIT_HEAD];
    const size_t len = head_print(c, head);

    files_name(f->dir, c->size, path);
    TRY(step(f, "begin", e));
    TRY(file_write(path, BYTES((const uint8_t *)head, len), true, e));
    fd_close(&f->fd);
    f->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (f->fd < 0)
        return file_error(e, "cannot open", path);
    f->written = len;
    return SELFSAME_OK;
}

enum selfsame_code
files_resume(struct audit_files *f, const char *path, struct selfsame_err *e)
{
    f->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (f->fd < 0)
        return file_error(e, "cannot open", path);
    /* What a killed process wrote may not be on the disk, and will be signed. */
    TRY(step(f, "resume", e));
    return fdatasync(f->fd) == 0 ? SELFSAME_OK : file_error(e, "cannot sync", path);
}

enum selfsame_code
files_lock(struct audit_files *f, struct selfsame_err *e)
{
    const char *path;

    TRY(path_join(f->dir, ".lock", &f->arena, &path, e));
    f->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (f->lock_fd < 0)
        return file_error(e, "cannot open", path);
    if (flock(f->lock_fd, LOCK_EX | LOCK_NB) != 0)
        FAIL(e, SELFSAME_IO, "another process writes the audit log %.80s", f->dir);
    return SELFSAME_OK;
}

enum selfsame_code
files_append(struct audit_files *f, struct selfsame_bytes lines, struct selfsame_err *e)
{
    size_t done = 0;

    TRY(step(f, "append", e));
    while (done < lines.len) {
        const ssize_t n = write(f->fd, lines.ptr + done, lines.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(e, "cannot write", f->dir);
        done += (size_t)n;
    }
    TRY(step(f, "sync", e));
    if (fdatasync(f->fd) != 0)
        return file_error(e, "cannot sync", f->dir);
    f->written += lines.len;
    return SELFSAME_OK;
}

enum selfsame_code
files_checkpoint(
    struct audit_files *f, const struct audit_chain *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new(FILES_ARENA);
    struct checkpoint p = { .origin = f->vkey.name, .size = c->size };
    const char *path;
    char *line;

    TRY(step(f, "checkpoint", e));
    if (!chain_root(c, p.root))
        FAIL(e, SELFSAME_NOMEM, "no memory for a root");
    const char *text = checkpoint_text(&p, &arena);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a checkpoint");
    TRY(note_sign(
        bytes_str(text), f->vkey.name, NOTE_ED25519, f->key, 0, &arena, &line, e));
    const char *note = arena_printf(&arena, "%s\n%s", text, line);
    if (note == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a checkpoint");
    TRY(path_join(f->dir, "checkpoint", &arena, &path, e));
    return file_write(path, bytes_str(note), false, e);
}

enum selfsame_code
files_read_checkpoint(
    struct audit_files *f, struct checkpoint *ret, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    const char *path;
    struct note note;
    uint64_t good;

    *ret = (struct checkpoint){ .size = 0 };
    TRY(path_join(f->dir, "checkpoint", &f->arena, &path, e));
    if (access(path, F_OK) != 0)
        return SELFSAME_OK;
    TRY(file_read(path, NOTE_MAX, &f->arena, &text, e));
    TRY(note_parse(text, &f->arena, &note, e));
    TRY(note_verify(&note, &f->vkey, 1, &good, NULL, e));
    TRY(checkpoint_parse(note.text, ret, e));
    if (good == 0 || !bytes_eq(ret->origin, f->vkey.name))
        FAIL(e, SELFSAME_LOG, "the audit log's checkpoint is not signed by its key");
    return SELFSAME_OK;
}

static int
compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y ? 1 : 0;
}

static bool
segment_of(const char *name, uint64_t *ret)
{
    const size_t len = strlen(name);

    return len == 5 + 12 + 6 && strncmp(name, "rows-", 5) == 0 &&
           strcmp(name + 17, ".jsonl") == 0 && strspn(name + 5, "0123456789") == 12 &&
           uint_parse(name + 5, 12, UINT64_MAX, ret);
}

enum selfsame_code
files_list(const char *dir, struct arena *arena, uint64_t **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    uint64_t *list = ARENA_NEW(arena, uint64_t, SEGMENTS_MAX), first;
    DIR *d = opendir(dir);
    const struct dirent *f;
    size_t n = 0;

    if (list == NULL || d == NULL) {
        if (d != NULL)
            (void)closedir(d);
        return list == NULL ? err_set(e, SELFSAME_NOMEM, __FILE__, __LINE__,
                                  "no memory for a list of segments")
                            : file_error(e, "cannot read", dir);
    }
    while (n < SEGMENTS_MAX && (f = readdir(d)) != NULL)
        if (segment_of(f->d_name, &first))
            list[n++] = first;
    (void)closedir(d);
    qsort(list, n, sizeof(*list), compare);
    *ret = list;
    *ret_count = n;
    return SELFSAME_OK;
}
