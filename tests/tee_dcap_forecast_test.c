/* SPDX-License-Identifier: Apache-2.0 */
/* How kept quotes fare with some collateral, and what they lack of its best. */
#include "tee_dcap.h"

struct standing {
    struct dcap_standing s;
    struct arena arena;
};

static void
stand(struct dcap_world *w, struct standing *ret)
{
    const struct tee_trust trust = world_trust(w);
    struct selfsame_err e = { 0 };

    ret->arena = arena_new((size_t)8 << 20);
    assert_code(
        dcap_standing_of(w->quote_spec.tee, w->quote, &trust, &ret->arena, &ret->s, &e),
        SELFSAME_OK, &e);
}

/* All of it in one sentence, so that a case is a line. */
static const char *
lacks(struct standing *x)
{
    const char *all = "";

    for (size_t i = 0; i < x->s.lack_count; i++) {
        const struct dcap_lack *l = &x->s.lack[i];
        const char *what = dcap_lack_text(l, &x->arena);

        assert_non_null(what);
        all = arena_printf(
            &x->arena, "%s%s%s %u<%u", all, i > 0 ? "; " : "", what, l->has, l->needs);
        assert_non_null(all);
    }
    return all;
}

static void
older_platform(struct dcap_world *w)
{
    w->tcb.level[0].sgx[0] = 8;
}
static void
older_pce(struct dcap_world *w)
{
    w->tcb.level[0].svn = 14;
}
static void
older_qe(struct dcap_world *w)
{
    w->identity.level[0].svn = 9;
}
static void
much_older(struct dcap_world *w)
{
    w->tcb.level[0].sgx[0] = 8;
    w->tcb.level[0].sgx[5] = 2;
    w->tcb.level[0].svn = 14;
    w->identity.level[0].svn = 9;
}
static void
newer_tdx(struct dcap_world *w)
{
    w->tcb.level[0].tdx[0] = 200; /* judged by the module's identity */
    w->tcb.level[0].tdx[2] = 9;
}
static void
older_module(struct dcap_world *w)
{
    w->tcb.modules = "[" WORLD_MODULE(
        "TDX_01", WORLD_SVN("9", "2025-11-12", "UpToDate") "," WORLD_SVN(
                      "2", "2024-03-13", "OutOfDate")) "]";
}
static void
all_out_of_date(struct dcap_world *w)
{
    w->tcb.level[0].status = "SWHardeningNeeded";
    w->tcb.level[0].advisories = "\"INTEL-SA-00615\"";
}
static void
nothing(struct dcap_world *w)
{
    (void)w;
}

static const struct {
    const char *what;
    enum dcap_tee tee;
    void (*change)(struct dcap_world *w);
    enum dcap_status status;
    const char *lacks;
} cases[] = {
    { "sound", DCAP_SGX, nothing, DCAP_UP_TO_DATE, "" },
    { "sound", DCAP_TDX, nothing, DCAP_UP_TO_DATE, "" },
    { "a component", DCAP_SGX, older_platform, DCAP_OUT_OF_DATE,
        "SGX component 0 7<8" },
    { "the PCE", DCAP_SGX, older_pce, DCAP_OUT_OF_DATE,
        "provisioning certification enclave (PCE) 13<14" },
    { "the QE", DCAP_SGX, older_qe, DCAP_OUT_OF_DATE, "quoting enclave 8<9" },
    { "all of it", DCAP_SGX, much_older, DCAP_OUT_OF_DATE,
        "SGX component 0 7<8; SGX component 5 1<2; provisioning certification enclave "
        "(PCE) 13<14; quoting enclave 8<9" },
    { "a TDX component, and not those of the module", DCAP_TDX, newer_tdx,
        DCAP_OUT_OF_DATE, "TDX component 2 6<9" },
    { "the module", DCAP_TDX, older_module, DCAP_OUT_OF_DATE, "TDX module 5<9" },
    { "the best there is", DCAP_SGX, all_out_of_date, DCAP_SW_HARDENING_NEEDED, "" },
};

static void
what_is_short_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct dcap_world *w = world_new(cases[i].tee, 4);
        struct standing x;

        cases[i].change(w);
        world_make(w);
        stand(w, &x);
        if (x.s.found.status != cases[i].status ||
            strcmp(lacks(&x), cases[i].lacks) != 0)
            fail_msg("%s: %s, \"%s\": %s", cases[i].what,
                dcap_status_word(x.s.found.status), lacks(&x), err_text(&x.s.err));
        assert_int_equal(x.s.code, SELFSAME_OK);
        arena_free(&x.arena);
        world_free(w);
    }
}

/* Of two levels with the best status the one that is nearer is what is to be reached. */
static void
the_nearest_level_counts(void **state)
{
    (void)state;
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    struct standing x;

    w->tcb.level[0].sgx[0] = 9;
    w->tcb.level[0].sgx[1] = 12;
    w->tcb.level[1].status = "UpToDate";
    w->tcb.level[1].sgx[0] = 8;
    world_make(w);
    stand(w, &x);
    assert_string_equal(lacks(&x), "SGX component 0 7<8");
    arena_free(&x.arena);
    world_free(w);
}

static void
without_a_level_it_is_said_as_well(void **state)
{
    (void)state;
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    struct standing x;

    for (size_t i = 0; i < 3; i++)
        w->tcb.level[i].sgx[4 - i] = 255;
    w->tcb.level[0].sgx[2] = 255;
    w->tcb.level[1].sgx[2] = 254;
    w->tcb.level[2].sgx[2] = 253;
    world_make(w);
    stand(w, &x);
    assert_int_equal(x.s.code, SELFSAME_TCB);
    assert_int_equal(x.s.found.status, DCAP_NO_STATUS);
    assert_non_null(x.s.found.info);
    assert_string_equal(lacks(&x), "SGX component 2 3<255");
    arena_free(&x.arena);
    world_free(w);
}

static void
collateral_that_does_not_hold_says_nothing(void **state)
{
    (void)state;
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    struct standing x;

    w->tcb.level[0].sgx[0] = 8;
    w->tcb.signer = w->other_key;
    world_make(w);
    stand(w, &x);
    assert_int_equal(x.s.code, SELFSAME_TCB);
    assert_null(x.s.found.info);
    assert_int_equal(x.s.lack_count, 0);
    arena_free(&x.arena);
    world_free(w);
}

static void
a_quote_of_another_tee_is_none(void **state)
{
    (void)state;
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    auto_arena arena = arena_new((size_t)8 << 20);
    const struct tee_trust trust = world_trust(w);
    struct selfsame_err e = { 0 };
    struct dcap_standing s = { .lack_count = 77 };

    assert_code(dcap_standing_of(DCAP_TDX, w->quote, &trust, &arena, &s, &e),
        SELFSAME_MALFORMED, &e);
    assert_int_equal(s.lack_count, 77);
    assert_code(
        dcap_standing_of(DCAP_SGX, BYTES(w->quote.ptr, 100), &trust, &arena, &s, &e),
        SELFSAME_MALFORMED, &e);
    world_free(w);
}

static void
memory_that_ends_is_said(void **state)
{
    (void)state;
    struct dcap_world *w = world_new(DCAP_TDX, 4);
    const struct tee_trust trust = world_trust(w);
    bool held = false;

    for (long n = 1; n < 500 && !held; n++) {
        auto_arena arena = arena_new((size_t)8 << 20);
        struct selfsame_err e = { 0 };
        struct dcap_standing s;

        arena.fail_at = n;
        enum selfsame_code code = dcap_standing_of(
            DCAP_TDX, w->quote, &trust, &arena, &s, &e);
        held = code == SELFSAME_OK && s.code == SELFSAME_OK;
        if (code != SELFSAME_OK)
            assert_int_equal(code, SELFSAME_NOMEM);
    }
    assert_true(held);
    world_free(w);
}

/* Intel's names of components, in Intel's own TCB info. */
static void
real_components_have_names(void **state)
{
    (void)state;
    need_shared();
    static const char *const files[] = { "tcb_info.json", "qe_identity.json",
        "tcb_issuer_chain.pem", "pck_crl.der", "root_crl.der" };
    auto_arena arena = arena_new((size_t)8 << 20);
    struct selfsame_bytes piece[COUNT(files)];
    const char *dir = "vectors/tdx/Phala-Network+dcap-qvl/tdx-v5-outdated";
    const struct tee_anchor anchor = { .tee = "tdx",
        .der = { dcap_root_intel_der, DCAP_ROOT_INTEL } };
    struct standing x = { .arena = arena_new(1 << 16) };
    struct selfsame_err e = { 0 };
    struct tee_trust trust = { .anchors = &anchor,
        .anchor_count = 1,
        .collateral = piece,
        .collateral_count = COUNT(files) };

    for (size_t i = 0; i < COUNT(files); i++)
        piece[i] = shared_file(arena_printf(&arena, "%s/%s", dir, files[i]), &arena);
    assert_true(time_parse("2026-03-01T00:00:00Z", &trust.now_s));
    assert_code(dcap_standing_of(DCAP_TDX,
                    shared_file(arena_printf(&arena, "%s/quote.dat", dir), &arena),
                    &trust, &arena, &x.s, &e),
        SELFSAME_OK, &e);
    assert_int_equal(x.s.code, SELFSAME_TCB);
    assert_string_equal(lacks(&x), "SGX component 7 (SEAMLDR ACM) 3<5");
    arena_free(&x.arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_short_is_named),
        cmocka_unit_test(the_nearest_level_counts),
        cmocka_unit_test(without_a_level_it_is_said_as_well),
        cmocka_unit_test(collateral_that_does_not_hold_says_nothing),
        cmocka_unit_test(a_quote_of_another_tee_is_none),
        cmocka_unit_test(memory_that_ends_is_said),
        cmocka_unit_test(real_components_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
