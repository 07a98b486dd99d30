/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/listener.h"

#include "codec/pem.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "tls/internal.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    FILE_MAX = 1 << 20,
    ROOM = 8 << 20,
    TICKET_S = 3600,
    CLIENT_CHAIN = 64 << 10, /* bytes of a client's certificates */
    CLIENT_DEPTH = 6,
    TICKET_KEYS = 2,
};

struct ticket_key {
    uint8_t name[16], cipher[32], mac[32];
    int64_t made_ms; /* 0: none */
};
struct tls_listener {
    char *certificate, *key, *client_ca;
    bool client_required;
    int64_t ticket_ms;
    pthread_mutex_t lock; /* what follows */
    SSL_CTX *ctx;
    int64_t not_after;
    struct ticket_key tickets[TICKET_KEYS]; /* the newest first */
};
struct tls_peer {
    SSL *ssl;
    bool open, broken, ended;
};

static void
x509_cleanup(X509 **x)
{
    X509_free(*x);
}
#define auto_x509 __attribute__((cleanup(x509_cleanup))) X509

/* ---- tickets ---- */

static bool
make_ticket_key(struct ticket_key *k)
{
    struct ticket_key made = { .made_ms = net_clock_ms() };

    if (!rng_bytes(made.name, sizeof(made.name)) ||
        !rng_bytes(made.cipher, sizeof(made.cipher)) ||
        !rng_bytes(made.mac, sizeof(made.mac)))
        return false;
    *k = made;
    secret_wipe(&made, sizeof(made));
    return true;
}

/* Under the lock. A key too old to make tickets opens them for as long again. */
static void
rotate(struct tls_listener *l)
{
    const int64_t now_ms = net_clock_ms();
    struct ticket_key next;

    if (now_ms - l->tickets[0].made_ms >= l->ticket_ms && make_ticket_key(&next)) {
        l->tickets[1] = l->tickets[0];
        l->tickets[0] = next;
        secret_wipe(&next, sizeof(next));
    }
    if (now_ms - l->tickets[1].made_ms >= 2 * l->ticket_ms)
        secret_wipe(&l->tickets[1], sizeof(l->tickets[1]));
}

/* -1: none of this name. */
static int
find_ticket_key(const struct tls_listener *l, const unsigned char *name)
{
    for (int i = 0; i < TICKET_KEYS; i++)
        if (l->tickets[i].made_ms != 0 &&
            bytes_eq(BYTES(l->tickets[i].name, 16), BYTES(name, 16)))
            return i;
    return -1;
}

static bool
use_ticket_key(const struct ticket_key *k, const unsigned char *iv, EVP_CIPHER_CTX *c,
    EVP_MAC_CTX *mac, int encrypt)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(
            OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)k->mac, sizeof(k->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(c, EVP_aes_256_cbc(), NULL, k->cipher, iv, encrypt) == 1;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants it: 1 good, 2 good and make another. */
static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c,
    EVP_MAC_CTX *mac, int encrypt)
{
    struct tls_listener *l = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key k = { 0 };
    int found = 0;

    (void)pthread_mutex_lock(&l->lock);
    rotate(l);
    if (encrypt == 0)
        found = find_ticket_key(l, name);
    if (found >= 0)
        k = l->tickets[found];
    (void)pthread_mutex_unlock(&l->lock);
    if (found < 0)
        return 0;
    if (encrypt != 0)
        memcpy(name, k.name, sizeof(k.name));
    bool good = encrypt == 0 || RAND_bytes(iv, EVP_MAX_IV_LENGTH) == 1;
    good = good && use_ticket_key(&k, iv, c, mac, encrypt);
    secret_wipe(&k, sizeof(k));
    if (!good)
        return -1;
    /* A ticket of TLS 1.3 is for one use, so that nobody is told by it (RFC 8446 §C.4). */
    return found == 0 && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

/* ---- files ---- */

static enum selfsame_code
read_certificate(struct selfsame_bytes der, X509 **ret, struct selfsame_err *e)
{
    const uint8_t *p = der.ptr;

    *ret = d2i_X509(NULL, &p, (long)der.len);
    if (*ret == NULL)
        FAIL(e, SELFSAME_MALFORMED, "expected a certificate: %s", tls_reason());
    return SELFSAME_OK;
}

/* Gives each certificate of a file to `take`. */
static enum selfsame_code
each_certificate(const char *path, SSL_CTX *ctx,
    bool (*take)(SSL_CTX *ctx, X509 *cert, size_t at), struct selfsame_err *e)
{
    auto_arena arena = arena_new(ROOM);
    struct selfsame_bytes pem, der;
    size_t count = 0;

    TRY(file_read(path, FILE_MAX, &arena, &pem, e));
    for (;; count++) {
        auto_x509 *cert = NULL;

        TRY_WHILE(e, pem_next(&pem, "CERTIFICATE", &arena, &der, e), "%s", path);
        if (der.ptr == NULL)
            break;
        TRY_WHILE(e, read_certificate(der, &cert, e), "%s", path);
        if (!take(ctx, cert, count))
            FAIL(e, SELFSAME_USAGE, "%.200s: certificate %zu cannot be used: %s", path,
                count + 1, tls_reason());
    }
    if (count == 0)
        FAIL(e, SELFSAME_USAGE, "%.200s: expected a CERTIFICATE block, got none", path);
    return SELFSAME_OK;
}

static bool
take_own(SSL_CTX *ctx, X509 *cert, size_t at)
{
    return (at == 0 ? SSL_CTX_use_certificate(ctx, cert)
                    : (int)SSL_CTX_add1_chain_cert(ctx, cert)) == 1;
}

static bool
take_client_ca(SSL_CTX *ctx, X509 *cert, size_t at)
{
    (void)at;
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1 &&
           SSL_CTX_add_client_CA(ctx, cert) == 1;
}

/* A daemon has nobody to ask for it. */
static int
no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static enum selfsame_code
use_key(SSL_CTX *ctx, const char *path, struct selfsame_err *e)
{
    auto_arena arena = arena_new(ROOM);
    struct selfsame_bytes pem;

    TRY(file_is_private(path, e));
    TRY(file_read(path, FILE_MAX, &arena, &pem, e));
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                                : NULL;
    (void)BIO_free(bio);
    secret_wipe((void *)(uintptr_t)pem.ptr, pem.len);
    bool fits = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1 &&
                SSL_CTX_check_private_key(ctx) == 1;
    const bool there = key != NULL;
    EVP_PKEY_free(key);
    if (!there)
        FAIL(e, SELFSAME_MALFORMED,
            "%.200s: expected a private key without a password: %s", path,
            tls_reason());
    if (!fits)
        FAIL(e, SELFSAME_USAGE, "%.200s: expected the key of the certificate: %s", path,
            tls_reason());
    return SELFSAME_OK;
}

/* ---- the context ---- */

/* Whoever speaks no HTTP/1.1 is told so (RFC 7301 §3.2); whoever says nothing may go on. */
static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
    static const unsigned char ours[] = "\x08" TLS_ALPN_HTTP;
    unsigned char *chosen = NULL;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof(ours) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum selfsame_code
ask_clients(const struct tls_listener *l, SSL_CTX *c, struct selfsame_err *e)
{
    static const unsigned char context[] = "selfsame";

    /* Whom the file names is trusted, be it a root or not. */
    (void)X509_STORE_set_flags(SSL_CTX_get_cert_store(c), X509_V_FLAG_PARTIAL_CHAIN);
    TRY_WHILE(e, each_certificate(l->client_ca, c, take_client_ca, e),
        "reading who certifies clients");
    SSL_CTX_set_verify(c,
        SSL_VERIFY_PEER | (l->client_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    SSL_CTX_set_verify_depth(c, CLIENT_DEPTH);
    if (SSL_CTX_set_session_id_context(c, context, sizeof(context) - 1) != 1)
        FAIL(e, SELFSAME_INTERNAL, "libssl cannot be set up: %s", tls_reason());
    return SELFSAME_OK;
}

static enum selfsame_code
give_tickets(struct tls_listener *l, SSL_CTX *c, struct selfsame_err *e)
{
    (void)SSL_CTX_clear_options(c, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_timeout(c, (long)(l->ticket_ms / 1000));
    if (SSL_CTX_set_num_tickets(c, 1) != 1 ||
        SSL_CTX_set_tlsext_ticket_key_evp_cb(c, on_ticket) != 1)
        FAIL(e, SELFSAME_INTERNAL, "libssl cannot be set up: %s", tls_reason());
    return SELFSAME_OK;
}

/* In seconds since 1970; X.509 has no other than GMT. */
static int64_t
not_after(const X509 *leaf)
{
    struct tm tm = { 0 };

    return leaf != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm) == 1
               ? (int64_t)timegm(&tm)
               : 0;
}

static enum selfsame_code
make_context(struct tls_listener *l, SSL_CTX **ret, struct selfsame_err *e)
{
    auto_ctx *c = NULL;

    TRY(tls_context(true, &c, e));
    TRY(tls_context_older(c, e));
    SSL_CTX_set_max_cert_list(c, CLIENT_CHAIN);
    (void)SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* A peer that sends what is no data must not keep its loop. */
    (void)SSL_CTX_clear_mode(c, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_alpn_select_cb(c, choose_alpn, NULL);
    (void)SSL_CTX_set_app_data(c, l);
    TRY_WHILE(e, each_certificate(l->certificate, c, take_own, e),
        "reading the server's certificate");
    TRY_WHILE(e, use_key(c, l->key, e), "reading the server's key");
    if (l->client_ca != NULL)
        TRY(ask_clients(l, c, e));
    else
        TRY(give_tickets(l, c, e));
    *ret = c;
    c = NULL;
    return SELFSAME_OK;
}

enum selfsame_code
tls_listener_reload(struct tls_listener *l, struct selfsame_err *e)
{
    SSL_CTX *c = NULL;

    TRY(make_context(l, &c, e));
    (void)pthread_mutex_lock(&l->lock);
    SSL_CTX *old = l->ctx;
    l->ctx = c;
    l->not_after = not_after(SSL_CTX_get0_certificate(c));
    (void)pthread_mutex_unlock(&l->lock);
    SSL_CTX_free(old); /* connections hold it until they end */
    return SELFSAME_OK;
}

int64_t
tls_listener_not_after(struct tls_listener *l)
{
    (void)pthread_mutex_lock(&l->lock);
    const int64_t at = l->not_after;
    (void)pthread_mutex_unlock(&l->lock);
    return at;
}

void
tls_listener_free(struct tls_listener **l)
{
    if (*l == NULL)
        return;
    SSL_CTX_free((*l)->ctx);
    free((*l)->certificate);
    free((*l)->key);
    free((*l)->client_ca);
    (void)pthread_mutex_destroy(&(*l)->lock);
    secret_wipe((*l)->tickets, sizeof((*l)->tickets));
    free(*l);
    *l = NULL;
}

enum selfsame_code
tls_listener_new(const struct tls_listener_config *c, struct tls_listener **ret,
    struct selfsame_err *e)
{
    __attribute__((cleanup(tls_listener_free))) struct tls_listener *l = calloc(
        1, sizeof(*l));

    if (l == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for TLS");
    (void)pthread_mutex_init(&l->lock, NULL);
    if (c->certificate == NULL || c->key == NULL)
        FAIL(e, SELFSAME_USAGE, "TLS: expected a certificate and its key");
    if (c->client_required && c->client_ca == NULL)
        FAIL(e, SELFSAME_USAGE,
            "TLS: expected who certifies clients, for their certificates are required");
    l->certificate = strdup(c->certificate);
    l->key = strdup(c->key);
    l->client_ca = c->client_ca != NULL ? strdup(c->client_ca) : NULL;
    l->client_required = c->client_required;
    l->ticket_ms = (int64_t)1000 * (c->ticket_s > 0 ? c->ticket_s : TICKET_S);
    if (l->certificate == NULL || l->key == NULL ||
        (c->client_ca != NULL && l->client_ca == NULL) ||
        !make_ticket_key(&l->tickets[0]))
        FAIL(e, SELFSAME_NOMEM, "no memory for TLS");
    TRY(tls_listener_reload(l, e));
    *ret = l;
    l = NULL;
    return SELFSAME_OK;
}

/* ---- one connection ---- */

struct tls_peer *
tls_peer_new(struct tls_listener *l, int fd)
{
    struct tls_peer *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    (void)pthread_mutex_lock(&l->lock);
    p->ssl = SSL_new(l->ctx);
    (void)pthread_mutex_unlock(&l->lock);
    if (p->ssl == NULL || SSL_set_fd(p->ssl, fd) != 1) {
        ERR_clear_error();
        tls_peer_free(&p);
        return NULL;
    }
    SSL_set_accept_state(p->ssl);
    return p;
}

/* What a call that failed means. libssl looks at its queue, which has to be empty before. */
static enum tls_step
outcome(struct tls_peer *p, int rc)
{
    switch (SSL_get_error(p->ssl, rc)) {
    case SSL_ERROR_WANT_READ: return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE: return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN: return TLS_ENDED;
    default: break;
    }
    ERR_clear_error();
    p->broken = true;
    return TLS_BROKEN;
}

enum tls_step
tls_peer_handshake(struct tls_peer *p)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(p->ssl);

    if (rc != 1)
        return outcome(p, rc);
    p->open = true;
    return TLS_DONE;
}

enum tls_step
tls_peer_read(struct tls_peer *p, uint8_t *buf, size_t cap, size_t *ret)
{
    ERR_clear_error();
    int rc = SSL_read_ex(p->ssl, buf, cap, ret);

    return rc == 1 ? TLS_DONE : outcome(p, rc);
}

enum tls_step
tls_peer_write(struct tls_peer *p, const uint8_t *buf, size_t len, size_t *ret)
{
    ERR_clear_error();
    int rc = SSL_write_ex(p->ssl, buf, len, ret);

    return rc == 1 ? TLS_DONE : outcome(p, rc);
}

bool
tls_peer_pending(const struct tls_peer *p)
{
    return p->open && SSL_pending(p->ssl) > 0;
}

bool
tls_peer_certificate(const struct tls_peer *p, uint8_t ret[static 32])
{
    const X509 *cert = SSL_get0_peer_certificate(p->ssl);
    unsigned len = 0;

    return cert != NULL && p->open && SSL_get_verify_result(p->ssl) == X509_V_OK &&
           X509_digest(cert, EVP_sha256(), ret, &len) == 1;
}

int64_t
tls_peer_certificate_end(const struct tls_peer *p)
{
    return not_after(SSL_get0_peer_certificate(p->ssl));
}

void
tls_peer_end(struct tls_peer *p)
{
    if (!p->open || p->broken || p->ended)
        return;
    p->ended = true;
    ERR_clear_error();
    (void)SSL_shutdown(p->ssl);
    ERR_clear_error();
}

void
tls_peer_free(struct tls_peer **p)
{
    if (*p == NULL)
        return;
    SSL_free((*p)->ssl);
    free(*p);
    *p = NULL;
}
