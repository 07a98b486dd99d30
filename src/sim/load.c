/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shapes.h"
#include "image/eif.h"
#include "os/os.h"
#include "sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One reading of the file feeds three: the measurer, its SHA-256, the unpacker. */
struct load {
    const struct tee_measurer *measurer;
    void *measuring;
    struct hash sha256;
    struct unpack *unpack; /* NULL: only measured */
    struct eif_reader reader;
    bool parts;   /* of a machine, not sections of a file */
    bool ramdisk; /* the section or part at hand is one */
    uint8_t *buf;
};
enum { PIECE = 1 << 18 };

static void
load_free(struct load *l)
{
    if (l->measurer != NULL && l->measuring != NULL)
        l->measurer->free(l->measuring);
    hash_free(&l->sha256);
    unpack_free(&l->unpack);
    free(l->buf);
}
#define auto_load __attribute__((cleanup(load_free))) struct load

static enum selfsame_code
section_begin(void *ctx, enum eif_type t, unsigned index, uint64_t offset,
    uint64_t size, struct selfsame_err *e)
{
    struct load *l = ctx;

    (void)index, (void)offset, (void)size;
    l->ramdisk = t == EIF_RAMDISK;
    return l->ramdisk ? unpack_begin(l->unpack, e) : SELFSAME_OK;
}

static enum selfsame_code
section_data(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct load *l = ctx;

    return l->ramdisk ? unpack_push(l->unpack, piece, e) : SELFSAME_OK;
}

static enum selfsame_code
section_end(void *ctx, struct selfsame_err *e)
{
    struct load *l = ctx;

    return l->ramdisk ? unpack_end(l->unpack, e) : SELFSAME_OK;
}

static const struct eif_handler handler = { section_begin, section_data, section_end };

static enum selfsame_code
push(struct load *l, struct selfsame_bytes piece, struct selfsame_err *e)
{
    TRY(l->measurer->update(l->measuring, piece, e));
    hash_update(&l->sha256, piece);
    if (l->unpack == NULL)
        return SELFSAME_OK;
    if (!l->parts)
        return eif_reader_push(&l->reader, piece, e);
    return l->ramdisk ? unpack_push(l->unpack, piece, e) : SELFSAME_OK;
}

static enum selfsame_code
begin(
    struct load *l, const struct load_request *q, uint64_t size, struct selfsame_err *e)
{
    if ((l->measurer = tee_measurer_find(q->tee)) == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "nothing here measures images for %s", q->tee);
    if (!hash_init(&l->sha256, HASH_SHA256) || (l->buf = malloc(PIECE)) == NULL)
        FAIL(e, SELFSAME_NOMEM, "reading an image");
    if (q->root >= 0)
        TRY(unpack_new(q->root, &l->unpack, e));
    eif_reader_init(&l->reader, size, &handler, l);
    return l->measurer->begin(size, false, &l->measuring, e);
}

/* `run` blocks these to clean up after itself: one that waits ends the reading. */
static bool
interrupted(void)
{
    sigset_t waiting;

    return sigpending(&waiting) == 0 &&
           (sigismember(&waiting, SIGINT) == 1 || sigismember(&waiting, SIGTERM) == 1 ||
               sigismember(&waiting, SIGHUP) == 1);
}

static enum selfsame_code
pump(struct load *l, int fd, uint64_t size, struct selfsame_err *e)
{
    struct progress progress;

    progress_begin(&progress, "measuring and unpacking", size);
    for (uint64_t at = 0; at < size;) {
        ssize_t n = read(fd, l->buf, PIECE);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            FAIL(e, SELFSAME_IO, "%s after %llu of %llu bytes",
                n < 0 ? strerror(errno) : "it ends", (unsigned long long)at,
                (unsigned long long)size);
        if (interrupted())
            FAIL(e, SELFSAME_IO, "interrupted");
        TRY(push(l, BYTES(l->buf, (size_t)n), e));
        at += (uint64_t)n;
        progress_add(&progress, (uint64_t)n);
    }
    progress_end(&progress);
    if (read(fd, l->buf, 1) > 0)
        FAIL(e, SELFSAME_IO, "it grew while it was read");
    return SELFSAME_OK;
}

static enum selfsame_code
finish(struct load *l, struct arena *arena, struct loaded *ret, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    if (l->unpack != NULL && !l->parts)
        TRY(eif_reader_end(&l->reader, e));
    if (l->unpack != NULL)
        TRY(unpack_finish(l->unpack, e));
    TRY(l->measurer->finish(l->measuring, arena, &ret->measured, e));
    hash_final(&l->sha256, digest);
    memcpy(ret->sha256, digest, sizeof(ret->sha256));
    return SELFSAME_OK;
}

/* A regular file; `what` when it must not be empty. */
static enum selfsame_code
open_file(const char *path, const char *what, int *ret, uint64_t *ret_size,
    struct selfsame_err *e)
{
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "cannot read %s: expected a regular file", path);
    if (st.st_size == 0 && what != NULL)
        TRY_WHILE(e, file_empty(e, what), "%s", path);
    *ret_size = (uint64_t)st.st_size;
    *ret = fd;
    fd = -1;
    return SELFSAME_OK;
}

/* ---- a machine: what `selfsame build` wrote into a directory ---- */

static bool
shape_fits(const json_t *row, const char *name, const char *told, struct arena *arena)
{
    const char *value = shape_option(row, name, arena);

    return told == NULL || (value != NULL && strcmp(value, told) == 0);
}

/* The first machine that the build measured and that is what was asked for. */
static enum selfsame_code
choose_shape(const struct load_request *q, json_t *rows, struct arena *arena,
    json_t **ret, struct selfsame_err *e)
{
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row) if (shape_fits(row, "vcpus", q->vcpus, arena) &&
                                         shape_fits(row, "cpu", q->cpu, arena))
    {
        *ret = row;
        return SELFSAME_OK;
    }
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "expected a machine that the image was measured for, got --vcpus %.16s --cpu "
        "%.32s",
        q->vcpus != NULL ? q->vcpus : "(any)", q->cpu != NULL ? q->cpu : "(any)");
    err_remedy(e, "Take a shape that measurements.json lists, or add it to the recipe "
                  "('snp.shapes') and build again.");
    return SELFSAME_USAGE;
}

static enum selfsame_code
set_shape(struct load *l, const struct load_request *q, struct arena *arena,
    struct selfsame_err *e)
{
    auto_json *rows = NULL;
    json_t *row;

    TRY(shapes_read(q->path, q->tee, arena, &rows, e));
    TRY(choose_shape(q, rows, arena, &row, e));
    for (size_t i = 0; i < SHAPE_OPTIONS; i++) {
        const char *name = shape_options[i];
        const char *value = shape_option(row, name, arena);

        if (value != NULL)
            TRY(l->measurer->set(l->measuring, name, value, e));
    }
    return SELFSAME_OK;
}

/* Of what has no processors to choose. */
static enum selfsame_code
no_shape(const struct load_request *q, struct selfsame_err *e)
{
    if (q->vcpus != NULL || q->cpu != NULL)
        FAIL(
            e, SELFSAME_USAGE, "--vcpus and --cpu shape machines, %s has none", q->tee);
    return SELFSAME_OK;
}

static enum selfsame_code
load_part(struct load *l, const char *path, const char *name, struct loaded *ret,
    struct selfsame_err *e)
{
    uint64_t size;
    auto_fd fd = -1;

    TRY(open_file(path, NULL, &fd, &size, e));
    TRY(l->measurer->part(l->measuring, name, size, e));
    l->ramdisk = strcmp(name, "initrd") == 0 || strcmp(name, "rootfs") == 0;
    if (l->ramdisk && l->unpack != NULL)
        TRY(unpack_begin(l->unpack, e));
    TRY(pump(l, fd, size, e));
    if (l->ramdisk && l->unpack != NULL)
        TRY(unpack_end(l->unpack, e));
    ret->size += size;
    return SELFSAME_OK;
}

static enum selfsame_code
load_parts(struct load *l, const struct load_request *q, struct arena *arena,
    struct loaded *ret, struct selfsame_err *e)
{
    const struct tee_measurer *m = tee_measurer_find(q->tee);

    TRY(begin(l, q, 0, e));
    l->parts = true;
    if (m->part == NULL)
        FAIL(e, SELFSAME_USAGE, "expected an image file for %s, got a directory",
            q->tee);
    if (m->set != NULL)
        TRY(set_shape(l, q, arena, e));
    else
        TRY(no_shape(q, e));
    for (size_t i = 0; m->parts[i] != NULL; i++) {
        char *path = arena_printf(arena, "%s/%s.%s", q->path, m->files, m->parts[i]);

        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "a path");
        if (i >= m->start_parts && access(path, F_OK) != 0)
            continue;
        TRY_WHILE(e, load_part(l, path, m->parts[i], ret, e), "%s", path);
    }
    return finish(l, arena, ret, e);
}

/* ---- an enclave: one file ---- */

static enum selfsame_code
load_file(struct load *l, const struct load_request *q, struct arena *arena,
    struct loaded *ret, struct selfsame_err *e)
{
    auto_fd fd = -1;

    TRY(open_file(q->path, "an enclave image", &fd, &ret->size, e));
    TRY(begin(l, q, ret->size, e));
    if (l->measurer->part != NULL)
        FAIL(e, SELFSAME_USAGE,
            "expected the directory that `selfsame build --tee %s` wrote, got a file",
            q->tee);
    TRY(no_shape(q, e));
    TRY(pump(l, fd, ret->size, e));
    return finish(l, arena, ret, e);
}

enum selfsame_code
image_load(const struct load_request *q, struct arena *arena, struct loaded *ret,
    struct selfsame_err *e)
{
    auto_load l = { 0 };
    struct stat st;
    struct loaded loaded = { 0 };

    if (stat(q->path, &st) != 0)
        return file_error(e, "cannot open", q->path);
    TRY_WHILE(e,
        S_ISDIR(st.st_mode) ? load_parts(&l, q, arena, &loaded, e)
                            : load_file(&l, q, arena, &loaded, e),
        "%s", q->path);
    *ret = loaded;
    return SELFSAME_OK;
}
