/* SPDX-License-Identifier: Apache-2.0 */
#include "image/eif.h"
#include "image/placeholder.h"
#include "repro/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* image.eif: everything in one file, docs/formats/eif-layout.md. */
enum { DEFAULT_MEMORY_MIB = 1024, DEFAULT_CPUS = 2 };

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
    return output_put(o, BYTES_ARR(head), e);
}

static enum selfsame_code
write_body(const struct pack_job *job, const struct pack_machine *m,
    const struct parts *p, const struct eif_plan *plan, struct output *o,
    struct selfsame_err *e)
{
    struct sink sink = { .write = output_put, .ctx = o };

    TRY(begin_section(o, plan, 0, e));
    if (m->kernel.fd != NULL) /* as it is: a compressed kernel stays compressed */
        TRY(extent_copy(&m->kernel, &sink, e));
    else
        TRY(output_put(o, placeholder_kernel(), e));
    TRY(begin_section(o, plan, 1, e));
    TRY(output_put(o, p->cmdline, e));
    TRY(begin_section(o, plan, 2, e));
    TRY(output_put(o, p->metadata, e));
    TRY(begin_section(o, plan, 3, e));
    TRY(initramfs_write(m->boot, &sink, e));
    TRY(begin_section(o, plan, 4, e));
    TRY(initramfs_write(job->app, &sink, e));
    return output_flush(o, e);
}

enum selfsame_code
pack_eif(const struct pack_job *job, const struct pack_machine *m,
    struct pack_drafts *d, struct arena *arena, struct selfsame_err *e)
{
    struct parts p = { .cmdline = bytes_str(m->cmdline) };
    struct eif_plan plan;
    uint8_t head[EIF_HEADER];
    struct output o;
    char *text = metadata(job);

    bool good = text != NULL && arena_dup(arena, bytes_str(text), &p.metadata);
    free(text);
    if (!good)
        FAIL(e, SELFSAME_NOMEM, "no memory to write the image");
    TRY(output_begin(&o, pack_draft(d, "image.eif"), &job->options->voice, arena, e));
    p.kernel_size = m->kernel.fd != NULL ? m->kernel.size : placeholder_kernel().len;
    TRY(initramfs_size(m->boot, &p.boot_size, e));
    TRY(initramfs_size(job->app, &p.app_size, e));
    plan_image(job, &p, &plan);
    if (job->options->voice.step != NULL)
        job->options->voice.step(job->options->voice.ctx, "writing image.eif",
            p.kernel_size + p.boot_size + p.app_size);
    eif_header_write(&plan, 0, head);
    TRY(fd_write_all(o.fd, BYTES_ARR(head), o.path, e));
    TRY(write_body(job, m, &p, &plan, &o, e));
    eif_header_write(&plan, eif_crc(&plan, o.crc, o.len), head);
    if (pwrite(o.fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        FAIL(e, SELFSAME_IO, "cannot write %s: %s", o.path, strerror(errno));
    return SELFSAME_OK;
}
