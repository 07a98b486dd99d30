/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "codec/cmw_parts.h"
#include "codec/json.h"

#include <stdio.h>

/* ---- JSON ---- */

static enum selfsame_code
dup_string(struct cmw_walk *w, const json_t *j, const char *what,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    if (!json_is_string(j))
        FAIL(e, SELFSAME_MALFORMED, "CMW: expected a string as %s, got another type",
            what);
    const uint8_t *p = (const uint8_t *)json_string_value(j);
    if (!arena_dup(w->arena, BYTES(p, json_string_length(j)), ret))
        FAIL(e, SELFSAME_NOMEM, "CMW: no room for %s", what);
    return SELFSAME_OK;
}

static enum selfsame_code
json_value_of(struct cmw_walk *w, const json_t *j, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    size_t len = json_string_length(j), cap = len / 4 * 3 + 3;

    if (!json_is_string(j))
        FAIL(
            e, SELFSAME_MALFORMED, "CMW: expected a string as value, got another type");
    uint8_t *buf = ARENA_NEW(w->arena, uint8_t, cap);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "CMW: no room for a value of %zu bytes", cap);
    if (!base64_decode(json_string_value(j), len, true, buf, cap, &cap))
        FAIL(e, SELFSAME_MALFORMED,
            "CMW: expected base64url without padding as value, got something else");
    *ret = BYTES(buf, cap);
    return SELFSAME_OK;
}

static enum selfsame_code
json_record(struct cmw_walk *w, const json_t *j, struct selfsame_bytes label,
    struct selfsame_err *e)
{
    struct cmw_entry entry = { .label = label };
    const json_t *ind = json_array_get(j, 2);

    if (json_array_size(j) != 2 && json_array_size(j) != 3)
        FAIL(e, SELFSAME_MALFORMED, "CMW: expected a record of 2 or 3 values, got %zu",
            json_array_size(j));
    TRY(dup_string(w, json_array_get(j, 0), "media type", &entry.type, e));
    TRY(json_value_of(w, json_array_get(j, 1), &entry.value, e));
    if (ind != NULL) {
        json_int_t v = json_integer_value(ind);

        if (!json_is_integer(ind) || v < 0 || v > CMW_IND_ALL)
            FAIL(e, SELFSAME_MALFORMED,
                "CMW: expected an indicator of 0 to %d, got something else",
                (int)CMW_IND_ALL);
        entry.ind = (uint32_t)v;
    }
    return cmw_walk_add(w, entry, e);
}

/* Recursion is bounded by CMW_NESTING. */
static enum selfsame_code
json_collection(
    struct cmw_walk *w, json_t *j, struct selfsame_bytes prefix, struct selfsame_err *e)
{
    const char *key;
    json_t *value;
    size_t members = 0;

    TRY(cmw_walk_enter(w, e));
    json_object_foreach(j, key, value)
    {
        struct selfsame_bytes label, type;

        if (strcmp(key, CMW_TYPE_KEY) == 0) {
            TRY(dup_string(w, value, "collection type", &type, e));
            TRY(cmw_walk_type(w, type, e));
            continue;
        }
        members++;
        TRY(cmw_walk_label(w, prefix, bytes_str(key), &label, e));
        if (json_is_object(value))
            TRY(json_collection(w, value, label, e));
        else
            TRY(json_record(w, value, label, e));
    }
    return cmw_walk_leave(w, members, e);
}

enum selfsame_code
cmw_parse_json(struct selfsame_bytes in, struct cmw_walk *w, struct selfsame_err *e)
{
    auto_json *j = NULL;

    TRY(json_parse(in, "CMW", &j, e));
    return json_is_object(j) ? json_collection(w, j, BYTES_NONE, e)
                             : json_record(w, j, BYTES_NONE, e);
}

/* ---- CBOR ---- */

/* The reader with the whole input, to say where it went wrong. */
struct source {
    struct cbor c;
    struct selfsame_bytes in;
};

static enum selfsame_code
source_check(struct source *s, struct selfsame_err *e)
{
    return s->c.r.bad ? cbor_end(&s->c, s->in, "CMW", e) : SELFSAME_OK;
}

static enum selfsame_code
cbor_record(struct cmw_walk *w, struct source *s, struct cmw_entry entry,
    struct selfsame_err *e)
{
    struct cbor *c = &s->c;
    struct cbor_seq seq = cbor_get_array(c);
    uint64_t ind = 0, format = 0;

    if (!cbor_more(c, &seq))
        cbor_fail(c, "expected a record of 2 or 3 values");
    if (cbor_peek(c) == CBOR_UINT)
        format = cbor_get_uint(c);
    else
        entry.type = cbor_get_text(c);
    if (!cbor_more(c, &seq))
        cbor_fail(c, "expected a record of 2 or 3 values");
    entry.value = cbor_get_bytes(c);
    if (cbor_more(c, &seq))
        ind = cbor_get_uint(c);
    if (cbor_more(c, &seq))
        cbor_fail(c, "expected a record of 2 or 3 values");
    TRY(source_check(s, e));
    entry.content_format = format > UINT32_MAX ? UINT32_MAX : (uint32_t)format;
    entry.ind = ind > UINT32_MAX ? UINT32_MAX : (uint32_t)ind;
    return cmw_walk_add(w, entry, e);
}

static enum selfsame_code
cbor_tagged(struct cmw_walk *w, struct source *s, struct cmw_entry entry,
    struct selfsame_err *e)
{
    if (!cmw_format_of_tag(cbor_get_tag(&s->c), &entry.content_format))
        cbor_fail(&s->c, "expected a tag that stands for a content format");
    entry.value = cbor_get_bytes(&s->c);
    TRY(source_check(s, e));
    return cmw_walk_add(w, entry, e);
}

/* The next label: text, or an integer as its decimal digits. */
static struct selfsame_bytes
cbor_label(struct cbor *c, char text[static 24], bool *ret_integer)
{
    *ret_integer = cbor_peek(c) != CBOR_TEXT;
    if (!*ret_integer)
        return cbor_get_text(c);
    int n = snprintf(text, 24, "%lld", (long long)cbor_get_int(c));
    return BYTES((const uint8_t *)text, (size_t)n);
}

/* Recursion is bounded by CMW_NESTING. */
static enum selfsame_code
cbor_collection(struct cmw_walk *w, struct source *s, struct selfsame_bytes prefix,
    struct selfsame_err *e)
{
    size_t members = 0;
    struct cbor_seq seq = cbor_get_map(&s->c);

    TRY(cmw_walk_enter(w, e));
    while (cbor_more(&s->c, &seq)) {
        char text[24];
        bool integer;
        struct selfsame_bytes name = cbor_label(&s->c, text, &integer);
        struct cmw_entry entry = { .integer_label = integer && prefix.len == 0 };

        TRY(source_check(s, e));
        if (bytes_cmp(name, BYTES_LIT(CMW_TYPE_KEY)) == 0) {
            struct selfsame_bytes type = cbor_get_text(&s->c);

            TRY(source_check(s, e));
            TRY(cmw_walk_type(w, type, e));
            continue;
        }
        members++;
        TRY(cmw_walk_label(w, prefix, name, &entry.label, e));
        enum cbor_kind kind = cbor_peek(&s->c);
        if (kind == CBOR_MAP)
            TRY(cbor_collection(w, s, entry.label, e));
        else if (kind == CBOR_TAG)
            TRY(cbor_tagged(w, s, entry, e));
        else
            TRY(cbor_record(w, s, entry, e));
    }
    TRY(source_check(s, e));
    return cmw_walk_leave(w, members, e);
}

enum selfsame_code
cmw_parse_cbor(struct selfsame_bytes in, struct cmw_walk *w, struct selfsame_err *e)
{
    struct source s = { .c = cbor_of(in, CBOR_INDEFINITE_OK), .in = in };
    struct cmw_entry lone = { .label = BYTES_NONE };
    enum cbor_kind kind = cbor_peek(&s.c);

    if (kind == CBOR_MAP)
        TRY(cbor_collection(w, &s, BYTES_NONE, e));
    else if (kind == CBOR_TAG)
        TRY(cbor_tagged(w, &s, lone, e));
    else
        TRY(cbor_record(w, &s, lone, e));
    return cbor_end(&s.c, in, "CMW", e);
}
