/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_qpl.h"

#include "codec/json.h"
#include "tee/shared/dcap_json.h"

bool
dcap_qpl_recognise(struct selfsame_bytes json)
{
    return dcap_has_member(json, "tcb_info") || dcap_has_member(json, "qe_identity");
}

/* The object is text inside a string here; what is signed are its bytes all the same. */
static enum selfsame_code
add_signed(struct dcap_bundle *b, const json_t *all, const char *name,
    const char *signature, const char *as, struct arena *arena, struct selfsame_err *e)
{
    const char *object = json_string_value(json_object_get(all, name)),
               *hex = json_string_value(json_object_get(all, signature));

    if (object == NULL)
        return SELFSAME_OK;
    if (hex == NULL)
        FAIL(e, SELFSAME_MALFORMED, "expected \"%s\" beside \"%s\", got none",
            signature, name);
    const char *whole = arena_printf(
        arena, "{\"%s\":%s,\"signature\":\"%s\"}", as, object, hex);
    if (whole == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for \"%s\"", name);
    return dcap_bundle_add(b, bytes_str(whole), arena, e);
}

static enum selfsame_code
add_members(struct dcap_bundle *b, const json_t *all, struct arena *arena,
    struct selfsame_err *e)
{
    static const char *const plain[] = { "root_ca_crl", "pck_crl",
        "pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain",
        "pck_certificate_chain" };

    for (size_t i = 0; i < COUNT(plain); i++) {
        const json_t *s = json_object_get(all, plain[i]);
        struct selfsame_bytes copy;

        if (!json_is_string(s) || json_string_length(s) == 0)
            continue;
        if (!arena_dup(arena,
                BYTES((const uint8_t *)json_string_value(s), json_string_length(s)),
                &copy))
            FAIL(e, SELFSAME_NOMEM, "out of memory for \"%s\"", plain[i]);
        TRY(dcap_bundle_add(b, copy, arena, e));
    }
    TRY(add_signed(b, all, "tcb_info", "tcb_info_signature", "tcbInfo", arena, e));
    return add_signed(
        b, all, "qe_identity", "qe_identity_signature", "enclaveIdentity", arena, e);
}

enum selfsame_code
dcap_qpl_add(struct dcap_bundle *b, struct selfsame_bytes json, struct arena *arena,
    struct selfsame_err *e)
{
    auto_json *all = NULL;

    TRY(json_parse(json, "collateral", &all, e));
    return add_members(b, all, arena, e);
}
