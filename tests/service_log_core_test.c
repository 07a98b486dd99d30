/* SPDX-License-Identifier: Apache-2.0 */
#include "log_world.h"

#include "service/log_tree.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

static int
set_up(void **state)
{
    struct log_world *w = world_new();
    struct selfsame_err e = { 0 };

    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world_free(*state);
    return 0;
}

static void
reopen(struct log_world *w)
{
    struct selfsame_err e = { 0 };

    world_close(w);
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
}

static struct selfsame_bytes
read_file(const struct log_world *w, const char *path, struct arena *arena)
{
    struct selfsame_bytes b = BYTES_NONE;
    struct selfsame_err e = { 0 };
    char full[256];

    (void)snprintf(full, sizeof(full), "%s/%s", w->dir, path);
    assert_code(file_read(full, 32 << 20, arena, &b, &e), SELFSAME_OK, &e);
    return b;
}

static void
write_file(const struct log_world *w, const char *path, struct selfsame_bytes b)
{
    struct selfsame_err e = { 0 };
    char full[256];

    (void)snprintf(full, sizeof(full), "%s/%s", w->dir, path);
    assert_code(file_write(full, b, false, &e), SELFSAME_OK, &e);
}

/* ---- the tree ---- */

static bool
ignore_whole(void *ctx, const struct tile_tree *t)
{
    (void)ctx;
    (void)t;
    return true;
}

/* Both ways of making a path agree at each size. */
static void
paths_are_those_of_the_pure_code(void **state)
{
    struct log_world *w = *state;
    struct log_tree *t = log_tree_new(w->store);
    const struct tree_sink sink = { ignore_whole, NULL };
    static uint8_t mine[LOG_PATH_MAX * LOG_HASH], theirs[LOG_PATH_MAX * LOG_HASH];
    struct selfsame_err e = { 0 };

    assert_non_null(t);
    for (uint64_t n = 1; n <= 1500; n++) {
        const struct merkle_source source = log_tree_source(t);
        uint8_t leaf[LOG_HASH], root[LOG_HASH];
        struct tree_view v;

        assert_true(merkle_leaf(BYTES((const uint8_t *)&n, sizeof(n)), leaf));
        assert_true(log_tree_append(t, leaf, &sink));
        assert_true(log_tree_view(t, n, &v));
        assert_true(merkle_root(&source, n, root));
        assert_memory_equal(root, v.rest[0], LOG_HASH);
        for (uint64_t i = n % 7; i < n; i += 1 + n / 11) {
            size_t a = 0, b = 0;
            uint64_t number = i + 1;

            assert_true(log_tree_path(t, &v, i, mine, &a));
            assert_true(merkle_prove_inclusion(&source, i, n, theirs, &b));
            assert_int_equal(a, b);
            assert_memory_equal(mine, theirs, a * LOG_HASH);
            assert_true(
                merkle_leaf(BYTES((const uint8_t *)&number, sizeof(number)), leaf));
            const struct merkle_path path = { mine, a };
            assert_code(
                merkle_check_inclusion(i, n, leaf, path, root, &e), SELFSAME_OK, &e);
        }
        size_t ignored;
        assert_false(log_tree_path(t, &v, n, mine, &ignored));
    }
    log_tree_free(t);
}

static bool
store_whole(void *ctx, const struct tile_tree *t)
{
    const struct log_world *w = ctx;
    struct selfsame_err e = { 0 };
    char name[TILE_NAME];
    const struct store_blob b = { name, BYTES(t->node[0], TILE_BYTES) };

    log_tree_name(false, t->level, t->index, TILE_WIDTH, name);
    return w->store->class->put_new(w->store, &b, 1, &e) == SELFSAME_OK;
}

/* More tiles than the cache holds, and three levels: what is not in memory is read. */
static void
paths_through_tiles_that_are_read_again_hold(void **state)
{
    struct log_world *w = *state;
    static const uint64_t sizes[] = { 65535, 65536, 65537, 66001 };
    struct log_tree *t = log_tree_new(w->store);
    const struct tree_sink sink = { store_whole, w };
    static uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct selfsame_err e = { 0 };
    size_t at = 0;

    assert_non_null(t);
    for (uint64_t n = 1; n <= 66001; n++) {
        uint8_t leaf[LOG_HASH];
        struct tree_view v;
        size_t count = 0;

        assert_true(merkle_leaf(BYTES((const uint8_t *)&n, sizeof(n)), leaf));
        assert_true(log_tree_append(t, leaf, &sink));
        if (n != sizes[at])
            continue;
        at++;
        assert_true(log_tree_view(t, n, &v));
        for (uint64_t i = 0; i < n; i += i < n - 2 && i > n - 300 ? 1 : 641) {
            const uint64_t number = i + 1;

            assert_true(log_tree_path(t, &v, i, hashes, &count));
            const struct merkle_path path = { hashes, count };
            assert_true(
                merkle_leaf(BYTES((const uint8_t *)&number, sizeof(number)), leaf));
            assert_code(merkle_check_inclusion(i, n, leaf, path, v.rest[0], &e),
                SELFSAME_OK, &e);
        }
    }
    assert_int_equal(at, COUNT(sizes));
    log_tree_free(t);
}

/* ---- entries ---- */

static void
entries_get_places_in_order_and_proofs_that_hold(void **state)
{
    struct log_world *w = *state;

    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(world_add_number(w, i), i);
    reopen(w);
    for (unsigned i = 0; i < 30; i++)
        assert_int_equal(world_add_number(w, i), i);
    assert_int_equal(world_add(w, BYTES_LIT("x")), 30);
    static uint8_t large[ENTRY_MAX];
    assert_int_equal(world_add(w, BYTES_ARR(large)), 31);
}

static void
an_entry_of_a_wrong_size_is_refused(void **state)
{
    struct log_world *w = *state;
    static uint8_t large[ENTRY_MAX + 1];
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    char *proof = NULL;

    assert_code(log_core_add(w->core, BYTES_ARR(large), &arena, &proof, &e),
        SELFSAME_MALFORMED, &e);
    assert_code(
        log_core_add(w->core, BYTES_NONE, &arena, &proof, &e), SELFSAME_MALFORMED, &e);
    assert_null(proof);
}

/* Publishers at once, each entry sent twice by two of them; one wrong index is kept. */
enum { PUBLISHERS = 64, EACH = 40 };
struct publisher {
    struct log_world *w;
    unsigned n;
    uint64_t index[EACH];
    unsigned good;
};

static void *
publish(void *ctx)
{
    struct publisher *p = ctx;

    for (unsigned i = 0; i < EACH; i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct checkpoint c;
        char text[64], *proof = NULL;

        (void)snprintf(text, sizeof(text), "pair %u entry %u", p->n / 2, i);
        if (log_core_add(p->w->core, bytes_str(text), &arena, &proof, &e) ==
                SELFSAME_OK &&
            world_believe(p->w, bytes_str(text), proof, &p->index[i], &c, &arena, &e) ==
                SELFSAME_OK)
            p->good++;
    }
    return NULL;
}

static void
check_log(struct log_world *w, uint64_t want)
{
    struct log_check out = { .size = 0 };
    struct selfsame_err e = { 0 };

    assert_code(log_core_check(&w->config, NULL, NULL, &out, &e), SELFSAME_OK, &e);
    assert_int_equal(out.size, want);
    assert_int_equal(out.published, want);
}

static void
publishers_at_once_get_one_place_for_each_entry(void **state)
{
    struct log_world *w = *state;
    static struct publisher p[PUBLISHERS];
    static bool taken[PUBLISHERS / 2 * EACH];
    pthread_t t[PUBLISHERS];

    memset(taken, 0, sizeof(taken));
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        p[i] = (struct publisher){ .w = w, .n = i };
        assert_int_equal(pthread_create(&t[i], NULL, publish, &p[i]), 0);
    }
    for (unsigned i = 0; i < PUBLISHERS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        assert_int_equal(p[i].good, EACH);
        for (unsigned k = 0; k < EACH; k++) {
            assert_true(p[i].index[k] < COUNT(taken));
            assert_int_equal(p[i].index[k], p[i ^ 1].index[k]);
            if (i % 2 == 0)
                assert_false(taken[p[i].index[k]]);
            taken[p[i].index[k]] = true;
        }
    }
    check_log(w, COUNT(taken));
    reopen(w);
    check_log(w, COUNT(taken));
}

static void
parts_of_whole_tiles_are_dropped_and_all_is_served(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    char path[256];

    for (unsigned i = 0; i < 260; i++)
        (void)world_add_number(w, i);
    world_close(w);
    (void)snprintf(path, sizeof(path), "%s/public/tile/0/000.p", w->dir);
    assert_int_not_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof(path), "%s/public/tile/entries/000.p", w->dir);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(read_file(w, "public/tile/0/000", &arena).len, TILE_BYTES);
    assert_int_equal(read_file(w, "public/tile/0/001.p/4", &arena).len, 4 * LOG_HASH);
    assert_int_equal(read_file(w, "public/tile/1/000.p/1", &arena).len, LOG_HASH);
}

/* ---- starting ---- */

static void
fill(struct log_world *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        (void)world_add_number(w, i);
}

static void
refused(struct log_world *w, enum selfsame_code want, const char *words)
{
    struct selfsame_err e = { 0 };

    assert_code(world_open(w, &e), want, &e);
    if (strstr(err_text(&e), words) == NULL)
        fail_msg("expected \"%s\" in \"%s\"", words, err_text(&e));
    world_close(w);
}

static void
a_checkpoint_that_is_missing_or_old_is_published_again(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    char path[256];

    fill(w, 3);
    const struct selfsame_bytes three = read_file(w, "public/checkpoint", &arena);
    fill(w, 5);
    world_close(w);
    const struct selfsame_bytes five = read_file(w, "public/checkpoint", &arena);
    assert_false(bytes_eq(three, five));
    write_file(w, "public/checkpoint", three);
    reopen(w);
    world_close(w);
    assert_bytes(read_file(w, "public/checkpoint", &arena), five);
    (void)snprintf(path, sizeof(path), "%s/public/checkpoint", w->dir);
    assert_int_equal(unlink(path), 0);
    reopen(w);
    world_close(w);
    assert_bytes(read_file(w, "public/checkpoint", &arena), five);
}

static void
one_changed_byte_of_the_right_edge_is_refused(void **state)
{
    struct log_world *w = *state;
    static const struct {
        const char *path, *words;
    } files[] = {
        { "public/tile/0/001.p/4", "expected the root that the database says" },
        { "public/tile/1/000.p/1", "expected the root that the database says" },
        { "public/tile/entries/001.p/4", "tile/entries/001.p/4" },
    };

    fill(w, 260);
    world_close(w);
    for (size_t i = 0; i < COUNT(files); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_bytes was = read_file(w, files[i].path, &arena), copy;
        char path[256];

        assert_true(arena_dup(&arena, was, &copy));
        ((uint8_t *)(uintptr_t)copy.ptr)[was.len - 1] ^= 1;
        write_file(w, files[i].path, copy);
        refused(w, SELFSAME_LOG, files[i].words);
        write_file(w, files[i].path, BYTES(was.ptr, was.len - 1));
        struct selfsame_err e = { 0 };
        assert_int_not_equal(world_open(w, &e), SELFSAME_OK);
        world_close(w);
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, files[i].path);
        assert_int_equal(unlink(path), 0);
        assert_int_not_equal(world_open(w, &e), SELFSAME_OK);
        world_close(w);
        write_file(w, files[i].path, was);
        reopen(w);
        world_close(w);
    }
}

static void
a_database_from_a_backup_is_refused(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(64 << 20);

    fill(w, 3);
    world_close(w);
    const struct selfsame_bytes old = read_file(w, "state.sqlite", &arena);
    struct selfsame_err e = { 0 };
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    fill(w, 5);
    world_close(w);
    write_file(w, "state.sqlite", old);
    refused(w, SELFSAME_LOG, "was it restored from a backup?");
    /* Also when nobody has the checkpoint: what is staged says so. */
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/public/checkpoint", w->dir);
    assert_int_equal(unlink(path), 0);
    refused(w, SELFSAME_LOG, "restored from a backup?");
}

static void
a_foreign_checkpoint_is_refused(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct checkpoint c = { .origin = BYTES_LIT(WORLD_ORIGIN), .size = 3 };
    char *line = NULL;

    fill(w, 3);
    world_close(w);
    const struct selfsame_bytes ours = read_file(w, "public/checkpoint", &arena);
    char *text = checkpoint_text(&c, &arena);
    assert_non_null(text);
    assert_code(note_sign(bytes_str(text), BYTES_LIT(WORLD_ORIGIN), NOTE_ED25519,
                    w->key, 0, &arena, &line, &e),
        SELFSAME_OK, &e);
    const char *note = arena_printf(&arena, "%s\n%s", text, line);
    assert_non_null(note);
    write_file(w, "public/checkpoint", bytes_str(note));
    refused(w, SELFSAME_LOG, "expected the root that the tiles have");
    write_file(w, "public/checkpoint", BYTES(ours.ptr, ours.len - 8));
    refused(w, SELFSAME_MALFORMED, "note");
    uint8_t seed[32] = { 9 };
    struct key *own = w->key;
    write_file(w, "public/checkpoint", ours);
    assert_code(key_from_seed(BYTES_ARR(seed), &w->key, &e), SELFSAME_OK, &e);
    refused(w, SELFSAME_LOG, "known keys");
    key_free(&w->key);
    w->key = own;
}

static void
a_directory_without_a_log_is_refused(void **state)
{
    struct log_world *w = *state;
    struct selfsame_err e = { 0 };
    char dir[64] = "/tmp/selfsame-log.XXXXXX";
    const struct store_posix_config c = { .dir = dir, .create = true };
    struct log_core *core = NULL;

    world_close(w);
    assert_non_null(mkdtemp(dir));
    assert_code(store_posix_open(&c, &w->store, &e), SELFSAME_OK, &e);
    w->config.store = w->store;
    assert_code(log_core_open(&w->config, &core, &e), SELFSAME_LOG, &e);
    assert_null(core);
    assert_code(log_core_create(w->store, &e), SELFSAME_OK, &e);
    assert_code(log_core_open(&w->config, &core, &e), SELFSAME_OK, &e);
    log_core_close(&core);
    store_close(&w->store);
    assert_code(dir_remove(dir, &e), SELFSAME_OK, &e);
}

static void
a_second_sequencer_refuses(void **state)
{
    struct log_world *w = *state;
    struct log_world second = *w;
    struct selfsame_err e = { 0 };

    second.store = NULL;
    second.core = NULL;
    assert_code(world_open(&second, &e), SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "another process writes this log"));
    (void)world_add_number(w, 1);
}

/* ---- the audit ---- */

static void
the_audit_finds_each_change(void **state)
{
    struct log_world *w = *state;
    static const char *const files[] = { "public/tile/0/000", "public/tile/0/001.p/44",
        "public/tile/1/000.p/1", "public/tile/entries/000",
        "public/tile/entries/001.p/44", "public/tile/0/001.p/7",
        "public/tile/entries/001.p/43", "public/checkpoint" };
    const struct store_posix_config read_only = { .dir = w->dir, .read_only = true };
    struct selfsame_err e = { 0 };

    fill(w, 300);
    check_log(w, 300);
    world_close(w);
    assert_code(store_posix_open(&read_only, &w->store, &e), SELFSAME_OK, &e);
    w->config.store = w->store;
    check_log(w, 300);
    for (size_t i = 0; i < COUNT(files); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct log_check out;
        struct selfsame_bytes was = read_file(w, files[i], &arena), copy;

        assert_true(arena_dup(&arena, was, &copy));
        ((uint8_t *)(uintptr_t)copy.ptr)[was.len / 2] ^= 1;
        write_file(w, files[i], copy);
        assert_int_not_equal(
            log_core_check(&w->config, NULL, NULL, &out, &e), SELFSAME_OK);
        write_file(w, files[i], was);
    }
    check_log(w, 300);
}

static void
the_audit_misses_a_checkpoint(void **state)
{
    struct log_world *w = *state;
    struct selfsame_err e = { 0 };
    struct log_check out;
    char path[256];

    fill(w, 3);
    (void)snprintf(path, sizeof(path), "%s/public/checkpoint", w->dir);
    assert_int_equal(unlink(path), 0);
    assert_code(log_core_check(&w->config, NULL, NULL, &out, &e), SELFSAME_LOG, &e);
    assert_non_null(strstr(err_text(&e), "expected a published checkpoint, got none"));
    assert_non_null(strstr(e.remedy, "Start the log"));
    reopen(w);
    world_close(w);
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    check_log(w, 3);
}

/* ---- quorums ---- */

struct quorum {
    atomic_int mode; /* 0: gives a line, 1: refuses, 2: alarm, 3: waits */
    atomic_uint asked;
};

static enum selfsame_code
cosign(void *ctx, const struct log_cosign *ask, struct arena *arena, char **ret_lines,
    struct selfsame_err *e)
{
    struct quorum *q = ctx;
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    size_t n = 0;

    atomic_fetch_add(&q->asked, 1);
    while (q->mode == 3)
        (void)usleep(1000);
    if (q->mode == 1)
        FAIL(e, SELFSAME_LOG, "no quorum: expected 2 witnesses, got 0");
    if (q->mode == 2)
        FAIL(e, SELFSAME_IO, "a witness has seen more of this log than there is");
    if (ask->checkpoint.size > 1 &&
        !merkle_prove_consistency(&ask->source, 1, ask->checkpoint.size, hashes, &n))
        FAIL(e, SELFSAME_INTERNAL, "expected a path, got none");
    *ret_lines = arena_printf(
        arena, "\xe2\x80\x94 w%s AAAAAGNvc2lnbmVk\n", n < 64 ? "" : "x");
    return *ret_lines != NULL ? SELFSAME_OK : SELFSAME_NOMEM;
}

struct news {
    atomic_uint count[4];
};

static void
note_news(void *ctx, enum log_news news, const struct selfsame_err *why)
{
    struct news *n = ctx;

    assert_int_equal(why == NULL, news == LOG_MET);
    atomic_fetch_add(&n->count[news], 1);
}

static void
without_a_quorum_the_former_checkpoint_stays_and_asking_again_helps(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    struct quorum q = { .mode = 0 };
    struct news news = { .count = { 0 } };
    struct selfsame_err e = { 0 };
    char *proof = NULL;

    world_close(w);
    w->config.cosign = cosign;
    w->config.cosign_ctx = &q;
    w->config.retry_ms = 20;
    w->config.tell = note_news;
    w->config.tell_ctx = &news;
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    assert_int_equal(world_add_number(w, 0), 0);
    const struct selfsame_bytes before = read_file(w, "public/checkpoint", &arena);
    assert_non_null(strstr((const char *)before.ptr, "w AAAAAGNvc2lnbmVk"));
    q.mode = 1;
    assert_code(log_core_add(w->core, BYTES_LIT("entry 1"), &arena, &proof, &e),
        SELFSAME_LOG, &e);
    assert_non_null(strstr(err_text(&e), "no quorum"));
    assert_null(proof);
    assert_bytes(read_file(w, "public/checkpoint", &arena), before);
    assert_code(log_core_add(w->core, BYTES_LIT("entry 1"), &arena, &proof, &e),
        SELFSAME_LOG, &e);
    /* What is published is still proven. */
    assert_int_equal(world_add_number(w, 0), 0);
    assert_int_equal(news.count[LOG_UNMET], 1);
    assert_int_equal(news.count[LOG_MET], 0);
    q.mode = 0;
    assert_int_equal(world_add_number(w, 1), 1);
    assert_int_equal(news.count[LOG_MET], 1);
    assert_int_equal(world_add_number(w, 2), 2);
    q.mode = 1;
    assert_code(log_core_add(w->core, BYTES_LIT("entry 3"), &arena, &proof, &e),
        SELFSAME_LOG, &e);
    q.mode = 0;
    reopen(w);
    assert_int_equal(world_add_number(w, 3), 3);
    world_close(w);
}

static void
wait_until_asked(const struct quorum *q, unsigned times)
{
    for (unsigned i = 0; q->asked < times && i < 5000; i++)
        (void)usleep(1000);
    assert_true(q->asked >= times);
}

static void
near_the_end_nobody_waits_for_the_next_attempt(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    struct quorum q = { .mode = 1 };
    struct selfsame_err e = { 0 };
    char *proof = NULL;

    world_close(w);
    w->config.cosign = cosign;
    w->config.cosign_ctx = &q;
    w->config.retry_ms = 600000; /* longer than any test may last */
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    for (unsigned i = 0; i < 3; i++, log_core_hurry(w->core))
        assert_code(log_core_add(w->core, BYTES_LIT("entry"), &arena, &proof, &e),
            SELFSAME_LOG, &e);
    world_close(w);
}

static void
an_idle_log_is_cosigned_again_and_stays_the_same_tree(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    struct quorum q = { .mode = 0 };
    struct selfsame_err e = { 0 };

    world_close(w);
    w->config.cosign = cosign;
    w->config.cosign_ctx = &q;
    w->config.retry_ms = 5;
    w->config.refresh_ms = 0;
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    assert_int_equal(world_add_number(w, 0), 0);
    const unsigned once = q.asked;
    (void)usleep(100000);
    assert_int_equal(q.asked, once);
    world_close(w);
    const struct selfsame_bytes before = read_file(w, "public/checkpoint", &arena);

    /* Also what was published before the start. */
    w->config.refresh_ms = 20;
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    wait_until_asked(&q, once + 3);
    assert_bytes(read_file(w, "public/checkpoint", &arena), before);
    /* Nobody cosigns: what is published is proven all the same, and it goes on later. */
    q.mode = 1;
    wait_until_asked(&q, q.asked + 3);
    assert_bytes(read_file(w, "public/checkpoint", &arena), before);
    assert_int_equal(world_add_number(w, 0), 0);
    q.mode = 0;
    wait_until_asked(&q, q.asked + 2);
    assert_int_equal(world_add_number(w, 1), 1);
    wait_until_asked(&q, q.asked + 2);
    check_log(w, 2);
    world_close(w);
}

static void
an_alarm_stops_the_log(void **state)
{
    struct log_world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    struct quorum q = { .mode = 0 };
    struct news news = { .count = { 0 } };
    struct log_status status;
    struct selfsame_err e = { 0 };
    char *proof = NULL;

    world_close(w);
    w->config.cosign = cosign;
    w->config.cosign_ctx = &q;
    w->config.tell = note_news;
    w->config.tell_ctx = &news;
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    assert_int_equal(world_add_number(w, 0), 0);
    q.mode = 2;
    for (unsigned i = 1; i < 3; i++) {
        assert_code(log_core_add(w->core, BYTES_LIT("entry 1"), &arena, &proof, &e),
            SELFSAME_IO, &e);
        assert_non_null(strstr(err_text(&e), "seen more of this log"));
    }
    log_core_status(w->core, &status);
    assert_true(status.halted);
    assert_int_equal(news.count[LOG_HALTED], 1);
    world_close(w);
}

struct answer {
    atomic_int code;
};

static void
note_code(void *ctx, enum selfsame_code code, const struct log_receipt *r,
    const struct selfsame_err *e)
{
    struct answer *a = ctx;

    (void)r;
    (void)e;
    a->code = (int)code;
}

static void
more_than_the_queue_holds_is_refused_at_once(void **state)
{
    struct log_world *w = *state;
    enum { LIMIT = 8, ALL = 40 };
    struct answer answers[ALL];
    struct quorum q = { .mode = 0 };
    struct selfsame_err e = { 0 };
    unsigned denied = 0, good = 0;

    world_close(w);
    w->config.cosign = cosign;
    w->config.cosign_ctx = &q;
    w->config.queue_max = LIMIT;
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    assert_int_equal(world_add_number(w, 0), 0);
    q.mode = 3;
    const unsigned asked = q.asked;
    for (unsigned i = 0; i < ALL; i++) {
        const struct log_done done = { note_code, &answers[i] };
        char text[32];

        answers[i].code = -1;
        (void)snprintf(text, sizeof(text), "crowd %u", i);
        log_core_submit(w->core, bytes_str(text), NULL, &done);
        while (i == 0 && q.asked == asked)
            (void)usleep(1000); /* the publisher has the first and waits */
        denied += answers[i].code == (int)SELFSAME_DENIED;
    }
    q.mode = 0;
    world_close(w);
    for (unsigned i = 0; i < ALL; i++)
        good += answers[i].code == (int)SELFSAME_OK;
    assert_int_equal(good + denied, ALL);
    assert_int_equal(good, LIMIT);
}

/* ---- disks that fail ---- */

struct failing {
    atomic_uint seen;
    unsigned at;
    int why;
};

static int
fail_from(void *ctx, const char *step, const char *path)
{
    struct failing *f = ctx;

    (void)step;
    (void)path;
    return atomic_fetch_add(&f->seen, 1) + 1 >= f->at ? f->why : 0;
}

static void
a_disk_that_fails_acknowledges_nothing_and_says_so(void **state)
{
    struct log_world *w = *state;
    static const struct {
        int why;
        const char *words;
    } faults[] = {
        { ENOSPC, "No space left on device" },
        { EROFS, "Read-only file system" },
        { EIO, "Input/output error" },
    };
    unsigned next = 0, steps = 0;

    world_close(w);
    for (size_t k = 0; k < COUNT(faults); k++)
        for (unsigned at = 1;; at++) {
            struct failing f = { .at = 0 };
            const struct store_probe probe = { fail_from, &f };
            auto_arena arena = arena_new(1 << 20);
            struct selfsame_err e = { 0 };
            char text[32], *proof = NULL;

            w->probe = &probe;
            assert_code(world_open(w, &e), SELFSAME_OK, &e);
            (void)world_add_number(w, next++);
            f.why = faults[k].why;
            f.at = f.seen + at;
            (void)snprintf(text, sizeof(text), "entry %u", next);
            const enum selfsame_code code = log_core_add(
                w->core, bytes_str(text), &arena, &proof, &e);
            f.why = 0;
            if (code == SELFSAME_OK) {
                world_close(w);
                next++;
                break;
            }
            assert_code(code, SELFSAME_IO, &e);
            assert_null(proof);
            if (strstr(err_text(&e), faults[k].words) == NULL &&
                strstr(err_text(&e), "disk I/O error") == NULL)
                fail_msg("expected \"%s\" in \"%s\"", faults[k].words, err_text(&e));
            /* Healthy or not: once it failed, nothing is believed without a new start. */
            assert_code(log_core_add(w->core, BYTES_LIT("later"), &arena, &proof, &e),
                SELFSAME_IO, &e);
            world_close(w);
            assert_code(world_open(w, &e), SELFSAME_OK, &e);
            assert_int_equal(world_add_number(w, next), next);
            next++;
            check_log(w, next);
            world_close(w);
            steps = at;
        }
    assert_true(steps >= 12);
}

/* The order that safety rests on, as the disk sees it. */
struct order {
    char steps[64][96];
    atomic_uint count;
};

static int
note_step(void *ctx, const char *step, const char *path)
{
    struct order *o = ctx;
    unsigned n = atomic_fetch_add(&o->count, 1);

    if (n < 64)
        (void)snprintf(o->steps[n], sizeof(o->steps[n]), "%s %s", step,
            strstr(path, "state.sqlite") != NULL ? "state" : path);
    return 0;
}

static unsigned
step_at(const struct order *o, const char *what)
{
    for (unsigned i = 0; i < o->count && i < 64; i++)
        if (strcmp(o->steps[i], what) == 0)
            return i;
    fail_msg("expected a step \"%s\"", what);
    return 0;
}

static void
what_is_signed_is_durable_and_in_the_state(void **state)
{
    struct log_world *w = *state;
    static struct order o;
    const struct store_probe probe = { note_step, &o };
    static const char *const want[] = { "sync staged", "sync tile/0/000.p/2",
        "rename tile/0/000.p/2", "sync directory tile/0/000.p", "commit state",
        "sync checkpoint", "rename checkpoint" };

    (void)world_add_number(w, 0);
    world_close(w);
    o.count = 0;
    w->probe = &probe;
    struct selfsame_err e = { 0 };
    assert_code(world_open(w, &e), SELFSAME_OK, &e);
    assert_int_equal(o.count, 0); /* nothing to repair, nothing written */
    (void)world_add_number(w, 1);
    for (size_t i = 0; i + 1 < COUNT(want); i++)
        if (step_at(&o, want[i]) >= step_at(&o, want[i + 1]))
            fail_msg("expected \"%s\" before \"%s\"", want[i], want[i + 1]);
    assert_true(step_at(&o, "sync tile/entries/000.p/2") <
                step_at(&o, "rename tile/entries/000.p/2"));
    assert_true(
        step_at(&o, "sync directory tile/entries/000.p") < step_at(&o, "commit state"));
    world_close(w);
}

/* ---- want that passes ---- */

static int
fail_open(void *ctx, const char *step, const char *path)
{
    (void)path;
    return strcmp(step, "open") == 0 ? *(atomic_int *)ctx : 0;
}

/* All at once; how many were answered with this code. */
static unsigned
submit_lot(
    struct log_world *w, const char *word, unsigned count, enum selfsame_code code)
{
    struct answer *a = calloc(count, sizeof(*a));
    unsigned got = 0;

    assert_non_null(a);
    for (unsigned i = 0; i < count; i++) {
        const struct log_done done = { note_code, &a[i] };
        char text[32];

        a[i].code = -1;
        (void)snprintf(text, sizeof(text), "%s %u", word, i);
        log_core_submit(w->core, bytes_str(text), NULL, &done);
    }
    for (unsigned i = 0; i < count; i++) {
        while (a[i].code == -1)
            (void)usleep(1000);
        got += a[i].code == (int)code;
    }
    free(a);
    return got;
}

/*
 * A batch that crosses the end of a tile gets no place and another one does: nothing of
 * the first is left in memory or on the disk, and the log goes on.
 */
static void
want_of_descriptors_refuses_a_batch_and_no_more(void **state)
{
    struct log_world *w = *state;
    static const int why[] = { EMFILE, ENFILE, ENOMEM };
    atomic_int fail = 0;
    const struct store_probe probe = { fail_open, &fail };
    struct news news = { .count = { 0 } };
    struct log_check check = { .size = 0 };
    struct log_status status;
    struct selfsame_err e = { 0 };

    w->probe = &probe;
    w->config.tell = note_news;
    w->config.tell_ctx = &news;
    w->config.retry_ms = 1;
    reopen(w);
    assert_int_equal(submit_lot(w, "first", 250, SELFSAME_OK), 250);
    for (unsigned i = 0; i < COUNT(why); i++) {
        fail = why[i];
        assert_int_equal(submit_lot(w, "refused", 20, SELFSAME_DENIED), 20);
        fail = 0;
        log_core_status(w->core, &status);
        assert_false(status.halted);
        assert_int_equal(status.size, 250 + 20 * i);
        assert_int_equal(submit_lot(w,
                             i == 0   ? "a"
                             : i == 1 ? "b"
                                      : "c",
                             20, SELFSAME_OK),
            20);
    }
    assert_int_equal(news.count[LOG_SCARCE], 1);
    assert_int_equal(news.count[LOG_HALTED], 0);
    assert_true(world_add(w, BYTES_LIT("first 3")) < 250);
    assert_true(world_add(w, BYTES_LIT("a 19")) < 270);
    assert_int_equal(world_add(w, BYTES_LIT("refused 0")), 310);
    reopen(w);
    assert_code(log_core_check(&w->config, NULL, NULL, &check, &e), SELFSAME_OK, &e);
    assert_int_equal(check.size, 311);
    world_close(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(paths_are_those_of_the_pure_code),
        TEST(paths_through_tiles_that_are_read_again_hold),
        TEST(entries_get_places_in_order_and_proofs_that_hold),
        TEST(an_entry_of_a_wrong_size_is_refused),
        TEST(publishers_at_once_get_one_place_for_each_entry),
        TEST(parts_of_whole_tiles_are_dropped_and_all_is_served),
        TEST(a_checkpoint_that_is_missing_or_old_is_published_again),
        TEST(one_changed_byte_of_the_right_edge_is_refused),
        TEST(a_database_from_a_backup_is_refused),
        TEST(a_foreign_checkpoint_is_refused),
        TEST(a_directory_without_a_log_is_refused),
        TEST(a_second_sequencer_refuses),
        TEST(the_audit_finds_each_change),
        TEST(the_audit_misses_a_checkpoint),
        TEST(without_a_quorum_the_former_checkpoint_stays_and_asking_again_helps),
        TEST(near_the_end_nobody_waits_for_the_next_attempt),
        TEST(an_idle_log_is_cosigned_again_and_stays_the_same_tree),
        TEST(an_alarm_stops_the_log),
        TEST(more_than_the_queue_holds_is_refused_at_once),
        TEST(a_disk_that_fails_acknowledges_nothing_and_says_so),
        TEST(want_of_descriptors_refuses_a_batch_and_no_more),
        TEST(what_is_signed_is_durable_and_in_the_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
