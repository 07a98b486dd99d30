/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/nitro.h"

#include <stdio.h>

/* Nitro needs an AWS instance with enclaves enabled. */
enum { EIF_FACTOR = 4 };
static const uint64_t mib = 1024 * 1024;

static uint64_t
memory_needed(const struct tee_launch_request *q)
{
    uint64_t least = (q->image_size + mib - 1) / mib * EIF_FACTOR;

    if (q->memory_mib != 0)
        return q->memory_mib;
    return least < 128 ? 128 : least;
}

/* "memory_mib: 512" and "cpu_count: 2" are what the allocator reserves. */
static void
add_allocator(struct host_facts *f, const struct tee_host *host,
    const struct tee_launch_request *q)
{
    static const char conf[] = "/etc/nitro_enclaves/allocator.yaml";
    uint64_t memory = host_number(host, conf, "memory_mib:");
    uint64_t cpus = host_number(host, conf, "cpu_count:");
    uint64_t want = memory_needed(q);
    unsigned want_cpus = q->cpus != 0 ? q->cpus : 2;

    if (memory == UINT64_MAX || cpus == UINT64_MAX)
        host_fact(f, false, "memory and CPUs reserved for enclaves",
            "Install aws-nitro-enclaves-cli, which brings "
            "/etc/nitro_enclaves/allocator.yaml.",
            "no memory_mib and cpu_count in %s", conf);
    else
        host_fact(f, memory >= want && cpus >= want_cpus,
            "memory and CPUs reserved for enclaves",
            "Raise memory_mib and cpu_count in /etc/nitro_enclaves/allocator.yaml, "
            "then "
            "restart nitro-enclaves-allocator.service.",
            "needs %llu MiB and %u CPUs, reserved are %llu MiB and %llu CPUs",
            (unsigned long long)want, want_cpus, (unsigned long long)memory,
            (unsigned long long)cpus);
}

/* The allocator service hands CPUs to the driver; what it did is seen there. */
static void
add_service(struct host_facts *f, const struct tee_host *host)
{
    static const char path[] = "/sys/module/nitro_enclaves/parameters/ne_cpus";
    bool ok = host_number(host, path, "") != UINT64_MAX;

    host_fact(f, ok, "allocator service active",
        "Run: systemctl enable --now nitro-enclaves-allocator.service", "%s",
        ok ? "CPUs are given to the driver" : "no CPUs in the driver's ne_cpus");
}

/* Enclave memory comes from free huge pages, of 2 MiB or 1 GiB. */
static void
add_hugepages(struct host_facts *f, const struct tee_host *host,
    const struct tee_launch_request *q)
{
    static const struct {
        const char *path;
        uint64_t size_mib;
    } pools[] = {
        { "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", 2 },
        { "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", 1024 },
    };
    uint64_t found = 0, want = memory_needed(q);

    for (size_t i = 0; i < COUNT(pools); i++) {
        uint64_t n = host_number(host, pools[i].path, "");

        if (n != UINT64_MAX && n < UINT32_MAX)
            found += n * pools[i].size_mib;
    }
    host_fact(f, found >= want, "free huge pages",
        "Let the allocator reserve them (allocator.yaml) soon after boot, before "
        "memory "
        "is fragmented.",
        "needs %llu MiB, free are %llu MiB", (unsigned long long)want,
        (unsigned long long)found);
}

/* nitro-cli refuses less than four times the image (aws-nitro-enclaves-cli src/lib.rs). */
static void
add_memory(struct host_facts *f, const struct tee_launch_request *q)
{
    uint64_t least = (q->image_size + mib - 1) / mib * EIF_FACTOR;

    /* Only the host is looked at: there is no image whose need could be met. */
    if (q->image_size == 0)
        return;
    host_fact(f, memory_needed(q) >= least, "enclave memory for this image",
        "Give --memory at least four times the size of the image.",
        "the image needs %llu MiB, asked are %llu MiB", (unsigned long long)least,
        (unsigned long long)memory_needed(q));
}

enum selfsame_code
nitro_host_facts(const struct tee_host *host, const struct tee_launch_request *q,
    struct arena *arena, struct tee_host_fact **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    struct host_facts f;
    char cli[HOST_LINE];

    TRY(host_facts_begin(&f, arena, e));
    bool device = host_exists(host, "/dev/nitro_enclaves");
    host_fact(&f, device, "Nitro Enclaves device",
        "Use an EC2 instance started with --enclave-options Enabled=true, and load the "
        "nitro_enclaves module.",
        "%s", device ? "/dev/nitro_enclaves" : "no /dev/nitro_enclaves on this host");
    bool tool = host_program(host, "nitro-cli", cli);
    host_fact(&f, tool, "nitro-cli", "Install aws-nitro-enclaves-cli.", "%s",
        tool ? cli : "no nitro-cli in PATH");
    add_allocator(&f, host, q);
    add_service(&f, host);
    add_hugepages(&f, host, q);
    add_memory(&f, q);
    return host_facts_end(&f, "a Nitro enclave", ret, ret_count, e);
}

enum selfsame_code
nitro_host_launch(const struct tee_host *host, const struct tee_launch_request *q,
    struct selfsame_err *e)
{
    char cli[HOST_LINE], memory[32], cpus[32], cid[32], image[4096];
    char command[] = "run-enclave", f_path[] = "--eif-path", f_memory[] = "--memory",
         f_cpus[] = "--cpu-count", f_cid[] = "--enclave-cid",
         f_debug[] = "--debug-mode";
    char *argv[12];
    size_t n = 0;

    if (!host_program(host, "nitro-cli", cli))
        FAIL(e, SELFSAME_IO, "expected nitro-cli in PATH, got none");
    if ((size_t)snprintf(image, sizeof(image), "%s", q->image) >= sizeof(image))
        FAIL(e, SELFSAME_USAGE, "image: the path is too long");
    (void)snprintf(
        memory, sizeof(memory), "%llu", (unsigned long long)memory_needed(q));
    (void)snprintf(cpus, sizeof(cpus), "%u", q->cpus != 0 ? q->cpus : 2);
    (void)snprintf(cid, sizeof(cid), "%u", q->cid);
    argv[n++] = cli;
    argv[n++] = command;
    argv[n++] = f_path;
    argv[n++] = image;
    argv[n++] = f_memory;
    argv[n++] = memory;
    argv[n++] = f_cpus;
    argv[n++] = cpus;
    if (q->cid != 0) {
        argv[n++] = f_cid;
        argv[n++] = cid;
    }
    if (q->insecure_debug)
        argv[n++] = f_debug;
    argv[n] = NULL;
    return host_run(cli, argv, " run-enclave", e);
}

static enum selfsame_code
available(const struct tee_launch_request *q, struct arena *arena,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct tee_host host = tee_this_host();

    return nitro_host_facts(&host, q, arena, ret, ret_count, e);
}

static enum selfsame_code
launch(const struct tee_launch_request *q, struct selfsame_err *e)
{
    struct tee_host host = tee_this_host();

    return nitro_host_launch(&host, q, e);
}

const struct tee_launcher nitro_launcher = {
    .name = "nitro",
    .available = available,
    .launch = launch,
};
