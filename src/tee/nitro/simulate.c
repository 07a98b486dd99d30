/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"
#include "tee/nitro/simulate_internal.h"

#include <stdlib.h>

/*
 * The private key of roots/simulated.c. It is public on purpose: whoever wants can
 * sign simulated evidence, and so nobody takes it for more than that.
 */
static const char well_known_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDB30yJ4bo5Uo7PK5Bop\n"
    "fW9Oeh900aIft6w/bO0TgsCxmjYCFoQGMqvDDtjye4xWC+yhZANiAAQ4b1qfgqyp\n"
    "J98xoiDoM/LMSTdLNysugmvEL2X0VoP2aErUS8amAc5TigcvB0h81A7OIYCrwEG1\n"
    "v8PWMf27KkE1kV8OG0c+apJNGaDb5tScKgnKMaWxB4W43YnnEIuafBU=\n"
    "-----END PRIVATE KEY-----\n";

static enum selfsame_code
pki_from_pem(struct selfsame_bytes pem, int64_t now_s, struct sim_pki **ret,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 * 1024);
    auto_key *key = NULL;
    struct selfsame_bytes rest = pem, der;

    TRY_WHILE(
        e, pem_next(&rest, "CERTIFICATE", &arena, &der, e), "the simulator's root");
    if (der.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "the simulator's root: expected a certificate and a key, got no "
            "certificate");
    TRY_WHILE(e, key_from_pem(pem, &key, e), "the simulator's root");
    if (key_type_of(key) != KEY_P384)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "the simulator's root: expected a P-384 key, got another");
    return sim_pki_new(key, der, now_s, ret, e);
}

static enum selfsame_code
pki(struct selfsame_bytes root_pem_with_key, int64_t now_ms, struct sim_pki **ret,
    struct selfsame_err *e)
{
    auto_key *key = NULL;

    if (root_pem_with_key.ptr != NULL)
        return pki_from_pem(root_pem_with_key, now_ms / 1000, ret, e);
    TRY(key_from_pem(bytes_str(well_known_key), &key, e));
    return sim_pki_new(key, BYTES_ARR(nitro_root_simulated), now_ms / 1000, ret, e);
}

static enum selfsame_code
new_root(int64_t now_ms, struct arena *arena, char **ret_pem, struct selfsame_err *e)
{
    auto_key *key = NULL;
    struct selfsame_bytes der;
    char *key_pem;

    TRY(key_generate(KEY_P384, &key, e));
    TRY(sim_root_make(now_ms / 1000, key, arena, &der, e));
    TRY(key_to_pem(key, arena, &key_pem, e));
    const char *cert_pem = pem_encode("CERTIFICATE", der, arena);
    char *both = cert_pem != NULL ? arena_printf(arena, "%s%s", cert_pem, key_pem)
                                  : NULL;
    if (both == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret_pem = both;
    return SELFSAME_OK;
}

static enum selfsame_code
quote(struct sim_pki *p, const struct sim_quote_request *q, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    struct sim_registers registers;

    TRY(sim_registers_init(&registers, p, &q->subject, e));
    const struct sim_document d = {
        .registers = &registers,
        .defects = q->subject.defects,
        .now_ms = q->now_ms,
        .nonce = q->nonce,
        .user_data = q->report_data,
        .public_key = q->public_key,
    };
    return sim_document_make(p, &d, arena, &ret->evidence, e);
}

/* ---- the device: nitro.h, "nsm.c"; semantics as QEMU hw/virtio/virtio-nsm.c ---- */

struct device {
    struct sim_pki *pki;
    uint64_t defects;
    struct sim_registers registers;
};

static enum selfsame_code
device_new(struct sim_pki *p, const struct sim_subject *subject, void **ret_state,
    struct selfsame_err *e)
{
    struct device *d = calloc(1, sizeof(*d));

    if (d == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *d = (struct device){ .pki = p, .defects = subject->defects };
    enum selfsame_code code = sim_registers_init(&d->registers, p, subject, e);
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
    free(state);
}

static const char *
check_index(const struct device *d, const struct nsm_request *q, bool changes)
{
    if (q->index >= NITRO_PCRS)
        return "InvalidIndex";
    if (changes && d->registers.locked & 1u << q->index)
        return "ReadOnlyIndex";
    return NULL;
}

static enum selfsame_code
answer_pcr(struct device *d, const struct nsm_request *q, struct nsm_response *r,
    struct selfsame_err *e)
{
    r->error = check_index(d, q, q->op != NSM_DESCRIBE_PCR);
    if (r->error != NULL)
        return SELFSAME_OK;
    uint8_t *pcr = d->registers.pcr[q->index];
    if (q->op == NSM_EXTEND_PCR && q->data.ptr == NULL) {
        r->error = "InvalidArgument";
        return SELFSAME_OK;
    }
    if (q->op == NSM_EXTEND_PCR && !nitro_pcr_extend(pcr, q->data))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (q->op == NSM_LOCK_PCR)
        d->registers.locked |= 1u << q->index;
    r->lock = d->registers.locked & 1u << q->index;
    r->bytes = BYTES(pcr, NITRO_PCR_SIZE);
    return SELFSAME_OK;
}

/* Locking those already locked is no error. */
static void
answer_lock_range(struct device *d, const struct nsm_request *q, struct nsm_response *r)
{
    if (q->index > NITRO_PCRS)
        r->error = "InvalidIndex";
    else if (q->index == NITRO_PCRS)
        d->registers.locked = UINT32_MAX;
    else
        d->registers.locked |= (1u << q->index) - 1;
}

static enum selfsame_code
answer_random(struct arena *arena, struct nsm_response *r, struct selfsame_err *e)
{
    uint8_t *p = arena_alloc(arena, 1, NSM_RANDOM);

    if (p == NULL || !rng_bytes(p, NSM_RANDOM))
        FAIL(e, SELFSAME_NOMEM, "no random bytes");
    r->bytes = BYTES(p, NSM_RANDOM);
    return SELFSAME_OK;
}

static enum selfsame_code
answer_attestation(struct device *d, int64_t now_ms, const struct nsm_request *q,
    struct arena *arena, struct nsm_response *r, struct selfsame_err *e)
{
    const struct sim_document doc = {
        .registers = &d->registers,
        .defects = d->defects,
        .now_ms = now_ms,
        .nonce = q->nonce,
        .user_data = q->user_data,
        .public_key = q->public_key,
    };

    if (q->nonce.len > NITRO_FIELD_MAX || q->user_data.len > NITRO_FIELD_MAX ||
        q->public_key.len > NITRO_FIELD_MAX) {
        r->error = "InputTooLarge";
        return SELFSAME_OK;
    }
    if (q->public_key.ptr != NULL && q->public_key.len == 0) {
        r->error = "InvalidArgument";
        return SELFSAME_OK;
    }
    return sim_document_make(d->pki, &doc, arena, &r->bytes, e);
}

static enum selfsame_code
answer(struct device *d, int64_t now_ms, const struct nsm_request *q,
    struct arena *arena, struct nsm_response *r, struct selfsame_err *e)
{
    switch (q->op) {
    case NSM_DESCRIBE_NSM:
        r->version[0] = 1;
        r->max_pcrs = NITRO_PCRS;
        r->module_id = bytes_str(d->pki->module_id);
        r->locked = d->registers.locked;
        return SELFSAME_OK;
    case NSM_GET_RANDOM: return answer_random(arena, r, e);
    case NSM_DESCRIBE_PCR:
    case NSM_EXTEND_PCR:
    case NSM_LOCK_PCR: return answer_pcr(d, q, r, e);
    case NSM_LOCK_PCRS: answer_lock_range(d, q, r); return SELFSAME_OK;
    case NSM_ATTESTATION: return answer_attestation(d, now_ms, q, arena, r, e);
    case NSM_NONE: break;
    }
    r->error = "InvalidOperation";
    return SELFSAME_OK;
}

static enum selfsame_code
device_call(void *state, int64_t now_ms, struct selfsame_bytes request,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_err refused = { .depth = 0 };
    struct nsm_request q = { .op = NSM_NONE };
    uint8_t *buf = arena_alloc(arena, 1, NSM_RESPONSE_MAX);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    struct writer w = writer_of(buf, NSM_RESPONSE_MAX);
    struct nsm_response r = { .error = NULL };
    if (request.len > NSM_REQUEST_MAX)
        r.error = "InputTooLarge";
    else if (nsm_request_parse(request, &q, &refused) != SELFSAME_OK)
        r.error = "InvalidOperation";
    r.op = q.op;
    if (r.error == NULL)
        TRY(answer(state, now_ms, &q, arena, &r, e));
    nsm_response_put(&w, &r);
    if (w.bad) {
        r = (struct nsm_response){ .error = "BufferTooSmall", .op = q.op };
        w = writer_of(buf, NSM_RESPONSE_MAX);
        nsm_response_put(&w, &r);
    }
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

const struct tee_simulator nitro_simulator = {
    .name = "nitro",
    .defects = SIM_NITROTPM | (SIM_NITROTPM - 1),
    .pki = pki,
    .pki_free = sim_pki_free,
    .new_root = new_root,
    .quote = quote,
    .device_new = device_new,
    .device_free = device_free,
    .device_call = device_call,
};
