/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "net/net.h"
#include "os/os.h"

#include <poll.h>
#include <unistd.h>

static void
addresses_are_read_and_written_back(void **state)
{
    static const char *const same[] = { "127.0.0.1:80", "[::1]:8443", "a-b.example:1",
        "unix:/run/x.sock", "vsock:5000", "vsock:16:5000", "[fe80::1%2]:65535" };

    (void)state;
    for (size_t i = 0; i < COUNT(same); i++) {
        struct selfsame_err e = { 0 };
        struct net_addr a;
        char text[NET_TEXT];
        assert_code(net_addr_parse(same[i], 0, &a, &e), SELFSAME_OK, &e);
        net_addr_text(&a, text);
        assert_string_equal(text, same[i]);
    }
}

static void
a_missing_host_is_loopback(void **state)
{
    struct selfsame_err e = { 0 };
    struct net_addr a;

    (void)state;
    assert_code(net_addr_parse(":8443", 0, &a, &e), SELFSAME_OK, &e);
    assert_string_equal(a.host, "127.0.0.1");
}

static void
what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = { "", "a", "a:", ":", "a:65536", "a:-1", "a:1x",
        "a:01", "[::1:80", "[::1]80", "[]:80", "[a]:80", "::1:80", "a b:80", "a/b:80",
        "unix:", "vsock:", "vsock:a:1", "vsock:1:", "vsock:4294967296", "a:80:90" };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct net_addr a;
        if (net_addr_parse(bad[i], 0, &a, &e) != SELFSAME_USAGE)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void
urls_are_read(void **state)
{
    struct selfsame_err e = { 0 };
    struct net_url u;

    (void)state;
    assert_code(net_url_parse("https://[::1]:8443/a?b=c", &u, &e), SELFSAME_OK, &e);
    assert_string_equal(u.addr.host, "::1");
    assert_int_equal(u.addr.port, 8443);
    assert_string_equal(u.path, "/a?b=c");
    assert_code(net_url_parse("https://example.com?x", &u, &e), SELFSAME_OK, &e);
    assert_int_equal(u.addr.port, 443);
    assert_string_equal(u.path, "/?x");
}

static void
other_urls_are_refused(void **state)
{
    static const char *const bad[] = { "http://a/", "https://", "https:///x",
        "https://u@h/", "https://h:0x1/", "https://h/a b", "https://h/#f",
        "https://h/\r\nX: y" };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct selfsame_err e = { 0 };
        struct net_url u;
        if (net_url_parse(bad[i], &u, &e) != SELFSAME_USAGE)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void
a_listener_is_reached_and_a_closed_port_is_not(void **state)
{
    struct selfsame_err e = { 0 };
    struct net_addr a, bound;
    int one = -1, two = -1, got = -1;

    (void)state;
    assert_code(net_addr_parse("127.0.0.1:0", 0, &a, &e), SELFSAME_OK, &e);
    assert_code(net_listen(&a, &one, &e), SELFSAME_OK, &e);
    assert_code(net_bound(one, &a, &bound, &e), SELFSAME_OK, &e);
    assert_int_not_equal(bound.port, 0);
    assert_code(net_connect(&bound, net_clock_ms() + 5000, &two, &e), SELFSAME_OK, &e);
    assert_code(net_wait(one, POLLIN, net_clock_ms() + 5000, &e), SELFSAME_OK, &e);
    assert_code(net_accept(one, &got, &e), SELFSAME_OK, &e);
    assert_true(got >= 0);
    assert_code(net_wait(got, POLLIN, net_clock_ms() + 20, &e), SELFSAME_IO, &e);
    fd_close(&got);
    fd_close(&two);
    fd_close(&one);
    assert_code(net_connect(&bound, net_clock_ms() + 5000, &two, &e), SELFSAME_IO, &e);
}

static void
a_dead_unix_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    struct selfsame_err e = { 0 };
    struct net_addr a = { .kind = NET_UNIX };
    int one = -1, two = -1;

    (void)state;
    (void)snprintf(a.path, sizeof(a.path), "selfsame-net-%ld.sock", (long)getpid());
    assert_code(net_listen(&a, &one, &e), SELFSAME_OK, &e);
    assert_code(net_listen(&a, &two, &e), SELFSAME_IO, &e);
    fd_close(&one);
    assert_code(net_listen(&a, &two, &e), SELFSAME_OK, &e);
    fd_close(&two);
    assert_int_equal(unlink(a.path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written_back),
        cmocka_unit_test(a_missing_host_is_loopback),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(urls_are_read),
        cmocka_unit_test(other_urls_are_refused),
        cmocka_unit_test(a_listener_is_reached_and_a_closed_port_is_not),
        cmocka_unit_test(a_dead_unix_socket_is_replaced_and_a_live_one_is_not),
    };

    return cmocka_run_group_tests_name("net/addr", tests, NULL, NULL);
}
