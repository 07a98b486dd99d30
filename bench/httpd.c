/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server of the daemons beside evhttp, which is what one would take instead: the
 * same short answer over connections that are kept alive, plain and TLS, and TLS
 * connections for one request. Each server is a process of its own; its processor time
 * is what is compared, for the client takes as much of the machine as the server.
 */
#include "service/httpd.h"
#include "bench.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "tls/listener.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS = 64, ROUNDS = 300, FRESH = 300, SERIES = 5 };

static char dir[] = "/tmp/selfsame-bench-httpd.XXXXXX", cert[64], key[64];

static void
make_files(void)
{
    auto_arena arena = arena_new(1 << 20);
    auto_key *k = NULL;
    const int64_t now = os_now_ms() / 1000;
    const struct cert_request r = { .common_name = "bench",
        .dns_name = "localhost",
        .not_before = now - 60,
        .not_after = now + 86400,
        .path_len = -1 };
    struct selfsame_bytes der;
    char *pem = NULL;

    NEED(mkdtemp(dir) != NULL);
    (void)snprintf(cert, sizeof(cert), "%s/cert.pem", dir);
    (void)snprintf(key, sizeof(key), "%s/key.pem", dir);
    NEED_OK(key_generate(KEY_P256, &k, &e));
    NEED_OK(cert_make(&r, k, BYTES_NONE, k, &arena, &der, &e));
    char *text = pem_encode("CERTIFICATE", der, &arena);
    NEED(text != NULL);
    NEED_OK(file_write(cert, bytes_str(text), false, &e));
    NEED_OK(key_to_pem(k, &arena, &pem, &e));
    NEED_OK(file_write(key, bytes_str(pem), true, &e));
}

/* ---- the servers ---- */

static void
serve_hello(void *ctx, struct httpd_request *r)
{
    const struct httpd_answer a = { .status = 200, .body = BYTES_LIT("hello") };

    (void)ctx;
    httpd_answer(r, &a);
}

static void
run_ours(bool tls, int tell)
{
    static const struct httpd_route routes[] = { { "GET", "/hello", serve_hello } };
    const struct tls_listener_config l = { .certificate = cert, .key = key };
    struct httpd_config c = { .routes = routes, .route_count = 1 };
    struct httpd *h = NULL;
    struct net_addr at;

    NEED_OK(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e));
    if (tls)
        NEED_OK(tls_listener_new(&l, &c.tls, &e));
    NEED_OK(httpd_new(&c, &h, &e));
    httpd_bound(h, &at);
    NEED(write(tell, &at.port, sizeof(at.port)) == (ssize_t)sizeof(at.port));
    NEED_OK(httpd_run(h, &e));
}

static void
evhttp_hello(struct evhttp_request *r, void *ctx)
{
    struct evbuffer *b = evbuffer_new();

    (void)ctx;
    NEED(b != NULL && evbuffer_add(b, "hello", 5) == 0);
    (void)evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type",
        "text/plain; charset=utf-8");
    evhttp_send_reply(r, 200, "OK", b);
    evbuffer_free(b);
}

static struct bufferevent *
evhttp_tls(struct event_base *base, void *ctx)
{
    return bufferevent_openssl_socket_new(
        base, -1, SSL_new(ctx), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
}

static void
run_evhttp(bool tls, int tell)
{
    struct event_base *base = event_base_new();
    struct evhttp *h = base != NULL ? evhttp_new(base) : NULL;
    struct sockaddr_in at = { 0 };
    socklen_t len = sizeof(at);

    NEED(h != NULL);
    if (tls) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        NEED(ctx != NULL &&
             SSL_CTX_use_certificate_file(ctx, cert, SSL_FILETYPE_PEM) == 1 &&
             SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1);
        evhttp_set_bevcb(h, evhttp_tls, ctx);
    }
    struct evhttp_bound_socket *s = evhttp_bind_socket_with_handle(h, "127.0.0.1", 0);
    NEED(s != NULL && evhttp_set_cb(h, "/hello", evhttp_hello, NULL) == 0);
    NEED(getsockname(evhttp_bound_socket_get_fd(s), (struct sockaddr *)&at, &len) == 0);
    const uint16_t port = ntohs(at.sin_port);
    NEED(write(tell, &port, sizeof(port)) == (ssize_t)sizeof(port));
    (void)event_base_dispatch(base);
}

struct server {
    pid_t pid;
    struct net_addr at;
};

static struct server
start(bool ours, bool tls)
{
    struct server s = { 0 };
    int tell[2];

    NEED(pipe(tell) == 0);
    s.pid = fork();
    NEED(s.pid >= 0);
    if (s.pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)signal(SIGPIPE, SIG_IGN);
        if (ours)
            run_ours(tls, tell[1]);
        else
            run_evhttp(tls, tell[1]);
        _exit(0);
    }
    NEED_OK(net_addr_parse("127.0.0.1:1", 0, &s.at, &e));
    NEED(read(tell[0], &s.at.port, sizeof(s.at.port)) == (ssize_t)sizeof(s.at.port));
    (void)close(tell[0]);
    (void)close(tell[1]);
    return s;
}

/* Its processor time in µs, at its end. */
static double
stop(const struct server *s)
{
    struct rusage u;

    NEED(kill(s->pid, SIGKILL) == 0 && wait4(s->pid, NULL, 0, &u) == s->pid);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* ---- the client ---- */

struct peer {
    int fd;
    SSL *ssl;
};

static struct peer
dial(const struct server *s, SSL_CTX *ctx)
{
    struct peer p = { .fd = -1 };

    NEED_OK(net_connect(&s->at, net_clock_ms() + 5000, &p.fd, &e));
    NEED(fcntl(p.fd, F_SETFL, 0) == 0);
    if (ctx == NULL)
        return p;
    p.ssl = SSL_new(ctx);
    NEED(p.ssl != NULL && SSL_set_fd(p.ssl, p.fd) == 1 && SSL_connect(p.ssl) == 1);
    return p;
}

static void
hang_up(struct peer *p)
{
    if (p->ssl != NULL)
        (void)SSL_shutdown(p->ssl);
    SSL_free(p->ssl);
    (void)close(p->fd);
}

static void
ask(const struct peer *p)
{
    static const char get[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
    const int len = sizeof(get) - 1;

    if (p->ssl != NULL)
        NEED(SSL_write(p->ssl, get, len) == len);
    else
        NEED(write(p->fd, get, sizeof(get) - 1) == len);
}

static void
answer(const struct peer *p)
{
    char buf[2048];
    size_t have = 0;

    do {
        const size_t room = sizeof(buf) - 1 - have;
        const ssize_t n = p->ssl != NULL ? SSL_read(p->ssl, buf + have, (int)room)
                                         : read(p->fd, buf + have, room);
        NEED(n > 0);
        have += (size_t)n;
        buf[have] = '\0';
    } while (have < 5 || strcmp(buf + have - 5, "hello") != 0);
}

static void
keep_alive(const struct server *s, SSL_CTX *ctx)
{
    struct peer peers[CONNECTIONS];

    for (size_t i = 0; i < CONNECTIONS; i++)
        peers[i] = dial(s, ctx);
    for (size_t k = 0; k < ROUNDS; k++) {
        for (size_t i = 0; i < CONNECTIONS; i++)
            ask(&peers[i]);
        for (size_t i = 0; i < CONNECTIONS; i++)
            answer(&peers[i]);
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
        hang_up(&peers[i]);
}

static void
fresh(const struct server *s, SSL_CTX *ctx)
{
    for (size_t i = 0; i < FRESH; i++) {
        struct peer p = dial(s, ctx);

        ask(&p);
        answer(&p);
        hang_up(&p);
    }
}

/* ---- the table ---- */

static double
server_us(bool ours, SSL_CTX *ctx, void (*load)(const struct server *, SSL_CTX *),
    double *ret_s)
{
    struct server s = start(ours, ctx != NULL);
    const double began = seconds(CLOCK_MONOTONIC);

    load(&s, ctx);
    *ret_s = seconds(CLOCK_MONOTONIC) - began;
    return stop(&s);
}

static void
row(const char *what, SSL_CTX *ctx, void (*load)(const struct server *, SSL_CTX *),
    double requests)
{
    double us[2][SERIES], s[2][SERIES];

    for (int i = 0; i < SERIES; i++)
        for (int ours = 0; ours < 2; ours++)
            us[ours][i] = server_us(ours == 1, ctx, load, &s[ours][i]);
    const double mine = median(us[1], SERIES), others = median(us[0], SERIES);
    printf("  %-34s %8.1f us a request, %7.0f requests/s   %5.2f x evhttp's %.1f us\n",
        what, mine / requests, requests / median(s[1], SERIES), mine / others,
        others / requests);
    (void)fflush(stdout);
}

int
main(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct selfsame_err e = { 0 };

    NEED(ctx != NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    make_files();
    printf("HTTP server: processor time of the server, one loop (less is better)\n");
    row("plain, kept alive", NULL, keep_alive, CONNECTIONS * ROUNDS);
    row("TLS 1.3, kept alive", ctx, keep_alive, CONNECTIONS * ROUNDS);
    row("TLS 1.3, a connection each", ctx, fresh, FRESH);
    SSL_CTX_free(ctx);
    return dir_remove(dir, &e) == SELFSAME_OK ? 0 : 1;
}
