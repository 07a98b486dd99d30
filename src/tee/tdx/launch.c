/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tdx/launch.h"

#include <stdio.h>

/*
 * QEMU's command line. The host builds the TD and QEMU patches the kernel's header: the
 * registers tell whether both did what we say here. Memory is said because the patch
 * depends on it.
 */

/* hw/i386/pc_q35.c: all that the patched kernel knows of the memory. */
static uint64_t
low_mib(uint64_t mib)
{
    return mib >= 2816 ? 2048 : mib;
}

enum selfsame_code
tdx_choose_memory(
    const struct tee_launch_request *q, uint64_t *ret_mib, struct selfsame_err *e)
{
    for (size_t i = 0; i < q->shape_count; i++) {
        const struct tee_shape *s = &q->shapes[i];

        if (strcmp(s->vmm, "qemu") == 0 &&
            (q->memory_mib == 0 || low_mib(q->memory_mib) == low_mib(s->memory_mib))) {
            *ret_mib = q->memory_mib != 0 ? q->memory_mib : s->memory_mib;
            return SELFSAME_OK;
        }
    }
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "the image was not measured for QEMU with %llu MiB of memory",
        (unsigned long long)q->memory_mib);
    err_remedy(e, "Take a memory_mib that measurements.json lists (2048 stands for "
                  "everything from 2816 on), or add it to the recipe ('tdx.shapes') "
                  "and build again.");
    return SELFSAME_USAGE;
}

static enum selfsame_code
check_request(const struct tee_launch_request *q, struct selfsame_err *e)
{
    if (q->id_block.len != 0 || q->id_auth.len != 0)
        FAIL(e, SELFSAME_USAGE, "ID blocks are of SEV-SNP: TDX has none");
    if (q->cpu != NULL && !q->insecure_plain_vm)
        FAIL(e, SELFSAME_USAGE, "--cpu: a TD has the processor of its host");
    for (int i = 0; i < TEE_OWN_IDS; i++)
        if (q->own_id[i].len != 0 && q->own_id[i].len != TDX_ID)
            FAIL(e, SELFSAME_USAGE, "%s: expected %d bytes, got %zu",
                tee_own_id_names[i], (int)TDX_ID, q->own_id[i].len);
    return SELFSAME_OK;
}

/* ,"mrconfigid":"<base64>" for what is set. */
static void
put_ids(const struct tee_launch_request *q, char *text, size_t cap)
{
    static const char *const names[TEE_OWN_IDS] = { "mrconfigid", "mrowner",
        "mrownerconfig" };
    size_t n = 0;

    text[0] = '\0';
    for (int i = 0; i < TEE_OWN_IDS; i++) {
        char b64[BASE64_SIZE(TDX_ID)];

        if (q->own_id[i].len != TDX_ID || n >= cap)
            continue;
        (void)base64_encode(q->own_id[i], false, b64);
        n += (size_t)snprintf(text + n, cap - n, ",\"%s\":\"%s\"", names[i], b64);
    }
}

/* The guest asks QEMU for a quote, QEMU asks the service. */
static void
add_guest(struct qemu_line *l, const struct tdx_host *host,
    const struct tee_launch_request *q)
{
    const bool file = host_exists(&host->at, TDX_QGS_SOCKET);
    const unsigned long long sept_ve = 1ULL << 28, debug = 1;
    char ids[512], socket[160];

    put_ids(q, ids, sizeof(ids));
    if (file)
        (void)snprintf(socket, sizeof(socket), "{\"type\":\"unix\",\"path\":\"%s\"}",
            TDX_QGS_SOCKET);
    else
        (void)snprintf(socket, sizeof(socket),
            "{\"type\":\"vsock\",\"cid\":\"2\",\"port\":\"%d\"}", (int)TDX_QGS_PORT);
    qemu_option(l, "-object",
        "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx0\",\"attributes\":%llu,"
        "\"quote-generation-socket\":%s%s}",
        sept_ve | (q->insecure_debug ? debug : 0), socket, ids);
}

static void
add_confidential(struct qemu_line *l, const struct tdx_host *host,
    const struct tee_launch_request *q, uint64_t mib)
{
    const unsigned cpus = q->cpus != 0 ? q->cpus : 1;

    qemu_option(l, "-machine",
        "q35,accel=kvm,kernel-irqchip=split,confidential-guest-support=tdx0,"
        "memory-backend=ram0");
    qemu_option(l, "-cpu", "host");
    qemu_option(l, "-smp", "%u,maxcpus=%u", cpus, cpus);
    qemu_option(l, "-object", "memory-backend-memfd,id=ram0,size=%lluM,share=true",
        (unsigned long long)mib);
    add_guest(l, host, q);
    qemu_option(l, "-bios", "%s/tdx.firmware", q->image);
}

enum selfsame_code
tdx_host_launch(const struct tdx_host *host, const struct tee_launch_request *q,
    struct selfsame_err *e)
{
    uint64_t mib = qemu_memory_mib(q);

    TRY(check_request(q, e));
    if (!q->insecure_plain_vm)
        TRY(tdx_choose_memory(q, &mib, e));
    auto_qemu l = qemu_begin(mib);
    if (q->insecure_plain_vm)
        qemu_plain(&l, &host->at, q);
    else
        add_confidential(&l, host, q, mib);
    TRY(qemu_files(&l, q, "tdx", e));
    qemu_network(&l, q);
    return qemu_run(&l, &host->at, e);
}

static enum selfsame_code
available(const struct tee_launch_request *q, struct arena *arena,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct tdx_host host = tdx_this_host();

    return tdx_host_facts(&host, q, arena, ret, ret_count, e);
}

static enum selfsame_code
launch(const struct tee_launch_request *q, struct selfsame_err *e)
{
    struct tdx_host host = tdx_this_host();

    return tdx_host_launch(&host, q, e);
}

const struct tee_launcher tdx_launcher = {
    .name = "tdx",
    .files = "tdx",
    .plain_vm = true,
    .available = available,
    .launch = launch,
};
