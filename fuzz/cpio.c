/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cpio.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Views stay inside the input, and an entry written again is read the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpio c = cpio_of(BYTES(data, size));
    struct cpio_entry e, again;

    while (cpio_next(&c, &e)) {
        uint8_t head[CPIO_HEADER + CPIO_NAME_MAX + 4];
        struct writer w = writer_of(head, sizeof(head));
        if (e.data.len != e.size || (e.size > 0 && e.data.ptr + e.size > data + size))
            abort();
        e.size = 0;
        cpio_put_head(&w, &e);
        struct cpio one = cpio_of(writer_bytes(&w));
        if (!cpio_next(&one, &again) || !bytes_eq(again.name, e.name))
            abort();
    }
    if (cpio_done(&c) && c.why != NULL)
        abort();
    return 0;
}
