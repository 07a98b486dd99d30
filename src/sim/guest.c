/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Supervisor and child talk over a SOCK_SEQPACKET pair, one message a step:
 *   > go (its ids are mapped)   < ready + listener   < the same + /dev/fuse, for each
 *   mount of the device   > run
 *   < nothing: it runs
 * A child that fails sends the step and errno instead. The supervisor's end
 * being closed tells the child that nobody is there any more.
 */
struct word {
    bool failed, proc;
    int why;
    uint64_t mount;
    char step[64];
};

/* What init needs to prepare its application and to become another user. */
static const unsigned kept[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
    CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT };

static bool
send_word(int sock, const struct word *w, int fd)
{
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(int))];
    } control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
                      .cmsg_level = SOL_SOCKET,
                      .cmsg_type = SCM_RIGHTS } };
    struct word copy = *w;
    struct iovec v = { .iov_base = &copy, .iov_len = sizeof(copy) };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
        m.msg_control = &control;
        m.msg_controllen = sizeof(control.room);
    }
    return sendmsg(sock, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(copy);
}

/* False at the end of the conversation; *ret_fd is -1 when none came along. */
static bool
receive_word(int sock, struct word *ret, int *ret_fd)
{
    union {
        struct cmsghdr head;
        uint8_t room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec v = { .iov_base = ret, .iov_len = sizeof(*ret) };
    struct msghdr m = { .msg_iov = &v,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control.room) };
    ssize_t n;

    while ((n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    struct cmsghdr *h = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    *ret_fd = -1;
    if (h != NULL && h->cmsg_type == SCM_RIGHTS)
        memcpy(ret_fd, CMSG_DATA(h), sizeof(*ret_fd));
    return n == (ssize_t)sizeof(*ret);
}

/* ---- the child ---- */

static _Noreturn void
give_up(int sock, const char *step)
{
    struct word w = { .failed = true, .why = errno };

    (void)snprintf(w.step, sizeof(w.step), "%s", step);
    (void)send_word(sock, &w, -1);
    _exit(127);
}

static bool
loopback_up(void)
{
    auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = { .ifr_name = "lo" };

    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r) != 0)
        return false;
    r.ifr_flags = (short)(r.ifr_flags | IFF_UP);
    return ioctl(fd, SIOCSIFFLAGS, &r) == 0;
}

static bool
drop_capabilities(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

    for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        bool keep = false;

        for (size_t i = 0; i < COUNT(kept); i++)
            keep |= kept[i] == cap;
        if (!keep && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return false;
    }
    /* All of those kept stand in the first 32. */
    for (size_t i = 0; i < COUNT(kept); i++)
        data[0].permitted |= 1u << kept[i];
    data[0].effective = data[0].permitted;
    return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == 0 &&
           syscall(SYS_capset, &head, data) == 0;
}

static void
reset_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        (void)signal(s, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Descriptors 0, 1, 2; all others close when /init begins. */
static bool
set_descriptors(const struct guest_plan *p)
{
    auto_fd null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
           dup2(p->output, STDOUT_FILENO) >= 0 && dup2(p->errors, STDERR_FILENO) >= 0 &&
           close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

static _Noreturn void
be_guest(const struct guest_plan *p, int sock)
{
    static char sim[] = "SELFSAME_SIM=1", home[] = "HOME=/", term[] = "TERM=linux";
    static char init[] = "/init";
    char *const argv[] = { init, NULL }, *const env[] = { sim, home, term, NULL };
    struct word w;
    int none, fuse[GUEST_MOUNTS];
    const char *step;

    if (!receive_word(sock, &w, &none))
        _exit(127);
    reset_signals();
    if (setsid() < 0 || !set_descriptors(p))
        give_up(sock, "preparing descriptors");
    if (p->user ? setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0
                : setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0)
        give_up(sock, "becoming the guest's root");
    if (sethostname("enclave", 7) != 0)
        give_up(sock, "setting the host name");
    if (p->network && !loopback_up())
        give_up(sock, "bringing up the loopback interface");
    w = (struct word){ 0 };
    if ((step = mounts_make(p->root, p->device, &w.mount, &w.proc, fuse)) != NULL)
        give_up(sock, step);
    if (!drop_capabilities())
        give_up(sock, "dropping capabilities");
    (void)umask(022);
    /* Last: a change of credentials would clear it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        give_up(sock, "tying its life to the supervisor's");
    int listener = filter_install(p->device);
    if (listener < 0)
        give_up(sock, "installing the seccomp filter");
    if (!send_word(sock, &w, listener))
        _exit(127);
    for (size_t i = 0; i < p->device->mount_count; i++)
        if (!send_word(sock, &w, fuse[i]))
            _exit(127);
    if (!receive_word(sock, &w, &none))
        _exit(127);
    (void)execve(init, argv, env);
    give_up(sock, "executing /init");
}

/* ---- the supervisor ---- */

static uint64_t
sysctl_number(const char *path, uint64_t absent)
{
    char text[32];
    auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (n <= 0)
        return absent;
    text[n] = '\0';
    return strtoull(text, NULL, 10);
}

/* Why an ordinary user got no namespaces, in the words of who can change it. */
static enum selfsame_code
no_namespaces(int why, struct selfsame_err *e)
{
    const char *cause = "a container or security module forbids it",
               *remedy =
                   "Run selfsame as root, or on a host that allows user namespaces.";

    if (sysctl_number("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0) {
        cause = "kernel.unprivileged_userns_clone is 0";
        remedy = "Run as root, or: sysctl kernel.unprivileged_userns_clone=1";
    } else if (sysctl_number("/proc/sys/user/max_user_namespaces", 1) == 0) {
        cause = "user.max_user_namespaces is 0";
        remedy = "Run as root, or: sysctl user.max_user_namespaces=10000";
    } else if (sysctl_number(
                   "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1) {
        cause = "kernel.apparmor_restrict_unprivileged_userns is 1";
        remedy = "Run as root, give selfsame-sim an AppArmor profile with userns, or: "
                 "sysctl kernel.apparmor_restrict_unprivileged_userns=0";
    }
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
        "this host gives no namespaces to user %d: %s (%s)", (int)geteuid(),
        strerror(why), cause);
    err_remedy(e, remedy);
    return SELFSAME_IO;
}

static bool
may_administer(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { 0 }, { 0 } };

    return geteuid() == 0 && syscall(SYS_capget, &head, data) == 0 &&
           (data[0].effective & 1u << CAP_SYS_ADMIN) != 0;
}

static bool
write_text(pid_t pid, const char *file, const char *text)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* One user and one group: what an ordinary user may map (user_namespaces(7)). */
static bool
map_ids(pid_t pid)
{
    char users[48], groups[48];

    (void)snprintf(users, sizeof(users), "0 %u 1\n", (unsigned)geteuid());
    (void)snprintf(groups, sizeof(groups), "0 %u 1\n", (unsigned)getegid());
    return write_text(pid, "setgroups", "deny") && write_text(pid, "uid_map", users) &&
           write_text(pid, "gid_map", groups);
}

static pid_t
clone_guest(struct guest_plan *p)
{
    long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;

    p->user = !may_administer();
    if (p->user)
        flags |= CLONE_NEWUSER;
    p->network = true;
    pid_t pid = (pid_t)syscall(
        SYS_clone, flags | CLONE_NEWNET | SIGCHLD, NULL, NULL, NULL, 0);
    if (pid >= 0 || (errno != ENOSPC && errno != EINVAL))
        return pid;
    /* A host may allow no further networks: the guest then shares the host's. */
    p->network = false;
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, 0);
}

/* The three steps of the conversation; the listener ends up in *ret. */
static enum selfsame_code
converse(
    int sock, const struct guest_plan *p, struct guest *ret, struct selfsame_err *e)
{
    struct word w = { 0 };
    auto_fd listener = -1;
    int none;

    if (p->user && !map_ids(ret->pid))
        FAIL(e, SELFSAME_IO, "cannot map user %d into the guest: %s", (int)geteuid(),
            strerror(errno));
    if (!send_word(sock, &w, -1) || !receive_word(sock, &w, &listener))
        FAIL(e, SELFSAME_IO, "the guest ended before it was prepared");
    if (!w.failed) {
        ret->mount = w.mount;
        ret->proc = w.proc;
        for (size_t i = 0; i < p->device->mount_count; i++)
            if (!receive_word(sock, &w, &ret->fuse[i]))
                FAIL(e, SELFSAME_IO, "the guest ended before it began");
        if (!send_word(sock, &w, -1))
            FAIL(e, SELFSAME_IO, "the guest ended before it began");
        /* Silence is good: the pair closed because /init runs. */
        if (!receive_word(sock, &w, &none))
            w.failed = false;
    }
    if (w.failed) {
        w.step[sizeof(w.step) - 1] = '\0';
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__, "preparing the guest: %s: %s",
            w.step, strerror(w.why));
        if (strcmp(w.step, "executing /init") == 0)
            err_remedy(e, "The image's ramdisks hold no /init that runs on this "
                          "processor; `selfsame build` puts one in.");
        return SELFSAME_IO;
    }
    ret->listener = listener;
    listener = -1;
    return SELFSAME_OK;
}

enum selfsame_code
guest_start(struct guest_plan *p, struct guest *ret, struct selfsame_err *e)
{
    int pair[2];
    struct guest g = { .pidfd = -1, .listener = -1, .fuse = { -1, -1 } };

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        FAIL(e, SELFSAME_IO, "cannot make a socket pair: %s", strerror(errno));
    auto_fd mine = pair[0], its = pair[1];
    g.pid = clone_guest(p);
    if (g.pid == 0) {
        (void)close(mine);
        be_guest(p, its);
    }
    if (g.pid < 0)
        return no_namespaces(errno, e);
    fd_close(&its);
    enum selfsame_code code = converse(mine, p, &g, e);
    if (code == SELFSAME_OK && (g.pidfd = pidfd_open(g.pid, 0)) < 0)
        code = err_set(e, SELFSAME_IO, __FILE__, __LINE__, "cannot watch the guest: %s",
            strerror(errno));
    if (code != SELFSAME_OK) {
        (void)kill(g.pid, SIGKILL);
        (void)waitpid(g.pid, NULL, 0);
        fd_close(&g.listener);
        for (size_t i = 0; i < GUEST_MOUNTS; i++)
            fd_close(&g.fuse[i]);
        return code;
    }
    *ret = g;
    return SELFSAME_OK;
}
