/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SIGSTRUCT_H
#define SELFSAME_SIGSTRUCT_H

#include "crypto/crypto.h"

/*
 * SIGSTRUCT, what the author of an enclave signs (Intel SDM volume 3D §38.13): the
 * processor starts no enclave of SGX without one. MRSIGNER is the SHA-256 of its
 * modulus as it stands here, little-endian.
 */
enum { SIGSTRUCT_SIZE = 1808 };
struct sigstruct {
    struct selfsame_bytes raw;
    bool is_debug;   /* type: for enclaves that are debugged */
    uint32_t vendor; /* 0, or 0x8086 of Intel */
    unsigned year, month, day;
    uint32_t sw_defined;
    struct selfsame_bytes modulus, signature, q1, q2; /* 384, little-endian */
    uint32_t misc_select, misc_mask;
    uint8_t cet_attributes, cet_mask;
    struct selfsame_bytes isv_family_id; /* 16 */
    uint64_t flags, xfrm, flags_mask, xfrm_mask;
    struct selfsame_bytes enclave_hash;    /* 32: MRENCLAVE */
    struct selfsame_bytes isv_ext_prod_id; /* 16 */
    uint16_t isv_prod_id, isv_svn;
};
enum { SIGSTRUCT_VENDOR_INTEL = 0x8086 };
enum { SGX_FLAG_DEBUG = 1u << 1, SGX_FLAG_MODE64BIT = 1u << 2 };

/* By its first bytes. */
bool sigstruct_recognise(struct selfsame_bytes head);
/* Views into the input, nothing believed. MALFORMED: fixed fields, date, exponent, size. */
MUST enum selfsame_code sigstruct_parse(
    struct selfsame_bytes in, struct sigstruct *ret, struct selfsame_err *e);
/* The signature and the quotients. BAD_SIGNATURE, MALFORMED (quotients, modulus), NOMEM. */
MUST enum selfsame_code sigstruct_verify(
    const struct sigstruct *s, struct selfsame_err *e);
MUST bool sigstruct_mrsigner(const struct sigstruct *s, uint8_t ret[static 32]);

/*
 * Signs with an RSA key of 3072 bits and exponent 3: the same input gives the same
 * bytes. Takes from `s` all but raw, modulus, signature, q1 and q2; absent ids are
 * zeros. USAGE for a date or key that cannot be.
 */
MUST enum selfsame_code sigstruct_make(const struct sigstruct *s, const struct key *key,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
