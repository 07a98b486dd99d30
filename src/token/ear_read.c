/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attestation results as others write them: the draft (draft-ietf-rats-ear), Veraison's
 * libraries (veraison/ear) and Trustee, which differ in names only.
 */
#include "token/token.h"

static const struct profile {
    const char *uri, *word;
    enum ear_profile profile;
    const char *status, *vector, *key;
} profiles[] = {
    { "tag:ietf.org,2026:rats/ear#03", "draft-ietf-rats-ear", EAR_OF_DRAFT,
        "ear_status", "ear_trustworthiness_vector", "ear_veraison_key_attestation" },
    { "tag:github.com,2023:veraison/ear", "Veraison", EAR_OF_VERAISON, "ear.status",
        "ear.trustworthiness-vector", "ear.veraison.key-attestation" },
    { "tag:github.com,2024:confidential-containers/Trustee", "Trustee", EAR_OF_TRUSTEE,
        "ear.status", "ear.trustworthiness-vector", "ear.veraison.key-attestation" },
};

const char *
ear_profile_word(enum ear_profile p)
{
    for (size_t i = 0; i < COUNT(profiles); i++)
        if (profiles[i].profile == p)
            return profiles[i].word;
    return "unknown";
}

/* ---- statuses ---- */

static int
goodness(enum ear_status s)
{
    switch (s) {
    case EAR_AFFIRMING: return 3;
    case EAR_WARNING: return 2;
    case EAR_NONE: return 1;
    case EAR_CONTRAINDICATED: break;
    }
    return 0;
}

enum ear_status
ear_worse(enum ear_status a, enum ear_status b)
{
    return goodness(a) < goodness(b) ? a : b;
}

/* A word, or the number that CBOR has and Veraison's Go library takes in JSON as well. */
static enum selfsame_code
read_status(
    const json_t *j, const char *where, enum ear_status *ret, struct selfsame_err *e)
{
    const char *word = json_string_value(j);

    if (word != NULL) {
        *ret = ear_status_of(word);
        if (*ret != EAR_NONE || strcmp(word, "none") == 0)
            return SELFSAME_OK;
    } else if (json_is_integer(j)) {
        const json_int_t n = json_integer_value(j);

        *ret = (enum ear_status)n;
        if (n == EAR_NONE || n == EAR_AFFIRMING || n == EAR_WARNING ||
            n == EAR_CONTRAINDICATED)
            return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_MALFORMED,
        "%.60s: status: expected none, affirming, warning or contraindicated", where);
}

/* ---- members ---- */

static enum selfsame_code
text_of(const json_t *root, const char *name, const char **ret, struct selfsame_err *e)
{
    const json_t *j = json_object_get(root, name);

    *ret = json_string_value(j);
    if (j != NULL && *ret == NULL)
        FAIL(e, SELFSAME_MALFORMED, "\"%s\": expected a string", name);
    return SELFSAME_OK;
}

/* NumericDate (RFC 7519 §2), in whole seconds; some write 1.666529184e+09. */
static enum selfsame_code
time_of(const json_t *root, const char *name, int64_t *ret, bool *ret_given,
    struct selfsame_err *e)
{
    const int64_t max = (int64_t)1 << 53;
    const json_t *j = json_object_get(root, name);

    *ret_given = j != NULL;
    if (j == NULL)
        return SELFSAME_OK;
    if (json_is_integer(j) && json_integer_value(j) >= 0 &&
        json_integer_value(j) <= max) {
        *ret = json_integer_value(j);
        return SELFSAME_OK;
    }
    if (json_is_real(j) && json_real_value(j) >= 0 &&
        json_real_value(j) <= (double)max) {
        const double seconds = json_real_value(j);

        *ret = (int64_t)seconds;
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_MALFORMED, "\"%s\": expected seconds since 1970", name);
}

static bool
nonce_fits(const json_t *j)
{
    return json_is_string(j) && json_string_length(j) >= 8 &&
           json_string_length(j) <= 88; /* RFC 9711 §4.1 */
}

static enum selfsame_code
check_nonce(const json_t *root, struct selfsame_err *e)
{
    const json_t *j = json_object_get(root, "eat_nonce"), *one;
    bool good = j == NULL || nonce_fits(j) || json_array_size(j) > 0;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)j, i, one) good = good && nonce_fits(one);
    if (!good)
        FAIL(e, SELFSAME_MALFORMED,
            "\"eat_nonce\": expected 8 to 88 characters, or a list of such");
    return SELFSAME_OK;
}

/* ---- submods ---- */

static enum selfsame_code
read_vector(const json_t *j, struct ear_submod *m, struct selfsame_err *e)
{
    if (j == NULL)
        return SELFSAME_OK;
    if (!json_is_object(j))
        FAIL(e, SELFSAME_MALFORMED, "%.60s: trust vector: expected an object", m->name);
    for (enum trust_claim i = 0; i < TRUST_COUNT; i++) {
        const json_t *value = json_object_get(j, trust_word(i));

        if (value == NULL)
            continue;
        if (!json_is_integer(value) || json_integer_value(value) < INT8_MIN ||
            json_integer_value(value) > INT8_MAX)
            FAIL(e, SELFSAME_MALFORMED, "%.60s: \"%s\": expected -128 to 127", m->name,
                trust_word(i));
        m->vector[i] = (int)json_integer_value(value);
        const enum ear_status tier = ear_tier(m->vector[i]);
        if (tier != EAR_NONE)
            m->status = ear_worse(m->status, tier);
    }
    return SELFSAME_OK;
}

/* A status that stands there under any dialect's name counts where it is worse. */
static enum selfsame_code
worsen(const json_t *from, const char *name, const char *where, enum ear_status *status,
    struct selfsame_err *e)
{
    const json_t *j = json_object_get(from, name);
    enum ear_status one = EAR_CONTRAINDICATED;

    if (j == NULL)
        return SELFSAME_OK;
    TRY(read_status(j, where, &one, e));
    *status = ear_worse(*status, one);
    return SELFSAME_OK;
}

static enum selfsame_code
read_submod(const struct profile *p, const char *name, json_t *j, struct ear_submod *m,
    struct selfsame_err *e)
{
    const json_t *key;

    if (!json_is_object(j))
        FAIL(e, SELFSAME_MALFORMED, "submod %.60s: expected an object", name);
    *m = (struct ear_submod){ .name = name, .claims = j };
    TRY(read_status(json_object_get(j, p->status), name, &m->status, e));
    for (size_t i = 0; i < COUNT(profiles); i++) {
        TRY(worsen(j, profiles[i].status, name, &m->status, e));
        if (strcmp(profiles[i].vector, p->vector) != 0)
            TRY(read_vector(json_object_get(j, profiles[i].vector), m, e));
    }
    TRY(read_vector(json_object_get(j, p->vector), m, e)); /* last: its numbers stay */
    key = json_object_get(j, p->key);
    m->key = json_string_value(json_object_get(key, "akpub"));
    if (key != NULL && m->key == NULL)
        FAIL(e, SELFSAME_MALFORMED, "%.60s: key attestation: expected \"akpub\"", name);
    return SELFSAME_OK;
}

static enum selfsame_code
read_submods(const struct profile *p, json_t *claims, struct arena *arena,
    struct ear *r, struct selfsame_err *e)
{
    json_t *mods = json_object_get(claims, "submods"), *j;
    const size_t count = json_object_size(mods);
    const char *name;

    if (count == 0 || count > EAR_SUBMODS)
        FAIL(e, SELFSAME_MALFORMED, "\"submods\": expected 1 to %d members",
            (int)EAR_SUBMODS);
    r->submods = ARENA_NEW(arena, struct ear_submod, count);
    if (r->submods == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an attestation result");
    r->status = EAR_AFFIRMING;
    json_object_foreach(mods, name, j)
    {
        struct ear_submod *m = &r->submods[r->submod_count];

        TRY(read_submod(p, name, j, m, e));
        r->status = ear_worse(r->status, m->status);
        r->submod_count++;
    }
    return SELFSAME_OK;
}

/* ---- the whole ---- */

static enum selfsame_code
profile_of(const json_t *claims, const struct profile **ret, struct selfsame_err *e)
{
    const char *uri = json_string_value(json_object_get(claims, "eat_profile"));

    if (uri == NULL)
        FAIL(e, SELFSAME_MALFORMED, "attestation result: expected \"eat_profile\"");
    for (size_t i = 0; i < COUNT(profiles); i++)
        if (strcmp(profiles[i].uri, uri) == 0) {
            *ret = &profiles[i];
            return SELFSAME_OK;
        }
    FAIL(e, SELFSAME_UNSUPPORTED,
        "eat_profile: expected that of an attestation result (EAR), got %.80s", uri);
}

enum selfsame_code
ear_read(json_t *claims, struct arena *arena, struct ear *ret, struct selfsame_err *e)
{
    const struct profile *p = NULL;
    struct ear r = { .claims = claims };
    bool issued = false;

    TRY(profile_of(claims, &p, e));
    r.profile = p->profile;
    TRY(text_of(claims, "iss", &r.issuer, e));
    TRY(text_of(claims, "sub", &r.subject, e));
    TRY(text_of(claims, "jti", &r.token_id, e));
    TRY(time_of(claims, "iat", &r.issued_s, &issued, e));
    TRY(time_of(claims, "nbf", &r.not_before_s, &r.has_not_before, e));
    TRY(time_of(claims, "exp", &r.expires_s, &r.has_expiry, e));
    if (!issued)
        FAIL(e, SELFSAME_MALFORMED, "attestation result: expected \"iat\"");
    TRY(check_nonce(claims, e));
    TRY(read_submods(p, claims, arena, &r, e));
    for (size_t i = 0; i < COUNT(profiles); i++)
        TRY(worsen(claims, profiles[i].status, "claims", &r.status, e));
    r.claims = json_incref(claims);
    *ret = r;
    return SELFSAME_OK;
}

void
ear_free(struct ear *r)
{
    json_free(&r->claims);
}
