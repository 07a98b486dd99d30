/* SPDX-License-Identifier: Apache-2.0 */
#include "token_made.h"

static json_t *
claims_of(const struct verdict *v, const struct ear_subject *s)
{
    struct selfsame_err e = { 0 };
    json_t *j = NULL;

    assert_code(ear_claims(v, s, &j, &e), SELFSAME_OK, &e);
    return j;
}

static const char *
text_at(const json_t *j, const char *pointer)
{
    return json_string_value(token_claim(j, pointer));
}

static json_int_t
number_at(const json_t *j, const char *pointer)
{
    return json_integer_value(token_claim(j, pointer));
}

static struct selfsame_bytes
made_spki(enum key_type type, struct arena *a)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes spki;
    auto_key *k = NULL;

    assert_code(key_generate(type, &k, &e), SELFSAME_OK, &e);
    assert_code(key_spki(k, a, &spki, &e), SELFSAME_OK, &e);
    return spki;
}

/* ---- what is written ---- */

static void
both_dialects_say_the_same_in_their_own_names(void **state)
{
    static const struct {
        enum ear_dialect dialect;
        const char *profile, *status, *vector, *policy;
    } rows[] = {
        { EAR_DEPLOYED, "tag:github.com,2023:veraison/ear", "/submods/nitro/ear.status",
            "/submods/nitro/ear.trustworthiness-vector/executables",
            "/submods/nitro/ear.appraisal-policy-id" },
        { EAR_DRAFT, "tag:ietf.org,2026:rats/ear#03", "/submods/nitro/ear_status",
            "/submods/nitro/ear_trustworthiness_vector/executables",
            "/submods/nitro/ear_appraisal_policy_ids/0" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena a = arena_new(1 << 20);
        struct verdict v = made_accepted();
        struct ear_subject s = made_subject();
        struct selfsame_err e = { 0 };
        auto_ear r = { 0 };

        s.dialect = rows[i].dialect;
        auto_json *j = claims_of(&v, &s);
        assert_string_equal(text_at(j, "/eat_profile"), rows[i].profile);
        assert_string_equal(text_at(j, rows[i].status), "affirming");
        assert_int_equal(number_at(j, rows[i].vector), 3);
        assert_string_equal(text_at(j, rows[i].policy), "default/main@sha256:00");
        assert_string_equal(text_at(j, "/iss"), MADE_ISSUER);
        assert_string_equal(text_at(j, "/aud"), MADE_AUDIENCE);
        assert_string_equal(
            text_at(j, "/sub"), "release:example.com/hello:1.4.2:nitro");
        assert_string_equal(text_at(j, "/release_name"), "example.com/hello");
        assert_string_equal(text_at(j, "/tee"), "nitro");
        assert_string_equal(text_at(j, "/ear_status"), "affirming");
        assert_int_equal(strlen(text_at(j, "/measurement")), 96);
        assert_int_equal(strlen(text_at(j, "/claims_digest")), 64);
        assert_string_equal(text_at(j, "/eat_nonce"), "AQID_wAAAAAAAAAAAAAAAA");
        assert_int_equal(number_at(j, "/iat"), MADE_NOW);
        assert_int_equal(number_at(j, "/nbf"), MADE_NOW);
        assert_int_equal(number_at(j, "/exp"), MADE_NOW + MADE_LIFE);
        assert_code(ear_read(j, &a, &r, &e), SELFSAME_OK, &e);
        assert_int_equal(r.status, EAR_AFFIRMING);
        assert_int_equal(r.submod_count, 1);
        assert_int_equal(r.submods[0].vector[TRUST_HARDWARE], 2);
        assert_string_equal(r.subject, "release:example.com/hello:1.4.2:nitro");
    }
}

/* Whoever compares "sub" alone is not misled by evidence that was refused. */
static void
refused_evidence_names_no_release(void **state)
{
    struct verdict v = made_refused(CHECK_FRESHNESS, SELFSAME_STALE);
    struct ear_subject s = made_subject();

    (void)state;
    s.spiffe_id = "spiffe://example/x";
    auto_json *j = claims_of(&v, &s);
    assert_string_equal(text_at(j, "/sub"), "refused:nitro");
    assert_null(text_at(j, "/release_name"));
    assert_null(text_at(j, "/spiffe_id"));
    assert_string_equal(text_at(j, "/ear_status"), "contraindicated");
    assert_string_equal(text_at(j, "/verdict_class"), "stale");
    assert_string_equal(
        text_at(j, "/submods/nitro/ear.veraison.policy-claims/failed/0"), "freshness");
}

static void
forged_evidence_tells_no_claims_and_no_measurement(void **state)
{
    struct verdict v = made_refused(CHECK_SIGNATURE, SELFSAME_BAD_SIGNATURE);
    struct ear_subject s = made_subject();

    (void)state;
    v.claims.authentic = false;
    auto_json *j = claims_of(&v, &s);
    assert_null(text_at(j, "/measurement"));
    assert_int_equal(json_object_size(token_claim(
                         j, "/submods/nitro/ear.veraison.annotated-evidence")),
        0);
    assert_int_equal(
        number_at(j, "/submods/nitro/ear.trustworthiness-vector/sourced-data"), 99);
}

/* Who asks may name any key; a token must not say that evidence is about it when it is not. */
static void
a_key_is_named_only_where_the_binding_held(void **state)
{
    static const enum check_outcome outcomes[] = { CHECK_PASS, CHECK_FAIL,
        CHECK_SKIPPED, CHECK_MISSING, CHECK_NA };
    static const char *const places[] = { "/cnf", "/key_sha256",
        "/submods/nitro/ear.veraison.key-attestation" };
    auto_arena a = arena_new(1 << 20);
    struct ear_subject s = made_subject();

    (void)state;
    s.key = made_spki(KEY_P256, &a);
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        struct verdict v = made_accepted();

        v.status = "warning";
        v.checks.at[CHECK_BINDING].outcome = outcomes[i];
        auto_json *j = claims_of(&v, &s);
        for (size_t k = 0; k < COUNT(places); k++)
            assert_int_equal(
                token_claim(j, places[k]) != NULL, outcomes[i] == CHECK_PASS);
    }
}

/* ---- the trust vector ---- */

static void
vendor_warns(struct verdict *v)
{
    static const struct claim list[] = { { "tcb_status", CLAIM_TEXT, CLAIM_ALONE,
        { (const uint8_t *)"SWHardeningNeeded", 17 }, 0 } };

    v->claims.list = list;
    v->claims.count = 1;
}

static void
vendor_is_content(struct verdict *v)
{
    static const struct claim list[] = { { "tcb_status", CLAIM_TEXT, CLAIM_ALONE,
        { (const uint8_t *)"UpToDate", 8 }, 0 } };

    v->claims.list = list;
    v->claims.count = 1;
}

static void
nothing(struct verdict *v)
{
    (void)v;
}
static void
chip_named(struct verdict *v)
{
    v->chip_named = true;
}
static void
chip_differs(struct verdict *v)
{
    v->chip_named = true;
    v->checks.at[CHECK_POLICY].outcome = CHECK_FAIL;
}
static void
runtime_compared(struct verdict *v)
{
    v->runtime_compared = true;
}
static void
tcb_waived(struct verdict *v)
{
    v->checks.at[CHECK_TCB].outcome = CHECK_SKIPPED;
}
static void
tcb_low(struct verdict *v)
{
    v->checks.at[CHECK_TCB].outcome = CHECK_FAIL;
}
static void
chip_revoked(struct verdict *v)
{
    v->checks.at[CHECK_REVOCATION].outcome = CHECK_FAIL;
}
static void
release_revoked(struct verdict *v)
{
    v->checks.at[CHECK_RELEASE] = (struct check){ .outcome = CHECK_FAIL,
        .code = SELFSAME_REVOKED };
}
static void
unknown_code(struct verdict *v)
{
    v->checks.at[CHECK_MEASUREMENT].outcome = CHECK_FAIL;
}
static void
debug(struct verdict *v)
{
    v->claims.debug = true;
}
static void
simulated(struct verdict *v)
{
    v->claims.simulated = true;
}
static void
own_root(struct verdict *v)
{
    v->claims.any_anchor = true;
}
static void
forged(struct verdict *v)
{
    v->claims.authentic = false;
}
static void
unparsed(struct verdict *v)
{
    v->checks.at[CHECK_PARSE].outcome = CHECK_FAIL;
}
static void
unsupported(struct verdict *v)
{
    v->code = SELFSAME_UNSUPPORTED;
}

static void
the_vector_is_as_the_table_of_the_docs_says(void **state)
{
    static const struct {
        void (*bend)(struct verdict *v);
        int vector[TRUST_COUNT];
        bool warns;
    } rows[] = {
        { nothing, { 0, 2, 3, 0, 2, 2, 0, 0 }, false },
        { chip_named, { 2, 2, 3, 0, 2, 2, 0, 0 }, false },
        { chip_differs, { 0, 2, 3, 0, 2, 2, 0, 0 }, false },
        { runtime_compared, { 0, 2, 2, 0, 2, 2, 0, 0 }, false },
        { vendor_warns, { 0, 2, 3, 0, 32, 2, 0, 0 }, true },
        { vendor_is_content, { 0, 2, 3, 0, 2, 2, 0, 0 }, false },
        { tcb_waived, { 0, 2, 3, 0, 32, 2, 0, 0 }, true },
        { tcb_low, { 0, 2, 3, 0, 96, 2, 0, 0 }, true },
        { chip_revoked, { 0, 2, 3, 0, 96, 2, 0, 0 }, true },
        { release_revoked, { 0, 2, 96, 0, 2, 2, 0, 0 }, true },
        { unknown_code, { 0, 2, 33, 0, 2, 2, 0, 0 }, true },
        { debug, { 0, 96, 3, 0, 2, 96, 0, 0 }, true },
        { simulated, { 0, 2, 3, 0, 97, 0, 0, 0 }, true },
        { own_root, { 0, 2, 3, 0, 0, 0, 0, 0 }, false },
        { forged, { 99, 99, 99, 99, 99, 99, 99, 99 }, true },
        { unparsed, { 0 }, false },
        { unsupported, { 0 }, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct verdict v = made_accepted();
        int got[TRUST_COUNT];

        rows[i].bend(&v);
        trust_vector_of(&v, got);
        for (size_t k = 0; k < TRUST_COUNT; k++)
            if (got[k] != rows[i].vector[k])
                fail_msg("row %zu: %s: expected %d, got %d", i,
                    trust_word((enum trust_claim)k), rows[i].vector[k], got[k]);
        assert_int_equal(trust_warns(&v), rows[i].warns);
    }
}

/* AR4SI §2.3.1: the tiers, also of the vendors' negative values. */
static void
tiers_are_those_of_ar4si(void **state)
{
    (void)state;
    for (int v = -128; v <= 127; v++) {
        const enum ear_status want = v >= -1 && v <= 1      ? EAR_NONE
                                     : v >= 2 && v <= 31    ? EAR_AFFIRMING
                                     : v >= -32 && v <= -2  ? EAR_AFFIRMING
                                     : v >= 32 && v <= 95   ? EAR_WARNING
                                     : v >= -96 && v <= -33 ? EAR_WARNING
                                                            : EAR_CONTRAINDICATED;

        assert_int_equal(ear_tier(v), want);
    }
}

/* Whatever is bent, the token that comes of it reads with the verdict's status, never a better one. */
static void
an_accepted_verdict_is_consistent_in_its_token(void **state)
{
    static void (*const bends[])(struct verdict * v) = { nothing, vendor_warns,
        tcb_waived, debug, simulated, own_root };

    (void)state;
    for (size_t i = 0; i < COUNT(bends); i++) {
        auto_arena a = arena_new(1 << 20);
        struct ear_subject s = made_subject();
        struct verdict v = made_accepted();
        struct selfsame_err e = { 0 };
        auto_ear r = { 0 };

        bends[i](&v);
        v.status = i == 0 ? "affirming" : "warning";
        auto_json *j = claims_of(&v, &s);
        assert_code(ear_read(j, &a, &r, &e), SELFSAME_OK, &e);
        assert_string_equal(ear_status_word(r.status), v.status);
    }
}

/* ---- size ---- */

static void
a_token_stays_below_8_kib_and_says_what_it_leaves_out(void **state)
{
    enum { MANY = 600 };
    static struct claim many[MANY];
    auto_arena a = arena_new(4 << 20);
    struct verdict v = made_accepted();
    struct ear_subject s = made_subject();
    struct selfsame_err e = { 0 };
    auto_key *k = NULL;
    char *text;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        many[i] = (struct claim){ arena_printf(&a, "c%zu", i), CLAIM_BYTES, CLAIM_ALONE,
            BYTES_ARR(made_pcr), 0 };
    v.claims.list = many;
    v.claims.count = MANY;
    s.key = made_spki(KEY_RSA4096, &a);
    assert_code(key_generate(KEY_RSA4096, &k, &e), SELFSAME_OK, &e);
    assert_code(ear_jwt(&v, &s, k, JOSE_RS256, &a, &text, &e), SELFSAME_OK, &e);
    assert_in_range(strlen(text), 2000, 8192);
    auto_json *j = claims_of(&v, &s);
    assert_true(json_is_true(token_claim(j, "/claims_left_out")));
    assert_null(token_claim(j, "/submods/nitro/ear.veraison.annotated-evidence"));
    assert_string_equal(text_at(j, "/submods/nitro/ear.status"), "affirming");
    assert_int_equal(strlen(text_at(j, "/claims_digest")), 64);
    /* What must stay and does not fit is an error, not a larger token. */
    char *long_name = arena_alloc(&a, 1, 9000);
    memset(long_name, 'x', 8999);
    s.audience = long_name;
    json_t *none = NULL;
    assert_code(ear_claims(&v, &s, &none, &e), SELFSAME_USAGE, &e);
}

/* ---- reading ---- */

#define EAR(profile, more, submods)                                                    \
    "{\"eat_profile\":\"" profile "\",\"iat\":1666091373" more ",\"submods\":" submods \
    "}"
#define DEPLOYED(more, submods) EAR("tag:github.com,2023:veraison/ear", more, submods)
#define ONE "{\"a\":{\"ear.status\":\"affirming\"}}"

static enum selfsame_code
read_text(const char *text, enum ear_status *ret)
{
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;
    auto_ear r = { 0 };

    TRY(json_parse(bytes_str(text), "test", &j, &e));
    TRY(ear_read(j, &a, &r, &e));
    *ret = r.status;
    return SELFSAME_OK;
}

static void
results_read_as_their_worst_part(void **state)
{
    static const struct {
        const char *text;
        enum selfsame_code code;
        enum ear_status status;
    } rows[] = {
        { DEPLOYED("", ONE), SELFSAME_OK, EAR_AFFIRMING },
        { DEPLOYED(",\"iat2\":1,\"new\":{}", ONE), SELFSAME_OK, EAR_AFFIRMING },
        { DEPLOYED(",\"exp\":1.666529184e+09", ONE), SELFSAME_OK, EAR_AFFIRMING },
        { DEPLOYED(",\"exp\":-1", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"exp\":1e300", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"exp\":9007199254740993", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"exp\":\"1\"", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"nbf\":null", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"iss\":1", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"eat_nonce\":\"12345678\"", ONE), SELFSAME_OK, EAR_AFFIRMING },
        { DEPLOYED(",\"eat_nonce\":[\"12345678\"]", ONE), SELFSAME_OK, EAR_AFFIRMING },
        { DEPLOYED(",\"eat_nonce\":\"1234567\"", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"eat_nonce\":[]", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED(",\"eat_nonce\":[\"12345678\",1]", ONE), SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "{}"), SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "[]"), SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "{\"a\":\"eyJ\"}"), SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "{\"a\":{}}"), SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "{\"a\":{\"ear.status\":\"fine\"}}"), SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "{\"a\":{\"ear.status\":3}}"), SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "{\"a\":{\"ear_status\":\"affirming\"}}"), SELFSAME_MALFORMED,
            0 },
        { DEPLOYED("", "{\"a\":{\"ear.status\":2}}"), SELFSAME_OK, EAR_AFFIRMING },
        { DEPLOYED("", "{\"a\":{\"ear.status\":32}}"), SELFSAME_OK, EAR_WARNING },
        { DEPLOYED("", "{\"a\":{\"ear.status\":96}}"), SELFSAME_OK,
            EAR_CONTRAINDICATED },
        { DEPLOYED("", "{\"a\":{\"ear.status\":\"none\"}}"), SELFSAME_OK, EAR_NONE },
        { DEPLOYED("", "{\"a\":{\"ear.status\":\"affirming\"},\"b\":{\"ear.status\":"
                       "\"warning\"}}"),
            SELFSAME_OK, EAR_WARNING },
        { DEPLOYED("", "{\"a\":{\"ear.status\":\"none\"},\"b\":{\"ear.status\":"
                       "\"affirming\"}}"),
            SELFSAME_OK, EAR_NONE },
        { DEPLOYED(",\"ear_status\":\"warning\"", ONE), SELFSAME_OK, EAR_WARNING },
        { DEPLOYED(",\"ear_status\":\"good\"", ONE), SELFSAME_MALFORMED, 0 },
        /* Under another dialect's names it can only be made worse. */
        { DEPLOYED(",\"ear.status\":\"contraindicated\"", ONE), SELFSAME_OK,
            EAR_CONTRAINDICATED },
        { DEPLOYED("", "{\"a\":{\"ear.status\":\"affirming\",\"ear_status\":96}}"),
            SELFSAME_OK, EAR_CONTRAINDICATED },
        { DEPLOYED("", "{\"a\":{\"ear.status\":\"warning\",\"ear_status\":2}}"),
            SELFSAME_OK, EAR_WARNING },
        { DEPLOYED("",
              "{\"a\":{\"ear.status\":\"affirming\",\"ear_trustworthiness_vector\":{"
              "\"hardware\":97}}}"),
            SELFSAME_OK, EAR_CONTRAINDICATED },
        { DEPLOYED("",
              "{\"a\":{\"ear.status\":\"affirming\",\"ear.trustworthiness-vector\":{"
              "\"hardware\":97}}}"),
            SELFSAME_OK, EAR_CONTRAINDICATED },
        { DEPLOYED("",
              "{\"a\":{\"ear.status\":\"affirming\",\"ear.trustworthiness-vector\":{"
              "\"hardware\":-33}}}"),
            SELFSAME_OK, EAR_WARNING },
        { DEPLOYED("",
              "{\"a\":{\"ear.status\":\"affirming\",\"ear.trustworthiness-vector\":{"
              "\"hardware\":128}}}"),
            SELFSAME_MALFORMED, 0 },
        { DEPLOYED("",
              "{\"a\":{\"ear.status\":\"affirming\",\"ear.trustworthiness-vector\":{"
              "\"hardware\":\"2\"}}}"),
            SELFSAME_MALFORMED, 0 },
        { DEPLOYED("", "{\"a\":{\"ear.status\":\"affirming\",\"ear.veraison.key-"
                       "attestation\":{}}}"),
            SELFSAME_MALFORMED, 0 },
        { EAR("tag:ietf.org,2026:rats/ear#03", "",
              "{\"a\":{\"ear_status\":\"warning\"}}"),
            SELFSAME_OK, EAR_WARNING },
        { EAR("tag:github.com,2024:confidential-containers/Trustee", "", ONE),
            SELFSAME_OK, EAR_AFFIRMING },
        { EAR("tag:github.com,2023:veraison/ears", "", ONE), SELFSAME_UNSUPPORTED, 0 },
        { "{\"iat\":1,\"submods\":" ONE "}", SELFSAME_MALFORMED, 0 },
        { "{\"eat_profile\":\"tag:github.com,2023:veraison/ear\",\"submods\":" ONE "}",
            SELFSAME_MALFORMED, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum ear_status got = EAR_NONE;
        const enum selfsame_code code = read_text(rows[i].text, &got);

        if (code != rows[i].code || (code == SELFSAME_OK && got != rows[i].status))
            fail_msg("%s: %s, %s", rows[i].text, selfsame_code_name(code),
                ear_status_word(got));
    }
}

/* ../shared/vectors/ear and eat, as MANIFEST.tsv says what they are. */
static void
results_of_others_read_as_they_say(void **state)
{
    static const struct {
        const char *path;
        enum selfsame_code code;
        enum ear_status status;
    } rows[] = {
        { "ear/confidential-containers+trustee/example.token.json", SELFSAME_OK,
            EAR_CONTRAINDICATED },
        { "ear/ietf-rats-wg+draft-ietf-rats-ear/ear-json-1.diag", SELFSAME_OK,
            EAR_CONTRAINDICATED },
        { "ear/ietf-rats-wg+draft-ietf-rats-ear/ear-json-2.diag", SELFSAME_OK,
            EAR_AFFIRMING },
        { "ear/ietf-rats-wg+draft-ietf-rats-ear/ext-teep-json-1.diag", SELFSAME_OK,
            EAR_CONTRAINDICATED },
        { "ear/ietf-rats-wg+draft-ietf-rats-ear/ext-veraison-json-1.diag", SELFSAME_OK,
            EAR_CONTRAINDICATED },
        { "ear/ietf-rats-wg+draft-ietf-rats-ear/ext-veraison-json-2.diag", SELFSAME_OK,
            EAR_AFFIRMING },
        { "ear/veraison+ear/claims/ear-claims-tv-ok.json", SELFSAME_OK, EAR_AFFIRMING },
        { "ear/veraison+ear/claims/ear-claims.json", SELFSAME_OK, EAR_AFFIRMING },
        /* Evidence, and a bundle: no results. */
        { "eat/ietf-rats-wg+eat/simple.json", SELFSAME_MALFORMED, 0 },
        { "eat/ietf-rats-wg+eat/submods.json", SELFSAME_MALFORMED, 0 },
        { "eat/ietf-rats-wg+eat/valid_results.json", SELFSAME_MALFORMED, 0 },
        { "eat/ietf-rats-wg+eat/deb.json", SELFSAME_MALFORMED, 0 },
    };

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_bytes in = shared_file(
            arena_printf(&a, "vectors/%s", rows[i].path), &a);
        enum ear_status got = EAR_NONE;

        assert_non_null(in.ptr);
        const enum selfsame_code code = read_text(arena_str(&a, in), &got);
        if (code != rows[i].code || (code == SELFSAME_OK && got != rows[i].status))
            fail_msg("%s: %s, %s", rows[i].path, selfsame_code_name(code),
                ear_status_word(got));
    }
}

static void
veraisons_tokens_verify_by_veraisons_key_alone(void **state)
{
    static const char *const paths[] = { "vectors/ear/veraison+ear/testJWT.jwt",
        "vectors/ear/veraison+ear/testJWT_JWK.jwt" };

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(paths); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes text = shared_file(paths[i], &a);
        struct token_rules rules = {
            .any_issuer = true,
            .any_audience = true,
            .has_time = true,
            .now_s = 1666091373 + 100,
            .max_age_s = 200,
        };
        struct jwks set, other;
        auto_token t = { 0 };

        while (text.len > 0 && text.ptr[text.len - 1] == '\n')
            text.len--;
        assert_code(jwks_parse(shared_file("vectors/ear/veraison+ear/pkey.json", &a),
                        &a, &set, &e),
            SELFSAME_OK, &e);
        assert_code(token_open(text, &set, &a, &t, &e), SELFSAME_OK, &e);
        assert_int_equal(t.ear.profile, EAR_OF_VERAISON);
        assert_int_equal(t.ear.submods[0].vector[TRUST_EXECUTABLES], 3);
        assert_code(token_check(&t.ear, &rules, &e), SELFSAME_OK, &e);
        rules.now_s += 200;
        assert_code(token_check(&t.ear, &rules, &e), SELFSAME_STALE, &e);
        /* The key in the header of the second is the right one; it counts for nothing. */
        struct jwk stranger;
        assert_code(jwk_of_spki(made_spki(KEY_P256, &a), JOSE_NONE, &a, &stranger, &e),
            SELFSAME_OK, &e);
        stranger.kid = NULL;
        other = (struct jwks){ &stranger, 1 };
        auto_token none = { 0 };
        assert_code(
            token_open(text, &other, &a, &none, &e), SELFSAME_BAD_SIGNATURE, &e);
    }
}

/* ---- memory ---- */

static long countdown;

static void *
scarce_malloc(size_t n)
{
    return countdown > 0 && --countdown == 0 ? NULL : malloc(n);
}

/* jansson can do without some of its allocations, but nothing may be lost of a token. */
static void
claims_survive_every_failed_allocation(void **state)
{
    auto_arena a = arena_new(1 << 20);
    struct verdict v = made_refused(CHECK_TCB, SELFSAME_TCB);
    struct ear_subject s = made_subject();
    struct selfsame_err e = { 0 };
    bool done = false;
    size_t failed = 0;

    (void)state;
    s.key = made_spki(KEY_P256, &a);
    auto_json *whole = claims_of(&v, &s);
    json_set_alloc_funcs(scarce_malloc, free);
    for (long at = 1; !done; at++) {
        json_t *j = NULL;

        countdown = at;
        enum selfsame_code c = ear_claims(&v, &s, &j, &e);
        done = countdown > 0;
        countdown = 0;
        assert_true(c == SELFSAME_OK || c == SELFSAME_NOMEM);
        const char *name;
        json_t *member;
        json_object_foreach(
            whole, name, member) if (c == SELFSAME_OK &&
                                     !json_equal(member, json_object_get(j, name)))
            fail_msg("allocation %ld: %s", at, name);
        failed += c == SELFSAME_NOMEM;
        json_decref(j);
    }
    json_set_alloc_funcs(malloc, free);
    assert_true(failed > 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_dialects_say_the_same_in_their_own_names),
        cmocka_unit_test(refused_evidence_names_no_release),
        cmocka_unit_test(forged_evidence_tells_no_claims_and_no_measurement),
        cmocka_unit_test(a_key_is_named_only_where_the_binding_held),
        cmocka_unit_test(the_vector_is_as_the_table_of_the_docs_says),
        cmocka_unit_test(tiers_are_those_of_ar4si),
        cmocka_unit_test(an_accepted_verdict_is_consistent_in_its_token),
        cmocka_unit_test(a_token_stays_below_8_kib_and_says_what_it_leaves_out),
        cmocka_unit_test(results_read_as_their_worst_part),
        cmocka_unit_test(results_of_others_read_as_they_say),
        cmocka_unit_test(veraisons_tokens_verify_by_veraisons_key_alone),
        cmocka_unit_test(claims_survive_every_failed_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
