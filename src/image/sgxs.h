/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SGXS_H
#define SELFSAME_SGXS_H

#include "crypto/crypto.h"
#include "image/tree.h"

/*
 * An enclave of Intel SGX as the stream of what builds it (ECREATE, EADD, EEXTEND,
 * Intel SDM volume 3D §39): records of 64 bytes, those of EEXTEND with the 256 bytes
 * they measure behind them. MRENCLAVE is the SHA-256 of this very stream. Files of
 * it (SGXS, fortanix/rust-sgx) have UNMEASRD records besides, which no hash covers.
 */
enum {
    SGX_PAGE = 4096,
    SGX_CHUNK = 256,
    SGX_RECORD = 64,
    /* One page as records: EADD and 16 times EEXTEND with its chunk. */
    SGXS_PAGE = SGX_RECORD + SGX_PAGE / SGX_CHUNK * (SGX_RECORD + SGX_CHUNK),
};
/* SECINFO.FLAGS. */
#define SGX_R UINT64_C(0x1)
#define SGX_W UINT64_C(0x2)
#define SGX_X UINT64_C(0x4)
#define SGX_TCS UINT64_C(0x100)
#define SGX_REG UINT64_C(0x200)

struct sgxs_info {
    uint64_t size;            /* of the enclave's address range */
    uint32_t ssa_frame_pages; /* SSAFRAMESIZE */
    uint64_t pages, threads /* TCS pages */, chunks /* measured */, unmeasured;
};

/* ---- reading: one pass, whatever the size ---- */

struct sgxs_reader {
    struct hash hash;
    struct sgxs_info info;
    uint8_t record[SGX_RECORD]; /* one that is split between two pieces */
    size_t fill, data_left;
    bool created, in_page, measured; /* measured: what data_left counts is hashed */
    uint64_t page, chunk;            /* last added; the least offset that may come */
    uint64_t offset;                 /* in the stream, for messages */
};
bool sgxs_recognise(struct selfsame_bytes head);
/* The reader needs sgxs_reader_free also after an error. */
MUST enum selfsame_code sgxs_reader_init(struct sgxs_reader *r, struct selfsame_err *e);
void sgxs_reader_free(struct sgxs_reader *r);
/*
 * MALFORMED: records that no processor would take, and chunks that do not follow their
 * page, which Linux never makes.
 */
MUST enum selfsame_code sgxs_reader_push(
    struct sgxs_reader *r, struct selfsame_bytes piece, struct selfsame_err *e);
MUST enum selfsame_code sgxs_reader_end(struct sgxs_reader *r,
    uint8_t ret_mrenclave[static 32], struct sgxs_info *ret, struct selfsame_err *e);

/* ---- writing ---- */

void sgxs_ecreate(
    uint8_t ret[static SGX_RECORD], uint32_t ssa_frame_pages, uint64_t size);
void sgxs_eadd(uint8_t ret[static SGX_RECORD], uint64_t offset, uint64_t flags);
/* EADD and the 16 EEXTEND of one page; contents NULL: zeros. */
void sgxs_page(uint8_t ret[static SGXS_PAGE], uint64_t offset, uint64_t flags,
    const uint8_t *contents);

/* The same, hashed at once: MRENCLAVE of an enclave that is nowhere written down. */
struct mrenclave {
    struct hash hash;
    uint64_t size;
    struct sgxs_info info;
    /* A page's records, made once: from page to page offsets and contents change. */
    uint8_t records[SGXS_PAGE];
    bool made, zeros; /* zeros: they are the contents in `records` */
};
MUST enum selfsame_code mrenclave_begin(struct mrenclave *m, uint32_t ssa_frame_pages,
    uint64_t size, struct selfsame_err *e);
/* `count` pages from `offset`; contents NULL: zeros. Not measured: presence and rights alone. */
void mrenclave_add(struct mrenclave *m, uint64_t offset, uint64_t count, uint64_t flags,
    const uint8_t *contents, bool measured);
void mrenclave_end(struct mrenclave *m, uint8_t ret[static 32]);
void mrenclave_free(struct mrenclave *m);
#define auto_mrenclave __attribute__((cleanup(mrenclave_free))) struct mrenclave

#endif
