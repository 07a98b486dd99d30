/* SPDX-License-Identifier: Apache-2.0 */
#include "init/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every string of a list lies in the text; the list ends where it says. */
static void
check_list(char *const *list, size_t count, const char *text, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] < text || list[i] > text + size)
            abort();
    if (list[count] != NULL)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[CONFIG_SIZE + 2];
    static struct config c;
    unsigned line;

    if (size > CONFIG_SIZE + 1)
        return 0;
    memcpy(text, data, size);
    if (config_parse(text, size, &c, &line) != NULL)
        return 0;
    if (c.args == 0 || c.args > CONFIG_ARGS || c.agents > CONFIG_ARGS ||
        c.envs > CONFIG_ENVS + 1 || c.group_count > CONFIG_GROUPS || c.dir[0] != '/')
        abort();
    check_list(c.arg, c.args, text, size);
    check_list(c.agent, c.agents, text, size);
    return 0;
}
