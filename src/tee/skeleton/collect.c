/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/skeleton/skeleton.h"

static bool
present(const char *device)
{
    (void)device;
    return false;
}

static enum selfsame_code
collect(const struct tee_report_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    (void)q;
    (void)arena;
    (void)ret;
    FAIL(e, SELFSAME_UNSUPPORTED, "skeleton: expected a device, got none");
}

const struct tee_attester skeleton_attester = {
    .name = "skeleton",
    .media_type = "application/octet-stream",
    .present = present,
    .collect = collect,
};
