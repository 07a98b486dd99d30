/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/collect.h"
#include "tee/snp/simulate_internal.h"

#include <errno.h>
#include <stdlib.h>

static enum selfsame_code
pki(struct selfsame_bytes root_pem_with_key, int64_t now_ms, struct sim_pki **ret,
    struct selfsame_err *e)
{
    (void)now_ms;
    return snp_sim_pki_new(root_pem_with_key, ret, e);
}

static enum selfsame_code
new_root(int64_t now_ms, struct arena *arena, char **ret_pem, struct selfsame_err *e)
{
    (void)now_ms;
    return snp_sim_root_make(arena, ret_pem, e);
}

static enum selfsame_code
quote(struct sim_pki *p, const struct sim_quote_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    struct snp_setup setup;

    TRY(snp_sim_setup(p, &q->subject, &setup, e));
    TRY(snp_sim_report(p, &setup, q->report_data, arena, &ret->evidence, e));
    return snp_sim_table(p, &setup, q->now_ms / 1000, arena, &ret->endorsement, e);
}

/* ---- the device: collect.h, "the simulator's transport"; as the firmware answers ---- */

struct device {
    struct sim_pki *pki;
    struct snp_setup setup;
    struct arena arena; /* of the table, which is made at the first request */
    struct selfsame_bytes table;
};

static enum selfsame_code
device_new(struct sim_pki *p, const struct sim_subject *subject, void **ret_state,
    struct selfsame_err *e)
{
    struct device *d = calloc(1, sizeof(*d));

    if (d == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    d->pki = p;
    d->arena = arena_new(256 * 1024);
    enum selfsame_code code = snp_sim_setup(p, subject, &d->setup, e);
    if (code != SELFSAME_OK) {
        free(d);
        return code;
    }
    *ret_state = d;
    return SELFSAME_OK;
}

static void
device_free(void *state)
{
    struct device *d = state;

    arena_free(&d->arena);
    free(d);
}

/* MSG_REPORT_RSP, and zeros up to what the ioctl returns. */
static enum selfsame_code
put_response(struct device *d, struct selfsame_bytes data64, uint32_t vmpl,
    struct writer *w, struct arena *arena, struct selfsame_err *e)
{
    struct snp_setup setup = d->setup;
    struct selfsame_bytes report = BYTES_NONE;
    bool valid = vmpl >= setup.vmpl && vmpl <= 3;
    size_t end = w->len + SNP_RESPONSE;

    setup.vmpl = vmpl;
    if (valid)
        TRY(snp_sim_report(d->pki, &setup, data64, arena, &report, e));
    put_le32(w, valid ? 0 : SNP_STATUS_INVALID);
    put_le32(w, (uint32_t)report.len);
    put_zeros(w, 24);
    put_bytes(w, report);
    put_zeros(w, end > w->len ? end - w->len : 0);
    return SELFSAME_OK;
}

static enum selfsame_code
refuse(uint32_t why, struct writer *w, struct selfsame_bytes *ret)
{
    put_be32(w, why);
    put_be64(w, 0);
    put_zeros(w, SNP_RESPONSE);
    *ret = writer_bytes(w);
    return SELFSAME_OK;
}

static enum selfsame_code
device_call(void *state, int64_t now_ms, struct selfsame_bytes request,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct device *d = state;
    struct reader r = reader_of(request);
    uint32_t command = get_be32(&r);
    struct selfsame_bytes data64 = get_bytes(&r, 64);
    uint32_t vmpl = get_le32(&r);
    size_t size = SNP_MESSAGE_HEAD + SNP_CERTS_MAX;
    uint8_t *buf = arena_alloc(arena, 1, size);
    struct writer w = writer_of(buf, size);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    get_zeros(&r, sizeof(((struct snp_report_req *)0)->reserved));
    if (!reader_done(&r))
        return refuse(EINVAL, &w, ret);
    if (command != SNP_GET_REPORT && command != SNP_GET_EXT_REPORT)
        return refuse(ENOTTY, &w, ret);
    if (d->table.ptr == NULL)
        TRY(snp_sim_table(d->pki, &d->setup, now_ms / 1000, &d->arena, &d->table, e));
    put_be32(&w, 0);
    put_be64(&w, 0);
    TRY(put_response(d, data64, vmpl, &w, arena, e));
    if (command == SNP_GET_EXT_REPORT)
        put_bytes(&w, d->table);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

const struct tee_simulator snp_simulator = {
    .name = "snp",
    .defects = SIM_DEBUG | SIM_EXPIRED | SIM_FUTURE | SIM_WRONG_BINDING |
               SIM_BAD_SIGNATURE | SIM_BAD_CHAIN_SIGNATURE | SIM_OTHER_ROOT |
               SIM_WRONG_ALG | SIM_TRAILING_BYTE | SIM_TRUNCATED | SIM_REVOKED |
               SIM_NO_CRL | SIM_STALE_CRL | SIM_FUTURE_CRL | SIM_OTHER_CHIP |
               SIM_OTHER_TCB | SIM_NO_LEAF | SIM_UNSIGNED | SIM_RESERVED,
    .has_settings = true,
    .pki = pki,
    .pki_free = snp_sim_pki_free,
    .new_root = new_root,
    .quote = quote,
    .device_new = device_new,
    .device_free = device_free,
    .device_call = device_call,
};
