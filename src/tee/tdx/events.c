/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/measure.h"

#include <stdlib.h>

/*
 * The events of a direct kernel boot, in their order. What OvmfPkg of edk2 measures up to
 * its release of February 2025; later ones have more in RTMR0 (docs/tdx.md). Fixed texts
 * and variables: real logs (tests/tee_tdx_measure_test.c); the list of resources (TD
 * HOB): edk2 MdePkg/Include/Pi/PiHob.h, QEMU hw/i386/tdvf-hob.c, and two of those logs.
 */
static enum selfsame_code
add(struct tdx_log *l, const char *what, struct selfsame_bytes data,
    struct selfsame_err *e)
{
    uint8_t sum[HASH_MAX];

    if (l->count == TDX_EVENTS_MAX || !hash_bytes(HASH_SHA384, data, sum))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    l->event[l->count].what = what;
    memcpy(l->event[l->count++].digest, sum, TDX_DIGEST);
    return SELFSAME_OK;
}

static enum selfsame_code
add_digest(struct tdx_log *l, const char *what, const uint8_t d[static TDX_DIGEST],
    struct selfsame_err *e)
{
    if (l->count == TDX_EVENTS_MAX)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    l->event[l->count].what = what;
    memcpy(l->event[l->count++].digest, d, TDX_DIGEST);
    return SELFSAME_OK;
}

static enum selfsame_code
add_separator(struct tdx_log *l, struct selfsame_err *e)
{
    static const uint8_t zeros[4];

    return add(l, "separator", BYTES_ARR(zeros), e);
}

/* ---- RTMR0: the TD HOB ---- */

enum {
    HOB_HANDOFF = 1,
    HOB_RESOURCE = 3,
    HOB_HANDOFF_SIZE = 56,
    HOB_RESOURCE_SIZE = 48,
    RES_MEMORY = 0,
    RES_UNACCEPTED = 7,
    RES_ATTRIBUTES = 7, /* present, initialised, tested */
    HOB_MAX = 64 + HOB_RESOURCE_SIZE * (2 * TDVF_SECTIONS + 3),
};

static void
put_le16(struct writer *w, uint16_t v)
{
    put_u8(w, (uint8_t)v);
    put_u8(w, (uint8_t)(v >> 8));
}

static void
put_resource(struct writer *w, uint32_t type, uint64_t from, uint64_t to)
{
    if (from >= to)
        return;
    put_le16(w, HOB_RESOURCE);
    put_le16(w, HOB_RESOURCE_SIZE);
    put_zeros(w, 4 + 16);
    put_le32(w, type);
    put_le32(w, RES_ATTRIBUTES);
    put_le64(w, from);
    put_le64(w, to - from);
}

/* The accepted section that begins at or behind `from`, the lowest of them. */
static const struct tdvf_section *
next_accepted(const struct tdvf *t, uint64_t from)
{
    const struct tdvf_section *best = NULL;

    for (size_t i = 0; i < t->section_count; i++) {
        const struct tdvf_section *s = &t->section[i];

        if ((s->type == TDVF_TD_HOB || s->type == TDVF_TEMP_MEM) && s->gpa >= from &&
            (best == NULL || s->gpa < best->gpa))
            best = s;
    }
    return best;
}

static void
put_resources(struct writer *w, const struct tdvf *t, uint64_t memory)
{
    const uint64_t most = 0xb0000000, less = 0x80000000, four = UINT64_C(1) << 32;
    const uint64_t low = memory >= most ? less : memory;
    const struct tdvf_section *s;
    uint64_t at = 0;

    while ((s = next_accepted(t, at)) != NULL && s->gpa < low) {
        put_resource(w, RES_UNACCEPTED, at, s->gpa);
        put_resource(w, RES_MEMORY, s->gpa, s->gpa + s->size);
        at = s->gpa + s->size;
    }
    put_resource(w, RES_UNACCEPTED, at, low);
    put_resource(w, RES_UNACCEPTED, four, four + memory - low);
}

static const struct tdvf_section *
only_section(const struct tdvf *t, enum tdvf_type type)
{
    const struct tdvf_section *found = NULL;

    for (size_t i = 0; i < t->section_count; i++)
        if (t->section[i].type == type) {
            if (found != NULL)
                return NULL;
            found = &t->section[i];
        }
    return found;
}

/* Its end is known once the rest is written: so twice. */
static enum selfsame_code
add_hob(struct tdx_log *l, const struct tdvf *t, uint64_t memory,
    const struct tdvf_section *hob, struct selfsame_err *e)
{
    uint8_t buf[HOB_MAX];
    uint64_t end = 0;
    struct writer w;

    for (int pass = 0; pass < 2; pass++) {
        w = writer_of(buf, sizeof(buf));
        put_le16(&w, HOB_HANDOFF);
        put_le16(&w, HOB_HANDOFF_SIZE);
        put_zeros(&w, 4);
        put_le32(&w, 9); /* version */
        put_zeros(&w, 4 + 4 * 8);
        put_le64(&w, end);
        put_resources(&w, t, memory);
        end = hob->gpa + w.len + 8; /* behind the HOB that ends the list */
    }
    if (w.bad)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return add(l, "TD HOB", writer_bytes(&w), e);
}

/* ---- RTMR0: variables ---- */

static const uint8_t global[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
    0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
static const uint8_t security[16] = { 0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45,
    0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f };

static void
put_utf16(struct writer *w, const char *ascii)
{
    for (; *ascii != '\0'; ascii++)
        put_le16(w, (uint8_t)*ascii);
}

/* UEFI_VARIABLE_DATA of a variable that is not set. */
static enum selfsame_code
add_variable(struct tdx_log *l, const char *what, const uint8_t guid[static 16],
    const char *name, struct selfsame_err *e)
{
    uint8_t buf[128];
    struct writer w = writer_of(buf, sizeof(buf));

    put_bytes(&w, BYTES(guid, 16));
    put_le64(&w, strlen(name));
    put_le64(&w, 0);
    put_utf16(&w, name);
    return add(l, what, writer_bytes(&w), e);
}

static enum selfsame_code
add_variables(struct tdx_log *l, struct selfsame_err *e)
{
    TRY(add_variable(l, "SecureBoot, not set", global, "SecureBoot", e));
    TRY(add_variable(l, "PK, not set", global, "PK", e));
    TRY(add_variable(l, "KEK, not set", global, "KEK", e));
    TRY(add_variable(l, "db, not set", security, "db", e));
    return add_variable(l, "dbx, not set", security, "dbx", e);
}

/* EFI_LOAD_OPTION of the one thing OVMF can start by itself: UiApp in its own volume. */
static enum selfsame_code
add_boot_option(struct tdx_log *l, struct selfsame_err *e)
{
    static const uint8_t volume[20] = { 4, 7, 20, 0, 0xc9, 0xbd, 0xb8, 0x7c, 0xeb, 0xf8,
        0x34, 0x4f, 0xaa, 0xea, 0x3e, 0xe4, 0xaf, 0x65, 0x16, 0xa1 };
    static const uint8_t file[20] = { 4, 6, 20, 0, 0x21, 0xaa, 0x2c, 0x46, 0x14, 0x76,
        0x03, 0x45, 0x83, 0x6e, 0x8a, 0xb6, 0xf4, 0x66, 0x23, 0x31 };
    static const uint8_t end[4] = { 0x7f, 0xff, 4, 0 };
    uint8_t buf[128];
    struct writer w = writer_of(buf, sizeof(buf));

    put_le32(&w, 0x109); /* active, hidden, an application */
    put_le16(&w, sizeof(volume) + sizeof(file) + sizeof(end));
    put_utf16(&w, "UiApp");
    put_le16(&w, 0);
    put_bytes(&w, BYTES_ARR(volume));
    put_bytes(&w, BYTES_ARR(file));
    put_bytes(&w, BYTES_ARR(end));
    return add(l, "Boot0000", writer_bytes(&w), e);
}

static enum selfsame_code
add_acpi(struct tdx_log *l, const struct tdx_boot *b, struct selfsame_err *e)
{
    static const char *const names[TDX_ACPI] = { "ACPI loader script", "ACPI RSDP",
        "ACPI tables" };

    for (int i = 0; i < TDX_ACPI; i++) {
        if (b->has_acpi[i])
            TRY(add_digest(l, names[i], b->acpi[i], e));
        else
            l->missing = "the ACPI tables that QEMU makes were not given";
    }
    return SELFSAME_OK;
}

static enum selfsame_code
rtmr0(struct tdx_log *l, const struct tdx_boot *b, const struct tdx_shape *s,
    struct selfsame_err *e)
{
    static const uint8_t order[2]; /* BootOrder: Boot0000 */
    const struct tdvf *t = b->firmware;
    const struct tdvf_section *hob = only_section(t, TDVF_TD_HOB),
                              *cfv = only_section(t, TDVF_CFV);

    if (hob == NULL || cfv == NULL) {
        l->missing = "the firmware has not one TD HOB and one CFV, as OVMF has";
        return SELFSAME_OK;
    }
    TRY(add_hob(l, t, s->memory_mib << 20, hob, e));
    TRY(add(l, "CFV", BYTES(t->file.ptr + cfv->offset, cfv->raw), e));
    TRY(add_variables(l, e));
    TRY(add_separator(l, e));
    TRY(add_acpi(l, b, e));
    TRY(add(l, "BootOrder", BYTES_ARR(order), e));
    TRY(add_boot_option(l, e));
    return s->separator == TDX_SEPARATOR_RTMR0 ? add_separator(l, e) : SELFSAME_OK;
}

/* ---- RTMR1: the kernel and its start ---- */

static enum selfsame_code
rtmr1(struct tdx_log *l, const struct tdx_boot *b, const struct tdx_shape *s,
    struct selfsame_err *e)
{
    if (!b->has_kernel) {
        l->missing = "there is no kernel";
        return SELFSAME_OK;
    }
    TRY(add_digest(l, "kernel", b->kernel, e));
    TRY(add(l, "start", BYTES_LIT("Calling EFI Application from Boot Option"), e));
    if (s->separator == TDX_SEPARATOR_RTMR1)
        TRY(add_separator(l, e));
    TRY(add(l, "exit", BYTES_LIT("Exit Boot Services Invocation"), e));
    return add(l, "exited", BYTES_LIT("Exit Boot Services Returned with Success"), e);
}

/* ---- RTMR2: what the kernel's EFI stub measures ---- */

static void
buffer_free(uint8_t **b)
{
    free(*b);
}

/* UTF-16, with what OVMF appends (GenericQemuLoadImageLib) and the zero that ends it. */
static enum selfsame_code
add_cmdline(struct tdx_log *l, const struct tdx_boot *b, struct selfsame_err *e)
{
    const size_t cap = 2 * (b->cmdline.len + sizeof(" initrd=initrd"));
    __attribute__((cleanup(buffer_free))) uint8_t *buf = malloc(cap);
    struct writer w = writer_of(buf, cap);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    for (size_t i = 0; i < b->cmdline.len; i++) {
        if (b->cmdline.ptr[i] == 0 || b->cmdline.ptr[i] >= 0x80)
            FAIL(e, SELFSAME_UNSUPPORTED,
                "cmdline: expected ASCII, got a byte 0x%02x at %zu", b->cmdline.ptr[i],
                i);
        put_le16(&w, b->cmdline.ptr[i]);
    }
    if (b->initrd_size > 0)
        put_utf16(&w, " initrd=initrd");
    put_le16(&w, 0);
    return w.len > 2 ? add(l, "command line", writer_bytes(&w), e) : SELFSAME_OK;
}

static enum selfsame_code
rtmr2(struct tdx_log *l, const struct tdx_boot *b, struct selfsame_err *e)
{
    if (!b->has_kernel) {
        l->missing = "there is no kernel";
        return SELFSAME_OK;
    }
    TRY(add_cmdline(l, b, e));
    if (l->count == 0 && b->initrd_size == 0)
        l->missing = "neither command line nor initrd is there to be measured";
    return b->initrd_size > 0 ? add_digest(l, "initrd", b->initrd, e) : SELFSAME_OK;
}

enum selfsame_code
tdx_events(const struct tdx_boot *b, const struct tdx_shape *s,
    struct tdx_log ret[static TDX_BOOT_RTMRS], struct selfsame_err *e)
{
    struct tdx_log l[TDX_BOOT_RTMRS] = { { .count = 0 } };

    TRY(rtmr0(&l[0], b, s, e));
    TRY(rtmr1(&l[1], b, s, e));
    TRY(rtmr2(&l[2], b, e));
    memcpy(ret, l, sizeof(l));
    return SELFSAME_OK;
}

bool
tdx_replay(const struct tdx_log *l, uint8_t ret[static TDX_DIGEST])
{
    uint8_t both[2 * TDX_DIGEST] = { 0 }, sum[HASH_MAX];

    for (size_t i = 0; i < l->count; i++) {
        memcpy(both + TDX_DIGEST, l->event[i].digest, TDX_DIGEST);
        if (!hash_bytes(HASH_SHA384, BYTES_ARR(both), sum))
            return false;
        memcpy(both, sum, TDX_DIGEST);
    }
    memcpy(ret, both, TDX_DIGEST);
    return true;
}
