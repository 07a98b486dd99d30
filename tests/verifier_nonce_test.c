/* SPDX-License-Identifier: Apache-2.0 */
/* Nonces that carry their own proof: whose they are, until when, and that each is used once. */
#include "verifier/parts.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint8_t key[32] = { 1, 2, 3 };
static const int64_t start_ms = 1795000000000;

static struct nonces *
make(size_t room)
{
    struct nonces *n = NULL;
    struct selfsame_err e = { 0 };

    assert_int_equal(nonces_new(key, room, &n, &e), SELFSAME_OK);
    return n;
}

static enum selfsame_code
check(struct nonces *n, const char *tenant, int64_t now_ms, const uint8_t *nonce)
{
    struct selfsame_err e = { 0 };

    return nonce_check(n, tenant, now_ms, BYTES(nonce, NONCE_SIZE), &e);
}

static enum selfsame_code
use(struct nonces *n, int64_t now_ms, const uint8_t *nonce)
{
    struct selfsame_err e = { 0 };

    return nonce_use(n, now_ms, BYTES(nonce, NONCE_SIZE), &e);
}

static void
a_nonce_is_of_one_tenant_and_one_key(void **state)
{
    struct nonces *n = make(100), *other = NULL;
    const uint8_t other_key[32] = { 9 };
    uint8_t nonce[NONCE_SIZE];
    struct selfsame_err e = { 0 };

    (void)state;
    assert_int_equal(nonces_new(other_key, 100, &other, &e), SELFSAME_OK);
    assert_true(nonce_make(n, "a", start_ms, nonce));
    assert_int_equal(check(n, "a", start_ms, nonce), SELFSAME_OK);
    assert_int_equal(check(n, "b", start_ms, nonce), SELFSAME_STALE);
    assert_int_equal(check(n, "", start_ms, nonce), SELFSAME_STALE);
    assert_int_equal(check(other, "a", start_ms, nonce), SELFSAME_STALE);
    nonces_free(&n);
    nonces_free(&other);
}

static void
no_bit_of_it_may_change_and_no_byte_be_missing(void **state)
{
    struct nonces *n = make(100);
    uint8_t nonce[NONCE_SIZE + 1] = { 0 };
    struct selfsame_err e = { 0 };

    (void)state;
    assert_true(nonce_make(n, "a", start_ms, nonce));
    for (size_t bit = 0; bit < 8 * NONCE_SIZE; bit++) {
        nonce[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        if (check(n, "a", start_ms, nonce) != SELFSAME_STALE)
            fail_msg("bit %zu", bit);
        nonce[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t len = 0; len <= NONCE_SIZE + 1; len++)
        assert_int_equal(nonce_check(n, "a", start_ms, BYTES(nonce, len), &e),
            len == NONCE_SIZE ? SELFSAME_OK : SELFSAME_STALE);
    nonces_free(&n);
}

static void
it_ends_and_does_not_come_from_the_future(void **state)
{
    struct nonces *n = make(100);
    uint8_t nonce[NONCE_SIZE];

    (void)state;
    assert_true(nonce_make(n, "a", start_ms, nonce));
    assert_int_equal(check(n, "a", start_ms + NONCE_LIFE_MS, nonce), SELFSAME_OK);
    assert_int_equal(
        check(n, "a", start_ms + NONCE_LIFE_MS + 1, nonce), SELFSAME_STALE);
    /* A replica's clock may be behind by as much as a nonce lives. */
    assert_int_equal(check(n, "a", start_ms - NONCE_LIFE_MS, nonce), SELFSAME_OK);
    assert_int_equal(
        check(n, "a", start_ms - NONCE_LIFE_MS - 1, nonce), SELFSAME_STALE);
    nonces_free(&n);
}

static void
it_is_used_once_unless_nothing_came_of_it(void **state)
{
    struct nonces *n = make(100);
    uint8_t nonce[NONCE_SIZE];

    (void)state;
    assert_true(nonce_make(n, "a", start_ms, nonce));
    assert_false(nonce_was_used(n, BYTES_ARR(nonce)));
    assert_int_equal(use(n, start_ms, nonce), SELFSAME_OK);
    assert_true(nonce_was_used(n, BYTES_ARR(nonce)));
    assert_int_equal(use(n, start_ms, nonce), SELFSAME_STALE);
    nonce_unuse(n, BYTES_ARR(nonce));
    assert_false(nonce_was_used(n, BYTES_ARR(nonce)));
    assert_int_equal(use(n, start_ms + 5, nonce), SELFSAME_OK);
    assert_int_equal(use(n, start_ms + 6, nonce), SELFSAME_STALE);
    assert_int_equal(nonces_kept(n), 1);
    nonces_free(&n);
}

/* As of many who send no evidence at all: of those that are used none is lost. */
static void
what_is_given_back_takes_no_room(void **state)
{
    enum { ROOM = 100, KEPT = 50 };
    struct nonces *n = make(ROOM);
    uint8_t nonce[NONCE_SIZE], kept[KEPT][NONCE_SIZE];

    (void)state;
    for (int i = 0; i < 40 * ROOM; i++) {
        assert_true(nonce_make(n, "a", start_ms, nonce));
        assert_int_equal(use(n, start_ms, nonce), SELFSAME_OK);
        if (i % (40 * ROOM / KEPT) == 0)
            memcpy(kept[i / (40 * ROOM / KEPT)], nonce, NONCE_SIZE);
        else
            nonce_unuse(n, BYTES_ARR(nonce));
    }
    assert_int_equal(nonces_kept(n), KEPT);
    assert_false(nonces_roomy(n)); /* exactly half */
    nonce_unuse(n, BYTES_ARR(kept[0]));
    assert_true(nonces_roomy(n));
    assert_int_equal(use(n, start_ms, kept[0]), SELFSAME_OK);
    for (int i = 0; i < KEPT; i++) {
        assert_int_equal(use(n, start_ms, kept[i]), SELFSAME_STALE);
        assert_true(nonce_was_used(n, BYTES_ARR(kept[i])));
    }
    nonces_free(&n);
}

/* None of those that live is forgotten, whenever it is tried again. */
static void
used_ones_are_remembered_while_they_live(void **state)
{
    enum { COUNT_ = 5000, STEP_MS = 100 };
    struct nonces *n = make(1 << 16);
    uint8_t(*nonces)[NONCE_SIZE] = malloc(COUNT_ * sizeof(*nonces));
    int64_t now_ms = start_ms;

    (void)state;
    assert_non_null(nonces);
    for (int i = 0; i < COUNT_; i++, now_ms += STEP_MS) {
        assert_true(nonce_make(n, "a", now_ms, nonces[i]));
        assert_int_equal(use(n, now_ms, nonces[i]), SELFSAME_OK);
        for (int back = 0; back <= i; back += 1 + back / 2) {
            const uint8_t *old = nonces[i - back];

            if (check(n, "a", now_ms, old) == SELFSAME_OK)
                assert_int_equal(use(n, now_ms, old), SELFSAME_STALE);
        }
    }
    /* And not for ever: two minutes of them, and what came since. */
    assert_true(nonces_kept(n) <= 3 * NONCE_LIFE_MS / STEP_MS);
    free(nonces);
    nonces_free(&n);
}

/* Ahead by an hour, so that all are forgotten, and back: nothing is taken twice. */
static void
a_clock_that_jumps_gives_no_second_use(void **state)
{
    struct nonces *n = make(1000);
    uint8_t nonce[NONCE_SIZE], filler[NONCE_SIZE], later[NONCE_SIZE];
    const int64_t ahead_ms = start_ms + 3600000;

    (void)state;
    assert_true(nonce_make(n, "a", start_ms, nonce));
    assert_int_equal(use(n, start_ms, nonce), SELFSAME_OK);
    for (int i = 0; i < 3; i++) { /* as many sets as there are, and one more */
        const int64_t now_ms = ahead_ms + i * (2 * NONCE_LIFE_MS);

        assert_true(nonce_make(n, "a", now_ms, filler));
        assert_int_equal(use(n, now_ms, filler), SELFSAME_OK);
    }
    assert_int_equal(check(n, "a", start_ms, nonce), SELFSAME_OK); /* it lives again */
    assert_int_equal(use(n, start_ms, nonce), SELFSAME_STALE);
    /* New ones are taken as soon as they end behind what was forgotten. */
    assert_true(nonce_make(n, "a", start_ms + NONCE_LIFE_MS + 1, later));
    (void)use(n, start_ms + NONCE_LIFE_MS + 1, later);
    assert_int_equal(use(n, start_ms + NONCE_LIFE_MS + 1, later), SELFSAME_STALE);
    nonces_free(&n);
}

static void
without_room_nothing_is_forgotten_early(void **state)
{
    enum { ROOM = 64 };
    struct nonces *n = make(ROOM);
    uint8_t nonces[2 * ROOM][NONCE_SIZE], more[NONCE_SIZE];

    (void)state;
    for (int i = 0; i < 2 * ROOM; i++) {
        assert_true(nonce_make(n, "a", start_ms, nonces[i]));
        assert_int_equal(use(n, start_ms, nonces[i]), SELFSAME_OK);
    }
    assert_true(nonce_make(n, "a", start_ms, more));
    assert_int_equal(use(n, start_ms, more), SELFSAME_IO);
    for (int i = 0; i < 2 * ROOM; i++)
        assert_int_equal(use(n, start_ms, nonces[i]), SELFSAME_STALE);
    assert_true(nonce_make(n, "a", start_ms + NONCE_LIFE_MS + 1, more));
    assert_int_equal(use(n, start_ms + NONCE_LIFE_MS + 1, more), SELFSAME_OK);
    nonces_free(&n);
}

/* ---- of many at once one is first ---- */

enum { THREADS = 4, RACED = 2000 };
static struct nonces *raced;
static uint8_t racing[RACED][NONCE_SIZE];

static void *
race(void *ctx)
{
    int *won = ctx;
    struct selfsame_err e = { 0 };

    for (int i = 0; i < RACED; i++)
        if (nonce_use(raced, start_ms, BYTES_ARR(racing[i]), &e) == SELFSAME_OK)
            ++*won;
    return NULL;
}

static void
of_many_at_once_one_is_first(void **state)
{
    pthread_t thread[THREADS];
    int won[THREADS] = { 0 }, all = 0;

    (void)state;
    raced = make(1 << 12);
    for (int i = 0; i < RACED; i++)
        assert_true(nonce_make(raced, "a", start_ms, racing[i]));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, race, &won[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(thread[i], NULL);
        all += won[i];
    }
    assert_int_equal(all, RACED);
    nonces_free(&raced);
}

static void
a_tag_is_of_its_label(void **state)
{
    struct nonces *n = make(10);
    uint8_t a[NONCE_TAG], b[NONCE_TAG];

    (void)state;
    assert_true(nonces_tag(n, "one", BYTES_LIT("payload"), a));
    assert_true(nonces_tag(n, "other", BYTES_LIT("payload"), b));
    assert_false(bytes_eq(BYTES_ARR(a), BYTES_ARR(b)));
    assert_true(nonces_tag(n, "one", BYTES_LIT("payloaD"), b));
    assert_false(bytes_eq(BYTES_ARR(a), BYTES_ARR(b)));
    nonces_free(&n);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nonce_is_of_one_tenant_and_one_key),
        cmocka_unit_test(no_bit_of_it_may_change_and_no_byte_be_missing),
        cmocka_unit_test(it_ends_and_does_not_come_from_the_future),
        cmocka_unit_test(what_is_given_back_takes_no_room),
        cmocka_unit_test(it_is_used_once_unless_nothing_came_of_it),
        cmocka_unit_test(used_ones_are_remembered_while_they_live),
        cmocka_unit_test(a_clock_that_jumps_gives_no_second_use),
        cmocka_unit_test(without_room_nothing_is_forgotten_early),
        cmocka_unit_test(of_many_at_once_one_is_first),
        cmocka_unit_test(a_tag_is_of_its_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
