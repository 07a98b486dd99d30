/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * A guest is stopped only for ioctl commands of its device: of its magic (0x0A for
 * /dev/nsm, 0x53 for /dev/sev-guest), or the very command where terminals have the same
 * magic (/dev/tdx_guest). Opening it needs no help: the guest has a node of this name,
 * and the supervisor knows it by its mount. So open() costs nothing, and what
 * dup, fork, exec, relative paths or io_uring do to the descriptor is the
 * kernel's business.
 */
#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#define FOREIGN_CALLS 0x40000000u /* x32 (asm/unistd.h __X32_SYSCALL_BIT) */
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#define FOREIGN_CALLS 0xFFFFFFFFu
#else
#error "selfsame-sim knows x86-64 and aarch64"
#endif
#define OFFSET(member) ((unsigned)offsetof(struct seccomp_data, member))

int
filter_install(const struct guest_device *device)
{
    /* Little-endian: the command is the low half of args[1]. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN_CALLS, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, device->mask),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, device->command, 2, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
    };
    struct sock_fprog program = { .len = COUNT(code), .filter = code };
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    /*
     * Killable only (Linux 5.19): a signal must not interrupt and repeat a call
     * that already extended a PCR. Older kernels run without.
     */
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
        flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &program);
    if (fd < 0 && errno == EINVAL)
        fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return (int)fd;
}
