/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "repro/repro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
voice_note(const struct repro_voice *v, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    if (v == NULL || v->note == NULL)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    v->note(v->ctx, line);
}

const char *
temporary_root(void)
{
    const char *dir = getenv("TMPDIR");

    return dir != NULL && dir[0] == '/' ? dir : "/tmp";
}

enum selfsame_code
temporary_open(int *ret, struct selfsame_err *e)
{
    char path[1024];

    int n = snprintf(path, sizeof(path), "%s/selfsame-XXXXXX", temporary_root());
    if (n < 0 || (size_t)n >= sizeof(path))
        FAIL(e, SELFSAME_USAGE, "TMPDIR: expected a shorter path");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return remedied(e,
            err_set(e, SELFSAME_IO, __FILE__, __LINE__, "cannot make %s: %s", path,
                strerror(errno)),
            "Set TMPDIR to a directory that may be written.");
    (void)unlink(path);
    *ret = fd;
    return SELFSAME_OK;
}

enum selfsame_code
spool_append(struct spool *s, struct selfsame_bytes b, struct selfsame_err *e)
{
    if (s->fd < 0)
        TRY(temporary_open(&s->fd, e));
    TRY(fd_write_all(s->fd, b, "the temporary file", e));
    s->size += b.len;
    return SELFSAME_OK;
}

void
spool_close(struct spool *s)
{
    fd_close(&s->fd);
}

static enum selfsame_code
read_at(const struct content *c, uint64_t at, uint8_t *buf, size_t n,
    struct selfsame_err *e)
{
    return fd_pread_all(*(const int *)c->ctx, c->offset + at, buf, n, "the source", e);
}

struct content
content_of_fd(const int *fd, uint64_t offset, uint64_t size)
{
    /* The reader only looks: struct content has no const member for it. */
    union {
        const int *in;
        void *out;
    } ctx = { .in = fd };

    return (struct content){
        .size = size, .read = read_at, .ctx = ctx.out, .offset = offset
    };
}
