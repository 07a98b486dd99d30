/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include <errno.h>

/* drivers/misc/nsm.c and include/uapi/linux/nsm.h: what a guest sees of the driver. */
enum { NSM_REQUEST_MAX = 0x1000 };
#define NSM_IOCTL_RAW 0xC0200A00u
struct nsm_raw {
    uint64_t request, request_len, response, response_len;
};

static int
call(struct notify *n, pid_t pid, uint32_t command, uint64_t argument)
{
    uint8_t request[NSM_REQUEST_MAX];
    struct nsm_raw raw;
    auto_arena arena = arena_new((size_t)1 << 20);
    struct selfsame_bytes response;

    if (command != NSM_IOCTL_RAW)
        return -EINVAL;
    if (!copy_in(pid, argument, &raw, sizeof(raw)))
        return -EFAULT;
    if (raw.request_len > sizeof(request))
        return -EMSGSIZE;
    if (!copy_in(pid, raw.request, request, (size_t)raw.request_len))
        return -EFAULT;
    if (!notify_ask(n, BYTES(request, (size_t)raw.request_len), &arena, &response))
        return -EIO;
    /* Cut without a word, as the driver does: the new length is all a caller sees. */
    if (raw.response_len > response.len)
        raw.response_len = response.len;
    if (!notify_waits(n) ||
        !copy_out(pid, response.ptr, raw.response, (size_t)raw.response_len) ||
        !copy_out(pid, &raw, argument, sizeof(raw)))
        return -EFAULT;
    return 0;
}

const struct guest_device nsm_device = {
    .tee = "nitro",
    .node = "/dev/nsm",
    .command = 0x0A00,
    .mask = 0xFF00,
    .call = call,
};
