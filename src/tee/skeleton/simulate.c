/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/simulate.h"

static const char none[] = "skeleton: expected a simulator, got none";

static enum selfsame_code
pki(struct selfsame_bytes root_pem_with_key, int64_t now_ms, struct sim_pki **ret,
    struct selfsame_err *e)
{
    (void)root_pem_with_key;
    (void)now_ms;
    (void)ret;
    FAIL(e, SELFSAME_UNSUPPORTED, "%s", none);
}

static void
pki_free(struct sim_pki *p)
{
    (void)p;
}

static enum selfsame_code
new_root(int64_t now_ms, struct arena *arena, char **ret_pem, struct selfsame_err *e)
{
    (void)now_ms;
    (void)arena;
    (void)ret_pem;
    FAIL(e, SELFSAME_UNSUPPORTED, "%s", none);
}

static enum selfsame_code
quote(struct sim_pki *p, const struct sim_quote_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    (void)p;
    (void)q;
    (void)arena;
    (void)ret;
    FAIL(e, SELFSAME_UNSUPPORTED, "%s", none);
}

static enum selfsame_code
device_new(struct sim_pki *p, const struct sim_subject *subject, void **ret_state,
    struct selfsame_err *e)
{
    (void)p;
    (void)subject;
    (void)ret_state;
    FAIL(e, SELFSAME_UNSUPPORTED, "%s", none);
}

static void
device_free(void *state)
{
    (void)state;
}

static enum selfsame_code
device_call(void *state, int64_t now_ms, struct selfsame_bytes request,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    (void)state;
    (void)now_ms;
    (void)request;
    (void)arena;
    (void)ret;
    FAIL(e, SELFSAME_UNSUPPORTED, "%s", none);
}

extern const struct tee_simulator skeleton_simulator;
const struct tee_simulator skeleton_simulator = {
    .name = "skeleton",
    .pki = pki,
    .pki_free = pki_free,
    .new_root = new_root,
    .quote = quote,
    .device_new = device_new,
    .device_free = device_free,
    .device_call = device_call,
};
