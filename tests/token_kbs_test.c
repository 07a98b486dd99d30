/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cmw.h"
#include "token/kbs.h"

/* What Trustee's clients send: requests, what they hash, and evidence in JSON. */

#define X "usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8"
#define Y "IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4"
#define KEY                                                                   \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"" X \
    "\",\"y\":\"" Y "\"}"
#define RSA "{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP-256\",\"n\":\"" X "\",\"e\":\"AQAB\"}"
#define NONCE "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define ATTEST(nonce, key, primary, more)                                           \
    "{\"init-data\":null,\"runtime-data\":{\"nonce\":" nonce ",\"tee-pubkey\":" key \
    "},\"tee-evidence\":{\"primary_evidence\":" primary                             \
    ",\"additional_evidence\":" more "}}"

static json_t *
parsed(const char *text)
{
    struct selfsame_err e = { 0 };
    json_t *j = NULL;

    assert_code(json_parse(bytes_str(text), "test", &j, &e), SELFSAME_OK, &e);
    return j;
}

static const struct {
    const char *body;
    enum selfsame_code want;
    enum kbs_tee tee;
} auths[] = {
    { "{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":\"\"}", SELFSAME_OK,
        KBS_SNP },
    { "{\"version\":\"0.4.0\",\"tee\":\"tdx\",\"extra-params\":{\"a\":[1]}}",
        SELFSAME_OK, KBS_TDX },
    { "{\"version\":\"0.4.0\",\"tee\":\"sgx\"}", SELFSAME_OK, KBS_SGX },
    { "{\"version\":\"0.4.1\",\"tee\":\"snp\"}", SELFSAME_UNSUPPORTED, 0 },
    { "{\"version\":\"0.4\",\"tee\":\"snp\"}", SELFSAME_UNSUPPORTED, 0 },
    { "{\"version\":\"0.4.0\",\"tee\":\"sample\"}", SELFSAME_UNSUPPORTED, 0 },
    { "{\"version\":\"0.4.0\",\"tee\":\"\"}", SELFSAME_UNSUPPORTED, 0 },
    { "{\"version\":\"0.4.0\",\"tee\":1}", SELFSAME_MALFORMED, 0 },
    { "{\"tee\":\"snp\"}", SELFSAME_MALFORMED, 0 },
    { "{}", SELFSAME_MALFORMED, 0 },
    { "[]", SELFSAME_MALFORMED, 0 },
};

static void
challenges_are_for_known_tees(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(auths); i++) {
        auto_json *j = parsed(auths[i].body);
        struct selfsame_err e = { 0 };
        enum kbs_tee tee = KBS_NONE;
        enum selfsame_code code = kbs_auth_read(j, &tee, &e);

        if (code != auths[i].want)
            fail_msg("%s: %s", auths[i].body, selfsame_code_name(code));
        assert_int_equal(tee, auths[i].tee);
    }
    assert_string_equal(kbs_tee_word(KBS_TDX), "tdx");
    assert_string_equal(kbs_tee_word(KBS_NONE), "none");
    assert_string_equal(kbs_tee_word(9), "none");
}

/* What guest-components hashes for this nonce and key. */
static void
report_data_is_the_one_of_the_protocol(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    auto_json *j = parsed(ATTEST("\"" NONCE "\"", KEY, "{}", "\"\""));
    struct selfsame_bytes text = BYTES_NONE;
    struct selfsame_err e = { 0 };
    uint8_t data[KBS_REPORT_DATA];
    struct kbs_attest a;

    (void)state;
    assert_code(kbs_attest_read(j, &arena, &a, &e), SELFSAME_OK, &e);
    assert_code(kbs_runtime_data(&a, &arena, &text, &e), SELFSAME_OK, &e);
    assert_bytes(text,
        BYTES_LIT("{\"additional-evidence\":\"\",\"nonce\":\"" NONCE
                  "\",\"tee-pubkey\":{\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\","
                  "\"kty\":\"EC\",\"x\":\"" X "\",\"y\":\"" Y "\"}}"));
    assert_code(kbs_report_data(&a, &arena, data, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES(data, 48), unhex("f309278312dc956ed4f75f01eca01176657becbaa93e3b"
                                        "c33c4943dee9e905cd1c9e9cb44731"
                                        "2cc4abb79a76b76d8912",
                                      &arena));
    assert_true(bytes_is_zero(BYTES(data + 48, 16)));
    assert_int_equal(a.to.kind, ENVELOPE_EC);
}

/* RFC 8785 §3.2.2.2: texts of others as that writes them. */
static void
texts_are_escaped_as_jcs_does(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    auto_json *j = parsed(ATTEST(
        "\"\\u20ac$\\u000f\\nA'B\\\"\\\\\\\"/\\u007f\\b\\f\\r\\t\\ud83d\\ude00\"", RSA,
        "{}", "\"\""));
    struct selfsame_bytes text = BYTES_NONE;
    struct selfsame_err e = { 0 };
    struct kbs_attest a;

    (void)state;
    assert_code(kbs_attest_read(j, &arena, &a, &e), SELFSAME_OK, &e);
    assert_int_equal(a.to.kind, ENVELOPE_RSA);
    assert_code(kbs_runtime_data(&a, &arena, &text, &e), SELFSAME_OK, &e);
    assert_bytes(text,
        BYTES_LIT(
            "{\"additional-evidence\":\"\",\"nonce\":\"\xe2\x82\xac$\\u000f\\nA'B\\\""
            "\\\\\\\"/\x7f\\b\\f\\r\\t\xf0\x9f\x98\x80\",\"tee-pubkey\":{\"alg\":"
            "\"RSA-OAEP-256\",\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" X "\"}}"));
}

static const struct {
    const char *body;
    enum selfsame_code want;
} attests[] = {
    { ATTEST("\"n\"", KEY, "{}", "\"\""), SELFSAME_OK },
    { ATTEST("\"n\"", KEY, "{}", "\"{\\\"nvidia\\\":{}}\""), SELFSAME_UNSUPPORTED },
    { ATTEST("\"n\"", KEY, "{}", "null"), SELFSAME_MALFORMED },
    { ATTEST("\"n\"", KEY, "\"\"", "\"\""), SELFSAME_MALFORMED },
    { ATTEST("\"n\"", KEY, "[]", "\"\""), SELFSAME_MALFORMED },
    { ATTEST("1", KEY, "{}", "\"\""), SELFSAME_MALFORMED },
    { ATTEST("\"n\"", "[]", "{}", "\"\""), SELFSAME_MALFORMED },
    { ATTEST("\"n\"", "{}", "{}", "\"\""), SELFSAME_MALFORMED },
    { ATTEST("\"n\"",
          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}", "{}",
          "\"\""),
        SELFSAME_MALFORMED },
    { ATTEST("\"n\"",
          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"" X
          "\",\"y\":\"" Y "\",\"kid\":\"1\"}",
          "{}", "\"\""),
        SELFSAME_MALFORMED },
    { ATTEST("\"n\"",
          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES\",\"x\":\"" X
          "\",\"y\":\"" Y "\"}",
          "{}", "\"\""),
        SELFSAME_UNSUPPORTED },
    { ATTEST("\"n\"",
          "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"\\\"\","
          "\"y\":\"" Y "\"}",
          "{}", "\"\""),
        SELFSAME_MALFORMED },
    { ATTEST("\"n\"",
          "{\"kty\":\"RSA\",\"alg\":\"RSA1_5\",\"n\":\"" X "\",\"e\":\"AQAB\"}", "{}",
          "\"\""),
        SELFSAME_UNSUPPORTED },
    { "{\"runtime-data\":null,\"tee-evidence\":null}", SELFSAME_MALFORMED },
    { "{}", SELFSAME_MALFORMED },
    { "[1]", SELFSAME_MALFORMED },
};

static void
answers_have_their_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(attests); i++) {
        auto_arena arena = arena_new(1 << 16);
        auto_json *j = parsed(attests[i].body);
        struct selfsame_err e = { 0 };
        struct kbs_attest a;
        enum selfsame_code code = kbs_attest_read(j, &arena, &a, &e);

        if (code != attests[i].want)
            fail_msg("%s: %s", attests[i].body, selfsame_code_name(code));
    }
}

/* ---- evidence ---- */

enum { SIZE = 1184 };

static void
put_octets(json_t *j, const char *name, const uint8_t *raw, size_t len)
{
    json_t *list = json_array();

    for (size_t i = 0; i < len; i++)
        assert_int_equal(json_array_append_new(list, json_integer(raw[i])), 0);
    assert_int_equal(json_object_set_new(j, name, list), 0);
}

static uint64_t
little(const uint8_t *raw, size_t len)
{
    uint64_t v = 0;

    for (size_t i = len; i-- > 0;)
        v = v << 8 | raw[i];
    return v;
}

static void
put_number(json_t *j, const char *name, uint64_t v)
{
    assert_int_equal(json_object_set_new(j, name, json_integer((json_int_t)v)), 0);
}

static void
put_tcb(json_t *j, const char *name, const uint8_t *raw, bool turin)
{
    json_t *t = json_object();

    assert_int_equal(
        json_object_set_new(t, "fmc", turin ? json_integer(raw[0]) : json_null()), 0);
    put_number(t, "bootloader", raw[turin ? 1 : 0]);
    put_number(t, "tee", raw[turin ? 2 : 1]);
    put_number(t, "snp", raw[turin ? 3 : 6]);
    put_number(t, "microcode", raw[7]);
    assert_int_equal(json_object_set_new(j, name, t), 0);
}

static void
put_version(json_t *j, const char *name, const uint8_t *raw)
{
    assert_int_equal(json_object_set_new(j, name,
                         json_pack("{s:i,s:i,s:i}", "major", raw[2], "minor", raw[1],
                             "build", raw[0])),
        0);
}

/* As virtee/sev parses it and serde writes it. */
static json_t *
snp_json(const uint8_t *raw, bool turin)
{
    json_t *j = json_object(), *signature = json_object();
    const uint64_t version = little(raw, 4);

    put_number(j, "version", version);
    put_number(j, "guest_svn", little(raw + 4, 4));
    put_number(j, "policy", little(raw + 8, 8));
    put_octets(j, "family_id", raw + 0x10, 16);
    put_octets(j, "image_id", raw + 0x20, 16);
    put_number(j, "vmpl", little(raw + 0x30, 4));
    put_number(j, "sig_algo", little(raw + 0x34, 4));
    put_tcb(j, "current_tcb", raw + 0x38, turin);
    put_number(j, "plat_info", little(raw + 0x40, 8));
    put_number(j, "key_info", little(raw + 0x48, 4));
    put_octets(j, "report_data", raw + 0x50, 64);
    put_octets(j, "measurement", raw + 0x90, 48);
    put_octets(j, "host_data", raw + 0xc0, 32);
    put_octets(j, "id_key_digest", raw + 0xe0, 48);
    put_octets(j, "author_key_digest", raw + 0x110, 48);
    put_octets(j, "report_id", raw + 0x140, 32);
    put_octets(j, "report_id_ma", raw + 0x160, 32);
    put_tcb(j, "reported_tcb", raw + 0x180, turin);
    if (version >= 3) {
        put_number(j, "cpuid_fam_id", raw[0x188]);
        put_number(j, "cpuid_mod_id", raw[0x189]);
        put_number(j, "cpuid_step", raw[0x18a]);
    }
    put_octets(j, "chip_id", raw + 0x1a0, 64);
    put_tcb(j, "committed_tcb", raw + 0x1e0, turin);
    put_version(j, "current", raw + 0x1e8);
    put_version(j, "committed", raw + 0x1ec);
    put_tcb(j, "launch_tcb", raw + 0x1f0, turin);
    if (version >= 5) {
        put_number(j, "launch_mit_vector", little(raw + 0x1f8, 8));
        put_number(j, "current_mit_vector", little(raw + 0x200, 8));
    }
    put_octets(signature, "r", raw + 0x2a0, 72);
    put_octets(signature, "s", raw + 0x2e8, 72);
    assert_int_equal(json_object_set_new(j, "signature", signature), 0);
    return j;
}

/* A report whose bytes all differ, but for those that are reserved. */
static void
make_report(uint8_t raw[static SIZE], uint32_t version, bool turin)
{
    static const uint16_t tcbs[] = { 0x38, 0x180, 0x1e0, 0x1f0 };

    for (size_t i = 0; i < SIZE; i++)
        raw[i] = (uint8_t)(i * 37 + 11);
    raw[0] = (uint8_t)version;
    memset(raw + 1, 0, 3);
    raw[0x0f] = 0x01, raw[0x47] = 0x02; /* numbers of 63 bits */
    memset(raw + 0x4c, 0, 4);
    memset(raw + (version >= 3 ? 0x18b : 0x188), 0, version >= 3 ? 21 : 24);
    raw[0x1eb] = raw[0x1ef] = 0;
    memset(raw + (version >= 5 ? 0x208 : 0x1f8), 0, version >= 5 ? 152 : 168);
    raw[0x1ff] = version >= 5 ? 0x03 : 0, raw[0x207] = version >= 5 ? 0x04 : 0;
    memset(raw + 0x330, 0, 368);
    for (size_t i = 0; i < COUNT(tcbs); i++)
        memset(raw + tcbs[i] + (turin ? 4 : 2), 0, turin ? 3 : 4);
}

static enum selfsame_code
rebuilt(json_t *report, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    auto_json *primary = json_pack(
        "{s:O,s:n}", "attestation_report", report, "cert_chain");
    struct selfsame_bytes cmw = BYTES_NONE;
    struct cmw parts;

    assert_non_null(primary);
    TRY(kbs_evidence(KBS_SNP, primary, arena, &cmw, e));
    TRY(cmw_parse(cmw, arena, &parts, e));
    assert_int_equal(parts.count, 1);
    assert_int_equal(parts.entries[0].ind, CMW_EVIDENCE);
    assert_bytes(parts.entries[0].type, BYTES_LIT("application/vnd.attest.snp"));
    *ret = parts.entries[0].value;
    return SELFSAME_OK;
}

static const struct {
    uint32_t version;
    bool turin;
} reports[] = { { 2, false }, { 2, true }, { 3, false }, { 3, true }, { 4, false },
    { 5, false }, { 5, true } };

static void
a_report_is_the_same_bytes_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(reports); i++) {
        auto_arena arena = arena_new(1 << 18);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes got = BYTES_NONE;
        uint8_t raw[SIZE];

        make_report(raw, reports[i].version, reports[i].turin);
        auto_json *j = snp_json(raw, reports[i].turin);
        assert_code(rebuilt(j, &arena, &got, &e), SELFSAME_OK, &e);
        assert_bytes(got, BYTES_ARR(raw));
    }
}

/* Each member: missing, of another type, out of bounds, one too many, one too few. */
static void
each_member_counts(void **state)
{
    uint8_t raw[SIZE];
    const char *name;
    json_t *v;
    void *next;

    (void)state;
    make_report(raw, 5, true);
    auto_json *good = snp_json(raw, true);
    json_object_foreach_safe(good, next, name, v)
    {
        json_t *bad[] = { NULL, json_string("1"), json_integer(-1), json_real(1.5),
            json_array(), json_object(), json_integer(INT64_MAX), json_null() };

        if (json_is_array(v)) {
            json_t *longer = json_deep_copy(v), *odd = json_deep_copy(v);

            assert_int_equal(json_array_append_new(longer, json_integer(0)), 0);
            assert_int_equal(json_array_set_new(odd, 0, json_integer(256)), 0);
            json_decref(bad[4]);
            bad[4] = longer;
            json_decref(bad[5]);
            bad[5] = odd;
        }
        for (size_t i = 0; i < COUNT(bad); i++) {
            auto_arena arena = arena_new(1 << 18);
            auto_json *j = json_deep_copy(good);
            struct selfsame_err e = { 0 };
            struct selfsame_bytes got = BYTES_NONE;
            bool wide = json_is_integer(v) && (strcmp(name, "policy") == 0 ||
                                                  strcmp(name, "plat_info") == 0 ||
                                                  strstr(name, "mit_vector") != NULL);

            if (bad[i] == NULL)
                assert_int_equal(json_object_del(j, name), 0);
            else
                assert_int_equal(json_object_set_new(j, name, bad[i]), 0);
            enum selfsame_code code = rebuilt(j, &arena, &got, &e);
            enum selfsame_code want = strcmp(name, "version") == 0 && i == 6
                                          ? SELFSAME_MALFORMED
                                      : wide && i == 6 ? SELFSAME_OK
                                                       : SELFSAME_MALFORMED;
            if (code != want)
                fail_msg("%s, case %zu: %s", name, i, selfsame_code_name(code));
        }
    }
}

static void
versions_that_are_not_known_are_refused(void **state)
{
    static const int versions[] = { 0, 1, 6, 255 };

    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        auto_arena arena = arena_new(1 << 18);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes got = BYTES_NONE;
        uint8_t raw[SIZE];

        make_report(raw, 5, false);
        auto_json *j = snp_json(raw, false);
        put_number(j, "version", (uint64_t)versions[i]);
        assert_code(rebuilt(j, &arena, &got, &e), SELFSAME_UNSUPPORTED, &e);
    }
    /* A report of version 2 has no processor. */
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes got = BYTES_NONE;
    uint8_t raw[SIZE];
    make_report(raw, 2, false);
    auto_json *j = snp_json(raw, false);
    put_number(j, "cpuid_step", 1);
    assert_code(rebuilt(j, &arena, &got, &e), SELFSAME_MALFORMED, &e);
}

static void
certificates_and_logs_come_along(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes cmw = BYTES_NONE;
    struct selfsame_err e = { 0 };
    struct cmw parts;
    uint8_t raw[SIZE];

    (void)state;
    make_report(raw, 3, false);
    auto_json *snp = json_pack("{s:o,s:[{s:s,s:[iii]},{s:{s:s},s:[i]}]}",
        "attestation_report", snp_json(raw, false), "cert_chain", "cert_type", "VCEK",
        "data", 48, 1, 255, "cert_type", "OTHER", "x", "data", 7);
    assert_non_null(snp);
    assert_code(kbs_evidence(KBS_SNP, snp, &arena, &cmw, &e), SELFSAME_OK, &e);
    assert_code(cmw_parse(cmw, &arena, &parts, &e), SELFSAME_OK, &e);
    assert_int_equal(parts.count, 3);
    const struct cmw_entry *cert = cmw_label(&parts, "certificate-1");
    assert_non_null(cert);
    assert_int_equal(cert->ind, CMW_ENDORSEMENTS);
    assert_bytes(cert->value, BYTES_LIT("\x30\x01\xff"));
    auto_json *tdx = json_pack("{s:s,s:s}", "quote", "AAEC", "cc_eventlog", "/w==");
    assert_code(kbs_evidence(KBS_TDX, tdx, &arena, &cmw, &e), SELFSAME_OK, &e);
    assert_code(cmw_parse(cmw, &arena, &parts, &e), SELFSAME_OK, &e);
    assert_int_equal(parts.count, 2);
    assert_bytes(cmw_find(&parts, "application/vnd.attest.tdx")->value,
        BYTES_LIT("\x00\x01\x02"));
    assert_bytes(cmw_label(&parts, "event-log")->value, BYTES_LIT("\xff"));
    auto_json *sgx = json_pack("{s:s}", "quote", "AAEC");
    assert_code(kbs_evidence(KBS_SGX, sgx, &arena, &cmw, &e), SELFSAME_OK, &e);
    assert_code(cmw_parse(cmw, &arena, &parts, &e), SELFSAME_OK, &e);
    assert_false(parts.collection);
    assert_code(
        kbs_evidence(KBS_NONE, sgx, &arena, &cmw, &e), SELFSAME_UNSUPPORTED, &e);
    assert_code(kbs_evidence(KBS_SNP, sgx, &arena, &cmw, &e), SELFSAME_MALFORMED, &e);
    static const char *const bad[] = { "{}", "{\"quote\":\"\"}", "{\"quote\":\"A\"}",
        "{\"quote\":7}", "{\"quote\":\"AAEC\",\"cc_eventlog\":7}",
        "{\"quote\":\"AAEC\",\"cc_eventlog\":\"\"}" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        auto_json *j = parsed(bad[i]);
        assert_code(kbs_evidence(KBS_TDX, j, &arena, &cmw, &e), SELFSAME_MALFORMED, &e);
    }
}

static void
no_memory_is_told(void **state)
{
    auto_json *j = parsed(
        ATTEST("\"n\"", KEY, "{\"quote\":\"AAEC\",\"cc_eventlog\":\"AAEC\"}", "\"\""));
    enum selfsame_code code = SELFSAME_NOMEM;
    long at = 1;

    (void)state;
    for (; code == SELFSAME_NOMEM && at < 100; at++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_bytes cmw = BYTES_NONE;
        struct selfsame_err e = { 0 };
        uint8_t data[KBS_REPORT_DATA];
        struct kbs_attest a;

        arena.fail_at = at;
        code = kbs_attest_read(j, &arena, &a, &e);
        if (code == SELFSAME_OK)
            code = kbs_report_data(&a, &arena, data, &e);
        if (code == SELFSAME_OK)
            code = kbs_evidence(KBS_TDX, a.primary, &arena, &cmw, &e);
    }
    assert_int_equal(code, SELFSAME_OK);
    assert_true(at > 6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges_are_for_known_tees),
        cmocka_unit_test(report_data_is_the_one_of_the_protocol),
        cmocka_unit_test(texts_are_escaped_as_jcs_does),
        cmocka_unit_test(answers_have_their_form),
        cmocka_unit_test(a_report_is_the_same_bytes_again),
        cmocka_unit_test(each_member_counts),
        cmocka_unit_test(versions_that_are_not_known_are_refused),
        cmocka_unit_test(certificates_and_logs_come_along),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
