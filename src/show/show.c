/* SPDX-License-Identifier: Apache-2.0 */
#include "show/show.h"

#include "appraise/ratls.h"
#include "codec/pem.h"
#include "image/tdvf.h"
#include "show/sgx.h"
#include "tee/snp/snp.h"

static const struct shower {
    const char *kind;
    bool (*recognise)(struct selfsame_bytes in);
    enum selfsame_code (*show)(struct selfsame_bytes in, struct arena *arena,
        json_t *into, struct selfsame_err *e);
} showers[] = {
    { "evidence", show_is_quote, show_evidence }, /* before PEM, which is in it */
    /* Before the wrapper: their first bytes may be anything, also those of CBOR. */
    { "firmware of a TD", tdvf_recognise, show_tdvf },
    { "host certificate table", snp_table_recognise, show_table },
    { SHOW_EVENT_LOG, show_is_event_log, show_event_log },
    { "CCEL table", show_is_ccel_table, show_ccel_table },
    { "ID block of SEV-SNP", show_is_id_block, show_id_block },
    { "ID authentication of SEV-SNP", show_is_id_auth, show_id_auth },
    { "SIGSTRUCT of SGX", show_is_sigstruct, show_sigstruct },
    { "signed enclave of SGX", show_is_enclave, show_enclave },
    { "manifest of Gramine", show_is_manifest, show_manifest },
    { "TCB info", show_is_tcb_info, show_tcb_info },
    { "QE identity", show_is_identity, show_identity },
    { "token", show_is_token, show_token }, /* before CBOR and text */
    { "proof of a log", show_is_proof, show_proof },
    { "signed note", show_is_note, show_note },
    { "trust policy", show_is_trust, show_trust },
    { "signed statement", show_is_envelope, show_envelope },
    { "verifier key", show_is_vkey, show_vkey },
    { "public key", show_is_public_key, show_public_key },
    { "CoRIM", show_is_corim, show_corim },
    { "COSE receipt of a log", show_is_receipt, show_receipt },
    { "conceptual message wrapper", show_is_cmw, show_cmw },
    { "certificate with evidence (DER)", ratls_recognise, show_certificate },
    { "certificates (PEM)", pem_looks_like, show_pem },
    { "JSON", show_is_json, show_json },
    { "evidence", show_is_evidence, show_evidence },
    { "revocation list", show_is_crl, show_crl },
    { "certificate (DER)", show_is_certificate, show_certificate },
};

enum selfsame_code
show_any(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(showers); i++) {
        if (!showers[i].recognise(in))
            continue;
        TRY(show_put(into, "kind", json_string(showers[i].kind), e));
        TRY_WHILE(e, showers[i].show(in, arena, into, e), "%s", showers[i].kind);
        return SELFSAME_OK;
    }
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "expected evidence, an image, an envelope, a certificate or a policy, got %zu "
        "bytes that are none known here",
        in.len);
    err_remedy(e,
        "Known: Nitro documents, SNP reports, quotes of SGX and TDX, EIF images, "
        "enclaves of SGX (SGXS, signed, SIGSTRUCT, manifest of Gramine), firmware of "
        "TDX, CMW, X.509 (DER, PEM), CRLs, certificate tables, ID blocks, TCB info, QE "
        "identities, event logs (CCEL), proofs, checkpoints, "
        "receipts and verifier "
        "keys "
        "of "
        "logs, envelopes, public keys, tokens (JWT, CWT), CoRIM, trust policies, "
        "policies, JSON.");
    return SELFSAME_UNSUPPORTED;
}
