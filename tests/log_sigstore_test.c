/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "codec/pem.h"
#include "crypto/crypto.h"
#include "log/sigstore.h"

#include <dirent.h>

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
        print_message("%s %s: %s %s\n", bad == (code == SELFSAME_OK) ? "WRONG" : "agree",
            entry->d_name, selfsame_code_name(code), text);
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
        cmocka_unit_test(conformance_cases_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
