/* SPDX-License-Identifier: Apache-2.0 */
/* The trust vector of a verdict (draft-ietf-rats-ar4si §2.3); docs/tokens.md has the table. */
#include "appraise/internal.h"

enum { /* values that AR4SI registers */
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
    return tcb == CHECK_SKIPPED || revocation == CHECK_SKIPPED ? VULNERABLE : AFFIRMED;
}

static int
executables(const struct verdict *v)
{
    const struct check *release = &v->checks.at[CHECK_RELEASE];

    if (release->outcome == CHECK_FAIL && release->code == SELFSAME_REVOKED)
        return CONTRAINDICATED;
    return v->checks.at[CHECK_MEASUREMENT].outcome == CHECK_PASS ? APPROVED_AT_BOOT
                                                                 : UNRECOGNISED;
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
        v->code == SELFSAME_INTERNAL)
        return;
    if (!v->claims.authentic) {
        for (size_t i = 0; i < TRUST_COUNT; i++)
            ret[i] = CRYPTO_FAILED;
        return;
    }
    ret[TRUST_HARDWARE] = hardware(v);
    ret[TRUST_EXECUTABLES] = executables(v);
    ret[TRUST_CONFIGURATION] = v->claims.debug ? CONTRAINDICATED : AFFIRMED;
    ret[TRUST_RUNTIME_OPAQUE] = runtime(v);
}
