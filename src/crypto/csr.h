/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CSR_H
#define SELFSAME_CSR_H

#include "crypto/crypto.h"

/*
 * PKCS #10 (RFC 2986): somebody asks for a certificate of a key and proves that he has
 * it. Names and attributes are read for their form alone: what a certificate says is not
 * for its subject to choose.
 */
enum { CSR_MAX = 16 << 10 };
struct csr {
    struct selfsame_bytes info; /* what is signed */
    struct selfsame_bytes subject, spki;
    enum sig_alg key_alg;
    struct selfsame_bytes key; /* as sig_check wants it */
};
/*
 * DER, and its signature by its own key. MALFORMED; UNSUPPORTED: keys and algorithms;
 * BAD_SIGNATURE. Views into it.
 */
MUST enum selfsame_code csr_read(
    struct selfsame_bytes der, struct csr *ret, struct selfsame_err *e);

#endif
