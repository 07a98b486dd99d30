/* SPDX-License-Identifier: Apache-2.0 */
#include "service/httpd_parts.h"

#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

enum {
    TICK_MS = 200,
    STOP_MS = 4000,
    ACCEPT_AT_ONCE = 64,
    STILL_MS = 1000, /* an answer that did not move for so long may be cut off */
    OTHERS = 128,    /* descriptors of whoever stores, asks witnesses and reads */
};

struct httpd {
    struct httpd_config config;
    struct httpd_loop loop;
    struct net_addr bound;
    char limited[160];
    int listen_fd, wake_fd;
    struct event *accept_event, *wake_event, *tick_event;
    bool accept_paused, running;
    int64_t stop_ms; /* when the last connections are cut off */
    pthread_t thread;
    atomic_bool stop;

    pthread_mutex_t lock;
    struct httpd_request *answers; /* by other threads, the last one first */
};

struct httpd_loop *
httpd_loop(struct httpd *h)
{
    return &h->loop;
}

const struct httpd_config *
httpd_config(const struct httpd *h)
{
    return &h->config;
}

/* ---- answers ---- */

static void
wake(struct httpd *h)
{
    const uint64_t one = 1;

    /* A counter that is full wakes as well. */
    while (write(h->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* From here on the loop may free r. */
static void
hand_over(struct httpd_request *r)
{
    struct httpd *h = r->h;

    if (h->running && pthread_equal(pthread_self(), h->thread) &&
        h->loop.serving == r) {
        r->answered = true;
        return;
    }
    (void)pthread_mutex_lock(&h->lock);
    bool first = h->answers == NULL;
    r->after = h->answers;
    h->answers = r;
    /* Under the lock: behind it the server might be gone. */
    if (first)
        wake(h);
    (void)pthread_mutex_unlock(&h->lock);
}

void
httpd_answer(struct httpd_request *r, const struct httpd_answer *a)
{
    httpd_request_keep_answer(r, a);
    hand_over(r);
}

void
httpd_refuse(struct httpd_request *r, int status, const struct selfsame_err *e)
{
    httpd_request_keep_refusal(r, status, e);
    hand_over(r);
}

static struct httpd_request *
take_answers(struct httpd *h)
{
    struct httpd_request *in_order = NULL;

    (void)pthread_mutex_lock(&h->lock);
    struct httpd_request *r = h->answers;
    h->answers = NULL;
    (void)pthread_mutex_unlock(&h->lock);
    while (r != NULL) {
        struct httpd_request *next = r->after;
        r->after = in_order;
        in_order = r;
        r = next;
    }
    return in_order;
}

static void
send_answers(struct httpd *h)
{
    for (struct httpd_request *r = take_answers(h), *next; r != NULL; r = next) {
        next = r->after;
        if (r->conn != NULL)
            httpd_conn_answer(r->conn);
        else
            httpd_request_free(r);
    }
}

/* ---- stopping ---- */

static void
begin_stop(struct httpd *h)
{
    if (h->loop.stopping)
        return;
    h->loop.stopping = true;
    h->stop_ms = net_clock_ms() + STOP_MS;
    if (h->config.stopping != NULL)
        h->config.stopping(h->config.ctx);
    (void)event_del(h->accept_event);
    fd_close(&h->listen_fd);
    for (struct httpd_conn *c = h->loop.conns, *next; c != NULL; c = next) {
        next = c->next;
        if (httpd_conn_idle(c))
            httpd_conn_close(c);
    }
    if (h->loop.conn_count == 0)
        (void)event_base_loopbreak(h->loop.base);
}

void
httpd_closed(struct httpd *h)
{
    if (h->loop.stopping && h->loop.conn_count == 0)
        (void)event_base_loopbreak(h->loop.base);
}

void
httpd_stop(struct httpd *h)
{
    atomic_store(&h->stop, true);
    wake(h);
}

/* ---- events ---- */

static void
on_wake(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd *h = ctx;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        begin_stop(h);
    send_answers(h);
    if (atomic_load(&h->stop))
        begin_stop(h);
}

static struct httpd_conn *
older(struct httpd_conn *a, struct httpd_conn *b)
{
    return a == NULL || b->since_ms <= a->since_ms ? b : a;
}

/*
 * Whoever has waited longest without a whole request goes, or else whose answer has not
 * moved for the longest time, so that clients that only hold connections cannot keep
 * the others out. False: all are being served.
 */
static bool
evict(struct httpd *h)
{
    const int64_t still_ms = net_clock_ms() - STILL_MS;
    struct httpd_conn *oldest = NULL, *stillest = NULL;

    for (struct httpd_conn *c = h->loop.conns; c != NULL; c = c->next)
        if (c->state == CONN_READING || c->state == CONN_DRAINING)
            oldest = older(oldest, c);
        else if (c->state == CONN_WRITING && c->since_ms <= still_ms)
            stillest = older(stillest, c);
    if (oldest == NULL)
        oldest = stillest;
    if (oldest == NULL)
        return false;
    httpd_conn_close(oldest);
    return true;
}

static bool
make_room(struct httpd *h)
{
    return h->loop.conn_count < h->config.connections || evict(h);
}

static void
turn_away(int fd)
{
    static const char full[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n";

    if (send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL) > 0)
        (void)shutdown(fd, SHUT_WR);
    fd_close(&fd);
}

static void
on_connection(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd *h = ctx;
    struct selfsame_err e = { 0 };

    (void)what;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        int got = -1;

        if (net_accept(fd, &got, &e) != SELFSAME_OK) {
            /* Out of descriptors. */
            if (evict(h))
                continue;
            /* Looking again at once would only burn time. */
            (void)event_del(h->accept_event);
            h->accept_paused = true;
            return;
        }
        if (got < 0)
            return;
        if (!make_room(h))
            turn_away(got);
        else if (!httpd_conn_open(h, got))
            return;
    }
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd *h = ctx;
    int64_t now_ms = net_clock_ms();

    (void)fd;
    (void)what;
    httpd_date(os_now_ms() / 1000, h->loop.date);
    if (os_interrupted() || atomic_load(&h->stop))
        begin_stop(h);
    for (struct httpd_conn *c = h->loop.conns, *next; c != NULL; c = next) {
        next = c->next;
        if (now_ms >= c->deadline_ms)
            httpd_conn_overdue(c);
    }
    if (h->accept_paused && !h->loop.stopping && event_add(h->accept_event, NULL) == 0)
        h->accept_paused = false;
    if (h->loop.stopping && now_ms >= h->stop_ms)
        (void)event_base_loopbreak(h->loop.base);
}

/* ---- the life of a server ---- */

static enum selfsame_code
make_events(struct httpd *h, struct selfsame_err *e)
{
    struct httpd_loop *l = &h->loop;

    l->base = event_base_new();
    h->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->base == NULL || h->wake_fd < 0)
        FAIL(e, SELFSAME_IO, "cannot make an event loop: %s", strerror(errno));
    h->accept_event = event_new(
        l->base, h->listen_fd, EV_READ | EV_PERSIST, on_connection, h);
    h->wake_event = event_new(l->base, h->wake_fd, EV_READ | EV_PERSIST, on_wake, h);
    h->tick_event = event_new(l->base, -1, EV_PERSIST, on_tick, h);
    if (h->accept_event == NULL || h->wake_event == NULL || h->tick_event == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for events");
    return SELFSAME_OK;
}

/* Others of the process may not starve: a log that cannot write would have to refuse. */
static void
fit_descriptors(struct httpd *h)
{
    const unsigned want = h->config.connections, each = h->config.files ? 2 : 1;
    const uint64_t need = (uint64_t)want * each + OTHERS, may = os_descriptors(need);

    if (may == 0 || may >= need)
        return;
    h->config.connections = (unsigned)(may > 2 * OTHERS ? may - OTHERS : may / 2) /
                            each;
    (void)snprintf(h->limited, sizeof(h->limited),
        "%u connections at once instead of %u: this process may have %llu descriptors "
        "(see ulimit -n, LimitNOFILE=)",
        h->config.connections, want, (unsigned long long)may);
}

const char *
httpd_limited(const struct httpd *h)
{
    return h->limited;
}

static void
free_on_failure(struct httpd **h)
{
    httpd_free(*h);
}

enum selfsame_code
httpd_new(const struct httpd_config *c, struct httpd **ret, struct selfsame_err *e)
{
    __attribute__((cleanup(free_on_failure))) struct httpd *h = calloc(1, sizeof(*h));

    if (h == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a server");
    h->listen_fd = h->wake_fd = -1;
    (void)pthread_mutex_init(&h->lock, NULL);
    h->config = *c;
    if (c->connections == 0)
        h->config.connections = 1024;
    if (c->answers_limit == 0)
        h->config.answers_limit = 256 << 20;
    fit_descriptors(h);
    h->loop.times.idle_ms = (int64_t)1000 * (c->idle_s > 0 ? c->idle_s : 15);
    h->loop.times.answer_ms = (int64_t)1000 * (c->answer_s > 0 ? c->answer_s : 60);
    httpd_date(os_now_ms() / 1000, h->loop.date);
    TRY(net_listen(&c->listen, &h->listen_fd, e));
    TRY(net_bound(h->listen_fd, &c->listen, &h->bound, e));
    TRY(make_events(h, e));
    *ret = h;
    h = NULL;
    return SELFSAME_OK;
}

void
httpd_bound(const struct httpd *h, struct net_addr *ret)
{
    *ret = h->bound;
}

enum selfsame_code
httpd_run(struct httpd *h, struct selfsame_err *e)
{
    const struct timeval tick = { .tv_usec = TICK_MS * 1000 };

    h->thread = pthread_self();
    h->running = true;
    if (event_add(h->accept_event, NULL) != 0 || event_add(h->wake_event, NULL) != 0 ||
        event_add(h->tick_event, &tick) != 0 || event_base_dispatch(h->loop.base) < 0)
        FAIL(e, SELFSAME_INTERNAL, "the event loop failed");
    return SELFSAME_OK;
}

size_t
httpd_connections(const struct httpd *h, size_t *ret_max)
{
    *ret_max = h->config.connections;
    return atomic_load(&((struct httpd *)(uintptr_t)h)->loop.conn_count);
}

void
httpd_free(struct httpd *h)
{
    if (h == NULL)
        return;
    h->loop.stopping = false;
    while (h->loop.conns != NULL)
        httpd_conn_close(h->loop.conns);
    while (h->loop.requests != NULL)
        httpd_request_free(h->loop.requests);
    struct event *events[] = { h->accept_event, h->wake_event, h->tick_event };
    for (size_t i = 0; i < COUNT(events); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (h->loop.base != NULL)
        event_base_free(h->loop.base);
    fd_close(&h->listen_fd);
    fd_close(&h->wake_fd);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}
