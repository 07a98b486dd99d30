/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transparency log on this machine: durable entries per second in process (by batch,
 * and with 256 callers that each wait for their proof), proofs checked as ratios to the
 * bare hashes and the bare signature they need, and growth to a million entries.
 * usage: bench_log [DIR]: where the logs are made; fsync is what it measures
 */
#include "bench.h"
#include "crypto/crypto.h"
#include "os/os.h"
#include "service/log_core.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALLERS = 256, ENTRY = 1024, ROUNDS = 9 };
#define ORIGIN "bench.example/log"

/* ---- logs ---- */

struct world {
    char dir[256];
    struct store *store;
    struct log_core *core;
    struct key *key;
};

static void
open_log(struct world *w, size_t batch)
{
    const struct store_posix_config c = { .dir = w->dir };

    NEED_OK(store_posix_open(&c, &w->store, &e));
    const struct log_core_config config = { .store = w->store,
        .origin = BYTES_LIT(ORIGIN),
        .key = w->key,
        .batch_max = batch };
    NEED_OK(log_core_open(&config, &w->core, &e));
}

static void
close_log(struct world *w)
{
    log_core_close(&w->core);
    store_close(&w->store);
}

static void
make_log(struct world *w, const char *in, size_t batch)
{
    const uint8_t seed[32] = { 3 };

    (void)snprintf(w->dir, sizeof(w->dir), "%s/selfsame-bench.XXXXXX", in);
    NEED(mkdtemp(w->dir) != NULL);
    const struct store_posix_config c = { .dir = w->dir, .create = true };
    NEED_OK(key_from_seed(BYTES_ARR(seed), &w->key, &e));
    NEED_OK(store_posix_open(&c, &w->store, &e));
    NEED_OK(log_core_create(w->store, &e));
    store_close(&w->store);
    open_log(w, batch);
}

static void
drop_log(struct world *w)
{
    close_log(w);
    key_free(&w->key);
    NEED_OK(dir_remove(w->dir, &e));
}

static void
make_entry(uint64_t n, uint8_t ret[static ENTRY])
{
    memset(ret, (int)('a' + n % 26), ENTRY);
    memcpy(ret, &n, sizeof(n));
}

/* ---- what the disk needs ---- */

/* One write into a file that is there, flushed: the least that anything durable costs. */
static double
flush_time(const char *in)
{
    double took[4 * ROUNDS];
    char path[300];
    static uint8_t page[4096];

    (void)snprintf(path, sizeof(path), "%s/selfsame-bench.XXXXXX", in);
    int fd = mkstemp(path);
    NEED(fd >= 0 && write(fd, page, sizeof(page)) == sizeof(page) && fsync(fd) == 0);
    for (size_t i = 0; i < COUNT(took); i++) {
        double t = seconds(CLOCK_MONOTONIC);

        page[0]++;
        NEED(pwrite(fd, page, sizeof(page), 0) == sizeof(page) && fdatasync(fd) == 0);
        took[i] = seconds(CLOCK_MONOTONIC) - t;
    }
    NEED(unlink(path) == 0 && close(fd) == 0);
    return median(took, COUNT(took));
}

/* A rate of this run beside the disk as it was just then: others use it too. */
static void
row(const char *what, double rate, size_t batch, double flush_s, const char *aim)
{
    (void)printf("  %-34s %8.0f/s", what, rate);
    if (flush_s > 2e-5) /* else it is memory */
        (void)printf("   a batch lasts %.1f flushes of %.2f ms",
            (double)batch / rate / flush_s, flush_s * 1e3);
    (void)printf("%s\n", aim);
}

/* ---- by batch: one thread keeps two batches under way ---- */

struct window {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    size_t open;
    bool failed;
};

static void
one_done(void *ctx, enum selfsame_code code, const struct log_receipt *r,
    const struct selfsame_err *e)
{
    struct window *w = ctx;

    (void)r;
    (void)e;
    (void)pthread_mutex_lock(&w->lock);
    w->open--;
    w->failed |= code != SELFSAME_OK;
    (void)pthread_cond_signal(&w->cond);
    (void)pthread_mutex_unlock(&w->lock);
}

static double
by_batch(const char *in, size_t batch, uint64_t count)
{
    struct world log = { .dir = "" };
    struct window w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false };
    const struct log_done done = { one_done, &w };
    uint8_t entry[ENTRY];

    make_log(&log, in, batch);
    double t = seconds(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < count; i++) {
        (void)pthread_mutex_lock(&w.lock);
        while (w.open >= (batch > 1 ? 2 * batch : 1))
            (void)pthread_cond_wait(&w.cond, &w.lock);
        w.open++;
        (void)pthread_mutex_unlock(&w.lock);
        make_entry(i, entry);
        log_core_submit(log.core, BYTES_ARR(entry), NULL, &done);
    }
    (void)pthread_mutex_lock(&w.lock);
    while (w.open > 0)
        (void)pthread_cond_wait(&w.cond, &w.lock);
    (void)pthread_mutex_unlock(&w.lock);
    t = seconds(CLOCK_MONOTONIC) - t;
    NEED(!w.failed);
    drop_log(&log);
    return (double)count / t;
}

/* ---- callers that wait for their proofs ---- */

struct calling {
    struct log_core *core;
    atomic_uint_fast64_t *next;
    uint64_t end;
};

static void *
call(void *ctx)
{
    const struct calling *c = ctx;
    uint8_t entry[ENTRY];

    for (;;) {
        auto_arena arena = arena_new(1 << 16);
        const uint64_t n = atomic_fetch_add(c->next, 1);
        char *proof = NULL;

        if (n >= c->end)
            return NULL;
        make_entry(n, entry);
        NEED_OK(log_core_add(c->core, BYTES_ARR(entry), &arena, &proof, &e));
    }
}

/* Adds entries [from, to); returns them per second. */
static double
callers(struct log_core *core, uint64_t from, uint64_t to)
{
    static pthread_t thread[CALLERS];
    pthread_attr_t small;
    atomic_uint_fast64_t next = from;
    struct calling c = { core, &next, to };
    double t = seconds(CLOCK_MONOTONIC);

    (void)pthread_attr_init(&small);
    (void)pthread_attr_setstacksize(&small, 256 << 10);
    for (size_t i = 0; i < CALLERS; i++)
        NEED(pthread_create(&thread[i], &small, call, &c) == 0);
    for (size_t i = 0; i < CALLERS; i++)
        NEED(pthread_join(thread[i], NULL) == 0);
    (void)pthread_attr_destroy(&small);
    return (double)(to - from) / (seconds(CLOCK_MONOTONIC) - t);
}

/* ---- proofs ---- */

enum { LEAVES = 1 << 10, DEPTH = 10, CHECKS = 2000 };

/* What the path needs at least: as many hashes of 65 bytes, one after another. */
static double
bare_nodes(const EVP_MD *md)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t node[65] = { 1 };

    NEED(ctx != NULL && EVP_DigestInit_ex2(ctx, md, NULL) == 1);
    double t = seconds(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < CHECKS * DEPTH; i++) {
        NEED(EVP_DigestInit_ex2(ctx, NULL, NULL) == 1);
        NEED(EVP_DigestUpdate(ctx, node, sizeof(node)) == 1);
        NEED(EVP_DigestFinal_ex(ctx, node + 33, NULL) == 1);
    }
    t = seconds(CLOCK_THREAD_CPUTIME_ID) - t;
    EVP_MD_CTX_free(ctx);
    return t / CHECKS;
}

static double
our_path(const struct log_proof *p, const struct checkpoint *c, const uint8_t *leaf)
{
    double t = seconds(CLOCK_THREAD_CPUTIME_ID);

    for (size_t i = 0; i < CHECKS; i++)
        NEED_OK(merkle_check_inclusion(p->index, c->size, leaf, p->path, c->root, &e));
    return (seconds(CLOCK_THREAD_CPUTIME_ID) - t) / CHECKS;
}

static double
bare_signature(struct selfsame_bytes text, struct selfsame_bytes signature,
    struct selfsame_bytes key)
{
    double t = seconds(CLOCK_THREAD_CPUTIME_ID);

    for (size_t i = 0; i < CHECKS; i++)
        NEED(crypto_sign_verify_detached(signature.ptr, text.ptr, text.len, key.ptr) ==
             0);
    return (seconds(CLOCK_THREAD_CPUTIME_ID) - t) / CHECKS;
}

/* All that a client does with a proof, from its text on. */
static double
our_proof(
    const struct log_policy *policy, const char *text, struct selfsame_bytes entry)
{
    double t = seconds(CLOCK_THREAD_CPUTIME_ID);

    for (size_t i = 0; i < CHECKS; i++) {
        auto_arena arena = arena_new(1 << 16);
        uint8_t leaf[LOG_HASH];
        struct checkpoint c;
        struct log_proof p;
        uint64_t witnesses;

        NEED_OK(proof_parse(bytes_str(text), &arena, &p, &e));
        NEED_OK(
            log_policy_open(policy, p.checkpoint, &arena, &c, &witnesses, NULL, &e));
        NEED(merkle_leaf(entry, leaf));
        NEED_OK(merkle_check_inclusion(p.index, c.size, leaf, p.path, c.root, &e));
    }
    return (seconds(CLOCK_THREAD_CPUTIME_ID) - t) / CHECKS;
}

static void
ratio(const char *what, double ours, double bare, const char *of)
{
    (void)printf("  %-34s %8.0f/s %8.1f us   %5.2f of %s   (aim 0.9)\n", what, 1 / ours,
        ours * 1e6, bare / ours, of);
}

static void
proofs(const char *in)
{
    struct world log = { .dir = "" };
    auto_arena arena = arena_new(4 << 20);
    double nodes[ROUNDS], path[ROUNDS], signature[ROUNDS], whole[ROUNDS];
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
    uint8_t entry[ENTRY], leaf[LOG_HASH];
    struct log_policy policy;
    struct log_proof p;
    struct checkpoint c;
    struct note_key key;
    struct note note;
    uint64_t witnesses;
    char *text = NULL;

    make_log(&log, in, 256);
    (void)callers(log.core, 0, LEAVES);
    make_entry(1, entry);
    NEED_OK(log_core_add(log.core, BYTES_ARR(entry), &arena, &text, &e));
    NEED_OK(note_key_of(BYTES_LIT(ORIGIN), NOTE_ED25519, log.key, &arena, &key, &e));
    const char *trust = arena_printf(
        &arena, "log %s\nquorum none\n", note_key_text(&key, &arena));
    NEED(trust != NULL && md != NULL && merkle_leaf(BYTES_ARR(entry), leaf));
    NEED_OK(log_policy_parse(bytes_str(trust), &arena, &policy, &e));
    NEED_OK(proof_parse(bytes_str(text), &arena, &p, &e));
    NEED_OK(log_policy_open(&policy, p.checkpoint, &arena, &c, &witnesses, NULL, &e));
    NEED_OK(note_parse(p.checkpoint, &arena, &note, &e));
    NEED(c.size == LEAVES && p.path.count == DEPTH);
    for (size_t i = 0; i < ROUNDS; i++) {
        nodes[i] = bare_nodes(md);
        path[i] = our_path(&p, &c, leaf);
        signature[i] = bare_signature(note.text, note.lines[0].signature, key.key);
        whole[i] = our_proof(&policy, text, BYTES_ARR(entry));
    }
    ratio("inclusion check, 10 hashes", median(path, ROUNDS), median(nodes, ROUNDS),
        "bare SHA-256");
    ratio("proof file, from its text", median(whole, ROUNDS), median(signature, ROUNDS),
        "bare Ed25519 (libsodium)");
    EVP_MD_free(md);
    drop_log(&log);
}

/* ---- growth ---- */

static unsigned long
resident_kib(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    NEED(f != NULL && fscanf(f, "%*u %lu", &pages) == 1);
    (void)fclose(f);
    return pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024;
}

static void
growth(const char *in, uint64_t most)
{
    struct world log = { .dir = "" };

    make_log(&log, in, 256);
    uint64_t from = 0;
    for (uint64_t to = most / 16; to <= most; to *= 4) {
        const double rate = callers(log.core, from, to);

        close_log(&log);
        double t = seconds(CLOCK_MONOTONIC);
        open_log(&log, 256);
        t = seconds(CLOCK_MONOTONIC) - t;
        (void)printf("  %-34s %8.0f/s   resident %lu KiB, start %.1f ms\n",
            to == most ? "grown to the end" : "growing", rate, resident_kib(), t * 1e3);
        (void)printf("  %34s at %llu entries\n", "", (unsigned long long)to);
        from = to;
    }
    drop_log(&log);
}

int
main(int argc, char **argv)
{
    const char *in = argc > 1 ? argv[1] : "/tmp";
    struct world log = { .dir = "" };

    NEED(sodium_init() >= 0);
    (void)printf("\nTransparency log, durable entries of %d bytes\n", (int)ENTRY);
    static const struct {
        const char *what;
        size_t batch;
        uint64_t count;
    } batches[] = {
        { "batches of 1", 1, 300 },
        { "batches of 100", 100, 20000 },
        { "batches of 1000", 1000, 100000 },
    };
    for (size_t i = 0; i < COUNT(batches); i++) {
        const double flush = flush_time(in);

        row(batches[i].what, by_batch(in, batches[i].batch, batches[i].count),
            batches[i].batch, flush, "");
    }
    make_log(&log, in, 256);
    const double flush = flush_time(in);
    double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    const double rate = callers(log.core, 0, 100000);
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    row("256 callers, each with its proof", rate, 256, flush, "   (aim 40000/s)");
    (void)printf("  %34s %8.1f us of processors each\n", "", cpu / 100000 * 1e6);
    drop_log(&log);
    proofs(in);
    growth(in, argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000);
    return 0;
}
