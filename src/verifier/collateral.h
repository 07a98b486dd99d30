/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_COLLATERAL_H
#define SELFSAME_VERIFIER_COLLATERAL_H

#include "fetch/supply.h"
#include "verifier/parts.h"

/*
 * What vendors say beside evidence, for the verifier service: kept in DIR/collateral in
 * the form that `selfsame collateral` has, in memory, and fetched where verifier.json
 * says so:
 *
 *   "collateral": {"fetch": true,
 *                  "origins": {"https://kdsintf.amd.com": "https://mirror.example"},
 *                  "origin_ca": FILE, "wait_ms": 2000, "refresh_s": 43200}
 *
 * Each request gets the pieces that its own evidence wants, so that a fleet may have any
 * number of chips. What is not there is asked for by threads of the supply, and the
 * request waits for it at most wait_ms; further requests than COLLATERAL_WAITERS do not
 * wait: their verdict names what it lacks, and the next request has it.
 */
enum {
    COLLATERAL_WAITERS = 4, /* workers that may wait; the service has as many more */
    COLLATERAL_WAIT_MS = 2000,
    COLLATERAL_ANEW_S = 600, /* how often what led to a refusal is asked for anew */
};
struct collateral;

/* With the settings of the service; reads what there is. USAGE: the settings. */
MUST enum selfsame_code collateral_new(
    struct verifier_service *s, struct collateral **ret, struct selfsame_err *e);
/* Its threads, where it fetches. */
MUST enum selfsame_code collateral_start(struct collateral *c, struct selfsame_err *e);
void collateral_free(struct collateral **c);
/* Are the settings in order? Also before there is a service. */
MUST enum selfsame_code collateral_settings_check(
    const json_t *settings, struct selfsame_err *e);
/* Workers that the service needs besides, as so many may wait here. */
unsigned collateral_waiters(const struct collateral *c);
struct supply *collateral_supply(struct collateral *c); /* for metrics */

/* service.c; NULL: a service without. */
struct collateral *service_collateral(struct verifier_service *s);

#endif
