/* SPDX-License-Identifier: Apache-2.0 */
#include "api/advice.h"
#include "api/api.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/releases.h"
#include "codec/json.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_LIMIT = 4 << 20, FILES = 64 };

static void
policy_drop(struct selfsame_policy **p)
{
    selfsame_policy_free(*p);
}
#define auto_policy __attribute__((cleanup(policy_drop))) struct selfsame_policy

static enum selfsame_code
read_policy(struct cli *c, const char *path, struct policy *ret, struct selfsame_err *e)
{
    struct tee_facts facts[API_TEES];
    struct selfsame_bytes text;

    TRY(file_read(path, FILE_LIMIT, cli_arena(c), &text, e));
    TRY_WHILE(e, policy_parse(text, facts, api_tee_facts(facts), cli_arena(c), ret, e),
        "%s", path);
    return SELFSAME_OK;
}

/* ---- init ---- */

static const struct cli_option init_options[] = {
    { .name = "tee",
        .argument = "TEE",
        .help = "hardware to accept (default: what was measured, else nitro)" },
    { .name = "measurements",
        .argument = "FILE",
        .repeatable = true,
        .help = "measurements.json of a build" },
    { .name = "binding",
        .argument = "session|key",
        .help = "what evidence must be about (default: session)" },
    { .name = "max-age",
        .argument = "AGE",
        .help = "accept evidence this old instead of demanding a nonce: 5m, 24h" },
    { .name = "out",
        .argument = "FILE",
        .help = "where to write it (default: standard output)" },
    { 0 },
};

static enum selfsame_code
init_measurements(struct cli *c, const struct tee_facts *facts, size_t fact_count,
    struct policy *p, struct selfsame_err *e)
{
    const char *files[FILES];
    size_t n = cli_values(c, "measurements", files, FILES);

    if (n > FILES)
        FAIL(e, SELFSAME_USAGE, "--measurements: at most %d files", (int)FILES);
    for (size_t i = 0; i < n; i++) {
        struct selfsame_bytes text;

        TRY(file_read(files[i], FILE_LIMIT, cli_arena(c), &text, e));
        TRY(policy_add_measurements(
            p, text, files[i], facts, fact_count, cli_arena(c), e));
    }
    return SELFSAME_OK;
}

/* The one named, else those that were measured, else the one that can be simulated. */
static enum selfsame_code
accept_tees(struct policy *p, const char *tee, const struct tee_facts *facts, size_t n,
    struct arena *arena, struct selfsame_err *e)
{
    if (tee != NULL || p->measurement_count == 0)
        return policy_accept_tee(p, tee != NULL ? tee : "nitro", facts, n, arena, e);
    for (size_t i = 0; i < p->measurement_count; i++)
        TRY(policy_accept_tee(p, p->measurements[i].tee, facts, n, arena, e));
    return SELFSAME_OK;
}

static enum selfsame_code
init_run(struct cli *c, struct selfsame_err *e)
{
    struct policy p = { .binding = BINDING_SESSION, .nonce = true };
    struct tee_facts facts[API_TEES];
    const size_t n = api_tee_facts(facts);
    const char *tee = cli_value(c, "tee"), *binding = cli_value(c, "binding");
    const char *age = cli_value(c, "max-age"), *out = cli_value(c, "out"), *advice;
    char *text;

    TRY(init_measurements(c, facts, n, &p, e));
    TRY(accept_tees(&p, tee, facts, n, cli_arena(c), e));
    if (binding != NULL && strcmp(binding, "key") == 0)
        p.binding = BINDING_KEY;
    else if (binding != NULL && strcmp(binding, "session") != 0)
        FAIL(e, SELFSAME_USAGE, "--binding: expected session or key, got \"%s\"",
            binding);
    p.nonce = age == NULL;
    if (age != NULL && (!duration_parse(age, &p.max_age_ms) || p.max_age_ms == 0))
        FAIL(e, SELFSAME_USAGE, "--max-age: expected 90s, 5m, 24h or 7d, got \"%s\"",
            age);
    TRY(policy_to_json(&p, &text, e));
    enum selfsame_code code = file_write(
        out != NULL ? out : "-", bytes_str(text), false, e);
    free(text);
    for (size_t i = 0; code == SELFSAME_OK && (advice = policy_advice(&p, i)) != NULL;
         i++)
        (void)fprintf(stderr, "warning: %s\n", advice);
    return code;
}

const struct cli_command policy_init_command = {
    .name = "policy init",
    .summary = "write a first policy from the measurements of a build",
    .story = "Example:\n"
             "  selfsame build ./app --out out\n"
             "  selfsame policy init --measurements out/measurements.json --out "
             "policy.json",
    .options = init_options,
    .run = init_run,
};

/* ---- lint ---- */

static const struct cli_option no_options[] = { { 0 } };

/* With the files that it refers to: a policy without them refuses everything. */
static enum selfsame_code
read_whole(struct cli *c, const char *path, struct selfsame_policy **ret,
    struct selfsame_err *e)
{
    struct selfsame_bytes text;

    TRY(file_read(path, FILE_LIMIT, cli_arena(c), &text, e));
    TRY_WHILE(e, selfsame_policy_parse(text, ret, e), "%s", path);
    TRY_WHILE(e, releases_policy(c, path, *ret, e), "%s", path);
    return SELFSAME_OK;
}

static enum selfsame_code
lint_json(const char **advice, size_t count, struct selfsame_err *e)
{
    auto_json *root = json_pack("{s:s, s:[]}", "result", "ok", "warnings");
    json_t *list = json_object_get(root, "warnings");
    bool good = list != NULL;

    for (size_t i = 0; good && i < count; i++)
        good = json_array_append_new(list, json_string(advice[i])) == 0;
    return print_json_line(good ? root : NULL, e);
}

static enum selfsame_code
lint_run(struct cli *c, struct selfsame_err *e)
{
    auto_policy *p = NULL;
    const char **advice;
    size_t n = 0;

    TRY(read_whole(c, cli_operand(c, 0), &p, e));
    TRY(policy_all_advice(&p->policy, cli_arena(c), &advice, &n, e));
    if (cli_json(c))
        return lint_json(advice, n, e);
    for (size_t i = 0; i < n; i++)
        (void)printf("warning: %s\n", advice[i]);
    (void)printf("%s: valid, %zu warning%s\n", cli_operand(c, 0), n, n == 1 ? "" : "s");
    return SELFSAME_OK;
}

const struct cli_command policy_lint_command = {
    .name = "policy lint",
    .operands = "FILE",
    .summary = "check a policy: mistakes by line and member, and what is weak",
    .story = "Mistakes are usage errors (exit status 2); what is weak is a warning.\n"
             "The files that it refers to (trust policies, trusted roots) are read, "
             "too.\n"
             "Example:\n"
             "  selfsame policy lint policy.json",
    .options = no_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = lint_run,
};

/* ---- explain ---- */

static enum selfsame_code
explain_run(struct cli *c, struct selfsame_err *e)
{
    struct policy p;
    char *text;

    TRY(read_policy(c, cli_operand(c, 0), &p, e));
    if (cli_json(c))
        TRY(policy_to_json(&p, &text, e));
    else
        TRY(policy_to_text(&p, &text, e));
    (void)fputs(text, stdout);
    free(text);
    return SELFSAME_OK;
}

const struct cli_command policy_explain_command = {
    .name = "policy explain",
    .operands = "FILE",
    .summary = "say in words what a policy demands",
    .story = "With --json: the policy as it was understood.\n"
             "Example:\n"
             "  selfsame policy explain policy.json",
    .options = no_options,
    .min_operands = 1,
    .max_operands = 1,
    .run = explain_run,
};
