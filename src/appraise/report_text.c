/* SPDX-License-Identifier: Apache-2.0 */
/* Five lines for people, and --explain. */
#include "appraise/report.h"

struct text {
    const struct verdict *v;
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
    if (v->claims.simulated)
        put_str(w, " (simulated)");
    if (who != NULL) {
        put_str(w, ", ");
        put_safe_str(w, who->path);
        put_str(w, " ");
        put_claim(w, who, false);
    }
    put_str(w, v->claims.authentic ? ", signed by " : ", not proven to be signed by ");
    put_str(w, v->claims.simulated    ? "the simulator's root"
               : v->claims.any_anchor ? "the root you gave"
                                      : "the vendor's pinned root");
    put_str(w, "\n");
}

static void
draw_check(struct writer *w, const struct check *k)
{
    put_str(w, check_outcome_word(k->outcome));
    if (k->detail != NULL) {
        put_str(w, " - ");
        put_safe_str(w, k->detail);
    }
}

static void
draw_code(struct writer *w, const struct verdict *v)
{
    const struct check *k = &v->checks.at[CHECK_MEASUREMENT];

    put_str(w, "  code     ");
    draw_check(w, k);
    if (k->outcome == CHECK_FAIL && k->expected != NULL && k->got != NULL) {
        put_str(w, "; expected ");
        put_safe_str(w, k->expected);
        put_str(w, ", got ");
        put_safe_str(w, k->got);
    }
    if (k->source != NULL) {
        put_str(w, " (");
        put_safe_str(w, k->source);
        put_str(w, ")");
    }
    put_str(w, "\n");
}

static void
draw_channel(struct writer *w, const struct verdict *v)
{
    put_str(w, "  channel  fresh: ");
    draw_check(w, &v->checks.at[CHECK_FRESHNESS]);
    put_str(w, "; bound: ");
    draw_check(w, &v->checks.at[CHECK_BINDING]);
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
draw_field(struct writer *w, const char *name, const char *value)
{
    if (value == NULL)
        return;
    put_str(w, "                         ");
    put_str(w, name);
    put_safe_str(w, value);
    put_str(w, "\n");
}

static void
pad(struct writer *w, const char *word, size_t width)
{
    put_str(w, word);
    for (size_t n = strlen(word); n < width; n++)
        put_str(w, " ");
}

static void
draw_checks(struct writer *w, const struct verdict *v)
{
    put_str(w, "\nchecks, in the order in which they decide\n");
    for (size_t i = 0; i < CHECK_COUNT; i++) {
        const struct check *k = &v->checks.at[i];

        put_str(w, "  ");
        pad(w, check_word((enum check_name)i), 13);
        pad(w, check_outcome_word(k->outcome), 8);
        if (k->outcome == CHECK_FAIL) {
            put_str(w, "[");
            put_str(w, selfsame_code_name(k->code));
            put_str(w, "] ");
        }
        put_safe_str(w, k->detail);
        put_str(w, "\n");
        draw_field(w, "expected ", k->expected);
        draw_field(w, "got      ", k->got);
        draw_field(w, "from     ", k->source);
        draw_field(w, "spec     ", k->spec);
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
    for (size_t i = 0; i < c->count; i++) {
        put_str(w, "  ");
        pad(w, c->list[i].path, 13);
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
    draw_claims(w, t->v);
}

enum selfsame_code
verdict_text(const struct verdict *v, bool explain, char **ret, struct selfsame_err *e)
{
    const struct text t = { .v = v, .explain = explain };

    return report_render(draw, &t, ret, e);
}
