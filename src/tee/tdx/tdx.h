/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TDX_H
#define SELFSAME_TDX_H

#include "tee/shared/dcap_claims.h"

/*
 * Intel TDX: what is not SGX's as well (tee/shared/dcap.h). Formats: Intel TDX DCAP
 * quoting library, sgx_quote_4.h and _5.h. README.md here.
 */
enum { TDX_RTMRS = 4 };
enum tdx_attribute { /* bits of ATTRIBUTES */
    TDX_DEBUG = 0,
    TDX_HGS_PLUS_PROF = 4,
    TDX_PERF_PROF = 5,
    TDX_PMT_PROF = 6,
    TDX_ICSSD = 16,
    TDX_LASS = 27,
    TDX_SEPT_VE_DISABLE = 28,
    TDX_MIGRATABLE = 29,
    TDX_PKS = 30,
    TDX_KL = 31,
    TDX_TPA = 62,
    TDX_PERFMON = 63,
};

/* A TD as its quote says; views into it. */
struct tdx_body {
    struct selfsame_bytes tee_tcb_svn, mr_seam, mr_signer_seam, seam_attributes,
        td_attributes, xfam, mrtd, mr_config_id, mr_owner, mr_owner_config,
        rtmr[TDX_RTMRS], report_data;
    struct selfsame_bytes tee_tcb_svn2, mr_service_td; /* TDX 1.5, else absent */
    uint64_t attributes, features; /* td_attributes and xfam as numbers */
};
/* parse.c: MALFORMED for reserved attributes. */
MUST enum selfsame_code tdx_body_check(
    const struct dcap_quote *q, struct tdx_body *ret, struct selfsame_err *e);

/* claims.c */
enum { TDX_RULES = DCAP_COMMON_RULES + 24 };
extern const struct tee_rule tdx_rules[TDX_RULES];
extern const char *const tdx_pins[], *const tdx_zeros[];
enum { TDX_ADVICE = 1 };
extern const struct tee_advice tdx_advice[TDX_ADVICE];
MUST enum selfsame_code tdx_claims(const struct dcap_found *f, int64_t now_s,
    struct arena *arena, struct selfsame_claims *ret, struct selfsame_err *e);

/* The role. */
extern const struct tee_verifier tdx_verifier;

#endif
