/* SPDX-License-Identifier: Apache-2.0 */
#include "init/dhcp.h"

#include <string.h>

/* RFC 2131 §2: the fixed part, then the magic cookie, then options. */
enum {
    BOOT_REQUEST = 1,
    BOOT_REPLY = 2,
    ETHERNET = 1,
    AT_ID = 4,
    AT_FLAGS = 10,
    AT_YOURS = 16,
    AT_MAC = 28,
    AT_COOKIE = 236,
    AT_OPTIONS = 240,
};
/* RFC 2132 */
enum {
    OPTION_PAD = 0,
    OPTION_NETMASK = 1,
    OPTION_ROUTER = 3,
    OPTION_ADDRESS = 50,
    OPTION_KIND = 53,
    OPTION_SERVER = 54,
    OPTION_WANTED = 55,
    OPTION_END = 255,
};
static const uint8_t cookie[] = { 99, 130, 83, 99 };

static void
put32(uint8_t *at, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t
get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint8_t *
put_option(uint8_t *at, uint8_t code, uint32_t v)
{
    if (v == 0)
        return at;
    at[0] = code;
    at[1] = 4;
    put32(at + 2, v);
    return at + 6;
}

void
dhcp_write(const struct dhcp_message *m, uint8_t ret[static DHCP_LEAST])
{
    static const uint8_t wanted[] = { OPTION_WANTED, 2, OPTION_NETMASK, OPTION_ROUTER };
    uint8_t *at = ret + AT_OPTIONS;

    memset(ret, 0, DHCP_LEAST);
    ret[0] = BOOT_REQUEST;
    ret[1] = ETHERNET;
    ret[2] = sizeof(m->mac);
    put32(ret + AT_ID, m->id);
    /* Without an address yet only a broadcast reaches us (§4.1). */
    ret[AT_FLAGS] = 0x80;
    memcpy(ret + AT_MAC, m->mac, sizeof(m->mac));
    memcpy(ret + AT_COOKIE, cookie, sizeof(cookie));
    *at++ = OPTION_KIND;
    *at++ = 1;
    *at++ = (uint8_t)m->kind;
    at = put_option(at, OPTION_ADDRESS, m->address);
    at = put_option(at, OPTION_SERVER, m->server);
    memcpy(at, wanted, sizeof(wanted));
    at[sizeof(wanted)] = OPTION_END;
}

static bool
take_option(struct dhcp_message *m, uint8_t code, const uint8_t *v, size_t len)
{
    uint32_t *to = code == OPTION_NETMASK  ? &m->netmask
                   : code == OPTION_ROUTER ? &m->gateway
                   : code == OPTION_SERVER ? &m->server
                                           : NULL;

    if (code == OPTION_KIND) {
        if (len != 1 || (v[0] != DHCP_OFFER && v[0] != DHCP_ACK && v[0] != DHCP_NAK))
            return false;
        m->kind = (enum dhcp_kind)v[0];
        return true;
    }
    if (to == NULL)
        return true;
    /* Several routers: the first is preferred (RFC 2132 §3.5). */
    if (len < 4 || (len != 4 && (code != OPTION_ROUTER || len % 4 != 0)))
        return false;
    *to = get32(v);
    return true;
}

static bool
take_options(struct dhcp_message *m, const uint8_t *in, size_t len)
{
    size_t at = 0;

    while (at < len && in[at] != OPTION_END) {
        uint8_t code = in[at++];

        if (code == OPTION_PAD)
            continue;
        if (at == len || in[at] > len - at - 1)
            return false;
        size_t n = in[at++];
        if (!take_option(m, code, in + at, n))
            return false;
        at += n;
    }
    return at < len;
}

/* Ones, then zeros; never none: a mask that is neither would be no network. */
static bool
is_netmask(uint32_t m)
{
    return m != 0 && (~m & (~m + 1)) == 0;
}

bool
dhcp_read(const uint8_t *in, size_t len, const struct dhcp_message *ours,
    struct dhcp_message *ret)
{
    struct dhcp_message m = { .kind = 0 };

    if (len < AT_OPTIONS || len > DHCP_SIZE || in[0] != BOOT_REPLY ||
        in[1] != ETHERNET || in[2] != sizeof(m.mac))
        return false;
    m.id = get32(in + AT_ID);
    m.address = get32(in + AT_YOURS);
    memcpy(m.mac, in + AT_MAC, sizeof(m.mac));
    for (size_t i = 0; i < sizeof(cookie); i++)
        if (in[AT_COOKIE + i] != cookie[i])
            return false;
    for (size_t i = 0; i < sizeof(m.mac); i++)
        if (m.mac[i] != ours->mac[i])
            return false;
    if (m.id != ours->id || !take_options(&m, in + AT_OPTIONS, len - AT_OPTIONS) ||
        m.kind == 0)
        return false;
    if (m.kind != DHCP_NAK && (m.address == 0 || !is_netmask(m.netmask)))
        return false;
    *ret = m;
    return true;
}
