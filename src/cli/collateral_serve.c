/* SPDX-License-Identifier: Apache-2.0 */
/* `collateral serve`: one cache of the vendors' collateral for a fleet. */
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "os/os.h"
#include "service/collateral_service.h"
#include "service/notify.h"
#include "service/user.h"

#include <stdio.h>

enum { ORIGINS = 8 };

/* "7d", "12h", "30m", "90s", or seconds. */
static enum selfsame_code
duration(struct cli *c, const char *name, int64_t *ret, struct selfsame_err *e)
{
    static const struct {
        char unit;
        uint64_t seconds;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    const char *text = cli_value(c, name);
    uint64_t n = 0, unit = 1;

    if (text == NULL)
        return SELFSAME_OK;
    size_t len = strlen(text);
    for (size_t i = 0; len > 0 && i < COUNT(units); i++)
        if (text[len - 1] == units[i].unit) {
            unit = units[i].seconds;
            len--;
            break;
        }
    if (!uint_parse(text, len, 30 * 86400, &n) || n * unit > 30 * 86400)
        FAIL(e, SELFSAME_USAGE,
            "--%s: expected at most 30 days (7d, 12h), got \"%.40s\"", name, text);
    *ret = (int64_t)(n * unit);
    return SELFSAME_OK;
}

static bool
is_origin(const char *s)
{
    const bool https = strncmp(s, "https://", 8) == 0;

    return (https || (strncmp(s, "http://", 7) == 0 && url_is_loopback(s))) &&
           url_origin_len(s) == strlen(s) && strlen(s) > 8 &&
           strpbrk(s, "@ \n\r\t\"\\") == NULL;
}

/* --amd and --intel in place of the vendors' own hosts. */
static enum selfsame_code
upstreams(struct cli *c, struct supply_origin *ret, struct selfsame_err *e)
{
    const char *of[] = { cli_value(c, "amd"), cli_value(c, "intel"),
        cli_value(c, "intel") };

    for (size_t i = 0; supply_vendors[i].vendor != NULL; i++) {
        ret[i] = (struct supply_origin){ supply_vendors[i].vendor, of[i] };
        if (of[i] != NULL && !is_origin(of[i]))
            FAIL(e, SELFSAME_USAGE,
                "--amd, --intel: expected https://HOST[:PORT], or http:// of this "
                "machine, got \"%.80s\"",
                of[i]);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
announce(struct cli *c, const struct collateral_service *s, struct selfsame_err *e)
{
    struct net_addr at;
    char text[NET_TEXT];

    collateral_service_bound(s, &at);
    net_addr_text(&at, text);
    if (cli_json(c)) {
        auto_json *j = json_pack("{s:s}", "listen", text);
        TRY(print_json_line(j, e));
    } else
        (void)printf("serving collateral at %s\n", text);
    return print_flush(e);
}

static enum selfsame_code
numbers(struct cli *c, struct collateral_service_config *config, struct selfsame_err *e)
{
    uint64_t connections = 0, share = 0, disk_mb = 0, pace = 0, timeout = 0;

    TRY(cli_uint(c, "max-connections", 1, 65536, &connections, e));
    TRY(cli_uint(c, "client-share", 1, 1024, &share, e));
    TRY(cli_uint(c, "disk", 1, 1 << 20, &disk_mb, e));
    TRY(cli_uint(c, "pace", 1, 60000, &pace, e));
    TRY(cli_uint(c, "timeout", 1, 60, &timeout, e));
    config->connections = (unsigned)connections;
    config->share = (unsigned)share;
    config->disk_max = disk_mb << 20;
    config->pace_ms = (int)pace;
    config->timeout_s = (int)timeout;
    return duration(c, "stale-if-error", &config->stale_s, e);
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    const char *listen = cli_value(c, "listen"), *user = cli_value(c, "user");
    struct supply_origin origins[ORIGINS] = { { 0 } };
    struct fetcher f;
    struct collateral_service_config config = {
        .origins = origins,
        .origin_ca = cli_value(c, "origin-ca"),
        .offline = cli_flag(c, "offline"),
        .tell = print_event,
        .ctx = c,
    };
    auto_collateral_service *s = NULL;

    TRY_WHILE(e,
        net_addr_parse(
            listen != NULL ? listen : "127.0.0.1:7394", 0, &config.listen, e),
        "--listen");
    TRY(upstreams(c, origins, e));
    TRY(numbers(c, &config, e));
    if (user != NULL)
        TRY_WHILE(e, user_become(user, e), "--user");
    f.cache = cli_value(c, "cache");
    if (f.cache == NULL) {
        char *usual;

        TRY(fetch_usual_cache(cli_arena(c), &usual, e));
        f.cache = usual;
    }
    config.cache = f.cache;
    service_notify_open();
    os_interruptible();
    TRY(collateral_service_new(&config, &s, e));
    TRY(announce(c, s, e));
    service_notify("READY=1");
    const enum selfsame_code code = collateral_service_run(s, e);
    service_notify("STOPPING=1");
    return code;
}

static const struct cli_option options[] = {
    { .name = "listen",
        .argument = "A:P",
        .help = "where to serve HTTP (default 127.0.0.1:7394; unix:PATH)" },
    { .name = "cache",
        .argument = "DIR",
        .help = "where it is kept (default: ~/.cache/selfsame/collateral)" },
    { .name = "amd",
        .argument = "URL",
        .help = "asked in place of https://kdsintf.amd.com" },
    { .name = "intel",
        .argument = "URL",
        .help = "asked in place of Intel's hosts: a PCCS" },
    { .name = "origin-ca",
        .argument = "FILE",
        .help = "who vouches for the TLS certificates of --amd and --intel (PEM)" },
    { .name = "offline", .help = "from the cache alone" },
    { .name = "stale-if-error",
        .argument = "TIME",
        .help = "serve what is over so long when a vendor fails (default 0; 12h, 7d)" },
    { .name = "disk", .argument = "MIB", .help = "room of the cache (default 512)" },
    { .name = "client-share",
        .argument = "N",
        .help = "pieces that a client may have under way (default 16)" },
    { .name = "pace",
        .argument = "MS",
        .help = "between two requests to a vendor's host (default 1000)" },
    { .name = "timeout", .argument = "S", .help = "of one request to it (default 30)" },
    { .name = "max-connections", .argument = "N", .help = "at once (default 1024)" },
    { .name = "user", .argument = "NAME", .help = "when root: become this user" },
    { 0 },
};
const struct cli_command collateral_serve_command = {
    .name = "collateral serve",
    .summary = "one cache of the vendors' collateral, for a whole fleet",
    .story =
        "Speaks the paths of AMD's KDS and Intel's PCS; point clients at it:\n\n"
        "  selfsame collateral serve --cache /var/cache/selfsame\n"
        "  selfsame verify quote.dat --fetch --origin http://127.0.0.1:7394 ...\n\n"
        "One request to a vendor serves all who wait for its answer. What is given\n"
        "is not trusted by anybody: verification judges it.",
    .options = options,
    .run = run,
};
