/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever is cut off must see it: a reset, never the orderly end that a protocol
 * without lengths would take for the end of the data.
 */
#include "tls_world.h"

#include <errno.h>

/* The server, and this test in the place of the service behind it. */
struct stage {
    struct world *w;
    int listener, service;
    struct plain client;
};
static struct world *world;

static int
begin(void **state)
{
    (void)state;
    world = world_new();
    return 0;
}

static int
end(void **state)
{
    (void)state;
    world_free(world);
    return 0;
}

static int
stage_open(void **state)
{
    struct server_config g = { .handshake_ms = 500 };
    struct stage *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    *s = (struct stage){ .w = world, .listener = -1, .service = -1 };
    listen_somewhere(&g.upstream, &s->listener);
    world_serve(world, &g);
    assert_true(plain_open(&s->client, server_address(world->server), "http/1.1"));
    *state = s;
    return 0;
}

static int
stage_close(void **state)
{
    struct stage *s = *state;

    plain_close(&s->client);
    fd_close(&s->service);
    fd_close(&s->listener);
    world_unserve(s->w);
    free(s);
    return 0;
}

static void
say(struct stage *s, const char *text)
{
    assert_int_equal(SSL_write(s->client.ssl, text, (int)strlen(text)), strlen(text));
}

/* The service's next connection. */
static int
accepted(const struct stage *s)
{
    struct selfsame_err e = { 0 };
    int fd = -1;

    wait_for(s->listener, POLLIN);
    assert_code(net_accept(s->listener, &fd, &e), SELFSAME_OK, &e);
    assert_true(fd >= 0);
    return fd;
}

static void
service_hears(int fd, const char *text)
{
    char got[256] = { 0 };
    size_t len = strlen(text), have = 0;

    assert_true(len < sizeof(got));
    while (have < len) {
        wait_for(fd, POLLIN);
        ssize_t n = read(fd, got + have, len - have);
        assert_true(n > 0);
        have += (size_t)n;
    }
    assert_string_equal(got, text);
}

static void
service_says(int fd, const char *text)
{
    assert_true(write_all_of(fd, bytes_str(text)));
}

/* Whatever data there is, then a reset: an end would be a read of nothing. */
static void
is_reset(int fd)
{
    char data[4096];
    ssize_t n;

    do {
        wait_for(fd, POLLIN);
        n = recv(fd, data, sizeof(data), 0);
    } while (n > 0);
    assert_int_equal(n, -1);
    assert_int_equal(errno, ECONNRESET);
}

#define GET "GET /x HTTP/1.1\r\n\r\n"

static void
begin_exchange(struct stage *s, const char *request)
{
    say(s, request);
    s->service = accepted(s);
    service_hears(s->service, request);
}

static void
a_response_cut_short_is_reset(void **state)
{
    struct stage *s = *state;

    begin_exchange(s, GET);
    service_says(s->service, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhel");
    fd_close(&s->service);
    is_reset(s->client.fd);
}

static void
a_response_with_bad_chunks_is_reset_both_ways(void **state)
{
    struct stage *s = *state;

    begin_exchange(s, GET);
    service_says(s->service,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nno\r\n");
    is_reset(s->client.fd);
    is_reset(s->service);
}

static void
a_head_that_never_ends_is_reset(void **state)
{
    struct stage *s = *state;

    say(s, "GET /x HTTP");
    is_reset(s->client.fd);
}

static void
a_reset_passes_through_a_pipe(void **state)
{
    static const char ask[] = "GET /x HTTP/1.1\r\nConnection: upgrade\r\n"
                              "Upgrade: echo\r\n\r\n";
    static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                   "Connection: upgrade\r\nUpgrade: echo\r\n\r\n";
    auto_arena arena = arena_new(4096);
    struct stage *s = *state;

    begin_exchange(s, ask);
    service_says(s->service, upgraded);
    assert_string_equal(
        plain_talk(&s->client, "", sizeof(upgraded) - 1, &arena), upgraded);
    net_reset_on_close(s->service);
    fd_close(&s->service);
    is_reset(s->client.fd);
    /* And the other way. */
    plain_close(&s->client);
    assert_true(plain_open(&s->client, server_address(s->w->server), "http/1.1"));
    begin_exchange(s, ask);
    service_says(s->service, upgraded);
    assert_string_equal(
        plain_talk(&s->client, "", sizeof(upgraded) - 1, &arena), upgraded);
    net_reset_on_close(s->client.fd);
    plain_close(&s->client);
    s->client = (struct plain){ .fd = -1 };
    is_reset(s->service);
}

/* The service must not take half a body for a whole one. */
static void
a_malformed_body_is_reset_for_the_service(void **state)
{
    static const char head[] = "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    auto_arena arena = arena_new(4096);
    struct stage *s = *state;

    begin_exchange(s, head);
    say(s, "4\r\nbody\r\n");
    service_hears(s->service, "4\r\nbody\r\n");
    assert_string_equal(plain_talk(&s->client, "no\r\n", 12, &arena), "HTTP/1.1 400");
    is_reset(s->service);
}

static void
a_client_that_leaves_within_a_body_is_reset_for_the_service(void **state)
{
    struct stage *s = *state;

    begin_exchange(s, "POST /x HTTP/1.1\r\nContent-Length: 50\r\n\r\n");
    say(s, "half");
    service_hears(s->service, "half");
    assert_int_equal(SSL_shutdown(s->client.ssl), 0);
    is_reset(s->service);
}

/* Bytes that nobody asked for would be the answer to the next request. */
static void
an_upstream_with_unread_bytes_is_not_used_again(void **state)
{
    static const char first[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
    static const char stray[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray";
    static const char second[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
    auto_arena arena = arena_new(4096);
    char both[sizeof(first) + sizeof(stray)];
    struct stage *s = *state;

    begin_exchange(s, GET);
    (void)snprintf(both, sizeof(both), "%s%s", first, stray);
    service_says(s->service, both);
    assert_string_equal(plain_talk(&s->client, "", sizeof(first) - 1, &arena), first);
    say(s, GET);
    auto_fd next = accepted(s);
    service_hears(next, GET);
    service_says(next, second);
    assert_string_equal(plain_talk(&s->client, "", sizeof(second) - 1, &arena), second);
}

/* And without them it is, or the test above would show nothing. */
static void
an_upstream_without_is_used_again(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain";
    auto_arena arena = arena_new(4096);
    struct stage *s = *state;

    begin_exchange(s, GET);
    service_says(s->service, answer);
    assert_string_equal(plain_talk(&s->client, "", sizeof(answer) - 1, &arena), answer);
    say(s, GET);
    service_hears(s->service, GET);
    service_says(s->service, answer);
    assert_string_equal(plain_talk(&s->client, "", sizeof(answer) - 1, &arena), answer);
}

#define STAGED(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_response_cut_short_is_reset),
        STAGED(a_response_with_bad_chunks_is_reset_both_ways),
        STAGED(a_head_that_never_ends_is_reset),
        STAGED(a_reset_passes_through_a_pipe),
        STAGED(a_malformed_body_is_reset_for_the_service),
        STAGED(a_client_that_leaves_within_a_body_is_reset_for_the_service),
        STAGED(an_upstream_with_unread_bytes_is_not_used_again),
        STAGED(an_upstream_without_is_used_again),
    };

    return cmocka_run_group_tests_name("tls/abort", tests, begin, end);
}
