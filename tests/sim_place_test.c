/* SPDX-License-Identifier: Apache-2.0 */
/* openat and its kin: POSIX 2008, mkdtemp: XSI */

#include "sim/unpack.h"
#include "test.h"

#include "os/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * An image of a stranger is unpacked on the host, often by root: whatever its
 * entries are called and in whatever order they come, nothing outside the root
 * is touched. `outside` and the file in it stand beside the root.
 */
enum { FILE_ = 0100755, DIR_ = 040755, LINK_ = 0120777, FIFO_ = 010644 };
struct step {
    const char *name;
    uint32_t mode;
    const char *text; /* content or target */
    uint32_t ino, nlink;
};
struct image {
    const char *why;
    struct step step[4];
    enum selfsame_code code;
    const char *inside; /* a file that must stand below the root then */
};
static const struct image images[] = {
    { "\"..\"", { { "../evil", FILE_, "x", 1, 1 } }, SELFSAME_MALFORMED, NULL },
    { "\"..\" inside", { { "a/../../evil", FILE_, "x", 1, 1 } }, SELFSAME_MALFORMED,
        NULL },
    { "an absolute name", { { "/evil", FILE_, "x", 1, 1 } }, SELFSAME_OK, "evil" },
    { "a link upwards as directory",
        { { "l", LINK_, "../outside", 1, 1 }, { "l/evil", FILE_, "x", 2, 1 } },
        SELFSAME_MALFORMED, NULL },
    { "a link upwards to what is inside as well",
        { { "outside", DIR_, "", 1, 1 }, { "l", LINK_, "../../outside", 2, 1 },
            { "l/evil", FILE_, "x", 3, 1 } },
        SELFSAME_OK, "outside/evil" },
    { "a link in the place of the file",
        { { "f", LINK_, "../outside/file", 1, 1 }, { "f", FILE_, "x", 2, 1 } },
        SELFSAME_OK, "f" },
    { "a hard link through a link",
        { { "d", FILE_, "", 7, 2 }, { "d", LINK_, "../outside/file", 2, 1 },
            { "e", FILE_, "x", 7, 2 } },
        SELFSAME_IO, NULL },
    { "a hard link to a FIFO, which nobody reads",
        { { "d", FILE_, "", 7, 2 }, { "d", FIFO_, "", 2, 1 },
            { "e", FILE_, "x", 7, 2 } },
        SELFSAME_IO, NULL },
    { "a link in the place of the directory",
        { { "d", DIR_, "", 1, 1 }, { "d", LINK_, "../outside", 2, 1 },
            { "d/evil", FILE_, "x", 3, 1 } },
        SELFSAME_MALFORMED, NULL },
    { "the root as a link", { { ".", LINK_, "../outside", 1, 1 } }, SELFSAME_MALFORMED,
        NULL },
    { "links that lead in circles",
        { { "a", LINK_, "b", 1, 1 }, { "b", LINK_, "a", 2, 1 },
            { "a/evil", FILE_, "x", 3, 1 } },
        SELFSAME_IO, NULL },
    { "modes of a link's target",
        { { "d", LINK_, "../outside", 1, 1 }, { "d", DIR_, "", 2, 1 },
            { "d/evil", FILE_, "x", 3, 1 } },
        SELFSAME_OK, "d/evil" },
};

static enum selfsame_code
unpack(int root, const struct image *image, struct selfsame_err *e)
{
    struct placer *p = NULL;
    enum selfsame_code code = placer_new(root, &p, e);

    for (size_t i = 0; code == SELFSAME_OK && i < COUNT(image->step); i++) {
        const struct step *s = &image->step[i];
        const bool link = s->mode == LINK_;
        if (s->name == NULL)
            break;
        const struct place_entry entry = { .name = s->name,
            .mode = s->mode,
            .uid = getuid(),
            .gid = getgid(),
            .ino = s->ino,
            .nlink = s->nlink,
            .size = strlen(s->text),
            .target = link ? s->text : NULL };
        code = placer_begin(p, &entry, e);
        if (code == SELFSAME_OK && !link && s->text[0] != '\0')
            code = placer_data(p, bytes_str(s->text), e);
        if (code == SELFSAME_OK)
            code = placer_end(p, e);
    }
    if (code == SELFSAME_OK)
        code = placer_finish(p, e);
    placer_free(p);
    return code;
}

static void
try_image(int top, const struct image *image)
{
    struct selfsame_err e = { 0 };
    struct stat st;
    char text[8] = "";

    assert_int_equal(mkdirat(top, "root", 0755), 0);
    assert_int_equal(mkdirat(top, "outside", 0711), 0);
    auto_fd file = openat(top, "outside/file", O_RDWR | O_CREAT | O_EXCL, 0640);
    assert_int_equal(write(file, "mine", 4), 4);
    auto_fd root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum selfsame_code code = unpack(root, image, &e);
    if (code != image->code)
        fail_msg("%s: expected %s, got %s (%s)", image->why,
            selfsame_code_name(image->code), selfsame_code_name(code), err_text(&e));
    if (image->inside != NULL)
        assert_int_equal(fstatat(root, image->inside, &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fstatat(top, "evil", &st, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(fstatat(top, "outside/evil", &st, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(fstatat(top, "outside", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 07777, 0711);
    assert_int_equal(pread(file, text, sizeof(text), 0), 4);
    assert_string_equal(text, "mine");
    assert_int_equal(fstat(file, &st), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void
hostile_entries_stay_below_the_root(void **state)
{
    (void)state;
    (void)umask(022);
    for (size_t i = 0; i < COUNT(images); i++) {
        struct selfsame_err e = { 0 };
        char path[] = "selfsame-place-XXXXXX";

        assert_non_null(mkdtemp(path));
        auto_fd top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(top >= 0);
        (void)alarm(20); /* what waits for ever is a failure too */
        try_image(top, &images[i]);
        (void)alarm(0);
        assert_code(dir_remove(path, &e), SELFSAME_OK, &e);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_entries_stay_below_the_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
