/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_EIF_H
#define SELFSAME_EIF_H

#include "base/base.h"

/*
 * AWS Enclave Image Format v4 (aws-nitro-enclaves-image-format src/defs; QEMU
 * hw/core/eif.c), read in one pass in pieces of any size, and written.
 */
enum { EIF_HEADER = 548, EIF_SECTION_HEADER = 12, EIF_SECTIONS = 32 };
enum eif_type {
    EIF_KERNEL = 1,
    EIF_CMDLINE = 2,
    EIF_RAMDISK = 3,
    EIF_SIGNATURE = 4,
    EIF_METADATA = 5,
};
const char *eif_type_word(enum eif_type t); /* "kernel" */

struct eif_header {
    uint16_t version, flags; /* flags bit 0: aarch64 */
    uint64_t default_mem, default_cpus;
    uint16_t count;
    uint64_t offset[EIF_SECTIONS], size[EIF_SECTIONS];
    uint32_t crc;
};
/*
 * Strict: magic, version 4, known flags, count 1..32, sections contiguous from
 * byte 548 in table order, the last one ending at file_size; unused entries zero.
 */
MUST enum selfsame_code eif_header_parse(struct selfsame_bytes head, uint64_t file_size,
    struct eif_header *ret, struct selfsame_err *e);

/*
 * Push reader. The handler sees each section begin (offset: of its payload), the
 * payload in pieces, its end. Refused: table and section headers that differ, kernel or cmdline missing
 * or twice, no ramdisk, a second signature or metadata section, wrong CRC, bytes
 * missing or left over. A CRC is no protection: only eif_reader_end's OK says that
 * the sections were whole, and only the measurement says that they are the right ones.
 */
struct eif_handler {
    enum selfsame_code (*begin)(void *ctx, enum eif_type t, unsigned index,
        uint64_t offset, uint64_t size, struct selfsame_err *e);
    enum selfsame_code (*data)(
        void *ctx, struct selfsame_bytes piece, struct selfsame_err *e);
    enum selfsame_code (*end)(void *ctx, struct selfsame_err *e);
};
struct eif_reader {
    const struct eif_handler *handler;
    void *ctx;
    struct eif_header header;
    uint64_t file_size, at;
    uint8_t head[EIF_HEADER]; /* of the file, then of the current section */
    size_t head_len;
    unsigned index; /* current section */
    uint64_t left;  /* of its payload */
    bool in_payload, have_header;
    bool bad;                        /* latched: after an error nothing more is read */
    unsigned seen[EIF_METADATA + 1]; /* by type */
    uint32_t crc;
};
void eif_reader_init(struct eif_reader *r, uint64_t file_size,
    const struct eif_handler *handler, void *ctx);
MUST enum selfsame_code eif_reader_push(
    struct eif_reader *r, struct selfsame_bytes piece, struct selfsame_err *e);
MUST enum selfsame_code eif_reader_end(struct eif_reader *r, struct selfsame_err *e);

/* Signature section (type 4): CBOR [ { signing_certificate, signature } ], byte arrays as integers. */
struct eif_signature {
    struct selfsame_bytes certificate_pem, cose; /* in the arena */
};
MUST enum selfsame_code eif_signature_parse(struct selfsame_bytes section,
    struct arena *arena, struct eif_signature *ret, struct selfsame_err *e);

/* Writer: the sizes are known first, so the head can be written first; crc last. */
struct eif_plan {
    bool aarch64;
    uint64_t default_mem, default_cpus;
    size_t count;
    struct {
        enum eif_type type;
        uint64_t size;
    } section[EIF_SECTIONS];
};
/* The 548 header bytes with crc as given (patched in when the sections are written). */
void eif_header_write(
    const struct eif_plan *p, uint32_t crc, uint8_t ret[static EIF_HEADER]);
void eif_section_header_write(
    enum eif_type t, uint64_t size, uint8_t ret[static EIF_SECTION_HEADER]);
/* CRC over header bytes 0..543 followed by `body_len` bytes whose CRC-32 is body_crc. */
uint32_t eif_crc(const struct eif_plan *p, uint32_t body_crc, uint64_t body_len);

#endif
