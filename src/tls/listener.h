/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LISTENER_H
#define SELFSAME_LISTENER_H

#include "base/base.h"

/*
 * Ordinary TLS for the daemons' HTTP server: 1.2 and 1.3, "http/1.1" by ALPN, a
 * certificate from files that can be read again while connections go on, and
 * certificates of clients. It attests nothing; server.h does that.
 *
 * Tickets let clients come back without a signature. Their keys never leave this
 * process, are replaced each ticket_s, and open tickets for one more ticket_s.
 * Where clients show certificates there are no tickets, so that each connection is
 * judged by what holds when it is made.
 *
 * A listener may be used by several threads, and read again by any. A peer is one
 * thread's. Nothing here blocks.
 */
struct tls_listener;
struct tls_listener_config {
    const char *certificate; /* PEM file: the leaf, then its chain */
    const char *key;         /* PEM file that its owner alone may read */
    const char
        *client_ca;       /* PEM file of whom clients' chains end at; NULL: not asked */
    bool client_required; /* whoever has no certificate is refused */
    unsigned ticket_s;    /* 0: an hour */
};
/* Keeps copies. USAGE (files that do not fit, too open a mode), MALFORMED, IO, NOMEM. */
MUST enum selfsame_code tls_listener_new(const struct tls_listener_config *c,
    struct tls_listener **ret, struct selfsame_err *e);
/* The files anew, for connections that come from now on; on failure all stays. */
MUST enum selfsame_code tls_listener_reload(
    struct tls_listener *l, struct selfsame_err *e);
/* When the leaf that is shown ends, in seconds since 1970. */
int64_t tls_listener_not_after(struct tls_listener *l);
void tls_listener_free(struct tls_listener **l); /* behind its last peer */

/* ---- one connection ---- */

struct tls_peer;
enum tls_step {
    TLS_DONE = 0,
    TLS_WANTS_READ,
    TLS_WANTS_WRITE,
    TLS_ENDED, /* by the peer, properly */
    TLS_BROKEN,
};
/* For a descriptor that stays the caller's and does not block. NULL: no memory. */
MUST struct tls_peer *tls_peer_new(struct tls_listener *l, int fd);
MUST enum tls_step tls_peer_handshake(struct tls_peer *p);
/* At most one record. After TLS_WANTS_WRITE of a write: again with the same bytes. */
MUST enum tls_step tls_peer_read(
    struct tls_peer *p, uint8_t *buf, size_t cap, size_t *ret);
MUST enum tls_step tls_peer_write(
    struct tls_peer *p, const uint8_t *buf, size_t len, size_t *ret);
/* Bytes that the system no longer has: its readiness says nothing of them. */
bool tls_peer_pending(const struct tls_peer *p);
/* SHA-256 of the DER of the client's certificate, which was verified; else false. */
MUST bool tls_peer_certificate(const struct tls_peer *p, uint8_t ret[static 32]);
/* When that certificate ends, in seconds since 1970: the connection may outlive it. 0: none. */
int64_t tls_peer_certificate_end(const struct tls_peer *p);
/* close_notify, if it can be said now. */
void tls_peer_end(struct tls_peer *p);
void tls_peer_free(struct tls_peer **p);

#endif
