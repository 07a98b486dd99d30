/* SPDX-License-Identifier: Apache-2.0 */
/* One page that needs nothing else: no script, no font, no network. */
#include "appraise/internal.h"
#include "appraise/report.h"

struct page {
    const struct verdict *v;
    const struct certificate *chain;
};

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n";

static const char style[] =
    "<style>\n"
    ":root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--paper:#fff;"
    "--line:#d0d7de;--card:#f6f8fa;--good:#116329;--bad:#a40e26;--warn:#7a4b00;"
    "--differs:#ffe3a3}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9ea7b3;"
    "--paper:#0d1117;--line:#30363d;--card:#161b22;--good:#56d364;--bad:#ff8b81;"
    "--warn:#e3b341;--differs:#5a3e00}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}\n"
    "main{max-width:70rem;margin:0 auto;padding:2rem 1.2rem 4rem}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .5rem}\n"
    "h2{font-size:1.25rem;margin:2.6rem 0 .6rem}\n"
    ".verdict{border:1px solid var(--line);border-left:.6rem solid var(--tone);"
    "border-radius:.4rem;background:var(--card);padding:1.2rem 1.4rem}\n"
    ".verdict h1{color:var(--tone)}.verdict p{margin:.4rem 0 0}\n"
    ".good{--tone:var(--good)}.bad{--tone:var(--bad)}.warn{--tone:var(--warn)}\n"
    ".mark{color:var(--tone,var(--dim));font-weight:600;white-space:nowrap}\n"
    "ul.warnings{list-style:none;padding:0;margin:0}\n"
    "dl{margin:0}dt{color:var(--dim)}dd{margin:0}\n"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem}\n"
    ".pair{display:grid;gap:.2rem 1.5rem;margin:.5rem 0;"
    "grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr))}\n"
    ".pair dt{font-size:.85rem}\n"
    "td,dd,li,.verdict{overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "caption{text-align:left;color:var(--dim);padding-bottom:.5rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.55rem 1.2rem .55rem 0;"
    "border-top:1px solid var(--line)}\n"
    "th:last-child,td:last-child{padding-right:0;width:100%}\n"
    "th{white-space:nowrap}thead th{border-top:0;color:var(--dim);font-weight:400;"
    "font-size:.85rem}\n"
    "td p{margin:0 0 .2rem}\n"
    "code{font:.82rem/1.5 ui-monospace,'DejaVu Sans Mono',monospace}\n"
    "code span{display:block}\n"
    "mark{background:var(--differs);color:inherit;text-decoration:underline;"
    "text-underline-offset:.2em}\n"
    ".class{white-space:nowrap}\n"
    ".dim,footer{color:var(--dim);font-size:.85rem}\n"
    "footer{margin-top:3rem;border-top:1px solid var(--line)}\n"
    "@media(max-width:44rem){thead{position:absolute;clip-path:inset(50%)}"
    "tr{display:block;border-top:1px solid var(--line);padding:.6rem 0}"
    "th,td{display:block;border:0;padding:.1rem 0}"
    ".facts{grid-template-columns:1fr}.facts dd{margin-bottom:.5rem}}\n"
    "@media print{main{max-width:none;padding:0}.verdict,tr{break-inside:avoid}}\n"
    "</style>\n";

/* Which colour, and which words and signs, since colour alone tells nobody enough. */
static const char *
tone(const struct verdict *v)
{
    if (!v->accepted)
        return "bad";
    return strcmp(verdict_status(v), "affirming") == 0 ? "good" : "warn";
}

static void
draw_mark(struct writer *w, const struct verdict *v, enum check_name name)
{
    const enum check_outcome o = v->checks.at[name].outcome;
    static const struct {
        const char *tone, *sign;
    } marks[] = {
        [CHECK_MISSING] = { "bad", "✗" },
        [CHECK_PASS] = { "good", "✓" },
        [CHECK_FAIL] = { "bad", "✗" },
        [CHECK_NA] = { "", "–" },
        [CHECK_SKIPPED] = { "warn", "!" },
    };
    char then[TIME_TEXT];
    const bool now = !report_then(v, name, then);

    put_str(w, "<span class=\"mark ");
    put_str(w, now ? marks[o].tone : "warn");
    put_str(w, "\"><span aria-hidden=\"true\">");
    put_str(w, now ? marks[o].sign : "!");
    put_str(w, "</span> ");
    put_str(w, !now ? "as of<br>" : o == CHECK_NA ? "none" : check_outcome_word(o));
    put_str(w, now ? "" : then);
    put_str(w, "</span>");
}

static void
draw_verdict(struct writer *w, const struct verdict *v)
{
    put_str(w, "<section class=\"verdict ");
    put_str(w, tone(v));
    put_str(w, "\">\n<h1>");
    put_str(w, report_headline(v));
    put_str(w, "</h1>\n<p>");
    if (v->accepted)
        put_str(w, "Every check of the policy holds.");
    else
        put_escaped_str(w, err_text(&v->err));
    put_str(w, "</p>\n<p><strong>What to do:</strong> ");
    put_escaped_str(w, verdict_remedy(v));
    put_str(w, "</p>\n</section>\n");
}

static void
draw_fact(struct writer *w, const char *name, const char *value)
{
    put_str(w, "<dt>");
    put_str(w, name);
    put_str(w, "</dt><dd>");
    put_escaped_str(w, value);
    put_str(w, "</dd>\n");
}

/* What evidence says of itself is a fact only when somebody signed for it. */
static void
draw_said(
    struct writer *w, const struct verdict *v, const char *name, const char *value)
{
    put_str(w, "<dt>");
    put_str(w, name);
    put_str(w, "</dt><dd>");
    if (v->checks.at[CHECK_PARSE].outcome != CHECK_PASS)
        put_str(w, "unknown");
    else {
        put_str(w, value);
        put_str(w, v->claims.authentic ? "" : " (claimed, not proven)");
    }
    put_str(w, "</dd>\n");
}

static void
draw_facts(struct writer *w, const struct verdict *v)
{
    char at[TIME_TEXT];

    time_format(v->at_ms / 1000, at);
    put_str(w, "<h2>In short</h2>\n<dl class=\"facts\">\n");
    draw_fact(w, "Result", selfsame_code_name(verdict_code(v)));
    draw_fact(w, "Status", verdict_status(v));
    draw_fact(w, "TEE", v->claims.tee != NULL ? v->claims.tee : "unknown");
    draw_said(w, v, "Hardware",
        v->claims.simulated ? "none: made by the simulator" : "not simulated");
    draw_said(w, v, "Debug mode", v->claims.debug ? "on" : "off");
    draw_fact(w, "Trusted root",
        v->claims.any_anchor ? "given by the caller" : "pinned in this program");
    draw_fact(w, v->as_of ? "Judged as of" : "Judged at", at);
    put_str(w, "</dl>\n");
}

static void
draw_warnings(struct writer *w, const struct verdict *v)
{
    const size_t n = report_warning_count(v);

    if (n == 0)
        return;
    put_str(w, "<h2>Warnings</h2>\n<ul class=\"warnings\">\n");
    for (size_t i = 0; i < n; i++) {
        put_str(w,
            "<li class=\"warn\"><span class=\"mark\" aria-hidden=\"true\">!</span> ");
        report_warning(w, v, i);
        put_str(w, "</li>\n");
    }
    put_str(w, "</ul>\n");
}

/* Measured values stand in one string, "pcr.0=… pcr.1=…": a line each. */
static void
draw_words(struct writer *w, const char *value)
{
    if (strchr(value, '=') == NULL) {
        put_escaped_str(w, value);
        return;
    }
    for (size_t len; *value != '\0'; value += len + (value[len] == ' ')) {
        len = strcspn(value, " ");
        put_str(w, "<span>");
        put_escaped(w, BYTES((const uint8_t *)value, len));
        put_str(w, "</span>");
    }
}

/* What `other` has not is marked, by underline as well as by colour. */
static void
draw_marked(struct writer *w, const char *value, const char *other)
{
    const struct selfsame_bytes b = bytes_str(value);
    const struct report_common c = report_common(b, bytes_str(other));
    const size_t tail = b.len - c.tail;

    put_escaped(w, BYTES(b.ptr, c.head));
    if (tail > c.head) {
        put_str(w, "<mark>");
        put_escaped(w, BYTES(b.ptr + c.head, tail - c.head));
        put_str(w, "</mark>");
    }
    put_escaped(w, BYTES(b.ptr + tail, c.tail));
}

static void
draw_value(struct writer *w, const char *name, const char *value, const char *other)
{
    if (value == NULL)
        return;
    put_str(w, "<div><dt>");
    put_str(w, name);
    put_str(w, "</dt><dd><code>");
    if (other != NULL)
        draw_marked(w, value, other);
    else
        draw_words(w, value);
    put_str(w, "</code></dd></div>\n");
}

static void
draw_compared(struct writer *w, const struct check *k)
{
    const bool both = k->expected != NULL && k->got != NULL;
    const bool equal = both && strcmp(k->expected, k->got) == 0;
    const bool mark = both && !equal && k->outcome == CHECK_FAIL;

    if (k->expected == NULL && k->got == NULL)
        return;
    put_str(w, "<dl class=\"pair\">\n");
    if (equal)
        draw_value(w, "Expected, and got", k->expected, NULL);
    else {
        draw_value(w, "Expected", k->expected, mark ? k->got : NULL);
        draw_value(w, mark ? "Got; underlined: where it differs" : "Got", k->got,
            mark ? k->expected : NULL);
    }
    put_str(w, "</dl>\n");
}

static void
draw_check(struct writer *w, const struct verdict *v, enum check_name name)
{
    const struct check *k = &v->checks.at[name];

    put_str(w, "<tr><th scope=\"row\">");
    put_str(w, check_word(name));
    put_str(w, "</th><td>");
    draw_mark(w, v, name);
    if (k->outcome == CHECK_FAIL) {
        put_str(w, "<br><span class=\"dim class\">");
        put_str(w, selfsame_code_name(k->code));
        put_str(w, "</span>");
    }
    put_str(w, "</td><td>");
    if (k->detail != NULL) {
        put_str(w, "<p>");
        put_escaped_str(w, k->detail);
        put_str(w, "</p>");
    }
    draw_compared(w, k);
    if (k->source != NULL || k->spec != NULL) {
        put_str(w, "<p class=\"dim\">");
        put_str(w, k->source != NULL ? "Held against " : "By ");
        put_escaped_str(w, k->source);
        put_str(w, k->source != NULL && k->spec != NULL ? ", by " : "");
        put_escaped_str(w, k->spec);
        put_str(w, "</p>");
    }
    put_str(w, "</td></tr>\n");
}

static void
draw_checks(struct writer *w, const struct verdict *v)
{
    put_str(w, "<h2>Checks</h2>\n<table>\n<caption>In the order in which they decide; "
               "the first that fails gives the result. None: there is no such thing "
               "here.</caption>\n<thead><tr>"
               "<th scope=\"col\">Check</th><th scope=\"col\">Outcome</th>"
               "<th scope=\"col\">Why, and what was compared with what</th>"
               "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < CHECK_COUNT; i++)
        draw_check(w, v, (enum check_name)i);
    put_str(w, "</tbody>\n</table>\n");
}

static void
draw_certificate(struct writer *w, const char *role, const struct certificate *k)
{
    put_str(w, "<tr><th scope=\"row\">");
    put_str(w, role);
    put_str(w, "</th><td><p>");
    if (k->subject != NULL) {
        put_escaped_str(w, k->subject);
        put_str(w, "</p><p class=\"dim\">issued by ");
        put_escaped_str(w, k->issuer);
        put_str(w, "</p><p class=\"dim\">valid from ");
        put_str(w, k->not_before);
        put_str(w, " to ");
        put_str(w, k->not_after);
    } else
        put_str(w, "no X.509 certificate");
    put_str(w, "</p><p class=\"dim\">SHA-256 <code>");
    put_str(w, k->sha256);
    put_str(w, "</code></p></td></tr>\n");
}

static void
draw_chain(struct writer *w, const struct page *p)
{
    const struct selfsame_claims *c = &p->v->claims;
    const struct check *k = &p->v->checks.at[CHECK_CHAIN];

    put_str(w, "<h2>Certificate chain</h2>\n");
    if (c->chain_count == 0) {
        put_str(w, "<p>None: no certificate could be read.</p>\n");
        return;
    }
    if (k->outcome != CHECK_PASS) {
        put_str(w, "<p class=\"bad\"><span class=\"mark\">✗ This chain did not "
                   "verify.</span> ");
        put_escaped_str(w, k->detail);
        put_str(w, "</p>\n");
    }
    put_str(w, "<table>\n<caption>");
    put_str(w, k->outcome == CHECK_PASS
                   ? "Each certificate is signed by the one above; the root is "
                   : "As the evidence claims; nobody vouches for these names.");
    if (k->outcome == CHECK_PASS)
        put_str(w, c->any_anchor  ? "the one the caller gave."
                   : c->simulated ? "the simulator's, whose key is public."
                                  : "the vendor's, pinned in this program.");
    put_str(w, "</caption>\n<thead><tr><th scope=\"col\">Role</th>"
               "<th scope=\"col\">Certificate</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < c->chain_count; i++)
        draw_certificate(w, report_certificate_role(c, i), &p->chain[i]);
    put_str(w, "</tbody>\n</table>\n");
}

static void
draw_claims(struct writer *w, const struct verdict *v)
{
    const struct selfsame_claims *c = &v->claims;

    put_str(w, "<h2>Claims</h2>\n");
    if (!c->authentic) {
        put_str(w, "<p>None: nobody has proven to have made them.</p>\n");
        return;
    }
    put_str(w, "<table>\n<caption>What the evidence says, as signed.</caption>\n"
               "<thead><tr><th scope=\"col\">Claim</th><th scope=\"col\">Value</th>"
               "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < c->count; i++) {
        put_str(w, "<tr><th scope=\"row\">");
        put_escaped_str(w, c->list[i].path);
        put_str(w, "</th><td><code>");
        put_claim(w, &c->list[i], true);
        put_str(w, "</code></td></tr>\n");
    }
    put_str(w, "</tbody>\n</table>\n");
}

static void
draw(struct writer *w, const void *ctx)
{
    const struct page *p = ctx;
    const struct verdict *v = p->v;

    put_str(w, head);
    put_str(w, "<title>selfsame: ");
    put_str(w, report_headline(v));
    put_str(w, "</title>\n");
    put_str(w, style);
    put_str(w, "</head>\n<body>\n<main>\n");
    draw_verdict(w, v);
    draw_warnings(w, v);
    draw_facts(w, v);
    draw_checks(w, v);
    draw_claims(w, v);
    draw_chain(w, p);
    put_str(w, "<footer><p>Made by selfsame " SELFSAME_VERSION
               ". This page repeats a verdict and proves nothing by itself: verify the "
               "evidence again to be sure.</p></footer>\n"
               "</main>\n</body>\n</html>\n");
}

enum selfsame_code
verdict_html(const struct verdict *v, char **ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(CERTIFICATES_ROOM);
    struct certificate *chain;

    TRY(certificates_describe(&v->claims, &arena, &chain, e));
    const struct page p = { .v = v, .chain = chain };
    return report_render(draw, &p, ret, e);
}
