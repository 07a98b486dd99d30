/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/snp.h"

/* AMD 56860, ATTESTATION_REPORT; offsets in README.md. */
enum { VERSION_MIN = 2, VERSION_MAX = 5, SIGNATURE_ECDSA_P384_SHA384 = 1 };
static const uint64_t policy_known = (UINT64_C(1) << 26) - 1;
/* Bit 6 is unnamed in the documents we know, and Turin's firmware sets it. */
static const uint64_t platform_known = 0xff;

const char *
snp_product_name(enum snp_product p)
{
    static const char *const names[] = { "unknown", "Milan", "Genoa", "Turin" };

    return p <= SNP_TURIN ? names[p] : names[0];
}

enum snp_product
snp_product_of_cpuid(uint8_t family, uint8_t model)
{
    if (family == 0x19 && model <= 0x0f)
        return SNP_MILAN;
    if (family == 0x19 && ((model >= 0x10 && model <= 0x1f) || (model & 0xf0) == 0xa0))
        return SNP_GENOA;
    if (family == 0x1a && model <= 0x11)
        return SNP_TURIN;
    return SNP_UNKNOWN;
}

struct snp_tcb
snp_tcb_of(uint64_t raw, enum snp_product p)
{
    const bool turin = p == SNP_TURIN;

#define BYTE(n) ((uint8_t)(raw >> (8 * (n))))
    return (struct snp_tcb){
        .fmc = turin ? BYTE(0) : 0,
        .bootloader = turin ? BYTE(1) : BYTE(0),
        .tee = turin ? BYTE(2) : BYTE(1),
        .snp = turin ? BYTE(3) : BYTE(6),
        .microcode = BYTE(7),
    };
#undef BYTE
}

uint64_t
snp_tcb_reserved(uint64_t raw, enum snp_product p)
{
    return raw & (p == SNP_TURIN ? UINT64_C(0x00ffffff00000000)
                                 : UINT64_C(0x0000ffffffff0000));
}

bool
snp_recognise(struct selfsame_bytes in)
{
    struct reader r = reader_of(in);
    uint32_t version = get_le32(&r);

    return in.len == SNP_REPORT_SIZE && version >= 1 && version <= 0xff;
}

static void
read_key_info(struct reader *r, struct snp_report *x, uint32_t *ret_bad)
{
    uint32_t info = get_le32(r);

    x->author_key_en = info & 1;
    x->mask_chip_key = info >> 1 & 1;
    x->signer = (enum snp_signer)(info >> 2 & 7);
    *ret_bad = info >> 5;
}

static void
read_versions(struct reader *r, struct snp_report *x)
{
    uint8_t *at[] = { x->current_version, x->committed_version };

    for (size_t i = 0; i < COUNT(at); i++) {
        at[i][2] = get_u8(r);
        at[i][1] = get_u8(r);
        at[i][0] = get_u8(r);
        get_zeros(r, 1);
    }
}

/* 0x50 to 0x17f: what the guest, its owner and its author put in. */
static void
read_guest(struct reader *r, struct snp_report *x)
{
    x->report_data = get_bytes(r, 64);
    x->measurement = get_bytes(r, SNP_DIGEST_SIZE);
    x->host_data = get_bytes(r, 32);
    x->id_key_digest = get_bytes(r, SNP_DIGEST_SIZE);
    x->author_key_digest = get_bytes(r, SNP_DIGEST_SIZE);
    x->report_id = get_bytes(r, 32);
    x->report_id_ma = get_bytes(r, 32);
}

/* 0x180 to 0x29f: the platform. */
static void
read_platform(struct reader *r, struct snp_report *x)
{
    x->reported_tcb = get_le64(r);
    if (x->version >= 3) {
        x->cpuid_family = get_u8(r);
        x->cpuid_model = get_u8(r);
        x->cpuid_stepping = get_u8(r);
    }
    get_zeros(r, x->version >= 3 ? 21 : 24);
    x->chip_id = get_bytes(r, SNP_CHIP_ID_SIZE);
    x->committed_tcb = get_le64(r);
    read_versions(r, x);
    x->launch_tcb = get_le64(r);
    if (x->version >= 5) {
        x->launch_mit = get_le64(r);
        x->current_mit = get_le64(r);
    }
    get_zeros(r, x->version >= 5 ? 152 : 168);
}

static enum selfsame_code
check_bits(const struct snp_report *x, uint32_t key_info_bad, struct selfsame_err *e)
{
    if (x->signer > SNP_VLEK && x->signer != SNP_UNSIGNED)
        FAIL(e, SELFSAME_MALFORMED, "SIGNING_KEY: expected VCEK, VLEK or none, got %u",
            (unsigned)x->signer);
    if (key_info_bad != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "key information: expected bits 5 to 31 to be zero, got 0x%x",
            key_info_bad << 5);
    if ((x->policy >> SNP_POLICY_ONE & 1) == 0 || (x->policy & ~policy_known) != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "POLICY: expected bit 17 set and bits 26 to 63 zero, got 0x%llx",
            (unsigned long long)x->policy);
    if ((x->platform_info & ~platform_known) != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "PLATFORM_INFO: expected bits 8 to 63 to be zero, got 0x%llx",
            (unsigned long long)x->platform_info);
    if (!x->author_key_en && !bytes_is_zero(x->author_key_digest))
        FAIL(e, SELFSAME_MALFORMED,
            "AUTHOR_KEY_DIGEST: expected zero without AUTHOR_KEY_EN, got a digest");
    return SELFSAME_OK;
}

enum selfsame_code
snp_parse(struct selfsame_bytes in, struct snp_report *ret, struct selfsame_err *e)
{
    struct snp_report x = { .raw = in };
    struct reader r = reader_of(in);
    uint32_t bad = 0;

    if (in.len != SNP_REPORT_SIZE)
        FAIL(e, SELFSAME_MALFORMED, "SNP report: expected %d bytes, got %zu",
            (int)SNP_REPORT_SIZE, in.len);
    x.version = get_le32(&r);
    if (x.version < VERSION_MIN || x.version > VERSION_MAX)
        FAIL(e, SELFSAME_UNSUPPORTED, "SNP report: expected version %d to %d, got %u",
            (int)VERSION_MIN, (int)VERSION_MAX, x.version);
    x.guest_svn = get_le32(&r);
    x.policy = get_le64(&r);
    x.family_id = get_bytes(&r, 16);
    x.image_id = get_bytes(&r, 16);
    x.vmpl = get_le32(&r);
    x.signature_algo = get_le32(&r);
    x.current_tcb = get_le64(&r);
    x.platform_info = get_le64(&r);
    read_key_info(&r, &x, &bad);
    get_zeros(&r, 4);
    read_guest(&r, &x);
    read_platform(&r, &x);
    if (r.bad)
        FAIL(e, SELFSAME_MALFORMED,
            "SNP report: expected its reserved bytes to be zero, got others");
    TRY(check_bits(&x, bad, e));
    if (x.signature_algo != SIGNATURE_ECDSA_P384_SHA384)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "SIGNATURE_ALGO: expected 1 (ECDSA P-384 with SHA-384), got %u",
            x.signature_algo);
    if (x.version >= 3 &&
        snp_product_of_cpuid(x.cpuid_family, x.cpuid_model) == SNP_UNKNOWN)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "processor: expected Milan, Genoa or Turin, got family 0x%x model 0x%x",
            x.cpuid_family, x.cpuid_model);
    *ret = x;
    return SELFSAME_OK;
}

enum selfsame_code
snp_signature(
    struct selfsame_bytes sig512, uint8_t ret[static 96], struct selfsame_err *e)
{
    struct reader r = reader_of(sig512);
    struct selfsame_bytes half[2];

    for (size_t i = 0; i < COUNT(half); i++) {
        half[i] = get_bytes(&r, 48);
        get_zeros(&r, SNP_SIG_HALF - 48);
    }
    get_zeros(&r, 512 - 2 * SNP_SIG_HALF);
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED,
            "SNP signature: expected 512 bytes, zero outside r and s, got others");
    for (size_t i = 0; i < 96; i++)
        ret[i] = half[i / 48].ptr[47 - i % 48];
    return SELFSAME_OK;
}
