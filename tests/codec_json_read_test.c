/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "codec/json_read.h"

static bool
reads(struct selfsame_bytes in)
{
    struct jread j = jread_of(in);

    (void)jread_skip(&j);
    return jread_done(&j);
}

static void
values_are_handed_out_where_they_stand(void **state)
{
    (void)state;
    static const char in[] =
        " {\"a\" : [1, 22,\t\"x\"],\n\"b\":{ \"c\":null } , \"d\":7}\r\n";
    struct jread j = jread_of(BYTES_LIT(in));
    struct selfsame_bytes name, b = BYTES_NONE;
    uint64_t d = 0;
    size_t numbers = 0;

    struct jread_object o = jread_object(&j);
    while (jread_member(&j, &o, &name)) {
        if (name.ptr[0] == 'a') {
            struct jread_array a = jread_array(&j);

            while (jread_element(&j, &a))
                if (a.count <= 2)
                    numbers += jread_uint(&j, 22);
                else
                    assert_bytes(jread_text(&j), BYTES_LIT("x"));
        } else if (name.ptr[0] == 'b') {
            b = jread_skip(&j);
        } else {
            d = jread_uint(&j, UINT64_MAX);
        }
    }
    assert_true(jread_done(&j));
    assert_int_equal(numbers, 23);
    assert_int_equal(d, 7);
    assert_bytes(b, BYTES_LIT("{ \"c\":null }"));
}

static void
what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "", " ", "{", "[", "}", "{}x", "{}{}", "[1,]",
        "[,1]", "{,}", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":}", "{a:1}", "[01]", "[-]",
        "[1.]", "[1e]", "[.5]", "[+1]", "[NaN]", "[tru]", "[nul]", "['a']", "[\"\\x\"]",
        "[\"\\u12g4\"]", "[\"\\u12\"]", "[\"\\ud800\"]", "[\"\\udc00\"]",
        "[\"\\ud800\\u0041\"]", "[\"\\u0000\"]", "[\"a]", "[\"\n\"]",
        "{\"a\":1,\"a\":2}", "{\"a\":{\"b\":1,\"b\":1}}", "{\"\\u0061\":1}",
        "[\"\xff\"]", "[\"\xc0\x80\"]", "\xef\xbb\xbf[]", "[1 2]", "[1}", "{\"a\":1]" };
    static const char *const good[] = { "{}", "[]", "[[],{}]", "[0]", "[-0.5e+10]",
        "[true,false,null]", "[\"\\u00fc\\n\\\"\"]", "[\"\\ud83d\\uDE00\"]",
        "[\"\xc3\xbc\"]", "7", "\"a\"", "{\"a\":1,\"b\":1,\"\":2}" };

    for (size_t i = 0; i < COUNT(bad); i++)
        if (reads(bytes_str(bad[i])))
            fail_msg("read: %s", bad[i]);
    for (size_t i = 0; i < COUNT(good); i++)
        if (!reads(bytes_str(good[i])))
            fail_msg("refused: %s", good[i]);
    assert_false(reads(BYTES_LIT("[\"\0\"]")));
    assert_false(reads(BYTES_LIT("[]\0")));
    assert_false(reads(BYTES_NONE));
}

static void
numbers_outside_their_range_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "256", "-1", "1.0", "1e1", "\"1\"", "true",
        "99999999999999999999999" };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct jread j = jread_of(bytes_str(bad[i]));

        assert_int_equal(jread_uint(&j, 255), 0);
        assert_false(jread_done(&j));
    }
    struct jread j = jread_of(BYTES_LIT("255"));
    assert_int_equal(jread_uint(&j, 255), 255);
    assert_true(jread_done(&j));
}

static void
depth_and_counts_have_bounds(void **state)
{
    (void)state;
    char deep[2 * JREAD_DEPTH + 3], wide[12 * (JREAD_MEMBERS + 2)];
    size_t n = 0;

    for (size_t depth = JREAD_DEPTH; depth <= JREAD_DEPTH + 1; depth++) {
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        assert_int_equal(
            reads(BYTES((uint8_t *)deep, 2 * depth)), depth == JREAD_DEPTH);
    }
    for (int members = JREAD_MEMBERS; members <= JREAD_MEMBERS + 1; members++) {
        n = 0;
        for (int i = 0; i < members; i++)
            n += (size_t)snprintf(
                wide + n, sizeof(wide) - n, "%s\"m%d\":1", i == 0 ? "{" : ",", i);
        wide[n++] = '}';
        assert_int_equal(reads(BYTES((uint8_t *)wide, n)), members == JREAD_MEMBERS);
    }
}

/* Objects that are open share one list of names; inner ones leave it as it was. */
static void
names_of_nested_objects_have_a_bound(void **state)
{
    (void)state;
    enum { INNER = JREAD_MEMBERS - 1 };
    static char in[16 * JREAD_MEMBERS * 8];

    for (size_t levels = 4; levels <= 5; levels++) {
        size_t n = 0;

        for (size_t l = 0; l < levels; l++) {
            n += (size_t)snprintf(in + n, sizeof(in) - n, "{");
            for (size_t i = 0; i < INNER; i++)
                n += (size_t)snprintf(in + n, sizeof(in) - n, "\"m%zu\":1,", i);
            n += (size_t)snprintf(in + n, sizeof(in) - n, "\"in\":");
        }
        n += (size_t)snprintf(in + n, sizeof(in) - n, "1");
        for (size_t l = 0; l < levels; l++)
            in[n++] = '}';
        assert_int_equal(
            reads(BYTES((uint8_t *)in, n)), levels * JREAD_MEMBERS <= JREAD_NAMES);
    }
    assert_true(reads(BYTES_LIT("{\"a\":{\"a\":{\"b\":1},\"b\":{\"a\":1}},\"b\":1}")));
    assert_false(reads(BYTES_LIT("{\"a\":{\"b\":{\"c\":1}},\"b\":2,\"a\":1}")));
    assert_false(reads(BYTES_LIT("{\"x\":{\"a\":{\"c\":1},\"a\":1}}")));
}

/* Whatever this reader takes, jansson takes too. */
static void
jansson_agrees_on_every_change_of_a_byte(void **state)
{
    (void)state;
    static const char in[] = "{\"tcb\":{\"isvsvn\":10,\"l\":[1,-2.5e3,true]},\"s\":"
                             "\"a\\n\xc3\xbc\",\"n\":null}";
    size_t taken = 0;

    for (size_t i = 0; i < sizeof(in) - 1; i++)
        for (unsigned c = 0; c < 256; c++) {
            uint8_t changed[sizeof(in)];
            struct selfsame_err e = { 0 };
            auto_json *j = NULL;

            memcpy(changed, in, sizeof(in));
            changed[i] = (uint8_t)c;
            if (!reads(BYTES(changed, sizeof(in) - 1)))
                continue;
            taken++;
            if (json_parse(BYTES(changed, sizeof(in) - 1), "changed", &j, &e) !=
                SELFSAME_OK)
                fail_msg("jansson refuses: %.*s", (int)sizeof(in) - 1, (char *)changed);
        }
    assert_true(taken > sizeof(in));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_handed_out_where_they_stand),
        cmocka_unit_test(what_is_no_json_is_refused),
        cmocka_unit_test(numbers_outside_their_range_are_refused),
        cmocka_unit_test(depth_and_counts_have_bounds),
        cmocka_unit_test(names_of_nested_objects_have_a_bound),
        cmocka_unit_test(jansson_agrees_on_every_change_of_a_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
