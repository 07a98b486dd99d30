/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_MEASURE_SGX_H
#define SELFSAME_CLI_MEASURE_SGX_H

#include "cli/cli.h"
#include "codec/json.h"

/* Options of `measure` that sign an enclave. */
#define MEASURE_SGX_OPTIONS                                                           \
    { .name = "pal",                                                                  \
        .argument = "FILE",                                                           \
        .help = "sgx: libpal.so of Gramine, for a manifest" },                        \
        { .name = "sig",                                                              \
            .argument = "FILE",                                                       \
            .help = "sgx: SIGSTRUCT of the enclave, to check or (with --sgx-key) to " \
                    "make" },                                                         \
        { .name = "sgx-key",                                                          \
            .argument = "FILE",                                                       \
            .help = "sgx: RSA-3072 key with exponent 3 that signs it" },              \
        { .name = "date",                                                             \
            .argument = "YYYY-MM-DD",                                                 \
            .help = "sgx: of the SIGSTRUCT (default: SOURCE_DATE_EPOCH, or today)" }, \
        { .name = "isv-prod-id",                                                      \
            .argument = "N",                                                          \
            .help = "sgx: product, for enclaves without a manifest" },                \
    {                                                                                 \
        .name = "isv-svn", .argument = "N", .help = "sgx: and its security version"   \
    }

/* Is an enclave to be signed? Then its SIGSTRUCT is not read. */
bool measure_sgx_wanted(struct cli *c);
/* Is anything said that only enclaves of SGX have? */
bool measure_sgx_told(struct cli *c);
/*
 * Signs what was measured: writes --sig FILE, or IMAGE/image.sig, and adds mrsigner,
 * isv_prod_id and isv_svn to `measured`.
 */
MUST enum selfsame_code measure_sgx_sign(struct cli *c, const char *image, bool dir,
    json_t *measured, struct selfsame_err *e);

#endif
