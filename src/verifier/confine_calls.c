/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/confine_parts.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

static void
filter_release(void **f)
{
    seccomp_release(*f);
}
#define auto_filter __attribute__((cleanup(filter_release))) void

/*
 * What servers, SQLite, libpq, libcurl, the name services and both C libraries ask for;
 * found by running all tests under the filter, and by what they fall back to.
 */
static const int allowed[] = {
    /* files */
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(preadv),
    SCMP_SYS(pwritev),
    SCMP_SYS(preadv2),
    SCMP_SYS(pwritev2),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(stat),
    SCMP_SYS(fstat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(lseek),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fadvise64),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getdents64),
    SCMP_SYS(getcwd),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(fchown),
    SCMP_SYS(umask),
    SCMP_SYS(utimensat),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(pipe),
    SCMP_SYS(pipe2),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(sendfile),
    /* memory; mmap and mprotect below */
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mlock),
    SCMP_SYS(mlock2),
    SCMP_SYS(munlock),
    SCMP_SYS(msync),
    SCMP_SYS(membarrier),
    SCMP_SYS(mincore),
    /* waiting and time */
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(eventfd2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(futex),
    SCMP_SYS(restart_syscall),
    /* the process and its threads; clone and tgkill below */
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getresuid),
    SCMP_SYS(getresgid),
    SCMP_SYS(getgroups),
    SCMP_SYS(getpgrp),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(getcpu),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(rseq),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(rt_sigpending),
    SCMP_SYS(rt_sigsuspend),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(getrlimit),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getrandom),
    SCMP_SYS(capget),
    /* the network; socket and socketpair below */
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(connect),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(recvmmsg),
};

/* What only an intruder asks for: the process ends, and the audit of the kernel says why. */
static const int deadly[] = { SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(mount),
    SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(move_mount),
    SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(init_module),
    SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff),
    SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(setns),
    SCMP_SYS(unshare), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(keyctl),
    SCMP_SYS(acct), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
    SCMP_SYS(sethostname), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(pidfd_getfd),
    SCMP_SYS(personality) };

/* The same, but for what looks for leaks. */
static const int tracing[] = { SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev) };
static const int of_sanitizers[] = { SCMP_SYS(ptrace), SCMP_SYS(clone), SCMP_SYS(wait4),
    SCMP_SYS(prctl), SCMP_SYS(prlimit64), SCMP_SYS(fork), SCMP_SYS(getdents) };

/* Errors that say no; anything else is "unknown to this kernel", so that libraries fall
 * back to what is older and allowed: clone3, io_uring, futex_waitv. */
static const int refused[] = { SCMP_SYS(kill), SCMP_SYS(rt_sigqueueinfo),
    SCMP_SYS(rt_tgsigqueueinfo), SCMP_SYS(setuid), SCMP_SYS(setgid), SCMP_SYS(setreuid),
    SCMP_SYS(setregid), SCMP_SYS(setresuid), SCMP_SYS(setresgid), SCMP_SYS(setgroups),
    SCMP_SYS(setrlimit), SCMP_SYS(chown), SCMP_SYS(lchown), SCMP_SYS(fchownat),
    SCMP_SYS(mknod), SCMP_SYS(mknodat), SCMP_SYS(symlink), SCMP_SYS(symlinkat),
    SCMP_SYS(setpriority), SCMP_SYS(sched_setscheduler), SCMP_SYS(vfork) };

/* A call that this architecture does not have cannot be made either. */
static int
rule_each(void *f, uint32_t action, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (calls[i] >= 0) {
            const int error = seccomp_rule_add(f, action, calls[i], 0);
            if (error != 0)
                return error;
        }
    return 0;
}

#define DENY SCMP_ACT_ERRNO(EPERM)
#define NAMESPACES                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
        CLONE_NEWPID | CLONE_NEWNET)
#define THREAD (CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)

/* Threads of this process, and no other processes. */
static int
rule_threads(void *f)
{
    const scmp_datum_t self = (scmp_datum_t)getpid();
    int error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
        SCMP_A0(SCMP_CMP_MASKED_EQ, NAMESPACES | THREAD, THREAD));

    if (error == 0)
        error = seccomp_rule_add(
            f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, self, 0));
    return error;
}

/* Memory that can be written is never run. */
static int
rule_memory(void *f)
{
    const scmp_datum_t both = PROT_WRITE | PROT_EXEC;
    int error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

    if (error == 0)
        error = seccomp_rule_add(
            f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, both, 0));
    if (error == 0)
        error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
            SCMP_A2(SCMP_CMP_MASKED_EQ, both, PROT_WRITE));
    if (error == 0) /* libraries that are loaded late: of files */
        error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
            SCMP_A2(SCMP_CMP_MASKED_EQ, both, PROT_EXEC),
            SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
    return error;
}

static int
rule_sockets(void *f)
{
    static const scmp_datum_t families[] = { AF_UNIX, AF_INET, AF_INET6 };
    int error = 0;

    for (size_t i = 0; i < COUNT(families) && error == 0; i++)
        error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
            SCMP_A0(SCMP_CMP_EQ, families[i], 0));
    /* Which addresses this machine has, for getaddrinfo. */
    if (error == 0)
        error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
            SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
            SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE, 0));
    if (error == 0)
        error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
            SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
    return error;
}

static int
rule_switches(void *f)
{
    static const scmp_datum_t controls[] = { FIONREAD, FIONBIO, FIOCLEX, TCGETS,
        TIOCGWINSZ };
    static const scmp_datum_t switches[] = { PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE,
        PR_CAPBSET_READ, 0x53564d41 /* PR_SET_VMA: glibc names its memory */ };
    int error = 0;

    for (size_t i = 0; i < COUNT(controls) && error == 0; i++)
        error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
            SCMP_A1(SCMP_CMP_EQ, controls[i], 0));
    for (size_t i = 0; i < COUNT(switches) && error == 0; i++)
        error = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
            SCMP_A0(SCMP_CMP_EQ, switches[i], 0));
    /* To read its limits, not to change them. */
    if (error == 0)
        error = seccomp_rule_add(
            f, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0, 0));
    return error;
}

static int
rule_processes(void *f)
{
    const uint32_t end = CONFINE_SANITIZED ? DENY : SCMP_ACT_KILL_PROCESS;
    int error = rule_each(f, end, deadly, COUNT(deadly));

    if (error == 0)
        error = CONFINE_SANITIZED
                    ? rule_each(f, SCMP_ACT_ALLOW, of_sanitizers, COUNT(of_sanitizers))
                    : rule_each(f, end, tracing, COUNT(tracing));
    return error;
}

static int
rule_all(void *f)
{
    int error = rule_each(f, SCMP_ACT_ALLOW, allowed, COUNT(allowed));

    if (error == 0)
        error = rule_processes(f);
    if (error == 0)
        error = rule_each(f, DENY, refused, COUNT(refused));
    if (error == 0)
        error = rule_threads(f);
    if (error == 0)
        error = rule_memory(f);
    if (error == 0)
        error = rule_sockets(f);
    if (error == 0)
        error = rule_switches(f);
    return error;
}

enum selfsame_code
confine_calls(struct selfsame_err *e)
{
    auto_filter *f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));

    if (f == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a filter of system calls");
    int error = rule_all(f);
    if (error == 0) /* threads that are there already, too; looked up in log time */
        error = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    if (error == 0)
        error = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (error == 0)
        error = seccomp_load(f);
    if (error != 0)
        FAIL(e, SELFSAME_IO, "cannot filter system calls: %s", strerror(-error));
    return SELFSAME_OK;
}
