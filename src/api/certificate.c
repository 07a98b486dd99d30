/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that stands in a certificate: what it must be about is the certificate's key. */
#include "api/api.h"

/* The collateral of the certificate goes where that of an envelope goes. */
static enum selfsame_code
add_endorsements(const struct ratls *r, struct arena *arena, struct unwrapped *u,
    struct selfsame_err *e)
{
    struct selfsame_bytes *list = ARENA_NEW(
        arena, struct selfsame_bytes, u->collateral_count + r->endorsement_count + 1);

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the endorsements");
    for (size_t i = 0; i < u->collateral_count; i++)
        list[i] = u->collateral[i];
    for (size_t i = 0; i < r->endorsement_count; i++)
        list[u->collateral_count + i] = r->endorsements[i];
    u->collateral = list;
    u->collateral_count += r->endorsement_count;
    return SELFSAME_OK;
}

/* Raw evidence of a TEE that is known and not accepted is refused for that. */
static enum selfsame_code
check_tee(
    const struct policy *p, struct selfsame_bytes evidence, struct selfsame_err *e)
{
    const struct tee_verifier *v, *other = NULL;

    for (size_t i = 0; (v = tee_verifier_at(i)) != NULL; i++) {
        if (!v->recognise(evidence))
            continue;
        if (policy_accepts_tee(p, v->name))
            return SELFSAME_OK;
        other = v;
    }
    if (other != NULL)
        FAIL(e, SELFSAME_DENIED, "the policy does not accept evidence of %s",
            other->name);
    return SELFSAME_OK; /* nobody's, or an envelope: evidence_unwrap tells */
}

/* Who shows the certificate holds its key: by a handshake, or by having signed it. */
static enum selfsame_code
check_holder(const struct ratls *r, enum api_certificate how, struct arena *arena,
    struct appraisal *in, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };

    if (how == API_CERTIFICATE_PROVEN || in->unbound != NULL)
        return SELFSAME_OK;
    const enum selfsame_code c = ratls_self_signed(r, &why);
    if (c == SELFSAME_OK)
        return SELFSAME_OK;
    in->unbound = arena_str(arena, bytes_str(err_text(&why)));
    if (c == SELFSAME_NOMEM || in->unbound == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for the certificate's signature");
    return SELFSAME_OK;
}

/* In the words of appraisal; what the caller expects besides was put there before. */
static enum selfsame_code
expect_key(const struct ratls *r, struct arena *arena, struct appraisal *in,
    struct selfsame_err *e)
{
    const bool other = in->key.len > 0 && !bytes_eq(in->key, r->cert.spki);

    in->level = BINDING_KEY;
    in->binder = in->key = BYTES_NONE;
    in->report_data = r->report_data;
    in->unbound = other ? "the certificate is of another key than the expected one"
                        : r->unbound;
    in->rule = arena_printf(
        arena, "%s: bound to this key alone, not to a session", r->rule);
    in->covers_nonce = in->nonce.len > 0 && r->nonce.ptr != NULL &&
                       bytes_eq(in->nonce, r->nonce);
    in->nonce_gone = r->nonce.ptr != NULL
                         ? "the claims of the certificate hold another nonce"
                         : "the certificate holds no nonce: it was made before";
    if (in->rule == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for what the certificate must say");
    return SELFSAME_OK;
}

enum selfsame_code
certificate_unwrap(const struct policy *p, struct selfsame_bytes der,
    enum api_certificate how, struct arena *arena, struct appraisal *in,
    struct unwrapped *ret, struct selfsame_err *e)
{
    struct unwrapped u = { 0 };
    struct ratls r;

    if (der.len > API_EVIDENCE_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "expected a certificate of at most %d bytes, got %zu",
            (int)API_EVIDENCE_MAX, der.len);
    TRY(ratls_parse(der, arena, &r, e));
    TRY(check_tee(p, r.evidence, e));
    TRY(evidence_unwrap(p, r.evidence, arena, &u, e));
    TRY(add_endorsements(&r, arena, &u, e));
    TRY(expect_key(&r, arena, in, e));
    TRY(check_holder(&r, how, arena, in, e));
    *ret = u;
    return SELFSAME_OK;
}
