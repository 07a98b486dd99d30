/* SPDX-License-Identifier: Apache-2.0 */
/* The server's certificate with evidence about its key, and its renewal. */
#include "tls/server.h"

#include "appraise/ratls.h"
#include "crypto/crypto.h"
#include "os/os.h"

#include <openssl/x509.h>

enum { ROOM = 4 << 20, RETRY_MS = 60000, OVERLAP = 3, CLOCKS_S = 3600 };

static void
x509_cleanup(X509 **x)
{
    X509_free(*x);
}
#define auto_x509 __attribute__((cleanup(x509_cleanup))) X509

/*
 * Its dates are for whoever looks at them: an hour for clocks that differ, and two
 * renewals more than the one that will come. The key stays, so sessions go on.
 */
static enum selfsame_code
install(struct server *s, struct selfsame_bytes cmw, struct selfsame_err *e)
{
    auto_arena arena = arena_new(ROOM);
    auto_x509 *cert = NULL;
    struct cert_extension extensions[RATLS_EXTENSIONS];
    struct selfsame_bytes der;
    const int64_t now = os_now_ms() / 1000;
    struct cert_request r = {
        .common_name = "selfsame",
        .dns_name = s->name,
        .not_before = now - CLOCKS_S,
        .not_after = now + OVERLAP * (s->config.ratls_ms / 1000 + 1),
        .path_len = -1,
        .extensions = extensions,
    };

    TRY(ratls_extensions(cmw, s->spki, &arena, extensions, &r.extension_count, e));
    TRY(cert_make(&r, s->key, BYTES_NONE, s->key, &arena, &der, e));
    const uint8_t *p = der.ptr;
    cert = d2i_X509(NULL, &p, (long)der.len);
    if (cert == NULL || SSL_CTX_use_certificate(s->ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(s->ctx, key_native(s->key)) != 1 ||
        SSL_CTX_check_private_key(s->ctx) != 1)
        FAIL(e, SELFSAME_INTERNAL, "certificate with evidence: %s", tls_reason());
    return SELFSAME_OK;
}

enum selfsame_code
certificate_first(struct server *s, struct selfsame_err *e)
{
    uint8_t *cmw = NULL;
    size_t len = 0;

    TRY_WHILE(e,
        s->config.source.certificate(s->config.source.arg, s->spki, &cmw, &len, e),
        "evidence for the certificate");
    enum selfsame_code code = install(s, BYTES(cmw, len), e);
    selfsame_free(cmw);
    return code;
}

static void
arm(struct server *s, int64_t ms)
{
    struct timeval t = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    (void)event_add(s->renew_event, &t);
}

/* What is there goes on being shown; the next try comes soon. */
static void
retry(struct server *s, const struct selfsame_err *e)
{
    const int64_t ms = s->config.ratls_ms;

    server_log(s, "renewing the certificate", e);
    arm(s, ms < RETRY_MS ? ms : RETRY_MS);
}

static void
due(evutil_socket_t fd, short what, void *arg)
{
    struct server *s = arg;
    struct job *j = job_new();
    struct selfsame_err e = { 0 };

    (void)fd, (void)what;
    if (j == NULL || !arena_dup(&j->arena, s->spki, &j->spki)) {
        job_free(j);
        (void)err_set(&e, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory");
        retry(s, &e);
        return;
    }
    j->certificate = true;
    j->owner = s;
    worker_put(s->worker, j);
}

void
certificate_renewed(struct job *job)
{
    struct server *s = job->owner;
    struct selfsame_err e = job->err;
    enum selfsame_code code = job->code;

    if (code == SELFSAME_OK)
        code = install(s, BYTES(job->cmw, job->cmw_len), &e);
    if (code == SELFSAME_OK)
        arm(s, s->config.ratls_ms);
    else
        retry(s, &e);
    job_free(job);
}

enum selfsame_code
certificate_schedule(struct server *s, struct selfsame_err *e)
{
    s->renew_event = evtimer_new(s->base, due, s);
    if (s->renew_event == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for events");
    arm(s, s->config.ratls_ms);
    return SELFSAME_OK;
}
