/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_WITNESS_PARTS_H
#define SELFSAME_WITNESS_PARTS_H

#include "service/witness_service.h"
#include "store/witness_store.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 *   witness_service.c  the daemon: routes, queue, thread
 *   witness_work.c     one transaction: judged, signed, stored, answered
 *   witness_dir.c      the directory: keys, evidence
 */
enum { WITNESS_STEM = 80 };
struct witness_dir { /* everything in its arena */
    struct arena arena;
    const char *path;
    struct key *key;
    struct note_key vkey;
    char *vkey_text;
    struct note_key *keys; /* of the logs */
    size_t key_count;
    struct witness_log {
        struct selfsame_bytes origin;
        char hash[65]; /* hex SHA-256(origin) */
        atomic_uint_fast64_t size;
        struct witness_kept {            /* evidence: suspects and forks */
            char (*stems)[WITNESS_STEM]; /* of files in DIR/forks, in their order */
            size_t count, dropped;       /* dropped since the start */
        } kept[2];
    } * logs; /* each origin once */
    size_t log_count;
};
MUST enum selfsame_code witness_dir_open(
    const char *path, struct witness_dir *d, struct selfsame_err *e);
void witness_dir_close(struct witness_dir *d);
struct witness_log *witness_dir_log(
    struct witness_dir *d, struct selfsame_bytes origin); /* or NULL */
/*
 * Keeps what was cosigned and the request that contradicts it (a fork), or that was not
 * shown to follow: which others than the log can bring about, by a wrong proof, so fewer
 * are kept. When there are enough of this log the oldest of the later half makes room.
 * *ret_new false: the same is kept already. *ret_dropped: how many made room since the
 * start.
 */
MUST enum selfsame_code witness_dir_keep(struct witness_dir *d,
    const struct witness_asked *q, const struct witness_record *cosigned,
    struct selfsame_bytes request, bool fork, bool *ret_new, size_t *ret_dropped,
    struct selfsame_err *e);

enum { WITNESS_BATCH = 64, WITNESS_QUEUE = 4096 };
struct witness_job {
    struct httpd_request *r;
    struct witness_log *log; /* its checkpoint is asked for; NULL: add-checkpoint */
};
struct witness_counts {
    atomic_ulong status[600], forks, dropped, batches;
};
struct witness_work {
    struct witness_dir *dir;
    struct witness_store *store;
    struct witness_counts *counts;
    atomic_bool *ready; /* could the state be read and written the last time? */
    const struct witness_service_config *config;
};
/* Answers all of them. */
void witness_work(struct witness_work *w, const struct witness_job *jobs, size_t count);

#endif
