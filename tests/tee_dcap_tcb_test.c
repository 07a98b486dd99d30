/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_dcap_judge.h"

/* Collateral and levels: what may be believed, and what follows from it. */

/* ---- collateral ---- */

static void
other_fmspc(struct dcap_world *w)
{
    w->tcb.fmspc = "B0C06F000000";
}
static void
other_pceid(struct dcap_world *w)
{
    w->tcb.pceid = "0100";
}
static void
tcb_info_of_the_other_tee(struct dcap_world *w)
{
    const bool tdx = w->quote_spec.tee == DCAP_TDX;

    w->tcb = world_usual_tcb(!tdx);
}
static void
identity_of_the_other_tee(struct dcap_world *w)
{
    w->identity.id = w->quote_spec.tee == DCAP_TDX ? "QE" : "TD_QE";
}
static void
identity_of_a_verifier(struct dcap_world *w)
{
    w->identity.id = "QVE";
}
static void
stale_tcb_info(struct dcap_world *w)
{
    w->tcb.next = "2026-05-28T20:26:40Z"; /* now */
}
static void
tcb_info_of_tomorrow(struct dcap_world *w)
{
    w->tcb.issue = "2026-05-28T20:26:41Z";
}
static void
stale_identity(struct dcap_world *w)
{
    w->identity.next = "2026-05-28T20:26:40Z";
}
static void
identity_of_tomorrow(struct dcap_world *w)
{
    w->identity.issue = "2026-05-28T20:26:41Z";
}
static void
tcb_info_by_another_key(struct dcap_world *w)
{
    w->tcb.signer = w->other_key;
}
static void
tcb_info_by_the_pck(struct dcap_world *w)
{
    w->tcb.signer = w->pck_key;
}
static void
pck_chain_for_signers(struct dcap_world *w)
{
    w->signing_chain = w->pck_chain;
}
static void
identity_by_the_root(struct dcap_world *w)
{
    w->identity.signer = w->root_key;
}
static void
space_inside(struct dcap_world *w)
{
    w->tcb_info = world_swap(w, w->tcb_info, "{\"tcbInfo\":{", "{\"tcbInfo\":{ ");
}
static void
space_inside_identity(struct dcap_world *w)
{
    w->qe_identity = world_swap(w, w->qe_identity, "\"isvprodid\":", "\"isvprodid\": ");
}
static void
better_status(struct dcap_world *w)
{
    w->tcb_info = world_swap(w, w->tcb_info, "\"OutOfDate\"", "\"UpToDate\"");
}
static void
two_fmspc_members(struct dcap_world *w)
{
    struct selfsame_bytes inner = world_swap(w, bytes_str(world_tcb_inner(w)),
        "\"fmspc\":", "\"fmspc\":\"000000000000\",\"fmspc\":");

    w->tcb.inner = (const char *)inner.ptr;
}
static void
two_objects(struct dcap_world *w)
{
    w->tcb_info = world_swap(
        w, w->tcb_info, "{\"tcbInfo\":", "{\"tcbInfo\":{\"version\":3},\"tcbInfo\":");
}
static void
signing_expired(struct dcap_world *w)
{
    w->signing_spec.from = -100;
    w->signing_spec.to = -1;
}
static void
signing_named_otherwise(struct dcap_world *w)
{
    w->signing_spec.cn = "Intel SGX PCK Certificate";
}
static void
signing_by_another_key(struct dcap_world *w)
{
    w->signing_spec.signer = w->other_key;
}
static void
no_tcb_info(struct dcap_world *w)
{
    w->tcb_info = BYTES_LIT("{}");
}
static void
no_identity(struct dcap_world *w)
{
    w->qe_identity = BYTES_LIT("{}");
}
static void
no_signing(struct dcap_world *w)
{
    w->signing_chain = w->ca_chain;
}
static void
tcb_type_1(struct dcap_world *w)
{
    w->tcb.type = 1;
}
static void
tcb_info_version_4(struct dcap_world *w)
{
    w->tcb.version = 4;
}
static void
values_outside_the_mask(struct dcap_world *w)
{
    w->identity.attributes_mask = "EAFFFFFFFFFFFFFF0000000000000000";
}

static void
collateral_that_does_not_hold_is_refused(void **state)
{
    static const struct row rows[] = {
        { .what = "another FMSPC", .before = other_fmspc },
        { .what = "another PCEID", .before = other_pceid },
        { .what = "TCB info of the other TEE", .before = tcb_info_of_the_other_tee },
        { .what = "QE identity of the other TEE", .before = identity_of_the_other_tee },
        { .what = "identity of a QVE", .before = identity_of_a_verifier },
        { .what = "stale TCB info", .before = stale_tcb_info },
        { .what = "TCB info of tomorrow", .before = tcb_info_of_tomorrow },
        { .what = "stale QE identity", .before = stale_identity },
        { .what = "QE identity of tomorrow", .before = identity_of_tomorrow },
        { .what = "TCB info by another key", .before = tcb_info_by_another_key },
        { .what = "TCB info by the PCK", .before = tcb_info_by_the_pck },
        { .what = "TCB info by the PCK, with its chain",
            .before = tcb_info_by_the_pck,
            .after = pck_chain_for_signers },
        { .what = "QE identity by the root", .before = identity_by_the_root },
        { .what = "whitespace inside the TCB info", .after = space_inside },
        { .what = "whitespace inside the identity", .after = space_inside_identity },
        { .what = "a better status written in", .after = better_status },
        { .what = "a member twice", .before = two_fmspc_members },
        { .what = "two objects", .after = two_objects },
        { .what = "expired TCB Signing", .before = signing_expired },
        { .what = "TCB Signing named as a leaf", .before = signing_named_otherwise },
        { .what = "TCB Signing by another key", .before = signing_by_another_key },
        { .what = "no TCB info", .after = no_tcb_info },
        { .what = "no QE identity", .after = no_identity },
        { .what = "no TCB Signing", .after = no_signing },
        { .what = "tcbType 1", .before = tcb_type_1 },
        { .what = "TCB info of version 4", .before = tcb_info_version_4 },
        { .what = "attributes outside their mask", .before = values_outside_the_mask },
    };

    (void)state;
    try_rows(rows, COUNT(rows), SELFSAME_TCB, CHECK_TCB);
}

/* Of several that hold the newest counts, and one that does not hold spoils nothing. */
static void
the_newest_of_several_pieces_is_used(void **state)
{
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    struct selfsame_bytes old, pieces[WORLD_PIECES + 1];

    (void)state;
    w->tcb.level[0].status = "OutOfDate";
    w->tcb.evaluation = 19;
    world_make_json(w);
    old = w->tcb_info; /* the newer one, really */
    w->tcb.level[0].status = "UpToDate";
    w->tcb.evaluation = 17;
    world_make_json(w);
    struct tee_trust trust = world_trust(w);
    for (size_t order = 0; order < 2; order++) {
        memcpy(pieces + (order == 0), w->pieces, sizeof(w->pieces));
        pieces[order == 0 ? 0 : WORLD_PIECES] = old;
        trust.collateral = pieces;
        trust.collateral_count = COUNT(pieces);
        struct judgement j = judge_by(&sgx_kind, w->quote, &trust, 0);
        assert_code(j.code, SELFSAME_OK, &j.err);
        assert_int_equal(j.found.status, DCAP_OUT_OF_DATE);
        assert_int_equal(j.found.evaluation, 18); /* of the QE identity */
        arena_free(&j.arena);
    }
    world_free(w);
}

/* Of certificates that only call themselves signers a few are tried, not all. */
static void
signers_that_are_none_cost_little(void **state)
{
    enum { BAD = 200 };
    static const struct {
        size_t bad_first; /* before the signer, the others behind it */
        enum selfsame_code want;
    } rows[] = { { 0, SELFSAME_OK }, { 15, SELFSAME_OK }, { 16, SELFSAME_TCB },
        { BAD, SELFSAME_TCB } };
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    struct selfsame_bytes bad[BAD], pieces[WORLD_PIECES + BAD];

    (void)state;
    for (size_t i = 0; i < BAD; i++) {
        struct cert_spec s = w->signing_spec;

        s.serial = (long)(1000 + i);
        bad[i] = world_cert(w, &s, w->other_key, w->root, w->other_key,
            BYTES_NONE); /* not the root's */
    }
    struct tee_trust trust = world_trust(w);
    for (size_t i = 0; i < COUNT(rows); i++) {
        memcpy(pieces, bad, rows[i].bad_first * sizeof(*bad));
        memcpy(pieces + rows[i].bad_first, w->pieces, sizeof(w->pieces));
        memcpy(pieces + rows[i].bad_first + WORLD_PIECES, bad + rows[i].bad_first,
            (BAD - rows[i].bad_first) * sizeof(*bad));
        trust.collateral = pieces;
        trust.collateral_count = COUNT(pieces);
        struct judgement j = judge_by(&sgx_kind, w->quote, &trust, 0);
        assert_code(j.code, rows[i].want, &j.err);
        arena_free(&j.arena);
    }
    world_free(w);
}

/* ---- levels ---- */

static void
levels_are_taken_best_first_whatever_their_order(void **state)
{
    (void)state;
    for (unsigned tdx = 0; tdx < 2; tdx++)
        for (unsigned order = 0; order < 6; order++) {
            static const uint8_t orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
            struct dcap_world *w = world_new(tdx ? DCAP_TDX : DCAP_SGX, 4);
            const struct tcb_spec usual = w->tcb;

            for (size_t i = 0; i < 3; i++)
                w->tcb.level[i] = usual.level[orders[order][i]];
            world_make_json(w);
            struct judgement j = judge(w);
            assert_code(j.code, SELFSAME_OK, &j.err);
            assert_int_equal(j.found.status, DCAP_UP_TO_DATE);
            arena_free(&j.arena);
            world_free(w);
        }
}

static void
every_component_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i <= 16; i++) {
        struct dcap_world *w = world_new(DCAP_SGX, 3);

        /* The best level wants one more of this than there is. */
        if (i == 16)
            w->tcb.level[0].svn++;
        else if (i == 4)
            w->pck_spec.component[i]--; /* 255 in every level: none is left */
        else
            w->tcb.level[0].sgx[i]++;
        world_make(w);
        struct judgement j = judge(w);
        if (i == 4) {
            assert_judged("component 4 of 254", "SGX 3", &j, SELFSAME_TCB, CHECK_TCB,
                "no matching TCB level");
        } else {
            assert_code(j.code, SELFSAME_OK, &j.err);
            assert_int_equal(j.found.status, DCAP_OUT_OF_DATE);
            assert_int_equal(j.found.advisories.count, 2);
            arena_free(&j.arena);
        }
        world_free(w);
    }
}

/* Components 0 and 1 are judged by the module's identity, where there is one. */
static void
every_tdx_component_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < 16; i++)
        for (unsigned old = 0; old < 2; old++) {
            struct dcap_world *w = world_new(DCAP_TDX, 4);

            if (old) {
                w->quote_spec.body[1] = 0; /* no module identity: all sixteen count */
                w->tcb.modules = NULL;
            }
            w->tcb.level[0].tdx[i] = w->quote_spec.body[i] + 1;
            world_make(w);
            struct judgement j = judge(w);
            assert_code(j.code, SELFSAME_OK, &j.err);
            assert_int_equal(
                j.found.platform, i < 2 && !old ? DCAP_UP_TO_DATE : DCAP_OUT_OF_DATE);
            arena_free(&j.arena);
            world_free(w);
        }
}

static void
a_platform_below_every_level_is_refused(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(worlds); k++) {
        struct dcap_world *w = world_new_of(
            worlds[k].tee, worlds[k].version, worlds[k].body);

        w->pck_spec.pce_svn = 4;
        world_make(w);
        struct judgement j = judge(w);
        assert_judged("PCE SVN 4", worlds[k].name, &j, SELFSAME_TCB, CHECK_TCB,
            "no matching TCB level");
        w->pck_spec.pce_svn = 13;
        memset(w->tcb.level, 0, sizeof(w->tcb.level));
        world_make(w);
        assert_int_equal(class_of(w), SELFSAME_TCB);
        w->tcb = world_usual_tcb(worlds[k].tee == DCAP_TDX);
        w->quote_spec.qe[258] = 5; /* the lowest is 6 */
        world_make(w);
        j = judge(w);
        assert_judged(
            "QE SVN 5", worlds[k].name, &j, SELFSAME_TCB, CHECK_TCB, "quoting enclave");
        world_free(w);
    }
}

static const struct {
    const char *word;
    enum dcap_status status;
} words[] = {
    { "UpToDate", DCAP_UP_TO_DATE },
    { "SWHardeningNeeded", DCAP_SW_HARDENING_NEEDED },
    { "ConfigurationNeeded", DCAP_CONFIGURATION_NEEDED },
    { "ConfigurationAndSWHardeningNeeded", DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED },
    { "OutOfDate", DCAP_OUT_OF_DATE },
    { "OutOfDateConfigurationNeeded", DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED },
    { "Revoked", DCAP_REVOKED },
    { "", DCAP_REVOKED },
    { "uptodate", DCAP_REVOKED },
    { "UpToDate ", DCAP_REVOKED },
    { "BetterThanEver", DCAP_REVOKED },
};

static void
every_status_is_told_and_unknown_ones_count_as_revoked(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2 * COUNT(words); k++) {
        const size_t i = k / 2;
        struct dcap_world *w = world_new(k % 2 ? DCAP_TDX : DCAP_SGX, 4);

        w->tcb.level[0].status = words[i].word;
        world_make_json(w);
        struct judgement j = judge(w);
        if (words[i].status == DCAP_REVOKED) {
            assert_judged(words[i].word, "", &j, SELFSAME_REVOKED, CHECK_TCB, NULL);
        } else {
            assert_code(j.code, SELFSAME_OK, &j.err);
            assert_int_equal(j.found.status, words[i].status);
            arena_free(&j.arena);
        }
        world_free(w);
    }
}

/* The table of Intel's QVL: an old QE makes a platform old, whatever it is itself. */
static void
the_status_of_the_qe_is_merged(void **state)
{
    static const enum dcap_status merged[] = { DCAP_OUT_OF_DATE, DCAP_OUT_OF_DATE,
        DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED, DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED,
        DCAP_OUT_OF_DATE, DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED };

    (void)state;
    for (size_t i = 0; i < COUNT(merged); i++)
        for (unsigned tdx = 0; tdx < 2; tdx++) {
            struct dcap_world *w = world_new(tdx ? DCAP_TDX : DCAP_SGX, 4);

            w->tcb.level[0].status = words[i].word;
            w->quote_spec.qe[258] = 7; /* OutOfDate, INTEL-SA-00615 */
            world_make(w);
            struct judgement j = judge(w);
            assert_code(j.code, SELFSAME_OK, &j.err);
            assert_int_equal(j.found.status, merged[i]);
            assert_int_equal(j.found.platform, words[i].status);
            assert_int_equal(j.found.qe, DCAP_OUT_OF_DATE);
            assert_int_equal(j.found.advisories.count, 1);
            assert_int_equal(j.found.tcb_date_s, 1636502400); /* 2021-11-10 */
            arena_free(&j.arena);
            w->identity.level[1].status = "Revoked";
            world_make(w);
            assert_int_equal(class_of(w), SELFSAME_REVOKED);
            world_free(w);
        }
}

static void
advisories_of_all_levels_are_united(void **state)
{
    struct dcap_world *w = world_new(DCAP_TDX, 4);
    static const char *const want[] = { "INTEL-SA-00001", "INTEL-SA-00615",
        "INTEL-SA-00960", "INTEL-SA-00982" };

    (void)state;
    w->pck_spec.pce_svn = 12;
    w->quote_spec.qe[258] = 6;
    w->quote_spec.body[0] = 4;
    w->tcb.modules = "[" WORLD_MODULE("TDX_01",
        "{\"tcb\":{\"isvsvn\":3},\"tcbDate\":\"2024-03-13T00:00:00Z\","
        "\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":[\"INTEL-SA-00960\","
        "\"INTEL-SA-00001\"]}") "]";
    world_make(w);
    struct judgement j = judge(w);
    assert_code(j.code, SELFSAME_OK, &j.err);
    assert_int_equal(j.found.status, DCAP_OUT_OF_DATE);
    assert_int_equal(j.found.module, DCAP_OUT_OF_DATE);
    assert_int_equal(j.found.advisories.count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++)
        assert_bytes(j.found.advisories.list[i], bytes_str(want[i]));
    arena_free(&j.arena);
    world_free(w);
}

/* ---- TDX modules ---- */

static void
other_seam_signer(struct dcap_world *w)
{
    w->quote_spec.body[64 + 47] = 1;
}
static void
other_seam_attributes(struct dcap_world *w)
{
    w->quote_spec.body[112] = 1;
}
static void
unknown_module(struct dcap_world *w)
{
    w->quote_spec.body[1] = 2;
}
static void
no_module_identities(struct dcap_world *w)
{
    w->tcb.modules = NULL;
}
static void
module_below_its_levels(struct dcap_world *w)
{
    w->quote_spec.body[0] = 1;
    w->tcb.level[0].tdx[0] = 0;
}
static void
module_revoked(struct dcap_world *w)
{
    w->tcb.modules = "[" WORLD_MODULE(
        "TDX_01", WORLD_SVN("5", "2025-11-12", "Revoked")) "]";
}
static void
old_module_of_another_signer(struct dcap_world *w)
{
    w->quote_spec.body[1] = 0;
    w->quote_spec.body[64] = 1;
}
static void
no_module_at_all(struct dcap_world *w)
{
    w->quote_spec.body[1] = 0;
    w->tcb.module = NULL;
}
static void
module_0a(struct dcap_world *w)
{
    w->quote_spec.body[1] = 0x0a;
    w->tcb.modules = "[" WORLD_MODULE(
        "TDX_0A", WORLD_SVN("5", "2025-11-12", "UpToDate")) "]";
}
/* Newer by its number, lower in its own count: the level's component 0 is no matter. */
static void
newer_module_of_lower_svn(struct dcap_world *w)
{
    w->quote_spec.body[0] = 3;
    w->quote_spec.body[1] = 3;
}
static void
old_module(struct dcap_world *w)
{
    w->quote_spec.body[1] = 0;
}

static void
tdx_modules_are_identified(void **state)
{
    static const struct row rows[] = {
        { .what = "MRSIGNERSEAM",
            .before = other_seam_signer,
            .says = "MRSIGNERSEAM",
            .worlds = TDX },
        { .what = "SEAMATTRIBUTES",
            .before = other_seam_attributes,
            .says = "SEAMATTRIBUTES",
            .worlds = TDX },
        { .what = "a module of another number",
            .before = unknown_module,
            .worlds = TDX },
        { .what = "no identities of modules",
            .before = no_module_identities,
            .worlds = TDX },
        { .what = "below the module's levels",
            .before = module_below_its_levels,
            .worlds = TDX },
        { .what = "a module that is revoked",
            .before = module_revoked,
            .code = SELFSAME_REVOKED,
            .worlds = TDX },
        { .what = "MRSIGNERSEAM of an old module",
            .before = old_module_of_another_signer,
            .says = "MRSIGNERSEAM",
            .worlds = TDX },
        { .what = "TCB info without a module",
            .before = no_module_at_all,
            .worlds = TDX },
    };
    static const struct row sound[] = {
        { .what = "module 0A", .before = module_0a, .worlds = TDX },
        { .what = "newer module, lower SVN",
            .before = newer_module_of_lower_svn,
            .worlds = TDX },
        { .what = "old module", .before = old_module, .worlds = TDX },
    };

    (void)state;
    try_rows(rows, COUNT(rows), SELFSAME_TCB, CHECK_TCB);
    try_rows(sound, COUNT(sound), SELFSAME_OK, CHECK_COUNT);
}

/* tee_tcb_svn2 is of now; what counts is what the TD was launched on. */
static void
the_tcb_at_launch_counts(void **state)
{
    struct dcap_world *w = world_new(DCAP_TDX, 5);
    uint8_t *now = w->quote_spec.body + 584;

    (void)state;
    w->quote_spec.body[0] = 2; /* OutOfDate by the identity of its module */
    world_make(w);
    struct judgement j = judge(w);
    assert_code(j.code, SELFSAME_OK, &j.err);
    assert_int_equal(j.found.status, DCAP_OUT_OF_DATE);
    assert_true(j.found.relaunch_advised);
    arena_free(&j.arena);
    now[0] = 2; /* a relaunch would change nothing */
    world_make(w);
    j = judge(w);
    assert_code(j.code, SELFSAME_OK, &j.err);
    assert_int_equal(j.found.status, DCAP_OUT_OF_DATE);
    assert_false(j.found.relaunch_advised);
    arena_free(&j.arena);
    w->quote_spec.body[0] = 5; /* sound at launch; what runs now is no matter */
    world_make(w);
    j = judge(w);
    assert_code(j.code, SELFSAME_OK, &j.err);
    assert_int_equal(j.found.status, DCAP_UP_TO_DATE);
    arena_free(&j.arena);
    world_free(w);
}

/* A platform that Intel gave up: its newest level is out of date, launched when it may. */
static void
a_relaunch_must_bring_it_up_to_date(void **state)
{
    static const struct {
        const char *top;
        uint8_t at_launch; /* the module's own number; 2 is out of date */
        enum dcap_status status;
    } rows[] = {
        { "OutOfDate", 5, DCAP_OUT_OF_DATE },
        { "OutOfDate", 2, DCAP_OUT_OF_DATE },
        { "OutOfDateConfigurationNeeded", 5, DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED },
        { "ConfigurationNeeded", 2, DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED },
        { "SWHardeningNeeded", 2, DCAP_OUT_OF_DATE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct dcap_world *w = world_new(DCAP_TDX, 5);

        w->tcb.level[0].status = rows[i].top;
        w->quote_spec.body[0] = rows[i].at_launch;
        world_make(w);
        struct judgement j = judge(w);
        assert_code(j.code, SELFSAME_OK, &j.err);
        assert_int_equal(j.found.status, rows[i].status);
        if (j.found.relaunch_advised)
            fail_msg("row %zu: a relaunch is advised at %s", i, rows[i].top);
        arena_free(&j.arena);
        world_free(w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collateral_that_does_not_hold_is_refused),
        cmocka_unit_test(the_newest_of_several_pieces_is_used),
        cmocka_unit_test(signers_that_are_none_cost_little),
        cmocka_unit_test(levels_are_taken_best_first_whatever_their_order),
        cmocka_unit_test(every_component_counts),
        cmocka_unit_test(every_tdx_component_counts),
        cmocka_unit_test(a_platform_below_every_level_is_refused),
        cmocka_unit_test(every_status_is_told_and_unknown_ones_count_as_revoked),
        cmocka_unit_test(the_status_of_the_qe_is_merged),
        cmocka_unit_test(advisories_of_all_levels_are_united),
        cmocka_unit_test(tdx_modules_are_identified),
        cmocka_unit_test(the_tcb_at_launch_counts),
        cmocka_unit_test(a_relaunch_must_bring_it_up_to_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
