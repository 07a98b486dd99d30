/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/machine.h"

#include "cli/shapes.h"
#include "os/os.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PORTS = 32, SHAPES = 512 };

/* ---- the image: a file, or what the build wrote into a directory ---- */

static enum selfsame_code
add_size(struct cli *c, const struct tee_launcher *l, const char *name,
    struct tee_launch_request *q, struct selfsame_err *e)
{
    char *path = arena_printf(cli_arena(c), "%s/%s.%s", q->image, l->files, name);
    struct stat st;

    if (path == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    if (stat(path, &st) != 0)
        return file_error(e, "cannot open", path);
    q->image_size += (uint64_t)st.st_size;
    return SELFSAME_OK;
}

/* One of measurements.json's shapes, as far as it says what a launcher needs. */
static bool
read_shape(struct cli *c, const json_t *j, struct tee_shape *ret)
{
    const char *vmm = json_string_value(json_object_get(j, "vmm"));
    const char *cpu = json_string_value(json_object_get(j, "cpu"));
    json_int_t vcpus = json_integer_value(json_object_get(j, "vcpus"));
    json_int_t memory = json_integer_value(json_object_get(j, "memory_mib"));
    const bool processors = cpu != NULL && vcpus >= 1 && vcpus <= UINT16_MAX;

    if (vmm == NULL || (!processors && memory < 1))
        return false;
    ret->vmm = arena_str(cli_arena(c), bytes_str(vmm));
    ret->cpu = processors ? arena_str(cli_arena(c), bytes_str(cpu)) : NULL;
    ret->vcpus = processors ? (unsigned)vcpus : 0;
    ret->memory_mib = memory > 0 ? (uint64_t)memory : 0;
    const char *hex = json_string_value(json_object_get(j, "measurement"));
    uint8_t *digest = arena_alloc(cli_arena(c), 1, 64);
    if (hex != NULL && digest != NULL &&
        hex_decode(hex, strlen(hex), digest, 64, &ret->measurement.len))
        ret->measurement.ptr = digest;
    return ret->vmm != NULL && (ret->cpu != NULL || !processors);
}

static enum selfsame_code
read_shapes(struct cli *c, const char *tee, struct tee_launch_request *q,
    struct selfsame_err *e)
{
    struct tee_shape *list = ARENA_NEW(cli_arena(c), struct tee_shape, SHAPES);
    auto_json *rows = NULL;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "shapes");
    TRY(shapes_read(q->image, tee, cli_arena(c), &rows, e));
    for (size_t i = 0; i < json_array_size(rows) && i < SHAPES; i++)
        if (!read_shape(c, json_array_get(rows, i), &list[q->shape_count++]))
            FAIL(e, SELFSAME_MALFORMED,
                "%s/measurements.json: expected vmm, and cpu and vcpus or memory_mib, "
                "in "
                "shape %zu",
                q->image, i);
    q->shapes = list;
    return SELFSAME_OK;
}

static enum selfsame_code
look_at_image(struct cli *c, const struct tee_launcher *l, struct tee_launch_request *q,
    struct selfsame_err *e)
{
    const struct tee_measurer *m = tee_measurer_find(l->name);
    struct stat st;

    if (stat(q->image, &st) != 0)
        return file_error(e, "cannot open", q->image);
    if (m == NULL || m->parts == NULL) {
        if (S_ISDIR(st.st_mode))
            FAIL(e, SELFSAME_USAGE, "%s: expected an image file, got a directory",
                q->image);
        q->image_size = (uint64_t)st.st_size;
        return SELFSAME_OK;
    }
    if (!S_ISDIR(st.st_mode))
        FAIL(e, SELFSAME_USAGE,
            "%s: expected the directory that `selfsame build --tee %s` wrote", q->image,
            l->name);
    if (m->set == NULL) /* no shapes */
        return add_size(c, l, "rootfs", q, e);
    TRY(add_size(c, l, "kernel", q, e));
    TRY(add_size(c, l, "initrd", q, e));
    return read_shapes(c, l->name, q, e);
}

/* ---- options ---- */

/* HOST:GUEST or ADDRESS:HOST:GUEST; the address is one of IPv4, since QEMU's colons end it. */
static bool
parse_port(struct cli *c, const char *text, struct tee_port *ret)
{
    const char *last = strrchr(text, ':'), *first = strchr(text, ':');
    const char *host = first == last ? text : first + 1;
    char *end;
    struct in_addr ignored;

    if (last == NULL)
        return false;
    ret->address = first == last ? "127.0.0.1"
                                 : arena_str(cli_arena(c), BYTES((const uint8_t *)text,
                                                               (size_t)(first - text)));
    if (ret->address == NULL || inet_pton(AF_INET, ret->address, &ignored) != 1)
        return false;
    unsigned long h = strtoul(host, &end, 10);
    if (end != last || host[0] < '0' || host[0] > '9' || h < 1 || h > 65535)
        return false;
    unsigned long g = strtoul(last + 1, &end, 10);
    if (*end != '\0' || last[1] < '0' || last[1] > '9' || g < 1 || g > 65535)
        return false;
    ret->host = (uint16_t)h;
    ret->guest = (uint16_t)g;
    return true;
}

static enum selfsame_code
take_ports(struct cli *c, struct tee_launch_request *q, struct selfsame_err *e)
{
    const char *given[PORTS];
    size_t n = cli_values(c, "publish", given, PORTS);
    struct tee_port *list = ARENA_NEW(cli_arena(c), struct tee_port, n + 1);

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "ports");
    if (n > PORTS)
        FAIL(e, SELFSAME_USAGE, "--publish: expected at most %d, got %zu", (int)PORTS,
            n);
    for (size_t i = 0; i < n; i++)
        if (!parse_port(c, given[i], &list[i]))
            FAIL(e, SELFSAME_USAGE,
                "--publish: expected [IPV4:]HOST:GUEST with ports 1..65535, got "
                "\"%.60s\"",
                given[i]);
    q->ports = list;
    q->port_count = n;
    return SELFSAME_OK;
}

static enum selfsame_code
take_file(
    struct cli *c, const char *name, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const char *path = cli_value(c, name);

    return path == NULL ? SELFSAME_OK : file_read(path, 4096, cli_arena(c), ret, e);
}

static enum selfsame_code
take_numbers(struct cli *c, struct tee_launch_request *q, struct selfsame_err *e)
{
    uint64_t cpus = 0, cid = 0;

    TRY(cli_uint(c, "memory", 64, 1 << 24, &q->memory_mib, e));
    TRY(cli_uint(c, "cpus", 1, 1024, &cpus, e));
    TRY(cli_uint(c, "vcpus", 1, 512, &cpus, e));
    TRY(cli_uint(c, "cid", 4, UINT32_MAX - 1, &cid, e));
    q->cpus = (unsigned)cpus;
    q->cid = (unsigned)cid;
    return SELFSAME_OK;
}

/* An option that does not belong to this TEE would be silently without effect. */
static enum selfsame_code
check_options(struct cli *c, const struct tee_launcher *l, struct selfsame_err *e)
{
    static const struct {
        const char *name;
        bool of_machines;
    } rows[] = { { "cpus", false }, { "cid", false }, { "publish", true },
        { "vcpus", true }, { "cpu", true }, { "insecure-plain-vm", true },
        { "accel", true } };
    static const char *const own[][2] = { { "id-block", "snp" }, { "id-auth", "snp" },
        { "mr-config-id", "tdx" }, { "mr-owner", "tdx" },
        { "mr-owner-config", "tdx" } };

    if (cli_flag(c, "detach") || cli_flag(c, "name") || cli_flag(c, "defect") ||
        cli_flag(c, "root") || cli_flag(c, "set"))
        FAIL(e, SELFSAME_USAGE,
            "--detach, --name, --defect, --root and --set belong to --sim");
    for (size_t i = 0; i < COUNT(rows); i++)
        if (cli_flag(c, rows[i].name) && rows[i].of_machines != l->plain_vm)
            FAIL(e, SELFSAME_USAGE, "--%s does not belong to --tee %s", rows[i].name,
                l->name);
    for (size_t i = 0; i < COUNT(own); i++)
        if (cli_flag(c, own[i][0]) && strcmp(own[i][1], l->name) != 0)
            FAIL(e, SELFSAME_USAGE, "--%s does not belong to --tee %s", own[i][0],
                l->name);
    return SELFSAME_OK;
}

/* 48 bytes each, which the hardware reports as they are given. */
static enum selfsame_code
take_own_ids(struct cli *c, struct tee_launch_request *q, struct selfsame_err *e)
{
    for (int i = 0; i < TEE_OWN_IDS; i++) {
        enum { SIZE = 48 };
        const char *hex = cli_value(c, tee_own_id_names[i]);
        uint8_t *id = arena_alloc(cli_arena(c), 1, SIZE);
        size_t len = 0;

        if (id == NULL)
            FAIL(e, SELFSAME_NOMEM, "an ID");
        if (hex == NULL)
            continue;
        if (!hex_decode(hex, strlen(hex), id, SIZE, &len) || len != SIZE)
            FAIL(e, SELFSAME_USAGE, "--%s: expected 96 lower-case hex digits",
                tee_own_id_names[i]);
        q->own_id[i] = BYTES(id, SIZE);
    }
    return SELFSAME_OK;
}

/* With SEV-SNP or TDX it is always KVM. */
static enum selfsame_code
take_accel(struct cli *c, struct tee_launch_request *q, struct selfsame_err *e)
{
    const char *accel = cli_value(c, "accel");

    if (accel == NULL)
        return SELFSAME_OK;
    if (!q->insecure_plain_vm)
        FAIL(e, SELFSAME_USAGE, "--accel: expected --insecure-plain-vm with it");
    q->emulated = strcmp(accel, "tcg") == 0;
    if (!q->emulated && strcmp(accel, "kvm") != 0)
        FAIL(e, SELFSAME_USAGE, "--accel: expected kvm or tcg, got '%.40s'", accel);
    return SELFSAME_OK;
}

static void
print_facts(const struct tee_host_fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(stderr, "%s  %s: %s\n", facts[i].ok ? "ok     " : "missing",
            facts[i].what, facts[i].found);
        if (!facts[i].ok && facts[i].fix != NULL)
            (void)fprintf(stderr, "         %s\n", facts[i].fix);
    }
}

enum selfsame_code
machine_run(struct cli *c, const struct tee_launcher *l, struct selfsame_err *e)
{
    struct tee_launch_request q = { .image = cli_operand(c, 0),
        .cpu = cli_value(c, "cpu"),
        .insecure_debug = cli_flag(c, "insecure-debug"),
        .insecure_plain_vm = cli_flag(c, "insecure-plain-vm") };
    struct tee_host_fact *facts = NULL;
    size_t count = 0;

    TRY(check_options(c, l, e));
    TRY(take_numbers(c, &q, e));
    TRY(take_accel(c, &q, e));
    TRY(take_ports(c, &q, e));
    TRY(take_file(c, "id-block", &q.id_block, e));
    TRY(take_file(c, "id-auth", &q.id_auth, e));
    TRY(take_own_ids(c, &q, e));
    TRY(look_at_image(c, l, &q, e));
    enum selfsame_code code = l->available(&q, cli_arena(c), &facts, &count, e);
    print_facts(facts, count);
    TRY_WHILE(e, code, "looking whether this host can run %s", q.image);
    if (q.insecure_plain_vm)
        (void)fprintf(stderr,
            "insecure: a plain virtual machine: nothing is measured, encrypted or "
            "attested, and this host sees everything in it\n");
    return l->launch(&q, e);
}
