/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which extension of a certificate counts, and what proves its key. Object identifiers
 * are compared as bytes: one of them (Gramine's) is no sensible identifier at all.
 */
#include "appraise/ratls.h"
#include "codec/der.h"

#define OID(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

/*
 * The standard form first: a certificate may carry the same evidence, or older evidence,
 * in others for older readers, and one form suffices to judge.
 */
static const struct form {
    enum ratls_form form;
    struct selfsame_bytes oid;
    enum selfsame_code (*read)(struct selfsame_bytes value, struct arena *arena,
        struct ratls *r, struct selfsame_err *e);
} forms[] = {
    { RATLS_DICE, OID("\x67\x81\x05\x05\x04\x09"), ratls_read_dice },
    { RATLS_CMW, OID("\x2b\x06\x01\x05\x05\x07\x01\x23"), ratls_read_cmw },
    { RATLS_OE_EVIDENCE, OID("\x2b\x06\x01\x04\x01\x82\x37\x69\x02"),
        ratls_read_oe_evidence },
    { RATLS_OE_EVIDENCE, OID("\x2a\x86\x48\x86\xf7\x14\x0a\x01\x02"),
        ratls_read_oe_evidence },
    { RATLS_OE_REPORT, OID("\x2b\x06\x01\x04\x01\x82\x37\x69\x01"),
        ratls_read_oe_report },
    { RATLS_OE_REPORT, OID("\x2a\x86\x48\x86\xf7\x14\x0a\x01\x01"),
        ratls_read_oe_report },
    { RATLS_DSTACK, OID("\x2b\x06\x01\x04\x01\x83\xe7\x3d\x01\x01"),
        ratls_read_dstack },
    { RATLS_GRAMINE, OID("\x06\x09\x2a\x86\x48\x86\xf8\x4d\x8a\x39\x06"),
        ratls_read_gramine },
    { RATLS_INTEL, OID("\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01"), ratls_read_intel },
};

const char *
ratls_form_text(enum ratls_form form)
{
    switch (form) {
    case RATLS_NONE: return "no evidence";
    case RATLS_DICE: return "TCG DICE tagged evidence";
    case RATLS_CMW: return "conceptual message wrapper";
    case RATLS_OE_EVIDENCE: return "Open Enclave evidence";
    case RATLS_OE_REPORT: return "Open Enclave report";
    case RATLS_DSTACK: return "dstack quote";
    case RATLS_GRAMINE: return "Gramine quote";
    case RATLS_INTEL: return "Intel SGX SDK quote";
    case RATLS_NAME: return "Nitro document in a name";
    }
    return "unknown";
}

static enum selfsame_code
parse_foreign(struct selfsame_bytes der, struct cert *ret, struct selfsame_err *e)
{
    const struct cert_profile foreign = { .foreign = true };

    return cert_parse_as(der, &foreign, ret, e);
}

/* Intel uses one identifier for quotes and for what PCK certificates say of a platform. */
static bool
is_evidence(const struct form *f, struct selfsame_bytes value)
{
    return f->form != RATLS_INTEL || value.len == 0 || value.ptr[0] != DER_SEQUENCE;
}

/* Which of two would count is a question that an attacker may answer: neither does. */
static enum selfsame_code
find_one(const struct cert *c, const struct form *f, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    if (cert_extension_count(c, f->oid) > 1)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate: expected one extension with %s, got %zu",
            ratls_form_text(f->form), cert_extension_count(c, f->oid));
    *ret = cert_extension(c, f->oid);
    if (!is_evidence(f, *ret))
        *ret = BYTES_NONE;
    return SELFSAME_OK;
}

static enum selfsame_code
read_first(struct ratls *r, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes value;

    for (size_t i = 0; i < COUNT(forms); i++) {
        TRY(find_one(&r->cert, &forms[i], &value, e));
        if (value.ptr == NULL)
            continue;
        if (r->form != RATLS_NONE) {
            r->others |= 1u << forms[i].form;
            continue;
        }
        r->form = forms[i].form;
        TRY_WHILE(e, forms[i].read(value, arena, r, e), "certificate with %s",
            ratls_form_text(r->form));
    }
    return SELFSAME_OK;
}

enum selfsame_code
ratls_parse(struct selfsame_bytes der, struct arena *arena, struct ratls *ret,
    struct selfsame_err *e)
{
    struct ratls r = { .form = RATLS_NONE };

    TRY(parse_foreign(der, &r.cert, e));
    TRY(read_first(&r, arena, e));
    const struct selfsame_bytes names = cert_extension(&r.cert, OID_EXT_ALT_NAME);
    if (r.form == RATLS_NONE && names.ptr != NULL)
        TRY(ratls_read_name(names, arena, &r, e));
    if (r.form == RATLS_NONE)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "certificate of %zu bytes: no extension with evidence in it", der.len);
    if (cert_extension_count(&r.cert, RATLS_OID_ENDORSEMENTS) > 1)
        FAIL(e, SELFSAME_MALFORMED, "certificate: endorsements are there twice");
    const struct selfsame_bytes more = cert_extension(&r.cert, RATLS_OID_ENDORSEMENTS);
    if (r.form == RATLS_DICE && more.ptr != NULL)
        TRY(ratls_read_endorsements(more, &r, e));
    *ret = r;
    return SELFSAME_OK;
}

/* "8444a1…": the first bytes of each Nitro document as a label, in a name of any kind. */
static bool
has_document(const struct cert *c)
{
    static const char start[] = "8444a1";
    struct selfsame_bytes v = cert_extension(c, OID_EXT_ALT_NAME);

    for (size_t i = 0; i + sizeof(start) - 1 <= v.len; i++)
        if (bytes_has_prefix(BYTES(v.ptr + i, v.len - i), BYTES_LIT(start)))
            return true;
    return false;
}

bool
ratls_recognise(struct selfsame_bytes der)
{
    struct selfsame_err ignored;
    struct cert c;

    if (parse_foreign(der, &c, &ignored) != SELFSAME_OK)
        return false;
    for (size_t i = 0; i < COUNT(forms); i++)
        if (cert_extension_count(&c, forms[i].oid) > 0 &&
            is_evidence(&forms[i], cert_extension(&c, forms[i].oid)))
            return true;
    return has_document(&c);
}

enum selfsame_code
ratls_self_signed(const struct ratls *r, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct sig_check check;
    uint8_t store[256];

    if (r->cert.key_alg == SIG_NONE || r->cert.sig_alg == SIG_NONE)
        FAIL(e, SELFSAME_UNBOUND,
            "the certificate's key or signature is of an algorithm that is not "
            "verified here, so nothing shows that its maker held the key");
    enum selfsame_code c = cert_sig_check(&r->cert, &r->cert, store, &check, &why);
    if (c == SELFSAME_OK)
        c = sig_verify(&check, &why);
    if (c == SELFSAME_NOMEM)
        FAIL(e, SELFSAME_NOMEM, "no room for the certificate's signature");
    if (c != SELFSAME_OK)
        FAIL(e, SELFSAME_UNBOUND,
            "the certificate is not signed by its own key, so nothing shows that its "
            "maker held the key");
    return SELFSAME_OK;
}
