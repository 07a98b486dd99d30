/* SPDX-License-Identifier: Apache-2.0 */
#include "log/log.h"

#include <stdio.h>

/* Groups of three digits, all but the last behind an 'x': 1234067 is x001/x234/067. */
static size_t
put_index(char *to, size_t cap, uint64_t n)
{
    unsigned group[8];
    size_t count = 0, len = 0;

    do {
        group[count++] = (unsigned)(n % 1000);
        n /= 1000;
    } while (n > 0 && count < COUNT(group));
    while (count-- > 0) {
        int k = snprintf(to + len, cap - len, "%s%03u%s", count > 0 ? "x" : "",
            group[count], count > 0 ? "/" : "");

        len += k > 0 ? (size_t)k : 0;
    }
    return len;
}

void
tile_name(const struct tile_id *id, char ret[static TILE_NAME])
{
    char level[16] = "entries";
    size_t len;

    if (!id->entries)
        (void)snprintf(level, sizeof(level), "%u", id->level);
    len = (size_t)snprintf(ret, TILE_NAME, "tile/%s/", level);
    len += put_index(ret + len, TILE_NAME - len, id->index);
    if (id->width < TILE_WIDTH)
        (void)snprintf(ret + len, TILE_NAME - len, ".p/%u", id->width);
}

/* Reading is strict by writing again: there is one name for each tile. */
enum selfsame_code
tile_name_parse(const char *name, struct tile_id *ret, struct selfsame_err *e)
{
    struct tile_id id = { .width = TILE_WIDTH };
    char again[TILE_NAME];
    const char *at = name;
    uint64_t n;

    if (strncmp(at, "tile/", 5) != 0 || strlen(name) >= TILE_NAME)
        FAIL(e, SELFSAME_MALFORMED, "expected the name of a tile, got \"%.60s\"", name);
    at += 5;
    size_t len = strcspn(at, "/");
    id.entries = len == 7 && strncmp(at, "entries", 7) == 0;
    if (!id.entries && uint_parse(at, len, 63, &n))
        id.level = (unsigned)n;
    for (at += len + (at[len] == '/'); *at == 'x' || (*at >= '0' && *at <= '9');) {
        at += *at == 'x';
        if (id.index > UINT64_MAX / 1000 - 1 || strspn(at, "0123456789") < 3 ||
            !uint_parse(at, 3, 999, &n))
            break;
        id.index = id.index * 1000 + n;
        at += 3;
        at += *at == '/';
    }
    if (strncmp(at, ".p/", 3) == 0 && uint_parse(at + 3, strlen(at + 3), 255, &n))
        id.width = (unsigned)n;
    tile_name(&id, again);
    if (strcmp(again, name) != 0 || id.width == 0)
        FAIL(e, SELFSAME_MALFORMED, "expected the name of a tile, got \"%.60s\"", name);
    *ret = id;
    return SELFSAME_OK;
}

unsigned
tile_width(unsigned level, uint64_t index, uint64_t size)
{
    uint64_t hashes = level >= TILE_LEVELS ? 0 : size >> (8 * level);

    if (index >= hashes / TILE_WIDTH + 1 || index > UINT64_MAX / TILE_WIDTH)
        return 0;
    uint64_t left = hashes - index * TILE_WIDTH;
    return left < TILE_WIDTH ? (unsigned)left : TILE_WIDTH;
}

enum selfsame_code
bundle_next(struct reader *r, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    *ret = BYTES_NONE;
    if (r->rest.len == 0 && !r->bad)
        return SELFSAME_OK;
    size_t len = get_be16(r);
    struct selfsame_bytes entry = get_bytes(r, len);
    if (r->bad)
        FAIL(e, SELFSAME_MALFORMED,
            "entry bundle: expected an entry of %zu bytes, got fewer", len);
    /* An empty entry is there all the same. */
    *ret = len > 0 ? entry : BYTES((const uint8_t *)"", 0);
    return SELFSAME_OK;
}
