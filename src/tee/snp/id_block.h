/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SNP_ID_BLOCK_H
#define SELFSAME_SNP_ID_BLOCK_H

#include "tee/snp/snp.h"

/*
 * ID_BLOCK and ID_AUTH_INFO (AMD 56860): what the author of a guest signs. The firmware
 * launches no other digest with it, and reports its ids and the digests of its keys, so
 * that a verifier can trust an author instead of each measurement.
 */
struct snp_id_block {
    struct selfsame_bytes raw; /* 96 bytes; not needed to make one */
    struct selfsame_bytes measurement, family_id, image_id;
    uint32_t guest_svn;
    uint64_t policy;
};
struct snp_id_auth {
    struct selfsame_bytes raw; /* 4096 bytes */
    struct selfsame_bytes block_signature, id_key, key_signature, author_key;
    bool has_author;
};

/* Views into the input. MALFORMED, UNSUPPORTED. */
MUST enum selfsame_code snp_id_block_parse(
    struct selfsame_bytes in, struct snp_id_block *ret, struct selfsame_err *e);
MUST enum selfsame_code snp_id_auth_parse(
    struct selfsame_bytes in, struct snp_id_auth *ret, struct selfsame_err *e);
/* BAD_SIGNATURE: the block is not signed by the ID key, or that not by the author's. */
MUST enum selfsame_code snp_id_check(
    const struct snp_id_block *b, const struct snp_id_auth *a, struct selfsame_err *e);
/* ID_KEY_DIGEST and AUTHOR_KEY_DIGEST as reports will say; zeros without an author. */
MUST bool snp_id_digests(const struct snp_id_auth *a,
    uint8_t ret_id[static SNP_DIGEST_SIZE], uint8_t ret_author[static SNP_DIGEST_SIZE]);
/* author NULL: none. P-384 keys; block and authentication in the arena. */
MUST enum selfsame_code snp_id_make(const struct snp_id_block *b, const struct key *id,
    const struct key *author, struct arena *arena, struct selfsame_bytes *ret_block,
    struct selfsame_bytes *ret_auth, struct selfsame_err *e);

#endif
