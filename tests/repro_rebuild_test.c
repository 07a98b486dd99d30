/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/repro.h"
#include "test.h"

#define X "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define Y "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define RECIPE(d) "\"recipe\":{\"digest\":{\"sha256\":\"" d "\"},\"name\":\"r\"},"
#define BUILD(recipe) \
    "\"build\":{" recipe "\"sourceDateEpoch\":1,\"tool\":{\"version\":\"0\"}}"
#define RELEASE(version) "\"release\":{\"name\":\"n\",\"version\":\"" version "\"}"
#define FILE_OF(name, d) "{\"digest\":{\"sha256\":\"" d "\"},\"name\":\"" name "\"}"
#define NITRO(pcr) \
    "{\"artifact\":\"image.eif\",\"pcr\":{" pcr "},\"tee\":\"aws-nitro\"}"
#define STATEMENT(build, measurements, release, subject)                     \
    "{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{" build   \
    ",\"measurements\":[" measurements "]," release                          \
    "},\"predicateType\":\"https://selfsame.dev/predicate/tee-release/v1\"," \
    "\"subject\":[" subject "]}"
#define GOOD_BUILD BUILD(RECIPE(X))
#define GOOD_PCR "\"0\":[\"00\"],\"1\":[\"01\"]"
#define GOOD_FILES FILE_OF("image.eif", X) "," FILE_OF("manifest.txt", Y)
static const char good[] = STATEMENT(
    GOOD_BUILD, NITRO(GOOD_PCR), RELEASE("1"), GOOD_FILES);

struct heard {
    char text[2048];
};

static void
hear(void *ctx, const struct repro_finding *f)
{
    struct heard *h = ctx;
    size_t n = strlen(h->text);

    (void)snprintf(h->text + n, sizeof(h->text) - n, "%s%s %s: %s", n > 0 ? "; " : "",
        f->what, f->name, f->how);
}

/* What is said of a release when `good` was rebuilt, and the other way round. */
static const struct {
    const char *released, *want, *mirrored;
} cases[] = {
    { good, "", "" },
    { STATEMENT(
          GOOD_BUILD, NITRO("\"0\":[\"00\"],\"1\":[\"02\"]"), RELEASE("1"), GOOD_FILES),
        "measurement aws-nitro pcr.1: value", "measurement aws-nitro pcr.1: value" },
    /* Any of two: one of them nobody rebuilt. */
    { STATEMENT(GOOD_BUILD, NITRO("\"0\":[\"00\",\"ff\"],\"1\":[\"01\"]"), RELEASE("1"),
          GOOD_FILES),
        "measurement aws-nitro pcr.0: only in A",
        "measurement aws-nitro pcr.0: only in B" },
    { STATEMENT(GOOD_BUILD, NITRO("\"0\":[\"00\",\"00\"],\"1\":[\"01\"]"), RELEASE("1"),
          GOOD_FILES),
        "", "" },
    { STATEMENT(GOOD_BUILD, NITRO("\"0\":[\"00\"]") "," NITRO("\"1\":[\"01\"]"),
          RELEASE("1"), GOOD_FILES),
        "", "" },
    { STATEMENT(
          GOOD_BUILD, NITRO(GOOD_PCR ",\"8\":[\"08\"]"), RELEASE("1"), GOOD_FILES),
        "measurement aws-nitro pcr.8: only in A",
        "measurement aws-nitro pcr.8: only in B" },
    { STATEMENT(GOOD_BUILD,
          NITRO(GOOD_PCR) ",{\"mrtd\":[\"00\"],\"tee\":\"intel-tdx\"}", RELEASE("1"),
          GOOD_FILES),
        "measurement intel-tdx mrtd: only in A",
        "measurement intel-tdx mrtd: only in B" },
    { STATEMENT(GOOD_BUILD,
          NITRO(GOOD_PCR) ",{\"launch\":[{\"digest\":\"00\",\"vcpus\":1}],\"require\":{"
                          "\"debug\":false},\"tee\":\"amd-sev-snp\"}",
          RELEASE("1"), GOOD_FILES),
        "measurement amd-sev-snp launch: only in A",
        "measurement amd-sev-snp launch: only in B" },
    { STATEMENT(BUILD(RECIPE(Y)), NITRO(GOOD_PCR), RELEASE("1"), GOOD_FILES),
        "recipe sha256: value", "recipe sha256: value" },
    { STATEMENT(BUILD(""), NITRO(GOOD_PCR), RELEASE("1"), GOOD_FILES),
        "recipe sha256: only in B", "recipe sha256: only in A" },
    { STATEMENT(GOOD_BUILD, NITRO(GOOD_PCR), RELEASE("2"), GOOD_FILES),
        "release version: value", "release version: value" },
    { STATEMENT(GOOD_BUILD, NITRO(GOOD_PCR), RELEASE("1"), FILE_OF("image.eif", X)),
        "image file manifest.txt: only in B", "image file manifest.txt: only in A" },
    { STATEMENT(GOOD_BUILD, NITRO(GOOD_PCR), RELEASE("1"),
          FILE_OF("manifest.txt", Y) "," FILE_OF("image.eif", Y)),
        "image file image.eif: content", "image file image.eif: content" },
    /* What publishing adds is not compared. */
    { STATEMENT(GOOD_BUILD, NITRO(GOOD_PCR),
          "\"release\":{\"channel\":\"beta\",\"name\":\"n\",\"sequence\":7,\"version\":"
          "\"1\"},\"validity\":{}",
          GOOD_FILES),
        "", "" },
};

static void
say(const char *a, const char *b, const char *want)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct heard h = { "" };
    struct repro_diff d = { .found = hear, .ctx = &h };

    assert_code(
        rebuild_compare(bytes_str(a), bytes_str(b), &d, &arena, &e), SELFSAME_OK, &e);
    assert_string_equal(h.text, want);
    assert_int_equal(d.differences, want[0] != '\0');
    assert_true(d.compared >= 7);
}

static void
what_differs_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        say(cases[i].released, good, cases[i].want);
        say(good, cases[i].released, cases[i].mirrored);
    }
}

static void
claims_beside_what_is_compared(void **state)
{
    static const char text[] = STATEMENT(GOOD_BUILD,
        NITRO(GOOD_PCR) ",{\"launch\":[],\"tee\":\"amd-sev-snp\"}," NITRO(GOOD_PCR),
        RELEASE("1") ",\"source\":{\"digest\":{\"gitCommit\":\"1234\"}}", GOOD_FILES);
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct rebuild_claims c;

    (void)state;
    assert_code(rebuild_read(bytes_str(text), &arena, &c, &e), SELFSAME_OK, &e);
    assert_string_equal(c.tees, "nitro,snp");
    assert_string_equal(c.git_commit, "1234");
    assert_null(c.source_sha256);
    assert_string_equal(c.tool_version, "0");
    assert_code(rebuild_read(bytes_str(STATEMENT(GOOD_BUILD, "{\"tee\":\"tpm2\"}",
                                 RELEASE("1"), GOOD_FILES)),
                    &arena, &c, &e),
        SELFSAME_UNSUPPORTED, &e);
}

/* Every cut of a good statement is refused, and memory runs out anywhere without harm. */
static void
a_statement_cut_short_and_memory_that_ends(void **state)
{
    struct selfsame_err e = { 0 };
    long n = 1;

    (void)state;
    for (size_t len = 0; len < sizeof(good) - 1; len++) {
        auto_arena arena = arena_new(1 << 20);
        struct rebuild_claims c;

        assert_code(rebuild_read(BYTES((const uint8_t *)good, len), &arena, &c, &e),
            SELFSAME_MALFORMED, &e);
    }
    for (;; n++) {
        auto_arena arena = arena_new(1 << 20);
        struct repro_diff d = { 0 };

        arena.fail_at = n;
        enum selfsame_code code = rebuild_compare(
            bytes_str(good), bytes_str(good), &d, &arena, &e);
        if (code == SELFSAME_OK)
            break;
        assert_code(code, SELFSAME_NOMEM, &e);
    }
    assert_true(n > 10);
}

static void
the_statement_of_a_rebuild(void **state)
{
    static const char head[] = "{\"_type\":\"https://in-toto.io/Statement/"
                               "v1\",\"predicate\":{\"environment\":";
    static const char tail[] =
        "\"rebuilt\":[" GOOD_FILES
        "],\"result\":\"identical\",\"statement\":{\"sha256\":\"";
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes text;
    struct rebuild_outcome o = { .result = "identical",
        .released = bytes_str(good),
        .rebuilt = bytes_str(good),
        .sandboxed = true };

    (void)state;
    assert_code(rebuild_statement(&o, &arena, &text, &e), SELFSAME_OK, &e);
    char *s = arena_str(&arena, text);
    assert_non_null(s);
    assert_true(strncmp(s, head, sizeof(head) - 1) == 0);
    assert_non_null(strstr(s, tail));
    assert_non_null(strstr(s, "\"subject\":[" GOOD_FILES "]}"));
    o.rebuilt = BYTES_NONE;
    o.result = "failed";
    assert_code(rebuild_statement(&o, &arena, &text, &e), SELFSAME_OK, &e);
    s = arena_str(&arena, text);
    assert_non_null(s);
    assert_non_null(strstr(s, "\"rebuilt\":[],\"result\":\"failed\""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_said),
        cmocka_unit_test(claims_beside_what_is_compared),
        cmocka_unit_test(a_statement_cut_short_and_memory_that_ends),
        cmocka_unit_test(the_statement_of_a_rebuild),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
