/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SGX_COLLECT_H
#define SELFSAME_SGX_COLLECT_H

#include "tee/sgx/sgx.h"
#include "tee/shared/configfs_tsm.h"

/*
 * Quotes through Gramine's files (gramineproject/gramine,
 * libos/src/fs/dev/attestation.c): the report data that was written last, by whichever
 * thread, is what the next quote is about. A write that is shorter is padded with zeros
 * and a longer one cut, both without a word; all that fails is EACCES.
 */
#define SGX_DIR "/dev/attestation"
enum { SGX_QUOTE_MAX = 64 << 10 }; /* Gramine's are 8192 at most */

/* collect.c with the enclave's files as an argument, for tests. */
struct sgx_guest {
    const struct tsm_io *files;
    /* Against other processes that ask, where there can be any: a descriptor, or -1. */
    int (*lock)(void *ctx, const char *path);
    void (*unlock)(void *ctx, int held);
};
MUST enum selfsame_code sgx_collect(const struct sgx_guest *g,
    const struct tee_report_request *q, struct arena *arena, struct tee_collected *ret,
    struct selfsame_err *e);
bool sgx_present(const struct sgx_guest *g, const char *device);
/* Whether Gramine was told to attest by DCAP. A quote is not asked for. */
size_t sgx_look(
    const struct sgx_guest *g, struct tee_host_fact ret[static TEE_GUEST_FACTS]);

#endif
