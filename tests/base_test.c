/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/checks.h"
#include "base/claims.h"

static void
hex_is_strict(void **state)
{
    (void)state;
    uint8_t out[4];
    size_t n = 99;

    assert_true(hex_decode("00fF", 4, out, sizeof(out), &n));
    assert_int_equal(n, 2);
    assert_int_equal(out[1], 0xff);
    assert_false(hex_decode("0", 1, out, sizeof(out), &n));
    assert_false(hex_decode("0g", 2, out, sizeof(out), &n));
    assert_false(hex_decode("0011223344", 10, out, sizeof(out), &n));
}

static void
base64_round_trips_and_has_one_encoding(void **state)
{
    (void)state;
    uint8_t in[61], out[64];
    char text[BASE64_SIZE(61)];
    size_t n;

    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 37 + 11);
    for (size_t len = 0; len <= sizeof(in); len++)
        for (int url = 0; url < 2; url++) {
            size_t k = base64_encode(BYTES(in, len), url, text);

            assert_true(base64_decode(text, k, url, out, sizeof(out), &n));
            assert_bytes(BYTES(out, n), BYTES(in, len));
        }
    static const char *const bad[] = { "QQ",
        "QQ=", "QR==", "QQ==QQ==", "Q Q=", "=QQ=", "QQ-_" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(
            base64_decode(bad[i], strlen(bad[i]), false, out, sizeof(out), &n));
    assert_false(base64_decode("QQ==", 4, true, out, sizeof(out), &n));
    assert_false(base64_decode("Q", 1, true, out, sizeof(out), &n));
    assert_false(base64_decode("QR", 2, true, out, sizeof(out), &n));
    assert_false(base64_decode("QUJD", 4, true, out, 2, &n));
}

static void
times_parse_and_format(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t s;
    } good[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2000-02-29T12:00:00Z", 951825600 },
        { "2026-01-02T03:04:05+01:00", 1767319445 },
        { "2026-01-02T03:04:05.999Z", 1767323045 },
        { "1767323045", 1767323045 },
    };
    static const char *const bad[] = { "", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00",
        "2026-01-01T00:00:00Z ", "12345678901234", "-1", "2026-01-01T00:00:00.Z" };
    int64_t s;
    char text[TIME_TEXT];

    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(time_parse(good[i].text, &s));
        assert_int_equal(s, good[i].s);
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(time_parse(bad[i], &s));
    for (int64_t t = -86400 * 800; t < 5000000000; t += 86399 * 31 + 7) {
        time_format(t, text);
        assert_true(time_parse(text, &s));
        assert_int_equal(s, t);
    }
}

static void
durations_need_a_unit(void **state)
{
    (void)state;
    int64_t ms;

    assert_true(duration_parse("5m", &ms));
    assert_int_equal(ms, 300000);
    assert_true(duration_parse("7d", &ms));
    assert_int_equal(ms, 7 * 86400000LL);
    assert_false(duration_parse("5", &ms));
    assert_false(duration_parse("m", &ms));
    assert_false(duration_parse("-5m", &ms));
    assert_false(duration_parse("5mm", &ms));
    assert_false(duration_parse("99999999999d", &ms));
}

static void
arena_keeps_its_limit_and_fails_on_request(void **state)
{
    (void)state;
    auto_arena a = arena_new(1024);

    assert_non_null(arena_alloc(&a, 1, 1000));
    assert_false(a.full);
    assert_null(arena_alloc(&a, 1, 32));
    assert_true(a.full);
    assert_null(arena_alloc(&a, SIZE_MAX / 2, 4));
    arena_free(&a);
    a = arena_new(1 << 20);
    a.fail_at = 2;
    assert_non_null(arena_alloc(&a, 1, 1));
    assert_null(arena_alloc(&a, 1, 1));
    assert_false(a.full);
    assert_non_null(arena_printf(&a, "%d", 5));
    assert_non_null(arena_alloc(&a, 1, 300000));
}

static void
readers_and_writers_latch(void **state)
{
    (void)state;
    static const uint8_t in[] = { 1, 2, 3, 4, 5 };
    struct reader r = reader_of(BYTES_ARR(in));
    uint8_t out[3];
    struct writer w = writer_of(out, sizeof(out));

    assert_int_equal(get_be16(&r), 0x0102);
    assert_int_equal(get_le16(&r), 0x0403);
    assert_int_equal(get_be32(&r), 0);
    assert_int_equal(get_u8(&r), 0);
    assert_false(reader_done(&r));
    put_be16(&w, 0x0102);
    put_be16(&w, 0x0304);
    put_u8(&w, 5);
    assert_true(w.bad);
    assert_int_equal(w.need, 5);
    assert_null(writer_bytes(&w).ptr);
}

static void
utf8_refuses_what_rfc_3629_refuses(void **state)
{
    (void)state;
    assert_true(utf8_valid(BYTES_LIT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\x92")));
    static const char *const bad[] = { "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\x80", "\xc3", "\xe2\x82", "\xff" };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(utf8_valid(bytes_str(bad[i])));
}

static void
checks_start_rejected_and_keep_the_first_failure(void **state)
{
    (void)state;
    struct checks c = { 0 };
    enum check_name first;

    assert_int_equal(checks_code(&c, &first), SELFSAME_INTERNAL);
    for (enum check_name i = 0; i < CHECK_COUNT; i++)
        checks_put(&c, i, (struct check){ .outcome = CHECK_PASS });
    assert_int_equal(checks_code(&c, &first), SELFSAME_OK);
    checks_put(&c, CHECK_MEASUREMENT,
        (struct check){ .outcome = CHECK_FAIL, .code = SELFSAME_MISMATCH });
    checks_put(&c, CHECK_MEASUREMENT, (struct check){ .outcome = CHECK_PASS });
    checks_put(&c, CHECK_CHAIN,
        (struct check){ .outcome = CHECK_FAIL, .code = SELFSAME_BAD_CHAIN });
    assert_int_equal(checks_code(&c, &first), SELFSAME_BAD_CHAIN);
    assert_int_equal(first, CHECK_CHAIN);
    assert_int_equal(c.at[CHECK_MEASUREMENT].outcome, CHECK_FAIL);
}

static void
errors_print_outermost_first(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    char text[64];

    (void)err_set(&e, SELFSAME_STALE, "f", 1, "nonce differs");
    (void)err_wrap(&e, SELFSAME_STALE, "f", 2, "verifying");
    size_t n = selfsame_err_print(&e, text, sizeof(text));
    assert_int_equal(n, strlen(text));
    assert_string_equal(text, "verifying: nonce differs [stale]");
    assert_int_equal(selfsame_err_print(&e, text, 8), 7);
    for (int i = 0; i < 10; i++)
        (void)err_wrap(&e, SELFSAME_STALE, "f", 2, "level %d", i);
    assert_int_equal(e.depth, SELFSAME_ERR_FRAMES);
}

static void
errors_cut_between_characters(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    char in[2 * SELFSAME_ERR_TEXT + 4];

    /* One, two, three and four bytes a character, at every place of the cut. */
    static const char *const letters[] = { "e", "\xc3\xa9", "\xe2\x82\xac",
        "\xf0\x9f\x94\x92" };
    for (size_t k = 0; k < COUNT(letters); k++)
        for (size_t pad = 0; pad < 4; pad++) {
            size_t n = pad, len = strlen(letters[k]);

            memset(in, 'a', pad);
            for (; n + len < sizeof(in); n += len)
                memcpy(in + n, letters[k], len);
            in[n] = '\0';
            (void)err_set(&e, SELFSAME_IO, "f", 1, "%s", in);
            assert_true(utf8_valid(bytes_str(err_text(&e))));
            assert_null(strchr(err_text(&e), '?'));
            assert_true(strlen(err_text(&e)) + len >= SELFSAME_ERR_TEXT);
        }
}

static void
errors_command_no_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "a\x1b[31mb\x7f", "a?[31mb?" },
        { "a\xc2\x9b"
          "31mb",
            "a?31mb" }, /* C1 */
        { "a\xe2\x80\xae"
          "b\xe2\x81\xa6",
            "a?b?" },                                    /* overrides direction */
        { "\xef\xbb\xbf\xd8\x9c\xe2\x80\x8b.", "???." }, /* invisible */
        { "a\x9b\xc3_\xff", "a??_?" },                   /* no UTF-8 */
        { "\xc3\xa9\xe2\x82\xac \"\\", "\xc3\xa9\xe2\x82\xac \"\\" }, /* plain */
        { "\xe2\x82", "??" },
        { "", "" },
    };
    struct selfsame_err e = { 0 };
    char text[64];

    for (size_t i = 0; i < COUNT(cases); i++) {
        (void)err_set(&e, SELFSAME_IO, "f", 1, "%s", cases[i].in);
        assert_string_equal(err_text(&e), cases[i].out);
        (void)err_wrap(&e, SELFSAME_IO, "f", 1, "%s", cases[i].in);
        (void)selfsame_err_print(&e, text, sizeof(text));
        assert_true(strlen(text) == 2 * strlen(cases[i].out) + strlen(":  [io]"));
    }
}

static void
text_is_cut_between_characters(void **state)
{
    (void)state;
    struct selfsame_bytes in = BYTES_LIT("a\xe2\x82\xac");

    assert_int_equal(text_cut(in, 0), 0);
    assert_int_equal(text_cut(in, 1), 1);
    assert_int_equal(text_cut(in, 2), 1);
    assert_int_equal(text_cut(in, 3), 1);
    assert_int_equal(text_cut(in, 4), 4);
    assert_int_equal(text_cut(in, 9), 4);
    assert_int_equal(text_cut(BYTES_NONE, 9), 0);
}

static bool
named_in(const void *ctx, const char *path)
{
    return strstr(ctx, path) != NULL;
}

static void
pins_are_all_of_one_list(void **state)
{
    static const char *const one[] = { "a", "b", NULL };
    static const char *const two[] = { "a", "b", PINS_OR, "c", "d", NULL };

    (void)state;
    assert_true(pins_named(NULL, named_in, ""));
    assert_true(pins_named(one, named_in, "ab"));
    assert_false(pins_named(one, named_in, "a"));
    assert_false(pins_named(one, named_in, "b"));
    assert_true(pins_named(two, named_in, "ab"));
    assert_true(pins_named(two, named_in, "cd"));
    assert_true(pins_named(two, named_in, "abc"));
    assert_false(pins_named(two, named_in, "ac"));
    assert_false(pins_named(two, named_in, "bd"));
    assert_false(pins_named(two, named_in, ""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins_are_all_of_one_list),
        cmocka_unit_test(hex_is_strict),
        cmocka_unit_test(base64_round_trips_and_has_one_encoding),
        cmocka_unit_test(times_parse_and_format),
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(arena_keeps_its_limit_and_fails_on_request),
        cmocka_unit_test(readers_and_writers_latch),
        cmocka_unit_test(utf8_refuses_what_rfc_3629_refuses),
        cmocka_unit_test(checks_start_rejected_and_keep_the_first_failure),
        cmocka_unit_test(errors_print_outermost_first),
        cmocka_unit_test(errors_cut_between_characters),
        cmocka_unit_test(errors_command_no_terminal),
        cmocka_unit_test(text_is_cut_between_characters),
    };

    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
