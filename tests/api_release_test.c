/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence judged by what releases of a log promise, through the public calls. */
#include "tee_nitro.h"

#include "accept_world.h"
#include "api/api.h"
#include "codec/json.h"
#include "tee/simulate.h"

#define NONCE BYTES_LIT("0123456789abcdef")
#define SPKI BYTES_LIT("the DER of a public key")

/* A machine, the release that promises its registers, and a client of both. */
struct fixture {
    struct machine machine;
    struct world *w;
    struct selfsame_verifier *v;
    struct selfsame_policy *p;
    struct selfsame_request *q;
    struct arena arena;
    struct selfsame_bytes evidence;
    const char *statement;
};

static const char *
hex_of_register(struct fixture *f, size_t i)
{
    const char *hex = hex_dup(&f->arena, BYTES_ARR(f->machine.pcr[i]));

    assert_non_null(hex);
    return hex;
}

/* `first`: in place of PCR0, or NULL. */
static const char *
release_of(struct fixture *f, unsigned sequence, const char *first)
{
    const char *item = arena_printf(&f->arena,
        "{\"alg\":\"sha384\",\"artifact\":\"image.eif\",\"pcr\":{\"0\":[\"%s\"],\"1\":["
        "\"%s\"],"
        "\"2\":[\"%s\"]},\"require\":{\"debug\":false},\"tee\":\"aws-nitro\"}",
        first != NULL ? first : hex_of_register(f, 0), hex_of_register(f, 1),
        hex_of_register(f, 2));

    return world_release(f->w, &(struct world_release){ .measurements = item,
                                   .sequence = sequence,
                                   .from = "2026-05-01T00:00:00Z",
                                   .to = "2026-12-01T00:00:00Z" });
}

static struct selfsame_bytes
proof_at(struct fixture *f, size_t index)
{
    const int64_t times[] = { test_now_s, test_now_s, test_now_s };

    return world_proof_of(f->w, index, world_checkpoint(f->w, f->w->log, 7, times));
}

static void
quote(struct fixture *f)
{
    struct selfsame_err e = { 0 };
    struct tee_collected doc = { .evidence = BYTES_NONE };
    struct binder b;
    uint8_t data[64];
    const struct sim_quote_request q = {
        .now_ms = test_now_s * 1000,
        .subject.measured = f->machine.measured,
        .subject.measured_count = COUNT(f->machine.measured),
        .nonce = NONCE,
        .report_data = BYTES_ARR(data),
    };

    assert_true(binder_http(&b, NONCE, SPKI));
    assert_true(binder64(&b, data));
    assert_code(nitro_simulator.quote(f->machine.pki, &q, &f->arena, &doc, &e),
        SELFSAME_OK, &e);
    f->evidence = doc.evidence;
}

static const char *
policy_text(struct fixture *f, const char *more)
{
    char key[BASE64_SIZE(64)];

    assert_true(f->w->publisher_spki.len <= 64);
    (void)base64_encode(f->w->publisher_spki, false, key);
    const char *text = arena_printf(&f->arena,
        "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"freshness\":{\"nonce\":true},"
        "\"binding\":\"key\",\"insecure\":[\"simulated\"],\"releases\":[{\"name\":"
        "\"hello\","
        "\"publisher\":\"%s\",\"trust\":\"trust.txt\"%s}]}",
        key, more);
    assert_non_null(text);
    return text;
}

static void
open_with(struct fixture *f, const char *more)
{
    struct selfsame_err e = { 0 };

    *f = (struct fixture){ .arena = arena_new(16 << 20), .w = world_new() };
    machine_start(&f->machine);
    quote(f);
    f->statement = release_of(f, 17, NULL);
    (void)world_publish(f->w, f->statement, f->w->publisher);
    assert_code(selfsame_verifier_new(&f->v, &e), SELFSAME_OK, &e);
    assert_code(selfsame_policy_parse(bytes_str(policy_text(f, more)), &f->p, &e),
        SELFSAME_OK, &e);
    assert_code(selfsame_request_new(&f->q, &e), SELFSAME_OK, &e);
    selfsame_request_set_time(f->q, test_now_s * 1000);
    selfsame_request_set_nonce(f->q, NONCE);
    selfsame_request_expect_key(f->q, SPKI);
}

static void
give_trust(struct fixture *f)
{
    struct selfsame_err e = { 0 };

    assert_code(
        selfsame_policy_give_file(f->p, "trust.txt", bytes_str(f->w->trust_text), &e),
        SELFSAME_OK, &e);
}

static void
close_all(struct fixture *f)
{
    selfsame_request_free(f->q);
    selfsame_policy_free(f->p);
    selfsame_verifier_free(f->v);
    machine_stop(&f->machine);
    world_free(f->w);
    arena_free(&f->arena);
}

static struct selfsame_result *
judge(struct fixture *f, enum selfsame_code want)
{
    struct selfsame_err e = { 0 };
    struct selfsame_result *r = NULL;

    assert_code(selfsame_verify(f->v, f->p, f->q, f->evidence, &r, &e), want, &e);
    return r;
}

static const char *
outcome(const struct selfsame_result *r, enum check_name name)
{
    return selfsame_result_check(r, name)->outcome;
}

static void
a_release_stands_for_its_measurements(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };
    char *text = NULL;

    open_with(&f, "");
    give_trust(&f);
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    struct selfsame_result *r = judge(&f, SELFSAME_OK);
    const struct selfsame_release *release = selfsame_result_release(r);
    assert_non_null(release);
    assert_string_equal(release->name, "hello");
    assert_string_equal(release->version, "1.4.2");
    assert_int_equal(release->sequence, 17);
    assert_string_equal(release->statement, world_sha256(f.w, f.statement));
    assert_string_equal(outcome(r, CHECK_RELEASE), "pass");
    assert_string_equal(outcome(r, CHECK_LOG_PROOF), "pass");
    assert_string_equal(outcome(r, CHECK_MEASUREMENT), "pass");
    assert_code(selfsame_result_json(r, &text, &e), SELFSAME_OK, &e);
    assert_non_null(strstr(text, "\"identity\":{\"release\":\"hello\","));
    selfsame_free(text);
    selfsame_result_free(r);
    close_all(&f);
}

static void
without_a_proof_nothing_is_compared(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    give_trust(&f);
    struct selfsame_result *r = judge(&f, SELFSAME_LOG);
    assert_null(selfsame_result_release(r));
    assert_string_equal(outcome(r, CHECK_MEASUREMENT), "skipped");
    assert_string_equal(outcome(r, CHECK_RELEASE), "skipped");
    assert_string_equal(outcome(r, CHECK_LOG_PROOF), "fail");
    assert_string_equal(
        selfsame_result_check(r, CHECK_LOG_PROOF)->got, "PROOF_MISSING");
    selfsame_result_free(r);
    close_all(&f);
}

/* The insecure word for measurements gives up the comparison, not the release. */
static void
any_measurement_is_not_any_release(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    give_trust(&f);
    selfsame_policy_insecure_any_measurement(f.p);
    selfsame_result_free(judge(&f, SELFSAME_LOG));
    close_all(&f);
}

static void
another_build_is_a_mismatch(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    give_trust(&f);
    size_t i = world_publish(f.w, release_of(&f, 18, WORLD_PCR0), f.w->publisher);
    selfsame_request_add_release(f.q, proof_at(&f, i));
    struct selfsame_result *r = judge(&f, SELFSAME_MISMATCH);
    assert_null(selfsame_result_release(r));
    assert_string_equal(outcome(r, CHECK_RELEASE), "na");
    selfsame_result_free(r);
    /* The one that fits is found beside it, and named. */
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    r = judge(&f, SELFSAME_OK);
    assert_int_equal(selfsame_result_release(r)->sequence, 17);
    selfsame_result_free(r);
    close_all(&f);
}

static void
a_later_release_was_seen(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    give_trust(&f);
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    selfsame_request_set_highest_sequence(f.q, "other", 99);
    selfsame_request_set_highest_sequence(f.q, "hello", 17);
    selfsame_result_free(judge(&f, SELFSAME_OK));
    selfsame_request_set_highest_sequence(f.q, "hello", 18);
    selfsame_request_set_highest_sequence(f.q, "hello", 2); /* takes nothing back */
    selfsame_result_free(judge(&f, SELFSAME_STALE));
    close_all(&f);
}

static char *
remember(struct selfsame_result *r, const char *memory, enum selfsame_code want)
{
    struct selfsame_err e = { 0 };
    char *text = NULL;

    assert_code(selfsame_result_remember(r, bytes_str(memory), &text, &e), want, &e);
    return text;
}

static void
what_was_accepted_is_remembered(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    give_trust(&f);
    size_t next = world_publish(f.w, release_of(&f, 18, NULL), f.w->publisher);
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    struct selfsame_result *old = judge(&f, SELFSAME_OK);
    char *first = remember(old, "", SELFSAME_OK);
    assert_non_null(strstr(first, "\"sequence\": 17"));
    char *again = remember(old, first, SELFSAME_OK);
    assert_null(again); /* nothing new */
    /* Somebody else accepts the next one before the first result is used. */
    selfsame_request_add_release(f.q, proof_at(&f, next));
    struct selfsame_result *new = judge(&f, SELFSAME_OK);
    assert_int_equal(selfsame_result_release(new)->sequence, 18);
    char *second = remember(new, first, SELFSAME_OK);
    assert_non_null(strstr(second, "\"sequence\": 18"));
    again = remember(old, second, SELFSAME_STALE);
    assert_null(again);
    assert_int_equal(selfsame_result_code(old), SELFSAME_STALE);
    assert_null(selfsame_result_release(old));
    assert_string_equal(selfsame_result_check(old, CHECK_RELEASE)->got, "ROLLBACK");
    selfsame_result_free(old);
    selfsame_result_free(new);
    selfsame_free(first);
    selfsame_free(second);
    close_all(&f);
}

static void
a_later_request_knows_what_was_remembered(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };
    struct selfsame_result *r = NULL;

    open_with(&f, "");
    give_trust(&f);
    size_t next = world_publish(f.w, release_of(&f, 18, NULL), f.w->publisher);
    selfsame_request_add_release(f.q, proof_at(&f, next));
    r = judge(&f, SELFSAME_OK);
    char *memory = remember(r, "", SELFSAME_OK);
    selfsame_result_free(r);
    selfsame_request_free(f.q);
    assert_code(selfsame_request_new(&f.q, &e), SELFSAME_OK, &e);
    selfsame_request_set_time(f.q, test_now_s * 1000);
    selfsame_request_set_nonce(f.q, NONCE);
    selfsame_request_expect_key(f.q, SPKI);
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    selfsame_request_set_memory(f.q, bytes_str(memory));
    selfsame_result_free(judge(&f, SELFSAME_STALE));
    selfsame_free(memory);
    /* Damaged, it is not "nothing". */
    static const char *const damaged[] = { "{", "[]",
        "{\"selfsame_memory\":2,\"releases\":[]}", "{\"selfsame_memory\":1}",
        "{\"selfsame_memory\":1,\"releases\":[{}]}",
        "{\"selfsame_memory\":1,\"releases\":[{\"name\":\"hello\",\"trust\":"
        "\"0123456789abcdef\",\"sequence\":\"7\",\"index\":0,\"revoked\":[]}]}",
        "{\"selfsame_memory\":1,\"releases\":[{\"name\":\"hello\",\"trust\":"
        "\"0123456789abcdef\",\"sequence\":7,\"index\":0,\"revoked\":[\"00\"]}]}" };
    for (size_t i = 0; i < COUNT(damaged); i++) {
        selfsame_request_set_memory(f.q, bytes_str(damaged[i]));
        assert_null(judge(&f, SELFSAME_MALFORMED));
    }
    close_all(&f);
}

static void
what_an_index_revoked_stays_revoked(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    give_trust(&f);
    const char *revoked = arena_printf(&f.arena,
        "{\"reason\":\"leaked\",\"sha256\":\"%s\",\"since\":\"2023-11-15T00:00:00Z\"}",
        world_sha256(f.w, f.statement));
    size_t index = world_publish(f.w, world_index(f.w, 4, "", revoked), f.w->publisher);
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    struct selfsame_result *early = judge(&f, SELFSAME_OK);
    selfsame_request_add_release(f.q, proof_at(&f, index));
    struct selfsame_result *r = judge(&f, SELFSAME_REVOKED);
    assert_string_equal(outcome(r, CHECK_MEASUREMENT), "pass");
    assert_string_equal(outcome(r, CHECK_LOG_PROOF), "pass");
    char *memory = remember(r, "", SELFSAME_OK); /* also of a refusal */
    assert_non_null(strstr(memory, world_sha256(f.w, f.statement)));
    assert_null(remember(early, memory, SELFSAME_REVOKED));
    assert_int_equal(selfsame_result_code(early), SELFSAME_REVOKED);
    selfsame_result_free(early);
    selfsame_result_free(r);
    selfsame_free(memory);
    close_all(&f);
}

/* The word of the release that the evidence is of, whatever other release holds. */
static void
a_refused_release_says_why_beside_a_good_one(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, ",\"min_sequence\":18");
    give_trust(&f);
    size_t other = world_publish(f.w, release_of(&f, 18, WORLD_PCR0), f.w->publisher);
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    selfsame_request_add_release(f.q, proof_at(&f, other));
    struct selfsame_result *r = judge(&f, SELFSAME_STALE);
    assert_string_equal(selfsame_result_check(r, CHECK_RELEASE)->got, "ROLLBACK");
    assert_string_equal(outcome(r, CHECK_MEASUREMENT), "pass");
    assert_non_null(
        strstr(selfsame_result_check(r, CHECK_LOG_PROOF)->got, "entry 0 of 2"));
    selfsame_result_free(r);
    close_all(&f);
}

/* ---- Sigstore: vectors/sigstore/108-release.vec is a release of this very machine ---- */

#define SIGNER \
    "https://github.com/example/hello/.github/workflows/release.yml@refs/tags/"
#define TOKENS "https://token.actions.githubusercontent.com"

/* `log`: also by the log's proof, with the members that follow. */
static void
open_sigstore(struct fixture *f, const char *identity, const char *log)
{
    struct selfsame_err e = { 0 };
    const char *more = arena_printf(&f->arena,
        "%s,\"sigstore\":{\"identity\":\"%s\",\"issuer\":\"" TOKENS
        "\",\"trusted_root\":\"root.json\"}",
        log != NULL ? log : "", identity);
    const char *text = log != NULL
                           ? policy_text(f, more)
                           : arena_printf(&f->arena,
                                 "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},"
                                 "\"freshness\":{\"nonce\":true},\"binding\":\"key\","
                                 "\"insecure\":[\"simulated\"],\"releases\":[{"
                                 "\"name\":\"hello\"%s}]}",
                                 more);

    selfsame_policy_free(f->p);
    assert_code(selfsame_policy_parse(bytes_str(text), &f->p, &e), SELFSAME_OK, &e);
    assert_code(selfsame_policy_give_file(f->p, "root.json",
                    test_file("vectors/sigstore/usual.root.json", &f->arena), &e),
        SELFSAME_OK, &e);
}

/* What stands behind the header of the vector. */
static struct selfsame_bytes
bundle(struct fixture *f)
{
    struct selfsame_bytes b = test_file("vectors/sigstore/108-release.vec", &f->arena);

    while (b.len > 1 && !(b.ptr[0] == '\n' && b.ptr[1] == '\n'))
        b = BYTES(b.ptr + 1, b.len - 1);
    return BYTES(b.ptr + 2, b.len - 3); /* and its last newline */
}

static void
a_bundle_of_sigstore_stands_for_a_release(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    open_sigstore(&f, SIGNER "*", NULL);
    selfsame_request_add_release(f.q, bundle(&f));
    struct selfsame_result *r = judge(&f, SELFSAME_OK);
    assert_string_equal(selfsame_result_release(r)->version, "1.4.2");
    assert_non_null(
        strstr(selfsame_result_check(r, CHECK_RELEASE)->detail, "signed as " SIGNER));
    char *memory = remember(r, "", SELFSAME_OK);
    assert_non_null(strstr(memory, "\"sequence\": 17"));
    selfsame_free(memory);
    selfsame_result_free(r);
    selfsame_request_set_highest_sequence(f.q, "hello", 18);
    selfsame_result_free(judge(&f, SELFSAME_STALE));
    close_all(&f);
}

static void
a_bundle_of_somebody_else_stands_for_nothing(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    open_sigstore(&f, SIGNER "v2*", NULL);
    selfsame_request_add_release(f.q, bundle(&f));
    struct selfsame_result *r = judge(&f, SELFSAME_LOG);
    assert_string_equal(selfsame_result_check(r, CHECK_RELEASE)->got, "PUBLISHER_SIG");
    assert_non_null(
        strstr(selfsame_result_check(r, CHECK_RELEASE)->detail, "expected"));
    selfsame_result_free(r);
    /* The proof of a log is none for a policy of Sigstore alone, nor the other way. */
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    selfsame_result_free(judge(&f, SELFSAME_LOG));
    close_all(&f);
}

static void
a_revocation_holds_for_bundles_too(void **state)
{
    (void)state;
    struct fixture f;
    uint8_t digest[HASH_MAX];
    auto_json *j = NULL;
    struct selfsame_err e = { 0 };
    uint8_t payload[8192];
    size_t len = 0;

    open_with(&f, "");
    open_sigstore(&f, SIGNER "*", "");
    give_trust(&f);
    selfsame_request_add_release(f.q, bundle(&f));
    selfsame_result_free(judge(&f, SELFSAME_OK));
    assert_code(json_parse(bundle(&f), "bundle", &j, &e), SELFSAME_OK, &e);
    const char *text = json_string_value(
        json_object_get(json_object_get(j, "dsseEnvelope"), "payload"));
    assert_true(
        base64_decode(text, strlen(text), false, payload, sizeof(payload), &len));
    assert_true(hash_bytes(HASH_SHA256, BYTES(payload, len), digest));
    const char *revoked = arena_printf(&f.arena,
        "{\"reason\":\"r\",\"sha256\":\"%s\",\"since\":\"2023-11-15T00:00:00Z\"}",
        hex_dup(&f.arena, BYTES(digest, 32)));
    size_t index = world_publish(f.w, world_index(f.w, 1, "", revoked), f.w->publisher);
    selfsame_request_add_release(f.q, proof_at(&f, index));
    selfsame_result_free(judge(&f, SELFSAME_REVOKED));
    close_all(&f);
}

static void
a_file_that_was_not_given_is_a_mistake(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };

    open_with(&f, "");
    assert_string_equal(selfsame_policy_file_wanted(f.p, 0), "trust.txt");
    assert_null(selfsame_policy_file_wanted(f.p, 1));
    assert_null(judge(&f, SELFSAME_USAGE));
    assert_code(selfsame_policy_give_file(f.p, "trust.txt", BYTES_LIT("log x\n"), &e),
        SELFSAME_USAGE, &e);
    give_trust(&f);
    assert_null(selfsame_policy_file_wanted(f.p, 0));
    close_all(&f);
}

static void
too_much_is_refused(void **state)
{
    (void)state;
    struct fixture f;

    open_with(&f, "");
    give_trust(&f);
    for (size_t i = 0; i < API_RELEASES; i++)
        selfsame_request_add_release(f.q, BYTES_LIT("no proof"));
    selfsame_result_free(judge(&f, SELFSAME_MALFORMED));
    selfsame_request_add_release(f.q, BYTES_LIT("one more"));
    assert_null(judge(&f, SELFSAME_USAGE));
    close_all(&f);
}

static void
measurements_beside_releases_need_none(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };

    open_with(&f, "");
    give_trust(&f);
    const char *entry = arena_printf(&f.arena,
        "{\"tee\":\"nitro\",\"pcr\":{\"0\":\"%s\",\"1\":\"%s\",\"2\":\"%s\"}}",
        hex_of_register(&f, 0), hex_of_register(&f, 1), hex_of_register(&f, 2));
    assert_code(
        selfsame_policy_add_measurements(f.p, bytes_str(entry), &e), SELFSAME_OK, &e);
    struct selfsame_result *r = judge(&f, SELFSAME_OK);
    assert_null(selfsame_result_release(r));
    assert_string_equal(outcome(r, CHECK_RELEASE), "na");
    assert_string_equal(outcome(r, CHECK_LOG_PROOF), "na");
    selfsame_result_free(r);
    close_all(&f);
}

static void
every_allocation_may_fail(void **state)
{
    (void)state;
    struct fixture f;
    bool accepted = false;

    open_with(&f, "");
    give_trust(&f);
    selfsame_request_add_release(f.q, proof_at(&f, 0));
    for (long at = 1; !accepted; at++) {
        struct selfsame_err e = { 0 };
        struct selfsame_result *r = NULL;
        enum selfsame_code code = verify_within(f.v, f.p, f.q, f.evidence, at, &r, &e);

        assert_true(at < 2000);
        accepted = code == SELFSAME_OK;
        if (!accepted && code != SELFSAME_NOMEM)
            fail_msg("allocation %ld: %s", at, selfsame_code_name(code));
        selfsame_result_free(r);
    }
    close_all(&f);
}

static void
one_entry_of_any_log(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };
    struct selfsame_log_entry entry = { .index = 7 };

    open_with(&f, "");
    struct selfsame_bytes proof = proof_at(&f, 0);
    assert_code(selfsame_log_verify_proof(bytes_str(f.w->trust_text), proof,
                    BYTES_LIT("another"), &entry, &e),
        SELFSAME_LOG, &e);
    assert_int_equal(entry.index, 7); /* untouched */
    assert_code(selfsame_log_verify_proof(
                    bytes_str(f.w->trust_text), proof, f.w->entry[0], &entry, &e),
        SELFSAME_OK, &e);
    assert_string_equal(entry.origin, "log.example/releases");
    assert_int_equal(entry.index, 0);
    assert_int_equal(entry.size, 1);
    assert_int_equal(entry.witnesses, 3);
    close_all(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_stands_for_its_measurements),
        cmocka_unit_test(without_a_proof_nothing_is_compared),
        cmocka_unit_test(any_measurement_is_not_any_release),
        cmocka_unit_test(another_build_is_a_mismatch),
        cmocka_unit_test(a_later_release_was_seen),
        cmocka_unit_test(what_was_accepted_is_remembered),
        cmocka_unit_test(a_later_request_knows_what_was_remembered),
        cmocka_unit_test(what_an_index_revoked_stays_revoked),
        cmocka_unit_test(a_refused_release_says_why_beside_a_good_one),
        cmocka_unit_test(a_bundle_of_sigstore_stands_for_a_release),
        cmocka_unit_test(a_bundle_of_somebody_else_stands_for_nothing),
        cmocka_unit_test(a_revocation_holds_for_bundles_too),
        cmocka_unit_test(a_file_that_was_not_given_is_a_mistake),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(measurements_beside_releases_need_none),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(one_entry_of_any_log),
    };

    return cmocka_run_group_tests_name("api/releases", tests, NULL, NULL);
}
