/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/pe.h"
#include "image/placeholder.h"

/*
 * The digest itself is compared with osslsigncode's and a peer's in build_tdx.sh; here is
 * what must be in it, and what may not be read.
 */
enum { OPTIONAL = 0x58, CHECKSUM = OPTIONAL + 64, SECURITY = OPTIONAL + 112 + 32 };

static void
digest(struct selfsame_bytes file, uint8_t ret[static HASH_MAX])
{
    struct selfsame_err e = { 0 };

    assert_code(pe_authenticode(file, HASH_SHA384, ret, &e), SELFSAME_OK, &e);
}

/* An image without a section, with certificates behind it when asked for. */
static void
checksum_and_certificates_are_not_in_it(void **state)
{
    static uint8_t f[PLACEHOLDER_PE + 64];
    uint8_t plain[HASH_MAX], other[HASH_MAX];

    (void)state;
    placeholder_pe(f);
    digest(BYTES(f, PLACEHOLDER_PE), plain);
    f[CHECKSUM] = 0x12;
    digest(BYTES(f, PLACEHOLDER_PE), other);
    assert_memory_equal(plain, other, 48);
    f[PLACEHOLDER_PE] = 1;
    digest(BYTES_ARR(f), other); /* bytes behind, nobody's certificates */
    assert_memory_not_equal(plain, other, 48);
    f[SECURITY + 1] = PLACEHOLDER_PE >> 8;
    f[SECURITY + 4] = 64;
    digest(BYTES_ARR(f), other);
    assert_memory_equal(plain, other, 48);
    f[2] ^= 1;
    digest(BYTES_ARR(f), other);
    assert_memory_not_equal(plain, other, 48);
}

static void
each_bend_of_the_headers_is_refused(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        enum selfsame_code code;
    } rows[] = {
        { "no MZ", 0, 'm', SELFSAME_UNSUPPORTED },
        { "headers outside the file", 0x3d, 0xff, SELFSAME_UNSUPPORTED },
        { "headers far outside", 0x3f, 0xff, SELFSAME_UNSUPPORTED },
        { "no PE", 0x40, 'p', SELFSAME_UNSUPPORTED },
        { "another kind", OPTIONAL, 0x07, SELFSAME_UNSUPPORTED },
        { "headers larger than the file", OPTIONAL + 62, 1, SELFSAME_MALFORMED },
        { "headers that end in themselves", OPTIONAL + 61, 0, SELFSAME_MALFORMED },
        { "certificates larger than the file", SECURITY + 7, 1, SELFSAME_MALFORMED },
        { "more sections than there may be", 0x46, 97, SELFSAME_MALFORMED },
        { "certificates over the headers", SECURITY + 4, 1, SELFSAME_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        static uint8_t f[PLACEHOLDER_PE];
        struct selfsame_err e = { 0 };
        uint8_t sum[HASH_MAX] = { 0x5a };

        placeholder_pe(f);
        f[rows[i].at] = rows[i].value;
        enum selfsame_code c = pe_authenticode(BYTES_ARR(f), HASH_SHA384, sum, &e);
        if (c != rows[i].code)
            fail_msg(
                "%s: got %s: %s", rows[i].what, selfsame_code_name(c), err_text(&e));
        assert_int_equal(sum[0], 0x5a);
    }
}

/* Sections of a table: raw size and place. */
static void
put_section(uint8_t *f, size_t i, uint32_t size, uint32_t at)
{
    uint8_t *s = f + OPTIONAL + 240 + 40 * i;

    for (size_t k = 0; k < 4; k++) {
        s[16 + k] = (uint8_t)(size >> (8 * k));
        s[20 + k] = (uint8_t)(at >> (8 * k));
    }
    f[0x46] = (uint8_t)(i + 1);
}

static void
sections_lie_one_behind_the_other(void **state)
{
    static uint8_t f[PLACEHOLDER_PE + 0x400];
    struct selfsame_err e = { 0 };
    uint8_t sum[HASH_MAX], other[HASH_MAX];

    (void)state;
    placeholder_pe(f);
    put_section(f, 0, 0x300, PLACEHOLDER_PE + 0x100); /* not in their order */
    put_section(f, 1, 0x100, PLACEHOLDER_PE);
    put_section(f, 2, 0, 7); /* nothing in it: it may stand anywhere */
    digest(BYTES_ARR(f), sum);
    f[sizeof(f) - 1] ^= 1;
    digest(BYTES_ARR(f), other);
    assert_memory_not_equal(sum, other, 48);
    put_section(f, 1, 0x80, PLACEHOLDER_PE); /* a gap */
    f[0x46] = 3;
    assert_int_equal(
        pe_authenticode(BYTES_ARR(f), HASH_SHA384, sum, &e), SELFSAME_UNSUPPORTED);
    put_section(f, 1, 0x180, PLACEHOLDER_PE); /* over the other */
    f[0x46] = 3;
    assert_int_equal(
        pe_authenticode(BYTES_ARR(f), HASH_SHA384, sum, &e), SELFSAME_UNSUPPORTED);
    put_section(f, 1, 0x100, PLACEHOLDER_PE);
    f[0x46] = 3;
    assert_int_equal(pe_authenticode(BYTES(f, sizeof(f) - 1), HASH_SHA384, sum, &e),
        SELFSAME_UNSUPPORTED); /* beyond the end */
}

static void
every_bit_and_every_length_is_read_within_bounds(void **state)
{
    static uint8_t f[PLACEHOLDER_PE];
    struct selfsame_err e = { 0 };
    uint8_t sum[HASH_MAX], other[HASH_MAX];
    size_t same = 0;

    (void)state;
    placeholder_pe(f);
    digest(BYTES_ARR(f), sum);
    for (size_t bit = 0; bit < 0x250 * 8; bit++) {
        f[bit / 8] ^= (uint8_t)(1u << bit % 8);
        same += pe_authenticode(BYTES_ARR(f), HASH_SHA384, other, &e) == SELFSAME_OK &&
                bytes_eq(BYTES(sum, 48), BYTES(other, 48));
        f[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(same, 4 * 8 + 4 * 8); /* checksum, address of certificates */
    for (size_t len = 0; len < sizeof(f); len++) {
        uint8_t *exact = malloc(len + 1);

        assert_non_null(exact);
        memcpy(exact, f, len);
        assert_int_not_equal(
            pe_authenticode(BYTES(exact, len), HASH_SHA384, other, &e), SELFSAME_OK);
        free(exact);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_and_certificates_are_not_in_it),
        cmocka_unit_test(each_bend_of_the_headers_is_refused),
        cmocka_unit_test(sections_lie_one_behind_the_other),
        cmocka_unit_test(every_bit_and_every_length_is_read_within_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
