/* SPDX-License-Identifier: Apache-2.0 */
#include "httpd_tls_world.h"

#include <sys/stat.h>

static struct pki pki;

static void
hello_is_said(const struct world *w, SSL_CTX *ctx)
{
    char buf[4096];
    const char *got = tls_ask(w, ctx, LAST("/hello"), buf, sizeof(buf));

    assert_memory_equal(got, "HTTP/1.1 200", 12);
    assert_non_null(strstr(got, "\r\n\r\nhello"));
}

struct tls_world {
    struct world w;
    struct tls_listener *l;
};

static void
begin_tls(struct tls_world *t, const struct tls_listener_config *l,
    const struct httpd_config *with)
{
    struct httpd_config c = *with;

    t->l = listener(&pki, l);
    c.tls = t->l;
    begin(&t->w, &c);
}

static void
end_tls(struct tls_world *t)
{
    end(&t->w);
    tls_listener_free(&t->l);
}

/* ---- versions and protocols ---- */

static void
both_versions_are_spoken(void **state)
{
    SSL_CTX *ctx[] = { pki.client, pki.client_12 };
    const int version[] = { TLS1_3_VERSION, TLS1_2_VERSION };
    struct tls_world t;

    (void)state;
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    for (size_t i = 0; i < COUNT(ctx); i++) {
        auto_caller c = caller_open(&t.w, ctx[i]);
        char buf[4096];

        assert_int_equal(SSL_version(c.ssl), version[i]);
        for (int k = 0; k < 3; k++) {
            caller_say(&c, GET("/who"), strlen(GET("/who")));
            caller_answer(&c, buf, sizeof(buf));
            assert_non_null(strstr(buf, "\r\n\r\n127.0.0.1 -"));
        }
        hello_is_said(&t.w, ctx[i]);
    }
    end_tls(&t);
}

static void
older_versions_are_refused(void **state)
{
    SSL_CTX *old = SSL_CTX_new(TLS_client_method());
    struct tls_world t;

    (void)state;
    assert_non_null(old);
    SSL_CTX_set_security_level(old, 0);
    assert_int_equal(SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION), 1);
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    {
        auto_caller c = caller_dial(&t.w, old);
        assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
    }
    hello_is_said(&t.w, pki.client);
    end_tls(&t);
    SSL_CTX_free(old);
}

static void
http_alone_is_spoken(void **state)
{
    static const struct {
        const char *offered;
        unsigned len;
        bool good;
    } cases[] = {
        { "\x08http/1.1", 9, true },
        { "\x02h2\x08http/1.1", 12, true },
        { "\x02h2", 3, false },
    };
    struct tls_world t;

    (void)state;
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_caller c = caller_dial(&t.w, pki.client);
        const unsigned char *chosen = NULL;
        unsigned len = 0;

        assert_int_equal(SSL_set_alpn_protos(c.ssl,
                             (const unsigned char *)cases[i].offered, cases[i].len),
            0);
        assert_int_equal(SSL_do_handshake(c.ssl) == 1, cases[i].good);
        if (!cases[i].good)
            continue;
        SSL_get0_alpn_selected(c.ssl, &chosen, &len);
        assert_bytes(BYTES(chosen, len), BYTES_LIT("http/1.1"));
    }
    end_tls(&t);
}

static void
renegotiation_is_refused(void **state)
{
    struct tls_world t;
    char buf[4096];

    (void)state;
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    {
        auto_caller c = caller_open(&t.w, pki.client_12);
        assert_int_equal(SSL_renegotiate(c.ssl), 1);
        assert_int_not_equal(SSL_do_handshake(c.ssl), 1);
    }
    /* TLS 1.3 has new keys instead: both ends change them, and go on. */
    {
        auto_caller c = caller_open(&t.w, pki.client);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
            caller_say(&c, GET("/hello"), strlen(GET("/hello")));
            caller_answer(&c, buf, sizeof(buf));
            assert_memory_equal(buf, "HTTP/1.1 200", 12);
        }
    }
    end_tls(&t);
}

/* ---- bytes ---- */

static void
long_answers_and_files_arrive_whole(void **state)
{
    const size_t cap = 9 << 20;
    char *buf = malloc(cap);
    struct tls_world t;

    (void)state;
    assert_non_null(buf);
    begin_tls(&t, &(struct tls_listener_config){ 0 },
        &(struct httpd_config){ .files = true });
    SSL_CTX *ctx[] = { pki.client, pki.client_12 };
    for (size_t i = 0; i < COUNT(ctx); i++) {
        auto_caller c = caller_open(&t.w, ctx[i]);
        caller_say(&c, LAST("/large"), strlen(LAST("/large")));
        /* It waits first, so that the server must. */
        (void)usleep(300000);
        const ssize_t len = caller_read(&c, buf, cap);
        const char *over = strstr(buf, "\r\n\r\n");
        assert_non_null(over);
        assert_int_equal(len - (over + 4 - buf), 8 << 20);
        (void)tls_ask(&t.w, ctx[i], LAST("/file"), buf, cap);
        over = strstr(buf, "\r\n\r\n") + 4;
        for (size_t k = 0; k < FILE_SIZE; k++)
            if ((uint8_t)over[k] != byte_at(k))
                fail_msg("byte %zu of the file", k);
    }
    /* A file shorter than was said is no proper end. */
    {
        auto_caller c = caller_open(&t.w, pki.client);
        caller_say(&c, LAST("/short"), strlen(LAST("/short")));
        assert_int_equal(caller_read(&c, buf, cap), -1);
    }
    free(buf);
    end_tls(&t);
}

static void
requests_come_in_records_of_any_size(void **state)
{
    static const char post[] = POST(
        "/later", "Content-Length: 20\r\n", "12345678901234567890") POST("/echo",
        "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n") LAST("/hello");
    struct tls_world t;
    char buf[8192];

    (void)state;
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    for (size_t step = 1; step < sizeof(post); step = step * 3 + 1) {
        auto_caller c = caller_open(&t.w, pki.client);
        for (size_t at = 0; at < sizeof(post) - 1; at += step)
            caller_say(&c, post + at,
                step < sizeof(post) - 1 - at ? step : sizeof(post) - 1 - at);
        assert_true(caller_read(&c, buf, sizeof(buf)) > 0);
        const char *first = strstr(buf, "\r\n\r\n12345678901234567890HTTP/1.1 200");
        const char *second = strstr(buf, "\r\n\r\nabcHTTP/1.1 200");
        assert_non_null(first);
        assert_non_null(second);
        assert_true(first < second);
        assert_non_null(strstr(second, "\r\n\r\nhello"));
    }
    end_tls(&t);
}

/* Many requests in one record and in full ones: what libssl holds no readiness tells. */
static void
pipelines_do_not_stick_in_libssl(void **state)
{
    enum { REQUESTS = 2000 };
    static const char one[] = GET("/hello");
    const size_t len = (sizeof(one) - 1) * REQUESTS + strlen(LAST("/path/a"));
    char *text = malloc(len + 1), *buf = malloc(4 << 20);
    struct tls_world t;
    size_t at = 0, found = 0;

    (void)state;
    assert_non_null(text);
    assert_non_null(buf);
    for (int i = 0; i < REQUESTS; i++, at += sizeof(one) - 1)
        memcpy(text + at, one, sizeof(one));
    memcpy(text + at, LAST("/path/a"), strlen(LAST("/path/a")) + 1);
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    auto_caller c = caller_open(&t.w, pki.client);
    caller_say(&c, text, strlen(text));
    assert_true(caller_read(&c, buf, 4 << 20) > 0);
    for (const char *p = buf; (p = strstr(p, "\r\n\r\nhello")) != NULL; p++)
        found++;
    assert_int_equal(found, REQUESTS);
    assert_non_null(strstr(buf, "\r\n\r\n/path/a|-|-"));
    free(text);
    free(buf);
    end_tls(&t);
}

static void
ends_are_proper(void **state)
{
    struct tls_world t;
    char buf[4096];

    (void)state;
    begin_tls(
        &t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ .idle_s = 1 });
    /* An idle connection, one that asked, and one refused before all was read. */
    {
        auto_caller c = caller_open(&t.w, pki.client);
        assert_int_equal(caller_read(&c, buf, sizeof(buf)), 0);
    }
    {
        auto_caller c = caller_open(&t.w, pki.client);
        caller_say(&c, GET("/hello"), strlen(GET("/hello")));
        assert_true(caller_read(&c, buf, sizeof(buf)) > 0);
    }
    {
        auto_caller c = caller_open(&t.w, pki.client);
        caller_say(&c, POST("/echo", "Content-Length: 90000\r\n", "a"),
            strlen(POST("/echo", "Content-Length: 90000\r\n", "a")));
        assert_true(caller_read(&c, buf, sizeof(buf)) > 0);
        assert_memory_equal(buf, "HTTP/1.1 413", 12);
    }
    {
        auto_caller c = caller_open(&t.w, pki.client);
        caller_say(&c, "GET /hel", 8);
        assert_true(caller_read(&c, buf, sizeof(buf)) > 0);
        assert_memory_equal(buf, "HTTP/1.1 408", 12);
    }
    /* The client says that it ends. */
    {
        auto_caller c = caller_open(&t.w, pki.client);
        (void)SSL_shutdown(c.ssl);
        assert_int_equal(caller_read(&c, buf, sizeof(buf)), 0);
    }
    end_tls(&t);
}

/* ---- certificates of clients ---- */

static bool
use_client(const struct caller *c, struct selfsame_bytes der)
{
    return SSL_use_certificate_ASN1(c->ssl, der.ptr, (int)der.len) == 1 &&
           SSL_use_PrivateKey(c->ssl, key_native(pki.leaf_key)) == 1;
}

/* TLS 1.3 tells a client only when it reads. 0: refused. */
static int
with_certificate(const struct world *w, SSL_CTX *ctx, struct selfsame_bytes der,
    char *buf, size_t cap)
{
    auto_caller c = caller_dial(w, ctx);

    if (der.ptr != NULL)
        assert_true(use_client(&c, der));
    if (SSL_do_handshake(c.ssl) != 1)
        return 0;
    caller_say(&c, LAST("/who"), strlen(LAST("/who")));
    return caller_read(&c, buf, cap) > 0 ? 1 : 0;
}

static void
certificates_of_clients_are_judged(void **state)
{
    const struct {
        struct selfsame_bytes der;
        bool optional, required, known;
    } cases[] = {
        { pki.leaf, true, true, true },
        { BYTES_NONE, true, false, false },
        { pki.other, false, false, false },
        { pki.expired, false, false, false },
    };
    uint8_t digest[HASH_MAX];
    char want[80] = "\r\n\r\n127.0.0.1 ", buf[4096];

    (void)state;
    assert_true(hash_bytes(HASH_SHA256, pki.leaf, digest));
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(want + 14 + 2 * i, 3, "%02x", digest[i]);
    for (int required = 0; required < 2; required++) {
        const struct tls_listener_config l = { .client_ca = pki.ca,
            .client_required = required != 0 };
        SSL_CTX *ctx[] = { pki.client, pki.client_12 };
        struct tls_world t;

        begin_tls(&t, &l, &(struct httpd_config){ 0 });
        for (size_t i = 0; i < COUNT(cases) * COUNT(ctx); i++) {
            const size_t k = i / COUNT(ctx);
            const bool good = required != 0 ? cases[k].required : cases[k].optional;

            assert_int_equal(with_certificate(&t.w, ctx[i % COUNT(ctx)], cases[k].der,
                                 buf, sizeof(buf)),
                good);
            if (good)
                assert_non_null(
                    strstr(buf, cases[k].known ? want : "\r\n\r\n127.0.0.1 -"));
        }
        end_tls(&t);
    }
    /* Where nobody asks, nobody is known. */
    struct tls_world t;
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    assert_int_equal(with_certificate(&t.w, pki.client, pki.leaf, buf, sizeof(buf)), 1);
    assert_non_null(strstr(buf, "\r\n\r\n127.0.0.1 -"));
    end_tls(&t);
}

/* ---- tickets ---- */

static SSL_SESSION *kept_session;

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept_session);
    kept_session = session;
    return 1;
}

/* Asks with the session kept, keeps the next. */
static bool
resumes(const struct world *w, SSL_CTX *ctx)
{
    auto_caller c = caller_dial(w, ctx);
    char buf[4096];

    if (kept_session != NULL)
        assert_int_equal(SSL_set_session(c.ssl, kept_session), 1);
    assert_int_equal(SSL_do_handshake(c.ssl), 1);
    caller_say(&c, LAST("/hello"), strlen(LAST("/hello")));
    assert_true(caller_read(&c, buf, sizeof(buf)) > 0);
    /* libssl forgets sessions that were not ended. */
    (void)SSL_shutdown(c.ssl);
    return SSL_session_reused(c.ssl) == 1;
}

static void
forget_session(void)
{
    SSL_SESSION_free(kept_session);
    kept_session = NULL;
}

static void
tickets_resume_until_their_keys_are_gone(void **state)
{
    const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
    struct selfsame_err e = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(versions); i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        struct tls_world t;

        assert_non_null(ctx);
        assert_int_equal(SSL_CTX_set_max_proto_version(ctx, versions[i]), 1);
        (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
        SSL_CTX_sess_set_new_cb(ctx, keep_session);
        begin_tls(&t, &(struct tls_listener_config){ .ticket_s = 1 },
            &(struct httpd_config){ .loops = 2 });
        assert_false(resumes(&t.w, ctx));
        assert_true(resumes(&t.w, ctx));
        assert_true(resumes(&t.w, ctx));
        /* Reading the files again ends no session. */
        assert_code(tls_listener_reload(t.l, &e), SELFSAME_OK, &e);
        assert_true(resumes(&t.w, ctx));
        (void)usleep(3200000);
        assert_false(resumes(&t.w, ctx));
        assert_true(resumes(&t.w, ctx));
        end_tls(&t);
        /* Nor do keys live on in another process, or listener. */
        begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
        assert_false(resumes(&t.w, ctx));
        end_tls(&t);
        forget_session();
        SSL_CTX_free(ctx);
    }
}

static void
clients_with_certificates_get_no_tickets(void **state)
{
    const struct tls_listener_config l = { .client_ca = pki.ca };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct tls_world t;

    (void)state;
    assert_non_null(ctx);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    begin_tls(&t, &l, &(struct httpd_config){ 0 });
    assert_false(resumes(&t.w, ctx));
    assert_null(kept_session);
    assert_false(resumes(&t.w, ctx));
    end_tls(&t);
    SSL_CTX_free(ctx);
}

/* ---- files ---- */

/* When the certificate that is shown ends, by which it is told from others. */
static int64_t
shown(const struct caller *c)
{
    const X509 *x = SSL_get0_peer_certificate(c->ssl);
    struct tm tm = { 0 };

    assert_non_null(x);
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm), 1);
    return (int64_t)timegm(&tm);
}

static void
files_are_read_again_while_connections_go_on(void **state)
{
    struct selfsame_err e = { 0 };
    struct tls_world t;
    char buf[4096];

    (void)state;
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    const int64_t first = pki.server_ends;
    auto_caller old = caller_open(&t.w, pki.client);
    assert_int_equal(shown(&old), first);
    assert_int_equal(tls_listener_not_after(t.l), first);
    put_server(&pki, first + 1000);
    {
        auto_caller c = caller_open(&t.w, pki.client);
        assert_int_equal(shown(&c), first);
    }
    assert_code(tls_listener_reload(t.l, &e), SELFSAME_OK, &e);
    assert_int_equal(tls_listener_not_after(t.l), first + 1000);
    {
        auto_caller c = caller_open(&t.w, pki.client);
        assert_int_equal(shown(&c), first + 1000);
    }
    caller_say(&old, GET("/hello"), strlen(GET("/hello")));
    caller_answer(&old, buf, sizeof(buf));
    assert_memory_equal(buf, "HTTP/1.1 200", 12);
    end_tls(&t);
}

static void
copy(const char *from, const char *to, bool secret)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes b;

    assert_code(file_read(from, 1 << 19, &arena, &b, &e), SELFSAME_OK, &e);
    assert_code(file_write(to, b, secret, &e), SELFSAME_OK, &e);
}

/* Each defect alone; what was read before stays. */
static void
files_that_do_not_fit_change_nothing(void **state)
{
    static const char junk[] =
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char key_junk[] =
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    char good_cert[96], good_key[96];
    struct selfsame_err e = { 0 };
    struct tls_world t;

    (void)state;
    (void)snprintf(good_cert, sizeof(good_cert), "%s/good.pem", pki.dir);
    (void)snprintf(good_key, sizeof(good_key), "%s/good-key.pem", pki.dir);
    copy(pki.cert, good_cert, false);
    copy(pki.key, good_key, true);
    begin_tls(&t, &(struct tls_listener_config){ .client_ca = pki.ca },
        &(struct httpd_config){ 0 });
    const int64_t ends = tls_listener_not_after(t.l);
    for (int i = 0; i < 8; i++) {
        enum selfsame_code want = SELFSAME_USAGE;
        char ca[96];

        (void)snprintf(ca, sizeof(ca), "%s/ca.kept", pki.dir);
        copy(pki.ca, ca, false);
        switch (i) {
        case 0:
            put_server(&pki, ends + 5);
            copy(good_key, pki.key, true);
            break;
        case 1: assert_int_equal(chmod(pki.key, 0644), 0); break;
        case 2:
            assert_int_equal(unlink(pki.cert), 0);
            want = SELFSAME_IO;
            break;
        case 3: put(pki.cert, "nothing\n", false); break;
        case 4:
            put(pki.cert, junk, false);
            want = SELFSAME_MALFORMED;
            break;
        case 5:
            put(pki.key, key_junk, true);
            want = SELFSAME_MALFORMED;
            break;
        case 6:
            assert_int_equal(unlink(pki.ca), 0);
            want = SELFSAME_IO;
            break;
        default: put(pki.ca, "", false); break;
        }
        e = (struct selfsame_err){ 0 };
        assert_code(tls_listener_reload(t.l, &e), want, &e);
        assert_int_equal(tls_listener_not_after(t.l), ends);
        hello_is_said(&t.w, pki.client);
        copy(good_cert, pki.cert, false);
        copy(good_key, pki.key, true);
        copy(ca, pki.ca, false);
    }
    e = (struct selfsame_err){ 0 };
    assert_code(tls_listener_reload(t.l, &e), SELFSAME_OK, &e);
    end_tls(&t);
}

static void
configurations_without_sense_are_refused(void **state)
{
    const struct tls_listener_config cases[] = {
        { 0 },
        { .certificate = pki.cert },
        { .key = pki.key },
        { .certificate = pki.cert, .key = pki.key, .client_required = true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selfsame_err e = { 0 };
        struct tls_listener *l = NULL;

        assert_code(tls_listener_new(&cases[i], &l, &e), SELFSAME_USAGE, &e);
        assert_null(l);
    }
}

/* ---- those who mean no good ---- */

static void
half_handshakes_are_cut_off_and_make_room(void **state)
{
    struct tls_world t;
    char buf[256];
    int half[24];

    (void)state;
    begin_tls(&t, &(struct tls_listener_config){ 0 },
        &(struct httpd_config){ .idle_s = 1, .connections = 8 });
    for (size_t i = 0; i < COUNT(half); i++) {
        half[i] = dial(&t.w);
        /* Nothing, a piece of a record, a record that promises more. */
        send_all(half[i], "\x16\x03\x01\x02\x00\x01", (i % 3) * 3);
        hello_is_said(&t.w, pki.client);
    }
    (void)usleep(1500000);
    for (size_t i = 0; i < COUNT(half); i++) {
        assert_true(recv(half[i], buf, sizeof(buf), 0) <= 0);
        fd_close(&half[i]);
    }
    /* The time of the first request began before the handshake. */
    auto_caller c = caller_dial(&t.w, pki.client);
    (void)usleep(700000);
    assert_int_equal(SSL_do_handshake(c.ssl), 1);
    caller_say(&c, "GET /hello", 10);
    const int64_t began_ms = net_clock_ms();
    char answer[4096];
    assert_true(caller_read(&c, answer, sizeof(answer)) > 0);
    assert_memory_equal(answer, "HTTP/1.1 408", 12);
    assert_true(net_clock_ms() - began_ms < 900);
    end_tls(&t);
}

static void
what_is_not_tls_is_cut_off(void **state)
{
    static const char *const texts[] = { GET("/hello"), "\x16\x03\x01\xff\xff",
        "\x80\x2e\x01\x00\x02", "SSH-2.0-x\r\n" };
    struct tls_world t;
    char buf[256];

    (void)state;
    begin_tls(
        &t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ .idle_s = 2 });
    for (size_t i = 0; i < COUNT(texts); i++) {
        auto_fd fd = dial(&t.w);
        send_all(fd, texts[i], strlen(texts[i]));
        ssize_t n = read_all(fd, buf, sizeof(buf));
        assert_true(n < 10); /* an alert at most: nothing in plain */
    }
    hello_is_said(&t.w, pki.client);
    end_tls(&t);
}

/* The first flight of a client, to change and to cut. */
static size_t
client_hello(uint8_t *buf, size_t cap)
{
    SSL *ssl = SSL_new(pki.client);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

    assert_non_null(ssl);
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    assert_int_not_equal(SSL_do_handshake(ssl), 1);
    int n = BIO_read(out, buf, (int)cap);
    assert_true(n > 100);
    SSL_free(ssl);
    ERR_clear_error();
    return (size_t)n;
}

static void
changed_and_cut_handshakes_do_not_hurt(void **state)
{
    uint8_t hello[2048];
    const size_t len = client_hello(hello, sizeof(hello));
    struct tls_world t;

    (void)state;
    begin_tls(
        &t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ .loops = 2 });
    for (size_t i = 0; i < len; i++) {
        auto_fd cut = dial(&t.w);
        auto_fd changed = dial(&t.w);

        send_all(cut, hello, i);
        net_reset_on_close(i % 2 == 0 ? cut : changed);
        hello[i] ^= (uint8_t)(1U << (i % 8));
        send_all(changed, hello, len);
        hello[i] ^= (uint8_t)(1U << (i % 8));
    }
    hello_is_said(&t.w, pki.client);
    end_tls(&t);
}

/* A record of an established session with one bit changed ends it, silently for the others. */
static void
changed_records_are_refused(void **state)
{
    struct tls_world t;
    char buf[4096];

    (void)state;
    begin_tls(&t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ 0 });
    for (size_t i = 0; i < 40; i++) {
        auto_caller c = caller_open(&t.w, pki.client);
        BIO *out = BIO_new(BIO_s_mem());
        char *record;

        assert_non_null(out);
        SSL_set0_wbio(c.ssl, out);
        caller_say(&c, GET("/hello"), strlen(GET("/hello")));
        const long len = BIO_get_mem_data(out, &record);
        assert_true(len > 40);
        record[i] = (char)(record[i] ^ 1);
        send_all(c.fd, record, (size_t)len);
        (void)shutdown(c.fd, SHUT_WR);
        ssize_t n = caller_read(&c, buf, sizeof(buf));
        assert_true(n <= 0);
        assert_null(strstr(buf, "200 OK"));
    }
    hello_is_said(&t.w, pki.client);
    end_tls(&t);
}

static void
reader_that_does_not_read_is_cut_off(void **state)
{
    struct tls_world t;
    const int room = 4096;
    char *buf = malloc(9 << 20);

    (void)state;
    assert_non_null(buf);
    begin_tls(
        &t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ .idle_s = 1 });
    auto_caller c = caller_dial(&t.w, pki.client);
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    assert_int_equal(SSL_do_handshake(c.ssl), 1);
    caller_say(&c, LAST("/large"), strlen(LAST("/large")));
    (void)usleep(2500000);
    hello_is_said(&t.w, pki.client);
    assert_int_equal(caller_read(&c, buf, 9 << 20), -1);
    assert_true(strlen(buf) < 8 << 20);
    free(buf);
    end_tls(&t);
}

/* ---- several loops ---- */

struct tls_flood {
    const struct world *w;
    unsigned number, failed;
};

static void *
tls_flood(void *ctx)
{
    struct tls_flood *f = ctx;

    for (unsigned i = 0; i < 10; i++) {
        auto_caller c = caller_open(f->w, i % 2 == 0 ? pki.client : pki.client_12);
        char out[256], in[4096], body[32];

        for (unsigned k = 0; k < 20; k++) {
            int body_len = snprintf(body, sizeof(body), "%u.%u.%u.", f->number, i, k);
            int len = snprintf(out, sizeof(out),
                "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s",
                k % 2 == 0 ? "/later" : "/echo", body_len, body);
            caller_say(&c, out, (size_t)len);
            caller_answer(&c, in, sizeof(in));
            if (strcmp(strstr(in, "\r\n\r\n") + 4, body) != 0)
                f->failed++;
        }
    }
    return NULL;
}

static void
loops_answer_whom_they_were_asked_by(void **state)
{
    pthread_t threads[12];
    struct tls_flood f[COUNT(threads)];
    struct tls_world t;

    (void)state;
    begin_tls(
        &t, &(struct tls_listener_config){ 0 }, &(struct httpd_config){ .loops = 3 });
    for (size_t i = 0; i < COUNT(threads); i++) {
        f[i] = (struct tls_flood){ .w = &t.w, .number = (unsigned)i };
        assert_int_equal(pthread_create(&threads[i], NULL, tls_flood, &f[i]), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(f[i].failed, 0);
    }
    end_tls(&t);
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
        cmocka_unit_test(both_versions_are_spoken),
        cmocka_unit_test(older_versions_are_refused),
        cmocka_unit_test(http_alone_is_spoken),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(long_answers_and_files_arrive_whole),
        cmocka_unit_test(requests_come_in_records_of_any_size),
        cmocka_unit_test(pipelines_do_not_stick_in_libssl),
        cmocka_unit_test(ends_are_proper),
        cmocka_unit_test(certificates_of_clients_are_judged),
        cmocka_unit_test(tickets_resume_until_their_keys_are_gone),
        cmocka_unit_test(clients_with_certificates_get_no_tickets),
        cmocka_unit_test(files_are_read_again_while_connections_go_on),
        cmocka_unit_test(files_that_do_not_fit_change_nothing),
        cmocka_unit_test(configurations_without_sense_are_refused),
        cmocka_unit_test(half_handshakes_are_cut_off_and_make_room),
        cmocka_unit_test(what_is_not_tls_is_cut_off),
        cmocka_unit_test(changed_and_cut_handshakes_do_not_hurt),
        cmocka_unit_test(changed_records_are_refused),
        cmocka_unit_test(reader_that_does_not_read_is_cut_off),
        cmocka_unit_test(loops_answer_whom_they_were_asked_by),
    };

    return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
