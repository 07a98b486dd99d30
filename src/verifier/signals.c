/* SPDX-License-Identifier: Apache-2.0 */
#include "service/notify.h"
#include "verifier/operations.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

/*
 * One thread takes the signals, which are blocked in all: nothing is interrupted halfway.
 *
 *   SIGHUP           registry, keys that sign, certificate: read again
 *   SIGTERM, SIGINT  not ready any more; after `drain_s`, so that load balancers have
 *                    seen it, no connections are taken, those that are kept alive are
 *                    told so, and what is under way is answered. A second one ends the
 *                    waiting.
 */
static const int ours[] = { SIGHUP, SIGTERM, SIGINT };
enum { LOOK_MS = 200, DRAIN_S = 0, PEACE_MS = 4000 };

static void
set_of(sigset_t *set)
{
    (void)sigemptyset(set);
    for (size_t i = 0; i < COUNT(ours); i++)
        (void)sigaddset(set, ours[i]);
}

void
signals_block(void)
{
    sigset_t set;

    set_of(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* Which came, within this time; 0: none. */
static int
next_signal(int64_t ms)
{
    const struct timespec most = { .tv_sec = ms / 1000,
        .tv_nsec = (ms % 1000) * 1000000 };
    sigset_t set;

    set_of(&set);
    const int got = sigtimedwait(&set, NULL, &most);
    return got > 0 ? got : 0;
}

static void
reload(struct verifier_service *s)
{
    service_notify_reloading();
    service_tell(s, "reload", "reading registry, keys and certificate again");
    verifier_reload(s);
    service_notify("READY=1");
}

static int64_t
drain_ms(const struct verifier_service *s)
{
    const json_t *v = service_setting(s, "drain_s");

    return (v != NULL ? json_integer_value(v) : DRAIN_S) * INT64_C(1000);
}

/* Until then, or until somebody wants it at once: false. */
static bool
wait_until(struct verifier_service *s, int64_t until_ms)
{
    for (int64_t left;
         (left = until_ms - net_clock_ms()) > 0 && !atomic_load(&s->over);) {
        const int got = next_signal(left < LOOK_MS ? left : LOOK_MS);
        if (got == SIGTERM || got == SIGINT)
            return false;
    }
    return true;
}

static void
drain(struct verifier_service *s)
{
    atomic_store(&s->operations->draining, true);
    service_notify("STOPPING=1");
    service_tell(s, "drain", "not ready any more; ending when what came is answered");
    if (wait_until(s, net_clock_ms() + drain_ms(s))) {
        /* Connections that are kept alive are told so with their next answer. */
        httpd_drain(s->httpd, PEACE_MS);
        (void)wait_until(s, net_clock_ms() + 2 * PEACE_MS);
    }
    verifier_stop(s);
}

void *
signals_watch(void *service)
{
    struct verifier_service *s = service;

    while (!atomic_load(&s->over))
        switch (next_signal(LOOK_MS)) {
        case SIGHUP: reload(s); break;
        case SIGTERM:
        case SIGINT: drain(s); return NULL;
        default: break;
        }
    return NULL;
}
