/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher's indexes say of its releases: current, revoked, and how lately. */
#include "log/accept_parts.h"

static bool
is_index_of(const struct judging *j, const struct opened *o)
{
    return o->statement.kind == STATEMENT_INDEX &&
           strcmp(o->statement.index.name, j->rule->name) == 0;
}

/* One publisher is enough to revoke, and neither age nor a later index undoes it. */
const char *
index_why_revoked(const struct judging *j, const uint8_t sha256[32])
{
    for (size_t i = 0; i < j->count; i++) {
        const struct opened *o = &j->opened[i];
        const struct release_index *x = &o->statement.index;

        if (!is_index_of(j, o) || o->publishers == 0)
            continue;
        for (size_t k = 0; k < x->revoked_count; k++)
            if (same_hash(x->revoked[k].sha256, sha256))
                return x->revoked[k].reason;
    }
    for (size_t i = 0; i < j->given->revoked_count; i++)
        if (same_hash(j->given->revoked[i], sha256))
            return "an index that was seen before says so";
    return NULL;
}

/* The age by which a quorum of witnesses has seen it: the oldest that is still needed. */
static bool
witnessed_age(const struct judging *j, const struct opened *o, int64_t *ret_age)
{
    const int64_t now = j->given->now_s;
    bool met = false;
    int64_t best = 0;

    for (size_t i = 0; i < j->rule->trust->witness_count; i++) {
        const int64_t age = now - o->times[i];
        uint64_t young = 0;

        if ((o->witnesses >> i & 1) == 0 || age < -RELEASE_SKEW_S)
            continue;
        for (size_t k = 0; k < j->rule->trust->witness_count; k++)
            if ((o->witnesses >> k & 1) != 0 && now - o->times[k] <= age &&
                now - o->times[k] >= -RELEASE_SKEW_S)
                young |= UINT64_C(1) << k;
        if (log_policy_met(j->rule->trust, young) && (!met || age < best)) {
            met = true;
            best = age;
        }
    }
    *ret_age = best > 0 ? best : 0;
    return met;
}

bool
index_lists(const struct release_index *x, const struct statement *s)
{
    for (size_t i = 0; i < x->current_count; i++)
        if (same_hash(x->current[i].sha256, s->sha256) &&
            x->current[i].sequence == s->release.sequence)
            return true;
    return false;
}

/*
 * Young by two clocks: a quorum of witnesses saw it lately, so its publisher did not make
 * it ahead of time; and it was made lately, so nobody proves an old one anew.
 */
static bool
is_young(const struct judging *j, const struct opened *o, int64_t *ret_age)
{
    const struct release_index *x = &o->statement.index;
    const int64_t now = j->given->now_s, most = j->rule->max_index_age_s;

    if (!is_within(now, x->not_before_s, x->not_after_s) ||
        !witnessed_age(j, o, ret_age))
        return false;
    if (now - x->not_before_s > *ret_age)
        *ret_age = now - x->not_before_s;
    return *ret_age <= most;
}

/* Of the young ones of enough publishers the one with the highest sequence; none that goes back. */
const struct opened *
index_find(const struct judging *j, int64_t *ret_age)
{
    const struct opened *found = NULL;

    for (size_t i = 0; i < j->count; i++) {
        const struct opened *o = &j->opened[i];
        const uint64_t sequence = o->statement.index.sequence;
        int64_t age;

        if (!is_index_of(j, o) || sequence < j->given->highest_index ||
            !is_young(j, o, &age) ||
            count_publishers(j, o->statement.sha256) < j->rule->threshold ||
            (found != NULL &&
                (found->statement.index.sequence > sequence ||
                    (found->statement.index.sequence == sequence && *ret_age <= age))))
            continue;
        found = o;
        *ret_age = age;
    }
    return found;
}

enum selfsame_code
index_remember(const struct judging *j, struct release_outcome *ret)
{
    size_t room = 0;

    for (size_t i = 0; i < j->count; i++)
        if (is_index_of(j, &j->opened[i]) && j->opened[i].publishers != 0)
            room += j->opened[i].statement.index.revoked_count;
    ret->revoked = arena_alloc(j->arena, 32, room + 1);
    if (ret->revoked == NULL)
        FAIL(j->e, SELFSAME_NOMEM, "release: out of memory");
    for (size_t i = 0; i < j->count; i++) {
        const struct opened *o = &j->opened[i];
        const struct release_index *x = &o->statement.index;

        if (!is_index_of(j, o) || o->publishers == 0)
            continue;
        if (x->sequence > ret->index &&
            is_within(j->given->now_s, x->not_before_s, x->not_after_s) &&
            count_publishers(j, o->statement.sha256) >= j->rule->threshold)
            ret->index = x->sequence;
        for (size_t k = 0; k < x->revoked_count; k++)
            memcpy(ret->revoked[ret->revoked_count++], x->revoked[k].sha256, 32);
    }
    return SELFSAME_OK;
}
