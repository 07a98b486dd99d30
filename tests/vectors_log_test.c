/* SPDX-License-Identifier: Apache-2.0 */
#include "vector_file.h"

#include "codec/json.h"
#include "log/accept.h"

#include <selfsame/log.h>

/* Every file of vectors/log; the form is in vectors/README.md. */

/* ---- fields ---- */

static const uint8_t *
hash(const struct vector *v, const char *name, struct arena *arena)
{
    struct selfsame_bytes raw = vector_bytes(v, name, arena);

    if (raw.len != LOG_HASH)
        fail_msg("%s: %s is no hash", v->path, name);
    return raw.ptr;
}

/* A string of JSON. */
static struct selfsame_bytes
unquoted(const struct vector *v, const char *name, struct arena *arena)
{
    const char *text = arena_printf(arena, "[%s]", vector_need(v, name));
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;

    assert_code(json_parse(bytes_str(text), name, &j, &e), SELFSAME_OK, &e);
    const char *value = json_string_value(json_array_get(j, 0));
    assert_non_null(value);
    return bytes_str(arena_str(arena, bytes_str(value)));
}

/* Verifier keys, with one space between. */
static size_t
keys_of(const struct vector *v, struct note_key *ret, struct arena *arena)
{
    const char *at = vector_need(v, "keys");
    size_t n = 0;

    while (*at != '\0') {
        size_t len = strcspn(at, " ");
        struct selfsame_err e = { 0 };

        assert_true(n < NOTE_KEYS);
        assert_code(
            note_key_parse(BYTES((const uint8_t *)at, len), arena, &ret[n++], &e),
            SELFSAME_OK, &e);
        at += len + (at[len] == ' ');
    }
    return n;
}

/* Lines of 44 characters; nothing else stands in the path of a vector. */
static enum selfsame_code
path_of(struct selfsame_bytes text, struct arena *arena, struct merkle_path *ret,
    struct selfsame_err *e)
{
    uint8_t *hashes = arena_alloc(arena, LOG_HASH, LOG_PATH_MAX);
    struct selfsame_bytes line;
    size_t len;

    assert_non_null(hashes);
    *ret = (struct merkle_path){ hashes, 0 };
    while (text.len > 0)
        if (!bytes_line(&text, &line) || ret->count == LOG_PATH_MAX ||
            !base64_decode((const char *)line.ptr, line.len, false,
                hashes + LOG_HASH * ret->count++, LOG_HASH, &len) ||
            len != LOG_HASH)
            FAIL(e, SELFSAME_MALFORMED, "path: expected lines of hashes");
    return SELFSAME_OK;
}

/* ---- notes ---- */

static enum selfsame_code
run_note(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct note_key keys[NOTE_KEYS];
    size_t count = keys_of(v, keys, arena);
    uint64_t good;
    struct note n;

    (void)o;
    TRY(note_parse(in, arena, &n, e));
    return note_verify(&n, keys, count, &good, NULL, e);
}

static enum selfsame_code
run_key(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct note_key k;

    (void)v;
    (void)o;
    TRY(note_key_parse(in, arena, &k, e));
    assert_bytes(bytes_str(note_key_text(&k, arena)), in);
    return SELFSAME_OK;
}

static enum selfsame_code
run_checkpoint(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    const char *trust = arena_printf(
        arena, "log %s\nquorum none\n", vector_need(v, "keys"));
    struct log_policy policy;
    struct checkpoint c;
    uint64_t witnesses;

    (void)o;
    assert_code(log_policy_parse(bytes_str(trust), arena, &policy, e), SELFSAME_OK, e);
    return log_policy_open(&policy, in, arena, &c, &witnesses, NULL, e);
}

static enum selfsame_code
run_cosignature(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct note_key keys[NOTE_KEYS];
    int64_t times[NOTE_KEYS] = { 0 };
    size_t count = keys_of(v, keys, arena);
    struct checkpoint c;
    uint64_t good;
    struct note n;

    (void)o;
    TRY(note_parse(in, arena, &n, e));
    TRY(checkpoint_parse(n.text, &c, e));
    TRY(note_verify(&n, keys, count, &good, times, e));
    assert_int_equal(times[0], vector_number(v, "time"));
    return SELFSAME_OK;
}

/* ---- trees ---- */

static enum selfsame_code
run_inclusion(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct merkle_path path;

    (void)o;
    TRY(path_of(in, arena, &path, e));
    return merkle_check_inclusion(vector_number(v, "index"), vector_number(v, "size"),
        hash(v, "leaf", arena), path, hash(v, "root", arena), e);
}

static enum selfsame_code
run_consistency(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct merkle_path path;

    (void)o;
    TRY(path_of(in, arena, &path, e));
    return merkle_check_consistency(vector_number(v, "old-size"),
        hash(v, "old-root", arena), vector_number(v, "size"), hash(v, "root", arena),
        path, e);
}

static enum selfsame_code
run_tile_name(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct tile_id id;
    char level[16] = "entries", name[TILE_NAME];

    (void)o;
    TRY(tile_name_parse(arena_str(arena, in), &id, e));
    if (!id.entries)
        (void)snprintf(level, sizeof(level), "%u", id.level);
    assert_string_equal(arena_printf(arena, "%s %llu %u", level,
                            (unsigned long long)id.index, id.width),
        vector_need(v, "tile"));
    tile_name(&id, name);
    assert_bytes(bytes_str(name), in);
    return SELFSAME_OK;
}

static enum selfsame_code
run_bundle(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct reader r = reader_of(in);
    struct selfsame_bytes entry;
    uint64_t n = 0;

    (void)arena;
    (void)o;
    for (;; n++) {
        TRY(bundle_next(&r, &entry, e));
        if (entry.ptr == NULL)
            break;
    }
    assert_int_equal(n, vector_number(v, "entries"));
    return SELFSAME_OK;
}

/* ---- proofs and who is believed ---- */

static enum selfsame_code
open_proof(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    enum release_error *ret, struct selfsame_bytes *ret_entry, struct selfsame_err *e)
{
    static const enum release_error words[] = {
        [LOG_REFUSED_FORM] = RELEASE_PROOF_MALFORMED,
        [LOG_REFUSED_UNKNOWN] = RELEASE_LOG_UNKNOWN,
        [LOG_REFUSED_SIGNATURE] = RELEASE_LOG_SIG,
        [LOG_REFUSED_QUORUM] = RELEASE_QUORUM,
    };
    enum log_refusal why = LOG_REFUSED_NOT;
    uint8_t leaf[LOG_HASH];
    struct log_policy policy;
    struct log_proof p;
    struct checkpoint c;
    uint64_t witnesses;

    assert_code(log_policy_parse(unquoted(v, "trust", arena), arena, &policy, e),
        SELFSAME_OK, e);
    *ret = RELEASE_PROOF_MALFORMED;
    TRY(proof_parse(in, arena, &p, e));
    enum selfsame_code code = log_policy_judge(
        &policy, p.checkpoint, arena, &c, &witnesses, NULL, &why, e);
    *ret = words[why];
    TRY(code);
    *ret = RELEASE_INCLUSION;
    *ret_entry = p.has_extra ? p.extra : vector_bytes(v, "entry", arena);
    assert_true(merkle_leaf(*ret_entry, leaf));
    TRY(merkle_check_inclusion(p.index, c.size, leaf, p.path, c.root, e));
    *ret = RELEASE_TRUSTED;
    return SELFSAME_OK;
}

/* The public call has to say the same. */
static enum selfsame_code
run_proof(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    enum release_error word = RELEASE_TRUSTED;
    struct selfsame_bytes entry = BYTES_LIT("");
    struct selfsame_log_entry ret;
    struct selfsame_err other = { 0 };

    enum selfsame_code code = open_proof(v, in, arena, &word, &entry, e);
    assert_int_equal(
        selfsame_log_verify_proof(unquoted(v, "trust", arena), in, entry, &ret, &other),
        code);
    if (word != RELEASE_TRUSTED)
        o->word = release_error_word(word);
    return code;
}

static enum selfsame_code
run_trust(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    const char *at = vector_get(v, "cosigned");
    struct log_policy p;
    uint64_t who = 0;

    (void)o;
    TRY(log_policy_parse(in, arena, &p, e));
    if (at == NULL)
        return SELFSAME_OK;
    while (strcmp(at, "none") != 0 && *at != '\0') {
        size_t len = strcspn(at, " "), i = 0;

        while (i < p.witness_count &&
               !bytes_eq(p.witness_names[i], BYTES((const uint8_t *)at, len)))
            i++;
        assert_true(i < p.witness_count);
        who |= UINT64_C(1) << i;
        at += len + (at[len] == ' ');
    }
    if (!log_policy_met(&p, who))
        FAIL(e, SELFSAME_LOG, "the quorum is not met");
    return SELFSAME_OK;
}

static enum selfsame_code
run_witness(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct note_key keys[NOTE_KEYS];
    size_t count = keys_of(v, keys, arena);
    struct witness_state stored, now;
    struct witness_asked q;
    bool fork = false;

    assert_true(witness_state_of_none(&stored));
    if (vector_get(v, "old-size") != NULL) {
        stored.size = vector_number(v, "old-size");
        memcpy(stored.root, hash(v, "old-root", arena), LOG_HASH);
    }
    o->status = witness_open(in, keys, count, arena, &q, e);
    if (o->status == 0)
        o->status = witness_judge(&q, &stored, &now, &fork, e);
    if (o->status != 200)
        return e->code;
    assert_int_equal(now.size, q.checkpoint.size);
    assert_memory_equal(now.root, q.checkpoint.root, LOG_HASH);
    return SELFSAME_OK;
}

/* ---- statements ---- */

static enum selfsame_code
run_envelope(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct envelope envelope;
    struct statement s;

    (void)o;
    TRY(statement_of_envelope(in, arena, &envelope, &s, e));
    return envelope_verify(&envelope, vector_bytes(v, "publisher", arena), arena, e);
}

static enum selfsame_code
run_statement(const struct vector *v, struct selfsame_bytes in, struct arena *arena,
    struct vector_outcome *o, struct selfsame_err *e)
{
    struct statement s;

    (void)v;
    (void)o;
    return statement_parse(in, arena, &s, e);
}

/* ---- vectors/log ---- */

static const struct kind {
    const char *name;
    enum selfsame_code (*run)(const struct vector *v, struct selfsame_bytes in,
        struct arena *arena, struct vector_outcome *o, struct selfsame_err *e);
    const char *field[6]; /* besides those that all have */
} kinds[] = {
    { "note", run_note, { "keys" } },
    { "key", run_key, { NULL } },
    { "checkpoint", run_checkpoint, { "keys" } },
    { "cosignature", run_cosignature, { "keys", "time" } },
    { "inclusion", run_inclusion, { "index", "size", "leaf", "root" } },
    { "consistency", run_consistency, { "old-size", "old-root", "size", "root" } },
    { "tile-name", run_tile_name, { "tile" } },
    { "bundle", run_bundle, { "entries" } },
    { "proof", run_proof, { "trust", "entry", "word" } },
    { "trust", run_trust, { "cosigned" } },
    { "witness", run_witness, { "keys", "old-size", "old-root", "status" } },
    { "envelope", run_envelope, { "publisher" } },
    { "statement", run_statement, { NULL } },
};
struct tally {
    int wrong;
    unsigned seen[COUNT(kinds)], swept;
};

static size_t
kind_of(const struct vector *v)
{
    static const char *const common[] = { "kind", "expect", "spec", "note", "payload",
        "sweep" };
    const char *allowed[COUNT(common) + COUNT(kinds[0].field)];
    const char *name = vector_need(v, "kind");
    size_t i = 0, n = COUNT(common);

    while (i < COUNT(kinds) && strcmp(kinds[i].name, name) != 0)
        i++;
    if (i == COUNT(kinds))
        fail_msg("%s: no kind %s", v->path, name);
    memcpy(allowed, common, sizeof(common));
    for (size_t k = 0; k < COUNT(kinds[i].field) && kinds[i].field[k] != NULL; k++)
        allowed[n++] = kinds[i].field[k];
    vector_allow(v, allowed, n);
    return i;
}

/* Does a changed payload pass? It must not. */
static void
changed(const struct vector *v, const struct kind *k, struct selfsame_bytes in,
    const char *how, size_t at, struct tally *t)
{
    auto_arena arena = arena_new(8 << 20);
    struct vector_outcome o = { .word = NULL };
    struct selfsame_err e = { 0 };

    if (k->run(v, in, &arena, &o, &e) == SELFSAME_OK) {
        (void)fprintf(stderr, "%s: accepted with %s %zu\n", v->path, how, at);
        t->wrong++;
    }
    t->swept++;
}

static void
sweep(const struct vector *v, const struct kind *k, struct selfsame_bytes in,
    struct arena *arena, struct tally *t)
{
    const char *how = vector_get(v, "sweep");
    uint8_t *copy = arena_alloc(arena, 1, in.len + 1);

    if (how == NULL)
        return;
    assert_non_null(copy);
    if (in.len > 0)
        memcpy(copy, in.ptr, in.len);
    if (strcmp(how, "bits") != 0 && strcmp(how, "cuts") != 0 &&
        strcmp(how, "bits cuts") != 0)
        fail_msg("%s: a sweep of %s", v->path, how);
    for (size_t i = 0; strstr(how, "bits") != NULL && i < 8 * in.len; i++) {
        copy[i / 8] ^= (uint8_t)(1u << (i % 8));
        changed(v, k, BYTES(copy, in.len), "bit", i, t);
        copy[i / 8] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t n = 0; strstr(how, "cuts") != NULL && n < in.len; n++)
        changed(v, k, BYTES(copy, n), "length", n, t);
}

static void
run_log(const char *path, void *ctx)
{
    auto_arena arena = arena_new(16 << 20);
    struct vector_outcome o = { .word = NULL };
    struct selfsame_err e = { 0 };
    struct tally *t = ctx;
    struct vector v;

    vector_read(path, &arena, &v);
    size_t i = kind_of(&v);
    struct selfsame_bytes in = vector_payload(&v, &arena);
    enum selfsame_code code = kinds[i].run(&v, in, &arena, &o, &e);
    t->wrong += !vector_compare(&v, code, &o, &e);
    if (code == SELFSAME_OK)
        sweep(&v, &kinds[i], in, &arena, t);
    t->seen[i]++;
}

static void
log_vectors_give_the_class_they_expect(void **state)
{
    struct tally t = { .wrong = 0 };

    (void)state;
    vector_walk("log", 600, run_log, &t);
    assert_int_equal(t.wrong, 0);
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (t.seen[i] == 0)
            fail_msg("no vector of kind %s", kinds[i].name);
    assert_true(t.swept > 10000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_vectors_give_the_class_they_expect),
    };

    return cmocka_run_group_tests_name("vectors_log", tests, NULL, NULL);
}
