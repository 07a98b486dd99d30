/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_COLLATERAL_BUNDLE_H
#define SELFSAME_CLI_COLLATERAL_BUNDLE_H

#include "codec/cmw.h"
#include "fetch/fetch.h"

/* Collateral to take along: one file (CMW), or a directory of files. */
struct collateral_bundle {
    struct cmw_entry at[CMW_ENTRIES];
    const char *url[CMW_ENTRIES]; /* where it is from */
    size_t count;
};

/* Each URL once; the issuer's chain becomes a piece of its own. USAGE: too many. */
MUST enum selfsame_code collateral_bundle_add(struct collateral_bundle *b,
    const char *url, const struct fetched *piece, struct arena *arena,
    struct selfsame_err *e);
MUST enum selfsame_code collateral_bundle_write(const struct collateral_bundle *b,
    const char *path, struct arena *arena, struct selfsame_err *e);
/*
 * tcb_info.json, tcb_issuer_chain.pem, … (docs/collateral.md). USAGE where two pieces
 * want one name: a directory holds what one platform wants.
 */
MUST enum selfsame_code collateral_bundle_spread(const struct collateral_bundle *b,
    const char *dir, struct arena *arena, struct selfsame_err *e);

#endif
