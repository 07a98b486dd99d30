/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that sign tokens: published before they sign, kept after, whatever the clock says. */
#include "verifier/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/selfsame-sign.XXXXXX";
static const int64_t start_s = 1795000000;

static char *
rotate(enum jose_alg alg, int64_t now_s, int64_t lead_s, struct arena *arena)
{
    struct selfsame_err e = { 0 };
    char *kid = NULL;

    if (signing_rotate(dir, alg, now_s, lead_s, arena, &kid, &e) != SELFSAME_OK)
        fail_msg("%s", err_text(&e));
    return kid;
}

static struct signing *
read_at(int64_t now_s)
{
    struct signing *g = NULL;
    struct selfsame_err e = { 0 };

    if (signing_read(dir, now_s, &g, &e) != SELFSAME_OK)
        fail_msg("%s", err_text(&e));
    return g;
}

static const char *
signs(const struct signing *g, int64_t now_s)
{
    const struct signing_key *k = signing_pick(g, JOSE_ES256, now_s);

    return k != NULL ? k->kid : "nobody";
}

static bool
listed(const struct signing *g, const char *kid)
{
    return strstr(g->jwks, kid) != NULL;
}

static int
fresh(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof(command), "rm -rf %s && mkdir -m 700 %s", dir, dir);
    return system(command);
}

static void
the_first_key_signs_at_once_and_the_next_after_its_lead(void **state)
{
    struct arena arena = arena_new(1 << 20);
    const char *a = rotate(JOSE_ES256, start_s, 3600, &arena);
    struct signing *g = read_at(start_s);

    (void)state;
    assert_string_equal(signs(g, start_s), a);
    signing_free(&g);
    const char *b = rotate(JOSE_ES256, start_s + 100, 3600, &arena);
    g = read_at(start_s + 100);
    assert_true(listed(g, a) && listed(g, b));
    assert_string_equal(signs(g, start_s + 100), a);
    assert_string_equal(signs(g, start_s + 100 + 3599), a);
    assert_string_equal(signs(g, start_s + 100 + 3600), b);
    signing_free(&g);
    /* What the old one signed last may live an hour, and caches another. */
    const int64_t stop_s = start_s + 100 + 3600 + SIGN_OVERLAP_S;
    g = read_at(stop_s + SIGN_KEEP_S - 1);
    assert_true(listed(g, a));
    signing_free(&g);
    g = read_at(stop_s + SIGN_KEEP_S);
    assert_false(listed(g, a));
    assert_true(listed(g, b));
    signing_free(&g);
    arena_free(&arena);
}

/* A clock far off still finds a key that relying parties know. */
static void
some_key_signs_whatever_the_clock_says(void **state)
{
    struct arena arena = arena_new(1 << 20);
    const char *a = rotate(JOSE_ES256, start_s, 0, &arena);
    const char *b = rotate(JOSE_ES256, start_s + 10, 3600, &arena);
    struct signing *g = read_at(start_s);

    (void)state;
    assert_string_equal(signs(g, 0), a);
    assert_string_equal(signs(g, start_s - 1), a);
    assert_string_equal(signs(g, start_s + 10000000), b);
    assert_null(signing_pick(g, JOSE_RS256, start_s));
    assert_false(signing_has(g, JOSE_RS256));
    signing_free(&g);
    arena_free(&arena);
}

static void
what_is_past_goes_with_its_secret(void **state)
{
    struct arena arena = arena_new(1 << 20);
    char path[256];
    struct stat st;

    (void)state;
    const char *a = rotate(JOSE_ES256, start_s, 0, &arena);
    (void)snprintf(path, sizeof(path), "%s/%s.pem", dir, a);
    if (a[0] == '-')
        path[strlen(dir) + 1] = '_';
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)rotate(JOSE_ES256, start_s + 1, 0, &arena);
    (void)rotate(JOSE_ES256, start_s + 100000, 0, &arena);
    assert_int_not_equal(stat(path, &st), 0);
    arena_free(&arena);
}

static void
each_algorithm_has_keys_of_its_own(void **state)
{
    static const enum jose_alg all[] = { JOSE_ES256, JOSE_RS256, JOSE_ES384, JOSE_PS256,
        JOSE_EDDSA };
    struct arena arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(all); i++)
        (void)rotate(all[i], start_s, 3600, &arena);
    struct signing *g = read_at(start_s);
    for (size_t i = 0; i < COUNT(all); i++) {
        const struct signing_key *k = signing_pick(g, all[i], start_s);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes sig;
        const struct selfsame_bytes part = BYTES_LIT("text");

        assert_non_null(k);
        assert_int_equal(
            jose_sign(k->key, k->alg, &part, 1, &arena, &sig, &e), SELFSAME_OK);
    }
    signing_free(&g);
    arena_free(&arena);
}

static void
broken_lists_are_refused(void **state)
{
    static const char *const lists[] = { "", "[]", "{\"keys\":[]}", "{\"keys\":{}}",
        "{\"keys\":[{\"alg\":\"none\",\"file\":\"x.pem\",\"use\":1}]}",
        "{\"keys\":[{\"alg\":\"ES256\",\"file\":\"../x.pem\",\"use\":1}]}",
        "{\"keys\":[{\"alg\":\"ES256\",\"file\":\"missing.pem\",\"use\":1}]}" };
    struct selfsame_err e = { 0 };
    struct signing *g = NULL;
    char path[256];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/keys.json", dir);
    for (size_t i = 0; i < COUNT(lists); i++) {
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        (void)fputs(lists[i], f);
        (void)fclose(f);
        if (signing_read(dir, start_s, &g, &e) == SELFSAME_OK)
            fail_msg("list %zu", i);
    }
}

static void
a_key_that_others_may_read_is_refused(void **state)
{
    struct arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct signing *g = NULL;
    char command[128];

    (void)state;
    (void)rotate(JOSE_ES256, start_s, 0, &arena);
    (void)snprintf(command, sizeof(command), "chmod 644 %s/*.pem", dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(signing_read(dir, start_s, &g, &e), SELFSAME_USAGE);
    arena_free(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(
            the_first_key_signs_at_once_and_the_next_after_its_lead, fresh),
        cmocka_unit_test_setup(some_key_signs_whatever_the_clock_says, fresh),
        cmocka_unit_test_setup(what_is_past_goes_with_its_secret, fresh),
        cmocka_unit_test_setup(each_algorithm_has_keys_of_its_own, fresh),
        cmocka_unit_test_setup(broken_lists_are_refused, fresh),
        cmocka_unit_test_setup(a_key_that_others_may_read_is_refused, fresh),
    };
    char command[128];

    if (mkdtemp(dir) == NULL)
        return 1;
    const int bad = cmocka_run_group_tests(tests, NULL, NULL);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) != 0 ? 1 : bad;
}
