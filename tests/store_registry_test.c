/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One suite for both engines: SQLite in a file of its own, and PostgreSQL at the URL of
 * SELFSAME_POSTGRES, which tests/registry.sh starts.
 */
#include "store/registry.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char url[1200];
static int made;

static struct registry *
open_one(void)
{
    struct selfsame_err e = { 0 };
    struct registry *r = NULL;

    if (registry_open(url, true, &r, &e) != SELFSAME_OK)
        fail_msg("%s", err_text(&e));
    return r;
}

/* A tenant that no other test has. */
static const char *
new_tenant(struct registry *r)
{
    static char name[64];
    struct selfsame_err e = { 0 };
    uint64_t version;

    (void)snprintf(name, sizeof(name), "t%d-%d", (int)getpid(), made++);
    const struct registry_object o = { .tenant = name,
        .kind = REGISTRY_TENANT,
        .name = name,
        .author = "test",
        .body = BYTES_LIT("{}") };
    assert_int_equal(registry_put(r, &o, 0, &version, &e), SELFSAME_OK);
    return name;
}

static struct registry_object
policy(const char *tenant, const char *name, const char *body)
{
    return (struct registry_object){ .tenant = tenant,
        .kind = REGISTRY_POLICY,
        .name = name,
        .created_ms = 1700000000123,
        .author = "test",
        .body = bytes_str(body) };
}

static uint64_t
put(struct registry *r, const struct registry_object *o, uint64_t expect)
{
    struct selfsame_err e = { 0 };
    uint64_t version = 99;

    if (registry_put(r, o, expect, &version, &e) != SELFSAME_OK)
        fail_msg("%s", err_text(&e));
    return version;
}

static void
versions_grow_and_none_is_lost(void **state)
{
    struct registry *r = open_one();
    struct arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct registry_object o, *list;
    size_t count;
    const char *t = new_tenant(r);

    (void)state;
    o = policy(t, "web", "one");
    assert_int_equal(put(r, &o, 0), 1);
    assert_int_equal(put(r, &o, 0), 0); /* there is one: nothing is written */
    o = policy(t, "web", "two");
    assert_int_equal(put(r, &o, 1), 2);
    assert_int_equal(put(r, &o, REGISTRY_ANY), 2); /* the same again */
    o = policy(t, "web", "three");
    assert_int_equal(put(r, &o, 1), 0); /* another one is current */
    assert_int_equal(put(r, &o, 2), 3);
    assert_int_equal(registry_get(r, t, REGISTRY_POLICY, "web", 0, &arena, &o, &e), 0);
    assert_int_equal(o.version, 3);
    assert_true(bytes_eq(o.body, BYTES_LIT("three")));
    assert_int_equal(o.created_ms, 1700000000123);
    assert_string_equal(o.author, "test");
    assert_int_equal(registry_get(r, t, REGISTRY_POLICY, "web", 1, &arena, &o, &e), 0);
    assert_true(bytes_eq(o.body, BYTES_LIT("one")));
    assert_int_equal(
        registry_history(r, t, REGISTRY_POLICY, "web", &arena, &list, &count, &e), 0);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].version, 3);
    assert_int_equal(list[2].version, 1);
    arena_free(&arena);
    registry_close(&r);
}

static void
what_is_removed_comes_back_as_a_new_version(void **state)
{
    struct registry *r = open_one();
    struct arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    const char *t = new_tenant(r);
    struct registry_object o = policy(t, "web", "one"), got;
    bool removed;

    (void)state;
    assert_int_equal(put(r, &o, 0), 1);
    assert_int_equal(registry_remove(r, &o, &removed, &e), SELFSAME_OK);
    assert_true(removed);
    assert_int_equal(registry_remove(r, &o, &removed, &e), SELFSAME_OK);
    assert_false(removed);
    assert_int_equal(
        registry_get(r, t, REGISTRY_POLICY, "web", 0, &arena, &got, &e), 0);
    assert_null(got.name);
    assert_int_equal(put(r, &o, 0), 3); /* the removal was the second */
    assert_int_equal(
        registry_get(r, t, REGISTRY_POLICY, "web", 0, &arena, &got, &e), 0);
    assert_int_equal(got.version, 3);
    arena_free(&arena);
    registry_close(&r);
}

static void
only_the_version_that_is_expected_is_removed(void **state)
{
    struct registry *r = open_one();
    struct arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    const char *t = new_tenant(r);
    struct registry_object o = policy(t, "web", "one"), got;
    const struct registry_object whole = {
        .tenant = t, .kind = REGISTRY_TENANT, .name = t, .author = "test"
    };
    bool removed;

    (void)state;
    assert_int_equal(put(r, &o, 0), 1);
    o = policy(t, "web", "two");
    assert_int_equal(put(r, &o, 1), 2);
    assert_int_equal(registry_remove_version(r, &o, 0, &removed, &e), 0);
    assert_false(removed);
    assert_int_equal(registry_remove_version(r, &o, 1, &removed, &e), 0);
    assert_false(removed);
    assert_int_equal(registry_remove_version(r, &whole, 7, &removed, &e), 0);
    assert_false(removed);
    assert_int_equal(
        registry_get(r, t, REGISTRY_POLICY, "web", 0, &arena, &got, &e), 0);
    assert_int_equal(got.version, 2);
    assert_int_equal(registry_remove_version(r, &whole, 1, &removed, &e), 0);
    assert_true(removed);
    assert_int_equal(
        registry_get(r, t, REGISTRY_POLICY, "web", 0, &arena, &got, &e), 0);
    assert_null(got.name); /* it went with its tenant */
    const char *u = new_tenant(r);
    o = policy(u, "web", "one");
    assert_int_equal(put(r, &o, 0), 1);
    assert_int_equal(registry_remove_version(r, &o, 2, &removed, &e), 0);
    assert_false(removed);
    assert_int_equal(registry_remove_version(r, &o, 1, &removed, &e), 0);
    assert_true(removed);
    arena_free(&arena);
    registry_close(&r);
}

static void
nothing_of_one_tenant_is_anothers(void **state)
{
    struct registry *r = open_one();
    struct arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    char a[64], b[64];
    struct registry_object o, got, *list;
    size_t count;
    bool removed;

    (void)state;
    (void)snprintf(a, sizeof(a), "%s", new_tenant(r));
    (void)snprintf(b, sizeof(b), "%s", new_tenant(r));
    o = policy(a, "x' OR '1'='1", "secret of a");
    assert_int_equal(put(r, &o, 0), 1);
    o = policy(b, "x' OR '1'='1", "of b");
    assert_int_equal(put(r, &o, 0), 1);
    assert_int_equal(registry_list(r, b, 0, true, &arena, &list, &count, &e), 0);
    assert_int_equal(count, 2); /* b itself and its policy */
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list[i].tenant, b);
    assert_int_equal(registry_remove(r, &o, &removed, &e), SELFSAME_OK);
    assert_int_equal(
        registry_get(r, a, REGISTRY_POLICY, "x' OR '1'='1", 0, &arena, &got, &e), 0);
    assert_true(bytes_eq(got.body, BYTES_LIT("secret of a")));
    o = (struct registry_object){
        .tenant = b, .kind = REGISTRY_TENANT, .name = b, .author = "test"
    };
    assert_int_equal(registry_remove(r, &o, &removed, &e), SELFSAME_OK);
    assert_int_equal(registry_list(r, b, 0, true, &arena, &list, &count, &e), 0);
    assert_int_equal(count, 0);
    assert_int_equal(registry_list(r, a, 0, true, &arena, &list, &count, &e), 0);
    assert_int_equal(count, 2);
    arena_free(&arena);
    registry_close(&r);
}

static void
names_and_sizes_are_bounded(void **state)
{
    struct registry *r = open_one();
    struct selfsame_err e = { 0 };
    static uint8_t large[REGISTRY_BODY + 1];
    char t[64], longest[REGISTRY_NAME + 1];
    uint64_t version;
    struct registry_object o;

    (void)state;
    (void)snprintf(t, sizeof(t), "%s", new_tenant(r));
    memset(longest, 'n', sizeof(longest) - 1);
    longest[REGISTRY_NAME] = '\0';
    const struct {
        const char *tenant, *name;
        size_t len;
    } bad[] = {
        { "nobody", "web", 3 }, /* no such tenant */
        { "Upper", "web", 3 },
        { "a/b", "web", 3 },
        { t, "", 3 },
        { t, longest, 3 },
        { t, "a\nb", 3 },
        { t, "\xff", 3 },
        { t, "\xe2\x80\xae", 3 }, /* turns the direction of text */
        { t, "web", sizeof(large) },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        o = policy(bad[i].tenant, bad[i].name, "");
        o.body = BYTES(large, bad[i].len);
        if (registry_put(r, &o, REGISTRY_ANY, &version, &e) != SELFSAME_USAGE)
            fail_msg("case %zu", i);
    }
    longest[REGISTRY_NAME - 1] = '\0';
    o = policy(t, longest, "");
    o.body = BYTES(large, REGISTRY_BODY);
    assert_int_equal(put(r, &o, 0), 1);
    o = policy(t, "grüße", "x");
    assert_int_equal(put(r, &o, 0), 1);
    registry_close(&r);
}

static void
a_load_is_of_one_moment(void **state)
{
    struct registry *r = open_one();
    struct arena arena = arena_new(64 << 20);
    struct selfsame_err e = { 0 };
    char t[64];
    struct registry_object o, *list;
    uint64_t before, after, now;
    size_t count, found = 0;

    (void)state;
    (void)snprintf(t, sizeof(t), "%s", new_tenant(r));
    assert_int_equal(registry_load(r, &arena, &list, &count, &before, &e), 0);
    o = policy(t, "web", "one");
    (void)put(r, &o, 0);
    assert_int_equal(registry_revision(r, &now, &e), SELFSAME_OK);
    assert_true(now > before);
    assert_int_equal(registry_load(r, &arena, &list, &count, &after, &e), 0);
    assert_int_equal(after, now);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].tenant, t) == 0) {
            assert_non_null(list[i].body.ptr);
            found++;
        }
    assert_int_equal(found, 2);
    (void)put(r, &o, REGISTRY_ANY); /* the same: nothing happened */
    assert_int_equal(registry_revision(r, &now, &e), SELFSAME_OK);
    assert_int_equal(now, after);
    arena_free(&arena);
    registry_close(&r);
}

/* ---- several at once ---- */

enum { WRITERS = 4, TURNS = 20 };
struct writing {
    char tenant[64];
    int won;
};

static void *
write_in_turn(void *ctx)
{
    struct writing *w = ctx;
    struct selfsame_err e = { 0 };
    struct registry *r = NULL;
    char body[64];

    if (registry_open(url, false, &r, &e) != SELFSAME_OK)
        return NULL;
    for (int turn = 0; turn < TURNS; turn++) {
        struct arena arena = arena_new(1 << 20);
        struct registry_object now = { 0 };
        uint64_t version = 0;

        if (registry_get(r, w->tenant, REGISTRY_POLICY, "raced", 0, &arena, &now, &e) !=
            SELFSAME_OK)
            break;
        (void)snprintf(body, sizeof(body), "%p %d", ctx, turn);
        const struct registry_object o = policy(w->tenant, "raced", body);
        if (registry_put(r, &o, now.version, &version, &e) != SELFSAME_OK)
            break;
        w->won += version != 0 ? 1 : 0;
        arena_free(&arena);
    }
    registry_close(&r);
    return NULL;
}

static void
of_two_writers_one_wins(void **state)
{
    struct registry *r = open_one();
    struct arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct writing w[WRITERS] = { { "", 0 } };
    pthread_t thread[WRITERS];
    struct registry_object now;
    int won = 0;

    (void)state;
    (void)snprintf(w[0].tenant, sizeof(w[0].tenant), "%s", new_tenant(r));
    for (int i = 0; i < WRITERS; i++) {
        memcpy(w[i].tenant, w[0].tenant, sizeof(w[0].tenant));
        assert_int_equal(pthread_create(&thread[i], NULL, write_in_turn, &w[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        (void)pthread_join(thread[i], NULL);
        won += w[i].won;
    }
    assert_int_equal(
        registry_get(r, w[0].tenant, REGISTRY_POLICY, "raced", 0, &arena, &now, &e), 0);
    assert_true(won > 0);
    assert_int_equal(
        now.version, won); /* as many versions as writers were told they won */
    arena_free(&arena);
    registry_close(&r);
}

static void *
write_soon(void *ctx)
{
    struct registry *r = open_one();
    const struct registry_object o = policy(ctx, "late", "x");

    (void)usleep(300000);
    (void)put(r, &o, 0);
    registry_close(&r);
    return NULL;
}

static void
who_waits_hears_of_a_change(void **state)
{
    struct registry *r = open_one();
    struct selfsame_err e = { 0 };
    char t[64];
    uint64_t known, now;
    pthread_t thread;

    (void)state;
    (void)snprintf(t, sizeof(t), "%s", new_tenant(r));
    assert_int_equal(registry_revision(r, &known, &e), SELFSAME_OK);
    assert_int_equal(registry_wait(r, known, 50, &now, &e), SELFSAME_OK);
    assert_int_equal(now, known);
    assert_int_equal(pthread_create(&thread, NULL, write_soon, t), 0);
    assert_int_equal(registry_wait(r, known, 10000, &now, &e), SELFSAME_OK);
    assert_true(now > known);
    (void)pthread_join(thread, NULL);
    registry_close(&r);
}

/* What a writer heard of is there, whenever it was killed; what is there is whole. */
static void
a_killed_writer_loses_nothing_it_heard_of(void **state)
{
    struct registry *r = open_one();
    struct arena arena = arena_new(16 << 20);
    struct selfsame_err e = { 0 };
    struct registry_object *list, got;
    char t[64], name[32];
    int told[2], heard = -1, number;
    size_t count;

    (void)state;
    (void)snprintf(t, sizeof(t), "%s", new_tenant(r));
    assert_int_equal(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct registry *own = NULL;

        if (registry_open(url, false, &own, &e) != SELFSAME_OK)
            _exit(1);
        for (number = 0;; number++) {
            (void)snprintf(name, sizeof(name), "n%d", number);
            const struct registry_object o = policy(t, name, name);
            uint64_t version;

            if (registry_put(own, &o, 0, &version, &e) != SELFSAME_OK ||
                write(told[1], &number, sizeof(number)) != sizeof(number))
                _exit(1);
        }
    }
    (void)close(told[1]);
    (void)usleep(400000);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    while (read(told[0], &number, sizeof(number)) == sizeof(number))
        heard = number;
    (void)close(told[0]);
    assert_true(heard >= 0);
    assert_int_equal(
        registry_list(r, t, REGISTRY_POLICY, true, &arena, &list, &count, &e), 0);
    assert_true(count == (size_t)heard + 1 || count == (size_t)heard + 2);
    for (int i = 0; i <= heard; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(
            registry_get(r, t, REGISTRY_POLICY, name, 0, &arena, &got, &e), 0);
        assert_non_null(got.name);
        assert_true(bytes_eq(got.body, bytes_str(name)));
    }
    arena_free(&arena);
    registry_close(&r);
}

/* Everybody loads all of it: a tenant that fills the memory would stop the others. */
static void
a_tenant_has_its_share_and_no_more(void **state)
{
    struct registry *r = open_one();
    struct selfsame_err e = { 0 };
    char *t = strdup(new_tenant(r)); /* its name is another's with the next one */
    char *big = malloc(REGISTRY_BODY), name[16];
    struct registry_object o;
    uint64_t version;

    (void)state;
    assert_non_null(big);
    memset(big, ' ', REGISTRY_BODY);
    o = policy(t, name, "");
    o.body = BYTES((const uint8_t *)big, REGISTRY_BODY);
    for (int i = 0; i < REGISTRY_BYTES / REGISTRY_BODY; i++) {
        (void)snprintf(name, sizeof(name), "p%d", i);
        o.body.len = REGISTRY_BODY - (size_t)(i == 0);
        const enum selfsame_code code = registry_put(r, &o, 0, &version, &e);
        /* The tenant's own object counts too. */
        assert_int_equal(code,
            i + 1 < REGISTRY_BYTES / REGISTRY_BODY ? SELFSAME_OK : SELFSAME_USAGE);
    }
    assert_non_null(strstr(err_text(&e), "together"));
    (void)snprintf(name, sizeof(name), "p1");
    big[0] = 'x'; /* what takes the place of another is counted once */
    assert_int_equal(put(r, &o, REGISTRY_ANY), 2);
    o.tenant = new_tenant(r);
    assert_int_equal(put(r, &o, 0), 1);
    free(big);
    free(t);
    registry_close(&r);
}

static void
another_database_is_no_registry(void **state)
{
    struct selfsame_err e = { 0 };
    struct registry *r = NULL;
    char path[1300];

    (void)state;
    if (strncmp(url, "postgres", 8) == 0) {
        (void)snprintf(path, sizeof(path), "postgresql://127.0.0.1:1/none");
        assert_int_equal(registry_open(path, true, &r, &e), SELFSAME_IO);
        (void)snprintf(path, sizeof(path), "postgresql://me:secret@127.0.0.1:1/none");
        assert_int_equal(registry_open(path, true, &r, &e), SELFSAME_USAGE);
        assert_null(strstr(err_text(&e), "secret"));
        return;
    }
    (void)snprintf(path, sizeof(path), "%s.other", url);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs("this is no database, and long enough to be read as one would be", f);
    (void)fclose(f);
    assert_int_equal(registry_open(path, false, &r, &e), SELFSAME_MALFORMED);
    (void)snprintf(path, sizeof(path), "%s.missing", url);
    assert_int_equal(registry_open(path, false, &r, &e), SELFSAME_IO);
}

/* ---- a disk that is full, or may not be written ---- */

static bool
is_remote(void)
{
    return strncmp(url, "postgres", 8) == 0;
}

/* In a process of its own: its limits and its user stay with it. */
static void
in_child(void (*work)(const char *tenant), const char *tenant)
{
    int status = 0;
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        work(tenant);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static enum selfsame_code
put_large(
    struct registry *r, const char *tenant, const char *name, struct selfsame_err *e)
{
    static char body[200000];
    struct registry_object o = policy(tenant, name, "");
    uint64_t version = 0;

    memset(body, name[0], sizeof(body));
    o.body = BYTES((const uint8_t *)body, sizeof(body));
    return registry_put(r, &o, REGISTRY_ANY, &version, e);
}

static void
write_until_full(const char *tenant)
{
    const struct rlimit small = { 1 << 20, 1 << 20 };
    struct selfsame_err e = { 0 };
    struct registry *r = NULL;
    char name[8] = "a";

    (void)signal(SIGXFSZ, SIG_IGN);
    if (registry_open(url, false, &r, &e) != SELFSAME_OK ||
        setrlimit(RLIMIT_FSIZE, &small) != 0)
        _exit(1);
    for (; name[0] <= 'z'; name[0]++)
        if (put_large(r, tenant, name, &e) != SELFSAME_OK)
            break;
    /* It was refused as what it is, and what is there can still be read. */
    uint64_t revision = 0;
    if (name[0] > 'z' || e.code != SELFSAME_IO ||
        registry_revision(r, &revision, &e) != SELFSAME_OK || revision == 0)
        _exit(2);
    registry_close(&r);
}

static void
a_full_disk_takes_nothing_away(void **state)
{
    struct arena arena = arena_new(64 << 20);
    struct selfsame_err e = { 0 };
    struct registry_object *list;
    char t[64];
    size_t count;

    (void)state;
    if (is_remote())
        return;
    struct registry *r = open_one();
    (void)snprintf(t, sizeof(t), "%s", new_tenant(r));
    in_child(write_until_full, t);
    assert_int_equal(
        registry_list(r, t, REGISTRY_POLICY, true, &arena, &list, &count, &e), 0);
    assert_true(count >= 1 && count < 26);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(list[i].body.len, 200000);
    assert_int_equal(put_large(r, t, "later", &e), SELFSAME_OK);
    arena_free(&arena);
    registry_close(&r);
}

static void
write_as_another(const char *tenant)
{
    struct selfsame_err e = { 0 };
    struct registry *r = NULL;

    if (geteuid() == 0 && setuid(65534) != 0)
        _exit(1);
    if (registry_open(url, false, &r, &e) == SELFSAME_OK &&
        put_large(r, tenant, "never", &e) == SELFSAME_OK)
        _exit(2);
    if (e.code != SELFSAME_IO)
        _exit(3);
    registry_close(&r);
}

static void
what_may_not_be_written_is_io(void **state)
{
    struct arena arena = arena_new(1 << 20);
    struct registry_object o;
    struct selfsame_err e = { 0 };
    char t[64], kept[1200], other[1210];

    (void)state;
    if (is_remote())
        return;
    struct registry *r = open_one();
    (void)snprintf(t, sizeof(t), "%s", new_tenant(r));
    registry_close(&r);
    (void)snprintf(kept, sizeof(kept), "%s", url);
    *strrchr(url, '/') = '\0';
    assert_int_equal(chmod(url, 0555), 0);
    (void)snprintf(other, sizeof(other), "%s", url);
    (void)snprintf(url, sizeof(url), "%s", kept);
    assert_int_equal(chmod(url, 0444), 0);
    in_child(write_as_another, t);
    assert_int_equal(chmod(other, 0700), 0);
    assert_int_equal(chmod(url, 0600), 0);
    r = open_one();
    assert_int_equal(
        registry_get(r, t, REGISTRY_POLICY, "never", 0, &arena, &o, &e), SELFSAME_OK);
    assert_null(o.name);
    registry_close(&r);
    arena_free(&arena);
}

static void
a_damaged_file_is_malformed(void **state)
{
    char line[4000];
    struct arena arena = arena_new(64 << 20);
    struct registry_object *list;
    struct registry *r = NULL;
    uint64_t revision;
    struct selfsame_err e = { 0 };
    size_t count;

    (void)state;
    if (is_remote())
        return;
    r = open_one();
    assert_int_equal(put_large(r, new_tenant(r), "a", &e), SELFSAME_OK);
    registry_close(&r);
    (void)snprintf(line, sizeof(line),
        "cp %s %s.damaged && head -c 8000 /dev/zero | tr '\\0' '\\377' | "
        "dd of=%s.damaged bs=1 seek=4096 conv=notrunc status=none",
        url, url, url);
    assert_int_equal(system(line), 0);
    (void)snprintf(line, sizeof(line), "%s.damaged", url);
    enum selfsame_code code = registry_open(line, false, &r, &e);
    if (code == SELFSAME_OK)
        code = registry_load(r, &arena, &list, &count, &revision, &e);
    assert_int_equal(code, SELFSAME_MALFORMED);
    registry_close(&r);
    arena_free(&arena);
}

/* ---- a connection that is lost ---- */

/* Between us and the server: cuts a connection behind a COMMIT, or at a word. */
struct between {
    int listening;
    struct sockaddr_un server;
    atomic_bool cut_commit, cut_all, over;
    atomic_int cuts;
};

static bool
pass(int from, int to, bool *ret_commit)
{
    static _Thread_local char data[65536];
    const ssize_t n = read(from, data, sizeof(data));

    if (n <= 0)
        return false;
    *ret_commit = memmem(data, (size_t)n, "COMMIT", 6) != NULL;
    for (ssize_t done = 0; done < n;) {
        const ssize_t m = write(to, data + done, (size_t)(n - done));

        if (m <= 0)
            return false;
        done += m;
    }
    return true;
}

static void
carry(struct between *b, int client, int server)
{
    struct pollfd f[2] = { { .fd = client, .events = POLLIN },
        { .fd = server, .events = POLLIN } };
    bool commit;

    while (!atomic_load(&b->over) && !atomic_exchange(&b->cut_all, false)) {
        if (poll(f, 2, 20) <= 0)
            continue;
        if (f[0].revents != 0) {
            if (!pass(client, server, &commit))
                return;
            if (commit && atomic_exchange(&b->cut_commit, false)) {
                (void)usleep(200000); /* it is done, and nobody hears of it */
                (void)atomic_fetch_add(&b->cuts, 1);
                return;
            }
        }
        if (f[1].revents != 0 && !pass(server, client, &commit))
            return;
    }
    (void)atomic_fetch_add(&b->cuts, 1);
}

static void *
stand_between(void *ctx)
{
    struct between *b = ctx;
    int client, server;

    while ((client = accept(b->listening, NULL, NULL)) >= 0) {
        server = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(server, (const struct sockaddr *)&b->server, sizeof(b->server)) ==
            0)
            carry(b, client, server);
        (void)close(server);
        (void)close(client);
    }
    return NULL;
}

/* "…?host=DIR&user=U" → a URL through b. */
static void
set_between(struct between *b, const char *dir, char *ret, size_t cap)
{
    struct sockaddr_un own = { .sun_family = AF_UNIX };
    const char *host = strstr(url, "host=");

    assert_non_null(host);
    host += 5;
    const int len = (int)strcspn(host, "&");
    *b = (struct between){ .server = { .sun_family = AF_UNIX } };
    (void)snprintf(b->server.sun_path, sizeof(b->server.sun_path), "%.*s/.s.PGSQL.5432",
        len, host);
    (void)snprintf(own.sun_path, sizeof(own.sun_path), "%s/.s.PGSQL.5432", dir);
    b->listening = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(b->listening, (const struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(listen(b->listening, 8), 0);
    (void)snprintf(
        ret, cap, "%.*s%s%s", (int)(host - url), url, dir, host + (size_t)len);
}

static void
a_lost_answer_is_asked_for(void **state)
{
    char dir[] = "/tmp/selfsame-between.XXXXXX", through[1300], line[128], t[64];
    struct arena arena = arena_new(1 << 20);
    struct registry *direct, *r = NULL;
    struct selfsame_err e = { 0 };
    struct registry_object o;
    struct between b;
    pthread_t thread;
    bool removed = false;

    (void)state;
    if (!is_remote())
        return;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_non_null(mkdtemp(dir));
    set_between(&b, dir, through, sizeof(through));
    assert_int_equal(pthread_create(&thread, NULL, stand_between, &b), 0);
    direct = open_one();
    (void)snprintf(t, sizeof(t), "%s", new_tenant(direct));
    assert_int_equal(registry_open(through, false, &r, &e), SELFSAME_OK);
    o = policy(t, "web", "one");
    assert_int_equal(put(r, &o, 0), 1);
    /* The server did it, and its answer was lost. */
    atomic_store(&b.cut_commit, true);
    o = policy(t, "web", "two");
    assert_int_equal(put(r, &o, 1), 2);
    assert_int_equal(atomic_load(&b.cuts), 1);
    assert_int_equal(
        registry_get(direct, t, REGISTRY_POLICY, "web", 0, &arena, &o, &e), 0);
    assert_int_equal(o.version, 2);
    assert_true(bytes_eq(o.body, BYTES_LIT("two")));
    /* Lost while nothing was asked: made again, and nobody sees it. */
    atomic_store(&b.cut_all, true);
    while (atomic_load(&b.cuts) < 2)
        (void)usleep(1000);
    o = policy(t, "web", "three");
    assert_int_equal(put(r, &o, 2), 3);
    atomic_store(&b.cut_commit, true);
    assert_int_equal(registry_remove(r, &o, &removed, &e), SELFSAME_OK);
    assert_true(removed);
    assert_int_equal(atomic_load(&b.cuts), 3);
    registry_close(&r);
    atomic_store(&b.over, true);
    (void)shutdown(b.listening, SHUT_RDWR);
    (void)pthread_join(thread, NULL);
    (void)close(b.listening);
    registry_close(&direct);
    arena_free(&arena);
    (void)snprintf(line, sizeof(line), "rm -rf %s", dir);
    assert_int_equal(system(line), 0);
}

/* A colon or a sign elsewhere than before the host is no password. */
static void
urls_with_a_password_are_told_from_others(void **state)
{
    static const struct {
        const char *url;
        enum selfsame_code code;
    } cases[] = {
        { "postgresql://me@127.0.0.1:1/none?connect_timeout=2", SELFSAME_IO },
        { "postgresql://127.0.0.1:1/none?application_name=a@b", SELFSAME_IO },
        { "postgresql://me:word@127.0.0.1:1/none", SELFSAME_USAGE },
        { "postgres://me:w@rd@127.0.0.1:1/none", SELFSAME_USAGE },
        { "postgresql://127.0.0.1:1/none?password=word", SELFSAME_USAGE },
        { "postgresql://127.0.0.1:1/none?sslpassword=word", SELFSAME_USAGE },
    };

    (void)state;
    if (!is_remote())
        return;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selfsame_err e = { 0 };
        struct registry *r = NULL;

        assert_int_equal(registry_open(cases[i].url, true, &r, &e), cases[i].code);
        assert_null(strstr(err_text(&e), "word@"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_grow_and_none_is_lost),
        cmocka_unit_test(what_is_removed_comes_back_as_a_new_version),
        cmocka_unit_test(nothing_of_one_tenant_is_anothers),
        cmocka_unit_test(only_the_version_that_is_expected_is_removed),
        cmocka_unit_test(names_and_sizes_are_bounded),
        cmocka_unit_test(a_load_is_of_one_moment),
        cmocka_unit_test(of_two_writers_one_wins),
        cmocka_unit_test(who_waits_hears_of_a_change),
        cmocka_unit_test(a_killed_writer_loses_nothing_it_heard_of),
        cmocka_unit_test(a_tenant_has_its_share_and_no_more),
        cmocka_unit_test(another_database_is_no_registry),
        cmocka_unit_test(a_full_disk_takes_nothing_away),
        cmocka_unit_test(what_may_not_be_written_is_io),
        cmocka_unit_test(a_damaged_file_is_malformed),
        cmocka_unit_test(a_lost_answer_is_asked_for),
        cmocka_unit_test(urls_with_a_password_are_told_from_others),
    };
    const char *postgres = getenv("SELFSAME_POSTGRES");
    char dir[] = "/tmp/selfsame-registry.XXXXXX";

    if (postgres != NULL) {
        (void)snprintf(url, sizeof(url), "%s", postgres);
        return cmocka_run_group_tests_name("postgres", tests, NULL, NULL);
    }
    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(url, sizeof(url), "%s/registry.sqlite", dir);
    const int bad = cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    char remove_all[64];
    (void)snprintf(remove_all, sizeof(remove_all), "rm -rf %s", dir);
    return system(remove_all) != 0 ? 1 : bad;
}
