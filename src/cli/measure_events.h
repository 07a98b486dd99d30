/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_MEASURE_EVENTS_H
#define SELFSAME_CLI_MEASURE_EVENTS_H

#include "cli/cli.h"
#include "codec/json.h"

bool measure_events_wanted(struct cli *c);
/* USAGE: the log is one of TDX, and only beside one there need be no image. */
MUST enum selfsame_code measure_events_check(struct cli *c, struct selfsame_err *e);
/*
 * The event log of --event-log: its registers and events, compared with --quote and with
 * what `measured` (NULL: no image) predicts. Prints it; MISMATCH when one differs.
 */
MUST enum selfsame_code measure_events(
    struct cli *c, const json_t *measured, struct selfsame_err *e);

#endif
