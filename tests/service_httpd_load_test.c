/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten thousand connections that are held, plain and TLS: the server is a process of its
 * own, so that its memory can be looked at, and serves others all the while.
 */
#include "httpd_tls_world.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum {
    HELD = 10000,
    OTHERS = 200, /* descriptors of everything else */
    PLAIN_EACH = 1200,
    TLS_EACH = 20000,
    /* What a sanitizer puts around each allocation, and what it keeps of those freed. */
    FACTOR = SANITIZED ? 8 : 1,
    BASE = (SANITIZED ? 400 : 24) << 20,
};

static struct pki pki;

struct server {
    pid_t pid;
    struct world w; /* the address alone */
    int end;        /* closed: it ends */
};

static void
serve_until_closed(const struct httpd_config *c, bool tls, int tell, int end_fd)
{
    struct world w;
    struct httpd_config with = *c;
    char c1;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (tls)
        with.tls = listener(&pki, &(struct tls_listener_config){ 0 });
    begin(&w, &with);
    if (write(tell, &w.addr, sizeof(w.addr)) != (ssize_t)sizeof(w.addr))
        _exit(2);
    while (read(end_fd, &c1, 1) > 0)
        ;
    end(&w);
    tls_listener_free(&with.tls);
    _exit(0);
}

static struct server
start(const struct httpd_config *c, bool tls)
{
    struct server s = { 0 };
    int tell[2], ending[2];

    assert_int_equal(pipe(tell), 0);
    assert_int_equal(pipe(ending), 0);
    s.pid = fork();
    assert_true(s.pid >= 0);
    if (s.pid == 0) {
        (void)close(ending[1]);
        serve_until_closed(c, tls, tell[1], ending[0]);
    }
    assert_int_equal(
        read(tell[0], &s.w.addr, sizeof(s.w.addr)), (ssize_t)sizeof(s.w.addr));
    (void)close(tell[0]);
    (void)close(tell[1]);
    (void)close(ending[0]);
    s.end = ending[1];
    return s;
}

static void
stop(struct server *s)
{
    int status = -1;

    (void)close(s->end);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_int_equal(status, 0);
}

static size_t
resident(const struct server *s)
{
    char path[64];
    unsigned long size = 0, pages = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)s->pid);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
    (void)fclose(f);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* As many as this process may have; said aloud when fewer. */
static size_t
holdable(size_t want)
{
    const uint64_t may = os_descriptors(want + OTHERS);

    if (may >= want + OTHERS)
        return want;
    print_message(
        "NOTE: %llu descriptors (ulimit -n): %llu connections instead of %zu\n",
        (unsigned long long)may, (unsigned long long)(may - OTHERS), want);
    return (size_t)may - OTHERS;
}

/* Somebody else asks; the slowest of a hundred, in ms. */
static int64_t
slowest_ask(const struct server *s, bool tls)
{
    int64_t slowest = 0;
    char buf[4096];

    for (int i = 0; i < 100; i++) {
        const int64_t began_ms = net_clock_ms();
        if (tls) {
            (void)tls_ask(&s->w, pki.client, LAST("/hello"), buf, sizeof(buf));
        } else {
            auto_fd fd = dial(&s->w);
            send_all(fd, LAST("/hello"), strlen(LAST("/hello")));
            assert_true(read_all(fd, buf, sizeof(buf)) > 0);
        }
        assert_memory_equal(buf, "HTTP/1.1 200", 12);
        const int64_t took_ms = net_clock_ms() - began_ms;
        slowest = took_ms > slowest ? took_ms : slowest;
    }
    return slowest;
}

static int
hold(const struct server *s, bool tls)
{
    if (!tls)
        return dial(&s->w);
    struct caller c = caller_open(&s->w, pki.client);
    /* TLS stays open at the other end: nothing was said. */
    SSL_set_quiet_shutdown(c.ssl, 1);
    SSL_free(c.ssl);
    return c.fd;
}

static void
idle_connections_hold_little(bool tls)
{
    const size_t count = holdable(HELD), each = tls ? TLS_EACH : PLAIN_EACH;
    const struct httpd_config c = {
        .loops = 2, .connections = (unsigned)count + 100, .idle_s = 600
    };
    struct server s = start(&c, tls);
    int *fds = calloc(count, sizeof(*fds));

    assert_non_null(fds);
    (void)slowest_ask(&s, tls);
    const size_t before = resident(&s);
    for (size_t i = 0; i < count; i++)
        fds[i] = hold(&s, tls);
    const int64_t slowest = slowest_ask(&s, tls);
    const size_t grown = resident(&s) - before;
    print_message("%zu idle %s connections: %zu bytes each, slowest request %lld ms\n",
        count, tls ? "TLS" : "plain", grown / count, (long long)slowest);
    assert_true(grown < (size_t)BASE + count * each * FACTOR);
    assert_true(slowest < 1000);
    /* Below the limit nobody was thrown out. */
    for (size_t i = 0; i < count; i += 997) {
        char byte;
        assert_int_equal(recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0, false);
        if (tls)
            continue;
        char buf[1024];
        send_all(fds[i], GET("/hello"), strlen(GET("/hello")));
        assert_true(recv(fds[i], buf, sizeof(buf), 0) > 12);
        assert_memory_equal(buf, "HTTP/1.1 200", 12);
    }
    /* Reset, all at once: that is no trouble either. */
    for (size_t i = 0; i < count; i++) {
        net_reset_on_close(fds[i]);
        fd_close(&fds[i]);
    }
    assert_true(slowest_ask(&s, tls) < 1000);
    free(fds);
    stop(&s);
}

static void
idle_plain_connections_hold_little(void **state)
{
    (void)state;
    idle_connections_hold_little(false);
}

static void
idle_tls_connections_hold_little(void **state)
{
    (void)state;
    idle_connections_hold_little(true);
}

/* Heads and bodies, one byte after the other, from more than there is room for. */
static void
slow_senders_stall_nobody(void **state)
{
    static const char head[] =
        "GET /hello HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaa";
    static const char post[] = POST("/echo", "Content-Length: 20000\r\n", "");
    const size_t count = holdable(3000);
    const struct httpd_config c = { .loops = 2, .connections = 2000, .idle_s = 2 };
    struct server s = start(&c, false);
    int *fds = calloc(count, sizeof(*fds));
    unsigned late = 0, gone = 0;

    (void)state;
    assert_non_null(fds);
    const size_t before = resident(&s);
    for (size_t i = 0; i < count; i++) {
        fds[i] = dial(&s.w);
        if (i % 2 == 1)
            send_all(fds[i], post, sizeof(post) - 1);
    }
    for (size_t k = 0; k < 40; k++) {
        for (size_t i = 0; i < count; i++)
            send_all(fds[i], i % 2 == 0 ? &head[k] : "a", 1);
        if (k % 10 == 0)
            assert_true(slowest_ask(&s, false) < 1000);
        (void)usleep(50000);
    }
    assert_true(resident(&s) - before < (size_t)BASE + count * 8000 * FACTOR);
    (void)usleep(2500000);
    for (size_t i = 0; i < count; i++) {
        char buf[1024];
        const ssize_t n = recv(fds[i], buf, sizeof(buf), 0);
        if (n > 12) {
            assert_memory_equal(buf, "HTTP/1.1 408", 12);
            late++;
        } else {
            gone++; /* to make room, or reset as it sent on */
        }
        fd_close(&fds[i]);
    }
    print_message("%zu slow senders: %u were told so, %u gone\n", count, late, gone);
    assert_true(slowest_ask(&s, false) < 1000);
    free(fds);
    stop(&s);
}

/* Connections that come, begin and are reset, as fast as can be. */
static void *
come_and_go(void *ctx)
{
    const struct server *s = ctx;
    static const char text[] = POST("/later", "Content-Length: 4\r\n", "kept");

    for (unsigned i = 0; i < 3000; i++) {
        auto_fd fd = dial(&s->w);
        send_all(fd, text, i % sizeof(text));
        net_reset_on_close(fd);
    }
    return NULL;
}

static void
resets_stall_nobody(void **state)
{
    const struct httpd_config c = { .loops = 2, .connections = 512 };

    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server s = start(&c, tls != 0);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, come_and_go, &s), 0);
        assert_true(slowest_ask(&s, tls != 0) < 2000);
        (void)pthread_join(thread, NULL);
        assert_true(slowest_ask(&s, tls != 0) < 1000);
        stop(&s);
    }
}

static int
make_pki(void **state)
{
    (void)state;
    pki_begin(&pki);
    return 0;
}

static int
drop_pki(void **state)
{
    (void)state;
    pki_end(&pki);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_plain_connections_hold_little),
        cmocka_unit_test(idle_tls_connections_hold_little),
        cmocka_unit_test(slow_senders_stall_nobody),
        cmocka_unit_test(resets_stall_nobody),
    };

    return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
