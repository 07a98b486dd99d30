/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DER_H
#define SELFSAME_DER_H

#include "base/base.h"

/*
 * Strict DER (X.690 §10): minimal definite lengths, one-byte tags, no trailing
 * bytes. Latched like the other readers; views into the input.
 */
enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_NULL = 0x05,
    DER_OID = 0x06,
    DER_UTF8 = 0x0c,
    DER_PRINTABLE = 0x13,
    DER_IA5 = 0x16,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
};
#define DER_CONTEXT(n) (0xa0 | (n))           /* constructed [n] */
#define DER_CONTEXT_PRIMITIVE(n) (0x80 | (n)) /* primitive [n] */

struct der {
    struct reader r;
    const char *why;
};
struct der der_of(struct selfsame_bytes in);
bool der_is(const struct der *d, unsigned tag); /* next element has this tag */
struct selfsame_bytes der_get(struct der *d, unsigned tag); /* its content */
struct selfsame_bytes der_get_any(
    struct der *d, unsigned *ret_tag); /* content of whatever is next */
struct selfsame_bytes der_get_element(
    struct der *d);                                /* whatever is next, with its head */
struct der der_enter(struct der *d, unsigned tag); /* a reader over the content */
bool der_get_bool(struct der *d);                  /* 00 or FF only */
uint64_t der_get_small_uint(struct der *d); /* minimal, non-negative, ≤ 8 bytes */
struct selfsame_bytes der_get_uint(
    struct der *d); /* minimal, non-negative; without the sign's 00 (zero: one 00) */
struct selfsame_bytes der_get_bits(struct der *d); /* BIT STRING with 0 unused bits */
int64_t der_get_time(struct der *d); /* UTCTime or GeneralizedTime, Z, seconds */
bool der_done(const struct der *d);
void der_fail(struct der *d, const char *why);
void der_absorb(
    struct der *d, const struct der *inner); /* latch when inner is bad or not done */

#endif
