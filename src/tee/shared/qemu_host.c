/* SPDX-License-Identifier: Apache-2.0 */
#include "image/placeholder.h"
#include "tee/shared/qemu.h"

#include <stdio.h>
#include <stdlib.h>

enum { CPUINFO = 64 * 1024, DEFAULT_MIB = 1024, KERNEL_MIB = 256 };
static const uint64_t mib = 1024 * 1024;

/* The initrd is there twice while the kernel unpacks it. */
uint64_t
qemu_memory_mib(const struct tee_launch_request *q)
{
    uint64_t least = (q->image_size + mib - 1) / mib * 2 + KERNEL_MIB;

    if (q->memory_mib != 0)
        return q->memory_mib;
    return least < DEFAULT_MIB ? DEFAULT_MIB : least;
}

/* A word of the "flags" line. */
bool
qemu_has_cpu_flag(const struct tee_host *host, const char *flag)
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

/* "QEMU emulator version 9.1.0 (Debian …)" */
bool
qemu_version(const struct tee_host *host, char ret_program[static HOST_LINE],
    char ret_line[static HOST_LINE], unsigned *ret_major, unsigned *ret_minor)
{
    return host_program(host, "qemu-system-x86_64", ret_program) &&
           host_version(ret_program, ret_line) &&
           sscanf(ret_line, "QEMU emulator version %4u.%4u", ret_major, ret_minor) == 2;
}

/* ---- the image ---- */

static size_t
read_part(
    const struct tee_launch_request *q, const char *name, uint8_t *buf, size_t cap)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", q->image, name);
    FILE *f = n > 0 && n < (int)sizeof(path) ? fopen(path, "re") : NULL;

    if (f == NULL)
        return 0;
    size_t got = fread(buf, 1, cap, f);
    (void)fclose(f);
    return got;
}

void
qemu_image_facts(struct host_facts *f, const struct tee_launch_request *q,
    const char *files, const char *kernel_fix, const char *firmware_fix)
{
    static const char *const parts[] = { "kernel", "firmware" };
    static const char *const names[] = { "kernel of the image",
        "firmware of the image" };

    for (size_t i = 0; i < (q->insecure_plain_vm ? 1u : COUNT(parts)); i++) {
        uint8_t head[64];
        char path[64];

        (void)snprintf(path, sizeof(path), "%s.%s", files, parts[i]);
        size_t n = read_part(q, path, head, sizeof(head));
        bool real = n > 0 && !placeholder_recognise(BYTES(head, n));

        if (n == 0)
            host_fact(f, false, names[i], i == 0 ? kernel_fix : firmware_fix,
                "no %s in the directory", path);
        else
            host_fact(f, real, names[i], i == 0 ? kernel_fix : firmware_fix, "%s",
                real ? path : "a placeholder: this image runs in the simulator only");
    }
}

/* "MemAvailable:   16331720 kB" */
void
qemu_memory_facts(struct host_facts *f, const struct tee_host *host,
    const struct tee_launch_request *q, uint64_t want)
{
    uint64_t kib = host_number(host, "/proc/meminfo", "MemAvailable:");
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
