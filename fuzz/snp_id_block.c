/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/id_block.h"

#include <stdlib.h>

/* A block and its authentication from anybody, one after the other: nobody's key signs them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t cut = size < SNP_ID_BLOCK_SIZE ? size : SNP_ID_BLOCK_SIZE;
    uint8_t id[SNP_DIGEST_SIZE], author[SNP_DIGEST_SIZE];
    struct selfsame_err e = { 0 };
    struct snp_id_block b;
    struct snp_id_auth a;

    if (snp_id_block_parse(BYTES(data, cut), &b, &e) != SELFSAME_OK ||
        snp_id_auth_parse(BYTES(data + cut, size - cut), &a, &e) != SELFSAME_OK)
        return 0;
    if (snp_id_check(&b, &a, &e) == SELFSAME_OK || !snp_id_digests(&a, id, author))
        abort();
    return 0;
}
