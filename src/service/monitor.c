/* SPDX-License-Identifier: Apache-2.0 */
#include "service/monitor.h"

#include "os/os.h"
#include "service/monitor_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
    NOTE_ROOM = 8 << 20,
    BUNDLE_ROOM = 64 << 20,
    SAVE_EVERY = 64, /* bundles: so much is told again after a crash */
    CLOCK_SKEW_S = 300,
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

static void
set_origin(struct monitor *m, struct selfsame_bytes origin)
{
    (void)snprintf(m->origin, sizeof(m->origin), "%.*s", (int)origin.len,
        (const char *)origin.ptr);
    text_clean(m->origin);
}

/* ---- evidence ---- */

static enum selfsame_code
keep_note(const char *dir, const char *which, struct selfsame_bytes note, char *ret,
    size_t cap, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    char hex[17];
    struct stat st;

    if (!hash_bytes(HASH_SHA256, note, digest))
        FAIL(e, SELFSAME_NOMEM, "evidence");
    hex_encode(BYTES(digest, 8), hex);
    (void)snprintf(ret, cap, "%s/%s.%s", dir, hex, which);
    return stat(ret, &st) == 0 ? SELFSAME_OK : file_write(ret, note, false, e);
}

static void
dir_close(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

/* Two notes a fork; the first ones prove as much as all. */
static bool
has_room(const char *dir)
{
    __attribute__((cleanup(dir_close))) DIR *d = opendir(dir);
    size_t count = 0;

    while (d != NULL && count <= 2 * MONITOR_FORKS && readdir(d) != NULL)
        count++;
    return count <= 2 * MONITOR_FORKS;
}

static enum selfsame_code
keep_notes(
    struct monitor *m, struct selfsame_bytes note, json_t *to, struct selfsame_err *e)
{
    const struct selfsame_bytes believed = BYTES(m->state.note, m->state.note_len);
    char dir[1024], old[1100], new[1100];

    (void)snprintf(dir, sizeof(dir), "%s.forks", m->c->state);
    TRY(dir_make(dir, false, e));
    if (!has_room(dir))
        return SELFSAME_OK;
    TRY(keep_note(dir, "believed", believed, old, sizeof(old), e));
    TRY(keep_note(dir, "other", note, new, sizeof(new), e));
    (void)json_object_set_new(to, "believed", json_string(old));
    (void)json_object_set_new(to, "other", json_string(new));
    return SELFSAME_OK;
}

/* A full disk must not silence the alarm: then that says it. */
static void
keep_evidence(struct monitor *m, struct selfsame_bytes note, json_t *to)
{
    struct selfsame_err why = { 0 };

    if (m->state.note == NULL ||
        bytes_eq(note, BYTES(m->state.note, m->state.note_len)))
        return;
    if (keep_notes(m, note, to, &why) != SELFSAME_OK)
        (void)json_object_set_new(to, "lost", json_string(err_text(&why)));
}

static enum selfsame_code
forked(struct monitor *m, struct selfsame_bytes note, const struct checkpoint *c,
    struct selfsame_err *e)
{
    json_t *more = json_pack("{s:I,s:I}", "believed_size",
        (json_int_t)m->state.checkpoint.size, "other_size", (json_int_t)c->size);
    char root[17];

    keep_evidence(m, note, more);
    hex_encode(BYTES(c->root, 8), root);
    return monitor_alarm(m, ALARM_FORK, more, e,
        "the log shows a tree of size %llu (root %s...) that does not agree with the "
        "one of size %llu it showed before",
        (unsigned long long)c->size, root,
        (unsigned long long)m->state.checkpoint.size);
}

/* ---- the checkpoint ---- */

int64_t
monitor_witnessed(
    const struct log_policy *p, uint64_t good, const int64_t *times, int64_t now_s)
{
    int64_t best = 0;

    for (size_t i = 0; i < p->witness_count; i++) {
        uint64_t later = 0;

        if ((good >> i & 1) == 0 || times[i] <= best || times[i] > now_s + CLOCK_SKEW_S)
            continue;
        for (size_t k = 0; k < p->witness_count; k++)
            if ((good >> k & 1) != 0 && times[k] >= times[i])
                later |= UINT64_C(1) << k;
        if (log_policy_met(p, later))
            best = times[i];
    }
    return best;
}

struct looking {
    struct arena *arena;
    struct selfsame_bytes note;
    struct checkpoint c;
    int64_t time_s;
    bool good; /* it is to be believed, as far as it goes */
};

/* The log signed it and not enough witnesses did: it binds the log all the same. */
static enum selfsame_code
look_unwitnessed(struct monitor *m, struct looking *l, struct selfsame_err *e)
{
    struct selfsame_err ignored;
    struct note n;

    if (m->state.note == NULL ||
        note_parse(l->note, l->arena, &n, &ignored) != SELFSAME_OK ||
        checkpoint_parse(n.text, &l->c, &ignored) != SELFSAME_OK ||
        l->c.size != m->state.checkpoint.size ||
        !bytes_eq(l->c.origin, m->state.checkpoint.origin) ||
        bytes_eq(BYTES_ARR(l->c.root), BYTES_ARR(m->state.checkpoint.root)))
        return SELFSAME_OK;
    return forked(m, l->note, &l->c, e);
}

static enum selfsame_code
judge_note(struct monitor *m, struct looking *l, struct selfsame_err *e)
{
    int64_t times[POLICY_WITNESSES] = { 0 };
    enum log_refusal why = LOG_REFUSED_NOT;
    struct selfsame_err reason = { 0 };
    uint64_t good = 0;

    enum selfsame_code code = log_policy_judge(
        m->c->trust, l->note, l->arena, &l->c, &good, times, &why, &reason);
    if (code == SELFSAME_NOMEM) {
        *e = reason;
        return code;
    }
    if (code != SELFSAME_OK) {
        TRY(monitor_alarm(m, ALARM_CHECKPOINT, NULL, e, "the checkpoint is refused: %s",
            err_text(&reason)));
        return why == LOG_REFUSED_QUORUM ? look_unwitnessed(m, l, e) : SELFSAME_OK;
    }
    if (m->state.note != NULL && !bytes_eq(l->c.origin, m->state.checkpoint.origin))
        return monitor_alarm(m, ALARM_CHECKPOINT, NULL, e,
            "the checkpoint is of another log than before: %.*s", (int)l->c.origin.len,
            (const char *)l->c.origin.ptr);
    set_origin(m, l->c.origin);
    l->time_s = monitor_witnessed(m->c->trust, good, times, m->now_s);
    l->good = true;
    return SELFSAME_OK;
}

/* What the log shows is not what it signed: an alarm. What cannot be had: an error. */
static enum selfsame_code
tiles_failed(struct monitor *m, const struct looking *l, enum selfsame_code code,
    const struct selfsame_err *why, struct selfsame_err *e)
{
    if (code != SELFSAME_LOG) {
        *e = *why;
        return code;
    }
    json_t *more = json_object();
    keep_evidence(m, l->note, more);
    return monitor_alarm(m, ALARM_TILES, more, e, "%s", err_text(why));
}

/* Does the tree of `larger` begin with that of `smaller`? Both are signed. */
static enum selfsame_code
check_follows(struct monitor *m, struct looking *l, const struct checkpoint *larger,
    const struct checkpoint *smaller, struct selfsame_err *e)
{
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct selfsame_err why = { 0 };
    size_t count = 0;

    l->good = false;
    enum selfsame_code code = tiles_believe(m->tiles, larger, &why);
    if (code == SELFSAME_OK)
        code = tiles_consistency(m->tiles, smaller->size, hashes, &count, &why);
    if (code != SELFSAME_OK)
        return tiles_failed(m, l, code, &why, e);
    code = merkle_check_consistency(smaller->size, smaller->root, larger->size,
        larger->root, (struct merkle_path){ hashes, count }, &why);
    if (code == SELFSAME_LOG)
        return forked(m, l->note, &l->c, e);
    if (code != SELFSAME_OK) {
        *e = why;
        return code;
    }
    l->good = true;
    return SELFSAME_OK;
}

static enum selfsame_code
compare(struct monitor *m, struct looking *l, struct selfsame_err *e)
{
    const struct checkpoint *old = &m->state.checkpoint;

    if (m->state.note == NULL) {
        struct checkpoint empty = { .size = 0 };

        if (!merkle_empty(empty.root))
            FAIL(e, SELFSAME_NOMEM, "a checkpoint");
        return check_follows(m, l, &l->c, &empty, e);
    }
    if (l->c.size == old->size &&
        !bytes_eq(BYTES_ARR(l->c.root), BYTES_ARR(old->root))) {
        l->good = false;
        return forked(m, l->note, &l->c, e);
    }
    /* Seen again by witnesses, and all of it read already. */
    if (l->c.size == old->size && m->state.next == l->c.size)
        return SELFSAME_OK;
    if (l->c.size >= old->size)
        return check_follows(m, l, &l->c, old, e);
    /* An older one: caches do that. It must be part of what is believed. */
    TRY(check_follows(m, l, old, &l->c, e));
    if (!l->good)
        return SELFSAME_OK;
    l->good = false;
    return monitor_tell(m,
        json_pack("{s:s,s:I,s:I}", "event", "older-checkpoint", "size",
            (json_int_t)l->c.size, "believed_size", (json_int_t)old->size),
        e);
}

/* ---- entries ---- */

static enum selfsame_code
read_bundle(
    struct monitor *m, const struct looking *l, bool *ret_good, struct selfsame_err *e)
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
        return tiles_failed(m, l, code, &why, e);
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
    memset(m->told, 0, sizeof(m->told[0]) * ALARM_FULL);
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

static enum selfsame_code
look(struct monitor *m, struct selfsame_err *e)
{
    auto_arena arena = arena_new(NOTE_ROOM);
    struct looking l = { .arena = &arena };
    const uint64_t before = m->state.next;

    TRY(tiles_checkpoint(m->tiles, &arena, &l.note, e));
    TRY(judge_note(m, &l, e));
    if (l.good && is_old_news(m, &l))
        return SELFSAME_OK;
    if (l.good)
        TRY(compare(m, &l, e));
    if (!l.good)
        return SELFSAME_OK;
    /* From here on it binds the log, whether or not its entries can be had; the time is
     * that of what was read to its end. */
    m->seen_s = l.time_s;
    TRY(state_set_note(&m->state, l.note, m->state.time_s, e));
    TRY(read_entries(m, &l, e));
    return l.good ? finish(m, &l, before, e) : SELFSAME_OK;
}

static enum selfsame_code
check_stale(struct monitor *m, struct selfsame_err *e)
{
    const struct state *s = &m->state;
    char when[TIME_TEXT];

    if (m->c->stale_s <= 0 || s->note == NULL || s->time_s <= 0 ||
        m->now_s - s->time_s <= m->c->stale_s)
        return SELFSAME_OK;
    time_format(s->time_s, when);
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
    (void)err_set(e, SELFSAME_DENIED, __FILE__, __LINE__,
        "%s: another monitor keeps its state there", m->c->state);
    err_remedy(e, "End that one, or give this one a state of its own.");
    return SELFSAME_DENIED;
}

static enum selfsame_code
open_parts(struct monitor *m, struct selfsame_err *e)
{
    const struct monitor_config *c = m->c;

    TRY(take_lock(m, e));
    TRY(state_read(c->state, &m->state, e));
    if (m->state.note != NULL)
        set_origin(m, m->state.checkpoint.origin);
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
