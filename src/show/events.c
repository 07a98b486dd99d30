/* SPDX-License-Identifier: Apache-2.0 */
#include "show/events.h"
#include "show/show.h"

#include <inttypes.h>

enum { LONGEST = 4096 };

static json_t *
hex_of(struct selfsame_bytes b)
{
    char hex[2 * EVENT_DIGEST_MAX + 1];

    hex_encode(b, hex);
    return json_string(hex);
}

static json_t *
alg_json(const struct event_alg *a)
{
    const char *name = event_alg_name(a->id);

    return name != NULL ? json_string(name) : json_sprintf("0x%04x", a->id);
}

static enum selfsame_code
append(json_t *list, json_t *value, struct selfsame_err *e)
{
    if (json_array_append_new(list, value) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

/* ---- one event ---- */

static enum selfsame_code
put_digests(json_t *row, const struct event_log *log, const struct event *event,
    struct selfsame_err *e)
{
    json_t *digests = json_object();

    TRY(show_put(row, "digests", digests, e));
    for (size_t i = 0; i < log->alg_count; i++) {
        auto_json *name = alg_json(&log->alg[i]);

        if (name == NULL)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(show_put(digests, json_string_value(name),
            hex_of(event_digest(log, event, log->alg[i].id)), e));
    }
    return SELFSAME_OK;
}

static json_t *
type_json(uint32_t type)
{
    const char *name = event_type_name(type);

    return name != NULL ? json_string(name) : json_sprintf("0x%08" PRIx32, type);
}

/* `registers`: the indices are those of confidential computing. */
static enum selfsame_code
put_event(json_t *row, const struct event_log *log, const struct event *event,
    bool registers, struct selfsame_err *e)
{
    const char *name = registers ? cc_register_name(event->index) : NULL;
    char text[LONGEST];
    struct event_fact fact;

    TRY(event_judge(log, event, &fact, e));
    event_text(event, text, sizeof(text));
    TRY(show_put(row, "index", json_integer(event->index), e));
    if (name != NULL)
        TRY(show_put(row, "register", json_string(name), e));
    TRY(show_put(row, "type", type_json(event->type), e));
    TRY(put_digests(row, log, event, e));
    TRY(show_put(row, "covered", json_string(event_cover_word(fact.cover)), e));
    TRY(show_put(row, "covered_bytes", json_integer((json_int_t)fact.covered.len), e));
    TRY(show_put(row, "bytes", json_integer((json_int_t)event->data.len), e));
    return show_put(row, "text", json_string(text), e);
}

/* ---- the log ---- */

static enum selfsame_code
put_registers(json_t *into, const struct cc_replay *r, const struct event_log *log,
    struct selfsame_err *e)
{
    json_t *values = json_array();
    enum secure_boot boot;

    TRY(show_put(into, "rtmr", values, e));
    for (size_t i = 1; i < CC_REGISTERS; i++)
        TRY(append(values, hex_of(BYTES_ARR(r->value[i])), e));
    TRY(event_secure_boot(log, &boot, e));
    return show_put(into, "secure_boot",
        boot == SECURE_BOOT_UNKNOWN ? json_null()
                                    : json_boolean(boot == SECURE_BOOT_ON),
        e);
}

static enum selfsame_code
put_head(json_t *into, const struct event_log *log, struct selfsame_err *e)
{
    json_t *algs = json_array();
    json_t *vendor = json_stringn(
        (const char *)log->vendor.ptr, log->vendor.ptr != NULL ? log->vendor.len : 0);

    TRY(show_put(into, "algorithms", algs, e));
    for (size_t i = 0; i < log->alg_count; i++)
        TRY(append(algs, alg_json(&log->alg[i]), e));
    TRY(show_put(into, "vendor", vendor != NULL ? vendor : json_null(), e));
    return show_put(into, "padding", json_integer((json_int_t)log->padding), e);
}

enum selfsame_code
events_put(json_t *into, const struct event_log *log, struct selfsame_err *e)
{
    struct selfsame_bytes rest = log->events;
    struct selfsame_err ignored;
    struct cc_replay r;
    struct event event;
    const enum selfsame_code code = cc_replay(log, &r, &ignored);

    TRY(put_head(into, log, e));
    if (code == SELFSAME_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "the output");
    if (code == SELFSAME_OK)
        TRY(put_registers(into, &r, log, e));
    json_t *rows = json_array();
    TRY(show_put(into, "log", rows, e));
    while (event_next(log, &rest, &event)) {
        json_t *row = json_object();

        TRY(append(rows, row, e));
        TRY(put_event(row, log, &event, code == SELFSAME_OK, e));
    }
    return SELFSAME_OK;
}
