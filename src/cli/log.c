/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/print.h"
#include "os/os.h"
#include "service/log_service.h"
#include "service/notify.h"
#include "service/user.h"

#include <inttypes.h>
#include <stdio.h>

enum { REFRESH_MS = 3600 * 1000, REFRESH_MAX_MS = 7 * 24 * 3600 * 1000 };

/* ---- init ---- */

static const struct cli_option init_options[] = {
    { .name = "origin",
        .argument = "NAME",
        .help = "of the log, in every checkpoint and proof (log.example/releases)" },
    { .name = "key",
        .argument = "FILE",
        .help =
            "PEM private key, Ed25519, used for nothing else (default: a new one)" },
    { .name = "url",
        .argument = "URL",
        .help = "where clients will find it (https://log.example), for policy.txt" },
    { 0 },
};

static enum selfsame_code
run_init(struct cli *c, struct selfsame_err *e)
{
    const char *dir = cli_operand(c, 0), *origin = cli_value(c, "origin");
    char *vkey = NULL;

    if (origin == NULL)
        FAIL(e, SELFSAME_USAGE,
            "--origin is missing: the name that every checkpoint and proof will bear");
    const struct log_service_make m = { .dir = dir,
        .origin = origin,
        .key_file = cli_value(c, "key"),
        .url = cli_value(c, "url") };
    TRY(log_service_init(&m, cli_arena(c), &vkey, e));
    if (cli_json(c)) {
        auto_json *j = json_pack(
            "{s:s,s:s,s:s}", "dir", dir, "origin", origin, "vkey", vkey);
        TRY(print_json_line(j, e));
    } else {
        (void)printf("%s\n", vkey);
    }
    return print_flush(e);
}

const struct cli_command log_init_command = {
    .name = "log init",
    .operands = "DIR",
    .summary = "make a transparency log: its key, its policy and its state",
    .story =
        "Prints the verifier key that clients, witnesses and monitors put into their\n"
        "policies. Put the public keys of those who may submit into "
        "DIR/publishers/*.pem,\n"
        "and witnesses and their quorum into DIR/policy.txt.\n\n"
        "  selfsame log init /var/lib/log --origin log.example/releases \\\n"
        "      --url https://log.example/releases\n",
    .options = init_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_init,
};

/* ---- serve ---- */

static const struct cli_option serve_options[] = {
    { .name = "listen",
        .argument = "A:P",
        .help = "where to serve HTTP (default 127.0.0.1:7381; unix:PATH)" },
    { .name = "user",
        .argument = "NAME",
        .help = "when root: become this user once it listens and has its key" },
    { .name = "batch-ms",
        .argument = "N",
        .help = "how long an entry waits for others at most (default 250)" },
    { .name = "quorum-ms",
        .argument = "N",
        .help = "how long witnesses have for a checkpoint (default 10000)" },
    { .name = "refresh",
        .argument = "DURATION",
        .help = "have a checkpoint cosigned anew when it is so old (default 1h; 0s: "
                "never)" },
    { .name = "max-connections",
        .argument = "N",
        .help = "at once (default 1024); then those without a request make room" },
    { 0 },
};

static enum selfsame_code
announce(const struct cli *c, struct log_service *s, struct selfsame_err *e)
{
    struct net_addr at;
    struct log_status now;
    char text[NET_TEXT];

    log_service_bound(s, &at);
    net_addr_text(&at, text);
    log_service_status(s, &now);
    if (cli_json(c)) {
        auto_json *j = json_pack("{s:s,s:s,s:I,s:I}", "listen", text, "vkey",
            log_service_vkey(s), "publishers", (json_int_t)log_service_publishers(s),
            "size", (json_int_t)now.size);
        TRY(print_json_line(j, e));
    } else {
        (void)printf("serving %s as %s: %" PRIu64 " entries, %zu publishers\n", text,
            log_service_vkey(s), now.size, log_service_publishers(s));
    }
    return print_flush(e);
}

static enum selfsame_code
configure(struct cli *c, struct log_service_config *config, struct selfsame_err *e)
{
    const char *listen = cli_value(c, "listen");
    const char *refresh = cli_value(c, "refresh");
    uint64_t connections = 0, batch = 0, quorum = 0;
    int64_t refresh_ms = REFRESH_MS;

    TRY_WHILE(e,
        net_addr_parse(
            listen != NULL ? listen : "127.0.0.1:7381", 0, &config->listen, e),
        "--listen");
    TRY(cli_uint(c, "max-connections", 1, 65536, &connections, e));
    TRY(cli_uint(c, "batch-ms", 1, 10000, &batch, e));
    TRY(cli_uint(c, "quorum-ms", 100, 600000, &quorum, e));
    config->connections = (unsigned)connections;
    config->batch_ms = (unsigned)batch;
    config->quorum_ms = (unsigned)quorum;
    if (refresh != NULL &&
        (!duration_parse(refresh, &refresh_ms) || refresh_ms > REFRESH_MAX_MS))
        FAIL(e, SELFSAME_USAGE,
            "--refresh: expected such as 90s, 5m or 1h, at most 7d, or 0s, got \"%s\"",
            refresh);
    config->refresh_ms = (unsigned)refresh_ms;
    return SELFSAME_OK;
}

static enum selfsame_code
run_serve(struct cli *c, struct selfsame_err *e)
{
    const char *user = cli_value(c, "user");
    struct log_service_config config = {
        .dir = cli_operand(c, 0), .tell = print_event, .ctx = c
    };
    auto_log_service *s = NULL;

    TRY(configure(c, &config, e));
    service_notify_open();
    os_interruptible();
    TRY(log_service_new(&config, &s, e));
    if (user != NULL)
        TRY_WHILE(e, user_become(user, e), "--user");
    TRY(log_service_open(s, e));
    if (log_service_publishers(s) == 0)
        print_event(c, "warning",
            "nobody may submit: put public keys into DIR/publishers/*.pem");
    TRY(announce(c, s, e));
    service_notify("READY=1");
    const enum selfsame_code code = log_service_run(s, e);
    service_notify("STOPPING=1");
    return code;
}

const struct cli_command log_serve_command = {
    .name = "log serve",
    .operands = "DIR",
    .summary = "take releases into the log and serve it",
    .story =
        "POST /add takes a signed statement of a known publisher and answers with its\n"
        "proof, once it is durable and a quorum of the witnesses of DIR/policy.txt "
        "has\n"
        "cosigned. /checkpoint and /tile/ are those of C2SP tlog-tiles; any web "
        "server\n"
        "may serve DIR/public instead. SIGTERM ends it when what is under way is "
        "answered.\n\n"
        "  selfsame log serve /var/lib/log --listen 127.0.0.1:7381\n",
    .options = serve_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_serve,
};

/* ---- status and check ---- */

static const struct cli_option no_options[] = { { 0 } };

static enum selfsame_code
open_to_read(const char *dir, struct log_dir *d, struct log_core_config *config,
    struct store **ret, struct selfsame_err *e)
{
    const struct store_posix_config p = { .dir = dir, .read_only = true };

    TRY(log_dir_open(dir, d, e));
    TRY(store_posix_open(&p, ret, e));
    *config = log_dir_config(d);
    config->store = *ret;
    return SELFSAME_OK;
}

static enum selfsame_code
run_status(struct cli *c, struct selfsame_err *e)
{
    auto_log_dir d = { .path = "" };
    auto_store *store = NULL;
    struct log_core_config config;
    struct log_glance g;

    TRY(open_to_read(cli_operand(c, 0), &d, &config, &store, e));
    TRY(log_core_glance(&config, cli_arena(c), &g, e));
    const char *origin = arena_str(cli_arena(c), d.vkey.name);
    char *root = hex_dup(cli_arena(c), BYTES_ARR(g.root));
    if (origin == NULL || root == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a status");
    if (cli_json(c)) {
        auto_json *j = json_pack("{s:s,s:s,s:I,s:s,s:I,s:b,s:I,s:I}", "origin", origin,
            "vkey", d.vkey_text, "size", (json_int_t)g.size, "root", root, "published",
            (json_int_t)g.published, "checkpoint", g.has_checkpoint, "publishers",
            (json_int_t)d.publisher_count, "witnesses",
            (json_int_t)d.policy.witness_count);
        TRY(print_json_line(j, e));
    } else {
        (void)printf("origin      %s\nkey         %s\nentries     %" PRIu64
                     "\nroot        %s\npublished   ",
            origin, d.vkey_text, g.size, root);
        if (g.has_checkpoint)
            (void)printf("%" PRIu64 " entries\n", g.published);
        else
            (void)printf("no checkpoint yet\n");
        (void)printf("publishers  %zu\nwitnesses   %zu\n", d.publisher_count,
            d.policy.witness_count);
    }
    return print_flush(e);
}

const struct cli_command log_status_command = {
    .name = "log status",
    .operands = "DIR",
    .summary = "how large a log is, what is published, who may submit",
    .story = "Reads alone, also while the log is served; verifies the checkpoint's "
             "signature.\n\n"
             "  selfsame log status /var/lib/log\n",
    .options = no_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_status,
};

struct checking {
    struct progress progress;
    uint64_t done;
};

static void
checked(void *ctx, uint64_t done, uint64_t total)
{
    struct checking *k = ctx;

    k->progress.total = total;
    progress_add(&k->progress, done - k->done);
    k->done = done;
}

static enum selfsame_code
run_check(struct cli *c, struct selfsame_err *e)
{
    auto_log_dir d = { .path = "" };
    auto_store *store = NULL;
    struct log_core_config config;
    struct log_check out = { .size = 0 };
    struct checking k = { .done = 0 };

    TRY(open_to_read(cli_operand(c, 0), &d, &config, &store, e));
    progress_begin(&k.progress, "checking entries", 0);
    enum selfsame_code code = log_core_check(&config, checked, &k, &out, e);
    progress_end(&k.progress);
    TRY(code);
    char *root = hex_dup(cli_arena(c), BYTES_ARR(out.root));
    if (root == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a root");
    if (cli_json(c)) {
        auto_json *j = json_pack("{s:s,s:I,s:s,s:I,s:I,s:I,s:I}", "result", "ok",
            "size", (json_int_t)out.size, "root", root, "published",
            (json_int_t)out.published, "tiles", (json_int_t)out.tiles, "bundles",
            (json_int_t)out.bundles, "bytes", (json_int_t)out.bytes);
        TRY(print_json_line(j, e));
    } else {
        (void)printf("ok: %" PRIu64 " entries, root %s, %" PRIu64 " published; %" PRIu64
                     " tiles and %" PRIu64 " bundles agree\n",
            out.size, root, out.published, out.tiles, out.bundles);
    }
    return print_flush(e);
}

const struct cli_command log_check_command = {
    .name = "log check",
    .operands = "DIR",
    .summary = "compute a log again from its entries and compare everything",
    .story =
        "Reads every entry bundle, computes leaves, tiles and roots again, and "
        "compares\n"
        "them with the tiles, the database and the published checkpoint. Reads alone,\n"
        "also while the log is served.\n\n"
        "  selfsame log check /var/lib/log\n",
    .options = no_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_check,
};
