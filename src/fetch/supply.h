/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_FETCH_SUPPLY_H
#define SELFSAME_FETCH_SUPPLY_H

#include "fetch/fetch.h"

/*
 * Collateral for many askers at once: out of memory, from disk, from the vendors' hosts.
 *
 *   supply.c       what there is, and who asks for what there is not
 *   supply_work.c  threads that ask the hosts, and one that asks in good time
 *   supply_disk.c  the cache (cache.c): read at the start, bounded
 *
 * One request to a host serves all who wait for its URL. A host is asked by threads of
 * its own, at its pace (pace.c), lists before certificates of chips, and nobody has more
 * than `share` URLs under way. "There is none" is believed for FETCH_ABSENT_S, a failure
 * for SUPPLY_FAILED_S. What was used least recently goes first from memory and disk.
 *
 * Only URLs below the origins of the configuration are asked, whoever wants others.
 */
enum {
    SUPPLY_HOSTS = 16,
    SUPPLY_THREADS = 2, /* for each host */
    SUPPLY_JOBS = 1024, /* URLs under way, for each host */
    SUPPLY_SHARE = 16,
    SUPPLY_FAILED_S = 10,
    SUPPLY_TURN_S = 20,        /* how long a thread waits for its turn at a host */
    SUPPLY_IDLE_S = 7 * 86400, /* what nobody used for so long is not kept fresh */
};

struct supply_origin {
    const char *vendor; /* "https://kdsintf.amd.com" */
    const char *asked;  /* a mirror in its place, or NULL */
};
/* AMD's KDS, Intel's PCS and where Intel's root is; the end has NULL. */
extern const struct supply_origin supply_vendors[];

struct supply_config {
    const char *cache;                   /* directory, made when it is missing */
    const struct supply_origin *origins; /* to the end that has NULL; copied */
    const char *origin_ca;               /* as in struct fetcher; or NULL */
    bool offline;                        /* nobody is asked */
    uint64_t memory_max, disk_max;       /* bytes; 0: 128 MiB, 512 MiB */
    size_t share;                        /* 0: SUPPLY_SHARE; ourselves: any */
    int64_t refresh_s;                   /* 0: half of their time */
    int pace_ms, patience_s, timeout_s; /* 0: FETCH_PACE_MS, SUPPLY_TURN_S, FETCH_… */
    int64_t (*clock_ms)(void *ctx);     /* tests; NULL: the system's */
    void *ctx;
};
struct supply;
/* Reads the cache as far as memory goes; asks nobody yet. */
MUST enum selfsame_code supply_new(
    const struct supply_config *c, struct supply **ret, struct selfsame_err *e);
/* Its threads. */
MUST enum selfsame_code supply_start(struct supply *s, struct selfsame_err *e);
/* Who still waits is told that it is over. */
void supply_stop(struct supply *s);
void supply_free(struct supply **s);

/* Never changes; whoever has one drops it. */
struct supply_piece {
    atomic_size_t refs;
    enum fetch_what what;
    int64_t fetched_s, until_s; /* until_s: when the first part of it ends */
    bool absent;                /* the host said that there is none */
    struct selfsame_bytes body, chain;
};
void supply_drop(struct supply_piece *p);
/* May it be used without asking anew? */
bool supply_is_good(const struct supply_piece *p, int64_t now_s);

/* What there is, good or not, without asking; NULL: nothing. *ret_failed: lately a host failed. */
MUST struct supply_piece *supply_find(
    struct supply *s, const char *url, enum fetch_what what, bool *ret_failed);

struct supply_answer {
    struct supply_piece *piece; /* the asker's to drop; NULL: none at all */
    bool good;                  /* false: an old one, as asking failed */
    enum selfsame_code code;    /* of asking: OK (piece->absent!), IO, USAGE, NOMEM */
    struct selfsame_err err;
    int64_t retry_s; /* after a failure: when to ask again */
    bool busy;       /* refused: the asker's share, or all room, is taken */
};
struct supply_ask {
    const char *url;
    enum fetch_what what;
    uint64_t who;         /* whose share it is; 0: ourselves */
    int64_t newer_than_s; /* a piece fetched then or before is not good; 0: any is */
    /* Exactly once, at once or from a thread of the supply; or NULL. `a` is of the call. */
    void (*done)(void *ctx, struct supply_answer *a);
    void *ctx;
};
void supply_ask(struct supply *s, const struct supply_ask *a);

struct supply_counts {
    atomic_ulong found, asked, joined, fetched, absent, failed, refused, evicted,
        unwritten;
};
const struct supply_counts *supply_counts(const struct supply *s);
void supply_sizes(struct supply *s, uint64_t *ret_memory, uint64_t *ret_disk,
    size_t *ret_pieces, size_t *ret_under_way);

#endif
