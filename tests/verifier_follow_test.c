/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor_world.h"

#include "codec/pem.h"
#include "verifier/follow.h"

#include <unistd.h>

enum { TEST_NOW = 1788393600 }; /* 2026-09-03: the indexes are valid */

/* A log in memory, a registry in a file, and what goes from the one to the other. */
struct scene {
    struct world *w;
    struct arena arena;
    struct object_follow follow;
    struct followed state;
    struct follow_news news;
    struct registry *registry;
    char path[64];
    size_t written;
    struct selfsame_err e;
};

static void
open_scene(struct scene *s, enum who publisher)
{
    *s = (struct scene){ .w = world_new(), .arena = arena_new((size_t)256 << 20) };
    char *pem = pem_encode("PUBLIC KEY", s->w->spki[publisher], &s->arena);
    char *policy = arena_str(&s->arena, s->w->policy);

    assert_true(pem != NULL && policy != NULL);
    auto_json *j = json_pack("{s:s,s:s,s:s,s:[s],s:i}", "log", "https://log.example",
        "trust", policy, "release", WORLD_NAME, "publishers", pem, "keep", 3);
    char *text = json_compact(j);
    assert_non_null(text);
    assert_code(object_read_follow(bytes_str(text), &s->arena, &s->follow, &s->e),
        SELFSAME_OK, &s->e);
    free(text);
    (void)snprintf(
        s->path, sizeof(s->path), "/tmp/selfsame-follow-%d.sqlite", getpid());
    (void)unlink(s->path);
    assert_code(registry_open(s->path, true, &s->registry, &s->e), SELFSAME_OK, &s->e);
    const struct registry_object tenant = { .tenant = "t",
        .kind = REGISTRY_TENANT,
        .name = "t",
        .author = "test",
        .body = BYTES_LIT("{}") };
    uint64_t version;
    assert_code(registry_put(s->registry, &tenant, REGISTRY_ANY, &version, &s->e),
        SELFSAME_OK, &s->e);
}

static void
close_scene(struct scene *s)
{
    char more[80];

    registry_close(&s->registry);
    for (int i = 0; i < 3; i++) {
        static const char *const ends[] = { "", "-wal", "-shm" };

        (void)snprintf(more, sizeof(more), "%s%s", s->path, ends[i]);
        (void)unlink(more);
    }
    world_free(&s->w);
    arena_free(&s->arena);
}
#define auto_scene __attribute__((cleanup(close_scene))) struct scene

static enum selfsame_code
read_log(struct scene *s)
{
    const struct tiles_reader reader = made_reader(&s->w->made);
    auto_tiles *t = NULL;

    s->e = (struct selfsame_err){ 0 };
    s->news = (struct follow_news){ .count = 0 };
    assert_code(tiles_over(&reader, &t, &s->e), SELFSAME_OK, &s->e);
    return follow_read(&s->follow, t, TEST_NOW, &s->arena, &s->state, &s->news, &s->e);
}

static void
store(struct scene *s)
{
    static int64_t at_ms = (int64_t)TEST_NOW * 1000;
    struct manage m = { .r = s->registry,
        .now_ms = at_ms++,
        .tenant = "t",
        .kind = REGISTRY_RELEASE,
        .arena = &s->arena,
        .e = &s->e };

    assert_code(
        follow_store(&m, "f", &s->follow, &s->news, &s->written), SELFSAME_OK, &s->e);
}

static void
follow(struct scene *s)
{
    world_publish(s->w, TEST_NOW);
    assert_code(read_log(s), SELFSAME_OK, &s->e);
    store(s);
}

/* Names of all releases, each with its '+' and key cut off, in order. */
static const char *
names(struct scene *s)
{
    struct registry_object *list;
    const char *text = "";
    size_t count;

    assert_code(registry_list(s->registry, "t", REGISTRY_RELEASE, true, &s->arena,
                    &list, &count, &s->e),
        SELFSAME_OK, &s->e);
    for (size_t i = 0; i < count; i++) {
        const char *at = strchr(list[i].name, '@');

        assert_non_null(at);
        assert_string_equal(list[i].author, "follow/f");
        text = arena_printf(&s->arena, "%s%s%.*s", text, i > 0 ? " " : "",
            (int)strcspn(at + 1, "+"), at + 1);
    }
    return text;
}

static void
add(struct scene *s, enum who by, const char *version, int sequence)
{
    (void)world_add(s->w, by,
        world_release(
            s->w, WORLD_NAME, version, sequence, (uint8_t)(1 + sequence % 200), NULL));
}

static void
releases_of_the_publisher_are_taken_with_proofs_that_hold(void **state)
{
    auto_scene s;

    (void)state;
    open_scene(&s, ME);
    (void)world_raw(s.w, BYTES_LIT("nothing of ours"));
    add(&s, ME, "1.0.0", 1);
    add(&s, THIEF, "6.6.6", 9);
    (void)world_add(
        s.w, ME, world_release(s.w, "example.com/other", "2.0.0", 5, 1, NULL));
    add(&s, ME, "1.1.0", 2);
    follow(&s);
    assert_int_equal(s.news.count, 2);
    assert_false(s.news.more);
    assert_int_equal(s.state.next, 5);
    assert_int_equal(s.state.highest, 2);
    assert_string_equal(names(&s), "1.0.0 1.1.0");
    for (size_t i = 0; i < s.news.count; i++) {
        const struct vouch_rule rule = { .name = WORLD_NAME,
            .trust = &s.w->trust,
            .publishers = s.follow.publishers,
            .publisher_count = 1 };
        struct vouched v;

        assert_code(vouch_proof(&rule, bytes_str(s.news.found[i].proof), TEST_NOW,
                        &s.arena, &v, &s.e),
            SELFSAME_OK, &s.e);
        assert_int_equal(v.sequence, i + 1);
    }
    /* Again: nothing new, nothing written. */
    follow(&s);
    assert_int_equal(s.news.count, 0);
    assert_int_equal(s.written, 0);
    /* Read from the first entry: what is there is not written again. */
    s.state = (struct followed){ .next = 0 };
    follow(&s);
    assert_int_equal(s.news.count, 2);
    assert_int_equal(s.written, 0);
}

static void
what_goes_back_in_sequence_is_not_taken(void **state)
{
    auto_scene s;

    (void)state;
    open_scene(&s, ME);
    add(&s, ME, "2.0.0", 20);
    add(&s, ME, "1.9.0", 19);
    follow(&s);
    assert_int_equal(s.news.rollbacks, 1);
    assert_string_equal(names(&s), "2.0.0");
    add(&s, ME, "1.8.0", 18);
    add(&s, ME, "2.0.1", 21);
    follow(&s);
    assert_int_equal(s.news.rollbacks, 1);
    assert_string_equal(names(&s), "2.0.0 2.0.1");
}

static void
only_the_newest_stay_and_what_was_removed_stays_removed(void **state)
{
    auto_scene s;
    bool removed;

    (void)state;
    open_scene(&s, ME);
    for (int i = 1; i <= 5; i++)
        add(&s, ME, arena_printf(&s.arena, "1.%d", i), i);
    follow(&s);
    assert_string_equal(names(&s), "1.3 1.4 1.5");
    struct registry_object *list;
    size_t count;
    assert_code(registry_list(s.registry, "t", REGISTRY_RELEASE, false, &s.arena, &list,
                    &count, &s.e),
        SELFSAME_OK, &s.e);
    assert_code(
        registry_remove(s.registry, &list[2], &removed, &s.e), SELFSAME_OK, &s.e);
    s.state = (struct followed){ .next = 0 };
    follow(&s);
    assert_string_equal(names(&s), "1.3 1.4");
    add(&s, ME, "1.6", 6);
    follow(&s);
    assert_string_equal(names(&s), "1.3 1.4 1.6");
}

static void
the_index_is_replaced_by_the_next_one(void **state)
{
    auto_scene s;
    const char *first;

    (void)state;
    open_scene(&s, ME);
    first = world_release(s.w, WORLD_NAME, "1.0.0", 1, 1, NULL);
    (void)world_add(s.w, ME, first);
    (void)world_add(
        s.w, ME, world_index(s.w, WORLD_NAME, 1, world_sha256(s.w, first), 1, NULL));
    (void)world_add(
        s.w, THIEF, world_index(s.w, WORLD_NAME, 9, world_sha256(s.w, first), 1, NULL));
    follow(&s);
    assert_string_equal(names(&s), "1.0.0 index");
    (void)world_add(
        s.w, ME, world_index(s.w, WORLD_NAME, 2, world_sha256(s.w, first), 1, NULL));
    follow(&s);
    assert_int_equal(s.written, 1);
    assert_string_equal(names(&s), "1.0.0 index");
    s.state = (struct followed){ .next = 0 };
    follow(&s); /* the older one is read again, and does not come back */
    assert_int_equal(s.written, 0);
}

static void
rebuilds_are_taken_when_a_policy_names_who_did_them(void **state)
{
    auto_scene s;
    const char *first;
    uint64_t version;
    char key[BASE64_SIZE(64)], rebuilder[BASE64_SIZE(64)];

    (void)state;
    open_scene(&s, ME);
    first = world_release(s.w, WORLD_NAME, "1.0.0", 1, 1, NULL);
    (void)world_add(s.w, ME, first);
    (void)world_add(
        s.w, REBUILDER, world_rebuild(s.w, world_sha256(s.w, first), "identical"));
    (void)world_add(
        s.w, THIEF, world_rebuild(s.w, world_sha256(s.w, first), "identical"));
    (void)world_add(
        s.w, REBUILDER, world_rebuild(s.w, world_sha256(s.w, "other"), "identical"));
    follow(&s);
    assert_string_equal(names(&s), "1.0.0");
    (void)base64_encode(s.w->spki[ME], false, key);
    (void)base64_encode(s.w->spki[REBUILDER], false, rebuilder);
    auto_json *j = json_pack("{s:i,s:{s:{}},s:{s:b},s:s,s:[{s:s,s:s,s:s,s:[s],s:i}]}",
        "selfsame_policy", 1, "tee", "nitro", "freshness", "nonce", 1, "binding", "key",
        "releases", "name", WORLD_NAME, "publisher", key, "trust",
        arena_str(&s.arena, s.w->policy), "rebuilders", rebuilder, "min_rebuilders", 1);
    char *text = json_compact(j);
    assert_non_null(text);
    const struct registry_object policy = { .tenant = "t",
        .kind = REGISTRY_POLICY,
        .name = "p",
        .author = "test",
        .body = bytes_str(text) };
    assert_code(object_check(&policy, &s.e), SELFSAME_OK, &s.e);
    assert_code(registry_put(s.registry, &policy, REGISTRY_ANY, &version, &s.e),
        SELFSAME_OK, &s.e);
    free(text);
    s.state = (struct followed){ .next = 0 };
    follow(&s);
    assert_int_equal(s.written, 1);
    assert_string_equal(names(&s), "1.0.0 1.0.0");
}

static void
a_log_that_forks_is_not_followed(void **state)
{
    auto_scene s;

    (void)state;
    open_scene(&s, ME);
    add(&s, ME, "1.0.0", 1);
    add(&s, ME, "1.1.0", 2);
    follow(&s);
    const struct followed before = s.state;
    /* The same size with another tree, and a larger one. */
    for (int more = 0; more < 2; more++) {
        s.w->count = 1;
        add(&s, ME, "1.1.1", 2);
        if (more == 1)
            add(&s, ME, "1.2.0", 3);
        world_publish(s.w, TEST_NOW);
        assert_code(read_log(&s), SELFSAME_LOG, &s.e);
        assert_int_equal(s.state.next, before.next);
        assert_bytes(s.state.note, before.note);
    }
}

static void
an_older_checkpoint_changes_nothing(void **state)
{
    auto_scene s;

    (void)state;
    open_scene(&s, ME);
    add(&s, ME, "1.0.0", 1);
    add(&s, ME, "1.1.0", 2);
    follow(&s);
    const struct followed before = s.state;
    s.w->count = 1;
    world_publish(s.w, TEST_NOW);
    assert_code(read_log(&s), SELFSAME_OK, &s.e);
    assert_int_equal(s.news.count, 0);
    assert_int_equal(s.state.next, before.next);
    assert_bytes(s.state.note, before.note);
}

static void
what_too_few_witnesses_saw_is_not_believed(void **state)
{
    auto_scene s;

    (void)state;
    open_scene(&s, ME);
    add(&s, ME, "1.0.0", 1);
    const struct checkpoint c = world_publish(s.w, TEST_NOW);
    s.w->made.checkpoint = world_note(s.w, &c, 1, TEST_NOW);
    assert_code(read_log(&s), SELFSAME_LOG, &s.e);
    assert_int_equal(s.state.next, 0);
    s.w->made.checkpoint = BYTES_LIT("nonsense");
    assert_true(read_log(&s) != SELFSAME_OK);
}

static void
what_the_checkpoint_does_not_commit_to_is_not_believed(void **state)
{
    auto_scene s;
    static const char *const files[] = { "tile/0/000.p/2", "tile/entries/000.p/2" };

    (void)state;
    open_scene(&s, ME);
    add(&s, ME, "1.0.0", 1);
    add(&s, ME, "1.1.0", 2);
    world_publish(s.w, TEST_NOW);
    for (size_t i = 0; i < COUNT(files); i++) {
        struct selfsame_bytes good = made_file(&s.w->made, files[i], &s.arena), bad;

        assert_true(arena_dup(&s.arena, good, &bad));
        ((uint8_t *)(uintptr_t)bad.ptr)[bad.len / 2] ^= 1;
        s.w->made.spoil = files[i];
        s.w->made.spoilt = bad;
        assert_code(read_log(&s), SELFSAME_LOG, &s.e);
        s.w->made.spoilt = BYTES_NONE; /* gone */
        assert_true(read_log(&s) != SELFSAME_OK);
        assert_int_equal(s.state.next, 0);
    }
    s.w->made.spoil = NULL;
    assert_code(read_log(&s), SELFSAME_OK, &s.e);
    assert_int_equal(s.news.count, 2);
}

static void
much_is_read_in_parts(void **state)
{
    auto_scene s;
    size_t all = 0;

    (void)state;
    open_scene(&s, ME);
    for (int i = 1; i <= FOLLOW_FOUND + 44; i++)
        add(&s, ME, arena_printf(&s.arena, "1.%d", i), i);
    world_publish(s.w, TEST_NOW);
    for (int round = 0; round < 2; round++) {
        assert_code(read_log(&s), SELFSAME_OK, &s.e);
        assert_true(s.news.more == (round == 0));
        all += s.news.count;
    }
    assert_int_equal(all, FOLLOW_FOUND + 44);
}

/* ---- the state as a file ---- */

static void
the_state_is_read_as_it_was_written(void **state)
{
    auto_scene s;
    struct followed got;

    (void)state;
    open_scene(&s, ME);
    add(&s, ME, "1.0.0", 7);
    follow(&s);
    memset(s.state.digest, 0x5a, sizeof(s.state.digest));
    char *text = followed_print(&s.state);
    assert_non_null(text);
    assert_code(
        followed_parse(bytes_str(text), &s.arena, &got, &s.e), SELFSAME_OK, &s.e);
    assert_bytes(got.note, s.state.note);
    assert_bytes(BYTES_ARR(got.digest), BYTES_ARR(s.state.digest));
    assert_int_equal(got.next, 1);
    assert_int_equal(got.highest, 7);
    const size_t len = strlen(text);
    for (size_t n = 0; n < len; n++) {
        struct selfsame_err e = { 0 };

        assert_code(followed_parse(BYTES((uint8_t *)text, n), &s.arena, &got, &e),
            SELFSAME_MALFORMED, &e);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        struct selfsame_err e = { 0 };

        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        const enum selfsame_code code = followed_parse(
            BYTES((uint8_t *)text, len), &s.arena, &got, &e);
        assert_true(code == SELFSAME_OK || code == SELFSAME_MALFORMED);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
    }
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(releases_of_the_publisher_are_taken_with_proofs_that_hold),
        cmocka_unit_test(what_goes_back_in_sequence_is_not_taken),
        cmocka_unit_test(only_the_newest_stay_and_what_was_removed_stays_removed),
        cmocka_unit_test(the_index_is_replaced_by_the_next_one),
        cmocka_unit_test(rebuilds_are_taken_when_a_policy_names_who_did_them),
        cmocka_unit_test(a_log_that_forks_is_not_followed),
        cmocka_unit_test(an_older_checkpoint_changes_nothing),
        cmocka_unit_test(what_too_few_witnesses_saw_is_not_believed),
        cmocka_unit_test(what_the_checkpoint_does_not_commit_to_is_not_believed),
        cmocka_unit_test(much_is_read_in_parts),
        cmocka_unit_test(the_state_is_read_as_it_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
