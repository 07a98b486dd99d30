/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"
#include "os/os.h"
#include "sim/sim.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The device without a guest: the library's transport (docs/simulator.md), u32
 * big-endian length before each message, one answer per request.
 */
enum { CLIENTS = 64, REQUEST_MAX = 0x1000, LENGTH = 4 };

struct client {
    int fd;
    size_t len;
    uint8_t buf[LENGTH + REQUEST_MAX];
};
struct server {
    const struct tee_simulator *sim;
    struct sim_pki *pki;
    void *device;
    int listener, signals;
    struct client client[CLIENTS];
    size_t count;
};

static void
server_free(struct server **held)
{
    struct server *s = *held;

    for (size_t i = 0; i < s->count; i++)
        (void)close(s->client[i].fd);
    fd_close(&s->listener);
    fd_close(&s->signals);
    if (s->device != NULL)
        s->sim->device_free(s->device);
    if (s->pki != NULL)
        s->sim->pki_free(s->pki);
}

/* One answer; a client that does not read it is dropped. */
static bool
answer(struct server *s, struct client *c, size_t size)
{
    auto_arena arena = arena_new((size_t)1 << 20);
    struct selfsame_err err = { 0 };
    struct selfsame_bytes response;
    uint8_t head[LENGTH];
    struct writer w = writer_of(head, sizeof(head));

    if (s->sim->device_call(s->device, os_now_ms(), BYTES(c->buf + LENGTH, size),
            &arena, &response, &err) != SELFSAME_OK) {
        (void)fprintf(stderr, "selfsame-sim: %s\n", err_text(&err));
        return false;
    }
    put_be32(&w, (uint32_t)response.len);
    return send(c->fd, head, sizeof(head), MSG_NOSIGNAL | MSG_MORE) == LENGTH &&
           send(c->fd, response.ptr, response.len, MSG_NOSIGNAL) ==
               (ssize_t)response.len;
}

/* False when this client is gone, or says what no client says. */
static bool
serve(struct server *s, struct client *c)
{
    ssize_t n = recv(c->fd, c->buf + c->len, sizeof(c->buf) - c->len, 0);

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    c->len += (size_t)n;
    while (c->len >= LENGTH) {
        struct reader r = reader_of(BYTES(c->buf, LENGTH));
        size_t size = get_be32(&r);

        if (size > REQUEST_MAX)
            return false;
        if (c->len < LENGTH + size)
            break;
        if (!answer(s, c, size))
            return false;
        c->len -= LENGTH + size;
        memmove(c->buf, c->buf + LENGTH + size, c->len);
    }
    return true;
}

static enum selfsame_code
loop(struct server *s, struct selfsame_err *e)
{
    struct pollfd p[2 + CLIENTS];

    for (;;) {
        p[0] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
        p[1] = (struct pollfd){ .fd = s->count < CLIENTS ? s->listener : -1,
            .events = POLLIN };
        for (size_t i = 0; i < s->count; i++)
            p[2 + i] = (struct pollfd){ .fd = s->client[i].fd, .events = POLLIN };
        if (poll(p, 2 + s->count, -1) < 0 && errno != EINTR)
            FAIL(e, SELFSAME_IO, "cannot wait: %s", strerror(errno));
        if (p[0].revents != 0)
            return SELFSAME_OK;
        for (size_t i = s->count; i-- > 0;)
            if (p[2 + i].revents != 0 && !serve(s, &s->client[i])) {
                (void)close(s->client[i].fd);
                s->client[i] = s->client[--s->count];
            }
        if (p[1].revents != 0) {
            int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

            if (fd >= 0)
                s->client[s->count++] = (struct client){ .fd = fd };
        }
    }
}

static enum selfsame_code
open_device(struct cli *c, struct server *s, struct selfsame_err *e)
{
    struct sim_subject subject = { 0 };

    TRY(subject_simulator(c, cli_value(c, "image"), &s->sim, e));
    TRY(subject_options(c, s->sim, &subject, e));
    TRY(subject_measured(c, s->sim, &subject, e));
    TRY(subject_pki(c, s->sim, os_now_ms(), &s->pki, e));
    return s->sim->device_new(s->pki, &subject, &s->device, e);
}

static enum selfsame_code
device(struct cli *c, struct selfsame_err *e)
{
    const char *where = cli_value(c, "listen");
    static struct server s;
    struct net_addr addr;
    sigset_t stop;

    s = (struct server){ .listener = -1, .signals = -1 };
    if (where == NULL)
        FAIL(e, SELFSAME_USAGE, "--listen is missing: expected unix:PATH");
    TRY(net_addr_parse(where, 0, &addr, e));
    if (addr.kind != NET_UNIX)
        FAIL(e, SELFSAME_USAGE, "--listen: expected unix:PATH, got %s", where);
    __attribute__((cleanup(server_free))) struct server *held = &s;
    TRY(open_device(c, &s, e));
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    if ((s.signals = signalfd(-1, &stop, SFD_CLOEXEC)) < 0)
        FAIL(e, SELFSAME_IO, "cannot watch signals: %s", strerror(errno));
    TRY(net_listen(&addr, &s.listener, e));
    (void)fprintf(stderr, "selfsame-sim: device at %s\n", where);
    enum selfsame_code code = loop(&s, e);
    (void)unlink(addr.path);
    (void)held;
    return code;
}

static const struct cli_option options[] = {
    { .name = "listen", .argument = "unix:PATH", .help = "where programs find it" },
    { .name = "tee", .argument = "TEE", .help = "nitro (default), snp, sgx or tdx" },
    { .name = "image",
        .argument = "IMAGE",
        .help = "measure this image: an EIF, or the directory of a machine" },
    MACHINE_OPTIONS,
    { .name = "measurements",
        .argument = "FILE",
        .help = "values from measurements.json or a policy" },
    { .name = "root",
        .argument = "FILE",
        .help = "root certificate and key (pki --new: FILE.key)" },
    { .name = "defect",
        .argument = "WORD",
        .repeatable = true,
        .help = "evidence with this fault (see evidence --help)" },
    { .name = "insecure-debug", .help = "debug mode (nitro: measurements are zero)" },
    { 0 },
};
const struct cli_command device_command = {
    .name = "device",
    .summary = "serve the simulated device on a socket, without a guest",
    .story = "Example: selfsame-sim device --listen unix:/tmp/nsm --image image.eif\n"
             "         selfsame attest --device unix:/tmp/nsm --nonce ...\n"
             "The path of the socket must tell the TEE: \"sev-guest\" of snp, "
             "\"tdx_guest\" of tdx,\n"
             "\"sgx\" of sgx.\n"
             "For hosts that allow no seccomp notification, and for tests.",
    .options = options,
    .run = device,
};
