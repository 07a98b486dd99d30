/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee.h"

#include <assert.h>

/* Built once per TEE: -DFUZZ_TEE="nitro". */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tee_verifier *v = tee_verifier_find(FUZZ_TEE);
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes in = BYTES(data, size);
    struct selfsame_claims claims = { .authentic = false };
    struct checks checks = { .at = { { .outcome = CHECK_MISSING } } };
    struct selfsame_err e = { .depth = 0 };
    struct tee_need *needs;
    size_t count;

    assert(v != NULL);
    const struct tee_trust trust = {
        .now_s = 1766678659, /* inside the windows of some seeds */
        .anchors = v->anchors,
        .anchor_count = v->anchor_count,
    };
    bool known = v->recognise(in);
    (void)!v->needs(in, &arena, &needs, &count, &e);
    enum selfsame_code code = v->verify(in, &trust, &arena, &checks, &claims, &e);
    assert(code != SELFSAME_OK || claims.authentic);
    assert(!claims.authentic || known);
    assert(!claims.authentic || (checks.at[CHECK_CHAIN].outcome == CHECK_PASS &&
                                    checks.at[CHECK_SIGNATURE].outcome == CHECK_PASS));
    for (enum check_name i = 0; i <= CHECK_SIGNATURE && code == SELFSAME_OK; i++)
        assert(checks.at[i].outcome == CHECK_PASS || checks.at[i].outcome == CHECK_NA);
    assert(code == SELFSAME_OK || code == SELFSAME_NOMEM || e.depth > 0);
    return 0;
}
