/* SPDX-License-Identifier: Apache-2.0 */
#include "log/accept_parts.h"

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
        "Get the latest index from the author and give it with --release." },
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
static enum release_error
refuse(struct selfsame_err *e, enum release_error x, const char *fmt, ...)
{
    char text[SELFSAME_ERR_TEXT];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)release_error_set(e, x, text);
    return x;
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
    *ret_error = RELEASE_PROOF_MALFORMED;
    TRY(proof_parse(in, j->arena, &o->proof, e));
    if (!o->proof.has_extra)
        FAIL(e, SELFSAME_MALFORMED,
            "expected the envelope behind \"extra\", got a proof without one");
    TRY(open_checkpoint(j, o, ret_error, e));
    *ret_error = RELEASE_INCLUSION;
    if (!merkle_leaf(o->proof.extra, o->leaf))
        return nomem(e);
    TRY(merkle_check_inclusion(o->proof.index, o->checkpoint.size, o->leaf,
        o->proof.path, o->checkpoint.root, e));
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

/* Which of these keys signed it: the one whose id it names, so one signature is checked. */
static enum selfsame_code
signers_of(const struct opened *o, const struct selfsame_bytes *keys, size_t key_count,
    uint32_t *ret, struct selfsame_err *e)
{
    auto_arena scratch = arena_new(4 * ENTRY_MAX);

    *ret = 0;
    for (size_t k = 0; k < key_count && k < RELEASE_KEYS; k++) {
        uint8_t id[HASH_MAX];
        char hex[65];
        struct selfsame_err ignored;

        if (!hash_bytes(HASH_SHA256, keys[k], id))
            return nomem(e);
        hex_encode(BYTES(id, 32), hex);
        if (!bytes_eq(bytes_str(hex), o->envelope.keyid))
            continue;
        enum selfsame_code code = envelope_verify(
            &o->envelope, keys[k], &scratch, &ignored);
        if (code == SELFSAME_NOMEM)
            return nomem(e);
        if (code == SELFSAME_OK)
            *ret |= UINT32_C(1) << k;
    }
    return SELFSAME_OK;
}

/* The same entry under several checkpoints was signed once. */
static const struct opened *
seen_before(const struct judging *j, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_hash(j->opened[k].leaf, j->opened[i].leaf))
            return &j->opened[k];
    return NULL;
}

static enum selfsame_code
find_signers(struct judging *j)
{
    for (size_t i = 0; i < j->count; i++) {
        struct opened *o = &j->opened[i];
        const struct opened *same = seen_before(j, i);

        if (same != NULL) {
            o->publishers = same->publishers;
            o->rebuilders = same->rebuilders;
            continue;
        }
        TRY(signers_of(
            o, j->rule->publishers, j->rule->publisher_count, &o->publishers, j->e));
        TRY(signers_of(
            o, j->rule->rebuilders, j->rule->rebuilder_count, &o->rebuilders, j->e));
    }
    return SELFSAME_OK;
}

size_t
count_publishers(const struct judging *j, const uint8_t sha256[32])
{
    uint32_t all = 0;

    for (size_t i = 0; i < j->count; i++)
        if (same_hash(j->opened[i].statement.sha256, sha256))
            all |= j->opened[i].publishers;
    return (size_t)__builtin_popcount(all);
}

/* ---- 3: one release ---- */

static enum release_error
judge_index(const struct judging *j, const struct statement *s,
    struct release_accepted *a, struct selfsame_err *e)
{
    const char *reason = index_why_revoked(j, s->sha256);

    if (reason != NULL)
        return refuse(e, RELEASE_REVOKED, "%.40s %.40s was revoked: %.60s",
            s->release.name, s->release.version, reason);
    if (j->rule->max_index_age_s <= 0)
        return RELEASE_TRUSTED;
    const struct opened *index = index_find(j, &a->index_age_s);
    a->has_index_age = index != NULL;
    if (index == NULL)
        return refuse(e, RELEASE_STALE_INDEX,
            "expected an index of %.40s, made and witnessed in the last %lld seconds, "
            "got none",
            s->release.name, (long long)j->rule->max_index_age_s);
    if (!index_lists(&index->statement.index, s))
        return refuse(e, RELEASE_STALE_INDEX,
            "the index of %.40s does not list version %.40s as current",
            s->release.name, s->release.version);
    return RELEASE_TRUSTED;
}

enum selfsame_code
release_check_times(const struct release_rule *rule, const struct release_given *given,
    const struct release *r, enum release_error *ret_error, struct selfsame_err *e)
{
    const uint64_t least = rule->min_sequence > given->highest ? rule->min_sequence
                                                               : given->highest;
    char from[TIME_TEXT], to[TIME_TEXT];

    *ret_error = RELEASE_TRUSTED;
    time_format(r->not_before_s, from);
    time_format(r->not_after_s, to);
    if (!is_within(given->now_s, r->not_before_s, r->not_after_s))
        *ret_error = refuse(e, RELEASE_EXPIRED, "%.40s %.40s is valid from %s to %s",
            r->name, r->version, from, to);
    else if (r->sequence < least)
        *ret_error = refuse(e, RELEASE_ROLLBACK,
            "expected sequence %llu or later of %.40s, got %llu (%.40s)",
            (unsigned long long)least, r->name, (unsigned long long)r->sequence,
            r->version);
    return release_error_code(*ret_error);
}

/* Distinct rebuilders that got the same from the source. */
static size_t
count_rebuilders(const struct judging *j, const uint8_t sha256[32])
{
    uint32_t all = 0;

    for (size_t i = 0; i < j->count; i++) {
        const struct statement *s = &j->opened[i].statement;

        if (s->kind == STATEMENT_REBUILD && s->rebuild.result == REBUILD_IDENTICAL &&
            same_hash(s->rebuild.statement, sha256))
            all |= j->opened[i].rebuilders;
    }
    return (size_t)__builtin_popcount(all);
}

static enum release_error
judge_release(const struct judging *j, const struct statement *s,
    struct release_accepted *a, struct selfsame_err *e)
{
    const struct release_rule *rule = j->rule;
    enum release_error x;

    a->publishers = count_publishers(j, s->sha256);
    if (rule->threshold == 0 || a->publishers < rule->threshold)
        return refuse(e, RELEASE_PUBLISHER_SIG,
            "expected %.40s %.40s signed by %zu of %zu publishers, got %zu",
            s->release.name, s->release.version, rule->threshold, rule->publisher_count,
            a->publishers);
    if (release_check_times(rule, j->given, &s->release, &x, e) != SELFSAME_OK)
        return x;
    x = judge_index(j, s, a, e);
    if (x != RELEASE_TRUSTED)
        return x;
    a->rebuilders = count_rebuilders(j, s->sha256);
    if (a->rebuilders < rule->min_rebuilders)
        return refuse(e, RELEASE_REBUILDERS,
            "expected %.40s %.40s rebuilt alike by %zu of %zu rebuilders, got %zu",
            s->release.name, s->release.version, rule->min_rebuilders,
            rule->rebuilder_count, a->rebuilders);
    return RELEASE_TRUSTED;
}

/* ---- all of them ---- */

/* A statement is judged once, with everybody who signed it. */
static bool
is_judged(const struct judging *j, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (same_hash(j->opened[k].statement.sha256, j->opened[i].statement.sha256))
            return true;
    return false;
}

static enum selfsame_code
fill(const struct judging *j, struct release_accepted *a, const struct opened *o)
{
    a->statement = o->statement;
    a->origin = arena_str(j->arena, o->checkpoint.origin);
    a->index = o->proof.index;
    a->log_size = o->checkpoint.size;
    a->witnesses = (size_t)__builtin_popcountll(o->witnesses);
    return a->origin != NULL ? SELFSAME_OK : nomem(j->e);
}

static void
insert(struct release_outcome *x, const struct release_accepted *a)
{
    size_t at = x->accepted_count++;

    while (at > 0 && x->accepted[at - 1].statement.release.sequence <
                         a->statement.release.sequence) {
        x->accepted[at] = x->accepted[at - 1];
        at--;
    }
    x->accepted[at] = *a;
}

static enum selfsame_code
judge_one(struct judging *j, const struct opened *o, struct release_outcome *ret)
{
    struct release_accepted a = { .publishers = 0 };
    struct selfsame_err e = { 0 };

    if (strcmp(o->statement.release.name, j->rule->name) != 0) {
        (void)refuse(&e, RELEASE_WRONG_NAME, "expected a release of %.50s, got %.50s",
            j->rule->name, o->statement.release.name);
        if (j->error < RELEASE_WRONG_NAME) {
            j->error = RELEASE_WRONG_NAME;
            *j->e = e;
        }
        return SELFSAME_OK;
    }
    const enum release_error x = judge_release(j, &o->statement, &a, &e);
    TRY(fill(j, &a, o));
    if (x == RELEASE_TRUSTED) {
        insert(ret, &a);
        return SELFSAME_OK;
    }
    if (x > RELEASE_PUBLISHER_SIG) /* a stranger's word says nothing of evidence */
        ret->refused[ret->refused_count++] = (struct release_refused){
            .release = a, .error = x, .err = e
        };
    if (x >= j->error) {
        j->error = x;
        *j->e = e;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
judge_all(struct judging *j, struct release_outcome *ret)
{
    for (size_t i = 0; i < j->count; i++)
        if (j->opened[i].statement.kind == STATEMENT_RELEASE && !is_judged(j, i))
            TRY(judge_one(j, &j->opened[i], ret));
    return SELFSAME_OK;
}

enum selfsame_code
release_judge(const struct release_rule *rule, const struct release_given *given,
    struct arena *arena, struct release_outcome *ret, struct selfsame_err *e)
{
    struct judging j = { .rule = rule, .given = given, .arena = arena, .e = e };
    struct release_outcome x = { .error = RELEASE_TRUSTED };

    x.accepted = ARENA_NEW(arena, struct release_accepted, given->proof_count + 1);
    x.refused = ARENA_NEW(arena, struct release_refused, given->proof_count + 1);
    if (x.accepted == NULL || x.refused == NULL)
        return nomem(e);
    if (given->proof_count > RELEASE_PROOFS)
        FAIL(e, SELFSAME_USAGE, "expected at most %d proofs of releases, got %zu",
            (int)RELEASE_PROOFS, given->proof_count);
    j.error = refuse(e, RELEASE_PROOF_MISSING,
        "expected the proof of a release of %.60s, got none", rule->name);
    TRY(open_all(&j));
    TRY(find_signers(&j));
    TRY(judge_all(&j, &x));
    TRY(index_remember(&j, &x));
    if (x.accepted_count == 0)
        x.error = j.error;
    else
        *e = (struct selfsame_err){ 0 };
    *ret = x;
    return release_error_code(x.error);
}

enum selfsame_code
release_accept(const struct release_rule *rule, const struct release_given *given,
    struct arena *arena, struct release_accepted **ret, size_t *ret_count,
    enum release_error *ret_error, struct selfsame_err *e)
{
    struct release_outcome x = { .error = RELEASE_TRUSTED };
    enum selfsame_code code = release_judge(rule, given, arena, &x, e);

    *ret = x.accepted;
    *ret_count = x.accepted_count;
    *ret_error = x.error;
    return code;
}
