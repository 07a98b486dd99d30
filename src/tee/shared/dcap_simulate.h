/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_SIMULATE_H
#define SELFSAME_DCAP_SIMULATE_H

#include "tee/shared/dcap.h"
#include "tee/simulate.h"

/*
 * What the simulators of SGX and TDX share: quotes in Intel's format and the collateral
 * for them, below a root of our own. Everything of one setup fits together although it is
 * made by several runs of a program: all keys but the attestation key are well known (or
 * stand in the file of --root), and so are all serial numbers.
 *
 *   dcap_simulate_setup.c   settings → struct dcap_setup
 *   dcap_simulate_pki.c     root, CA, PCK, TCB signing, CRLs
 *   dcap_simulate_json.c    TCB info and QE identity, signed
 *   dcap_simulate_quote.c   quotes
 *   dcap_simulate_keys.c    the private keys, public on purpose
 */
enum dcap_sim_key { DCAP_SIM_ROOT, DCAP_SIM_CA, DCAP_SIM_SIGNING, DCAP_SIM_PCK };
enum { DCAP_SIM_KEYS = 4 };
struct sim_pki {
    struct key *key[DCAP_SIM_KEYS];
    struct key *attestation;    /* the QE's, new each time */
    struct key *stranger;       /* of nobody, for defects */
    struct selfsame_bytes root; /* in `arena` */
    struct arena arena;
};

/* Defects that only such evidence can have: bits 32 and up of sim_subject.defects. */
#define DCAP_SIM_FOREIGN_QE (UINT64_C(1) << 32)    /* a QE of another signer */
#define DCAP_SIM_QE_HASH (UINT64_C(1) << 33)       /* the QE vouches for no key */
#define DCAP_SIM_FOREIGN_KEY (UINT64_C(1) << 34)   /* it vouches for another key */
#define DCAP_SIM_DEBUG_QE (UINT64_C(1) << 35)      /* a QE in debug mode */
#define DCAP_SIM_OTHER_VENDOR (UINT64_C(1) << 36)  /* vendor id of the QE */
#define DCAP_SIM_NESTED_LENGTH (UINT64_C(1) << 37) /* inner length over the outer */
#define DCAP_SIM_BODY_SIZE (UINT64_C(1) << 38)     /* version 5: size of another type */
#define DCAP_SIM_SIGNER_AS_LEAF (UINT64_C(1) << 39) /* TCB Signing in the PCK's place */
#define DCAP_SIM_LEAF_AS_SIGNER (UINT64_C(1) << 40) /* PCK signs the TCB info */
#define DCAP_SIM_REVOKED_LEAF (UINT64_C(1) << 41)
#define DCAP_SIM_REVOKED_SIGNER (UINT64_C(1) << 42) /* TCB Signing */
#define DCAP_SIM_FOREIGN_CRL (UINT64_C(1) << 43)    /* PCK CRL, signed by nobody */
#define DCAP_SIM_ENDLESS_CRL (UINT64_C(1) << 44)    /* without nextUpdate */
#define DCAP_SIM_NO_ROOT_CRL (UINT64_C(1) << 45)
#define DCAP_SIM_STALE_ROOT_CRL (UINT64_C(1) << 46)
#define DCAP_SIM_FOREIGN_ROOT_CRL (UINT64_C(1) << 47)
#define DCAP_SIM_NO_TCB_INFO (UINT64_C(1) << 48)
#define DCAP_SIM_STALE_TCB_INFO (UINT64_C(1) << 49)
#define DCAP_SIM_FUTURE_TCB_INFO (UINT64_C(1) << 50)
#define DCAP_SIM_BAD_TCB_SIGNATURE (UINT64_C(1) << 51)
#define DCAP_SIM_EDITED_JSON (UINT64_C(1) << 52) /* whitespace where it is signed */
#define DCAP_SIM_OTHER_FMSPC (UINT64_C(1) << 53)
#define DCAP_SIM_OTHER_PCEID (UINT64_C(1) << 54)
#define DCAP_SIM_OTHER_TEE (UINT64_C(1) << 55) /* TDX's collateral for SGX, or so */
#define DCAP_SIM_NO_LEVEL (UINT64_C(1) << 56)  /* below every level */
#define DCAP_SIM_NO_QE_IDENTITY (UINT64_C(1) << 57)
#define DCAP_SIM_STALE_QE_IDENTITY (UINT64_C(1) << 58)
#define DCAP_SIM_PROVISION_KEY (UINT64_C(1) << 59) /* SGX attribute */
#define DCAP_SIM_NO_SEPT_VE (UINT64_C(1) << 60)    /* TDX attributes */
#define DCAP_SIM_MIGRATABLE (UINT64_C(1) << 61)
#define DCAP_SIM_UNKNOWN_MODULE \
    (UINT64_C(1) << 62)                          /* TDX: no identity has its number */
#define DCAP_SIM_SEAM_SIGNER (UINT64_C(1) << 63) /* TDX: module of another signer */

/* A level of the collateral, and what is said of it. */
struct dcap_sim_level {
    char status[48], advisories[256]; /* "INTEL-SA-00615,INTEL-SA-00982" */
    int64_t date_s;
};
struct dcap_setup {
    enum dcap_tee tee;
    uint64_t version, kind; /* of quotes; enum dcap_body */
    uint64_t defects;
    /* the platform */
    bool platform_ca;
    uint8_t fmspc[DCAP_FMSPC], pceid[2], ppid[16], cpu_svn[16], instance_id[16];
    uint8_t component[DCAP_COMPONENTS];
    uint64_t pce_svn, qe_svn;
    /* its collateral */
    uint64_t tcb_version, evaluation, qe_evaluation;
    int64_t issue_s, next_s; /* 0: a day ago, for thirty days */
    struct dcap_sim_level platform, qe, module;
    /* the quote */
    uint64_t cert_type, auth_size, trailer;
    bool nul, twin, root_first;
    /* SGX */
    uint8_t mr_enclave[32], mr_signer[32], config_id[64], ext_prod_id[16],
        family_id[16];
    uint64_t misc_select, attributes, xfrm, isv_prod_id, isv_svn, config_svn;
    /* TDX */
    uint8_t tee_tcb_svn[16], tee_tcb_svn2[16], seam_attributes[8];
    uint8_t mr_seam[48], mr_signer_seam[48], mr_td[48], mr_config_id[48], mr_owner[48],
        mr_owner_config[48], rtmr[4][48], mr_service_td[48];
    uint64_t td_attributes, xfam;
};

/* ---- dcap_simulate.c: the roles of tee_simulator that both have ---- */
MUST enum selfsame_code dcap_sim_pki_new(struct selfsame_bytes pem, int64_t now_ms,
    struct sim_pki **ret, struct selfsame_err *e);
void dcap_sim_pki_free(struct sim_pki *p);
MUST enum selfsame_code dcap_sim_root_make(
    int64_t now_ms, struct arena *arena, char **ret_pem, struct selfsame_err *e);
MUST enum selfsame_code dcap_sim_collateral(enum dcap_tee tee, const struct sim_pki *p,
    int64_t now_ms, const struct sim_subject *subject, struct arena *arena,
    struct sim_file **ret, size_t *ret_count, struct selfsame_err *e);
extern const struct sim_word dcap_sim_words[];
#define DCAP_SIM_DEFECTS                                                               \
    (SIM_DEBUG | SIM_EXPIRED | SIM_FUTURE | SIM_WRONG_BINDING | SIM_BAD_SIGNATURE |    \
        SIM_BAD_CHAIN_SIGNATURE | SIM_OTHER_ROOT | SIM_CA_SIGNS | SIM_WRONG_ALG |      \
        SIM_TRUNCATED | SIM_DUPLICATE_KEY | SIM_REVOKED | SIM_NO_CRL | SIM_STALE_CRL | \
        SIM_FUTURE_CRL | SIM_NO_LEAF | SIM_RESERVED |                                  \
        (DCAP_SIM_PROVISION_KEY - DCAP_SIM_FOREIGN_QE))

/* ---- dcap_simulate_setup.c ---- */
MUST enum selfsame_code dcap_sim_setup(enum dcap_tee tee,
    const struct sim_subject *subject, struct dcap_setup *ret, struct selfsame_err *e);

/* ---- dcap_simulate_pki.c ---- */
/* The certificates of one setup, DER in the arena. */
struct dcap_sim_chain {
    struct selfsame_bytes root, ca, pck, signing;
    const struct key *root_key; /* of an unknown root, or the PKI's */
};
MUST enum selfsame_code dcap_sim_root_cert(const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code dcap_sim_chain_make(const struct sim_pki *p,
    const struct dcap_setup *s, int64_t now_s, struct arena *arena,
    struct dcap_sim_chain *ret, struct selfsame_err *e);
MUST enum selfsame_code dcap_sim_root_crl(const struct sim_pki *p,
    const struct dcap_setup *s, const struct dcap_sim_chain *c, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code dcap_sim_pck_crl(const struct sim_pki *p,
    const struct dcap_setup *s, const struct dcap_sim_chain *c, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

/* ---- dcap_simulate_json.c ---- */
MUST enum selfsame_code dcap_sim_tcb_info(const struct sim_pki *p,
    const struct dcap_setup *s, int64_t now_s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code dcap_sim_identity(const struct sim_pki *p,
    const struct dcap_setup *s, int64_t now_s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
extern const uint8_t dcap_sim_qe_signer[32]; /* MRSIGNER of simulated QEs */

/* ---- dcap_simulate_quote.c ---- */
/* The report body of an enclave, 384 bytes. */
void dcap_sim_put_sgx_body(
    struct writer *w, const struct dcap_setup *s, struct selfsame_bytes data64);
MUST enum selfsame_code dcap_sim_quote(const struct sim_pki *p,
    const struct dcap_setup *s, struct selfsame_bytes report_data, int64_t now_s,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

/* ---- dcap_simulate_keys.c: public on purpose, see there ---- */
extern const char *const dcap_sim_keys[DCAP_SIM_KEYS];

extern const struct tee_simulator sgx_simulator, tdx_simulator;

#endif
