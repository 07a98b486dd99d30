/* SPDX-License-Identifier: Apache-2.0 */
#include "image/placeholder.h"
#include "repro/pack.h"

/*
 * The image of a virtual machine that its monitor boots directly: firmware, kernel,
 * initrd and command line, a file each, as QEMU takes them. The firmware holds the
 * digests of the other three against a page that is measured.
 */

/* A file as it is, or what stands in its place. */
static enum selfsame_code
write_file(const struct extent *x, struct selfsame_bytes otherwise, struct output *o,
    struct selfsame_err *e)
{
    struct sink sink = { .write = output_put, .ctx = o };

    if (x->fd != NULL)
        TRY(extent_copy(x, &sink, e));
    else
        TRY(output_put(o, otherwise, e));
    return output_flush(o, e);
}

/* The kernel unpacks one archive after the other; a later file of a name wins. */
static enum selfsame_code
write_initrd(const struct pack_job *job, const struct pack_machine *m, struct output *o,
    struct selfsame_err *e)
{
    struct sink sink = { .write = output_put, .ctx = o };

    TRY(initramfs_write(m->boot, &sink, e));
    TRY(initramfs_write(job->app, &sink, e));
    return output_flush(o, e);
}

static enum selfsame_code
tell_sizes(
    const struct pack_job *job, const struct pack_machine *m, struct selfsame_err *e)
{
    uint64_t boot, app;

    TRY(initramfs_size(m->boot, &boot, e));
    TRY(initramfs_size(job->app, &app, e));
    if (job->options->voice.step != NULL)
        job->options->voice.step(job->options->voice.ctx, "writing image.initrd",
            m->firmware.size + m->kernel.size + boot + app);
    return SELFSAME_OK;
}

enum selfsame_code
pack_direct(const struct pack_job *job, const struct pack_machine *m,
    struct pack_drafts *d, struct arena *arena, struct selfsame_err *e)
{
    const struct repro_voice *voice = &job->options->voice;
    static const struct extent none;
    uint8_t simulated[PLACEHOLDER_FIRMWARE];
    struct output o;

    placeholder_firmware(simulated);
    TRY(tell_sizes(job, m, e));
    TRY(output_begin(&o, pack_draft(d, "image.firmware"), voice, arena, e));
    TRY(write_file(&m->firmware, BYTES_ARR(simulated), &o, e));
    TRY(output_begin(&o, pack_draft(d, "image.kernel"), voice, arena, e));
    TRY(write_file(&m->kernel, placeholder_kernel(), &o, e));
    TRY(output_begin(&o, pack_draft(d, "image.initrd"), voice, arena, e));
    TRY(write_initrd(job, m, &o, e));
    TRY(output_begin(&o, pack_draft(d, "image.cmdline"), voice, arena, e));
    return write_file(&none, bytes_str(m->cmdline), &o, e);
}
