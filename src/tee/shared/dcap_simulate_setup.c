/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_simulate.h"

/* ---- what is usual: a sound platform, up to date ---- */

#define USUAL_DATE 1762905600 /* 2025-11-12 */
static const struct dcap_setup usual = {
    .fmspc = "SIMTEE",
    .ppid = "SIMULATED PPID",
    .instance_id = "SIMULATED PIID",
    .component = { 7, 9, 3, 3, 255, 1 },
    .cpu_svn = { 7, 9, 3, 3, 255, 1 },
    .pce_svn = 13,
    .qe_svn = 8,
    .tcb_version = 3,
    .evaluation = 18,
    .qe_evaluation = 18,
    .platform = { .status = "UpToDate", .date_s = USUAL_DATE },
    .qe = { .status = "UpToDate", .date_s = USUAL_DATE },
    .module = { .status = "UpToDate", .date_s = USUAL_DATE },
    .cert_type = DCAP_CERT_PCK_CHAIN,
    .auth_size = 32,
    .attributes = DCAP_FLAG_INIT | DCAP_FLAG_MODE64BIT,
    .xfrm = 0xe7,
    .mr_enclave = "selfsame-sim: of no enclave",
    .mr_signer = "selfsame-sim: of no signer",
    .isv_prod_id = 1,
    .isv_svn = 1,
    .tee_tcb_svn = { 5, 1, 6 },
    .tee_tcb_svn2 = { 5, 1, 6 },
    .mr_seam = "selfsame-sim: a TDX module",
    .mr_td = "selfsame-sim: of no firmware",
    .td_attributes = UINT64_C(1) << 28, /* SEPT_VE_DISABLE */
    .xfam = 0x602e7,
};

/* ---- settings ---- */

enum field_kind {
    FIELD_NUMBER, /* at most `size` */
    FIELD_BYTES,  /* exactly `size` of them */
    FIELD_SHORT,  /* at most: zeros follow */
    FIELD_TIME,
    FIELD_WORD, /* a status, or advisories */
    FIELD_FLAG, /* 0 or 1 */
};
enum field_of { OF_BOTH, OF_SGX, OF_TDX };
struct field {
    const char *name;
    enum field_of of;
    enum field_kind kind;
    uint64_t size;
    size_t offset;
};
#define NUMBER(n, tee, member, max)                                    \
    {                                                                  \
        n, tee, FIELD_NUMBER, max, offsetof(struct dcap_setup, member) \
    }
#define OF_SIZE(n, tee, kind, member)                              \
    {                                                              \
        n, tee, kind, sizeof(((struct dcap_setup *)NULL)->member), \
            offsetof(struct dcap_setup, member)                    \
    }
static const struct field fields[] = {
    NUMBER("version", OF_BOTH, version, 5),
    OF_SIZE("fmspc", OF_BOTH, FIELD_BYTES, fmspc),
    OF_SIZE("pceid", OF_BOTH, FIELD_BYTES, pceid),
    OF_SIZE("ppid", OF_BOTH, FIELD_BYTES, ppid),
    OF_SIZE("cpu_svn", OF_BOTH, FIELD_SHORT, cpu_svn),
    OF_SIZE("piid", OF_BOTH, FIELD_BYTES, instance_id),
    OF_SIZE("components", OF_BOTH, FIELD_SHORT, component),
    NUMBER("pce_svn", OF_BOTH, pce_svn, UINT16_MAX - 1),
    NUMBER("qe_svn", OF_BOTH, qe_svn, UINT16_MAX - 1),
    NUMBER("tcb_version", OF_SGX, tcb_version, 3),
    NUMBER("evaluation", OF_BOTH, evaluation, UINT16_MAX),
    NUMBER("qe_evaluation", OF_BOTH, qe_evaluation, UINT16_MAX),
    OF_SIZE("issue_date", OF_BOTH, FIELD_TIME, issue_s),
    OF_SIZE("next_update", OF_BOTH, FIELD_TIME, next_s),
    OF_SIZE("tcb_status", OF_BOTH, FIELD_WORD, platform.status),
    OF_SIZE("advisories", OF_BOTH, FIELD_WORD, platform.advisories),
    OF_SIZE("tcb_date", OF_BOTH, FIELD_TIME, platform.date_s),
    OF_SIZE("qe_status", OF_BOTH, FIELD_WORD, qe.status),
    OF_SIZE("qe_advisories", OF_BOTH, FIELD_WORD, qe.advisories),
    OF_SIZE("qe_date", OF_BOTH, FIELD_TIME, qe.date_s),
    OF_SIZE("module_status", OF_TDX, FIELD_WORD, module.status),
    OF_SIZE("module_advisories", OF_TDX, FIELD_WORD, module.advisories),
    OF_SIZE("module_date", OF_TDX, FIELD_TIME, module.date_s),
    NUMBER("cert_type", OF_BOTH, cert_type, 7),
    NUMBER("auth_size", OF_BOTH, auth_size, UINT16_MAX),
    NUMBER("trailer", OF_BOTH, trailer, 1 << 16),
    OF_SIZE("nul", OF_BOTH, FIELD_FLAG, nul),
    OF_SIZE("twin", OF_BOTH, FIELD_FLAG, twin),
    OF_SIZE("root_first", OF_BOTH, FIELD_FLAG, root_first),
    OF_SIZE("mrenclave", OF_SGX, FIELD_BYTES, mr_enclave),
    OF_SIZE("mrsigner", OF_SGX, FIELD_BYTES, mr_signer),
    NUMBER("isv_prod_id", OF_SGX, isv_prod_id, UINT16_MAX),
    NUMBER("isv_svn", OF_SGX, isv_svn, UINT16_MAX),
    NUMBER("attributes", OF_SGX, attributes, UINT64_MAX),
    NUMBER("xfrm", OF_SGX, xfrm, UINT64_MAX),
    NUMBER("misc_select", OF_SGX, misc_select, UINT32_MAX),
    OF_SIZE("config_id", OF_SGX, FIELD_BYTES, config_id),
    NUMBER("config_svn", OF_SGX, config_svn, UINT16_MAX),
    OF_SIZE("isv_ext_prod_id", OF_SGX, FIELD_BYTES, ext_prod_id),
    OF_SIZE("isv_family_id", OF_SGX, FIELD_BYTES, family_id),
    OF_SIZE("tee_tcb_svn", OF_TDX, FIELD_SHORT, tee_tcb_svn),
    OF_SIZE("tee_tcb_svn2", OF_TDX, FIELD_SHORT, tee_tcb_svn2),
    OF_SIZE("mr_seam", OF_TDX, FIELD_BYTES, mr_seam),
    OF_SIZE("mr_signer_seam", OF_TDX, FIELD_BYTES, mr_signer_seam),
    OF_SIZE("seam_attributes", OF_TDX, FIELD_BYTES, seam_attributes),
    NUMBER("td_attributes", OF_TDX, td_attributes, UINT64_MAX),
    NUMBER("xfam", OF_TDX, xfam, UINT64_MAX),
    OF_SIZE("mrtd", OF_TDX, FIELD_BYTES, mr_td),
    OF_SIZE("mr_config_id", OF_TDX, FIELD_BYTES, mr_config_id),
    OF_SIZE("mr_owner", OF_TDX, FIELD_BYTES, mr_owner),
    OF_SIZE("mr_owner_config", OF_TDX, FIELD_BYTES, mr_owner_config),
    OF_SIZE("rtmr.0", OF_TDX, FIELD_BYTES, rtmr[0]),
    OF_SIZE("rtmr.1", OF_TDX, FIELD_BYTES, rtmr[1]),
    OF_SIZE("rtmr.2", OF_TDX, FIELD_BYTES, rtmr[2]),
    OF_SIZE("rtmr.3", OF_TDX, FIELD_BYTES, rtmr[3]),
    OF_SIZE("mr_service_td", OF_TDX, FIELD_BYTES, mr_service_td),
};

static const struct field *
find_field(enum dcap_tee tee, const char *name, size_t len)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        const struct field *f = &fields[i];

        if (f->of != OF_BOTH && (f->of == OF_TDX) != (tee == DCAP_TDX))
            continue;
        if (strlen(f->name) == len && strncmp(f->name, name, len) == 0)
            return f;
    }
    return NULL;
}

static bool
take_word(const char *value, char *to, uint64_t size)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-,";
    const size_t len = strlen(value);

    if (len >= size || strspn(value, plain) != len)
        return false;
    memcpy(to, value, len + 1);
    return true;
}

static bool
take_time(const char *value, uint8_t *to)
{
    int64_t at = 0;

    if (!time_parse(value, &at))
        return false;
    memcpy(to, &at, sizeof(at));
    return true;
}

static bool
take_number(const char *value, uint64_t max, uint8_t *to)
{
    uint64_t n = 0;

    if (!uint_parse(value, strlen(value), max, &n))
        return false;
    memcpy(to, &n, sizeof(n));
    return true;
}

static bool
take_bytes(const char *value, const struct field *f, uint8_t *to)
{
    uint8_t buf[64] = { 0 };
    size_t len = 0;

    if (!hex_decode(value, strlen(value), buf, (size_t)f->size, &len) ||
        (f->kind == FIELD_BYTES && len != f->size))
        return false;
    memcpy(to, buf, (size_t)f->size);
    return true;
}

static bool
take_value(const struct field *f, const char *value, struct dcap_setup *s)
{
    uint8_t *to = (uint8_t *)s + f->offset;

    switch (f->kind) {
    case FIELD_NUMBER: return take_number(value, f->size, to);
    case FIELD_BYTES:
    case FIELD_SHORT: return take_bytes(value, f, to);
    case FIELD_TIME: return take_time(value, to);
    case FIELD_WORD: return take_word(value, (char *)to, f->size);
    case FIELD_FLAG:
        *(bool *)to = strcmp(value, "1") == 0;
        return *(bool *)to || strcmp(value, "0") == 0;
    }
    return false;
}

static const char *
wants(const struct field *f)
{
    switch (f->kind) {
    case FIELD_NUMBER: return "a number in its range";
    case FIELD_BYTES: return "hex digits of the field's size";
    case FIELD_SHORT: return "hex digits, at most of the field's size";
    case FIELD_TIME: return "a time as 2026-01-02T03:04:05Z";
    case FIELD_WORD: return "a word of letters, or several with commas between";
    case FIELD_FLAG: return "0 or 1";
    }
    return "?";
}

/* Those that are neither number, bytes nor text. */
static bool
take_choice(const char *name, size_t len, const char *value, struct dcap_setup *s,
    bool *ret_good)
{
    if (len == 2 && strncmp(name, "ca", len) == 0) {
        s->platform_ca = strcmp(value, "platform") == 0;
        *ret_good = s->platform_ca || strcmp(value, "processor") == 0;
        return true;
    }
    if (len == 4 && strncmp(name, "body", len) == 0 && s->tee == DCAP_TDX) {
        s->kind = strcmp(value, "1.5") == 0 ? DCAP_BODY_TD15 : DCAP_BODY_TD10;
        *ret_good = s->kind == DCAP_BODY_TD15 || strcmp(value, "1.0") == 0;
        return true;
    }
    return false;
}

static enum selfsame_code
take_setting(const char *setting, struct dcap_setup *s, struct selfsame_err *e)
{
    const char *tee = s->tee == DCAP_TDX ? "tdx" : "sgx";
    size_t len = strcspn(setting, "=");
    const char *value = setting + len + (setting[len] == '=');
    const struct field *f = find_field(s->tee, setting, len);
    bool good = false;

    if (f == NULL && !take_choice(setting, len, value, s, &good)) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "--set: there is no setting of %s evidence called \"%.*s\"", tee,
            len < 40 ? (int)len : 40, setting);
        err_remedy(e, "`man selfsame-sim` lists them.");
        return SELFSAME_USAGE;
    }
    if (f != NULL)
        good = take_value(f, value, s);
    if (!good)
        FAIL(e, SELFSAME_USAGE, "--set %.40s: expected %s", setting,
            f != NULL  ? wants(f)
            : len == 2 ? "processor or platform"
                       : "1.0 or 1.5");
    return SELFSAME_OK;
}

/* ---- what was measured, by the names that policies use ---- */

static enum selfsame_code
take_measured(const struct claim *c, struct dcap_setup *s, struct selfsame_err *e)
{
    /* What a policy calls a minimum is as good as any. */
    const char *path = strcmp(c->path, "min_isv_svn") == 0 ? "isv_svn" : c->path;
    const struct field *f = find_field(s->tee, path, strlen(path));

    if (f == NULL) /* such as the events of a log */
        return SELFSAME_OK;
    uint8_t *to = (uint8_t *)s + f->offset;
    if (f->kind == FIELD_NUMBER && c->kind == CLAIM_UINT && c->number <= f->size) {
        memcpy(to, &c->number, sizeof(c->number));
        return SELFSAME_OK;
    }
    if (f->kind != FIELD_BYTES || c->kind != CLAIM_BYTES || c->bytes.len != f->size)
        FAIL(e, SELFSAME_USAGE, "%s: expected %s%u, got %zu bytes", c->path,
            f->kind == FIELD_NUMBER ? "a number up to " : "as many bytes as ",
            (unsigned)f->size, c->bytes.len);
    memcpy(to, c->bytes.ptr, c->bytes.len);
    return SELFSAME_OK;
}

/* Of several values of one path the first is as good as any. */
static bool
is_first(const struct sim_subject *subject, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(subject->measured[k].path, subject->measured[i].path) == 0)
            return false;
    return true;
}

/* ---- the rest follows ---- */

static void
apply_defects(struct dcap_setup *s)
{
    if (s->defects & SIM_DEBUG) {
        s->attributes |= DCAP_FLAG_DEBUG;
        s->td_attributes |= 1;
    }
    if (s->defects & DCAP_SIM_PROVISION_KEY)
        s->attributes |= DCAP_FLAG_PROVISION_KEY;
    if (s->defects & SIM_RESERVED)
        s->td_attributes |= UINT64_C(1) << 40;
    if (s->defects & DCAP_SIM_NO_SEPT_VE)
        s->td_attributes &= ~(UINT64_C(1) << 28);
    if (s->defects & DCAP_SIM_MIGRATABLE)
        s->td_attributes |= UINT64_C(1) << 29;
    if (s->defects & DCAP_SIM_SEAM_SIGNER)
        s->mr_signer_seam[0] ^= 1;
}

static enum selfsame_code
complete(struct dcap_setup *s, struct selfsame_err *e)
{
    const uint64_t oldest = s->tee == DCAP_TDX ? 4 : 3;

    if (s->version == 0)
        s->version = s->kind == DCAP_BODY_TD15 ? 5 : oldest;
    if (s->kind == 0)
        s->kind = s->tee == DCAP_SGX ? DCAP_BODY_SGX
                  : s->version == 5  ? DCAP_BODY_TD15
                                     : DCAP_BODY_TD10;
    if (s->version < oldest)
        FAIL(e, SELFSAME_USAGE, "--set version: expected %u to 5, got %u",
            (unsigned)oldest, (unsigned)s->version);
    if (s->version != 5 && s->kind == DCAP_BODY_TD15)
        FAIL(e, SELFSAME_USAGE, "--set body: only version 5 has body 1.5");
    if (s->version != 5 && (s->defects & DCAP_SIM_BODY_SIZE) != 0)
        FAIL(e, SELFSAME_USAGE, "defect \"body-size\": only version 5 says a size");
    if (s->tcb_version < 2 || s->cert_type < 1)
        FAIL(e, SELFSAME_USAGE,
            "--set: expected tcb_version 2 or 3 and cert_type 1 to 7");
    apply_defects(s);
    return SELFSAME_OK;
}

enum selfsame_code
dcap_sim_setup(enum dcap_tee tee, const struct sim_subject *subject,
    struct dcap_setup *ret, struct selfsame_err *e)
{
    struct dcap_setup s = usual;

    s.tee = tee;
    s.defects = subject->defects;
    for (size_t i = 0; i < subject->measured_count; i++)
        if (is_first(subject, i))
            TRY(take_measured(&subject->measured[i], &s, e));
    for (size_t i = 0; i < subject->setting_count; i++)
        TRY(take_setting(subject->settings[i], &s, e));
    TRY(complete(&s, e));
    *ret = s;
    return SELFSAME_OK;
}
