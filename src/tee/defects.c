/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/simulate.h"

static const struct sim_word common[] = {
    { SIM_DEBUG, "debug" },
    { SIM_EXPIRED, "expired" },
    { SIM_FUTURE, "future" },
    { SIM_WRONG_NONCE, "wrong-nonce" },
    { SIM_NO_NONCE, "no-nonce" },
    { SIM_WRONG_BINDING, "wrong-binding" },
    { SIM_BAD_SIGNATURE, "bad-signature" },
    { SIM_BAD_CHAIN_SIGNATURE, "bad-chain-signature" },
    { SIM_WRONG_ORDER, "wrong-order" },
    { SIM_OTHER_ROOT, "other-root" },
    { SIM_CA_SIGNS, "ca-signs" },
    { SIM_WRONG_ALG, "wrong-alg" },
    { SIM_TRAILING_BYTE, "trailing-byte" },
    { SIM_DUPLICATE_KEY, "duplicate-key" },
    { SIM_TAGGED, "tagged" },
    { SIM_INDEFINITE, "indefinite" },
    { SIM_TRUNCATED, "truncated" },
    { SIM_UNPROTECTED_ALG, "unprotected-alg" },
    { SIM_SHORT_PCR, "short-pcr" },
    { SIM_NITROTPM, "nitrotpm" },
    { SIM_REVOKED, "revoked" },
    { SIM_NO_CRL, "no-crl" },
    { SIM_STALE_CRL, "stale-crl" },
    { SIM_FUTURE_CRL, "future-crl" },
    { SIM_OTHER_CHIP, "other-chip" },
    { SIM_OTHER_TCB, "other-tcb" },
    { SIM_NO_LEAF, "no-leaf" },
    { SIM_UNSIGNED, "unsigned" },
    { SIM_RESERVED, "reserved" },
};

const char *
sim_defect_word(const struct tee_simulator *sim, uint64_t bit)
{
    for (size_t i = 0; i < COUNT(common); i++)
        if (common[i].bit == bit)
            return common[i].word;
    for (const struct sim_word *w = sim->words; w != NULL && w->word != NULL; w++)
        if (w->bit == bit)
            return w->word;
    return "?";
}

uint64_t
sim_defect_from_word(const struct tee_simulator *sim, const char *word)
{
    for (size_t i = 0; i < COUNT(common); i++)
        if (strcmp(common[i].word, word) == 0)
            return common[i].bit;
    for (const struct sim_word *w = sim->words; w != NULL && w->word != NULL; w++)
        if (strcmp(w->word, word) == 0)
            return w->bit;
    return 0;
}

enum selfsame_code
sim_subject_check(const struct tee_simulator *sim, const struct sim_subject *subject,
    struct selfsame_err *e)
{
    uint64_t wrong = subject->defects & ~sim->defects;

    if (wrong != 0)
        FAIL(e, SELFSAME_USAGE, "defect \"%s\": %s evidence cannot have it",
            sim_defect_word(sim, wrong & -wrong), sim->name);
    if (subject->setting_count > 0 && !sim->has_settings)
        FAIL(e, SELFSAME_USAGE, "--set: %s evidence has no settings", sim->name);
    return SELFSAME_OK;
}
