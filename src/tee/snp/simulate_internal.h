/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SNP_SIMULATE_INTERNAL_H
#define SELFSAME_SNP_SIMULATE_INTERNAL_H

#include "tee/simulate.h"
#include "tee/snp/snp.h"

/* One simulated chip below a root: its keys, and the roots of the three product lines. */
struct sim_pki {
    struct key *ark, *ask, *leaf; /* one ARK and one ASK key for all lines */
    struct selfsame_bytes root[SNP_SIMULATED_ROOTS]; /* in `arena` */
    uint8_t chip_id[SNP_CHIP_ID_SIZE];
    struct arena arena;
};

/* What a report says besides the guest's data; by default a sound Milan. */
struct snp_setup {
    enum snp_product product;
    enum snp_signer signer;
    uint64_t version, vmpl, guest_svn, policy, platform_info;
    struct snp_tcb tcb; /* all four of a report, and the leaf's */
    uint8_t measurement[SNP_DIGEST_SIZE], host_data[32], chip_id[SNP_CHIP_ID_SIZE];
    uint8_t id_key_digest[SNP_DIGEST_SIZE], author_key_digest[SNP_DIGEST_SIZE];
    uint8_t family_id[16], image_id[16];
    uint64_t defects;
};

/* simulate_pki.c */
MUST enum selfsame_code snp_sim_pki_new(
    struct selfsame_bytes pem, struct sim_pki **ret, struct selfsame_err *e);
void snp_sim_pki_free(struct sim_pki *p);
/* New roots of all lines, and the keys of ARK and ASK, as PEM. */
MUST enum selfsame_code snp_sim_root_make(
    struct arena *arena, char **ret_pem, struct selfsame_err *e);
/* The host's certificate table for reports of this setup. */
MUST enum selfsame_code snp_sim_table(const struct sim_pki *p,
    const struct snp_setup *s, int64_t now_s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

/* simulate_report.c */
MUST enum selfsame_code snp_sim_setup(const struct sim_pki *p,
    const struct sim_subject *subject, struct snp_setup *ret, struct selfsame_err *e);
MUST enum selfsame_code snp_sim_report(const struct sim_pki *p,
    const struct snp_setup *s, struct selfsame_bytes report_data, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

/* simulate_keys.c: public on purpose, see there. */
extern const char snp_sim_ark_key[], snp_sim_ask_key[];

extern const struct tee_simulator snp_simulator;

#endif
