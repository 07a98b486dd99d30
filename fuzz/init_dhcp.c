/* SPDX-License-Identifier: Apache-2.0 */
#include "init/dhcp.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An answer that is taken has an address and a mask without holes. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dhcp_message ours = { .kind = DHCP_DISCOVER,
        .id = 0x12345678,
        .mac = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 } };
    struct dhcp_message got;

    if (!dhcp_read(data, size, &ours, &got) || got.kind == DHCP_NAK)
        return 0;
    if (got.address == 0 || got.netmask == 0 ||
        (~got.netmask & (~got.netmask + 1)) != 0)
        abort();
    return 0;
}
