/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_device.h"
#include "tee/shared/dcap_simulate.h"

#include <errno.h>
#include <stdlib.h>

static enum selfsame_code
quote(struct sim_pki *p, const struct sim_quote_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    struct dcap_setup setup;

    TRY(dcap_sim_setup(DCAP_SGX, &q->subject, &setup, e));
    return dcap_sim_quote(
        p, &setup, q->report_data, q->now_ms / 1000, arena, &ret->evidence, e);
}

static enum selfsame_code
collateral(const struct sim_pki *p, int64_t now_ms, const struct sim_subject *subject,
    struct arena *arena, struct sim_file **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    return dcap_sim_collateral(DCAP_SGX, p, now_ms, subject, arena, ret, ret_count, e);
}

/* ---- the device: what /dev/attestation of Gramine asks for ---- */

struct device {
    struct sim_pki *pki;
    struct dcap_setup setup;
};

static enum selfsame_code
device_new(struct sim_pki *p, const struct sim_subject *subject, void **ret_state,
    struct selfsame_err *e)
{
    struct device *d = calloc(1, sizeof(*d));

    if (d == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    d->pki = p;
    enum selfsame_code code = dcap_sim_setup(DCAP_SGX, subject, &d->setup, e);
    if (code != SELFSAME_OK) {
        free(d);
        return code;
    }
    *ret_state = d;
    return SELFSAME_OK;
}

/* EREPORT's: the body, key id, and in place of the MAC a text. */
static void
put_report(struct writer *w, const struct dcap_setup *s, struct selfsame_bytes data64)
{
    static const uint8_t mac[16] = "no MAC: simulat.";

    dcap_sim_put_sgx_body(w, s, data64);
    put_zeros(w, 32);
    put_bytes(w, BYTES_ARR(mac));
}

static enum selfsame_code
device_call(void *state, int64_t now_ms, struct selfsame_bytes request,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct device *d = state;
    struct reader r = reader_of(request);
    const uint8_t op = get_u8(&r);
    struct selfsame_bytes data64 = get_bytes(&r, 64), answer = BYTES_NONE;
    uint8_t *buf = arena_alloc(arena, 1, DCAP_DEVICE_MESSAGE_MAX);
    struct writer w = writer_of(buf, DCAP_DEVICE_MESSAGE_MAX);
    const bool known = op == DCAP_DEVICE_QUOTE || op == DCAP_DEVICE_REPORT;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    put_be32(&w, reader_done(&r) && known ? 0 : EINVAL);
    if (reader_done(&r) && op == DCAP_DEVICE_QUOTE)
        TRY(dcap_sim_quote(
            d->pki, &d->setup, data64, now_ms / 1000, arena, &answer, e));
    put_bytes(&w, answer);
    if (reader_done(&r) && op == DCAP_DEVICE_REPORT)
        put_report(&w, &d->setup, data64);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

const struct tee_simulator sgx_simulator = {
    .name = "sgx",
    .defects = DCAP_SIM_DEFECTS | DCAP_SIM_PROVISION_KEY,
    .words = dcap_sim_words,
    .digest_size = 32,
    .has_settings = true,
    .pki = dcap_sim_pki_new,
    .pki_free = dcap_sim_pki_free,
    .new_root = dcap_sim_root_make,
    .quote = quote,
    .collateral = collateral,
    .device_new = device_new,
    .device_free = free,
    .device_call = device_call,
};
