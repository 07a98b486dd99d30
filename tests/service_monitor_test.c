/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor_world.h"

#include "os/os.h"
#include "service/monitor.h"
#include "service/monitor_parts.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a monitor whose events are kept ---- */

struct watch {
    struct world *w;
    char dir[64], state[96], page[96];
    struct monitor_config c;
    struct monitor_key mine[3], retired[1], rebuilders[1];
    uint8_t known[16][32];
    const char *names[2];
    struct tiles_reader reader;
    json_t *events; /* of the last round */
    int fail_after; /* > 0: the n-th event cannot be told */
    struct monitor *m;
};

static enum selfsame_code
keep(void *ctx, const json_t *event, struct selfsame_err *e)
{
    struct watch *x = ctx;

    if (x->fail_after > 0 && --x->fail_after == 0)
        FAIL(e, SELFSAME_IO, "nobody listens");
    assert_int_equal(json_array_append(x->events, (json_t *)(uintptr_t)event), 0);
    return SELFSAME_OK;
}

static struct watch *
watch_new(struct world *w)
{
    struct watch *x = calloc(1, sizeof(*x));

    assert_non_null(x);
    x->w = w;
    (void)snprintf(x->dir, sizeof(x->dir), "/tmp/selfsame-monitor.XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    (void)snprintf(x->state, sizeof(x->state), "%s/state", x->dir);
    (void)snprintf(x->page, sizeof(x->page), "%s/page.html", x->dir);
    x->mine[0] = (struct monitor_key){ w->spki[ME], "me.pem" };
    x->mine[1] = (struct monitor_key){ w->spki[PARTNER], "partner.pem" };
    x->retired[0] = (struct monitor_key){ w->spki[RETIRED], "old.pem" };
    x->rebuilders[0] = (struct monitor_key){ w->spki[REBUILDER], "re<builder>.pem" };
    x->reader = made_reader(&w->made);
    x->events = json_array();
    x->c = (struct monitor_config){
        .where = "",
        .reader = &x->reader,
        .state = x->state,
        .trust = &w->trust,
        .publishers = { x->mine, 2 },
        .retired = { x->retired, 1 },
        .rebuilders = { x->rebuilders, 1 },
        .stale_s = 86400,
        .page = x->page,
        .tell = keep,
        .ctx = x,
    };
    return x;
}

static void
watch_free(struct watch **x)
{
    struct selfsame_err e = { 0 };

    if (*x == NULL)
        return;
    monitor_free(&(*x)->m);
    json_decref((*x)->events);
    assert_code(dir_remove((*x)->dir, &e), SELFSAME_OK, &e);
    free(*x);
    *x = NULL;
}
#define auto_watch __attribute__((cleanup(watch_free))) struct watch

static enum selfsame_code
try_round(struct watch *x, int64_t now_s, struct selfsame_err *e)
{
    assert_int_equal(json_array_clear(x->events), 0);
    if (x->m == NULL)
        assert_code(monitor_new(&x->c, &x->m, e), SELFSAME_OK, e);
    return monitor_round(x->m, now_s, e);
}

static void
look(struct watch *x)
{
    struct selfsame_err e = { 0 };

    assert_code(try_round(x, WORLD_NOW, &e), SELFSAME_OK, &e);
}

/* As if the process ended and another began. */
static void
restart(struct watch *x)
{
    monitor_free(&x->m);
}

static const char *
text_of(const json_t *event, const char *member)
{
    const char *s = json_string_value(json_object_get(event, member));

    return s != NULL ? s : "";
}

static size_t
count(const struct watch *x, const char *member, const char *value)
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(x->events); i++)
        n += strcmp(text_of(json_array_get(x->events, i), member), value) == 0;
    return n;
}

static const json_t *
first(const struct watch *x, const char *member, const char *value)
{
    for (size_t i = 0; i < json_array_size(x->events); i++)
        if (strcmp(text_of(json_array_get(x->events, i), member), value) == 0)
            return json_array_get(x->events, i);
    fail_msg("no event whose %s is %s", member, value);
    return NULL;
}

/* These alarms in the last round, each once, and no other. */
static void
expect_alarms(
    const struct watch *x, enum selfsame_code worst, const char *a, const char *b)
{
    const size_t want = (a != NULL ? 1u : 0) + (b != NULL ? 1u : 0);

    if (count(x, "event", "alarm") != want) {
        char *all = json_dumps(x->events, JSON_INDENT(1));

        (void)fprintf(stderr, "%s\n", all);
        free(all);
        fail_msg("expected %zu alarms, got %zu", want, count(x, "event", "alarm"));
    }
    if (a != NULL)
        assert_int_equal(count(x, "alarm", a), 1);
    if (b != NULL)
        assert_int_equal(count(x, "alarm", b), 1);
    assert_int_equal(monitor_worst(x->m), worst);
}

/* ---- a log in good order ---- */

/* Three releases, the first revoked; a partner signs along; two rebuilds; strangers. */
static void
add_good_history(struct world *w, const char *sha256[3])
{
    const char *one = world_release(w, WORLD_NAME, "1.0", 7, 0x11, NULL);
    const char *two, *three;

    (void)world_add(
        w, THIEF, world_release(w, "example.org/other", "9", 3, 0x99, NULL));
    sha256[0] = world_sha256(w, one);
    (void)world_add(w, ME, one);
    (void)world_add(w, PARTNER, one);
    (void)world_add(w, REBUILDER, world_rebuild(w, sha256[0], "identical"));
    (void)world_raw(w, BYTES_LIT("not even an envelope"));
    two = world_release(w, WORLD_NAME, "1.1", 8, 0x22, sha256[0]);
    sha256[1] = world_sha256(w, two);
    (void)world_add(w, ME, two);
    (void)world_add(w, THIEF, world_rebuild(w, sha256[1], "failed"));
    (void)world_add(w, ME, world_index(w, WORLD_NAME, 1, sha256[1], 8, sha256[0]));
    three = world_release(w, WORLD_NAME, "2.0", 9, 0x33, sha256[1]);
    sha256[2] = world_sha256(w, three);
    (void)world_add(w, ME, three);
    (void)world_add(w, ME, world_index(w, WORLD_NAME, 2, sha256[2], 9, sha256[0]));
}

static void
publish(struct world *w)
{
    (void)world_publish(w, WORLD_NOW - 60);
}

static void
a_clean_log_is_told_and_raises_no_alarm(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    const char *sha256[3];

    (void)state;
    add_good_history(w, sha256);
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "release"), 4);
    assert_int_equal(count(x, "event", "rebuild"), 2);
    assert_int_equal(count(x, "event", "index"), 2);
    assert_int_equal(count(x, "event", "checkpoint"), 1);
    const json_t *j = first(x, "sha256", sha256[1]);
    assert_string_equal(text_of(j, "version"), "1.1");
    assert_string_equal(text_of(j, "label"), "me.pem");
    assert_string_equal(text_of(j, "log"), WORLD_ORIGIN);
    assert_string_equal(text_of(j, "at"), "2026-09-21T14:13:20Z");
    assert_string_equal(text_of(j, "witnessed"), "2026-09-21T14:12:20Z");
    assert_int_equal(json_integer_value(json_object_get(j, "sequence")), 8);
    assert_int_equal(json_integer_value(json_object_get(j, "entry")), 5);
    j = first(x, "result", "identical");
    assert_string_equal(text_of(j, "of"), sha256[0]);
    assert_true(json_is_true(json_object_get(j, "checked")));
    assert_true(
        json_is_false(json_object_get(first(x, "result", "failed"), "checked")));
    /* Again, and again after a restart: silence. */
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
    restart(x);
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
    /* Witnesses see it again: told, and no tile is read for it. */
    (void)world_publish(w, WORLD_NOW - 5);
    w->made.no_tiles = true;
    look(x);
    assert_int_equal(json_array_size(x->events), 1);
    assert_int_equal(count(x, "event", "checkpoint"), 1);
    w->made.no_tiles = false;
    /* One more: only that is told. */
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "2.1", 10, 0x34, sha256[2]));
    publish(w);
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(json_array_size(x->events), 2);
    assert_int_equal(count(x, "version", "2.1"), 1);
}

static void
a_log_of_many_bundles_is_followed_in_steps(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);

    (void)state;
    for (int i = 0; i < 700; i++) {
        (void)world_raw(w, bytes_str(arena_printf(&w->arena, "filler %d", i)));
        if (i % 7 == 0)
            (void)world_add(w, ME,
                world_release(w, WORLD_NAME, arena_printf(&w->arena, "1.%d", i / 7),
                    1 + i / 7, 0x10, NULL));
        if (i % 111 == 0) {
            publish(w);
            look(x);
            expect_alarms(x, SELFSAME_OK, NULL, NULL);
        }
    }
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    restart(x);
    look(x);
    assert_int_equal(x->m->state.release_count, 100);
    assert_int_equal(x->m->state.next, 800);
}

static void
a_log_without_entries_is_no_matter(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);

    (void)state;
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1", 1, 1, NULL));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "release"), 1);
}

/* ---- each alarm once ---- */

/* A history in good order, seen; then what the case adds. */
static void
begin(struct world **w, struct watch **x, const char *sha256[3])
{
    *w = world_new();
    *x = watch_new(*w);
    add_good_history(*w, sha256);
    publish(*w);
    look(*x);
    expect_alarms(*x, SELFSAME_OK, NULL, NULL);
}

static void
see(struct watch *x, enum selfsame_code worst, const char *a, const char *b)
{
    publish(x->w);
    look(x);
    expect_alarms(x, worst, a, b);
    /* Not again, not even by another process. */
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
    restart(x);
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
}

static void
entries_that_are_not_mine_under_my_name(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "3.0", 10, 0x66, NULL));
    see(x, SELFSAME_LOG, "foreign", NULL);
    (void)world_add(w, THIEF, world_index(w, WORLD_NAME, 3, sha256[2], 9, sha256[2]));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "foreign", NULL);
    /* The stranger revokes nothing, and its sequence does not count. */
    assert_false(x->m->state.releases[3].revoked);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "3.1", 10, 0x77, NULL));
    publish(w);
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
}

static void
a_name_is_mine_before_i_publish_when_i_say_so(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);

    (void)state;
    x->names[0] = "example.com/soon";
    x->c.names = x->names;
    x->c.name_count = 1;
    (void)world_add(w, THIEF, world_release(w, "example.com/soon", "1", 1, 1, NULL));
    (void)world_add(w, THIEF, world_release(w, "example.com/else", "1", 1, 1, NULL));
    see(x, SELFSAME_LOG, "foreign", NULL);
}

static void
who_was_there_before_me_is_told_when_i_come(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);

    (void)state;
    (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "1", 1, 1, NULL));
    (void)world_add(w, THIEF, world_release(w, "example.com/else", "1", 1, 1, NULL));
    (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "2", 2, 2, NULL));
    see(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(x->m->state.stranger_count, 2);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1.0", 7, 3, NULL));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "foreign", NULL);
    const json_t *j = first(x, "alarm", "foreign");
    assert_int_equal(json_integer_value(json_object_get(j, "entry")), 0);
    assert_int_equal(json_integer_value(json_object_get(j, "count")), 2);
    assert_string_equal(text_of(j, "name"), WORLD_NAME);
    restart(x);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1.1", 8, 4, NULL));
    see(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(x->m->state.stranger_count, 1);
    /* Others cannot make it grow without end. */
    struct selfsame_err e = { 0 };
    for (int i = 0; i < MONITOR_STRANGE_NAMES + 9; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "example.net/%d", i);
        assert_code(state_add_stranger(&x->m->state, name, 5, &e), SELFSAME_OK, &e);
    }
    assert_int_equal(x->m->state.stranger_count, MONITOR_STRANGE_NAMES);
    assert_code(state_write(x->state, &x->m->state, &e), SELFSAME_OK, &e);
    restart(x);
    look(x);
    assert_int_equal(x->m->state.stranger_count, MONITOR_STRANGE_NAMES);
}

static void
my_key_signs_what_i_did_not_make(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;
    size_t len;

    (void)state;
    begin(&w, &x, sha256);
    restart(x);
    const char *known = world_release(w, WORLD_NAME, "3.0", 10, 0x44, NULL);
    assert_true(hex_decode(world_sha256(w, known), 64, x->known[0], 32, &len));
    x->c.known = (const uint8_t(*)[32])x->known;
    x->c.known_count = 1;
    x->c.has_known = true;
    (void)world_add(w, ME, known);
    see(x, SELFSAME_OK, NULL, NULL);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "3.1", 11, 0x45, NULL));
    see(x, SELFSAME_LOG, "foreign", NULL);
    (void)world_add(w, ME, world_rebuild(w, sha256[2], "identical"));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "foreign", NULL);
}

static struct selfsame_bytes
replaced(struct world *w, struct selfsame_bytes in, const char *from, const char *to)
{
    char *s = arena_str(&w->arena, in), *at = strstr(s, from);

    assert_non_null(at);
    assert_int_equal(strlen(from), strlen(to));
    memcpy(at, to, strlen(to));
    return bytes_str(s);
}

static const char *
key_id(struct world *w, enum who who)
{
    uint8_t digest[HASH_MAX];

    assert_true(hash_bytes(HASH_SHA256, w->spki[who], digest));
    return hex_dup(&w->arena, BYTES(digest, 32));
}

static void
a_stolen_key_is_seen_behind_another_key_id(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    restart(x);
    x->c.has_known = true;
    size_t at = world_add(w, ME, world_release(w, "example.net/new", "1", 1, 1, NULL));
    w->entries[at] = replaced(w, w->entries[at], key_id(w, ME), key_id(w, THIEF));
    see(x, SELFSAME_LOG, "foreign", NULL);
}

static void
an_entry_names_my_key_and_is_signed_by_another(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    size_t at = world_add(
        w, THIEF, world_release(w, "example.net/new", "1", 1, 1, NULL));
    w->entries[at] = replaced(w, w->entries[at], key_id(w, THIEF), key_id(w, ME));
    see(x, SELFSAME_LOG, "foreign", NULL);
}

static void
two_entries_for_one_version(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "2.0", 10, 0x55, NULL));
    see(x, SELFSAME_LOG, "duplicate", NULL);
}

static void
sequences_that_jump_or_repeat(void **state)
{
    static const int releases[] = { 11, 9, 2 }, indexes[] = { 4, 2, 1 };
    const char *sha256[3];

    (void)state;
    for (size_t i = 0; i < COUNT(releases); i++) {
        auto_world *w = NULL;
        auto_watch *x = NULL;

        begin(&w, &x, sha256);
        (void)world_add(
            w, ME, world_release(w, WORLD_NAME, "3.0", releases[i], 0x55, NULL));
        see(x, SELFSAME_STALE, "sequence", NULL);
    }
    for (size_t i = 0; i < COUNT(indexes); i++) {
        auto_world *w = NULL;
        auto_watch *x = NULL;

        begin(&w, &x, sha256);
        (void)world_add(
            w, ME, world_index(w, WORLD_NAME, indexes[i], sha256[1], 8, NULL));
        see(x, SELFSAME_STALE, "sequence", NULL);
    }
}

static void
a_partner_that_signs_late_is_no_repeat(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, PARTNER, world_index(w, WORLD_NAME, 1, sha256[1], 8, sha256[0]));
    (void)world_add(
        w, PARTNER, world_release(w, WORLD_NAME, "1.1", 8, 0x22, sha256[0]));
    (void)world_add(w, PARTNER, world_index(w, WORLD_NAME, 2, sha256[2], 9, sha256[0]));
    see(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(x->m->state.release_count, 3);
    assert_true(x->m->state.releases[2].current && !x->m->state.releases[1].current);
}

static void
entries_of_my_key_that_do_not_parse(void **state)
{
    static const char *const bad[] = {
        "{\"_type\":\"https://in-toto.io/Statement/v1\"}",
        "{}",
        ("{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{},"
         "\"predicateType\":\"https://slsa.dev/provenance/v1\",\"subject\":[]}"),
    };
    const char *sha256[3];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        auto_world *w = NULL;
        auto_watch *x = NULL;

        begin(&w, &x, sha256);
        (void)world_add(w, THIEF, bad[i]);
        (void)world_add(w, ME, bad[i]);
        see(x, SELFSAME_MALFORMED, "unparsable", NULL);
    }
    /* Not even an envelope, but it says whose it wants to be. */
    auto_world *w = NULL;
    auto_watch *x = NULL;
    begin(&w, &x, sha256);
    (void)world_raw(
        w, bytes_str(arena_printf(&w->arena, "{ \"keyid\": \"%s\" }", key_id(w, ME))));
    see(x, SELFSAME_MALFORMED, "unparsable", NULL);
}

static void
a_retired_key_signs(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;
    size_t len;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, RETIRED, world_release(w, WORLD_NAME, "3.0", 10, 0x55, NULL));
    see(x, SELFSAME_REVOKED, "retired", NULL);
    /* What it signed in its time is known. */
    restart(x);
    const char *old = world_release(w, WORLD_NAME, "3.1", 10, 0x56, NULL);
    assert_true(hex_decode(world_sha256(w, old), 64, x->known[0], 32, &len));
    x->c.known = (const uint8_t(*)[32])x->known;
    x->c.known_count = 1;
    (void)world_add(w, RETIRED, old);
    see(x, SELFSAME_OK, NULL, NULL);
}

static void
a_rebuild_says_different(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, REBUILDER, world_rebuild(w, sha256[2], "different"));
    see(x, SELFSAME_MISMATCH, "different", NULL);
    /* Of what is not watched: nobody's matter. */
    (void)world_add(
        w, REBUILDER, world_rebuild(w, world_sha256(w, "other"), "different"));
    see(x, SELFSAME_OK, NULL, NULL);
}

static void
without_names_and_keys_everything_is_watched(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    const char *sha256[3];

    (void)state;
    x->c.publishers = (struct monitor_keys){ NULL, 0 };
    x->c.retired = (struct monitor_keys){ NULL, 0 };
    add_good_history(w, sha256);
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "release"), 5);
    assert_int_equal(count(x, "event", "other"), 1);
    assert_true(x->m->state.releases[1].revoked);
    /* A stranger revokes nothing here either; its sequence is part of the name's. */
    (void)world_add(w, THIEF, world_index(w, WORLD_NAME, 3, sha256[2], 9, sha256[2]));
    (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "2.0", 10, 0x12, NULL));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "duplicate", NULL);
    assert_false(x->m->state.releases[3].revoked);
}

/* ---- checkpoints ---- */

static size_t
files_in(const char *dir)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    while (d != NULL && readdir(d) != NULL)
        n++;
    if (d != NULL)
        (void)closedir(d);
    return n > 2 ? n - 2 : 0;
}

static void
check_evidence(const struct watch *x, struct selfsame_bytes believed,
    struct selfsame_bytes other, size_t files)
{
    auto_arena arena = arena_new(1 << 20);
    const json_t *j = first(x, "event", "alarm");
    struct selfsame_err e = { 0 };
    struct selfsame_bytes got;
    char dir[128];

    assert_code(
        file_read(text_of(j, "believed"), 1 << 16, &arena, &got, &e), SELFSAME_OK, &e);
    assert_bytes(got, believed);
    assert_code(
        file_read(text_of(j, "other"), 1 << 16, &arena, &got, &e), SELFSAME_OK, &e);
    assert_bytes(got, other);
    (void)snprintf(dir, sizeof(dir), "%s.forks", x->state);
    assert_int_equal(files_in(dir), files);
}

static void
two_trees_of_one_size(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    struct selfsame_bytes believed = w->made.checkpoint;
    w->entries[0] = BYTES_LIT("another history");
    (void)world_publish(w, WORLD_NOW - 10);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    check_evidence(x, believed, w->made.checkpoint, 2);
    /* It lasts: said once by one process, and anew by the next. Nothing moved. */
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    check_evidence(x, believed, w->made.checkpoint, 2);
    assert_bytes(BYTES(x->m->state.note, x->m->state.note_len), believed);
}

static void
an_alarm_is_told_though_its_evidence_cannot_be_kept(void **state)
{
    const char *sha256[3];
    struct selfsame_err e = { 0 };
    char dir[128];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)snprintf(dir, sizeof(dir), "%s.forks", x->state);
    assert_code(file_write(dir, BYTES_LIT("in the way"), false, &e), SELFSAME_OK, &e);
    w->entries[0] = BYTES_LIT("another history");
    (void)world_publish(w, WORLD_NOW - 10);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    assert_non_null(
        strstr(text_of(first(x, "alarm", "fork"), "lost"), "not a directory"));
}

static void
evidence_of_many_forks_is_bounded(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;
    char dir[128];

    (void)state;
    begin(&w, &x, sha256);
    struct checkpoint c = made_checkpoint(&w->made, w->count);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    for (int i = 0; i < 3 * MONITOR_FORKS; i++) {
        memset(c.root, i, sizeof(c.root));
        w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW);
        look(x);
        expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    }
    (void)snprintf(dir, sizeof(dir), "%s.forks", x->state);
    assert_true(files_in(dir) >= MONITOR_FORKS);
    assert_true(files_in(dir) <= 2 * MONITOR_FORKS + 2);
}

static void
a_page_that_cannot_be_written_is_tried_again(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };
    struct stat st;

    (void)state;
    publish(w);
    assert_code(dir_make(x->page, false, &e), SELFSAME_OK, &e);
    assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
    assert_int_equal(stat(x->state, &st), 0);
    assert_code(dir_remove(x->page, &e), SELFSAME_OK, &e);
    look(x);
    assert_int_equal(stat(x->page, &st), 0);
    assert_true(S_ISREG(st.st_mode));
}

static void
a_larger_tree_with_another_beginning(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    struct selfsame_bytes believed = w->made.checkpoint;
    (void)world_raw(w, BYTES_LIT("more"));
    w->entries[3] = BYTES_LIT("another history");
    (void)world_publish(w, WORLD_NOW - 10);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    check_evidence(x, believed, w->made.checkpoint, 2);
}

static void
a_smaller_tree_of_another_history(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    struct selfsame_bytes believed = w->made.checkpoint;
    /* Tiles stay those of the larger tree. */
    const struct checkpoint old = made_checkpoint(&w->made, 5);
    struct checkpoint c = old;
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW - 100);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "older-checkpoint"), 1);
    c.root[0] ^= 1;
    w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW - 100);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    check_evidence(x, believed, w->made.checkpoint, 2);
}

static void
a_fork_that_witnesses_did_not_sign_binds_the_log_too(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    struct checkpoint c = made_checkpoint(&w->made, w->count);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    w->made.checkpoint = world_note(w, &c, 1, WORLD_NOW);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "checkpoint", NULL);
    c.root[9] ^= 1;
    w->made.checkpoint = world_note(w, &c, 1, WORLD_NOW);
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "checkpoint", "fork");
}

static void
checkpoints_that_are_none(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    struct selfsame_bytes good = w->made.checkpoint;
    const struct selfsame_bytes bad[] = {
        BYTES_LIT(""),
        BYTES_LIT("<html>log in first</html>"),
        replaced(w, good, WORLD_ORIGIN "\n", "log.example/releaseZ\n"),
        BYTES(good.ptr, good.len - 100),
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        restart(x);
        w->made.checkpoint = bad[i];
        look(x);
        expect_alarms(x, SELFSAME_LOG, "checkpoint", NULL);
        look(x);
        assert_int_equal(json_array_size(x->events), 0);
        w->made.checkpoint = good;
        look(x);
        assert_int_equal(json_array_size(x->events), 0);
        w->made.checkpoint = bad[i];
        look(x);
        assert_int_equal(count(x, "alarm", "checkpoint"), 1);
    }
}

static void
tiles_that_are_not_those_of_the_checkpoint(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "2.1", 10, 0x34, NULL));
    (void)world_publish(w, WORLD_NOW - 10);
    static const char *const files[] = { "tile/0/000.p/11", "tile/entries/000.p/11" };
    for (size_t i = 0; i < COUNT(files); i++) {
        struct selfsame_bytes copy;

        assert_true(arena_dup(&arena, made_file(&w->made, files[i], &arena), &copy));
        ((uint8_t *)(uintptr_t)copy.ptr)[copy.len - 1] ^= 1;
        w->made.spoil = files[i];
        w->made.spoilt = copy;
        restart(x);
        look(x);
        expect_alarms(x, SELFSAME_LOG, "tiles", NULL);
        assert_int_equal(count(x, "event", "release"), 0);
    }
    w->made.spoil = NULL;
    look(x);
    assert_int_equal(count(x, "version", "2.1"), 1);
    assert_int_equal(count(x, "event", "alarm"), 0);
}

static void
entries_that_are_withheld_are_an_error_and_grow_stale(void **state)
{
    const char *sha256[3];
    struct selfsame_err e = { 0 };
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "2.1", 10, 0x34, NULL));
    const struct checkpoint seen = world_publish(w, WORLD_NOW + 86400 * 2);
    w->made.spoil = "tile/entries/000.p/11";
    w->made.spoilt = BYTES_NONE;
    assert_int_equal(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_STALE, "stale", NULL);
    /* The checkpoint binds the log although its entries were not had. */
    w->made.spoil = NULL;
    struct checkpoint c = seen;
    c.root[1] ^= 1;
    struct selfsame_bytes good = w->made.checkpoint;
    w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW + 86400 * 2);
    e = (struct selfsame_err){ 0 };
    assert_code(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_OK, &e);
    assert_int_equal(count(x, "alarm", "fork"), 1);
    w->made.checkpoint = good;
    assert_code(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_OK, &e);
    assert_int_equal(count(x, "version", "2.1"), 1);
    assert_int_equal(count(x, "event", "alarm"), 0);
}

/* Nothing was seen but what the log signed: that binds it, and the looks are counted. */
static void
the_first_tree_is_withheld_altogether(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };

    (void)state;
    x->c.stale_s = 0;
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1", 1, 1, NULL));
    publish(w);
    const struct selfsame_bytes good = w->made.checkpoint;
    struct checkpoint c = made_checkpoint(&w->made, w->count);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    c.root[1] ^= 1;
    w->made.no_tiles = true;
    for (uint64_t i = 1; i < LOOKS_ABSENT; i++) {
        assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
        expect_alarms(x, SELFSAME_OK, NULL, NULL);
        restart(x);
    }
    w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW);
    look(x);
    assert_int_equal(count(x, "alarm", "fork"), 1);
    w->made.checkpoint = good;
    restart(x);
    assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_LOG, "withheld", NULL);
    assert_int_equal(x->m->state.pending_count, 0);
    w->made.no_tiles = false;
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "release"), 1);
    assert_int_equal(x->m->state.stuck.looks, 0);
}

/* From the first look on, and without a witness: looks are counted, across processes. */
static void
entries_that_stay_withheld_are_an_alarm(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };

    (void)state;
    x->c.stale_s = 0;
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1", 1, 1, NULL));
    publish(w);
    w->made.spoil = "tile/entries/000.p/1";
    w->made.spoilt = BYTES_NONE;
    for (uint64_t i = 1; i < LOOKS_ABSENT; i++) {
        assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
        expect_alarms(x, SELFSAME_OK, NULL, NULL);
        restart(x);
    }
    assert_int_equal(try_round(x, WORLD_NOW + 60, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_LOG, "withheld", NULL);
    assert_non_null(strstr(text_of(first(x, "alarm", "withheld"), "message"),
        "since 2026-09-21T14:13:20Z the log does not show entry 0"));
    assert_int_equal(try_round(x, WORLD_NOW + 120, &e), SELFSAME_IO);
    assert_int_equal(json_array_size(x->events), 0);
    restart(x);
    assert_int_equal(try_round(x, WORLD_NOW + 180, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_LOG, "withheld", NULL);
    /* A log that grows meanwhile hides it no better; an older checkpoint neither. */
    (void)world_raw(w, BYTES_LIT("more"));
    publish(w);
    w->made.spoil = "tile/entries/000.p/2";
    w->made.spoilt = BYTES_NONE;
    restart(x);
    assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_LOG, "withheld", NULL);
    w->made.spoil = NULL;
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "release"), 1);
    assert_int_equal(x->m->state.stuck.looks, 0);
    restart(x);
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
}

/* Nothing was ever read to its end: then it is the first checkpoint that grows old. */
static void
a_log_that_is_never_read_grows_stale(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };

    (void)state;
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1", 1, 1, NULL));
    publish(w); /* witnessed at WORLD_NOW - 60 */
    w->made.spoil = "tile/entries/000.p/1";
    w->made.spoilt = BYTES_NONE;
    assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    restart(x);
    /* Newer ones that cannot be read either do not make it younger. */
    (void)world_publish(w, WORLD_NOW + 86400);
    w->made.spoil = "tile/entries/000.p/1";
    w->made.spoilt = BYTES_NONE;
    assert_int_equal(try_round(x, WORLD_NOW + 86400, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_STALE, "stale", NULL);
    assert_non_null(
        strstr(text_of(first(x, "alarm", "stale"), "message"), "2026-09-21T14:12:20Z"));
    w->made.spoil = NULL;
    restart(x);
    assert_code(try_round(x, WORLD_NOW + 86400, &e), SELFSAME_OK, &e);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
}

static void
a_checkpoint_grows_stale_by_the_clock_of_witnesses(void **state)
{
    const char *sha256[3];
    struct selfsame_err e = { 0 };
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256); /* witnessed at WORLD_NOW - 60 */
    assert_code(try_round(x, WORLD_NOW - 60 + 86400, &e), SELFSAME_OK, &e);
    assert_int_equal(json_array_size(x->events), 0);
    assert_code(try_round(x, WORLD_NOW - 59 + 86400, &e), SELFSAME_OK, &e);
    expect_alarms(x, SELFSAME_STALE, "stale", NULL);
    assert_code(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_OK, &e);
    assert_int_equal(json_array_size(x->events), 0);
    restart(x);
    assert_code(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_OK, &e);
    expect_alarms(x, SELFSAME_STALE, "stale", NULL);
    /* A log that cannot be reached is an error, and old. */
    restart(x);
    w->made.spoil = "checkpoint";
    assert_int_equal(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_IO);
    expect_alarms(x, SELFSAME_STALE, "stale", NULL);
    w->made.spoil = NULL;
    (void)world_publish(w, WORLD_NOW + 86400 * 2 - 30);
    e = (struct selfsame_err){ 0 };
    assert_code(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_OK, &e);
    assert_int_equal(count(x, "event", "alarm"), 0);
    /* A time that has not come says nothing. */
    (void)world_publish(w, WORLD_NOW + 86400 * 9);
    restart(x);
    assert_code(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_OK, &e);
    assert_int_equal(x->m->state.time_s, WORLD_NOW + 86400 * 2 - 30);
    /* Nor an older one that a cache brings. */
    (void)world_publish(w, WORLD_NOW);
    assert_code(try_round(x, WORLD_NOW + 86400 * 2, &e), SELFSAME_OK, &e);
    assert_int_equal(json_array_size(x->events), 0);
    (void)world_raw(w, BYTES_LIT("more"));
    (void)world_publish(w, WORLD_NOW + 86400 * 9);
    assert_code(try_round(x, WORLD_NOW + 86400 * 3, &e), SELFSAME_OK, &e);
    assert_int_equal(count(x, "event", "checkpoint"), 1);
    expect_alarms(x, SELFSAME_STALE, "stale", NULL);
}

/* ---- trees that come without their tiles ---- */

static void
try_io(struct watch *x, const char *text)
{
    struct selfsame_err e = { 0 };

    assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
    if (strstr(err_text(&e), text) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", text, err_text(&e));
}

/* What was kept of the believed tree tells, even in another process. */
static void
a_smaller_fork_is_seen_without_its_tiles(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    restart(x);
    struct selfsame_bytes believed = w->made.checkpoint;
    struct checkpoint c = made_checkpoint(&w->made, 5);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    w->made.no_tiles = true;
    w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW - 10);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "older-checkpoint"), 1);
    c.root[3] ^= 1;
    w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW - 10);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    check_evidence(x, believed, w->made.checkpoint, 2);
}

static void
a_larger_fork_without_tiles_is_not_forgotten(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_raw(w, BYTES_LIT("more"));
    (void)world_raw(w, BYTES_LIT("and more"));
    (void)world_publish(w, WORLD_NOW - 10);
    struct selfsame_bytes good = w->made.checkpoint;
    struct checkpoint c = made_checkpoint(&w->made, w->count - 1);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    c.root[3] ^= 1;
    struct selfsame_bytes other = world_note(w, &c, 2, WORLD_NOW - 20);
    w->made.checkpoint = other;
    w->made.no_tiles = true;
    try_io(x, "calls for");
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    restart(x);
    w->made.checkpoint = good;
    w->made.no_tiles = false;
    look(x);
    expect_alarms(x, SELFSAME_LOG, "fork", NULL);
    check_evidence(x, good, other, 2);
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
}

static void
what_comes_late_and_agrees_is_no_alarm(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    for (int i = 0; i < 2 * PENDING; i++) {
        (void)world_raw(w, BYTES_LIT("more"));
        (void)world_publish(w, WORLD_NOW - 30 + i);
        w->made.no_tiles = true;
        if (i % 2 == 0)
            restart(x);
        struct selfsame_err e = { 0 };
        assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
    }
    assert_int_equal(x->m->state.pending_count, PENDING);
    /* It lasted too long, which was said; and is over. */
    assert_int_equal(monitor_worst(x->m), SELFSAME_LOG);
    restart(x);
    w->made.no_tiles = false;
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(x->m->state.pending_count, 0);
    assert_int_equal(x->m->state.next, w->count);
}

/* The checkpoint of a tree that was never shown, and the one before again. */
static void
a_log_that_goes_back_behind_what_it_signed(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    struct selfsame_bytes believed = w->made.checkpoint;
    struct checkpoint c = made_checkpoint(&w->made, w->count);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    c.size += 3;
    struct selfsame_bytes other = world_note(w, &c, 2, WORLD_NOW - 20);
    w->made.checkpoint = other;
    try_io(x, "has no tile/0/000.p/13, which its checkpoint of size 13 calls for");
    w->made.checkpoint = believed;
    restart(x);
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "withheld", NULL);
    check_evidence(x, believed, other, 2);
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "withheld", NULL);
}

static void
tiles_of_a_believed_tree_that_are_gone(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);

    (void)state;
    for (int i = 0; i < 300; i++)
        (void)world_raw(w, bytes_str(arena_printf(&w->arena, "filler %d", i)));
    publish(w);
    look(x);
    struct selfsame_bytes believed = w->made.checkpoint;
    struct checkpoint c = made_checkpoint(&w->made, 100);
    c.origin = BYTES_LIT(WORLD_ORIGIN);
    w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW - 100);
    w->made.no_tiles = true;
    restart(x);
    try_io(x, "has no tile/0/000, which its checkpoint of size 300 calls for");
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    restart(x);
    try_io(x, "of size 300");
    expect_alarms(x, SELFSAME_LOG, "withheld", NULL);
    check_evidence(x, believed, w->made.checkpoint, 2);
    assert_non_null(
        strstr(text_of(first(x, "alarm", "withheld"), "message"), "size 100"));
    w->made.no_tiles = false;
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "older-checkpoint"), 1);
    assert_int_equal(x->m->state.pending_count, 0);
}

/* ---- state ---- */

static void
what_could_not_be_told_is_told_again(void **state)
{
    (void)state;
    for (int n = 1; n <= 12; n++) {
        auto_world *w = world_new();
        auto_watch *x = watch_new(w);
        struct selfsame_err e = { 0 };
        const char *sha256[3];
        struct stat st;

        add_good_history(w, sha256);
        (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "3", 10, 9, NULL));
        publish(w);
        x->fail_after = n;
        if (n <= 11) {
            assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
            assert_int_equal(stat(x->state, &st), -1);
        } else
            assert_code(try_round(x, WORLD_NOW, &e), SELFSAME_OK, &e);
        x->fail_after = 0;
        if (n > 11)
            continue;
        restart(x);
        look(x);
        assert_int_equal(count(x, "event", "release"), 5);
        expect_alarms(x, SELFSAME_LOG, "foreign", NULL);
    }
}

static void
a_state_is_read_as_it_was_written_and_not_otherwise(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    const char *sha256[3];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes text, again;
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    restart(x);
    assert_code(file_read(x->state, 1 << 20, &arena, &text, &e), SELFSAME_OK, &e);
    struct state s = { .note = NULL };
    assert_code(state_parse(text, &s, &e), SELFSAME_OK, &e);
    assert_int_equal(s.release_count, 3);
    assert_int_equal(s.rebuild_count, 2);
    assert_int_equal(s.next, 10);
    assert_string_equal(s.releases[0].superseded_by, "1.1");
    assert_string_equal(s.releases[0].reason, "leaks <keys>");
    assert_true(s.releases[0].revoked && !s.releases[1].current);
    assert_true(s.releases[2].current);
    assert_code(state_write(x->state, &s, &e), SELFSAME_OK, &e);
    assert_code(file_read(x->state, 1 << 20, &arena, &again, &e), SELFSAME_OK, &e);
    assert_bytes(again, text);
    state_free(&s);
    for (size_t len = 0; len < text.len; len++) {
        enum selfsame_code code = state_parse(BYTES(text.ptr, len), &s, &e);

        if (code != SELFSAME_MALFORMED)
            fail_msg(
                "cut to %zu of %zu bytes: %s", len, text.len, selfsame_code_name(code));
    }
    /* Appended, or a line twice. */
    char *more = arena_printf(&arena, "%.*sx\n", (int)text.len, (const char *)text.ptr);
    assert_int_equal(state_parse(bytes_str(more), &s, &e), SELFSAME_MALFORMED);
    more = arena_printf(&arena, "%.*s%.*s", (int)text.len, (const char *)text.ptr,
        (int)text.len, (const char *)text.ptr);
    assert_int_equal(state_parse(bytes_str(more), &s, &e), SELFSAME_MALFORMED);
    /* A monitor never begins anew over a broken state. */
    assert_code(file_write(x->state, BYTES(text.ptr, text.len / 2), false, &e),
        SELFSAME_OK, &e);
    assert_int_equal(monitor_new(&x->c, &x->m, &e), SELFSAME_MALFORMED);
    assert_null(x->m);
}

/* Reasons and names of strangers, cut inside a character, must not break what is kept. */
static void
long_texts_of_strangers_are_kept_plain(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };
    char reason[3 * 100 + 4];

    (void)state;
    const char *one = world_release(w, WORLD_NAME, "1", 1, 1, NULL);
    const char *sha256 = world_sha256(w, one);
    (void)world_add(w, ME, one);
    /* Characters of three bytes, shifted so that some cut falls inside one. */
    for (size_t shift = 0; shift < 3; shift++) {
        memset(reason, 'x', shift);
        for (size_t i = 0; i < 100; i++)
            memcpy(reason + shift + 3 * i, "\xe2\x82\xac", 3);
        reason[shift + 300] = '\0';
        char *index = arena_printf(&w->arena,
            "{\"_type\":\"" STATEMENT_TYPE "\",\"predicate\":{\"current\":[],"
            "\"name\":\"" WORLD_NAME "\",\"revoked\":[{\"reason\":\"%s\","
            "\"sha256\":\"%s\",\"since\":\"2026-09-01T00:00:00Z\"}],\"sequence\":"
            "%d,\"validity\":{\"notAfter\":\"2026-09-07T00:00:00Z\",\"notBefore\":"
            "\"2026-09-01T00:00:00Z\"}},\"predicateType\":\"" PREDICATE_INDEX
            "\",\"subject\":[]}",
            reason, sha256, (int)shift + 1);
        (void)world_add(w, ME, index);
        publish(w);
        look(x);
        expect_alarms(x, SELFSAME_OK, NULL, NULL);
        restart(x);
        assert_code(monitor_new(&x->c, &x->m, &e), SELFSAME_OK, &e);
        assert_true(strlen(x->m->state.releases[0].reason) > 120);
        assert_true(utf8_valid(bytes_str(x->m->state.releases[0].reason)));
    }
    /* A log of another name, of the longest characters. */
    for (size_t shift = 0; shift < 3; shift++) {
        char text[600] = "";

        memset(text, 'x', shift + 1);
        for (size_t i = 0; i < 100; i++)
            memcpy(text + shift + 1 + 3 * i, "\xe2\x82\xac", 3);
        struct checkpoint c = { .origin = bytes_str(text), .size = 9 };
        w->made.checkpoint = world_note(w, &c, 2, WORLD_NOW);
        restart(x);
        look(x);
        expect_alarms(x, SELFSAME_LOG, "checkpoint", NULL);
    }
}

static void
a_state_that_could_not_be_written_is_written_later(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };
    struct stat st;

    (void)state;
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1", 1, 1, NULL));
    publish(w);
    assert_code(dir_make(x->state, false, &e), SELFSAME_OK, &e);
    assert_int_equal(monitor_new(&x->c, &x->m, &e), SELFSAME_IO);
    assert_code(dir_remove(x->state, &e), SELFSAME_OK, &e);
    assert_code(monitor_new(&x->c, &x->m, &e), SELFSAME_OK, &e);
    assert_code(dir_make(x->state, false, &e), SELFSAME_OK, &e);
    assert_int_equal(try_round(x, WORLD_NOW, &e), SELFSAME_IO);
    assert_int_equal(count(x, "event", "release"), 1);
    assert_code(dir_remove(x->state, &e), SELFSAME_OK, &e);
    look(x);
    assert_int_equal(count(x, "event", "release"), 0);
    assert_int_equal(stat(x->state, &st), 0);
    look(x);
    assert_int_equal(json_array_size(x->events), 0);
}

static void
a_full_state_forgets_nothing_and_says_so(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };
    struct seen_release *r;
    struct seen_rebuild *b;

    (void)state;
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "1", 1, 1, NULL));
    publish(w);
    look(x);
    while (x->m->state.release_count < MONITOR_RELEASES) {
        assert_code(state_add_release(&x->m->state, &r, &e), SELFSAME_OK, &e);
        (void)snprintf(
            r->version, sizeof(r->version), "v%zu", x->m->state.release_count);
        memset(r->sha256, 1, sizeof(r->sha256));
    }
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "2", 2, 2, NULL));
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "v9", 3, 3, NULL));
    (void)world_add(w, ME, world_release(w, "example.com/more", "1", 1, 1, NULL));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "duplicate", "full"); /* it goes on judging */
    assert_int_equal(count(x, "event", "release"), 3);
    assert_int_equal(x->m->state.dropped, 3);
    assert_int_equal(x->m->state.names[0].sequence, 3);
    (void)world_add(w, ME, world_release(w, WORLD_NAME, "4", 4, 4, NULL));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, NULL, NULL); /* said once by a process */
    assert_int_equal(state_add_release(&x->m->state, &r, &e), SELFSAME_USAGE);
    while (x->m->state.rebuild_count < MONITOR_REBUILDS)
        assert_code(state_add_rebuild(&x->m->state, &b, &e), SELFSAME_OK, &e);
    assert_int_equal(state_add_rebuild(&x->m->state, &b, &e), SELFSAME_USAGE);
    /* As large as it gets it is written and read again. */
    for (size_t i = 0; i < x->m->state.rebuild_count; i++)
        x->m->state.rebuilds[i].result = REBUILD_FAILED;
    assert_code(state_write(x->state, &x->m->state, &e), SELFSAME_OK, &e);
    struct state s = { .note = NULL };
    assert_code(state_read(x->state, &s, &e), SELFSAME_OK, &e);
    assert_int_equal(s.release_count, MONITOR_RELEASES);
    assert_int_equal(s.rebuild_count, MONITOR_REBUILDS);
    assert_int_equal(s.dropped, 4);
    state_free(&s);
    restart(x);
    look(x);
    expect_alarms(x, SELFSAME_NOMEM, "full", NULL);
}

/* What anybody may write into a log must not end the watch over it. */
static void
strangers_do_not_fill_a_state(void **state)
{
    const char *sha256[3];
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256); /* one unchecked rebuild of the second release in it */
    for (int i = 0; i < MONITOR_UNCHECKED + 5; i++)
        (void)world_add(w, THIEF, world_rebuild(w, sha256[1], "identical"));
    (void)world_add(w, REBUILDER, world_rebuild(w, sha256[1], "identical"));
    publish(w);
    restart(x); /* what was counted is counted anew */
    look(x);
    expect_alarms(x, SELFSAME_OK, NULL, NULL);
    assert_int_equal(count(x, "event", "rebuild"), MONITOR_UNCHECKED + 6);
    assert_int_equal(x->m->state.releases[1].unchecked, MONITOR_UNCHECKED);
    assert_int_equal(x->m->state.releases[1].more, 6);
    assert_int_equal(x->m->state.rebuild_count, 2 + MONITOR_UNCHECKED);
    /* Full of such by whatever way: that of a known key finds none, and all is seen. */
    struct selfsame_err e = { 0 };
    struct seen_rebuild *b;
    while (x->m->state.rebuild_count < MONITOR_REBUILDS) {
        assert_code(state_add_rebuild(&x->m->state, &b, &e), SELFSAME_OK, &e);
        b->result = REBUILD_IDENTICAL;
        state_count_rebuild(&x->m->state, b);
    }
    (void)world_add(w, THIEF, world_rebuild(w, sha256[2], "identical"));
    (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "6.6", 10, 6, NULL));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "foreign", NULL);
    assert_int_equal(x->m->state.releases[2].more, 1);
    (void)world_add(w, REBUILDER, world_rebuild(w, sha256[2], "identical"));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "full", NULL);
    /* Their releases under my name: an alarm each, few remembered; names: none. */
    for (int i = 0; i < 2 * MONITOR_STRANGERS; i++)
        (void)world_add(w, THIEF,
            world_release(
                w, WORLD_NAME, arena_printf(&w->arena, "7.%d", i), 10, 7, NULL));
    publish(w);
    look(x);
    assert_int_equal(count(x, "alarm", "foreign"), 2 * MONITOR_STRANGERS);
    assert_int_equal(x->m->state.release_count, 3 + MONITOR_STRANGERS);
    size_t at = world_add(
        w, THIEF, world_release(w, "example.net/new", "1", 1, 1, NULL));
    w->entries[at] = replaced(w, w->entries[at], key_id(w, THIEF), key_id(w, ME));
    publish(w);
    look(x);
    expect_alarms(x, SELFSAME_LOG, "foreign", NULL);
    assert_int_equal(x->m->state.name_count, 1);
}

static void
one_state_serves_one_monitor(void **state)
{
    auto_world *w = world_new();
    auto_watch *x = watch_new(w);
    struct selfsame_err e = { 0 };
    struct monitor *second = NULL;

    (void)state;
    publish(w);
    look(x);
    assert_int_equal(monitor_new(&x->c, &second, &e), SELFSAME_IO);
    assert_non_null(strstr(err_text(&e), "another monitor"));
    restart(x);
    assert_code(monitor_new(&x->c, &second, &e), SELFSAME_OK, &e);
    monitor_free(&second);
}

/* ---- the page ---- */

static void
the_page_says_what_is_known_and_is_text(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    const char *sha256[3];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes page;
    auto_world *w = NULL;
    auto_watch *x = NULL;

    (void)state;
    begin(&w, &x, sha256);
    (void)world_add(w, THIEF, world_release(w, WORLD_NAME, "6.6", 10, 0x66, NULL));
    publish(w);
    look(x);
    assert_code(file_read(x->page, 1 << 20, &arena, &page, &e), SELFSAME_OK, &e);
    const char *html = arena_str(&arena, page);
    static const char *const want[] = { WORLD_ORIGIN, "<h2>" WORLD_NAME "</h2>",
        "revoked</strong> since 2026-09-01T00:00:00Z: leaks &lt;keys&gt;",
        "superseded</span> by 2.0", "current</span>", "2026-09-21T14:12:20Z",
        "identical</span> by re&lt;builder&gt;.pem", "(key not checked)",
        "not signed by a key of the publisher", "nobody yet", "default-src 'none'",
        "11 entries" };
    for (size_t i = 0; i < COUNT(want); i++)
        if (strstr(html, want[i]) == NULL)
            fail_msg("the page does not say: %s", want[i]);
    assert_non_null(strstr(html, sha256[2]));
    assert_null(strstr(html, "<keys>"));
    assert_null(strstr(html, "<script"));
    assert_null(strstr(html, "example.org/other"));
    auto_text t = { .ptr = NULL };
    text_escaped(&t, "a<b>\"c\"&'d'\x01\x7f\xe2\x80\xae|\xe2\x81\xa6|\xc3\xa9\xe2\x80");
    assert_bytes(BYTES((const uint8_t *)t.ptr, t.len),
        BYTES_LIT("a&lt;b&gt;&quot;c&quot;&amp;&#39;d&#39;???|?|\xc3\xa9??"));
}

/* ---- the hook ---- */

static void
write_script(const char *path, const char *text)
{
    struct selfsame_err e = { 0 };

    assert_code(file_write(path, bytes_str(text), false, &e), SELFSAME_OK, &e);
    assert_int_equal(chmod(path, 0700), 0);
}

static void
a_hook_gets_the_event_as_input_and_nothing_else(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    char dir[64] = "/tmp/selfsame-hook.XXXXXX", hook[96], out[96];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes got;

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(hook, sizeof(hook), "%s/a hook; false", dir);
    (void)snprintf(out, sizeof(out), "%s/out", dir);
    write_script(
        hook, arena_printf(&arena, "#!/bin/sh\n{ echo \"$#\"; cat; } > '%s'\n", out));
    /* More than any pipe holds. */
    size_t len = 1 << 20;
    char *big = arena_alloc(&arena, 1, len);
    memset(big, '$', len);
    assert_code(hook_run(hook, BYTES((const uint8_t *)big, len), &e), SELFSAME_OK, &e);
    assert_code(file_read(out, 2 << 20, &arena, &got, &e), SELFSAME_OK, &e);
    assert_int_equal(got.len, len + 2);
    assert_true(bytes_has_prefix(got, BYTES_LIT("0\n$$")));
    write_script(hook, "#!/bin/sh\nexit 0\n"); /* reads nothing */
    assert_code(hook_run(hook, BYTES((const uint8_t *)big, len), &e), SELFSAME_OK, &e);
    write_script(hook, "#!/bin/sh\nexit 3\n");
    assert_int_equal(hook_run(hook, BYTES_LIT("{}"), &e), SELFSAME_IO);
    assert_non_null(strstr(err_text(&e), "exit status 3"));
    write_script(hook, "#!/bin/sh\nkill -9 $$\n");
    assert_int_equal(hook_run(hook, BYTES_LIT("{}"), &e), SELFSAME_IO);
    (void)snprintf(hook, sizeof(hook), "%s/none", dir);
    assert_int_equal(hook_run(hook, BYTES_LIT("{}"), &e), SELFSAME_IO);
    assert_code(hook_run("true", BYTES_LIT("{}"), &e), SELFSAME_OK, &e);
    assert_code(dir_remove(dir, &e), SELFSAME_OK, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clean_log_is_told_and_raises_no_alarm),
        cmocka_unit_test(a_log_of_many_bundles_is_followed_in_steps),
        cmocka_unit_test(a_log_without_entries_is_no_matter),
        cmocka_unit_test(entries_that_are_not_mine_under_my_name),
        cmocka_unit_test(a_name_is_mine_before_i_publish_when_i_say_so),
        cmocka_unit_test(who_was_there_before_me_is_told_when_i_come),
        cmocka_unit_test(my_key_signs_what_i_did_not_make),
        cmocka_unit_test(a_stolen_key_is_seen_behind_another_key_id),
        cmocka_unit_test(an_entry_names_my_key_and_is_signed_by_another),
        cmocka_unit_test(two_entries_for_one_version),
        cmocka_unit_test(sequences_that_jump_or_repeat),
        cmocka_unit_test(a_partner_that_signs_late_is_no_repeat),
        cmocka_unit_test(entries_of_my_key_that_do_not_parse),
        cmocka_unit_test(a_retired_key_signs),
        cmocka_unit_test(a_rebuild_says_different),
        cmocka_unit_test(without_names_and_keys_everything_is_watched),
        cmocka_unit_test(two_trees_of_one_size),
        cmocka_unit_test(an_alarm_is_told_though_its_evidence_cannot_be_kept),
        cmocka_unit_test(evidence_of_many_forks_is_bounded),
        cmocka_unit_test(a_page_that_cannot_be_written_is_tried_again),
        cmocka_unit_test(a_larger_tree_with_another_beginning),
        cmocka_unit_test(a_smaller_tree_of_another_history),
        cmocka_unit_test(a_fork_that_witnesses_did_not_sign_binds_the_log_too),
        cmocka_unit_test(checkpoints_that_are_none),
        cmocka_unit_test(tiles_that_are_not_those_of_the_checkpoint),
        cmocka_unit_test(entries_that_are_withheld_are_an_error_and_grow_stale),
        cmocka_unit_test(the_first_tree_is_withheld_altogether),
        cmocka_unit_test(entries_that_stay_withheld_are_an_alarm),
        cmocka_unit_test(a_log_that_is_never_read_grows_stale),
        cmocka_unit_test(a_checkpoint_grows_stale_by_the_clock_of_witnesses),
        cmocka_unit_test(a_smaller_fork_is_seen_without_its_tiles),
        cmocka_unit_test(a_larger_fork_without_tiles_is_not_forgotten),
        cmocka_unit_test(what_comes_late_and_agrees_is_no_alarm),
        cmocka_unit_test(a_log_that_goes_back_behind_what_it_signed),
        cmocka_unit_test(tiles_of_a_believed_tree_that_are_gone),
        cmocka_unit_test(what_could_not_be_told_is_told_again),
        cmocka_unit_test(a_state_is_read_as_it_was_written_and_not_otherwise),
        cmocka_unit_test(long_texts_of_strangers_are_kept_plain),
        cmocka_unit_test(a_state_that_could_not_be_written_is_written_later),
        cmocka_unit_test(a_full_state_forgets_nothing_and_says_so),
        cmocka_unit_test(strangers_do_not_fill_a_state),
        cmocka_unit_test(one_state_serves_one_monitor),
        cmocka_unit_test(the_page_says_what_is_known_and_is_text),
        cmocka_unit_test(a_hook_gets_the_event_as_input_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
