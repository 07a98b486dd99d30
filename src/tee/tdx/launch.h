/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TDX_LAUNCH_H
#define SELFSAME_TDX_LAUNCH_H

#include "tee/shared/qemu.h"

/*
 * A machine under QEMU (docs/system/i386/tdx.rst): with TDX, or, for development, the
 * same image without it.
 */
enum { TDX_QEMU_MAJOR = 10, TDX_QEMU_MINOR = 1, TDX_QGS_PORT = 4050, TDX_ID = 48 };
#define TDX_QGS_SOCKET "/var/run/tdx-qgs/qgs.socket"

/* The quote generation service, asked on its vsock port. */
enum tdx_qgs { TDX_QGS_UNKNOWN, TDX_QGS_ANSWERS, TDX_QGS_SILENT };
struct tdx_host {
    struct tee_host at;
    enum tdx_qgs qgs;
};

/* launch_host.c: pre-flight. */
struct tdx_host tdx_this_host(void);
MUST enum selfsame_code tdx_host_facts(const struct tdx_host *host,
    const struct tee_launch_request *q, struct arena *arena, struct tee_host_fact **ret,
    size_t *ret_count, struct selfsame_err *e);

/* launch.c */
/* What the machine gets, if the image was measured for it: USAGE otherwise. */
MUST enum selfsame_code tdx_choose_memory(
    const struct tee_launch_request *q, uint64_t *ret_mib, struct selfsame_err *e);
MUST enum selfsame_code tdx_host_launch(const struct tdx_host *host,
    const struct tee_launch_request *q, struct selfsame_err *e);

#endif
