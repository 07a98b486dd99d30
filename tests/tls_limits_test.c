/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_world.h"

#include "tls/server.h"

#include <netinet/in.h>
#include <signal.h>

static struct world *world;

static int
begin(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
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

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
#define ASK "GET /hello HTTP/1.1\r\n\r\n"

/* A connection from 127.0.0.LAST, not spoken on. */
static int
connect_as(const struct world *w, uint8_t last)
{
    struct net_endpoint to;
    struct selfsame_err e = { 0 };
    struct sockaddr_in from = { .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK - 1 + last) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_code(net_resolve(server_address(w->server), &to, &e), SELFSAME_OK, &e);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to.addr, to.len), 0);
    return fd;
}

static bool
readable(int fd, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, ms) == 1;
}

/* True: the server ended it within this time. */
static bool
ends_within(int fd, int ms)
{
    char byte;

    return readable(fd, ms) && recv(fd, &byte, 1, MSG_PEEK) <= 0;
}

/* The service answers over a session of its own, and soon. */
static void
is_served(const struct net_addr *at)
{
    auto_arena arena = arena_new(1 << 20);
    struct plain p;

    assert_true(plain_open(&p, at, "http/1.1"));
    assert_string_equal(plain_talk(&p, ASK, sizeof(HELLO) - 1, &arena), HELLO);
    plain_close(&p);
}

static void
one_peer_cannot_take_every_place(void **state)
{
    struct server_config g = { .max_connections = 32, .max_per_peer = 3 };
    struct net_addr at;
    int own[3], fd;

    (void)state;
    world_serve(world, &g);
    at = *server_address(world->server);
    for (size_t i = 0; i < COUNT(own); i++)
        own[i] = connect_as(world, 2);
    fd = connect_as(world, 2);
    assert_true(ends_within(fd, 5000));
    fd_close(&fd);
    for (size_t i = 0; i < COUNT(own); i++)
        assert_false(ends_within(own[i], 50));
    is_served(&at); /* another peer */
    fd_close(&own[1]);
    (void)poll(NULL, 0, 200);
    fd = connect_as(world, 2); /* and this one, now that it holds less */
    assert_false(ends_within(fd, 200));
    fd_close(&fd);
    fd_close(&own[0]);
    fd_close(&own[2]);
    world_unserve(world);
}

/* Behind a unix socket is one machine, whoever speaks through it. */
static void
unix_sockets_are_no_peers(void **state)
{
    struct server_config g = { .max_per_peer = 1, .listen = { .kind = NET_UNIX } };
    struct plain first;

    (void)state;
    (void)snprintf(g.listen.path, sizeof(g.listen.path), "selfsame-limits-%ld.sock",
        (long)getpid());
    g.name = "localhost";
    world_serve(world, &g);
    assert_true(plain_open(&first, &g.listen, "http/1.1"));
    is_served(&g.listen);
    plain_close(&first);
    world_unserve(world);
}

static void
peers_are_addresses_and_networks(void **state)
{
    static const struct {
        const char *one, *other;
        bool same;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1", true },
        { "192.0.2.1", "192.0.2.2", false },
        { "192.0.2.1", "::ffff:192.0.2.1", true },
        { "::ffff:192.0.2.1", "::ffff:192.0.2.2", false },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
        { "::1", "127.0.0.1", false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *text[2] = { cases[i].one, cases[i].other };
        struct net_peer key[2];
        for (size_t k = 0; k < 2; k++) {
            struct net_addr a = { .kind = NET_TCP, .port = 1 };
            struct net_endpoint p;
            struct selfsame_err e = { 0 };
            (void)snprintf(a.host, sizeof(a.host), "%s", text[k]);
            assert_code(net_resolve(&a, &p, &e), SELFSAME_OK, &e);
            assert_true(net_peer_of(&p.addr, &key[k]));
        }
        assert_int_equal(
            bytes_eq(BYTES_ARR(key[0].bytes), BYTES_ARR(key[1].bytes)), cases[i].same);
    }
    struct sockaddr_storage local = { .ss_family = AF_UNIX };
    struct net_peer none;
    assert_false(net_peer_of(&local, &none));
}

static void
peers_are_named_for_the_log(void **state)
{
    static const struct {
        uint8_t bytes[16];
        const char *text;
    } cases[] = {
        { { [10] = 0xff, 0xff, 192, 0, 2, 1 }, "192.0.2.1" },
        { { 0x20, 0x01, 0x0d, 0xb8, 0, 1 }, "2001:db8:1::/64" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[NET_TEXT];
        struct net_peer p;
        memcpy(p.bytes, cases[i].bytes, sizeof(p.bytes));
        net_peer_text(&p, text);
        assert_string_equal(text, cases[i].text);
    }
}

/* Half of all places may be unfinished handshakes; then these get a second, not ten. */
static void
unfinished_handshakes_make_way(void **state)
{
    struct server_config g = { .max_connections = 16, .hurry_ms = 300 };
    struct net_addr at;
    int silent[8];

    (void)state;
    world_serve(world, &g);
    at = *server_address(world->server);
    /* One fewer: nobody is hurried. */
    for (size_t i = 0; i < COUNT(silent) - 1; i++)
        silent[i] = connect_as(world, 2);
    is_served(&at);
    (void)poll(NULL, 0, 500);
    for (size_t i = 0; i < COUNT(silent) - 1; i++)
        assert_false(ends_within(silent[i], 0));
    silent[COUNT(silent) - 1] = connect_as(world, 2);
    int64_t before = net_clock_ms();
    is_served(&at);
    assert_true(net_clock_ms() - before < 5000);
    /* Those that have waited longest are gone. */
    assert_true(ends_within(silent[0], 1000));
    for (size_t i = 0; i < COUNT(silent); i++)
        fd_close(&silent[i]);
    world_unserve(world);
}

/* One byte after the other until the server has enough of it; the time that took. */
static int64_t
trickle(const struct net_addr *at, const char *start, int64_t limit_ms)
{
    int64_t before = net_clock_ms();
    struct plain p;

    assert_true(plain_open(&p, at, "http/1.1"));
    assert_true(SSL_write(p.ssl, start, (int)strlen(start)) > 0);
    while (net_clock_ms() - before < limit_ms && !ends_within(p.fd, 40))
        if (SSL_write(p.ssl, "x", 1) <= 0)
            break;
    plain_close(&p);
    return net_clock_ms() - before;
}

static void
heads_that_trickle_in_are_cut(void **state)
{
    struct server_config g = { .handshake_ms = 400 };

    (void)state;
    world_serve(world, &g);
    assert_true(trickle(server_address(world->server), "GET /", 5000) < 3000);
    assert_true(trickle(server_address(world->server),
                    "POST /.well-known/attest HTTP/1.1\r\nContent-Type: "
                    "application/cbor\r\nContent-Length: 1000\r\n\r\n",
                    5000) < 3000);
    world_unserve(world);
}

/* With a service that accepts and then neither reads nor answers. */
static struct server_config
mute_service(int *ret_listener)
{
    struct server_config g = { .body_ms = 600 };

    listen_somewhere(&g.upstream, ret_listener);
    return g;
}

static void
bodies_that_trickle_in_are_cut(void **state)
{
    auto_fd listener = -1;
    struct server_config g = mute_service(&listener);

    (void)state;
    world_serve(world, &g);
    int64_t took = trickle(server_address(world->server),
        "PUT /x HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", 5000);
    assert_in_range(took, 500, 3000);
    world_unserve(world);
}

/* Longer than the window, but steady; and then it is the service's turn. */
static void
bodies_that_come_steadily_are_not(void **state)
{
    auto_fd listener = -1;
    struct server_config g = mute_service(&listener);
    static const char head[] = "PUT /x HTTP/1.1\r\nContent-Length: 24576\r\n\r\n";
    static char part[4096];
    struct plain p;

    (void)state;
    world_serve(world, &g);
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_true(SSL_write(p.ssl, head, sizeof(head) - 1) > 0);
    for (int i = 0; i < 6; i++) {
        assert_false(readable(p.fd, 200));
        assert_int_equal(SSL_write(p.ssl, part, sizeof(part)), sizeof(part));
    }
    assert_false(readable(p.fd, 1500));
    plain_close(&p);
    world_unserve(world);
}

/* A service that has answered may have the rest as slowly as both like. */
static void
bodies_are_free_once_the_service_answers(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
    auto_arena arena = arena_new(4096);
    auto_fd listener = -1, service = -1;
    struct server_config g = mute_service(&listener);
    struct selfsame_err e = { 0 };
    struct plain p;

    (void)state;
    world_serve(world, &g);
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_string_equal(
        plain_talk(&p, "PUT /x HTTP/1.1\r\nContent-Length: 9\r\n\r\n", 0, &arena), "");
    wait_for(listener, POLLIN);
    assert_code(net_accept(listener, &service, &e), SELFSAME_OK, &e);
    assert_true(write_all_of(service, bytes_str(answer)));
    assert_string_equal(plain_talk(&p, "", sizeof(answer) - 1, &arena), answer);
    assert_false(readable(p.fd, 1500));
    plain_close(&p);
    world_unserve(world);
}

/* An exchange alone, its streams without sockets: what a window is. */
static void
windows_of_a_body(void **state)
{
    static char bytes[STREAM_HIGH];
    struct conn c = { .phase = CONN_HTTP,
        .http = { .phase = EXCHANGE_PROXY,
            .request_body = { .framing = HTTP_LENGTH, .left = 1 << 20 } } };
    struct stream *const streams[] = { &c.client, &c.upstream };

    (void)state;
    for (size_t i = 0; i < COUNT(streams); i++) {
        streams[i]->in = evbuffer_new();
        streams[i]->out = evbuffer_new();
        assert_true(streams[i]->in != NULL && streams[i]->out != NULL);
    }
    c.http.body_ms = 1; /* long ago */
    (void)evbuffer_add(c.client.in, bytes, 4095);
    (void)exchange_step(&c);
    assert_int_equal(c.http.body_ms, 1); /* not enough */
    (void)evbuffer_add(c.client.in, bytes, 1);
    (void)exchange_step(&c);
    assert_int_not_equal(c.http.body_ms, 1);
    assert_true(exchange_wants_body(&c));
    /* While the service takes nothing there is none; then a whole one. */
    (void)evbuffer_add(c.upstream.out, bytes, sizeof(bytes));
    (void)exchange_step(&c);
    assert_false(exchange_wants_body(&c));
    c.http.body_ms = 1;
    (void)evbuffer_drain(c.upstream.out, evbuffer_get_length(c.upstream.out));
    (void)exchange_step(&c);
    assert_int_not_equal(c.http.body_ms, 1);
    assert_true(exchange_wants_body(&c));
    c.http.request_body.done = true;
    assert_false(exchange_wants_body(&c));
    for (size_t i = 0; i < COUNT(streams); i++) {
        evbuffer_free(streams[i]->in);
        evbuffer_free(streams[i]->out);
    }
}

/* The last that finishes makes room, not only the last that fails. */
static void
a_finished_handshake_makes_way(void **state)
{
    struct server_config g = { .max_connections = 16, .hurry_ms = 8000 };
    struct net_addr at;
    struct plain p;
    int silent[7];

    (void)state;
    world_serve(world, &g);
    at = *server_address(world->server);
    for (size_t i = 0; i < COUNT(silent); i++)
        silent[i] = connect_as(world, 2);
    plain_begin(&p, &at, "http/1.1");
    int late = connect_as(world, 3); /* waits */
    (void)poll(NULL, 0, 200);
    int64_t before = net_clock_ms();
    assert_int_equal(SSL_connect(p.ssl), 1);
    fd_close(&late);
    is_served(&at);
    assert_true(net_clock_ms() - before < 4000);
    plain_close(&p);
    for (size_t i = 0; i < COUNT(silent); i++)
        fd_close(&silent[i]);
    world_unserve(world);
}

/* The client would send more, but the service reads nothing. */
static void
a_service_that_takes_nothing_is_not_the_clients_fault(void **state)
{
    auto_fd listener = -1, service = -1;
    struct server_config g = mute_service(&listener);
    static const char head[] = "PUT /x HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n";
    static char part[16384];
    struct selfsame_err e = { 0 };
    struct plain p;

    (void)state;
    world_serve(world, &g);
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_true(SSL_write(p.ssl, head, sizeof(head) - 1) > 0);
    (void)fcntl(p.fd, F_SETFL, O_NONBLOCK);
    for (int64_t since = net_clock_ms(); net_clock_ms() - since < 300;) {
        int n = SSL_write(p.ssl, part, sizeof(part));
        if (n > 0)
            since = net_clock_ms();
        else
            assert_int_equal(SSL_get_error(p.ssl, n), SSL_ERROR_WANT_WRITE);
    }
    assert_false(readable(p.fd, 1500));
    /* It goes on when the service does. */
    assert_code(net_accept(listener, &service, &e), SELFSAME_OK, &e);
    assert_true(service >= 0);
    for (int64_t since = net_clock_ms(); net_clock_ms() - since < 1200;) {
        static char sink[65536];
        int n = SSL_write(p.ssl, part, sizeof(part));
        assert_true(n > 0 || SSL_get_error(p.ssl, n) == SSL_ERROR_WANT_WRITE);
        (void)!read(service, sink, sizeof(sink));
    }
    plain_close(&p);
    world_unserve(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_peer_cannot_take_every_place),
        cmocka_unit_test(unix_sockets_are_no_peers),
        cmocka_unit_test(peers_are_addresses_and_networks),
        cmocka_unit_test(peers_are_named_for_the_log),
        cmocka_unit_test(unfinished_handshakes_make_way),
        cmocka_unit_test(a_finished_handshake_makes_way),
        cmocka_unit_test(heads_that_trickle_in_are_cut),
        cmocka_unit_test(bodies_that_trickle_in_are_cut),
        cmocka_unit_test(bodies_that_come_steadily_are_not),
        cmocka_unit_test(bodies_are_free_once_the_service_answers),
        cmocka_unit_test(windows_of_a_body),
        cmocka_unit_test(a_service_that_takes_nothing_is_not_the_clients_fault),
    };

    return cmocka_run_group_tests_name("tls/limits", tests, begin, end);
}
