/* SPDX-License-Identifier: Apache-2.0 */
#include "show/show.h"

#include "appraise/report.h"
#include "cli/commands.h"
#include "cli/events.h"
#include "cli/print.h"
#include "cli/show_image.h"
#include "cli/show_print.h"
#include "image/elf.h"
#include "image/sgxs.h"
#include "os/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/*
 * Decodes and believes nothing: what the bytes say, never whether it is true.
 * Every kind becomes one JSON object; text is that object, indented.
 */
enum { SHOW_LIMIT = 16 << 20, SHOW_LIMIT_ELF = 48 << 20 };

static const struct cli_option options[] = { { 0 } };

/* What could command a terminal or fool its reader never reaches it: names neither. */
static void
print_safe(const char *text, size_t width)
{
    uint8_t piece[4];
    size_t shown = 0;

    for (struct selfsame_bytes rest = bytes_str(text); rest.len > 0;) {
        struct writer w = writer_of(piece, sizeof(piece));
        size_t len = 1;

        while (len < rest.len && (rest.ptr[len] & 0xc0) == 0x80)
            len++;
        put_safe(&w, BYTES(rest.ptr, len));
        (void)fwrite(piece, 1, w.len, stdout);
        rest = BYTES(rest.ptr + len, rest.len - len);
        shown++;
    }
    for (; shown < width; shown++)
        (void)putchar(' ');
}

enum { NAME_WIDTH = 14 };
static void
print_string(const char *name, const char *text)
{
    print_safe(name, NAME_WIDTH);
    (void)putchar(' ');
    print_safe(text, 0);
    (void)putchar('\n');
}

static void
print_title(const char *name)
{
    print_safe(name, 0);
    (void)putchar('\n');
}

static void
indent(int depth)
{
    (void)printf("%*s", depth * 2, "");
}

static void
print_value(const char *name, const json_t *value, int depth)
{
    const char *key;
    char number[40];
    json_t *item;
    size_t i;

    indent(depth);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        print_title(name);
        json_object_foreach((json_t *)(uintptr_t)value, key, item)
            print_value(key, item, depth + 1);
        return;
    case JSON_ARRAY:
        print_title(name);
        json_array_foreach((json_t *)(uintptr_t)value, i, item)
        {
            char label[24];

            (void)snprintf(label, sizeof(label), "%zu", i);
            print_value(label, item, depth + 1);
        }
        return;
    case JSON_STRING: print_string(name, json_string_value(value)); return;
    case JSON_INTEGER:
        (void)snprintf(
            number, sizeof(number), "%lld", (long long)json_integer_value(value));
        print_string(name, number);
        return;
    case JSON_REAL:
        (void)snprintf(number, sizeof(number), "%g", json_real_value(value));
        print_string(name, number);
        return;
    case JSON_TRUE: print_string(name, "yes"); return;
    case JSON_FALSE: print_string(name, "no"); return;
    case JSON_NULL: print_string(name, "-"); return;
    }
}

void
show_print(const json_t *tree)
{
    const char *key;
    json_t *item;

    json_object_foreach((json_t *)(uintptr_t)tree, key, item) print_value(key, item, 0);
}

static enum selfsame_code
print(struct cli *c, json_t *tree, struct selfsame_err *e)
{
    if (cli_json(c))
        return print_json_line(tree, e);
    if (strcmp(json_string_value(json_object_get(tree, "kind")), SHOW_EVENT_LOG) == 0) {
        print_string("kind", SHOW_EVENT_LOG);
        events_print(tree);
        return SELFSAME_OK;
    }
    show_print(tree);
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    auto_json *tree = json_object();
    const char *path = cli_operand(c, 0);
    struct selfsame_bytes in;
    uint8_t magic[8] = { 0 };
    ssize_t head = 0;

    if (tree == NULL)
        FAIL(e, SELFSAME_NOMEM, "the output");
    auto_fd fd = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    /* Images may be larger than memory: only their head and small sections are read. */
    if (fd >= 0)
        head = pread(fd, magic, sizeof(magic), 0);
    struct selfsame_bytes first = BYTES(magic, head > 0 ? (size_t)head : 0);
    if (bytes_has_prefix(first, BYTES_LIT(".eif"))) {
        TRY_WHILE(e, show_eif(fd, cli_arena(c), tree, e), "%s", path);
        return print(c, tree, e);
    }
    if (sgxs_recognise(first)) {
        TRY_WHILE(e, show_sgxs(fd, tree, e), "%s", path);
        return print(c, tree, e);
    }
    TRY(file_read(path, elf_recognise(first) ? (size_t)SHOW_LIMIT_ELF : SHOW_LIMIT,
        cli_arena(c), &in, e));
    if (in.len == 0)
        TRY_WHILE(e,
            file_empty(e, "evidence, an image, an envelope, a certificate or a policy"),
            "%s", path);
    if (!show_is_vkey(in)) /* which may be made of the letters of base64 alone */
        show_unwrap(&in, cli_arena(c));
    TRY_WHILE(e, show_any(in, cli_arena(c), tree, e), "%s", path);
    return print(c, tree, e);
}

const struct cli_command show_command = {
    .name = "show",
    .operands = "FILE",
    .summary =
        "decode evidence, image, envelope, certificate or policy; believe nothing",
    .story = "What is printed is what the bytes say. `verify` says whether it is true.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
