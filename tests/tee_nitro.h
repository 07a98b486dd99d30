/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_TEE_NITRO_H
#define SELFSAME_TEST_TEE_NITRO_H

/* What the Nitro tests share: one judgement, a simulated machine, real documents. */
#include "test.h"

#include "codec/cbor.h"
#include "codec/pem.h"
#include "tee/nitro/nitro.h"
#include "tee/nitro/simulate_internal.h"

/* 2026-06-01T00:00:00Z */
static const int64_t test_now_s = 1780272000;

struct judgement {
    enum selfsame_code code;
    struct checks checks;
    struct selfsame_claims claims;
    struct selfsame_err err;
};

static inline struct tee_trust
pinned_at(int64_t now_s)
{
    return (struct tee_trust){
        .now_s = now_s,
        .anchors = nitro_verifier.anchors,
        .anchor_count = nitro_verifier.anchor_count,
    };
}

static inline struct judgement
judge_with(
    struct selfsame_bytes doc, const struct tee_trust *trust, struct arena *arena)
{
    struct judgement j = { .code = SELFSAME_OK };

    j.code = nitro_verifier.verify(doc, trust, arena, &j.checks, &j.claims, &j.err);
    return j;
}

static inline struct judgement
judge_at(struct selfsame_bytes doc, int64_t now_s, struct arena *arena)
{
    struct tee_trust trust = pinned_at(now_s);

    return judge_with(doc, &trust, arena);
}

/* Three measured registers, none zero. */
struct machine {
    struct sim_pki *pki;
    uint8_t pcr[3][NITRO_PCR_SIZE];
    struct claim measured[3];
};

static inline void
machine_start(struct machine *m)
{
    struct selfsame_err e = { .depth = 0 };

    for (unsigned i = 0; i < 3; i++) {
        memset(m->pcr[i], (int)(0xa0 + i), NITRO_PCR_SIZE);
        m->measured[i] = (struct claim){
            .path = nitro_pcr_path(i),
            .kind = CLAIM_BYTES,
            .bytes = BYTES(m->pcr[i], NITRO_PCR_SIZE),
        };
    }
    assert_code(nitro_simulator.pki(BYTES_NONE, test_now_s * 1000, &m->pki, &e),
        SELFSAME_OK, &e);
}

static inline void
machine_stop(struct machine *m)
{
    nitro_simulator.pki_free(m->pki);
}

static inline struct selfsame_bytes
machine_quote(struct machine *m, uint64_t defects, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct tee_collected doc = { .evidence = BYTES_NONE };
    const struct sim_quote_request q = {
        .now_ms = test_now_s * 1000,
        .subject.defects = defects,
        .subject.measured = m->measured,
        .subject.measured_count = COUNT(m->measured),
        .nonce = BYTES_LIT("0123456789abcdef"),
        .report_data = BYTES_LIT("the binder"),
    };

    assert_code(nitro_simulator.quote(m->pki, &q, arena, &doc, &e), SELFSAME_OK, &e);
    return doc.evidence;
}

/* Any payload, under any protected header, signed by the machine's leaf. */
static inline struct selfsame_bytes
machine_sign(struct machine *m, struct selfsame_bytes protected_,
    struct selfsame_bytes payload, struct arena *arena)
{
    struct cose_sign1 s = { .protected_ = protected_, .payload = payload };
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes sig;
    uint8_t digest[HASH_MAX], *buf = arena_alloc(arena, 1, 2 * NITRO_DOC_MAX);
    struct writer w = writer_of(buf, 2 * NITRO_DOC_MAX);
    struct cose_tbs tbs;

    assert_non_null(buf);
    cose_sign1_tbs(&s, BYTES_NONE, &tbs);
    assert_true(hash_parts(HASH_SHA384, tbs.part, tbs.count, digest));
    assert_code(key_sign(m->pki->at[SIM_LEAF].key, HASH_SHA384,
                    BYTES(digest, NITRO_PCR_SIZE), arena, &sig, &e),
        SELFSAME_OK, &e);
    cose_sign1_put(&w, false, protected_, payload, sig);
    assert_false(w.bad);
    return writer_bytes(&w);
}

#define ES384_HEADER BYTES_LIT("\xa1\x01\x38\x22")

static inline struct selfsame_bytes
payload_of(struct selfsame_bytes doc)
{
    struct selfsame_err e = { .depth = 0 };
    struct cose_sign1 s;

    assert_code(cose_sign1_parse(doc, &s, &e), SELFSAME_OK, &e);
    return s.payload;
}

/* A copy of `in` in which the first `from` became `to`, of any lengths. */
static inline struct selfsame_bytes
replaced(struct selfsame_bytes in, struct selfsame_bytes from, struct selfsame_bytes to,
    struct arena *arena)
{
    uint8_t *buf = arena_alloc(arena, 1, in.len + to.len + 1);

    assert_non_null(buf);
    for (size_t i = 0; i + from.len <= in.len; i++) {
        if (!bytes_eq(BYTES(in.ptr + i, from.len), from))
            continue;
        struct writer w = writer_of(buf, in.len + to.len);
        put_bytes(&w, BYTES(in.ptr, i));
        put_bytes(&w, to);
        put_bytes(&w, BYTES(in.ptr + i + from.len, in.len - i - from.len));
        return writer_bytes(&w);
    }
    fail_msg("what should be replaced does not occur");
    return BYTES_NONE;
}

/* The time in MANIFEST.tsv ("verify at 1766650846") of real documents. */
struct real_document {
    const char *path;
    int64_t at;
    bool debug;
};
static const struct real_document real_documents[] = {
    { "vectors/nitro/evervault+attestation-doc-validation/valid-attestation-doc.cbor",
        1665651482, false },
    { "vectors/nitro/Dstack-TEE+dstack/attest-prod.cbor", 1766678659, false },
    { "vectors/nitro/marlinprotocol+oyster-monorepo/aws.cbor", 1734075478, false },
    { "vectors/nitro/evervault+attestation-doc-validation/"
      "from-cert-prod-2023-01-18.cbor",
        1674047239, false },
    { "vectors/nitro/evervault+attestation-doc-validation/"
      "debug-mode-attestation-doc.cbor",
        1665582606, true },
    { "vectors/nitro/evervault+attestation-doc-validation/"
      "from-cert-debug-2023-01-18.cbor",
        1674054632, true },
    { "vectors/nitro/evervault+attestation-doc-validation/"
      "ga-valid-attestation-doc.cbor",
        1695049410, true },
    { "vectors/nitro/Dstack-TEE+dstack/attest-debug.cbor", 1766650846, true },
    { "vectors/nitro/fortanix+rust-sgx/request_proper.cbor", 1631182760, true },
};

static inline struct selfsame_bytes
shared_pem(const char *path, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_bytes text = shared_file(path, arena), der = BYTES_NONE;

    assert_code(pem_next(&text, "CERTIFICATE", arena, &der, &e), SELFSAME_OK, &e);
    assert_non_null(der.ptr);
    return der;
}

#endif
