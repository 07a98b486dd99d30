/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/print.h"
#include "codec/json.h"
#include "repro/repro.h"

#include <stdio.h>

static const struct cli_option options[] = {
    { 0 },
};

struct listing {
    json_t *list; /* with --json */
    bool failed;
};

static void
print_part(const char *label, const char *text)
{
    if (text == NULL)
        return;
    (void)fputs(label, stdout);
    for (; *text != 0; text++)
        (void)fputc((uint8_t)*text < ' ' || *text == 0x7f ? '?' : *text, stdout);
}

static void
print_finding(void *ctx, const struct repro_finding *f)
{
    (void)ctx;
    print_part("", f->what);
    print_part(" ", f->name);
    print_part(": ", f->how);
    print_part("\n    A    ", f->a);
    print_part("\n    B    ", f->b);
    print_part("\n    hint ", f->hint);
    (void)fputc('\n', stdout);
}

static void
list_finding(void *ctx, const struct repro_finding *f)
{
    struct listing *l = ctx;
    /* s? leaves null: names that are no UTF-8 have no place in JSON. */
    json_t *one = json_pack("{s:s?, s:s?, s:s?, s:s?, s:s?, s:s?}", "what", f->what,
        "name", f->name, "how", f->how, "a", f->a, "b", f->b, "hint", f->hint);

    if (one == NULL)
        one = json_pack(
            "{s:s, s:s, s:s}", "what", f->what, "name", "(not UTF-8)", "how", f->how);
    l->failed |= one == NULL || json_array_append_new(l->list, one) != 0;
}

static enum selfsame_code
print_json(const struct repro_diff *d, json_t *list, struct selfsame_err *e)
{
    auto_json *root = json_pack("{s:b, s:I, s:I, s:O}", "identical",
        d->differences == 0, "compared", (json_int_t)d->compared, "differences",
        (json_int_t)d->differences, "findings", list);

    return print_json_line(root, e);
}

/* Differing is an answer, not an error: exit status 1, as of cmp and diff. */
static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_json *list = json_array();
    struct listing l = { .list = list };
    struct repro_diff d = { .found = cli_json(c) ? list_finding : print_finding,
        .ctx = &l };
    auto_arena arena = arena_new((size_t)2 << 30);

    TRY(repro_compare(cli_operand(c, 0), cli_operand(c, 1), &d, &arena, e));
    if (l.failed)
        FAIL(e, SELFSAME_NOMEM, "no memory to compare");
    if (cli_json(c))
        TRY(print_json(&d, list, e));
    else if (d.differences == 0)
        (void)printf("identical: %zu compared\n", d.compared);
    else
        (void)printf("%zu differences, %zu compared\n", d.differences, d.compared);
    return d.differences == 0 ? SELFSAME_OK : (enum selfsame_code)1;
}

const struct cli_command diff_command = {
    .name = "diff",
    .operands = "A B",
    .summary = "compare two images, manifests or measurements, down to the file",
    .story =
        "A and B: image.eif, image.initrd, manifest.txt, measurements.json, or the "
        "output "
        "directories of two builds.\nExit status: 0 identical, 1 different, others "
        "as everywhere.\n\nExample:\n  selfsame diff mine/image.eif "
        "published/manifest.txt",
    .options = options,
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
