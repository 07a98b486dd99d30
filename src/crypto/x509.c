/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/x509_internal.h"

#include "crypto/internal.h"

/*
 * Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature }
 * (RFC 5280 §4.1). The few AlgorithmIdentifiers of the profile are compared
 * whole: parameters that differ in one bit make another algorithm.
 */
#define EC_KEY "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define EC_SIG "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03"
#define PKCS1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01"
#define LIT(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

struct algorithm {
    struct selfsame_bytes der;
    enum sig_alg alg;
    enum hash_alg hash;
};
/* RFC 5480 §2.1.1, named curves only; RFC 3279 §2.3.1. */
static const struct algorithm key_algs[] = {
    { LIT("\x30\x10" EC_KEY "\x06\x05\x2b\x81\x04\x00\x22"), SIG_P384, 0 },
    { LIT("\x30\x13" EC_KEY "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"), SIG_P256, 0 },
    { LIT("\x30\x10" EC_KEY "\x06\x05\x2b\x81\x04\x00\x23"), SIG_P521, 0 },
    { LIT("\x30\x0d\x06\x09" PKCS1 "\x01\x05\x00"), SIG_RSA_PKCS1, 0 },
};
/*
 * RFC 5758 §3.2, RFC 4055 §5. ECDSA does not tell the curve: the one of the
 * issuer's key counts, these say only that it is ECDSA.
 */
static const struct algorithm sig_algs[] = {
    { LIT("\x30\x0a" EC_SIG "\x03"), SIG_P384, HASH_SHA384 },
    { LIT("\x30\x0a" EC_SIG "\x02"), SIG_P256, HASH_SHA256 },
    { LIT("\x30\x0a" EC_SIG "\x04"), SIG_P521, HASH_SHA512 },
    { LIT("\x30\x0d\x06\x09" PKCS1 "\x0b\x05\x00"), SIG_RSA_PKCS1, HASH_SHA256 },
    { LIT("\x30\x0d\x06\x09" PKCS1 "\x0c\x05\x00"), SIG_RSA_PKCS1, HASH_SHA384 },
    { LIT("\x30\x0d\x06\x09" PKCS1 "\x0d\x05\x00"), SIG_RSA_PKCS1, HASH_SHA512 },
};
static const struct selfsame_bytes oid_pss = LIT(PKCS1 "\x0a");
static const struct selfsame_bytes oid_mgf1 = LIT(PKCS1 "\x08");
static const struct {
    struct selfsame_bytes oid;
    enum hash_alg hash;
} hashes[] = {
    { LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x01"), HASH_SHA256 },
    { LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x02"), HASH_SHA384 },
    { LIT("\x60\x86\x48\x01\x65\x03\x04\x02\x03"), HASH_SHA512 },
};

static const struct algorithm *
find(const struct algorithm *table, size_t count, struct selfsame_bytes der)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_eq(table[i].der, der))
            return &table[i];
    return NULL;
}

/* RFC 4055 §2.1 */
enum hash_alg
hash_alg_read(struct der *d)
{
    struct der in = der_enter(d, DER_SEQUENCE);
    struct selfsame_bytes oid = der_get(&in, DER_OID);
    enum hash_alg found = 0;

    if (der_is(&in, DER_NULL) && der_get(&in, DER_NULL).len != 0)
        der_fail(&in, "a NULL with bytes");
    der_absorb(d, &in);
    for (size_t i = 0; i < COUNT(hashes); i++)
        if (bytes_eq(hashes[i].oid, oid))
            found = hashes[i].hash;
    return found;
}

static uint64_t
read_tagged_uint(struct der *d, unsigned n)
{
    struct der in = der_enter(d, DER_CONTEXT(n));
    uint64_t v = der_get_small_uint(&in);

    der_absorb(d, &in);
    return v;
}

/*
 * RSASSA-PSS-params (RFC 4055 §3.1): hash, MGF1 with the same hash, salt of its
 * size. AMD writes the default trailer out, which DER forbids and we allow.
 */
static enum hash_alg
read_pss(struct selfsame_bytes alg)
{
    struct der d = der_of(alg);
    struct der id = der_enter(&d, DER_SEQUENCE);
    bool is_pss = bytes_eq(der_get(&id, DER_OID), oid_pss);
    struct der p = der_enter(&id, DER_SEQUENCE);
    struct der first = der_enter(&p, DER_CONTEXT(0));
    enum hash_alg hash = hash_alg_read(&first);
    struct der mgf = der_enter(&p, DER_CONTEXT(1));
    struct der mgf_id = der_enter(&mgf, DER_SEQUENCE);
    bool is_mgf1 = bytes_eq(der_get(&mgf_id, DER_OID), oid_mgf1);
    bool same = hash_alg_read(&mgf_id) == hash;
    bool salt = read_tagged_uint(&p, 2) == hash_size(hash);
    bool trailer = !der_is(&p, DER_CONTEXT(3)) || read_tagged_uint(&p, 3) == 1;

    der_absorb(&mgf, &mgf_id);
    der_absorb(&p, &mgf);
    der_absorb(&p, &first);
    der_absorb(&id, &p);
    der_absorb(&d, &id);
    return der_done(&d) && is_pss && is_mgf1 && same && salt && trailer ? hash : 0;
}

enum selfsame_code
sig_alg_parse(struct selfsame_bytes der, enum sig_alg *ret_alg, enum hash_alg *ret_hash,
    struct selfsame_err *e)
{
    const struct algorithm *a = find(sig_algs, COUNT(sig_algs), der);
    enum hash_alg pss = a == NULL ? read_pss(der) : 0;

    if (a == NULL && pss == 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "signature algorithm: expected ECDSA, RSA PKCS#1 or PSS with SHA-256, -384 "
            "or -512, got another");
    *ret_alg = a != NULL ? a->alg : SIG_RSA_PSS;
    *ret_hash = a != NULL ? a->hash : pss;
    return SELFSAME_OK;
}

/* SubjectPublicKeyInfo; EC points uncompressed (RFC 5480 §2.2). */
static enum selfsame_code
parse_spki(struct selfsame_bytes spki, enum sig_alg *ret_alg,
    struct selfsame_bytes *ret_key, struct selfsame_err *e)
{
    struct der d = der_of(spki);
    struct der in = der_enter(&d, DER_SEQUENCE);
    struct selfsame_bytes alg = der_get_element(&in), bits = der_get_bits(&in);
    struct selfsame_bytes n, x;

    der_absorb(&d, &in);
    if (!der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "certificate public key: %s",
            d.why != NULL ? d.why : "bytes follow it");
    const struct algorithm *a = find(key_algs, COUNT(key_algs), alg);
    if (a == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "certificate public key: expected P-256, P-384, P-521 or RSA, got another");
    *ret_alg = a->alg;
    const struct curve *curve = curve_of(a->alg);
    if (curve == NULL) {
        *ret_key = bits;
        return rsa_key_parse(bits, &n, &x, e);
    }
    if (bits.len != 1 + 2 * curve->size || bits.ptr[0] != 0x04)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate public key: expected an uncompressed %s point of %zu bytes, "
            "got %zu bytes",
            curve->name, 1 + 2 * curve->size, bits.len);
    *ret_key = BYTES(bits.ptr + 1, bits.len - 1);
    return SELFSAME_OK;
}

static enum selfsame_code
parse_key(struct cert *c, const struct cert_profile *profile, struct selfsame_err *e)
{
    struct selfsame_err ignored;

    if (profile->foreign) {
        if (spki_parse(c->spki, &c->key_alg, &c->key, &ignored) != SELFSAME_OK)
            c->key_alg = SIG_NONE;
        return SELFSAME_OK;
    }
    return profile->ed25519 ? spki_parse(c->spki, &c->key_alg, &c->key, e)
                            : parse_spki(c->spki, &c->key_alg, &c->key, e);
}

bool
alg_is_ed25519(struct selfsame_bytes der)
{
    return bytes_eq(der, BYTES_LIT("\x30\x05\x06\x03\x2b\x65\x70"));
}

/* RFC 5758 §3.2 forbids the parameters, and mbed TLS has long written a NULL there. */
static struct selfsame_bytes
without_null(struct selfsame_bytes alg, uint8_t store[static 12])
{
    enum { SHORT = 12, NULLS = 2 };

    if (alg.len != SHORT + NULLS || alg.ptr[0] != DER_SEQUENCE || alg.ptr[1] != SHORT ||
        alg.ptr[SHORT] != DER_NULL || alg.ptr[SHORT + 1] != 0)
        return alg;
    memcpy(store, alg.ptr, SHORT);
    store[1] = SHORT - NULLS;
    return BYTES(store, SHORT);
}

static enum selfsame_code
parse_sig_alg(struct selfsame_bytes alg, struct cert *c,
    const struct cert_profile *profile, struct selfsame_err *e)
{
    struct selfsame_err ignored;
    uint8_t store[12];

    if ((profile->ed25519 || profile->foreign) && alg_is_ed25519(alg))
        c->sig_alg = SIG_ED25519;
    else if (!profile->foreign)
        return sig_alg_parse(alg, &c->sig_alg, &c->sig_hash, e);
    else if (sig_alg_parse(without_null(alg, store), &c->sig_alg, &c->sig_hash,
                 &ignored) != SELFSAME_OK)
        c->sig_alg = SIG_NONE;
    return SELFSAME_OK;
}

/* RFC 8410 §4: the one encoding of an Ed25519 key. */
enum selfsame_code
spki_parse(struct selfsame_bytes spki, enum sig_alg *ret_alg,
    struct selfsame_bytes *ret_key, struct selfsame_err *e)
{
    static const uint8_t ed25519[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
        0x70, 0x03, 0x21, 0x00 };

    if (spki.len != sizeof(ed25519) + 32 || !bytes_has_prefix(spki, BYTES_ARR(ed25519)))
        return parse_spki(spki, ret_alg, ret_key, e);
    *ret_alg = SIG_ED25519;
    *ret_key = BYTES(spki.ptr + sizeof(ed25519), 32);
    return SELFSAME_OK;
}

static void
read_validity(struct der *d, struct cert *c)
{
    struct der in = der_enter(d, DER_SEQUENCE);

    c->not_before = der_get_time(&in);
    c->not_after = der_get_time(&in);
    der_absorb(d, &in);
    if (c->not_before > c->not_after)
        der_fail(d, "its validity ends before it begins");
}

static void
read_names(struct der *d, struct cert *c)
{
    if (!d->r.bad && (!name_valid(c->issuer) || !name_valid(c->subject)))
        der_fail(d, "a name is not a list of attributes");
    else if (!d->r.bad && name_empty(c->issuer))
        der_fail(d, "its issuer has no name");
}

/* RFC 5280 §4.1.2.2 wants it positive; AMD's VCEKs have 0, so 0 is let through. */
static void
read_serial(struct der *d, struct cert *c)
{
    c->serial = der_get_uint(d);
    if (c->serial.len > 20)
        der_fail(d, "its serial number is longer than 20 bytes");
}

/* Members of the TBSCertificate up to the key; `in` is left before the extensions. */
static void
read_members(struct der *in, struct cert *c, struct selfsame_bytes *ret_alg)
{
    read_serial(in, c);
    *ret_alg = der_get_element(in);
    c->issuer = der_get_element(in);
    read_validity(in, c);
    c->subject = der_get_element(in);
    c->spki = der_get_element(in);
    read_names(in, c);
}

/* A time that is none of RFC 5280's is not known, and stays 0. */
static int64_t
read_any_time(struct der *d)
{
    struct der one = der_of(der_get_element(d));
    int64_t t = der_get_time(&one);

    return der_done(&one) ? t : 0;
}

/* The same members where their content is nobody's business but their maker's. */
static void
read_foreign(struct der *in, struct cert *c, struct selfsame_bytes *ret_alg)
{
    if (der_is(in, DER_CONTEXT(0)))
        (void)der_get(in, DER_CONTEXT(0));
    c->serial = der_get(in, DER_INTEGER);
    *ret_alg = der_get_element(in);
    c->issuer = der_get_element(in);
    struct der validity = der_enter(in, DER_SEQUENCE);
    c->not_before = read_any_time(&validity);
    c->not_after = read_any_time(&validity);
    der_absorb(in, &validity);
    c->subject = der_get_element(in);
    c->spki = der_get_element(in);
    for (unsigned n = 1; n <= 2; n++)
        if (der_is(in, DER_CONTEXT_PRIMITIVE(n)))
            (void)der_get(in, DER_CONTEXT_PRIMITIVE(n));
}

static enum selfsame_code
parse_tbs(struct cert *c, const struct cert_profile *profile,
    struct selfsame_bytes *ret_alg, struct selfsame_err *e)
{
    struct der d = der_of(c->tbs);
    struct der in = der_enter(&d, DER_SEQUENCE);

    if (profile->foreign)
        read_foreign(&in, c, ret_alg);
    else if (!in.r.bad &&
             (!der_is(&in, DER_CONTEXT(0)) || read_tagged_uint(&in, 0) != 2))
        FAIL(e, SELFSAME_UNSUPPORTED, "certificate: expected version 3, got another");
    else
        read_members(&in, c, ret_alg);
    if (der_is(&in, DER_CONTEXT_PRIMITIVE(1)) || der_is(&in, DER_CONTEXT_PRIMITIVE(2)))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "certificate: expected no unique identifiers, got some");
    if (der_is(&in, DER_CONTEXT(3))) {
        struct der wrap = der_enter(&in, DER_CONTEXT(3));
        c->extensions = der_get(&wrap, DER_SEQUENCE);
        if (c->extensions.len == 0 && !profile->foreign)
            der_fail(&wrap, "its list of extensions is empty");
        der_absorb(&in, &wrap);
    }
    der_absorb(&d, &in);
    if (!der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "certificate: %s",
            d.why != NULL ? d.why : "bytes follow its end");
    return SELFSAME_OK;
}

enum selfsame_code
cert_parse(struct selfsame_bytes der, struct cert *ret, struct selfsame_err *e)
{
    const struct cert_profile evidence = { .ed25519 = false };

    return cert_parse_as(der, &evidence, ret, e);
}

enum selfsame_code
cert_parse_as(struct selfsame_bytes der, const struct cert_profile *profile,
    struct cert *ret, struct selfsame_err *e)
{
    struct cert c = { .der = der };
    struct der d = der_of(der);
    struct der in = der_enter(&d, DER_SEQUENCE);
    struct selfsame_bytes inner = BYTES_NONE;

    c.tbs = der_get_element(&in);
    struct selfsame_bytes outer = der_get_element(&in);
    c.signature = der_get_bits(&in);
    der_absorb(&d, &in);
    if (!der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "certificate of %zu bytes: %s", der.len,
            d.why != NULL ? d.why : "bytes follow its end");
    TRY(parse_tbs(&c, profile, &inner, e));
    /* RFC 5280 §4.1.1.2: the unsigned copy must say what the signed one says. */
    if (!bytes_eq(inner, outer))
        FAIL(e, SELFSAME_MALFORMED,
            "certificate: expected the same signature algorithm twice, got two");
    TRY_WHILE(e, parse_sig_alg(inner, &c, profile, e), "certificate");
    TRY(parse_key(&c, profile, e));
    TRY(cert_parse_extensions(&c, profile, e));
    *ret = c;
    return SELFSAME_OK;
}

static bool
is_rsa(enum sig_alg alg)
{
    return alg == SIG_RSA_PKCS1 || alg == SIG_RSA_PSS;
}

enum selfsame_code
signed_check(const struct signed_by *s, const struct cert *issuer,
    uint8_t store[static 256], struct sig_check *ret, struct selfsame_err *e)
{
    struct sig_check check = {
        .alg = s->alg,
        .hash = s->hash,
        .key = issuer->key,
        .digest = BYTES(store, hash_size(s->hash)),
        .signature = s->signature,
    };

    if (is_rsa(s->alg) != is_rsa(issuer->key_alg))
        FAIL(e, SELFSAME_BAD_CHAIN,
            "signature algorithm: expected one for the issuer's key, got %s",
            is_rsa(s->alg) ? "RSA for an EC key" : "ECDSA for an RSA key");
    if ((s->alg == SIG_ED25519) != (issuer->key_alg == SIG_ED25519))
        FAIL(e, SELFSAME_BAD_CHAIN,
            "signature algorithm: expected one for the issuer's key, got %s",
            s->alg == SIG_ED25519 ? "Ed25519 for another key"
                                  : "another for an Ed25519 key");
    if (s->alg == SIG_ED25519) { /* signs the message itself */
        check.digest = s->tbs;
        *ret = check;
        return SELFSAME_OK;
    }
    if (!hash_bytes(s->hash, s->tbs, store))
        FAIL(e, SELFSAME_NOMEM, "certificate: out of memory for its digest");
    const struct curve *curve = curve_of(issuer->key_alg);
    if (curve != NULL) {
        check.alg = issuer->key_alg;
        check.signature = BYTES(store + HASH_MAX, 2 * curve->size);
        if (!sig_ecdsa_from_der(s->signature, curve->size, store + HASH_MAX))
            FAIL(e, SELFSAME_MALFORMED,
                "signature: expected a DER ECDSA-Sig-Value for %s, got other bytes",
                curve->name);
    }
    *ret = check;
    return SELFSAME_OK;
}

enum selfsame_code
cert_sig_check(const struct cert *child, const struct cert *issuer,
    uint8_t store[static 256], struct sig_check *ret, struct selfsame_err *e)
{
    const struct signed_by s = { .tbs = child->tbs,
        .signature = child->signature,
        .alg = child->sig_alg,
        .hash = child->sig_hash };

    return signed_check(&s, issuer, store, ret, e);
}
