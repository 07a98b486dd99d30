/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/pem.h"

static struct selfsame_bytes
text(const char *s)
{
    return bytes_str(s);
}

static void
blocks_are_found_between_other_text(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes got;
    struct selfsame_bytes rest = text("subject=/CN=x\n\n-----BEGIN A-----\r\nAQID\r\n"
                                      "-----END A-----\r\nnoise -----BEGIN A-----\n"
                                      "-----BEGIN B-----\nBA==\n-----END B-----\n"
                                      "-----BEGIN A-----\nBQ\n==\n-----END A-----");

    assert_true(pem_looks_like(rest));
    assert_code(pem_next(&rest, "A", &a, &got, &e), SELFSAME_OK, &e);
    assert_bytes(got, BYTES_LIT("\1\2\3"));
    assert_code(pem_next(&rest, "A", &a, &got, &e), SELFSAME_OK, &e);
    assert_bytes(got, BYTES_LIT("\5"));
    assert_code(pem_next(&rest, "A", &a, &got, &e), SELFSAME_OK, &e);
    assert_null(got.ptr);
    assert_int_equal(rest.len, 0);
    assert_false(pem_looks_like(rest));
    assert_code(pem_next(&rest, "A", &a, &got, &e), SELFSAME_OK, &e);
    assert_null(got.ptr);
}

static void
broken_blocks_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "-----BEGIN A-----\n",
        "-----BEGIN A-----\nAQID\n",
        "-----BEGIN A-----\nAQID\n-----END B-----\n",
        "-----BEGIN A-----\nAQID\n-----END A----\n",
        "-----BEGIN A-----\nAQID\n-----BEGIN A-----\nAQID\n-----END A-----\n",
        "-----BEGIN A-----\n-----END A-----\n",
        "-----BEGIN A-----\n\nAQID\n-----END A-----\n",
        "-----BEGIN A-----\nAQID\n\n-----END A-----\n",
        "-----BEGIN A-----\nAQ ID\n-----END A-----\n",
        "-----BEGIN A-----\nAQID \n-----END A-----\n",
        "-----BEGIN A-----\nAQI\n-----END A-----\n",
        "-----BEGIN A-----\nAQ==AQ==\n-----END A-----\n",
        "-----BEGIN A-----\nAR==\n-----END A-----\n",
        "-----BEGIN A-----\nAQ-_\n-----END A-----\n",
        "-----BEGIN A-----\nProc-Type: 4,ENCRYPTED\n\nAQID\n-----END A-----\n",
        "-----BEGIN A----\nAQID\n-----END A-----\n",
        "-----BEGIN A----- \nAQID\n-----END A-----\n",
        "-----BEGIN \n",
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        auto_arena a = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes rest = text(bad[i]), got = BYTES_LIT("kept");

        assert_code(pem_next(&rest, "A", &a, &got, &e), SELFSAME_MALFORMED, &e);
        assert_bytes(got, BYTES_LIT("kept"));
        assert_int_equal(rest.len, strlen(bad[i]));
    }
}

static void
every_length_round_trips(void **state)
{
    (void)state;
    uint8_t in[200];

    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (uint8_t)(i * 91 + 5);
    for (size_t n = 1; n <= sizeof(in); n++) {
        auto_arena a = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        char *pem = pem_encode("TEST KEY", BYTES(in, n), &a);
        struct selfsame_bytes got;

        assert_non_null(pem);
        for (char *line = pem, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
            assert_true(end - line <= 64);
        struct selfsame_bytes rest = text(pem);
        assert_code(pem_next(&rest, "TEST KEY", &a, &got, &e), SELFSAME_OK, &e);
        assert_bytes(got, BYTES(in, n));
        assert_int_equal(rest.len, 0);
        for (size_t cut = 1; cut < strlen(pem) - 1; cut++) {
            rest = BYTES((const uint8_t *)pem, cut);
            got = BYTES_NONE;
            enum selfsame_code code = pem_next(&rest, "TEST KEY", &a, &got, &e);
            assert_true(code == SELFSAME_MALFORMED || code == SELFSAME_OK);
            assert_null(got.ptr);
        }
    }
}

static void
a_full_arena_is_told(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 12);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes rest = text("-----BEGIN A-----\nAQID\n-----END A-----\n"),
                          got;

    a.fail_at = 1;
    assert_code(pem_next(&rest, "A", &a, &got, &e), SELFSAME_NOMEM, &e);
    a.fail_at = 1;
    assert_null(pem_encode("A", rest, &a));
    assert_non_null(pem_encode("A", rest, &a));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_found_between_other_text),
        cmocka_unit_test(broken_blocks_are_refused),
        cmocka_unit_test(every_length_round_trips),
        cmocka_unit_test(a_full_arena_is_told),
    };

    return cmocka_run_group_tests_name("codec/pem", tests, NULL, NULL);
}
