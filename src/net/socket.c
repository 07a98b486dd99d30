/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include "os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

int64_t
net_clock_ms(void)
{
    struct timespec t = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
info_free(struct addrinfo **a)
{
    if (*a != NULL)
        freeaddrinfo(*a);
}
#define auto_info __attribute__((cleanup(info_free))) struct addrinfo

static enum selfsame_code
lookup(const struct net_addr *a, bool passive, struct addrinfo **ret,
    struct selfsame_err *e)
{
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0),
    };
    char port[8];

    (void)snprintf(port, sizeof(port), "%u", (unsigned)a->port);
    /* Literals first, and a fixed localhost last: an image may have no resolver at all. */
    hints.ai_flags |= AI_NUMERICHOST;
    int rc = getaddrinfo(a->host, port, &hints, ret);
    hints.ai_flags &= ~AI_NUMERICHOST;
    if (rc != 0)
        rc = getaddrinfo(a->host, port, &hints, ret);
    if (rc != 0 && strcmp(a->host, "localhost") == 0)
        rc = getaddrinfo("127.0.0.1", port, &hints, ret);
    if (rc != 0)
        FAIL(e, SELFSAME_IO, "cannot find the address of %s: %s", a->host,
            rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    return SELFSAME_OK;
}

static void
endpoint_of_info(const struct addrinfo *i, struct net_endpoint *ret)
{
    struct net_endpoint p = { .len = i->ai_addrlen, .tcp = true };

    memcpy(&p.addr, i->ai_addr, i->ai_addrlen);
    *ret = p;
}

static void
endpoint_local(const struct net_addr *a, struct net_endpoint *ret)
{
    struct net_endpoint p = { 0 };

    if (a->kind == NET_UNIX) {
        struct sockaddr_un u = { .sun_family = AF_UNIX };
        memcpy(u.sun_path, a->path, sizeof(u.sun_path));
        memcpy(&p.addr, &u, sizeof(u));
        p.len = sizeof(u);
    } else {
        struct sockaddr_vm v = {
            .svm_family = AF_VSOCK,
            .svm_port = a->vport,
            .svm_cid = a->cid,
        };
        memcpy(&p.addr, &v, sizeof(v));
        p.len = sizeof(v);
    }
    *ret = p;
}

enum selfsame_code
net_resolve(const struct net_addr *a, struct net_endpoint *ret, struct selfsame_err *e)
{
    auto_info *info = NULL;

    if (a->kind != NET_TCP) {
        endpoint_local(a, ret);
        return SELFSAME_OK;
    }
    TRY(lookup(a, false, &info, e));
    endpoint_of_info(info, ret);
    return SELFSAME_OK;
}

static int
open_socket(const struct net_endpoint *p)
{
    int fd = socket(p->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;

    /* Small TLS records wait for acknowledgements otherwise: 1.4k instead of 60k requests/s. */
    if (fd >= 0 && p->tcp)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

enum selfsame_code
net_connect_start(const struct net_endpoint *to, int *ret_fd, struct selfsame_err *e)
{
    auto_fd fd = open_socket(to);

    if (fd < 0)
        FAIL(e, SELFSAME_IO, "cannot open a socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&to->addr, to->len) != 0 &&
        errno != EINPROGRESS)
        FAIL(e, SELFSAME_IO, "cannot connect: %s", strerror(errno));
    *ret_fd = fd;
    fd = -1;
    return SELFSAME_OK;
}

enum selfsame_code
net_connect_result(int fd, struct selfsame_err *e)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (error != 0)
        FAIL(e, SELFSAME_IO, "cannot connect: %s", strerror(error));
    return SELFSAME_OK;
}

static enum selfsame_code
connect_one(const struct net_endpoint *to, int64_t deadline_ms, int *ret_fd,
    struct selfsame_err *e)
{
    auto_fd fd = -1;
    int started = -1;

    TRY(net_connect_start(to, &started, e));
    fd = started;
    TRY(net_wait(fd, POLLOUT, deadline_ms, e));
    TRY(net_connect_result(fd, e));
    *ret_fd = fd;
    fd = -1;
    return SELFSAME_OK;
}

enum selfsame_code
net_connect(
    const struct net_addr *a, int64_t deadline_ms, int *ret_fd, struct selfsame_err *e)
{
    auto_info *info = NULL;
    struct net_endpoint to;
    char text[NET_TEXT];
    enum selfsame_code code = SELFSAME_IO;

    net_addr_text(a, text);
    if (a->kind != NET_TCP) {
        endpoint_local(a, &to);
        TRY_WHILE(e, connect_one(&to, deadline_ms, ret_fd, e), "%s", text);
        return SELFSAME_OK;
    }
    TRY(lookup(a, false, &info, e));
    for (struct addrinfo *i = info; i != NULL; i = i->ai_next) {
        endpoint_of_info(i, &to);
        code = connect_one(&to, deadline_ms, ret_fd, e);
        if (code == SELFSAME_OK)
            return SELFSAME_OK;
    }
    TRY_WHILE(e, code, "%s", text);
    return SELFSAME_OK;
}

/* A socket file that refuses connections was left behind by a dead process. */
static void
remove_stale(const struct net_addr *a, const struct net_endpoint *p)
{
    struct stat st;
    auto_fd fd = open_socket(p);

    if (fd >= 0 && lstat(a->path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        connect(fd, (const struct sockaddr *)&p->addr, p->len) != 0 &&
        errno == ECONNREFUSED)
        (void)unlink(a->path);
}

static enum selfsame_code
listen_on(const struct net_addr *a, const struct net_endpoint *p, int *ret_fd,
    struct selfsame_err *e)
{
    char text[NET_TEXT];
    auto_fd fd = open_socket(p);
    int one = 1;

    net_addr_text(a, text);
    if (fd < 0)
        FAIL(e, SELFSAME_IO, "cannot open a socket for %s: %s", text, strerror(errno));
    if (p->tcp)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (a->kind == NET_UNIX)
        remove_stale(a, p);
    if (bind(fd, (const struct sockaddr *)&p->addr, p->len) != 0 ||
        listen(fd, 511) != 0)
        FAIL(e, SELFSAME_IO, "cannot listen on %s: %s", text, strerror(errno));
    *ret_fd = fd;
    fd = -1;
    return SELFSAME_OK;
}

enum selfsame_code
net_listen(const struct net_addr *a, int *ret_fd, struct selfsame_err *e)
{
    struct net_endpoint p;
    auto_info *info = NULL;

    if (a->kind == NET_TCP) {
        TRY(lookup(a, true, &info, e));
        endpoint_of_info(info, &p);
    } else {
        endpoint_local(a, &p);
    }
    return listen_on(a, &p, ret_fd, e);
}

enum selfsame_code
net_bound(
    int fd, const struct net_addr *asked, struct net_addr *ret, struct selfsame_err *e)
{
    struct sockaddr_storage s = { 0 };
    socklen_t len = sizeof(s);
    struct net_addr a = *asked;

    if (getsockname(fd, (struct sockaddr *)&s, &len) != 0)
        FAIL(e, SELFSAME_IO, "getsockname: %s", strerror(errno));
    if (s.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &s, sizeof(in));
        a.port = ntohs(in.sin_port);
    } else if (s.ss_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, &s, sizeof(in));
        a.port = ntohs(in.sin6_port);
    }
    *ret = a;
    return SELFSAME_OK;
}

enum selfsame_code
net_accept(int fd, int *ret_fd, struct selfsame_err *e)
{
    int one = 1;
    int got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (got < 0) {
        bool passing = errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ||
                       errno == EPROTO || errno == EPERM;
        *ret_fd = -1;
        if (passing)
            return SELFSAME_OK;
        FAIL(e, SELFSAME_IO, "cannot accept a connection: %s", strerror(errno));
    }
    (void)setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* TCP only */
    *ret_fd = got;
    return SELFSAME_OK;
}

bool
net_peer_of(const struct sockaddr_storage *a, struct net_peer *ret)
{
    struct net_peer p = { 0 };
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (a->ss_family == AF_INET) {
        memcpy(&v4, a, sizeof(v4));
        p.bytes[10] = p.bytes[11] = 0xff;
        memcpy(p.bytes + 12, &v4.sin_addr, 4);
    } else if (a->ss_family == AF_INET6) {
        memcpy(&v6, a, sizeof(v6));
        memcpy(p.bytes, &v6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? 16 : 8);
    } else {
        return false;
    }
    *ret = p;
    return true;
}

bool
net_peer(int fd, struct net_peer *ret)
{
    struct sockaddr_storage a = { 0 };
    socklen_t len = sizeof(a);

    return getpeername(fd, (struct sockaddr *)&a, &len) == 0 && net_peer_of(&a, ret);
}

void
net_peer_text(const struct net_peer *p, char ret[static NET_TEXT])
{
    struct in6_addr a;
    char text[INET6_ADDRSTRLEN] = "?";

    memcpy(&a, p->bytes, sizeof(a));
    bool mapped = IN6_IS_ADDR_V4MAPPED(&a);
    (void)inet_ntop(mapped ? AF_INET : AF_INET6, mapped ? p->bytes + 12 : p->bytes,
        text, sizeof(text));
    (void)snprintf(ret, NET_TEXT, "%s%s", text, mapped ? "" : "/64");
}

enum selfsame_code
net_wait(int fd, short events, int64_t deadline_ms, struct selfsame_err *e)
{
    struct pollfd p = { .fd = fd, .events = events };

    for (;;) {
        int64_t left = deadline_ms - net_clock_ms();
        if (left <= 0)
            FAIL(e, SELFSAME_IO, "timed out");
        int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0)
            return SELFSAME_OK;
        if (n < 0 && errno != EINTR)
            FAIL(e, SELFSAME_IO, "poll: %s", strerror(errno));
    }
}

void
net_reset_on_close(int fd)
{
    struct linger l = { .l_onoff = 1, .l_linger = 0 };

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}
