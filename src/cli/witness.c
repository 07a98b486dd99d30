/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/print.h"
#include "os/os.h"
#include "service/notify.h"
#include "service/user.h"
#include "service/witness_service.h"

#include <stdio.h>

/* ---- init ---- */

static const struct cli_option init_options[] = {
    { .name = "name",
        .argument = "NAME",
        .help =
            "of the witness, as logs and clients will know it (witness.example/w1)" },
    { .name = "key",
        .argument = "FILE",
        .help =
            "PEM private key, Ed25519, used for nothing else (default: a new one)" },
    { 0 },
};

static enum selfsame_code
run_init(struct cli *c, struct selfsame_err *e)
{
    const char *dir = cli_operand(c, 0), *name = cli_value(c, "name");
    char *vkey = NULL;

    if (name == NULL)
        FAIL(e, SELFSAME_USAGE, "--name is missing: what logs and clients will know");
    TRY(witness_service_init(dir, name, cli_value(c, "key"), cli_arena(c), &vkey, e));
    if (cli_json(c)) {
        auto_json *j = json_pack(
            "{s:s,s:s,s:s}", "dir", dir, "name", name, "vkey", vkey);
        TRY(print_json_line(j, e));
    } else {
        (void)printf("%s\n", vkey);
    }
    return print_flush(e);
}

const struct cli_command witness_init_command = {
    .name = "witness init",
    .operands = "DIR",
    .summary = "make a witness of logs: its key and its state",
    .story =
        "Prints the verifier key that logs and clients put into their policies.\n"
        "Put the verifier keys of the logs to be witnessed into DIR/logs/*.vkey.\n\n"
        "  selfsame witness init /var/lib/witness --name witness.example/w1\n",
    .options = init_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_init,
};

/* ---- serve ---- */

static const struct cli_option serve_options[] = {
    { .name = "listen",
        .argument = "A:P",
        .help = "where to serve HTTP (default 127.0.0.1:7380; unix:PATH)" },
    { .name = "user",
        .argument = "NAME",
        .help = "when root: become this user once it listens and has its key" },
    { .name = "max-connections",
        .argument = "N",
        .help = "at once (default 1024); then those without a request make room" },
    { 0 },
};

static enum selfsame_code
announce(const struct cli *c, const struct witness_service *s, struct selfsame_err *e)
{
    struct net_addr at;
    char text[NET_TEXT];

    witness_service_bound(s, &at);
    net_addr_text(&at, text);
    if (cli_json(c)) {
        auto_json *j = json_pack("{s:s,s:s,s:I}", "listen", text, "vkey",
            witness_service_vkey(s), "logs", (json_int_t)witness_service_logs(s));
        TRY(print_json_line(j, e));
    } else {
        (void)printf("serving %s as %s for %zu logs\n", text, witness_service_vkey(s),
            witness_service_logs(s));
    }
    return print_flush(e);
}

static enum selfsame_code
run_serve(struct cli *c, struct selfsame_err *e)
{
    const char *listen = cli_value(c, "listen"), *user = cli_value(c, "user");
    struct witness_service_config config = {
        .dir = cli_operand(c, 0),
        .tell = print_event,
        .ctx = c,
    };
    auto_witness_service *s = NULL;
    uint64_t connections = 0;

    TRY_WHILE(e,
        net_addr_parse(
            listen != NULL ? listen : "127.0.0.1:7380", 0, &config.listen, e),
        "--listen");
    TRY(cli_uint(c, "max-connections", 1, 65536, &connections, e));
    config.connections = (unsigned)connections;
    service_notify_open();
    os_interruptible();
    TRY(witness_service_new(&config, &s, e));
    if (user != NULL)
        TRY_WHILE(e, user_become(user, e), "--user");
    TRY(witness_service_open(s, e));
    if (witness_service_logs(s) == 0)
        print_event(
            c, "warning", "no log to witness: put verifier keys into DIR/logs/*.vkey");
    TRY(announce(c, s, e));
    service_notify("READY=1");
    const enum selfsame_code code = witness_service_run(s, e);
    service_notify("STOPPING=1");
    return code;
}

const struct cli_command witness_serve_command = {
    .name = "witness serve",
    .operands = "DIR",
    .summary = "cosign checkpoints of logs that only ever grow",
    .story = "Serves C2SP tlog-witness: POST /add-checkpoint. What is stored is on the "
             "disk\n"
             "before a cosignature leaves; signed checkpoints that contradict it are "
             "kept in\n"
             "DIR/forks. SIGTERM ends it when what is under way is answered.\n\n"
             "  selfsame witness serve /var/lib/witness --listen 127.0.0.1:7380\n",
    .options = serve_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run_serve,
};
