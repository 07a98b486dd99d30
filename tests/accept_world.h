/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_ACCEPT_WORLD_H
#define SELFSAME_ACCEPT_WORLD_H

/*
 * A publisher, a log and three witnesses with keys of the bytes 01.., 03.., 11..: what
 * they sign is the same in every run. Statements are texts of the test; the log is a
 * list of entries in memory.
 */
#include "test.h"

#include "crypto/crypto.h"
#include "log/accept.h"

enum { WORLD_ENTRIES = 16, WORLD_WITNESSES = 3 };
static const int64_t WORLD_NOW = 1700000000; /* 2023-11-14T22:13:20Z */

struct world {
    struct arena arena;
    struct key *publisher, *other, *rebuilder, *log, *witness[WORLD_WITNESSES];
    struct selfsame_bytes publisher_spki, other_spki, rebuilder_spki;
    struct selfsame_bytes entry[WORLD_ENTRIES];
    uint8_t leaf[WORLD_ENTRIES][LOG_HASH];
    size_t count;
    const char *trust_text;
    struct log_policy trust;
};

static inline struct key *
world_key(uint8_t seed)
{
    struct selfsame_err e = { 0 };
    struct key *k = NULL;
    uint8_t bytes[32];

    memset(bytes, seed, sizeof(bytes));
    assert_code(key_from_seed(BYTES_ARR(bytes), &k, &e), SELFSAME_OK, &e);
    return k;
}

static inline const char *
world_vkey(struct world *w, const char *name, enum note_type type, const struct key *k)
{
    struct selfsame_err e = { 0 };
    struct note_key nk;

    assert_code(
        note_key_of(bytes_str(name), type, k, &w->arena, &nk, &e), SELFSAME_OK, &e);
    const char *text = note_key_text(&nk, &w->arena);
    assert_non_null(text);
    return text;
}

static const char *const world_witness_names[WORLD_WITNESSES] = { "witness.example/w1",
    "witness.example/w2", "witness.example/w3" };

static inline struct world *
world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    struct selfsame_err e = { 0 };

    assert_non_null(w);
    w->arena = arena_new(64 << 20);
    w->publisher = world_key(1);
    w->log = world_key(3);
    w->other = world_key(4);
    w->rebuilder = world_key(5);
    for (size_t i = 0; i < WORLD_WITNESSES; i++)
        w->witness[i] = world_key((uint8_t)(0x11 + i));
    assert_code(
        key_spki(w->publisher, &w->arena, &w->publisher_spki, &e), SELFSAME_OK, &e);
    assert_code(key_spki(w->other, &w->arena, &w->other_spki, &e), SELFSAME_OK, &e);
    assert_code(
        key_spki(w->rebuilder, &w->arena, &w->rebuilder_spki, &e), SELFSAME_OK, &e);
    const char *text = arena_printf(&w->arena, "log %s\n",
        world_vkey(w, "log.example/releases", NOTE_ED25519, w->log));
    for (size_t i = 0; i < WORLD_WITNESSES; i++)
        text = arena_printf(&w->arena, "%switness w%zu %s\n", text, i + 1,
            world_vkey(w, world_witness_names[i], NOTE_COSIGNATURE, w->witness[i]));
    w->trust_text = arena_printf(
        &w->arena, "%sgroup two 2 w1 w2 w3\nquorum two\n", text);
    assert_code(log_policy_parse(bytes_str(w->trust_text), &w->arena, &w->trust, &e),
        SELFSAME_OK, &e);
    return w;
}

static inline void
world_free(struct world *w)
{
    key_free(&w->publisher);
    key_free(&w->other);
    key_free(&w->rebuilder);
    key_free(&w->log);
    for (size_t i = 0; i < WORLD_WITNESSES; i++)
        key_free(&w->witness[i]);
    arena_free(&w->arena);
    free(w);
}

/* ---- the log ---- */

static inline size_t
world_add(struct world *w, struct selfsame_bytes entry)
{
    assert_true(w->count < WORLD_ENTRIES);
    w->entry[w->count] = entry;
    assert_true(merkle_leaf(entry, w->leaf[w->count]));
    return w->count++;
}

static inline struct selfsame_bytes
world_envelope(struct world *w, const char *statement, const struct key *signer)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes ret;

    assert_code(envelope_make(BYTES_LIT(STATEMENT_PAYLOAD), bytes_str(statement),
                    signer, &w->arena, &ret, &e),
        SELFSAME_OK, &e);
    return ret;
}

static inline size_t
world_publish(struct world *w, const char *statement, const struct key *signer)
{
    return world_add(w, world_envelope(w, statement, signer));
}

static inline bool
world_node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    struct world *w = ctx;
    uint8_t left[LOG_HASH], right[LOG_HASH];

    if (height == 0) {
        if (index >= w->count)
            return false;
        memcpy(ret, w->leaf[index], LOG_HASH);
        return true;
    }
    return world_node(ctx, height - 1, 2 * index, left) &&
           world_node(ctx, height - 1, 2 * index + 1, right) &&
           merkle_node(left, right, ret);
}

/* A checkpoint of everything, by this log key; cosigned by bit i of witnesses at times[i]. */
static inline const char *
world_checkpoint(struct world *w, const struct key *log, unsigned witnesses,
    const int64_t times[WORLD_WITNESSES])
{
    const struct merkle_source source = { world_node, w };
    struct checkpoint c = { .origin = BYTES_LIT("log.example/releases"),
        .size = w->count };
    struct selfsame_err e = { 0 };
    char *line = NULL;

    assert_true(merkle_root(&source, c.size, c.root));
    const char *text = checkpoint_text(&c, &w->arena);
    assert_code(note_sign(bytes_str(text), c.origin, NOTE_ED25519, log, 0, &w->arena,
                    &line, &e),
        SELFSAME_OK, &e);
    const char *note = arena_printf(&w->arena, "%s\n%s", text, line);
    for (size_t i = 0; i < WORLD_WITNESSES; i++) {
        if ((witnesses >> i & 1) == 0)
            continue;
        assert_code(
            note_sign(bytes_str(text), bytes_str(world_witness_names[i]),
                NOTE_COSIGNATURE, w->witness[i], times[i], &w->arena, &line, &e),
            SELFSAME_OK, &e);
        note = arena_printf(&w->arena, "%s%s", note, line);
    }
    assert_non_null(note);
    return note;
}

static inline struct selfsame_bytes
world_proof_of(struct world *w, size_t index, const char *checkpoint)
{
    const struct merkle_source source = { world_node, w };
    uint8_t *hashes = arena_alloc(&w->arena, LOG_HASH, LOG_PATH_MAX);
    struct log_proof p = { .has_extra = true,
        .extra = w->entry[index],
        .index = index,
        .checkpoint = bytes_str(checkpoint) };

    assert_non_null(hashes);
    assert_true(
        merkle_prove_inclusion(&source, index, w->count, hashes, &p.path.count));
    p.path.hashes = hashes;
    const char *text = proof_text(&p, &w->arena);
    assert_non_null(text);
    return bytes_str(text);
}

/* By all witnesses, now. */
static inline struct selfsame_bytes
world_proof(struct world *w, size_t index)
{
    const int64_t times[] = { WORLD_NOW, WORLD_NOW, WORLD_NOW };

    return world_proof_of(w, index, world_checkpoint(w, w->log, 7, times));
}

/* ---- statements ---- */

#define WORLD_PCR0                                                                   \
    "111111111111111111111111111111111111111111111111111111111111111111111111111111" \
    "111111111111111111"
#define WORLD_PCR1                                                                   \
    "222222222222222222222222222222222222222222222222222222222222222222222222222222" \
    "222222222222222222"
#define WORLD_PCR2                                                                   \
    "333333333333333333333333333333333333333333333333333333333333333333333333333333" \
    "333333333333333333"
#define WORLD_SUM "3e89e1fff0665e2e4df7e6a6167280f61bd4c325fc5fd04a15aff0305a67ca2c"
#define WORLD_NITRO                                                                \
    "{\"alg\":\"sha384\",\"artifact\":\"image.eif\",\"pcr\":{\"0\":[\"" WORLD_PCR0 \
    "\"],\"1\":[\"" WORLD_PCR1 "\"],\"2\":[\"" WORLD_PCR2                          \
    "\"]},\"require\":{\"debug\":false},\"tee\":\"aws-nitro\"}"

struct world_release {
    const char *name, *version;
    unsigned sequence;
    const char *measurements; /* content of the list; NULL: WORLD_NITRO */
    const char *from, *to;    /* NULL: around WORLD_NOW */
};
static inline const char *
world_release(struct world *w, const struct world_release *r)
{
    const char *text = arena_printf(&w->arena,
        "{\"_type\":\"https://in-toto.io/Statement/"
        "v1\",\"predicate\":{\"build\":{\"recipe\":{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"selfsame.json\"},\"sourceDateEpoch\":1700000000,\"tool\":{"
        "\"name\":\"selfsame\",\"version\":\"0.1.0\"}},\"measurements\":[%s],"
        "\"release\":{\"name\":\"%s\",\"sequence\":%u,\"version\":\"%s\"},\"source\":{"
        "\"digest\":{\"gitCommit\":\"4b825dc642cb6eb9a060e54bf8d69288fbee4904\"},"
        "\"uri\":\"git+https://git.example/hello\"},\"validity\":{\"notAfter\":\"%s\","
        "\"notBefore\":\"%s\"}},\"predicateType\":\"" PREDICATE_RELEASE
        "\",\"subject\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"}]}",
        r->measurements != NULL ? r->measurements : WORLD_NITRO,
        r->name != NULL ? r->name : "hello", r->sequence > 0 ? r->sequence : 17,
        r->version != NULL ? r->version : "1.4.2",
        r->to != NULL ? r->to : "2024-11-13T22:13:20Z",
        r->from != NULL ? r->from : "2023-11-14T22:13:20Z");

    assert_non_null(text);
    return text;
}

static inline const char *
world_sha256(struct world *w, const char *statement)
{
    uint8_t digest[HASH_MAX];

    assert_true(hash_bytes(HASH_SHA256, bytes_str(statement), digest));
    const char *hex = hex_dup(&w->arena, BYTES(digest, 32));
    assert_non_null(hex);
    return hex;
}

/* `current`, `revoked`: content of the lists. */
static inline const char *
world_index(
    struct world *w, unsigned sequence, const char *current, const char *revoked)
{
    const char *text = arena_printf(&w->arena,
        "{\"_type\":\"https://in-toto.io/Statement/"
        "v1\",\"predicate\":{\"current\":[%s],"
        "\"name\":\"hello\",\"revoked\":[%s],\"sequence\":%u,\"validity\":{"
        "\"notAfter\":"
        "\"2023-11-20T00:00:00Z\",\"notBefore\":\"2023-11-14T22:13:20Z\"}},"
        "\"predicateType\":\"" PREDICATE_INDEX "\",\"subject\":[]}",
        current, revoked, sequence);

    assert_non_null(text);
    return text;
}

static inline const char *
world_rebuild(struct world *w, const char *sha256, const char *result)
{
    const char *text = arena_printf(&w->arena,
        "{\"_type\":\"https://in-toto.io/Statement/"
        "v1\",\"predicate\":{\"environment\":{"
        "},\"rebuilt\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"}],\"result\":\"%s\",\"statement\":{\"sha256\":\"%"
        "s\"}"
        "},\"predicateType\":\"" PREDICATE_REBUILD
        "\",\"subject\":[{\"digest\":{\"sha256\":\"" WORLD_SUM
        "\"},\"name\":\"image.eif\"}]}",
        result, sha256);

    assert_non_null(text);
    return text;
}

#endif
