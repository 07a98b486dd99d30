/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/skeleton/skeleton.h"

enum selfsame_code
skeleton_parse(
    struct selfsame_bytes in, struct skeleton_quote *ret, struct selfsame_err *e)
{
    (void)ret;
    FAIL(e, SELFSAME_UNSUPPORTED,
        "skeleton: expected evidence of a TEE, got %zu bytes and no format", in.len);
}
