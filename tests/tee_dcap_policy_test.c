/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_dcap.h"

#include "appraise/appraise.h"
#include "tee/sgx/sgx.h"
#include "tee/tdx/tdx.h"

/*
 * Policies about SGX and TDX: what is refused unless it is named, what an option lets
 * pass, and which entries of measurements are taken at all.
 */
static const struct tee_facts facts[] = {
    { .name = "sgx", .pins = sgx_pins, .rules = sgx_rules, .rule_count = SGX_RULES },
    { .name = "tdx",
        .pins = tdx_pins,
        .rules = tdx_rules,
        .rule_count = TDX_RULES,
        .advice = tdx_advice,
        .advice_count = TDX_ADVICE },
};

static enum selfsame_code
policy_of(const char *tee, const char *options, const char *rest, struct arena *a,
    struct policy *p, struct selfsame_err *e)
{
    const char *text = arena_printf(
        a, "{\"selfsame_policy\":1,\"tee\":{\"%s\":%s}%s}", tee, options, rest);

    assert_non_null(text);
    return policy_parse(bytes_str(text), facts, COUNT(facts), a, p, e);
}
#define ANY ",\"insecure\":[\"any-measurement\",\"any-age\",\"unbound\"]"
#define LOOSE ",\"insecure\":[\"any-age\",\"unbound\"]"

/* The class of the verdict; its check's detail in *ret_says, in the arena. */
static enum selfsame_code
verdict_of(struct dcap_world *w, const char *options, const char *rest, struct arena *a,
    const char **ret_says)
{
    const bool td = w->quote_spec.tee == DCAP_TDX;
    const struct tee_verifier *v = td ? &tdx_verifier : &sgx_verifier;
    const struct tee_trust trust = world_trust(w);
    const struct appraisal in = { .now_ms = WORLD_NOW * INT64_C(1000) };
    struct checks checks = { 0 };
    struct selfsame_claims claims = { 0 };
    struct selfsame_err e = { 0 };
    enum check_name first = CHECK_COUNT;
    struct policy p;

    assert_code(policy_of(v->name, options, rest, a, &p, &e), SELFSAME_OK, &e);
    (void)!v->verify(w->quote, &trust, a, &checks, &claims, &e);
    (void)appraise(&p, &claims, &in, a, &checks);
    enum selfsame_code code = checks_code(&checks, &first);
    *ret_says = first < CHECK_COUNT && checks.at[first].detail != NULL
                    ? checks.at[first].detail
                    : "";
    return code;
}

/* ---- the body ---- */

struct body_case {
    enum dcap_tee tee;
    uint16_t version;
    size_t at;       /* in the body */
    const char *hex; /* put there */
    const char *options;
    enum selfsame_code want;
    const char *says;
};
#define ZERO32 "0000000000000000000000000000000000000000000000000000000000000000"
#define ZERO48 ZERO32 "00000000000000000000000000000000"
enum { FLAGS = 48, XFRM = 56, CONFIG_ID = 192, CONFIG_SVN = 260, PROD = 256 };
enum {
    SIGNER_SEAM = 64,
    SEAM_ATTR = 112,
    TD_ATTR = 120,
    XFAM = 128,
    MRTD = 136,
    CONFIG = 184,
    SERVICE = 600
};

static const struct body_case bodies[] = {
    { DCAP_SGX, 3, FLAGS, "05", "{}", SELFSAME_OK, "" },
    { DCAP_SGX, 3, FLAGS, "07", "{}", SELFSAME_DEBUG, "debug" },
    { DCAP_SGX, 3, FLAGS, "04", "{}", SELFSAME_DENIED, "attribute_bits.init" },
    { DCAP_SGX, 3, FLAGS, "15", "{}", SELFSAME_DENIED, "provision_key" },
    { DCAP_SGX, 3, FLAGS, "15", "{\"attributes\":{\"provision_key\":true}}",
        SELFSAME_OK, "" },
    { DCAP_SGX, 3, FLAGS, "25", "{}", SELFSAME_DENIED, "einittoken_key" },
    { DCAP_SGX, 3, FLAGS, "0d", "{}", SELFSAME_MALFORMED, "reserved flags" },
    { DCAP_SGX, 3, FLAGS + 7, "80", "{}", SELFSAME_MALFORMED, "reserved flags" },
    { DCAP_SGX, 3, FLAGS, "05", "{\"attributes\":{\"kss\":true}}", SELFSAME_DENIED,
        "kss" },
    { DCAP_SGX, 3, FLAGS, "05",
        "{\"attributes_masked\":\"05000000000000000000000000000000/"
        "ff000000000000000000000000000000\"}",
        SELFSAME_OK, "" },
    { DCAP_SGX, 3, FLAGS, "45",
        "{\"attributes_masked\":\"05000000000000000000000000000000/"
        "ff000000000000000000000000000000\"}",
        SELFSAME_DENIED, "attributes" },
    { DCAP_SGX, 3, XFRM, "0300000000000001", "{}", SELFSAME_DENIED, "xfrm" },
    { DCAP_SGX, 3, CONFIG_ID, "01", "{}", SELFSAME_MALFORMED, "KSS" },
    { DCAP_SGX, 3, CONFIG_SVN, "01", "{}", SELFSAME_MALFORMED, "KSS" },
    { DCAP_SGX, 3, PROD, "0700", "{\"isv_prod_id\":7}", SELFSAME_OK, "" },
    { DCAP_SGX, 3, PROD, "0700", "{\"isv_prod_id\":[8,9]}", SELFSAME_DENIED,
        "isv_prod_id" },
    { DCAP_SGX, 3, PROD + 2, "0300", "{\"min_isv_svn\":4}", SELFSAME_DENIED,
        "isv_svn" },
    { DCAP_SGX, 3, 64, ZERO32, "{}", SELFSAME_DEBUG, "debug" },

    { DCAP_TDX, 4, TD_ATTR, "0000001000000000", "{}", SELFSAME_OK, "" },
    { DCAP_TDX, 4, TD_ATTR, "0100001000000000", "{}", SELFSAME_DEBUG, "debug" },
    { DCAP_TDX, 4, TD_ATTR, "0200001000000000", "{}", SELFSAME_MALFORMED, "reserved" },
    { DCAP_TDX, 4, TD_ATTR, "1000001000000000", "{}", SELFSAME_DENIED, "hgs_plus" },
    { DCAP_TDX, 4, TD_ATTR, "2000001000000000", "{}", SELFSAME_DENIED, "perf_prof" },
    { DCAP_TDX, 4, TD_ATTR, "4000001000000000", "{}", SELFSAME_DENIED, "pmt_prof" },
    { DCAP_TDX, 4, TD_ATTR, "0000011000000000", "{}", SELFSAME_DENIED, "icssd" },
    { DCAP_TDX, 4, TD_ATTR, "0000001800000000", "{}", SELFSAME_OK, "" }, /* LASS */
    { DCAP_TDX, 4, TD_ATTR, "000000d000000000", "{}", SELFSAME_OK, "" }, /* PKS, KL */
    { DCAP_TDX, 4, TD_ATTR, "0000000000000000", "{}", SELFSAME_DENIED, "sept_ve" },
    { DCAP_TDX, 4, TD_ATTR, "0000000000000000",
        "{\"td_attributes\":{\"sept_ve_disable\":false}}", SELFSAME_OK, "" },
    { DCAP_TDX, 4, TD_ATTR, "0000003000000000", "{}", SELFSAME_DENIED, "migratable" },
    { DCAP_TDX, 4, TD_ATTR, "0000003000000000",
        "{\"td_attributes\":{\"migratable\":true}}", SELFSAME_OK, "" },
    { DCAP_TDX, 4, TD_ATTR, "0000001000000040", "{}", SELFSAME_DENIED, "tpa" },
    { DCAP_TDX, 4, TD_ATTR, "0000001000000080", "{}", SELFSAME_DENIED, "perfmon" },
    { DCAP_TDX, 4, XFAM, "e602060000000000", "{}", SELFSAME_MALFORMED, "XFAM" },
    { DCAP_TDX, 4, XFAM, "e702060000000080", "{}", SELFSAME_DENIED, "xfam" },
    { DCAP_TDX, 4, XFAM, "e702060000000000", "{\"xfam\":\"e700060000000000\"}",
        SELFSAME_DENIED, "xfam" },
    { DCAP_TDX, 4, MRTD, ZERO48, "{}", SELFSAME_DEBUG, "debug" },
    { DCAP_TDX, 4, CONFIG, "01" ZERO32 "000000000000000000000000000000",
        "{\"mr_config_id\":\"01" ZERO32 "000000000000000000000000000000\"}",
        SELFSAME_OK, "" },
    /* the same value in another field is another value */
    { DCAP_TDX, 4, CONFIG, "01" ZERO32 "000000000000000000000000000000",
        "{\"mr_owner\":\"01" ZERO32 "000000000000000000000000000000\"}",
        SELFSAME_DENIED, "mr_owner" },
    { DCAP_TDX, 4, CONFIG, "01", "{\"mr_config_id\":\"" ZERO48 "\"}", SELFSAME_DENIED,
        "mr_config_id" },
    { DCAP_TDX, 5, SERVICE, "01", "{}", SELFSAME_DENIED, "mr_service_td" },
    { DCAP_TDX, 5, SERVICE, "01" ZERO32 "000000000000000000000000000000",
        "{\"mr_service_td\":\"01" ZERO32 "000000000000000000000000000000\"}",
        SELFSAME_OK, "" },
    /* a quote that cannot say which it has does not obey one that is named */
    { DCAP_TDX, 4, SIGNER_SEAM, "00",
        "{\"mr_service_td\":\"01" ZERO32 "000000000000000000000000000000\"}",
        SELFSAME_DENIED, "mr_service_td" },
    { DCAP_TDX, 4, SIGNER_SEAM, "01", "{}", SELFSAME_TCB, "MRSIGNERSEAM" },
    { DCAP_TDX, 4, SEAM_ATTR, "01", "{}", SELFSAME_TCB, "SEAMATTRIBUTES" },
    { DCAP_TDX, 4, SIGNER_SEAM, "00",
        "{\"min_tee_tcb_svn\":\"05010600000000000000000000000000\"}", SELFSAME_OK, "" },
    { DCAP_TDX, 4, SIGNER_SEAM, "00",
        "{\"min_tee_tcb_svn\":\"05010700000000000000000000000000\"}", SELFSAME_TCB,
        "tee_tcb_svn" },
    { DCAP_TDX, 4, SIGNER_SEAM, "00", "{\"min_tee_tcb_svn\":\"05\"}", SELFSAME_TCB,
        "tee_tcb_svn" },
};

static void
bodies_are_ruled_as_policies_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        const struct body_case *x = &bodies[i];
        auto_arena a = arena_new(8 << 20);
        struct dcap_world *w = world_new(x->tee, x->version);
        const char *says;
        size_t len = 0;

        assert_true(hex_decode(x->hex, strlen(x->hex), w->quote_spec.body + x->at,
            sizeof(w->quote_spec.body) - x->at, &len));
        world_make(w);
        enum selfsame_code code = verdict_of(w, x->options, ANY, &a, &says);
        if (code != x->want || strstr(says, x->says) == NULL)
            fail_msg("case %zu, %s at %zu, %s: got %s: %s", i, x->hex, x->at,
                x->options, selfsame_code_name(code), says);
        world_free(w);
    }
}

/* Bit by bit beside SEPT_VE_DISABLE: reserved, refused, allowed, debug. */
static void
every_attribute_of_a_td_has_its_default(void **state)
{
    static const int refused[] = { 4, 5, 6, 16, 29, 62, 63 },
                     allowed[] = { 27, 28, 30, 31 };
    struct dcap_world *w = world_new(DCAP_TDX, 4);

    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        auto_arena a = arena_new(8 << 20);
        enum selfsame_code want = bit == 0 ? SELFSAME_DEBUG : SELFSAME_MALFORMED;
        const char *says;

        for (size_t i = 0; i < COUNT(refused); i++)
            want = refused[i] == bit ? SELFSAME_DENIED : want;
        for (size_t i = 0; i < COUNT(allowed); i++)
            want = allowed[i] == bit ? SELFSAME_OK : want;
        put_le(w->quote_spec.body + TD_ATTR, UINT64_C(1) << bit | UINT64_C(1) << 28, 8);
        world_make(w);
        enum selfsame_code code = verdict_of(w, "{}", ANY, &a, &says);
        if (code != want)
            fail_msg("bit %d: expected %s, got %s: %s", bit, selfsame_code_name(want),
                selfsame_code_name(code), says);
    }
    world_free(w);
}

/* ---- the level ---- */

struct level_case {
    const char *status, *advisories, *date, *options;
    enum selfsame_code want;
    const char *says;
};
/* WORLD_NOW is 2026-06-01. */
static const struct level_case levels[] = {
    { "UpToDate", NULL, "2025-11-12T00:00:00Z", "{}", SELFSAME_OK, "" },
    { "SWHardeningNeeded", "\"INTEL-SA-00615\"", "2025-11-12T00:00:00Z", "{}",
        SELFSAME_TCB, "tcb_status" },
    { "SWHardeningNeeded", "\"INTEL-SA-00615\"", "2025-11-12T00:00:00Z",
        "{\"tcb_status\":[\"UpToDate\",\"SWHardeningNeeded\"]}", SELFSAME_OK, "" },
    { "SWHardeningNeeded", "\"INTEL-SA-00615\",\"INTEL-SA-00289\"",
        "2025-11-12T00:00:00Z",
        "{\"tcb_status\":\"SWHardeningNeeded\",\"allowed_advisories\":\"INTEL-SA-"
        "00615\"}",
        SELFSAME_TCB, "advisories" },
    { "SWHardeningNeeded", "\"INTEL-SA-00615\",\"INTEL-SA-00289\"",
        "2025-11-12T00:00:00Z",
        "{\"tcb_status\":\"SWHardeningNeeded\",\"allowed_advisories\":"
        "[\"INTEL-SA-00289\",\"INTEL-SA-00615\"]}",
        SELFSAME_OK, "" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z",
        "{\"allowed_advisories\":\"INTEL-SA-00615\"}", SELFSAME_OK, "" },
    { "UpToDate", "\"INTEL-SA-1\",\"INTEL-SA-2\"", "2025-11-12T00:00:00Z",
        "{\"denied_advisories\":\"INTEL-SA-2\"}", SELFSAME_TCB, "advisories" },
    { "UpToDate", "\"INTEL-SA-1\",\"INTEL-SA-2\"", "2025-11-12T00:00:00Z",
        "{\"denied_advisories\":\"INTEL-SA-3\"}", SELFSAME_OK, "" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z",
        "{\"denied_advisories\":\"INTEL-SA-3\"}", SELFSAME_OK, "" },
    { "OutOfDate", NULL, "2026-05-25T00:00:00Z", "{}", SELFSAME_TCB, "tcb_status" },
    { "OutOfDate", NULL, "2026-05-25T00:00:00Z", "{\"grace_days\":365}", SELFSAME_OK,
        "" },
    { "OutOfDate", NULL, "2025-05-25T00:00:00Z", "{\"grace_days\":365}", SELFSAME_TCB,
        "tcb_status" },
    { "OutOfDateConfigurationNeeded", NULL, "2026-05-25T00:00:00Z",
        "{\"grace_days\":365}", SELFSAME_OK, "" },
    /* grace is for what is out of date, not for what is configured badly */
    { "ConfigurationNeeded", NULL, "2026-05-25T00:00:00Z", "{\"grace_days\":365}",
        SELFSAME_TCB, "tcb_status" },
    { "Revoked", NULL, "2026-05-25T00:00:00Z", "{\"grace_days\":9999}",
        SELFSAME_REVOKED, "Revoked" },
    { "Splendid", NULL, "2026-05-25T00:00:00Z", "{}", SELFSAME_REVOKED, "Revoked" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z",
        "{\"min_tcb_date\":\"2025-03-01T00:00:00Z\"}", SELFSAME_OK, "" },
    { "UpToDate", NULL, "2025-01-12T00:00:00Z",
        "{\"min_tcb_date\":\"2025-03-01T00:00:00Z\"}", SELFSAME_TCB, "tcb_date" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z", "{\"min_tcb_evaluation\":18}",
        SELFSAME_OK, "" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z", "{\"min_tcb_evaluation\":19}",
        SELFSAME_TCB, "tcb_evaluation" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z", "{\"fmspcs\":\"50806f000000\"}",
        SELFSAME_OK, "" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z", "{\"fmspcs\":\"50806f000001\"}",
        SELFSAME_DENIED, "fmspc" },
    { "UpToDate", NULL, "2025-11-12T00:00:00Z",
        "{\"instance_ids\":\"0102030405060708090a0b0c0d0e0f10\"}", SELFSAME_DENIED,
        "instance_id" },
};

static void
levels_are_ruled_as_policies_say(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(levels); i++)
        for (int td = 0; td < 2; td++) {
            const struct level_case *x = &levels[i];
            auto_arena a = arena_new(8 << 20);
            struct dcap_world *w = world_new(td ? DCAP_TDX : DCAP_SGX, td ? 4 : 3);
            const char *says;

            w->tcb.level[0].status = x->status;
            w->tcb.level[0].advisories = x->advisories;
            w->tcb.level[0].date = x->date;
            world_make(w);
            enum selfsame_code code = verdict_of(w, x->options, ANY, &a, &says);
            if (code != x->want || strstr(says, x->says) == NULL)
                fail_msg("case %zu, %s, %s: got %s: %s", i, x->status, x->options,
                    selfsame_code_name(code), says);
            world_free(w);
        }
}

#define ANY_TCB \
    ",\"insecure\":[\"any-measurement\",\"any-age\",\"unbound\",\"any-tcb\"]"
#define NO_REVOCATION                                                         \
    ",\"insecure\":[\"any-measurement\",\"any-age\",\"unbound\",\"any-tcb\"," \
    "\"no-revocation\"]"

/* Without collateral nothing is known of the platform; who quotes is known all the same. */
static void
insecure_words_waive_their_own_check_alone(void **state)
{
    auto_arena a = arena_new(8 << 20);
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    const char *says;

    (void)state;
    w->tcb_info = w->qe_identity = w->signing_chain;
    assert_int_equal(verdict_of(w, "{}", ANY, &a, &says), SELFSAME_TCB);
    assert_int_equal(verdict_of(w, "{}", ANY_TCB, &a, &says), SELFSAME_OK);
    w->root_crl = w->pck_crl = w->signing_chain;
    assert_int_equal(verdict_of(w, "{}", ANY_TCB, &a, &says), SELFSAME_REVOKED);
    assert_int_equal(verdict_of(w, "{}", NO_REVOCATION, &a, &says), SELFSAME_OK);
    world_make(w);
    w->tcb.level[0].status = "Revoked";
    world_make(w);
    assert_int_equal(verdict_of(w, "{}", ANY_TCB, &a, &says), SELFSAME_REVOKED);
    w->tcb.level[0].status = "UpToDate";
    w->identity.mr_signer =
        "0100000000000000000000000000000000000000000000000000000000000000";
    world_make(w);
    assert_int_equal(verdict_of(w, "{}", ANY_TCB, &a, &says), SELFSAME_BAD_SIGNATURE);
    world_free(w);
}

/* ---- what policies may not say ---- */

static void
wrong_options_are_refused_when_read(void **state)
{
    static const struct {
        const char *tee, *options, *says;
    } cases[] = {
        { "tdx", "{\"tcb_status\":\"Revoked\"}", "can never be accepted" },
        { "tdx", "{\"tcb_status\":[\"UpToDate\",\"uptodate\"]}", "tcb_status[1]" },
        { "tdx", "{\"tcb_status\":[]}", "1 to" },
        { "tdx", "{\"grace_days\":-1}", "whole number" },
        { "tdx", "{\"min_tcb_date\":\"yesterday\"}", "a time" },
        { "tdx", "{\"min_tcb_date\":20250101}", "a time" },
        { "tdx", "{\"mr_seam\":[\"" ZERO48 "\"]}", "all-zero" },
        { "tdx", "{\"min_tee_tcb_svn\":\"\"}", "hex" },
        { "tdx", "{\"attributes\":{\"kss\":true}}", "no such option" },
        { "sgx", "{\"mr_seam\":\"01\"}", "no such option" },
        { "sgx", "{\"attributes_masked\":\"01\"}", "value/mask" },
        { "sgx", "{\"attributes_masked\":\"03/01\"}", "value/mask" },
        { "sgx", "{\"attributes_masked\":\"01/0101\"}", "value/mask" },
        { "sgx", "{\"attributes_masked\":\"0000/0000\"}", "mask not zero" },
        { "sgx", "{\"allowed_advisories\":[7]}", "string" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;

        assert_code(policy_of(cases[i].tee, cases[i].options, ANY, &a, &p, &e),
            SELFSAME_USAGE, &e);
        if (strstr(err_text(&e), cases[i].says) == NULL)
            fail_msg("%s: it says \"%s\"", cases[i].options, err_text(&e));
    }
}

#define M1 "0101010101010101010101010101010101010101010101010101010101010101"
#define M2 M1 "02020202020202020202020202020202"
#define LIST(entry) ",\"measurements\":[" entry "]" LOOSE

static void
measurements_must_name_what_identifies_the_code(void **state)
{
    static const struct {
        const char *tee, *rest;
        enum selfsame_code want;
    } cases[] = {
        { "sgx", LIST("{\"tee\":\"sgx\",\"mrenclave\":\"" M1 "\"}"), SELFSAME_OK },
        { "sgx", LIST("{\"tee\":\"sgx\",\"mrsigner\":\"" M1 "\"}"), SELFSAME_USAGE },
        { "sgx", LIST("{\"tee\":\"sgx\",\"mrsigner\":\"" M1 "\",\"isv_prod_id\":1}"),
            SELFSAME_USAGE },
        { "sgx",
            LIST("{\"tee\":\"sgx\",\"mrsigner\":\"" M1
                 "\",\"isv_prod_id\":[1],\"min_isv_svn\":2}"),
            SELFSAME_OK },
        { "sgx",
            LIST("{\"tee\":\"sgx\",\"mrsigner\":\"" M1
                 "\",\"isv_prod_id\":[1],\"min_isv_svn\":[2,3]}"),
            SELFSAME_USAGE },
        { "sgx",
            LIST("{\"tee\":\"sgx\",\"mrsigner\":\"" M1
                 "\",\"isv_prod_id\":[1],\"min_isv_svn\":\"02\"}"),
            SELFSAME_USAGE },
        { "sgx", LIST("{\"tee\":\"sgx\",\"mrenclave\":[1,\"" M1 "\"]}"),
            SELFSAME_USAGE },
        { "tdx", LIST("{\"tee\":\"tdx\",\"mrtd\":\"" M2 "\"}"), SELFSAME_USAGE },
        { "tdx",
            LIST("{\"tee\":\"tdx\",\"mrtd\":\"" M2 "\",\"rtmr\":{\"1\":\"" M2 "\"}}"),
            SELFSAME_USAGE },
        { "tdx",
            LIST("{\"tee\":\"tdx\",\"mrtd\":\"" M2 "\",\"rtmr\":{\"1\":\"" M2
                 "\",\"2\":\"" M2 "\"}}"),
            SELFSAME_OK },
        { "tdx",
            LIST("{\"tee\":\"tdx\",\"mrtd\":\"" M2 "\",\"rtmr\":{\"1\":\"" M2
                 "\"},\"events\":{\"2\":[\"" M2 "\"]}}"),
            SELFSAME_OK },
        { "tdx",
            LIST("{\"tee\":\"tdx\",\"mrtd\":\"" M2 "\",\"rtmr\":{\"1\":\"" M2
                 "\",\"2\":[]}}"),
            SELFSAME_USAGE },
        { "tdx",
            LIST("{\"tee\":\"tdx\",\"mrtd\":\"" M2 "\",\"rtmr\":{\"1\":\"" M2
                 "\",\"2\":\"" ZERO48 "\"}}"),
            SELFSAME_USAGE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;
        enum selfsame_code code = policy_of(
            cases[i].tee, "{}", cases[i].rest, &a, &p, &e);

        if (code != cases[i].want)
            fail_msg("case %zu: got %s: %s", i, selfsame_code_name(code), err_text(&e));
    }
}

/* A signer stands for one product from one security version on. */
static void
a_signer_is_taken_with_product_and_version(void **state)
{
    static const struct {
        int prod, least;
        enum selfsame_code want;
    } cases[] = { { 7, 3, SELFSAME_OK }, { 7, 2, SELFSAME_OK },
        { 7, 4, SELFSAME_MISMATCH }, { 8, 3, SELFSAME_MISMATCH } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(8 << 20);
        struct dcap_world *w = world_new(DCAP_SGX, 3);
        const char *says, *rest;

        put_le(w->quote_spec.body + PROD, 7, 2);
        put_le(w->quote_spec.body + PROD + 2, 3, 2);
        world_make(w);
        rest = arena_printf(&a,
            LIST("{\"tee\":\"sgx\",\"mrsigner\":\"%s\",\"isv_prod_id\":%d,"
                 "\"min_isv_svn\":%d}"),
            hex_dup(&a, BYTES(w->quote_spec.body + 128, 32)), cases[i].prod,
            cases[i].least);
        assert_int_equal(verdict_of(w, "{}", rest, &a, &says), cases[i].want);
        world_free(w);
    }
}

/* What a release promises (log/measurements.c writes it so) is held as the policy's own. */
static void
releases_are_held_to_what_they_require(void **state)
{
    static const struct {
        const char *entry, *options;
        enum selfsame_code add, want;
    } cases[] = {
        { "mrenclave", "{}", SELFSAME_OK, SELFSAME_OK },
        { "mrenclave",
            "{\"tcb_status\":[\"UpToDate\"],\"allowed_advisories\":[\"INTEL-SA-1\"],"
            "\"misc_select\":0}",
            SELFSAME_OK, SELFSAME_OK },
        { "mrenclave", "{\"tcb_status\":[\"SWHardeningNeeded\"]}", SELFSAME_OK,
            SELFSAME_TCB },
        { "mrenclave", "{\"misc_select\":1}", SELFSAME_OK, SELFSAME_DENIED },
        { "mrenclave", "{\"tcb_status\":[\"Revoked\"]}", SELFSAME_USAGE, SELFSAME_OK },
        { "mrsigner", "{}", SELFSAME_USAGE, SELFSAME_OK },
    };
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    const struct tee_trust trust = world_trust(w);

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(8 << 20);
        const struct appraisal in = { .now_ms = WORLD_NOW * INT64_C(1000) };
        struct checks checks = { 0 };
        struct selfsame_claims claims = { 0 };
        struct selfsame_err e = { 0 };
        enum check_name first;
        struct policy p;
        char entry[256];

        (void)snprintf(entry, sizeof(entry), "{\"tee\":\"sgx\",\"%s\":[\"%s\"]}",
            cases[i].entry, hex_dup(&a, BYTES(w->quote_spec.body + 64, 32)));
        assert_code(policy_of("sgx", "{}", LOOSE, &a, &p, &e), SELFSAME_OK, &e);
        assert_code(
            policy_add_reference(&p, bytes_str(entry), bytes_str(cases[i].options),
                "release", NULL, facts, COUNT(facts), &a, &e),
            cases[i].add, &e);
        if (cases[i].add != SELFSAME_OK)
            continue;
        assert_code(sgx_verifier.verify(w->quote, &trust, &a, &checks, &claims, &e),
            SELFSAME_OK, &e);
        (void)appraise(&p, &claims, &in, &a, &checks);
        assert_int_equal(checks_code(&checks, &first), cases[i].want);
    }
    world_free(w);
}

/* What a policy says is what it is written back as. */
static void
options_are_written_back(void **state)
{
    static const char options[] =
        "{\"tcb_status\":[\"OutOfDate\"],\"grace_days\":30,\"min_tcb_date\":"
        "\"2025-01-01T00:00:00Z\",\"attributes_masked\":\"01/03\"}";
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct policy p;
    char *text;

    (void)state;
    assert_code(policy_of("sgx", options,
                    LIST("{\"tee\":\"sgx\",\"mrsigner\":\"" M1
                         "\",\"isv_prod_id\":[1],\"min_isv_svn\":2}"),
                    &a, &p, &e),
        SELFSAME_OK, &e);
    assert_code(policy_to_json(&p, &text, &e), SELFSAME_OK, &e);
    static const char *const wants[] = { "\"OutOfDate\"", "\"grace_days\": 30",
        "\"2025-01-01T00:00:00Z\"", "\"01/03\"", "\"min_isv_svn\": 2" };
    for (size_t i = 0; i < COUNT(wants); i++)
        if (strstr(text, wants[i]) == NULL)
            fail_msg("%s is not in %s", wants[i], text);
    free(text);
    assert_string_equal(policy_advice(&p, 0),
        "tcb_status accepts more than UpToDate and no allowed_advisories are set: "
        "platforms with any known hole of that status pass");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_ruled_as_policies_say),
        cmocka_unit_test(every_attribute_of_a_td_has_its_default),
        cmocka_unit_test(levels_are_ruled_as_policies_say),
        cmocka_unit_test(insecure_words_waive_their_own_check_alone),
        cmocka_unit_test(wrong_options_are_refused_when_read),
        cmocka_unit_test(measurements_must_name_what_identifies_the_code),
        cmocka_unit_test(a_signer_is_taken_with_product_and_version),
        cmocka_unit_test(releases_are_held_to_what_they_require),
        cmocka_unit_test(options_are_written_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
