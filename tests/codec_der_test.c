/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/der.h"

/* Passes everything, entering what is constructed. */
static void
walk(struct der *d, unsigned depth)
{
    while (!d->r.bad && d->r.rest.len > 0) {
        unsigned tag = d->r.rest.ptr[0];

        if ((tag & 0x20) != 0 && depth < 20) {
            struct der inner = der_enter(d, tag);
            walk(&inner, depth + 1);
            der_absorb(d, &inner);
        } else {
            (void)der_get_any(d, &tag);
        }
    }
}

static const char *
refusal(const char *hex)
{
    auto_arena a = arena_new(1 << 20);
    struct der d = der_of(unhex(hex, &a));

    walk(&d, 0);
    return d.why;
}

static void
elements_of_every_length_form_are_read(void **state)
{
    (void)state;
    static uint8_t in[70000];
    static const struct {
        size_t head, content;
        uint8_t bytes[5];
    } cases[] = {
        { 2, 0, { 4, 0 } },
        { 2, 127, { 4, 127 } },
        { 3, 128, { 4, 0x81, 128 } },
        { 3, 255, { 4, 0x81, 255 } },
        { 4, 256, { 4, 0x82, 1, 0 } },
        { 4, 65535, { 4, 0x82, 255, 255 } },
        { 5, 65536, { 4, 0x83, 1, 0, 0 } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t n = cases[i].head + cases[i].content;

        memcpy(in, cases[i].bytes, cases[i].head);
        struct der d = der_of(BYTES(in, n));
        assert_int_equal(der_get(&d, DER_OCTET_STRING).len, cases[i].content);
        assert_true(der_done(&d));
        d = der_of(BYTES(in, n - 1));
        assert_null(der_get(&d, DER_OCTET_STRING).ptr);
        assert_int_equal(d.r.rest.len, n - 1);
        d = der_of(BYTES(in, n));
        assert_int_equal(der_get_element(&d).len, n);
    }
}

static void
what_is_ber_only_is_refused(void **state)
{
    (void)state;
    static const char *const good[] = { "0500", "3000", "a000", "8000",
        "30060201010101ff", "3103020105" };
    static const char *const bad[] = { /* indefinite, long, padded lengths */
        "30800000", "048100", "0482000100", "04810100", "0481017f", "048200ff",
        "0485000000000100", "04ff",
        /* cut off */
        "04", "0481", "048201", "0401", "30030201",
        /* tags of more than one byte, end of contents, strings in pieces */
        "1f0100", "bf810100", "0000", "24040402aabb", "23050303000000", "1000", "1100",
        "2100", "2203020101"
    };

    for (size_t i = 0; i < COUNT(good); i++)
        assert_null(refusal(good[i]));
    for (size_t i = 0; i < COUNT(bad); i++)
        if (refusal(bad[i]) == NULL)
            fail_msg("accepted: %s", bad[i]);
}

static void
booleans_have_two_forms(void **state)
{
    (void)state;
    static const struct {
        uint8_t in[4];
        size_t len;
        bool good, value;
    } cases[] = {
        { { 1, 1, 0xff }, 3, true, true },
        { { 1, 1, 0 }, 3, true, false },
        { { 1, 1, 1 }, 3, false, false },
        { { 1, 0 }, 2, false, false },
        { { 1, 2, 0, 0 }, 4, false, false },
        { { 2, 1, 0xff }, 3, false, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct der d = der_of(BYTES(cases[i].in, cases[i].len));

        assert_int_equal(der_get_bool(&d), cases[i].value);
        assert_int_equal(der_done(&d), cases[i].good);
    }
}

static void
integers_are_minimal_and_not_negative(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool good;
        uint64_t value;
        size_t len;
    } cases[] = {
        { "020100", true, 0, 1 },
        { "02017f", true, 127, 1 },
        { "02020080", true, 128, 1 },
        { "02080102030405060708", true, 0x0102030405060708, 8 },
        { "020900ffffffffffffffff", true, UINT64_MAX, 8 },
        { "0209010000000000000000", false, 0, 9 },
        { "0200", false, 0, 0 },
        { "0202007f", false, 0, 0 },
        { "02020000", false, 0, 0 },
        { "020180", false, 0, 0 },
        { "0202ffff", false, 0, 0 },
        { "040101", false, 0, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 12);
        struct selfsame_bytes in = unhex(cases[i].hex, &a);
        struct der d = der_of(in);

        assert_true(der_get_small_uint(&d) == cases[i].value);
        assert_int_equal(der_done(&d), cases[i].good);
        d = der_of(in);
        assert_int_equal(der_get_uint(&d).len, cases[i].len);
        assert_int_equal(der_done(&d), cases[i].len > 0);
    }
}

static void
bit_strings_are_whole_bytes(void **state)
{
    (void)state;
    static const uint8_t whole[] = { 3, 3, 0, 0xaa, 0xbb }, part[] = { 3, 2, 1, 0xaa },
                         none[] = { 3, 1, 0 }, empty[] = { 3, 0 };
    struct der d = der_of(BYTES_ARR(whole));
    assert_bytes(der_get_bits(&d), BYTES_LIT("\xaa\xbb"));
    assert_true(der_done(&d));
    d = der_of(BYTES_ARR(none));
    assert_int_equal(der_get_bits(&d).len, 0);
    assert_true(der_done(&d));
    d = der_of(BYTES_ARR(part));
    assert_null(der_get_bits(&d).ptr);
    assert_false(der_done(&d));
    d = der_of(BYTES_ARR(empty));
    assert_null(der_get_bits(&d).ptr);
    assert_false(der_done(&d));
}

static void
times_are_utc_with_seconds(void **state)
{
    (void)state;
    static const struct {
        unsigned tag;
        const char *text;
        bool good;
        int64_t seconds;
    } cases[] = {
        { DER_UTC_TIME, "700101000000Z", true, 0 },
        { DER_UTC_TIME, "491231235959Z", true, 2524607999 },
        { DER_UTC_TIME, "500101000000Z", true, -631152000 },
        { DER_UTC_TIME, "191028132805Z", true, 1572269285 },
        { DER_GENERALIZED_TIME, "20491028142805Z", true, 2519044085 },
        { DER_GENERALIZED_TIME, "19700101000001Z", true, 1 },
        { DER_UTC_TIME, "7001010000Z", false, 0 },
        { DER_UTC_TIME, "700101000000", false, 0 },
        { DER_UTC_TIME, "700101000000+0000", false, 0 },
        { DER_UTC_TIME, "70010100000aZ", false, 0 },
        { DER_UTC_TIME, "7 0101000000Z", false, 0 },
        { DER_UTC_TIME, "701301000000Z", false, 0 },
        { DER_UTC_TIME, "700230000000Z", false, 0 },
        { DER_UTC_TIME, "700101240000Z", false, 0 },
        { DER_UTC_TIME, "19700101000000Z", false, 0 },
        { DER_GENERALIZED_TIME, "700101000000Z", false, 0 },
        { DER_GENERALIZED_TIME, "19700101000000.5Z", false, 0 },
        { DER_GENERALIZED_TIME, "19700101000000z", false, 0 },
        { DER_IA5, "19700101000000Z", false, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t in[40];
        size_t n = strlen(cases[i].text);

        in[0] = (uint8_t)cases[i].tag;
        in[1] = (uint8_t)n;
        memcpy(in + 2, cases[i].text, n);
        struct der d = der_of(BYTES(in, n + 2));
        assert_int_equal(der_get_time(&d), cases[i].seconds);
        assert_int_equal(der_done(&d), cases[i].good);
    }
}

static void
leftovers_in_a_structure_latch_the_outer_reader(void **state)
{
    (void)state;
    static const uint8_t in[] = { 0x30, 6, 2, 1, 1, 2, 1, 2 };
    struct der d = der_of(BYTES_ARR(in));
    struct der inner = der_enter(&d, DER_SEQUENCE);

    assert_int_equal(der_get_small_uint(&inner), 1);
    der_absorb(&d, &inner);
    assert_false(der_done(&d));
    assert_string_equal(d.why, "bytes follow the last member of a structure");
    d = der_of(BYTES_ARR(in));
    inner = der_enter(&d, DER_SEQUENCE);
    assert_false(der_get_bool(&inner));
    der_absorb(&d, &inner);
    assert_string_equal(d.why, inner.why);
    d = der_of(BYTES_ARR(in));
    inner = der_enter(&d, DER_SET);
    assert_true(inner.r.bad);
    assert_string_equal(d.why, inner.why);
    d = der_of(BYTES_ARR(in));
    inner = der_enter(&d, DER_SEQUENCE);
    assert_true(der_is(&inner, DER_INTEGER));
    assert_int_equal(der_get_small_uint(&inner) + der_get_small_uint(&inner), 3);
    assert_false(der_is(&inner, DER_INTEGER));
    der_absorb(&d, &inner);
    assert_true(der_done(&d));
}

/* A small structure with every kind of element, read member by member. */
static bool
sample_is_good(struct selfsame_bytes in)
{
    struct der d = der_of(in);
    struct der s = der_enter(&d, DER_SEQUENCE);
    bool yes = der_get_bool(&s);
    uint64_t number = der_get_small_uint(&s);
    struct selfsame_bytes bits = der_get(&s, DER_BIT_STRING);
    struct der oid = der_of(der_get(&s, DER_OID));
    int64_t time = der_get_time(&s);
    struct der tagged = der_enter(&s, DER_CONTEXT(3));
    struct selfsame_bytes null = der_get(&tagged, DER_NULL);

    if (null.len != 0)
        der_fail(&tagged, "NULL with content");
    der_absorb(&s, &tagged);
    der_absorb(&d, &s);
    return der_done(&d) && yes && number == 300 && time == 1 &&
           bytes_eq(bits, BYTES_LIT("\x01\x86")) &&
           bytes_eq(oid.r.rest, BYTES_LIT("\x2b\x0e"));
}

static void
every_flipped_bit_and_truncation_shows(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes good = unhex("30240101ff0202012c0302018606022b0e"
                                       "180f31393730303130313030303030315aa3020500",
        &a);
    uint8_t in[64] = { 0 };

    assert_true(good.len < sizeof(in));
    memcpy(in, good.ptr, good.len);
    assert_true(sample_is_good(BYTES(in, good.len)));
    assert_false(sample_is_good(BYTES(in, good.len + 1)));
    for (size_t n = 0; n < good.len; n++)
        assert_false(sample_is_good(BYTES(in, n)));
    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(sample_is_good(BYTES(in, good.len)));
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_of_every_length_form_are_read),
        cmocka_unit_test(what_is_ber_only_is_refused),
        cmocka_unit_test(booleans_have_two_forms),
        cmocka_unit_test(integers_are_minimal_and_not_negative),
        cmocka_unit_test(bit_strings_are_whole_bytes),
        cmocka_unit_test(times_are_utc_with_seconds),
        cmocka_unit_test(leftovers_in_a_structure_latch_the_outer_reader),
        cmocka_unit_test(every_flipped_bit_and_truncation_shows),
    };

    return cmocka_run_group_tests_name("codec/der", tests, NULL, NULL);
}
