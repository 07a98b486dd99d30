/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TESTS_TEE_DCAP_PKI_H
#define SELFSAME_TESTS_TEE_DCAP_PKI_H

#include "test.h"

#include "tee/shared/dcap.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/*
 * The types of tee_dcap.h, and what has keys in it: signatures, certificates, CRLs.
 */
enum { WORLD_NOW = 1780000000, WORLD_DAY = 86400 }; /* 2026-05-28T20:26:40Z */
enum { WORLD_PIECES = 6, WORLD_LEVELS = 6 };

/* How a certificate differs from Intel's usual shape; zero: it does not. */
struct cert_spec {
    const char *cn;
    long serial, from, to; /* days around WORLD_NOW; 0, 0: -100, 100 */
    bool ca, no_usage, no_basic;
    int path_len;     /* of a CA */
    EVP_PKEY *signer; /* NULL: the one that belongs there */
    EVP_PKEY *key;
};
/* The SGX extension of the PCK certificate (OID 1.2.840.113741.1.13.1). */
struct pck_spec {
    struct cert_spec cert;
    uint8_t ppid[16], cpu_svn[16], pceid[2], fmspc[6], instance_id[16];
    int component[16]; /* -1: left out; over 255: written so */
    long pce_svn;
    int sgx_type;
    bool platform; /* below the Platform CA, with members 6 and 7 */
    bool configuration[3];
    unsigned skip, twice;      /* bit n: member .n is left out, is there twice */
    struct selfsame_bytes raw; /* instead of all this */
};
struct crl_spec {
    long from, to;    /* days; to 0: without nextUpdate */
    long revoked;     /* a serial number, 0: none */
    EVP_PKEY *signer; /* NULL: the issuer */
    const char *cn;   /* of the issuer; NULL: the right one */
};
struct level_spec {
    bool used;
    int sgx[16], tdx[16]; /* components */
    int svn;              /* pcesvn, or isvsvn */
    const char *date, *status;
    const char *advisories; /* "\"INTEL-SA-00615\",…"; NULL: the member is absent */
};
struct tcb_spec {
    const char *id, *issue, *next, *fmspc, *pceid;
    int version, type, evaluation;
    const char *module, *modules; /* as JSON; NULL: absent */
    struct level_spec level[WORLD_LEVELS];
    const char *inner; /* instead of all this */
    EVP_PKEY *signer;
};
struct identity_spec {
    const char *id, *issue, *next, *misc, *misc_mask, *attributes, *attributes_mask,
        *mr_signer;
    int version, evaluation, isv_prod_id;
    struct level_spec level[WORLD_LEVELS];
    const char *inner;
    EVP_PKEY *signer;
};
struct quote_spec {
    uint16_t version;
    enum dcap_tee tee;
    enum dcap_body kind;
    uint8_t header[48]; /* version and TEE type are put in */
    uint8_t body[DCAP_TD15_SIZE];
    uint8_t qe[DCAP_REPORT_SIZE];
    uint8_t auth[64];
    size_t auth_len;
    bool keep_qe_data;        /* report data of the QE as it stands in `qe` */
    uint16_t cert_type;       /* 5 */
    uint16_t outer_type;      /* 6 */
    int body_type, body_size; /* what version 5 says of its body; -1: the truth */
    struct selfsame_bytes cert_data; /* absent: the chain as PEM */
    size_t chain_count;              /* 3: leaf, CA, root */
    bool chain_reversed, chain_nul;
    EVP_PKEY *qe_signer, *signer; /* NULL: PCK, attestation key */
};

struct dcap_world {
    EVP_PKEY *root_key, *ca_key, *pck_key, *signing_key, *att_key, *other_key;
    struct arena arena;
    struct cert_spec root_spec, ca_spec, signing_spec;
    struct pck_spec pck_spec;
    struct crl_spec root_crl_spec, pck_crl_spec;
    struct tcb_spec tcb;
    struct identity_spec identity;
    struct quote_spec quote_spec;
    /* what world_make makes of that, in the arena and writable */
    struct selfsame_bytes root, ca, pck, signing;             /* DER */
    struct selfsame_bytes root_crl, pck_crl;                  /* DER */
    struct selfsame_bytes tcb_info, qe_identity;              /* whole answers of PCS */
    struct selfsame_bytes signing_chain, ca_chain, pck_chain; /* PEM, leaf first */
    struct selfsame_bytes quote;
    size_t signature_at, outer_at, qe_at,
        cert_at; /* in the quote: r, type 6, QE, type 5 */
    struct tee_anchor anchor;
    struct selfsame_bytes pieces[WORLD_PIECES];
};

/* ---- small things ---- */

static inline void
must(bool ok)
{
    assert_true(ok);
}

static inline struct selfsame_bytes
world_keep(struct arena *a, const void *ptr, size_t len)
{
    struct selfsame_bytes b = BYTES_NONE;

    must(arena_dup(a, BYTES(ptr, len), &b));
    return b;
}

static inline void
put_le(uint8_t *at, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* The bytes of something in the world, to be changed. */
static inline uint8_t *
world_at(struct selfsame_bytes b, size_t offset)
{
    must(offset < b.len);
    return (uint8_t *)(uintptr_t)b.ptr + offset;
}

/* The text with the first `old` replaced; it must be there. */
static inline struct selfsame_bytes
world_swap(
    struct dcap_world *w, struct selfsame_bytes text, const char *old, const char *new)
{
    char *s = arena_str(&w->arena, text);

    assert_non_null(s);
    char *at = strstr(s, old);
    assert_non_null(at);
    char *r = arena_printf(
        &w->arena, "%.*s%s%s", (int)(at - s), s, new, at + strlen(old));
    assert_non_null(r);
    return bytes_str(r);
}

static inline struct selfsame_bytes
world_append(struct dcap_world *w, struct selfsame_bytes a, struct selfsame_bytes b)
{
    uint8_t *p = arena_alloc(&w->arena, 1, a.len + b.len + 1);

    assert_non_null(p);
    memcpy(p, a.ptr, a.len);
    if (b.len > 0)
        memcpy(p + a.len, b.ptr, b.len);
    return BYTES(p, a.len + b.len);
}

static inline struct selfsame_bytes
world_pem(struct dcap_world *w, struct selfsame_bytes der)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    must(PEM_write_bio(bio, "CERTIFICATE", "", der.ptr, (long)der.len) > 0);
    long len = BIO_get_mem_data(bio, &text);
    struct selfsame_bytes ret = world_keep(&w->arena, text, (size_t)len);
    BIO_free(bio);
    return ret;
}

/* r || s over the SHA-256 of the message. */
static inline void
world_sign(EVP_PKEY *key, struct selfsame_bytes message, uint8_t ret[static 64])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[128];
    size_t len = sizeof(der);
    const uint8_t *p = der;

    must(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
    must(EVP_DigestSign(ctx, der, &len, message.ptr, message.len) == 1);
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)len);
    assert_non_null(s);
    must(BN_bn2binpad(ECDSA_SIG_get0_r(s), ret, 32) == 32);
    must(BN_bn2binpad(ECDSA_SIG_get0_s(s), ret + 32, 32) == 32);
    ECDSA_SIG_free(s);
    EVP_MD_CTX_free(ctx);
}

/* The other valid signature, (r, n - s), of r || s. */
static inline void
world_twin(uint8_t rs[static 64])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *s = BN_bin2bn(rs + 32, 32, NULL);

    must(BN_sub(s, EC_GROUP_get0_order(group), s) == 1);
    must(BN_bn2binpad(s, rs + 32, 32) == 32);
    BN_free(s);
    EC_GROUP_free(group);
}

static inline void
world_point(EVP_PKEY *key, uint8_t ret[static 64])
{
    uint8_t point[65];
    size_t len = 0;

    must(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof(point), &len) == 1);
    must(len == 65 && point[0] == 4);
    memcpy(ret, point + 1, 64);
}

static inline void
world_sha256(
    const void *a, size_t a_len, const void *b, size_t b_len, uint8_t ret[static 32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    must(EVP_DigestUpdate(ctx, a, a_len) == 1 && EVP_DigestUpdate(ctx, b, b_len) == 1);
    must(EVP_DigestFinal_ex(ctx, ret, NULL) == 1);
    EVP_MD_CTX_free(ctx);
}

/* ---- DER of the SGX extension, written inside out ---- */

struct der_text {
    uint8_t at[1024];
    size_t len;
};

static inline void
der_put(struct der_text *t, uint8_t tag, const void *content, size_t len)
{
    must(len < 65536 && t->len + len + 4 <= sizeof(t->at));
    t->at[t->len++] = tag;
    if (len >= 256) {
        t->at[t->len++] = 0x82;
        t->at[t->len++] = (uint8_t)(len >> 8);
    } else if (len >= 128) {
        t->at[t->len++] = 0x81;
    }
    t->at[t->len++] = (uint8_t)len;
    memcpy(t->at + t->len, content, len);
    t->len += len;
}

static inline void
der_int(struct der_text *t, long v)
{
    uint8_t be[5];
    size_t n = 0;

    for (int i = 3; i >= 0; i--) {
        uint8_t b = (uint8_t)((unsigned long)v >> (8 * i));

        if (n == 0 && i > 0 && b == 0)
            continue;
        if (n == 0 && b >= 0x80)
            be[n++] = 0;
        be[n++] = b;
    }
    der_put(t, 0x02, be, n);
}

/* SEQUENCE { 1.2.840.113741.1.13.1.<suffix>, value } */
static inline void
der_member(struct der_text *to, const char *suffix, const struct der_text *value)
{
    static const uint8_t arc[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 1 };
    uint8_t oid[16];
    struct der_text both = { .len = 0 };
    size_t n = sizeof(arc);

    memcpy(oid, arc, n);
    for (const char *s = suffix; *s != '\0';) {
        char *end = NULL;

        oid[n++] = (uint8_t)strtoul(s, &end, 10);
        s = *end == '.' ? end + 1 : end;
    }
    der_put(&both, 0x06, oid, n);
    memcpy(both.at + both.len, value->at, value->len);
    both.len += value->len;
    der_put(to, 0x30, both.at, both.len);
}

static inline void
der_tcb(struct der_text *to, const struct pck_spec *s)
{
    struct der_text all = { .len = 0 }, v;
    char suffix[8];

    for (int i = 0; i < 16; i++) {
        v.len = 0;
        der_int(&v, s->component[i]);
        (void)snprintf(suffix, sizeof(suffix), "2.%d", i + 1);
        if (s->component[i] >= 0)
            der_member(&all, suffix, &v);
    }
    v.len = 0;
    der_int(&v, s->pce_svn);
    der_member(&all, "2.17", &v);
    v.len = 0;
    der_put(&v, 0x04, s->cpu_svn, sizeof(s->cpu_svn));
    der_member(&all, "2.18", &v);
    der_put(to, 0x30, all.at, all.len);
}

static inline void
der_configuration(struct der_text *to, const struct pck_spec *s)
{
    struct der_text all = { .len = 0 }, v;
    char suffix[8];

    for (int i = 0; i < 3; i++) {
        const uint8_t said = s->configuration[i] ? 0xff : 0;

        v.len = 0;
        der_put(&v, 0x01, &said, 1);
        (void)snprintf(suffix, sizeof(suffix), "7.%d", i + 1);
        der_member(&all, suffix, &v);
    }
    der_put(to, 0x30, all.at, all.len);
}

static inline void
der_value(struct der_text *v, unsigned member, const struct pck_spec *s)
{
    const uint8_t type = (uint8_t)s->sgx_type;

    v->len = 0;
    switch (member) {
    case 1: der_put(v, 0x04, s->ppid, sizeof(s->ppid)); break;
    case 2: der_tcb(v, s); break;
    case 3: der_put(v, 0x04, s->pceid, sizeof(s->pceid)); break;
    case 4: der_put(v, 0x04, s->fmspc, sizeof(s->fmspc)); break;
    case 5: der_put(v, 0x0a, &type, 1); break;
    case 6: der_put(v, 0x04, s->instance_id, sizeof(s->instance_id)); break;
    default: der_configuration(v, s); break;
    }
}

static inline struct selfsame_bytes
world_sgx_extension(struct dcap_world *w)
{
    const struct pck_spec *s = &w->pck_spec;
    struct der_text all = { .len = 0 }, v, ret = { .len = 0 };

    if (s->raw.ptr != NULL)
        return s->raw;
    for (unsigned n = 1; n <= (s->platform ? 7 : 5); n++) {
        const char suffix[2] = { (char)('0' + n), '\0' };

        der_value(&v, n, s);
        if ((s->skip >> n & 1) == 0)
            der_member(&all, suffix, &v);
        if (s->twice >> n & 1)
            der_member(&all, suffix, &v);
    }
    der_put(&ret, 0x30, all.at, all.len);
    return world_keep(&w->arena, ret.at, ret.len);
}

/* ---- certificates and CRLs ---- */

static inline void
world_name(X509_NAME *n, const char *cn)
{
    static const char *const rest[][2] = { { "O", "Test Corporation" },
        { "L", "Santa Clara" }, { "ST", "CA" }, { "C", "US" } };

    must(X509_NAME_add_entry_by_txt(
             n, "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0) == 1);
    for (size_t i = 0; i < COUNT(rest); i++)
        must(X509_NAME_add_entry_by_txt(n, rest[i][0], MBSTRING_ASC,
                 (const uint8_t *)rest[i][1], -1, -1, 0) == 1);
}

static inline void
world_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);

    assert_non_null(e);
    must(X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static inline void
world_usage(X509 *x, X509 *issuer, const struct cert_spec *s)
{
    X509V3_CTX ctx;
    char basic[64] = "critical,CA:FALSE";

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    world_extension(x, &ctx, NID_subject_key_identifier, "hash");
    world_extension(x, &ctx, NID_authority_key_identifier, "keyid");
    world_extension(x, &ctx, NID_crl_distribution_points,
        "URI:https://certificates.example/IntelSGXRootCA.der");
    if (s->ca)
        (void)snprintf(
            basic, sizeof(basic), "critical,CA:TRUE,pathlen:%d", s->path_len);
    if (!s->no_usage)
        world_extension(x, &ctx, NID_key_usage,
            s->ca ? "critical,keyCertSign,cRLSign"
                  : "critical,digitalSignature,nonRepudiation");
    if (!s->no_basic)
        world_extension(x, &ctx, NID_basic_constraints, basic);
}

static inline void
world_add_sgx(X509 *x, struct selfsame_bytes value)
{
    ASN1_OBJECT *o = OBJ_txt2obj("1.2.840.113741.1.13.1", 1);
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();

    must(ASN1_OCTET_STRING_set(s, value.ptr, (int)value.len) == 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, o, 0, s);
    must(X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(o);
}

/* issuer absent: signs itself; sgx absent: without that extension. */
static inline struct selfsame_bytes
world_cert(struct dcap_world *w, const struct cert_spec *s, EVP_PKEY *key,
    struct selfsame_bytes issuer, EVP_PKEY *signer, struct selfsame_bytes sgx)
{
    X509 *x = X509_new(), *above = NULL;
    X509_NAME *subject = X509_NAME_new();
    const uint8_t *p = issuer.ptr;
    const bool usual = s->from == 0 && s->to == 0;
    uint8_t *der = NULL;

    if (p != NULL)
        above = d2i_X509(NULL, &p, (long)issuer.len);
    world_name(subject, s->cn);
    must(X509_set_version(x, 2) == 1);
    must(ASN1_INTEGER_set(X509_get_serialNumber(x), s->serial) == 1);
    must(X509_set_subject_name(x, subject) == 1);
    must(X509_set_issuer_name(
             x, above != NULL ? X509_get_subject_name(above) : subject) == 1);
    ASN1_TIME_set(
        X509_getm_notBefore(x), WORLD_NOW + WORLD_DAY * (usual ? -100 : s->from));
    ASN1_TIME_set(X509_getm_notAfter(x), WORLD_NOW + WORLD_DAY * (usual ? 100 : s->to));
    must(X509_set_pubkey(x, s->key != NULL ? s->key : key) == 1);
    world_usage(x, above != NULL ? above : x, s);
    if (sgx.ptr != NULL)
        world_add_sgx(x, sgx);
    must(X509_sign(x, s->signer != NULL ? s->signer : signer, EVP_sha256()) > 0);
    int len = i2d_X509(x, &der);
    must(len > 0);
    struct selfsame_bytes ret = world_keep(&w->arena, der, (size_t)len);
    OPENSSL_free(der);
    X509_NAME_free(subject);
    X509_free(above);
    X509_free(x);
    return ret;
}

static inline void
world_revoke(X509_CRL *c, long serial, const ASN1_TIME *when)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_INTEGER *n = ASN1_INTEGER_new();

    must(ASN1_INTEGER_set(n, serial) == 1);
    must(X509_REVOKED_set_serialNumber(r, n) == 1);
    must(X509_REVOKED_set_revocationDate(r, (ASN1_TIME *)(uintptr_t)when) == 1);
    must(X509_CRL_add0_revoked(c, r) == 1);
    ASN1_INTEGER_free(n);
}

/* Its number, and the key identifier of whose list it is. */
static inline void
world_crl_extensions(X509_CRL *c, X509 *issuer)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509V3_CTX ctx;

    must(ASN1_INTEGER_set(number, 1) == 1);
    must(X509_CRL_add1_ext_i2d(c, NID_crl_number, number, 0, 0) == 1);
    ASN1_INTEGER_free(number);
    X509V3_set_ctx(&ctx, issuer, NULL, NULL, c, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(
        NULL, &ctx, NID_authority_key_identifier, "keyid");
    assert_non_null(e);
    must(X509_CRL_add_ext(c, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static inline struct selfsame_bytes
world_crl(struct dcap_world *w, const struct crl_spec *s, struct selfsame_bytes above,
    EVP_PKEY *signer)
{
    const uint8_t *p = above.ptr;
    X509 *x = d2i_X509(NULL, &p, (long)above.len);
    X509_CRL *c = X509_CRL_new();
    X509_NAME *issuer = X509_NAME_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, WORLD_NOW + WORLD_DAY * s->from);
    ASN1_TIME *to = ASN1_TIME_set(NULL, WORLD_NOW + WORLD_DAY * s->to);
    uint8_t *der = NULL;

    assert_non_null(x);
    if (s->cn != NULL)
        world_name(issuer, s->cn);
    must(X509_CRL_set_version(c, 1) == 1);
    must(X509_CRL_set_issuer_name(
             c, s->cn != NULL ? issuer : X509_get_subject_name(x)) == 1);
    must(X509_CRL_set1_lastUpdate(c, from) == 1);
    if (s->to != 0)
        must(X509_CRL_set1_nextUpdate(c, to) == 1);
    if (s->revoked != 0)
        world_revoke(c, s->revoked, from);
    world_crl_extensions(c, x);
    must(X509_CRL_sign(c, s->signer != NULL ? s->signer : signer, EVP_sha256()) > 0);
    int len = i2d_X509_CRL(c, &der);
    must(len > 0);
    struct selfsame_bytes ret = world_keep(&w->arena, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_NAME_free(issuer);
    X509_CRL_free(c);
    return ret;
}

#endif
