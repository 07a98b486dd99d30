/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_NITRO_HASHERS_H
#define SELFSAME_NITRO_HASHERS_H

#include "crypto/crypto.h"

/*
 * The SHA-384 streams of a measurement, fed the same bytes in order. Small images
 * are hashed as they come; for large ones two threads share the streams and the
 * caller's thread only fills a ring of buffers, so memory stays constant.
 */
enum stream {
    STREAM_IMAGE,   /* PCR0: all that is measured */
    STREAM_BOOT,    /* PCR1: once it parts from PCR0 */
    STREAM_APP,     /* PCR2 */
    STREAM_SECTION, /* of one section, for --explain */
    STREAMS
};

struct hashers;
/* NULL: out of memory. Without threads to be had it works in this one. */
MUST struct hashers *hashers_new(bool parallel);
void hashers_free(struct hashers *h);
/* `streams`: bits 1 << STREAM_x. The view need only live for the call. */
void hashers_feed(struct hashers *h, unsigned streams, struct selfsame_bytes piece);
/* STREAM_BOOT becomes what STREAM_IMAGE is now; false: out of memory. */
MUST bool hashers_fork_boot(struct hashers *h);
/* Digest so far; the stream starts anew. */
MUST bool hashers_take(struct hashers *h, enum stream s, uint8_t ret[static HASH_MAX]);

#endif
