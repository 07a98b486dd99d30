/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_COLLATERAL_FETCH_H
#define SELFSAME_CLI_COLLATERAL_FETCH_H

#include <selfsame/selfsame.h>

#include "cli/cli.h"
#include "codec/json.h"
#include "fetch/fetch.h"
#include "tee/tee.h"

/* Options --cache, --origin and --offline of the verb at hand. */
MUST enum selfsame_code collateral_fetcher(
    struct cli *c, struct fetcher *ret, struct selfsame_err *e);
/* --cache, --origin and --offline of verify and connect go with --fetch. */
MUST enum selfsame_code collateral_check(struct cli *c, struct selfsame_err *e);
/*
 * The evidence that operands name: of a file itself, or the entry of an envelope that
 * looks like some; of a directory all that is evidence.
 */
struct collateral_evidence {
    const char *name; /* the file */
    const struct tee_verifier *of;
    struct selfsame_bytes bytes;
};
struct collateral_visitor {
    enum selfsame_code (*visit)(
        void *ctx, const struct collateral_evidence *v, struct selfsame_err *e);
    void *ctx;
};
MUST enum selfsame_code collateral_each(
    struct cli *c, const struct collateral_visitor *v, struct selfsame_err *e);
/* Pieces {"url", "bytes", "found", …} for people, or as JSON. */
MUST enum selfsame_code collateral_print(
    struct cli *c, const json_t *list, struct selfsame_err *e);
/*
 * With --fetch: what this refusal names as missing is fetched and given to the
 * verifier. *ret_more: something new was, so verify again. Failures to fetch are told
 * on standard error and change nothing.
 */
MUST enum selfsame_code collateral_fetch_missing(struct cli *c,
    const struct selfsame_result *r, struct selfsame_verifier *v, bool *ret_more,
    struct selfsame_err *e);

/*
 * After a refusal that other collateral could change: what the cache holds may be what a
 * bad mirror sent, so the way to ask anew is told on standard error.
 */
void collateral_hint(struct cli *c, enum selfsame_code code);

#endif
