/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <openssl/rand.h>

#include <limits.h>

bool
rng_bytes(uint8_t *ret, size_t len)
{
    return len <= INT_MAX && RAND_bytes(ret, (int)len) == 1;
}
