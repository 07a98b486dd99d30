/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/crypto.h"

#include <openssl/crypto.h>
#include <pthread.h>

/* Every allocation of libcrypto goes through here, so that a test can count. */
static _Atomic long allocations;

static void *
counting_malloc(size_t n, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return malloc(n);
}

static void *
counting_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file, (void)line;
    allocations++;
    return realloc(p, n);
}

static void
counting_free(void *p, const char *file, int line)
{
    (void)file, (void)line;
    free(p);
}

/* FIPS 180-4 examples: "abc", the empty message, two blocks. */
static const struct {
    enum hash_alg alg;
    const char *in, *want;
} known[] = {
    { HASH_SHA256, "abc",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { HASH_SHA256, "",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { HASH_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { HASH_SHA384, "abc",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
        "8086072ba1e7cc2358baeca134c825a7" },
    { HASH_SHA384, "",
        "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
        "274edebfe76f65fbd51ad2f14898b95b" },
    { HASH_SHA512, "abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
};

static void
known_answers_come_out(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 16);
    for (size_t i = 0; i < COUNT(known); i++) {
        uint8_t got[HASH_MAX];
        struct selfsame_bytes in = bytes_str(known[i].in);

        assert_true(hash_bytes(known[i].alg, in, got));
        assert_bytes(BYTES(got, hash_size(known[i].alg)), unhex(known[i].want, &arena));
    }
}

static void
pieces_streams_and_clones_agree_with_one_shot(void **state)
{
    (void)state;
    uint8_t data[1000], want[HASH_MAX], got[HASH_MAX];

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    for (enum hash_alg alg = HASH_SHA256; alg <= HASH_SHA512; alg++) {
        size_t size = hash_size(alg);
        struct selfsame_bytes part[] = { BYTES(data, 300), BYTES_NONE,
            BYTES(data + 300, 700) };

        assert_true(hash_bytes(alg, BYTES_ARR(data), want));
        assert_true(hash_parts(alg, part, COUNT(part), got));
        assert_memory_equal(got, want, size);

        auto_hash a, b;
        assert_true(hash_init(&a, alg));
        hash_update(&a, part[0]);
        assert_true(hash_clone(&b, &a));
        hash_update(&a, BYTES_LIT("something else"));
        hash_update(&b, part[2]);
        hash_final(&b, got);
        assert_memory_equal(got, want, size);
        hash_final(&a, got);
        assert_memory_not_equal(got, want, size);
    }
}

static void
unknown_algorithms_are_refused(void **state)
{
    (void)state;
    uint8_t got[HASH_MAX];
    struct hash h;

    assert_int_equal(hash_size((enum hash_alg)0), 0);
    assert_int_equal(hash_size((enum hash_alg)4), 0);
    assert_false(hash_bytes((enum hash_alg)0, BYTES_LIT("x"), got));
    assert_false(hash_init(&h, (enum hash_alg)9));
    hash_free(&h);
}

static void
later_calls_allocate_once_at_most(void **state)
{
    (void)state;
    uint8_t got[HASH_MAX];

    for (enum hash_alg alg = HASH_SHA256; alg <= HASH_SHA512; alg++)
        assert_true(hash_bytes(alg, BYTES_LIT("first"), got));
    long before = allocations;
    assert_true(before > 0);
    for (int i = 0; i < 10; i++)
        for (enum hash_alg alg = HASH_SHA256; alg <= HASH_SHA512; alg++)
            assert_true(hash_bytes(alg, BYTES_LIT("next"), got));
    /* 30 digests; the one allocation each is libcrypto 3.0's own. */
    assert_true(allocations - before <= 30);
}

static void *
hash_much(void *arg)
{
    uint8_t *ret = arg;

    for (int i = 0; i < 1000; i++)
        if (!hash_bytes(HASH_SHA384, BYTES(ret, 48), ret))
            return arg;
    return NULL;
}

static void
threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    uint8_t out[4][HASH_MAX] = { { 0 } };
    pthread_t t[4];

    for (size_t i = 0; i < COUNT(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, hash_much, out[i]), 0);
    for (size_t i = 0; i < COUNT(t); i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(t[i], &failed), 0);
        assert_null(failed);
        assert_memory_equal(out[i], out[0], 48);
    }
}

static void
random_bytes_differ_and_wiped_ones_are_zero(void **state)
{
    (void)state;
    uint8_t a[32], b[32];

    assert_true(rng_bytes(a, sizeof(a)));
    assert_true(rng_bytes(b, sizeof(b)));
    assert_memory_not_equal(a, b, sizeof(a));
    secret_wipe(a, sizeof(a));
    assert_true(bytes_is_zero(BYTES_ARR(a)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_come_out),
        cmocka_unit_test(pieces_streams_and_clones_agree_with_one_shot),
        cmocka_unit_test(unknown_algorithms_are_refused),
        cmocka_unit_test(later_calls_allocate_once_at_most),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(random_bytes_differ_and_wiped_ones_are_zero),
    };

    if (CRYPTO_set_mem_functions(counting_malloc, counting_realloc, counting_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
