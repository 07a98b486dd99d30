/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cmw.h"

#define RECORD "83736170706c69636174696f6e2f6561742b63777443abcdef04"

static bool
same(const struct cmw *a, const struct cmw *b)
{
    bool equal = a->collection == b->collection && a->count == b->count &&
                 bytes_cmp(a->collection_type, b->collection_type) == 0;

    for (size_t i = 0; equal && i < a->count; i++) {
        const struct cmw_entry *x = &a->entries[i], *y = NULL;

        for (size_t k = 0; k < b->count; k++)
            if (bytes_cmp(x->label, b->entries[k].label) == 0)
                y = &b->entries[k];
        equal = y != NULL && bytes_cmp(x->type, y->type) == 0 &&
                x->content_format == y->content_format && x->ind == y->ind &&
                bytes_cmp(x->value, y->value) == 0;
    }
    return equal;
}

/* Parses, writes, parses again and compares; returns what was parsed first. */
static struct cmw
round_trip(struct selfsame_bytes in, bool json, struct arena *a)
{
    struct selfsame_err e = { 0 };
    struct cmw one, two;
    struct selfsame_bytes out, again;

    assert_code(cmw_parse(in, a, &one, &e), SELFSAME_OK, &e);
    enum selfsame_code (*put)(const struct cmw *, struct arena *,
        struct selfsame_bytes *, struct selfsame_err *) = json ? cmw_encode_json
                                                               : cmw_encode_cbor;
    assert_code(put(&one, a, &out, &e), SELFSAME_OK, &e);
    assert_true(cmw_looks_like(out));
    assert_code(cmw_parse(out, a, &two, &e), SELFSAME_OK, &e);
    assert_true(same(&one, &two));
    assert_code(put(&two, a, &again, &e), SELFSAME_OK, &e);
    assert_bytes(again, out);
    return one;
}

static void
the_record_is_the_same_in_json_and_cbor(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    static const char json[] = "[\"application/eat+cwt\",\"q83v\",4]";
    struct selfsame_bytes out, cbor = unhex(RECORD, &a);
    struct cmw one = round_trip(BYTES_LIT(json), true, &a);

    assert_false(one.collection);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.entries[0].ind, CMW_EVIDENCE);
    assert_int_equal(one.entries[0].label.len, 0);
    assert_bytes(one.entries[0].value, BYTES_LIT("\xab\xcd\xef"));
    assert_code(cmw_encode_cbor(&one, &a, &out, &e), SELFSAME_OK, &e);
    assert_bytes(out, cbor);
    struct cmw two = round_trip(cbor, false, &a);
    assert_true(same(&one, &two));
    assert_code(cmw_encode_json(&two, &a, &out, &e), SELFSAME_OK, &e);
    assert_bytes(out, BYTES_LIT(json));
    assert_ptr_equal(cmw_find(&two, "application/eat+cwt"), two.entries);
    assert_null(cmw_find(&two, "application/eat"));
    assert_null(cmw_find(&two, ""));
}

static void
tags_stand_for_content_formats(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool good;
        uint32_t format;
    } cases[] = {
        { "da6374020943abcdef", true, 263 },
        { "da6374ffe6442347da55", true, 64999 },
        { "da6374010140", true, 0 },
        { "da637401ff40", true, 254 },
        { "da6374020140", true, 255 },
        { "da6374ffff40", true, 65024 },
        { "da6374010040", false, 0 },
        { "da6374020040", false, 0 },
        { "da6374000040", false, 0 },
        { "da6373ffff40", false, 0 },
        { "da6375010140", false, 0 },
        { "da6374020960", false, 0 },
        { "da63740209da6374020940", false, 0 },
        { "db000000006374020940", false, 0 },
        { "da637402094000", false, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct cmw c;

        assert_code(cmw_parse(unhex(cases[i].hex, &a), &a, &c, &e),
            cases[i].good ? SELFSAME_OK : SELFSAME_MALFORMED, &e);
        if (!cases[i].good)
            continue;
        assert_int_equal(c.entries[0].content_format, cases[i].format);
        assert_int_equal(c.entries[0].type.len, 0);
        struct selfsame_bytes out;
        assert_code(cmw_encode_json(&c, &a, &out, &e), SELFSAME_UNSUPPORTED, &e);
        (void)round_trip(unhex(cases[i].hex, &a), false, &a);
    }
}

static void
nested_collections_are_flattened(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct cmw c = round_trip(
        BYTES_LIT(
            "{\"z\":[\"a/b\",\"\"],\"__cmwc_t\":\"tag:x,2026:y\",\"in\":{\"__cmwc_"
            "t\":\"1.2.3\",\"deep\":{\"er\":[\"c/d\",\"AQ\",8]},\"k\":[\"e/f\","
            "\"Ag\"]}}"),
        true, &a);

    assert_true(c.collection);
    assert_int_equal(c.count, 3);
    assert_bytes(c.collection_type, BYTES_LIT("tag:x,2026:y"));
    assert_non_null(cmw_label(&c, "z"));
    assert_bytes(cmw_label(&c, "in/deep/er")->value, BYTES_LIT("\1"));
    assert_int_equal(cmw_label(&c, "in/deep/er")->ind, CMW_RESULTS);
    assert_bytes(cmw_label(&c, "in/k")->type, BYTES_LIT("e/f"));
    assert_null(cmw_label(&c, "in"));
    /* {-1: {2: tag, "x": record}} */
    c = round_trip(unhex("a120a202da63740209406178" RECORD, &a), false, &a);
    assert_int_equal(c.count, 2);
    assert_int_equal(cmw_label(&c, "-1/2")->content_format, 263);
    assert_false(cmw_label(&c, "-1/2")->integer_label);
    assert_non_null(cmw_label(&c, "-1/x"));
}

static void
integer_labels_stay_integers(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out;
    /* 0, 24, INT64_MAX, -1, INT64_MIN, "1", "aa": sorted by their encoding. */
    struct selfsame_bytes in = unhex("a7008201401818820140"
                                     "1b7fffffffffffffff820140"
                                     "208201403b7fffffffffffffff820140"
                                     "6131820140626161820140",
        &a);
    struct cmw c = round_trip(in, false, &a);

    assert_non_null(cmw_label(&c, "-9223372036854775808"));
    assert_true(cmw_label(&c, "24")->integer_label);
    assert_false(cmw_label(&c, "1")->integer_label);
    assert_code(cmw_encode_cbor(&c, &a, &out, &e), SELFSAME_OK, &e);
    assert_bytes(out, in);
}

static void
malformed_cbor_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why, *hex;
    } cases[] = {
        { "empty", "" },
        { "bytes", "40" },
        { "array of 1", "8163612f62" },
        { "array of 4", "8463612f62400400" },
        { "record without value", "9f63612f62ff" },
        { "long indefinite record", "9f63612f62400400ff" },
        { "value is text", "8263612f6260" },
        { "type is bytes", "8243612f6240" },
        { "type is empty", "826040" },
        { "type without slash", "82616140" },
        { "type with a control character", "8264612f620a40" },
        { "format beyond 16 bits", "821a0001000040" },
        { "format beyond 32 bits", "821b000000010000000040" },
        { "unknown ind bit", "8363612f62401820" },
        { "ind of 33 bits", "8363612f62401b0000000100000004" },
        { "ind negative", "8363612f624020" },
        { "ind is null", "8363612f6240f6" },
        { "trailing byte", "8263612f624000" },
        { "empty collection", "a0" },
        { "empty indefinite collection", "bfff" },
        { "only a type", "a1685f5f636d77635f7463613a62" },
        { "nested empty collection", "a16161a0" },
        { "collection type is a number", "a26161820140685f5f636d77635f7401" },
        { "collection type is a word", "a26161820140685f5f636d77635f746161" },
        { "label repeated", "a261618201406161820140" },
        { "integer and text label alike", "a2018201406131820140" },
        { "alike after flattening", "a26161a1616282014063612f62820140" },
        { "empty label", "a160820140" },
        { "label with control character", "a1610a820140" },
        { "label is bytes", "a14161820140" },
        { "member is bytes", "a1616140" },
        { "member is null", "a16161f6" },
        { "collections five deep", "a16161a16161a16161a16161a16161820140" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct cmw c = { .count = 4711 };

        if (cmw_parse(unhex(cases[i].hex, &a), &a, &c, &e) != SELFSAME_MALFORMED)
            fail_msg("accepted: %s", cases[i].why);
        assert_int_equal(c.count, 4711);
    }
    auto_arena a = arena_new(1 << 20);
    (void)round_trip(unhex("a16161a16161a16161a16161820140", &a), false, &a);
    (void)round_trip(unhex("bf61619f0140ff6162bf61639f014004ffffff", &a), false, &a);
}

static void
malformed_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "[]", "[\"a/b\"]", "[\"a/b\",\"\",4,5]",
        "[\"a/b\",\"AQ==\"]", "[\"a/b\",\"AR\"]", "[\"a/b\",\"A\"]", "[\"a/b\",\"+/\"]",
        "[\"a/b\",\"A Q\"]", "[\"a/b\",1]", "[1,\"\"]", "[\"\",\"\"]", "[\"ab\",\"\"]",
        "[\"/b\",\"\"]", "[\"a/\",\"\"]", "[\"a/b\\n\",\"\"]", "[\"a/b\",\"\",32]",
        "[\"a/b\",\"\",-1]", "[\"a/b\",\"\",4.0]", "[\"a/b\",\"\",\"4\"]",
        "[\"a/b\",\"\",null]", "[\"a/b\",\"\"]x", "[\"a/b\",\"\"", "{}", "{\"a\":{}}",
        "{\"__cmwc_t\":\"a:b\"}", "{\"a\":[\"a/b\",\"\"],\"__cmwc_t\":1}",
        "{\"a\":[\"a/b\",\"\"],\"__cmwc_t\":\"\"}",
        "{\"a\":[\"a/b\",\"\"],\"a\":[\"a/b\",\"\"]}",
        "{\"a/b\":[\"a/b\",\"\"],\"a\":{\"b\":[\"a/b\",\"\"]}}",
        "{\"\":[\"a/b\",\"\"]}", "{\"\\n\":[\"a/b\",\"\"]}", "{\"a\":null}",
        "{\"a\":\"b\"}", " [\"a/b\",\"\"]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":[\"a/b\",\"\"]}}}}}" };

    for (size_t i = 0; i < COUNT(bad); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct cmw c;

        if (cmw_parse(bytes_str(bad[i]), &a, &c, &e) != SELFSAME_MALFORMED)
            fail_msg("accepted: %s", bad[i]);
    }
    auto_arena a = arena_new(1 << 20);
    (void)round_trip(
        BYTES_LIT("{\"a\":{\"a\":{\"a\":{\"a\":[\"a/b\",\"\",31]}}}}"), true, &a);
    (void)round_trip(
        BYTES_LIT("{\"\\\"\\\\ \xc3\xbc\":[\"a/b;q=\\\"x\\\"\",\"\",0]}"), true, &a);
}

/* A flat collection of n records. */
static struct cmw
collection_of(size_t n, struct arena *a)
{
    struct cmw c = { .collection = true, .count = n };

    c.entries = ARENA_NEW(a, struct cmw_entry, n);
    assert_non_null(c.entries);
    for (size_t i = 0; i < n; i++) {
        char *label = arena_printf(a, "label %zu", i);

        assert_non_null(label);
        c.entries[i] = (struct cmw_entry){ .label = bytes_str(label),
            .type = BYTES_LIT("text/plain"),
            .value = bytes_str(label) };
    }
    return c;
}

static void
entries_stop_at_64(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes out = BYTES_NONE;
        struct cmw c = collection_of(CMW_ENTRIES, &a), d;

        assert_code(json ? cmw_encode_json(&c, &a, &out, &e)
                         : cmw_encode_cbor(&c, &a, &out, &e),
            SELFSAME_OK, &e);
        d = round_trip(out, json, &a);
        assert_true(same(&c, &d));
        c = collection_of(CMW_ENTRIES + 1, &a);
        assert_code(json ? cmw_encode_json(&c, &a, &out, &e)
                         : cmw_encode_cbor(&c, &a, &out, &e),
            SELFSAME_USAGE, &e);
        /* One more by hand, in front: {"x": [...], then the 64. */
        uint8_t more[8192];
        struct writer w = writer_of(more, sizeof(more));
        put_bytes(&w, json ? BYTES_LIT("{\"x\":[\"a/b\",\"\"],")
                           : BYTES_LIT("\xb8\x41\x61x\x82\x01\x40"));
        put_bytes(&w, BYTES(out.ptr + (json ? 1 : 2), out.len - (json ? 1 : 2)));
        assert_code(cmw_parse(writer_bytes(&w), &a, &d, &e), SELFSAME_MALFORMED, &e);
        assert_non_null(strstr(err_text(&e), "64"));
    }
}

static void
what_would_not_parse_is_not_written(void **state)
{
    (void)state;
    static const struct cmw_entry bad[] = {
        { .label = { NULL, 0 }, .type = { (const uint8_t *)"a/b", 3 } },
        { .label = { (const uint8_t *)"\n", 1 },
            .type = { (const uint8_t *)"a/b", 3 } },
        { .label = { (const uint8_t *)"\xff", 1 },
            .type = { (const uint8_t *)"a/b", 3 } },
        { .label = { (const uint8_t *)"__cmwc_t", 8 },
            .type = { (const uint8_t *)"a/b", 3 } },
        { .label = { (const uint8_t *)"a", 1 }, .type = { (const uint8_t *)"ab", 2 } },
        { .label = { (const uint8_t *)"a", 1 },
            .type = { (const uint8_t *)"a/b", 3 },
            .ind = 32 },
        { .label = { (const uint8_t *)"a", 1 },
            .type = { (const uint8_t *)"a/b", 3 },
            .integer_label = true },
        { .label = { (const uint8_t *)"01", 2 },
            .type = { (const uint8_t *)"a/b", 3 },
            .integer_label = true },
        { .label = { (const uint8_t *)"9223372036854775808", 19 },
            .type = { (const uint8_t *)"a/b", 3 },
            .integer_label = true },
        { .label = { (const uint8_t *)"-9223372036854775809", 20 },
            .type = { (const uint8_t *)"a/b", 3 },
            .integer_label = true },
    };
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out = BYTES_LIT("kept");

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct cmw_entry entries[] = { bad[i], bad[i] };
        struct cmw c = { .collection = true, .entries = entries, .count = 1 };

        assert_code(cmw_encode_cbor(&c, &a, &out, &e), SELFSAME_USAGE, &e);
        assert_code(cmw_encode_json(&c, &a, &out, &e), SELFSAME_USAGE, &e);
    }
    struct cmw c = collection_of(2, &a);
    c.entries[1].label = c.entries[0].label;
    assert_code(cmw_encode_cbor(&c, &a, &out, &e), SELFSAME_USAGE, &e);
    c = collection_of(1, &a);
    c.collection_type = BYTES_LIT("word");
    assert_code(cmw_encode_json(&c, &a, &out, &e), SELFSAME_USAGE, &e);
    c = collection_of(2, &a);
    c.collection = false;
    assert_code(cmw_encode_cbor(&c, &a, &out, &e), SELFSAME_USAGE, &e);
    c.count = 0;
    assert_code(cmw_encode_cbor(&c, &a, &out, &e), SELFSAME_USAGE, &e);
    c = collection_of(1, &a);
    c.entries[0].type = BYTES_NONE;
    c.entries[0].content_format = 65536;
    assert_code(cmw_encode_cbor(&c, &a, &out, &e), SELFSAME_USAGE, &e);
    assert_bytes(out, BYTES_LIT("kept"));
}

/* One input that uses everything, in both forms. */
static struct selfsame_bytes
sample(bool json, struct arena *a)
{
    if (json)
        return BYTES_LIT("{\"a\":[\"a/b\",\"AQID\",4],\"b\":{\"c\":[\"a/b\",\"BA\"]},"
                         "\"__cmwc_t\":\"a:b\"}");
    /* {1: [1, h'61'], "a": ["a/b", h'0102', 4], "b": {"c": tag}, "__cmwc_t": "a:b"} */
    return unhex("a401820141616161"
                 "8363612f6242010204"
                 "6162a16163da6374020940"
                 "685f5f636d77635f7463613a62",
        a);
}

static void
every_truncation_appended_byte_and_lost_allocation(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        auto_arena a = arena_new(8 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes in = sample(json, &a), out;
        uint8_t more[256];
        struct cmw c;

        assert_true(in.len > 0 && in.len < sizeof(more));
        memcpy(more, in.ptr, in.len);
        more[in.len] = json ? '}' : 0;
        for (size_t n = 0; n <= in.len + 1; n++) {
            auto_arena b = arena_new(1 << 20);

            assert_code(cmw_parse(BYTES(more, n), &b, &c, &e),
                n == in.len ? SELFSAME_OK : SELFSAME_MALFORMED, &e);
        }
        long fail_at = 0;
        enum selfsame_code code;
        do {
            auto_arena b = arena_new(1 << 20);

            b.fail_at = ++fail_at;
            code = cmw_parse(in, &b, &c, &e);
            if (code == SELFSAME_OK)
                code = json ? cmw_encode_json(&c, &b, &out, &e)
                            : cmw_encode_cbor(&c, &b, &out, &e);
            assert_true(code == SELFSAME_OK || code == SELFSAME_NOMEM);
        } while (code != SELFSAME_OK);
        assert_true(fail_at > 4);
    }
}

static void
flipped_bits_are_refused_or_round_trip(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_bytes in = sample(json, &a);
        uint8_t flipped[256];

        memcpy(flipped, in.ptr, in.len);
        for (size_t bit = 0; bit < 8 * in.len; bit++) {
            auto_arena b = arena_new(1 << 20);
            struct selfsame_err e = { 0 };
            struct cmw c;

            flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (cmw_parse(BYTES(flipped, in.len), &b, &c, &e) == SELFSAME_OK)
                (void)round_trip(BYTES(flipped, in.len), json, &b);
            flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

#define DRAFT "vectors/cmw/ietf-rats-wg+draft-ietf-rats-msg-wrap/"

static void
files_of_the_draft_and_of_veraison_are_read(void **state)
{
    (void)state;
    need_shared();
    auto_arena a = arena_new(4 << 20);
    struct cmw c = round_trip(shared_file(DRAFT "cmw-example-1.json", &a), true, &a);

    assert_false(c.collection);
    assert_bytes(c.entries[0].value, BYTES_LIT("\x23\x47\xda\x55"));
    c = round_trip(shared_file(DRAFT "collection-example-1.json", &a), true, &a);
    assert_int_equal(c.count, 2);
    assert_bytes(cmw_label(&c, "attester A")->value, BYTES_LIT("{}\n"));
    assert_int_equal(cmw_label(&c, "attester B")->ind, CMW_EVIDENCE);
    c = round_trip(
        shared_file("vectors/cmw/veraison+cmw/collection-ok.json", &a), true, &a);
    assert_bytes(cmw_find(&c, "application/vnd.b")->value, BYTES_LIT("b"));
    c = round_trip(
        shared_file("vectors/cmw/veraison+cmw/collection-cbor-ok.cbor", &a), false, &a);
    assert_int_equal(c.count, 3);
    assert_int_equal(cmw_label(&c, "1")->ind, CMW_REFERENCE_VALUES | CMW_ENDORSEMENTS);
    assert_int_equal(cmw_label(&c, "2")->content_format, 29884);
    assert_int_equal(cmw_label(&c, "s")->content_format, 30001);
}

/* The .diag files of the draft, encoded by hand. */
static void
diagnostic_examples_of_the_draft_are_read(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct cmw c = round_trip(unhex("8219fde7442347da55", &a), false, &a);

    assert_int_equal(c.entries[0].content_format, 64999);
    c = round_trip(
        unhex(
            "83746170706c69636174696f6e2f72696d2b636f73654ad28440a044d901f5a04003", &a),
        false, &a);
    assert_bytes(c.entries[0].type, BYTES_LIT("application/rim+cose"));
    assert_int_equal(c.entries[0].ind, CMW_REFERENCE_VALUES | CMW_ENDORSEMENTS);
    c = round_trip(
        unhex("a4685f5f636d77635f7478277461673a6578616d706c652e636f6d2c323032343a636f6d"
              "706f736974652d6174746573746572008319fde7442347da550401da6374ffe6442347da"
              "550283736170706c69636174696f6e2f6561742b6a7774444c69347508",
            &a),
        false, &a);
    assert_int_equal(c.count, 3);
    assert_bytes(
        c.collection_type, BYTES_LIT("tag:example.com,2024:composite-attester"));
    assert_int_equal(cmw_label(&c, "1")->content_format, 64999);
    assert_int_equal(cmw_label(&c, "2")->ind, CMW_RESULTS);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_is_the_same_in_json_and_cbor),
        cmocka_unit_test(tags_stand_for_content_formats),
        cmocka_unit_test(nested_collections_are_flattened),
        cmocka_unit_test(integer_labels_stay_integers),
        cmocka_unit_test(malformed_cbor_is_refused),
        cmocka_unit_test(malformed_json_is_refused),
        cmocka_unit_test(entries_stop_at_64),
        cmocka_unit_test(what_would_not_parse_is_not_written),
        cmocka_unit_test(every_truncation_appended_byte_and_lost_allocation),
        cmocka_unit_test(flipped_bits_are_refused_or_round_trip),
        cmocka_unit_test(files_of_the_draft_and_of_veraison_are_read),
        cmocka_unit_test(diagnostic_examples_of_the_draft_are_read),
    };

    return cmocka_run_group_tests_name("codec/cmw", tests, NULL, NULL);
}
