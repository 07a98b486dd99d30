/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/snp.h"

#include <assert.h>

/* Collateral from anybody: host certificate tables, DER, PEM. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tee_bundle b = { .cert_count = 0 };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };

    if (snp_bundle_add(&b, BYTES(data, size), &arena, &e) != SELFSAME_OK)
        return 0;
    assert(b.cert_count <= TEE_BUNDLE_CERTS && b.crl_count <= TEE_BUNDLE_CRLS);
    for (size_t i = 0; i < b.cert_count; i++) {
        struct snp_cert_claims c;

        if (snp_cert_claims(&b.cert[i], &c, &e) == SELFSAME_OK)
            assert(c.product != SNP_UNKNOWN && c.kind <= SNP_VLEK);
    }
    return 0;
}
