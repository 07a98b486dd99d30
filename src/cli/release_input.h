/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_RELEASE_INPUT_H
#define SELFSAME_CLI_RELEASE_INPUT_H

#include "log/log.h"

/* A release as people have it: NAME.tlog-proof, an envelope, or a bare statement. */
struct release_input {
    const char *kind;               /* "proof", "envelope", "statement" */
    struct selfsame_bytes payload;  /* the statement, canonical */
    struct selfsame_bytes envelope; /* absent in a bare statement */
};
/* No signature is checked here. MALFORMED: none of the three. */
MUST enum selfsame_code release_input_parse(struct selfsame_bytes in,
    struct arena *arena, struct release_input *ret, struct selfsame_err *e);

#endif
