/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SGX_LAUNCH_H
#define SELFSAME_SGX_LAUNCH_H

#include "tee/sgx/image.h"
#include "tee/shared/host.h"

/* An enclave of SGX by gramine-sgx, of the directory that a build wrote. */
struct sgx_host {
    struct tee_host at;
    bool sgx, flexible;  /* the processor: CPUID leaf 7; launch control (FLC) */
    const char *scratch; /* where the file system is unpacked: TMPDIR */
};
struct sgx_host sgx_this_host(void);
MUST enum selfsame_code sgx_host_facts(const struct sgx_host *host,
    const struct tee_launch_request *q, struct arena *arena, struct tee_host_fact **ret,
    size_t *ret_count, struct selfsame_err *e);
MUST enum selfsame_code sgx_host_launch(const struct sgx_host *host,
    const struct tee_launch_request *q, struct selfsame_err *e);

/*
 * launch_unpack.c: a newc archive into a directory that nobody else may write. Names
 * stay inside; devices and owners are left out, Gramine has its own.
 */
MUST enum selfsame_code sgx_unpack(
    const char *archive, const char *to, struct selfsame_err *e);

#endif
