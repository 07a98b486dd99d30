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
enum sim_defect {
    SIM_DEBUG = 1u << 0,   /* all-zero measurements */
    SIM_EXPIRED = 1u << 1, /* leaf expired an hour ago */
    SIM_FUTURE = 1u << 2,  /* timestamp and leaf lie in the future */
    SIM_WRONG_NONCE = 1u << 3,
    SIM_NO_NONCE = 1u << 4,
    SIM_WRONG_BINDING = 1u << 5, /* other report data */
    SIM_BAD_SIGNATURE = 1u << 6,
    SIM_BAD_CHAIN_SIGNATURE = 1u << 7,
    SIM_WRONG_ORDER = 1u << 8, /* certificate bundle reversed */
    SIM_OTHER_ROOT = 1u << 9,  /* a root nobody pinned */
    SIM_CA_SIGNS = 1u << 10,   /* signed by the instance CA */
    SIM_WRONG_ALG = 1u << 11,
    SIM_TRAILING_BYTE = 1u << 12,
    SIM_DUPLICATE_KEY = 1u << 13,
    SIM_TAGGED = 1u << 14,     /* not a defect: COSE tag 18 in front */
    SIM_INDEFINITE = 1u << 15, /* not a defect: indefinite-length maps */
    SIM_TRUNCATED = 1u << 16,
    SIM_UNPROTECTED_ALG = 1u << 17,
    SIM_SHORT_PCR = 1u << 18, /* 32-byte PCRs */
    SIM_NITROTPM = 1u << 19,  /* nitrotpm_pcrs instead of pcrs */
    SIM_REVOKED = 1u << 20,   /* the intermediate is on the root's CRL */
    SIM_NO_CRL = 1u << 21,
    SIM_STALE_CRL = 1u << 22,  /* its next update was an hour ago */
    SIM_FUTURE_CRL = 1u << 23, /* of tomorrow */
    SIM_OTHER_CHIP = 1u << 24, /* certificate of another chip */
    SIM_OTHER_TCB = 1u << 25,  /* certificate of another TCB */
    SIM_NO_LEAF = 1u << 26,    /* the signer's certificate is missing */
    SIM_UNSIGNED = 1u << 27,   /* says that nobody signed it */
    SIM_RESERVED = 1u << 28,   /* a reserved byte is set */
};
const char *sim_defect_word(unsigned bit);       /* "bad-signature" */
unsigned sim_defect_from_word(const char *word); /* 0: unknown */

struct sim_pki;                   /* root + what hangs below it, made at a time */
struct sim_subject {              /* what is attested, and how */
    const struct claim *measured; /* "pcr.0" … from tee_measurer */
    size_t measured_count;
    unsigned defects;
    const char *const *settings; /* "vmpl=1" */
    size_t setting_count;
};
struct sim_quote_request {
    int64_t now_ms;
    struct sim_subject subject;
    struct selfsame_bytes nonce, report_data, public_key; /* ptr NULL: null */
};
struct tee_simulator {
    const char *name;
    unsigned defects;  /* those that this evidence can have */
    bool has_settings; /* takes sim_subject.settings */
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
     * The device as the guest sees it: one request message in, one response out
     * (/dev/nsm: CBOR; /dev/sev-guest: what its ioctl passes). The state keeps what
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
