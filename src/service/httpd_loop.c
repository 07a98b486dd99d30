/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/httpd_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

enum {
    TICK_MS = 200,
    ACCEPT_AT_ONCE = 64,
    STILL_MS = 1000, /* an answer that did not move for so long may be cut off */
    AHEAD = 256,     /* connections given to a loop that is full, until it looks */
};

/* ---- connections in order ---- */

void
httpd_list_leave(struct httpd_conn *c)
{
    struct httpd_list *list = c->list;

    if (list == NULL)
        return;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        list->first = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    else
        list->last = c->prev;
    c->prev = c->next = NULL;
    c->list = NULL;
}

void
httpd_list_move(struct httpd_list *to, struct httpd_conn *c)
{
    httpd_list_leave(c);
    c->list = to;
    c->prev = to->last;
    if (to->last != NULL)
        to->last->next = c;
    else
        to->first = c;
    to->last = c;
}

/* ---- answers ---- */

void
httpd_loop_wake(struct httpd_loop *l)
{
    const uint64_t one = 1;

    /* A counter that is full wakes as well. */
    while (write(l->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* From here on the loop may free r. */
static void
hand_over(struct httpd_request *r)
{
    struct httpd_loop *l = r->l;

    if (l->running && pthread_equal(pthread_self(), l->self) && l->serving == r) {
        r->answered = true;
        return;
    }
    (void)pthread_mutex_lock(&l->lock);
    bool first = l->answers == NULL;
    r->after = l->answers;
    l->answers = r;
    /* Under the lock: behind it the server might be gone. */
    if (first)
        httpd_loop_wake(l);
    (void)pthread_mutex_unlock(&l->lock);
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
take_answers(struct httpd_loop *l)
{
    struct httpd_request *in_order = NULL;

    (void)pthread_mutex_lock(&l->lock);
    struct httpd_request *r = l->answers;
    l->answers = NULL;
    (void)pthread_mutex_unlock(&l->lock);
    while (r != NULL) {
        struct httpd_request *next = r->after;
        r->after = in_order;
        in_order = r;
        r = next;
    }
    return in_order;
}

static void
send_answers(struct httpd_loop *l)
{
    for (struct httpd_request *r = take_answers(l), *next; r != NULL; r = next) {
        next = r->after;
        if (r->conn != NULL)
            httpd_conn_answer(r->conn);
        else
            httpd_request_free(r);
    }
}

/* ---- room ---- */

static struct httpd_conn *
stillest(const struct httpd_loop *l)
{
    const int64_t still_ms = net_clock_ms() - STILL_MS;
    struct httpd_conn *found = NULL;

    for (struct httpd_conn *c = l->busy.first; c != NULL; c = c->next)
        if (c->state == CONN_WRITING && c->since_ms <= still_ms &&
            (found == NULL || c->since_ms < found->since_ms))
            found = c;
    return found;
}

/*
 * Whoever has waited longest without a whole request goes, or else whose answer has not
 * moved for the longest time, so that clients that only hold connections cannot keep
 * the others out. False: all are being served.
 */
static bool
evict(struct httpd_loop *l)
{
    struct httpd_conn *c = l->waiting.first != NULL ? l->waiting.first : stillest(l);

    if (c == NULL)
        return false;
    httpd_conn_close(c);
    return true;
}

/* Without TLS yet there is nothing to say. */
static void
turn_away(struct httpd_conn *c)
{
    static const char full[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n";

    if (c->h->config.tls == NULL &&
        send(c->fd, full, sizeof(full) - 1, MSG_NOSIGNAL) > 0)
        (void)shutdown(c->fd, SHUT_WR);
    fd_close(&c->fd);
    free(c);
}

static bool
has_room(const struct httpd_loop *l)
{
    return l->conn_count < l->h->share;
}

/*
 * How many may be taken in at once when others have to go for them: between, what those
 * have sent is looked at, or a crowd would throw out whoever has just asked.
 */
static size_t
crowd(const struct httpd_loop *l)
{
    return l->h->share / 16 + 1;
}

static void
take_in(struct httpd_loop *l, struct httpd_conn *c)
{
    if (has_room(l) || evict(l)) {
        (void)!httpd_conn_start(c, l);
        return;
    }
    turn_away(c);
    (void)atomic_fetch_sub(&l->load, 1);
}

static struct httpd_conn *
next_given(struct httpd_loop *l)
{
    (void)pthread_mutex_lock(&l->lock);
    struct httpd_conn *c = l->given;
    if (c != NULL)
        l->given = c->next;
    (void)pthread_mutex_unlock(&l->lock);
    if (c != NULL)
        c->next = NULL;
    return c;
}

static void
take_given(struct httpd_loop *l)
{
    size_t crowded = 0;

    while (crowded < crowd(l)) {
        struct httpd_conn *c = next_given(l);
        if (c == NULL)
            return;
        crowded += has_room(l) ? 0 : 1;
        take_in(l, c);
    }
    httpd_loop_wake(l);
}

/* ---- accepting: the first loop's, which gives to whoever has least ---- */

static struct httpd_loop *
least_loaded(struct httpd *h)
{
    struct httpd_loop *found = NULL;
    size_t least = SIZE_MAX;

    h->turn = (h->turn + 1) % h->loop_count;
    for (size_t i = 0; i < h->loop_count; i++) {
        struct httpd_loop *l = &h->loops[(h->turn + i) % h->loop_count];
        const size_t load = atomic_load_explicit(&l->load, memory_order_relaxed);

        if (load < least) {
            least = load;
            found = l;
        }
    }
    return found;
}

static void
give(struct httpd_loop *l, struct httpd_conn *c)
{
    (void)pthread_mutex_lock(&l->lock);
    bool first = l->given == NULL;
    if (first)
        l->given = c;
    else
        l->given_last->next = c;
    l->given_last = c;
    (void)pthread_mutex_unlock(&l->lock);
    if (first)
        httpd_loop_wake(l);
}

/* Until the next tick: looking again at once would only burn time. */
static void
pause_accepting(struct httpd *h)
{
    (void)event_del(h->accept_event);
    h->accept_paused = true;
}

/* Out of descriptors. False: the others were asked to close some. */
static bool
free_descriptor(struct httpd *h)
{
    if (evict(&h->loops[0]))
        return true;
    for (size_t i = 1; i < h->loop_count; i++) {
        atomic_store(&h->loops[i].evict, true);
        httpd_loop_wake(&h->loops[i]);
    }
    return false;
}

void
httpd_on_connection(int fd, short what, void *ctx)
{
    struct httpd *h = ctx;
    struct selfsame_err e = { 0 };
    size_t crowded = 0;

    (void)what;
    for (int i = 0; i < ACCEPT_AT_ONCE && crowded < crowd(&h->loops[0]); i++) {
        struct httpd_loop *l = least_loaded(h);
        int got = -1;

        if (atomic_load(&l->load) >= h->share + AHEAD) {
            pause_accepting(h);
            return;
        }
        if (net_accept(fd, &got, &e) != SELFSAME_OK) {
            if (free_descriptor(h))
                continue;
            pause_accepting(h);
            return;
        }
        if (got < 0)
            return;
        struct httpd_conn *c = httpd_conn_new(h, got);
        if (c == NULL)
            return;
        (void)atomic_fetch_add(&l->load, 1);
        if (l->number != 0) {
            give(l, c);
            continue;
        }
        crowded += has_room(l) ? 0 : 1;
        take_in(l, c);
    }
}

/* ---- stopping ---- */

static void
close_idle(struct httpd_loop *l)
{
    for (struct httpd_conn *c = l->waiting.first, *next; c != NULL; c = next) {
        next = c->next;
        if (httpd_conn_idle(c))
            httpd_conn_close(c);
    }
}

void
httpd_close_door(struct httpd *h)
{
    if (h->config.stopping != NULL && !h->said_stopping)
        h->config.stopping(h->config.ctx);
    h->said_stopping = true;
    (void)event_del(h->accept_event);
    fd_close(&h->listen_fd);
    atomic_store(&h->shut, true);
    for (size_t i = 1; i < h->loop_count; i++)
        httpd_loop_wake(&h->loops[i]);
}

static void
begin_stop(struct httpd_loop *l, int how)
{
    const int64_t now_ms = net_clock_ms();
    const int64_t within = how == HTTPD_DRAIN ? atomic_load(&l->h->drain_ms)
                                              : l->h->stop_ms;

    if (l->number == 0)
        httpd_close_door(l->h);
    l->idle_until_ms = how == HTTPD_DRAIN ? now_ms + within / 2 : now_ms;
    if (!l->stopping || now_ms + within < l->stop_ms)
        l->stop_ms = now_ms + within;
    l->stopping = true;
    if (how == HTTPD_STOP)
        close_idle(l);
    httpd_closed(l);
}

void
httpd_closed(struct httpd_loop *l)
{
    if (l->stopping && l->conn_count == 0)
        (void)event_base_loopbreak(l->base);
}

static int
asked_to_stop(struct httpd *h)
{
    const int how = atomic_load(&h->stop);

    if (how != 0 || !os_interrupted())
        return how;
    return h->config.drain_s > 0 ? HTTPD_DRAIN : HTTPD_STOP;
}

/* The others only when nobody is given to them any more. */
static void
look_at_stop(struct httpd_loop *l)
{
    if (l->number != 0 && !atomic_load(&l->h->shut))
        return;
    const int how = asked_to_stop(l->h);
    if (how > l->stop_seen) {
        l->stop_seen = how;
        begin_stop(l, how);
    }
}

/* ---- events ---- */

static void
on_wake(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd_loop *l = ctx;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        atomic_store(&l->h->stop, HTTPD_STOP);
    take_given(l);
    send_answers(l);
    if (atomic_exchange(&l->evict, false))
        (void)evict(l);
    look_at_stop(l);
}

static void
overdue(struct httpd_list *list, int64_t now_ms)
{
    for (struct httpd_conn *c = list->first, *next; c != NULL; c = next) {
        next = c->next;
        if (now_ms >= c->deadline_ms)
            httpd_conn_overdue(c);
    }
}

static void
on_tick(evutil_socket_t fd, short what, void *ctx)
{
    struct httpd_loop *l = ctx;
    struct httpd *h = l->h;
    const int64_t now_ms = net_clock_ms();

    (void)fd;
    (void)what;
    httpd_date(os_now_ms() / 1000, l->date);
    look_at_stop(l);
    overdue(&l->waiting, now_ms);
    overdue(&l->busy, now_ms);
    if (l->number == 0 && h->accept_paused && !l->stopping &&
        event_add(h->accept_event, NULL) == 0)
        h->accept_paused = false;
    if (l->stopping && now_ms >= l->idle_until_ms)
        close_idle(l);
    if (l->stopping && now_ms >= l->stop_ms)
        (void)event_base_loopbreak(l->base);
}

/* ---- the life of a loop ---- */

enum selfsame_code
httpd_loop_init(
    struct httpd_loop *l, struct httpd *h, size_t number, struct selfsame_err *e)
{
    l->h = h;
    l->number = number;
    (void)pthread_mutex_init(&l->lock, NULL);
    httpd_date(os_now_ms() / 1000, l->date);
    l->base = event_base_new();
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->base == NULL || l->wake_fd < 0)
        FAIL(e, SELFSAME_IO, "cannot make an event loop: %s", strerror(errno));
    l->wake_event = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    l->tick_event = event_new(l->base, -1, EV_PERSIST, on_tick, l);
    if (l->wake_event == NULL || l->tick_event == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for events");
    return SELFSAME_OK;
}

void
httpd_loop_run(struct httpd_loop *l)
{
    const struct timeval tick = { .tv_usec = TICK_MS * 1000 };

    l->self = pthread_self();
    l->running = true;
    l->failed = event_add(l->wake_event, NULL) != 0 ||
                event_add(l->tick_event, &tick) != 0 ||
                event_base_dispatch(l->base) < 0;
}

void
httpd_loop_free(struct httpd_loop *l)
{
    l->stopping = false;
    while (l->waiting.first != NULL)
        httpd_conn_close(l->waiting.first);
    while (l->busy.first != NULL)
        httpd_conn_close(l->busy.first);
    for (struct httpd_conn *c = l->given, *next; c != NULL; c = next) {
        next = c->next;
        fd_close(&c->fd);
        free(c);
    }
    while (l->requests != NULL)
        httpd_request_free(l->requests);
    struct event *events[] = { l->wake_event, l->tick_event };
    for (size_t i = 0; i < COUNT(events); i++)
        if (events[i] != NULL)
            event_free(events[i]);
    if (l->base != NULL)
        event_base_free(l->base);
    fd_close(&l->wake_fd);
    (void)pthread_mutex_destroy(&l->lock);
}
