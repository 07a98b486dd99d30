/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_WORLD_H
#define SELFSAME_LOG_WORLD_H

/* A log in a directory of its own, and somebody who believes proofs alone. */
#include "test.h"

#include "crypto/crypto.h"
#include "os/os.h"
#include "service/log_core.h"

#include <unistd.h>

#define WORLD_ORIGIN "log.example/test"

struct log_world {
    char dir[64];
    struct store *store;
    struct log_core *core;
    struct key *key;
    struct log_core_config config;
    const struct store_probe *probe;
    char policy_text[256];
};

static inline enum selfsame_code
world_open(struct log_world *w, struct selfsame_err *e)
{
    const struct store_posix_config c = { .dir = w->dir, .probe = w->probe };

    TRY(store_posix_open(&c, &w->store, e));
    w->config.store = w->store;
    w->config.origin = BYTES_LIT(WORLD_ORIGIN);
    w->config.key = w->key;
    return log_core_open(&w->config, &w->core, e);
}

static inline void
world_close(struct log_world *w)
{
    log_core_close(&w->core);
    store_close(&w->store);
}

static inline struct log_world *
world_new(void)
{
    struct log_world *w = calloc(1, sizeof(*w));
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    uint8_t seed[32];
    struct note_key vkey;

    assert_non_null(w);
    memset(seed, 3, sizeof(seed));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/selfsame-log.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_code(key_from_seed(BYTES_ARR(seed), &w->key, &e), SELFSAME_OK, &e);
    assert_code(
        note_key_of(BYTES_LIT(WORLD_ORIGIN), NOTE_ED25519, w->key, &arena, &vkey, &e),
        SELFSAME_OK, &e);
    (void)snprintf(w->policy_text, sizeof(w->policy_text), "log %s\nquorum none\n",
        note_key_text(&vkey, &arena));
    const struct store_posix_config c = { .dir = w->dir, .create = true };
    assert_code(store_posix_open(&c, &w->store, &e), SELFSAME_OK, &e);
    assert_code(log_core_create(w->store, &e), SELFSAME_OK, &e);
    store_close(&w->store);
    w->config.linger_ms = 1;
    return w;
}

static inline void
world_free(struct log_world *w)
{
    struct selfsame_err e = { 0 };

    world_close(w);
    key_free(&w->key);
    assert_code(dir_remove(w->dir, &e), SELFSAME_OK, &e);
    free(w);
}

/* What a client does with a proof; *ret_size: of the tree it is about. */
static inline enum selfsame_code
world_believe(const struct log_world *w, struct selfsame_bytes entry, const char *proof,
    uint64_t *ret_index, struct checkpoint *ret, struct arena *arena,
    struct selfsame_err *e)
{
    struct log_policy policy;
    struct log_proof p;
    uint8_t leaf[LOG_HASH];
    uint64_t witnesses = 0;

    TRY(log_policy_parse(bytes_str(w->policy_text), arena, &policy, e));
    TRY(proof_parse(bytes_str(proof), arena, &p, e));
    TRY(log_policy_open(&policy, p.checkpoint, arena, ret, &witnesses, NULL, e));
    if (!merkle_leaf(entry, leaf))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(merkle_check_inclusion(p.index, ret->size, leaf, p.path, ret->root, e));
    *ret_index = p.index;
    return SELFSAME_OK;
}

/* Adds and believes; fails the test otherwise. */
static inline uint64_t
world_add(struct log_world *w, struct selfsame_bytes entry)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct checkpoint c;
    char *proof = NULL;
    uint64_t index = 0;

    assert_code(log_core_add(w->core, entry, &arena, &proof, &e), SELFSAME_OK, &e);
    assert_code(
        world_believe(w, entry, proof, &index, &c, &arena, &e), SELFSAME_OK, &e);
    return index;
}

static inline uint64_t
world_add_number(struct log_world *w, unsigned n)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "entry %u", n);
    return world_add(w, bytes_str(text));
}

#endif
