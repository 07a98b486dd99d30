/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CRL_H
#define SELFSAME_CRL_H

#include "crypto/x509.h"

/*
 * Certificate revocation lists (RFC 5280 §5): an own strict walk, v1 or v2, ECDSA
 * or RSA. Views into the DER. Entries are walked where they are, so the length of
 * a list costs no memory.
 */
struct crl {
    struct selfsame_bytes der, tbs, issuer; /* issuer: the whole Name */
    int64_t this_update;
    bool has_next_update;
    int64_t next_update;
    struct selfsame_bytes entries; /* content of revokedCertificates, or absent */
    struct selfsame_bytes aki;     /* key identifier, or absent */
    enum sig_alg sig_alg;
    enum hash_alg sig_hash;
    struct selfsame_bytes signature;
};
MUST enum selfsame_code crl_parse(
    struct selfsame_bytes der, struct crl *ret, struct selfsame_err *e);
/*
 * Signed by this issuer (which must be allowed to: cRLSign where it has keyUsage)
 * and current: thisUpdate ≤ now ≤ nextUpdate; without nextUpdate refused. All
 * failures are REVOKED ("revocation data missing, stale or not yet valid") but
 * BAD_SIGNATURE-like ones, which are REVOKED as well: nothing is known then.
 */
MUST enum selfsame_code crl_verify(const struct crl *crl, const struct cert *issuer,
    int64_t now, struct cert_cache *cache, struct selfsame_err *e);
/* Is this serial number (content bytes of the INTEGER, no leading zero) listed? */
bool crl_lists(const struct crl *crl, struct selfsame_bytes serial);

#endif
