/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/configfs_tsm.h"

#include "crypto/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 5, PATH_CAP = 512 };

/* ---- files of this machine ---- */

static int
make_dir(void *ctx, const char *path)
{
    (void)ctx;
    return mkdir(path, 0700) == 0 ? 0 : -errno;
}

static void
remove_dir(void *ctx, const char *path)
{
    (void)ctx;
    (void)rmdir(path);
}

static int
write_file(void *ctx, const char *path, struct selfsame_bytes b)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), why = 0;

    (void)ctx;
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, b.ptr, b.len);
    if (n != (ssize_t)b.len)
        why = n < 0 ? errno : EIO;
    if (close(fd) != 0 && why == 0)
        why = errno;
    return -why;
}

static long
read_file(void *ctx, const char *path, uint8_t *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), why = 0;
    size_t len = 0;
    uint8_t beyond;

    (void)ctx;
    if (fd < 0)
        return -errno;
    for (;;) {
        bool full = len == cap;
        ssize_t n = read(fd, full ? &beyond : buf + len, full ? 1 : cap - len);

        if (n == 0)
            break;
        if (n < 0 || full) {
            why = n < 0 ? errno : EFBIG;
            break;
        }
        len += (size_t)n;
    }
    (void)close(fd);
    return why != 0 ? -why : (long)len;
}

const struct tsm_io tsm_files = {
    .make_dir = make_dir,
    .remove_dir = remove_dir,
    .write = write_file,
    .read = read_file,
};

/* ---- one request ---- */

struct entry {
    const struct tsm_io *io;
    char path[PATH_CAP];
};

static void
entry_remove(struct entry *x)
{
    if (x->path[0] != '\0')
        x->io->remove_dir(x->io->ctx, x->path);
}
#define auto_entry __attribute__((cleanup(entry_remove))) struct entry

/* A name of our own: a directory shared with somebody else answers his question. */
static int
entry_make(struct entry *x, const char *dir)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        uint8_t random[8];
        char hex[17];

        if (!rng_bytes(random, sizeof(random)))
            return -EIO;
        hex_encode(BYTES_ARR(random), hex);
        if (snprintf(x->path, sizeof(x->path), "%s/selfsame-%s", dir, hex) >=
            (int)sizeof(x->path) - 16) {
            x->path[0] = '\0';
            return -ENAMETOOLONG;
        }
        int why = x->io->make_dir(x->io->ctx, x->path);
        if (why == 0)
            return 0;
        x->path[0] = '\0';
        if (why != -EEXIST)
            return why;
    }
    return -EEXIST;
}

static long
entry_read(const struct entry *x, const char *name, uint8_t *buf, size_t cap)
{
    char path[PATH_CAP + 32];

    (void)snprintf(path, sizeof(path), "%s/%s", x->path, name);
    return x->io->read(x->io->ctx, path, buf, cap);
}

/* A line of text without its newline; false when it cannot be read. */
static bool
entry_text(const struct entry *x, const char *name, char ret[static 32])
{
    long n = entry_read(x, name, (uint8_t *)ret, 31);

    if (n < 0)
        return false;
    ret[n] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
    return true;
}

static bool
entry_generation(const struct entry *x, unsigned long long *ret)
{
    char text[32], *end = NULL;

    if (!entry_text(x, "generation", text) || text[0] < '0' || text[0] > '9')
        return false;
    *ret = strtoull(text, &end, 10);
    return *end == '\0';
}

static enum selfsame_code
fail(const char *what, long why, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__, "configfs-tsm %s: %s", what,
        strerror((int)-why));
    if (why == -ENXIO)
        err_remedy(
            e, "Load the guest driver of this machine (sev-guest or tdx-guest).");
    else if (why == -ENOENT)
        err_remedy(
            e, "Linux 6.7 or newer with configfs mounted at /sys/kernel/config.");
    else if (why == -EACCES || why == -EPERM)
        err_remedy(e, "Only root may ask for reports: run `selfsame serve` as root.");
    return SELFSAME_IO;
}

/* What passes when it is tried again. */
static bool
is_passing(long why)
{
    return why == -EBUSY || why == -EINTR || why == -EAGAIN;
}

static enum selfsame_code
check_provider(const struct entry *x, const char *want, struct selfsame_err *e)
{
    char got[32];

    if (!entry_text(x, "provider", got))
        return fail("provider", -EIO, e);
    if (strcmp(got, want) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "configfs-tsm: expected provider %s, got %s",
            want, got);
    return SELFSAME_OK;
}

/*
 * Ours is the only write since `before`. The kernel hands an inblob to the driver when
 * the file is closed and throws its answer away (fs/configfs/file.c): a write that was
 * refused shows here alone.
 */
static enum selfsame_code
check_generation(const struct entry *x, unsigned long long before, bool *ret_again,
    struct selfsame_err *e)
{
    unsigned long long now;

    if (entry_generation(x, &now) && now == before + 1)
        return SELFSAME_OK;
    *ret_again = true;
    FAIL(e, SELFSAME_IO,
        "configfs-tsm: expected nobody else to write to this request, but somebody "
        "did, or our write was lost");
}

/*
 * One round on an entry: *ret_again when another one may do better, since somebody
 * wrote in between, our write was lost or the device was busy.
 */
static enum selfsame_code
ask(const struct entry *x, const uint8_t inblob[static TSM_INBLOB], uint8_t *out,
    uint8_t *aux, struct tsm_report *ret, bool *ret_again, struct selfsame_err *e)
{
    unsigned long long before;
    char path[PATH_CAP + 32];

    *ret_again = false;
    (void)snprintf(path, sizeof(path), "%s/inblob", x->path);
    if (!entry_generation(x, &before))
        return fail("generation", -EIO, e);
    long n = x->io->write(x->io->ctx, path, BYTES(inblob, TSM_INBLOB));
    if (n < 0) {
        *ret_again = is_passing(n);
        return fail("inblob", n, e);
    }
    /* Before outblob: without an inblob it answers EINVAL, which says nothing. */
    TRY(check_generation(x, before, ret_again, e));
    n = entry_read(x, "outblob", out, TSM_OUTBLOB_MAX);
    if (n < 0) {
        *ret_again = is_passing(n);
        return fail("outblob", n, e);
    }
    ret->outblob = BYTES(out, (size_t)n);
    n = entry_read(x, "auxblob", aux, TSM_AUXBLOB_MAX);
    ret->auxblob = n > 0 ? BYTES(aux, (size_t)n) : BYTES_NONE;
    return check_generation(x, before, ret_again, e);
}

enum selfsame_code
tsm_collect(const struct tsm_io *io, const char *dir, const char *provider,
    const uint8_t inblob[static TSM_INBLOB], struct arena *arena,
    struct tsm_report *ret, struct selfsame_err *e)
{
    uint8_t *out = arena_alloc(arena, 1, TSM_OUTBLOB_MAX);
    uint8_t *aux = arena_alloc(arena, 1, TSM_AUXBLOB_MAX);
    enum selfsame_code code = SELFSAME_IO;
    bool again = true;

    if (out == NULL || aux == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for a report");
    for (int i = 0; i < ATTEMPTS && again; i++) {
        auto_entry x = { .io = io };
        struct tsm_report r = { { NULL, 0 }, { NULL, 0 } };

        int why = entry_make(&x, dir);
        if (why != 0)
            return fail("request", why, e);
        TRY(check_provider(&x, provider, e));
        code = ask(&x, inblob, out, aux, &r, &again, e);
        if (code == SELFSAME_OK) {
            *ret = r;
            return SELFSAME_OK;
        }
    }
    return code;
}

bool
tsm_provider(const struct tsm_io *io, const char *dir, char ret[static 32])
{
    auto_entry x = { .io = io };

    return entry_make(&x, dir) == 0 && entry_text(&x, "provider", ret);
}

static bool
is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

const char *
tsm_dir(const struct tsm_io *io, const char *device, const char *provider)
{
    const char *dir = device != NULL ? device : TSM_REPORT_DIR;
    char got[32];

    if (io == &tsm_files && !is_dir(dir))
        return NULL;
    return tsm_provider(io, dir, got) && strcmp(got, provider) == 0 ? dir : NULL;
}
