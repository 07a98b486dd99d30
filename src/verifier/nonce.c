/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nonces without a table of those given out: each carries when it ends, for whom it is,
 * and a MAC that says so. Only those that came back are remembered, until they end.
 */
#include "verifier/parts.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum {
    EXPIRY = 8,
    RANDOM = 16,
    MAC = NONCE_SIZE - EXPIRY - RANDOM,
    ID = 15,     /* of the random bytes, that is enough to know it again */
    FIRST = 1024 /* places of a set that begins; a power of two */
};
enum use { FREE = 0, USED };

struct used {
    uint8_t id[ID], use;
};
/* At most half full. */
struct used_set {
    struct used *at;
    size_t places, count;
    int64_t last_ms;  /* when the last one in it ends */
    int64_t first_ms; /* when it was begun */
};
struct nonces {
    uint8_t key[32];
    size_t room;
    pthread_mutex_t lock;
    struct used_set filling, full;
    /*
     * Nonces that end by then may have been used and forgotten. A clock that jumps ahead
     * makes us forget; when it jumps back, those are refused and not taken twice.
     */
    int64_t forgotten_ms;
};

enum selfsame_code
nonces_new(const uint8_t key[static 32], size_t room, struct nonces **ret,
    struct selfsame_err *e)
{
    struct nonces *n = calloc(1, sizeof(*n));

    if (n == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for nonces");
    memcpy(n->key, key, sizeof(n->key));
    n->room = room;
    (void)pthread_mutex_init(&n->lock, NULL);
    *ret = n;
    return SELFSAME_OK;
}

void
nonces_free(struct nonces **n)
{
    if (*n == NULL)
        return;
    free((*n)->filling.at);
    free((*n)->full.at);
    (void)pthread_mutex_destroy(&(*n)->lock);
    secret_wipe((*n)->key, sizeof((*n)->key));
    free(*n);
    *n = NULL;
}

/* ---- making and checking ---- */

static bool
mac(const struct nonces *n, const char *tenant, const uint8_t *nonce,
    uint8_t ret[static HASH_MAX])
{
    const struct selfsame_bytes part[] = {
        BYTES_LIT("selfsame nonce v1"),
        { nonce, EXPIRY + RANDOM },
        bytes_str(tenant),
    };

    return hmac_parts(HASH_SHA256, BYTES_ARR(n->key), part, COUNT(part), ret);
}

bool
nonces_tag(const struct nonces *n, const char *label, struct selfsame_bytes payload,
    uint8_t ret[static NONCE_TAG])
{
    const struct selfsame_bytes part[] = { bytes_str(label), BYTES_LIT("\0"), payload };
    uint8_t tag[HASH_MAX];

    if (!hmac_parts(HASH_SHA256, BYTES_ARR(n->key), part, COUNT(part), tag))
        return false;
    memcpy(ret, tag, NONCE_TAG);
    return true;
}

bool
nonce_make(const struct nonces *n, const char *tenant, int64_t now_ms,
    uint8_t ret[static NONCE_SIZE])
{
    struct writer w = writer_of(ret, NONCE_SIZE);
    uint8_t random[RANDOM], tag[HASH_MAX];

    if (!rng_bytes(random, sizeof(random)))
        return false;
    put_be32(&w, (uint32_t)((uint64_t)(now_ms + NONCE_LIFE_MS) >> 32));
    put_be32(&w, (uint32_t)(now_ms + NONCE_LIFE_MS));
    put_bytes(&w, BYTES_ARR(random));
    if (!mac(n, tenant, ret, tag))
        return false;
    put_bytes(&w, BYTES(tag, MAC));
    return true;
}

static int64_t
expiry_of(struct selfsame_bytes nonce)
{
    struct reader r = reader_of(nonce);

    return (int64_t)(get_be64(&r) & INT64_MAX);
}

enum selfsame_code
nonce_check(const struct nonces *n, const char *tenant, int64_t now_ms,
    struct selfsame_bytes nonce, struct selfsame_err *e)
{
    uint8_t tag[HASH_MAX];

    if (nonce.len != NONCE_SIZE)
        FAIL(e, SELFSAME_STALE, "expected a nonce of this verifier, %d bytes, got %zu",
            (int)NONCE_SIZE, nonce.len);
    if (!mac(n, tenant, nonce.ptr, tag))
        FAIL(e, SELFSAME_NOMEM, "no memory to check a nonce");
    if (!bytes_eq(BYTES(tag, MAC), BYTES(nonce.ptr + EXPIRY + RANDOM, MAC)))
        FAIL(e, SELFSAME_STALE,
            "expected a nonce that this verifier gave to this tenant, got another");
    const int64_t expiry = expiry_of(nonce);
    if (expiry < now_ms)
        FAIL(e, SELFSAME_STALE, "the nonce ended %lld s ago",
            (long long)((now_ms - expiry + 999) / 1000));
    if (expiry > now_ms + 2 * (int64_t)NONCE_LIFE_MS)
        FAIL(e, SELFSAME_STALE, "the nonce is from the future: a clock was set back");
    return SELFSAME_OK;
}

/* ---- those that came back ---- */

static struct used *
place_of(const struct used_set *s, const uint8_t *id)
{
    uint64_t hash;

    if (s->places == 0)
        return NULL;
    memcpy(&hash, id, sizeof(hash)); /* random, as nobody could choose them */
    for (size_t i = (size_t)hash & (s->places - 1);; i = (i + 1) & (s->places - 1))
        if (s->at[i].use == FREE || bytes_eq(BYTES(s->at[i].id, ID), BYTES(id, ID)))
            return &s->at[i];
}

static bool
grow(struct used_set *s)
{
    struct used_set larger = *s;

    larger.places = s->places == 0 ? FIRST : 2 * s->places;
    larger.at = calloc(larger.places, sizeof(*larger.at));
    if (larger.at == NULL)
        return false;
    for (size_t i = 0; i < s->places; i++)
        if (s->at[i].use != FREE)
            *place_of(&larger, s->at[i].id) = s->at[i];
    free(s->at);
    *s = larger;
    return true;
}

/* Starts another set when this one is old, forgetting the one before. False: too early. */
static bool
turn(struct nonces *n, int64_t now_ms)
{
    struct used *at = n->full.at;

    if (n->full.count > 0 && n->full.last_ms >= now_ms)
        return false;
    if (n->full.count > 0 && n->full.last_ms > n->forgotten_ms)
        n->forgotten_ms = n->full.last_ms;
    if (n->full.places > 0)
        memset(at, 0, n->full.places * sizeof(*at));
    const size_t places = n->full.places;
    n->full = n->filling;
    n->filling = (struct used_set){ .at = at, .places = places, .first_ms = now_ms };
    return true;
}

static enum selfsame_code
remember(struct nonces *n, int64_t now_ms, const uint8_t *id, int64_t expiry,
    struct selfsame_err *e)
{
    struct used_set *s = &n->filling;

    if (s->count > 0 && now_ms - s->first_ms > NONCE_LIFE_MS)
        (void)turn(n, now_ms);
    if (s->count >= n->room && !turn(n, now_ms))
        FAIL(e, SELFSAME_IO,
            "%zu nonces are remembered already, which is all there "
            "is room for",
            n->room);
    if (2 * (s->count + 1) > s->places && !grow(s))
        FAIL(e, SELFSAME_NOMEM, "no memory to remember a nonce");
    if (s->count == 0)
        s->first_ms = now_ms;
    struct used *u = place_of(s, id);
    memcpy(u->id, id, ID);
    u->use = USED;
    s->count++;
    if (expiry > s->last_ms)
        s->last_ms = expiry;
    return SELFSAME_OK;
}

static enum selfsame_code
use(struct nonces *n, int64_t now_ms, struct selfsame_bytes nonce,
    struct selfsame_err *e)
{
    const uint8_t *id = nonce.ptr + EXPIRY;
    struct used *known[] = { place_of(&n->filling, id), place_of(&n->full, id) };

    if (expiry_of(nonce) <= n->forgotten_ms)
        FAIL(e, SELFSAME_STALE, "the nonce ended before: a clock was set back");
    for (size_t i = 0; i < COUNT(known); i++) {
        if (known[i] == NULL || known[i]->use == FREE)
            continue;
        FAIL(e, SELFSAME_STALE,
            "the nonce was used already: a nonce is for one "
            "verification");
    }
    return remember(n, now_ms, id, expiry_of(nonce), e);
}

enum selfsame_code
nonce_use(struct nonces *n, int64_t now_ms, struct selfsame_bytes nonce,
    struct selfsame_err *e)
{
    assert(nonce.len == NONCE_SIZE);
    (void)pthread_mutex_lock(&n->lock);
    enum selfsame_code code = use(n, now_ms, nonce, e);
    (void)pthread_mutex_unlock(&n->lock);
    return code;
}

bool
nonce_was_used(struct nonces *n, struct selfsame_bytes nonce)
{
    const uint8_t *id = nonce.ptr + EXPIRY;
    bool used = false;

    (void)pthread_mutex_lock(&n->lock);
    struct used *known[] = { place_of(&n->filling, id), place_of(&n->full, id) };
    for (size_t i = 0; i < COUNT(known); i++)
        used = used || (known[i] != NULL && known[i]->use == USED);
    (void)pthread_mutex_unlock(&n->lock);
    return used;
}

size_t
nonces_kept(struct nonces *n)
{
    (void)pthread_mutex_lock(&n->lock);
    const size_t count = n->filling.count + n->full.count;
    (void)pthread_mutex_unlock(&n->lock);
    return count;
}

bool
nonces_roomy(struct nonces *n)
{
    (void)pthread_mutex_lock(&n->lock);
    const bool roomy = n->filling.count < n->room / 2;
    (void)pthread_mutex_unlock(&n->lock);
    return roomy;
}

/* Those behind it that would not be found any more move up. */
static void
take_out(struct used_set *s, struct used *u)
{
    size_t i = (size_t)(u - s->at);

    *u = (struct used){ .use = FREE };
    s->count--;
    for (i = (i + 1) & (s->places - 1); s->at[i].use != FREE;
         i = (i + 1) & (s->places - 1)) {
        const struct used moved = s->at[i];

        s->at[i] = (struct used){ .use = FREE };
        *place_of(s, moved.id) = moved;
    }
}

/* It takes no room either: whoever sends what is no evidence must not fill the memory. */
void
nonce_unuse(struct nonces *n, struct selfsame_bytes nonce)
{
    struct used_set *sets[] = { &n->filling, &n->full };

    (void)pthread_mutex_lock(&n->lock);
    for (size_t i = 0; i < COUNT(sets); i++) {
        struct used *u = place_of(sets[i], nonce.ptr + EXPIRY);

        if (u != NULL && u->use == USED)
            take_out(sets[i], u);
    }
    (void)pthread_mutex_unlock(&n->lock);
}
