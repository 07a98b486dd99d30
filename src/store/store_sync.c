/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store_parts.h"

#include <errno.h>
#include <unistd.h>

/*
 * Several files are synced at once, each by its own thread: the disk then flushes once
 * for all of them where one after another costs a flush each.
 */

static void
sync_one(struct sync_job *j)
{
    const int failed = j->directory ? fsync(j->fd) : fdatasync(j->fd);

    j->error = failed != 0 ? errno : 0;
}

/* The lock is held, and left while a job is done. False: none is left. */
static bool
take_job(struct syncer *s)
{
    if (s->next == s->count)
        return false;
    struct sync_job *j = &s->jobs[s->next++];
    (void)pthread_mutex_unlock(&s->lock);
    sync_one(j);
    (void)pthread_mutex_lock(&s->lock);
    if (++s->finished == s->count)
        (void)pthread_cond_signal(&s->done);
    return true;
}

static void *
work(void *ctx)
{
    struct syncer *s = ctx;

    (void)pthread_mutex_lock(&s->lock);
    while (!s->closing)
        if (!take_job(s))
            (void)pthread_cond_wait(&s->work, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* With fewer threads it only takes longer. */
void
syncer_open(struct syncer *s)
{
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->work, NULL);
    (void)pthread_cond_init(&s->done, NULL);
    s->opened = true;
    while (s->threads < SYNC_THREADS &&
           pthread_create(&s->thread[s->threads], NULL, work, s) == 0)
        s->threads++;
}

void
syncer_close(struct syncer *s)
{
    if (!s->opened)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->closing = true;
    (void)pthread_cond_broadcast(&s->work);
    (void)pthread_mutex_unlock(&s->lock);
    while (s->threads > 0)
        (void)pthread_join(s->thread[--s->threads], NULL);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->work);
    (void)pthread_cond_destroy(&s->done);
    s->opened = false;
}

void
syncer_run(struct syncer *s, struct sync_job *jobs, size_t count)
{
    if (count == 1) {
        sync_one(jobs);
        return;
    }
    (void)pthread_mutex_lock(&s->lock);
    s->jobs = jobs;
    s->count = count;
    s->next = s->finished = 0;
    (void)pthread_cond_broadcast(&s->work);
    while (take_job(s))
        ;
    while (s->finished < s->count)
        (void)pthread_cond_wait(&s->done, &s->lock);
    s->count = s->next = s->finished = 0;
    (void)pthread_mutex_unlock(&s->lock);
}
