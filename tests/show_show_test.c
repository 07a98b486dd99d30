/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "show/show.h"

/* What people paste, whole and broken: it is decoded or refused, within its memory. */
enum { ARENA = 8 << 20, TOO_MANY = 20000 };
static const struct {
    const char *path, *kind;
} documents[] = {
    { "vectors/nitro/100-happy.vec", "evidence" },
    { "vectors/snp/100-milan.vec", "conceptual message wrapper" },
    { "vectors/sgx/100-version-3.vec", "conceptual message wrapper" },
    { "vectors/tdx/100-version-4.vec", "conceptual message wrapper" },
    { "vectors/tdx/105-raw.vec", "evidence" },
};

/* The first payload of a vector, decoded as a page or a file has it. */
static struct selfsame_bytes
payload(const char *path, struct arena *arena)
{
    const struct selfsame_bytes whole = test_file(path, arena);
    const char *text = (const char *)whole.ptr;
    const char *begin = strstr(text, "\n\n");

    assert_non_null(begin);
    begin += 2;
    const char *end = strstr(begin, "\n\n");
    struct selfsame_bytes in = BYTES(
        (const uint8_t *)begin, end != NULL ? (size_t)(end - begin) : strlen(begin));
    show_unwrap(&in, arena);
    return in;
}

static enum selfsame_code
shown(struct selfsame_bytes in, long fail_at, json_t **ret)
{
    auto_arena arena = arena_new(ARENA);
    struct selfsame_err e = { 0 };

    arena.fail_at = fail_at;
    *ret = json_object();
    return show_any(in, &arena, *ret, &e);
}

static enum selfsame_code
quietly(struct selfsame_bytes in, long fail_at)
{
    json_t *tree;
    const enum selfsame_code code = shown(in, fail_at, &tree);

    json_decref(tree);
    return code;
}

static void
each_kind_is_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(documents); i++) {
        auto_arena arena = arena_new(ARENA);
        json_t *tree;

        assert_int_equal(
            shown(payload(documents[i].path, &arena), 0, &tree), SELFSAME_OK);
        assert_string_equal(
            json_string_value(json_object_get(tree, "kind")), documents[i].kind);
        json_decref(tree);
    }
}

static void
text_forms_are_the_same(void **state)
{
    auto_arena arena = arena_new(ARENA);
    const struct selfsame_bytes raw = payload(documents[0].path, &arena);
    char *hex = hex_dup(&arena, raw);
    struct selfsame_bytes in;

    (void)state;
    assert_non_null(hex);
    in = bytes_str(hex);
    show_unwrap(&in, &arena);
    assert_bytes(in, raw);
}

static void
any_bit_may_be_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(documents); i++) {
        auto_arena arena = arena_new(ARENA);
        const struct selfsame_bytes in = payload(documents[i].path, &arena);
        uint8_t *copy = arena_alloc(&arena, 1, in.len);

        assert_non_null(copy);
        memcpy(copy, in.ptr, in.len);
        for (size_t at = 0; at < in.len; at++) {
            copy[at] ^= (uint8_t)(1 << (at % 8));
            (void)quietly(BYTES(copy, in.len), 0);
            copy[at] = in.ptr[at];
        }
    }
}

static void
any_length_may_be_missing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(documents); i++) {
        auto_arena arena = arena_new(ARENA);
        const struct selfsame_bytes in = payload(documents[i].path, &arena);

        for (size_t n = 0; n < in.len; n++) {
            /* A copy of the very size: reading behind it would be seen. */
            uint8_t *copy = malloc(n + 1);

            assert_non_null(copy);
            memcpy(copy, in.ptr, n);
            (void)quietly(BYTES(copy, n), 0);
            free(copy);
        }
    }
}

static void
a_byte_more_is_no_more(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(documents); i++) {
        auto_arena arena = arena_new(ARENA);
        const struct selfsame_bytes in = payload(documents[i].path, &arena);
        uint8_t *copy = arena_alloc(&arena, 1, in.len + 1);

        assert_non_null(copy);
        memcpy(copy, in.ptr, in.len);
        if (strstr(documents[i].path, "raw") == NULL) /* quotes may have a trailer */
            assert_int_not_equal(quietly(BYTES(copy, in.len + 1), 0), SELFSAME_OK);
    }
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(documents); i++) {
        auto_arena arena = arena_new(ARENA);
        const struct selfsame_bytes in = payload(documents[i].path, &arena);
        long n = 1;

        while (n < TOO_MANY && quietly(in, n) != SELFSAME_OK)
            n++;
        assert_in_range(n, 2, TOO_MANY - 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_known),
        cmocka_unit_test(text_forms_are_the_same),
        cmocka_unit_test(any_bit_may_be_wrong),
        cmocka_unit_test(any_length_may_be_missing),
        cmocka_unit_test(a_byte_more_is_no_more),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
