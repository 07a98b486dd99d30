/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/sgx/signed_elf.h"

#include "image/sgxs.h"
#include "image/sigstruct.h"

#include <inttypes.h>
#include <stdlib.h>

#define MAGIC UINT64_C(0x86a80294635d0e4c)
enum {
    ENTRY = 32, /* of patches and of the layout */
    EXTENSION = 16,
    MAJOR_GAP = 10, /* major numbers above it have a range of their own */
    GROUP = 1 << 12,
    PAGES_MAX = 1 << 24, /* 64 GiB: no loop without end */
    ATTR_EADD = 1,
    ATTR_EEXTEND = 2,
    TCS_TEMPLATE = 72,
    DT_TEXTREL = 22,
    DYNAMIC_ENTRY = 16,
    EXTENSION_SHARED_OBJECT = 0x1002,
};
static const char note_name[] = "sgx_metadata";

static enum selfsame_code
wrong(const char *expected, struct selfsame_err *e)
{
    FAIL(e, SELFSAME_MALFORMED, "enclave's metadata: expected %s, got other", expected);
}

/* ---- metadata ---- */

static enum selfsame_code
find_metadata(const struct elf *f, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct elf_section s;
    bool found;

    TRY(elf_section_find(f, ".note.sgxmeta", &found, &s, e));
    if (!found)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected an enclave that is signed, with .note.sgxmeta in it, got none");
    struct reader r = reader_of(s.data);
    uint32_t name_size = get_le32(&r), size = get_le32(&r);
    (void)get_le32(&r);
    struct selfsame_bytes name = get_bytes(&r, name_size);
    struct selfsame_bytes data = get_bytes(&r, size);
    if (r.bad || !bytes_eq(name, BYTES((const uint8_t *)note_name, sizeof(note_name))))
        return wrong("a note called sgx_metadata", e);
    *ret = data;
    return SELFSAME_OK;
}

static enum selfsame_code
directory(struct reader *r, struct selfsame_bytes metadata, size_t entry,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint32_t offset = get_le32(r), size = get_le32(r);

    if (r->bad || offset > metadata.len || size > metadata.len - offset ||
        size % entry != 0)
        return wrong("tables inside of it", e);
    *ret = BYTES(metadata.ptr + offset, size);
    return SELFSAME_OK;
}

enum selfsame_code
signed_elf_parse(
    struct selfsame_bytes in, struct signed_elf *ret, struct selfsame_err *e)
{
    struct signed_elf f = { .has_elrange = false };
    struct selfsame_bytes whole = BYTES_NONE, elrange = BYTES_NONE;

    TRY(elf_parse(in, &f.elf, e));
    TRY(find_metadata(&f.elf, &whole, e));
    struct reader r = reader_of(whole);
    uint64_t magic = get_le64(&r);
    f.version = get_le64(&r);
    uint32_t size = get_le32(&r);
    (void)get_le32(&r);
    f.ssa_frame_pages = get_le32(&r);
    (void)get_bytes(&r, 12);
    f.enclave_size = get_le64(&r);
    (void)get_bytes(&r, 16);
    f.sigstruct = get_bytes(&r, SIGSTRUCT_SIZE);
    if (r.bad || magic != MAGIC || size > whole.len)
        return wrong("its magic number and its size", e);
    f.metadata = BYTES(whole.ptr, size);
    TRY(directory(&r, f.metadata, ENTRY, &f.patches, e));
    TRY(directory(&r, f.metadata, ENTRY, &f.layout, e));
    TRY(directory(&r, f.metadata, 1, &elrange, e));
    TRY(directory(&r, f.metadata, EXTENSION, &f.extensions, e));
    if (f.ssa_frame_pages == 0 || f.ssa_frame_pages > 4 ||
        f.enclave_size < 2 * SGX_PAGE || (f.enclave_size & (f.enclave_size - 1)) != 0 ||
        f.enclave_size / SGX_PAGE > PAGES_MAX)
        return wrong(
            "an SSA frame of 1 to 4 pages and a size that is a power of two", e);
    f.has_elrange = f.version >> 32 > MAJOR_GAP || elrange.len > 0;
    *ret = f;
    return SELFSAME_OK;
}

/* ---- what this does not measure ---- */

static enum selfsame_code
unsupported(const char *what, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "an enclave with %s is not measured here", what);
    err_remedy(e, "`selfsame show` prints what its SIGSTRUCT says, which is then not "
                  "compared with the enclave.");
    return SELFSAME_UNSUPPORTED;
}

/* The bytes at an address, as the file has them; empty where no segment has them all. */
static struct selfsame_bytes
at_address(const struct elf *f, uint64_t vaddr, uint64_t size)
{
    for (size_t i = 0; i < f->segment_count; i++) {
        const struct elf_segment *s = &f->segment[i];

        if (vaddr >= s->vaddr && vaddr - s->vaddr <= s->file_size &&
            size <= s->file_size - (vaddr - s->vaddr))
            return BYTES(f->raw.ptr + s->offset + (vaddr - s->vaddr), (size_t)size);
    }
    return BYTES_NONE;
}

static bool
has_text_relocations(const struct elf *f)
{
    struct reader r = reader_of(at_address(f, f->dynamic, f->dynamic_size));

    while (r.rest.len >= DYNAMIC_ENTRY) {
        uint64_t tag = get_le64(&r);

        (void)get_le64(&r);
        if (tag == 0)
            return false;
        if (tag == DT_TEXTREL)
            return true;
    }
    return false;
}

static enum selfsame_code
check_supported(const struct signed_elf *f, struct selfsame_err *e)
{
    struct reader r = reader_of(f->extensions);
    const uint32_t major = (uint32_t)(f->version >> 32), minor = (uint32_t)f->version;

    if (f->has_elrange)
        return unsupported("an address range of its own", e);
    if (f->elf.type != ELF_SHARED || elf_page_down(f->elf.segment[0].vaddr) != 0)
        return unsupported("an address to be loaded at", e);
    if (major == 0 || major > 3 || (major == 1 && minor < 4))
        return unsupported("metadata of another version", e);
    if (has_text_relocations(&f->elf))
        return unsupported("relocations in its text", e);
    while (r.rest.len >= EXTENSION) {
        if (get_le32(&r) == EXTENSION_SHARED_OBJECT)
            return unsupported("a shared object in it", e);
        (void)get_bytes(&r, EXTENSION - 4);
    }
    return SELFSAME_OK;
}

/* ---- segments ---- */

static void
patched_free(uint8_t **p)
{
    free(*p);
}

/* The loader changes its copy of the file first: what the signer left out is zeroed again. */
static enum selfsame_code
apply_patches(const struct signed_elf *f, uint8_t *file, struct selfsame_err *e)
{
    struct reader r = reader_of(f->patches);

    while (r.rest.len > 0) {
        uint64_t to = get_le64(&r);
        uint32_t from = get_le32(&r), size = get_le32(&r);

        (void)get_bytes(&r, 16);
        if (from > f->metadata.len || size > f->metadata.len - from ||
            to > f->elf.raw.len || size > f->elf.raw.len - to)
            return wrong("patches inside of it and of the file", e);
        memcpy(file + to, f->metadata.ptr + from, size);
    }
    return SELFSAME_OK;
}

static uint64_t
segment_flags(const struct elf_segment *s)
{
    return SGX_REG | ((s->flags & ELF_R) != 0 ? SGX_R : 0) |
           ((s->flags & ELF_W) != 0 ? SGX_W : 0) |
           ((s->flags & ELF_X) != 0 ? SGX_X : 0);
}

static void
add_segments(struct mrenclave *to, const struct elf *f)
{
    uint8_t page[SGX_PAGE];

    for (size_t i = 0; i < f->segment_count; i++) {
        const struct elf_segment *s = &f->segment[i];
        const uint64_t end = elf_page_up(s->vaddr + s->mem_size);

        for (uint64_t at = elf_page_down(s->vaddr); at < end; at += SGX_PAGE) {
            elf_page(f, s, at, page);
            mrenclave_add(to, at, 1, segment_flags(s), page, true);
        }
    }
}

/* ---- heap, stacks, threads ---- */

struct entry {
    uint16_t id, attributes;
    uint32_t page_count;
    uint64_t rva;
    uint32_t content_size, content_offset;
    uint64_t flags;
};
struct group {
    uint32_t count, times;
    uint64_t step;
};

static struct entry
entry_at(const struct signed_elf *f, size_t index)
{
    struct reader r = reader_of(BYTES(f->layout.ptr + index * ENTRY, ENTRY));
    struct entry x = { .id = get_le16(&r) };

    x.attributes = get_le16(&r);
    x.page_count = get_le32(&r);
    x.rva = get_le64(&r);
    x.content_size = get_le32(&r);
    x.content_offset = get_le32(&r);
    x.flags = get_le64(&r);
    return x;
}

static struct group
group_at(const struct signed_elf *f, size_t index)
{
    struct reader r = reader_of(BYTES(f->layout.ptr + index * ENTRY, ENTRY));
    struct group g = { .count = 0 };

    (void)get_le16(&r);
    g.count = get_le16(&r);
    g.times = get_le32(&r);
    g.step = get_le64(&r);
    return g;
}

static void
add_le64(uint8_t *at, uint64_t n)
{
    struct reader r = reader_of(BYTES(at, 8));
    struct writer w = writer_of(at, 8);
    uint64_t v = get_le64(&r) + n;

    put_le64(&w, v);
}

static void
fill(uint8_t page[static SGX_PAGE], uint32_t word)
{
    for (size_t i = 0; i < SGX_PAGE; i++)
        page[i] = (uint8_t)(word >> (8 * (i % 4)));
}

/* A template whose OSSA, OFSBASE and OGSBASE are relative to its page. */
static enum selfsame_code
add_tcs(struct mrenclave *to, const struct entry *x, uint64_t rva,
    struct selfsame_bytes content, struct selfsame_err *e)
{
    uint8_t page[SGX_PAGE] = { 0 };

    if (content.len != TCS_TEMPLATE || x->page_count != 1)
        return wrong("a template of one TCS", e);
    memcpy(page, content.ptr, content.len);
    add_le64(page + 16, rva);
    add_le64(page + 48, rva);
    add_le64(page + 56, rva);
    mrenclave_add(to, rva, 1, x->flags, page, (x->attributes & ATTR_EEXTEND) != 0);
    return SELFSAME_OK;
}

static void
add_content(struct mrenclave *to, const struct entry *x, uint64_t rva,
    struct selfsame_bytes content)
{
    uint8_t page[SGX_PAGE];

    for (uint32_t i = 0; i < x->page_count; i++) {
        size_t n = content.len < SGX_PAGE ? content.len : SGX_PAGE;

        memset(page, 0, sizeof(page));
        memcpy(page, content.ptr, n);
        content = BYTES(content.ptr + n, content.len - n);
        mrenclave_add(to, rva + (uint64_t)i * SGX_PAGE, 1, x->flags, page, true);
    }
}

static enum selfsame_code
add_entry(struct mrenclave *to, const struct signed_elf *f, const struct entry *x,
    uint64_t step, struct selfsame_err *e)
{
    const uint64_t rva = x->rva + step, size = (uint64_t)x->page_count * SGX_PAGE;
    const bool extended = (x->attributes & ATTR_EEXTEND) != 0;
    uint8_t page[SGX_PAGE];

    if (x->rva % SGX_PAGE != 0 || step % SGX_PAGE != 0 || step > f->enclave_size ||
        x->rva > f->enclave_size || rva > f->enclave_size ||
        size > f->enclave_size - rva)
        return wrong("pages inside the enclave", e);
    if ((x->attributes & ATTR_EADD) == 0 || (x->content_offset == 0 && x->flags == 0))
        return SELFSAME_OK;
    if (x->content_offset == 0) {
        fill(page, x->content_size);
        for (uint32_t i = 0; i < x->page_count; i++)
            mrenclave_add(
                to, rva + (uint64_t)i * SGX_PAGE, 1, x->flags, page, extended);
        return SELFSAME_OK;
    }
    if (x->content_offset > f->metadata.len ||
        x->content_size > f->metadata.len - x->content_offset || x->content_size > size)
        return wrong("contents inside of it", e);
    struct selfsame_bytes content = BYTES(
        f->metadata.ptr + x->content_offset, x->content_size);
    if (x->flags == SGX_TCS)
        return add_tcs(to, x, rva, content, e);
    add_content(to, x, rva, content);
    return SELFSAME_OK;
}

/* A group stands behind the entries that it repeats, each time a step further. */
static enum selfsame_code
add_group(struct mrenclave *to, const struct signed_elf *f, size_t index,
    uint64_t *left, struct selfsame_err *e)
{
    const struct group g = group_at(f, index);

    if (g.count == 0 || g.count > index || g.times > PAGES_MAX ||
        g.step > f->enclave_size)
        return wrong("groups of entries before them", e);
    for (uint64_t i = 1; i <= g.times; i++) {
        if (to->info.pages > f->enclave_size / SGX_PAGE || g.count > *left)
            return wrong("fewer pages", e);
        *left -= g.count;
        for (size_t k = index - g.count; k < index; k++) {
            const struct entry x = entry_at(f, k);

            if ((x.id & GROUP) != 0)
                return wrong("groups of entries alone", e);
            TRY(add_entry(to, f, &x, i * g.step, e));
        }
    }
    return SELFSAME_OK;
}

static enum selfsame_code
add_layout(struct mrenclave *to, const struct signed_elf *f, struct selfsame_err *e)
{
    uint64_t left =
        PAGES_MAX; /* entries that groups repeat: also those without a page */

    for (size_t i = 0; i < f->layout.len / ENTRY; i++) {
        const struct entry x = entry_at(f, i);

        if (to->info.pages > f->enclave_size / SGX_PAGE)
            return wrong("fewer pages", e);
        TRY((x.id & GROUP) != 0 ? add_group(to, f, i, &left, e)
                                : add_entry(to, f, &x, 0, e));
    }
    return SELFSAME_OK;
}

enum selfsame_code
signed_elf_mrenclave(
    const struct signed_elf *f, uint8_t ret[static 32], struct selfsame_err *e)
{
    __attribute__((cleanup(patched_free))) uint8_t *file = malloc(f->elf.raw.len);
    const struct elf_segment *last = &f->elf.segment[f->elf.segment_count - 1];
    struct elf loaded = f->elf;
    auto_mrenclave to = { 0 };

    if (file == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for an enclave");
    TRY(check_supported(f, e));
    if (last->vaddr + last->mem_size > f->enclave_size)
        return wrong("segments inside the enclave", e);
    memcpy(file, f->elf.raw.ptr, f->elf.raw.len);
    TRY(apply_patches(f, file, e));
    loaded.raw = BYTES(file, f->elf.raw.len);
    TRY(mrenclave_begin(&to, f->ssa_frame_pages, f->enclave_size, e));
    add_segments(&to, &loaded);
    TRY(add_layout(&to, f, e));
    mrenclave_end(&to, ret);
    return SELFSAME_OK;
}
