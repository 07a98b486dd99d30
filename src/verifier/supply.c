/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/supply.h"

#include "crypto/crypto.h"
#include "os/os.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { PLACES = 2 * SUPPLY_PIECES, FETCH_ARENA = 8 << 20, NEEDS_MAX = 64 };

/* Stays at its address until it is thrown out, which none is that somebody holds or wants. */
struct piece {
    char *url; /* NULL: the place is free */
    uint64_t hash;
    enum fetch_what what;
    struct selfsame_bytes body, chain; /* one allocation; body.ptr NULL: nothing yet */
    int64_t fetched_ms, failed_ms;     /* of the monotonic clock; 0: never */
    int64_t wall_ms;
    uint64_t used;
    bool wanted;   /* in the queue, or being asked for */
    unsigned pins; /* requests that hold it */
    struct piece *next_wanted;
};
struct supply {
    struct supply_config config;
    char *dir, *origin, *origin_ca;
    pthread_mutex_t lock;
    pthread_cond_t more, done;
    struct piece **table; /* open addressing */
    size_t count, bytes;
    uint64_t clock;
    struct piece *wanted, *wanted_last;
    unsigned waiting;
    bool over;
    pthread_t thread[SUPPLY_THREADS];
    unsigned threads;
};

static int64_t
clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the table; all under the lock ---- */

/* URLs come out of evidence: who sends it must not choose which of them meet. */
static uint64_t
hash_of(const struct supply *s, const char *url)
{
    const struct selfsame_bytes part[] = { { (const uint8_t *)&s, sizeof(s) },
        bytes_str(url) };
    uint8_t digest[HASH_MAX];
    uint64_t hash = 0;

    if (hash_parts(HASH_SHA256, part, COUNT(part), digest))
        memcpy(&hash, digest, sizeof(hash));
    return hash;
}

static size_t
place_of(const struct supply *s, uint64_t hash, const char *url)
{
    size_t i = (size_t)(hash % PLACES);

    while (s->table[i] != NULL &&
           (s->table[i]->hash != hash || strcmp(s->table[i]->url, url) != 0))
        i = (i + 1) % PLACES;
    return i;
}

static void
piece_free(struct piece *p)
{
    free(p->url);
    free((void *)(uintptr_t)p->body.ptr);
    free(p);
}

/* Those behind it that would not be found any more move up. */
static void
take_out(struct supply *s, size_t i)
{
    s->bytes -= s->table[i]->body.len + s->table[i]->chain.len;
    piece_free(s->table[i]);
    s->table[i] = NULL;
    s->count--;
    for (size_t k = (i + 1) % PLACES; s->table[k] != NULL; k = (k + 1) % PLACES) {
        struct piece *p = s->table[k];

        s->table[k] = NULL;
        s->table[place_of(s, p->hash, p->url)] = p;
    }
}

/* Of some that are picked anyhow, the one that was not used for the longest time goes. */
static void
evict(struct supply *s)
{
    enum { LOOKED_AT = 64 };
    size_t oldest = PLACES, seen = 0;

    for (size_t k = 0, i = (size_t)(s->clock * 40503 % PLACES);
         k < PLACES && seen < LOOKED_AT; k++, i = (i + 1) % PLACES) {
        if (s->table[i] == NULL || s->table[i]->wanted || s->table[i]->pins > 0)
            continue;
        seen++;
        if (oldest == PLACES || s->table[i]->used < s->table[oldest]->used)
            oldest = i;
    }
    if (oldest != PLACES)
        take_out(s, oldest);
}

/* NULL: no memory, or no room. */
static struct piece *
find(struct supply *s, const struct supply_need *need)
{
    const uint64_t hash = hash_of(s, need->url);
    size_t i = place_of(s, hash, need->url);

    if (s->table[i] == NULL) {
        if (s->count >= SUPPLY_PIECES || s->bytes >= SUPPLY_BYTES)
            evict(s);
        if (s->count >= SUPPLY_PIECES)
            return NULL;
        struct piece *p = calloc(1, sizeof(*p));
        if (p == NULL || (p->url = strdup(need->url)) == NULL) {
            free(p);
            return NULL;
        }
        p->hash = hash;
        p->what = need->what;
        i = place_of(s, hash, need->url);
        s->table[i] = p;
        s->count++;
    }
    s->table[i]->used = ++s->clock;
    return s->table[i];
}

/* ---- fetching ---- */

static void
want(struct supply *s, struct piece *p, int64_t now_ms)
{
    if (p->wanted || s->threads == 0 ||
        (p->failed_ms != 0 && now_ms - p->failed_ms < SUPPLY_FAILED_MS))
        return;
    p->wanted = true;
    p->next_wanted = NULL;
    if (s->wanted == NULL)
        s->wanted = p;
    else
        s->wanted_last->next_wanted = p;
    s->wanted_last = p;
    (void)pthread_cond_signal(&s->more);
}

static void
keep(struct supply *s, struct piece *p, const struct fetched *got)
{
    const size_t len = got->body.len + got->chain.len;
    uint8_t *copy = malloc(len + 1);

    if (copy == NULL)
        return;
    memcpy(copy, got->body.ptr, got->body.len);
    if (got->chain.len > 0)
        memcpy(copy + got->body.len, got->chain.ptr, got->chain.len);
    s->bytes += len - p->body.len - p->chain.len;
    free((void *)(uintptr_t)p->body.ptr);
    p->body = BYTES(copy, got->body.len);
    p->chain = got->chain.len > 0 ? BYTES(copy + got->body.len, got->chain.len)
                                  : BYTES_NONE;
    p->fetched_ms = clock_ms();
    p->wall_ms = os_now_ms();
    p->failed_ms = 0;
}

/* Outside the lock: `url` stays, for a piece that is wanted is not thrown out. */
static void
fetch(struct supply *s, struct piece *p)
{
    auto_arena arena = arena_new(FETCH_ARENA);
    const struct fetcher f = { .cache = s->dir,
        .origin = s->origin,
        .origin_ca = s->origin_ca,
        .offline = s->config.offline,
        .timeout_s = 10,
        .patience_s = 20 };
    struct selfsame_err ignored = { 0 };
    struct fetched got;
    bool absent;

    const enum selfsame_code code = fetch_get(
        &f, p->url, p->what, &arena, &got, &absent, &ignored);
    (void)pthread_mutex_lock(&s->lock);
    if (code == SELFSAME_OK)
        keep(s, p, &got);
    else
        p->failed_ms = clock_ms();
    p->wanted = false;
    (void)pthread_cond_broadcast(&s->done);
    (void)pthread_mutex_unlock(&s->lock);
}

static struct piece *
next_wanted(struct supply *s)
{
    (void)pthread_mutex_lock(&s->lock);
    while (s->wanted == NULL && !s->over)
        (void)pthread_cond_wait(&s->more, &s->lock);
    struct piece *p = s->over ? NULL : s->wanted;
    if (p != NULL)
        s->wanted = p->next_wanted;
    (void)pthread_mutex_unlock(&s->lock);
    return p;
}

static void *
work(void *ctx)
{
    struct supply *s = ctx;

    for (struct piece *p; (p = next_wanted(s)) != NULL;)
        fetch(s, p);
    return NULL;
}

/* ---- what requests ask ---- */

/* Whether it may be used now; what is missing or old is asked for. */
static bool
usable(struct supply *s, struct piece *p, int64_t stale_s, int64_t now_ms)
{
    const int64_t refresh_s = s->config.refresh_s > 0 ? s->config.refresh_s
                                                      : SUPPLY_REFRESH_S;
    const int64_t age_s = (now_ms - p->fetched_ms) / 1000;

    if (p->body.ptr == NULL || age_s >= refresh_s)
        want(s, p, now_ms);
    if (p->body.ptr == NULL)
        return false;
    /* An old one counts only once asking anew has failed. */
    return age_s < SUPPLY_OLD_S ||
           (p->failed_ms != 0 && !p->wanted && age_s < SUPPLY_OLD_S + stale_s);
}

static bool
is_coming(const struct piece *p)
{
    return p->wanted;
}

/* Under the lock. True: nothing more will come of waiting. */
static bool
look(struct supply *s, struct piece *const *pieces, size_t count, int64_t stale_s)
{
    const int64_t now_ms = clock_ms();
    bool settled = true;

    for (size_t i = 0; i < count; i++)
        if (pieces[i] != NULL && !usable(s, pieces[i], stale_s, now_ms) &&
            is_coming(pieces[i]))
            settled = false;
    return settled;
}

static void
wait_for(struct supply *s, struct piece *const *pieces, size_t count, int64_t stale_s)
{
    const unsigned wait_ms = s->config.wait_ms > 0 ? s->config.wait_ms : SUPPLY_WAIT_MS;
    struct timespec until;

    if (look(s, pieces, count, stale_s) || s->waiting >= s->config.waiters)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    s->waiting++;
    while (!s->over && !look(s, pieces, count, stale_s))
        if (pthread_cond_timedwait(&s->done, &s->lock, &until) != 0)
            break;
    s->waiting--;
}

static bool
copy(struct arena *arena, const struct piece *p, struct supplied *r)
{
    const struct selfsame_bytes parts[] = { p->body, p->chain };

    for (size_t i = 0; i < COUNT(parts); i++) {
        if (parts[i].len == 0)
            continue;
        if (!arena_dup(arena, parts[i], &r->pieces[r->count]))
            return false;
        r->count++;
    }
    return true;
}

static enum selfsame_code
gather(struct supply *s, struct piece **pieces, size_t count, int64_t stale_s,
    struct arena *arena, struct supplied *r, struct selfsame_err *e)
{
    const int64_t now_ms = clock_ms();

    for (size_t i = 0; i < count; i++) {
        struct piece *p = pieces[i];

        if (p == NULL || !usable(s, p, stale_s, now_ms)) {
            r->missing++;
            r->coming = r->coming || (p != NULL && is_coming(p));
            continue;
        }
        const int64_t over_s = (now_ms - p->fetched_ms) / 1000 - SUPPLY_OLD_S;
        if (over_s > r->stale_s)
            r->stale_s = over_s;
        if (!copy(arena, p, r))
            FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    }
    return SELFSAME_OK;
}

enum selfsame_code
supply_get(struct supply *s, const struct supply_need *needs, size_t count,
    int64_t stale_s, struct arena *arena, struct supplied *ret, struct selfsame_err *e)
{
    struct supplied r = { .pieces = ARENA_NEW(
                              arena, struct selfsame_bytes, 2 * count + 1) };
    struct piece *pieces[NEEDS_MAX] = { NULL };
    size_t n = 0;

    if (r.pieces == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < count && n < NEEDS_MAX; i++) {
        if (needs[i].url == NULL || strlen(needs[i].url) > FETCH_URL_MAX)
            continue;
        pieces[n] = find(s, &needs[i]);
        if (pieces[n] != NULL)
            pieces[n]->pins++;
        n++;
    }
    wait_for(s, pieces, n, stale_s);
    enum selfsame_code code = gather(s, pieces, n, stale_s, arena, &r, e);
    for (size_t i = 0; i < n; i++)
        if (pieces[i] != NULL)
            pieces[i]->pins--;
    (void)pthread_mutex_unlock(&s->lock);
    if (code == SELFSAME_OK)
        *ret = r;
    return code;
}

size_t
supply_pieces(struct supply *s, int64_t *ret_oldest_ms)
{
    size_t n = 0;

    *ret_oldest_ms = -1;
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < PLACES; i++) {
        if (s->table[i] == NULL || s->table[i]->body.ptr == NULL)
            continue;
        n++;
        if (*ret_oldest_ms < 0 || s->table[i]->wall_ms < *ret_oldest_ms)
            *ret_oldest_ms = s->table[i]->wall_ms;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

/* ---- its life ---- */

static bool
copy_text(char **ret, const char *text)
{
    *ret = text != NULL ? strdup(text) : NULL;
    return text == NULL || *ret != NULL;
}

enum selfsame_code
supply_new(const struct supply_config *c, struct supply **ret, struct selfsame_err *e)
{
    struct supply *s = calloc(1, sizeof(*s));
    pthread_condattr_t attr;

    if (s == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    s->config = *c;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->more, &attr);
    (void)pthread_cond_init(&s->done, &attr);
    (void)pthread_condattr_destroy(&attr);
    s->table = calloc(PLACES, sizeof(struct piece *));
    if (s->table == NULL || !copy_text(&s->dir, c->dir) ||
        !copy_text(&s->origin, c->origin) || !copy_text(&s->origin_ca, c->origin_ca)) {
        supply_free(&s);
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    }
    *ret = s;
    return SELFSAME_OK;
}

enum selfsame_code
supply_start(struct supply *s, struct selfsame_err *e)
{
    while (s->threads < SUPPLY_THREADS &&
           pthread_create(&s->thread[s->threads], NULL, work, s) == 0)
        s->threads++;
    if (s->threads == 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread");
    return SELFSAME_OK;
}

void
supply_free(struct supply **p)
{
    struct supply *s = *p;

    if (s == NULL)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->over = true;
    (void)pthread_cond_broadcast(&s->more);
    (void)pthread_cond_broadcast(&s->done);
    (void)pthread_mutex_unlock(&s->lock);
    while (s->threads > 0)
        (void)pthread_join(s->thread[--s->threads], NULL);
    for (size_t i = 0; s->table != NULL && i < PLACES; i++)
        if (s->table[i] != NULL)
            piece_free(s->table[i]);
    free(s->table);
    free(s->dir);
    free(s->origin);
    free(s->origin_ca);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->more);
    (void)pthread_cond_destroy(&s->done);
    free(s);
    *p = NULL;
}
