/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/collateral_parts.h"

#include "service/key_file.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    ORIGINS = 8,
    WAIT_MAX_MS = 30000,
    REFRESH_MIN_S = 60,
};

struct collateral {
    struct supply *supply;
    bool fetch;
    int64_t wait_ms;
    atomic_uint waiting;
};

/* ---- settings ---- */

static enum selfsame_code
check_number(const json_t *o, const char *name, json_int_t min, json_int_t max,
    struct selfsame_err *e)
{
    const json_t *v = json_object_get(o, name);

    if (v != NULL && (!json_is_integer(v) || json_integer_value(v) < min ||
                         json_integer_value(v) > max))
        FAIL(e, SELFSAME_USAGE,
            "\"collateral\" of verifier.json: %s: expected a whole number from %lld to "
            "%lld",
            name, (long long)min, (long long)max);
    return SELFSAME_OK;
}

/* "https://HOST[:PORT]" and nothing behind it; http of this machine for mirrors. */
static bool
is_origin(const char *s, bool mirror)
{
    const bool https = strncmp(s, "https://", 8) == 0;

    return (https || (mirror && strncmp(s, "http://", 7) == 0 && url_is_loopback(s))) &&
           url_origin_len(s) == strlen(s) && strlen(s) > 8 &&
           strpbrk(s, "@ \n\r\t\"\\") == NULL;
}

static bool
is_vendor(const char *origin)
{
    for (const struct supply_origin *o = supply_vendors; o->vendor != NULL; o++)
        if (strcmp(o->vendor, origin) == 0)
            return true;
    return false;
}

static enum selfsame_code
check_origins(const json_t *origins, struct selfsame_err *e)
{
    const char *name;
    json_t *v;

    if (origins != NULL && !json_is_object(origins))
        FAIL(e, SELFSAME_USAGE,
            "\"collateral\" of verifier.json: origins: expected an object");
    json_object_foreach((json_t *)(uintptr_t)origins, name, v)
    {
        if (!is_vendor(name))
            FAIL(e, SELFSAME_USAGE,
                "\"collateral\" of verifier.json: origins: no vendor is asked at "
                "\"%.80s\"",
                name);
        if (!json_is_string(v) || !is_origin(json_string_value(v), true))
            FAIL(e, SELFSAME_USAGE,
                "\"collateral\" of verifier.json: origins: %.60s: expected "
                "https://HOST[:PORT], or http:// of this machine",
                name);
    }
    return SELFSAME_OK;
}

enum selfsame_code
collateral_settings_check(const json_t *o, struct selfsame_err *e)
{
    static const char *const known[] = { "fetch", "origins", "origin_ca", "wait_ms",
        "refresh_s", "pace_ms" };
    const json_t *fetch = json_object_get(o, "fetch"),
                 *ca = json_object_get(o, "origin_ca");
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)o, name, v)
    {
        bool found = false;

        for (size_t i = 0; i < COUNT(known); i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found)
            FAIL(e, SELFSAME_USAGE,
                "\"collateral\" of verifier.json: no such setting: %.60s", name);
    }
    if ((fetch != NULL && !json_is_boolean(fetch)) ||
        (ca != NULL && !json_is_string(ca)))
        FAIL(e, SELFSAME_USAGE,
            "\"collateral\" of verifier.json: expected fetch to be true or false, and "
            "origin_ca a file");
    TRY(check_number(o, "wait_ms", 0, WAIT_MAX_MS, e));
    TRY(check_number(o, "refresh_s", REFRESH_MIN_S, FETCH_LIST_AGE_S, e));
    TRY(check_number(o, "pace_ms", 1, 60000, e));
    return check_origins(json_object_get(o, "origins"), e);
}

static int64_t
number(const json_t *o, const char *name, int64_t otherwise)
{
    const json_t *v = json_object_get(o, name);

    return v != NULL ? (int64_t)json_integer_value(v) : otherwise;
}

/* ---- waiting ---- */

struct collateral_wait {
    pthread_mutex_t lock;
    pthread_cond_t more;
    size_t left; /* answers to come */
    size_t refs; /* theirs, and that of who waits */
};

struct collateral_wait *
collateral_wait_new(void)
{
    struct collateral_wait *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;

    if (w == NULL)
        return NULL;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->more, &attr);
    (void)pthread_condattr_destroy(&attr);
    w->refs = 1;
    return w;
}

static void
leave(struct collateral_wait *w, bool answered)
{
    (void)pthread_mutex_lock(&w->lock);
    w->left -= answered;
    const bool last = --w->refs == 0;
    if (answered)
        (void)pthread_cond_signal(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
    if (!last)
        return;
    (void)pthread_cond_destroy(&w->more);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

static void
answered(void *ctx, struct supply_answer *a)
{
    supply_drop(a->piece);
    leave(ctx, true);
}

void
collateral_wait_add(struct collateral_wait *w, struct supply_ask *a)
{
    (void)pthread_mutex_lock(&w->lock);
    w->left++;
    w->refs++;
    (void)pthread_mutex_unlock(&w->lock);
    a->done = answered;
    a->ctx = w;
}

void
collateral_wait(struct collateral *c, struct collateral_wait *w)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(c->wait_ms / 1000);
    until.tv_nsec += (long)(c->wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (atomic_fetch_add(&c->waiting, 1) < collateral_waiters(c)) {
        (void)pthread_mutex_lock(&w->lock);
        while (w->left > 0 && pthread_cond_timedwait(&w->more, &w->lock, &until) == 0)
            ;
        (void)pthread_mutex_unlock(&w->lock);
    }
    (void)atomic_fetch_sub(&c->waiting, 1);
}

void
collateral_wait_drop(struct collateral_wait *w)
{
    if (w != NULL)
        leave(w, false);
}

/* ---- its life ---- */

static int64_t
clock_of(void *ctx)
{
    return service_now_ms(ctx);
}

enum selfsame_code
collateral_new(
    struct verifier_service *s, struct collateral **ret, struct selfsame_err *e)
{
    const json_t *o = service_setting(s, "collateral"),
                 *mirrors = json_object_get(o, "origins");
    auto_arena arena = arena_new(1 << 16);
    struct supply_origin origins[ORIGINS] = { { 0 } };
    const char *dir;

    TRY(collateral_settings_check(o, e));
    TRY(path_join(service_dir(s), "collateral", &arena, &dir, e));
    for (size_t i = 0; supply_vendors[i].vendor != NULL && i + 1 < ORIGINS; i++)
        origins[i] = (struct supply_origin){ supply_vendors[i].vendor,
            json_string_value(json_object_get(mirrors, supply_vendors[i].vendor)) };
    struct collateral *c = calloc(1, sizeof(*c));
    if (c == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for collateral");
    c->fetch = json_is_true(json_object_get(o, "fetch"));
    c->wait_ms = number(o, "wait_ms", COLLATERAL_WAIT_MS);
    const struct supply_config config = {
        .cache = dir,
        .origins = origins,
        .origin_ca = json_string_value(json_object_get(o, "origin_ca")),
        .offline = !c->fetch,
        .refresh_s = number(o, "refresh_s", 0),
        .pace_ms = (int)number(o, "pace_ms", 0),
        .clock_ms = clock_of,
        .ctx = s,
    };
    enum selfsame_code code = supply_new(&config, &c->supply, e);
    if (code != SELFSAME_OK)
        collateral_free(&c);
    else
        *ret = c;
    return code;
}

enum selfsame_code
collateral_start(struct collateral *c, struct selfsame_err *e)
{
    return supply_start(c->supply, e);
}

void
collateral_free(struct collateral **c)
{
    if (*c == NULL)
        return;
    supply_free(&(*c)->supply);
    free(*c);
    *c = NULL;
}

unsigned
collateral_waiters(const struct collateral *c)
{
    return c->fetch && c->wait_ms > 0 ? COLLATERAL_WAITERS : 0;
}

struct supply *
collateral_supply(struct collateral *c)
{
    return c->supply;
}
