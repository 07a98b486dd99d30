/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/tiles.h"

#include "fetch/fetch.h"
#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A proof walks at most two tiles of a level in turn; reading on needs one. */
enum { SLOTS = 2 };

struct tile {
    bool full;
    uint64_t index;
    uint8_t hashes[TILE_BYTES];
};
struct edge {
    uint64_t size;
    uint8_t hashes[TILE_LEVELS][TILE_BYTES]; /* as wide as the size says */
};
struct tiles {
    struct tiles_reader reader;
    char where[FETCH_URL_MAX];
    struct edge edge;
    struct tile whole[TILE_LEVELS][SLOTS];
    unsigned next[TILE_LEVELS]; /* the slot to be filled */
    uint64_t asked;             /* the size for which a file is read */
    bool absent;                /* and the last one was not there */
    enum selfsame_code code;    /* why a node could not be had */
    struct selfsame_err err;
};

/* ---- where files come from ---- */

static enum selfsame_code
read_url(void *ctx, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    const struct tiles *t = ctx;
    char url[FETCH_URL_MAX + TILE_NAME + 1];
    const struct http_query q = { .url = url, .limit = limit };
    struct answer a = { .status = 0 };

    (void)snprintf(url, sizeof(url), "%s/%s", t->where, name);
    TRY(http_call(&q, arena, &a, e));
    *ret_absent = a.status == 404 || a.status == 410;
    if (a.status != 200 && !*ret_absent)
        FAIL(e, SELFSAME_IO, "%s: expected status 200, got %ld", url, a.status);
    *ret = a.body;
    return SELFSAME_OK;
}

static enum selfsame_code
read_file(void *ctx, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    const struct tiles *t = ctx;
    char path[FETCH_URL_MAX + TILE_NAME + 1];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/%s", t->where, name);
    if (stat(path, &st) != 0) {
        *ret_absent = errno == ENOENT || errno == ENOTDIR;
        return *ret_absent ? SELFSAME_OK : file_error(e, "cannot read", path);
    }
    if (st.st_size > (off_t)limit)
        FAIL(e, SELFSAME_IO, "%s: expected at most %zu bytes, got more", path, limit);
    return file_read(path, limit, arena, ret, e);
}

static enum selfsame_code
make(struct tiles **ret, struct selfsame_err *e)
{
    *ret = calloc(1, sizeof(**ret));
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "room for the tiles of a log");
    return SELFSAME_OK;
}

enum selfsame_code
tiles_over(const struct tiles_reader *r, struct tiles **ret, struct selfsame_err *e)
{
    TRY(make(ret, e));
    (*ret)->reader = *r;
    return SELFSAME_OK;
}

enum selfsame_code
tiles_open(const char *where, struct tiles **ret, struct selfsame_err *e)
{
    const bool url = strstr(where, "://") != NULL;
    size_t len = strlen(where);
    char probe[FETCH_URL_MAX + 32];

    while (len > 1 && where[len - 1] == '/')
        len--;
    if (len == 0 || len >= sizeof((*ret)->where) - sizeof("/public"))
        FAIL(e, SELFSAME_USAGE, "a log: expected a URL or directory of 1 to %d bytes",
            (int)FETCH_URL_MAX - 8);
    TRY(make(ret, e));
    struct tiles *t = *ret;
    (void)snprintf(t->where, sizeof(t->where), "%.*s", (int)len, where);
    t->reader = (struct tiles_reader){ url ? read_url : read_file, t };
    (void)snprintf(probe, sizeof(probe), "%s/checkpoint", t->where);
    if (url || access(probe, F_OK) == 0)
        return SELFSAME_OK;
    /* A log's own directory keeps apart what everybody may read. */
    (void)snprintf(probe, sizeof(probe), "%s/public/checkpoint", t->where);
    if (access(probe, F_OK) == 0)
        (void)snprintf(t->where + len, sizeof(t->where) - len, "/public");
    return SELFSAME_OK;
}

void
tiles_free(struct tiles **t)
{
    free(*t);
    *t = NULL;
}

static enum selfsame_code
fetch(struct tiles *t, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    if (os_interrupted())
        FAIL(e, SELFSAME_IO, "interrupted while reading a log");
    *ret_absent = false;
    t->absent = false;
    TRY(t->reader.read(t->reader.ctx, name, limit, arena, ret, ret_absent, e));
    t->absent = *ret_absent;
    if (!*ret_absent && ret->len > limit)
        FAIL(e, SELFSAME_IO, "%s: expected at most %zu bytes, got %zu", name, limit,
            ret->len);
    return SELFSAME_OK;
}

/* Partial tiles may be gone once the whole one is there: then that, to be cut. */
static enum selfsame_code
fetch_tile(struct tiles *t, struct tile_id id, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_whole, struct selfsame_err *e)
{
    const size_t limit = id.entries ? BUNDLE_BYTES : TILE_BYTES;
    char name[TILE_NAME];
    bool absent;

    tile_name(&id, name);
    *ret_whole = id.width == TILE_WIDTH;
    TRY(fetch(t, name, limit, arena, ret, &absent, e));
    if (absent && !*ret_whole) {
        char whole[TILE_NAME];

        id.width = TILE_WIDTH;
        *ret_whole = true;
        tile_name(&id, whole);
        TRY(fetch(t, whole, limit, arena, ret, &absent, e));
    }
    if (absent)
        FAIL(e, SELFSAME_IO,
            "the log has no %s, which its checkpoint of size %llu calls for", name,
            (unsigned long long)t->asked);
    return SELFSAME_OK;
}

enum selfsame_code
tiles_checkpoint(struct tiles *t, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    bool absent;

    TRY(fetch(t, "checkpoint", NOTE_MAX, arena, ret, &absent, e));
    if (absent)
        FAIL(e, SELFSAME_IO, "%s: there is no checkpoint: expected a log",
            t->where[0] != '\0' ? t->where : "the log");
    return SELFSAME_OK;
}

/* ---- tiles of hashes ---- */

static enum selfsame_code
read_hashes(struct tiles *t, unsigned level, uint64_t index, unsigned width,
    uint8_t *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(TILE_BYTES + (64 << 10));
    const struct tile_id id = { false, level, index, width };
    struct selfsame_bytes body = BYTES_NONE;
    bool whole;

    TRY(fetch_tile(t, id, &arena, &body, &whole, e));
    const size_t want = whole ? TILE_BYTES : (size_t)width * LOG_HASH;
    if (body.len != want) {
        char name[TILE_NAME];

        tile_name(&id, name);
        FAIL(e, SELFSAME_LOG, "%s: expected %zu bytes, got %zu", name, want, body.len);
    }
    memcpy(ret, body.ptr, (size_t)width * LOG_HASH);
    return SELFSAME_OK;
}

/* The hash over 2^k hashes; the buffer is used up. */
static bool
fold(uint8_t *hashes, size_t count, uint8_t ret[static LOG_HASH])
{
    for (; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++)
            if (!merkle_node(hashes + 2 * i * LOG_HASH, hashes + (2 * i + 1) * LOG_HASH,
                    hashes + i * LOG_HASH))
                return false;
    memcpy(ret, hashes, LOG_HASH);
    return true;
}

static enum selfsame_code tile_get(struct tiles *t, unsigned level, uint64_t index,
    const uint8_t **ret, struct selfsame_err *e);

/* A whole tile is what its place in the tile above says: that one is verified first. */
static enum selfsame_code
read_whole(struct tiles *t, unsigned level, uint64_t index, struct tile *to,
    struct selfsame_err *e)
{
    uint8_t want[LOG_HASH], got[LOG_HASH], scratch[TILE_BYTES];
    const uint8_t *above;

    TRY(tile_get(t, level + 1, index / TILE_WIDTH, &above, e));
    memcpy(want, above + index % TILE_WIDTH * LOG_HASH, LOG_HASH);
    to->full = false;
    TRY(read_hashes(t, level, index, TILE_WIDTH, to->hashes, e));
    memcpy(scratch, to->hashes, TILE_BYTES);
    if (!fold(scratch, TILE_WIDTH, got))
        FAIL(e, SELFSAME_NOMEM, "a tile");
    if (!bytes_eq(BYTES_ARR(got), BYTES_ARR(want)))
        FAIL(e, SELFSAME_LOG,
            "tile %u/%llu: expected hashes below that of the tile above, got others",
            level, (unsigned long long)index);
    to->index = index;
    to->full = true;
    return SELFSAME_OK;
}

/* Depth: a level at each step, TILE_LEVELS in all. */
static enum selfsame_code
tile_get(struct tiles *t, unsigned level, uint64_t index, const uint8_t **ret,
    struct selfsame_err *e)
{
    const unsigned width = tile_width(level, index, t->edge.size);

    if (width == 0)
        FAIL(e, SELFSAME_USAGE, "tile %u/%llu: the tree of %llu entries has none",
            level, (unsigned long long)index, (unsigned long long)t->edge.size);
    if (width < TILE_WIDTH) {
        *ret = t->edge.hashes[level];
        return SELFSAME_OK;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        const struct tile *have = &t->whole[level][i];

        if (have->full && have->index == index) {
            *ret = have->hashes;
            return SELFSAME_OK;
        }
    }
    struct tile *to = &t->whole[level][t->next[level]];
    TRY(read_whole(t, level, index, to, e));
    t->next[level] = (t->next[level] + 1) % SLOTS;
    *ret = to->hashes;
    return SELFSAME_OK;
}

/* ---- nodes ---- */

static enum selfsame_code
node_get(struct tiles *t, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH],
    struct selfsame_err *e)
{
    const unsigned level = height / 8, off = height % 8;
    uint8_t scratch[TILE_BYTES / 2];
    const uint8_t *hashes;

    if (height > 62 || index >= t->edge.size >> height)
        FAIL(e, SELFSAME_USAGE, "the tree of %llu entries has no node %u/%llu",
            (unsigned long long)t->edge.size, height, (unsigned long long)index);
    const uint64_t first = index << off;
    TRY(tile_get(t, level, first / TILE_WIDTH, &hashes, e));
    memcpy(scratch, hashes + first % TILE_WIDTH * LOG_HASH, (size_t)LOG_HASH << off);
    if (!fold(scratch, (size_t)1 << off, ret))
        FAIL(e, SELFSAME_NOMEM, "a node");
    return SELFSAME_OK;
}

static bool
node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    struct tiles *t = ctx;

    t->code = node_get(t, height, index, ret, &t->err);
    return t->code == SELFSAME_OK;
}

struct merkle_source
tiles_source(struct tiles *t)
{
    return (struct merkle_source){ node, t };
}

/* Why merkle.c had no success: a node's failure, or that there is no such proof. */
static enum selfsame_code
why(struct tiles *t, bool made, struct selfsame_err *e)
{
    if (made)
        return SELFSAME_OK;
    if (t->code == SELFSAME_OK)
        FAIL(e, SELFSAME_USAGE, "the tree of %llu entries has no such proof",
            (unsigned long long)t->edge.size);
    *e = t->err;
    return t->code;
}

static void
begin(struct tiles *t)
{
    t->code = SELFSAME_OK;
    t->err = (struct selfsame_err){ 0 };
}

/* ---- the tree ---- */

static void
edge_free(struct edge **g)
{
    free(*g);
}

/* Every hash of the edge is part of the root: so one comparison proves them all. */
static bool
edge_node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    const struct edge *g = ctx;
    const unsigned off = height % 8;
    uint8_t scratch[TILE_BYTES / 2];

    memcpy(scratch, g->hashes[height / 8] + (index << off) % TILE_WIDTH * LOG_HASH,
        (size_t)LOG_HASH << off);
    return fold(scratch, (size_t)1 << off, ret);
}

/* The partial tile of a level, or the whole ones' last place in the level above it. */
static unsigned
edge_width(uint64_t size, unsigned level, uint64_t *ret_index)
{
    *ret_index = (size >> (8 * level)) / TILE_WIDTH;
    return tile_width(level, *ret_index, size);
}

static enum selfsame_code
take_edge(struct tiles *t, const struct edge *g, const struct checkpoint *c,
    struct selfsame_err *e)
{
    const struct merkle_source s = { edge_node, (void *)(uintptr_t)g };
    uint8_t root[LOG_HASH];

    if (!merkle_root(&s, c->size, root))
        FAIL(e, SELFSAME_NOMEM, "the root of a log");
    if (!bytes_eq(BYTES_ARR(root), BYTES_ARR(c->root)))
        FAIL(e, SELFSAME_LOG,
            "the tiles of the log do not lead to the root of its checkpoint of size "
            "%llu",
            (unsigned long long)c->size);
    t->edge = *g;
    t->asked = c->size;
    memset(t->whole, 0, sizeof(t->whole));
    return SELFSAME_OK;
}

static enum selfsame_code
edge_new(const struct checkpoint *c, struct edge **ret, struct selfsame_err *e)
{
    *ret = calloc(1, sizeof(**ret));
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "the right edge of a log");
    if (c->size > INT64_MAX)
        FAIL(e, SELFSAME_LOG, "checkpoint: expected a size below 2^63, got another");
    (*ret)->size = c->size;
    return SELFSAME_OK;
}

static enum selfsame_code
read_edge(struct tiles *t, struct edge *g, struct selfsame_err *e)
{
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        uint64_t index;
        const unsigned width = edge_width(g->size, level, &index);

        if (width > 0)
            TRY(read_hashes(t, level, index, width, g->hashes[level], e));
    }
    return SELFSAME_OK;
}

enum selfsame_code
tiles_believe(struct tiles *t, const struct checkpoint *c, struct selfsame_err *e)
{
    __attribute__((cleanup(edge_free))) struct edge *g = NULL;

    TRY(edge_new(c, &g, e));
    t->asked = c->size;
    enum selfsame_code code = read_edge(t, g, e);
    t->asked = t->edge.size;
    TRY(code);
    return take_edge(t, g, c, e);
}

enum selfsame_code
tiles_edge(const struct tiles *t, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    uint8_t *to = arena_alloc(arena, 1, TILES_EDGE_MAX);
    struct writer w = writer_of(to, to != NULL ? TILES_EDGE_MAX : 0);

    for (unsigned level = 0; level < TILE_LEVELS && to != NULL; level++) {
        uint64_t index;
        const unsigned width = edge_width(t->edge.size, level, &index);

        put_bytes(&w, BYTES(t->edge.hashes[level], (size_t)width * LOG_HASH));
    }
    if (to == NULL || w.bad)
        FAIL(e, SELFSAME_NOMEM, "the right edge of a log");
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
tiles_believe_edge(struct tiles *t, const struct checkpoint *c,
    struct selfsame_bytes edge, struct selfsame_err *e)
{
    __attribute__((cleanup(edge_free))) struct edge *g = NULL;
    struct selfsame_bytes rest = edge;

    TRY(edge_new(c, &g, e));
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        uint64_t index;
        const size_t len = (size_t)edge_width(c->size, level, &index) * LOG_HASH;

        if (rest.len < len)
            break;
        if (len > 0)
            memcpy(g->hashes[level], rest.ptr, len);
        rest = BYTES(rest.ptr + len, rest.len - len);
    }
    return take_edge(t, g, c, e);
}

bool
tiles_absent(const struct tiles *t)
{
    return t->absent;
}

uint64_t
tiles_size(const struct tiles *t)
{
    return t->edge.size;
}

enum selfsame_code
tiles_inclusion(struct tiles *t, uint64_t index, uint8_t *hashes, size_t *ret_count,
    struct selfsame_err *e)
{
    const struct merkle_source s = tiles_source(t);

    begin(t);
    return why(
        t, merkle_prove_inclusion(&s, index, t->edge.size, hashes, ret_count), e);
}

enum selfsame_code
tiles_consistency(struct tiles *t, uint64_t old_size, uint8_t *hashes,
    size_t *ret_count, struct selfsame_err *e)
{
    const struct merkle_source s = tiles_source(t);

    begin(t);
    return why(
        t, merkle_prove_consistency(&s, old_size, t->edge.size, hashes, ret_count), e);
}

enum selfsame_code
tiles_root(struct tiles *t, uint64_t size, uint8_t ret[static LOG_HASH],
    struct selfsame_err *e)
{
    const struct merkle_source s = tiles_source(t);

    begin(t);
    if (size > t->edge.size)
        FAIL(e, SELFSAME_USAGE, "expected a size up to %llu, got %llu",
            (unsigned long long)t->edge.size, (unsigned long long)size);
    return why(t, merkle_root(&s, size, ret), e);
}

enum selfsame_code
tiles_follows(struct tiles *t, const struct checkpoint *older, struct selfsame_err *e)
{
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH], root[LOG_HASH];
    size_t count = 0;

    TRY(tiles_root(t, t->edge.size, root, e));
    if (older->size <= t->edge.size)
        TRY(tiles_consistency(t, older->size, hashes, &count, e));
    return merkle_check_consistency(older->size, older->root, t->edge.size, root,
        (struct merkle_path){ hashes, count }, e);
}

/* ---- bundles of entries ---- */

struct bundle {
    struct selfsame_bytes *entries;
    const uint8_t *hashes;
    size_t count;
    uint64_t index;
    bool more; /* may hold more than is asked for */
};

static enum selfsame_code
open_bundle(const struct bundle *b, struct selfsame_bytes body, struct selfsame_err *e)
{
    struct reader r = reader_of(body);

    for (size_t i = 0; i < b->count; i++) {
        const unsigned long long at = b->index * TILE_WIDTH + i;
        uint8_t leaf[LOG_HASH];

        if (bundle_next(&r, &b->entries[i], e) != SELFSAME_OK ||
            b->entries[i].ptr == NULL)
            FAIL(e, SELFSAME_LOG, "entry %llu: its bundle ends before it", at);
        if (!merkle_leaf(b->entries[i], leaf))
            FAIL(e, SELFSAME_NOMEM, "an entry");
        if (!bytes_eq(BYTES_ARR(leaf), BYTES(b->hashes + i * LOG_HASH, LOG_HASH)))
            FAIL(e, SELFSAME_LOG,
                "entry %llu: expected what the tree commits to, got other bytes", at);
    }
    if (!reader_done(&r) && !b->more)
        FAIL(e, SELFSAME_LOG, "bundle %llu: expected %zu entries, got more bytes",
            (unsigned long long)b->index, b->count);
    return SELFSAME_OK;
}

static void
inflate_cleanup(z_stream *z)
{
    (void)inflateEnd(z);
}

/* Never more than a bundle can be, whatever the packed bytes say. */
static bool
gunzip(struct selfsame_bytes in, struct arena *arena, struct selfsame_bytes *ret)
{
    uint8_t *to = arena_alloc(arena, 1, BUNDLE_BYTES);
    __attribute__((cleanup(inflate_cleanup))) z_stream z = { .avail_in = 0 };

    if (to == NULL || inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return false;
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = to;
    z.avail_out = BUNDLE_BYTES;
    if (inflate(&z, Z_FINISH) != Z_STREAM_END || z.avail_in != 0)
        return false;
    *ret = BYTES(to, BUNDLE_BYTES - z.avail_out);
    return true;
}

enum selfsame_code
tiles_bundle(struct tiles *t, uint64_t index, struct arena *arena,
    struct selfsame_bytes **ret, size_t *ret_count, struct selfsame_err *e)
{
    const unsigned width = tile_width(0, index, t->edge.size);
    const struct tile_id id = { true, 0, index, width };
    struct bundle b = { .count = width, .index = index };
    struct selfsame_bytes body = BYTES_NONE, plain = BYTES_NONE;
    bool whole;

    TRY(tile_get(t, 0, index, &b.hashes, e));
    b.entries = ARENA_NEW(arena, struct selfsame_bytes, width);
    if (b.entries == NULL)
        FAIL(e, SELFSAME_NOMEM, "a bundle of entries");
    TRY(fetch_tile(t, id, arena, &body, &whole, e));
    b.more = whole && width < TILE_WIDTH;
    enum selfsame_code code = open_bundle(&b, body, e);
    /* Packed, unasked: some servers keep bundles so. Plain bytes may look so as well. */
    if (code == SELFSAME_LOG && bytes_has_prefix(body, BYTES_LIT("\x1f\x8b")) &&
        gunzip(body, arena, &plain)) {
        *e = (struct selfsame_err){ 0 };
        code = open_bundle(&b, plain, e);
    }
    TRY(code);
    *ret = b.entries;
    *ret_count = b.count;
    return SELFSAME_OK;
}
