/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "sim/sim.h"

#include <stdio.h>

struct pki_holder {
    const struct tee_simulator *sim;
    struct sim_pki *pki;
};

static void
holder_free(struct pki_holder *h)
{
    if (h->pki != NULL)
        h->sim->pki_free(h->pki);
}

static enum selfsame_code
write_files(struct cli *c, const char *dir, const struct sim_file *files, size_t count,
    struct selfsame_err *e)
{
    TRY(dir_make(dir, false, e));
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(cli_arena(c), "%s/%s", dir, files[i].name);

        if (path == NULL)
            FAIL(e, SELFSAME_NOMEM, "a path");
        TRY(file_write(path, files[i].bytes, false, e));
        (void)fprintf(stderr, "%s\n", path);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
sim_collateral(struct cli *c, struct selfsame_err *e)
{
    __attribute__((cleanup(holder_free))) struct pki_holder h = { 0 };
    const char *out = cli_value(c, "out");
    struct sim_subject subject = { 0 };
    struct sim_file *files = NULL;
    size_t count = 0;
    int64_t now_s = os_now_ms() / 1000;

    if (cli_value(c, "tee") == NULL)
        FAIL(e, SELFSAME_USAGE, "--tee is missing: expected sgx or tdx");
    TRY(subject_simulator(c, NULL, &h.sim, e));
    if (h.sim->collateral == NULL)
        FAIL(e, SELFSAME_USAGE,
            "--tee %s: its evidence carries all that a verifier needs", h.sim->name);
    if (out == NULL)
        FAIL(e, SELFSAME_USAGE, "--out is missing: expected a directory");
    TRY(cli_time(c, "at", &now_s, e));
    TRY(subject_options(c, h.sim, &subject, e));
    TRY(subject_pki(c, h.sim, now_s * 1000, &h.pki, e));
    TRY(h.sim->collateral(
        h.pki, now_s * 1000, &subject, cli_arena(c), &files, &count, e));
    return write_files(c, out, files, count, e);
}

static const struct cli_option options[] = {
    { .name = "tee", .argument = "TEE", .help = "sgx or tdx" },
    { .name = "out",
        .argument = "DIR",
        .help = "write there, for verify --collateral; may exist" },
    { .name = "at", .argument = "TIME", .help = "as if answered then" },
    { .name = "set",
        .argument = "NAME=VALUE",
        .repeatable = true,
        .help = "tcb_status=OutOfDate, advisories=INTEL-SA-00615, fmspc=..., ..." },
    { .name = "defect",
        .argument = "WORD",
        .repeatable = true,
        .help = "with this fault (man selfsame-sim)" },
    { .name = "root",
        .argument = "FILE",
        .help = "root certificate and keys (pki --new: FILE.key)" },
    { 0 },
};
const struct cli_command sim_collateral_command = {
    .name = "collateral",
    .summary = "write what the vendor's service would say of a simulated machine",
    .story = "Example: selfsame-sim collateral --tee tdx --out collateral \\\n"
             "             --set tcb_status=OutOfDate --set advisories=INTEL-SA-00837\n"
             "         selfsame verify --collateral collateral ...\n"
             "It is about every machine of `evidence`, `device` and `run` that has the "
             "same\n"
             "settings: TCB info, QE identity, revocation lists and who signed them.",
    .options = options,
    .run = sim_collateral,
};
