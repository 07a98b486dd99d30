/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_ELF_H
#define SELFSAME_ELF_H

#include "base/base.h"

/*
 * ELF for x86-64 (System V gABI), as far as enclaves of SGX are loaded from it: program
 * headers and sections, views into the file. Everything is inside the file, segments
 * stand in ascending order and share no page.
 */
enum { ELF_SEGMENTS = 32, ELF_SECTIONS = 1024, ELF_PAGE = 4096, ELF_MAX = 256 << 20 };
enum { ELF_X = 1, ELF_W = 2, ELF_R = 4 };
struct elf_segment { /* PT_LOAD */
    uint64_t offset, vaddr, file_size, mem_size;
    unsigned flags;
};
struct elf_section {
    struct selfsame_bytes name; /* without NUL */
    uint32_t type;
    uint64_t flags, vaddr, offset, size;
    struct selfsame_bytes data; /* empty where the file has none */
};
struct elf {
    struct selfsame_bytes raw;
    uint16_t type; /* 3: shared object */
    uint64_t entry;
    struct elf_segment segment[ELF_SEGMENTS];
    size_t segment_count;
    uint64_t dynamic, dynamic_size; /* PT_DYNAMIC, addresses; 0: none */
    uint64_t tls, tls_size, tls_align;
    uint64_t sections_at;
    size_t section_count, names_index;
};
enum { ELF_SHARED = 3, ELF_NOBITS = 8 };

bool elf_recognise(struct selfsame_bytes head);
/* MALFORMED, UNSUPPORTED (not a 64-bit program for x86-64). */
MUST enum selfsame_code elf_parse(
    struct selfsame_bytes in, struct elf *ret, struct selfsame_err *e);
/* MALFORMED. */
MUST enum selfsame_code elf_section_at(
    const struct elf *f, size_t index, struct elf_section *ret, struct selfsame_err *e);
/* False: none of this name. */
MUST enum selfsame_code elf_section_find(const struct elf *f, const char *name,
    bool *ret_found, struct elf_section *ret, struct selfsame_err *e);
/* The page at `vaddr` of a segment as it is loaded, zeros where the file has nothing. */
void elf_page(const struct elf *f, const struct elf_segment *s, uint64_t vaddr,
    uint8_t ret[static ELF_PAGE]);
static inline uint64_t
elf_page_down(uint64_t v)
{
    return v & ~(uint64_t)(ELF_PAGE - 1);
}
static inline uint64_t
elf_page_up(uint64_t v)
{
    return elf_page_down(v + ELF_PAGE - 1);
}

#endif
