/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_world.h"

#include "codec/cmw.h"

static struct world *world;

static int
begin(void **state)
{
    (void)state;
    world = world_new();
    world_serve(world, NULL);
    return 0;
}

static int
end(void **state)
{
    (void)state;
    world_unserve(world);
    world_free(world);
    return 0;
}

#define HELLO "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* One connection, one write, and exactly this answer. */
static void
expect_talk(const char *text, const char *want)
{
    auto_arena arena = arena_new(1 << 20);
    struct plain p;

    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    const char *got = plain_talk(&p, text, strlen(want), &arena);
    assert_string_equal(got, want);
    plain_close(&p);
}

/* Like it, when only how the answer begins matters. */
static void
expect_begin(const char *text, const char *want)
{
    expect_talk(text, want);
}

static void
requests_pass_and_responses_come_back(void **state)
{
    (void)state;
    expect_talk("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n", HELLO);
    expect_talk("GET /chunked HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
        "0\r\n\r\n");
    expect_talk("GET /end HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nto the end");
    expect_talk("POST /body HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect_talk("POST /body HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                "4\r\nbody\r\n0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

/* After the last response the connection ends, and properly. */
static void
connections_end_when_they_should(void **state)
{
    static const struct {
        const char *request, *response;
    } cases[] = {
        { "GET /end HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nto the end" },
        { "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", HELLO },
        { "GET /hello HTTP/1.0\r\n\r\n", HELLO },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct plain p;
        char byte;
        assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
        assert_string_equal(
            plain_talk(&p, cases[i].request, strlen(cases[i].response), &arena),
            cases[i].response);
        int rc = SSL_read(p.ssl, &byte, 1);
        assert_int_equal(SSL_get_error(p.ssl, rc), SSL_ERROR_ZERO_RETURN);
        plain_close(&p);
    }
}

static void
pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    expect_talk("GET /hello HTTP/1.1\r\n\r\nGET /chunked HTTP/1.1\r\n\r\n"
                "GET /hello HTTP/1.1\r\n\r\n",
        HELLO "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\n"
              "de\r\n0\r\n\r\n" HELLO);
}

static void
an_upgraded_connection_becomes_a_pipe(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\n"
                                   "Connection: upgrade\r\nUpgrade: echo\r\n\r\n";
    static const char challenge[] = "POST /.well-known/attest HTTP/1.1\r\n\r\n";
    struct plain p;

    (void)state;
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_string_equal(plain_talk(&p,
                            "GET /upgrade HTTP/1.1\r\nConnection: upgrade\r\n"
                            "Upgrade: echo\r\n\r\n",
                            sizeof(upgraded) - 1, &arena),
        upgraded);
    assert_string_equal(plain_talk(&p, "\x01 frames", 8, &arena), "\x01 frames");
    /* No boundary of requests any more, so no challenge either. */
    assert_string_equal(
        plain_talk(&p, challenge, sizeof(challenge) - 1, &arena), challenge);
    plain_close(&p);
}

static void
an_upgrade_nobody_asked_for_is_a_bad_gateway(void **state)
{
    (void)state;
    expect_begin("GET /upgrade HTTP/1.1\r\n\r\n", "HTTP/1.1 502 ");
}

static void
a_response_cut_off_is_not_an_end(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct plain p;
    char byte;

    (void)state;
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    (void)plain_talk(&p, "GET /cut HTTP/1.1\r\n\r\n", 44, &arena);
    ERR_clear_error();
    int rc = SSL_read(p.ssl, &byte, 1);
    assert_true(rc <= 0);
    assert_int_not_equal(SSL_get_error(p.ssl, rc), SSL_ERROR_ZERO_RETURN);
    plain_close(&p);
}

/* A service may answer before it has read all: what is left of the body is no request. */
static void
the_rest_of_a_body_is_never_a_request(void **state)
{
    static const char answer[] = "HTTP/1.1 100 Continue\r\n\r\n"
                                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    auto_arena arena = arena_new(1 << 20);
    struct plain p;
    char byte;

    (void)state;
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_string_equal(
        plain_talk(&p, "POST /body HTTP/1.1\r\nContent-Length: 60\r\n\r\n",
            sizeof(answer) - 1, &arena),
        answer);
    (void)SSL_write(p.ssl, "GET /.well-known/attest HTTP/1.1\r\n\r\n", 36);
    assert_true(SSL_read(p.ssl, &byte, 1) <= 0);
    plain_close(&p);
}

static void
ambiguous_requests_never_reach_the_service(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /hello HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET /hello HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
        "GET /hello HTTP/1.1\r\nA : b\r\n\r\n",
        "GET /hello HTTP/1.1\nA: b\r\n\r\n",
        "raw bytes\r\n\r\n",
    };
    size_t before = atomic_load(&world->service_bytes);

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        expect_begin(bad[i], "HTTP/1.1 400 ");
    expect_begin("CONNECT a:1 HTTP/1.1\r\n\r\n", "HTTP/1.1 501 ");
    assert_int_equal(atomic_load(&world->service_bytes), before);
}

static void
wrong_challenges_are_refused_by_name(void **state)
{
    size_t before = atomic_load(&world->service_bytes);

    (void)state;
    expect_begin("GET /.well-known/attest HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ");
    expect_begin("POST /.well-known/attest HTTP/1.1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 415 ");
    expect_begin("POST /.well-known/attest HTTP/1.1\r\nContent-Type: application/cbor"
                 "\r\nContent-Length: 16385\r\n\r\n",
        "HTTP/1.1 413 ");
    expect_begin("POST /.well-known/attest HTTP/1.1\r\nContent-Type: application/cbor"
                 "\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 400 ");
    expect_begin("POST /.well-known/attest HTTP/1.1\r\nContent-Type: application/cbor"
                 "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 400 ");
    expect_begin("POST /.well-known/attest HTTP/1.1\r\nContent-Type: application/cbor"
                 "\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 400 ");
    expect_begin("POST /.well-known/attestation HTTP/1.1\r\n\r\n", "HTTP/1.1 405 ");
    expect_begin("GET /.well-known/attestation HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
    expect_begin(
        "GET /.well-known/attestation?nonce=AAAA HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
    expect_begin(
        "GET /.well-known/attestation?nonce=AAAAAAAAAAAAAAAA== HTTP/1.1\r\n\r\n",
        "HTTP/1.1 400 ");
    assert_int_equal(atomic_load(&world->service_bytes), before);
}

/* The length is announced piece by piece: the limit has to hold for the sum. */
static void
a_challenge_in_many_chunks_is_limited_too(void **state)
{
    static const char head[] =
        "POST /.well-known/attest HTTP/1.1\r\nContent-Type: application/cbor\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    enum { CHUNK = 0x1000 };
    char text[sizeof(head) + 6 * (CHUNK + 8)];
    size_t len = sizeof(head) - 1;

    (void)state;
    memcpy(text, head, len);
    for (int i = 0; i < 5; i++) {
        memcpy(text + len, "1000\r\n", 6);
        memset(text + len + 6, 'x', CHUNK);
        memcpy(text + len + 6 + CHUNK, "\r\n", 2);
        len += 8 + CHUNK;
    }
    text[len] = '\0';
    expect_begin(text, "HTTP/1.1 413 ");
}

/* The body of the one response that p will send. */
static struct selfsame_bytes
response_body(struct plain *p, const char *request, struct arena *arena)
{
    struct selfsame_err e = { 0 };
    uint8_t *buf = arena_alloc(arena, 1, 65536);
    size_t have = 0, seen = 0, len = 0;
    struct http_head h;

    assert_non_null(buf);
    assert_true(SSL_write(p->ssl, request, (int)strlen(request)) > 0);
    while (len == 0 || have < len + h.length) {
        int n = SSL_read(p->ssl, buf + have, (int)(65536 - have));
        assert_true(n > 0);
        have += (size_t)n;
        assert_code(http_head_find(BYTES(buf, have), &seen, &len, &e), SELFSAME_OK, &e);
        if (len > 0)
            assert_code(
                http_response_parse(BYTES(buf, len), false, &h, &e), SELFSAME_OK, &e);
    }
    assert_int_equal(h.status, 200);
    assert_bytes(http_header(&h, "content-type"), BYTES_LIT("application/cmw+json"));
    return BYTES(buf + len, (size_t)h.length);
}

static void
evidence_about_the_key_verifies_for_that_key_and_nonce_only(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct plain p;
    uint8_t nonce[32] = { 1, 2, 3 }, other[32] = { 3, 2, 1 };
    char encoded[64], line[200];

    (void)state;
    (void)base64_encode(BYTES_ARR(nonce), true, encoded);
    (void)snprintf(line, sizeof(line),
        "GET /.well-known/attestation?nonce=%s HTTP/1.1\r\n\r\n", encoded);
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    struct selfsame_bytes json = response_body(&p, line, &arena);
    struct cmw cmw;
    assert_code(cmw_parse(json, &arena, &cmw, &e), SELFSAME_OK, &e);
    assert_non_null(cmw_label(&cmw, "evidence"));
    const struct {
        const uint8_t *nonce;
        bool own_key;
        struct selfsame_policy *policy;
        enum selfsame_code want;
    } cases[] = {
        { nonce, true, world->key_policy, SELFSAME_OK },
        { nonce, true, world->policy, SELFSAME_UNBOUND },
        { other, true, world->key_policy, SELFSAME_STALE },
        { nonce, false, world->key_policy, SELFSAME_UNBOUND },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selfsame_request *q = NULL;
        struct selfsame_result *r = NULL;
        assert_code(selfsame_request_new(&q, &e), SELFSAME_OK, &e);
        selfsame_request_set_time(q, os_now_ms());
        selfsame_request_set_nonce(q, BYTES(cases[i].nonce, 32));
        selfsame_request_expect_key(q,
            cases[i].own_key ? server_spki(world->server) : BYTES_LIT("another key"));
        assert_code(selfsame_verify(world->verifier, cases[i].policy, q, json, &r, &e),
            cases[i].want, &e);
        selfsame_result_free(r);
        selfsame_request_free(q);
    }
    plain_close(&p);
}

static void
a_slow_device_delays_nobody_else(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    static const char challenge[] = "GET /.well-known/attestation?nonce="
                                    "AAECAwQFBgcICQoLDA0ODw HTTP/1.1\r\n\r\n";
    struct plain p;

    (void)state;
    atomic_store(&world->device_delay_ms, 1500);
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    int64_t before = net_clock_ms();
    assert_true(SSL_write(p.ssl, challenge, sizeof(challenge) - 1) > 0);
    expect_talk("GET /hello HTTP/1.1\r\n\r\n", HELLO);
    assert_true(net_clock_ms() - before < 1200);
    assert_string_equal(plain_talk(&p, "", 12, &arena), "HTTP/1.1 200");
    assert_true(net_clock_ms() - before >= 1400);
    atomic_store(&world->device_delay_ms, 0);
    plain_close(&p);
}

static void
a_client_that_leaves_during_a_challenge_is_forgotten(void **state)
{
    static const char challenge[] = "GET /.well-known/attestation?nonce="
                                    "AAECAwQFBgcICQoLDA0ODw HTTP/1.1\r\n\r\n";
    struct plain p;

    (void)state;
    atomic_store(&world->device_delay_ms, 200);
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_true(SSL_write(p.ssl, challenge, sizeof(challenge) - 1) > 0);
    net_reset_on_close(p.fd);
    plain_close(&p);
    (void)poll(NULL, 0, 400);
    atomic_store(&world->device_delay_ms, 0);
    expect_talk("GET /hello HTTP/1.1\r\n\r\n", HELLO);
}

/* Or whoever asks and leaves would own the device, and the memory of those who wait. */
static void
challenges_nobody_waits_for_are_not_answered(void **state)
{
    static const char challenge[] = "GET /.well-known/attestation?nonce="
                                    "AAECAwQFBgcICQoLDA0ODw HTTP/1.1\r\n\r\n";
    auto_arena arena = arena_new(1 << 20);
    struct plain p;

    (void)state;
    atomic_store(&world->device_delay_ms, 200);
    for (int i = 0; i < 20; i++) {
        assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
        assert_true(SSL_write(p.ssl, challenge, sizeof(challenge) - 1) > 0);
        net_reset_on_close(p.fd);
        plain_close(&p);
    }
    int64_t before = net_clock_ms();
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_string_equal(plain_talk(&p, challenge, 12, &arena), "HTTP/1.1 200");
    assert_true(net_clock_ms() - before < 2000); /* 4 s in a queue */
    atomic_store(&world->device_delay_ms, 0);
    plain_close(&p);
}

static void
a_service_that_is_away_is_a_bad_gateway(void **state)
{
    struct world *w = world;
    struct server_config g = { 0 };
    int fd = -1;

    (void)state;
    world_unserve(w);
    listen_somewhere(&g.upstream, &fd);
    fd_close(&fd);
    world_serve(w, &g);
    expect_begin("GET /hello HTTP/1.1\r\n\r\n", "HTTP/1.1 502 ");
    world_unserve(w);
    world_serve(w, NULL);
}

static void
other_protocols_are_refused_in_the_handshake(void **state)
{
    struct plain p;

    (void)state;
    assert_false(plain_open(&p, server_address(world->server), "h2"));
    plain_close(&p);
    assert_true(plain_open(&p, server_address(world->server), NULL));
    plain_close(&p);
}

static void
tls_1_2_is_refused(void **state)
{
    struct selfsame_err e = { 0 };
    struct plain p = { .fd = -1 };

    (void)state;
    assert_code(
        net_connect(server_address(world->server), net_clock_ms() + 10000, &p.fd, &e),
        SELFSAME_OK, &e);
    (void)fcntl(p.fd, F_SETFL, 0);
    p.ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_max_proto_version(p.ctx, TLS1_2_VERSION), 1);
    p.ssl = SSL_new(p.ctx);
    assert_int_equal(SSL_set_fd(p.ssl, p.fd), 1);
    assert_true(SSL_connect(p.ssl) <= 0);
    plain_close(&p);
}

static void
no_ticket_is_given_out(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct plain p;

    (void)state;
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    (void)plain_talk(&p, "GET /hello HTTP/1.1\r\n\r\n", sizeof(HELLO) - 1, &arena);
    assert_false(SSL_SESSION_has_ticket(SSL_get0_session(p.ssl)));
    assert_false(SSL_SESSION_is_resumable(SSL_get0_session(p.ssl)));
    plain_close(&p);
}

static void
a_client_that_never_speaks_is_dropped(void **state)
{
    struct server_config g = { .handshake_ms = 200, .idle_ms = 300 };
    struct selfsame_err e = { 0 };
    struct plain p;
    int fd = -1;
    char byte;

    (void)state;
    world_unserve(world);
    world_serve(world, &g);
    assert_code(
        net_connect(server_address(world->server), net_clock_ms() + 10000, &fd, &e),
        SELFSAME_OK, &e);
    wait_for(fd, POLLIN);
    assert_true(read(fd, &byte, 1) <= 0);
    fd_close(&fd);
    /* Half a head, then silence; and a whole connection, then silence. */
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_true(SSL_write(p.ssl, "GET /", 5) > 0);
    assert_true(SSL_read(p.ssl, &byte, 1) <= 0);
    plain_close(&p);
    assert_true(plain_open(&p, server_address(world->server), "http/1.1"));
    assert_true(SSL_read(p.ssl, &byte, 1) <= 0);
    plain_close(&p);
    assert_true(plain_open(&p, server_address(world->server), "attest/1"));
    assert_true(SSL_read(p.ssl, &byte, 1) <= 0);
    plain_close(&p);
    world_unserve(world);
    world_serve(world, NULL);
}

static void
more_connections_than_allowed_wait(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct server_config g = { .max_connections = 2 };
    struct plain p[2];
    struct selfsame_err e = { 0 };
    int fd = -1;

    (void)state;
    world_unserve(world);
    world_serve(world, &g);
    for (size_t i = 0; i < 2; i++)
        assert_true(plain_open(&p[i], server_address(world->server), "http/1.1"));
    struct session_config c = world_client(world, server_address(world->server));
    struct session *s = NULL;
    c.timeout_ms = 300;
    assert_code(session_open(&c, &s, NULL, &e), SELFSAME_IO, &e);
    plain_close(&p[0]);
    c.timeout_ms = 10000;
    assert_code(session_open(&c, &s, NULL, &e), SELFSAME_OK, &e);
    session_free(&s);
    (void)plain_talk(&p[1], "GET /hello HTTP/1.1\r\n\r\n", sizeof(HELLO) - 1, &arena);
    plain_close(&p[1]);
    fd_close(&fd);
    world_unserve(world);
    world_serve(world, NULL);
}

static void
stopping_lets_a_request_under_way_finish(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    static const char challenge[] = "GET /.well-known/attestation?nonce="
                                    "AAECAwQFBgcICQoLDA0ODw HTTP/1.1\r\n\r\n";
    struct plain idle, busy;
    char byte;

    (void)state;
    atomic_store(&world->device_delay_ms, 500);
    assert_true(plain_open(&idle, server_address(world->server), "http/1.1"));
    assert_true(plain_open(&busy, server_address(world->server), "http/1.1"));
    assert_true(SSL_write(busy.ssl, challenge, sizeof(challenge) - 1) > 0);
    (void)poll(NULL, 0, 100);
    server_stop(world->server);
    int rc = SSL_read(idle.ssl, &byte, 1);
    assert_int_equal(SSL_get_error(idle.ssl, rc), SSL_ERROR_ZERO_RETURN);
    assert_string_equal(plain_talk(&busy, "", 12, &arena), "HTTP/1.1 200");
    plain_close(&idle);
    plain_close(&busy);
    atomic_store(&world->device_delay_ms, 0);
    world_unserve(world);
    world_serve(world, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_pass_and_responses_come_back),
        cmocka_unit_test(connections_end_when_they_should),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(an_upgraded_connection_becomes_a_pipe),
        cmocka_unit_test(an_upgrade_nobody_asked_for_is_a_bad_gateway),
        cmocka_unit_test(a_response_cut_off_is_not_an_end),
        cmocka_unit_test(the_rest_of_a_body_is_never_a_request),
        cmocka_unit_test(ambiguous_requests_never_reach_the_service),
        cmocka_unit_test(wrong_challenges_are_refused_by_name),
        cmocka_unit_test(a_challenge_in_many_chunks_is_limited_too),
        cmocka_unit_test(evidence_about_the_key_verifies_for_that_key_and_nonce_only),
        cmocka_unit_test(a_slow_device_delays_nobody_else),
        cmocka_unit_test(a_client_that_leaves_during_a_challenge_is_forgotten),
        cmocka_unit_test(challenges_nobody_waits_for_are_not_answered),
        cmocka_unit_test(a_service_that_is_away_is_a_bad_gateway),
        cmocka_unit_test(other_protocols_are_refused_in_the_handshake),
        cmocka_unit_test(tls_1_2_is_refused),
        cmocka_unit_test(no_ticket_is_given_out),
        cmocka_unit_test(a_client_that_never_speaks_is_dropped),
        cmocka_unit_test(more_connections_than_allowed_wait),
        cmocka_unit_test(stopping_lets_a_request_under_way_finish),
    };

    return cmocka_run_group_tests_name("tls/proxy", tests, begin, end);
}
