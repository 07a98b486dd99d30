/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_KBS_H
#define SELFSAME_KBS_H

#include "codec/json.h"
#include "crypto/envelope.h"

/*
 * Messages of the Trustee KBS protocol 0.4.0 (docs/kbs.md): what its clients send, as
 * evidence of ours. Names and forms are those of confidential-containers/trustee,
 * guest-components and virtee/kbs-types. Pure.
 *
 *   kbs.c           requests, and what report data is a hash of
 *   kbs_evidence.c  evidence in JSON → the bytes that the hardware signed
 */
enum kbs_tee { KBS_NONE = 0, KBS_SNP, KBS_TDX, KBS_SGX };
const char *kbs_tee_word(enum kbs_tee t);
#define KBS_PROFILE "tag:github.com,2024:confidential-containers/Trustee"
enum { KBS_REPORT_DATA = 64 };

/* POST /auth: UNSUPPORTED: another version, a TEE that is none of these. */
MUST enum selfsame_code kbs_auth_read(
    const json_t *body, enum kbs_tee *ret, struct selfsame_err *e);

/* POST /attest; borrowed from the JSON, but for `to`. */
struct kbs_attest {
    struct selfsame_bytes nonce, additional; /* texts, as they are */
    const json_t *tee_pubkey, *primary;
    struct envelope_to to;
};
/*
 * MALFORMED, UNSUPPORTED. Of the key no member but those that count is let pass, for the
 * hash is over these; evidence of devices ("additional_evidence") is UNSUPPORTED unless "".
 */
MUST enum selfsame_code kbs_attest_read(const json_t *body, struct arena *arena,
    struct kbs_attest *ret, struct selfsame_err *e);
/* {"alg":…,…} of a key that kbs_attest_read has seen; a new reference; NULL: no memory. */
MUST json_t *kbs_key_json(const json_t *tee_pubkey);

/* SHA-384 of the RFC 8785 form of the runtime data, and zeros. */
MUST enum selfsame_code kbs_report_data(const struct kbs_attest *a, struct arena *arena,
    uint8_t ret[static KBS_REPORT_DATA], struct selfsame_err *e);
/* The text that is hashed, in the arena. */
MUST enum selfsame_code kbs_runtime_data(const struct kbs_attest *a,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

/* A CMW (CBOR) of the evidence and what endorses it. */
MUST enum selfsame_code kbs_evidence(enum kbs_tee t, const json_t *primary,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
