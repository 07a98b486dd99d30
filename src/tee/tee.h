/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEE_H
#define SELFSAME_TEE_H

#include "base/checks.h"
#include "base/claims.h"
#include "base/rules.h"
#include "crypto/x509.h"

/*
 * A TEE is a folder; its roles are const structs, each defined in the file that
 * implements it and listed by one line in a table (verifiers.def, measurers.def,
 * attesters.def, launchers.def, simulators.def). A role a TEE lacks is not listed.
 */

/* A root: DER, and whether it is the simulator's. */
struct tee_anchor {
    const char *tee; /* "nitro" */
    struct selfsame_bytes der;
    bool simulated;
};

/* Everything verification may depend on; no clock, no network, no files. */
struct tee_trust {
    int64_t now_s;
    const struct tee_anchor *anchors; /* of this TEE only */
    size_t anchor_count;
    bool any_anchor; /* given by the caller instead of the pinned ones */
    const struct selfsame_bytes *collateral;
    size_t collateral_count;
    struct cert_cache *cache; /* or NULL */
};

/* Collateral wanted for one piece of evidence, by name and URL. */
struct tee_need {
    const char *name;
    const char *url;
};

/*
 * Pure. Writes the checks parse, chain, revocation, signature, tcb; on success and
 * also when a check failed after parsing, *ret holds the claims (`authentic` only
 * when chain and signature hold). Returns the class of the first failing check.
 */
struct tee_verifier {
    const char *name;               /* "nitro" */
    const char *const *media_types; /* the one we write first; NULL-terminated */
    const char *const *pins;  /* claim paths a measurement must name: pins_named */
    const char *const *zeros; /* those that a measurement may expect to be all zero */
    const struct tee_anchor *anchors;
    size_t anchor_count;
    const struct tee_rule *rules; /* options a policy may set for this TEE */
    size_t rule_count;
    const struct tee_advice *advice; /* of measurements that are weak */
    size_t advice_count;
    bool (*recognise)(struct selfsame_bytes evidence); /* for `show`; never for trust */
    enum selfsame_code (*needs)(struct selfsame_bytes evidence, struct arena *arena,
        struct tee_need **ret, size_t *ret_count, struct selfsame_err *e);
    enum selfsame_code (*verify)(struct selfsame_bytes evidence,
        const struct tee_trust *trust, struct arena *arena, struct checks *checks,
        struct selfsame_claims *ret, struct selfsame_err *e);
};

/* image → expected claims; pure, one pass. */
struct tee_section {
    const char *name; /* "kernel" */
    uint64_t offset, size;
    uint8_t sha384[48];
    const char *feeds; /* "PCR0 PCR1" */
};
/* What the expected values also depend on: "vcpus", "cpu" …, and them. */
struct tee_variant {
    const struct claim *list;
    size_t count;
};
/* An event that firmware or kernel will extend a register with, of the first shape. */
struct tee_predicted {
    const char *claim, *what; /* "rtmr.1", "kernel" */
    uint8_t sha384[48];
};
struct tee_measured {
    const struct claim *list; /* "pcr.0" … in the arena; a path twice: one of these */
    size_t count;
    const struct tee_variant *shapes; /* of TEEs that have them */
    size_t shape_count;
    const struct tee_section *sections;
    size_t section_count;
    const struct tee_predicted *predicted; /* in their order; of TEEs that have them */
    size_t predicted_count;
    const char *const *notes; /* what could not be said and why; sentences */
    size_t note_count;
};
struct tee_measurer {
    const char *name;
    const char *image_kind; /* "eif" */
    const char *files; /* "image": its parts are DIR/image.kernel …; NULL: one file */
    const char *const *parts; /* these, in this order; the first has to be there */
    size_t start_parts;       /* and the first so many, to be started */
    const char *whole;        /* the part that a file given alone is: "firmware" */
    /* By its first bytes (64 are enough): a file that is for this TEE alone; or NULL. */
    bool (*recognise)(struct selfsame_bytes head);
    enum selfsame_code (*begin)(
        uint64_t size, bool explain, void **ret_state, struct selfsame_err *e);
    /* NULL: this TEE has no options, and its image is one file. USAGE for unknown names. */
    enum selfsame_code (*set)(
        void *state, const char *name, const char *value, struct selfsame_err *e);
    enum selfsame_code (*part)(
        void *state, const char *name, uint64_t size, struct selfsame_err *e);
    enum selfsame_code (*update)(
        void *state, struct selfsame_bytes piece, struct selfsame_err *e);
    enum selfsame_code (*finish)(void *state, struct arena *arena,
        struct tee_measured *ret, struct selfsame_err *e);
    void (*free)(void *state);
};

/* device → evidence. Only this and launch touch the machine. */
struct tee_report_request {
    const uint8_t
        *binder64; /* appraise/binding.h; goes where the TEE puts report data */
    struct selfsame_bytes nonce, public_key;
    const char *device; /* NULL: the usual path */
};
struct tee_collected {
    struct selfsame_bytes evidence;
    struct selfsame_bytes
        endorsement; /* what the host gave along, unsigned; or absent */
};
struct tee_host_fact {
    bool ok;
    const char *what, *found, *fix;
};
enum { TEE_REGISTER = 48 }; /* SHA-384 */
enum { TEE_GUEST_FACTS = 4 };
struct tee_attester {
    const char *name, *media_type, *endorsement_type;
    bool (*present)(const char *device);
    enum selfsame_code (*collect)(const struct tee_report_request *q,
        struct arena *arena, struct tee_collected *ret, struct selfsame_err *e);
    /*
     * Extends a register of the running TEE by a digest; its value afterwards. NULL: there
     * is none that evidence would show. USAGE for a register or a length that it has not.
     */
    enum selfsame_code (*extend)(const char *device, unsigned index,
        struct selfsame_bytes digest, uint8_t ret[static TEE_REGISTER],
        struct selfsame_err *e);
    /*
     * Where `present` says yes: what of the inside works and what is missing, as many
     * as returned, texts that stay. Nothing is measured. NULL: `present` says it all.
     */
    size_t (*look)(struct tee_host_fact ret[static TEE_GUEST_FACTS]);
};

/* A machine that the image was measured for. */
struct tee_shape {
    const char *vmm, *cpu;             /* cpu NULL: any */
    unsigned vcpus;                    /* 0: any number */
    uint64_t memory_mib;               /* 0: as much as one likes */
    struct selfsame_bytes measurement; /* or absent */
};
struct tee_port { /* of the guest, reachable at one of the host's */
    const char *address;
    uint16_t host, guest;
};
/* What whoever starts a TD may have its quotes say: MRCONFIGID, MROWNER, MROWNERCONFIG. */
enum { TEE_OWN_IDS = 3 };
extern const char *const tee_own_id_names[TEE_OWN_IDS]; /* of the options */
struct tee_launch_request {
    const char *image;               /* a file, or the directory that the build wrote */
    uint64_t image_size, memory_mib; /* 0: what the image needs */
    unsigned cpus, cid;              /* 0: default */
    const char *cpu;                 /* NULL: default */
    const struct tee_shape *shapes;
    size_t shape_count; /* 0: the measurement does not depend on it */
    const struct tee_port *ports;
    size_t port_count;
    struct selfsame_bytes id_block, id_auth;   /* SNP; absent: none */
    struct selfsame_bytes own_id[TEE_OWN_IDS]; /* TDX; absent: zeros */
    bool insecure_debug, insecure_plain_vm;
    bool emulated; /* a plain machine without KVM */
};
/* A fact about this host: what is needed, what was found, how to mend it. */
struct tee_launcher {
    const char *name;
    const char *files; /* "image": DIR/image.kernel …; NULL: one file */
    bool plain_vm;     /* can start the image without the TEE as well */
    /* Pre-flight: facts in the arena; OK when all hold, IO with cause and fix otherwise. */
    enum selfsame_code (*available)(const struct tee_launch_request *q,
        struct arena *arena, struct tee_host_fact **ret, size_t *ret_count,
        struct selfsame_err *e);
    enum selfsame_code (*launch)(
        const struct tee_launch_request *q, struct selfsame_err *e);
};

const struct tee_verifier *tee_verifier_find(const char *name);
const struct tee_verifier *tee_verifier_at(size_t i); /* NULL past the end */
const struct tee_measurer *tee_measurer_find(const char *name);
const struct tee_measurer *tee_measurer_at(size_t i);
const struct tee_attester *tee_attester_at(size_t i);
const struct tee_launcher *tee_launcher_find(const char *name);
const struct tee_launcher *tee_launcher_at(size_t i);

#endif
