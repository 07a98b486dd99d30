/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_PRINT_H
#define SELFSAME_CLI_PRINT_H

#include "cli/cli.h"
#include "codec/json.h"

/* One line on standard output, for --json. NOMEM, also for NULL: what could not be made. */
MUST enum selfsame_code print_json_line(const json_t *j, struct selfsame_err *e);
/* IO: what was printed did not get there. Of those that go on after it. */
MUST enum selfsame_code print_flush(struct selfsame_err *e);
/* A line on standard error, JSON with --json; `cli` is the struct cli, for services' `tell`. */
void print_event(void *cli, const char *what, const char *sentence);

#endif
