/* SPDX-License-Identifier: Apache-2.0 */
/* The trust vector of a verdict (draft-ietf-rats-ar4si §2.3); docs/tokens.md has the table. */
#include "appraise/internal.h"

enum { /* values that AR4SI registers */
    RECOGNISED = 2,
    AFFIRMED = 2,
    APPROVED_AT_BOOT = 3,
    VULNERABLE = 32,
    UNRECOGNISED = 33,
    CONTRAINDICATED = 96,
    HARDWARE_UNKNOWN = 97,
    CRYPTO_FAILED = 99,
};

static const char *const words[TRUST_COUNT] = {
    [TRUST_INSTANCE_IDENTITY] = "instance-identity",
    [TRUST_CONFIGURATION] = "configuration",
    [TRUST_EXECUTABLES] = "executables",
    [TRUST_FILE_SYSTEM] = "file-system",
    [TRUST_HARDWARE] = "hardware",
    [TRUST_RUNTIME_OPAQUE] = "runtime-opaque",
    [TRUST_STORAGE_OPAQUE] = "storage-opaque",
    [TRUST_SOURCED_DATA] = "sourced-data",
};

const char *
trust_word(enum trust_claim c)
{
    return (size_t)c < COUNT(words) ? words[c] : "unknown";
}

/* ---- what the policy looked at, beyond the checks' outcomes ---- */

static bool
names_chip(const struct tee_demands *d)
{
    for (size_t i = 0; i < d->set_count; i++) {
        const struct tee_rule *r = d->set[i].rule;

        for (size_t k = 0; r->kind == RULE_ONE_OF_HEX && r->paths[k] != NULL; k++)
            if (strcmp(r->paths[k], "chip_id") == 0)
                return true;
    }
    return false;
}

void
trust_note(struct verdict *v, const struct policy *p, const struct measurement *matched)
{
    for (size_t i = 0; i < p->tee_count; i++)
        if (strcmp(p->demands[i].tee, v->claims.tee) == 0)
            v->chip_named |= names_chip(&p->demands[i]);
    if (matched == NULL)
        return;
    v->chip_named |= matched->demands != NULL && names_chip(matched->demands);
    /* The register that programs extend after boot, as a value or as its events. */
    for (size_t i = 0; i < matched->count; i++)
        v->runtime_compared |= strcmp(matched->paths[i].claim, "rtmr.3") == 0 ||
                               strcmp(matched->paths[i].claim, "events.3") == 0;
}

/* ---- the claims ---- */

/* Which chip is known only where the policy lists those that it knows. */
static int
instance(const struct verdict *v)
{
    return v->chip_named && v->checks.at[CHECK_POLICY].outcome == CHECK_PASS &&
                   !v->claims.simulated && !v->claims.any_anchor
               ? RECOGNISED
               : 0;
}

/* What the vendor says of this level, where it says it with a word. */
static bool
vendor_warns(const struct selfsame_claims *c)
{
    const struct claim *status = claims_find(c, "tcb_status");

    return status != NULL && status->kind == CLAIM_TEXT &&
           !bytes_eq(status->bytes, BYTES_LIT("UpToDate"));
}

/* A root of the caller says nothing of any vendor's hardware: no statement. */
static int
hardware(const struct verdict *v)
{
    const enum check_outcome tcb = v->checks.at[CHECK_TCB].outcome,
                             revocation = v->checks.at[CHECK_REVOCATION].outcome;

    if (v->claims.simulated)
        return HARDWARE_UNKNOWN;
    if (tcb == CHECK_FAIL || revocation == CHECK_FAIL)
        return CONTRAINDICATED;
    if (v->claims.any_anchor)
        return 0;
    return tcb == CHECK_SKIPPED || revocation == CHECK_SKIPPED ||
                   vendor_warns(&v->claims)
               ? VULNERABLE
               : AFFIRMED;
}

static int
executables(const struct verdict *v)
{
    const struct check *release = &v->checks.at[CHECK_RELEASE];

    if (release->outcome == CHECK_FAIL && release->code == SELFSAME_REVOKED)
        return CONTRAINDICATED;
    if (v->checks.at[CHECK_MEASUREMENT].outcome != CHECK_PASS)
        return UNRECOGNISED;
    return v->runtime_compared ? AFFIRMED : APPROVED_AT_BOOT;
}

/* Memory that the host cannot read is what these TEEs are; who proves it must be one. */
static int
runtime(const struct verdict *v)
{
    if (v->claims.debug)
        return CONTRAINDICATED;
    return v->claims.simulated || v->claims.any_anchor ? 0 : AFFIRMED;
}

void
trust_vector_of(const struct verdict *v, int ret[static TRUST_COUNT])
{
    for (size_t i = 0; i < TRUST_COUNT; i++)
        ret[i] = 0;
    if (v->checks.at[CHECK_PARSE].outcome != CHECK_PASS ||
        v->code == SELFSAME_INTERNAL || v->code == SELFSAME_UNSUPPORTED)
        return; /* as the status: it could not be judged */
    if (!v->claims.authentic) {
        for (size_t i = 0; i < TRUST_COUNT; i++)
            ret[i] = CRYPTO_FAILED;
        return;
    }
    ret[TRUST_INSTANCE_IDENTITY] = instance(v);
    ret[TRUST_HARDWARE] = hardware(v);
    ret[TRUST_EXECUTABLES] = executables(v);
    ret[TRUST_CONFIGURATION] = v->claims.debug ? CONTRAINDICATED : AFFIRMED;
    ret[TRUST_RUNTIME_OPAQUE] = runtime(v);
}

bool
trust_warns(const struct verdict *v)
{
    int vector[TRUST_COUNT];

    trust_vector_of(v, vector);
    for (size_t i = 0; i < TRUST_COUNT; i++)
        if (vector[i] >= VULNERABLE || vector[i] <= -VULNERABLE - 1)
            return true;
    return false;
}
