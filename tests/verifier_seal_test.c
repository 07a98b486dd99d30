/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "crypto/crypto.h"
#include "verifier/seal.h"

#include <unistd.h>

/* Secrets at rest: what opens them, and what happens when their key is replaced. */

static const uint8_t key_a[SEAL_KEY] = { 1, 2, 3 }, key_b[SEAL_KEY] = { 9 };
static const struct seal_name here = { "default", "db/password", 7 };

static void
each_bit_and_each_name_counts(void **state)
{
    static const struct seal_name others[] = { { "default", "db/password", 8 },
        { "default", "db/passwor", 7 }, { "defaul", "tdb/password", 7 },
        { "other", "db/password", 7 }, { "default\0x", "db", 7 } };
    auto_arena arena = arena_new(1 << 20);
    const struct seal_keys keys = { key_a, NULL }, wrong = { key_b, NULL },
                           both = { key_b, key_a };
    struct selfsame_bytes sealed, plain = BYTES_NONE;
    struct selfsame_err e = { 0 };
    uint8_t copy[64 + SEAL_EXTRA];

    (void)state;
    assert_code(
        secret_seal(key_a, &here, BYTES_LIT("open sesame"), &arena, &sealed, &e),
        SELFSAME_OK, &e);
    assert_int_equal(sealed.len, 11 + SEAL_EXTRA);
    assert_code(secret_open(&keys, &here, sealed, &arena, &plain, &e), SELFSAME_OK, &e);
    assert_bytes(plain, BYTES_LIT("open sesame"));
    assert_code(secret_open(&both, &here, sealed, &arena, &plain, &e), SELFSAME_OK, &e);
    assert_code(
        secret_open(&wrong, &here, sealed, &arena, &plain, &e), SELFSAME_USAGE, &e);
    for (size_t i = 0; i < COUNT(others); i++)
        assert_code(secret_open(&keys, &others[i], sealed, &arena, &plain, &e),
            SELFSAME_BAD_SIGNATURE, &e);
    memcpy(copy, sealed.ptr, sealed.len);
    for (size_t i = 0; i < 8 * sealed.len; i++) {
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        if (secret_open(&keys, &here, BYTES(copy, sealed.len), &arena, &plain, &e) ==
            SELFSAME_OK)
            fail_msg("bit %zu does not count", i);
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t n = 0; n < sealed.len; n++)
        if (secret_open(&keys, &here, BYTES(copy, n), &arena, &plain, &e) ==
            SELFSAME_OK)
            fail_msg("%zu bytes of it open", n);
    copy[sealed.len] = 0;
    assert_code(
        secret_open(&keys, &here, BYTES(copy, sealed.len + 1), &arena, &plain, &e),
        SELFSAME_BAD_SIGNATURE, &e);
}

static void
two_of_one_secret_share_nothing(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes a, b;
    struct selfsame_err e = { 0 };

    (void)state;
    assert_code(
        secret_seal(key_a, &here, BYTES_LIT("x"), &arena, &a, &e), SELFSAME_OK, &e);
    assert_code(
        secret_seal(key_a, &here, BYTES_LIT("x"), &arena, &b, &e), SELFSAME_OK, &e);
    assert_memory_not_equal(a.ptr + 9, b.ptr + 9, 12);
    assert_memory_not_equal(a.ptr + 21, b.ptr + 21, 17);
    assert_code(secret_seal(key_a, &here, BYTES(key_a, SECRET_MAX + 1), &arena, &a, &e),
        SELFSAME_USAGE, &e);
    for (long at = 1; at <= 2; at++) {
        auto_arena poor = arena_new(1 << 20);

        poor.fail_at = at;
        assert_code(secret_seal(key_a, &here, BYTES_LIT("x"), &poor, &a, &e),
            SELFSAME_NOMEM, &e);
    }
}

/* ---- in a registry ---- */

static struct registry *
new_registry(char path[static 64])
{
    struct registry *r = NULL;
    struct selfsame_err e = { 0 };
    uint64_t version = 0;
    const struct registry_object tenant = { .tenant = "default",
        .kind = REGISTRY_TENANT,
        .name = "default",
        .author = "test",
        .body = BYTES_LIT("{}") };
    int fd;

    (void)snprintf(path, 64, "/tmp/selfsame-seal.XXXXXX");
    fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    assert_code(registry_open(path, true, &r, &e), SELFSAME_OK, &e);
    assert_code(registry_put(r, &tenant, REGISTRY_ANY, &version, &e), SELFSAME_OK, &e);
    return r;
}

static void
end_registry(struct registry *r, const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[80];

    registry_close(&r);
    for (size_t i = 0; i < COUNT(ends); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static const char *const policies[] = { "web", NULL };

static uint64_t
put_secret(struct registry *r, const uint8_t *key, const char *name, const char *text,
    uint64_t expect)
{
    const struct secret_said s = { .tenant = "default",
        .name = name,
        .author = "test",
        .policies = policies,
        .plain = bytes_str(text),
        .now_ms = 1000 };
    struct selfsame_err e = { 0 };
    uint64_t version = 99;

    assert_code(secret_put(r, key, &s, expect, &version, &e), SELFSAME_OK, &e);
    return version;
}

/* The text of the current version; and that the body says the rest. */
static enum selfsame_code
text_of(struct registry *r, const struct seal_keys *keys, const char *name,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct registry_object o = { .name = NULL };
    auto_json *j = NULL;
    size_t n = 0;

    assert_code(registry_get(r, "default", REGISTRY_SECRET, name, 0, arena, &o, e),
        SELFSAME_OK, e);
    assert_non_null(o.name);
    assert_code(json_parse(o.body, "secret", &j, e), SELFSAME_OK, e);
    assert_string_equal(
        json_string_value(json_object_get(j, "type")), "application/octet-stream");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(j, "policies"), 0)), "web");
    const char *sealed = json_string_value(json_object_get(j, "sealed"));
    uint8_t *raw = arena_alloc(arena, 1, strlen(sealed) + 1);
    assert_non_null(raw);
    assert_true(
        base64_decode(sealed, strlen(sealed), false, raw, strlen(sealed) + 1, &n));
    const struct seal_name at = { "default", name, o.version };
    return secret_open(keys, &at, BYTES(raw, n), arena, ret, e);
}

static void
versions_go_on(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    const struct seal_keys keys = { key_a, NULL };
    struct selfsame_bytes text = BYTES_NONE;
    struct selfsame_err e = { 0 };
    char path[64];
    struct registry *r = new_registry(path);
    const struct registry_object gone = {
        .tenant = "default", .kind = REGISTRY_SECRET, .name = "a", .author = "test"
    };
    bool removed = false;

    (void)state;
    assert_int_equal(put_secret(r, key_a, "a", "one", 0), 1);
    assert_int_equal(put_secret(r, key_a, "a", "two", 0), 0); /* there is one */
    assert_int_equal(put_secret(r, key_a, "a", "two", 1), 2);
    assert_int_equal(put_secret(r, key_a, "a", "three", REGISTRY_ANY), 3);
    assert_code(text_of(r, &keys, "a", &arena, &text, &e), SELFSAME_OK, &e);
    assert_bytes(text, BYTES_LIT("three"));
    assert_code(registry_remove(r, &gone, &removed, &e), SELFSAME_OK, &e);
    assert_true(removed);
    const uint64_t again = put_secret(r, key_a, "a", "four", 0);
    assert_true(again > 3);
    assert_code(text_of(r, &keys, "a", &arena, &text, &e), SELFSAME_OK, &e);
    assert_bytes(text, BYTES_LIT("four"));
    end_registry(r, path);
}

static void
a_new_key_takes_all_of_them_over(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    const struct seal_keys old = { key_a, NULL }, both = { key_b, key_a },
                           now = { key_b, NULL };
    struct selfsame_bytes text = BYTES_NONE;
    struct selfsame_err e = { 0 };
    size_t count = 99;
    char path[64];
    struct registry *r = new_registry(path);

    (void)state;
    assert_int_equal(put_secret(r, key_a, "a", "one", 0), 1);
    assert_int_equal(put_secret(r, key_a, "b", "two", 0), 1);
    assert_int_equal(put_secret(r, key_b, "c", "three", 0), 1);
    assert_code(secrets_reseal(r, &both, "test", 2000, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 2);
    assert_code(text_of(r, &now, "a", &arena, &text, &e), SELFSAME_OK, &e);
    assert_bytes(text, BYTES_LIT("one"));
    assert_code(text_of(r, &now, "b", &arena, &text, &e), SELFSAME_OK, &e);
    assert_bytes(text, BYTES_LIT("two"));
    assert_code(text_of(r, &now, "c", &arena, &text, &e), SELFSAME_OK, &e);
    assert_code(text_of(r, &old, "a", &arena, &text, &e), SELFSAME_USAGE, &e);
    assert_code(secrets_reseal(r, &both, "test", 3000, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 0);
    assert_code(secrets_reseal(r, &old, "test", 3000, &count, &e), SELFSAME_USAGE, &e);
    end_registry(r, path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bit_and_each_name_counts),
        cmocka_unit_test(two_of_one_secret_share_nothing),
        cmocka_unit_test(versions_go_on),
        cmocka_unit_test(a_new_key_takes_all_of_them_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
