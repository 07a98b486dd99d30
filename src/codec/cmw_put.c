/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "codec/cmw_parts.h"

#include <stdlib.h>

/*
 * A member of a collection under the key it sorts by (the encoded label in CBOR,
 * the bare one in JSON); no entry: "__cmwc_t".
 */
struct member {
    struct selfsame_bytes key;
    const struct cmw_entry *entry;
};
enum { KEY_MAX = CMW_LABEL_MAX + 9 }; /* the longest label with its CBOR head */
struct layout {
    struct member at[CMW_ENTRIES + 1];
    size_t count;
};

/* How one of the two encodings writes its parts. */
struct form {
    bool media_types_only;
    void (*put_key)(struct writer *w, const struct cmw_entry *entry);
    void (*put_all)(struct writer *w, const struct cmw *c, const struct layout *l);
};

/* Canonical decimal text of an int64; anything else is no integer label. */
static bool
label_number(struct selfsame_bytes label, int64_t *ret)
{
    bool negative = label.len > 0 && label.ptr[0] == '-';
    size_t first = negative ? 1 : 0;
    uint64_t v = 0, most = (uint64_t)INT64_MAX + first;

    if (label.len == first || (label.ptr[first] == '0' && label.len > 1))
        return false;
    for (size_t i = first; i < label.len; i++) {
        unsigned digit = label.ptr[i] - (unsigned)'0';

        if (digit > 9 || v > (most - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *ret = negative ? -1 - (int64_t)(v - 1) : (int64_t)v;
    return true;
}

/* ---- CBOR ---- */

static void
cbor_key(struct writer *w, const struct cmw_entry *entry)
{
    int64_t number;

    if (entry == NULL)
        cbor_put_str(w, CMW_TYPE_KEY);
    else if (entry->integer_label && label_number(entry->label, &number))
        cbor_put_int(w, number);
    else
        cbor_put_text(w, entry->label);
}

static void
cbor_entry(struct writer *w, const struct cmw_entry *entry)
{
    cbor_put_array(w, entry->ind != 0 ? 3 : 2);
    if (entry->type.len > 0)
        cbor_put_text(w, entry->type);
    else
        cbor_put_uint(w, entry->content_format);
    cbor_put_bytes(w, entry->value);
    if (entry->ind != 0)
        cbor_put_uint(w, entry->ind);
}

static void
cbor_all(struct writer *w, const struct cmw *c, const struct layout *l)
{
    if (!c->collection) {
        cbor_entry(w, &c->entries[0]);
        return;
    }
    cbor_put_map(w, l->count);
    for (size_t i = 0; i < l->count; i++) {
        put_bytes(w, l->at[i].key);
        if (l->at[i].entry == NULL)
            cbor_put_text(w, c->collection_type);
        else
            cbor_entry(w, l->at[i].entry);
    }
}

/* ---- JSON ---- */

/* Text without control characters: only two letters need an escape. */
static void
put_json_string(struct writer *w, struct selfsame_bytes s)
{
    put_u8(w, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"' || s.ptr[i] == '\\')
            put_u8(w, '\\');
        put_u8(w, s.ptr[i]);
    }
    put_u8(w, '"');
}

static void
put_base64url(struct writer *w, struct selfsame_bytes value)
{
    enum { STEP = 48 };

    for (size_t i = 0; i < value.len; i += STEP) {
        char text[BASE64_SIZE(STEP)];
        size_t take = value.len - i < STEP ? value.len - i : STEP;
        size_t n = base64_encode(BYTES(value.ptr + i, take), true, text);

        put_bytes(w, BYTES((const uint8_t *)text, n));
    }
}

static void
json_key(struct writer *w, const struct cmw_entry *entry)
{
    put_bytes(w, entry == NULL ? BYTES_LIT(CMW_TYPE_KEY) : entry->label);
}

static void
json_entry(struct writer *w, const struct cmw_entry *entry)
{
    put_u8(w, '[');
    put_json_string(w, entry->type);
    put_bytes(w, BYTES_LIT(",\""));
    put_base64url(w, entry->value);
    put_u8(w, '"');
    if (entry->ind != 0) {
        put_u8(w, ',');
        if (entry->ind >= 10)
            put_u8(w, (uint8_t)('0' + entry->ind / 10));
        put_u8(w, (uint8_t)('0' + entry->ind % 10));
    }
    put_u8(w, ']');
}

static void
json_all(struct writer *w, const struct cmw *c, const struct layout *l)
{
    if (!c->collection) {
        json_entry(w, &c->entries[0]);
        return;
    }
    for (size_t i = 0; i < l->count; i++) {
        put_u8(w, i == 0 ? '{' : ',');
        put_json_string(w, l->at[i].key);
        put_u8(w, ':');
        if (l->at[i].entry == NULL)
            put_json_string(w, c->collection_type);
        else
            json_entry(w, l->at[i].entry);
    }
    put_u8(w, '}');
}

/* ---- both ---- */

static enum selfsame_code
check_entry(const struct cmw *c, const struct cmw_entry *entry, bool media_types_only,
    struct selfsame_err *e)
{
    int64_t number;

    if (c->collection && !cmw_label_ok(entry->label))
        FAIL(e, SELFSAME_USAGE,
            "writing a CMW: expected a label without control characters, got %zu bytes",
            entry->label.len);
    if (entry->integer_label && !label_number(entry->label, &number))
        FAIL(e, SELFSAME_USAGE,
            "writing a CMW: expected digits as an integer label, got other letters");
    if (entry->type.len > 0 && !cmw_type_ok(entry->type))
        FAIL(e, SELFSAME_USAGE,
            "writing a CMW: expected a media type (\"a/b\"), got %zu other bytes",
            entry->type.len);
    if (entry->type.len == 0 && media_types_only)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "writing a CMW in JSON: expected a media type, got content format %u",
            (unsigned)entry->content_format);
    if (entry->content_format > UINT16_MAX || entry->ind > CMW_IND_ALL)
        FAIL(e, SELFSAME_USAGE,
            "writing a CMW: expected format up to 65535 and indicator up to %d, got %u "
            "and %u",
            (int)CMW_IND_ALL, (unsigned)entry->content_format, (unsigned)entry->ind);
    return SELFSAME_OK;
}

static enum selfsame_code
check_all(const struct cmw *c, bool media_types_only, struct selfsame_err *e)
{
    if (c->count == 0 || c->count > (c->collection ? CMW_ENTRIES : 1))
        FAIL(e, SELFSAME_USAGE, "writing a CMW: expected 1 to %d entries, got %zu",
            c->collection ? (int)CMW_ENTRIES : 1, c->count);
    for (size_t i = 0; i < c->count; i++) {
        TRY(check_entry(c, &c->entries[i], media_types_only, e));
        for (size_t k = 0; k < i; k++)
            if (bytes_cmp(c->entries[i].label, c->entries[k].label) == 0)
                FAIL(e, SELFSAME_USAGE,
                    "writing a CMW: expected different labels, got one twice");
    }
    struct selfsame_bytes type = c->collection_type;
    if (type.ptr != NULL && !cmw_collection_type_ok(type))
        FAIL(e, SELFSAME_USAGE,
            "writing a CMW: expected a URI or OID as collection type, got %zu bytes",
            type.len);
    return SELFSAME_OK;
}

static int
compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    return bytes_cmp(x->key, y->key);
}

static enum selfsame_code
add_member(const struct form *f, struct arena *arena, const struct cmw_entry *entry,
    struct layout *l, struct selfsame_err *e)
{
    uint8_t *buf = ARENA_NEW(arena, uint8_t, KEY_MAX);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "writing a CMW: no room for the labels");
    struct writer w = writer_of(buf, KEY_MAX);
    f->put_key(&w, entry);
    l->at[l->count++] = (struct member){ writer_bytes(&w), entry };
    return SELFSAME_OK;
}

static enum selfsame_code
encode(const struct form *f, const struct cmw *c, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct layout l = { .count = 0 };
    struct writer count = writer_of(NULL, 0);

    TRY(check_all(c, f->media_types_only, e));
    if (c->collection && c->collection_type.ptr != NULL)
        TRY(add_member(f, arena, NULL, &l, e));
    for (size_t i = 0; c->collection && i < c->count; i++)
        TRY(add_member(f, arena, &c->entries[i], &l, e));
    qsort(l.at, l.count, sizeof(l.at[0]), compare_members);
    f->put_all(&count, c, &l);
    uint8_t *buf = ARENA_NEW(arena, uint8_t, count.need);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "writing a CMW: no room for %zu bytes", count.need);
    struct writer w = writer_of(buf, count.need);
    f->put_all(&w, c, &l);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
cmw_encode_cbor(const struct cmw *c, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    static const struct form form = { .put_key = cbor_key, .put_all = cbor_all };

    return encode(&form, c, arena, ret, e);
}

enum selfsame_code
cmw_encode_json(const struct cmw *c, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    static const struct form form = {
        .media_types_only = true,
        .put_key = json_key,
        .put_all = json_all,
    };

    return encode(&form, c, arena, ret, e);
}

enum selfsame_code
cmw_encode_evidence(const char *type, struct selfsame_bytes evidence,
    const char *endorsement_type, struct selfsame_bytes endorsement,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const bool both = endorsement.ptr != NULL;
    struct cmw_entry entries[] = {
        {
            .label = both ? BYTES_LIT("evidence") : BYTES_NONE,
            .type = bytes_str(type),
            .value = evidence,
            .ind = CMW_EVIDENCE,
        },
        {
            .label = BYTES_LIT("endorsements"),
            .type = bytes_str(both ? endorsement_type : ""),
            .value = endorsement,
            .ind = CMW_ENDORSEMENTS,
        },
    };
    const struct cmw out = {
        .collection = both, .entries = entries, .count = both ? 2 : 1
    };

    return cmw_encode_cbor(&out, arena, ret, e);
}
