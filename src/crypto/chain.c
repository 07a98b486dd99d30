/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_internal.h"

#include <stdio.h>

/*
 * Path validation (RFC 5280 §6.1) without what the profile has no use for:
 * policies, name constraints, alternative paths. Position 0 is the anchor, 1 to
 * count are chain->cert[0] to the leaf. Everything cheap comes before the first
 * signature.
 */

static const struct cert *
at(const struct chain *c, size_t pos)
{
    return pos == 0 ? &c->anchor : &c->cert[pos - 1];
}

/* "certificate 2 of 4 (name)" for sentences. */
enum { LABEL = 64 + NAME_BRIEF };
static const char *
label(const struct chain *c, size_t pos, char ret[static LABEL])
{
    char cn[NAME_BRIEF];

    name_brief(at(c, pos)->subject, cn);
    if (pos == 0)
        (void)snprintf(ret, LABEL, "trust anchor (%s)", cn);
    else
        (void)snprintf(ret, LABEL, "certificate %zu of %zu (%s)", pos, c->count, cn);
    return ret;
}

static enum selfsame_code
check_time(const struct chain *c, size_t pos, int64_t now, struct selfsame_err *e)
{
    const struct cert *cert = at(c, pos);
    char who[LABEL], limit[TIME_TEXT], time[TIME_TEXT];

    if (now >= cert->not_before && now <= cert->not_after)
        return SELFSAME_OK;
    bool early = now < cert->not_before;
    time_format(early ? cert->not_before : cert->not_after, limit);
    time_format(now, time);
    FAIL(e, SELFSAME_BAD_CHAIN, "%s: %s %s, checked at %s", label(c, pos, who),
        early ? "not valid before" : "expired at", limit, time);
}

/* §4.2.1.9 and §4.2.1.3: a CA, allowed to sign, with few enough CAs below it. */
static enum selfsame_code
check_ca(const struct chain *c, size_t pos, struct selfsame_err *e)
{
    const struct cert *cert = at(c, pos);
    size_t below = c->count - pos - 1;
    char who[LABEL];

    if (!cert->is_ca)
        FAIL(e, SELFSAME_BAD_CHAIN, "%s: expected a CA, got an end-entity certificate",
            label(c, pos, who));
    if (!cert->has_usage || (cert->usage & KU_KEY_CERT_SIGN) == 0)
        FAIL(e, SELFSAME_BAD_CHAIN, "%s: expected keyUsage with keyCertSign, got %s",
            label(c, pos, who), cert->has_usage ? "other uses" : "none");
    if (cert->has_path_len && cert->path_len < below)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "%s: expected at most %u CA certificates below it (pathLen), got %zu",
            label(c, pos, who), (unsigned)cert->path_len, below);
    return SELFSAME_OK;
}

static enum selfsame_code
check_leaf(const struct chain *c, struct selfsame_err *e)
{
    const struct cert *cert = at(c, c->count);
    char who[LABEL];

    if (cert->is_ca)
        FAIL(e, SELFSAME_BAD_CHAIN, "%s: expected an end-entity certificate, got a CA",
            label(c, c->count, who));
    if (!cert->has_usage && c->leaf_may_lack_usage)
        return SELFSAME_OK;
    if ((cert->usage & KU_DIGITAL_SIGNATURE) == 0)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "%s: expected keyUsage with digitalSignature, got %s",
            label(c, c->count, who), cert->has_usage ? "other uses" : "none");
    return SELFSAME_OK;
}

/* Names byte by byte (our vendors copy them), key identifiers when both say one. */
static enum selfsame_code
check_link(const struct chain *c, size_t pos, struct selfsame_err *e)
{
    const struct cert *child = at(c, pos), *issuer = at(c, pos - 1);
    char who[LABEL], got[NAME_BRIEF], want[NAME_BRIEF];

    if (!bytes_eq(child->issuer, issuer->subject)) {
        name_brief(issuer->subject, want);
        name_brief(child->issuer, got);
        FAIL(e, SELFSAME_BAD_CHAIN, "%s: expected issuer %.40s, got %.40s",
            label(c, pos, who), want, got);
    }
    if (child->aki.ptr != NULL && issuer->ski.ptr != NULL &&
        !bytes_eq(child->aki, issuer->ski))
        FAIL(e, SELFSAME_BAD_CHAIN,
            "%s: expected its authority key identifier to be its issuer's, got another",
            label(c, pos, who));
    return SELFSAME_OK;
}

static enum selfsame_code
check_path(const struct chain *c, int64_t now, struct selfsame_err *e)
{
    for (size_t pos = 0; pos <= c->count; pos++) {
        TRY(check_time(c, pos, now, e));
        if (pos < c->count)
            TRY(check_ca(c, pos, e));
        if (pos > 0)
            TRY(check_link(c, pos, e));
    }
    return check_leaf(c, e);
}

/* What is to be verified, and which position each check is for. */
struct work {
    uint8_t store[CHAIN_MAX][256];
    struct sig_check check[CHAIN_MAX];
    size_t pos[CHAIN_MAX];
    size_t count;
    struct cert_cache_key key[CHAIN_MAX]; /* by position - 1 */
};

static enum selfsame_code
cache_keys(const struct chain *c, struct work *w, struct selfsame_err *e)
{
    uint8_t anchor[HASH_MAX];
    bool ok = hash_bytes(HASH_SHA256, c->anchor.der, anchor);

    for (size_t pos = 1; ok && pos <= c->count; pos++)
        ok = cert_cache_key(at(c, pos)->der, at(c, pos - 1), anchor, &w->key[pos - 1]);
    if (!ok)
        FAIL(e, SELFSAME_NOMEM, "certificate chain: out of memory for digests");
    return SELFSAME_OK;
}

/* A signature that does not verify is a chain that does not hold. */
static enum selfsame_code
blame(
    const struct chain *c, size_t pos, enum selfsame_code code, struct selfsame_err *e)
{
    char who[LABEL], issuer[NAME_BRIEF];

    if (code == SELFSAME_BAD_SIGNATURE || code == SELFSAME_MALFORMED)
        code = SELFSAME_BAD_CHAIN;
    name_brief(at(c, pos - 1)->subject, issuer);
    e->code = code;
    return err_wrap(e, code, __FILE__, __LINE__, "%s: signature by %.56s",
        label(c, pos, who), issuer);
}

static enum selfsame_code
collect(const struct chain *c, struct cert_cache *cache, struct work *w,
    struct selfsame_err *e)
{
    for (size_t pos = 1; pos <= c->count; pos++) {
        if (cache != NULL && cert_cache_has(cache, &w->key[pos - 1]))
            continue;
        enum selfsame_code code = cert_sig_check(
            at(c, pos), at(c, pos - 1), w->store[w->count], &w->check[w->count], e);
        if (code != SELFSAME_OK)
            return blame(c, pos, code, e);
        w->pos[w->count++] = pos;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
run(const struct chain *c, const struct work *w, struct selfsame_err *e)
{
    enum selfsame_code code[CHAIN_MAX];
    enum selfsame_code first = sig_verify_batch(w->check, w->count, code, e);

    if (first == SELFSAME_OK)
        return SELFSAME_OK;
    size_t i = 0;
    while (i + 1 < w->count && code[i] == SELFSAME_OK)
        i++;
    return blame(c, w->pos[i], first, e);
}

enum selfsame_code
chain_verify(const struct chain *c, int64_t now, struct cert_cache *cache,
    struct selfsame_err *e)
{
    struct work w;

    w.count = 0;
    if (c->count == 0 || c->count > CHAIN_MAX)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "certificate chain: expected 1 to %d certificates below the anchor, got "
            "%zu",
            CHAIN_MAX, c->count);
    TRY(check_path(c, now, e));
    if (cache != NULL)
        TRY(cache_keys(c, &w, e));
    TRY(collect(c, cache, &w, e));
    TRY(run(c, &w, e));
    /* Only now: no certificate of a chain that fails anywhere is remembered. */
    for (size_t i = 0; cache != NULL && i < w.count; i++)
        cert_cache_put(cache, &w.key[w.pos[i] - 1]);
    return SELFSAME_OK;
}
