/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "codec/json.h"
#include "os/os.h"
#include "repro/repro.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TIMEOUT_S = 3600, TIMEOUT_MAX_S = 7 * 86400 };

static const struct cli_option options[] = {
    { .name = "recipe",
        .argument = "FILE",
        .help = "what to build and run (default: SOURCE/selfsame.json)" },
    { .name = "out",
        .argument = "DIR",
        .help = "where image.*, manifest.txt, measurements.json and statement.json go "
                "(default: out)" },
    { .name = "tee",
        .argument = "LIST",
        .help = "images for these: nitro, snp (default: nitro)" },
    { .name = "platform",
        .argument = "OS/ARCH",
        .help = "of the image (default: linux/amd64)" },
    { .name = "ref",
        .argument = "NAME",
        .help = "which image, when the source has several" },
    { .name = "kernel",
        .argument = "FILE",
        .help = "bzImage; without one the image runs in the simulator only" },
    { .name = "cmdline",
        .argument = "FILE|TEXT",
        .help = "of the kernel (default: AWS's line; for snp one of our own)" },
    { .name = "firmware",
        .argument = "FILE",
        .help = "snp: OVMF; without one the image runs in the simulator only" },
    { .name = "nsm", .argument = "FILE", .help = "nsm.ko, for kernels that need it" },
    { .name = "init",
        .argument = "FILE",
        .help = "selfsame-init (default: the installed one)" },
    { .name = "agent",
        .argument = "FILE",
        .help =
            "selfsame-agent, for recipes with 'serve' (default: the installed one)" },
    { .name = "twice",
        .help = "build again under other circumstances and compare every byte" },
    { .name = "timeout",
        .argument = "SECONDS",
        .help = "for the recipe's build commands (default: 3600)" },
    { .name = "verbose", .help = "show what build commands print" },
    { .name = "insecure-no-sandbox",
        .help = "run build commands where they see this machine" },
    { 0 },
};

struct screen {
    struct progress progress;
    bool running;
};

static void
finish(struct screen *s)
{
    if (s->running)
        progress_end(&s->progress);
    s->running = false;
}

static void
note(void *ctx, const char *line)
{
    finish(ctx);
    /* Names in an archive are a stranger's: no control characters on a terminal. */
    for (; *line != 0; line++)
        (void)fputc((uint8_t)*line < ' ' || *line == 0x7f ? '?' : *line, stderr);
    (void)fputc('\n', stderr);
}

static void
step(void *ctx, const char *what, uint64_t total)
{
    struct screen *s = ctx;

    finish(s);
    progress_begin(&s->progress, what, total);
    s->running = true;
}

static void
advance(void *ctx, uint64_t n)
{
    struct screen *s = ctx;

    if (s->running)
        progress_add(&s->progress, n);
}

static enum selfsame_code
split_platform(struct cli *c, struct repro_options *o, struct selfsame_err *e)
{
    const char *platform = cli_value(c, "platform");

    o->os = "linux";
    o->arch = "amd64";
    if (platform == NULL)
        return SELFSAME_OK;
    const char *slash = strchr(platform, '/');
    if (slash == NULL || strncmp(platform, "linux/", 6) != 0 ||
        (strcmp(slash + 1, "amd64") != 0 && strcmp(slash + 1, "arm64") != 0))
        FAIL(e, SELFSAME_USAGE,
            "--platform: expected linux/amd64 or linux/arm64, got '%s'", platform);
    o->arch = slash + 1;
    return SELFSAME_OK;
}

static void
print_files(const struct repro_options *o, const struct repro_result *r)
{
    char hex[65];

    for (size_t i = 0; i < r->image_count; i++) {
        hex_encode(BYTES_ARR(r->image[i].sha256), hex);
        (void)printf("%-11s %s/%s, %llu bytes\n", i == 0 ? "image" : "", o->out,
            r->image[i].name, (unsigned long long)r->image[i].size);
        (void)printf("sha256      %s\n", hex);
    }
}

static void
print_text(const struct repro_options *o, const struct repro_result *r, bool twice,
    bool other_user)
{
    char hex[65];

    (void)printf("source      %s (%s)\n", o->source, r->kind);
    print_files(o, r);
    hex_encode(BYTES_ARR(r->tree_sha256), hex);
    (void)printf("tree        %s, %zu files\n", hex, r->file_count);
    if (r->lacks != NULL)
        (void)printf("%-11s none: this image runs in the simulator only "
                     "(selfsame run --sim); name one with --%s\n",
            r->lacks, r->lacks);
    if (!r->sandboxed)
        (void)printf("insecure    built without a sandbox\n");
    if (twice)
        (void)printf(
            "built twice, same bytes (second time with another umask, time zone, "
            "locale, path and file order%s)\n",
            other_user ? ", by another user" : "");
}

static enum selfsame_code
print_json(const struct repro_result *r, bool twice, struct selfsame_err *e)
{
    auto_json *j = NULL;

    TRY(json_parse(bytes_str(r->measurements), "measurements.json", &j, e));
    if (twice && json_object_set_new(j, "built_twice", json_true()) != 0)
        FAIL(e, SELFSAME_NOMEM, "no memory to print");
    char *text = json_compact(j);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to print");
    (void)puts(text);
    free(text);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    struct screen screen = { 0 };
    uint64_t timeout = TIMEOUT_S;
    const char *out = cli_value(c, "out");
    struct repro_options o = { .source = cli_operand(c, 0),
        .recipe = cli_value(c, "recipe"),
        .out = out != NULL ? out : "out",
        .tees = cli_value(c, "tee"),
        .ref = cli_value(c, "ref"),
        .kernel = cli_value(c, "kernel"),
        .cmdline = cli_value(c, "cmdline"),
        .nsm = cli_value(c, "nsm"),
        .firmware = cli_value(c, "firmware"),
        .init = cli_value(c, "init"),
        .agent = cli_value(c, "agent"),
        .argv = cli_rest(c),
        .verbose = cli_flag(c, "verbose"),
        .insecure_no_sandbox = cli_flag(c, "insecure-no-sandbox"),
        .voice = { .note = note, .step = step, .advance = advance, .ctx = &screen } };
    struct repro_result r = { 0 };
    bool twice = cli_flag(c, "twice"), other_user = false;
    auto_arena arena = arena_new((size_t)1 << 30);

    TRY(split_platform(c, &o, e));
    TRY(cli_uint(c, "timeout", 1, TIMEOUT_MAX_S, &timeout, e));
    o.timeout_s = (unsigned)timeout;
    os_interruptible();
    enum selfsame_code code = repro_build(&o, &arena, &r, e);
    finish(&screen);
    TRY(code);
    if (twice) {
        step(&screen, "building again", 0);
        code = repro_again(&o, &r, &arena, &other_user, e);
        finish(&screen);
        TRY(code);
    }
    if (cli_json(c))
        return print_json(&r, twice, e);
    print_text(&o, &r, twice, other_user);
    return SELFSAME_OK;
}

const struct cli_command build_command = {
    .name = "build",
    .operands = "SOURCE",
    .summary = "make the same image from the same source, anywhere, any day",
    .story =
        "SOURCE is a source directory with a recipe, a root file system (directory or "
        "tar), a static\nprogram, an OCI layout or archive, or what docker save "
        "writes. Words behind -- are the program to run.\n\nExample:\n"
        "  selfsame build examples/hello --out out --twice",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
