/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/frame.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct cli_option json_option = { .name = "json" };
static const struct cli_option help_option = { .name = "help", .short_name = 'h' };

size_t
cli_words(const char *name)
{
    return strchr(name, ' ') != NULL ? 2 : 1;
}

static const struct cli_option *
find_option(const struct cli_command *c, const char *name, size_t len)
{
    static const struct cli_option *const common[] = { &json_option, &help_option };

    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
        if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
            return o;
    for (size_t i = 0; i < COUNT(common); i++)
        if (strlen(common[i]->name) == len && strncmp(common[i]->name, name, len) == 0)
            return common[i];
    return NULL;
}

static const struct cli_option *
find_short(const struct cli_command *c, char name)
{
    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL; o++)
        if (o->short_name == name)
            return o;
    return name == 'h' ? &help_option : NULL;
}

static enum selfsame_code
record(struct cli *c, const struct cli_option *o, const char *value,
    struct selfsame_err *e)
{
    if (o == &json_option || o == &help_option) {
        *(o == &json_option ? &c->json : &c->help) = true;
        return SELFSAME_OK;
    }
    for (size_t i = 0; !o->repeatable && i < c->given_count; i++)
        if (c->given[i].option == o)
            FAIL(e, SELFSAME_USAGE, "--%s is given twice", o->name);
    if (c->given_count == CLI_VALUES)
        FAIL(e, SELFSAME_USAGE, "more than %d options", CLI_VALUES);
    c->given[c->given_count].option = o;
    c->given[c->given_count++].value = value;
    return SELFSAME_OK;
}

/* One option at argv[*i]; moves *i over its value. */
static enum selfsame_code
take_option(struct cli *c, int argc, char **argv, int *i, struct selfsame_err *e)
{
    const char *arg = argv[*i], *value = NULL;
    const struct cli_option *o;

    if (arg[1] == '-') {
        const char *equals = strchr(arg, '=');
        size_t len = equals != NULL ? (size_t)(equals - arg) - 2 : strlen(arg) - 2;

        o = find_option(c->command, arg + 2, len);
        value = equals != NULL ? equals + 1 : NULL;
    } else {
        o = find_short(c->command, arg[1]);
        value = arg[2] != '\0' ? arg + 2 : NULL;
    }
    if (o == NULL)
        FAIL(e, SELFSAME_USAGE, "%s has no option %s", c->command->name, arg);
    bool takes = o->argument != NULL;
    if (!takes && value != NULL)
        FAIL(e, SELFSAME_USAGE, "--%s takes no value, got \"%s\"", o->name, value);
    if (takes && value == NULL) {
        if (*i + 1 >= argc)
            FAIL(e, SELFSAME_USAGE, "--%s wants a value: %s", o->name, o->argument);
        value = argv[++*i];
    }
    return record(c, o, value, e);
}

enum selfsame_code
cli_parse(struct cli *c, int argc, char **argv, struct selfsame_err *e)
{
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];

        if (strcmp(arg, "--") == 0) {
            c->rest = argv + i + 1;
            break;
        }
        if (arg[0] == '-' && arg[1] != '\0') {
            TRY(take_option(c, argc, argv, &i, e));
            continue;
        }
        if (c->operand_count == CLI_OPERANDS)
            FAIL(e, SELFSAME_USAGE, "more than %d operands", CLI_OPERANDS);
        c->operand[c->operand_count++] = arg;
    }
    if (c->help)
        return SELFSAME_OK;
    if (c->operand_count < c->command->min_operands ||
        c->operand_count > c->command->max_operands)
        FAIL(e, SELFSAME_USAGE, "%s wants %s%s, got %zu operands", c->command->name,
            c->command->max_operands > 0 ? "the operands " : "no operands",
            c->command->max_operands > 0 ? c->command->operands : "", c->operand_count);
    return SELFSAME_OK;
}

bool
cli_flag(const struct cli *c, const char *name)
{
    return cli_values(c, name, NULL, 0) > 0;
}

const char *
cli_value(const struct cli *c, const char *name)
{
    for (size_t i = c->given_count; i-- > 0;)
        if (strcmp(c->given[i].option->name, name) == 0)
            return c->given[i].value;
    return NULL;
}

size_t
cli_values(const struct cli *c, const char *name, const char **ret, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < c->given_count; i++)
        if (strcmp(c->given[i].option->name, name) == 0) {
            if (n < cap)
                ret[n] = c->given[i].value;
            n++;
        }
    return n;
}

size_t
cli_operand_count(const struct cli *c)
{
    return c->operand_count;
}

const char *
cli_operand(const struct cli *c, size_t i)
{
    return i < c->operand_count ? c->operand[i] : NULL;
}

bool
cli_json(const struct cli *c)
{
    return c->json;
}

struct arena *
cli_arena(struct cli *c)
{
    return &c->arena;
}

char **
cli_rest(const struct cli *c)
{
    return c->rest;
}

enum selfsame_code
cli_uint(const struct cli *c, const char *name, uint64_t min, uint64_t max,
    uint64_t *ret, struct selfsame_err *e)
{
    const char *text = cli_value(c, name);
    uint64_t v = 0;

    if (text == NULL)
        return SELFSAME_OK;
    for (const char *p = text; *p != '\0' || p == text; p++) {
        if (*p < '0' || *p > '9' || v > (UINT64_MAX - 9) / 10)
            FAIL(e, SELFSAME_USAGE, "--%s: expected a number, got \"%s\"", name, text);
        v = v * 10 + (uint64_t)(*p - '0');
    }
    if (v < min || v > max)
        FAIL(e, SELFSAME_USAGE, "--%s: expected %llu to %llu, got %s", name,
            (unsigned long long)min, (unsigned long long)max, text);
    *ret = v;
    return SELFSAME_OK;
}

enum selfsame_code
cli_time(const struct cli *c, const char *name, int64_t *ret_s, struct selfsame_err *e)
{
    const char *text = cli_value(c, name);

    if (text != NULL && !time_parse(text, ret_s))
        FAIL(e, SELFSAME_USAGE,
            "--%s: expected RFC 3339 (2026-01-02T03:04:05Z) or Unix seconds, got "
            "\"%s\"",
            name, text);
    return SELFSAME_OK;
}

enum selfsame_code
cli_bytes(
    struct cli *c, const char *name, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const char *text = cli_value(c, name);

    if (text == NULL)
        return SELFSAME_OK;
    size_t len = strlen(text), n;
    uint8_t *buf = arena_alloc(&c->arena, 1, len + 1);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "--%s: %zu characters", name, len);
    if (!hex_decode(text, len, buf, len, &n) &&
        !base64_decode(text, len, false, buf, len, &n) &&
        !base64_decode(text, len, true, buf, len, &n))
        FAIL(e, SELFSAME_USAGE, "--%s: expected hex or base64, got \"%.40s\"", name,
            text);
    *ret = BYTES(buf, n);
    return SELFSAME_OK;
}

/* A JSON string, for errors only: whatever could break the line or a terminal is no part. */
static void
print_quoted(FILE *out, const char *s)
{
    struct selfsame_bytes rest = bytes_str(s);

    (void)fputc('"', out);
    while (rest.len > 0) {
        bool plain;
        size_t n = text_char(rest, &plain);

        if (!plain)
            (void)fputc('?', out);
        else
            (void)fprintf(out, "%s%.*s",
                *rest.ptr == '"' || *rest.ptr == '\\' ? "\\" : "", (int)n,
                (const char *)rest.ptr);
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
    (void)fputc('"', out);
}

static void
print_error(const char *program, bool json, const struct selfsame_err *e)
{
    const char *remedy = e->remedy != NULL ? e->remedy : selfsame_code_remedy(e->code);
    char text[1200];

    (void)selfsame_err_print(e, text, sizeof(text));
    if (!json) {
        (void)fprintf(stderr, "%s: %s\n", program, text);
        if (remedy[0] != '\0')
            (void)fprintf(stderr, "  %s\n", remedy);
        return;
    }
    (void)printf(
        "{\"selfsame\":1,\"result\":\"%s\",\"error\":{\"class\":\"%s\",\"message\":",
        selfsame_code_name(e->code), selfsame_code_name(e->code));
    print_quoted(stdout, text);
    (void)printf(",\"chain\":[");
    for (unsigned i = e->depth; i-- > 0;) {
        print_quoted(stdout, e->frame[i].text);
        (void)printf("%s", i > 0 ? "," : "");
    }
    (void)printf("],\"remedy\":");
    print_quoted(stdout, remedy);
    (void)printf("}}\n");
}

static int
dispatch(const char *program, const struct cli_command *command, int argc, char **argv)
{
    struct cli c = {
        .program = program, .command = command, .arena = arena_new((size_t)64 << 20)
    };
    struct selfsame_err e = { 0 };
    enum selfsame_code code = cli_parse(&c, argc, argv, &e);

    if (code == SELFSAME_OK && c.help)
        help_command(program, command);
    else if (code == SELFSAME_OK)
        code = command->run(&c, &e);
    /* A refused verdict was printed by the command itself: the error is then empty. */
    if (code != SELFSAME_OK && e.depth > 0)
        print_error(program, c.json, &e);
    arena_free(&c.arena);
    if (fflush(stdout) != 0 && code == SELFSAME_OK) {
        (void)fprintf(stderr, "%s: cannot write to standard output\n", program);
        code = SELFSAME_IO;
    }
    return (int)code;
}

static const struct cli_command *
find_command(
    const struct cli_command *const *table, size_t count, int argc, char **argv)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = table[i]->name, *space = strchr(name, ' ');
        size_t first = space != NULL ? (size_t)(space - name) : strlen(name);

        if (strlen(argv[1]) != first || strncmp(argv[1], name, first) != 0)
            continue;
        if (space == NULL || (argc > 2 && strcmp(argv[2], space + 1) == 0))
            return table[i];
    }
    return NULL;
}

/* "policy" alone is no command, but the first word of some. */
static bool
begins_commands(const struct cli_command *const *table, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(table[i]->name, word, strlen(word)) == 0 &&
            table[i]->name[strlen(word)] == ' ')
            return true;
    return false;
}

static int
no_such_command(const char *program, const struct cli_command *const *table,
    size_t count, int argc, char **argv)
{
    const char *verb = argv[1], *second = argc > 2 ? argv[2] : "";
    const bool group = begins_commands(table, count, verb);

    if (group &&
        (argc == 2 || strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0)) {
        help_group(program, verb, table, count);
        return argc > 2 ? SELFSAME_OK : SELFSAME_USAGE;
    }
    const bool word = second[0] != '\0' && second[0] != '-';
    (void)fprintf(stderr,
        "%s: there is no command \"%s%s%s\" [usage]\n  Run `%s %s` for the list.\n",
        program, verb, word ? " " : "", word ? second : "", program,
        group ? verb : "help");
    return SELFSAME_USAGE;
}

int
cli_main(const char *program, const char *summary,
    const struct cli_command *const *table, size_t count, int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    const char *verb = argc > 1 ? argv[1] : "help";
    if (strcmp(verb, "--version") == 0 || strcmp(verb, "version") == 0) {
        (void)printf("%s %s\n", program, selfsame_version());
        return SELFSAME_OK;
    }
    if (strcmp(verb, "help") == 0 && argc > 2 && strcmp(argv[2], "--json") == 0) {
        help_json(program, table, count);
        return SELFSAME_OK;
    }
    if (strcmp(verb, "help") == 0 || strcmp(verb, "--help") == 0 ||
        strcmp(verb, "-h") == 0) {
        help_program(program, summary, table, count);
        return argc > 1 ? SELFSAME_OK : SELFSAME_USAGE;
    }
    const struct cli_command *command = find_command(table, count, argc, argv);
    if (command == NULL)
        return no_such_command(program, table, count, argc, argv);
    int used = 1 + (int)cli_words(command->name);
    return dispatch(program, command, argc - used, argv + used);
}
