/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/requestlog.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PER_SECOND = 200,
    BURST_S = 5, /* so many seconds' worth at once */
    LINE = 2048,
    TEXT_MAX = 128,
    US = 1000000,
};

/* A bucket of lines: filled by time, emptied by lines. */
struct budget {
    int64_t left_us, full_us, since_us; /* a line costs US / per_second */
};
struct requestlog {
    struct requestlog_config c;
    int64_t cost_us;
    pthread_mutex_t lock;
    struct budget good, bad;
    uint64_t left_out, unsaid;
};

enum selfsame_code
requestlog_new(
    const struct requestlog_config *c, struct requestlog **ret, struct selfsame_err *e)
{
    struct requestlog *l = calloc(1, sizeof(*l));

    if (l == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the log of requests");
    l->c = *c;
    l->cost_us = US / (int64_t)(c->per_second != 0 ? c->per_second : PER_SECOND);
    if (l->cost_us == 0)
        l->cost_us = 1;
    l->good = l->bad = (struct budget){ .left_us = BURST_S * US,
        .full_us = BURST_S * US };
    (void)pthread_mutex_init(&l->lock, NULL);
    *ret = l;
    return SELFSAME_OK;
}

void
requestlog_free(struct requestlog **l)
{
    if (*l == NULL)
        return;
    (void)pthread_mutex_destroy(&(*l)->lock);
    free(*l);
    *l = NULL;
}

uint64_t
requestlog_left_out(struct requestlog *l)
{
    (void)pthread_mutex_lock(&l->lock);
    const uint64_t n = l->left_out;
    (void)pthread_mutex_unlock(&l->lock);
    return n;
}

static bool
budget_take(struct budget *b, int64_t cost_us, int64_t now_us)
{
    if (b->since_us != 0 && now_us > b->since_us) {
        const int64_t more = now_us - b->since_us;
        b->left_us = more > b->full_us - b->left_us ? b->full_us : b->left_us + more;
    }
    b->since_us = now_us;
    if (b->left_us < cost_us)
        return false;
    b->left_us -= cost_us;
    return true;
}

/* May this line be written; and how many were not, which is to be said before it. */
static bool
take(struct requestlog *l, const struct requestlog_line *line, uint64_t *ret_unsaid)
{
    struct budget *b = line->status >= 500 || line->status < 100 ? &l->bad : &l->good;

    (void)pthread_mutex_lock(&l->lock);
    const bool yes = budget_take(b, l->cost_us, line->now_us);
    *ret_unsaid = yes ? l->unsaid : 0;
    l->unsaid = yes ? 0 : l->unsaid + 1;
    l->left_out += yes ? 0 : 1;
    (void)pthread_mutex_unlock(&l->lock);
    return yes;
}

/* ---- the line ---- */

static void
put(struct writer *w, const char *text)
{
    put_bytes(w, bytes_str(text));
}

/* A string of JSON: what is not plain text becomes '?', which no reader takes for more. */
static void
put_text(struct writer *w, const char *name, const char *value)
{
    struct selfsame_bytes rest = bytes_str(value);
    bool plain = false;

    rest.len = text_cut(rest, TEXT_MAX);
    put(w, ",\"");
    put(w, name);
    put(w, "\":\"");
    while (rest.len > 0) {
        const size_t n = text_char(rest, &plain);
        if (plain && (rest.ptr[0] == '"' || rest.ptr[0] == '\\'))
            put_u8(w, '\\');
        if (plain)
            put_bytes(w, BYTES(rest.ptr, n));
        else
            put_u8(w, '?');
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
    put_u8(w, '"');
}

static void
put_known(struct writer *w, const char *name, const char *value)
{
    if (value != NULL)
        put_text(w, name, value);
}

static void
put_number(struct writer *w, const char *name, uint64_t n)
{
    char text[64];

    (void)snprintf(text, sizeof(text), ",\"%s\":%" PRIu64, name, n);
    put(w, text);
}

/* With milliseconds: time_format has none. */
static void
put_time(struct writer *w, int64_t at_ms)
{
    const int64_t ms = at_ms > 0 ? at_ms : 0;
    char text[TIME_TEXT], part[16];

    time_format(ms / 1000, text);
    text[strcspn(text, "Z")] = '\0';
    (void)snprintf(part, sizeof(part), ".%03dZ\"", (int)(ms % 1000));
    put(w, "{\"at\":\"");
    put(w, text);
    put(w, part);
}

static void
put_line(
    const struct requestlog *l, const struct requestlog_line *line, struct writer *w)
{
    put_time(w, line->at_ms);
    put(w, ",\"event\":\"request\"");
    put_known(w, "request", line->request);
    put_text(w, "method", line->method != NULL ? line->method : "-");
    put_text(w, "operation", line->operation != NULL ? line->operation : "none");
    put_number(w, "status", (uint64_t)(line->status > 0 ? line->status : 0));
    if (line->code != SELFSAME_OK)
        put_text(w, "class", selfsame_code_name(line->code));
    put_known(w, "verdict", line->verdict);
    put_known(w, "tenant", line->tenant);
    put_known(w, "key", line->key);
    if (l->c.peers)
        put_known(w, "peer", line->peer);
    put_number(w, "took_us", (uint64_t)(line->took_us > 0 ? line->took_us : 0));
    put_number(w, "in", line->in);
    put_number(w, "out", line->out);
    put(w, "}");
    put_u8(w, '\0');
}

static void
say_left_out(struct requestlog *l, int64_t at_ms, uint64_t n)
{
    char text[LINE];
    struct writer w = writer_of((uint8_t *)text, sizeof(text));

    put_time(&w, at_ms);
    put(&w, ",\"event\":\"left-out\"");
    put_number(&w, "lines", n);
    put(&w, "}");
    put_u8(&w, '\0');
    l->c.write(l->c.ctx, text);
}

void
requestlog_add(struct requestlog *l, const struct requestlog_line *line)
{
    char text[LINE];
    struct writer w = writer_of((uint8_t *)text, sizeof(text));
    uint64_t unsaid = 0;

    if (!take(l, line, &unsaid))
        return;
    if (unsaid > 0)
        say_left_out(l, line->at_ms, unsaid);
    put_line(l, line, &w);
    /* Seven texts of at most 128 bytes, doubled by escapes, and the rest: they fit. */
    if (!w.bad)
        l->c.write(l->c.ctx, text);
}
