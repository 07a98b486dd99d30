/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "verifier/metrics.h"

#include <pthread.h>
#include <unistd.h>

static const char *const operations[] = { "verify", "nonce", NULL };
enum { THREADS = 40, ROUNDS = 5000 };

static const char *
text_of(const struct metrics *m, const struct metrics_now *now, struct arena *arena)
{
    struct selfsame_bytes text = BYTES_NONE;
    struct selfsame_err e = { 0 };

    assert_code(metrics_text(m, now, arena, &text, &e), SELFSAME_OK, &e);
    char *s = arena_str(arena, text);
    assert_non_null(s);
    return s;
}

/* The value of a whole line; -1: there is none. */
static double
value(const char *text, const char *series)
{
    const size_t len = strlen(series);

    for (const char *p = text; p != NULL; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (strncmp(p, series, len) == 0 && p[len] == ' ')
            return strtod(p + len + 1, NULL);
    return -1;
}
#define V "selfsame_verifier_"

static void
test_what_is_added_is_told(void **state)
{
    auto_metrics *m = NULL;
    auto_arena arena = arena_new(1 << 22);
    struct selfsame_err e = { 0 };
    const struct metrics_now now = { .ready = true,
        .start_ms = 1767323045678,
        .queued = 3,
        .connections = -1,
        .nonces_room = -1 };

    (void)state;
    assert_code(metrics_new(operations, &m, &e), SELFSAME_OK, &e);
    metrics_add_answer(m, "verify", 200);
    metrics_add_answer(m, operations[0], 200);
    metrics_add_answer(m, "nonce", 503);
    metrics_add_answer(m, NULL, 404);
    metrics_add_answer(m, "another", 999);
    metrics_add_verdict(m, "default", "nitro", SELFSAME_OK);
    metrics_add_verdict(m, "default", "nitro", SELFSAME_MISMATCH);
    metrics_add_verdict(m, "a\"b\\c\nd", NULL, SELFSAME_MISMATCH);
    const char *text = text_of(m, &now, &arena);
    assert_true(
        value(text, V "answers_total{operation=\"verify\",status=\"200\"}") == 2);
    assert_true(
        value(text, V "answers_total{operation=\"nonce\",status=\"503\"}") == 1);
    assert_true(value(text, V "answers_total{operation=\"none\",status=\"404\"}") == 1);
    assert_true(
        value(text, V "answers_total{operation=\"none\",status=\"other\"}") == 1);
    assert_true(
        value(text, V "answers_total{operation=\"verify\",status=\"503\"}") < 0);
    assert_true(value(text, V "verdicts_total{tenant=\"default\",tee=\"nitro\","
                              "class=\"ok\"}") == 1);
    assert_true(value(text, V "verdicts_total{tenant=\"a\\\"b\\\\c\\nd\",tee=\"none\","
                              "class=\"mismatch\"}") == 1);
    assert_true(value(text, V "queued") == 3);
    assert_true(value(text, V "ready") == 1 && value(text, V "draining") == 0);
    assert_true(value(text, V "connections") < 0);
    assert_true(value(text, "process_start_time_seconds") == 1767323045.678);
    assert_true(value(text, "process_resident_memory_bytes") > 1e6);
    assert_true(value(text, "process_open_fds") >= 3);
}

static void
test_times_fall_into_buckets(void **state)
{
    static const struct {
        int64_t us;
        const char *le;
    } rows[] = { { -5, "5e-05" }, { 0, "5e-05" }, { 50, "5e-05" }, { 51, "0.0001" },
        { 1000, "0.001" }, { 9999999, "10" }, { 10000001, "+Inf" } };
    auto_metrics *m = NULL;
    auto_arena arena = arena_new(1 << 22);
    struct selfsame_err e = { 0 };
    const struct metrics_now now = { 0 };

    (void)state;
    assert_code(metrics_new(operations, &m, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char series[120];
        (void)snprintf(series, sizeof(series),
            V "stage_seconds_bucket{stage=\"sign\",le=\"%s\"}", rows[i].le);
        const double before = value(text_of(m, &now, &arena), series);
        metrics_add_time(m, METRICS_SIGN, rows[i].us);
        assert_true(value(text_of(m, &now, &arena), series) == before + 1);
    }
    const char *text = text_of(m, &now, &arena);
    assert_true(value(text, V "stage_seconds_bucket{stage=\"sign\",le=\"+Inf\"}") == 7);
    assert_true(value(text, V "stage_seconds_count{stage=\"sign\"}") == 7);
    assert_true(value(text, V "stage_seconds_sum{stage=\"sign\"}") > 20.001);
    assert_true(value(text, V "stage_seconds_count{stage=\"read\"}") == 0);
}

/* Whoever makes tenants, or names TEEs, makes no more series than there is room for. */
static void
test_names_are_bounded(void **state)
{
    auto_metrics *m = NULL;
    auto_arena arena = arena_new(1 << 22);
    struct selfsame_err e = { 0 };
    const struct metrics_now now = { 0 };
    char tenant[32];
    size_t lines = 0;

    (void)state;
    assert_code(metrics_new(operations, &m, &e), SELFSAME_OK, &e);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(tenant, sizeof(tenant), "tenant-%d", i);
        metrics_add_verdict(m, tenant, "nitro", SELFSAME_OK);
    }
    const char *text = text_of(m, &now, &arena);
    for (const char *p = text; (p = strstr(p, V "verdicts_total{")) != NULL; p++)
        lines++;
    assert_int_equal(lines, METRICS_TENANTS + 1);
    assert_true(value(text, V "verdicts_total{tenant=\"other\",tee=\"nitro\","
                              "class=\"ok\"}") == 1000 - METRICS_TENANTS);
    assert_true(value(text, V "verdicts_total{tenant=\"tenant-63\",tee=\"nitro\","
                              "class=\"ok\"}") == 1);
}

static void *
count(void *ctx)
{
    static const char *const tenants[] = { "a", "b", "c" };
    struct metrics *m = ctx;

    for (int i = 0; i < ROUNDS; i++) {
        metrics_add_answer(m, "verify", 200);
        metrics_add_time(m, METRICS_WHOLE, i);
        metrics_add_verdict(m, tenants[i % 3], "snp", SELFSAME_OK);
    }
    return NULL;
}

static void
test_nothing_is_lost_between_threads(void **state)
{
    auto_metrics *m = NULL;
    auto_arena arena = arena_new(1 << 22);
    struct selfsame_err e = { 0 };
    const struct metrics_now now = { 0 };
    pthread_t t[THREADS];

    (void)state;
    assert_code(metrics_new(operations, &m, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, count, m), 0);
    (void)text_of(m, &now, &arena); /* while they count */
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    const char *text = text_of(m, &now, &arena);
    const double all = (double)THREADS * ROUNDS;
    assert_true(
        value(text, V "answers_total{operation=\"verify\",status=\"200\"}") == all);
    assert_true(value(text, V "stage_seconds_count{stage=\"whole\"}") == all);
    double verdicts = 0;
    static const char *const series[] = { V
        "verdicts_total{tenant=\"a\",tee=\"snp\",class=\"ok\"}",
        V "verdicts_total{tenant=\"b\",tee=\"snp\",class=\"ok\"}",
        V "verdicts_total{tenant=\"c\",tee=\"snp\",class=\"ok\"}" };
    for (size_t i = 0; i < COUNT(series); i++)
        verdicts += value(text, series[i]);
    assert_true(verdicts == all);
}

static void
test_no_room_is_said(void **state)
{
    auto_metrics *m = NULL;
    struct selfsame_err e = { 0 };
    const struct metrics_now now = { 0 };
    struct selfsame_bytes text = BYTES_NONE;
    auto_arena small = arena_new(16);
    static const char *many[METRICS_OPERATIONS + 2];

    (void)state;
    assert_code(metrics_new(operations, &m, &e), SELFSAME_OK, &e);
    assert_code(metrics_text(m, &now, &small, &text, &e), SELFSAME_NOMEM, &e);
    assert_null(text.ptr);
    for (size_t i = 0; i <= METRICS_OPERATIONS; i++)
        many[i] = "x";
    auto_metrics *other = NULL;
    assert_code(metrics_new(many, &other, &e), SELFSAME_INTERNAL, &e);
}

/* For metrics.sh, which lets another program read it. */
static int
print(const char *path)
{
    auto_metrics *m = NULL;
    auto_arena arena = arena_new(1 << 22);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes text = BYTES_NONE;
    const struct metrics_now now = { .start_ms = 1, .snapshot_made_ms = 1767323045678 };
    FILE *f = fopen(path, "we");

    if (f == NULL || metrics_new(operations, &m, &e) != SELFSAME_OK)
        return 1;
    (void)count(m);
    metrics_add_verdict(m, "a\"b\\c\nd", NULL, SELFSAME_MISMATCH);
    if (metrics_text(m, &now, &arena, &text, &e) != SELFSAME_OK)
        return 1;
    const bool written = fwrite(text.ptr, 1, text.len, f) == text.len;
    return fclose(f) == 0 && written ? 0 : 1;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_added_is_told),
        cmocka_unit_test(test_times_fall_into_buckets),
        cmocka_unit_test(test_names_are_bounded),
        cmocka_unit_test(test_nothing_is_lost_between_threads),
        cmocka_unit_test(test_no_room_is_said),
    };

    if (argc == 2)
        return print(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
