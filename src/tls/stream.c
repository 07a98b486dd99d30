/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/internal.h"

#include "os/os.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

/*
 * bufferevent_openssl closes both directions when one ends; a proxy has to pass
 * on half-closed connections, hence these few calls of our own.
 */

bool
stream_is_open(const struct stream *s)
{
    return s->fd >= 0;
}

size_t
stream_have(const struct stream *s)
{
    return stream_is_open(s) ? evbuffer_get_length(s->in) : 0;
}

bool
stream_full(const struct stream *s)
{
    return evbuffer_get_length(s->out) >= STREAM_HIGH;
}

void
stream_close(struct stream *s)
{
    if (s->event != NULL)
        event_free(s->event);
    if (s->in != NULL)
        evbuffer_free(s->in);
    if (s->out != NULL)
        evbuffer_free(s->out);
    SSL_free(s->ssl);
    fd_close(&s->fd);
    *s = (struct stream){ .fd = -1 };
}

void
stream_abort(struct stream *s)
{
    if (stream_is_open(s))
        net_reset_on_close(s->fd);
    stream_close(s);
}

bool
stream_open(struct stream *s, struct event_base *base, int fd, SSL *ssl,
    event_callback_fn wake, void *arg)
{
    *s = (struct stream){ .fd = fd, .ssl = ssl, .opening = true };
    s->in = evbuffer_new();
    s->out = evbuffer_new();
    s->event = event_new(base, fd, 0, wake, arg);
    if (s->in != NULL && s->out != NULL && s->event != NULL &&
        (ssl == NULL || SSL_set_fd(ssl, fd) == 1))
        return true;
    stream_close(s);
    return false;
}

/* What a failed libssl call means: try again later, an end, or broken. */
static void
ssl_outcome(struct stream *s, int rc)
{
    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ: break;
    case SSL_ERROR_WANT_WRITE: s->blocked = true; break;
    case SSL_ERROR_ZERO_RETURN: s->eof = true; break;
    default: s->broken = true; break;
    }
    ERR_clear_error();
}

static bool
turn_open(struct stream *s)
{
    struct selfsame_err ignored;
    struct pollfd p = { .fd = s->fd, .events = POLLOUT };

    if (s->ssl != NULL) {
        int rc = SSL_do_handshake(s->ssl);
        if (rc == 1)
            s->opening = false;
        else
            ssl_outcome(s, rc);
        return rc == 1 || s->broken;
    }
    if (poll(&p, 1, 0) <= 0) {
        s->blocked = true;
        return false;
    }
    if (net_connect_result(s->fd, &ignored) == SELFSAME_OK)
        s->opening = false;
    else
        s->broken = true;
    return true;
}

static ssize_t
read_some(struct stream *s, uint8_t *buf, size_t len)
{
    if (s->ssl != NULL) {
        int rc = SSL_read(s->ssl, buf, (int)len);
        if (rc <= 0)
            ssl_outcome(s, rc);
        return rc;
    }
    ssize_t n = recv(s->fd, buf, len, 0);
    if (n == 0)
        s->eof = true;
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        s->broken = true;
    return n;
}

static bool
turn_read(struct stream *s)
{
    uint8_t buf[TLS_RECORD];
    bool moved = false;

    while (!s->eof && !s->broken && evbuffer_get_length(s->in) < STREAM_HIGH) {
        ssize_t n = read_some(s, buf, sizeof(buf));
        if (n > 0 && evbuffer_add(s->in, buf, (size_t)n) != 0)
            s->broken = true;
        moved = moved || n > 0 || s->eof || s->broken;
        if (n <= 0)
            break;
    }
    return moved;
}

static ssize_t
write_some(struct stream *s, const uint8_t *buf, size_t len)
{
    if (s->ssl != NULL) {
        int rc = SSL_write(s->ssl, buf, (int)len);
        if (rc <= 0)
            ssl_outcome(s, rc);
        return rc;
    }
    ssize_t n = send(s->fd, buf, len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        s->blocked = true;
    else if (n < 0)
        s->broken = true;
    return n;
}

static bool
turn_write(struct stream *s)
{
    bool moved = false;

    while (!s->broken && !s->blocked && evbuffer_get_length(s->out) > 0) {
        size_t len = evbuffer_get_length(s->out);
        len = len < TLS_RECORD ? len : TLS_RECORD;
        const uint8_t *p = evbuffer_pullup(s->out, (ssize_t)len);
        ssize_t n = p != NULL ? write_some(s, p, len) : -1;
        if (p == NULL)
            s->broken = true;
        if (n <= 0)
            break;
        (void)evbuffer_drain(s->out, (size_t)n);
        moved = true;
    }
    return moved || s->broken;
}

/* close_notify, or FIN: the peer can tell an end from a cut. */
static bool
turn_end(struct stream *s)
{
    if (!s->end || s->ended || s->broken || evbuffer_get_length(s->out) > 0)
        return false;
    if (s->ssl != NULL) {
        int rc = SSL_shutdown(s->ssl);
        if (rc < 0) {
            ssl_outcome(s, rc);
            return s->broken;
        }
    }
    if (s->ssl == NULL || s->eof)
        (void)shutdown(s->fd, SHUT_WR);
    s->ended = true;
    return true;
}

bool
stream_turn(struct stream *s)
{
    bool moved = false;

    if (!stream_is_open(s) || s->broken)
        return false;
    s->blocked = false;
    if (s->opening) {
        moved = turn_open(s);
        if (s->opening || s->broken)
            return moved;
    }
    moved = turn_read(s) || moved;
    moved = turn_write(s) || moved;
    return turn_end(s) || moved;
}

void
stream_arm(struct stream *s)
{
    short want = 0;

    if (!stream_is_open(s) || s->broken)
        return;
    bool plain_connect = s->opening && s->ssl == NULL;
    if (!s->eof && !plain_connect && evbuffer_get_length(s->in) < STREAM_HIGH)
        want |= EV_READ;
    if (s->blocked)
        want |= EV_WRITE;
    if (want == s->interest)
        return;
    (void)event_del(s->event);
    struct event_base *base = event_get_base(s->event);
    event_callback_fn wake = event_get_callback(s->event);
    void *arg = event_get_callback_arg(s->event);
    short flags = (short)(want | EV_PERSIST);
    s->interest = want;
    if (want != 0 && (event_assign(s->event, base, s->fd, flags, wake, arg) != 0 ||
                         event_add(s->event, NULL) != 0))
        s->broken = true;
}
