/* SPDX-License-Identifier: Apache-2.0 */
#include "init/lines.h"

#include <string.h>

const char *
lines_each(char *text, size_t len, const char *(*take)(void *ctx, char *line),
    void *ctx, unsigned *ret_line)
{
    *ret_line = 1;
    text[len] = '\0';
    if (strlen(text) != len)
        return "a NUL byte";
    for (char *at = text; at < text + len; ++*ret_line) {
        char *end = strchr(at, '\n');
        if (end == NULL)
            return "the last line does not end";
        *end = '\0';
        const char *fault = take(ctx, at);
        if (fault != NULL)
            return fault;
        at = end + 1;
    }
    return NULL;
}
