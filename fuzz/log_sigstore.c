/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore.h"

#include <stdlib.h>

/* Up to the next NUL, or all that is left. */
static struct selfsame_bytes
part(struct selfsame_bytes *rest)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, 0, rest->len) : NULL;
    struct selfsame_bytes b = *rest;

    if (end != NULL)
        b.len = (size_t)(end - rest->ptr);
    size_t used = end != NULL ? b.len + 1 : b.len;
    *rest = BYTES(rest->ptr + used, rest->len - used);
    return b;
}

/* A trusted root, a bundle and a key: whatever verifies has told all that it must. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(SIGSTORE_ARENA);
    struct selfsame_bytes rest = BYTES(data, size), json = part(&rest);
    struct selfsame_bytes bundle = part(&rest);
    const struct sigstore_root *root = NULL;
    struct sigstore_expect x = { .now_s = INT32_MAX };
    struct selfsame_err e = { 0 };
    struct sigstore_claims c;

    (void)sigstore_looks_like(bundle);
    if (sigstore_root_parse(json, &arena, &root, &e) != SELFSAME_OK)
        return 0;
    if (rest.len > 0) {
        x.key = rest;
    } else {
        x.identity_pattern = "**";
        x.issuer = "https://token.actions.githubusercontent.com";
    }
    if (sigstore_verify(bundle, &x, root, &arena, &c, &e) != SELFSAME_OK)
        return 0;
    if ((c.identity == NULL) != (x.key.ptr != NULL) || c.log == NULL ||
        c.signed_s > c.signed_until_s || c.payload.ptr == NULL)
        abort();
    return 0;
}
