/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/audit_parts.h"

#include <stdlib.h>

/* A line of an audit log from anybody: a head that is read is written as it was read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct selfsame_bytes line = BYTES(data, size);
    struct audit_chain c, again;
    struct row_seen row;
    struct selfsame_err e = { 0 };
    char text[AUDIT_HEAD];

    if (row_parse(line, &row, &e) == SELFSAME_OK && row.tenant.len > 0 &&
        (row.tenant.ptr < data || row.tenant.ptr + row.tenant.len > data + size))
        abort();
    if (head_parse(line, &c, &e) != SELFSAME_OK)
        return 0;
    const size_t len = head_print(&c, text);
    if (head_parse(BYTES((const uint8_t *)text, len - 1), &again, &e) != SELFSAME_OK ||
        again.size != c.size || !bytes_eq(BYTES_ARR(again.prev), BYTES_ARR(c.prev)) ||
        !bytes_eq(BYTES((const uint8_t *)again.edge, sizeof(again.edge)),
            BYTES((const uint8_t *)c.edge, sizeof(c.edge))))
        abort();
    return 0;
}
