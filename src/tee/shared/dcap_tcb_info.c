/* SPDX-License-Identifier: Apache-2.0 */
/* TCB info, versions 3 and (SGX) 2 (PCS API v4 and v3, GET /tcb). */
#include "tee/shared/dcap_json.h"

struct reading {
    struct dcap_tcb_info *info;
    struct arena *arena;
    bool nomem, other;          /* other: neither "SGX" nor "TDX" */
    bool flat, nested;          /* how the components of some level are spelt */
    bool with_tdx, without_tdx; /* some level has them, some has not */
};

enum seen {
    SEEN_ID = 1u << 0,
    SEEN_VERSION = 1u << 1,
    SEEN_ISSUED = 1u << 2,
    SEEN_NEXT = 1u << 3,
    SEEN_FMSPC = 1u << 4,
    SEEN_PCEID = 1u << 5,
    SEEN_TYPE = 1u << 6,
    SEEN_EVALUATION = 1u << 7,
    SEEN_LEVELS = 1u << 8,
    SEEN_MODULE = 1u << 9,
    SEEN_MODULES = 1u << 10,
    SEEN_V2 = SEEN_VERSION | SEEN_ISSUED | SEEN_NEXT | SEEN_FMSPC | SEEN_PCEID |
              SEEN_TYPE | SEEN_EVALUATION | SEEN_LEVELS,
    SEEN_V3 = SEEN_V2 | SEEN_ID,
};

/* ---- levels ---- */

static uint8_t
get_component(struct jread *j)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    unsigned seen = 0;
    uint8_t svn = 0;

    while (jread_member(j, &o, &name)) {
        if (dcap_is(name, "svn")) {
            svn = (uint8_t)jread_uint(j, UINT8_MAX);
            seen = 1;
        } else {
            (void)jread_skip(j); /* category, type: words for people */
        }
    }
    dcap_seen(j, &seen, 1);
    return svn;
}

static void
get_components(struct jread *j, uint8_t ret[static DCAP_COMPONENTS])
{
    struct jread_array a = jread_array(j);
    size_t n = 0;

    while (jread_element(j, &a)) {
        uint8_t svn = get_component(j);

        if (n == DCAP_COMPONENTS) {
            jread_fail(j, "expected 16 components, got more");
            return;
        }
        ret[n++] = svn;
    }
    if (n != DCAP_COMPONENTS)
        jread_fail(j, "expected 16 components, got fewer");
}

/* "sgxtcbcomp01svn" … "sgxtcbcomp16svn" of version 2: 1 to 16, or 0. */
static unsigned
flat_component(struct selfsame_bytes name)
{
    static const char front[] = "sgxtcbcomp", back[] = "svn";
    enum { FRONT = sizeof(front) - 1, LEN = FRONT + 2 + sizeof(back) - 1 };

    if (name.len != LEN || !bytes_has_prefix(name, BYTES_LIT(front)) ||
        !dcap_is(BYTES(name.ptr + FRONT + 2, name.len - FRONT - 2), back))
        return 0;
    unsigned tens = name.ptr[FRONT] - (unsigned)'0',
             ones = name.ptr[FRONT + 1] - (unsigned)'0';
    unsigned n = 10 * tens + ones;
    return tens <= 1 && ones <= 9 && n <= DCAP_COMPONENTS ? n : 0;
}

static void
get_tcb(struct jread *j, struct dcap_level *l, struct reading *x)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    unsigned flat = 0, seen = 0;
    bool tdx = false;

    while (jread_member(j, &o, &name)) {
        unsigned n = flat_component(name);

        if (n > 0) {
            l->sgx[n - 1] = (uint8_t)jread_uint(j, UINT8_MAX);
            flat |= 1u << (n - 1);
        } else if (dcap_is(name, "sgxtcbcomponents")) {
            get_components(j, l->sgx);
            seen |= 1;
        } else if (dcap_is(name, "tdxtcbcomponents")) {
            get_components(j, l->tdx);
            tdx = true;
        } else if (dcap_is(name, "pcesvn")) {
            l->svn = (uint16_t)jread_uint(j, UINT16_MAX);
            seen |= 2;
        } else {
            (void)jread_skip(j);
        }
    }
    if ((seen & 2) == 0 || ((seen & 1) != 0) == (flat != 0) ||
        (flat != 0 && flat != (1u << DCAP_COMPONENTS) - 1))
        jread_fail(j, "expected the 16 components and pcesvn of a level");
    x->flat |= flat != 0;
    x->nested |= flat == 0;
    x->with_tdx |= tdx;
    x->without_tdx |= !tdx;
}

static void
get_level(struct jread *j, struct dcap_level *l, struct reading *x)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    unsigned seen = 0;

    while (jread_member(j, &o, &name)) {
        if (dcap_is(name, "tcb")) {
            get_tcb(j, l, x);
            seen |= 1;
        } else if (dcap_is(name, "tcbDate")) {
            l->date_s = dcap_get_date(j);
            seen |= 2;
        } else if (dcap_is(name, "tcbStatus")) {
            l->status = dcap_get_status(j);
            seen |= 4;
        } else if (dcap_is(name, "advisoryIDs")) {
            dcap_get_advisories(j, x->arena, &l->advisories, &x->nomem);
        } else {
            (void)jread_skip(j);
        }
    }
    dcap_seen(j, &seen, 7);
}

static void
get_levels(struct jread *j, struct reading *x)
{
    struct dcap_level_list l = { .arena = x->arena };
    struct jread_array a = jread_array(j);

    while (jread_element(j, &a)) {
        struct dcap_level *level = dcap_level_add(&l, j);

        if (level == NULL)
            break;
        get_level(j, level, x);
    }
    if (l.nomem)
        x->nomem = true;
    else
        dcap_levels_sort(&l, j, &x->info->levels);
}

/* ---- TDX modules ---- */

enum { MODULE_SIGNER = 48, MODULE_ATTRIBUTES = 8 };

static void
get_module_signer(struct jread *j, struct dcap_identity *m, struct reading *x)
{
    uint8_t *p = arena_alloc(x->arena, 1, MODULE_SIGNER);

    if (p == NULL) {
        x->nomem = true;
        return;
    }
    dcap_get_hex(j, p, MODULE_SIGNER);
    m->mr_signer = BYTES(p, MODULE_SIGNER);
}

/* "TDX_01": compared as a number, since tools differ in the case of its digits. */
static uint8_t
get_module_number(struct jread *j)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    struct selfsame_bytes id = jread_text(j);
    uint8_t n = 0;

    if (id.len != 6 || !bytes_has_prefix(id, BYTES_LIT("TDX_"))) {
        jread_fail(j, "expected the id of a TDX module");
        return 0;
    }
    for (size_t i = 4; i < 6; i++) {
        const char *at = id.ptr[i] != 0 ? strchr(digits, id.ptr[i]) : NULL;

        if (at == NULL)
            jread_fail(j, "expected the id of a TDX module");
        else
            n = (uint8_t)(n << 4 | ((at - digits) & 15));
    }
    return n;
}

static void
get_module(struct jread *j, struct dcap_identity *m, bool listed, struct reading *x)
{
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    unsigned seen = 0;

    while (jread_member(j, &o, &name)) {
        if (dcap_is(name, "mrsigner")) {
            get_module_signer(j, m, x);
            seen |= 1;
        } else if (dcap_is(name, "attributes")) {
            dcap_get_hex(j, m->attributes, MODULE_ATTRIBUTES);
            seen |= 2;
        } else if (dcap_is(name, "attributesMask")) {
            dcap_get_hex(j, m->attributes_mask, MODULE_ATTRIBUTES);
            seen |= 4;
        } else if (listed && dcap_is(name, "id")) {
            m->module = get_module_number(j);
            seen |= 8;
        } else if (listed && dcap_is(name, "tcbLevels")) {
            dcap_get_svn_levels(j, x->arena, &m->levels, &x->nomem);
            seen |= 16;
        } else {
            (void)jread_skip(j);
        }
    }
    m->tee = DCAP_TDX;
    dcap_seen(j, &seen, listed ? 31 : 7);
    for (size_t i = 0; i < MODULE_ATTRIBUTES; i++)
        if ((m->attributes[i] & ~m->attributes_mask[i]) != 0)
            jread_fail(j, "attributes have bits outside their mask");
}

static void
get_modules(struct jread *j, struct reading *x)
{
    struct jread_array a = jread_array(j);
    struct dcap_identity *list = ARENA_NEW(
        x->arena, struct dcap_identity, DCAP_MODULES_MAX);
    size_t n = 0;

    if (list == NULL) {
        x->nomem = true;
        return;
    }
    while (jread_element(j, &a)) {
        if (n == DCAP_MODULES_MAX) {
            jread_fail(j, "too many TDX modules");
            return;
        }
        get_module(j, &list[n], true, x);
        for (size_t i = 0; i < n; i++)
            if (list[i].module == list[n].module)
                jread_fail(j, "a TDX module that occurs twice");
        n++;
    }
    x->info->modules = list;
    x->info->module_count = n;
}

/* ---- the whole ---- */

static void
get_tee(struct jread *j, struct reading *x)
{
    struct selfsame_bytes id = jread_text(j);

    if (dcap_is(id, "SGX"))
        x->info->tee = DCAP_SGX;
    else if (dcap_is(id, "TDX"))
        x->info->tee = DCAP_TDX;
    else
        x->other = true;
}

/* 0 says how levels are compared; no other type exists. */
static void
get_type(struct jread *j)
{
    if (jread_uint(j, UINT32_MAX) != 0)
        jread_fail(j, "expected tcbType 0");
}

static const struct dcap_member members[] = {
    { "id", SEEN_ID },
    { "version", SEEN_VERSION },
    { "issueDate", SEEN_ISSUED },
    { "nextUpdate", SEEN_NEXT },
    { "fmspc", SEEN_FMSPC },
    { "pceId", SEEN_PCEID },
    { "tcbType", SEEN_TYPE },
    { "tcbEvaluationDataNumber", SEEN_EVALUATION },
    { "tcbLevels", SEEN_LEVELS },
    { "tdxModule", SEEN_MODULE },
    { "tdxModuleIdentities", SEEN_MODULES },
};

static void
get_member(struct jread *j, enum seen member, struct reading *x)
{
    struct dcap_tcb_info *info = x->info;

    switch (member) {
    case SEEN_ID: get_tee(j, x); break;
    case SEEN_VERSION: info->version = (unsigned)jread_uint(j, UINT16_MAX); break;
    case SEEN_ISSUED: info->issue_s = dcap_get_date(j); break;
    case SEEN_NEXT: info->next_update_s = dcap_get_date(j); break;
    case SEEN_FMSPC: dcap_get_hex(j, info->fmspc, sizeof(info->fmspc)); break;
    case SEEN_PCEID: dcap_get_hex(j, info->pceid, sizeof(info->pceid)); break;
    case SEEN_TYPE: get_type(j); break;
    case SEEN_EVALUATION: info->evaluation = (uint32_t)jread_uint(j, UINT32_MAX); break;
    case SEEN_LEVELS: get_levels(j, x); break;
    case SEEN_MODULE: get_module(j, &info->module, false, x); break;
    case SEEN_MODULES: get_modules(j, x); break;
    case SEEN_V2:
    case SEEN_V3:
    default: (void)jread_skip(j); break;
    }
}

/* Version 2 is SGX's and spells its components flat; version 3 never does. */
static void
check_shape(struct jread *j, const struct reading *x, unsigned seen)
{
    const struct dcap_tcb_info *info = x->info;
    const bool tdx = info->tee == DCAP_TDX;

    dcap_seen(j, &seen, info->version == 2 ? SEEN_V2 : SEEN_V3);
    if (info->version == 2 ? x->nested : x->flat)
        jread_fail(j, "levels spelt as those of another version");
    if (info->version == 2 && (seen & SEEN_ID) != 0)
        jread_fail(j, "version 2 has no id");
    if (tdx ? x->without_tdx : x->with_tdx)
        jread_fail(j, "TDX components where none are expected, or none where they are");
    if (tdx != info->has_module || (!tdx && info->modules != NULL))
        jread_fail(j, "a TDX module where none is expected, or none where it is");
    if (info->issue_s >= info->next_update_s)
        jread_fail(j, "it ends before it begins");
}

static void
get_info(struct jread *j, void *ctx)
{
    struct reading *x = ctx;
    struct jread_object o = jread_object(j);
    struct selfsame_bytes name;
    unsigned seen = 0;

    while (jread_member(j, &o, &name)) {
        const unsigned member = dcap_member_of(members, COUNT(members), name);

        get_member(j, member, x);
        seen |= member;
    }
    x->info->has_module = (seen & SEEN_MODULE) != 0;
    if (!x->nomem && !x->other && (x->info->version == 2 || x->info->version == 3))
        check_shape(j, x, seen);
    else
        dcap_seen(j, &seen, SEEN_VERSION);
}

enum selfsame_code
dcap_tcb_info_parse(struct selfsame_bytes json, struct arena *arena,
    struct dcap_tcb_info *ret, struct selfsame_err *e)
{
    struct reading x = { .info = ret, .arena = arena };

    *ret = (struct dcap_tcb_info){ 0 };
    enum selfsame_code code = dcap_get_signed(
        json, "tcbInfo", get_info, &x, &ret->proof, e);
    if (x.nomem)
        FAIL(e, SELFSAME_NOMEM, "out of memory for TCB info");
    if (code != SELFSAME_OK)
        return code;
    if (ret->version != 2 && ret->version != 3)
        FAIL(e, SELFSAME_UNSUPPORTED, "TCB info: expected version 2 or 3, got %u",
            ret->version);
    if (x.other)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "TCB info: expected the id \"SGX\" or \"TDX\", got another");
    return SELFSAME_OK;
}

bool
dcap_tcb_info_recognise(struct selfsame_bytes json)
{
    return dcap_has_member(json, "tcbInfo");
}
