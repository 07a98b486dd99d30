/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_SNAPSHOT_H
#define SELFSAME_VERIFIER_SNAPSHOT_H

#include "verifier/objects.h"

/* Between snapshot.c and service.c, which swaps snapshots. */
void snapshot_free(struct snapshot *n);
/* Whose key this hash is of; NULL: nobody's. */
const struct snap_caller *snapshot_caller(
    const struct snapshot *n, const uint8_t sha256[static 32], bool certificate);

#endif
