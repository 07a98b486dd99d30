/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "appraise/appraise.h"

/*
 * Measurements that name a list of the claims, as the events of a register: each of the
 * list must be known, and there must be one.
 */
static const char *const pins[] = { "mrtd", "events.1", NULL };
static const char *const zeros[] = { "rtmr.2", NULL };
static const struct tee_facts facts[] = {
    { .name = "toy", .pins = pins, .zeros = zeros },
};

#define A "aa000001"
#define B "bb000002"
#define C "cc000003"
#define POLICY(entries)                                                      \
    "{\"selfsame_policy\":1,\"tee\":{\"toy\":{}},\"measurements\":[" entries \
    "],\"freshness\":{\"nonce\":true},\"binding\":\"key\"}"
#define ENTRY(mrtd, list) \
    "{\"tee\":\"toy\",\"mrtd\":\"" mrtd "\",\"events\":{\"1\":[" list "]}}"

static struct claim
claim_of(const char *path, const char *hex, enum claim_shape shape, struct arena *a)
{
    return (struct claim){
        .path = path, .kind = CLAIM_BYTES, .shape = shape, .bytes = unhex(hex, a)
    };
}

/* Of evidence with these events ("" ends them). */
static struct check
judge(const char *json, const struct claim *list, size_t count)
{
    static struct arena a;
    struct selfsame_err e = { .depth = 0 };
    struct policy policy;
    struct checks checks = { .at[CHECK_PARSE].outcome = CHECK_PASS };
    const struct selfsame_claims claims = {
        .tee = "toy", .authentic = true, .pins = pins, .list = list, .count = count
    };
    const struct appraisal in = { .now_ms = 1 };

    arena_free(&a);
    a = arena_new(1 << 20);
    assert_code(
        policy_parse(bytes_str(json), facts, 1, &a, &policy, &e), SELFSAME_OK, &e);
    const struct measurement *m = appraise(&policy, &claims, &in, &a, &checks);
    assert_int_equal(m != NULL, checks.at[CHECK_MEASUREMENT].outcome == CHECK_PASS);
    return checks.at[CHECK_MEASUREMENT];
}

static void
each_of_a_list_must_be_known(void **state)
{
    static const struct {
        const char *what, *json;
        const char *event[4];
        bool fits;
        const char *got;
    } cases[] = {
        { "one of one", POLICY(ENTRY("01", "\"" A "\"")), { A }, true, NULL },
        { "one of two", POLICY(ENTRY("01", "\"" A "\",\"" B "\"")), { B }, true, NULL },
        { "in another order", POLICY(ENTRY("01", "\"" A "\",\"" B "\"")), { B, A },
            true, NULL },
        { "one twice", POLICY(ENTRY("01", "\"" A "\"")), { A, A }, true, NULL },
        { "another", POLICY(ENTRY("01", "\"" A "\"")), { B }, false, B },
        { "another at the end", POLICY(ENTRY("01", "\"" A "\",\"" B "\"")), { A, B, C },
            false, C },
        { "another between", POLICY(ENTRY("01", "\"" A "\",\"" B "\"")), { A, C, B },
            false, C },
        { "longer", POLICY(ENTRY("01", "\"" A "\"")), { A "00" }, false, A "00" },
        { "shorter", POLICY(ENTRY("01", "\"" A "\"")), { "aa0000" }, false, "aa0000" },
        { "values of two entries",
            POLICY(ENTRY("01", "\"" A "\"") "," ENTRY("01", "\"" B "\"")), { A, B },
            false, B },
        { "the second entry",
            POLICY(ENTRY("01", "\"" A "\"") "," ENTRY("01", "\"" B "\"")), { B }, true,
            NULL },
        { "of another firmware", POLICY(ENTRY("02", "\"" A "\"")), { A }, false, "01" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena a = arena_new(1 << 16);
        struct claim list[6] = { claim_of("mrtd", "01", CLAIM_ALONE, &a),
            claim_of("events.0", C, CLAIM_EACH, &a) };
        size_t n = 2;

        for (size_t k = 0; k < 4 && cases[i].event[k] != NULL; k++)
            list[n++] = claim_of("events.1", cases[i].event[k], CLAIM_EACH, &a);
        const struct check check = judge(cases[i].json, list, n);
        if ((check.outcome == CHECK_PASS) != cases[i].fits)
            fail_msg("%s: expected it to %s", cases[i].what,
                cases[i].fits ? "fit" : "differ");
        if (!cases[i].fits) {
            assert_int_equal(check.code, SELFSAME_MISMATCH);
            assert_string_equal(check.got, cases[i].got);
        }
        arena_free(&a);
    }
}

/* Evidence without a log must not pass for having nothing unknown. */
static void
a_list_that_is_not_there_or_empty_is_no_match(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct claim list[2] = { claim_of("mrtd", "01", CLAIM_ALONE, &a) };
    const char json[] = POLICY(ENTRY("01", "\"" A "\""));

    (void)state;
    struct check check = judge(json, list, 1);
    assert_int_equal(check.code, SELFSAME_MISMATCH);
    assert_non_null(strstr(check.detail, "nothing proves events.1"));
    list[1] = (struct claim){
        .path = "events.1", .kind = CLAIM_NULL, .shape = CLAIM_EACH
    };
    assert_int_equal(judge(json, list, 2).code, SELFSAME_MISMATCH);
    list[1] = claim_of("events.1", A, CLAIM_EACH, &a);
    list[1].kind = CLAIM_TEXT;
    assert_int_equal(judge(json, list, 2).code, SELFSAME_MISMATCH);
    list[1] = claim_of("events.10", A, CLAIM_EACH, &a);
    assert_int_equal(judge(json, list, 2).code, SELFSAME_MISMATCH);
    arena_free(&a);
}

static void
policies_that_pin_no_event_are_refused(void **state)
{
    static const char *const bad[] = {
        POLICY(ENTRY("01", "")),
        POLICY(ENTRY("01", "\"\"")),
        POLICY(ENTRY("01", "\"00000000\"")),
        POLICY(ENTRY("01", "\"xy\"")),
        POLICY(ENTRY("01", "null")),
        POLICY(ENTRY("01", "\"" A "\",1")),
        POLICY("{\"tee\":\"toy\",\"mrtd\":\"01\",\"events\":{}}"),
        POLICY("{\"tee\":\"toy\",\"mrtd\":\"01\",\"events\":[\"" A "\"]}"),
        POLICY("{\"tee\":\"toy\",\"mrtd\":\"01\",\"events\":{\"2\":[\"" A "\"]}}"),
        POLICY("{\"tee\":\"toy\",\"mrtd\":\"01\"}"),
        POLICY("{\"tee\":\"toy\",\"mrtd\":\"01\",\"events.1\":[\"" A "\"]}"),
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena a = arena_new(1 << 20);
        struct selfsame_err e = { .depth = 0 };
        struct policy p;
        enum selfsame_code code = policy_parse(bytes_str(bad[i]), facts, 1, &a, &p, &e);

        if (code != SELFSAME_USAGE)
            fail_msg("%s: expected usage, got %s", bad[i], selfsame_code_name(code));
        arena_free(&a);
    }
}

/* A register that nothing extended is zero: an entry may say so of those alone. */
static void
zeros_are_expected_where_the_tee_has_them(void **state)
{
    static const struct {
        const char *json;
        enum selfsame_code code;
    } cases[] = {
#define WITH(member) \
    POLICY(          \
        "{\"tee\":\"toy\",\"mrtd\":\"01\",\"events\":{\"1\":[\"" A "\"]}," member "}")
        { WITH("\"rtmr\":{\"2\":[\"0000\"]}"), SELFSAME_OK },
        { WITH("\"rtmr\":{\"2\":[\"\"]}"), SELFSAME_USAGE },
        { WITH("\"rtmr\":{\"2\":[]}"), SELFSAME_USAGE },
        { WITH("\"rtmr\":{\"1\":[\"0000\"]}"), SELFSAME_USAGE },
        { WITH("\"rtmr\":{\"20\":[\"0000\"]}"), SELFSAME_USAGE },
#undef WITH
    };
    struct arena a = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selfsame_err e = { .depth = 0 };
        struct policy p;

        assert_code(policy_parse(bytes_str(cases[i].json), facts, 1, &a, &p, &e),
            cases[i].code, &e);
    }
    struct claim list[3] = { claim_of("mrtd", "01", CLAIM_ALONE, &a),
        claim_of("events.1", A, CLAIM_EACH, &a),
        claim_of("rtmr.2", "0000", CLAIM_INDEXED, &a) };
    assert_int_equal(judge(cases[0].json, list, 3).outcome, CHECK_PASS);
    list[2] = claim_of("rtmr.2", "0001", CLAIM_INDEXED, &a);
    assert_int_equal(judge(cases[0].json, list, 3).code, SELFSAME_MISMATCH);
    assert_int_equal(judge(cases[0].json, list, 2).code, SELFSAME_MISMATCH);
    arena_free(&a);
}

/* What `measure --event-log` says beside the digests is no part of an entry. */
static void
the_output_of_measure_is_a_measurement(void **state)
{
    static const char json[] =
        "{\"tee\":\"toy\",\"mrtd\":\"01\",\"events\":{\"1\":[\"" A
        "\"]},\"event_log\":{\"rtmr\":[\"00\"],\"log\":[]}}";
    struct arena a = arena_new(1 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct policy p = { .tee_count = 0 };

    (void)state;
    assert_code(
        policy_add_measurements(&p, bytes_str(json), "log.json", facts, 1, &a, &e),
        SELFSAME_OK, &e);
    assert_int_equal(p.measurement_count, 1);
    assert_int_equal(p.measurements[0].count, 2);
    assert_string_equal(p.measurements[0].paths[1].path, "events.1");
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_a_list_must_be_known),
        cmocka_unit_test(a_list_that_is_not_there_or_empty_is_no_match),
        cmocka_unit_test(policies_that_pin_no_event_are_refused),
        cmocka_unit_test(zeros_are_expected_where_the_tee_has_them),
        cmocka_unit_test(the_output_of_measure_is_a_measurement),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
