/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SERVICE_COLLATERAL_SERVICE_H
#define SELFSAME_SERVICE_COLLATERAL_SERVICE_H

#include "fetch/supply.h"
#include "net/net.h"

/*
 * `selfsame collateral serve`: one cache of what vendors say, for a fleet. Speaks the
 * paths of AMD's KDS and Intel's PCS (collateral_path.c) and nothing else: what is asked
 * of a vendor is put together here, never taken over from a client.
 */
struct collateral_service_config {
    struct net_addr listen;
    const char *cache;
    const struct supply_origin *origins; /* to the end that has NULL */
    const char *origin_ca;               /* or NULL */
    bool offline;
    int64_t stale_s; /* how long after its time a piece is served when a vendor fails */
    uint64_t disk_max;    /* 0: as struct supply_config */
    unsigned connections; /* 0: 1024 */
    unsigned share;       /* URLs that a client may have under way; 0: SUPPLY_SHARE */
    int pace_ms, timeout_s;
    void (*tell)(void *ctx, const char *what, const char *sentence); /* or NULL */
    void *ctx;
};
struct collateral_service;
/* Listens and reads the cache. */
MUST enum selfsame_code collateral_service_new(
    const struct collateral_service_config *c, struct collateral_service **ret,
    struct selfsame_err *e);
void collateral_service_bound(const struct collateral_service *s, struct net_addr *ret);
MUST enum selfsame_code collateral_service_run(
    struct collateral_service *s, struct selfsame_err *e);
void collateral_service_stop(struct collateral_service *s);
void collateral_service_free(struct collateral_service **s);
#define auto_collateral_service \
    __attribute__((cleanup(collateral_service_free))) struct collateral_service

/*
 * collateral_path.c: the vendor's URL for a path and its query, in the one form that all
 * spellings of it share. 404 and 400 are for others.
 */
struct collateral_asked {
    char url[FETCH_URL_MAX + 1];
    enum fetch_what what;
    const char *type;   /* of the answer */
    const char *header; /* the issuers' chain, as Intel names it; NULL: none */
    enum { COLLATERAL_AS_IS, COLLATERAL_PEM, COLLATERAL_HEX } form; /* of a list */
};
struct collateral_query { /* how a query parameter is found; NULL: not there */
    const char *(*get)(const void *ctx, const char *name);
    const void *ctx;
};
MUST int collateral_path(const char *path, const struct collateral_query *q,
    struct collateral_asked *ret); /* 200, 400, 404 */

#endif
