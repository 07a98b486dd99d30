/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/qemu.h"

#include <stdarg.h>
#include <stdio.h>

enum { APPEND_MAX = 4096 };

void
qemu_line_free(struct qemu_line *l)
{
    arena_free(&l->arena);
}

static void
add(struct qemu_line *l, char *word)
{
    l->bad |= word == NULL || l->count == QEMU_WORDS;
    if (!l->bad)
        l->argv[l->count++] = word;
}

void
qemu_option(struct qemu_line *l, const char *name, const char *fmt, ...)
{
    char text[8192];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    l->bad |= n < 0 || n >= (int)sizeof(text);
    add(l, arena_str(&l->arena, bytes_str(name)));
    if (n > 0)
        add(l, arena_str(&l->arena, bytes_str(text)));
}

void
qemu_flag(struct qemu_line *l, const char *name)
{
    add(l, arena_str(&l->arena, bytes_str(name)));
}

struct qemu_line
qemu_begin(uint64_t memory_mib)
{
    struct qemu_line l = { .arena = arena_new(1 << 18) };

    qemu_flag(&l, "qemu-system-x86_64"); /* its own name; qemu_run puts the path */
    qemu_flag(&l, "-nodefaults");
    qemu_flag(&l, "-no-user-config");
    qemu_flag(&l, "-no-reboot");
    qemu_option(&l, "-display", "none");
    qemu_option(&l, "-monitor", "none");
    qemu_option(&l, "-serial", "stdio");
    qemu_option(&l, "-m", "%llu", (unsigned long long)memory_mib);
    return l;
}

enum selfsame_code
qemu_files(struct qemu_line *l, const struct tee_launch_request *q, const char *files,
    struct selfsame_err *e)
{
    char text[APPEND_MAX + 1], path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s.cmdline", q->image, files);
    FILE *f = n > 0 && n < (int)sizeof(path) ? fopen(path, "re") : NULL;

    if (f == NULL)
        FAIL(e, SELFSAME_IO, "cannot open %s/%s.cmdline", q->image, files);
    size_t len = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    text[len] = '\0';
    if (len == 0 || len == APPEND_MAX || strlen(text) != len)
        FAIL(e, SELFSAME_MALFORMED,
            "%s.cmdline: expected a line of 1 to %d bytes, got %zu bytes", files,
            (int)APPEND_MAX - 1, len);
    qemu_option(l, "-kernel", "%s/%s.kernel", q->image, files);
    qemu_option(l, "-initrd", "%s/%s.initrd", q->image, files);
    qemu_option(l, "-append", "%s", text);
    return SELFSAME_OK;
}

/* The host sees what the device sees: under a TEE through pages that both share. */
void
qemu_network(struct qemu_line *l, const struct tee_launch_request *q)
{
    char text[4096] = "user,id=net0";
    size_t n = strlen(text);

    for (size_t i = 0; i < q->port_count && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",hostfwd=tcp:%s:%u-:%u",
            q->ports[i].address, (unsigned)q->ports[i].host,
            (unsigned)q->ports[i].guest);
    l->bad |= n >= sizeof(text);
    qemu_option(l, "-netdev", "%s", text);
    qemu_option(l, "-device", "virtio-net-pci,netdev=net0,romfile=,disable-legacy=on%s",
        q->insecure_plain_vm ? "" : ",iommu_platform=on");
}

/* Any processor does: what is measured nowhere need not be the one that was measured. */
void
qemu_plain(struct qemu_line *l, const struct tee_host *host,
    const struct tee_launch_request *q)
{
    bool kvm = !q->emulated && host_exists(host, "/dev/kvm");

    qemu_option(l, "-machine", "q35,accel=%s", kvm ? "kvm:tcg" : "tcg");
    qemu_option(l, "-cpu", "%s", q->cpu != NULL ? q->cpu : "max");
    qemu_option(l, "-smp", "%u", q->cpus != 0 ? q->cpus : 1);
}

enum selfsame_code
qemu_run(struct qemu_line *l, const struct tee_host *host, struct selfsame_err *e)
{
    char program[HOST_LINE];

    if (!host_program(host, l->argv[0], program))
        FAIL(e, SELFSAME_IO, "expected qemu-system-x86_64 in PATH, got none");
    if (l->bad)
        FAIL(e, SELFSAME_USAGE, "the machine's description is too long for QEMU");
    l->argv[0] = program;
    return host_run(program, l->argv, "", e);
}
