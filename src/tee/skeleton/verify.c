/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/skeleton/skeleton.h"

static bool
recognise(struct selfsame_bytes evidence)
{
    struct selfsame_err e = { .depth = 0 };
    struct skeleton_quote quote;

    return skeleton_parse(evidence, &quote, &e) == SELFSAME_OK;
}

static enum selfsame_code
needs(struct selfsame_bytes evidence, struct arena *arena, struct tee_need **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    struct skeleton_quote quote;

    (void)arena;
    TRY(skeleton_parse(evidence, &quote, e));
    *ret = NULL;
    *ret_count = 0;
    return SELFSAME_OK;
}

/* Every check a verifier owns is written, so that none is missing by accident. */
static enum selfsame_code
verify(struct selfsame_bytes evidence, const struct tee_trust *trust,
    struct arena *arena, struct checks *checks, struct selfsame_claims *ret,
    struct selfsame_err *e)
{
    static const enum check_name later[] = { CHECK_CHAIN, CHECK_REVOCATION,
        CHECK_SIGNATURE, CHECK_TCB };
    struct skeleton_quote quote;

    (void)trust;
    (void)ret;
    enum selfsame_code code = skeleton_parse(evidence, &quote, e);
    if (code == SELFSAME_OK)
        code = err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
            "skeleton: expected a verifier, got none");
    checks_fail(checks, CHECK_PARSE, e, arena);
    for (size_t i = 0; i < COUNT(later); i++)
        checks_put(checks, later[i],
            (struct check){ .outcome = CHECK_SKIPPED, .detail = "nothing parsed" });
    return code;
}

static const char *const media_types[] = { NULL };
/* A TEE names here the claims without which a measurement says too little. */
static const char *const pins[] = { "measurement", NULL };

const struct tee_verifier skeleton_verifier = {
    .name = "skeleton",
    .media_types = media_types,
    .pins = pins,
    .recognise = recognise,
    .needs = needs,
    .verify = verify,
};
