/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A head (request or response by the first byte), then its body in pieces of that many bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_err e = { 0 };
    struct http_head h;
    size_t len = 0, seen = 0, used = 1;
    struct selfsame_bytes in, content;

    if (size < 2)
        return 0;
    in = BYTES(data + 1, size - 1);
    if (http_head_find(in, &seen, &len, &e) != SELFSAME_OK || len == 0)
        len = in.len;
    enum selfsame_code code = data[0] & 1
                                  ? http_request_parse(BYTES(in.ptr, len), &h, &e)
                                  : http_response_parse(
                                        BYTES(in.ptr, len), (data[0] & 2) != 0, &h, &e);
    if (code != SELFSAME_OK)
        return 0;
    struct http_body body = http_body_of(&h);
    struct selfsame_bytes rest = BYTES(in.ptr + len, in.len - len);
    size_t piece = (size_t)(data[0] >> 2) + 1, have = piece;
    while (!body.done && have <= rest.len) {
        if (http_body_feed(&body, BYTES(rest.ptr, have), &used, &content, &e) !=
            SELFSAME_OK)
            return 0;
        rest = BYTES(rest.ptr + used, rest.len - used);
        have = used > 0 ? piece : have + piece;
    }
    return 0;
}
