/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build_options.h"

#include <stdio.h>

enum { TIMEOUT_S = 3600, TIMEOUT_MAX_S = 7 * 86400 };

void
screen_finish(struct screen *s)
{
    if (s->running)
        progress_end(&s->progress);
    s->running = false;
}

void
screen_note(struct screen *s, const char *line)
{
    screen_finish(s);
    /* Names in an archive are a stranger's: no control characters on a terminal. */
    for (; *line != 0; line++)
        (void)fputc((uint8_t)*line < ' ' || *line == 0x7f ? '?' : *line, stderr);
    (void)fputc('\n', stderr);
}

void
screen_step(struct screen *s, const char *what, uint64_t total)
{
    screen_finish(s);
    progress_begin(&s->progress, what, total);
    s->running = true;
}

static void
note(void *ctx, const char *line)
{
    screen_note(ctx, line);
}

static void
step(void *ctx, const char *what, uint64_t total)
{
    screen_step(ctx, what, total);
}

static void
advance(void *ctx, uint64_t n)
{
    struct screen *s = ctx;

    if (s->running)
        progress_add(&s->progress, n);
}

static enum selfsame_code
split_platform(struct cli *c, struct repro_options *o, struct selfsame_err *e)
{
    const char *platform = cli_value(c, "platform");

    o->os = "linux";
    o->arch = "amd64";
    if (platform == NULL)
        return SELFSAME_OK;
    const char *slash = strchr(platform, '/');
    if (slash == NULL || strncmp(platform, "linux/", 6) != 0 ||
        (strcmp(slash + 1, "amd64") != 0 && strcmp(slash + 1, "arm64") != 0))
        FAIL(e, SELFSAME_USAGE,
            "--platform: expected linux/amd64 or linux/arm64, got '%s'", platform);
    o->arch = slash + 1;
    return SELFSAME_OK;
}

enum selfsame_code
build_options_take(struct cli *c, struct screen *screen, struct repro_options *ret,
    struct selfsame_err *e)
{
    uint64_t timeout = TIMEOUT_S;
    struct repro_options o = { .recipe = cli_value(c, "recipe"),
        .ref = cli_value(c, "ref"),
        .kernel = cli_value(c, "kernel"),
        .cmdline = cli_value(c, "cmdline"),
        .nsm = cli_value(c, "nsm"),
        .firmware = cli_value(c, "firmware"),
        .init = cli_value(c, "init"),
        .agent = cli_value(c, "agent"),
        .argv = cli_rest(c),
        .verbose = cli_flag(c, "verbose"),
        .insecure_no_sandbox = cli_flag(c, "insecure-no-sandbox"),
        .voice = { .note = note, .step = step, .advance = advance, .ctx = screen } };

    TRY(split_platform(c, &o, e));
    TRY(cli_uint(c, "timeout", 1, TIMEOUT_MAX_S, &timeout, e));
    o.timeout_s = (unsigned)timeout;
    *ret = o;
    return SELFSAME_OK;
}
