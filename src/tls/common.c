/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/internal.h"

#include "crypto/crypto.h"

#include <openssl/err.h>
#include <signal.h>

/* RFC 8446 §7.5; the label of docs/formats/binder.md, in one place for both ends. */
static const char exporter_label[] = "EXPORTER-attest-v1-server";

void
tls_context_free(SSL_CTX **c)
{
    SSL_CTX_free(*c);
    *c = NULL;
}

const char *
tls_reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    ERR_clear_error();
    return reason != NULL ? reason : "no reason given";
}

enum selfsame_code
tls_context(bool server, SSL_CTX **ret, struct selfsame_err *e)
{
    auto_ctx *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

    /* libssl writes without MSG_NOSIGNAL; a peer that left must not kill us. */
    (void)signal(SIGPIPE, SIG_IGN);

    /*
     * TLS 1.3 only: in 1.2 an exporter need not be unique to the connection. No
     * ticket, no cache: a resumed session would run without evidence of its own.
     */
    if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_num_tickets(c, 0) != 1 || SSL_CTX_set_max_early_data(c, 0) != 1)
        FAIL(e, SELFSAME_INTERNAL, "libssl cannot be set up: %s", tls_reason());
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(
        c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    *ret = c;
    c = NULL;
    return SELFSAME_OK;
}

/*
 * What is proven there is that the server holds the certificate's key, which the
 * signature over the key exchange of TLS 1.2 proves as well; static RSA has none.
 */
enum selfsame_code
tls_context_older(SSL_CTX *c, struct selfsame_err *e)
{
    static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
    enum { CERTIFICATES = 1 << 20 };

    if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(c, ciphers) != 1)
        FAIL(e, SELFSAME_INTERNAL, "libssl cannot be set up: %s", tls_reason());
    SSL_CTX_set_max_cert_list(c, CERTIFICATES); /* collateral makes them long */
    return SELFSAME_OK;
}

enum selfsame_code
tls_export(SSL *ssl, struct selfsame_bytes attest_request,
    uint8_t ret[static TLS_EXPORTER], struct selfsame_err *e)
{
    uint8_t ctx[HASH_MAX];

    if (!hash_bytes(HASH_SHA256, attest_request, ctx))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    if (SSL_version(ssl) != TLS1_3_VERSION ||
        SSL_export_keying_material(ssl, ret, TLS_EXPORTER, exporter_label,
            sizeof(exporter_label) - 1, ctx, hash_size(HASH_SHA256), 1) != 1)
        FAIL(e, SELFSAME_INTERNAL, "no exporter value: %s", tls_reason());
    return SELFSAME_OK;
}

bool
tls_alpn_is(const SSL *ssl, const char *name)
{
    const unsigned char *got = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(ssl, &got, &len);
    return got != NULL && bytes_eq(BYTES(got, len), bytes_str(name));
}
