/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event logs per second on one core: of 82 events and 34 kB as a boot with Secure Boot
 * and GRUB has (google/go-eventlog's rhel8 log: 10,840/s, 0.22 of one pass over it).
 * The bare hashes beside it, measured in the same run: those of replay, 96 bytes an
 * event, and with the verdicts one pass over the log.
 */
#define MADE_LOG_SIZE (64 << 10)
#include "../tests/event_log_made.h"
#include "bench.h"

#include <openssl/evp.h>

enum { TIMES = 2000, ROUNDS = 9, EVENTS = 82, LONG = 4, LONG_DATA = 5200, DATA = 106 };

static struct selfsame_bytes
make_log(struct made_log *m)
{
    static uint8_t data[LONG_DATA];

    made_header(m);
    for (uint32_t i = 0; i < EVENTS; i++) {
        data[0] = (uint8_t)i;
        made_plain(m, 1 + i % 3, 0x80000001u, BYTES(data, i < LONG ? LONG_DATA : DATA));
    }
    return writer_bytes(&m->w);
}

static double
replay(struct selfsame_bytes in, bool judge)
{
    double t = processor_us();

    for (int i = 0; i < TIMES; i++) {
        struct selfsame_err e = { .depth = 0 };
        struct event_log log;
        struct cc_replay r;
        struct event_fact fact;
        struct event event;

        assert_code(event_log_parse(in, &log, &e), SELFSAME_OK, &e);
        assert_code(cc_replay(&log, &r, &e), SELFSAME_OK, &e);
        for (struct selfsame_bytes rest = log.events;
             judge && event_next(&log, &rest, &event);)
            assert_code(event_judge(&log, &event, &fact, &e), SELFSAME_OK, &e);
    }
    return (processor_us() - t) / TIMES;
}

/* `count` digests of `size` bytes each. */
static double
bare(struct selfsame_bytes in, size_t count, size_t size)
{
    EVP_MD *md = EVP_MD_fetch(NULL, "SHA2-384", NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t digest[HASH_MAX];
    double t = processor_us();

    for (int i = 0; i < TIMES; i++)
        for (size_t n = 0; n < count; n++) {
            assert_int_equal(EVP_DigestInit_ex2(ctx, md, NULL), 1);
            assert_int_equal(EVP_DigestUpdate(ctx, in.ptr, size), 1);
            assert_int_equal(EVP_DigestFinal_ex(ctx, digest, NULL), 1);
        }
    t = (processor_us() - t) / TIMES;
    EVP_MD_CTX_free(ctx);
    EVP_MD_free(md);
    return t;
}

int
main(void)
{
    double hashes[ROUNDS], pass[ROUNDS], plain[ROUNDS], judged[ROUNDS];
    static struct made_log m;
    const struct selfsame_bytes in = make_log(&m);

    (void)replay(in, true);
    for (size_t i = 0; i < ROUNDS; i++) {
        hashes[i] = bare(in, EVENTS, 96);
        plain[i] = replay(in, false);
        pass[i] = bare(in, 1, in.len);
        judged[i] = replay(in, true);
    }
    double h = median(hashes, ROUNDS), p = median(pass, ROUNDS),
           r = median(plain, ROUNDS), j = median(judged, ROUNDS);
    (void)printf(
        "\nEvent logs, one core, %d events in %zu bytes, SHA-384\n", EVENTS, in.len);
    (void)printf("  %-34s %8.0f/s %8.1f us\n", "bare digests of replay", 1e6 / h, h);
    (void)printf("  %-34s %8.0f/s %8.1f us\n", "bare pass over the log", 1e6 / p, p);
    (void)printf("  %-34s %8.0f/s %8.1f us   %5.2f of its digests   (aim 0.7)\n",
        "selfsame, parse and replay", 1e6 / r, r, h / r);
    (void)printf("  %-34s %8.0f/s %8.1f us   %5.2f of digests and pass   (aim 0.5)\n",
        "selfsame, and a verdict per event", 1e6 / j, j, (h + p) / j);
    return 0;
}
