/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SNP_LAUNCH_H
#define SELFSAME_SNP_LAUNCH_H

#include "tee/shared/qemu.h"
#include "tee/snp/snp.h"

/*
 * A machine under QEMU (docs/system/i386/amd-memory-encryption.rst): with SEV-SNP,
 * or, for development, the same image without it.
 */
enum { SNP_QEMU_MAJOR = 9, SNP_QEMU_MINOR = 1 };
struct snp_host {
    struct tee_host at;
    bool sev;                         /* the processor has leaf 0x8000001f */
    unsigned cbitpos, phys_bits_less; /* of that leaf, EBX */
};

/* launch_host.c: pre-flight. */
MUST enum selfsame_code snp_host_facts(const struct snp_host *host,
    const struct tee_launch_request *q, struct arena *arena, struct tee_host_fact **ret,
    size_t *ret_count, struct selfsame_err *e);
struct snp_host snp_this_host(void);

/* launch.c */
/* The shape asked for, or the first: USAGE when the image was not measured for it. */
MUST enum selfsame_code snp_choose_shape(
    const struct tee_launch_request *q, struct tee_shape *ret, struct selfsame_err *e);
MUST enum selfsame_code snp_host_launch(const struct snp_host *host,
    const struct tee_launch_request *q, struct selfsame_err *e);

#endif
