/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_SUPPLY_H
#define SELFSAME_VERIFIER_SUPPLY_H

#include "fetch/fetch.h"

/*
 * The vendors' certificates and lists for evidence that does not carry them: pieces by
 * URL, in memory, behind them the cache of DIR/collateral, behind that the vendor. A
 * piece that is not there is asked for by threads of the supply, once for all who want
 * it; what is old is asked for anew while it is still in use. Nothing here is trusted:
 * verification judges each piece by its signature and its times.
 */
enum {
    SUPPLY_PIECES = 16384,    /* of which the least used make room */
    SUPPLY_BYTES = 128 << 20, /* of all of them */
    SUPPLY_THREADS = 2,
    SUPPLY_REFRESH_S = 3600,  /* older ones are asked for anew */
    SUPPLY_OLD_S = 86400,     /* older ones are used where the tenant says so */
    SUPPLY_FAILED_MS = 30000, /* how long a failure stands for the next ones */
    SUPPLY_WAIT_MS = 2000,
};
struct supply;
struct supply_config {
    const char *dir;                /* of the cache */
    const char *origin, *origin_ca; /* in place of every vendor's; or NULL */
    bool offline;                   /* only what the cache has */
    unsigned wait_ms, refresh_s;    /* 0: as above */
    unsigned waiters; /* requests that may wait at once; further ones do not */
};
MUST enum selfsame_code supply_new(
    const struct supply_config *c, struct supply **ret, struct selfsame_err *e);
/* Its threads begin; once, after privileges were dropped. */
MUST enum selfsame_code supply_start(struct supply *s, struct selfsame_err *e);
void supply_free(struct supply **s);

struct supply_need {
    const char *url; /* NULL is passed over */
    enum fetch_what what;
};
struct supplied {
    struct selfsame_bytes *pieces; /* copies in the arena */
    size_t count;
    unsigned missing; /* that could not be had, or not in time */
    bool coming;      /* some of those are being asked for: ask again soon */
    int64_t
        stale_s; /* the oldest piece is older than SUPPLY_OLD_S by so much; 0: none is */
};
/* `stale_s`: how much older than SUPPLY_OLD_S pieces may be when the vendor does not answer. */
MUST enum selfsame_code supply_get(struct supply *s, const struct supply_need *needs,
    size_t count, int64_t stale_s, struct arena *arena, struct supplied *ret,
    struct selfsame_err *e);
/* How many pieces there are, and when the oldest was fetched (ms since 1970; -1: none). */
size_t supply_pieces(struct supply *s, int64_t *ret_oldest_ms);

#endif
