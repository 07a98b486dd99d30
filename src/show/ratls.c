/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence in certificates: which form counts, what it says, and what it must say. */
#include "appraise/ratls.h"
#include "codec/cmw.h"
#include "show/show.h"

static enum selfsame_code
put_hex(json_t *into, const char *name, struct selfsame_bytes b, struct arena *arena,
    struct selfsame_err *e)
{
    const char *hex = b.ptr != NULL ? hex_dup(arena, b) : NULL;

    if (b.ptr == NULL)
        return SELFSAME_OK;
    return show_put(into, name, hex != NULL ? json_string(hex) : NULL, e);
}

static enum selfsame_code
put_others(json_t *into, unsigned others, struct selfsame_err *e)
{
    if (others == 0)
        return SELFSAME_OK;
    json_t *list = json_array();
    TRY(show_put(into, "not_looked_at", list, e));
    for (int f = RATLS_DICE; f <= RATLS_NAME; f++)
        if ((others >> f & 1) != 0 &&
            json_array_append_new(
                list, json_string(ratls_form_text((enum ratls_form)f))) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

/* Evidence of a TEE that this build does not know is no reason to show nothing. */
static enum selfsame_code
put_evidence(json_t *into, struct selfsame_bytes evidence, struct arena *arena,
    struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    json_t *inner = json_object();

    TRY(show_put(into, "evidence", inner, e));
    TRY(show_put(inner, "bytes", json_integer((json_int_t)evidence.len), e));
    enum selfsame_code code = cmw_looks_like(evidence) && !show_is_evidence(evidence)
                                  ? show_cmw(evidence, arena, inner, &why)
                              : show_is_evidence(evidence)
                                  ? show_evidence(evidence, arena, inner, &why)
                                  : SELFSAME_OK;
    if (code == SELFSAME_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "the output");
    return code != SELFSAME_OK
               ? show_put(inner, "unreadable", json_string(err_text(&why)), e)
               : SELFSAME_OK;
}

enum selfsame_code
show_ratls(struct selfsame_bytes der, struct arena *arena, json_t *into,
    struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct ratls r;
    enum selfsame_code code = ratls_parse(der, arena, &r, &why);
    json_t *inner = json_object();

    TRY(show_put(into, "attestation", inner, e));
    if (code == SELFSAME_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "the output");
    if (code != SELFSAME_OK)
        return show_put(inner, "unreadable", json_string(err_text(&why)), e);
    TRY(show_put(inner, "form", json_string(ratls_form_text(r.form)), e));
    TRY(put_others(inner, r.others, e));
    TRY(show_put(inner, "rule", json_string(r.rule), e));
    TRY(put_hex(inner, "report_data_wanted", r.report_data, arena, e));
    if (r.unbound != NULL)
        TRY(show_put(inner, "unbound", json_string(r.unbound), e));
    TRY(put_hex(inner, "claims", r.claims, arena, e));
    TRY(put_hex(inner, "nonce", r.nonce, arena, e));
    TRY(show_put(inner, "self_signed",
        json_boolean(ratls_self_signed(&r, &why) == SELFSAME_OK), e));
    TRY(show_put(
        inner, "endorsements", json_integer((json_int_t)r.endorsement_count), e));
    return put_evidence(inner, r.evidence, arena, e);
}
