/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_X509_INTERNAL_H
#define SELFSAME_X509_INTERNAL_H

#include "crypto/x509.h"

/* Between name.c, x509.c, x509_ext.c, chain.c and cert_cache.c. */

bool name_valid(struct selfsame_bytes name);
bool name_empty(struct selfsame_bytes name); /* of a valid one */
/* The CN for a sentence: cut, and only printable ASCII. */
enum { NAME_BRIEF = 56 };
void name_brief(struct selfsame_bytes name, char ret[static NAME_BRIEF]);

/* Fills the fields of c that come from c->extensions. */
MUST enum selfsame_code cert_parse_extensions(struct cert *c, struct selfsame_err *e);

/* What a cache entry stands for: this certificate, this issuer key, this anchor. */
enum { CERT_CACHE_KEY = 48 + 32 + 32 };
struct cert_cache_key {
    uint8_t bytes[CERT_CACHE_KEY];
};
bool cert_cache_has(struct cert_cache *c, const struct cert_cache_key *key);
/* Forgets the entry not used for the longest time when there is no room. */
void cert_cache_put(struct cert_cache *c, const struct cert_cache_key *key);

#endif
