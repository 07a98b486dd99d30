/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_NITRO_H
#define SELFSAME_NITRO_H

#include "codec/cose.h"
#include "tee/shared/host.h"

/*
 * AWS Nitro Enclaves. Formats: aws-nitro-enclaves-nsm-api docs/attestation_process.md
 * (the document), the same repository's src/api/mod.rs (the device), README.md here.
 */
enum {
    NITRO_DOC_MAX = 32768,     /* ours; real ones are below 6 KiB */
    NITRO_PAYLOAD_MAX = 16384, /* attestation_process.md §3.1 */
    NITRO_PCRS = 32,
    NITRO_PCR_SIZE = 48,          /* SHA-384 is the only digest accepted */
    NITRO_FIELD_MAX = 1024,       /* certificate, user_data, nonce, public_key */
    NITRO_BUNDLE_MAX = CHAIN_MAX, /* root, then at most 7 above the leaf */
    NITRO_SIG_SIZE = 96,
    NITRO_MODULE_ID_MAX = 128,
};

/* An attestation document as bytes say; nothing is believed. Views into the input. */
struct nitro_doc {
    struct cose_sign1 cose;
    struct selfsame_bytes module_id;
    uint64_t timestamp_ms;
    uint32_t pcr_mask; /* bit n: PCR n is there */
    struct selfsame_bytes pcr[NITRO_PCRS];
    struct selfsame_bytes root;   /* cabundle[0], as claimed by the document */
    struct cert chain[CHAIN_MAX]; /* cabundle[1] …, the leaf last */
    size_t chain_count;
    struct selfsame_bytes public_key, user_data, nonce; /* null or absent: ptr NULL */
};

/* parse.c: MALFORMED, or UNSUPPORTED for what is well formed and refused. */
MUST enum selfsame_code nitro_parse(
    struct selfsame_bytes in, struct nitro_doc *ret, struct selfsame_err *e);
bool nitro_recognise(struct selfsame_bytes in);
/* Text of a document for a message: cut, and nothing in it a terminal would obey. */
enum { NITRO_QUOTED = 72 };
const char *nitro_quoted(struct selfsame_bytes text, char ret[static NITRO_QUOTED]);
const char *nitro_pcr_path(unsigned index); /* "pcr.8" */
/* PCR index of a claim path; false when it is none. */
bool nitro_pcr_index(const char *path, unsigned *ret);

/* pcr.c: PCR' = SHA-384(PCR || data), any length of data; false: out of memory. */
MUST bool nitro_pcr_extend(
    uint8_t pcr[static NITRO_PCR_SIZE], struct selfsame_bytes data);

/*
 * nsm.c: the messages of /dev/nsm, for the client (collect.c) and the simulated
 * device (simulate.c). Requests are one CBOR item, "externally tagged":
 * "DescribeNSM" or {"ExtendPCR": {"index": 3, "data": h'..'}}.
 */
enum { NSM_REQUEST_MAX = 0x1000, NSM_RESPONSE_MAX = 0x3000, NSM_RANDOM = 256 };
enum nsm_op {
    NSM_NONE = 0,
    NSM_DESCRIBE_NSM,
    NSM_GET_RANDOM,
    NSM_DESCRIBE_PCR,
    NSM_EXTEND_PCR,
    NSM_LOCK_PCR,
    NSM_LOCK_PCRS,
    NSM_ATTESTATION,
};
const char *nsm_op_word(enum nsm_op op); /* "ExtendPCR" */
struct nsm_request {
    enum nsm_op op;
    uint64_t index; /* DescribePCR, ExtendPCR, LockPCR; LockPCRs: range */
    struct selfsame_bytes data;
    struct selfsame_bytes user_data, nonce, public_key; /* absent: null */
};
void nsm_request_put(struct writer *w, const struct nsm_request *q);
MUST enum selfsame_code nsm_request_parse(
    struct selfsame_bytes in, struct nsm_request *ret, struct selfsame_err *e);

struct nsm_response {
    const char *error; /* a name of the protocol, NULL: success */
    enum nsm_op op;
    struct selfsame_bytes bytes; /* random, data, document */
    bool lock;                   /* DescribePCR */
    uint64_t version[3], max_pcrs;
    uint32_t locked; /* mask */
    struct selfsame_bytes module_id;
};
void nsm_response_put(struct writer *w, const struct nsm_response *r);
/* `op` is what was asked. An {"Error": name} becomes its class, the name in the sentence. */
MUST enum selfsame_code nsm_response_parse(struct selfsame_bytes in, enum nsm_op op,
    struct nsm_response *ret, struct selfsame_err *e);

/* roots/: one DER certificate per file. */
extern const uint8_t nitro_root_aws_g1[533], nitro_root_simulated[558];

/* The roles. */
extern const struct tee_verifier nitro_verifier;
extern const struct tee_measurer nitro_measurer;
extern const struct tee_attester nitro_attester;
extern const struct tee_launcher nitro_launcher;

/* launch.c with the host's files below `root` ("" for this host), for tests. */
MUST enum selfsame_code nitro_host_facts(const struct tee_host *host,
    const struct tee_launch_request *q, struct arena *arena, struct tee_host_fact **ret,
    size_t *ret_count, struct selfsame_err *e);
MUST enum selfsame_code nitro_host_launch(const struct tee_host *host,
    const struct tee_launch_request *q, struct selfsame_err *e);

#endif
