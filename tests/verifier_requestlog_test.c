/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "verifier/requestlog.h"

struct said {
    char line[2100];
    unsigned count;
};

static void
hear(void *ctx, const char *line)
{
    struct said *s = ctx;

    (void)snprintf(s->line, sizeof(s->line), "%s", line);
    s->count++;
}

static const struct requestlog_line plain = {
    .at_ms = 1767323045678,
    .now_us = 1,
    .request = "00112233445566778899aabbccddeeff",
    .method = "POST",
    .operation = "verify",
    .status = 200,
    .code = SELFSAME_MISMATCH,
    .verdict = "contraindicated",
    .tenant = "default",
    .key = "ci",
    .peer = "192.0.2.1",
    .took_us = 1234,
    .in = 5000,
    .out = 900,
};

static void
test_a_request_is_one_line(void **state)
{
    auto_requestlog *l = NULL;
    struct said s = { 0 };
    struct selfsame_err e = { 0 };
    const struct requestlog_config c = { .peers = true, .write = hear, .ctx = &s };

    (void)state;
    assert_code(requestlog_new(&c, &l, &e), SELFSAME_OK, &e);
    requestlog_add(l, &plain);
    assert_string_equal(s.line,
        "{\"at\":\"2026-01-02T03:04:05.678Z\",\"event\":\"request\","
        "\"request\":\"00112233445566778899aabbccddeeff\",\"method\":\"POST\","
        "\"operation\":\"verify\",\"status\":200,\"class\":\"mismatch\","
        "\"verdict\":\"contraindicated\",\"tenant\":\"default\",\"key\":\"ci\","
        "\"peer\":\"192.0.2.1\",\"took_us\":1234,\"in\":5000,\"out\":900}");
}

static void
test_nobody_is_named_unless_asked_for(void **state)
{
    auto_requestlog *l = NULL;
    struct said s = { 0 };
    struct selfsame_err e = { 0 };
    const struct requestlog_config c = { .write = hear, .ctx = &s };
    const struct requestlog_line least = { .status = 404, .peer = "192.0.2.1" };

    (void)state;
    assert_code(requestlog_new(&c, &l, &e), SELFSAME_OK, &e);
    requestlog_add(l, &least);
    assert_string_equal(s.line,
        "{\"at\":\"1970-01-01T00:00:00.000Z\",\"event\":\"request\",\"method\":\"-\","
        "\"operation\":\"none\",\"status\":404,\"took_us\":0,\"in\":0,\"out\":0}");
}

/* Whatever stands in the texts, a line is one line and one object, and its texts are short. */
static void
test_texts_of_strangers_stay_texts(void **state)
{
    auto_requestlog *l = NULL;
    struct said s = { 0 };
    struct selfsame_err e = { 0 };
    const struct requestlog_config c = { .per_second = 1000, .write = hear, .ctx = &s };
    struct requestlog_line line = plain;
    char text[400];

    (void)state;
    assert_code(requestlog_new(&c, &l, &e), SELFSAME_OK, &e);
    for (unsigned b = 1; b < 256; b++) {
        (void)snprintf(text, sizeof(text), "a%cb\",\"status\":500,\"x\":\"%c%c", (int)b,
            (int)b, (int)b);
        line.tenant = line.request = line.key = line.verdict = text;
        line.now_us += 1000;
        requestlog_add(l, &line);
        assert_int_equal(s.count, b);
        assert_null(strpbrk(s.line, "\n\r\t\x1b\x7f"));
        json_t *j = json_loads(s.line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(j);
        assert_int_equal(json_integer_value(json_object_get(j, "status")), 200);
        const char *got = json_string_value(json_object_get(j, "tenant"));
        assert_int_equal(got[0], 'a');
        json_decref(j);
    }
    memset(text, '"', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    line.method = line.operation = line.peer = text;
    line.now_us += 1000;
    requestlog_add(l, &line);
    json_t *j = json_loads(s.line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    assert_int_equal(strlen(json_string_value(json_object_get(j, "tenant"))), 128);
    json_decref(j);
}

static void
test_a_flood_is_bounded_and_said(void **state)
{
    auto_requestlog *l = NULL;
    struct said s = { 0 };
    struct selfsame_err e = { 0 };
    const struct requestlog_config c = { .per_second = 10, .write = hear, .ctx = &s };
    struct requestlog_line line = plain;

    (void)state;
    assert_code(requestlog_new(&c, &l, &e), SELFSAME_OK, &e);
    for (int i = 0; i < 1000; i++)
        requestlog_add(l, &line);
    assert_int_equal(s.count, 50); /* five seconds' worth */
    assert_int_equal(requestlog_left_out(l), 950);
    /* Trouble is heard through the flood. */
    line.status = 503;
    requestlog_add(l, &line);
    assert_int_equal(s.count, 52); /* how many were left out, and the line */
    line.status = 200;
    line.now_us += 100000; /* room for one again */
    requestlog_add(l, &line);
    assert_int_equal(s.count, 53);
    requestlog_add(l, &line);
    assert_int_equal(s.count, 53);
    line.now_us += 100000;
    requestlog_add(l, &line);
    assert_int_equal(s.count, 55);
    /* A clock that went back gives nothing and takes nothing. */
    line.now_us = 1;
    requestlog_add(l, &line);
    assert_int_equal(s.count, 55);
    assert_int_equal(requestlog_left_out(l), 952);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_one_line),
        cmocka_unit_test(test_nobody_is_named_unless_asked_for),
        cmocka_unit_test(test_texts_of_strangers_stay_texts),
        cmocka_unit_test(test_a_flood_is_bounded_and_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
