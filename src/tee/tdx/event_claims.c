/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/event_claims.h"

static const char *const paths[TDX_RTMRS] = { "events.0", "events.1", "events.2",
    "events.3" };

/*
 * The kernel lets programs extend RTMRs without an entry in the log (sysfs), and by
 * convention that is RTMR3: a log that has nothing of it need not replay to it.
 */
static bool
need_not_replay(const struct cc_replay *r, size_t rtmr)
{
    return rtmr == 3 && r->count[rtmr + 1] == 0;
}

/* Which registers are the quote's; says which is the first that is not. */
static enum selfsame_code
compare(const struct cc_replay *r, const struct selfsame_bytes *rtmr,
    struct arena *arena, bool ret_same[static TDX_RTMRS], struct tdx_event_claims *x,
    struct selfsame_err *e)
{
    for (size_t i = 0; i < TDX_RTMRS; i++) {
        ret_same[i] = bytes_eq(BYTES_ARR(r->value[i + 1]), rtmr[i]);
        if (ret_same[i] || need_not_replay(r, i) || x->wrong != NULL)
            continue;
        x->wrong = arena_printf(arena, "the event log does not replay to RTMR%zu", i);
        if (x->wrong == NULL)
            FAIL(e, SELFSAME_NOMEM, "out of memory for the event log");
    }
    return SELFSAME_OK;
}

static void
add_digests(const struct event_log *log, const bool same[static TDX_RTMRS],
    struct tdx_event_claims *x)
{
    struct selfsame_bytes rest = log->events;
    struct event event;

    while (event_next(log, &rest, &event))
        if (event_extends(&event) && event.index > 0 && same[event.index - 1])
            x->list[x->count++] = (struct claim){
                .path = paths[event.index - 1],
                .kind = CLAIM_BYTES,
                .shape = CLAIM_EACH,
                .bytes = event_digest(log, &event, EVENT_SHA384),
            };
}

static enum selfsame_code
add_secure_boot(
    const struct event_log *log, struct tdx_event_claims *x, struct selfsame_err *e)
{
    enum secure_boot boot;

    TRY(event_secure_boot(log, &boot, e));
    if (boot != SECURE_BOOT_UNKNOWN)
        x->list[x->count++] = (struct claim){ .path = "boot.secure_boot",
            .kind = CLAIM_BOOL,
            .number = boot == SECURE_BOOT_ON };
    return SELFSAME_OK;
}

/* Unreadable or of another algorithm is no error of the quote: it is said, and no more. */
static enum selfsame_code
unusable(const struct selfsame_err *why, struct arena *arena,
    struct tdx_event_claims *x, struct selfsame_err *e)
{
    x->wrong = arena_str(arena, bytes_str(err_text(why)));
    if (x->wrong == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the event log");
    return SELFSAME_OK;
}

enum { BESIDES = 2 }; /* Secure Boot, and what is said of the log */

static enum selfsame_code
read_log(struct selfsame_bytes in, const struct selfsame_bytes *rtmr,
    struct arena *arena, struct tdx_event_claims *x, struct selfsame_err *e)
{
    struct selfsame_err why = { .depth = 0 };
    struct event_log log = { .count = 0 };
    struct cc_replay r;
    bool same[TDX_RTMRS];
    enum selfsame_code code = event_log_parse(in, &log, &why);

    x->list = ARENA_NEW(arena, struct claim, log.count + BESIDES);
    if (x->list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the event log");
    if (code == SELFSAME_OK)
        code = cc_replay(&log, &r, &why);
    if (code == SELFSAME_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the event log");
    if (code != SELFSAME_OK)
        return unusable(&why, arena, x, e);
    TRY(compare(&r, rtmr, arena, same, x, e));
    add_digests(&log, same, x);
    return same[0] ? add_secure_boot(&log, x, e) : SELFSAME_OK;
}

enum selfsame_code
tdx_event_claims(struct selfsame_bytes log,
    const struct selfsame_bytes rtmr[static TDX_RTMRS], struct arena *arena,
    struct tdx_event_claims *ret, struct selfsame_err *e)
{
    struct tdx_event_claims x = { .count = 0 };

    if (log.ptr != NULL) {
        TRY(read_log(log, rtmr, arena, &x, e));
        x.list[x.count++] = (struct claim){
            .path = "event_log",
            .kind = CLAIM_TEXT,
            .bytes = bytes_str(x.wrong != NULL ? x.wrong : TDX_REPLAYS),
        };
    }
    *ret = x;
    return SELFSAME_OK;
}
