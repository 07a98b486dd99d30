/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"
#include "tee/shared/dcap_simulate.h"

/* Quotes of versions 3, 4 and 5, as dcap_quote.c reads them. */
enum { QE_ID = 16, HALF = 32, KEY = 64, BODY_AT_V5 = 54 };

/* Intel's, without which the format is not meant. */
static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
    0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

static void
put_le16(struct writer *w, uint64_t v)
{
    put_u8(w, (uint8_t)v);
    put_u8(w, (uint8_t)(v >> 8));
}

static void
put_header(struct writer *w, const struct dcap_setup *s)
{
    uint8_t id[QE_ID] = "SIMULATED"; /* in the place of the QE's id: it is signed */
    uint8_t whose[16];

    memcpy(whose, vendor, sizeof(whose));
    if (s->defects & DCAP_SIM_OTHER_VENDOR)
        whose[0] ^= 1;
    put_le16(w, s->version);
    put_le16(w, s->defects & SIM_WRONG_ALG ? 3 : 2);
    put_le32(w, (uint32_t)s->tee);
    put_le16(w, s->version == 3 ? s->qe_svn : 0);
    put_le16(w, s->version == 3 ? s->pce_svn : 0);
    put_bytes(w, BYTES_ARR(whose));
    put_bytes(w, BYTES_ARR(id));
    put_zeros(w, 4);
}

/* ---- bodies ---- */

void
dcap_sim_put_sgx_body(
    struct writer *w, const struct dcap_setup *s, struct selfsame_bytes data64)
{
    put_bytes(w, BYTES_ARR(s->cpu_svn));
    put_le32(w, (uint32_t)s->misc_select);
    put_u8(w, 0);
    put_u8(w, s->defects & SIM_RESERVED ? 1 : 0);
    put_zeros(w, 10);
    put_bytes(w, BYTES_ARR(s->ext_prod_id));
    put_le64(w, s->attributes);
    put_le64(w, s->xfrm);
    put_bytes(w, BYTES_ARR(s->mr_enclave));
    put_zeros(w, 32);
    put_bytes(w, BYTES_ARR(s->mr_signer));
    put_zeros(w, 32);
    put_bytes(w, BYTES_ARR(s->config_id));
    put_le16(w, s->isv_prod_id);
    put_le16(w, s->isv_svn);
    put_le16(w, s->config_svn);
    put_zeros(w, 42);
    put_bytes(w, BYTES_ARR(s->family_id));
    put_bytes(w, data64);
}

static void
put_tdx_body(struct writer *w, const struct dcap_setup *s, struct selfsame_bytes data64)
{
    put_bytes(w, BYTES_ARR(s->tee_tcb_svn));
    put_bytes(w, BYTES_ARR(s->mr_seam));
    put_bytes(w, BYTES_ARR(s->mr_signer_seam));
    put_bytes(w, BYTES_ARR(s->seam_attributes));
    put_le64(w, s->td_attributes);
    put_le64(w, s->xfam);
    put_bytes(w, BYTES_ARR(s->mr_td));
    put_bytes(w, BYTES_ARR(s->mr_config_id));
    put_bytes(w, BYTES_ARR(s->mr_owner));
    put_bytes(w, BYTES_ARR(s->mr_owner_config));
    for (size_t i = 0; i < 4; i++)
        put_bytes(w, BYTES_ARR(s->rtmr[i]));
    put_bytes(w, data64);
    if (s->kind != DCAP_BODY_TD15)
        return;
    put_bytes(w, BYTES_ARR(s->tee_tcb_svn2));
    put_bytes(w, BYTES_ARR(s->mr_service_td));
}

/* Header, what version 5 says of its body, body: what the attestation key signs. */
static void
put_signed(struct writer *w, const struct dcap_setup *s, struct selfsame_bytes data64)
{
    static const uint32_t size[] = { 0, DCAP_REPORT_SIZE, DCAP_TD10_SIZE,
        DCAP_TD15_SIZE };
    const bool wrong = (s->defects & DCAP_SIM_BODY_SIZE) != 0;

    put_header(w, s);
    if (s->version == 5) {
        put_le16(w, s->kind);
        put_le32(w, wrong ? size[s->kind] - 64 : size[s->kind]);
    }
    if (s->tee == DCAP_SGX)
        dcap_sim_put_sgx_body(w, s, data64);
    else
        put_tdx_body(w, s, data64);
}

/* ---- signatures ---- */

static enum selfsame_code
sign(const struct key *key, struct selfsame_bytes message, struct arena *arena,
    struct selfsame_bytes *ret_rs, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    if (!hash_bytes(HASH_SHA256, message, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return key_sign(key, HASH_SHA256, BYTES(digest, 32), arena, ret_rs, e);
}

/* s becomes n - s, which verifies as well (SEC 1 §4.1.4). */
static void
twin(uint8_t s[static HALF])
{
    static const uint8_t n[HALF] = { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e,
        0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
    unsigned borrow = 0;

    for (size_t i = HALF; i-- > 0;) {
        unsigned d = 0x100u + n[i] - s[i] - borrow;

        borrow = d < 0x100u;
        s[i] = (uint8_t)d;
    }
}

/* x || y of a key: what an uncompressed point ends with. */
static enum selfsame_code
point_of(const struct key *key, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct selfsame_bytes spki;

    TRY(key_spki(key, arena, &spki, e));
    *ret = BYTES(spki.ptr + spki.len - KEY, KEY);
    return SELFSAME_OK;
}

/* ---- the QE ---- */

static void
put_qe_report(
    struct writer *w, const struct dcap_setup *s, const uint8_t hash32[static 32])
{
    static const uint8_t of_nobody[32] = { 0xbe, 0xef };
    const bool debug = (s->defects & DCAP_SIM_DEBUG_QE) != 0;
    const bool foreign = (s->defects & DCAP_SIM_FOREIGN_QE) != 0;
    struct dcap_setup qe = { .tee = DCAP_SGX,
        .attributes = DCAP_FLAG_INIT | DCAP_FLAG_PROVISION_KEY |
                      (debug ? DCAP_FLAG_DEBUG : 0),
        .xfrm = 0xe7,
        .isv_prod_id = s->tee == DCAP_TDX ? 2 : 1,
        .isv_svn = s->qe_svn };
    uint8_t data64[64] = { 0 };

    memcpy(data64, hash32, 32);
    memcpy(qe.cpu_svn, s->cpu_svn, sizeof(qe.cpu_svn));
    memcpy(qe.mr_enclave, "selfsame-sim: a quoting enclave!", sizeof(qe.mr_enclave));
    memcpy(qe.mr_signer, foreign ? of_nobody : dcap_sim_qe_signer, 32);
    dcap_sim_put_sgx_body(w, &qe, BYTES_ARR(data64));
}

/* The hash by which the QE vouches for the key that signed. */
static enum selfsame_code
vouch(const struct sim_pki *p, const struct dcap_setup *s, struct selfsame_bytes auth,
    struct arena *arena, uint8_t ret[static HASH_MAX], struct selfsame_err *e)
{
    struct selfsame_bytes part[2] = { BYTES_NONE, auth };

    /* The QE always means its own; with a foreign key another one signs. */
    TRY(point_of(p->attestation, arena, &part[0], e));
    if (!hash_parts(HASH_SHA256, part, COUNT(part), ret))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (s->defects & DCAP_SIM_QE_HASH)
        memset(ret, 0, 32);
    return SELFSAME_OK;
}

/* ---- certification data ---- */

/* Types 1 to 3: which platform, so that its certificate can be looked up. */
static enum selfsame_code
platform_data(const struct dcap_setup *s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    static const size_t ppid_size[] = { 0, 16, 256, 384 };
    uint8_t *buf = arena_alloc(arena, 1, 512);
    struct writer w = writer_of(buf, 512);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    put_bytes(&w, BYTES_ARR(s->ppid)); /* types 2 and 3: where it is encrypted */
    put_zeros(&w, ppid_size[s->cert_type] - sizeof(s->ppid));
    put_bytes(&w, BYTES_ARR(s->cpu_svn));
    put_le16(&w, s->pce_svn);
    put_bytes(&w, BYTES_ARR(s->pceid));
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

static enum selfsame_code
chain_data(const struct dcap_setup *s, const struct dcap_sim_chain *c,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const bool signer = (s->defects & DCAP_SIM_SIGNER_AS_LEAF) != 0;
    const bool leafless = (s->defects & SIM_NO_LEAF) != 0;
    const struct selfsame_bytes leaf = signer ? c->signing : c->pck;
    char *pem[3] = { pem_encode("CERTIFICATE", leaf, arena),
        pem_encode("CERTIFICATE", c->ca, arena),
        pem_encode("CERTIFICATE", c->root, arena) };
    const char *first, *last, *all;

    if (pem[0] == NULL || pem[1] == NULL || pem[2] == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (leafless)
        pem[0][0] = '\0';
    first = s->root_first ? pem[2] : pem[0];
    last = s->root_first ? pem[0] : pem[2];
    all = arena_printf(arena, "%s%s%s", first, pem[1], last);
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret = BYTES((const uint8_t *)all, strlen(all) + (s->nul ? 1 : 0));
    return SELFSAME_OK;
}

static enum selfsame_code
certification(const struct dcap_setup *s, const struct dcap_sim_chain *c,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    if (s->cert_type <= 3)
        return platform_data(s, arena, ret, e);
    if (s->cert_type == 4) {
        *ret = c->pck;
        return SELFSAME_OK;
    }
    return chain_data(s, c, arena, ret, e);
}

/* ---- all of it ---- */

struct parts {
    struct selfsame_bytes signature, key, qe, qe_signature, auth, certs;
};

static void
put_qe_part(struct writer *w, const struct dcap_setup *s, const struct parts *q)
{
    const bool nested = (s->defects & DCAP_SIM_NESTED_LENGTH) != 0;

    put_bytes(w, q->qe);
    put_bytes(w, q->qe_signature);
    put_le16(w, q->auth.len);
    put_bytes(w, q->auth);
    put_le16(w, s->cert_type);
    put_le32(w, (uint32_t)q->certs.len + (nested ? 1 : 0));
    put_bytes(w, q->certs);
}

/* Signature data; version 3 has the QE's part in the open, the others in type 6. */
static void
put_signature_data(struct writer *w, const struct dcap_setup *s, const struct parts *q)
{
    const size_t inner = q->qe.len + q->qe_signature.len + 2 + q->auth.len + 6 +
                         q->certs.len;
    const size_t outer = s->version == 3 ? 0 : 6;

    put_le32(w, (uint32_t)(q->signature.len + q->key.len + outer + inner));
    put_bytes(w, q->signature);
    put_bytes(w, q->key);
    if (outer != 0) {
        put_le16(w, DCAP_CERT_QE_REPORT);
        put_le32(w, (uint32_t)inner);
    }
    put_qe_part(w, s, q);
    put_zeros(w, (size_t)s->trailer);
}

static enum selfsame_code
qe_of(const struct sim_pki *p, const struct dcap_setup *s, struct arena *arena,
    struct parts *q, struct selfsame_err *e)
{
    uint8_t *report = arena_alloc(arena, 1, DCAP_REPORT_SIZE);
    uint8_t *auth = arena_alloc(arena, 1, (size_t)s->auth_size + 1);
    struct writer w = writer_of(report, DCAP_REPORT_SIZE);
    const bool ca = (s->defects & SIM_CA_SIGNS) != 0;
    const bool signer = (s->defects & DCAP_SIM_SIGNER_AS_LEAF) != 0;
    uint8_t hash[HASH_MAX];

    if (report == NULL || auth == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    for (size_t i = 0; i < s->auth_size; i++)
        auth[i] = (uint8_t)i;
    q->auth = BYTES(auth, (size_t)s->auth_size);
    TRY(vouch(p, s, q->auth, arena, hash, e));
    put_qe_report(&w, s, hash);
    q->qe = writer_bytes(&w);
    return sign(p->key[ca       ? DCAP_SIM_CA
                       : signer ? DCAP_SIM_SIGNING
                                : DCAP_SIM_PCK],
        q->qe, arena, &q->qe_signature, e);
}

static enum selfsame_code
sign_quote(const struct sim_pki *p, const struct dcap_setup *s,
    struct selfsame_bytes message, struct arena *arena, struct parts *q,
    struct selfsame_err *e)
{
    const struct key *key = s->defects & DCAP_SIM_FOREIGN_KEY ? p->stranger
                                                              : p->attestation;
    uint8_t rs[2 * HALF];

    TRY(point_of(key, arena, &q->key, e));
    TRY(sign(key, message, arena, &q->signature, e));
    memcpy(rs, q->signature.ptr, sizeof(rs));
    if (s->twin)
        twin(rs + HALF);
    if (s->defects & SIM_BAD_SIGNATURE)
        rs[0] ^= 1;
    if (!arena_dup(arena, BYTES_ARR(rs), &q->signature))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    return SELFSAME_OK;
}

static enum selfsame_code
take_data(const struct dcap_setup *s, struct selfsame_bytes given,
    uint8_t ret[static 64], struct selfsame_err *e)
{
    if (given.len > 64)
        FAIL(e, SELFSAME_USAGE, "report data: expected at most 64 bytes, got %zu",
            given.len);
    memset(ret, 0, 64);
    if (given.len > 0)
        memcpy(ret, given.ptr, given.len);
    if (s->defects & SIM_WRONG_BINDING)
        ret[63] ^= 1;
    return SELFSAME_OK;
}

enum selfsame_code
dcap_sim_quote(const struct sim_pki *p, const struct dcap_setup *s,
    struct selfsame_bytes report_data, int64_t now_s, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const size_t cap = (1 << 14) + (size_t)(s->auth_size + s->trailer);
    uint8_t data64[64], *buf = arena_alloc(arena, 1, cap);
    struct writer w = writer_of(buf, cap);
    struct dcap_sim_chain chain;
    struct parts q = { .auth = BYTES_NONE };

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(take_data(s, report_data, data64, e));
    TRY(dcap_sim_chain_make(p, s, now_s, arena, &chain, e));
    put_signed(&w, s, BYTES_ARR(data64));
    TRY(sign_quote(p, s, writer_bytes(&w), arena, &q, e));
    TRY(qe_of(p, s, arena, &q, e));
    TRY(certification(s, &chain, arena, &q.certs, e));
    put_signature_data(&w, s, &q);
    if (w.bad)
        FAIL(e, SELFSAME_INTERNAL, "simulated quote: expected at most %zu bytes", cap);
    *ret = writer_bytes(&w);
    if (s->defects & SIM_TRUNCATED)
        ret->len -= (size_t)s->trailer + 1;
    return SELFSAME_OK;
}
