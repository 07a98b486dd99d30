/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_GRAMINE_H
#define SELFSAME_GRAMINE_H

#include "image/sigstruct.h"
#include "tee/sgx/image.h"

/*
 * An enclave of Gramine from its manifest and libpal.so, as gramine-sgx-sign lays it
 * out (gramineproject/gramine @ ff71d7a, python/graminelibos/sgx_sign.py; the sizes
 * from pal/src/host/linux-sgx: pal_linux_defs.h, pal_tcb.h, sgx_arch.h). v1.6 to v1.9
 * agree on all of it but what README.md lists.
 */
enum {
    GRAMINE_SSA_FRAME_PAGES = 4,
    GRAMINE_SSA_FRAMES = 2,      /* of a thread */
    GRAMINE_STACK_PAGES = 64,    /* likewise */
    GRAMINE_SIGSTACK_PAGES = 16, /* likewise */
    GRAMINE_HEAP_MIN = 0x10000,
    GRAMINE_THREADS_MAX = 4096,
    GRAMINE_MANIFEST_MAX = 64 << 20,
};

struct gramine_file {
    const char *uri; /* "file:rootfs/init" */
    uint8_t sha256[32];
};
struct gramine_manifest {
    struct selfsame_bytes raw;
    uint64_t enclave_size;
    unsigned max_threads;
    bool edmm, debug, exinfo;
    uint16_t isv_prod_id, isv_svn;
    uint64_t xfrm, xfrm_mask; /* as cpu_features say */
    bool remote_attestation;  /* "dcap" */
    const char *entrypoint;   /* libos.entrypoint; NULL: none */
    const char *libos;        /* loader.entrypoint.uri; NULL: none */
    bool has_libos_sha256;
    uint8_t libos_sha256[32];
    const struct gramine_file *trusted; /* sorted by uri */
    size_t trusted_count, allowed_count;
    const char *file_policy; /* sgx.file_check_policy; NULL: strict */
};
/*
 * In the arena, and views into it. MALFORMED; UNSUPPORTED for a manifest that is not
 * yet signed: a trusted file without digest (a .manifest, not a .manifest.sgx), and for
 * members that older releases had and that would change what is measured.
 */
MUST enum selfsame_code gramine_manifest_parse(struct selfsame_bytes in,
    struct arena *arena, struct gramine_manifest *ret, struct selfsame_err *e);
/* A manifest of Gramine looks like one: text with a member of it; for `show`. */
bool gramine_manifest_recognise(struct selfsame_bytes in);
/* NULL: the enclave may not open it. */
const struct gramine_file *gramine_trusted(
    const struct gramine_manifest *m, struct selfsame_bytes uri);

/* UNSUPPORTED, MALFORMED for libpal; USAGE when the enclave is too small for it. */
MUST enum selfsame_code gramine_mrenclave(const struct gramine_manifest *m,
    struct selfsame_bytes libpal, uint8_t ret[static 32], struct selfsame_err *e);
/* What its SIGSTRUCT says beside MRENCLAVE, date and vendor. */
void gramine_sigstruct(const struct gramine_manifest *m, struct sigstruct *ret);

#endif
