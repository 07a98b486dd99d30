/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_FETCH_SUPPLY_PARTS_H
#define SELFSAME_FETCH_SUPPLY_PARTS_H

#include "fetch/supply.h"

#include <pthread.h>

/* Between the parts of supply.h; all of it under the lock, but for pieces. */
enum { SUPPLY_BUCKETS = 4096 };

struct supply_waiter {
    void (*done)(void *ctx, struct supply_answer *a);
    void *ctx;
    struct supply_waiter *next;
};
struct supply_job {
    struct supply_entry *entry;
    enum fetch_what what;
    uint64_t who;
    struct supply_waiter *waiters;
    bool running;
    struct supply_job *next;
};
struct supply_entry {
    char *url;
    uint64_t hash;
    struct supply_piece *piece; /* or NULL */
    struct supply_job *job;     /* under way; or NULL */
    int64_t used_s, touched_s, tried_s, failed_until_s;
    struct selfsame_err why;            /* of the failure */
    struct supply_entry *next;          /* of its bucket */
    struct supply_entry *newer, *older; /* in the order of use */
};
struct supply_host {
    char *vendor, *asked; /* asked: or NULL */
    struct fetcher fetcher;
    struct supply_job *jobs; /* in the order of asking */
    size_t job_count;
    pthread_cond_t more;
    pthread_t threads[SUPPLY_THREADS];
    size_t thread_count;
    struct supply *supply;
};
struct supply {
    struct supply_config config;
    char *cache, *origin_ca;
    struct supply_host hosts[SUPPLY_HOSTS];
    size_t host_count;
    struct supply_counts counts;
    atomic_bool over;

    pthread_mutex_t lock;
    struct supply_entry *buckets[SUPPLY_BUCKETS];
    struct supply_entry *newest, *oldest;
    uint64_t seed, memory;
    size_t pieces;
    atomic_ullong disk;
    bool started;

    pthread_cond_t tick;
    pthread_t tender;
    bool tended;
};

int64_t supply_now_s(const struct supply *s);
/* supply.c: a piece of a cached entry, once; NULL: no memory, or it is not what it should be. */
MUST struct supply_piece *supply_piece_of(const struct cached *c, enum fetch_what what);
/* Under the lock. NULL: no memory. */
MUST struct supply_entry *supply_entry_of(struct supply *s, const char *url, bool make);
/* Takes over the reference. */
void supply_put(struct supply *s, struct supply_entry *n, struct supply_piece *p);
void supply_use(struct supply *s, struct supply_entry *n);
void supply_trim(struct supply *s);
/* Ends a job: its waiters, to be called without the lock. */
struct supply_waiter *supply_end_job(struct supply_host *h, struct supply_job *j);
void supply_tell(struct supply_waiter *w, const struct supply_answer *a);

/* supply_work.c */
void *supply_work(void *host);
void *supply_tend(void *supply);

/* supply_disk.c */
MUST enum selfsame_code supply_load(struct supply *s, struct selfsame_err *e);
/* NULL: not there. Without the lock. */
MUST struct supply_piece *supply_read(
    struct supply *s, const char *url, enum fetch_what what);
/* Without the lock; trims the directory. What cannot be written is in memory still. */
void supply_write(struct supply *s, const struct cached *c);
void supply_touch(struct supply *s, const char *url);

#endif
