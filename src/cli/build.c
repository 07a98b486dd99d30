/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_options.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "codec/json.h"
#include "os/os.h"

#include <stdio.h>

static const struct cli_option options[] = {
    BUILD_OPTIONS,
    { .name = "out",
        .argument = "DIR",
        .help = "where image.*, tdx.*, manifest.txt, measurements.json and "
                "statement.json go "
                "(default: out)" },
    { .name = "tee",
        .argument = "LIST",
        .help = "images for these: nitro, sgx, snp, tdx (default: nitro)" },
    { .name = "oci",
        .help = "image.oci.tar as well: the same application as a container image" },
    { .name = "twice",
        .help = "build again under other circumstances and compare every byte" },
    { 0 },
};

/* What a recipe names, and no option. */
static bool
of_gramine(const char *lacks)
{
    return strcmp(lacks, "pal") == 0 || strcmp(lacks, "libos") == 0;
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
                     "(selfsame run --sim); name one with %s%s\n",
            r->lacks, of_gramine(r->lacks) ? "the recipe's sgx." : "--", r->lacks);
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
    return print_json_line(j, e);
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    struct screen screen = { 0 };
    const char *out = cli_value(c, "out");
    struct repro_options o = { 0 };
    struct repro_result r = { 0 };
    bool twice = cli_flag(c, "twice"), other_user = false;
    auto_arena arena = arena_new((size_t)1 << 30);

    TRY(build_options_take(c, &screen, &o, e));
    o.source = cli_operand(c, 0);
    o.out = out != NULL ? out : "out";
    o.tees = cli_value(c, "tee");
    o.oci = cli_flag(c, "oci");
    os_interruptible();
    enum selfsame_code code = repro_build(&o, &arena, &r, e);
    screen_finish(&screen);
    TRY(code);
    if (twice) {
        screen_step(&screen, "building again", 0);
        code = repro_again(&o, &r, &arena, &other_user, e);
        screen_finish(&screen);
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
