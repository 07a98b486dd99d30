/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

static bool
hash_into(const struct selfsame_bytes *part, size_t count, uint8_t ret[static LOG_HASH])
{
    uint8_t digest[HASH_MAX];

    if (!hash_parts(HASH_SHA256, part, count, digest))
        return false;
    memcpy(ret, digest, LOG_HASH);
    return true;
}

bool
merkle_leaf(struct selfsame_bytes entry, uint8_t ret[static LOG_HASH])
{
    static const uint8_t prefix[] = { 0 };
    const struct selfsame_bytes part[] = { BYTES_ARR(prefix), entry };

    return hash_into(part, COUNT(part), ret);
}

bool
merkle_node(const uint8_t left[static LOG_HASH], const uint8_t right[static LOG_HASH],
    uint8_t ret[static LOG_HASH])
{
    uint8_t message[1 + 2 * LOG_HASH] = { 1 };
    const struct selfsame_bytes part = BYTES_ARR(message);

    memcpy(message + 1, left, LOG_HASH);
    memcpy(message + 1 + LOG_HASH, right, LOG_HASH);
    return hash_into(&part, 1, ret);
}

bool
merkle_empty(uint8_t ret[static LOG_HASH])
{
    return hash_into(NULL, 0, ret);
}

static bool
same(const uint8_t *a, const uint8_t *b)
{
    return bytes_eq(BYTES(a, LOG_HASH), BYTES(b, LOG_HASH));
}

/* ---- checking ---- */

/* RFC 9162 §2.1.3.2 and §2.1.4.2: where a path stands, from the leaf to the root. */
struct climb {
    uint64_t fn, sn;
};

/* Does the next hash of the path stand to the left of ours? */
static bool
from_left(const struct climb *c)
{
    return (c->fn & 1) != 0 || c->fn == c->sn;
}

static void
step(struct climb *c)
{
    if (from_left(c) && (c->fn & 1) == 0)
        do {
            c->fn >>= 1;
            c->sn >>= 1;
        } while ((c->fn & 1) == 0 && c->fn != 0);
    c->fn >>= 1;
    c->sn >>= 1;
}

enum selfsame_code
merkle_climb(uint64_t index, uint64_t size, const uint8_t leaf[static LOG_HASH],
    struct merkle_path path, uint8_t ret[static LOG_HASH], struct selfsame_err *e)
{
    struct climb c = { index, size - 1 };
    uint8_t r[LOG_HASH];

    if (index >= size)
        FAIL(e, SELFSAME_LOG,
            "inclusion: expected an index below the tree's size %llu, got %llu",
            (unsigned long long)size, (unsigned long long)index);
    memcpy(r, leaf, LOG_HASH);
    for (size_t i = 0; i < path.count; i++) {
        const uint8_t *p = path.hashes + i * LOG_HASH;

        if (c.sn == 0)
            FAIL(e, SELFSAME_LOG, "inclusion: expected a path of %zu hashes, got %zu",
                i, path.count);
        if (!(from_left(&c) ? merkle_node(p, r, r) : merkle_node(r, p, r)))
            FAIL(e, SELFSAME_NOMEM, "inclusion: out of memory");
        step(&c);
    }
    if (c.sn != 0)
        FAIL(e, SELFSAME_LOG, "inclusion: expected a longer path, got %zu hashes",
            path.count);
    memcpy(ret, r, LOG_HASH);
    return SELFSAME_OK;
}

enum selfsame_code
merkle_check_inclusion(uint64_t index, uint64_t size,
    const uint8_t leaf[static LOG_HASH], struct merkle_path path,
    const uint8_t root[static LOG_HASH], struct selfsame_err *e)
{
    uint8_t got[LOG_HASH];

    TRY(merkle_climb(index, size, leaf, path, got, e));
    if (!same(got, root))
        FAIL(e, SELFSAME_LOG,
            "inclusion: expected the path to lead to the checkpoint's root, got "
            "another");
    return SELFSAME_OK;
}

static enum selfsame_code
consistency_path(uint64_t old_size, const uint8_t *old_root, uint64_t size,
    const uint8_t *root, struct merkle_path path, struct selfsame_err *e)
{
    struct climb c = { old_size - 1, size - 1 };
    uint8_t fr[LOG_HASH], sr[LOG_HASH];
    size_t i = 0;

    /* A whole subtree is its own first hash. */
    const uint8_t *first = (old_size & (old_size - 1)) == 0
                               ? old_root
                               : path.hashes + LOG_HASH * i++;
    while ((c.fn & 1) != 0) {
        c.fn >>= 1;
        c.sn >>= 1;
    }
    memcpy(fr, first, LOG_HASH);
    memcpy(sr, first, LOG_HASH);
    for (; i < path.count; i++) {
        const uint8_t *p = path.hashes + i * LOG_HASH;
        const bool left = from_left(&c);

        if (c.sn == 0)
            FAIL(e, SELFSAME_LOG, "consistency: expected a path of %zu hashes, got %zu",
                i, path.count);
        if ((left && !merkle_node(p, fr, fr)) ||
            !(left ? merkle_node(p, sr, sr) : merkle_node(sr, p, sr)))
            FAIL(e, SELFSAME_NOMEM, "consistency: out of memory");
        step(&c);
    }
    if (c.sn != 0 || !same(fr, old_root) || !same(sr, root))
        FAIL(e, SELFSAME_LOG,
            "consistency: expected the tree of size %llu to begin with that of size "
            "%llu, got another beginning",
            (unsigned long long)size, (unsigned long long)old_size);
    return SELFSAME_OK;
}

enum selfsame_code
merkle_check_consistency(uint64_t old_size, const uint8_t old_root[static LOG_HASH],
    uint64_t size, const uint8_t root[static LOG_HASH], struct merkle_path path,
    struct selfsame_err *e)
{
    const bool trivial = old_size == 0 || old_size == size;
    uint8_t empty[LOG_HASH];

    if (old_size > size)
        FAIL(e, SELFSAME_LOG,
            "consistency: expected a tree of %llu entries or more, got %llu",
            (unsigned long long)old_size, (unsigned long long)size);
    if (trivial != (path.count == 0))
        FAIL(e, SELFSAME_LOG, "consistency: expected %s, got %zu hashes",
            trivial ? "no path" : "a path", path.count);
    if (old_size == size && !same(old_root, root))
        FAIL(e, SELFSAME_LOG,
            "consistency: two roots for the same size %llu: the log is forked",
            (unsigned long long)size);
    if (old_size == 0 && (!merkle_empty(empty) || !same(old_root, empty)))
        FAIL(e, SELFSAME_LOG,
            "consistency: expected the root of no entries for size 0, got another");
    return trivial ? SELFSAME_OK
                   : consistency_path(old_size, old_root, size, root, path, e);
}

/* ---- making ---- */

/* The hash of leaves [from, from + n); `from` is a multiple of the power of two ≥ n. */
static bool
range(const struct merkle_source *s, uint64_t from, uint64_t n,
    uint8_t ret[static LOG_HASH])
{
    uint8_t left[LOG_HASH], right[LOG_HASH];
    unsigned height = 0;

    while ((UINT64_C(2) << height) <= n)
        height++;
    uint64_t k = UINT64_C(1) << height; /* the largest power of two ≤ n */
    if (k == n)
        return s->node(s->ctx, height, from >> height, ret);
    return s->node(s->ctx, height, from >> height, left) &&
           range(s, from + k, n - k, right) && merkle_node(left, right, ret);
}

bool
merkle_root(const struct merkle_source *s, uint64_t size, uint8_t ret[static LOG_HASH])
{
    return size == 0 ? merkle_empty(ret) : range(s, 0, size, ret);
}

struct proving {
    const struct merkle_source *s;
    uint8_t *hashes;
    size_t count;
};

static bool
take(struct proving *p, uint64_t from, uint64_t n)
{
    if (p->count == LOG_PATH_MAX)
        return false;
    return range(p->s, from, n, p->hashes + LOG_HASH * p->count++);
}

/* The largest power of two below n. */
static uint64_t
split(uint64_t n)
{
    uint64_t k = 1;

    while (k < n - k)
        k <<= 1;
    return k;
}

static bool
path_of(struct proving *p, uint64_t index, uint64_t from, uint64_t n)
{
    if (n == 1)
        return true;
    uint64_t k = split(n);
    return index < k ? path_of(p, index, from, k) && take(p, from + k, n - k)
                     : path_of(p, index - k, from + k, n - k) && take(p, from, k);
}

static bool
proof_of(struct proving *p, uint64_t m, uint64_t from, uint64_t n, bool whole)
{
    if (m == n)
        return whole || take(p, from, n);
    uint64_t k = split(n);
    return m <= k ? proof_of(p, m, from, k, whole) && take(p, from + k, n - k)
                  : proof_of(p, m - k, from + k, n - k, false) && take(p, from, k);
}

bool
merkle_prove_inclusion(const struct merkle_source *s, uint64_t index, uint64_t size,
    uint8_t *hashes, size_t *ret_count)
{
    struct proving p = { .s = s, .hashes = hashes };
    bool made = index < size && size <= INT64_MAX && path_of(&p, index, 0, size);

    *ret_count = p.count;
    return made;
}

bool
merkle_prove_consistency(const struct merkle_source *s, uint64_t old_size,
    uint64_t size, uint8_t *hashes, size_t *ret_count)
{
    struct proving p = { .s = s, .hashes = hashes };
    bool made = old_size <= size && size <= INT64_MAX &&
                (old_size == 0 || old_size == size ||
                    proof_of(&p, old_size, 0, size, true));

    *ret_count = p.count;
    return made;
}
