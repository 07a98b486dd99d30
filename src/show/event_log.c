/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware event logs, and the ACPI table that says where a guest has one. */
#include "show/events.h"
#include "show/show.h"

bool
show_is_event_log(struct selfsame_bytes in)
{
    return event_log_recognise(in);
}

enum selfsame_code
show_event_log(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct event_log log;

    (void)arena;
    TRY(event_log_parse(in, &log, e));
    return events_put(into, &log, e);
}

bool
show_is_ccel_table(struct selfsame_bytes in)
{
    return ccel_table_recognise(in);
}

enum selfsame_code
show_ccel_table(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct ccel_table t;

    (void)arena;
    TRY(ccel_table_parse(in, &t, e));
    const char *type = t.type == CC_TDX ? "tdx" : t.type == CC_SEV ? "sev" : "unknown";
    TRY(show_put(into, "type", json_string(type), e));
    TRY(show_put(into, "subtype", json_integer(t.subtype), e));
    TRY(show_put(
        into, "log_bytes", json_sprintf("%llu", (unsigned long long)t.log_size), e));
    return show_put(into, "log_address",
        json_sprintf("0x%llx", (unsigned long long)t.log_address), e);
}
