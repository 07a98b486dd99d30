/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "appraise/appraise.h"
#include "codec/json.h"
#include "crypto/crypto.h"

/*
 * One happy case of a toy TEE; each test bends one thing and says what must
 * come of it.
 */
enum { NOW_S = 1767323045 }; /* 2026-01-02T03:04:05Z */
#define NOW_MS ((int64_t)NOW_S * 1000)

static const char *const pins[] = { "pcr.0", "pcr.1", NULL };
static const uint8_t pcr0[4] = { 1, 2, 3, 4 }, pcr1[4] = { 5, 6, 7, 8 };
static const uint8_t next_build[4] = { 7, 7, 7, 7 };
static const uint8_t other[4] = { 9, 9, 9, 9 }, longer[5] = { 1, 2, 3, 4, 0 };
static const uint8_t nonce[8] = "nonce-01", foreign_nonce[8] = "nonce-02";
static const uint8_t spki[10] = "public key", foreign_spki[10] = "public kez";
static const uint8_t ekm[32] = { 42 };
static uint8_t session64[64], http64[64], sha256[HASH_MAX], sha384[HASH_MAX],
    sha512[HASH_MAX];

struct bench {
    struct policy policy;
    const char *tees[2];
    struct tee_demands demands[1];
    struct measurement entry[2];
    struct measurement_value value[2][2];
    struct selfsame_bytes known[4];
    struct selfsame_claims claims;
    struct claim list[5];
    struct appraisal in;
    struct checks checks; /* what the verifier wrote */
    bool as_of;
};

static void
happy(struct bench *b)
{
    *b = (struct bench){
        .tees = { "toy", NULL },
        .demands = { { .tee = "toy" } },
        .known = { BYTES_ARR(next_build), BYTES_ARR(pcr0), BYTES_ARR(pcr1),
            BYTES_ARR(next_build) },
        .list = { { "pcr.0", CLAIM_BYTES, CLAIM_ALONE, BYTES_ARR(pcr0), 0 },
            { "pcr.1", CLAIM_BYTES, CLAIM_ALONE, BYTES_ARR(pcr1), 0 },
            { "module_id", CLAIM_TEXT, CLAIM_ALONE, BYTES_LIT("i-<b>"), 0 },
            { "count", CLAIM_UINT, CLAIM_ALONE, BYTES_NONE, UINT64_MAX },
            { "user_data", CLAIM_NULL, CLAIM_ALONE, BYTES_NONE, 0 } },
    };
    b->value[0][0] = (struct measurement_value){
        .path = "pcr.0", .claim = "pcr.0", .values = &b->known[3], .count = 1
    };
    b->value[0][1] = (struct measurement_value){
        .path = "pcr.1", .claim = "pcr.1", .values = &b->known[3], .count = 1
    };
    b->value[1][0] = (struct measurement_value){
        .path = "pcr.0", .claim = "pcr.0", .values = &b->known[0], .count = 2
    };
    b->value[1][1] = (struct measurement_value){
        .path = "pcr.1", .claim = "pcr.1", .values = &b->known[2], .count = 1
    };
    b->entry[0] = (struct measurement){ .tee = "toy",
        .source = "policy: measurements[0]",
        .paths = b->value[0],
        .count = 2 };
    b->entry[1] = (struct measurement){ .tee = "toy",
        .source = "policy: measurements[1]",
        .paths = b->value[1],
        .count = 2 };
    b->policy = (struct policy){
        .tees = b->tees,
        .demands = b->demands,
        .tee_count = 1,
        .measurements = b->entry,
        .measurement_count = 2,
        .nonce = true,
        .max_age_ms = 300000,
        .binding = BINDING_SESSION,
    };
    b->claims = (struct selfsame_claims){
        .tee = "toy",
        .authentic = true,
        .has_time = true,
        .time_ms = NOW_MS,
        .has_nonce_field = true,
        .nonce = BYTES_ARR(nonce),
        .report_data = BYTES_ARR(session64),
        .pins = pins,
        .list = b->list,
        .count = COUNT(b->list),
    };
    b->in = (struct appraisal){
        .now_ms = NOW_MS,
        .nonce = BYTES_ARR(nonce),
        .level = BINDING_SESSION,
        .binder = BYTES_ARR(session64),
    };
    b->checks.at[CHECK_PARSE].outcome = CHECK_PASS;
    b->checks.at[CHECK_CHAIN].outcome = CHECK_PASS;
    b->checks.at[CHECK_REVOCATION].outcome = CHECK_NA;
    b->checks.at[CHECK_SIGNATURE].outcome = CHECK_PASS;
    b->checks.at[CHECK_TCB].outcome = CHECK_NA;
}

static void
key_level(struct bench *b)
{
    b->policy.binding = BINDING_KEY;
    b->in.level = BINDING_KEY;
    b->in.binder = BYTES_ARR(http64);
    b->in.key = BYTES_ARR(spki);
    b->claims.report_data = BYTES_ARR(http64);
}

static void
judge(struct bench *b, struct arena *a, struct verdict *v)
{
    *v = (struct verdict){
        .checks = b->checks,
        .claims = b->claims,
        .as_of = b->in.as_of,
        .at_ms = b->in.now_ms,
    };
    appraise(&b->policy, &b->claims, &b->in, a, &v->checks);
    verdict_finish(v, &b->policy);
}

/* ---- one bend each ---- */

#define BEND(name, ...)               \
    static void name(struct bench *b) \
    {                                 \
        __VA_ARGS__                   \
    }
BEND(nothing, (void)b;)
BEND(no_nonce_sent, b->in.nonce = BYTES_NONE;)
BEND(no_nonce_sent_empty_answered, no_nonce_sent(b); b->claims.nonce = BYTES(nonce, 0);)
BEND(other_nonce, b->claims.nonce = BYTES_ARR(foreign_nonce);)
BEND(no_nonce_answered, b->claims.nonce = BYTES_NONE;)
BEND(short_nonce, b->claims.nonce.len--;)
BEND(too_old, b->claims.time_ms = NOW_MS - 300001;)
BEND(just_young, b->claims.time_ms = NOW_MS - 300000;)
BEND(in_the_future, b->claims.time_ms = NOW_MS + 60001;)
BEND(slightly_ahead, b->claims.time_ms = NOW_MS + 60000;)
BEND(far_future, b->claims.time_ms = INT64_MAX;)
BEND(far_past, b->claims.time_ms = INT64_MIN;)
BEND(no_time, b->claims.has_time = false;)
BEND(age_only_and_wrong_nonce, b->policy.nonce = false; other_nonce(b);)
BEND(age_only_no_nonce, b->policy.nonce = false; no_nonce_sent(b);)
BEND(nonce_only_old, b->policy.max_age_ms = 0; too_old(b);)
BEND(no_freshness, b->policy.nonce = false; b->policy.max_age_ms = 0;)
BEND(any_age_old, b->policy.insecure = INSECURE_ANY_AGE; too_old(b); no_nonce_sent(b);)
BEND(any_age_wrong_nonce, b->policy.insecure = INSECURE_ANY_AGE; other_nonce(b);)
BEND(any_age_no_answer, b->policy.insecure = INSECURE_ANY_AGE; no_nonce_answered(b);)
BEND(no_field_bound, b->claims.has_nonce_field = false; no_nonce_answered(b);)
BEND(no_field_foreign_key, key_level(b); no_field_bound(b);
     b->claims.report_data = BYTES_ARR(spki);)
BEND(no_field_http, key_level(b); no_field_bound(b);)
BEND(any_age_no_field, no_field_bound(b); b->policy.insecure = INSECURE_ANY_AGE;
     no_nonce_sent(b); too_old(b);)
BEND(any_age_no_field_bound, no_field_bound(b); too_old(b);
     b->policy.insecure = INSECURE_ANY_AGE;)
BEND(any_age_no_field_foreign_key, no_field_foreign_key(b);
     b->policy.insecure = INSECURE_ANY_AGE;)
BEND(any_age_no_field_no_key, no_field_bound(b); b->in.level = BINDING_NONE;
     b->in.binder = BYTES_NONE;
     b->policy.insecure = INSECURE_ANY_AGE | INSECURE_UNBOUND;)
BEND(any_age_no_field_other_session, no_field_bound(b);
     b->claims.report_data = BYTES_ARR(http64); b->policy.insecure = INSECURE_ANY_AGE;)
BEND(as_of, b->in.as_of = true;)

BEND(other_session, b->claims.report_data = BYTES_ARR(http64);)
BEND(no_report_data, b->claims.report_data = BYTES_NONE;)
BEND(nothing_to_compare, b->in.level = BINDING_NONE; b->in.binder = BYTES_NONE;)
BEND(session_without_binder, b->in.binder = BYTES_NONE; b->in.key = BYTES_ARR(spki);
     b->claims.public_key = BYTES_ARR(spki);)
BEND(session_without_binder_and_empty_data, session_without_binder(b);
     b->claims.report_data = BYTES(spki, 0);)
BEND(no_binding, b->policy.binding = BINDING_NONE;)
BEND(key_where_session, key_level(b); b->policy.binding = BINDING_SESSION;)
BEND(session_where_key, b->policy.binding = BINDING_KEY;)
BEND(key_by_binder, key_level(b);)
BEND(key_by_public_key, key_level(b); no_report_data(b);
     b->claims.public_key = BYTES_ARR(spki);)
BEND(public_key_beside_another_binder, key_level(b);
     b->claims.report_data = BYTES_ARR(session64);
     b->claims.public_key = BYTES_ARR(spki);)
BEND(public_key_beside_other_data, key_level(b);
     b->claims.report_data = BYTES_ARR(pcr0); b->claims.public_key = BYTES_ARR(spki);)
BEND(public_key_without_nonce, public_key_beside_another_binder(b);
     b->in.binder = BYTES_NONE;)
BEND(public_key_and_exact_data, public_key_beside_another_binder(b);
     b->in.report_data = BYTES_ARR(session64);)
BEND(key_by_report_data, key_level(b); b->claims.report_data = BYTES_ARR(spki);)
BEND(key_by_sha256, key_level(b); b->claims.report_data = BYTES(sha256, 32);)
BEND(key_by_sha384, key_level(b); b->claims.report_data = BYTES(sha384, 48);)
BEND(key_by_sha512, key_level(b); b->claims.report_data = BYTES(sha512, 64);)
BEND(key_by_half_sha256, key_level(b); b->claims.report_data = BYTES(sha256, 31);)
BEND(other_key, key_level(b); no_report_data(b);
     b->claims.public_key = BYTES_ARR(foreign_spki);)
BEND(exact, key_level(b); b->in.key = b->in.binder = BYTES_NONE;
     b->in.report_data = BYTES_ARR(http64);)
BEND(not_exact, key_level(b); b->in.report_data = BYTES_ARR(session64);)
BEND(key_without_level, key_level(b); b->in.level = BINDING_NONE; other_key(b);
     b->in.level = BINDING_NONE; b->policy.insecure = INSECURE_UNBOUND;)
BEND(unbound, b->policy.insecure = INSECURE_UNBOUND; nothing_to_compare(b);)
BEND(unbound_but_differs, b->policy.insecure = INSECURE_UNBOUND; other_session(b);)
BEND(unbound_key_only, key_where_session(b); b->policy.insecure = INSECURE_UNBOUND;)

BEND(debug, b->claims.debug = true;)
BEND(debug_allowed, debug(b); b->policy.insecure = INSECURE_DEBUG;)

BEND(other_pcr0, b->list[0].bytes = BYTES_ARR(other);)
BEND(other_pcr1, b->list[1].bytes = BYTES_ARR(pcr0);)
BEND(longer_pcr0, b->list[0].bytes = BYTES_ARR(longer);)
BEND(pcr0_as_text, b->list[0].kind = CLAIM_TEXT;)
BEND(pcr0_absent, b->list[0].path = "pcr.7";)
BEND(no_measurements, b->policy.measurement_count = 0;)
BEND(empty_entry, b->entry[1].count = 0; b->claims.pins = NULL; other_pcr1(b);)
BEND(one_pin_only, b->entry[1].count = 1; other_pcr1(b);)
BEND(of_another_tee, b->entry[0].tee = b->entry[1].tee = "snp";)
BEND(any_measurement, no_measurements(b);
     b->policy.insecure = INSECURE_ANY_MEASUREMENT;)

BEND(unlisted_tee, b->tees[0] = "snp";)
BEND(no_tee, b->policy.tee_count = 0;)
BEND(simulated, b->claims.simulated = true;)
BEND(simulated_allowed, simulated(b); b->policy.insecure = INSECURE_SIMULATED;)
BEND(any_anchor, b->claims.any_anchor = true;)
BEND(zero_policy, b->policy = (struct policy){ 0 };)

BEND(revoked, b->checks.at[CHECK_REVOCATION] = (struct check){
                  .outcome = CHECK_FAIL, .code = SELFSAME_REVOKED };)
BEND(revoked_allowed, revoked(b); b->policy.insecure = INSECURE_NO_REVOCATION;)
BEND(low_tcb, b->checks.at[CHECK_TCB] = (struct check){
                  .outcome = CHECK_FAIL, .code = SELFSAME_TCB };)
BEND(low_tcb_allowed, low_tcb(b); b->policy.insecure = INSECURE_ANY_TCB;)
BEND(any_anchor_waived, low_tcb_allowed(b); any_anchor(b);)
BEND(any_anchor_low, low_tcb(b); any_anchor(b);)
BEND(any_anchor_simulated, simulated_allowed(b); any_anchor(b);)
BEND(tcb_malformed, b->checks.at[CHECK_TCB] = (struct check){ .outcome = CHECK_FAIL,
                        .code = SELFSAME_MALFORMED };
     b->policy.insecure = INSECURE_ANY_TCB;)
BEND(bad_signature,
     b->checks.at[CHECK_SIGNATURE] = (struct check){ .outcome = CHECK_FAIL,
         .code = SELFSAME_BAD_SIGNATURE };
     b->claims.authentic = false;)
BEND(unparsed, b->checks = (struct checks){ 0 };
     b->checks.at[CHECK_PARSE] = (struct check){ .outcome = CHECK_FAIL,
         .code = SELFSAME_MALFORMED };
     b->claims = (struct selfsame_claims){ 0 };)
BEND(old_version, unparsed(b); b->checks.at[CHECK_PARSE].code = SELFSAME_UNSUPPORTED;)
BEND(not_authentic, b->claims.authentic = false;)
BEND(tcb_forgotten, b->checks.at[CHECK_TCB] = (struct check){ 0 };)
BEND(chain_skipped, b->checks.at[CHECK_CHAIN].outcome = CHECK_SKIPPED;
     b->policy.insecure = ~0u;)
BEND(signature_na, b->checks.at[CHECK_SIGNATURE].outcome = CHECK_NA;
     b->policy.insecure = ~0u;)

static const struct {
    const char *what;
    void (*bend)(struct bench *b);
    enum selfsame_code code;
    const char *status;
} cases[] = {
#define OK(bend)                              \
    {                                         \
#bend, bend, SELFSAME_OK, "affirming" \
    }
#define WARN(bend)                          \
    {                                       \
#bend, bend, SELFSAME_OK, "warning" \
    }
#define BAD(bend, code)                                 \
    {                                                   \
#bend, bend, SELFSAME_##code, "contraindicated" \
    }
#define NONE(bend, code)                     \
    {                                        \
#bend, bend, SELFSAME_##code, "none" \
    }
    OK(nothing),
    BAD(no_nonce_sent, STALE),
    BAD(no_nonce_sent_empty_answered, STALE),
    BAD(other_nonce, STALE),
    BAD(no_nonce_answered, STALE),
    BAD(short_nonce, STALE),
    BAD(too_old, STALE),
    OK(just_young),
    BAD(in_the_future, STALE),
    OK(slightly_ahead),
    BAD(far_future, STALE),
    BAD(far_past, STALE),
    BAD(no_time, STALE),
    BAD(age_only_and_wrong_nonce, STALE),
    OK(age_only_no_nonce),
    OK(nonce_only_old),
    BAD(no_freshness, STALE),
    WARN(any_age_old),
    BAD(any_age_wrong_nonce, STALE),
    BAD(any_age_no_answer, STALE),
    OK(no_field_bound),
    BAD(no_field_foreign_key, STALE),
    OK(no_field_http),
    WARN(any_age_no_field),
    WARN(any_age_no_field_bound),
    BAD(any_age_no_field_foreign_key, STALE),
    BAD(any_age_no_field_no_key, STALE),
    BAD(any_age_no_field_other_session, UNBOUND),
    WARN(as_of),

    BAD(other_session, UNBOUND),
    BAD(no_report_data, UNBOUND),
    BAD(nothing_to_compare, UNBOUND),
    BAD(session_without_binder, UNBOUND),
    BAD(session_without_binder_and_empty_data, UNBOUND),
    BAD(no_binding, UNBOUND),
    BAD(key_where_session, UNBOUND),
    OK(session_where_key),
    OK(key_by_binder),
    OK(key_by_public_key),
    BAD(public_key_beside_another_binder, UNBOUND),
    OK(public_key_beside_other_data),
    OK(public_key_without_nonce),
    OK(public_key_and_exact_data),
    OK(key_by_report_data),
    OK(key_by_sha256),
    OK(key_by_sha384),
    OK(key_by_sha512),
    BAD(key_by_half_sha256, UNBOUND),
    BAD(other_key, UNBOUND),
    OK(exact),
    BAD(not_exact, UNBOUND),
    BAD(key_without_level, UNBOUND),
    WARN(unbound),
    BAD(unbound_but_differs, UNBOUND),
    WARN(unbound_key_only),

    BAD(debug, DEBUG),
    WARN(debug_allowed),

    BAD(other_pcr0, MISMATCH),
    BAD(other_pcr1, MISMATCH),
    BAD(longer_pcr0, MISMATCH),
    BAD(pcr0_as_text, MISMATCH),
    BAD(pcr0_absent, MISMATCH),
    BAD(no_measurements, MISMATCH),
    BAD(empty_entry, MISMATCH),
    BAD(one_pin_only, MISMATCH),
    BAD(of_another_tee, MISMATCH),
    WARN(any_measurement),

    BAD(unlisted_tee, DENIED),
    BAD(no_tee, DENIED),
    BAD(simulated, DENIED),
    WARN(simulated_allowed),
    WARN(any_anchor),
    BAD(zero_policy, STALE),

    BAD(revoked, REVOKED),
    WARN(revoked_allowed),
    BAD(low_tcb, TCB),
    WARN(low_tcb_allowed),
    BAD(tcb_malformed, MALFORMED),
    BAD(bad_signature, BAD_SIGNATURE),
    NONE(unparsed, MALFORMED),
    NONE(old_version, UNSUPPORTED),
    NONE(not_authentic, INTERNAL),
    NONE(tcb_forgotten, INTERNAL),
    NONE(chain_skipped, INTERNAL),
    NONE(signature_na, INTERNAL),
};

static void
each_bend_has_its_class_and_status(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        struct bench b;
        struct verdict v;

        happy(&b);
        cases[i].bend(&b);
        judge(&b, &a, &v);
        if (v.code != cases[i].code || strcmp(v.status, cases[i].status) != 0)
            fail_msg("%s: wanted %s, %s; got %s, %s (%s)", cases[i].what,
                selfsame_code_name(cases[i].code), cases[i].status,
                selfsame_code_name(v.code), v.status, err_text(&v.err));
        assert_int_equal(v.accepted, cases[i].code == SELFSAME_OK);
        assert_int_equal(v.err.code, v.code);
        for (size_t k = 0; k < CHECK_COUNT; k++)
            assert_true(v.checks.at[k].outcome != CHECK_MISSING ||
                        cases[i].bend == tcb_forgotten);
    }
}

static void
every_failing_check_is_listed(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct bench b;
    struct verdict v;

    happy(&b);
    bad_signature(&b);
    other_nonce(&b);
    no_report_data(&b);
    debug(&b);
    low_tcb(&b);
    other_pcr0(&b);
    simulated(&b);
    judge(&b, &a, &v);
    static const struct {
        enum check_name name;
        enum selfsame_code code;
    } want[] = {
        { CHECK_SIGNATURE, SELFSAME_BAD_SIGNATURE },
        { CHECK_FRESHNESS, SELFSAME_STALE },
        { CHECK_BINDING, SELFSAME_UNBOUND },
        { CHECK_DEBUG, SELFSAME_DEBUG },
        { CHECK_TCB, SELFSAME_TCB },
        { CHECK_MEASUREMENT, SELFSAME_MISMATCH },
        { CHECK_POLICY, SELFSAME_DENIED },
    };
    /* Healing the first makes the next one decide. */
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_int_equal(v.code, want[i].code);
        assert_int_equal(v.first, want[i].name);
        assert_int_equal(v.checks.at[want[i].name].code, want[i].code);
        v.checks.at[want[i].name] = (struct check){ .outcome = CHECK_PASS };
        v.claims.authentic = true;
        verdict_finish(&v, &b.policy);
    }
    assert_int_equal(v.code, SELFSAME_OK);
}

static void
the_nearest_entry_is_shown(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct bench b;
    struct verdict v;

    happy(&b);
    other_pcr1(&b);
    judge(&b, &a, &v);
    const struct check *k = &v.checks.at[CHECK_MEASUREMENT];
    assert_string_equal(k->source, "policy: measurements[1].pcr.1");
    assert_string_equal(k->expected, "05060708");
    assert_string_equal(k->got, "01020304");
}

/* With every word at once a lie about nonce, session or key is still refused. */
static void
no_insecure_word_excuses_what_was_given_and_differs(void **state)
{
    (void)state;
    void (*const lies[])(struct bench *) = { other_nonce, no_nonce_answered,
        other_session, no_report_data, other_key, not_exact, bad_signature, unparsed,
        unlisted_tee, not_authentic };

    for (size_t i = 0; i < COUNT(lies); i++) {
        auto_arena a = arena_new(1 << 20);
        struct bench b;
        struct verdict v;

        happy(&b);
        lies[i](&b);
        b.policy.insecure = ~0u;
        judge(&b, &a, &v);
        assert_int_not_equal(v.code, SELFSAME_OK);
        assert_false(v.accepted);
    }
}

static void
a_full_arena_never_accepts_more(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(cases); i++)
        for (long at = 1; at < 40; at++) {
            auto_arena a = arena_new(1 << 20);
            struct bench b;
            struct verdict v;

            a.fail_at = at;
            happy(&b);
            cases[i].bend(&b);
            judge(&b, &a, &v);
            assert_int_equal(v.code, cases[i].code);
        }
}

/* ---- verdict ---- */

static json_t *
as_json(const struct verdict *v)
{
    struct selfsame_err e = { 0 };
    char *text = NULL;
    json_t *j = NULL;

    assert_code(verdict_json(v, &text, &e), SELFSAME_OK, &e);
    assert_code(json_parse(bytes_str(text), "verdict", &j, &e), SELFSAME_OK, &e);
    free(text);
    return j;
}

static const char *
member(const json_t *j, const char *name)
{
    const char *s = json_string_value(json_object_get(j, name));
    return s != NULL ? s : "(not a string)";
}

static void
the_json_has_every_member_of_the_contract(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct bench b;
    struct verdict v;

    happy(&b);
    as_of(&b);
    b.policy.insecure = INSECURE_DEBUG | INSECURE_ANY_TCB;
    judge(&b, &a, &v);
    auto_json *j = as_json(&v);
    static const char *const names[] = { "selfsame", "result", "status", "tee",
        "simulated", "debug", "trust_anchor", "as_of", "insecure", "identity", "claims",
        "chain", "checks", "trust_vector", "error" };
    for (size_t i = 0; i < COUNT(names); i++)
        assert_non_null(json_object_get(j, names[i]));
    assert_int_equal(json_object_size(j), COUNT(names));
    assert_string_equal(member(j, "result"), "ok");
    assert_string_equal(member(j, "status"), "warning");
    assert_string_equal(member(j, "as_of"), "2026-01-02T03:04:05Z");
    assert_string_equal(member(j, "trust_anchor"), "pinned");
    assert_true(json_is_null(json_object_get(j, "error")));
    json_t *words = json_object_get(j, "insecure");
    assert_int_equal(json_array_size(words), 2);
    assert_string_equal(json_string_value(json_array_get(words, 0)), "debug");
    json_t *claims = json_object_get(j, "claims");
    assert_string_equal(member(json_object_get(claims, "pcr"), "0"), "01020304");
    assert_string_equal(member(claims, "module_id"), "i-<b>");
    assert_string_equal(member(claims, "count"), "18446744073709551615");
    assert_true(json_is_null(json_object_get(claims, "user_data")));
    json_t *checks = json_object_get(j, "checks");
    assert_int_equal(json_array_size(checks), CHECK_COUNT);
    for (size_t i = 0; i < CHECK_COUNT; i++)
        assert_string_equal(
            member(json_array_get(checks, i), "name"), check_word((enum check_name)i));
}

static void
a_refusal_says_class_message_and_remedy(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct bench b;
    struct verdict v;

    happy(&b);
    other_pcr0(&b);
    judge(&b, &a, &v);
    auto_json *j = as_json(&v);
    json_t *error = json_object_get(j, "error");
    assert_string_equal(member(j, "result"), "mismatch");
    assert_string_equal(member(error, "class"), "mismatch");
    assert_non_null(strstr(member(error, "message"), "pcr.0"));
    assert_string_equal(
        member(error, "remedy"), selfsame_code_remedy(SELFSAME_MISMATCH));
    assert_int_equal(json_array_size(json_object_get(error, "chain")), 1);
    json_t *k = json_array_get(json_object_get(j, "checks"), CHECK_MEASUREMENT);
    assert_string_equal(member(k, "class"), "mismatch");
    assert_string_equal(member(k, "got"), "09090909");
}

static void
the_verifiers_own_error_is_kept(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct bench b;
    struct verdict v = { 0 };

    happy(&b);
    bad_signature(&b);
    v.checks = b.checks;
    v.claims = b.claims;
    (void)err_set(&v.err, SELFSAME_BAD_SIGNATURE, "x.c", 1, "r is zero");
    (void)err_wrap(&v.err, SELFSAME_BAD_SIGNATURE, "x.c", 2, "document signature");
    appraise(&b.policy, &b.claims, &b.in, &a, &v.checks);
    verdict_finish(&v, &b.policy);
    auto_json *j = as_json(&v);
    json_t *chain = json_object_get(json_object_get(j, "error"), "chain");
    assert_int_equal(json_array_size(chain), 2);
    assert_string_equal(
        json_string_value(json_array_get(chain, 0)), "document signature");
}

static void
claims_of_forged_evidence_are_not_told(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct bench b;
    struct verdict v;

    happy(&b);
    bad_signature(&b);
    judge(&b, &a, &v);
    auto_json *j = as_json(&v);
    assert_int_equal(json_object_size(json_object_get(j, "claims")), 0);
}

static void
the_zero_verdict_rejects(void **state)
{
    (void)state;
    const struct verdict v = { 0 };
    auto_json *j = as_json(&v);

    assert_string_equal(member(j, "result"), "internal");
    assert_string_equal(member(j, "status"), "none");
}

static void
the_trust_vector_follows_the_checks(void **state)
{
    (void)state;
    static const struct {
        void (*bend)(struct bench *b);
        const char *name;
        int value;
        size_t size;
    } rows[] = {
        { nothing, "hardware", 2, 4 },
        { nothing, "executables", 3, 4 },
        { nothing, "configuration", 2, 4 },
        { nothing, "runtime-opaque", 2, 4 },
        { other_pcr0, "executables", 33, 4 },
        { any_measurement, "executables", 33, 4 },
        { debug, "configuration", 96, 4 },
        { debug, "runtime-opaque", 96, 4 },
        { simulated_allowed, "hardware", 97, 3 },
        { low_tcb, "hardware", 96, 4 },
        { low_tcb_allowed, "hardware", 32, 4 },
        { revoked, "hardware", 96, 4 },
        /* No vendor stands behind a root of the caller (0: no such member). */
        { any_anchor, "hardware", 0, 2 },
        { any_anchor_waived, "hardware", 0, 2 },
        { any_anchor_low, "hardware", 96, 3 },
        { any_anchor_simulated, "hardware", 97, 3 },
        { bad_signature, "sourced-data", 99, 8 },
        { bad_signature, "executables", 99, 8 },
        { unparsed, NULL, 0, 0 },
        { tcb_forgotten, NULL, 0, 0 },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena a = arena_new(1 << 20);
        struct bench b;
        struct verdict v;

        happy(&b);
        rows[i].bend(&b);
        judge(&b, &a, &v);
        auto_json *j = as_json(&v);
        json_t *vector = json_object_get(j, "trust_vector");
        assert_int_equal(json_object_size(vector), rows[i].size);
        if (rows[i].name != NULL)
            assert_int_equal(json_integer_value(json_object_get(vector, rows[i].name)),
                rows[i].value);
    }
}

static void
text_that_is_no_utf8_still_gives_json(void **state)
{
    (void)state;
    struct verdict v = { 0 };

    v.checks.at[CHECK_PARSE] = (struct check){
        .outcome = CHECK_FAIL,
        .code = SELFSAME_MALFORMED,
        .detail = "cut \xc3",
    };
    auto_json *j = as_json(&v);
    assert_string_equal(
        member(json_array_get(json_object_get(j, "checks"), 0), "detail"), "cut ?");
}

static long countdown;

static void *
scarce_malloc(size_t n)
{
    return countdown > 0 && --countdown == 0 ? NULL : malloc(n);
}

static void
json_survives_every_failed_allocation(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct bench b;
    struct verdict v;
    bool done = false;

    struct selfsame_err e = { 0 };
    char *whole = NULL;
    size_t failed = 0;

    happy(&b);
    other_pcr0(&b);
    judge(&b, &a, &v);
    assert_code(verdict_json(&v, &whole, &e), SELFSAME_OK, &e);
    json_set_alloc_funcs(scarce_malloc, free);
    for (long at = 1; !done; at++) {
        char *text = NULL;

        countdown = at;
        enum selfsame_code c = verdict_json(&v, &text, &e);
        done = countdown > 0;
        /* jansson can do without some of its allocations, but nothing may be lost */
        if (c == SELFSAME_OK)
            assert_string_equal(text, whole);
        else {
            assert_int_equal(c, SELFSAME_NOMEM);
            assert_null(text);
            failed++;
        }
        free(text);
        assert_true(at < 5000);
    }
    free(whole);
    assert_true(failed > 100);
    countdown = 0;
    json_set_alloc_funcs(malloc, free);
}

static int
setup(void **state)
{
    struct binder b;

    (void)state;
    if (!binder_session(
            &b, BINDER_SERVER, BYTES_LIT("request"), BYTES_ARR(ekm), BYTES_ARR(spki)) ||
        !binder64(&b, session64) ||
        !binder_http(&b, BYTES_ARR(nonce), BYTES_ARR(spki)) || !binder64(&b, http64))
        return -1;
    return hash_bytes(HASH_SHA256, BYTES_ARR(spki), sha256) &&
                   hash_bytes(HASH_SHA384, BYTES_ARR(spki), sha384) &&
                   hash_bytes(HASH_SHA512, BYTES_ARR(spki), sha512)
               ? 0
               : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bend_has_its_class_and_status),
        cmocka_unit_test(every_failing_check_is_listed),
        cmocka_unit_test(the_nearest_entry_is_shown),
        cmocka_unit_test(no_insecure_word_excuses_what_was_given_and_differs),
        cmocka_unit_test(a_full_arena_never_accepts_more),
        cmocka_unit_test(the_json_has_every_member_of_the_contract),
        cmocka_unit_test(a_refusal_says_class_message_and_remedy),
        cmocka_unit_test(the_verifiers_own_error_is_kept),
        cmocka_unit_test(claims_of_forged_evidence_are_not_told),
        cmocka_unit_test(the_zero_verdict_rejects),
        cmocka_unit_test(the_trust_vector_follows_the_checks),
        cmocka_unit_test(text_that_is_no_utf8_still_gives_json),
        cmocka_unit_test(json_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
