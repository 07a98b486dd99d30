/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SHOW_H
#define SELFSAME_SHOW_H

#include "base/base.h"
#include "codec/json.h"
#include "crypto/x509.h"

/*
 * What bytes say, as one JSON object for each kind; whether it is true, nobody asks here.
 * Pure: `selfsame show` prints it, the verifier's page draws it. show.c picks, the others
 * decode one kind each.
 */
bool show_is_cmw(struct selfsame_bytes in);
bool show_is_json(struct selfsame_bytes in);
bool show_is_evidence(struct selfsame_bytes in);
bool show_is_certificate(struct selfsame_bytes in);
MUST enum selfsame_code show_pem(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_cmw(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_json(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
bool show_is_quote(struct selfsame_bytes in); /* of SGX or TDX */
MUST enum selfsame_code show_evidence(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_certificate(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_any(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* dcap.c */
bool show_is_tcb_info(struct selfsame_bytes in);
bool show_is_identity(struct selfsame_bytes in);
MUST enum selfsame_code show_tcb_info(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_identity(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
/* What Intel's extension in a PCK certificate says; nothing of other certificates. */
MUST enum selfsame_code show_pck_claims(
    const struct cert *cert, struct arena *arena, json_t *into, struct selfsame_err *e);

/* ratls.c: what a certificate with evidence says, as members of its object */
MUST enum selfsame_code show_ratls(struct selfsame_bytes der, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* collateral.c */
bool show_is_crl(struct selfsame_bytes in);
MUST enum selfsame_code show_crl(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_table(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
bool show_is_id_block(struct selfsame_bytes in);
bool show_is_id_auth(struct selfsame_bytes in);
MUST enum selfsame_code show_id_block(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_id_auth(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
/* What a VCEK or VLEK says; nothing of other certificates. */
MUST enum selfsame_code show_snp_claims(
    const struct cert *cert, struct arena *arena, json_t *into, struct selfsame_err *e);

/* event_log.c */
bool show_is_event_log(struct selfsame_bytes in);
bool show_is_ccel_table(struct selfsame_bytes in);
MUST enum selfsame_code show_event_log(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_ccel_table(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* token.c */
struct selfsame_bytes show_trimmed(struct selfsame_bytes in); /* of a text's end */
bool show_is_token(struct selfsame_bytes in);
MUST enum selfsame_code show_token(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* firmware.c */
MUST enum selfsame_code show_tdvf(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* log.c */
bool show_is_note(struct selfsame_bytes in);
bool show_is_envelope(struct selfsame_bytes in);
bool show_is_proof(struct selfsame_bytes in);
bool show_is_trust(struct selfsame_bytes in);
MUST enum selfsame_code show_note(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_envelope(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_proof(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_trust(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* export.c */
bool show_is_vkey(struct selfsame_bytes in);
bool show_is_public_key(struct selfsame_bytes in);
bool show_is_receipt(struct selfsame_bytes in);
bool show_is_corim(struct selfsame_bytes in);
MUST enum selfsame_code show_vkey(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_public_key(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_receipt(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_corim(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

#define SHOW_EVENT_LOG "event log" /* the kind of which `show` makes a table */

/* Adds a member; takes the value over. */
MUST enum selfsame_code show_put(
    json_t *into, const char *name, json_t *value, struct selfsame_err *e);
/* In hex, long ones cut; as text where it is UTF-8. NULL: no memory. */
MUST json_t *show_hex(struct selfsame_bytes b, struct arena *arena);
MUST json_t *show_text(struct selfsame_bytes b, struct arena *arena);
/* hex or base64 text of something binary is decoded in place; anything else left alone. */
void show_unwrap(struct selfsame_bytes *in, struct arena *arena);

#endif
