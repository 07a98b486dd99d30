/* SPDX-License-Identifier: Apache-2.0 */
/* `collateral fetch`, and --fetch of verify and connect: what vendors say, cached. */
#include "cli/collateral_bundle.h"
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "codec/json.h"
#include "os/os.h"
#include "tee/shared/dcap.h"

#include <stdio.h>

/* ---- fetching ---- */

enum selfsame_code
collateral_fetcher(struct cli *c, struct fetcher *ret, struct selfsame_err *e)
{
    char *usual = NULL;

    *ret = (struct fetcher){
        .cache = cli_value(c, "cache"),
        .origin = cli_value(c, "origin"),
        .origin_ca = cli_value(c, "origin-ca"),
        .offline = cli_flag(c, "offline"),
        .refresh = cli_flag(c, "refresh"),
    };
    if (ret->offline && ret->refresh)
        FAIL(e, SELFSAME_USAGE,
            "--refresh asks the host, --offline does not: one of "
            "them");
    if (ret->origin_ca != NULL && ret->origin == NULL)
        FAIL(e, SELFSAME_USAGE, "--origin-ca goes with --origin");
    if (ret->cache != NULL)
        return SELFSAME_OK;
    TRY(fetch_usual_cache(cli_arena(c), &usual, e));
    ret->cache = usual;
    return SELFSAME_OK;
}

enum selfsame_code
collateral_check(struct cli *c, struct selfsame_err *e)
{
    static const char *const names[] = { "cache", "origin", "origin-ca", "offline",
        "refresh" };

    for (size_t i = 0; i < COUNT(names); i++)
        if (cli_flag(c, names[i]) && !cli_flag(c, "fetch"))
            FAIL(e, SELFSAME_USAGE, "--%s goes with --fetch", names[i]);
    return SELFSAME_OK;
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
        const enum fetch_what what = fetch_what_of(need->name);
        struct fetched got;
        struct selfsame_err why = { 0 };
        bool absent;

        /* A chain that holds needs no more certificates. */
        if (need->url == NULL ||
            (lists_only && (what == FETCH_LEAF || what == FETCH_CHAIN)))
            continue;
        enum selfsame_code code = fetch_get(
            &f, need->url, what, cli_arena(c), &got, &absent, &why);
        if (code == SELFSAME_OK) {
            TRY(selfsame_verifier_add_collateral(v, got.body, e));
            if (got.chain.len > 0)
                TRY(selfsame_verifier_add_collateral(v, got.chain, e));
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

void
collateral_hint(struct cli *c, enum selfsame_code code)
{
    if (cli_flag(c, "fetch") && !cli_flag(c, "offline") &&
        (code == SELFSAME_BAD_CHAIN || code == SELFSAME_REVOKED ||
            code == SELFSAME_TCB))
        (void)fprintf(stderr, "selfsame: collateral may have come from the cache: "
                              "`selfsame collateral fetch --refresh` asks anew\n");
}

/* ---- collateral fetch ---- */

/* What is fetched so far, and told. */
struct errand {
    struct cli *c;
    struct fetcher f;
    struct collateral_bundle *bundle;
    json_t *told;
};

/* Signed JSON comes in two tracks: "early" says today what "standard" will say later. */
static enum selfsame_code
address(const struct errand *x, const struct tee_need *need, const char **ret,
    struct selfsame_err *e)
{
    const char *update = cli_value(x->c, "update");

    *ret = need->url;
    if (update == NULL || fetch_what_of(need->name) != FETCH_SIGNED)
        return SELFSAME_OK;
    *ret = arena_printf(cli_arena(x->c), "%s%cupdate=%s", need->url,
        strchr(need->url, '?') != NULL ? '&' : '?', update);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "a URL");
    return SELFSAME_OK;
}

static enum selfsame_code
fetch_one(
    struct errand *x, const struct tee_need *need, size_t *got, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct fetched piece = { 0 };
    const char *url;
    bool absent = false;

    TRY(address(x, need, &url, e));
    enum selfsame_code code = fetch_get(
        &x->f, url, fetch_what_of(need->name), cli_arena(x->c), &piece, &absent, &why);
    if (code != SELFSAME_OK && !absent) {
        *e = why;
        return code;
    }
    (void)json_array_append_new(
        x->told, json_pack("{s:s,s:s,s:b,s:I}", "name", need->name, "url", url, "found",
                     code == SELFSAME_OK, "bytes", (json_int_t)piece.body.len));
    if (code != SELFSAME_OK)
        return SELFSAME_OK;
    ++*got;
    return collateral_bundle_add(x->bundle, url, &piece, cli_arena(x->c), e);
}

static enum selfsame_code
fetch_needs(struct errand *x, const struct tee_need *needs, size_t count,
    struct selfsame_err *e)
{
    size_t got = 0;

    for (size_t i = 0; i < count; i++)
        if (needs[i].url != NULL)
            TRY(fetch_one(x, &needs[i], &got, e));
    if (count > 0 && got == 0)
        FAIL(e, SELFSAME_IO, "the vendor knows none of the %zu pieces it needs", count);
    return SELFSAME_OK;
}

static enum selfsame_code
fetch_for(void *ctx, const struct collateral_evidence *v, struct selfsame_err *e)
{
    struct errand *x = ctx;
    struct tee_need *needs = NULL;
    size_t count = 0;

    TRY(v->of->needs(v->bytes, cli_arena(x->c), &needs, &count, e));
    return fetch_needs(x, needs, count, e);
}

/* Intel and its tools write it in either case. */
static bool
fmspc_of(const char *hex, uint8_t ret[static DCAP_FMSPC])
{
    char lower[2 * DCAP_FMSPC + 1] = "";
    size_t len = strlen(hex), n = 0;

    if (len != sizeof(lower) - 1)
        return false;
    for (size_t i = 0; i < len; i++)
        lower[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] - 'A' + 'a' : hex[i]);
    return hex_decode(lower, len, ret, DCAP_FMSPC, &n) && n == DCAP_FMSPC;
}

/* Without evidence: --tee, --fmspc and --ca say which platform. */
static enum selfsame_code
fetch_platform(struct errand *x, struct selfsame_err *e)
{
    const char *hex = cli_value(x->c, "fmspc"), *tee = cli_value(x->c, "tee"),
               *word = cli_value(x->c, "ca");
    const bool tdx = tee != NULL && strcmp(tee, "tdx") == 0,
               processor = word != NULL && strcmp(word, "processor") == 0;
    struct tee_need *needs = NULL;
    uint8_t fmspc[DCAP_FMSPC];
    size_t count = 0;

    if (cli_operand_count(x->c) > 0 ||
        (!tdx && (tee == NULL || strcmp(tee, "sgx") != 0)))
        FAIL(e, SELFSAME_USAGE,
            "--fmspc goes with --tee sgx or --tee tdx, and without evidence");
    if (word != NULL && !processor && strcmp(word, "platform") != 0)
        FAIL(e, SELFSAME_USAGE, "--ca: expected processor or platform, got \"%.40s\"",
            word);
    if (!fmspc_of(hex, fmspc))
        FAIL(e, SELFSAME_USAGE,
            "--fmspc: expected 12 hexadecimal digits, got \"%.40s\"", hex);
    TRY(dcap_needs_of(tdx ? DCAP_TDX : DCAP_SGX, BYTES_ARR(fmspc),
        processor ? DCAP_CA_PROCESSOR : DCAP_CA_PLATFORM, cli_arena(x->c), &needs,
        &count, e));
    return fetch_needs(x, needs, count, e);
}

static enum selfsame_code
check_fetch(struct cli *c, struct selfsame_err *e)
{
    const char *update = cli_value(c, "update");

    if (update != NULL && strcmp(update, "early") != 0 &&
        strcmp(update, "standard") != 0)
        FAIL(e, SELFSAME_USAGE, "--update: expected early or standard, got \"%.40s\"",
            update);
    if (cli_value(c, "ca") != NULL && cli_value(c, "fmspc") == NULL)
        FAIL(e, SELFSAME_USAGE, "--ca goes with --fmspc");
    if (cli_operand_count(c) == 0 && cli_value(c, "fmspc") == NULL)
        FAIL(e, SELFSAME_USAGE, "expected EVIDENCE, or --tee and --fmspc");
    return SELFSAME_OK;
}

static enum selfsame_code
run_fetch(struct cli *c, struct selfsame_err *e)
{
    auto_json *told = json_array();
    struct errand x = { .c = c,
        .bundle = ARENA_NEW(cli_arena(c), struct collateral_bundle, 1),
        .told = told };
    const char *out = cli_value(c, "out"), *dir = cli_value(c, "dir");

    if (x.bundle == NULL || told == NULL)
        FAIL(e, SELFSAME_NOMEM, "a bundle");
    TRY(check_fetch(c, e));
    TRY(collateral_fetcher(c, &x.f, e));
    if (cli_value(c, "fmspc") != NULL)
        TRY(fetch_platform(&x, e));
    TRY(collateral_each(
        c, &(struct collateral_visitor){ .visit = fetch_for, .ctx = &x }, e));
    if ((out != NULL || dir != NULL) && x.bundle->count == 0)
        FAIL(e, SELFSAME_USAGE, "--%s: this evidence needs no collateral",
            out != NULL ? "out" : "dir");
    if (out != NULL)
        TRY(collateral_bundle_write(x.bundle, out, cli_arena(c), e));
    if (dir != NULL)
        TRY(collateral_bundle_spread(x.bundle, dir, cli_arena(c), e));
    return collateral_print(c, told, e);
}

static const struct cli_option fetch_options[] = {
    { .name = "out",
        .argument = "FILE",
        .help = "also write a bundle for --collateral (CMW)" },
    { .name = "dir",
        .argument = "DIR",
        .help = "also write its pieces as files, for --collateral" },
    { .name = "tee", .argument = "TEE", .help = "of which TEE the evidence is" },
    { .name = "fmspc",
        .argument = "HEX",
        .help = "for such platforms of Intel's, in place of evidence" },
    { .name = "ca",
        .argument = "processor|platform",
        .help = "with --fmspc: who issued their certificates (default: platform)" },
    { .name = "update",
        .argument = "early|standard",
        .help = "which of Intel's two tracks (default: standard)" },
    { .name = "cache",
        .argument = "DIR",
        .help = "where it is kept (default: ~/.cache/selfsame/collateral)" },
    { .name = "origin",
        .argument = "URL",
        .help = "a mirror or PCCS: https://HOST[:PORT] in place of the vendor's" },
    { .name = "origin-ca",
        .argument = "FILE",
        .help = "who vouches for its TLS certificate (PEM), in place of the system's" },
    { .name = "offline", .help = "from the cache alone" },
    { .name = "refresh", .help = "ask anew for what the cache holds" },
    { 0 },
};
const struct cli_command collateral_fetch_command = {
    .name = "collateral fetch",
    .operands = "[EVIDENCE...]",
    .summary = "fetch what the vendor says for evidence: certificates, CRLs, TCB info",
    .story =
        "Example: selfsame collateral fetch report.bin --out bundle.cmw\n"
        "         selfsame verify report.bin --collateral bundle.cmw ...\n"
        "         selfsame collateral fetch --tee tdx --fmspc b0c06f000000 --dir tdx\n"
        "Kept in a cache that all processes share; what is fetched is not trusted:\n"
        "verification judges it.",
    .options = fetch_options,
    .max_operands = CLI_OPERANDS,
    .run = run_fetch,
};
