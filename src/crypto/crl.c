/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crl.h"

#include "crypto/x509_internal.h"

/*
 * CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signature }
 * (RFC 5280 §5.1). Indirect and delta lists say something else about a serial
 * number; both are marked by critical extensions, and none is known here.
 */
#define OID(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
static const struct selfsame_bytes oid_aki = OID("\x55\x1d\x23");

enum { EXTENSIONS_MAX = 16 };

/* §5.2 and §5.3; `aki` NULL: of an entry. */
static void
read_extensions(struct der *list, struct selfsame_bytes *aki)
{
    size_t count = 0;

    if (!list->r.bad && der_done(list))
        der_fail(list, "a list of extensions is empty");
    while (!list->r.bad && !der_done(list)) {
        struct extension x = extension_next_strict(list);

        if (++count > EXTENSIONS_MAX)
            der_fail(list, "there are too many extensions");
        else if (x.critical)
            der_fail(list, "a critical extension is unknown (indirect or delta CRL?)");
        else if (aki != NULL && bytes_eq(x.oid, oid_aki)) {
            struct der d = der_of(x.value);

            if (aki->ptr != NULL)
                der_fail(list, "an extension is there twice");
            *aki = aki_read(&d);
            if (!der_done(&d))
                der_fail(list, "its authorityKeyIdentifier does not parse");
        }
    }
}

/* revokedCertificates: one entry; its serial number. */
static struct selfsame_bytes
next_entry(struct der *list)
{
    struct der in = der_enter(list, DER_SEQUENCE);
    struct selfsame_bytes serial = der_get_uint(&in);

    (void)der_get_time(&in);
    if (der_is(&in, DER_SEQUENCE)) {
        struct der more = der_enter(&in, DER_SEQUENCE);

        read_extensions(&more, NULL);
        der_absorb(&in, &more);
    }
    der_absorb(list, &in);
    return serial;
}

static void
read_entries(struct der *in, struct crl *c)
{
    struct der list;

    c->entries = der_get(in, DER_SEQUENCE);
    list = der_of(c->entries);
    if (!in->r.bad && c->entries.len == 0)
        der_fail(in, "its list of revoked certificates is empty");
    while (!list.r.bad && !der_done(&list))
        (void)next_entry(&list);
    if (!in->r.bad && list.r.bad)
        der_fail(in, list.why != NULL ? list.why : "an entry ends early");
}

static bool
is_time(const struct der *d)
{
    return der_is(d, DER_UTC_TIME) || der_is(d, DER_GENERALIZED_TIME);
}

static void
read_tbs(struct der *in, struct crl *c, struct selfsame_bytes *ret_alg)
{
    bool v2 = der_is(in, DER_INTEGER);

    if (v2 && der_get_small_uint(in) != 1)
        der_fail(in, "its version is not 2");
    *ret_alg = der_get_element(in);
    c->issuer = der_get_element(in);
    if (!in->r.bad && (!name_valid(c->issuer) || name_empty(c->issuer)))
        der_fail(in, "its issuer is not a name");
    c->this_update = der_get_time(in);
    c->has_next_update = is_time(in);
    if (c->has_next_update)
        c->next_update = der_get_time(in);
    if (der_is(in, DER_SEQUENCE))
        read_entries(in, c);
    if (v2 && der_is(in, DER_CONTEXT(0))) {
        struct der wrap = der_enter(in, DER_CONTEXT(0));
        struct der list = der_enter(&wrap, DER_SEQUENCE);

        read_extensions(&list, &c->aki);
        der_absorb(&wrap, &list);
        der_absorb(in, &wrap);
    }
}

enum selfsame_code
crl_parse(struct selfsame_bytes der, struct crl *ret, struct selfsame_err *e)
{
    struct crl c = { .der = der };
    struct der d = der_of(der);
    struct der in = der_enter(&d, DER_SEQUENCE);
    struct selfsame_bytes inner = BYTES_NONE;

    c.tbs = der_get_element(&in);
    struct selfsame_bytes outer = der_get_element(&in);
    c.signature = der_get_bits(&in);
    der_absorb(&d, &in);
    if (der_done(&d)) {
        struct der t = der_of(c.tbs);
        struct der tbs = der_enter(&t, DER_SEQUENCE);

        read_tbs(&tbs, &c, &inner);
        der_absorb(&t, &tbs);
        if (!der_done(&t))
            der_fail(&d, t.why != NULL ? t.why : "bytes follow its end");
    }
    if (d.r.bad || !der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "CRL of %zu bytes: %s", der.len,
            d.why != NULL ? d.why : "bytes follow its end");
    if (!bytes_eq(inner, outer))
        FAIL(e, SELFSAME_MALFORMED,
            "CRL: expected the same signature algorithm twice, got two");
    TRY_WHILE(e, sig_alg_parse(inner, &c.sig_alg, &c.sig_hash, e), "CRL");
    *ret = c;
    return SELFSAME_OK;
}

bool
crl_lists(const struct crl *crl, struct selfsame_bytes serial)
{
    struct der list = der_of(crl->entries);

    while (!list.r.bad && !der_done(&list))
        if (bytes_eq(next_entry(&list), serial))
            return true;
    return false;
}

static enum selfsame_code
check_times(const struct crl *crl, int64_t now, struct selfsame_err *e)
{
    char limit[TIME_TEXT], time[TIME_TEXT];

    time_format(now, time);
    if (!crl->has_next_update)
        FAIL(e, SELFSAME_REVOKED,
            "CRL: expected a nextUpdate, got none: nobody knows until when it holds");
    time_format(crl->this_update, limit);
    if (now < crl->this_update)
        FAIL(e, SELFSAME_REVOKED, "CRL: not valid before %s, checked at %s", limit,
            time);
    time_format(crl->next_update, limit);
    if (now > crl->next_update)
        FAIL(e, SELFSAME_REVOKED, "CRL: superseded since %s, checked at %s", limit,
            time);
    return SELFSAME_OK;
}

static enum selfsame_code
check_issuer(const struct crl *crl, const struct cert *issuer, struct selfsame_err *e)
{
    if (!bytes_eq(crl->issuer, issuer->subject))
        FAIL(e, SELFSAME_REVOKED, "CRL: expected the issuer's name, got another");
    if (crl->aki.ptr != NULL && issuer->ski.ptr != NULL &&
        !bytes_eq(crl->aki, issuer->ski))
        FAIL(e, SELFSAME_REVOKED,
            "CRL: expected its authority key identifier to be its issuer's, got "
            "another");
    if (issuer->has_usage && (issuer->usage & KU_CRL_SIGN) == 0)
        FAIL(e, SELFSAME_REVOKED, "CRL: its issuer may not sign CRLs (keyUsage)");
    return SELFSAME_OK;
}

/* Whatever is wrong with the signature: nothing is known about revocation then. */
static enum selfsame_code
check_signature(
    const struct crl *crl, const struct cert *issuer, struct selfsame_err *e)
{
    const struct signed_by s = { .tbs = crl->tbs,
        .signature = crl->signature,
        .alg = crl->sig_alg,
        .hash = crl->sig_hash };
    uint8_t store[256];
    struct sig_check check;

    enum selfsame_code code = signed_check(&s, issuer, store, &check, e);
    if (code == SELFSAME_OK)
        code = sig_verify(&check, e);
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    e->code = SELFSAME_REVOKED;
    return err_wrap(e, SELFSAME_REVOKED, __FILE__, __LINE__, "CRL: its signature");
}

enum selfsame_code
crl_verify(const struct crl *crl, const struct cert *issuer, int64_t now,
    struct cert_cache *cache, struct selfsame_err *e)
{
    uint8_t anchor[HASH_MAX];
    struct cert_cache_key key;

    TRY(check_issuer(crl, issuer, e));
    TRY(check_times(crl, now, e));
    if (cache != NULL && !(hash_bytes(HASH_SHA256, issuer->der, anchor) &&
                             cert_cache_key(crl->der, issuer, anchor, &key)))
        FAIL(e, SELFSAME_NOMEM, "CRL: out of memory for its digest");
    if (cache != NULL && cert_cache_has(cache, &key))
        return SELFSAME_OK;
    TRY(check_signature(crl, issuer, e));
    if (cache != NULL)
        cert_cache_put(cache, &key);
    return SELFSAME_OK;
}
