/* SPDX-License-Identifier: Apache-2.0 */
#include "show/show.h"

#include "token/token.h"

/* A file of text often ends with a newline. */
struct selfsame_bytes
show_trimmed(struct selfsame_bytes in)
{
    while (in.len > 0 && strchr("\r\n\t ", in.ptr[in.len - 1]) != NULL)
        in.len--;
    return in;
}

/* Three parts of base64url, the first of which begins as JSON does; or tag 61. */
bool
show_is_token(struct selfsame_bytes in)
{
    static const uint8_t cwt[] = { 0xd8, 0x3d };
    unsigned dots = 0;

    if (bytes_has_prefix(in, BYTES_ARR(cwt)))
        return true;
    in = show_trimmed(in);
    if (!bytes_has_prefix(in, BYTES_LIT("eyJ")) &&
        !bytes_has_prefix(in, BYTES_LIT("ewog")) &&
        !bytes_has_prefix(in, BYTES_LIT("eyA")))
        return false;
    for (size_t i = 0; i < in.len; i++) {
        const uint8_t c = in.ptr[i];

        dots += c == '.';
        if (c != '.' && c != '-' && c != '_' && !(c >= '0' && c <= '9') &&
            !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z'))
            return false;
    }
    return dots == 2;
}

enum selfsame_code
show_token(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    auto_json *said = NULL;

    if (!cwt_recognise(in))
        in = show_trimmed(in);
    TRY(token_decode(in, arena, &said, e));
    if (json_object_update(into, said) != 0)
        FAIL(e, SELFSAME_NOMEM, "no memory to show a token");
    return SELFSAME_OK;
}
