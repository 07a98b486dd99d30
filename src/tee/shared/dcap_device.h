/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DCAP_DEVICE_H
#define SELFSAME_DCAP_DEVICE_H

/*
 * The simulator's transport for SGX and TDX: what a program or a simulated kernel asks
 * of the simulated device (sim_device_call, or `selfsame-sim device` on a socket).
 * Request: one byte of enum dcap_device_op, then what stands beside it. Answer: a
 * big-endian errno, 4 bytes; after 0 what was asked for.
 */
enum dcap_device_op {
    DCAP_DEVICE_QUOTE = 1,  /* 64 bytes of report data → the quote */
    DCAP_DEVICE_REPORT = 2, /* 64 bytes → TDREPORT (1024) or SGX report (432): local,
                                 its MAC is a text, and no evidence */
    DCAP_DEVICE_EXTEND = 3, /* TDX: register (u8), 48 bytes → nothing */
    DCAP_DEVICE_REGISTER = 4, /* TDX: register (u8) → 48 bytes */
};
/* TDX, of DCAP_DEVICE_REGISTER: 0 to 3 are RTMRs, and */
enum dcap_device_register {
    DCAP_REGISTER_MRTD = 4,
    DCAP_REGISTER_MR_CONFIG_ID,
    DCAP_REGISTER_MR_OWNER,
    DCAP_REGISTER_MR_OWNER_CONFIG,
};
enum { DCAP_DEVICE_MESSAGE_MAX = 1 << 17 };

#endif
