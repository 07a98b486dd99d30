/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_ACCEPT_PARTS_H
#define SELFSAME_LOG_ACCEPT_PARTS_H

#include "log/accept.h"

/* accept.c opens proofs and judges releases; accept_index.c reads the indexes among them. */
/* A proof that holds: what it proves to be in the log, by whomever it is signed. */
struct opened {
    struct log_proof proof;
    uint8_t leaf[LOG_HASH];
    struct checkpoint checkpoint;
    uint64_t witnesses;
    int64_t *times; /* by witness */
    struct envelope envelope;
    struct statement statement;
    uint32_t publishers, rebuilders; /* bit i: signed by the rule's i-th key */
};
struct judging {
    const struct release_rule *rule;
    const struct release_given *given;
    struct arena *arena;
    struct opened *opened;
    size_t count;
    enum release_error error; /* that got farthest, told by `e` */
    struct selfsame_err *e;
};

static inline bool
same_hash(const uint8_t a[static 32], const uint8_t b[static 32])
{
    return bytes_eq(BYTES(a, 32), BYTES(b, 32));
}

static inline bool
is_within(int64_t now, int64_t from, int64_t to)
{
    return now >= from - RELEASE_SKEW_S && now <= to + RELEASE_SKEW_S;
}

/* accept.c: how many publishers signed this statement, each in an entry of its own. */
size_t count_publishers(const struct judging *j, const uint8_t sha256[32]);

/* ---- accept_index.c ---- */

/* The reason, or NULL: not revoked. */
const char *index_why_revoked(const struct judging *j, const uint8_t sha256[32]);
/* The index that decides what is current, or NULL; *ret_age only with one. */
const struct opened *index_find(const struct judging *j, int64_t *ret_age);
bool index_lists(const struct release_index *x, const struct statement *s);
/* What indexes say is remembered whether or not it decides anything today. NOMEM. */
MUST enum selfsame_code index_remember(
    const struct judging *j, struct release_outcome *ret);

#endif
