/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/nitro.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Nitro needs an AWS instance with enclaves enabled. Each fact is looked up in a
 * file below host->root, so that a test can lay out a host of its own.
 */
enum { FACTS = 6, LINE = 512, EIF_FACTOR = 4 };
static const uint64_t mib = 1024 * 1024;

struct facts {
    struct arena *arena;
    struct tee_host_fact *list;
    size_t count;
    bool nomem;
};

SELFSAME_PRINTF(5, 6)
static void
add(struct facts *f, bool ok, const char *what, const char *fix, const char *fmt, ...)
{
    char found[LINE];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(found, sizeof(found), fmt, ap);
    va_end(ap);
    char *copy = arena_str(f->arena, bytes_str(found));
    if (copy == NULL || f->count == FACTS) {
        f->nomem = true;
        return;
    }
    f->list[f->count++] = (struct tee_host_fact){
        .ok = ok, .what = what, .found = copy, .fix = fix
    };
}

static bool
below(const struct nitro_host *host, const char *path, char ret[static LINE])
{
    int n = snprintf(ret, LINE, "%s%s", host->root, path);

    return n > 0 && n < LINE;
}

static bool
exists(const struct nitro_host *host, const char *path)
{
    char full[LINE];
    struct stat st;

    return below(host, path, full) && stat(full, &st) == 0;
}

/* The number behind `key` at the start of a line; UINT64_MAX when there is none. */
static uint64_t
number_in(const struct nitro_host *host, const char *path, const char *key)
{
    char full[LINE], line[LINE];
    uint64_t value = UINT64_MAX;

    if (!below(host, path, full))
        return value;
    FILE *f = fopen(full, "re");
    if (f == NULL)
        return value;
    while (value == UINT64_MAX && fgets(line, sizeof(line), f) != NULL) {
        char *end;

        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        errno = 0;
        unsigned long long n = strtoull(line + strlen(key), &end, 10);
        if (end != line + strlen(key) && errno == 0)
            value = n;
    }
    (void)fclose(f);
    return value;
}

/* nitro-cli in host->path; the first executable one. */
static bool
find_cli(const struct nitro_host *host, char ret[static LINE])
{
    const char *p = host->path;

    while (p != NULL && *p != '\0') {
        size_t n = strcspn(p, ":");
        int len = snprintf(ret, LINE, "%.*s/nitro-cli", (int)n, p);

        if (len > 0 && len < LINE && n > 0 && access(ret, X_OK) == 0)
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

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
add_allocator(
    struct facts *f, const struct nitro_host *host, const struct tee_launch_request *q)
{
    static const char conf[] = "/etc/nitro_enclaves/allocator.yaml";
    uint64_t memory = number_in(host, conf, "memory_mib:");
    uint64_t cpus = number_in(host, conf, "cpu_count:");
    uint64_t want = memory_needed(q);
    unsigned want_cpus = q->cpus != 0 ? q->cpus : 2;

    if (memory == UINT64_MAX || cpus == UINT64_MAX)
        add(f, false, "memory and CPUs reserved for enclaves",
            "Install aws-nitro-enclaves-cli, which brings "
            "/etc/nitro_enclaves/allocator.yaml.",
            "no memory_mib and cpu_count in %s", conf);
    else
        add(f, memory >= want && cpus >= want_cpus,
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
add_service(struct facts *f, const struct nitro_host *host)
{
    static const char path[] = "/sys/module/nitro_enclaves/parameters/ne_cpus";
    bool ok = number_in(host, path, "") != UINT64_MAX;

    add(f, ok, "allocator service active",
        "Run: systemctl enable --now nitro-enclaves-allocator.service", "%s",
        ok ? "CPUs are given to the driver" : "no CPUs in the driver's ne_cpus");
}

/* Enclave memory comes from free huge pages, of 2 MiB or 1 GiB. */
static void
add_hugepages(
    struct facts *f, const struct nitro_host *host, const struct tee_launch_request *q)
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
        uint64_t n = number_in(host, pools[i].path, "");

        if (n != UINT64_MAX && n < UINT32_MAX)
            found += n * pools[i].size_mib;
    }
    add(f, found >= want, "free huge pages",
        "Let the allocator reserve them (allocator.yaml) soon after boot, before "
        "memory "
        "is fragmented.",
        "needs %llu MiB, free are %llu MiB", (unsigned long long)want,
        (unsigned long long)found);
}

/* nitro-cli refuses less than four times the image (aws-nitro-enclaves-cli src/lib.rs). */
static void
add_memory(struct facts *f, const struct tee_launch_request *q)
{
    uint64_t least = (q->image_size + mib - 1) / mib * EIF_FACTOR;

    /* Only the host is looked at: there is no image whose need could be met. */
    if (q->image_size == 0)
        return;
    add(f, memory_needed(q) >= least, "enclave memory for this image",
        "Give --memory at least four times the size of the image.",
        "the image needs %llu MiB, asked are %llu MiB", (unsigned long long)least,
        (unsigned long long)memory_needed(q));
}

enum selfsame_code
nitro_host_facts(const struct nitro_host *host, const struct tee_launch_request *q,
    struct arena *arena, struct tee_host_fact **ret, size_t *ret_count,
    struct selfsame_err *e)
{
    struct facts f = { .arena = arena,
        .list = ARENA_NEW(arena, struct tee_host_fact, FACTS) };
    char cli[LINE];

    if (f.list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    bool device = exists(host, "/dev/nitro_enclaves");
    add(&f, device, "Nitro Enclaves device",
        "Use an EC2 instance started with --enclave-options Enabled=true, and load the "
        "nitro_enclaves module.",
        "%s", device ? "/dev/nitro_enclaves" : "no /dev/nitro_enclaves on this host");
    bool tool = find_cli(host, cli);
    add(&f, tool, "nitro-cli", "Install aws-nitro-enclaves-cli.", "%s",
        tool ? cli : "no nitro-cli in PATH");
    add_allocator(&f, host, q);
    add_service(&f, host);
    add_hugepages(&f, host, q);
    add_memory(&f, q);
    if (f.nomem)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret = f.list;
    *ret_count = f.count;
    for (size_t i = 0; i < f.count; i++)
        if (!f.list[i].ok) {
            (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
                "cannot start a Nitro enclave here: %s: %s", f.list[i].what,
                f.list[i].found);
            err_remedy(e, f.list[i].fix);
            return SELFSAME_IO;
        }
    return SELFSAME_OK;
}

/* Runs in the child: replaces it, or ends it with what a shell would say. */
static void
exec_cli(const char *cli, char *const argv[])
{
    (void)execv(cli, argv);
    _exit(127);
}

static enum selfsame_code
run_cli(const char *cli, char *const argv[], struct selfsame_err *e)
{
    int status = 0;
    pid_t pid = fork();

    if (pid < 0)
        FAIL(e, SELFSAME_IO, "cannot start %s: %s", cli, strerror(errno));
    if (pid == 0)
        exec_cli(cli, argv);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            FAIL(e, SELFSAME_IO, "cannot wait for %s: %s", cli, strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL(e, SELFSAME_IO, "%s run-enclave: expected status 0, got %d", cli,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return SELFSAME_OK;
}

enum selfsame_code
nitro_host_launch(const struct nitro_host *host, const struct tee_launch_request *q,
    struct selfsame_err *e)
{
    char cli[LINE], memory[32], cpus[32], cid[32], image[4096];
    char command[] = "run-enclave", f_path[] = "--eif-path", f_memory[] = "--memory",
         f_cpus[] = "--cpu-count", f_cid[] = "--enclave-cid",
         f_debug[] = "--debug-mode";
    char *argv[12];
    size_t n = 0;

    if (!find_cli(host, cli))
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
    return run_cli(cli, argv, e);
}

static struct nitro_host
this_host(void)
{
    return (struct nitro_host){ .root = "", .path = getenv("PATH") };
}

static enum selfsame_code
available(const struct tee_launch_request *q, struct arena *arena,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct nitro_host host = this_host();

    return nitro_host_facts(&host, q, arena, ret, ret_count, e);
}

static enum selfsame_code
launch(const struct tee_launch_request *q, struct selfsame_err *e)
{
    struct nitro_host host = this_host();

    return nitro_host_launch(&host, q, e);
}

const struct tee_launcher nitro_launcher = {
    .name = "nitro",
    .available = available,
    .launch = launch,
};
