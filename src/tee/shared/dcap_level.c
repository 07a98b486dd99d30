/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which level a platform, a QE, a TDX module is at, and what that makes together
 * (Intel's quote verification library, Src/AttestationLibrary/src/Verifiers/Checks and
 * QuoteVerification; google/go-tdx-guest verify/).
 */
#include "tee/shared/dcap.h"

#include <stdlib.h>

/* Of tee_tcb_svn: the module's own numbers are judged by its identity. */
static size_t
first_component(struct selfsame_bytes svn)
{
    return svn.ptr[1] > 0 ? 2 : 0;
}

static bool
reaches(
    const struct dcap_level *l, const struct dcap_pck *pck, struct selfsame_bytes svn)
{
    for (size_t i = 0; i < DCAP_COMPONENTS; i++)
        if (pck->component[i] < l->sgx[i])
            return false;
    if (pck->pce_svn < l->svn)
        return false;
    for (size_t i = svn.ptr != NULL ? first_component(svn) : DCAP_COMPONENTS;
         i < DCAP_COMPONENTS; i++)
        if (svn.ptr[i] < l->tdx[i])
            return false;
    return true;
}

const struct dcap_level *
dcap_platform_level(const struct dcap_tcb_info *info, const struct dcap_pck *pck,
    struct selfsame_bytes svn)
{
    for (size_t i = 0; i < info->levels.count; i++)
        if (reaches(&info->levels.list[i], pck, svn))
            return &info->levels.list[i];
    return NULL;
}

const struct dcap_level *
dcap_svn_level(const struct dcap_levels *levels, uint16_t svn)
{
    for (size_t i = 0; i < levels->count; i++)
        if (levels->list[i].svn <= svn)
            return &levels->list[i];
    return NULL;
}

/* ---- what is short ---- */

static const char *
append(const char *all, struct arena *arena, const char *what, size_t i, unsigned has,
    unsigned needs)
{
    if (all == NULL)
        return NULL;
    return arena_printf(arena, "%s%s%s %zu: has %u, needs %u", all,
        all[0] != '\0' ? "; " : "", what, i, has, needs);
}

const char *
dcap_short_of(const struct dcap_level *want, const struct dcap_pck *pck,
    struct selfsame_bytes svn, struct arena *arena)
{
    const char *all = "";

    for (size_t i = 0; i < DCAP_COMPONENTS; i++)
        if (pck->component[i] < want->sgx[i])
            all = append(
                all, arena, "SGX component", i, pck->component[i], want->sgx[i]);
    if (pck->pce_svn < want->svn && all != NULL)
        all = arena_printf(arena, "%s%sPCESVN: has %u, needs %u", all,
            all[0] != '\0' ? "; " : "", (unsigned)pck->pce_svn, (unsigned)want->svn);
    for (size_t i = svn.ptr != NULL ? first_component(svn) : DCAP_COMPONENTS;
         i < DCAP_COMPONENTS; i++)
        if (svn.ptr[i] < want->tdx[i])
            all = append(all, arena, "TDX component", i, svn.ptr[i], want->tdx[i]);
    return all;
}

/* ---- TDX modules ---- */

enum selfsame_code
dcap_module_of(const struct dcap_tcb_info *info, struct selfsame_bytes svn,
    const struct dcap_identity **ret, struct selfsame_err *e)
{
    *ret = NULL;
    if (svn.len != DCAP_COMPONENTS)
        FAIL(e, SELFSAME_MALFORMED, "tee_tcb_svn: expected 16 bytes, got %zu", svn.len);
    if (svn.ptr[1] == 0)
        return SELFSAME_OK;
    for (size_t i = 0; i < info->module_count; i++)
        if (info->modules[i].module == svn.ptr[1])
            *ret = &info->modules[i];
    if (*ret == NULL)
        FAIL(e, SELFSAME_TCB,
            "TDX module: expected one of the %zu that the TCB info knows, got TDX_%02X",
            info->module_count, svn.ptr[1]);
    return SELFSAME_OK;
}

/* ---- together ---- */

static bool
needs_configuration(enum dcap_status s)
{
    return s == DCAP_CONFIGURATION_NEEDED ||
           s == DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED ||
           s == DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

static bool
is_out_of_date(enum dcap_status s)
{
    return s == DCAP_OUT_OF_DATE || s == DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/*
 * Intel gives QEs and modules UpToDate, OutOfDate or Revoked. Another word makes the
 * worse of both, so that none is lost; of two that are out of date or that want another
 * configuration the sum says both.
 */
enum dcap_status
dcap_status_merge(enum dcap_status platform, enum dcap_status other)
{
    if (platform == DCAP_NO_STATUS || other == DCAP_NO_STATUS)
        return DCAP_NO_STATUS;
    if (platform == DCAP_REVOKED || other == DCAP_REVOKED)
        return DCAP_REVOKED;
    if (is_out_of_date(platform) || is_out_of_date(other))
        return needs_configuration(platform) || needs_configuration(other)
                   ? DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED
                   : DCAP_OUT_OF_DATE;
    if (needs_configuration(platform) != needs_configuration(other) &&
        platform != DCAP_UP_TO_DATE && other != DCAP_UP_TO_DATE)
        return DCAP_CONFIGURATION_AND_SW_HARDENING_NEEDED;
    return platform > other ? platform : other;
}

static int
by_name(const void *a, const void *b)
{
    return bytes_cmp(
        *(const struct selfsame_bytes *)a, *(const struct selfsame_bytes *)b);
}

bool
dcap_advisories_merge(const struct dcap_advisories *lists, size_t count,
    struct arena *arena, struct dcap_advisories *ret)
{
    size_t room = 0, n = 0, kept = 0;

    for (size_t i = 0; i < count; i++)
        room += lists[i].count;
    struct selfsame_bytes *all = ARENA_NEW(arena, struct selfsame_bytes, room + 1);
    if (all == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < lists[i].count; k++)
            all[n++] = lists[i].list[k];
    qsort(all, n, sizeof(*all), by_name);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || bytes_cmp(all[i], all[kept - 1]) != 0)
            all[kept++] = all[i];
    *ret = (struct dcap_advisories){ .list = all, .count = kept };
    return true;
}
