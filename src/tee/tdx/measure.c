/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/measure.h"

#include "tee/tee.h"

#include <inttypes.h>
#include <stdlib.h>

enum part { FIRMWARE, KERNEL, CMDLINE, INITRD, ACPI, PARTS = ACPI + TDX_ACPI };
static const struct {
    const char *name;
    uint64_t max; /* 0: only its digest is kept */
} parts[PARTS] = {
    [FIRMWARE] = { "firmware", OVMF_MAX },
    [KERNEL] = { "kernel", 512 << 20 },
    [CMDLINE] = { "cmdline", 64 << 10 },
    [INITRD] = { "initrd", 0 },
    [ACPI + TDX_ACPI_LOADER] = { "acpi_loader", 0 },
    [ACPI + TDX_ACPI_RSDP] = { "acpi_rsdp", 0 },
    [ACPI + TDX_ACPI_TABLES] = { "acpi_tables", 0 },
};
enum {
    NOTES = TDX_BOOT_RTMRS + 1,
    PREDICTED = TDX_BOOT_RTMRS * TDX_EVENTS_MAX,
    VALUES = 4
};
static const char *const registers[TDX_BOOT_RTMRS] = { "rtmr.0", "rtmr.1", "rtmr.2" };

struct measuring {
    struct tdx_group group[TDX_GROUPS];
    size_t group_count;
    bool explain, seen[PARTS];
    int part; /* being fed; -1: none */
    uint64_t left, size[PARTS];
    uint8_t *kept[PARTS];
    size_t kept_size[PARTS];
    struct hash sha384[PARTS];
    struct tdvf tdvf;
};

static void
discard(void *state)
{
    struct measuring *m = state;

    for (int p = 0; p < PARTS; p++) {
        hash_free(&m->sha384[p]);
        free(m->kept[p]);
    }
    free(m);
}

static enum selfsame_code
begin(uint64_t size, bool explain, void **ret_state, struct selfsame_err *e)
{
    struct measuring *m = calloc(1, sizeof(*m));

    (void)size; /* of the parts, which come with their own */
    if (m == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    m->explain = explain;
    m->part = -1;
    m->group_count = 1;
    *ret_state = m;
    return SELFSAME_OK;
}

/* ---- options and parts ---- */

/* "shape", "next": what follows describes further shapes beside those so far. */
static enum selfsame_code
set(void *state, const char *name, const char *value, struct selfsame_err *e)
{
    struct measuring *m = state;

    if (strcmp(name, "shape") != 0)
        return tdx_group_set(&m->group[m->group_count - 1], name, value, e);
    if (strcmp(value, "next") != 0 || m->group_count == TDX_GROUPS)
        FAIL(e, SELFSAME_USAGE,
            "shape: expected \"next\", at most %d times, got \"%.24s\"",
            (int)TDX_GROUPS - 1, value);
    m->group_count++;
    return SELFSAME_OK;
}

static enum selfsame_code
check_whole(const struct measuring *m, struct selfsame_err *e)
{
    if (m->left > 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected %" PRIu64 " bytes more, got none",
            parts[m->part].name, m->left);
    return SELFSAME_OK;
}

static enum selfsame_code
part(void *state, const char *name, uint64_t size, struct selfsame_err *e)
{
    struct measuring *m = state;
    int p = 0;

    TRY(check_whole(m, e));
    while (p < PARTS && strcmp(name, parts[p].name) != 0)
        p++;
    if (p == PARTS || m->seen[p])
        FAIL(e, SELFSAME_USAGE,
            "part \"%.24s\": expected firmware, kernel, initrd, cmdline, acpi_loader, "
            "acpi_rsdp and acpi_tables, each once",
            name);
    if (parts[p].max != 0 && size > parts[p].max)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected at most %" PRIu64 " bytes, got %" PRIu64, name, parts[p].max,
            size);
    if (parts[p].max != 0 && size > 0)
        m->kept[p] = malloc((size_t)size);
    if (parts[p].max != 0 && size > 0 ? m->kept[p] == NULL
                                      : !hash_init(&m->sha384[p], HASH_SHA384))
        FAIL(e, SELFSAME_NOMEM, "no room for a %s of %" PRIu64 " bytes", name, size);
    m->seen[p] = true;
    m->part = p;
    m->left = m->size[p] = size;
    return SELFSAME_OK;
}

static enum selfsame_code
update(void *state, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct measuring *m = state;
    const int p = m->part;

    if (p < 0)
        FAIL(e, SELFSAME_USAGE,
            "an image for TDX is measured part by part: name one first");
    if (piece.len > m->left)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected %" PRIu64 " bytes more, got %zu",
            parts[p].name, m->left, piece.len);
    m->left -= piece.len;
    if (m->kept[p] == NULL) {
        hash_update(&m->sha384[p], piece);
        return SELFSAME_OK;
    }
    if (piece.len > 0)
        memcpy(m->kept[p] + m->kept_size[p], piece.ptr, piece.len);
    m->kept_size[p] += piece.len;
    return SELFSAME_OK;
}

/* ---- one shape ---- */

struct measured {
    uint8_t kernel[TDX_DIGEST], mrtd[TDX_DIGEST], rtmr[TDX_BOOT_RTMRS][TDX_DIGEST];
    const char *missing[TDX_BOOT_RTMRS]; /* why a register is left out */
};

static bool
digest_of(const struct measuring *m, int p, uint8_t ret[static TDX_DIGEST])
{
    uint8_t sum[HASH_MAX];
    auto_hash copy = { 0 };

    if (!hash_clone(&copy, &m->sha384[p]))
        return false;
    hash_final(&copy, sum);
    memcpy(ret, sum, TDX_DIGEST);
    return true;
}

static enum selfsame_code
boot_of(const struct measuring *m, struct tdx_boot *b, struct selfsame_err *e)
{
    bool good = true;

    *b = (struct tdx_boot){ .firmware = &m->tdvf,
        .has_kernel = m->seen[KERNEL],
        .cmdline = BYTES(m->kept[CMDLINE], m->kept_size[CMDLINE]),
        .initrd_size = m->size[INITRD] };
    if (m->seen[INITRD])
        good = digest_of(m, INITRD, b->initrd);
    for (int i = 0; i < TDX_ACPI && good; i++) {
        b->has_acpi[i] = m->seen[ACPI + i];
        good = !b->has_acpi[i] || digest_of(m, ACPI + i, b->acpi[i]);
    }
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

/* QEMU writes the video mode of "vga=" into the header, by rules of its own. */
static enum selfsame_code
check_vga(const struct measuring *m, const struct tdx_shape *s, struct selfsame_err *e)
{
    struct selfsame_bytes line = BYTES(m->kept[CMDLINE], m->kept_size[CMDLINE]);
    bool vga = false;

    for (; line.len >= 4 && !vga; line = BYTES(line.ptr + 1, line.len - 1))
        vga = bytes_has_prefix(line, BYTES_LIT("vga="));
    if (!vga || s->kernel == TDX_KERNEL_WHOLE)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "cmdline: expected none with vga= for a kernel that QEMU patches, got one");
    err_remedy(e, "Leave vga= out, or measure for kernel_as \"whole\" alone.");
    return SELFSAME_UNSUPPORTED;
}

/* A kernel is read again only where it is another: the same for most shapes. */
static enum selfsame_code
kernel_of(const struct measuring *m, const struct tdx_shape *shape, size_t i,
    struct measured *out, struct selfsame_err *e)
{
    const struct tdx_shape *s = &shape[i];

    if (!m->seen[KERNEL])
        return SELFSAME_OK;
    for (size_t k = 0; k < i; k++)
        if (shape[k].kernel == s->kernel &&
            (s->kernel == TDX_KERNEL_WHOLE || shape[k].memory_mib == s->memory_mib)) {
            memcpy(out[i].kernel, out[k].kernel, TDX_DIGEST);
            return SELFSAME_OK;
        }
    TRY(check_vga(m, s, e));
    return tdx_kernel_digest(BYTES(m->kept[KERNEL], m->kept_size[KERNEL]),
        m->size[INITRD], s, out[i].kernel, e);
}

static enum selfsame_code
mrtd_of(const struct measuring *m, const struct tdx_shape *shape, size_t i,
    struct measured *out, struct selfsame_err *e)
{
    for (size_t k = 0; k < i; k++)
        if (shape[k].pages == shape[i].pages) {
            memcpy(out[i].mrtd, out[k].mrtd, TDX_DIGEST);
            return SELFSAME_OK;
        }
    return tdx_mrtd(&m->tdvf, shape[i].pages, out[i].mrtd, e);
}

static enum selfsame_code
measure_shape(const struct measuring *m, const struct tdx_shape *shape, size_t i,
    struct measured *out, struct tdx_log log[static TDX_BOOT_RTMRS],
    struct selfsame_err *e)
{
    struct tdx_boot b;

    TRY(boot_of(m, &b, e));
    TRY(mrtd_of(m, shape, i, out, e));
    TRY(kernel_of(m, shape, i, out, e));
    memcpy(b.kernel, out[i].kernel, TDX_DIGEST);
    TRY(tdx_events(&b, &shape[i], log, e));
    for (int r = 0; r < TDX_BOOT_RTMRS; r++) {
        out[i].missing[r] = log[r].missing;
        if (!tdx_replay(&log[r], out[i].rtmr[r]))
            FAIL(e, SELFSAME_NOMEM, "out of memory");
    }
    return SELFSAME_OK;
}

/* ---- what is told ---- */

static struct claim
value(const char *path, const uint8_t digest[static TDX_DIGEST])
{
    return (struct claim){
        .path = path, .kind = CLAIM_BYTES, .bytes = BYTES(digest, TDX_DIGEST)
    };
}

static struct claim
text(const char *path, const char *s)
{
    return (struct claim){ .path = path, .kind = CLAIM_TEXT, .bytes = bytes_str(s) };
}

static bool
describe(struct arena *arena, const struct tdx_shape *s, const struct measured *d,
    struct tee_variant *ret)
{
    struct claim *list = ARENA_NEW(arena, struct claim, 6 + TDX_BOOT_RTMRS);
    size_t n = 0;

    if (list == NULL)
        return false;
    list[n++] = text("vmm", "qemu");
    list[n++] = (struct claim){
        .path = "memory_mib", .kind = CLAIM_UINT, .number = s->memory_mib
    };
    list[n++] = text("pages", tdx_pages_names[s->pages]);
    list[n++] = text("kernel_as", tdx_kernel_names[s->kernel]);
    list[n++] = text("separator", tdx_separator_names[s->separator]);
    list[n++] = value("mrtd", d->mrtd);
    for (int r = 0; r < TDX_BOOT_RTMRS; r++)
        if (d->missing[r] == NULL)
            list[n++] = value(registers[r], d->rtmr[r]);
    *ret = (struct tee_variant){ .list = list, .count = n };
    return true;
}

/* Each value once: they are alternatives, and most shapes have the same. */
static void
add_value(struct claim *list, size_t *count, const char *path,
    const uint8_t digest[static TDX_DIGEST])
{
    for (size_t i = 0; i < *count; i++)
        if (strcmp(list[i].path, path) == 0 &&
            bytes_eq(list[i].bytes, BYTES(digest, TDX_DIGEST)))
            return;
    list[(*count)++] = value(path, digest);
}

static bool
put_values(struct arena *arena, const struct measured *d, size_t count,
    struct tee_measured *ret)
{
    struct claim *list = ARENA_NEW(arena, struct claim, VALUES * count);
    size_t n = 0;

    if (list == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        add_value(list, &n, "mrtd", d[i].mrtd);
    for (int r = 0; r < TDX_BOOT_RTMRS; r++)
        for (size_t i = 0; i < count; i++)
            if (d[i].missing[r] == NULL)
                add_value(list, &n, registers[r], d[i].rtmr[r]);
    ret->list = list;
    ret->count = n;
    return true;
}

/* What is measured of the first shape, and what could not be said. */
static bool
put_log(struct arena *arena, const struct tdx_log log[static TDX_BOOT_RTMRS],
    struct tee_measured *ret)
{
    struct tee_predicted *list = ARENA_NEW(arena, struct tee_predicted, PREDICTED);
    const char **notes = ARENA_NEW(arena, const char *, NOTES);
    size_t n = 0, said = 0;

    if (list == NULL || notes == NULL)
        return false;
    for (int r = 0; r < TDX_BOOT_RTMRS; r++) {
        for (size_t i = 0; i < log[r].count; i++) {
            list[n].claim = registers[r];
            list[n].what = log[r].event[i].what;
            memcpy(list[n++].sha384, log[r].event[i].digest, TDX_DIGEST);
        }
        if (log[r].missing == NULL && r != 0)
            continue;
        notes[said] = log[r].missing == NULL
                          ? "rtmr.0 is what OVMF up to edk2 of February 2025 extends; "
                            "later ones extend more"
                          : arena_printf(arena, "%s is left out: %s", registers[r],
                                log[r].missing);
        if (notes[said++] == NULL)
            return false;
    }
    ret->predicted = list;
    ret->predicted_count = n;
    ret->notes = notes;
    ret->note_count = said;
    return true;
}

static enum selfsame_code
put_sections(const struct measuring *m, struct arena *arena, struct tee_measured *ret,
    struct selfsame_err *e)
{
    struct tee_section *list = ARENA_NEW(
        arena, struct tee_section, m->tdvf.section_count);

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    for (size_t i = 0; i < m->tdvf.section_count; i++) {
        const struct tdvf_section *s = &m->tdvf.section[i];

        list[i].name = tdvf_type_name(s->type);
        list[i].offset = s->gpa;
        list[i].size = s->size;
        list[i].feeds = (s->attributes & TDVF_PAGE_AUG) != 0    ? "nothing"
                        : (s->attributes & TDVF_MR_EXTEND) != 0 ? "MRTD"
                        : s->type == TDVF_CFV || s->type == TDVF_TD_HOB
                            ? "MRTD (addresses) RTMR0"
                            : "MRTD (addresses)";
        TRY(tdx_mrtd_section(&m->tdvf, i, list[i].sha384, e));
    }
    ret->sections = list;
    ret->section_count = m->tdvf.section_count;
    return SELFSAME_OK;
}

static enum selfsame_code
measure_shapes(const struct measuring *m, const struct tdx_shape *shape, size_t count,
    struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    struct measured *d = ARENA_NEW(arena, struct measured, count);
    struct tee_variant *shapes = ARENA_NEW(arena, struct tee_variant, count);
    struct tdx_log first[TDX_BOOT_RTMRS], log[TDX_BOOT_RTMRS];
    struct tee_measured out = { 0 };

    if (d == NULL || shapes == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for %zu shapes", count);
    for (size_t i = 0; i < count; i++) {
        TRY(measure_shape(m, shape, i, d, i == 0 ? first : log, e));
        if (!describe(arena, &shape[i], &d[i], &shapes[i]))
            FAIL(e, SELFSAME_NOMEM, "out of memory for %zu shapes", count);
    }
    if (!put_values(arena, d, count, &out) || !put_log(arena, first, &out))
        FAIL(e, SELFSAME_NOMEM, "out of memory for %zu shapes", count);
    TRY(put_sections(m, arena, &out, e));
    out.shapes = shapes;
    out.shape_count = count;
    *ret = out;
    return SELFSAME_OK;
}

static enum selfsame_code
finish(
    void *state, struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    struct measuring *m = state;
    struct tdx_shape *shape = ARENA_NEW(arena, struct tdx_shape, TDX_SHAPES_MAX);
    size_t count = 0;

    TRY(check_whole(m, e));
    if (shape == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (!m->seen[FIRMWARE])
        FAIL(e, SELFSAME_USAGE, "expected a firmware (TDVF), got none");
    if (!m->seen[KERNEL] && (m->seen[INITRD] || m->seen[CMDLINE]))
        FAIL(e, SELFSAME_USAGE,
            "expected a kernel beside the initrd or command line, got none");
    for (size_t i = 0; i < m->group_count; i++)
        TRY(tdx_group_expand(&m->group[i], shape, &count, e));
    TRY(tdvf_parse(BYTES(m->kept[FIRMWARE], m->kept_size[FIRMWARE]), &m->tdvf, e));
    return measure_shapes(m, shape, count, arena, ret, e);
}

static const char *const parts_there[] = { "firmware", "kernel", "initrd", "cmdline",
    "acpi_loader", "acpi_rsdp", "acpi_tables", NULL };

const struct tee_measurer tdx_measurer = {
    .name = "tdx",
    .image_kind = "direct",
    .files = "tdx",
    .parts = parts_there,
    .start_parts = 4,
    .whole = "firmware",
    .begin = begin,
    .set = set,
    .part = part,
    .update = update,
    .finish = finish,
    .free = discard,
};
