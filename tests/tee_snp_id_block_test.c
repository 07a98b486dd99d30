/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tee/snp/id_block.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

static const uint8_t measurement[SNP_DIGEST_SIZE] = { 0xab, 1, 2 };
static const uint8_t family[16] = "a family of mine", image[16] = "and an image 001";

struct made {
    struct arena arena;
    struct key *id, *author;
    struct selfsame_bytes block, auth;
};

static struct made
make(bool with_author)
{
    struct made m = { .arena = arena_new(1 << 18) };
    struct selfsame_err e = { .depth = 0 };
    const struct snp_id_block b = {
        .measurement = BYTES_ARR(measurement),
        .family_id = BYTES_ARR(family),
        .image_id = BYTES_ARR(image),
        .guest_svn = 7,
        .policy = 0x30000,
    };

    assert_code(key_generate(KEY_P384, &m.id, &e), SELFSAME_OK, &e);
    if (with_author)
        assert_code(key_generate(KEY_P384, &m.author, &e), SELFSAME_OK, &e);
    assert_code(snp_id_make(&b, m.id, m.author, &m.arena, &m.block, &m.auth, &e),
        SELFSAME_OK, &e);
    return m;
}

static void
made_free(struct made *m)
{
    key_free(&m->id);
    key_free(&m->author);
    arena_free(&m->arena);
}

static enum selfsame_code
judge(struct selfsame_bytes block, struct selfsame_bytes auth, struct snp_id_block *b,
    struct snp_id_auth *a)
{
    struct selfsame_err e = { .depth = 0 };

    TRY(snp_id_block_parse(block, b, &e));
    TRY(snp_id_auth_parse(auth, a, &e));
    return snp_id_check(b, a, &e);
}

static void
what_is_made_reads_back(void **state)
{
    (void)state;
    for (int author = 0; author < 2; author++) {
        struct made m = make(author);
        struct snp_id_block b;
        struct snp_id_auth a;
        uint8_t id[SNP_DIGEST_SIZE], by[SNP_DIGEST_SIZE];

        assert_int_equal(judge(m.block, m.auth, &b, &a), SELFSAME_OK);
        assert_true(bytes_eq(b.measurement, BYTES_ARR(measurement)));
        assert_true(bytes_eq(b.family_id, BYTES_ARR(family)));
        assert_true(bytes_eq(b.image_id, BYTES_ARR(image)));
        assert_int_equal(b.guest_svn, 7);
        assert_true(b.policy == 0x30000);
        assert_int_equal(a.has_author, author);
        assert_true(snp_id_digests(&a, id, by));
        assert_false(bytes_is_zero(BYTES_ARR(id)));
        assert_int_equal(bytes_is_zero(BYTES_ARR(by)), !author);
        made_free(&m);
    }
}

/* The public key as OpenSSL says it, where AMD's layout puts it. */
static void
keys_stand_as_openssl_says(void **state)
{
    struct made m = make(true);
    struct snp_id_auth a;
    struct selfsame_err e = { .depth = 0 };
    static const char *const names[] = { OSSL_PKEY_PARAM_EC_PUB_X,
        OSSL_PKEY_PARAM_EC_PUB_Y };

    (void)state;
    assert_code(snp_id_auth_parse(m.auth, &a, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < 2; i++) {
        BIGNUM *n = NULL;
        uint8_t le[72];

        assert_int_equal(EVP_PKEY_get_bn_param(key_native(m.id), names[i], &n), 1);
        assert_int_equal(BN_bn2lebinpad(n, le, sizeof(le)), sizeof(le));
        assert_memory_equal(a.id_key.ptr + 4 + 72 * i, le, sizeof(le));
        BN_free(n);
    }
    made_free(&m);
}

static void
no_flipped_bit_is_accepted(void **state)
{
    struct made m = make(true);
    struct snp_id_block b;
    struct snp_id_auth a;

    (void)state;
    for (size_t i = 0; i < m.block.len + m.auth.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            const uint8_t *at = i < m.block.len ? m.block.ptr + i
                                                : m.auth.ptr + (i - m.block.len);
            uint8_t *p = (uint8_t *)(uintptr_t)at;

            *p ^= (uint8_t)(1 << bit);
            if (judge(m.block, m.auth, &b, &a) == SELFSAME_OK)
                fail_msg("byte %zu bit %d flipped and accepted", i, bit);
            *p ^= (uint8_t)(1 << bit);
        }
    assert_int_equal(judge(m.block, m.auth, &b, &a), SELFSAME_OK);
    made_free(&m);
}

static void
no_other_length_is_accepted(void **state)
{
    struct made m = make(false);
    struct snp_id_block b;
    struct snp_id_auth a;
    struct selfsame_err e = { .depth = 0 };

    (void)state;
    for (size_t len = 0; len < m.block.len; len++)
        assert_int_equal(
            snp_id_block_parse(BYTES(m.block.ptr, len), &b, &e), SELFSAME_MALFORMED);
    for (size_t len = 0; len < m.auth.len; len++)
        assert_int_equal(
            snp_id_auth_parse(BYTES(m.auth.ptr, len), &a, &e), SELFSAME_MALFORMED);
    made_free(&m);
}

static void
wrong_keys_and_sizes_are_refused(void **state)
{
    struct made m = make(false);
    struct selfsame_err e = { .depth = 0 };
    auto_key *small = NULL;
    struct snp_id_block b = {
        .measurement = BYTES_ARR(measurement),
        .family_id = BYTES_ARR(family),
        .image_id = BYTES_ARR(image),
    };

    (void)state;
    assert_code(key_generate(KEY_P256, &small, &e), SELFSAME_OK, &e);
    assert_int_equal(
        snp_id_make(&b, small, NULL, &m.arena, &m.block, &m.auth, &e), SELFSAME_USAGE);
    assert_int_equal(
        snp_id_make(&b, m.id, small, &m.arena, &m.block, &m.auth, &e), SELFSAME_USAGE);
    b.image_id.len--;
    assert_int_equal(
        snp_id_make(&b, m.id, NULL, &m.arena, &m.block, &m.auth, &e), SELFSAME_USAGE);
    for (long n = 1; n < 8; n++) {
        auto_arena arena = arena_new(1 << 16);

        b.image_id = BYTES_ARR(image);
        arena.fail_at = n;
        enum selfsame_code code = snp_id_make(
            &b, m.id, NULL, &arena, &m.block, &m.auth, &e);
        assert_true(code == SELFSAME_NOMEM || (n > 4 && code == SELFSAME_OK));
    }
    made_free(&m);
}

/* Made by virtee/sev; digests as its tests/id-block.rs has them. */
static void
those_of_virtee_are_accepted(void **state)
{
    static const char folder[] = "vectors/snp/virtee+sev/id-block/";
    static const char want_id[] =
        "59fb2c686dfa4fef49f38339aa775c90051c28d57383ddc3baf3b5eb4b1496df"
        "3b0dbbdcbae5fe27677a644820773fe2";
    static const char want_author[] =
        "eed81169fb0cb5e0ec34794f128fd4e0c4a46f67c65a1adfa81fcb24bcc088c2"
        "72369b7ffc3eb2b6af6a4284a1b36c5f";
    auto_arena arena = arena_new(1 << 18);
    uint8_t id[SNP_DIGEST_SIZE], by[SNP_DIGEST_SIZE];
    struct snp_id_block b;
    struct snp_id_auth a;
    char path[128];

    (void)state;
    need_shared();
    (void)snprintf(path, sizeof(path), "%sid_block.bin", folder);
    struct selfsame_bytes block = shared_file(path, &arena);
    (void)snprintf(path, sizeof(path), "%sauth_block.bin", folder);
    struct selfsame_bytes auth = shared_file(path, &arena);
    assert_int_equal(judge(block, auth, &b, &a), SELFSAME_OK);
    assert_true(b.policy == 0x30000 && a.has_author);
    /* Its signatures, also apart. */
    (void)snprintf(path, sizeof(path), "%stest_id_sig.bin", folder);
    assert_bytes(a.block_signature, shared_file(path, &arena));
    (void)snprintf(path, sizeof(path), "%stest_auth_sig.bin", folder);
    assert_bytes(a.key_signature, shared_file(path, &arena));
    assert_true(snp_id_digests(&a, id, by));
    assert_string_equal(hex_dup(&arena, BYTES_ARR(id)), want_id);
    assert_string_equal(hex_dup(&arena, BYTES_ARR(by)), want_author);
    /* The same again from its private keys: equal but for the two random signatures. */
    auto_key *id_key = NULL, *author_key = NULL;
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes block2, auth2;
    (void)snprintf(path, sizeof(path), "%stest_id_key.pem", folder);
    assert_code(key_from_pem(shared_file(path, &arena), &id_key, &e), SELFSAME_OK, &e);
    (void)snprintf(path, sizeof(path), "%stest_auth_key.pem", folder);
    assert_code(
        key_from_pem(shared_file(path, &arena), &author_key, &e), SELFSAME_OK, &e);
    assert_code(snp_id_make(&b, id_key, author_key, &arena, &block2, &auth2, &e),
        SELFSAME_OK, &e);
    assert_true(bytes_eq(block, block2));
    memcpy((uint8_t *)(uintptr_t)auth2.ptr + 0x40, auth.ptr + 0x40, 512);
    memcpy((uint8_t *)(uintptr_t)auth2.ptr + 0x680, auth.ptr + 0x680, 512);
    assert_true(bytes_eq(auth, auth2));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_reads_back),
        cmocka_unit_test(keys_stand_as_openssl_says),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(no_other_length_is_accepted),
        cmocka_unit_test(wrong_keys_and_sizes_are_refused),
        cmocka_unit_test(those_of_virtee_are_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
