/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_H
#define SELFSAME_CLI_H

#include "base/base.h"

/*
 * The frame of every command: a table of verbs, a table of options per verb.
 * --help, usage errors and the man page check are made from the tables. A verb
 * returns a class; main prints the error (text, or JSON with --json) and exits
 * with it.
 */
struct cli_option {
    const char *name;     /* "policy" for --policy; "p" for -p as `short_name` */
    char short_name;      /* 0: none */
    const char *argument; /* "FILE"; NULL: a flag */
    bool repeatable;
    const char *help;
};

/* Options in all: those that repeat have limits of their own, of up to 64 each. */
enum { CLI_VALUES = 512, CLI_OPERANDS = 16 };
struct cli; /* parsed command line of one verb */

struct cli_command {
    const char *name;     /* "verify"; two words "policy init" are one entry each */
    const char *operands; /* "FILE|URL" */
    const char *summary;  /* one line */
    const char *story;    /* further text of --help, with an example; may be NULL */
    const struct cli_option *options; /* ends with { 0 }; --json and --help are added */
    size_t min_operands, max_operands;
    enum selfsame_code (*run)(struct cli *c, struct selfsame_err *e);
};

bool cli_flag(const struct cli *c, const char *name);
const char *cli_value(const struct cli *c, const char *name); /* last one, or NULL */
size_t cli_values(const struct cli *c, const char *name, const char **ret, size_t cap);
size_t cli_operand_count(const struct cli *c);
const char *cli_operand(const struct cli *c, size_t i);
bool cli_json(const struct cli *c);
struct arena *cli_arena(struct cli *c);
/* argv after "--", NULL-terminated; NULL when there is none. */
char **cli_rest(const struct cli *c);

/* Parsed values; USAGE naming the option. false in *ret_given when absent. */
MUST enum selfsame_code cli_uint(const struct cli *c, const char *name, uint64_t min,
    uint64_t max, uint64_t *ret,
    struct selfsame_err *e); /* *ret untouched when absent */
MUST enum selfsame_code cli_time(
    const struct cli *c, const char *name, int64_t *ret_s, struct selfsame_err *e);
/* hex, base64 or base64url */
MUST enum selfsame_code cli_bytes(struct cli *c, const char *name,
    struct selfsame_bytes *ret, struct selfsame_err *e);

/* Progress on a terminal's stderr, only when it lasts over a second. */
struct progress {
    const char *what;
    uint64_t total, done;
    int64_t began_ms, shown_ms;
    bool terminal, shown;
};
void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_add(struct progress *p, uint64_t n);
void progress_end(struct progress *p); /* also twice */
#define auto_progress __attribute__((cleanup(progress_end))) struct progress

/* Runs the table: argv[1] (and argv[2] for two-word verbs) picks the entry. Returns the exit status. */
int cli_main(const char *program, const char *summary,
    const struct cli_command *const *table, size_t count, int argc, char **argv);

#endif
