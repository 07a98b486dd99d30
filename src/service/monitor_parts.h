/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_MONITOR_PARTS_H
#define SELFSAME_MONITOR_PARTS_H

#include "log/statement.h"
#include "service/monitor.h"

/*
 *   monitor.c        a round: checkpoint, entries, what is saved
 *   monitor_tree.c   is all that it signs one tree?
 *   monitor_entry.c  what one entry means
 *   monitor_memory.c what is remembered from round to round
 *   monitor_state.c  the same as a file
 *   monitor_page.c   the same as HTML
 *   hook.c           a program that is told
 */

/* ---- what is remembered ---- */

enum { INDEXES = 8 };
struct seen_name {
    char name[STATEMENT_NAME + 1];
    bool ours;         /* asked for, or signed by a publisher's key */
    uint64_t sequence; /* highest of releases, 0: none yet */
    uint64_t index_sequence;
    uint8_t indexes[INDEXES][32]; /* the last ones, newest first */
};
struct seen_release {
    uint8_t sha256[32], key[32]; /* key: SHA-256 of its SPKI; claimed unless checked */
    size_t name;                 /* of state.names */
    char version[65];
    uint64_t sequence, entry;
    int64_t seen_s; /* when witnesses had seen it at the latest; 0: unknown */
    bool checked;   /* a key of the operator signed it */
    bool current;   /* the last index lists it */
    bool revoked;
    int64_t revoked_s;
    char reason[128];
    char superseded_by[65]; /* version, or "" */
    uint64_t unchecked;     /* rebuilds by keys nobody knows, of state.rebuilds */
    uint64_t more;          /* of such, that were only counted */
};
struct seen_rebuild {
    size_t release; /* of state.releases */
    uint8_t key[32];
    bool checked;
    char label[MONITOR_LABEL];
    enum rebuild_result result;
    uint64_t entry;
    int64_t seen_s;
};
/* Of a name that is nobody's yet: it may turn out to be the operator's. */
struct seen_stranger {
    char name[STATEMENT_NAME + 1];
    uint64_t entry, count; /* the first one's, and how many */
};
/* A checkpoint that its log and its witnesses signed and that is not compared yet. */
enum {
    PENDING = 8,
    LOOKS_GONE = 2,   /* before it is an alarm that what was there is gone */
    LOOKS_ABSENT = 3, /* that what has to be there is not */
    LOOKS_IO = 10,    /* that it cannot be had */
};
struct seen_pending {
    uint8_t *note;
    size_t note_len;
    struct checkpoint checkpoint; /* views into it */
    int64_t since_s;
    uint64_t looks; /* that did not settle it */
    bool absent;    /* what it calls for, or what was believed before did, is gone */
};
struct state {
    struct seen_name *names;
    struct seen_release *releases;
    struct seen_rebuild *rebuilds;
    size_t name_count, release_count, rebuild_count;
    size_t name_room, release_room, rebuild_room;
    size_t unchecked; /* of the rebuilds */
    uint64_t dropped; /* what was told and found no room */
    struct seen_stranger *strangers;
    size_t stranger_count, stranger_room;
    uint8_t *note; /* the last checkpoint believed, as it was served; NULL: none */
    size_t note_len;
    struct checkpoint checkpoint; /* views into it */
    int64_t time_s;               /* of that, by its witnesses; 0: unknown */
    int64_t first_s; /* of the first one that was good, until one is read to its end */
    uint64_t next;   /* the first entry that is not told yet */
    struct {
        uint64_t looks, next; /* that did not get beyond it */
        int64_t since_s;
    } stuck;
    uint8_t *edge; /* hashes of that tree's right edge, see tiles_edge */
    size_t edge_len;
    struct seen_pending pending[PENDING];
    size_t pending_count;
};
void state_free(struct state *s);
/* An empty state when there is no file. MALFORMED: it is there and is none. */
MUST enum selfsame_code state_read(
    const char *path, struct state *ret, struct selfsame_err *e);
MUST enum selfsame_code state_write(
    const char *path, const struct state *s, struct selfsame_err *e);
/* The state from a file's bytes. */
MUST enum selfsame_code state_parse(
    struct selfsame_bytes text, struct state *ret, struct selfsame_err *e);
/* In place of the checkpoint so far. */
MUST enum selfsame_code state_set_note(struct state *s, struct selfsame_bytes note,
    int64_t time_s, struct selfsame_err *e);
MUST enum selfsame_code state_set_edge(
    struct state *s, struct selfsame_bytes edge, struct selfsame_err *e);
/* The same again is one. Beyond PENDING the first ones stay. */
MUST enum selfsame_code state_add_pending(struct state *s, struct selfsame_bytes note,
    int64_t since_s, bool absent, struct selfsame_err *e);
void state_drop_pending(struct state *s, size_t i);
/* Beyond MONITOR_STRANGE_NAMES the first ones stay. */
MUST enum selfsame_code state_add_stranger(
    struct state *s, const char *name, uint64_t entry, struct selfsame_err *e);
bool state_take_stranger(struct state *s, const char *name, struct seen_stranger *ret);
bool state_find_name(const struct state *s, const char *name, size_t *ret);
/* New members at the end; USAGE: the state is full, see state_has_room. */
MUST enum selfsame_code state_name(
    struct state *s, const char *name, size_t *ret, struct selfsame_err *e);
MUST enum selfsame_code state_add_release(
    struct state *s, struct seen_release **ret, struct selfsame_err *e);
/* Not filled in yet; state_count_rebuild when it is. */
MUST enum selfsame_code state_add_rebuild(
    struct state *s, struct seen_rebuild **ret, struct selfsame_err *e);
void state_count_rebuild(struct state *s, const struct seen_rebuild *b);
bool state_has_room(const struct state *s, bool new_name);
struct seen_release *state_release(struct state *s, const uint8_t sha256[static 32]);
const char *rebuild_word(enum rebuild_result r);
/* Text of strangers, plain, as much as there is room for. */
void copy_plain(char *to, size_t cap, const char *from);

/* ---- text that grows ---- */

struct text {
    char *ptr;
    size_t len, cap;
    bool bad; /* out of memory */
};
void text_free(struct text *t);
#define auto_text __attribute__((cleanup(text_free))) struct text
void text_add(struct text *t, struct selfsame_bytes b);
void text_str(struct text *t, const char *s);
/* For HTML: & < > " ' as entities, what is not plain as '?'. */
void text_escaped(struct text *t, const char *s);

/* ---- the page ---- */
MUST enum selfsame_code page_write(
    const char *path, const struct state *s, int64_t now_s, struct selfsame_err *e);

/* ---- a round ---- */

enum alarm {
    ALARM_FORK,
    ALARM_WENT_BACK,
    ALARM_TILES,
    ALARM_CHECKPOINT,
    ALARM_FOREIGN,
    ALARM_DUPLICATE,
    ALARM_DIFFERENT,
    ALARM_RETIRED,
    ALARM_UNPARSABLE,
    ALARM_SEQUENCE,
    ALARM_STALE,
    ALARM_WITHHELD, /* this and what follows is not over with the next checkpoint */
    ALARM_FULL,
    ALARM_COUNT,
};
struct monitor {
    const struct monitor_config *c;
    struct tiles *tiles;
    struct state state;
    int lock;
    int64_t now_s;
    int64_t seen_s; /* of the checkpoint that is read now */
    char origin[NOTE_NAME_MAX + 1];
    enum selfsame_code worst;
    bool unsaved; /* something was told that the state's file does not know */
    uint8_t told[ALARM_COUNT]
                [32]; /* hash of what was last said, when it is said once */
};
/* Adds what all events have and tells it; takes the event over. NULL: out of memory. */
MUST enum selfsame_code monitor_tell(
    struct monitor *m, json_t *event, struct selfsame_err *e);
/* `more`: members for the event, taken over; may be NULL. */
SELFSAME_PRINTF(5, 6)
MUST enum selfsame_code monitor_alarm(struct monitor *m, enum alarm a, json_t *more,
    struct selfsame_err *e, const char *fmt, ...);
MUST enum selfsame_code monitor_entry(struct monitor *m, uint64_t index,
    struct selfsame_bytes entry, struct selfsame_err *e);

/* ---- monitor_tree.c ---- */
struct looking {
    struct arena *arena;
    struct selfsame_bytes note;
    struct checkpoint c;
    int64_t time_s;
    bool good;     /* it is to be believed, as far as it goes */
    bool read;     /* the tiles are those of its tree */
    bool withheld; /* it is signed, and something that it calls for cannot be had */
};

void monitor_origin(struct monitor *m, struct selfsame_bytes origin);
/* Is the note to be believed, as far as it goes? Alarms if not. */
MUST enum selfsame_code monitor_judge(
    struct monitor *m, struct looking *l, struct selfsame_err *e);
/* Does it agree with what was believed? It is the newer one when l->good stays. */
MUST enum selfsame_code monitor_compare(
    struct monitor *m, struct looking *l, struct selfsame_err *e);
/* Compares what was not compared; alarms when it did not agree, or lasts. */
MUST enum selfsame_code monitor_settle(
    struct monitor *m, bool *ret_overdue, struct selfsame_err *e);
/* What the log shows is not what it signed: an alarm. What cannot be had: an error. */
MUST enum selfsame_code monitor_unread(struct monitor *m, struct looking *l,
    enum selfsame_code code, const struct selfsame_err *why, struct selfsame_err *e);

#endif
