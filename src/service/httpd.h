/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_HTTPD_H
#define SELFSAME_HTTPD_H

#include "net/net.h"

/*
 * The HTTP server of the daemons (log, witness, verifier): each thread of it runs a
 * loop with connections of its own; a handler either answers at once or keeps the
 * request and answers later from any thread, exactly once. Bodies, heads, connections
 * and idle times are bounded; one slow client never keeps another waiting. A handler
 * that works longer than a millisecond belongs in another thread. With one loop
 * handlers run one at a time; with several, at once.
 *
 * TLS is that of tls/listener.h: connections differ in nothing else. The time for a
 * first request begins with the handshake, and whoever does not end one is thrown out
 * as if silent.
 *
 * The loop is libevent's, the framing that of net/http.h, not evhttp's: that one takes
 * Transfer-Encoding beside Content-Length, bare LF and folded lines, so that a proxy in
 * front might frame a request otherwise; has no limit of connections and none for the
 * time of a whole request; and answers before the head could be refused. Here there is
 * one read and one write for a request, and answers of other threads wake the loop once
 * for all that wait.
 *
 * Full, or out of descriptors: whoever has waited longest without a whole request goes,
 * and then whose answer has not moved for the longest time, at least for a second, so
 * that clients that only hold connections keep nobody out. While handlers have the
 * requests of all, or all read their answers, further ones get 503. The next request of
 * a connection is looked at once the answer to the former has left.
 *
 * What a path has is said by 405 and, where no route is one for OPTIONS, by OPTIONS.
 * Only origin-form targets are served (RFC 9112 §3.2.1); a proxy cuts off its prefix.
 */
struct httpd;
struct tls_listener;
struct httpd_request; /* until it is answered */

struct httpd_route {
    const char *method; /* "GET" (HEAD comes along), "POST", "PUT", "PATCH", "DELETE" */
    const char *path; /* "/add"; ends with '*': a prefix, which a whole path precedes */
    void (*serve)(void *ctx, struct httpd_request *r);
};
struct httpd_config {
    struct net_addr listen;
    const struct httpd_route *routes;
    size_t route_count;
    void *ctx;            /* of every handler */
    size_t body_limit;    /* larger bodies: 413 */
    unsigned connections; /* at once, each loop its part; 0: 1024 (httpd_limited) */
    unsigned idle_s;      /* 0: 15; a whole request must arrive within it: 408 */
    unsigned answer_s;    /* 0: 60; a kept request that nobody answers: 503 */
    unsigned stop_s;      /* 0: 4; for what is under way when it stops */
    unsigned drain_s;     /* > 0: signals drain (httpd_drain), so long */
    unsigned loops;       /* 0: 1; threads that serve, at most 64 */
    size_t answers_limit; /* 0: 256 MiB; answers in memory that wait, together: 503 */
    size_t bodies_limit;  /* 0: 256 MiB; bodies of requests, together: 503 */
    struct tls_listener *tls; /* outlives the server; NULL: plain */
    bool files;               /* answers may be files: a descriptor more for each */
    /*
     * How refusals are said, also those of the server itself (no such path, too large,
     * too slow …): a body to be freed and its type. NULL, or when it gives none: as
     * httpd_refuse says.
     */
    char *(*refusal)(
        void *ctx, int status, const struct selfsame_err *e, const char **ret_type);
    void (*stopping)(void *ctx); /* when it begins to stop, in a loop; or NULL */
};
/* Listens; nothing is served before httpd_run. IO, USAGE, NOMEM. */
MUST enum selfsame_code httpd_new(
    const struct httpd_config *c, struct httpd **ret, struct selfsame_err *e);
/*
 * "" or a sentence for the operator: fewer connections than asked for, because the
 * process may not have so many descriptors, and whoever stores needs some as well.
 */
const char *httpd_limited(const struct httpd *h);
void httpd_bound(
    const struct httpd *h, struct net_addr *ret); /* with the port chosen */
/*
 * Until httpd_stop or a signal after os_interruptible: then it stops accepting, answers
 * what is under way for at most stop_s, and returns. Kept requests stay valid until
 * httpd_free; a server runs once.
 */
MUST enum selfsame_code httpd_run(struct httpd *h, struct selfsame_err *e);
void httpd_stop(struct httpd *h); /* from any thread */
/*
 * As httpd_stop, but in peace: connections that are kept alive may ask once more for
 * half of within_ms and are told that it is the last time; after within_ms all are cut
 * off. From any thread.
 */
void httpd_drain(struct httpd *h, int64_t within_ms);
/* Open ones, and how many there may be; from any thread. */
size_t httpd_connections(const struct httpd *h, size_t *ret_max);
/* Before it, whoever may still answer a kept request has to be stopped. */
void httpd_free(struct httpd *h);

/* Views live until the answer. The target is decoded once; "..", NUL and '%' games are 400. */
const char *httpd_path(const struct httpd_request *r);
const char *httpd_query(const struct httpd_request *r, const char *name); /* or NULL */
const char *httpd_header(const struct httpd_request *r, const char *name);
const char *httpd_method(const struct httpd_request *r, char ret[static 16]);
/* SHA-256 of the client's certificate, where TLS asked for one and it held; else false. */
bool httpd_client_certificate(const struct httpd_request *r, uint8_t ret[static 32]);
/* The address of the client without its port, or "local"; a proxy's, where one stands before. */
void httpd_peer_text(const struct httpd_request *r, char ret[static NET_TEXT]);
/* Which of config.routes serves it; NULL when none does. */
const struct httpd_route *httpd_route_of(const struct httpd_request *r);
/* The address at the other end, without a port; "" for none. In a handler, before the answer. */
enum { HTTPD_PEER = 48 };
void httpd_peer(const struct httpd_request *r, char ret[static HTTPD_PEER]);
/* How long ago its head was whole: in a handler, how long the body took. */
int64_t httpd_reading_us(const struct httpd_request *r);
struct selfsame_bytes httpd_body(const struct httpd_request *r);
struct httpd_header {
    const char *name, *value; /* without CR, LF or NUL: others are left out */
};
struct httpd_answer {
    int status;
    const char *type;                   /* NULL: text/plain; charset=utf-8 */
    const char *cache;                  /* Cache-Control; NULL: no-store */
    unsigned retry_s;                   /* > 0: Retry-After */
    const struct httpd_header *headers; /* further ones; copied */
    size_t header_count;
    struct selfsame_bytes body; /* copied */
    uint64_t file_size;         /* > 0: instead of the body so much of `file`, */
    int file;                   /* which the answer takes; it is read as it is sent */
};
void httpd_answer(struct httpd_request *r, const struct httpd_answer *a);
/* A sentence as {"error":{"class":…,"message":…}} with the status. */
void httpd_refuse(struct httpd_request *r, int status, const struct selfsame_err *e);

#endif
