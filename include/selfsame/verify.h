/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFY_H
#define SELFSAME_VERIFY_H

/*
 * Verify evidence: bytes of a TEE in, a result with named checks out.
 *
 * Verification is pure. It reads no clock, file, network or environment: the
 * time, the challenge and the trust anchors are arguments. A verifier holds
 * trust anchors and a bounded cache of certificates already verified; it may be
 * shared by threads. A request holds what the relying party knows of this one
 * exchange; it belongs to one thread. Nothing is optional by omission: a
 * request without a time, a policy without measurements, freshness or binding
 * is refused, and every way to weaken one is a selfsame_policy_insecure_ call.
 *
 *     struct selfsame_err err = { 0 };
 *     struct selfsame_verifier *v;
 *     struct selfsame_request *q;
 *     struct selfsame_result *r = NULL;
 *     enum selfsame_code code;
 *
 *     if (selfsame_verifier_new(&v, &err) || selfsame_request_new(&q, &err))
 *         return err.code;
 *     selfsame_request_set_time(q, (int64_t)time(NULL) * 1000);
 *     selfsame_request_set_nonce(q, nonce);
 *     selfsame_request_expect_key(q, spki);
 *     code = selfsame_verify(v, policy, q, evidence, &r, &err);
 *     if (code == SELFSAME_OK)
 *         puts("talking to the code we audited");
 *     selfsame_result_free(r);
 *     selfsame_request_free(q);
 *     selfsame_verifier_free(v);
 *
 * Views given to setters are copied; `evidence` need only live for the call.
 * Evidence: raw vendor bytes, or a CMW record or collection (JSON or CBOR). The
 * policy picks the verifier, never the evidence.
 */
#include <selfsame/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct selfsame_verifier;
struct selfsame_policy;
struct selfsame_request;
struct selfsame_result;

/* With the vendors' pinned roots and a certificate cache of 1,024 entries. NOMEM. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_verifier_new(
    struct selfsame_verifier **ret, struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_verifier_free(struct selfsame_verifier *v);

/*
 * Adds a root (one DER certificate) for a TEE ("nitro"). The first call for a
 * TEE replaces its pinned roots; verdicts then say so. USAGE, MALFORMED, NOMEM.
 * Not to be called while other threads verify.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_verifier_add_anchor(
    struct selfsame_verifier *v, const char *tee, struct selfsame_bytes der,
    struct selfsame_err *err);
/*
 * Certificates, certificate tables and CRLs (DER or PEM) for evidence that does not
 * carry them: AMD's VCEK, chain and CRL for SEV-SNP; or an envelope (CMW) of them, as
 * `selfsame collateral` writes. They are judged, never trusted. At most 1,024 different pieces,
 * 1 MiB a call. USAGE, MALFORMED (an envelope without endorsements), NOMEM. Not while other threads verify.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_verifier_add_collateral(
    struct selfsame_verifier *v, struct selfsame_bytes collateral,
    struct selfsame_err *err);
/* 0 turns the certificate cache off. Not while other threads verify. NOMEM. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_verifier_set_cache(
    struct selfsame_verifier *v, size_t entries, struct selfsame_err *err);

SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_request_new(
    struct selfsame_request **ret, struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_request_free(struct selfsame_request *q);
/* Now, in milliseconds since 1970. */
SELFSAME_API void selfsame_request_set_time(struct selfsame_request *q, int64_t now_ms);
/* Verify as of another time: the result says `as_of` and is never "affirming". */
SELFSAME_API void selfsame_request_set_as_of(struct selfsame_request *q, int64_t at_ms);
/* The challenge sent, 8..512 bytes. */
SELFSAME_API void selfsame_request_set_nonce(
    struct selfsame_request *q, struct selfsame_bytes nonce);
/* The key (DER SubjectPublicKeyInfo) the evidence must be about: key-level binding. */
SELFSAME_API void selfsame_request_expect_key(
    struct selfsame_request *q, struct selfsame_bytes spki);
/*
 * The TLS session the evidence must be about: the attest request as sent, the
 * exporter value (32 bytes) and the server's SubjectPublicKeyInfo. Session-level.
 */
SELFSAME_API void selfsame_request_expect_session(struct selfsame_request *q,
    struct selfsame_bytes attest_request, struct selfsame_bytes exporter,
    struct selfsame_bytes spki);
/* Exact report data (Nitro user_data), for attesters with conventions of their own: key-level. */
SELFSAME_API void selfsame_request_expect_report_data(
    struct selfsame_request *q, struct selfsame_bytes data);

/*
 * Verifies and appraises. Returns the class: SELFSAME_OK only when every check
 * passed. *ret is set whenever the evidence could be judged, also when it was
 * refused (the caller frees it); on USAGE, NOMEM and INTERNAL it is untouched.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_verify(
    struct selfsame_verifier *v, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_bytes evidence,
    struct selfsame_result **ret, struct selfsame_err *err);

/*
 * The same of evidence inside an X.509 certificate (RA-TLS; one certificate, DER). It must
 * be about the certificate's key; that is all it is bound to, and of a nonce it can know
 * nothing, unless its own claims name one. The request may name that key, and neither a
 * session nor report data (USAGE). `key_proven`: a TLS handshake ended with this
 * certificate; false: it must be signed by its own key. Dates and names in it are
 * not looked at.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_verify_certificate(
    struct selfsame_verifier *v, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_bytes der, bool key_proven,
    struct selfsame_result **ret, struct selfsame_err *err);

#ifdef __cplusplus
}
#endif

#endif
