/* SPDX-License-Identifier: Apache-2.0 */
#include "image/eif.h"

#include <zlib.h>

/* Offsets: aws-nitro-enclaves-image-format src/defs, struct EifHeader and EifSectionHeader. */
static const struct selfsame_bytes magic = { (const uint8_t *)".eif", 4 };
enum { VERSION = 4, FLAG_AARCH64 = 1, CRC_COVERS = 544 };

const char *
eif_type_word(enum eif_type t)
{
    switch (t) {
    case EIF_KERNEL: return "kernel";
    case EIF_CMDLINE: return "cmdline";
    case EIF_RAMDISK: return "ramdisk";
    case EIF_SIGNATURE: return "signature";
    case EIF_METADATA: return "metadata";
    }
    return "unknown";
}

/*
 * AWS's reader walks the file and QEMU walks the table, so a file whose table
 * says something else than its layout is two images. Here both must agree.
 */
static enum selfsame_code
check_table(const struct eif_header *h, uint64_t file_size, struct selfsame_err *e)
{
    uint64_t at = EIF_HEADER;

    for (size_t i = 0; i < EIF_SECTIONS; i++) {
        if (i >= h->count) {
            if (h->offset[i] != 0 || h->size[i] != 0)
                FAIL(e, SELFSAME_MALFORMED,
                    "EIF section table: expected zeros behind the %u entries in use, "
                    "got offset %llu, size %llu in entry %zu",
                    h->count, (unsigned long long)h->offset[i],
                    (unsigned long long)h->size[i], i);
            continue;
        }
        if (h->offset[i] != at)
            FAIL(e, SELFSAME_MALFORMED,
                "EIF section %zu: expected offset %llu, got %llu", i,
                (unsigned long long)at, (unsigned long long)h->offset[i]);
        if (at > file_size || file_size - at < EIF_SECTION_HEADER ||
            h->size[i] > file_size - at - EIF_SECTION_HEADER)
            FAIL(e, SELFSAME_MALFORMED,
                "EIF section %zu of %llu bytes at %llu does not fit into a file of "
                "%llu",
                i, (unsigned long long)h->size[i], (unsigned long long)at,
                (unsigned long long)file_size);
        at += EIF_SECTION_HEADER + h->size[i];
    }
    if (at != file_size)
        FAIL(e, SELFSAME_MALFORMED, "EIF: expected %llu bytes by its table, got %llu",
            (unsigned long long)at, (unsigned long long)file_size);
    return SELFSAME_OK;
}

enum selfsame_code
eif_header_parse(struct selfsame_bytes head, uint64_t file_size, struct eif_header *ret,
    struct selfsame_err *e)
{
    struct reader r = reader_of(head);
    struct eif_header h = { 0 };

    if (head.len != EIF_HEADER)
        FAIL(e, SELFSAME_MALFORMED, "EIF header: expected %d bytes, got %zu",
            EIF_HEADER, head.len);
    if (!bytes_eq(get_bytes(&r, magic.len), magic))
        FAIL(e, SELFSAME_MALFORMED,
            "expected an enclave image that starts with \".eif\", got %02x%02x%02x%02x",
            head.ptr[0], head.ptr[1], head.ptr[2], head.ptr[3]);
    h.version = get_be16(&r);
    h.flags = get_be16(&r);
    h.default_mem = get_be64(&r);
    h.default_cpus = get_be64(&r);
    uint16_t reserved = get_be16(&r);
    h.count = get_be16(&r);
    for (size_t i = 0; i < EIF_SECTIONS; i++)
        h.offset[i] = get_be64(&r);
    for (size_t i = 0; i < EIF_SECTIONS; i++)
        h.size[i] = get_be64(&r);
    uint32_t unused = get_be32(&r);
    h.crc = get_be32(&r);
    if (h.version != VERSION)
        FAIL(e, SELFSAME_UNSUPPORTED, "EIF version: expected %d, got %u", VERSION,
            h.version);
    if ((h.flags & ~FLAG_AARCH64) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "EIF flags: expected 0 or 1, got 0x%x", h.flags);
    if (reserved != 0 || unused != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "EIF reserved fields: expected 0, got 0x%x and 0x%x", reserved, unused);
    if (h.count < 1 || h.count > EIF_SECTIONS)
        FAIL(e, SELFSAME_MALFORMED, "EIF sections: expected 1 to %d, got %u",
            EIF_SECTIONS, h.count);
    TRY(check_table(&h, file_size, e));
    *ret = h;
    return SELFSAME_OK;
}

void
eif_reader_init(struct eif_reader *r, uint64_t file_size,
    const struct eif_handler *handler, void *ctx)
{
    *r = (struct eif_reader){ .handler = handler, .ctx = ctx, .file_size = file_size };
}

static void
add_crc(struct eif_reader *r, struct selfsame_bytes b)
{
    r->crc = (uint32_t)crc32_z(r->crc, b.ptr, b.len);
}

static enum selfsame_code
check_section(const struct eif_reader *r, unsigned type, unsigned flags, uint64_t size,
    struct selfsame_err *e)
{
    uint64_t want = r->header.size[r->index];

    if (type < EIF_KERNEL || type > EIF_METADATA)
        FAIL(e, SELFSAME_UNSUPPORTED, "EIF section %u: expected type 1 to 5, got %u",
            r->index, type);
    if (flags != 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "EIF section %u: expected flags 0, got 0x%x",
            r->index, flags);
    if (size != want)
        FAIL(e, SELFSAME_MALFORMED,
            "EIF section %u: expected the %llu bytes of the table, got %llu", r->index,
            (unsigned long long)want, (unsigned long long)size);
    if (type != EIF_RAMDISK && r->seen[type] != 0)
        FAIL(e, SELFSAME_MALFORMED, "EIF section %u is a second %s", r->index,
            eif_type_word((enum eif_type)type));
    return SELFSAME_OK;
}

static enum selfsame_code
end_section(struct eif_reader *r, struct selfsame_err *e)
{
    r->in_payload = false;
    r->index++;
    return r->handler->end(r->ctx, e);
}

/* A header is whole in r->head: the file's, or a section's. */
static enum selfsame_code
take_head(struct eif_reader *r, struct selfsame_err *e)
{
    struct selfsame_bytes head = BYTES(r->head, r->head_len);

    r->head_len = 0;
    if (!r->have_header) {
        TRY(eif_header_parse(head, r->file_size, &r->header, e));
        r->have_header = true;
        add_crc(r, BYTES(head.ptr, CRC_COVERS));
        return SELFSAME_OK;
    }
    struct reader in = reader_of(head);
    unsigned type = get_be16(&in), flags = get_be16(&in);
    uint64_t size = get_be64(&in);
    TRY(check_section(r, type, flags, size, e));
    add_crc(r, head);
    r->seen[type]++;
    r->in_payload = true;
    r->left = size;
    TRY(r->handler->begin(r->ctx, (enum eif_type)type, r->index, r->at, size, e));
    return size == 0 ? end_section(r, e) : SELFSAME_OK;
}

/* Takes what it can use of the piece; *ret says how much. */
static enum selfsame_code
step(struct eif_reader *r, struct selfsame_bytes piece, size_t *ret,
    struct selfsame_err *e)
{
    if (r->in_payload) {
        size_t n = r->left < piece.len ? (size_t)r->left : piece.len;
        struct selfsame_bytes part = BYTES(piece.ptr, n);
        add_crc(r, part);
        r->left -= n;
        r->at += n;
        *ret = n;
        TRY(r->handler->data(r->ctx, part, e));
        return r->left == 0 ? end_section(r, e) : SELFSAME_OK;
    }
    if (r->have_header && r->index >= r->header.count)
        FAIL(e, SELFSAME_MALFORMED, "EIF: expected %llu bytes, got more",
            (unsigned long long)r->file_size);
    size_t want = r->have_header ? EIF_SECTION_HEADER : EIF_HEADER;
    size_t n = want - r->head_len < piece.len ? want - r->head_len : piece.len;
    memcpy(r->head + r->head_len, piece.ptr, n);
    r->head_len += n;
    r->at += n;
    *ret = n;
    return r->head_len == want ? take_head(r, e) : SELFSAME_OK;
}

enum selfsame_code
eif_reader_push(
    struct eif_reader *r, struct selfsame_bytes piece, struct selfsame_err *e)
{
    if (r->bad)
        FAIL(e, SELFSAME_MALFORMED, "EIF: an earlier part was refused");
    while (piece.len > 0) {
        size_t n = 0;
        r->bad = true;
        TRY(step(r, piece, &n, e));
        r->bad = false;
        piece = BYTES(piece.ptr + n, piece.len - n);
    }
    return SELFSAME_OK;
}

enum selfsame_code
eif_reader_end(struct eif_reader *r, struct selfsame_err *e)
{
    if (r->bad)
        FAIL(e, SELFSAME_MALFORMED, "EIF: an earlier part was refused");
    if (!r->have_header || r->index < r->header.count)
        FAIL(e, SELFSAME_MALFORMED, "EIF: expected %llu bytes, got %llu",
            (unsigned long long)(r->have_header ? r->file_size : EIF_HEADER),
            (unsigned long long)r->at);
    static const enum eif_type needed[] = { EIF_KERNEL, EIF_CMDLINE, EIF_RAMDISK };
    for (size_t i = 0; i < COUNT(needed); i++)
        if (r->seen[needed[i]] == 0)
            FAIL(e, SELFSAME_MALFORMED, "EIF has no %s section",
                eif_type_word(needed[i]));
    if (r->crc != r->header.crc)
        FAIL(e, SELFSAME_MALFORMED,
            "EIF CRC-32: expected %08lx by its header, got %08lx",
            (unsigned long)r->header.crc, (unsigned long)r->crc);
    return SELFSAME_OK;
}
