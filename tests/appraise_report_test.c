/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "appraise/appraise.h"
#include "codec/json.h"
#include "crypto/crypto.h"

static const uint8_t pcr0[2] = { 0xab, 0xcd };
#define LIT(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
static const struct claim hostile[] = {
    { "module_id", CLAIM_TEXT, CLAIM_ALONE,
        LIT("i-\x1b[2J<script>alert('1')</script>&\""), 0 },
    { "direction", CLAIM_TEXT, CLAIM_ALONE,
        LIT("a\xe2\x80\xae"
            "b\xc2\x9b"
            "c\xe2\x81\xa6"
            "d\xe2\x82\xac"),
        0 },
    { "broken", CLAIM_TEXT, CLAIM_ALONE, LIT("x\xff<y"), 0 },
    { "pcr.0", CLAIM_BYTES, CLAIM_ALONE, { pcr0, sizeof(pcr0) }, 0 },
    { "user_data", CLAIM_NULL, CLAIM_ALONE, { NULL, 0 }, 0 },
    { "empty", CLAIM_BYTES, CLAIM_ALONE, LIT(""), 0 },
    { "count", CLAIM_UINT, CLAIM_ALONE, { NULL, 0 }, 7 },
    { "flag", CLAIM_BOOL, CLAIM_ALONE, { NULL, 0 }, 1 },
};

static struct verdict
accepted(void)
{
    struct verdict v = {
        .accepted = true,
        .status = "affirming",
        .claims = { .tee = "toy",
            .authentic = true,
            .list = hostile,
            .count = COUNT(hostile) },
    };

    for (size_t i = 0; i < CHECK_COUNT; i++)
        v.checks.at[i] = (struct check){
            .outcome = CHECK_PASS,
            .detail = "fine",
            .source = "policy: x",
            .spec = "RFC 1",
        };
    return v;
}

static struct verdict
refused(void)
{
    struct verdict v = accepted();

    v.accepted = false;
    v.code = SELFSAME_MISMATCH;
    v.status = "contraindicated";
    v.checks.at[CHECK_MEASUREMENT] = (struct check){
        .outcome = CHECK_FAIL,
        .code = SELFSAME_MISMATCH,
        .expected = "aa<b>",
        .got = "bb\x1b",
        .detail = "other code",
    };
    (void)err_set(&v.err, SELFSAME_MISMATCH, "x.c", 1, "measurement: other <code>");
    return v;
}

/* A root, and below it a leaf whose name is an attack; then something that is neither. */
static void
add_chain(struct verdict *v, struct arena *arena)
{
    static const uint8_t noise[] = { 0x30, 0x03, 0x02, 0x01, 0x07 };
    struct selfsame_bytes *der = ARENA_NEW(arena, struct selfsame_bytes, 3);
    struct selfsame_err e = { 0 };
    struct cert_request q = {
        .common_name = "Root of Roots",
        .not_after = 1000000000,
        .ca = true,
        .path_len = -1,
    };
    auto_key *key = NULL;

    assert_non_null(der);
    assert_code(key_generate(KEY_P384, &key, &e), SELFSAME_OK, &e);
    assert_code(
        cert_make(&q, key, BYTES_NONE, key, arena, &der[0], &e), SELFSAME_OK, &e);
    q.common_name = "<b>leaf\xe2\x80\xae";
    q.ca = false;
    assert_code(cert_make(&q, key, der[0], key, arena, &der[1], &e), SELFSAME_OK, &e);
    der[2] = BYTES_ARR(noise);
    v->claims.chain = der;
    v->claims.chain_count = 3;
}

static size_t
lines(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += *s == '\n';
    return n;
}

static char *
text_of(const struct verdict *v, bool explain)
{
    struct selfsame_err e = { 0 };
    char *text = NULL;

    assert_code(verdict_text(v, explain, &text, &e), SELFSAME_OK, &e);
    assert_true(utf8_valid(bytes_str(text)));
    return text;
}

static char *
html_of(const struct verdict *v)
{
    struct selfsame_err e = { 0 };
    char *text = NULL;

    assert_code(verdict_html(v, &text, &e), SELFSAME_OK, &e);
    assert_true(utf8_valid(bytes_str(text)));
    return text;
}

static void
five_lines_say_it_all(void **state)
{
    (void)state;
    struct verdict v = accepted();
    char *text = text_of(&v, false);

    assert_int_equal(lines(text), 5);
    assert_ptr_equal(strstr(text, "ACCEPTED [ok]"), text);
    free(text);
    v = refused();
    text = text_of(&v, false);
    assert_int_equal(lines(text), 5);
    assert_ptr_equal(strstr(text, "REFUSED [mismatch] measurement: other"), text);
    assert_non_null(strstr(text, "expected aa<b>, got bb?"));
    assert_non_null(strstr(text, selfsame_code_remedy(SELFSAME_MISMATCH)));
    free(text);
}

static void
what_was_fresh_is_not_called_fresh(void **state)
{
    (void)state;
    struct verdict v = accepted();

    v.checks.at[CHECK_FRESHNESS].detail = "as of 2001-09-09T01:46:40Z: fine";
    v.at_ms = 1000000000000;
    char *now = text_of(&v, true), *page_now = html_of(&v);
    v.as_of = true;
    char *then = text_of(&v, true), *page_then = html_of(&v);
    assert_non_null(strstr(now, "fresh: pass; bound: pass"));
    assert_non_null(strstr(now, "freshness    pass "));
    assert_non_null(strstr(then, "fresh: as of 2001-09-09T01:46:40Z; bound: pass"));
    assert_null(strstr(then, "freshness    pass"));
    assert_non_null(strstr(page_now, "freshness</th><td><span class=\"mark good\">"));
    const char *row = strstr(page_then, "freshness</th><td>");
    assert_non_null(row);
    assert_non_null(strstr(row, "as of<br>2001-09-09T01:46:40Z</span>"));
    assert_ptr_equal(
        strstr(row, "<span class=\"mark warn\">"), row + strlen("freshness</th><td>"));
    /* What fails is told as it is. */
    v.checks.at[CHECK_FRESHNESS].outcome = CHECK_FAIL;
    char *stale = text_of(&v, false);
    assert_non_null(strstr(stale, "fresh: fail - "));
    free(now);
    free(page_now);
    free(then);
    free(page_then);
    free(stale);
}

static void
every_weakness_is_a_warning(void **state)
{
    (void)state;
    struct verdict v = accepted();

    v.status = "warning";
    v.as_of = true;
    v.claims.simulated = v.claims.any_anchor = true;
    for (unsigned bit = 1; bit <= INSECURE_ANY_TCB; bit <<= 1)
        v.insecure |= bit;
    char *text = text_of(&v, false), *html = html_of(&v);
    assert_int_equal(lines(text), 5 + 7 + 3);
    assert_ptr_equal(strstr(text, "ACCEPTED WITH WARNINGS"), text);
    for (unsigned bit = 1; bit <= INSECURE_ANY_TCB; bit <<= 1) {
        char want[64];

        (void)snprintf(want, sizeof(want), "insecure %s:", insecure_word(bit));
        assert_non_null(strstr(text, want));
        assert_non_null(strstr(html, want));
    }
    free(text);
    free(html);
}

static void
explain_lists_every_check_and_claim(void **state)
{
    (void)state;
    struct verdict v = refused();
    char *text = text_of(&v, true);

    for (size_t i = 0; i < CHECK_COUNT; i++)
        assert_non_null(strstr(text, check_word((enum check_name)i)));
    assert_non_null(strstr(text, "expected aa<b>"));
    assert_non_null(strstr(text, "abcd"));
    assert_non_null(strstr(text, "(empty)"));
    assert_non_null(strstr(text, "absent"));
    assert_non_null(strstr(text, "true"));
    free(text);
}

static void
a_name_never_runs_into_its_value(void **state)
{
    (void)state;
    struct verdict v = refused();
    struct claim list[] = { { .path = "a", .kind = CLAIM_UINT, .number = 1 },
        { .path = "a.path.longer.than.the.column", .kind = CLAIM_UINT, .number = 2 } };

    v.claims.list = list;
    v.claims.count = COUNT(list);
    char *text = text_of(&v, true);
    assert_non_null(strstr(text, "\n  a.path.longer.than.the.column 2\n"));
    assert_non_null(strstr(text, "\n  a                             1\n"));
    free(text);
}

static void
a_terminal_is_not_commanded_by_evidence(void **state)
{
    (void)state;
    struct verdict v = refused();
    char *text = text_of(&v, true);

    for (const char *p = text; *p != '\0'; p++)
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_non_null(strstr(text, "a?b?c?d\xe2\x82\xac"));
    assert_non_null(strstr(text, "x?<y"));
    free(text);
}

static void
markup_of_strangers_stays_text(void **state)
{
    (void)state;
    struct verdict v = refused();
    char *html = html_of(&v);

    assert_null(strstr(html, "<script"));
    assert_non_null(strstr(html, "&lt;script&gt;alert(&#39;1&#39;)"));
    assert_non_null(strstr(html, "&amp;&quot;"));
    assert_non_null(strstr(html, "aa&lt;b&gt;"));
    assert_non_null(strstr(html, "other &lt;code&gt;"));
    assert_null(strstr(html, "http://"));
    assert_null(strstr(html, "https://"));
    assert_null(strstr(html, "url("));
    free(html);
}

static void
claims_of_forged_evidence_are_not_printed(void **state)
{
    (void)state;
    struct verdict v = refused();

    v.claims.authentic = false;
    char *text = text_of(&v, true), *html = html_of(&v);
    assert_null(strstr(text, "module_id"));
    assert_null(strstr(html, "module_id"));
    assert_non_null(strstr(text, "not proven to be signed"));
    free(text);
    free(html);
}

static void
the_zero_verdict_is_printed_as_refused(void **state)
{
    (void)state;
    const struct verdict v = { 0 };
    char *text = text_of(&v, true), *html = html_of(&v);

    assert_ptr_equal(strstr(text, "REFUSED [internal]"), text);
    assert_non_null(strstr(html, "<h1>REFUSED</h1>"));
    free(text);
    free(html);
}

static void
the_chain_is_printed_with_its_names_defused(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct verdict v = accepted();

    add_chain(&v, &arena);
    char *text = text_of(&v, true), *html = html_of(&v);
    assert_non_null(strstr(text, "chain, each certificate signed by the one before"));
    assert_non_null(strstr(text, "root         CN=Root of Roots"));
    assert_non_null(strstr(text, "1970-01-01T00:00:00Z to 2001-09-09T01:46:40Z"));
    assert_non_null(strstr(text, "CN=<b>leaf?"));
    assert_non_null(strstr(text, "no X.509 certificate"));
    assert_non_null(strstr(html, "Each certificate is signed by the one above"));
    assert_non_null(strstr(html, "CN=&lt;b&gt;leaf?"));
    assert_null(strstr(html, "<b>"));
    assert_null(strstr(html, "did not"));
    free(text);
    free(html);
    text = text_of(&v, false);
    assert_null(strstr(text, "Root of Roots"));
    free(text);
}

static void
a_chain_that_does_not_verify_is_called_so(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct verdict v = refused();

    add_chain(&v, &arena);
    v.claims.authentic = false;
    v.checks.at[CHECK_CHAIN] = (struct check){
        .outcome = CHECK_FAIL,
        .code = SELFSAME_BAD_CHAIN,
        .detail = "another <root>",
    };
    char *text = text_of(&v, true), *html = html_of(&v);
    assert_non_null(strstr(text, "chain, which did NOT verify"));
    assert_null(strstr(text, "signed by the one before"));
    assert_non_null(strstr(html, "This chain did not verify."));
    assert_non_null(strstr(html, "another &lt;root&gt;"));
    assert_null(strstr(html, "signed by the one above"));
    free(text);
    free(html);
}

static void
the_json_chain_has_names_times_and_digests(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct verdict v = accepted();
    uint8_t digest[HASH_MAX];
    char *text = NULL, hex[65];
    json_t *parsed = NULL;

    add_chain(&v, &arena);
    assert_code(verdict_json(&v, &text, &e), SELFSAME_OK, &e);
    assert_code(json_parse(bytes_str(text), "it", &parsed, &e), SELFSAME_OK, &e);
    const json_t *chain = json_object_get(parsed, "chain");
    const json_t *root = json_array_get(chain, 0), *none = json_array_get(chain, 2);
    assert_int_equal(json_array_size(chain), 3);
    assert_string_equal(
        json_string_value(json_object_get(root, "issuer")), "CN=Root of Roots");
    assert_string_equal(
        json_string_value(json_object_get(root, "not_after")), "2001-09-09T01:46:40Z");
    assert_true(hash_bytes(HASH_SHA256, v.claims.chain[0], digest));
    hex_encode(BYTES(digest, 32), hex);
    assert_string_equal(json_string_value(json_object_get(root, "sha256")), hex);
    assert_true(json_is_null(json_object_get(none, "subject")));
    assert_true(json_is_null(json_object_get(none, "not_before")));
    assert_true(json_is_string(json_object_get(none, "sha256")));
    json_decref(parsed);
    free(text);
}

static void
where_values_differ_is_marked(void **state)
{
    (void)state;
    struct verdict v = refused();

    v.checks.at[CHECK_MEASUREMENT].expected = "aabb11cc";
    v.checks.at[CHECK_MEASUREMENT].got = "aabb22cc";
    char *html = html_of(&v);
    assert_non_null(strstr(html, "<code>aabb<mark>11</mark>cc</code>"));
    assert_non_null(strstr(html, "<code>aabb<mark>22</mark>cc</code>"));
    free(html);
    v.checks.at[CHECK_MEASUREMENT].expected = "a\xc3\xa4";
    v.checks.at[CHECK_MEASUREMENT].got = "a\xc3\xb6<";
    html = html_of(&v); /* html_of asserts that no character was cut in two */
    assert_non_null(strstr(html, "<code>a<mark>\xc3\xb6&lt;</mark></code>"));
    free(html);
    v.checks.at[CHECK_MEASUREMENT].outcome = CHECK_PASS;
    v.checks.at[CHECK_MEASUREMENT].expected = "pcr.0=aa pcr.1=bb";
    v.checks.at[CHECK_MEASUREMENT].got = "pcr.0=aa pcr.1=bb";
    html = html_of(&v);
    assert_null(strstr(html, "<mark>"));
    assert_non_null(
        strstr(html, "<code><span>pcr.0=aa</span><span>pcr.1=bb</span></code>"));
    free(html);
}

static void
long_values_are_cut_in_the_answer_and_whole_in_the_explanation(void **state)
{
    (void)state;
    struct verdict v = refused();
    char want[97], got[97];

    memset(want, 'a', 96);
    memset(got, 'a', 96);
    want[96] = got[96] = '\0';
    got[60] = 'b';
    v.checks.at[CHECK_MEASUREMENT].expected = want;
    v.checks.at[CHECK_MEASUREMENT].got = got;
    char *text = text_of(&v, false);
    assert_int_equal(lines(text), 5);
    assert_null(strstr(text, want));
    assert_non_null(strstr(text, "got …baaaaaaaaaaa…"));
    free(text);
    text = text_of(&v, true);
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, got));
    free(text);
}

static void
each_register_has_a_line_of_its_own(void **state)
{
    (void)state;
    struct verdict v = accepted();
    char all[256], hex[97];

    memset(hex, 'c', 96);
    hex[96] = '\0';
    (void)snprintf(all, sizeof(all), "pcr.0=%s pcr.1=%s", hex, hex);
    v.checks.at[CHECK_MEASUREMENT].expected = all;
    char *text = text_of(&v, true);
    char *first = strstr(text, "pcr.0=c"), *second = strstr(text, "pcr.1=c");
    assert_non_null(first);
    assert_non_null(second);
    assert_non_null(memchr(first, '\n', (size_t)(second - first)));
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_lines_say_it_all),
        cmocka_unit_test(what_was_fresh_is_not_called_fresh),
        cmocka_unit_test(every_weakness_is_a_warning),
        cmocka_unit_test(explain_lists_every_check_and_claim),
        cmocka_unit_test(a_name_never_runs_into_its_value),
        cmocka_unit_test(a_terminal_is_not_commanded_by_evidence),
        cmocka_unit_test(markup_of_strangers_stays_text),
        cmocka_unit_test(claims_of_forged_evidence_are_not_printed),
        cmocka_unit_test(the_zero_verdict_is_printed_as_refused),
        cmocka_unit_test(the_chain_is_printed_with_its_names_defused),
        cmocka_unit_test(a_chain_that_does_not_verify_is_called_so),
        cmocka_unit_test(the_json_chain_has_names_times_and_digests),
        cmocka_unit_test(where_values_differ_is_marked),
        cmocka_unit_test(
            long_values_are_cut_in_the_answer_and_whole_in_the_explanation),
        cmocka_unit_test(each_register_has_a_line_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
