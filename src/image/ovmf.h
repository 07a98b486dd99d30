/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_OVMF_H
#define SELFSAME_OVMF_H

#include "base/base.h"

/*
 * The end of an OVMF image (edk2 OvmfPkg/ResetVector): a table of GUIDs that is read
 * backwards, and the pages that SEV-SNP wants ("ASEV"). The image is mapped so that
 * it ends at 4 GiB. Strict: what is there parses wholly or is refused.
 */
/* The table's entries, as they stand in memory: the first three parts little-endian. */
enum { OVMF_GUID = 16 };
extern const uint8_t ovmf_guid_footer[OVMF_GUID], ovmf_guid_reset[OVMF_GUID],
    ovmf_guid_hashes[OVMF_GUID], ovmf_guid_metadata[OVMF_GUID];
enum { OVMF_PAGE = 4096, OVMF_MAX = 64 << 20, OVMF_SECTIONS = 64 };

enum ovmf_section_type {
    OVMF_SEC_MEM = 1,
    OVMF_SECRETS = 2,
    OVMF_CPUID = 3,
    OVMF_SVSM_CAA = 4,
    OVMF_KERNEL_HASHES = 0x10,
};
struct ovmf_section {
    uint32_t gpa, size; /* multiples of OVMF_PAGE */
    enum ovmf_section_type type;
};
struct ovmf {
    struct selfsame_bytes file;
    uint64_t gpa;         /* of its first byte */
    uint32_t ap_reset;    /* where processors but the first begin */
    uint32_t hashes_base; /* of the table of kernel hashes; size 0: none */
    uint32_t hashes_size;
    struct ovmf_section section[OVMF_SECTIONS];
    size_t section_count;
};
MUST enum selfsame_code ovmf_parse(
    struct selfsame_bytes file, struct ovmf *ret, struct selfsame_err *e);
/*
 * The data of one entry of the table, a view; absent where there is none. For those who
 * want another entry than SEV's: what those say is not looked at.
 */
MUST enum selfsame_code ovmf_find(struct selfsame_bytes file,
    const uint8_t guid[static OVMF_GUID], struct selfsame_bytes *ret,
    struct selfsame_err *e);

#endif
