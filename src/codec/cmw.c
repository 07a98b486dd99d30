/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cmw_parts.h"

/* First bytes, draft-ietf-rats-msg-wrap §3.4. */
static bool
is_json(struct selfsame_bytes in)
{
    return in.len > 0 && (in.ptr[0] == '[' || in.ptr[0] == '{');
}

static bool
is_cbor(struct selfsame_bytes in)
{
    uint8_t c = in.len > 0 ? in.ptr[0] : 0;

    return c == 0x82 || c == 0x83 || c == 0x9f || (c >= 0xa0 && c <= 0xbb) ||
           c == 0xbf || bytes_has_prefix(in, BYTES_LIT("\xda\x63\x74"));
}

bool
cmw_looks_like(struct selfsame_bytes in)
{
    return is_json(in) || is_cbor(in);
}

bool
cmw_label_ok(struct selfsame_bytes label)
{
    if (label.len == 0 || label.len > CMW_LABEL_MAX || !utf8_valid(label))
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (label.ptr[i] < ' ' || label.ptr[i] == 0x7f)
            return false;
    return bytes_cmp(label, BYTES_LIT(CMW_TYPE_KEY)) != 0;
}

/* Printable ASCII with something on both sides of the first slash. */
bool
cmw_type_ok(struct selfsame_bytes t)
{
    size_t slash = t.len;

    if (t.len > CMW_TYPE_MAX)
        return false;
    for (size_t i = t.len; i-- > 0;) {
        if (t.ptr[i] < ' ' || t.ptr[i] > '~')
            return false;
        if (t.ptr[i] == '/')
            slash = i;
    }
    return slash > 0 && slash + 1 < t.len;
}

/* A URI (has a scheme) or the dotted text of an OID; printable ASCII. */
bool
cmw_collection_type_ok(struct selfsame_bytes t)
{
    bool uri = false, oid = true;

    if (t.len == 0 || t.len > CMW_TYPE_MAX)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        uint8_t c = t.ptr[i];

        if (c <= ' ' || c > '~')
            return false;
        uri = uri || (c == ':' && i > 0);
        oid = oid && (c == '.' || (c >= '0' && c <= '9'));
    }
    return uri || oid;
}

/* The inverse of TN(cf) = 0x63740101 + cf / 255 * 256 + cf % 255. */
bool
cmw_format_of_tag(uint64_t tag, uint32_t *ret)
{
    const uint64_t first = 0x63740101, last = 0x6374ffff;

    if (tag < first || tag > last)
        return false;
    uint32_t high = (uint32_t)(tag - first) >> 8, low = (uint32_t)(tag - first) & 255;
    if (low == 255)
        return false;
    *ret = high * 255 + low;
    return true;
}

enum selfsame_code
cmw_walk_add(struct cmw_walk *w, struct cmw_entry entry, struct selfsame_err *e)
{
    struct cmw *c = &w->cmw;

    if (c->count == CMW_ENTRIES)
        FAIL(e, SELFSAME_MALFORMED, "CMW: expected at most %d entries, got more",
            (int)CMW_ENTRIES);
    if (entry.type.ptr != NULL && !cmw_type_ok(entry.type))
        FAIL(e, SELFSAME_MALFORMED,
            "CMW: expected a media type (\"a/b\"), got %zu other bytes",
            entry.type.len);
    if (entry.type.ptr == NULL && entry.content_format > UINT16_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "CMW: expected a content format up to 65535, got %u",
            (unsigned)entry.content_format);
    if ((entry.ind & ~(uint32_t)CMW_IND_ALL) != 0)
        FAIL(e, SELFSAME_MALFORMED, "CMW: expected indicator bits 0 to 4, got 0x%x",
            (unsigned)entry.ind);
    for (size_t i = 0; i < c->count; i++)
        if (bytes_cmp(c->entries[i].label, entry.label) == 0)
            FAIL(e, SELFSAME_MALFORMED,
                "CMW: expected different labels, got \"%.*s\" twice",
                (int)entry.label.len, (const char *)entry.label.ptr);
    c->entries[c->count++] = entry;
    return SELFSAME_OK;
}

enum selfsame_code
cmw_walk_enter(struct cmw_walk *w, struct selfsame_err *e)
{
    if (w->depth == CMW_NESTING)
        FAIL(e, SELFSAME_MALFORMED,
            "CMW: expected collections at most %d deep, got more", (int)CMW_NESTING);
    w->depth++;
    w->cmw.collection = true;
    return SELFSAME_OK;
}

enum selfsame_code
cmw_walk_type(struct cmw_walk *w, struct selfsame_bytes type, struct selfsame_err *e)
{
    if (!cmw_collection_type_ok(type))
        FAIL(e, SELFSAME_MALFORMED,
            "CMW: expected a URI or OID as collection type, got %zu other bytes",
            type.len);
    if (w->depth == 1)
        w->cmw.collection_type = type;
    return SELFSAME_OK;
}

enum selfsame_code
cmw_walk_leave(struct cmw_walk *w, size_t members, struct selfsame_err *e)
{
    if (members == 0)
        FAIL(
            e, SELFSAME_MALFORMED, "CMW: expected a collection with members, got none");
    w->depth--;
    return SELFSAME_OK;
}

enum selfsame_code
cmw_walk_label(struct cmw_walk *w, struct selfsame_bytes prefix,
    struct selfsame_bytes name, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    size_t len = prefix.len > 0 ? prefix.len + 1 + name.len : name.len;

    if (!cmw_label_ok(name) || len > CMW_LABEL_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "CMW: expected a label of 1 to %d bytes without control characters, "
            "got %zu bytes",
            (int)CMW_LABEL_MAX, len);
    uint8_t *buf = ARENA_NEW(w->arena, uint8_t, len);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "CMW: no room for a label of %zu bytes", len);
    struct writer label = writer_of(buf, len);
    put_bytes(&label, prefix);
    if (prefix.len > 0)
        put_u8(&label, '/');
    put_bytes(&label, name);
    *ret = writer_bytes(&label);
    return SELFSAME_OK;
}

enum selfsame_code
cmw_parse(struct selfsame_bytes in, struct arena *arena, struct cmw *ret,
    struct selfsame_err *e)
{
    struct cmw_walk w = { .arena = arena };

    if (!cmw_looks_like(in))
        FAIL(e, SELFSAME_MALFORMED,
            "CMW: expected a record, tag or collection, got %zu bytes that begin "
            "0x%02x",
            in.len, in.len > 0 ? in.ptr[0] : 0u);
    w.cmw.entries = ARENA_NEW(arena, struct cmw_entry, CMW_ENTRIES);
    if (w.cmw.entries == NULL)
        FAIL(e, SELFSAME_NOMEM, "CMW: no room for %d entries", (int)CMW_ENTRIES);
    if (is_json(in))
        TRY(cmw_parse_json(in, &w, e));
    else
        TRY(cmw_parse_cbor(in, &w, e));
    *ret = w.cmw;
    return SELFSAME_OK;
}

const struct cmw_entry *
cmw_find(const struct cmw *c, const char *type)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->entries[i].type.len > 0 &&
            bytes_cmp(c->entries[i].type, bytes_str(type)) == 0)
            return &c->entries[i];
    return NULL;
}

const struct cmw_entry *
cmw_label(const struct cmw *c, const char *label)
{
    for (size_t i = 0; i < c->count; i++)
        if (bytes_cmp(c->entries[i].label, bytes_str(label)) == 0)
            return &c->entries[i];
    return NULL;
}
