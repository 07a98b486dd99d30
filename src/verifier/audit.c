/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread writes. Rows of many requests wait in a queue; the thread takes them all,
 * chains them, writes and syncs once, and then tells each that its row is durable. After
 * a failure nothing is written any more: what is on the disk is not known.
 */
#include "verifier/audit_parts.h"

#include "os/os.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    QUEUE_MAX = 4096,
    BATCH_MAX = 512,
    CHECKPOINT_MS = 60000,
    RECENT = 256,
    TENANTS = 1024,
    OPEN_ARENA = 8 << 20,
};

/* A row that waits; its texts behind it. */
struct waiting {
    struct waiting *next;
    struct audit_row row;
    void (*done)(void *ctx, enum selfsame_code code);
    void *ctx;
};
struct recent {
    char tenant[80];
    size_t count; /* ever */
    struct {
        uint64_t seq;
        char *json;
    } rows[RECENT];
};
struct audit {
    struct audit_config config;
    struct audit_files files; /* of the thread */
    struct audit_chain chain; /* of the thread */
    uint64_t checkpointed;
    int64_t checkpoint_ms; /* when the last one was signed */
    char *lines;           /* of a batch */

    pthread_mutex_t lock;
    pthread_cond_t more;
    struct waiting *first, *last;
    size_t count;
    bool over, started;
    pthread_t thread;
    atomic_bool broken;
    atomic_uint_fast64_t size;

    pthread_mutex_t recent_lock;
    struct recent *recent[TENANTS];
    size_t recent_count;
};

/* ---- the last rows of each tenant ---- */

/* Whose last row is the oldest: its place is for another tenant. */
static struct recent *
recent_quietest(struct audit *a)
{
    struct recent *found = a->recent[0];

    for (size_t i = 1; i < a->recent_count; i++) {
        struct recent *r = a->recent[i];

        if (r->rows[(r->count - 1) % RECENT].seq <
            found->rows[(found->count - 1) % RECENT].seq)
            found = r;
    }
    for (size_t i = 0; i < RECENT; i++)
        free(found->rows[i].json);
    memset(found, 0, sizeof(*found));
    return found;
}

/* One that is made gets its first row at once. */
static struct recent *
recent_of(struct audit *a, struct selfsame_bytes tenant, bool make)
{
    struct recent *r = NULL;

    for (size_t i = 0; i < a->recent_count; i++)
        if (bytes_eq(bytes_str(a->recent[i]->tenant), tenant))
            return a->recent[i];
    if (!make || tenant.len >= sizeof(r->tenant))
        return NULL;
    if (a->recent_count == TENANTS)
        r = recent_quietest(a);
    else if ((r = calloc(1, sizeof(*r))) != NULL)
        a->recent[a->recent_count++] = r;
    if (r != NULL)
        memcpy(r->tenant, tenant.ptr, tenant.len);
    return r;
}

static void
remember(
    void *ctx, uint64_t seq, struct selfsame_bytes tenant, struct selfsame_bytes line)
{
    struct audit *a = ctx;

    (void)pthread_mutex_lock(&a->recent_lock);
    char *copy = strndup((const char *)line.ptr, line.len);
    struct recent *r = copy != NULL ? recent_of(a, tenant, true) : NULL;
    if (r == NULL)
        free(copy);
    if (r != NULL) {
        free(r->rows[r->count % RECENT].json);
        r->rows[r->count % RECENT].json = copy;
        r->rows[r->count % RECENT].seq = seq;
        r->count++;
    }
    (void)pthread_mutex_unlock(&a->recent_lock);
}

enum selfsame_code
audit_recent(struct audit *a, const char *tenant, size_t max, struct arena *arena,
    struct audit_seen **ret, size_t *ret_count, struct selfsame_err *e)
{
    struct audit_seen *list = ARENA_NEW(arena, struct audit_seen, RECENT);
    size_t n = 0;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for rows");
    (void)pthread_mutex_lock(&a->recent_lock);
    const struct recent *r = recent_of(a, bytes_str(tenant), false);
    for (size_t i = r != NULL ? r->count : 0;
         r != NULL && i > 0 && r->count - i < RECENT && n < max; i--) {
        const char *json = r->rows[(i - 1) % RECENT].json;

        list[n].seq = r->rows[(i - 1) % RECENT].seq;
        list[n].json = arena_str(arena, bytes_str(json));
        if (list[n].json == NULL)
            break;
        n++;
    }
    (void)pthread_mutex_unlock(&a->recent_lock);
    *ret = list;
    *ret_count = n;
    return SELFSAME_OK;
}

/* ---- the thread ---- */

static int64_t
clock_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct waiting *
take_batch(struct audit *a)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += 1;
    (void)pthread_mutex_lock(&a->lock);
    while (a->first == NULL && !a->over)
        if (pthread_cond_timedwait(&a->more, &a->lock, &until) != 0)
            break;
    struct waiting *first = a->first, *last = first;
    size_t n = first != NULL ? 1 : 0;
    for (; last != NULL && last->next != NULL && n < BATCH_MAX; n++)
        last = last->next;
    if (last != NULL) {
        a->first = last->next;
        last->next = NULL;
        a->count -= n;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return first;
}

static enum selfsame_code
write_batch(struct audit *a, const struct waiting *batch, struct selfsame_err *e)
{
    struct audit_chain chain = a->chain;
    size_t len = 0;

    for (const struct waiting *w = batch; w != NULL; w = w->next) {
        char *line = a->lines + len;
        const size_t n = row_print(&w->row, chain.size, chain.prev, line);

        if (!chain_add(&chain, BYTES((const uint8_t *)line, n - 1)))
            FAIL(e, SELFSAME_NOMEM, "no memory to hash a row");
        len += n;
    }
    TRY(files_append(&a->files, BYTES((const uint8_t *)a->lines, len), e));
    const uint64_t first = a->chain.size;
    a->chain = chain;
    atomic_store(&a->size, chain.size);
    const char *at = a->lines;
    uint64_t seq = first;
    for (const struct waiting *w = batch; w != NULL; w = w->next, seq++) {
        const size_t n = strcspn(at, "\n");

        remember(a, seq, bytes_str(w->row.tenant), BYTES((const uint8_t *)at, n));
        at += n + 1;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
sign(struct audit *a, struct selfsame_err *e)
{
    a->checkpoint_ms = clock_ms();
    if (a->chain.size == a->checkpointed)
        return SELFSAME_OK;
    TRY(files_checkpoint(&a->files, &a->chain, e));
    a->checkpointed = a->chain.size;
    return SELFSAME_OK;
}

/* A checkpoint stands before another segment begins, so that none can be left out. */
static enum selfsame_code
turn(struct audit *a, struct selfsame_err *e)
{
    const uint64_t segment = a->config.segment > 0 ? a->config.segment : AUDIT_SEGMENT;

    if (a->files.written >= segment) {
        TRY(sign(a, e));
        return files_begin(&a->files, &a->chain, e);
    }
    return clock_ms() - a->checkpoint_ms >= CHECKPOINT_MS ? sign(a, e) : SELFSAME_OK;
}

static void
tell_all(struct waiting *batch, enum selfsame_code code)
{
    for (struct waiting *next; batch != NULL; batch = next) {
        next = batch->next;
        batch->done(batch->ctx, code);
        free(batch);
    }
}

static bool
is_over(struct audit *a)
{
    (void)pthread_mutex_lock(&a->lock);
    const bool over = a->over && a->first == NULL;
    (void)pthread_mutex_unlock(&a->lock);
    return over;
}

static void *
work(void *ctx)
{
    struct audit *a = ctx;

    while (!is_over(a)) {
        struct waiting *batch = take_batch(a);
        struct selfsame_err e = { 0 };
        enum selfsame_code code = SELFSAME_OK;

        if (batch != NULL)
            code = atomic_load(&a->broken) ? SELFSAME_IO : write_batch(a, batch, &e);
        if (code != SELFSAME_OK)
            atomic_store(&a->broken, true);
        tell_all(batch, code == SELFSAME_OK ? SELFSAME_OK : SELFSAME_IO);
        if (!atomic_load(&a->broken) && turn(a, &e) != SELFSAME_OK)
            atomic_store(&a->broken, true);
    }
    struct selfsame_err ignored = { 0 };
    if (!atomic_load(&a->broken) && sign(a, &ignored) != SELFSAME_OK)
        atomic_store(&a->broken, true);
    return NULL;
}

/* ---- giving rows ---- */

static char *
keep(char **to, const char *text)
{
    if (text == NULL)
        return NULL;
    const size_t len = strlen(text) + 1;
    char *at = *to;
    memcpy(at, text, len);
    *to += len;
    return at;
}

static size_t
size_of(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static struct waiting *
copy_row(const struct audit_row *row)
{
    const char *const texts[] = { row->request, row->tenant, row->key, row->policy,
        row->tee, row->status, row->class_, row->failed, row->release, row->token,
        row->given };
    size_t need = 0;

    for (size_t i = 0; i < COUNT(texts); i++)
        need += size_of(texts[i]);
    struct waiting *w = malloc(sizeof(*w) + need);
    if (w == NULL)
        return NULL;
    char *to = (char *)(w + 1);
    *w = (struct waiting){ .row = *row };
    w->row.request = keep(&to, row->request);
    w->row.tenant = keep(&to, row->tenant);
    w->row.key = keep(&to, row->key);
    w->row.policy = keep(&to, row->policy);
    w->row.tee = keep(&to, row->tee);
    w->row.status = keep(&to, row->status);
    w->row.class_ = keep(&to, row->class_);
    w->row.failed = keep(&to, row->failed);
    w->row.release = keep(&to, row->release);
    w->row.token = keep(&to, row->token);
    w->row.given = keep(&to, row->given);
    return w;
}

bool
audit_add(struct audit *a, const struct audit_row *row,
    void (*done)(void *ctx, enum selfsame_code code), void *ctx)
{
    struct waiting *w = copy_row(row);

    if (w == NULL)
        return false;
    w->done = done;
    w->ctx = ctx;
    (void)pthread_mutex_lock(&a->lock);
    const bool room = a->count < QUEUE_MAX && !a->over;
    if (room) {
        if (a->first == NULL)
            a->first = w;
        else
            a->last->next = w;
        a->last = w;
        a->count++;
        (void)pthread_cond_signal(&a->more);
    }
    (void)pthread_mutex_unlock(&a->lock);
    if (!room)
        free(w);
    return room;
}

bool
audit_healthy(struct audit *a)
{
    return !atomic_load(&a->broken);
}

uint64_t
audit_size(struct audit *a)
{
    return atomic_load(&a->size);
}

/* ---- its life ---- */

/* The last segment is read; what stood before it is in its head. */
static enum selfsame_code
resume(struct audit *a, uint64_t first, struct selfsame_err *e)
{
    struct audit_walk w = { .row = remember, .ctx = a };
    char path[1100];

    files_name(a->files.dir, first, path);
    TRY(files_read_checkpoint(&a->files, &w.claimed, e));
    TRY(walk_segment(&w, path, true, true, e));
    if (w.claimed.size > w.chain.size ||
        (w.claimed.size >= first && w.claimed.size > 0 && !w.met))
        FAIL(e, SELFSAME_LOG,
            "the checkpoint signs %llu rows, and there are %llu: rows were removed",
            (unsigned long long)w.claimed.size, (unsigned long long)w.chain.size);
    TRY(walk_checkpointed(&w.claimed, first, e));
    if (w.torn && truncate(path, (off_t)w.good) != 0)
        return file_error(e, "cannot cut the torn line of", path);
    a->chain = w.chain;
    a->checkpointed = w.claimed.size;
    a->files.written = w.good;
    return files_resume(&a->files, path, e);
}

static enum selfsame_code
open_rows(struct audit *a, struct selfsame_err *e)
{
    auto_arena arena = arena_new(OPEN_ARENA);
    uint64_t *segments;
    size_t count;

    TRY(files_open(&a->files, a->config.dir, true, e));
    a->files.fail = a->config.fail;
    a->files.fail_ctx = a->config.ctx;
    TRY(files_lock(&a->files, e));
    TRY(files_list(a->config.dir, &arena, &segments, &count, e));
    if (count > 0)
        return resume(a, segments[count - 1], e);
    struct checkpoint claimed;
    TRY(files_read_checkpoint(&a->files, &claimed, e));
    if (claimed.size > 0)
        FAIL(e, SELFSAME_LOG, "the checkpoint signs %llu rows, and there are none",
            (unsigned long long)claimed.size);
    return files_begin(&a->files, &a->chain, e);
}

enum selfsame_code
audit_open(const struct audit_config *c, struct audit **ret, struct selfsame_err *e)
{
    auto_audit *a = calloc(1, sizeof(*a));
    pthread_condattr_t attr;

    if (a == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an audit log");
    a->config = *c;
    a->files.fd = a->files.lock_fd = -1;
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_mutex_init(&a->recent_lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&a->more, &attr);
    (void)pthread_condattr_destroy(&attr);
    a->lines = malloc((size_t)BATCH_MAX * AUDIT_LINE);
    if (a->lines == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for an audit log");
    TRY(open_rows(a, e));
    atomic_init(&a->size, a->chain.size);
    a->checkpoint_ms = clock_ms();
    if (pthread_create(&a->thread, NULL, work, a) != 0)
        FAIL(e, SELFSAME_IO, "cannot start a thread");
    a->started = true;
    *ret = a;
    a = NULL;
    return SELFSAME_OK;
}

void
audit_close(struct audit **p)
{
    struct audit *a = *p;

    if (a == NULL)
        return;
    (void)pthread_mutex_lock(&a->lock);
    a->over = true;
    (void)pthread_cond_signal(&a->more);
    (void)pthread_mutex_unlock(&a->lock);
    if (a->started)
        (void)pthread_join(a->thread, NULL);
    files_close(&a->files);
    for (size_t i = 0; i < a->recent_count; i++) {
        for (size_t k = 0; k < RECENT; k++)
            free(a->recent[i]->rows[k].json);
        free(a->recent[i]);
    }
    free(a->lines);
    (void)pthread_mutex_destroy(&a->lock);
    (void)pthread_mutex_destroy(&a->recent_lock);
    (void)pthread_cond_destroy(&a->more);
    free(a);
    *p = NULL;
}
