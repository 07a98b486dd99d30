/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log core relies on, asked of an implementation of src/store/store.h. Another
 * one joins by a line in `makers`.
 */
#include "test.h"

#include "os/os.h"
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

struct maker {
    const char *name;
    enum selfsame_code (*open)(const char *dir, bool create, bool read_only,
        const struct store_probe *probe, struct store **ret, struct selfsame_err *e);
};

static enum selfsame_code
open_posix(const char *dir, bool create, bool read_only,
    const struct store_probe *probe, struct store **ret, struct selfsame_err *e)
{
    const struct store_posix_config c = {
        .dir = dir, .create = create, .read_only = read_only, .probe = probe
    };

    return store_posix_open(&c, ret, e);
}

static const struct maker makers[] = { { "posix", open_posix } };
static const struct maker *maker = &makers[0];

struct place {
    char dir[64];
    struct store *s;
};

static int
set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    struct selfsame_err e = { 0 };

    assert_non_null(p);
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/selfsame-store.XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    assert_code(maker->open(p->dir, true, false, NULL, &p->s, &e), SELFSAME_OK, &e);
    *state = p;
    return 0;
}

static int
tear_down(void **state)
{
    struct place *p = *state;
    struct selfsame_err e = { 0 };

    store_close(&p->s);
    assert_code(dir_remove(p->dir, &e), SELFSAME_OK, &e);
    free(p);
    return 0;
}

static void
reopen(struct place *p, bool read_only, const struct store_probe *probe)
{
    struct selfsame_err e = { 0 };

    store_close(&p->s);
    assert_code(
        maker->open(p->dir, false, read_only, probe, &p->s, &e), SELFSAME_OK, &e);
}

static struct selfsame_bytes
get(struct store *s, const char *path, struct arena *arena)
{
    struct selfsame_bytes got = BYTES_NONE;
    struct selfsame_err e = { 0 };

    assert_code(s->class->get(s, path, arena, &got, &e), SELFSAME_OK, &e);
    return got;
}

static enum selfsame_code
put(struct store *s, const char *path, struct selfsame_bytes b, struct selfsame_err *e)
{
    const struct store_blob blob = { path, b };

    return s->class->put_new(s, &blob, 1, e);
}

/* ---- blobs ---- */

static void
blobs_are_found_again_and_absent_ones_are_none(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    const struct store_blob blobs[] = {
        { "tile/0/000", BYTES_LIT("whole") },
        { "tile/0/000.p/5", BYTES_LIT("part") },
        { "tile/entries/x001/234", BYTES_LIT("") },
    };

    assert_code(p->s->class->put_new(p->s, blobs, COUNT(blobs), &e), SELFSAME_OK, &e);
    for (unsigned again = 0; again < 2; again++) {
        for (size_t i = 0; i < COUNT(blobs); i++) {
            struct selfsame_bytes got = get(p->s, blobs[i].path, &arena);

            assert_non_null(got.ptr);
            assert_bytes(got, blobs[i].bytes);
        }
        assert_null(get(p->s, "tile/0/001", &arena).ptr);
        assert_null(get(p->s, "tile/0/000/5", &arena).ptr);
        assert_null(get(p->s, "nothing", &arena).ptr);
        reopen(p, again == 0, NULL);
    }
}

static void
a_taken_path_keeps_its_bytes(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };

    assert_code(put(p->s, "tile/0/000", BYTES_LIT("one"), &e), SELFSAME_OK, &e);
    assert_code(put(p->s, "tile/0/000", BYTES_LIT("one"), &e), SELFSAME_OK, &e);
    assert_code(put(p->s, "tile/0/000", BYTES_LIT("two"), &e), SELFSAME_LOG, &e);
    assert_code(put(p->s, "tile/0/000", BYTES_LIT("on"), &e), SELFSAME_LOG, &e);
    assert_bytes(get(p->s, "tile/0/000", &arena), BYTES_LIT("one"));
}

static void
more_blobs_than_one_lot_are_all_there(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    enum { MANY = 150 };
    static char names[MANY][32];
    struct store_blob blobs[MANY];

    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "tile/%zu/%03zu", i % 3, i);
        blobs[i] = (struct store_blob){ names[i], bytes_str(names[i]) };
    }
    assert_code(p->s->class->put_new(p->s, blobs, MANY, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < MANY; i++)
        assert_bytes(get(p->s, names[i], &arena), blobs[i].bytes);
}

static void
a_replaced_blob_has_its_new_bytes(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    const struct store_blob one = { "checkpoint", BYTES_LIT("one") },
                            two = { "checkpoint", BYTES_LIT("two, longer") };

    assert_code(p->s->class->replace(p->s, &one, &e), SELFSAME_OK, &e);
    assert_code(p->s->class->replace(p->s, &two, &e), SELFSAME_OK, &e);
    p->s->class->tidy(p->s);
    assert_bytes(get(p->s, "checkpoint", &arena), two.bytes);
    reopen(p, false, NULL);
    assert_bytes(get(p->s, "checkpoint", &arena), two.bytes);
}

static void
dropped_blobs_are_none(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };

    assert_code(put(p->s, "tile/0/000.p/5", BYTES_LIT("x"), &e), SELFSAME_OK, &e);
    assert_code(put(p->s, "tile/0/000", BYTES_LIT("y"), &e), SELFSAME_OK, &e);
    p->s->class->drop(p->s, "tile/0/000.p");
    p->s->class->drop(p->s, "tile/0/009.p");
    assert_null(get(p->s, "tile/0/000.p/5", &arena).ptr);
    assert_bytes(get(p->s, "tile/0/000", &arena), BYTES_LIT("y"));
}

/* ---- state ---- */

static bool
swap(struct store *s, struct selfsame_bytes old, struct selfsame_bytes new)
{
    const struct store_swap w = { .key = "log", .old = old, .new = new };
    struct selfsame_err e = { 0 };
    bool swapped = false;

    assert_code(s->class->swap(s, &w, &swapped, &e), SELFSAME_OK, &e);
    return swapped;
}

static void
the_state_changes_from_what_it_is_alone(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes got;

    assert_code(p->s->class->state(p->s, "log", &arena, &got, &e), SELFSAME_OK, &e);
    assert_null(got.ptr);
    assert_false(swap(p->s, BYTES_LIT("zero"), BYTES_LIT("one")));
    assert_true(swap(p->s, BYTES_NONE, BYTES_LIT("one")));
    assert_false(swap(p->s, BYTES_NONE, BYTES_LIT("other")));
    assert_false(swap(p->s, BYTES_LIT("two"), BYTES_LIT("three")));
    assert_true(swap(p->s, BYTES_LIT("one"), BYTES_LIT("two")));
    /* The answer was lost, and it is asked again. */
    assert_true(swap(p->s, BYTES_LIT("one"), BYTES_LIT("two")));
    reopen(p, false, NULL);
    assert_code(p->s->class->state(p->s, "log", &arena, &got, &e), SELFSAME_OK, &e);
    assert_bytes(got, BYTES_LIT("two"));
}

static void
the_index_learns_with_the_state_or_not_at_all(void **state)
{
    struct place *p = *state;
    uint8_t keys[3][STORE_KEY] = { { 1 }, { 2 }, { 1 } };
    struct store_swap w = { .key = "log",
        .old = BYTES_LIT("wrong"),
        .new = BYTES_LIT("one"),
        .index = (const uint8_t(*)[STORE_KEY])keys,
        .index_count = 3,
        .first = UINT64_C(1) << 40 };
    struct selfsame_err e = { 0 };
    bool done = true, found = true;
    uint64_t at = 0;

    assert_code(p->s->class->swap(p->s, &w, &done, &e), SELFSAME_OK, &e);
    assert_false(done);
    assert_code(p->s->class->find(p->s, keys[0], &found, &at, &e), SELFSAME_OK, &e);
    assert_false(found);
    w.old = BYTES_NONE;
    assert_code(p->s->class->swap(p->s, &w, &done, &e), SELFSAME_OK, &e);
    assert_true(done);
    for (size_t i = 0; i < 3; i++) {
        assert_code(p->s->class->find(p->s, keys[i], &found, &at, &e), SELFSAME_OK, &e);
        assert_true(found);
        assert_int_equal(at, (UINT64_C(1) << 40) + i % 2);
    }
}

struct racing {
    struct store *s;
    unsigned won;
};

static void *
race(void *ctx)
{
    struct racing *r = ctx;

    for (uint32_t i = 0; i < 50; i++) {
        uint32_t next = i + 1;
        struct selfsame_bytes old = BYTES((const uint8_t *)&i, sizeof(i));
        uint8_t mine[8] = { 0 };
        struct selfsame_err e = { 0 };
        bool done = false;

        memcpy(mine, &next, sizeof(next));
        const struct store_swap w = { .key = "race",
            .old = i == 0 ? BYTES_NONE : old,
            .new = BYTES(mine, sizeof(next)),
            .index = NULL };
        if (r->s->class->swap(r->s, &w, &done, &e) != SELFSAME_OK)
            return NULL;
        r->won += done;
    }
    return r;
}

static void
swaps_of_two_threads_follow_one_another(void **state)
{
    struct place *p = *state;
    struct racing r[2] = { { p->s, 0 }, { p->s, 0 } };
    auto_arena arena = arena_new(4096);
    struct selfsame_bytes got;
    struct selfsame_err e = { 0 };
    pthread_t t[2];
    uint32_t last = 0;

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, race, &r[i]), 0);
    for (size_t i = 0; i < 2; i++) {
        void *ended;

        assert_int_equal(pthread_join(t[i], &ended), 0);
        assert_non_null(ended);
    }
    assert_true(r[0].won + r[1].won >= 50);
    assert_code(p->s->class->state(p->s, "race", &arena, &got, &e), SELFSAME_OK, &e);
    assert_int_equal(got.len, sizeof(last));
    memcpy(&last, got.ptr, sizeof(last));
    assert_int_equal(last, 50);
}

/* ---- staging ---- */

static void
the_last_batch_staged_is_found_again(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes got;
    uint64_t first = 0;

    assert_code(p->s->class->staged(p->s, &arena, &first, &got, &e), SELFSAME_OK, &e);
    assert_null(got.ptr);
    assert_code(
        p->s->class->stage(p->s, 7, BYTES_LIT("a longer batch"), &e), SELFSAME_OK, &e);
    assert_code(p->s->class->stage(p->s, 9, BYTES_LIT("short"), &e), SELFSAME_OK, &e);
    reopen(p, false, NULL);
    assert_code(p->s->class->staged(p->s, &arena, &first, &got, &e), SELFSAME_OK, &e);
    assert_int_equal(first, 9);
    assert_bytes(got, BYTES_LIT("short"));
}

static void
a_torn_batch_is_none(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes got, file;
    uint64_t first = 0;
    char path[128];

    assert_code(
        p->s->class->stage(p->s, 7, BYTES_LIT("some entries"), &e), SELFSAME_OK, &e);
    (void)snprintf(path, sizeof(path), "%s/staged", p->dir);
    assert_code(file_read(path, 4096, &arena, &file, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < file.len; i++) {
        uint8_t torn[4096];

        memcpy(torn, file.ptr, file.len);
        torn[i] ^= 0x10;
        assert_code(file_write(path, BYTES(torn, file.len), true, &e), SELFSAME_OK, &e);
        reopen(p, false, NULL);
        assert_code(
            p->s->class->staged(p->s, &arena, &first, &got, &e), SELFSAME_OK, &e);
        assert_null(got.ptr);
        assert_code(file_write(path, BYTES(file.ptr, i), true, &e), SELFSAME_OK, &e);
        reopen(p, false, NULL);
        assert_code(
            p->s->class->staged(p->s, &arena, &first, &got, &e), SELFSAME_OK, &e);
        assert_null(got.ptr);
    }
}

/* ---- one writer, and none ---- */

static void
a_second_writer_is_refused_and_readers_are_not(void **state)
{
    struct place *p = *state;
    struct store *second = NULL;
    struct selfsame_err e = { 0 };

    assert_code(maker->open(p->dir, false, false, NULL, &second, &e), SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "another process writes this log"));
    assert_null(second);
    assert_code(maker->open(p->dir, false, true, NULL, &second, &e), SELFSAME_OK, &e);
    assert_code(put(second, "tile/0/000", BYTES_LIT("x"), &e), SELFSAME_IO, &e);
    store_close(&second);
    store_close(&p->s);
    assert_code(maker->open(p->dir, false, false, NULL, &p->s, &e), SELFSAME_OK, &e);
}

static void
what_is_no_store_is_refused(void **state)
{
    struct place *p = *state;
    struct selfsame_err e = { 0 };
    char path[128];

    store_close(&p->s);
    (void)snprintf(path, sizeof(path), "%s/state.sqlite", p->dir);
    assert_code(file_write(path,
                    BYTES_LIT("something else, and long enough to be "
                              "looked at as if it were a database...."
                              "........................................"),
                    true, &e),
        SELFSAME_OK, &e);
    assert_code(
        maker->open(p->dir, false, false, NULL, &p->s, &e), SELFSAME_MALFORMED, &e);
    assert_code(maker->open("/nonexistent/log", false, false, NULL, &p->s, &e),
        SELFSAME_IO, &e);
}

/* ---- steps that fail ---- */

struct failing {
    unsigned at, seen;
    int why;
};

static int
fail_nth(void *ctx, const char *step, const char *path)
{
    struct failing *f = ctx;

    (void)step;
    (void)path;
    return ++f->seen == f->at ? f->why : 0;
}

/* Out of descriptors before anything has its name: as if it had not been asked. */
static void
want_of_descriptors_passes(void **state)
{
    struct place *p = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    const struct store_blob head = { "checkpoint", BYTES_LIT("new") },
                            old = { "checkpoint", BYTES_LIT("old") };
    struct rlimit was, none;

    assert_code(p->s->class->replace(p->s, &old, &e), SELFSAME_OK, &e);
    p->s->class->tidy(p->s);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    /* Room for one draft, and then also for its directory. */
    for (int room = 0; room < 2; room++) {
        auto_fd next = dup(0);

        assert_true(next >= 0);
        none.rlim_cur = (rlim_t)next + (rlim_t)room;
        fd_close(&next);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_code(put(p->s, "tile/0/000", BYTES_LIT("one"), &e), SELFSAME_DENIED, &e);
        assert_non_null(strstr(err_text(&e), "Too many open files"));
        if (room == 0)
            assert_code(p->s->class->replace(p->s, &head, &e), SELFSAME_DENIED, &e);
        else
            assert_code(p->s->class->replace(p->s, &head, &e), SELFSAME_OK, &e);
        p->s->class->tidy(p->s);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
        assert_null(get(p->s, "tile/0/000", &arena).ptr);
        assert_bytes(
            get(p->s, "checkpoint", &arena), room == 0 ? old.bytes : head.bytes);
    }
    /* Another batch takes the place. */
    assert_code(put(p->s, "tile/0/000", BYTES_LIT("two"), &e), SELFSAME_OK, &e);
    assert_bytes(get(p->s, "tile/0/000", &arena), BYTES_LIT("two"));
}

/* What the core does for a batch, until something fails. */
static enum selfsame_code
batch(struct store *s, unsigned n, struct selfsame_err *e)
{
    char path[2][64], value[16], before[16];
    uint8_t key[1][STORE_KEY] = { { 0 } };
    const struct store_blob blobs[] = { { path[0], BYTES_LIT("hashes") },
        { path[1], BYTES_LIT("entries") } };
    bool done = false;

    key[0][0] = (uint8_t)n;
    (void)snprintf(path[0], sizeof(path[0]), "tile/0/%03u", n);
    (void)snprintf(path[1], sizeof(path[1]), "tile/entries/%03u.p/4", n);
    (void)snprintf(value, sizeof(value), "%u", n);
    (void)snprintf(before, sizeof(before), "%u", n - 1);
    const struct store_swap w = { .key = "log",
        .old = n == 1 ? BYTES_NONE : bytes_str(before),
        .new = bytes_str(value),
        .index = (const uint8_t(*)[STORE_KEY])key,
        .index_count = 1,
        .first = n };
    const struct store_blob head = { "checkpoint", bytes_str(value) };
    TRY(s->class->stage(s, n, bytes_str(value), e));
    TRY(s->class->put_new(s, blobs, COUNT(blobs), e));
    TRY(s->class->swap(s, &w, &done, e));
    if (!done)
        FAIL(e, SELFSAME_LOG, "the state is another");
    return s->class->replace(s, &head, e);
}

/* Each step fails once in each way; then everything is asked again and is there. */
static void
a_failed_step_is_said_and_can_be_asked_again(void **state)
{
    struct place *p = *state;
    static const int why[] = { ENOSPC, EROFS, EIO };
    auto_arena arena = arena_new(1 << 20);
    unsigned n = 1, steps = 0;

    for (size_t k = 0; k < COUNT(why); k++)
        for (unsigned at = 1;; at++, n++) {
            struct failing f = { .at = at, .why = why[k] };
            const struct store_probe probe = { fail_nth, &f };
            struct selfsame_err e = { 0 };

            reopen(p, false, &probe);
            if (batch(p->s, n, &e) == SELFSAME_OK)
                break;
            steps = at;
            reopen(p, false, NULL);
            assert_code(batch(p->s, n, &e), SELFSAME_OK, &e);
            char want[16];
            (void)snprintf(want, sizeof(want), "%u", n);
            assert_bytes(get(p->s, "checkpoint", &arena), bytes_str(want));
            bool found = false;
            uint64_t at_index = 0;
            uint8_t key[STORE_KEY] = { (uint8_t)n };
            assert_code(
                p->s->class->find(p->s, key, &found, &at_index, &e), SELFSAME_OK, &e);
            assert_true(found);
            assert_int_equal(at_index, n);
        }
    assert_true(steps >= 18); /* else the probe is not asked */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(blobs_are_found_again_and_absent_ones_are_none),
        TEST(a_taken_path_keeps_its_bytes),
        TEST(more_blobs_than_one_lot_are_all_there),
        TEST(a_replaced_blob_has_its_new_bytes),
        TEST(dropped_blobs_are_none),
        TEST(the_state_changes_from_what_it_is_alone),
        TEST(the_index_learns_with_the_state_or_not_at_all),
        TEST(swaps_of_two_threads_follow_one_another),
        TEST(the_last_batch_staged_is_found_again),
        TEST(a_torn_batch_is_none),
        TEST(a_second_writer_is_refused_and_readers_are_not),
        TEST(what_is_no_store_is_refused),
        TEST(want_of_descriptors_passes),
        TEST(a_failed_step_is_said_and_can_be_asked_again),
    };
    int bad = 0;

    for (maker = makers; maker < makers + COUNT(makers); maker++)
        bad += cmocka_run_group_tests_name(maker->name, tests, NULL, NULL);
    return bad;
}
