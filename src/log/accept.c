/* SPDX-License-Identifier: Apache-2.0 */
#include "log/accept.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *word;
    enum selfsame_code code;
    const char *remedy; /* NULL: the class's */
} errors[] = {
    [RELEASE_TRUSTED] = { "TRUSTED", SELFSAME_OK, NULL },
    [RELEASE_PROOF_MISSING] = { "PROOF_MISSING", SELFSAME_LOG,
        "Give the proof that was published with the release: --release "
        "NAME-VERSION.tlog-proof." },
    [RELEASE_PROOF_MALFORMED] = { "PROOF_MALFORMED", SELFSAME_MALFORMED,
        "Get the file again; it is no proof as it is." },
    [RELEASE_LOG_UNKNOWN] = { "LOG_UNKNOWN", SELFSAME_LOG,
        "Do not use it: it is in a log that you do not trust. If you mean to, add the "
        "log to the trust policy." },
    [RELEASE_LOG_SIG] = { "LOG_SIG", SELFSAME_LOG,
        "Do not use it: whoever made this proof has not the key of the log or of a "
        "witness." },
    [RELEASE_QUORUM] = { "QUORUM", SELFSAME_LOG,
        "Do not use it: too few witnesses saw it. Get a later proof with `selfsame "
        "prove`, or ask the author." },
    [RELEASE_INCLUSION] = { "INCLUSION", SELFSAME_LOG,
        "Do not use it, and tell the operators of monitors: the log does not hold this "
        "entry where it says." },
    [RELEASE_NOT_CANONICAL] = { "NOT_CANONICAL", SELFSAME_MALFORMED,
        "Ask the author for a release as `selfsame publish` makes it." },
    [RELEASE_WRONG_NAME] = { "WRONG_NAME", SELFSAME_DENIED,
        "Give the proof of the release that the policy names." },
    [RELEASE_PUBLISHER_SIG] = { "PUBLISHER_SIG", SELFSAME_LOG,
        "Do not use it: the publishers of the policy did not sign it, or not enough of "
        "them did." },
    [RELEASE_EXPIRED] = { "EXPIRED", SELFSAME_STALE,
        "Get a current release, and check the clock of this machine." },
    [RELEASE_ROLLBACK] = { "ROLLBACK", SELFSAME_STALE,
        "Do not use it: a later release was accepted before. Get the later one." },
    [RELEASE_REVOKED] = { "REVOKED", SELFSAME_REVOKED,
        "Do not use it: its author withdrew it. Get the release that took its place." },
    [RELEASE_STALE_INDEX] = { "STALE_INDEX", SELFSAME_STALE,
        "Get the index anew (`selfsame prove INDEX`) and give it with --release." },
    [RELEASE_REBUILDERS] = { "REBUILDERS", SELFSAME_LOG,
        "Give proofs of rebuilds with --release, or rebuild it yourself: `selfsame "
        "rebuild`." },
    [RELEASE_MEASUREMENT_MISMATCH] = { "MEASUREMENT_MISMATCH", SELFSAME_MISMATCH,
        NULL },
};

const char *
release_error_word(enum release_error x)
{
    return (size_t)x < COUNT(errors) ? errors[x].word : "UNKNOWN";
}

enum selfsame_code
release_error_code(enum release_error x)
{
    return (size_t)x < COUNT(errors) ? errors[x].code : SELFSAME_INTERNAL;
}

bool
release_error_is_of_log(enum release_error x)
{
    return x >= RELEASE_PROOF_MISSING && x <= RELEASE_INCLUSION;
}

/* A proof that holds: what it proves to be in the log, by whomever it is signed. */
struct opened {
    struct log_proof proof;
    struct checkpoint checkpoint;
    uint64_t witnesses;
    int64_t *times; /* by witness */
    struct envelope envelope;
    struct statement statement;
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

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "release: out of memory");
}

enum selfsame_code
release_error_set(struct selfsame_err *e, enum release_error x, const char *text)
{
    char copy[SELFSAME_ERR_TEXT]; /* text may be e's own */

    (void)snprintf(copy, sizeof(copy), "%.*s", (int)sizeof(copy) - 1, text);
    *e = (struct selfsame_err){ 0 };
    const enum selfsame_code code = err_set(e, release_error_code(x), __FILE__,
        __LINE__, "%s: %.130s", release_error_word(x), copy);
    if ((size_t)x < COUNT(errors) && errors[x].remedy != NULL)
        err_remedy(e, errors[x].remedy);
    return code;
}

/* Keeps the failure that got farthest; its class is the word's. */
static void
note_failure(struct judging *j, enum release_error x, const struct selfsame_err *e)
{
    if (x < j->error)
        return;
    j->error = x;
    (void)release_error_set(j->e, x, err_text(e));
}

SELFSAME_PRINTF(3, 4)
static bool
refuse(struct judging *j, enum release_error x, const char *fmt, ...)
{
    struct selfsame_err e = { 0 };
    char text[SELFSAME_ERR_TEXT];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)err_set(&e, release_error_code(x), __FILE__, __LINE__, "%s", text);
    note_failure(j, x, &e);
    return false;
}

/* ---- 1: what the log proves ---- */

static enum selfsame_code
open_checkpoint(struct judging *j, struct opened *o, enum release_error *ret_error,
    struct selfsame_err *e)
{
    static const enum release_error words[] = {
        [LOG_REFUSED_FORM] = RELEASE_PROOF_MALFORMED,
        [LOG_REFUSED_UNKNOWN] = RELEASE_LOG_UNKNOWN,
        [LOG_REFUSED_SIGNATURE] = RELEASE_LOG_SIG,
        [LOG_REFUSED_QUORUM] = RELEASE_QUORUM,
    };
    enum log_refusal why = LOG_REFUSED_NOT;

    o->times = ARENA_NEW(j->arena, int64_t, POLICY_WITNESSES);
    if (o->times == NULL)
        return nomem(e);
    enum selfsame_code code = log_policy_judge(j->rule->trust, o->proof.checkpoint,
        j->arena, &o->checkpoint, &o->witnesses, o->times, &why, e);
    if (code != SELFSAME_OK)
        *ret_error = words[why];
    return code;
}

static enum selfsame_code
open_proof(struct judging *j, struct selfsame_bytes in, struct opened *o,
    enum release_error *ret_error, struct selfsame_err *e)
{
    uint8_t leaf[LOG_HASH];

    *ret_error = RELEASE_PROOF_MALFORMED;
    TRY(proof_parse(in, j->arena, &o->proof, e));
    if (!o->proof.has_extra)
        FAIL(e, SELFSAME_MALFORMED,
            "expected the envelope behind \"extra\", got a proof without one");
    TRY(open_checkpoint(j, o, ret_error, e));
    *ret_error = RELEASE_INCLUSION;
    if (!merkle_leaf(o->proof.extra, leaf))
        return nomem(e);
    TRY(merkle_check_inclusion(o->proof.index, o->checkpoint.size, leaf, o->proof.path,
        o->checkpoint.root, e));
    *ret_error = RELEASE_NOT_CANONICAL;
    return statement_of_envelope(
        o->proof.extra, j->arena, &o->envelope, &o->statement, e);
}

static enum selfsame_code
open_all(struct judging *j)
{
    j->opened = ARENA_NEW(j->arena, struct opened, j->given->proof_count + 1);
    if (j->opened == NULL)
        return nomem(j->e);
    for (size_t i = 0; i < j->given->proof_count; i++) {
        struct selfsame_err e = { 0 };
        enum release_error why = RELEASE_PROOF_MALFORMED;
        enum selfsame_code code = open_proof(
            j, j->given->proofs[i], &j->opened[j->count], &why, &e);

        if (code == SELFSAME_NOMEM)
            return nomem(j->e);
        if (code == SELFSAME_OK)
            j->count++;
        else
            note_failure(j, why, &e);
    }
    return SELFSAME_OK;
}

/* ---- 2: who says it ---- */

/* How many of these keys signed this statement, each in an entry of its own. */
static enum selfsame_code
count_signers(struct judging *j, const uint8_t sha256[32],
    const struct selfsame_bytes *keys, size_t key_count, size_t *ret)
{
    size_t n = 0;

    for (size_t k = 0; k < key_count; k++) {
        bool signed_it = false;

        for (size_t i = 0; i < j->count && !signed_it; i++) {
            struct selfsame_err ignored;

            if (!bytes_eq(BYTES(j->opened[i].statement.sha256, 32), BYTES(sha256, 32)))
                continue;
            enum selfsame_code code = envelope_verify(
                &j->opened[i].envelope, keys[k], j->arena, &ignored);
            if (code == SELFSAME_NOMEM)
                return nomem(j->e);
            signed_it = code == SELFSAME_OK;
        }
        n += signed_it;
    }
    *ret = n;
    return SELFSAME_OK;
}

static enum selfsame_code
signed_by(struct judging *j, const struct opened *o, const struct selfsame_bytes *keys,
    size_t key_count, bool *ret)
{
    *ret = false;
    for (size_t k = 0; k < key_count && !*ret; k++) {
        struct selfsame_err ignored;
        enum selfsame_code code = envelope_verify(
            &o->envelope, keys[k], j->arena, &ignored);

        if (code == SELFSAME_NOMEM)
            return nomem(j->e);
        *ret = code == SELFSAME_OK;
    }
    return SELFSAME_OK;
}

/* ---- 3: what the index says ---- */

static bool
is_index_of(const struct judging *j, const struct opened *o)
{
    return o->statement.kind == STATEMENT_INDEX &&
           strcmp(o->statement.index.name, j->rule->name) == 0;
}

/* One publisher is enough to revoke, and no age makes that undone. */
static enum selfsame_code
find_revocation(
    struct judging *j, const uint8_t sha256[32], const struct index_revoked **ret)
{
    *ret = NULL;
    for (size_t i = 0; i < j->count; i++) {
        const struct opened *o = &j->opened[i];
        const struct release_index *x = &o->statement.index;
        bool ours;

        if (!is_index_of(j, o))
            continue;
        TRY(signed_by(j, o, j->rule->publishers, j->rule->publisher_count, &ours));
        for (size_t k = 0; ours && k < x->revoked_count; k++)
            if (bytes_eq(BYTES(x->revoked[k].sha256, 32), BYTES(sha256, 32)))
                *ret = &x->revoked[k];
    }
    return SELFSAME_OK;
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

static bool
lists(const struct release_index *x, const struct statement *s)
{
    for (size_t i = 0; i < x->current_count; i++)
        if (bytes_eq(BYTES(x->current[i].sha256, 32), BYTES(s->sha256, 32)) &&
            x->current[i].sequence == s->release.sequence)
            return true;
    return false;
}

static bool
is_within(int64_t now, int64_t from, int64_t to)
{
    return now >= from - RELEASE_SKEW_S && now <= to + RELEASE_SKEW_S;
}

/* An index that a quorum saw lately; of those the one with the highest sequence counts. */
static enum selfsame_code
find_index(struct judging *j, const struct opened **ret, int64_t *ret_age)
{
    *ret = NULL;
    for (size_t i = 0; i < j->count; i++) {
        const struct opened *o = &j->opened[i];
        const struct release_index *x = &o->statement.index;
        int64_t age;
        size_t signers;

        if (!is_index_of(j, o) ||
            !is_within(j->given->now_s, x->not_before_s, x->not_after_s) ||
            !witnessed_age(j, o, &age) || age > j->rule->max_index_age_s)
            continue;
        TRY(count_signers(j, o->statement.sha256, j->rule->publishers,
            j->rule->publisher_count, &signers));
        if (signers < j->rule->threshold ||
            (*ret != NULL && (*ret)->statement.index.sequence >= x->sequence))
            continue;
        *ret = o;
        *ret_age = age;
    }
    return SELFSAME_OK;
}

/* ---- 4: one release ---- */

static enum selfsame_code
judge_index(
    struct judging *j, const struct statement *s, struct release_accepted *a, bool *ret)
{
    const struct index_revoked *revoked;
    const struct opened *index = NULL;

    *ret = false;
    TRY(find_revocation(j, s->sha256, &revoked));
    if (revoked != NULL) {
        (void)refuse(j, RELEASE_REVOKED, "%s %s was revoked: %.80s", s->release.name,
            s->release.version, revoked->reason);
        return SELFSAME_OK;
    }
    *ret = true;
    if (j->rule->max_index_age_s <= 0)
        return SELFSAME_OK;
    TRY(find_index(j, &index, &a->index_age_s));
    a->has_index_age = index != NULL;
    if (index == NULL)
        *ret = refuse(j, RELEASE_STALE_INDEX,
            "expected an index of %s that witnesses saw in the last %lld seconds, got "
            "none",
            s->release.name, (long long)j->rule->max_index_age_s);
    else if (!lists(&index->statement.index, s))
        *ret = refuse(j, RELEASE_STALE_INDEX,
            "the index of %s does not list version %s as current", s->release.name,
            s->release.version);
    return SELFSAME_OK;
}

enum selfsame_code
release_check_times(const struct release_rule *rule, const struct release_given *given,
    const struct release *r, enum release_error *ret_error, struct selfsame_err *e)
{
    const uint64_t least = rule->min_sequence > given->highest ? rule->min_sequence
                                                               : given->highest;
    char from[TIME_TEXT], to[TIME_TEXT], text[256];

    *ret_error = RELEASE_TRUSTED;
    time_format(r->not_before_s, from);
    time_format(r->not_after_s, to);
    if (!is_within(given->now_s, r->not_before_s, r->not_after_s)) {
        *ret_error = RELEASE_EXPIRED;
        (void)snprintf(text, sizeof(text), "%.40s %.40s is valid from %s to %s",
            r->name, r->version, from, to);
    } else if (r->sequence < least) {
        *ret_error = RELEASE_ROLLBACK;
        (void)snprintf(text, sizeof(text),
            "expected sequence %llu or later of %.40s, got %llu (%.40s)",
            (unsigned long long)least, r->name, (unsigned long long)r->sequence,
            r->version);
    }
    return *ret_error == RELEASE_TRUSTED ? SELFSAME_OK
                                         : release_error_set(e, *ret_error, text);
}

static bool
judge_times(struct judging *j, const struct release *r)
{
    struct selfsame_err e = { 0 };
    enum release_error x;

    if (release_check_times(j->rule, j->given, r, &x, &e) == SELFSAME_OK)
        return true;
    if (x >= j->error) {
        j->error = x;
        *j->e = e;
    }
    return false;
}

/* Distinct rebuilders that got the same from the source. */
static enum selfsame_code
count_rebuilders(struct judging *j, const uint8_t sha256[32], size_t *ret)
{
    size_t n = 0;

    for (size_t k = 0; k < j->rule->rebuilder_count; k++) {
        bool good = false;

        for (size_t i = 0; i < j->count && !good; i++) {
            const struct opened *o = &j->opened[i];

            if (o->statement.kind == STATEMENT_REBUILD &&
                o->statement.rebuild.result == REBUILD_IDENTICAL &&
                bytes_eq(BYTES(o->statement.rebuild.statement, 32), BYTES(sha256, 32)))
                TRY(signed_by(j, o, &j->rule->rebuilders[k], 1, &good));
        }
        n += good;
    }
    *ret = n;
    return SELFSAME_OK;
}

static enum selfsame_code
judge_release(
    struct judging *j, const struct opened *o, struct release_accepted *a, bool *ret)
{
    const struct statement *s = &o->statement;
    const struct release_rule *rule = j->rule;

    *ret = false;
    TRY(count_signers(
        j, s->sha256, rule->publishers, rule->publisher_count, &a->publishers));
    if (rule->threshold == 0 || a->publishers < rule->threshold) {
        (void)refuse(j, RELEASE_PUBLISHER_SIG,
            "expected %s %s signed by %zu of %zu publishers, got %zu", s->release.name,
            s->release.version, rule->threshold, rule->publisher_count, a->publishers);
        return SELFSAME_OK;
    }
    if (!judge_times(j, &s->release))
        return SELFSAME_OK;
    TRY(judge_index(j, s, a, ret));
    if (!*ret)
        return SELFSAME_OK;
    TRY(count_rebuilders(j, s->sha256, &a->rebuilders));
    if (a->rebuilders < rule->min_rebuilders)
        *ret = refuse(j, RELEASE_REBUILDERS,
            "expected %s %s rebuilt alike by %zu of %zu rebuilders, got %zu",
            s->release.name, s->release.version, rule->min_rebuilders,
            rule->rebuilder_count, a->rebuilders);
    return SELFSAME_OK;
}

/* ---- all of them ---- */

static bool
is_known(const struct release_accepted *all, size_t count, const uint8_t sha256[32])
{
    for (size_t i = 0; i < count; i++)
        if (bytes_eq(BYTES(all[i].statement.sha256, 32), BYTES(sha256, 32)))
            return true;
    return false;
}

static enum selfsame_code
fill(struct release_accepted *a, const struct opened *o, struct arena *arena,
    struct selfsame_err *e)
{
    a->statement = o->statement;
    a->origin = arena_str(arena, o->checkpoint.origin);
    a->index = o->proof.index;
    a->log_size = o->checkpoint.size;
    a->witnesses = (size_t)__builtin_popcountll(o->witnesses);
    return a->origin != NULL ? SELFSAME_OK : nomem(e);
}

static void
insert(struct release_accepted *all, size_t count, const struct release_accepted *a)
{
    size_t at = count;

    while (at > 0 &&
           all[at - 1].statement.release.sequence < a->statement.release.sequence) {
        all[at] = all[at - 1];
        at--;
    }
    all[at] = *a;
}

static enum selfsame_code
judge_all(struct judging *j, struct release_accepted *all, size_t *ret_count)
{
    size_t n = 0;

    for (size_t i = 0; i < j->count; i++) {
        const struct opened *o = &j->opened[i];
        struct release_accepted a = { .publishers = 0 };
        bool good;

        if (o->statement.kind != STATEMENT_RELEASE ||
            is_known(all, n, o->statement.sha256))
            continue;
        if (strcmp(o->statement.release.name, j->rule->name) != 0) {
            (void)refuse(j, RELEASE_WRONG_NAME, "expected a release of %s, got %s",
                j->rule->name, o->statement.release.name);
            continue;
        }
        TRY(judge_release(j, o, &a, &good));
        if (!good)
            continue;
        TRY(fill(&a, o, j->arena, j->e));
        insert(all, n++, &a);
    }
    *ret_count = n;
    return SELFSAME_OK;
}

enum selfsame_code
release_accept(const struct release_rule *rule, const struct release_given *given,
    struct arena *arena, struct release_accepted **ret, size_t *ret_count,
    enum release_error *ret_error, struct selfsame_err *e)
{
    struct judging j = { .rule = rule, .given = given, .arena = arena, .e = e };
    struct release_accepted *all = ARENA_NEW(
        arena, struct release_accepted, given->proof_count + 1);

    if (all == NULL)
        return nomem(e);
    if (given->proof_count > RELEASE_PROOFS)
        FAIL(e, SELFSAME_USAGE, "expected at most %d proofs of releases, got %zu",
            (int)RELEASE_PROOFS, given->proof_count);
    (void)refuse(&j, RELEASE_PROOF_MISSING,
        "expected the proof of a release of %s, got none", rule->name);
    TRY(open_all(&j));
    TRY(judge_all(&j, all, ret_count));
    if (*ret_count == 0) {
        *ret_error = j.error;
        return release_error_code(j.error);
    }
    *ret = all;
    *ret_error = RELEASE_TRUSTED;
    *e = (struct selfsame_err){ 0 };
    return SELFSAME_OK;
}
