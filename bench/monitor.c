/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes to follow a log: entries per second that a monitor with one key reads,
 * as a ratio to the bare signature and hashes they need; the same into an index for
 * look-ups; and one look-up by measurement. The log is in memory, its entries are
 * releases of strangers of 2 KiB.
 */
#include "../tests/monitor_world.h"
#include "bench.h"

#include "os/os.h"
#include "service/lookup.h"
#include "service/monitor.h"

#include <sys/resource.h>
#include <unistd.h>

enum { KINDS = 512, ENTRIES = 32768, FINDS = 2000 };

static enum selfsame_code
heard(void *ctx, const json_t *event, struct selfsame_err *e)
{
    (void)event;
    (void)e;
    ++*(size_t *)ctx;
    return SELFSAME_OK;
}

/* What nobody can save: one signature check and one leaf hash for each entry. */
static double
bare(struct world *w, const struct selfsame_bytes *entries)
{
    struct selfsame_err e = { 0 };
    const double began = seconds(CLOCK_PROCESS_CPUTIME_ID);

    for (size_t i = 0; i < ENTRIES / 8; i++) {
        uint8_t leaf[LOG_HASH], message[2048] = { 1 }, signature[64] = { 2 };
        const struct sig_check check = { .alg = SIG_ED25519,
            .key = BYTES(w->spki[ME].ptr + 12, 32),
            .digest = BYTES_ARR(message),
            .signature = BYTES_ARR(signature) };

        assert_true(merkle_leaf(entries[i % KINDS], leaf));
        assert_int_equal(sig_verify(&check, &e), SELFSAME_BAD_SIGNATURE);
    }
    return (seconds(CLOCK_PROCESS_CPUTIME_ID) - began) * 8;
}

static void
bench_monitor(struct world *w, const char *dir, double floor)
{
    const struct monitor_key mine = { w->spki[ME], "me" };
    const struct tiles_reader r = made_reader(&w->made);
    char state[128];
    size_t events = 0;
    const struct monitor_config c = { .where = "",
        .reader = &r,
        .state = state,
        .trust = &w->trust,
        .publishers = { &mine, 1 },
        .tell = heard,
        .ctx = &events };
    struct selfsame_err e = { 0 };
    auto_monitor *m = NULL;

    (void)snprintf(state, sizeof(state), "%s/state", dir);
    assert_code(monitor_new(&c, &m, &e), SELFSAME_OK, &e);
    const double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    assert_code(monitor_round(m, WORLD_NOW, &e), SELFSAME_OK, &e);
    const double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - began;
    assert_int_equal(monitor_worst(m), SELFSAME_OK);
    printf("monitor, one key          %8.0f entries/s   %.2f of a bare signature and "
           "hash\n",
        ENTRIES / took, floor / took);
}

static void
bench_lookup(struct world *w, const struct checkpoint *point, const char *dir)
{
    const struct tiles_reader r = made_reader(&w->made);
    struct selfsame_err e = { 0 };
    auto_lookup *l = NULL;
    auto_tiles *t = NULL;
    uint8_t pcr[48];

    assert_code(tiles_over(&r, &t, &e), SELFSAME_OK, &e);
    assert_code(lookup_open(dir, &l, &e), SELFSAME_OK, &e);
    double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    assert_code(lookup_update(l, t, point, WORLD_NOW, &e), SELFSAME_OK, &e);
    double took = seconds(CLOCK_PROCESS_CPUTIME_ID) - began;
    printf("index for look-ups        %8.0f entries/s\n", ENTRIES / took);
    memset(pcr, 0x11, sizeof(pcr));
    const struct lookup_query q = { .measurement = BYTES_ARR(pcr) };
    began = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int i = 0; i < FINDS; i++) {
        char *text = NULL;

        assert_code(lookup_find(l, &q, &text, &e), SELFSAME_OK, &e);
        assert_non_null(strstr(text, "\"1.0\""));
        free(text);
    }
    took = seconds(CLOCK_PROCESS_CPUTIME_ID) - began;
    printf("look-up by measurement    %8.0f /s among %d releases\n", FINDS / took,
        (int)ENTRIES);
}

int
main(void)
{
    auto_world *w = world_new();
    struct selfsame_bytes *all = calloc(ENTRIES, sizeof(*all));
    char dir[64] = "/tmp/selfsame-bench.XXXXXX";
    struct selfsame_err e = { 0 };
    struct rusage before, after;

    assert_non_null(all);
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < KINDS; i++)
        (void)world_add(w, THIEF,
            world_release(w, "example.org/other",
                arena_printf(&w->arena, "%d.0", i + 1), i + 1,
                (uint8_t)(i == 0 ? 0x11 : 0x20 + i % 64), NULL));
    /* Only the first has the value that is looked for. */
    for (size_t i = 0; i < ENTRIES; i++)
        all[i] = w->entries[i < KINDS ? i : 1 + i % (KINDS - 1)];
    w->made = (struct made){ .entries = all };
    made_build(&w->made, ENTRIES);
    struct checkpoint point = made_checkpoint(&w->made, ENTRIES);
    point.origin = BYTES_LIT(WORLD_ORIGIN);
    w->made.checkpoint = world_note(w, &point, 2, WORLD_NOW - 60);
    (void)getrusage(RUSAGE_SELF, &before);
    bench_monitor(w, dir, bare(w, all));
    (void)getrusage(RUSAGE_SELF, &after);
    printf("monitor, memory           %8ld KiB more for %d entries\n",
        after.ru_maxrss - before.ru_maxrss, (int)ENTRIES);
    bench_lookup(w, &point, dir);
    assert_code(dir_remove(dir, &e), SELFSAME_OK, &e);
    free(all);
    return 0;
}
