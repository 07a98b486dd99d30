/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_INIT_H
#define SELFSAME_INIT_H

#include "init/config.h"
#include "init/machine.h"

/* One line on the console: "selfsame-init: <what>: <errno in words>". */
void say(const char *what, const char *detail);
void say_errno(const char *what);

/* network.c */
void network_loopback(void);
bool network_up(const struct machine *m);

/* boot.c: the machine. False: said, and the image must not run. */
bool boot_machine(void);
/* Modules and network of a virtual machine. */
bool boot_modules(const struct machine *m);
bool boot_devices(const struct config *c);
/* Ends the machine; what comes back is no PID 1 of a machine. */
void boot_end(const struct config *c);

/* run.c: agent and app until one of them ends; the exit status for the outside. */
int run_all(struct config *c, bool simulated);

#endif
