/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "crypto/crypto.h"
#include "image/eif.h"
#include "os/os.h"
#include "repro/repro.h"

#include <selfsame/measure.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

/*
 * docs/formats/measurements.md says what is written. The image is written in one
 * pass over the contents; then the file itself, as it stands, is read once for
 * its digest and its measurement: what was measured is what is there.
 */
enum { PIECE = 512 * 1024, DEFAULT_MEMORY_MIB = 1024, DEFAULT_CPUS = 2, TEES = 8 };

static const char placeholder[] =
    "selfsame: no kernel; this image runs in the simulator only\n";

/* ---- a file being written ---- */

struct output {
    int fd;
    const char *path;
    const struct repro_voice *voice;
    uint32_t crc;
    uint64_t len;
    uint8_t *buf;
    size_t fill;
};

static enum selfsame_code
flush(struct output *o, struct selfsame_err *e)
{
    struct selfsame_bytes b = BYTES(o->buf, o->fill);

    o->crc = (uint32_t)crc32_z(o->crc, b.ptr, b.len);
    o->len += b.len;
    o->fill = 0;
    if (o->voice->advance != NULL)
        o->voice->advance(o->voice->ctx, b.len);
    return fd_write_all(o->fd, b, o->path, e);
}

static enum selfsame_code
put(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct output *o = ctx;

    while (b.len > 0) {
        size_t n = PIECE - o->fill < b.len ? PIECE - o->fill : b.len;

        memcpy(o->buf + o->fill, b.ptr, n);
        o->fill += n;
        b = BYTES(b.ptr + n, b.len - n);
        if (o->fill == PIECE)
            TRY(flush(o, e));
    }
    return SELFSAME_OK;
}

/* ---- image ---- */

/* Members in AWS's order; nothing of the machine or the clock. */
static char *
metadata(const struct pack_job *job)
{
    char when[TIME_TEXT];

    time_format(job->recipe->source_date_epoch, when);
    auto_json *root = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}, s:n, s:n}",
        "ImageName", job->recipe->name, "ImageVersion", job->recipe->version,
        "BuildMetadata", "BuildTime", when, "BuildTool", "selfsame", "BuildToolVersion",
        selfsame_version(), "OperatingSystem", "Linux", "KernelVersion", "unknown",
        "DockerInfo", "CustomMetadata");
    return root != NULL ? json_compact(root) : NULL;
}

struct parts {
    struct selfsame_bytes cmdline, metadata;
    uint64_t kernel_size, boot_size, app_size;
};

static void
plan_image(const struct pack_job *job, const struct parts *p, struct eif_plan *ret)
{
    uint64_t mib = job->recipe->memory_mib != 0 ? job->recipe->memory_mib
                                                : DEFAULT_MEMORY_MIB;

    *ret = (struct eif_plan){ .aarch64 = job->aarch64,
        .default_mem = mib << 20,
        .default_cpus = DEFAULT_CPUS,
        .count = 5,
        .section = { { EIF_KERNEL, p->kernel_size }, { EIF_CMDLINE, p->cmdline.len },
            { EIF_METADATA, p->metadata.len }, { EIF_RAMDISK, p->boot_size },
            { EIF_RAMDISK, p->app_size } } };
}

static enum selfsame_code
begin_section(
    struct output *o, const struct eif_plan *plan, size_t i, struct selfsame_err *e)
{
    uint8_t head[EIF_SECTION_HEADER];

    eif_section_header_write(plan->section[i].type, plan->section[i].size, head);
    return put(o, BYTES_ARR(head), e);
}

static enum selfsame_code
write_body(const struct pack_job *job, const struct parts *p,
    const struct eif_plan *plan, struct output *o, struct selfsame_err *e)
{
    struct sink sink = { .write = put, .ctx = o };

    TRY(begin_section(o, plan, 0, e));
    if (job->kernel.fd != NULL) /* as it is: a compressed kernel stays compressed */
        TRY(extent_copy(&job->kernel, &sink, e));
    else
        TRY(put(o, BYTES_LIT(placeholder), e));
    TRY(begin_section(o, plan, 1, e));
    TRY(put(o, p->cmdline, e));
    TRY(begin_section(o, plan, 2, e));
    TRY(put(o, p->metadata, e));
    TRY(begin_section(o, plan, 3, e));
    TRY(initramfs_write(job->boot, &sink, e));
    TRY(begin_section(o, plan, 4, e));
    TRY(initramfs_write(job->app, &sink, e));
    return flush(o, e);
}

static enum selfsame_code
write_image(const struct pack_job *job, struct file_draft *draft, struct arena *arena,
    uint64_t *ret_size, struct selfsame_err *e)
{
    struct parts p = { .cmdline = bytes_str(job->cmdline) };
    struct eif_plan plan;
    uint8_t head[EIF_HEADER];
    struct output o = { .fd = draft->fd,
        .path = draft->path,
        .voice = &job->options->voice,
        .buf = arena_alloc(arena, 1, PIECE) };
    char *text = metadata(job);

    if (text == NULL || o.buf == NULL ||
        !arena_dup(arena, bytes_str(text), &p.metadata)) {
        free(text);
        FAIL(e, SELFSAME_NOMEM, "no memory to write the image");
    }
    free(text);
    p.kernel_size = job->kernel.fd != NULL ? job->kernel.size : sizeof(placeholder) - 1;
    TRY(initramfs_size(job->boot, &p.boot_size, e));
    TRY(initramfs_size(job->app, &p.app_size, e));
    plan_image(job, &p, &plan);
    if (job->options->voice.step != NULL)
        job->options->voice.step(job->options->voice.ctx, "writing image.eif",
            p.kernel_size + p.boot_size + p.app_size);
    eif_header_write(&plan, 0, head);
    TRY(fd_write_all(o.fd, BYTES_ARR(head), o.path, e));
    TRY(write_body(job, &p, &plan, &o, e));
    eif_header_write(&plan, eif_crc(&plan, o.crc, o.len), head);
    if (pwrite(o.fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        FAIL(e, SELFSAME_IO, "cannot write %s: %s", o.path, strerror(errno));
    *ret_size = sizeof(head) + o.len;
    return SELFSAME_OK;
}

/* ---- digest and measurements of the file as it stands ---- */

struct measuring {
    struct selfsame_measurement *at[TEES];
    const char *tee[TEES];
    size_t count;
    struct hash sha256;
    const struct repro_voice *voice;
};

static void
measuring_free(struct measuring *m)
{
    for (size_t i = 0; i < m->count; i++)
        selfsame_measurement_free(m->at[i]);
    hash_free(&m->sha256);
}

static enum selfsame_code
measuring_begin(struct measuring *m, const struct pack_job *job, uint64_t size,
    struct arena *arena, struct selfsame_err *e)
{
    const char *list = job->options->tees;

    for (size_t i = 0; list == NULL && job->recipe->tees[i] != NULL; i++)
        if (i < TEES)
            m->tee[m->count++] = job->recipe->tees[i];
    while (list != NULL && *list != 0 && m->count < TEES) {
        size_t n = strcspn(list, ",");

        m->tee[m->count] = arena_str(arena, BYTES((const uint8_t *)list, n));
        if (m->tee[m->count++] == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory to measure");
        list += n;
        list += *list == ',';
    }
    if (m->count == 0)
        FAIL(e, SELFSAME_USAGE, "expected a TEE to measure for, got none");
    if (!hash_init(&m->sha256, HASH_SHA256))
        FAIL(e, SELFSAME_NOMEM, "no memory for a digest");
    for (size_t i = 0; i < m->count; i++)
        TRY_WHILE(e, selfsame_measurement_new(m->tee[i], size, &m->at[i], e),
            "measuring for %s", m->tee[i]);
    return SELFSAME_OK;
}

static enum selfsame_code
measure_piece(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct measuring *m = ctx;

    hash_update(&m->sha256, b);
    for (size_t i = 0; i < m->count; i++)
        TRY(selfsame_measurement_update(m->at[i], b, e));
    if (m->voice->advance != NULL)
        m->voice->advance(m->voice->ctx, b.len);
    return SELFSAME_OK;
}

/* {"tee":"nitro","pcr":{"0":"…"}} with every value as a list of one: any of these. */
static enum selfsame_code
as_lists(json_t *object, struct selfsame_err *e)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value)
    {
        if (json_is_object(value))
            TRY(as_lists(value, e));
        else if (json_is_string(value) && strcmp(key, "tee") != 0 &&
                 json_object_set_new(object, key, json_pack("[O]", value)) != 0)
            FAIL(e, SELFSAME_NOMEM, "no memory for the measurements");
    }
    return SELFSAME_OK;
}

static enum selfsame_code
measured_json(struct measuring *m, json_t **ret, struct selfsame_err *e)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < m->count; i++) {
        auto_json *one = NULL;
        char *text = NULL;

        TRY(selfsame_measurement_finish(m->at[i], e));
        TRY(selfsame_measurement_json(m->at[i], false, &text, e));
        enum selfsame_code c = json_parse(bytes_str(text), "measurement", &one, e);
        selfsame_free(text);
        TRY(c);
        TRY(as_lists(one, e));
        if (json_array_append(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "no memory for the measurements");
    }
    *ret = json_incref(list);
    return SELFSAME_OK;
}

static enum selfsame_code
measure_image(const struct pack_job *job, const struct file_draft *draft,
    struct arena *arena, struct repro_result *res, json_t **ret, struct selfsame_err *e)
{
    __attribute__((cleanup(
        measuring_free))) struct measuring m = { .voice = &job->options->voice };
    struct extent x = { .fd = &draft->fd, .size = res->image_size };
    uint8_t sum[HASH_MAX];

    TRY(measuring_begin(&m, job, x.size, arena, e));
    if (m.voice->step != NULL)
        m.voice->step(m.voice->ctx, "measuring image.eif", x.size);
    TRY(extent_copy(&x, &(struct sink){ .write = measure_piece, .ctx = &m }, e));
    hash_final(&m.sha256, sum);
    memcpy(res->image_sha256, sum, sizeof(res->image_sha256));
    return measured_json(&m, ret, e);
}

/* ---- the texts beside the image ---- */

static enum selfsame_code
write_fd(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    return put(ctx, b, e);
}

/* One manifest of all that is in both ramdisks. */
static enum selfsame_code
write_manifest(const struct pack_job *job, struct file_draft *draft,
    struct arena *arena, struct repro_result *res, struct selfsame_err *e)
{
    static const struct repro_voice quiet;
    struct output o = { .fd = draft->fd,
        .path = draft->path,
        .voice = &quiet,
        .buf = arena_alloc(arena, 1, PIECE) };

    if (o.buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to write the manifest");
    for (size_t i = 0; i < tree_count(job->boot); i++)
        TRY(tree_put(job->app, tree_at(job->boot, i), e));
    TRY(tree_manifest(
        job->app, &(struct sink){ .write = write_fd, .ctx = &o }, res->tree_sha256, e));
    res->file_count = tree_count(job->app);
    return flush(&o, e);
}

static bool
set_hex(json_t *object, const char *key, const uint8_t *sha256)
{
    char hex[65];

    hex_encode(BYTES(sha256, 32), hex);
    return json_object_set_new(object, key, json_string(hex)) == 0;
}

static bool
set_node(json_t *inputs, const char *key, struct tree *t, const char *path)
{
    const struct node *n = tree_find(t, path);

    return n != NULL && n->hashed && set_hex(inputs, key, n->sha256);
}

static enum selfsame_code
inputs_json(const struct pack_job *job, json_t **ret, struct selfsame_err *e)
{
    auto_json *inputs = json_object();
    uint8_t kernel[32];
    bool good = set_node(inputs, "init", job->boot, "init") &&
                (!job->has_nsm ||
                    set_node(inputs, "nsm", job->boot, "selfsame/nsm.ko")) &&
                (!job->has_agent ||
                    set_node(inputs, "agent", job->app, "usr/bin/selfsame")) &&
                (!job->recipe->given || set_hex(inputs, "recipe", job->recipe->sha256));

    if (job->kernel.fd != NULL) {
        TRY(extent_sha256(&job->kernel, kernel, e));
        good = good && set_hex(inputs, "kernel", kernel);
    }
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "no memory for measurements.json");
    *ret = json_incref(inputs);
    return SELFSAME_OK;
}

/* Sorted keys: the text is the same whoever writes it. */
static enum selfsame_code
sorted_text(json_t *root, bool pretty, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    char *text = root == NULL
                     ? NULL
                     : json_dumps(root,
                           JSON_SORT_KEYS | (pretty ? JSON_INDENT(2) : JSON_COMPACT));
    char *copy = text == NULL ? NULL
                              : arena_printf(arena, "%s%s", text, pretty ? "\n" : "");

    free(text);
    if (copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the measurements");
    *ret = bytes_str(copy);
    return SELFSAME_OK;
}

static enum selfsame_code
measurements_text(const struct pack_job *job, const struct repro_result *res,
    json_t *measured, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    auto_json *inputs = NULL;
    char image[65], tree[65];

    TRY(inputs_json(job, &inputs, e));
    hex_encode(BYTES_ARR(res->image_sha256), image);
    hex_encode(BYTES_ARR(res->tree_sha256), tree);
    auto_json *root = json_pack(
        "{s:i, s:s, s:s, s:{s:s, s:s, s:I}, s:s, s:b, s:O, s:O}",
        "selfsame_measurements", 1, "name", job->recipe->name, "version",
        job->recipe->version, "image", "file", "image.eif", "sha256", image, "size",
        (json_int_t)res->image_size, "tree_sha256", tree, "bootable",
        job->kernel.fd != NULL, "inputs", inputs, "measurements", measured);
    if (root != NULL && !job->sandboxed &&
        json_object_set_new(root, "insecure", json_pack("[s]", "no-sandbox")) != 0)
        FAIL(e, SELFSAME_NOMEM, "no memory for the measurements");
    return sorted_text(root, true, arena, ret, e);
}

/* transparency §13.2: what a build cannot know (sequence, source, validity) is for `publish`. */
static enum selfsame_code
release_measurements(const json_t *measured, json_t **ret, struct selfsame_err *e)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < json_array_size(measured); i++) {
        const json_t *one = json_array_get(measured, i);
        const char *tee = json_string_value(json_object_get(one, "tee"));

        if (tee == NULL || strcmp(tee, "nitro") != 0)
            continue; /* a form of its own for each TEE; this is the one we measure */
        json_t *item = json_pack("{s:s, s:s, s:O, s:{s:b}, s:s}", "alg", "sha384",
            "artifact", "image.eif", "pcr", json_object_get(one, "pcr"), "require",
            "debug", 0, "tee", "aws-nitro");
        if (item == NULL || json_array_append_new(list, item) != 0)
            FAIL(e, SELFSAME_NOMEM, "no memory for the statement");
    }
    *ret = json_incref(list);
    return SELFSAME_OK;
}

static enum selfsame_code
statement_text(const struct pack_job *job, const struct repro_result *res,
    const json_t *measured, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const struct recipe *r = job->recipe;
    auto_json *list = NULL;
    char image[65], manifest[65], recipe[65];

    TRY(release_measurements(measured, &list, e));
    hex_encode(BYTES_ARR(res->image_sha256), image);
    hex_encode(BYTES_ARR(res->tree_sha256), manifest);
    hex_encode(BYTES_ARR(r->sha256), recipe);
    auto_json *build = json_pack("{s:I, s:{s:s, s:s}}", "sourceDateEpoch",
        (json_int_t)r->source_date_epoch, "tool", "name", "selfsame", "version",
        selfsame_version());
    if (build == NULL ||
        (r->given && json_object_set_new(build, "recipe",
                         json_pack("{s:{s:s}, s:s}", "digest", "sha256", recipe, "name",
                             "selfsame.json")) != 0))
        FAIL(e, SELFSAME_NOMEM, "no memory for the statement");
    auto_json *root = json_pack(
        "{s:s, s:{s:O, s:O, s:{s:s, s:s}}, s:s, s:[{s:{s:s}, s:s}, {s:{s:s}, s:s}]}",
        "_type", "https://in-toto.io/Statement/v1", "predicate", "build", build,
        "measurements", list, "release", "name", r->name, "version", r->version,
        "predicateType", "https://selfsame.dev/predicate/tee-release/v1", "subject",
        "digest", "sha256", image, "name", "image.eif", "digest", "sha256", manifest,
        "name", "manifest.txt");
    return sorted_text(root, false, arena, ret, e);
}

/* ---- all four files, or none ---- */

enum { IMAGE, MANIFEST, MEASUREMENTS, STATEMENT }; /* as in out_names */

struct drafts {
    struct file_draft at[OUT_FILES];
};

static void
drafts_discard(struct drafts *d)
{
    for (size_t i = 0; i < OUT_FILES; i++)
        draft_discard(&d->at[i]);
}

static enum selfsame_code
drafts_open(
    struct drafts *d, const char *out, struct arena *arena, struct selfsame_err *e)
{
    for (size_t i = 0; i < OUT_FILES; i++) {
        char *path = arena_printf(arena, "%s/%s", out, out_names[i]);

        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a path");
        TRY(draft_open(&d->at[i], path, false, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
write_texts(const struct pack_job *job, struct drafts *d, json_t *measured,
    struct arena *arena, struct repro_result *res, struct selfsame_err *e)
{
    struct selfsame_bytes measurements, statement;

    TRY(measurements_text(job, res, measured, arena, &measurements, e));
    TRY(statement_text(job, res, measured, arena, &statement, e));
    TRY(fd_write_all(d->at[MEASUREMENTS].fd, measurements, "measurements.json", e));
    TRY(fd_write_all(d->at[STATEMENT].fd, statement, "statement.json", e));
    res->measurements = (const char *)measurements.ptr;
    return SELFSAME_OK;
}

enum selfsame_code
pack_image(const struct pack_job *job, struct arena *arena, struct repro_result *ret,
    struct selfsame_err *e)
{
    __attribute__((cleanup(drafts_discard))) struct drafts d = {
        .at = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } }
    };
    struct repro_result res = { .kind = job->kind,
        .name = job->recipe->name,
        .version = job->recipe->version,
        .bootable = job->kernel.fd != NULL,
        .sandboxed = job->sandboxed,
        .keep_owners = job->recipe->keep_owners };
    auto_json *measured = NULL;

    TRY(drafts_open(&d, job->options->out, arena, e));
    TRY(write_image(job, &d.at[IMAGE], arena, &res.image_size, e));
    TRY(measure_image(job, &d.at[IMAGE], arena, &res, &measured, e));
    TRY(write_manifest(job, &d.at[MANIFEST], arena, &res, e));
    TRY(write_texts(job, &d, measured, arena, &res, e));
    for (size_t i = 0; i < OUT_FILES; i++)
        TRY(draft_commit(&d.at[i], e));
    *ret = res;
    return SELFSAME_OK;
}
