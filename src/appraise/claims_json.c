/* SPDX-License-Identifier: Apache-2.0 */
/* Claims as JSON: "pcr.0" becomes {"pcr":{"0":…}}, and lists become arrays. */
#include "appraise/internal.h"

#include <inttypes.h>
#include <stdlib.h>

json_t *
json_text(const char *s)
{
    if (s == NULL)
        return json_null();
    struct selfsame_bytes b = bytes_str(s);
    if (utf8_valid(b))
        return json_stringn(s, b.len);
    /* An error's sentence may have been cut inside a character. */
    char *copy = malloc(b.len + 1);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i <= b.len; i++)
        copy[i] = (unsigned char)s[i] < 0x80 ? s[i] : '?';
    json_t *j = json_string(copy);
    free(copy);
    return j;
}

json_t *
json_hex(struct selfsame_bytes b)
{
    char *hex = malloc(2 * b.len + 1);

    if (hex == NULL)
        return NULL;
    hex_encode(b, hex);
    json_t *j = json_string(hex);
    free(hex);
    return j;
}

static json_t *
value_json(const struct claim *c)
{
    switch (c->kind) {
    case CLAIM_TEXT:
        return utf8_valid(c->bytes)
                   ? json_stringn((const char *)c->bytes.ptr, c->bytes.len)
                   : json_hex(c->bytes);
    case CLAIM_BYTES: return json_hex(c->bytes);
    case CLAIM_UINT:
        return c->number <= INT64_MAX ? json_integer((json_int_t)c->number)
                                      : json_sprintf("%" PRIu64, c->number);
    case CLAIM_BOOL: return json_boolean(c->number != 0);
    case CLAIM_NULL: break;
    }
    return json_null();
}

/* The member of this name; made where it is not there. */
static json_t *
inner_of(json_t *root, const char *name, json_t *(*make)(void))
{
    json_t *inner = json_object_get(root, name);

    if (inner == NULL && json_object_set_new(root, name, make()) == 0)
        inner = json_object_get(root, name);
    return inner;
}

/* False when memory ran out, or a claim's path runs through another claim. */
bool
claim_put_json(json_t *root, const struct claim *c)
{
    const char *at = c->path;
    char part[64];

    for (size_t len; at[len = strcspn(at, ".")] == '.'; at += len + 1) {
        const bool last = at[len + 1 + strcspn(at + len + 1, ".")] == '\0';

        if (len >= sizeof(part))
            return false;
        memcpy(part, at, len);
        part[len] = '\0';
        if (last && c->shape == CLAIM_INDEXED)
            return json_array_append_new(
                       inner_of(root, part, json_array), value_json(c)) == 0;
        root = inner_of(root, part, json_object);
    }
    if (c->shape != CLAIM_EACH)
        return json_object_set_new(root, at, value_json(c)) == 0;
    json_t *list = inner_of(root, at, json_array);
    return c->kind == CLAIM_NULL ? json_is_array(list)
                                 : json_array_append_new(list, value_json(c)) == 0;
}
