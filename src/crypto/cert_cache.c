/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_internal.h"

#include <pthread.h>

#include <stdlib.h>

/*
 * A set of keys with a bound: hash buckets to find one, a list in order of use
 * to know which to forget. An entry says "this issuer key signed these very
 * bytes, under this anchor" and nothing else; that never stops being true, so
 * time and names, which do, are the caller's to check each time.
 */

#define NIL UINT32_MAX

struct entry {
    struct cert_cache_key key;
    uint32_t same;         /* next in the bucket */
    uint32_t older, newer; /* order of use */
};
struct cert_cache {
    pthread_mutex_t lock;
    struct entry *entry;
    uint32_t *bucket;
    uint32_t cap, mask, used, newest, oldest;
    uint64_t hits, misses;
};

static void
clear(struct cert_cache *c)
{
    for (uint32_t i = 0; i <= c->mask; i++)
        c->bucket[i] = NIL;
    c->used = 0;
    c->newest = c->oldest = NIL;
}

struct cert_cache *
cert_cache_new(size_t entries)
{
    uint32_t buckets = 1;

    if (entries == 0 || entries > 1u << 24)
        return NULL;
    while (buckets < entries)
        buckets <<= 1;
    struct cert_cache *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->cap = (uint32_t)entries;
    c->mask = buckets - 1;
    c->entry = calloc(entries, sizeof(*c->entry));
    c->bucket = calloc(buckets, sizeof(*c->bucket));
    if (c->entry == NULL || c->bucket == NULL ||
        pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c->entry);
        free(c->bucket);
        free(c);
        return NULL;
    }
    clear(c);
    return c;
}

void
cert_cache_free(struct cert_cache *c)
{
    if (c == NULL)
        return;
    (void)pthread_mutex_destroy(&c->lock);
    free(c->entry);
    free(c->bucket);
    free(c);
}

static bool
digest_into(enum hash_alg alg, struct selfsame_bytes b, uint8_t *ret)
{
    uint8_t digest[HASH_MAX];

    if (!hash_bytes(alg, b, digest))
        return false;
    memcpy(ret, digest, hash_size(alg));
    return true;
}

bool
cert_cache_key(struct selfsame_bytes signed_der, const struct cert *issuer,
    const uint8_t anchor[static HASH_MAX], struct cert_cache_key *ret)
{
    /* A curve of 128 bits of strength gains nothing by a longer digest. */
    const enum hash_alg alg = issuer->key_alg == SIG_P256 ? HASH_SHA256 : HASH_SHA384;
    uint8_t *p = ret->bytes;

    memset(p, 0, 48);
    memcpy(p + 48 + 32, anchor, 32);
    return digest_into(alg, signed_der, p) &&
           digest_into(HASH_SHA256, issuer->key, p + 48);
}

/* The key begins with a digest, which is as good a hash as any. */
static uint32_t *
bucket_of(struct cert_cache *c, const struct cert_cache_key *key)
{
    uint32_t h;

    memcpy(&h, key->bytes, sizeof(h));
    return &c->bucket[h & c->mask];
}

static uint32_t
find(struct cert_cache *c, const struct cert_cache_key *key)
{
    for (uint32_t i = *bucket_of(c, key); i != NIL; i = c->entry[i].same)
        if (bytes_cmp(BYTES_ARR(c->entry[i].key.bytes), BYTES_ARR(key->bytes)) == 0)
            return i;
    return NIL;
}

static void
unlink_use(struct cert_cache *c, uint32_t i)
{
    struct entry *x = &c->entry[i];

    if (x->newer != NIL)
        c->entry[x->newer].older = x->older;
    else
        c->newest = x->older;
    if (x->older != NIL)
        c->entry[x->older].newer = x->newer;
    else
        c->oldest = x->newer;
}

static void
link_newest(struct cert_cache *c, uint32_t i)
{
    c->entry[i].newer = NIL;
    c->entry[i].older = c->newest;
    if (c->newest != NIL)
        c->entry[c->newest].newer = i;
    else
        c->oldest = i;
    c->newest = i;
}

/* Room for one more: a fresh entry, or the one not used for the longest time. */
static uint32_t
take_room(struct cert_cache *c)
{
    if (c->used < c->cap)
        return c->used++;
    uint32_t i = c->oldest;
    uint32_t *p = bucket_of(c, &c->entry[i].key);
    while (*p != i)
        p = &c->entry[*p].same;
    *p = c->entry[i].same;
    unlink_use(c, i);
    return i;
}

bool
cert_cache_has(struct cert_cache *c, const struct cert_cache_key *key)
{
    (void)pthread_mutex_lock(&c->lock);
    uint32_t i = find(c, key);
    if (i != NIL) {
        unlink_use(c, i);
        link_newest(c, i);
        c->hits++;
    } else {
        c->misses++;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return i != NIL;
}

void
cert_cache_put(struct cert_cache *c, const struct cert_cache_key *key)
{
    (void)pthread_mutex_lock(&c->lock);
    if (find(c, key) == NIL) {
        uint32_t i = take_room(c);
        uint32_t *bucket = bucket_of(c, key);

        c->entry[i].key = *key;
        c->entry[i].same = *bucket;
        *bucket = i;
        link_newest(c, i);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void
cert_cache_flush(struct cert_cache *c)
{
    (void)pthread_mutex_lock(&c->lock);
    clear(c);
    (void)pthread_mutex_unlock(&c->lock);
}

struct cert_cache_stats
cert_cache_stats(struct cert_cache *c)
{
    (void)pthread_mutex_lock(&c->lock);
    struct cert_cache_stats s = {
        .hits = c->hits,
        .misses = c->misses,
        .entries = c->used,
    };
    (void)pthread_mutex_unlock(&c->lock);
    return s;
}
