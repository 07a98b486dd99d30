/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SGX_ROOTFS_H
#define SELFSAME_SGX_ROOTFS_H

#include "codec/cpio.h"
#include "crypto/crypto.h"
#include "tee/sgx/gramine.h"

/*
 * The file system of an enclave against its manifest, in one pass over the archive:
 * every file has to be one that the enclave may open, with the digest it knows. Memory
 * does not depend on the size.
 */
struct rootfs {
    const struct gramine_manifest *manifest;
    struct hash hash;
    uint8_t head[CPIO_HEADER + CPIO_NAME_MAX + 4];
    size_t fill, want;               /* of head */
    uint64_t data_left, pad;         /* of the entry at hand */
    const struct gramine_file *file; /* what it has to be; NULL: no file */
    bool ended;                      /* behind a trailer: zeros, or a further archive */
    size_t files;
};
MUST enum selfsame_code rootfs_begin(
    struct rootfs *r, const struct gramine_manifest *m, struct selfsame_err *e);
/* MISMATCH: a file that is not as the manifest says; MALFORMED: no archive. */
MUST enum selfsame_code rootfs_push(
    struct rootfs *r, struct selfsame_bytes piece, struct selfsame_err *e);
MUST enum selfsame_code rootfs_end(const struct rootfs *r, struct selfsame_err *e);
void rootfs_free(struct rootfs *r);

#endif
