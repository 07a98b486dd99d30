/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CRYPTO_KEY_H
#define SELFSAME_CRYPTO_KEY_H

#include "crypto/internal.h"

struct key {
    EVP_PKEY *pkey;
    enum key_type type;
};

#endif
