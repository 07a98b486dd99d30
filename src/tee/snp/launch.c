/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/launch.h"
#include "tee/snp/id_block.h"

#include <stdio.h>

/*
 * QEMU's command line, word by word. Under SEV-SNP the host builds the first memory
 * of the machine, and the measurement tells whether it built what we say here; so
 * everything that is measured (processors, their type, the files) is said, and the
 * machine gets nothing that was not asked for (-nodefaults).
 */
static const uint64_t usual_policy = UINT64_C(1) << SNP_POLICY_SMT |
                                     UINT64_C(1) << SNP_POLICY_ONE;

/* ---- what was measured ---- */

enum selfsame_code
snp_choose_shape(
    const struct tee_launch_request *q, struct tee_shape *ret, struct selfsame_err *e)
{
    for (size_t i = 0; i < q->shape_count; i++) {
        const struct tee_shape *s = &q->shapes[i];

        if (strcmp(s->vmm, "qemu") == 0 && (q->cpus == 0 || q->cpus == s->vcpus) &&
            (q->cpu == NULL || strcmp(q->cpu, s->cpu) == 0)) {
            *ret = *s;
            return SELFSAME_OK;
        }
    }
    (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
        "the image was not measured for QEMU with %u processors of type %s", q->cpus,
        q->cpu != NULL ? q->cpu : "any");
    err_remedy(e, "Take a shape that measurements.json lists, or add it to the recipe "
                  "('snp.shapes') and build again.");
    return SELFSAME_USAGE;
}

/* With an ID block the guest's policy is the one its author signed. */
struct identity {
    uint64_t policy;
    bool has_author;
};

static enum selfsame_code
read_id_block(const struct tee_launch_request *q, const struct tee_shape *shape,
    struct identity *ret, struct selfsame_err *e)
{
    const uint64_t debug = UINT64_C(1) << SNP_POLICY_DEBUG;
    struct snp_id_block block;
    struct snp_id_auth auth;

    TRY(snp_id_block_parse(q->id_block, &block, e));
    TRY(snp_id_auth_parse(q->id_auth, &auth, e));
    TRY(snp_id_check(&block, &auth, e));
    if (shape->measurement.ptr != NULL &&
        !bytes_eq(shape->measurement, block.measurement))
        FAIL(e, SELFSAME_MISMATCH,
            "ID block: expected the launch digest of %u processors of type %s, got "
            "another: the firmware would refuse to start",
            shape->vcpus, shape->cpu);
    if (q->insecure_debug != ((block.policy & debug) != 0))
        FAIL(e, SELFSAME_USAGE,
            "the policy of the ID block %s debugging, and --insecure-debug is %s",
            (block.policy & debug) != 0 ? "allows" : "forbids",
            q->insecure_debug ? "given" : "not given");
    *ret = (struct identity){ .policy = block.policy, .has_author = auth.has_author };
    return SELFSAME_OK;
}

static enum selfsame_code
choose_identity(const struct tee_launch_request *q, const struct tee_shape *shape,
    struct identity *ret, struct selfsame_err *e)
{
    const uint64_t debug = UINT64_C(1) << SNP_POLICY_DEBUG;

    if ((q->id_block.len == 0) != (q->id_auth.len == 0))
        FAIL(e, SELFSAME_USAGE,
            "expected an ID block together with its authentication, got one of them");
    if (q->id_block.len != 0)
        return read_id_block(q, shape, ret, e);
    ret->policy = usual_policy | (q->insecure_debug ? debug : 0);
    return SELFSAME_OK;
}

/* ---- the words ---- */

static void
add_guest(struct qemu_line *l, const struct snp_host *host,
    const struct tee_launch_request *q, const struct identity *id)
{
    char block[BASE64_SIZE(SNP_ID_BLOCK_SIZE)], auth[BASE64_SIZE(SNP_ID_AUTH_SIZE)];
    const char *author = id->has_author ? ",author-key-enabled=on" : "";

    if (q->id_block.len == 0) {
        qemu_option(l, "-object",
            "sev-snp-guest,id=sev0,cbitpos=%u,reduced-phys-bits=%u,policy=0x%llx,"
            "kernel-hashes=on",
            host->cbitpos, host->phys_bits_less, (unsigned long long)id->policy);
        return;
    }
    (void)base64_encode(q->id_block, false, block);
    (void)base64_encode(q->id_auth, false, auth);
    qemu_option(l, "-object",
        "sev-snp-guest,id=sev0,cbitpos=%u,reduced-phys-bits=%u,policy=0x%llx,"
        "kernel-hashes=on,id-block=%s,id-auth=%s%s",
        host->cbitpos, host->phys_bits_less, (unsigned long long)id->policy, block,
        auth, author);
}

static enum selfsame_code
add_confidential(struct qemu_line *l, const struct snp_host *host,
    const struct tee_launch_request *q, struct selfsame_err *e)
{
    struct tee_shape shape = { 0 };
    struct identity id = { 0 };

    TRY(snp_choose_shape(q, &shape, e));
    TRY(choose_identity(q, &shape, &id, e));
    qemu_option(l, "-machine",
        "q35,accel=kvm,confidential-guest-support=sev0,memory-backend=ram0");
    qemu_option(l, "-cpu", "%s", shape.cpu);
    qemu_option(l, "-smp", "%u,maxcpus=%u", shape.vcpus, shape.vcpus);
    qemu_option(l, "-object", "memory-backend-memfd,id=ram0,size=%lluM,share=true",
        (unsigned long long)qemu_memory_mib(q));
    add_guest(l, host, q, &id);
    qemu_option(l, "-bios", "%s/image.firmware", q->image);
    return SELFSAME_OK;
}

enum selfsame_code
snp_host_launch(const struct snp_host *host, const struct tee_launch_request *q,
    struct selfsame_err *e)
{
    auto_qemu l = qemu_begin(qemu_memory_mib(q));

    if (q->insecure_plain_vm)
        qemu_plain(&l, &host->at, q);
    else
        TRY(add_confidential(&l, host, q, e));
    TRY(qemu_files(&l, q, "image", e));
    qemu_network(&l, q);
    return qemu_run(&l, &host->at, e);
}

static enum selfsame_code
available(const struct tee_launch_request *q, struct arena *arena,
    struct tee_host_fact **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct snp_host host = snp_this_host();

    return snp_host_facts(&host, q, arena, ret, ret_count, e);
}

static enum selfsame_code
launch(const struct tee_launch_request *q, struct selfsame_err *e)
{
    struct snp_host host = snp_this_host();

    return snp_host_launch(&host, q, e);
}

const struct tee_launcher snp_launcher = {
    .name = "snp",
    .files = "image",
    .plain_vm = true,
    .available = available,
    .launch = launch,
};
