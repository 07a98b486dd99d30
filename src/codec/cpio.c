/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cpio.h"

static const struct selfsame_bytes magic = { (const uint8_t *)"070701", 6 };
static const struct selfsame_bytes trailer = { (const uint8_t *)"TRAILER!!!", 10 };

struct cpio
cpio_of(struct selfsame_bytes archive)
{
    return (struct cpio){ .r = reader_of(archive), .total = archive.len };
}

size_t
cpio_pad(uint64_t len)
{
    return (size_t)(-len & 3);
}

static bool
fail(struct cpio *c, const char *why)
{
    if (c->why == NULL)
        c->why = why;
    c->r.bad = true;
    return false;
}

/* Exactly eight digits; writers differ in upper and lower case, the kernel takes both. */
static uint32_t
get_hex(struct cpio *c)
{
    struct selfsame_bytes b = get_bytes(&c->r, 8);
    uint32_t v = 0;

    for (size_t i = 0; i < b.len; i++) {
        uint8_t d = b.ptr[i], low = d | 0x20;
        if (d >= '0' && d <= '9')
            v = v << 4 | (uint32_t)(d - '0');
        else if (low >= 'a' && low <= 'f')
            v = v << 4 | (uint32_t)(low - 'a' + 10);
        else
            (void)fail(c, "a number of the header is not hexadecimal");
    }
    return v;
}

/* To the next multiple of four from the start of the archive. */
static void
get_padding(struct cpio *c)
{
    get_zeros(&c->r, cpio_pad(c->total - c->r.rest.len));
}

static bool
name_is_fit(struct selfsame_bytes with_nul)
{
    for (size_t i = 0; i + 1 < with_nul.len; i++)
        if (with_nul.ptr[i] == '\0')
            return false;
    return with_nul.len > 1 && with_nul.ptr[with_nul.len - 1] == '\0';
}

/* Field order: buffer-format.rst, "struct cpio_header". */
static bool
get_entry(struct cpio *c, struct cpio_entry *ret)
{
    struct selfsame_bytes start = get_bytes(&c->r, magic.len);

    if (c->r.bad || !bytes_eq(start, magic))
        return fail(c, "expected the magic 070701 of an entry");
    uint32_t f[13];
    for (size_t i = 0; i < COUNT(f); i++)
        f[i] = get_hex(c);
    if (c->r.bad)
        return fail(c, "the archive ends inside a header");
    if (f[11] == 0 || f[11] > CPIO_NAME_MAX)
        return fail(c, "the size of a name is not within 1 to 4096");
    if (f[12] != 0)
        return fail(c, "the checksum field of a 070701 entry is not zero");
    struct selfsame_bytes name = get_bytes(&c->r, f[11]);
    if (c->r.bad)
        return fail(c, "the archive ends inside a name");
    if (!name_is_fit(name))
        return fail(c, "a name is empty, or its NUL is not its last byte");
    get_padding(c);
    struct selfsame_bytes data = get_bytes(&c->r, f[6]);
    get_padding(c);
    if (c->r.bad)
        return fail(c, "the archive ends inside a file, or its padding is not zero");
    *ret = (struct cpio_entry){ .ino = f[0],
        .mode = f[1],
        .uid = f[2],
        .gid = f[3],
        .nlink = f[4],
        .mtime = f[5],
        .size = f[6],
        .dev_major = f[7],
        .dev_minor = f[8],
        .rdev_major = f[9],
        .rdev_minor = f[10],
        .name = BYTES(name.ptr, name.len - 1),
        .data = data };
    return true;
}

bool
cpio_next(struct cpio *c, struct cpio_entry *ret)
{
    struct cpio_entry e;

    if (c->r.bad)
        return false;
    for (;;) {
        /* The kernel skips any zeros between archives, then wants alignment. */
        while (c->ended && c->r.rest.len > 0 && c->r.rest.ptr[0] == 0)
            (void)get_u8(&c->r);
        if (c->ended && c->r.rest.len == 0)
            return false;
        if (cpio_pad(c->total - c->r.rest.len) != 0)
            return fail(c, "an archive does not start at a multiple of four");
        c->ended = false;
        if (!get_entry(c, &e))
            return false;
        if (!bytes_eq(e.name, trailer)) {
            *ret = e;
            return true;
        }
        if (e.size != 0)
            return fail(c, "the trailer has contents");
        c->ended = true;
    }
}

bool
cpio_done(const struct cpio *c)
{
    return c->ended && reader_done(&c->r);
}

static void
put_hex(struct writer *w, uint64_t v)
{
    static const char digit[] = "0123456789abcdef";
    uint8_t text[8];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)digit[v >> 4 * (sizeof(text) - 1 - i) & 15];
    put_bytes(w, BYTES_ARR(text));
}

void
cpio_put_head(struct writer *w, const struct cpio_entry *e)
{
    static const uint8_t zeros[4] = { 0 };
    const uint32_t f[] = { e->ino, e->mode, e->uid, e->gid, e->nlink, e->mtime, e->size,
        e->dev_major, e->dev_minor, e->rdev_major, e->rdev_minor };
    size_t name = e->name.len + 1;

    put_bytes(w, magic);
    for (size_t i = 0; i < COUNT(f); i++)
        put_hex(w, f[i]);
    put_hex(w, name);
    put_hex(w, 0);
    put_bytes(w, e->name);
    put_bytes(w, BYTES(zeros, 1 + cpio_pad(CPIO_HEADER + name)));
}
