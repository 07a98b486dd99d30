/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/witness.h"

#include "fetch/fetch.h"
#include "os/os.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* As Tessera's: three attempts, 10 ms doubling to 250 ms between them. */
enum { TRIES = 3, BACKOFF_MS = 10, BACKOFF_MAX_MS = 250, ANSWER_MAX = 65536 };

enum slot_state {
    SLOT_IDLE,
    SLOT_ASKED,    /* its thread has to begin */
    SLOT_BUSY,     /* its thread waits for the witness */
    SLOT_ANSWERED, /* the caller has to look */
};
struct slot {
    struct witness_client *client;
    size_t i; /* of the policy */
    char *url;
    struct http_line *line; /* kept open: the thread's */
    pthread_t thread;
    bool threaded;

    enum slot_state state; /* everything from here under the lock */
    char *body;            /* malloc'ed; the thread's while it is BUSY */
    uint64_t round;        /* which `body` belongs to */
    uint64_t size;         /* of the checkpoint in it */
    enum selfsame_code code;
    struct answer answer; /* in the arena, which is the thread's while it is BUSY */
    struct arena arena;
    int64_t began_ms;
    struct selfsame_err e;

    /* of this round; the caller's */
    unsigned tries;
    bool over; /* cosigned, or given up */
    int64_t retry_ms;
    char *lines; /* malloc'ed */

    struct witness_health health;
};

struct witness_client {
    const struct log_policy *policy;
    unsigned timeout_ms, grace_ms;
    struct slot *slots; /* those with a URL */
    size_t count;
    uint64_t round;
    pthread_mutex_t lock;
    pthread_cond_t work, answers;
    atomic_bool closing;
    int64_t end_ms; /* of every round; 0: none yet */
};

static int64_t
now_ms(void)
{
    struct timespec t = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the threads ---- */

static void
ask_one(struct slot *s, int timeout_s)
{
    const struct http_query q = {
        .url = s->url,
        .line = s->line,
        .post = true,
        .body = bytes_str(s->body),
        .limit = ANSWER_MAX,
        .timeout_s = timeout_s,
        .stop = &s->client->closing,
    };

    s->e = (struct selfsame_err){ 0 };
    s->answer = (struct answer){ 0 };
    s->arena = arena_new(4 * ANSWER_MAX);
    s->began_ms = now_ms();
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

struct round {
    struct witness_client *c;
    struct selfsame_bytes note;
    const struct checkpoint *k;
    const struct merkle_source *source;
    int64_t deadline_ms, grace_ms; /* grace_ms 0: no quorum yet */
    uint64_t good;                 /* bits of the policy's witnesses */
    bool met;
};

SELFSAME_PRINTF(2, 3)
static void
give_up(struct slot *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(s->health.why, sizeof(s->health.why), fmt, args);
    va_end(args);
    s->health.failed++;
    s->over = true;
}

/* Again, a little later; false: that was the last time. */
static bool
later(struct slot *s)
{
    int64_t wait = BACKOFF_MS;

    if (s->tries >= TRIES)
        return false;
    for (unsigned i = 1; i < s->tries && wait < BACKOFF_MAX_MS; i++)
        wait *= 2;
    s->retry_ms = now_ms() + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
    return true;
}

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
    if (make_body(r, s, &e) != SELFSAME_OK) {
        give_up(s, "%.150s", err_text(&e));
        return;
    }
    s->round = r->c->round;
    s->size = r->k->size;
    s->state = SLOT_ASKED;
    (void)pthread_cond_broadcast(&r->c->work);
}

/* ---- what they answer ---- */

/* The lines of the known key among those of the answer, once they verify for our note. */
static enum selfsame_code
take_lines(const struct round *r, struct slot *s, struct selfsame_err *e)
{
    auto_arena arena = arena_new(4 * WITNESS_REQUEST_MAX);
    const struct note_key *key = &r->c->policy->witnesses[s->i];
    struct checkpoint k = *r->k;
    struct note n;
    uint64_t good = 0;
    char *text = checkpoint_text(&k, &arena);
    char *all = text != NULL
                    ? arena_printf(&arena, "%s\n%.*s", text, (int)s->answer.body.len,
                          (const char *)s->answer.body.ptr)
                    : NULL;

    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an answer");
    TRY(note_parse(bytes_str(all), &arena, &n, e));
    TRY(note_verify(&n, key, 1, &good, NULL, e));
    char *lines = arena_str(&arena, BYTES_NONE);
    for (size_t i = 0; i < n.count && lines != NULL; i++) {
        const struct note_line *l = &n.lines[i];
        uint8_t raw[4 + 8 + 64];
        char base64[BASE64_SIZE(sizeof(raw))];
        struct writer w = writer_of(raw, sizeof(raw));

        put_be32(&w, l->id);
        put_bytes(&w, l->signature);
        if (l->id != key->id || !bytes_eq(l->name, key->name) || w.bad)
            continue;
        (void)base64_encode(writer_bytes(&w), false, base64);
        lines = arena_printf(&arena, "\xe2\x80\x94 %.*s %s\n", (int)l->name.len,
            (const char *)l->name.ptr, base64);
    }
    free(s->lines);
    s->lines = lines != NULL ? strdup(lines) : NULL;
    if (s->lines == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a cosignature");
    return SELFSAME_OK;
}

static void
take_good(struct round *r, struct slot *s)
{
    struct selfsame_err e = { 0 };

    if (take_lines(r, s, &e) != SELFSAME_OK) {
        give_up(s, "%.150s", err_text(&e));
        return;
    }
    s->health.size = r->k->size;
    s->health.cosigned++;
    s->health.took_ms = now_ms() - s->began_ms;
    s->health.why[0] = '\0';
    s->over = true;
    r->good |= UINT64_C(1) << s->i;
}

/* "<size>\n"; false: it says no size. */
static bool
size_of(struct selfsame_bytes body, uint64_t *ret)
{
    struct selfsame_bytes line;

    return bytes_line(&body, &line) && body.len == 0 && line.len > 0 &&
           line.ptr[0] >= '0' && line.ptr[0] <= '9' &&
           (line.len == 1 || (line.ptr[0] != '0' && line.ptr[1] != 'x')) &&
           uint_parse((const char *)line.ptr, line.len, INT64_MAX, ret);
}

static enum selfsame_code
take_conflict(struct round *r, struct slot *s, struct selfsame_err *e)
{
    uint64_t size = 0;

    if (!size_of(s->answer.body, &size)) {
        /* transparency-dev's witness, for two roots of one size. */
        give_up(s, "a conflict without a size: it may have cosigned another tree");
        return SELFSAME_OK;
    }
    if (size > r->k->size) {
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
            "witness %.*s has cosigned %" PRIu64 " entries of this log, got %" PRIu64
            " here: this is an older copy",
            r->c->policy->witness_names[s->i].len < 60
                ? (int)r->c->policy->witness_names[s->i].len
                : 60,
            (const char *)r->c->policy->witness_names[s->i].ptr, size, r->k->size);
        err_remedy(
            e, "Stop; restore the newest copy of the log. Going on would fork it.");
        give_up(s, "it has cosigned a larger tree than this");
        return SELFSAME_IO;
    }
    s->health.size = size;
    if (!later(s))
        give_up(s, "its size changed with every attempt");
    return SELFSAME_OK;
}

static enum selfsame_code
take_answer(struct round *r, struct slot *s, struct selfsame_err *e)
{
    long status = s->answer.status;

    if (s->code != SELFSAME_OK) {
        if (!later(s))
            give_up(s, "%.150s", err_text(&s->e));
    } else if (s->round != r->c->round) {
        /* It was late with an older checkpoint; now it can hear of this one. */
        if (status == 200)
            s->health.size = s->size;
        s->retry_ms = now_ms();
    } else if (status == 200) {
        take_good(r, s);
    } else if (status == 409) {
        return take_conflict(r, s, e);
    } else if (status == 429 || status >= 500) {
        if (!later(s))
            give_up(s, "status %ld", status);
    } else {
        give_up(s,
            status == 422 ? "it found the trees inconsistent (%ld)" : "status %ld",
            status);
    }
    return SELFSAME_OK;
}

/* ---- waiting ---- */

/* Looks at all of them once. *ret_wait: until when nothing has to be done. */
static enum selfsame_code
look(struct round *r, int64_t *ret_wait, bool *ret_pending, struct selfsame_err *e)
{
    int64_t now = now_ms();

    *ret_pending = false;
    *ret_wait = r->met ? r->grace_ms : r->deadline_ms;
    for (size_t i = 0; i < r->c->count; i++) {
        struct slot *s = &r->c->slots[i];

        if (s->state == SLOT_ANSWERED) {
            s->state = SLOT_IDLE;
            enum selfsame_code code = take_answer(r, s, e);
            arena_free(&s->arena);
            TRY(code);
        }
        if (s->state == SLOT_IDLE && !s->over && s->retry_ms <= now)
            begin(r, s);
        if (!s->over && s->state == SLOT_IDLE && s->retry_ms < *ret_wait)
            *ret_wait = s->retry_ms;
        *ret_pending = *ret_pending || !s->over;
    }
    if (!r->met && log_policy_met(r->c->policy, r->good)) {
        r->met = true;
        r->grace_ms = now + r->c->grace_ms;
        if (r->grace_ms < *ret_wait)
            *ret_wait = r->grace_ms;
    }
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
        int64_t now = now_ms();
        int64_t last = r->met ? r->grace_ms : r->deadline_ms;
        if (r->c->end_ms != 0 && r->c->end_ms < last)
            last = r->c->end_ms;
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

enum selfsame_code
witness_client_ask(struct witness_client *c, struct selfsame_bytes note,
    const struct checkpoint *k, const struct merkle_source *source, struct arena *arena,
    char **ret_lines, struct selfsame_err *e)
{
    struct round r = { .c = c,
        .note = note,
        .k = k,
        .source = source,
        .deadline_ms = now_ms() + c->timeout_ms };

    (void)pthread_mutex_lock(&c->lock);
    c->round++;
    for (size_t i = 0; i < c->count; i++) {
        c->slots[i].tries = 0;
        c->slots[i].over = false;
        c->slots[i].retry_ms = 0;
    }
    enum selfsame_code code = run_round(&r, e);
    for (size_t i = 0; i < c->count; i++)
        if (!c->slots[i].over)
            give_up(&c->slots[i], "no answer in time");
    if (code == SELFSAME_OK)
        code = r.met ? collect(&r, arena, ret_lines, e) : not_met(&r, e);
    (void)pthread_mutex_unlock(&c->lock);
    return code;
}

void
witness_client_hurry(struct witness_client *c, unsigned ms)
{
    (void)pthread_mutex_lock(&c->lock);
    c->end_ms = now_ms() + ms;
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

    int len = snprintf(text, sizeof(text), "%.*s%sadd-checkpoint", (int)url.len,
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
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_cond_destroy(&c->work);
    (void)pthread_cond_destroy(&c->answers);
    free(c);
    *client = NULL;
}
