/* SPDX-License-Identifier: Apache-2.0 */
#include "image/elf.h"

#include <inttypes.h>

enum {
    HEADER = 64,
    PROGRAM_HEADER = 56,
    SECTION_HEADER = 64,
    X86_64 = 62,
    LOAD = 1,
    DYNAMIC = 2,
    TLS = 7,
};
/* No enclave is larger, and sums of two such addresses do not overflow. */
#define ADDRESS_MAX (UINT64_C(1) << 46)

bool
elf_recognise(struct selfsame_bytes head)
{
    return bytes_has_prefix(head, BYTES_LIT("\x7f\x45LF"));
}

static enum selfsame_code
wrong(const char *expected, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_MALFORMED, "ELF: expected %s, got other", expected);
}

static bool
inside(const struct elf *f, uint64_t offset, uint64_t size)
{
    return offset <= f->raw.len && size <= f->raw.len - offset;
}

static enum selfsame_code
take_load(struct elf *f, const struct elf_segment *s, struct selfsame_err *e)
{
    const struct elf_segment *last = f->segment_count > 0
                                         ? &f->segment[f->segment_count - 1]
                                         : NULL;

    if (f->segment_count == ELF_SEGMENTS)
        return wrong("at most 32 segments", e);
    if (!inside(f, s->offset, s->file_size) || s->file_size > s->mem_size ||
        s->vaddr > ADDRESS_MAX || s->mem_size > ADDRESS_MAX)
        return wrong("segments that are in the file", e);
    if (s->vaddr % ELF_PAGE != s->offset % ELF_PAGE)
        return wrong("segments that can be mapped page by page", e);
    if (last != NULL &&
        elf_page_down(s->vaddr) < elf_page_up(last->vaddr + last->mem_size))
        return wrong("segments in ascending order that share no page", e);
    f->segment[f->segment_count++] = *s;
    return SELFSAME_OK;
}

static enum selfsame_code
take_program_header(struct elf *f, struct reader *r, struct selfsame_err *e)
{
    uint32_t type = get_le32(r);
    struct elf_segment s = { .flags = get_le32(r) };

    s.offset = get_le64(r);
    s.vaddr = get_le64(r);
    (void)get_le64(r);
    s.file_size = get_le64(r);
    s.mem_size = get_le64(r);
    uint64_t align = get_le64(r);
    if (r->bad)
        return wrong("program headers inside the file", e);
    if (type == LOAD)
        return take_load(f, &s, e);
    if (type == DYNAMIC) {
        f->dynamic = s.vaddr;
        f->dynamic_size = s.file_size;
    } else if (type == TLS) {
        f->tls = s.vaddr;
        f->tls_size = s.mem_size;
        f->tls_align = align;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
take_program_headers(
    struct elf *f, uint64_t at, uint16_t size, uint16_t count, struct selfsame_err *e)
{
    if (size != PROGRAM_HEADER || !inside(f, at, (uint64_t)size * count))
        return wrong("program headers inside the file", e);
    struct reader r = reader_of(BYTES(f->raw.ptr + at, (size_t)size * count));
    for (unsigned i = 0; i < count; i++)
        TRY(take_program_header(f, &r, e));
    return f->segment_count > 0 ? SELFSAME_OK : wrong("a segment to load", e);
}

enum selfsame_code
elf_parse(struct selfsame_bytes in, struct elf *ret, struct selfsame_err *e)
{
    struct elf f = { .raw = in };
    struct reader r = reader_of(in);

    if (in.len < HEADER || in.len > ELF_MAX || !elf_recognise(in))
        return wrong("a file of ELF", e);
    (void)get_bytes(&r, 4);
    uint16_t class_and_order = get_le16(&r);
    (void)get_bytes(&r, 10);
    f.type = get_le16(&r);
    if (class_and_order != 0x0102 || get_le16(&r) != X86_64)
        FAIL(e, SELFSAME_UNSUPPORTED, "ELF: expected a program for x86-64, got other");
    (void)get_le32(&r);
    f.entry = get_le64(&r);
    uint64_t programs_at = get_le64(&r);
    f.sections_at = get_le64(&r);
    (void)get_le32(&r);
    (void)get_le16(&r);
    uint16_t program_size = get_le16(&r), program_count = get_le16(&r);
    uint16_t section_size = get_le16(&r);
    f.section_count = get_le16(&r);
    f.names_index = get_le16(&r);
    if (f.section_count > ELF_SECTIONS ||
        (f.section_count > 0 &&
            (section_size != SECTION_HEADER ||
                !inside(&f, f.sections_at, f.section_count * SECTION_HEADER))))
        return wrong("section headers inside the file", e);
    TRY(take_program_headers(&f, programs_at, program_size, program_count, e));
    *ret = f;
    return SELFSAME_OK;
}

/* ---- sections ---- */

static enum selfsame_code
section_header(const struct elf *f, size_t index, uint32_t *ret_name,
    struct elf_section *ret, struct selfsame_err *e)
{
    struct elf_section s = { .type = 0 };

    if (index >= f->section_count)
        return wrong("a section that is there", e);
    struct reader r = reader_of(
        BYTES(f->raw.ptr + f->sections_at + index * SECTION_HEADER, SECTION_HEADER));
    *ret_name = get_le32(&r);
    s.type = get_le32(&r);
    s.flags = get_le64(&r);
    s.vaddr = get_le64(&r);
    s.offset = get_le64(&r);
    s.size = get_le64(&r);
    if (s.type != ELF_NOBITS && s.type != 0) {
        if (!inside(f, s.offset, s.size))
            return wrong("sections inside the file", e);
        s.data = BYTES(f->raw.ptr + s.offset, (size_t)s.size);
    }
    *ret = s;
    return SELFSAME_OK;
}

enum selfsame_code
elf_section_at(
    const struct elf *f, size_t index, struct elf_section *ret, struct selfsame_err *e)
{
    struct elf_section names = { .type = 0 }, s = names;
    uint32_t name = 0, unused;

    TRY(section_header(f, index, &name, &s, e));
    TRY(section_header(f, f->names_index, &unused, &names, e));
    if (name >= names.data.len)
        return wrong("names of sections in their table", e);
    const uint8_t *at = names.data.ptr + name;
    const uint8_t *end = memchr(at, 0, names.data.len - name);
    if (end == NULL)
        return wrong("names of sections that end", e);
    s.name = BYTES(at, (size_t)(end - at));
    *ret = s;
    return SELFSAME_OK;
}

enum selfsame_code
elf_section_find(const struct elf *f, const char *name, bool *ret_found,
    struct elf_section *ret, struct selfsame_err *e)
{
    struct elf_section s;
    bool found = false;

    for (size_t i = 1; i < f->section_count && !found; i++) {
        TRY(elf_section_at(f, i, &s, e));
        found = bytes_eq(s.name, bytes_str(name));
    }
    if (found)
        *ret = s;
    *ret_found = found;
    return SELFSAME_OK;
}

/* ---- pages ---- */

void
elf_page(const struct elf *f, const struct elf_segment *s, uint64_t vaddr,
    uint8_t ret[static ELF_PAGE])
{
    uint64_t from = vaddr > s->vaddr ? vaddr : s->vaddr;
    uint64_t to = s->vaddr + s->file_size;

    if (to > vaddr + ELF_PAGE)
        to = vaddr + ELF_PAGE;
    memset(ret, 0, ELF_PAGE);
    if (from < to)
        memcpy(ret + (from - vaddr), f->raw.ptr + s->offset + (from - s->vaddr),
            (size_t)(to - from));
}
