/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

static unsigned char
lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

bool
http_word_eq(struct selfsame_bytes value, const char *word)
{
    size_t i = 0;

    for (; i < value.len && word[i] != '\0'; i++)
        if (lower(value.ptr[i]) != lower((unsigned char)word[i]))
            return false;
    return i == value.len && word[i] == '\0';
}

/* RFC 9110 §5.6.2 tchar */
static bool
token_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
token_valid(struct selfsame_bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (!token_char(b.ptr[i]))
            return false;
    return b.len > 0;
}

static struct selfsame_bytes
trim(struct selfsame_bytes b)
{
    while (b.len > 0 && (b.ptr[0] == ' ' || b.ptr[0] == '\t'))
        b = BYTES(b.ptr + 1, b.len - 1);
    while (b.len > 0 && (b.ptr[b.len - 1] == ' ' || b.ptr[b.len - 1] == '\t'))
        b.len--;
    return b;
}

/*
 * The next line up to CR LF, without it. False when there is no whole line yet;
 * a CR or LF standing alone, or another control character, is an error.
 */
static enum selfsame_code
next_line(struct selfsame_bytes *rest, struct selfsame_bytes *ret, bool *ret_whole,
    struct selfsame_err *e)
{
    *ret_whole = false;
    for (size_t i = 0; i < rest->len; i++) {
        uint8_t c = rest->ptr[i];
        if (c == '\r' && i + 1 == rest->len)
            return SELFSAME_OK;
        if (c == '\r' && rest->ptr[i + 1] == '\n') {
            *ret = BYTES(rest->ptr, i);
            *rest = BYTES(rest->ptr + i + 2, rest->len - i - 2);
            *ret_whole = true;
            return SELFSAME_OK;
        }
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            FAIL(e, SELFSAME_MALFORMED,
                "HTTP: control character 0x%02x in a line, expected CR LF at its end",
                c);
    }
    return SELFSAME_OK;
}

enum selfsame_code
http_head_find(
    struct selfsame_bytes in, size_t *seen, size_t *ret_len, struct selfsame_err *e)
{
    size_t limit = in.len < HTTP_HEAD_LIMIT ? in.len : HTTP_HEAD_LIMIT;
    size_t i = *seen > 3 ? *seen - 3 : 0;

    *ret_len = 0;
    for (; i + 3 < limit; i++) {
        const uint8_t *p = in.ptr + i;
        if (p[0] == '\r' && p[1] == '\n' && p[2] == '\r' && p[3] == '\n') {
            *ret_len = i + 4;
            return SELFSAME_OK;
        }
    }
    *seen = limit;
    if (in.len >= HTTP_HEAD_LIMIT)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: no end of the head in %d bytes",
            HTTP_HEAD_LIMIT);
    return SELFSAME_OK;
}

/* ---- header fields ---- */

static enum selfsame_code
parse_field(struct selfsame_bytes line, struct http_header *ret, struct selfsame_err *e)
{
    const uint8_t *colon = memchr(line.ptr, ':', line.len);

    if (colon == NULL)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: header line without a colon");
    struct selfsame_bytes name = BYTES(line.ptr, (size_t)(colon - line.ptr));
    /* A leading space is a folded line (RFC 9112 §5.2), one before the colon is smuggling (§5.1). */
    if (!token_valid(name))
        FAIL(e, SELFSAME_MALFORMED,
            "HTTP: bad header name, expected a token right before the colon");
    *ret = (struct http_header){
        .name = name,
        .value = trim(BYTES(colon + 1, line.len - name.len - 1)),
    };
    return SELFSAME_OK;
}

static enum selfsame_code
parse_fields(struct selfsame_bytes rest, struct http_head *h, struct selfsame_err *e)
{
    struct selfsame_bytes line = { 0 };
    bool whole;

    for (;;) {
        TRY(next_line(&rest, &line, &whole, e));
        if (!whole)
            FAIL(e, SELFSAME_MALFORMED, "HTTP: head ends inside a line");
        if (line.len == 0)
            break;
        if (h->count == HTTP_HEADERS)
            FAIL(
                e, SELFSAME_MALFORMED, "HTTP: more than %d header lines", HTTP_HEADERS);
        TRY(parse_field(line, &h->headers[h->count], e));
        h->count++;
    }
    if (rest.len != 0)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: %zu bytes after the head", rest.len);
    return SELFSAME_OK;
}

struct selfsame_bytes
http_header(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->count; i++)
        if (http_word_eq(h->headers[i].name, name))
            return h->headers[i].value;
    return BYTES_NONE;
}

/* Is `word` in the comma-separated lists of all headers of this name? */
static bool
list_has(const struct http_head *h, const char *name, const char *word)
{
    for (size_t i = 0; i < h->count; i++) {
        struct selfsame_bytes rest = h->headers[i].value;
        if (!http_word_eq(h->headers[i].name, name))
            continue;
        while (rest.len > 0) {
            const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
            size_t len = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;
            if (http_word_eq(trim(BYTES(rest.ptr, len)), word))
                return true;
            size_t step = len < rest.len ? len + 1 : len;
            rest = BYTES(rest.ptr + step, rest.len - step);
        }
    }
    return false;
}

static enum selfsame_code
parse_length(struct selfsame_bytes v, uint64_t *ret, struct selfsame_err *e)
{
    uint64_t n = 0;

    /* 18 digits cannot overflow; "+5", "5,5", "" and " 5" are not lengths. */
    if (v.len == 0 || v.len > 18)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: Content-Length of %zu digits", v.len);
    for (size_t i = 0; i < v.len; i++) {
        if (v.ptr[i] < '0' || v.ptr[i] > '9')
            FAIL(e, SELFSAME_MALFORMED, "HTTP: Content-Length is not a number");
        n = n * 10 + (uint64_t)(v.ptr[i] - '0');
    }
    *ret = n;
    return SELFSAME_OK;
}

/* What the fields say of the body; RFC 9112 §6.1-6.3 with every ambiguity refused. */
static enum selfsame_code
parse_framing(struct http_head *h, enum http_framing without, struct selfsame_err *e)
{
    size_t lengths = 0, codings = 0;

    h->framing = without;
    for (size_t i = 0; i < h->count; i++) {
        const struct http_header *f = &h->headers[i];
        if (http_word_eq(f->name, "content-length")) {
            TRY(parse_length(f->value, &h->length, e));
            h->framing = HTTP_LENGTH;
            lengths++;
        } else if (http_word_eq(f->name, "transfer-encoding")) {
            if (!http_word_eq(f->value, "chunked"))
                FAIL(e, SELFSAME_MALFORMED,
                    "HTTP: Transfer-Encoding other than \"chunked\"");
            h->framing = HTTP_CHUNKED;
            codings++;
        }
    }
    if (lengths + codings > 1)
        FAIL(e, SELFSAME_MALFORMED,
            "HTTP: %zu Content-Length and %zu Transfer-Encoding, expected one of both",
            lengths, codings);
    if (codings > 0 && h->minor == 0)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: Transfer-Encoding in HTTP/1.0");
    return SELFSAME_OK;
}

static void
parse_connection(struct http_head *h)
{
    h->close = list_has(h, "connection", "close") ||
               (h->minor == 0 && !list_has(h, "connection", "keep-alive"));
    h->upgrade = list_has(h, "connection", "upgrade") &&
                 http_header(h, "upgrade").ptr != NULL;
    h->expect_continue = h->minor == 1 && list_has(h, "expect", "100-continue");
}

static bool
version_minor(struct selfsame_bytes b, unsigned *ret)
{
    if (b.len != 8 || !bytes_has_prefix(b, BYTES_LIT("HTTP/1.")) ||
        (b.ptr[7] != '0' && b.ptr[7] != '1'))
        return false;
    *ret = (unsigned)(b.ptr[7] - '0');
    return true;
}

/* Cuts off what stands before the first space; false when there is none. */
static bool
cut_space(struct selfsame_bytes *rest, struct selfsame_bytes *ret)
{
    const uint8_t *space = rest->len > 0 ? memchr(rest->ptr, ' ', rest->len) : NULL;

    if (space == NULL)
        return false;
    size_t n = (size_t)(space - rest->ptr);
    *ret = BYTES(rest->ptr, n);
    *rest = BYTES(space + 1, rest->len - n - 1);
    return true;
}

static bool
target_valid(struct selfsame_bytes t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.ptr[i] <= ' ' || t.ptr[i] >= 0x7f)
            return false;
    return t.len > 0;
}

static enum selfsame_code
first_line(
    struct selfsame_bytes *rest, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    bool whole;

    TRY(next_line(rest, ret, &whole, e));
    if (!whole)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: head without a first line");
    return SELFSAME_OK;
}

enum selfsame_code
http_request_parse(
    struct selfsame_bytes head, struct http_head *ret, struct selfsame_err *e)
{
    struct http_head h = { 0 };
    struct selfsame_bytes line = { 0 };

    TRY(first_line(&head, &line, e));
    if (!cut_space(&line, &h.method) || !token_valid(h.method) ||
        !cut_space(&line, &h.target) || !target_valid(h.target) ||
        !version_minor(line, &h.minor))
        FAIL(e, SELFSAME_MALFORMED,
            "HTTP: bad request line, expected \"METHOD TARGET HTTP/1.1\"");
    TRY(parse_fields(head, &h, e));
    TRY(parse_framing(&h, HTTP_NO_BODY, e));
    parse_connection(&h);
    *ret = h;
    return SELFSAME_OK;
}

enum selfsame_code
http_response_parse(struct selfsame_bytes head, bool head_request,
    struct http_head *ret, struct selfsame_err *e)
{
    struct http_head h = { 0 };
    struct selfsame_bytes line = { 0 }, version;

    TRY(first_line(&head, &line, e));
    if (!cut_space(&line, &version) || !version_minor(version, &h.minor) ||
        line.len < 3 || (line.len > 3 && line.ptr[3] != ' '))
        FAIL(e, SELFSAME_MALFORMED,
            "HTTP: bad status line, expected \"HTTP/1.1 CODE REASON\"");
    for (size_t i = 0; i < 3; i++) {
        if (line.ptr[i] < '0' || line.ptr[i] > '9')
            FAIL(e, SELFSAME_MALFORMED, "HTTP: status is not three digits");
        h.status = h.status * 10 + (unsigned)(line.ptr[i] - '0');
    }
    if (h.status < 100)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: status %u", h.status);
    TRY(parse_fields(head, &h, e));
    TRY(parse_framing(&h, HTTP_UNTIL_CLOSE, e));
    /* RFC 9112 §6.3: these end with their head whatever they announce. */
    if (head_request || h.status < 200 || h.status == 204 || h.status == 304)
        h.framing = HTTP_NO_BODY;
    parse_connection(&h);
    h.close = h.close || h.framing == HTTP_UNTIL_CLOSE;
    *ret = h;
    return SELFSAME_OK;
}

/* ---- bodies ---- */

struct http_body
http_body_of(const struct http_head *h)
{
    return (struct http_body){
        .framing = h->framing,
        .left = h->framing == HTTP_LENGTH ? h->length : 0,
        .done = h->framing == HTTP_NO_BODY ||
                (h->framing == HTTP_LENGTH && h->length == 0),
    };
}

static int
hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 9112 §7.1: size in hex, then perhaps extensions, which mean nothing to us. */
static enum selfsame_code
chunk_size(struct http_body *b, struct selfsame_bytes line, struct selfsame_err *e)
{
    uint64_t n = 0;
    size_t i = 0;

    for (; i < line.len && hex_digit(line.ptr[i]) >= 0; i++)
        n = n * 16 + (uint64_t)hex_digit(line.ptr[i]);
    if (i == 0 || i > 15)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: chunk size of %zu hex digits", i);
    struct selfsame_bytes extension = trim(BYTES(line.ptr + i, line.len - i));
    if (extension.len > 0 && extension.ptr[0] != ';')
        FAIL(e, SELFSAME_MALFORMED, "HTTP: garbage after a chunk size");
    b->left = n;
    b->at = n > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    return SELFSAME_OK;
}

static enum selfsame_code
chunk_trailer(struct http_body *b, struct selfsame_bytes line, struct selfsame_err *e)
{
    struct http_header ignored;

    if (line.len == 0) {
        b->at = CHUNK_OVER;
        b->done = true;
        return SELFSAME_OK;
    }
    b->trailer += line.len + 2;
    if (b->trailer > HTTP_TRAILER_LIMIT)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: more than %d bytes of trailers",
            HTTP_TRAILER_LIMIT);
    return parse_field(line, &ignored, e);
}

static enum selfsame_code
chunk_line(struct http_body *b, struct selfsame_bytes in, size_t *ret_used,
    struct selfsame_err *e)
{
    enum { LINE_LIMIT = 4096 };
    struct selfsame_bytes rest = in, line;
    bool whole;

    TRY(next_line(&rest, &line, &whole, e));
    if (!whole && in.len > LINE_LIMIT)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: chunk line of more than %d bytes",
            LINE_LIMIT);
    if (!whole)
        return SELFSAME_OK;
    if (b->at == CHUNK_SIZE)
        TRY(chunk_size(b, line, e));
    else if (b->at == CHUNK_TRAILER)
        TRY(chunk_trailer(b, line, e));
    else if (line.len > 0)
        FAIL(e, SELFSAME_MALFORMED, "HTTP: chunk is longer than its size says");
    else
        b->at = CHUNK_SIZE;
    *ret_used = in.len - rest.len;
    return SELFSAME_OK;
}

enum selfsame_code
http_body_feed(struct http_body *b, struct selfsame_bytes in, size_t *ret_used,
    struct selfsame_bytes *ret_data, struct selfsame_err *e)
{
    *ret_used = 0;
    *ret_data = BYTES_NONE;
    if (b->done || in.len == 0)
        return SELFSAME_OK;
    if (b->framing == HTTP_CHUNKED && b->at != CHUNK_DATA)
        return chunk_line(b, in, ret_used, e);
    size_t n = in.len;
    if (b->framing != HTTP_UNTIL_CLOSE && n > b->left)
        n = (size_t)b->left;
    *ret_data = BYTES(in.ptr, n);
    *ret_used = n;
    if (b->framing == HTTP_UNTIL_CLOSE)
        return SELFSAME_OK;
    b->left -= n;
    if (b->left == 0 && b->framing == HTTP_CHUNKED)
        b->at = CHUNK_DATA_END;
    else if (b->left == 0)
        b->done = true;
    return SELFSAME_OK;
}
