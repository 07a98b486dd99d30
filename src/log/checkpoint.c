/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <inttypes.h>

/* Decimal without a leading zero, at most 2^63 - 1. */
static bool
number_of(struct selfsame_bytes s, uint64_t *ret)
{
    return s.len > 0 && (s.len == 1 || s.ptr[0] != '0') && s.ptr[0] >= '0' &&
           s.ptr[0] <= '9' && uint_parse((const char *)s.ptr, s.len, INT64_MAX, ret);
}

enum selfsame_code
checkpoint_parse(
    struct selfsame_bytes text, struct checkpoint *ret, struct selfsame_err *e)
{
    struct checkpoint c = { .size = 0 };
    struct selfsame_bytes rest = text, size, root, line, more;
    size_t len = 0;

    if (!bytes_line(&rest, &c.origin) || c.origin.len == 0 ||
        !bytes_line(&rest, &size) || !number_of(size, &c.size) ||
        !bytes_line(&rest, &root) || root.len != 44 ||
        !base64_decode(
            (const char *)root.ptr, root.len, false, c.root, sizeof(c.root), &len) ||
        len != LOG_HASH)
        FAIL(e, SELFSAME_MALFORMED,
            "checkpoint: expected lines of origin, size and root hash, got others");
    for (more = rest; more.len > 0;)
        if (!bytes_line(&more, &line) || line.len == 0)
            FAIL(e, SELFSAME_MALFORMED,
                "checkpoint: expected extension lines that are not empty, got others");
    c.extensions = rest;
    *ret = c;
    return SELFSAME_OK;
}

char *
checkpoint_text(const struct checkpoint *c, struct arena *arena)
{
    char root[BASE64_SIZE(LOG_HASH)];

    (void)base64_encode(BYTES_ARR(c->root), false, root);
    return arena_printf(arena, "%.*s\n%" PRIu64 "\n%s\n%.*s", (int)c->origin.len,
        (const char *)c->origin.ptr, c->size, root, (int)c->extensions.len,
        c->extensions.len > 0 ? (const char *)c->extensions.ptr : "");
}
