/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_NITRO_SIMULATE_INTERNAL_H
#define SELFSAME_NITRO_SIMULATE_INTERNAL_H

#include "tee/nitro/nitro.h"
#include "tee/simulate.h"

/* The five certificates of README.md, "Trust chain", from the root down. */
enum sim_level {
    SIM_ROOT,
    SIM_REGIONAL,
    SIM_ZONAL,
    SIM_INSTANCE,
    SIM_LEAF,
    SIM_LEVELS
};

struct sim_cert {
    struct key *key;
    uint8_t der[NITRO_FIELD_MAX];
    size_t len;
    int64_t not_after;
};

struct sim_pki {
    struct sim_cert at[SIM_LEVELS];
    char instance[32];  /* "sim-i-0123456789abcdef0" */
    char module_id[64]; /* instance + "-enc0123456789abcdef" */
    char host[17];      /* hex, as in AWS's names */
};

/* simulate_pki.c */
MUST enum selfsame_code sim_pki_new(const struct key *root_key,
    struct selfsame_bytes root_der, int64_t now_s, struct sim_pki **ret,
    struct selfsame_err *e);
void sim_pki_free(struct sim_pki *p);
/* Issues anew what ends within the minute. */
MUST enum selfsame_code sim_pki_refresh(
    struct sim_pki *p, int64_t now_s, struct selfsame_err *e);
/* The same machine with certificates that have these defects; freed by the caller. */
MUST enum selfsame_code sim_pki_spoil(const struct sim_pki *p, int64_t now_s,
    uint64_t defects, struct sim_pki **ret, struct selfsame_err *e);
MUST enum selfsame_code sim_root_make(int64_t now_s, const struct key *key,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
struct selfsame_bytes sim_cert_der(const struct sim_pki *p, enum sim_level level);

/* Time inside the leaf's validity for a document made at now_ms with these defects. */
int64_t sim_timestamp(int64_t now_ms, uint64_t defects);

/* simulate_document.c: what the hypervisor knows of an enclave. */
struct sim_registers {
    uint8_t pcr[NITRO_PCRS][NITRO_PCR_SIZE];
    uint32_t locked; /* those below 16 always are */
};
MUST enum selfsame_code sim_registers_init(struct sim_registers *r,
    const struct sim_pki *p, const struct sim_subject *subject, struct selfsame_err *e);
struct sim_document {
    const struct sim_registers *registers;
    uint64_t defects;
    int64_t now_ms;
    struct selfsame_bytes nonce, user_data, public_key;
};
MUST enum selfsame_code sim_document_make(struct sim_pki *p,
    const struct sim_document *d, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);

extern const struct tee_simulator nitro_simulator;

#endif
