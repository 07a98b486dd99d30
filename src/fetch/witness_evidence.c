/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/witness_evidence.h"

/* Of the log itself; a key that rotated keeps the name. */
static size_t
own_keys(const struct log_policy *p, struct selfsame_bytes origin,
    struct note_key ret[static POLICY_LOGS])
{
    size_t count = 0;

    for (size_t i = 0; i < p->log_count && count < POLICY_LOGS; i++)
        if (bytes_eq(p->logs[i].name, origin))
            ret[count++] = p->logs[i];
    return count;
}

enum witness_evidence
witness_evidence_of(const struct log_policy *policy, struct selfsame_bytes note,
    const struct checkpoint *ours, const struct merkle_source *source,
    uint64_t *ret_size)
{
    auto_arena arena = arena_new(4 * WITNESS_REQUEST_MAX);
    struct note_key keys[POLICY_LOGS];
    const size_t count = own_keys(policy, ours->origin, keys);
    struct selfsame_err ignored = { 0 };
    struct checkpoint k;
    struct note n;
    uint64_t good = 0;
    uint8_t root[LOG_HASH];

    if (count == 0 || note_parse(note, &arena, &n, &ignored) != SELFSAME_OK ||
        checkpoint_parse(n.text, &k, &ignored) != SELFSAME_OK ||
        !bytes_eq(k.origin, ours->origin) ||
        note_verify(&n, keys, count, &good, NULL, &ignored) != SELFSAME_OK || good == 0)
        return EVIDENCE_NONE;
    *ret_size = k.size;
    if (k.size > ours->size)
        return EVIDENCE_LARGER;
    if (!merkle_root(source, k.size, root))
        return EVIDENCE_NONE;
    return bytes_eq(BYTES_ARR(root), BYTES_ARR(k.root)) ? EVIDENCE_OURS : EVIDENCE_FORK;
}
