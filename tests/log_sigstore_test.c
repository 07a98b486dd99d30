/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "log/sigstore.h"

#include <dirent.h>

/* ---- vectors/sigstore, made by tests/make_sigstore.py ---- */

struct vector {
    const char *expect, *note, *now, *root, *artifact, *identity, *pattern, *issuer;
    const char *key, *predicate;
    struct selfsame_bytes bundle;
    struct sigstore_expect x;
};

static const char **
field(struct vector *v, const char *name)
{
    const struct {
        const char *name;
        const char **at;
    } fields[] = {
        { "expect", &v->expect },
        { "note", &v->note },
        { "now", &v->now },
        { "root", &v->root },
        { "artifact", &v->artifact },
        { "identity", &v->identity },
        { "identity-pattern", &v->pattern },
        { "issuer", &v->issuer },
        { "key", &v->key },
        { "predicate-type", &v->predicate },
    };

    for (size_t i = 0; i < COUNT(fields); i++)
        if (strcmp(fields[i].name, name) == 0)
            return fields[i].at;
    return NULL;
}

static void
read_vector(const char *name, struct vector *v, struct arena *arena)
{
    const char *path = arena_printf(arena, "vectors/sigstore/%s", name);

    assert_non_null(path);
    struct selfsame_bytes file = test_file(path, arena);
    char *text = arena_str(arena, file), *save = NULL;
    assert_non_null(text);
    char *body = strstr(text, "\n\n");
    if (body == NULL)
        fail_msg("%s: no empty line", path);
    *body = '\0';
    v->bundle = bytes_str(body + 2);
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *colon = strstr(line, ": ");
        if (colon == NULL)
            fail_msg("%s: a line without colon: %s", path, line);
        *colon = '\0';
        const char **at = field(v, line);
        if (at == NULL || *at != NULL)
            fail_msg("%s: unknown or repeated field %s", path, line);
        *at = colon + 2;
    }
    v->x = (struct sigstore_expect){ .identity = v->identity,
        .identity_pattern = v->pattern,
        .issuer = v->issuer,
        .predicate_type = v->predicate };
    if (v->artifact != NULL)
        v->x.artifact = unhex(v->artifact, arena);
    if (v->key != NULL)
        v->x.key = unhex(v->key, arena);
    assert_true(v->now != NULL && time_parse(v->now, &v->x.now_s));
}

static struct selfsame_bytes
root_json(const struct vector *v, struct arena *arena)
{
    const char *path = arena_printf(arena, "vectors/sigstore/%s.root.json", v->root);

    assert_non_null(path);
    return test_file(path, arena);
}

static enum selfsame_code
judge(const struct vector *v, struct selfsame_bytes bundle, struct arena *arena,
    struct sigstore_claims *ret, struct selfsame_err *e)
{
    const struct sigstore_root *root = NULL;

    TRY(sigstore_root_parse(root_json(v, arena), arena, &root, e));
    return sigstore_verify(bundle, &v->x, root, arena, ret, e);
}

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
        assert_true(sigstore_looks_like(v.bundle));
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
        print_message("SELFSAME_SIGSTORE_ASSETS names no folder: the cases of "
                      "sigstore-conformance are NOT run\n");
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
        cmocka_unit_test(conformance_cases_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
