/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_MONITOR_H
#define SELFSAME_MONITOR_H

#include "codec/json.h"
#include "fetch/tiles.h"

/*
 * Follows a log on behalf of those whose releases stand in it, and tells what it sees as
 * events (docs/monitor.md lists them). A round reads the checkpoint, judges it by the
 * trust policy, proves from tiles that it continues the one before, checks and reads
 * every new entry, and tells; only then it saves how far it came. So a crash repeats
 * events and loses none.
 *
 * The clock, the log's files and where events go are arguments. One thread at a time.
 */
enum {
    MONITOR_KEYS = 32,
    MONITOR_NAMES = 64,
    MONITOR_RELEASES = 16384, /* that a state holds */
    MONITOR_REBUILDS = 65536,
    MONITOR_STRANGERS = 64,        /* releases of strangers under one's names */
    MONITOR_STRANGE_NAMES = 4096,  /* under which only strangers signed so far */
    MONITOR_UNCHECKED = 64,        /* rebuilds of a release, by keys nobody knows */
    MONITOR_UNCHECKED_ALL = 32768, /* the same, of all releases */
    MONITOR_FORKS = 64,            /* of which evidence is kept */
    MONITOR_LABEL = 64,
};
struct monitor_key {
    struct selfsame_bytes spki;
    const char *label; /* for people: where it came from */
};
struct monitor_keys {
    const struct monitor_key *at;
    size_t count;
};
struct monitor_config {
    const char *where;                 /* URL or directory of the log */
    const struct tiles_reader *reader; /* instead of `where`, or NULL */
    const char *state;                 /* file; evidence of forks goes to STATE.forks */
    const struct log_policy *trust;
    const char *const *names; /* of releases that are the operator's */
    size_t name_count;
    struct monitor_keys publishers; /* the operator's; all names they sign are too */
    struct monitor_keys retired;    /* were the operator's */
    struct monitor_keys rebuilders; /* whose words are checked to be theirs */
    const uint8_t (*known)[32];     /* statements the operator made */
    size_t known_count;
    bool has_known;   /* without: what a publisher's key signed was made by it */
    int64_t stale_s;  /* 0: no checkpoint is too old */
    const char *page; /* HTML file, or NULL */
    /* An error ends the round before anything is saved. */
    enum selfsame_code (*tell)(void *ctx, const json_t *event, struct selfsame_err *e);
    /* Of the entries that this look has to read, so many are read; or NULL. */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
};
struct monitor;
/* Reads the state, or begins one. IO: another monitor has it. */
MUST enum selfsame_code monitor_new(
    const struct monitor_config *c, struct monitor **ret, struct selfsame_err *e);
void monitor_free(struct monitor **m);
#define auto_monitor __attribute__((cleanup(monitor_free))) struct monitor

/*
 * One look at the log. Alarms are events, not errors; errors are what kept it from
 * looking: IO, NOMEM. They may be tried again. A full state is an alarm: what finds no
 * room is told and judged, and not remembered.
 */
MUST enum selfsame_code monitor_round(
    struct monitor *m, int64_t now_s, struct selfsame_err *e);
/* The class of the worst alarm so far: LOG, MISMATCH, REVOKED, MALFORMED, STALE, OK. */
enum selfsame_code monitor_worst(const struct monitor *m);

/*
 * When a quorum had seen a checkpoint: the latest time at which enough of the witnesses
 * had signed; 0 without witnesses. Times that have not come yet say nothing.
 */
int64_t monitor_witnessed(
    const struct log_policy *p, uint64_t good, const int64_t *times, int64_t now_s);

/* ---- hook.c ---- */
enum { HOOK_SECONDS = 30 };
/*
 * Runs a program, found as execvp finds it and without arguments, with `text` as its
 * standard input and its output on our standard error. IO: it cannot be run, fails, or
 * takes longer than HOOK_SECONDS, after which it and its children are ended.
 */
MUST enum selfsame_code hook_run(
    const char *program, struct selfsame_bytes text, struct selfsame_err *e);

#endif
