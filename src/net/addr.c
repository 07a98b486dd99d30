/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include <ctype.h>
#include <stdio.h>

#include <linux/vm_sockets.h>

static bool
number(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (len == 0 || len > 10 || (len > 1 && s[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    *ret = v;
    return v <= max;
}

static bool
host_valid(const char *s, size_t len, bool literal6)
{
    if (len == 0 || len >= sizeof(((struct net_addr *)0)->host) ||
        (literal6 && memchr(s, ':', len) == NULL))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char ch = (unsigned char)s[i];
        if (literal6 ? !(isxdigit(ch) || ch == ':' || ch == '.' || ch == '%')
                     : !(isalnum(ch) || ch == '-' || ch == '.' || ch == '_'))
            return false;
    }
    return true;
}

static enum selfsame_code
parse_unix(const char *path, struct net_addr *ret, struct selfsame_err *e)
{
    struct net_addr a = { .kind = NET_UNIX };
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(a.path))
        FAIL(e, SELFSAME_USAGE,
            "unix socket path has %zu bytes, expected 1 to %zu: unix:%s", len,
            sizeof(a.path) - 1, path);
    memcpy(a.path, path, len + 1);
    *ret = a;
    return SELFSAME_OK;
}

static enum selfsame_code
parse_vsock(const char *text, struct net_addr *ret, struct selfsame_err *e)
{
    struct net_addr a = { .kind = NET_VSOCK, .cid = VMADDR_CID_ANY };
    const char *colon = strchr(text, ':');
    const char *port = colon != NULL ? colon + 1 : text;
    uint64_t cid = UINT32_MAX, vport = 0; /* VMADDR_CID_ANY */

    if (colon != NULL && !number(text, (size_t)(colon - text), UINT32_MAX - 1, &cid))
        FAIL(e, SELFSAME_USAGE, "not a vsock address: vsock:%s, expected a context id",
            text);
    if (!number(port, strlen(port), UINT32_MAX - 1, &vport))
        FAIL(e, SELFSAME_USAGE,
            "not a vsock address: vsock:%s, expected vsock:PORT or vsock:CID:PORT",
            text);
    a.cid = (uint32_t)cid;
    a.vport = (uint32_t)vport;
    *ret = a;
    return SELFSAME_OK;
}

/* Splits host and port of "h:p", "[h]:p", ":p", "h"; false when it is none of them. */
static bool
parse_tcp(const char *text, size_t len, uint16_t default_port, struct net_addr *ret)
{
    struct net_addr a = { .kind = NET_TCP, .port = default_port };
    bool literal6 = len > 0 && text[0] == '[';
    const char *host = literal6 ? text + 1 : text;
    const char *end = memchr(text, literal6 ? ']' : ':', len);
    const char *rest = end == NULL ? text + len : end + (literal6 ? 1 : 0);
    uint64_t port = default_port;

    if (literal6 && end == NULL)
        return false;
    size_t host_len = (size_t)((end != NULL ? end : text + len) - host);
    size_t rest_len = (size_t)(text + len - rest);
    if (rest_len == 0 ? default_port == 0
                      : rest[0] != ':' || !number(rest + 1, rest_len - 1, 65535, &port))
        return false;
    /* Loopback unless told otherwise: forgetting the host must not publish a port. */
    if (host_len == 0 && !literal6 && rest_len > 0) {
        host = "127.0.0.1";
        host_len = strlen(host);
    }
    if (!host_valid(host, host_len, literal6))
        return false;
    memcpy(a.host, host, host_len);
    a.port = (uint16_t)port;
    *ret = a;
    return true;
}

enum selfsame_code
net_addr_parse(const char *text, uint16_t default_port, struct net_addr *ret,
    struct selfsame_err *e)
{
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, ret, e);
    if (strncmp(text, "vsock:", 6) == 0)
        return parse_vsock(text + 6, ret, e);
    if (!parse_tcp(text, strlen(text), default_port, ret))
        FAIL(e, SELFSAME_USAGE,
            "not an address: \"%.80s\", expected HOST:PORT, [IPV6]:PORT, unix:PATH or "
            "vsock:PORT",
            text);
    return SELFSAME_OK;
}

void
net_addr_text(const struct net_addr *a, char ret[static NET_TEXT])
{
    switch (a->kind) {
    case NET_TCP:
        (void)snprintf(ret, NET_TEXT, strchr(a->host, ':') ? "[%s]:%u" : "%s:%u",
            a->host, (unsigned)a->port);
        break;
    case NET_UNIX: (void)snprintf(ret, NET_TEXT, "unix:%s", a->path); break;
    case NET_VSOCK:
        if (a->cid == VMADDR_CID_ANY)
            (void)snprintf(ret, NET_TEXT, "vsock:%u", a->vport);
        else
            (void)snprintf(ret, NET_TEXT, "vsock:%u:%u", a->cid, a->vport);
        break;
    default: ret[0] = '\0'; break;
    }
}

bool
net_is_url(const char *text)
{
    return strstr(text, "://") != NULL;
}

enum selfsame_code
net_url_parse(const char *text, struct net_url *ret, struct selfsame_err *e)
{
    static const char scheme[] = "https://";
    struct net_url u = { .path = "/" };

    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
        FAIL(e, SELFSAME_USAGE, "\"%.80s\" is not an https:// address", text);
    const char *authority = text + sizeof(scheme) - 1;
    size_t len = strcspn(authority, "/?#");
    const char *path = authority + len;

    if (!parse_tcp(authority, len, 443, &u.addr))
        FAIL(e, SELFSAME_USAGE,
            "\"%.80s\" names no host, expected https://HOST[:PORT][/PATH]", text);
    for (const char *p = path; *p != '\0'; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '#')
            FAIL(e, SELFSAME_USAGE,
                "\"%.80s\" holds a space, control character or fragment", text);
    if (strlen(path) + 2 > sizeof(u.path))
        FAIL(e, SELFSAME_USAGE, "path of the address has %zu bytes, at most %zu",
            strlen(path), sizeof(u.path) - 2);
    if (path[0] != '\0')
        (void)snprintf(u.path, sizeof(u.path), "%s%s", path[0] == '/' ? "" : "/", path);
    *ret = u;
    return SELFSAME_OK;
}
