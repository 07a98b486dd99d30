/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_JUDGE_H
#define SELFSAME_DCAP_JUDGE_H

#include "tee/shared/dcap.h"

/* Between dcap_chain.c, dcap_collateral.c, dcap_needs.c and dcap_verify.c. */

#define DCAP_PCS "https://api.trustedservices.intel.com"
#define DCAP_ROOT_CRL \
    "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"

/* What a certificate of this world is, by its common name; everything else is none. */
enum dcap_role {
    DCAP_ROLE_NONE = 0,
    DCAP_ROLE_ROOT,
    DCAP_ROLE_CA,      /* Processor or Platform CA */
    DCAP_ROLE_PCK,     /* leaf */
    DCAP_ROLE_SIGNING, /* of TCB infos and identities */
};
enum dcap_role dcap_role_of(const struct cert *c);

/* A quote with what judges it. Pointers are NULL until found. */
enum { DCAP_CHAIN = 3 };
/* Certificates that call themselves TCB Signing and are none: no more are looked at. */
enum { DCAP_BAD_SIGNERS_MAX = 16 };
struct dcap_judged {
    const struct tee_trust *trust;
    struct arena *arena;
    struct dcap_found found;
    struct dcap_bundle bundle;
    struct cert own[DCAP_CHAIN]; /* of the quote itself */
    size_t own_count;
    enum dcap_role own_role[DCAP_CHAIN], *role; /* of the bundle's certificates */
    const struct cert *leaf, *ca, *embedded_root;
    const struct tee_anchor *anchor;
    struct cert root; /* of the anchor */
    bool intel;       /* its key is Intel's */
    /* Of every certificate of the bundle: whether it is a signer of JSON below `root`. */
    enum dcap_signer {
        DCAP_SIGNER_UNKNOWN = 0,
        DCAP_SIGNER_BAD,
        DCAP_SIGNER_GOOD
    } signer[TEE_BUNDLE_CERTS];
    size_t signers_bad;
    struct selfsame_err signer_err; /* of the first bad one */
    const struct cert *signers[4];  /* who signed what is used, each once */
    size_t signer_count;
    /* Signed JSON that holds. */
    const struct dcap_tcb_info *info;
    const struct dcap_identity *identity;
};

/* ---- dcap_chain.c ---- */
/* PCK certificate, its CA and the pinned root, wherever they come from; not verified. */
MUST enum selfsame_code dcap_chain_find(struct dcap_judged *j, struct selfsame_err *e);
MUST enum selfsame_code dcap_chain_verify(
    struct dcap_judged *j, struct selfsame_err *e);
MUST enum selfsame_code dcap_revocation_verify(
    struct dcap_judged *j, struct selfsame_err *e);
/* The certificates that the quote brings: all of them, in its order. */
MUST enum selfsame_code dcap_own_certs(const struct dcap_quote *q, struct arena *arena,
    struct cert ret[static DCAP_CHAIN], size_t *ret_count, struct selfsame_err *e);
/* SHA-256 with P-256; `code` where it does not verify. */
MUST enum selfsame_code dcap_p256_verify(struct selfsame_bytes key,
    const struct selfsame_bytes *part, size_t count, struct selfsame_bytes signature,
    struct selfsame_err *e);
/* What was given and cannot be used, behind a sentence about what is missing. */
const char *dcap_aside(const struct dcap_judged *j);
/* Keeps the earliest of what was used. */
void dcap_expires(struct dcap_judged *j, int64_t at_s);

/* ---- dcap_collateral.c ---- */
/*
 * The TCB info and the QE identity for this platform that hold at this time, and of
 * several the one with the highest evaluation number. Every failure is TCB: what does
 * not verify, or is not of this time, says nothing, and is as good as missing.
 */
MUST enum selfsame_code dcap_find_info(struct dcap_judged *j, struct selfsame_err *e);
MUST enum selfsame_code dcap_find_identity(
    struct dcap_judged *j, struct selfsame_err *e);

#endif
