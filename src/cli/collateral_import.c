/* SPDX-License-Identifier: Apache-2.0 */
/* `collateral import`: what `collateral export` and `fetch --out` wrote, into a cache. */
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "codec/cmw.h"
#include "fetch/supply.h"
#include "os/os.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BUNDLE_LIMIT = 16 << 20, DIR_MAX = 4096 };
#define CHAIN "#issuer-chain"

struct importing {
    struct cli *c;
    struct fetcher f;
    size_t taken, older;
};

static bool
is_vendors(const char *url)
{
    const size_t own = url_origin_len(url);

    for (const struct supply_origin *o = supply_vendors; o->vendor != NULL; o++)
        if (own > 0 && strlen(o->vendor) == own && strncmp(o->vendor, url, own) == 0)
            return url[own] == '/' && strlen(url) <= FETCH_URL_MAX &&
                   strpbrk(url, " \n\r\t\"\\#") == NULL;
    return false;
}

static struct selfsame_bytes
chain_of(const struct cmw *b, const char *url, struct arena *arena)
{
    const char *label = arena_printf(arena, "%s" CHAIN, url);

    for (size_t i = 0; label != NULL && i < b->count; i++)
        if (bytes_cmp(b->entries[i].label, bytes_str(label)) == 0)
            return b->entries[i].value;
    return BYTES_NONE;
}

/* What the cache has may be newer than a bundle, and stays then. */
static enum selfsame_code
take(struct importing *x, const struct cached *c, struct selfsame_err *e)
{
    struct cached kept = { 0 };
    char path[1024];

    if (!cache_path(&x->f, c->url, "", path))
        FAIL(e, SELFSAME_USAGE, "cache directory: its path is too long");
    if (cache_read(path, cli_arena(x->c), &kept) && !kept.absent &&
        kept.fetched_s >= c->fetched_s) {
        x->older++;
        return SELFSAME_OK;
    }
    x->taken++;
    return cache_write(path, c, e);
}

/* All of a bundle is looked at before any of it is taken: `write` false. */
static enum selfsame_code
import_entry(struct importing *x, const struct cmw *b, size_t i, int64_t at_s,
    bool write, struct selfsame_err *e)
{
    char *url = arena_str(cli_arena(x->c), b->entries[i].label);
    char name[URL_SHORT];
    int64_t until_s;

    if (url == NULL)
        FAIL(e, SELFSAME_NOMEM, "a URL");
    const size_t len = strlen(url), end = sizeof(CHAIN) - 1;
    if (len > end && strcmp(url + len - end, CHAIN) == 0)
        return SELFSAME_OK; /* beside what it is the chain of */
    if (len != b->entries[i].label.len || !is_vendors(url))
        FAIL(e, SELFSAME_USAGE,
            "expected pieces with the URL of a vendor, as `collateral export` writes "
            "them, got \"%.60s\"",
            url);
    const struct cached c = { .url = url,
        .fetched_s = at_s,
        .body = b->entries[i].value,
        .chain = chain_of(b, url, cli_arena(x->c)) };
    if (!piece_read(c.body, piece_of_url(url), &until_s) ||
        (c.chain.len > 0 && !piece_read(c.chain, FETCH_CHAIN, &until_s)))
        FAIL(e, SELFSAME_MALFORMED, "not what the vendor gives at %s",
            url_short(url, name));
    return write ? take(x, &c, e) : SELFSAME_OK;
}

static enum selfsame_code
import_file(struct importing *x, const char *path, struct selfsame_err *e)
{
    const int64_t now_s = os_now_ms() / 1000;
    struct selfsame_bytes in;
    struct stat st;
    struct cmw b;

    TRY(file_read(path, BUNDLE_LIMIT, cli_arena(x->c), &in, e));
    if (!cmw_looks_like(in))
        FAIL(e, SELFSAME_MALFORMED, "expected a bundle of `collateral export` (CMW)");
    TRY(cmw_parse(in, cli_arena(x->c), &b, e));
    if (!b.collection || b.count == 0)
        FAIL(e, SELFSAME_MALFORMED, "expected a bundle with pieces, got none");
    /* As old as the bundle: it is asked for anew when it would have been there. */
    const int64_t at_s = stat(path, &st) == 0 && st.st_mtime < now_s ? st.st_mtime
                                                                     : now_s;
    for (size_t i = 0; i < b.count; i++)
        TRY(import_entry(x, &b, i, at_s, false, e));
    for (size_t i = 0; i < b.count; i++)
        TRY(import_entry(x, &b, i, at_s, true, e));
    return SELFSAME_OK;
}

static enum selfsame_code
import_dir(struct importing *x, const char *dir, struct selfsame_err *e)
{
    struct dirent **list = NULL;
    enum selfsame_code code = SELFSAME_OK;
    const int n = scandir(dir, &list, NULL, alphasort);

    if (n < 0)
        return file_error(e, "cannot read", dir);
    for (int i = 0; i < n; i++) {
        const char *path = arena_printf(cli_arena(x->c), "%s/%s", dir, list[i]->d_name);
        struct stat st;

        if (code == SELFSAME_OK && path != NULL && n <= DIR_MAX &&
            stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            code = import_file(x, path, e);
            if (code != SELFSAME_OK)
                code = err_wrap(e, code, __FILE__, __LINE__, "%s", path);
        }
        free(list[i]);
    }
    free(list);
    TRY(code);
    if (n > DIR_MAX)
        FAIL(e, SELFSAME_USAGE, "%s: expected at most %d bundles", dir, (int)DIR_MAX);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    struct importing x = { .c = c };
    struct stat st;

    TRY(collateral_fetcher(c, &x.f, e));
    TRY(dir_make(x.f.cache, true, e));
    for (size_t i = 0; i < cli_operand_count(c); i++) {
        const char *path = cli_operand(c, i);

        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            TRY(import_dir(&x, path, e));
        else
            TRY_WHILE(e, import_file(&x, path, e), "%s", path);
    }
    if (x.taken + x.older == 0)
        FAIL(e, SELFSAME_USAGE, "expected bundles, got none");
    if (cli_json(c)) {
        auto_json *j = json_pack(
            "{s:I,s:I}", "imported", (json_int_t)x.taken, "older", (json_int_t)x.older);
        return print_json_line(j, e);
    }
    (void)printf(
        "%zu pieces imported; of %zu the cache has newer ones\n", x.taken, x.older);
    return print_flush(e);
}

static const struct cli_option options[] = {
    { .name = "cache",
        .argument = "DIR",
        .help = "where it is kept (default: ~/.cache/selfsame/collateral)" },
    { 0 },
};
const struct cli_command collateral_import_command = {
    .name = "collateral import",
    .operands = "FILE|DIR...",
    .summary = "take bundles of `collateral export` into the cache",
    .story =
        "Example: selfsame collateral import bundle.cmw --cache DIR/collateral\n"
        "Each piece has to be what its vendor gives at its URL; whether it is signed\n"
        "by the vendor, verification judges, as of all that a cache holds.",
    .options = options,
    .min_operands = 1,
    .max_operands = CLI_OPERANDS,
    .run = run,
};
