/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CMW_PARTS_H
#define SELFSAME_CMW_PARTS_H

#include "codec/cmw.h"

/* What the CMW files share with each other and with nobody else. */

#define CMW_TYPE_KEY "__cmwc_t" /* reserved label: what a collection calls itself */
enum { CMW_IND_ALL = 31, CMW_TYPE_MAX = 255, CMW_LABEL_MAX = 255 };

bool cmw_label_ok(struct selfsame_bytes label);
bool cmw_type_ok(struct selfsame_bytes media_type);
bool cmw_collection_type_ok(struct selfsame_bytes type);
/* The CoAP content format a CBOR tag stands for (RFC 9277 §4.3). */
bool cmw_format_of_tag(uint64_t tag, uint32_t *ret);

/* Gathers entries while collections are walked. */
struct cmw_walk {
    struct arena *arena;
    struct cmw cmw; /* room for CMW_ENTRIES from the start */
    unsigned depth;
};
/* Checks the entry's type and ind and takes it over. */
MUST enum selfsame_code cmw_walk_add(
    struct cmw_walk *w, struct cmw_entry entry, struct selfsame_err *e);
/* Enters a collection, and leaves it: an empty one is refused. */
MUST enum selfsame_code cmw_walk_enter(struct cmw_walk *w, struct selfsame_err *e);
MUST enum selfsame_code cmw_walk_leave(
    struct cmw_walk *w, size_t members, struct selfsame_err *e);
/* Takes "__cmwc_t" of the collection the walk is in. */
MUST enum selfsame_code cmw_walk_type(
    struct cmw_walk *w, struct selfsame_bytes type, struct selfsame_err *e);
/* prefix/name, or name when there is no prefix. */
MUST enum selfsame_code cmw_walk_label(struct cmw_walk *w, struct selfsame_bytes prefix,
    struct selfsame_bytes name, struct selfsame_bytes *ret, struct selfsame_err *e);

MUST enum selfsame_code cmw_parse_json(
    struct selfsame_bytes in, struct cmw_walk *w, struct selfsame_err *e);
MUST enum selfsame_code cmw_parse_cbor(
    struct selfsame_bytes in, struct cmw_walk *w, struct selfsame_err *e);

#endif
