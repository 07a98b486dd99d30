/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cpio.h"
#include "crypto/crypto.h"
#include "image/tree.h"

#include <archive.h>
#include <archive_entry.h>

static struct selfsame_err err;

struct out {
    uint8_t *ptr;
    size_t len, cap;
};

static enum selfsame_code
out_write(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct out *o = ctx;

    if (b.len > o->cap - o->len)
        FAIL(e, SELFSAME_IO, "the disk is full");
    memcpy(o->ptr + o->len, b.ptr, b.len);
    o->len += b.len;
    return SELFSAME_OK;
}

static void
put(struct tree *t, const struct node *n)
{
    assert_code(tree_put(t, n, &err), SELFSAME_OK, &err);
}

static void
put_file(struct tree *t, const char *path, uint16_t mode, const char *text)
{
    put(t, &(struct node){ .path = path,
               .type = NODE_FILE,
               .mode = mode,
               .content = { .size = strlen(text), .ptr = (const uint8_t *)text } });
}

static struct selfsame_bytes
archive_of(struct tree *t, struct arena *a)
{
    uint64_t size = 0;
    assert_code(initramfs_size(t, &size, &err), SELFSAME_OK, &err);
    struct out o = { .ptr = arena_alloc(a, 1, size), .cap = size };
    struct sink sink = { .write = out_write, .ctx = &o };
    assert_code(initramfs_write(t, &sink, &err), SELFSAME_OK, &err);
    assert_int_equal(o.len, size);
    assert_int_equal(size % 512, 0);
    return BYTES(o.ptr, o.len);
}

/* Reads of any offset and size of a made-up content that is never in memory. */
static enum selfsame_code
pattern_read(const struct content *c, uint64_t at, uint8_t *buf, size_t n,
    struct selfsame_err *e)
{
    uint64_t *asked = c->ctx;

    (void)e;
    *asked += n;
    for (size_t i = 0; i < n; i++)
        buf[i] = (uint8_t)((at + i) * 31 >> 3);
    return SELFSAME_OK;
}

static uint64_t pattern_asked;

static void
put_sample(struct tree *t, bool backwards)
{
    static const struct node nodes[] = {
        { .path = "bin", .type = NODE_DIR, .mode = 0755 },
        { .path = "bin/app",
            .type = NODE_FILE,
            .mode = 04755,
            .uid = 1000,
            .gid = 70000,
            .content = { .size = 200001,
                .read = pattern_read,
                .ctx = &pattern_asked } },
        { .path = "bin/link", .type = NODE_SYMLINK, .mode = 0777, .target = "app" },
        { .path = "dev/null",
            .type = NODE_CHAR,
            .mode = 0666,
            .rdev_major = 1,
            .rdev_minor = 3 },
        { .path = "dev/sda",
            .type = NODE_BLOCK,
            .mode = 0600,
            .rdev_major = 8,
            .rdev_minor = 16 },
        { .path = "empty", .type = NODE_FILE, .mode = 0600 },
        { .path = "pipe", .type = NODE_FIFO, .mode = 0644 },
        { .path = "tmp", .type = NODE_DIR, .mode = 01777 },
    };

    for (size_t i = 0; i < COUNT(nodes); i++)
        put(t, &nodes[backwards ? COUNT(nodes) - 1 - i : i]);
    put(t, &nodes[0]);
    put(t, &(struct node){ .path = "dev", .type = NODE_DIR, .mode = 0755 });
}

static void
a_small_archive_has_these_very_bytes(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    auto_tree *t = tree_new();
    put_file(t, "a/b", 0755, "hello");

    struct selfsame_bytes got = archive_of(t, &a);
    static const char want[] =
        "070701"
        "00000001000041ed0000000000000000000000010000000000000000"
        "000000000000000000000000000000000000000200000000"
        "a\0"
        "070701"
        "00000002000081ed0000000000000000000000010000000000000005"
        "000000000000000000000000000000000000000400000000"
        "a/b\0\0\0"
        "hello\0\0\0"
        "070701"
        "00000000000000000000000000000000000000010000000000000000"
        "000000000000000000000000000000000000000b00000000"
        "TRAILER!!!\0\0\0";
    assert_int_equal(got.len, 512);
    assert_memory_equal(got.ptr, want, sizeof(want));
    assert_true(bytes_is_zero(BYTES(got.ptr + sizeof(want), 512 - sizeof(want))));
}

static void
the_order_of_insertion_does_not_show(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 22);
    auto_tree *one = tree_new();
    auto_tree *two = tree_new();
    put_sample(one, false);
    put_sample(two, true);
    put_file(two, "gone/file", 0644, "gone");
    tree_remove(two, "gone");

    assert_bytes(archive_of(one, &a), archive_of(two, &a));
}

static void
contents_are_read_once_and_hashed_on_the_way(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 22);
    auto_tree *t = tree_new();
    put_sample(t, false);
    pattern_asked = 0;

    struct selfsame_bytes archive = archive_of(t, &a);
    assert_int_equal(pattern_asked, 200001);
    assert_code(tree_hash(t, &err), SELFSAME_OK, &err);
    assert_int_equal(pattern_asked, 200001);
    struct cpio c = cpio_of(archive);
    struct cpio_entry e;
    size_t files = 0;
    while (cpio_next(&c, &e)) {
        char path[64];
        (void)snprintf(path, sizeof(path), "%.*s", (int)e.name.len, e.name.ptr);
        const struct node *n = tree_find(t, path);
        uint8_t digest[HASH_MAX];
        assert_non_null(n);
        assert_int_equal(e.ino, ++files);
        if (n->type != NODE_FILE)
            continue;
        assert_true(hash_bytes(HASH_SHA256, e.data, digest));
        assert_true(n->hashed);
        assert_memory_equal(digest, n->sha256, 32);
    }
    assert_true(cpio_done(&c));
    assert_int_equal(files, tree_count(t));
}

/* libarchive as the other opinion on what the archive says. */
static void
libarchive_reads_what_the_tree_says(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 22);
    auto_tree *t = tree_new();
    put_sample(t, false);
    struct selfsame_bytes bytes = archive_of(t, &a);
    struct archive *in = archive_read_new();
    struct archive_entry *entry;
    size_t i = 0;

    assert_int_equal(archive_read_support_format_cpio(in), ARCHIVE_OK);
    assert_int_equal(archive_read_open_memory(in, bytes.ptr, bytes.len), ARCHIVE_OK);
    for (; archive_read_next_header(in, &entry) == ARCHIVE_OK; i++) {
        const struct node *n = tree_at(t, i);
        static const char types[] = "dflcbp";
        static const unsigned bits[] = { AE_IFDIR, AE_IFREG, AE_IFLNK, AE_IFCHR,
            AE_IFBLK, AE_IFIFO };
        assert_non_null(n);
        assert_string_equal(archive_entry_pathname(entry), n->path);
        assert_int_equal(
            archive_entry_filetype(entry), bits[strchr(types, (int)n->type) - types]);
        assert_int_equal(archive_entry_perm(entry), n->mode);
        assert_int_equal(archive_entry_uid(entry), n->uid);
        assert_int_equal(archive_entry_gid(entry), n->gid);
        assert_int_equal(archive_entry_mtime(entry), 0);
        assert_int_equal(archive_entry_nlink(entry), 1);
        assert_int_equal(archive_entry_rdevmajor(entry), n->rdev_major);
        assert_int_equal(archive_entry_rdevminor(entry), n->rdev_minor);
        if (n->type == NODE_SYMLINK)
            assert_string_equal(archive_entry_symlink(entry), n->target);
        if (n->type == NODE_FILE)
            assert_int_equal(archive_entry_size(entry), n->content.size);
    }
    assert_int_equal(i, tree_count(t));
    assert_int_equal(archive_read_free(in), ARCHIVE_OK);
}

static void
what_an_initramfs_cannot_hold_is_refused(void **state)
{
    (void)state;
    auto_tree *t = tree_new();
    uint8_t none;
    struct out o = { .ptr = &none, .cap = 0 };
    struct sink sink = { .write = out_write, .ctx = &o };
    uint64_t size = 77;

    put(t, &(struct node){ .path = "big",
               .type = NODE_FILE,
               .content = { .size = 1ull << 32, .read = pattern_read } });
    assert_code(initramfs_size(t, &size, &err), SELFSAME_UNSUPPORTED, &err);
    assert_code(initramfs_write(t, &sink, &err), SELFSAME_UNSUPPORTED, &err);
    tree_remove(t, "big");
    put_file(t, "TRAILER!!!", 0644, "");
    assert_code(initramfs_size(t, &size, &err), SELFSAME_UNSUPPORTED, &err);
    assert_code(initramfs_write(t, &sink, &err), SELFSAME_UNSUPPORTED, &err);
    assert_int_equal(size, 77);
}

static void
an_error_of_the_sink_is_told(void **state)
{
    (void)state;
    static uint8_t buf[300000];
    auto_tree *t = tree_new();
    put_sample(t, false);
    uint64_t size;
    assert_code(initramfs_size(t, &size, &err), SELFSAME_OK, &err);
    assert_true(size < sizeof(buf));

    for (size_t cap = 0; cap < size; cap += 4096) {
        struct out o = { .ptr = buf, .cap = cap };
        struct sink sink = { .write = out_write, .ctx = &o };
        assert_code(initramfs_write(t, &sink, &err), SELFSAME_IO, &err);
    }
}

/* ---- normalise ---- */

static char notes[2048];

static void
take_note(void *ctx, const char *what, const char *path)
{
    size_t at = strlen(notes);

    (void)ctx;
    (void)snprintf(notes + at, sizeof(notes) - at, "%s: %s\n", what, path);
}

static enum selfsame_code
normalise(struct tree *t, struct normalise rules)
{
    notes[0] = '\0';
    rules.note = take_note;
    return tree_normalise(t, &rules, &err);
}

static const char *
manifest(struct tree *t, struct arena *a)
{
    struct out o = { .ptr = arena_alloc(a, 1, 8192), .cap = 8191 };
    struct sink sink = { .write = out_write, .ctx = &o };
    uint8_t sum[32], again[HASH_MAX];

    assert_code(tree_manifest(t, &sink, sum, &err), SELFSAME_OK, &err);
    assert_true(hash_bytes(HASH_SHA256, BYTES(o.ptr, o.len), again));
    assert_memory_equal(sum, again, 32);
    return (const char *)o.ptr;
}

static void
what_is_left_by_builders_is_dropped(void **state)
{
    (void)state;
    static const char *const doomed[] = { ".dockerenv", "dev/null", "dev/x/y",
        "etc/ssh/ssh_host_rsa_key", "etc/ssh/ssh_host_rsa_key.pub", "proc/1/x",
        "root/.cache/pip/x", "run/lock/x", "sys/x", "tmp/x", "var/cache/apt/x.bin",
        "var/lib/apt/lists/x", "var/lib/dbus/machine-id", "var/lib/dpkg/status-old",
        "var/lib/systemd/random-seed", "var/log/dpkg.log", "var/log/apt/history.log",
        "var/tmp/x", "usr/lib/python3/__pycache__/x.txt", "usr/lib/python3/x.pyc",
        "x.pyc" };
    static const char *const kept[] = { "etc/ssh/sshd_config", "devices/x", "dev2",
        "etc/ssh/d/ssh_host_x", "root/.cached", "running/x", "tmpfile",
        "var/lib/dpkg/status", "var/lib/dpkg/info/x-old", "var/log.txt", "usr/tmp/x",
        "x.pyc.txt", "app/dev/null", "app/tmp/x" };
    auto_tree *t = tree_new();

    for (size_t i = 0; i < COUNT(doomed); i++)
        put_file(t, doomed[i], 0644, "x");
    for (size_t i = 0; i < COUNT(kept); i++)
        put_file(t, kept[i], 0644, "x");
    assert_code(normalise(t, (struct normalise){ 0 }), SELFSAME_OK, &err);
    for (size_t i = 0; i < COUNT(doomed); i++)
        if (tree_find(t, doomed[i]) != NULL)
            fail_msg("%s is still there", doomed[i]);
    for (size_t i = 0; i < COUNT(kept); i++)
        if (tree_find(t, kept[i]) == NULL)
            fail_msg("%s is gone", kept[i]);
    static const char *const dirs[] = { "dev", "proc", "run", "sys", "tmp", "var/tmp",
        "var/log/apt", "var/cache", "var/lib/apt/lists" };
    for (size_t i = 0; i < COUNT(dirs); i++)
        assert_int_equal(tree_find(t, dirs[i])->type, NODE_DIR);
    assert_null(tree_find(t, "root/.cache"));
    assert_non_null(strstr(notes, "dropped: root/.cache\n"));
    assert_non_null(strstr(notes, "dropped: usr/lib/python3/__pycache__\n"));
    assert_null(strstr(notes, "__pycache__/"));
}

static void
modes_owners_and_fixed_files_are_these(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    auto_tree *t = tree_new();

    put_file(t, "etc/hostname", 0600, "build-7f3a\n");
    put_file(t, "etc/resolv.conf", 0644, "nameserver 10.0.0.1\n");
    put_file(t, "etc/shadow", 0640, "root:*:19000:0:99999:7:::\nx:!:1\n\nodd\n");
    put_file(t, "etc/shadow-", 0640, "root:*:18000:0:99999:7:::\nx:!:7\n\nodd\n");
    put_file(t, "bin/su", 06711, "");
    put(t,
        &(struct node){ .path = "home/u", .type = NODE_DIR, .mode = 02700, .uid = 7 });
    put(t, &(struct node){ .path = "lib", .type = NODE_SYMLINK, .target = "usr/lib" });
    put(t, &(struct node){ .path = "tmp", .type = NODE_SYMLINK, .target = "var/tmp" });
    put(t, &(struct node){ .path = "p", .type = NODE_FIFO, .mode = 0777, .gid = 3 });
    assert_code(normalise(t, (struct normalise){ 0 }), SELFSAME_OK, &err);
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert_string_equal(manifest(t, &a),
        "d 0755 0 0 0 - bin\n"
        "f 0755 0 0 0 " EMPTY " bin/su\n"
        "d 0755 0 0 0 - dev\n"
        "d 0755 0 0 0 - etc\n"
        "f 0644 0 0 10 "
        "d906aecb61d076a967d9ffe8821c7b04b063f72df9d9e35b33ef36b1c0d98f16 "
        "etc/hostname\n"
        "f 0644 0 0 0 " EMPTY " etc/machine-id\n"
        "l 0777 0 0 0 /proc/self/mounts etc/mtab\n"
        "f 0644 0 0 0 " EMPTY " etc/resolv.conf\n"
        "f 0644 0 0 31 "
        "f35f7a9a1e4476fbe8853c270e1f8de93fd91ffc97de2cbdf5a4a47611678be8 etc/shadow\n"
        "f 0644 0 0 31 "
        "f35f7a9a1e4476fbe8853c270e1f8de93fd91ffc97de2cbdf5a4a47611678be8 etc/shadow-\n"
        "d 0755 0 0 0 - home\n"
        "d 0755 0 0 0 - home/u\n"
        "l 0777 0 0 0 usr/lib lib\n"
        "p 0644 0 0 0 - p\n"
        "d 0755 0 0 0 - proc\n"
        "d 0755 0 0 0 - run\n"
        "d 0755 0 0 0 - sys\n"
        "d 1777 0 0 0 - tmp\n");
    assert_non_null(strstr(notes, "replaced by an empty directory: tmp\n"));
}

static void
owners_and_setid_bits_stay_when_asked(void **state)
{
    (void)state;
    auto_tree *t = tree_new();

    put(t, &(struct node){
               .path = "su", .type = NODE_FILE, .mode = 06711, .uid = 7, .gid = 8 });
    assert_code(
        normalise(t, (struct normalise){ .keep_owners = true, .keep_setid = true }),
        SELFSAME_OK, &err);
    assert_int_equal(tree_find(t, "su")->mode, 06755);
    assert_int_equal(tree_find(t, "su")->uid, 7);
    assert_int_equal(tree_find(t, "su")->gid, 8);
    assert_null(tree_find(t, "etc"));
}

static void
device_nodes_outside_dev_are_refused(void **state)
{
    (void)state;
    auto_tree *t = tree_new();

    put(t, &(struct node){ .path = "lib/null", .type = NODE_CHAR, .mode = 0666 });
    assert_code(normalise(t, (struct normalise){ 0 }), SELFSAME_UNSUPPORTED, &err);
    assert_code(
        normalise(t, (struct normalise){ .allow_devices = true }), SELFSAME_OK, &err);
}

static void
case_collisions_are_told_or_refused(void **state)
{
    (void)state;
    auto_tree *t = tree_new();
    static const char *const names[] = { "Lib/x", "lib/x", "lib/y", "a/README",
        "a/ReadMe", "a/readme2", "b/readme", "\xff" };

    for (size_t i = 0; i < COUNT(names); i++)
        put_file(t, names[i], 0644, "");
    assert_code(normalise(t, (struct normalise){ 0 }), SELFSAME_OK, &err);
    assert_string_equal(notes, "name is not UTF-8: \xff\n"
                               "differs only in case from another: a/ReadMe\n"
                               "differs only in case from another: lib\n");
    assert_code(normalise(t, (struct normalise){ .refuse_case_collisions = true }),
        SELFSAME_UNSUPPORTED, &err);
}

static void
normalising_twice_changes_nothing(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 22);
    auto_tree *t = tree_new();
    put_sample(t, false);
    put_file(t, "etc/shadow", 0640, "root:*:19000:0:99999:7:::\n");

    assert_code(normalise(t, (struct normalise){ 0 }), SELFSAME_OK, &err);
    struct selfsame_bytes once = archive_of(t, &a);
    assert_code(normalise(t, (struct normalise){ 0 }), SELFSAME_OK, &err);
    assert_string_equal(notes, "");
    assert_bytes(archive_of(t, &a), once);
}

static void
every_failed_allocation_of_normalising_is_told(void **state)
{
    (void)state;
    long n = 1;

    for (;; n++) {
        auto_tree *t = tree_new();
        put_file(t, "etc/shadow", 0640, "root:*:19000:0:99999:7:::\n");
        tree_arena(t)->fail_at = n;
        enum selfsame_code c = normalise(t, (struct normalise){ 0 });
        if (c == SELFSAME_OK)
            break;
        assert_code(c, SELFSAME_NOMEM, &err);
    }
    assert_true(n > 10);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_archive_has_these_very_bytes),
        cmocka_unit_test(the_order_of_insertion_does_not_show),
        cmocka_unit_test(contents_are_read_once_and_hashed_on_the_way),
        cmocka_unit_test(libarchive_reads_what_the_tree_says),
        cmocka_unit_test(what_an_initramfs_cannot_hold_is_refused),
        cmocka_unit_test(an_error_of_the_sink_is_told),
        cmocka_unit_test(what_is_left_by_builders_is_dropped),
        cmocka_unit_test(modes_owners_and_fixed_files_are_these),
        cmocka_unit_test(owners_and_setid_bits_stay_when_asked),
        cmocka_unit_test(device_nodes_outside_dev_are_refused),
        cmocka_unit_test(case_collisions_are_told_or_refused),
        cmocka_unit_test(normalising_twice_changes_nothing),
        cmocka_unit_test(every_failed_allocation_of_normalising_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
