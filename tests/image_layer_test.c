/* SPDX-License-Identifier: Apache-2.0 */
#include "image/layer.h"
#include "test.h"

/* ---- a small tar writer, so that every field can be wrong ---- */

struct maker {
    uint8_t bytes[16 * 1024];
    size_t len;
};

static void
checksum(uint8_t *block)
{
    unsigned sum = 0;

    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    (void)snprintf((char *)block + 148, 8, "%06o", sum);
}

static uint8_t *
member(struct maker *m, const char *name, char type, const char *link, const char *data)
{
    uint8_t *b = m->bytes + m->len;
    size_t len = data != NULL ? strlen(data) : 0;

    assert_true(m->len + TAR_BLOCK * 2 + len < sizeof(m->bytes));
    memset(b, 0, TAR_BLOCK);
    (void)snprintf((char *)b, 100, "%s", name);
    (void)snprintf((char *)b + 100, 8, "%07o", 0644U);
    (void)snprintf((char *)b + 108, 8, "%07o", 0U);
    (void)snprintf((char *)b + 116, 8, "%07o", 0U);
    (void)snprintf((char *)b + 124, 12, "%011o", (unsigned)len);
    b[156] = (uint8_t)type;
    (void)snprintf((char *)b + 157, 100, "%s", link != NULL ? link : "");
    memcpy(b + 257, "ustar\00000", 8);
    checksum(b);
    m->len += TAR_BLOCK;
    if (len > 0)
        memcpy(m->bytes + m->len, data, len);
    m->len += (len + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    return b;
}

static void
finish(struct maker *m)
{
    m->len += (size_t)2 * TAR_BLOCK;
}

/* ---- contents in memory ---- */

struct memory {
    uint8_t bytes[64 * 1024];
    size_t len;
};

static enum selfsame_code
place(void *ctx, uint64_t size, uint64_t offset, struct content *ret,
    struct selfsame_err *e)
{
    struct memory *m = ctx;

    (void)offset;
    if (size > sizeof(m->bytes) - m->len)
        FAIL(e, SELFSAME_NOMEM, "test: too large");
    *ret = (struct content){ .size = size, .ptr = m->bytes + m->len };
    return SELFSAME_OK;
}

static enum selfsame_code
store(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct memory *m = ctx;

    (void)e;
    memcpy(m->bytes + m->len, b.ptr, b.len);
    m->len += b.len;
    return SELFSAME_OK;
}

static enum selfsame_code
lay(struct tree *t, struct memory *mem, struct selfsame_bytes tar, size_t step,
    struct selfsame_err *e)
{
    struct layer_store into = { .place = place, .write = store, .ctx = mem };
    auto_layer layer = { 0 };
    uint64_t total = 0;

    TRY(layer_begin(&layer, t, &into, true, &total, e));
    for (size_t at = 0; at < tar.len; at += step) {
        size_t n = tar.len - at < step ? tar.len - at : step;

        TRY(layer_push(&layer, BYTES(tar.ptr + at, n), e));
    }
    return layer_end(&layer, e);
}

static enum selfsame_code
lay_new(struct maker *m, size_t step, struct selfsame_err *e)
{
    auto_tree *t = tree_new();
    struct memory mem = { .len = 0 };

    assert_non_null(t);
    return lay(t, &mem, BYTES(m->bytes, m->len), step, e);
}

static void
usual(struct maker *m)
{
    *m = (struct maker){ .len = 0 };
    (void)member(m, "./", '5', NULL, NULL);
    (void)member(m, "./etc/", '5', NULL, NULL);
    (void)member(m, "./etc/motd", '0', NULL, "welcome\n");
    (void)member(m, "link", '2', "etc/motd", NULL);
    (void)member(m, "hard", '1', "./etc/motd", NULL);
}

/* ---- tests ---- */

static void
pieces_of_any_size_give_the_same_tree(void **state)
{
    static const size_t steps[] = { 1, 7, 511, 512, 513, 16384 };
    struct maker m;

    (void)state;
    usual(&m);
    /* Length of a pax record counts itself. */
    (void)member(&m, "x", 'x', NULL, "28 path=some/other/name.txt\n");
    (void)member(&m, "short", '0', NULL, "long name\n");
    finish(&m);
    for (size_t i = 0; i < COUNT(steps); i++) {
        auto_tree *t = tree_new();
        struct memory mem = { .len = 0 };
        struct selfsame_err e = { 0 };

        assert_code(lay(t, &mem, BYTES(m.bytes, m.len), steps[i], &e), SELFSAME_OK, &e);
        const struct node *n = tree_find(t, "some/other/name.txt");
        assert_non_null(n);
        assert_bytes(BYTES(n->content.ptr, n->content.size), BYTES_LIT("long name\n"));
        n = tree_find(t, "hard");
        assert_non_null(n);
        assert_bytes(BYTES(n->content.ptr, n->content.size), BYTES_LIT("welcome\n"));
        assert_string_equal(tree_find(t, "link")->target, "etc/motd");
        assert_null(tree_find(t, "short"));
    }
}

static void
every_truncation_is_refused(void **state)
{
    struct maker m;

    (void)state;
    usual(&m);
    finish(&m);
    struct selfsame_err e = { 0 };
    assert_code(lay_new(&m, 512, &e), SELFSAME_OK, &e);
    size_t whole = m.len;
    for (m.len = 0; m.len < whole; m.len++) {
        e = (struct selfsame_err){ 0 };
        assert_int_not_equal(lay_new(&m, 512, &e), SELFSAME_OK);
    }
}

static void
every_flipped_bit_of_a_header_is_refused(void **state)
{
    struct maker m;

    (void)state;
    m = (struct maker){ .len = 0 };
    (void)member(&m, "etc/motd", '0', NULL, "welcome\n");
    finish(&m);
    for (size_t bit = 0; bit < (size_t)8 * TAR_BLOCK; bit++) {
        struct selfsame_err e = { 0 };
        struct maker flipped = m;

        flipped.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        /* The checksum is not summed: a leading 0 may be a space, its end either. */
        bool same_number = bit / 8 == 154 || bit / 8 == 155 ||
                           (bit / 8 == 148 && flipped.bytes[148] == ' ');
        if (same_number)
            continue;
        if (lay_new(&flipped, 512, &e) == SELFSAME_OK)
            fail_msg("bit %zu of byte %zu may be flipped", bit % 8, bit / 8);
    }
}

static void
bytes_behind_the_end_are_refused(void **state)
{
    struct selfsame_err e = { 0 };
    struct maker m = { .len = 0 };

    (void)state;
    (void)member(&m, "a", '0', NULL, "x");
    finish(&m);
    m.bytes[m.len++] = 0;
    assert_code(lay_new(&m, 512, &e), SELFSAME_OK, &e);
    m.bytes[m.len++] = 1;
    assert_code(lay_new(&m, 512, &e), SELFSAME_MALFORMED, &e);
}

static const struct {
    const char *what, *name, *link, *data;
    char type;
    enum selfsame_code code;
} bad[] = {
    { "parent", "../x", NULL, "x", '0', SELFSAME_MALFORMED },
    { "parent inside", "a/../../x", NULL, "x", '0', SELFSAME_MALFORMED },
    { "absolute", "/x", NULL, "x", '0', SELFSAME_MALFORMED },
    { "no name", "", NULL, "x", '0', SELFSAME_MALFORMED },
    { "root is a file", "./", NULL, NULL, '1', SELFSAME_MALFORMED },
    { "hard link up", "x", "../y", NULL, '1', SELFSAME_MALFORMED },
    { "hard link absolute", "x", "/etc/passwd", NULL, '1', SELFSAME_MALFORMED },
    { "hard link to nothing", "x", "y", NULL, '1', SELFSAME_MALFORMED },
    { "hard link with data", "x", "y", "z", '1', SELFSAME_MALFORMED },
    { "symbolic link without target", "x", NULL, NULL, '2', SELFSAME_MALFORMED },
    { "directory with data", "x", NULL, "z", '5', SELFSAME_MALFORMED },
    { "sparse", "x", NULL, "z", 'S', SELFSAME_UNSUPPORTED },
    { "multi-volume", "x", NULL, "z", 'M', SELFSAME_UNSUPPORTED },
    { "unknown type", "x", NULL, "z", '9', SELFSAME_UNSUPPORTED },
    { "pax that is no pax", "x", NULL, "hello", 'x', SELFSAME_MALFORMED },
    { "pax too long", "x", NULL, "99 path=y\n", 'x', SELFSAME_MALFORMED },
    { "pax without key", "x", NULL, "6 =yz\n", 'x', SELFSAME_MALFORMED },
    { "pax size no number", "x", NULL, "10 size=x\n", 'x', SELFSAME_MALFORMED },
    { "pax sparse", "x", NULL, "22 GNU.sparse.major=1\n", 'x', SELFSAME_UNSUPPORTED },
    { "global path", "x", NULL, "10 path=y\n", 'g', SELFSAME_UNSUPPORTED },
    { "marker of nothing", "a/.wh.", NULL, NULL, '0', SELFSAME_MALFORMED },
    { "marker of the parent", "a/.wh...", NULL, NULL, '0', SELFSAME_MALFORMED },
    { "marker with data", "a/.wh.x", NULL, "x", '0', SELFSAME_MALFORMED },
    { "marker as a directory", "a/.wh.x", NULL, NULL, '5', SELFSAME_MALFORMED },
};

static void
bad_members_are_refused_by_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct maker m = { .len = 0 };

        (void)member(&m, bad[i].name, bad[i].type, bad[i].link, bad[i].data);
        finish(&m);
        enum selfsame_code got = lay_new(&m, 512, &e);
        if (got != bad[i].code)
            fail_msg("%s: expected %s, got %s (%s)", bad[i].what,
                selfsame_code_name(bad[i].code), selfsame_code_name(got), err_text(&e));
    }
}

static void
links_are_never_followed(void **state)
{
    struct selfsame_err e = { 0 };
    struct maker m = { .len = 0 };

    (void)state;
    (void)member(&m, "out", '2', "/tmp", NULL);
    (void)member(&m, "out/evil", '0', NULL, "x");
    finish(&m);
    assert_code(lay_new(&m, 512, &e), SELFSAME_MALFORMED, &e);
}

/* Wherever the marker stands in its layer. */
static void
whiteouts_hide_lower_layers_only(void **state)
{
    struct selfsame_err e = { 0 };
    struct memory mem = { .len = 0 };
    auto_tree *t = tree_new();
    struct maker lower = { .len = 0 }, upper = { .len = 0 };

    (void)state;
    (void)member(&lower, "opaque/low", '0', NULL, "low");
    (void)member(&lower, "opaque/sub/low", '0', NULL, "low");
    (void)member(&lower, "gone/low", '0', NULL, "low");
    (void)member(&lower, "gone-not", '0', NULL, "low");
    (void)member(&lower, "again", '0', NULL, "low");
    finish(&lower);
    (void)member(&upper, "opaque/high", '0', NULL, "high");
    (void)member(&upper, "again", '0', NULL, "high");
    (void)member(&upper, ".wh.again", '0', NULL, NULL);
    (void)member(&upper, "opaque/.wh..wh..opq", '0', NULL, NULL);
    (void)member(&upper, ".wh.gone", '0', NULL, NULL);
    (void)member(&upper, ".wh.never-there", '0', NULL, NULL);
    (void)member(&upper, ".wh..wh.plnk", '0', NULL, NULL);
    finish(&upper);
    assert_code(lay(t, &mem, BYTES(lower.bytes, lower.len), 512, &e), SELFSAME_OK, &e);
    assert_code(lay(t, &mem, BYTES(upper.bytes, upper.len), 512, &e), SELFSAME_OK, &e);
    assert_null(tree_find(t, "opaque/low"));
    assert_null(tree_find(t, "opaque/sub"));
    assert_null(tree_find(t, "gone"));
    assert_null(tree_find(t, "gone/low"));
    assert_non_null(tree_find(t, "opaque/high"));
    assert_non_null(tree_find(t, "gone-not"));
    const struct node *n = tree_find(t, "again");
    assert_non_null(n);
    assert_bytes(BYTES(n->content.ptr, n->content.size), BYTES_LIT("high"));
    assert_int_equal(tree_count(t), 4);
}

static void
a_large_size_is_no_reason_to_allocate(void **state)
{
    struct selfsame_err e = { 0 };
    struct maker m = { .len = 0 };
    uint8_t *b = member(&m, "big", '0', NULL, NULL);

    (void)state;
    memcpy(b + 124, "77777777777", 12);
    checksum(b);
    finish(&m);
    assert_int_not_equal(lay_new(&m, 512, &e), SELFSAME_OK);
}

/* Every name is a copy in the image: links to one large file are no way around the limit. */
static void
hard_links_count_as_the_bytes_they_become(void **state)
{
    struct selfsame_err e = { 0 };
    struct memory mem = { .len = 0 };
    struct layer_store into = { .place = place, .write = store, .ctx = &mem };
    struct maker m = { .len = 0 };

    (void)state;
    (void)member(&m, "a", '0', NULL, "12345678");
    (void)member(&m, "b", '1', "a", NULL);
    finish(&m);
    for (unsigned room = 15; room <= 16; room++) {
        auto_tree *t = tree_new();
        auto_layer layer = { 0 };
        uint64_t total = LAYER_TOTAL - room;

        assert_code(layer_begin(&layer, t, &into, true, &total, &e), SELFSAME_OK, &e);
        assert_int_equal(layer_push(&layer, BYTES(m.bytes, m.len), &e),
            room < 16 ? SELFSAME_UNSUPPORTED : SELFSAME_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_give_the_same_tree),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_of_a_header_is_refused),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(bad_members_are_refused_by_class),
        cmocka_unit_test(links_are_never_followed),
        cmocka_unit_test(whiteouts_hide_lower_layers_only),
        cmocka_unit_test(a_large_size_is_no_reason_to_allocate),
        cmocka_unit_test(hard_links_count_as_the_bytes_they_become),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
