/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_JSON_READ_H
#define SELFSAME_JSON_READ_H

#include "base/base.h"

/*
 * JSON (RFC 8259) read in one pass without allocating, for signed objects whose exact
 * bytes count and whose reading is on the hot path; documents of people go through
 * codec/json.h. Latched like the other readers. Views into the input.
 *
 * Stricter than the RFC: a member name occurs once in an object, names and the strings
 * that jread_text hands out have no escapes, an object has at most JREAD_MEMBERS
 * members, those that are open together JREAD_NAMES, nesting ends at JREAD_DEPTH.
 *
 *     struct jread_object o = jread_object(&j);
 *     while (jread_member(&j, &o, &name)) { ... one value ... }
 */
enum { JREAD_DEPTH = 16, JREAD_MEMBERS = 64, JREAD_ITEMS = 1 << 16 };
enum { JREAD_NAMES = 4 * JREAD_MEMBERS }; /* of all objects that are open */
struct jread {
    struct selfsame_bytes in;
    size_t at;
    unsigned depth, items;
    const char *why; /* static sentence of the first error, NULL while good */
    size_t name_count;
    struct selfsame_bytes name[JREAD_NAMES]; /* those of inner objects come last */
};
struct jread_object {
    size_t first, count; /* its names */
};
struct jread_array {
    size_t count;
};

struct jread jread_of(struct selfsame_bytes in);
struct jread_object jread_object(struct jread *j); /* enters it */
/* The next name, its value is what comes next; false behind the last one, or when bad. */
bool jread_member(
    struct jread *j, struct jread_object *o, struct selfsame_bytes *ret_name);
struct jread_array jread_array(struct jread *j);
bool jread_element(struct jread *j, struct jread_array *a);
struct selfsame_bytes jread_text(struct jread *j); /* without its quotes */
uint64_t jread_uint(struct jread *j, uint64_t max);
struct selfsame_bytes jread_skip(
    struct jread *j);             /* any value, checked, as its bytes */
bool jread_done(struct jread *j); /* good, and nothing but white space left */
void jread_fail(struct jread *j, const char *why);
/* MALFORMED with the reason and the offset, or OK. */
MUST enum selfsame_code jread_end(
    struct jread *j, const char *what, struct selfsame_err *e);
/* The offset of the value that comes next: where an object to be hashed begins. */
size_t jread_offset(struct jread *j);

#endif
