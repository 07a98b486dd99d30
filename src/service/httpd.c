/* SPDX-License-Identifier: Apache-2.0 */
#include "service/httpd_parts.h"

#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

#include <event2/event.h>

enum {
    CONNECTIONS = 1024,
    TOGETHER = 256 << 20, /* answers, and bodies */
    IDLE_S = 15,
    ANSWER_S = 60,
    STOP_S = 4,
    OTHERS = 128, /* descriptors of whoever stores, asks witnesses and reads */
    LOOP = 8,     /* and of each further loop */
};

/* Others of the process may not starve: a log that cannot write would have to refuse. */
static void
fit_descriptors(struct httpd *h)
{
    const unsigned want = h->config.connections, each = h->config.files ? 2 : 1;
    const uint64_t others = OTHERS + LOOP * (h->loop_count - 1);
    const uint64_t need = (uint64_t)want * each + others, may = os_descriptors(need);

    if (may == 0 || may >= need)
        return;
    h->config.connections = (unsigned)(may > 2 * others ? may - others : may / 2) /
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

static unsigned
or_usual(unsigned asked, unsigned usual)
{
    return asked > 0 ? asked : usual;
}

static void
complete(struct httpd *h, const struct httpd_config *c)
{
    h->config = *c;
    h->config.connections = or_usual(c->connections, CONNECTIONS);
    if (c->answers_limit == 0)
        h->config.answers_limit = TOGETHER;
    if (c->bodies_limit == 0)
        h->config.bodies_limit = TOGETHER;
    h->loop_count = or_usual(c->loops, 1);
    if (h->loop_count > HTTPD_LOOPS_MAX)
        h->loop_count = HTTPD_LOOPS_MAX;
    fit_descriptors(h);
    h->share = (h->config.connections + h->loop_count - 1) / h->loop_count;
    h->idle_ms = (int64_t)1000 * or_usual(c->idle_s, IDLE_S);
    h->answer_ms = (int64_t)1000 * or_usual(c->answer_s, ANSWER_S);
    h->stop_ms = (int64_t)1000 * or_usual(c->stop_s, STOP_S);
    atomic_store(&h->drain_ms, (int64_t)1000 * c->drain_s);
}

static void
free_on_failure(struct httpd **h)
{
    httpd_free(*h);
}

static enum selfsame_code
make_loops(struct httpd *h, struct selfsame_err *e)
{
    h->loops = calloc(h->loop_count, sizeof(*h->loops));
    if (h->loops == NULL) {
        h->loop_count = 0;
        FAIL(e, SELFSAME_NOMEM, "no memory for a server");
    }
    for (size_t i = 0; i < h->loop_count; i++)
        h->loops[i].wake_fd = -1;
    for (size_t i = 0; i < h->loop_count; i++)
        TRY(httpd_loop_init(&h->loops[i], h, i, e));
    h->accept_event = event_new(
        h->loops[0].base, h->listen_fd, EV_READ | EV_PERSIST, httpd_on_connection, h);
    if (h->accept_event == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for events");
    return SELFSAME_OK;
}

enum selfsame_code
httpd_new(const struct httpd_config *c, struct httpd **ret, struct selfsame_err *e)
{
    __attribute__((cleanup(free_on_failure))) struct httpd *h = calloc(1, sizeof(*h));

    if (h == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a server");
    h->listen_fd = -1;
    complete(h, c);
    TRY(net_listen(&c->listen, &h->listen_fd, e));
    TRY(net_bound(h->listen_fd, &c->listen, &h->bound, e));
    TRY(make_loops(h, e));
    *ret = h;
    h = NULL;
    return SELFSAME_OK;
}

void
httpd_bound(const struct httpd *h, struct net_addr *ret)
{
    *ret = h->bound;
}

size_t
httpd_connections(const struct httpd *h, size_t *ret_max)
{
    size_t n = 0;

    for (size_t i = 0; i < h->loop_count; i++)
        n += atomic_load_explicit(&h->loops[i].load, memory_order_relaxed);
    *ret_max = h->config.connections;
    return n;
}

/* ---- running ---- */

static void
ask_to_stop(struct httpd *h, int how)
{
    int was = atomic_load(&h->stop);

    while (was < how && !atomic_compare_exchange_weak(&h->stop, &was, how))
        ;
    for (size_t i = 0; i < h->loop_count; i++)
        httpd_loop_wake(&h->loops[i]);
}

void
httpd_stop(struct httpd *h)
{
    ask_to_stop(h, HTTPD_STOP);
}

void
httpd_drain(struct httpd *h, int64_t within_ms)
{
    atomic_store(&h->drain_ms, within_ms);
    ask_to_stop(h, HTTPD_DRAIN);
}

/* Where one loop fails none goes on: its connections would wait for nobody. */
static void *
run_loop(void *ctx)
{
    struct httpd_loop *l = ctx;

    httpd_loop_run(l);
    if (l->failed)
        httpd_stop(l->h);
    return NULL;
}

/* The first loop runs in the caller's thread. */
enum selfsame_code
httpd_run(struct httpd *h, struct selfsame_err *e)
{
    bool failed = event_add(h->accept_event, NULL) != 0;

    for (size_t i = 1; i < h->loop_count && !failed; i++) {
        struct httpd_loop *l = &h->loops[i];

        l->threaded = pthread_create(&l->thread, NULL, run_loop, l) == 0;
        failed = !l->threaded;
    }
    if (failed)
        httpd_stop(h);
    (void)run_loop(&h->loops[0]);
    if (h->loops[0].failed)
        httpd_close_door(h);
    for (size_t i = 0; i < h->loop_count; i++) {
        struct httpd_loop *l = &h->loops[i];

        if (l->threaded)
            (void)pthread_join(l->thread, NULL);
        failed = failed || l->failed;
    }
    if (failed)
        FAIL(e, SELFSAME_INTERNAL, "the event loop failed");
    return SELFSAME_OK;
}

void
httpd_free(struct httpd *h)
{
    if (h == NULL)
        return;
    if (h->accept_event != NULL)
        event_free(h->accept_event);
    for (size_t i = 0; i < h->loop_count; i++)
        httpd_loop_free(&h->loops[i]);
    free(h->loops);
    fd_close(&h->listen_fd);
    free(h);
}
