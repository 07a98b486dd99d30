/* SPDX-License-Identifier: Apache-2.0 */
#include "service/monitor.h"

#include "os/os.h"
#include "service/monitor_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

enum {
    NOTE_ROOM = 8 << 20,
    BUNDLE_ROOM = 64 << 20,
    SAVE_EVERY = 64, /* bundles: so much is told again after a crash */
};

/* ---- alarms ---- */

static const struct {
    const char *word;
    enum selfsame_code code;
    bool once; /* the same again is no news while it lasts */
} alarms[ALARM_COUNT] = {
    [ALARM_FORK] = { "fork", SELFSAME_LOG, true },
    [ALARM_TILES] = { "tiles", SELFSAME_LOG, true },
    [ALARM_CHECKPOINT] = { "checkpoint", SELFSAME_LOG, true },
    [ALARM_FOREIGN] = { "foreign", SELFSAME_LOG, false },
    [ALARM_DUPLICATE] = { "duplicate", SELFSAME_LOG, false },
    [ALARM_DIFFERENT] = { "different", SELFSAME_MISMATCH, false },
    [ALARM_RETIRED] = { "retired", SELFSAME_REVOKED, false },
    [ALARM_UNPARSABLE] = { "unparsable", SELFSAME_MALFORMED, false },
    [ALARM_SEQUENCE] = { "sequence", SELFSAME_STALE, false },
    [ALARM_STALE] = { "stale", SELFSAME_STALE, true },
    [ALARM_WITHHELD] = { "withheld", SELFSAME_LOG, true },
    [ALARM_FULL] = { "full", SELFSAME_NOMEM, true },
};

static unsigned
rank(enum selfsame_code code)
{
    static const enum selfsame_code worst_last[] = { SELFSAME_OK, SELFSAME_NOMEM,
        SELFSAME_STALE, SELFSAME_MALFORMED, SELFSAME_REVOKED, SELFSAME_MISMATCH,
        SELFSAME_LOG };
    unsigned i = 0;

    while (i < COUNT(worst_last) - 1 && worst_last[i] != code)
        i++;
    return i;
}

enum selfsame_code
monitor_worst(const struct monitor *m)
{
    return m->worst;
}

enum selfsame_code
monitor_tell(struct monitor *m, json_t *event, struct selfsame_err *e)
{
    auto_json *j = event;
    char at[TIME_TEXT], seen[TIME_TEXT];

    time_format(m->now_s, at);
    time_format(m->seen_s, seen);
    if (j == NULL || json_object_set_new(j, "at", json_string(at)) != 0 ||
        json_object_set_new(j, "log", json_string(m->origin)) != 0 ||
        (m->seen_s > 0 && json_object_set_new(j, "witnessed", json_string(seen)) != 0))
        FAIL(e, SELFSAME_NOMEM, "an event");
    return m->c->tell(m->c->ctx, j, e);
}

enum selfsame_code
monitor_alarm(struct monitor *m, enum alarm a, json_t *more, struct selfsame_err *e,
    const char *fmt, ...)
{
    auto_json *members = more;
    uint8_t digest[HASH_MAX];
    char text[1024];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    text_clean(text);
    if (rank(alarms[a].code) > rank(m->worst))
        m->worst = alarms[a].code;
    if (!hash_bytes(HASH_SHA256, bytes_str(text), digest))
        FAIL(e, SELFSAME_NOMEM, "an alarm");
    if (alarms[a].once && bytes_eq(BYTES_ARR(m->told[a]), BYTES(digest, 32)))
        return SELFSAME_OK;
    json_t *j = json_pack("{s:s,s:s,s:s,s:i,s:s}", "event", "alarm", "alarm",
        alarms[a].word, "class", selfsame_code_name(alarms[a].code), "exit",
        (int)alarms[a].code, "message", text);
    if (j != NULL && members != NULL)
        (void)json_object_update_missing(j, members);
    TRY(monitor_tell(m, j, e));
    memcpy(m->told[a], digest, 32);
    return SELFSAME_OK;
}

/* ---- entries ---- */

static enum selfsame_code
read_bundle(
    struct monitor *m, struct looking *l, bool *ret_good, struct selfsame_err *e)
{
    auto_arena arena = arena_new(BUNDLE_ROOM);
    const uint64_t bundle = m->state.next / TILE_WIDTH;
    struct selfsame_bytes *entries = NULL;
    struct selfsame_err why = { 0 };
    size_t count = 0;

    enum selfsame_code code = tiles_bundle(
        m->tiles, bundle, &arena, &entries, &count, &why);
    *ret_good = code == SELFSAME_OK;
    if (code != SELFSAME_OK)
        return monitor_unread(m, l, code, &why, e);
    for (size_t i = m->state.next % TILE_WIDTH; i < count; i++) {
        TRY(monitor_entry(m, bundle * TILE_WIDTH + i, entries[i], e));
        m->state.next++;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
save(struct monitor *m, struct selfsame_err *e)
{
    m->unsaved = true;
    TRY(state_write(m->c->state, &m->state, e));
    m->unsaved = false;
    return SELFSAME_OK;
}

static enum selfsame_code
read_entries(struct monitor *m, struct looking *l, struct selfsame_err *e)
{
    const uint64_t from = m->state.next;

    for (unsigned done = 1; m->state.next < l->c.size; done++) {
        TRY(read_bundle(m, l, &l->good, e));
        if (m->c->progress != NULL)
            m->c->progress(m->c->ctx, m->state.next - from, l->c.size - from);
        if (!l->good)
            return SELFSAME_OK;
        if (done % SAVE_EVERY == 0)
            TRY(save(m, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
finish(
    struct monitor *m, const struct looking *l, uint64_t before, struct selfsame_err *e)
{
    char root[65];

    hex_encode(BYTES_ARR(l->c.root), root);
    /* What lasted is over. */
    memset(m->told, 0, sizeof(m->told[0]) * ALARM_WITHHELD);
    TRY(monitor_tell(m,
        json_pack("{s:s,s:I,s:s,s:I}", "event", "checkpoint", "size",
            (json_int_t)l->c.size, "root", root, "entries",
            (json_int_t)(m->state.next - before)),
        e));
    /* Witnesses whose clocks run ahead must not keep it young. */
    if (l->time_s > m->state.time_s)
        m->state.time_s = l->time_s;
    struct selfsame_err later = { 0 };
    enum selfsame_code page = SELFSAME_OK;
    if (m->c->page != NULL)
        page = page_write(m->c->page, &m->state, m->now_s, &later);
    TRY(save(m, e));
    if (page == SELFSAME_OK)
        return SELFSAME_OK;
    m->unsaved = true; /* and the page is tried again */
    *e = later;
    return page;
}

/* ---- a round ---- */

/* The same tree, not seen any later: what lasted so far, but being old, is over. */
static bool
is_old_news(struct monitor *m, const struct looking *l)
{
    const struct state *s = &m->state;

    if (s->note == NULL || m->unsaved || s->next != l->c.size ||
        l->c.size != s->checkpoint.size || l->time_s > s->time_s ||
        !bytes_eq(BYTES_ARR(l->c.root), BYTES_ARR(s->checkpoint.root)))
        return false;
    memset(m->told, 0, sizeof(m->told[0]) * (ALARM_CHECKPOINT + 1));
    return true;
}

/* From here on it binds the log, whether or not its entries can be had; the time is that
 * of what was read to its end. */
static enum selfsame_code
believe(struct monitor *m, const struct looking *l, struct selfsame_err *e)
{
    struct selfsame_bytes edge = BYTES_NONE;

    m->seen_s = l->time_s;
    TRY(state_set_note(&m->state, l->note, m->state.time_s, e));
    if (!l->read)
        return SELFSAME_OK;
    TRY(tiles_edge(m->tiles, l->arena, &edge, e));
    return state_set_edge(&m->state, edge, e);
}

static enum selfsame_code
advance(struct monitor *m, struct looking *l, struct selfsame_err *e)
{
    const uint64_t before = m->state.next;

    TRY(monitor_compare(m, l, e));
    if (!l->good)
        return SELFSAME_OK;
    TRY(believe(m, l, e));
    TRY(read_entries(m, l, e));
    return l->good ? finish(m, l, before, e) : SELFSAME_OK;
}

/* Counts looks that leave entries unread which the log signed. */
static bool
is_stuck(struct monitor *m, const struct looking *l)
{
    struct state *s = &m->state;

    if (!l->withheld && (s->note == NULL || s->next == s->checkpoint.size)) {
        s->stuck.looks = 0;
        return false;
    }
    if (s->stuck.looks == 0 || s->stuck.next != s->next) {
        s->stuck.looks = 0;
        s->stuck.next = s->next;
        s->stuck.since_s = m->now_s;
    }
    s->stuck.looks++;
    return s->stuck.looks >= (tiles_absent(m->tiles) ? LOOKS_ABSENT : LOOKS_IO);
}

static enum selfsame_code
stuck(struct monitor *m, struct selfsame_err *e)
{
    const struct state *s = &m->state;
    char when[TIME_TEXT];

    time_format(s->stuck.since_s, when);
    return monitor_alarm(m, ALARM_WITHHELD,
        json_pack("{s:I}", "next", (json_int_t)s->next), e,
        "since %s the log does not show entry %llu and what follows, which it signed",
        when, (unsigned long long)s->next);
}

/* What was signed is remembered though it could not be read, not what was not told. */
static enum selfsame_code
account(struct monitor *m, const struct looking *l, struct selfsame_err *e)
{
    const bool before = m->state.pending_count > 0 || m->state.stuck.looks > 0;
    const bool late = is_stuck(m, l); /* before other tiles are asked for */
    bool overdue = false;

    TRY(monitor_settle(m, &overdue, e));
    if (!overdue && late)
        TRY(stuck(m, e));
    if (!overdue && !late)
        memset(m->told[ALARM_WITHHELD], 0, sizeof(m->told[0]));
    return (before || m->state.stuck.looks > 0) && m->state.note != NULL ? save(m, e)
                                                                         : SELFSAME_OK;
}

static enum selfsame_code
look(struct monitor *m, struct selfsame_err *e)
{
    auto_arena arena = arena_new(NOTE_ROOM);
    struct looking l = { .arena = &arena };
    struct selfsame_err later = { 0 };
    enum selfsame_code code = SELFSAME_OK;

    TRY(tiles_checkpoint(m->tiles, &arena, &l.note, e));
    TRY(monitor_judge(m, &l, e));
    if (!l.good)
        return SELFSAME_OK;
    if (m->state.time_s == 0 && m->state.first_s == 0)
        m->state.first_s = l.time_s;
    if (!is_old_news(m, &l))
        code = advance(m, &l, e);
    if (code != SELFSAME_OK && !l.withheld)
        return code;
    enum selfsame_code settled = account(m, &l, &later);
    if (code == SELFSAME_OK && settled != SELFSAME_OK) {
        *e = later;
        code = settled;
    }
    return code;
}

static enum selfsame_code
check_stale(struct monitor *m, struct selfsame_err *e)
{
    const struct state *s = &m->state;
    const int64_t last_s = s->time_s > 0 ? s->time_s : s->first_s;
    char when[TIME_TEXT];

    if (m->c->stale_s <= 0 || last_s <= 0 || m->now_s - last_s <= m->c->stale_s)
        return SELFSAME_OK;
    time_format(last_s, when);
    if (s->time_s <= 0)
        return monitor_alarm(m, ALARM_STALE, NULL, e,
            "no checkpoint could be read to its end yet, and witnesses saw the first "
            "one at %s",
            when);
    return monitor_alarm(m, ALARM_STALE, NULL, e,
        "no newer checkpoint than that of size %llu, which witnesses saw at %s",
        (unsigned long long)s->checkpoint.size, when);
}

static enum selfsame_code
check_full(struct monitor *m, struct selfsame_err *e)
{
    if (m->state.dropped == 0)
        return SELFSAME_OK;
    return monitor_alarm(m, ALARM_FULL, NULL, e,
        "the state is full: what finds no room is told and judged, and not remembered; "
        "watch fewer names with --name and --publisher, with a state of their own");
}

enum selfsame_code
monitor_round(struct monitor *m, int64_t now_s, struct selfsame_err *e)
{
    struct selfsame_err later = { 0 };

    m->now_s = now_s;
    m->seen_s = m->state.time_s;
    enum selfsame_code code = look(m, e);
    /* A log that cannot be read grows old all the same. */
    enum selfsame_code stale = check_stale(m, &later);
    if (stale == SELFSAME_OK)
        stale = check_full(m, &later);
    if (code == SELFSAME_OK && stale != SELFSAME_OK) {
        *e = later;
        code = stale;
    }
    return code;
}

/* ---- opening ---- */

static enum selfsame_code
take_lock(struct monitor *m, struct selfsame_err *e)
{
    char path[1100];

    if (strlen(m->c->state) > 1000)
        FAIL(e, SELFSAME_USAGE, "the state's path: expected at most 1000 bytes");
    (void)snprintf(path, sizeof(path), "%s.lock", m->c->state);
    m->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (m->lock < 0)
        return file_error(e, "cannot create", path);
    if (flock(m->lock, LOCK_EX | LOCK_NB) == 0)
        return SELFSAME_OK;
    if (errno != EWOULDBLOCK)
        return file_error(e, "cannot lock", path);
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
        "%s: another monitor keeps its state there", m->c->state);
    err_remedy(e, "End that one, or give this one a state of its own.");
    return SELFSAME_IO;
}

static enum selfsame_code
open_parts(struct monitor *m, struct selfsame_err *e)
{
    const struct monitor_config *c = m->c;

    TRY(take_lock(m, e));
    TRY(state_read(c->state, &m->state, e));
    if (m->state.note != NULL)
        monitor_origin(m, m->state.checkpoint.origin);
    return c->reader != NULL ? tiles_over(c->reader, &m->tiles, e)
                             : tiles_open(c->where, &m->tiles, e);
}

enum selfsame_code
monitor_new(
    const struct monitor_config *c, struct monitor **ret, struct selfsame_err *e)
{
    struct monitor *m = calloc(1, sizeof(*m));

    if (m == NULL)
        FAIL(e, SELFSAME_NOMEM, "a monitor");
    m->c = c;
    m->lock = -1;
    enum selfsame_code code = open_parts(m, e);
    if (code != SELFSAME_OK)
        monitor_free(&m);
    *ret = m;
    return code;
}

void
monitor_free(struct monitor **m)
{
    if (*m == NULL)
        return;
    tiles_free(&(*m)->tiles);
    state_free(&(*m)->state);
    fd_close(&(*m)->lock);
    free(*m);
    *m = NULL;
}
