/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/launch.h"

#ifdef __x86_64__
#include <cpuid.h>
#endif

/* What a host must have before it can start a machine under SEV-SNP. */

/* AMD 24593 (APM volume 2) §15.34.1: CPUID 8000001f, EBX; 0: not such a processor. */
#ifdef __x86_64__
static unsigned
encryption_leaf(void)
{
    unsigned a, b = 0, c, d;

    return __get_cpuid_count(0x8000001f, 0, &a, &b, &c, &d) == 1 ? b : 0;
}
#else
static unsigned
encryption_leaf(void)
{
    return 0;
}
#endif

/* Bits 5..0 and 11..6. */
struct snp_host
snp_this_host(void)
{
    unsigned leaf = encryption_leaf();

    return (struct snp_host){ .at = tee_this_host(),
        .sev = leaf != 0,
        .cbitpos = leaf & 0x3f,
        .phys_bits_less = leaf >> 6 & 0x3f };
}

static void
add_processor(struct host_facts *f, const struct snp_host *host)
{
    bool flag = qemu_has_cpu_flag(&host->at, "sev_snp");

    host_fact(f, flag && host->sev, "processor with SEV-SNP",
        "Use a machine with AMD EPYC of the third generation (Milan) or later, and "
        "enable SEV-SNP and SMEE in its firmware setup.",
        "%s",
        !flag       ? "no sev_snp among the flags of /proc/cpuinfo"
        : host->sev ? "sev_snp"
                    : "the processor does not tell its encryption bit");
}

static void
add_kernel(struct host_facts *f, const struct snp_host *host)
{
    char on[8] = "";
    bool kvm = host_exists(&host->at, "/dev/kvm");
    bool sev = host_exists(&host->at, "/dev/sev");
    bool known = host_text(
        &host->at, "/sys/module/kvm_amd/parameters/sev_snp", on, sizeof(on));
    bool active = known && (on[0] == 'Y' || on[0] == '1');

    host_fact(f, kvm, "KVM",
        "Load kvm_amd, and let this user open /dev/kvm (group kvm).", "%s",
        kvm ? "/dev/kvm" : "no /dev/kvm on this host");
    host_fact(f, sev, "secure processor",
        "Load the ccp module; the firmware setup must not hide the PSP.", "%s",
        sev ? "/dev/sev" : "no /dev/sev on this host");
    host_fact(f, active, "SEV-SNP in the kernel",
        "Use Linux 6.11 or later as host, with the IOMMU enabled and "
        "kvm_amd.sev_snp=1.",
        "%s",
        !known   ? "kvm_amd has no parameter sev_snp"
        : active ? "kvm_amd.sev_snp is on"
                 : "kvm_amd.sev_snp is off");
}

static void
add_qemu(struct host_facts *f, const struct snp_host *host, bool plain)
{
    static const char fix[] = "Install QEMU 9.1 or later (qemu-system-x86).";
    char program[HOST_LINE], line[HOST_LINE] = "";
    unsigned major = 0, minor = 0;

    if (!host_program(&host->at, "qemu-system-x86_64", program)) {
        host_fact(f, false, "QEMU", fix, "no qemu-system-x86_64 in PATH");
        return;
    }
    bool told = qemu_version(&host->at, program, line, &major, &minor);
    bool good = told && (plain || major > SNP_QEMU_MAJOR ||
                            (major == SNP_QEMU_MAJOR && minor >= SNP_QEMU_MINOR));
    host_fact(f, good, "QEMU", fix, "%s, %s", program,
        told ? line : "which does not tell its version");
}

enum selfsame_code
snp_host_facts(const struct snp_host *host, const struct tee_launch_request *q,
    struct arena *arena, struct tee_host_fact **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    struct host_facts f;

    TRY(host_facts_begin(&f, arena, e));
    if (!q->insecure_plain_vm) {
        add_processor(&f, host);
        add_kernel(&f, host);
    }
    add_qemu(&f, host, q->insecure_plain_vm);
    if (q->image != NULL)
        qemu_image_facts(&f, q, "image",
            "Name one in the recipe ('snp.kernel') or with --kernel, and build again.",
            "Name OVMF for SEV-SNP in the recipe ('snp.firmware') or with --firmware, "
            "and build again.");
    qemu_memory_facts(&f, &host->at, q, qemu_memory_mib(q));
    return host_facts_end(&f,
        q->insecure_plain_vm ? "a plain virtual machine" : "a machine under SEV-SNP",
        ret, ret_count, e);
}
