/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/frame.h"

#include <stdio.h>

void
help_program(const char *program, const char *summary,
    const struct cli_command *const *table, size_t count)
{
    (void)printf("%s - %s\n\nUsage: %s COMMAND [OPTION]... [OPERAND]...\n\n", program,
        summary, program);
    for (size_t i = 0; i < count; i++)
        (void)printf("  %-18s %s\n", table[i]->name, table[i]->summary);
    (void)printf(
        "\n`%s COMMAND --help` explains one. The exit status is the error class\n"
        "(0 ok, 2 usage, 3 io, 10 malformed, ... see selfsame(1)).\n",
        program);
}

void
help_group(const char *program, const char *verb,
    const struct cli_command *const *table, size_t count)
{
    (void)printf("Usage: %s %s COMMAND [OPTION]... [OPERAND]...\n\n", program, verb);
    for (size_t i = 0; i < count; i++)
        if (strncmp(table[i]->name, verb, strlen(verb)) == 0 &&
            table[i]->name[strlen(verb)] == ' ')
            (void)printf("  %-18s %s\n", table[i]->name, table[i]->summary);
    (void)printf("\n`%s %s COMMAND --help` explains one.\n", program, verb);
}

static void
print_option(const struct cli_option *o)
{
    char left[80], letter[8] = "    ";

    if (o->short_name != 0)
        (void)snprintf(letter, sizeof(letter), "-%c, ", o->short_name);
    (void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name,
        o->argument != NULL ? " " : "", o->argument != NULL ? o->argument : "");
    if (strlen(left) < 32)
        (void)printf("  %-32s %s\n", left, o->help);
    else
        (void)printf("  %s\n  %-32s %s\n", left, "", o->help);
}

void
help_command(const char *program, const struct cli_command *c)
{
    (void)printf("%s %s - %s\n\nUsage: %s %s%s%s%s\n\n", program, c->name, c->summary,
        program, c->name, " [OPTION]...", c->operands != NULL ? " " : "",
        c->operands != NULL ? c->operands : "");
    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
        print_option(o);
    (void)printf("  %-32s %s\n", "    --json", "print JSON on standard output");
    (void)printf("  %-32s %s\n", "-h, --help", "print this and exit");
    if (c->story != NULL)
        (void)printf("\n%s\n", c->story);
}

void
help_json(const char *program, const struct cli_command *const *table, size_t count)
{
    (void)printf("{\"program\":\"%s\",\"version\":\"%s\",\"commands\":[", program,
        selfsame_version());
    for (size_t i = 0; i < count; i++) {
        const struct cli_command *c = table[i];
        const char *comma = "";

        (void)printf("%s\n{\"name\":\"%s\",\"operands\":\"%s\",\"options\":[",
            i ? "," : "", c->name, c->operands != NULL ? c->operands : "");
        for (const struct cli_option *o = c->options; o != NULL && o->name != NULL;
             o++) {
            (void)printf("%s\"%s\"", comma, o->name);
            comma = ",";
        }
        (void)printf("]}");
    }
    (void)printf("\n]}\n");
}
