/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_IDENTITY_H
#define SELFSAME_VERIFIER_IDENTITY_H

#include "verifier/authority.h"
#include "verifier/parts.h"

/*
 * What a verdict is worth to those who give something away for it: identities, secrets
 * (front_identity.c, front_secret.c, front_kbs.c).
 */
/*
 * OK: accepted, affirming (or only warning, where that is allowed), fresh by a nonce of
 * ours that was used now, and about a key. An insecure policy does not do away with the
 * last three: evidence that is about no key, or an old one, is anybody's who saw it.
 */
MUST enum selfsame_code judged_earns(
    const struct judged *j, bool warning, struct selfsame_err *e);

/*
 * The authority of the trust domain, made where there is none; for the snapshot. What is wrong is told: then
 * there are no identities, and verification goes on.
 */
void spiffe_authority(struct verifier_service *s, struct snapshot *n);
/*
 * Whether a tenant may give this id: of the trust domain, with a path, and that of a tenant
 * other than "default" below /TENANT/, which no other tenant's ids are. DENIED.
 */
MUST enum selfsame_code spiffe_id_allowed(const struct snapshot *n, const char *tenant,
    const char *spiffe_id, struct selfsame_err *e);

#endif
