/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log that dies again and again: at every step between two durable calls, and at any
 * time, under several publishers. The parent keeps all that was ever handed out and
 * holds it against the log in the end.
 */
#include "log_world.h"

#include "service/log_tree.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

enum {
    DEATHS = 600,
    STEPS = 80, /* of an opening that repairs and of a few batches */
    THREADS = 6,
    ENTRIES = 12, /* of a thread in one life */
    LIVES = 2,    /* that want the same entries in the log */
    DIED = 42,
    REFUSED = 43,
    PROOF = 4096,
    KEPT = DEATHS * THREADS * ENTRIES,
    SECONDS = 30,
};

/* ---- the one that dies ---- */

struct life {
    struct log_world *w;
    unsigned number, die_at; /* 0: never */
    atomic_uint step;
    int fd;
    pthread_mutex_t saying;
};
struct said {
    uint32_t entry, len;
    char proof[PROOF];
};

static int
die(void *ctx, const char *step, const char *path)
{
    struct life *l = ctx;

    (void)step;
    (void)path;
    if (atomic_fetch_add(&l->step, 1) + 1 == l->die_at)
        _exit(DIED);
    return 0;
}

static void
entry_text(uint32_t n, char ret[static 600])
{
    int len = snprintf(ret, 600, "entry %u ", n);

    memset(ret + len, 'a' + (int)(n % 26), n % 500);
    ret[len + (int)(n % 500)] = '\0';
}

struct talker {
    struct life *life;
    unsigned n;
};

static void *
talk(void *ctx)
{
    const struct talker *t = ctx;
    struct life *l = t->life;

    for (unsigned i = 0; i < ENTRIES; i++) {
        auto_arena arena = arena_new(1 << 18);
        struct selfsame_err e = { 0 };
        struct said s = { .entry = (l->number / LIVES * THREADS + t->n) * ENTRIES + i };
        char text[600], *proof = NULL;

        entry_text(s.entry, text);
        if (log_core_add(l->w->core, bytes_str(text), &arena, &proof, &e) !=
            SELFSAME_OK)
            _exit(REFUSED);
        s.len = (uint32_t)strlen(proof);
        if (s.len >= PROOF)
            _exit(REFUSED);
        memcpy(s.proof, proof, s.len);
        (void)pthread_mutex_lock(&l->saying);
        if (write(l->fd, &s, sizeof(s)) != (ssize_t)sizeof(s))
            _exit(REFUSED);
        (void)pthread_mutex_unlock(&l->saying);
    }
    return NULL;
}

_Noreturn static void
live(struct life *l)
{
    const struct store_probe probe = { die, l };
    struct selfsame_err e = { 0 };
    struct talker t[THREADS];
    pthread_t thread[THREADS];

    l->w->probe = &probe;
    if (world_open(l->w, &e) != SELFSAME_OK) {
        char text[1200];

        selfsame_err_print(&e, text, sizeof(text));
        (void)fprintf(stderr, "life %u: %s\n", l->number, text);
        _exit(REFUSED);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        t[i] = (struct talker){ l, i };
        if (pthread_create(&thread[i], NULL, talk, &t[i]) != 0)
            _exit(REFUSED);
    }
    for (unsigned i = 0; i < THREADS; i++)
        (void)pthread_join(thread[i], NULL);
    world_close(l->w);
    _exit(0);
}

/* ---- the one that remembers ---- */

struct kept {
    bool acknowledged;
    uint64_t index;
};
struct root {
    bool known;
    uint8_t root[LOG_HASH];
};
struct memory {
    struct log_world *w;
    struct kept kept[KEPT];
    struct root roots[KEPT + 1];
    unsigned proofs, deaths, kills, lives;
};

static void
remember_root(struct memory *m, const struct checkpoint *c)
{
    struct root *r = &m->roots[c->size];

    assert_true(c->size <= KEPT);
    if (r->known)
        assert_memory_equal(r->root, c->root, LOG_HASH); /* two roots for one size */
    r->known = true;
    memcpy(r->root, c->root, LOG_HASH);
}

static void
remember(struct memory *m, struct said *s)
{
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    struct checkpoint c;
    char text[600];
    uint64_t index = 0;

    s->proof[s->len] = '\0';
    entry_text(s->entry, text);
    assert_code(world_believe(m->w, bytes_str(text), s->proof, &index, &c, &arena, &e),
        SELFSAME_OK, &e);
    remember_root(m, &c);
    struct kept *k = &m->kept[s->entry];
    if (k->acknowledged)
        assert_int_equal(k->index, index); /* one place for one entry */
    *k = (struct kept){ true, index };
    m->proofs++;
}

/* What lies in public/ is what clients see, also while the log is dead. */
static void
remember_published(struct memory *m)
{
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_bytes b;
    struct selfsame_err e = { 0 };
    struct log_policy policy;
    struct checkpoint c;
    uint64_t witnesses = 0;
    char path[128];

    (void)snprintf(path, sizeof(path), "%s/public/checkpoint", m->w->dir);
    if (access(path, F_OK) != 0)
        return;
    assert_code(file_read(path, 1 << 16, &arena, &b, &e), SELFSAME_OK, &e);
    assert_code(log_policy_parse(bytes_str(m->w->policy_text), &arena, &policy, &e),
        SELFSAME_OK, &e);
    assert_code(
        log_policy_open(&policy, b, &arena, &c, &witnesses, NULL, &e), SELFSAME_OK, &e);
    remember_root(m, &c);
}

static bool
read_said(int fd, struct said *s)
{
    size_t have = 0;

    while (have < sizeof(*s)) {
        ssize_t n = read(fd, (char *)s + have, sizeof(*s) - have);

        if (n <= 0)
            return false; /* the last word was cut off */
        have += (size_t)n;
    }
    return true;
}

static void
one_life(struct memory *m, unsigned number, unsigned die_at, long kill_after_us)
{
    static struct said s;
    struct life l = { .w = m->w,
        .number = number,
        .die_at = die_at,
        .saying = PTHREAD_MUTEX_INITIALIZER };
    int ends[2], status = 0;

    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        l.fd = ends[1];
        live(&l);
    }
    (void)close(ends[1]);
    if (kill_after_us > 0) {
        const struct timespec t = { .tv_nsec = kill_after_us * 1000 };

        (void)nanosleep(&t, NULL);
        (void)kill(child, SIGKILL);
    }
    while (read_said(ends[0], &s))
        remember(m, &s);
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    const bool died = WIFEXITED(status) && WEXITSTATUS(status) == DIED;
    const bool lived = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    assert_true(killed || died || lived);
    m->kills += killed;
    m->deaths += died;
    m->lives += lived;
    remember_published(m);
}

/* ---- the end ---- */

static bool
ignore_whole(void *ctx, const struct tile_tree *t)
{
    (void)ctx;
    (void)t;
    return true;
}

/* Every root ever seen is that of the entries that are there in the end. */
static void
judge_entry(struct memory *m, struct log_tree *tree, struct selfsame_bytes entry,
    uint64_t index)
{
    const struct tree_sink sink = { ignore_whole, NULL };
    uint8_t leaf[LOG_HASH];
    struct tree_view v;
    uint64_t n = 0;
    char text[600];
    const uint8_t *space = memchr(entry.ptr + 6, ' ', entry.len - 6);

    assert_non_null(space);
    assert_true(uint_parse(
        (const char *)entry.ptr + 6, (size_t)(space - entry.ptr) - 6, KEPT - 1, &n));
    entry_text((uint32_t)n, text);
    assert_bytes(entry, bytes_str(text));
    if (m->kept[n].acknowledged)
        assert_int_equal(m->kept[n].index, index);
    m->kept[n] = (struct kept){ false, index }; /* found */
    assert_true(merkle_leaf(entry, leaf));
    assert_true(log_tree_append(tree, leaf, &sink));
    if (m->roots[index + 1].known) {
        assert_true(log_tree_view(tree, index + 1, &v));
        assert_memory_equal(v.rest[0], m->roots[index + 1].root, LOG_HASH);
    }
}

static uint64_t
judge_bundles(struct memory *m, struct log_tree *tree, uint64_t size)
{
    uint64_t index = 0;

    for (uint64_t i = 0; i * TILE_WIDTH < size; i++) {
        auto_arena arena = arena_new(2 << 20);
        const struct tile_id id = {
            .entries = true, .index = i, .width = tile_width(0, i, size)
        };
        struct selfsame_bytes b, entry;
        struct selfsame_err e = { 0 };
        char name[TILE_NAME], path[256];

        tile_name(&id, name);
        (void)snprintf(path, sizeof(path), "%s/public/%s", m->w->dir, name);
        assert_code(file_read(path, 1 << 20, &arena, &b, &e), SELFSAME_OK, &e);
        struct reader r = reader_of(b);
        for (;;) {
            assert_code(bundle_next(&r, &entry, &e), SELFSAME_OK, &e);
            if (entry.ptr == NULL)
                break;
            judge_entry(m, tree, entry, index++);
        }
    }
    return index;
}

static uint64_t
audit(struct memory *m)
{
    struct log_check out = { .size = 0 };
    struct selfsame_err e = { 0 };

    m->w->probe = NULL;
    assert_code(world_open(m->w, &e), SELFSAME_OK, &e);
    assert_code(log_core_check(&m->w->config, NULL, NULL, &out, &e), SELFSAME_OK, &e);
    world_close(m->w);
    return out.size;
}

static int64_t
seconds(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void
a_log_that_dies_anywhere_keeps_what_it_said(void **state)
{
    struct memory *m = calloc(1, sizeof(*m));
    const int64_t until = seconds() + SECONDS;
    unsigned i = 0;

    (void)state;
    assert_non_null(m);
    m->w = world_new();
    for (; i < DEATHS && seconds() < until; i++) {
        const bool by_step = i % 4 != 3;

        one_life(m, i, by_step ? 1 + (i - i / 4) % STEPS : 0,
            by_step ? 0 : 1000 + (long)(i * 7919 % 40000));
        if (i % 64 == 63)
            (void)audit(m);
    }
    const uint64_t size = audit(m);
    struct log_tree *tree = log_tree_new(NULL);
    assert_non_null(tree);
    assert_int_equal(judge_bundles(m, tree, size), size);
    log_tree_free(tree);
    for (size_t n = 0; n < KEPT; n++)
        assert_false(m->kept[n].acknowledged); /* missing in the log */
    (void)printf("%u lives: %u died between two steps, %u were killed, %u ended; %u "
                 "proofs of %llu entries\n",
        i, m->deaths, m->kills, m->lives, m->proofs, (unsigned long long)size);
    assert_true(m->deaths >= STEPS && m->kills > 0 && m->proofs > 0);
    world_free(m->w);
    free(m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_that_dies_anywhere_keeps_what_it_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
