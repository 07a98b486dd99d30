/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_H
#define SELFSAME_VERIFIER_H

#include "net/net.h"

/*
 * The verifier service: evidence in, tokens out (docs/verifier.md).
 *
 *     DIR/verifier.json     settings: issuer, listening, tokens (docs/verifier.md)
 *     DIR/keys/             keys that sign tokens: KID.pem, and keys.json with their times
 *     DIR/nonce.key         32 bytes: MAC of nonces and sessions; replicas share it
 *     DIR/secrets.key       32 bytes: seals secrets at rest; replicas share it
 *     DIR/registry.sqlite   tenants, policies, releases … unless a PostgreSQL URL is set
 *     DIR/audit/            verdicts, hash-chained, with signed checkpoints
 *     DIR/collateral/       the vendors' certificates and lists, as fetched
 */
struct verifier_make {
    const char *dir, *issuer;
    const char *registry; /* NULL: DIR/registry.sqlite */
};
/* A directory with keys, a tenant "default" and one admin key, whose text is returned. */
MUST enum selfsame_code verifier_init(const struct verifier_make *m,
    struct arena *arena, char **ret_admin_key, struct selfsame_err *e);

/* A new API key "ssk_…" in the arena, and its SHA-256 in hex, which alone is kept. */
MUST enum selfsame_code verifier_key_new(struct arena *arena, char **ret_text,
    char ret_hash[static 65], struct selfsame_err *e);

struct verifier_service;
struct verifier_config {
    const char *dir;
    const struct net_addr *listen; /* NULL: as verifier.json says */
    unsigned connections, workers; /* 0: as verifier.json says */
    bool signals; /* SIGHUP, SIGTERM and SIGINT are its own, of the whole process */
    bool behind_proxy; /* plain HTTP beyond loopback: something in front does TLS */
    /* What an operator should know: a word and a sentence, from any thread; or NULL. */
    void (*tell)(void *ctx, const char *what, const char *sentence);
    /* One line of JSON for each request; or NULL. From any thread. */
    void (*log)(void *ctx, const char *line);
    void *ctx;
    int64_t (*clock_ms)(void *ctx); /* tests; NULL: the system's */
};
/* Reads keys and settings, listens; privileges may be dropped afterwards. */
MUST enum selfsame_code verifier_new(const struct verifier_config *c,
    struct verifier_service **ret, struct selfsame_err *e);
/*
 * After verifier_new, before verifier_open: as this user (NULL: as it is), in its
 * directory, without what it never needs (confine.h), for good.
 */
struct verifier_confined {
    bool files, addresses; /* false: the kernel has no landlock for them */
};
MUST enum selfsame_code verifier_confine(struct verifier_service *s, const char *user,
    struct verifier_confined *ret, struct selfsame_err *e);
/* Opens registry and audit log and loads what is needed to verify. */
MUST enum selfsame_code verifier_open(
    struct verifier_service *s, struct selfsame_err *e);
void verifier_bound(const struct verifier_service *s, struct net_addr *ret);
const char *verifier_issuer(const struct verifier_service *s);
/* Until stopped or a signal: then what is under way is answered. SIGHUP: verifier_reload. */
MUST enum selfsame_code verifier_run(
    struct verifier_service *s, struct selfsame_err *e);
void verifier_reload(
    struct verifier_service *s); /* keys, settings, certificate; any thread */
void verifier_stop(struct verifier_service *s);
void verifier_free(struct verifier_service **s);
#define auto_verifier_service \
    __attribute__((cleanup(verifier_free))) struct verifier_service

#endif
