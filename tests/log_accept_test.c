/* SPDX-License-Identifier: Apache-2.0 */
#include "accept_world.h"

/* What a test asks, and what it got. */
struct ask {
    struct release_rule rule;
    struct release_given given;
    struct selfsame_bytes proofs[8];
    struct release_accepted *all;
    size_t count;
    enum release_error error;
};

static struct ask
ask_of(const struct world *w)
{
    return (struct ask){
        .rule = { .name = "hello",
            .trust = &w->trust,
            .publishers = &w->publisher_spki,
            .publisher_count = 1,
            .threshold = 1 },
        .given = { .now_s = WORLD_NOW },
    };
}

static void
give(struct ask *a, struct selfsame_bytes proof)
{
    a->proofs[a->given.proof_count++] = proof;
    a->given.proofs = a->proofs;
}

/* The word must be that, and the class the word's. */
static void
expect(struct world *w, struct ask *a, enum release_error want)
{
    struct selfsame_err e = { 0 };
    enum selfsame_code code;

    a->given.proofs = a->proofs;
    a->error = RELEASE_TRUSTED;
    code = release_accept(
        &a->rule, &a->given, &w->arena, &a->all, &a->count, &a->error, &e);
    if (a->error != want)
        fail_msg("expected %s, got %s: %s", release_error_word(want),
            release_error_word(a->error), err_text(&e));
    assert_int_equal(code, release_error_code(want));
    if (want != RELEASE_TRUSTED)
        assert_non_null(strstr(err_text(&e), release_error_word(want)));
}

static const char *
plain(struct world *w)
{
    return world_release(w, &(struct world_release){ .sequence = 17 });
}

static void
a_logged_release_is_accepted(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct ask a = ask_of(w);
    const char *s = plain(w);

    (void)world_add(w, BYTES_LIT("filler-0"));
    (void)world_add(w, BYTES_LIT("filler-1"));
    size_t i = world_publish(w, s, w->publisher);
    (void)world_add(w, BYTES_LIT("filler-3"));
    give(&a, world_proof(w, i));
    expect(w, &a, RELEASE_TRUSTED);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.all[0].statement.release.version, "1.4.2");
    assert_string_equal(a.all[0].origin, "log.example/releases");
    assert_int_equal(a.all[0].index, 2);
    assert_int_equal(a.all[0].log_size, 4);
    assert_int_equal(a.all[0].witnesses, 3);
    assert_int_equal(a.all[0].publishers, 1);
    const struct release *r = &a.all[0].statement.release;
    assert_int_equal(r->reference_count, 1);
    assert_string_equal(r->references[0].tee, "nitro");
    assert_null(r->references[0].unusable);
    assert_bytes(r->references[0].entry,
        BYTES_LIT("{\"pcr\":{\"0\":[\"" WORLD_PCR0 "\"],\"1\":[\"" WORLD_PCR1
                  "\"],\"2\":[\"" WORLD_PCR2 "\"]},\"tee\":\"nitro\"}"));
    assert_int_equal(r->value_count, 3);
    world_free(w);
}

static void
nothing_proves_nothing(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct ask a = ask_of(w);

    expect(w, &a, RELEASE_PROOF_MISSING);
    give(&a, BYTES_LIT("c2sp.org/tlog-proof@v1\nindex 0\n"));
    expect(w, &a, RELEASE_PROOF_MALFORMED);
    world_free(w);
}

static void
a_proof_needs_the_logs_and_the_witnesses_keys(void **state)
{
    (void)state;
    struct world *w = world_new();
    const int64_t times[] = { WORLD_NOW, WORLD_NOW, WORLD_NOW };
    struct ask a = ask_of(w);
    size_t i = world_publish(w, plain(w), w->publisher);

    give(&a, world_proof_of(w, i, world_checkpoint(w, w->log, 3, times)));
    expect(w, &a, RELEASE_TRUSTED);
    a.proofs[0] = world_proof_of(w, i, world_checkpoint(w, w->log, 2, times));
    expect(w, &a, RELEASE_QUORUM);
    a.proofs[0] = world_proof_of(w, i, world_checkpoint(w, w->other, 7, times));
    expect(w, &a, RELEASE_LOG_SIG);
    /* The same log's name is not enough, nor another log of the same key. */
    struct selfsame_err e = { 0 };
    const char *text = arena_printf(&w->arena, "log %s\nquorum none\n",
        world_vkey(w, "log.example/others", NOTE_ED25519, w->log));
    assert_code(
        log_policy_parse(bytes_str(text), &w->arena, &w->trust, &e), SELFSAME_OK, &e);
    a.proofs[0] = world_proof(w, i);
    expect(w, &a, RELEASE_LOG_UNKNOWN);
    world_free(w);
}

static void
a_fork_and_another_entry_are_not_included(void **state)
{
    (void)state;
    struct world *w = world_new(), *fork = world_new();
    const int64_t times[] = { WORLD_NOW, WORLD_NOW, WORLD_NOW };
    struct ask a = ask_of(w);
    size_t i = world_publish(w, plain(w), w->publisher);
    (void)world_add(w, BYTES_LIT("filler"));
    (void)world_add(fork, BYTES_LIT("other"));
    (void)world_add(fork, BYTES_LIT("filler"));

    /* The path of one tree under the signed root of the other. */
    give(&a, world_proof_of(w, i, world_checkpoint(fork, fork->log, 7, times)));
    expect(w, &a, RELEASE_INCLUSION);
    struct selfsame_bytes kept = w->entry[i];
    w->entry[i] = world_envelope(w,
        world_release(w, &(struct world_release){ .version = "6.6.6" }), w->publisher);
    a.proofs[0] = world_proof(w, i);
    expect(w, &a, RELEASE_INCLUSION);
    w->entry[i] = kept;
    world_free(fork);
    world_free(w);
}

static void
a_release_needs_its_publisher(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct ask a = ask_of(w);
    const struct selfsame_bytes both[] = { w->publisher_spki, w->other_spki };
    const char *s = plain(w);
    size_t theirs = world_publish(w, s, w->other);
    size_t ours = world_publish(w, s, w->publisher);

    give(&a, world_proof(w, theirs));
    expect(w, &a, RELEASE_PUBLISHER_SIG);
    /* Two of two: each signs in an entry of its own. */
    a.rule.publishers = both;
    a.rule.publisher_count = 2;
    a.rule.threshold = 2;
    expect(w, &a, RELEASE_PUBLISHER_SIG);
    give(&a, world_proof(w, theirs));
    expect(w, &a, RELEASE_PUBLISHER_SIG);
    give(&a, world_proof(w, ours));
    expect(w, &a, RELEASE_TRUSTED);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.all[0].publishers, 2);
    a.rule.threshold = 0; /* the zero value accepts nothing */
    expect(w, &a, RELEASE_PUBLISHER_SIG);
    world_free(w);
}

static void
only_canonical_statements_of_ours_count(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct ask a = ask_of(w);
    struct selfsame_bytes good = world_envelope(w, plain(w), w->publisher);
    /* A second text of the same envelope. */
    const char *spaced = arena_printf(
        &w->arena, "{ %.*s", (int)good.len - 1, (const char *)good.ptr + 1);
    size_t i = world_add(w, bytes_str(spaced));
    size_t k = world_publish(w,
        world_release(w, &(struct world_release){ .name = "goodbye" }), w->publisher);

    give(&a, world_proof(w, i));
    expect(w, &a, RELEASE_NOT_CANONICAL);
    a.proofs[0] = world_proof(w, k);
    expect(w, &a, RELEASE_WRONG_NAME);
    world_free(w);
}

static void
validity_and_sequence_bound_a_release(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct ask a = ask_of(w);
    size_t i = world_publish(w, plain(w), w->publisher);

    give(&a, world_proof(w, i));
    a.given.now_s = WORLD_NOW - 300;
    expect(w, &a, RELEASE_TRUSTED);
    a.given.now_s = WORLD_NOW - 301;
    expect(w, &a, RELEASE_EXPIRED);
    a.given.now_s = INT64_C(1731536000) + 301; /* 2024-11-13T22:13:20Z */
    expect(w, &a, RELEASE_EXPIRED);
    a.given.now_s = WORLD_NOW;
    a.given.highest = 17;
    expect(w, &a, RELEASE_TRUSTED);
    a.given.highest = 18;
    expect(w, &a, RELEASE_ROLLBACK);
    a.given.highest = 0;
    a.rule.min_sequence = 18;
    expect(w, &a, RELEASE_ROLLBACK);
    world_free(w);
}

static const char *
current_of(struct world *w, const char *statement, unsigned sequence)
{
    return arena_printf(&w->arena, "{\"sequence\":%u,\"sha256\":\"%s\"}", sequence,
        world_sha256(w, statement));
}

static void
an_index_tells_what_is_current_and_how_lately(void **state)
{
    (void)state;
    struct world *w = world_new();
    const char *s = plain(w);
    size_t i = world_publish(w, s, w->publisher);
    size_t k = world_publish(
        w, world_index(w, 1, current_of(w, s, 17), ""), w->publisher);
    size_t forged = world_publish(
        w, world_index(w, 9, current_of(w, s, 17), ""), w->other);
    size_t none = world_publish(w, world_index(w, 2, "", ""), w->publisher);
    size_t wrong = world_publish(
        w, world_index(w, 3, current_of(w, s, 16), ""), w->publisher);
    /* One witness saw it now, the others long ago: no quorum by today's clocks. */
    const int64_t old[] = { WORLD_NOW, WORLD_NOW - 7200, WORLD_NOW - 7300 };
    const int64_t lately[] = { WORLD_NOW, WORLD_NOW - 3600, WORLD_NOW - 7300 };
    const int64_t ahead[] = { WORLD_NOW + 301, WORLD_NOW + 301, WORLD_NOW };
    struct ask a = ask_of(w);

    a.rule.max_index_age_s = 3600;
    give(&a, world_proof(w, i));
    expect(w, &a, RELEASE_STALE_INDEX);
    give(&a, world_proof_of(w, k, world_checkpoint(w, w->log, 7, old)));
    expect(w, &a, RELEASE_STALE_INDEX);
    a.proofs[1] = world_proof_of(w, k, world_checkpoint(w, w->log, 7, lately));
    expect(w, &a, RELEASE_TRUSTED);
    assert_int_equal(a.all[0].index_age_s, 3600);
    a.proofs[1] = world_proof_of(w, k, world_checkpoint(w, w->log, 7, ahead));
    expect(w, &a, RELEASE_STALE_INDEX);
    a.proofs[1] = world_proof(w, forged);
    expect(w, &a, RELEASE_STALE_INDEX);
    a.proofs[1] = world_proof(w, wrong);
    expect(w, &a, RELEASE_STALE_INDEX);
    /* The later index of two decides. */
    a.proofs[1] = world_proof(w, k);
    expect(w, &a, RELEASE_TRUSTED);
    give(&a, world_proof(w, none));
    expect(w, &a, RELEASE_STALE_INDEX);
    world_free(w);
}

/* Anybody can prove an old entry into a new checkpoint: then witnesses alone say nothing. */
static void
an_old_index_is_not_made_young_by_a_fresh_proof(void **state)
{
    (void)state;
    struct world *w = world_new();
    const char *s = plain(w);
    size_t i = world_publish(w, s, w->publisher);
    size_t k = world_publish(
        w, world_index(w, 1, current_of(w, s, 17), ""), w->publisher);
    const int64_t later = WORLD_NOW + 3601;
    const int64_t times[] = { later, later, later };
    struct ask a = ask_of(w);

    a.rule.max_index_age_s = 3600;
    a.given.now_s = later;
    give(&a, world_proof(w, i));
    give(&a, world_proof_of(w, k, world_checkpoint(w, w->log, 7, times)));
    expect(w, &a, RELEASE_STALE_INDEX);
    a.rule.max_index_age_s = 3601;
    expect(w, &a, RELEASE_TRUSTED);
    assert_int_equal(a.all[0].index_age_s, 3601);
    /* Nor does it count once a later one was seen. */
    a.given.highest_index = 1;
    expect(w, &a, RELEASE_TRUSTED);
    a.given.highest_index = 2;
    expect(w, &a, RELEASE_STALE_INDEX);
    world_free(w);
}

static void
what_indexes_say_is_told_to_be_remembered(void **state)
{
    (void)state;
    struct world *w = world_new();
    const char *s = plain(w);
    size_t i = world_publish(w, s, w->publisher);
    const char *revoked = arena_printf(&w->arena,
        "{\"reason\":\"r\",\"sha256\":\"%s\",\"since\":\"2023-11-15T00:00:00Z\"}",
        world_sha256(w, s));
    size_t k = world_publish(w, world_index(w, 5, "", revoked), w->publisher);
    size_t theirs = world_publish(w, world_index(w, 9, "", revoked), w->other);
    struct release_outcome x;
    struct selfsame_err e = { 0 };
    struct ask a = ask_of(w);

    give(&a, world_proof(w, i));
    give(&a, world_proof(w, theirs));
    assert_code(release_judge(&a.rule, &a.given, &w->arena, &x, &e), SELFSAME_OK, &e);
    assert_int_equal(x.index, 0);
    assert_int_equal(x.revoked_count, 0);
    give(&a, world_proof(w, k));
    assert_code(
        release_judge(&a.rule, &a.given, &w->arena, &x, &e), SELFSAME_REVOKED, &e);
    assert_int_equal(x.index, 5);
    assert_int_equal(x.revoked_count, 1);
    assert_int_equal(x.refused_count, 1);
    assert_int_equal(x.refused[0].error, RELEASE_REVOKED);
    /* Remembered, it holds without that index. */
    uint8_t kept[1][32];
    memcpy(kept[0], x.revoked[0], 32);
    a.given.revoked = (const uint8_t(*)[32])kept;
    a.given.revoked_count = 1;
    a.given.proof_count = 1;
    expect(w, &a, RELEASE_REVOKED);
    world_free(w);
}

static void
many_copies_cost_little(void **state)
{
    (void)state;
    struct world *w = world_new();
    size_t i = world_publish(w, plain(w), w->publisher);
    size_t k = world_publish(
        w, world_release(w, &(struct world_release){ .version = "9" }), w->other);
    struct selfsame_bytes proofs[RELEASE_PROOFS];
    auto_arena arena = arena_new(8 << 20);
    struct release_outcome x;
    struct selfsame_err e = { 0 };
    struct ask a = ask_of(w);

    for (size_t n = 0; n < COUNT(proofs); n++)
        proofs[n] = world_proof(w, n == 0 ? i : k);
    a.given.proofs = proofs;
    a.given.proof_count = COUNT(proofs);
    assert_code(release_judge(&a.rule, &a.given, &arena, &x, &e), SELFSAME_OK, &e);
    assert_int_equal(x.accepted_count, 1);
    assert_int_equal(x.refused_count, 0);
    world_free(w);
}

static void
revocation_stands_without_any_age(void **state)
{
    (void)state;
    struct world *w = world_new();
    const char *s = plain(w);
    size_t i = world_publish(w, s, w->publisher);
    const char *revoked = arena_printf(&w->arena,
        "{\"reason\":\"key "
        "leaked\",\"sha256\":\"%s\",\"since\":\"2023-11-15T00:00:00Z\"}",
        world_sha256(w, s));
    size_t by_other = world_publish(w, world_index(w, 2, "", revoked), w->other);
    size_t by_us = world_publish(w, world_index(w, 2, "", revoked), w->publisher);
    size_t later = world_publish(
        w, world_index(w, 3, current_of(w, s, 17), ""), w->publisher);
    struct ask a = ask_of(w);

    give(&a, world_proof(w, i));
    give(&a, world_proof(w, by_other));
    expect(w, &a, RELEASE_TRUSTED);
    give(&a, world_proof(w, by_us));
    expect(w, &a, RELEASE_REVOKED);
    give(&a, world_proof(w, later)); /* an index cannot take it back */
    expect(w, &a, RELEASE_REVOKED);
    a.given.now_s = WORLD_NOW + INT64_C(86400) * 30;
    expect(w, &a, RELEASE_REVOKED);
    world_free(w);
}

static void
rebuilders_count_once_each(void **state)
{
    (void)state;
    struct world *w = world_new();
    const char *s = plain(w);
    size_t i = world_publish(w, s, w->publisher);
    size_t alike = world_publish(
        w, world_rebuild(w, world_sha256(w, s), "identical"), w->rebuilder);
    size_t differs = world_publish(
        w, world_rebuild(w, world_sha256(w, s), "different"), w->other);
    size_t elsewhere = world_publish(
        w, world_rebuild(w, WORLD_SUM, "identical"), w->other);
    const struct selfsame_bytes both[] = { w->rebuilder_spki, w->other_spki };
    struct ask a = ask_of(w);

    a.rule.rebuilders = both;
    a.rule.rebuilder_count = 2;
    a.rule.min_rebuilders = 1;
    give(&a, world_proof(w, i));
    expect(w, &a, RELEASE_REBUILDERS);
    give(&a, world_proof(w, differs));
    give(&a, world_proof(w, elsewhere));
    expect(w, &a, RELEASE_REBUILDERS);
    give(&a, world_proof(w, alike));
    expect(w, &a, RELEASE_TRUSTED);
    assert_int_equal(a.all[0].rebuilders, 1);
    give(&a, world_proof(w, alike));
    a.rule.min_rebuilders = 2;
    expect(w, &a, RELEASE_REBUILDERS);
    world_free(w);
}

static void
several_releases_come_best_first(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct ask a = ask_of(w);
    size_t old = world_publish(w, plain(w), w->publisher);
    size_t new = world_publish(w,
        world_release(w, &(struct world_release){ .version = "1.5", .sequence = 18 }),
        w->publisher);

    give(&a, world_proof(w, old));
    give(&a, world_proof(w, new));
    expect(w, &a, RELEASE_TRUSTED);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.all[0].statement.release.sequence, 18);
    a.given.highest = 18;
    expect(w, &a, RELEASE_TRUSTED);
    assert_int_equal(a.count, 1);
    world_free(w);
}

/* Every bit and every length of a proof file; nothing but the pinned one is accepted. */
static void
no_other_bytes_are_accepted(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct selfsame_bytes good;
    size_t i = world_publish(w, plain(w), w->publisher);

    (void)world_add(w, BYTES_LIT("filler"));
    good = world_proof(w, i);
    /* Past the quorum of the first two witnesses, the third's line may be any other name. */
    for (size_t n = 0; n < good.len; n++)
        for (unsigned bit = 0; bit < 8; bit++) {
            auto_arena arena = arena_new(16 << 20);
            struct ask a = ask_of(w);
            struct selfsame_err e = { 0 };
            uint8_t *copy = arena_alloc(&arena, 1, good.len);

            assert_non_null(copy);
            memcpy(copy, good.ptr, good.len);
            copy[n] ^= (uint8_t)(1u << bit);
            give(&a, BYTES(copy, good.len));
            enum selfsame_code code = release_accept(
                &a.rule, &a.given, &arena, &a.all, &a.count, &a.error, &e);
            if (code == SELFSAME_OK && a.all[0].witnesses == 3)
                fail_msg("bit %u of byte %zu changed nothing", bit, n);
        }
    for (size_t n = 0; n < good.len; n++) {
        auto_arena arena = arena_new(16 << 20);
        struct ask a = ask_of(w);
        struct selfsame_err e = { 0 };

        give(&a, BYTES(good.ptr, n));
        enum selfsame_code code = release_accept(
            &a.rule, &a.given, &arena, &a.all, &a.count, &a.error, &e);
        /* Cut after the second witness's line, the quorum is still there. */
        if (code == SELFSAME_OK && a.all[0].witnesses == 3)
            fail_msg("cut to %zu bytes it passes", n);
    }
    world_free(w);
}

static void
every_allocation_may_fail(void **state)
{
    (void)state;
    struct world *w = world_new();
    size_t i = world_publish(w, plain(w), w->publisher);
    struct selfsame_bytes proof = world_proof(w, i);
    bool accepted = false;

    for (long at = 1; !accepted; at++) {
        auto_arena arena = arena_new(16 << 20);
        struct ask a = ask_of(w);
        struct selfsame_err e = { 0 };

        assert_true(at < 1000);
        arena.fail_at = at;
        give(&a, proof);
        enum selfsame_code code = release_accept(
            &a.rule, &a.given, &arena, &a.all, &a.count, &a.error, &e);
        accepted = code == SELFSAME_OK;
        if (!accepted)
            assert_int_equal(code, SELFSAME_NOMEM);
    }
    world_free(w);
}

/* ---- statements ---- */

static const struct {
    const char *measurements;
    enum selfsame_code want;
    const char *says; /* of the error, or of why it cannot be used; NULL: usable */
} items[] = {
#define NITRO(pcr, require)                                        \
    "{\"alg\":\"sha384\",\"artifact\":\"image.eif\",\"pcr\":{" pcr \
    "},\"require\":{" require "},\"tee\":\"aws-nitro\"}"
#define P(i, v) "\"" i "\":[\"" v "\"]"
#define P012 P("0", WORLD_PCR0) "," P("1", WORLD_PCR1) "," P("2", WORLD_PCR2)
#define SNP(launch, require)                                                    \
    "{\"artifact\":\"image.eif\",\"launch\":[" launch "],\"require\":{" require \
    "},\"tee\":\"amd-sev-snp\"}"
#define L "{\"digest\":\"" WORLD_PCR0 "\",\"vcpus\":2}"
    { NITRO(P012, "\"debug\":false"), SELFSAME_OK, NULL },
    { NITRO(P012 "," P("8", WORLD_PCR0), "\"debug\":false"), SELFSAME_OK, NULL },
    { NITRO(P012, "\"debug\":true"), SELFSAME_OK, "require.debug is not false" },
    { NITRO(P012, "\"colour\":1,\"debug\":false"), SELFSAME_OK, "does not know" },
    { NITRO(P("0", WORLD_PCR0), ""), SELFSAME_MALFORMED, "expected pcr 1" },
    { NITRO(P012 "," P("x", WORLD_PCR0), ""), SELFSAME_MALFORMED, "of a register" },
    { NITRO(P("0", "00") "," P("1", WORLD_PCR1) "," P("2", WORLD_PCR2), ""),
        SELFSAME_MALFORMED, "48 bytes as hex" },
    { SNP(L, "\"debug\":false,\"migration\":false,\"vmpl\":[0]"), SELFSAME_OK, NULL },
    { SNP(L, "\"minTcb\":{\"milan\":{\"snp\":24}}"), SELFSAME_OK, NULL },
    { SNP(L, "\"minTcb\":{\"rome\":{\"snp\":24}}"), SELFSAME_OK, "minTcb" },
    { SNP(L, "\"minTcb\":{\"milan\":{\"sun\":24}}"), SELFSAME_OK, "minTcb" },
    { SNP(L, "\"minTcb\":{\"milan\":{}}"), SELFSAME_OK, "minTcb" },
    { SNP(L, "\"minTcb\":{}"), SELFSAME_OK, "minTcb" },
    { SNP(L, "\"minTcb\":7"), SELFSAME_OK, "minTcb" },
    { SNP(L, "\"migration\":1"), SELFSAME_OK, "does not know" },
    { SNP("", ""), SELFSAME_MALFORMED, "no launch digest" },
    { SNP("{\"digest\":\"11\"}", ""), SELFSAME_MALFORMED, "48 bytes as hex" },
    { SNP("7", ""), SELFSAME_MALFORMED, "48 bytes as hex" },
    { "{\"artifact\":\"other\",\"tee\":\"aws-nitro\"}", SELFSAME_MALFORMED,
        "not one of the subjects" },
#define SGX(what, require)                                       \
    "{\"artifact\":\"image.eif\"," what ",\"require\":{" require \
    "},\"tee\":\"intel-sgx\"}"
#define SIGNER "\"mrsigner\":\"" WORLD_SUM "\""
#define MASK "05000000000000000000000000000000"
    { SGX("\"mrenclave\":[\"" WORLD_SUM "\"]", ""), SELFSAME_OK, NULL },
    { SGX("\"isvProdId\":7,\"isvSvnMin\":3," SIGNER,
          "\"attributes\":{\"mask\":\"" MASK "\",\"value\":\"" MASK
          "\"},\"debug\":false,\"miscSelect\":0,\"tcbStatus\":[\"UpToDate\"]"),
        SELFSAME_OK, NULL },
    { SGX(SIGNER, ""), SELFSAME_MALFORMED, "isvProdId" },
    { SGX("\"isvProdId\":7," SIGNER, ""), SELFSAME_MALFORMED, "isvSvnMin" },
    { SGX("\"isvProdId\":7,\"isvSvnMin\":65536," SIGNER, ""), SELFSAME_MALFORMED,
        "below 65536" },
    { SGX("\"isvProdId\":7", ""), SELFSAME_MALFORMED, "mrenclave" },
    { SGX("\"mrenclave\":[\"" WORLD_SUM "\"]", "\"debug\":true"), SELFSAME_OK,
        "debug" },
    { SGX("\"mrenclave\":[\"" WORLD_SUM "\"]", "\"attributes\":{\"mask\":\"05\"}"),
        SELFSAME_OK, "mask and value" },
    { SGX("\"mrenclave\":[\"" WORLD_SUM "\"]", "\"mrseam\":[]"), SELFSAME_OK,
        "does not know" },
#define TDX(before, after, require)                                 \
    "{\"artifact\":\"image.eif\"," before "\"mrtd\":[\"" WORLD_PCR0 \
    "\"],\"require\":{" require "}," after "\"tee\":\"intel-tdx\"}"
#define R12 P("1", WORLD_PCR1) "," P("2", WORLD_PCR2)
    { TDX("", "\"rtmr\":{" R12 "},",
          "\"advisoriesAllowed\":[\"INTEL-SA-00960\"],\"debug\":false,"
          "\"mrseam\":[\"" WORLD_PCR1
          "\"],\"tcbStatus\":[\"OutOfDate\"],\"xfam\":\"e702060000000000\""),
        SELFSAME_OK, NULL },
    { TDX("\"events\":{" R12 "},", "", ""), SELFSAME_OK, NULL },
    { TDX("", "", ""), SELFSAME_MALFORMED, "rtmr" },
    { TDX("", "\"rtmr\":{" R12 "},", "\"miscSelect\":0"), SELFSAME_OK,
        "does not know" },
    { "", SELFSAME_MALFORMED, "expected a measurement" },
};

static void
measurements_are_read_or_refused(void **state)
{
    (void)state;
    struct world *w = world_new();

    for (size_t i = 0; i < COUNT(items); i++) {
        struct selfsame_err e = { 0 };
        struct statement s;
        const char *text = world_release(
            w, &(struct world_release){ .measurements = items[i].measurements });

        assert_code(
            statement_parse(bytes_str(text), &w->arena, &s, &e), items[i].want, &e);
        if (items[i].want != SELFSAME_OK)
            assert_non_null(strstr(err_text(&e), items[i].says));
        else if (items[i].says == NULL)
            assert_null(s.release.references[0].unusable);
        else
            assert_non_null(strstr(s.release.references[0].unusable, items[i].says));
    }
    /* A TEE that nobody knows is passed over. */
    struct selfsame_err e = { 0 };
    struct statement s;
    const char *text = world_release(w,
        &(struct world_release){ .measurements = WORLD_NITRO
                                 ",{\"artifact\":\"image.eif\",\"tee\":\"abacus\"}" });
    assert_code(statement_parse(bytes_str(text), &w->arena, &s, &e), SELFSAME_OK, &e);
    assert_int_equal(s.release.reference_count, 1);
    world_free(w);
}

/* What stands in a good statement, and what it is replaced by. */
static const struct {
    const char *old, *new;
    enum selfsame_code want;
} changes[] = {
    { "\"sequence\":17", "\"sequence\":0", SELFSAME_MALFORMED },
    { "\"sequence\":17", "\"sequence\":-1", SELFSAME_MALFORMED },
    { "\"sequence\":17", "\"sequence\":\"17\"", SELFSAME_MALFORMED },
    { "\"sequence\":17", "\"sequence\": 17", SELFSAME_MALFORMED },
    { "\"sequence\":17", "\"sequence\":17,\"sequence\":17", SELFSAME_MALFORMED },
    { "\"sequence\":17", "\"sequence\":9007199254740992", SELFSAME_MALFORMED },
    { "\"name\":\"hello\"", "\"name\":\"Hello\"", SELFSAME_MALFORMED },
    { "\"name\":\"hello\"", "\"name\":\"a/../b\"", SELFSAME_MALFORMED },
    { "\"name\":\"hello\"", "\"name\":\"/a\"", SELFSAME_MALFORMED },
    { "\"version\":\"1.4.2\"", "\"version\":\"1/2\"", SELFSAME_MALFORMED },
    { "\"version\":\"1.4.2\"", "\"version\":\"a b\"", SELFSAME_MALFORMED },
    { "\"version\":\"1.4.2\"", "\"version\":\"\"", SELFSAME_MALFORMED },
    { "2024-11-13T22:13:20Z", "2024-12-20T22:13:20Z", SELFSAME_MALFORMED },
    { "2024-11-13T22:13:20Z", "2023-11-13T22:13:20Z", SELFSAME_MALFORMED },
    { "2024-11-13T22:13:20Z", "2024-11-13T22:13:20.0Z", SELFSAME_MALFORMED },
    { "2024-11-13T22:13:20Z", "2024-11-13t22:13:20z", SELFSAME_MALFORMED },
    { "2024-11-13T22:13:20Z", "1731536000", SELFSAME_MALFORMED },
    { "\"gitCommit\":\"4b825dc642cb6eb9a060e54bf8d69288fbee4904\"", "",
        SELFSAME_MALFORMED },
    { "gitCommit\":\"4b82", "gitCommit\":\"4B82", SELFSAME_MALFORMED },
    { "in-toto.io/Statement/v1", "in-toto.io/Statement/v2", SELFSAME_UNSUPPORTED },
    { "predicate/tee-release/v1", "predicate/tee-release/v2", SELFSAME_UNSUPPORTED },
    { "[{\"digest\":{\"sha256\":\"" WORLD_SUM "\"},\"name\":\"image.eif\"}]", "[]",
        SELFSAME_MALFORMED },
    { "\"name\":\"image.eif\"", "\"name\":\"other.eif\"", SELFSAME_MALFORMED },
    { "\"sourceDateEpoch\":1700000000,", "", SELFSAME_MALFORMED },
};

static void
a_statement_has_one_form(void **state)
{
    (void)state;
    struct world *w = world_new();
    const char *good = plain(w);
    struct statement s;

    for (size_t i = 0; i < COUNT(changes); i++) {
        const char *at = strstr(good, changes[i].old);
        struct selfsame_err e = { 0 };

        assert_non_null(at);
        const char *text = arena_printf(&w->arena, "%.*s%s%s", (int)(at - good), good,
            changes[i].new, at + strlen(changes[i].old));
        enum selfsame_code code = statement_parse(bytes_str(text), &w->arena, &s, &e);
        if (code != changes[i].want)
            fail_msg("%s → %s: expected %s, got %s: %s", changes[i].old, changes[i].new,
                selfsame_code_name(changes[i].want), selfsame_code_name(code),
                err_text(&e));
    }
    for (size_t n = 0; n < strlen(good); n++) {
        struct selfsame_err e = { 0 };

        assert_int_not_equal(
            statement_parse(BYTES((const uint8_t *)good, n), &w->arena, &s, &e),
            SELFSAME_OK);
    }
    world_free(w);
}

/* The worked release of the format's digest: another predicate, all else as ours. */
static void
the_worked_release_is_read(void **state)
{
    (void)state;
    auto_arena arena = arena_new(16 << 20);
    struct selfsame_err e = { 0 };
    struct statement s;

    need_shared();
    struct selfsame_bytes text = shared_file(
        "specs/samples/release-entry/statement.json", &arena);
    if (text.ptr == NULL)
        skip();
    assert_code(statement_parse(text, &arena, &s, &e), SELFSAME_UNSUPPORTED, &e);
    static const char theirs[] = "https://attest.example/predicate/tee-release/v1";
    const char *all = arena_str(&arena, text), *at = strstr(all, theirs);
    assert_non_null(at);
    const char *ours = arena_printf(&arena, "%.*s%s%s", (int)(at - all), all,
        PREDICATE_RELEASE, at + strlen(theirs));
    assert_code(statement_parse(bytes_str(ours), &arena, &s, &e), SELFSAME_OK, &e);
    assert_string_equal(s.release.name, "hello");
    assert_string_equal(s.release.channel, "stable");
    assert_int_equal(s.release.sequence, 17);
    assert_int_equal(s.release.reference_count, 2);
    assert_int_equal(s.release.value_count, 5);
    assert_null(s.release.references[1].unusable);
    assert_bytes(s.release.references[1].options,
        BYTES_LIT("{\"guest_policy\":{\"migrate_ma\":false},\"min_tcb\":{\"milan\":{"
                  "\"bootloader\":4,\"microcode\":219,\"snp\":24,\"tee\":0}},\"vmpl\":["
                  "0]}"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_logged_release_is_accepted),
        cmocka_unit_test(nothing_proves_nothing),
        cmocka_unit_test(a_proof_needs_the_logs_and_the_witnesses_keys),
        cmocka_unit_test(a_fork_and_another_entry_are_not_included),
        cmocka_unit_test(a_release_needs_its_publisher),
        cmocka_unit_test(only_canonical_statements_of_ours_count),
        cmocka_unit_test(validity_and_sequence_bound_a_release),
        cmocka_unit_test(an_index_tells_what_is_current_and_how_lately),
        cmocka_unit_test(an_old_index_is_not_made_young_by_a_fresh_proof),
        cmocka_unit_test(what_indexes_say_is_told_to_be_remembered),
        cmocka_unit_test(many_copies_cost_little),
        cmocka_unit_test(revocation_stands_without_any_age),
        cmocka_unit_test(rebuilders_count_once_each),
        cmocka_unit_test(several_releases_come_best_first),
        cmocka_unit_test(no_other_bytes_are_accepted),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(measurements_are_read_or_refused),
        cmocka_unit_test(a_statement_has_one_form),
        cmocka_unit_test(the_worked_release_is_read),
    };

    return cmocka_run_group_tests_name("log/accept", tests, NULL, NULL);
}
