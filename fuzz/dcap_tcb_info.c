/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap.h"

#include <stdlib.h>

/* What was read stands inside the input, its levels best first; and it is read alike twice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(4 << 20);
    const uint8_t svn[16] = { 3, 1, 4 };
    struct dcap_pck pck = { .pce_svn = 11 };
    struct selfsame_err e = { 0 };
    struct dcap_tcb_info info, again;
    const struct dcap_identity *module;

    if (dcap_tcb_info_parse(BYTES(data, size), &arena, &info, &e) != SELFSAME_OK)
        return 0;
    struct selfsame_bytes object = info.proof.object;
    if (object.ptr < data || object.ptr + object.len > data + size || object.len < 2 ||
        object.ptr[0] != '{' || object.ptr[object.len - 1] != '}' ||
        info.levels.count == 0)
        abort();
    if (dcap_tcb_info_parse(BYTES(data, size), &arena, &again, &e) != SELFSAME_OK ||
        again.levels.count != info.levels.count)
        abort();
    const struct dcap_level *l = dcap_platform_level(&info, &pck, BYTES_ARR(svn));
    if (l != NULL && dcap_short_of(l, &pck, BYTES_ARR(svn), &arena)[0] != '\0')
        abort();
    (void)dcap_module_of(&info, BYTES_ARR(svn), &module, &e);
    return 0;
}
