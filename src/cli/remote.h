/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_REMOTE_H
#define SELFSAME_REMOTE_H

#include <selfsame/selfsame.h>

#include "cli/releases.h"

/*
 * `verify URL`: connects, challenges the server about this very session (or about
 * its key, when it can do no more) and verifies the answer; with `ratls` it asks nothing,
 * and verifies the evidence in the certificate of the handshake. *ret is set whenever
 * evidence was judged. USAGE, IO, UNBOUND (no evidence to be had) without it.
 */
MUST enum selfsame_code remote_verify(const char *url, bool ratls,
    struct selfsame_verifier *v, const struct selfsame_policy *p,
    struct releases *releases, struct selfsame_result **ret, struct selfsame_err *e);

#endif
