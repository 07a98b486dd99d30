/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_RELEASE_SECRET_H
#define SELFSAME_VERIFIER_RELEASE_SECRET_H

#include "verifier/parts.h"
#include "verifier/seal.h"

/* Of front_secret.c, for front_kbs.c, which gives the same secrets in another way. */
const struct snap_secret *tenant_secret(const struct snap_tenant *t, const char *name);
/* Under which policy somebody was accepted, and as which release. */
struct secret_claim {
    const char *policy, *release, *version; /* release, version: or NULL */
};
/* DENIED, with the condition that does not hold. */
MUST enum selfsame_code secret_allows(
    const struct snap_secret *s, const struct secret_claim *k, struct selfsame_err *e);
/* In the call's arena, for the caller to wipe; noted for the audit log. INTERNAL: it cannot be opened. */
MUST enum selfsame_code secret_text(struct call *c, const struct snap_secret *s,
    struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
