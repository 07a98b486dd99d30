/* SPDX-License-Identifier: Apache-2.0 */
#include "init/dhcp.h"
#include "init/init.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_TENTHS = 100 };

static int
control_socket(void)
{
    return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static bool
bring_up(int fd, const char *name)
{
    struct ifreq r = { 0 };

    (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &r) != 0)
        return false;
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

void
network_loopback(void)
{
    int fd = control_socket();

    if (fd < 0 || !bring_up(fd, "lo"))
        say_errno("lo");
    if (fd >= 0)
        (void)close(fd);
}

/* The first Ethernet device, in the order of their numbers. */
static bool
find_ethernet(int fd, char ret[static IFNAMSIZ])
{
    struct if_nameindex *all = if_nameindex();
    bool found = false;

    for (struct if_nameindex *i = all; i != NULL && i->if_index != 0 && !found; i++) {
        struct ifreq r = { 0 };

        (void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", i->if_name);
        found = ioctl(fd, SIOCGIFHWADDR, &r) == 0 &&
                r.ifr_hwaddr.sa_family == ARPHRD_ETHER;
        if (found)
            memcpy(ret, r.ifr_name, IFNAMSIZ);
    }
    if (all != NULL)
        if_freenameindex(all);
    return found;
}

/* Drivers may find their devices a little after they were loaded. */
static bool
wait_for_ethernet(int fd, char ret[static IFNAMSIZ])
{
    const struct timespec tenth = { .tv_nsec = 100000000 };

    for (int i = 0; i < WAIT_TENTHS; i++) {
        if (find_ethernet(fd, ret))
            return true;
        (void)nanosleep(&tenth, NULL);
    }
    say("network", "no Ethernet device after 10 s: is its module in the image?");
    return false;
}

static void
put_address(struct sockaddr *to, uint32_t address)
{
    const struct sockaddr_in in = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(address) };

    memcpy(to, &in, sizeof(in));
}

static bool
add_gateway(int fd, char *name, uint32_t gateway)
{
    struct rtentry r = { .rt_flags = RTF_UP | RTF_GATEWAY, .rt_dev = name };

    put_address(&r.rt_dst, 0);
    put_address(&r.rt_genmask, 0);
    put_address(&r.rt_gateway, gateway);
    return ioctl(fd, SIOCADDRT, &r) == 0 || errno == EEXIST;
}

static bool
assign(int fd, char *name, const struct machine *m)
{
    struct ifreq r = { 0 };

    memcpy(r.ifr_name, name, IFNAMSIZ);
    put_address(&r.ifr_addr, m->address);
    if (ioctl(fd, SIOCSIFADDR, &r) != 0)
        return false;
    put_address(&r.ifr_netmask, m->netmask);
    if (ioctl(fd, SIOCSIFNETMASK, &r) != 0 || !bring_up(fd, name))
        return false;
    return m->gateway == 0 || add_gateway(fd, name, m->gateway);
}

static bool
configure(int fd, const struct machine *m)
{
    char name[IFNAMSIZ];
    struct machine got = *m;

    if (!wait_for_ethernet(fd, name))
        return false;
    if (!bring_up(fd, name)) {
        say_errno(name);
        return false;
    }
    if (m->net == NET_DHCP && !dhcp_ask(name, &got))
        return false;
    if (assign(fd, name, &got))
        return true;
    say_errno(name);
    return false;
}

bool
network_up(const struct machine *m)
{
    if (m->net == NET_NONE)
        return true;
    int fd = control_socket();
    if (fd < 0) {
        say_errno("network");
        return false;
    }
    bool ok = configure(fd, m);
    (void)close(fd);
    return ok;
}
