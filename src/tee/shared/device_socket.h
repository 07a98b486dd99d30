/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_DEVICE_SOCKET_H
#define SELFSAME_DEVICE_SOCKET_H

#include "base/base.h"

/*
 * The simulator's transport (docs/simulator.md): a socket in the place of a device, u32
 * big-endian length before each message, one answer for each request.
 */

/* The path behind "unix:", or NULL when the device is a file. */
const char *device_socket(const char *device);
/* Whether a socket is there. */
bool device_socket_present(const char *path);
/* One message there and one back, at most `cap` bytes of it: 0 or -errno. */
int device_exchange(const char *path, struct selfsame_bytes message, uint8_t *buf,
    size_t cap, size_t *ret_len);

#endif
