/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/simulate_internal.h"

/* ---- what is to be said ---- */

static const struct snp_setup usual = {
    .product = SNP_MILAN,
    .signer = SNP_VCEK,
    .policy = UINT64_C(1) << SNP_POLICY_ONE | UINT64_C(1) << SNP_POLICY_SMT,
    .platform_info = 1 << SNP_PLATFORM_SMT | 1 << SNP_PLATFORM_ECC |
                     1 << SNP_PLATFORM_ALIAS_CHECK,
    .tcb = { .bootloader = 4, .snp = 24, .microcode = 219 },
    .family_id = SNP_SIMULATED,
    .image_id = SNP_SIMULATED,
};

static bool
take_product(const char *value, struct snp_setup *s)
{
    for (enum snp_product p = SNP_MILAN; p <= SNP_TURIN; p++)
        if (strcmp(value, snp_product_name(p)) == 0) {
            s->product = p;
            return true;
        }
    return false;
}

static bool
take_signer(const char *value, struct snp_setup *s)
{
    s->signer = strcmp(value, "vlek") == 0 ? SNP_VLEK : SNP_VCEK;
    return s->signer == SNP_VLEK || strcmp(value, "vcek") == 0;
}

static bool
take_bytes(const char *value, uint8_t *to, size_t size)
{
    size_t len = 0;

    return hex_decode(value, strlen(value), to, size, &len) && len == size;
}

/* A setting that is a number or bytes of a fixed size, and where it goes. */
static bool
take_field(const char *name, size_t name_len, const char *value, struct snp_setup *s,
    bool *ret_good)
{
    const struct {
        const char *name;
        uint64_t max; /* 0: bytes */
        uint64_t *number;
        uint8_t *bytes;
        size_t size;
    } fields[] = {
        { "version", 5, &s->version, NULL, 0 },
        { "vmpl", 3, &s->vmpl, NULL, 0 },
        { "guest_svn", UINT32_MAX, &s->guest_svn, NULL, 0 },
        { "policy", UINT64_MAX, &s->policy, NULL, 0 },
        { "platform_info", UINT64_MAX, &s->platform_info, NULL, 0 },
        { "tcb.fmc", 255, NULL, &s->tcb.fmc, 0 },
        { "tcb.bootloader", 255, NULL, &s->tcb.bootloader, 0 },
        { "tcb.tee", 255, NULL, &s->tcb.tee, 0 },
        { "tcb.snp", 255, NULL, &s->tcb.snp, 0 },
        { "tcb.microcode", 255, NULL, &s->tcb.microcode, 0 },
        { "chip_id", 0, NULL, s->chip_id, sizeof(s->chip_id) },
        { "host_data", 0, NULL, s->host_data, sizeof(s->host_data) },
        { "measurement", 0, NULL, s->measurement, sizeof(s->measurement) },
        { "id_key_digest", 0, NULL, s->id_key_digest, sizeof(s->id_key_digest) },
        { "author_key_digest", 0, NULL, s->author_key_digest,
            sizeof(s->author_key_digest) },
        { "family_id", 0, NULL, s->family_id, sizeof(s->family_id) },
        { "image_id", 0, NULL, s->image_id, sizeof(s->image_id) },
    };
    uint64_t n = 0;

    for (size_t i = 0; i < COUNT(fields); i++) {
        if (strlen(fields[i].name) != name_len ||
            strncmp(fields[i].name, name, name_len) != 0)
            continue;
        *ret_good = fields[i].max == 0
                        ? take_bytes(value, fields[i].bytes, fields[i].size)
                        : uint_parse(value, strlen(value), fields[i].max, &n);
        if (fields[i].number != NULL)
            *fields[i].number = n;
        else if (fields[i].max != 0)
            *fields[i].bytes = (uint8_t)n;
        return true;
    }
    return false;
}

static enum selfsame_code
take_setting(const char *setting, struct snp_setup *s, struct selfsame_err *e)
{
    size_t len = strcspn(setting, "=");
    const char *value = setting + len + (setting[len] == '=');
    bool good = false;

    if (len == 7 && strncmp(setting, "product", len) == 0)
        good = take_product(value, s);
    else if (len == 6 && strncmp(setting, "signer", len) == 0)
        good = take_signer(value, s);
    else if (!take_field(setting, len, value, s, &good)) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "--set: there is no setting of snp evidence called \"%.*s\"",
            len < 40 ? (int)len : 40, setting);
        err_remedy(e, "They are: product, signer, version, vmpl, guest_svn, policy, "
                      "platform_info, tcb.*, chip_id, host_data, measurement, "
                      "id_key_digest, author_key_digest, family_id, image_id.");
        return SELFSAME_USAGE;
    }
    if (!good)
        FAIL(e, SELFSAME_USAGE,
            "--set %.40s: expected Milan, Genoa or Turin; vcek or vlek; a number in "
            "its "
            "range; or hex digits of the field's size",
            setting);
    return SELFSAME_OK;
}

/* A version follows from the product, unless it was set. */
static enum selfsame_code
complete(struct snp_setup *s, struct selfsame_err *e)
{
    if (s->version == 0)
        s->version = s->product == SNP_TURIN ? 5 : 3;
    if (s->product == SNP_TURIN)
        memset(s->chip_id + SNP_CHIP_ID_TURIN, 0, SNP_CHIP_ID_SIZE - SNP_CHIP_ID_TURIN);
    if (s->signer == SNP_VLEK)
        memset(s->chip_id, 0, sizeof(s->chip_id));
    if (s->product != SNP_TURIN && s->tcb.fmc != 0)
        FAIL(e, SELFSAME_USAGE, "--set tcb.fmc: only Turin has it");
    if (s->defects & SIM_DEBUG)
        s->policy |= UINT64_C(1) << SNP_POLICY_DEBUG;
    return SELFSAME_OK;
}

enum selfsame_code
snp_sim_setup(const struct sim_pki *p, const struct sim_subject *subject,
    struct snp_setup *ret, struct selfsame_err *e)
{
    struct snp_setup s = usual;
    bool found = false;

    s.defects = subject->defects;
    memcpy(s.chip_id, p->chip_id, sizeof(s.chip_id));
    for (size_t i = 0; i < subject->measured_count && !found; i++) {
        const struct claim *c = &subject->measured[i];

        if (strcmp(c->path, "measurement") != 0)
            continue;
        if (c->kind != CLAIM_BYTES || c->bytes.len != SNP_DIGEST_SIZE)
            FAIL(e, SELFSAME_USAGE, "measurement: expected %d bytes, got %zu",
                (int)SNP_DIGEST_SIZE, c->bytes.len);
        memcpy(s.measurement, c->bytes.ptr, SNP_DIGEST_SIZE);
        found = true;
    }
    for (size_t i = 0; i < subject->setting_count; i++)
        TRY(take_setting(subject->settings[i], &s, e));
    TRY(complete(&s, e));
    *ret = s;
    return SELFSAME_OK;
}

/* ---- saying it ---- */

static void
put_tcb(struct writer *w, const struct snp_setup *s)
{
    const struct snp_tcb *t = &s->tcb;
    const uint8_t turin[8] = { t->fmc, t->bootloader, t->tee,
        t->snp, [7] = t->microcode };
    const uint8_t milan[8] = { t->bootloader, t->tee, [6] = t->snp, t->microcode };

    put_bytes(w, s->product == SNP_TURIN ? BYTES_ARR(turin) : BYTES_ARR(milan));
}

static uint32_t
key_info(const struct snp_setup *s)
{
    bool author = !bytes_is_zero(BYTES_ARR(s->author_key_digest));
    unsigned signer = s->defects & SIM_UNSIGNED ? (unsigned)SNP_UNSIGNED
                                                : (unsigned)s->signer;

    return (author ? 1u : 0u) | signer << 2;
}

/* 0x180 to 0x29f: the platform. */
static void
put_platform(struct writer *w, const struct snp_setup *s)
{
    static const uint8_t family[] = { 0, 0x19, 0x19, 0x1a },
                         model[] = { 0, 0x01, 0x11, 0x02 };
    static const uint8_t firmware[] = { 29, 55, 1, 0, 29, 55, 1, 0 };
    bool cpuid = s->version >= 3, mitigation = s->version >= 5;

    put_tcb(w, s); /* reported */
    put_u8(w, cpuid ? family[s->product] : 0);
    put_u8(w, cpuid ? model[s->product] : 0);
    put_u8(w, cpuid ? 1 : 0);
    put_u8(w, s->defects & SIM_RESERVED ? 1 : 0);
    put_zeros(w, 20);
    put_bytes(w, BYTES_ARR(s->chip_id));
    put_tcb(w, s); /* committed */
    put_bytes(w, BYTES_ARR(firmware));
    put_tcb(w, s); /* launch */
    put_le64(w, mitigation ? 3 : 0);
    put_le64(w, mitigation ? 3 : 0);
    put_zeros(w, 152);
}

static void
put_report(struct writer *w, const struct snp_setup *s, struct selfsame_bytes data64)
{
    uint8_t nobody[32], id[32];

    memset(nobody, 0xff, sizeof(nobody));
    memcpy(id, s->measurement, sizeof(id)); /* the same machine, the same id */
    put_le32(w, (uint32_t)s->version);
    put_le32(w, (uint32_t)s->guest_svn);
    put_le64(w, s->policy);
    put_bytes(w, BYTES_ARR(s->family_id));
    put_bytes(w, BYTES_ARR(s->image_id));
    put_le32(w, (uint32_t)s->vmpl);
    put_le32(w, s->defects & SIM_WRONG_ALG ? 2 : 1);
    put_tcb(w, s); /* current */
    put_le64(w, s->platform_info);
    put_le64(w, key_info(s));
    put_bytes(w, data64);
    if (s->defects & SIM_WRONG_BINDING && !w->bad)
        w->ptr[w->len - 1] ^= 1;
    put_bytes(w, BYTES_ARR(s->measurement));
    put_bytes(w, BYTES_ARR(s->host_data));
    put_bytes(w, BYTES_ARR(s->id_key_digest));
    put_bytes(w, BYTES_ARR(s->author_key_digest));
    put_bytes(w, BYTES_ARR(id));
    put_bytes(w, BYTES_ARR(nobody));
    put_platform(w, s);
}

/* r and s little-endian, 72 bytes each, and zeros up to 512. */
static enum selfsame_code
put_signature(const struct sim_pki *p, const struct snp_setup *s, struct writer *w,
    struct arena *arena, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct selfsame_bytes rs;

    if (!hash_bytes(HASH_SHA384, writer_bytes(w), digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(key_sign(p->leaf, HASH_SHA384, BYTES(digest, 48), arena, &rs, e));
    for (size_t half = 0; half < 2; half++) {
        for (size_t i = 0; i < 48; i++)
            put_u8(w, rs.ptr[48 * half + 47 - i]);
        put_zeros(w, SNP_SIG_HALF - 48);
    }
    put_zeros(w, 512 - 2 * SNP_SIG_HALF);
    if (s->defects & SIM_BAD_SIGNATURE && !w->bad)
        w->ptr[SNP_SIGNED_SIZE] ^= 1;
    return SELFSAME_OK;
}

enum selfsame_code
snp_sim_report(const struct sim_pki *p, const struct snp_setup *s,
    struct selfsame_bytes report_data, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    uint8_t data64[64] = { 0 }, *buf = arena_alloc(arena, 1, SNP_REPORT_SIZE + 1);
    struct writer w = writer_of(buf, SNP_REPORT_SIZE);

    if (report_data.len > sizeof(data64))
        FAIL(e, SELFSAME_USAGE, "report data: expected at most %zu bytes, got %zu",
            sizeof(data64), report_data.len);
    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (report_data.len > 0)
        memcpy(data64, report_data.ptr, report_data.len);
    put_report(&w, s, BYTES_ARR(data64));
    TRY(put_signature(p, s, &w, arena, e));
    if (w.bad || w.len != SNP_REPORT_SIZE)
        FAIL(e, SELFSAME_INTERNAL, "simulated report: expected %d bytes, got %zu",
            (int)SNP_REPORT_SIZE, w.len);
    *ret = writer_bytes(&w);
    if (s->defects & SIM_TRAILING_BYTE)
        ret->len++;
    if (s->defects & SIM_TRUNCATED)
        ret->len--;
    return SELFSAME_OK;
}
