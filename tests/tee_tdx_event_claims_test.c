/* SPDX-License-Identifier: Apache-2.0 */
#include "event_log_made.h"

#include "tee/tdx/event_claims.h"

#define TDX "vectors/tdx/google+go-tdx-guest/"
enum { QUOTE_RTMR0 = 48 + 328 }; /* header; body up to RTMR0 */

/* A log and the registers of the quote that it is said to belong to. */
struct world {
    struct made_log m;
    struct selfsame_bytes log;
    uint8_t rtmr[TDX_RTMRS][CC_DIGEST];
};

static void
replay_into(struct world *w)
{
    struct selfsame_err e = { .depth = 0 };
    struct event_log log;
    struct cc_replay r;

    w->log = writer_bytes(&w->m.w);
    assert_code(event_log_parse(w->log, &log, &e), SELFSAME_OK, &e);
    assert_code(cc_replay(&log, &r, &e), SELFSAME_OK, &e);
    memcpy(w->rtmr, r.value[1], sizeof(w->rtmr));
}

static void
make_world(struct world *w)
{
    (void)made_boot(&w->m);
    replay_into(w);
}

static struct tdx_event_claims
events_of(
    struct selfsame_bytes log, uint8_t rtmr[TDX_RTMRS][CC_DIGEST], struct arena *a)
{
    const struct selfsame_bytes views[TDX_RTMRS] = { BYTES(rtmr[0], CC_DIGEST),
        BYTES(rtmr[1], CC_DIGEST), BYTES(rtmr[2], CC_DIGEST),
        BYTES(rtmr[3], CC_DIGEST) };
    struct selfsame_err e = { .depth = 0 };
    struct tdx_event_claims x;

    assert_code(tdx_event_claims(log, views, a, &x, &e), SELFSAME_OK, &e);
    return x;
}

static const struct claim *
find(const struct tdx_event_claims *x, const char *path)
{
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->list[i].path, path) == 0)
            return &x->list[i];
    return NULL;
}

/* How many of a list. */
static size_t
number_of(const struct tdx_event_claims *x, const char *path)
{
    size_t n = 0;

    for (size_t i = 0; i < x->count; i++)
        n += strcmp(x->list[i].path, path) == 0;
    return n;
}

static void
assert_text(const struct tdx_event_claims *x, const char *want)
{
    const struct claim *c = find(x, "event_log");

    assert_non_null(c);
    assert_bytes(c->bytes, bytes_str(want));
    if (strcmp(want, "replays") == 0)
        assert_null(x->wrong);
    else
        assert_string_equal(x->wrong, want);
}

static void
a_log_of_this_boot_gives_its_events(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct world w;
    uint8_t image[HASH_MAX];

    (void)state;
    make_world(&w);
    const struct tdx_event_claims x = events_of(w.log, w.rtmr, &a);
    assert_text(&x, "replays");
    assert_int_equal(number_of(&x, "events.0"), 2);
    assert_int_equal(number_of(&x, "events.1"), 2);
    assert_int_equal(number_of(&x, "events.2"), 1);
    assert_null(find(&x, "events.3"));
    assert_int_equal(find(&x, "events.1")->shape, CLAIM_EACH);
    assert_true(hash_bytes(HASH_SHA384, BYTES_LIT("an image"), image));
    assert_bytes(x.list[3].bytes, BYTES(image, 48));
    assert_string_equal(x.list[3].path, "events.1");
    assert_int_equal(find(&x, "boot.secure_boot")->kind, CLAIM_BOOL);
    assert_int_equal(find(&x, "boot.secure_boot")->number, 1);
    arena_free(&a);
}

static void
no_log_gives_nothing(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct world w;

    (void)state;
    make_world(&w);
    const struct tdx_event_claims x = events_of(BYTES_NONE, w.rtmr, &a);
    assert_int_equal(x.count, 0);
    assert_null(x.wrong);
    arena_free(&a);
}

static void
a_register_of_another_boot_gives_no_events(void **state)
{
    static const char *const path[] = { "events.0", "events.1", "events.2" };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct arena a = arena_new(1 << 16);
        struct world w;
        char want[60];

        make_world(&w);
        w.rtmr[i][47] ^= 1;
        const struct tdx_event_claims x = events_of(w.log, w.rtmr, &a);
        (void)snprintf(
            want, sizeof(want), "the event log does not replay to RTMR%zu", i);
        assert_text(&x, want);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(find(&x, path[k]) == NULL, k == i);
        /* It is read from RTMR0 alone. */
        assert_int_equal(find(&x, "boot.secure_boot") == NULL, i == 0);
        arena_free(&a);
    }
}

/* The quote of a machine that has extended more than its log says. */
static void
a_log_whose_last_event_is_left_out_gives_nothing_of_that_register(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct world w;

    (void)state;
    make_world(&w);
    struct selfsame_bytes shorter = w.log;
    shorter.len -= 4 + 4 + 4 + 2 + 48 + 4 + 28;
    const struct tdx_event_claims x = events_of(shorter, w.rtmr, &a);
    assert_text(&x, "the event log does not replay to RTMR2");
    assert_null(find(&x, "events.2"));
    assert_non_null(find(&x, "events.1"));
    arena_free(&a);
}

/* Extends through sysfs stand in no log. */
static void
rtmr3_is_not_demanded_of_a_log_without_it(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct world w;

    (void)state;
    make_world(&w);
    memset(w.rtmr[3], 0x33, CC_DIGEST);
    const struct tdx_event_claims x = events_of(w.log, w.rtmr, &a);
    assert_text(&x, "replays");
    assert_null(find(&x, "events.3"));
    arena_free(&a);
}

static void
rtmr3_is_demanded_of_a_log_that_has_it(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct world w;

    (void)state;
    make_world(&w);
    made_plain(&w.m, 4, 6, BYTES_LIT("a workload"));
    replay_into(&w);
    struct tdx_event_claims x = events_of(w.log, w.rtmr, &a);
    assert_text(&x, "replays");
    assert_int_equal(number_of(&x, "events.3"), 1);
    w.rtmr[3][0] ^= 1;
    x = events_of(w.log, w.rtmr, &a);
    assert_text(&x, "the event log does not replay to RTMR3");
    assert_null(find(&x, "events.3"));
    arena_free(&a);
}

static void
registers_without_events_are_no_empty_list(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct world w;

    (void)state;
    made_header(&w.m);
    replay_into(&w);
    const struct tdx_event_claims x = events_of(w.log, w.rtmr, &a);
    assert_text(&x, "replays");
    assert_int_equal(x.count, 1);
    arena_free(&a);
}

static void
a_log_that_is_none_is_said_and_no_error(void **state)
{
    struct arena a = arena_new(1 << 16);
    struct world w;

    (void)state;
    make_world(&w);
    struct tdx_event_claims x = events_of(BYTES_LIT("no log"), w.rtmr, &a);
    assert_int_equal(x.count, 1);
    assert_non_null(strstr(x.wrong, "Spec ID Event03"));
    made_plain(&w.m, 5, 4, BYTES_LIT("beyond"));
    x = events_of(writer_bytes(&w.m.w), w.rtmr, &a);
    assert_int_equal(x.count, 1);
    assert_non_null(strstr(x.wrong, "register 1 to 4"));
    arena_free(&a);
}

/* Types are hashed nowhere: two that are swapped prove the same and no more. */
static void
swapped_types_change_no_claim(void **state)
{
    struct arena a = arena_new(1 << 17);
    struct world w;

    make_world(&w);
    const struct tdx_event_claims good = events_of(w.log, w.rtmr, &a);
    uint8_t copy[MADE_LOG_SIZE];
    const size_t head = 65, first = head + 4, second = head + 66 + 53 + 4;

    (void)state;
    memcpy(copy, w.log.ptr, w.log.len);
    memcpy(copy + first, w.log.ptr + second, 4);
    memcpy(copy + second, w.log.ptr + first, 4);
    assert_int_equal(copy[first], 4);
    assert_int_equal(copy[second], 1);
    const struct tdx_event_claims x = events_of(BYTES(copy, w.log.len), w.rtmr, &a);
    assert_text(&x, "replays");
    assert_int_equal(x.count, good.count);
    for (size_t i = 0; i < x.count; i++) {
        assert_string_equal(x.list[i].path, good.list[i].path);
        assert_int_equal(x.list[i].number, good.list[i].number);
        assert_bytes(x.list[i].bytes, good.list[i].bytes);
    }
    arena_free(&a);
}

static bool
has_digest(const struct tdx_event_claims *x, const struct claim *c)
{
    for (size_t i = 0; i < x->count; i++)
        if (strcmp(x->list[i].path, c->path) == 0 &&
            bytes_eq(x->list[i].bytes, c->bytes))
            return true;
    return false;
}

/* Whatever is done to one bit, no digest is claimed that the registers do not prove. */
static void
no_bit_of_a_log_adds_a_digest(void **state)
{
    struct arena a = arena_new(64 << 20);
    struct world w;

    make_world(&w);
    const struct tdx_event_claims good = events_of(w.log, w.rtmr, &a);
    uint8_t copy[MADE_LOG_SIZE];
    size_t gone = 0;

    (void)state;
    for (size_t bit = 0; bit < 8 * w.log.len; bit++) {
        memcpy(copy, w.log.ptr, w.log.len);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct arena inner = arena_new(1 << 16);
        const struct tdx_event_claims x = events_of(
            BYTES(copy, w.log.len), w.rtmr, &inner);

        for (size_t i = 0; i < x.count; i++) {
            const struct claim *c = &x.list[i];

            assert_int_equal(number_of(&x, c->path), number_of(&good, c->path));
            if (c->shape == CLAIM_EACH)
                assert_true(has_digest(&good, c));
            if (c->kind == CLAIM_BOOL)
                assert_int_equal(c->number, find(&good, c->path)->number);
        }
        gone += x.count < good.count;
        arena_free(&inner);
    }
    assert_true(gone > 0);
    arena_free(&a);
}

static void
every_allocation_that_fails_is_no_memory(void **state)
{
    struct world w;
    const struct selfsame_bytes views[TDX_RTMRS] = { BYTES_ARR(w.rtmr[0]),
        BYTES_ARR(w.rtmr[1]), BYTES_ARR(w.rtmr[2]), BYTES_ARR(w.rtmr[3]) };
    long at = 1;

    (void)state;
    make_world(&w);
    w.rtmr[2][0] ^= 1; /* so that the sentence is made as well */
    for (;; at++) {
        struct arena a = arena_new(1 << 16);
        struct selfsame_err e = { .depth = 0 };
        struct tdx_event_claims x = { .count = 99 };

        a.fail_at = at;
        enum selfsame_code code = tdx_event_claims(w.log, views, &a, &x, &e);
        arena_free(&a);
        if (code == SELFSAME_OK)
            break;
        assert_int_equal(code, SELFSAME_NOMEM);
        assert_int_equal(x.count, 99);
    }
    assert_int_equal(at, 3); /* the claims, a sentence */
}

/* ---- real ---- */

static void
a_real_log_replays_to_its_quote_and_to_no_other(void **state)
{
    struct arena a = arena_new(8 << 20);
    uint8_t rtmr[TDX_RTMRS][CC_DIGEST];

    (void)state;
    need_shared();
    struct selfsame_bytes quote = shared_file(TDX "v4-cos113/quote.dat", &a);
    struct selfsame_bytes log = shared_file(TDX "ccel/ccel_data.dat", &a);
    memcpy(rtmr, quote.ptr + QUOTE_RTMR0, sizeof(rtmr));
    struct tdx_event_claims x = events_of(log, rtmr, &a);
    assert_text(&x, "replays");
    assert_int_equal(number_of(&x, "events.0"), 16);
    assert_int_equal(number_of(&x, "events.1"), 7);
    assert_int_equal(number_of(&x, "events.2"), 20);
    assert_null(find(&x, "events.3"));
    assert_int_equal(find(&x, "boot.secure_boot")->number, 0);
    quote = shared_file(TDX "v4-spr/quote.dat", &a);
    memcpy(rtmr, quote.ptr + QUOTE_RTMR0, sizeof(rtmr));
    x = events_of(log, rtmr, &a);
    assert_text(&x, "the event log does not replay to RTMR0");
    assert_int_equal(x.count, 1);
    arena_free(&a);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_of_this_boot_gives_its_events),
        cmocka_unit_test(no_log_gives_nothing),
        cmocka_unit_test(a_register_of_another_boot_gives_no_events),
        cmocka_unit_test(
            a_log_whose_last_event_is_left_out_gives_nothing_of_that_register),
        cmocka_unit_test(rtmr3_is_not_demanded_of_a_log_without_it),
        cmocka_unit_test(rtmr3_is_demanded_of_a_log_that_has_it),
        cmocka_unit_test(registers_without_events_are_no_empty_list),
        cmocka_unit_test(a_log_that_is_none_is_said_and_no_error),
        cmocka_unit_test(swapped_types_change_no_claim),
        cmocka_unit_test(no_bit_of_a_log_adds_a_digest),
        cmocka_unit_test(every_allocation_that_fails_is_no_memory),
        cmocka_unit_test(a_real_log_replays_to_its_quote_and_to_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
