/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_HTTPD_WORLD_H
#define SELFSAME_TEST_HTTPD_WORLD_H

/* A server with handlers of every kind, and a client that sends what it is told. */
#include "test.h"

#include "os/os.h"
#include "service/httpd.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT = 20000, KEPT_MAX = 1024 };

/* One server per test: its loop in a thread, and a thread that answers what was kept. */
struct world {
    struct httpd *h;
    struct net_addr addr;
    pthread_t loop, worker;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct httpd_request *kept[KEPT_MAX];
    size_t kept_count;
    bool over;
    struct httpd_request *_Atomic never;
    atomic_int served;
};

static inline void
say(struct httpd_request *r, int status, struct selfsame_bytes body)
{
    const struct httpd_answer a = { .status = status, .body = body };

    httpd_answer(r, &a);
}

static inline void
serve_hello(void *ctx, struct httpd_request *r)
{
    const struct httpd_answer a = { .status = 200,
        .type = "application/octet-stream",
        .cache = "max-age=5",
        .body = BYTES_LIT("hello") };
    struct world *w = ctx;

    (void)atomic_fetch_add(&w->served, 1);
    httpd_answer(r, &a);
}

static inline void
serve_path(void *ctx, struct httpd_request *r)
{
    char text[512];
    const char *a = httpd_query(r, "a"), *x = httpd_header(r, "x-test");

    (void)ctx;
    (void)snprintf(text, sizeof(text), "%s|%s|%s", httpd_path(r), a != NULL ? a : "-",
        x != NULL ? x : "-");
    say(r, 200, bytes_str(text));
}

static inline void
serve_echo(void *ctx, struct httpd_request *r)
{
    (void)ctx;
    say(r, 200, httpd_body(r));
}

static inline void
serve_refuse(void *ctx, struct httpd_request *r)
{
    struct selfsame_err e = { 0 };

    (void)ctx;
    (void)err_set(&e, SELFSAME_LOG, __FILE__, __LINE__, "say \"no\"");
    httpd_refuse(r, 422, &e);
}

static inline void
serve_later(void *ctx, struct httpd_request *r)
{
    struct world *w = ctx;

    (void)pthread_mutex_lock(&w->lock);
    assert_true(w->kept_count < KEPT_MAX);
    w->kept[w->kept_count++] = r;
    (void)pthread_cond_signal(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
}

static inline void
serve_never(void *ctx, struct httpd_request *r)
{
    ((struct world *)ctx)->never = r;
}

static inline void
serve_large(void *ctx, struct httpd_request *r)
{
    const size_t len = 8 << 20;
    uint8_t *large = calloc(1, len);
    const struct httpd_answer a = { .status = 200,
        .cache = "public, max-age=31536000, immutable",
        .body = BYTES(large, len) };

    (void)ctx;
    assert_non_null(large);
    httpd_answer(r, &a);
    free(large);
}

enum { FILE_SIZE = 3000001 };

static inline uint8_t
byte_at(size_t i)
{
    return (uint8_t)(i * 31 + i / 65536);
}

/* So much of a longer file. */
static inline void
serve_file(void *ctx, struct httpd_request *r)
{
    char name[] = "/tmp/selfsame-httpd.XXXXXX";
    uint8_t *all = malloc(FILE_SIZE + 9);
    struct httpd_answer a = { .status = 200, .file_size = FILE_SIZE };
    struct selfsame_err e = { 0 };

    (void)ctx;
    assert_non_null(all);
    for (size_t i = 0; i < FILE_SIZE + 9; i++)
        all[i] = byte_at(i);
    a.file = mkstemp(name);
    assert_true(a.file >= 0);
    assert_int_equal(unlink(name), 0);
    assert_code(
        fd_write_all(a.file, BYTES(all, FILE_SIZE + 9), name, &e), SELFSAME_OK, &e);
    free(all);
    if (strcmp(httpd_path(r), "/short") == 0)
        assert_int_equal(ftruncate(a.file, 100), 0);
    httpd_answer(r, &a);
}

static inline void
serve_object(void *ctx, struct httpd_request *r)
{
    char method[16], text[64];
    struct selfsame_bytes body = httpd_body(r);

    (void)ctx;
    (void)snprintf(text, sizeof(text), "%s %.*s", httpd_method(r, method),
        body.len < 8 ? (int)body.len : 8, body.len > 0 ? (const char *)body.ptr : "");
    say(r, 200, bytes_str(text));
}

/* Good ones, and some that would begin another line or none. */
static inline void
serve_headers(void *ctx, struct httpd_request *r)
{
    static const struct httpd_header headers[] = {
        { "ETag", "\"3\"" },
        { "Location", "/v1/objects/\xc3\xa4" },
        { "X-Bad", "a\r\nX-Injected: 1" },
        { "X-Bad\nX-Injected", "1" },
        { "X Bad", "1" },
        { "X-Bad:", "1" },
        { "", "bad" },
        { "X-Bad", NULL },
        { NULL, "bad" },
        { "Set-Cookie", "" },
    };
    const struct httpd_answer a = { .status = 200,
        .headers = headers,
        .header_count = COUNT(headers),
        .body = BYTES_LIT("with headers") };

    (void)ctx;
    httpd_answer(r, &a);
}

enum { SLOW_MS = 400 };

/* As no handler should. */
static inline void
serve_slow(void *ctx, struct httpd_request *r)
{
    (void)ctx;
    (void)usleep(SLOW_MS * 1000);
    say(r, 200, BYTES_LIT("slow"));
}

/* The address, and the certificate or "-". */
static inline void
serve_who(void *ctx, struct httpd_request *r)
{
    char peer[NET_TEXT], text[NET_TEXT + 80], hex[65] = "-";
    uint8_t digest[32];

    (void)ctx;
    httpd_peer_text(r, peer);
    if (httpd_client_certificate(r, digest))
        for (size_t i = 0; i < 32; i++)
            (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    (void)snprintf(text, sizeof(text), "%s %s", peer, hex);
    say(r, 200, bytes_str(text));
}

static const struct httpd_route routes[] = {
    { "GET", "/who", serve_who },
    { "GET", "/slow", serve_slow },
    { "GET", "/hello", serve_hello },
    { "GET", "/path/*", serve_path },
    { "POST", "/echo", serve_echo },
    { "GET", "/refuse", serve_refuse },
    { "POST", "/later", serve_later },
    { "GET", "/never", serve_never },
    { "GET", "/large", serve_large },
    { "GET", "/file", serve_file },
    { "GET", "/short", serve_file },
    { "PUT", "/object", serve_object },
    { "PATCH", "/object", serve_object },
    { "DELETE", "/object", serve_object },
    { "GET", "/object", serve_object },
    { "GET", "/headers", serve_headers },
};

static inline void *
run_loop(void *ctx)
{
    struct world *w = ctx;
    struct selfsame_err e = { 0 };

    assert_code(httpd_run(w->h, &e), SELFSAME_OK, &e);
    return NULL;
}

static inline void *
run_worker(void *ctx)
{
    struct world *w = ctx;

    (void)pthread_mutex_lock(&w->lock);
    while (!w->over || w->kept_count > 0) {
        while (w->kept_count == 0 && !w->over)
            (void)pthread_cond_wait(&w->more, &w->lock);
        if (w->kept_count == 0)
            break;
        struct httpd_request *r = w->kept[--w->kept_count];
        (void)pthread_mutex_unlock(&w->lock);
        say(r, 200, httpd_body(r));
        (void)pthread_mutex_lock(&w->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

static inline void
begin(struct world *w, const struct httpd_config *with)
{
    struct httpd_config c = *with;
    struct selfsame_err e = { 0 };

    *w = (struct world){ .lock = PTHREAD_MUTEX_INITIALIZER };
    (void)pthread_cond_init(&w->more, NULL);
    assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
    c.routes = routes;
    c.route_count = COUNT(routes);
    c.ctx = w;
    c.body_limit = LIMIT;
    assert_code(httpd_new(&c, &w->h, &e), SELFSAME_OK, &e);
    httpd_bound(w->h, &w->addr);
    assert_int_not_equal(w->addr.port, 0);
    assert_int_equal(pthread_create(&w->loop, NULL, run_loop, w), 0);
    assert_int_equal(pthread_create(&w->worker, NULL, run_worker, w), 0);
}

static inline void
end(struct world *w)
{
    httpd_stop(w->h);
    (void)pthread_join(w->loop, NULL);
    (void)pthread_mutex_lock(&w->lock);
    w->over = true;
    (void)pthread_cond_signal(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->worker, NULL);
    httpd_free(w->h);
}

/* ---- a client that sends what it is told ---- */

static inline int
dial(const struct world *w)
{
    struct selfsame_err e = { 0 };
    int fd = -1;
    struct timeval t = { .tv_sec = 20 };

    assert_code(net_connect(&w->addr, net_clock_ms() + 5000, &fd, &e), SELFSAME_OK, &e);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
    return fd;
}

static inline void
send_all(int fd, const void *p, size_t len)
{
    const char *at = p;

    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* refused early: the answer is what counts */
        at += n;
        len -= (size_t)n;
    }
}

/* All until the end; -1 as length for a reset. */
static inline ssize_t
read_all(int fd, char *buf, size_t cap)
{
    size_t len = 0;

    for (;;) {
        ssize_t n = recv(fd, buf + len, cap - 1 - len, 0);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    buf[len] = '\0';
    return (ssize_t)len;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path, fields, body) \
    "POST " path " HTTP/1.1\r\nHost: x\r\n" fields "\r\n" body

#endif
