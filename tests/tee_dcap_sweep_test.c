/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_dcap_judge.h"

/* Every bit, every length, every allocation. */

/* What no one signed and what may differ: the PEM's line breaks, for one. */
static bool
same_but_for_text(const struct judgement *a, const struct judgement *b)
{
    return bytes_eq(a->found.quote.signed_, b->found.quote.signed_) &&
           a->found.status == b->found.status &&
           a->found.evaluation == b->found.evaluation &&
           a->found.advisories.count == b->found.advisories.count &&
           a->found.earliest_expiry_s == b->found.earliest_expiry_s;
}

/* Every bit up to the certificates is signed, or a length, or the signature itself. */
static void
no_flipped_bit_of_a_quote_is_accepted(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(worlds); k++) {
        struct dcap_world *w = world_new_of(
            worlds[k].tee, worlds[k].version, worlds[k].body);
        struct tee_trust trust = world_trust(w);
        const struct dcap_kind *kind = worlds[k].tee == DCAP_TDX ? &tdx_kind
                                                                 : &sgx_kind;
        const size_t end = w->cert_at + 6;

        trust.cache = cert_cache_new(256);
        assert_non_null(trust.cache);
        /* All of one version, every seventh bit of the others. */
        const size_t step = worlds[k].bit == TDX_15 || worlds[k].bit == SGX_3 ? 1 : 7;
        for (size_t bit = 0; bit < 8 * end; bit += step) {
            uint8_t *at = world_at(w->quote, bit / 8);

            *at ^= (uint8_t)(1u << bit % 8);
            struct judgement j = judge_by(kind, w->quote, &trust, 0);
            /* Nobody signed what the certificates are; the leaf alone would do as well. */
            if (j.code == SELFSAME_OK && (bit / 8 != w->cert_at || bit % 8 != 0))
                fail_msg("%s: bit %zu flipped and accepted", worlds[k].name, bit);
            arena_free(&j.arena);
            *at ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(class_of(w), SELFSAME_OK);
        cert_cache_free(trust.cache);
        world_free(w);
    }
}

/* Flips each bit of a piece; where it is accepted all the same, nothing else is said. */
static size_t
flip_piece(struct dcap_world *w, const struct tee_trust *trust,
    struct selfsame_bytes piece, size_t step)
{
    const struct dcap_kind *kind = w->quote_spec.tee == DCAP_TDX ? &tdx_kind
                                                                 : &sgx_kind;
    struct judgement sound = judge_by(kind, w->quote, trust, 0);
    size_t accepted = 0;

    assert_code(sound.code, SELFSAME_OK, &sound.err);
    for (size_t bit = 0; bit < 8 * piece.len; bit += step) {
        uint8_t *at = world_at(piece, bit / 8);

        *at ^= (uint8_t)(1u << bit % 8);
        struct judgement j = judge_by(kind, w->quote, trust, 0);
        if (j.code == SELFSAME_OK && !same_but_for_text(&j, &sound))
            fail_msg("bit %zu flipped and another verdict", bit);
        accepted += j.code == SELFSAME_OK;
        arena_free(&j.arena);
        *at ^= (uint8_t)(1u << bit % 8);
    }
    arena_free(&sound.arena);
    return accepted;
}

static void
no_flipped_bit_of_collateral_is_believed(void **state)
{
    (void)state;
    for (unsigned tdx = 0; tdx < 2; tdx++) {
        struct dcap_world *w = world_new(tdx ? DCAP_TDX : DCAP_SGX, 4);
        struct tee_trust trust = world_trust(w);

        trust.cache = cert_cache_new(256);
        assert_non_null(trust.cache);
        /* Hex digits have two cases, and nothing stands outside the object but names. */
        const size_t json = flip_piece(w, &trust, w->tcb_info, 5) +
                            flip_piece(w, &trust, w->qe_identity, 3);
        assert_true(json < 128);
        /* DER has no slack, but for what ECDSA does not tell: nothing. */
        assert_int_equal(flip_piece(w, &trust, w->root_crl, 1), 0);
        assert_int_equal(flip_piece(w, &trust, w->pck_crl, 1), 0);
        /* PEM has: headers and line ends; and the chains name what is known anyway. */
        (void)flip_piece(w, &trust, w->signing_chain, 7);
        (void)flip_piece(w, &trust, w->ca_chain, 17);
        cert_cache_free(trust.cache);
        world_free(w);
    }
}

/* Certificates in a quote are text: a flip is refused, or changed nothing that counts. */
static void
no_flipped_bit_of_certificates_is_believed(void **state)
{
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    struct tee_trust trust = world_trust(w);
    const size_t at = w->cert_at + 6;

    (void)state;
    trust.cache = cert_cache_new(256);
    assert_non_null(trust.cache);
    (void)flip_piece(w, &trust, BYTES(w->quote.ptr + at, w->quote.len - at), 3);
    cert_cache_free(trust.cache);
    world_free(w);
}

static void
no_other_length_is_accepted(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(worlds); k++) {
        struct dcap_world *w = world_new_of(
            worlds[k].tee, worlds[k].version, worlds[k].body);
        const struct tee_trust trust = world_trust(w);
        const struct dcap_kind *kind = worlds[k].tee == DCAP_TDX ? &tdx_kind
                                                                 : &sgx_kind;

        for (size_t len = 0; len < w->quote.len; len++) {
            struct judgement j = judge_by(kind, BYTES(w->quote.ptr, len), &trust, 0);

            if (j.code == SELFSAME_OK)
                fail_msg("%s: cut to %zu bytes and accepted", worlds[k].name, len);
            arena_free(&j.arena);
        }
        world_free(w);
    }
}

/* Every piece is needed whole, but for the ends of texts; a byte behind is refused or blank. */
static void
cut_collateral_is_not_believed(void **state)
{
    (void)state;
    for (unsigned tdx = 0; tdx < 2; tdx++) {
        struct dcap_world *w = world_new(tdx ? DCAP_TDX : DCAP_SGX, 4);
        struct tee_trust trust = world_trust(w);
        const struct dcap_kind *kind = tdx ? &tdx_kind : &sgx_kind;

        trust.cache = cert_cache_new(256);
        assert_non_null(trust.cache);
        for (size_t i = 0; i < WORLD_PIECES; i++) {
            const struct selfsame_bytes whole = w->pieces[i];
            /* The CA and the root come with the quote; of PEM the last line's end. */
            const size_t end = i == 2   ? world_pem(w, w->signing).len - 1
                               : i == 4 ? 0
                                        : whole.len;
            const size_t step = end > 2000 ? 3 : 1;

            for (size_t len = 0; len < end; len += step) {
                w->pieces[i] = BYTES(whole.ptr, len);
                struct judgement j = judge_by(kind, w->quote, &trust, 0);
                if (j.code == SELFSAME_OK)
                    fail_msg("piece %zu cut to %zu bytes and accepted", i, len);
                arena_free(&j.arena);
            }
            w->pieces[i] = world_append(w, whole, BYTES_LIT("\x01"));
            struct judgement j = judge_by(kind, w->quote, &trust, 0);
            /* Text around PEM is none of it. */
            assert_true((j.code == SELFSAME_OK) == (i == 2 || i == 4));
            arena_free(&j.arena);
            w->pieces[i] = whole;
        }
        cert_cache_free(trust.cache);
        world_free(w);
    }
}

static void
every_failed_allocation_is_told(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(worlds); k++) {
        struct dcap_world *w = world_new_of(
            worlds[k].tee, worlds[k].version, worlds[k].body);
        const struct tee_trust trust = world_trust(w);
        enum selfsame_code code = SELFSAME_NOMEM;
        long n = 0;

        for (n = 1; n < 10000 && code != SELFSAME_OK; n++) {
            struct judgement j = judge_by(
                worlds[k].tee == DCAP_TDX ? &tdx_kind : &sgx_kind, w->quote, &trust, n);

            code = j.code;
            if (code != SELFSAME_NOMEM && code != SELFSAME_OK)
                fail_msg("%s: allocation %ld fails: %s", worlds[k].name, n,
                    selfsame_code_name(code));
            arena_free(&j.arena);
        }
        assert_int_equal(code, SELFSAME_OK);
        assert_true(n > 20);
        world_free(w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flipped_bit_of_a_quote_is_accepted),
        cmocka_unit_test(no_flipped_bit_of_collateral_is_believed),
        cmocka_unit_test(no_flipped_bit_of_certificates_is_believed),
        cmocka_unit_test(no_other_length_is_accepted),
        cmocka_unit_test(cut_collateral_is_not_believed),
        cmocka_unit_test(every_failed_allocation_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
