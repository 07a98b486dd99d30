/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/toml.h"

static void
is(const char *text, const char *want)
{
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;

    assert_code(toml_parse(bytes_str(text), "text", &j, &e), SELFSAME_OK, &e);
    char *got = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(got);
    if (strcmp(got, want) != 0)
        fail_msg("%s: expected %s, got %s", text, want, got);
    free(got);
}

/* Examples of the specification, toml.io/en/v1.0.0. */
static void
what_the_specification_shows_is_read(void **state)
{
    (void)state;
    is("", "{}");
    is("# a comment\n\n  \t\r\n", "{}");
    is("a = 1", "{\"a\":1}");
    is("a-b_1 = true # yes\r\n\"quoted \\u00e9\" = false\n'x.y' = 'z'\n",
        "{\"a-b_1\":true,\"quoted \303\251\":false,\"x.y\":\"z\"}");
    is("fruit.name = \"banana\"\nfruit. color = \"yellow\"\nfruit . \"a.b\" = 1\n",
        "{\"fruit\":{\"a.b\":1,\"color\":\"yellow\",\"name\":\"banana\"}}");
    is("a = \"\\b\\t\\n\\f\\r\\\"\\\\\\U0001F600\"\n",
        "{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\360\237\230\200\"}");
    is("a = \"\"\"\nRoses\n  Violets \\\n\n   end\"\"\"\"\"\n",
        "{\"a\":\"Roses\\n  Violets end\\\"\\\"\"}");
    is("a = '''\nC:\\x''y'''\n", "{\"a\":\"C:\\\\x''y\"}");
    is("a = +99\nb = 0\nc = -17\nd = 1_000\ne = 0xdead_BEEF\nf = 0o17\ng = 0b101\n",
        "{\"a\":99,\"b\":0,\"c\":-17,\"d\":1000,\"e\":3735928559,\"f\":15,\"g\":5}");
    is("a = 9223372036854775807\nb = -9223372036854775808\n",
        "{\"a\":9223372036854775807,\"b\":-9223372036854775808}");
    is("a = [ 1, [2,\n 3, # x\n ], \"x\", ]\nb = []\n",
        "{\"a\":[1,[2,3],\"x\"],\"b\":[]}");
    is("a = { x = 1, y.z = \"q\" }\nb = {}\n",
        "{\"a\":{\"x\":1,\"y\":{\"z\":\"q\"}},\"b\":{}}");
    is("[a]\nx = 1\n[a.b.c]\ny = 2\n[ a . b ]\nz = 3\n",
        "{\"a\":{\"b\":{\"c\":{\"y\":2},\"z\":3},\"x\":1}}");
    is("[[p]]\nn = 1\n[p.q]\nr = 2\n[[p]]\nn = 3\n[[p.s]]\nt = 4\n",
        "{\"p\":[{\"n\":1,\"q\":{\"r\":2}},{\"n\":3,\"s\":[{\"t\":4}]}]}");
    is("[fruit]\napple.color = 1\n[fruit.apple.taste]\nsweet = true\n",
        "{\"fruit\":{\"apple\":{\"color\":1,\"taste\":{\"sweet\":true}}}}");
}

static void
what_it_forbids_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = { "a", "a =", "a = \n", "= 1", "a = 1 b = 2",
        "a = 1\na = 2\n", "a.b = 1\na.b.c = 2\n", "a = 1\na.b = 2\n", "[a]\n[a]\n",
        "a.b = 1\n[a]\n", "[a.b]\n[a]\nb.c = 1\n",
        "[fruit]\napple.color = 1\n[fruit.apple]\n", "a = { b = 1 }\na.c = 2\n",
        "a = { b = 1 }\n[a]\n", "a = { b = 1 }\n[a.c]\n", "a = []\n[[a]]\n",
        "a = [{}]\n[a.b]\n", "[a]\n[[a]]\n", "[[a]]\n[a]\n", "[a\n", "[[a]\n", "[]\n",
        "[a.]\n", "[a] x\n", "a = {b = 1,}\n", "a = {b = 1\n}\n",
        "a = {b = 1, b = 2}\n", "a = [1 2]\n", "a = [1,,2]\n", "a = [\n", "a = \"x\n",
        "a = \"x\ny\"\n", "a = '\1'\n", "a = \"\\q\"\n", "a = \"\\u12\"\n",
        "a = \"\\ud800\"\n", "a = \"\\u0000\"\n", "a = \"\"\"x\n", "a = 'x\n",
        "a = 01\n", "a = 1_\n", "a = _1\n", "a = 1__2\n", "a = +0x1\n", "a = 0x\n",
        "a = 0xg\n", "a = 9223372036854775808\n", "a = -9223372036854775809\n",
        "a = tru\n", "a = yes\n", "# \1\n", "a = 1\r", "\xff = 1\n", "a..b = 1\n",
        "\"\"\"a\"\"\" = 1\n" };
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_json *j = NULL;
        enum selfsame_code code = toml_parse(bytes_str(rows[i]), "text", &j, &e);

        if (code != SELFSAME_MALFORMED)
            fail_msg("%s: %s", rows[i], selfsame_code_name(code));
    }
}

static void
what_is_not_read_is_said(void **state)
{
    (void)state;
    static const char *const rows[] = { "a = 1.5\n", "a = 1e3\n", "a = 1979-05-27\n",
        "a = 07:32:00\n", "a = inf\n" };
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i + 1 < COUNT(rows); i++) {
        auto_json *j = NULL;

        assert_code(
            toml_parse(bytes_str(rows[i]), "text", &j, &e), SELFSAME_UNSUPPORTED, &e);
        assert_null(j);
    }
}

static void
depth_has_an_end(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    char text[600] = "a = ";
    auto_json *j = NULL, *deep = NULL;

    memset(text + 4, '[', 500);
    assert_code(toml_parse(bytes_str(text), "text", &j, &e), SELFSAME_MALFORMED, &e);
    for (size_t i = 0; i < 500; i += 2) {
        text[i] = 'a';
        text[i + 1] = '.';
    }
    text[500] = 0;
    assert_code(toml_parse(bytes_str(text), "text", &deep, &e), SELFSAME_MALFORMED, &e);
}

/* Cut anywhere: what is read then is a part, and never a crash. */
static void
cuts_do_no_harm(void **state)
{
    (void)state;
    static const char text[] =
        "a.\"b\" = [1, {c = \"\\u00e9\", d = '''x''' }]\n[e.f]\ng = -0b1\n[[h]]\ni = "
        "\"\"\"\\\n  z\"\"\"\n";
    struct selfsame_err e = { 0 };

    for (size_t n = 0; n < sizeof(text); n++) {
        auto_json *j = NULL;
        enum selfsame_code code = toml_parse(
            BYTES((const uint8_t *)text, n), "text", &j, &e);

        assert_true(code == SELFSAME_OK || code == SELFSAME_MALFORMED ||
                    code == SELFSAME_UNSUPPORTED);
        assert_int_equal(code == SELFSAME_OK, j != NULL);
    }
}

static void
quoted_text_is_read_as_it_was(void **state)
{
    (void)state;
    static const char text[] = "a \"b\" \\ \t\n\1\x7f \303\251";
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;
    const char *quoted = toml_quote(text, &arena);

    assert_non_null(quoted);
    char *line = arena_printf(&arena, "x = %s\n", quoted);
    assert_code(toml_parse(bytes_str(line), "text", &j, &e), SELFSAME_OK, &e);
    assert_string_equal(json_string_value(json_object_get(j, "x")), text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_specification_shows_is_read),
        cmocka_unit_test(what_it_forbids_is_refused),
        cmocka_unit_test(what_is_not_read_is_said),
        cmocka_unit_test(depth_has_an_end),
        cmocka_unit_test(cuts_do_no_harm),
        cmocka_unit_test(quoted_text_is_read_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
