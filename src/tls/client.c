/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "tls/session.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>

enum { TIMEOUT_MS = 15000, ARENA_LIMIT = 8 << 20 };

static void
request_free(struct selfsame_request **q)
{
    selfsame_request_free(*q);
}
#define auto_request __attribute__((cleanup(request_free))) struct selfsame_request

static bool
is_literal(const char *host)
{
    uint8_t buf[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, buf) == 1 || inet_pton(AF_INET6, host, buf) == 1;
}

/* ---- TLS ---- */

/* Identity beside attestation: a name in a certificate of the given roots. */
static enum selfsame_code
expect_name(struct session *s, const struct session_config *c, const char *name,
    struct selfsame_err *e)
{
    X509_VERIFY_PARAM *p = SSL_get0_param(s->ssl);

    if (SSL_CTX_load_verify_file(s->ctx, c->ca) != 1)
        FAIL(e, SELFSAME_USAGE, "%s: cannot read roots: %s", c->ca, tls_reason());
    if (name == NULL)
        FAIL(e, SELFSAME_USAGE, "no name to check in the server's certificate");
    int rc = is_literal(name) ? X509_VERIFY_PARAM_set1_ip_asc(p, name)
                              : X509_VERIFY_PARAM_set1_host(p, name, 0);
    if (rc != 1)
        FAIL(e, SELFSAME_USAGE, "\"%.80s\" is not a name to check", name);
    SSL_set_verify(s->ssl, SSL_VERIFY_PEER, NULL);
    return SELFSAME_OK;
}

static enum selfsame_code
set_up(struct session *s, const struct session_config *c, struct selfsame_err *e)
{
    static const unsigned char any[] = "\x08" TLS_ALPN_RAW "\x08" TLS_ALPN_HTTP;
    const char *name = c->name;
    char sni[sizeof(c->addr.host)] = "";

    if (name == NULL && c->addr.kind == NET_TCP)
        name = c->addr.host;
    if (name != NULL && !is_literal(name))
        (void)snprintf(sni, sizeof(sni), "%s", name);
    TRY(tls_context(false, &s->ctx, e));
    if (c->ratls)
        TRY(tls_context_older(s->ctx, e));
    s->ssl = SSL_new(s->ctx);
    if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1)
        FAIL(e, SELFSAME_NOMEM, "no memory for a TLS connection");
    SSL_set_connect_state(s->ssl);
    size_t skip = c->carrier == SESSION_HTTP ? 9 : 0;
    size_t len = c->carrier == SESSION_RAW ? 9 : sizeof(any) - 1 - skip;
    /* Who knows certificates alone may end a handshake over an ALPN of ours. */
    if (!c->ratls && SSL_set_alpn_protos(s->ssl, any + skip, (unsigned)len) != 0)
        FAIL(e, SELFSAME_NOMEM, "no memory for a TLS connection");
    if (sni[0] != '\0' && SSL_set_tlsext_host_name(s->ssl, sni) != 1)
        FAIL(e, SELFSAME_USAGE, "\"%.80s\" is not a server name", name);
    /* Without roots the name proves nothing; the evidence binds the key instead. */
    SSL_set_verify(s->ssl, SSL_VERIFY_NONE, NULL);
    return c->ca != NULL ? expect_name(s, c, name, e) : SELFSAME_OK;
}

static enum selfsame_code
handshake_failed(struct session *s, struct selfsame_err *e)
{
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    long verify = SSL_get_verify_result(s->ssl);

    switch (reason) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        ERR_clear_error();
        FAIL(e, SELFSAME_BAD_CHAIN, "the server's certificate: %s",
            X509_verify_cert_error_string(verify));
    case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
        ERR_clear_error();
        FAIL(e, SELFSAME_UNBOUND, "the server does not speak attested TLS");
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
        ERR_clear_error();
        FAIL(e, SELFSAME_UNSUPPORTED, "the server does not speak TLS 1.3");
    default:
        if (ERR_peek_last_error() == 0 && errno != 0)
            FAIL(e, SELFSAME_IO, "TLS handshake: %s", strerror(errno));
        (void)err_set(
            e, SELFSAME_IO, __FILE__, __LINE__, "TLS handshake: %s", tls_reason());
        err_remedy(e, "Check that this port speaks TLS: an attested service does, the "
                      "application behind it does not.");
        return SELFSAME_IO;
    }
}

static enum selfsame_code
handshake(struct session *s, int64_t deadline_ms, struct selfsame_err *e)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int rc = SSL_do_handshake(s->ssl);
        if (rc == 1)
            return SELFSAME_OK;
        int why = SSL_get_error(s->ssl, rc);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return handshake_failed(s, e);
        TRY_WHILE(e,
            net_wait(
                s->fd, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ms, e),
            "TLS handshake");
    }
}

static enum selfsame_code
establish(const struct session_config *c, int64_t deadline_ms, struct session *s,
    struct selfsame_err *e)
{
    TRY(set_up(s, c, e));
    TRY(handshake(s, deadline_ms, e));
    s->carrier = SESSION_HTTP;
    if (c->ratls && SSL_session_reused(s->ssl))
        FAIL(e, SELFSAME_UNBOUND, "the TLS session is not a fresh one");
    if (c->ratls)
        return SELFSAME_OK;
    /* Nothing was stored to resume from; a server that claims it did is not understood. */
    if (SSL_session_reused(s->ssl) || SSL_version(s->ssl) != TLS1_3_VERSION)
        FAIL(e, SELFSAME_UNBOUND, "the TLS session is not a fresh one of TLS 1.3");
    s->carrier = tls_alpn_is(s->ssl, TLS_ALPN_RAW) ? SESSION_RAW : SESSION_HTTP;
    if (c->carrier == SESSION_RAW && s->carrier != SESSION_RAW)
        FAIL(e, SELFSAME_UNBOUND, "the server does not speak " TLS_ALPN_RAW);
    return SELFSAME_OK;
}

/* The certificate whose key the server proved to hold in this handshake. */
static enum selfsame_code
peer_certificate(
    struct session *s, struct arena *arena, struct answer *ret, struct selfsame_err *e)
{
    X509 *cert = SSL_get0_peer_certificate(s->ssl);
    uint8_t *der = NULL;
    int len = cert != NULL ? i2d_X509(cert, &der) : -1;

    if (len <= 0)
        FAIL(e, SELFSAME_UNBOUND, "the server shows no certificate");
    bool good = arena_dup(arena, BYTES(der, (size_t)len), &ret->evidence);
    OPENSSL_free(der);
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "no memory for the server's certificate");
    return SELFSAME_OK;
}

/* ---- the verdict ---- */

static enum selfsame_code
judge(const struct session_config *c, const struct answer *a,
    struct selfsame_result **ret, struct selfsame_err *e)
{
    auto_request *q = NULL;

    TRY(selfsame_request_new(&q, e));
    selfsame_request_set_time(q, os_now_ms());
    if (a->nonce.ptr != NULL)
        selfsame_request_set_nonce(q, a->nonce);
    if (c->ratls)
        ; /* about the certificate's own key */
    else if (a->request.ptr != NULL)
        selfsame_request_expect_session(q, a->request, BYTES_ARR(a->exporter), a->spki);
    else
        selfsame_request_expect_key(q, a->spki);
    if (c->prepare != NULL)
        c->prepare(c->prepare_arg, q);
    const enum selfsame_code code = c->ratls
                                        ? selfsame_verify_certificate(c->verifier,
                                              c->policy, q, a->evidence, true, ret, e)
                                        : selfsame_verify(c->verifier, c->policy, q,
                                              a->evidence, ret, e);
    return *ret != NULL && c->settle != NULL ? c->settle(c->prepare_arg, *ret, e)
                                             : code;
}

enum selfsame_code
session_open(const struct session_config *c, struct session **ret,
    struct selfsame_result **ret_result, struct selfsame_err *e)
{
    int64_t timeout = c->timeout_ms > 0 ? c->timeout_ms : TIMEOUT_MS;
    int64_t deadline_ms = net_clock_ms() + timeout;
    auto_arena arena = arena_new(ARENA_LIMIT);
    auto_session *s = calloc(1, sizeof(*s));
    struct selfsame_result *result = NULL;
    struct selfsame_err ignored;
    struct answer a = { .evidence = BYTES_NONE };
    char where[NET_TEXT];

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a session");
    s->fd = -1;
    net_addr_text(&c->addr, where);
    TRY(net_connect(&c->addr, deadline_ms, &s->fd, e));
    TRY_WHILE(e, establish(c, deadline_ms, s, e), "connecting to %s", where);
    enum selfsame_code code = c->ratls
                                  ? peer_certificate(s, &arena, &a, e)
                                  : challenge_send(s, c, deadline_ms, &arena, &a, e);
    if (code == SELFSAME_IO)
        err_remedy(e, "It speaks TLS and did not answer the challenge: check that "
                      "`selfsame serve` is there, and that its TEE's device answers.");
    TRY_WHILE(e, code, "challenging %s", where);
    code = judge(c, &a, &result, e);
    if (ret_result != NULL)
        *ret_result = result != NULL ? result : *ret_result;
    else
        selfsame_result_free(result);
    if (code != SELFSAME_OK) {
        (void)!challenge_ack(s, code, deadline_ms, &ignored);
        return code;
    }
    if (ret == NULL)
        return SELFSAME_OK;
    TRY_WHILE(e, challenge_ack(s, code, deadline_ms, e), "opening %s", where);
    *ret = s;
    s = NULL;
    return SELFSAME_OK;
}
