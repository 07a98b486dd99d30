/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/sgxs.h"

#define FORTANIX "vectors/sgx/fortanix+rust-sgx/sigstruct/"

static enum selfsame_code
measure(struct selfsame_bytes in, size_t step, uint8_t ret[static 32],
    struct sgxs_info *info, struct selfsame_err *e)
{
    struct sgxs_reader r;
    enum selfsame_code code = sgxs_reader_init(&r, e);

    for (size_t at = 0; code == SELFSAME_OK && at < in.len; at += step)
        code = sgxs_reader_push(
            &r, BYTES(in.ptr + at, in.len - at < step ? in.len - at : step), e);
    if (code == SELFSAME_OK)
        code = sgxs_reader_end(&r, ret, info, e);
    sgxs_reader_free(&r);
    return code;
}

/* One TCS page, one of data, the rest unmeasured. */
static struct selfsame_bytes
made(struct arena *arena, bool unmeasured)
{
    size_t cap = SGX_RECORD + 3 * SGXS_PAGE;
    uint8_t *raw = arena_alloc(arena, 1, cap), *to = raw;
    uint8_t page[SGX_PAGE];

    assert_non_null(raw);
    for (size_t i = 0; i < sizeof(page); i++)
        page[i] = (uint8_t)(i * 7);
    sgxs_ecreate(to, 1, 4 * SGX_PAGE);
    to += SGX_RECORD;
    sgxs_page(to, SGX_PAGE, SGX_TCS, page);
    to += SGXS_PAGE;
    sgxs_page(to, 0, SGX_REG | SGX_R | SGX_W, NULL);
    to += SGXS_PAGE;
    if (unmeasured) {
        sgxs_page(to, 2 * SGX_PAGE, SGX_REG | SGX_R, page);
        for (size_t at = SGX_RECORD; at < SGXS_PAGE; at += SGX_RECORD + SGX_CHUNK)
            memcpy(to + at, "UNMEASRD", 8);
        to += SGXS_PAGE;
    } else {
        sgxs_eadd(to, 2 * SGX_PAGE, SGX_REG | SGX_R);
        to += SGX_RECORD;
    }
    return BYTES(raw, (size_t)(to - raw));
}

static void
measures_what_others_measured(void **state)
{
    (void)state;
    static const struct {
        const char *file, *mrenclave;
        uint64_t pages;
    } rows[] = {
        { FORTANIX "test_enclave.sgxs",
            "784acfd7d5096a8f0fbd3265760bff21b120f62407a9a9e5ba31aa3c8ed198fc", 9 },
        { FORTANIX "report.sgxs",
            "a06a560b26f5e397b2d7872fac66fe4b43bf4f507296ee048f110be6fb1a2290", 3 },
    };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };

    need_shared();
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t step = 1; step < 1 << 20; step = step * 3 + 1) {
            struct sgxs_info info;
            uint8_t got[32];

            assert_code(
                measure(shared_file(rows[i].file, &arena), step, got, &info, &e),
                SELFSAME_OK, &e);
            assert_bytes(BYTES_ARR(got), unhex(rows[i].mrenclave, &arena));
            assert_int_equal(info.pages, rows[i].pages);
        }
}

static void
a_stream_and_its_making_measure_the_same(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes in = made(&arena, false);
    auto_mrenclave m = { 0 };
    uint8_t page[SGX_PAGE], streamed[32], direct[32];
    struct sgxs_info info;

    for (size_t i = 0; i < sizeof(page); i++)
        page[i] = (uint8_t)(i * 7);
    assert_code(mrenclave_begin(&m, 1, 4 * SGX_PAGE, &e), SELFSAME_OK, &e);
    mrenclave_add(&m, SGX_PAGE, 1, SGX_TCS, page, true);
    mrenclave_add(&m, 0, 1, SGX_REG | SGX_R | SGX_W, NULL, true);
    mrenclave_add(&m, 2 * SGX_PAGE, 1, SGX_REG | SGX_R, NULL, false);
    mrenclave_end(&m, direct);
    assert_code(measure(in, in.len, streamed, &info, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES_ARR(streamed), BYTES_ARR(direct));
    assert_int_equal(info.pages, 3);
    assert_int_equal(info.threads, 1);
    assert_int_equal(info.chunks, 32);
    assert_int_equal(m.info.pages, 3);
    assert_int_equal(m.info.chunks, 32);
}

static void
what_is_unmeasured_is_in_no_digest(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes without = made(&arena, false), with = made(&arena, true);
    uint8_t a[32], b[32];
    struct sgxs_info info;

    assert_code(measure(without, 100, a, &info, &e), SELFSAME_OK, &e);
    assert_int_equal(info.unmeasured, 0);
    for (size_t step = 1; step <= with.len; step = step * 2 + 1) {
        assert_code(measure(with, step, b, &info, &e), SELFSAME_OK, &e);
        assert_bytes(BYTES_ARR(a), BYTES_ARR(b));
        assert_int_equal(info.unmeasured, 16);
    }
}

/* Each change of a byte is refused, changes the digest, or is in unmeasured contents. */
static void
no_change_goes_unseen(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes in = made(&arena, true);
    uint8_t *raw = arena_alloc(&arena, 1, in.len + 1), want[32], got[32];
    struct sgxs_info info;
    size_t same = 0, refused = 0, other = 0;

    assert_non_null(raw);
    assert_code(measure(in, in.len, want, &info, &e), SELFSAME_OK, &e);
    memcpy(raw, in.ptr, in.len);
    for (size_t at = 0; at < in.len; at++) {
        raw[at] ^= 1;
        if (measure(BYTES(raw, in.len), in.len, got, &info, &e) != SELFSAME_OK)
            refused++;
        else if (bytes_eq(BYTES_ARR(got), BYTES_ARR(want)))
            same++;
        else
            other++;
        raw[at] ^= 1;
    }
    assert_int_equal(same, 16 * SGX_CHUNK);
    assert_int_equal(refused + other, in.len - 16 * SGX_CHUNK);
    assert_true(refused > 30 * 64);
}

static void
cuts_are_refused_or_measure_less(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes in = made(&arena, false);
    uint8_t want[32], got[32];
    struct sgxs_info info;
    size_t taken = 0;

    assert_code(measure(in, in.len, want, &info, &e), SELFSAME_OK, &e);
    for (size_t n = 0; n < in.len; n++)
        if (measure(BYTES(in.ptr, n), 1 << 16, got, &info, &e) == SELFSAME_OK) {
            assert_false(bytes_eq(BYTES_ARR(got), BYTES_ARR(want)));
            taken++;
        }
    /* Behind the EADD of the TCS and each chunk and record from there on. */
    assert_int_equal(taken, 1 + 16 + 1 + 16);
}

struct change {
    const char *what;
    size_t at, len;
    const char *bytes;
};
static void
impossible_records_are_refused(void **state)
{
    (void)state;
    enum { FIRST = SGX_RECORD, SECOND = SGX_RECORD + SGXS_PAGE };
    static const struct change rows[] = {
        { "no ECREATE first", 0, 7, "EADD\0\0\0" },
        { "ECREATE twice", FIRST, 8, "ECREATE" },
        { "an SSA frame of nothing", 8, 1, "\0" },
        { "a size that is no power of two", 12, 2, "\0\x30" },
        { "a size of one page", 12, 2, "\0\x10" },
        { "bytes behind the size", 63, 1, "x" },
        { "a page between pages", FIRST + 8, 2, "\1\x10" },
        { "a page outside", FIRST + 8, 2, "\0\x40" },
        { "a TCS that may be read", FIRST + 16, 2, "\1\1" },
        { "a page of type SECS", SECOND + 16, 2, "\3\0" },
        { "a page to write alone", SECOND + 16, 2, "\2\2" },
        { "flags nobody knows", SECOND + 16, 2, "\13\2" },
        { "bytes behind the flags", SECOND + 63, 1, "x" },
        { "a chunk between chunks", SECOND + SGX_RECORD + 8, 1, "\1" },
        { "a chunk of another page", SECOND + SGX_RECORD + 8, 2, "\0\x20" },
        { "a chunk twice", SECOND + 2 * SGX_RECORD + SGX_CHUNK + 8, 2, "\0\0" },
        { "bytes behind a chunk's offset", SECOND + SGX_RECORD + 63, 1, "x" },
        { "a record nobody knows", SECOND, 4, "EAUG" },
    };
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    uint8_t got[32];
    struct sgxs_info info;

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct selfsame_bytes in = made(&arena, false);
        uint8_t *raw = arena_alloc(&arena, 1, in.len);

        assert_non_null(raw);
        memcpy(raw, in.ptr, in.len);
        memcpy(raw + rows[i].at, rows[i].bytes, rows[i].len);
        if (measure(BYTES(raw, in.len), 1000, got, &info, &e) != SELFSAME_MALFORMED)
            fail_msg("%s: taken", rows[i].what);
    }
}

static void
an_enclave_that_no_thread_can_enter_is_refused(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    uint8_t raw[SGX_RECORD + SGXS_PAGE], got[32];
    struct sgxs_info info;

    sgxs_ecreate(raw, 1, 2 * SGX_PAGE);
    sgxs_page(raw + SGX_RECORD, 0, SGX_REG | SGX_R, NULL);
    assert_code(measure(BYTES_ARR(raw), 64, got, &info, &e), SELFSAME_MALFORMED, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_what_others_measured),
        cmocka_unit_test(a_stream_and_its_making_measure_the_same),
        cmocka_unit_test(what_is_unmeasured_is_in_no_digest),
        cmocka_unit_test(no_change_goes_unseen),
        cmocka_unit_test(cuts_are_refused_or_measure_less),
        cmocka_unit_test(impossible_records_are_refused),
        cmocka_unit_test(an_enclave_that_no_thread_can_enter_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
