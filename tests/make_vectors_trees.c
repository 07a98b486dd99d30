/* SPDX-License-Identifier: Apache-2.0 */
/* kind: inclusion, consistency (RFC 9162 §2.1), tile-name, bundle (C2SP tlog-tiles). */
#include "vector_maker.h"

/* ---- inclusion ---- */

struct included {
    const char *index, *size, *leaf, *root, *path; /* NULL: the usual */
};

static void
put_inclusion(const struct maker *m, const char *name, const char *expect,
    const struct included *x, const char *why)
{
    const struct merkle_source source = { world_node, m->w };
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    size_t count = 0;

    assert_true(merkle_prove_inclusion(&source, 2, 7, hashes, &count));
    const char *path = x->path != NULL ? x->path : maker_lines(m, hashes, count);
    const char *leaf = maker_base64(m, BYTES(m->w->leaf[2], LOG_HASH));
    maker_put(m, &(struct made_vector){ .name = name,
                     .kind = "inclusion",
                     .expect = expect,
                     .spec = "RFC 9162 §2.1.3.2",
                     .note = why,
                     .field = { "index", x->index != NULL ? x->index : "2", "size",
                         x->size != NULL ? x->size : "7", "leaf",
                         x->leaf != NULL ? x->leaf : leaf, "root",
                         x->root != NULL ? x->root : maker_root(m, 7),
                         name[0] == '1' ? "sweep" : NULL, "bits" },
                     .payload = bytes_str(path) });
}

#define INCLUSION(name, expect, why, ...) \
    put_inclusion(m, name, expect, &(struct included){ __VA_ARGS__ }, why)

static void
make_inclusion(const struct maker *m)
{
    const struct merkle_source source = { world_node, m->w };
    uint8_t h[LOG_PATH_MAX * LOG_HASH], last[LOG_PATH_MAX * LOG_HASH];
    uint8_t zeros[64 * LOG_HASH] = { 0 }, swapped[2 * LOG_HASH];
    size_t n = 0, k = 0;
    const char *leaf0 = maker_base64(m, BYTES(m->w->leaf[0], LOG_HASH));
    const char *leaf6 = maker_base64(m, BYTES(m->w->leaf[6], LOG_HASH));

    assert_true(merkle_prove_inclusion(&source, 2, 7, h, &n) && n == 3);
    assert_true(merkle_prove_inclusion(&source, 6, 7, last, &k) && k == 2);
    memcpy(swapped, h + LOG_HASH, LOG_HASH);
    memcpy(swapped + LOG_HASH, h, LOG_HASH);
    const char *path = maker_lines(m, h, 3);
    INCLUSION("100-third-of-seven", "ok", "a path of three", .index = NULL);
    INCLUSION("101-last-of-seven", "ok", "the tree is not whole: a shorter path",
        .index = "6", .leaf = leaf6, .path = maker_lines(m, last, 2));
    INCLUSION("102-only-one", "ok", "a tree of one entry needs no path", .index = "0",
        .size = "1", .leaf = leaf0, .root = leaf0, .path = "");
    INCLUSION(
        "300-index-is-the-size", "log", "the last index is size - 1", .index = "7");
    INCLUSION("301-index-beyond", "log", "far beyond the tree",
        .index = "9223372036854775807");
    INCLUSION("302-empty-tree", "log", "no entry is in a tree of none", .index = "0",
        .size = "0", .root = maker_root(m, 0), .path = "");
    INCLUSION("303-other-index", "log", "a neighbour", .index = "3");
    INCLUSION("304-other-size", "log", "nine: the path would be longer", .size = "9");
    INCLUSION("305-index-and-size-swapped", "log", "7 of 2", .index = "7", .size = "2");
    INCLUSION("306-other-leaf", "log", "another entry's", .leaf = leaf0);
    INCLUSION(
        "307-other-root", "log", "that of eight entries", .root = maker_root(m, 8));
    INCLUSION("310-no-path", "log", "three hashes are missing", .path = "");
    INCLUSION("311-path-too-short", "log", "the last hash is missing",
        .path = maker_lines(m, h, 2));
    INCLUSION("312-path-begins-later", "log", "the first hash is missing",
        .path = maker_lines(m, h + LOG_HASH, 2));
    INCLUSION("313-path-too-long", "log", "a hash behind the last",
        .path = STR(m, "%s%s", path, maker_lines(m, zeros, 1)));
    INCLUSION("314-root-in-the-path", "log", "the root again behind the last hash",
        .path = STR(m, "%s%s\n", path, maker_root(m, 7)));
    INCLUSION("315-order", "log", "the first two hashes swapped",
        .path = STR(m, "%s%s", maker_lines(m, swapped, 2),
            maker_lines(m, h + (size_t)2 * LOG_HASH, 1)));
    INCLUSION("316-path-for-one", "log", "a tree of one has no path", .index = "0",
        .size = "1", .leaf = leaf0, .root = leaf0, .path = maker_lines(m, zeros, 1));
    INCLUSION("317-sixty-three-hashes", "log", "the longest path, in a small tree",
        .path = maker_lines(m, zeros, 63));
    INCLUSION("318-root-as-leaf", "log", "a node is no leaf", .index = "0", .size = "1",
        .leaf = leaf0, .path = "");
    INCLUSION(
        "319-sides", "log", "a path for an index on the other side", .index = "1");
    INCLUSION("320-one-of-one", "log", "index 1 of 1, and the entry is the root",
        .index = "1", .size = "1", .leaf = leaf0, .root = leaf0, .path = "");
    uint8_t above[LOG_HASH];
    assert_true(merkle_node(m->w->leaf[1], m->w->leaf[0], above));
    INCLUSION("321-beyond-the-root", "log",
        "a tree of one, and a path that leads to what is said to be its root",
        .index = "0", .size = "1", .leaf = leaf0,
        .root = maker_base64(m, BYTES_ARR(above)),
        .path = maker_lines(m, m->w->leaf[1], 1));
}

/* ---- consistency ---- */

struct grown {
    const char *old_size, *old_root, *size, *root, *path; /* NULL: 3 → 7 */
};

static void
put_consistency(const struct maker *m, const char *name, const char *expect,
    const struct grown *x, const char *why)
{
    const struct merkle_source source = { world_node, m->w };
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    size_t count = 0;

    assert_true(merkle_prove_consistency(&source, 3, 7, hashes, &count));
    const char *path = x->path != NULL ? x->path : maker_lines(m, hashes, count);
    maker_put(
        m, &(struct made_vector){ .name = name,
               .kind = "consistency",
               .expect = expect,
               .spec = "RFC 9162 §2.1.4.2",
               .note = why,
               .field = { "old-size", x->old_size != NULL ? x->old_size : "3",
                   "old-root", x->old_root != NULL ? x->old_root : maker_root(m, 3),
                   "size", x->size != NULL ? x->size : "7", "root",
                   x->root != NULL ? x->root : maker_root(m, 7),
                   name[0] == '1' ? "sweep" : NULL, "bits" },
               .payload = bytes_str(path) });
}

#define CONSISTENCY(name, expect, why, ...) \
    put_consistency(m, name, expect, &(struct grown){ __VA_ARGS__ }, why)

/* From three to four, and each root with one more node above: a path that leads there. */
static void
consistency_beyond_the_roots(const struct maker *m)
{
    const struct merkle_source source = { world_node, m->w };
    uint8_t h[(LOG_PATH_MAX + 1) * LOG_HASH], from[LOG_HASH], to[LOG_HASH];
    size_t n = 0;

    assert_true(merkle_prove_consistency(&source, 3, 4, h, &n));
    assert_true(merkle_root(&source, 3, from) && merkle_root(&source, 4, to));
    memcpy(h + n * LOG_HASH, m->w->leaf[7], LOG_HASH);
    assert_true(merkle_node(m->w->leaf[7], from, from));
    assert_true(merkle_node(m->w->leaf[7], to, to));
    CONSISTENCY("318-beyond-the-roots", "log",
        "a path that leads to what is said to be the roots, a node above them",
        .size = "4", .old_root = maker_base64(m, BYTES_ARR(from)),
        .root = maker_base64(m, BYTES_ARR(to)), .path = maker_lines(m, h, n + 1));
}

static void
consistency_refused(const struct maker *m, const uint8_t *h, size_t n)
{
    const uint8_t zeros[64 * LOG_HASH] = { 0 };
    const char *path = maker_lines(m, h, n);
    uint8_t swapped[2 * LOG_HASH];

    memcpy(swapped, h + LOG_HASH, LOG_HASH);
    memcpy(swapped + LOG_HASH, h, LOG_HASH);
    CONSISTENCY("300-sizes-swapped", "log", "a log does not shrink", .old_size = "7",
        .old_root = maker_root(m, 7), .size = "3", .root = maker_root(m, 3));
    CONSISTENCY("301-nothing-proves-nothing", "log",
        "from no entries everything follows, without a proof", .old_size = "0",
        .old_root = maker_root(m, 0));
    CONSISTENCY("302-zero-with-another-root", "log",
        "the root of no entries is the hash of nothing", .old_size = "0", .path = "");
    CONSISTENCY("303-same-size-with-proof", "log", "equal sizes have no path",
        .old_size = "7", .old_root = maker_root(m, 7));
    CONSISTENCY("304-two-roots-of-one-size", "log", "a fork", .old_size = "7",
        .old_root = maker_root(m, 6), .path = "");
    CONSISTENCY(
        "305-no-proof", "log", "an empty path between different sizes", .path = "");
    CONSISTENCY("306-other-old-root", "log", "that of two entries",
        .old_root = maker_root(m, 2));
    CONSISTENCY(
        "307-other-root", "log", "that of eight entries", .root = maker_root(m, 8));
    CONSISTENCY("308-other-old-size", "log", "two in place of three", .old_size = "2");
    CONSISTENCY("309-other-size", "log", "nine: the path would be longer", .size = "9");
    CONSISTENCY("310-path-too-short", "log", "the last hash is missing",
        .path = maker_lines(m, h, n - 1));
    CONSISTENCY("311-path-begins-later", "log", "the first hash is missing",
        .path = maker_lines(m, h + LOG_HASH, n - 1));
    CONSISTENCY("312-path-too-long", "log", "a hash behind the last",
        .path = STR(m, "%s%s", path, maker_lines(m, zeros, 1)));
    CONSISTENCY("313-order", "log", "the first two hashes swapped",
        .path = STR(m, "%s%s", maker_lines(m, swapped, 2),
            maker_lines(m, h + (size_t)2 * LOG_HASH, n - 2)));
    CONSISTENCY("314-roots-swapped", "log", "old and new root",
        .old_root = maker_root(m, 7), .root = maker_root(m, 3));
    CONSISTENCY("315-sixty-three-hashes", "log",
        "the longest path, between small trees", .path = maker_lines(m, zeros, 63));
    CONSISTENCY("316-both-roots-the-old", "log", "nothing has been added, it is said",
        .root = maker_root(m, 3));
    CONSISTENCY("319-shrunk", "log", "from three to one, and the path is both roots",
        .size = "1", .root = maker_root(m, 3),
        .path = STR(m, "%s\n", maker_root(m, 3)));
    consistency_beyond_the_roots(m);
}

static void
make_consistency(const struct maker *m)
{
    const struct merkle_source source = { world_node, m->w };
    uint8_t h[LOG_PATH_MAX * LOG_HASH], whole[LOG_PATH_MAX * LOG_HASH];
    size_t n = 0, k = 0;

    assert_true(merkle_prove_consistency(&source, 3, 7, h, &n) && n == 4);
    assert_true(merkle_prove_consistency(&source, 4, 7, whole, &k) && k == 1);
    CONSISTENCY("100-three-to-seven", "ok", "a path of four", .old_size = NULL);
    CONSISTENCY("101-four-to-seven", "ok",
        "the old tree is a whole subtree: its root is not in the path", .old_size = "4",
        .old_root = maker_root(m, 4), .path = maker_lines(m, whole, k));
    CONSISTENCY("102-same-size", "ok", "equal sizes and roots, no path",
        .old_size = "7", .old_root = maker_root(m, 7), .path = "");
    CONSISTENCY("103-from-nothing", "ok", "no path from no entries", .old_size = "0",
        .old_root = maker_root(m, 0), .path = "");
    CONSISTENCY("104-nothing-to-nothing", "ok", "two empty trees", .old_size = "0",
        .old_root = maker_root(m, 0), .size = "0", .root = maker_root(m, 0),
        .path = "");
    CONSISTENCY("317-root-in-the-path", "log",
        "the old tree is a whole subtree, and its root is in the path", .old_size = "4",
        .old_root = maker_root(m, 4),
        .path = STR(m, "%s\n%s", maker_root(m, 4), maker_lines(m, whole, k)));
    consistency_refused(m, h, n);
}

/* ---- names of tiles ---- */

static const struct {
    const char *name, *text, *tile, *why;
} tiles[] = {
    { "100-first", "tile/0/000", "0 0 256", "the first whole tile" },
    { "101-group-of-three", "tile/0/x001/000", "0 1000 256", "1000" },
    { "102-groups", "tile/3/x001/x234/067", "3 1234067 256", "1234067 at level 3" },
    { "103-partial", "tile/1/000.p/1", "1 0 1", "one hash" },
    { "104-widest-partial", "tile/0/999.p/255", "0 999 255", "255 hashes" },
    { "105-entries", "tile/entries/x001/234", "entries 1234 256", "a bundle" },
    { "106-partial-entries", "tile/entries/000.p/112", "entries 0 112",
        "a partial bundle" },
    { "107-highest-level", "tile/63/000", "63 0 256", "63" },
    { "200-nothing", "", NULL, "no byte at all" },
    { "201-width-zero", "tile/0/000.p/0", NULL, "a partial tile has a hash at least" },
    { "202-width-256", "tile/0/000.p/256", NULL, "a whole tile has no suffix" },
    { "203-width-257", "tile/0/000.p/257", NULL, "more than a tile holds" },
    { "204-width-leading-zero", "tile/0/000.p/05", NULL, "a second name of .p/5" },
    { "205-width-hexadecimal", "tile/0/000.p/0x5", NULL, "decimal alone" },
    { "206-no-width", "tile/0/000.p/", NULL, "the width is missing" },
    { "207-no-width-nor-slash", "tile/0/000.p", NULL, "the width is missing" },
    { "208-width-negative", "tile/0/000.p/-1", NULL, "" },
    { "209-something-behind-width", "tile/0/000.p/5/", NULL, "a slash" },
    { "210-two-digits", "tile/0/00", NULL, "groups have three digits" },
    { "211-four-digits", "tile/0/1000", NULL, "1000 is x001/000" },
    { "212-leading-group", "tile/0/x000/001", NULL, "a second name of 001" },
    { "213-last-group-with-x", "tile/0/x001/x000", NULL,
        "the last group has no x: more is missing" },
    { "214-first-group-without-x", "tile/0/001/000", NULL,
        "all groups but the last have an x" },
    { "215-upper-case-x", "tile/0/X001/000", NULL, "" },
    { "216-no-index", "tile/0/", NULL, "the index is missing" },
    { "217-no-index-nor-slash", "tile/0", NULL, "the index is missing" },
    { "218-level-leading-zero", "tile/00/000", NULL, "a second name of level 0" },
    { "219-level-64", "tile/64/000", NULL, "levels end at 63" },
    { "220-level-negative", "tile/-1/000", NULL, "" },
    { "221-level-hexadecimal", "tile/0x1/000", NULL, "" },
    { "222-data", "tile/data/000", NULL, "Certificate Transparency's name of entries" },
    { "223-entries-upper-case", "tile/Entries/000", NULL, "" },
    { "224-level-of-entries", "tile/entries/0/000", NULL, "entries have no level" },
    { "225-upwards", "tile/0/../000", NULL, "no name leads out of the folder" },
    { "226-two-slashes", "tile//0/000", NULL, "" },
    { "227-slash-before", "/tile/0/000", NULL, "" },
    { "228-slash-behind", "tile/0/000/", NULL, "" },
    { "229-newline-behind", "tile/0/000\n", NULL, "" },
    { "230-space-behind", "tile/0/000 ", NULL, "" },
    { "231-index-too-large", "tile/0/x999/x999/x999/x999/x999/x999/x999/999", NULL,
        "over 64 bits" },
    { "232-index-wraps", "tile/0/x018/x446/x744/x073/x709/x551/616", NULL,
        "2^64, which would wrap to 0" },
    { "233-other-folder", "tiles/0/000", NULL, "" },
    { "234-sign-in-group", "tile/0/+01", NULL, "" },
};

static void
make_tile_names(const struct maker *m)
{
    for (size_t i = 0; i < COUNT(tiles); i++)
        maker_put(
            m, &(struct made_vector){ .name = tiles[i].name,
                   .kind = "tile-name",
                   .expect = tiles[i].tile != NULL ? "ok" : "malformed",
                   .spec = "C2SP tlog-tiles",
                   .note = *tiles[i].why != '\0' ? tiles[i].why
                                                 : "not the one name of a tile",
                   .field = { tiles[i].tile != NULL ? "tile" : NULL, tiles[i].tile },
                   .payload = bytes_str(tiles[i].text) });
}

/* ---- bundles of entries ---- */

static void
make_bundles(const struct maker *m)
{
    uint8_t *most = arena_alloc(&m->w->arena, 1, 65535 + 2);
    assert_non_null(most);
    most[0] = most[1] = 0xff;
    const struct {
        const char *name, *entries;
        struct selfsame_bytes raw;
        const char *why;
    } all[] = {
        { "100-two-entries", "2", BYTES_LIT("\0\3one\0\3two"),
            "u16 and as many bytes" },
        { "101-empty-entry", "3", BYTES_LIT("\0\1a\0\0\0\1b"),
            "an entry of no bytes is an entry" },
        { "102-longest-entry", "1", BYTES(most, 65537), "65535 bytes" },
        { "103-empty-entry-last", "2", BYTES_LIT("\0\1a\0\0"),
            "an entry of no bytes at the end" },
        { "200-half-a-length", NULL, BYTES_LIT("\0\3one\0"),
            "one byte behind the last entry" },
        { "201-length-alone", NULL, BYTES_LIT("\0\3one\0\3"),
            "a length and no entry behind it" },
        { "202-entry-cut", NULL, BYTES_LIT("\0\3one\0\3tw"),
            "the last byte is missing" },
        { "203-length-too-large", NULL, BYTES_LIT("\0\4one"), "four bytes of three" },
        { "204-little-endian", NULL, BYTES_LIT("\3\0one"),
            "the length's bytes in the other order: 768 bytes of three" },
        { "205-longest-length-of-nothing", NULL, BYTES_LIT("\xff\xff"),
            "65535 bytes of none" },
        { "206-one-byte", NULL, BYTES_LIT("\0"), "half a length" },
        { "207-entry-without-length", NULL, BYTES_LIT("one"),
            "its first bytes are a length" },
    };

    for (size_t i = 0; i < COUNT(all); i++)
        maker_put(m,
            &(struct made_vector){ .name = all[i].name,
                .kind = "bundle",
                .expect = all[i].entries != NULL ? "ok" : "malformed",
                .spec = "C2SP tlog-tiles, log entries",
                .note = all[i].why,
                .field = { all[i].entries != NULL ? "entries" : NULL, all[i].entries },
                .payload = all[i].raw });
}

void
make_trees(const struct maker *m)
{
    make_inclusion(m);
    make_consistency(m);
    make_tile_names(m);
    make_bundles(m);
}
