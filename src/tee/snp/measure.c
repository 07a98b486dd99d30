/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/measure.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

enum { SECTIONS_MAX = 1 + OVMF_SECTIONS + 2, NORMAL = 1, VMSA = 2, ZERO = 3 };
enum { UNMEASURED = 4, SECRETS = 5, CPUID = 6 }; /* PAGE_TYPE, AMD 56860 */
enum part { FIRMWARE, KERNEL, INITRD, CMDLINE, PARTS };
static const char *const part_names[PARTS + 1] = { "firmware", "kernel", "initrd",
    "cmdline", NULL };

struct measuring {
    struct shape_group group[SHAPE_GROUPS];
    size_t group_count;
    bool explain, seen[PARTS];
    int part; /* being fed; -1: none */
    uint64_t left;
    uint8_t *firmware;
    size_t firmware_size;
    struct hash sha256[PARTS]; /* of kernel, initrd, cmdline */
    struct ovmf ovmf;
    struct tee_section section[SECTIONS_MAX];
    size_t section_count;
};

static void
discard(void *state)
{
    struct measuring *m = state;

    for (int p = KERNEL; p < PARTS; p++)
        hash_free(&m->sha256[p]);
    free(m->firmware);
    free(m);
}

static enum selfsame_code
begin(uint64_t size, bool explain, void **ret_state, struct selfsame_err *e)
{
    struct measuring *m = calloc(1, sizeof(*m));

    (void)size; /* of the parts, which come with their own */
    if (m == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    for (int p = KERNEL; p < PARTS; p++)
        if (!hash_init(&m->sha256[p], HASH_SHA256)) {
            discard(m);
            FAIL(e, SELFSAME_NOMEM, "out of memory");
        }
    m->explain = explain;
    m->part = -1;
    m->group_count = 1;
    m->group[0].vmm = SNP_VMM_QEMU;
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
        return shape_set(&m->group[m->group_count - 1], name, value, e);
    if (strcmp(value, "next") != 0 || m->group_count == SHAPE_GROUPS)
        FAIL(e, SELFSAME_USAGE,
            "shape: expected \"next\", at most %d times, got \"%.24s\"",
            (int)SHAPE_GROUPS - 1, value);
    m->group[m->group_count++].vmm = SNP_VMM_QEMU;
    return SELFSAME_OK;
}

static enum selfsame_code
check_whole(const struct measuring *m, struct selfsame_err *e)
{
    if (m->left > 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected %" PRIu64 " bytes more, got none",
            part_names[m->part], m->left);
    return SELFSAME_OK;
}

static enum selfsame_code
part(void *state, const char *name, uint64_t size, struct selfsame_err *e)
{
    struct measuring *m = state;
    int p = 0;

    TRY(check_whole(m, e));
    while (p < PARTS && strcmp(name, part_names[p]) != 0)
        p++;
    if (p == PARTS || m->seen[p])
        FAIL(e, SELFSAME_USAGE,
            "part \"%.24s\": expected firmware, kernel, initrd and cmdline, each once",
            name);
    if (p == FIRMWARE && (size == 0 || size > OVMF_MAX))
        FAIL(e, SELFSAME_MALFORMED,
            "firmware: expected 1 byte to %d MiB, got %" PRIu64 " bytes",
            (int)(OVMF_MAX >> 20), size);
    if (p == FIRMWARE) {
        m->firmware = malloc((size_t)size);
        if (m->firmware == NULL)
            FAIL(
                e, SELFSAME_NOMEM, "no room for a firmware of %" PRIu64 " bytes", size);
    }
    m->seen[p] = true;
    m->part = p;
    m->left = size;
    return SELFSAME_OK;
}

static enum selfsame_code
update(void *state, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct measuring *m = state;

    if (m->part < 0)
        FAIL(
            e, SELFSAME_USAGE, "an SNP image is measured part by part: name one first");
    if (piece.len > m->left)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected %" PRIu64 " bytes more, got %zu",
            part_names[m->part], m->left, piece.len);
    m->left -= piece.len;
    if (m->part != FIRMWARE) {
        hash_update(&m->sha256[m->part], piece);
        return SELFSAME_OK;
    }
    if (piece.len > 0)
        memcpy(m->firmware + m->firmware_size, piece.ptr, piece.len);
    m->firmware_size += piece.len;
    return SELFSAME_OK;
}

/* ---- the chain ---- */

/* PAGE_INFO: digest so far, digest of the contents, length, type, address. */
static bool
extend(uint8_t ld[static SNP_DIGEST_SIZE], const uint8_t *contents, unsigned type,
    uint64_t gpa)
{
    uint8_t info[0x70] = { 0 }, digest[HASH_MAX];

    memcpy(info, ld, SNP_DIGEST_SIZE);
    if (contents != NULL)
        memcpy(info + 0x30, contents, SNP_DIGEST_SIZE);
    info[0x60] = sizeof(info);
    info[0x62] = (uint8_t)type;
    for (size_t i = 0; i < 8; i++)
        info[0x68 + i] = (uint8_t)(gpa >> (8 * i));
    if (!hash_bytes(HASH_SHA384, BYTES_ARR(info), digest))
        return false;
    memcpy(ld, digest, SNP_DIGEST_SIZE);
    return true;
}

static bool
extend_page(uint8_t ld[static SNP_DIGEST_SIZE], const uint8_t *page, unsigned type,
    uint64_t gpa)
{
    uint8_t digest[HASH_MAX];

    return hash_bytes(HASH_SHA384, BYTES(page, OVMF_PAGE), digest) &&
           extend(ld, digest, type, gpa);
}

/* A row of `explain`; a later shape's rows are not listed. */
static void
note(struct measuring *m, const char *name, uint64_t gpa, uint64_t size,
    const char *type, const uint8_t ld[static SNP_DIGEST_SIZE])
{
    struct tee_section *s = &m->section[m->section_count];

    if (!m->explain || m->section_count == SECTIONS_MAX)
        return;
    *s = (struct tee_section){
        .name = name, .offset = gpa, .size = size, .feeds = type
    };
    memcpy(s->sha384, ld, sizeof(s->sha384));
    m->section_count++;
}

static bool
extend_firmware(struct measuring *m, uint8_t ld[static SNP_DIGEST_SIZE])
{
    const struct ovmf *o = &m->ovmf;

    for (size_t at = 0; at < o->file.len; at += OVMF_PAGE)
        if (!extend_page(ld, o->file.ptr + at, NORMAL, o->gpa + at))
            return false;
    note(m, "firmware", o->gpa, o->file.len, "NORMAL", ld);
    return true;
}

/* ---- what the metadata asks for ---- */

/* One entry of the table of hashes: GUID, length, SHA-256. */
static uint8_t *
put_hash(uint8_t *to, const uint8_t guid[static 16], const uint8_t *sha256)
{
    memcpy(to, guid, 16);
    to[16] = 50;
    memcpy(to + 18, sha256, 32);
    return to + 50;
}

/* QEMU target/i386/sev.c, sev_add_kernel_loader_hashes: cmdline, initrd, kernel. */
static bool
hashes_page(struct measuring *m, uint8_t page[static OVMF_PAGE])
{
    static const uint8_t table[16] = { 0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
        0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21 };
    static const uint8_t cmdline[16] = { 0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
        0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a };
    static const uint8_t initrd[16] = { 0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
        0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d };
    static const uint8_t kernel[16] = { 0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
        0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b };
    uint8_t sum[PARTS][HASH_MAX];

    for (int p = KERNEL; p < PARTS; p++) {
        auto_hash copy = { 0 };

        if (!hash_clone(&copy, &m->sha256[p]))
            return false;
        if (p == CMDLINE) /* with the zero that ends it */
            hash_update(&copy, BYTES((const uint8_t[]){ 0 }, 1));
        hash_final(&copy, sum[p]);
    }
    memset(page, 0, OVMF_PAGE);
    uint8_t *to = page + m->ovmf.hashes_base % OVMF_PAGE;
    memcpy(to, table, sizeof(table));
    to[16] = 168;
    to = put_hash(to + 18, cmdline, sum[CMDLINE]);
    to = put_hash(to, initrd, sum[INITRD]);
    (void)put_hash(to, kernel, sum[KERNEL]);
    return true;
}

static const struct {
    enum ovmf_section_type type;
    const char *name;
    unsigned page_type;
    const char *page_name;
} kinds[] = {
    { OVMF_SEC_MEM, "SEC_MEM", ZERO, "ZERO" },
    { OVMF_SECRETS, "SECRETS", SECRETS, "SECRETS" },
    { OVMF_CPUID, "CPUID", CPUID, "CPUID" },
    { OVMF_SVSM_CAA, "SVSM_CAA", ZERO, "ZERO" },
    { OVMF_KERNEL_HASHES, "KERNEL_HASHES", ZERO, "ZERO" },
};

static bool
extend_section(struct measuring *m, const struct ovmf_section *s, enum snp_vmm vmm,
    uint8_t ld[static SNP_DIGEST_SIZE])
{
    const bool hashes = s->type == OVMF_KERNEL_HASHES && m->seen[KERNEL];
    uint8_t page[OVMF_PAGE];
    size_t k = 0;

    while (k + 1 < COUNT(kinds) && kinds[k].type != s->type)
        k++;
    unsigned type = kinds[k].page_type;
    const char *name = hashes ? "NORMAL" : kinds[k].page_name;
    if (vmm == SNP_VMM_GCE && s->type == OVMF_SEC_MEM) {
        type = UNMEASURED;
        name = "UNMEASURED";
    }
    if (hashes && (!hashes_page(m, page) || !extend_page(ld, page, NORMAL, s->gpa)))
        return false;
    for (uint32_t at = 0; at < s->size && !hashes; at += OVMF_PAGE)
        if (!extend(ld, NULL, type, (uint64_t)s->gpa + at))
            return false;
    note(m, kinds[k].name, s->gpa, s->size, name, ld);
    return true;
}

/* In the order of the table; EC2 puts the CPUID page behind all others. */
static bool
extend_metadata(
    struct measuring *m, enum snp_vmm vmm, uint8_t ld[static SNP_DIGEST_SIZE])
{
    const struct ovmf *o = &m->ovmf;

    for (int last = 0; last <= 1; last++)
        for (size_t i = 0; i < o->section_count; i++) {
            bool late = vmm == SNP_VMM_EC2 && o->section[i].type == OVMF_CPUID;

            if (late == (last == 1) && !extend_section(m, &o->section[i], vmm, ld))
                return false;
        }
    return true;
}

/* A kernel that nothing measures must not look measured. */
static enum selfsame_code
check_hashes(const struct measuring *m, struct selfsame_err *e)
{
    const struct ovmf *o = &m->ovmf;
    bool section = false;

    if (!m->seen[KERNEL]) {
        if (m->seen[INITRD] || m->seen[CMDLINE])
            FAIL(e, SELFSAME_USAGE,
                "expected a kernel beside the initrd or command line, got none");
        return SELFSAME_OK;
    }
    for (size_t i = 0; i < o->section_count; i++)
        section = section ||
                  (o->section[i].type == OVMF_KERNEL_HASHES &&
                      o->hashes_base / OVMF_PAGE == o->section[i].gpa / OVMF_PAGE);
    if (!section || o->hashes_size < 176 ||
        o->hashes_base % OVMF_PAGE > OVMF_PAGE - 176)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "firmware: expected a page for the hashes of kernel, initrd and command "
            "line, got none: this build would not measure them");
    return SELFSAME_OK;
}

/* ---- the shapes ---- */

/* Shapes of one VMM share all up to here. */
struct bases {
    bool made[SNP_VMM_GCE + 1];
    uint8_t ld[SNP_VMM_GCE + 1][SNP_DIGEST_SIZE];
    uint8_t firmware[SNP_DIGEST_SIZE];
};

static bool
base_of(struct measuring *m, struct bases *b, enum snp_vmm vmm,
    uint8_t ret[static SNP_DIGEST_SIZE])
{
    if (!b->made[vmm]) {
        memcpy(b->ld[vmm], b->firmware, SNP_DIGEST_SIZE);
        if (!extend_metadata(m, vmm, b->ld[vmm]))
            return false;
        b->made[vmm] = true;
    }
    memcpy(ret, b->ld[vmm], SNP_DIGEST_SIZE);
    return true;
}

/* All processors but the first begin alike: two pages are hashed, however many there are. */
static bool
digest_shape(struct measuring *m, struct bases *b, const struct snp_shape *s,
    uint8_t ret[static SNP_DIGEST_SIZE])
{
    static const uint32_t reset = 0xfffffff0;
    uint8_t page[OVMF_PAGE], first[HASH_MAX], others[HASH_MAX];

    if (!base_of(m, b, s->vmm, ret))
        return false;
    snp_vmsa(s, reset, true, page);
    if (!hash_bytes(HASH_SHA384, BYTES_ARR(page), first))
        return false;
    snp_vmsa(s, m->ovmf.ap_reset, false, page);
    if (!hash_bytes(HASH_SHA384, BYTES_ARR(page), others))
        return false;
    for (unsigned i = 0; i < s->vcpus; i++)
        if (!extend(ret, i == 0 ? first : others, VMSA, s->vmsa_gpa))
            return false;
    note(m, "processors", s->vmsa_gpa, (uint64_t)s->vcpus * OVMF_PAGE, "VMSA", ret);
    return true;
}

static bool
describe(struct arena *arena, const struct snp_shape *s, const uint8_t *ld,
    struct tee_variant *ret)
{
    struct claim *list = ARENA_NEW(arena, struct claim, 8);
    const char *features = arena_printf(arena, "0x%" PRIx64, s->features);
    char *cpu = arena_str(arena, bytes_str(s->cpu));
    size_t n = 0;

    if (list == NULL || features == NULL || cpu == NULL)
        return false;
#define TEXT(p, s) \
    (struct claim){ .path = (p), .kind = CLAIM_TEXT, .bytes = bytes_str(s) }
    list[n++] = TEXT("vmm", snp_vmm_name(s->vmm));
    list[n++] = (struct claim){
        .path = "vcpus", .kind = CLAIM_UINT, .number = s->vcpus
    };
    list[n++] = TEXT("features", features);
    if (s->vmm == SNP_VMM_QEMU)
        list[n++] = TEXT("cpu", cpu);
    if (s->vmm == SNP_VMM_EC2)
        list[n++] = TEXT("ec2_rdx", s->rdx != 0 ? "0x600" : "0");
    if (s->vmm == SNP_VMM_GCE)
        list[n++] = TEXT("gce_gpa_bits", s->vmsa_gpa >> 48 != 0 ? "52" : "48");
#undef TEXT
    list[n++] = (struct claim){
        .path = "measurement", .kind = CLAIM_BYTES, .bytes = BYTES(ld, SNP_DIGEST_SIZE)
    };
    *ret = (struct tee_variant){ .list = list, .count = n };
    return true;
}

/*
 * Once the bases are made shapes have nothing in common, so many are measured by
 * several threads; pages are noted for `--explain` in order, by one.
 */
enum { THREADS = 4, SHAPES_OF_A_THREAD = 16 };
struct slice {
    struct measuring *m;
    struct bases *bases;
    const struct snp_shape *shape;
    uint8_t (*ld)[SNP_DIGEST_SIZE];
    size_t count;
    bool good;
    pthread_t thread;
    bool running;
};

static void *
digest_slice(void *arg)
{
    struct slice *s = arg;

    s->good = true;
    for (size_t i = 0; i < s->count && s->good; i++)
        s->good = digest_shape(s->m, s->bases, &s->shape[i], s->ld[i]);
    return NULL;
}

static bool
digest_all(struct measuring *m, struct bases *bases, const struct snp_shape *shape,
    size_t count, uint8_t (*ld)[SNP_DIGEST_SIZE])
{
    struct slice slice[THREADS] = { { .good = false } };
    size_t n = m->explain ? 1 : count / SHAPES_OF_A_THREAD;
    bool good = true;

    n = n < 1 ? 1 : n > THREADS ? THREADS : n;
    for (size_t i = 0; i < count && good; i++)
        good = base_of(m, bases, shape[i].vmm, ld[i]);
    for (size_t i = 0; i < n && good; i++) {
        size_t from = count * i / n, to = count * (i + 1) / n;

        slice[i] = (struct slice){ .m = m,
            .bases = bases,
            .shape = shape + from,
            .ld = ld + from,
            .count = to - from };
        slice[i].running = i + 1 < n && pthread_create(&slice[i].thread, NULL,
                                            digest_slice, &slice[i]) == 0;
        if (!slice[i].running)
            (void)digest_slice(&slice[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (slice[i].running)
            (void)pthread_join(slice[i].thread, NULL);
        good = good && slice[i].good;
    }
    return good;
}

static enum selfsame_code
measure_shapes(struct measuring *m, const struct snp_shape *shape, size_t count,
    struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    struct bases bases = { 0 };
    uint8_t(*ld)[SNP_DIGEST_SIZE] = arena_alloc(arena, SNP_DIGEST_SIZE, count);
    struct tee_variant *shapes = ARENA_NEW(arena, struct tee_variant, count);
    struct claim *list = ARENA_NEW(arena, struct claim, count);
    bool good = ld != NULL && shapes != NULL && list != NULL;

    good = good && extend_firmware(m, bases.firmware) &&
           digest_all(m, &bases, shape, count, ld);
    for (size_t i = 0; i < count && good; i++) {
        good = describe(arena, &shape[i], ld[i], &shapes[i]);
        list[i] = (struct claim){ .path = "measurement",
            .kind = CLAIM_BYTES,
            .bytes = BYTES(ld[i], SNP_DIGEST_SIZE) };
    }
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "out of memory for %zu shapes", count);
    *ret = (struct tee_measured){
        .list = list,
        .count = count,
        .shapes = shapes,
        .shape_count = count,
    };
    return SELFSAME_OK;
}

static enum selfsame_code
finish(
    void *state, struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    struct measuring *m = state;
    struct snp_shape *shape = ARENA_NEW(arena, struct snp_shape, SHAPES_MAX);
    struct tee_measured out;
    size_t count = 0;

    TRY(check_whole(m, e));
    if (shape == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (!m->seen[FIRMWARE])
        FAIL(e, SELFSAME_USAGE, "expected a firmware (OVMF), got none");
    for (size_t i = 0; i < m->group_count; i++)
        TRY(shape_expand(&m->group[i], shape, &count, e));
    TRY(ovmf_parse(BYTES(m->firmware, m->firmware_size), &m->ovmf, e));
    TRY(check_hashes(m, e));
    TRY(measure_shapes(m, shape, count, arena, &out, e));
    struct tee_section *sections = ARENA_NEW(
        arena, struct tee_section, m->section_count + 1);
    if (sections == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    memcpy(sections, m->section, m->section_count * sizeof(*sections));
    out.sections = sections;
    out.section_count = m->section_count;
    *ret = out;
    return SELFSAME_OK;
}

const struct tee_measurer snp_measurer = {
    .name = "snp",
    .image_kind = "direct",
    .parts = part_names,
    .start_parts = 4,
    .whole = "firmware",
    .files = "image",
    .begin = begin,
    .set = set,
    .part = part,
    .update = update,
    .finish = finish,
    .free = discard,
};
