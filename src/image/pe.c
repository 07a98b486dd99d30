/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pe.h"

/* PE Format (Microsoft), sections "COFF File Header" to "Section Table". */
enum {
    LFANEW = 0x3c,
    COFF = 24, /* with the signature */
    DIRECTORY = 8,
    SECURITY = 4, /* index of the certificate table */
    SECTION = 40,
    SECTIONS_MAX = 96,
};

struct span {
    uint32_t from, size;
};
struct pe {
    struct selfsame_bytes file;
    size_t checksum, security; /* offsets; security 0: no such entry */
    uint32_t headers;          /* SizeOfHeaders */
    uint32_t certificates;     /* bytes of them, at the end */
    struct span section[SECTIONS_MAX];
    size_t section_count;
};

static struct reader
reader_at(struct selfsame_bytes file, size_t at)
{
    return reader_of(at <= file.len ? BYTES(file.ptr + at, file.len - at) : BYTES_NONE);
}

static enum selfsame_code
truncated(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_MALFORMED, "kernel: its PE headers end early");
}

/* Sorted by where they stand in the file; empty ones are not hashed. */
static enum selfsame_code
read_sections(struct pe *p, size_t at, uint16_t count, struct selfsame_err *e)
{
    struct reader r = reader_at(p->file, at);

    if (count > SECTIONS_MAX)
        FAIL(e, SELFSAME_MALFORMED, "kernel: expected at most %d sections, got %u",
            (int)SECTIONS_MAX, count);
    for (unsigned i = 0; i < count; i++) {
        (void)get_bytes(&r, 16);
        struct span s = { .size = get_le32(&r) };
        s.from = get_le32(&r);
        (void)get_bytes(&r, 16);
        size_t k = p->section_count;

        if (r.bad)
            return truncated(e);
        if (s.size == 0)
            continue;
        for (; k > 0 && p->section[k - 1].from > s.from; k--)
            p->section[k] = p->section[k - 1];
        p->section[k] = s;
        p->section_count++;
    }
    return SELFSAME_OK;
}

/* What is hashed twice or not at all would be nobody's digest. */
static enum selfsame_code
check_layout(const struct pe *p, struct selfsame_err *e)
{
    size_t end = p->headers;

    if (p->headers > p->file.len ||
        p->headers < (p->security != 0 ? p->security + DIRECTORY : p->checksum + 4))
        FAIL(e, SELFSAME_MALFORMED, "kernel: expected its headers inside the file");
    for (size_t i = 0; i < p->section_count; i++) {
        const struct span *s = &p->section[i];

        if (s->from != end || s->size > p->file.len - s->from)
            FAIL(e, SELFSAME_UNSUPPORTED,
                "kernel: expected PE sections one behind the other in the file, got "
                "one at 0x%x",
                s->from);
        end += s->size;
    }
    if (p->certificates > p->file.len - end)
        FAIL(e, SELFSAME_MALFORMED,
            "kernel: expected its certificates behind its sections, got %u bytes",
            p->certificates);
    return SELFSAME_OK;
}

static enum selfsame_code
parse(struct pe *p, struct selfsame_err *e)
{
    struct reader r = reader_of(p->file);
    bool mz = bytes_eq(get_bytes(&r, 2), BYTES_LIT("MZ"));
    (void)get_bytes(&r, LFANEW - 2);
    const size_t at = get_le32(&r);

    if (r.bad || !mz)
        FAIL(
            e, SELFSAME_UNSUPPORTED, "kernel: expected a PE image, got something else");
    r = reader_at(p->file, at);
    bool sign = bytes_eq(get_bytes(&r, 4), BYTES_LIT("PE\0\0"));
    (void)get_le16(&r);
    uint16_t sections = get_le16(&r);
    (void)get_bytes(&r, 12);
    uint16_t optional = get_le16(&r);
    (void)get_le16(&r);
    uint16_t magic = get_le16(&r);
    if (r.bad || !sign)
        FAIL(
            e, SELFSAME_UNSUPPORTED, "kernel: expected a PE image, got something else");
    if (magic != 0x20b && magic != 0x10b)
        FAIL(e, SELFSAME_UNSUPPORTED, "kernel: PE optional header of kind 0x%x", magic);
    const size_t directories = at + COFF + (magic == 0x20b ? 112u : 96u);
    p->checksum = at + COFF + 64;
    r = reader_at(p->file, at + COFF + 60);
    p->headers = get_le32(&r);
    r = reader_at(p->file, directories - 4);
    const uint32_t count = get_le32(&r);
    if (count > SECURITY) {
        p->security = directories + SECURITY * DIRECTORY;
        r = reader_at(p->file, p->security + 4);
        p->certificates = get_le32(&r);
    }
    if (r.bad)
        return truncated(e);
    TRY(read_sections(p, at + COFF + optional, sections, e));
    return check_layout(p, e);
}

enum selfsame_code
pe_authenticode(struct selfsame_bytes file, enum hash_alg alg,
    uint8_t ret[static HASH_MAX], struct selfsame_err *e)
{
    struct pe p = { .file = file };
    auto_hash h = { 0 };

    TRY(parse(&p, e));
    if (!hash_init(&h, alg))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    size_t at = p.checksum + 4;
    hash_update(&h, BYTES(file.ptr, p.checksum));
    if (p.security != 0) {
        hash_update(&h, BYTES(file.ptr + at, p.security - at));
        at = p.security + DIRECTORY;
    }
    /* The rest of the headers, the sections, what follows them: one behind the other. */
    hash_update(&h, BYTES(file.ptr + at, file.len - p.certificates - at));
    hash_final(&h, ret);
    return SELFSAME_OK;
}
