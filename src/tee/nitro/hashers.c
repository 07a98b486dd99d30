/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/hashers.h"

#include <pthread.h>
#include <stdlib.h>

enum { WORKERS = 2, SLOTS = 8, SLOT_SIZE = 256 * 1024 };

/* Which streams a worker hashes: the two long ones on different cores. */
static const unsigned duties[WORKERS] = {
    1u << STREAM_IMAGE | 1u << STREAM_BOOT,
    1u << STREAM_APP | 1u << STREAM_SECTION,
};

struct slot {
    unsigned streams;
    size_t len;
    uint8_t data[SLOT_SIZE];
};

/* Of what is shared, only these counters are written by both sides, under the lock. */
struct ring {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t filled, done[WORKERS]; /* slots since the beginning */
    bool stop;
    struct slot slot[SLOTS];
};

struct worker {
    struct hashers *owner;
    unsigned index;
    pthread_t thread;
};

struct hashers {
    struct hash stream[STREAMS];
    struct ring *ring; /* NULL: hash in this thread */
    struct worker worker[WORKERS];
    unsigned running;
    bool filling; /* slot[filled % SLOTS] holds bytes not handed over yet */
};

static void
hash_streams(struct hashers *h, unsigned streams, struct selfsame_bytes piece)
{
    for (unsigned s = 0; s < STREAMS; s++)
        if (streams & 1u << s)
            hash_update(&h->stream[s], piece);
}

/* The oldest slot not done by this worker; NULL when told to stop. */
static struct slot *
next_slot(struct ring *r, unsigned worker)
{
    struct slot *slot = NULL;

    (void)pthread_mutex_lock(&r->lock);
    while (r->done[worker] == r->filled && !r->stop)
        (void)pthread_cond_wait(&r->moved, &r->lock);
    if (r->done[worker] < r->filled)
        slot = &r->slot[r->done[worker] % SLOTS];
    (void)pthread_mutex_unlock(&r->lock);
    return slot;
}

static void *
work(void *arg)
{
    struct worker *w = arg;
    struct ring *r = w->owner->ring;
    struct slot *slot;

    while ((slot = next_slot(r, w->index)) != NULL) {
        hash_streams(
            w->owner, slot->streams & duties[w->index], BYTES(slot->data, slot->len));
        (void)pthread_mutex_lock(&r->lock);
        r->done[w->index]++;
        (void)pthread_cond_broadcast(&r->moved);
        (void)pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

/* Waits until every worker is at most `behind` slots behind. */
static void
wait_for(struct ring *r, uint64_t behind)
{
    (void)pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < WORKERS; i++)
        while (r->filled - r->done[i] > behind)
            (void)pthread_cond_wait(&r->moved, &r->lock);
    (void)pthread_mutex_unlock(&r->lock);
}

static void
hand_over(struct hashers *h)
{
    struct ring *r = h->ring;

    if (!h->filling)
        return;
    h->filling = false;
    (void)pthread_mutex_lock(&r->lock);
    r->filled++;
    (void)pthread_cond_broadcast(&r->moved);
    (void)pthread_mutex_unlock(&r->lock);
}

/* After this the streams belong to the caller's thread until the next feed. */
static void
settle(struct hashers *h)
{
    if (h->ring == NULL)
        return;
    hand_over(h);
    wait_for(h->ring, 0);
}

static void
stop(struct hashers *h)
{
    if (h->ring == NULL)
        return;
    (void)pthread_mutex_lock(&h->ring->lock);
    h->ring->stop = true;
    (void)pthread_cond_broadcast(&h->ring->moved);
    (void)pthread_mutex_unlock(&h->ring->lock);
    while (h->running > 0)
        (void)pthread_join(h->worker[--h->running].thread, NULL);
    (void)pthread_cond_destroy(&h->ring->moved);
    (void)pthread_mutex_destroy(&h->ring->lock);
    free(h->ring);
    h->ring = NULL;
}

static bool
start(struct hashers *h)
{
    h->ring = calloc(1, sizeof(*h->ring));
    if (h->ring == NULL)
        return false;
    if (pthread_mutex_init(&h->ring->lock, NULL) != 0) {
        free(h->ring);
        h->ring = NULL;
        return false;
    }
    if (pthread_cond_init(&h->ring->moved, NULL) != 0) {
        (void)pthread_mutex_destroy(&h->ring->lock);
        free(h->ring);
        h->ring = NULL;
        return false;
    }
    while (h->running < WORKERS) {
        struct worker *w = &h->worker[h->running];

        *w = (struct worker){ .owner = h, .index = h->running };
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            return false;
        h->running++;
    }
    return true;
}

struct hashers *
hashers_new(bool parallel)
{
    struct hashers *h = calloc(1, sizeof(*h));

    if (h == NULL)
        return NULL;
    for (unsigned s = 0; s < STREAMS; s++)
        if (!hash_init(&h->stream[s], HASH_SHA384)) {
            hashers_free(h);
            return NULL;
        }
    if (parallel && !start(h))
        stop(h);
    return h;
}

void
hashers_free(struct hashers *h)
{
    if (h == NULL)
        return;
    stop(h);
    for (unsigned s = 0; s < STREAMS; s++)
        hash_free(&h->stream[s]);
    free(h);
}

/* The slot being filled, with room and for these streams. */
static struct slot *
open_slot(struct hashers *h, unsigned streams)
{
    struct ring *r = h->ring;
    struct slot *slot = &r->slot[r->filled % SLOTS];

    if (h->filling && (slot->streams != streams || slot->len == SLOT_SIZE)) {
        hand_over(h);
        slot = &r->slot[r->filled % SLOTS];
    }
    if (!h->filling) {
        wait_for(r, SLOTS - 1);
        slot->streams = streams;
        slot->len = 0;
        h->filling = true;
    }
    return slot;
}

void
hashers_feed(struct hashers *h, unsigned streams, struct selfsame_bytes piece)
{
    if (h->ring == NULL) {
        hash_streams(h, streams, piece);
        return;
    }
    while (piece.len > 0) {
        struct slot *slot = open_slot(h, streams);
        size_t room = SLOT_SIZE - slot->len;
        size_t n = piece.len < room ? piece.len : room;

        memcpy(slot->data + slot->len, piece.ptr, n);
        slot->len += n;
        piece = BYTES(piece.ptr + n, piece.len - n);
    }
}

bool
hashers_fork_boot(struct hashers *h)
{
    settle(h);
    hash_free(&h->stream[STREAM_BOOT]);
    return hash_clone(&h->stream[STREAM_BOOT], &h->stream[STREAM_IMAGE]);
}

bool
hashers_take(struct hashers *h, enum stream s, uint8_t ret[static HASH_MAX])
{
    settle(h);
    hash_final(&h->stream[s], ret);
    hash_free(&h->stream[s]);
    return hash_init(&h->stream[s], HASH_SHA384);
}
