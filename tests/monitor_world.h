/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_MONITOR_WORLD_H
#define SELFSAME_TEST_MONITOR_WORLD_H

#include "log_made.h"

#include "log/statement.h"

/* A log, its witnesses and those who publish in it, all with keys of known seeds. */
enum { WORLD_ENTRIES = 1024, WORLD_NOW = 1790000000 };
enum who { LOG_KEY, WITNESS_1, WITNESS_2, ME, PARTNER, RETIRED, THIEF, REBUILDER, WHO };
struct world {
    struct arena arena;
    struct key *key[WHO];
    struct selfsame_bytes spki[WHO];
    struct selfsame_bytes entries[WORLD_ENTRIES];
    size_t count;
    struct made made;
    struct selfsame_bytes policy; /* text */
    struct log_policy trust;
};
#define WORLD_ORIGIN "log.example/releases"
#define WORLD_NAME "example.com/hello"

static inline void
world_policy(struct world *w)
{
    struct selfsame_err e = { 0 };
    struct note_key k;
    char *line[3];

    for (int i = 0; i < 3; i++) {
        const char *name = i == 0   ? WORLD_ORIGIN
                           : i == 1 ? "w.example/1"
                                    : "w.example/2";

        assert_code(
            note_key_of(bytes_str(name), i == 0 ? NOTE_ED25519 : NOTE_COSIGNATURE,
                w->key[LOG_KEY + i], &w->arena, &k, &e),
            SELFSAME_OK, &e);
        line[i] = note_key_text(&k, &w->arena);
    }
    w->policy = bytes_str(arena_printf(&w->arena,
        "log %s\nwitness one %s\nwitness two %s\ngroup both all one two\nquorum both\n",
        line[0], line[1], line[2]));
    assert_code(log_policy_parse(w->policy, &w->arena, &w->trust, &e), SELFSAME_OK, &e);
}

static inline struct world *
world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    struct selfsame_err e = { 0 };

    assert_non_null(w);
    w->arena = arena_new((size_t)64 << 20);
    for (int i = 0; i < WHO; i++) {
        uint8_t seed[32];

        memset(seed, 0x40 + i, sizeof(seed));
        assert_code(key_from_seed(BYTES_ARR(seed), &w->key[i], &e), SELFSAME_OK, &e);
        assert_code(key_spki(w->key[i], &w->arena, &w->spki[i], &e), SELFSAME_OK, &e);
    }
    world_policy(w);
    return w;
}

static inline void
world_free(struct world **w)
{
    if (*w == NULL)
        return;
    for (int i = 0; i < WHO; i++)
        key_free(&(*w)->key[i]);
    made_free(&(*w)->made);
    arena_free(&(*w)->arena);
    free(*w);
    *w = NULL;
}
#define auto_world __attribute__((cleanup(world_free))) struct world

/* ---- entries ---- */

static inline size_t
world_raw(struct world *w, struct selfsame_bytes entry)
{
    assert_true(w->count < WORLD_ENTRIES);
    w->entries[w->count] = entry;
    return w->count++;
}

static inline size_t
world_add(struct world *w, enum who by, const char *statement)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes envelope;

    assert_non_null(statement);
    assert_code(envelope_make(BYTES_LIT(STATEMENT_PAYLOAD), bytes_str(statement),
                    w->key[by], &w->arena, &envelope, &e),
        SELFSAME_OK, &e);
    return world_raw(w, envelope);
}

static inline const char *
world_sha256(struct world *w, const char *statement)
{
    uint8_t digest[HASH_MAX];

    assert_true(hash_bytes(HASH_SHA256, bytes_str(statement), digest));
    return hex_dup(&w->arena, BYTES(digest, 32));
}

/* PCR0 is filled with this byte. */
static inline const char *
world_release(struct world *w, const char *name, const char *version, int sequence,
    uint8_t pcr0, const char *supersedes)
{
    const char *old = supersedes != NULL ? arena_printf(&w->arena,
                                               ",\"supersedes\":[\"%s\"]", supersedes)
                                         : "";
    uint8_t value[48];
    const char *pcr[3];

    for (int i = 0; i < 3; i++) {
        memset(value, i == 0 ? pcr0 : 0x70 + i, sizeof(value));
        pcr[i] = hex_dup(&w->arena, BYTES_ARR(value));
    }
    return arena_printf(&w->arena,
        "{\"_type\":\"" STATEMENT_TYPE "\",\"predicate\":{\"build\":{\"recipe\":"
        "{\"digest\":{\"sha256\":\"%s\"},\"name\":\"selfsame.lock\"},"
        "\"sourceDateEpoch\":1700000000,\"tool\":{\"name\":\"selfsame\","
        "\"version\":\"0.1.0\"}},\"measurements\":[{\"alg\":\"sha384\","
        "\"artifact\":\"image.eif\",\"pcr\":{\"0\":[\"%s\"],\"1\":[\"%s\"],\"2\":["
        "\"%s\"]},\"tee\":\"aws-nitro\"}],\"release\":{\"name\":\"%s\","
        "\"sequence\":%d,\"version\":\"%s\"},\"source\":{\"digest\":{\"gitCommit\":"
        "\"4b825dc642cb6eb9a060e54bf8d69288fbee4904\"},\"uri\":"
        "\"git+https://git.example/hello\"}%s,\"validity\":{\"notAfter\":"
        "\"2026-12-01T00:00:00Z\",\"notBefore\":\"2026-01-01T00:00:00Z\"}},"
        "\"predicateType\":\"" PREDICATE_RELEASE "\",\"subject\":[{\"digest\":"
        "{\"sha256\":\"%s\"},\"name\":\"image.eif\"}]}",
        world_sha256(w, "recipe"), pcr[0], pcr[1], pcr[2], name, sequence, version, old,
        world_sha256(w, version));
}

static inline const char *
world_rebuild(struct world *w, const char *of, const char *result)
{
    return arena_printf(&w->arena,
        "{\"_type\":\"" STATEMENT_TYPE "\",\"predicate\":{\"environment\":{},"
        "\"rebuilt\":[{\"digest\":{\"sha256\":\"%s\"},\"name\":\"image.eif\"}],"
        "\"result\":\"%s\",\"statement\":{\"sha256\":\"%s\"}},\"predicateType\":"
        "\"" PREDICATE_REBUILD "\",\"subject\":[{\"digest\":{\"sha256\":\"%s\"},"
        "\"name\":\"statement.json\"}]}",
        world_sha256(w, result), result, of, of);
}

/* revoked: one, or NULL. */
static inline const char *
world_index(struct world *w, const char *name, int sequence, const char *current,
    int current_sequence, const char *revoked)
{
    const char *gone =
        revoked != NULL
            ? arena_printf(&w->arena,
                  "{\"reason\":\"leaks <keys>\",\"sha256\":\"%s\",\"since\":"
                  "\"2026-09-01T00:00:00Z\"}",
                  revoked)
            : "";

    return arena_printf(&w->arena,
        "{\"_type\":\"" STATEMENT_TYPE "\",\"predicate\":{\"current\":[{\"sequence\":"
        "%d,\"sha256\":\"%s\"}],\"name\":\"%s\",\"revoked\":[%s],\"sequence\":%d,"
        "\"validity\":{\"notAfter\":\"2026-09-07T00:00:00Z\",\"notBefore\":"
        "\"2026-09-01T00:00:00Z\"}},\"predicateType\":\"" PREDICATE_INDEX
        "\",\"subject\":[]}",
        current_sequence, current, name, gone, sequence);
}

/* ---- checkpoints ---- */

/* witnesses: how many of the two sign, at this time. */
static inline struct selfsame_bytes
world_note(struct world *w, const struct checkpoint *c, int witnesses, int64_t time_s)
{
    struct selfsame_err e = { 0 };
    char *text = checkpoint_text(c, &w->arena);
    char *line[3] = { NULL, NULL, NULL };

    assert_non_null(text);
    for (int i = 0; i <= witnesses; i++) {
        const char *name = i == 0   ? WORLD_ORIGIN
                           : i == 1 ? "w.example/1"
                                    : "w.example/2";

        assert_code(note_sign(bytes_str(text), bytes_str(name),
                        i == 0 ? NOTE_ED25519 : NOTE_COSIGNATURE, w->key[LOG_KEY + i],
                        time_s, &w->arena, &line[i], &e),
            SELFSAME_OK, &e);
    }
    return bytes_str(arena_printf(&w->arena, "%s\n%s%s%s", text, line[0],
        line[1] != NULL ? line[1] : "", line[2] != NULL ? line[2] : ""));
}

/* Everything added so far is in the tree, and its checkpoint is served. */
static inline struct checkpoint
world_publish(struct world *w, int64_t time_s)
{
    struct made old = w->made;

    made_free(&old);
    w->made = (struct made){ .entries = w->entries };
    made_build(&w->made, w->count);
    struct checkpoint c = made_checkpoint(&w->made, w->count);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    w->made.checkpoint = world_note(w, &c, 2, time_s);
    return c;
}

#endif
