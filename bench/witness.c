/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cosignatures per second of the witness over HTTP, every one durable before it is
 * answered: 64 logs at once, as a ratio to the bare check and signature that each needs;
 * and how long one log waits that comes alone.
 */
#include "../tests/witness_world.h"
#include "bench.h"

enum { LOGS = 64, SIZES = 60, THREADS = 4, ANSWER = 4096 };

struct bench {
    struct arena arena;
    char dir[64];
    struct witness_service *s;
    struct net_addr at;
    char *requests[LOGS][SIZES];
    double latency_ms[SIZES];
};
struct client {
    struct bench *b;
    size_t from;
};

static void *
run(void *ctx)
{
    struct selfsame_err e = { 0 };

    assert_code(witness_service_run(ctx, &e), SELFSAME_OK, &e);
    return NULL;
}

static void
send_request(int fd, const char *body)
{
    char head[128];
    int n = snprintf(head, sizeof(head),
        "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: %zu\r\n\r\n",
        strlen(body));

    assert_int_equal(send(fd, head, (size_t)n, MSG_MORE), n);
    assert_int_equal(send(fd, body, strlen(body), 0), strlen(body));
}

/* Sixteen logs: each sends its next checkpoint, then all answers are read. */
static void *
many(void *ctx)
{
    const struct client *c = ctx;
    int fd[LOGS / THREADS];
    char buf[ANSWER];

    for (size_t i = 0; i < COUNT(fd); i++)
        fd[i] = world_dial(&c->b->at);
    for (size_t size = 0; size < SIZES; size++) {
        for (size_t i = 0; i < COUNT(fd); i++)
            send_request(fd[i], c->b->requests[c->from + i][size]);
        for (size_t i = 0; i < COUNT(fd); i++) {
            assert_true(recv(fd[i], buf, sizeof(buf), 0) > 12);
            assert_memory_equal(buf, "HTTP/1.1 200", 12);
        }
    }
    for (size_t i = 0; i < COUNT(fd); i++)
        fd_close(&fd[i]);
    return NULL;
}

static double
all_at_once(struct bench *b)
{
    struct client c[THREADS];
    pthread_t t[THREADS];
    double began = seconds(CLOCK_MONOTONIC);

    for (size_t i = 0; i < THREADS; i++) {
        c[i] = (struct client){ b, i * (LOGS / THREADS) };
        assert_int_equal(pthread_create(&t[i], NULL, many, &c[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(t[i], NULL);
    return (LOGS * SIZES) / (seconds(CLOCK_MONOTONIC) - began);
}

/* The log behind the others, alone. */
static void
alone(struct bench *b, const char *origin)
{
    char buf[ANSWER];
    auto_fd fd = world_dial(&b->at);

    for (size_t size = 0; size < SIZES; size++) {
        char *body = world_request(origin, 0, size, size + 1, &b->arena);
        double began = seconds(CLOCK_MONOTONIC);
        assert_int_equal(
            world_exchange(fd, "POST", "/add-checkpoint", body, buf, sizeof(buf)), 200);
        b->latency_ms[size] = (seconds(CLOCK_MONOTONIC) - began) * 1000;
    }
    qsort(b->latency_ms, SIZES, sizeof(double), by_size);
}

/* What nobody can save: the log's signature checked, ours made. */
static double
bare(struct bench *b)
{
    enum { ROUNDS = 2000 };
    auto_key *k = world_key(3);
    struct selfsame_err e = { 0 };
    struct note_key vkey;
    struct note n;
    uint64_t good;
    char *line;

    const struct checkpoint c = world_checkpoint("log.example/0", 0, SIZES);
    assert_code(
        note_key_of(c.origin, NOTE_ED25519, k, &b->arena, &vkey, &e), SELFSAME_OK, &e);
    struct selfsame_bytes note = world_note(&c, &b->arena);
    double began = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < ROUNDS; i++) {
        auto_arena arena = arena_new(1 << 20);
        assert_code(note_parse(note, &arena, &n, &e), SELFSAME_OK, &e);
        assert_code(note_verify(&n, &vkey, 1, &good, NULL, &e), SELFSAME_OK, &e);
        assert_code(
            note_sign(n.text, c.origin, NOTE_COSIGNATURE, k, 1, &arena, &line, &e),
            SELFSAME_OK, &e);
    }
    return ROUNDS / (seconds(CLOCK_MONOTONIC) - began);
}

int
main(void)
{
    struct bench *b = calloc(1, sizeof(*b));
    char top[] = "/tmp/selfsame-bench.XXXXXX", vkey[256], origin[32];
    struct witness_service_config c = { .dir = b->dir };
    struct selfsame_err e = { 0 };
    pthread_t t;

    b->arena = arena_new((size_t)1 << 28);
    assert_non_null(mkdtemp(top));
    (void)snprintf(b->dir, sizeof(b->dir), "%s/w", top);
    world_dir(b->dir, "witness.example/w1", 2, LOGS + 1, vkey, sizeof(vkey));
    for (size_t i = 0; i < LOGS; i++)
        for (size_t size = 0; size < SIZES; size++) {
            (void)snprintf(origin, sizeof(origin), "log.example/%zu", i);
            b->requests[i][size] = world_request(origin, 0, size, size + 1, &b->arena);
        }
    assert_code(net_addr_parse("127.0.0.1:0", 0, &c.listen, &e), SELFSAME_OK, &e);
    assert_code(witness_service_new(&c, &b->s, &e), SELFSAME_OK, &e);
    assert_code(witness_service_open(b->s, &e), SELFSAME_OK, &e);
    witness_service_bound(b->s, &b->at);
    assert_int_equal(pthread_create(&t, NULL, run, b->s), 0);
    double floor = bare(b), rate = all_at_once(b);
    (void)snprintf(origin, sizeof(origin), "log.example/%d", (int)LOGS);
    alone(b, origin);
    (void)printf("witness, %d logs at once    %8.0f /s   %.2f of a bare check and "
                 "signature\n",
        (int)LOGS, rate, rate / floor);
    (void)printf("witness, one log alone     %8.2f ms at p50, %.2f ms at p99\n",
        b->latency_ms[SIZES / 2], b->latency_ms[SIZES - 1]);
    witness_service_stop(b->s);
    (void)pthread_join(t, NULL);
    witness_service_free(&b->s);
    arena_free(&b->arena);
    free(b);
    return dir_remove(top, &e) == SELFSAME_OK ? 0 : 1;
}
