/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore_internal.h"

/* Protobuf's JSON leaves out what is empty or zero, and may write null for it. */

static const json_t *
member(const json_t *j, const char *name)
{
    const json_t *m = json_object_get(j, name);

    return json_is_null(m) ? NULL : m;
}

static bool
is_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    if (strchr(word, ' ') != NULL)
        return false;
    for (const char *at = list; n > 0 && (at = strstr(at, word)) != NULL; at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

enum selfsame_code
sj_only(const json_t *j, const char *names, const char *what, struct selfsame_err *e)
{
    const char *key;
    json_t *value;

    if (!json_is_object(j))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected an object, got another value", what);
    /* jansson's iterator takes no const object, and changes none. */
    json_object_foreach((json_t *)(uintptr_t)j, key, value) if (!is_word(names, key))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected no member but %s, got another", what,
            names);
    return SELFSAME_OK;
}

enum selfsame_code
sj_object(const json_t *j, const char *name, const char *what, const json_t **ret,
    struct selfsame_err *e)
{
    const json_t *m = member(j, name);

    if (m != NULL && !json_is_object(m))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected an object in \"%s\"", what, name);
    *ret = m;
    return SELFSAME_OK;
}

enum selfsame_code
sj_array(const json_t *j, const char *name, size_t max, const char *what,
    const json_t **ret, size_t *ret_count, struct selfsame_err *e)
{
    const json_t *m = member(j, name);

    if (m != NULL && (!json_is_array(m) || json_array_size(m) > max))
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected an array of at most %zu elements in \"%s\"", what, max, name);
    *ret = m;
    *ret_count = json_array_size(m);
    return SELFSAME_OK;
}

enum selfsame_code
sj_text(const json_t *j, const char *name, const char *what, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const json_t *m = member(j, name);

    if (m != NULL && !json_is_string(m))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a string in \"%s\"", what, name);
    *ret = m == NULL
               ? BYTES_NONE
               : BYTES((const uint8_t *)json_string_value(m), json_string_length(m));
    return SELFSAME_OK;
}

enum selfsame_code
sj_decode(struct selfsame_bytes text, const char *name, const char *what,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t *raw = arena_alloc(arena, 1, text.len + 1);
    size_t len = 0;

    if (raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    if (text.len > 0 && !base64_decode((const char *)text.ptr, text.len, false, raw,
                            text.len + 1, &len))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected canonical base64 in \"%s\"", what,
            name);
    *ret = len > 0 ? BYTES(raw, len) : BYTES_NONE;
    return SELFSAME_OK;
}

enum selfsame_code
sj_base64(const json_t *j, const char *name, const char *what, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes text = BYTES_NONE;

    TRY(sj_text(j, name, what, &text, e));
    return sj_decode(text, name, what, arena, ret, e);
}

/* Decimal without sign and leading zeros. */
static bool
decimal(struct selfsame_bytes s, uint64_t *ret)
{
    return s.len > 0 && (s.len == 1 || s.ptr[0] != '0') && s.ptr[0] >= '0' &&
           s.ptr[0] <= '9' && uint_parse((const char *)s.ptr, s.len, INT64_MAX, ret);
}

enum selfsame_code
sj_int(const json_t *j, const char *name, const char *what, uint64_t *ret,
    struct selfsame_err *e)
{
    const json_t *m = member(j, name);
    bool good = m == NULL;

    *ret = 0;
    if (json_is_integer(m) && json_integer_value(m) >= 0) {
        *ret = (uint64_t)json_integer_value(m);
        good = true;
    } else if (json_is_string(m)) {
        good = decimal(
            BYTES((const uint8_t *)json_string_value(m), json_string_length(m)), ret);
    }
    if (!good)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected an integer from 0 to 2^63 - 1 in \"%s\"", what, name);
    return SELFSAME_OK;
}

const char *
sj_brief(struct selfsame_bytes s, char ret[static SJ_BRIEF])
{
    size_t n = 0;

    for (; n < s.len && n < SJ_BRIEF - 1; n++)
        ret[n] = s.ptr[n] >= ' ' && s.ptr[n] <= '~' ? (char)s.ptr[n] : '?';
    ret[n] = '\0';
    return ret;
}
