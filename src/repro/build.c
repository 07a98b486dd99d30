/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* RUN_LINES: what selfsame-init takes of each kind (docs/formats/init-config.md). */
enum { RECIPE_MAX = 1 << 20, RUN_LINES = 1024 };

/* One build: everything lives until the outputs are written. */
struct building {
    const struct repro_options *o;
    struct arena *arena;
    struct recipe recipe;
    struct source *source;
    struct dir_skip skip;
    bool recipe_in_source;
};

static enum selfsame_code
no_memory(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory to build an image");
}

static enum selfsame_code
load_recipe(struct building *b, bool is_dir, struct selfsame_err *e)
{
    const char *path = b->o->recipe;
    struct selfsame_bytes text;

    recipe_default(&b->recipe);
    if (path == NULL && is_dir) {
        char *usual = arena_printf(b->arena, "%s/selfsame.json", b->o->source);

        if (usual == NULL)
            return no_memory(e);
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
        return no_memory(e);
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
        return no_memory(e);
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

/* ---- what runs ---- */

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
    return argv != NULL ? SELFSAME_OK : no_memory(e);
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
put_run(const struct building *b, const char *const *argv, const struct run_config *run,
    struct writer *w)
{
    char number[16];
    const struct recipe *r = &b->recipe;
    const char *nsm = r->nsm_for != NULL  ? r->nsm_for
                      : r->listen != NULL ? "agent"
                                          : "all";

    for (size_t i = 0; argv[i] != NULL; i++)
        (void)put_line(w, "arg", argv[i]);
    for (size_t i = 0; run->env[i] != NULL; i++)
        if (is_variable(run->env[i]) && !is_overridden(run->env[i], r->env))
            (void)put_line(w, "env", run->env[i]);
    for (size_t i = 0; r->env[i] != NULL; i++)
        (void)put_line(w, "env", r->env[i]);
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

static enum selfsame_code
make_run(struct building *b, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    enum { CAP = 1 << 20 };
    struct run_config run = b->source->run;
    const char *const *argv;

    TRY(choose_argv(b, &argv, e));
    TRY(check_program(b, argv[0], e));
    if (b->recipe.user != NULL)
        TRY(recipe_user(b, &run.user, e));
    if (b->recipe.workdir != NULL)
        run.workdir = b->recipe.workdir;
    if (run.workdir[0] != '/')
        FAIL(e, SELFSAME_MALFORMED,
            "expected an absolute working directory, got '%.80s'", run.workdir);
    if (list_len(argv) > RUN_LINES || list_len(run.env) > RUN_LINES ||
        list_len(b->recipe.env) > RUN_LINES - list_len(run.env))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected at most %d arguments and %d variables, got %zu and %zu",
            (int)RUN_LINES, (int)RUN_LINES, list_len(argv),
            list_len(run.env) + list_len(b->recipe.env));
    uint8_t *buf = arena_alloc(b->arena, 1, CAP);
    if (buf == NULL)
        return no_memory(e);
    struct writer w = writer_of(buf, CAP);
    put_run(b, argv, &run, &w);
    if (w.bad)
        FAIL(e, SELFSAME_UNSUPPORTED, "arguments and environment: over %d bytes",
            (int)CAP);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

/* ---- our own parts of the image ---- */

static enum selfsame_code
add_tool(struct building *b, struct tree *tree, const char *path, const char *to,
    struct selfsame_err *e)
{
    TRY(tool_check(path, b->source->aarch64 ? "arm64" : "amd64", e));
    return source_file_add(b->source, tree, path, to, 0755, e);
}

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

    TRY(make_run(b, &run, e));
    n.content = (struct content){ .size = run.len, .ptr = run.ptr };
    TRY(tree_put(t, &n, e));
    if (b->recipe.listen == NULL)
        return SELFSAME_OK;
    TRY(tool_find(b->arena, b->o->agent, "selfsame-agent", "../cli/", &agent, e));
    return add_tool(b, t, agent, "usr/bin/selfsame", e);
}

static enum selfsame_code
check_input(const char *what, const struct recipe_input *in, const char *path,
    struct selfsame_err *e)
{
    uint8_t got[32];
    char want_hex[65], got_hex[65];
    struct stat st;
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0 || fstat(fd, &st) != 0)
        TRY_WHILE(e, file_error(e, "cannot open", path), "%s", what);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "%s: expected a regular file with a %s in it", path, what);
    if (st.st_size == 0)
        TRY_WHILE(e, file_empty(e, what), "%s", path);
    struct extent x = { .fd = &fd, .size = (uint64_t)st.st_size };
    if (!in->has_sha256)
        return SELFSAME_OK;
    TRY(extent_sha256(&x, got, e));
    if (bytes_eq(BYTES_ARR(got), BYTES_ARR(in->sha256)))
        return SELFSAME_OK;
    hex_encode(BYTES_ARR(in->sha256), want_hex);
    hex_encode(BYTES_ARR(got), got_hex);
    return remedied(e,
        err_set(e, SELFSAME_MISMATCH, __FILE__, __LINE__,
            "%s: expected the %s sha256 %.16s…, got %.16s…", path, what, want_hex,
            got_hex),
        "Fetch the file that the recipe names, or correct its digest there.");
}

/* An option names the file; the recipe's digest, when there is one, still holds. */
static enum selfsame_code
find_input(struct building *b, const char *what, const char *told,
    const struct recipe_input *in, const char **ret, struct selfsame_err *e)
{
    const char *path = told;

    *ret = NULL;
    if (path == NULL && in->file == NULL)
        return SELFSAME_OK;
    if (path == NULL)
        path = in->file[0] == '/'
                   ? in->file
                   : arena_printf(b->arena, "%s/%s", b->recipe.dir, in->file);
    if (path == NULL)
        return no_memory(e);
    TRY(check_input(what, in, path, e));
    *ret = path;
    return SELFSAME_OK;
}

/* AWS's line for x86_64 and aarch64 (specification of EIF, nitro-cli blobs). */
static const char *
default_cmdline(bool aarch64)
{
    return aarch64 ? "reboot=k panic=30 pci=off nomodules console=ttyS0 "
                     "random.trust_cpu=on root=/dev/ram0"
                   : "reboot=k panic=30 pci=off nomodules console=ttyS0 i8042.noaux "
                     "i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=on";
}

static enum selfsame_code
choose_cmdline(struct building *b, const char **ret, struct selfsame_err *e)
{
    const char *told = b->o->cmdline != NULL ? b->o->cmdline : b->recipe.cmdline;
    struct selfsame_bytes text = bytes_str(told != NULL ? told : "");

    if (told == NULL) {
        *ret = default_cmdline(b->source->aarch64);
        return SELFSAME_OK;
    }
    if (b->o->cmdline != NULL && access(told, F_OK) == 0)
        TRY(file_read(told, 4096, b->arena, &text, e));
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == 0 || text.ptr[i] == '\n')
            FAIL(e, SELFSAME_USAGE, "--cmdline: expected one line");
    if (text.len == 0)
        FAIL(e, SELFSAME_USAGE, "--cmdline: expected a line, got none");
    *ret = arena_str(b->arena, text);
    return *ret != NULL ? SELFSAME_OK : no_memory(e);
}

static enum selfsame_code
make_boot(struct building *b, struct tree *boot, bool *ret_nsm, struct selfsame_err *e)
{
    const struct node dev = { .path = "dev", .type = NODE_DIR, .mode = 0755 };
    const char *init, *nsm;

    TRY(tree_put(boot, &dev, e));
    TRY(tool_find(b->arena, b->o->init, "selfsame-init", "../init/", &init, e));
    TRY(add_tool(b, boot, init, "init", e));
    TRY(find_input(b, "module", b->o->nsm, &b->recipe.nsm, &nsm, e));
    *ret_nsm = nsm != NULL;
    return nsm != NULL
               ? source_file_add(b->source, boot, nsm, "selfsame/nsm.ko", 0644, e)
               : SELFSAME_OK;
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

static enum selfsame_code
pack(struct building *b, bool sandboxed, struct repro_result *ret,
    struct selfsame_err *e)
{
    auto_tree *boot = tree_new();
    auto_fd kernel_fd = -1;
    const char *kernel;
    struct stat st;
    struct pack_job job = { .boot = boot,
        .app = b->source->tree,
        .recipe = &b->recipe,
        .options = b->o,
        .kind = b->source->kind,
        .aarch64 = b->source->aarch64,
        .has_agent = b->recipe.listen != NULL,
        .sandboxed = sandboxed };

    if (boot == NULL)
        return no_memory(e);
    TRY(make_boot(b, boot, &job.has_nsm, e));
    TRY(choose_cmdline(b, &job.cmdline, e));
    TRY(find_input(b, "kernel", b->o->kernel, &b->recipe.kernel, &kernel, e));
    if (kernel != NULL) {
        kernel_fd = open(kernel, O_RDONLY | O_CLOEXEC);
        if (kernel_fd < 0 || fstat(kernel_fd, &st) != 0)
            return file_error(e, "cannot open", kernel);
        job.kernel = (struct extent){ .fd = &kernel_fd, .size = (uint64_t)st.st_size };
    }
    return pack_image(&job, b->arena, ret, e);
}

static enum selfsame_code
build(struct building *b, bool is_dir, struct repro_result *ret, struct selfsame_err *e)
{
    bool sandboxed;

    TRY(load_source(b, is_dir, &sandboxed, e));
    TRY(normalise_source(b, e));
    TRY(add_app_parts(b, e));
    return pack(b, sandboxed, ret, e);
}

enum selfsame_code
repro_build(const struct repro_options *o, struct arena *arena,
    struct repro_result *ret, struct selfsame_err *e)
{
    auto_source source = { .file = -1, .spool = { .fd = -1 }, .scratch = { .fd = -1 } };
    struct building b = { .o = o, .arena = arena, .source = &source };
    struct stat st;
    size_t kept = 0;

    TRY(source_init(&source, e));
    if (stat(o->source, &st) != 0)
        return file_error(e, "cannot open", o->source);
    bool is_dir = S_ISDIR(st.st_mode);
    TRY(load_recipe(&b, is_dir, e));
    TRY(out_make(o->out, &kept, e));
    if (stat(o->out, &st) == 0) { /* an output inside the source is not a source */
        b.skip.dev = st.st_dev;
        b.skip.ino = st.st_ino;
    }
    enum selfsame_code code = build(&b, is_dir, ret, e);
    if (code != SELFSAME_OK)
        out_unmake(o->out, kept);
    else
        ret->out_kept = kept;
    return code;
}
