/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_PRINT_H
#define SELFSAME_CLI_PRINT_H

#include "codec/json.h"

/* One line on standard output, for --json. NOMEM, also for NULL: what could not be made. */
MUST enum selfsame_code print_json_line(const json_t *j, struct selfsame_err *e);

#endif
