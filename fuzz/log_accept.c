/* SPDX-License-Identifier: Apache-2.0 */
#include "api/api.h"
#include "log/accept.h"

#include <stdlib.h>

/*
 * Statements, one a line, as a hostile author would sign them: each with a fixed key, in
 * a log of its own entry that fixed keys sign and cosign. What is accepted is what the
 * rule asks for, and its measurements become reference values or are refused.
 */
static const int64_t NOW = 1788393600; /* 2026-09-03 */
enum { LINES = 4 };
enum who { AUTHOR, REBUILDER, LOG, WITNESS };
static const char *const names[] = { [LOG] = "log.example", [WITNESS] = "w.example" };

static struct arena fixed;
static struct key *keys[4];
static struct selfsame_bytes spki[4];
static struct log_policy trust;

static void
must(bool good)
{
    if (!good)
        abort();
}

static const char *
vkey(enum who who, enum note_type type)
{
    struct selfsame_err e;
    struct note_key k;

    must(note_key_of(bytes_str(names[who]), type, keys[who], &fixed, &k, &e) ==
         SELFSAME_OK);
    return note_key_text(&k, &fixed);
}

static void
make_fixed(void)
{
    struct selfsame_err e;
    uint8_t seed[32];

    fixed = arena_new(1 << 20);
    for (size_t i = 0; i < COUNT(keys); i++) {
        memset(seed, (int)i + 1, sizeof(seed));
        must(key_from_seed(BYTES_ARR(seed), &keys[i], &e) == SELFSAME_OK &&
             key_spki(keys[i], &fixed, &spki[i], &e) == SELFSAME_OK);
    }
    const char *text = arena_printf(&fixed, "log %s\nwitness w %s\nquorum w\n",
        vkey(LOG, NOTE_ED25519), vkey(WITNESS, NOTE_COSIGNATURE));
    must(log_policy_parse(bytes_str(text), &fixed, &trust, &e) == SELFSAME_OK);
}

/* False: no envelope can hold it, or memory ran out. */
static bool
prove(struct selfsame_bytes payload, const struct key *signer, struct arena *arena,
    struct selfsame_bytes *ret)
{
    struct selfsame_err e;
    struct log_proof p = { .has_extra = true };
    struct checkpoint c = { .origin = bytes_str(names[LOG]), .size = 1 };
    char *by_log, *by_witness;

    if (envelope_make(BYTES_LIT(STATEMENT_PAYLOAD), payload, signer, arena, &p.extra,
            &e) != SELFSAME_OK)
        return false;
    must(merkle_leaf(p.extra, c.root));
    const char *text = checkpoint_text(&c, arena);
    if (text == NULL ||
        note_sign(bytes_str(text), c.origin, NOTE_ED25519, keys[LOG], 0, arena, &by_log,
            &e) != SELFSAME_OK ||
        note_sign(bytes_str(text), bytes_str(names[WITNESS]), NOTE_COSIGNATURE,
            keys[WITNESS], NOW, arena, &by_witness, &e) != SELFSAME_OK)
        return false;
    const char *note = arena_printf(arena, "%s\n%s%s", text, by_log, by_witness);
    if (note == NULL)
        return false;
    p.checkpoint = bytes_str(note);
    text = proof_text(&p, arena);
    *ret = text != NULL ? bytes_str(text) : BYTES_NONE;
    return text != NULL;
}

/* As a policy takes it over: every reference is one, or refused as a mistake. */
static void
add_references(const struct release *r, struct arena *arena)
{
    struct tee_facts facts[API_TEES];
    const size_t count = api_tee_facts(facts);
    struct policy with = { .tee_count = 0 };
    const struct identity id = { .release = r->name };

    for (size_t i = 0; i < r->reference_count; i++) {
        const struct release_reference *ref = &r->references[i];
        const size_t before = with.measurement_count;
        struct selfsame_err e;

        if (ref->unusable != NULL)
            continue;
        enum selfsame_code code = policy_add_reference(
            &with, ref->entry, ref->options, "release", &id, facts, count, arena, &e);
        must(code == SELFSAME_OK || code == SELFSAME_USAGE || code == SELFSAME_NOMEM);
        must(with.measurement_count == before + (code == SELFSAME_OK));
    }
}

static bool
is_revoked(const struct release_outcome *o, const uint8_t sha256[32])
{
    for (size_t i = 0; i < o->revoked_count; i++)
        if (bytes_eq(BYTES(o->revoked[i], 32), BYTES(sha256, 32)))
            return true;
    return false;
}

static void
check_accepted(const struct release_rule *rule, const struct release_accepted *a,
    struct arena *arena)
{
    const struct release *r = &a->statement.release;

    must(a->statement.kind == STATEMENT_RELEASE && strcmp(r->name, rule->name) == 0);
    must(r->sequence >= rule->min_sequence && r->not_before_s <= NOW + RELEASE_SKEW_S &&
         r->not_after_s >= NOW - RELEASE_SKEW_S);
    must(a->publishers == 1 && a->rebuilders >= rule->min_rebuilders &&
         a->has_index_age >= (rule->max_index_age_s > 0));
    add_references(r, arena);
}

/* What is to be remembered goes into `given`, as a client would keep it. */
static void
judge(const struct release_rule *rule, struct release_given *given, struct arena *arena)
{
    struct release_outcome o = { .accepted = NULL };
    struct selfsame_err e = { 0 };

    enum selfsame_code code = release_judge(rule, given, arena, &o, &e);
    must(code == SELFSAME_OK || e.depth > 0);
    if (code == SELFSAME_NOMEM)
        return;
    must((code == SELFSAME_OK) == (o.accepted_count > 0));
    must(code == SELFSAME_OK || o.error != RELEASE_TRUSTED);
    for (size_t i = 0; i < o.accepted_count; i++) {
        check_accepted(rule, &o.accepted[i], arena);
        must(!is_revoked(&o, o.accepted[i].statement.sha256));
    }
    for (size_t i = 0; i < o.refused_count; i++)
        must(o.refused[i].error != RELEASE_TRUSTED && o.refused[i].err.depth > 0);
    must(o.index == 0 || o.index >= given->highest_index);
    given->highest_index = o.index;
    given->revoked = (const uint8_t(*)[32])o.revoked;
    given->revoked_count = o.revoked_count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(32 << 20);
    struct selfsame_bytes rest = BYTES(data, size), line, proofs[LINES];
    struct release_rule rule = { .name = "n",
        .trust = &trust,
        .publishers = &spki[AUTHOR],
        .publisher_count = 1,
        .threshold = 1,
        .rebuilders = &spki[REBUILDER],
        .rebuilder_count = 1 };
    struct release_given given = { .proofs = proofs, .now_s = NOW };

    if (keys[0] == NULL)
        make_fixed();
    while (given.proof_count < LINES && bytes_line(&rest, &line)) {
        struct selfsame_err e;
        struct statement s = { .kind = 0 };
        enum who who = AUTHOR;

        if (statement_parse(line, &arena, &s, &e) == SELFSAME_OK &&
            s.kind == STATEMENT_REBUILD)
            who = REBUILDER;
        if (s.kind == STATEMENT_RELEASE)
            rule.name = s.release.name;
        given.proof_count += prove(line, keys[who], &arena, &proofs[given.proof_count]);
    }
    judge(&rule, &given, &arena);
    rule.min_sequence = 1;
    rule.max_index_age_s = 86400;
    rule.min_rebuilders = 1;
    judge(&rule, &given, &arena);
    return 0;
}
