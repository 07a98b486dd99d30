/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_MEASURE_PRINT_H
#define SELFSAME_CLI_MEASURE_PRINT_H

#include "cli/cli.h"
#include "codec/json.h"

/* What `measure` computed: one image as its object, several as {"measurements": [...]}. */
MUST enum selfsame_code measure_print(
    struct cli *c, json_t *list, struct selfsame_err *e);

#endif
