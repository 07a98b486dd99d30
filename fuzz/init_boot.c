/* SPDX-License-Identifier: Apache-2.0 */
#include "init/machine.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is within its bounds: absolute paths of the text, a mask without holes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[MACHINE_SIZE + 2];
    struct machine m;
    unsigned line;

    if (size > MACHINE_SIZE + 1)
        return 0;
    memcpy(text, data, size);
    if (machine_parse(text, size, &m, &line) != NULL)
        return 0;
    if (m.modules > MACHINE_MODULES)
        abort();
    for (size_t i = 0; i < m.modules; i++)
        if (m.module[i] < text || m.module[i] >= text + size || m.module[i][0] != '/')
            abort();
    if (m.net == NET_STATIC && (m.address == 0 || (~m.netmask & (~m.netmask + 1)) != 0))
        abort();
    return 0;
}
