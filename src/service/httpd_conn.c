/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/httpd_parts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

enum {
    DRAIN_MS = 2000,
    DRAIN_MAX = 4 << 20,
    SLOWEST = 8192, /* bytes a second */
    UNSENT = 128 << 10,
};

static void advance(struct httpd_conn *c);
static void on_readable(evutil_socket_t fd, short what, void *ctx);

static bool
is_lent(const struct httpd_conn *c)
{
    return c->in == c->l->in;
}

static void
forget_in(struct httpd_conn *c)
{
    if (!is_lent(c))
        free(c->in);
    c->in = NULL;
    c->beg = c->end = 0;
}

void
httpd_conn_close(struct httpd_conn *c)
{
    struct httpd_loop *l = c->l;

    if (c->r != NULL && c->state == CONN_KEPT)
        c->r->conn = NULL; /* its handler still has it */
    else if (c->r != NULL)
        httpd_request_free(c->r);
    /* An answer that was cut off has no proper end. */
    if (c->state != CONN_WRITING)
        httpd_io_end(c);
    httpd_list_leave(c);
    l->conn_count--;
    (void)atomic_fetch_sub(&l->load, 1);
    if (l->reading == c)
        l->reading = NULL;
    if (c->read_event != NULL)
        event_free(c->read_event);
    if (c->write_event != NULL)
        event_free(c->write_event);
    forget_in(c);
    tls_peer_free(&c->tls);
    fd_close(&c->fd);
    free(c);
    httpd_closed(l);
}

bool
httpd_conn_idle(const struct httpd_conn *c)
{
    return c->state == CONN_READING && c->r == NULL && c->beg == c->end;
}

static void
pause_reading(struct httpd_conn *c)
{
    if (!c->paused)
        (void)event_del(c->read_event);
    c->paused = true;
}

static bool
resume_reading(struct httpd_conn *c)
{
    if (c->paused && event_add(c->read_event, NULL) != 0)
        return false;
    c->paused = false;
    if (httpd_io_pending(c))
        event_active(c->read_event, EV_READ, 0);
    return true;
}

static void
enter(struct httpd_conn *c, enum httpd_state state)
{
    const bool waits = state == CONN_READING || state == CONN_DRAINING;

    c->state = state;
    httpd_list_move(waits ? &c->l->waiting : &c->l->busy, c);
}

static void
now_reading(struct httpd_conn *c)
{
    enter(c, CONN_READING);
    if (c->beg == c->end)
        forget_in(c);
    c->since_ms = net_clock_ms();
    c->deadline_ms = c->since_ms + c->h->idle_ms;
}

/* ---- writing ---- */

/* All is out. False: the connection is gone. */
static bool
finish(struct httpd_conn *c)
{
    httpd_request_free(c->r);
    c->r = NULL;
    if (c->close)
        httpd_io_end(c);
    if (!c->close) {
        now_reading(c);
        if (resume_reading(c))
            return true;
    } else if (c->unread && shutdown(c->fd, SHUT_WR) == 0 && resume_reading(c)) {
        /* Closing with bytes unread would reset it, and the answer might be lost. */
        enter(c, CONN_DRAINING);
        c->moved = 0;
        c->deadline_ms = net_clock_ms() + DRAIN_MS;
        return true;
    }
    httpd_conn_close(c);
    return false;
}

static ssize_t
send_some(struct httpd_conn *c)
{
    struct httpd_request *r = c->r;

    if (r->out_beg == r->out_end)
        return httpd_io_send_file(c);
    ssize_t n = httpd_io_send(
        c, r->out + r->out_beg, r->out_end - r->out_beg, r->file_left > 0);
    if (n > 0)
        r->out_beg += (size_t)n;
    return n;
}

static bool
write_on(struct httpd_conn *c)
{
    struct httpd_request *r = c->r;

    while (r->out_beg < r->out_end || r->file_left > 0) {
        ssize_t n = send_some(c);

        if (n > 0) {
            c->moved += (size_t)n;
            c->since_ms = net_clock_ms();
        } else if (n < 0 && errno == EAGAIN && event_add(c->write_event, NULL) == 0) {
            return true;
        } else if (n == 0 || errno != EINTR) {
            httpd_conn_close(c);
            return false;
        }
    }
    return finish(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd_conn *c = ctx;

    if (c->state == CONN_READING) /* TLS had to write before it reads */
        on_readable(fd, what, ctx);
    else if (c->state == CONN_WRITING && write_on(c) && c->state == CONN_READING)
        advance(c);
}

/* False: the connection is gone. */
static bool
begin_answer(struct httpd_conn *c)
{
    struct httpd_loop *l = c->l;

    httpd_request_body_drop(c->r);
    c->close = c->close || l->stopping || c->r->head.close;
    enter(c, CONN_WRITING);
    if (!httpd_request_render(c->r, l->date, c->close)) {
        httpd_conn_close(c);
        return false;
    }
    c->moved = 0;
    c->since_ms = net_clock_ms();
    c->deadline_ms = c->since_ms + c->h->idle_ms;
    return write_on(c);
}

void
httpd_conn_answer(struct httpd_conn *c)
{
    if (begin_answer(c) && c->state == CONN_READING)
        advance(c);
}

/*
 * Answers without a handler and closes, for the rest of the request is not read. Always
 * false: whoever was reading stops.
 */
static bool
refuse(struct httpd_conn *c, int status, const struct selfsame_err *e)
{
    if (c->r == NULL)
        c->r = httpd_request_new(c->l);
    if (c->r == NULL) {
        httpd_conn_close(c);
        return false;
    }
    httpd_request_keep_refusal(c->r, status, e);
    c->close = c->unread = true;
    (void)begin_answer(c);
    return false;
}

static bool
refuse_with(
    struct httpd_conn *c, int status, enum selfsame_code code, const char *sentence)
{
    struct selfsame_err e = { 0 };

    (void)err_set(&e, code, __FILE__, __LINE__, "%s", sentence);
    return refuse(c, status, &e);
}

/* A long answer to a slow reader gets more time for as long as it moves. */
static bool
moves(struct httpd_conn *c)
{
    const int64_t idle_ms = c->h->idle_ms;

    if (c->state != CONN_WRITING || (int64_t)c->moved < SLOWEST * idle_ms / 1000)
        return false;
    c->moved = 0;
    c->deadline_ms = net_clock_ms() + idle_ms;
    return true;
}

void
httpd_conn_overdue(struct httpd_conn *c)
{
    if (moves(c))
        return;
    bool read_some = c->state == CONN_READING && !httpd_conn_idle(c);

    if (c->state == CONN_KEPT) {
        c->r->conn = NULL; /* freed when its handler answers after all */
        c->r = NULL;
    }
    if (read_some)
        (void)refuse_with(
            c, 408, SELFSAME_IO, "HTTP: the request did not arrive in time");
    else if (c->state == CONN_KEPT)
        (void)refuse_with(
            c, 503, SELFSAME_IO, "the answer takes too long: ask again later");
    else
        httpd_conn_close(c);
}

/* ---- a request ---- */

/* RFC 9110 §10.1.1; false: the connection is gone. */
static bool
say_continue(struct httpd_conn *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    ssize_t n = httpd_io_send(c, (const uint8_t *)go_on, sizeof(go_on) - 1, false);

    if (n == (ssize_t)sizeof(go_on) - 1)
        return true;
    httpd_conn_close(c);
    return false;
}

/* No handler is asked. What has no body may be followed by more. */
static bool
no_route(struct httpd_conn *c, int status)
{
    const struct httpd_answer options = { .status = 204 };
    struct selfsame_err e = { 0 };

    if (!c->body.done)
        c->close = c->unread = true;
    (void)err_set(&e, SELFSAME_USAGE, __FILE__, __LINE__, "%s",
        status == 404 ? "there is nothing at this path"
                      : "this path is asked with another method");
    if (status == options.status)
        httpd_request_keep_answer(c->r, &options);
    else
        httpd_request_keep_refusal(c->r, status, &e);
    return begin_answer(c);
}

/* The head is whole: `head` bytes at beg. False: the connection is gone or answered. */
static bool
begin_request(struct httpd_conn *c, size_t head)
{
    struct selfsame_err e = { 0 };

    c->r = httpd_request_new(c->l);
    if (c->r == NULL) {
        httpd_conn_close(c);
        return false;
    }
    c->r->conn = c;
    c->r->has_peer = c->has_peer;
    c->r->peer = c->peer;
    /* A connection that is kept alive outlives the certificate it was opened with. */
    c->r->certified = c->certified && os_now_ms() / 1000 <= c->client_end_s;
    memcpy(c->r->client, c->client, sizeof(c->client));
    int status = httpd_request_parse(c->r, BYTES(c->in + c->beg, head), &e);
    c->beg += head;
    c->seen = 0;
    c->first = false;
    if (status != 0)
        return refuse(c, status, &e);
    c->body = http_body_of(&c->r->head);
    status = httpd_route_find(c->r);
    if (status != 0)
        return no_route(c, status);
    if (c->body.framing == HTTP_LENGTH && c->body.left > c->h->config.body_limit)
        return refuse_with(c, 413, SELFSAME_USAGE, "the body is too large");
    if (c->r->head.expect_continue && !c->body.done && c->beg == c->end)
        return say_continue(c);
    return true;
}

/*
 * Of this loop's bodies that are not whole the largest goes, if it is larger than the one
 * that wants room: whoever holds much cannot keep out who sends little. False: none is.
 */
static bool
make_room(const struct httpd_conn *c, size_t more)
{
    size_t most = c->r->body_len + more;
    struct httpd_conn *found = NULL;

    for (struct httpd_conn *o = c->l->waiting.first; o != NULL; o = o->next)
        if (o != c && o->state == CONN_READING && o->r != NULL &&
            o->r->body_len > most) {
            most = o->r->body_len;
            found = o;
        }
    if (found == NULL)
        return false;
    (void)refuse_with(
        found, 503, SELFSAME_NOMEM, "no memory for the body: ask again later");
    return true;
}

/* Takes of the body what is here. False: the connection is gone, or answered. */
static bool
take_body(struct httpd_conn *c)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes data;
    size_t used = 1;

    while (!c->body.done && used > 0) {
        struct selfsame_bytes in = BYTES(c->in + c->beg, c->end - c->beg);
        if (http_body_feed(&c->body, in, &used, &data, &e) != SELFSAME_OK)
            return refuse(c, 400, &e);
        c->beg += used;
        if (data.len > c->h->config.body_limit - c->r->body_len)
            return refuse_with(c, 413, SELFSAME_USAGE, "the body is too large");
        while (!httpd_request_body_add(c->r, data))
            if (!make_room(c, data.len))
                return refuse_with(
                    c, 503, SELFSAME_NOMEM, "no memory for the body: ask again later");
    }
    return true;
}

/* False: the connection is gone. */
static bool
serve(struct httpd_conn *c)
{
    struct httpd_loop *l = c->l;

    enter(c, CONN_KEPT);
    c->deadline_ms = net_clock_ms() + c->h->answer_ms;
    l->serving = c->r;
    c->r->route->serve(c->h->config.ctx, c->r);
    l->serving = NULL;
    return c->r->answered ? begin_answer(c) : true;
}

/* A first byte begins a request, which has a time of its own. */
static bool
find_head(struct httpd_conn *c, size_t *ret_len)
{
    struct selfsame_err e = { 0 };

    *ret_len = 0;
    if (c->beg == c->end)
        return true;
    if (c->seen == 0 && !c->first) {
        c->since_ms = net_clock_ms();
        c->deadline_ms = c->since_ms + c->h->idle_ms;
        httpd_list_move(&c->l->waiting, c);
    }
    struct selfsame_bytes in = BYTES(c->in + c->beg, c->end - c->beg);
    if (http_head_find(in, &c->seen, ret_len, &e) != SELFSAME_OK ||
        (*ret_len == 0 && in.len == HTTPD_HEAD_MAX))
        return refuse_with(
            c, 431, SELFSAME_MALFORMED, "HTTP: the head of the request is too large");
    return true;
}

/* Does what the bytes that are here allow; afterwards the connection may be gone. */
static void
advance(struct httpd_conn *c)
{
    size_t head;

    while (c->state == CONN_READING) {
        if (c->r == NULL) {
            if (!find_head(c, &head) || head == 0 || !begin_request(c, head))
                return;
            if (c->r == NULL) /* answered, and the next may be here */
                continue;
        }
        if (c->state != CONN_READING || !take_body(c) || !c->body.done || !serve(c))
            return;
    }
}

/* ---- reading ---- */

static void
drain(struct httpd_conn *c)
{
    ssize_t n = recv(c->fd, c->l->in, sizeof(c->l->in), 0);

    if (n > 0)
        c->moved += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || c->moved > DRAIN_MAX)
        httpd_conn_close(c);
}

/* So that a whole head fits. */
static void
borrow(struct httpd_conn *c)
{
    const size_t len = c->end - c->beg;

    if (len > 0)
        memcpy(c->l->in, c->in + c->beg, len);
    forget_in(c);
    c->in = c->l->in;
    c->end = len;
    c->l->reading = c;
}

static void
give_back(struct httpd_conn *c)
{
    const size_t len = c->end - c->beg;
    uint8_t *own = len > 0 ? malloc(len) : NULL;

    c->l->reading = NULL;
    if (len > 0 && own == NULL) {
        httpd_conn_close(c);
        return;
    }
    if (len > 0)
        memcpy(own, c->in + c->beg, len);
    c->in = own;
    c->beg = 0;
    c->end = len;
    if (c->state == CONN_READING && httpd_io_pending(c))
        event_active(c->read_event, EV_READ, 0);
}

static void
read_on(struct httpd_conn *c)
{
    struct httpd_loop *l = c->l;

    borrow(c);
    ssize_t n = httpd_io_recv(c, c->in + c->end, HTTPD_HEAD_MAX - c->end);
    if (n > 0) {
        c->end += (size_t)n;
        advance(c);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        httpd_conn_close(c);
    }
    if (l->reading == c)
        give_back(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd_conn *c = ctx;
    int opened = 1;

    (void)fd;
    (void)what;
    if (c->state == CONN_DRAINING) {
        drain(c);
        return;
    }
    if (c->state != CONN_READING) {
        pause_reading(c); /* the next request, or an end: after this answer */
        return;
    }
    if (c->opening)
        opened = httpd_io_open(c);
    if (opened > 0)
        read_on(c);
    else if (opened < 0)
        httpd_conn_close(c);
}

/*
 * What nobody reads stays with whoever asked for it: the system keeps little of it, so
 * that a pipeline of requests goes on as fast as its answers are read. TCP only.
 */
static void
keep_little(int fd)
{
    const int unsent = UNSENT;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

struct httpd_conn *
httpd_conn_new(struct httpd *h, int fd)
{
    struct httpd_conn *c = malloc(sizeof(*c));

    if (c == NULL) {
        fd_close(&fd);
        return NULL;
    }
    *c = (struct httpd_conn){ .h = h, .fd = fd };
    keep_little(fd);
    c->has_peer = net_peer(fd, &c->peer);
    return c;
}

bool
httpd_conn_start(struct httpd_conn *c, struct httpd_loop *l)
{
    struct tls_listener *tls = c->h->config.tls;

    c->l = l;
    l->conn_count++;
    c->opening = c->first = tls != NULL;
    now_reading(c);
    c->read_event = event_new(l->base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    c->write_event = event_new(l->base, c->fd, EV_WRITE, on_writable, c);
    if (tls != NULL)
        c->tls = tls_peer_new(tls, c->fd);
    if (c->read_event == NULL || c->write_event == NULL ||
        (tls != NULL && c->tls == NULL) || event_add(c->read_event, NULL) != 0) {
        httpd_conn_close(c);
        return false;
    }
    return true;
}
