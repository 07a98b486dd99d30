/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_EXPORT_H
#define SELFSAME_LOG_EXPORT_H

#include "log/statement.h"

/*
 * What others read: releases as CoRIM, inclusion as COSE receipts. Both are made of what
 * is published already, so the same release gives the same bytes, and neither is what
 * our own clients believe (docs/formats/exports.md).
 *
 *   corim.c         a release as reference values (draft-ietf-rats-corim)
 *   corim_triples.c   one TEE's part of it
 *   receipt.c       a leaf of a log (draft-ietf-cose-merkle-tree-proofs)
 */

/* ---- corim.c ---- */

#define CORIM_PROFILE "https://selfsame.dev/corim/tee-release/v1"
enum { CORIM_TRIPLES = 1024 }; /* of one TEE, for all combinations of its values */

/*
 * Tag 501, or inside a COSE_Sign1 by `key` (Ed25519; NULL: unsigned). UNSUPPORTED: no
 * measurement that a CoRIM can say, or too many combinations; MALFORMED: a measurement
 * that is not of its TEE's form.
 */
MUST enum selfsame_code corim_of_release(const struct statement *s,
    const struct key *key, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);

/* ---- corim_triples.c ---- */

/* In the order of their CoMIDs. */
extern const char *const corim_tees[6];
/*
 * The reference triples of one TEE's items, an encoded array; absent where there is no
 * item of it. `items`: the array of a release, as parsed.
 */
struct json_t;
MUST enum selfsame_code corim_triples(const struct json_t *items, const char *tee,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

/* ---- receipt.c ---- */

/* The log's Ed25519 key signs the root that the path leads to. */
MUST enum selfsame_code receipt_make(uint64_t index, uint64_t size,
    const uint8_t leaf[static LOG_HASH], struct merkle_path path, const struct key *log,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

struct receipt;
/* What it says, whoever made it: index and size, no root; and how many hashes its path has. */
MUST enum selfsame_code receipt_peek(struct selfsame_bytes in, struct receipt *ret,
    size_t *ret_path, struct selfsame_err *e);

/* The log signs the root alone: another size or index may lead there as well. */
struct receipt {
    uint64_t index, size; /* as the receipt says */
    uint8_t root[LOG_HASH];
};
/* MALFORMED, UNSUPPORTED; LOG: not this leaf, or not this log (a NOTE_ED25519 key). */
MUST enum selfsame_code receipt_verify(struct selfsame_bytes in,
    const uint8_t leaf[static LOG_HASH], const struct note_key *log,
    struct arena *arena, struct receipt *ret, struct selfsame_err *e);

#endif
