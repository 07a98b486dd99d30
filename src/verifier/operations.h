/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_OPERATIONS_H
#define SELFSAME_VERIFIER_OPERATIONS_H

#include "verifier/metrics.h"
#include "verifier/requestlog.h"
#include "verifier/service.h"

/*
 * What is done around the service rather than in it:
 *
 *   operations.c       counters and lines of the log for each request; its life
 *   operations_http.c  /metrics, /healthz, /readyz, and a listener of their own
 *   signals.c          SIGHUP reloads, SIGTERM drains
 *   confine_service.c  which files the process may still reach
 */
struct operations {
    struct metrics *metrics;
    struct requestlog *requests; /* NULL: nobody hears it */
    bool peers;                  /* with addresses, which are personal data */
    const char **names;          /* of operations, for metrics */
    atomic_long in_flight;
    atomic_bool draining;
    int64_t start_ms;
    struct httpd *httpd; /* "metrics": {"listen": …}; NULL: none */
    pthread_t thread;
    bool running;
};

/* After the routes and settings are there; listens. */
MUST enum selfsame_code operations_new(
    struct verifier_service *s, struct operations **ret, struct selfsame_err *e);
void operations_free(struct operations **o);

/* operations_http.c: in a thread of its own, until operations_stop. */
MUST enum selfsame_code operations_listen(
    struct verifier_service *s, struct operations *o, struct selfsame_err *e);
MUST enum selfsame_code operations_start(struct operations *o, struct selfsame_err *e);
void operations_stop(struct operations *o);

/* signals.c: the thread of signals, until `over`. */
void signals_block(void);
void *signals_watch(void *service);

#endif
