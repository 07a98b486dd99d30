/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/event_log.h"

#include <stdlib.h>

/* All that is asked of a log by anybody; what was read is read again the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { .depth = 0 };
    struct ccel_table table;
    struct event_log log;
    struct cc_replay r;
    struct event_fact fact;
    enum secure_boot boot;
    struct event event;
    char text[40];
    size_t count = 0;

    if (ccel_table_parse(in, &table, &e) == SELFSAME_OK && !ccel_table_recognise(in))
        abort();
    if (event_log_parse(in, &log, &e) != SELFSAME_OK)
        return 0;
    for (struct selfsame_bytes rest = log.events; event_next(&log, &rest, &event);) {
        if (event_judge(&log, &event, &fact, &e) != SELFSAME_OK ||
            fact.covered.len > event.data.len)
            abort();
        event_text(&event, text, sizeof(text));
        count++;
    }
    if (count != log.count || !event_log_recognise(in) ||
        event_secure_boot(&log, &boot, &e) != SELFSAME_OK)
        abort();
    (void)!cc_replay(&log, &r, &e);
    return 0;
}
