/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cbor.h"

/* Reads one whole item; the reason when it is refused, NULL when it is good. */
static const char *
refusal(const char *hex, unsigned flags)
{
    auto_arena a = arena_new(1 << 20);
    struct cbor c = cbor_of(unhex(hex, &a), flags);

    (void)cbor_get_any(&c);
    if (c.why == NULL && !cbor_done(&c))
        return "trailing";
    return c.why;
}

static void
integers_of_rfc_8949_appendix_a_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        uint64_t value;
    } cases[] = {
        { "00", 0 },
        { "01", 1 },
        { "0a", 10 },
        { "17", 23 },
        { "1818", 24 },
        { "1819", 25 },
        { "1864", 100 },
        { "1903e8", 1000 },
        { "1a000f4240", 1000000 },
        { "1b000000e8d4a51000", 1000000000000 },
        { "1bffffffffffffffff", UINT64_MAX },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 12);
        struct selfsame_bytes in = unhex(cases[i].hex, &a);
        struct cbor c = cbor_of(in, CBOR_STRICT);
        uint8_t out[9];
        struct writer w = writer_of(out, sizeof(out));

        assert_true(cbor_get_uint(&c) == cases[i].value && cbor_done(&c));
        cbor_put_uint(&w, cases[i].value);
        assert_bytes(writer_bytes(&w), in);
    }
}

static void
signed_integers_stop_at_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        int64_t value;
    } cases[] = {
        { "20", -1 },
        { "29", -10 },
        { "3863", -100 },
        { "3903e7", -1000 },
        { "1b7fffffffffffffff", INT64_MAX },
        { "3b7fffffffffffffff", INT64_MIN },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 12);
        struct selfsame_bytes in = unhex(cases[i].hex, &a);
        struct cbor c = cbor_of(in, CBOR_STRICT);
        uint8_t out[9];
        struct writer w = writer_of(out, sizeof(out));

        assert_true(cbor_get_int(&c) == cases[i].value && cbor_done(&c));
        cbor_put_int(&w, cases[i].value);
        assert_bytes(writer_bytes(&w), in);
    }
    static const char *const beyond[] = { "1b8000000000000000", "3b8000000000000000",
        "3bffffffffffffffff" };
    for (size_t i = 0; i < COUNT(beyond); i++) {
        auto_arena a = arena_new(1 << 12);
        struct cbor c = cbor_of(unhex(beyond[i], &a), CBOR_STRICT);

        assert_int_equal(cbor_get_int(&c), 0);
        assert_non_null(c.why);
        assert_int_equal(c.r.rest.len, 9);
    }
}

static void
well_formed_items_of_appendix_a_are_accepted(void **state)
{
    (void)state;
    static const char *const good[] = { "f4", "f5", "f6", "40", "4401020304", "60",
        "6161", "6449455446", "62225c", "62c3bc", "63e6b0b4", "64f0908591", "80",
        "83010203", "8301820203820405", "a0", "a201020304", "a26161016162820203",
        "826161a161626163", "a56161614161626142616361436164614461656145",
        "c074323031332d30332d32315432303a30343a30305a", "c11a514b67b0", "d74401020304",
        "d818456449455446", "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
        "c249010000000000000000",
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819" };

    for (size_t i = 0; i < COUNT(good); i++)
        assert_null(refusal(good[i], CBOR_STRICT));
}

static void
indefinite_containers_need_the_flag(void **state)
{
    (void)state;
    static const char *const good[] = { "9fff", "9f018202039f0405ffff",
        "9f01820203820405ff", "83018202039f0405ff", "bf61610161629f0203ffff", "bfff",
        "826161bf61626163ff", "bf6346756ef563416d7421ff" };

    for (size_t i = 0; i < COUNT(good); i++) {
        assert_null(refusal(good[i], CBOR_INDEFINITE_OK));
        assert_non_null(refusal(good[i], CBOR_STRICT));
    }
}

static void
malformed_items_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { /* heads cut off, RFC 8949 appendix F */
        "", "18", "19", "1a", "1b", "1901", "1a0102", "1b01020304050607", "38", "58",
        "78", "98", "9a01ff00", "b8", "d8", "f8", "f900", "fa0000", "fb000000",
        /* strings and containers cut off */
        "41", "61", "5affffffff00", "5bffffffffffffffff010203", "7affffffff00",
        "7b7fffffffffffffff010203", "81", "818181818181818181", "8200", "a1", "a20102",
        "a100", "a2000000", "c0", "9f", "9f0102", "bf", "bf01020102", "819f", "9f8000",
        "9bffffffffffffffff", "bbffffffffffffffff", "bb8000000000000000",
        /* reserved additional information */
        "1c", "1d", "1e", "3c", "5c", "5d", "7e", "9c", "bd", "dc", "fc", "fd", "fe",
        /* simple values in two bytes, breaks out of place */
        "f800", "f814", "f816", "f818", "f81f", "ff", "81ff", "8200ff", "a1ff",
        "a1ff00", "a100ff", "a20000ff", "9f81ff", "bf00ff", "bf000000ff", "1f", "3f",
        "df", "df00",
        /* refused by this profile: floats, undefined, simple values, chunks */
        "f90000", "fa47c35000", "fb3ff199999999999a", "f7", "f0", "f8ff",
        "5f42010243030405ff", "7f657374726561646d696e67ff", "5fff", "7fff", "81f7",
        /* not the shortest form */
        "1800", "1817", "190018", "1900ff", "1a00000018", "1a0000ffff",
        "1b0000000000000001", "1b00000000ffffffff", "3817", "5800", "580161",
        "59000161", "7800", "780161", "9800", "980100", "b800", "d81200", "d90012f6",
        /* not UTF-8 */
        "61ff", "62c080", "63eda080", "64f4908080", "61c3", "a161ff00",
        /* keys twice, in order and out of order, nested, of every kind of key */
        "a201000100", "a3010002000100", "a3020001000200", "a2616100616100",
        "a2410000410000", "a2200020f6", "a100a201000100", "81a201000100",
        "a301a0020001a0", "bf01000100ff", "a40300820102000100010300",
        /* keys that are neither integer nor string */
        "a18000", "a1a000", "a1f500", "a1f600", "a1c00000", "a1d7410000",
        /* trailing bytes */
        "0000", "8000", "a0f6", "f6ff"
    };

    for (size_t i = 0; i < COUNT(bad); i++)
        if (refusal(bad[i], CBOR_INDEFINITE_OK) == NULL)
            fail_msg("accepted: %s", bad[i]);
}

static void
equal_bytes_of_other_types_are_other_keys(void **state)
{
    (void)state;
    assert_null(refusal("a3616100416100186100", CBOR_STRICT));
    assert_null(refusal("a3416100616100186100", CBOR_STRICT));
    assert_null(refusal("a2200000f6", CBOR_STRICT));
}

static void
nesting_stops_at_16(void **state)
{
    (void)state;
    assert_null(refusal("81818181818181818181818181818180", CBOR_STRICT));
    assert_non_null(refusal("8181818181818181818181818181818180", CBOR_STRICT));
    assert_null(refusal("a100a100a100a100a100a100a100a100a100a100a100a100a100a100a100"
                        "a10000",
        CBOR_STRICT));
    assert_non_null(refusal("a100a100a100a100a100a100a100a100a100a100a100a100a100a100"
                            "a100a100a10000",
        CBOR_STRICT));
}

static void
depth_is_given_back_when_a_container_ends(void **state)
{
    (void)state;
    uint8_t in[2 + 255];

    in[0] = 0x98;
    in[1] = 255;
    memset(in + 2, 0x80, 255);
    struct cbor c = cbor_of(BYTES_ARR(in), CBOR_STRICT);
    struct cbor_seq all = cbor_get_array(&c);
    size_t n = 0;
    while (cbor_more(&c, &all)) {
        struct cbor_seq one = cbor_get_array(&c);

        while (cbor_more(&c, &one))
            fail();
        assert_false(cbor_more(&c, &one));
        n++;
    }
    assert_int_equal(n, 255);
    assert_int_equal(c.depth, 0);
    assert_true(cbor_done(&c));
}

static void
items_stop_at_4096(void **state)
{
    (void)state;
    static uint8_t in[3 + CBOR_ITEMS];
    struct writer w = writer_of(in, sizeof(in));

    cbor_put_array(&w, CBOR_ITEMS - 1);
    struct cbor c = cbor_of(BYTES(in, 3 + CBOR_ITEMS - 1), CBOR_STRICT);
    assert_int_equal(cbor_get_any(&c).len, 3 + CBOR_ITEMS - 1);
    w = writer_of(in, sizeof(in));
    cbor_put_array(&w, CBOR_ITEMS);
    c = cbor_of(BYTES_ARR(in), CBOR_STRICT);
    assert_null(cbor_get_any(&c).ptr);
    memset(in, 0xc1, sizeof(in)); /* a tower of tags */
    c = cbor_of(BYTES_ARR(in), CBOR_STRICT);
    assert_null(cbor_get_any(&c).ptr);
    assert_non_null(c.why);
}

/* A map of n unsigned keys, each with an empty array, in the order step gives. */
static struct selfsame_bytes
map_of(uint64_t n, uint64_t step, uint8_t *buf, size_t cap)
{
    struct writer w = writer_of(buf, cap);

    cbor_put_map(&w, n);
    for (uint64_t i = 0; i < n; i++) {
        cbor_put_uint(&w, i * step % n);
        cbor_put_array(&w, 0);
    }
    return writer_bytes(&w);
}

static void
large_maps_are_cheap_in_order_and_bounded_out_of_order(void **state)
{
    (void)state;
    static uint8_t buf[1 << 14];
    struct cbor c = cbor_of(map_of(2000, 1, buf, sizeof(buf)), CBOR_STRICT);

    (void)cbor_get_any(&c);
    assert_true(cbor_done(&c));
    assert_int_equal(c.lookback, 0);
    c = cbor_of(map_of(511, 2, buf, sizeof(buf)), CBOR_STRICT);
    (void)cbor_get_any(&c);
    assert_true(cbor_done(&c));
    c = cbor_of(map_of(2001, 2000, buf, sizeof(buf)), CBOR_STRICT);
    (void)cbor_get_any(&c);
    assert_non_null(c.why);
    assert_true(c.lookback < CBOR_LOOKBACK + CBOR_ITEMS);
}

static void
nested_values_are_passed_when_looking_back(void **state)
{
    (void)state;
    /* {2: [1, {1: [_ h'', "a"]}], 1: 18(h''), 3: {}, 1: 0}: the last key repeats. */
    assert_non_null(
        refusal("a4028201a1019f406161ff01d24003a00100", CBOR_INDEFINITE_OK));
    assert_null(refusal("a4028201a1019f406161ff01d24003a00000", CBOR_INDEFINITE_OK));
    assert_non_null(refusal("a302bf0102ff0100bf00", CBOR_INDEFINITE_OK));
}

static void
errors_latch_and_say_where(void **state)
{
    (void)state;
    static const uint8_t in[] = { 0x83, 0x01, 0x61, 'a', 0x02 };
    struct cbor c = cbor_of(BYTES_ARR(in), CBOR_STRICT);
    struct selfsame_err e = { 0 };
    struct cbor_seq s = cbor_get_array(&c);

    assert_int_equal(s.left, 3);
    assert_int_equal(cbor_get_uint(&c), 1);
    assert_false(cbor_get_null(&c));
    assert_int_equal(cbor_peek(&c), CBOR_TEXT);
    assert_null(cbor_get_bytes(&c).ptr);
    assert_int_equal(cbor_peek(&c), CBOR_BAD);
    assert_null(cbor_get_text(&c).ptr);
    assert_int_equal(cbor_get_int(&c), 0);
    assert_false(cbor_more(&c, &s));
    cbor_fail(&c, "another reason");
    assert_code(cbor_end(&c, BYTES_ARR(in), "thing", &e), SELFSAME_MALFORMED, &e);
    assert_string_equal(err_text(&e), "thing: expected a byte string, at byte 2 of 5");
    c = cbor_of(BYTES_ARR(in), CBOR_STRICT);
    (void)cbor_get_array(&c);
    assert_code(cbor_end(&c, BYTES_ARR(in), "thing", &e), SELFSAME_MALFORMED, &e);
    assert_string_equal(
        err_text(&e), "thing: expected the end at byte 1, got 4 bytes more");
}

static void
writers_that_are_too_small_count(void **state)
{
    (void)state;
    struct writer w = writer_of(NULL, 0);

    cbor_put_map(&w, 1);
    cbor_put_str(&w, "key");
    cbor_put_bytes(&w, BYTES_LIT("value"));
    assert_int_equal(w.need, 1 + 4 + 6);
    assert_true(w.bad);
}

/* Everything the encoder can write, written, read back, and written again. */
static size_t
sample(uint8_t *buf, size_t cap)
{
    struct writer w = writer_of(buf, cap);

    cbor_put_tag(&w, 55799);
    cbor_put_map(&w, 4);
    cbor_put_uint(&w, 1);
    cbor_put_array(&w, 3);
    cbor_put_bool(&w, true);
    cbor_put_bool(&w, false);
    cbor_put_null(&w);
    cbor_put_uint(&w, 300);
    cbor_put_bytes(&w, BYTES_LIT("\x00\x01\xff"));
    cbor_put_int(&w, -70000);
    cbor_put_text(&w, BYTES_LIT("gr\xc3\xbc\xc3\x9f"));
    cbor_put_str(&w, "k");
    cbor_put_uint(&w, 5000000000);
    return w.len;
}

static void
what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct cbor c = cbor_of(BYTES(buf, sample(buf, sizeof(buf))), CBOR_STRICT);

    assert_int_equal(cbor_get_tag(&c), 55799);
    struct cbor_seq map = cbor_get_map(&c);
    assert_true(cbor_more(&c, &map));
    assert_int_equal(cbor_get_uint(&c), 1);
    struct cbor_seq list = cbor_get_array(&c);
    assert_true(cbor_more(&c, &list));
    assert_true(cbor_get_bool(&c));
    assert_true(cbor_more(&c, &list));
    assert_false(cbor_get_bool(&c));
    assert_true(cbor_more(&c, &list));
    assert_true(cbor_get_null(&c));
    assert_false(cbor_more(&c, &list));
    assert_true(cbor_more(&c, &map));
    assert_int_equal(cbor_get_int(&c), 300);
    assert_bytes(cbor_get_bytes(&c), BYTES_LIT("\x00\x01\xff"));
    assert_true(cbor_more(&c, &map));
    assert_int_equal(cbor_get_int(&c), -70000);
    assert_bytes(cbor_get_text(&c), BYTES_LIT("gr\xc3\xbc\xc3\x9f"));
    assert_true(cbor_more(&c, &map));
    assert_bytes(cbor_get_text(&c), BYTES_LIT("k"));
    assert_true(cbor_get_uint(&c) == 5000000000);
    assert_false(cbor_more(&c, &map));
    assert_true(cbor_done(&c));
}

static void
every_truncation_and_appended_byte_is_refused(void **state)
{
    (void)state;
    uint8_t buf[65] = { 0 };
    size_t n = sample(buf, 64);

    for (size_t len = 0; len <= n + 1; len++) {
        struct cbor c = cbor_of(BYTES(buf, len), CBOR_STRICT);

        (void)cbor_get_any(&c);
        assert_int_equal(cbor_done(&c), len == n);
    }
}

static void
a_flipped_bit_is_refused_or_read_as_the_same_bytes(void **state)
{
    (void)state;
    uint8_t buf[64];
    size_t n = sample(buf, sizeof(buf));

    for (size_t bit = 0; bit < 8 * n; bit++) {
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct cbor c = cbor_of(BYTES(buf, n), CBOR_INDEFINITE_OK);
        struct selfsame_bytes got = cbor_get_any(&c);

        assert_true(c.r.bad ? got.ptr == NULL && c.why != NULL : got.len <= n);
        buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_rfc_8949_appendix_a_are_read),
        cmocka_unit_test(signed_integers_stop_at_64_bits),
        cmocka_unit_test(well_formed_items_of_appendix_a_are_accepted),
        cmocka_unit_test(indefinite_containers_need_the_flag),
        cmocka_unit_test(malformed_items_are_refused),
        cmocka_unit_test(equal_bytes_of_other_types_are_other_keys),
        cmocka_unit_test(nesting_stops_at_16),
        cmocka_unit_test(depth_is_given_back_when_a_container_ends),
        cmocka_unit_test(items_stop_at_4096),
        cmocka_unit_test(large_maps_are_cheap_in_order_and_bounded_out_of_order),
        cmocka_unit_test(nested_values_are_passed_when_looking_back),
        cmocka_unit_test(errors_latch_and_say_where),
        cmocka_unit_test(writers_that_are_too_small_count),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_truncation_and_appended_byte_is_refused),
        cmocka_unit_test(a_flipped_bit_is_refused_or_read_as_the_same_bytes),
    };

    return cmocka_run_group_tests_name("codec/cbor", tests, NULL, NULL);
}
