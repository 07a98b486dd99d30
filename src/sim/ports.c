/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include "os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool
number(const char *text, size_t len, long min, long *ret)
{
    long v = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        v = v * 10 + (text[i] - '0');
    }
    if (v < min || v > 65535)
        return false;
    *ret = v;
    return true;
}

/* HOST:GUEST, ADDRESS:HOST:GUEST, [ADDRESS6]:HOST:GUEST */
static bool
parse_one(const char *text, struct port *ret, struct sockaddr_storage *ret_address)
{
    char address[64] = "127.0.0.1";
    const char *guest = strrchr(text, ':'), *host = text;
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    long host_port, guest_port;

    if (guest == NULL || !number(guest + 1, strlen(guest + 1), 1, &guest_port))
        return false;
    for (const char *p = text; p < guest; p++)
        if (*p == ':')
            host = p + 1;
    if (!number(host, (size_t)(guest - host), 0, &host_port))
        return false;
    if (host > text) {
        size_t skip = text[0] == '[', len = (size_t)(host - text) - 1;

        if (len <= 2 * skip || len >= sizeof(address) || (skip && text[len - 1] != ']'))
            return false;
        memcpy(address, text + skip, len - 2 * skip);
        address[len - 2 * skip] = '\0';
    }
    v4.sin_port = v6.sin6_port = htons((uint16_t)host_port);
    memset(ret_address, 0, sizeof(*ret_address));
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
        memcpy(ret_address, &v4, sizeof(v4));
    else if (inet_pton(AF_INET6, address, &v6.sin6_addr) == 1)
        memcpy(ret_address, &v6, sizeof(v6));
    else
        return false;
    *ret = (struct port){ .fd = -1, .guest = (uint16_t)guest_port };
    (void)snprintf(ret->host, sizeof(ret->host), "%.79s", text);
    return true;
}

enum selfsame_code
ports_parse(struct cli *c, struct ports *ret, struct selfsame_err *e)
{
    const char *given[PORTS];
    struct sockaddr_storage ignored;
    struct ports p = { .count = cli_values(c, "publish", given, PORTS) };

    if (p.count > PORTS)
        FAIL(e, SELFSAME_USAGE, "--publish: expected at most %d, got %zu", PORTS,
            p.count);
    for (size_t i = 0; i < p.count; i++)
        if (strlen(given[i]) >= sizeof(p.at[i].host) ||
            !parse_one(given[i], &p.at[i], &ignored))
            FAIL(e, SELFSAME_USAGE,
                "--publish: expected [ADDRESS:]HOST:GUEST with ports 0..65535 and "
                "1..65535, got \"%.60s\"",
                given[i]);
    *ret = p;
    return SELFSAME_OK;
}

static socklen_t
length_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                   : sizeof(struct sockaddr_in6);
}

/* Port 0 got a number: say which. */
static void
name_listener(struct port *p)
{
    struct sockaddr_in6 v6;
    struct sockaddr_storage a = { 0 };
    struct sockaddr_in v4;
    socklen_t len = sizeof(a);
    char text[INET6_ADDRSTRLEN] = "?";

    if (getsockname(p->fd, (struct sockaddr *)&a, &len) != 0)
        return;
    memcpy(&v4, &a, sizeof(v4));
    memcpy(&v6, &a, sizeof(v6));
    if (a.ss_family == AF_INET) {
        (void)inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
        (void)snprintf(p->host, sizeof(p->host), "%s:%u", text, ntohs(v4.sin_port));
    } else {
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
        (void)snprintf(p->host, sizeof(p->host), "[%s]:%u", text, ntohs(v6.sin6_port));
    }
}

static enum selfsame_code
listen_one(struct port *p, struct selfsame_err *e)
{
    struct sockaddr_storage a;
    int one = 1;

    if (!parse_one(p->host, &(struct port){ 0 }, &a))
        FAIL(e, SELFSAME_INTERNAL, "port %s", p->host);
    auto_fd fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
        bind(fd, (struct sockaddr *)&a, length_of(&a)) != 0 || listen(fd, 128) != 0) {
        int why = errno;

        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__, "cannot listen on %s: %s",
            p->host, strerror(why));
        if (why == EADDRINUSE)
            err_remedy(e, "Publish at another port, or at 0 for any that is free.");
        return SELFSAME_IO;
    }
    p->fd = fd;
    fd = -1;
    name_listener(p);
    return SELFSAME_OK;
}

enum selfsame_code
ports_listen(struct ports *p, struct selfsame_err *e)
{
    for (size_t i = 0; i < p->count; i++)
        TRY(listen_one(&p->at[i], e));
    return SELFSAME_OK;
}

void
ports_close(struct ports *p)
{
    for (size_t i = 0; i < p->count; i++)
        fd_close(&p->at[i].fd);
}

static void
file_close(FILE **f)
{
    if (*f != NULL)
        (void)fclose(*f);
}

/* A LISTEN line (state 0A) for this port in /proc/PID/net/tcp or tcp6. */
static bool
listens(pid_t guest, const char *table, uint16_t port)
{
    char path[64], line[512];
    unsigned local, state;

    (void)snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)guest, table);
    __attribute__((cleanup(file_close))) FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, " %*u: %*32[0-9A-F]:%4X %*32[0-9A-F]:%*4X %2X", &local,
                &state) == 2 &&
            local == port && state == 0x0A)
            return true;
    return false;
}

bool
ports_ready(const struct ports *p, pid_t guest)
{
    for (size_t i = 0; i < p->count; i++)
        if (!listens(guest, "tcp", p->at[i].guest) &&
            !listens(guest, "tcp6", p->at[i].guest))
            return false;
    return true;
}
