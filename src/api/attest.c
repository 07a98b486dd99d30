/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/attest.h>

#include "appraise/appraise.h"
#include "appraise/ratls.h"
#include "codec/cmw.h"
#include "tee/tee.h"

#include <pthread.h>
#include <stdlib.h>

_Static_assert((int)SELFSAME_REGISTER == (int)TEE_REGISTER, "registers are SHA-384");
enum { NONCE_MIN = 8, NONCE_MAX = 512, COLLECT_ARENA = 1 << 20 };

struct selfsame_attester {
    pthread_mutex_t lock; /* devices answer one question at a time */
    const struct tee_attester *tee;
    char *device; /* NULL: the usual path */
};

static const struct tee_attester *
find_present(const char *device)
{
    const struct tee_attester *t;

    for (size_t i = 0; (t = tee_attester_at(i)) != NULL; i++)
        if (t->present(device))
            return t;
    return NULL;
}

enum selfsame_code
selfsame_attester_open(
    const char *device, struct selfsame_attester **ret, struct selfsame_err *err)
{
    const struct tee_attester *tee = find_present(device);

    if (tee == NULL && device != NULL)
        FAIL(err, SELFSAME_IO, "%.80s: no TEE answers there", device);
    if (tee == NULL) {
        (void)err_set(err, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
            "no TEE found on this machine");
        err_remedy(err, "Run this inside an enclave, or an image under `selfsame run "
                        "--sim`; `selfsame doctor` says what this host has.");
        return SELFSAME_UNSUPPORTED;
    }
    struct selfsame_attester *a = calloc(1, sizeof(*a));
    char *copy = device != NULL ? strdup(device) : NULL;
    if (a == NULL || (device != NULL && copy == NULL) ||
        pthread_mutex_init(&a->lock, NULL) != 0) {
        free(copy);
        free(a);
        FAIL(err, SELFSAME_NOMEM, "no room for an attester");
    }
    a->tee = tee;
    a->device = copy;
    *ret = a;
    return SELFSAME_OK;
}

void
selfsame_attester_close(struct selfsame_attester *a)
{
    if (a == NULL)
        return;
    (void)pthread_mutex_destroy(&a->lock);
    free(a->device);
    free(a);
}

const char *
selfsame_attester_tee(const struct selfsame_attester *a)
{
    return a->tee->name;
}

static enum selfsame_code
collect(struct selfsame_attester *a, const struct tee_report_request *q, uint8_t **ret,
    size_t *ret_len, struct selfsame_err *e)
{
    auto_arena arena = arena_new(COLLECT_ARENA);
    struct tee_collected collected = { { NULL, 0 }, { NULL, 0 } };
    struct selfsame_bytes cmw;

    (void)pthread_mutex_lock(&a->lock);
    enum selfsame_code c = a->tee->collect(q, &arena, &collected, e);
    (void)pthread_mutex_unlock(&a->lock);
    TRY_WHILE(e, c, "collecting %s evidence", a->tee->name);
    TRY(cmw_encode_evidence(a->tee->media_type, collected.evidence,
        a->tee->endorsement_type, collected.endorsement, &arena, &cmw, e));
    uint8_t *copy = malloc(cmw.len);
    if (copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "no room for %zu bytes of evidence", cmw.len);
    memcpy(copy, cmw.ptr, cmw.len);
    *ret = copy;
    *ret_len = cmw.len;
    return SELFSAME_OK;
}

static enum selfsame_code
check_nonce(struct selfsame_bytes nonce, struct selfsame_err *e)
{
    if (nonce.len < NONCE_MIN || nonce.len > NONCE_MAX)
        FAIL(e, SELFSAME_USAGE, "nonce: expected %d to %d bytes, got %zu",
            (int)NONCE_MIN, (int)NONCE_MAX, nonce.len);
    return SELFSAME_OK;
}

/* `made` false: a length was wrong or memory ran out; lengths were looked at before. */
static enum selfsame_code
attest(struct selfsame_attester *a, bool made, const struct binder *b,
    struct tee_report_request *q, uint8_t **ret, size_t *ret_len,
    struct selfsame_err *e)
{
    uint8_t data[64];

    if (!made || !binder64(b, data))
        FAIL(e, SELFSAME_NOMEM, "no room for the binder");
    q->binder64 = data;
    q->device = a->device;
    return collect(a, q, ret, ret_len, e);
}

enum selfsame_code
selfsame_attest_key(struct selfsame_attester *a, struct selfsame_bytes nonce,
    struct selfsame_bytes spki, uint8_t **ret, size_t *ret_len,
    struct selfsame_err *err)
{
    struct tee_report_request q = { .nonce = nonce, .public_key = spki };
    struct binder b;

    TRY(check_nonce(nonce, err));
    return attest(a, binder_http(&b, nonce, spki), &b, &q, ret, ret_len, err);
}

enum selfsame_code
selfsame_attest_session(struct selfsame_attester *a,
    struct selfsame_bytes attest_request, struct selfsame_bytes nonce,
    struct selfsame_bytes exporter, struct selfsame_bytes spki, uint8_t **ret,
    size_t *ret_len, struct selfsame_err *err)
{
    struct tee_report_request q = { .nonce = nonce, .public_key = spki };
    struct binder b;

    TRY(check_nonce(nonce, err));
    if (attest_request.len == 0 || exporter.len != sizeof(b.ekm) || spki.len == 0)
        FAIL(err, SELFSAME_USAGE,
            "session: expected a request, an exporter value of 32 bytes and a key");
    return attest(a, binder_session(&b, BINDER_SERVER, attest_request, exporter, spki),
        &b, &q, ret, ret_len, err);
}

enum selfsame_code
selfsame_attest_extend(struct selfsame_attester *a, unsigned index,
    struct selfsame_bytes digest, uint8_t ret[SELFSAME_REGISTER],
    struct selfsame_err *err)
{
    if (a->tee->extend == NULL)
        FAIL(err, SELFSAME_UNSUPPORTED,
            "%s: expected a TEE with registers that a guest extends (tdx), got none: "
            "nothing was measured",
            a->tee->name);
    (void)pthread_mutex_lock(&a->lock);
    enum selfsame_code c = a->tee->extend(a->device, index, digest, ret, err);
    (void)pthread_mutex_unlock(&a->lock);
    TRY_WHILE(err, c, "extending register %u of %s", index, a->tee->name);
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_attest_certificate(struct selfsame_attester *a, struct selfsame_bytes spki,
    uint8_t **ret, size_t *ret_len, struct selfsame_err *err)
{
    uint8_t data[64];
    struct tee_report_request q = {
        .binder64 = data,
        .public_key = spki,
        .device = a->device,
    };

    if (spki.len == 0)
        FAIL(err, SELFSAME_USAGE, "certificate: expected a key");
    if (!ratls_report_data(a->tee->media_type, spki, data))
        FAIL(err, SELFSAME_NOMEM, "no room for the report data");
    return collect(a, &q, ret, ret_len, err);
}
