/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Setters return nothing, so that a request reads as a list of facts. What one
 * could not do is latched, and selfsame_verify refuses the whole request.
 */
#include "api/api.h"

#include <stdlib.h>

static void
owned_free(struct owned *o)
{
    free(o->ptr);
    *o = (struct owned){ 0 };
}

static void
latch(struct selfsame_request *q, enum selfsame_code code, const char *why)
{
    if (q->bad != SELFSAME_OK)
        return;
    q->bad = code;
    q->why = why;
}

/* Absent clears; a wrong size must never become "nothing is expected". */
static void
owned_set(struct selfsame_request *q, struct owned *o, struct selfsame_bytes b,
    size_t max, const char *why)
{
    owned_free(o);
    if (b.ptr == NULL && b.len == 0)
        return;
    if (b.ptr == NULL || b.len == 0 || b.len > max) {
        latch(q, SELFSAME_USAGE, why);
        return;
    }
    o->ptr = malloc(b.len);
    if (o->ptr == NULL) {
        latch(q, SELFSAME_NOMEM, "no room for the request");
        return;
    }
    memcpy(o->ptr, b.ptr, b.len);
    o->len = b.len;
}

enum selfsame_code
selfsame_request_new(struct selfsame_request **ret, struct selfsame_err *err)
{
    struct selfsame_request *q = calloc(1, sizeof(*q));

    if (q == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for a request");
    *ret = q;
    return SELFSAME_OK;
}

void
selfsame_request_free(struct selfsame_request *q)
{
    if (q == NULL)
        return;
    owned_free(&q->nonce);
    owned_free(&q->key);
    owned_free(&q->attest_request);
    owned_free(&q->session_key);
    owned_free(&q->report_data);
    owned_free(&q->memory);
    for (size_t i = 0; i < q->release_count; i++)
        owned_free(&q->releases[i]);
    for (size_t i = 0; i < q->highest_count; i++)
        free(q->highest[i].name);
    free(q);
}

void
selfsame_request_set_time(struct selfsame_request *q, int64_t now_ms)
{
    q->has_time = true;
    q->now_ms = now_ms;
}

void
selfsame_request_set_as_of(struct selfsame_request *q, int64_t at_ms)
{
    q->has_as_of = true;
    q->as_of_ms = at_ms;
}

void
selfsame_request_set_nonce(struct selfsame_request *q, struct selfsame_bytes nonce)
{
    static const char why[] = "nonce: expected 8 to 512 bytes";

    if (nonce.len > 0 && nonce.len < API_NONCE_MIN)
        latch(q, SELFSAME_USAGE, why);
    owned_set(q, &q->nonce, nonce, API_NONCE_MAX, why);
}

void
selfsame_request_expect_key(struct selfsame_request *q, struct selfsame_bytes spki)
{
    owned_set(q, &q->key, spki, API_SPKI_MAX,
        "expected key: want a DER SubjectPublicKeyInfo of at most 64 KiB");
}

void
selfsame_request_expect_session(struct selfsame_request *q,
    struct selfsame_bytes attest_request, struct selfsame_bytes exporter,
    struct selfsame_bytes spki)
{
    q->has_session = true;
    if (exporter.ptr == NULL || exporter.len != sizeof(q->exporter))
        latch(q, SELFSAME_USAGE, "session: expected an exporter value of 32 bytes");
    else
        memcpy(q->exporter, exporter.ptr, sizeof(q->exporter));
    owned_set(q, &q->attest_request, attest_request, API_REQUEST_MAX,
        "session: expected an attest request of at most 256 KiB");
    owned_set(q, &q->session_key, spki, API_SPKI_MAX,
        "session: expected the server's SubjectPublicKeyInfo of at most 64 KiB");
    if (q->attest_request.len == 0 || q->session_key.len == 0)
        latch(q, SELFSAME_USAGE, "session: attest request and key are mandatory");
}

void
selfsame_request_expect_report_data(
    struct selfsame_request *q, struct selfsame_bytes data)
{
    owned_set(q, &q->report_data, data, API_REQUEST_MAX,
        "expected report data: want 1 to 262144 bytes");
}

void
selfsame_request_add_release(struct selfsame_request *q, struct selfsame_bytes proof)
{
    static const char why[] = "release: expected at most 64 proofs of 1 byte to 1 MiB";

    if (q->release_count == API_RELEASES || proof.len == 0) {
        latch(q, SELFSAME_USAGE, why);
        return;
    }
    owned_set(q, &q->releases[q->release_count], proof, API_RELEASE_MAX, why);
    if (q->releases[q->release_count].len > 0)
        q->release_count++;
}

void
selfsame_request_set_highest_sequence(
    struct selfsame_request *q, const char *name, uint64_t sequence)
{
    size_t i = 0;

    while (i < q->highest_count && strcmp(q->highest[i].name, name) != 0)
        i++;
    if (i == API_RELEASES) {
        latch(q, SELFSAME_USAGE, "highest sequence: expected at most 64 names");
        return;
    }
    if (i == q->highest_count) {
        const size_t len = strlen(name) + 1;

        q->highest[i].name = malloc(len);
        if (q->highest[i].name == NULL) {
            latch(q, SELFSAME_NOMEM, "no room for the request");
            return;
        }
        memcpy(q->highest[i].name, name, len);
        q->highest_count++;
        q->highest[i].sequence = 0;
    }
    if (sequence > q->highest[i].sequence)
        q->highest[i].sequence = sequence;
}

void
selfsame_request_set_memory(struct selfsame_request *q, struct selfsame_bytes memory)
{
    owned_set(q, &q->memory, memory.len > 0 ? memory : BYTES_NONE, API_MEMORY_MAX,
        "memory: expected at most 4 MiB");
}
