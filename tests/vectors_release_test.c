/* SPDX-License-Identifier: Apache-2.0 */
#include "vector_file.h"

#include "appraise/appraise.h"
#include "log/accept.h"

#include <selfsame/appraise.h>
#include <selfsame/log.h>
#include <selfsame/verify.h>

/* Every file of vectors/release; the form is in vectors/README.md. */
struct words {
    int wrong;
    unsigned seen[RELEASE_MEASUREMENT_MISMATCH + 1];
};

/* The policy's entry as a rule; its views live in the arena. */
static enum selfsame_code
rule_of(const struct vector *v, struct arena *arena, struct release_rule *ret,
    struct selfsame_err *e)
{
    struct policy policy = { .tee_count = 0 };
    struct log_policy *trust = ARENA_NEW(arena, struct log_policy, 1);

    assert_non_null(trust);
    TRY(policy_add_releases(
        &policy, bytes_str(vector_need(v, "policy")), "policy", arena, e));
    assert_int_equal(policy.release_count, 1);
    const struct release_demand *d = &policy.releases[0];
    TRY(log_policy_parse(d->trust.text, arena, trust, e));
    *ret = (struct release_rule){
        .name = d->name,
        .trust = trust,
        .publishers = d->publishers,
        .publisher_count = d->publisher_count,
        .threshold = d->threshold,
        .min_sequence = d->min_sequence,
        .max_index_age_s = d->max_index_age_ms / 1000,
        .rebuilders = d->rebuilders,
        .rebuilder_count = d->rebuilder_count,
        .min_rebuilders = d->min_rebuilders,
    };
    return SELFSAME_OK;
}

static size_t
proofs_of(const struct vector *v, struct arena *arena, struct selfsame_bytes *ret)
{
    struct selfsame_bytes rest = v->body;
    size_t n = 0;

    while (rest.len > 0) {
        assert_true(n < RELEASE_PROOFS);
        ret[n++] = vector_base64(v, &rest, arena);
    }
    return n;
}

static enum selfsame_code
accept(const struct vector *v, struct arena *arena, enum release_error *ret_error,
    struct selfsame_err *e)
{
    struct selfsame_bytes proofs[RELEASE_PROOFS];
    uint8_t revoked[1][32];
    struct release_given given = { .proofs = proofs,
        .revoked = (const uint8_t(*)[32])revoked };
    struct release_accepted *all = NULL;
    struct release_rule rule;
    size_t count = 0;

    TRY(rule_of(v, arena, &rule, e));
    given.proof_count = proofs_of(v, arena, proofs);
    assert_true(time_parse(vector_need(v, "now"), &given.now_s));
    if (vector_get(v, "highest") != NULL)
        given.highest = vector_number(v, "highest");
    if (vector_get(v, "highest-index") != NULL)
        given.highest_index = vector_number(v, "highest-index");
    if (vector_get(v, "revoked") != NULL) {
        const struct selfsame_bytes hash = unhex(vector_get(v, "revoked"), arena);

        assert_int_equal(hash.len, sizeof(revoked[0]));
        memcpy(revoked[0], hash.ptr, hash.len);
        given.revoked_count = 1;
    }
    return release_accept(&rule, &given, arena, &all, &count, ret_error, e);
}

/* Evidence as a client verifies it, by the public calls. */
static enum selfsame_code
verify(const struct vector *v, struct arena *arena, struct selfsame_err *e)
{
    const char *path = arena_printf(arena, "vectors/%s", vector_need(v, "evidence"));
    const char *policy_text = arena_printf(arena,
        "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"freshness\":{\"nonce\":true},"
        "\"binding\":\"key\",\"insecure\":[\"simulated\"],\"releases\":[%s]}",
        vector_need(v, "policy"));
    struct selfsame_bytes proofs[RELEASE_PROOFS], rest;
    struct selfsame_verifier *verifier = NULL;
    struct selfsame_policy *policy = NULL;
    struct selfsame_request *q = NULL;
    struct selfsame_result *result = NULL;
    struct vector evidence;
    int64_t now_s;

    vector_read(path, arena, &evidence);
    rest = evidence.body;
    assert_code(
        selfsame_policy_parse(bytes_str(policy_text), &policy, e), SELFSAME_OK, e);
    assert_int_equal(selfsame_verifier_new(&verifier, e), SELFSAME_OK);
    assert_int_equal(selfsame_request_new(&q, e), SELFSAME_OK);
    assert_true(time_parse(vector_need(v, "now"), &now_s));
    selfsame_request_set_time(q, now_s * 1000);
    selfsame_request_set_nonce(q, unhex(vector_need(&evidence, "nonce"), arena));
    selfsame_request_expect_report_data(
        q, unhex(vector_need(&evidence, "report-data"), arena));
    for (size_t n = proofs_of(v, arena, proofs), i = 0; i < n; i++)
        selfsame_request_add_release(q, proofs[i]);
    enum selfsame_code code = selfsame_verify(
        verifier, policy, q, vector_base64(&evidence, &rest, arena), &result, e);
    selfsame_result_free(result);
    selfsame_request_free(q);
    selfsame_policy_free(policy);
    selfsame_verifier_free(verifier);
    return code;
}

static void
run_release(const char *path, void *ctx)
{
    static const char *const allowed[] = { "expect", "word", "spec", "note", "now",
        "highest", "highest-index", "revoked", "evidence", "policy" };
    auto_arena arena = arena_new(32 << 20);
    enum release_error word = RELEASE_TRUSTED;
    struct vector_outcome o = { .word = NULL };
    struct selfsame_err e = { 0 };
    struct words *t = ctx;
    struct vector v;

    vector_read(path, &arena, &v);
    vector_allow(&v, allowed, COUNT(allowed));
    enum selfsame_code code = accept(&v, &arena, &word, &e);
    if (code == SELFSAME_OK && vector_get(&v, "evidence") != NULL) {
        code = verify(&v, &arena, &e);
        word = code == SELFSAME_MISMATCH ? RELEASE_MEASUREMENT_MISMATCH : word;
    }
    if (code != SELFSAME_USAGE) {
        o.word = release_error_word(word);
        t->seen[word]++;
    }
    t->wrong += !vector_compare(&v, code, &o, &e);
}

static void
release_vectors_give_the_word_they_expect(void **state)
{
    struct words t = { .wrong = 0 };

    (void)state;
    vector_walk("release", 80, run_release, &t);
    assert_int_equal(t.wrong, 0);
    for (size_t i = 0; i < COUNT(t.seen); i++)
        if (t.seen[i] < 2)
            fail_msg("fewer than two vectors of %s",
                release_error_word((enum release_error)i));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(release_vectors_give_the_word_they_expect),
    };

    return cmocka_run_group_tests_name("vectors_release", tests, NULL, NULL);
}
