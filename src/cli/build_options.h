/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_BUILD_OPTIONS_H
#define SELFSAME_CLI_BUILD_OPTIONS_H

#include "cli/cli.h"
#include "repro/repro.h"

/* What `build` and `rebuild` share: how to build, and progress while it lasts. */
#define BUILD_OPTIONS                                                                 \
    { .name = "recipe",                                                               \
        .argument = "FILE",                                                           \
        .help = "what to build and run (default: SOURCE/selfsame.json)" },            \
        { .name = "platform",                                                         \
            .argument = "OS/ARCH",                                                    \
            .help = "of the image (default: linux/amd64)" },                          \
        { .name = "ref",                                                              \
            .argument = "NAME",                                                       \
            .help = "which image, when the source has several" },                     \
        { .name = "kernel",                                                           \
            .argument = "FILE",                                                       \
            .help = "bzImage; without one the image runs in the simulator only" },    \
        { .name = "cmdline",                                                          \
            .argument = "TEXT|@FILE",                                                 \
            .help = "of the kernel (default: AWS's line; for snp and tdx our own)" }, \
        { .name = "firmware",                                                         \
            .argument = "FILE",                                                       \
            .help = "snp, tdx: OVMF; without one the image is for the simulator" },   \
        { .name = "nsm",                                                              \
            .argument = "FILE",                                                       \
            .help = "nsm.ko, for kernels that need it" },                             \
        { .name = "init",                                                             \
            .argument = "FILE",                                                       \
            .help = "selfsame-init (default: the installed one)" },                   \
        { .name = "agent",                                                            \
            .argument = "FILE",                                                       \
            .help = "selfsame-agent, for recipes with 'serve' (default: the "         \
                    "installed one)" },                                               \
        { .name = "timeout",                                                          \
            .argument = "SECONDS",                                                    \
            .help = "for the recipe's build commands (default: 3600)" },              \
        { .name = "verbose", .help = "show what build commands print" },              \
    {                                                                                 \
        .name = "insecure-no-sandbox",                                                \
        .help = "run build commands where they see this machine"                      \
    }

struct screen {
    struct progress progress;
    bool running;
};
void screen_finish(struct screen *s);
/* A line for a person, without control characters. */
void screen_note(struct screen *s, const char *line);
void screen_step(struct screen *s, const char *what, uint64_t total);

/* All of BUILD_OPTIONS and the words behind --; source, out and tees stay with the caller. */
MUST enum selfsame_code build_options_take(struct cli *c, struct screen *screen,
    struct repro_options *ret, struct selfsame_err *e);

#endif
