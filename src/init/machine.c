/* SPDX-License-Identifier: Apache-2.0 */
#include "init/machine.h"

#include "init/lines.h"

#include <string.h>

/* Decimal, at most `max`, without leading zeros; *at moves behind it. */
static bool
number(const char **at, uint32_t max, uint32_t *ret)
{
    const char *s = *at;
    uint32_t v = 0;

    if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        v = v * 10 + (uint32_t)(*s - '0');
        if (v > max)
            return false;
    }
    *at = s;
    *ret = v;
    return true;
}

static bool
address(const char **at, uint32_t *ret)
{
    uint32_t sum = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t part;

        if (i > 0 && *(*at)++ != '.')
            return false;
        if (!number(at, 255, &part))
            return false;
        sum = sum << 8 | part;
    }
    *ret = sum;
    return true;
}

/* "dhcp", "10.0.2.15/24", "10.0.2.15/24 10.0.2.2" */
static const char *
set_net(struct machine *m, const char *value)
{
    static const char wrong[] =
        "expected dhcp, or ADDRESS/PREFIX and perhaps a GATEWAY";
    uint32_t prefix;

    if (m->seen_net)
        return "this key stands twice";
    m->seen_net = true;
    if (strcmp(value, "dhcp") == 0) {
        m->net = NET_DHCP;
        return NULL;
    }
    if (!address(&value, &m->address) || *value++ != '/' ||
        !number(&value, 32, &prefix) || prefix == 0 || m->address == 0)
        return wrong;
    m->net = NET_STATIC;
    m->netmask = UINT32_MAX << (32 - prefix);
    if (*value == '\0')
        return NULL;
    if (*value++ != ' ' || !address(&value, &m->gateway) || *value != '\0' ||
        m->gateway == 0)
        return wrong;
    return NULL;
}

static const char *
set_module(struct machine *m, const char *value)
{
    if (value[0] != '/')
        return "expected an absolute path of the module";
    if (m->modules == MACHINE_MODULES)
        return "more than 64 modules";
    m->module[m->modules++] = value;
    return NULL;
}

static const char *
take_line(void *ctx, char *line)
{
    struct machine *m = ctx;

    if (strncmp(line, "module ", 7) == 0)
        return set_module(m, line + 7);
    if (strncmp(line, "net ", 4) == 0)
        return set_net(m, line + 4);
    return "unknown key";
}

const char *
machine_parse(char *text, size_t len, struct machine *ret, unsigned *ret_line)
{
    *ret = (struct machine){ .net = NET_NONE };
    *ret_line = 1;
    if (len > MACHINE_SIZE)
        return "longer than 64 KiB";
    return lines_each(text, len, take_line, ret, ret_line);
}
