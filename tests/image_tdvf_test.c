/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/placeholder.h"
#include "image/tdvf.h"

/* Where the placeholder's descriptor begins, and one of its sections. */
static uint8_t *
descriptor(uint8_t f[static PLACEHOLDER_TDVF])
{
    for (size_t i = 0; i + 4 < PLACEHOLDER_TDVF; i++)
        if (bytes_eq(BYTES(f + i, 4), BYTES_LIT("TDVF")))
            return f + i;
    fail_msg("no descriptor");
    return NULL;
}

static void
sections_are_read_as_they_stand(void **state)
{
    static uint8_t f[PLACEHOLDER_TDVF];
    struct selfsame_err e = { 0 };
    struct tdvf t;

    (void)state;
    placeholder_tdvf(f);
    assert_true(tdvf_recognise(BYTES_ARR(f)));
    assert_code(tdvf_parse(BYTES_ARR(f), &t, &e), SELFSAME_OK, &e);
    assert_int_equal(t.section_count, 6);
    assert_int_equal(t.section[0].type, TDVF_BFV);
    assert_int_equal(t.section[0].attributes, TDVF_MR_EXTEND);
    assert_int_equal(t.section[0].gpa + t.section[0].size, UINT64_C(1) << 32);
    assert_int_equal(t.section[0].offset, 0x1000);
    assert_int_equal(t.section[4].type, TDVF_TD_HOB);
    assert_int_equal(t.section[4].gpa, 0x809000);
    assert_string_equal(tdvf_type_name(t.section[4].type), "TD_HOB");
    assert_string_equal(tdvf_type_name((enum tdvf_type)7), "unknown");
}

/* One byte of one field, and what it is then. */
static void
each_bend_of_a_section_is_refused(void **state)
{
    static const struct {
        const char *what;
        size_t at; /* behind "TDVF" */
        uint8_t value;
        enum selfsame_code code;
    } rows[] = {
        { "length", 4, 0xd1, SELFSAME_MALFORMED },
        { "version 2", 8, 2, SELFSAME_UNSUPPORTED },
        { "fewer sections than the length", 12, 5, SELFSAME_MALFORMED },
        { "more of them", 12, 7, SELFSAME_MALFORMED },
        { "no code", 16 + 24, TDVF_CFV, SELFSAME_MALFORMED },
        { "offset behind the file", 16 + 1, 0x30, SELFSAME_MALFORMED },
        { "offset far away", 16 + 3, 0xff, SELFSAME_MALFORMED },
        { "fewer bytes than memory", 16 + 5, 0x10, SELFSAME_MALFORMED },
        { "address in a page", 16 + 8, 1, SELFSAME_MALFORMED },
        { "size not of pages", 16 + 16, 1, SELFSAME_MALFORMED },
        { "exabytes", 16 + 23, 0xff, SELFSAME_UNSUPPORTED },
        { "unknown type", 16 + 24, 7, SELFSAME_UNSUPPORTED },
        { "type that no byte has", 16 + 27, 0x80, SELFSAME_UNSUPPORTED },
        { "unknown attribute", 16 + 28, 5, SELFSAME_UNSUPPORTED },
        { "measured, and added later", 16 + 28, 3, SELFSAME_MALFORMED },
        { "what the host fills, measured", 16 + 32 * 4 + 28, 1, SELFSAME_UNSUPPORTED },
        { "memory with bytes in the file", 16 + 32 * 2 + 5, 0x10, SELFSAME_MALFORMED },
        { "more memory than a host adds", 16 + 32 * 2 + 20, 1, SELFSAME_UNSUPPORTED },
        { "memory of no size", 16 + 32 * 3 + 17, 0, SELFSAME_MALFORMED },
        { "two at one place", 16 + 32 * 4 + 9, 0xb0, SELFSAME_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        static uint8_t f[PLACEHOLDER_TDVF];
        struct selfsame_err e = { 0 };
        struct tdvf t = { .section_count = 99 };

        placeholder_tdvf(f);
        descriptor(f)[rows[i].at] = rows[i].value;
        enum selfsame_code c = tdvf_parse(BYTES_ARR(f), &t, &e);
        if (c != rows[i].code)
            fail_msg(
                "%s: got %s: %s", rows[i].what, selfsame_code_name(c), err_text(&e));
        assert_int_equal(t.section_count, 99); /* untouched */
    }
}

/* Added by the guest itself it may be large, but not beyond all addresses. */
static void
a_section_that_runs_over_is_refused(void **state)
{
    static uint8_t f[PLACEHOLDER_TDVF];
    struct selfsame_err e = { 0 };
    struct tdvf t;

    (void)state;
    placeholder_tdvf(f);
    uint8_t *last = descriptor(f) + 16 + 32 * 5;
    last[20] = 1;    /* 4 GiB more */
    last[8 + 4] = 1; /* from 4 GiB on */
    last[28] = TDVF_PAGE_AUG;
    assert_code(tdvf_parse(BYTES_ARR(f), &t, &e), SELFSAME_OK, &e);
    memset(last + 16 + 2, 0xff, 6);
    assert_code(tdvf_parse(BYTES_ARR(f), &t, &e), SELFSAME_MALFORMED, &e);
    assert_non_null(strstr(err_text(&e), "whole pages"));
}

static void
the_table_says_once_where_and_with_its_guid(void **state)
{
    static uint8_t f[PLACEHOLDER_TDVF], snp[PLACEHOLDER_FIRMWARE];
    struct selfsame_err e = { 0 };
    struct tdvf t;

    (void)state;
    placeholder_firmware(snp);
    assert_int_equal(tdvf_parse(BYTES_ARR(snp), &t, &e), SELFSAME_UNSUPPORTED);
    assert_false(tdvf_recognise(BYTES_ARR(snp)));
    placeholder_tdvf(f);
    descriptor(f)[-1] ^= 1; /* the GUID before it */
    assert_int_equal(tdvf_parse(BYTES_ARR(f), &t, &e), SELFSAME_MALFORMED);
    placeholder_tdvf(f);
    f[sizeof(f) - 48 - 2 - 22] ^= 1; /* where it is */
    assert_int_equal(tdvf_parse(BYTES_ARR(f), &t, &e), SELFSAME_MALFORMED);
    placeholder_tdvf(f);
    f[sizeof(f) - 48 - 2 - 22 + 3] = 0xff; /* outside the file */
    assert_int_equal(tdvf_parse(BYTES_ARR(f), &t, &e), SELFSAME_MALFORMED);
    /* The same entry twice: the first bytes of the table, again. */
    placeholder_tdvf(f);
    uint8_t *entry = f + sizeof(f) - 48 - 2 - 22;
    memcpy(entry - 22, entry, 22);
    f[sizeof(f) - 50] = (uint8_t)(f[sizeof(f) - 50] + 22);
    assert_int_equal(tdvf_parse(BYTES_ARR(f), &t, &e), SELFSAME_MALFORMED);
    assert_non_null(strstr(err_text(&e), "twice"));
}

static void
every_bit_and_every_length_is_parsed_or_refused(void **state)
{
    static uint8_t f[PLACEHOLDER_TDVF];
    struct selfsame_err e = { 0 };
    size_t refused = 0;
    struct tdvf t;

    (void)state;
    placeholder_tdvf(f);
    for (size_t bit = 0; bit < sizeof(f) * 8; bit++) {
        f[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum selfsame_code c = tdvf_parse(BYTES_ARR(f), &t, &e);
        assert_true(
            c == SELFSAME_OK || c == SELFSAME_MALFORMED || c == SELFSAME_UNSUPPORTED);
        refused += c != SELFSAME_OK;
        f[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > 1000);
    for (size_t len = 0; len < sizeof(f); len += 5) {
        uint8_t *exact = malloc(len + 1);

        assert_non_null(exact);
        memcpy(exact, f, len);
        assert_int_not_equal(tdvf_parse(BYTES(exact, len), &t, &e), SELFSAME_OK);
        free(exact);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_read_as_they_stand),
        cmocka_unit_test(each_bend_of_a_section_is_refused),
        cmocka_unit_test(a_section_that_runs_over_is_refused),
        cmocka_unit_test(the_table_says_once_where_and_with_its_guid),
        cmocka_unit_test(every_bit_and_every_length_is_parsed_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
