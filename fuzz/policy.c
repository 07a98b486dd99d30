/* SPDX-License-Identifier: Apache-2.0 */
#include "appraise/appraise.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const pins[] = { "pcr.0", NULL };
static const struct tee_facts facts[] = { { .name = "nitro", .pins = pins },
    { .name = "toy" } };

/* What is accepted must, written out, be accepted again and written the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_err e = { 0 };
    struct policy p, again;
    char *text, *second;

    if (policy_parse(BYTES(data, size), facts, COUNT(facts), &arena, &p, &e))
        return 0;
    if (policy_to_json(&p, &text, &e))
        abort();
    if (policy_parse(bytes_str(text), facts, COUNT(facts), &arena, &again, &e) ||
        policy_to_json(&again, &second, &e) || strcmp(text, second) != 0)
        abort();
    free(text);
    free(second);
    if (policy_to_text(&p, &text, &e))
        abort();
    free(text);
    return 0;
}
