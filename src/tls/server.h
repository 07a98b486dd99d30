/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TLS_SERVER_H
#define SELFSAME_TLS_SERVER_H

#include "net/http.h"
#include "tls/internal.h"
#include "tls/message.h"

/*
 * server.c accepts and ends, conn.c runs one connection, exchange.c its HTTP.
 * Everything runs in one loop. A connection is stepped after every event: a step
 * looks at what has arrived and does what can be done, so no state is lost in
 * callbacks.
 */
enum conn_phase {
    CONN_HANDSHAKE,
    CONN_RAW_REQUEST, /* attest/1: waiting for the challenge */
    CONN_RAW_WORK,
    CONN_RAW_ACK,
    CONN_PIPE,
    CONN_HTTP,
    CONN_CLOSING, /* ours is ended; reading until the peer ends too */
    CONN_DEAD,
};

enum exchange_phase {
    EXCHANGE_HEAD, /* waiting for a request */
    EXCHANGE_POST, /* collecting the body of a challenge */
    EXCHANGE_WORK, /* the device is asked */
    EXCHANGE_PROXY,
};
struct exchange {
    enum exchange_phase phase;
    size_t request_seen, response_seen;
    struct http_body request_body, response_body;
    bool response_begun; /* its final head has been passed on */
    bool head_request, upgrade, close;
    /* The window in which a part of the request body has to arrive. */
    int64_t body_ms;
    size_t body_bytes;
    bool body_held; /* it was the service that did not take more */
    uint8_t *post;  /* ATTEST_REQUEST_LIMIT bytes while in EXCHANGE_POST */
    size_t post_len;
};

struct conn {
    struct server *server;
    struct conn *prev, *next;
    enum conn_phase phase;
    struct stream client, upstream;
    struct exchange http;
    struct job *job; /* under way for this connection */
    struct event *timer, *again;
    int64_t since_ms;  /* of this phase, or of the first byte of a request head */
    int64_t active_ms; /* of the last byte */
    int64_t armed_ms;
    bool counted; /* among the connections of `peer` */
    struct net_peer peer;
    bool head_begun;
    bool lingering; /* all is sent and ended; only the peer's end is missing */
};

struct server {
    struct server_config config;
    struct net_addr bound;
    struct net_endpoint upstream;
    SSL_CTX *ctx;
    struct arena arena; /* spki, name */
    struct selfsame_bytes spki;
    struct key *key; /* RA-TLS: to sign the next certificate with */
    const char *name;
    struct event *renew_event;
    struct event_base *base;
    struct worker *worker;
    int listener, stop_fd;
    struct event *accept_event, *stop_event, *drain_event;
    struct conn *conns;
    struct peers *peers;
    size_t conn_count, handshake_count;
    bool draining;
};

/* server.c */
void server_log(const struct server *s, const char *what, const struct selfsame_err *e);
void server_forget(
    struct server *s, struct conn *c); /* unlinks; perhaps ends the loop */
/* So many handshakes are unfinished that each gets little time, and newcomers wait. */
bool server_hurries(const struct server *s);
void server_resume(struct server *s); /* accepts again, if there is room */

/* certificate.c: with evidence in it (docs/formats/ratls.md) */
MUST enum selfsame_code certificate_first(struct server *s, struct selfsame_err *e);
/* Asks the device again when it is time, in the loop. */
MUST enum selfsame_code certificate_schedule(struct server *s, struct selfsame_err *e);
void certificate_renewed(struct job *job); /* owns it */

/* conn.c */
/* `peer` NULL: not counted. False: out of memory, and peer is still the caller's. */
MUST bool conn_new(struct server *s, int fd, const struct net_peer *peer);
void conn_hurry(struct conn *c); /* its deadline may have come nearer */
void conn_free(struct conn *c);
void conn_step(struct conn *c);
void conn_drain(struct conn *c); /* end as soon as nothing is under way */
void conn_answer(struct job *job);
void conn_set(struct conn *c, enum conn_phase phase);
/* Ends our direction after what is buffered, then the connection. */
void conn_finish(struct conn *c);
/* Cuts both sides so that neither takes it for an end. */
void conn_abort(struct conn *c);
MUST bool conn_open_upstream(struct conn *c);
/* Hands a challenge to the worker; false: out of memory. */
MUST bool conn_challenge(
    struct conn *c, bool key, struct selfsame_bytes challenge, struct selfsame_err *e);
/* The response message for a finished job, in its arena; BYTES_NONE: out of memory. */
struct selfsame_bytes conn_response(struct conn *c, struct job *job);
enum attest_status conn_status(const struct selfsame_err *e);
/* A response message that says why not. */
struct selfsame_bytes conn_refusal(
    enum attest_status status, const struct selfsame_err *e, struct arena *arena);

/* exchange.c */
bool exchange_step(struct conn *c); /* true when anything changed */
/* The client's turn: more of a request body that the service has not answered yet. */
bool exchange_wants_body(const struct conn *c);
void exchange_answer(struct conn *c, struct job *job);
void exchange_free(struct exchange *x);

#endif
