/* SPDX-License-Identifier: Apache-2.0 */
#include "ratls.h"

#include "api/api.h"
#include "codec/cmw.h"
#include "tee/simulate.h"

/* Evidence in certificates through the whole pipeline, fed by the simulators. */

static const int64_t now_ms = INT64_C(1780272000) * 1000; /* 2026-06-01T00:00:00Z */

#define POLICY(tee, freshness, binding)                                       \
    "{\"selfsame_policy\":1,\"tee\":{\"" tee "\":{}},\"measurements\":[],"    \
    "\"freshness\":{" freshness "},\"binding\":\"" binding "\",\"insecure\":" \
    "[\"simulated\",\"any-measurement\"]}"
#define ANY_AGE(tee, binding)                                                  \
    "{\"selfsame_policy\":1,\"tee\":{\"" tee "\":{}},\"measurements\":[],"     \
    "\"freshness\":{\"nonce\":true},\"binding\":\"" binding "\",\"insecure\":" \
    "[\"simulated\",\"any-measurement\",\"any-age\"]}"

struct fixture {
    const struct tee_simulator *sim;
    struct sim_pki *pki;
    struct maker m;
    struct selfsame_verifier *v;
    struct selfsame_policy *p;
    struct selfsame_request *q;
};

static void
set_policy(struct fixture *f, const char *policy)
{
    struct selfsame_err e = { 0 };

    selfsame_policy_free(f->p);
    assert_code(selfsame_policy_parse(bytes_str(policy), &f->p, &e), SELFSAME_OK, &e);
}

static void
add_collateral(struct fixture *f)
{
    const struct sim_subject subject = { .defects = 0 };
    struct selfsame_err e = { 0 };
    struct sim_file *files;
    size_t count;

    if (f->sim->collateral == NULL)
        return;
    assert_code(
        f->sim->collateral(f->pki, now_ms, &subject, &f->m.arena, &files, &count, &e),
        SELFSAME_OK, &e);
    for (size_t i = 0; i < count; i++)
        assert_code(selfsame_verifier_add_collateral(f->v, files[i].bytes, &e),
            SELFSAME_OK, &e);
}

static void
start(struct fixture *f, const char *tee, const char *policy)
{
    struct selfsame_err e = { 0 };

    *f = (struct fixture){ .sim = tee_simulator_find(tee) };
    assert_non_null(f->sim);
    maker_start(&f->m, KEY_P256);
    assert_code(f->sim->pki(BYTES_NONE, now_ms, &f->pki, &e), SELFSAME_OK, &e);
    assert_code(selfsame_verifier_new(&f->v, &e), SELFSAME_OK, &e);
    assert_code(selfsame_request_new(&f->q, &e), SELFSAME_OK, &e);
    selfsame_request_set_time(f->q, now_ms);
    set_policy(f, policy);
    add_collateral(f);
}

static void
stop(struct fixture *f)
{
    selfsame_request_free(f->q);
    selfsame_policy_free(f->p);
    selfsame_verifier_free(f->v);
    f->sim->pki_free(f->pki);
    maker_stop(&f->m);
}

static struct tee_collected
quote(struct fixture *f, struct selfsame_bytes report_data)
{
    static const uint8_t register_of[48] = { 0xa0 };
    static const char *const paths[] = { "pcr.0", "pcr.1", "pcr.2" };
    struct claim measured[COUNT(paths)];
    struct sim_quote_request q = { .now_ms = now_ms, .report_data = report_data };

    for (size_t i = 0; i < COUNT(paths); i++)
        measured[i] = (struct claim){
            .path = paths[i], .kind = CLAIM_BYTES, .bytes = BYTES_ARR(register_of)
        };
    if (strcmp(f->sim->name, "nitro") == 0) { /* all zero would be debug mode */
        q.subject.measured = measured;
        q.subject.measured_count = COUNT(paths);
    }
    struct selfsame_err e = { 0 };
    struct tee_collected ret = { .evidence = BYTES_NONE };

    assert_code(f->sim->quote(f->pki, &q, &f->m.arena, &ret, &e), SELFSAME_OK, &e);
    return ret;
}

/* A certificate as `serve --ratls` makes it. */
static struct selfsame_bytes
ours(struct fixture *f, const char *type)
{
    struct cert_extension list[RATLS_EXTENSIONS];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes cmw;
    uint8_t data[64];
    size_t count;

    assert_true(ratls_report_data(type, f->m.spki, data));
    struct tee_collected c = quote(f, BYTES_ARR(data));
    assert_code(cmw_encode_evidence(type, c.evidence, "application/octet-stream",
                    c.endorsement, &f->m.arena, &cmw, &e),
        SELFSAME_OK, &e);
    assert_code(ratls_extensions(cmw, f->m.spki, &f->m.arena, list, &count, &e),
        SELFSAME_OK, &e);
    return maker_cert(&f->m, list, count);
}

/* DICE by hand: `hashed` is what report data is a hash of. */
static struct selfsame_bytes
dice(struct fixture *f, const struct claims_spec *c, const struct claims_spec *hashed)
{
    struct selfsame_bytes claims = maker_claims(&f->m, c);
    struct selfsame_bytes data = maker_sha256_data(&f->m, maker_claims(&f->m, hashed));

    return maker_cert_one(&f->m, RATLS_OID_DICE,
        maker_dice(&f->m, 60000, quote(f, data).evidence, claims));
}

static const struct selfsame_check *
check_of(const struct selfsame_result *r, const char *name)
{
    for (size_t i = 0; i < selfsame_result_check_count(r); i++)
        if (strcmp(selfsame_result_check(r, i)->name, name) == 0)
            return selfsame_result_check(r, i);
    fail_msg("no check %s", name);
    return NULL;
}

/* Judges; the check that tells is `name`, and says `text`. */
static void
expect(struct fixture *f, struct selfsame_bytes der, bool proven,
    enum selfsame_code code, const char *name, const char *text)
{
    struct selfsame_err e = { 0 };
    struct selfsame_result *r = NULL;

    assert_code(
        selfsame_verify_certificate(f->v, f->p, f->q, der, proven, &r, &e), code, &e);
    assert_non_null(r);
    assert_int_equal(selfsame_result_code(r), code);
    if (name != NULL) {
        const struct selfsame_check *k = check_of(r, name);
        if (k->detail == NULL || strstr(k->detail, text) == NULL)
            fail_msg("%s says: %s", name, k->detail);
    }
    selfsame_result_free(r);
}

static const struct {
    const char *tee, *type, *key, *session, *nonce, *young;
} tees[] = {
    { "nitro", "application/vnd.attest.nitro+cbor", ANY_AGE("nitro", "key"),
        ANY_AGE("nitro", "session"), POLICY("nitro", "\"nonce\":true", "key"),
        POLICY("nitro", "\"max_age\":\"5m\"", "key") },
    { "snp", "application/vnd.attest.snp", ANY_AGE("snp", "key"),
        ANY_AGE("snp", "session"), POLICY("snp", "\"nonce\":true", "key"),
        POLICY("snp", "\"max_age\":\"5m\"", "key") },
    { "sgx", "application/vnd.attest.sgx", ANY_AGE("sgx", "key"),
        ANY_AGE("sgx", "session"), POLICY("sgx", "\"nonce\":true", "key"),
        POLICY("sgx", "\"max_age\":\"5m\"", "key") },
    { "tdx", "application/vnd.attest.tdx", ANY_AGE("tdx", "key"),
        ANY_AGE("tdx", "session"), POLICY("tdx", "\"nonce\":true", "key"),
        POLICY("tdx", "\"max_age\":\"5m\"", "key") },
};

static void
our_own_certificates_hold_for_their_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tees); i++) {
        struct fixture f;

        start(&f, tees[i].tee, tees[i].key);
        expect(&f, ours(&f, tees[i].type), false, SELFSAME_OK, "binding",
            "bound to this key alone, not to a session");
        selfsame_request_expect_key(f.q, f.m.spki);
        expect(&f, ours(&f, tees[i].type), true, SELFSAME_OK, NULL, NULL);
        selfsame_request_expect_key(f.q, f.m.other_spki);
        expect(&f, ours(&f, tees[i].type), true, SELFSAME_UNBOUND, "binding",
            "another key than the expected");
        stop(&f);
    }
}

static void
a_policy_that_wants_a_session_is_not_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tees); i++) {
        struct fixture f;

        start(&f, tees[i].tee, tees[i].session);
        expect(&f, ours(&f, tees[i].type), true, SELFSAME_UNBOUND, "binding",
            "a key is all that can be compared here");
        stop(&f);
    }
}

static void
a_policy_that_wants_a_nonce_is_not_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tees); i++) {
        struct fixture f;

        start(&f, tees[i].tee, tees[i].nonce);
        expect(&f, ours(&f, tees[i].type), true, SELFSAME_STALE, "freshness",
            "made before anybody could send one");
        selfsame_request_set_nonce(f.q, BYTES_LIT("0123456789abcdef"));
        expect(&f, ours(&f, tees[i].type), true, SELFSAME_STALE, "freshness", "nonce");
        stop(&f);
    }
}

static void
an_age_is_known_where_the_hardware_signs_the_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(tees); i++) {
        const bool timed = strcmp(tees[i].tee, "nitro") == 0;
        struct fixture f;

        start(&f, tees[i].tee, tees[i].young);
        expect(&f, ours(&f, tees[i].type), true, timed ? SELFSAME_OK : SELFSAME_STALE,
            "freshness", timed ? "young enough" : "no time");
        if (timed) {
            selfsame_request_set_time(f.q, now_ms + 301 * 1000);
            expect(
                &f, ours(&f, tees[i].type), true, SELFSAME_STALE, "freshness", "older");
        }
        stop(&f);
    }
}

/* ---- DICE, by another writer ---- */

static void
a_nonce_in_the_claims_answers_a_challenge(void **state)
{
    (void)state;
    struct fixture f;

    start(&f, "sgx", POLICY("sgx", "\"nonce\":true", "key"));
    const struct claims_spec with = {
        .spki = f.m.spki, .nonce = BYTES_LIT("0123456789abcdef"), .more = true
    };
    struct selfsame_bytes der = dice(&f, &with, &with);
    selfsame_request_set_nonce(f.q, BYTES_LIT("0123456789abcdef"));
    expect(&f, der, true, SELFSAME_OK, "freshness", "hold the nonce");
    /* another challenge: a replay, also where any age would do */
    selfsame_request_set_nonce(f.q, BYTES_LIT("fedcba9876543210"));
    expect(&f, der, true, SELFSAME_STALE, "freshness", "another nonce");
    set_policy(&f, ANY_AGE("sgx", "key"));
    expect(&f, der, true, SELFSAME_STALE, "freshness", "another nonce");
    stop(&f);
}

static void
a_nonce_that_report_data_does_not_cover_is_none(void **state)
{
    (void)state;
    struct fixture f;

    start(&f, "sgx", POLICY("sgx", "\"nonce\":true", "key"));
    const struct claims_spec bare = { .spki = f.m.spki };
    const struct claims_spec with = { .spki = f.m.spki,
        .nonce = BYTES_LIT("0123456789abcdef") };
    selfsame_request_set_nonce(f.q, with.nonce);
    struct selfsame_bytes der = dice(&f, &with, &bare); /* claims added afterwards */
    struct selfsame_err e = { 0 };
    struct selfsame_result *r = NULL;
    assert_code(selfsame_verify_certificate(f.v, f.p, f.q, der, true, &r, &e),
        SELFSAME_UNBOUND, &e);
    selfsame_result_free(r);
    stop(&f);
}

static void
known_mistakes_of_verifiers_are_not_made(void **state)
{
    (void)state;
    struct fixture f;

    start(&f, "sgx", ANY_AGE("sgx", "key"));
    const struct claims_spec own = { .spki = f.m.spki };
    const struct claims_spec foreign = { .spki = f.m.other_spki };
    /* evidence of another key, put into a certificate of mine: replayed */
    expect(&f, dice(&f, &foreign, &foreign), true, SELFSAME_UNBOUND, "binding",
        "another key than the certificate's");
    /* claims about my key beside a quote over others': not hashed */
    expect(&f, dice(&f, &own, &foreign), true, SELFSAME_UNBOUND, "binding",
        "not about the key of the certificate");
    /* no claims at all about a key */
    const struct claims_spec none = { .nonce = BYTES_LIT("0123456789abcdef") };
    expect(
        &f, dice(&f, &none, &none), true, SELFSAME_UNBOUND, "binding", "name no key");
    /* a quote without extension data around it, in Gramine's form: its hash is the key's */
    struct selfsame_bytes legacy =
        quote(&f, maker_sha256_data(&f.m, f.m.spki)).evidence;
    expect(&f, maker_cert_one(&f.m, RATLS_OID_GRAMINE, legacy), false, SELFSAME_OK,
        "binding", "SHA-256 of the certificate's key");
    /* … and in DICE's it is not */
    expect(&f,
        maker_cert_one(&f.m, RATLS_OID_DICE,
            maker_dice(&f.m, 60000, legacy, maker_claims(&f.m, &own))),
        false, SELFSAME_UNBOUND, NULL, NULL);
    /* the right hash, and something behind it in report data */
    struct selfsame_bytes data = maker_sha256_data(&f.m, f.m.spki);
    for (size_t i = 32; i < 64; i += 31) {
        uint8_t dirty[64];
        memcpy(dirty, data.ptr, sizeof(dirty));
        dirty[i] = 1;
        expect(&f,
            maker_cert_one(
                &f.m, RATLS_OID_GRAMINE, quote(&f, BYTES_ARR(dirty)).evidence),
            true, SELFSAME_UNBOUND, NULL, NULL);
    }
    /* two pieces of evidence: which counts? */
    const struct cert_extension one = { .oid = RATLS_OID_GRAMINE, .value = legacy };
    const struct cert_extension twice[] = { one, one };
    expect(&f, maker_cert(&f.m, twice, 2), true, SELFSAME_MALFORMED, NULL, NULL);
    stop(&f);
}

static void
somebody_elses_signature_shows_no_holder(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der;
    struct fixture f;

    start(&f, "sgx", ANY_AGE("sgx", "key"));
    const struct cert_extension x = { .oid = RATLS_OID_GRAMINE,
        .value = quote(&f, maker_sha256_data(&f.m, f.m.spki)).evidence };
    const struct cert_request q = {
        .common_name = "RATLS", .path_len = -1, .extensions = &x, .extension_count = 1
    };
    assert_code(cert_make(&q, f.m.key, BYTES_NONE, f.m.other, &f.m.arena, &der, &e),
        SELFSAME_OK, &e);
    expect(&f, der, false, SELFSAME_UNBOUND, "binding", "not signed by its own key");
    expect(&f, der, true, SELFSAME_OK, NULL, NULL); /* a handshake did show it */
    stop(&f);
}

/* ---- where the policy and the request stand in the way ---- */

static void
evidence_of_a_tee_that_is_not_accepted_is_refused(void **state)
{
    (void)state;
    struct fixture f;

    start(&f, "snp", ANY_AGE("nitro", "key"));
    expect(
        &f, ours(&f, "application/vnd.attest.snp"), true, SELFSAME_DENIED, NULL, NULL);
    expect(&f, maker_cert(&f.m, NULL, 0), true, SELFSAME_UNSUPPORTED, "parse",
        "no extension with evidence");
    expect(&f, BYTES_LIT("0"), true, SELFSAME_MALFORMED, NULL, NULL);
    stop(&f);
}

static void
a_session_or_report_data_cannot_be_expected(void **state)
{
    (void)state;
    static const uint8_t exporter[32] = { 1 };
    struct selfsame_err e = { 0 };
    struct selfsame_result *r = NULL;
    struct fixture f;

    start(&f, "sgx", ANY_AGE("sgx", "key"));
    struct selfsame_bytes der = ours(&f, "application/vnd.attest.sgx");
    selfsame_request_expect_report_data(f.q, BYTES_LIT("01234567"));
    assert_code(selfsame_verify_certificate(f.v, f.p, f.q, der, true, &r, &e),
        SELFSAME_USAGE, &e);
    selfsame_request_expect_report_data(f.q, BYTES_NONE);
    selfsame_request_expect_session(
        f.q, BYTES_LIT("request"), BYTES_ARR(exporter), f.m.spki);
    assert_code(selfsame_verify_certificate(f.v, f.p, f.q, der, true, &r, &e),
        SELFSAME_USAGE, &e);
    assert_null(r);
    stop(&f);
}

/* The quote's collateral in the certificate itself: nothing else is there. */
static void
endorsements_in_the_certificate_are_used(void **state)
{
    (void)state;
    const struct sim_subject subject = { .defects = 0 };
    struct selfsame_err e = { 0 };
    struct sim_file *files;
    struct writer w;
    struct fixture f;
    size_t count, size = 64;

    start(&f, "tdx", ANY_AGE("tdx", "key"));
    selfsame_verifier_free(f.v);
    assert_code(selfsame_verifier_new(&f.v, &e), SELFSAME_OK, &e);
    assert_code(
        f.sim->collateral(f.pki, now_ms, &subject, &f.m.arena, &files, &count, &e),
        SELFSAME_OK, &e);
    for (size_t i = 0; i < count; i++)
        size += files[i].bytes.len + 8;
    (void)maker_room(&f.m, &w, size);
    cbor_put_tag(&w, 60000);
    cbor_put_array(&w, count + 1);
    cbor_put_uint(&w, 1);
    for (size_t i = 0; i < count; i++)
        cbor_put_bytes(&w, files[i].bytes);
    const struct claims_spec own = { .spki = f.m.spki };
    struct selfsame_bytes claims = maker_claims(&f.m, &own);
    const struct cert_extension list[] = {
        { .oid = RATLS_OID_DICE,
            .value = maker_dice(&f.m, 60000,
                quote(&f, maker_sha256_data(&f.m, claims)).evidence, claims) },
        { .oid = RATLS_OID_ENDORSEMENTS, .value = writer_bytes(&w) },
    };
    expect(&f, maker_cert(&f.m, list, 1), false, SELFSAME_REVOKED, NULL, NULL);
    expect(&f, maker_cert(&f.m, list, 2), false, SELFSAME_OK, NULL, NULL);
    stop(&f);
}

/* ---- sweeps ---- */

/* With a handshake's proof, so that the certificate's own signature hides nothing. */
static void
no_changed_certificate_is_accepted(void **state)
{
    (void)state;
    struct fixture f;
    size_t other = 0;

    start(&f, "sgx", ANY_AGE("sgx", "key"));
    struct selfsame_bytes good = ours(&f, "application/vnd.attest.sgx");
    uint8_t *copy = arena_alloc(&f.m.arena, 1, good.len + 1);
    assert_non_null(copy);
    memcpy(copy, good.ptr, good.len);
    for (size_t bit = 0; bit < 8 * good.len; bit += 7) {
        struct selfsame_err e = { 0 };
        struct selfsame_result *r = NULL;

        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum selfsame_code code = selfsame_verify_certificate(
            f.v, f.p, f.q, BYTES(copy, good.len), false, &r, &e);
        assert_int_not_equal(code, SELFSAME_OK);
        assert_non_null(r);
        other += code != SELFSAME_UNBOUND;
        selfsame_result_free(r);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(other > 100); /* more than the certificate's own signature refuses */
    stop(&f);
}

static void
each_allocation_that_fails_is_told(void **state)
{
    (void)state;
    struct fixture f;
    bool done = false;

    start(&f, "nitro", ANY_AGE("nitro", "key"));
    struct selfsame_bytes der = ours(&f, "application/vnd.attest.nitro+cbor");
    for (long n = 1; !done; n++) {
        struct selfsame_err e = { 0 };
        struct selfsame_result *r = NULL;

        enum selfsame_code code = verify_certificate_within(
            f.v, f.p, f.q, der, false, n, &r, &e);
        done = code == SELFSAME_OK;
        assert_true(done || (code == SELFSAME_NOMEM && r == NULL));
        selfsame_result_free(r);
        assert_true(n < 1000);
    }
    stop(&f);
}

/* ---- real ones ---- */

#define GRAMINE "\"0866e7ca11b9f4efe4bf39b2607f4e1299f111920d96d95719080f01b62b7585\""
static const char gramine_policy[] =
    "{\"selfsame_policy\":1,\"tee\":{\"sgx\":{}},\"measurements\":[{\"tee\":\"sgx\","
    "\"mrenclave\":[" GRAMINE "]}],\"freshness\":{\"nonce\":true},\"binding\":\"key\","
    "\"insecure\":[\"any-age\",\"debug\",\"any-tcb\",\"no-revocation\"]}";

static struct selfsame_bytes
shared_cert(struct fixture *f, const char *path)
{
    struct selfsame_bytes der = shared_file(path, &f->m.arena), rest = der;
    struct selfsame_err e = { 0 };

    assert_non_null(der.ptr);
    if (bytes_has_prefix(der, BYTES_LIT("-----BEGIN ")))
        assert_code(
            pem_next(&rest, "CERTIFICATE", &f->m.arena, &der, &e), SELFSAME_OK, &e);
    return der;
}

static void
real_certificates_have_their_verdicts(void **state)
{
    (void)state;
    static const char evervault[] =
        "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}},\"measurements\":[],"
        "\"freshness\":{\"max_age\":\"5m\"},\"binding\":\"key\","
        "\"insecure\":[\"debug\",\"any-measurement\"]}";
    struct fixture f;

    need_shared();
    start(&f, "sgx", gramine_policy);
    selfsame_request_set_as_of(f.q, INT64_C(1685577600) * 1000);
    expect(&f,
        shared_cert(
            &f, "vectors/ra-tls/CCC-Attestation+interoperable-ra-tls/gramine-cert.pem"),
        false, SELFSAME_OK, "binding", "hash of the claims");
    expect(&f, shared_cert(&f, "specs/samples/software/rats-tls-cert.pem"), false,
        SELFSAME_MISMATCH, "binding", "hash of the claims");
    /* its PCK certificate was changed */
    expect(&f,
        shared_cert(&f, "vectors/ra-tls/openenclave+openenclave/sgx_cert_ec_bad.der"),
        true, SELFSAME_BAD_CHAIN, "binding", "as PEM");
    set_policy(&f, evervault);
    selfsame_request_set_as_of(f.q, INT64_C(1674054632) * 1000);
    struct selfsame_bytes der = shared_cert(&f,
        "vectors/ra-tls/evervault+attestation-doc-validation/"
        "debug-mode-cert-containing-attestation-doc-18-1-23.pem");
    expect(&f, der, true, SELFSAME_OK, "binding", "user_data is the certificate's key");
    expect(&f, der, false, SELFSAME_UNBOUND, "binding", "not signed by its own key");
    stop(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_certificates_hold_for_their_key),
        cmocka_unit_test(a_policy_that_wants_a_session_is_not_met),
        cmocka_unit_test(a_policy_that_wants_a_nonce_is_not_met),
        cmocka_unit_test(an_age_is_known_where_the_hardware_signs_the_time),
        cmocka_unit_test(a_nonce_in_the_claims_answers_a_challenge),
        cmocka_unit_test(a_nonce_that_report_data_does_not_cover_is_none),
        cmocka_unit_test(known_mistakes_of_verifiers_are_not_made),
        cmocka_unit_test(somebody_elses_signature_shows_no_holder),
        cmocka_unit_test(evidence_of_a_tee_that_is_not_accepted_is_refused),
        cmocka_unit_test(a_session_or_report_data_cannot_be_expected),
        cmocka_unit_test(endorsements_in_the_certificate_are_used),
        cmocka_unit_test(no_changed_certificate_is_accepted),
        cmocka_unit_test(each_allocation_that_fails_is_told),
        cmocka_unit_test(real_certificates_have_their_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
