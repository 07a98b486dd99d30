/* SPDX-License-Identifier: Apache-2.0 */
/* Is all that the log signs one tree? */
#include "service/monitor_parts.h"

#include "os/os.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
    CLOCK_SKEW_S = 300,
};

void
monitor_origin(struct monitor *m, struct selfsame_bytes origin)
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

enum selfsame_code
monitor_judge(struct monitor *m, struct looking *l, struct selfsame_err *e)
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
    monitor_origin(m, l->c.origin);
    l->time_s = monitor_witnessed(m->c->trust, good, times, m->now_s);
    l->good = true;
    return SELFSAME_OK;
}

enum selfsame_code
monitor_unread(struct monitor *m, struct looking *l, enum selfsame_code code,
    const struct selfsame_err *why, struct selfsame_err *e)
{
    if (code != SELFSAME_LOG) {
        l->withheld = code == SELFSAME_IO && !os_interrupted();
        *e = *why;
        return code;
    }
    json_t *more = json_object();
    keep_evidence(m, l->note, more);
    return monitor_alarm(m, ALARM_TILES, more, e, "%s", err_text(why));
}

static bool
is_believed(const struct state *s, const struct checkpoint *c)
{
    return c->size == s->checkpoint.size &&
           bytes_eq(BYTES_ARR(c->root), BYTES_ARR(s->checkpoint.root));
}

/*
 * Signed and not compared: a later tree has to account for it. The first one needs no
 * comparison, and binds the log though nothing of it can be had.
 */
static enum selfsame_code
not_compared(struct monitor *m, struct looking *l, enum selfsame_code code,
    const struct selfsame_err *why, struct selfsame_err *e)
{
    struct state *s = &m->state;
    const bool counts = (code == SELFSAME_LOG || code == SELFSAME_IO) &&
                        !os_interrupted();

    if (counts && s->note == NULL)
        TRY(state_set_note(s, l->note, 0, e));
    else if (counts && !is_believed(s, &l->c))
        TRY(state_add_pending(
            s, l->note, m->now_s, code == SELFSAME_LOG || tiles_absent(m->tiles), e));
    return monitor_unread(m, l, code, why, e);
}

/* The tree that was believed: by what was kept of it, else by what is served. */
static enum selfsame_code
believe_again(struct monitor *m, struct selfsame_err *e)
{
    const struct state *s = &m->state;
    struct selfsame_err ignored;

    if (s->edge != NULL && tiles_believe_edge(m->tiles, &s->checkpoint,
                               BYTES(s->edge, s->edge_len), &ignored) == SELFSAME_OK)
        return SELFSAME_OK;
    return tiles_believe(m->tiles, &s->checkpoint, e);
}

/* Does the tree of `larger`, whose edge is believed, begin with that of `smaller`? */
static enum selfsame_code
check_begins(struct monitor *m, const struct checkpoint *larger,
    const struct checkpoint *smaller, bool *ret, struct selfsame_err *e)
{
    uint8_t root[LOG_HASH];

    if (smaller->size == 0) {
        if (!merkle_empty(root))
            FAIL(e, SELFSAME_NOMEM, "a checkpoint");
    } else if (smaller->size == larger->size)
        memcpy(root, larger->root, sizeof(root));
    else
        TRY(tiles_root(m->tiles, smaller->size, root, e));
    *ret = bytes_eq(BYTES_ARR(root), BYTES_ARR(smaller->root));
    return SELFSAME_OK;
}

static enum selfsame_code
compare_with(struct monitor *m, struct looking *l, const struct checkpoint *larger,
    const struct checkpoint *smaller, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    bool begins = false;

    l->good = false;
    l->read = larger == &l->c;
    enum selfsame_code code = l->read ? tiles_believe(m->tiles, larger, &why)
                                      : believe_again(m, &why);
    if (code == SELFSAME_OK)
        code = check_begins(m, larger, smaller, &begins, &why);
    if (code != SELFSAME_OK)
        return not_compared(m, l, code, &why, e);
    if (!begins)
        return forked(m, l->note, &l->c, e);
    l->good = true;
    return SELFSAME_OK;
}

enum selfsame_code
monitor_compare(struct monitor *m, struct looking *l, struct selfsame_err *e)
{
    const struct checkpoint *old = &m->state.checkpoint;

    if (m->state.note == NULL) {
        struct checkpoint empty = { .size = 0 };

        if (!merkle_empty(empty.root))
            FAIL(e, SELFSAME_NOMEM, "a checkpoint");
        return compare_with(m, l, &l->c, &empty, e);
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
        return compare_with(m, l, &l->c, old, e);
    /* An older one: caches do that. It must be part of what is believed. */
    TRY(compare_with(m, l, old, &l->c, e));
    if (!l->good)
        return SELFSAME_OK;
    l->good = false;
    return monitor_tell(m,
        json_pack("{s:s,s:I,s:I}", "event", "older-checkpoint", "size",
            (json_int_t)l->c.size, "believed_size", (json_int_t)old->size),
        e);
}

/* ---- what was signed and not compared ---- */

/* Does it agree with what is believed? IO, LOG: that cannot be said now. */
static enum selfsame_code
settle_one(struct monitor *m, const struct seen_pending *p, bool *ret_settled,
    struct selfsame_err *e)
{
    const struct checkpoint *believed = &m->state.checkpoint;
    struct selfsame_err ignored;
    bool begins = false;

    *ret_settled = false;
    if (p->checkpoint.size > believed->size)
        return SELFSAME_OK;
    enum selfsame_code code = believe_again(m, &ignored);
    if (code == SELFSAME_OK)
        code = check_begins(m, believed, &p->checkpoint, &begins, &ignored);
    if (code == SELFSAME_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "a checkpoint");
    *ret_settled = code == SELFSAME_OK;
    return *ret_settled && !begins
               ? forked(m, BYTES(p->note, p->note_len), &p->checkpoint, e)
               : SELFSAME_OK;
}

/* Gone, where it has to stand; or not to be had, which may be the network's fault. */
static bool
is_overdue(const struct monitor *m, const struct seen_pending *p)
{
    return p->looks >= (!p->absent ? LOOKS_IO
                           : p->checkpoint.size < m->state.checkpoint.size
                               ? LOOKS_GONE
                               : LOOKS_ABSENT);
}

static enum selfsame_code
overdue(struct monitor *m, const struct seen_pending *p, struct selfsame_err *e)
{
    json_t *more = json_pack("{s:I,s:I}", "believed_size",
        (json_int_t)m->state.checkpoint.size, "other_size",
        (json_int_t)p->checkpoint.size);
    char when[TIME_TEXT];

    time_format(p->since_s, when);
    keep_evidence(m, BYTES(p->note, p->note_len), more);
    return monitor_alarm(m, ALARM_WITHHELD, more, e,
        "the log signed a checkpoint of size %llu, and since %s does not show what it "
        "takes to compare it with that of size %llu which it signed before",
        (unsigned long long)p->checkpoint.size, when,
        (unsigned long long)m->state.checkpoint.size);
}

enum selfsame_code
monitor_settle(struct monitor *m, bool *ret_overdue, struct selfsame_err *e)
{
    struct state *s = &m->state;
    const struct seen_pending *late = NULL;

    for (size_t i = 0; i < s->pending_count;) {
        bool settled;

        TRY(settle_one(m, &s->pending[i], &settled, e));
        if (settled) {
            state_drop_pending(s, i);
            continue;
        }
        s->pending[i++].looks++;
    }
    for (size_t i = 0; i < s->pending_count && late == NULL; i++)
        late = is_overdue(m, &s->pending[i]) ? &s->pending[i] : NULL;
    *ret_overdue = late != NULL;
    return late != NULL ? overdue(m, late, e) : SELFSAME_OK;
}
