/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/building.h"

#include <stdio.h>

/*
 * What the image runs: the recipe's words, the container image's, or those behind
 * "--", written down for selfsame-init (docs/formats/init-config.md). RUN_LINES:
 * what it takes of each kind.
 */
enum { RUN_LINES = 1024 };

static size_t
list_len(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

static enum selfsame_code
choose_argv(struct building *b, const char *const **ret, struct selfsame_err *e)
{
    const struct recipe *r = &b->recipe;
    size_t a = list_len(r->entrypoint), c = list_len(r->cmd);
    const char **argv;

    if (b->o->argv != NULL && b->o->argv[0] != NULL) {
        size_t n = 0;

        while (b->o->argv[n] != NULL)
            n++;
        argv = ARENA_NEW(b->arena, const char *, n + 1);
        for (size_t i = 0; argv != NULL && i < n; i++)
            argv[i] = b->o->argv[i];
    } else if (a + c > 0) {
        argv = ARENA_NEW(b->arena, const char *, a + c + 1);
        for (size_t i = 0; argv != NULL && i < a + c; i++)
            argv[i] = i < a ? r->entrypoint[i] : r->cmd[i - a];
    } else {
        *ret = b->source->run.argv;
        return SELFSAME_OK;
    }
    *ret = argv;
    return argv != NULL ? SELFSAME_OK : building_no_memory(e);
}

/* A run line: docs/formats/init-config.md. */
static bool
put_line(struct writer *w, const char *key, const char *value)
{
    put_bytes(w, bytes_str(key));
    put_u8(w, ' ');
    for (; *value != 0; value++) {
        if (*value == '\n' || *value == '\\')
            put_u8(w, '\\');
        put_u8(w, *value == '\n' ? 'n' : (uint8_t)*value);
    }
    put_u8(w, '\n');
    return !w->bad;
}

static bool
is_variable(const char *s)
{
    return s[0] != '=' && strchr(s, '=') != NULL;
}

/* Later ones win in selfsame-init; a name that stands once is easier to audit. */
static bool
is_overridden(const char *variable, const char *const *by)
{
    size_t name = strcspn(variable, "=") + 1;

    for (size_t i = 0; by[i] != NULL; i++)
        if (strncmp(by[i], variable, name) == 0)
            return true;
    return false;
}

static void
put_agent(struct writer *w, const struct recipe *r)
{
    (void)put_line(w, "agent", "/usr/bin/selfsame");
    (void)put_line(w, "agent", "serve");
    (void)put_line(w, "agent", "--listen");
    (void)put_line(w, "agent", r->listen);
    (void)put_line(w, "agent", "--upstream");
    (void)put_line(w, "agent", r->upstream);
    if (r->cert == NULL)
        return;
    (void)put_line(w, "agent", "--cert");
    (void)put_line(w, "agent", r->cert);
    (void)put_line(w, "agent", "--key");
    (void)put_line(w, "agent", r->key);
}

static void
put_run(const struct building *b, const struct run_config *run, struct writer *w)
{
    char number[16];
    const struct recipe *r = &b->recipe;
    const char *nsm = r->nsm_for != NULL  ? r->nsm_for
                      : r->listen != NULL ? "agent"
                                          : "all";

    for (size_t i = 0; run->argv[i] != NULL; i++)
        (void)put_line(w, "arg", run->argv[i]);
    for (size_t i = 0; run->env[i] != NULL; i++)
        (void)put_line(w, "env", run->env[i]);
    (void)snprintf(number, sizeof(number), "%u", (unsigned)run->user.uid);
    (void)put_line(w, "user", number);
    (void)snprintf(number, sizeof(number), "%u", (unsigned)run->user.gid);
    (void)put_line(w, "group", number);
    (void)put_line(w, "dir", run->workdir);
    (void)put_line(w, "nsm", nsm);
    if (r->listen != NULL)
        put_agent(w, r);
}

static enum selfsame_code
check_program(struct building *b, const char *program, struct selfsame_err *e)
{
    if (program == NULL)
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "the image has no program to run: its source names none"),
            "Name it in the recipe ('entrypoint'), or behind '--': selfsame build "
            "SOURCE "
            "-- /bin/app ARGUMENT.");
    if (program[0] == '/' &&
        tree_find(b->source->tree, program + strspn(program, "/")) == NULL)
        voice_note(&b->o->voice, "note: the tree has no %s by this very name", program);
    return SELFSAME_OK;
}

/* Names are looked up in the image; not to be there is the recipe's mistake. */
static enum selfsame_code
recipe_user(struct building *b, struct oci_user *ret, struct selfsame_err *e)
{
    enum selfsame_code code = source_user(b->source, b->recipe.user, ret, e);

    if (code == SELFSAME_MALFORMED) {
        code = e->code = SELFSAME_USAGE;
        err_remedy(e, "Name a user of the image, or give numbers: \"1000:1000\".");
    }
    if (code == SELFSAME_OK)
        return SELFSAME_OK;
    return err_wrap(e, code, __FILE__, __LINE__, "reading the recipe's 'user'");
}

/* Variables of the source that no other one replaces, then those of the recipe. */
static enum selfsame_code
merge_env(struct building *b, const char *const **ret, struct selfsame_err *e)
{
    const char *const *of_source = *ret, *const *of_recipe = b->recipe.env;
    const char **all = ARENA_NEW(
        b->arena, const char *, list_len(of_source) + list_len(of_recipe) + 1);
    size_t n = 0;

    if (all == NULL)
        return building_no_memory(e);
    for (size_t i = 0; i < list_len(of_source); i++)
        if (is_variable(of_source[i]) && !is_overridden(of_source[i], of_recipe))
            all[n++] = of_source[i];
    for (size_t i = 0; i < list_len(of_recipe); i++)
        all[n++] = of_recipe[i];
    *ret = all;
    return SELFSAME_OK;
}

enum selfsame_code
program_choose(struct building *b, struct run_config *ret, struct selfsame_err *e)
{
    struct run_config run = b->source->run;

    TRY(choose_argv(b, &run.argv, e));
    TRY(check_program(b, run.argv[0], e));
    if (b->recipe.user != NULL)
        TRY(recipe_user(b, &run.user, e));
    if (b->recipe.workdir != NULL)
        run.workdir = b->recipe.workdir;
    if (run.workdir[0] != '/')
        FAIL(e, SELFSAME_MALFORMED,
            "expected an absolute working directory, got '%.80s'", run.workdir);
    if (list_len(run.argv) > RUN_LINES || list_len(run.env) > RUN_LINES ||
        list_len(b->recipe.env) > RUN_LINES - list_len(run.env))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected at most %d arguments and %d variables, got %zu and %zu",
            (int)RUN_LINES, (int)RUN_LINES, list_len(run.argv),
            list_len(run.env) + list_len(b->recipe.env));
    TRY(merge_env(b, &run.env, e));
    *ret = run;
    return SELFSAME_OK;
}

enum selfsame_code
program_config(struct building *b, const struct run_config *run,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    enum { CAP = 1 << 20 };
    uint8_t *buf = arena_alloc(b->arena, 1, CAP);

    if (buf == NULL)
        return building_no_memory(e);
    struct writer w = writer_of(buf, CAP);
    put_run(b, run, &w);
    if (w.bad)
        FAIL(e, SELFSAME_UNSUPPORTED, "arguments and environment: over %d bytes",
            (int)CAP);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}
