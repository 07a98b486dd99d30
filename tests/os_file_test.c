/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "os/os.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char place[] = "/tmp/selfsame-os-XXXXXX";
static struct selfsame_err err;

static int
make_place(void **state)
{
    (void)state;
    return mkdtemp(place) == NULL || chdir(place) != 0;
}

static int
remove_place(void **state)
{
    (void)state;
    return chdir("/") != 0 || dir_remove(place, &err) != SELFSAME_OK;
}

static unsigned
files_here(void)
{
    DIR *d = opendir(".");
    unsigned n = 0;

    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d)) != NULL;)
        n += x->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void
what_is_written_is_read_and_the_old_file_stays_until_then(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes got;
    auto_draft d = { .fd = -1 };

    assert_code(file_write("f", BYTES_LIT("old"), false, &err), SELFSAME_OK, &err);
    assert_code(draft_open(&d, "f", false, &err), SELFSAME_OK, &err);
    assert_code(fd_write_all(d.fd, BYTES_LIT("newer"), "f", &err), SELFSAME_OK, &err);
    assert_code(file_read("f", 100, &a, &got, &err), SELFSAME_OK, &err);
    assert_bytes(got, BYTES_LIT("old"));
    assert_code(draft_commit(&d, &err), SELFSAME_OK, &err);
    assert_code(file_read("f", 100, &a, &got, &err), SELFSAME_OK, &err);
    assert_bytes(got, BYTES_LIT("newer"));
    assert_int_equal(files_here(), 1);
}

static void
a_discarded_or_killed_draft_leaves_nothing(void **state)
{
    (void)state;
    struct file_draft d;
    int status;
    unsigned before = files_here();

    assert_code(draft_open(&d, "g", false, &err), SELFSAME_OK, &err);
    draft_discard(&d);
    draft_discard(&d);
    assert_int_equal(files_here(), before);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (draft_open(&d, "g", false, &err) == SELFSAME_OK &&
            fd_write_all(d.fd, BYTES_LIT("half"), "g", &err) == SELFSAME_OK)
            (void)raise(SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    /* File systems without nameless files keep a *.part; the ones we test on have them. */
    int nameless = open(".", O_TMPFILE | O_RDWR, 0600);
    if (nameless >= 0) {
        (void)close(nameless);
        assert_int_equal(files_here(), before);
    }
}

static void
secrets_are_0600_whatever_the_umask_says(void **state)
{
    (void)state;
    struct stat st;
    mode_t old = umask(0);

    assert_code(file_write("s", BYTES_LIT("x"), true, &err), SELFSAME_OK, &err);
    assert_code(file_write("p", BYTES_LIT("x"), false, &err), SELFSAME_OK, &err);
    (void)umask(old);
    assert_int_equal(stat("s", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat("p", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0666);
}

static void
a_file_over_its_limit_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes got = BYTES_NONE;

    assert_code(file_write("l", BYTES_LIT("12345"), false, &err), SELFSAME_OK, &err);
    assert_code(file_read("l", 5, &a, &got, &err), SELFSAME_OK, &err);
    assert_code(file_read("l", 4, &a, &got, &err), SELFSAME_MALFORMED, &err);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("pipe", O_WRONLY);
        ssize_t n = write(fd, "123456789", 9);
        _exit(n == 9 ? 0 : 1);
    }
    assert_code(file_read("pipe", 8, &a, &got, &err), SELFSAME_MALFORMED, &err);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_code(file_read("nothing", 8, &a, &got, &err), SELFSAME_IO, &err);
    assert_code(file_read(".", 8, &a, &got, &err), SELFSAME_IO, &err);
    a.fail_at = 1;
    assert_code(file_read("l", 5, &a, &got, &err), SELFSAME_NOMEM, &err);
}

static void
directories_are_never_overwritten(void **state)
{
    (void)state;
    assert_code(dir_make("d/e/f", false, &err), SELFSAME_OK, &err);
    assert_code(dir_make("d/e/f", false, &err), SELFSAME_OK, &err);
    assert_code(file_write("d", BYTES_LIT("x"), false, &err), SELFSAME_IO, &err);
    assert_code(file_write("d/x", BYTES_LIT("x"), false, &err), SELFSAME_OK, &err);
    assert_code(dir_make("d/x", false, &err), SELFSAME_IO, &err);
    assert_code(file_write("none/x", BYTES_LIT("x"), false, &err), SELFSAME_IO, &err);
}

static void
removal_follows_no_link(void **state)
{
    (void)state;
    struct stat st;

    assert_code(dir_make("keep", false, &err), SELFSAME_OK, &err);
    assert_code(file_write("keep/me", BYTES_LIT("x"), false, &err), SELFSAME_OK, &err);
    assert_code(dir_make("go/deep", false, &err), SELFSAME_OK, &err);
    assert_int_equal(symlink("../../keep", "go/deep/link"), 0);
    assert_int_equal(chmod("go/deep", 0), 0);
    assert_code(dir_remove("go", &err), SELFSAME_OK, &err);
    assert_int_equal(stat("keep/me", &st), 0);
    assert_int_equal(symlink("keep", "alias"), 0);
    assert_code(dir_remove("alias", &err), SELFSAME_IO, &err);
    assert_code(dir_remove("absent", &err), SELFSAME_OK, &err);
    assert_int_equal(stat("keep/me", &st), 0);
}

/* ---- what is given back ---- */

void __real_free(void *p);
void __wrap_free(void *p);

static const char secret[] = "-----BEGIN PRIVATE KEY----- 0123456789";
static unsigned given_back, with_secret;

/* The linker sends every free of the code under test through here. */
void
__wrap_free(void *p)
{
    const size_t n = p != NULL ? malloc_usable_size(p) : 0;

    given_back += p != NULL;
    with_secret += n > 0 && memmem(p, n, secret, sizeof(secret) - 1) != NULL;
    __real_free(p);
}

static void
freed_memory_keeps_nothing_of_a_small_file(void **state)
{
    (void)state;
    enum { LONG = 3 << 16 };
    auto_arena a = arena_new(1 << 20);
    struct selfsame_bytes got;
    uint8_t *big = test_calloc(1, LONG);
    int ends[2];

    memcpy(big, secret, sizeof(secret));
    assert_code(file_write("key", BYTES_LIT(secret), true, &err), SELFSAME_OK, &err);
    given_back = with_secret = 0;
    assert_code(file_read("key", 1 << 14, &a, &got, &err), SELFSAME_OK, &err);
    assert_int_equal(got.len, sizeof(secret) - 1);
    assert_int_equal(given_back, 1);
    a.fail_at = 1;
    assert_code(file_read("key", 1 << 14, &a, &got, &err), SELFSAME_NOMEM, &err);
    assert_int_equal(given_back, 2);

    /* From a pipe: the buffer grows, and each one is wiped. */
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(fd_write_all(ends[1], BYTES(big, LONG), "pipe", &err) != SELFSAME_OK);
    const int in = dup(STDIN_FILENO);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(ends[0]) | close(ends[1]), 0);
    assert_code(file_read("-", LONG, &a, &got, &err), SELFSAME_OK, &err);
    assert_int_equal(dup2(in, STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(close(in), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_bytes(got, BYTES(big, LONG));
    assert_true(given_back >= 4);
    assert_int_equal(with_secret, 0);

    /* And the look itself finds what is not wiped. */
    char *volatile kept = strdup(secret); /* or the compiler leaves both out */
    free(kept);
    assert_int_equal(with_secret, 1);
    test_free(big);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_the_old_file_stays_until_then),
        cmocka_unit_test(a_discarded_or_killed_draft_leaves_nothing),
        cmocka_unit_test(secrets_are_0600_whatever_the_umask_says),
        cmocka_unit_test(a_file_over_its_limit_is_refused),
        cmocka_unit_test(directories_are_never_overwritten),
        cmocka_unit_test(removal_follows_no_link),
        cmocka_unit_test(freed_memory_keeps_nothing_of_a_small_file),
    };

    return cmocka_run_group_tests_name("os_file", tests, make_place, remove_place);
}
