/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/measure.h>

#include "cli/commands.h"
#include "codec/json.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { .name = "tee", .argument = "TEE", .help = "for which TEE (default: nitro)" },
    { .name = "explain",
        .help = "also each section of the image and where it is measured" },
    { 0 },
};

static void
measurement_cleanup(struct selfsame_measurement **m)
{
    selfsame_measurement_free(*m);
}

static void
buffer_cleanup(uint8_t **p)
{
    free(*p);
}

static enum selfsame_code
feed(int fd, const char *path, uint64_t size, struct selfsame_measurement *m,
    struct selfsame_err *e)
{
    enum { PIECE = 256 * 1024 };
    __attribute__((cleanup(buffer_cleanup))) uint8_t *buf = malloc(PIECE);
    auto_progress p = { 0 };

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "a buffer");
    progress_begin(&p, "measuring", size);
    for (;;) {
        ssize_t n = read(fd, buf, PIECE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(e, "cannot read", path);
        if (n == 0)
            break;
        TRY(selfsame_measurement_update(m, BYTES(buf, (size_t)n), e));
        progress_add(&p, (uint64_t)n);
    }
    return selfsame_measurement_finish(m, e);
}

/* "pcr.0  abcd…" lines from the JSON object, nested names joined by dots. */
static void
print_values(const json_t *object, const char *prefix)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        char path[128];

        (void)snprintf(
            path, sizeof(path), "%s%s%s", prefix, prefix[0] ? "." : "", name);
        if (json_is_object(value))
            print_values(value, path);
        else if (json_is_string(value))
            (void)printf("%-8s %s\n", path, json_string_value(value));
    }
}

static void
print_sections(const json_t *sections)
{
    size_t i;
    json_t *s;

    json_array_foreach((json_t *)(uintptr_t)sections, i, s)
    {
        (void)printf(
            "section %-2zu %-9s offset %-10lld size %-10lld %s\n           sha384 %s\n",
            i, json_string_value(json_object_get(s, "name")),
            (long long)json_integer_value(json_object_get(s, "offset")),
            (long long)json_integer_value(json_object_get(s, "size")),
            json_string_value(json_object_get(s, "feeds")),
            json_string_value(json_object_get(s, "sha384")));
    }
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    __attribute__((cleanup(measurement_cleanup))) struct selfsame_measurement *m = NULL;
    auto_json *j = NULL;
    const char *path = cli_operand(c, 0), *tee = cli_value(c, "tee");
    struct stat st;
    char *text;

    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "cannot measure %s: it is not a regular file", path);
    if (st.st_size == 0)
        TRY_WHILE(e, file_empty(e, "an enclave image"), "%s", path);
    TRY(selfsame_measurement_new(
        tee != NULL ? tee : "nitro", (uint64_t)st.st_size, &m, e));
    if (cli_flag(c, "explain"))
        selfsame_measurement_set_explain(m);
    TRY_WHILE(e, feed(fd, path, (uint64_t)st.st_size, m, e), "%s", path);
    TRY(selfsame_measurement_json(m, cli_flag(c, "explain"), &text, e));
    if (cli_json(c)) {
        (void)puts(text);
        selfsame_free(text);
        return SELFSAME_OK;
    }
    enum selfsame_code code = json_parse(bytes_str(text), "measurement", &j, e);
    selfsame_free(text);
    TRY(code);
    print_values(j, "");
    print_sections(json_object_get(j, "sections"));
    return SELFSAME_OK;
}

const struct cli_command measure_command = {
    .name = "measure",
    .operands = "IMAGE",
    .summary = "the values the hardware will report for an image, offline",
    .story = "Example:\n  selfsame measure out/image.eif --explain",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
