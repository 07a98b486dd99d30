/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_API_INTERNAL_H
#define SELFSAME_API_INTERNAL_H

#include <selfsame/appraise.h>
#include <selfsame/log.h>
#include <selfsame/verify.h>

#include "api/memory.h"
#include "appraise/appraise.h"
#include "appraise/ratls.h"
#include "tee/tee.h"

/* What stands behind the opaque types of the public headers. */
enum {
    API_EVIDENCE_MAX = 1 << 20,
    API_ARENA = 1 << 20, /* working memory of one verification */
    API_ROOM = 3,        /* and for each byte of evidence and collateral */
    API_POLICY_ARENA = 16 << 20,
    API_NONCE_MIN = 8,
    API_NONCE_MAX = 512,
    API_REQUEST_MAX = 262144, /* attest-tls v1: largest message */
    API_SPKI_MAX = 64 << 10,
    API_TEES = 16,
    API_COLLATERAL = 1024,
    API_COLLATERAL_MAX = 1 << 20,
    API_RELEASES = 64, /* proofs in a request, and names with a sequence */
    API_RELEASE_MAX = 1 << 20,
    API_RELEASE_ARENA = 64 << 20,
    API_MEMORY_MAX = 4 << 20, /* what is remembered */
    API_MEMORY_ARENA = 16 << 20,
    API_TEXT_MAX = 4 << 20, /* files that a policy refers to */
};

/* policy.c */
struct selfsame_policy {
    struct arena arena;
    struct policy policy;
    struct prepared *prepared; /* releases_once.c; or NULL */
};
/* What the policy parser must know of the TEEs of this build; returns how many. */
size_t api_tee_facts(struct tee_facts ret[static API_TEES]);

/* verifier.c */
struct selfsame_verifier {
    struct arena arena; /* of the anchors and the collateral */
    struct tee_anchor *anchors;
    size_t anchor_count;
    struct selfsame_bytes collateral[API_COLLATERAL];
    size_t collateral_count;
    struct cert_cache *cache; /* NULL: off */
};

/* request.c: copies of what the caller gave */
struct owned {
    uint8_t *ptr;
    size_t len;
};
struct selfsame_request {
    bool has_time, has_as_of;
    int64_t now_ms, as_of_ms;
    struct owned nonce, key, attest_request, session_key, report_data;
    uint8_t exporter[32];
    bool has_session;
    /* Report data is the nonce itself, padded with zeros: fresh, and bound to no key. */
    bool nonce_in_report_data;
    bool
        covers_nonce; /* report_data is a hash over the nonce too: whoever computed it knows */
    /* Collateral for this one evidence, besides the verifier's; borrowed. */
    const struct selfsame_bytes *collateral;
    size_t collateral_count;
    struct owned releases[API_RELEASES];
    size_t release_count;
    struct {
        char *name;
        uint64_t sequence;
    } highest[API_RELEASES];
    size_t highest_count;
    struct owned memory;    /* as it was given */
    enum selfsame_code bad; /* of the first setter that could not do its work */
    const char *why;
};

/* result.c: everything in it lives in its arena or in the copy of the evidence */
struct selfsame_result {
    struct arena arena, released; /* the second of releases and what they promise */
    struct owned evidence;
    struct selfsame_release release;
    struct memory_entry *learned; /* of each release that the policy names */
    size_t learned_count;
    struct verdict verdict;
    struct selfsame_check checks[CHECK_COUNT]; /* the verdict's, as callers see them */
    struct selfsame_need *needs;
    size_t need_count;
};
MUST struct selfsame_result *result_new(struct selfsame_bytes evidence);
/* To be called once the verdict is finished. */
void result_finish(struct selfsame_result *r);

/* verify.c; for tests `fail_at` as in struct arena, or below zero: so many bytes of memory */
MUST enum selfsame_code verify_within(struct selfsame_verifier *v,
    const struct selfsame_policy *policy, const struct selfsame_request *q,
    struct selfsame_bytes evidence, long fail_at, struct selfsame_result **ret,
    struct selfsame_err *e);
MUST enum selfsame_code verify_certificate_within(struct selfsame_verifier *v,
    const struct selfsame_policy *policy, const struct selfsame_request *q,
    struct selfsame_bytes der, bool key_proven, long fail_at,
    struct selfsame_result **ret, struct selfsame_err *e);

/* evidence.c: the envelope */
struct unwrapped {
    const struct tee_verifier *verifier;
    struct selfsame_bytes evidence;
    struct selfsame_bytes *collateral; /* endorsements that came along */
    size_t collateral_count;
};
/*
 * The policy picks the verifier; a CMW's media type or the look of raw bytes
 * only chooses among the TEEs it accepts. MALFORMED, UNSUPPORTED: not readable;
 * DENIED: not of an accepted TEE; NOMEM.
 */
MUST enum selfsame_code evidence_unwrap(const struct policy *p,
    struct selfsame_bytes in, struct arena *arena, struct unwrapped *ret,
    struct selfsame_err *e);

/* certificate.c: the same of evidence in a certificate, and what it must be about */
enum api_certificate { API_BARE = 0, API_CERTIFICATE, API_CERTIFICATE_PROVEN };
MUST enum selfsame_code certificate_unwrap(const struct policy *p,
    struct selfsame_bytes der, enum api_certificate how, struct arena *arena,
    struct appraisal *in, struct unwrapped *ret, struct selfsame_err *e);

#endif
