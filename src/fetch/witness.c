/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/witness_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* For one that was not heard since the start: it may know more than a restored copy. */
enum { STRANGER_MS = 1000 };

/* ---- the threads ---- */

static void
ask_one(struct slot *s, int timeout_s)
{
    const struct http_query q = {
        .url = s->shows ? s->shown_url : s->url,
        .line = s->line,
        .post = !s->shows,
        .body = s->shows ? BYTES_NONE : bytes_str(s->body),
        .limit = ANSWER_MAX,
        .timeout_s = timeout_s,
        .stop = &s->client->closing,
    };

    s->e = (struct selfsame_err){ 0 };
    s->answer = (struct answer){ 0 };
    s->arena = arena_new(4 * ANSWER_MAX);
    s->began_ms = witness_now_ms();
    s->code = http_call(&q, &s->arena, &s->answer, &s->e);
}

static void *
serve_slot(void *ctx)
{
    struct slot *s = ctx;
    struct witness_client *c = s->client;
    int timeout_s = (int)((c->timeout_ms + 999) / 1000);

    (void)pthread_mutex_lock(&c->lock);
    while (!atomic_load(&c->closing)) {
        if (s->state != SLOT_ASKED) {
            (void)pthread_cond_wait(&c->work, &c->lock);
            continue;
        }
        s->state = SLOT_BUSY;
        (void)pthread_mutex_unlock(&c->lock);
        ask_one(s, timeout_s);
        (void)pthread_mutex_lock(&c->lock);
        s->state = SLOT_ANSWERED;
        (void)pthread_cond_signal(&c->answers);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return NULL;
}

/* ---- one checkpoint ---- */

/* From what the witness cosigned last to our checkpoint. */
static enum selfsame_code
make_body(const struct round *r, struct slot *s, struct selfsame_err *e)
{
    auto_arena arena = arena_new(2 * WITNESS_REQUEST_MAX);
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct witness_request q = {
        .old_size = s->health.size,
        .path = { .hashes = hashes },
        .checkpoint = r->note,
    };

    if (!merkle_prove_consistency(
            r->source, q.old_size, r->k->size, hashes, &q.path.count))
        FAIL(e, SELFSAME_IO,
            "cannot prove that %" PRIu64 " entries begin with %" PRIu64, r->k->size,
            q.old_size);
    char *text = witness_request_text(&q, &arena);
    free(s->body);
    s->body = text != NULL ? strdup(text) : NULL;
    if (s->body == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a request to a witness");
    return SELFSAME_OK;
}

static void
begin(const struct round *r, struct slot *s)
{
    struct selfsame_err e = { 0 };

    s->retry_ms = 0;
    s->tries++;
    if (!s->checked && !s->shows && !witness_ask_to_show(r, s)) {
        witness_give_up(s, "no memory");
        return;
    }
    if (!s->shows && make_body(r, s, &e) != SELFSAME_OK) {
        witness_give_up(s, "%.150s", err_text(&e));
        return;
    }
    s->round = r->c->round;
    s->size = r->k->size;
    s->state = SLOT_ASKED;
    (void)pthread_cond_broadcast(&r->c->work);
}

/* ---- waiting ---- */

/*
 * Once the quorum is met, who is late has a little time. More has one that could prove
 * that nothing of this may be published.
 */
static int64_t
grace_end_ms(const struct round *r)
{
    int64_t ms = r->met_ms + r->c->grace_ms;

    for (size_t i = 0; i < r->c->count; i++) {
        const struct slot *s = &r->c->slots[i];

        if (s->over || s->loose)
            continue;
        if (s->named && !s->spent)
            return r->deadline_ms;
        if (!s->heard && ms < r->met_ms + STRANGER_MS)
            ms = r->met_ms + STRANGER_MS;
    }
    return ms;
}

/* When the round ends at the latest. */
static int64_t
last_ms(const struct round *r)
{
    int64_t ms = r->deadline_ms;

    if (r->met && grace_end_ms(r) < ms)
        ms = grace_end_ms(r);
    return r->c->end_ms != 0 && r->c->end_ms < ms ? r->c->end_ms : ms;
}

/*
 * From when on witnesses are asked to cosign: first those that are new here may show what
 * they have, or a copy that was put back would have its fork signed by the others.
 */
static int64_t
open_ms(const struct round *r)
{
    for (size_t i = 0; i < r->c->count; i++) {
        const struct slot *s = &r->c->slots[i];

        if (!s->over && !s->checked && !s->loose)
            return r->began_ms + STRANGER_MS;
    }
    return 0;
}

static enum selfsame_code
take_all(struct round *r, struct selfsame_err *e)
{
    for (size_t i = 0; i < r->c->count; i++) {
        struct slot *s = &r->c->slots[i];

        if (s->state != SLOT_ANSWERED)
            continue;
        s->state = SLOT_IDLE;
        enum selfsame_code code = witness_take_answer(r, s, e);
        arena_free(&s->arena);
        TRY(code);
    }
    return SELFSAME_OK;
}

/* Looks at all of them once. *ret_wait: until when nothing has to be done. */
static enum selfsame_code
look(struct round *r, int64_t *ret_wait, bool *ret_pending, struct selfsame_err *e)
{
    const int64_t now = witness_now_ms();

    *ret_pending = false;
    *ret_wait = r->deadline_ms;
    TRY(take_all(r, e));
    const int64_t open = open_ms(r);
    for (size_t i = 0; i < r->c->count; i++) {
        struct slot *s = &r->c->slots[i];
        const int64_t from = s->checked && !s->shows && open > s->retry_ms
                                 ? open
                                 : s->retry_ms;

        if (s->state == SLOT_IDLE && !s->over && from <= now)
            begin(r, s);
        else if (s->state == SLOT_IDLE && !s->over && from < *ret_wait)
            *ret_wait = from;
        *ret_pending = *ret_pending || !s->over;
    }
    if (!r->met && log_policy_met(r->c->policy, r->good)) {
        r->met = true;
        r->met_ms = now;
    }
    if (last_ms(r) < *ret_wait)
        *ret_wait = last_ms(r);
    return SELFSAME_OK;
}

static void
wait_until(struct witness_client *c, int64_t until_ms)
{
    struct timespec t = {
        .tv_sec = (time_t)(until_ms / 1000),
        .tv_nsec = (long)(until_ms % 1000) * 1000000,
    };

    (void)pthread_cond_timedwait(&c->answers, &c->lock, &t);
}

static enum selfsame_code
run_round(struct round *r, struct selfsame_err *e)
{
    int64_t until;
    bool pending;

    for (;;) {
        TRY(look(r, &until, &pending, e));
        int64_t now = witness_now_ms(), last = last_ms(r);
        if (!pending || now >= last)
            return SELFSAME_OK;
        until = until < last ? until : last;
        wait_until(r->c, until > now ? until : now + 1);
    }
}

/* Why there is no quorum: of whom nothing was heard, and of whom what. */
static enum selfsame_code
not_met(const struct round *r, struct selfsame_err *e)
{
    char all[600] = "";
    size_t len = 0, cosigned = 0;

    for (size_t i = 0; i < r->c->count; i++) {
        const struct slot *s = &r->c->slots[i];
        const struct selfsame_bytes name = r->c->policy->witness_names[s->i];

        cosigned += r->good >> s->i & 1;
        if ((r->good >> s->i & 1) != 0 || len >= sizeof(all) - 1)
            continue;
        int n = snprintf(all + len, sizeof(all) - len, "; %.*s: %s",
            name.len < 40 ? (int)name.len : 40, (const char *)name.ptr, s->health.why);
        len += n > 0 ? (size_t)n : 0;
    }
    FAIL(e, SELFSAME_LOG, "the quorum is not met: %zu of %zu witnesses cosigned%s",
        cosigned, r->c->count, all);
}

static enum selfsame_code
collect(const struct round *r, struct arena *arena, char **ret, struct selfsame_err *e)
{
    char *all = arena_str(arena, BYTES_NONE);

    for (size_t i = 0; i < r->c->count && all != NULL; i++)
        if ((r->good >> r->c->slots[i].i & 1) != 0)
            all = arena_printf(arena, "%s%s", all, r->c->slots[i].lines);
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for cosignatures");
    *ret = all;
    return SELFSAME_OK;
}

/* The round is over; what it still answers is heard in the next one. */
static void
too_late(struct slot *s, bool alarm)
{
    const bool unproven = s->shows && s->checked && !alarm;

    if (s->over)
        return;
    s->health.unproven += unproven;
    s->spent = s->spent || s->named;
    witness_give_up(
        s, "%s%sno answer in time", unproven ? s->claim : "", unproven ? "; " : "");
    s->loose = true;
}

enum selfsame_code
witness_client_ask(struct witness_client *c, struct selfsame_bytes note,
    const struct checkpoint *k, const struct merkle_source *source, struct arena *arena,
    char **ret_lines, struct selfsame_err *e)
{
    struct round r = { .c = c,
        .note = note,
        .k = k,
        .source = source,
        .began_ms = witness_now_ms(),
        .deadline_ms = witness_now_ms() + c->timeout_ms };

    (void)pthread_mutex_lock(&c->lock);
    c->round++;
    for (size_t i = 0; i < c->count; i++) {
        c->slots[i].tries = 0;
        c->slots[i].over = false;
        c->slots[i].named = c->slots[i].shows && c->slots[i].checked;
        c->slots[i].retry_ms = 0;
    }
    enum selfsame_code code = run_round(&r, e);
    for (size_t i = 0; i < c->count; i++)
        too_late(&c->slots[i], code != SELFSAME_OK);
    if (code == SELFSAME_OK)
        code = r.met ? collect(&r, arena, ret_lines, e) : not_met(&r, e);
    (void)pthread_mutex_unlock(&c->lock);
    return code;
}

char *
witness_client_evidence(struct witness_client *c, struct arena *arena)
{
    (void)pthread_mutex_lock(&c->lock);
    char *note = c->evidence != NULL ? arena_str(arena, bytes_str(c->evidence)) : NULL;
    (void)pthread_mutex_unlock(&c->lock);
    return note;
}

void
witness_client_hurry(struct witness_client *c, unsigned ms)
{
    (void)pthread_mutex_lock(&c->lock);
    c->end_ms = witness_now_ms() + ms;
    (void)pthread_cond_broadcast(&c->answers);
    (void)pthread_mutex_unlock(&c->lock);
}

void
witness_client_health(struct witness_client *c, size_t i, struct witness_health *ret)
{
    struct witness_health h = { .why = "no URL" };

    (void)pthread_mutex_lock(&c->lock);
    for (size_t k = 0; k < c->count; k++)
        if (c->slots[k].i == i)
            h = c->slots[k].health;
    (void)pthread_mutex_unlock(&c->lock);
    *ret = h;
}

/* ---- its life ---- */

static enum selfsame_code
start(struct witness_client *c, struct slot *s, struct selfsame_err *e)
{
    int error = pthread_create(&s->thread, NULL, serve_slot, s);

    if (error != 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread: %s", strerror(error));
    s->threaded = true;
    c->count++;
    return SELFSAME_OK;
}

static enum selfsame_code
add_slot(struct witness_client *c, size_t i, struct selfsame_err *e)
{
    const struct selfsame_bytes url = c->policy->witness_urls[i];
    struct slot *s = &c->slots[c->count];
    bool slash = url.ptr[url.len - 1] == '/';
    char text[FETCH_URL_MAX];

    int len = snprintf(text, sizeof(text), "%.*s%s" WITNESS_ADD, (int)url.len,
        (const char *)url.ptr, slash ? "" : "/");
    if (len <= 0 || (size_t)len >= sizeof(text))
        FAIL(e, SELFSAME_USAGE, "the URL of a witness is too long");
    *s = (struct slot){ .client = c, .i = i, .url = strdup(text) };
    if (s->url == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a witness");
    enum selfsame_code code = http_line_new(&s->line, e);
    if (code == SELFSAME_OK)
        code = start(c, s, e);
    if (code != SELFSAME_OK) {
        http_line_free(&s->line);
        free(s->url);
    }
    return code;
}

static void
clocks(struct witness_client *c)
{
    pthread_condattr_t monotonic;

    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->work, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->answers, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

enum selfsame_code
witness_client_new(const struct witness_client_config *config,
    struct witness_client **ret, struct selfsame_err *e)
{
    auto_witness_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for witnesses");
    clocks(c);
    c->policy = config->policy;
    c->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : 10000;
    c->grace_ms = config->grace_ms > 0 ? config->grace_ms : 50;
    c->slots = calloc(c->policy->witness_count + 1, sizeof(*c->slots));
    if (c->slots == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for witnesses");
    for (size_t i = 0; i < c->policy->witness_count; i++)
        if (c->policy->witness_urls[i].len > 0)
            TRY(add_slot(c, i, e));
    *ret = c;
    c = NULL;
    return SELFSAME_OK;
}

void
witness_client_free(struct witness_client **client)
{
    struct witness_client *c = *client;

    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->lock);
    atomic_store(&c->closing, true);
    (void)pthread_cond_broadcast(&c->work);
    (void)pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < c->count; i++) {
        struct slot *s = &c->slots[i];

        if (s->threaded)
            (void)pthread_join(s->thread, NULL);
        if (s->state == SLOT_ANSWERED)
            arena_free(&s->arena);
        http_line_free(&s->line);
        free(s->url);
        free(s->body);
        free(s->lines);
    }
    free(c->slots);
    free(c->evidence);
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_cond_destroy(&c->work);
    (void)pthread_cond_destroy(&c->answers);
    free(c);
    *client = NULL;
}
