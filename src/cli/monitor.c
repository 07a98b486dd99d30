/* SPDX-License-Identifier: Apache-2.0 */
#include "service/monitor.h"

#include "cli/commands.h"
#include "codec/pem.h"
#include "crypto/x509.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { KEY_FILE = 64 << 10, KNOWN_FILE = 8 << 20, STALE_MS = 7 * 86400 * 1000 };

struct watching {
    struct cli *c;
    struct monitor_config config;
    struct log_policy trust;
    const char *names[MONITOR_NAMES];
    struct monitor_key keys[3][MONITOR_KEYS];
    const char *hook, *on_release;
    struct progress progress;
    uint64_t read; /* as far as `progress` shows */
    int64_t interval_ms;
    bool deaf; /* standard output takes nothing more */
};

/* ---- what is watched for ---- */

static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static enum selfsame_code
check_key(struct selfsame_bytes spki, struct selfsame_err *e)
{
    struct selfsame_bytes key;
    enum sig_alg alg;

    TRY(spki_parse(spki, &alg, &key, e));
    if (alg != SIG_ED25519 && alg != SIG_P256 && alg != SIG_P384)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected a key for Ed25519, P-256 or P-384, got another");
    return SELFSAME_OK;
}

/* Every PUBLIC KEY of a PEM file. */
static enum selfsame_code
read_keys(struct watching *w, const char *path, struct monitor_key *to, size_t *count,
    struct selfsame_err *e)
{
    struct arena *arena = cli_arena(w->c);
    struct selfsame_bytes rest, spki;
    const size_t before = *count;

    TRY(file_read(path, KEY_FILE, arena, &rest, e));
    for (;;) {
        TRY_WHILE(e, pem_next(&rest, "PUBLIC KEY", arena, &spki, e), "%s", path);
        if (spki.ptr == NULL)
            break;
        if (*count == MONITOR_KEYS)
            FAIL(e, SELFSAME_USAGE, "%s: expected at most %d keys", path,
                (int)MONITOR_KEYS);
        TRY_WHILE(e, check_key(spki, e), "%s", path);
        char *label = arena_printf(arena, "%s", base_name(path));
        if (label == NULL)
            FAIL(e, SELFSAME_NOMEM, "%s", path);
        text_clean(label);
        to[(*count)++] = (struct monitor_key){ spki, label };
    }
    if (*count == before)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a PEM block PUBLIC KEY, got none",
            path);
    return SELFSAME_OK;
}

static enum selfsame_code
take_keys(struct watching *w, const char *option, struct monitor_key *to,
    struct monitor_keys *ret, struct selfsame_err *e)
{
    const char *paths[CLI_VALUES];
    const size_t n = cli_values(w->c, option, paths, COUNT(paths));

    *ret = (struct monitor_keys){ to, 0 };
    for (size_t i = 0; i < n; i++)
        TRY_WHILE(e, read_keys(w, paths[i], to, &ret->count, e), "--%s", option);
    return SELFSAME_OK;
}

/* Lines as sha256sum prints them: a hash, and whatever stands behind it. */
static bool
known_line(struct selfsame_bytes line, uint8_t *ret, bool *ret_hash)
{
    size_t len = 0;

    *ret_hash = line.len > 0 && line.ptr[0] != '#';
    return !*ret_hash ||
           (line.len >= 64 && hex_decode((const char *)line.ptr, 64, ret, 32, &len) &&
               (line.len == 64 || line.ptr[64] == ' ' || line.ptr[64] == '\t'));
}

static enum selfsame_code
take_known(struct watching *w, struct selfsame_err *e)
{
    const char *path = cli_value(w->c, "known");
    struct selfsame_bytes rest, line;
    unsigned number = 0;

    if (path == NULL)
        return SELFSAME_OK;
    TRY(file_read(path, KNOWN_FILE, cli_arena(w->c), &rest, e));
    uint8_t(*all)[32] = arena_alloc(cli_arena(w->c), 32, rest.len / 64 + 1);
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s", path);
    while (rest.len > 0) {
        bool hash;

        number++;
        if (!bytes_line(&rest, &line)) { /* the last one may lack its newline */
            line = rest;
            rest = BYTES_NONE;
        }
        if (!known_line(line, all[w->config.known_count], &hash))
            FAIL(e, SELFSAME_USAGE,
                "--known: %s, line %u: expected the SHA-256 of a statement", path,
                number);
        w->config.known_count += hash;
    }
    w->config.known = (const uint8_t(*)[32])all;
    w->config.has_known = true;
    return SELFSAME_OK;
}

/* ---- options ---- */

static enum selfsame_code
take_duration(
    struct cli *c, const char *option, int64_t *ret_ms, struct selfsame_err *e)
{
    const char *text = cli_value(c, option);

    if (text != NULL && !duration_parse(text, ret_ms))
        FAIL(e, SELFSAME_USAGE, "--%s: expected such as 90s, 5m, 24h or 7d, got \"%s\"",
            option, text);
    return SELFSAME_OK;
}

static enum selfsame_code
take_times(struct watching *w, struct selfsame_err *e)
{
    const bool witnessed = w->trust.witness_count > 0;
    int64_t stale_ms = witnessed ? STALE_MS : 0;

    w->interval_ms = 60 * 1000;
    TRY(take_duration(w->c, "stale", &stale_ms, e));
    TRY(take_duration(w->c, "interval", &w->interval_ms, e));
    if (w->interval_ms < 1000)
        FAIL(e, SELFSAME_USAGE, "--interval: expected a second or more");
    if (stale_ms > 0 && !witnessed)
        FAIL(e, SELFSAME_USAGE,
            "--stale: the trust policy names no witness, and a log's own clock proves "
            "nothing");
    w->config.stale_s = stale_ms / 1000;
    return SELFSAME_OK;
}

static enum selfsame_code
take_trust(struct watching *w, struct selfsame_err *e)
{
    const char *path = cli_value(w->c, "trust");
    struct selfsame_bytes text;

    if (path == NULL || cli_value(w->c, "state") == NULL)
        FAIL(e, SELFSAME_USAGE, "--%s FILE is missing",
            path == NULL ? "trust" : "state");
    TRY(file_read(path, NOTE_MAX, cli_arena(w->c), &text, e));
    TRY_WHILE(e, log_policy_parse(text, cli_arena(w->c), &w->trust, e), "%s", path);
    return SELFSAME_OK;
}

static void
show_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct watching *w = ctx;

    if (done <= w->read || w->progress.total != total) {
        progress_begin(&w->progress, "reading the log", total);
        w->read = 0;
    }
    progress_add(&w->progress, done - w->read);
    w->read = done;
    if (done == total)
        progress_end(&w->progress);
}

static enum selfsame_code tell(void *ctx, const json_t *event, struct selfsame_err *e);

static enum selfsame_code
configure(struct watching *w, struct selfsame_err *e)
{
    struct monitor_config *k = &w->config;

    *k = (struct monitor_config){
        .where = cli_operand(w->c, 0),
        .state = cli_value(w->c, "state"),
        .trust = &w->trust,
        .names = w->names,
        .page = cli_value(w->c, "status-page"),
        .tell = tell,
        /* Events and a bar on one terminal spoil each other. */
        .progress = isatty(STDOUT_FILENO) == 1 ? NULL : show_progress,
        .ctx = w,
    };
    k->name_count = cli_values(w->c, "name", w->names, COUNT(w->names));
    w->hook = cli_value(w->c, "hook");
    w->on_release = cli_value(w->c, "on-release");
    TRY(take_trust(w, e));
    TRY(take_keys(w, "publisher", w->keys[0], &k->publishers, e));
    TRY(take_keys(w, "retired", w->keys[1], &k->retired, e));
    TRY(take_keys(w, "rebuilder", w->keys[2], &k->rebuilders, e));
    TRY(take_known(w, e));
    return take_times(w, e);
}

/* ---- events ---- */

static void
say(const struct selfsame_err *e)
{
    (void)fprintf(stderr, "selfsame: %s\n", err_text(e));
}

/* The program that wants to know of such events, or NULL. */
static const char *
listener(const struct watching *w, const json_t *event)
{
    const char *kind = json_string_value(json_object_get(event, "event"));

    if (kind != NULL && strcmp(kind, "alarm") == 0)
        return w->hook;
    return kind != NULL && strcmp(kind, "release") == 0 ? w->on_release : NULL;
}

static enum selfsame_code
tell(void *ctx, const json_t *event, struct selfsame_err *e)
{
    struct watching *w = ctx;
    const char *program = listener(w, event);
    char *text = json_compact(event);
    struct selfsame_err why = { 0 };

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "an event");
    w->deaf = printf("%s\n", text) < 0 || fflush(stdout) != 0;
    /* A program that fails loses nothing: the event stands on standard output. */
    if (!w->deaf && program != NULL &&
        hook_run(program, bytes_str(text), &why) != SELFSAME_OK)
        say(&why);
    free(text);
    if (w->deaf)
        FAIL(e, SELFSAME_IO, "cannot write an event to standard output");
    return SELFSAME_OK;
}

static enum selfsame_code
tell_error(struct watching *w, enum selfsame_code code, const struct selfsame_err *why,
    struct selfsame_err *e)
{
    char at[TIME_TEXT];

    time_format(os_now_ms() / 1000, at);
    auto_json *j = json_pack("{s:s,s:s,s:s,s:s}", "event", "error", "class",
        selfsame_code_name(code), "message", err_text(why), "at", at);
    if (j == NULL)
        FAIL(e, SELFSAME_NOMEM, "an event");
    return tell(w, j, e);
}

/* ---- following ---- */

static void
pause_for(int64_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    if (!os_interrupted())
        (void)nanosleep(&t, NULL); /* a signal ends it */
}

/* What may pass by itself: a network that is down, a log that is not whole yet. */
static bool
may_pass(const struct watching *w, enum selfsame_code code)
{
    return code == SELFSAME_IO && !w->deaf && !os_interrupted();
}

/* A watch that ends while it cannot see is not a good one. */
static enum selfsame_code
ended(const struct monitor *m, enum selfsame_code last, const struct selfsame_err *why,
    struct selfsame_err *e)
{
    if (monitor_worst(m) != SELFSAME_OK || last == SELFSAME_OK)
        return monitor_worst(m);
    *e = *why;
    return last;
}

static enum selfsame_code
follow(struct watching *w, struct monitor *m, struct selfsame_err *e)
{
    const bool once = cli_flag(w->c, "once");
    struct selfsame_err last_why = { 0 };
    enum selfsame_code last = SELFSAME_OK;

    for (;;) {
        struct selfsame_err why = { 0 };
        enum selfsame_code code = monitor_round(m, os_now_ms() / 1000, &why);
        progress_end(&w->progress);

        if (os_interrupted())
            return ended(m, last, &last_why, e);
        last = code;
        last_why = why;
        /* An alarm says more than the error beside it. */
        if (code != SELFSAME_OK && may_pass(w, code) &&
            (!once || monitor_worst(m) != SELFSAME_OK)) {
            TRY(tell_error(w, code, &why, e));
            code = SELFSAME_OK;
        }
        if (code != SELFSAME_OK && monitor_worst(m) != SELFSAME_OK && !w->deaf) {
            TRY(tell_error(w, code, &why, e));
            return monitor_worst(m);
        }
        if (code != SELFSAME_OK) {
            *e = why;
            return code;
        }
        if (once)
            return monitor_worst(m);
        pause_for(w->interval_ms);
        if (os_interrupted())
            return ended(m, last, &last_why, e);
    }
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    struct watching *w = ARENA_NEW(cli_arena(c), struct watching, 1);
    auto_monitor *m = NULL;

    if (w == NULL)
        FAIL(e, SELFSAME_NOMEM, "a monitor");
    w->c = c;
    TRY(configure(w, e));
    os_interruptible();
    TRY(monitor_new(&w->config, &m, e));
    return follow(w, m, e);
}

static const struct cli_option options[] = {
    { .name = "trust",
        .argument = "FILE",
        .help = "trust policy: the log, its witnesses, the quorum" },
    { .name = "state",
        .argument = "FILE",
        .help = "how far it came; evidence of forks goes to FILE.forks" },
    { .name = "name",
        .argument = "NAME",
        .repeatable = true,
        .help = "a release name that is yours" },
    { .name = "publisher",
        .argument = "KEY",
        .repeatable = true,
        .help = "a public key that is yours (PEM)" },
    { .name = "retired",
        .argument = "KEY",
        .repeatable = true,
        .help = "a public key that was yours and signs no more" },
    { .name = "rebuilder",
        .argument = "KEY",
        .repeatable = true,
        .help = "a public key of a rebuilder that you know" },
    { .name = "known",
        .argument = "FILE",
        .help = "SHA-256 of all statements that you made, one a line" },
    { .name = "stale",
        .argument = "TIME",
        .help = "alarm when witnesses saw no checkpoint for so long (default: 7d)" },
    { .name = "hook",
        .argument = "PROGRAM",
        .help = "run for each alarm, the event on its standard input" },
    { .name = "on-release",
        .argument = "PROGRAM",
        .help = "the same for each new release: to rebuild it" },
    { .name = "status-page",
        .argument = "FILE",
        .help = "write HTML: releases, and who rebuilt them" },
    { .name = "once", .help = "look once and end" },
    { .name = "interval",
        .argument = "TIME",
        .help = "between two looks (default: 60s)" },
    { 0 },
};

const struct cli_command monitor_command = {
    .name = "monitor",
    .operands = "LOG-URL|DIR",
    .summary = "follow a log and alarm on what should not stand in it",
    .story =
        "Example: selfsame monitor https://log.example/releases --trust policy.txt \\\n"
        "             --state hello.state --name example.com/hello \\\n"
        "             --publisher me.pem --known statements.sha256 --hook ./page-me\n"
        "One JSON object an event on standard output; the exit status is that of the\n"
        "worst alarm. Without --name and --publisher everything is watched.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
