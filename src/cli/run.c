/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/machine.h"
#include "os/os.h"
#include "tee/tee.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* Where selfsame-sim may be, seen from the directory of this program. */
static const char *const sim_places[] = {
    "selfsame-sim",        /* installed next to it */
    "../sim/selfsame-sim", /* build tree: src/cli, src/sim */
    "../libexec/selfsame/selfsame-sim",
};

static enum selfsame_code
find_sim(struct cli *c, char **ret, struct selfsame_err *e)
{
    char self[1024];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        FAIL(e, SELFSAME_IO, "cannot read /proc/self/exe: %s", strerror(errno));
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL)
        FAIL(e, SELFSAME_IO, "/proc/self/exe: expected a path, got %s", self);
    *slash = '\0';
    for (size_t i = 0; i < COUNT(sim_places); i++) {
        char *path = arena_printf(cli_arena(c), "%s/%s", self, sim_places[i]);

        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "a path");
        if (access(path, X_OK) == 0) {
            *ret = path;
            return SELFSAME_OK;
        }
    }
    (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
        "selfsame-sim is not in %s, nor in ../libexec/selfsame from there", self);
    err_remedy(e, "Install the simulator: it is a separate program, selfsame-sim.");
    return SELFSAME_IO;
}

/* The same options, handed on in the order they were given. */
static enum selfsame_code
run_simulated(struct cli *c, struct selfsame_err *e)
{
    static const char *const values[] = { "publish", "name", "defect", "root", "tee",
        "vcpus", "cpu", "set" };
    static const char *const flags[] = { "detach", "insecure-debug" };
    const char *given[CLI_VALUES];
    char *argv[2 * CLI_VALUES + 8], *path = NULL;
    size_t n = 0;

    if (cli_flag(c, "memory") || cli_flag(c, "cpus") || cli_flag(c, "cid") ||
        cli_flag(c, "id-block") || cli_flag(c, "id-auth") ||
        cli_flag(c, "mr-config-id") || cli_flag(c, "mr-owner") ||
        cli_flag(c, "mr-owner-config") || cli_flag(c, "insecure-plain-vm") ||
        cli_flag(c, "accel"))
        FAIL(e, SELFSAME_USAGE,
            "--memory, --cpus, --cid, --id-block, --id-auth, --insecure-plain-vm and "
            "--accel shape real hardware, not --sim");
    TRY(find_sim(c, &path, e));
    argv[n++] = path;
    argv[n++] = arena_printf(cli_arena(c), "run");
    for (size_t i = 0; i < COUNT(values); i++) {
        size_t count = cli_values(c, values[i], given, COUNT(given));

        for (size_t k = 0; k < count; k++)
            argv[n++] = arena_printf(cli_arena(c), "--%s=%s", values[i], given[k]);
    }
    for (size_t i = 0; i < COUNT(flags); i++)
        if (cli_flag(c, flags[i]))
            argv[n++] = arena_printf(cli_arena(c), "--%s", flags[i]);
    if (cli_json(c))
        argv[n++] = arena_printf(cli_arena(c), "--json");
    /* A file whose name begins with '-' stays a file. */
    argv[n++] = arena_printf(cli_arena(c), "%s%s",
        cli_operand(c, 0)[0] == '-' ? "./" : "", cli_operand(c, 0));
    for (size_t i = 0; i < n; i++)
        if (argv[i] == NULL)
            FAIL(e, SELFSAME_NOMEM, "arguments of selfsame-sim");
    argv[n] = NULL;
    (void)fflush(NULL);
    (void)execv(path, argv);
    FAIL(e, SELFSAME_IO, "cannot execute %s: %s", path, strerror(errno));
}

static enum selfsame_code
run(struct cli *c, struct selfsame_err *e)
{
    const char *tee = cli_value(c, "tee");

    if (cli_flag(c, "sim"))
        return run_simulated(c, e);
    if (tee == NULL) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "say where to run: --sim (simulator, any Linux), --tee nitro (AWS), --tee "
            "snp (AMD) or --tee tdx (Intel)");
        err_remedy(e, "`selfsame doctor` says what this host can do.");
        return SELFSAME_USAGE;
    }
    const struct tee_launcher *l = tee_launcher_find(tee);
    if (l == NULL)
        FAIL(e, SELFSAME_USAGE,
            "--tee %s: expected one that can be launched here (nitro, sgx, snp, tdx), "
            "or "
            "--sim",
            tee);
    return machine_run(c, l, e);
}

static const struct cli_option options[] = {
    { .name = "sim", .help = "in the simulator (selfsame-sim): no hardware needed" },
    { .name = "tee",
        .argument = "TEE",
        .help = "nitro, sgx, snp, tdx; without --sim on real hardware" },
    { .name = "publish",
        .short_name = 'p',
        .argument = "[ADDR:]HOST:GUEST",
        .repeatable = true,
        .help = "make port GUEST reachable at HOST (address 127.0.0.1; 0: any port)" },
    { .name = "detach",
        .short_name = 'd',
        .help = "return when it is ready; see ps, logs, stop" },
    { .name = "name", .argument = "NAME", .help = "name for ps, logs, stop" },
    { .name = "defect",
        .argument = "WORD",
        .repeatable = true,
        .help = "simulator: evidence with this fault (bad-signature, expired, ...)" },
    { .name = "root",
        .argument = "FILE",
        .help = "simulator: root certificate and key (selfsame-sim pki --new)" },
    { .name = "set",
        .argument = "NAME=VALUE",
        .repeatable = true,
        .help = "simulator, snp: what reports say (selfsame-sim evidence --set)" },
    { .name = "insecure-debug",
        .help = "debug mode: its operator reads everything, nobody should trust it" },
    { .name = "memory", .argument = "MIB", .help = "memory of the enclave or machine" },
    { .name = "cpus", .argument = "N", .help = "nitro: processors of the enclave" },
    { .name = "cid", .argument = "N", .help = "nitro: vsock context id" },
    { .name = "vcpus",
        .argument = "N",
        .help = "snp, tdx: processors; with snp, those it was measured for" },
    { .name = "cpu", .argument = "TYPE", .help = "snp: their type, as QEMU names it" },
    { .name = "id-block",
        .argument = "FILE",
        .help = "snp: the ID block (96 bytes), with --id-auth" },
    { .name = "id-auth",
        .argument = "FILE",
        .help = "snp: its authentication (4096 bytes)" },
    { .name = "mr-config-id",
        .argument = "HEX",
        .help = "tdx: 48 bytes that quotes say beside the measurements" },
    { .name = "mr-owner", .argument = "HEX", .help = "tdx: 48 more" },
    { .name = "mr-owner-config", .argument = "HEX", .help = "tdx: and 48 more" },
    { .name = "insecure-plain-vm",
        .help = "snp, tdx: start the image in a machine that protects nothing" },
    { .name = "accel",
        .argument = "kvm|tcg",
        .help = "how such a machine runs (default: kvm where there is one)" },
    { 0 },
};
const struct cli_command run_command = {
    .name = "run",
    .operands = "IMAGE",
    .summary = "start an image, simulated or on hardware",
    .story = "Example: selfsame run --sim image.eif -p 8443:443 -d --name hello\n"
             "Without -d the output is printed, Ctrl-C ends it and the exit status is\n"
             "the application's.",
    .options = options,
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
