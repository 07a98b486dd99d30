/* SPDX-License-Identifier: Apache-2.0 */
#include "service/monitor_parts.h"

#include <stdlib.h>
#include <unistd.h>

/* Any entry, thrice, to a monitor that watches everything; then its page and state. */
static enum selfsame_code
heard(void *ctx, const json_t *event, struct selfsame_err *e)
{
    char *text = json_compact(event);

    (void)ctx;
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "an event");
    if (strchr(text, '\n') != NULL)
        abort();
    free(text);
    return SELFSAME_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70,
        0x03, 0x21, 0x00, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b,
        0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23,
        0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a };
    const struct monitor_key rebuilder = { BYTES_ARR(key), "k" };
    const struct monitor_config c = { .rebuilders = { &rebuilder, 1 }, .tell = heard };
    struct monitor m = { .c = &c, .now_s = 1790000000, .seen_s = 1790000000 };
    struct selfsame_err e = { 0 };

    for (uint64_t i = 0; i < 3; i++)
        if (monitor_entry(&m, i, BYTES(data, size), &e) != SELFSAME_OK)
            abort();
    /* The same statement stays one release. */
    if (m.state.release_count > 1)
        abort();
    state_free(&m.state);
    return 0;
}
