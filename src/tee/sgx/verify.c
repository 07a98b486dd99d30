/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/sgx/sgx.h"

static enum selfsame_code
body(const struct dcap_quote *q, struct selfsame_err *e)
{
    struct dcap_report ignored;

    return sgx_body_check(q, &ignored, e);
}

static const struct dcap_kind kind = {
    .tee = DCAP_SGX,
    .name = "SGX",
    .spec = "Intel DCAP, sgx_quote_3.h",
    .body = body,
};

static enum selfsame_code
verify(struct selfsame_bytes evidence, const struct tee_trust *trust,
    struct arena *arena, struct checks *checks, struct selfsame_claims *ret,
    struct selfsame_err *e)
{
    struct dcap_found found;
    struct selfsame_claims claims;
    enum selfsame_code code = dcap_verify(
        &kind, evidence, trust, arena, checks, &found, e);

    if (code == SELFSAME_NOMEM || checks->at[CHECK_PARSE].outcome != CHECK_PASS)
        return code;
    struct selfsame_err lacking;
    if (sgx_claims(&found, trust->now_s, arena, &claims, &lacking) != SELFSAME_OK) {
        *e = lacking;
        return SELFSAME_NOMEM;
    }
    claims.any_anchor = trust->any_anchor;
    *ret = claims;
    return code;
}

static enum selfsame_code
needs(struct selfsame_bytes evidence, struct arena *arena, struct tee_need **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    return dcap_needs(DCAP_SGX, evidence, arena, ret, ret_count, e);
}

static bool
recognise(struct selfsame_bytes evidence)
{
    return dcap_quote_recognise(evidence, DCAP_SGX);
}

static const char *const media_types[] = { "application/vnd.attest.sgx", NULL };

static const struct tee_anchor anchors[] = {
    { .tee = "sgx", .der = { dcap_root_intel_der, DCAP_ROOT_INTEL } },
    { .tee = "sgx",
        .der = { dcap_root_simulated_der, DCAP_ROOT_SIMULATED },
        .simulated = true },
};

const struct tee_verifier sgx_verifier = {
    .name = "sgx",
    .media_types = media_types,
    .pins = sgx_pins,
    .anchors = anchors,
    .anchor_count = COUNT(anchors),
    .rules = sgx_rules,
    .rule_count = SGX_RULES,
    .recognise = recognise,
    .needs = needs,
    .verify = verify,
};
