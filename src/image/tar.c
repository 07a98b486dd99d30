/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar.h"

/* Field offsets: POSIX.1-2017, pax, "ustar Interchange Format". */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_UID = 108,
    AT_GID = 116,
    AT_SIZE = 124,
    AT_CHECKSUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_MAJOR = 329,
    AT_MINOR = 337,
    AT_PREFIX = 345,
};

static struct arena
scratch_new(void)
{
    return arena_new(TAR_PAX_MAX + 8 * TAR_NAME_MAX);
}

void
tar_init(struct tar *t, const struct tar_handler *handler, void *ctx)
{
    *t = (struct tar){ .handler = handler, .ctx = ctx, .scratch = scratch_new() };
}

void
tar_free(struct tar *t)
{
    arena_free(&t->scratch);
}

/* Octal text ended by NUL or space, or base-256 (GNU) when the top bit is set. */
static bool
number(const uint8_t *field, size_t len, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;

    if (field[0] & 0x80) {
        v = field[0] & 0x7f;
        for (i = 1; i < len; i++) {
            if (v >> 55 != 0)
                return false;
            v = v << 8 | field[i];
        }
        *ret = v;
        return true;
    }
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++) {
        if (v >> 60 != 0)
            return false;
        v = v << 3 | (uint64_t)(field[i] - '0');
    }
    for (; i < len; i++)
        if (field[i] != ' ' && field[i] != 0)
            return false;
    *ret = v;
    return true;
}

static bool
checksum_holds(const uint8_t *block)
{
    uint64_t want;
    uint32_t sum = 0;
    int32_t signed_sum = 0;

    if (!number(block + AT_CHECKSUM, 8, &want))
        return false;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        uint8_t b = i >= AT_CHECKSUM && i < AT_CHECKSUM + 8 ? ' ' : block[i];

        sum += b;
        signed_sum += (int8_t)b; /* old writers summed signed characters */
    }
    return want == sum || (signed_sum >= 0 && want == (uint64_t)signed_sum);
}

bool
tar_recognise(struct selfsame_bytes head)
{
    return head.len >= TAR_BLOCK && head.ptr[0] != 0 && checksum_holds(head.ptr);
}

static size_t
field_len(const uint8_t *field, size_t cap)
{
    size_t n = 0;

    while (n < cap && field[n] != 0)
        n++;
    return n;
}

static bool
is_ustar(const uint8_t *block)
{
    return bytes_eq(BYTES(block + AT_MAGIC, 5), BYTES_LIT("ustar"));
}

/* GNU ("ustar  ") keeps times where POSIX has the prefix. */
static const char *
header_path(struct tar *t)
{
    const uint8_t *name = t->block + AT_NAME, *prefix = t->block + AT_PREFIX;
    size_t n = field_len(name, 100);
    size_t p = is_ustar(t->block) && t->block[AT_MAGIC + 5] == 0
                   ? field_len(prefix, 155)
                   : 0;

    if (p == 0)
        return arena_str(&t->scratch, BYTES(name, n));
    return arena_printf(&t->scratch, "%.*s/%.*s", (int)p, (const char *)prefix, (int)n,
        (const char *)name);
}

static enum selfsame_code
remedied(struct selfsame_err *e, enum selfsame_code code, const char *remedy)
{
    err_remedy(e, remedy);
    return code;
}

/* ---- pax records: "<length> <key>=<value>\n" ---- */

static bool
decimal(struct selfsame_bytes b, uint64_t *ret)
{
    uint64_t v = 0;

    if (b.len == 0 || b.len > 19)
        return false;
    for (size_t i = 0; i < b.len; i++) {
        if (b.ptr[i] < '0' || b.ptr[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(b.ptr[i] - '0');
    }
    *ret = v;
    return true;
}

static enum selfsame_code
take_name(
    struct tar *t, struct selfsame_bytes v, const char **ret, struct selfsame_err *e)
{
    if (v.len == 0 || v.len >= TAR_NAME_MAX || field_len(v.ptr, v.len) != v.len)
        FAIL(e, SELFSAME_MALFORMED,
            "tar, byte %llu: expected a name of 1 to %d bytes without NUL, got %zu",
            (unsigned long long)t->at, (int)TAR_NAME_MAX - 1, v.len);
    const char *s = arena_str(&t->scratch, v);
    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "tar: no memory for a name");
    *ret = s;
    return SELFSAME_OK;
}

static enum selfsame_code
take_number(const struct tar *t, struct selfsame_bytes v, uint64_t *ret, bool *ret_has,
    struct selfsame_err *e)
{
    if (!decimal(v, ret))
        FAIL(e, SELFSAME_MALFORMED,
            "tar, byte %llu: expected a decimal number in a pax record, got '%.*s'",
            (unsigned long long)t->at, (int)(v.len < 40 ? v.len : 40),
            (const char *)v.ptr);
    *ret_has = true;
    return SELFSAME_OK;
}

static enum selfsame_code
take_record(struct tar *t, struct selfsame_bytes key, struct selfsame_bytes value,
    struct selfsame_err *e)
{
    bool path = bytes_eq(key, BYTES_LIT("path")),
         link = bytes_eq(key, BYTES_LIT("linkpath")),
         size = bytes_eq(key, BYTES_LIT("size")), uid = bytes_eq(key, BYTES_LIT("uid")),
         gid = bytes_eq(key, BYTES_LIT("gid"));

    if (bytes_has_prefix(key, BYTES_LIT("GNU.sparse."))) {
        return remedied(e,
            err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
                "tar, byte %llu: a sparse member", (unsigned long long)t->at),
            "Make the archive without --sparse.");
    }
    if (t->special == 'g' && (path || link || size || uid || gid))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "tar, byte %llu: a global pax record '%.*s' that changes every member",
            (unsigned long long)t->at, (int)key.len, (const char *)key.ptr);
    if (path)
        return take_name(t, value, &t->path, e);
    if (link)
        return take_name(t, value, &t->link, e);
    if (size)
        return take_number(t, value, &t->size, &t->has_size, e);
    if (uid)
        return take_number(t, value, &t->uid, &t->has_uid, e);
    if (gid)
        return take_number(t, value, &t->gid, &t->has_gid, e);
    return SELFSAME_OK; /* times, user names, xattrs: not kept in a tree */
}

static enum selfsame_code
take_pax(struct tar *t, struct selfsame_bytes text, struct selfsame_err *e)
{
    while (text.len > 0) {
        size_t digits = 0, eq;
        uint64_t len = 0;

        while (digits < text.len && text.ptr[digits] != ' ')
            digits++;
        bool fits = decimal(BYTES(text.ptr, digits), &len) && len <= text.len &&
                    len >= digits + 4 && text.ptr[len - 1] == '\n';
        for (eq = digits + 1; fits && eq < len && text.ptr[eq] != '=';)
            eq++;
        if (!fits || eq >= len - 1 || eq == digits + 1)
            FAIL(e, SELFSAME_MALFORMED,
                "tar, byte %llu: expected pax records '<length> <key>=<value>'",
                (unsigned long long)t->at);
        TRY(take_record(t, BYTES(text.ptr + digits + 1, eq - digits - 1),
            BYTES(text.ptr + eq + 1, (size_t)len - eq - 2), e));
        text = BYTES(text.ptr + len, text.len - (size_t)len);
    }
    return SELFSAME_OK;
}

/* ---- members ---- */

static void
forget_overrides(struct tar *t)
{
    arena_free(&t->scratch);
    t->scratch = scratch_new();
    t->path = t->link = NULL;
    t->has_size = t->has_uid = t->has_gid = false;
}

static enum selfsame_code
fields(const struct tar *t, struct tar_entry *entry, struct selfsame_err *e)
{
    const uint8_t *b = t->block;
    uint64_t mode = 0, uid = 0, gid = 0, size = 0, major = 0, minor = 0;
    bool device = entry->type == TAR_CHAR || entry->type == TAR_BLOCK_DEVICE;

    bool ok = number(b + AT_MODE, 8, &mode) &&
              (t->has_uid || number(b + AT_UID, 8, &uid)) &&
              (t->has_gid || number(b + AT_GID, 8, &gid)) &&
              (t->has_size || number(b + AT_SIZE, 12, &size)) &&
              (!device ||
                  (number(b + AT_MAJOR, 8, &major) && number(b + AT_MINOR, 8, &minor)));
    uid = t->has_uid ? t->uid : uid;
    gid = t->has_gid ? t->gid : gid;
    size = t->has_size ? t->size : size;
    if (!ok || uid >= UINT32_MAX || gid >= UINT32_MAX || major > UINT32_MAX ||
        minor > UINT32_MAX || size > INT64_MAX - TAR_BLOCK)
        FAIL(e, SELFSAME_MALFORMED, "tar, '%s': a number in the header is no number",
            entry->path);
    if (entry->type != TAR_FILE && size != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "tar, '%s': expected no data for type '%c', got %llu bytes", entry->path,
            (char)entry->type, (unsigned long long)size);
    entry->mode = (uint32_t)(mode & 07777);
    entry->uid = (uint32_t)uid;
    entry->gid = (uint32_t)gid;
    entry->size = size;
    entry->major = (uint32_t)major;
    entry->minor = (uint32_t)minor;
    entry->offset = t->at;
    return SELFSAME_OK;
}

static enum selfsame_code
member_done(struct tar *t, struct selfsame_err *e)
{
    forget_overrides(t);
    return t->handler->end != NULL ? t->handler->end(t->ctx, e) : SELFSAME_OK;
}

static enum selfsame_code
member(struct tar *t, char type, struct selfsame_err *e)
{
    struct tar_entry entry = { .type = (enum tar_type)type };

    entry.path = t->path != NULL ? t->path : header_path(t);
    entry.link = t->link != NULL
                     ? t->link
                     : arena_str(&t->scratch, BYTES(t->block + AT_LINK,
                                                  field_len(t->block + AT_LINK, 100)));
    if (entry.path == NULL || entry.link == NULL)
        FAIL(e, SELFSAME_NOMEM, "tar: no memory for a name");
    size_t len = strlen(entry.path);
    if (len == 0)
        FAIL(e, SELFSAME_MALFORMED, "tar, byte %llu: a member without a name",
            (unsigned long long)t->at);
    /* v7 has no type for directories: a file's name ends with a slash. */
    if (type == TAR_FILE && entry.path[len - 1] == '/')
        entry.type = TAR_DIR;
    bool is_link = entry.type == TAR_HARDLINK || entry.type == TAR_SYMLINK;
    if (is_link && entry.link[0] == 0)
        FAIL(e, SELFSAME_MALFORMED, "tar, '%s': a link without a target", entry.path);
    if (!is_link)
        entry.link = "";
    TRY(fields(t, &entry, e));
    t->entries++;
    t->left = entry.size;
    t->pad = (size_t)(-entry.size % TAR_BLOCK);
    t->special = 0;
    TRY(t->handler->entry(t->ctx, &entry, e));
    if (entry.type != TAR_FILE)
        forget_overrides(t);
    else if (t->left == 0)
        TRY(member_done(t, e));
    return SELFSAME_OK;
}

static enum selfsame_code
special(struct tar *t, char type, struct selfsame_err *e)
{
    uint64_t size;
    uint64_t limit = type == 'x' || type == 'g' ? TAR_PAX_MAX : TAR_NAME_MAX;

    if (!number(t->block + AT_SIZE, 12, &size) || size == 0 || size > limit)
        FAIL(e, SELFSAME_MALFORMED,
            "tar, byte %llu: expected an extended header of 1 to %llu bytes",
            (unsigned long long)t->at, (unsigned long long)limit);
    t->text = arena_alloc(&t->scratch, 1, (size_t)size);
    if (t->text == NULL)
        FAIL(e, SELFSAME_NOMEM, "tar: no memory for an extended header");
    t->text_len = 0;
    t->special = type;
    t->left = size;
    t->pad = (size_t)(-size % TAR_BLOCK);
    return SELFSAME_OK;
}

static enum selfsame_code
special_done(struct tar *t, struct selfsame_err *e)
{
    struct selfsame_bytes text = BYTES(t->text, t->text_len);
    char type = t->special;

    if (type == 'x' || type == 'g') {
        TRY(take_pax(t, text, e));
        t->special = 0;
        return SELFSAME_OK;
    }
    t->special = 0;
    text.len = field_len(text.ptr, text.len); /* GNU counts the NUL */
    return take_name(t, text, type == 'L' ? &t->path : &t->link, e);
}

static enum selfsame_code
header(struct tar *t, struct selfsame_err *e)
{
    char type = (char)t->block[AT_TYPE];

    if (bytes_is_zero(BYTES_ARR(t->block))) {
        t->zeros++;
        return SELFSAME_OK;
    }
    if (t->zeros != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "tar, byte %llu: expected the second end block, got other bytes",
            (unsigned long long)t->at);
    if (!checksum_holds(t->block))
        FAIL(e, SELFSAME_MALFORMED,
            "tar, byte %llu: expected a header, got a block with a wrong checksum",
            (unsigned long long)(t->at - TAR_BLOCK));
    if (type == 0 || type == '7')
        type = TAR_FILE;
    if (type >= TAR_FILE && type <= TAR_FIFO)
        return member(t, type, e);
    if (type == 'x' || type == 'g' || type == 'L' || type == 'K')
        return special(t, type, e);
    FAIL(e, SELFSAME_UNSUPPORTED,
        "tar, byte %llu: expected a file, link, directory or node, got type 0x%02x",
        (unsigned long long)(t->at - TAR_BLOCK), (unsigned)(uint8_t)type);
}

/* ---- pushing ---- */

static struct selfsame_bytes
take(struct tar *t, struct selfsame_bytes *piece, uint64_t most)
{
    size_t n = piece->len < most ? piece->len : (size_t)most;
    struct selfsame_bytes got = BYTES(piece->ptr, n);

    *piece = BYTES(piece->ptr + n, piece->len - n);
    t->at += n;
    return got;
}

static enum selfsame_code
push_data(struct tar *t, struct selfsame_bytes *piece, struct selfsame_err *e)
{
    struct selfsame_bytes got = take(t, piece, t->left);

    t->left -= got.len;
    if (t->special != 0) {
        memcpy(t->text + t->text_len, got.ptr, got.len);
        t->text_len += got.len;
        return t->left == 0 ? special_done(t, e) : SELFSAME_OK;
    }
    if (t->handler->data != NULL)
        TRY(t->handler->data(t->ctx, got, e));
    return t->left == 0 ? member_done(t, e) : SELFSAME_OK;
}

static enum selfsame_code
push_header(struct tar *t, struct selfsame_bytes *piece, struct selfsame_err *e)
{
    struct selfsame_bytes got = take(t, piece, TAR_BLOCK - t->block_len);

    memcpy(t->block + t->block_len, got.ptr, got.len);
    t->block_len += got.len;
    if (t->block_len < TAR_BLOCK)
        return SELFSAME_OK;
    t->block_len = 0;
    return header(t, e);
}

enum selfsame_code
tar_push(struct tar *t, struct selfsame_bytes piece, struct selfsame_err *e)
{
    while (piece.len > 0) {
        if (t->left > 0) {
            TRY(push_data(t, &piece, e));
        } else if (t->pad > 0) {
            t->pad -= take(t, &piece, t->pad).len;
        } else if (t->zeros < 2) {
            TRY(push_header(t, &piece, e));
        } else if (!bytes_is_zero(take(t, &piece, piece.len))) {
            FAIL(e, SELFSAME_MALFORMED,
                "tar: expected nothing but zeros behind the end, got other bytes");
        }
    }
    return SELFSAME_OK;
}

uint64_t
tar_skippable(const struct tar *t)
{
    return t->special == 0 ? t->left : 0;
}

enum selfsame_code
tar_skip(struct tar *t, uint64_t n, struct selfsame_err *e)
{
    if (n == 0)
        return SELFSAME_OK;
    if (n > tar_skippable(t))
        FAIL(e, SELFSAME_INTERNAL, "tar: passing over more than a member has");
    t->left -= n;
    t->at += n;
    return t->left == 0 ? member_done(t, e) : SELFSAME_OK;
}

enum selfsame_code
tar_end(struct tar *t, struct selfsame_err *e)
{
    if (t->zeros < 2 || t->block_len != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "tar: expected two zero blocks at the end, the archive is cut at byte %llu",
            (unsigned long long)t->at);
    return SELFSAME_OK;
}
