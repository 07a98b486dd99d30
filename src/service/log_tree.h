/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_TREE_H
#define SELFSAME_LOG_TREE_H

#include "log/log.h"
#include "store/store.h"

#include <pthread.h>

/*
 * The tree of a log that grows: its right edge in memory, whole tiles read when they are
 * asked for and kept a while. Memory does not grow with the log. One thread appends;
 * any may ask for hashes of what was there when its view was made.
 */
enum { TREE_NODES = 2 * TILE_WIDTH - 1, TREE_CACHE = 48 };

/* A tile and the hashes above its own, up to the one that the next level holds. */
struct tile_tree {
    uint64_t index;
    unsigned level, width;
    uint64_t used; /* when it was asked for last; 0: no tile */
    uint8_t node[TREE_NODES][LOG_HASH];
};
struct log_tree {
    uint64_t size;
    struct tile_tree edge[TILE_LEVELS];
    struct tile_tree cache[TREE_CACHE];
    uint64_t clock;
    pthread_mutex_t lock;
    struct store *store; /* of whole tiles */
};
/* NULL: out of memory. */
MUST struct log_tree *log_tree_new(struct store *store);
void log_tree_free(struct log_tree *t);
/* Reads the right edge of a tree of that size. LOG: a tile that should be there is not. */
MUST enum selfsame_code log_tree_load(
    struct log_tree *t, uint64_t size, struct selfsame_err *e);
/* A tile that became whole is given to `whole` (not NULL), level 0 first. */
struct tree_sink {
    bool (*whole)(void *ctx, const struct tile_tree *t);
    void *ctx;
};
MUST bool log_tree_append(struct log_tree *t, const uint8_t leaf[static LOG_HASH],
    const struct tree_sink *sink);
/* What a tree was before entries that get no place after all; by who appends. */
struct tree_mark {
    uint64_t size;
    struct tile_tree edge[TILE_LEVELS];
};
void log_tree_mark(const struct log_tree *t, struct tree_mark *ret);
void log_tree_back(struct log_tree *t, const struct tree_mark *m);
/* For merkle.c; thread-safe. */
struct merkle_source log_tree_source(struct log_tree *t);

/*
 * A tree of one size, with what all its paths share: the whole subtrees it is made of
 * and the hashes of what stands to the right of each.
 */
struct tree_view {
    uint64_t size;
    unsigned count; /* of subtrees, the largest first */
    unsigned height[LOG_PATH_MAX + 1];
    uint64_t start[LOG_PATH_MAX + 1];
    uint8_t whole[LOG_PATH_MAX + 1][LOG_HASH];
    uint8_t rest[LOG_PATH_MAX + 1][LOG_HASH]; /* from this one on; [0] is the root */
};
/* False: the store has not what it takes, or out of memory. */
MUST bool log_tree_view(struct log_tree *t, uint64_t size, struct tree_view *ret);
/* `hashes`: room for LOG_PATH_MAX. */
MUST bool log_tree_path(struct log_tree *t, const struct tree_view *v, uint64_t index,
    uint8_t *hashes, size_t *ret_count);

/* The path of a tile or bundle in the store. */
void log_tree_name(bool entries, unsigned level, uint64_t index, unsigned width,
    char ret[static TILE_NAME]);
/* False: out of memory. */
MUST bool tile_tree_put(struct tile_tree *t, const uint8_t hash[static LOG_HASH]);

#endif
