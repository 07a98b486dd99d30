/* SPDX-License-Identifier: Apache-2.0 */
#include "image/ovmf.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Padded in front to whole pages: what matters stands at the end. */
    static uint8_t file[16 * OVMF_PAGE];
    struct selfsame_err e = { 0 };
    struct ovmf o;

    if (size > sizeof(file))
        return 0;
    size_t len = (size + OVMF_PAGE - 1) / OVMF_PAGE * OVMF_PAGE;
    memset(file, 0, len);
    if (size > 0)
        memcpy(file + len - size, data, size);
    if (ovmf_parse(BYTES(file, len), &o, &e) != SELFSAME_OK)
        return 0;
    assert(o.section_count <= OVMF_SECTIONS);
    for (size_t i = 0; i < o.section_count; i++)
        assert(o.section[i].size > 0 && o.section[i].size % OVMF_PAGE == 0 &&
               (uint64_t)o.section[i].gpa + o.section[i].size <= o.gpa);
    return 0;
}
