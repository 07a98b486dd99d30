/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SHOW_SGX_H
#define SELFSAME_SHOW_SGX_H

#include "show/show.h"

/* sgx.c: enclaves of SGX, what their authors sign, manifests of Gramine. */
bool show_is_sigstruct(struct selfsame_bytes in);
bool show_is_enclave(struct selfsame_bytes in); /* a signed ELF */
bool show_is_manifest(struct selfsame_bytes in);
MUST enum selfsame_code show_sigstruct(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_enclave(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);
MUST enum selfsame_code show_manifest(struct selfsame_bytes in, struct arena *arena,
    json_t *into, struct selfsame_err *e);

#endif
