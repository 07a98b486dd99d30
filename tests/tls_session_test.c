/* SPDX-License-Identifier: Apache-2.0 */
#include "tls_world.h"

#include "appraise/appraise.h"
#include "codec/cmw.h"
#include "codec/pem.h"

/*
 * The attacker owns a TLS server with a valid certificate, can reach the genuine
 * enclave, and answers challenges as it likes. Whatever it does, the client must
 * refuse with the right class and say nothing to it.
 */
struct attacker {
    struct world *world;
    struct net_addr at;
    int listener;
    SSL_CTX *ctx;
    struct key *key;
    struct arena arena; /* of the connection in hand */
    struct selfsame_bytes spki;
    pthread_t thread;
    bool http;          /* offers no attest/1 */
    int interim;        /* "100 Continue" so often before the answer */
    const char *behind; /* bytes in one record with an HTTP answer; NULL: none */
    bool no_length;     /* an HTTP answer that ends with the connection */
    bool reused;        /* the last connection resumed an earlier session */
    /* Makes the bytes that follow the challenge; absent: close. */
    struct selfsame_bytes (*answer)(
        struct attacker *a, SSL *ssl, struct selfsame_bytes request);
    struct selfsame_bytes recorded;
    /* what the client did then */
    size_t application_bytes;
    uint64_t ack_status; /* UINT64_MAX: none came */
};

/* ---- the attacker's answers ---- */

static struct selfsame_bytes
respond(struct attacker *a, struct selfsame_bytes cmw)
{
    struct attest_response m = { .cmw = cmw };
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out = BYTES_NONE;

    if (attest_response_encode(&m, &a->arena, &out, &e) != SELFSAME_OK)
        abort();
    return out;
}

static struct attest_request
parsed(struct selfsame_bytes request)
{
    struct attest_request m;
    struct selfsame_err e = { 0 };

    if (attest_request_parse(request, &m, &e) != SELFSAME_OK)
        abort();
    return m;
}

/* Forwards the challenge to the enclave over a TLS connection of its own. */
static struct selfsame_bytes
relayed(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct plain p;
    uint8_t head[4], *buf;
    struct writer w = writer_of(head, sizeof(head));

    (void)ssl;
    if (!plain_open(&p, server_address(a->world->server), TLS_ALPN_RAW))
        abort();
    put_be32(&w, (uint32_t)request.len);
    if (SSL_write(p.ssl, head, sizeof(head)) != sizeof(head) ||
        SSL_write(p.ssl, request.ptr, (int)request.len) != (int)request.len ||
        SSL_read(p.ssl, head, sizeof(head)) != sizeof(head))
        abort();
    struct reader r = reader_of(BYTES_ARR(head));
    size_t len = get_be32(&r), have = 0;
    buf = arena_alloc(&a->arena, 1, len);
    while (buf != NULL && have < len) {
        int n = SSL_read(p.ssl, buf + have, (int)(len - have));
        if (n <= 0)
            abort();
        have += (size_t)n;
    }
    plain_close(&p);
    return BYTES(buf, len);
}

/* What the enclave says of facts of the attacker's choice (it never would). */
static struct selfsame_bytes
about(struct attacker *a, struct selfsame_bytes request, struct selfsame_bytes nonce,
    const uint8_t ekm[static TLS_EXPORTER], struct selfsame_bytes spki)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes copy;
    uint8_t *cmw = NULL;
    size_t len = 0;

    if (selfsame_attest_session(a->world->attester, request, nonce,
            BYTES(ekm, TLS_EXPORTER), spki, &cmw, &len, &e) != SELFSAME_OK ||
        !arena_dup(&a->arena, BYTES(cmw, len), &copy))
        abort();
    selfsame_free(cmw);
    return respond(a, copy);
}

static void
own_exporter(SSL *ssl, struct selfsame_bytes request, uint8_t ekm[static TLS_EXPORTER])
{
    struct selfsame_err e = { 0 };

    if (tls_export(ssl, request, ekm, &e) != SELFSAME_OK)
        abort();
}

/* Not an attack: shows that `about` makes what would be accepted. */
static struct selfsame_bytes
honest(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    uint8_t ekm[TLS_EXPORTER];

    own_exporter(ssl, request, ekm);
    return about(a, request, parsed(request).nonce, ekm, a->spki);
}

static struct selfsame_bytes
about_another_key(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    uint8_t ekm[TLS_EXPORTER];

    own_exporter(ssl, request, ekm);
    return about(a, request, parsed(request).nonce, ekm, server_spki(a->world->server));
}

static struct selfsame_bytes
about_another_request(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct attest_request m = parsed(request);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes weaker;
    uint8_t ekm[TLS_EXPORTER];

    m.flags = ATTEST_WANT_RELEASE; /* same nonce, other wishes: a downgrade */
    if (attest_request_encode(&m, &a->arena, &weaker, &e) != SELFSAME_OK)
        abort();
    own_exporter(ssl, request, ekm);
    return about(a, weaker, m.nonce, ekm, a->spki);
}

static struct selfsame_bytes
with_another_nonce(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    uint8_t ekm[TLS_EXPORTER], nonce[ATTEST_NONCE] = { 7 };

    own_exporter(ssl, request, ekm);
    return about(a, request, BYTES_ARR(nonce), ekm, a->spki);
}

/* Evidence that a client gave about itself, sent back as a server's. */
static struct selfsame_bytes
of_the_client_role(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct world *w = a->world;
    struct selfsame_err e = { 0 };
    struct tee_collected doc = { .evidence = BYTES_NONE };
    struct selfsame_bytes cmw;
    struct binder b;
    uint8_t ekm[TLS_EXPORTER], data[64];

    own_exporter(ssl, request, ekm);
    if (!binder_session(&b, BINDER_CLIENT, request, BYTES_ARR(ekm), a->spki) ||
        !binder64(&b, data))
        abort();
    const struct sim_quote_request q = {
        .now_ms = os_now_ms(),
        .subject.measured = w->measured,
        .subject.measured_count = PCRS,
        .nonce = parsed(request).nonce,
        .report_data = BYTES_ARR(data),
        .public_key = a->spki,
    };
    if (w->sim->quote(w->pki, &q, &a->arena, &doc, &e) != SELFSAME_OK)
        abort();
    struct cmw_entry entry = { .type = BYTES_LIT("application/vnd.attest.nitro+cbor"),
        .value = doc.evidence,
        .ind = CMW_EVIDENCE };
    const struct cmw record = { .entries = &entry, .count = 1 };
    if (cmw_encode_cbor(&record, &a->arena, &cmw, &e) != SELFSAME_OK)
        abort();
    return respond(a, cmw);
}

/* Evidence about the key alone, from the well-known address: no session in it. */
static struct selfsame_bytes
of_the_http_role(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes copy;
    uint8_t *cmw = NULL;
    size_t len = 0;

    (void)ssl;
    if (selfsame_attest_key(a->world->attester, parsed(request).nonce, a->spki, &cmw,
            &len, &e) != SELFSAME_OK ||
        !arena_dup(&a->arena, BYTES(cmw, len), &copy))
        abort();
    selfsame_free(cmw);
    return respond(a, copy);
}

static struct selfsame_bytes
replayed(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    (void)ssl, (void)request;
    return a->recorded;
}

static struct selfsame_bytes
reflected(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    (void)a, (void)ssl;
    return request;
}

static struct selfsame_bytes
of_another_type(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    (void)ssl, (void)request;
    return respond(a, BYTES_LIT("\x82\x6b"
                                "text/lovely"
                                "\x41"
                                "x"));
}

/* A mutual session is not offered: to be asked for one is no reason to go on without. */
static struct selfsame_bytes
with_a_request_of_its_own(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct selfsame_bytes whole = honest(a, ssl, request), out = BYTES_NONE;
    struct attest_response m;
    struct selfsame_err e = { 0 };

    if (attest_response_parse(whole, &m, &e) != SELFSAME_OK)
        abort();
    m.request = request;
    if (attest_response_encode(&m, &a->arena, &out, &e) != SELFSAME_OK)
        abort();
    return out;
}

static struct selfsame_bytes
cut_short(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct selfsame_bytes whole = honest(a, ssl, request);

    return BYTES(whole.ptr, whole.len - 1);
}

static struct selfsame_bytes
with_a_byte_more(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct selfsame_bytes whole = honest(a, ssl, request);
    uint8_t *p = arena_alloc(&a->arena, 1, whole.len + 1);

    if (p == NULL)
        abort();
    memcpy(p, whole.ptr, whole.len);
    return BYTES(p, whole.len + 1);
}

static struct selfsame_bytes
too_large(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    uint8_t *p = arena_alloc(&a->arena, 1, ATTEST_FRAME_LIMIT + 1);

    (void)ssl, (void)request;
    return BYTES(p, ATTEST_FRAME_LIMIT + 1);
}

static struct selfsame_bytes
nothing(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    (void)a, (void)ssl, (void)request;
    return BYTES_NONE;
}

static struct selfsame_bytes
an_excuse(struct attacker *a, SSL *ssl, struct selfsame_bytes request)
{
    struct attest_response m = { .status = ATTEST_FAILED,
        .error = BYTES_LIT(
            "no device \x1b[31m\xc2\x9b\x32J\xe2\x80\xae"
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9") };
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out;

    (void)ssl, (void)request;
    if (attest_response_encode(&m, &a->arena, &out, &e) != SELFSAME_OK)
        abort();
    return out;
}

/* ---- the attacker's server ---- */

static bool
ssl_read_all(SSL *ssl, uint8_t *buf, size_t len)
{
    for (size_t have = 0; have < len;) {
        int n = SSL_read(ssl, buf + have, (int)(len - have));
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

static bool
read_frame(struct attacker *a, SSL *ssl, struct selfsame_bytes *ret)
{
    uint8_t head[4];

    if (!ssl_read_all(ssl, head, sizeof(head)))
        return false;
    struct reader r = reader_of(BYTES_ARR(head));
    size_t len = get_be32(&r);
    uint8_t *p = arena_alloc(&a->arena, 1, len);
    *ret = BYTES(p, len);
    return p != NULL && ssl_read_all(ssl, p, len);
}

static bool
read_post(struct attacker *a, SSL *ssl, struct selfsame_bytes *ret)
{
    uint8_t *buf = arena_alloc(&a->arena, 1, 65536);
    size_t have = 0, seen = 0, len = 0;
    struct selfsame_err e = { 0 };
    struct http_head h;

    while (buf != NULL && (len == 0 || have < len + h.length)) {
        int n = SSL_read(ssl, buf + have, (int)(65536 - have));
        if (n <= 0)
            return false;
        have += (size_t)n;
        if (http_head_find(BYTES(buf, have), &seen, &len, &e) != SELFSAME_OK ||
            (len > 0 && http_request_parse(BYTES(buf, len), &h, &e) != SELFSAME_OK))
            return false;
    }
    *ret = BYTES(buf + len, (size_t)h.length);
    return buf != NULL;
}

static bool
send_answer(struct attacker *a, SSL *ssl, struct selfsame_bytes answer)
{
    char head[128];
    uint8_t length[4];
    struct writer w = writer_of(length, sizeof(length));

    for (int i = 0; i < a->interim; i++)
        if (SSL_write(ssl, "HTTP/1.1 100 Continue\r\n\r\n", 25) <= 0)
            return false;
    if (a->http && (a->behind != NULL || a->no_length)) {
        const char *behind = a->behind != NULL ? a->behind : "";
        char *all = arena_alloc(&a->arena, 1, answer.len + 512);
        if (all == NULL)
            abort();
        int n = snprintf(
            all, 256, "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\n");
        if (!a->no_length)
            n += snprintf(all + n, 64, "Content-Length: %zu\r\n", answer.len);
        n += snprintf(all + n, 8, "\r\n");
        memcpy(all + n, answer.ptr, answer.len);
        memcpy(all + n + answer.len, behind, strlen(behind));
        n += (int)(answer.len + strlen(behind));
        return SSL_write(ssl, all, n) == n;
    }
    if (a->http) {
        (void)snprintf(head, sizeof(head),
            "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\n"
            "Content-Length: %zu\r\n\r\n",
            answer.len);
        return SSL_write(ssl, head, (int)strlen(head)) > 0 &&
               SSL_write(ssl, answer.ptr, (int)answer.len) > 0;
    }
    put_be32(&w, (uint32_t)answer.len);
    return SSL_write(ssl, length, sizeof(length)) > 0 &&
           SSL_write(ssl, answer.ptr, (int)answer.len) > 0;
}

static void
attack(struct attacker *a, SSL *ssl)
{
    struct selfsame_bytes request, message;
    struct selfsame_err e = { 0 };
    struct attest_ack ack;
    uint8_t buf[4096];
    int n = 0;

    bool accepted = SSL_accept(ssl) == 1;
    a->reused = SSL_session_reused(ssl) == 1;
    if (!accepted ||
        !(a->http ? read_post(a, ssl, &request) : read_frame(a, ssl, &request)))
        return;
    struct selfsame_bytes answer = a->answer(a, ssl, request);
    if (answer.ptr == NULL || !send_answer(a, ssl, answer))
        return;
    if (!a->http && read_frame(a, ssl, &message) &&
        attest_ack_parse(message, &ack, &e) == SELFSAME_OK)
        a->ack_status = ack.status;
    while ((n = SSL_read(ssl, buf, sizeof(buf))) > 0)
        a->application_bytes += (size_t)n;
}

static void *
attacker_run(void *arg)
{
    struct attacker *a = arg;
    int fd = world_accept(a->world, a->listener);
    struct timeval t = { .tv_sec = 10 };

    if (fd < 0)
        return NULL;
    (void)fcntl(fd, F_SETFL, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    SSL *ssl = SSL_new(a->ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        abort();
    attack(a, ssl);
    ERR_clear_error();
    SSL_free(ssl);
    (void)close(fd);
    return NULL;
}

static int
attacker_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
    const struct attacker *a = arg;
    const char *mine = a->http ? "\x08" TLS_ALPN_HTTP : "\x08" TLS_ALPN_RAW;
    unsigned char *chosen = NULL;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, (const unsigned char *)mine, 9, in,
            in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* `key`: borrowed, for when the enclave's own has leaked; NULL: one of its own. */
static void
attacker_begin(struct attacker *a, struct world *w, const struct key *leaked)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der;
    struct cert_request r = { .common_name = "valid",
        .dns_name = "127.0.0.1",
        .not_before = os_now_ms() / 1000 - 60,
        .not_after = os_now_ms() / 1000 + 3600,
        .path_len = -1 };

    *a = (struct attacker){ .world = w, .ack_status = UINT64_MAX };
    a->arena = arena_new(4 << 20);
    if (leaked == NULL)
        assert_code(key_generate(KEY_P256, &a->key, &e), SELFSAME_OK, &e);
    const struct key *key = leaked != NULL ? leaked : a->key;
    assert_code(key_spki(key, &a->arena, &a->spki, &e), SELFSAME_OK, &e);
    assert_code(
        cert_make(&r, key, BYTES_NONE, key, &a->arena, &der, &e), SELFSAME_OK, &e);
    a->ctx = SSL_CTX_new(TLS_server_method()); /* with tickets, unlike ours */
    assert_int_equal(SSL_CTX_use_certificate_ASN1(a->ctx, (int)der.len, der.ptr), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(a->ctx, key_native(key)), 1);
    SSL_CTX_set_alpn_select_cb(a->ctx, attacker_alpn, a);
    listen_somewhere(&a->at, &a->listener);
}

static void
attacker_end(struct attacker *a)
{
    SSL_CTX_free(a->ctx);
    fd_close(&a->listener);
    key_free(&a->key);
    arena_free(&a->arena);
}

struct scene {
    const char *why;
    struct selfsame_bytes (*answer)(
        struct attacker *a, SSL *ssl, struct selfsame_bytes request);
    enum selfsame_code want;
};

/* One connection of the client to the attacker under this policy. */
static void
play(struct attacker *a, const struct scene *scene, const struct selfsame_policy *p)
{
    struct selfsame_err e = { 0 };
    struct session *s = NULL;
    struct session_config c = world_client(a->world, &a->at);
    size_t served = atomic_load(&a->world->service_bytes);

    c.policy = p;
    a->answer = scene->answer;
    a->application_bytes = 0;
    a->ack_status = UINT64_MAX;
    assert_int_equal(pthread_create(&a->thread, NULL, attacker_run, a), 0);
    enum selfsame_code code = session_open(&c, &s, NULL, &e);
    if (s != NULL)
        session_free(&s);
    assert_int_equal(pthread_join(a->thread, NULL), 0);
    if (code != scene->want)
        fail_msg("%s: expected %s, got %s: %s", scene->why,
            selfsame_code_name(scene->want), selfsame_code_name(code), err_text(&e));
    /* Another machine's words are told, and command nothing. */
    if (scene->answer == an_excuse && !a->http) {
        assert_non_null(strstr(err_text(&e), ": no device ?[31m?2J?\xc3\xa9\xc3\xa9"));
        assert_true(utf8_valid(bytes_str(err_text(&e))));
        assert_int_equal(err_text(&e)[strlen(err_text(&e)) - 1], '\xa9');
    }
    if (code == SELFSAME_IO) /* it speaks TLS and says nothing */
        assert_non_null(strstr(e.remedy, "did not answer the challenge"));
    assert_int_equal(a->application_bytes, 0);
    /* Judged and not accepted is told; an answer that is none is not worth a word. */
    bool judged = code == SELFSAME_STALE ||
                  (code == SELFSAME_UNBOUND && scene->answer != an_excuse);
    if (code != SELFSAME_OK)
        assert_int_equal(
            a->ack_status, judged && !a->http ? ATTEST_REFUSED : UINT64_MAX);
    else if (!a->http)
        assert_int_equal(a->ack_status, ATTEST_OK);
    assert_int_equal(atomic_load(&a->world->service_bytes), served);
}

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

static const struct scene scenes[] = {
    { "honest evidence about this very session", honest, SELFSAME_OK },
    { "the challenge relayed to a genuine enclave", relayed, SELFSAME_UNBOUND },
    { "evidence about another key", about_another_key, SELFSAME_UNBOUND },
    { "evidence for another request", about_another_request, SELFSAME_UNBOUND },
    { "evidence with another nonce", with_another_nonce, SELFSAME_STALE },
    { "evidence of the client's role", of_the_client_role, SELFSAME_UNBOUND },
    { "evidence about the key alone", of_the_http_role, SELFSAME_UNBOUND },
    { "the challenge reflected", reflected, SELFSAME_MALFORMED },
    { "evidence of a type not asked for", of_another_type, SELFSAME_UNSUPPORTED },
    { "a wish for the client's evidence", with_a_request_of_its_own,
        SELFSAME_UNSUPPORTED },
    { "a truncated response", cut_short, SELFSAME_MALFORMED },
    { "a byte too many", with_a_byte_more, SELFSAME_MALFORMED },
    { "an oversized response", too_large, SELFSAME_MALFORMED },
    { "a server that closes", nothing, SELFSAME_IO },
    { "a server without evidence", an_excuse, SELFSAME_UNBOUND },
};

static void
play_all(bool http, const struct selfsame_policy *p)
{
    struct attacker a;

    for (size_t i = 0; i < COUNT(scenes); i++) {
        attacker_begin(&a, world, NULL);
        a.http = http;
        play(&a, &scenes[i], p);
        attacker_end(&a);
    }
}

static void
attackers_are_refused_over_the_raw_carrier(void **state)
{
    (void)state;
    play_all(false, world->policy);
}

static void
attackers_are_refused_over_http(void **state)
{
    (void)state;
    play_all(true, world->policy);
}

static void
attackers_are_refused_when_the_policy_asks_for_a_key_only(void **state)
{
    (void)state;
    play_all(false, world->key_policy);
}

/* The response of an honest session, then the same bytes on the next connection. */
/* A client that would resume: says nothing, waits for tickets, leaves. */
static void
resume_if_possible(struct attacker *a, SSL_SESSION **session)
{
    struct selfsame_err e = { 0 };
    struct plain p = { .fd = -1 };
    struct timeval t = { .tv_usec = 300000 }; /* the tickets come by themselves */
    uint8_t byte;

    a->answer = nothing;
    assert_int_equal(pthread_create(&a->thread, NULL, attacker_run, a), 0);
    assert_code(
        net_connect(&a->at, net_clock_ms() + 10000, &p.fd, &e), SELFSAME_OK, &e);
    (void)fcntl(p.fd, F_SETFL, 0);
    (void)setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    p.ctx = SSL_CTX_new(TLS_client_method());
    p.ssl = SSL_new(p.ctx);
    assert_int_equal(SSL_set_fd(p.ssl, p.fd), 1);
    if (*session != NULL)
        assert_int_equal(SSL_set_session(p.ssl, *session), 1);
    assert_int_equal(SSL_connect(p.ssl), 1);
    assert_true(SSL_read(p.ssl, &byte, 1) <= 0);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(p.ssl);
    /* Or libssl takes the cut for an attack, and the session for spoilt. */
    SSL_set_shutdown(p.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    fd_close(&p.fd);
    assert_int_equal(pthread_join(a->thread, NULL), 0);
    plain_close(&p);
}

static void
a_session_is_never_resumed_though_the_server_would(void **state)
{
    static const struct scene genuine = { "a server with tickets", honest,
        SELFSAME_OK };
    SSL_SESSION *session = NULL;
    struct attacker a;

    (void)state;
    attacker_begin(&a, world, NULL);
    resume_if_possible(&a, &session);
    assert_true(SSL_SESSION_is_resumable(session));
    resume_if_possible(&a, &session);
    assert_true(a.reused); /* so what follows is the client's doing */
    for (int i = 0; i < 3; i++) {
        play(&a, &genuine, world->policy);
        assert_false(a.reused);
    }
    SSL_SESSION_free(session);
    attacker_end(&a);
}

/* What follows the answer would be taken for the first bytes of the service. */
static void
an_http_answer_ends_where_it_says(void **state)
{
    static const struct scene behind = { "bytes behind the answer", honest,
        SELFSAME_MALFORMED },
                              no_length = { "an answer without a length", honest,
                                  SELFSAME_UNBOUND };
    struct attacker a;

    (void)state;
    attacker_begin(&a, world, NULL);
    a.http = true;
    a.behind = "HTTP/1.1 200 OK\r\n\r\n";
    play(&a, &behind, world->policy);
    a.behind = NULL;
    a.no_length = true;
    play(&a, &no_length, world->policy);
    attacker_end(&a);
}

static void
interim_answers_are_passed_over_but_not_for_ever(void **state)
{
    static const struct scene some = { "some interim answers", honest, SELFSAME_OK },
                              many = { "a stream of interim answers", honest,
                                  SELFSAME_MALFORMED };
    struct attacker a;

    (void)state;
    attacker_begin(&a, world, NULL);
    a.http = true;
    a.interim = 3;
    play(&a, &some, world->policy);
    a.interim = 9;
    play(&a, &many, world->policy);
    attacker_end(&a);
}

static void
a_replayed_response_is_stale(void **state)
{
    static const struct scene replay = { "replay", replayed, SELFSAME_STALE };
    struct attacker a;
    uint8_t nonce[ATTEST_NONCE] = { 9 };
    struct attest_request m = { .nonce = BYTES_ARR(nonce),
        .types = { BYTES_LIT("application/vnd.attest.nitro+cbor") },
        .type_count = 1,
        .mode = ATTEST_EVIDENCE };
    struct selfsame_bytes request;
    struct selfsame_err e = { 0 };

    (void)state;
    attacker_begin(&a, world, NULL);
    assert_code(attest_request_encode(&m, &a.arena, &request, &e), SELFSAME_OK, &e);
    a.recorded = relayed(&a, NULL, request);
    play(&a, &replay, world->policy);
    play(&a, &replay, world->policy);
    attacker_end(&a);
}

/* The exporter holds where the key does not: both ends of the relay show the same key. */
static void
a_relay_with_the_enclaves_own_tls_key_is_refused(void **state)
{
    static const struct scene relay = { "relay", relayed, SELFSAME_UNBOUND };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_key *leaked = NULL;
    struct selfsame_bytes der;
    struct cert_request r = {
        .common_name = "leaked", .not_after = os_now_ms() / 1000 + 3600, .path_len = -1
    };
    struct attacker a;
    char *pem = NULL;

    (void)state;
    assert_code(key_generate(KEY_P256, &leaked, &e), SELFSAME_OK, &e);
    assert_code(
        cert_make(&r, leaked, BYTES_NONE, leaked, &arena, &der, &e), SELFSAME_OK, &e);
    assert_code(key_to_pem(leaked, &arena, &pem, &e), SELFSAME_OK, &e);
    struct server_config g = { .key = bytes_str(pem) };
    g.certificate = bytes_str(pem_encode("CERTIFICATE", der, &arena));
    world_unserve(world);
    world_serve(world, &g);
    attacker_begin(&a, world, leaked);
    assert_bytes(a.spki, server_spki(world->server));
    play(&a, &relay, world->policy);
    play(&a, &relay, world->key_policy);
    attacker_end(&a);
    world_unserve(world);
    world_serve(world, NULL);
}

static void
the_relay_is_refused_on_the_second_connection_too(void **state)
{
    static const struct scene first = { "honest", honest, SELFSAME_OK };
    static const struct scene second = { "relay", relayed, SELFSAME_UNBOUND };
    struct attacker a;

    (void)state;
    attacker_begin(&a, world, NULL);
    play(&a, &first, world->policy); /* it hands out tickets; they are not used */
    play(&a, &second, world->policy);
    play(&a, &second, world->policy);
    attacker_end(&a);
}

/* ---- what must work ---- */

static void
exchange_bytes(struct session *s, const char *text, const char *want)
{
    struct selfsame_err e = { 0 };
    int64_t deadline = net_clock_ms() + 10000;
    char got[256] = "";
    size_t have = 0, n = 0;

    assert_code(session_write(s, bytes_str(text), deadline, &e), SELFSAME_OK, &e);
    while (have < strlen(want)) {
        assert_code(session_read(s, (uint8_t *)got + have, strlen(want) - have,
                        deadline, &n, &e),
            SELFSAME_OK, &e);
        assert_true(n > 0);
        have += n;
    }
    assert_string_equal(got, want);
}

static void
a_genuine_server_is_accepted_over_both_carriers(void **state)
{
    static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    enum session_carrier carriers[] = { SESSION_ANY, SESSION_RAW, SESSION_HTTP };

    (void)state;
    for (size_t i = 0; i < COUNT(carriers); i++) {
        struct selfsame_err e = { 0 };
        struct session *s = NULL;
        struct selfsame_result *r = NULL;
        struct session_config c = world_client(world, server_address(world->server));
        c.carrier = carriers[i];
        size_t before = atomic_load(&world->service_bytes);
        assert_code(session_open(&c, &s, &r, &e), SELFSAME_OK, &e);
        assert_int_equal(atomic_load(&world->service_bytes), before);
        assert_int_equal(session_carrier(s),
            carriers[i] == SESSION_HTTP ? SESSION_HTTP : SESSION_RAW);
        assert_int_equal(selfsame_result_code(r), SELFSAME_OK);
        exchange_bytes(s, "GET /hello HTTP/1.1\r\n\r\n", hello);
        exchange_bytes(s, "GET /hello HTTP/1.1\r\n\r\n", hello);
        selfsame_result_free(r);
        session_free(&s);
    }
}

static void
a_raw_session_is_a_pipe_that_passes_on_half_closed(void **state)
{
    struct selfsame_err e = { 0 };
    struct session *s = NULL;
    struct session_config c = world_client(world, server_address(world->server));
    int in[2], out[2];
    char got[64] = "";

    (void)state;
    assert_code(session_open(&c, &s, NULL, &e), SELFSAME_OK, &e);
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(write(in[1], "raw \x00\xff bytes", 12), 12);
    (void)close(in[1]); /* all is said; the answer must still come */
    assert_code(session_pipe(s, in[0], out[1], &e), SELFSAME_OK, &e);
    (void)close(out[1]);
    assert_true(read(out[0], got, sizeof(got)) >= 4);
    assert_memory_equal(got, "raw ", 4);
    (void)close(in[0]);
    (void)close(out[0]);
    session_free(&s);
}

/* More than every buffer on the way holds, so that each side has to wait for the other. */
static void
megabytes_pass_both_ways_unchanged(void **state)
{
    enum { SIZE = 3 << 20 };
    struct selfsame_err e = { 0 };
    struct session *s = NULL;
    struct session_config c = world_client(world, server_address(world->server));
    FILE *in = tmpfile(), *out = tmpfile();
    char *sent = malloc(SIZE), *got = malloc(SIZE);

    (void)state;
    assert_true(in != NULL && out != NULL && sent != NULL && got != NULL);
    memcpy(sent, "raw ", 4);
    for (size_t i = 4; i < SIZE; i++)
        sent[i] = (char)('!' + (i * i + i / 7) % 90);
    assert_int_equal(fwrite(sent, 1, SIZE, in), SIZE);
    rewind(in);
    assert_code(session_open(&c, &s, NULL, &e), SELFSAME_OK, &e);
    assert_code(session_pipe(s, fileno(in), fileno(out), &e), SELFSAME_OK, &e);
    rewind(out);
    assert_int_equal(fread(got, 1, SIZE, out), SIZE);
    assert_int_equal(fgetc(out), EOF);
    assert_memory_equal(got, sent, SIZE);
    session_free(&s);
    (void)fclose(in);
    (void)fclose(out);
    free(sent);
    free(got);
}

/* ---- the server against clients of every kind ---- */

static void
say_frame(struct plain *p, struct selfsame_bytes message)
{
    uint8_t head[4];
    struct writer w = writer_of(head, sizeof(head));

    put_be32(&w, (uint32_t)message.len);
    assert_int_equal(SSL_write(p->ssl, head, sizeof(head)), sizeof(head));
    assert_int_equal(
        SSL_write(p->ssl, message.ptr, (int)message.len), (int)message.len);
}

static struct attest_response
hear_response(struct plain *p, struct arena *arena)
{
    struct attacker borrowed = { .arena = *arena };
    struct attest_response m;
    struct selfsame_bytes message;
    struct selfsame_err e = { 0 };

    assert_true(read_frame(&borrowed, p->ssl, &message));
    *arena = borrowed.arena;
    assert_code(attest_response_parse(message, &m, &e), SELFSAME_OK, &e);
    return m;
}

/* How the server ends the connection: properly, as after everything it understood. */
static void
hear_end(struct plain *p)
{
    char byte;
    int rc = SSL_read(p->ssl, &byte, 1);

    assert_int_equal(SSL_get_error(p->ssl, rc), SSL_ERROR_ZERO_RETURN);
}

static struct selfsame_bytes
challenge_of(const char *type, enum attest_mode mode, struct arena *arena)
{
    static const uint8_t nonce[ATTEST_NONCE] = { 5 };
    struct attest_request m = { .nonce = BYTES_ARR(nonce),
        .types = { bytes_str(type) },
        .type_count = 1,
        .mode = mode };
    struct selfsame_bytes request;
    struct selfsame_err e = { 0 };

    assert_code(attest_request_encode(&m, arena, &request, &e), SELFSAME_OK, &e);
    return request;
}

static const char nitro_type[] = "application/vnd.attest.nitro+cbor";

static void
challenges_that_cannot_be_met_get_a_status(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    const struct {
        struct selfsame_bytes request;
        uint64_t status;
    } cases[] = {
        { BYTES_LIT("\xa0"), ATTEST_MALFORMED },
        { challenge_of("text/lovely", ATTEST_EVIDENCE, &arena), ATTEST_UNSUPPORTED },
        { challenge_of(nitro_type, ATTEST_TOKEN, &arena), ATTEST_UNSUPPORTED },
        { challenge_of(nitro_type, ATTEST_KEY, &arena), ATTEST_UNSUPPORTED },
        { challenge_of(nitro_type, ATTEST_EVIDENCE, &arena), ATTEST_OK },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plain p;
        assert_true(plain_open(&p, server_address(world->server), TLS_ALPN_RAW));
        say_frame(&p, cases[i].request);
        struct attest_response m = hear_response(&p, &arena);
        assert_int_equal(m.status, cases[i].status);
        assert_int_equal(m.cmw.ptr != NULL, cases[i].status == ATTEST_OK);
        plain_close(&p);
    }
}

static void
the_service_hears_nothing_before_an_acknowledgement(void **state)
{
    static const struct selfsame_bytes acks[] = {
        { (const uint8_t *)"\xa2\x01\x01\x02\x04", 5 }, /* refused */
        { (const uint8_t *)"\xa2\x01\x02\x02\x00", 5 }, /* of version 2 */
        { (const uint8_t *)"raw hello", 9 },            /* none at all */
    };
    auto_arena arena = arena_new(4 << 20);
    size_t before = atomic_load(&world->service_bytes);

    (void)state;
    for (size_t i = 0; i < COUNT(acks); i++) {
        struct plain p;
        assert_true(plain_open(&p, server_address(world->server), TLS_ALPN_RAW));
        say_frame(&p, challenge_of(nitro_type, ATTEST_EVIDENCE, &arena));
        assert_int_equal(hear_response(&p, &arena).status, ATTEST_OK);
        say_frame(&p, acks[i]);
        assert_true(SSL_write(p.ssl, "raw hello", 9) > 0);
        hear_end(&p);
        plain_close(&p);
    }
    assert_int_equal(atomic_load(&world->service_bytes), before);
}

static void
oversized_challenges_end_the_connection(void **state)
{
    static const uint8_t heads[][4] = { { 0, 0, 0x40, 1 }, { 0xff, 0xff, 0xff, 0xff },
        { 0, 0, 0, 0 } };
    char byte;

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        struct plain p;
        assert_true(plain_open(&p, server_address(world->server), TLS_ALPN_RAW));
        assert_int_equal(SSL_write(p.ssl, heads[i], 4), 4);
        assert_true(SSL_read(p.ssl, &byte, 1) <= 0);
        plain_close(&p);
    }
}

static void
a_verdict_alone_disturbs_no_service(void **state)
{
    struct selfsame_err e = { 0 };
    struct selfsame_result *r = NULL;
    struct session_config c = world_client(world, server_address(world->server));
    size_t before = atomic_load(&world->service_bytes);

    (void)state;
    c.key_level_too = true;
    assert_code(session_open(&c, NULL, &r, &e), SELFSAME_OK, &e);
    assert_non_null(r);
    selfsame_result_free(r);
    assert_int_equal(atomic_load(&world->service_bytes), before);
}

static void
another_measurement_is_a_mismatch(void **state)
{
    struct selfsame_err e = { 0 };
    struct session *s = NULL;
    struct selfsame_result *r = NULL;
    struct session_config c = world_client(world, server_address(world->server));
    uint8_t kept = world->pcr[1][0];
    size_t before = atomic_load(&world->service_bytes);

    (void)state;
    world->pcr[1][0] ^= 1;
    struct selfsame_policy *p = world_policy(world, "session");
    world->pcr[1][0] = kept;
    c.policy = p;
    assert_code(session_open(&c, &s, &r, &e), SELFSAME_MISMATCH, &e);
    assert_null(s);
    assert_int_equal(selfsame_result_code(r), SELFSAME_MISMATCH);
    assert_int_equal(atomic_load(&world->service_bytes), before);
    selfsame_result_free(r);
    selfsame_policy_free(p);
}

static void
nobody_listening_is_io_and_silence_times_out(void **state)
{
    struct selfsame_err e = { 0 };
    struct session *s = NULL;
    struct net_addr at;
    int fd = -1;

    (void)state;
    listen_somewhere(&at, &fd);
    struct session_config c = world_client(world, &at);
    c.timeout_ms = 200;
    int64_t before = net_clock_ms();
    assert_code(session_open(&c, &s, NULL, &e), SELFSAME_IO, &e);
    assert_true(net_clock_ms() - before < 3000);
    fd_close(&fd);
    assert_code(session_open(&c, &s, NULL, &e), SELFSAME_IO, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attackers_are_refused_over_the_raw_carrier),
        cmocka_unit_test(attackers_are_refused_over_http),
        cmocka_unit_test(attackers_are_refused_when_the_policy_asks_for_a_key_only),
        cmocka_unit_test(a_session_is_never_resumed_though_the_server_would),
        cmocka_unit_test(an_http_answer_ends_where_it_says),
        cmocka_unit_test(interim_answers_are_passed_over_but_not_for_ever),
        cmocka_unit_test(a_replayed_response_is_stale),
        cmocka_unit_test(a_relay_with_the_enclaves_own_tls_key_is_refused),
        cmocka_unit_test(the_relay_is_refused_on_the_second_connection_too),
        cmocka_unit_test(a_genuine_server_is_accepted_over_both_carriers),
        cmocka_unit_test(a_raw_session_is_a_pipe_that_passes_on_half_closed),
        cmocka_unit_test(megabytes_pass_both_ways_unchanged),
        cmocka_unit_test(challenges_that_cannot_be_met_get_a_status),
        cmocka_unit_test(the_service_hears_nothing_before_an_acknowledgement),
        cmocka_unit_test(oversized_challenges_end_the_connection),
        cmocka_unit_test(a_verdict_alone_disturbs_no_service),
        cmocka_unit_test(another_measurement_is_a_mismatch),
        cmocka_unit_test(nobody_listening_is_io_and_silence_times_out),
    };

    return cmocka_run_group_tests_name("tls/session", tests, begin, end);
}
