/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_INIT_DHCP_H
#define SELFSAME_INIT_DHCP_H

#include "init/machine.h"

/*
 * The least of DHCP (RFC 2131, RFC 2132) that gives a machine its address. The
 * host answers, and the host is not trusted: the worst it can do is what it can do
 * to a network anyway. dhcp_message.c is pure.
 */
enum { DHCP_SIZE = 1500, DHCP_LEAST = 300 };
enum dhcp_kind { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_ACK = 5, DHCP_NAK };

struct dhcp_message {
    enum dhcp_kind kind;
    uint32_t id, address, server, netmask, gateway; /* 0: not said */
    uint8_t mac[6];
};

/* A message of a client, DHCP_LEAST bytes. */
void dhcp_write(const struct dhcp_message *m, uint8_t ret[static DHCP_LEAST]);
/* A message of a server to this client (id and mac of *ours); false for any other. */
bool dhcp_read(const uint8_t *in, size_t len, const struct dhcp_message *ours,
    struct dhcp_message *ret);

/* Asks on this device until there is an answer, at most 30 s; sets address, netmask, gateway. */
bool dhcp_ask(const char *device, struct machine *ret);

#endif
