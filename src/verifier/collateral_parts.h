/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_COLLATERAL_PARTS_H
#define SELFSAME_VERIFIER_COLLATERAL_PARTS_H

#include "verifier/collateral.h"

/* Between collateral.c and evidence.c: one request waits for what it asked for. */
struct collateral_wait;
struct collateral_wait *collateral_wait_new(void); /* NULL: no memory; do not wait */
/* Its answer is waited for. */
void collateral_wait_add(struct collateral_wait *w, struct supply_ask *a);
/* Until all are answered, within bounds; not at all when too many wait already. */
void collateral_wait(struct collateral *c, struct collateral_wait *w);
void collateral_wait_drop(struct collateral_wait *w);

#endif
