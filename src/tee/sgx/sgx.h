/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SGX_H
#define SELFSAME_SGX_H

#include "tee/shared/dcap_claims.h"

/* Intel SGX: what is not TDX's as well (tee/shared/dcap.h). README.md here. */

/* claims.c */
enum { SGX_RULES = DCAP_COMMON_RULES + 16 };
extern const struct tee_rule sgx_rules[SGX_RULES];
extern const char *const sgx_pins[];
/* The report body of a quote: reserved attributes, and what KSS alone may set. MALFORMED. */
MUST enum selfsame_code sgx_body_check(
    const struct dcap_quote *q, struct dcap_report *ret, struct selfsame_err *e);
MUST enum selfsame_code sgx_claims(const struct dcap_found *f, int64_t now_s,
    struct arena *arena, struct selfsame_claims *ret, struct selfsame_err *e);

/* The role. */
extern const struct tee_verifier sgx_verifier;

#endif
