/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_NET_H
#define SELFSAME_NET_H

#include "base/base.h"

#include <sys/socket.h>
#include <sys/un.h>

/*
 * Sockets without trust: addresses, connecting, listening, waiting. Nothing here
 * knows a key; whoever uses these bytes has to prove them.
 */

/* ---- addr.c ---- */
enum net_kind { NET_TCP = 1, NET_UNIX, NET_VSOCK };
enum { NET_TEXT = 320 };
struct net_addr {
    enum net_kind kind;
    char host[256]; /* NET_TCP: name or literal, without brackets */
    uint16_t port;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* NET_UNIX */
    uint32_t cid, vport; /* NET_VSOCK; cid VMADDR_CID_ANY when only a port was given */
};
/*
 * "127.0.0.1:80", "[::1]:80", "name:80", "unix:PATH", "vsock:PORT",
 * "vsock:CID:PORT". A bare host is accepted when default_port is not 0. USAGE.
 */
MUST enum selfsame_code net_addr_parse(const char *text, uint16_t default_port,
    struct net_addr *ret, struct selfsame_err *e);
/* ":PORT" alone means loopback here, never every interface. */
void net_addr_text(const struct net_addr *a, char ret[static NET_TEXT]);

/* "https://host[:port][/path]"; no user, no fragment. USAGE. */
struct net_url {
    struct net_addr addr;
    char path[1024]; /* begins with '/', with the query */
};
bool net_is_url(const char *text);
MUST enum selfsame_code net_url_parse(
    const char *text, struct net_url *ret, struct selfsame_err *e);

/* ---- socket.c: every descriptor is non-blocking and close-on-exec ---- */
struct net_endpoint { /* a resolved address */
    struct sockaddr_storage addr;
    socklen_t len;
    bool tcp;
};
MUST enum selfsame_code net_resolve(
    const struct net_addr *a, struct net_endpoint *ret, struct selfsame_err *e);
/* Starts to connect; writable means done or failed (net_connect_result). */
MUST enum selfsame_code net_connect_start(
    const struct net_endpoint *to, int *ret_fd, struct selfsame_err *e);
MUST enum selfsame_code net_connect_result(int fd, struct selfsame_err *e);
/* Tries each address a name has, until deadline_ms (net_clock_ms). */
MUST enum selfsame_code net_connect(
    const struct net_addr *a, int64_t deadline_ms, int *ret_fd, struct selfsame_err *e);
/* A stale unix socket that nobody listens on is replaced. */
MUST enum selfsame_code net_listen(
    const struct net_addr *a, int *ret_fd, struct selfsame_err *e);
/* The address with the port the system chose, for port 0. */
MUST enum selfsame_code net_bound(
    int fd, const struct net_addr *asked, struct net_addr *ret, struct selfsame_err *e);
/* -1: nothing to accept now; IO for what will not go away by itself. */
MUST enum selfsame_code net_accept(int fd, int *ret_fd, struct selfsame_err *e);
/*
 * Whom limits for one peer mean: an IPv4 address, the /64 of an IPv6 address, for
 * that is what one customer gets. False for everything else: what comes by a unix
 * socket or vsock comes from one machine, whoever is behind.
 */
struct net_peer {
    uint8_t bytes[16]; /* as in6_addr; IPv4 mapped */
};
MUST bool net_peer_of(const struct sockaddr_storage *a, struct net_peer *ret);
MUST bool net_peer(int fd, struct net_peer *ret); /* of a connection */
void net_peer_text(const struct net_peer *p, char ret[static NET_TEXT]);
int64_t net_clock_ms(void); /* monotonic */
/* POLLIN/POLLOUT until deadline; IO "timed out". */
MUST enum selfsame_code net_wait(
    int fd, short events, int64_t deadline_ms, struct selfsame_err *e);
/* Closing now resets the connection, so that the peer does not take it for an end. */
void net_reset_on_close(int fd);

#endif
