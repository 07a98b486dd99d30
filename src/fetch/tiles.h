/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TILES_H
#define SELFSAME_TILES_H

#include "log/log.h"

/*
 * A log read by its tiles (tlog-tiles), from a URL or a directory. Nothing that is read
 * is believed for having been read: the tiles of the right edge are folded and must give
 * the root of a checkpoint that the caller has verified, every whole tile must hash to
 * its place in the tile above, every entry to its place in the lowest. So all proofs are
 * made here, of hashes that the checkpoint commits to, and the server proves nothing.
 *
 * Memory is fixed: one tile for each level of the edge, and a few whole ones; an
 * answer is never longer than what was asked for can be. One thread at a time.
 *
 * Classes: LOG, the log shows what its checkpoint does not commit to; IO, it cannot be
 * reached or has not what its checkpoint calls for; USAGE, no such entry.
 */
struct tiles;
enum { BUNDLE_BYTES = TILE_WIDTH * (2 + ENTRY_MAX) };

/* Where files come from. OK with *ret_absent: there is none of this name. */
struct tiles_reader {
    enum selfsame_code (*read)(void *ctx, const char *name, size_t limit,
        struct arena *arena, struct selfsame_bytes *ret, bool *ret_absent,
        struct selfsame_err *e);
    void *ctx;
};
/* https://…, http:// to this machine, a directory of files, or that above its "public". */
MUST enum selfsame_code tiles_open(
    const char *where, struct tiles **ret, struct selfsame_err *e);
MUST enum selfsame_code tiles_over(
    const struct tiles_reader *r, struct tiles **ret, struct selfsame_err *e);
void tiles_free(struct tiles **t);
#define auto_tiles __attribute__((cleanup(tiles_free))) struct tiles

/* The note as it is served: nobody has verified it. */
MUST enum selfsame_code tiles_checkpoint(struct tiles *t, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/*
 * From now on the tree is that of this checkpoint, which the caller has verified. On
 * failure it stays the one before.
 */
MUST enum selfsame_code tiles_believe(
    struct tiles *t, const struct checkpoint *c, struct selfsame_err *e);
/*
 * The hashes of the right edge, as they were verified, and the same taken back: without
 * them being served any more. LOG: they do not lead to that root.
 */
enum { TILES_EDGE_MAX = TILE_LEVELS * TILE_BYTES };
MUST enum selfsame_code tiles_edge(const struct tiles *t, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code tiles_believe_edge(struct tiles *t, const struct checkpoint *c,
    struct selfsame_bytes edge, struct selfsame_err *e);
/* Was the last thing that was asked for not there, rather than out of reach? */
bool tiles_absent(const struct tiles *t);
uint64_t tiles_size(const struct tiles *t); /* of the tree; 0 before tiles_believe */

/* Hashes of the tree, verified, for the functions of merkle.c. */
struct merkle_source tiles_source(struct tiles *t);
/* The same with the reason of a failure. `hashes`: room for LOG_PATH_MAX. */
MUST enum selfsame_code tiles_inclusion(struct tiles *t, uint64_t index,
    uint8_t *hashes, size_t *ret_count, struct selfsame_err *e);
MUST enum selfsame_code tiles_consistency(struct tiles *t, uint64_t old_size,
    uint8_t *hashes, size_t *ret_count, struct selfsame_err *e);
/* The root that the tree had at that size. */
MUST enum selfsame_code tiles_root(struct tiles *t, uint64_t size,
    uint8_t ret[static LOG_HASH], struct selfsame_err *e);
/* Is the tree a continuation of that one? LOG when it is not. */
MUST enum selfsame_code tiles_follows(
    struct tiles *t, const struct checkpoint *older, struct selfsame_err *e);

/* All entries of a bundle, that is of 256 * index and on; each one checked. */
MUST enum selfsame_code tiles_bundle(struct tiles *t, uint64_t index,
    struct arena *arena, struct selfsame_bytes **ret, size_t *ret_count,
    struct selfsame_err *e);

#endif
