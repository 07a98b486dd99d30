/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_JSON_H
#define SELFSAME_DCAP_JSON_H

#include "codec/json_read.h"
#include "tee/shared/dcap.h"

/* What TCB info and QE identity spell alike. */
bool dcap_is(struct selfsame_bytes name, const char *word);
/* A member by its name: a bit of its own, 0 for one that nobody reads. */
struct dcap_member {
    const char *name;
    unsigned bit;
};
unsigned dcap_member_of(
    const struct dcap_member *members, size_t count, struct selfsame_bytes name);
/* Hex in either case, exactly `len` bytes. */
void dcap_get_hex(struct jread *j, uint8_t *ret, size_t len);
int64_t dcap_get_date(struct jread *j); /* RFC 3339 with Z, seconds */
enum dcap_status dcap_get_status(struct jread *j);
/* NOMEM is told by *nomem; everything else is latched. */
void dcap_get_advisories(
    struct jread *j, struct arena *arena, struct dcap_advisories *ret, bool *nomem);

/* Levels while they are read: kept in order as they come. */
struct dcap_level_list {
    struct dcap_level *list;
    size_t count, room;
    struct arena *arena;
    bool nomem;
};
/* The next one to fill; NULL when there are too many or no memory. */
struct dcap_level *dcap_level_add(struct dcap_level_list *l, struct jread *j);
/* Best first; two of the same values are refused. */
void dcap_levels_sort(
    struct dcap_level_list *l, struct jread *j, struct dcap_levels *ret);
/* [{"tcb":{"isvsvn":n},"tcbDate":…,"tcbStatus":…,"advisoryIDs":[…]}, …] */
void dcap_get_svn_levels(
    struct jread *j, struct arena *arena, struct dcap_levels *ret, bool *nomem);
/* {"<name>":{…},"signature":"…"}: where the object stands and its signature, `in` read whole by `inner`. */
MUST enum selfsame_code dcap_get_signed(struct selfsame_bytes in, const char *name,
    void (*inner)(struct jread *j, void *ctx), void *ctx, struct dcap_signed *ret,
    struct selfsame_err *e);
/* Well-formed as far as a member of this name, for sorting. */
bool dcap_has_member(struct selfsame_bytes json, const char *name);
/* Members that must be there, by bit. */
void dcap_seen(struct jread *j, unsigned *seen, unsigned bit);

#endif
