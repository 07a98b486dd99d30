/* SPDX-License-Identifier: Apache-2.0 */
#include "init/dhcp.h"
#include "init/init.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { SERVER_PORT = 67, CLIENT_PORT = 68, PATIENCE_S = 30 };

static long
seconds(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec;
}

/* Bound to the device: a route, which there is none of yet, is then not asked for. */
static int
open_socket(const char *device)
{
    const struct sockaddr_in from = { .sin_family = AF_INET,
        .sin_port = htons(CLIENT_PORT) };
    const struct timeval wait = { .tv_sec = 1 };
    const int yes = 1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device,
            (socklen_t)(strlen(device) + 1)) == 0 &&
        bind(fd, (const struct sockaddr *)&from, sizeof(from)) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool
hardware_address(int fd, const char *device, uint8_t ret[static 6])
{
    struct ifreq r = { 0 };

    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", device);
    if (ioctl(fd, SIOCGIFHWADDR, &r) != 0)
        return false;
    memcpy(ret, r.ifr_hwaddr.sa_data, 6);
    return true;
}

static bool
send_message(int fd, const struct dhcp_message *m)
{
    const struct sockaddr_in to = { .sin_family = AF_INET,
        .sin_port = htons(SERVER_PORT),
        .sin_addr.s_addr = htonl(INADDR_BROADCAST) };
    uint8_t bytes[DHCP_LEAST];

    dhcp_write(m, bytes);
    return sendto(fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&to,
               sizeof(to)) == (ssize_t)sizeof(bytes);
}

/* One question and its answer, which may get lost: whoever calls asks again. */
static bool
ask(int fd, const struct dhcp_message *m, struct dhcp_message *ret)
{
    uint8_t bytes[DHCP_SIZE];
    long until = seconds() + 3;

    if (!send_message(fd, m))
        return false;
    while (seconds() < until) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

        if (n > 0 && dhcp_read(bytes, (size_t)n, m, ret))
            return true;
    }
    return false;
}

static bool
lease(int fd, struct dhcp_message *ours, struct dhcp_message *ret)
{
    struct dhcp_message offer;

    if (getrandom(&ours->id, sizeof(ours->id), 0) != (ssize_t)sizeof(ours->id))
        return false;
    ours->kind = DHCP_DISCOVER;
    ours->address = ours->server = 0;
    if (!ask(fd, ours, &offer) || offer.kind != DHCP_OFFER)
        return false;
    ours->kind = DHCP_REQUEST;
    ours->address = offer.address;
    ours->server = offer.server;
    return ask(fd, ours, ret) && ret->kind == DHCP_ACK;
}

bool
dhcp_ask(const char *device, struct machine *ret)
{
    struct dhcp_message ours = { .kind = DHCP_DISCOVER }, got;
    long until = seconds() + PATIENCE_S;
    int fd = open_socket(device);
    bool good = false;

    if (fd < 0 || !hardware_address(fd, device, ours.mac)) {
        say_errno("DHCP");
    } else {
        while (!good && seconds() < until)
            good = lease(fd, &ours, &got);
        if (!good)
            say("DHCP", "no address from the network after 30 s");
    }
    if (fd >= 0)
        (void)close(fd);
    if (good) {
        ret->address = got.address;
        ret->netmask = got.netmask;
        ret->gateway = got.gateway;
    }
    return good;
}
