/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise/ratls.h"

#include <stdlib.h>

/* A certificate from anybody: what it carries, wants and is signed with. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct ratls r;

    if (ratls_parse(BYTES(data, size), &arena, &r, &e) != SELFSAME_OK)
        return 0;
    if (!ratls_recognise(BYTES(data, size)) || r.form == RATLS_NONE || r.rule == NULL ||
        r.report_data.len == 0)
        abort();
    (void)!ratls_self_signed(&r, &e);
    return 0;
}
