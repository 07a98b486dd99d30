/* SPDX-License-Identifier: Apache-2.0 */
/* What Intel says of platforms, quoting enclaves and TDX modules. */
#include "show/show.h"

#include "tee/shared/dcap.h"

bool
show_is_tcb_info(struct selfsame_bytes in)
{
    return dcap_tcb_info_recognise(in);
}

bool
show_is_identity(struct selfsame_bytes in)
{
    return dcap_identity_recognise(in);
}

static json_t *
moment(int64_t s)
{
    char text[TIME_TEXT];

    time_format(s, text);
    return json_string(text);
}

static json_t *
hex(struct selfsame_bytes b, struct arena *arena)
{
    const char *text = hex_dup(arena, b);

    return text != NULL ? json_string(text) : NULL;
}

static const char *
tee_word(enum dcap_tee tee)
{
    return tee == DCAP_TDX ? "tdx" : "sgx";
}

/* "3 3 2 2 255 1 0 …": as a list it would fill a screen for each level. */
static json_t *
components(const uint8_t svn[static DCAP_COMPONENTS], struct arena *arena)
{
    const char *all = "";

    for (size_t i = 0; i < DCAP_COMPONENTS && all != NULL; i++)
        all = arena_printf(arena, "%s%s%u", all, i > 0 ? " " : "", svn[i]);
    return all != NULL ? json_string(all) : NULL;
}

/* ---- levels ---- */

enum spelling { SPELL_SGX, SPELL_TDX, SPELL_SVN };

static enum selfsame_code
put_level(json_t *into, const struct dcap_level *l, enum spelling how,
    struct arena *arena, struct selfsame_err *e)
{
    TRY(show_put(into, "status", json_string(dcap_status_word(l->status)), e));
    TRY(show_put(into, "date", moment(l->date_s), e));
    TRY(show_put(
        into, how == SPELL_SVN ? "isv_svn" : "pce_svn", json_integer(l->svn), e));
    if (how != SPELL_SVN)
        TRY(show_put(into, "sgx", components(l->sgx, arena), e));
    if (how == SPELL_TDX)
        TRY(show_put(into, "tdx", components(l->tdx, arena), e));
    json_t *advisories = json_array();
    TRY(show_put(into, "advisories", advisories, e));
    for (size_t i = 0; i < l->advisories.count; i++) {
        const struct selfsame_bytes a = l->advisories.list[i];

        if (json_array_append_new(
                advisories, json_stringn((const char *)a.ptr, a.len)) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    }
    return SELFSAME_OK;
}

/* Best first. */
static enum selfsame_code
put_levels(json_t *into, const struct dcap_levels *levels, enum spelling how,
    struct arena *arena, struct selfsame_err *e)
{
    json_t *list = json_array();

    TRY(show_put(into, "levels", list, e));
    for (size_t i = 0; i < levels->count; i++) {
        json_t *one = json_object();

        if (json_array_append_new(list, one) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(put_level(one, &levels->list[i], how, arena, e));
    }
    return SELFSAME_OK;
}

/* ---- TCB info ---- */

static enum selfsame_code
put_module(json_t *into, const struct dcap_identity *m, bool levels,
    struct arena *arena, struct selfsame_err *e)
{
    TRY(show_put(into, "mrsigner", hex(m->mr_signer, arena), e));
    TRY(show_put(into, "attributes", hex(BYTES(m->attributes, 8), arena), e));
    TRY(show_put(into, "attributes_mask", hex(BYTES(m->attributes_mask, 8), arena), e));
    return levels ? put_levels(into, &m->levels, SPELL_SVN, arena, e) : SELFSAME_OK;
}

static enum selfsame_code
put_modules(json_t *into, const struct dcap_tcb_info *info, struct arena *arena,
    struct selfsame_err *e)
{
    if (!info->has_module)
        return SELFSAME_OK;
    json_t *module = json_object();
    TRY(show_put(into, "module", module, e));
    TRY(put_module(module, &info->module, false, arena, e));
    json_t *modules = json_object();
    TRY(show_put(into, "modules", modules, e));
    for (size_t i = 0; i < info->module_count; i++) {
        char name[16];
        json_t *one = json_object();

        (void)snprintf(name, sizeof(name), "TDX_%02X", info->modules[i].module);
        TRY(show_put(modules, name, one, e));
        TRY(put_module(one, &info->modules[i], true, arena, e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
put_issue(json_t *into, enum dcap_tee tee, unsigned version, int64_t issue_s,
    int64_t next_s, uint32_t evaluation, struct selfsame_err *e)
{
    TRY(show_put(into, "tee", json_string(tee_word(tee)), e));
    TRY(show_put(into, "version", json_integer(version), e));
    TRY(show_put(into, "believed", json_false(), e));
    TRY(show_put(into, "issued", moment(issue_s), e));
    TRY(show_put(into, "next_update", moment(next_s), e));
    return show_put(into, "evaluation", json_integer(evaluation), e);
}

enum selfsame_code
show_tcb_info(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct dcap_tcb_info info;

    TRY(dcap_tcb_info_parse(in, arena, &info, e));
    TRY(put_issue(into, info.tee, info.version, info.issue_s, info.next_update_s,
        info.evaluation, e));
    TRY(show_put(into, "fmspc", hex(BYTES_ARR(info.fmspc), arena), e));
    TRY(show_put(into, "pceid", hex(BYTES_ARR(info.pceid), arena), e));
    TRY(put_modules(into, &info, arena, e));
    return put_levels(
        into, &info.levels, info.tee == DCAP_TDX ? SPELL_TDX : SPELL_SGX, arena, e);
}

/* ---- QE identity ---- */

enum selfsame_code
show_identity(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct dcap_identity id;

    TRY(dcap_identity_parse(in, arena, &id, e));
    TRY(put_issue(
        into, id.tee, id.version, id.issue_s, id.next_update_s, id.evaluation, e));
    TRY(show_put(into, "mrsigner", hex(id.mr_signer, arena), e));
    TRY(show_put(into, "isv_prod_id", json_integer(id.isv_prod_id), e));
    TRY(show_put(into, "misc_select", json_sprintf("0x%08x", id.misc_select), e));
    TRY(show_put(into, "misc_mask", json_sprintf("0x%08x", id.misc_mask), e));
    TRY(show_put(into, "attributes", hex(BYTES_ARR(id.attributes), arena), e));
    TRY(show_put(
        into, "attributes_mask", hex(BYTES_ARR(id.attributes_mask), arena), e));
    return put_levels(into, &id.levels, SPELL_SVN, arena, e);
}

/* ---- PCK certificates ---- */

static const char *
type_word(unsigned type)
{
    static const char *const words[] = { "standard", "scalable",
        "scalable with integrity" };

    return type < COUNT(words) ? words[type] : "unknown";
}

enum selfsame_code
show_pck_claims(
    const struct cert *cert, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct selfsame_err none;
    struct dcap_pck p;

    if (dcap_pck_parse(cert, &p, &none) != SELFSAME_OK)
        return SELFSAME_OK; /* no PCK certificate */
    json_t *sgx = json_object();
    TRY(show_put(into, "sgx", sgx, e));
    TRY(show_put(sgx, "fmspc", hex(p.fmspc, arena), e));
    TRY(show_put(sgx, "ca", json_string(dcap_ca_word(p.ca)), e));
    TRY(show_put(sgx, "type", json_string(type_word(p.sgx_type)), e));
    TRY(show_put(sgx, "ppid", hex(p.ppid, arena), e));
    TRY(show_put(sgx, "pceid", hex(p.pceid, arena), e));
    TRY(show_put(sgx, "components", components(p.component, arena), e));
    TRY(show_put(sgx, "pce_svn", json_integer(p.pce_svn), e));
    TRY(show_put(sgx, "cpu_svn", hex(p.cpu_svn, arena), e));
    if (p.instance_id.ptr != NULL)
        TRY(show_put(sgx, "instance_id", hex(p.instance_id, arena), e));
    if (!p.has_configuration)
        return SELFSAME_OK;
    TRY(show_put(sgx, "dynamic_platform", json_boolean(p.dynamic_platform), e));
    TRY(show_put(sgx, "cached_keys", json_boolean(p.cached_keys), e));
    return show_put(sgx, "smt_enabled", json_boolean(p.smt_enabled), e);
}
