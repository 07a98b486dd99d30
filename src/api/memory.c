/* SPDX-License-Identifier: Apache-2.0 */
#include "api/memory.h"

#include "codec/json.h"

#include <stdlib.h>

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no room for what is remembered");
}

/* Never "nothing is remembered" instead: that would let old releases back in. */
static enum selfsame_code
bad(struct selfsame_err *e, const char *what)
{
    (void)err_set(e, SELFSAME_MALFORMED, __FILE__, __LINE__,
        "what is remembered of releases: expected %s", what);
    err_remedy(e, "Restore it from a backup, or remove it: then any release is new.");
    return SELFSAME_MALFORMED;
}

/* ---- reading ---- */

static enum selfsame_code
number(const json_t *from, const char *name, uint64_t *ret, struct selfsame_err *e)
{
    const json_t *j = json_object_get(from, name);

    if (!json_is_integer(j) || json_integer_value(j) < 0)
        return bad(e, "a number in sequence and index");
    *ret = (uint64_t)json_integer_value(j);
    return SELFSAME_OK;
}

static bool
sha256_of(const json_t *j, uint8_t ret[32])
{
    size_t len = 0;

    return json_is_string(j) && json_string_length(j) == 64 &&
           hex_decode(json_string_value(j), 64, ret, 32, &len) && len == 32;
}

static enum selfsame_code
read_revoked(const json_t *j, struct arena *arena, struct memory_entry *x,
    struct selfsame_err *e)
{
    const size_t n = json_array_size(j);

    x->revoked = arena_alloc(arena, 32, n + 1);
    if (x->revoked == NULL)
        return nomem(e);
    if (!json_is_array(j) || n > MEMORY_REVOKED)
        return bad(e, "a list of revoked statements");
    for (size_t i = 0; i < n; i++)
        if (!sha256_of(json_array_get(j, i), x->revoked[i]))
            return bad(e, "revoked statements as 64 hex digits");
    x->revoked_count = n;
    return SELFSAME_OK;
}

static enum selfsame_code
read_entry(const json_t *j, struct arena *arena, struct memory_entry *x,
    struct selfsame_err *e)
{
    const char *name = json_string_value(json_object_get(j, "name"));
    const char *trust = json_string_value(json_object_get(j, "trust"));

    if (name == NULL || trust == NULL || strlen(trust) != MEMORY_TRUST - 1)
        return bad(e, "a name and whom it is from");
    x->name = arena_str(arena, bytes_str(name));
    if (x->name == NULL)
        return nomem(e);
    memcpy(x->trust, trust, MEMORY_TRUST);
    TRY(number(j, "sequence", &x->sequence, e));
    TRY(number(j, "index", &x->index, e));
    return read_revoked(json_object_get(j, "revoked"), arena, x, e);
}

enum selfsame_code
memory_parse(struct selfsame_bytes json, struct arena *arena, struct memory *ret,
    struct selfsame_err *e)
{
    struct memory m = { .entries = ARENA_NEW(
                            arena, struct memory_entry, MEMORY_ENTRIES) };
    auto_json *j = NULL;

    if (m.entries == NULL)
        return nomem(e);
    *ret = m;
    if (json.len == 0)
        return SELFSAME_OK;
    if (json_parse(json, "what is remembered", &j, e) != SELFSAME_OK)
        return e->code == SELFSAME_NOMEM ? SELFSAME_NOMEM : bad(e, "JSON");
    const json_t *version = json_object_get(j, "selfsame_memory");
    if (!json_is_integer(version) || json_integer_value(version) != 1)
        return bad(e, "selfsame_memory of version 1");
    const json_t *list = json_object_get(j, "releases");
    if (!json_is_array(list) || json_array_size(list) > MEMORY_ENTRIES)
        return bad(e, "a list of at most 1024 releases");
    for (size_t i = 0; i < json_array_size(list); i++)
        TRY(read_entry(json_array_get(list, i), arena, &m.entries[m.count++], e));
    *ret = m;
    return SELFSAME_OK;
}

struct memory_entry *
memory_find(const struct memory *m, const char *name, const char *trust)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->entries[i].name, name) == 0 &&
            strcmp(m->entries[i].trust, trust) == 0)
            return &m->entries[i];
    return NULL;
}

/* ---- learning ---- */

static bool
knows(const struct memory_entry *x, const uint8_t sha256[32])
{
    for (size_t i = 0; i < x->revoked_count; i++)
        if (bytes_eq(BYTES(x->revoked[i], 32), BYTES(sha256, 32)))
            return true;
    return false;
}

static enum selfsame_code
learn_revoked(struct memory_entry *old, const struct memory_entry *x,
    struct arena *arena, bool *ret_changed, struct selfsame_err *e)
{
    uint8_t(*all)[32] = arena_alloc(
        arena, 32, old->revoked_count + x->revoked_count + 1);

    if (all == NULL)
        return nomem(e);
    if (old->revoked_count > 0)
        memcpy(all, old->revoked, 32 * old->revoked_count);
    old->revoked = all;
    for (size_t i = 0; i < x->revoked_count; i++) {
        if (knows(old, x->revoked[i]))
            continue;
        if (old->revoked_count == MEMORY_REVOKED)
            FAIL(e, SELFSAME_USAGE, "more than %d revoked releases of %.60s",
                (int)MEMORY_REVOKED, x->name);
        memcpy(all[old->revoked_count++], x->revoked[i], 32);
        *ret_changed = true;
    }
    return SELFSAME_OK;
}

enum selfsame_code
memory_learn(struct memory *m, const struct memory_entry *x, struct arena *arena,
    bool *ret_changed, struct selfsame_err *e)
{
    struct memory_entry *old = memory_find(m, x->name, x->trust);

    if (old == NULL) {
        if (x->sequence == 0 && x->index == 0 && x->revoked_count == 0)
            return SELFSAME_OK;
        if (m->count == MEMORY_ENTRIES)
            FAIL(e, SELFSAME_USAGE, "more than %d releases are remembered",
                (int)MEMORY_ENTRIES);
        old = &m->entries[m->count++];
        *old = (struct memory_entry){ .name = x->name };
        memcpy(old->trust, x->trust, MEMORY_TRUST);
    }
    if (x->sequence > old->sequence) {
        old->sequence = x->sequence;
        *ret_changed = true;
    }
    if (x->index > old->index) {
        old->index = x->index;
        *ret_changed = true;
    }
    return learn_revoked(old, x, arena, ret_changed, e);
}

/* ---- writing ---- */

static json_t *
revoked_json(const struct memory_entry *x)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < x->revoked_count; i++) {
        char hex[65];

        hex_encode(BYTES(x->revoked[i], 32), hex);
        if (json_array_append_new(list, json_string(hex)) != 0)
            return NULL;
    }
    return json_incref(list);
}

enum selfsame_code
memory_text(const struct memory *m, char **ret, struct selfsame_err *e)
{
    json_t *list = json_array();
    auto_json *root = json_pack("{s:i, s:o}", "selfsame_memory", 1, "releases", list);

    if (root == NULL)
        return nomem(e);
    for (size_t i = 0; i < m->count; i++) {
        const struct memory_entry *x = &m->entries[i];

        if (json_array_append_new(
                list, json_pack("{s:s, s:s, s:I, s:I, s:o}", "name", x->name, "trust",
                          x->trust, "sequence", (json_int_t)x->sequence, "index",
                          (json_int_t)x->index, "revoked", revoked_json(x))) != 0)
            return nomem(e);
    }
    *ret = json_pretty(root);
    return *ret != NULL ? SELFSAME_OK : nomem(e);
}
