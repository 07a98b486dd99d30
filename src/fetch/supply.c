/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "fetch/supply_parts.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

enum { MEMORY_MAX = 128 << 20, DISK_MAX = 512 << 20, TOUCH_S = 3600 };

const struct supply_origin supply_vendors[] = {
    { "https://kdsintf.amd.com", NULL },
    { "https://api.trustedservices.intel.com", NULL },
    { "https://certificates.trustedservices.intel.com", NULL },
    { NULL, NULL },
};

int64_t
supply_now_s(const struct supply *s)
{
    return (s->config.clock_ms != NULL ? s->config.clock_ms(s->config.ctx)
                                       : os_now_ms()) /
           1000;
}

/* ---- pieces ---- */

/* Body and chain behind it, in one block. */
struct supply_piece *
supply_piece_of(const struct cached *c, enum fetch_what what)
{
    int64_t until_s = INT64_MAX, chain_s = INT64_MAX;

    if (!c->absent && !piece_read(c->body, what, &until_s))
        return NULL;
    if (c->chain.len > 0 && !piece_read(c->chain, FETCH_CHAIN, &chain_s))
        return NULL;
    struct supply_piece *p = malloc(sizeof(*p) + c->body.len + c->chain.len);
    if (p == NULL)
        return NULL;
    uint8_t *at = (uint8_t *)(p + 1);
    *p = (struct supply_piece){
        .what = what,
        .fetched_s = c->fetched_s,
        .until_s = until_s < chain_s ? until_s : chain_s,
        .absent = c->absent,
        .body = BYTES(at, c->body.len),
        .chain = c->chain.len > 0 ? BYTES(at + c->body.len, c->chain.len) : BYTES_NONE,
    };
    atomic_init(&p->refs, 1);
    if (c->body.len > 0)
        memcpy(at, c->body.ptr, c->body.len);
    if (c->chain.len > 0)
        memcpy(at + c->body.len, c->chain.ptr, c->chain.len);
    return p;
}

void
supply_drop(struct supply_piece *p)
{
    if (p != NULL && atomic_fetch_sub(&p->refs, 1) == 1)
        free(p);
}

static struct supply_piece *
hold(struct supply_piece *p)
{
    if (p != NULL)
        (void)atomic_fetch_add(&p->refs, 1);
    return p;
}

bool
supply_is_good(const struct supply_piece *p, int64_t now_s)
{
    const int64_t age = now_s - p->fetched_s;

    if (age < 0)
        return false;
    if (p->absent)
        return age < FETCH_ABSENT_S;
    return age < piece_age_max(p->what) && now_s <= p->until_s;
}

/* ---- what there is ---- */

/* FNV-1a from a secret start: nobody else knows which URLs share a bucket. */
static uint64_t
hash_url(const struct supply *s, const char *url)
{
    uint64_t h = s->seed;

    for (; *url != '\0'; url++)
        h = (h ^ (uint8_t)*url) * UINT64_C(1099511628211);
    return h;
}

static void
unlink_use(struct supply *s, struct supply_entry *n)
{
    if (n->newer != NULL)
        n->newer->older = n->older;
    else if (s->newest == n)
        s->newest = n->older;
    if (n->older != NULL)
        n->older->newer = n->newer;
    else if (s->oldest == n)
        s->oldest = n->newer;
    n->newer = n->older = NULL;
}

void
supply_use(struct supply *s, struct supply_entry *n)
{
    n->used_s = supply_now_s(s);
    if (s->newest == n)
        return;
    unlink_use(s, n);
    n->older = s->newest;
    if (s->newest != NULL)
        s->newest->newer = n;
    s->newest = n;
    if (s->oldest == NULL)
        s->oldest = n;
}

static uint64_t
cost(const struct supply_entry *n)
{
    return sizeof(*n) + strlen(n->url) +
           (n->piece != NULL
                   ? sizeof(*n->piece) + n->piece->body.len + n->piece->chain.len
                   : 0);
}

struct supply_entry *
supply_entry_of(struct supply *s, const char *url, bool make)
{
    const uint64_t hash = hash_url(s, url);
    struct supply_entry **bucket = &s->buckets[hash % SUPPLY_BUCKETS];

    for (struct supply_entry *n = *bucket; n != NULL; n = n->next)
        if (n->hash == hash && strcmp(n->url, url) == 0)
            return n;
    struct supply_entry *n = make ? calloc(1, sizeof(*n)) : NULL;
    if (n == NULL)
        return NULL;
    n->url = strdup(url);
    if (n->url == NULL) {
        free(n);
        return NULL;
    }
    n->hash = hash;
    n->next = *bucket;
    *bucket = n;
    s->memory += cost(n);
    supply_use(s, n);
    return n;
}

static void
forget(struct supply *s, struct supply_entry *n)
{
    struct supply_entry **at = &s->buckets[n->hash % SUPPLY_BUCKETS];

    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    unlink_use(s, n);
    s->memory -= cost(n);
    s->pieces -= n->piece != NULL;
    supply_drop(n->piece);
    free(n->url);
    free(n);
}

/* What is under way stays; on the disk it is there still. */
void
supply_trim(struct supply *s)
{
    for (struct supply_entry *n = s->oldest, *newer;
         n != NULL && s->memory > s->config.memory_max; n = newer) {
        newer = n->newer;
        if (n->job == NULL)
            forget(s, n);
    }
}

void
supply_put(struct supply *s, struct supply_entry *n, struct supply_piece *p)
{
    s->memory -= cost(n);
    s->pieces -= n->piece != NULL;
    supply_drop(n->piece);
    n->piece = p;
    s->pieces += p != NULL;
    s->memory += cost(n);
}

/* Of the disk, when memory has none. Without the lock. */
static struct supply_piece *
fill(struct supply *s, const char *url, enum fetch_what what)
{
    struct supply_piece *p = supply_read(s, url, what);

    if (p == NULL)
        return NULL;
    (void)pthread_mutex_lock(&s->lock);
    struct supply_entry *n = supply_entry_of(s, url, true);
    if (n != NULL && n->piece == NULL)
        supply_put(s, n, hold(p));
    supply_trim(s);
    (void)pthread_mutex_unlock(&s->lock);
    return p;
}

struct supply_piece *
supply_find(struct supply *s, const char *url, enum fetch_what what, bool *ret_failed)
{
    const int64_t now_s = supply_now_s(s);
    struct supply_piece *p = NULL;
    bool touch = false;

    *ret_failed = false;
    (void)pthread_mutex_lock(&s->lock);
    struct supply_entry *n = supply_entry_of(s, url, false);
    if (n != NULL) {
        supply_use(s, n);
        *ret_failed = n->failed_until_s > now_s;
        p = hold(n->piece);
        touch = p != NULL && now_s - n->touched_s > TOUCH_S;
        n->touched_s = touch ? now_s : n->touched_s;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (touch)
        supply_touch(s, url);
    if (p == NULL)
        p = fill(s, url, what);
    if (p != NULL)
        (void)atomic_fetch_add(&s->counts.found, 1);
    return p;
}

/* ---- asking ---- */

static struct supply_host *
host_of(struct supply *s, const char *url)
{
    const size_t own = url_origin_len(url);

    for (size_t i = 0; own > 0 && url[own] == '/' && i < s->host_count; i++)
        if (strlen(s->hosts[i].vendor) == own &&
            strncmp(s->hosts[i].vendor, url, own) == 0)
            return &s->hosts[i];
    return NULL;
}

static bool
may_ask(const struct supply *s, const struct supply_host *h, const struct supply_ask *a)
{
    const size_t share = s->config.share > 0 ? s->config.share : SUPPLY_SHARE;
    size_t own = 0;

    if (h->job_count >= SUPPLY_JOBS)
        return false;
    for (const struct supply_job *j = h->jobs; a->who != 0 && j != NULL; j = j->next)
        own += j->who == a->who;
    return own < share;
}

static struct supply_job *
job_new(struct supply_host *h, struct supply_entry *n, const struct supply_ask *a)
{
    struct supply_job *j = calloc(1, sizeof(*j)), **at = &h->jobs;

    if (j == NULL)
        return NULL;
    *j = (struct supply_job){ .entry = n, .what = a->what, .who = a->who };
    while (*at != NULL)
        at = &(*at)->next;
    *at = j;
    h->job_count++;
    n->job = j;
    (void)pthread_cond_signal(&h->more);
    return j;
}

struct supply_waiter *
supply_end_job(struct supply_host *h, struct supply_job *j)
{
    struct supply_job **at = &h->jobs;
    struct supply_waiter *w = j->waiters;

    while (*at != j)
        at = &(*at)->next;
    *at = j->next;
    h->job_count--;
    j->entry->job = NULL;
    free(j);
    return w;
}

void
supply_tell(struct supply_waiter *w, const struct supply_answer *a)
{
    for (struct supply_waiter *next; w != NULL; w = next) {
        struct supply_answer own = *a;

        next = w->next;
        own.piece = hold(a->piece);
        w->done(w->ctx, &own);
        free(w);
    }
}

static bool
is_enough(const struct supply_piece *p, const struct supply_ask *a, int64_t now_s)
{
    return p != NULL && p->fetched_s > a->newer_than_s && supply_is_good(p, now_s);
}

/* Under the lock: true, answered at once by *ret; false: the job answers. */
static bool
ask_locked(struct supply *s, struct supply_host *h, const struct supply_ask *a,
    struct supply_answer *ret)
{
    const int64_t now_s = supply_now_s(s);
    struct supply_waiter *w = a->done != NULL ? calloc(1, sizeof(*w)) : NULL;
    struct supply_entry *n = supply_entry_of(s, a->url, true);

    *ret = (struct supply_answer){ .code = SELFSAME_NOMEM };
    if (n != NULL && (w != NULL || a->done == NULL)) {
        supply_use(s, n);
        ret->piece = hold(n->piece);
        ret->good = is_enough(n->piece, a, now_s);
        ret->code = ret->good ? SELFSAME_OK : SELFSAME_IO;
        if (!ret->good)
            ret->err = n->why;
        if (!ret->good && n->job != NULL)
            (void)atomic_fetch_add(&s->counts.joined, 1);
        else if (!ret->good && n->failed_until_s > now_s)
            ret->retry_s = n->failed_until_s - now_s;
        else if (!ret->good && (s->config.offline || !s->started || !may_ask(s, h, a)))
            ret->busy = !s->config.offline;
        else if (!ret->good && job_new(h, n, a) == NULL)
            ret->code = SELFSAME_NOMEM;
    }
    if (n == NULL || n->job == NULL || ret->good || ret->code == SELFSAME_NOMEM) {
        free(w);
        return true;
    }
    if (w != NULL) {
        *w = (struct supply_waiter){ a->done, a->ctx, n->job->waiters };
        n->job->waiters = w;
    }
    supply_drop(ret->piece);
    return false;
}

static void
explain(struct supply *s, const struct supply_ask *a, struct supply_answer *r)
{
    char name[URL_SHORT];

    if (r->busy) {
        (void)atomic_fetch_add(&s->counts.refused, 1);
        r->retry_s = 1;
        (void)err_set(&r->err, SELFSAME_IO, __FILE__, __LINE__,
            "too much is being asked for already: %s", url_short(a->url, name));
    } else if (r->code == SELFSAME_NOMEM)
        (void)err_set(&r->err, SELFSAME_NOMEM, __FILE__, __LINE__, "no memory to ask");
    else if (r->code == SELFSAME_IO && r->err.depth == 0)
        (void)err_set(&r->err, SELFSAME_IO, __FILE__, __LINE__,
            "not in the cache, and nobody is asked: %s", url_short(a->url, name));
}

void
supply_ask(struct supply *s, const struct supply_ask *a)
{
    struct supply_host *h = host_of(s, a->url);
    struct supply_answer r = { .code = SELFSAME_USAGE };
    bool ignored;

    (void)atomic_fetch_add(&s->counts.asked, 1);
    if (h == NULL || strlen(a->url) > FETCH_URL_MAX ||
        strpbrk(a->url, " \n\r\t\"\\#") != NULL) {
        (void)err_set(&r.err, SELFSAME_USAGE, __FILE__, __LINE__,
            "expected a URL of a vendor that is known here, got \"%.80s\"", a->url);
    } else {
        supply_drop(supply_find(s, a->url, a->what, &ignored)); /* of the disk */
        (void)pthread_mutex_lock(&s->lock);
        const bool at_once = ask_locked(s, h, a, &r);
        supply_trim(s);
        (void)pthread_mutex_unlock(&s->lock);
        if (!at_once)
            return;
        explain(s, a, &r);
    }
    if (a->done != NULL)
        a->done(a->ctx, &r);
    else
        supply_drop(r.piece);
}

/* ---- its life ---- */

static enum selfsame_code
add_host(struct supply *s, const struct supply_origin *o, struct selfsame_err *e)
{
    struct supply_host *h = &s->hosts[s->host_count];

    if (s->host_count == SUPPLY_HOSTS)
        FAIL(e, SELFSAME_USAGE, "expected at most %d origins", (int)SUPPLY_HOSTS);
    (void)pthread_cond_init(&h->more, NULL);
    s->host_count++;
    h->supply = s;
    h->vendor = strdup(o->vendor);
    h->asked = o->asked != NULL ? strdup(o->asked) : NULL;
    if (h->vendor == NULL || (o->asked != NULL && h->asked == NULL))
        FAIL(e, SELFSAME_NOMEM, "an origin");
    h->fetcher = (struct fetcher){
        .cache = s->cache,
        .origin = h->asked,
        .origin_ca = h->asked != NULL ? s->origin_ca : NULL,
        .pace_ms = s->config.pace_ms,
        .patience_s = s->config.patience_s > 0 ? s->config.patience_s : SUPPLY_TURN_S,
        .timeout_s = s->config.timeout_s,
        .stop = &s->over,
    };
    return SELFSAME_OK;
}

static enum selfsame_code
prepare(struct supply *s, const struct supply_config *c, struct selfsame_err *e)
{
    s->config = *c;
    if (s->config.memory_max == 0)
        s->config.memory_max = MEMORY_MAX;
    if (s->config.disk_max == 0)
        s->config.disk_max = DISK_MAX;
    s->cache = strdup(c->cache);
    s->origin_ca = c->origin_ca != NULL ? strdup(c->origin_ca) : NULL;
    if (s->cache == NULL || (c->origin_ca != NULL && s->origin_ca == NULL) ||
        !rng_bytes((uint8_t *)&s->seed, sizeof(s->seed)))
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    for (const struct supply_origin *o = c->origins; o->vendor != NULL; o++)
        TRY(add_host(s, o, e));
    TRY(dir_make(s->cache, true, e));
    return supply_load(s, e);
}

enum selfsame_code
supply_new(const struct supply_config *c, struct supply **ret, struct selfsame_err *e)
{
    struct supply *s = calloc(1, sizeof(*s));

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->tick, NULL);
    enum selfsame_code code = prepare(s, c, e);
    if (code != SELFSAME_OK) {
        supply_free(&s);
        return code;
    }
    *ret = s;
    return SELFSAME_OK;
}

static bool
start_host(struct supply_host *h)
{
    for (; h->thread_count < SUPPLY_THREADS; h->thread_count++)
        if (pthread_create(&h->threads[h->thread_count], NULL, supply_work, h) != 0)
            return false;
    return true;
}

enum selfsame_code
supply_start(struct supply *s, struct selfsame_err *e)
{
    bool all = true;

    if (s->config.offline || s->started)
        return SELFSAME_OK;
    for (size_t i = 0; i < s->host_count && all; i++)
        all = start_host(&s->hosts[i]);
    s->tended = all && pthread_create(&s->tender, NULL, supply_tend, s) == 0;
    if (!s->tended) {
        supply_stop(s);
        FAIL(e, SELFSAME_IO, "cannot start a thread");
    }
    (void)pthread_mutex_lock(&s->lock);
    s->started = true;
    (void)pthread_mutex_unlock(&s->lock);
    return SELFSAME_OK;
}

static void
end_jobs(struct supply_host *h)
{
    struct supply_answer a = { .code = SELFSAME_IO, .retry_s = SUPPLY_FAILED_S };

    (void)err_set(
        &a.err, SELFSAME_IO, __FILE__, __LINE__, "stopped before it was there");
    while (h->jobs != NULL) {
        (void)pthread_mutex_lock(&h->supply->lock);
        struct supply_waiter *w = supply_end_job(h, h->jobs);
        (void)pthread_mutex_unlock(&h->supply->lock);
        supply_tell(w, &a);
    }
}

void
supply_stop(struct supply *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->started = false;
    atomic_store(&s->over, true);
    for (size_t i = 0; i < s->host_count; i++)
        (void)pthread_cond_broadcast(&s->hosts[i].more);
    (void)pthread_cond_broadcast(&s->tick);
    (void)pthread_mutex_unlock(&s->lock);
    if (s->tended)
        (void)pthread_join(s->tender, NULL);
    s->tended = false;
    for (size_t i = 0; i < s->host_count; i++) {
        struct supply_host *h = &s->hosts[i];

        while (h->thread_count > 0)
            (void)pthread_join(h->threads[--h->thread_count], NULL);
        end_jobs(h);
    }
}

void
supply_free(struct supply **s)
{
    if (*s == NULL)
        return;
    supply_stop(*s);
    while ((*s)->oldest != NULL)
        forget(*s, (*s)->oldest);
    for (size_t i = 0; i < (*s)->host_count; i++) {
        free((*s)->hosts[i].vendor);
        free((*s)->hosts[i].asked);
        (void)pthread_cond_destroy(&(*s)->hosts[i].more);
    }
    free((*s)->cache);
    free((*s)->origin_ca);
    (void)pthread_cond_destroy(&(*s)->tick);
    (void)pthread_mutex_destroy(&(*s)->lock);
    free(*s);
    *s = NULL;
}

const struct supply_counts *
supply_counts(const struct supply *s)
{
    return &s->counts;
}

void
supply_sizes(struct supply *s, uint64_t *ret_memory, uint64_t *ret_disk,
    size_t *ret_pieces, size_t *ret_under_way)
{
    (void)pthread_mutex_lock(&s->lock);
    *ret_memory = s->memory;
    *ret_disk = atomic_load(&s->disk);
    *ret_pieces = s->pieces;
    *ret_under_way = 0;
    for (size_t i = 0; i < s->host_count; i++)
        *ret_under_way += s->hosts[i].job_count;
    (void)pthread_mutex_unlock(&s->lock);
}
