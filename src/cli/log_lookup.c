/* SPDX-License-Identifier: Apache-2.0 */
/* `log lookup`: which releases ever had this measurement, and what became of them. */
#include "cli/commands.h"
#include "codec/json.h"
#include "os/os.h"
#include "service/lookup.h"
#include "service/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_url(const char *where)
{
    return strstr(where, "://") != NULL;
}

/* ---- the log ---- */

static enum selfsame_code
read_trust(struct cli *c, struct log_policy *ret, struct selfsame_err *e)
{
    const char *where = cli_operand(c, 0), *path = cli_value(c, "trust");
    struct selfsame_bytes text;

    if (path == NULL && is_url(where))
        FAIL(e, SELFSAME_USAGE, "--trust FILE is missing: whose checkpoint to believe");
    if (path == NULL)
        path = arena_printf(cli_arena(c), "%s/policy.txt", where);
    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    TRY(file_read(path, NOTE_MAX, cli_arena(c), &text, e));
    TRY_WHILE(e, log_policy_parse(text, cli_arena(c), ret, e), "%s", path);
    return SELFSAME_OK;
}

/*
 * In the log's own directory where that is this user's, for what another one leaves
 * there may keep the log from its own index; else where it is said to.
 */
static const char *
index_place(const struct cli *c)
{
    const char *where = cli_operand(c, 0), *dir = cli_value(c, "index");
    struct stat st;

    if (dir != NULL || is_url(where))
        return dir;
    return stat(where, &st) == 0 && st.st_uid == geteuid() ? where : NULL;
}

static enum selfsame_code
bring_up(struct cli *c, struct lookup *l, struct selfsame_err *e)
{
    int64_t times[POLICY_WITNESSES] = { 0 };
    struct selfsame_bytes note;
    struct log_policy trust;
    struct checkpoint point;
    auto_tiles *t = NULL;
    uint64_t good = 0;

    TRY(read_trust(c, &trust, e));
    TRY(tiles_open(cli_operand(c, 0), &t, e));
    TRY(tiles_checkpoint(t, cli_arena(c), &note, e));
    TRY(log_policy_open(&trust, note, cli_arena(c), &point, &good, times, e));
    return lookup_update(
        l, t, &point, monitor_witnessed(&trust, good, times, os_now_ms() / 1000), e);
}

/* ---- printing ---- */

static const char *
text_of(const json_t *j, const char *member)
{
    const char *s = json_string_value(json_object_get(j, member));

    return s != NULL ? s : "";
}

/* What publishers wrote: for a terminal, ASCII alone. */
static void
print_plain(const char *s)
{
    for (; *s != '\0'; s++)
        (void)putchar(*s >= ' ' && *s <= '~' ? *s : '?');
}

static void
print_fate(const json_t *one)
{
    const json_t *revoked = json_object_get(one, "revoked");
    const json_t *newer = json_array_get(json_object_get(one, "superseded_by"), 0);
    const json_t *current = json_object_get(one, "current");

    if (json_is_object(revoked)) {
        (void)printf("  revoked since %s: ", text_of(revoked, "since"));
        print_plain(text_of(revoked, "reason"));
        (void)putchar('\n');
    }
    if (newer != NULL)
        (void)printf("  superseded by %s\n", text_of(newer, "version"));
    if (!json_is_null(current))
        (void)printf(
            "  %s\n", json_is_true(current) ? "current" : "not in the last index");
}

static void
print_release(const json_t *one)
{
    const char *when = text_of(one, "witnessed");
    const json_t *item;
    size_t i;

    (void)printf("%s %s, sequence %lld, entry %lld, seen by witnesses: %s\n",
        text_of(one, "name"), text_of(one, "version"),
        (long long)json_integer_value(json_object_get(one, "sequence")),
        (long long)json_integer_value(json_object_get(one, "entry")),
        when[0] != '\0' ? when : "unknown");
    (void)printf("  statement %s\n  key       %s\n", text_of(one, "sha256"),
        text_of(one, "key"));
    print_fate(one);
    json_array_foreach(json_object_get(one, "measurements"), i, item)
    {
        (void)printf("  %s ", text_of(item, "tee"));
        print_plain(text_of(item, "path"));
        (void)printf(" %s\n", text_of(item, "value"));
    }
    json_array_foreach(json_object_get(one, "rebuilds"), i, item)(void) printf(
        "  rebuilt %s by key %s\n", text_of(item, "result"), text_of(item, "key"));
}

static enum selfsame_code
print(const char *text, size_t *ret_count, struct selfsame_err *e)
{
    auto_json *j = NULL;
    const json_t *one;
    size_t i;

    TRY(json_parse(bytes_str(text), "answer", &j, e));
    json_array_foreach(json_object_get(j, "releases"), i, one) print_release(one);
    *ret_count = i;
    if (json_is_true(json_object_get(j, "more")))
        (void)printf("and more\n");
    return SELFSAME_OK;
}

static void
text_free_cleanup(char **p)
{
    free(*p);
}

/* Nothing found is an answer: exit status 1, as of grep. */
static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    __attribute__((cleanup(text_free_cleanup))) char *text = NULL;
    auto_lookup *l = NULL;
    struct lookup_query q;
    size_t count = 0;

    TRY(lookup_query_parse(cli_value(c, "measurement"), cli_value(c, "name"),
        cli_value(c, "sha256"), cli_arena(c), &q, e));
    TRY(lookup_open(index_place(c), &l, e));
    TRY(bring_up(c, l, e));
    TRY(lookup_find(l, &q, &text, e));
    if (cli_json(c)) {
        (void)puts(text);
        return strstr(text, "\"releases\":[]") == NULL ? SELFSAME_OK
                                                       : (enum selfsame_code)1;
    }
    TRY(print(text, &count, e));
    if (count == 0)
        (void)fprintf(stderr, "no release of this log\n");
    return count > 0 ? SELFSAME_OK : (enum selfsame_code)1;
}

static const struct cli_option options[] = {
    { .name = "measurement",
        .argument = "HEX",
        .help = "a PCR, launch digest or other measured value" },
    { .name = "name", .argument = "NAME", .help = "the name of a release" },
    { .name = "sha256", .argument = "HEX", .help = "SHA-256 of a statement" },
    { .name = "trust",
        .argument = "FILE",
        .help = "trust policy (default: policy.txt in the log's directory)" },
    { .name = "index",
        .argument = "DIR",
        .help = "keep the index there (default: in the log's directory)" },
    { 0 },
};

const struct cli_command log_lookup_command = {
    .name = "log lookup",
    .operands = "DIR|LOG-URL",
    .summary = "find releases by measurement, name or statement",
    .story = "Example: selfsame log lookup https://log.example/releases --trust "
             "policy.txt \\\n"
             "             --measurement 75e51d27... --index ~/.cache/lookup\n"
             "Entries are checked against the checkpoint, whose keys and witnesses the "
             "trust\n"
             "policy names. Exit status 1: no release has it.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
