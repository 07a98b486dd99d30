/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `collateral forecast`: what becomes of evidence that was kept when Intel's next word
 * about its platforms is in force. Pure arithmetic on what is given; nothing is asked.
 */
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/verify_options.h"
#include "codec/cmw.h"
#include "os/os.h"
#include "tee/shared/dcap.h"

#include <stdio.h>

enum { PIECES = 512, ARENA = 32 << 20 };

struct pieces {
    struct selfsame_bytes at[PIECES];
    size_t count;
    struct arena *arena;
};

struct forecast {
    struct cli *c;
    int64_t now_s;
    bool cached; /* no --against: today's collateral is what the cache has */
    struct pieces today, newer;
    json_t *told;
    size_t worse, count;
};

/* One piece of evidence, in both worlds. */
struct view {
    const char *name;
    const struct tee_verifier *tee;
    struct selfsame_bytes evidence;
    bool has_today;
    struct dcap_standing today, newer;
    int64_t newer_s; /* when the newer collateral was judged */
    struct arena *arena;
};

/* ---- what is given ---- */

static enum selfsame_code
keep(struct pieces *p, struct selfsame_bytes piece, struct selfsame_err *e)
{
    if (p->count == PIECES)
        FAIL(e, SELFSAME_USAGE, "expected at most %d pieces of collateral, got more",
            (int)PIECES);
    p->at[p->count++] = piece;
    return SELFSAME_OK;
}

static enum selfsame_code
put(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct pieces *p = ctx;
    struct selfsame_err ignored;
    struct cmw cmw;

    if (!cmw_looks_like(piece) ||
        cmw_parse(piece, p->arena, &cmw, &ignored) != SELFSAME_OK)
        return keep(p, piece, e);
    for (size_t i = 0; i < cmw.count; i++)
        TRY(keep(p, cmw.entries[i].value, e));
    return SELFSAME_OK;
}

static bool
is_signed(struct selfsame_bytes piece)
{
    return dcap_tcb_info_recognise(piece) || dcap_identity_recognise(piece);
}

/* What the cache has for this evidence. */
static enum selfsame_code
recall(
    struct forecast *x, const struct view *v, struct pieces *p, struct selfsame_err *e)
{
    struct tee_need *needs = NULL;
    struct fetcher f;
    size_t count = 0;

    TRY(collateral_fetcher(x->c, &f, e));
    f.offline = true;
    TRY(v->tee->needs(v->evidence, v->arena, &needs, &count, e));
    for (size_t i = 0; i < count; i++) {
        struct selfsame_err ignored = { 0 };
        struct fetched got;

        if (needs[i].url == NULL ||
            fetch_get(&f, needs[i].url, fetch_what_of(needs[i].name), v->arena, &got,
                NULL, &ignored) != SELFSAME_OK)
            continue;
        TRY(keep(p, got.body, e));
        if (got.chain.len > 0)
            TRY(keep(p, got.chain, e));
    }
    return SELFSAME_OK;
}

/* ---- judging ---- */

static enum selfsame_code
judge(const struct view *v, const struct pieces *p, int64_t now_s,
    struct dcap_standing *ret, struct selfsame_err *e)
{
    struct tee_anchor anchors[8];
    struct tee_trust trust = { .now_s = now_s,
        .anchors = anchors,
        .collateral = p->at,
        .collateral_count = p->count };

    for (size_t i = 0; i < v->tee->anchor_count && i < COUNT(anchors); i++)
        anchors[trust.anchor_count++] = v->tee->anchors[i];
    return dcap_standing_of(strcmp(v->tee->name, "tdx") == 0 ? DCAP_TDX : DCAP_SGX,
        v->evidence, &trust, v->arena, ret, e);
}

/* When the last of it is issued: nobody can have had it before. */
static enum selfsame_code
issued(const struct pieces *p, struct arena *arena, int64_t *latest_s,
    struct selfsame_err *e)
{
    struct dcap_bundle b = { .info_count = 0 };

    for (size_t i = 0; i < p->count; i++)
        TRY(dcap_bundle_add(&b, p->at[i], arena, e));
    for (size_t i = 0; i < b.info_count; i++)
        if (b.info[i].issue_s > *latest_s)
            *latest_s = b.info[i].issue_s;
    for (size_t i = 0; i < b.identity_count; i++)
        if (b.identity[i].issue_s > *latest_s)
            *latest_s = b.identity[i].issue_s;
    for (size_t i = 0; i < b.pki.crl_count; i++)
        if (b.pki.crl[i].this_update > *latest_s)
            *latest_s = b.pki.crl[i].this_update;
    return SELFSAME_OK;
}

/* Announced collateral may come without lists and certificates: today's go with it. */
static enum selfsame_code
judge_newer(struct forecast *x, struct view *v, const struct pieces *today,
    struct selfsame_err *e)
{
    struct pieces *all = ARENA_NEW(v->arena, struct pieces, 1);

    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "collateral");
    *all = x->newer;
    v->newer_s = x->now_s;
    TRY(issued(all, v->arena, &v->newer_s, e));
    for (size_t i = 0; i < today->count; i++)
        if (!is_signed(today->at[i]))
            TRY(keep(all, today->at[i], e));
    return judge(v, all, v->newer_s, &v->newer, e);
}

/* Best first; no status at all is worse than any. */
static int
rank(const struct dcap_standing *s)
{
    return s->found.status == DCAP_NO_STATUS ? DCAP_REVOKED + 1 : (int)s->found.status;
}

/* Above zero: worse. Where today is unknown, everything is held against the best. */
static int
change(const struct view *v)
{
    return rank(&v->newer) - (v->has_today ? rank(&v->today) : (int)DCAP_UP_TO_DATE);
}

/* ---- telling ---- */

static json_t *
moment(int64_t s)
{
    char text[TIME_TEXT];

    time_format(s, text);
    return json_string(text);
}

static json_t *
advisories(const struct dcap_advisories *a)
{
    json_t *list = json_array();

    for (size_t i = 0; i < a->count; i++)
        (void)json_array_append_new(
            list, json_stringn((const char *)a->list[i].ptr, a->list[i].len));
    return list;
}

static json_t *
lacks(const struct dcap_standing *s, struct arena *arena)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->lack_count; i++) {
        const char *what = dcap_lack_text(&s->lack[i], arena);

        (void)json_array_append_new(
            list, json_pack("{s:s,s:i,s:i}", "what", what != NULL ? what : "?", "has",
                      (int)s->lack[i].has, "needs", (int)s->lack[i].needs));
    }
    return list;
}

static json_t *
standing(const struct dcap_standing *s, struct arena *arena)
{
    const struct dcap_found *f = &s->found;
    const struct dcap_tcb_info *info = f->info;
    json_t *o = json_pack("{s:s,s:s,s:o,s:o}", "status", dcap_status_word(f->status),
        "code", selfsame_code_name(s->code), "advisories", advisories(&f->advisories),
        "lacks", lacks(s, arena));

    if (s->code != SELFSAME_OK)
        (void)json_object_set_new(o, "reason", json_string(err_text(&s->err)));
    if (info != NULL) {
        (void)json_object_set_new(o, "evaluation", json_integer(info->evaluation));
        (void)json_object_set_new(o, "issued", moment(info->issue_s));
        (void)json_object_set_new(o, "next_update", moment(info->next_update_s));
    }
    return o;
}

static void
print_standing(const char *name, const json_t *s)
{
    const json_t *reason = json_object_get(s, "reason"), *one,
                 *list = json_object_get(s, "advisories"),
                 *lack = json_object_get(s, "lacks");
    size_t i;

    (void)printf("  %-6s %s", name, json_string_value(json_object_get(s, "status")));
    if (json_object_get(s, "evaluation") != NULL)
        (void)printf(" (evaluation %lld, %s to %s)",
            (long long)json_integer_value(json_object_get(s, "evaluation")),
            json_string_value(json_object_get(s, "issued")),
            json_string_value(json_object_get(s, "next_update")));
    json_array_foreach((json_t *)(uintptr_t)list, i, one)(void)
        printf("%s%s", i == 0 ? "; " : ", ", json_string_value(one));
    (void)printf("\n");
    if (reason != NULL)
        (void)printf("         %s\n", json_string_value(reason));
    json_array_foreach((json_t *)(uintptr_t)lack, i, one)(void)
        printf("         %s: has %lld, needs %lld\n",
            json_string_value(json_object_get(one, "what")),
            (long long)json_integer_value(json_object_get(one, "has")),
            (long long)json_integer_value(json_object_get(one, "needs")));
}

static void
print_view(const json_t *o)
{
    const json_t *from = json_object_get(o, "from"),
                 *latest = json_object_get(o, "at_the_latest");
    const char *word = json_string_value(json_object_get(o, "change"));

    (void)printf("%s: %s, FMSPC %s\n", json_string_value(json_object_get(o, "file")),
        json_string_value(json_object_get(o, "tee")),
        json_is_string(json_object_get(o, "fmspc"))
            ? json_string_value(json_object_get(o, "fmspc"))
            : "unknown");
    if (json_is_null(json_object_get(o, "today")))
        (void)printf("  today  unknown: no collateral for it\n");
    else
        print_standing("today", json_object_get(o, "today"));
    print_standing("newer", json_object_get(o, "newer"));
    if (strcmp(word, "same") != 0)
        (void)printf("  %-6s from %s%s%s\n", word, json_string_value(from),
            json_is_string(latest) ? "; everywhere from " : "",
            json_is_string(latest) ? json_string_value(latest) : "");
}

static enum selfsame_code
tell(struct forecast *x, const struct view *v, struct selfsame_err *e)
{
    const struct dcap_found *f = &v->newer.found;
    const char *fmspc = f->has_pck ? hex_dup(v->arena, f->pck.fmspc) : NULL;
    const struct dcap_tcb_info *old = v->has_today ? v->today.found.info : NULL;
    json_t *o = json_pack("{s:s,s:s,s:b,s:s?,s:o,s:o,s:s,s:o,s:o}", "file", v->name,
        "tee", v->tee->name, "simulated", f->simulated, "fmspc", fmspc, "today",
        v->has_today ? standing(&v->today, v->arena) : json_null(), "newer",
        standing(&v->newer, v->arena), "change",
        change(v) > 0   ? "worse"
        : change(v) < 0 ? "better"
                        : "same",
        "from", moment(f->info->issue_s), "at_the_latest",
        old != NULL ? moment(old->next_update_s) : json_null());

    if (json_array_append_new(x->told, o) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    if (!cli_json(x->c))
        print_view(o);
    return SELFSAME_OK;
}

/* ---- the whole ---- */

static enum selfsame_code
forecast_one(void *ctx, const struct collateral_evidence *q, struct selfsame_err *e)
{
    auto_arena arena = arena_new(ARENA);
    struct view v = {
        .name = q->name, .tee = q->of, .evidence = q->bytes, .arena = &arena
    };
    struct forecast *x = ctx;
    struct pieces *today = ARENA_NEW(&arena, struct pieces, 1);

    if (today == NULL)
        FAIL(e, SELFSAME_NOMEM, "collateral");
    if (strcmp(v.tee->name, "sgx") != 0 && strcmp(v.tee->name, "tdx") != 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected a quote of SGX or TDX, got evidence of %s", v.tee->name);
    *today = x->today;
    if (x->cached)
        TRY(recall(x, &v, today, e));
    v.has_today = today->count > 0;
    if (v.has_today)
        TRY(judge(&v, today, x->now_s, &v.today, e));
    TRY(judge_newer(x, &v, today, e));
    if (v.newer.found.info == NULL || v.newer.found.identity == NULL) {
        *e = v.newer.err;
        return err_wrap(
            e, v.newer.code, __FILE__, __LINE__, "with the collateral of --collateral");
    }
    x->worse += change(&v) > 0;
    x->count++;
    return tell(x, &v, e);
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_json *told = json_array();
    struct forecast *x = ARENA_NEW(cli_arena(c), struct forecast, 1);

    if (x == NULL || told == NULL)
        FAIL(e, SELFSAME_NOMEM, "a forecast");
    x->c = c;
    x->told = told;
    x->today.arena = x->newer.arena = cli_arena(c);
    x->now_s = os_now_ms() / 1000;
    x->cached = cli_value(c, "against") == NULL;
    TRY(cli_time(c, "at", &x->now_s, e));
    if (cli_value(c, "collateral") == NULL)
        FAIL(e, SELFSAME_USAGE, "--collateral is missing: the newer collateral");
    TRY(collateral_read(
        c, "collateral", &(struct collateral_sink){ .put = put, .ctx = &x->newer }, e));
    TRY(collateral_read(
        c, "against", &(struct collateral_sink){ .put = put, .ctx = &x->today }, e));
    TRY(collateral_each(
        c, &(struct collateral_visitor){ .visit = forecast_one, .ctx = x }, e));
    if (cli_json(c))
        TRY(print_json_line(told, e));
    if (x->worse > 0 && cli_json(c))
        return SELFSAME_TCB; /* it is told already */
    if (x->worse > 0)
        FAIL(e, SELFSAME_TCB, "%zu of %zu will be worse", x->worse, x->count);
    return SELFSAME_OK;
}

static const struct cli_option options[] = {
    { .name = "collateral",
        .argument = "FILE|DIR",
        .repeatable = true,
        .help = "the newer collateral: TCB info, QE identity, lists" },
    { .name = "against",
        .argument = "FILE|DIR",
        .repeatable = true,
        .help = "today's (default: what the cache has)" },
    { .name = "at", .argument = "TIME", .help = "as if it were this time" },
    { .name = "tee", .argument = "TEE", .help = "of which TEE the evidence is" },
    { .name = "cache",
        .argument = "DIR",
        .help = "where that is (default: ~/.cache/selfsame/collateral)" },
    { 0 },
};
const struct cli_command collateral_forecast_command = {
    .name = "collateral forecast",
    .operands = "EVIDENCE...",
    .summary = "what becomes of kept quotes under newer collateral",
    .story =
        "Example: selfsame collateral fetch quotes --update early --out early.cmw\n"
        "         selfsame collateral forecast quotes --collateral early.cmw\n"
        "Exits with 18 (tcb) when one of them will be worse than today, and says\n"
        "which component is short of what.",
    .options = options,
    .min_operands = 1,
    .max_operands = CLI_OPERANDS,
    .run = run,
};
