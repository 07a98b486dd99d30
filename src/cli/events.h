/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_EVENTS_H
#define SELFSAME_CLI_EVENTS_H

#include "codec/json.h"

/* Event logs for people: lines of what events_put (show/events.h) has put. */
void events_print(const json_t *shown);

#endif
