/* SPDX-License-Identifier: Apache-2.0 */
#include "log_sigstore.h"

#include "codec/json.h"

/* What nobody signs, and nobody needs to. */
static const struct {
    const char *vector; /* or NULL: in all */
    const char *path;
    size_t byte; /* the one; SIZE_MAX: all */
} unsigned_regions[] = {
    /* The authority's answer "granted, with modifications". */
    { NULL,
        "verificationMaterial.timestampVerificationData.rfc3161Timestamps[0]."
        "signedTimestamp",
        8 },
    /* An intermediate beside the leaf: the trusted root has its own. */
    { NULL, "verificationMaterial.x509CertificateChain.certificates[1].rawBytes",
        SIZE_MAX },
    /* Which key, for those who have many. */
    { NULL, "verificationMaterial.publicKey.hint", SIZE_MAX },
    /* Where nothing is promised, nobody says when, and which number of all shards. */
    { "112-no-promise-but-stamp.vec", "verificationMaterial.tlogEntries[0].logIndex",
        SIZE_MAX },
};
/* What may be left out, since the checkpoint says it under its signature. */
static const char optional[] =
    "verificationMaterial.tlogEntries[0].inclusionProof.rootHash";

struct sweep {
    const char *name;
    const struct vector *v;
    const struct sigstore_root *root;
    json_t *whole;
    unsigned bits; /* of each byte: 8, or one of them in turn */
    size_t tried, accepted;
};

static bool
may_change(const struct sweep *s, const char *path, size_t byte)
{
    for (size_t i = 0; i < COUNT(unsigned_regions); i++)
        if (strcmp(unsigned_regions[i].path, path) == 0 &&
            (unsigned_regions[i].vector == NULL ||
                strcmp(unsigned_regions[i].vector, s->name) == 0) &&
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
                try_changed(s, path, i, bit, may_change(s, path, i));
            raw[i] ^= (uint8_t)(1u << bit);
        }
    for (size_t n = 0; n < len; n++)
        if (write_back(j, BYTES(raw, n), coded, text))
            try_changed(s, path, n, 8,
                may_change(s, path, SIZE_MAX - 1) ||
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
        { "112-no-promise-but-stamp.vec", "verificationMaterial", 1 },
        { "156-stamp-by-ed25519.vec", "verificationMaterial", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(runs); i++) {
        auto_arena arena = arena_new(64 << 20);
        struct vector v = { .expect = NULL };
        struct sweep s = { .name = runs[i].name, .v = &v, .bits = runs[i].bits };
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
        assert_true(s.tried > 2000);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(no_bundle_is_accepted_that_ends_early_or_late),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(small_arenas_suffice_or_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
