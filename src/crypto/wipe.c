/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from rng.c: the pure library wipes, and takes no random bytes. */
#include "crypto/crypto.h"

#include <openssl/crypto.h>

void
secret_wipe(void *p, size_t len)
{
    OPENSSL_cleanse(p, len);
}
