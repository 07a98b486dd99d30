/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch/witness_evidence.h"
#include "fetch/witness_parts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* As Tessera's: three attempts, 10 ms doubling to 250 ms between them. */
enum { TRIES = 3, BACKOFF_MS = 10, BACKOFF_MAX_MS = 250 };

int64_t
witness_now_ms(void)
{
    struct timespec t = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
witness_give_up(struct slot *s, const char *fmt, ...)
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
    s->retry_ms = witness_now_ms() + (wait < BACKOFF_MAX_MS ? wait : BACKOFF_MAX_MS);
    return true;
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
        witness_give_up(s, "%.150s", err_text(&e));
        return;
    }
    s->health.size = r->k->size;
    s->health.cosigned++;
    s->health.took_ms = witness_now_ms() - s->began_ms;
    s->health.why[0] = '\0';
    s->over = true;
    s->heard = true;
    s->loose = false;
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

/* ---- who refuses has to show why ---- */

bool
witness_ask_to_show(const struct round *r, struct slot *s)
{
    const size_t base = strlen(s->url) - strlen(WITNESS_ADD);
    uint8_t digest[HASH_MAX];
    char hex[2 * LOG_HASH + 1];

    if (!hash_bytes(HASH_SHA256, r->k->origin, digest))
        return false;
    hex_encode(BYTES(digest, LOG_HASH), hex);
    (void)snprintf(s->shown_url, sizeof(s->shown_url), "%.*s%s/checkpoint", (int)base,
        s->url, hex);
    s->shows = true;
    return true;
}

/* Anybody could say so: its last checkpoint is asked for, which this log has signed. */
SELFSAME_PRINTF(3, 4)
static void
doubt(const struct round *r, struct slot *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(s->claim, sizeof(s->claim), fmt, args);
    va_end(args);
    if (!witness_ask_to_show(r, s)) {
        witness_give_up(s, "%s; no memory to ask for more", s->claim);
        return;
    }
    s->named = true;
    s->tries = 0;
    s->retry_ms = 0;
}

static enum selfsame_code
alarm_of(struct round *r, struct slot *s, enum witness_evidence what, uint64_t size,
    struct selfsame_err *e)
{
    const struct selfsame_bytes name = r->c->policy->witness_names[s->i];
    const int len = name.len < 60 ? (int)name.len : 60;

    free(r->c->evidence);
    r->c->evidence = strndup((const char *)s->answer.body.ptr, s->answer.body.len);
    if (what == EVIDENCE_LARGER)
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
            "witness %.*s has cosigned %" PRIu64 " entries of this log, got %" PRIu64
            " here: this is an older copy",
            len, (const char *)name.ptr, size, r->k->size);
    else
        (void)err_set(e, SELFSAME_IO, __FILE__, __LINE__,
            "witness %.*s has cosigned %" PRIu64
            " entries of this log that are not those here: the log is forked",
            len, (const char *)name.ptr, size);
    err_remedy(e, "Stop; restore the newest copy of the log. Going on would fork it.");
    witness_give_up(s, what == EVIDENCE_LARGER
                           ? "it has cosigned a larger tree than this"
                           : "it has cosigned another tree than this");
    return SELFSAME_IO;
}

/*
 * What it shows before it is asked for the first time, and nothing speaks against it. Who
 * cannot be heard so is asked all the same from the next round on: it may cosign though
 * this path of it leads nowhere, and does not cosign a fork of what it cosigned.
 */
static void
take_first(struct slot *s, enum witness_evidence what, uint64_t size)
{
    s->checked = true;
    s->tries = 0;
    s->retry_ms = 0;
    if (what == EVIDENCE_OURS)
        s->health.size = size;
    if (s->code == SELFSAME_OK)
        return;
    s->loose = true;
    witness_give_up(s, "%.150s", err_text(&s->e));
}

/* What it shows: only what the log's own key signed says anything. */
static enum selfsame_code
take_shown(struct round *r, struct slot *s, struct selfsame_err *e)
{
    const long status = s->code == SELFSAME_OK ? s->answer.status : 0;
    enum witness_evidence what = EVIDENCE_NONE;
    uint64_t size = 0;

    const bool late = !s->checked && s->loose; /* a round did without it */

    if ((status == 0 || status == 429 || status >= 500) && !late && later(s))
        return SELFSAME_OK;
    s->shows = false;
    if (status == 200)
        what = witness_evidence_of(
            r->c->policy, s->answer.body, r->k, r->source, &size);
    if (what == EVIDENCE_LARGER || what == EVIDENCE_FORK)
        return alarm_of(r, s, what, size, e);
    if (!s->checked) {
        take_first(s, what, size);
        return SELFSAME_OK;
    }
    s->loose = true;
    s->health.unproven++;
    witness_give_up(s, "%s, which %s", s->claim,
        what == EVIDENCE_OURS ? "the checkpoint that it shows refutes"
                              : "no checkpoint that it shows proves");
    return SELFSAME_OK;
}

static void
take_conflict(struct round *r, struct slot *s)
{
    uint64_t size = 0;

    if (!size_of(s->answer.body, &size)) {
        /* transparency-dev's witness, for two roots of one size. */
        doubt(r, s, "it says a conflict without a size");
    } else if (size > r->k->size) {
        doubt(r, s, "it says that it has cosigned %" PRIu64 " entries", size);
    } else {
        s->health.size = size;
        s->named = true;
        if (!later(s)) {
            s->loose = true;
            witness_give_up(s, "its size changed with every attempt");
        }
    }
}

enum selfsame_code
witness_take_answer(struct round *r, struct slot *s, struct selfsame_err *e)
{
    const long status = s->answer.status;

    if (s->shows)
        return take_shown(r, s, e);
    if (s->code != SELFSAME_OK) {
        if (!later(s))
            witness_give_up(s, "%.150s", err_text(&s->e));
    } else if (status == 409) {
        take_conflict(r, s);
    } else if (status == 422) {
        doubt(r, s,
            "it says that the tree is inconsistent with its %" PRIu64 " entries",
            s->health.size);
    } else if (s->round != r->c->round) {
        /* It was late with an older checkpoint; now it can hear of this one. */
        if (status == 200)
            s->health.size = s->size;
        s->retry_ms = witness_now_ms();
    } else if (status == 200) {
        take_good(r, s);
    } else if (status == 429 || status >= 500) {
        if (!later(s))
            witness_give_up(s, "status %ld", status);
    } else {
        witness_give_up(s, "status %ld", status);
    }
    return SELFSAME_OK;
}
