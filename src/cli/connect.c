/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/collateral_fetch.h"
#include "cli/commands.h"
#include "cli/verify_options.h"
#include "tls/tls.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static const struct cli_option options[] = {
    VERIFY_OPTIONS,
    { .name = "explain", .help = "every check with expected, got, source and spec" },
    { .name = "report",
        .argument = "FILE.html",
        .help = "write one self-contained page" },
    { .name = "listen",
        .argument = "A:P",
        .help = "local proxy: an attested session for each connection" },
    { .name = "once", .help = "with --listen: one connection, then its class" },
    { .name = "ca",
        .argument = "FILE",
        .help = "also check the server's certificate against these roots" },
    { .name = "name",
        .argument = "NAME",
        .help = "the name to ask for and, with --ca, to find (default: the host)" },
    { .name = "ratls",
        .help = "no challenge: the evidence in the certificate, about its key alone" },
    { .name = "http", .help = "challenge over HTTP, on the connection that is used" },
    { 0 },
};

/* What the threads of the local proxy share. */
struct context {
    struct cli *c;
    const char *where;
    struct releases releases;
    bool told; /* the verdict stands on stderr already */
    pthread_mutex_t lock;
};

static void
say_error(
    const struct context *x, enum selfsame_code code, const struct selfsame_err *e)
{
    char text[1200];

    (void)selfsame_err_print(e, text, sizeof(text));
    (void)fprintf(stderr, "selfsame: refused %s: %s\n", x->where, text);
    (void)fprintf(
        stderr, "  %s\n", e->remedy != NULL ? e->remedy : selfsame_code_remedy(code));
}

/* One line when all is well; everything when it is not, or when it was asked for. */
static enum selfsame_code
say_verdict(const struct context *x, enum selfsame_code code,
    const struct selfsame_result *r, struct selfsame_err *e)
{
    bool all = code != SELFSAME_OK || cli_json(x->c) || cli_flag(x->c, "explain") ||
               cli_value(x->c, "report") != NULL;

    if (all)
        return verify_options_print(x->c, r, STDERR_FILENO, e);
    (void)fprintf(stderr, "selfsame: attested %s %s (%s)\n",
        cli_flag(x->c, "ratls") ? "key of" : "session with", x->where,
        selfsame_result_status(r));
    return SELFSAME_OK;
}

static void
told(void *arg, enum selfsame_code code, const struct selfsame_result *r,
    const struct selfsame_err *e)
{
    struct context *x = arg;
    struct selfsame_err local = { 0 };

    (void)pthread_mutex_lock(&x->lock);
    if (r != NULL && say_verdict(x, code, r, &local) != code)
        say_error(x, local.code, &local);
    if (r == NULL && !cli_flag(x->c, "once"))
        say_error(x, code, e);
    x->told = r != NULL && code != SELFSAME_OK;
    (void)pthread_mutex_unlock(&x->lock);
}

static void
ready(void *arg, const struct net_addr *bound)
{
    const struct context *x = arg;
    char at[NET_TEXT];

    net_addr_text(bound, at);
    (void)fprintf(stderr, "selfsame: listening on %s for %s\n", at, x->where);
}

static enum selfsame_code
pipe_through(struct context *x, const struct session_config *g, struct selfsame_err *e)
{
    auto_session *s = NULL;
    auto_result *r = NULL;
    enum selfsame_code code = session_open(g, &s, &r, e);
    bool more = false;

    if (r != NULL && code != SELFSAME_OK)
        TRY(collateral_fetch_missing(x->c, r, g->verifier, &more, e));
    if (more) { /* another challenge, another session */
        result_cleanup(&r);
        r = NULL;
        *e = (struct selfsame_err){ 0 };
        code = session_open(g, &s, &r, e);
        collateral_hint(x->c, code);
    }
    if (r != NULL)
        TRY(say_verdict(x, code, r, e));
    TRY(code);
    return session_pipe(s, STDIN_FILENO, STDOUT_FILENO, e);
}

/* Collateral that sessions will miss: the verifier is not changed once threads run. */
static enum selfsame_code
look_ahead(struct context *x, const struct session_config *g, struct selfsame_err *e)
{
    struct selfsame_err ignored = { 0 };
    auto_result *r = NULL;
    bool more;

    if (!cli_flag(x->c, "fetch") ||
        session_open(g, NULL, &r, &ignored) == SELFSAME_OK || r == NULL)
        return SELFSAME_OK; /* each session tells for itself what is wrong */
    return collateral_fetch_missing(x->c, r, g->verifier, &more, e);
}

static enum selfsame_code
listen_at(struct context *x, const struct session_config *g, const char *listen,
    struct selfsame_err *e)
{
    struct forward_config f = {
        .session = *g,
        .once = cli_flag(x->c, "once"),
        .verdict = told,
        .ready = ready,
        .arg = x,
    };

    TRY_WHILE(e, net_addr_parse(listen, 0, &f.listen, e), "--listen");
    TRY(look_ahead(x, g, e));
    enum selfsame_code code = forward_run(&f, e);
    if (f.once && x->told)
        *e = (struct selfsame_err){ 0 };
    return code;
}

static enum selfsame_code
address_of(const char *text, struct net_addr *ret, struct selfsame_err *e)
{
    struct net_url u;

    if (!net_is_url(text))
        return net_addr_parse(text, 443, ret, e);
    TRY(net_url_parse(text, &u, e));
    *ret = u.addr;
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_policy *policy = NULL;
    auto_verifier *verifier = NULL;
    const char *listen = cli_value(c, "listen");
    struct session_config g = {
        .name = cli_value(c, "name"),
        .ca = cli_value(c, "ca"),
        .carrier = cli_flag(c, "http") ? SESSION_HTTP : SESSION_ANY,
        .ratls = cli_flag(c, "ratls"),
    };
    struct context x = { .c = c, .where = cli_operand(c, 0) };

    TRY(collateral_check(c, e));
    if (cli_flag(c, "once") && listen == NULL)
        FAIL(e, SELFSAME_USAGE, "--once belongs to --listen");
    if (g.ratls && cli_flag(c, "http"))
        FAIL(e, SELFSAME_USAGE, "--ratls sends no challenge, so none over HTTP");
    TRY(address_of(x.where, &g.addr, e));
    TRY(verify_options_policy(c, &policy, e));
    TRY(verify_options_verifier(c, &verifier, e));
    TRY(releases_load(c, policy, &x.releases, e));
    /* A one-off policy asks for a key; here a whole session can be had. */
    if (cli_value(c, "policy") == NULL && !g.ratls && !cli_flag(c, "insecure-unbound"))
        selfsame_policy_require_session(policy);
    g.policy = policy;
    g.verifier = verifier;
    g.prepare = releases_prepare;
    g.settle = releases_settle;
    g.prepare_arg = &x.releases;
    (void)pthread_mutex_init(&x.lock, NULL);
    enum selfsame_code code = listen != NULL ? listen_at(&x, &g, listen, e)
                                             : pipe_through(&x, &g, e);
    (void)pthread_mutex_destroy(&x.lock);
    return code;
}

const struct cli_command connect_command = {
    .name = "connect",
    .operands = "URL|HOST:PORT",
    .summary = "an attested session: a pipe, or a local proxy for any client",
    .story = "No byte is passed on before the service has proved what it runs; on any\n"
             "failure the connection is closed and the exit status is its class.\n"
             "Without --ca the certificate's name is not checked: the evidence says\n"
             "whose key it is.\n"
             "Examples:\n"
             "  selfsame connect example.com:443 --policy policy.json < request\n"
             "  selfsame connect https://example.com/ --policy policy.json \\\n"
             "      --listen 127.0.0.1:8080    # then: curl http://127.0.0.1:8080/",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
