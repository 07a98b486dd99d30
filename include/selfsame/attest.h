/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_ATTEST_H
#define SELFSAME_ATTEST_H

/*
 * Inside the TEE: collect evidence (library libselfsame-attest).
 *
 * Report data is always a hash computed here, with the role and a prefix of our
 * own (docs/formats/binder.md); there is no call that signs bytes chosen by a
 * caller, so a workload cannot be made to vouch for a foreign channel. Evidence
 * comes back as a CMW record (CBOR), freed with selfsame_free. An attester may
 * be shared by threads: calls are serialised.
 *
 *     struct selfsame_attester *a;
 *     struct selfsame_err err = { 0 };
 *     uint8_t *cmw;
 *     size_t len;
 *
 *     if (selfsame_attester_open(NULL, &a, &err) ||
 *         selfsame_attest_key(a, nonce, spki, &cmw, &len, &err))
 *         return err.code;
 *     selfsame_free(cmw);
 *     selfsame_attester_close(a);
 */
#include <selfsame/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct selfsame_attester;

/* Finds the TEE of this machine; `device` names another path for its device, or NULL. IO, UNSUPPORTED. */
SELFSAME_API_PLAIN SELFSAME_MUST_CHECK enum selfsame_code selfsame_attester_open(
    const char *device, struct selfsame_attester **ret, struct selfsame_err *err);
SELFSAME_API_PLAIN void selfsame_attester_close(struct selfsame_attester *a);
SELFSAME_API const char *selfsame_attester_tee(const struct selfsame_attester *a);

/* Evidence about a key (DER SubjectPublicKeyInfo; absent: about no key) for a nonce of 8..512 bytes. */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_attest_key(
    struct selfsame_attester *a, struct selfsame_bytes nonce,
    struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
    struct selfsame_err *err);

/*
 * Evidence about this TLS session, seen from its server: the attest request as
 * received, its nonce, the exporter value (32 bytes), the server's own key.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_attest_session(
    struct selfsame_attester *a, struct selfsame_bytes attest_request,
    struct selfsame_bytes nonce, struct selfsame_bytes exporter,
    struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
    struct selfsame_err *err);

/*
 * Extends a register of the running TEE by a digest of what is about to be used, so that
 * evidence from then on tells of it: TDX's RTMRs, 0 to 3 and 48 bytes, of which 3 is left
 * to applications. Cannot be undone, and is never done twice. The value afterwards goes
 * to `ret`. UNSUPPORTED where the TEE or its kernel has no such register; nothing was
 * measured then, and whoever relies on it has to stop.
 */
enum { SELFSAME_REGISTER = 48 };
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_attest_extend(
    struct selfsame_attester *a, unsigned index, struct selfsame_bytes digest,
    uint8_t ret[SELFSAME_REGISTER], struct selfsame_err *err);

/*
 * Evidence to be put into a certificate of this key (docs/formats/ratls.md), where no
 * nonce can be. It says nothing of when: make it anew before it gets old.
 */
SELFSAME_API SELFSAME_MUST_CHECK enum selfsame_code selfsame_attest_certificate(
    struct selfsame_attester *a, struct selfsame_bytes spki, uint8_t **ret,
    size_t *ret_len, struct selfsame_err *err);

#ifdef __cplusplus
}
#endif

#endif
