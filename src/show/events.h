/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SHOW_EVENTS_H
#define SELFSAME_SHOW_EVENTS_H

#include "codec/json.h"
#include "tee/shared/event_log.h"

/* Event logs for `show` and `measure`: what they say, and how far digests vouch for it. */

/* {"algorithms", "vendor", "padding", "rtmr", "secure_boot", "log": [{"index", …}]} */
MUST enum selfsame_code events_put(
    json_t *into, const struct event_log *log, struct selfsame_err *e);

#endif
