/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/events.h"

static const char *const paths[TDX_RTMRS] = { "events.0", "events.1", "events.2",
    "events.3" };

static bool
add_digests(const struct event_log *log, size_t rtmr, size_t count, struct arena *arena,
    struct tdx_events *x)
{
    struct selfsame_bytes *items = ARENA_NEW(arena, struct selfsame_bytes, count);
    struct selfsame_bytes rest = log->events;
    struct event event;
    size_t n = 0;

    if (items == NULL)
        return false;
    while (n < count && event_next(log, &rest, &event))
        if (event_extends(&event) && event.index == rtmr + 1)
            items[n++] = event_digest(log, &event, EVENT_SHA384);
    x->list[x->count++] = (struct claim){
        .path = paths[rtmr], .kind = CLAIM_BYTES_LIST, .items = items, .item_count = n
    };
    return true;
}

/*
 * The kernel lets programs extend RTMRs without an entry in the log (sysfs), and by
 * convention that is RTMR3: a log that has nothing of it need not replay to it.
 */
static bool
need_not_replay(const struct cc_replay *r, size_t rtmr)
{
    return rtmr == 3 && r->count[rtmr + 1] == 0;
}

static enum selfsame_code
add_registers(const struct event_log *log, const struct cc_replay *r,
    const struct selfsame_bytes *rtmr, struct arena *arena, struct tdx_events *x,
    struct selfsame_err *e)
{
    for (size_t i = 0; i < TDX_RTMRS; i++) {
        if (need_not_replay(r, i))
            continue;
        if (!bytes_eq(BYTES_ARR(r->value[i + 1]), rtmr[i])) {
            if (x->wrong == NULL)
                x->wrong = arena_printf(arena, "it does not replay to RTMR%zu", i);
            if (x->wrong == NULL)
                FAIL(e, SELFSAME_NOMEM, "out of memory");
        } else if (r->count[i + 1] > 0 &&
                   !add_digests(log, i, r->count[i + 1], arena, x))
            FAIL(e, SELFSAME_NOMEM, "out of memory");
    }
    return SELFSAME_OK;
}

/* Of RTMR0, once that is known to be the quote's. */
static enum selfsame_code
add_secure_boot(const struct event_log *log, const struct cc_replay *r,
    struct selfsame_bytes rtmr0, struct tdx_events *x, struct selfsame_err *e)
{
    enum secure_boot boot;

    if (!bytes_eq(BYTES_ARR(r->value[1]), rtmr0))
        return SELFSAME_OK;
    TRY(event_secure_boot(log, &boot, e));
    if (boot != SECURE_BOOT_UNKNOWN)
        x->list[x->count++] = (struct claim){ .path = "boot.secure_boot",
            .kind = CLAIM_BOOL,
            .number = boot == SECURE_BOOT_ON };
    return SELFSAME_OK;
}

/* Unreadable or of another algorithm is no error of the quote: it is said, and no more. */
static enum selfsame_code
unusable(const struct selfsame_err *why, struct arena *arena, struct tdx_events *x,
    struct selfsame_err *e)
{
    x->wrong = arena_str(arena, bytes_str(err_text(why)));
    if (x->wrong == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

static enum selfsame_code
read_log(struct selfsame_bytes in, const struct selfsame_bytes *rtmr,
    struct arena *arena, struct tdx_events *x, struct selfsame_err *e)
{
    struct selfsame_err why = { .depth = 0 };
    struct event_log log;
    struct cc_replay r;
    enum selfsame_code code = event_log_parse(in, &log, &why);

    if (code == SELFSAME_OK)
        code = cc_replay(&log, &r, &why);
    if (code == SELFSAME_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (code != SELFSAME_OK)
        return unusable(&why, arena, x, e);
    TRY(add_registers(&log, &r, rtmr, arena, x, e));
    return add_secure_boot(&log, &r, rtmr[0], x, e);
}

enum selfsame_code
tdx_events(struct selfsame_bytes log,
    const struct selfsame_bytes rtmr[static TDX_RTMRS], struct arena *arena,
    struct tdx_events *ret, struct selfsame_err *e)
{
    struct tdx_events x = { .count = 0 };

    if (log.ptr != NULL) {
        TRY(read_log(log, rtmr, arena, &x, e));
        x.list[x.count++] = (struct claim){
            .path = "event_log",
            .kind = CLAIM_TEXT,
            .bytes = bytes_str(x.wrong != NULL ? x.wrong : "replays"),
        };
    }
    *ret = x;
    return SELFSAME_OK;
}
