/* SPDX-License-Identifier: Apache-2.0 */
/* QE identity, version 2 (PCS API v4, GET /qe/identity). */
#include "tee/shared/dcap_json.h"

struct reading {
    struct dcap_identity *id;
    struct arena *arena;
    bool nomem, other; /* other: of an enclave that no quote is checked against */
};

enum seen {
    SEEN_ID = 1u << 0,
    SEEN_VERSION = 1u << 1,
    SEEN_ISSUED = 1u << 2,
    SEEN_NEXT = 1u << 3,
    SEEN_EVALUATION = 1u << 4,
    SEEN_MISC = 1u << 5,
    SEEN_MISC_MASK = 1u << 6,
    SEEN_ATTRIBUTES = 1u << 7,
    SEEN_ATTRIBUTES_MASK = 1u << 8,
    SEEN_SIGNER = 1u << 9,
    SEEN_PRODUCT = 1u << 10,
    SEEN_LEVELS = 1u << 11,
    SEEN_ALL = (1u << 12) - 1,
};

static uint32_t
get_misc(struct jread *j)
{
    uint8_t b[4] = { 0 };

    dcap_get_hex(j, b, sizeof(b));
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
           (uint32_t)b[3] << 24;
}

static void
get_id(struct jread *j, struct reading *x)
{
    struct selfsame_bytes id = jread_text(j);

    if (dcap_is(id, "QE"))
        x->id->tee = DCAP_SGX;
    else if (dcap_is(id, "TD_QE"))
        x->id->tee = DCAP_TDX;
    else
        x->other = true;
}

static void
get_signer(struct jread *j, struct reading *x)
{
    enum { LEN = 32 };
    uint8_t *p = arena_alloc(x->arena, 1, LEN);

    if (p == NULL) {
        x->nomem = true;
        return;
    }
    dcap_get_hex(j, p, LEN);
    x->id->mr_signer = BYTES(p, LEN);
}

static const struct dcap_member members[] = {
    { "id", SEEN_ID },
    { "version", SEEN_VERSION },
    { "issueDate", SEEN_ISSUED },
    { "nextUpdate", SEEN_NEXT },
    { "tcbEvaluationDataNumber", SEEN_EVALUATION },
    { "miscselect", SEEN_MISC },
    { "miscselectMask", SEEN_MISC_MASK },
    { "attributes", SEEN_ATTRIBUTES },
    { "attributesMask", SEEN_ATTRIBUTES_MASK },
    { "mrsigner", SEEN_SIGNER },
    { "isvprodid", SEEN_PRODUCT },
    { "tcbLevels", SEEN_LEVELS },
};

static void
get_member(struct jread *j, enum seen member, struct reading *x)
{
    struct dcap_identity *id = x->id;

    switch (member) {
    case SEEN_ID: get_id(j, x); break;
    case SEEN_VERSION: id->version = (unsigned)jread_uint(j, UINT16_MAX); break;
    case SEEN_ISSUED: id->issue_s = dcap_get_date(j); break;
    case SEEN_NEXT: id->next_update_s = dcap_get_date(j); break;
    case SEEN_EVALUATION: id->evaluation = (uint32_t)jread_uint(j, UINT32_MAX); break;
    case SEEN_MISC: id->misc_select = get_misc(j); break;
    case SEEN_MISC_MASK: id->misc_mask = get_misc(j); break;
    case SEEN_ATTRIBUTES: dcap_get_hex(j, id->attributes, 16); break;
    case SEEN_ATTRIBUTES_MASK: dcap_get_hex(j, id->attributes_mask, 16); break;
    case SEEN_SIGNER: get_signer(j, x); break;
    case SEEN_PRODUCT: id->isv_prod_id = (uint16_t)jread_uint(j, UINT16_MAX); break;
    case SEEN_LEVELS: dcap_get_svn_levels(j, x->arena, &id->levels, &x->nomem); break;
    case SEEN_ALL:
    default: (void)jread_skip(j); break;
    }
}

/* A value outside its mask could never be met: such an identity is a mistake or a trick. */
static void
check_masks(struct jread *j, const struct dcap_identity *id)
{
    if ((id->misc_select & ~id->misc_mask) != 0)
        jread_fail(j, "miscselect has bits outside its mask");
    for (size_t i = 0; i < sizeof(id->attributes); i++)
        if ((id->attributes[i] & ~id->attributes_mask[i]) != 0)
            jread_fail(j, "attributes have bits outside their mask");
}

static void
get_identity(struct jread *j, void *ctx)
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
    dcap_seen(j, &seen, SEEN_ALL);
    check_masks(j, x->id);
    if (x->id->issue_s >= x->id->next_update_s)
        jread_fail(j, "it ends before it begins");
}

enum selfsame_code
dcap_identity_parse(struct selfsame_bytes json, struct arena *arena,
    struct dcap_identity *ret, struct selfsame_err *e)
{
    struct reading x = { .id = ret, .arena = arena };

    *ret = (struct dcap_identity){ 0 };
    enum selfsame_code code = dcap_get_signed(
        json, "enclaveIdentity", get_identity, &x, &ret->proof, e);
    if (x.nomem)
        FAIL(e, SELFSAME_NOMEM, "out of memory for a QE identity");
    if (code != SELFSAME_OK)
        return code;
    if (ret->version != 2)
        FAIL(e, SELFSAME_UNSUPPORTED, "QE identity: expected version 2, got %u",
            ret->version);
    if (x.other)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "enclave identity: expected that of \"QE\" or \"TD_QE\", got another");
    return SELFSAME_OK;
}

bool
dcap_identity_recognise(struct selfsame_bytes json)
{
    return dcap_has_member(json, "enclaveIdentity");
}

static enum selfsame_code
check_attributes(const struct dcap_identity *id, const struct dcap_report *qe,
    struct selfsame_err *e)
{
    struct selfsame_bytes got = BYTES(qe->raw.ptr + 48, sizeof(id->attributes));

    for (size_t i = 0; i < got.len; i++)
        if ((got.ptr[i] & id->attributes_mask[i]) != id->attributes[i])
            FAIL(e, SELFSAME_TCB,
                "QE identity: expected attributes of Intel's QE, got others (byte %zu "
                "is %02x)",
                i, got.ptr[i]);
    return SELFSAME_OK;
}

enum selfsame_code
dcap_identity_fits(const struct dcap_identity *id, const struct dcap_report *qe,
    struct selfsame_err *e)
{
    if (!bytes_eq(qe->mr_signer, id->mr_signer))
        FAIL(e, SELFSAME_TCB,
            "QE identity: expected a QE signed by Intel (MRSIGNER of the identity), "
            "got "
            "another signer");
    if (qe->isv_prod_id != id->isv_prod_id)
        FAIL(e, SELFSAME_TCB, "QE identity: expected product %u, got %u",
            (unsigned)id->isv_prod_id, (unsigned)qe->isv_prod_id);
    if ((qe->misc_select & id->misc_mask) != id->misc_select)
        FAIL(e, SELFSAME_TCB, "QE identity: expected MISCSELECT %08x, got %08x",
            id->misc_select, qe->misc_select);
    TRY(check_attributes(id, qe, e));
    if ((qe->flags & DCAP_FLAG_DEBUG) != 0)
        FAIL(e, SELFSAME_TCB, "QE: expected one that is not in debug mode, got one");
    return SELFSAME_OK;
}
