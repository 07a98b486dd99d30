/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/measure.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Padded in front to whole pages: what matters stands at the end. */
    static uint8_t file[16 * OVMF_PAGE];
    uint8_t digest[TDX_DIGEST];
    struct selfsame_err e = { 0 };
    uint64_t pages = 0;
    struct tdvf t;

    if (size > sizeof(file))
        return 0;
    size_t len = (size + OVMF_PAGE - 1) / OVMF_PAGE * OVMF_PAGE;
    memset(file, 0, len);
    if (size > 0)
        memcpy(file + len - size, data, size);
    if (tdvf_parse(BYTES(file, len), &t, &e) != SELFSAME_OK)
        return 0;
    for (size_t i = 0; i < t.section_count; i++) {
        assert(t.section[i].size > 0 && t.section[i].size % OVMF_PAGE == 0);
        assert((uint64_t)t.section[i].offset + t.section[i].raw <= len);
        pages += t.section[i].size / OVMF_PAGE;
    }
    if (pages < 256)
        assert(tdx_mrtd(&t, TDX_TWO_PASS, digest, &e) == SELFSAME_OK);
    return 0;
}
