/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_nitro.h"

#include <pthread.h>

/*
 * Every bit, every truncation, every allocation of two real and two simulated
 * documents. Two threads share the bits; the certificate cache is on, as it is in
 * a verifier that serves many, so that it too is under test.
 */
enum { THREADS = 2 };

struct sweep {
    struct selfsame_bytes doc;
    int64_t at;
    struct cert_cache *cache;
    unsigned index;
    size_t accepted, first, tried;
};

static enum selfsame_code
verdict(const struct sweep *s, struct selfsame_bytes doc, long fail_at)
{
    auto_arena arena = arena_new(1 << 20);
    struct tee_trust trust = pinned_at(s->at);

    arena.fail_at = fail_at;
    trust.cache = s->cache;
    struct judgement j = judge_with(doc, &trust, &arena);
    /* No class other than OK may come with authentic claims. */
    return j.code != SELFSAME_OK && j.claims.authentic ? SELFSAME_OK : j.code;
}

static void *
flip_bits(void *arg)
{
    struct sweep *s = arg;
    uint8_t *copy = malloc(s->doc.len);

    if (copy == NULL)
        return NULL;
    memcpy(copy, s->doc.ptr, s->doc.len);
    for (size_t bit = s->index; bit < s->doc.len * 8; bit += THREADS) {
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        s->tried++;
        if (verdict(s, BYTES(copy, s->doc.len), 0) == SELFSAME_OK && s->accepted++ == 0)
            s->first = bit;
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(copy);
    return NULL;
}

static void
sweep_bits(struct selfsame_bytes doc, int64_t at)
{
    struct sweep s[THREADS];
    pthread_t thread[THREADS];
    struct cert_cache *cache = cert_cache_new(64);
    size_t tried = 0;

    assert_non_null(cache);
    for (unsigned i = 0; i < THREADS; i++) {
        s[i] = (struct sweep){ .doc = doc, .at = at, .cache = cache, .index = i };
        assert_int_equal(verdict(&s[i], doc, 0), SELFSAME_OK);
        assert_int_equal(pthread_create(&thread[i], NULL, flip_bits, &s[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    cert_cache_free(cache);
    for (unsigned i = 0; i < THREADS; i++) {
        if (s[i].accepted > 0)
            fail_msg("%zu documents with a flipped bit accepted, first bit %zu",
                s[i].accepted, s[i].first);
        tried += s[i].tried;
    }
    assert_int_equal(tried, doc.len * 8);
}

static void
sweep_lengths(struct selfsame_bytes doc, int64_t at)
{
    auto_arena arena = arena_new(1 << 20);
    struct sweep s = { .at = at };
    uint8_t *longer = arena_alloc(&arena, 1, doc.len + 1);

    assert_non_null(longer);
    for (size_t n = 0; n < doc.len; n++)
        if (verdict(&s, BYTES(doc.ptr, n), 0) != SELFSAME_MALFORMED)
            fail_msg("the first %zu bytes are not malformed", n);
    memcpy(longer, doc.ptr, doc.len);
    for (unsigned last = 0; last < 256; last++) {
        longer[doc.len] = (uint8_t)last;
        if (verdict(&s, BYTES(longer, doc.len + 1), 0) != SELFSAME_MALFORMED)
            fail_msg("with byte %02x appended it is not malformed", last);
    }
}

static void
sweep_allocations(struct selfsame_bytes doc, int64_t at)
{
    struct sweep s = { .at = at };
    long n = 1;

    while (verdict(&s, doc, n) != SELFSAME_OK) {
        assert_int_equal(verdict(&s, doc, n), SELFSAME_NOMEM);
        n++;
        assert_true(n < 100);
    }
    assert_true(n > 1);
}

static void
sweep_all(struct selfsame_bytes doc, int64_t at)
{
    sweep_lengths(doc, at);
    sweep_allocations(doc, at);
    sweep_bits(doc, at);
}

static void
no_altered_real_document_is_accepted(void **state)
{
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    need_shared();
    /* The first with a definite map and PCR8, the second with an indefinite map. */
    for (size_t i = 0; i < 2; i++)
        sweep_all(shared_file(real_documents[i].path, &arena), real_documents[i].at);
}

static void
no_altered_simulated_document_is_accepted(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct machine m;

    (void)state;
    machine_start(&m);
    sweep_all(machine_quote(&m, SIM_TAGGED, &arena), test_now_s);
    sweep_all(machine_quote(&m, SIM_INDEFINITE, &arena), test_now_s);
    machine_stop(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_altered_real_document_is_accepted),
        cmocka_unit_test(no_altered_simulated_document_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
