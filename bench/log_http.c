/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transparency log over HTTP on this machine, everything in one process: 256
 * connections that are kept alive, each with one submission under way; and the time
 * from a submission to its proof with three witnesses on the loopback, two of which must
 * cosign. usage: bench_log_http [DIR]
 */
#include "bench.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "service/log_service.h"
#include "service/witness_service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS = 256,
    SUBMISSIONS = 20000,
    WITNESSES = 3,
    TIMED = 200,
    ANSWER = 8192
};

/* ---- the services ---- */

struct world {
    char dir[256], vkey[256];
    struct key *publisher;
    struct log_service *log;
    struct witness_service *witness[WITNESSES];
    pthread_t loop[WITNESSES + 1];
    struct net_addr addr;
    struct arena arena;
};

static void *
run_log(void *ctx)
{
    NEED_OK(log_service_run(ctx, &e));
    return NULL;
}

static void *
run_witness(void *ctx)
{
    NEED_OK(witness_service_run(ctx, &e));
    return NULL;
}

static const char *
path_in(struct world *w, const char *name)
{
    const char *path = arena_printf(&w->arena, "%s/%s", w->dir, name);

    NEED(path != NULL);
    return path;
}

static void
make_log(struct world *w, const char *in)
{
    struct selfsame_bytes spki;
    char *vkey = NULL;

    (void)snprintf(w->dir, sizeof(w->dir), "%s/selfsame-bench.XXXXXX", in);
    NEED(mkdtemp(w->dir) != NULL);
    w->arena = arena_new(256 << 20);
    const struct log_service_make m = { .dir = path_in(w, "log"),
        .origin = "bench.example/log" };
    NEED_OK(log_service_init(&m, &w->arena, &vkey, &e));
    (void)snprintf(w->vkey, sizeof(w->vkey), "%s", vkey);
    NEED_OK(key_generate(KEY_ED25519, &w->publisher, &e));
    NEED_OK(key_spki(w->publisher, &w->arena, &spki, &e));
    char *pem = pem_encode("PUBLIC KEY", spki, &w->arena);
    NEED(pem != NULL);
    NEED_OK(
        file_write(path_in(w, "log/publishers/bench.pem"), bytes_str(pem), false, &e));
}

static void
start_witness(struct world *w, unsigned i, const char **policy)
{
    const char *dir = path_in(w, i == 0 ? "w0" : i == 1 ? "w1" : "w2");
    const char *name = arena_printf(&w->arena, "witness.example/w%u", i);
    struct witness_service_config c = { .dir = dir };
    struct net_addr at;
    char *vkey = NULL, text[NET_TEXT];

    NEED_OK(witness_service_init(dir, name, NULL, &w->arena, &vkey, &e));
    const char *known = arena_printf(&w->arena, "%s/logs/log.vkey", dir);
    const char *line = arena_printf(&w->arena, "%s\n", w->vkey);
    NEED(known != NULL && line != NULL);
    NEED_OK(file_write(known, bytes_str(line), false, &e));
    NEED_OK(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e));
    NEED_OK(witness_service_new(&c, &w->witness[i], &e));
    NEED_OK(witness_service_open(w->witness[i], &e));
    witness_service_bound(w->witness[i], &at);
    net_addr_text(&at, text);
    *policy = arena_printf(
        &w->arena, "%switness w%u %s http://%s\n", *policy, i, vkey, text);
    NEED(*policy != NULL);
    NEED(pthread_create(&w->loop[1 + i], NULL, run_witness, w->witness[i]) == 0);
}

static void
start_log(struct world *w)
{
    struct log_service_config c = { .dir = path_in(w, "log") };

    NEED_OK(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e));
    NEED_OK(log_service_new(&c, &w->log, &e));
    NEED_OK(log_service_open(w->log, &e));
    log_service_bound(w->log, &w->addr);
    NEED(pthread_create(&w->loop[0], NULL, run_log, w->log) == 0);
}

static void
stop_log(struct world *w)
{
    log_service_stop(w->log);
    NEED(pthread_join(w->loop[0], NULL) == 0);
    log_service_free(&w->log);
}

static void
start_with_witnesses(struct world *w)
{
    const char *policy = arena_printf(&w->arena, "log %s\n", w->vkey);

    NEED(policy != NULL);
    for (unsigned i = 0; i < WITNESSES; i++)
        start_witness(w, i, &policy);
    policy = arena_printf(&w->arena, "%sgroup two 2 w0 w1 w2\nquorum two\n", policy);
    NEED(policy != NULL);
    NEED_OK(file_write(path_in(w, "log/policy.txt"), bytes_str(policy), false, &e));
    start_log(w);
}

static void
stop_all(struct world *w)
{
    stop_log(w);
    for (unsigned i = 0; i < WITNESSES; i++) {
        witness_service_stop(w->witness[i]);
        NEED(pthread_join(w->loop[1 + i], NULL) == 0);
        witness_service_free(&w->witness[i]);
    }
    key_free(&w->publisher);
    NEED_OK(dir_remove(w->dir, &e));
    arena_free(&w->arena);
}

/* ---- the client ---- */

/* A whole request with an envelope of about 1 KiB. */
static struct selfsame_bytes
make_request(struct world *w, unsigned n)
{
    char payload[600], filler[421];
    struct selfsame_bytes body;

    memset(filler, 'a' + (int)(n % 26), sizeof(filler) - 1);
    filler[sizeof(filler) - 1] = '\0';
    (void)snprintf(
        payload, sizeof(payload), "{\"filler\":\"%s\",\"number\":%u}", filler, n);
    NEED_OK(envelope_make(BYTES_LIT("application/vnd.in-toto+json"), bytes_str(payload),
        w->publisher, &w->arena, &body, &e));
    const char *text = arena_printf(&w->arena,
        "POST /add HTTP/1.1\r\nHost: log\r\nContent-Length: %zu\r\n\r\n%.*s", body.len,
        (int)body.len, (const char *)body.ptr);
    NEED(text != NULL);
    return bytes_str(text);
}

struct client {
    int fd;
    size_t have;
    char buf[ANSWER];
};

/* A new connection's buffers take a request as a whole. */
static void
put(struct client *c, struct selfsame_bytes request)
{
    c->have = 0;
    NEED(send(c->fd, request.ptr, request.len, MSG_NOSIGNAL) == (ssize_t)request.len);
}

/* True: the answer is whole. */
static bool
take(struct client *c)
{
    unsigned long long length = 0;
    ssize_t n = recv(c->fd, c->buf + c->have, ANSWER - 1 - c->have, 0);

    if (n < 0 && errno == EAGAIN)
        return false;
    NEED(n > 0);
    c->have += (size_t)n;
    c->buf[c->have] = '\0';
    const char *end = strstr(c->buf, "\r\n\r\n"),
               *l = strstr(c->buf, "Content-Length: ");
    if (end == NULL || l == NULL || sscanf(l + 16, "%llu", &length) != 1 ||
        c->have < (size_t)(end + 4 - c->buf) + length)
        return false;
    if (strncmp(c->buf, "HTTP/1.1 200", 12) != 0) {
        (void)fprintf(stderr, "%s\n", c->buf);
        exit(1);
    }
    return true;
}

static void
dial(const struct world *w, struct client *c)
{
    NEED_OK(net_connect(&w->addr, net_clock_ms() + 5000, &c->fd, &e));
    c->have = 0;
}

static double
throughput(struct world *w, const struct selfsame_bytes *requests, unsigned count)
{
    static struct client clients[CONNECTIONS];
    struct epoll_event events[CONNECTIONS];
    unsigned sent = 0, done = 0;
    const int poll_fd = epoll_create1(EPOLL_CLOEXEC);

    NEED(poll_fd >= 0);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &clients[i] };

        dial(w, &clients[i]);
        NEED(epoll_ctl(poll_fd, EPOLL_CTL_ADD, clients[i].fd, &ev) == 0);
    }
    double t = seconds(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        put(&clients[i], requests[sent++]);
    while (done < count) {
        int n = epoll_wait(poll_fd, events, CONNECTIONS, 30000);

        NEED(n > 0);
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            if (!take(c))
                continue;
            done++;
            if (sent < count)
                put(c, requests[sent++]);
        }
    }
    t = seconds(CLOCK_MONOTONIC) - t;
    for (unsigned i = 0; i < CONNECTIONS; i++)
        fd_close(&clients[i].fd);
    (void)close(poll_fd);
    return count / t;
}

static void
latency(struct world *w, unsigned from)
{
    static struct client c;
    double took[TIMED];

    dial(w, &c);
    for (unsigned i = 0; i < TIMED; i++) {
        struct pollfd p = { .fd = c.fd, .events = POLLIN };
        const struct selfsame_bytes request = make_request(w, from + i);
        double t = seconds(CLOCK_MONOTONIC);

        put(&c, request);
        do
            NEED(poll(&p, 1, 30000) == 1);
        while (!take(&c));
        took[i] = seconds(CLOCK_MONOTONIC) - t;
    }
    fd_close(&c.fd);
    qsort(took, TIMED, sizeof(*took), by_size);
    (void)printf("  %-34s p50 %.1f ms, p99 %.1f ms\n",
        "submission to proof, 2 of 3 witnesses", took[TIMED / 2] * 1e3,
        took[TIMED * 99 / 100] * 1e3);
}

int
main(int argc, char **argv)
{
    static struct selfsame_bytes requests[SUBMISSIONS];
    struct world w = { .dir = "" };

    make_log(&w, argc > 1 ? argv[1] : "/tmp");
    for (unsigned i = 0; i < SUBMISSIONS; i++)
        requests[i] = make_request(&w, i);
    start_log(&w);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    const double rate = throughput(&w, requests, SUBMISSIONS);
    cpu = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / SUBMISSIONS;
    (void)printf("\nTransparency log over HTTP, durable envelopes of %zu bytes\n",
        requests[0].len - 52);
    (void)printf("  %-34s %8.0f/s %8.1f us of processors, client and all   (aim "
                 "15000/s)\n",
        "256 connections kept alive", rate, cpu * 1e6);
    stop_log(&w);
    start_with_witnesses(&w);
    latency(&w, SUBMISSIONS);
    stop_all(&w);
    return 0;
}
