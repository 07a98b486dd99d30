/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

static const char *
root(void)
{
    const char *r = getenv("SELFSAME_SOURCE_ROOT");

    return r != NULL ? r : ".";
}

static struct selfsame_bytes
slurp(const char *path, struct arena *arena)
{
    FILE *f = fopen(path, "rb");

    if (f == NULL)
        return BYTES_NONE;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long n = ftell(f);
    assert_true(n >= 0);
    rewind(f);
    uint8_t *p = arena_alloc(arena, 1, (size_t)n + 1);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, (size_t)n, f), n);
    assert_int_equal(fclose(f), 0);
    return BYTES(p, (size_t)n);
}

struct selfsame_bytes
test_file(const char *path, struct arena *arena)
{
    char full[1024];

    (void)snprintf(full, sizeof(full), "%s/%s", root(), path);
    struct selfsame_bytes b = slurp(full, arena);
    if (b.ptr == NULL)
        fail_msg("cannot read %s", full);
    return b;
}

struct selfsame_bytes
shared_file(const char *path, struct arena *arena)
{
    char full[1024];

    if (!shared_present())
        return BYTES_NONE;
    (void)snprintf(full, sizeof(full), "%s/../shared/%s", root(), path);
    struct selfsame_bytes b = slurp(full, arena);
    if (b.ptr == NULL)
        fail_msg("cannot read %s", full);
    return b;
}

bool
shared_present(void)
{
    char full[1024];

    (void)snprintf(full, sizeof(full), "%s/../shared/vectors/MANIFEST.tsv", root());
    FILE *f = fopen(full, "rb");
    if (f != NULL)
        (void)fclose(f);
    return f != NULL;
}

void
need_shared(void)
{
    if (!shared_present()) {
        (void)fprintf(stderr, "SKIPPED: ../shared/vectors is not here\n");
        skip();
    }
}

struct selfsame_bytes
unhex(const char *hex, struct arena *arena)
{
    size_t n = strlen(hex);
    uint8_t *p = arena_alloc(arena, 1, n / 2 + 1);

    assert_non_null(p);
    if (!hex_decode(hex, n, p, n / 2, &n))
        fail_msg("not hex: %s", hex);
    return BYTES(p, n);
}
