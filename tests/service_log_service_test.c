/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/pem.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "service/log_service.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PUBLISHERS = 64, EACH = 8, STALLED = 40, ANSWER = 16384 };

struct world {
    char dir[64], trust[300];
    struct key *key; /* the publisher's */
    struct log_service *s;
    struct net_addr addr;
    pthread_t loop;
    bool runs;
    struct store_probe probe;
    atomic_int fail; /* errno of every durable step */
    atomic_uint lookup_failures;
};

static int
maybe_fail(void *ctx, const char *step, const char *path)
{
    struct world *w = ctx;

    (void)step;
    (void)path;
    return w->fail;
}

static void
note_news(void *ctx, const char *what, const char *sentence)
{
    struct world *w = ctx;

    (void)sentence;
    w->lookup_failures += strcmp(what, "lookup") == 0;
}

static void *
run_loop(void *ctx)
{
    struct world *w = ctx;
    struct selfsame_err e = { 0 };

    assert_code(log_service_run(w->s, &e), SELFSAME_OK, &e);
    return NULL;
}

static void
start(struct world *w)
{
    struct log_service_config c = {
        .dir = w->dir, .batch_ms = 50, .probe = &w->probe, .tell = note_news, .ctx = w
    };
    struct selfsame_err e = { 0 };

    assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
    assert_code(log_service_new(&c, &w->s, &e), SELFSAME_OK, &e);
    assert_code(log_service_open(w->s, &e), SELFSAME_OK, &e);
    log_service_bound(w->s, &w->addr);
    assert_int_equal(pthread_create(&w->loop, NULL, run_loop, w), 0);
    w->runs = true;
}

static void
stop(struct world *w)
{
    if (!w->runs)
        return;
    log_service_stop(w->s);
    assert_int_equal(pthread_join(w->loop, NULL), 0);
    log_service_free(&w->s);
    w->runs = false;
}

static int
set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes spki;
    struct selfsame_err e = { 0 };
    char path[128], *vkey = NULL;

    assert_non_null(w);
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/selfsame-log.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    w->probe = (struct store_probe){ maybe_fail, w };
    const struct log_service_make m = { .dir = w->dir, .origin = "log.example/http" };
    assert_code(log_service_init(&m, &arena, &vkey, &e), SELFSAME_OK, &e);
    (void)snprintf(w->trust, sizeof(w->trust), "log %s\nquorum none\n", vkey);
    assert_code(key_generate(KEY_ED25519, &w->key, &e), SELFSAME_OK, &e);
    assert_code(key_spki(w->key, &arena, &spki, &e), SELFSAME_OK, &e);
    char *pem = pem_encode("PUBLIC KEY", spki, &arena);
    assert_non_null(pem);
    (void)snprintf(path, sizeof(path), "%s/publishers/me.pem", w->dir);
    assert_code(file_write(path, bytes_str(pem), false, &e), SELFSAME_OK, &e);
    start(w);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };

    stop(w);
    key_free(&w->key);
    assert_code(dir_remove(w->dir, &e), SELFSAME_OK, &e);
    free(w);
    return 0;
}

/* ---- a client ---- */

static int
dial(const struct world *w)
{
    struct selfsame_err e = { 0 };
    int fd = -1;

    assert_code(
        net_connect(&w->addr, net_clock_ms() + 10000, &fd, &e), SELFSAME_OK, &e);
    return fd;
}

static bool
send_all(int fd, const char *p, size_t n)
{
    struct selfsame_err e = { 0 };

    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

        if (k < 0 && errno != EAGAIN)
            return false;
        if (k < 0 && net_wait(fd, POLLOUT, net_clock_ms() + 20000, &e) != SELFSAME_OK)
            return false;
        p += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return true;
}

/* The status and the body of one answer; 0: the connection ended. */
static int
read_answer(int fd, char *buf, char **ret_body)
{
    struct selfsame_err e = { 0 };
    size_t have = 0;
    unsigned long long length = 0;
    int status = 0;

    for (;;) {
        buf[have] = '\0';
        char *end = strstr(buf, "\r\n\r\n"), *l = strstr(buf, "Content-Length: ");
        if (end != NULL && l != NULL && sscanf(l + 16, "%llu", &length) == 1 &&
            have >= (size_t)(end + 4 - buf) + length) {
            *ret_body = end + 4;
            return sscanf(buf, "HTTP/1.1 %d", &status) == 1 ? status : 0;
        }
        if (have + 1 >= ANSWER ||
            net_wait(fd, POLLIN, net_clock_ms() + 20000, &e) != SELFSAME_OK)
            return 0;
        ssize_t n = recv(fd, buf + have, ANSWER - 1 - have, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return 0;
        have += n > 0 ? (size_t)n : 0;
    }
}

static int
request(int fd, const char *method, const char *path, struct selfsame_bytes body,
    char *buf, char **ret_body)
{
    char head[256];
    int n = snprintf(head, sizeof(head),
        "%s %s HTTP/1.1\r\nHost: log\r\nContent-Length: %zu\r\n\r\n", method, path,
        body.len);

    if (!send_all(fd, head, (size_t)n) ||
        !send_all(fd, (const char *)body.ptr, body.len))
        return 0;
    return read_answer(fd, buf, ret_body);
}

static struct selfsame_bytes
envelope(const struct world *w, unsigned n, struct arena *arena)
{
    char payload[64];
    struct selfsame_bytes ret = BYTES_NONE;
    struct selfsame_err e = { 0 };

    (void)snprintf(payload, sizeof(payload), "{\"number\":%u}", n);
    assert_code(envelope_make(BYTES_LIT("application/vnd.in-toto+json"),
                    bytes_str(payload), w->key, arena, &ret, &e),
        SELFSAME_OK, &e);
    return ret;
}

/* The index that a proof shows; the class of what it does not. */
static enum selfsame_code
believe(const struct world *w, struct selfsame_bytes entry, const char *proof,
    uint64_t *ret, struct arena *arena, struct selfsame_err *e)
{
    struct log_policy policy;
    struct log_proof p;
    struct checkpoint c;
    uint8_t leaf[LOG_HASH];
    uint64_t witnesses = 0;

    TRY(log_policy_parse(bytes_str(w->trust), arena, &policy, e));
    TRY(proof_parse(bytes_str(proof), arena, &p, e));
    TRY(log_policy_open(&policy, p.checkpoint, arena, &c, &witnesses, NULL, e));
    if (!merkle_leaf(entry, leaf))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret = p.index;
    return merkle_check_inclusion(p.index, c.size, leaf, p.path, c.root, e);
}

/* One submission; the status, and where it is when that is 200. */
static int
submit(const struct world *w, int fd, unsigned n, uint64_t *ret_index)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    const struct selfsame_bytes entry = envelope(w, n, &arena);
    char *buf = arena_alloc(&arena, 1, ANSWER), *body = NULL;

    assert_non_null(buf);
    int status = request(fd, "POST", "/add", entry, buf, &body);
    if (status == 200)
        assert_code(believe(w, entry, body, ret_index, &arena, &e), SELFSAME_OK, &e);
    return status;
}

/* ---- tests ---- */

struct publisher {
    struct world *w;
    unsigned n, good;
    uint64_t index[EACH];
};

static void *
publish(void *ctx)
{
    struct publisher *p = ctx;
    auto_fd fd = dial(p->w);

    for (unsigned i = 0; i < EACH; i++)
        p->good += submit(p->w, fd, p->n * EACH + i, &p->index[i]) == 200;
    return NULL;
}

static void
check_stopped(struct world *w, uint64_t size)
{
    auto_log_dir d = { .path = "" };
    auto_store *store = NULL;
    const struct store_posix_config p = { .dir = w->dir, .read_only = true };
    struct log_check out = { .size = 0 };
    struct selfsame_err e = { 0 };

    assert_code(log_dir_open(w->dir, &d, &e), SELFSAME_OK, &e);
    assert_code(store_posix_open(&p, &store, &e), SELFSAME_OK, &e);
    struct log_core_config c = log_dir_config(&d);
    c.store = store;
    assert_code(log_core_check(&c, NULL, NULL, &out, &e), SELFSAME_OK, &e);
    assert_int_equal(out.size, size);
}

/* Half of them hang in the head, half in the body; one sends what nobody wants. */
static void
slow_and_half_open_clients_keep_nobody_waiting(void **state)
{
    struct world *w = *state;
    static struct publisher p[PUBLISHERS];
    static bool taken[PUBLISHERS * EACH];
    pthread_t t[PUBLISHERS];
    int stalled[STALLED];
    static const char head[] = "POST /add HTTP/1.1\r\nHost: log\r\n",
                      body[] = "POST /add HTTP/1.1\r\nHost: log\r\n"
                               "Content-Length: 5000\r\n\r\n{\"payload\":\"";

    for (size_t i = 0; i < STALLED; i++) {
        const char *text = i % 2 == 0 ? head : body;

        stalled[i] = dial(w);
        assert_true(send_all(stalled[i], text, strlen(text)));
    }
    const int64_t began = net_clock_ms();
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        p[i] = (struct publisher){ .w = w, .n = i };
        assert_int_equal(pthread_create(&t[i], NULL, publish, &p[i]), 0);
    }
    for (unsigned i = 0; i < PUBLISHERS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    /* Stalled ones are closed after 15 s: nobody waited for that. */
    assert_true(net_clock_ms() - began < 12000);
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        assert_int_equal(p[i].good, EACH);
        for (unsigned k = 0; k < EACH; k++) {
            assert_true(p[i].index[k] < COUNT(taken) && !taken[p[i].index[k]]);
            taken[p[i].index[k]] = true;
        }
    }
    for (size_t i = 0; i < STALLED; i++)
        fd_close(&stalled[i]);
    stop(w);
    check_stopped(w, COUNT(taken));
}

static void
a_body_over_the_limit_is_refused_and_the_next_is_served(void **state)
{
    struct world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    char *buf = arena_alloc(&arena, 1, ANSWER), *body = NULL;
    uint8_t *large = arena_alloc(&arena, 1, ENTRY_MAX + 1);
    uint64_t index = 9;

    assert_non_null(buf);
    assert_non_null(large);
    memset(large, ' ', ENTRY_MAX + 1);
    auto_fd fd = dial(w);
    assert_int_equal(
        request(fd, "POST", "/add", BYTES(large, ENTRY_MAX + 1), buf, &body), 413);
    auto_fd second = dial(w);
    assert_int_equal(
        request(second, "POST", "/add", BYTES(large, ENTRY_MAX), buf, &body), 400);
    assert_int_equal(submit(w, second, 1, &index), 200);
    assert_int_equal(index, 0);
}

static void
a_disk_that_fails_is_said_and_reads_go_on(void **state)
{
    struct world *w = *state;
    static const int why[] = { ENOSPC, EROFS, EIO };
    auto_arena arena = arena_new(1 << 20);
    char *buf = arena_alloc(&arena, 1, ANSWER), *body = NULL;
    uint64_t index = 9;

    assert_non_null(buf);
    for (unsigned i = 0; i < COUNT(why); i++) {
        auto_fd fd = dial(w);

        assert_int_equal(submit(w, fd, 2 * i, &index), 200);
        assert_int_equal(index, 2 * i);
        w->fail = why[i];
        const struct selfsame_bytes entry = envelope(w, 2 * i + 1, &arena);
        assert_int_equal(request(fd, "POST", "/add", entry, buf, &body), 503);
        if (strstr(body, strerror(why[i])) == NULL)
            fail_msg("expected \"%s\" in %s", strerror(why[i]), body);
        w->fail = 0;
        assert_int_equal(request(fd, "GET", "/readyz", BYTES_NONE, buf, &body), 503);
        assert_int_equal(request(fd, "GET", "/healthz", BYTES_NONE, buf, &body), 200);
        assert_int_equal(
            request(fd, "GET", "/checkpoint", BYTES_NONE, buf, &body), 200);
        assert_int_equal(request(fd, "POST", "/add", entry, buf, &body), 503);
        /* What is published is proven still. */
        assert_int_equal(submit(w, fd, 2 * i, &index), 200);
        stop(w);
        start(w);
        auto_fd again = dial(w);
        assert_int_equal(submit(w, again, 2 * i + 1, &index), 200);
        assert_int_equal(index, 2 * i + 1);
    }
    stop(w);
    check_stopped(w, 2 * COUNT(why));
}

struct leaving {
    struct world *w;
    unsigned n;
    atomic_uint *sent;
    unsigned acknowledged;
};

static void *
submit_until_it_ends(void *ctx)
{
    struct leaving *l = ctx;
    auto_fd fd = dial(l->w);
    uint64_t index;

    for (unsigned i = 0; i < 1000; i++) {
        atomic_fetch_add(l->sent, 1);
        if (submit(l->w, fd, l->n * 1000 + i, &index) != 200)
            break;
        l->acknowledged++;
    }
    return NULL;
}

/* What was answered is there, and hardly more: one of each connection. */
static void
stopping_under_load_loses_no_answer(void **state)
{
    struct world *w = *state;
    enum { LEAVING = 8 };
    struct leaving l[LEAVING];
    pthread_t t[LEAVING];
    atomic_uint sent = 0;
    uint64_t index = 0, acknowledged = 0;

    for (unsigned i = 0; i < LEAVING; i++) {
        l[i] = (struct leaving){ w, i, &sent, 0 };
        assert_int_equal(pthread_create(&t[i], NULL, submit_until_it_ends, &l[i]), 0);
    }
    while (sent < 10 * LEAVING)
        (void)usleep(1000);
    stop(w);
    for (unsigned i = 0; i < LEAVING; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        acknowledged += l[i].acknowledged;
    }
    start(w);
    auto_fd fd = dial(w);
    for (unsigned i = 0; i < LEAVING; i++)
        for (unsigned k = 0; k < l[i].acknowledged; k++) {
            assert_int_equal(submit(w, fd, l[i].n * 1000 + k, &index), 200);
            assert_true(index < acknowledged + LEAVING);
        }
}

/* The last test: the signal stays. The index looks twice a second meanwhile. */
static void
an_end_by_a_signal_is_no_failure_of_the_index(void **state)
{
    struct world *w = *state;
    uint64_t index = 0;

    os_interruptible();
    auto_fd half = dial(w); /* keeps it from ending at once */
    assert_true(send_all(half, "POST", 4));
    auto_fd fd = dial(w);
    assert_int_equal(submit(w, fd, 1, &index), 200);
    assert_int_equal(raise(SIGTERM), 0);
    (void)usleep(1200000);
    fd_close(&half);
    stop(w);
    assert_int_equal(w->lookup_failures, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(slow_and_half_open_clients_keep_nobody_waiting),
        TEST(a_body_over_the_limit_is_refused_and_the_next_is_served),
        TEST(a_disk_that_fails_is_said_and_reads_go_on),
        TEST(stopping_under_load_loses_no_answer),
        TEST(an_end_by_a_signal_is_no_failure_of_the_index),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
