/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "appraise/appraise.h"

static const uint8_t pcr0[2] = { 0xab, 0xcd };
#define LIT(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
static const struct claim hostile[] = {
    { "module_id", CLAIM_TEXT, LIT("i-\x1b[2J<script>alert('1')</script>&\""), 0 },
    { "direction", CLAIM_TEXT,
        LIT("a\xe2\x80\xae"
            "b\xc2\x9b"
            "c\xe2\x81\xa6"
            "d\xe2\x82\xac"),
        0 },
    { "broken", CLAIM_TEXT, LIT("x\xff<y"), 0 },
    { "pcr.0", CLAIM_BYTES, { pcr0, sizeof(pcr0) }, 0 },
    { "user_data", CLAIM_NULL, { NULL, 0 }, 0 },
    { "empty", CLAIM_BYTES, LIT(""), 0 },
    { "count", CLAIM_UINT, { NULL, 0 }, 7 },
    { "flag", CLAIM_BOOL, { NULL, 0 }, 1 },
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_lines_say_it_all),
        cmocka_unit_test(every_weakness_is_a_warning),
        cmocka_unit_test(explain_lists_every_check_and_claim),
        cmocka_unit_test(a_terminal_is_not_commanded_by_evidence),
        cmocka_unit_test(markup_of_strangers_stays_text),
        cmocka_unit_test(claims_of_forged_evidence_are_not_printed),
        cmocka_unit_test(the_zero_verdict_is_printed_as_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
