/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"
#include "tee/shared/dcap_device.h"
#include "tee/tdx/collect.h"

#include <errno.h>
#include <sys/stat.h>

/*
 * A TD as its kernel shows it: configfs-tsm for quotes, /dev/tdx_guest for local reports
 * (drivers/virt/coco/tdx-guest/tdx-guest.c), and the registers as files
 * (Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest).
 */
#define TDX_CMD_GET_REPORT0 0xC4405401u /* _IOWR('T', 1, 1088 bytes) */
enum { REPORT_DATA = 64, TDREPORT = 1024, MESSAGE = 1 + 1 + 64 };

int
dcap_device_ask(struct notify *n, uint8_t op, const struct selfsame_bytes *parts,
    size_t count, struct arena *arena, struct selfsame_bytes *ret)
{
    uint8_t message[MESSAGE];
    struct writer w = writer_of(message, sizeof(message));
    struct selfsame_bytes response;

    put_u8(&w, op);
    for (size_t i = 0; i < count; i++)
        put_bytes(&w, parts[i]);
    if (w.bad || !notify_ask(n, writer_bytes(&w), arena, &response))
        return w.bad ? -EINVAL : -EIO;
    struct reader r = reader_of(response);
    uint32_t why = get_be32(&r);
    *ret = r.rest;
    return r.bad ? -EIO : -(int)(why & 0xfff);
}

/* ---- /dev/tdx_guest ---- */

static int
call(struct notify *n, pid_t pid, uint32_t command, uint64_t argument)
{
    auto_arena arena = arena_new((size_t)1 << 20);
    uint8_t data[REPORT_DATA];
    const struct selfsame_bytes part = BYTES_ARR(data);
    struct selfsame_bytes report;

    if (command != TDX_CMD_GET_REPORT0)
        return -ENOTTY;
    if (!copy_in(pid, argument, data, sizeof(data)))
        return -EFAULT;
    int why = dcap_device_ask(n, DCAP_DEVICE_REPORT, &part, 1, &arena, &report);
    if (why != 0 || report.len != TDREPORT)
        return why != 0 ? why : -EIO;
    if (!notify_waits(n) ||
        !copy_out(pid, report.ptr, argument + REPORT_DATA, report.len))
        return -EFAULT;
    return 0;
}

/* ---- configfs-tsm ---- */

static int
report(struct notify *n, const uint8_t *data64, unsigned vmpl, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_bytes *ret_aux)
{
    const struct selfsame_bytes part = BYTES(data64, REPORT_DATA);

    (void)vmpl;
    *ret_aux = BYTES_NONE;
    return dcap_device_ask(n, DCAP_DEVICE_QUOTE, &part, 1, arena, ret);
}

/* ---- the registers ---- */

static int
read_register(struct notify *n, void *state, unsigned which, struct arena *arena,
    struct selfsame_bytes *ret)
{
    const uint8_t number = (uint8_t)which;
    const struct selfsame_bytes part = BYTES(&number, 1);

    (void)state;
    return dcap_device_ask(n, DCAP_DEVICE_REGISTER, &part, 1, arena, ret);
}

static int
extend_register(
    struct notify *n, void *state, unsigned which, struct selfsame_bytes data)
{
    auto_arena arena = arena_new((size_t)1 << 18);
    const uint8_t number = (uint8_t)which;
    const struct selfsame_bytes parts[] = { BYTES(&number, 1), data };
    struct selfsame_bytes ignored;

    (void)state;
    if (data.len != TDX_REGISTER)
        return -EINVAL;
    return dcap_device_ask(
        n, DCAP_DEVICE_EXTEND, parts, COUNT(parts), &arena, &ignored);
}

#define FIXED(name, number)                                     \
    {                                                           \
        name, S_IFREG | 0444, number, read_register, NULL, true \
    }
#define RTMR(name, number)                                                 \
    {                                                                      \
        name, S_IFREG | 0644, number, read_register, extend_register, true \
    }
static const struct guest_file registers[] = {
    FIXED("mrconfigid", DCAP_REGISTER_MR_CONFIG_ID),
    FIXED("mrowner", DCAP_REGISTER_MR_OWNER),
    FIXED("mrownerconfig", DCAP_REGISTER_MR_OWNER_CONFIG),
    FIXED("mrtd:sha384", DCAP_REGISTER_MRTD),
    RTMR("rtmr0:sha384", 0),
    RTMR("rtmr1:sha384", 1),
    RTMR("rtmr2:sha384", 2),
    RTMR("rtmr3:sha384", 3),
};

static void *
make_registers(const struct guest_device *d)
{
    (void)d;
    return files_make(registers, COUNT(registers), 1);
}

FILES_TREE(tdx_measurements, make_registers);

const struct guest_device tdx_guest_device = {
    .tee = "tdx",
    .node = TDX_NODE,
    .command = TDX_CMD_GET_REPORT0,
    .mask = UINT32_MAX,
    .call = call,
    .mounts = { { "configfs", TSM_REPORT_DIR, &tsm_tree },
        { "sysfs", TDX_MEASUREMENTS, &tdx_measurements } },
    .mount_count = 2,
    .needs_mounts = true,
    .provider = "tdx_guest",
    .report = report,
};
