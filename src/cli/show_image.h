/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_SHOW_IMAGE_H
#define SELFSAME_CLI_SHOW_IMAGE_H

#include "codec/json.h"

/* Enclave images of Nitro and streams of SGX, from their files. */
MUST enum selfsame_code show_eif(
    int fd, struct arena *arena, json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_sgxs(int fd, json_t *into, struct selfsame_err *e);

#endif
