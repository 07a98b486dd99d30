/* SPDX-License-Identifier: Apache-2.0 */
#include "base/claims.h"

const struct claim *
claims_find(const struct selfsame_claims *c, const char *path)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->list[i].path, path) == 0)
            return &c->list[i];
    return NULL;
}
