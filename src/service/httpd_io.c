/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/httpd_parts.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

/* -1 with EAGAIN, or with ECONNRESET for what is broken; 0 for an end. */
static ssize_t
waits(struct httpd_conn *c, enum tls_step step)
{
    if (step == TLS_ENDED)
        return 0;
    errno = ECONNRESET;
    if (step == TLS_WANTS_READ ||
        (step == TLS_WANTS_WRITE && event_add(c->write_event, NULL) == 0))
        errno = EAGAIN;
    return -1;
}

ssize_t
httpd_io_recv(struct httpd_conn *c, uint8_t *buf, size_t cap)
{
    size_t n = 0;

    if (c->tls == NULL)
        return recv(c->fd, buf, cap, 0);
    enum tls_step step = tls_peer_read(c->tls, buf, cap, &n);
    return step == TLS_DONE ? (ssize_t)n : waits(c, step);
}

ssize_t
httpd_io_send(struct httpd_conn *c, const uint8_t *buf, size_t len, bool more)
{
    size_t n = 0;

    if (c->tls == NULL)
        return send(c->fd, buf, len, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    enum tls_step step = tls_peer_write(c->tls, buf, len, &n);
    if (step == TLS_DONE)
        return (ssize_t)n;
    /* Nothing is read while an answer goes out: to wait for that would be for ever. */
    return waits(c, step == TLS_WANTS_READ ? TLS_BROKEN : step);
}

int
httpd_io_open(struct httpd_conn *c)
{
    enum tls_step step = tls_peer_handshake(c->tls);

    if (step == TLS_DONE) {
        c->opening = false;
        c->certified = tls_peer_certificate(c->tls, c->client);
        c->client_end_s = c->certified ? tls_peer_certificate_end(c->tls) : 0;
        return 1;
    }
    return waits(c, step) < 0 && errno == EAGAIN ? 0 : -1;
}

bool
httpd_io_pending(const struct httpd_conn *c)
{
    return c->tls != NULL && tls_peer_pending(c->tls);
}

/* A file that has become shorter is an error. */
ssize_t
httpd_io_send_file(struct httpd_conn *c)
{
    struct httpd_request *r = c->r;
    uint8_t *piece = c->l->piece;
    const size_t most = c->tls != NULL ? HTTPD_RECORD : HTTPD_PIECE;
    const size_t want = r->file_left < most ? (size_t)r->file_left : most;
    ssize_t n = pread(r->file, piece, want, (off_t)r->file_at);

    if (n > 0)
        n = httpd_io_send(c, piece, (size_t)n, false);
    if (n > 0) {
        r->file_at += (uint64_t)n;
        r->file_left -= (uint64_t)n;
    }
    return n;
}

void
httpd_io_end(struct httpd_conn *c)
{
    if (c->tls != NULL)
        tls_peer_end(c->tls);
}
