/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee.h"

/* Linked by what runs inside a TEE (libselfsame-attest, the command). */
#define TEE(name) extern const struct tee_attester name##_attester;
#include "tee/attesters.def"
#undef TEE

#define TEE(name) &name##_attester,
static const struct tee_attester *const attesters[] = {
#include "tee/attesters.def"
};
#undef TEE

const struct tee_attester *
tee_attester_at(size_t i)
{
    return i < COUNT(attesters) ? attesters[i] : NULL;
}
