/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/launch.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* What a host must have before it can start a machine under TDX. */

/*
 * On this host's own vsock address (vsock_loopback). Without that module nobody here can
 * tell: guests may reach the service all the same.
 */
static enum tdx_qgs
ask_qgs(void)
{
    const struct sockaddr_vm to = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = TDX_QGS_PORT
    };
    const struct timeval wait = { .tv_sec = 1 };
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return TDX_QGS_UNKNOWN;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    int rc = connect(fd, (const struct sockaddr *)&to, sizeof(to)), why = errno;
    (void)close(fd);
    if (rc == 0)
        return TDX_QGS_ANSWERS;
    return why == ECONNRESET || why == ECONNREFUSED ? TDX_QGS_SILENT : TDX_QGS_UNKNOWN;
}

struct tdx_host
tdx_this_host(void)
{
    return (struct tdx_host){ .at = tee_this_host(), .qgs = ask_qgs() };
}

static void
add_kernel(struct host_facts *f, const struct tdx_host *host)
{
    char on[8] = "";
    const bool flag = qemu_has_cpu_flag(&host->at, "tdx_host_platform");
    const bool kvm = host_exists(&host->at, "/dev/kvm");
    const bool known = host_text(
        &host->at, "/sys/module/kvm_intel/parameters/tdx", on, sizeof(on));
    const bool active = known && (on[0] == 'Y' || on[0] == '1');

    host_fact(f, flag || active, "processor with TDX",
        "Use a machine with Intel Xeon of the fifth generation, or of the fourth where "
        "it has TDX, and enable TME, TME-MT, SGX and TDX in its firmware setup.",
        "%s",
        flag     ? "tdx_host_platform"
        : active ? "kvm_intel found one"
                 : "no tdx_host_platform among the flags of /proc/cpuinfo");
    host_fact(f, kvm, "KVM",
        "Load kvm_intel, and let this user open /dev/kvm (group kvm).", "%s",
        kvm ? "/dev/kvm" : "no /dev/kvm on this host");
    host_fact(f, active, "TDX in the kernel",
        "Use Linux 6.16 or later as host, with kvm_intel.tdx=1 and the TDX module that "
        "its firmware loads.",
        "%s",
        !known   ? "kvm_intel has no parameter tdx"
        : active ? "kvm_intel.tdx is on"
                 : "kvm_intel.tdx is off");
}

/* Distributions had TDX in QEMU before QEMU had: so it is asked for the object. */
static void
add_qemu(struct host_facts *f, const struct tdx_host *host, bool plain)
{
    static const char fix[] = "Install QEMU 10.1 or later, or one that has the object "
                              "tdx-guest (qemu-system-x86).";
    static const char *const ask[] = { "-object", "help", NULL };
    char program[HOST_LINE], line[HOST_LINE] = "";
    unsigned major = 0, minor = 0;

    if (!host_program(&host->at, "qemu-system-x86_64", program)) {
        host_fact(f, false, "QEMU", fix, "no qemu-system-x86_64 in PATH");
        return;
    }
    if (!qemu_version(&host->at, program, line, &major, &minor)) {
        host_fact(
            f, false, "QEMU", fix, "%s, which does not tell its version", program);
        return;
    }
    bool good = plain || major > TDX_QEMU_MAJOR ||
                (major == TDX_QEMU_MAJOR && minor >= TDX_QEMU_MINOR) ||
                host_says(program, ask, "tdx-guest");
    host_fact(f, good, "QEMU", fix, "%s, %s", program, line);
}

static void
add_qgs(struct host_facts *f, const struct tdx_host *host)
{
    const bool file = host_exists(&host->at, TDX_QGS_SOCKET);

    host_fact(f, file || host->qgs != TDX_QGS_SILENT, "quote generation service",
        "Install and start Intel's QGS (package tdx-qgs, service qgsd), and register "
        "the machine (mpa_registration_tool or a PCCS).",
        "%s",
        file                           ? TDX_QGS_SOCKET
        : host->qgs == TDX_QGS_ANSWERS ? "vsock port 4050"
        : host->qgs == TDX_QGS_UNKNOWN
            ? "vsock port 4050, which cannot be tried from here (no vsock_loopback)"
            : "nothing answers at vsock port 4050 or " TDX_QGS_SOCKET);
}

/* Of the machine that the image was measured for; where there is none, starting says so. */
static uint64_t
wanted_mib(const struct tee_launch_request *q)
{
    struct selfsame_err ignored = { 0 };
    uint64_t mib = 0;

    if (!q->insecure_plain_vm && tdx_choose_memory(q, &mib, &ignored) == SELFSAME_OK)
        return mib;
    return qemu_memory_mib(q);
}

enum selfsame_code
tdx_host_facts(const struct tdx_host *host, const struct tee_launch_request *q,
    struct arena *arena, struct tee_host_fact **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    struct host_facts f;

    TRY(host_facts_begin(&f, arena, e));
    if (!q->insecure_plain_vm)
        add_kernel(&f, host);
    add_qemu(&f, host, q->insecure_plain_vm);
    if (!q->insecure_plain_vm)
        add_qgs(&f, host);
    if (q->image != NULL)
        qemu_image_facts(&f, q, "tdx",
            "Name one in the recipe ('tdx.kernel') or with --kernel, and build again.",
            "Name OVMF for TDX in the recipe ('tdx.firmware') or with --firmware, and "
            "build again.");
    qemu_memory_facts(&f, &host->at, q, wanted_mib(q));
    return host_facts_end(&f,
        q->insecure_plain_vm ? "a plain virtual machine" : "a machine under TDX", ret,
        ret_count, e);
}
