/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_ask.h"

#include "tee/shared/device_socket.h"

enum { QUESTION = 1 + 1 + 64 };

enum selfsame_code
dcap_ask(const char *path, enum dcap_device_op op, const struct selfsame_bytes *parts,
    size_t count, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    uint8_t question[QUESTION], *buf = arena_alloc(arena, 1, DCAP_DEVICE_MESSAGE_MAX);
    struct writer w = writer_of(question, sizeof(question));
    size_t len = 0;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for a report");
    put_u8(&w, (uint8_t)op);
    for (size_t i = 0; i < count; i++)
        put_bytes(&w, parts[i]);
    if (w.bad)
        FAIL(e, SELFSAME_USAGE, "expected a question of at most %d bytes",
            (int)QUESTION);
    int why = device_exchange(
        path, writer_bytes(&w), buf, DCAP_DEVICE_MESSAGE_MAX, &len);
    struct reader r = reader_of(BYTES(buf, why == 0 ? len : 0));
    uint32_t refused = get_be32(&r);
    if (why != 0 || r.bad || refused != 0)
        FAIL(e, SELFSAME_IO, "unix:%.80s: cannot ask the simulated device: %s", path,
            strerror(why != 0 ? -why : (int)(refused & 0xfff)));
    *ret = r.rest;
    return SELFSAME_OK;
}
