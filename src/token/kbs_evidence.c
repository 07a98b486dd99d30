/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attesters of Confidential Containers send quotes of Intel as they are, in base64, and
 * reports of AMD as JSON of what they parsed (virtee/sev's AttestationReport). From that the
 * signed 1,184 bytes are put together again; the signature tells whether they are the same.
 */
#include "token/kbs.h"

#include "codec/cmw.h"

enum { SNP_SIZE = 1184, CERTS_MAX = 16, CERT_MAX = 8192, LOG_MAX = 512 << 10 };

/* ---- numbers and lists of them ---- */

static enum selfsame_code
number(const json_t *j, const char *name, uint64_t max, uint64_t *ret,
    struct selfsame_err *e)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        (uint64_t)json_integer_value(v) > max)
        FAIL(e, SELFSAME_MALFORMED, "\"%s\": expected a whole number within its bounds",
            name);
    *ret = (uint64_t)json_integer_value(v);
    return SELFSAME_OK;
}

static enum selfsame_code
octets(
    const json_t *v, const char *name, uint8_t *ret, size_t len, struct selfsame_err *e)
{
    if (!json_is_array(v) || json_array_size(v) != len)
        FAIL(
            e, SELFSAME_MALFORMED, "\"%s\": expected a list of %zu numbers", name, len);
    for (size_t i = 0; i < len; i++) {
        const json_t *one = json_array_get(v, i);

        if (!json_is_integer(one) || json_integer_value(one) < 0 ||
            json_integer_value(one) > 255)
            FAIL(e, SELFSAME_MALFORMED, "\"%s\": expected numbers from 0 to 255", name);
        ret[i] = (uint8_t)json_integer_value(one);
    }
    return SELFSAME_OK;
}

/* ---- SNP: AMD 56860 §7.3, table 23 ---- */

enum layout { L_U32, L_U64, L_OCTETS, L_TCB, L_VERSION, L_U8 };
static const struct field {
    const char *name;
    enum layout layout;
    uint16_t at, len; /* len: L_OCTETS */
    uint32_t since;   /* version of the report that has it */
} snp_fields[] = {
    { "version", L_U32, 0x000, 0, 0 },
    { "guest_svn", L_U32, 0x004, 0, 0 },
    { "policy", L_U64, 0x008, 0, 0 },
    { "family_id", L_OCTETS, 0x010, 16, 0 },
    { "image_id", L_OCTETS, 0x020, 16, 0 },
    { "vmpl", L_U32, 0x030, 0, 0 },
    { "sig_algo", L_U32, 0x034, 0, 0 },
    { "current_tcb", L_TCB, 0x038, 0, 0 },
    { "plat_info", L_U64, 0x040, 0, 0 },
    { "key_info", L_U32, 0x048, 0, 0 },
    { "report_data", L_OCTETS, 0x050, 64, 0 },
    { "measurement", L_OCTETS, 0x090, 48, 0 },
    { "host_data", L_OCTETS, 0x0c0, 32, 0 },
    { "id_key_digest", L_OCTETS, 0x0e0, 48, 0 },
    { "author_key_digest", L_OCTETS, 0x110, 48, 0 },
    { "report_id", L_OCTETS, 0x140, 32, 0 },
    { "report_id_ma", L_OCTETS, 0x160, 32, 0 },
    { "reported_tcb", L_TCB, 0x180, 0, 0 },
    { "cpuid_fam_id", L_U8, 0x188, 0, 3 },
    { "cpuid_mod_id", L_U8, 0x189, 0, 3 },
    { "cpuid_step", L_U8, 0x18a, 0, 3 },
    { "chip_id", L_OCTETS, 0x1a0, 64, 0 },
    { "committed_tcb", L_TCB, 0x1e0, 0, 0 },
    { "current", L_VERSION, 0x1e8, 0, 0 },
    { "committed", L_VERSION, 0x1ec, 0, 0 },
    { "launch_tcb", L_TCB, 0x1f0, 0, 0 },
    { "launch_mit_vector", L_U64, 0x1f8, 0, 5 },
    { "current_mit_vector", L_U64, 0x200, 0, 5 },
};

static void
put_number(uint8_t *at, uint64_t v, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* With "fmc" it is that of Turin and later, which has its parts elsewhere. */
static enum selfsame_code
put_tcb(const json_t *j, uint8_t *at, struct selfsame_err *e)
{
    static const struct {
        const char *name;
        uint8_t legacy, turin;
    } parts[] = { { "bootloader", 0, 1 }, { "tee", 1, 2 }, { "snp", 6, 3 },
        { "microcode", 7, 7 } };
    const json_t *fmc = json_object_get(j, "fmc");
    const bool turin = fmc != NULL && !json_is_null(fmc);
    uint64_t v = 0;

    if (turin) {
        TRY(number(j, "fmc", 255, &v, e));
        at[0] = (uint8_t)v;
    }
    for (size_t i = 0; i < COUNT(parts); i++) {
        TRY(number(j, parts[i].name, 255, &v, e));
        at[turin ? parts[i].turin : parts[i].legacy] = (uint8_t)v;
    }
    return SELFSAME_OK;
}

/* Build, minor, major: in this order. */
static enum selfsame_code
put_version(const json_t *j, uint8_t *at, struct selfsame_err *e)
{
    static const char *const parts[] = { "build", "minor", "major" };
    uint64_t v = 0;

    for (size_t i = 0; i < COUNT(parts); i++) {
        TRY(number(j, parts[i], 255, &v, e));
        at[i] = (uint8_t)v;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
put_field(
    const struct field *f, const json_t *report, uint8_t *raw, struct selfsame_err *e)
{
    const json_t *v = json_object_get(report, f->name);
    uint64_t n = 0;

    switch (f->layout) {
    case L_OCTETS: return octets(v, f->name, raw + f->at, f->len, e);
    case L_TCB: TRY_WHILE(e, put_tcb(v, raw + f->at, e), "\"%s\"", f->name); break;
    case L_VERSION:
        TRY_WHILE(e, put_version(v, raw + f->at, e), "\"%s\"", f->name);
        break;
    case L_U8:
        TRY(number(report, f->name, UINT8_MAX, &n, e));
        raw[f->at] = (uint8_t)n;
        break;
    case L_U32:
        TRY(number(report, f->name, UINT32_MAX, &n, e));
        put_number(raw + f->at, n, 4);
        break;
    case L_U64:
        TRY(number(report, f->name, INT64_MAX, &n, e));
        put_number(raw + f->at, n, 8);
        break;
    }
    return SELFSAME_OK;
}

/* What the report's version does not have yet must be missing: else nothing fits anyway. */
static enum selfsame_code
rebuild_snp(const json_t *report, uint8_t raw[static SNP_SIZE], struct selfsame_err *e)
{
    const json_t *signature = json_object_get(report, "signature");
    uint64_t version = 0;

    memset(raw, 0, SNP_SIZE);
    TRY(number(report, "version", UINT32_MAX, &version, e));
    if (version < 2 || version > 5)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "unsupported: a report of version %u, which may have fields that its JSON "
            "leaves out",
            (unsigned)version);
    for (size_t i = 0; i < COUNT(snp_fields); i++) {
        const struct field *f = &snp_fields[i];
        const json_t *v = json_object_get(report, f->name);

        if (f->since <= version)
            TRY(put_field(f, report, raw, e));
        else if (v != NULL && !json_is_null(v))
            FAIL(e, SELFSAME_MALFORMED,
                "\"%s\": a report of version %u does not have it", f->name,
                (unsigned)version);
    }
    TRY(octets(json_object_get(signature, "r"), "signature.r", raw + 0x2a0, 72, e));
    return octets(json_object_get(signature, "s"), "signature.s", raw + 0x2e8, 72, e);
}

/* ---- what comes along ---- */

struct pieces {
    struct cmw_entry entry[2 + CERTS_MAX];
    size_t count;
};

static enum selfsame_code
add_cert(
    const json_t *one, struct arena *arena, struct pieces *p, struct selfsame_err *e)
{
    const json_t *data = json_object_get(one, "data");
    const size_t len = json_array_size(data);
    uint8_t *der = arena_alloc(arena, 1, len + 1);
    const char *label = arena_printf(arena, "certificate-%zu", p->count);

    if (len == 0 || len > CERT_MAX || p->count > CERTS_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "\"cert_chain\": expected at most %d certificates of 1 to %d bytes",
            (int)CERTS_MAX, (int)CERT_MAX);
    if (der == NULL || label == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for certificates");
    TRY(octets(data, "data", der, len, e));
    p->entry[p->count++] = (struct cmw_entry){
        .label = bytes_str(label),
        .type = BYTES_LIT("application/vnd.attest.snp-certs"),
        .value = BYTES(der, len),
        .ind = CMW_ENDORSEMENTS,
    };
    return SELFSAME_OK;
}

static enum selfsame_code
snp(const json_t *primary, struct arena *arena, struct pieces *p,
    struct selfsame_err *e)
{
    const json_t *report = json_object_get(primary, "attestation_report");
    const json_t *certs = json_object_get(primary, "cert_chain");
    uint8_t *raw = arena_alloc(arena, 1, SNP_SIZE);

    if (raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a report");
    if (!json_is_object(report))
        FAIL(e, SELFSAME_MALFORMED, "expected an \"attestation_report\" of SEV-SNP");
    TRY_WHILE(e, rebuild_snp(report, raw, e), "\"attestation_report\"");
    p->entry[0].type = BYTES_LIT("application/vnd.attest.snp");
    p->entry[0].value = BYTES(raw, SNP_SIZE);
    for (size_t i = 0; i < json_array_size(certs); i++)
        TRY(add_cert(json_array_get(certs, i), arena, p, e));
    return SELFSAME_OK;
}

static enum selfsame_code
base64_member(const json_t *j, const char *name, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const json_t *v = json_object_get(j, name);
    const size_t len = json_string_length(v);
    uint8_t *out = arena_alloc(arena, 1, len + 1);
    size_t n = 0;

    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for \"%s\"", name);
    if (!json_is_string(v) || len > 2 * LOG_MAX ||
        !base64_decode(json_string_value(v), len, false, out, len + 1, &n) || n == 0)
        FAIL(e, SELFSAME_MALFORMED, "\"%s\": expected base64", name);
    *ret = BYTES(out, n);
    return SELFSAME_OK;
}

static enum selfsame_code
quote(const json_t *primary, const char *type, struct arena *arena, struct pieces *p,
    struct selfsame_err *e)
{
    const json_t *log = json_object_get(primary, "cc_eventlog");

    p->entry[0].type = bytes_str(type);
    TRY(base64_member(primary, "quote", arena, &p->entry[0].value, e));
    if (log == NULL || json_is_null(log))
        return SELFSAME_OK;
    struct cmw_entry *x = &p->entry[p->count++];
    *x = (struct cmw_entry){
        .label = BYTES_LIT("event-log"),
        .type = BYTES_LIT("application/vnd.attest.ccel"),
        .ind = CMW_ENDORSEMENTS,
    };
    return base64_member(primary, "cc_eventlog", arena, &x->value, e);
}

enum selfsame_code
kbs_evidence(enum kbs_tee t, const json_t *primary, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct pieces *p = ARENA_NEW(arena, struct pieces, 1);
    enum selfsame_code code = SELFSAME_UNSUPPORTED;

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for evidence");
    p->count = 1;
    p->entry[0].ind = CMW_EVIDENCE;
    if (t == KBS_SNP)
        code = snp(primary, arena, p, e);
    else if (t == KBS_TDX)
        code = quote(primary, "application/vnd.attest.tdx", arena, p, e);
    else if (t == KBS_SGX)
        code = quote(primary, "application/vnd.attest.sgx", arena, p, e);
    else
        (void)err_set(e, code, __FILE__, __LINE__, "unsupported: evidence of this TEE");
    TRY(code);
    p->entry[0].label = p->count > 1 ? BYTES_LIT("evidence") : BYTES_NONE;
    const struct cmw out = {
        .collection = p->count > 1, .entries = p->entry, .count = p->count
    };
    return cmw_encode_cbor(&out, arena, ret, e);
}
