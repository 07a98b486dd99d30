/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim.h"
#include "test.h"

#include "image/tree.h"
#include "os/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* Ramdisks as a stream: whatever the pieces, and whatever is broken in them. */
struct fixture {
    uint8_t plain[8192], gzip[8192];
    size_t plain_len, gzip_len;
    char path[64]; /* the directory everything is unpacked into */
};

static enum selfsame_code
collect(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct fixture *f = ctx;

    (void)e;
    assert_true(f->plain_len + b.len <= sizeof(f->plain));
    memcpy(f->plain + f->plain_len, b.ptr, b.len);
    f->plain_len += b.len;
    return SELFSAME_OK;
}

static int
make_ramdisks(void **state)
{
    static const struct node nodes[] = {
        { .path = "bin/app",
            .type = NODE_FILE,
            .mode = 0755,
            .content = { .size = 7, .ptr = (const uint8_t *)"program" } },
        { .path = "empty", .type = NODE_FILE, .mode = 0644 },
        { .path = "link", .type = NODE_SYMLINK, .mode = 0777, .target = "bin/app" },
    };
    struct fixture *f = calloc(1, sizeof(*f));
    struct sink sink = { collect, f };
    struct selfsame_err e = { 0 };
    auto_tree *t = tree_new();
    z_stream z = { 0 };

    assert_non_null(f);
    assert_non_null(t);
    for (size_t i = 0; i < COUNT(nodes); i++)
        assert_code(tree_put(t, &nodes[i], &e), SELFSAME_OK, &e);
    assert_code(initramfs_write(t, &sink, &e), SELFSAME_OK, &e);
    assert_int_equal(
        deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = f->plain;
    z.avail_in = (uInt)f->plain_len;
    z.next_out = f->gzip;
    z.avail_out = sizeof(f->gzip);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    f->gzip_len = sizeof(f->gzip) - z.avail_out;
    assert_int_equal(deflateEnd(&z), Z_OK);
    (void)snprintf(f->path, sizeof(f->path), "selfsame-unpack-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    *state = f;
    return 0;
}

static int
remove_all(void **state)
{
    struct fixture *f = *state;
    struct selfsame_err e = { 0 };

    assert_code(dir_remove(f->path, &e), SELFSAME_OK, &e);
    free(f);
    return 0;
}

/* Unpacks into a fresh "root" in pieces of this size; the root is opened in *ret_root. */
static enum selfsame_code
unpack(const struct fixture *f, struct selfsame_bytes in, size_t piece, int *ret_root,
    struct selfsame_err *e)
{
    char path[96];
    auto_unpack *u = NULL;

    (void)snprintf(path, sizeof(path), "%s/root", f->path);
    TRY(dir_remove(path, e));
    assert_int_equal(mkdir(path, 0755), 0);
    *ret_root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(*ret_root >= 0);
    TRY(unpack_new(*ret_root, &u, e));
    TRY(unpack_begin(u, e));
    for (size_t at = 0; at < in.len; at += piece) {
        size_t n = in.len - at < piece ? in.len - at : piece;

        TRY(unpack_push(u, BYTES(in.ptr + at, n), e));
    }
    TRY(unpack_end(u, e));
    return unpack_finish(u, e);
}

static void
assert_whole(int root)
{
    char text[16] = "";
    struct stat st;
    auto_fd app = openat(root, "bin/app", O_RDONLY | O_CLOEXEC);

    assert_int_equal(read(app, text, sizeof(text)), 7);
    assert_string_equal(text, "program");
    assert_int_equal(fstat(app, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    assert_int_equal(fstatat(root, "empty", &st, 0), 0);
    assert_int_equal(st.st_size, 0);
    memset(text, 0, sizeof(text));
    assert_int_equal(readlinkat(root, "link", text, sizeof(text)), 7);
    assert_string_equal(text, "bin/app");
}

static void
pieces_of_any_size_give_the_same_files(void **state)
{
    static const size_t sizes[] = { 1, 2, 3, 7, 109, 110, 111, 512, 8192 };
    const struct fixture *f = *state;

    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct selfsame_err e = { 0 };
        auto_fd root = -1, again = -1;

        assert_code(unpack(f, BYTES(f->plain, f->plain_len), sizes[i], &root, &e),
            SELFSAME_OK, &e);
        assert_whole(root);
        assert_code(unpack(f, BYTES(f->gzip, f->gzip_len), sizes[i], &again, &e),
            SELFSAME_OK, &e);
        assert_whole(again);
    }
}

static void
archives_in_a_row_and_zeros_between_them_are_fine(void **state)
{
    const struct fixture *f = *state;
    uint8_t all[40000] = { 0 };
    size_t n = 0;
    struct selfsame_err e = { 0 };
    auto_fd root = -1;

    memcpy(all, f->plain, f->plain_len);
    n += f->plain_len + 1024;
    memcpy(all + n, f->gzip, f->gzip_len);
    n += f->gzip_len + 13;
    memcpy(all + n, f->plain, f->plain_len);
    n += f->plain_len;
    assert_code(unpack(f, BYTES(all, n), 100, &root, &e), SELFSAME_OK, &e);
    assert_whole(root);
}

/* Where the last entry of a plain archive ends: only zeros follow. */
static size_t
used(const struct fixture *f)
{
    size_t n = f->plain_len;

    while (n > 0 && f->plain[n - 1] == 0)
        n--;
    return n;
}

static void
every_truncation_is_refused(void **state)
{
    const struct fixture *f = *state;

    for (size_t n = 1; n < used(f); n++) {
        struct selfsame_err e = { 0 };
        auto_fd root = -1;

        assert_code(
            unpack(f, BYTES(f->plain, n), 4096, &root, &e), SELFSAME_MALFORMED, &e);
    }
    for (size_t n = 1; n < f->gzip_len; n++) {
        struct selfsame_err e = { 0 };
        auto_fd root = -1;

        assert_code(
            unpack(f, BYTES(f->gzip, n), 4096, &root, &e), SELFSAME_MALFORMED, &e);
    }
}

static void
every_flipped_bit_of_a_gzip_ramdisk_is_refused_or_harmless(void **state)
{
    const struct fixture *f = *state;
    uint8_t copy[sizeof(f->gzip)];

    for (size_t bit = 0; bit < 8 * f->gzip_len; bit++) {
        struct selfsame_err e = { 0 };
        auto_fd root = -1;

        memcpy(copy, f->gzip, f->gzip_len);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (unpack(f, BYTES(copy, f->gzip_len), 4096, &root, &e) != SELFSAME_OK)
            continue;
        /*
         * Time and flags are in no checksum, and a copy of zeros may come from
         * another distance (RFC 1951): the files are the same then.
         */
        assert_whole(root);
    }
}

static void
every_changed_byte_of_a_head_ends_in_a_class(void **state)
{
    const struct fixture *f = *state;
    uint8_t copy[sizeof(f->plain)];

    for (size_t at = 0; at < 110; at++)
        for (unsigned c = 0; c < 256; c += 5) {
            struct selfsame_err e = { 0 };
            auto_fd root = -1;

            memcpy(copy, f->plain, f->plain_len);
            copy[at] = (uint8_t)c;
            enum selfsame_code code = unpack(
                f, BYTES(copy, f->plain_len), 4096, &root, &e);
            if (code != SELFSAME_OK && code != SELFSAME_MALFORMED &&
                code != SELFSAME_IO)
                assert_code(code, SELFSAME_MALFORMED, &e);
            /* Nothing but magic and hexadecimal digits is a head; 0 and 0x1f begin otherwise. */
            if (at < 6 && copy[at] != f->plain[at] && !(at == 0 && c == 0))
                assert_int_equal(code, SELFSAME_MALFORMED);
        }
}

static void
bytes_behind_the_last_archive_are_refused(void **state)
{
    const struct fixture *f = *state;
    uint8_t copy[sizeof(f->plain) + 1];
    struct selfsame_err e = { 0 };
    auto_fd root = -1;

    memcpy(copy, f->plain, f->plain_len);
    copy[f->plain_len] = 'x';
    assert_code(unpack(f, BYTES(copy, f->plain_len + 1), 4096, &root, &e),
        SELFSAME_MALFORMED, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_any_size_give_the_same_files),
        cmocka_unit_test(archives_in_a_row_and_zeros_between_them_are_fine),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_of_a_gzip_ramdisk_is_refused_or_harmless),
        cmocka_unit_test(every_changed_byte_of_a_head_ends_in_a_class),
        cmocka_unit_test(bytes_behind_the_last_archive_are_refused),
    };

    return cmocka_run_group_tests(tests, make_ramdisks, remove_all);
}
