/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/skeleton/skeleton.h"

static enum selfsame_code
begin(uint64_t size, bool explain, void **ret_state, struct selfsame_err *e)
{
    (void)size;
    (void)explain;
    (void)ret_state;
    FAIL(e, SELFSAME_UNSUPPORTED, "skeleton: expected an image format, got none");
}

static enum selfsame_code
update(void *state, struct selfsame_bytes piece, struct selfsame_err *e)
{
    (void)state;
    (void)piece;
    FAIL(e, SELFSAME_UNSUPPORTED, "skeleton: expected an image format, got none");
}

static enum selfsame_code
finish(
    void *state, struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    (void)state;
    (void)arena;
    (void)ret;
    FAIL(e, SELFSAME_UNSUPPORTED, "skeleton: expected an image format, got none");
}

static void
discard(void *state)
{
    (void)state;
}

const struct tee_measurer skeleton_measurer = {
    .name = "skeleton",
    .image_kind = "none",
    .begin = begin,
    .update = update,
    .finish = finish,
    .free = discard,
};
