/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SIGNED_ELF_H
#define SELFSAME_SIGNED_ELF_H

#include "image/elf.h"

/*
 * A signed enclave of Intel's SDK: a shared object with a note .note.sgxmeta, whose
 * metadata (intel/linux-sgx @ 90873a0, common/inc/internal/metadata.h) holds SIGSTRUCT
 * and the layout of heap, stacks and threads behind the segments.
 */
struct signed_elf {
    struct elf elf;
    struct selfsame_bytes metadata; /* with all it points to */
    struct selfsame_bytes sigstruct;
    uint64_t version, enclave_size;
    uint32_t ssa_frame_pages;
    struct selfsame_bytes patches, layout, extensions;
    bool has_elrange;
};
/* Views into the input, nothing believed. MALFORMED; UNSUPPORTED: no such note. */
MUST enum selfsame_code signed_elf_parse(
    struct selfsame_bytes in, struct signed_elf *ret, struct selfsame_err *e);
/*
 * As the SDK's loader adds it (psw/urts/loader.cpp). UNSUPPORTED: enclaves with
 * relocations in their text, with a range of their own, with a module of FIPS, and of
 * SDKs before 1.9.
 */
MUST enum selfsame_code signed_elf_mrenclave(
    const struct signed_elf *f, uint8_t ret[static 32], struct selfsame_err *e);

#endif
