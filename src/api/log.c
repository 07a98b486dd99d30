/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/log.h>

#include "api/api.h"
#include "log/log.h"

#include <stdio.h>

enum { LOG_ARENA = 8 << 20 };

enum selfsame_code
selfsame_log_verify_proof(struct selfsame_bytes trust, struct selfsame_bytes proof,
    struct selfsame_bytes entry, struct selfsame_log_entry *ret,
    struct selfsame_err *err)
{
    auto_arena arena = arena_new(LOG_ARENA);
    uint8_t leaf[LOG_HASH];
    struct log_policy policy;
    struct log_proof p;
    struct checkpoint c;
    uint64_t witnesses;

    TRY(log_policy_parse(trust, &arena, &policy, err));
    TRY(proof_parse(proof, &arena, &p, err));
    TRY(log_policy_open(&policy, p.checkpoint, &arena, &c, &witnesses, NULL, err));
    if (!merkle_leaf(entry, leaf))
        FAIL(err, SELFSAME_NOMEM, "no room for a hash");
    TRY(merkle_check_inclusion(p.index, c.size, leaf, p.path, c.root, err));
    *ret = (struct selfsame_log_entry){
        .index = p.index,
        .size = c.size,
        .witnesses = (unsigned)__builtin_popcountll(witnesses),
    };
    (void)snprintf(ret->origin, sizeof(ret->origin), "%.*s",
        c.origin.len < sizeof(ret->origin) ? (int)c.origin.len : 0,
        (const char *)c.origin.ptr);
    return SELFSAME_OK;
}
