/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/measure.h>

#include "cli/commands.h"
#include "cli/measure_events.h"
#include "cli/measure_id.h"
#include "cli/measure_print.h"
#include "cli/measure_sgx.h"
#include "cli/shapes.h"
#include "os/os.h"
#include "tee/tee.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { .name = "tee",
        .argument = "LIST",
        .help =
            "for these: nitro, sgx, snp, tdx (default: all that a directory has images "
            "for; a file for what it is, or what an option belongs to, else nitro)" },
    { .name = "firmware",
        .argument = "FILE",
        .help = "snp, tdx: OVMF, not the image's" },
    { .name = "kernel", .argument = "FILE", .help = "snp, tdx: not the image's" },
    { .name = "initrd", .argument = "FILE", .help = "snp, tdx: not the image's" },
    { .name = "cmdline",
        .argument = "TEXT|@FILE",
        .help = "snp, tdx: the kernel's command line" },
    { .name = "memory",
        .argument = "LIST",
        .help = "tdx: MiB of the machine, 2048,4096 (default: 2048)" },
    { .name = "pages",
        .argument = "one-pass|two-pass",
        .help = "tdx: the order of pages in MRTD (default: both)" },
    { .name = "kernel-as",
        .argument = "whole|patched",
        .help = "tdx: the kernel that the firmware gets from QEMU (default: both)" },
    { .name = "separator",
        .argument = "rtmr0|rtmr1",
        .help = "tdx: where the firmware puts the second one (default: both)" },
    { .name = "acpi-loader",
        .argument = "FILE",
        .help = "tdx: QEMU's etc/table-loader, for RTMR0" },
    { .name = "acpi-rsdp", .argument = "FILE", .help = "tdx: and its etc/acpi/rsdp" },
    { .name = "acpi-tables",
        .argument = "FILE",
        .help = "tdx: and its etc/acpi/tables" },
    { .name = "vmm",
        .argument = "qemu|ec2|gce",
        .help = "snp: who starts it (default: qemu)" },
    { .name = "vcpus",
        .argument = "LIST",
        .help = "snp: numbers of processors, 1,2,4 or 1-8 (default: 1)" },
    { .name = "cpu",
        .argument = "LIST",
        .help = "snp: models as QEMU is told, or CPUID 1 EAX" },
    { .name = "features",
        .argument = "LIST",
        .help = "snp: SEV_FEATURES (default: 0x1)" },
    { .name = "ec2-rdx", .argument = "0x600|0", .help = "snp: RDX at start on EC2" },
    { .name = "gce-gpa-bits",
        .argument = "48|52",
        .help = "snp: where GCE puts the processors' state" },
    { .name = "id-block",
        .argument = "FILE",
        .help = "snp: make (with --id-key) or check the ID block of one machine" },
    { .name = "id-auth", .argument = "FILE", .help = "snp: and its authentication" },
    { .name = "id-key", .argument = "FILE", .help = "snp: P-384 key that signs it" },
    { .name = "author-key",
        .argument = "FILE",
        .help = "snp: P-384 key that signs the ID key" },
    { .name = "family-id", .argument = "HEX", .help = "snp: 16 bytes of your own" },
    { .name = "image-id", .argument = "HEX", .help = "snp: 16 more" },
    { .name = "guest-svn",
        .argument = "N",
        .help = "snp: security version of the guest" },
    { .name = "guest-policy",
        .argument = "N",
        .help = "snp: what the guest allows (default: 0x30000)" },
    MEASURE_SGX_OPTIONS,
    { .name = "event-log",
        .argument = "FILE",
        .help = "tdx: a firmware event log (CCEL): what it replays to, and how far "
                "digests vouch for each event; IMAGE may be left out" },
    { .name = "quote",
        .argument = "FILE",
        .help = "tdx: and the quote whose registers it must replay to" },
    { .name = "explain",
        .help = "also each section of the image and where it is measured" },
    { 0 },
};

/* Predicted events are told to who asks for all. */
static bool
explained(struct cli *c)
{
    return cli_flag(c, "explain") || measure_events_wanted(c);
}

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
            return SELFSAME_OK;
        TRY(selfsame_measurement_update(m, BYTES(buf, (size_t)n), e));
        progress_add(&p, (uint64_t)n);
    }
}

/* A regular file with something in it. */
static enum selfsame_code
open_part(const char *path, const char *what, bool may_be_empty, int *ret,
    uint64_t *ret_size, struct selfsame_err *e)
{
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "cannot measure %s: it is not a regular file", path);
    if (st.st_size == 0 && !may_be_empty)
        TRY_WHILE(e, file_empty(e, what), "%s", path);
    *ret_size = (uint64_t)st.st_size;
    *ret = fd;
    fd = -1;
    return SELFSAME_OK;
}

/* ---- an image of several files ---- */

/* An option for each part, with '-' where the measurer has '_'. */
static const char *
option_of(struct cli *c, const char *part)
{
    char *name = arena_printf(cli_arena(c), "%s", part);

    for (char *p = name; p != NULL && *p != 0; p++)
        if (*p == '_')
            *p = '-';
    return name != NULL ? name : part;
}

/* What an option names, or what a build wrote; NULL: there is none. */
static const char *
part_path(
    struct cli *c, const char *image, bool dir, const char *files, const char *name)
{
    const char *told = cli_value(c, option_of(c, name));

    if (told != NULL)
        return told;
    if (!dir)
        return NULL;
    const char *path = arena_printf(cli_arena(c), "%s/%s.%s", image, files, name);
    return path != NULL && access(path, F_OK) == 0 ? path : NULL;
}

static enum selfsame_code
feed_part(struct cli *c, struct selfsame_measurement *m, const char *name,
    const char *path, struct selfsame_err *e)
{
    const char *line = cli_value(c, "cmdline");
    const bool may_be_empty = strcmp(name, "kernel") == 0 ||
                              strcmp(name, "initrd") == 0 ||
                              strcmp(name, "cmdline") == 0;
    uint64_t size = 0;
    auto_fd fd = -1;

    if (strcmp(name, "cmdline") == 0 && line != NULL && line[0] != '@') {
        TRY(selfsame_measurement_part(m, name, strlen(line), e));
        return selfsame_measurement_update(m, bytes_str(line), e);
    }
    if (path[0] == '@')
        path++;
    TRY(open_part(path, name, may_be_empty, &fd, &size, e));
    TRY_WHILE(e, selfsame_measurement_part(m, name, size, e), "%s", path);
    TRY_WHILE(e, feed(fd, path, size, m, e), "%s", path);
    return SELFSAME_OK;
}

/* Without an option: the shapes that the build measured. */
static enum selfsame_code
set_built(struct cli *c, const char *dir, const char *tee,
    struct selfsame_measurement *m, struct selfsame_err *e)
{
    auto_json *rows = NULL;
    json_t *row;
    size_t i;

    TRY(shapes_read(dir, tee, cli_arena(c), &rows, e));
    json_array_foreach(rows, i, row)
    {
        if (i > 0)
            TRY(selfsame_measurement_set(m, "shape", "next", e));
        for (size_t k = 0; k < SHAPE_OPTIONS; k++) {
            const char *value = shape_option(row, shape_options[k], cli_arena(c));

            if (value != NULL)
                TRY(selfsame_measurement_set(m, shape_options[k], value, e));
        }
    }
    return SELFSAME_OK;
}

/* What can be said about a machine: by option, for the measurer, of one TEE or of all. */
static const struct {
    const char *option, *name, *tee;
} said[] = {
    { "vmm", "vmm", NULL },
    { "vcpus", "vcpus", "snp" },
    { "cpu", "cpu", "snp" },
    { "features", "features", "snp" },
    { "ec2-rdx", "ec2_rdx", "snp" },
    { "gce-gpa-bits", "gce_gpa_bits", "snp" },
    { "memory", "memory_mib", "tdx" },
    { "pages", "pages", "tdx" },
    { "kernel-as", "kernel_as", "tdx" },
    { "separator", "separator", "tdx" },
    /* Files: measured as parts. */
    { "firmware", NULL, NULL },
    { "kernel", NULL, NULL },
    { "initrd", NULL, NULL },
    { "cmdline", NULL, NULL },
    { "acpi-loader", NULL, "tdx" },
    { "acpi-rsdp", NULL, "tdx" },
    { "acpi-tables", NULL, "tdx" },
};

static enum selfsame_code
set_options(struct cli *c, struct selfsame_measurement *m, struct selfsame_err *e)
{
    for (size_t i = 0; i < COUNT(said); i++) {
        const char *value = cli_value(c, said[i].option);

        if (value != NULL && said[i].name != NULL)
            TRY_WHILE(e, selfsame_measurement_set(m, said[i].name, value, e), "--%s",
                said[i].option);
    }
    return SELFSAME_OK;
}

/* Is anything said about the machine or its parts? */
static bool
machine_told(struct cli *c)
{
    for (size_t i = 0; i < COUNT(said); i++)
        if (cli_value(c, said[i].option) != NULL)
            return true;
    return false;
}

/* Is something said that is of another TEE? */
static bool
told_otherwise(struct cli *c, const char *tee)
{
    for (size_t i = 0; i < COUNT(said); i++)
        if (cli_value(c, said[i].option) != NULL && said[i].tee != NULL &&
            strcmp(said[i].tee, tee) != 0)
            return true;
    return measure_id_wanted(c) && strcmp(tee, "snp") != 0;
}

/* A directory of `build`, and nothing said about the machine. */
static bool
as_built(struct cli *c, const char *image, bool dir)
{
    const char *path = dir ? arena_printf(cli_arena(c), "%s/measurements.json", image)
                           : NULL;

    return !machine_told(c) && path != NULL && access(path, F_OK) == 0;
}

/* A file alone is one part; options name the others. */
static enum selfsame_code
measure_parts(struct cli *c, const char *image, bool dir, const char *tee,
    struct selfsame_measurement **ret, struct selfsame_err *e)
{
    const struct tee_measurer *m = tee_measurer_find(tee);

    TRY(selfsame_measurement_new(tee, 0, ret, e));
    if (explained(c))
        selfsame_measurement_set_explain(*ret);
    TRY(m->set != NULL && as_built(c, image, dir) ? set_built(c, image, tee, *ret, e)
                                                  : set_options(c, *ret, e));
    const char *whole = cli_value(c, m->whole);
    if (!dir)
        TRY(feed_part(c, *ret, m->whole, whole != NULL ? whole : image, e));
    for (size_t i = 0; m->parts[i] != NULL; i++) {
        const char *path = part_path(c, image, dir, m->files, m->parts[i]);
        const bool made = measure_sgx_wanted(c) && strcmp(m->parts[i], "sig") == 0;

        if (path != NULL && !made && (dir || strcmp(m->parts[i], m->whole) != 0))
            TRY(feed_part(c, *ret, m->parts[i], path, e));
    }
    return selfsame_measurement_finish(*ret, e);
}

static enum selfsame_code
measure_file(struct cli *c, const char *path, const char *tee,
    struct selfsame_measurement **ret, struct selfsame_err *e)
{
    uint64_t size = 0;
    auto_fd fd = -1;

    TRY(open_part(path, "an enclave image", false, &fd, &size, e));
    TRY(selfsame_measurement_new(tee, size, ret, e));
    if (explained(c))
        selfsame_measurement_set_explain(*ret);
    TRY(set_options(c, *ret, e));
    TRY_WHILE(e, feed(fd, path, size, *ret, e), "%s", path);
    TRY_WHILE(e, selfsame_measurement_finish(*ret, e), "%s", path);
    return SELFSAME_OK;
}

/* ---- which images ---- */

enum { TEES = 8 };
struct target {
    const char *tee, *path;
    bool parts; /* several files; `path` may be their directory */
};

/* Where the image for one TEE is; false when there is none. */
static bool
target_of(struct cli *c, const struct tee_measurer *m, const char *path, bool dir,
    struct target *ret)
{
    *ret = (struct target){ .tee = m->name, .path = path, .parts = m->part != NULL };
    if (!dir)
        return true;
    if (ret->parts)
        return part_path(c, path, true, m->files, m->parts[0]) != NULL;
    ret->path = arena_printf(cli_arena(c), "%s/image.%s", path, m->image_kind);
    return ret->path != NULL && access(ret->path, F_OK) == 0;
}

static enum selfsame_code
no_image(const char *path, const char *tee, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
        "cannot measure %s: expected an image%s%s in this directory, got none", path,
        tee != NULL ? " for " : "", tee != NULL ? tee : "");
    err_remedy(e, "Give a directory that `selfsame build` wrote, or an image file.");
    return SELFSAME_IO;
}

/* The library says which there are. */
static enum selfsame_code
unknown_tee(const char *name, struct selfsame_err *e)
{
    __attribute__((cleanup(measurement_cleanup))) struct selfsame_measurement *m = NULL;

    return selfsame_measurement_new(name, 0, &m, e);
}

static enum selfsame_code
targets_named(struct cli *c, const char *path, bool dir, struct target *list,
    size_t *count, struct selfsame_err *e)
{
    const char *rest = cli_value(c, "tee");

    while (rest != NULL) {
        size_t len = strcspn(rest, ",");
        char *name = arena_str(cli_arena(c), BYTES((const uint8_t *)rest, len));

        if (name == NULL)
            FAIL(e, SELFSAME_NOMEM, "a name");
        const struct tee_measurer *m = tee_measurer_find(name);
        for (size_t i = 0; m != NULL && i < *count; i++)
            if (strcmp(list[i].tee, name) == 0)
                FAIL(e, SELFSAME_USAGE, "--tee: expected each TEE once, got %s twice",
                    name);
        if (*count == TEES)
            FAIL(e, SELFSAME_USAGE, "--tee: expected at most %d", (int)TEES);
        if (m == NULL)
            return unknown_tee(name, e);
        if (!target_of(c, m, path, dir, &list[(*count)++]))
            return no_image(path, name, e);
        rest = rest[len] == ',' ? rest + len + 1 : NULL;
    }
    if (!dir && *count > 1)
        FAIL(e, SELFSAME_USAGE, "--tee: expected one TEE for a file, got %zu", *count);
    return SELFSAME_OK;
}

/* The TEE that a file is for, where its first bytes say; NULL: they do not. */
static const struct tee_measurer *
recognised(const char *path)
{
    uint8_t head[64];
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
    const struct tee_measurer *m;

    for (size_t i = 0; n > 0 && (m = tee_measurer_at(i)) != NULL; i++)
        if (m->recognise != NULL && m->recognise(BYTES(head, (size_t)n)))
            return m;
    return NULL;
}

/* Those named, else all that are there: of a machine, once something is said about one. */
static enum selfsame_code
targets(struct cli *c, const char *path, bool dir, struct target *list, size_t *count,
    struct selfsame_err *e)
{
    const bool machine = machine_told(c) || measure_id_wanted(c);
    const struct tee_measurer *m;

    TRY(targets_named(c, path, dir, list, count, e));
    m = measure_sgx_told(c) ? tee_measurer_find("sgx") : NULL;
    if (*count == 0 && (m != NULL || (!dir && (m = recognised(path)) != NULL)) &&
        (!dir || target_of(c, m, path, dir, &list[0])))
        (void)target_of(c, m, path, dir, &list[(*count)++]);
    if (*count > 0)
        return SELFSAME_OK;
    for (size_t i = 0; (m = tee_measurer_at(i)) != NULL && *count < TEES; i++)
        if ((dir || *count == 0) && (!machine || m->set != NULL) &&
            !told_otherwise(c, m->name) && target_of(c, m, path, dir, &list[*count]))
            ++*count;
    return *count > 0 ? SELFSAME_OK : no_image(path, NULL, e);
}

static enum selfsame_code
measure_target(struct cli *c, const struct target *t, bool dir, json_t *list,
    struct selfsame_err *e)
{
    __attribute__((cleanup(measurement_cleanup))) struct selfsame_measurement *m = NULL;
    auto_json *j = NULL;
    char *text;

    TRY(t->parts ? measure_parts(c, t->path, dir, t->tee, &m, e)
                 : measure_file(c, t->path, t->tee, &m, e));
    TRY(selfsame_measurement_json(m, explained(c), &text, e));
    enum selfsame_code code = json_parse(bytes_str(text), "measurement", &j, e);
    selfsame_free(text);
    TRY(code);
    if (measure_sgx_wanted(c))
        TRY(measure_sgx_sign(c, t->path, dir, j, e));
    if (measure_id_wanted(c)) {
        json_t *id;

        TRY(measure_id(c, j, &id, e));
        if (json_object_set_new(j, "id_block", id) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    }
    if (json_array_append(list, j) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    const char *path = cli_operand_count(c) > 0 ? cli_operand(c, 0) : NULL;
    struct target list[TEES];
    size_t count = 0;
    struct stat st;
    auto_json *all = json_array();

    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "the output");
    TRY(measure_events_check(c, e));
    if (path == NULL)
        return measure_events(c, NULL, e);
    if (stat(path, &st) != 0)
        return file_error(e, "cannot open", path);
    const bool dir = S_ISDIR(st.st_mode);
    TRY(targets(c, path, dir, list, &count, e));
    for (size_t i = 0; i < count; i++)
        TRY(measure_target(c, &list[i], dir, all, e));
    if (measure_events_wanted(c))
        return measure_events(c, json_array_get(all, 0), e);
    return measure_print(c, all, e);
}

const struct cli_command measure_command = {
    .name = "measure",
    .operands = "[IMAGE]",
    .summary = "the values the hardware will report for an image, offline",
    .story =
        "Examples:\n  selfsame measure out/image.eif --explain\n  selfsame "
        "measure out --tee snp --vcpus 1,2,4 --cpu EPYC-Milan-v2\n"
        "Without an option a directory is measured for all TEEs it has an image for, "
        "and for the machines its build named.",
    .options = options,
    .min_operands = 0,
    .max_operands = 1,
    .run = run,
};
