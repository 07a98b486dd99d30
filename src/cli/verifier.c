/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/verifier.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "os/os.h"
#include "service/key_file.h"
#include "service/notify.h"
#include "service/user.h"
#include "verifier/sign.h"

#include <stdio.h>

/* ---- init ---- */

static const struct cli_option init_options[] = {
    { .name = "issuer",
        .argument = "URL",
        .help = "of the tokens, as relying parties will compare it "
                "(https://verifier.example)" },
    { .name = "registry",
        .argument = "URL",
        .help = "postgresql://… for several replicas (default: a file in DIR)" },
    { 0 },
};

static enum selfsame_code
run_init(struct cli *c, struct selfsame_err *e)
{
    const struct verifier_make m = { .dir = cli_operand(c, 0),
        .issuer = cli_value(c, "issuer"),
        .registry = cli_value(c, "registry") };
    char *key = NULL;

    if (m.issuer == NULL)
        FAIL(e, SELFSAME_USAGE, "--issuer is missing: the URL that every token bears");
    TRY(verifier_init(&m, cli_arena(c), &key, e));
    if (cli_json(c)) {
        auto_json *j = json_pack(
            "{s:s,s:s,s:s}", "dir", m.dir, "issuer", m.issuer, "admin_key", key);
        TRY(print_json_line(j, e));
    } else {
        (void)printf("made %s\nadmin key (shown once): %s\n", m.dir, key);
    }
    return print_flush(e);
}

const struct cli_command verifier_init_command = {
    .name = "verifier init",
    .operands = "DIR",
    .summary = "make a verifier service: its keys, its registry, its audit log",
    .story = "Makes keys that sign tokens (ES256 and RS256), a tenant \"default\" and "
             "an API\n"
             "key that may everything, which is printed once and stored as a hash.\n\n"
             "  selfsame verifier init /var/lib/verifier --issuer "
             "https://verifier.example\n",
    .options = init_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_init,
};

/* ---- serve ---- */

static const struct cli_option serve_options[] = {
    { .name = "listen",
        .argument = "A:P",
        .help = "where to serve (default: \"listen\" of verifier.json)" },
    { .name = "behind-proxy",
        .help = "plain HTTP beyond loopback: a proxy in front does TLS" },
    { .name = "user",
        .argument = "NAME",
        .help = "when root: become this user once it listens and has its keys" },
    { .name = "insecure-unconfined",
        .help = "no filter of system calls and files, for debuggers" },
    { .name = "workers",
        .argument = "N",
        .help = "threads that verify (default: one a processor)" },
    { .name = "max-connections", .argument = "N", .help = "at once (default 1024)" },
    { .name = "quiet", .help = "no line for each request" },
    { 0 },
};

static void
print_line(void *ctx, const char *line)
{
    (void)ctx;
    (void)fprintf(stderr, "%s\n", line);
}

static enum selfsame_code
announce(const struct cli *c, const struct verifier_service *s, struct selfsame_err *e)
{
    struct net_addr at;
    char text[NET_TEXT];

    verifier_bound(s, &at);
    net_addr_text(&at, text);
    if (cli_json(c)) {
        auto_json *j = json_pack(
            "{s:s,s:s}", "listen", text, "issuer", verifier_issuer(s));
        TRY(print_json_line(j, e));
    } else {
        (void)printf("serving %s as %s\n", text, verifier_issuer(s));
    }
    return print_flush(e);
}

/* What it does not need any more, before the first byte of a client. */
static enum selfsame_code
give_up(struct cli *c, struct verifier_service *s, struct selfsame_err *e)
{
    const char *user = cli_value(c, "user");
    struct verifier_confined got;

    if (cli_flag(c, "insecure-unconfined")) {
        print_event(c, "warning",
            "--insecure-unconfined: a defect of this process may do all that its user "
            "may");
        if (user != NULL)
            TRY_WHILE(e, user_become(user, e), "--user");
        return SELFSAME_OK;
    }
    TRY_WHILE(e, verifier_confine(s, user, &got, e), "confining this process");
    if (!got.files)
        print_event(c, "warning",
            "this kernel has no landlock: files outside DIR are kept by their modes "
            "alone");
    return SELFSAME_OK;
}

static enum selfsame_code
run_serve(struct cli *c, struct selfsame_err *e)
{
    const char *listen = cli_value(c, "listen");
    struct verifier_config config = { .dir = cli_operand(c, 0),
        .tell = print_event,
        .log = cli_flag(c, "quiet") ? NULL : print_line,
        .signals = true,
        .behind_proxy = cli_flag(c, "behind-proxy"),
        .ctx = c };
    uint64_t connections = 0, workers = 0;
    struct net_addr addr;
    auto_verifier_service *s = NULL;

    if (listen != NULL) {
        TRY_WHILE(e, net_addr_parse(listen, 0, &addr, e), "--listen");
        config.listen = &addr;
    }
    TRY(cli_uint(c, "max-connections", 1, 65536, &connections, e));
    TRY(cli_uint(c, "workers", 1, 64, &workers, e));
    config.connections = (unsigned)connections;
    config.workers = (unsigned)workers;
    service_notify_open();
    TRY(verifier_new(&config, &s, e));
    TRY(give_up(c, s, e));
    TRY(verifier_open(s, e));
    TRY(announce(c, s, e));
    service_notify("READY=1");
    return verifier_run(s, e);
}

const struct cli_command verifier_serve_command = {
    .name = "verifier serve",
    .operands = "DIR",
    .summary = "verify evidence for others and answer with signed tokens",
    .story =
        "POST /v1/verify takes evidence and answers with a token (EAR); Veraison's "
        "and\n"
        "OpenID Connect's paths are served as well (docs/verifier.md). Verification "
        "never\n"
        "waits for the registry. SIGHUP reads keys and certificate anew; SIGTERM ends "
        "it "
        "when\n"
        "what is under way is answered.\n\n"
        "  selfsame verifier serve /var/lib/verifier\n",
    .options = serve_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_serve,
};

/* ---- rotate ---- */

static const struct cli_option rotate_options[] = {
    { .name = "alg",
        .argument = "ALG",
        .help = "ES256 (default), RS256, ES384, PS256 or EdDSA" },
    { .name = "lead",
        .argument = "DURATION",
        .help = "how long the new key is published before it signs (default 1h)" },
    { 0 },
};

static enum selfsame_code
run_rotate(struct cli *c, struct selfsame_err *e)
{
    const char *alg = cli_value(c, "alg"), *lead = cli_value(c, "lead");
    int64_t lead_ms = (int64_t)SIGN_LEAD_S * 1000;
    const char *keys;
    char *kid = NULL;

    if (lead != NULL && !duration_parse(lead, &lead_ms))
        FAIL(e, SELFSAME_USAGE, "--lead: expected such as 1h or 10m, got \"%s\"", lead);
    TRY(path_join(cli_operand(c, 0), "keys", cli_arena(c), &keys, e));
    TRY(signing_rotate(keys, alg != NULL ? jose_alg_of(bytes_str(alg)) : JOSE_ES256,
        os_now_ms() / 1000, lead_ms / 1000, cli_arena(c), &kid, e));
    if (cli_json(c)) {
        auto_json *j = json_pack(
            "{s:s,s:I}", "kid", kid, "lead_s", (json_int_t)(lead_ms / 1000));
        TRY(print_json_line(j, e));
    } else {
        (void)printf("%s\n", kid);
    }
    return print_flush(e);
}

const struct cli_command verifier_rotate_command = {
    .name = "verifier rotate",
    .operands = "DIR",
    .summary = "list a new key that signs tokens, and end the one before",
    .story =
        "The new key stands in /jwks.json at once and signs after --lead, when every "
        "cache\n"
        "has it; the old one stays in /jwks.json for as long as its tokens may live. "
        "A\n"
        "running service sees it within a second.\n\n"
        "  selfsame verifier rotate /var/lib/verifier --alg RS256\n",
    .options = rotate_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_rotate,
};
