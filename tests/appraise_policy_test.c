/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "appraise/appraise.h"
#include "codec/json.h"

static const char *const toy_pins[] = { "pcr.0", "pcr.1", NULL };
static const char *const other_pins[] = { "mr", NULL };
static const struct tee_facts facts[] = {
    { .name = "toy", .pins = toy_pins },
    { .name = "other", .pins = other_pins },
};

#define GOOD                                                   \
    "{\"selfsame_policy\":1,\n"                                \
    " \"$schema\":\"policy.schema.json\",\n"                   \
    " \"tee\":{\"toy\":{}},\n"                                 \
    " \"measurements\":[\n"                                    \
    "  {\"tee\":\"toy\",\"pcr\":{\"0\":[\"aabb\",\"AA01\"],\n" \
    "   \"1\":\"cc\"}}],\n"                                    \
    " \"freshness\":{\"nonce\":true,\"max_age\":\"5m\"},\n"    \
    " \"binding\":\"session\",\n"                              \
    " \"insecure\":[\"debug\",\"any-tcb\"]}"

static enum selfsame_code
parse(const char *text, struct arena *a, struct policy *p, struct selfsame_err *e)
{
    return policy_parse(bytes_str(text), facts, COUNT(facts), a, p, e);
}

static void
every_member_is_read(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct policy p;

    assert_code(parse(GOOD, &a, &p, &e), SELFSAME_OK, &e);
    assert_int_equal(p.tee_count, 1);
    assert_string_equal(p.tees[0], "toy");
    assert_null(p.tees[1]);
    assert_true(policy_accepts_tee(&p, "toy"));
    assert_false(policy_accepts_tee(&p, "other"));
    assert_int_equal(p.measurement_count, 1);
    const struct measurement *m = &p.measurements[0];
    assert_string_equal(m->tee, "toy");
    assert_string_equal(m->source, "policy: measurements[0]");
    assert_int_equal(m->count, 2);
    assert_string_equal(m->paths[0].path, "pcr.0");
    assert_int_equal(m->paths[0].count, 2);
    assert_bytes(m->paths[0].values[1], unhex("aa01", &a));
    assert_bytes(m->paths[1].values[0], unhex("cc", &a));
    assert_true(p.nonce);
    assert_int_equal(p.max_age_ms, 300000);
    assert_int_equal(p.binding, BINDING_SESSION);
    assert_int_equal(p.insecure, INSECURE_DEBUG | INSECURE_ANY_TCB);
}

#define REST ",\"freshness\":{\"nonce\":true},\"binding\":\"key\"}"
#define KEY "\"MCowBQYDK2VwAyEAiojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=\""
#define A "\"name\":\"a\",\"trust\":\"t.txt\""
#define HEAD "{\"selfsame_policy\":1,"

static const struct {
    const char *text, *says;
    enum selfsame_code code;
} wrong[] = {
    { "", "policy: empty file", SELFSAME_USAGE },
    { "[]", "expected a JSON object", SELFSAME_USAGE },
    { "{}", "selfsame_policy: mandatory", SELFSAME_USAGE },
    { "{\"selfsame_policy\":\"1\"" REST, "expected the number 1", SELFSAME_USAGE },
    { "{\"selfsame_policy\":2" REST, "version 2", SELFSAME_UNSUPPORTED },
    { HEAD "\n\"tees\":{}" REST, "line 2: tees: unknown member", SELFSAME_USAGE },
    { HEAD "\"\\u001b[2J\":{}" REST, "?[2J: unknown member", SELFSAME_USAGE },
    { HEAD "\"tee\":{\"toy\":{}},\n\"tee\":{}" REST, "duplicate", SELFSAME_USAGE },
    { HEAD "\"$schema\":1" REST, "expected a string", SELFSAME_USAGE },
    { HEAD "\"tee\":[\"toy\"]" REST, "expected an object", SELFSAME_USAGE },
    { HEAD "\"tee\":{\n\"snp\":{}}" REST, "line 2: tee.snp: not one of",
        SELFSAME_USAGE },
    { HEAD "\"tee\":{\"toy\":true}" REST, "tee.toy: expected an object",
        SELFSAME_USAGE },
    { HEAD "\"tee\":{\"toy\":{\n\"vmpl\":0}}" REST, "line 2: tee.toy.vmpl",
        SELFSAME_USAGE },
    { HEAD "\"releases\":{}" REST, "expected a list of releases", SELFSAME_USAGE },
    { HEAD "\"releases\":[{}]" REST, "releases[0].name: expected", SELFSAME_USAGE },
    { HEAD "\"releases\":[{\"name\":\"a\"}]" REST, "releases[0].publisher: mandatory",
        SELFSAME_USAGE },
    { HEAD "\"releases\":[{\"name\":\"a\",\"publisher\":\"AAAA\"}]" REST,
        "releases[0].publisher: expected an Ed25519", SELFSAME_USAGE },
    { HEAD "\"releases\":[{\"name\":\"a\",\"publisher\":" KEY "}]" REST,
        "releases[0].trust: expected", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"publisher\":[" KEY "," KEY "]}]" REST,
        "stands there already", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"publisher\":" KEY ",\"threshold\":2}]" REST,
        "a whole number from 1 to 1", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"publisher\":" KEY ",\"max_index_age\":7}]" REST,
        "a duration such as", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"publisher\":" KEY ",\"min_rebuilders\":1}]" REST,
        "expected their keys", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"publisher\":" KEY ",\"keys\":1}]" REST,
        "releases[0].keys: unknown member", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"publisher\":" KEY ",\"min_sequence\":0}]" REST,
        "a whole number from 1", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"publisher\":" KEY "},{" A ",\"publisher\":" KEY
           "}]" REST,
        "stands there already", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"sigstore\":{\"identity\":\"a\"}}]" REST,
        "sigstore.issuer", SELFSAME_USAGE },
    { HEAD "\"releases\":[{" A ",\"sigstore\":{\"x\":\"a\"}}]" REST,
        "unknown member \"x\"", SELFSAME_USAGE },
    { HEAD "\"binding\":\"key\"}", "freshness: mandatory", SELFSAME_USAGE },
    { HEAD "\"freshness\":{\"nonce\":true}}", "binding: mandatory", SELFSAME_USAGE },
    { HEAD "\"binding\":\"key\",\"freshness\":{}}", "demands nothing", SELFSAME_USAGE },
    { HEAD "\"binding\":\"key\",\"freshness\":{\"nonce\":false}}", "demands nothing",
        SELFSAME_USAGE },
    { HEAD "\"binding\":\"key\",\"freshness\":{\"nonce\":1}}", "expected true",
        SELFSAME_USAGE },
    { HEAD "\"binding\":\"key\",\"freshness\":{\"max_age\":\"0s\"}}", "a duration",
        SELFSAME_USAGE },
    { HEAD "\"binding\":\"key\",\"freshness\":{\"max_age\":300}}", "a duration",
        SELFSAME_USAGE },
    { HEAD "\"binding\":\"key\",\"freshness\":{\"nonce\":true,\"age\":1}}",
        "unknown member \"age\"", SELFSAME_USAGE },
    { HEAD "\"binding\":\"tls\",\"freshness\":{\"nonce\":true}}",
        "expected \"session\" or \"key\"", SELFSAME_USAGE },
    { HEAD "\"binding\":null,\"freshness\":{\"nonce\":true}}",
        "expected \"session\" or \"key\"", SELFSAME_USAGE },
    { HEAD "\"insecure\":\"debug\"" REST, "expected a list", SELFSAME_USAGE },
    { HEAD "\"insecure\":[\"debug\",\"everything\"]" REST, "insecure[1]",
        SELFSAME_USAGE },
    { HEAD "\"insecure\":[1]" REST, "insecure[0]", SELFSAME_USAGE },
    { HEAD "\"measurements\":{}" REST, "expected a list", SELFSAME_USAGE },
    { HEAD "\"measurements\":[1]" REST, "expected an object", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"mr\":\"aa\"}]" REST, "\"tee\" is mandatory",
        SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"snp\"}]" REST, "not one of: toy, other",
        SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\"}]" REST, "must name mr",
        SELFSAME_USAGE },
    { HEAD "\"measurements\":[\n{\"tee\":\"toy\",\n\"pcr\":{\"0\":\"aa\"}}]" REST,
        "line 2: measurements[0]: toy entries must name pcr.0, pcr.1", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\n\"mr\":\n\"xy\"}]" REST,
        "line 2: measurements[0].mr: expected 1 to 64 bytes as hex", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":\"\"}]" REST, "1 to 64 bytes",
        SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":\"abc\"}]" REST,
        "1 to 64 bytes", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":[]}]" REST, "empty list",
        SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":[\"aa\",1]}]" REST,
        "mr[1]: expected a hex string", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":[\"aa\",\"0000\"]}]" REST,
        "mr[1]: all-zero", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":{}}]" REST, "expected values",
        SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":\"aa\",\"a.b\":\"aa\"}]" REST,
        "not one of a claim", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":\"aa\",\""
           "0123456789012345678901234567890123456789012345678901234567890123"
           "\":\"aa\"}]" REST,
        "not one of a claim", SELFSAME_USAGE },
    { HEAD "\"measurements\":[{\"tee\":\"other\",\"mr\":\"aa\",\"a\":{\"b\":{\"c\":{"
           "\"d\":{\"e\":{\"f\":\"aa\"}}}}}}]" REST,
        "expected values", SELFSAME_USAGE },
};

static void
every_mistake_is_named(void **state)
{
    (void)state;

    for (size_t i = 0; i < COUNT(wrong); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p = { .insecure = 77 };
        char line[1200];

        enum selfsame_code c = parse(wrong[i].text, &a, &p, &e);
        selfsame_err_print(&e, line, sizeof(line));
        if (c != wrong[i].code || strstr(line, wrong[i].says) == NULL)
            fail_msg("%s\nwanted %s and \"%s\", got %s", wrong[i].text,
                selfsame_code_name(wrong[i].code), wrong[i].says, line);
        assert_int_equal(e.code, c);
        assert_int_equal(p.insecure, 77);
    }
}

static void
insecure_words_replace_what_is_mandatory(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct policy p;

    assert_code(parse(HEAD "\"insecure\":[\"any-age\",\"unbound\"]}", &a, &p, &e),
        SELFSAME_OK, &e);
    assert_int_equal(p.binding, BINDING_NONE);
    for (unsigned bit = 1; bit <= INSECURE_ANY_TCB; bit <<= 1)
        assert_int_equal(insecure_from_word(insecure_word(bit)), bit);
    assert_int_equal(insecure_from_word("unknown"), 0);
}

static void
calls_add_only_what_they_say(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct policy p = { 0 };
    const struct selfsame_bytes entry = BYTES_LIT("{\"tee\":\"other\",\"mr\":\"aa\"}");

    assert_code(
        policy_accept_tee(&p, "sgx", facts, COUNT(facts), &a, &e), SELFSAME_USAGE, &e);
    assert_code(
        policy_accept_tee(&p, "other", facts, COUNT(facts), &a, &e), SELFSAME_OK, &e);
    assert_code(
        policy_accept_tee(&p, "other", facts, COUNT(facts), &a, &e), SELFSAME_OK, &e);
    assert_int_equal(p.tee_count, 1);
    assert_code(
        policy_add_measurements(&p, entry, "m.json", facts, COUNT(facts), &a, &e),
        SELFSAME_OK, &e);
    assert_int_equal(p.measurement_count, 1);
    assert_false(p.nonce);
    assert_int_equal(p.binding, BINDING_NONE);
}

static void
measurement_files_of_three_shapes_are_appended(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct policy p = { 0 };
    static const char *const shapes[] = {
        "{\"tee\":\"other\",\"mr\":\"aa\"}",
        "[{\"tee\":\"other\",\"mr\":\"bb\"},{\"tee\":\"other\",\"mr\":\"cc\"}]",
        "{\"measurements\":[{\"tee\":\"other\",\"mr\":\"dd\"}],\"image\":\"x.eif\"}",
    };

    for (size_t i = 0; i < COUNT(shapes); i++)
        assert_code(policy_add_measurements(&p, bytes_str(shapes[i]), "m.json", facts,
                        COUNT(facts), &a, &e),
            SELFSAME_OK, &e);
    assert_int_equal(p.measurement_count, 4);
    assert_bytes(p.measurements[3].paths[0].values[0], unhex("dd", &a));
    assert_code(policy_add_measurements(&p,
                    BYTES_LIT("[{\"tee\":\"other\",\"mr\":\"ee\"},\n{\"tee\":1}]"),
                    "m.json", facts, COUNT(facts), &a, &e),
        SELFSAME_USAGE, &e);
    assert_non_null(strstr(err_text(&e), "m.json, line 2"));
    assert_int_equal(p.measurement_count, 4);
}

static void
a_printed_policy_reads_back_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = { GOOD,
        HEAD "\"insecure\":[\"any-age\",\"unbound\",\"any-measurement\"]}",
        HEAD "\"tee\":{\"toy\":{},\"other\":{}},\"binding\":\"key\","
             "\"freshness\":{\"max_age\":\"90s\"}}" };

    for (size_t i = 0; i < COUNT(texts); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p, again;
        char *first, *second;

        assert_code(parse(texts[i], &a, &p, &e), SELFSAME_OK, &e);
        assert_code(policy_to_json(&p, &first, &e), SELFSAME_OK, &e);
        assert_code(parse(first, &a, &again, &e), SELFSAME_OK, &e);
        assert_code(policy_to_json(&again, &second, &e), SELFSAME_OK, &e);
        assert_string_equal(first, second);
        assert_int_equal(p.max_age_ms, again.max_age_ms);
        free(first);
        free(second);
    }
}

#define OTHER "\"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\""
#define RELEASE "\"tee\":{\"toy\":{}},\"releases\":[{" A ",\"publisher\":" KEY ","
#define SIGSTORE                                         \
    "\"sigstore\":{\"identity\":\"i\",\"issuer\":\"j\"," \
    "\"trusted_root\":\"root.json\"}"

static void
what_is_weak_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says[3];
    } rows[] = {
        { GOOD, { "debug", "any-tcb", NULL } },
        { HEAD "\"binding\":\"session\",\"freshness\":{\"nonce\":true}}",
            { "no TEE", NULL } },
        { HEAD "\"tee\":{\"toy\":{}},\"binding\":\"key\","
               "\"freshness\":{\"max_age\":\"2d\"}}",
            { "no measurement", "over a day", "\"key\"" } },
        { HEAD "\"tee\":{\"toy\":{}},\"insecure\":[\"any-measurement\"],"
               "\"measurements\":[{\"tee\":\"other\",\"mr\":\"aa\"}]" REST,
            { "never used", "\"key\"", "any-measurement" } },
        { HEAD RELEASE "\"max_index_age\":\"7d\"}]" REST, { "\"key\"", NULL } },
        { HEAD RELEASE "\"min_sequence\":2}]" REST,
            { "needs no index", "\"key\"", NULL } },
        { HEAD RELEASE "\"max_index_age\":\"7d\",\"rebuilders\":" KEY "}]" REST,
            { "among the rebuilders", "\"key\"", NULL } },
        { HEAD RELEASE "\"max_index_age\":\"7d\",\"rebuilders\":" OTHER "}]" REST,
            { "\"key\"", NULL } },
        { HEAD RELEASE "\"max_index_age\":\"7d\"," SIGSTORE "}]" REST,
            { "neither index nor rebuilders", "\"key\"", NULL } },
        { HEAD RELEASE "\"rebuilders\":" OTHER ",\"min_rebuilders\":1," SIGSTORE
                       "}]" REST,
            { "needs no index", "neither index nor rebuilders", "\"key\"" } },
        { HEAD RELEASE SIGSTORE "}]" REST, { "needs no index", "\"key\"", NULL } },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;
        char *text;
        size_t n = 0;

        assert_code(parse(rows[i].text, &a, &p, &e), SELFSAME_OK, &e);
        for (; n < 3 && rows[i].says[n] != NULL; n++) {
            assert_non_null(policy_advice(&p, n));
            assert_non_null(strstr(policy_advice(&p, n), rows[i].says[n]));
        }
        assert_null(policy_advice(&p, n));
        assert_code(policy_to_text(&p, &text, &e), SELFSAME_OK, &e);
        for (size_t k = 0; k < n; k++)
            assert_non_null(strstr(text, policy_advice(&p, k)));
        free(text);
    }
}

static long countdown;

static void *
scarce_malloc(size_t n)
{
    return countdown > 0 && --countdown == 0 ? NULL : malloc(n);
}

static void
every_failed_allocation_is_survived(void **state)
{
    (void)state;
    bool done = false;

    for (long at = 1; !done; at++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;

        a.fail_at = at;
        enum selfsame_code c = parse(GOOD, &a, &p, &e);
        done = c == SELFSAME_OK;
        assert_true(done || c == SELFSAME_NOMEM);
        assert_true(at < 1000);
    }
    done = false;
    json_set_alloc_funcs(scarce_malloc, free);
    for (long at = 1; !done; at++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;

        countdown = at;
        enum selfsame_code c = parse(GOOD, &a, &p, &e);
        done = countdown > 0;
        assert_int_equal(c == SELFSAME_OK, done);
        assert_true(at < 1000);
    }
    countdown = 0;
    json_set_alloc_funcs(malloc, free);
}

/* An entry takes what it needs, not what the largest would: api gives a policy 16 MiB. */
static void
many_measurements_fit(void **state)
{
    (void)state;
    enum { ENTRIES = 12000 };
    static const char entry[] = "{\"tee\":\"toy\",\"pcr\":{\"0\":\"a0\",\"1\":\"a1\","
                                "\"2\":\"a2\"}},";
    auto_arena text_arena = arena_new(8 << 20), a = arena_new(16 << 20);
    struct selfsame_err e = { 0 };
    struct policy p = { 0 };
    uint8_t *text = arena_alloc(&text_arena, ENTRIES, sizeof(entry));

    assert_non_null(text);
    struct writer w = writer_of(text, ENTRIES * sizeof(entry));
    put_u8(&w, '[');
    for (int i = 0; i < ENTRIES; i++)
        put_bytes(&w, BYTES_LIT(entry));
    w.ptr[w.len - 1] = ']';
    assert_code(policy_add_measurements(
                    &p, writer_bytes(&w), "many", facts, COUNT(facts), &a, &e),
        SELFSAME_OK, &e);
    assert_int_equal(p.measurement_count, ENTRIES);
}

static void
no_truncated_policy_is_accepted(void **state)
{
    (void)state;

    for (size_t n = 0; n + 1 < sizeof(GOOD); n++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;

        assert_code(policy_parse(BYTES((const uint8_t *)GOOD, n), facts, COUNT(facts),
                        &a, &p, &e),
            SELFSAME_USAGE, &e);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(every_mistake_is_named),
        cmocka_unit_test(insecure_words_replace_what_is_mandatory),
        cmocka_unit_test(calls_add_only_what_they_say),
        cmocka_unit_test(measurement_files_of_three_shapes_are_appended),
        cmocka_unit_test(a_printed_policy_reads_back_the_same),
        cmocka_unit_test(what_is_weak_is_said),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(many_measurements_fit),
        cmocka_unit_test(no_truncated_policy_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
