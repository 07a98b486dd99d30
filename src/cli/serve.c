/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/attest.h>

#include "cli/commands.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "tls/tls.h"

#include <signal.h>
#include <stdio.h>

enum { PEM_LIMIT = 1 << 20 };
/* Certificates of Nitro documents end after three hours. */
static const int64_t renew_ms = 3600 * 1000,
                     renew_max_ms = INT64_C(30) * 24 * 3600 * 1000;

static const struct cli_option options[] = {
    { .name = "listen",
        .argument = "A:P",
        .help = "where to serve (default 127.0.0.1:8443; vsock:PORT, unix:PATH)" },
    { .name = "upstream",
        .argument = "A:P",
        .help =
            "the unmodified service behind (HOST:PORT, unix:PATH, vsock:CID:PORT)" },
    { .name = "device",
        .argument = "PATH",
        .help = "the TEE's device (default: found)" },
    { .name = "cert",
        .argument = "FILE",
        .help = "PEM certificate chain; needs --key (default: made here)" },
    { .name = "key",
        .argument = "FILE",
        .help = "its PEM private key, which then comes from outside the TEE" },
    { .name = "name",
        .argument = "NAME",
        .help = "name in the certificate made here (default: listen address)" },
    { .name = "ratls",
        .help = "put evidence into the certificate, for clients that ask for none" },
    { .name = "renew",
        .argument = "DURATION",
        .help = "with --ratls: make that anew so often (default 1h)" },
    { .name = "max-connections",
        .argument = "N",
        .help = "further ones wait (default 1024)" },
    { .name = "max-per-peer",
        .argument = "N",
        .help = "of one IPv4 address or IPv6 /64, further ones are refused (default "
                "256)" },
    { 0 },
};

static void
attester_release(struct selfsame_attester **a)
{
    selfsame_attester_close(*a);
}

/* What a signal reaches; there is one server in this process. */
static struct server *running;

static void
stop(int signal_number)
{
    (void)signal_number;
    server_stop(running);
}

static void
log_line(const char *line)
{
    (void)fprintf(stderr, "selfsame: %s\n", line);
}

static enum selfsame_code
load_identity(struct cli *c, struct server_config *g, struct selfsame_err *e)
{
    const char *cert = cli_value(c, "cert"), *key = cli_value(c, "key");

    if ((cert == NULL) != (key == NULL))
        FAIL(e, SELFSAME_USAGE, "--cert and --key belong together, got one of them");
    if (cert == NULL)
        return SELFSAME_OK;
    TRY(file_read(cert, PEM_LIMIT, cli_arena(c), &g->certificate, e));
    TRY(file_read(key, PEM_LIMIT, cli_arena(c), &g->key, e));
    log_line("warning: the TLS key comes from a file: whoever else has it can sit "
             "between a client that checks no session binding and this enclave");
    return SELFSAME_OK;
}

static enum selfsame_code
configure_ratls(struct cli *c, struct server_config *g, struct selfsame_err *e)
{
    const char *renew = cli_value(c, "renew");

    if (renew != NULL && !cli_flag(c, "ratls"))
        FAIL(e, SELFSAME_USAGE, "--renew belongs to --ratls");
    if (!cli_flag(c, "ratls"))
        return SELFSAME_OK;
    if (cli_value(c, "cert") != NULL)
        FAIL(e, SELFSAME_USAGE,
            "--ratls makes the certificate here, with a key that nobody else has: "
            "--cert and --key do not go with it");
    g->ratls_ms = renew_ms;
    if (renew != NULL && (!duration_parse(renew, &g->ratls_ms) || g->ratls_ms < 1000 ||
                             g->ratls_ms > renew_max_ms))
        FAIL(e, SELFSAME_USAGE, "--renew: expected 1s to 30d, got \"%s\"", renew);
    return SELFSAME_OK;
}

static enum selfsame_code
configure(struct cli *c, struct server_config *g, struct selfsame_err *e)
{
    const char *listen = cli_value(c, "listen"), *upstream = cli_value(c, "upstream");
    uint64_t max = 0, max_per_peer = 0;

    if (upstream == NULL)
        FAIL(e, SELFSAME_USAGE, "--upstream is missing: the service to put behind");
    TRY_WHILE(e, net_addr_parse(upstream, 0, &g->upstream, e), "--upstream");
    TRY_WHILE(e,
        net_addr_parse(listen != NULL ? listen : "127.0.0.1:8443", 0, &g->listen, e),
        "--listen");
    TRY(cli_uint(c, "max-connections", 1, 65536, &max, e));
    TRY(cli_uint(c, "max-per-peer", 1, 65536, &max_per_peer, e));
    g->max_connections = (size_t)max;
    g->max_per_peer = (size_t)max_per_peer;
    g->name = cli_value(c, "name");
    g->log = log_line;
    TRY(configure_ratls(c, g, e));
    return load_identity(c, g, e);
}

/* One line, so that whoever started this knows it is ready and what to pin. */
static enum selfsame_code
announce(const struct cli *c, const struct server *s, const struct server_config *g,
    const char *tee, struct selfsame_err *e)
{
    char at[NET_TEXT], to[NET_TEXT], pin[BASE64_SIZE(HASH_MAX)];
    uint8_t digest[HASH_MAX];

    if (!hash_bytes(HASH_SHA256, server_spki(s), digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    (void)base64_encode(BYTES(digest, hash_size(HASH_SHA256)), false, pin);
    net_addr_text(server_address(s), at);
    net_addr_text(&g->upstream, to);
    if (cli_json(c))
        (void)printf("{\"listen\":\"%s\",\"upstream\":\"%s\",\"tee\":\"%s\","
                     "\"pinned_key\":\"sha256//%s\"}\n",
            at, to, tee, pin);
    else
        (void)printf("serving %s for %s, tee %s, key sha256//%s\n", at, to, tee, pin);
    if (fflush(stdout) != 0)
        FAIL(e, SELFSAME_IO, "cannot write to standard output");
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    __attribute__((cleanup(attester_release))) struct selfsame_attester *a = NULL;
    auto_server *s = NULL;
    struct server_config g = { .log = log_line };
    struct sigaction on_stop = { .sa_handler = stop };

    TRY(configure(c, &g, e));
    TRY(selfsame_attester_open(cli_value(c, "device"), &a, e));
    g.source = attester_source(a);
    enum selfsame_code code = server_new(&g, &s, e);
    secret_wipe((void *)(uintptr_t)g.key.ptr, g.key.len);
    TRY(code);
    running = s;
    (void)sigaction(SIGTERM, &on_stop, NULL);
    (void)sigaction(SIGINT, &on_stop, NULL);
    code = announce(c, s, &g, selfsame_attester_tee(a), e);
    if (code == SELFSAME_OK)
        code = server_run(s, e);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    return code;
}

const struct cli_command serve_command = {
    .name = "serve",
    .summary = "inside the TEE: attested TLS in front of an unmodified service",
    .story =
        "Ends TLS 1.3 with a key made here, answers challenges about its own sessions\n"
        "(ALPN attest/1, POST /.well-known/attest) and about its key\n"
        "(GET /.well-known/attestation?nonce=), and passes everything else on.\n"
        "With --ratls its certificate carries evidence about its key besides.\n"
        "Example:\n"
        "  selfsame serve --listen 0.0.0.0:443 --upstream 127.0.0.1:8080",
    .options = options,
    .run = run,
};
