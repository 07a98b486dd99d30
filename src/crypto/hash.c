/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/internal.h"

#include <pthread.h>

#include <assert.h>

/* Fetching costs more than hashing a small input, so each is fetched once. */
static struct {
    const char *name;
    size_t size;
    EVP_MD *md;
} algs[] = {
    [HASH_SHA256] = { .name = "SHA2-256", .size = 32 },
    [HASH_SHA384] = { .name = "SHA2-384", .size = 48 },
    [HASH_SHA512] = { .name = "SHA2-512", .size = 64 },
};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static OSSL_LIB_CTX *own;

/* One context per thread and algorithm for the one-shot calls. */
struct scratch {
    EVP_MD_CTX *ctx[COUNT(algs)];
};
static pthread_key_t scratch_key;
static bool scratch_key_ok;

static void
scratch_free(void *p)
{
    struct scratch *s = p;

    for (size_t i = 0; i < COUNT(s->ctx); i++)
        EVP_MD_CTX_free(s->ctx[i]);
    OPENSSL_free(s);
}

static void
fetch_all(void)
{
    own = OSSL_LIB_CTX_new();
    for (size_t i = HASH_SHA256; own != NULL && i < COUNT(algs); i++)
        algs[i].md = EVP_MD_fetch(own, algs[i].name, NULL);
    scratch_key_ok = pthread_key_create(&scratch_key, scratch_free) == 0;
}

static bool
known(enum hash_alg alg)
{
    return alg >= HASH_SHA256 && alg < COUNT(algs);
}

OSSL_LIB_CTX *
crypto_context(void)
{
    (void)pthread_once(&once, fetch_all);
    return own;
}

const EVP_MD *
hash_md(enum hash_alg alg)
{
    (void)pthread_once(&once, fetch_all);
    return known(alg) ? algs[alg].md : NULL;
}

size_t
hash_size(enum hash_alg alg)
{
    return known(alg) ? algs[alg].size : 0;
}

bool
hash_init(struct hash *h, enum hash_alg alg)
{
    *h = (struct hash){ .alg = alg };
    const EVP_MD *md = hash_md(alg);
    EVP_MD_CTX *ctx = md != NULL ? EVP_MD_CTX_new() : NULL;
    if (ctx == NULL || EVP_DigestInit_ex2(ctx, md, NULL) != 1) {
        EVP_MD_CTX_free(ctx);
        return false;
    }
    h->ctx = ctx;
    return true;
}

bool
hash_clone(struct hash *ret, const struct hash *h)
{
    *ret = (struct hash){ .alg = h->alg };
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_MD_CTX_copy_ex(ctx, h->ctx) != 1) {
        EVP_MD_CTX_free(ctx);
        return false;
    }
    ret->ctx = ctx;
    return true;
}

/*
 * Update and final of an initialised SHA-2 context cannot fail in libcrypto;
 * should they, going on would yield a wrong digest, so we stop.
 */
void
hash_update(struct hash *h, struct selfsame_bytes b)
{
    int ok = b.len == 0 || EVP_DigestUpdate(h->ctx, b.ptr, b.len) == 1;

    assert(ok);
    (void)ok;
}

void
hash_final(struct hash *h, uint8_t ret[static HASH_MAX])
{
    unsigned n = 0;
    int ok = EVP_DigestFinal_ex(h->ctx, ret, &n) == 1 && n == hash_size(h->alg);

    assert(ok);
    (void)ok;
}

void
hash_free(struct hash *h)
{
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
}

static struct scratch *
scratch_get(void)
{
    if (!scratch_key_ok)
        return NULL;
    struct scratch *s = pthread_getspecific(scratch_key);
    if (s != NULL)
        return s;
    s = OPENSSL_zalloc(sizeof(*s));
    if (s != NULL && pthread_setspecific(scratch_key, s) != 0) {
        OPENSSL_free(s);
        return NULL;
    }
    return s;
}

/* This thread's context for alg, ready for input; NULL: out of memory. */
static EVP_MD_CTX *
scratch_start(enum hash_alg alg)
{
    const EVP_MD *md = hash_md(alg);
    struct scratch *s = md != NULL ? scratch_get() : NULL;

    if (s == NULL)
        return NULL;
    if (s->ctx[alg] == NULL)
        s->ctx[alg] = EVP_MD_CTX_new();
    if (s->ctx[alg] == NULL || EVP_DigestInit_ex2(s->ctx[alg], md, NULL) != 1)
        return NULL;
    return s->ctx[alg];
}

bool
hash_parts(enum hash_alg alg, const struct selfsame_bytes *part, size_t count,
    uint8_t ret[static HASH_MAX])
{
    EVP_MD_CTX *ctx = scratch_start(alg);

    if (ctx == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        if (part[i].len > 0 && EVP_DigestUpdate(ctx, part[i].ptr, part[i].len) != 1)
            return false;
    return EVP_DigestFinal_ex(ctx, ret, NULL) == 1;
}

bool
hash_bytes(enum hash_alg alg, struct selfsame_bytes b, uint8_t ret[static HASH_MAX])
{
    return hash_parts(alg, &b, 1, ret);
}
