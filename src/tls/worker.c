/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/internal.h"

#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { JOB_LIMIT = 1 << 20 };

struct worker {
    struct evidence_source source;
    void (*done)(struct job *job);
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    bool started, stop;
    struct job *todo, *todo_last, *finished;
    int fd; /* eventfd: something is in `finished` */
    struct event *event;
};

struct job *
job_new(void)
{
    struct job *j = calloc(1, sizeof(*j));

    if (j != NULL)
        j->arena = arena_new(JOB_LIMIT);
    return j;
}

void
job_free(struct job *job)
{
    if (job == NULL)
        return;
    selfsame_free(job->cmw);
    arena_free(&job->arena);
    free(job);
}

static void
jobs_free(struct job *j)
{
    while (j != NULL) {
        struct job *next = j->next;
        job_free(j);
        j = next;
    }
}

static void
work(struct worker *w, struct job *j)
{
    if (j->certificate)
        j->code = w->source.certificate(
            w->source.arg, j->spki, &j->cmw, &j->cmw_len, &j->err);
    else if (j->key)
        j->code = w->source.key(
            w->source.arg, j->nonce, j->spki, &j->cmw, &j->cmw_len, &j->err);
    else
        j->code = w->source.session(w->source.arg, j->request, j->nonce,
            BYTES_ARR(j->exporter), j->spki, &j->cmw, &j->cmw_len, &j->err);
}

static void *
work_loop(void *arg)
{
    struct worker *w = arg;
    uint64_t one = 1;

    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->todo == NULL && !w->stop)
            (void)pthread_cond_wait(&w->wanted, &w->lock);
        if (w->stop)
            break;
        struct job *j = w->todo;
        w->todo = j->next;
        (void)pthread_mutex_unlock(&w->lock);
        work(w, j);
        (void)pthread_mutex_lock(&w->lock);
        j->next = w->finished;
        w->finished = j;
        ssize_t n = write(
            w->fd, &one, sizeof(one)); /* cannot block: read on each wake */
        (void)n;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void
deliver(evutil_socket_t fd, short what, void *arg)
{
    struct worker *w = arg;
    uint64_t count;

    (void)what;
    ssize_t n = read(fd, &count, sizeof(count));
    (void)n;
    (void)pthread_mutex_lock(&w->lock);
    struct job *j = w->finished;
    w->finished = NULL;
    (void)pthread_mutex_unlock(&w->lock);
    while (j != NULL) {
        struct job *next = j->next;
        j->next = NULL;
        w->done(j);
        j = next;
    }
}

void
worker_put(struct worker *w, struct job *job)
{
    (void)pthread_mutex_lock(&w->lock);
    job->next = NULL;
    if (w->todo == NULL)
        w->todo = job;
    else
        w->todo_last->next = job;
    w->todo_last = job;
    (void)pthread_cond_signal(&w->wanted);
    (void)pthread_mutex_unlock(&w->lock);
}

void
worker_drop(struct worker *w, struct job *job)
{
    struct job **at = &w->todo, *before = NULL;

    (void)pthread_mutex_lock(&w->lock);
    job->owner = NULL;
    for (; *at != NULL && *at != job; at = &(*at)->next)
        before = *at;
    bool waits = *at == job;
    if (waits)
        *at = job->next;
    if (waits && w->todo_last == job)
        w->todo_last = before;
    (void)pthread_mutex_unlock(&w->lock);
    if (waits)
        job_free(job);
}

void
worker_free(struct worker **worker)
{
    struct worker *w = *worker;

    if (w == NULL)
        return;
    if (w->started) {
        (void)pthread_mutex_lock(&w->lock);
        w->stop = true;
        (void)pthread_cond_signal(&w->wanted);
        (void)pthread_mutex_unlock(&w->lock);
        (void)pthread_join(w->thread, NULL);
    }
    if (w->event != NULL)
        event_free(w->event);
    fd_close(&w->fd);
    jobs_free(w->todo);
    jobs_free(w->finished);
    (void)pthread_cond_destroy(&w->wanted);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
    *worker = NULL;
}
#define auto_worker __attribute__((cleanup(worker_free))) struct worker

enum selfsame_code
worker_new(struct event_base *base, const struct evidence_source *source,
    void (*done)(struct job *job), struct worker **ret, struct selfsame_err *e)
{
    auto_worker *w = calloc(1, sizeof(*w));

    if (w == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the attestation thread");
    w->source = *source;
    w->done = done;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->wanted, NULL);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->fd < 0)
        FAIL(e, SELFSAME_IO, "eventfd: %s", strerror(errno));
    w->event = event_new(base, w->fd, EV_READ | EV_PERSIST, deliver, w);
    if (w->event == NULL || event_add(w->event, NULL) != 0)
        FAIL(e, SELFSAME_NOMEM, "no memory for the attestation thread");
    int rc = pthread_create(&w->thread, NULL, work_loop, w);
    if (rc != 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread: %s", strerror(rc));
    w->started = true;
    *ret = w;
    w = NULL;
    return SELFSAME_OK;
}
