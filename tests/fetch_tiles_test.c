/* SPDX-License-Identifier: Apache-2.0 */
#include "log_made.h"

#include "os/os.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static struct tiles *
over(struct made *m)
{
    const struct tiles_reader r = made_reader(m);
    struct selfsame_err e = { 0 };
    struct tiles *t = NULL;

    assert_code(tiles_over(&r, &t, &e), SELFSAME_OK, &e);
    return t;
}

static enum selfsame_code
believe(struct tiles *t, const struct made *m, uint64_t size, struct selfsame_err *e)
{
    const struct checkpoint c = made_checkpoint(m, size);

    return tiles_believe(t, &c, e);
}

/* ---- what an honest log gives ---- */

static const uint64_t sizes[] = { 0, 1, 2, 3, 5, 255, 256, 257, 511, 512, 513, 1000,
    65535, 65536, 65537, 65792, 70000 };

static void
check_proofs(struct tiles *t, const struct made *m, uint64_t size)
{
    const struct checkpoint c = made_checkpoint(m, size);
    const uint64_t step = size / 17 + 1;
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH], root[LOG_HASH];
    struct selfsame_err e = { 0 };
    size_t count;

    for (uint64_t i = 0; i < size; i += step) {
        assert_code(tiles_inclusion(t, i, hashes, &count, &e), SELFSAME_OK, &e);
        assert_code(merkle_check_inclusion(i, size, m->level[0][i],
                        (struct merkle_path){ hashes, count }, c.root, &e),
            SELFSAME_OK, &e);
    }
    for (uint64_t old = 0; old <= size; old += step) {
        struct checkpoint before = made_checkpoint(m, old);

        assert_code(tiles_root(t, old, root, &e), SELFSAME_OK, &e);
        assert_memory_equal(root, before.root, LOG_HASH);
        assert_code(tiles_follows(t, &before, &e), SELFSAME_OK, &e);
        before.root[7] ^= 1;
        assert_int_equal(tiles_follows(t, &before, &e), SELFSAME_LOG);
    }
    assert_int_equal(tiles_inclusion(t, size, hashes, &count, &e), SELFSAME_USAGE);
    assert_int_equal(tiles_root(t, size + 1, root, &e), SELFSAME_USAGE);
    const struct checkpoint larger = { .size = size + 1 };
    assert_int_equal(tiles_follows(t, &larger, &e), SELFSAME_LOG);
}

static void
proofs_from_tiles_hold_at_every_size(void **state)
{
    struct made m = { .size = 0 };

    (void)state;
    made_build(&m, MADE_MAX);
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int gone = 0; gone < 2; gone++) {
            auto_tiles *t = over(&m);
            struct selfsame_err e = { 0 };

            /* Partial tiles may be gone where the whole one is there. */
            m.no_partial = gone == 1 && sizes[i] < 65536;
            assert_code(believe(t, &m, sizes[i], &e), SELFSAME_OK, &e);
            assert_int_equal(tiles_size(t), sizes[i]);
            check_proofs(t, &m, sizes[i]);
        }
    made_free(&m);
}

static void
all_entries_are_read_in_order_with_few_requests(void **state)
{
    struct made m = { .size = 0 };
    struct selfsame_err e = { 0 };
    uint64_t at = 0;

    (void)state;
    made_build(&m, MADE_MAX);
    auto_tiles *t = over(&m);
    assert_code(believe(t, &m, MADE_MAX, &e), SELFSAME_OK, &e);
    for (uint64_t i = 0; i * TILE_WIDTH < MADE_MAX; i++) {
        auto_arena arena = arena_new((size_t)64 << 20);
        struct selfsame_bytes *entries;
        size_t count;

        assert_code(tiles_bundle(t, i, &arena, &entries, &count, &e), SELFSAME_OK, &e);
        for (size_t k = 0; k < count; k++, at++)
            assert_bytes(entries[k], made_entry(&m, at, &arena));
    }
    assert_int_equal(at, MADE_MAX);
    /* Three of the edge; a bundle and a tile for each 256, and the tile above. */
    assert_true(m.reads <= 3 + 2 * 274 + 1);
    made_free(&m);
}

/* ---- what a hostile log gives ---- */

/* Reads all that a tree of this size has; the first thing that fails decides. */
static enum selfsame_code
read_everything(struct made *m, uint64_t size, struct selfsame_err *e)
{
    auto_tiles *t = over(m);

    TRY(believe(t, m, size, e));
    for (uint64_t i = 0; i * TILE_WIDTH < size; i++) {
        auto_arena arena = arena_new((size_t)64 << 20);
        struct selfsame_bytes *entries;
        size_t count;

        TRY(tiles_bundle(t, i, &arena, &entries, &count, e));
    }
    return SELFSAME_OK;
}

static void
files_with_a_bit_flipped_cut_or_grown_are_refused(void **state)
{
    static const struct {
        const char *name;
        size_t step; /* of bits: hashing a log anew for each takes long */
    } files[] = {
        { "tile/0/000", 331 },
        { "tile/0/001", 331 },
        { "tile/0/002.p/3", 1 },
        { "tile/1/000.p/2", 1 },
        { "tile/entries/000", 97 },
        { "tile/entries/002.p/3", 1 },
    };
    enum { SIZE = 515 };
    auto_arena arena = arena_new(32 << 20);
    struct made m = { .size = 0 };
    struct selfsame_err e = { 0 };
    unsigned tried = 0;

    (void)state;
    made_build(&m, SIZE);
    assert_code(read_everything(&m, SIZE, &e), SELFSAME_OK, &e);
    for (size_t f = 0; f < COUNT(files); f++) {
        struct selfsame_bytes good = made_file(&m, files[f].name, &arena);
        uint8_t *copy = arena_alloc(&arena, 1, good.len + 32);

        assert_non_null(copy);
        memcpy(copy, good.ptr, good.len);
        m.spoil = files[f].name;
        m.spoilt = BYTES(copy, good.len);
        assert_code(read_everything(&m, SIZE, &e), SELFSAME_OK, &e);
        for (size_t bit = 0; bit < 8 * good.len; bit += files[f].step, tried++) {
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (read_everything(&m, SIZE, &e) != SELFSAME_LOG)
                fail_msg("%s: bit %zu flipped and believed", files[f].name, bit);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t len = 0; len < good.len; len += files[f].step, tried++) {
            m.spoilt.len = len;
            if (read_everything(&m, SIZE, &e) != SELFSAME_LOG)
                fail_msg("%s: cut to %zu and believed", files[f].name, len);
        }
        for (size_t more = 1; more <= 32; more++) {
            m.spoilt.len = good.len + more;
            enum selfsame_code code = read_everything(&m, SIZE, &e);
            if (code != SELFSAME_LOG && code != SELFSAME_IO)
                fail_msg("%s: grown by %zu and believed", files[f].name, more);
        }
        m.spoilt = BYTES_NONE;
        if (read_everything(&m, SIZE, &e) != SELFSAME_IO)
            fail_msg("%s: absent and not missed", files[f].name);
    }
    assert_true(tried > 2000);
    made_free(&m);
}

static void
a_tile_of_another_place_is_refused(void **state)
{
    auto_arena arena = arena_new(32 << 20);
    struct made m = { .size = 0 };
    struct selfsame_err e = { 0 };

    (void)state;
    made_build(&m, 1024);
    m.spoil = "tile/0/001";
    m.spoilt = made_file(&m, "tile/0/002", &arena);
    assert_int_equal(read_everything(&m, 1024, &e), SELFSAME_LOG);
    m.spoil = "tile/entries/001";
    m.spoilt = made_file(&m, "tile/entries/002", &arena);
    assert_int_equal(read_everything(&m, 1024, &e), SELFSAME_LOG);
    made_free(&m);
}

static void
a_checkpoint_of_another_tree_leaves_the_one_before(void **state)
{
    struct made m = { .size = 0 };
    struct selfsame_err e = { 0 };
    uint8_t root[LOG_HASH];

    (void)state;
    made_build(&m, 600);
    auto_tiles *t = over(&m);
    assert_code(believe(t, &m, 300, &e), SELFSAME_OK, &e);
    struct checkpoint c = made_checkpoint(&m, 600);
    c.root[31] ^= 0x80;
    assert_int_equal(tiles_believe(t, &c, &e), SELFSAME_LOG);
    c.size = UINT64_MAX;
    assert_int_equal(tiles_believe(t, &c, &e), SELFSAME_LOG);
    assert_int_equal(tiles_size(t), 300);
    assert_code(tiles_root(t, 300, root, &e), SELFSAME_OK, &e);
    c = made_checkpoint(&m, 300);
    assert_memory_equal(root, c.root, LOG_HASH);
    made_free(&m);
}

/* A server that answers everything with as much as it may. */
struct flood {
    unsigned reads;
    size_t bytes;
};
static enum selfsame_code
flood_read(void *ctx, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    struct flood *f = ctx;
    uint8_t *all = arena_alloc(arena, 1, limit);

    (void)name;
    *ret_absent = false;
    f->reads++;
    f->bytes += limit;
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "flood");
    *ret = BYTES(all, limit);
    return SELFSAME_OK;
}

static void
a_huge_tree_costs_a_few_requests(void **state)
{
    const struct checkpoint c = { .size = INT64_MAX };
    struct flood f = { .reads = 0 };
    const struct tiles_reader r = { flood_read, &f };
    struct selfsame_err e = { 0 };
    auto_tiles *t = NULL;

    (void)state;
    assert_code(tiles_over(&r, &t, &e), SELFSAME_OK, &e);
    assert_int_equal(tiles_believe(t, &c, &e), SELFSAME_LOG);
    assert_true(f.reads <= TILE_LEVELS && f.bytes <= TILE_LEVELS * TILE_BYTES);
}

static enum selfsame_code
too_much_read(void *ctx, const char *name, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, bool *ret_absent, struct selfsame_err *e)
{
    TRY(flood_read(ctx, name, limit, arena, ret, ret_absent, e));
    ret->len++;
    return SELFSAME_OK;
}

static void
an_answer_over_the_limit_is_refused(void **state)
{
    struct flood f = { .reads = 0 };
    const struct tiles_reader r = { too_much_read, &f };
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes note;
    auto_tiles *t = NULL;

    (void)state;
    assert_code(tiles_over(&r, &t, &e), SELFSAME_OK, &e);
    assert_int_equal(tiles_checkpoint(t, &arena, &note, &e), SELFSAME_IO);
}

/* ---- packed bundles ---- */

static struct selfsame_bytes
gzip(struct selfsame_bytes in, struct arena *arena)
{
    z_stream z = { .avail_in = 0 };
    size_t cap = in.len + (64 << 10);
    uint8_t *to = arena_alloc(arena, 1, cap);

    assert_non_null(to);
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, 0), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = to;
    z.avail_out = (uInt)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return BYTES(to, cap - z.avail_out);
}

static void
packed_bundles_are_read_and_never_grow(void **state)
{
    auto_arena arena = arena_new((size_t)128 << 20);
    struct made m = { .size = 0 };
    struct selfsame_err e = { 0 };

    (void)state;
    made_build(&m, 300);
    m.spoil = "tile/entries/000";
    m.spoilt = gzip(made_file(&m, m.spoil, &arena), &arena);
    assert_code(read_everything(&m, 300, &e), SELFSAME_OK, &e);
    uint8_t *packed = arena_alloc(&arena, 1, m.spoilt.len);
    memcpy(packed, m.spoilt.ptr, m.spoilt.len);
    const size_t len = m.spoilt.len;
    m.spoilt.ptr = packed;
    for (size_t cut = 0; cut < len; cut += 7) {
        m.spoilt.len = cut;
        assert_int_equal(read_everything(&m, 300, &e), SELFSAME_LOG);
    }
    m.spoilt.len = len;
    packed[len / 2] ^= 0x10;
    assert_int_equal(read_everything(&m, 300, &e), SELFSAME_LOG);
    /* A bomb: 64 MiB of zeros in 64 KiB. */
    size_t zeros = (size_t)64 << 20;
    uint8_t *bomb = calloc(1, zeros);
    assert_non_null(bomb);
    m.spoilt = gzip(BYTES(bomb, zeros), &arena);
    free(bomb);
    assert_int_equal(read_everything(&m, 300, &e), SELFSAME_LOG);
    made_free(&m);
}

/* ---- logs of others ---- */

static void
read_note(const char *path, struct arena *arena, struct checkpoint *ret)
{
    struct selfsame_err e = { 0 };
    struct note n;

    assert_code(note_parse(shared_file(path, arena), arena, &n, &e), SELFSAME_OK, &e);
    assert_code(checkpoint_parse(n.text, ret, &e), SELFSAME_OK, &e);
}

static void
shared_path(const char *name, char *ret, size_t cap)
{
    const char *root = getenv("SELFSAME_SOURCE_ROOT");

    (void)snprintf(ret, cap, "%s/../shared/%s", root != NULL ? root : ".", name);
}

static void
tessera_s_log_is_read_at_each_of_its_sizes(void **state)
{
    static const char folder[] = "vectors/tlog/transparency-dev+tessera/log";
    static const uint64_t had[] = { 1, 2, 5, 7, 8, 13, 15 };
    static const char *const words[] = { "one", "two", "three", "four", "five", "six",
        "seven", "eit", "nain", "ten", "ileven", "twelf", "threeten", "fourten",
        "fivten" };
    auto_arena arena = arena_new((size_t)64 << 20);
    struct checkpoint c[COUNT(had)];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes *entries;
    char where[1024], name[128];
    size_t count;

    (void)state;
    need_shared();
    shared_path(folder, where, sizeof(where));
    auto_tiles *t = NULL;
    assert_code(tiles_open(where, &t, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(had); i++) {
        (void)snprintf(name, sizeof(name), "%s/checkpoint.%d", folder, (int)had[i]);
        read_note(name, &arena, &c[i]);
        assert_int_equal(c[i].size, had[i]);
        assert_code(tiles_believe(t, &c[i], &e), SELFSAME_OK, &e);
        for (size_t k = 0; k <= i; k++)
            assert_code(tiles_follows(t, &c[k], &e), SELFSAME_OK, &e);
        assert_code(tiles_bundle(t, 0, &arena, &entries, &count, &e), SELFSAME_OK, &e);
        assert_int_equal(count, had[i]);
        for (size_t k = 0; k < count; k++)
            assert_bytes(entries[k], bytes_str(words[k]));
    }
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    char base64[BASE64_SIZE(LOG_HASH)];
    assert_code(tiles_inclusion(t, 3, hashes, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 4);
    (void)base64_encode(BYTES(hashes, LOG_HASH), false, base64);
    assert_string_equal(base64, "Zx8UbF5HHooag6PCFM5LqQe486WIjRTMjNPOdbsS75Q=");
    assert_code(tiles_consistency(t, 7, hashes, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 5);
    (void)base64_encode(BYTES(hashes, LOG_HASH), false, base64);
    assert_string_equal(base64, "2Q0P5jSR+TdkwdXWyx+GbBWX0KZbNZkWzCjyTPSozsw=");
}

static void
sunlight_s_log_is_read_with_its_upper_tile(void **state)
{
    static const char folder[] = "vectors/tlog/FiloSottile+sunlight/witness";
    auto_arena arena = arena_new(1 << 20);
    char where[1024], place[64] = "/tmp/selfsame-tiles.XXXXXX", link[128];
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct selfsame_err e = { 0 };
    struct checkpoint c;
    size_t count;

    (void)state;
    need_shared();
    read_note(
        "vectors/tlog/FiloSottile+sunlight/witness/mirror.checkpoint", &arena, &c);
    /* There the folder of tiles has another name. */
    assert_non_null(mkdtemp(place));
    shared_path(folder, where, sizeof(where) - 16);
    (void)snprintf(where + strlen(where), 16, "/mirror-tile");
    (void)snprintf(link, sizeof(link), "%s/tile", place);
    char *target = realpath(where, NULL);
    assert_non_null(target);
    assert_int_equal(symlink(target, link), 0);
    free(target);
    auto_tiles *t = NULL;
    assert_code(tiles_open(place, &t, &e), SELFSAME_OK, &e);
    assert_code(tiles_believe(t, &c, &e), SELFSAME_OK, &e);
    assert_int_equal(tiles_size(t), 300);
    for (uint64_t i = 0; i < 300; i++)
        assert_code(tiles_inclusion(t, i, hashes, &count, &e), SELFSAME_OK, &e);
    struct selfsame_bytes *entries;
    assert_int_equal(tiles_bundle(t, 0, &arena, &entries, &count, &e), SELFSAME_IO);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rmdir(place), 0);
}

/* ---- directories and names ---- */

static void
a_directory_is_read_by_itself_or_from_above(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    char place[64] = "/tmp/selfsame-tiles.XXXXXX", path[128];
    struct selfsame_err e = { 0 };
    struct selfsame_bytes note;
    auto_tiles *t = NULL;

    (void)state;
    assert_non_null(mkdtemp(place));
    assert_code(tiles_open(place, &t, &e), SELFSAME_OK, &e);
    assert_int_equal(tiles_checkpoint(t, &arena, &note, &e), SELFSAME_IO);
    tiles_free(&t);
    (void)snprintf(path, sizeof(path), "%s/public", place);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof(path), "%s/public/checkpoint", place);
    assert_code(file_write(path, BYTES_LIT("note"), false, &e), SELFSAME_OK, &e);
    (void)snprintf(path, sizeof(path), "%s//", place);
    assert_code(tiles_open(path, &t, &e), SELFSAME_OK, &e);
    assert_code(tiles_checkpoint(t, &arena, &note, &e), SELFSAME_OK, &e);
    assert_bytes(note, BYTES_LIT("note"));
    assert_code(dir_remove(place, &e), SELFSAME_OK, &e);
    assert_int_equal(tiles_checkpoint(t, &arena, &note, &e), SELFSAME_IO);
}

static void
addresses_that_are_none_are_refused(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes note;
    struct tiles *t = NULL;
    char longest[2000];

    (void)state;
    assert_int_equal(tiles_open("", &t, &e), SELFSAME_USAGE);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(tiles_open(longest, &t, &e), SELFSAME_USAGE);
    static const char *const bad[] = { "http://192.0.2.1/log", "ftp://127.0.0.1/log",
        "https://user@host/log" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_code(tiles_open(bad[i], &t, &e), SELFSAME_OK, &e);
        assert_int_equal(tiles_checkpoint(t, &arena, &note, &e), SELFSAME_USAGE);
        tiles_free(&t);
    }
}

/* What was kept of the edge stands for the tiles it came from, and for no others. */
static void
an_edge_is_believed_again_without_its_tiles(void **state)
{
    struct made m = { .size = 0 };

    (void)state;
    made_build(&m, MADE_MAX);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        auto_arena arena = arena_new(1 << 20);
        auto_tiles *t = over(&m), *again = over(&m);
        const struct checkpoint c = made_checkpoint(&m, sizes[i]);
        const uint64_t tile = sizes[i] / TILE_WIDTH * TILE_WIDTH;
        struct selfsame_err e = { 0 };
        struct selfsame_bytes edge;
        uint8_t root[LOG_HASH];

        m.no_tiles = false;
        assert_code(believe(t, &m, sizes[i], &e), SELFSAME_OK, &e);
        assert_code(tiles_edge(t, &arena, &edge, &e), SELFSAME_OK, &e);
        m.no_tiles = true;
        assert_code(tiles_believe_edge(again, &c, edge, &e), SELFSAME_OK, &e);
        for (uint64_t old = tile; old <= sizes[i]; old += 85) {
            const struct checkpoint want = made_checkpoint(&m, old);

            assert_code(tiles_root(again, old, root, &e), SELFSAME_OK, &e);
            assert_memory_equal(root, want.root, LOG_HASH);
        }
        assert_false(tiles_absent(again));
        if (tile > 1) {
            assert_int_equal(tiles_root(again, 1, root, &e), SELFSAME_IO);
            assert_true(tiles_absent(again));
        }
        if (edge.len == 0)
            continue;
        assert_int_equal(
            tiles_believe_edge(again, &c, BYTES(edge.ptr, edge.len - 1), &e),
            SELFSAME_LOG);
        ((uint8_t *)(uintptr_t)edge.ptr)[edge.len - 1] ^= 1;
        assert_int_equal(tiles_believe_edge(again, &c, edge, &e), SELFSAME_LOG);
    }
    made_free(&m);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proofs_from_tiles_hold_at_every_size),
        cmocka_unit_test(an_edge_is_believed_again_without_its_tiles),
        cmocka_unit_test(all_entries_are_read_in_order_with_few_requests),
        cmocka_unit_test(files_with_a_bit_flipped_cut_or_grown_are_refused),
        cmocka_unit_test(a_tile_of_another_place_is_refused),
        cmocka_unit_test(a_checkpoint_of_another_tree_leaves_the_one_before),
        cmocka_unit_test(a_huge_tree_costs_a_few_requests),
        cmocka_unit_test(an_answer_over_the_limit_is_refused),
        cmocka_unit_test(packed_bundles_are_read_and_never_grow),
        cmocka_unit_test(tessera_s_log_is_read_at_each_of_its_sizes),
        cmocka_unit_test(sunlight_s_log_is_read_with_its_upper_tile),
        cmocka_unit_test(a_directory_is_read_by_itself_or_from_above),
        cmocka_unit_test(addresses_that_are_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
