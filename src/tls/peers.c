/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/internal.h"

#include <stdlib.h>

/*
 * How many connections each peer holds. Chains may grow when somebody chooses
 * addresses for it: to the number of connections, which is limited.
 */
enum { BUCKETS = 1024 };

struct peer {
    struct peer *next;
    struct net_peer key;
    size_t count;
    bool told; /* that it has too many */
};
struct peers {
    struct peer *at[BUCKETS];
};

struct peers *
peers_new(void)
{
    return calloc(1, sizeof(struct peers));
}

void
peers_free(struct peers *p)
{
    for (size_t i = 0; p != NULL && i < BUCKETS; i++)
        while (p->at[i] != NULL) {
            struct peer *next = p->at[i]->next;
            free(p->at[i]);
            p->at[i] = next;
        }
    free(p);
}

/* Where it is, or would be put. FNV-1a. */
static struct peer **
find(struct peers *p, const struct net_peer *key)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < sizeof(key->bytes); i++)
        h = (h ^ key->bytes[i]) * 16777619u;
    struct peer **at = &p->at[h % BUCKETS];
    while (*at != NULL && !bytes_eq(BYTES_ARR((*at)->key.bytes), BYTES_ARR(key->bytes)))
        at = &(*at)->next;
    return at;
}

bool
peers_enter(struct peers *p, const struct net_peer *key, size_t limit, bool *ret_first)
{
    struct peer **at = find(p, key);

    *ret_first = false;
    if (*at == NULL) {
        *at = calloc(1, sizeof(**at));
        if (*at == NULL)
            return false;
        (*at)->key = *key;
    }
    if ((*at)->count >= limit) {
        *ret_first = !(*at)->told;
        (*at)->told = true;
        return false;
    }
    (*at)->count++;
    return true;
}

void
peers_leave(struct peers *p, const struct net_peer *key)
{
    struct peer **at = find(p, key), *gone = *at;

    if (gone == NULL || --gone->count > 0)
        return;
    *at = gone->next;
    free(gone);
}
