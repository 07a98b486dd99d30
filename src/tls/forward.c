/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "tls/tls.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

enum { FORWARD_MAX = 256, ACCEPT_MS = 60000 };

/* Shared by the threads of one forward_run, which outlives them. */
struct forward {
    struct forward_config config;
    pthread_mutex_t lock;
    pthread_cond_t left;
    size_t running;
};
struct task {
    struct forward *f;
    int fd;
};

static void
result_cleanup(struct selfsame_result **r)
{
    selfsame_result_free(*r);
}
#define auto_result __attribute__((cleanup(result_cleanup))) struct selfsame_result

/* One local connection: a session of its own, or closed at once. */
static enum selfsame_code
forward_one(const struct forward_config *c, int local, struct selfsame_err *e)
{
    auto_fd fd = local;
    auto_session *s = NULL;
    auto_result *result = NULL;

    enum selfsame_code code = session_open(&c->session, &s, &result, e);
    if (c->verdict != NULL)
        c->verdict(c->arg, code, result, e);
    TRY(code);
    return session_pipe(s, fd, fd, e);
}

static void
leave(struct forward *f)
{
    (void)pthread_mutex_lock(&f->lock);
    f->running--;
    (void)pthread_cond_signal(&f->left);
    (void)pthread_mutex_unlock(&f->lock);
}

static void *
task_run(void *arg)
{
    struct task *t = arg;
    struct selfsame_err e = { 0 };

    (void)!forward_one(&t->f->config, t->fd, &e); /* the verdict was told */
    leave(t->f);
    free(t);
    return NULL;
}

static enum selfsame_code
spawn(struct forward *f, int fd, struct selfsame_err *e)
{
    auto_fd local = fd;
    struct task *t = calloc(1, sizeof(*t));
    pthread_t thread;

    if (t == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a connection");
    *t = (struct task){ .f = f, .fd = fd };
    (void)pthread_mutex_lock(&f->lock);
    while (f->running == FORWARD_MAX)
        (void)pthread_cond_wait(&f->left, &f->lock);
    f->running++;
    (void)pthread_mutex_unlock(&f->lock);
    if (pthread_create(&thread, NULL, task_run, t) != 0) {
        leave(f);
        free(t);
        return SELFSAME_OK; /* this one is closed, the next may fare better */
    }
    (void)pthread_detach(thread);
    local = -1;
    return SELFSAME_OK;
}

static enum selfsame_code
next_connection(int listener, int *ret_fd, struct selfsame_err *e)
{
    struct selfsame_err waited = { 0 };
    int fd = -1;

    while (fd < 0) {
        if (net_wait(listener, POLLIN, net_clock_ms() + ACCEPT_MS, &waited) ==
            SELFSAME_OK)
            TRY(net_accept(listener, &fd, e));
    }
    *ret_fd = fd;
    return SELFSAME_OK;
}

static enum selfsame_code
serve_all(struct forward *f, int listener, struct selfsame_err *e)
{
    for (;;) {
        int fd = -1;
        TRY(next_connection(listener, &fd, e));
        if (f->config.once)
            return forward_one(&f->config, fd, e);
        TRY(spawn(f, fd, e));
    }
}

enum selfsame_code
forward_run(const struct forward_config *c, struct selfsame_err *e)
{
    struct forward f = { .config = *c };
    struct net_addr bound;
    auto_fd listener = -1;

    TRY(net_listen(&c->listen, &listener, e));
    TRY(net_bound(listener, &c->listen, &bound, e));
    if (c->ready != NULL)
        c->ready(c->arg, &bound);
    (void)pthread_mutex_init(&f.lock, NULL);
    (void)pthread_cond_init(&f.left, NULL);
    enum selfsame_code code = serve_all(&f, listener, e);
    (void)pthread_mutex_lock(&f.lock);
    while (f.running > 0)
        (void)pthread_cond_wait(&f.left, &f.lock);
    (void)pthread_mutex_unlock(&f.lock);
    (void)pthread_cond_destroy(&f.left);
    (void)pthread_mutex_destroy(&f.lock);
    return code;
}
