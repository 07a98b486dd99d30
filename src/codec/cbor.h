/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CBOR_H
#define SELFSAME_CBOR_H

#include "base/base.h"

/*
 * CBOR (RFC 8949): a strict, zero-copy, latched pull decoder and a deterministic
 * encoder. After the first error every get yields zero and nothing moves;
 * ask once at the end with cbor_done(). Refused: non-minimal lengths, duplicate
 * map keys, keys other than integers and strings, invalid UTF-8, floats,
 * undefined, trailing bytes, nesting over 16, more than CBOR_ITEMS items (unless the
 * caller sets another item_limit), and indefinite lengths unless the caller allows them (containers only; chunked
 * strings never). Maps whose keys are out of order cost a look back at the keys
 * before; all of these together may look at CBOR_LOOKBACK items.
 */
enum { CBOR_DEPTH = 16, CBOR_ITEMS = 4096, CBOR_LOOKBACK = 1 << 19 };
enum cbor_flags { CBOR_STRICT = 0, CBOR_INDEFINITE_OK = 1 };
enum cbor_kind {
    CBOR_BAD, /* latched, or at the end */
    CBOR_UINT,
    CBOR_NINT,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_BOOL,
    CBOR_NULL,
};

struct cbor {
    struct reader r;
    unsigned flags;
    unsigned depth, items, lookback;
    unsigned item_limit;
    const char *why; /* static sentence of the first error, NULL while good */
};

struct cbor cbor_of(struct selfsame_bytes in, unsigned flags);
enum cbor_kind cbor_peek(const struct cbor *c);
uint64_t cbor_get_uint(struct cbor *c);
int64_t cbor_get_int(struct cbor *c); /* unsigned or negative, within int64 */
bool cbor_get_bool(struct cbor *c);
bool cbor_get_null(
    struct cbor *c); /* true and consumed when null is next; else untouched */
struct selfsame_bytes cbor_get_bytes(struct cbor *c);
struct selfsame_bytes cbor_get_text(struct cbor *c);
uint64_t cbor_get_tag(struct cbor *c);
struct selfsame_bytes cbor_get_any(
    struct cbor *c); /* one item whole, checked, as its bytes */

/*
 * Containers: enter, then loop. In a map each turn stands before a key.
 *
 *     struct cbor_seq map = cbor_get_map(&c);
 *     while (cbor_more(&c, &map)) { key = cbor_get_text(&c); ... value ... }
 *
 * cbor_more() refuses a key that already occurred in this map. Its false also
 * leaves the container, so loop until it says so rather than break out.
 */
struct cbor_seq {
    uint64_t left; /* items, or pairs; UINT64_MAX when indefinite */
    bool map, indefinite, over;
    bool sorted;          /* keys so far strictly ascending */
    const uint8_t *first; /* of the first key */
    struct selfsame_bytes last_key;
    size_t done;
};
struct cbor_seq cbor_get_array(struct cbor *c);
struct cbor_seq cbor_get_map(struct cbor *c);
bool cbor_more(struct cbor *c, struct cbor_seq *s);

bool cbor_done(struct cbor *c);                  /* good and nothing left */
void cbor_fail(struct cbor *c, const char *why); /* latch an error of the caller's */
/* MALFORMED with the reason and the offset, or OK. */
MUST enum selfsame_code cbor_end(
    struct cbor *c, struct selfsame_bytes in, const char *what, struct selfsame_err *e);

/* Encoder: RFC 8949 §4.2.1; map keys are put in bytewise order of their encoding by the caller. */
void cbor_put_uint(struct writer *w, uint64_t v);
void cbor_put_int(struct writer *w, int64_t v);
void cbor_put_bytes(struct writer *w, struct selfsame_bytes b);
void cbor_put_bytes_head(struct writer *w, uint64_t len);
void cbor_put_text(struct writer *w, struct selfsame_bytes b);
void cbor_put_str(struct writer *w, const char *s);
void cbor_put_array(struct writer *w, uint64_t count);
void cbor_put_map(struct writer *w, uint64_t pairs);
void cbor_put_tag(struct writer *w, uint64_t tag);
void cbor_put_bool(struct writer *w, bool v);
void cbor_put_null(struct writer *w);

#endif
