/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_HTTPD_TLS_WORLD_H
#define SELFSAME_TEST_HTTPD_TLS_WORLD_H

/* Certificates in files, and a client that speaks TLS as it is told. */
#include "httpd_world.h"

#include "codec/pem.h"
#include "crypto/crypto.h"
#include "tls/listener.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

/* A CA of clients and another that nobody trusts; a server's certificate and its next. */
struct pki {
    char dir[64];
    struct arena arena;
    char cert[96], key[96], ca[96];
    SSL_CTX *client, *client_12;
    struct selfsame_bytes leaf; /* of the good client */
    struct key *leaf_key;
    struct selfsame_bytes other, expired;
    int64_t server_ends;
};

static inline struct selfsame_bytes
make_cert(struct pki *p, const char *name, bool ca, int64_t not_after,
    const struct key *key, struct selfsame_bytes issuer, const struct key *issuer_key)
{
    const int64_t now = os_now_ms() / 1000;
    const struct cert_request r = {
        .common_name = name,
        .dns_name = ca ? NULL : "localhost",
        .not_before = now - 86400,
        .not_after = not_after,
        .ca = ca,
        .path_len = -1,
    };
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der;

    assert_code(
        cert_make(&r, key, issuer, issuer_key, &p->arena, &der, &e), SELFSAME_OK, &e);
    return der;
}

static inline void
put(const char *path, const char *text, bool secret)
{
    struct selfsame_err e = { 0 };

    assert_code(file_write(path, bytes_str(text), secret, &e), SELFSAME_OK, &e);
}

static inline void
put_cert(struct pki *p, const char *path, struct selfsame_bytes der)
{
    const char *pem = pem_encode("CERTIFICATE", der, &p->arena);

    assert_non_null(pem);
    put(path, pem, false);
}

/* A key and a certificate by itself, which ends at a time by which it is known. */
static inline void
put_server(struct pki *p, int64_t not_after)
{
    struct selfsame_err e = { 0 };
    auto_key *key = NULL;
    char *pem = NULL;

    assert_code(key_generate(KEY_P256, &key, &e), SELFSAME_OK, &e);
    put_cert(
        p, p->cert, make_cert(p, "server", false, not_after, key, BYTES_NONE, key));
    assert_code(key_to_pem(key, &p->arena, &pem, &e), SELFSAME_OK, &e);
    put(p->key, pem, true);
    p->server_ends = not_after;
}

static inline void
put_clients(struct pki *p)
{
    const int64_t now = os_now_ms() / 1000;
    struct selfsame_err e = { 0 };
    auto_key *ca_key = NULL, *other_key = NULL;

    assert_code(key_generate(KEY_P256, &ca_key, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P256, &other_key, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P256, &p->leaf_key, &e), SELFSAME_OK, &e);
    struct selfsame_bytes ca = make_cert(
        p, "clients", true, now + 86400, ca_key, BYTES_NONE, ca_key);
    struct selfsame_bytes other_ca = make_cert(
        p, "others", true, now + 86400, other_key, BYTES_NONE, other_key);
    p->leaf = make_cert(p, "client", false, now + 3600, p->leaf_key, ca, ca_key);
    p->expired = make_cert(p, "client", false, now - 60, p->leaf_key, ca, ca_key);
    p->other = make_cert(
        p, "client", false, now + 3600, p->leaf_key, other_ca, other_key);
    put_cert(p, p->ca, ca);
}

static inline void
pki_begin(struct pki *p)
{
    *p = (struct pki){ .dir = "/tmp/selfsame-httpd-tls.XXXXXX" };
    p->arena = arena_new(1 << 20);
    assert_non_null(mkdtemp(p->dir));
    (void)snprintf(p->cert, sizeof(p->cert), "%s/cert.pem", p->dir);
    (void)snprintf(p->key, sizeof(p->key), "%s/key.pem", p->dir);
    (void)snprintf(p->ca, sizeof(p->ca), "%s/ca.pem", p->dir);
    put_server(p, os_now_ms() / 1000 + 86400);
    put_clients(p);
    p->client = SSL_CTX_new(TLS_client_method());
    p->client_12 = SSL_CTX_new(TLS_client_method());
    assert_non_null(p->client);
    assert_non_null(p->client_12);
    assert_int_equal(SSL_CTX_set_max_proto_version(p->client_12, TLS1_2_VERSION), 1);
    (void)signal(SIGPIPE, SIG_IGN);
}

static inline void
pki_end(struct pki *p)
{
    struct selfsame_err e = { 0 };

    SSL_CTX_free(p->client);
    SSL_CTX_free(p->client_12);
    key_free(&p->leaf_key);
    arena_free(&p->arena);
    assert_code(dir_remove(p->dir, &e), SELFSAME_OK, &e);
}

static inline struct tls_listener *
listener(const struct pki *p, const struct tls_listener_config *with)
{
    struct tls_listener_config c = *with;
    struct tls_listener *l = NULL;
    struct selfsame_err e = { 0 };

    c.certificate = p->cert;
    c.key = p->key;
    assert_code(tls_listener_new(&c, &l, &e), SELFSAME_OK, &e);
    return l;
}

/* ---- a client ---- */

struct caller {
    int fd;
    SSL *ssl;
};

static inline void
caller_end(struct caller *c)
{
    SSL_free(c->ssl);
    fd_close(&c->fd);
    ERR_clear_error();
}
#define auto_caller __attribute__((cleanup(caller_end))) struct caller

/* Up to the handshake, which the caller does. */
static inline struct caller
caller_dial(const struct world *w, SSL_CTX *ctx)
{
    struct caller c = { .fd = dial(w), .ssl = SSL_new(ctx) };

    assert_non_null(c.ssl);
    assert_int_equal(SSL_set_fd(c.ssl, c.fd), 1);
    SSL_set_connect_state(c.ssl);
    return c;
}

static inline struct caller
caller_open(const struct world *w, SSL_CTX *ctx)
{
    struct caller c = caller_dial(w, ctx);

    if (SSL_do_handshake(c.ssl) != 1)
        fail_msg("no handshake: %s", ERR_reason_error_string(ERR_peek_error()));
    return c;
}

static inline void
caller_say(const struct caller *c, const void *text, size_t len)
{
    if (len > 0)
        (void)SSL_write(c->ssl, text, (int)len);
}

/* Until a proper end: the length; -1: cut off. */
static inline ssize_t
caller_read(const struct caller *c, char *buf, size_t cap)
{
    size_t len = 0;

    for (;;) {
        int n = SSL_read(c->ssl, buf + len, (int)(cap - 1 - len));
        if (n <= 0) {
            buf[len] = '\0';
            return SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN ? (ssize_t)len
                                                                     : -1;
        }
        len += (size_t)n;
    }
}

/* One answer with a Content-Length; what follows it is not read. */
static inline void
caller_answer(const struct caller *c, char *buf, size_t cap)
{
    size_t len = 0, want = 0;

    while (want == 0 || len < want) {
        int n = SSL_read(c->ssl, buf + len, want == 0 ? 1 : (int)(want - len));
        if (n <= 0)
            fail_msg("an answer ended behind: %.*s", (int)len, buf);
        len += (size_t)n;
        assert_true(len + 1 < cap);
        buf[len] = '\0';
        if (want == 0 && len >= 4 && strcmp(buf + len - 4, "\r\n\r\n") == 0) {
            const char *length = strstr(buf, "Content-Length: ");
            uint64_t body = 0;
            assert_non_null(length);
            length += 16;
            assert_true(uint_parse(length, strcspn(length, "\r"), cap, &body));
            want = len + (size_t)body;
        }
    }
}

#define LAST(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/* A whole connection for one request. */
static inline const char *
tls_ask(const struct world *w, SSL_CTX *ctx, const char *text, char *buf, size_t cap)
{
    auto_caller c = caller_open(w, ctx);

    caller_say(&c, text, strlen(text));
    assert_true(caller_read(&c, buf, cap) >= 0);
    return buf;
}

#endif
