/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "crypto/x509.h"
#include "os/os.h"
#include "service/key_file.h"
#include "service/log_service.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_LIMIT = 16384,
    TEXT_LIMIT = 1 << 20,
    DIR_MEMORY = 16 << 20,
    PUBLISHERS_MEMORY = 16 << 20,
};

/* ---- init ---- */

/* Without a scheme or with white space it would be another line than was meant. */
static enum selfsame_code
check_url(const char *url, struct selfsame_err *e)
{
    bool plain = true;

    for (const char *p = url; *p != '\0'; p++)
        plain = plain && *p > ' ' && *p <= '~';
    if (!plain || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
        FAIL(e, SELFSAME_USAGE,
            "URL: expected such as https://log.example/releases, got \"%.80s\"", url);
    return SELFSAME_OK;
}

static char *
policy_of(const char *vkey, const char *url, struct arena *arena)
{
    return arena_printf(arena,
        "# Who has to cosign this log's checkpoints, and so whom its clients believe.\n"
        "# witness NAME VKEY URL\n"
        "# group NAME all|any|NUMBER MEMBER...\n"
        "log %s%s%s\n"
        "quorum none\n",
        vkey, url != NULL ? " " : "", url != NULL ? url : "");
}

static enum selfsame_code
write_texts(const struct log_service_make *m, const char *vkey, struct arena *arena,
    struct selfsame_err *e)
{
    const char *path, *line = arena_printf(arena, "%s\n", vkey);
    const char *policy = policy_of(vkey, m->url, arena);
    struct log_policy same;

    if (line == NULL || policy == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    TRY(log_policy_parse(bytes_str(policy), arena, &same, e));
    TRY(path_join(m->dir, "log.vkey", arena, &path, e));
    TRY(file_write(path, bytes_str(line), false, e));
    TRY(path_join(m->dir, "policy.txt", arena, &path, e));
    return file_write(path, bytes_str(policy), false, e);
}

static enum selfsame_code
make_store(const char *dir, struct selfsame_err *e)
{
    const struct store_posix_config c = { .dir = dir, .create = true };
    auto_store *s = NULL;

    TRY(store_posix_open(&c, &s, e));
    return log_core_create(s, e);
}

enum selfsame_code
log_service_init(const struct log_service_make *m, struct arena *arena, char **ret_vkey,
    struct selfsame_err *e)
{
    const char *dir = m->dir;
    const char *path, *key_path;
    struct note_key vkey;
    auto_key *k = NULL;

    TRY(path_join(dir, "log.key", arena, &key_path, e));
    if (access(key_path, F_OK) == 0)
        FAIL(e, SELFSAME_USAGE, "%s: there is a log already", key_path);
    if (m->url != NULL)
        TRY(check_url(m->url, e));
    TRY(key_file_take(m->key_file, &k, e));
    TRY(note_key_of(bytes_str(m->origin), NOTE_ED25519, k, arena, &vkey, e));
    char *text = note_key_text(&vkey, arena);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    TRY(dir_make(dir, false, e)); /* a proxy may have to reach DIR/public */
    TRY(path_join(dir, "publishers", arena, &path, e));
    TRY(dir_make(path, false, e));
    TRY(make_store(dir, e));
    TRY(write_texts(m, text, arena, e));
    /* Last: whoever finds a key finds all. */
    TRY(key_file_write(key_path, k, e));
    *ret_vkey = text;
    return SELFSAME_OK;
}

/* ---- publishers ---- */

struct listing {
    struct arena *arena;
    struct log_publisher *all;
    size_t count;
};

static enum selfsame_code
add_publisher(struct listing *l, struct selfsame_bytes spki, struct selfsame_err *e)
{
    struct log_publisher *p = &l->all[l->count];
    struct selfsame_bytes key;
    enum sig_alg alg = SIG_NONE;
    uint8_t digest[HASH_MAX];

    if (l->count == LOG_PUBLISHERS)
        FAIL(e, SELFSAME_USAGE, "expected at most %d publishers", (int)LOG_PUBLISHERS);
    TRY(spki_parse(spki, &alg, &key, e));
    if (alg != SIG_ED25519 && alg != SIG_P256 && alg != SIG_P384)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected an Ed25519, P-256 or P-384 key, got another");
    if (!hash_bytes(HASH_SHA256, spki, digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    hex_encode(BYTES(digest, 32), p->keyid);
    p->spki = spki;
    l->count++;
    return SELFSAME_OK;
}

static enum selfsame_code
add_publisher_file(struct listing *l, const char *path, struct selfsame_err *e)
{
    struct selfsame_bytes pem, spki;
    size_t before = l->count;

    TRY(file_read(path, KEY_LIMIT, l->arena, &pem, e));
    for (;;) {
        TRY_WHILE(e, pem_next(&pem, "PUBLIC KEY", l->arena, &spki, e), "%s", path);
        if (spki.ptr == NULL)
            break;
        TRY_WHILE(e, add_publisher(l, spki, e), "%s", path);
    }
    if (l->count == before)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a PUBLIC KEY in PEM, got none", path);
    return SELFSAME_OK;
}

static void
close_dir(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

static enum selfsame_code
list_publishers(const char *dir, struct listing *l, struct selfsame_err *e)
{
    __attribute__((cleanup(close_dir))) DIR *d = opendir(dir);
    struct dirent *entry;

    l->all = ARENA_NEW(l->arena, struct log_publisher, LOG_PUBLISHERS + 1);
    if (l->all == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for keys");
    if (d == NULL)
        return file_error(e, "cannot list", dir);
    while ((entry = readdir(d)) != NULL) {
        const char *dot = strrchr(entry->d_name, '.'), *path;

        if (entry->d_name[0] == '.' || dot == NULL || strcmp(dot, ".pem") != 0)
            continue;
        TRY(path_join(dir, entry->d_name, l->arena, &path, e));
        TRY(add_publisher_file(l, path, e));
    }
    return SELFSAME_OK;
}

static int64_t
changed_ns(const char *dir)
{
    struct stat st;

    if (stat(dir, &st) != 0)
        return -1;
    return (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
}

static enum selfsame_code
read_publishers(struct log_dir *d, struct selfsame_err *e)
{
    char dir[sizeof(d->path) + 16];
    struct arena fresh = arena_new(PUBLISHERS_MEMORY);
    struct listing l = { .arena = &fresh };

    (void)snprintf(dir, sizeof(dir), "%s/publishers", d->path);
    const int64_t ns = changed_ns(dir);
    enum selfsame_code code = list_publishers(dir, &l, e);
    (void)pthread_rwlock_wrlock(&d->lock);
    if (code == SELFSAME_OK) {
        d->publishers_ns = ns;
        arena_free(&d->publishers_arena);
        d->publishers_arena = fresh;
        d->publishers = l.all;
        d->publisher_count = l.count;
    }
    (void)pthread_rwlock_unlock(&d->lock);
    if (code != SELFSAME_OK)
        arena_free(&fresh);
    return code;
}

/* The lock is held for reading. */
static const struct log_publisher *
find_publisher(const struct log_dir *d, struct selfsame_bytes keyid)
{
    for (size_t i = 0; i < d->publisher_count; i++)
        if (bytes_eq(bytes_str(d->publishers[i].keyid), keyid))
            return &d->publishers[i];
    return NULL;
}

static bool
is_changed(struct log_dir *d)
{
    char dir[sizeof(d->path) + 16];

    (void)snprintf(dir, sizeof(dir), "%s/publishers", d->path);
    const int64_t ns = changed_ns(dir);
    (void)pthread_rwlock_rdlock(&d->lock);
    const bool changed = ns != d->publishers_ns;
    (void)pthread_rwlock_unlock(&d->lock);
    return changed;
}

static enum selfsame_code
verify_known(struct log_dir *d, const struct envelope *v, struct arena *arena,
    bool *ret_known, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_OK;

    (void)pthread_rwlock_rdlock(&d->lock);
    const struct log_publisher *p = find_publisher(d, v->keyid);
    *ret_known = p != NULL;
    if (p != NULL)
        code = envelope_verify(v, p->spki, arena, e);
    (void)pthread_rwlock_unlock(&d->lock);
    return code;
}

enum selfsame_code
log_dir_verify(struct log_dir *d, const struct envelope *v, struct arena *arena,
    struct selfsame_err *e)
{
    bool known = false;

    /* A publisher who left is gone as soon as one that came is there. */
    if (is_changed(d) && read_publishers(d, e) != SELFSAME_OK)
        return err_wrap(
            e, SELFSAME_IO, __FILE__, __LINE__, "reading the publishers' keys again");
    TRY(verify_known(d, v, arena, &known, e));
    if (known)
        return SELFSAME_OK;
    FAIL(e, SELFSAME_LOG,
        "publisher: expected the key of one who may submit, got key id %.*s",
        v->keyid.len < 64 ? (int)v->keyid.len : 64, (const char *)v->keyid.ptr);
}

/* ---- opening ---- */

static enum selfsame_code
read_keys(struct log_dir *d, struct selfsame_err *e)
{
    struct selfsame_bytes text, line;
    struct note_key same;
    const char *path;

    TRY(path_join(d->path, "log.key", &d->arena, &path, e));
    TRY(key_file_read(path, &d->key, e));
    TRY(path_join(d->path, "log.vkey", &d->arena, &path, e));
    TRY(file_read(path, TEXT_LIMIT, &d->arena, &text, e));
    if (!bytes_line(&text, &line) || text.len != 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected one line", path);
    TRY_WHILE(e, note_key_parse(line, &d->arena, &d->vkey, e), "%s", path);
    TRY(note_key_of(d->vkey.name, NOTE_ED25519, d->key, &d->arena, &same, e));
    if (same.id != d->vkey.id || d->vkey.type != NOTE_ED25519)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected the public half of log.key, got another", path);
    d->vkey_text = arena_str(&d->arena, line);
    if (d->vkey_text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    return SELFSAME_OK;
}

static enum selfsame_code
read_policy(struct log_dir *d, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    const char *path;

    TRY(path_join(d->path, "policy.txt", &d->arena, &path, e));
    TRY(file_read(path, TEXT_LIMIT, &d->arena, &text, e));
    TRY_WHILE(e, log_policy_parse(text, &d->arena, &d->policy, e), "%s", path);
    for (size_t i = 0; i < d->policy.log_count; i++)
        if (d->policy.logs[i].id == d->vkey.id &&
            bytes_eq(d->policy.logs[i].name, d->vkey.name) &&
            bytes_eq(d->policy.logs[i].key, d->vkey.key))
            return SELFSAME_OK;
    FAIL(e, SELFSAME_USAGE, "%s: expected a line with this log's own key, %s", path,
        d->vkey_text);
}

enum selfsame_code
log_dir_open(const char *path, struct log_dir *ret, struct selfsame_err *e)
{
    if (strlen(path) >= sizeof(ret->path) - 64)
        FAIL(e, SELFSAME_USAGE, "path of %zu bytes is too long", strlen(path));
    *ret = (struct log_dir){ .arena = arena_new(DIR_MEMORY) };
    (void)pthread_rwlock_init(&ret->lock, NULL);
    (void)snprintf(ret->path, sizeof(ret->path), "%s", path);
    TRY(read_keys(ret, e));
    TRY(read_policy(ret, e));
    return read_publishers(ret, e);
}

void
log_dir_close(struct log_dir *d)
{
    if (d->path[0] == '\0')
        return;
    key_free(&d->key);
    arena_free(&d->publishers_arena);
    arena_free(&d->arena);
    (void)pthread_rwlock_destroy(&d->lock);
    d->path[0] = '\0';
}

struct log_core_config
log_dir_config(const struct log_dir *d)
{
    return (struct log_core_config){
        .origin = d->vkey.name, .key = d->key, .identify = log_entry_identify
    };
}
