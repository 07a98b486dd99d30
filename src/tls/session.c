/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/session.h"

#include "os/os.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE_IDLE = -1, PIECE = 4096 };

enum session_carrier
session_carrier(const struct session *s)
{
    return s->carrier;
}

void
session_free(struct session **session)
{
    struct session *s = *session;

    if (s == NULL)
        return;
    if (s->ssl != NULL && SSL_is_init_finished(s->ssl) &&
        (SSL_get_shutdown(s->ssl) & SSL_SENT_SHUTDOWN) == 0)
        (void)SSL_shutdown(s->ssl);
    ERR_clear_error();
    SSL_free(s->ssl);
    tls_context_free(&s->ctx);
    fd_close(&s->fd);
    free(s);
    *session = NULL;
}

/* What to wait for after a failed call: POLLIN, POLLOUT, 0 at the clean end. */
static enum selfsame_code
wanted(struct session *s, int rc, short *ret, struct selfsame_err *e)
{
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ: *ret = POLLIN; return SELFSAME_OK;
    case SSL_ERROR_WANT_WRITE: *ret = POLLOUT; return SELFSAME_OK;
    case SSL_ERROR_ZERO_RETURN: *ret = 0; return SELFSAME_OK;
    case SSL_ERROR_SYSCALL:
        FAIL(e, SELFSAME_IO, "TLS connection: %s",
            errno != 0 ? strerror(errno) : "cut off");
    default: FAIL(e, SELFSAME_IO, "TLS connection: %s", tls_reason());
    }
}

enum selfsame_code
session_read(struct session *s, uint8_t *buf, size_t len, int64_t deadline_ms,
    size_t *ret_len, struct selfsame_err *e)
{
    short want = 0;

    for (;;) {
        size_t n = 0;
        ERR_clear_error();
        int rc = SSL_read_ex(s->ssl, buf, len, &n);
        if (rc == 1) {
            *ret_len = n;
            return SELFSAME_OK;
        }
        TRY(wanted(s, rc, &want, e));
        if (want == 0) {
            *ret_len = 0;
            return SELFSAME_OK;
        }
        TRY(net_wait(s->fd, want, deadline_ms, e));
    }
}

enum selfsame_code
session_write(struct session *s, struct selfsame_bytes b, int64_t deadline_ms,
    struct selfsame_err *e)
{
    short want = 0;

    while (b.len > 0) {
        size_t n = 0;
        ERR_clear_error();
        int rc = SSL_write_ex(s->ssl, b.ptr, b.len, &n);
        if (rc == 1) {
            b = BYTES(b.ptr + n, b.len - n);
            continue;
        }
        TRY(wanted(s, rc, &want, e));
        if (want == 0)
            FAIL(e, SELFSAME_IO, "TLS connection: ended by the server");
        TRY(net_wait(s->fd, want, deadline_ms, e));
    }
    return SELFSAME_OK;
}

/* ---- copying both ways ---- */

struct way {
    uint8_t buf[TLS_RECORD];
    size_t from, to; /* what is in buf */
    bool eof;        /* the source has ended */
    bool ended;      /* and the target was told */
};
struct copy {
    struct session *s;
    int in, out;
    bool in_ready, out_ready;
    bool out_socket;
    bool out_gone;
    short want; /* of the TLS descriptor */
    struct way up, down;
};

static bool
empty(const struct way *w)
{
    return w->from == w->to;
}

static enum selfsame_code
read_local(struct copy *c, bool *moved, struct selfsame_err *e)
{
    if (!c->in_ready || c->up.eof || !empty(&c->up))
        return SELFSAME_OK;
    c->in_ready = false;
    ssize_t n = read(c->in, c->up.buf, sizeof(c->up.buf));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return SELFSAME_OK;
    if (n < 0)
        FAIL(e, SELFSAME_IO, "reading the input: %s", strerror(errno));
    c->up.from = 0;
    c->up.to = (size_t)n;
    c->up.eof = n == 0;
    *moved = true;
    return SELFSAME_OK;
}

static enum selfsame_code
write_remote(struct copy *c, bool *moved, struct selfsame_err *e)
{
    struct way *w = &c->up;
    size_t n = 0;
    short want = 0;

    ERR_clear_error();
    if (empty(w) && w->eof && !w->ended) {
        int rc = SSL_shutdown(c->s->ssl);
        if (rc >= 0) {
            w->ended = true;
            *moved = true;
            return SELFSAME_OK;
        }
        TRY(wanted(c->s, rc, &want, e));
        c->want |= want;
    }
    if (empty(w))
        return SELFSAME_OK;
    int rc = SSL_write_ex(c->s->ssl, w->buf + w->from, w->to - w->from, &n);
    if (rc == 1) {
        w->from += n;
        *moved = true;
        return SELFSAME_OK;
    }
    TRY(wanted(c->s, rc, &want, e));
    c->want |= want;
    return SELFSAME_OK;
}

static enum selfsame_code
read_remote(struct copy *c, bool *moved, struct selfsame_err *e)
{
    struct way *w = &c->down;
    size_t n = 0;
    short want = 0;

    if (w->eof || !empty(w))
        return SELFSAME_OK;
    ERR_clear_error();
    int rc = SSL_read_ex(c->s->ssl, w->buf, sizeof(w->buf), &n);
    if (rc != 1)
        TRY(wanted(c->s, rc, &want, e));
    w->from = 0;
    w->to = rc == 1 ? n : 0;
    w->eof = rc != 1 && want == 0;
    *moved = *moved || rc == 1 || w->eof;
    c->want |= want;
    return SELFSAME_OK;
}

static enum selfsame_code
write_local(struct copy *c, bool *moved, struct selfsame_err *e)
{
    struct way *w = &c->down;

    if (empty(w) && w->eof && !w->ended) {
        if (c->out_socket)
            (void)shutdown(c->out, SHUT_WR);
        w->ended = true;
        *moved = true;
    }
    if (empty(w) || !c->out_ready)
        return SELFSAME_OK;
    c->out_ready = false;
    /* A writable pipe takes PIPE_BUF bytes without blocking, not more. */
    size_t len = w->to - w->from < PIECE ? w->to - w->from : PIECE;
    ssize_t n = write(c->out, w->buf + w->from, len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return SELFSAME_OK;
    if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        c->out_gone = true; /* nobody wants the rest */
        return SELFSAME_OK;
    }
    if (n < 0)
        FAIL(e, SELFSAME_IO, "writing the output: %s", strerror(errno));
    w->from += (size_t)n;
    *moved = true;
    return SELFSAME_OK;
}

static enum selfsame_code
wait_any(struct copy *c, struct selfsame_err *e)
{
    struct pollfd p[3] = {
        { .fd = c->s->fd, .events = c->want },
        { .fd = c->up.eof || !empty(&c->up) ? -1 : c->in, .events = POLLIN },
        { .fd = empty(&c->down) ? -1 : c->out, .events = POLLOUT },
    };

    if (c->want == 0)
        p[0].fd = -1;
    if (poll(p, COUNT(p), PIPE_IDLE) < 0 && errno != EINTR)
        FAIL(e, SELFSAME_IO, "poll: %s", strerror(errno));
    c->in_ready = p[1].revents != 0;
    c->out_ready = p[2].revents != 0;
    return SELFSAME_OK;
}

static enum selfsame_code
copy_run(struct copy *c, struct selfsame_err *e)
{
    for (;;) {
        bool moved = false;
        c->want = 0;
        TRY(read_local(c, &moved, e));
        TRY(write_remote(c, &moved, e));
        TRY(read_remote(c, &moved, e));
        TRY(write_local(c, &moved, e));
        /* A terminal has no end of its own: the server's end is the end there. */
        if (c->out_gone || (c->down.ended && (c->up.ended || !c->out_socket)))
            return SELFSAME_OK;
        if (!moved)
            TRY(wait_any(c, e));
    }
}

enum selfsame_code
session_pipe(struct session *s, int in_fd, int out_fd, struct selfsame_err *e)
{
    struct copy *c = calloc(1, sizeof(*c));
    struct stat st;

    if (c == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for two buffers");
    c->s = s;
    c->in = in_fd;
    c->out = out_fd;
    c->out_socket = fstat(out_fd, &st) == 0 && S_ISSOCK(st.st_mode);
    enum selfsame_code code = copy_run(c, e);
    free(c);
    return code;
}
