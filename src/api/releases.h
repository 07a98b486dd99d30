/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_API_RELEASES_H
#define SELFSAME_API_RELEASES_H

#include "api/api.h"
#include "log/accept.h"

/* The texts that are there parse; USAGE names the line. */
MUST enum selfsame_code releases_check_texts(
    struct selfsame_policy *p, struct selfsame_err *e);
/*
 * Opens the request's proofs: writes the checks "release" and "log-proof", and puts
 * what the releases promise into *with. Nothing where the policy names no release.
 * NOMEM; USAGE: the policy refers to a file that was not given.
 */
MUST enum selfsame_code releases_open(const struct selfsame_policy *policy,
    const struct selfsame_request *q, int64_t now_ms, struct arena *arena,
    struct checks *checks, struct policy *with, struct selfsame_err *e);

#endif
