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

/* ---- sweeps ---- */

/* What nobody signs, and nobody needs to. */
static const struct {
    const char *path;
    size_t byte; /* the one; SIZE_MAX: all */
} unsigned_regions[] = {
    /* The authority's answer "granted, with modifications". */
    { "verificationMaterial.timestampVerificationData.rfc3161Timestamps[0]."
      "signedTimestamp",
        8 },
    /* An intermediate beside the leaf: the trusted root has its own. */
    { "verificationMaterial.x509CertificateChain.certificates[1].rawBytes", SIZE_MAX },
    /* Which key, for those who have many. */
    { "verificationMaterial.publicKey.hint", SIZE_MAX },
};
/* What may be left out, since the checkpoint says it under its signature. */
static const char optional[] =
    "verificationMaterial.tlogEntries[0].inclusionProof.rootHash";

struct sweep {
    const struct vector *v;
    const struct sigstore_root *root;
    json_t *whole;
    unsigned bits; /* of each byte: 8, or one of them in turn */
    size_t tried, accepted;
};

static bool
may_change(const char *path, size_t byte)
{
    for (size_t i = 0; i < COUNT(unsigned_regions); i++)
        if (strcmp(unsigned_regions[i].path, path) == 0 &&
            (unsigned_regions[i].byte == byte || unsigned_regions[i].byte == SIZE_MAX))
            return true;
    return false;
}

static void
try_changed(struct sweep *s, const char *path, size_t byte, unsigned bit, bool allowed)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct sigstore_claims c;
    char *text = json_compact(s->whole);

    assert_non_null(text);
    s->tried++;
    enum selfsame_code code = sigstore_verify(
        bytes_str(text), &s->v->x, s->root, &arena, &c, &e);
    free(text);
    if (code == SELFSAME_NOMEM || code == SELFSAME_INTERNAL || code == SELFSAME_USAGE)
        fail_msg("%s, byte %zu, bit %u: %s: %s", path, byte, bit,
            selfsame_code_name(code), err_text(&e));
    if (code == SELFSAME_OK && !allowed)
        fail_msg("%s, byte %zu, bit %u: accepted", path, byte, bit);
    s->accepted += code == SELFSAME_OK;
}

static bool
is_base64(const char *path)
{
    const char *const names[] = { "rawBytes", "keyId", "signedEntryTimestamp",
        "rootHash", "canonicalizedBody", "signedTimestamp", "payload", "sig",
        "signature", "digest", "hint" };
    const char *dot = strrchr(path, '.');

    if (dot == NULL || dot[1] == '\0' || path[strlen(path) - 1] == ']')
        return dot != NULL && strncmp(dot + 1, "hashes[", 7) == 0;
    for (size_t i = 0; i < COUNT(names); i++)
        if (strcmp(names[i], dot + 1) == 0)
            return true;
    return false;
}

/* False: what is no UTF-8 any more cannot be written as JSON. */
static bool
write_back(json_t *j, struct selfsame_bytes b, bool coded, char *text)
{
    if (!coded)
        return json_string_setn(j, (const char *)b.ptr, b.len) == 0;
    (void)base64_encode(b, false, text);
    return json_string_set(j, text) == 0;
}

/*
 * Each bit of one string flipped, and each end cut off: of what its base64 stands for, or
 * of its text.
 */
static void
flip_string(struct sweep *s, json_t *j, const char *path)
{
    size_t size = json_string_length(j), len = size;
    bool coded = is_base64(path);
    char *old = strdup(json_string_value(j));
    uint8_t *raw = malloc(size + 1);
    char *text = malloc(BASE64_SIZE(size + 1));

    assert_true(old != NULL && raw != NULL && text != NULL);
    memcpy(raw, old, size);
    if (coded)
        assert_true(base64_decode(old, size, false, raw, size + 1, &len));
    for (size_t i = 0; i < len; i++)
        for (unsigned k = 0; k < s->bits; k++) {
            unsigned bit = s->bits == 8 ? k : (unsigned)(i % 8);

            raw[i] ^= (uint8_t)(1u << bit);
            if (write_back(j, BYTES(raw, len), coded, text))
                try_changed(s, path, i, bit, may_change(path, i));
            raw[i] ^= (uint8_t)(1u << bit);
        }
    for (size_t n = 0; n < len; n++)
        if (write_back(j, BYTES(raw, n), coded, text))
            try_changed(s, path, n, 8,
                may_change(path, SIZE_MAX - 1) ||
                    (n == 0 && strcmp(path, optional) == 0));
    assert_int_equal(json_string_set(j, old), 0);
    free(old);
    free(raw);
    free(text);
}

static void
flip_all(struct sweep *s, json_t *j, const char *path)
{
    const char *key;
    char deeper[256];
    json_t *value;
    size_t i;

    json_object_foreach(j, key, value)
    {
        (void)snprintf(
            deeper, sizeof(deeper), "%s%s%s", path, *path != '\0' ? "." : "", key);
        flip_all(s, value, deeper);
    }
    json_array_foreach(j, i, value)
    {
        (void)snprintf(deeper, sizeof(deeper), "%s[%zu]", path, i);
        flip_all(s, value, deeper);
    }
    if (json_is_string(j))
        flip_string(s, j, path);
}

static void
no_flipped_bit_is_accepted(void **state)
{
    const struct {
        const char *name, *only;
        unsigned bits;
    } runs[] = {
        { "100-hashedrekord-v1.vec", "", 8 },
        { "103-dsse-v2.vec", "", 8 },
        { "120-managed-key.vec", "", 1 },
        { "110-v0.2-chain.vec", "verificationMaterial", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(runs); i++) {
        auto_arena arena = arena_new(64 << 20);
        struct vector v = { .expect = NULL };
        struct sweep s = { .v = &v, .bits = runs[i].bits };
        struct selfsame_err e = { 0 };

        read_vector(runs[i].name, &v, &arena);
        assert_code(sigstore_root_parse(root_json(&v, &arena), &arena, &s.root, &e),
            SELFSAME_OK, &e);
        assert_code(json_parse(v.bundle, "bundle", &s.whole, &e), SELFSAME_OK, &e);
        const char *only = runs[i].only;
        flip_all(&s, *only != '\0' ? json_object_get(s.whole, only) : s.whole, only);
        json_decref(s.whole);
        print_message("%s: %zu changes, %zu accepted (unsigned regions)\n",
            runs[i].name, s.tried, s.accepted);
        assert_true(s.tried > 3000);
    }
}

static const char *const happy[] = { "101-hashedrekord-v2.vec", "104-intoto-v1.vec",
    "107-all-of-the-build.vec", "121-managed-key-v2.vec" };

static void
no_bundle_is_accepted_that_ends_early_or_late(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(happy); i++) {
        auto_arena arena = arena_new(64 << 20);
        const struct sigstore_root *root = NULL;
        struct vector v = { .expect = NULL };
        struct selfsame_err e = { 0 };
        struct sigstore_claims c;

        read_vector(happy[i], &v, &arena);
        assert_code(sigstore_root_parse(root_json(&v, &arena), &arena, &root, &e),
            SELFSAME_OK, &e);
        while (v.bundle.ptr[v.bundle.len - 1] != '}')
            v.bundle.len--;
        for (size_t n = 0; n < v.bundle.len; n++)
            assert_code(
                sigstore_verify(BYTES(v.bundle.ptr, n), &v.x, root, &arena, &c, &e),
                SELFSAME_MALFORMED, &e);
        char *more = arena_printf(
            &arena, "%.*s}", (int)v.bundle.len, (const char *)v.bundle.ptr);
        assert_non_null(more);
        assert_code(sigstore_verify(bytes_str(more), &v.x, root, &arena, &c, &e),
            SELFSAME_MALFORMED, &e);
    }
}

/* The whole of a run, from the root's text on. */
static void
every_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(happy); i++) {
        auto_arena kept = arena_new(64 << 20);
        struct vector v = { .expect = NULL };
        enum selfsame_code code = SELFSAME_NOMEM;
        long n = 0;

        read_vector(happy[i], &v, &kept);
        struct selfsame_bytes json = root_json(&v, &kept);
        while (code == SELFSAME_NOMEM) {
            auto_arena arena = arena_new(64 << 20);
            const struct sigstore_root *root = NULL;
            struct selfsame_err e = { 0 };
            struct sigstore_claims c = { .log_index = 77 };

            arena.fail_at = ++n;
            code = sigstore_root_parse(json, &arena, &root, &e);
            if (code == SELFSAME_OK)
                code = sigstore_verify(v.bundle, &v.x, root, &arena, &c, &e);
            if (code != SELFSAME_OK)
                assert_int_equal(c.log_index, 77);
            if (code != SELFSAME_NOMEM)
                assert_code(code, SELFSAME_OK, &e);
        }
        assert_true(n > 40);
    }
}

static void
small_arenas_suffice_or_are_refused(void **state)
{
    auto_arena kept = arena_new(64 << 20);
    struct vector v = { .expect = NULL };
    size_t enough = 0;

    (void)state;
    read_vector("107-all-of-the-build.vec", &v, &kept);
    struct selfsame_bytes json = root_json(&v, &kept);
    for (size_t limit = 1024; enough == 0; limit += 1024) {
        auto_arena arena = arena_new(limit);
        const struct sigstore_root *root = NULL;
        struct selfsame_err e = { 0 };
        struct sigstore_claims c;
        enum selfsame_code code = sigstore_root_parse(json, &arena, &root, &e);

        if (code == SELFSAME_OK)
            code = sigstore_verify(v.bundle, &v.x, root, &arena, &c, &e);
        if (code != SELFSAME_NOMEM)
            assert_code(code, SELFSAME_OK, &e);
        if (code == SELFSAME_OK)
            enough = limit;
    }
    assert_true(enough < 256 << 10);
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
        cmocka_unit_test(claims_are_what_was_signed),
        cmocka_unit_test(times_and_proofs_are_told),
        cmocka_unit_test(expectations_that_say_too_little_are_refused),
        cmocka_unit_test(patterns_are_anchored),
        cmocka_unit_test(other_documents_do_not_look_like_bundles),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(no_bundle_is_accepted_that_ends_early_or_late),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(small_arenas_suffice_or_are_refused),
        cmocka_unit_test(conformance_cases_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
