/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/sigstruct.h"

#define FORTANIX "vectors/sgx/fortanix+rust-sgx/sigstruct/"
#define OASIS "vectors/sgx/oasisprotocol+oasis-core/sigstruct/"

static const struct known {
    const char *file;
    size_t at;
    const char *mrenclave, *mrsigner;
    unsigned isv_prod_id, isv_svn, date[3];
    uint32_t vendor;
} known[] = {
    { FORTANIX "test_enclave.sig", 0,
        "784acfd7d5096a8f0fbd3265760bff21b120f62407a9a9e5ba31aa3c8ed198fc",
        "fb4bab3d6036ac1d730fa83d7366df1dd2dfeac194ef335d6854d8a6c6475542", 65535, 0,
        { 2016, 12, 14 }, 0 },
    { FORTANIX "libsgx_pce.signed.so", 2068933,
        "03e3f07e8c11cc08a1fa2afa93a8f2699cc8d9e17efa890af5df4e3cf7696578",
        "c54a62f2be9ef76efb1f3930ad81ea7f60defc1f5f25e09b7c067a815ae0c6cb", 1, 16,
        { 2024, 8, 11 }, 0x8086 },
    { "vectors/sgx/matter-labs+teepot/sigstruct/gramine-test.sig", 0,
        "f78170fe28e2e8671d83f5056975d25a27eb2c333dc520c2ccaf4de6b3f9c81b",
        "f98deebef358e407b9a795eda9fe0c67de306084d735339f9454aefaaaa0f264", 0, 0,
        { 2023, 8, 22 }, 0 },
    { OASIS "sig1.sigstruct.bin", 0,
        "c50673624a6cb17c1c6c2a4e6906f47a170c4629b8723781d1017ef376f1a75d",
        "83d719e77deaca1470f6baf62a4d774303c899db69020f9c70ee1dfc08c7ce9e", 0, 0,
        { 2016, 1, 9 }, 0 },
};

static struct selfsame_bytes
load(const struct known *k, struct arena *arena)
{
    struct selfsame_bytes all = shared_file(k->file, arena);

    assert_true(all.len >= k->at + SIGSTRUCT_SIZE);
    return BYTES(all.ptr + k->at, SIGSTRUCT_SIZE);
}

static void
real_ones_hold(void **state)
{
    (void)state;
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_err e = { 0 };

    need_shared();
    for (size_t i = 0; i < COUNT(known); i++) {
        const struct known *k = &known[i];
        struct sigstruct s;
        uint8_t signer[32];

        assert_code(sigstruct_parse(load(k, &arena), &s, &e), SELFSAME_OK, &e);
        assert_code(sigstruct_verify(&s, &e), SELFSAME_OK, &e);
        assert_true(sigstruct_mrsigner(&s, signer));
        assert_bytes(s.enclave_hash, unhex(k->mrenclave, &arena));
        assert_bytes(BYTES_ARR(signer), unhex(k->mrsigner, &arena));
        assert_int_equal(s.isv_prod_id, k->isv_prod_id);
        assert_int_equal(s.isv_svn, k->isv_svn);
        assert_int_equal(s.year, k->date[0]);
        assert_int_equal(s.month, k->date[1]);
        assert_int_equal(s.day, k->date[2]);
        assert_int_equal(s.vendor, k->vendor);
        assert_true(sigstruct_recognise(s.raw));
    }
}

/* oasis-core's key gives oasis-core's very bytes. */
static void
signing_again_gives_the_same_bytes(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_key *key = NULL;
    struct sigstruct s;
    struct selfsame_bytes again;

    need_shared();
    assert_code(sigstruct_parse(load(&known[3], &arena), &s, &e), SELFSAME_OK, &e);
    assert_code(key_from_pem(shared_file(OASIS "sig1.key.pem", &arena), &key, &e),
        SELFSAME_OK, &e);
    assert_int_equal(key_type_of(key), KEY_RSA3072_E3);
    assert_code(sigstruct_make(&s, key, &arena, &again, &e), SELFSAME_OK, &e);
    assert_bytes(again, s.raw);
}

/* Keys of 3072 bits take their time: one for all tests. */
static struct key *made_key;

static int
make_key(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };

    return key_generate(KEY_RSA3072_E3, &made_key, &e) == SELFSAME_OK ? 0 : -1;
}

static int
drop_key(void **state)
{
    (void)state;
    key_free(&made_key);
    return 0;
}

static struct selfsame_bytes
made(struct arena *arena)
{
    static const uint8_t hash[32] = { 1, 2, 3 }, id[16] = { 4 };
    const struct sigstruct s = { .year = 2026,
        .month = 1,
        .day = 31,
        .sw_defined = 7,
        .misc_mask = UINT32_MAX,
        .flags = SGX_FLAG_MODE64BIT,
        .xfrm = 3,
        .flags_mask = UINT64_MAX,
        .xfrm_mask = 0x1b,
        .enclave_hash = BYTES_ARR(hash),
        .isv_family_id = BYTES_ARR(id),
        .isv_prod_id = 9,
        .isv_svn = 10 };
    struct selfsame_err e = { 0 };
    struct selfsame_bytes raw;

    assert_code(sigstruct_make(&s, made_key, arena, &raw, &e), SELFSAME_OK, &e);
    return raw;
}

static void
one_that_is_made_holds(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes raw = made(&arena);
    struct sigstruct s;

    assert_bytes(raw, made(&arena));
    assert_code(sigstruct_parse(raw, &s, &e), SELFSAME_OK, &e);
    assert_code(sigstruct_verify(&s, &e), SELFSAME_OK, &e);
    assert_int_equal(s.year, 2026);
    assert_int_equal(s.month, 1);
    assert_int_equal(s.day, 31);
    assert_int_equal(s.sw_defined, 7);
    assert_int_equal(s.flags, SGX_FLAG_MODE64BIT);
    assert_int_equal(s.xfrm_mask, 0x1b);
    assert_int_equal(s.isv_prod_id, 9);
    assert_int_equal(s.isv_svn, 10);
    assert_int_equal(s.isv_family_id.ptr[0], 4);
    assert_true(bytes_is_zero(s.isv_ext_prod_id));
}

static enum selfsame_code
parse_and_verify(struct selfsame_bytes in, struct selfsame_err *e)
{
    struct sigstruct s;

    TRY(sigstruct_parse(in, &s, e));
    return sigstruct_verify(&s, e);
}

static void
no_bit_may_change(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes in = made(&arena);
    uint8_t raw[SIGSTRUCT_SIZE];
    size_t bad_signature = 0;

    memcpy(raw, in.ptr, sizeof(raw));
    for (size_t bit = 0; bit < 8 * sizeof(raw); bit++) {
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum selfsame_code code = parse_and_verify(BYTES_ARR(raw), &e);
        if (code == SELFSAME_OK || code == SELFSAME_NOMEM || code == SELFSAME_INTERNAL)
            fail_msg("bit %zu: %s", bit, selfsame_code_name(code));
        bad_signature += code == SELFSAME_BAD_SIGNATURE;
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(bad_signature > 8 * 384);
    assert_code(parse_and_verify(BYTES_ARR(raw), &e), SELFSAME_OK, &e);
}

static void
no_other_length_will_do(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes in = made(&arena);
    uint8_t longer[SIGSTRUCT_SIZE + 1] = { 0 };
    struct sigstruct s;

    memcpy(longer, in.ptr, in.len);
    for (size_t n = 0; n < in.len; n++)
        assert_code(sigstruct_parse(BYTES(in.ptr, n), &s, &e), SELFSAME_MALFORMED, &e);
    assert_code(sigstruct_parse(BYTES_ARR(longer), &s, &e), SELFSAME_MALFORMED, &e);
}

static void
other_keys_and_dates_make_none(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    static const uint8_t hash[32];
    struct sigstruct s = {
        .year = 2026, .month = 2, .day = 30, .enclave_hash = BYTES_ARR(hash)
    };
    struct selfsame_bytes raw;
    auto_key *other = NULL;

    assert_code(sigstruct_make(&s, made_key, &arena, &raw, &e), SELFSAME_USAGE, &e);
    s.day = 28;
    s.enclave_hash = BYTES(hash, 31);
    assert_code(sigstruct_make(&s, made_key, &arena, &raw, &e), SELFSAME_USAGE, &e);
    s.enclave_hash = BYTES_ARR(hash);
    assert_code(key_generate(KEY_P256, &other, &e), SELFSAME_OK, &e);
    assert_code(sigstruct_make(&s, other, &arena, &raw, &e), SELFSAME_UNSUPPORTED, &e);
    for (long n = 1; n < 3; n++) {
        auto_arena failing = arena_new(1 << 20);

        failing.fail_at = n;
        assert_code(
            sigstruct_make(&s, made_key, &failing, &raw, &e), SELFSAME_NOMEM, &e);
    }
}

/* A key goes into PEM and comes back as what it was. */
static void
keys_survive_their_file(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_key *again = NULL;
    uint8_t a[RSA_SGX_SIZE], b[RSA_SGX_SIZE];
    char *pem;

    assert_code(key_to_pem(made_key, &arena, &pem, &e), SELFSAME_OK, &e);
    assert_code(key_from_pem(bytes_str(pem), &again, &e), SELFSAME_OK, &e);
    assert_int_equal(key_type_of(again), KEY_RSA3072_E3);
    assert_code(rsa_sgx_modulus(made_key, a, &e), SELFSAME_OK, &e);
    assert_code(rsa_sgx_modulus(again, b, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES_ARR(a), BYTES_ARR(b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_ones_hold),
        cmocka_unit_test(signing_again_gives_the_same_bytes),
        cmocka_unit_test(one_that_is_made_holds),
        cmocka_unit_test(no_bit_may_change),
        cmocka_unit_test(no_other_length_will_do),
        cmocka_unit_test(other_keys_and_dates_make_none),
        cmocka_unit_test(keys_survive_their_file),
    };

    return cmocka_run_group_tests(tests, make_key, drop_key);
}
