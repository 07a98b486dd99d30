/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TLS_SESSION_H
#define SELFSAME_TLS_SESSION_H

#include "tls/internal.h"
#include "tls/message.h"

/* client.c opens it, challenge.c asks for evidence, session.c moves bytes. */
struct session {
    int fd; /* non-blocking */
    SSL *ssl;
    SSL_CTX *ctx;
    enum session_carrier carrier;
    bool spent; /* the server ends it after the challenge */
};

/* What a challenge brought: evidence, and the facts of our side it must be about. */
struct answer {
    struct selfsame_bytes evidence;
    struct selfsame_bytes nonce, spki;
    struct selfsame_bytes request; /* absent: evidence about the key alone */
    uint8_t exporter[TLS_EXPORTER];
};
/* Everything in the arena. UNBOUND: the server has no evidence to give. */
MUST enum selfsame_code challenge_send(struct session *s,
    const struct session_config *c, int64_t deadline_ms, struct arena *arena,
    struct answer *ret, struct selfsame_err *e);
/* Tells the server of a raw session; `code` OK opens the way to the service. */
MUST enum selfsame_code challenge_ack(struct session *s, enum selfsame_code code,
    int64_t deadline_ms, struct selfsame_err *e);

#endif
