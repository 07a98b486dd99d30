/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"

#include <stdlib.h>

/* Blocks of a file from anybody: each is written and read again as the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const labels[] = { "CERTIFICATE", "X509 CRL", "PUBLIC KEY" };

    for (size_t i = 0; i < COUNT(labels); i++) {
        auto_arena arena = arena_new(8 << 20);
        struct selfsame_bytes rest = BYTES(data, size), der, again;
        struct selfsame_err e = { 0 };

        for (size_t before = size + 1; rest.len < before;) {
            before = rest.len;
            if (pem_next(&rest, labels[i], &arena, &der, &e) != SELFSAME_OK ||
                der.ptr == NULL)
                break;
            if (rest.len >= before || rest.ptr + rest.len != data + size)
                abort(); /* it went on, within the file */
            const char *text = pem_encode(labels[i], der, &arena);
            struct selfsame_bytes own = bytes_str(text != NULL ? text : "");
            if (text != NULL &&
                (pem_next(&own, labels[i], &arena, &again, &e) == SELFSAME_OK
                        ? !bytes_eq(again, der)
                        : e.code != SELFSAME_NOMEM))
                abort();
        }
    }
    return 0;
}
