/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include "net/net.h"
#include "os/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * One process that stands with one foot in the host (listeners made before) and
 * one in the guest's network (joined after), and holds no right but that.
 */

enum { IDLE_MS = 300000 }; /* as `selfsame serve` */

/* One direction: bytes from..to wait in buf. */
struct flow {
    uint8_t buf[16384];
    size_t from, to;
    bool ended;  /* the source said all it had */
    bool closed; /* and the other side was told */
};
struct connection {
    int fd[2]; /* 0: client, 1: guest */
    bool connecting;
    int64_t active_ms;   /* of the last byte */
    struct flow flow[2]; /* flow[i] goes from fd[i] to fd[1 - i] */
};
struct forwarder {
    const struct ports *ports;
    struct connection *at[CONNECTIONS];
    size_t count;
    int idle_ms;
    struct pollfd poll[PORTS + 2 * CONNECTIONS];
};

/* Cut: neither side may take it for the end of what the other had to say. */
static void
drop(struct forwarder *f, size_t i, bool cut)
{
    for (size_t side = 0; cut && side < 2; side++)
        net_reset_on_close(f->at[i]->fd[side]);
    (void)close(f->at[i]->fd[0]);
    (void)close(f->at[i]->fd[1]);
    free(f->at[i]);
    f->at[i] = f->at[--f->count];
}

static void
accept_one(struct forwarder *f, const struct port *p)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
        .sin_port = htons(p->guest),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    int one = 1;
    auto_fd client = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    auto_fd guest = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (client < 0 || guest < 0)
        return;
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    (void)setsockopt(guest, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(guest, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
        return;
    struct connection *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return;
    c->fd[0] = client;
    c->fd[1] = guest;
    c->connecting = true;
    c->active_ms = net_clock_ms();
    client = guest = -1;
    f->at[f->count++] = c;
}

/* Reads what there is room for; false when the connection is broken. */
static bool
fill(struct connection *c, unsigned side)
{
    struct flow *w = &c->flow[side];

    memmove(w->buf, w->buf + w->from, w->to - w->from);
    w->to -= w->from;
    w->from = 0;
    if (w->ended || w->to == sizeof(w->buf))
        return true;
    ssize_t n = recv(c->fd[side], w->buf + w->to, sizeof(w->buf) - w->to, 0);
    if (n == 0)
        w->ended = true;
    if (n > 0)
        w->to += (size_t)n;
    if (n >= 0)
        c->active_ms = net_clock_ms();
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

/* Writes what waits; passes on the end of a stream that was written wholly. */
static bool
drain(struct connection *c, unsigned side)
{
    struct flow *w = &c->flow[side];
    int to = c->fd[1 - side];

    while (w->from < w->to) {
        ssize_t n = send(to, w->buf + w->from, w->to - w->from, MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        w->from += (size_t)n;
        c->active_ms = net_clock_ms();
    }
    if (w->ended && !w->closed) {
        (void)shutdown(to, SHUT_WR);
        w->closed = true;
    }
    return true;
}

static bool
is_over(const struct connection *c)
{
    return c->flow[0].closed && c->flow[1].closed;
}

/* False when this connection is broken. */
static bool
serve(struct connection *c, short client, short guest)
{
    if (c->connecting && guest != 0) {
        int why = 0;
        socklen_t len = sizeof(why);

        if (getsockopt(c->fd[1], SOL_SOCKET, SO_ERROR, &why, &len) != 0 || why != 0)
            return false;
        c->connecting = false;
    }
    const short input = POLLIN | POLLHUP | POLLERR;
    if ((client & input) != 0 && !fill(c, 0))
        return false;
    if (!c->connecting && (guest & input) != 0 && !fill(c, 1))
        return false;
    return c->connecting || (drain(c, 0) && drain(c, 1));
}

static short
wanted(const struct connection *c, unsigned side)
{
    const struct flow *in = &c->flow[side], *out = &c->flow[1 - side];
    short events = 0;

    if (c->connecting)
        return side == 1 ? POLLOUT : 0;
    if (!in->ended && in->to - in->from < sizeof(in->buf))
        events |= POLLIN;
    if (out->from < out->to)
        events |= POLLOUT;
    return events;
}

/* What to poll for, and until when: -1, nobody is there to grow idle. */
static int
prepare(struct forwarder *f)
{
    const struct ports *p = f->ports;
    int64_t now = net_clock_ms(), left = INT_MAX;

    for (size_t i = 0; i < p->count; i++) {
        /* Full: clients wait in the listener's queue. */
        bool room = f->count + p->count <= CONNECTIONS;

        f->poll[i] = (struct pollfd){ .fd = room ? p->at[i].fd : -1, .events = POLLIN };
    }
    for (size_t i = 0; i < f->count; i++) {
        int64_t until = f->at[i]->active_ms + f->idle_ms;

        left = until - now < left ? until - now : left;
        for (unsigned side = 0; side < 2; side++) {
            short events = wanted(f->at[i], side);

            /* Nothing wanted: not even told that it hung up, or it would spin. */
            f->poll[p->count + 2 * i + side] = (struct pollfd){
                .fd = events != 0 ? f->at[i]->fd[side] : -1, .events = events
            };
        }
    }
    return f->count == 0 ? -1 : left < 0 ? 0 : (int)left;
}

static void
loop(struct forwarder *f)
{
    const struct ports *p = f->ports;

    for (;;) {
        int wait_ms = prepare(f);

        if (poll(f->poll, p->count + 2 * f->count, wait_ms) < 0 && errno != EINTR)
            return;
        int64_t now = net_clock_ms();
        for (size_t i = f->count; i-- > 0;) {
            const struct pollfd *both = &f->poll[p->count + 2 * i];
            struct connection *c = f->at[i];

            bool good = serve(c, both[0].revents, both[1].revents) &&
                        now - c->active_ms < f->idle_ms;
            if (!good || is_over(c))
                drop(f, i, !good);
        }
        for (size_t i = 0; i < p->count; i++)
            if (f->poll[i].revents != 0)
                accept_one(f, &p->at[i]);
    }
}

static int
open_namespace(pid_t pid, const char *kind)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
drop_rights(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_capset, &head, none) == 0;
}

/*
 * Keeps the listeners alone: whoever reads our standard output would wait for its
 * end for as long as this process lives.
 */
static void
close_others(struct ports *p)
{
    enum { HIGH = 512 };
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0 || chdir("/") != 0)
        _exit(1);
    (void)close_range(HIGH, ~0u, 0);
    for (size_t i = 0; i < p->count; i++) {
        p->at[i].fd = fcntl(p->at[i].fd, F_DUPFD_CLOEXEC, HIGH);
        if (p->at[i].fd < 0)
            _exit(1);
    }
    (void)close_range(3, HIGH - 1, 0);
}

static _Noreturn void
be_forwarder(struct ports ports, pid_t supervisor, int user, int network)
{
    static struct forwarder f;
    sigset_t none;

    if ((user >= 0 && setns(user, CLONE_NEWUSER) != 0) ||
        (network >= 0 && setns(network, CLONE_NEWNET) != 0) || !drop_rights() ||
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != supervisor)
        _exit(1);
    (void)prctl(PR_SET_NAME, "selfsame-ports", 0, 0, 0);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGINT, SIG_IGN); /* Ctrl-C is the supervisor's to answer */
    close_others(&ports);
    f.ports = &ports;
    f.idle_ms = ports.idle_ms > 0 ? ports.idle_ms : IDLE_MS;
    loop(&f);
    _exit(1);
}

enum selfsame_code
forward_start(const struct ports *p, pid_t guest, bool user, bool network, pid_t *ret,
    struct selfsame_err *e)
{
    auto_fd user_ns = user && network ? open_namespace(guest, "user") : -1;
    auto_fd network_ns = network ? open_namespace(guest, "net") : -1;
    pid_t me = getpid();

    if ((user && network && user_ns < 0) || (network && network_ns < 0))
        FAIL(e, SELFSAME_IO, "cannot open the guest's namespaces: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        be_forwarder(*p, me, user_ns, network_ns);
    if (pid < 0)
        FAIL(e, SELFSAME_IO, "cannot start the port forwarder: %s", strerror(errno));
    *ret = pid;
    return SELFSAME_OK;
}
