/* SPDX-License-Identifier: Apache-2.0 */
/* A hash chain for who reads row by row, and the tree of RFC 9162 §2.1 for checkpoints. */
#include "verifier/audit_parts.h"

bool
chain_add(struct audit_chain *c, struct selfsame_bytes line)
{
    uint8_t hash[LOG_HASH], digest[HASH_MAX];
    unsigned level = 0;

    if (!merkle_leaf(line, hash) || !hash_bytes(HASH_SHA256, line, digest))
        return false;
    /* Two whole subtrees of one size make one of the next. */
    for (; (c->size >> level) & 1; level++)
        if (!merkle_node(c->edge[level], hash, hash))
            return false;
    memcpy(c->edge[level], hash, LOG_HASH);
    memcpy(c->prev, digest, sizeof(c->prev));
    c->size++;
    return true;
}

bool
chain_root(const struct audit_chain *c, uint8_t ret[static 32])
{
    uint8_t hash[LOG_HASH];
    bool have = false;

    if (c->size == 0)
        return merkle_empty(ret);
    for (unsigned level = 0; level < AUDIT_LEVELS; level++) {
        if (!((c->size >> level) & 1))
            continue;
        if (!have)
            memcpy(hash, c->edge[level], LOG_HASH);
        else if (!merkle_node(c->edge[level], hash, hash))
            return false;
        have = true;
    }
    memcpy(ret, hash, LOG_HASH);
    return true;
}
