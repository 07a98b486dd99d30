/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_FRAME_H
#define SELFSAME_CLI_FRAME_H

#include "cli/cli.h"

/* What the files of the frame share; commands use cli.h only. */
struct cli {
    const char *program;
    const struct cli_command *command;
    struct {
        const struct cli_option *option;
        const char *value;
    } given[CLI_VALUES];
    size_t given_count;
    const char *operand[CLI_OPERANDS];
    size_t operand_count;
    char **rest;
    bool json, help;
    struct arena arena;
};

/* Words of the name: "policy init" takes two arguments. */
size_t cli_words(const char *name);
MUST enum selfsame_code cli_parse(
    struct cli *c, int argc, char **argv, struct selfsame_err *e);

void help_program(const char *program, const char *summary,
    const struct cli_command *const *table, size_t count);
/* The commands whose first word is `verb`. */
void help_group(const char *program, const char *verb,
    const struct cli_command *const *table, size_t count);
void help_command(const char *program, const struct cli_command *c);
/* The table as JSON, for the manual's check and for completion: `help --json`. */
void help_json(
    const char *program, const struct cli_command *const *table, size_t count);

#endif
