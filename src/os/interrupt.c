/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"

#include <signal.h>

static volatile sig_atomic_t asked;

static void
on_signal(int signal_number)
{
    (void)signal_number;
    asked = 1;
}

void
os_interruptible(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    /* No SA_RESTART: what waits in a system call looks at once. */
    const struct sigaction catch = { .sa_handler = on_signal };
    struct sigaction now;

    for (size_t i = 0; i < COUNT(signals); i++)
        /* nohup(1) and shells ignore some on purpose. */
        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &catch, NULL);
}

bool
os_interrupted(void)
{
    return asked != 0;
}
