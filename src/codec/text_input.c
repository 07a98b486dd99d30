/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/text_input.h"

bool
text_input_decode(struct selfsame_bytes *in, struct arena *arena)
{
    enum { LEAST = 8 }; /* shorter is no evidence */
    size_t n, len = 0;
    char *text = arena_alloc(arena, 1, in->len + 1);
    uint8_t *buf = arena_alloc(arena, 1, in->len + 1);

    if (text == NULL || buf == NULL)
        return false;
    if (bytes_has_prefix(*in, BYTES_LIT("-----BEGIN ")))
        return false; /* PEM: its dashes and letters can pass for base64url */
    for (size_t i = 0; i < in->len; i++) {
        char c = (char)in->ptr[i];

        if (c != '\n' && c != '\r' && c != ' ' && c != '\t')
            text[len++] = c;
    }
    if (len < LEAST || (!hex_decode(text, len, buf, in->len, &n) &&
                           !base64_decode(text, len, false, buf, in->len, &n) &&
                           !base64_decode(text, len, true, buf, in->len, &n)))
        return false;
    *in = BYTES(buf, n);
    return true;
}
