/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_SERVICE_H
#define SELFSAME_VERIFIER_SERVICE_H

#include "tls/listener.h"
#include "verifier/call.h"
#include "verifier/metrics.h"
#include "verifier/outcomes.h"
#include "verifier/requestlog.h"
#include "verifier/snapshot.h"

#include <pthread.h>

/* What service.c keeps; the other parts see it through parts.h and call.h. */
enum {
    QUEUE_MAX = 4096, /* calls that wait for a thread; further ones: 503 */
    WORKERS_MAX = 64,
    THREADS_MAX = WORKERS_MAX + 16,
    NONCE_ROOM = 1 << 20, /* used ones that are remembered, twice */
};
struct call_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct call *first, *last;
    size_t count;
};
struct operations;
struct collateral;
struct verifier_service {
    struct verifier_config config;
    char dir[1024];
    struct arena arena;
    json_t *settings;
    const char *issuer;
    uint8_t secrets_key[32], secrets_old_key[32];
    bool has_old_key;
    struct nonces *nonces;
    struct audit *audit;
    struct registry *watch_registry, *store_registry; /* each of one thread */
    struct routes routes;
    struct httpd *httpd;
    struct tls_listener *tls;      /* NULL: plain */
    struct operations *operations; /* what is around it: operations.h */
    struct outcomes *outcomes;
    struct collateral *collateral; /* NULL before verifier_open */
    atomic_uint strangers; /* explanations under way for callers without a key */

    pthread_mutex_t snap_lock;
    struct snapshot *snap;

    struct call_queue works, stores;
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
    atomic_bool over, reload, registry_down;
};
/* A connection of its own for each thread. */
MUST enum selfsame_code service_registry(
    const struct verifier_service *s, struct registry **ret, struct selfsame_err *e);
/* A snapshot of what the registry says now takes the place of the former. */
MUST enum selfsame_code service_load(
    struct verifier_service *s, struct registry *r, struct selfsame_err *e);
/* evidence.c: a verifier with the pinned roots; collateral comes with each request */
MUST enum selfsame_code service_verifier(
    struct verifier_service *s, struct selfsame_verifier **ret, struct selfsame_err *e);
/* settings.c: verifier.json, checked */
MUST enum selfsame_code settings_read(
    struct selfsame_bytes text, json_t **ret, struct selfsame_err *e);

#endif
