/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "fetch/fetch.h"
#include "os/os.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * An entry is a head of lines, an empty one, and the body:
 *   selfsame-collateral 1
 *   url https://…
 *   fetched 1780000000
 *   status 200
 *   sha256 … of all that is behind the empty line
 *   chain 1892 bytes of which are the issuer's certificates, at the end; or no such line
 */
static const char magic[] = "selfsame-collateral 1";
enum { HEAD_MAX = FETCH_URL_MAX + 256 };

bool
cache_path(
    const struct fetcher *f, const char *url, const char *suffix, char ret[static 1024])
{
    uint8_t digest[HASH_MAX];
    char hex[65];

    if (!hash_bytes(HASH_SHA256, bytes_str(url), digest))
        return false;
    hex_encode(BYTES(digest, 32), hex);
    int n = snprintf(ret, 1024, "%s/%s%s", f->cache, hex, suffix);
    return n > 0 && n < 1024;
}

/* The value of the next line when it begins with this name; NULL otherwise. */
static char *
take_line(char **at, const char *name)
{
    size_t len = strlen(name);
    char *line = *at, *end = strchr(line, '\n');

    if (end == NULL || strncmp(line, name, len) != 0)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return line + len;
}

/* It is printed, and asked again: nothing but what a URL is made of. */
static bool
is_url(const char *s)
{
    size_t len = strlen(s);

    for (size_t i = 0; i < len; i++)
        if (s[i] <= ' ' || s[i] > '~')
            return false;
    return strncmp(s, "https://", 8) == 0 && len <= FETCH_URL_MAX;
}

static bool
parse(char *head, struct selfsame_bytes body, struct arena *arena, struct cached *ret)
{
    char hex[65];
    uint8_t digest[HASH_MAX];
    uint64_t fetched = 0;
    char *first = take_line(&head, ""), *url = take_line(&head, "url "),
         *when = url != NULL ? take_line(&head, "fetched ") : NULL,
         *status = when != NULL ? take_line(&head, "status ") : NULL,
         *sum = status != NULL ? take_line(&head, "sha256 ") : NULL,
         *tail = sum != NULL ? take_line(&head, "chain ") : NULL;
    uint64_t chain = 0;

    if (first == NULL || strcmp(first, magic) != 0 || sum == NULL || *head != '\0' ||
        !is_url(url) || !uint_parse(when, strlen(when), INT64_MAX, &fetched) ||
        (tail != NULL && !uint_parse(tail, strlen(tail), body.len, &chain)) ||
        !hash_bytes(HASH_SHA256, body, digest))
        return false;
    hex_encode(BYTES(digest, 32), hex);
    *ret = (struct cached){
        .url = arena_str(arena, bytes_str(url)),
        .fetched_s = (int64_t)fetched,
        .absent = strcmp(status, "404") == 0,
        .body = BYTES(body.ptr, body.len - (size_t)chain),
        .chain = chain > 0 ? BYTES(body.ptr + (body.len - (size_t)chain), (size_t)chain)
                           : BYTES_NONE,
    };
    return ret->url != NULL && strcmp(sum, hex) == 0 &&
           (ret->absent || strcmp(status, "200") == 0);
}

/* *ret_usable: is it an entry? NOMEM says nothing of that. */
static enum selfsame_code
entry_read(const char *path, struct arena *arena, struct cached *ret, bool *ret_usable,
    struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct selfsame_bytes file;
    const bool full = arena->full;

    arena->full = false;
    enum selfsame_code code = file_read(
        path, HEAD_MAX + FETCH_BODY_MAX, arena, &file, &why);
    *ret_usable = code == SELFSAME_OK && cache_parse(file, arena, ret);
    const bool no_room = code == SELFSAME_NOMEM || (!*ret_usable && arena->full);
    arena->full = arena->full || full;
    if (no_room)
        FAIL(e, SELFSAME_NOMEM, "no room for all of the cache: %s", path);
    return SELFSAME_OK;
}

bool
cache_read(const char *path, struct arena *arena, struct cached *ret)
{
    struct selfsame_err ignored;
    bool usable;

    return entry_read(path, arena, ret, &usable, &ignored) == SELFSAME_OK && usable;
}

bool
cache_parse(struct selfsame_bytes file, struct arena *arena, struct cached *ret)
{
    for (size_t i = 0; i + 1 < file.len && i < HEAD_MAX; i++) {
        if (file.ptr[i] != '\n' || file.ptr[i + 1] != '\n')
            continue;
        char *head = arena_str(arena, BYTES(file.ptr, i + 1));
        struct selfsame_bytes body = BYTES(file.ptr + i + 2, file.len - i - 2);

        return head != NULL && strlen(head) == i + 1 && parse(head, body, arena, ret);
    }
    return false;
}

enum selfsame_code
cache_write(const char *path, const struct cached *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new(2 * (HEAD_MAX + FETCH_BODY_MAX));
    const struct selfsame_bytes part[] = { c->body, c->chain };
    uint8_t digest[HASH_MAX], *all;
    char hex[65], chain[32] = "";

    if (!hash_parts(HASH_SHA256, part, COUNT(part), digest))
        FAIL(e, SELFSAME_NOMEM, "an entry of the cache");
    hex_encode(BYTES(digest, 32), hex);
    if (c->chain.len > 0)
        (void)snprintf(chain, sizeof(chain), "chain %zu\n", c->chain.len);
    char *head = arena_printf(&arena,
        "%s\nurl %s\nfetched %" PRId64 "\nstatus %d\nsha256 %s\n%s\n", magic, c->url,
        c->fetched_s, c->absent ? 404 : 200, hex, chain);
    const size_t len = head != NULL ? strlen(head) : 0,
                 size = len + c->body.len + c->chain.len;
    all = arena_alloc(&arena, 1, size);
    if (head == NULL || all == NULL)
        FAIL(e, SELFSAME_NOMEM, "an entry of the cache");
    struct writer w = writer_of(all, size);
    put_bytes(&w, BYTES((const uint8_t *)head, len));
    put_bytes(&w, c->body);
    put_bytes(&w, c->chain);
    return file_write(path, writer_bytes(&w), true, e);
}

static int
is_entry(const struct dirent *d)
{
    return strlen(d->d_name) == 64 && strspn(d->d_name, "0123456789abcdef") == 64;
}

static int
by_url(const void *a, const void *b)
{
    const struct cached *x = a, *y = b;

    return strcmp(x->url, y->url);
}

enum selfsame_code
cache_list(const struct fetcher *f, struct arena *arena, struct cached **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    struct dirent **names = NULL;
    int n = scandir(f->cache, &names, is_entry, NULL);
    size_t count = 0, room = n > 0 ? (size_t)n : 0;
    struct cached *list = ARENA_NEW(arena, struct cached, room + 1);
    enum selfsame_code code = SELFSAME_OK;

    for (size_t i = 0; i < room; i++) {
        char path[1024];
        int len = snprintf(path, sizeof(path), "%s/%s", f->cache, names[i]->d_name);
        bool usable = false;

        if (list != NULL && code == SELFSAME_OK && len > 0 && len < (int)sizeof(path))
            code = entry_read(path, arena, &list[count], &usable, e);
        count += usable;
        free(names[i]);
    }
    free(names);
    TRY(code);
    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "entries of the cache");
    qsort(list, count, sizeof(*list), by_url);
    *ret = list;
    *ret_count = count;
    return SELFSAME_OK;
}
