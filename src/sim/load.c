/* SPDX-License-Identifier: Apache-2.0 */
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
    bool ramdisk; /* the section at hand is one */
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
    if (l->unpack != NULL)
        TRY(eif_reader_push(&l->reader, piece, e));
    return SELFSAME_OK;
}

static enum selfsame_code
begin(struct load *l, const char *tee, int root, uint64_t size, struct selfsame_err *e)
{
    if ((l->measurer = tee_measurer_find(tee)) == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED, "nothing here measures images for %s", tee);
    if (!hash_init(&l->sha256, HASH_SHA256) || (l->buf = malloc(PIECE)) == NULL)
        FAIL(e, SELFSAME_NOMEM, "reading an image");
    if (root >= 0)
        TRY(unpack_new(root, &l->unpack, e));
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

    if (l->unpack != NULL) {
        TRY(eif_reader_end(&l->reader, e));
        TRY(unpack_finish(l->unpack, e));
    }
    TRY(l->measurer->finish(l->measuring, arena, &ret->measured, e));
    hash_final(&l->sha256, digest);
    memcpy(ret->sha256, digest, sizeof(ret->sha256));
    return SELFSAME_OK;
}

enum selfsame_code
image_load(const char *path, const char *tee, int root, struct arena *arena,
    struct loaded *ret, struct selfsame_err *e)
{
    auto_load l = { 0 };
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    struct loaded loaded = { 0 };

    if (fd < 0 || fstat(fd, &st) != 0)
        return file_error(e, "cannot open", path);
    if (!S_ISREG(st.st_mode))
        FAIL(e, SELFSAME_IO, "cannot read %s: expected a regular file", path);
    if (st.st_size == 0)
        TRY_WHILE(e, file_empty(e, "an enclave image"), "%s", path);
    loaded.size = (uint64_t)st.st_size;
    TRY_WHILE(e, begin(&l, tee, root, loaded.size, e), "%s", path);
    TRY_WHILE(e, pump(&l, fd, loaded.size, e), "%s", path);
    TRY_WHILE(e, finish(&l, arena, &loaded, e), "%s", path);
    *ret = loaded;
    return SELFSAME_OK;
}
