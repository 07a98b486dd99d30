/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "sim/sim.h"

static const struct cli_command *const table[] = {
    &pki_command,
    &evidence_command,
    &sim_collateral_command,
    &sim_run_command,
    &ps_command,
    &logs_command,
    &stop_command,
    &device_command,
};

int
main(int argc, char **argv)
{
    return cli_main("selfsame-sim", "simulated evidence and simulated enclaves", table,
        COUNT(table), argc, argv);
}
