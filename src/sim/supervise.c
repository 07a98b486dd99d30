/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    READY_MS = 20000, /* until published ports should be listened on */
    LOOK_MS = 20,     /* between looks */
    GRACE_MS = 10000, /* between asking the guest to end and killing it */
};
enum slot {
    SIGNALS,
    GUEST,
    DEVICE,
    OUTPUT,
    ERRORS,
    READY,
    FUSE,
    SLOTS = FUSE + GUEST_MOUNTS
};

/* ---- what the guest writes ---- */

/* A log that is full is kept once more under another name. */
static void
to_log(struct run *r, struct selfsame_bytes b)
{
    struct selfsame_err ignored = { 0 };

    if (r->log_size + b.len > INSTANCE_LOG_MAX) {
        char path[1200], older[1200];

        (void)snprintf(path, sizeof(path), "%s/log", r->dir);
        (void)snprintf(older, sizeof(older), "%s/log.1", r->dir);
        (void)rename(path, older);
        fd_close(&r->log);
        r->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        r->log_size = 0;
    }
    /* A full disk must not end the guest. */
    if (r->log >= 0 && fd_write_all(r->log, b, "log", &ignored) == SELFSAME_OK)
        r->log_size += b.len;
}

/* False at the end of the pipe. */
static bool
relay(struct run *r, int from, int terminal)
{
    uint8_t buf[65536];
    struct selfsame_err ignored = { 0 };
    ssize_t n = read(from, buf, sizeof(buf));

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    to_log(r, BYTES(buf, (size_t)n));
    if (!r->detached && fd_write_all(terminal, BYTES(buf, (size_t)n), "output",
                            &ignored) != SELFSAME_OK)
        return false;
    return true;
}

/* What the guest wrote before it ended. */
static void
relay_rest(struct run *r, int *from, int terminal)
{
    struct pollfd p = { .fd = *from, .events = POLLIN };

    while (*from >= 0 && poll(&p, 1, 0) > 0)
        if (!relay(r, *from, terminal))
            break;
    fd_close(from);
}

/* ---- ending ---- */

static void
kill_guest(struct run *r)
{
    r->killed = true;
    (void)kill(r->guest.pid, SIGKILL); /* PID 1: the kernel ends all others with it */
}

/*
 * Asked once: told. Asked again: killed. Whether PID 1 listens cannot be seen: one
 * that waits in sigwait neither catches nor (in /proc/PID/status) blocks the signal.
 */
static void
stop_guest(struct run *r)
{
    bool again = r->stopping_ms != 0;

    r->stopping_ms = os_now_ms();
    if (again)
        kill_guest(r);
    else
        (void)kill(r->guest.pid, SIGTERM);
}

static enum selfsame_code
take_signal(struct run *r, struct selfsame_err *e)
{
    struct signalfd_siginfo s;

    if (read(r->signals, &s, sizeof(s)) != (ssize_t)sizeof(s))
        return SELFSAME_OK;
    if (s.ssi_signo != SIGCHLD) {
        stop_guest(r);
        return SELFSAME_OK;
    }
    if (r->forwarder > 0 && waitpid(r->forwarder, NULL, WNOHANG) == r->forwarder) {
        r->forwarder = 0;
        FAIL(e, SELFSAME_IO, "the port forwarder ended unexpectedly");
    }
    return SELFSAME_OK;
}

/* ---- the loop ---- */

static enum selfsame_code
look_whether_ready(struct run *r, struct selfsame_err *e)
{
    bool ready = ports_ready(&r->ports, r->guest.pid);
    bool late = os_now_ms() - r->began_ms > READY_MS;

    if (r->announced || (!ready && !late))
        return SELFSAME_OK;
    TRY(run_announce(r, !ready, e));
    r->announced = true;
    return SELFSAME_OK;
}

static int
patience(const struct run *r)
{
    if (!r->announced)
        return LOOK_MS;
    if (r->stopping_ms == 0 || r->killed)
        return -1;
    int64_t left = r->stopping_ms + GRACE_MS - os_now_ms();
    return left > 0 ? (int)left : 0;
}

static enum selfsame_code
turn(struct run *r, bool *ret_ended, struct selfsame_err *e)
{
    struct pollfd p[SLOTS] = {
        [SIGNALS] = { .fd = r->signals, .events = POLLIN },
        [GUEST] = { .fd = r->guest.pidfd, .events = POLLIN },
        [DEVICE] = { .fd = r->notify.listener, .events = POLLIN },
        [OUTPUT] = { .fd = r->output, .events = POLLIN },
        [ERRORS] = { .fd = r->errors, .events = POLLIN },
        [READY] = { .fd = r->ready }, /* only whether its reader went away */
    };

    TRY(look_whether_ready(r, e));
    p[READY].fd = r->ready;
    for (size_t i = 0; i < GUEST_MOUNTS; i++)
        p[FUSE + i] = (struct pollfd){ .fd = fuse_fd(r->fuse[i]), .events = POLLIN };
    if (poll(p, SLOTS, patience(r)) < 0 && errno != EINTR)
        FAIL(e, SELFSAME_IO, "cannot wait for the guest: %s", strerror(errno));
    if (p[DEVICE].revents != 0 &&
        ((p[DEVICE].revents & POLLIN) == 0 || !notify_serve(&r->notify)))
        fd_close(&r->notify.listener);
    for (size_t i = 0; i < GUEST_MOUNTS; i++)
        if (p[FUSE + i].revents != 0 && ((p[FUSE + i].revents & POLLIN) == 0 ||
                                            !fuse_serve(r->fuse[i], &r->notify)))
            fuse_close(&r->fuse[i]);
    if (p[OUTPUT].revents != 0 && !relay(r, r->output, STDOUT_FILENO))
        fd_close(&r->output);
    if (p[ERRORS].revents != 0 && !relay(r, r->errors, STDERR_FILENO))
        fd_close(&r->errors);
    if (p[SIGNALS].revents != 0)
        TRY(take_signal(r, e));
    if (p[READY].revents != 0)
        FAIL(e, SELFSAME_IO, "interrupted");
    *ret_ended = p[GUEST].revents != 0;
    if (*ret_ended)
        return SELFSAME_OK;
    if (r->stopping_ms != 0 && !r->killed && patience(r) == 0)
        kill_guest(r);
    return SELFSAME_OK;
}

static int
exit_status(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status)
                                  : 128 + WTERMSIG(wait_status);
}

enum selfsame_code
supervise(struct run *r, int *ret_status, struct selfsame_err *e)
{
    enum selfsame_code code = SELFSAME_OK;
    bool ended = false;
    int status = 0;

    r->began_ms = os_now_ms();
    while (!ended && code == SELFSAME_OK)
        code = turn(r, &ended, e);
    if (!ended)
        kill_guest(r);
    while (waitpid(r->guest.pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->guest.pid = 0;
    relay_rest(r, &r->output, STDOUT_FILENO);
    relay_rest(r, &r->errors, STDERR_FILENO);
    TRY(code);
    *ret_status = exit_status(status);
    if (r->announced || !r->detached)
        return SELFSAME_OK;
    FAIL(e, SELFSAME_IO, "the guest ended with status %d before it was ready",
        *ret_status);
}
