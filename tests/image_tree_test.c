/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/tree.h"

static struct selfsame_err err;

static enum selfsame_code
put(struct tree *t, enum node_type type, const char *path)
{
    struct node n = { .path = path, .type = type, .mode = 0644, .target = "target" };

    return tree_put(t, &n, &err);
}

static void
put_text(struct tree *t, const char *path, uint16_t mode, const char *text)
{
    struct selfsame_bytes b = bytes_str(text);
    struct node n = { .path = path,
        .type = NODE_FILE,
        .mode = mode,
        .uid = 7,
        .gid = 8,
        .content = { .size = b.len, .ptr = b.ptr } };

    assert_code(tree_put(t, &n, &err), SELFSAME_OK, &err);
}

/* All paths with their types, "d:a f:a/b", in order. */
static const char *
listing(struct tree *t)
{
    static char text[4096];
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < tree_count(t); i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%c:%s",
            i > 0 ? " " : "", (int)tree_at(t, i)->type, tree_at(t, i)->path);
    return text;
}

static void
bad_paths_are_refused(void **state)
{
    (void)state;
    char name[300], path[TREE_PATH + 1];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memset(path, 'p', TREE_PATH);
    for (size_t i = 200; i < TREE_PATH; i += 200)
        path[i] = '/';
    path[TREE_PATH] = '\0';
    const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.",
        "a/./b", "../a", "a/..", "a/../b", name, path };

    auto_tree *t = tree_new();
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_code(put(t, NODE_FILE, bad[i]), SELFSAME_MALFORMED, &err);
    assert_int_equal(tree_count(t), 0);
    path[TREE_PATH - 1] = '\0';
    const char *const good[] = { "...", ".a", "a..", "a b", "\xff", name + 44, path };
    for (size_t i = 0; i < COUNT(good); i++)
        assert_code(put(t, NODE_FILE, good[i]), SELFSAME_OK, &err);
}

static void
bad_nodes_are_refused(void **state)
{
    (void)state;
    char longer[TREE_PATH + 1];
    memset(longer, 'x', TREE_PATH);
    longer[TREE_PATH] = '\0';
    const struct node bad[] = {
        { .path = "a", .type = NODE_FILE, .mode = 010644 },
        { .path = "a", .type = NODE_SYMLINK },
        { .path = "a", .type = NODE_SYMLINK, .target = "" },
        { .path = "a", .type = NODE_SYMLINK, .target = longer },
        { .path = "a", .type = (enum node_type)'s' },
    };

    auto_tree *t = tree_new();
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_code(tree_put(t, &bad[i], &err), SELFSAME_MALFORMED, &err);
    assert_int_equal(tree_count(t), 0);
}

static void
order_is_bytewise_by_full_path(void **state)
{
    (void)state;
    auto_tree *t = tree_new();
    static const char *const names[] = { "b", "a/b", "a", "a-b", "a/\xff", "a/Z", "a.c",
        "aa", "B" };

    for (size_t i = 0; i < COUNT(names); i++)
        assert_code(put(t, strcmp(names[i], "a") == 0 ? NODE_DIR : NODE_FILE, names[i]),
            SELFSAME_OK, &err);
    assert_string_equal(
        listing(t), "f:B d:a f:a-b f:a.c f:a/Z f:a/b f:a/\xff f:aa f:b");
    assert_null(tree_at(t, tree_count(t)));
}

static void
missing_parents_are_made(void **state)
{
    (void)state;
    auto_tree *t = tree_new();

    assert_code(put(t, NODE_FILE, "usr/lib/x/y"), SELFSAME_OK, &err);
    assert_string_equal(listing(t), "d:usr d:usr/lib d:usr/lib/x f:usr/lib/x/y");
    assert_int_equal(tree_find(t, "usr")->mode, 0755);
}

static void
a_link_or_file_as_parent_is_refused(void **state)
{
    (void)state;
    auto_tree *t = tree_new();

    assert_code(put(t, NODE_SYMLINK, "l"), SELFSAME_OK, &err);
    assert_code(put(t, NODE_FILE, "d/f"), SELFSAME_OK, &err);
    assert_code(put(t, NODE_FILE, "l/x"), SELFSAME_MALFORMED, &err);
    assert_code(put(t, NODE_FILE, "l/x/y"), SELFSAME_MALFORMED, &err);
    assert_code(put(t, NODE_FILE, "d/f/x/y"), SELFSAME_MALFORMED, &err);
    assert_string_equal(listing(t), "d:d f:d/f l:l");
}

static void
a_directory_that_becomes_a_file_loses_its_children(void **state)
{
    (void)state;
    auto_tree *t = tree_new();

    assert_code(put(t, NODE_FILE, "a/b/c"), SELFSAME_OK, &err);
    assert_code(put(t, NODE_FILE, "a/bb"), SELFSAME_OK, &err);
    assert_code(put(t, NODE_DIR, "a/b"), SELFSAME_OK, &err);
    assert_string_equal(listing(t), "d:a d:a/b f:a/b/c f:a/bb");
    assert_code(put(t, NODE_SYMLINK, "a/b"), SELFSAME_OK, &err);
    assert_string_equal(listing(t), "d:a l:a/b f:a/bb");
    assert_string_equal(tree_find(t, "a/b")->target, "target");
    assert_code(put(t, NODE_DIR, "a/b"), SELFSAME_OK, &err);
    assert_null(tree_find(t, "a/b")->target);
    assert_code(put(t, NODE_FILE, "a"), SELFSAME_OK, &err);
    assert_string_equal(listing(t), "f:a");
}

static void
hard_links_need_a_file_and_share_its_content(void **state)
{
    (void)state;
    auto_tree *t = tree_new();

    put_text(t, "bin/a", 0755, "text");
    assert_code(put(t, NODE_DIR, "dir"), SELFSAME_OK, &err);
    assert_code(tree_link(t, "x", "gone", &err), SELFSAME_MALFORMED, &err);
    assert_code(tree_link(t, "x", "dir", &err), SELFSAME_MALFORMED, &err);
    assert_code(tree_link(t, "../x", "bin/a", &err), SELFSAME_MALFORMED, &err);
    assert_code(tree_link(t, "sbin/b", "bin/a", &err), SELFSAME_OK, &err);
    assert_ptr_equal(
        tree_find(t, "sbin/b")->content.ptr, tree_find(t, "bin/a")->content.ptr);
    assert_int_equal(tree_find(t, "sbin/b")->mode, 0755);
    assert_code(tree_link(t, "bin/a", "bin/a", &err), SELFSAME_OK, &err);
    assert_code(tree_link(t, "bin", "bin/a", &err), SELFSAME_OK, &err);
    assert_string_equal(listing(t), "f:bin d:dir d:sbin f:sbin/b");
    assert_int_equal(tree_find(t, "bin")->content.size, 4);
}

static void
remove_and_clear_take_children_only_of_that_directory(void **state)
{
    (void)state;
    auto_tree *t = tree_new();
    static const char *const names[] = { "a/b/c", "a/b-x", "a/bc", "ab", "a/b/d/e" };

    for (size_t i = 0; i < COUNT(names); i++)
        assert_code(put(t, NODE_FILE, names[i]), SELFSAME_OK, &err);
    tree_remove(t, "absent");
    tree_clear(t, "absent");
    tree_clear(t, "ab");
    tree_clear(t, "a/b");
    assert_string_equal(listing(t), "d:a d:a/b f:a/b-x f:a/bc f:ab");
    tree_remove(t, "a/b");
    assert_string_equal(listing(t), "d:a f:a/b-x f:a/bc f:ab");
    tree_remove(t, "a");
    assert_string_equal(listing(t), "f:ab");
    tree_remove(t, "ab");
    assert_string_equal(listing(t), "");
}

/* A slow and obvious tree: a sorted array of paths. */
struct model {
    char path[600][16];
    bool dir[600];
    size_t count;
};

static bool
under(const char *path, const char *dir)
{
    size_t n = strlen(dir);

    return strncmp(path, dir, n) == 0 && path[n] == '/';
}

static void
model_drop(struct model *m, const char *path, bool self)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->count; i++) {
        if (under(m->path[i], path) || (self && strcmp(m->path[i], path) == 0))
            continue;
        if (kept != i)
            memcpy(m->path[kept], m->path[i], 16);
        m->dir[kept++] = m->dir[i];
    }
    m->count = kept;
}

static bool
model_put(struct model *m, const char *path, bool dir)
{
    bool have_dir[3] = { false };
    size_t depth = strlen(path) / 2;

    for (size_t i = 0; i < m->count; i++)
        if (under(path, m->path[i])) {
            if (!m->dir[i])
                return false;
            have_dir[strlen(m->path[i]) / 2] = true;
        }
    for (size_t d = 0; d < depth; d++)
        if (!have_dir[d]) {
            memcpy(m->path[m->count], path, 2 * d + 1);
            m->path[m->count][2 * d + 1] = '\0';
            m->dir[m->count++] = true;
        }
    size_t at = 0;
    while (at < m->count && strcmp(m->path[at], path) != 0)
        at++;
    if (at < m->count && m->dir[at] && !dir) {
        model_drop(m, path, true);
        at = m->count;
    }
    (void)snprintf(m->path[at], 16, "%s", path);
    m->dir[at] = dir;
    m->count += at == m->count;
    return true;
}

static void
random_changes_agree_with_a_plain_list(void **state)
{
    (void)state;
    static struct model m;
    auto_tree *t = tree_new();
    uint32_t seed = 1;

    for (int step = 0; step < 20000; step++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t r = seed >> 8;
        char path[8] = { (char)('a' + r % 4), '/', (char)('a' + r / 4 % 4), '/',
            (char)('a' + r / 16 % 4), '\0' };
        path[2 * (r / 64 % 3) + 1] = '\0';
        unsigned what = r / 256 % 8;
        if (what < 6) {
            bool dir = what < 3;
            enum selfsame_code want = model_put(&m, path, dir) ? SELFSAME_OK
                                                               : SELFSAME_MALFORMED;
            assert_code(put(t, dir ? NODE_DIR : NODE_FILE, path), want, &err);
        } else if (what == 6) {
            tree_remove(t, path);
            model_drop(&m, path, true);
        } else if (tree_find(t, path) != NULL) {
            bool dir = tree_find(t, path)->type == NODE_DIR;
            tree_clear(t, path);
            if (dir)
                model_drop(&m, path, false);
        }
        assert_int_equal(tree_count(t), m.count);
        for (size_t i = 0; i < m.count; i++) {
            const struct node *n = tree_find(t, m.path[i]);
            assert_non_null(n);
            assert_true((n->type == NODE_DIR) == m.dir[i]);
            assert_true(
                i == 0 || strcmp(tree_at(t, i - 1)->path, tree_at(t, i)->path) < 0);
        }
    }
}

static void
two_hundred_thousand_files_are_quick(void **state)
{
    (void)state;
    auto_tree *t = tree_new();
    char path[64];

    for (unsigned i = 0; i < 200000; i++) {
        unsigned k = i * 2654435761u % 200003;
        (void)snprintf(path, sizeof(path), "usr/%u/%u/file-%u", k % 7, k % 1000, k);
        assert_code(put(t, NODE_FILE, path), SELFSAME_OK, &err);
    }
    for (size_t i = 1; i < tree_count(t); i++)
        assert_true(strcmp(tree_at(t, i - 1)->path, tree_at(t, i)->path) < 0);
    tree_remove(t, "usr");
    assert_int_equal(tree_count(t), 0);
}

/* ---- manifest ---- */

struct text {
    char ptr[65536];
    size_t len;
};

static enum selfsame_code
text_write(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct text *s = ctx;

    if (b.len > sizeof(s->ptr) - 1 - s->len)
        FAIL(e, SELFSAME_IO, "full");
    memcpy(s->ptr + s->len, b.ptr, b.len);
    s->len += b.len;
    s->ptr[s->len] = '\0';
    return SELFSAME_OK;
}

static void
manifest_is(struct tree *t, const char *want)
{
    static struct text got;
    struct sink out = { .write = text_write, .ctx = &got };
    uint8_t sum[32];

    got.len = 0;
    assert_code(tree_manifest(t, &out, sum, &err), SELFSAME_OK, &err);
    assert_string_equal(got.ptr, want);
}

static void
manifest_has_one_spelling_for_every_name(void **state)
{
    (void)state;
    auto_tree *t = tree_new();
    const struct node null = { .path = "dev/null",
        .type = NODE_CHAR,
        .mode = 0666,
        .rdev_major = 1,
        .rdev_minor = 3 };

    put_text(t, "a b", 04755, "abc");
    put_text(t, "a\nb", 0644, "");
    put_text(t, "a\\040b", 0600, "abc");
    put_text(t, "\xc3\xa9\x7f", 0600, "abc");
    assert_code(put(t, NODE_FIFO, "pipe"), SELFSAME_OK, &err);
    assert_code(put(t, NODE_SYMLINK, "to"), SELFSAME_OK, &err);
    assert_code(tree_put(t, &null, &err), SELFSAME_OK, &err);
    tree_find(t, "to")->target = "x y\t";
    manifest_is(t,
        "f 0644 7 8 0 "
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 a\\nb\n"
        "f 4755 7 8 3 "
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad a\\040b\n"
        "f 0600 7 8 3 "
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad a\\\\040b\n"
        "d 0755 0 0 0 - dev\n"
        "c 0666 0 0 0 1:3 dev/null\n"
        "p 0644 0 0 0 - pipe\n"
        "l 0644 0 0 0 x\\040y\\011 to\n"
        "f 0600 7 8 3 "
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad "
        "\xc3\xa9\\177\n");
}

static enum selfsame_code
broken_read(const struct content *c, uint64_t at, uint8_t *buf, size_t n,
    struct selfsame_err *e)
{
    (void)c, (void)buf, (void)n;
    FAIL(e, SELFSAME_IO, "the disk fails at %llu", (unsigned long long)at);
}

static void
a_content_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    auto_tree *t = tree_new();
    static struct text got;
    struct sink out = { .write = text_write, .ctx = &got };
    uint8_t sum[32] = { 1 };
    const struct node n = {
        .path = "f", .type = NODE_FILE, .content = { .size = 5, .read = broken_read }
    };

    assert_code(tree_put(t, &n, &err), SELFSAME_OK, &err);
    assert_code(tree_manifest(t, &out, sum, &err), SELFSAME_IO, &err);
    assert_int_equal(sum[0], 1);
    assert_false(tree_find(t, "f")->hashed);
}

static void
every_failed_allocation_is_told(void **state)
{
    (void)state;
    long n = 1;

    for (;; n++) {
        auto_tree *t = tree_new();
        tree_arena(t)->fail_at = n;
        enum selfsame_code c = put(t, NODE_FILE, "a/b/c");
        if (c == SELFSAME_OK)
            c = put(t, NODE_SYMLINK, "a/l");
        if (c == SELFSAME_OK)
            break;
        assert_code(c, SELFSAME_NOMEM, &err);
        for (size_t i = 0; i < tree_count(t); i++)
            assert_non_null(tree_find(t, tree_at(t, i)->path));
    }
    assert_true(n > 9);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_paths_are_refused),
        cmocka_unit_test(bad_nodes_are_refused),
        cmocka_unit_test(order_is_bytewise_by_full_path),
        cmocka_unit_test(missing_parents_are_made),
        cmocka_unit_test(a_link_or_file_as_parent_is_refused),
        cmocka_unit_test(a_directory_that_becomes_a_file_loses_its_children),
        cmocka_unit_test(hard_links_need_a_file_and_share_its_content),
        cmocka_unit_test(remove_and_clear_take_children_only_of_that_directory),
        cmocka_unit_test(random_changes_agree_with_a_plain_list),
        cmocka_unit_test(two_hundred_thousand_files_are_quick),
        cmocka_unit_test(manifest_has_one_spelling_for_every_name),
        cmocka_unit_test(a_content_that_cannot_be_read_is_an_error),
        cmocka_unit_test(every_failed_allocation_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
