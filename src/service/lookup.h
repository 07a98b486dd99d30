/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOOKUP_H
#define SELFSAME_LOOKUP_H

#include "fetch/tiles.h"

/*
 * Which releases of a log ever had this measurement, this name, this statement; when,
 * and are they superseded or revoked? An SQLite file derived from the log's entries,
 * which may be deleted at any time: what it lacks is read again, and what belongs to
 * another tree is dropped.
 *
 * An answer is a hint. Entries are those that the believed checkpoint commits to, but
 * whose key signed each is what the entry says: a log that knows its publishers has
 * checked that, others have not. Proofs prove.
 *
 * Any thread may ask at any time, also while another updates.
 */
struct lookup;
enum {
    LOOKUP_RELEASES = 256, /* of an answer */
    LOOKUP_MORE = 64,      /* rebuilds and the like of one release */
};

/* "lookup.sqlite" in a directory; NULL: in memory. What is no index of ours is made anew. */
MUST enum selfsame_code lookup_open(
    const char *dir, struct lookup **ret, struct selfsame_err *e);
void lookup_free(struct lookup **l);
#define auto_lookup __attribute__((cleanup(lookup_free))) struct lookup

/*
 * Reads what the tree of a verified checkpoint has beyond the index. seen_s: when
 * witnesses saw it, 0 for unknown. Errors as of tiles.h; what was read till then stays.
 */
MUST enum selfsame_code lookup_update(struct lookup *l, struct tiles *t,
    const struct checkpoint *c, int64_t seen_s, struct selfsame_err *e);
uint64_t lookup_size(struct lookup *l); /* entries read */

/* Exactly one is there. */
struct lookup_query {
    const char *name;                          /* or NULL */
    struct selfsame_bytes measurement, sha256; /* or absent; sha256: 32 bytes */
};
/* From the texts of a request, each or NULL; the arena holds them. USAGE. */
MUST enum selfsame_code lookup_query_parse(const char *measurement, const char *name,
    const char *sha256, struct arena *arena, struct lookup_query *ret,
    struct selfsame_err *e);
/* One JSON object (docs/monitor.md), malloc'ed, without a newline. */
MUST enum selfsame_code lookup_find(
    struct lookup *l, const struct lookup_query *q, char **ret, struct selfsame_err *e);

#endif
