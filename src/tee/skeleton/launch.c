/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/skeleton/skeleton.h"

static enum selfsame_code
available(const struct tee_launch_request *q, struct arena *arena,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e)
{
    (void)q;
    (void)arena;
    (void)ret;
    (void)ret_count;
    FAIL(e, SELFSAME_UNSUPPORTED,
        "skeleton: expected a host that can start it, got none");
}

static enum selfsame_code
launch(const struct tee_launch_request *q, struct selfsame_err *e)
{
    (void)q;
    FAIL(e, SELFSAME_UNSUPPORTED,
        "skeleton: expected a host that can start it, got none");
}

const struct tee_launcher skeleton_launcher = {
    .name = "skeleton",
    .available = available,
    .launch = launch,
};
