/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/building.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECIPE_MAX = 1 << 20 };

static enum selfsame_code
load_recipe(struct building *b, bool is_dir, struct selfsame_err *e)
{
    const char *path = b->o->recipe;
    struct selfsame_bytes text;

    recipe_default(&b->recipe);
    if (path == NULL && is_dir) {
        char *usual = arena_printf(b->arena, "%s/selfsame.json", b->o->source);

        if (usual == NULL)
            return building_no_memory(e);
        b->recipe_in_source = access(usual, F_OK) == 0;
        path = b->recipe_in_source ? usual : NULL;
    }
    if (path == NULL)
        return SELFSAME_OK;
    TRY(file_read(path, RECIPE_MAX, b->arena, &text, e));
    return recipe_parse(text, path, b->arena, &b->recipe, e);
}

/* ---- source tree: copy, commands, files ---- */

static enum selfsame_code
make_dir(struct building *b, const char *name, char **ret, struct selfsame_err *e)
{
    *ret = arena_printf(b->arena, "%s/%s", b->source->scratch.path, name);
    if (*ret == NULL)
        return building_no_memory(e);
    if (mkdir(*ret, 0755) != 0 || chmod(*ret, 0755) != 0)
        FAIL(e, SELFSAME_IO, "cannot make %s: %s", *ret, strerror(errno));
    return SELFSAME_OK;
}

/* A link in the source must not carry a file of this machine into the image. */
static enum selfsame_code
add_file(struct building *b, const char *src, const struct recipe_file *f,
    struct selfsame_err *e)
{
    char *path = arena_printf(b->arena, "%s/%s", src, f->from), real[PATH_MAX];

    if (path == NULL)
        return building_no_memory(e);
    if (realpath(path, real) == NULL)
        return remedied(e,
            err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "recipe, files.%s: the source has no '%s'", f->to, f->from),
            "Correct 'from': it is relative to the source.");
    size_t len = strlen(src);
    if (strncmp(real, src, len) != 0 || real[len] != '/')
        FAIL(e, SELFSAME_MALFORMED, "recipe, files.%s: '%s' leads out of the source",
            f->to, f->from);
    TRY_WHILE(e, source_file_add(b->source, b->source->tree, path, f->to, f->mode, e),
        "adding files.%s", f->to);
    return SELFSAME_OK;
}

static enum selfsame_code
build_source(struct building *b, bool *ret_sandboxed, struct selfsame_err *e)
{
    struct sandbox_job job = { .recipe = &b->recipe,
        .verbose = b->o->verbose,
        .insecure_no_sandbox = b->o->insecure_no_sandbox,
        .timeout_s = b->o->timeout_s,
        .voice = &b->o->voice };
    struct copy_rules rules = { .skip_dev = b->skip.dev,
        .skip_ino = b->skip.ino,
        .mtime_s = b->recipe.source_date_epoch };
    char *src, *out, *root;

    b->source->kind = "source tree";
    TRY(scratch_make(&b->source->arena, &b->source->scratch, e));
    TRY(make_dir(b, "src", &src, e));
    TRY(make_dir(b, "out", &out, e));
    TRY(make_dir(b, "root", &root, e));
    TRY_WHILE(e, copy_tree(b->o->source, src, &rules, e), "copying the source");
    job.src = src;
    job.out = out;
    job.root = root;
    *ret_sandboxed = true;
    if (b->recipe.build_count > 0) {
        *ret_sandboxed = !b->o->insecure_no_sandbox;
        TRY(sandbox_run(&job, b->arena, e));
    }
    TRY(source_dir_add(b->source, out, &(struct dir_skip){ 0 }, &b->o->voice, e));
    for (size_t i = 0; i < b->recipe.file_count; i++)
        TRY(add_file(b, src, &b->recipe.files[i], e));
    return SELFSAME_OK;
}

static enum selfsame_code
load_source(
    struct building *b, bool is_dir, bool *ret_sandboxed, struct selfsame_err *e)
{
    const struct repro_options *o = b->o;
    struct oci_choice want = { .os = o->os, .arch = o->arch, .ref = o->ref };

    *ret_sandboxed = true;
    b->source->aarch64 = strcmp(o->arch, "arm64") == 0;
    if (!is_dir)
        return source_file_load(b->source, o->source, &want, e);
    if (b->recipe.build_count > 0 || b->recipe.file_count > 0)
        return build_source(b, ret_sandboxed, e);
    if (source_is_layout(o->source))
        return source_layout_load(b->source, o->source, &want, e);
    b->source->kind = "root file system";
    b->skip.name = b->recipe_in_source ? "selfsame.json" : NULL;
    return source_dir_add(b->source, o->source, &b->skip, &o->voice, e);
}

/* ---- our own parts of the image ---- */

/* These names belong to us: what the source has there would run instead of ours. */
static enum selfsame_code
check_reserved(struct building *b, struct selfsame_err *e)
{
    static const char *const names[] = { "init", "selfsame" };
    const char *taken = NULL;

    for (size_t i = 0; i < COUNT(names); i++)
        if (tree_find(b->source->tree, names[i]) != NULL)
            taken = names[i];
    if (b->recipe.listen != NULL &&
        tree_find(b->source->tree, "usr/bin/selfsame") != NULL)
        taken = "usr/bin/selfsame";
    if (taken == NULL)
        return SELFSAME_OK;
    return remedied(e,
        err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
            "the source has a /%s, a name that selfsame needs for itself", taken),
        "Move it to another place and name that in 'entrypoint'.");
}

static enum selfsame_code
add_app_parts(struct building *b, struct selfsame_err *e)
{
    struct tree *t = b->source->tree;
    struct node n = { .path = "selfsame/run", .type = NODE_FILE, .mode = 0644 };
    struct selfsame_bytes run;
    const char *agent;

    TRY(program_choose(b, &b->run, e));
    TRY(program_config(b, &b->run, &run, e));
    n.content = (struct content){ .size = run.len, .ptr = run.ptr };
    TRY(tree_put(t, &n, e));
    if (b->recipe.listen == NULL)
        return SELFSAME_OK;
    TRY(tool_find(b->arena, b->o->agent, "selfsame-agent", "../cli/", &agent, e));
    return machine_add_tool(b, t, agent, "usr/bin/selfsame", e);
}

/* ---- all of it ---- */

static void
tell_normalised(void *ctx, const char *what, const char *path)
{
    const struct building *b = ctx;

    voice_note(&b->o->voice, "%s: %s", what, path);
}

static enum selfsame_code
normalise_source(struct building *b, struct selfsame_err *e)
{
    struct normalise rules = { .keep_owners = b->recipe.keep_owners,
        .keep_setid = b->recipe.keep_setid,
        .allow_devices = b->recipe.allow_devices,
        .refuse_case_collisions = b->recipe.refuse_case_collisions,
        .note = tell_normalised,
        .ctx = b };

    if (tree_count(b->source->tree) == 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: there is nothing in it to put into an image",
            b->o->source);
    TRY(tree_normalise(b->source->tree, &rules, e));
    return check_reserved(b, e);
}

static void
machines_free(struct pack_job *job)
{
    for (size_t i = 0; i < job->machine_count; i++)
        machine_free(&job->machine[i]);
}

static enum selfsame_code
pack(struct building *b, const struct repro_tees *tees, bool sandboxed,
    struct repro_result *ret, struct selfsame_err *e)
{
    __attribute__((
        cleanup(machines_free))) struct pack_job job = { .app = b->source->tree,
        .recipe = &b->recipe,
        .options = b->o,
        .run = b->run,
        .kind = b->source->kind,
        .aarch64 = b->source->aarch64,
        .has_agent = b->recipe.listen != NULL,
        .sandboxed = sandboxed };

    for (size_t i = 0; i < tees->count; i++) {
        job.machine[job.machine_count++].tee = tees->name[i];
        TRY_WHILE(e, machine_make(b, &job.machine[i], e), "making an image for %s",
            tees->name[i]);
    }
    return pack_image(&job, b->arena, ret, e);
}

static enum selfsame_code
build(struct building *b, const struct repro_tees *tees, bool is_dir,
    struct repro_result *ret, struct selfsame_err *e)
{
    bool sandboxed;

    TRY(load_source(b, is_dir, &sandboxed, e));
    TRY(normalise_source(b, e));
    TRY(add_app_parts(b, e));
    return pack(b, tees, sandboxed, ret, e);
}

enum selfsame_code
repro_build(const struct repro_options *o, struct arena *arena,
    struct repro_result *ret, struct selfsame_err *e)
{
    auto_source source = { .file = -1, .spool = { .fd = -1 }, .scratch = { .fd = -1 } };
    struct building b = { .o = o, .arena = arena, .source = &source };
    struct repro_tees tees;
    struct stat st;
    size_t kept = 0;

    TRY(source_init(&source, e));
    if (stat(o->source, &st) != 0)
        return file_error(e, "cannot open", o->source);
    bool is_dir = S_ISDIR(st.st_mode);
    TRY(load_recipe(&b, is_dir, e));
    TRY(out_tees(o->tees, b.recipe.tees, arena, &tees, e));
    tees.oci = o->oci;
    TRY(machine_check_options(o, &tees, e));
    TRY(out_make(o->out, &kept, e));
    if (stat(o->out, &st) == 0) { /* an output inside the source is not a source */
        b.skip.dev = st.st_dev;
        b.skip.ino = st.st_ino;
    }
    if (o->began != NULL)
        *o->began = true;
    enum selfsame_code code = build(&b, &tees, is_dir, ret, e);
    if (code != SELFSAME_OK)
        out_unmake(o->out, kept);
    else
        ret->out_kept = kept;
    return code;
}
