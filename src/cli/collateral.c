/* SPDX-License-Identifier: Apache-2.0 */
/* `collateral fetch|show|export`: vendors' certificates and CRLs, cached and bundled. */
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/text_input.h"
#include "codec/cmw.h"
#include "codec/json.h"
#include "codec/pem.h"
#include "crypto/crl.h"
#include "os/os.h"
#include "tee/tee.h"

#include <stdio.h>

enum { EVIDENCE_LIMIT = 1 << 20, PIECES = CMW_ENTRIES };

/* ---- fetching ---- */

enum selfsame_code
collateral_fetcher(struct cli *c, struct fetcher *ret, struct selfsame_err *e)
{
    char *usual = NULL;

    *ret = (struct fetcher){
        .cache = cli_value(c, "cache"),
        .origin = cli_value(c, "origin"),
        .offline = cli_flag(c, "offline"),
        .refresh = cli_flag(c, "refresh"),
    };
    if (ret->offline && ret->refresh)
        FAIL(e, SELFSAME_USAGE,
            "--refresh asks the host, --offline does not: one of "
            "them");
    if (ret->cache != NULL)
        return SELFSAME_OK;
    TRY(fetch_usual_cache(cli_arena(c), &usual, e));
    ret->cache = usual;
    return SELFSAME_OK;
}

enum selfsame_code
collateral_check(struct cli *c, struct selfsame_err *e)
{
    static const char *const names[] = { "cache", "origin", "offline", "refresh" };

    for (size_t i = 0; i < COUNT(names); i++)
        if (cli_flag(c, names[i]) && !cli_flag(c, "fetch"))
            FAIL(e, SELFSAME_USAGE, "--%s goes with --fetch", names[i]);
    return SELFSAME_OK;
}

/* By the names that `needs` of a TEE gives. */
static enum fetch_what
what_of(const char *name)
{
    if (strcmp(name, "crl") == 0)
        return FETCH_LIST;
    return strcmp(name, "cert-chain") == 0 ? FETCH_CHAIN : FETCH_LEAF;
}

static void
say(const struct selfsame_err *e)
{
    (void)fprintf(stderr, "selfsame: %s\n", err_text(e));
}

enum selfsame_code
collateral_fetch_missing(struct cli *c, const struct selfsame_result *r,
    struct selfsame_verifier *v, bool *ret_more, struct selfsame_err *e)
{
    const bool lists_only = selfsame_result_code(r) == SELFSAME_REVOKED;
    const struct selfsame_need *need;
    struct fetcher f;

    *ret_more = false;
    if (!cli_flag(c, "fetch"))
        return SELFSAME_OK;
    TRY(collateral_fetcher(c, &f, e));
    for (size_t i = 0; (need = selfsame_result_need(r, i)) != NULL; i++) {
        struct selfsame_bytes body;
        struct selfsame_err why = { 0 };
        bool absent;

        /* A chain that holds needs no more certificates. */
        if (need->url == NULL || (lists_only && strcmp(need->name, "crl") != 0))
            continue;
        enum selfsame_code code = fetch_get(
            &f, need->url, what_of(need->name), cli_arena(c), &body, &absent, &why);
        if (code == SELFSAME_OK) {
            TRY(selfsame_verifier_add_collateral(v, body, e));
            *ret_more = true;
        } else if (code == SELFSAME_USAGE || code == SELFSAME_NOMEM) {
            *e = why;
            return code;
        } else if (!absent) {
            say(&why);
        }
    }
    return SELFSAME_OK;
}

/* ---- what a piece is ---- */

static const char *
media_type(struct selfsame_bytes body)
{
    struct selfsame_err ignored;
    struct crl crl;

    if (pem_looks_like(body))
        return "application/pem-certificate-chain";
    return crl_parse(body, &crl, &ignored) == SELFSAME_OK ? "application/pkix-crl"
                                                          : "application/pkix-cert";
}

/* ---- bundles ---- */

struct bundle {
    struct cmw_entry at[PIECES];
    size_t count;
};

static enum selfsame_code
bundle_add(struct bundle *b, const char *url, struct selfsame_bytes body,
    struct arena *arena, struct selfsame_err *e)
{
    char *label = arena_printf(arena, "%s", url);

    if (label == NULL)
        FAIL(e, SELFSAME_NOMEM, "a label");
    for (size_t i = 0; i < b->count; i++)
        if (bytes_eq(b->at[i].label, bytes_str(label)))
            return SELFSAME_OK;
    if (b->count == PIECES)
        FAIL(e, SELFSAME_USAGE, "a bundle holds at most %d pieces: make several",
            (int)PIECES);
    b->at[b->count++] = (struct cmw_entry){
        .label = bytes_str(label),
        .type = bytes_str(media_type(body)),
        .value = body,
        .ind = CMW_ENDORSEMENTS,
    };
    return SELFSAME_OK;
}

static enum selfsame_code
bundle_write(const struct bundle *b, const char *path, struct arena *arena,
    struct selfsame_err *e)
{
    struct cmw cmw = { .collection = true,
        .entries = (struct cmw_entry *)(uintptr_t)b->at,
        .count = b->count };
    struct selfsame_bytes out;

    TRY(cmw_encode_cbor(&cmw, arena, &out, e));
    return file_write(path, out, false, e);
}

/* ---- collateral fetch ---- */

static const struct tee_verifier *
whose(const char *tee, struct selfsame_bytes in)
{
    const struct tee_verifier *v;

    for (size_t i = 0; (v = tee_verifier_at(i)) != NULL; i++)
        if (tee != NULL ? strcmp(v->name, tee) == 0 : v->recognise(in))
            return v;
    return NULL;
}

/* The evidence of a file: itself, or the entry of an envelope that looks like some. */
static enum selfsame_code
read_evidence(struct cli *c, const char *path, struct selfsame_bytes *ret,
    const struct tee_verifier **ret_of, struct selfsame_err *e)
{
    const char *tee = cli_value(c, "tee");
    struct cmw cmw;

    TRY(file_read(path, EVIDENCE_LIMIT, cli_arena(c), ret, e));
    if (ret->len == 0)
        return file_empty(e, "evidence");
    (void)text_input_decode(ret, cli_arena(c));
    if ((*ret_of = whose(tee, *ret)) != NULL && (tee == NULL || !cmw_looks_like(*ret)))
        return SELFSAME_OK;
    if (cmw_looks_like(*ret)) {
        TRY(cmw_parse(*ret, cli_arena(c), &cmw, e));
        for (size_t i = 0; i < cmw.count; i++) {
            *ret = cmw.entries[i].value;
            if ((*ret_of = whose(tee, *ret)) != NULL && (*ret_of)->recognise(*ret))
                return SELFSAME_OK;
        }
    }
    FAIL(e, SELFSAME_UNSUPPORTED, "expected evidence of %s, got none",
        tee != NULL ? tee : "a TEE that is known here");
}

static enum selfsame_code
fetch_for(struct cli *c, const struct fetcher *f, const char *path, struct bundle *b,
    json_t *told, struct selfsame_err *e)
{
    const struct tee_verifier *v = NULL;
    struct tee_need *needs = NULL;
    struct selfsame_bytes evidence, body;
    size_t count = 0, got = 0;

    TRY(read_evidence(c, path, &evidence, &v, e));
    TRY(v->needs(evidence, cli_arena(c), &needs, &count, e));
    for (size_t i = 0; i < count; i++) {
        struct selfsame_err why = { 0 };
        bool absent = false;

        if (needs[i].url == NULL)
            continue;
        enum selfsame_code code = fetch_get(f, needs[i].url, what_of(needs[i].name),
            cli_arena(c), &body, &absent, &why);
        if (code != SELFSAME_OK && !absent) {
            *e = why;
            return code;
        }
        (void)json_array_append_new(
            told, json_pack("{s:s,s:s,s:b,s:I}", "name", needs[i].name, "url",
                      needs[i].url, "found", code == SELFSAME_OK, "bytes",
                      (json_int_t)(code == SELFSAME_OK ? body.len : 0)));
        if (code != SELFSAME_OK)
            continue;
        TRY(bundle_add(b, needs[i].url, body, cli_arena(c), e));
        got++;
    }
    if (count > 0 && got == 0)
        FAIL(e, SELFSAME_IO, "the vendor knows none of the %zu pieces it needs", count);
    return SELFSAME_OK;
}

static enum selfsame_code
print_list(struct cli *c, const json_t *list, struct selfsame_err *e)
{
    size_t i;
    json_t *one;

    if (cli_json(c))
        return print_json_line(list, e);
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        if (json_is_false(json_object_get(one, "found")))
            (void)printf("none       ");
        else
            (void)printf("%6lld B   ",
                (long long)json_integer_value(json_object_get(one, "bytes")));
        if (json_object_get(one, "fetched") != NULL)
            (void)printf("%s  ", json_string_value(json_object_get(one, "fetched")));
        (void)printf("%s\n", json_string_value(json_object_get(one, "url")));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
run_fetch(struct cli *c, struct selfsame_err *e)
{
    struct bundle *b = ARENA_NEW(cli_arena(c), struct bundle, 1);
    auto_json *told = json_array();
    struct fetcher f;

    if (b == NULL || told == NULL)
        FAIL(e, SELFSAME_NOMEM, "a bundle");
    TRY(collateral_fetcher(c, &f, e));
    for (size_t i = 0; i < cli_operand_count(c); i++)
        TRY_WHILE(e, fetch_for(c, &f, cli_operand(c, i), b, told, e), "%s",
            cli_operand(c, i));
    if (cli_value(c, "out") != NULL && b->count == 0)
        FAIL(e, SELFSAME_USAGE, "--out: this evidence needs no collateral");
    if (cli_value(c, "out") != NULL)
        TRY(bundle_write(b, cli_value(c, "out"), cli_arena(c), e));
    return print_list(c, told, e);
}

/* ---- collateral show, collateral export ---- */

static enum selfsame_code
run_show(struct cli *c, struct selfsame_err *e)
{
    auto_json *list = json_array();
    struct cached *all;
    struct fetcher f;
    size_t count = 0;

    TRY(collateral_fetcher(c, &f, e));
    TRY(cache_list(&f, cli_arena(c), &all, &count, e));
    for (size_t i = 0; i < count; i++) {
        char when[TIME_TEXT];

        time_format(all[i].fetched_s, when);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:b,s:I}", "url", all[i].url, "fetched", when,
                      "found", !all[i].absent, "bytes", (json_int_t)all[i].body.len));
    }
    return print_list(c, list, e);
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

static enum selfsame_code
run_export(struct cli *c, struct selfsame_err *e)
{
    struct bundle *b = ARENA_NEW(cli_arena(c), struct bundle, 1);
    struct cached *all;
    struct fetcher f;
    size_t count = 0;

    if (b == NULL)
        FAIL(e, SELFSAME_NOMEM, "a bundle");
    if (cli_value(c, "out") == NULL)
        FAIL(e, SELFSAME_USAGE, "--out FILE is missing: where the bundle goes");
    TRY(collateral_fetcher(c, &f, e));
    TRY(cache_list(&f, cli_arena(c), &all, &count, e));
    for (size_t i = 0; i < count; i++)
        if (!all[i].absent && is_wanted(c, all[i].url))
            TRY(bundle_add(b, all[i].url, all[i].body, cli_arena(c), e));
    if (b->count == 0) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "the cache %s has none of that: nothing to export", f.cache);
        err_remedy(e, "Fill it first: `selfsame collateral fetch EVIDENCE`.");
        return SELFSAME_USAGE;
    }
    TRY(bundle_write(b, cli_value(c, "out"), cli_arena(c), e));
    (void)fprintf(
        stderr, "%s: %zu pieces, for --collateral\n", cli_value(c, "out"), b->count);
    return SELFSAME_OK;
}

#define CACHE_OPTION                                                       \
    {                                                                      \
        .name = "cache", .argument = "DIR",                                \
        .help = "where it is kept (default: ~/.cache/selfsame/collateral)" \
    }
static const struct cli_option fetch_options[] = {
    { .name = "out",
        .argument = "FILE",
        .help = "also write a bundle for --collateral (CMW)" },
    { .name = "tee", .argument = "TEE", .help = "of which TEE the evidence is" },
    CACHE_OPTION,
    { .name = "origin",
        .argument = "URL",
        .help = "a mirror: https://HOST[:PORT] in place of the vendor's" },
    { .name = "offline", .help = "from the cache alone" },
    { .name = "refresh", .help = "ask anew for what the cache holds" },
    { 0 },
};
static const struct cli_option show_options[] = { CACHE_OPTION, { 0 } };
static const struct cli_option export_options[] = {
    { .name = "out", .argument = "FILE", .help = "the bundle, for --collateral (CMW)" },
    CACHE_OPTION,
    { 0 },
};

const struct cli_command collateral_fetch_command = {
    .name = "collateral fetch",
    .operands = "EVIDENCE...",
    .summary = "fetch the vendor's certificates and CRLs for evidence",
    .story =
        "Example: selfsame collateral fetch report.bin --out bundle.cmw\n"
        "         selfsame verify report.bin --collateral bundle.cmw ...\n"
        "Kept in a cache that all processes share; what is fetched is not trusted:\n"
        "verification judges it.",
    .options = fetch_options,
    .min_operands = 1,
    .max_operands = CLI_OPERANDS,
    .run = run_fetch,
};
const struct cli_command collateral_show_command = {
    .name = "collateral show",
    .summary = "list what the cache holds",
    .story = "Example: selfsame collateral show --json",
    .options = show_options,
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
