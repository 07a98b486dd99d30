/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/event_claims.h"

static enum selfsame_code
body(const struct dcap_quote *q, struct selfsame_err *e)
{
    struct tdx_body ignored;

    return tdx_body_check(q, &ignored, e);
}

static const struct dcap_kind kind = {
    .tee = DCAP_TDX,
    .name = "TDX",
    .spec = "Intel TDX DCAP, sgx_quote_4.h and sgx_quote_5.h",
    .body = body,
};

/* What is wrong with an event log makes no check fail: it is said, and proves less. */
static void
say_log(const struct selfsame_claims *c, struct arena *arena, struct checks *checks)
{
    const struct claim *said = claims_find(c, "event_log");
    struct check *parse = &checks->at[CHECK_PARSE];

    if (said == NULL || bytes_eq(said->bytes, BYTES_LIT(TDX_REPLAYS)))
        return;
    const char *all = arena_printf(arena, "%s; %.*s", parse->detail,
        (int)said->bytes.len, (const char *)said->bytes.ptr);
    if (all != NULL)
        parse->detail = all;
}

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
    if (tdx_claims(&found, trust->now_s, arena, &claims, &lacking) != SELFSAME_OK) {
        *e = lacking;
        return SELFSAME_NOMEM;
    }
    say_log(&claims, arena, checks);
    claims.any_anchor = trust->any_anchor;
    *ret = claims;
    return code;
}

static enum selfsame_code
needs(struct selfsame_bytes evidence, struct arena *arena, struct tee_need **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    return dcap_needs(DCAP_TDX, evidence, arena, ret, ret_count, e);
}

static bool
recognise(struct selfsame_bytes evidence)
{
    return dcap_quote_recognise(evidence, DCAP_TDX);
}

static const char *const media_types[] = { "application/vnd.attest.tdx", NULL };

static const struct tee_anchor anchors[] = {
    { .tee = "tdx", .der = { dcap_root_intel_der, DCAP_ROOT_INTEL } },
    { .tee = "tdx",
        .der = { dcap_root_simulated_der, DCAP_ROOT_SIMULATED },
        .simulated = true },
};

const struct tee_verifier tdx_verifier = {
    .name = "tdx",
    .media_types = media_types,
    .pins = tdx_pins,
    .zeros = tdx_zeros,
    .anchors = anchors,
    .anchor_count = COUNT(anchors),
    .rules = tdx_rules,
    .rule_count = TDX_RULES,
    .advice = tdx_advice,
    .advice_count = TDX_ADVICE,
    .recognise = recognise,
    .needs = needs,
    .verify = verify,
};
