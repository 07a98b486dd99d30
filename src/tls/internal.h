/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TLS_INTERNAL_H
#define SELFSAME_TLS_INTERNAL_H

#include "tls/tls.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <openssl/ssl.h>

/* ---- common.c: what both ends say of TLS ---- */

#define TLS_ALPN_RAW "attest/1"
#define TLS_ALPN_HTTP "http/1.1"
#define ATTEST_PATH "/.well-known/attest"
#define ATTESTATION_PATH "/.well-known/attestation"
enum { TLS_EXPORTER = 32, TLS_RECORD = 16384 };

MUST enum selfsame_code tls_context(bool server, SSL_CTX **ret, struct selfsame_err *e);
/* A client of servers that know nothing of us: TLS 1.2 too, with forward secrecy. */
MUST enum selfsame_code tls_context_older(SSL_CTX *c, struct selfsame_err *e);
void tls_context_free(SSL_CTX **c);
#define auto_ctx __attribute__((cleanup(tls_context_free))) SSL_CTX
/* The exporter of the server's label over SHA-256(attest request). */
MUST enum selfsame_code tls_export(SSL *ssl, struct selfsame_bytes attest_request,
    uint8_t ret[static TLS_EXPORTER], struct selfsame_err *e);
bool tls_alpn_is(const SSL *ssl, const char *name);
/* libssl's reason for the last failure; empties its queue. Never NULL. */
const char *tls_reason(void);

/* ---- stream.c: a non-blocking byte stream on libevent, plain or TLS ---- */

enum { STREAM_HIGH = 96 * 1024 };
struct stream {
    int fd; /* -1: not open */
    SSL *ssl;
    struct event *event;
    struct evbuffer *in, *out;
    short interest;
    bool opening; /* connect or handshake under way */
    bool eof;     /* the peer ended its direction, properly */
    bool end;     /* end ours when `out` is empty */
    bool ended;
    bool broken;  /* dead both ways */
    bool blocked; /* the last write would have blocked */
};
/* Takes fd and ssl (NULL: plain) over, also on failure. `wake` is called on readiness. */
MUST bool stream_open(struct stream *s, struct event_base *base, int fd, SSL *ssl,
    event_callback_fn wake, void *arg);
/* Reads and writes what is possible now; true when anything changed. */
bool stream_turn(struct stream *s);
/* Waits for what this stream can still do. */
void stream_arm(struct stream *s);
void stream_close(struct stream *s);
/* Closes so that the peer sees a broken connection, not an end. */
void stream_abort(struct stream *s);
bool stream_is_open(const struct stream *s);
size_t stream_have(const struct stream *s);
bool stream_full(const struct stream *s); /* enough waits to be written */

/* ---- peers.c: who holds how many connections ---- */

struct peers;
struct peers *peers_new(void); /* NULL: out of memory */
void peers_free(struct peers *p);
/* False when `key` has `limit` already; *ret_first: nobody was told yet. */
MUST bool peers_enter(
    struct peers *p, const struct net_peer *key, size_t limit, bool *ret_first);
void peers_leave(struct peers *p, const struct net_peer *key);

/* ---- worker.c: one thread that asks the device ---- */

struct job {
    struct job *next;
    struct arena arena;
    bool key;         /* about the key alone */
    bool certificate; /* for the server's certificate; nobody asked for it */
    struct selfsame_bytes request, nonce, spki;
    uint8_t exporter[TLS_EXPORTER];
    uint8_t *cmw; /* the answer */
    size_t cmw_len;
    enum selfsame_code code;
    struct selfsame_err err;
    void *owner; /* the loop's; NULL when nobody waits any more */
};
struct worker;
/* `done` runs in the loop of `base`, owns the job, must free it. */
MUST enum selfsame_code worker_new(struct event_base *base,
    const struct evidence_source *source, void (*done)(struct job *job),
    struct worker **ret, struct selfsame_err *e);
void worker_free(struct worker **w); /* waits for a call under way */
void worker_put(struct worker *w, struct job *job);
/*
 * Nobody waits for it any more: not begun yet, it never will be, or clients that
 * ask and leave would fill memory and the device's time.
 */
void worker_drop(struct worker *w, struct job *job);
struct job *job_new(void);
void job_free(struct job *job);

#endif
