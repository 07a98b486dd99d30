/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "log/log.h"

static const char good[] =
    "{\"payload\":\"eyJhIjoxfQ==\",\"payloadType\":\"application/vnd.in-toto+json\","
    "\"signatures\":[{\"keyid\":\"k\xc3\xa4y\",\"sig\":\"AAECAw==\"}]}";

/* What is read has to be what a parser of all JSON reads, and canonical. */
static bool
agrees(struct selfsame_bytes in)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct envelope v;
    auto_json *j = NULL;
    char text[256];

    if (envelope_parse(in, &arena, &v, &e) != SELFSAME_OK)
        return false;
    assert_code(canonical_check(in, "envelope", &e), SELFSAME_OK, &e);
    assert_code(json_parse(in, "envelope", &j, &e), SELFSAME_OK, &e);
    const json_t *one = json_array_get(json_object_get(j, "signatures"), 0);
    assert_int_equal(json_object_size(j), 3);
    assert_int_equal(json_object_size(one), 2);
    assert_bytes(v.payload_type,
        bytes_str(json_string_value(json_object_get(j, "payloadType"))));
    assert_bytes(v.keyid, bytes_str(json_string_value(json_object_get(one, "keyid"))));
    (void)base64_encode(v.payload, false, text);
    assert_string_equal(text, json_string_value(json_object_get(j, "payload")));
    (void)base64_encode(v.signature, false, text);
    assert_string_equal(text, json_string_value(json_object_get(one, "sig")));
    return true;
}

static void
each_changed_byte_is_refused_or_read_as_json_reads_it(void **state)
{
    static const uint8_t with[] = { 0, '\n', ' ', '"', '\\', '/', '=', 'A', '9', ',',
        ':', '}', ']', '[', '{', 0x7f, 0x80, 0xff };
    const size_t n = sizeof(good) - 1;
    uint8_t text[sizeof(good) + 1];
    unsigned taken = 0;

    (void)state;
    assert_true(agrees(bytes_str(good)));
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < COUNT(with); k++) {
            memcpy(text, good, n);
            text[i] = with[k];
            taken += agrees(BYTES(text, n));
            memcpy(text, good, i);
            text[i] = with[k];
            memcpy(text + i + 1, good + i, n - i);
            taken += agrees(BYTES(text, n + 1));
        }
    assert_true(taken > 100); /* other letters in strings */
    for (size_t i = 0; i < n; i++) {
        assert_false(agrees(BYTES((const uint8_t *)good, i)));
        memcpy(text, good, i);
        memcpy(text + i, good + i + 1, n - i - 1);
        (void)agrees(BYTES(text, n - 1));
    }
}

static void
escapes_are_read_where_they_must_be(void **state)
{
#define WITH(type)                                                                    \
    "{\"payload\":\"\",\"payloadType\":\"" type "\",\"signatures\":[{\"keyid\":\"\"," \
    "\"sig\":\"\"}]}"
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        { WITH("plain"), true },
        { WITH("a\\\"b\\\\c\\n"), true },
        { WITH("a\\u001f"), true },
        { WITH("a\\u0041"), false },
        { WITH("a\\/"), false },
        { WITH("a\tb"), false },
        { WITH("a\xc3"), false },
        { WITH("a") "\n", false },
        { " " WITH("a"), false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (agrees(bytes_str(cases[i].text)) != cases[i].good)
            fail_msg("%s", cases[i].text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_changed_byte_is_refused_or_read_as_json_reads_it),
        cmocka_unit_test(escapes_are_read_where_they_must_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
