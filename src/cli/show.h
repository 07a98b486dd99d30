/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SHOW_H
#define SELFSAME_SHOW_H

#include "base/base.h"
#include "codec/json.h"
#include "crypto/x509.h"

/* show.c picks, show_kinds.c decodes one kind each into a JSON object. */
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
MUST enum selfsame_code show_eif(
    int fd, struct arena *arena, json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_any(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* show_dcap.c */
bool show_is_tcb_info(struct selfsame_bytes in);
bool show_is_identity(struct selfsame_bytes in);
MUST enum selfsame_code show_tcb_info(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_identity(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
/* What Intel's extension in a PCK certificate says; nothing of other certificates. */
MUST enum selfsame_code show_pck_claims(
    const struct cert *cert, struct arena *arena, json_t *into, struct selfsame_err *e);

/* show_ratls.c: what a certificate with evidence says, as members of its object */
MUST enum selfsame_code show_ratls(struct selfsame_bytes der, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* show_collateral.c */
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

/* show_events.c */
bool show_is_event_log(struct selfsame_bytes in);
bool show_is_ccel_table(struct selfsame_bytes in);
MUST enum selfsame_code show_event_log(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_ccel_table(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* show_firmware.c */
MUST enum selfsame_code show_tdvf(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

/* show_log.c */
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

/* show_export.c */
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

/* For people: names and values, indented. What could command a terminal is escaped. */
void show_print(const json_t *tree);
/* Adds a member; takes the value over. */
MUST enum selfsame_code show_put(
    json_t *into, const char *name, json_t *value, struct selfsame_err *e);
/* hex or base64 text of something binary is decoded in place; anything else left alone. */
void show_unwrap(struct selfsame_bytes *in, struct arena *arena);

#endif
