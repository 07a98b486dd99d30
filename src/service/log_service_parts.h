/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_SERVICE_PARTS_H
#define SELFSAME_LOG_SERVICE_PARTS_H

#include "fetch/witness.h"
#include "service/log_service.h"
#include "service/lookup.h"

#include <stdatomic.h>

enum { LOG_QUEUE = 4096, LOG_WORKERS = 8 };

struct log_service {
    struct log_service_config config;
    struct log_dir dir;
    struct store *store;
    struct witness_client *witnesses; /* NULL: none has to cosign */
    bool doubted[POLICY_WITNESSES];   /* what it said without a proof is told */
    struct log_core *core;
    struct httpd *httpd;
    atomic_ulong status[600]; /* answers by status */

    pthread_t worker[LOG_WORKERS];
    size_t workers;
    pthread_mutex_t lock;
    pthread_cond_t more, ending;
    struct httpd_request *queue[LOG_QUEUE]; /* a ring */
    size_t first, count;
    bool over;

    struct lookup *lookup;
    pthread_t indexer;
    bool indexes;
};

/* Counted answers. */
void log_answer(
    struct log_service *s, struct httpd_request *r, const struct httpd_answer *a);
void log_refuse(struct log_service *s, struct httpd_request *r, int status,
    const struct selfsame_err *e);

/* ---- log_work.c ---- */
MUST enum selfsame_code log_workers_start(
    struct log_service *s, struct selfsame_err *e);
void log_workers_end(struct log_service *s);
void log_give(struct log_service *s, struct httpd_request *r); /* or 503 */

/* ---- log_index.c ---- */
MUST enum selfsame_code log_index_start(struct log_service *s, struct selfsame_err *e);
void log_index_end(struct log_service *s); /* once the workers end */
void log_serve_lookup(struct log_service *s, struct httpd_request *r);

/* ---- log_metrics.c: routes ---- */
void log_serve_health(void *ctx, struct httpd_request *r);
void log_serve_ready(void *ctx, struct httpd_request *r);
void log_serve_metrics(void *ctx, struct httpd_request *r);

#endif
