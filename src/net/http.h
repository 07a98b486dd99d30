/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_HTTP_H
#define SELFSAME_HTTP_H

#include "base/base.h"

/*
 * HTTP/1.1 framing (RFC 9112), strict and incremental, for both ends. It finds
 * where messages begin and end and never rewrites a byte, so a proxy may pass
 * on exactly what was checked. Everything two parsers might frame differently
 * is refused: Content-Length with Transfer-Encoding, a second Content-Length,
 * folded lines, bare CR or LF, spaces around a header name, codings other than
 * "chunked". Pure; views point into the caller's buffer.
 */
enum { HTTP_HEAD_LIMIT = 65536, HTTP_HEADERS = 128, HTTP_TRAILER_LIMIT = 8192 };

enum http_framing {
    HTTP_NO_BODY = 0,
    HTTP_LENGTH,
    HTTP_CHUNKED,
    HTTP_UNTIL_CLOSE /* responses only */
};
struct http_header {
    struct selfsame_bytes name, value;
};
struct http_head {
    struct selfsame_bytes method, target; /* request */
    unsigned status;                      /* response */
    unsigned minor;                       /* HTTP/1.minor: 0 or 1 */
    struct http_header headers[HTTP_HEADERS];
    size_t count;
    enum http_framing framing;
    uint64_t length; /* HTTP_LENGTH */
    bool close;      /* no further message on this connection */
    bool upgrade;    /* Connection: upgrade and an Upgrade field */
    bool expect_continue;
};

/*
 * Length of the head at the start of `in`, with its empty line; 0: not all here
 * yet. `*seen` begins at 0 and remembers how far earlier calls looked. MALFORMED
 * when it is over HTTP_HEAD_LIMIT.
 */
MUST enum selfsame_code http_head_find(
    struct selfsame_bytes in, size_t *seen, size_t *ret_len, struct selfsame_err *e);
MUST enum selfsame_code http_request_parse(
    struct selfsame_bytes head, struct http_head *ret, struct selfsame_err *e);
/* `head_request`: the request was HEAD, whose responses have no body. */
MUST enum selfsame_code http_response_parse(struct selfsame_bytes head,
    bool head_request, struct http_head *ret, struct selfsame_err *e);
/* Value of the first header of this name (lower case); absent when there is none. */
struct selfsame_bytes http_header(const struct http_head *h, const char *name);
/* ASCII, without regard to case. */
bool http_word_eq(struct selfsame_bytes value, const char *word);

enum http_chunk { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER, CHUNK_OVER };
struct http_body {
    enum http_framing framing;
    uint64_t left; /* of the length or of this chunk */
    enum http_chunk at;
    size_t trailer;
    bool done;
};
struct http_body http_body_of(const struct http_head *h);
/*
 * Takes the next step: *ret_used bytes of `in` belong to the body, and *ret_data
 * (inside them, may be empty) is content. Call again until nothing is used or
 * `done`. The end of a HTTP_UNTIL_CLOSE body is the end of the stream.
 */
MUST enum selfsame_code http_body_feed(struct http_body *b, struct selfsame_bytes in,
    size_t *ret_used, struct selfsame_bytes *ret_data, struct selfsame_err *e);

#endif
