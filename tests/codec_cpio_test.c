/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cpio.h"

struct file {
    const char *name, *text;
    uint32_t mode;
};

static void
put_file(struct writer *w, const struct file *f)
{
    static const uint8_t zeros[4] = { 0 };
    struct cpio_entry e = { .mode = f->mode,
        .nlink = 1,
        .size = (uint32_t)strlen(f->text),
        .name = bytes_str(f->name) };

    cpio_put_head(w, &e);
    put_bytes(w, bytes_str(f->text));
    put_bytes(w, BYTES(zeros, cpio_pad(e.size)));
}

static struct selfsame_bytes
archive(const struct file *f, size_t count, struct arena *a)
{
    uint8_t *buf = arena_alloc(a, 1, 4096);
    struct writer w = writer_of(buf, 4096);

    for (size_t i = 0; i < count; i++)
        put_file(&w, &f[i]);
    put_file(&w, &(struct file){ "TRAILER!!!", "", 0 });
    assert_false(w.bad);
    return writer_bytes(&w);
}

static const struct file files[] = {
    { "etc", "", 040755 },
    { "etc/a", "1", 0100644 },
    { "etc/ab", "four", 0100600 },
    { "etc/link", "a", 0120777 },
};

/* Entries, or SIZE_MAX when it is refused. */
static size_t
entries(struct selfsame_bytes in)
{
    struct cpio c = cpio_of(in);
    struct cpio_entry e;
    size_t n = 0;

    while (cpio_next(&c, &e))
        n++;
    if (cpio_done(&c)) {
        assert_null(c.why);
        return n;
    }
    assert_non_null(c.why);
    assert_false(cpio_next(&c, &e));
    return SIZE_MAX;
}

static void
written_entries_are_read_back(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct cpio c = cpio_of(archive(files, COUNT(files), &a));
    struct cpio_entry e;

    for (size_t i = 0; i < COUNT(files); i++) {
        assert_true(cpio_next(&c, &e));
        assert_bytes(e.name, bytes_str(files[i].name));
        assert_bytes(e.data, bytes_str(files[i].text));
        assert_int_equal(e.mode, files[i].mode);
        assert_int_equal(e.nlink, 1);
    }
    assert_false(cpio_next(&c, &e));
    assert_true(cpio_done(&c));
}

static void
the_bytes_of_an_entry_are_those_of_the_kernel_document(void **state)
{
    (void)state;
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof(buf));
    const struct cpio_entry e = { .ino = 1,
        .mode = 0100755,
        .uid = 2,
        .gid = 0xabcdef01,
        .nlink = 1,
        .mtime = 3,
        .size = 4,
        .dev_major = 5,
        .dev_minor = 6,
        .rdev_major = 7,
        .rdev_minor = 8,
        .name = BYTES_LIT("init") };

    cpio_put_head(&w, &e);
    assert_bytes(writer_bytes(&w), BYTES_LIT("070701"
                                             "00000001"
                                             "000081ed"
                                             "00000002"
                                             "abcdef01"
                                             "00000001"
                                             "00000003"
                                             "00000004"
                                             "00000005"
                                             "00000006"
                                             "00000007"
                                             "00000008"
                                             "00000005"
                                             "00000000"
                                             "init\0\0"));
}

static void
concatenated_archives_are_read_as_one(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes one = archive(files, 2, &a), two = archive(files, 4, &a);
    uint8_t *both = arena_alloc(&a, 1, 8192);

    memcpy(both, one.ptr, one.len);
    for (size_t gap = 0; gap <= 512; gap++) {
        memset(both + one.len, 0, gap);
        memcpy(both + one.len + gap, two.ptr, two.len);
        size_t got = entries(BYTES(both, one.len + gap + two.len));
        assert_int_equal(got, gap % 4 == 0 ? 6 : SIZE_MAX);
        assert_int_equal(entries(BYTES(both, one.len + gap)), 2);
    }
}

static void
every_truncation_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes good = archive(files, COUNT(files), &a);

    for (size_t n = 0; n < good.len; n++) {
        auto_arena cut = arena_new(1 << 16);
        struct selfsame_bytes copy;
        assert_true(arena_dup(&cut, BYTES(good.ptr, n), &copy));
        assert_int_equal(entries(copy), SIZE_MAX);
    }
    assert_int_equal(entries(good), COUNT(files));
}

static void
a_byte_behind_the_trailer_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes good = archive(files, COUNT(files), &a);
    uint8_t *longer = arena_alloc(&a, 1, good.len + 1);

    memcpy(longer, good.ptr, good.len);
    longer[good.len] = 'x';
    assert_int_equal(entries(BYTES(longer, good.len + 1)), SIZE_MAX);
}

static void
broken_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *bytes;
    } cases[] = {
        { 5, "2" },                            /* 070702: with checksums */
        { 5, "7" },                            /* old ASCII */
        { 6, "0000000g" },                     /* not hexadecimal */
        { 6, " 0000001" },                     /* what strtoul would take */
        { 6, "0x000001" }, { 54, "ffffffff" }, /* contents beyond the end */
        { 94, "00000000" },                    /* no name */
        { 94, "00000001" },                    /* an empty name */
        { 94, "00000003" },                    /* NUL is missing */
        { 94, "00000005" },                    /* NUL is not last */
        { 94, "00001001" },                    /* longer than PATH_MAX */
        { 102, "00000001" },                   /* a checksum */
    };
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes good = archive(files, COUNT(files), &a);

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bad[4096];
        memcpy(bad, good.ptr, good.len);
        memcpy(bad + cases[i].at, cases[i].bytes, strlen(cases[i].bytes));
        if (entries(BYTES(bad, good.len)) != SIZE_MAX)
            fail_msg("\"%s\" at %zu is accepted", cases[i].bytes, cases[i].at);
    }
}

static void
padding_that_is_not_zero_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    const struct file f[] = { { "aa", "1", 0100644 } };
    struct selfsame_bytes good = archive(f, 1, &a);
    uint8_t bad[4096];

    /* Header and name are 113 bytes, padded to 116; the data is 1, padded to 4. */
    for (size_t at = 113; at < 120; at++) {
        if (at == 116)
            continue;
        memcpy(bad, good.ptr, good.len);
        bad[at] = 1;
        assert_int_equal(entries(BYTES(bad, good.len)), SIZE_MAX);
    }
}

static void
a_trailer_with_contents_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    const struct file f[] = { { "TRAILER!!!", "text", 0100644 } };

    assert_int_equal(entries(archive(f, 1, &a)), SIZE_MAX);
}

static void
flipped_bits_never_crash(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes good = archive(files, COUNT(files), &a);
    size_t refused = 0;

    for (size_t bit = 0; bit < 8 * good.len; bit++) {
        auto_arena one = arena_new(1 << 16);
        struct selfsame_bytes copy;
        assert_true(arena_dup(&one, good, &copy));
        ((uint8_t *)(uintptr_t)copy.ptr)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused += entries(copy) == SIZE_MAX;
    }
    /* Names, contents and the numbers that are only data may change; the frame may not. */
    assert_true(refused > 8 * COUNT(files) * 6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_entries_are_read_back),
        cmocka_unit_test(the_bytes_of_an_entry_are_those_of_the_kernel_document),
        cmocka_unit_test(concatenated_archives_are_read_as_one),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(a_byte_behind_the_trailer_is_refused),
        cmocka_unit_test(broken_headers_are_refused),
        cmocka_unit_test(padding_that_is_not_zero_is_refused),
        cmocka_unit_test(a_trailer_with_contents_is_refused),
        cmocka_unit_test(flipped_bits_never_crash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
