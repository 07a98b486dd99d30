/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one tar upon the tree ---- */

/* Compressed: contents are copied to the spool. Plain: they stay in the file. */
struct laying {
    struct source *s;
    const struct extent *x;
    struct layer *layer;
    struct hash *hash; /* of the uncompressed bytes; NULL: not asked for */
};

static enum selfsame_code
place_spooled(void *ctx, uint64_t size, uint64_t offset, struct content *ret,
    struct selfsame_err *e)
{
    struct laying *l = ctx;

    (void)offset;
    (void)e;
    *ret = content_of_fd(&l->s->spool.fd, l->s->spool.size, size);
    return SELFSAME_OK;
}

static enum selfsame_code
write_spooled(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct laying *l = ctx;

    return spool_append(&l->s->spool, b, e);
}

static enum selfsame_code
place_direct(void *ctx, uint64_t size, uint64_t offset, struct content *ret,
    struct selfsame_err *e)
{
    struct laying *l = ctx;

    (void)e;
    *ret = content_of_fd(l->x->fd, l->x->offset + offset, size);
    return SELFSAME_OK;
}

static enum selfsame_code
lay_piece(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct laying *l = ctx;

    if (l->hash != NULL)
        hash_update(l->hash, b);
    return layer_push(l->layer, b, e);
}

/* Passes over contents without reading them: names are all that is needed. */
static enum selfsame_code
skim(const struct extent *x, struct tar *t, struct selfsame_err *e)
{
    uint8_t block[64 * TAR_BLOCK];

    for (uint64_t at = 0; at < x->size;) {
        uint64_t over = tar_skippable(t);

        if (over > x->size - at)
            break; /* cut: tar_end says so */
        if (over >= sizeof(block)) {
            TRY(tar_skip(t, over, e));
            at += over;
            continue;
        }
        /* Small members are read along: one call for many headers. */
        size_t n = x->size - at < sizeof(block) ? (size_t)(x->size - at)
                                                : sizeof(block);
        TRY(fd_pread_all(*x->fd, x->offset + at, block, n, "the source", e));
        TRY(tar_push(t, BYTES(block, n), e));
        at += n;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
check_diff_id(struct laying *l, const uint8_t *diff_id, struct selfsame_err *e)
{
    uint8_t got[HASH_MAX];
    char want_hex[65], got_hex[65];

    hash_final(l->hash, got);
    if (bytes_eq(BYTES(got, 32), BYTES(diff_id, 32)))
        return SELFSAME_OK;
    hex_encode(BYTES(diff_id, 32), want_hex);
    hex_encode(BYTES(got, 32), got_hex);
    FAIL(e, SELFSAME_MALFORMED,
        "layer: expected the uncompressed digest %.16s…, got %.16s…", want_hex,
        got_hex);
}

enum selfsame_code
source_layer_add(struct source *s, const struct extent *x, const uint8_t *diff_id,
    bool whiteouts, struct selfsame_err *e)
{
    auto_layer layer = { 0 };
    auto_hash hash = { 0 };
    struct laying l = {
        .s = s, .x = x, .layer = &layer, .hash = diff_id != NULL ? &hash : NULL
    };
    bool compressed;

    TRY(extent_is_compressed(x, &compressed, e));
    /* Only the source itself stays open as long as the tree. */
    bool direct = !compressed && (x->fd == &s->file || x->fd == &s->spool.fd);
    struct layer_store store = { .place = direct ? place_direct : place_spooled,
        .write = direct ? NULL : write_spooled,
        .ctx = &l };
    if (diff_id != NULL && !hash_init(&hash, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    TRY(layer_begin(&layer, s->tree, &store, whiteouts, &s->total, e));
    if (direct && diff_id == NULL)
        TRY(skim(x, &layer.tar, e));
    else
        TRY(extent_stream(
            x, "layer", &(struct sink){ .write = lay_piece, .ctx = &l }, e));
    TRY(layer_end(&layer, e));
    return diff_id != NULL ? check_diff_id(&l, diff_id, e) : SELFSAME_OK;
}

/* ---- members by name ---- */

enum { BUNDLE_MEMBERS = 20000, BUNDLE_HOPS = 8 };

static enum selfsame_code
index_entry(void *ctx, const struct tar_entry *t, struct selfsame_err *e)
{
    struct bundle *b = ctx;
    char path[TREE_PATH];

    if (b->too_many ||
        (t->type != TAR_FILE && t->type != TAR_SYMLINK && t->type != TAR_HARDLINK))
        return SELFSAME_OK;
    if (b->count == BUNDLE_MEMBERS) {
        b->too_many = true;
        return SELFSAME_OK;
    }
    TRY(layer_path(t->path, "archive", path, sizeof(path), e));
    if (b->members == NULL)
        b->members = ARENA_NEW(b->arena, struct bundle_member, BUNDLE_MEMBERS);
    struct bundle_member m = { .offset = t->offset, .size = t->size };
    m.path = arena_str(b->arena, bytes_str(path));
    if (t->type != TAR_FILE)
        m.link = arena_printf(
            b->arena, "%s%s", t->type == TAR_HARDLINK ? "/" : "", t->link);
    if (b->members == NULL || m.path == NULL || (t->type != TAR_FILE && m.link == NULL))
        FAIL(e, SELFSAME_NOMEM, "archive: no memory for its names");
    b->members[b->count++] = m;
    return SELFSAME_OK;
}

enum selfsame_code
bundle_index(struct bundle *b, const struct extent *tar, struct arena *arena,
    struct selfsame_err *e)
{
    static const struct tar_handler handler = { .entry = index_entry };
    auto_tar t = { 0 };

    *b = (struct bundle){ .dir = -1, .tar = *tar, .arena = arena };
    tar_init(&t, &handler, b);
    TRY(skim(tar, &t, e));
    TRY(tar_end(&t, e));
    if (t.entries == 0)
        FAIL(e, SELFSAME_MALFORMED, "archive: expected files, it has none");
    return SELFSAME_OK;
}

static const struct bundle_member *
member(const struct bundle *b, const char *path)
{
    for (size_t i = b->count; i > 0; i--) /* a later one wins */
        if (strcmp(b->members[i - 1].path, path) == 0)
            return &b->members[i - 1];
    return NULL;
}

bool
bundle_has(const struct bundle *b, const char *path)
{
    if (b->dir >= 0)
        return faccessat(b->dir, path, F_OK, 0) == 0;
    return member(b, path) != NULL;
}

/* "../x/layer.tar" seen from "y/layer.tar": older docker links equal layers. */
static bool
follow(const char *from, const char *link, char *ret, size_t cap)
{
    char joined[2 * TREE_PATH];
    size_t len = 0;
    const char *slash = link[0] != '/' ? strrchr(from, '/') : NULL;

    int n = snprintf(joined, sizeof(joined), "%.*s/%s",
        slash != NULL ? (int)(slash - from) : 0, from, link);
    if (n < 0 || (size_t)n >= sizeof(joined))
        return false;
    for (const char *p = joined; *p != 0; p += *p == '/') {
        size_t part = strcspn(p, "/");

        if (part == 2 && p[0] == '.' && p[1] == '.') {
            if (len == 0)
                return false;
            while (len > 0 && ret[len - 1] != '/')
                len--;
            len -= len > 0;
        } else if (part > 0 && !(part == 1 && p[0] == '.')) {
            if (len + part + 2 > cap)
                return false;
            if (len > 0)
                ret[len++] = '/';
            memcpy(ret + len, p, part);
            len += part;
        }
        p += part;
    }
    ret[len] = 0;
    return len > 0;
}

static enum selfsame_code
find_in_tar(const struct bundle *b, const char *path, struct extent *ret,
    struct selfsame_err *e)
{
    char at[TREE_PATH];
    const struct bundle_member *m = member(b, path);

    for (int hops = 0; m != NULL && m->link != NULL; hops++) {
        if (hops == BUNDLE_HOPS || !follow(m->path, m->link, at, sizeof(at)))
            FAIL(e, SELFSAME_MALFORMED,
                "archive: expected '%s' to lead to a member, it leads nowhere", path);
        m = member(b, at);
    }
    if (m == NULL)
        FAIL(e, SELFSAME_MALFORMED, "archive: expected a member '%s', there is none",
            path);
    *ret = (struct extent){
        .fd = b->tar.fd, .offset = b->tar.offset + m->offset, .size = m->size
    };
    return SELFSAME_OK;
}

enum selfsame_code
bundle_find(const struct bundle *b, const char *path, int *own_fd, struct extent *ret,
    struct selfsame_err *e)
{
    struct stat st;

    if (b->dir < 0)
        return find_in_tar(b, path, ret, e);
    fd_close(own_fd);
    *own_fd = openat(b->dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*own_fd < 0 || fstat(*own_fd, &st) != 0)
        FAIL(e, errno == ENOENT ? SELFSAME_MALFORMED : SELFSAME_IO,
            "image: cannot open its '%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_MALFORMED, "image: expected '%s' to be a regular file", path);
    *ret = (struct extent){ .fd = own_fd, .size = (uint64_t)st.st_size };
    return SELFSAME_OK;
}
