/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

/* RFC 2104 over hash_parts: this thread's own context, nothing allocated. */
bool
hmac_parts(enum hash_alg alg, struct selfsame_bytes key,
    const struct selfsame_bytes *part, size_t count, uint8_t ret[static HASH_MAX])
{
    enum { BLOCK = 64, PARTS = 8 };
    uint8_t inner[BLOCK], outer[BLOCK], digest[HASH_MAX];
    struct selfsame_bytes all[PARTS + 1] = { BYTES_ARR(inner) };

    if (alg != HASH_SHA256 || key.len > BLOCK || count > PARTS)
        return false;
    memset(inner, 0x36, sizeof(inner));
    memset(outer, 0x5c, sizeof(outer));
    for (size_t i = 0; i < key.len; i++) {
        inner[i] ^= key.ptr[i];
        outer[i] ^= key.ptr[i];
    }
    for (size_t i = 0; i < count; i++)
        all[i + 1] = part[i];
    bool made = hash_parts(alg, all, count + 1, digest);
    const struct selfsame_bytes last[] = { BYTES_ARR(outer),
        BYTES(digest, hash_size(alg)) };
    made = made && hash_parts(alg, last, COUNT(last), ret);
    secret_wipe(inner, sizeof(inner));
    secret_wipe(outer, sizeof(outer));
    secret_wipe(digest, sizeof(digest));
    return made;
}
