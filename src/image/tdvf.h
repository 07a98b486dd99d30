/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TDVF_H
#define SELFSAME_TDVF_H

#include "image/ovmf.h"

/*
 * What an OVMF image says of itself to whoever builds a TD from it: Intel TDX Virtual
 * Firmware Design Guide (344991) §11, edk2 OvmfPkg/ResetVector/X64/TdxMetadata.asm,
 * td-shim's metadata. The table at the end of the image points to a descriptor, the
 * descriptor lists sections. Strict: what is there parses wholly or is refused.
 */
extern const uint8_t tdvf_guid_offset[OVMF_GUID], tdvf_guid_metadata[OVMF_GUID];
enum { TDVF_SECTIONS = 64, TDVF_HEAD = 16, TDVF_SECTION = 32 };
enum { TDVF_ADDED_MAX = 256 << 20 }; /* of one section: each page is a step of MRTD */
enum { TDVF_MR_EXTEND = 1 << 0, TDVF_PAGE_AUG = 1 << 1 }; /* attributes */

enum tdvf_type {
    TDVF_BFV = 0, /* boot firmware volume: code */
    TDVF_CFV = 1, /* configuration firmware volume: variables */
    TDVF_TD_HOB = 2,
    TDVF_TEMP_MEM = 3,
    /* td-shim, documentation/tdshim_spec.md */
    TDVF_PERM_MEM = 4,
    TDVF_PAYLOAD = 5,
    TDVF_PAYLOAD_PARAM = 6,
};
struct tdvf_section {
    uint32_t offset, raw; /* of its bytes in the file; raw 0: none, zeros */
    uint64_t gpa, size;   /* multiples of OVMF_PAGE */
    enum tdvf_type type;
    uint32_t attributes;
};
struct tdvf {
    struct selfsame_bytes file;
    struct tdvf_section section[TDVF_SECTIONS];
    size_t section_count;
};
/* UNSUPPORTED for an image without TDX metadata. */
MUST enum selfsame_code tdvf_parse(
    struct selfsame_bytes file, struct tdvf *ret, struct selfsame_err *e);
const char *tdvf_type_name(enum tdvf_type type); /* "BFV" */
/* One whose table names TDX metadata; for `show`. */
bool tdvf_recognise(struct selfsame_bytes file);

#endif
