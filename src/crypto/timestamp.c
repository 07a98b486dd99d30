/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/timestamp.h"

#include "crypto/x509_internal.h"

#define LIT(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
#define PKCS "\x2a\x86\x48\x86\xf7\x0d\x01"

static const struct selfsame_bytes oid_signed_data = LIT(PKCS "\x07\x02");
static const struct selfsame_bytes oid_tst_info = LIT(PKCS "\x09\x10\x01\x04");
static const struct selfsame_bytes oid_content_type = LIT(PKCS "\x09\x03");
static const struct selfsame_bytes oid_message_digest = LIT(PKCS "\x09\x04");
static const struct selfsame_bytes oid_certificate_v1 = LIT(PKCS "\x09\x10\x02\x0c");
static const struct selfsame_bytes oid_certificate_v2 = LIT(PKCS "\x09\x10\x02\x2f");
static const struct selfsame_bytes alg_rsa = LIT(
    "\x30\x0d\x06\x09" PKCS "\x01\x01\x05\x00");

static const struct selfsame_bytes critical[] = { LIT("\x55\x1d\x25"),
    LIT("\x55\x1d\x11") };
const struct cert_profile timestamp_profile = {
    .handled = critical, .handled_count = COUNT(critical), .ed25519 = true
};

/* ---- reading ---- */

static void
want(struct der *d, bool good, const char *why)
{
    if (!d->r.bad && !good)
        der_fail(d, why);
}

static enum hash_alg
get_hash(struct der *d)
{
    enum hash_alg h = hash_alg_read(d);

    want(d, h != 0, "a digest that is none of SHA-256, -384 and -512");
    return h;
}

/* RFC 3161 §2.4.2: fractions of seconds are allowed, without zeros behind them. */
static void
read_time(struct der *d, struct timestamp *t)
{
    struct selfsame_bytes b = der_get(d, DER_GENERALIZED_TIME);
    uint8_t whole[2 + 15] = { DER_GENERALIZED_TIME, 15 };
    bool good = b.len >= 15 && b.len <= 32 && b.ptr[b.len - 1] == 'Z';

    if (good && b.len > 15) {
        good = b.len > 16 && b.ptr[14] == '.' && b.ptr[b.len - 2] != '0';
        for (size_t i = 15; i + 1 < b.len; i++)
            good = good && b.ptr[i] >= '0' && b.ptr[i] <= '9';
    }
    want(d, good, "a time is not YYYYMMDDHHMMSS[.f]Z");
    if (d->r.bad)
        return;
    t->fraction = b.len > 15;
    memcpy(whole + 2, b.ptr, 14);
    whole[16] = 'Z';
    struct der in = der_of(BYTES_ARR(whole));
    t->time_s = der_get_time(&in);
    der_absorb(d, &in);
}

/* TSTInfo (RFC 3161 §2.4.2); extensions are refused, as none is known. */
static void
read_info(struct der *out, struct selfsame_bytes content, struct timestamp *t)
{
    struct der d = der_of(content);
    struct der in = der_enter(&d, DER_SEQUENCE);

    want(&in, der_get_small_uint(&in) == 1, "a TSTInfo of another version");
    (void)der_get(&in, DER_OID);
    struct der imprint = der_enter(&in, DER_SEQUENCE);
    t->imprint_hash = get_hash(&imprint);
    t->imprint = der_get(&imprint, DER_OCTET_STRING);
    want(&imprint, t->imprint.len == hash_size(t->imprint_hash),
        "an imprint not as long as its digest");
    der_absorb(&in, &imprint);
    (void)der_get(&in, DER_INTEGER);
    read_time(&in, t);
    if (der_is(&in, DER_SEQUENCE))
        (void)der_get(&in, DER_SEQUENCE); /* accuracy */
    if (der_is(&in, DER_BOOLEAN))
        (void)der_get_bool(&in); /* ordering */
    if (der_is(&in, DER_INTEGER))
        (void)der_get(&in, DER_INTEGER); /* nonce: we asked nothing */
    if (der_is(&in, DER_CONTEXT(0)))
        (void)der_get(&in, DER_CONTEXT(0)); /* the authority's name, unused */
    der_absorb(&d, &in);
    der_absorb(out, &d);
}

/* SigningCertificateV2 (RFC 5035 §3): the first ESSCertIDv2 names the signer's. */
static void
read_certificate_id(struct der *value, struct timestamp *t)
{
    struct der in = der_enter(value, DER_SEQUENCE);
    struct der list = der_enter(&in, DER_SEQUENCE);
    struct der id = der_enter(&list, DER_SEQUENCE);

    t->cert_hash = der_is(&id, DER_SEQUENCE) ? get_hash(&id) : HASH_SHA256;
    t->cert_digest = der_get(&id, DER_OCTET_STRING);
    want(&id, t->cert_digest.len == hash_size(t->cert_hash),
        "a certificate's digest of another length");
    if (der_is(&id, DER_SEQUENCE))
        (void)der_get(&id, DER_SEQUENCE); /* issuerSerial: the SignerInfo's counts */
    der_absorb(&list, &id);
    if (list.r.bad)
        der_absorb(&in, &list);
    if (in.r.bad)
        der_absorb(value, &in);
}

/* CMS §5.3: each at most once, with one value. */
static void
read_attributes(
    struct der *out, struct selfsame_bytes element, struct timestamp *t, bool *ret_sha1)
{
    struct der whole = der_of(element);
    struct der list = der_enter(&whole, DER_CONTEXT(0));
    unsigned types = 0;

    while (!list.r.bad && !der_done(&list)) {
        struct der one = der_enter(&list, DER_SEQUENCE);
        struct selfsame_bytes oid = der_get(&one, DER_OID);
        struct der value = der_enter(&one, DER_SET);

        if (bytes_eq(oid, oid_content_type)) {
            want(&value, types++ == 0, "a content type twice");
            want(&value, bytes_eq(der_get(&value, DER_OID), oid_tst_info),
                "a content type that is no TSTInfo");
        } else if (bytes_eq(oid, oid_message_digest)) {
            want(&value, t->content_digest.ptr == NULL, "a message digest twice");
            t->content_digest = der_get(&value, DER_OCTET_STRING);
        } else if (bytes_eq(oid, oid_certificate_v2)) {
            want(&value, t->cert_digest.ptr == NULL, "a signing certificate twice");
            read_certificate_id(&value, t);
        } else {
            *ret_sha1 = *ret_sha1 || bytes_eq(oid, oid_certificate_v1);
            (void)der_get_element(&value); /* signingTime and others */
        }
        der_absorb(&one, &value);
        der_absorb(&list, &one);
    }
    der_absorb(out, &list);
    want(out, types == 1 && t->content_digest.ptr != NULL,
        "no content type or message digest among the signed attributes");
}

static void
read_signer(struct der *d, struct timestamp *t)
{
    uint64_t version = der_get_small_uint(d);

    if (der_is(d, DER_CONTEXT_PRIMITIVE(0))) {
        want(d, version == 3, "a SignerInfo of another version");
        t->key_id = der_get(d, DER_CONTEXT_PRIMITIVE(0));
        want(d, t->key_id.len > 0, "an empty key identifier");
        return;
    }
    want(d, version == 1, "a SignerInfo of another version");
    struct der id = der_enter(d, DER_SEQUENCE);
    t->issuer = der_get_element(&id);
    t->serial = der_get_uint(&id);
    der_absorb(d, &id);
}

/* The signature algorithm, which must use the digest named beside it. */
static enum selfsame_code
read_algorithm(struct selfsame_bytes alg, struct timestamp *t, struct selfsame_err *e)
{
    enum hash_alg hash = t->digest;

    if (alg_is_ed25519(alg))
        t->alg = SIG_ED25519;
    else if (bytes_eq(alg, alg_rsa)) /* CMS §10.1.2, RFC 3370 §3.2 */
        t->alg = SIG_RSA_PKCS1;
    else
        TRY_WHILE(e, sig_alg_parse(alg, &t->alg, &hash, e), "time stamp");
    if (hash != t->digest)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "time stamp: expected one digest for content and signature, got two");
    return SELFSAME_OK;
}

/* SignedData (CMS §5.1) from its version on; *ret_alg: of the signature. */
static void
read_signed_data(struct der *d, struct timestamp *t, struct selfsame_bytes *ret_alg)
{
    want(d, der_get_small_uint(d) == 3, "a SignedData of another version");
    struct der digests = der_enter(d, DER_SET);
    unsigned known = 0;
    while (!digests.r.bad && !der_done(&digests))
        known |= 1u << hash_alg_read(&digests);
    der_absorb(d, &digests);
    struct der content = der_enter(d, DER_SEQUENCE);
    want(&content, bytes_eq(der_get(&content, DER_OID), oid_tst_info),
        "a content that is no TSTInfo");
    struct der wrap = der_enter(&content, DER_CONTEXT(0));
    t->content = der_get(&wrap, DER_OCTET_STRING);
    der_absorb(&content, &wrap);
    der_absorb(d, &content);
    if (der_is(d, DER_CONTEXT(0)))
        t->certificates = der_get(d, DER_CONTEXT(0));
    if (der_is(d, DER_CONTEXT(1)))
        (void)der_get(d, DER_CONTEXT(1)); /* CRLs: none is asked for */
    struct der set = der_enter(d, DER_SET);
    struct der in = der_enter(&set, DER_SEQUENCE);
    read_signer(&in, t);
    t->digest = get_hash(&in);
    want(&in, (known >> t->digest & 1) != 0, "a signer's digest that is not listed");
    t->attributes = der_is(&in, DER_CONTEXT(0)) ? der_get_element(&in) : BYTES_NONE;
    *ret_alg = der_get_element(&in);
    t->signature = der_get(&in, DER_OCTET_STRING);
    if (der_is(&in, DER_CONTEXT(1)))
        (void)der_get(&in, DER_CONTEXT(1)); /* attributes that nobody signed */
    der_absorb(&set, &in);
    der_absorb(d, &set);
}

enum selfsame_code
timestamp_parse(
    struct selfsame_bytes der, struct timestamp *ret, struct selfsame_err *e)
{
    struct timestamp t = { .fraction = false };
    struct selfsame_bytes alg = BYTES_NONE;
    bool sha1 = false;
    struct der d = der_of(der);
    struct der response = der_enter(&d, DER_SEQUENCE);
    struct der status = der_enter(&response, DER_SEQUENCE);
    uint64_t granted = der_get_small_uint(&status);

    if (!status.r.bad && granted > 1)
        FAIL(e, SELFSAME_MALFORMED, "time stamp: expected status 0 or 1, got %u",
            (unsigned)(granted < 99 ? granted : 99));
    struct der info = der_enter(&response, DER_SEQUENCE);
    want(&info, bytes_eq(der_get(&info, DER_OID), oid_signed_data),
        "a token that is no SignedData");
    struct der wrap = der_enter(&info, DER_CONTEXT(0));
    struct der data = der_enter(&wrap, DER_SEQUENCE);
    read_signed_data(&data, &t, &alg);
    read_info(&data, t.content, &t);
    read_attributes(&data, t.attributes, &t, &sha1);
    der_absorb(&wrap, &data);
    der_absorb(&info, &wrap);
    der_absorb(&response, &info);
    der_absorb(&d, &response);
    if (!der_done(&d) || status.r.bad)
        FAIL(e, SELFSAME_MALFORMED, "time stamp of %zu bytes: %s", der.len,
            d.why != NULL ? d.why : "bytes follow its end");
    if (t.cert_digest.ptr == NULL)
        FAIL(e, sha1 ? SELFSAME_UNSUPPORTED : SELFSAME_MALFORMED,
            "time stamp: expected its signing certificate (ESSCertIDv2) among the "
            "signed attributes, got %s",
            sha1 ? "a SHA-1 of it" : "none");
    TRY(read_algorithm(alg, &t, e));
    *ret = t;
    return SELFSAME_OK;
}

/* ---- verifying ---- */

static bool
is_signer(const struct timestamp *t, const struct cert *c)
{
    uint8_t digest[HASH_MAX];
    bool named = t->key_id.ptr != NULL
                     ? bytes_eq(t->key_id, c->ski)
                     : bytes_eq(t->issuer, c->issuer) && bytes_eq(t->serial, c->serial);

    return named && hash_bytes(t->cert_hash, c->der, digest) &&
           bytes_eq(BYTES(digest, hash_size(t->cert_hash)), t->cert_digest);
}

/* The signer among the certificates that the token brings; others are not looked at. */
static bool
find_embedded(const struct timestamp *t, struct cert *ret)
{
    struct der list = der_of(t->certificates);
    struct selfsame_err ignored = { 0 };
    enum { CERTIFICATES_MAX = 16 };

    for (size_t i = 0; i < CERTIFICATES_MAX && !list.r.bad && !der_done(&list); i++) {
        struct selfsame_bytes der = der_get_element(&list);
        struct cert c;

        if (!list.r.bad &&
            cert_parse_as(der, &timestamp_profile, &c, &ignored) == SELFSAME_OK &&
            is_signer(t, &c)) {
            *ret = c;
            return true;
        }
    }
    return false;
}

/* From the anchor down to the signer; false: the authority did not issue it. */
static bool
build_chain(const struct timestamp *t, const struct cert *authority, size_t count,
    struct chain *ret)
{
    struct cert signer;
    size_t next = 0;

    if (is_signer(t, &authority[0])) {
        signer = authority[0];
        next = 1;
    } else {
        if (!find_embedded(t, &signer))
            return false;
        while (next < count && !bytes_eq(authority[next].subject, signer.issuer))
            next++;
    }
    if (next >= count || count - next > CHAIN_MAX)
        return false;
    *ret = (struct chain){ .anchor = authority[count - 1] };
    for (size_t i = count - 1; i-- > next;)
        ret->cert[ret->count++] = authority[i];
    ret->cert[ret->count++] = signer;
    return true;
}

bool
timestamp_names(const struct timestamp *t, const struct cert *authority, size_t count)
{
    struct chain c;

    return count > 0 && build_chain(t, authority, count, &c);
}

/* RFC 3161 §2.3: the purpose alone, critical; and a CA's must not exclude it. */
static enum selfsame_code
check_purpose(const struct chain *c, struct selfsame_err *e)
{
    const struct cert *signer = &c->cert[c->count - 1];

    if (cert_purpose_of(signer, OID_PURPOSE_TIME) != PURPOSE_ONLY ||
        !cert_extension_critical(signer, OID_EXT_PURPOSE))
        FAIL(e, SELFSAME_BAD_CHAIN,
            "time stamp: expected a signer for time stamping alone (extendedKeyUsage, "
            "critical), got another");
    for (size_t i = 0; i < c->count - 1; i++)
        if (cert_purpose_of(&c->cert[i], OID_PURPOSE_TIME) == PURPOSE_OTHER)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "time stamp: expected a CA that may issue for time stamping, got "
                "another");
    return SELFSAME_OK;
}

static enum selfsame_code
check_signature(const struct timestamp *t, const struct cert *signer,
    struct arena *arena, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX], store[256];
    uint8_t *set = arena_alloc(arena, 1, t->attributes.len);
    struct sig_check check;

    if (set == NULL || !hash_bytes(t->digest, t->content, digest))
        FAIL(e, SELFSAME_NOMEM, "time stamp: out of memory");
    if (!bytes_eq(BYTES(digest, hash_size(t->digest)), t->content_digest))
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "time stamp: expected the digest of its content among the signed "
            "attributes, got another");
    /* CMS §5.4: what is signed is the SET OF, not its [0]. */
    memcpy(set, t->attributes.ptr, t->attributes.len);
    set[0] = DER_SET;
    const struct signed_by s = { .tbs = BYTES(set, t->attributes.len),
        .signature = t->signature,
        .alg = t->alg,
        .hash = t->digest };
    TRY(signed_check(&s, signer, store, &check, e));
    return sig_verify(&check, e);
}

enum selfsame_code
timestamp_verify(const struct timestamp *t, struct selfsame_bytes message,
    const struct cert *authority, size_t count, struct arena *arena,
    struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct chain chain;

    if (!hash_bytes(t->imprint_hash, message, digest))
        FAIL(e, SELFSAME_NOMEM, "time stamp: out of memory");
    if (!bytes_eq(BYTES(digest, hash_size(t->imprint_hash)), t->imprint))
        FAIL(e, SELFSAME_MISMATCH,
            "time stamp: expected one of these %zu bytes, got one of others",
            message.len);
    if (count == 0 || !build_chain(t, authority, count, &chain))
        FAIL(e, SELFSAME_BAD_CHAIN,
            "time stamp: expected a signer of the trusted authority, got another");
    TRY(check_purpose(&chain, e));
    TRY_WHILE(e, chain_verify(&chain, t->time_s, NULL, e), "time stamp");
    if (t->fraction)
        TRY_WHILE(e, chain_verify(&chain, t->time_s + 1, NULL, e), "time stamp");
    return check_signature(t, &chain.cert[chain.count - 1], arena, e);
}
