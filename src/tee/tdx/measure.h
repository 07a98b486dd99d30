/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TDX_MEASURE_H
#define SELFSAME_TDX_MEASURE_H

#include "crypto/crypto.h"
#include "image/tdvf.h"

/*
 * What a TD that boots a kernel directly (QEMU -bios, -kernel) will report: MRTD of its
 * firmware, and the registers that firmware and kernel extend.
 *
 *   measure.c  the role: parts, options, all shapes in one call
 *   group.c    options to shapes
 *   mrtd.c     MRTD: TDX module base specification, TDH.MEM.PAGE.ADD, TDH.MR.EXTEND
 *   events.c   the events of RTMR0, RTMR1, RTMR2, in their order
 *   kernel.c   the kernel as QEMU hands it to the firmware
 */
enum { TDX_DIGEST = 48 };

/* Where implementations differ and none of them tells which it is: docs/tdx.md. */
enum tdx_pages { TDX_ONE_PASS, TDX_TWO_PASS };            /* the order in MRTD */
enum tdx_kernel { TDX_KERNEL_WHOLE, TDX_KERNEL_PATCHED }; /* what the firmware loads */
enum tdx_separator { TDX_SEPARATOR_RTMR0, TDX_SEPARATOR_RTMR1 }; /* before the start */
extern const char *const tdx_pages_names[2], *const tdx_kernel_names[2],
                                                 *const tdx_separator_names[2];

struct tdx_shape {
    uint64_t memory_mib;
    enum tdx_pages pages;
    enum tdx_kernel kernel;
    enum tdx_separator separator;
};

/* ---- group.c: lists as options give them, and their product ---- */

enum { TDX_GROUPS = 64, TDX_MEMORIES = 64, TDX_SHAPES_MAX = 1024 };
struct tdx_group {
    uint64_t memory[TDX_MEMORIES];
    size_t memory_count;                    /* 0: the usual one */
    bool pages[2], kernel[2], separator[2]; /* all false: both */
};
MUST enum selfsame_code tdx_group_set(
    struct tdx_group *g, const char *name, const char *value, struct selfsame_err *e);
/* Appends the product to list[*count]. */
MUST enum selfsame_code tdx_group_expand(const struct tdx_group *g,
    struct tdx_shape *list, size_t *count, struct selfsame_err *e);

/* ---- mrtd.c ---- */

/* NOMEM */
MUST enum selfsame_code tdx_mrtd(const struct tdvf *t, enum tdx_pages order,
    uint8_t ret[static TDX_DIGEST], struct selfsame_err *e);
/* The records of one section alone, for `--explain`. */
MUST enum selfsame_code tdx_mrtd_section(const struct tdvf *t, size_t i,
    uint8_t ret[static TDX_DIGEST], struct selfsame_err *e);

/* ---- kernel.c ---- */

/*
 * Authenticode SHA-384 of the kernel, with the setup header that QEMU writes when it has
 * this much memory (hw/i386/x86-common.c, x86_load_linux): UNSUPPORTED for one that it
 * would write otherwise.
 */
MUST enum selfsame_code tdx_kernel_digest(struct selfsame_bytes kernel,
    uint64_t initrd_size, const struct tdx_shape *s, uint8_t ret[static TDX_DIGEST],
    struct selfsame_err *e);

/* ---- events.c ---- */

enum { TDX_BOOT_RTMRS = 3, TDX_EVENTS_MAX = 16 };
enum tdx_acpi { TDX_ACPI_LOADER, TDX_ACPI_RSDP, TDX_ACPI_TABLES, TDX_ACPI };
struct tdx_boot { /* all that is measured */
    const struct tdvf *firmware;
    bool has_kernel;
    uint8_t kernel[TDX_DIGEST]; /* tdx_kernel_digest, of the shape */
    struct selfsame_bytes cmdline;
    uint64_t initrd_size; /* 0: none */
    uint8_t initrd[TDX_DIGEST];
    bool has_acpi[TDX_ACPI];
    uint8_t acpi[TDX_ACPI][TDX_DIGEST];
};
struct tdx_event {
    const char *what;
    uint8_t digest[TDX_DIGEST];
};
struct tdx_log { /* of one register */
    struct tdx_event event[TDX_EVENTS_MAX];
    size_t count;
    const char *missing; /* why not all of them are known; NULL: they are */
};
MUST enum selfsame_code tdx_events(const struct tdx_boot *b, const struct tdx_shape *s,
    struct tdx_log ret[static TDX_BOOT_RTMRS], struct selfsame_err *e);
/* The register after these events. */
MUST bool tdx_replay(const struct tdx_log *l, uint8_t ret[static TDX_DIGEST]);

#endif
