/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_AUTHORITY_H
#define SELFSAME_VERIFIER_AUTHORITY_H

#include "codec/json.h"
#include "crypto/x509.h"

/*
 * The authority of a SPIFFE trust domain that signs X.509-SVIDs: DIR/keys/spiffe-ca.pem
 * has pairs of a private key and its certificate (PEM, mode 0600). All certificates that
 * have not ended stand in the bundle; the pair that begins last and has begun signs. So a
 * replacement is a pair whose certificate begins an hour from now: whoever reads the
 * bundle knows it before it is used.
 */
enum {
    AUTHORITY_KEYS = 4,
    AUTHORITY_LIFE_S = 365 * 86400,
    AUTHORITY_LEAD_S = 3600,
    SVID_SKEW_S = 60, /* not_before lies so far back: for clocks of others */
};
struct authority {
    struct arena arena;
    char *domain;
    struct authority_pair {
        struct key *key;
        struct selfsame_bytes cert;
        int64_t not_before, not_after;
    } pairs[AUTHORITY_KEYS];
    size_t count;
    uint64_t sequence; /* of the bundle: grows when a pair comes */
};
/*
 * The trust domain of verifier.json: "spiffe": {"trust_domain":NAME}, or the host of the
 * issuer. USAGE: neither is one.
 */
MUST enum selfsame_code authority_domain(const json_t *settings, struct arena *arena,
    const char **ret, struct selfsame_err *e);
/* Made where there is none. MALFORMED, USAGE (others may read it, another trust domain), IO. */
MUST enum selfsame_code authority_read(const char *path, const char *domain,
    int64_t now_s, struct authority **ret, struct selfsame_err *e);
/* One more pair, beginning after `lead_s`; those that have ended go. */
MUST enum selfsame_code authority_rotate(const char *path, const char *domain,
    int64_t now_s, int64_t lead_s, struct selfsame_err *e);
void authority_free(struct authority **a);
#define auto_authority __attribute__((cleanup(authority_free))) struct authority

/* A leaf for somebody's key, and what signed it. BAD_CHAIN: no pair signs now. */
struct svid {
    struct selfsame_bytes leaf, issuer; /* DER */
    int64_t expires_s;
};
MUST enum selfsame_code authority_issue(const struct authority *a,
    const char *spiffe_id, struct selfsame_bytes spki, int64_t now_s, int64_t life_s,
    struct arena *arena, struct svid *ret, struct selfsame_err *e);
/* Certificates that have not ended, for the bundle; how many. */
size_t authority_certs(const struct authority *a, int64_t now_s,
    struct selfsame_bytes ret[static AUTHORITY_KEYS]);

#endif
