/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_WITNESS_SERVICE_H
#define SELFSAME_WITNESS_SERVICE_H

#include "service/httpd.h"

/*
 * A witness (C2SP tlog-witness) of the logs of a directory:
 *
 *     POST /add-checkpoint               cosigns what follows what was cosigned last
 *     GET  /<hex SHA-256(origin)>/checkpoint   the last one, with the cosignature
 *     GET  /healthz /readyz /metrics
 *
 * One thread judges, stores and signs; what was asked while it stored goes into the next
 * transaction together. No cosignature leaves before what it is of is durable.
 *
 *     DIR/witness.key     private key: PEM, Ed25519, used for nothing else
 *     DIR/witness.vkey    its name and public half, as logs put it into their policy
 *     DIR/logs/NAME.vkey  keys of the logs that are witnessed, one a line
 *     DIR/state.sqlite    what was cosigned last
 *     DIR/forks/          signed checkpoints that contradict it, with it
 */
enum {
    WITNESS_LOGS = 4096,
    WITNESS_FORKS = 100, /* kept of a log: the first half and the last */
    WITNESS_SUSPECTS = 10,
};

struct witness_service;
struct witness_service_config {
    const char *dir;
    struct net_addr listen;
    unsigned connections; /* 0: as httpd_config */
    /* What an operator should know ("fork", "dropped", "state"), from the working thread; or NULL. */
    void (*tell)(void *ctx, const char *what, const char *sentence);
    /* Tests: called between any two steps of the work; or NULL. */
    void (*step)(void *ctx, const char *what);
    void *ctx;
};

/* Makes DIR with a key, new or this file's. USAGE: there is one already. */
MUST enum selfsame_code witness_service_init(const char *dir, const char *name,
    const char *key_file, struct arena *arena, char **ret_vkey, struct selfsame_err *e);

/* Reads the keys and listens; privileges may be dropped afterwards. */
MUST enum selfsame_code witness_service_new(const struct witness_service_config *c,
    struct witness_service **ret, struct selfsame_err *e);
/* Opens the state. IO: also when another process serves the directory. */
MUST enum selfsame_code witness_service_open(
    struct witness_service *s, struct selfsame_err *e);
void witness_service_bound(const struct witness_service *s, struct net_addr *ret);
size_t witness_service_logs(const struct witness_service *s);
const char *witness_service_vkey(const struct witness_service *s);
/* As httpd_run. */
MUST enum selfsame_code witness_service_run(
    struct witness_service *s, struct selfsame_err *e);
void witness_service_stop(struct witness_service *s); /* from any thread */
void witness_service_free(struct witness_service **s);
#define auto_witness_service \
    __attribute__((cleanup(witness_service_free))) struct witness_service

#endif
