/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TESTS_TEE_DCAP_H
#define SELFSAME_TESTS_TEE_DCAP_H

#include "tee_dcap_pki.h"

/*
 * A world of Intel's shape with keys of our own: root, PCK CA, PCK, TCB signing, both
 * CRLs, TCB info, QE identity, and quotes of SGX and TDX, versions 3, 4 and 5. All of it
 * is made by OpenSSL and by hand, so that our readers are tested against another writer.
 *
 *   struct dcap_world *w = world_new(DCAP_TDX, 4);   sound, up to date at WORLD_NOW
 *   w->tcb.fmspc = "00906ED50000";                   what is to be wrong
 *   world_make(w);                                   everything made and signed anew
 *   world_trust(w, …)                                what dcap_verify wants
 *   world_free(w);
 *
 * What stands in no signed place is changed in w->quote, w->tcb_info … afterwards.
 */

/* ---- signed JSON ---- */

static inline char *
world_text(char *s)
{
    assert_non_null(s);
    return s;
}

static inline char *
world_components(struct dcap_world *w, const char *name, const int *svn)
{
    char *s = world_text(arena_printf(&w->arena, "\"%s\":[", name));

    for (size_t i = 0; i < 16; i++)
        s = world_text(
            arena_printf(&w->arena, "%s%s{\"svn\":%d}", s, i > 0 ? "," : "", svn[i]));
    return world_text(arena_printf(&w->arena, "%s]", s));
}

/* As version 2 of TCB infos, which is SGX's alone, writes them. */
static inline char *
world_components_v2(struct dcap_world *w, const int *svn)
{
    char *s = world_text(arena_printf(&w->arena, "%s", ""));

    for (size_t i = 0; i < 16; i++)
        s = world_text(arena_printf(&w->arena, "%s%s\"sgxtcbcomp%02zusvn\":%d", s,
            i > 0 ? "," : "", i + 1, svn[i]));
    return s;
}

enum levels_of { LEVELS_OF_SVN, LEVELS_OF_SGX, LEVELS_OF_TDX, LEVELS_V2 };
static inline char *
world_level_tcb(struct dcap_world *w, const struct level_spec *l, enum levels_of of)
{
    if (of == LEVELS_OF_SVN)
        return world_text(arena_printf(&w->arena, "\"isvsvn\":%d", l->svn));
    return world_text(arena_printf(&w->arena, "%s,\"pcesvn\":%d%s%s",
        of == LEVELS_V2 ? world_components_v2(w, l->sgx)
                        : world_components(w, "sgxtcbcomponents", l->sgx),
        l->svn, of == LEVELS_OF_TDX ? "," : "",
        of == LEVELS_OF_TDX ? world_components(w, "tdxtcbcomponents", l->tdx) : ""));
}

static inline char *
world_levels(struct dcap_world *w, const struct level_spec *l, enum levels_of of)
{
    char *s = world_text(arena_printf(&w->arena, "\"tcbLevels\":["));
    bool first = true;

    for (size_t i = 0; i < WORLD_LEVELS; i++, l++) {
        const bool advised = l->advisories != NULL;

        if (!l->used)
            continue;
        s = world_text(arena_printf(&w->arena,
            "%s%s{\"tcb\":{%s},\"tcbDate\":\"%s\",\"tcbStatus\":\"%s\"%s%s%s}", s,
            first ? "" : ",", world_level_tcb(w, l, of), l->date, l->status,
            advised ? ",\"advisoryIDs\":[" : "", advised ? l->advisories : "",
            advised ? "]" : ""));
        first = false;
    }
    return world_text(arena_printf(&w->arena, "%s]", s));
}

/* "name":value, or nothing. */
static inline char *
world_member(struct dcap_world *w, const char *name, const char *value)
{
    if (value == NULL)
        return world_text(arena_printf(&w->arena, "%s", ""));
    return world_text(arena_printf(&w->arena, "\"%s\":%s,", name, value));
}

static inline const char *
world_tcb_inner(struct dcap_world *w)
{
    const struct tcb_spec *t = &w->tcb;

    if (t->inner != NULL)
        return t->inner;
    const enum levels_of of = t->version == 2             ? LEVELS_V2
                              : strcmp(t->id, "TDX") == 0 ? LEVELS_OF_TDX
                                                          : LEVELS_OF_SGX;
    const char *id = arena_printf(&w->arena, "\"%s\"", t->id);
    return world_text(arena_printf(&w->arena,
        "{%s\"version\":%d,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
        "\"fmspc\":\"%s\",\"pceId\":\"%s\",\"tcbType\":%d,"
        "\"tcbEvaluationDataNumber\":%d,%s%s%s}",
        world_member(w, "id", of == LEVELS_V2 ? NULL : id), t->version, t->issue,
        t->next, t->fmspc, t->pceid, t->type, t->evaluation,
        world_member(w, "tdxModule", t->module),
        world_member(w, "tdxModuleIdentities", t->modules),
        world_levels(w, t->level, of)));
}

static inline const char *
world_identity_inner(struct dcap_world *w)
{
    const struct identity_spec *q = &w->identity;

    if (q->inner != NULL)
        return q->inner;
    return world_text(arena_printf(&w->arena,
        "{\"id\":\"%s\",\"version\":%d,\"issueDate\":\"%s\",\"nextUpdate\":\"%s\","
        "\"tcbEvaluationDataNumber\":%d,\"miscselect\":\"%s\","
        "\"miscselectMask\":\"%s\",\"attributes\":\"%s\",\"attributesMask\":\"%s\","
        "\"mrsigner\":\"%s\",\"isvprodid\":%d,%s}",
        q->id, q->version, q->issue, q->next, q->evaluation, q->misc, q->misc_mask,
        q->attributes, q->attributes_mask, q->mr_signer, q->isv_prod_id,
        world_levels(w, q->level, LEVELS_OF_SVN)));
}

/* {"tcbInfo":…,"signature":"…"} */
static inline struct selfsame_bytes
world_answer(
    struct dcap_world *w, const char *member, const char *inner, EVP_PKEY *signer)
{
    uint8_t rs[64];
    char hex[129];

    world_sign(signer, bytes_str(inner), rs);
    hex_encode(BYTES_ARR(rs), hex);
    return bytes_str(world_text(arena_printf(
        &w->arena, "{\"%s\":%s,\"signature\":\"%s\"}", member, inner, hex)));
}

/* ---- quotes ---- */

static inline size_t
world_body_size(enum dcap_body kind)
{
    return kind == DCAP_BODY_SGX    ? DCAP_REPORT_SIZE
           : kind == DCAP_BODY_TD10 ? DCAP_TD10_SIZE
                                    : DCAP_TD15_SIZE;
}

struct quote_text {
    uint8_t *at;
    size_t len, cap;
};
static inline void
quote_put(struct quote_text *t, const void *p, size_t len)
{
    must(t->len + len <= t->cap);
    if (len > 0)
        memcpy(t->at + t->len, p, len);
    t->len += len;
}

static inline void
quote_le(struct quote_text *t, uint64_t v, size_t size)
{
    uint8_t le[8];

    put_le(le, v, size);
    quote_put(t, le, size);
}

/* The QE's part: report, signature, authentication data, certification data. */
static inline void
world_put_qe(struct dcap_world *w, struct quote_text *t, const uint8_t key[static 64])
{
    struct quote_spec *q = &w->quote_spec;
    struct selfsame_bytes certs = q->cert_data;
    uint8_t rs[64];

    if (certs.ptr == NULL)
        certs = w->pck_chain;
    if (!q->keep_qe_data) {
        memset(q->qe + 320, 0, 64);
        world_sha256(key, 64, q->auth, q->auth_len, q->qe + 320);
    }
    w->qe_at = t->len;
    quote_put(t, q->qe, sizeof(q->qe));
    world_sign(q->qe_signer != NULL ? q->qe_signer : w->pck_key, BYTES_ARR(q->qe), rs);
    quote_put(t, rs, sizeof(rs));
    quote_le(t, q->auth_len, 2);
    quote_put(t, q->auth, q->auth_len);
    w->cert_at = t->len;
    quote_le(t, q->cert_type, 2);
    quote_le(t, certs.len, 4);
    quote_put(t, certs.ptr, certs.len);
}

static inline void
world_put_signed(const struct quote_spec *q, struct quote_text *t)
{
    const size_t size = world_body_size(q->kind);
    uint8_t header[48];

    memcpy(header, q->header, sizeof(header));
    put_le(header, q->version, 2);
    if (q->version > 3)
        put_le(header + 4, q->tee, 4);
    quote_put(t, header, sizeof(header));
    if (q->version == 5) {
        quote_le(t, q->body_type >= 0 ? (uint64_t)q->body_type : (uint64_t)q->kind, 2);
        quote_le(t, q->body_size >= 0 ? (uint64_t)q->body_size : size, 4);
    }
    quote_put(t, q->body, size);
}

static inline void
world_make_quote(struct dcap_world *w)
{
    struct quote_spec *q = &w->quote_spec;
    struct quote_text t = { arena_alloc(&w->arena, 1, 1 << 17), 0, 1 << 17 };
    EVP_PKEY *signer = q->signer != NULL ? q->signer : w->att_key;
    uint8_t rs[64], key[64];

    assert_non_null(t.at);
    world_put_signed(q, &t);
    world_sign(signer, BYTES(t.at, t.len), rs);
    world_point(signer, key);
    const size_t length_at = t.len;
    quote_le(&t, 0, 4);
    w->signature_at = t.len;
    quote_put(&t, rs, sizeof(rs));
    quote_put(&t, key, sizeof(key));
    w->outer_at = t.len;
    if (q->version > 3) {
        quote_le(&t, q->outer_type, 2);
        quote_le(&t, 0, 4);
    }
    world_put_qe(w, &t, key);
    put_le(t.at + length_at, t.len - length_at - 4, 4);
    if (q->version > 3)
        put_le(t.at + w->outer_at + 2, t.len - w->outer_at - 6, 4);
    w->quote = BYTES(t.at, t.len);
}

/* ---- the whole world ---- */

static inline void
world_make_chain(struct dcap_world *w)
{
    const struct quote_spec *q = &w->quote_spec;
    const struct selfsame_bytes all[] = { w->pck, w->ca, w->root, w->signing };
    struct selfsame_bytes pem = BYTES_LIT("");

    for (size_t i = 0; i < q->chain_count; i++)
        pem = q->chain_reversed ? world_append(w, world_pem(w, all[i]), pem)
                                : world_append(w, pem, world_pem(w, all[i]));
    w->pck_chain = q->chain_nul ? world_append(w, pem, BYTES_LIT("\0")) : pem;
}

static inline void
world_make_pki(struct dcap_world *w)
{
    w->ca_spec.cn = w->pck_spec.platform ? "Intel SGX PCK Platform CA"
                                         : "Intel SGX PCK Processor CA";
    w->root = world_cert(
        w, &w->root_spec, w->root_key, BYTES_NONE, w->root_key, BYTES_NONE);
    w->ca = world_cert(w, &w->ca_spec, w->ca_key, w->root, w->root_key, BYTES_NONE);
    w->pck = world_cert(
        w, &w->pck_spec.cert, w->pck_key, w->ca, w->ca_key, world_sgx_extension(w));
    w->signing = world_cert(
        w, &w->signing_spec, w->signing_key, w->root, w->root_key, BYTES_NONE);
    w->root_crl = world_crl(w, &w->root_crl_spec, w->root, w->root_key);
    w->pck_crl = world_crl(w, &w->pck_crl_spec, w->ca, w->ca_key);
    w->signing_chain = world_append(w, world_pem(w, w->signing), world_pem(w, w->root));
    w->ca_chain = world_append(w, world_pem(w, w->ca), world_pem(w, w->root));
    w->anchor = (struct tee_anchor){
        .tee = w->quote_spec.tee == DCAP_TDX ? "tdx" : "sgx", .der = w->root
    };
}

/* Of signed JSON, by the world's TCB signing key unless the spec names another. */
static inline void
world_make_json(struct dcap_world *w)
{
    w->tcb_info = world_answer(w, "tcbInfo", world_tcb_inner(w),
        w->tcb.signer != NULL ? w->tcb.signer : w->signing_key);
    w->qe_identity = world_answer(w, "enclaveIdentity", world_identity_inner(w),
        w->identity.signer != NULL ? w->identity.signer : w->signing_key);
}

static inline void
world_make(struct dcap_world *w)
{
    world_make_pki(w);
    world_make_json(w);
    world_make_chain(w);
    world_make_quote(w);
}

/* Everything a verifier wants to know, in w->pieces; pins our root. */
static inline struct tee_trust
world_trust(struct dcap_world *w)
{
    const struct selfsame_bytes pieces[WORLD_PIECES] = { w->tcb_info, w->qe_identity,
        w->signing_chain, w->pck_crl, w->ca_chain, w->root_crl };

    memcpy(w->pieces, pieces, sizeof(pieces));
    return (struct tee_trust){
        .now_s = WORLD_NOW,
        .anchors = &w->anchor,
        .anchor_count = 1,
        .any_anchor = true,
        .collateral = w->pieces,
        .collateral_count = WORLD_PIECES,
    };
}

/* ---- what is usual ---- */

#define WORLD_QE_SIGNER \
    "8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff"
#define WORLD_TD_QE_SIGNER \
    "dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5"
#define WORLD_ZERO48                                   \
    "000000000000000000000000000000000000000000000000" \
    "000000000000000000000000000000000000000000000000"
/* Of a TDX module: number, levels. */
#define WORLD_MODULE(id, levels)                                                      \
    "{\"id\":\"" id "\",\"mrsigner\":\"" WORLD_ZERO48                                 \
    "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"," \
    "\"tcbLevels\":[" levels "]}"
#define WORLD_SVN(svn, date, status)                                    \
    "{\"tcb\":{\"isvsvn\":" svn "},\"tcbDate\":\"" date "T00:00:00Z\"," \
    "\"tcbStatus\":\"" status "\"}"

static inline struct tcb_spec
world_usual_tcb(bool tdx)
{
    return (struct tcb_spec){
        .id = tdx ? "TDX" : "SGX",
        .version = 3,
        .issue = "2026-05-20T00:00:00Z",
        .next = "2026-06-19T00:00:00Z",
        .fmspc = "50806F000000",
        .pceid = "0000",
        .evaluation = 18,
        .module = tdx ? "{\"mrsigner\":\"" WORLD_ZERO48
                        "\",\"attributes\":\"0000000000000000\","
                        "\"attributesMask\":\"FFFFFFFFFFFFFFFF\"}"
                      : NULL,
        .modules = tdx ? "[" WORLD_MODULE(
                             "TDX_03", WORLD_SVN("3", "2025-11-12",
                                           "UpToDate")) "," WORLD_MODULE("TDX_01",
                             WORLD_SVN("5", "2025-11-12", "UpToDate") "," WORLD_SVN(
                                 "2", "2024-03-13", "OutOfDate")) "]"
                       : NULL,
        .level = { { .used = true,
                       .sgx = { 7, 9, 3, 3, 255, 1 },
                       .tdx = { 5, 0, 6 },
                       .svn = 13,
                       .date = "2025-11-12T00:00:00Z",
                       .status = "UpToDate" },
            { .used = true,
                .sgx = { 6, 9, 3, 3, 255, 1 },
                .tdx = { 4, 0, 5 },
                .svn = 11,
                .date = "2024-03-13T00:00:00Z",
                .status = "OutOfDate",
                .advisories = "\"INTEL-SA-00960\",\"INTEL-SA-00982\"" },
            { .used = true,
                .sgx = { 4, 4, 3, 3, 255, 1 },
                .tdx = { 2, 0, 2 },
                .svn = 5,
                .date = "2018-01-04T00:00:00Z",
                .status = "Revoked",
                .advisories = "\"INTEL-SA-00106\"" } },
    };
}

static inline struct identity_spec
world_usual_identity(bool tdx)
{
    return (struct identity_spec){
        .id = tdx ? "TD_QE" : "QE",
        .version = 2,
        .issue = "2026-05-21T00:00:00Z",
        .next = "2026-06-20T00:00:00Z",
        .evaluation = 18,
        .misc = "00000000",
        .misc_mask = "FFFFFFFF",
        .attributes = "11000000000000000000000000000000",
        .attributes_mask = "FBFFFFFFFFFFFFFF0000000000000000",
        .mr_signer = tdx ? WORLD_TD_QE_SIGNER : WORLD_QE_SIGNER,
        .isv_prod_id = tdx ? 2 : 1,
        .level = { { .used = true,
                       .svn = 8,
                       .date = "2025-11-12T00:00:00Z",
                       .status = "UpToDate" },
            { .used = true,
                .svn = 6,
                .date = "2021-11-10T00:00:00Z",
                .status = "OutOfDate",
                .advisories = "\"INTEL-SA-00615\"" } },
    };
}

static inline void
world_fill_body(struct quote_spec *q)
{
    uint8_t *b = q->body;

    if (q->kind == DCAP_BODY_SGX) {
        memset(b, 0x07, 16);
        b[48] = DCAP_FLAG_INIT | DCAP_FLAG_MODE64BIT;
        b[56] = 0xe7;
        memset(b + 64, 0xa1, 32);  /* MRENCLAVE */
        memset(b + 128, 0xa2, 32); /* MRSIGNER */
        b[256] = 7;                /* product */
        b[258] = 3;                /* SVN */
        memset(b + 320, 0xda, 64);
        return;
    }
    b[0] = 5; /* TDX module TDX_01, SVN 5 */
    b[1] = 1;
    b[2] = 6;
    memset(b + 16, 0xb1, 48); /* MRSEAM */
    b[123] = 0x10;            /* SEPT_VE_DISABLE */
    b[128] = 0xe7;
    b[129] = 0x02;
    b[130] = 0x06;
    memset(b + 136, 0xb2, 48); /* MRTD */
    for (size_t i = 0; i < 3; i++)
        memset(b + 328 + 48 * i, 0xc0 + (int)i, 48);
    memset(b + 520, 0xda, 64);
    if (q->kind == DCAP_BODY_TD15)
        memcpy(b + 584, b, 16); /* tee_tcb_svn2 */
}

static inline void
world_fill_quote(
    struct dcap_world *w, enum dcap_tee tee, uint16_t version, enum dcap_body kind)
{
    static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
        0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
    struct quote_spec *q = &w->quote_spec;
    const bool tdx = tee == DCAP_TDX;
    size_t len = 0;

    *q = (struct quote_spec){ .version = version,
        .tee = tee,
        .kind = kind,
        .auth_len = 32,
        .cert_type = DCAP_CERT_PCK_CHAIN,
        .outer_type = DCAP_CERT_QE_REPORT,
        .body_type = -1,
        .body_size = -1,
        .chain_count = 3 };
    q->header[2] = 2;
    memcpy(q->header + 12, vendor, sizeof(vendor));
    memset(q->header + 28, 0x1d, 16);
    world_fill_body(q);
    memset(q->qe, 0x07, 16);
    q->qe[48] = DCAP_FLAG_INIT | DCAP_FLAG_PROVISION_KEY;
    q->qe[56] = 0xe7;
    memset(q->qe + 64, 0x9e, 32);
    must(hex_decode(
        tdx ? WORLD_TD_QE_SIGNER : WORLD_QE_SIGNER, 64, q->qe + 128, 32, &len));
    q->qe[256] = tdx ? 2 : 1;
    q->qe[258] = 8;
    for (size_t i = 0; i < 32; i++)
        q->auth[i] = (uint8_t)i;
}

static inline void
world_fill_pki(struct dcap_world *w)
{
    static const uint8_t fmspc[6] = { 0x50, 0x80, 0x6f };
    static const int components[16] = { 7, 9, 3, 3, 255, 1 };

    w->root_spec = (struct cert_spec){
        .cn = "Intel SGX Root CA", .serial = 1, .ca = true, .path_len = 1
    };
    w->ca_spec = (struct cert_spec){ .serial = 2, .ca = true };
    w->signing_spec = (struct cert_spec){ .cn = "Intel SGX TCB Signing", .serial = 3 };
    w->pck_spec = (struct pck_spec){
        .cert = { .cn = "Intel SGX PCK Certificate", .serial = 4 },
        .pce_svn = 13,
    };
    memset(w->pck_spec.ppid, 0x99, 16);
    memset(w->pck_spec.cpu_svn, 0x07, 16);
    memset(w->pck_spec.instance_id, 0x71, 16);
    memcpy(w->pck_spec.fmspc, fmspc, sizeof(fmspc));
    memcpy(w->pck_spec.component, components, sizeof(components));
    w->root_crl_spec = (struct crl_spec){ .from = -30, .to = 300 };
    w->pck_crl_spec = (struct crl_spec){ .from = -3, .to = 27 };
}

/* kind 0: the usual one of that TEE and version. */
static inline struct dcap_world *
world_new_of(enum dcap_tee tee, uint16_t version, int kind)
{
    struct dcap_world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    if (kind == 0)
        kind = tee == DCAP_SGX ? (int)DCAP_BODY_SGX
                               : (int)(version == 5 ? DCAP_BODY_TD15 : DCAP_BODY_TD10);
    w->arena = arena_new(64 << 20);
    EVP_PKEY **const keys[] = { &w->root_key, &w->ca_key, &w->pck_key, &w->signing_key,
        &w->att_key, &w->other_key };
    for (size_t i = 0; i < COUNT(keys); i++)
        assert_non_null(*keys[i] = EVP_EC_gen("P-256"));
    w->tcb = world_usual_tcb(tee == DCAP_TDX);
    w->identity = world_usual_identity(tee == DCAP_TDX);
    world_fill_pki(w);
    world_fill_quote(w, tee, version, (enum dcap_body)kind);
    world_make(w);
    return w;
}

static inline struct dcap_world *
world_new(enum dcap_tee tee, uint16_t version)
{
    return world_new_of(tee, version, 0);
}

static inline void
world_free(struct dcap_world *w)
{
    EVP_PKEY_free(w->root_key);
    EVP_PKEY_free(w->ca_key);
    EVP_PKEY_free(w->pck_key);
    EVP_PKEY_free(w->signing_key);
    EVP_PKEY_free(w->att_key);
    EVP_PKEY_free(w->other_key);
    arena_free(&w->arena);
    free(w);
}

#endif
