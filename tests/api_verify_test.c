/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_nitro.h"

#include "api/api.h"
#include "codec/cmw.h"
#include "codec/json.h"
#include "codec/pem.h"
#include "tee/shared/dcap.h"
#include "tee/simulate.h"
#include "tee/snp/snp.h"

#include <pthread.h>

/* The whole pipeline through the public calls, fed by the simulator. */

#define NONCE BYTES_LIT("0123456789abcdef")
#define SPKI BYTES_LIT("the DER of a public key")
#define REQUEST BYTES_LIT("attest request with 0123456789abcdef in it")
#define TYPE "application/vnd.attest.nitro+cbor"

static const uint8_t exporter[32] = { 1, 2, 3 };

#define PCRS                                         \
    "\"measurements\":[{\"tee\":\"nitro\",\"pcr\":{" \
    "\"0\":\"" A48 "\",\"1\":\"" B48 "\",\"2\":\"" C48 "\"}}]"
#define EIGHT(x) x x x x x x x x
#define A48 EIGHT("a0a0a0a0a0a0")
#define B48 EIGHT("a1a1a1a1a1a1")
#define C48 EIGHT("a2a2a2a2a2a2")
#define POLICY(binding, insecure)                                  \
    "{\"selfsame_policy\":1,\"tee\":{\"nitro\":{}}," PCRS          \
    ",\"freshness\":{\"nonce\":true},\"binding\":\"" binding "\"," \
    "\"insecure\":[" insecure "]}"

struct fixture {
    struct machine machine;
    struct selfsame_verifier *v;
    struct selfsame_policy *p;
    struct selfsame_request *q;
    struct arena arena;
};

static void
fixture_open(struct fixture *f, const char *policy)
{
    struct selfsame_err e = { 0 };

    *f = (struct fixture){ .arena = arena_new(4 << 20) };
    machine_start(&f->machine);
    assert_code(selfsame_verifier_new(&f->v, &e), SELFSAME_OK, &e);
    assert_code(selfsame_policy_parse(bytes_str(policy), &f->p, &e), SELFSAME_OK, &e);
    assert_code(selfsame_request_new(&f->q, &e), SELFSAME_OK, &e);
    selfsame_request_set_time(f->q, test_now_s * 1000);
    selfsame_request_set_nonce(f->q, NONCE);
}

static void
fixture_close(struct fixture *f)
{
    selfsame_request_free(f->q);
    selfsame_policy_free(f->p);
    selfsame_verifier_free(f->v);
    machine_stop(&f->machine);
    arena_free(&f->arena);
}

/* As selfsame_attest_key would have it collected. */
static struct selfsame_bytes
quote_by(
    struct fixture *f, struct sim_pki *pki, const struct binder *b, uint64_t defects)
{
    struct selfsame_err e = { 0 };
    struct tee_collected doc = { .evidence = BYTES_NONE };
    uint8_t data[64];
    struct sim_quote_request q = {
        .now_ms = test_now_s * 1000,
        .subject.defects = defects,
        .subject.measured = f->machine.measured,
        .subject.measured_count = COUNT(f->machine.measured),
        .nonce = NONCE,
        .report_data = BYTES_ARR(data),
    };

    assert_true(binder64(b, data));
    assert_code(nitro_simulator.quote(pki, &q, &f->arena, &doc, &e), SELFSAME_OK, &e);
    return doc.evidence;
}

static struct selfsame_bytes
quote_key(struct fixture *f, uint64_t defects)
{
    struct binder b;

    assert_true(binder_http(&b, NONCE, SPKI));
    return quote_by(f, f->machine.pki, &b, defects);
}

static struct selfsame_bytes
quote_session(struct fixture *f)
{
    struct binder b;

    assert_true(binder_session(&b, BINDER_SERVER, REQUEST, BYTES_ARR(exporter), SPKI));
    return quote_by(f, f->machine.pki, &b, 0);
}

/* The first check that failed gives the class; only those that failed have one. */
static void
assert_classes(const struct selfsame_result *r)
{
    const char *first = NULL;

    for (size_t i = 0; i < selfsame_result_check_count(r); i++) {
        const struct selfsame_check *k = selfsame_result_check(r, i);

        assert_int_equal(k->error_class != NULL, strcmp(k->outcome, "fail") == 0);
        if (first == NULL)
            first = k->error_class;
    }
    assert_string_equal(
        first != NULL ? first : "ok", selfsame_code_name(selfsame_result_code(r)));
}

/* Verifies, asserts class and status ("" for no result at all), keeps *ret if wanted. */
static void
expect(struct fixture *f, struct selfsame_bytes evidence, enum selfsame_code code,
    const char *status, struct selfsame_result **ret)
{
    struct selfsame_err e = { 0 };
    struct selfsame_result *r = NULL;

    assert_code(selfsame_verify(f->v, f->p, f->q, evidence, &r, &e), code, &e);
    assert_int_equal(e.code, code);
    if (*status == '\0') {
        assert_null(r);
        return;
    }
    assert_non_null(r);
    assert_int_equal(selfsame_result_code(r), code);
    assert_string_equal(selfsame_result_status(r), status);
    assert_classes(r);
    if (ret != NULL)
        *ret = r;
    else
        selfsame_result_free(r);
}

static void
key_evidence_is_accepted_and_printed(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_result *r;
    struct selfsame_err e = { 0 };
    char *text;

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    uint8_t *copy = malloc(8192);
    struct selfsame_bytes doc = quote_key(&f, 0);
    assert_non_null(copy);
    assert_true(doc.len <= 8192);
    memcpy(copy, doc.ptr, doc.len);
    expect(&f, BYTES(copy, doc.len), SELFSAME_OK, "warning", &r);
    free(copy); /* the result must not need it */
    assert_int_equal(selfsame_result_check_count(r), CHECK_COUNT);
    for (size_t i = 0; i < CHECK_COUNT; i++)
        assert_true(strcmp(selfsame_result_check(r, i)->outcome, "pass") == 0 ||
                    strcmp(selfsame_result_check(r, i)->outcome, "na") == 0);
    assert_null(selfsame_result_check(r, CHECK_COUNT));
    assert_bytes(selfsame_result_claim(r, "pcr.1"), unhex(B48, &f.arena));
    assert_null(selfsame_result_claim(r, "pcr.99").ptr);
    assert_code(selfsame_result_json(r, &text, &e), SELFSAME_OK, &e);
    assert_non_null(strstr(text, "\"result\":\"ok\""));
    assert_non_null(strstr(text, "\"trust_anchor\":\"pinned\""));
    selfsame_free(text);
    assert_code(selfsame_result_text(r, true, &text, &e), SELFSAME_OK, &e);
    assert_non_null(strstr(text, "ACCEPTED WITH WARNINGS"));
    selfsame_free(text);
    assert_code(selfsame_result_html(r, &text, &e), SELFSAME_OK, &e);
    selfsame_free(text);
    selfsame_result_free(r);
    fixture_close(&f);
}

static void
session_evidence_is_accepted_for_its_session_only(void **state)
{
    (void)state;
    struct fixture f;
    uint8_t other[32] = { 9 };

    fixture_open(&f, POLICY("session", "\"simulated\""));
    selfsame_request_expect_session(f.q, REQUEST, BYTES_ARR(exporter), SPKI);
    expect(&f, quote_session(&f), SELFSAME_OK, "warning", NULL);
    expect(&f, quote_key(&f, 0), SELFSAME_UNBOUND, "contraindicated", NULL);
    selfsame_request_expect_session(f.q, REQUEST, BYTES_ARR(other), SPKI);
    expect(&f, quote_session(&f), SELFSAME_UNBOUND, "contraindicated", NULL);
    selfsame_request_expect_session(
        f.q, REQUEST, BYTES_ARR(exporter), BYTES_LIT("another key"));
    expect(&f, quote_session(&f), SELFSAME_UNBOUND, "contraindicated", NULL);
    fixture_close(&f);
}

static void
a_key_is_not_enough_for_a_session(void **state)
{
    (void)state;
    struct fixture f;

    fixture_open(&f, POLICY("session", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    expect(&f, quote_key(&f, 0), SELFSAME_UNBOUND, "contraindicated", NULL);
    selfsame_request_expect_key(f.q, BYTES_NONE);
    expect(&f, quote_key(&f, 0), SELFSAME_UNBOUND, "contraindicated", NULL);
    fixture_close(&f);
}

static void
exact_report_data_is_compared(void **state)
{
    (void)state;
    struct fixture f;
    struct binder b;
    uint8_t data[64];

    fixture_open(&f, POLICY("key", "\"simulated\""));
    assert_true(binder_http(&b, NONCE, SPKI) && binder64(&b, data));
    selfsame_request_expect_report_data(f.q, BYTES_ARR(data));
    expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", NULL);
    data[63] ^= 1;
    selfsame_request_expect_report_data(f.q, BYTES_ARR(data));
    expect(&f, quote_key(&f, 0), SELFSAME_UNBOUND, "contraindicated", NULL);
    fixture_close(&f);
}

static void
every_defect_has_its_class(void **state)
{
    (void)state;
    static const struct {
        uint64_t defect;
        enum selfsame_code code;
    } rows[] = {
        { SIM_DEBUG, SELFSAME_DEBUG },
        { SIM_EXPIRED, SELFSAME_BAD_CHAIN },
        { SIM_FUTURE, SELFSAME_BAD_CHAIN },
        { SIM_WRONG_NONCE, SELFSAME_STALE },
        { SIM_NO_NONCE, SELFSAME_STALE },
        { SIM_WRONG_BINDING, SELFSAME_UNBOUND },
        { SIM_BAD_SIGNATURE, SELFSAME_BAD_SIGNATURE },
        { SIM_BAD_CHAIN_SIGNATURE, SELFSAME_BAD_CHAIN },
        { SIM_OTHER_ROOT, SELFSAME_BAD_CHAIN },
        { SIM_TRAILING_BYTE, SELFSAME_MALFORMED },
        { SIM_DUPLICATE_KEY, SELFSAME_MALFORMED },
        { SIM_TRUNCATED, SELFSAME_MALFORMED },
        { SIM_NITROTPM, SELFSAME_UNSUPPORTED },
        { SIM_TAGGED, SELFSAME_OK },
        { SIM_INDEFINITE, SELFSAME_OK },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture f;
        const enum selfsame_code c = rows[i].code;

        fixture_open(&f, POLICY("key", "\"simulated\""));
        selfsame_request_expect_key(f.q, SPKI);
        expect(&f, quote_key(&f, rows[i].defect), c,
            c == SELFSAME_OK                                       ? "warning"
            : c == SELFSAME_MALFORMED || c == SELFSAME_UNSUPPORTED ? "none"
                                                                   : "contraindicated",
            NULL);
        fixture_close(&f);
    }
}

static void
simulated_evidence_is_denied_where_hardware_is_named(void **state)
{
    (void)state;
    struct fixture f;

    fixture_open(&f, POLICY("key", ""));
    selfsame_request_expect_key(f.q, SPKI);
    expect(&f, quote_key(&f, 0), SELFSAME_DENIED, "contraindicated", NULL);
    fixture_close(&f);
}

static void
the_zero_policy_refuses_everything(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };

    fixture_open(&f, POLICY("key", ""));
    selfsame_request_expect_key(f.q, SPKI);
    selfsame_policy_free(f.p);
    assert_code(selfsame_policy_new(&f.p, &e), SELFSAME_OK, &e);
    expect(&f, quote_key(&f, 0), SELFSAME_DENIED, "none", NULL);
    assert_code(selfsame_policy_accept_tee(f.p, "nitro", &e), SELFSAME_OK, &e);
    expect(&f, quote_key(&f, 0), SELFSAME_STALE, "contraindicated", NULL);
    selfsame_policy_require_nonce(f.p);
    expect(&f, quote_key(&f, 0), SELFSAME_UNBOUND, "contraindicated", NULL);
    selfsame_policy_require_key(f.p);
    expect(&f, quote_key(&f, 0), SELFSAME_MISMATCH, "contraindicated", NULL);
    assert_code(selfsame_policy_add_measurements(f.p, BYTES_LIT("{" PCRS "}"), &e),
        SELFSAME_OK, &e);
    expect(&f, quote_key(&f, 0), SELFSAME_DENIED, "contraindicated", NULL);
    selfsame_policy_insecure_simulated(f.p);
    expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", NULL);
    selfsame_policy_require_max_age(f.p, 1000);
    selfsame_request_set_time(f.q, test_now_s * 1000 + 1001);
    expect(&f, quote_key(&f, 0), SELFSAME_STALE, "contraindicated", NULL);
    selfsame_policy_insecure_any_age(f.p);
    expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", NULL);
    fixture_close(&f);
}

/* The command's --max-age beside --policy, say: it may sharpen the file, not blunt it. */
static void
a_later_demand_takes_back_none(void **state)
{
    (void)state;
    struct fixture f;

    fixture_open(&f, POLICY("session", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    selfsame_policy_require_key(f.p);
    expect(&f, quote_key(&f, 0), SELFSAME_UNBOUND, "contraindicated", NULL);
    fixture_close(&f);

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    selfsame_request_set_time(f.q, test_now_s * 1000 + 1500);
    selfsame_policy_require_max_age(f.p, 2000);
    expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", NULL);
    selfsame_policy_require_max_age(f.p, 1000);
    selfsame_policy_require_max_age(f.p, 2000);
    selfsame_policy_require_max_age(f.p, 0);
    expect(&f, quote_key(&f, 0), SELFSAME_STALE, "contraindicated", NULL);
    fixture_close(&f);
}

static void
as_of_is_never_affirming_and_says_so(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_result *r;
    struct selfsame_err e = { 0 };
    char *text;

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    selfsame_request_set_time(f.q, 0);
    selfsame_request_set_as_of(f.q, test_now_s * 1000);
    expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", &r);
    assert_code(selfsame_result_json(r, &text, &e), SELFSAME_OK, &e);
    assert_non_null(strstr(text, "\"as_of\":\"2026-06-01T00:00:00Z\""));
    selfsame_free(text);
    selfsame_result_free(r);
    fixture_close(&f);
}

/* ---- envelopes ---- */

static struct selfsame_bytes
wrap(struct fixture *f, const struct cmw *c, bool json)
{
    struct selfsame_bytes out = BYTES_NONE;
    struct selfsame_err e = { 0 };

    assert_code(json ? cmw_encode_json(c, &f->arena, &out, &e)
                     : cmw_encode_cbor(c, &f->arena, &out, &e),
        SELFSAME_OK, &e);
    return out;
}

static void
cmw_of_both_encodings_is_unwrapped(void **state)
{
    (void)state;
    struct fixture f;

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    struct cmw_entry entry[3] = {
        { .label = BYTES_LIT("a"),
            .type = BYTES_LIT("text/plain"),
            .value = BYTES_LIT("x"),
            .ind = CMW_ENDORSEMENTS },
        { .label = BYTES_LIT("b"),
            .type = BYTES_LIT(TYPE),
            .value = quote_key(&f, 0),
            .ind = CMW_EVIDENCE },
        { .label = BYTES_LIT("c"),
            .type = BYTES_LIT(TYPE),
            .value = BYTES_LIT("an endorsement of that type is not evidence"),
            .ind = CMW_ENDORSEMENTS },
    };
    const struct cmw record = { .entries = &entry[1], .count = 1 };
    const struct cmw all = { .collection = true, .entries = entry, .count = 3 };
    for (int json = 0; json < 2; json++) {
        expect(&f, wrap(&f, &record, json), SELFSAME_OK, "warning", NULL);
        expect(&f, wrap(&f, &all, json), SELFSAME_OK, "warning", NULL);
    }
    entry[2].ind = CMW_EVIDENCE;
    expect(&f, wrap(&f, &all, true), SELFSAME_MALFORMED, "none", NULL);
    entry[2].value = entry[1].value; /* each good alone: still nobody may choose */
    expect(&f, wrap(&f, &all, true), SELFSAME_MALFORMED, "none", NULL);
    entry[1].type = entry[2].type = BYTES_LIT("application/other");
    expect(&f, wrap(&f, &all, true), SELFSAME_UNSUPPORTED, "none", NULL);
    fixture_close(&f);
}

/* Evidence of SNP for this request, with its table and with much that nobody asked for. */
static struct selfsame_bytes
much_of_snp(struct fixture *f, struct sim_pki *pki, size_t ballast, bool json)
{
    const struct tee_simulator *sim = tee_simulator_find("snp");
    static const uint8_t digest[SNP_DIGEST_SIZE] = { 1 };
    const struct claim measured = {
        .path = "measurement", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(digest)
    };
    struct tee_collected made = { .evidence = BYTES_NONE };
    struct selfsame_err e = { 0 };
    uint8_t data[64];
    struct binder b;

    assert_true(binder_http(&b, NONCE, SPKI) && binder64(&b, data));
    const struct sim_quote_request q = {
        .now_ms = test_now_s * 1000,
        .subject = { .measured = &measured, .measured_count = 1 },
        .report_data = BYTES_ARR(data),
    };
    assert_code(sim->quote(pki, &q, &f->arena, &made, &e), SELFSAME_OK, &e);
    char *pem = pem_encode(
        "CERTIFICATE", BYTES(snp_ark_simulated_milan, SNP_ARK_SIMULATED), &f->arena);
    assert_non_null(pem);
    struct writer w = writer_of(arena_alloc(&f->arena, 1, ballast + 1), ballast);
    while (w.len + strlen(pem) <= ballast)
        put_bytes(&w, bytes_str(pem));
    struct cmw_entry entry[3] = {
        { .label = BYTES_LIT("e"),
            .type = BYTES_LIT("application/vnd.attest.snp"),
            .value = made.evidence,
            .ind = CMW_EVIDENCE },
        { .label = BYTES_LIT("t"),
            .type = BYTES_LIT("application/octet-stream"),
            .value = made.endorsement,
            .ind = CMW_ENDORSEMENTS },
        { .label = BYTES_LIT("x"),
            .type = BYTES_LIT("application/pem-certificate-chain"),
            .value = writer_bytes(&w),
            .ind = CMW_ENDORSEMENTS },
    };
    return wrap(f,
        &(struct cmw){
            .collection = true, .entries = entry, .count = w.len > 0 ? 3 : 2 },
        json);
}

#define SNP_POLICY                                                               \
    "{\"selfsame_policy\":1,\"tee\":{\"snp\":{}},\"measurements\":[{"            \
    "\"tee\":\"snp\",\"measurement\":\"01" EIGHT(                                \
        "0000000000") "00000000000000"                                           \
                      "\"}],\"freshness\":{\"nonce\":true},\"binding\":\"key\"," \
                      "\"insecure\":[\"simulated\"]}"

static void
evidence_does_not_choose_to_have_no_verdict(void **state)
{
    (void)state;
    const struct tee_simulator *sim = tee_simulator_find("snp");
    struct selfsame_err e = { 0 };
    struct sim_pki *pki = NULL;
    struct fixture f;
    size_t judged = 0, most = 0;

    fixture_open(&f, SNP_POLICY);
    arena_free(&f.arena);
    f.arena = arena_new(16 << 20);
    selfsame_request_expect_key(f.q, SPKI);
    assert_code(sim->pki(BYTES_NONE, test_now_s * 1000, &pki, &e), SELFSAME_OK, &e);
    /* As much as evidence may be, in the form that takes most to read. */
    expect(&f, much_of_snp(&f, pki, 1 << 20, false), SELFSAME_MALFORMED, "none", NULL);
    expect(&f, much_of_snp(&f, pki, 1000000, false), SELFSAME_OK, "warning", NULL);
    expect(&f, much_of_snp(&f, pki, 760000, true), SELFSAME_OK, "warning", NULL);
    /* With any less room there is a verdict, which refuses. */
    struct selfsame_bytes little = much_of_snp(&f, pki, 0, true);
    for (long room = 64; judged == 0 || most < 8; room += room / 8) {
        struct selfsame_result *r = NULL;
        enum selfsame_code c = verify_within(f.v, f.p, f.q, little, -room, &r, &e);

        assert_non_null(r);
        if (c != SELFSAME_OK) {
            assert_code(c, SELFSAME_MALFORMED, &e);
            assert_classes(r);
            assert_string_equal(selfsame_result_status(r), "none");
            judged++;
        } else
            most++;
        selfsame_result_free(r);
        assert_true(room < 1 << 24);
    }
    sim->pki_free(pki);
    fixture_close(&f);
}

/* What the caller has is read anew each time, and takes none of the evidence's room. */
static void
collateral_of_the_caller_does_not_crowd_out_evidence(void **state)
{
    (void)state;
    const struct tee_simulator *sim = tee_simulator_find("snp");
    struct selfsame_err e = { 0 };
    struct sim_pki *pki = NULL;
    struct fixture f;

    fixture_open(&f, SNP_POLICY);
    selfsame_request_expect_key(f.q, SPKI);
    assert_code(sim->pki(BYTES_NONE, test_now_s * 1000, &pki, &e), SELFSAME_OK, &e);
    struct selfsame_bytes good = much_of_snp(&f, pki, 0, false);
    char *pem = pem_encode(
        "CERTIFICATE", BYTES(snp_ark_simulated_milan, SNP_ARK_SIMULATED), &f.arena);
    assert_non_null(pem);
    struct writer w = writer_of(arena_alloc(&f.arena, 1, 1 << 20), 1 << 20);
    while (w.len + strlen(pem) <= 1000000)
        put_bytes(&w, bytes_str(pem));
    for (int i = 0; i < 3; i++)
        assert_code(selfsame_verifier_add_collateral(f.v, writer_bytes(&w), &e),
            SELFSAME_OK, &e);
    expect(&f, good, SELFSAME_OK, "warning", NULL);
    sim->pki_free(pki);
    fixture_close(&f);
}

static void
what_is_no_evidence_is_malformed(void **state)
{
    (void)state;
    struct fixture f;
    uint8_t *big = calloc(1, API_EVIDENCE_MAX + 1);

    assert_non_null(big);
    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    expect(&f, BYTES_NONE, SELFSAME_MALFORMED, "none", NULL);
    expect(&f, BYTES_LIT("hello"), SELFSAME_MALFORMED, "none", NULL);
    expect(&f, BYTES_LIT("[]"), SELFSAME_MALFORMED, "none", NULL);
    expect(&f, BYTES(big, API_EVIDENCE_MAX), SELFSAME_MALFORMED, "none", NULL);
    expect(&f, BYTES(big, API_EVIDENCE_MAX + 1), SELFSAME_MALFORMED, "none", NULL);
    fixture_close(&f);
    free(big);
}

/* ---- requests ---- */

static void
short_nonce(struct selfsame_request *q)
{
    selfsame_request_set_nonce(q, BYTES_LIT("1234567"));
}
static void
long_nonce(struct selfsame_request *q)
{
    static const uint8_t n[513] = { 0 };
    selfsame_request_set_nonce(q, BYTES_ARR(n));
}
static void
empty_key(struct selfsame_request *q)
{
    selfsame_request_expect_key(q, BYTES_LIT(""));
}
static void
empty_report_data(struct selfsame_request *q)
{
    selfsame_request_expect_report_data(q, BYTES_LIT(""));
}
static void
short_exporter(struct selfsame_request *q)
{
    selfsame_request_expect_session(q, REQUEST, BYTES(exporter, 31), SPKI);
}
static void
session_without_request(struct selfsame_request *q)
{
    selfsame_request_expect_session(q, BYTES_NONE, BYTES_ARR(exporter), SPKI);
}
static void
session_without_key(struct selfsame_request *q)
{
    selfsame_request_expect_session(q, REQUEST, BYTES_ARR(exporter), BYTES_NONE);
}
static void
session_of_another_nonce(struct selfsame_request *q)
{
    selfsame_request_set_nonce(q, BYTES_LIT("fedcba9876543210"));
    selfsame_request_expect_session(q, REQUEST, BYTES_ARR(exporter), SPKI);
}
static void
session_and_another_key(struct selfsame_request *q)
{
    selfsame_request_expect_key(q, BYTES_LIT("another key"));
    selfsame_request_expect_session(q, REQUEST, BYTES_ARR(exporter), SPKI);
}

static void
a_request_that_contradicts_itself_is_usage(void **state)
{
    (void)state;
    void (*const wrong[])(struct selfsame_request *) = { short_nonce, long_nonce,
        empty_key, empty_report_data, short_exporter, session_without_request,
        session_without_key, session_of_another_nonce, session_and_another_key };

    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct fixture f;

        fixture_open(&f, POLICY("key", "\"simulated\",\"unbound\",\"any-age\""));
        expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", NULL);
        wrong[i](f.q);
        expect(&f, quote_key(&f, 0), SELFSAME_USAGE, "", NULL);
        fixture_close(&f);
    }
    struct fixture f;
    struct selfsame_err e = { 0 };
    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_free(f.q);
    assert_code(selfsame_request_new(&f.q, &e), SELFSAME_OK, &e);
    expect(&f, quote_key(&f, 0), SELFSAME_USAGE, "", NULL);
    fixture_close(&f);
}

/* ---- anchors ---- */

static void
anchors_of_the_caller_replace_the_pinned_ones(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_result *r;
    struct selfsame_err e = { 0 };
    struct sim_pki *own;
    struct selfsame_bytes rest, der;
    struct binder b;
    char *pem, *text;

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    assert_true(binder_http(&b, NONCE, SPKI));
    assert_code(nitro_simulator.new_root(test_now_s * 1000, &f.arena, &pem, &e),
        SELFSAME_OK, &e);
    assert_code(nitro_simulator.pki(bytes_str(pem), test_now_s * 1000, &own, &e),
        SELFSAME_OK, &e);
    expect(&f, quote_by(&f, own, &b, 0), SELFSAME_BAD_CHAIN, "contraindicated", NULL);
    rest = bytes_str(pem);
    assert_code(pem_next(&rest, "CERTIFICATE", &f.arena, &der, &e), SELFSAME_OK, &e);
    assert_code(selfsame_verifier_add_anchor(f.v, "sgx9", der, &e), SELFSAME_USAGE, &e);
    assert_code(selfsame_verifier_add_anchor(f.v, "nitro", BYTES_LIT("x"), &e),
        SELFSAME_MALFORMED, &e);
    assert_code(selfsame_verifier_add_anchor(f.v, "nitro", der, &e), SELFSAME_OK, &e);
    expect(&f, quote_by(&f, own, &b, 0), SELFSAME_OK, "warning", &r);
    assert_code(selfsame_result_json(r, &text, &e), SELFSAME_OK, &e);
    assert_non_null(strstr(text, "\"trust_anchor\":\"caller\""));
    selfsame_free(text);
    selfsame_result_free(r);
    expect(&f, quote_key(&f, 0), SELFSAME_BAD_CHAIN, "contraindicated", NULL);
    nitro_simulator.pki_free(own);
    fixture_close(&f);
}

static void
the_simulators_root_does_not_become_hardware_when_given(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };

    fixture_open(&f, POLICY("key", ""));
    selfsame_request_expect_key(f.q, SPKI);
    assert_code(selfsame_verifier_add_anchor(f.v, "nitro",
                    BYTES(nitro_root_simulated, sizeof(nitro_root_simulated)), &e),
        SELFSAME_OK, &e);
    assert_true(f.v->anchors[0].simulated);
    expect(&f, quote_key(&f, 0), SELFSAME_DENIED, "contraindicated", NULL);
    fixture_close(&f);
}

/* An anchor is its key: with another signature, which nobody checks, it is no other. */
static void
the_simulators_root_encoded_anew_is_still_the_simulators(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };
    uint8_t anew[DCAP_ROOT_SIMULATED];

    memcpy(anew, dcap_root_simulated_der, sizeof(anew));
    anew[sizeof(anew) - 1] ^= 1;
    fixture_open(&f, POLICY("key", ""));
    for (int tdx = 0; tdx < 2; tdx++) {
        assert_code(
            selfsame_verifier_add_anchor(f.v, tdx ? "tdx" : "sgx", BYTES_ARR(anew), &e),
            SELFSAME_OK, &e);
        assert_true(f.v->anchors[tdx].simulated);
    }
    fixture_close(&f);
}

/* ---- sweeps ---- */

static void
every_failed_allocation_is_survived(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_bytes raw, cbor;
    bool ended = false;

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    raw = quote_key(&f, 0);
    struct cmw_entry entry = {
        .type = BYTES_LIT(TYPE),
        .value = raw,
        .ind = CMW_EVIDENCE,
    };
    cbor = wrap(&f, &(struct cmw){ .entries = &entry, .count = 1 }, true);
    for (long at = 1; !ended; at++) {
        struct selfsame_err e = { 0 };
        struct selfsame_result *r = NULL;
        enum selfsame_code c = verify_within(f.v, f.p, f.q, cbor, at, &r, &e);

        assert_true(c == SELFSAME_OK || c == SELFSAME_NOMEM);
        assert_true((r != NULL) == (c == SELFSAME_OK));
        ended = r != NULL && r->arena.fail_at > 0;
        selfsame_result_free(r);
        assert_true(at < 500);
    }
    fixture_close(&f);
}

static void
no_flipped_bit_is_accepted(void **state)
{
    (void)state;
    struct fixture f;

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    struct selfsame_bytes doc = quote_key(&f, 0);
    uint8_t *copy = malloc(doc.len);
    assert_non_null(copy);
    /* Every bit is the work of the Nitro sweep; here one per byte, through the API. */
    for (size_t i = 0; i < doc.len; i++) {
        struct selfsame_err e = { 0 };
        struct selfsame_result *r = NULL;

        memcpy(copy, doc.ptr, doc.len);
        copy[i] ^= (uint8_t)(1u << i % 8);
        assert_int_not_equal(
            selfsame_verify(f.v, f.p, f.q, BYTES(copy, doc.len), &r, &e), SELFSAME_OK);
        if (r != NULL)
            assert_string_not_equal(selfsame_result_status(r), "affirming");
        selfsame_result_free(r);
    }
    free(copy);
    fixture_close(&f);
}

/* ---- threads ---- */

struct job {
    struct fixture *f;
    struct selfsame_bytes good, bad;
    unsigned wrong;
};

static void *
work(void *arg)
{
    struct job *j = arg;

    for (int i = 0; i < 20; i++) {
        struct selfsame_err e = { 0 };
        struct selfsame_result *r = NULL;
        const bool good = i % 2 == 0;

        enum selfsame_code c = selfsame_verify(
            j->f->v, j->f->p, j->f->q, good ? j->good : j->bad, &r, &e);
        j->wrong += c != (good ? SELFSAME_OK : SELFSAME_BAD_SIGNATURE);
        selfsame_result_free(r);
    }
    return NULL;
}

static void
one_verifier_serves_many_threads(void **state)
{
    (void)state;
    struct fixture f;
    pthread_t thread[4];
    struct job job[4];

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    for (size_t i = 0; i < COUNT(thread); i++) {
        job[i] = (struct job){
            .f = &f, .good = quote_key(&f, 0), .bad = quote_key(&f, SIM_BAD_SIGNATURE)
        };
        assert_int_equal(pthread_create(&thread[i], NULL, work, &job[i]), 0);
    }
    for (size_t i = 0; i < COUNT(thread); i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(job[i].wrong, 0);
    }
    fixture_close(&f);
}

static void
a_verifier_without_cache_says_the_same(void **state)
{
    (void)state;
    struct fixture f;
    struct selfsame_err e = { 0 };

    fixture_open(&f, POLICY("key", "\"simulated\""));
    selfsame_request_expect_key(f.q, SPKI);
    assert_code(selfsame_verifier_set_cache(f.v, 0, &e), SELFSAME_OK, &e);
    expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", NULL);
    assert_code(selfsame_verifier_set_cache(f.v, 4, &e), SELFSAME_OK, &e);
    expect(&f, quote_key(&f, 0), SELFSAME_OK, "warning", NULL);
    fixture_close(&f);
    selfsame_verifier_free(NULL);
    selfsame_request_free(NULL);
    selfsame_policy_free(NULL);
    selfsame_result_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_evidence_is_accepted_and_printed),
        cmocka_unit_test(session_evidence_is_accepted_for_its_session_only),
        cmocka_unit_test(a_key_is_not_enough_for_a_session),
        cmocka_unit_test(exact_report_data_is_compared),
        cmocka_unit_test(every_defect_has_its_class),
        cmocka_unit_test(simulated_evidence_is_denied_where_hardware_is_named),
        cmocka_unit_test(the_zero_policy_refuses_everything),
        cmocka_unit_test(a_later_demand_takes_back_none),
        cmocka_unit_test(as_of_is_never_affirming_and_says_so),
        cmocka_unit_test(cmw_of_both_encodings_is_unwrapped),
        cmocka_unit_test(evidence_does_not_choose_to_have_no_verdict),
        cmocka_unit_test(collateral_of_the_caller_does_not_crowd_out_evidence),
        cmocka_unit_test(what_is_no_evidence_is_malformed),
        cmocka_unit_test(a_request_that_contradicts_itself_is_usage),
        cmocka_unit_test(anchors_of_the_caller_replace_the_pinned_ones),
        cmocka_unit_test(the_simulators_root_does_not_become_hardware_when_given),
        cmocka_unit_test(the_simulators_root_encoded_anew_is_still_the_simulators),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(one_verifier_serves_many_threads),
        cmocka_unit_test(a_verifier_without_cache_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
