/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/tdx.h"

/*
 * Bits that have a name (Intel TDX module ABI, Linux asm/shared/tdx.h); the others are
 * reserved. What a named one is worth, the policy says.
 */
static const uint64_t attributes_known =
    UINT64_C(1) << TDX_DEBUG | UINT64_C(1) << TDX_HGS_PLUS_PROF |
    UINT64_C(1) << TDX_PERF_PROF | UINT64_C(1) << TDX_PMT_PROF |
    UINT64_C(1) << TDX_ICSSD | UINT64_C(1) << TDX_LASS |
    UINT64_C(1) << TDX_SEPT_VE_DISABLE | UINT64_C(1) << TDX_MIGRATABLE |
    UINT64_C(1) << TDX_PKS | UINT64_C(1) << TDX_KL | UINT64_C(1) << TDX_TPA |
    UINT64_C(1) << TDX_PERFMON;
static const uint64_t xfam_fixed = 3; /* x87 and SSE are always there */

static uint64_t
number(struct selfsame_bytes le)
{
    struct reader r = reader_of(le);

    return get_le64(&r);
}

enum selfsame_code
tdx_body_check(const struct dcap_quote *q, struct tdx_body *ret, struct selfsame_err *e)
{
    struct reader r = reader_of(q->body);
    struct tdx_body x = { 0 };

    x.tee_tcb_svn = get_bytes(&r, 16);
    x.mr_seam = get_bytes(&r, 48);
    x.mr_signer_seam = get_bytes(&r, 48);
    x.seam_attributes = get_bytes(&r, 8);
    x.td_attributes = get_bytes(&r, 8);
    x.xfam = get_bytes(&r, 8);
    x.mrtd = get_bytes(&r, 48);
    x.mr_config_id = get_bytes(&r, 48);
    x.mr_owner = get_bytes(&r, 48);
    x.mr_owner_config = get_bytes(&r, 48);
    for (size_t i = 0; i < TDX_RTMRS; i++)
        x.rtmr[i] = get_bytes(&r, 48);
    x.report_data = get_bytes(&r, 64);
    if (q->kind == DCAP_BODY_TD15) {
        x.tee_tcb_svn2 = get_bytes(&r, 16);
        x.mr_service_td = get_bytes(&r, 48);
    }
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED, "TD body: expected %d or %d bytes, got %zu",
            (int)DCAP_TD10_SIZE, (int)DCAP_TD15_SIZE, q->body.len);
    x.attributes = number(x.td_attributes);
    x.features = number(x.xfam);
    if ((x.attributes & ~attributes_known) != 0)
        FAIL(e, SELFSAME_MALFORMED,
            "ATTRIBUTES: expected the reserved bits to be zero, got 0x%llx",
            (unsigned long long)x.attributes);
    if ((x.features & xfam_fixed) != xfam_fixed)
        FAIL(e, SELFSAME_MALFORMED, "XFAM: expected bits 0 and 1 to be set, got 0x%llx",
            (unsigned long long)x.features);
    *ret = x;
    return SELFSAME_OK;
}
