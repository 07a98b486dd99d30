/* SPDX-License-Identifier: Apache-2.0 */
#include "log_sigstore.h"

#include "codec/pem.h"
#include "crypto/crypto.h"

#include <dirent.h>

static void
vectors_have_their_class(void **state)
{
    const char *top = getenv("SELFSAME_SOURCE_ROOT");
    char path[1024];
    struct dirent *entry;
    size_t count = 0, wrong = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/vectors/sigstore", top != NULL ? top : ".");
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        auto_arena arena = arena_new(64 << 20);
        struct vector v = { .expect = NULL };
        struct selfsame_err e = { 0 };
        struct sigstore_claims claims;
        size_t n = strlen(entry->d_name);
        char text[1200] = "";

        if (n < 4 || strcmp(entry->d_name + n - 4, ".vec") != 0)
            continue;
        read_vector(entry->d_name, &v, &arena);
        enum selfsame_code code = judge(&v, v.bundle, &arena, &claims, &e);
        if (code != SELFSAME_OK)
            selfsame_err_print(&e, text, sizeof(text));
        count++;
        assert_int_equal(sigstore_looks_like(v.bundle), v.bundle.ptr[0] == '{');
        if (code != SELFSAME_OK && e.code != code)
            fail_msg("%s: returned %s, but the error is %s", entry->d_name,
                selfsame_code_name(code), selfsame_code_name(e.code));
        if (getenv("SELFSAME_SIGSTORE_SAY") != NULL)
            print_message("%s: %s\n", entry->d_name, text);
        if (strcmp(selfsame_code_name(code), v.expect) == 0)
            continue;
        wrong++;
        print_message("%s: expected %s, got %s: %s\n", entry->d_name, v.expect,
            selfsame_code_name(code), text);
    }
    assert_int_equal(closedir(dir), 0);
    assert_true(count > 150);
    assert_int_equal(wrong, 0);
}

static void
claims_are_what_was_signed(void **state)
{
    auto_arena arena = arena_new(64 << 20);
    struct vector v = { .expect = NULL }, key = { .expect = NULL };
    struct selfsame_err e = { 0 };
    struct sigstore_claims c, k;

    (void)state;
    read_vector("107-all-of-the-build.vec", &v, &arena);
    assert_code(judge(&v, v.bundle, &arena, &c, &e), SELFSAME_OK, &e);
    assert_string_equal(c.identity, v.identity);
    assert_string_equal(c.issuer, v.issuer);
    assert_bytes(c.payload_type, BYTES_LIT("application/vnd.in-toto+json"));
    assert_true(bytes_has_prefix(
        c.payload, BYTES_LIT("{\"_type\":\"https://in-toto.io/Statement/v1\",")));
    assert_string_equal(
        c.predicate_type, "https://selfsame.dev/predicate/tee-release/v1");
    assert_string_equal(c.build_signer, v.identity);
    assert_string_equal(
        c.build_signer_digest, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_string_equal(c.runner, "github-hosted");
    assert_string_equal(c.source_repository, "https://github.com/example/hello");
    assert_string_equal(c.source_digest, "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
    assert_string_equal(c.source_ref, "refs/tags/v1.0.0");
    assert_string_equal(c.build_config, v.identity);
    assert_string_equal(c.build_trigger, "push");
    assert_string_equal(c.run, "https://github.com/example/hello/actions/runs/1");
    assert_string_equal(c.visibility, "public");
    assert_string_equal(c.log, "https://rekor.example.com");
    assert_int_equal(c.log_index, 1004);
    assert_int_equal(c.signed_s, 1780000062);
    assert_int_equal(c.signed_until_s, 1780000062);
    assert_true(c.included);

    read_vector("121-managed-key-v2.vec", &key, &arena);
    assert_code(judge(&key, key.bundle, &arena, &k, &e), SELFSAME_OK, &e);
    assert_null(k.identity);
    assert_null(k.issuer);
    assert_null(k.payload.ptr);
    assert_int_equal(k.log_index, 4);
    assert_int_equal(k.signed_s, 1780000061);
    assert_string_equal(k.log, "https://log2026-1.rekor.example.com");
}

static void
times_and_proofs_are_told(void **state)
{
    auto_arena arena = arena_new(64 << 20);
    struct vector two = { .expect = NULL }, old = { .expect = NULL };
    struct selfsame_err e = { 0 };
    struct sigstore_claims c;

    (void)state;
    read_vector("113-promise-and-stamp.vec", &two, &arena);
    assert_code(judge(&two, two.bundle, &arena, &c, &e), SELFSAME_OK, &e);
    assert_int_equal(c.signed_s, 1780000061);
    assert_int_equal(c.signed_until_s, 1780000062);
    read_vector("111-v0.1-promise-alone.vec", &old, &arena);
    assert_code(judge(&old, old.bundle, &arena, &c, &e), SELFSAME_OK, &e);
    assert_false(c.included);
}

/* ---- expectations ---- */

static void
expectations_that_say_too_little_are_refused(void **state)
{
    auto_arena arena = arena_new(64 << 20);
    struct vector v = { .expect = NULL };
    char longest[SIGSTORE_PATTERN_MAX + 2];
    struct sigstore_claims c;

    (void)state;
    memset(longest, '*', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    read_vector("100-hashedrekord-v1.vec", &v, &arena);
    const uint8_t sha256[32] = { 0 };
    const struct sigstore_expect wrong[] = {
        { .artifact = v.x.artifact },
        { .artifact = v.x.artifact, .identity = "a" },
        { .artifact = v.x.artifact, .issuer = "a" },
        { .artifact = v.x.artifact, .identity_pattern = "a" },
        { .identity = "a", .identity_pattern = "a", .issuer = "a" },
        { .identity_pattern = "", .issuer = "a" },
        { .identity_pattern = longest, .issuer = "a" },
        { .key = BYTES_ARR(sha256), .issuer = "a" },
        { .key = BYTES_ARR(sha256), .identity = "a" },
        { .identity = "a", .issuer = "a", .artifact = { sha256, 31 } },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct selfsame_err e = { 0 };
        struct vector w = v;

        w.x = wrong[i];
        w.x.now_s = v.x.now_s;
        assert_code(judge(&w, v.bundle, &arena, &c, &e), SELFSAME_USAGE, &e);
    }
}

static const struct {
    const char *pattern, *name;
    bool want;
} patterns[] = {
    { "abc", "abc", true },
    { "abc", "abcd", false },
    { "abc", "ab", false },
    { "abc", "xabc", false },
    { "", "", true },
    { "", "a", false },
    { "*", "", true },
    { "*", "abc", true },
    { "*", "a/c", false },
    { "**", "a/c", true },
    { "**", "", true },
    { "***", "a/c", true },
    { "a*c", "ac", true },
    { "a*c", "abbc", true },
    { "a*c", "ab/c", false },
    { "a**c", "ab/c", true },
    { "a*b*c", "aXbYbZc", true },
    { "a*b*c", "aXcYbZ", false },
    { "refs/tags/v*", "refs/tags/v1.0", true },
    { "refs/tags/v*", "refs/tags/v1/evil", false },
    { "**/release.yml@refs/tags/*", "https://h/o/r/release.yml@refs/tags/v1", true },
    { "**/release.yml@refs/tags/*", "https://h/o/r/release.yml@refs/heads/main",
        false },
    { "https://github.com/me/*", "https://github.com/me.evil/x", false },
    { "a?c", "abc", false },
    { "a.c", "abc", false },
    { "*a*a*a*a*a*a*a*a*a*a*b",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

static void
patterns_are_anchored(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(patterns); i++)
        if (sigstore_match(patterns[i].pattern, bytes_str(patterns[i].name)) !=
            patterns[i].want)
            fail_msg("%s against %s", patterns[i].pattern, patterns[i].name);
}

static void
other_documents_do_not_look_like_bundles(void **state)
{
    const char *const others[] = { "", " ", "{", "{}", "[\"application/vnd.dev\"]",
        "{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\"}",
        "c2sp.org/tlog-proof@v1\n", "application/vnd.dev.sigstore.bundle+json" };

    (void)state;
    for (size_t i = 0; i < COUNT(others); i++)
        assert_false(sigstore_looks_like(bytes_str(others[i])));
    assert_true(sigstore_looks_like(
        BYTES_LIT("\n {\"mediaType\": \"application/vnd.dev.sigstore.bundle\"}")));
}

/* ---- the cases of sigstore-conformance, which are not ours to commit ---- */

/*
 * A copy of its test/assets/bundle-verify, with root-signing's targets/trusted_root.json
 * at its top.
 */
static const char *assets;
static const int64_t conformance_now_s = 1790000000;

/* Absent: no such file. */
static struct selfsame_bytes
asset(const char *name, const char *file, struct arena *arena)
{
    char path[1024];
    size_t cap = 1 << 20;
    uint8_t *buf = arena_alloc(arena, 1, cap);

    assert_non_null(buf);
    (void)snprintf(path, sizeof(path), "%s/%s/%s", assets, name, file);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return BYTES_NONE;
    size_t n = fread(buf, 1, cap, f);
    assert_true(n < cap);
    assert_int_equal(fclose(f), 0);
    return BYTES(buf, n);
}

static const char *
asset_line(const char *name, const char *file, const char *otherwise, struct arena *a)
{
    struct selfsame_bytes b = asset(name, file, a);

    if (b.ptr == NULL)
        return otherwise;
    while (b.len > 0 && (b.ptr[b.len - 1] == '\n' || b.ptr[b.len - 1] == ' '))
        b.len--;
    return arena_str(a, b);
}

static enum selfsame_code
conformance_case(const char *name, struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 << 20);
    const struct sigstore_root *root = NULL;
    struct sigstore_expect x = { .now_s = conformance_now_s };
    struct selfsame_bytes json = asset(name, "trusted_root.json", &arena);
    struct selfsame_bytes artifact = asset(name, "artifact", &arena);
    struct selfsame_bytes pem = asset(name, "key.pub", &arena);
    struct sigstore_claims claims;
    uint8_t digest[HASH_MAX];

    if (json.ptr == NULL)
        json = asset(".", "trusted_root.json", &arena);
    if (artifact.ptr == NULL)
        artifact = asset(".", "a.txt", &arena);
    assert_true(hash_bytes(HASH_SHA256, artifact, digest));
    x.artifact = BYTES(digest, 32);
    if (pem.ptr != NULL) {
        TRY(pem_next(&pem, "PUBLIC KEY", &arena, &x.key, e));
    } else {
        x.identity = asset_line(name, "identity",
            "https://github.com/sigstore-conformance/"
            "extremely-dangerous-public-oidc-beacon/.github/workflows/"
            "extremely-dangerous-oidc-beacon.yml@refs/heads/main",
            &arena);
        x.issuer = asset_line(
            name, "issuer", "https://token.actions.githubusercontent.com", &arena);
    }
    TRY(sigstore_root_parse(json, &arena, &root, e));
    return sigstore_verify(
        asset(name, "bundle.sigstore.json", &arena), &x, root, &arena, &claims, e);
}

static void
conformance_cases_agree(void **state)
{
    size_t cases = 0, wrong = 0;
    struct dirent *entry;

    (void)state;
    assets = getenv("SELFSAME_SIGSTORE_ASSETS");
    if (assets == NULL) {
        print_message("SKIPPED: the cases of sigstore-conformance: "
                      "SELFSAME_SIGSTORE_ASSETS names no folder with them\n");
        skip();
    }
    DIR *dir = opendir(assets);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        struct selfsame_err e = { 0 };
        char text[1200] = "";
        size_t n = strlen(entry->d_name);

        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        bool bad = n > 5 && strcmp(entry->d_name + n - 5, "_fail") == 0;
        enum selfsame_code code = conformance_case(entry->d_name, &e);
        if (code != SELFSAME_OK)
            selfsame_err_print(&e, text, sizeof(text));
        cases++;
        wrong += bad == (code == SELFSAME_OK);
        print_message("%s %s: %s %s\n",
            bad == (code == SELFSAME_OK) ? "WRONG" : "agree", entry->d_name,
            selfsame_code_name(code), text);
    }
    assert_int_equal(closedir(dir), 0);
    print_message("%zu cases of sigstore-conformance, %zu disagree\n", cases, wrong);
    assert_true(cases >= 70);
    assert_int_equal(wrong, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_have_their_class),
        cmocka_unit_test(claims_are_what_was_signed),
        cmocka_unit_test(times_and_proofs_are_told),
        cmocka_unit_test(expectations_that_say_too_little_are_refused),
        cmocka_unit_test(patterns_are_anchored),
        cmocka_unit_test(other_documents_do_not_look_like_bundles),
        cmocka_unit_test(conformance_cases_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
