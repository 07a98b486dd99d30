/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/csr.h"

#include "crypto/internal.h"
#include "crypto/x509_internal.h"

/* [0] IMPLICIT SET OF Attribute { OID, SET OF value }; their order in the set is not looked at. */
static void
skip_attributes(struct der *info)
{
    struct der list = der_enter(info, DER_CONTEXT(0));

    while (!list.r.bad && !der_done(&list)) {
        struct der one = der_enter(&list, DER_SEQUENCE);

        (void)der_get(&one, DER_OID);
        struct der values = der_enter(&one, DER_SET);
        while (!values.r.bad && !der_done(&values))
            (void)der_get_element(&values);
        der_absorb(&one, &values);
        der_absorb(&list, &one);
    }
    der_absorb(info, &list);
}

/* CertificationRequestInfo, RFC 2986 §4.1 */
static enum selfsame_code
parse_info(struct csr *c, struct selfsame_err *e)
{
    struct der d = der_of(c->info);
    struct der in = der_enter(&d, DER_SEQUENCE);

    if (!in.r.bad && der_get_small_uint(&in) != 0)
        FAIL(e, SELFSAME_UNSUPPORTED, "CSR: expected version 0, got another");
    c->subject = der_get_element(&in);
    c->spki = der_get_element(&in);
    if (!in.r.bad && !name_valid(c->subject))
        der_fail(&in, "its subject is not a list of attributes");
    /* Some leave the attributes out where none is meant, though they are not OPTIONAL. */
    if (!in.r.bad && !der_done(&in))
        skip_attributes(&in);
    der_absorb(&d, &in);
    if (!der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "CSR: %s",
            d.why != NULL ? d.why : "bytes follow it");
    return SELFSAME_OK;
}

/* The same rules as for a certificate that is signed by its own key. */
static enum selfsame_code
check_signature(const struct csr *c, struct selfsame_bytes alg,
    struct selfsame_bytes signature, struct selfsame_err *e)
{
    const struct cert self = { .key_alg = c->key_alg, .key = c->key };
    struct signed_by s = { .tbs = c->info, .signature = signature };
    uint8_t store[256];
    struct sig_check check;

    if (alg_is_ed25519(alg))
        s.alg = SIG_ED25519;
    else
        TRY_WHILE(e, sig_alg_parse(alg, &s.alg, &s.hash, e), "CSR");
    TRY_WHILE(e, signed_check(&s, &self, store, &check, e), "CSR");
    TRY_WHILE(e, sig_verify(&check, e), "CSR");
    return SELFSAME_OK;
}

enum selfsame_code
csr_read(struct selfsame_bytes der, struct csr *ret, struct selfsame_err *e)
{
    struct der d = der_of(der);
    struct der in = der_enter(&d, DER_SEQUENCE);
    struct csr c = { .info = der_get_element(&in) };
    struct selfsame_bytes alg = der_get_element(&in), signature = der_get_bits(&in);

    der_absorb(&d, &in);
    if (der.len > CSR_MAX || !der_done(&d))
        FAIL(e, SELFSAME_MALFORMED, "CSR of %zu bytes: %s", der.len,
            der.len > CSR_MAX ? "it is too long"
            : d.why != NULL   ? d.why
                              : "bytes follow its end");
    TRY(parse_info(&c, e));
    TRY_WHILE(e, spki_parse(c.spki, &c.key_alg, &c.key, e), "CSR");
    TRY(check_signature(&c, alg, signature, e));
    *ret = c;
    return SELFSAME_OK;
}
