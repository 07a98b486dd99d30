/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "os/os.h"
#include "service/key_file.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOMEBODY = 65532 };
static char dir[] = "/tmp/selfsame-key.XXXXXX", path[64];

/* As this user, who is in that group; the class of the check. */
static int
checked_as(unsigned id)
{
    const pid_t pid = fork();

    if (pid == 0) {
        struct selfsame_err e = { 0 };
        if (id != 0 && (setgid(id) != 0 || setuid(id) != 0))
            _exit(99);
        const enum selfsame_code code = key_file_check(path, &e);
        _exit((int)code);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
test_a_key_is_its_owners_or_handed_over(void **state)
{
    static const struct {
        unsigned owner, group, mode, reader;
        int want;
    } rows[] = {
        { 0, 0, 0600, 0, SELFSAME_OK },
        { 0, 0, 0400, 0, SELFSAME_OK },
        { 0, 0, 0440, 0, SELFSAME_USAGE },
        { SOMEBODY, SOMEBODY, 0600, SOMEBODY, SELFSAME_OK },
        { SOMEBODY, SOMEBODY, 0640, SOMEBODY, SELFSAME_USAGE },
        { SOMEBODY, SOMEBODY, 0440, SOMEBODY, SELFSAME_USAGE },
        { 0, SOMEBODY, 0440, SOMEBODY, SELFSAME_OK },
        { 0, SOMEBODY, 0640, SOMEBODY, SELFSAME_OK },
        { 0, SOMEBODY, 0460, SOMEBODY, SELFSAME_USAGE },
        { 0, SOMEBODY, 0444, SOMEBODY, SELFSAME_USAGE },
        { 0, SOMEBODY, 0644, SOMEBODY, SELFSAME_USAGE },
        { 0, SOMEBODY, 0442, SOMEBODY, SELFSAME_USAGE },
    };
    struct selfsame_err e = { 0 };

    (void)state;
    if (geteuid() != 0) {
        print_message("SKIPPED: files of other owners need root\n");
        skip();
    }
    assert_code(file_write(path, BYTES_LIT("key"), true, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(chown(path, rows[i].owner, rows[i].group), 0);
        assert_int_equal(chmod(path, rows[i].mode), 0);
        const int got = checked_as(rows[i].reader);
        if (got != rows[i].want)
            fail_msg("row %zu: expected %d, got %d", i, rows[i].want, got);
    }
}

static void
test_what_is_not_there_is_found_out_later(void **state)
{
    struct selfsame_err e = { 0 };
    struct key *k = NULL;

    (void)state;
    (void)unlink(path);
    assert_code(key_file_check(path, &e), SELFSAME_OK, &e);
    assert_code(key_file_read(path, &k, &e), SELFSAME_IO, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_its_owners_or_handed_over),
        cmocka_unit_test(test_what_is_not_there_is_found_out_later),
    };

    if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/key", dir);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(dir);
    return failed;
}
