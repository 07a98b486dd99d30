/* SPDX-License-Identifier: Apache-2.0 */
/* `collateral show|export`: what the cache holds, for people and for other machines. */
#include "cli/collateral_bundle.h"
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/show_print.h"
#include "os/os.h"
#include "show/show.h"

#include <stdio.h>

enum selfsame_code
collateral_print(struct cli *c, const json_t *list, struct selfsame_err *e)
{
    size_t i;
    json_t *one;

    if (cli_json(c))
        return print_json_line(list, e);
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        const json_t *until = json_object_get(one, "until");

        if (json_is_false(json_object_get(one, "found")))
            (void)printf("none       ");
        else
            (void)printf("%6lld B   ",
                (long long)json_integer_value(json_object_get(one, "bytes")));
        if (json_object_get(one, "fetched") != NULL)
            (void)printf("%s  ", json_string_value(json_object_get(one, "fetched")));
        if (until != NULL)
            (void)printf("until %-20s  ",
                json_is_string(until) ? json_string_value(until) : "-");
        (void)printf("%s\n", json_string_value(json_object_get(one, "url")));
        if (json_object_get(one, "content") != NULL) {
            show_print(json_object_get(one, "content"));
            (void)printf("\n");
        }
    }
    return SELFSAME_OK;
}

/* Without operands all; else those in whose URL one of them occurs. */
static bool
is_wanted(const struct cli *c, const char *url)
{
    for (size_t i = 0; i < cli_operand_count(c); i++)
        if (strstr(url, cli_operand(c, i)) != NULL)
            return true;
    return cli_operand_count(c) == 0;
}

/* ---- collateral show ---- */

/* When the first part of it ends; null where nothing says so. */
static json_t *
until(const struct cached *x)
{
    enum fetch_what ignored;
    char text[TIME_TEXT];
    int64_t end_s, chain_s = INT64_MAX;

    if (x->absent || !piece_guess(x->body, &ignored, &end_s))
        return json_null();
    if (x->chain.len > 0 && piece_read(x->chain, FETCH_CHAIN, &chain_s) &&
        chain_s < end_s)
        end_s = chain_s;
    if (end_s == INT64_MAX)
        return json_null();
    time_format(end_s, text);
    return json_string(text);
}

static enum selfsame_code
decode(
    const struct cached *x, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    json_t *content = json_object();
    struct selfsame_err why = { 0 };

    TRY(show_put(into, "content", content, e));
    if (show_any(x->body, arena, content, &why) != SELFSAME_OK)
        TRY(show_put(content, "unreadable", json_string(err_text(&why)), e));
    if (x->chain.len == 0)
        return SELFSAME_OK;
    json_t *chain = json_object();
    TRY(show_put(content, "issuer_chain", chain, e));
    return show_pem(x->chain, arena, chain, e);
}

static enum selfsame_code
tell(struct cli *c, const struct cached *x, json_t *list, struct selfsame_err *e)
{
    json_t *one = json_object();
    char when[TIME_TEXT];

    if (json_array_append_new(list, one) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    time_format(x->fetched_s, when);
    TRY(show_put(one, "url", json_string(x->url), e));
    TRY(show_put(one, "fetched", json_string(when), e));
    TRY(show_put(one, "found", json_boolean(!x->absent), e));
    TRY(show_put(one, "bytes", json_integer((json_int_t)x->body.len), e));
    TRY(show_put(one, "until", until(x), e));
    if (cli_operand_count(c) == 0 || x->absent)
        return SELFSAME_OK;
    return decode(x, cli_arena(c), one, e);
}

static enum selfsame_code
run_show(struct cli *c, struct selfsame_err *e)
{
    auto_json *list = json_array();
    struct cached *all;
    struct fetcher f;
    size_t count = 0;

    TRY(collateral_fetcher(c, &f, e));
    TRY(cache_list(&f, cli_arena(c), &all, &count, e));
    for (size_t i = 0; i < count; i++)
        if (is_wanted(c, all[i].url))
            TRY(tell(c, &all[i], list, e));
    return collateral_print(c, list, e);
}

/* ---- collateral export ---- */

static enum selfsame_code
gather(struct cli *c, struct collateral_bundle *b, struct selfsame_err *e)
{
    struct cached *all;
    struct fetcher f;
    size_t count = 0;

    TRY(collateral_fetcher(c, &f, e));
    TRY(cache_list(&f, cli_arena(c), &all, &count, e));
    for (size_t i = 0; i < count; i++) {
        const struct fetched piece = { .body = all[i].body, .chain = all[i].chain };

        if (!all[i].absent && is_wanted(c, all[i].url))
            TRY(collateral_bundle_add(b, all[i].url, &piece, cli_arena(c), e));
    }
    if (b->count > 0)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "the cache %s has none of that: nothing to export", f.cache);
    err_remedy(e, "Fill it first: `selfsame collateral fetch EVIDENCE`.");
    return SELFSAME_USAGE;
}

static enum selfsame_code
run_export(struct cli *c, struct selfsame_err *e)
{
    struct collateral_bundle *b = ARENA_NEW(cli_arena(c), struct collateral_bundle, 1);
    const char *out = cli_value(c, "out"), *dir = cli_value(c, "dir");

    if (b == NULL)
        FAIL(e, SELFSAME_NOMEM, "a bundle");
    if ((out == NULL) == (dir == NULL))
        FAIL(e, SELFSAME_USAGE, "one of --out FILE and --dir DIR: where it goes");
    TRY(gather(c, b, e));
    if (out != NULL)
        TRY(collateral_bundle_write(b, out, cli_arena(c), e));
    else
        TRY(collateral_bundle_spread(b, dir, cli_arena(c), e));
    (void)fprintf(stderr, "%s: %zu pieces, for --collateral\n", out != NULL ? out : dir,
        b->count);
    return SELFSAME_OK;
}

#define CACHE_OPTION                                                       \
    {                                                                      \
        .name = "cache", .argument = "DIR",                                \
        .help = "where it is kept (default: ~/.cache/selfsame/collateral)" \
    }
static const struct cli_option show_options[] = { CACHE_OPTION, { 0 } };
static const struct cli_option export_options[] = {
    { .name = "out", .argument = "FILE", .help = "the bundle, for --collateral (CMW)" },
    { .name = "dir",
        .argument = "DIR",
        .help = "its pieces as files, for --collateral and other tools" },
    CACHE_OPTION,
    { 0 },
};

const struct cli_command collateral_show_command = {
    .name = "collateral show",
    .operands = "[PART...]",
    .summary = "list what the cache holds, and until when it is good",
    .story = "Examples:\n"
             "  selfsame collateral show --json\n"
             "  selfsame collateral show fmspc=b0c06f000000\n"
             "With operands only what has one of them in its URL, and what it says.",
    .options = show_options,
    .max_operands = CLI_OPERANDS,
    .run = run_show,
};
const struct cli_command collateral_export_command = {
    .name = "collateral export",
    .operands = "[PART...]",
    .summary = "write the cache into one bundle, for machines without a network",
    .story = "Examples:\n"
             "  selfsame collateral export --out bundle.cmw\n"
             "  selfsame collateral export --out milan.cmw /Milan/\n"
             "With operands only what has one of them in its URL (collateral show).",
    .options = export_options,
    .max_operands = CLI_OPERANDS,
    .run = run_export,
};
