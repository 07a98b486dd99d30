/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/toml.h"

#include <stdio.h>

const char *
toml_quote(const char *s, struct arena *arena)
{
    size_t cap = 6 * strlen(s) + 3, n = 0;
    char *to = arena_alloc(arena, 1, cap);

    if (to == NULL)
        return NULL;
    to[n++] = '"';
    for (; *s != 0; s++) {
        if (*s == '"' || *s == '\\') {
            to[n++] = '\\';
            to[n++] = *s;
        } else if ((unsigned char)*s < ' ' || *s == 0x7f) {
            n += (size_t)snprintf(to + n, cap - n, "\\u%04x", (unsigned)*s);
        } else {
            to[n++] = *s;
        }
    }
    to[n++] = '"';
    return to;
}
