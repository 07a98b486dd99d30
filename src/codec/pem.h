/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_PEM_H
#define SELFSAME_PEM_H

#include "base/base.h"

bool pem_looks_like(struct selfsame_bytes in); /* contains "-----BEGIN " */
/*
 * The next block with this label ("CERTIFICATE") from *rest, decoded into the
 * arena; *rest moves behind it. Text between blocks is skipped (RFC 7468 §2,
 * strict base64 inside). *ret is absent when there is none left.
 */
MUST enum selfsame_code pem_next(struct selfsame_bytes *rest, const char *label,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
/* NULL when the arena is full. */
MUST char *pem_encode(
    const char *label, struct selfsame_bytes der, struct arena *arena);

#endif
