/* SPDX-License-Identifier: Apache-2.0 */
#include "token/kbs.h"

#include <stdlib.h>

/* Bodies of /auth and /attest; what is read gives report data and evidence, or a refusal. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out;
    uint8_t report_data[KBS_REPORT_DATA];
    enum kbs_tee tee = KBS_NONE;
    struct kbs_attest a;
    auto_json *j = NULL;

    if (json_parse(BYTES(data, size), "request", &j, &e) != SELFSAME_OK)
        return 0;
    if (kbs_auth_read(j, &tee, &e) == SELFSAME_OK && tee == KBS_NONE)
        abort();
    if (kbs_attest_read(j, &arena, &a, &e) != SELFSAME_OK)
        return 0;
    if (kbs_report_data(&a, &arena, report_data, &e) != SELFSAME_OK)
        abort();
    for (tee = KBS_SNP; tee <= KBS_SGX; tee++)
        if (kbs_evidence(tee, a.primary, &arena, &out, &e) == SELFSAME_OK &&
            out.len == 0)
            abort();
    return 0;
}
