/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee.h"

/* The pure roles: all that libselfsame links. One line per TEE in the .def files. */
#define TEE(name) extern const struct tee_verifier name##_verifier;
#include "tee/verifiers.def"
#undef TEE
#define TEE(name) extern const struct tee_measurer name##_measurer;
#include "tee/measurers.def"
#undef TEE

#define TEE(name) &name##_verifier,
static const struct tee_verifier *const verifiers[] = {
#include "tee/verifiers.def"
};
#undef TEE
#define TEE(name) &name##_measurer,
static const struct tee_measurer *const measurers[] = {
#include "tee/measurers.def"
};
#undef TEE

const struct tee_verifier *
tee_verifier_at(size_t i)
{
    return i < COUNT(verifiers) ? verifiers[i] : NULL;
}

const struct tee_verifier *
tee_verifier_find(const char *name)
{
    for (size_t i = 0; i < COUNT(verifiers); i++)
        if (strcmp(verifiers[i]->name, name) == 0)
            return verifiers[i];
    return NULL;
}

const struct tee_measurer *
tee_measurer_at(size_t i)
{
    return i < COUNT(measurers) ? measurers[i] : NULL;
}

const struct tee_measurer *
tee_measurer_find(const char *name)
{
    for (size_t i = 0; i < COUNT(measurers); i++)
        if (strcmp(measurers[i]->name, name) == 0)
            return measurers[i];
    return NULL;
}
