/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

/* Certificates we issue: for channels, tests and the simulator. */

static void
x509_cleanup(X509 **x)
{
    X509_free(*x);
}
#define auto_x509 __attribute__((cleanup(x509_cleanup))) X509

/* C, O, OU, CN: the order of the vendors we imitate. Absent members are left out. */
static bool
set_name(X509_NAME *name, const struct cert_request *r)
{
    const struct {
        const char *field, *value;
    } parts[] = {
        { "C", r->country },
        { "O", r->organization },
        { "OU", r->unit },
        { "CN", r->common_name },
    };
    for (size_t i = 0; i < COUNT(parts); i++)
        if (parts[i].value != NULL &&
            X509_NAME_add_entry_by_txt(name, parts[i].field, MBSTRING_UTF8,
                (const uint8_t *)parts[i].value, -1, -1, 0) != 1)
            return false;
    return true;
}

/* 16 random bytes, positive and never shorter (RFC 5280 §4.1.2.2). */
static bool
set_serial(X509 *x, struct selfsame_bytes given)
{
    uint8_t fresh[16];

    if (given.ptr == NULL) {
        if (!rng_bytes(fresh, sizeof(fresh)))
            return false;
        fresh[0] = (uint8_t)((fresh[0] & 0x3f) | 0x40);
        given = BYTES_ARR(fresh);
    }
    BIGNUM *n = BN_bin2bn(given.ptr, (int)given.len, NULL);
    bool ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static bool
add_constraints(X509 *x, const struct cert_request *r)
{
    BASIC_CONSTRAINTS *bc = BASIC_CONSTRAINTS_new();

    if (bc == NULL)
        return false;
    bc->ca = r->ca ? 0xff : 0;
    bool ok = true;
    if (r->ca && r->path_len >= 0) {
        bc->pathlen = ASN1_INTEGER_new();
        ok = bc->pathlen != NULL && ASN1_INTEGER_set(bc->pathlen, r->path_len) == 1;
    }
    ok = ok && X509_add1_ext_i2d(x, NID_basic_constraints, bc, 1, 0) == 1;
    BASIC_CONSTRAINTS_free(bc);
    return ok;
}

enum { BIT_SIGN = 0, BIT_NON_REPUDIATION = 1, BIT_CERT_SIGN = 5, BIT_CRL_SIGN = 6 };

static bool
add_usage(X509 *x, const struct cert_request *r)
{
    bool plain_ca = r->ca && !r->ca_cert_sign_only;
    bool loose_leaf = !r->ca && r->leaf_usage_noncritical;
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    bool ok = bits != NULL;

    if (ok && (!r->ca || plain_ca))
        ok = ASN1_BIT_STRING_set_bit(bits, BIT_SIGN, 1) == 1;
    if (ok && loose_leaf)
        ok = ASN1_BIT_STRING_set_bit(bits, BIT_NON_REPUDIATION, 1) == 1;
    if (ok && r->ca)
        ok = ASN1_BIT_STRING_set_bit(bits, BIT_CERT_SIGN, 1) == 1;
    if (ok && plain_ca)
        ok = ASN1_BIT_STRING_set_bit(bits, BIT_CRL_SIGN, 1) == 1;
    ok = ok && X509_add1_ext_i2d(x, NID_key_usage, bits, !loose_leaf, 0) == 1;
    ASN1_BIT_STRING_free(bits);
    return ok;
}

/* RFC 7093 §2 (1): the first 160 bits of SHA-256 of the public key bits. */
static bool
key_id(const X509 *x, uint8_t ret[static HASH_MAX])
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x);

    return bits != NULL && bits->length > 0 &&
           hash_bytes(HASH_SHA256, BYTES(bits->data, (size_t)bits->length), ret);
}

/* issuer NULL: self-signed, which needs no authority key identifier. */
static bool
add_key_ids(X509 *x, X509 *issuer)
{
    uint8_t id[HASH_MAX];
    const ASN1_OCTET_STRING *theirs = issuer != NULL ? X509_get0_subject_key_id(issuer)
                                                     : NULL;
    ASN1_OCTET_STRING *own = ASN1_OCTET_STRING_new();
    bool ok = own != NULL && key_id(x, id) && ASN1_OCTET_STRING_set(own, id, 20) == 1 &&
              X509_add1_ext_i2d(x, NID_subject_key_identifier, own, 0, 0) == 1;

    ASN1_OCTET_STRING_free(own);
    if (!ok || theirs == NULL)
        return ok;
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();
    if (aki == NULL)
        return false;
    aki->keyid = ASN1_OCTET_STRING_dup(theirs);
    ok = aki->keyid != NULL &&
         X509_add1_ext_i2d(x, NID_authority_key_identifier, aki, 0, 0) == 1;
    AUTHORITY_KEYID_free(aki);
    return ok;
}

/* Takes the name over. */
static bool
push_name(GENERAL_NAMES *names, GENERAL_NAME *one)
{
    if (one != NULL && sk_GENERAL_NAME_push(names, one) > 0)
        return true;
    GENERAL_NAME_free(one);
    return false;
}

static bool
push_host(GENERAL_NAMES *names, const char *host)
{
    /* libcrypto parses both kinds: an address text becomes 4 or 16 bytes. */
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(host);
    bool ok = push_name(names,
        a2i_GENERAL_NAME(NULL, NULL, NULL, ip != NULL ? GEN_IPADD : GEN_DNS, host, 0));

    ASN1_OCTET_STRING_free(ip);
    return ok;
}

/* RFC 5280 §4.1.2.6: the names are critical where there is no subject. */
static bool
add_alt_names(X509 *x, const struct cert_request *r)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
    bool ok = names != NULL;

    if (ok && r->uri != NULL)
        ok = push_name(names, a2i_GENERAL_NAME(NULL, NULL, NULL, GEN_URI, r->uri, 0));
    if (ok && r->dns_name != NULL)
        ok = push_host(names, r->dns_name);
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names,
                   r->uri != NULL && r->no_subject, 0) == 1;
    GENERAL_NAMES_free(names);
    return ok;
}

/* RFC 5280 §4.2.1.12 */
static bool
add_purposes(X509 *x)
{
    EXTENDED_KEY_USAGE *list = sk_ASN1_OBJECT_new_null();
    bool ok = list != NULL &&
              sk_ASN1_OBJECT_push(list, OBJ_nid2obj(NID_server_auth)) > 0 &&
              sk_ASN1_OBJECT_push(list, OBJ_nid2obj(NID_client_auth)) > 0 &&
              X509_add1_ext_i2d(x, NID_ext_key_usage, list, 0, 0) == 1;

    sk_ASN1_OBJECT_free(list); /* the objects are libcrypto's own */
    return ok;
}

static bool
add_own_extension(X509 *x, const struct cert_extension *own)
{
    struct selfsame_bytes oid = own->oid, value = own->value;
    uint8_t der[2 + 64] = { V_ASN1_OBJECT, (uint8_t)oid.len };
    const uint8_t *p = der;

    if (oid.len == 0 || oid.len > 64 || value.len > INT32_MAX)
        return false;
    memcpy(der + 2, oid.ptr, oid.len);
    ASN1_OBJECT *obj = d2i_ASN1_OBJECT(NULL, &p, (long)oid.len + 2);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool ok = obj != NULL && data != NULL &&
              ASN1_OCTET_STRING_set(data, value.ptr, (int)value.len) == 1 &&
              (ext = X509_EXTENSION_create_by_OBJ(
                   NULL, obj, own->critical ? 1 : 0, data)) != NULL &&
              X509_add_ext(x, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(obj);
    return ok;
}

/* Somebody's public key, which the caller has parsed, or one of ours. */
static bool
set_key(X509 *x, struct selfsame_bytes spki, const struct key *subject)
{
    const uint8_t *p = spki.ptr;

    if (p == NULL)
        return X509_set_pubkey(x, subject->pkey) == 1;
    (void)ERR_set_mark();
    auto_pkey *key = spki.len <= INT32_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.len)
                                           : NULL;
    (void)ERR_pop_to_mark();
    return key != NULL && p == spki.ptr + spki.len && X509_set_pubkey(x, key) == 1;
}

static bool
fill(X509 *x, const struct cert_request *r, const struct key *subject, X509 *issuer)
{
    return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x, r->serial) &&
           ASN1_TIME_adj(X509_getm_notBefore(x), r->not_before, 0, 0) != NULL &&
           ASN1_TIME_adj(X509_getm_notAfter(x), r->not_after, 0, 0) != NULL &&
           set_name(X509_get_subject_name(x), r) &&
           X509_set_issuer_name(
               x, X509_get_subject_name(issuer != NULL ? issuer : x)) == 1 &&
           set_key(x, r->spki, subject);
}

static bool
extend(X509 *x, const struct cert_request *r, X509 *issuer)
{
    bool ok = r->bare || (add_constraints(x, r) && add_usage(x, r) &&
                             (r->no_key_ids || add_key_ids(x, issuer)));

    ok = ok && ((r->dns_name == NULL && r->uri == NULL) || add_alt_names(x, r));
    ok = ok && (!r->server_and_client || add_purposes(x));
    for (size_t i = 0; ok && i < r->extension_count; i++)
        ok = add_own_extension(x, &r->extensions[i]);
    return ok;
}

/* ECDSA with the hash of the curve's strength; Ed25519 brings its own; AMD's for RSA. */
static const EVP_MD *
digest_for(const struct key *k)
{
    switch (k->type) {
    case KEY_P256:
    case KEY_RSA3072_E3: return hash_md(HASH_SHA256);
    case KEY_P384:
    case KEY_RSA2048:
    case KEY_RSA3072:
    case KEY_RSA4096: return hash_md(HASH_SHA384);
    case KEY_ED25519: return NULL;
    }
    return NULL;
}

/* RSA signs with PSS and a salt as long as the digest, as AMD's roots do. NULL: no memory. */
static EVP_MD_CTX *
signer(const struct key *k)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    bool ok = ctx != NULL &&
              EVP_DigestSignInit(ctx, &p, digest_for(k), NULL, k->pkey) == 1;

    if (ok && (k->type == KEY_RSA4096 || k->type == KEY_RSA3072_E3))
        ok = EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (!ok) {
        EVP_MD_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static void
signer_cleanup(EVP_MD_CTX **ctx)
{
    EVP_MD_CTX_free(*ctx);
}
#define auto_signer __attribute__((cleanup(signer_cleanup))) EVP_MD_CTX

static enum selfsame_code
check_request(const struct cert_request *r, struct selfsame_err *e)
{
    struct selfsame_bytes s = r->serial;

    if (s.ptr != NULL && (s.len < 1 || s.len > 20 || (s.ptr[0] == 0 && s.len > 1) ||
                             (s.ptr[0] & 0x80) != 0))
        FAIL(e, SELFSAME_USAGE,
            "serial: expected 1 to 20 bytes, the first 01 to 7f (or 00 alone), got %zu",
            s.len);
    if (r->not_before > r->not_after)
        FAIL(e, SELFSAME_USAGE, "validity: it ends before it begins");
    if (!r->no_subject && r->common_name == NULL && r->organization == NULL &&
        r->unit == NULL && r->country == NULL)
        FAIL(e, SELFSAME_USAGE, "subject: expected one name at least, got none");
    return SELFSAME_OK;
}

/* Absent: none. */
static enum selfsame_code
read_issuer(struct selfsame_bytes der, X509 **ret, struct selfsame_err *e)
{
    const uint8_t *p = der.ptr;

    if (p == NULL)
        return SELFSAME_OK;
    (void)ERR_set_mark();
    *ret = der.len <= INT32_MAX ? d2i_X509(NULL, &p, (long)der.len) : NULL;
    (void)ERR_pop_to_mark();
    if (*ret == NULL || p != der.ptr + der.len)
        FAIL(e, SELFSAME_MALFORMED, "issuer certificate: it does not parse");
    return SELFSAME_OK;
}

enum selfsame_code
cert_make(const struct cert_request *r, const struct key *subject,
    struct selfsame_bytes issuer_cert, const struct key *issuer, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_x509 *parent = NULL;
    uint8_t *der = NULL;

    TRY(check_request(r, e));
    TRY(read_issuer(issuer_cert, &parent, e));
    auto_x509 *x = X509_new();
    if (x == NULL || !fill(x, r, subject, parent) || !extend(x, r, parent))
        FAIL(e, SELFSAME_USAGE,
            "certificate: libcrypto refuses a name, a time, the key or an extension of "
            "it");
    auto_signer *ctx = signer(issuer);
    if (ctx == NULL || X509_sign_ctx(x, ctx) <= 0)
        FAIL(e, SELFSAME_INTERNAL, "certificate: libcrypto cannot sign it");
    int n = i2d_X509(x, &der);
    bool ok = n > 0 && arena_dup(arena, BYTES(der, (size_t)n), ret);
    OPENSSL_free(der);
    if (!ok)
        FAIL(e, SELFSAME_NOMEM, "certificate: out of memory");
    return SELFSAME_OK;
}

/* ---- CRLs ---- */

static void
crl_cleanup(X509_CRL **c)
{
    X509_CRL_free(*c);
}
#define auto_crl __attribute__((cleanup(crl_cleanup))) X509_CRL

static bool
revoke(X509_CRL *c, struct selfsame_bytes serial, const ASN1_TIME *when)
{
    X509_REVOKED *r = X509_REVOKED_new();
    BIGNUM *n = BN_bin2bn(serial.ptr, (int)serial.len, NULL);
    ASN1_INTEGER *i = n != NULL ? BN_to_ASN1_INTEGER(n, NULL) : NULL;
    bool ok = r != NULL && i != NULL && X509_REVOKED_set_serialNumber(r, i) == 1 &&
              X509_REVOKED_set_revocationDate(r, (ASN1_TIME *)(uintptr_t)when) == 1 &&
              X509_CRL_add0_revoked(c, r) == 1;

    if (!ok)
        X509_REVOKED_free(r);
    ASN1_INTEGER_free(i);
    BN_free(n);
    return ok;
}

static bool
fill_crl(X509_CRL *c, const struct crl_request *r, X509 *issuer)
{
    ASN1_TIME *from = ASN1_TIME_adj(NULL, r->this_update, 0, 0);
    ASN1_TIME *to = ASN1_TIME_adj(NULL, r->next_update, 0, 0);
    bool ok = from != NULL && to != NULL && X509_CRL_set_version(c, 1) == 1 &&
              X509_CRL_set_issuer_name(c, X509_get_subject_name(issuer)) == 1 &&
              X509_CRL_set1_lastUpdate(c, from) == 1 &&
              (r->next_update == 0 || X509_CRL_set1_nextUpdate(c, to) == 1);

    for (size_t i = 0; ok && i < r->serial_count; i++)
        ok = revoke(c, r->serials[i], from);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return ok;
}

enum selfsame_code
crl_make(const struct crl_request *r, struct selfsame_bytes issuer_cert,
    const struct key *issuer, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    auto_x509 *parent = NULL;
    uint8_t *der = NULL;

    TRY(read_issuer(issuer_cert, &parent, e));
    auto_crl *c = X509_CRL_new();
    if (parent == NULL || c == NULL || !fill_crl(c, r, parent))
        FAIL(e, SELFSAME_USAGE,
            "CRL: libcrypto refuses its issuer, a time or a serial number of it");
    auto_signer *ctx = signer(issuer);
    if (ctx == NULL || X509_CRL_sign_ctx(c, ctx) <= 0)
        FAIL(e, SELFSAME_INTERNAL, "CRL: libcrypto cannot sign it");
    int n = i2d_X509_CRL(c, &der);
    bool ok = n > 0 && arena_dup(arena, BYTES(der, (size_t)n), ret);
    OPENSSL_free(der);
    if (!ok)
        FAIL(e, SELFSAME_NOMEM, "CRL: out of memory");
    return SELFSAME_OK;
}
