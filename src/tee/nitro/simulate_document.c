/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "tee/nitro/simulate_internal.h"

enum { FIXED_PCRS = 16, BREAK = 0xff, OPEN_MAP = 0xbf };

static const uint8_t es384[] = { 0xa1, 0x01, 0x38, 0x22 }; /* {1: -35} */
static const uint8_t es256[] = { 0xa1, 0x01, 0x26 };       /* {1: -7} */

/* PCR4 is the parent instance's id, PCR3 its role: none here (README.md). */
enum selfsame_code
sim_registers_init(struct sim_registers *r, const struct sim_pki *p,
    const struct sim_subject *subject, struct selfsame_err *e)
{
    struct sim_registers out = { .locked = (1u << FIXED_PCRS) - 1 };

    if (!nitro_pcr_extend(out.pcr[4], bytes_str(p->instance)))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    for (size_t i = 0; i < subject->measured_count; i++) {
        const struct claim *c = &subject->measured[i];
        unsigned index;

        if (!nitro_pcr_index(c->path, &index))
            continue;
        if (c->kind != CLAIM_BYTES || c->bytes.len != NITRO_PCR_SIZE)
            FAIL(e, SELFSAME_USAGE, "%s: expected %d bytes, got %zu", c->path,
                NITRO_PCR_SIZE, c->bytes.len);
        memcpy(out.pcr[index], c->bytes.ptr, NITRO_PCR_SIZE);
        out.locked |= 1u << index;
    }
    static const unsigned zeroed[] = { 0, 1, 2, 8 };
    for (size_t i = 0; subject->defects & SIM_DEBUG && i < COUNT(zeroed); i++)
        memset(out.pcr[zeroed[i]], 0, NITRO_PCR_SIZE);
    *r = out;
    return SELFSAME_OK;
}

static void
open_map(struct writer *w, uint64_t defects, uint64_t pairs)
{
    if (defects & SIM_INDEFINITE)
        put_u8(w, OPEN_MAP);
    else
        cbor_put_map(w, pairs);
}

static void
close_map(struct writer *w, uint64_t defects)
{
    if (defects & SIM_INDEFINITE)
        put_u8(w, BREAK);
}

static void
put_pcrs(struct writer *w, const struct sim_document *d)
{
    uint32_t mask = d->registers->locked;
    size_t size = d->defects & SIM_SHORT_PCR ? 32 : NITRO_PCR_SIZE;

    cbor_put_str(w, d->defects & SIM_NITROTPM ? "nitrotpm_pcrs" : "pcrs");
    open_map(w, d->defects, (uint64_t)__builtin_popcount(mask));
    for (unsigned i = 0; i < NITRO_PCRS; i++)
        if (mask & 1u << i) {
            cbor_put_uint(w, i);
            cbor_put_bytes(w, BYTES(d->registers->pcr[i], size));
        }
    close_map(w, d->defects);
}

/* The root stands first, the certificate above the signing one last. */
static void
put_certificates(struct writer *w, const struct sim_pki *p, uint64_t defects)
{
    enum sim_level signer = defects & SIM_CA_SIGNS ? SIM_INSTANCE : SIM_LEAF;

    cbor_put_str(w, "certificate");
    cbor_put_bytes(w, sim_cert_der(p, signer));
    cbor_put_str(w, "cabundle");
    cbor_put_array(w, signer);
    for (enum sim_level i = SIM_ROOT; i < signer; i++)
        cbor_put_bytes(
            w, sim_cert_der(p, defects & SIM_WRONG_ORDER ? signer - 1 - i : i));
}

static void
put_field(struct writer *w, const char *key, struct selfsame_bytes b, bool spoil)
{
    cbor_put_str(w, key);
    if (b.ptr == NULL) {
        cbor_put_null(w);
        return;
    }
    size_t at = w->len;
    cbor_put_bytes(w, b);
    /* Another value of the same length: its last bit differs. */
    if (spoil && b.len > 0 && !w->bad && w->len > at)
        w->ptr[w->len - 1] ^= 1;
}

/* The order of real devices; README.md, "Evidence layout". */
static void
put_payload(struct writer *w, const struct sim_pki *p, const struct sim_document *d)
{
    uint64_t x = d->defects;

    open_map(w, x, x & SIM_DUPLICATE_KEY ? 10 : 9);
    cbor_put_str(w, "module_id");
    cbor_put_str(w, p->module_id);
    cbor_put_str(w, "digest");
    cbor_put_str(w, "SHA384");
    cbor_put_str(w, "timestamp");
    cbor_put_uint(w, (uint64_t)sim_timestamp(d->now_ms, x));
    put_pcrs(w, d);
    put_certificates(w, p, x);
    put_field(w, "public_key", d->public_key, false);
    put_field(w, "user_data", d->user_data, x & SIM_WRONG_BINDING);
    put_field(
        w, "nonce", x & SIM_NO_NONCE ? BYTES_NONE : d->nonce, x & SIM_WRONG_NONCE);
    if (x & SIM_DUPLICATE_KEY)
        put_field(w, "user_data", d->user_data, true);
    close_map(w, x);
}

static struct selfsame_bytes
protected_of(uint64_t defects)
{
    if (defects & SIM_UNPROTECTED_ALG)
        return (struct selfsame_bytes){ es384, 0 };
    return defects & SIM_WRONG_ALG ? BYTES_ARR(es256) : BYTES_ARR(es384);
}

static enum selfsame_code
sign(const struct key *k, struct selfsame_bytes protected_,
    struct selfsame_bytes payload, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct cose_sign1 s = { .protected_ = protected_, .payload = payload };
    uint8_t digest[HASH_MAX];
    struct cose_tbs tbs;

    cose_sign1_tbs(&s, BYTES_NONE, &tbs);
    if (!hash_parts(HASH_SHA384, tbs.part, tbs.count, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return key_sign(k, HASH_SHA384, BYTES(digest, NITRO_PCR_SIZE), arena, ret, e);
}

/* As cose_sign1_put(), but with alg where it is not signed. */
static void
put_unprotected(
    struct writer *w, struct selfsame_bytes payload, struct selfsame_bytes sig)
{
    cbor_put_array(w, 4);
    cbor_put_bytes(w, BYTES_NONE);
    put_bytes(w, BYTES_ARR(es384));
    cbor_put_bytes(w, payload);
    cbor_put_bytes(w, sig);
}

static enum selfsame_code
put_document(struct writer *w, const struct sim_pki *p, const struct sim_document *d,
    struct arena *arena, struct selfsame_err *e)
{
    uint8_t *buf = arena_alloc(arena, 1, NITRO_PAYLOAD_MAX), flipped[NITRO_SIG_SIZE];
    struct writer payload = writer_of(buf, NITRO_PAYLOAD_MAX);
    struct selfsame_bytes head = protected_of(d->defects), sig;
    enum sim_level signer = d->defects & SIM_CA_SIGNS ? SIM_INSTANCE : SIM_LEAF;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    put_payload(&payload, p, d);
    if (payload.bad)
        FAIL(e, SELFSAME_USAGE, "payload: expected at most %d bytes, got %zu",
            NITRO_PAYLOAD_MAX, payload.need);
    TRY(sign(p->at[signer].key, head, writer_bytes(&payload), arena, &sig, e));
    if (d->defects & SIM_BAD_SIGNATURE) {
        memcpy(flipped, sig.ptr, sizeof(flipped));
        flipped[NITRO_SIG_SIZE - 1] ^= 1;
        sig = BYTES_ARR(flipped);
    }
    if (d->defects & SIM_UNPROTECTED_ALG)
        put_unprotected(w, writer_bytes(&payload), sig);
    else
        cose_sign1_put(w, d->defects & SIM_TAGGED, head, writer_bytes(&payload), sig);
    if (d->defects & SIM_TRAILING_BYTE)
        put_u8(w, 0);
    return SELFSAME_OK;
}

enum {
    CERTIFICATE_DEFECTS = SIM_EXPIRED | SIM_FUTURE | SIM_BAD_CHAIN_SIGNATURE |
                          SIM_OTHER_ROOT
};

enum selfsame_code
sim_document_make(struct sim_pki *p, const struct sim_document *d, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct sim_pki *spoilt = NULL;
    uint8_t *buf = arena_alloc(arena, 1, NITRO_DOC_MAX);
    struct writer w = writer_of(buf, NITRO_DOC_MAX);
    int64_t now_s = d->now_ms / 1000;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(sim_pki_refresh(p, now_s, e));
    if (d->defects & CERTIFICATE_DEFECTS)
        TRY(sim_pki_spoil(p, now_s, d->defects, &spoilt, e));
    enum selfsame_code code = put_document(
        &w, spoilt != NULL ? spoilt : p, d, arena, e);
    sim_pki_free(spoilt);
    if (code != SELFSAME_OK)
        return code;
    if (w.bad)
        FAIL(e, SELFSAME_INTERNAL, "simulated document: it does not fit");
    struct selfsame_bytes doc = writer_bytes(&w);
    if (d->defects & SIM_TRUNCATED)
        doc.len -= NITRO_SIG_SIZE / 2;
    *ret = doc;
    return SELFSAME_OK;
}
