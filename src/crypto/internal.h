/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CRYPTO_INTERNAL_H
#define SELFSAME_CRYPTO_INTERNAL_H

#include "crypto/crypto.h"

#include <openssl/evp.h>

/* What the files of this folder share and nobody else may see. */

/*
 * Where verification gets its algorithms; NULL: out of memory. Never libcrypto's
 * default context: its first use reads $OPENSSL_CONF or openssl.cnf, and loads
 * and runs whatever provider these name.
 */
OSSL_LIB_CTX *crypto_context(void);

/* Fetched once per process; NULL for an unknown algorithm or when memory ran out. */
const EVP_MD *hash_md(enum hash_alg alg);

/* Field and group order of one NIST curve, big-endian, `size` bytes each. */
struct curve {
    enum sig_alg alg;
    const char *name; /* "P-384" */
    size_t size;
    struct selfsame_bytes p, n;
};
const struct curve *curve_of(enum sig_alg alg); /* NULL: not an ECDSA curve */
/*
 * What every ECDSA backend must be sure of before it starts: exact lengths,
 * coordinates below p, 0 < r, s < n (FIPS 186-5 §6.4.2), a plausible digest.
 */
MUST enum selfsame_code curve_check(
    const struct curve *c, const struct sig_check *check, struct selfsame_err *e);

/* r||s as DER ECDSA-Sig-Value; returns the length. */
enum { ECDSA_DER_MAX = 3 + 2 * (3 + 66) };
size_t sig_ecdsa_to_der(struct selfsame_bytes rs, uint8_t ret[static ECDSA_DER_MAX]);

/* Modulus and exponent of a DER RSAPublicKey, 2048 to 8192 bits, odd exponent ≥ 3. */
MUST enum selfsame_code rsa_key_parse(struct selfsame_bytes der,
    struct selfsame_bytes *ret_n, struct selfsame_bytes *ret_e, struct selfsame_err *e);

static inline void
pkey_cleanup(EVP_PKEY **p)
{
    EVP_PKEY_free(*p);
}
static inline void
pkey_ctx_cleanup(EVP_PKEY_CTX **p)
{
    EVP_PKEY_CTX_free(*p);
}
#define auto_pkey __attribute__((cleanup(pkey_cleanup))) EVP_PKEY
#define auto_pkey_ctx __attribute__((cleanup(pkey_ctx_cleanup))) EVP_PKEY_CTX

#endif
