/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/outcomes.h"

#include "store/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
    char tenant[REGISTRY_TENANT_NAME];
    int64_t last; /* minute since 1970 that minute[last % OUTCOMES_MINUTES] counts */
    uint32_t minute[OUTCOMES_MINUTES][OUTCOMES_CLASSES];
};
struct outcomes {
    pthread_mutex_t lock;
    struct row *rows[OUTCOMES_TENANTS];
    size_t count;
};

enum selfsame_code
outcomes_new(struct outcomes **ret, struct selfsame_err *e)
{
    struct outcomes *o = calloc(1, sizeof(*o));

    if (o == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory to count outcomes");
    (void)pthread_mutex_init(&o->lock, NULL);
    *ret = o;
    return SELFSAME_OK;
}

void
outcomes_free(struct outcomes **o)
{
    if (*o == NULL)
        return;
    for (size_t i = 0; i < (*o)->count; i++)
        free((*o)->rows[i]);
    (void)pthread_mutex_destroy(&(*o)->lock);
    free(*o);
    *o = NULL;
}

/* Classes are small numbers but for the last. */
static size_t
place_of(enum selfsame_code code)
{
    return (size_t)code < OUTCOMES_CLASSES - 1 ? (size_t)code : OUTCOMES_CLASSES - 1;
}

enum selfsame_code
outcomes_class(size_t place)
{
    return place < OUTCOMES_CLASSES - 1 ? (enum selfsame_code)place : SELFSAME_INTERNAL;
}

static struct row *
find(const struct outcomes *o, const char *tenant)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->rows[i]->tenant, tenant) == 0)
            return o->rows[i];
    return NULL;
}

/* NULL: no memory, then nothing is counted. */
static struct row *
room(struct outcomes *o)
{
    struct row *quiet = NULL;

    if (o->count < OUTCOMES_TENANTS) {
        struct row *r = calloc(1, sizeof(*r));

        if (r != NULL)
            o->rows[o->count++] = r;
        return r;
    }
    for (size_t i = 0; i < o->count; i++)
        if (quiet == NULL || o->rows[i]->last < quiet->last)
            quiet = o->rows[i];
    memset(quiet, 0, sizeof(*quiet));
    return quiet;
}

/* What lies between is past: emptied. A clock that went back counts in the last minute. */
static void
advance(struct row *r, int64_t minute)
{
    const int64_t behind = minute - r->last;

    for (int64_t i = 1; i <= behind && i <= OUTCOMES_MINUTES; i++)
        memset(r->minute[(r->last + i) % OUTCOMES_MINUTES], 0, sizeof(r->minute[0]));
    if (behind > 0)
        r->last = minute;
}

static int64_t
minute_of(int64_t now_ms)
{
    return now_ms > 0 ? now_ms / 60000 : 0;
}

void
outcomes_add(
    struct outcomes *o, const char *tenant, int64_t now_ms, enum selfsame_code code)
{
    (void)pthread_mutex_lock(&o->lock);
    struct row *r = find(o, tenant);
    if (r == NULL && (r = room(o)) != NULL) {
        (void)snprintf(r->tenant, sizeof(r->tenant), "%s", tenant);
        r->last = minute_of(now_ms);
    }
    if (r != NULL) {
        advance(r, minute_of(now_ms));
        uint32_t *n = &r->minute[r->last % OUTCOMES_MINUTES][place_of(code)];
        *n += *n < UINT32_MAX;
    }
    (void)pthread_mutex_unlock(&o->lock);
}

void
outcomes_read(
    struct outcomes *o, const char *tenant, int64_t now_ms, struct outcomes_hour *ret)
{
    memset(ret, 0, sizeof(*ret));
    (void)pthread_mutex_lock(&o->lock);
    struct row *r = find(o, tenant);
    int64_t last = minute_of(now_ms);
    if (r != NULL) {
        advance(r, last);
        last = r->last;
    }
    ret->first_minute = last - (OUTCOMES_MINUTES - 1);
    for (int64_t i = 0; r != NULL && i < OUTCOMES_MINUTES; i++)
        memcpy(ret->minute[i], r->minute[(last + 1 + i) % OUTCOMES_MINUTES],
            sizeof(ret->minute[0]));
    (void)pthread_mutex_unlock(&o->lock);
}
