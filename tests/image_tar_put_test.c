/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/tar_put.h"

enum { ROOM = 1 << 20 };
struct bin {
    uint8_t at[ROOM];
    size_t len, room;
};

static enum selfsame_code
take(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct bin *bin = ctx;

    if (b.len > bin->room - bin->len)
        FAIL(e, SELFSAME_IO, "full");
    memcpy(bin->at + bin->len, b.ptr, b.len);
    bin->len += b.len;
    return SELFSAME_OK;
}

/* What the reader of tars (tar.c) says of each member, in a line. */
struct seen {
    char text[16384];
    size_t len;
    uint64_t data;
};

SELFSAME_PRINTF(2, 3)
static void
note(struct seen *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    s->len += (size_t)vsnprintf(s->text + s->len, sizeof(s->text) - s->len, fmt, ap);
    va_end(ap);
    assert_true(s->len < sizeof(s->text));
}

static enum selfsame_code
see_entry(void *ctx, const struct tar_entry *t, struct selfsame_err *e)
{
    (void)e;
    note(ctx, "%c %04o %u:%u %u,%u %llu %s|%s\n", t->type, t->mode, t->uid, t->gid,
        t->major, t->minor, (unsigned long long)t->size, t->path, t->link);
    return SELFSAME_OK;
}

static enum selfsame_code
see_data(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    (void)e;
    note(ctx, "%.*s", (int)b.len, (const char *)b.ptr);
    return SELFSAME_OK;
}

static enum selfsame_code
see_end(void *ctx, struct selfsame_err *e)
{
    (void)e;
    note(ctx, ";\n");
    return SELFSAME_OK;
}

static void
read_back(const struct bin *bin, struct seen *s)
{
    static const struct tar_handler handler = { see_entry, see_data, see_end };
    struct selfsame_err e = { 0 };
    auto_tar t;

    tar_init(&t, &handler, s);
    assert_code(tar_push(&t, BYTES(bin->at, bin->len), &e), SELFSAME_OK, &e);
    assert_code(tar_end(&t, &e), SELFSAME_OK, &e);
}

static void
put_node(struct bin *bin, const struct node *n)
{
    struct selfsame_err e = { 0 };

    assert_code(tar_put_node(n, &(struct sink){ .write = take, .ctx = bin }, &e),
        SELFSAME_OK, &e);
}

static void
end(struct bin *bin)
{
    struct selfsame_err e = { 0 };

    assert_code(
        tar_put_end(&(struct sink){ .write = take, .ctx = bin }, &e), SELFSAME_OK, &e);
}

static void
test_what_is_written_is_read(void **state)
{
    static struct bin bin = { .room = ROOM };
    static struct seen s;
    const struct node rows[] = {
        { .path = "etc", .type = NODE_DIR, .mode = 0755 },
        { .path = "etc/motd",
            .type = NODE_FILE,
            .mode = 0644,
            .uid = 1000,
            .gid = 7,
            .content = { .size = 5, .ptr = (const uint8_t *)"hello" } },
        { .path = "etc/empty", .type = NODE_FILE, .mode = 04755 },
        { .path = "etc/link", .type = NODE_SYMLINK, .mode = 0777, .target = "motd" },
        { .path = "dev/null",
            .type = NODE_CHAR,
            .mode = 0666,
            .rdev_major = 1,
            .rdev_minor = 3 },
        { .path = "fifo", .type = NODE_FIFO, .mode = 0600 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        put_node(&bin, &rows[i]);
    end(&bin);
    assert_int_equal(bin.len % TAR_BLOCK, 0);
    read_back(&bin, &s);
    assert_string_equal(s.text, "5 0755 0:0 0,0 0 etc/|\n"
                                "0 0644 1000:7 0,0 5 etc/motd|\nhello;\n"
                                "0 4755 0:0 0,0 0 etc/empty|\n;\n"
                                "2 0777 0:0 0,0 0 etc/link|motd\n"
                                "3 0666 0:0 1,3 0 dev/null|\n"
                                "6 0600 0:0 0,0 0 fifo|\n");
}

/* Around the length of the fields, and where the length of a record gains a digit. */
static void
test_long_names_are_kept(void **state)
{
    static const size_t lens[] = { 1, 87, 88, 89, 98, 99, 100, 101, 155, 255, 256, 985,
        986, 987, 988, 999, 1000, 4000 };

    (void)state;
    for (size_t i = 0; i < COUNT(lens); i++) {
        static struct bin bin;
        static struct seen s;
        static char name[TREE_PATH], want[2 * TREE_PATH + 64];
        const struct node n = {
            .path = name, .type = NODE_SYMLINK, .mode = 0777, .target = name
        };

        bin.len = 0;
        bin.room = ROOM;
        s = (struct seen){ .len = 0 };
        memset(name, 'n', lens[i]);
        name[lens[i]] = '\0';
        put_node(&bin, &n);
        end(&bin);
        read_back(&bin, &s);
        (void)snprintf(want, sizeof(want), "2 0777 0:0 0,0 0 %s|%s\n", name, name);
        assert_string_equal(s.text, want);
    }
}

/* Nothing of what stood in memory before, and no clock. */
static void
test_the_same_node_is_the_same_bytes(void **state)
{
    static struct bin one = { .room = ROOM }, two = { .room = ROOM };
    static uint8_t data[513];
    const struct node n = { .path = "a",
        .type = NODE_FILE,
        .mode = 0644,
        .content = { .size = sizeof(data), .ptr = data } };

    (void)state;
    memset(two.at, 0xA5, sizeof(two.at));
    put_node(&one, &n);
    put_node(&two, &n);
    assert_bytes(BYTES(one.at, one.len), BYTES(two.at, two.len));
    assert_int_equal(one.len, 3 * TAR_BLOCK);
}

static void
test_what_does_not_fit_is_said(void **state)
{
    static struct bin bin = { .room = ROOM };
    const struct sink out = { .write = take, .ctx = &bin };
    struct selfsame_err e = { 0 };
    struct tar_entry t = {
        .type = TAR_FILE, .path = "large", .link = "", .size = UINT64_C(1) << 33
    };

    (void)state;
    assert_code(tar_put_head(&t, &out, &e), SELFSAME_UNSUPPORTED, &e);
    t.size = (UINT64_C(1) << 33) - 1;
    assert_code(tar_put_head(&t, &out, &e), SELFSAME_OK, &e);
    t.uid = 010000000;
    assert_code(tar_put_head(&t, &out, &e), SELFSAME_UNSUPPORTED, &e);
    t.uid = 07777777;
    assert_code(tar_put_head(&t, &out, &e), SELFSAME_OK, &e);
    t.gid = 010000000;
    assert_code(tar_put_head(&t, &out, &e), SELFSAME_UNSUPPORTED, &e);
}

/* Wherever the disk is full, it is said. */
static void
test_a_full_disk_is_said(void **state)
{
    static char name[300];
    const struct node n = { .path = name,
        .type = NODE_FILE,
        .mode = 0644,
        .content = { .size = 700, .ptr = (const uint8_t *)name } };
    static uint8_t data[700];
    struct node m = n;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    m.content.ptr = data;
    for (size_t room = 0; room < 6 * TAR_BLOCK; room += 100) {
        static struct bin bin;
        struct selfsame_err e = { 0 };

        bin.len = 0;
        bin.room = room;
        const struct sink out = { .write = take, .ctx = &bin };
        const enum selfsame_code code = tar_put_node(&m, &out, &e);
        assert_int_equal(code, room < 5 * TAR_BLOCK ? SELFSAME_IO : SELFSAME_OK);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_long_names_are_kept),
        cmocka_unit_test(test_the_same_node_is_the_same_bytes),
        cmocka_unit_test(test_what_does_not_fit_is_said),
        cmocka_unit_test(test_a_full_disk_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
