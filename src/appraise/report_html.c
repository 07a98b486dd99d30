/* SPDX-License-Identifier: Apache-2.0 */
/* One page that needs nothing else: no script, no font, no network. */
#include "appraise/report.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n";

static const char style[] =
    "<style>\n"
    ":root{--ink:#1b1f24;--dim:#57606a;--paper:#fff;--line:#d0d7de;--card:#f6f8fa;"
    "--good:#116329;--bad:#a40e26;--warn:#7a4b00}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9ea7b3;"
    "--paper:#0d1117;--line:#30363d;--card:#161b22;--good:#56d364;--bad:#ff8b81;"
    "--warn:#e3b341}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--paper);color:var(--ink);"
    "font:1rem/1.5 system-ui,sans-serif}\n"
    "main{max-width:62rem;margin:0 auto;padding:2rem 1rem 4rem}\n"
    "h1{font-size:1.9rem;line-height:1.2;margin:0 0 .3rem}\n"
    "h2{font-size:1.2rem;margin:2.4rem 0 .6rem}\n"
    ".verdict{border:1px solid var(--line);border-left:.6rem solid var(--tone);"
    "border-radius:.4rem;background:var(--card);padding:1.2rem 1.4rem}\n"
    ".verdict h1{color:var(--tone)}\n"
    ".good{--tone:var(--good)}.bad{--tone:var(--bad)}.warn{--tone:var(--warn)}\n"
    ".mark{color:var(--tone,var(--dim));font-weight:600;white-space:nowrap}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.2rem;margin:0}\n"
    "dt{color:var(--dim)}dd{margin:0}\n"
    "td,dd{overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "caption{text-align:left;color:var(--dim);padding-bottom:.5rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.5rem .8rem .5rem 0;"
    "border-top:1px solid var(--line)}\n"
    "th{white-space:nowrap}td p{margin:0 0 .3rem}\n"
    "code{font:.88em/1.5 ui-monospace,monospace}\n"
    ".dim,footer{color:var(--dim);font-size:.9rem}\n"
    "@media print{main{max-width:none;padding:0}.verdict{break-inside:avoid}}\n"
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
draw_mark(struct writer *w, enum check_outcome o)
{
    static const struct {
        const char *tone, *sign;
    } marks[] = {
        [CHECK_MISSING] = { "bad", "✗" },
        [CHECK_PASS] = { "good", "✓" },
        [CHECK_FAIL] = { "bad", "✗" },
        [CHECK_NA] = { "", "–" },
        [CHECK_SKIPPED] = { "warn", "!" },
    };

    put_str(w, "<span class=\"mark ");
    put_str(w, marks[o].tone);
    put_str(w, "\"><span aria-hidden=\"true\">");
    put_str(w, marks[o].sign);
    put_str(w, "</span> ");
    put_str(w, check_outcome_word(o));
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

static void
draw_facts(struct writer *w, const struct verdict *v)
{
    char at[TIME_TEXT];

    time_format(v->at_ms / 1000, at);
    put_str(w, "<h2>In short</h2>\n<dl>\n");
    draw_fact(w, "Result", selfsame_code_name(verdict_code(v)));
    draw_fact(w, "Status", verdict_status(v));
    draw_fact(w, "TEE", v->claims.tee != NULL ? v->claims.tee : "unknown");
    draw_fact(w, "Hardware", v->claims.simulated ? "none: simulated" : "not simulated");
    draw_fact(w, "Debug mode", v->claims.debug ? "on" : "off");
    draw_fact(w, "Trust anchor",
        v->claims.any_anchor ? "given by the caller" : "pinned root of the vendor");
    draw_fact(w, v->as_of ? "Judged as of" : "Judged at", at);
    put_str(w, "</dl>\n");
}

static void
draw_warnings(struct writer *w, const struct verdict *v)
{
    const size_t n = report_warning_count(v);

    if (n == 0)
        return;
    put_str(w, "<h2>Warnings</h2>\n<ul>\n");
    for (size_t i = 0; i < n; i++) {
        put_str(w, "<li class=\"warn\"><span class=\"mark\">!</span> ");
        report_warning(w, v, i);
        put_str(w, "</li>\n");
    }
    put_str(w, "</ul>\n");
}

static void
draw_code(struct writer *w, const char *value)
{
    if (value == NULL)
        return;
    put_str(w, "<code>");
    put_escaped_str(w, value);
    put_str(w, "</code>");
}

static void
draw_check(struct writer *w, enum check_name name, const struct check *k)
{
    put_str(w, "<tr><th scope=\"row\">");
    put_str(w, check_word(name));
    put_str(w, "</th><td>");
    draw_mark(w, k->outcome);
    if (k->outcome == CHECK_FAIL) {
        put_str(w, "<br><span class=\"dim\">");
        put_str(w, selfsame_code_name(k->code));
        put_str(w, "</span>");
    }
    put_str(w, "</td><td><p>");
    put_escaped_str(w, k->detail);
    put_str(w, "</p><p class=\"dim\">");
    put_escaped_str(w, k->source);
    put_str(w, k->source != NULL && k->spec != NULL ? "; " : "");
    put_escaped_str(w, k->spec);
    put_str(w, "</p></td><td>");
    draw_code(w, k->expected);
    put_str(w, "</td><td>");
    draw_code(w, k->got);
    put_str(w, "</td></tr>\n");
}

static void
draw_checks(struct writer *w, const struct verdict *v)
{
    put_str(w,
        "<h2>Checks</h2>\n<table>\n<caption>In the order in which they decide; the "
        "first that fails gives the result.</caption>\n<thead><tr>"
        "<th scope=\"col\">Check</th><th scope=\"col\">Outcome</th>"
        "<th scope=\"col\">Why</th><th scope=\"col\">Expected</th>"
        "<th scope=\"col\">Got</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < CHECK_COUNT; i++)
        draw_check(w, (enum check_name)i, &v->checks.at[i]);
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
    const struct verdict *v = ctx;

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
    put_str(w, "<footer><p>Made by selfsame " SELFSAME_VERSION
               ". This page repeats a verdict and proves nothing by itself: verify the "
               "evidence again to be sure.</p></footer>\n"
               "</main>\n</body>\n</html>\n");
}

enum selfsame_code
verdict_html(const struct verdict *v, char **ret, struct selfsame_err *e)
{
    return report_render(draw, v, ret, e);
}
