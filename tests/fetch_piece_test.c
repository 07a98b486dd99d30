/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/crypto.h"
#include "fetch/fetch.h"
#include "os/os.h"

#include <stdlib.h>
#include <unistd.h>

enum { DAY = 86400, NOW = 1800000000 };

/* What a vendor gives, made at NOW. */
enum body {
    CERT,
    CERT_ENDING,
    CRL,
    CRL_ENDING,
    CRL_ENDLESS,
    PAGE,
    INFO,
    INFO_ENDING,
    IDENTITY,
    UNSIGNED,
    TWICE,
    BODIES
};

static void
make_bodies(struct arena *arena, struct selfsame_bytes ret[static BODIES])
{
    auto_key *key = NULL;
    struct selfsame_err e = { 0 };
    struct cert_request q = { .common_name = "vendor",
        .not_before = NOW - 1000 * DAY,
        .not_after = NOW + 1000 * DAY,
        .ca = true,
        .path_len = -1 };
    struct crl_request l = { .this_update = NOW - DAY };

    assert_code(key_generate(KEY_P384, &key, &e), SELFSAME_OK, &e);
    assert_code(
        cert_make(&q, key, BYTES_NONE, key, arena, &ret[CERT], &e), SELFSAME_OK, &e);
    q.not_after = NOW;
    assert_code(cert_make(&q, key, BYTES_NONE, key, arena, &ret[CERT_ENDING], &e),
        SELFSAME_OK, &e);
    assert_code(
        crl_make(&l, ret[CERT], key, arena, &ret[CRL_ENDLESS], &e), SELFSAME_OK, &e);
    l.next_update = NOW + 1000 * DAY;
    assert_code(crl_make(&l, ret[CERT], key, arena, &ret[CRL], &e), SELFSAME_OK, &e);
    l.next_update = NOW;
    assert_code(
        crl_make(&l, ret[CERT], key, arena, &ret[CRL_ENDING], &e), SELFSAME_OK, &e);
    ret[PAGE] = BYTES_LIT("<html>welcome to our hotel</html>");
    ret[INFO] = BYTES_LIT("{\"tcbInfo\":{\"nextUpdate\":\"2029-01-15T08:00:00Z\"},"
                          "\"signature\":\"00\"}");
    ret[INFO_ENDING] = BYTES_LIT("{\"tcbInfo\":{\"nextUpdate\":\"2027-01-15T08:00:"
                                 "01Z\"},\"signature\":\"00\"}\n");
    ret[IDENTITY] = BYTES_LIT("{\"signature\":\"00\",\"enclaveIdentity\":{\"x\":[],"
                              "\"nextUpdate\":\"2029-01-15T08:00:00Z\"}}");
    ret[UNSIGNED] = BYTES_LIT(
        "{\"tcbInfo\":{\"nextUpdate\":\"2029-01-15T08:00:00Z\"}}");
    ret[TWICE] = BYTES_LIT("{\"tcbInfo\":{\"nextUpdate\":\"2029-01-15T08:00:00Z\"},"
                           "\"signature\":\"00\",\"signature\":\"00\"}");
}

static const struct {
    const char *what;
    enum fetch_what piece;
    enum body body;
    bool absent;
    int64_t age_s;
    int64_t later_s; /* than NOW, of the clock */
    bool good;
} kept[] = {
    { "\"there is none\", just heard", FETCH_LEAF, PAGE, true, 0, 0, true },
    { "heard nine minutes ago", FETCH_LEAF, PAGE, true, 599, 0, true },
    { "heard ten minutes ago", FETCH_LEAF, PAGE, true, 600, 0, false },
    { "heard in the future", FETCH_LEAF, PAGE, true, -1, 0, false },
    { "a chip's certificate", FETCH_LEAF, CERT, false, 0, 0, true },
    { "of years ago", FETCH_LEAF, CERT, false, 900 * DAY, 0, true },
    { "from the future", FETCH_LEAF, CERT, false, -1, 0, false },
    { "in its last second", FETCH_LEAF, CERT_ENDING, false, DAY, 0, true },
    { "that has ended", FETCH_LEAF, CERT_ENDING, false, DAY, 1, false },
    { "a list in its place", FETCH_LEAF, CRL, false, 0, 0, false },
    { "a page in its place", FETCH_LEAF, PAGE, false, 0, 0, false },
    { "a chain of this week", FETCH_CHAIN, CERT, false, 7 * DAY - 1, 0, true },
    { "a chain of last week", FETCH_CHAIN, CERT, false, 7 * DAY, 0, false },
    { "a list", FETCH_LIST, CRL, false, 0, 0, true },
    { "a list of this day", FETCH_LIST, CRL, false, DAY - 1, 0, true },
    { "a list of yesterday, still current", FETCH_LIST, CRL, false, DAY, 0, false },
    { "a list from the future", FETCH_LIST, CRL, false, -1, 0, false },
    { "a young list in its last second", FETCH_LIST, CRL_ENDING, false, 5, 0, true },
    { "a young list that is superseded", FETCH_LIST, CRL_ENDING, false, 5, 1, false },
    { "a young list without an end", FETCH_LIST, CRL_ENDLESS, false, 5, 0, true },
    { "an old one", FETCH_LIST, CRL_ENDLESS, false, DAY, 0, false },
    { "a certificate in its place", FETCH_LIST, CERT, false, 0, 0, false },
    { "TCB info", FETCH_SIGNED, INFO, false, 0, 0, true },
    { "of this day", FETCH_SIGNED, INFO, false, DAY - 1, 0, true },
    { "of yesterday, still current", FETCH_SIGNED, INFO, false, DAY, 0, false },
    { "in its last second", FETCH_SIGNED, INFO_ENDING, false, 5, 0, true },
    { "superseded", FETCH_SIGNED, INFO_ENDING, false, 5, 1, false },
    { "an enclave identity", FETCH_SIGNED, IDENTITY, false, 0, 0, true },
    { "one that nobody signed", FETCH_SIGNED, UNSIGNED, false, 0, 0, false },
    { "one with two signatures", FETCH_SIGNED, TWICE, false, 0, 0, false },
    { "a certificate in its place", FETCH_SIGNED, CERT, false, 0, 0, false },
    { "TCB info in place of a list", FETCH_LIST, INFO, false, 0, 0, false },
};

static void
pieces_are_good_for_their_time(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes body[BODIES];

    (void)state;
    make_bodies(&arena, body);
    for (size_t i = 0; i < COUNT(kept); i++) {
        const int64_t now = NOW + kept[i].later_s;
        const struct cached c = { .fetched_s = now - kept[i].age_s,
            .absent = kept[i].absent,
            .body = body[kept[i].body] };

        if (piece_is_good(&c, kept[i].piece, now) != kept[i].good)
            fail_msg("%s: expected %s", kept[i].what, kept[i].good ? "good" : "bad");
    }
}

static void
who_issued_a_piece_ends_it_too(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes body[BODIES];

    (void)state;
    make_bodies(&arena, body);
    struct cached c = { .fetched_s = NOW, .body = body[INFO], .chain = body[CERT] };
    assert_true(piece_is_good(&c, FETCH_SIGNED, NOW + 1));
    c.chain = body[CERT_ENDING];
    assert_true(piece_is_good(&c, FETCH_SIGNED, NOW));
    assert_false(piece_is_good(&c, FETCH_SIGNED, NOW + 1));
    c.chain = body[PAGE];
    assert_false(piece_is_good(&c, FETCH_SIGNED, NOW));
}

static void
pieces_are_unpacked(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes body[BODIES], got;
    enum fetch_what what;
    int64_t until_s;

    (void)state;
    make_bodies(&arena, body);
    char *hex = hex_dup(&arena, body[CRL]);
    assert_non_null(hex);
    hex[3] = (char)(hex[3] >= 'a' ? hex[3] - 'a' + 'A' : hex[3]);
    got = bytes_str(hex);
    assert_true(piece_unpack(FETCH_LIST, &arena, &got));
    assert_bytes(got, body[CRL]);
    assert_true(piece_guess(got, &what, &until_s));
    assert_int_equal(what, FETCH_LIST);
    /* Nothing else is: other kinds, half digits, other letters. */
    got = bytes_str(hex);
    assert_true(piece_unpack(FETCH_LEAF, &arena, &got));
    assert_bytes(got, bytes_str(hex));
    got.len--;
    assert_true(piece_unpack(FETCH_LIST, &arena, &got));
    assert_int_equal(got.len, strlen(hex) - 1);
    hex[9] = 'g';
    got = bytes_str(hex);
    assert_true(piece_unpack(FETCH_LIST, &arena, &got));
    assert_bytes(got, bytes_str(hex));
    got = BYTES_LIT("-----BEGIN%20CERT-----%0aA+%2B%2f%%2%zz%4");
    assert_true(piece_unescape(&arena, &got));
    assert_bytes(got, BYTES_LIT("-----BEGIN CERT-----\nA++/%%2%zz%4"));
    arena_free(&arena);
    arena = arena_new(1);
    got = BYTES_LIT("3030");
    assert_false(piece_unpack(FETCH_LIST, &arena, &got) &&
                 piece_unescape(&arena, &got) && piece_unescape(&arena, &got));
}

static void
an_entry_keeps_who_issued_it(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct fetcher f = { .cache = "." };
    const struct cached in = { .url = (char *)(uintptr_t) "https://a.example/tcb",
        .fetched_s = NOW,
        .body = BYTES_LIT("{}"),
        .chain = BYTES_LIT("chain\n\nof two") };
    struct selfsame_bytes file;
    struct selfsame_err e = { 0 };
    struct cached out;
    char dir[] = "/tmp/selfsame-piece.XXXXXX", path[1024];

    (void)state;
    assert_non_null(mkdtemp(dir));
    f.cache = dir;
    assert_true(cache_path(&f, in.url, "", path));
    assert_code(cache_write(path, &in, &e), SELFSAME_OK, &e);
    assert_true(cache_read(path, &arena, &out));
    assert_bytes(out.body, in.body);
    assert_bytes(out.chain, in.chain);
    assert_code(file_read(path, 4096, &arena, &file, &e), SELFSAME_OK, &e);
    for (size_t len = 0; len < file.len; len++)
        assert_false(cache_parse(BYTES(file.ptr, len), &arena, &out));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* ---- an entry written by hand, and a host that is not there ---- */

static const char url[] = "https://vendor.example/chip/00112233";

static void
put_entry(const struct fetcher *f, struct selfsame_bytes body, int64_t age_s)
{
    char path[1024];
    struct selfsame_err e = { 0 };
    const struct cached c = { .url = (char *)(uintptr_t)url,
        .fetched_s = os_now_ms() / 1000 - age_s,
        .absent = body.ptr == NULL,
        .body = body };

    assert_code(dir_make(f->cache, true, &e), SELFSAME_OK, &e);
    assert_true(cache_path(f, url, "", path));
    assert_code(cache_write(path, &c, &e), SELFSAME_OK, &e);
}

static const struct {
    const char *what;
    bool absent, offline, refresh;
    int64_t age_s;
    enum selfsame_code want;
    bool want_absent;
} lookups[] = {
    { "young", .age_s = 5, .want = SELFSAME_OK },
    { "young, offline", .age_s = 5, .offline = true, .want = SELFSAME_OK },
    { "old, and the host fails", .age_s = 9 * DAY, .want = SELFSAME_OK },
    { "young, but to be refreshed", .age_s = 5, .refresh = true, .want = SELFSAME_IO },
    { "absent", .absent = true, .want = SELFSAME_IO, .want_absent = true },
    { "absent for too long", .absent = true, .age_s = 601, .want = SELFSAME_IO },
    { "absent, to be refreshed", .absent = true, .refresh = true, .want = SELFSAME_IO },
    { "absent for too long, offline", .absent = true, .age_s = 601, .offline = true,
        .want = SELFSAME_IO, .want_absent = true },
};

static void
the_cache_answers_when_it_may(void **state)
{
    char dir[] = "/tmp/selfsame-test.XXXXXX", cache[64];
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_bytes body[BODIES];

    (void)state;
    make_bodies(&arena, body);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(cache, sizeof(cache), "%s/cache", dir);
    for (size_t i = 0; i < COUNT(lookups); i++) {
        const struct fetcher f = { .cache = cache,
            .origin = "https://127.0.0.1:1",
            .offline = lookups[i].offline,
            .refresh = lookups[i].refresh,
            .pace_ms = 1,
            .timeout_s = 2 };
        struct fetched got = { 0 };
        struct selfsame_err e = { 0 };
        bool absent = false;

        put_entry(&f, lookups[i].absent ? BYTES_NONE : body[CERT], lookups[i].age_s);
        enum selfsame_code c = fetch_get(
            &f, url, FETCH_CHAIN, &arena, &got, &absent, &e);
        if (c != lookups[i].want || absent != lookups[i].want_absent)
            print_error("%s\n", lookups[i].what);
        assert_code(c, lookups[i].want, &e);
        assert_int_equal(absent, lookups[i].want_absent);
        if (c == SELFSAME_OK)
            assert_bytes(got.body, body[CERT]);
    }
    struct selfsame_err e = { 0 };
    assert_code(dir_remove(dir, &e), SELFSAME_OK, &e);
}

static const struct {
    const char *url, *want;
} names[] = {
    { "https://kdsintf.amd.com/vcek/v1/Milan/crl",
        "https://kdsintf.amd.com/vcek/v1/Milan/crl" },
    { "https://kdsintf.amd.com/vcek/v1/Milan/d49554ec84af00112233?blSPL=04&teeSPL=00",
        "https://kdsintf.amd.com/vcek/v1/Milan/d49554ec84af…?…" },
    { "https://a.host.with.a.very.long.name.example/aaaaaaaaaaaaaa/b#c",
        "https://a.host.with.a.very.long.name.example/aaaaaaaaaaaa…/b?…" },
    { "https://h/0123456789ab/0123456789ab/0123456789ab/0123456789ab/0123456789ab/"
      "0123456789ab/0123456789ab",
        "https://h/0123456789ab/0123456789ab/0123456789ab/0123456789ab/0123456789ab/"
        "0123456789ab/…" },
    { "no URL", "no URL" },
};

static void
a_long_url_leaves_room_for_the_reason(void **state)
{
    char got[URL_SHORT], max[FETCH_URL_MAX + 1];

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++)
        assert_string_equal(url_short(names[i].url, got), names[i].want);
    memset(max, 'a', sizeof(max) - 1);
    memcpy(max, "https://", 8);
    max[sizeof(max) - 1] = '\0';
    assert_int_equal(strlen(url_short(max, got)), URL_SHORT - 8 + strlen("…"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_good_for_their_time),
        cmocka_unit_test(who_issued_a_piece_ends_it_too),
        cmocka_unit_test(pieces_are_unpacked),
        cmocka_unit_test(an_entry_keeps_who_issued_it),
        cmocka_unit_test(a_long_url_leaves_room_for_the_reason),
        cmocka_unit_test(the_cache_answers_when_it_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
