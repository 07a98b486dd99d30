/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap.h"

/*
 * Quotes of version 3 (SGX), 4 and 5 (both): Intel's sgx_quote_3.h, sgx_quote_4.h and
 * sgx_quote_5.h. Lengths nest: each is the rest of what it stands in, to the byte.
 */
enum {
    HEADER = 48,
    KEY_ECDSA_P256 = 2,
    TDREPORT_SIZE = 1024, /* what the TDX module makes, with a key of this machine */
    TDREPORT_TYPE = 0x81,
    SGX_EREPORT_SIZE = 432,
};
static const uint8_t vendor_intel[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c,
    0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };

/* ---- SGX report bodies ---- */

enum selfsame_code
dcap_report_parse(
    struct selfsame_bytes raw384, struct dcap_report *ret, struct selfsame_err *e)
{
    struct dcap_report x = { .raw = raw384 };
    struct reader r = reader_of(raw384);

    x.cpu_svn = get_bytes(&r, 16);
    x.misc_select = get_le32(&r);
    x.cet_attributes = get_u8(&r);
    get_zeros(&r, 11);
    x.isv_ext_prod_id = get_bytes(&r, 16);
    x.flags = get_le64(&r);
    x.xfrm = get_le64(&r);
    x.mr_enclave = get_bytes(&r, 32);
    get_zeros(&r, 32);
    x.mr_signer = get_bytes(&r, 32);
    get_zeros(&r, 32);
    x.config_id = get_bytes(&r, 64);
    x.isv_prod_id = get_le16(&r);
    x.isv_svn = get_le16(&r);
    x.config_svn = get_le16(&r);
    get_zeros(&r, 42);
    x.isv_family_id = get_bytes(&r, 16);
    x.report_data = get_bytes(&r, 64);
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED,
            "SGX report: expected %d bytes, the reserved ones zero, got others",
            (int)DCAP_REPORT_SIZE);
    *ret = x;
    return SELFSAME_OK;
}

/* ---- header and body ---- */

/* What people take for quotes; both prove something to their own machine only. */
static enum selfsame_code
refuse_local(struct selfsame_bytes in, struct selfsame_err *e)
{
    const bool td = in.len == TDREPORT_SIZE && in.ptr[0] == TDREPORT_TYPE &&
                    in.ptr[1] == 0;
    const bool sgx = in.len == SGX_EREPORT_SIZE && in.ptr[1] != 0;

    if (!td && !sgx)
        return SELFSAME_OK;
    (void)err_set(e, SELFSAME_UNSUPPORTED, __FILE__, __LINE__,
        "expected a quote, got %s: only the machine that made it can check its MAC, so "
        "to others it proves nothing",
        td ? "a TDREPORT" : "432 bytes like an SGX REPORT");
    err_remedy(e, "Have the quoting enclave sign it: `selfsame attest` on that machine "
                  "asks for a quote.");
    return SELFSAME_UNSUPPORTED;
}

static enum selfsame_code
read_header(struct reader *r, struct dcap_quote *x, struct selfsame_err *e)
{
    x->version = get_le16(r);
    const uint16_t key_type = get_le16(r);
    const uint32_t tee = get_le32(r);
    const uint32_t svns = get_le32(r); /* version 3: of QE and PCE, copies */
    const struct selfsame_bytes vendor = get_bytes(r, sizeof(vendor_intel));

    x->user_data = get_bytes(r, 20);
    if (r->bad)
        FAIL(e, SELFSAME_MALFORMED, "quote: expected a header of %d bytes, got less",
            (int)HEADER);
    if (x->version < 3 || x->version > 5)
        FAIL(e, SELFSAME_UNSUPPORTED, "quote: expected version 3, 4 or 5, got %u%s",
            x->version,
            x->version == 1 || x->version == 2 ? " (EPID, whose service is no more)"
                                               : "");
    if (key_type != KEY_ECDSA_P256)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "quote: expected an attestation key of type 2 (ECDSA P-256), got type %u",
            key_type);
    if (!bytes_eq(vendor, BYTES_ARR(vendor_intel)))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "quote: expected the quoting enclave of Intel, got another vendor's");
    if (x->version == 3 && tee != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "quote: expected bytes 4 to 7 to be zero in version 3, got 0x%x", tee);
    if (x->version > 3 && svns != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "quote: expected bytes 8 to 11 to be zero in version %u, got others",
            x->version);
    if (tee != DCAP_SGX && tee != DCAP_TDX)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "quote: expected TEE type 0 (SGX) or 0x81 (TDX), got 0x%x", tee);
    x->tee = tee == DCAP_SGX ? DCAP_SGX : DCAP_TDX;
    return SELFSAME_OK;
}

static size_t
body_size(enum dcap_body kind)
{
    switch (kind) {
    case DCAP_BODY_SGX: return DCAP_REPORT_SIZE;
    case DCAP_BODY_TD10: return DCAP_TD10_SIZE;
    case DCAP_BODY_TD15: return DCAP_TD15_SIZE;
    }
    return 0;
}

/* Version 5 says which body follows and how long it is: one is what the other implies. */
static enum selfsame_code
read_kind(struct reader *r, struct dcap_quote *x, struct selfsame_err *e)
{
    x->kind = x->tee == DCAP_SGX ? DCAP_BODY_SGX : DCAP_BODY_TD10;
    if (x->version < 5)
        return SELFSAME_OK;
    const uint16_t type = get_le16(r);
    const uint32_t size = get_le32(r);

    if (r->bad)
        FAIL(e, SELFSAME_MALFORMED, "quote: it ends before its body");
    if (type < DCAP_BODY_SGX || type > DCAP_BODY_TD15)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "quote body: expected type 1 (SGX), 2 (TDX 1.0) or 3 (TDX 1.5), got %u",
            type);
    x->kind = (enum dcap_body)type;
    if ((x->kind == DCAP_BODY_SGX) != (x->tee == DCAP_SGX))
        FAIL(e, SELFSAME_MALFORMED,
            "quote body: expected one of the header's TEE, got type %u", type);
    if (size != body_size(x->kind))
        FAIL(e, SELFSAME_MALFORMED, "quote body: expected %zu bytes of type %u, got %u",
            body_size(x->kind), type, size);
    return SELFSAME_OK;
}

/* ---- signature data ---- */

static enum selfsame_code
read_certification(struct reader *r, struct dcap_quote *x, struct selfsame_err *e)
{
    const struct selfsame_bytes qe = get_bytes(r, DCAP_REPORT_SIZE);

    x->qe_signature = get_bytes(r, 64);
    x->qe_auth = get_bytes(r, get_le16(r));
    x->cert_type = get_le16(r);
    const uint32_t size = get_le32(r);
    if (r->bad || size != r->rest.len)
        FAIL(e, SELFSAME_MALFORMED,
            "certification data: expected it to end where the signature data ends, got "
            "%u bytes in the last %zu",
            size, r->rest.len);
    x->cert_data = get_bytes(r, size);
    if (x->cert_type < 1 || x->cert_type > DCAP_CERT_PCK_CHAIN)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "certification data: expected type 1 to 5, got %u", x->cert_type);
    TRY_WHILE(e, dcap_report_parse(qe, &x->qe, e), "report of the quoting enclave");
    return SELFSAME_OK;
}

static enum selfsame_code
read_signature(struct reader *r, struct dcap_quote *x, struct selfsame_err *e)
{
    x->signature = get_bytes(r, 64);
    x->key = get_bytes(r, 64);
    if (x->version > 3) {
        const uint16_t outer = get_le16(r);
        const uint32_t size = get_le32(r);

        if (!r->bad && outer != DCAP_CERT_QE_REPORT)
            FAIL(e, SELFSAME_UNSUPPORTED,
                "certification data: expected type 6 in version %u, got %u", x->version,
                outer);
        if (!r->bad && size != r->rest.len)
            FAIL(e, SELFSAME_MALFORMED,
                "certification data: expected the remaining %zu bytes, got %u",
                r->rest.len, size);
    }
    return read_certification(r, x, e);
}

enum selfsame_code
dcap_quote_parse(
    struct selfsame_bytes in, struct dcap_quote *ret, struct selfsame_err *e)
{
    struct dcap_quote x = { 0 };
    struct reader r = reader_of(in);

    if (in.len > DCAP_QUOTE_MAX)
        FAIL(e, SELFSAME_MALFORMED, "quote: expected at most %d bytes, got %zu",
            (int)DCAP_QUOTE_MAX, in.len);
    TRY(refuse_local(in, e));
    TRY(read_header(&r, &x, e));
    TRY(read_kind(&r, &x, e));
    x.body = get_bytes(&r, body_size(x.kind));
    x.signed_ = BYTES(in.ptr, in.len - r.rest.len);
    struct selfsame_bytes data = get_bytes(&r, get_le32(&r));
    if (r.bad)
        FAIL(e, SELFSAME_MALFORMED,
            "quote: expected its body and its signature data in %zu bytes, got less",
            in.len);
    x.trailer = r.rest.len;
    x.raw = BYTES(in.ptr, in.len - x.trailer);
    r = reader_of(data);
    TRY(read_signature(&r, &x, e));
    *ret = x;
    return SELFSAME_OK;
}

bool
dcap_quote_recognise(struct selfsame_bytes in, enum dcap_tee tee)
{
    struct selfsame_err ignored;
    struct dcap_quote x;
    struct reader r = reader_of(in);

    return read_header(&r, &x, &ignored) == SELFSAME_OK && x.tee == tee;
}
