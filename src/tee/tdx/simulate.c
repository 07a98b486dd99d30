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

    TRY(dcap_sim_setup(DCAP_TDX, &q->subject, &setup, e));
    return dcap_sim_quote(
        p, &setup, q->report_data, q->now_ms / 1000, arena, &ret->evidence, e);
}

static enum selfsame_code
collateral(const struct sim_pki *p, int64_t now_ms, const struct sim_subject *subject,
    struct arena *arena, struct sim_file **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    return dcap_sim_collateral(DCAP_TDX, p, now_ms, subject, arena, ret, ret_count, e);
}

/* ---- the device: configfs-tsm, /dev/tdx_guest and the measurement files ---- */

struct device {
    struct sim_pki *pki;
    struct dcap_setup setup; /* its RTMRs are what the guest extends */
};

static enum selfsame_code
device_new(struct sim_pki *p, const struct sim_subject *subject, void **ret_state,
    struct selfsame_err *e)
{
    struct device *d = calloc(1, sizeof(*d));

    if (d == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    d->pki = p;
    enum selfsame_code code = dcap_sim_setup(DCAP_TDX, subject, &d->setup, e);
    if (code != SELFSAME_OK) {
        free(d);
        return code;
    }
    *ret_state = d;
    return SELFSAME_OK;
}

/* TDG.MR.RTMR.EXTEND: SHA-384 of the old value and the digest. */
static enum selfsame_code
extend(uint8_t rtmr[static 48], struct selfsame_bytes digest48, struct selfsame_err *e)
{
    const struct selfsame_bytes part[] = { BYTES(rtmr, 48), digest48 };
    uint8_t next[HASH_MAX];

    if (!hash_parts(HASH_SHA384, part, COUNT(part), next))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    memcpy(rtmr, next, 48);
    return SELFSAME_OK;
}

static const uint8_t *
register_of(const struct dcap_setup *s, uint8_t number)
{
    switch (number) {
    case 0:
    case 1:
    case 2:
    case 3: return s->rtmr[number];
    case DCAP_REGISTER_MRTD: return s->mr_td;
    case DCAP_REGISTER_MR_CONFIG_ID: return s->mr_config_id;
    case DCAP_REGISTER_MR_OWNER: return s->mr_owner;
    case DCAP_REGISTER_MR_OWNER_CONFIG: return s->mr_owner_config;
    default: return NULL;
    }
}

/* ---- the local report (1024 bytes): no evidence, and it says so ---- */

enum { TCB_INFO_SIZE = 239, TD_INFO_SIZE = 512 };

static void
put_tcb_info(struct writer *w, const struct dcap_setup *s)
{
    const bool newer = s->kind == DCAP_BODY_TD15;

    put_le64(w, newer ? 0x301ff : 0x1ff);
    put_bytes(w, BYTES_ARR(s->tee_tcb_svn));
    put_bytes(w, BYTES_ARR(s->mr_seam));
    put_bytes(w, BYTES_ARR(s->mr_signer_seam));
    put_bytes(w, BYTES_ARR(s->seam_attributes));
    put_bytes(w, newer ? BYTES_ARR(s->tee_tcb_svn2) : BYTES_NONE);
    put_zeros(w, TCB_INFO_SIZE - w->len);
}

static void
put_td_info(struct writer *w, const struct dcap_setup *s)
{
    put_le64(w, s->td_attributes);
    put_le64(w, s->xfam);
    put_bytes(w, BYTES_ARR(s->mr_td));
    put_bytes(w, BYTES_ARR(s->mr_config_id));
    put_bytes(w, BYTES_ARR(s->mr_owner));
    put_bytes(w, BYTES_ARR(s->mr_owner_config));
    for (size_t i = 0; i < 4; i++)
        put_bytes(w, BYTES_ARR(s->rtmr[i]));
    put_bytes(w, s->kind == DCAP_BODY_TD15 ? BYTES_ARR(s->mr_service_td) : BYTES_NONE);
    put_zeros(w, TD_INFO_SIZE - w->len);
}

static enum selfsame_code
put_report(struct writer *w, const struct dcap_setup *s, struct selfsame_bytes data64,
    struct selfsame_err *e)
{
    static const uint8_t mac[32] = "SIMULATED: there is no MAC here";
    uint8_t tcb[TCB_INFO_SIZE], info[TD_INFO_SIZE], tcb_hash[HASH_MAX],
        info_hash[HASH_MAX];
    struct writer tcb_w = writer_of(tcb, sizeof(tcb)),
                  info_w = writer_of(info, sizeof(info));

    put_tcb_info(&tcb_w, s);
    put_td_info(&info_w, s);
    if (!hash_bytes(HASH_SHA384, BYTES_ARR(tcb), tcb_hash) ||
        !hash_bytes(HASH_SHA384, BYTES_ARR(info), info_hash))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    put_le32(w, DCAP_TDX); /* type; subtype and version 0 */
    put_zeros(w, 12);
    put_bytes(w, BYTES_ARR(s->cpu_svn));
    put_bytes(w, BYTES(tcb_hash, 48));
    put_bytes(w, BYTES(info_hash, 48));
    put_bytes(w, data64);
    put_zeros(w, 32);
    put_bytes(w, BYTES_ARR(mac));
    put_bytes(w, BYTES_ARR(tcb));
    put_zeros(w, 17);
    put_bytes(w, BYTES_ARR(info));
    return SELFSAME_OK;
}

/* ---- one request ---- */

static enum selfsame_code
answer_report(struct device *d, uint8_t op, int64_t now_ms, struct reader *r,
    struct writer *w, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes data64 = get_bytes(r, 64), made;

    put_be32(w, reader_done(r) ? 0 : EINVAL);
    if (!reader_done(r))
        return SELFSAME_OK;
    if (op == DCAP_DEVICE_REPORT)
        return put_report(w, &d->setup, data64, e);
    TRY(dcap_sim_quote(d->pki, &d->setup, data64, now_ms / 1000, arena, &made, e));
    put_bytes(w, made);
    return SELFSAME_OK;
}

static enum selfsame_code
answer_register(struct device *d, uint8_t op, struct reader *r, struct writer *w,
    struct selfsame_err *e)
{
    const bool writes = op == DCAP_DEVICE_EXTEND;
    const uint8_t number = get_u8(r);
    struct selfsame_bytes digest = get_bytes(r, writes ? 48 : 0);
    const uint8_t *held = register_of(&d->setup, number);
    const bool good = reader_done(r) && held != NULL && (!writes || number < 4);

    put_be32(w, good ? 0 : EINVAL);
    if (!good)
        return SELFSAME_OK;
    if (writes)
        return extend(d->setup.rtmr[number], digest, e);
    put_bytes(w, BYTES(held, 48));
    return SELFSAME_OK;
}

static enum selfsame_code
device_call(void *state, int64_t now_ms, struct selfsame_bytes request,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct device *d = state;
    struct reader r = reader_of(request);
    const uint8_t op = get_u8(&r);
    uint8_t *buf = arena_alloc(arena, 1, DCAP_DEVICE_MESSAGE_MAX);
    struct writer w = writer_of(buf, DCAP_DEVICE_MESSAGE_MAX);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    switch (op) {
    case DCAP_DEVICE_QUOTE:
    case DCAP_DEVICE_REPORT: TRY(answer_report(d, op, now_ms, &r, &w, arena, e)); break;
    case DCAP_DEVICE_EXTEND:
    case DCAP_DEVICE_REGISTER: TRY(answer_register(d, op, &r, &w, e)); break;
    default: put_be32(&w, ENOTTY); break;
    }
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

const struct tee_simulator tdx_simulator = {
    .name = "tdx",
    .defects = DCAP_SIM_DEFECTS | DCAP_SIM_NO_SEPT_VE | DCAP_SIM_MIGRATABLE |
               DCAP_SIM_UNKNOWN_MODULE | DCAP_SIM_SEAM_SIGNER,
    .words = dcap_sim_words,
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
