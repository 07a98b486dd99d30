/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor_world.h"

#include "codec/json.h"
#include "os/os.h"
#include "service/lookup.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64], file[96];
};

static struct place
place_new(void)
{
    struct place p;

    (void)snprintf(p.dir, sizeof(p.dir), "/tmp/selfsame-lookup.XXXXXX");
    assert_non_null(mkdtemp(p.dir));
    (void)snprintf(p.file, sizeof(p.file), "%s/lookup.sqlite", p.dir);
    return p;
}

static void
place_remove(const struct place *p)
{
    struct selfsame_err e = { 0 };

    assert_code(dir_remove(p->dir, &e), SELFSAME_OK, &e);
}

static struct lookup *
open_lookup(const char *dir)
{
    struct selfsame_err e = { 0 };
    struct lookup *l = NULL;

    assert_code(lookup_open(dir, &l, &e), SELFSAME_OK, &e);
    return l;
}

static enum selfsame_code
update(struct lookup *l, struct world *w, struct selfsame_err *e)
{
    const struct checkpoint c = world_publish(w, WORLD_NOW);
    const struct tiles_reader r = made_reader(&w->made);
    auto_tiles *t = NULL;

    assert_code(tiles_over(&r, &t, e), SELFSAME_OK, e);
    return lookup_update(l, t, &c, WORLD_NOW, e);
}

static void
follow(struct lookup *l, struct world *w)
{
    struct selfsame_err e = { 0 };

    assert_code(update(l, w, &e), SELFSAME_OK, &e);
    assert_int_equal(lookup_size(l), w->count);
}

/* The answer as text, and as JSON. */
static json_t *
find(struct lookup *l, const char *measurement, const char *name, const char *sha256)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct lookup_query q;
    char *text = NULL;
    json_t *j = NULL;

    assert_code(
        lookup_query_parse(measurement, name, sha256, &arena, &q, &e), SELFSAME_OK, &e);
    assert_code(lookup_find(l, &q, &text, &e), SELFSAME_OK, &e);
    assert_code(json_parse(bytes_str(text), "answer", &j, &e), SELFSAME_OK, &e);
    free(text);
    return j;
}

static const json_t *
nth(const json_t *j, size_t i)
{
    return json_array_get(json_object_get(j, "releases"), i);
}

static size_t
found(const json_t *j)
{
    return json_array_size(json_object_get(j, "releases"));
}

static const char *
text_of(const json_t *j, const char *member)
{
    const char *s = json_string_value(json_object_get(j, member));

    return s != NULL ? s : "(none)";
}

static const char *
pcr_of(struct world *w, uint8_t byte)
{
    uint8_t value[48];

    memset(value, byte, sizeof(value));
    return hex_dup(&w->arena, BYTES_ARR(value));
}

/* ---- a history ---- */

static void
add_history(struct world *w, const char *sha256[3])
{
    const char *one = world_release(w, WORLD_NAME, "1.0", 1, 0x11, NULL);
    const char *two, *three;

    sha256[0] = world_sha256(w, one);
    (void)world_add(w, ME, one);
    (void)world_raw(w, BYTES_LIT("not even an envelope"));
    (void)world_add(
        w, THIEF, world_release(w, "example.org/other", "9", 3, 0x11, NULL));
    two = world_release(w, WORLD_NAME, "1.1", 2, 0x22, sha256[0]);
    sha256[1] = world_sha256(w, two);
    (void)world_add(w, ME, two);
    (void)world_add(w, ME, world_index(w, WORLD_NAME, 1, sha256[1], 2, sha256[0]));
    (void)world_add(w, REBUILDER, world_rebuild(w, sha256[1], "identical"));
    three = world_release(w, WORLD_NAME, "2.0", 3, 0x33, NULL);
    sha256[2] = world_sha256(w, three);
    (void)world_add(w, ME, three);
    /* A stranger's index and release judge nobody. */
    (void)world_add(w, THIEF, world_index(w, WORLD_NAME, 9, sha256[0], 1, sha256[2]));
    (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "6.6", 9, 0x66, sha256[2]));
}

static void
releases_are_found_by_measurement_name_and_statement(void **state)
{
    auto_world *w = world_new();
    auto_lookup *l = open_lookup(NULL);
    const char *sha256[3];
    const json_t *one;

    (void)state;
    add_history(w, sha256);
    follow(l, w);
    auto_json *by_pcr = find(l, pcr_of(w, 0x11), NULL, NULL);
    assert_int_equal(found(by_pcr), 2);
    assert_string_equal(text_of(by_pcr, "log"), WORLD_ORIGIN);
    assert_int_equal(json_integer_value(json_object_get(by_pcr, "size")), 9);
    assert_true(json_is_false(json_object_get(by_pcr, "more")));
    one = nth(by_pcr, 0);
    assert_string_equal(text_of(one, "version"), "1.0");
    assert_string_equal(text_of(one, "sha256"), sha256[0]);
    assert_string_equal(text_of(one, "not_after"), "2026-12-01T00:00:00Z");
    assert_string_equal(text_of(one, "witnessed"), "2026-09-21T14:13:20Z");
    assert_int_equal(json_array_size(json_object_get(one, "measurements")), 1);
    assert_string_equal(
        text_of(json_array_get(json_object_get(one, "measurements"), 0), "path"),
        "pcr.0");
    assert_string_equal(
        text_of(json_object_get(one, "revoked"), "reason"), "leaks <keys>");
    assert_string_equal(
        text_of(json_array_get(json_object_get(one, "superseded_by"), 0), "version"),
        "1.1");
    assert_true(json_is_false(json_object_get(one, "current")));
    one = nth(by_pcr, 1);
    assert_string_equal(text_of(one, "name"), "example.org/other");
    assert_true(json_is_null(json_object_get(one, "revoked")));
    assert_true(json_is_null(json_object_get(one, "current")));

    auto_json *by_name = find(l, NULL, WORLD_NAME, NULL);
    assert_int_equal(found(by_name), 4);
    one = nth(by_name, 1);
    assert_string_equal(text_of(one, "version"), "1.1");
    assert_true(json_is_true(json_object_get(one, "current")));
    assert_string_equal(
        text_of(json_array_get(json_object_get(one, "rebuilds"), 0), "result"),
        "identical");
    one = nth(by_name, 2);
    assert_string_equal(text_of(one, "version"), "2.0");
    assert_true(json_is_null(json_object_get(one, "revoked")));
    assert_int_equal(json_array_size(json_object_get(one, "superseded_by")), 0);

    auto_json *by_sha256 = find(l, NULL, NULL, sha256[2]);
    assert_int_equal(found(by_sha256), 1);
    assert_int_equal(
        json_array_size(json_object_get(nth(by_sha256, 0), "measurements")), 3);
    auto_json *none = find(l, pcr_of(w, 0x99), NULL, NULL);
    assert_int_equal(found(none), 0);
    /* PCR1 is the same in all. */
    auto_json *all = find(l, pcr_of(w, 0x71), NULL, NULL);
    assert_int_equal(found(all), 5);
}

static void
queries_that_are_none_are_refused(void **state)
{
    static const char hex32[] =
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    static const struct {
        const char *measurement, *name, *sha256;
    } bad[] = {
        { NULL, NULL, NULL },
        { hex32, "a", NULL },
        { NULL, "a", hex32 },
        { "", NULL, NULL },
        { "0011", NULL, NULL },
        { "x0112233445566778899aabbccddeeff", NULL, NULL },
        { "00112233445566778899aabbccddeeff0", NULL, NULL },
        { NULL, "", NULL },
        { NULL, "a' OR 1=1 --", NULL },
        { NULL, "A", NULL },
        { NULL, NULL, "00112233445566778899aabbccddeeff" },
    };
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct lookup_query q;
    char longest[260];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        if (lookup_query_parse(bad[i].measurement, bad[i].name, bad[i].sha256, &arena,
                &q, &e) != SELFSAME_USAGE)
            fail_msg("query %zu is accepted", i);
    memset(longest, 'a', sizeof(longest));
    longest[130] = '\0';
    assert_int_equal(
        lookup_query_parse(longest, NULL, NULL, &arena, &q, &e), SELFSAME_USAGE);
    assert_int_equal(
        lookup_query_parse(NULL, longest, NULL, &arena, &q, &e), SELFSAME_USAGE);
}

/* ---- the file ---- */

static char *
everything(struct lookup *l)
{
    auto_json *all = find(l, NULL, WORLD_NAME, NULL);
    char *text = json_dumps(all, JSON_SORT_KEYS);

    assert_non_null(text);
    return text;
}

static void
step_by_step_is_the_same_as_at_once(void **state)
{
    auto_world *w = world_new(), *half = world_new();
    struct place p = place_new();
    const char *sha256[3];

    (void)state;
    auto_lookup *steps = open_lookup(p.dir);
    auto_lookup *once = open_lookup(NULL);
    add_history(w, sha256);
    for (int i = 0; i < 600; i++)
        (void)world_add(w, ME,
            world_release(w, "example.com/many", arena_printf(&w->arena, "%d", i),
                i + 1, 0x55, NULL));
    for (size_t n = 0; n <= w->count; n += n < 12 ? 1 : 149) {
        memcpy(half->entries, w->entries, sizeof(w->entries));
        half->count = n;
        follow(steps, half);
    }
    follow(steps, w);
    follow(once, w);
    char *a = everything(steps), *b = everything(once);
    assert_string_equal(a, b);
    free(a);
    free(b);
    auto_json *many = find(once, NULL, "example.com/many", NULL);
    assert_int_equal(found(many), LOOKUP_RELEASES);
    assert_true(json_is_true(json_object_get(many, "more")));
    place_remove(&p);
}

static void
what_is_deleted_broken_or_of_another_tree_is_made_anew(void **state)
{
    auto_world *w = world_new();
    struct place p = place_new();
    const char *sha256[3];
    struct selfsame_err e = { 0 };
    struct lookup *l = open_lookup(p.dir);
    struct stat st;

    (void)state;
    add_history(w, sha256);
    follow(l, w);
    char *want = everything(l);
    lookup_free(&l);
    for (int how = 0; how < 4; how++) {
        auto_arena arena = arena_new(4 << 20);
        struct selfsame_bytes file;

        assert_int_equal(stat(p.file, &st), 0);
        if (how == 0)
            assert_int_equal(unlink(p.file), 0);
        if (how == 1)
            assert_code(file_write(p.file,
                            BYTES_LIT("this is not SQLite at all, only "
                                      "some text of some length, which "
                                      "is over a hundred bytes long, so "
                                      "that it has a header's length"),
                            false, &e),
                SELFSAME_OK, &e);
        if (how == 2) { /* another form of the tables */
            assert_code(file_read(p.file, 4 << 20, &arena, &file, &e), SELFSAME_OK, &e);
            ((uint8_t *)(uintptr_t)file.ptr)[63] = 9; /* user_version */
            assert_code(file_write(p.file, file, false, &e), SELFSAME_OK, &e);
        }
        if (how == 3) /* as it is */
            assert_int_equal(chmod(p.file, 0600), 0);
        l = open_lookup(p.dir);
        assert_int_equal(lookup_size(l), how == 3 ? w->count : 0);
        follow(l, w);
        char *got = everything(l);
        assert_string_equal(got, want);
        free(got);
        lookup_free(&l);
    }
    free(want);
    /* Another history of that log: nothing of the first is left. */
    w->entries[0] = BYTES_LIT("another beginning");
    l = open_lookup(p.dir);
    follow(l, w);
    auto_json *gone = find(l, NULL, NULL, sha256[0]);
    assert_int_equal(found(gone), 0);
    auto_json *there = find(l, NULL, NULL, sha256[1]);
    assert_int_equal(found(there), 1);
    lookup_free(&l);
    place_remove(&p);
}

static void
a_log_that_lies_leaves_the_index_as_it_was(void **state)
{
    auto_world *w = world_new();
    auto_lookup *l = open_lookup(NULL);
    const char *sha256[3];
    struct selfsame_err e = { 0 };

    (void)state;
    add_history(w, sha256);
    follow(l, w);
    const size_t before = w->count;
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "3", 4, 0x44, NULL));
    struct checkpoint c = world_publish(w, WORLD_NOW);
    const struct tiles_reader r = made_reader(&w->made);
    auto_tiles *t = NULL;
    assert_code(tiles_over(&r, &t, &e), SELFSAME_OK, &e);
    c.root[0] ^= 1;
    assert_int_equal(lookup_update(l, t, &c, 0, &e), SELFSAME_LOG);
    c.root[0] ^= 1;
    w->made.spoil = "tile/entries/000.p/10";
    w->made.spoilt = BYTES_LIT("\0\1x");
    assert_int_equal(lookup_update(l, t, &c, 0, &e), SELFSAME_LOG);
    w->made.spoilt = BYTES_NONE;
    assert_int_equal(lookup_update(l, t, &c, 0, &e), SELFSAME_IO);
    assert_int_equal(lookup_size(l), before);
    w->made.spoil = NULL;
    e = (struct selfsame_err){ 0 };
    assert_code(lookup_update(l, t, &c, 0, &e), SELFSAME_OK, &e);
    assert_int_equal(lookup_size(l), w->count);
}

/* ---- many at once ---- */

struct asking {
    struct lookup *l;
    atomic_bool *stop;
    size_t answers, least, most;
    bool fell; /* an answer knew less than the one before */
};

static void *
ask(void *ctx)
{
    struct asking *a = ctx;

    while (!atomic_load(a->stop)) {
        const struct lookup_query q = { .name = WORLD_NAME };
        struct selfsame_err e = { 0 };
        char *text = NULL;
        json_error_t ignored;

        if (lookup_find(a->l, &q, &text, &e) != SELFSAME_OK)
            break;
        json_t *j = json_loads(text, 0, &ignored);
        const size_t n = found(j);
        a->fell = a->fell || n < a->most;
        a->most = n > a->most ? n : a->most;
        a->answers++;
        json_decref(j);
        free(text);
    }
    return NULL;
}

static void
threads_ask_while_the_log_grows(void **state)
{
    enum { THREADS = 4, RELEASES = 60 };
    auto_world *w = world_new();
    struct place p = place_new();
    atomic_bool stop = false;
    struct asking a[THREADS];
    pthread_t thread[THREADS];

    (void)state;
    auto_lookup *l = open_lookup(p.dir);
    auto_lookup *other = open_lookup(p.dir); /* as another process would */
    for (size_t i = 0; i < THREADS; i++) {
        a[i] = (struct asking){ .l = i % 2 ? other : l, .stop = &stop };
        assert_int_equal(pthread_create(&thread[i], NULL, ask, &a[i]), 0);
    }
    for (int i = 0; i < RELEASES; i++) {
        (void)world_add(w, ME,
            world_release(
                w, WORLD_NAME, arena_printf(&w->arena, "%d", i), i + 1, 0x11, NULL));
        if (i % 4 == 3)
            follow(i % 8 == 3 ? l : other, w);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_true(a[i].answers > 0 && !a[i].fell);
    }
    auto_json *all = find(l, NULL, WORLD_NAME, NULL);
    assert_int_equal(found(all), RELEASES);
    place_remove(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases_are_found_by_measurement_name_and_statement),
        cmocka_unit_test(queries_that_are_none_are_refused),
        cmocka_unit_test(step_by_step_is_the_same_as_at_once),
        cmocka_unit_test(what_is_deleted_broken_or_of_another_tree_is_made_anew),
        cmocka_unit_test(a_log_that_lies_leaves_the_index_as_it_was),
        cmocka_unit_test(threads_ask_while_the_log_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
