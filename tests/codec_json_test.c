/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"

static enum selfsame_code
parse_and_drop(struct selfsame_bytes in, struct selfsame_err *e)
{
    auto_json *j = NULL;

    return json_parse(in, "policy", &j, e);
}

static void
good_texts_keep_their_order(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;
    static const char in[] =
        "{\"b\": [1, -2, true, null, \"\\u00fc/\"],\n \"a\": {}}\n";

    assert_code(json_parse(BYTES_LIT(in), "policy", &j, &e), SELFSAME_OK, &e);
    char *text = json_compact(j);
    assert_string_equal(text, "{\"b\":[1,-2,true,null,\"\xc3\xbc/\"],\"a\":{}}");
    free(text);
    text = json_pretty(j);
    assert_non_null(strstr(text, "\n  \"a\": {}\n}\n"));
    free(text);
}

static void
what_jansson_would_let_pass_is_refused(void **state)
{
    (void)state;
    static const struct selfsame_bytes bad[] = {
        { (const uint8_t *)"", 0 },
        { NULL, 0 },
        { (const uint8_t *)"{}x", 3 },
        { (const uint8_t *)"{}\0", 3 },
        { (const uint8_t *)"[] []", 5 },
        { (const uint8_t *)"1", 1 },
        { (const uint8_t *)"\"a\"", 3 },
        { (const uint8_t *)"{\"a\":1,\"a\":1}", 13 },
        { (const uint8_t *)"{\"a\":1,\"\\u0061\":1}", 18 },
        { (const uint8_t *)"[\"\\u0000\"]", 10 },
        { (const uint8_t *)"{\"\\u0000\":1}", 12 },
        { (const uint8_t *)"[\"\0\"]", 5 },
        { (const uint8_t *)"[\"\xff\"]", 5 },
        { (const uint8_t *)"[\"\xc0\x80\"]", 6 },
        { (const uint8_t *)"[\"\\ud800\"]", 10 },
        { (const uint8_t *)"\xef\xbb\xbf[]", 5 },
        { (const uint8_t *)"[1,]", 4 },
        { (const uint8_t *)"[01]", 4 },
        { (const uint8_t *)"[18446744073709551616]", 22 },
        { (const uint8_t *)"[1e999]", 7 },
        { (const uint8_t *)"[NaN]", 5 },
        { (const uint8_t *)"['a']", 5 },
        { (const uint8_t *)"[\"a\n\"]", 6 },
        { (const uint8_t *)"{a:1}", 5 },
        { (const uint8_t *)"[/**/]", 6 },
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };

        if (parse_and_drop(bad[i], &e) != SELFSAME_MALFORMED)
            fail_msg("accepted: number %zu", i);
    }
}

static void
nesting_stops_at_64(void **state)
{
    (void)state;
    uint8_t in[2 * (JSON_DEPTH + 1)];
    struct selfsame_err e = { 0 };

    memset(in, '[', JSON_DEPTH);
    memset(in + JSON_DEPTH, ']', JSON_DEPTH);
    assert_code(parse_and_drop(BYTES(in, 2 * JSON_DEPTH), &e), SELFSAME_OK, &e);
    memset(in, '[', JSON_DEPTH + 1);
    memset(in + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
    assert_code(parse_and_drop(BYTES_ARR(in), &e), SELFSAME_MALFORMED, &e);
    assert_string_equal(err_text(&e), "policy, line 1: expected at most 64 levels");
    /* Brackets in strings are text. */
    static uint8_t text[300] = "[\"\\\"";
    memset(text + 4, '[', 200);
    memcpy(text + 204, "\"]", 2);
    assert_code(parse_and_drop(BYTES(text, 206), &e), SELFSAME_OK, &e);
}

static void
size_and_number_of_values_are_limited(void **state)
{
    (void)state;
    size_t n = JSON_LIMIT + 1;
    uint8_t *in = malloc(n);
    struct selfsame_err e = { 0 };

    assert_non_null(in);
    memset(in, ' ', n);
    in[0] = '[';
    in[1] = ']';
    assert_code(parse_and_drop(BYTES(in, n), &e), SELFSAME_MALFORMED, &e);
    assert_code(parse_and_drop(BYTES(in, n - 1), &e), SELFSAME_OK, &e);
    for (size_t i = 1; i < 2 * JSON_VALUES; i += 2) {
        in[i] = '1';
        in[i + 1] = ',';
    }
    memcpy(in + 2 * JSON_VALUES - 1, "1]", 2);
    assert_code(
        parse_and_drop(BYTES(in, 2 * JSON_VALUES + 1), &e), SELFSAME_MALFORMED, &e);
    assert_non_null(strstr(err_text(&e), "values"));
    free(in);
}

static void
errors_name_line_and_column_in_plain_letters(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };

    assert_code(parse_and_drop(BYTES_LIT("{\n  \"a\": 1,\n  \"a\": 2\n}"), &e),
        SELFSAME_MALFORMED, &e);
    assert_non_null(strstr(err_text(&e), "policy, line 3, column 5: "));
    assert_non_null(strstr(err_text(&e), "duplicate"));
    assert_code(parse_and_drop(BYTES_LIT("[\"\x1b[2J\"]"), &e), SELFSAME_MALFORMED, &e);
    for (const char *p = err_text(&e); *p != '\0'; p++)
        assert_true(*p >= ' ' && *p <= '~');
}

static void
every_truncation_is_refused(void **state)
{
    (void)state;
    static const char in[] = "{\"a\": [1, {\"b\": \"\\u00fc\"}], \"c\": null}";
    struct selfsame_err e = { 0 };

    for (size_t n = 0; n < sizeof(in) - 1; n++)
        assert_code(
            parse_and_drop(BYTES((const uint8_t *)in, n), &e), SELFSAME_MALFORMED, &e);
}

static void
lines_of_members_are_found(void **state)
{
    (void)state;
    static const char in[] = "{\n"                           /* 1 */
                             " \"x\": \"}\\\"]{\",\n"        /* 2 */
                             " \"tee\": {\"list\": [1,2,\n"  /* 3 */
                             "   3],\n"                      /* 4 */
                             "   \"nitro\"\n"                /* 5 */
                             "   : true},\n"                 /* 6 */
                             " \"measurements\": [\n"        /* 7 */
                             "   {\"pcr\": 0, \"v\": []},\n" /* 8 */
                             "   {\"pcr\": 1,\n"             /* 9 */
                             "    \"v\": [[],[{}, \"]\",\n"  /* 10 */
                             "      7]]}]\n"                 /* 11 */
                             "}\n";
    static const struct {
        const char *path;
        int line;
    } cases[] = {
        { "", 1 },
        { "x", 2 },
        { "tee", 3 },
        { "tee.list", 3 },
        { "tee.list[0]", 3 },
        { "tee.list[2]", 4 },
        { "tee.nitro", 5 },
        { "measurements", 7 },
        { "measurements[0]", 8 },
        { "measurements[0].pcr", 8 },
        { "measurements[1].pcr", 9 },
        { "measurements[1].v", 10 },
        { "measurements[1].v[1][1]", 10 },
        { "measurements[1].v[1][2]", 11 },
        { "y", 0 },
        { "te", 0 },
        { "teee", 0 },
        { "x.y", 0 },
        { "x[0]", 0 },
        { "tee.list[3]", 0 },
        { "measurements[2]", 0 },
        { "measurements[1].v[0][0]", 0 },
        { "measurements[", 0 },
        { "measurements[0", 0 },
        { "measurements[-1]", 0 },
        { ".", 0 },
        { "]", 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        if (json_line_of(BYTES_LIT(in), cases[i].path) != cases[i].line)
            fail_msg("%s: expected line %d, got %d", cases[i].path, cases[i].line,
                json_line_of(BYTES_LIT(in), cases[i].path));
}

static void
a_cut_text_has_no_line_or_a_true_one(void **state)
{
    (void)state;
    static const char in[] = "{\"a\":\n[1,\n{\"b\\\"\":\"c\",\"d\":[\n]}]}";

    for (size_t n = 0; n < sizeof(in); n++) {
        int line = json_line_of(BYTES((const uint8_t *)in, n), "a[1].d");

        assert_true(line == 0 || line == 3);
    }
    assert_int_equal(json_line_of(BYTES_LIT(in), "a[1].d"), 3);
}

static int countdown; /* allocations until one fails */
static void *
scarce_malloc(size_t n)
{
    return --countdown == 0 ? NULL : malloc(n);
}

/* jansson calls some of them a syntax error, which is a refusal too; most it does not explain. */
static void
every_failed_allocation_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char in[] =
        "{\"a\": [1, 2.5, true, null, \"text\"], \"b\": {\"c\": {}}}";
    enum selfsame_code code;
    int n = 0, unexplained = 0;

    do {
        struct selfsame_err e = { 0 };

        countdown = ++n;
        json_set_alloc_funcs(scarce_malloc, free);
        code = parse_and_drop(BYTES_LIT(in), &e);
        json_set_alloc_funcs(malloc, free);
        assert_true(
            code == SELFSAME_OK || code == SELFSAME_NOMEM ||
            (code == SELFSAME_MALFORMED && strstr(err_text(&e), "line -1") == NULL));
        unexplained += code == SELFSAME_NOMEM;
    } while (code != SELFSAME_OK);
    assert_true(unexplained > 10);
}

/* The writer is ours for speed; the form stays jansson's. */
static void
one_line_is_byte_for_byte_what_jansson_writes(void **state)
{
    static const char *const texts[] = { "{}", "[]",
        "[0,-1,9223372036854775807,-9223372036854775808]",
        "[1.5,1e300,0.1,5.0,-0.0,1e-7,123456789.123456789]", "[true,false,null,\"\"]",
        "{\"z\":{\"b\":[{}],\"a\":[[]]},\"a\":\"\\ud83d\\ude00/\",\"m\":1}",
        "{\"a\":\"\\u00e9\\u20ac\"}",
        "[\"\\u0001\\u0002\\b\\f\\n\\r\\t\\u001f\\\"\\\\\\u007f\"]",
        "{\"\\n\\\"\":{\"\\u0010\":0}}" };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct selfsame_err e = { 0 };
        auto_json *j = NULL;

        assert_code(json_parse(bytes_str(texts[i]), "test", &j, &e), SELFSAME_OK, &e);
        char *theirs = json_dumps(j, JSON_COMPACT), *ours = json_compact(j);
        assert_string_equal(ours, theirs);
        free(theirs);
        free(ours);
        theirs = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
        ours = json_sorted(j);
        assert_string_equal(ours, theirs);
        free(theirs);
        free(ours);
    }
    auto_json *long_one = json_sprintf("%5000d\n%5000d", 1, 2);
    char *theirs = json_dumps(long_one, JSON_COMPACT | JSON_ENCODE_ANY);
    char *ours = json_compact(long_one);
    assert_string_equal(ours, theirs);
    free(theirs);
    free(ours);
    assert_null(json_compact(NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_keep_their_order),
        cmocka_unit_test(what_jansson_would_let_pass_is_refused),
        cmocka_unit_test(nesting_stops_at_64),
        cmocka_unit_test(size_and_number_of_values_are_limited),
        cmocka_unit_test(errors_name_line_and_column_in_plain_letters),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(lines_of_members_are_found),
        cmocka_unit_test(a_cut_text_has_no_line_or_a_true_one),
        cmocka_unit_test(every_failed_allocation_is_refused_with_a_sentence),
        cmocka_unit_test(one_line_is_byte_for_byte_what_jansson_writes),
    };

    return cmocka_run_group_tests_name("codec/json", tests, NULL, NULL);
}
