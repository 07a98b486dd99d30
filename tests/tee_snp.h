/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TESTS_TEE_SNP_H
#define SELFSAME_TESTS_TEE_SNP_H

#include "test.h"

#include "tee/snp/snp.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/*
 * A world of AMD's shape with keys of our own: ARK, ASK, ASVK, VCEK, VLEK, CRL, and
 * reports that are signed again after every change. Certificates are made by OpenSSL,
 * so that our reader is tested against another writer.
 */
enum { WORLD_NOW = 1780000000 };
#ifndef WORLD_RSA_BITS
#define WORLD_RSA_BITS 2048 /* quick to make; AMD's have 4096 */
#endif

struct amd_spec { /* how one certificate differs from AMD's usual shape */
    const char *cn;
    const char *extensions[12]; /* "3.1=hex" below 1.3.6.1.4.1.3704.1 */
    bool ca, pkcs1, sha256;
    long serial, from, to; /* days around WORLD_NOW; 0, 0: -10, 10 */
};

struct world {
    EVP_PKEY *ark_key, *ask_key, *leaf_key, *other_key;
    struct arena arena;
    struct selfsame_bytes ark, ask, vcek, crl;
    uint8_t report[SNP_REPORT_SIZE];
};

static inline struct selfsame_bytes
keep(struct arena *a, uint8_t *der, int len)
{
    struct selfsame_bytes b = BYTES_NONE;

    assert_true(len > 0);
    assert_true(arena_dup(a, BYTES(der, (size_t)len), &b));
    OPENSSL_free(der);
    return b;
}

static inline void
set_name(X509_NAME *n, const char *cn)
{
    assert_int_equal(X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC,
                         (const uint8_t *)"Test Micro Devices", -1, -1, 0),
        1);
    assert_int_equal(X509_NAME_add_entry_by_txt(
                         n, "CN", MBSTRING_ASC, (const uint8_t *)cn, -1, -1, 0),
        1);
}

static inline void
add_amd_extension(X509 *x, const char *spec)
{
    char oid[64];
    uint8_t value[128];
    size_t len = 0;
    const char *eq = strchr(spec, '=');

    (void)snprintf(oid, sizeof(oid), "1.3.6.1.4.1.3704.1.%.*s", (int)(eq - spec), spec);
    assert_true(hex_decode(eq + 1, strlen(eq + 1), value, sizeof(value), &len));
    ASN1_OBJECT *o = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
    assert_int_equal(ASN1_OCTET_STRING_set(s, value, (int)len), 1);
    X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, o, 0, s);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
    ASN1_OCTET_STRING_free(s);
    ASN1_OBJECT_free(o);
}

static inline void
add_ca_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static inline EVP_MD_CTX *
pss_signer(EVP_PKEY *key, bool pkcs1, bool sha256)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;

    assert_int_equal(
        EVP_DigestSignInit(ctx, &p, sha256 ? EVP_sha256() : EVP_sha384(), NULL, key),
        1);
    if (!pkcs1) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(
            EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    return ctx;
}

static inline struct selfsame_bytes
make_cert(struct world *w, const struct amd_spec *s, EVP_PKEY *key,
    const char *issuer_cn, EVP_PKEY *issuer)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_NAME_new(), *above = X509_NAME_new();
    bool usual = s->from == 0 && s->to == 0;

    set_name(subject, s->cn);
    set_name(above, issuer_cn);
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), s->serial), 1);
    assert_int_equal(X509_set_subject_name(x, subject), 1);
    assert_int_equal(X509_set_issuer_name(x, above), 1);
    ASN1_TIME_set(X509_getm_notBefore(x), WORLD_NOW + 86400 * (usual ? -10 : s->from));
    ASN1_TIME_set(X509_getm_notAfter(x), WORLD_NOW + 86400 * (usual ? 10 : s->to));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    if (s->ca) {
        add_ca_extension(x, NID_basic_constraints, "critical,CA:TRUE");
        add_ca_extension(x, NID_key_usage, "critical,keyCertSign,cRLSign");
    }
    for (size_t i = 0; i < COUNT(s->extensions) && s->extensions[i] != NULL; i++)
        add_amd_extension(x, s->extensions[i]);
    EVP_MD_CTX *ctx = pss_signer(issuer, s->pkcs1, s->sha256);
    assert_true(X509_sign_ctx(x, ctx) > 0);
    uint8_t *der = NULL;
    int len = i2d_X509(x, &der);
    struct selfsame_bytes ret = keep(&w->arena, der, len);
    EVP_MD_CTX_free(ctx);
    X509_NAME_free(subject);
    X509_NAME_free(above);
    X509_free(x);
    return ret;
}

struct crl_spec {
    const char *issuer;
    EVP_PKEY *key;
    long from, to; /* days; to 0: without nextUpdate */
    long revoked;  /* a serial number, 0: none */
};
static inline struct selfsame_bytes
make_crl(struct world *w, const struct crl_spec *s)
{
    X509_CRL *c = X509_CRL_new();
    X509_NAME *issuer = X509_NAME_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, WORLD_NOW + 86400 * s->from);
    ASN1_TIME *to = ASN1_TIME_set(NULL, WORLD_NOW + 86400 * s->to);
    uint8_t *der = NULL;

    set_name(issuer, s->issuer);
    assert_int_equal(X509_CRL_set_version(c, 1), 1);
    assert_int_equal(X509_CRL_set_issuer_name(c, issuer), 1);
    assert_int_equal(X509_CRL_set1_lastUpdate(c, from), 1);
    if (s->to != 0)
        assert_int_equal(X509_CRL_set1_nextUpdate(c, to), 1);
    if (s->revoked != 0) {
        X509_REVOKED *r = X509_REVOKED_new();
        ASN1_INTEGER *n = ASN1_INTEGER_new();

        ASN1_INTEGER_set(n, s->revoked);
        X509_REVOKED_set_serialNumber(r, n);
        X509_REVOKED_set_revocationDate(r, from);
        X509_CRL_add0_revoked(c, r);
        ASN1_INTEGER_free(n);
    }
    EVP_MD_CTX *ctx = pss_signer(s->key, false, false);
    assert_true(X509_CRL_sign_ctx(c, ctx) > 0);
    int len = i2d_X509_CRL(c, &der);
    struct selfsame_bytes ret = keep(&w->arena, der, len);
    EVP_MD_CTX_free(ctx);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_NAME_free(issuer);
    X509_CRL_free(c);
    return ret;
}

static inline void
put_le(uint8_t *at, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* Version 3, Milan, all TCBs the same as the VCEK's. */
static inline void
fill_report(uint8_t *r)
{
    memset(r, 0, SNP_REPORT_SIZE);
    put_le(r, 3, 4);
    put_le(r + 0x08, 0x30000, 8);
    put_le(r + 0x34, 1, 4);
    put_le(r + 0x40, 0x25, 8);
    memset(r + 0x50, 0xda, 64);
    memset(r + 0x90, 0x3e, 48);
    memset(r + 0x140, 0x1d, 32);
    memset(r + 0x160, 0xff, 32);
    r[0x188] = 0x19;
    r[0x189] = 0x01;
    memset(r + 0x1a0, 0x04, 64); /* like the head of an OCTET STRING */
    static const size_t tcbs[] = { 0x38, 0x180, 0x1e0, 0x1f0 };
    for (size_t i = 0; i < COUNT(tcbs); i++)
        put_le(r + tcbs[i], UINT64_C(0xd918000000000004), 8);
}

static inline void
put_half(uint8_t *to, const BIGNUM *n)
{
    uint8_t be[48];

    assert_int_equal(BN_bn2binpad(n, be, sizeof(be)), sizeof(be));
    for (size_t i = 0; i < sizeof(be); i++)
        to[i] = be[sizeof(be) - 1 - i];
}

static inline void
sign_report(EVP_PKEY *key, uint8_t *r)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[128];
    size_t len = sizeof(der);
    const uint8_t *p = der;

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha384(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &len, r, SNP_SIGNED_SIZE), 1);
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &p, (long)len);
    assert_non_null(s);
    memset(r + SNP_SIGNED_SIZE, 0, 512);
    put_half(r + SNP_SIGNED_SIZE, ECDSA_SIG_get0_r(s));
    put_half(r + SNP_SIGNED_SIZE + SNP_SIG_HALF, ECDSA_SIG_get0_s(s));
    ECDSA_SIG_free(s);
    EVP_MD_CTX_free(ctx);
}

#define HWID_04                                                                        \
    "04040404040404040404040404040404040404040404040404040404040404040404040404040404" \
    "040404040404040404040404040404040404040404040404"
#define SPLS                                                                        \
    "1=020100", "2=16084d696c616e2d4230", "3.1=020104", "3.2=020100", "3.3=020118", \
        "3.8=020200d9"

static inline int
world_set_up(void **state)
{
    static const struct amd_spec ark = { .cn = "ARK-Milan", .ca = true, .serial = 1 };
    static const struct amd_spec ask = { .cn = "SEV-Milan", .ca = true, .serial = 7 };
    static const struct amd_spec vcek = { .cn = "SEV-VCEK",
        .extensions = { SPLS, "4=" HWID_04 } };
    struct world *w = calloc(1, sizeof(*w));

    w->arena = arena_new(4 << 20);
    w->ark_key = EVP_RSA_gen(WORLD_RSA_BITS);
    w->ask_key = EVP_RSA_gen(WORLD_RSA_BITS);
    w->leaf_key = EVP_EC_gen("P-384");
    w->other_key = EVP_RSA_gen(WORLD_RSA_BITS);
    w->ark = make_cert(w, &ark, w->ark_key, "ARK-Milan", w->ark_key);
    w->ask = make_cert(w, &ask, w->ask_key, "ARK-Milan", w->ark_key);
    w->vcek = make_cert(w, &vcek, w->leaf_key, "SEV-Milan", w->ask_key);
    w->crl = make_crl(
        w, &(struct crl_spec){
               .issuer = "ARK-Milan", .key = w->ark_key, .from = -1, .to = 1 });
    fill_report(w->report);
    sign_report(w->leaf_key, w->report);
    *state = w;
    return 0;
}

static inline int
world_tear_down(void **state)
{
    struct world *w = *state;

    EVP_PKEY_free(w->ark_key);
    EVP_PKEY_free(w->ask_key);
    EVP_PKEY_free(w->leaf_key);
    EVP_PKEY_free(w->other_key);
    arena_free(&w->arena);
    free(w);
    return 0;
}

#endif
