/* SPDX-License-Identifier: Apache-2.0 */
/* Five lines for people, and --explain. */
#include "appraise/internal.h"
#include "appraise/report.h"

enum { WIDTH = 96, BRIEF = 12 };

struct text {
    const struct verdict *v;
    const struct certificate *chain;
    bool explain;
};

/* The first claim that is a text names the instance ("module_id i-…"). */
static const struct claim *
instance_of(const struct selfsame_claims *c)
{
    for (size_t i = 0; i < c->count && c->authentic; i++)
        if (c->list[i].kind == CLAIM_TEXT)
            return &c->list[i];
    return NULL;
}

static void
draw_verdict(struct writer *w, const struct verdict *v)
{
    put_str(w, report_headline(v));
    put_str(w, " [");
    put_str(w, selfsame_code_name(verdict_code(v)));
    put_str(w, "] ");
    if (v->accepted)
        put_str(w, "every check of the policy holds");
    else
        put_safe_str(w, err_text(&v->err));
    put_str(w, "\n");
}

static void
draw_who(struct writer *w, const struct verdict *v)
{
    const struct claim *who = instance_of(&v->claims);

    put_str(w, "  from     ");
    put_safe_str(w, v->claims.tee != NULL ? v->claims.tee : "an unknown TEE");
    if (who != NULL) {
        put_str(w, ", ");
        put_claim(w, who, false);
    }
    put_str(w, v->claims.authentic ? ", signed by " : ", not proven to be signed by ");
    put_str(w, v->claims.simulated    ? "the simulator's root"
               : v->claims.any_anchor ? "the root you gave"
                                      : "the vendor's pinned root");
    put_str(w, "\n");
}

static void
draw_check(struct writer *w, const struct check *k, bool why)
{
    put_str(w, check_outcome_word(k->outcome));
    if (k->detail != NULL && why) {
        put_str(w, " - ");
        put_safe_str(w, k->detail);
    }
}

/* A few characters, from where the values differ: --explain has the whole. */
static void
draw_brief(struct writer *w, struct selfsame_bytes value, size_t from)
{
    const bool head = from > BRIEF / 2 && value.len > BRIEF * 2;

    if (head) {
        put_str(w, "…");
        value = BYTES(value.ptr + from, value.len - from);
    }
    const bool cut = value.len > BRIEF * 2;
    put_safe(w, cut ? BYTES(value.ptr, BRIEF) : value);
    put_str(w, cut ? "…" : "");
}

static void
draw_code(struct writer *w, const struct verdict *v)
{
    const struct check *k = &v->checks.at[CHECK_MEASUREMENT];

    put_str(w, "  code     ");
    draw_check(w, k, true);
    if (k->outcome == CHECK_FAIL && k->expected != NULL && k->got != NULL) {
        const struct selfsame_bytes a = bytes_str(k->expected), b = bytes_str(k->got);
        const size_t from = report_common(a, b).head;

        put_str(w, ": expected ");
        draw_brief(w, a, from);
        put_str(w, ", got ");
        draw_brief(w, b, from);
    } else if (k->source != NULL) {
        put_str(w, " (");
        put_safe_str(w, k->source);
        put_str(w, ")");
    }
    put_str(w, "\n");
}

/* Two checks on a line: that one passed says enough. */
static void
draw_channel(struct writer *w, const struct verdict *v)
{
    const struct check *fresh = &v->checks.at[CHECK_FRESHNESS];
    const struct check *bound = &v->checks.at[CHECK_BINDING];
    char then[TIME_TEXT];

    put_str(w, "  channel  fresh: ");
    if (report_then(v, CHECK_FRESHNESS, then)) {
        put_str(w, "as of ");
        put_str(w, then);
    } else
        draw_check(w, fresh, fresh->outcome != CHECK_PASS);
    put_str(w, "; bound: ");
    draw_check(w, bound, bound->outcome != CHECK_PASS);
    put_str(w, "\n");
}

static void
draw_advice(struct writer *w, const struct verdict *v)
{
    put_str(w, "  do       ");
    put_safe_str(w, verdict_remedy(v));
    put_str(w, "\n");
}

static void
pad(struct writer *w, const char *word, size_t width)
{
    put_safe_str(w, word);
    for (size_t n = strlen(word); n < width; n++)
        put_str(w, " ");
}

/*
 * Broken at spaces, never inside a word: a register stays one word to copy, however
 * long, on a line of its own.
 */
static void
draw_wrapped(struct writer *w, const char *text, size_t margin, size_t at)
{
    bool first = true;

    for (; text != NULL && *text != '\0'; text += *text == ' ') {
        const size_t len = strcspn(text, " ");

        if (!first && at + 1 + len > WIDTH) {
            put_str(w, "\n");
            pad(w, "", margin);
            at = margin;
        } else if (!first) {
            put_str(w, " ");
            at++;
        }
        put_safe(w, BYTES((const uint8_t *)text, len));
        at += len;
        text += len;
        first = false;
    }
    put_str(w, "\n");
}

enum { FIELD = 19 };
static void
draw_field(struct writer *w, const char *name, const char *value)
{
    if (value == NULL)
        return;
    pad(w, "", 10);
    pad(w, name, FIELD - 10);
    draw_wrapped(w, value, FIELD, FIELD);
}

static void
draw_checks(struct writer *w, const struct verdict *v)
{
    put_str(w, "\nchecks, in the order in which they decide\n");
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        const struct check *k = &v->checks.at[i];
        char then[TIME_TEXT];
        const bool now = !report_then(v, (enum check_name)i, then);
        size_t at = 23;

        put_str(w, "  ");
        pad(w, check_word((enum check_name)i), 13);
        /* Its detail begins with "as of". */
        pad(w, now ? check_outcome_word(k->outcome) : "-", k->detail != NULL ? 8 : 0);
        if (k->outcome == CHECK_FAIL) {
            put_str(w, "[");
            put_str(w, selfsame_code_name(k->code));
            put_str(w, "] ");
            at += strlen(selfsame_code_name(k->code)) + 3;
        }
        draw_wrapped(w, k->detail, 23, at);
        draw_field(w, "expected", k->expected);
        draw_field(w, "got", k->got);
        draw_field(w, "from", k->source);
        draw_field(w, "spec", k->spec);
    }
}

static void
draw_chain(struct writer *w, const struct text *t)
{
    const bool holds = t->v->checks.at[CHECK_CHAIN].outcome == CHECK_PASS;

    if (t->v->claims.chain_count == 0)
        return;
    put_str(w, holds ? "\nchain, each certificate signed by the one before\n"
                     : "\nchain, which did NOT verify: names as they are claimed\n");
    for (size_t i = 0; i < t->v->claims.chain_count; i++) {
        const struct certificate *k = &t->chain[i];

        pad(w, "", 2);
        pad(w, report_certificate_role(&t->v->claims, i), 13);
        draw_wrapped(
            w, k->subject != NULL ? k->subject : "no X.509 certificate", 15, 15);
        if (k->subject != NULL) {
            pad(w, "", 10);
            pad(w, "valid", FIELD - 10);
            put_str(w, k->not_before);
            put_str(w, " to ");
            put_str(w, k->not_after);
            put_str(w, "\n");
            draw_field(w, "issuer", k->issuer);
        }
        draw_field(w, "sha256", k->sha256);
    }
}

static void
draw_claims(struct writer *w, const struct verdict *v)
{
    const struct selfsame_claims *c = &v->claims;

    if (!c->authentic) {
        put_str(w, "\nno claims: nobody has proven to have made them\n");
        return;
    }
    put_str(w, "\nclaims, as signed\n");
    size_t width = 12;
    for (size_t i = 0; i < c->count; i++)
        if (strlen(c->list[i].path) > width)
            width = strlen(c->list[i].path);
    for (size_t i = 0; i < c->count; i++) {
        put_str(w, "  ");
        pad(w, c->list[i].path, width + 1);
        put_claim(w, &c->list[i], false);
        put_str(w, "\n");
    }
}

static void
draw(struct writer *w, const void *ctx)
{
    const struct text *t = ctx;

    draw_verdict(w, t->v);
    draw_who(w, t->v);
    draw_code(w, t->v);
    draw_channel(w, t->v);
    draw_advice(w, t->v);
    for (size_t i = 0; i < report_warning_count(t->v); i++) {
        put_str(w, "warning: ");
        report_warning(w, t->v, i);
        put_str(w, "\n");
    }
    if (!t->explain)
        return;
    draw_checks(w, t->v);
    draw_chain(w, t);
    draw_claims(w, t->v);
}

enum selfsame_code
verdict_text(const struct verdict *v, bool explain, char **ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new(CERTIFICATES_ROOM);
    struct text t = { .v = v, .explain = explain };
    struct certificate *chain = NULL;

    if (explain)
        TRY(certificates_describe(&v->claims, &arena, &chain, e));
    t.chain = chain;
    return report_render(draw, &t, ret, e);
}
