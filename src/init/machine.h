/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_INIT_MACHINE_H
#define SELFSAME_INIT_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a virtual machine has to have before anything can start: /selfsame/boot,
 * docs/formats/init-config.md. Everything points into the text, which is changed
 * in place. An enclave of AWS has no such file.
 */
enum { MACHINE_SIZE = 1 << 16, MACHINE_MODULES = 64 };
enum machine_net { NET_NONE = 0, NET_STATIC, NET_DHCP };

struct machine {
    const char *module[MACHINE_MODULES]; /* absolute paths, in this order */
    size_t modules;
    enum machine_net net;
    uint32_t address, netmask, gateway; /* host byte order; gateway 0: none */
    bool seen_net;
};

/* As config_parse: text has room for one more byte; NULL, or what is wrong in *ret_line. */
const char *machine_parse(
    char *text, size_t len, struct machine *ret, unsigned *ret_line);

#endif
