/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_FETCH_WITNESS_EVIDENCE_H
#define SELFSAME_FETCH_WITNESS_EVIDENCE_H

#include "log/log.h"

/*
 * What a witness shows in its defence, GET <URL>/<hex SHA-256(origin)>/checkpoint, when it
 * refuses a log. Numbers and statuses are anybody's word; what the log's own key signed
 * is not.
 */
enum witness_evidence {
    EVIDENCE_NONE,   /* nothing that the log signed */
    EVIDENCE_OURS,   /* of the tree that is here: no reason to refuse it */
    EVIDENCE_LARGER, /* of more entries than are here */
    EVIDENCE_FORK,   /* of another tree */
};
/* `ours` is the newest tree that was ever signed here, `source` its hashes. */
enum witness_evidence witness_evidence_of(const struct log_policy *policy,
    struct selfsame_bytes note, const struct checkpoint *ours,
    const struct merkle_source *source, uint64_t *ret_size);

#endif
