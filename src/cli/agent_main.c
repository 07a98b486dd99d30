/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

/*
 * selfsame-agent: the verbs of the inside of a TEE, linked statically, so that
 * an image needs one file and no library. In an image it is /usr/bin/selfsame.
 */
static const struct cli_command *const table[] = {
    &attest_command,
    &serve_command,
};

int
main(int argc, char **argv)
{
    return cli_main("selfsame", "attest and serve from inside the enclave", table,
        COUNT(table), argc, argv);
}
