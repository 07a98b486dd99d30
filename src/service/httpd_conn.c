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

void
httpd_conn_close(struct httpd_conn *c)
{
    struct httpd_loop *l = httpd_loop(c->h);
    struct httpd *h = c->h;

    if (c->r != NULL && c->state == CONN_KEPT)
        c->r->conn = NULL; /* its handler still has it */
    else if (c->r != NULL)
        httpd_request_free(c->r);
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    l->conn_count--;
    if (c->read_event != NULL)
        event_free(c->read_event);
    if (c->write_event != NULL)
        event_free(c->write_event);
    fd_close(&c->fd);
    free(c);
    httpd_closed(h);
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
    return true;
}

static void
now_reading(struct httpd_conn *c)
{
    c->state = CONN_READING;
    c->since_ms = net_clock_ms();
    c->deadline_ms = c->since_ms + httpd_loop(c->h)->times.idle_ms;
}

/* ---- writing ---- */

/* All is out. False: the connection is gone. */
static bool
finish(struct httpd_conn *c)
{
    httpd_request_free(c->r);
    c->r = NULL;
    if (!c->close) {
        now_reading(c);
        if (resume_reading(c))
            return true;
    } else if (c->unread && shutdown(c->fd, SHUT_WR) == 0 && resume_reading(c)) {
        /* Closing with bytes unread would reset it, and the answer might be lost. */
        c->state = CONN_DRAINING;
        c->moved = 0;
        c->deadline_ms = net_clock_ms() + DRAIN_MS;
        return true;
    }
    httpd_conn_close(c);
    return false;
}

/* What did not go out is read again. A file that has become shorter is an error. */
static ssize_t
send_file(struct httpd_conn *c)
{
    struct httpd_request *r = c->r;
    uint8_t *piece = httpd_loop(c->h)->piece;
    const size_t want = r->file_left < HTTPD_PIECE ? (size_t)r->file_left : HTTPD_PIECE;
    ssize_t n = pread(r->file, piece, want, (off_t)r->file_at);

    if (n > 0)
        n = send(c->fd, piece, (size_t)n, MSG_NOSIGNAL);
    if (n > 0) {
        r->file_at += (uint64_t)n;
        r->file_left -= (uint64_t)n;
    }
    return n;
}

static ssize_t
send_some(struct httpd_conn *c)
{
    struct httpd_request *r = c->r;

    if (r->out_beg == r->out_end)
        return send_file(c);
    ssize_t n = send(c->fd, r->out + r->out_beg, r->out_end - r->out_beg,
        MSG_NOSIGNAL | (r->file_left > 0 ? MSG_MORE : 0));
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

    (void)fd;
    (void)what;
    if (write_on(c) && c->state == CONN_READING)
        advance(c);
}

/* False: the connection is gone. */
static bool
begin_answer(struct httpd_conn *c)
{
    struct httpd_loop *l = httpd_loop(c->h);

    c->close = c->close || l->stopping || c->r->head.close;
    c->state = CONN_WRITING;
    if (!httpd_request_render(c->r, l->date, c->close)) {
        httpd_conn_close(c);
        return false;
    }
    c->moved = 0;
    c->since_ms = net_clock_ms();
    c->deadline_ms = c->since_ms + l->times.idle_ms;
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
        c->r = httpd_request_new(c->h);
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
    int64_t idle_ms = httpd_loop(c->h)->times.idle_ms;

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

static bool
path_matches(const struct httpd_route *r, const char *path, bool whole)
{
    size_t len = strlen(r->path);

    if (len > 0 && r->path[len - 1] == '*')
        return !whole && strncmp(r->path, path, len - 1) == 0;
    return whole && strcmp(r->path, path) == 0;
}

/* HEAD is GET without the body: RFC 9110 §9.3.2. */
static bool
method_matches(const struct httpd_route *r, struct selfsame_bytes method)
{
    return bytes_eq(bytes_str(r->method), method) ||
           (strcmp(r->method, "GET") == 0 && bytes_eq(method, BYTES_LIT("HEAD")));
}

/* RFC 9110 §15.5.6: a 405 says what may be asked. */
static void
allow(struct httpd_request *r, const char *method)
{
    const size_t len = strlen(r->allow);

    (void)snprintf(r->allow + len, sizeof(r->allow) - len, "%s%s", len > 0 ? ", " : "",
        method);
}

/* 0, 404 or 405 (then "Allow" is in the request), among whole paths or among prefixes. */
static int
find_among(struct httpd_conn *c, bool whole)
{
    const struct httpd_config *config = httpd_config(c->h);
    int status = 404;

    for (size_t i = 0; i < config->route_count; i++) {
        const struct httpd_route *r = &config->routes[i];

        if (!path_matches(r, c->r->path, whole))
            continue;
        if (method_matches(r, c->r->head.method)) {
            c->route = c->r->route = r;
            c->r->allow[0] = '\0';
            return 0;
        }
        status = 405;
        allow(c->r, r->method);
        if (strcmp(r->method, "GET") == 0)
            allow(c->r, "HEAD");
    }
    return status;
}

static int
find_route(struct httpd_conn *c)
{
    int status = find_among(c, true);

    return status == 404 ? find_among(c, false) : status;
}

/* RFC 9110 §10.1.1; false: the connection is gone. */
static bool
say_continue(struct httpd_conn *c)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    ssize_t n = send(c->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL);

    if (n == (ssize_t)sizeof(go_on) - 1)
        return true;
    httpd_conn_close(c);
    return false;
}

/* Nothing is here, or nothing by this method. What has no body may be followed by more. */
static bool
no_route(struct httpd_conn *c, int status)
{
    struct selfsame_err e = { 0 };

    (void)err_set(&e, SELFSAME_USAGE, __FILE__, __LINE__, "%s",
        status == 404 ? "there is nothing at this path"
                      : "this path is asked with another method");
    if (!c->body.done)
        return refuse(c, status, &e);
    httpd_request_keep_refusal(c->r, status, &e);
    return begin_answer(c);
}

/* The head is whole: `head` bytes at beg. False: the connection is gone or answered. */
static bool
begin_request(struct httpd_conn *c, size_t head)
{
    struct selfsame_err e = { 0 };

    c->r = httpd_request_new(c->h);
    if (c->r == NULL) {
        httpd_conn_close(c);
        return false;
    }
    c->r->conn = c;
    c->r->begun_us = httpd_now_us();
    int status = httpd_request_parse(c->r, BYTES(c->in + c->beg, head), &e);
    c->beg += head;
    c->seen = 0;
    if (status != 0)
        return refuse(c, status, &e);
    c->body = http_body_of(&c->r->head);
    status = find_route(c);
    if (status != 0)
        return no_route(c, status);
    if (c->body.framing == HTTP_LENGTH && c->body.left > httpd_config(c->h)->body_limit)
        return refuse_with(c, 413, SELFSAME_USAGE, "the body is too large");
    if (c->r->head.expect_continue && !c->body.done && c->beg == c->end)
        return say_continue(c);
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
        if (data.len > httpd_config(c->h)->body_limit - c->r->body_len)
            return refuse_with(c, 413, SELFSAME_USAGE, "the body is too large");
        if (!httpd_request_body_add(c->r, data))
            return refuse_with(c, 503, SELFSAME_NOMEM, "out of memory");
    }
    return true;
}

/* False: the connection is gone. */
static bool
serve(struct httpd_conn *c)
{
    struct httpd_loop *l = httpd_loop(c->h);

    c->state = CONN_KEPT;
    c->deadline_ms = net_clock_ms() + l->times.answer_ms;
    l->serving = c->r;
    c->route->serve(httpd_config(c->h)->ctx, c->r);
    l->serving = NULL;
    return c->r->answered ? begin_answer(c) : true;
}

/* A first byte begins a request, which has a time of its own. */
static bool
find_head(struct httpd_conn *c, size_t *ret_len)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes in = BYTES(c->in + c->beg, c->end - c->beg);

    if (in.len > 0 && c->seen == 0) {
        c->since_ms = net_clock_ms();
        c->deadline_ms = c->since_ms + httpd_loop(c->h)->times.idle_ms;
    }
    *ret_len = 0;
    if (in.len == 0)
        return true;
    if (http_head_find(in, &c->seen, ret_len, &e) != SELFSAME_OK ||
        (*ret_len == 0 && in.len == sizeof(c->in)))
        return refuse_with(
            c, 431, SELFSAME_MALFORMED, "HTTP: the head of the request is too large");
    return true;
}

static void
to_front(struct httpd_conn *c)
{
    memmove(c->in, c->in + c->beg, c->end - c->beg);
    c->end -= c->beg;
    c->beg = 0;
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
    ssize_t n = recv(c->fd, c->in, sizeof(c->in), 0);

    if (n > 0)
        c->moved += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || c->moved > DRAIN_MAX)
        httpd_conn_close(c);
}

static void
on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd_conn *c = ctx;

    (void)what;
    if (c->state == CONN_DRAINING) {
        drain(c);
        return;
    }
    if (c->state != CONN_READING) {
        pause_reading(c); /* the next request, or an end: after this answer */
        return;
    }
    to_front(c); /* so that a whole head fits */
    ssize_t n = recv(fd, c->in + c->end, sizeof(c->in) - c->end, 0);
    if (n > 0) {
        c->end += (size_t)n;
        advance(c);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        httpd_conn_close(c);
    }
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

bool
httpd_conn_open(struct httpd *h, int fd)
{
    struct httpd_loop *l = httpd_loop(h);
    struct httpd_conn *c = malloc(sizeof(*c));

    if (c == NULL) {
        fd_close(&fd);
        return false;
    }
    /* `in` is left as it is: nothing reads what was not received. */
    memset(c, 0, offsetof(struct httpd_conn, in));
    c->h = h;
    c->fd = fd;
    c->next = l->conns;
    if (c->next != NULL)
        c->next->prev = c;
    l->conns = c;
    l->conn_count++;
    keep_little(fd);
    now_reading(c);
    c->read_event = event_new(l->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->write_event = event_new(l->base, fd, EV_WRITE, on_writable, c);
    if (c->read_event == NULL || c->write_event == NULL ||
        event_add(c->read_event, NULL) != 0) {
        httpd_conn_close(c);
        return false;
    }
    return true;
}
