/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "os/os.h"

#include <stdio.h>
#include <unistd.h>

enum { FIRST_MS = 1000, EVERY_MS = 100, BAR = 30 };

void
progress_begin(struct progress *p, const char *what, uint64_t total)
{
    *p = (struct progress){
        .what = what,
        .total = total,
        .began_ms = os_now_ms(),
        .terminal = isatty(STDERR_FILENO) == 1,
    };
}

static void
show(struct progress *p)
{
    char bar[BAR + 1];
    uint64_t part = p->total > 0 ? p->done * BAR / p->total : 0;

    for (size_t i = 0; i < BAR; i++)
        bar[i] = i < part ? '#' : '.';
    bar[BAR] = '\0';
    (void)fprintf(stderr, "\r%s [%s] %3u%%", p->what, bar,
        p->total > 0 ? (unsigned)(p->done * 100 / p->total) : 0);
    (void)fflush(stderr);
    p->shown = true;
}

void
progress_add(struct progress *p, uint64_t n)
{
    p->done = n > p->total - p->done ? p->total : p->done + n;
    if (!p->terminal)
        return;
    int64_t now = os_now_ms();
    if (now - p->began_ms < FIRST_MS || now - p->shown_ms < EVERY_MS)
        return;
    p->shown_ms = now;
    show(p);
}

void
progress_end(struct progress *p)
{
    if (p->shown)
        (void)fprintf(stderr, "\r%60s\r", "");
    p->shown = false;
}
