/* SPDX-License-Identifier: Apache-2.0 */
/* The process that carries published ports, without a guest: its own loopback stands in. */
#include "sim/sim.h"
#include "test.h"

#include "net/net.h"
#include "os/os.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct stage {
    struct ports ports;
    struct net_addr host; /* where clients connect */
    int guest;            /* the service's listener */
    pid_t pid;
};
struct pair {
    int client, service;
};

static void
listen_somewhere(struct net_addr *at, int *fd)
{
    struct selfsame_err e = { 0 };
    struct net_addr any;

    assert_code(net_addr_parse("127.0.0.1:0", 0, &any, &e), SELFSAME_OK, &e);
    assert_code(net_listen(&any, fd, &e), SELFSAME_OK, &e);
    assert_code(net_bound(*fd, &any, at, &e), SELFSAME_OK, &e);
}

static struct stage
stage_open(int idle_ms)
{
    struct stage s = { .ports = { .count = 1, .idle_ms = idle_ms } };
    struct selfsame_err e = { 0 };
    struct net_addr guest;

    listen_somewhere(&s.host, &s.ports.at[0].fd);
    listen_somewhere(&guest, &s.guest);
    s.ports.at[0].guest = guest.port;
    assert_code(forward_start(&s.ports, 0, false, false, &s.pid, &e), SELFSAME_OK, &e);
    ports_close(&s.ports);
    return s;
}

static void
stage_close(struct stage *s)
{
    int status;

    fd_close(&s->guest);
    assert_int_equal(kill(s->pid, SIGKILL), 0);
    assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
    assert_true(WIFSIGNALED(status)); /* and had not ended before */
}

static bool
readable(int fd, int ms)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return poll(&p, 1, ms) == 1;
}

static int
client_of(const struct stage *s)
{
    struct selfsame_err e = { 0 };
    int fd = -1;

    assert_code(
        net_connect(&s->host, net_clock_ms() + 10000, &fd, &e), SELFSAME_OK, &e);
    return fd;
}

static int
service_of(const struct stage *s)
{
    struct selfsame_err e = { 0 };
    int fd = -1;

    assert_true(readable(s->guest, 10000));
    assert_code(net_accept(s->guest, &fd, &e), SELFSAME_OK, &e);
    assert_true(fd >= 0);
    return fd;
}

static struct pair
pair_of(const struct stage *s)
{
    struct pair p = { .client = client_of(s) };

    p.service = service_of(s);
    return p;
}

static void
pair_close(struct pair *p)
{
    fd_close(&p->client);
    fd_close(&p->service);
}

static void
carries(int from, int to)
{
    char byte = 0;

    assert_int_equal(write(from, "x", 1), 1);
    assert_true(readable(to, 10000));
    assert_int_equal(read(to, &byte, 1), 1);
    assert_int_equal(byte, 'x');
}

static void
is_reset(int fd)
{
    char byte;

    assert_true(readable(fd, 10000));
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, ECONNRESET);
}

static void
is_ended(int fd)
{
    char byte;

    assert_true(readable(fd, 10000));
    assert_int_equal(read(fd, &byte, 1), 0);
}

static void
bytes_and_ends_pass_both_ways(void **state)
{
    struct stage s = stage_open(0);
    struct pair p = pair_of(&s);

    (void)state;
    carries(p.client, p.service);
    carries(p.service, p.client);
    assert_int_equal(shutdown(p.client, SHUT_WR), 0);
    is_ended(p.service);
    carries(p.service, p.client); /* half closed is not closed */
    assert_int_equal(shutdown(p.service, SHUT_WR), 0);
    is_ended(p.client);
    pair_close(&p);
    stage_close(&s);
}

static void
silent_connections_are_cut_and_others_are_not(void **state)
{
    struct stage s = stage_open(500);
    struct pair silent = pair_of(&s), busy = pair_of(&s), answered = pair_of(&s);

    (void)state;
    for (int i = 0; i < 12; i++) {
        (void)poll(NULL, 0, 100);
        carries(busy.client, busy.service);
        carries(answered.service, answered.client);
    }
    assert_true(readable(silent.client, 0));
    is_reset(silent.client);
    is_reset(silent.service);
    pair_close(&silent);
    pair_close(&busy);
    pair_close(&answered);
    stage_close(&s);
}

/* An end in its place would say that all had been said. */
static void
a_reset_arrives_as_a_reset(void **state)
{
    struct stage s = stage_open(0);
    struct pair p = pair_of(&s), q = pair_of(&s);

    (void)state;
    net_reset_on_close(p.service);
    fd_close(&p.service);
    is_reset(p.client);
    net_reset_on_close(q.client);
    fd_close(&q.client);
    is_reset(q.service);
    pair_close(&p);
    pair_close(&q);
    stage_close(&s);
}

static void
a_service_that_is_away_is_a_reset(void **state)
{
    struct stage s = stage_open(0);

    (void)state;
    fd_close(&s.guest);
    auto_fd client = client_of(&s);
    is_reset(client);
    stage_close(&s);
}

static void
more_connections_than_allowed_wait(void **state)
{
    static struct pair held[CONNECTIONS];
    struct stage s = stage_open(0);

    (void)state;
    for (size_t i = 0; i < COUNT(held); i++)
        held[i] = pair_of(&s);
    auto_fd late = client_of(&s); /* in the listener's queue */
    assert_false(readable(s.guest, 300));
    pair_close(&held[7]);
    auto_fd service = service_of(&s);
    carries(late, service);
    carries(held[8].client, held[8].service);
    for (size_t i = 0; i < COUNT(held); i++)
        pair_close(&held[i]);
    stage_close(&s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_ends_pass_both_ways),
        cmocka_unit_test(silent_connections_are_cut_and_others_are_not),
        cmocka_unit_test(a_reset_arrives_as_a_reset),
        cmocka_unit_test(a_service_that_is_away_is_a_reset),
        cmocka_unit_test(more_connections_than_allowed_wait),
    };

    return cmocka_run_group_tests_name("sim/forward", tests, NULL, NULL);
}
