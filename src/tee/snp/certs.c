/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/der.h"
#include "tee/snp/snp.h"

/* ---- the host's certificate table (AMD 56421 §4.1.8.1, SNP_GET_EXT_REPORT) ---- */

enum { ENTRY = 24, ENTRIES_MAX = 32 };

/*
 * GUIDs as text says them, which is how hosts write them; the mixed-endian form of
 * UEFI is read as well.
 */
const uint8_t snp_guids[SNP_GUIDS][16] = {
    /* VCEK 63da758d-e664-4564-adc5-f4b93be8accd */
    { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b,
        0xe8, 0xac, 0xcd },
    /* VLEK a8074bc2-a25a-483e-aae6-39c045a0b8a1 */
    { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45,
        0xa0, 0xb8, 0xa1 },
    /* ASK, ASVK 4ab7b379-bbac-4fe4-a02f-05aef327c782 */
    { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3,
        0x27, 0xc7, 0x82 },
    /* ARK c0b406a4-a803-4952-9743-3fb6014cd0ae */
    { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01,
        0x4c, 0xd0, 0xae },
    /* CRL 92f81bc3-5811-4d3d-97ff-d19f88dc67ea */
    { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88,
        0xdc, 0x67, 0xea },
};

static bool
is_known(struct selfsame_bytes guid)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14,
        15 };

    for (size_t i = 0; i < SNP_GUIDS; i++) {
        uint8_t swapped[16];

        for (size_t j = 0; j < 16; j++)
            swapped[j] = snp_guids[i][order[j]];
        if (bytes_eq(guid, BYTES_ARR(snp_guids[i])) ||
            bytes_eq(guid, BYTES_ARR(swapped)))
            return true;
    }
    return false;
}

bool
snp_table_recognise(struct selfsame_bytes in)
{
    return in.len >= ENTRY &&
           (is_known(BYTES(in.ptr, 16)) || bytes_is_zero(BYTES(in.ptr, ENTRY)));
}

enum selfsame_code
snp_table_next(struct snp_table *t, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct selfsame_bytes rest = BYTES(t->blob.ptr + t->at, t->blob.len - t->at);
    struct reader r = reader_of(rest);

    *ret = BYTES_NONE;
    if (t->blob.len > SNP_CERTS_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate table: expected at most %d bytes, got %zu", (int)SNP_CERTS_MAX,
            t->blob.len);
    struct selfsame_bytes guid = get_bytes(&r, 16);
    uint64_t offset = get_le32(&r), size = get_le32(&r);
    if (r.bad || t->at / ENTRY >= ENTRIES_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate table: expected an entry of zeros to end it, got none");
    if (bytes_is_zero(BYTES(rest.ptr, ENTRY)))
        return SELFSAME_OK;
    t->at += ENTRY;
    if (offset < t->at || offset + size > t->blob.len || size == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "certificate table: expected entry %zu inside %zu bytes, got %llu bytes at "
            "%llu",
            t->at / ENTRY, t->blob.len, (unsigned long long)size,
            (unsigned long long)offset);
    if (!is_known(guid))
        return snp_table_next(t, ret, e);
    *ret = BYTES(t->blob.ptr + offset, (size_t)size);
    return SELFSAME_OK;
}

/* ---- the bundle ---- */

static enum selfsame_code
add_table(struct tee_bundle *b, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_err *e)
{
    struct snp_table t = { .blob = in };
    struct selfsame_bytes one;

    for (;;) {
        TRY(snp_table_next(&t, &one, e));
        if (one.ptr == NULL)
            return SELFSAME_OK;
        TRY(tee_bundle_add(b, one, arena, e));
    }
}

enum selfsame_code
snp_bundle_add(struct tee_bundle *b, struct selfsame_bytes in, struct arena *arena,
    struct selfsame_err *e)
{
    if (!snp_table_recognise(in))
        return tee_bundle_add(b, in, arena, e);
    return tee_bundle_put_aside(b, add_table(b, in, arena, e), arena, e);
}

/* ---- what a VCEK or VLEK says ---- */

#define AMD "\x2b\x06\x01\x04\x01\x9c\x78\x01" /* 1.3.6.1.4.1.3704.1 */
#define OID(s) BYTES_LIT(AMD s)

static bool
read_spl(const struct cert *c, struct selfsame_bytes oid, uint8_t *ret)
{
    struct der d = der_of(cert_extension(c, oid));
    uint64_t v = der_get_small_uint(&d);

    *ret = (uint8_t)v;
    return der_done(&d) && v <= 0xff;
}

/*
 * hwID: 64 bytes (Turin: 8) as they are on certificates of the KDS, or in an OCTET
 * STRING. The length tells, never the first byte: a raw one may begin with 04.
 */
static bool
read_hwid(struct selfsame_bytes value, struct selfsame_bytes *ret)
{
    if (value.len != SNP_CHIP_ID_SIZE && value.len != SNP_CHIP_ID_TURIN) {
        struct der d = der_of(value);

        value = der_get(&d, DER_OCTET_STRING);
        if (!der_done(&d))
            return false;
    }
    *ret = value;
    return value.len == SNP_CHIP_ID_SIZE || value.len == SNP_CHIP_ID_TURIN;
}

enum snp_product
snp_product_of_ca(struct selfsame_bytes cn, enum snp_signer kind)
{
    struct selfsame_bytes prefix = kind == SNP_VLEK ? BYTES_LIT("SEV-VLEK-")
                                                    : BYTES_LIT("SEV-");

    if (!bytes_has_prefix(cn, prefix))
        return SNP_UNKNOWN;
    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++)
        if (bytes_eq(BYTES(cn.ptr + prefix.len, cn.len - prefix.len),
                bytes_str(snp_product_name(p))))
            return p;
    return SNP_UNKNOWN;
}

static enum selfsame_code
read_tcb(const struct cert *c, struct snp_cert_claims *x, struct selfsame_err *e)
{
    bool good = read_spl(c, OID("\x03\x01"), &x->tcb.bootloader) &&
                read_spl(c, OID("\x03\x02"), &x->tcb.tee) &&
                read_spl(c, OID("\x03\x03"), &x->tcb.snp) &&
                read_spl(c, OID("\x03\x08"), &x->tcb.microcode);

    if (x->product == SNP_TURIN)
        good = good && read_spl(c, OID("\x03\x09"), &x->tcb.fmc);
    else
        good = good && cert_extension(c, OID("\x03\x09")).ptr == NULL;
    if (!good)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "%s: expected the security patch levels of %s, each 0 to 255, got others",
            x->kind == SNP_VLEK ? "VLEK" : "VCEK", snp_product_name(x->product));
    return SELFSAME_OK;
}

enum selfsame_code
snp_cert_claims(
    const struct cert *c, struct snp_cert_claims *ret, struct selfsame_err *e)
{
    struct selfsame_bytes cn = name_cn(c->subject);
    struct selfsame_bytes hwid = cert_extension(c, OID("\x04"));
    struct selfsame_bytes csp = cert_extension(c, OID("\x05"));
    struct snp_cert_claims x = { .kind = SNP_UNSIGNED };

    if (bytes_eq(cn, BYTES_LIT("SEV-VCEK")))
        x.kind = SNP_VCEK;
    else if (bytes_eq(cn, BYTES_LIT("SEV-VLEK")))
        x.kind = SNP_VLEK;
    else
        FAIL(e, SELFSAME_BAD_CHAIN,
            "leaf: expected common name SEV-VCEK or SEV-VLEK, got another");
    x.product = snp_product_of_ca(name_cn(c->issuer), x.kind);
    if (x.product == SNP_UNKNOWN)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "%s: expected an issuer of Milan, Genoa or Turin, got another",
            x.kind == SNP_VLEK ? "VLEK" : "VCEK");
    TRY(read_tcb(c, &x, e));
    if (x.kind == SNP_VCEK && (csp.ptr != NULL || !read_hwid(hwid, &x.hwid)))
        FAIL(e, SELFSAME_BAD_CHAIN,
            "VCEK: expected a hardware id of 64 or 8 bytes and no provider, got "
            "others");
    if (x.kind == SNP_VLEK && hwid.ptr != NULL)
        FAIL(e, SELFSAME_BAD_CHAIN, "VLEK: expected no hardware id, got one");
    if (x.kind == SNP_VLEK) {
        struct der d = der_of(csp);

        x.csp_id = der_get(&d, DER_IA5);
        if (!der_done(&d) || x.csp_id.len == 0)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "VLEK: expected the id of its provider, got none");
    }
    *ret = x;
    return SELFSAME_OK;
}
