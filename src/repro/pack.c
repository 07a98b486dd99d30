/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/kind.h"

#include <zlib.h>

/* docs/formats/measurements.md says what is written: all of it, or nothing. */

/* ---- a file being written ---- */

enum selfsame_code
output_begin(struct output *o, const struct file_draft *draft,
    const struct repro_voice *voice, struct arena *arena, struct selfsame_err *e)
{
    *o = (struct output){ .fd = draft->fd,
        .path = draft->path,
        .voice = voice,
        .buf = arena_alloc(arena, 1, PACK_PIECE) };
    if (o->buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to write %s", draft->path);
    return SELFSAME_OK;
}

enum selfsame_code
output_flush(struct output *o, struct selfsame_err *e)
{
    struct selfsame_bytes b = BYTES(o->buf, o->fill);

    o->crc = (uint32_t)crc32_z(o->crc, b.ptr, b.len);
    o->len += b.len;
    o->fill = 0;
    if (o->voice->advance != NULL)
        o->voice->advance(o->voice->ctx, b.len);
    return fd_write_all(o->fd, b, o->path, e);
}

enum selfsame_code
output_put(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct output *o = ctx;

    while (b.len > 0) {
        size_t n = PACK_PIECE - o->fill < b.len ? PACK_PIECE - o->fill : b.len;

        memcpy(o->buf + o->fill, b.ptr, n);
        o->fill += n;
        b = BYTES(b.ptr + n, b.len - n);
        if (o->fill == PACK_PIECE)
            TRY(output_flush(o, e));
    }
    return SELFSAME_OK;
}

/* ---- drafts ---- */

static void
drafts_discard(struct pack_drafts *d)
{
    for (size_t i = 0; i < OUT_FILES; i++)
        draft_discard(&d->at[i]);
}

struct file_draft *
pack_draft(struct pack_drafts *d, const char *name)
{
    for (size_t i = 0; i < OUT_FILES; i++)
        if (strcmp(out_files[i].name, name) == 0)
            return &d->at[i];
    return NULL;
}

static enum selfsame_code
drafts_open(struct pack_drafts *d, const struct repro_result *res, const char *out,
    struct arena *arena, struct selfsame_err *e)
{
    for (size_t i = 0; i < OUT_FILES; i++) {
        if (!out_has(&out_files[i], &res->tees))
            continue;
        char *path = arena_printf(arena, "%s/%s", out, out_files[i].name);
        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a path");
        TRY(draft_open(&d->at[i], path, false, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
drafts_commit(struct pack_drafts *d, struct selfsame_err *e)
{
    for (size_t i = 0; i < OUT_FILES; i++)
        if (d->at[i].fd >= 0)
            TRY(draft_commit(&d->at[i], e));
    return SELFSAME_OK;
}

/* ---- all of it ---- */

static enum selfsame_code
write_images(const struct pack_job *job, struct pack_drafts *d, struct arena *arena,
    struct selfsame_err *e)
{
    for (size_t i = 0; i < job->machine_count; i++) {
        const struct pack_machine *m = &job->machine[i];

        TRY(m->kind->pack(job, m, d, arena, e));
    }
    return SELFSAME_OK;
}

/* One manifest of all that is in any ramdisk. */
static enum selfsame_code
write_manifest(const struct pack_job *job, struct pack_drafts *d, struct arena *arena,
    struct repro_result *res, struct selfsame_err *e)
{
    static const struct repro_voice quiet;
    struct output o;

    TRY(output_begin(&o, pack_draft(d, "manifest.txt"), &quiet, arena, e));
    for (size_t k = 0; k < job->machine_count; k++)
        for (size_t i = 0; i < tree_count(job->machine[k].boot); i++)
            TRY(tree_put(job->app, tree_at(job->machine[k].boot, i), e));
    TRY(tree_manifest(job->app, &(struct sink){ .write = output_put, .ctx = &o },
        res->tree_sha256, e));
    res->file_count = tree_count(job->app);
    return output_flush(&o, e);
}

static enum selfsame_code
write_texts(const struct pack_job *job, struct pack_drafts *d,
    const struct pack_measured *measured, struct arena *arena, struct repro_result *res,
    struct selfsame_err *e)
{
    struct selfsame_bytes measurements, statement;

    TRY(pack_measurements(job, res, measured, arena, &measurements, e));
    TRY(pack_statement(job, res, measured, arena, &statement, e));
    TRY(fd_write_all(
        pack_draft(d, "measurements.json")->fd, measurements, "measurements.json", e));
    TRY(fd_write_all(
        pack_draft(d, "statement.json")->fd, statement, "statement.json", e));
    res->measurements = (const char *)measurements.ptr;
    res->statement = (const char *)statement.ptr;
    return SELFSAME_OK;
}

/* What the first of the images that cannot start lacks; NULL: nothing. */
static const char *
lacking(const struct pack_job *job)
{
    for (size_t i = 0; i < job->machine_count; i++) {
        const struct pack_machine *m = &job->machine[i];

        if (m->kind->has_gramine && (m->pal.fd == NULL || m->libos.fd == NULL))
            return m->pal.fd == NULL ? "pal" : "libos";
        if (m->kernel.fd == NULL && !m->kind->has_gramine)
            return "kernel";
        if (m->firmware.fd == NULL && m->kind->has_firmware)
            return "firmware";
    }
    return NULL;
}

enum selfsame_code
pack_image(const struct pack_job *job, struct arena *arena, struct repro_result *ret,
    struct selfsame_err *e)
{
    __attribute__((cleanup(drafts_discard))) struct pack_drafts d;
    __attribute__((cleanup(pack_measured_free))) struct pack_measured measured = { 0 };
    struct repro_result res = { .kind = job->kind,
        .name = job->recipe->name,
        .version = job->recipe->version,
        .lacks = lacking(job),
        .sandboxed = job->sandboxed,
        .keep_owners = job->recipe->keep_owners };

    for (size_t i = 0; i < OUT_FILES; i++)
        d.at[i] = (struct file_draft){ .fd = -1 };
    res.tees.oci = job->options->oci;
    for (size_t i = 0; i < job->machine_count; i++)
        res.tees.name[res.tees.count++] = job->machine[i].tee;
    TRY(drafts_open(&d, &res, job->options->out, arena, e));
    TRY(write_images(job, &d, arena, e));
    if (job->options->oci)
        TRY(pack_oci(job, &d, arena, e));
    TRY(pack_measure(job, &d, arena, &res, &measured, e));
    TRY(write_manifest(job, &d, arena, &res, e));
    TRY(write_texts(job, &d, &measured, arena, &res, e));
    TRY(drafts_commit(&d, e));
    TRY(out_remove_stale(job->options->out, &res.tees, e));
    *ret = res;
    return SELFSAME_OK;
}
