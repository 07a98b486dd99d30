/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TLS_H
#define SELFSAME_TLS_H

#include <selfsame/appraise.h>
#include <selfsame/attest.h>
#include <selfsame/verify.h>

#include "base/base.h"
#include "net/net.h"

/*
 * Attested TLS (docs/attested-tls.md): a server inside the TEE that answers
 * challenges about its own TLS sessions in front of an unmodified service, and a
 * client that opens a session only when the answer verifies. TLS 1.3 only, no
 * tickets, no early data; the exporter of the session goes into the evidence.
 */

/* ---- server.c ---- */

/*
 * Where evidence comes from. Called on a thread of its own, one call at a time,
 * so a slow device delays challenges and nothing else. `ret` is malloc'ed.
 */
struct evidence_source {
    void *arg;
    enum selfsame_code (*session)(void *arg, struct selfsame_bytes attest_request,
        struct selfsame_bytes nonce, struct selfsame_bytes exporter,
        struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
        struct selfsame_err *e);
    enum selfsame_code (*key)(void *arg, struct selfsame_bytes nonce,
        struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
        struct selfsame_err *e);
    /* For a certificate of this key; NULL: this source has none. */
    enum selfsame_code (*certificate)(void *arg, struct selfsame_bytes spki,
        uint8_t **ret, size_t *ret_len, struct selfsame_err *e);
};
/* attester.c: the TEE of this machine. */
struct evidence_source attester_source(struct selfsame_attester *a);

struct server_config {
    struct net_addr listen, upstream;
    /* PEM chain and its private key; absent: a key made here, which never leaves. */
    struct selfsame_bytes certificate, key;
    const char *name; /* in the certificate made here; NULL: the listen address */
    struct evidence_source source;
    size_t max_connections; /* further ones wait; 0: 1024 */
    size_t max_per_peer;    /* further ones are refused (net_peer); 0: 256 */
    int64_t handshake_ms;   /* 0: 10 s until a session, or a request head, is there */
    int64_t hurry_ms;       /* 0: 1 s for a handshake when half of all are unfinished */
    int64_t body_ms;        /* 0: 30 s for each 4 KiB of a request body */
    int64_t idle_ms;        /* 0: 5 min without a byte */
    int64_t drain_ms;       /* 0: 5 s from stop to the end */
    /* The certificate made here carries evidence (RA-TLS), made anew so often; 0: it does not. */
    int64_t ratls_ms;
    void (*log)(const char *line); /* NULL: silent */
};
struct server;
/* Binds and makes the key; nothing is accepted before server_run. `c` need not outlive the call. */
MUST enum selfsame_code server_new(
    const struct server_config *c, struct server **ret, struct selfsame_err *e);
const struct net_addr *server_address(const struct server *s); /* with the real port */
struct selfsame_bytes server_spki(const struct server *s);
/* Until server_stop; then drains. */
MUST enum selfsame_code server_run(struct server *s, struct selfsame_err *e);
void server_stop(struct server *s); /* from any thread or signal handler */
void server_free(struct server **s);
#define auto_server __attribute__((cleanup(server_free))) struct server

/* ---- client.c ---- */

enum session_carrier {
    SESSION_ANY = 0, /* raw when the server can, else HTTP */
    SESSION_RAW,
    SESSION_HTTP,
};
struct session_config {
    struct net_addr addr;
    const char *name; /* SNI, and checked when there is `ca`; NULL: the address */
    const char
        *ca; /* PEM file of roots: WebPKI identity beside attestation; NULL: none */
    enum session_carrier carrier;
    int64_t timeout_ms; /* 0: 15 s until the verdict */
    struct selfsame_verifier *verifier;
    const struct selfsame_policy *policy;
    /*
     * Also take evidence about the key alone (GET /.well-known/attestation) from
     * a server that knows no better; the policy's binding decides if that will do.
     */
    bool key_level_too;
    /*
     * No challenge: the evidence is that in the certificate of the handshake (RA-TLS),
     * about its key alone. Such servers need speak neither ALPN nor TLS 1.3.
     */
    bool ratls;
    /* Adds what the relying party knows besides, as proofs of releases; any thread; or NULL. */
    void (*prepare)(void *arg, struct selfsame_request *q);
    /* Hears of every result before the session opens, and may refuse it; or NULL. */
    enum selfsame_code (*settle)(
        void *arg, struct selfsame_result *r, struct selfsame_err *e);
    void *prepare_arg;
};
struct session;
/*
 * Connects, challenges, verifies. OK, and *ret set, only when the policy is met;
 * no application byte was sent before. ret NULL: only the verdict is wanted. *ret_result (NULL: not wanted) is set
 * whenever the evidence was judged, also when it was refused.
 */
MUST enum selfsame_code session_open(const struct session_config *c,
    struct session **ret, struct selfsame_result **ret_result, struct selfsame_err *e);
enum session_carrier session_carrier(const struct session *s);
/* At most len bytes; 0 at the clean end. A cut connection is IO, not an end. */
MUST enum selfsame_code session_read(struct session *s, uint8_t *buf, size_t len,
    int64_t deadline_ms, size_t *ret_len, struct selfsame_err *e);
MUST enum selfsame_code session_write(struct session *s, struct selfsame_bytes b,
    int64_t deadline_ms, struct selfsame_err *e);
/* Copies both ways until both have ended. Does not close the descriptors. */
MUST enum selfsame_code session_pipe(
    struct session *s, int in_fd, int out_fd, struct selfsame_err *e);
void session_free(struct session **s);
#define auto_session __attribute__((cleanup(session_free))) struct session

/* ---- forward.c: a local port, each of whose connections gets a session of its own ---- */

struct forward_config {
    struct session_config session;
    struct net_addr listen;
    bool once; /* end after the first connection, with its class */
    /* From any thread, once per connection; result may be NULL. */
    void (*verdict)(void *arg, enum selfsame_code code,
        const struct selfsame_result *result, const struct selfsame_err *e);
    void (*ready)(void *arg, const struct net_addr *bound);
    void *arg;
};
MUST enum selfsame_code forward_run(
    const struct forward_config *c, struct selfsame_err *e);

#endif
