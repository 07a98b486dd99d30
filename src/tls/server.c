/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/server.h"

#include "codec/pem.h"
#include "crypto/crypto.h"
#include "os/os.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    MAX_CONNECTIONS = 1024,
    HANDSHAKE_MS = 10000,
    IDLE_MS = 300000,
    DRAIN_MS = 5000,
    MAX_PER_PEER = 256,
    HURRY_MS = 1000,
    HURRY_MIN = 8, /* fewer unfinished handshakes are no flood */
    BODY_MS = 30000,
    CERTIFICATE_DAYS = 3650,
};

void
server_log(const struct server *s, const char *what, const struct selfsame_err *e)
{
    char line[1200], text[1100];

    if (s->config.log == NULL)
        return;
    (void)selfsame_err_print(e, text, sizeof(text));
    (void)snprintf(line, sizeof(line), "%s: %s", what, text);
    s->config.log(line);
}

const struct net_addr *
server_address(const struct server *s)
{
    return &s->bound;
}

struct selfsame_bytes
server_spki(const struct server *s)
{
    return s->spki;
}

/* ---- identity ---- */

static void
x509_cleanup(X509 **x)
{
    X509_free(*x);
}
#define auto_x509 __attribute__((cleanup(x509_cleanup))) X509

static enum selfsame_code
read_certificate(struct selfsame_bytes der, X509 **ret, struct selfsame_err *e)
{
    const uint8_t *p = der.ptr;

    *ret = d2i_X509(NULL, &p, (long)der.len);
    if (*ret == NULL)
        FAIL(e, SELFSAME_MALFORMED, "not a certificate: %s", tls_reason());
    return SELFSAME_OK;
}

static enum selfsame_code
use_identity(struct server *s, struct selfsame_bytes leaf, const struct key *key,
    struct selfsame_err *e)
{
    auto_x509 *cert = NULL;

    TRY(read_certificate(leaf, &cert, e));
    if (SSL_CTX_use_certificate(s->ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(s->ctx, key_native(key)) != 1 ||
        SSL_CTX_check_private_key(s->ctx) != 1)
        FAIL(e, SELFSAME_USAGE, "certificate and private key do not fit: %s",
            tls_reason());
    return key_spki(key, &s->arena, &s->spki, e);
}

/* The certificate carries nothing but the key: evidence speaks about that. */
static enum selfsame_code
make_identity(struct server *s, struct selfsame_err *e)
{
    auto_key *key = NULL;
    struct selfsame_bytes der;
    int64_t now = os_now_ms() / 1000;
    const char *name = s->config.name;
    struct cert_request r = {
        .common_name = "selfsame",
        .not_before = now - 86400,
        .not_after = now + CERTIFICATE_DAYS * (int64_t)86400,
        .path_len = -1,
    };

    if (name == NULL && s->bound.kind == NET_TCP)
        name = s->bound.host;
    r.dns_name = name != NULL ? name : "localhost";
    TRY(key_generate(KEY_P256, &key, e));
    if (s->config.ratls_ms > 0) {
        s->name = arena_str(&s->arena, bytes_str(r.dns_name));
        if (s->name == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a name");
        s->key = key;
        key = NULL;
        TRY(key_spki(s->key, &s->arena, &s->spki, e));
        return certificate_first(s, e);
    }
    TRY(cert_make(&r, key, BYTES_NONE, key, &s->arena, &der, e));
    return use_identity(s, der, key, e);
}

static enum selfsame_code
load_identity(struct server *s, const struct server_config *c, struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 20);
    auto_key *key = NULL;
    struct selfsame_bytes rest = c->certificate, der;

    TRY_WHILE(e, key_from_pem(c->key, &key, e), "reading the private key");
    TRY(pem_next(&rest, "CERTIFICATE", &arena, &der, e));
    if (der.ptr == NULL)
        FAIL(e, SELFSAME_USAGE, "the certificate file has no CERTIFICATE block");
    TRY(use_identity(s, der, key, e));
    for (;;) {
        auto_x509 *cert = NULL;
        TRY(pem_next(&rest, "CERTIFICATE", &arena, &der, e));
        if (der.ptr == NULL)
            return SELFSAME_OK;
        TRY(read_certificate(der, &cert, e));
        if (SSL_CTX_add1_chain_cert(s->ctx, cert) != 1)
            FAIL(e, SELFSAME_NOMEM, "certificate chain: %s", tls_reason());
    }
}

/* Ours first, whatever the client prefers; no common protocol ends the handshake. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08" TLS_ALPN_RAW "\x08" TLS_ALPN_HTTP;
    unsigned char *chosen = NULL;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- accepting and ending ---- */

bool
server_hurries(const struct server *s)
{
    size_t half = s->config.max_connections / 2;

    return s->handshake_count >= (half > HURRY_MIN ? half : HURRY_MIN);
}

static bool
has_room(const struct server *s)
{
    return s->conn_count < s->config.max_connections && !server_hurries(s);
}

void
server_resume(struct server *s)
{
    if (!s->draining && has_room(s))
        (void)event_add(s->accept_event, NULL);
}

static void
refuse(struct server *s, const struct net_peer *peer, bool first)
{
    struct selfsame_err e = { 0 };
    char text[NET_TEXT];

    if (!first)
        return;
    net_peer_text(peer, text);
    (void)err_set(&e, SELFSAME_IO, __FILE__, __LINE__,
        "%s holds %zu connections: further ones are refused", text,
        s->config.max_per_peer);
    server_log(s, "accept", &e);
}

static void
admit(struct server *s, int fd)
{
    struct net_peer peer;
    bool counted = net_peer(fd, &peer), first = false;

    if (counted && !peers_enter(s->peers, &peer, s->config.max_per_peer, &first)) {
        refuse(s, &peer, first);
        net_reset_on_close(fd);
        fd_close(&fd);
    } else if (!conn_new(s, fd, counted ? &peer : NULL)) {
        if (counted)
            peers_leave(s->peers, &peer);
        fd_close(&fd);
    }
}

/* The oldest makes way first; when it has, the next is the oldest. */
static void
hurry(struct server *s)
{
    struct conn *oldest = NULL;

    for (struct conn *c = s->conns; c != NULL; c = c->next) /* newest first */
        if (c->phase == CONN_HANDSHAKE)
            oldest = c;
    if (oldest != NULL)
        conn_hurry(oldest);
}

static void
accept_some(evutil_socket_t listener, short what, void *arg)
{
    struct server *s = arg;
    struct selfsame_err e = { 0 };

    (void)what;
    while (has_room(s)) {
        int fd = -1;
        if (net_accept(listener, &fd, &e) != SELFSAME_OK) {
            /* Out of descriptors: leave it to the next connection that ends. */
            server_log(s, "accept", &e);
            if (s->conn_count > 0)
                (void)event_del(s->accept_event);
            return;
        }
        if (fd < 0)
            return;
        admit(s, fd);
    }
    (void)event_del(s->accept_event);
    if (server_hurries(s))
        hurry(s);
}

void
server_forget(struct server *s, struct conn *c)
{
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    s->conn_count--;
    if (c->counted)
        peers_leave(s->peers, &c->peer);
    server_resume(s);
    if (s->draining && s->conn_count == 0)
        (void)event_base_loopbreak(s->base);
}

static void
drain_over(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;

    (void)fd, (void)what;
    (void)event_base_loopbreak(s->base);
}

static void
stop_asked(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    struct timeval t = { .tv_sec = s->config.drain_ms / 1000,
        .tv_usec = s->config.drain_ms % 1000 * 1000 };

    (void)fd, (void)what;
    s->draining = true;
    (void)event_del(s->stop_event);
    (void)event_del(s->accept_event);
    fd_close(&s->listener); /* a newcomer is refused, not left waiting */
    (void)event_add(s->drain_event, &t);
    for (struct conn *c = s->conns, *next; c != NULL; c = next) {
        next = c->next;
        conn_drain(c);
    }
    if (s->conn_count == 0)
        (void)event_base_loopbreak(s->base);
}

void
server_stop(struct server *s)
{
    uint64_t one = 1;
    ssize_t n = write(s->stop_fd, &one, sizeof(one));

    (void)n;
}

enum selfsame_code
server_run(struct server *s, struct selfsame_err *e)
{
    if (event_add(s->accept_event, NULL) != 0 || event_add(s->stop_event, NULL) != 0 ||
        event_base_dispatch(s->base) < 0)
        FAIL(e, SELFSAME_INTERNAL, "the event loop failed");
    return SELFSAME_OK;
}

void
server_free(struct server **server)
{
    struct server *s = *server;

    if (s == NULL)
        return;
    s->draining = true;
    while (s->conns != NULL)
        conn_free(s->conns);
    worker_free(&s->worker);
    struct event *events[] = { s->accept_event, s->stop_event, s->drain_event,
        s->renew_event };
    for (size_t i = 0; i < COUNT(events); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (s->base != NULL)
        event_base_free(s->base);
    peers_free(s->peers);
    tls_context_free(&s->ctx);
    key_free(&s->key);
    arena_free(&s->arena);
    if (s->bound.kind == NET_UNIX)
        (void)unlink(s->bound.path);
    fd_close(&s->listener);
    fd_close(&s->stop_fd);
    free(s);
    *server = NULL;
}

static void
fill_defaults(struct server_config *c)
{
    if (c->max_connections == 0)
        c->max_connections = MAX_CONNECTIONS;
    if (c->max_per_peer == 0)
        c->max_per_peer = MAX_PER_PEER;
    if (c->hurry_ms == 0)
        c->hurry_ms = HURRY_MS;
    if (c->body_ms == 0)
        c->body_ms = BODY_MS;
    if (c->handshake_ms == 0)
        c->handshake_ms = HANDSHAKE_MS;
    if (c->idle_ms == 0)
        c->idle_ms = IDLE_MS;
    if (c->drain_ms == 0)
        c->drain_ms = DRAIN_MS;
}

static enum selfsame_code
make_events(struct server *s, struct selfsame_err *e)
{
    s->base = event_base_new();
    s->peers = peers_new();
    s->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->base == NULL || s->stop_fd < 0)
        FAIL(e, SELFSAME_IO, "cannot make an event loop: %s", strerror(errno));
    s->accept_event = event_new(
        s->base, s->listener, EV_READ | EV_PERSIST, accept_some, s);
    s->stop_event = event_new(s->base, s->stop_fd, EV_READ, stop_asked, s);
    s->drain_event = evtimer_new(s->base, drain_over, s);
    if (s->peers == NULL || s->accept_event == NULL || s->stop_event == NULL ||
        s->drain_event == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for events");
    return worker_new(s->base, &s->config.source, conn_answer, &s->worker, e);
}

enum selfsame_code
server_new(const struct server_config *c, struct server **ret, struct selfsame_err *e)
{
    auto_server *s = calloc(1, sizeof(*s));

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a server");
    if (c->ratls_ms > 0 &&
        (c->certificate.ptr != NULL || c->source.certificate == NULL))
        FAIL(e, SELFSAME_USAGE,
            "a certificate with evidence is made here, of a key made here");
    s->config = *c;
    s->listener = s->stop_fd = -1;
    s->arena = arena_new(1 << 20);
    fill_defaults(&s->config);
    TRY(tls_context(true, &s->ctx, e));
    SSL_CTX_set_alpn_select_cb(s->ctx, choose_alpn, NULL);
    TRY_WHILE(e, net_resolve(&c->upstream, &s->upstream, e), "upstream");
    TRY(net_listen(&c->listen, &s->listener, e));
    TRY(net_bound(s->listener, &c->listen, &s->bound, e));
    TRY(c->certificate.ptr != NULL ? load_identity(s, c, e) : make_identity(s, e));
    TRY(make_events(s, e));
    if (s->config.ratls_ms > 0)
        TRY(certificate_schedule(s, e));
    /* Views and names of the caller end here. */
    s->config.name = NULL;
    s->config.certificate = s->config.key = BYTES_NONE;
    *ret = s;
    s = NULL;
    return SELFSAME_OK;
}
