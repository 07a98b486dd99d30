/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "service/notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A manager of the test: what it was told last, "" for nothing. */
static int
manager(const char *path, socklen_t len)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const struct timeval soon = { .tv_usec = 200000 };
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    memcpy(at.sun_path, path, len);
    assert_int_equal(bind(fd, (struct sockaddr *)&at,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
        0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
    return fd;
}

static void
assert_told(int fd, const char *want)
{
    char got[200] = "";
    const ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

    got[n > 0 ? n : 0] = '\0';
    assert_string_equal(got, want);
}

static void
test_a_manager_at_a_path_is_told(void **state)
{
    char dir[] = "/tmp/selfsame-notify.XXXXXX", path[64];

    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/notify", dir);
    const int fd = manager(path, (socklen_t)strlen(path) + 1);
    (void)setenv("NOTIFY_SOCKET", path, 1);
    service_notify_open();
    service_notify("READY=1");
    assert_told(fd, "READY=1");
    (void)unsetenv("NOTIFY_SOCKET"); /* read once */
    service_notify("STOPPING=1");
    assert_told(fd, "STOPPING=1");
    service_notify_reloading();
    char got[200] = "";
    long long us = 0;
    assert_true(recv(fd, got, sizeof(got) - 1, 0) > 0);
    assert_int_equal(sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
    assert_true(us > 0);
    (void)close(fd);
    service_notify("READY=1"); /* nobody is there any more */
    (void)unlink(path);
    (void)rmdir(dir);
}

static void
test_a_manager_without_a_file_is_told(void **state)
{
    char name[64];

    (void)state;
    (void)snprintf(name, sizeof(name), "@selfsame-notify-%d", (int)getpid());
    (void)setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    const int fd = manager(name, (socklen_t)strlen(name + 1) + 1);
    service_notify_open();
    service_notify("READY=1");
    assert_told(fd, "READY=1");
    (void)close(fd);
}

static void
test_nobody_is_told_when_nobody_asks(void **state)
{
    static const char *const none[] = { "", "@", "/", "relative/path", "vsock:2:1234" };
    char large[200];

    (void)state;
    const char *name = "@selfsame-notify-none";
    (void)setenv("NOTIFY_SOCKET", name, 1);
    char at[64];
    (void)snprintf(at, sizeof(at), "%s", name);
    at[0] = '\0';
    const int fd = manager(at, (socklen_t)strlen(at + 1) + 1);
    service_notify_open();
    service_notify("READY=1");
    assert_told(fd, "READY=1");
    for (size_t i = 0; i < COUNT(none); i++) {
        (void)setenv("NOTIFY_SOCKET", none[i], 1);
        service_notify_open();
        service_notify("READY=1");
        assert_told(fd, "");
    }
    memset(large, 'x', sizeof(large) - 1);
    large[0] = '/';
    large[sizeof(large) - 1] = '\0';
    (void)setenv("NOTIFY_SOCKET", large, 1);
    service_notify_open();
    service_notify("READY=1");
    (void)unsetenv("NOTIFY_SOCKET");
    service_notify_open();
    service_notify("READY=1");
    assert_told(fd, "");
    (void)close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_manager_at_a_path_is_told),
        cmocka_unit_test(test_a_manager_without_a_file_is_told),
        cmocka_unit_test(test_nobody_is_told_when_nobody_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
