/* SPDX-License-Identifier: Apache-2.0 */
#include "image/placeholder.h"
#include "repro/kind.h"

/*
 * The image of a virtual machine that its monitor boots directly: firmware, kernel,
 * initrd and command line, a file each, as QEMU takes them. Under SEV-SNP the firmware
 * holds the digests of the other three against a page that is measured; under TDX
 * firmware and kernel measure each what they start.
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
        job->options->voice.step(job->options->voice.ctx, "writing an initrd",
            m->firmware.size + m->kernel.size + boot + app);
    return SELFSAME_OK;
}

struct pack_stand_ins
pack_stand_ins_snp(struct arena *arena)
{
    uint8_t *firmware = arena_alloc(arena, 1, PLACEHOLDER_FIRMWARE);

    if (firmware == NULL)
        return (struct pack_stand_ins){ .kernel = BYTES_NONE };
    placeholder_firmware(firmware);
    return (struct pack_stand_ins){ .firmware = BYTES(firmware, PLACEHOLDER_FIRMWARE),
        .kernel = placeholder_kernel() };
}

struct pack_stand_ins
pack_stand_ins_tdx(struct arena *arena)
{
    uint8_t *firmware = arena_alloc(arena, 1, PLACEHOLDER_TDVF);
    uint8_t *kernel = arena_alloc(arena, 1, PLACEHOLDER_PE);

    if (firmware == NULL || kernel == NULL)
        return (struct pack_stand_ins){ .kernel = BYTES_NONE };
    placeholder_tdvf(firmware);
    placeholder_pe(kernel);
    return (struct pack_stand_ins){ .firmware = BYTES(firmware, PLACEHOLDER_TDVF),
        .kernel = BYTES(kernel, PLACEHOLDER_PE) };
}

/* "image.kernel", "tdx.kernel" */
static enum selfsame_code
begin(const struct pack_job *job, const struct pack_machine *m, struct pack_drafts *d,
    const char *part, struct arena *arena, struct output *ret, struct selfsame_err *e)
{
    const char *name = arena_printf(arena, "%s.%s", m->kind->files, part);

    if (name == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a name");
    return output_begin(ret, pack_draft(d, name), &job->options->voice, arena, e);
}

enum selfsame_code
pack_direct(const struct pack_job *job, const struct pack_machine *m,
    struct pack_drafts *d, struct arena *arena, struct selfsame_err *e)
{
    const struct pack_stand_ins instead = m->kind->stand_ins(arena);
    static const struct extent none;
    struct output o;

    if (instead.firmware.ptr == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a firmware");
    TRY(tell_sizes(job, m, e));
    TRY(begin(job, m, d, "firmware", arena, &o, e));
    TRY(write_file(&m->firmware, instead.firmware, &o, e));
    TRY(begin(job, m, d, "kernel", arena, &o, e));
    TRY(write_file(&m->kernel, instead.kernel, &o, e));
    TRY(begin(job, m, d, "initrd", arena, &o, e));
    TRY(write_initrd(job, m, &o, e));
    TRY(begin(job, m, d, "cmdline", arena, &o, e));
    return write_file(&none, bytes_str(m->cmdline), &o, e);
}
