/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"

#define BEGIN_MARK "-----BEGIN "
#define END_MARK "-----END "
#define DASHES "-----"

/* The next line without its end (LF or CRLF); *text moves behind it. */
static struct selfsame_bytes
next_line(struct selfsame_bytes *text)
{
    const uint8_t *end = text->len > 0 ? memchr(text->ptr, '\n', text->len) : NULL;
    const size_t n = end != NULL ? (size_t)(end - text->ptr) : text->len,
                 skip = end != NULL ? 1 : 0;
    struct selfsame_bytes line = BYTES(text->ptr, n);

    if (skip == 1 && n > 0 && line.ptr[n - 1] == '\r')
        line.len--;
    *text = BYTES(text->ptr + n + skip, text->len - n - skip);
    return line;
}

/* The label of a line "-----BEGIN label-----"; absent when it is no such line. */
static struct selfsame_bytes
label_of(struct selfsame_bytes line, struct selfsame_bytes mark)
{
    size_t dashes = sizeof(DASHES) - 1;

    if (!bytes_has_prefix(line, mark) || line.len < mark.len + dashes)
        return BYTES_NONE;
    struct selfsame_bytes end = BYTES(line.ptr + line.len - dashes, dashes);
    if (!bytes_eq(end, BYTES_LIT(DASHES)))
        return BYTES_NONE;
    return BYTES(line.ptr + mark.len, line.len - mark.len - dashes);
}

bool
pem_looks_like(struct selfsame_bytes in)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] == '-' &&
            bytes_has_prefix(BYTES(in.ptr + i, in.len - i), BYTES_LIT(BEGIN_MARK)))
            return true;
    return false;
}

/* Moves behind the next BEGIN line with this label; false when there is none. */
static enum selfsame_code
find_begin(
    struct selfsame_bytes *text, const char *label, bool *ret, struct selfsame_err *e)
{
    *ret = false;
    while (!*ret && text->len > 0) {
        struct selfsame_bytes line = next_line(text);
        struct selfsame_bytes got = label_of(line, BYTES_LIT(BEGIN_MARK));

        if (got.ptr == NULL && bytes_has_prefix(line, BYTES_LIT(BEGIN_MARK)))
            FAIL(e, SELFSAME_MALFORMED,
                "PEM: expected %slabel%s, got a line of %zu bytes that ends otherwise",
                BEGIN_MARK, DASHES, line.len);
        *ret = got.ptr != NULL && bytes_eq(got, bytes_str(label));
    }
    return SELFSAME_OK;
}

/* Gathers the base64 lines up to the END line of this label. */
static enum selfsame_code
gather(struct selfsame_bytes *text, const char *label, struct writer *w,
    struct selfsame_err *e)
{
    while (text->len > 0) {
        struct selfsame_bytes line = next_line(text);

        if (bytes_has_prefix(line, BYTES_LIT(DASHES))) {
            struct selfsame_bytes got = label_of(line, BYTES_LIT(END_MARK));

            if (got.ptr == NULL || !bytes_eq(got, bytes_str(label)))
                break;
            return SELFSAME_OK;
        }
        if (line.len == 0)
            FAIL(e, SELFSAME_MALFORMED,
                "PEM: expected base64 in the %s block, got an empty line", label);
        put_bytes(w, line);
    }
    FAIL(e, SELFSAME_MALFORMED, "PEM: expected %s%s%s, got none", END_MARK, label,
        DASHES);
}

enum selfsame_code
pem_next(struct selfsame_bytes *rest, const char *label, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes text = *rest;
    bool found;
    size_t len;

    TRY(find_begin(&text, label, &found, e));
    if (!found) {
        *rest = text;
        *ret = BYTES_NONE;
        return SELFSAME_OK;
    }
    struct selfsame_bytes measure = text;
    struct writer w = writer_of(NULL, 0);
    TRY(gather(&measure, label, &w, e));
    if (w.need == 0)
        FAIL(e, SELFSAME_MALFORMED, "PEM: expected base64 in the %s block, got nothing",
            label);
    uint8_t *buf = ARENA_NEW(arena, uint8_t, w.need);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "PEM: no room for a block of %zu bytes", w.need);
    w = writer_of(buf, w.need);
    TRY(gather(&text, label, &w, e));
    /* In place: the output never catches up with the input. */
    if (!base64_decode((const char *)buf, w.len, false, buf, w.len, &len))
        FAIL(e, SELFSAME_MALFORMED,
            "PEM: expected padded base64 in the %s block, got something else", label);
    *rest = text;
    *ret = BYTES(buf, len);
    return SELFSAME_OK;
}

char *
pem_encode(const char *label, struct selfsame_bytes der, struct arena *arena)
{
    enum { LINE = 48 }; /* bytes to a line of 64 characters, RFC 7468 §2 */
    size_t lines = der.len / LINE + (der.len % LINE != 0);
    size_t marks = sizeof(BEGIN_MARK DASHES END_MARK DASHES) + 2 + 2 * strlen(label);

    if (der.len > SIZE_MAX / 4)
        return NULL;
    size_t cap = marks + BASE64_SIZE(der.len) + lines;
    char *out = ARENA_NEW(arena, char, cap);
    if (out == NULL)
        return NULL;
    struct writer w = writer_of((uint8_t *)out, cap - 1);
    put_bytes(&w, BYTES_LIT(BEGIN_MARK));
    put_bytes(&w, bytes_str(label));
    put_bytes(&w, BYTES_LIT(DASHES "\n"));
    for (size_t i = 0; i < der.len; i += LINE) {
        char line[BASE64_SIZE(LINE) + 1];
        size_t take = der.len - i < LINE ? der.len - i : LINE;
        size_t n = base64_encode(BYTES(der.ptr + i, take), false, line);

        line[n] = '\n';
        put_bytes(&w, BYTES((const uint8_t *)line, n + 1));
    }
    put_bytes(&w, BYTES_LIT(END_MARK));
    put_bytes(&w, bytes_str(label));
    put_bytes(&w, BYTES_LIT(DASHES "\n"));
    return w.bad ? NULL : out;
}
