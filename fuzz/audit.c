/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of an audit log: a row, or the head of a segment; what is printed reads back. */
#include "verifier/audit_parts.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_err e;
    struct audit_chain c, again;
    struct row_seen row;
    char line[AUDIT_HEAD], text[64] = { 0 }, printed[AUDIT_LINE];

    if (head_parse(BYTES(data, size), &c, &e) == SELFSAME_OK) {
        const size_t n = head_print(&c, line);

        if (head_parse(BYTES((const uint8_t *)line, n - 1), &again, &e) !=
                SELFSAME_OK ||
            again.size != c.size)
            abort();
    }
    if (row_parse(BYTES(data, size), &row, &e) == SELFSAME_OK && row.seq > INT64_MAX)
        abort();
    memcpy(text, data, size < sizeof(text) - 1 ? size : sizeof(text) - 1);
    const struct audit_row made = { .request = text,
        .tenant = "one",
        .key = text,
        .policy = text,
        .tee = text,
        .status = text,
        .class_ = text,
        .token = text };
    const size_t n = row_print(&made, size, made.evidence_sha256, printed);
    if (row_parse(BYTES((const uint8_t *)printed, n - 1), &row, &e) != SELFSAME_OK ||
        row.seq != size || !bytes_eq(row.tenant, BYTES_LIT("one")))
        abort();
    return 0;
}
