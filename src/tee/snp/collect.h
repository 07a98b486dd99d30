/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SNP_COLLECT_H
#define SELFSAME_SNP_COLLECT_H

#include "tee/shared/configfs_tsm.h"
#include "tee/snp/snp.h"

/* collect.c with the guest's devices as an argument, for tests. */
struct snp_guest {
    const struct tsm_io *tsm;
    /* Opens `device`, asks once, closes: 0 or -errno. */
    int (*request)(
        void *ctx, const char *device, unsigned long command, void *argument);
    void *ctx;
};
MUST enum selfsame_code snp_collect(const struct snp_guest *g,
    const struct tee_report_request *q, struct arena *arena, struct tee_collected *ret,
    struct selfsame_err *e);
bool snp_present(const struct snp_guest *g, const char *device);

/* include/uapi/linux/sev-guest.h */
#define SNP_GET_REPORT 0xC0205300ul
#define SNP_GET_EXT_REPORT 0xC0205302ul
enum { SNP_VMM_INVALID_LEN = 1, SNP_VMM_BUSY = 2, SNP_RESPONSE = 4000 };
struct snp_ioctl {
    uint8_t version, pad[7];
    uint64_t request, response, error; /* error: firmware low, VMM high half */
};
struct snp_report_req {
    uint8_t user_data[64];
    uint32_t vmpl;
    uint8_t reserved[28];
};
struct snp_ext_report_req {
    struct snp_report_req data;
    uint64_t certs_address;
    uint32_t certs_len, pad;
};

/*
 * The simulator's transport (docs/simulator.md): a socket whose path holds
 * "sev-guest". What the ioctl would pass, u32 big-endian length before each message:
 *   request   u32 command, struct snp_report_req
 *   response  u32 errno, u64 error, SNP_RESPONSE bytes, certificates
 */
enum {
    SNP_MESSAGE_REQUEST = 4 + sizeof(struct snp_report_req),
    SNP_MESSAGE_HEAD = 4 + 8 + SNP_RESPONSE,
};
enum { SNP_STATUS_INVALID = 0x16 }; /* MSG_REPORT_RSP, STATUS: invalid parameters */

#endif
