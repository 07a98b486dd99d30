/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/json.h"
#include "log/log.h"

/* ---- a tree of a definition of its own: the recursion of RFC 9162 §2.1.1 ---- */

enum { LEAVES = 70 };
static uint8_t leaves[LEAVES][LOG_HASH];

static void
make_leaves(void)
{
    for (size_t i = 0; i < LEAVES; i++) {
        const uint8_t entry[] = { (uint8_t)i, 'x' };

        assert_true(merkle_leaf(BYTES_ARR(entry), leaves[i]));
    }
}

static void
tree_hash(size_t from, size_t n, uint8_t ret[static LOG_HASH])
{
    uint8_t left[LOG_HASH], right[LOG_HASH];
    size_t k = 1;

    if (n == 1) {
        memcpy(ret, leaves[from], LOG_HASH);
        return;
    }
    while (2 * k < n)
        k *= 2;
    tree_hash(from, k, left);
    tree_hash(from + k, n - k, right);
    assert_true(merkle_node(left, right, ret));
}

static bool
node(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    size_t n = (size_t)1 << height;

    (void)ctx;
    if ((index + 1) * n > LEAVES)
        return false;
    tree_hash((size_t)index * n, n, ret);
    return true;
}
static const struct merkle_source tree = { .node = node };

static void
proofs_of_all_small_trees_hold_and_no_other(void **state)
{
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH], root[LOG_HASH], other[LOG_HASH];
    struct selfsame_err e = { 0 };
    size_t count;

    (void)state;
    make_leaves();
    for (uint64_t size = 1; size < LEAVES; size++) {
        uint8_t want[LOG_HASH];

        tree_hash(0, (size_t)size, want);
        assert_true(merkle_root(&tree, size, root));
        assert_memory_equal(root, want, LOG_HASH);
        for (uint64_t i = 0; i < size; i++) {
            assert_true(merkle_prove_inclusion(&tree, i, size, hashes, &count));
            struct merkle_path p = { hashes, count };
            assert_code(merkle_check_inclusion(i, size, leaves[i], p, root, &e),
                SELFSAME_OK, &e);
            assert_int_equal(
                merkle_check_inclusion(i, size, leaves[i + 1], p, root, &e),
                SELFSAME_LOG);
            assert_int_equal(
                merkle_check_inclusion(i + 1, size, leaves[i], p, root, &e),
                SELFSAME_LOG);
            for (size_t k = 0; k < count; k++) {
                hashes[k * LOG_HASH] ^= 1;
                assert_int_equal(
                    merkle_check_inclusion(i, size, leaves[i], p, root, &e),
                    SELFSAME_LOG);
                hashes[k * LOG_HASH] ^= 1;
                struct merkle_path shorter = { hashes, k };
                assert_int_equal(
                    merkle_check_inclusion(i, size, leaves[i], shorter, root, &e),
                    SELFSAME_LOG);
            }
        }
        for (uint64_t old = 0; old <= size; old++) {
            assert_true(merkle_root(&tree, old, other));
            assert_true(merkle_prove_consistency(&tree, old, size, hashes, &count));
            struct merkle_path p = { hashes, count };
            assert_code(merkle_check_consistency(old, other, size, root, p, &e),
                SELFSAME_OK, &e);
            other[0] ^= 1;
            assert_int_equal(
                merkle_check_consistency(old, other, size, root, p, &e), SELFSAME_LOG);
            other[0] ^= 1;
            root[5] ^= 1;
            if (old > 0)
                assert_int_equal(
                    merkle_check_consistency(old, other, size, root, p, &e),
                    SELFSAME_LOG);
            root[5] ^= 1;
            for (size_t k = 0; k < count; k++) {
                struct merkle_path shorter = { hashes, k };

                assert_int_equal(
                    merkle_check_consistency(old, other, size, root, shorter, &e),
                    SELFSAME_LOG);
                hashes[k * LOG_HASH + 9] ^= 1;
                assert_int_equal(
                    merkle_check_consistency(old, other, size, root, p, &e),
                    SELFSAME_LOG);
                hashes[k * LOG_HASH + 9] ^= 1;
            }
        }
    }
    assert_false(merkle_prove_inclusion(&tree, 5, 5, hashes, &count));
    assert_false(merkle_prove_inclusion(&tree, 0, LEAVES + 60, hashes, &count));
    assert_false(merkle_prove_consistency(&tree, 6, 5, hashes, &count));
}

static void
hashes_are_those_of_rfc_6962(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    uint8_t h[LOG_HASH], l[LOG_HASH] = { 0 }, r[LOG_HASH] = { 0 };

    (void)state;
    assert_true(merkle_empty(h));
    assert_string_equal(hex_dup(&arena, BYTES_ARR(h)),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_true(merkle_leaf(BYTES((const uint8_t *)"", 0), h));
    assert_string_equal(hex_dup(&arena, BYTES_ARR(h)),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_true(merkle_leaf(BYTES_LIT("L123456"), h));
    assert_string_equal(hex_dup(&arena, BYTES_ARR(h)),
        "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    /* transparency-dev/merkle: node("N123", "N456") hashes the two strings as they are. */
    uint8_t message[] = "\1N123N456", digest[HASH_MAX];
    assert_true(hash_bytes(HASH_SHA256, BYTES(message, 9), digest));
    assert_string_equal(hex_dup(&arena, BYTES(digest, 32)),
        "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb");
    assert_true(merkle_node(l, r, h));
}

/* ---- transparency-dev/merkle ---- */

static bool
unbase64(const json_t *j, struct arena *arena, struct selfsame_bytes *ret)
{
    const char *s = json_string_value(j);
    size_t n = s != NULL ? strlen(s) : 0, len = 0;
    uint8_t *raw = arena_alloc(arena, 1, n + 1);

    assert_non_null(raw);
    bool good = base64_decode(s != NULL ? s : "", n, false, raw, n + 1, &len);
    *ret = BYTES(raw, len);
    return good;
}

/* Hashes of other lengths cannot even be said to our functions. */
static bool
take_path(const json_t *j, struct arena *arena, struct merkle_path *ret)
{
    uint8_t *all = arena_alloc(arena, LOG_HASH, json_array_size(j) + 1);

    for (size_t i = 0; i < json_array_size(j); i++) {
        struct selfsame_bytes one;

        if (!unbase64(json_array_get(j, i), arena, &one) || one.len != LOG_HASH)
            return false;
        memcpy(all + i * LOG_HASH, one.ptr, LOG_HASH);
    }
    *ret = (struct merkle_path){ all, json_array_size(j) };
    return true;
}

/* Some cases have 2^64 - 1, which only a real holds there. */
static uint64_t
number(const json_t *one, const char *name)
{
    double v = json_real_value(json_object_get(one, name));

    return v >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)v;
}

/* "dont care 1": text of that length stands for some root. */
static bool
take_root(const json_t *j, struct arena *arena, uint8_t ret[static LOG_HASH])
{
    struct selfsame_bytes b;

    if (!unbase64(j, arena, &b) || (b.len != LOG_HASH && b.len != 12))
        return false;
    memset(ret, 0, LOG_HASH);
    memcpy(ret, b.ptr, b.len);
    return true;
}

static bool
inclusion_holds(const json_t *one, struct arena *arena)
{
    uint8_t root[LOG_HASH], leaf[LOG_HASH];
    struct selfsame_err e = { 0 };
    struct merkle_path p;

    return take_root(json_object_get(one, "root"), arena, root) &&
           take_root(json_object_get(one, "leafHash"), arena, leaf) &&
           take_path(json_object_get(one, "proof"), arena, &p) &&
           merkle_check_inclusion(number(one, "leafIdx"), number(one, "treeSize"), leaf,
               p, root, &e) == SELFSAME_OK;
}

static bool
consistency_holds(const json_t *one, struct arena *arena)
{
    uint8_t a[LOG_HASH], b[LOG_HASH];
    struct selfsame_err e = { 0 };
    struct merkle_path p;

    return take_root(json_object_get(one, "root1"), arena, a) &&
           take_root(json_object_get(one, "root2"), arena, b) &&
           take_path(json_object_get(one, "proof"), arena, &p) &&
           merkle_check_consistency(
               number(one, "size1"), a, number(one, "size2"), b, p, &e) == SELFSAME_OK;
}

static void
run_cases(const char *path, bool (*holds)(const json_t *one, struct arena *arena))
{
    auto_arena arena = arena_new(8 << 20);
    auto_json *j = NULL;
    json_t *one;
    size_t i, good = 0;

    need_shared();
    struct selfsame_bytes text = shared_file(path, &arena);
    j = json_loadb((const char *)text.ptr, text.len, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(j);
    json_array_foreach(json_object_get(j, "cases"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        bool want = !json_is_true(json_object_get(one, "wantErr"));

        /* tlog-witness wants 0 -> n with an empty proof accepted; this library does not. */
        if (strcmp(name, "additional/size1-is-zero-and-size2-is-not-zero") == 0)
            want = true;

        if (holds(one, &arena) != want)
            fail_msg("%s: %s", path, name);
        good += want;
    }
    assert_true(i > 90 && good >= 6);
}

static void
inclusion_cases_of_transparency_dev(void **state)
{
    (void)state;
    run_cases("vectors/tlog/transparency-dev+merkle/inclusion.json", inclusion_holds);
}

static void
consistency_cases_of_transparency_dev(void **state)
{
    (void)state;
    run_cases(
        "vectors/tlog/transparency-dev+merkle/consistency.json", consistency_holds);
}

/* ---- tiles ---- */

static void
tiles_have_one_name(void **state)
{
    static const struct {
        struct tile_id id;
        const char *name;
    } good[] = {
        { { false, 0, 0, 256 }, "tile/0/000" },
        { { false, 1, 999, 256 }, "tile/1/999" },
        { { false, 7, 1000, 1 }, "tile/7/x001/000.p/1" },
        { { true, 0, 1234067, 255 }, "tile/entries/x001/x234/067.p/255" },
        { { true, 0, 273, 112 }, "tile/entries/273.p/112" },
        { { false, 63, UINT64_C(999999999999), 256 }, "tile/63/x999/x999/x999/999" },
    };
    static const char *const bad[] = { "", "tile", "tile/", "tile/0", "tile/0/",
        "tile/0/0", "tile/0/00", "tile/0/0000", "tile/00/000", "tile/64/000",
        "tile/0/x000/000", "tile/0/001/000", "tile/0/x001", "tile/0/000.p/",
        "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000/",
        "tile/0/000 ", "tile/entries/000.p/x", "tile/data/000", "/tile/0/000",
        "tile/0/../000", "tile/0/-01", "tile/0x1/000" };
    struct selfsame_err e = { 0 };
    struct tile_id id;
    char name[TILE_NAME];

    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        tile_name(&good[i].id, name);
        assert_string_equal(name, good[i].name);
        assert_code(tile_name_parse(name, &id, &e), SELFSAME_OK, &e);
        assert_memory_equal(&id, &good[i].id, sizeof(id));
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (tile_name_parse(bad[i], &id, &e) == SELFSAME_OK)
            fail_msg("accepted: %s", bad[i]);
}

static void
tiles_are_as_wide_as_their_tree(void **state)
{
    (void)state;
    assert_int_equal(tile_width(0, 0, 0), 0);
    assert_int_equal(tile_width(0, 0, 255), 255);
    assert_int_equal(tile_width(0, 0, 256), 256);
    assert_int_equal(tile_width(0, 1, 256), 0);
    assert_int_equal(tile_width(1, 0, 256), 1);
    assert_int_equal(tile_width(0, 273, 70000), 112);
    assert_int_equal(tile_width(1, 1, 70000), 17);
    assert_int_equal(tile_width(2, 0, 70000), 1);
    assert_int_equal(tile_width(3, 0, 70000), 0);
    assert_int_equal(tile_width(0, UINT64_MAX, 70000), 0);
    assert_int_equal(tile_width(64, 0, 70000), 0);
}

static void
bundles_are_read_to_their_end(void **state)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes one;

    (void)state;
    struct reader r = reader_of(BYTES_LIT("\0\2ab\0\0\0\1c"));
    assert_code(bundle_next(&r, &one, &e), SELFSAME_OK, &e);
    assert_bytes(one, BYTES_LIT("ab"));
    assert_code(bundle_next(&r, &one, &e), SELFSAME_OK, &e);
    assert_true(one.ptr != NULL && one.len == 0);
    assert_code(bundle_next(&r, &one, &e), SELFSAME_OK, &e);
    assert_bytes(one, BYTES_LIT("c"));
    assert_code(bundle_next(&r, &one, &e), SELFSAME_OK, &e);
    assert_null(one.ptr);
    r = reader_of(BYTES_LIT("\0\3ab"));
    assert_int_equal(bundle_next(&r, &one, &e), SELFSAME_MALFORMED);
    r = reader_of(BYTES_LIT("\0"));
    assert_int_equal(bundle_next(&r, &one, &e), SELFSAME_MALFORMED);
}

/* ---- tiles of others: their roots, and bundles that give their leaves ---- */

struct tiles {
    struct selfsame_bytes level0[2];
    struct selfsame_bytes level1;
};

static bool
from_tiles(void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH])
{
    const struct tiles *t = ctx;
    uint8_t right[LOG_HASH];

    if (height >= 8 && t->level1.ptr != NULL) {
        if (height > 8 || index * LOG_HASH >= t->level1.len)
            return false;
        memcpy(ret, t->level1.ptr + index * LOG_HASH, LOG_HASH);
        return true;
    }
    if (height > 0)
        return from_tiles(ctx, height - 1, 2 * index, ret) &&
               from_tiles(ctx, height - 1, 2 * index + 1, right) &&
               merkle_node(ret, right, ret);
    const struct selfsame_bytes *tile = &t->level0[index / 256];
    if (index / 256 > 1 || (index % 256 + 1) * LOG_HASH > tile->len)
        return false;
    memcpy(ret, tile->ptr + index % 256 * LOG_HASH, LOG_HASH);
    return true;
}

static void
tiles_of_tessera_have_the_roots_of_its_checkpoints(void **state)
{
    static const unsigned sizes[] = { 1, 2, 5, 7, 8, 13, 15 };
    static const char folder[] = "vectors/tlog/transparency-dev+tessera/log/";
    struct selfsame_err e = { 0 };

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(sizes); i++) {
        auto_arena arena = arena_new(1 << 18);
        uint8_t root[LOG_HASH], hashes[LOG_PATH_MAX * LOG_HASH], leaf[LOG_HASH];
        struct selfsame_bytes one;
        struct checkpoint c;
        struct note n;
        char path[128];
        size_t count;

        (void)snprintf(path, sizeof(path), "%scheckpoint.%u", folder, sizes[i]);
        assert_code(
            note_parse(shared_file(path, &arena), &arena, &n, &e), SELFSAME_OK, &e);
        assert_code(checkpoint_parse(n.text, &c, &e), SELFSAME_OK, &e);
        (void)snprintf(path, sizeof(path), "%stile/0/000.p/%u", folder, sizes[i]);
        struct tiles t = { .level0[0] = shared_file(path, &arena) };
        const struct merkle_source s = { from_tiles, &t };
        assert_true(merkle_root(&s, c.size, root));
        assert_memory_equal(root, c.root, LOG_HASH);
        (void)snprintf(path, sizeof(path), "%stile/entries/000.p/%u", folder, sizes[i]);
        struct reader r = reader_of(shared_file(path, &arena));
        for (uint64_t k = 0; k < c.size; k++) {
            assert_code(bundle_next(&r, &one, &e), SELFSAME_OK, &e);
            assert_true(merkle_leaf(one, leaf));
            assert_true(merkle_prove_inclusion(&s, k, c.size, hashes, &count));
            struct merkle_path p = { hashes, count };
            assert_code(merkle_check_inclusion(k, c.size, leaf, p, c.root, &e),
                SELFSAME_OK, &e);
        }
        assert_true(reader_done(&r));
    }
}

static void
tiles_of_sunlight_have_the_root_of_its_checkpoint(void **state)
{
    static const char folder[] = "vectors/tlog/FiloSottile+sunlight/witness/";
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    struct checkpoint c;
    struct note n;
    uint8_t root[LOG_HASH];
    char path[4][128];
    static const char *const names[] = { "mirror.checkpoint", "mirror-tile/0/000",
        "mirror-tile/0/001.p/44", "mirror-tile/1/000.p/1" };

    (void)state;
    need_shared();
    for (size_t i = 0; i < 4; i++)
        (void)snprintf(path[i], sizeof(path[i]), "%s%s", folder, names[i]);
    assert_code(
        note_parse(shared_file(path[0], &arena), &arena, &n, &e), SELFSAME_OK, &e);
    assert_code(checkpoint_parse(n.text, &c, &e), SELFSAME_OK, &e);
    assert_int_equal(c.size, 300);
    for (int upper = 0; upper < 2; upper++) {
        struct tiles t = { .level0 = { shared_file(path[1], &arena),
                               shared_file(path[2], &arena) },
            .level1 = upper ? shared_file(path[3], &arena) : BYTES_NONE };
        const struct merkle_source s = { from_tiles, &t };

        assert_true(merkle_root(&s, c.size, root));
        assert_memory_equal(root, c.root, LOG_HASH);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_of_all_small_trees_hold_and_no_other),
        cmocka_unit_test(hashes_are_those_of_rfc_6962),
        cmocka_unit_test(inclusion_cases_of_transparency_dev),
        cmocka_unit_test(consistency_cases_of_transparency_dev),
        cmocka_unit_test(tiles_have_one_name),
        cmocka_unit_test(tiles_are_as_wide_as_their_tree),
        cmocka_unit_test(bundles_are_read_to_their_end),
        cmocka_unit_test(tiles_of_tessera_have_the_roots_of_its_checkpoints),
        cmocka_unit_test(tiles_of_sunlight_have_the_root_of_its_checkpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
