/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "appraise/appraise.h"
#include "tee/snp/snp.h"

/*
 * Options of a TEE: how policies say them, and which claims break them. Most cases
 * are SEV-SNP's own rules: there the directions matter (a permission must not be
 * granted, a restriction must be in force), which verifiers have got wrong before.
 */
static const char *const toy_level[] = { "level.a", "level.b", NULL };
static const char *const toy_id[] = { "id", NULL };
static const struct tee_rule toy_rules[] = {
    { .option = "min.level",
        .kind = RULE_MIN,
        .check = CHECK_TCB,
        .code = SELFSAME_TCB,
        .paths = toy_level,
        .help = "levels" },
    { .option = "ids",
        .kind = RULE_ONE_OF_HEX,
        .check = CHECK_POLICY,
        .code = SELFSAME_DENIED,
        .paths = toy_id,
        .help = "ids" },
};
static const struct tee_facts facts[] = {
    { .name = "toy", .rules = toy_rules, .rule_count = COUNT(toy_rules) },
    { .name = "snp", .pins = snp_pins, .rules = snp_rules, .rule_count = SNP_RULES },
};

static enum selfsame_code
parse(const char *tee, struct arena *a, struct policy *p, struct selfsame_err *e)
{
    const char *text = arena_printf(a,
        "{\"selfsame_policy\":1,\"tee\":%s,\"freshness\":{\"nonce\":true},"
        "\"binding\":\"key\"}",
        tee);

    return policy_parse(bytes_str(text), facts, COUNT(facts), a, p, e);
}

static void
wrong_options_name_the_member(void **state)
{
    static const struct {
        const char *tee, *says;
    } cases[] = {
        { "{\"snp\":{\"colour\":1}}", "tee.snp.colour" },
        { "{\"snp\":{\"min_tcb\":7}}", "tee.snp.min_tcb" },
        { "{\"snp\":{\"min_tcb\":{\"snpp\":7}}}", "tee.snp.min_tcb.snpp" },
        { "{\"snp\":{\"min_tcb.snp\":7}}", "tee.snp.min_tcb.snp" },
        { "{\"snp\":{\"min_tcb\":{\"snp\":-1}}}", "whole number" },
        { "{\"snp\":{\"min_tcb\":{\"snp\":[1]}}}", "whole number" },
        { "{\"snp\":{\"min_tcb\":{\"snp\":1.5}}}", "whole number" },
        { "{\"snp\":{\"min_tcb\":{\"snp\":\"1\"}}}", "whole number" },
        { "{\"snp\":{\"vmpl\":[]}}", "1 to" },
        { "{\"snp\":{\"vmpl\":[0,true]}}", "tee.snp.vmpl[1]" },
        { "{\"snp\":{\"guest_policy\":{\"smt\":1}}}", "true or false" },
        { "{\"snp\":{\"chip_ids\":[\"xx\"]}}", "tee.snp.chip_ids[0]" },
        { "{\"snp\":{\"chip_ids\":\"\"}}", "hex" },
        { "{\"snp\":{\"id_key_digests\":[\"0000\"]}}", "all-zero" },
        { "{\"snp\":{\"products\":[\"\"]}}", "string" },
        { "{\"snp\":[]}", "an object" },
        { "{\"toy\":{\"min\":{\"level\":{}}}}", "whole number" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;

        assert_code(parse(cases[i].tee, &a, &p, &e), SELFSAME_USAGE, &e);
        if (strstr(err_text(&e), cases[i].says) == NULL)
            fail_msg("%s: it says \"%s\"", cases[i].tee, err_text(&e));
    }
}

/* ---- applying ---- */

static struct check
judge(const char *tee, const struct claim *list, size_t count, enum check_name name)
{
    static const struct check pass = { .outcome = CHECK_PASS, .detail = "fine" };
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct policy p;
    struct checks checks = { 0 };
    struct selfsame_claims claims = { .tee = tee[2] == 't' ? "toy" : "snp",
        .authentic = true,
        .list = list,
        .count = count };
    const struct appraisal in = { .now_ms = 1 };

    assert_code(parse(tee, &a, &p, &e), SELFSAME_OK, &e);
    checks.at[CHECK_PARSE] = pass;
    checks.at[CHECK_TCB] = pass;
    appraise(&p, &claims, &in, &a, &checks);
    struct check k = checks.at[name];
    k.detail = NULL; /* it lives in the arena */
    return k;
}

#define UINT(p, n)                                     \
    {                                                  \
        .path = (p), .kind = CLAIM_UINT, .number = (n) \
    }
#define BOOL(p, n)                                     \
    {                                                  \
        .path = (p), .kind = CLAIM_BOOL, .number = (n) \
    }

static void
minima_hold_for_every_level(void **state)
{
    static const struct {
        uint64_t a, b;
        enum check_outcome want;
    } cases[] = {
        { 5, 5, CHECK_PASS },
        { 6, 255, CHECK_PASS },
        { 4, 9, CHECK_FAIL },
        { 9, 4, CHECK_FAIL },
        { 0, 0, CHECK_FAIL },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct claim list[] = { UINT("level.a", cases[i].a),
            UINT("level.b", cases[i].b) };
        struct check k = judge("{\"toy\":{\"min\":{\"level\":5}}}", list, 2, CHECK_TCB);

        assert_int_equal(k.outcome, cases[i].want);
        assert_int_equal(
            k.code, cases[i].want == CHECK_FAIL ? SELFSAME_TCB : SELFSAME_OK);
    }
    /* A level that is not told is none. */
    const struct claim half[] = { UINT("level.a", 9) };
    assert_int_equal(
        judge("{\"toy\":{\"min\":{\"level\":0}}}", half, 1, CHECK_TCB).outcome,
        CHECK_FAIL);
}

/* What an honest report of today says; each case changes one claim. */
static const struct claim snp_usual[] = {
    { .path = "product", .kind = CLAIM_TEXT, .bytes = { (const uint8_t *)"Milan", 5 } },
    UINT("vmpl", 0),
    UINT("guest_svn", 3),
    BOOL("policy.smt", 1),
    BOOL("policy.migrate_ma", 0),
    BOOL("policy.cxl", 0),
    BOOL("policy.single_socket", 0),
    BOOL("policy.mem_aes_256_xts", 0),
    BOOL("policy.rapl_dis", 0),
    BOOL("policy.ciphertext_hiding", 0),
    BOOL("policy.page_swap_disable", 0),
    BOOL("platform.smt", 1),
    BOOL("platform.tsme", 0),
    BOOL("platform.ecc", 0),
    BOOL("platform.rapl_dis", 0),
    BOOL("platform.ciphertext_hiding", 0),
    BOOL("platform.alias_check", 0),
    BOOL("platform.tio", 0),
    { .path = "chip_id", .kind = CLAIM_BYTES, .bytes = { (const uint8_t *)"\xaa", 1 } },
};

static enum check_outcome
policy_with(const char *options, const char *path, uint64_t number)
{
    struct claim list[COUNT(snp_usual)];
    char tee[200];

    memcpy(list, snp_usual, sizeof(list));
    for (size_t i = 0; path != NULL && i < COUNT(list); i++)
        if (strcmp(list[i].path, path) == 0)
            list[i].number = number;
    (void)snprintf(tee, sizeof(tee), "{\"snp\":%s}", options);
    return judge(tee, list, COUNT(list), CHECK_POLICY).outcome;
}

static void
permissions_and_restrictions_point_the_right_way(void **state)
{
    static const struct {
        const char *option, *path;
        bool permission, by_default;
    } bits[] = {
        { "guest_policy.smt", "policy.smt", true, true },
        { "guest_policy.migrate_ma", "policy.migrate_ma", true, false },
        { "guest_policy.cxl", "policy.cxl", true, false },
        { "guest_policy.single_socket", "policy.single_socket", false, false },
        { "guest_policy.mem_aes_256_xts", "policy.mem_aes_256_xts", false, false },
        { "guest_policy.rapl_dis", "policy.rapl_dis", false, false },
        { "guest_policy.ciphertext_hiding", "policy.ciphertext_hiding", false, false },
        { "guest_policy.page_swap_disable", "policy.page_swap_disable", false, false },
        { "platform.smt", "platform.smt", true, true },
        { "platform.tsme", "platform.tsme", false, false },
        { "platform.ecc", "platform.ecc", false, false },
        { "platform.rapl_dis", "platform.rapl_dis", false, false },
        { "platform.ciphertext_hiding", "platform.ciphertext_hiding", false, false },
        { "platform.alias_check", "platform.alias_check", false, false },
        { "platform.tio", "platform.tio", false, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bits); i++) {
        const char *dot = strchr(bits[i].option, '.');

        for (unsigned set = 0; set <= 2; set++) /* 2: the policy is silent */
            for (uint64_t claim = 0; claim <= 1; claim++) {
                char options[120] = "{}";
                bool on = set == 2 ? bits[i].by_default : set == 1;
                bool pass = bits[i].permission ? claim == 0 || on : claim == 1 || !on;

                if (set < 2)
                    (void)snprintf(options, sizeof(options), "{\"%.*s\":{\"%s\":%s}}",
                        (int)(dot - bits[i].option), bits[i].option, dot + 1,
                        set == 1 ? "true" : "false");
                if (policy_with(options, bits[i].path, claim) !=
                    (pass ? CHECK_PASS : CHECK_FAIL))
                    fail_msg(
                        "%s, policy %u, claim %d", bits[i].option, set, (int)claim);
            }
    }
}

static void
lists_and_defaults_hold(void **state)
{
    (void)state;
    assert_int_equal(policy_with("{}", "vmpl", 0), CHECK_PASS);
    assert_int_equal(policy_with("{}", "vmpl", 1), CHECK_FAIL);
    assert_int_equal(policy_with("{\"vmpl\":[0,1]}", "vmpl", 1), CHECK_PASS);
    assert_int_equal(policy_with("{\"vmpl\":1}", "vmpl", 0), CHECK_FAIL);
    assert_int_equal(policy_with("{\"min_guest_svn\":3}", NULL, 0), CHECK_PASS);
    assert_int_equal(policy_with("{\"min_guest_svn\":4}", NULL, 0), CHECK_FAIL);
    assert_int_equal(
        policy_with("{\"products\":[\"Genoa\",\"Milan\"]}", NULL, 0), CHECK_PASS);
    assert_int_equal(policy_with("{\"products\":\"Genoa\"}", NULL, 0), CHECK_FAIL);
    assert_int_equal(
        policy_with("{\"chip_ids\":[\"bb\",\"aa\"]}", NULL, 0), CHECK_PASS);
    assert_int_equal(policy_with("{\"chip_ids\":[\"aa00\"]}", NULL, 0), CHECK_FAIL);
    /* A claim that is not there obeys nothing. */
    assert_int_equal(policy_with("{\"host_data\":[\"aa\"]}", NULL, 0), CHECK_FAIL);
}

/* Minima of one product line say nothing of another; Turin's FMC is nobody else's. */
/* Who signed: the key of one chip, or one that a provider has on many machines. */
static void
signers_and_providers_are_for_the_policy(void **state)
{
    static const struct {
        const char *options;
        enum check_outcome vcek, vlek;
    } cases[] = {
        { "{}", CHECK_PASS, CHECK_PASS },
        { "{\"signers\":\"VCEK\"}", CHECK_PASS, CHECK_FAIL },
        { "{\"signers\":[\"VLEK\"]}", CHECK_FAIL, CHECK_PASS },
        { "{\"signers\":[\"VCEK\",\"VLEK\"]}", CHECK_PASS, CHECK_PASS },
        { "{\"signers\":\"vcek\"}", CHECK_FAIL, CHECK_FAIL },
        { "{\"csp_ids\":[\"CN=b\",\"CN=a\"]}", CHECK_FAIL, CHECK_PASS },
        { "{\"csp_ids\":\"CN=b\"}", CHECK_FAIL, CHECK_FAIL },
        { "{\"csp_ids\":\"CN=\"}", CHECK_FAIL, CHECK_FAIL },
        { "{\"csp_ids\":\"CN=ab\"}", CHECK_FAIL, CHECK_FAIL },
    };
    struct claim list[COUNT(snp_usual) + 2];

    (void)state;
    memcpy(list, snp_usual, sizeof(snp_usual));
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int vlek = 0; vlek <= 1; vlek++) {
            const enum check_outcome want = vlek ? cases[i].vlek : cases[i].vcek;
            char tee[200];

            list[COUNT(snp_usual)] = (struct claim){ .path = "signer",
                .kind = CLAIM_TEXT,
                .bytes = vlek ? BYTES_LIT("VLEK") : BYTES_LIT("VCEK") };
            list[COUNT(snp_usual) + 1] = (struct claim){ .path = "csp_id",
                .kind = vlek ? CLAIM_TEXT : CLAIM_NULL,
                .bytes = vlek ? BYTES_LIT("CN=a") : BYTES_NONE };
            (void)snprintf(tee, sizeof(tee), "{\"snp\":%s}", cases[i].options);
            const struct check k = judge(tee, list, COUNT(list), CHECK_POLICY);
            if (k.outcome != want)
                fail_msg("%s, %s", cases[i].options, vlek ? "VLEK" : "VCEK");
            assert_int_equal(
                k.code, want == CHECK_FAIL ? SELFSAME_DENIED : SELFSAME_OK);
        }
}

static void
minima_are_of_their_product(void **state)
{
#define TCB(level, v)                                                  \
    UINT("tcb." level ".bootloader", 4), UINT("tcb." level ".tee", 0), \
        UINT("tcb." level ".snp", v), UINT("tcb." level ".microcode", 0xd9)
    struct claim list[COUNT(snp_usual) + 16] = { 0 };
    const struct claim tcb[] = { TCB("reported", 24), TCB("committed", 24),
        TCB("current", 25), TCB("launch", 23) };
    static const struct {
        const char *tee;
        enum check_outcome want;
    } cases[] = {
        { "{\"snp\":{}}", CHECK_PASS },
        { "{\"snp\":{\"min_tcb\":{\"snp\":23}}}", CHECK_PASS },
        { "{\"snp\":{\"min_tcb\":{\"snp\":24}}}", CHECK_FAIL }, /* at launch: 23 */
        { "{\"snp\":{\"min_tcb\":{\"microcode\":217,\"bootloader\":4}}}", CHECK_PASS },
        { "{\"snp\":{\"min_tcb\":{\"milan\":{\"snp\":24}}}}", CHECK_FAIL },
        /* Somebody set minima, and none is about a Milan. */
        { "{\"snp\":{\"min_tcb\":{\"genoa\":{\"snp\":1}}}}", CHECK_FAIL },
        { "{\"snp\":{\"min_tcb\":{\"genoa\":{\"snp\":99},\"milan\":{\"snp\":23}}}}",
            CHECK_PASS },
        { "{\"snp\":{\"min_tcb\":{\"turin\":{\"fmc\":0}}}}", CHECK_FAIL },
        { "{\"snp\":{\"min_tcb\":{\"fmc\":1,\"snp\":23}}}", CHECK_PASS },
    };

    (void)state;
    memcpy(list, snp_usual, sizeof(snp_usual));
    memcpy(list + COUNT(snp_usual), tcb, sizeof(tcb));
    for (size_t i = 0; i < COUNT(cases); i++)
        if (judge(cases[i].tee, list, COUNT(list), CHECK_TCB).outcome != cases[i].want)
            fail_msg("%s", cases[i].tee);
}

static void
a_policy_says_what_it_was_told(void **state)
{
    static const char tee[] =
        "{\"snp\":{\"vmpl\":[0,2],\"min_tcb\":{\"snp\":24,\"milan\":{\"microcode\":217}"
        "},"
        "\"guest_policy\":{\"smt\":false},\"chip_ids\":[\"aabb\"],"
        "\"products\":[\"Milan\"]}}";
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct policy p, again;
    char *one = NULL, *two = NULL, *words = NULL;

    (void)state;
    assert_code(parse(tee, &a, &p, &e), SELFSAME_OK, &e);
    assert_code(policy_to_json(&p, &one, &e), SELFSAME_OK, &e);
    assert_code(policy_parse(bytes_str(one), facts, COUNT(facts), &a, &again, &e),
        SELFSAME_OK, &e);
    assert_code(policy_to_json(&again, &two, &e), SELFSAME_OK, &e);
    assert_string_equal(one, two);
    assert_non_null(strstr(one, "\"microcode\": 217"));
    assert_code(policy_to_text(&p, &words, &e), SELFSAME_OK, &e);
    assert_non_null(strstr(words, "vmpl = [0, 2]: "));
    assert_non_null(strstr(words, "guest_policy.cxl = false (default): "));
    free(one);
    free(two);
    free(words);
}

static void
every_failed_allocation_is_no_memory(void **state)
{
    (void)state;
    for (long n = 2; n < 200; n++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct policy p;

        a.fail_at = n;
        enum selfsame_code c = parse("{\"snp\":{\"vmpl\":[0,2],\"chip_ids\":[\"aabb\"],"
                                     "\"products\":[\"Milan\"]}}",
            &a, &p, &e);
        if (c == SELFSAME_OK)
            return;
        assert_code(c, SELFSAME_NOMEM, &e);
    }
    fail_msg("it never got through");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_options_name_the_member),
        cmocka_unit_test(minima_hold_for_every_level),
        cmocka_unit_test(permissions_and_restrictions_point_the_right_way),
        cmocka_unit_test(lists_and_defaults_hold),
        cmocka_unit_test(signers_and_providers_are_for_the_policy),
        cmocka_unit_test(minima_are_of_their_product),
        cmocka_unit_test(a_policy_says_what_it_was_told),
        cmocka_unit_test(every_failed_allocation_is_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
