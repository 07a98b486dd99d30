/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TDX_COLLECT_H
#define SELFSAME_TDX_COLLECT_H

#include "tee/shared/configfs_tsm.h"
#include "tee/tdx/tdx.h"
#include "tee/tee.h"

/*
 * Registers of a TD as the kernel shows them (Linux 6.16,
 * Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest): 48 raw bytes in a file
 * each; a write of exactly so many, at offset 0, extends the register.
 */
#define TDX_MEASUREMENTS "/sys/devices/virtual/misc/tdx_guest/measurements"
#define TDX_NODE "/dev/tdx_guest"
enum { TDX_REGISTER = 48 };
_Static_assert(TDX_REGISTER == (int)TEE_REGISTER, "both are SHA-384");

/* collect.c with the guest's files as an argument, for tests. */
struct tdx_guest {
    const struct tsm_io *files;     /* of configfs-tsm and of the registers */
    bool (*node)(const char *path); /* whether the driver's device is there */
};
MUST enum selfsame_code tdx_collect(const struct tdx_guest *g,
    const struct tee_report_request *q, struct arena *arena, struct tee_collected *ret,
    struct selfsame_err *e);
bool tdx_present(const struct tdx_guest *g, const char *device);
/* The value afterwards. UNSUPPORTED where the kernel shows no registers. */
MUST enum selfsame_code tdx_extend(const struct tdx_guest *g, const char *device,
    unsigned index, struct selfsame_bytes digest, uint8_t ret[static TEE_REGISTER],
    struct selfsame_err *e);
/* Quotes and registers, each as what it needs is there or not. */
size_t tdx_look(
    const struct tdx_guest *g, struct tee_host_fact ret[static TEE_GUEST_FACTS]);

#endif
