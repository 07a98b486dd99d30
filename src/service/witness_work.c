/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "service/witness_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOB_MEMORY = 1 << 20 };

/* What a job will be answered, once the transaction is durable. */
struct outcome {
    int status;
    const char *type;
    struct selfsame_bytes body; /* of a good one */
    struct selfsame_err e;      /* of a refusal */
    struct witness_log *log;    /* swapped: */
    uint64_t size;
};

static void
at(struct witness_work *w, const char *step)
{
    if (w->config->step != NULL)
        w->config->step(w->config->ctx, step);
}

static void
tell(struct witness_work *w, const char *what, const char *sentence)
{
    if (w->config->tell != NULL)
        w->config->tell(w->config->ctx, what, sentence);
}

/* ---- the note that is kept ---- */

/* Which of the keys made this line? key_count: none of this log's. */
static size_t
key_of(const struct witness_dir *d, const struct witness_asked *q,
    const struct note_line *l)
{
    size_t k = 0;

    while (k < d->key_count &&
           (d->keys[k].id != l->id || !bytes_eq(d->keys[k].name, l->name)))
        k++;
    return bytes_eq(l->name, q->checkpoint.origin) ? k : d->key_count;
}

/* Whoever asks may repeat a line as often as fits: once is enough to keep. */
static bool
is_first(const struct witness_dir *d, const struct witness_asked *q, size_t i)
{
    const size_t key = key_of(d, q, &q->note.lines[i]);

    for (size_t k = 0; k < i; k++)
        if (key_of(d, q, &q->note.lines[k]) == key)
            return false;
    return key < d->key_count;
}

/* The log's own lines, one of each key, without what others put beside them. */
static char *
own_lines(
    const struct witness_dir *d, const struct witness_asked *q, struct arena *arena)
{
    enum { OWN_LINE = NOTE_NAME_MAX + BASE64_SIZE(4 + 64) + 8 };
    size_t cap = 1, len = 0;

    for (size_t i = 0; i < q->note.count; i++)
        cap += is_first(d, q, i) ? OWN_LINE : 0;
    char *all = ARENA_NEW(arena, char, cap);
    for (size_t i = 0; i < q->note.count && all != NULL; i++) {
        const struct note_line *l = &q->note.lines[i];
        uint8_t raw[4 + 64];
        char text[BASE64_SIZE(sizeof(raw))];
        struct writer out = writer_of(raw, sizeof(raw));

        put_be32(&out, l->id);
        put_bytes(&out, l->signature);
        if (!is_first(d, q, i) || out.bad)
            continue;
        (void)base64_encode(writer_bytes(&out), false, text);
        const int n = snprintf(all + len, cap - len, "\xe2\x80\x94 %.*s %s\n",
            (int)l->name.len, (const char *)l->name.ptr, text);
        len += n > 0 && (size_t)n < cap - len ? (size_t)n : 0;
    }
    return all;
}

static enum selfsame_code
sign(struct witness_dir *d, const struct witness_asked *q, struct arena *arena,
    char **ret_line, struct selfsame_bytes *ret_note, struct selfsame_err *e)
{
    int64_t now_s = os_now_ms() / 1000;
    char *lines = own_lines(d, q, arena);

    if (now_s <= 0)
        FAIL(e, SELFSAME_INTERNAL, "the clock stands before 1970");
    TRY(note_sign(q->note.text, d->vkey.name, NOTE_COSIGNATURE, d->key, now_s, arena,
        ret_line, e));
    char *note = lines != NULL
                     ? arena_printf(arena, "%.*s\n%s%s", (int)q->note.text.len,
                           (const char *)q->note.text.ptr, lines, *ret_line)
                     : NULL;
    if (note == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a checkpoint");
    *ret_note = bytes_str(note);
    return SELFSAME_OK;
}

/* ---- one job ---- */

/* There may be very many of them: told at 1, 2, 4, 8 … */
static void
tell_dropped(
    struct witness_work *w, const struct witness_asked *q, size_t dropped, bool fork)
{
    char sentence[400];

    (void)atomic_fetch_add(&w->counts->dropped, 1);
    if ((dropped & (dropped - 1)) != 0)
        return;
    (void)snprintf(sentence, sizeof(sentence),
        "%.*s: %d %s are kept in %s/forks, the first and the last half of them; %zu "
        "between were dropped since the start",
        q->checkpoint.origin.len < 100 ? (int)q->checkpoint.origin.len : 100,
        (const char *)q->checkpoint.origin.ptr,
        fork ? (int)WITNESS_FORKS : (int)WITNESS_SUSPECTS, fork ? "forks" : "suspects",
        w->dir->path, dropped);
    tell(w, "dropped", sentence);
}

/* Two trees, or one that does not follow: what the log signed is kept. */
static void
keep_evidence(struct witness_work *w, const struct witness_asked *q,
    const struct witness_record *stored, struct selfsame_bytes request, bool fork)
{
    struct selfsame_err e = { 0 };
    char sentence[400];
    size_t dropped = 0;
    bool fresh = false;

    if (fork)
        (void)atomic_fetch_add(&w->counts->forks, 1);
    /* Nothing contradicts what was never cosigned. */
    if (stored->note.len == 0)
        return;
    if (witness_dir_keep(w->dir, q, stored, request, fork, &fresh, &dropped, &e) !=
        SELFSAME_OK) {
        (void)selfsame_err_print(&e, sentence, sizeof(sentence));
        tell(w, "evidence", sentence);
    } else if (fresh && dropped > 0) {
        tell_dropped(w, q, dropped, fork);
    } else if (fresh) {
        (void)snprintf(sentence, sizeof(sentence),
            "%.*s signed a checkpoint of size %" PRIu64
            " that %s what was cosigned for size %" PRIu64 ": see %s/forks",
            q->checkpoint.origin.len < 100 ? (int)q->checkpoint.origin.len : 100,
            (const char *)q->checkpoint.origin.ptr, q->checkpoint.size,
            fork ? "contradicts" : "was not shown to follow", stored->state.size,
            w->dir->path);
        tell(w, fork ? "fork" : "inconsistent", sentence);
    }
}

static enum selfsame_code
cosign(struct witness_work *w, const struct witness_asked *q,
    const struct witness_state *was, const struct witness_state *now,
    struct arena *arena, struct outcome *o, struct selfsame_err *e)
{
    struct witness_record record = { .state = *now };
    char *line = NULL;

    TRY(sign(w->dir, q, arena, &line, &record.note, e));
    at(w, "signed");
    TRY(witness_store_swap(w->store, q->checkpoint.origin, was, &record, e));
    at(w, "swapped");
    o->status = 200;
    o->body = bytes_str(line);
    o->log = witness_dir_log(w->dir, q->checkpoint.origin);
    o->size = now->size;
    return SELFSAME_OK;
}

/* Not OK: the transaction is lost. */
static enum selfsame_code
add_checkpoint(struct witness_work *w, struct selfsame_bytes body, struct arena *arena,
    struct outcome *o, struct selfsame_err *e)
{
    struct witness_asked q;
    struct witness_record stored;
    struct witness_state now;
    bool fork = false;

    o->status = witness_open(body, w->dir->keys, w->dir->key_count, arena, &q, &o->e);
    if (o->status != 0)
        return SELFSAME_OK;
    TRY(witness_store_get(w->store, q.checkpoint.origin, arena, &stored, e));
    at(w, "read");
    o->status = witness_judge(&q, &stored.state, &now, &fork, &o->e);
    at(w, "judged");
    if (o->status == 200)
        return cosign(w, &q, &stored.state, &now, arena, o, e);
    if (fork || o->status == 422)
        keep_evidence(w, &q, &stored, body, fork);
    if (o->status == 409) {
        char *size = arena_printf(arena, "%" PRIu64 "\n", stored.state.size);
        if (size == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for an answer");
        o->type = "text/x.tlog.size";
        o->body = bytes_str(size);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
last_checkpoint(struct witness_work *w, const struct witness_log *l,
    struct arena *arena, struct outcome *o, struct selfsame_err *e)
{
    struct witness_record stored;

    TRY(witness_store_get(w->store, l->origin, arena, &stored, e));
    o->status = stored.note.len > 0 ? 200 : 404;
    o->body = stored.note;
    if (o->status == 404)
        (void)err_set(&o->e, SELFSAME_LOG, __FILE__, __LINE__,
            "nothing was cosigned of this log yet");
    return SELFSAME_OK;
}

/* ---- a batch ---- */

/* Not OK: the transaction is lost. Memory is each job's own: without, it is lost alone. */
static enum selfsame_code
do_one(struct witness_work *w, const struct witness_job *job, struct arena *arena,
    struct outcome *o, struct selfsame_err *e)
{
    const enum selfsame_code code = job->log != NULL
                                        ? last_checkpoint(w, job->log, arena, o, e)
                                        : add_checkpoint(
                                              w, httpd_body(job->r), arena, o, e);

    if (code != SELFSAME_NOMEM)
        return code;
    *o = (struct outcome){ .status = 503, .e = *e };
    *e = (struct selfsame_err){ 0 };
    return SELFSAME_OK;
}

static enum selfsame_code
do_all(struct witness_work *w, const struct witness_job *jobs, size_t count,
    struct arena *arenas, struct outcome *o, struct selfsame_err *e)
{
    bool changed = false;

    TRY(witness_store_begin(w->store, e));
    at(w, "begun");
    for (size_t i = 0; i < count; i++) {
        enum selfsame_code code = do_one(w, &jobs[i], &arenas[i], &o[i], e);

        if (code != SELFSAME_OK) {
            witness_store_rollback(w->store);
            return code;
        }
        changed = changed || o[i].log != NULL;
    }
    at(w, "done");
    if (!changed) {
        witness_store_rollback(w->store);
        return SELFSAME_OK;
    }
    TRY(witness_store_commit(w->store, e));
    at(w, "committed");
    return SELFSAME_OK;
}

static void
answer(struct witness_work *w, struct httpd_request *r, const struct outcome *o)
{
    const struct httpd_answer a = {
        .status = o->status,
        .type = o->type,
        .body = o->body,
    };

    (void)atomic_fetch_add(&w->counts->status[o->status], 1);
    if (o->log != NULL)
        atomic_store(&o->log->size, o->size);
    if (o->status == 200 || o->status == 409)
        httpd_answer(r, &a);
    else
        httpd_refuse(r, o->status, &o->e);
    at(w, "answered");
}

/* Before anybody hears of it by an answer. */
static void
report(struct witness_work *w, enum selfsame_code code, const struct selfsame_err *e)
{
    bool was = atomic_exchange(w->ready, code == SELFSAME_OK);
    char sentence[600];

    if (code == SELFSAME_OK || !was)
        return;
    (void)selfsame_err_print(e, sentence, sizeof(sentence));
    tell(w, "state", sentence);
}

void
witness_work(struct witness_work *w, const struct witness_job *jobs, size_t count)
{
    struct arena arenas[WITNESS_BATCH];
    struct outcome *o = calloc(count, sizeof(*o));
    enum selfsame_code code = SELFSAME_NOMEM;
    struct outcome lost = { .status = 503 };

    for (size_t i = 0; i < count; i++)
        arenas[i] = arena_new(JOB_MEMORY);
    if (o != NULL)
        code = do_all(w, jobs, count, arenas, o, &lost.e);
    else
        (void)err_set(&lost.e, code, __FILE__, __LINE__, "no memory to judge");
    report(w, code, &lost.e);
    /* What was judged in a transaction that is lost was judged by what is not stored. */
    for (size_t i = 0; i < count; i++)
        answer(w, jobs[i].r, code == SELFSAME_OK ? &o[i] : &lost);
    (void)atomic_fetch_add(&w->counts->batches, 1);
    for (size_t i = 0; i < count; i++)
        arena_free(&arenas[i]);
    free(o);
}
