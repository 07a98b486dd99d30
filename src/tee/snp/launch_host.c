/* SPDX-License-Identifier: Apache-2.0 */
#include "image/placeholder.h"
#include "tee/snp/launch.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

/* What a host must have before it can start a machine under SEV-SNP. */
enum { CPUINFO = 64 * 1024, DEFAULT_MIB = 1024, KERNEL_MIB = 256 };
static const uint64_t mib = 1024 * 1024;

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

/* The initrd is there twice while the kernel unpacks it. */
uint64_t
snp_memory_mib(const struct tee_launch_request *q)
{
    uint64_t least = (q->image_size + mib - 1) / mib * 2 + KERNEL_MIB;

    if (q->memory_mib != 0)
        return q->memory_mib;
    return least < DEFAULT_MIB ? DEFAULT_MIB : least;
}

/* A word of the "flags" line. */
static bool
has_cpu_flag(const struct tee_host *host, const char *flag)
{
    char *text = malloc(CPUINFO);
    bool found = false;

    if (text == NULL || !host_text(host, "/proc/cpuinfo", text, CPUINFO)) {
        free(text);
        return false;
    }
    char *line = strstr(text, "\nflags");
    if (line != NULL)
        line[1 + strcspn(line + 1, "\n")] = '\0';
    for (char *at = line; at != NULL && !found; at = strchr(at + 1, ' ')) {
        size_t n = strlen(flag);

        found = strncmp(at + 1, flag, n) == 0 && (at[1 + n] == ' ' || at[1 + n] == 0);
    }
    free(text);
    return found;
}

static void
add_processor(struct host_facts *f, const struct snp_host *host)
{
    bool flag = has_cpu_flag(&host->at, "sev_snp");

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

/* "QEMU emulator version 9.1.0 (Debian …)" */
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
    bool told = host_version(program, line) &&
                sscanf(line, "QEMU emulator version %4u.%4u", &major, &minor) == 2;
    bool good = told && (plain || major > SNP_QEMU_MAJOR ||
                            (major == SNP_QEMU_MAJOR && minor >= SNP_QEMU_MINOR));
    host_fact(f, good, "QEMU", fix, "%s, %s", program,
        told ? line : "which does not tell its version");
}

/* ---- the image ---- */

static size_t
read_part(const struct tee_launch_request *q, const char *name, bool tail, uint8_t *buf,
    size_t cap)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", q->image, name);
    FILE *f = n > 0 && n < (int)sizeof(path) ? fopen(path, "re") : NULL;

    if (f == NULL)
        return 0;
    if (tail)
        (void)fseek(f, -(long)cap, SEEK_END);
    size_t got = fread(buf, 1, cap, f);
    (void)fclose(f);
    return got;
}

static void
add_image(struct host_facts *f, const struct tee_launch_request *q)
{
    uint8_t head[64];
    size_t n = read_part(q, "image.kernel", false, head, sizeof(head));
    bool real = n > 0 && !placeholder_recognise(BYTES(head, n));

    host_fact(f, real, "kernel of the image",
        "Name one in the recipe ('snp.kernel') or with --kernel, and build again.",
        "%s",
        n == 0 ? "no image.kernel in the directory"
        : real ? "image.kernel"
               : "a placeholder: this image runs in the simulator only");
    if (q->insecure_plain_vm)
        return;
    n = read_part(q, "image.firmware", false, head, sizeof(head));
    real = n > 0 && !placeholder_recognise(BYTES(head, n));
    host_fact(f, real, "firmware of the image",
        "Name OVMF for SEV-SNP in the recipe ('snp.firmware') or with --firmware, and "
        "build again.",
        "%s",
        n == 0 ? "no image.firmware in the directory"
        : real ? "image.firmware"
               : "a placeholder: this image runs in the simulator only");
}

/* "MemAvailable:   16331720 kB" */
static void
add_memory(struct host_facts *f, const struct snp_host *host,
    const struct tee_launch_request *q)
{
    uint64_t kib = host_number(&host->at, "/proc/meminfo", "MemAvailable:");
    uint64_t want = snp_memory_mib(q);
    uint64_t least = (q->image_size + mib - 1) / mib * 2 + KERNEL_MIB;
    uint64_t have = kib == UINT64_MAX ? 0 : kib / 1024;

    host_fact(f, have >= want, "free memory",
        "Give --memory less, or end something else.",
        "needs %llu MiB, available are %llu MiB", (unsigned long long)want,
        (unsigned long long)have);
    /* Only the host is looked at: there is no image whose need could be met. */
    if (q->image != NULL)
        host_fact(f, want >= least, "memory for this image",
            "Give --memory twice the size of the image and 256 MiB for the kernel.",
            "the image needs %llu MiB, asked are %llu MiB", (unsigned long long)least,
            (unsigned long long)want);
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
        add_image(&f, q);
    add_memory(&f, host, q);
    return host_facts_end(&f,
        q->insecure_plain_vm ? "a plain virtual machine" : "a machine under SEV-SNP",
        ret, ret_count, e);
}
