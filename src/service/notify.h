/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_NOTIFY_H
#define SELFSAME_NOTIFY_H

#include "base/base.h"

/*
 * Tells the service manager what becomes of this daemon, as sd_notify(3) says:
 * "READY=1", "STOPPING=1", "RELOADING=1\nMONOTONIC_USEC=…", "STATUS=…". Without
 * $NOTIFY_SOCKET nobody wants to know, and nothing happens. The address is read once,
 * by service_notify_open, since a confined process may have lost its environment.
 */
void service_notify_open(void);
void service_notify(const char *state);
void service_notify_reloading(void); /* to be followed by READY=1 */

#endif
