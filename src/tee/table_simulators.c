/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/simulate.h"

/* Linked by selfsame-sim and tests only; tools/symbols.sh proves it. */
#define TEE(name) extern const struct tee_simulator name##_simulator;
#include "tee/simulators.def"
#undef TEE

#define TEE(name) &name##_simulator,
static const struct tee_simulator *const simulators[] = {
#include "tee/simulators.def"
};
#undef TEE

const struct tee_simulator *
tee_simulator_find(const char *name)
{
    for (size_t i = 0; i < COUNT(simulators); i++)
        if (strcmp(simulators[i]->name, name) == 0)
            return simulators[i];
    return NULL;
}

const struct tee_simulator *
tee_simulator_at(size_t i)
{
    return i < COUNT(simulators) ? simulators[i] : NULL;
}
