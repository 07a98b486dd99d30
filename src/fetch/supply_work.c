/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/supply_parts.h"

#include <stdlib.h>
#include <time.h>

enum {
    WORK_ARENA = 8 << 20,
    TEND_S = 20,   /* how often it is looked what has to be renewed */
    AGAIN_S = 300, /* and how often one of them is asked for */
    TEND_MAX = 64,
};

/* ---- one job ---- */

static bool
is_list(enum fetch_what what)
{
    return what == FETCH_LIST || what == FETCH_SIGNED || what == FETCH_CHAIN;
}

/* Lists are few, and everybody needs them: they go before certificates of chips. */
static struct supply_job *
next_job(struct supply_host *h)
{
    struct supply_job *first = NULL;

    for (struct supply_job *j = h->jobs; j != NULL; j = j->next) {
        if (j->running)
            continue;
        if (is_list(j->what))
            return j;
        if (first == NULL)
            first = j;
    }
    return first;
}

/* A host that knows of none takes nothing away that there was. */
static void
take_fresh(struct supply *s, struct supply_job *j, struct supply_piece *fresh,
    struct supply_answer *a)
{
    struct supply_entry *n = j->entry;
    const bool lost = fresh->absent && n->piece != NULL && !n->piece->absent;

    if (lost) {
        supply_drop(fresh);
        n->failed_until_s = supply_now_s(s) + FETCH_ABSENT_S;
        a->code = SELFSAME_IO;
        a->retry_s = FETCH_ABSENT_S;
        (void)err_set(&a->err, SELFSAME_IO, __FILE__, __LINE__,
            "the host has lost what it gave before");
        n->why = a->err;
        return;
    }
    supply_put(s, n, fresh);
    n->failed_until_s = 0;
    n->why = (struct selfsame_err){ 0 };
    a->good = true;
}

static void
take_failure(struct supply *s, struct supply_host *h, struct supply_job *j,
    struct arena *arena, struct supply_answer *a)
{
    const char *host = fetch_host(&h->fetcher, j->entry->url, arena);
    const int64_t turn_s = host != NULL ? pace_turn_s(&h->fetcher, host) : 0;

    a->retry_s = turn_s > SUPPLY_FAILED_S ? turn_s : SUPPLY_FAILED_S;
    j->entry->failed_until_s = supply_now_s(s) + a->retry_s;
    j->entry->why = a->err;
    (void)atomic_fetch_add(&s->counts.failed, 1);
}

static void
finish(struct supply_host *h, struct supply_job *j, struct supply_piece *fresh,
    struct arena *arena, struct supply_answer *a)
{
    struct supply *s = h->supply;
    struct supply_entry *n = j->entry;

    (void)pthread_mutex_lock(&s->lock);
    if (fresh != NULL)
        take_fresh(s, j, fresh, a);
    else
        take_failure(s, h, j, arena, a);
    a->piece = n->piece;
    if (a->piece != NULL)
        (void)atomic_fetch_add(&a->piece->refs, 1);
    struct supply_waiter *w = supply_end_job(h, j);
    supply_trim(s);
    (void)pthread_mutex_unlock(&s->lock);
    supply_tell(w, a);
    supply_drop(a->piece);
}

static void
run_job(struct supply_host *h, struct supply_job *j)
{
    auto_arena arena = arena_new(WORK_ARENA);
    struct supply *s = h->supply;
    struct supply_answer a = { 0 };
    struct supply_piece *fresh = NULL;
    struct cached c = { 0 };

    a.code = fetch_anew(&h->fetcher, j->entry->url, j->what, &arena, &c, &a.err);
    if (a.code == SELFSAME_OK) {
        c.fetched_s = supply_now_s(s);
        (void)atomic_fetch_add(c.absent ? &s->counts.absent : &s->counts.fetched, 1);
        fresh = supply_piece_of(&c, j->what);
        if (fresh == NULL)
            a.code = err_set(
                &a.err, SELFSAME_NOMEM, __FILE__, __LINE__, "a piece of collateral");
        /* What there is none of is soon forgotten, and needs no room on the disk. */
        else if (!c.absent)
            supply_write(s, &c);
    }
    finish(h, j, fresh, &arena, &a);
}

void *
supply_work(void *host)
{
    struct supply_host *h = host;
    struct supply *s = h->supply;

    (void)pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->over)) {
        struct supply_job *j = next_job(h);

        if (j == NULL) {
            (void)pthread_cond_wait(&h->more, &s->lock);
            continue;
        }
        j->running = true;
        j->entry->tried_s = supply_now_s(s);
        (void)pthread_mutex_unlock(&s->lock);
        run_job(h, j);
        (void)pthread_mutex_lock(&s->lock);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- in good time ---- */

/* Lists that are used are renewed before they end. */
static bool
is_due(const struct supply *s, const struct supply_entry *n, int64_t now_s)
{
    const struct supply_piece *p = n->piece;

    if (p == NULL || p->absent || n->job != NULL || now_s - n->used_s > SUPPLY_IDLE_S ||
        (p->what != FETCH_LIST && p->what != FETCH_SIGNED) ||
        n->tried_s + AGAIN_S > now_s || n->failed_until_s > now_s)
        return false;
    const int64_t most = piece_age_max(p->what),
                  age = s->config.refresh_s > 0 ? s->config.refresh_s : most / 2,
                  left = p->until_s - now_s, whole = p->until_s - p->fetched_s;
    return now_s - p->fetched_s >= age || left < whole / 4 || now_s < p->fetched_s;
}

static void
ask_due(struct supply *s)
{
    struct {
        char *url;
        enum fetch_what what;
        int64_t fetched_s;
    } due[TEND_MAX];
    size_t count = 0;

    (void)pthread_mutex_lock(&s->lock);
    const int64_t now_s = supply_now_s(s);
    for (struct supply_entry *n = s->newest; n != NULL && count < TEND_MAX;
         n = n->older)
        if (is_due(s, n, now_s)) {
            n->tried_s = now_s;
            due[count].url = strdup(n->url);
            due[count].what = n->piece->what;
            due[count].fetched_s = n->piece->fetched_s;
            count += due[count].url != NULL;
        }
    (void)pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < count; i++) {
        const struct supply_ask a = {
            .url = due[i].url, .what = due[i].what, .newer_than_s = due[i].fetched_s
        };

        supply_ask(s, &a);
        free(due[i].url);
    }
}

void *
supply_tend(void *ctx)
{
    struct supply *s = ctx;

    while (!atomic_load(&s->over)) {
        struct timespec until;

        ask_due(s);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += TEND_S;
        (void)pthread_mutex_lock(&s->lock);
        if (!atomic_load(&s->over))
            (void)pthread_cond_timedwait(&s->tick, &s->lock, &until);
        (void)pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}
