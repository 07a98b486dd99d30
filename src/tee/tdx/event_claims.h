/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TDX_EVENT_CLAIMS_H
#define SELFSAME_TDX_EVENT_CLAIMS_H

#include "tee/shared/event_log.h"
#include "tee/tdx/tdx.h"

/*
 * What an event log adds to a verified quote. Its events are claims only of registers
 * that they replay to; a log of another boot, or one that is no log, adds nothing.
 */
#define TDX_REPLAYS "replays" /* of "event_log", or what is wrong */
struct tdx_event_claims {
    /* "events.0" to "events.3", each digest in order; "boot.secure_boot"; "event_log". */
    struct claim *list;
    size_t count;
    /* What is wrong with the log: "the event log does not replay to RTMR1"; NULL: nothing. */
    const char *wrong;
};
/* Of no log (absent): nothing. `rtmr` are the registers of the quote. NOMEM alone. */
MUST enum selfsame_code tdx_event_claims(struct selfsame_bytes log,
    const struct selfsame_bytes rtmr[static TDX_RTMRS], struct arena *arena,
    struct tdx_event_claims *ret, struct selfsame_err *e);

#endif
