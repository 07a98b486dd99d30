/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_MACHINE_H
#define SELFSAME_CLI_MACHINE_H

#include "cli/cli.h"
#include "tee/tee.h"

/* `run` on real hardware: pre-flight, said line by line, then the launcher. */
MUST enum selfsame_code machine_run(
    struct cli *c, const struct tee_launcher *l, struct selfsame_err *e);

#endif
