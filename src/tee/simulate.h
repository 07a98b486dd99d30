/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SIMULATE_H
#define SELFSAME_SIMULATE_H

#include "tee/tee.h"

/*
 * The simulator's role: evidence in a vendor's format under a root of our own,
 * with every defect on request, so that users can test their own policies.
 * Marked as simulated in signed places (module_id "sim-…", family_id "SIMULATED",
 * certificate subjects).
 */
/* Bits of sim_subject.defects; bits 32 and up are a simulator's own (its `words`). */
#define SIM_DEBUG (UINT64_C(1) << 0)   /* all-zero measurements */
#define SIM_EXPIRED (UINT64_C(1) << 1) /* leaf expired an hour ago */
#define SIM_FUTURE (UINT64_C(1) << 2)  /* timestamp and leaf lie in the future */
#define SIM_WRONG_NONCE (UINT64_C(1) << 3)
#define SIM_NO_NONCE (UINT64_C(1) << 4)
#define SIM_WRONG_BINDING (UINT64_C(1) << 5) /* other report data */
#define SIM_BAD_SIGNATURE (UINT64_C(1) << 6)
#define SIM_BAD_CHAIN_SIGNATURE (UINT64_C(1) << 7)
#define SIM_WRONG_ORDER (UINT64_C(1) << 8) /* certificate bundle reversed */
#define SIM_OTHER_ROOT (UINT64_C(1) << 9)  /* a root nobody pinned */
#define SIM_CA_SIGNS (UINT64_C(1) << 10)   /* signed by the instance CA */
#define SIM_WRONG_ALG (UINT64_C(1) << 11)
#define SIM_TRAILING_BYTE (UINT64_C(1) << 12)
#define SIM_DUPLICATE_KEY (UINT64_C(1) << 13)
#define SIM_TAGGED (UINT64_C(1) << 14)     /* not a defect: COSE tag 18 in front */
#define SIM_INDEFINITE (UINT64_C(1) << 15) /* not a defect: indefinite-length maps */
#define SIM_TRUNCATED (UINT64_C(1) << 16)
#define SIM_UNPROTECTED_ALG (UINT64_C(1) << 17)
#define SIM_SHORT_PCR (UINT64_C(1) << 18) /* 32-byte PCRs */
#define SIM_NITROTPM (UINT64_C(1) << 19)  /* nitrotpm_pcrs instead of pcrs */
#define SIM_REVOKED (UINT64_C(1) << 20)   /* the intermediate is on the root's CRL */
#define SIM_NO_CRL (UINT64_C(1) << 21)
#define SIM_STALE_CRL (UINT64_C(1) << 22)  /* its next update was an hour ago */
#define SIM_FUTURE_CRL (UINT64_C(1) << 23) /* of tomorrow */
#define SIM_OTHER_CHIP (UINT64_C(1) << 24) /* certificate of another chip */
#define SIM_OTHER_TCB (UINT64_C(1) << 25)  /* certificate of another TCB */
#define SIM_NO_LEAF (UINT64_C(1) << 26)    /* the signer's certificate is missing */
#define SIM_UNSIGNED (UINT64_C(1) << 27)   /* says that nobody signed it */
#define SIM_RESERVED (UINT64_C(1) << 28)   /* a reserved byte is set */
struct sim_word {
    uint64_t bit;
    const char *word; /* "bad-signature" */
};
struct tee_simulator;
const char *sim_defect_word(const struct tee_simulator *sim, uint64_t bit);
/* 0: this simulator knows no such word. */
uint64_t sim_defect_from_word(const struct tee_simulator *sim, const char *word);

struct sim_pki;                   /* root + what hangs below it, made at a time */
struct sim_subject {              /* what is attested, and how */
    const struct claim *measured; /* "pcr.0" … from tee_measurer */
    size_t measured_count;
    uint64_t defects;
    const char *const *settings; /* "vmpl=1" */
    size_t setting_count;
};
struct sim_quote_request {
    int64_t now_ms;
    struct sim_subject subject;
    struct selfsame_bytes nonce, report_data, public_key; /* ptr NULL: null */
};
struct sim_file { /* "tcb_info.json" */
    const char *name;
    struct selfsame_bytes bytes;
};
struct tee_simulator {
    const char *name;
    uint64_t defects;             /* those that this evidence can have */
    const struct sim_word *words; /* for its own; ends with word NULL; NULL: none */
    size_t digest_size;           /* of measured values, 0: 48 */
    bool has_settings;            /* takes sim_subject.settings */
    /* root NULL: the well-known simulator root, whose private key is public on purpose. */
    enum selfsame_code (*pki)(struct selfsame_bytes root_pem_with_key, int64_t now_ms,
        struct sim_pki **ret, struct selfsame_err *e);
    void (*pki_free)(struct sim_pki *p);
    /* A new root: its certificates and private keys as PEM in the arena. */
    enum selfsame_code (*new_root)(
        int64_t now_ms, struct arena *arena, char **ret_pem, struct selfsame_err *e);
    enum selfsame_code (*quote)(struct sim_pki *p, const struct sim_quote_request *q,
        struct arena *arena, struct tee_collected *ret, struct selfsame_err *e);
    /*
     * What the vendor's service knows of this machine, as files for --collateral; all
     * that depends on neither quote nor guest. NULL: evidence carries all of it.
     */
    enum selfsame_code (*collateral)(const struct sim_pki *p, int64_t now_ms,
        const struct sim_subject *subject, struct arena *arena, struct sim_file **ret,
        size_t *ret_count, struct selfsame_err *e);
    /*
     * The device as the guest sees it: one request message in, one response out
     * (/dev/nsm: CBOR; /dev/sev-guest: what its ioctl
     * passes; SGX and TDX: shared/dcap_device.h). The state keeps what
     * the guest changes (PCR extensions, locks).
     */
    enum selfsame_code (*device_new)(struct sim_pki *p,
        const struct sim_subject *subject, void **ret_state, struct selfsame_err *e);
    void (*device_free)(void *state);
    enum selfsame_code (*device_call)(void *state, int64_t now_ms,
        struct selfsame_bytes request, struct arena *arena, struct selfsame_bytes *ret,
        struct selfsame_err *e);
};
const struct tee_simulator *tee_simulator_find(const char *name);
const struct tee_simulator *tee_simulator_at(size_t i); /* NULL past the end */
/* USAGE names what this TEE's evidence cannot have. */
MUST enum selfsame_code sim_subject_check(const struct tee_simulator *sim,
    const struct sim_subject *subject, struct selfsame_err *e);

#endif
