/* SPDX-License-Identifier: Apache-2.0 */
#include "image/sigstruct.h"
#include "tee/sgx/signed_elf.h"

/* A SIGSTRUCT from anybody, alone or in an enclave; what is read may be measured. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_err e = { 0 };
    struct signed_elf f;
    struct sigstruct s;
    uint8_t digest[32];

    if (elf_recognise(in)) {
        if (signed_elf_parse(in, &f, &e) != SELFSAME_OK || f.enclave_size > 64 << 20)
            return 0;
        (void)(signed_elf_mrenclave(&f, digest, &e) == SELFSAME_OK);
        in = f.sigstruct;
    }
    if (sigstruct_parse(in, &s, &e) == SELFSAME_OK &&
        sigstruct_verify(&s, &e) == SELFSAME_OK)
        (void)sigstruct_mrsigner(&s, digest);
    return 0;
}
