/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_MEASURE_ID_H
#define SELFSAME_CLI_MEASURE_ID_H

#include "cli/cli.h"
#include "codec/json.h"

bool measure_id_wanted(struct cli *c);
/*
 * With --id-key makes the ID block and its authentication for the one digest that was
 * measured, else checks those that are there. *ret: what reports will say, owned.
 */
MUST enum selfsame_code measure_id(
    struct cli *c, const json_t *measured, json_t **ret, struct selfsame_err *e);

#endif
