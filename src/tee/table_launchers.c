/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tee.h"

const char *const tee_own_id_names[TEE_OWN_IDS] = { "mr-config-id", "mr-owner",
    "mr-owner-config" };

/* Linked by the command only. */
#define TEE(name) extern const struct tee_launcher name##_launcher;
#include "tee/launchers.def"
#undef TEE

#define TEE(name) &name##_launcher,
static const struct tee_launcher *const launchers[] = {
#include "tee/launchers.def"
};
#undef TEE

const struct tee_launcher *
tee_launcher_at(size_t i)
{
    return i < COUNT(launchers) ? launchers[i] : NULL;
}

const struct tee_launcher *
tee_launcher_find(const char *name)
{
    for (size_t i = 0; i < COUNT(launchers); i++)
        if (strcmp(launchers[i]->name, name) == 0)
            return launchers[i];
    return NULL;
}
