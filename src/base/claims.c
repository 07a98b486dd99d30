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

const struct claim *
claims_next(const struct selfsame_claims *c, const struct claim *before)
{
    for (const struct claim *x = before + 1; x < c->list + c->count; x++)
        if (strcmp(x->path, before->path) == 0)
            return x;
    return NULL;
}

bool
pins_named(const char *const *pins, bool (*named)(const void *ctx, const char *path),
    const void *ctx)
{
    bool all = true;

    for (; pins != NULL && *pins != NULL; pins++) {
        if (strcmp(*pins, PINS_OR) != 0)
            all = all && named(ctx, *pins);
        else if (all)
            return true;
        else
            all = true;
    }
    return all;
}
