/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tee/simulate.h"
#include "tee/snp/snp.h"

static const int64_t now_s = 1780272000; /* 2026-06-01T00:00:00Z */

struct quoted {
    struct sim_pki *pki;
    struct tee_collected made;
    struct arena arena;
};

static struct quoted
quote(const char *const *settings, size_t count)
{
    static const uint8_t measurement[SNP_DIGEST_SIZE] = { 1, 2, 3 };
    const struct tee_simulator *sim = tee_simulator_find("snp");
    struct quoted q = { .arena = arena_new(1 << 20) };
    const struct claim measured = {
        .path = "measurement", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(measurement)
    };
    const struct sim_quote_request request = {
        .now_ms = now_s * 1000,
        .subject = { .measured = &measured,
            .measured_count = 1,
            .settings = settings,
            .setting_count = count },
        .report_data = BYTES_LIT("what the guest says"),
    };
    struct selfsame_err e = { .depth = 0 };

    assert_code(sim->pki(BYTES_NONE, now_s * 1000, &q.pki, &e), SELFSAME_OK, &e);
    assert_code(sim->quote(q.pki, &request, &q.arena, &q.made, &e), SELFSAME_OK, &e);
    return q;
}

static void
quoted_free(struct quoted *q)
{
    tee_simulator_find("snp")->pki_free(q->pki);
    arena_free(&q->arena);
}

static enum selfsame_code
judge(struct selfsame_bytes report, struct selfsame_bytes table,
    struct cert_cache *cache, long fail_at, struct selfsame_claims *claims)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct checks checks = { 0 };
    const struct tee_trust trust = {
        .now_s = now_s,
        .anchors = snp_verifier.anchors,
        .anchor_count = snp_verifier.anchor_count,
        .collateral = &table,
        .collateral_count = 1,
        .cache = cache,
    };

    arena.fail_at = fail_at;
    return snp_verifier.verify(report, &trust, &arena, &checks, claims, &e);
}

static const char *const turin[] = { "product=Turin", "signer=vlek", "tcb.fmc=1" };

static void
what_is_simulated_verifies_and_is_marked(void **state)
{
    static const char *const worlds[][3] = {
        { "product=Milan", "version=2", "signer=vcek" },
        { "product=Milan", "version=3", "signer=vlek" },
        { "product=Genoa", "version=3", "signer=vcek" },
        { "product=Genoa", "version=5", "signer=vlek" },
        { "product=Turin", "version=5", "signer=vcek" },
        { "product=Turin", "version=3", "signer=vlek" },
        /* The mark of the ID block can be set otherwise: the root's remains. */
        { "family_id=00000000000000000000000000000000",
            "image_id=00000000000000000000000000000000", "vmpl=0" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(worlds); i++) {
        struct quoted q = quote(worlds[i], 3);
        struct selfsame_claims claims = { 0 };

        assert_int_equal(
            judge(q.made.evidence, q.made.endorsement, NULL, 0, &claims), SELFSAME_OK);
        assert_true(claims.authentic && claims.simulated);
        quoted_free(&q);
    }
}

static void
no_flipped_bit_is_accepted(void **state)
{
    struct cert_cache *cache = cert_cache_new(64);

    (void)state;
    assert_non_null(cache);
    for (size_t world = 0; world < 2; world++) {
        struct quoted q = quote(turin, world == 0 ? 0 : COUNT(turin));
        uint8_t *report = (uint8_t *)(uintptr_t)q.made.evidence.ptr;
        struct selfsame_claims claims;

        for (size_t bit = 0; bit < (size_t)8 * SNP_REPORT_SIZE; bit++) {
            report[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (judge(q.made.evidence, q.made.endorsement, cache, 0, &claims) ==
                SELFSAME_OK)
                fail_msg("bit %zu of world %zu flipped and accepted", bit, world);
            report[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(
            judge(q.made.evidence, q.made.endorsement, cache, 0, &claims), SELFSAME_OK);
        quoted_free(&q);
    }
    cert_cache_free(cache);
}

static void
no_other_length_is_accepted(void **state)
{
    struct quoted q = quote(NULL, 0);
    struct selfsame_claims claims;
    uint8_t longer[SNP_REPORT_SIZE + 1] = { 0 };

    (void)state;
    for (size_t len = 0; len < SNP_REPORT_SIZE; len++)
        assert_int_not_equal(judge(BYTES(q.made.evidence.ptr, len), q.made.endorsement,
                                 NULL, 0, &claims),
            SELFSAME_OK);
    memcpy(longer, q.made.evidence.ptr, SNP_REPORT_SIZE);
    assert_int_not_equal(
        judge(BYTES_ARR(longer), q.made.endorsement, NULL, 0, &claims), SELFSAME_OK);
    /* Of the table every cut that loses a certificate or the list is refused. */
    for (size_t len = 1; len < q.made.endorsement.len; len++)
        assert_int_not_equal(judge(q.made.evidence, BYTES(q.made.endorsement.ptr, len),
                                 NULL, 0, &claims),
            SELFSAME_OK);
    quoted_free(&q);
}

/* Out of memory is told as such, or nothing was lost: never accepted without it. */
static void
every_failed_allocation_is_told(void **state)
{
    struct quoted q = quote(NULL, 0);
    struct selfsame_claims claims;
    enum selfsame_code code = SELFSAME_NOMEM;
    long n = 0;

    (void)state;
    for (n = 1; n < 1000 && code != SELFSAME_OK; n++) {
        code = judge(q.made.evidence, q.made.endorsement, NULL, n, &claims);
        assert_true(code == SELFSAME_NOMEM || code == SELFSAME_OK);
    }
    assert_int_equal(code, SELFSAME_OK);
    assert_true(n > 3);
    quoted_free(&q);
}

static void
nothing_is_quoted_without_memory(void **state)
{
    const struct tee_simulator *sim = tee_simulator_find("snp");
    struct quoted q = quote(NULL, 0);
    const struct sim_quote_request request = { .now_ms = now_s * 1000 };
    enum selfsame_code code = SELFSAME_NOMEM;

    (void)state;
    for (long n = 1; n < 100 && code != SELFSAME_OK; n++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { .depth = 0 };
        struct tee_collected made;

        arena.fail_at = n;
        code = sim->quote(q.pki, &request, &arena, &made, &e);
        assert_true(code == SELFSAME_NOMEM || code == SELFSAME_OK);
    }
    assert_int_equal(code, SELFSAME_OK);
    quoted_free(&q);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_simulated_verifies_and_is_marked),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(no_other_length_is_accepted),
        cmocka_unit_test(every_failed_allocation_is_told),
        cmocka_unit_test(nothing_is_quoted_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
