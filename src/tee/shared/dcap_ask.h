/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_ASK_H
#define SELFSAME_DCAP_ASK_H

#include "tee/shared/dcap_device.h"
#include "tee/tee.h"

/*
 * Asks the simulator's device behind a socket; what stands behind the errno goes to the
 * arena. IO.
 */
MUST enum selfsame_code dcap_ask(const char *path, enum dcap_device_op op,
    const struct selfsame_bytes *parts, size_t count, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

#endif
