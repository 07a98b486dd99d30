/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tee/sgx/collect.h"
#include "tee_dcap.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

/*
 * An enclave whose /dev/attestation is this file: as Gramine behaves, with one report
 * data for the process that whoever writes last owns, and every way to go wrong.
 */
static const uint8_t binder[64] = { 0xb1, 0xb2, 0xb3 };
static struct dcap_world *enclave, *td;
enum { HEADER = 48, DATA = 320 };

struct gramine {
    const char *type;                         /* NULL: no such files */
    int type_fails, write_fails, quote_fails; /* -errno */
    int racing; /* how often somebody writes between our write and our reading */
    const struct dcap_world *quote; /* NULL: enclave */
    size_t cut, trailer;
    uint8_t reserved; /* into a reserved byte of the report */
    uint8_t data[64];
    int held, most_held, locks, writes, quotes;
    bool yields;
};

static int
fake_write(void *ctx, const char *path, struct selfsame_bytes b)
{
    struct gramine *g = ctx;

    assert_string_equal(path, "/dev/attestation/user_report_data");
    assert_int_equal(b.len, 64); /* it would pad and cut without a word */
    assert_int_equal(g->held, 1);
    g->writes++;
    if (g->write_fails != 0)
        return g->write_fails;
    memcpy(g->data, b.ptr, 64);
    if (g->yields)
        (void)sched_yield();
    if (g->racing > 0) {
        g->racing--;
        memset(g->data, 0xee, 64);
    }
    return 0;
}

static long
read_quote(struct gramine *g, uint8_t *buf, size_t cap)
{
    const struct dcap_world *w = g->quote != NULL ? g->quote : enclave;
    size_t len = w->quote.len - g->cut;

    assert_int_equal(g->held, 1);
    g->quotes++;
    if (g->quote_fails != 0)
        return g->quote_fails;
    if (len + g->trailer > cap)
        return -EFBIG;
    memcpy(buf, w->quote.ptr, len);
    memset(buf + len, 0, g->trailer);
    memcpy(buf + HEADER + DATA, g->data, 64);
    buf[HEADER + 20 + 4] ^= g->reserved;
    return (long)(len + g->trailer);
}

static long
fake_read(void *ctx, const char *path, uint8_t *buf, size_t cap)
{
    struct gramine *g = ctx;

    if (strcmp(path, "/dev/attestation/quote") == 0)
        return read_quote(g, buf, cap);
    if (strcmp(path, "/dev/attestation/attestation_type") != 0 || g->type == NULL)
        return -ENOENT;
    if (g->type_fails != 0)
        return g->type_fails;
    size_t len = strlen(g->type);
    assert_true(len <= cap);
    memcpy(buf, g->type, len);
    return (long)len;
}

static int
fake_lock(void *ctx, const char *path)
{
    struct gramine *g = ctx;

    assert_string_equal(path, "/dev/attestation/user_report_data");
    g->locks++;
    g->held++;
    g->most_held = g->most_held > g->held ? g->most_held : g->held;
    return -1; /* Gramine without flock */
}

static void
fake_unlock(void *ctx, int held)
{
    assert_int_equal(held, -1);
    ((struct gramine *)ctx)->held--;
}

static enum selfsame_code
collect(struct gramine *g, const uint8_t *data, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    const struct tsm_io io = { .write = fake_write, .read = fake_read, .ctx = g };
    const struct sgx_guest guest = { &io, fake_lock, fake_unlock };
    const struct tee_report_request q = { .binder64 = data };

    return sgx_collect(&guest, &q, arena, ret, e);
}

#define DCAP .type = "dcap"
static void
quotes_come_through_gramine(void **state)
{
    const struct {
        const char *what;
        struct gramine g;
        enum selfsame_code want;
        int quotes;
        const char *says;
    } rows[] = {
        { "as it should be", { DCAP }, SELFSAME_OK, 1, "" },
        { "a buffer of fixed size", { DCAP, .trailer = 3000 }, SELFSAME_OK, 1, "" },
        { "somebody wrote in between", { DCAP, .racing = 3 }, SELFSAME_OK, 4, "" },
        { "somebody always does", { DCAP, .racing = 99 }, SELFSAME_UNBOUND, 8,
            "report data" },
        { "no attestation", { .type = "none" }, SELFSAME_UNSUPPORTED, 0, "none" },
        { "EPID", { .type = "epid" }, SELFSAME_UNSUPPORTED, 0, "epid" },
        { "a newline", { .type = "dcap\n" }, SELFSAME_UNSUPPORTED, 0, "" },
        { "Gramine without SGX", { .type = NULL }, SELFSAME_IO, 0, "attestation_type" },
        { "a type that cannot be read", { DCAP, .type_fails = -EACCES }, SELFSAME_IO, 0,
            "attestation_type" },
        { "a type too long", { DCAP, .type_fails = -EFBIG }, SELFSAME_IO, 0, "" },
        { "report data refused", { DCAP, .write_fails = -EACCES }, SELFSAME_IO, 0,
            "user_report_data" },
        { "a short write", { DCAP, .write_fails = -EIO }, SELFSAME_IO, 0, "" },
        { "AESM cannot be reached", { DCAP, .quote_fails = -EACCES }, SELFSAME_IO, 1,
            "quote" },
        { "no file for quotes", { DCAP, .quote_fails = -ENOENT }, SELFSAME_IO, 1,
            "quote" },
        { "more than fits", { DCAP, .quote_fails = -EFBIG }, SELFSAME_IO, 1, "quote" },
        { "a quote that ends early", { DCAP, .cut = 700 }, SELFSAME_MALFORMED, 1, "" },
        { "a quote of a TD", { DCAP, .quote = td }, SELFSAME_MALFORMED, 1,
            "quote of SGX" },
        { "a reserved byte", { DCAP, .reserved = 1 }, SELFSAME_MALFORMED, 1, "" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct gramine g = rows[i].g;
        struct selfsame_err e = { 0 };
        struct tee_collected got = { { NULL, 0 }, { NULL, 0 } };
        enum selfsame_code c = collect(&g, binder, &arena, &got, &e);

        if (c != rows[i].want)
            print_error("%s\n", rows[i].what);
        assert_code(c, rows[i].want, &e);
        assert_int_equal(g.held, 0);
        assert_int_equal(g.quotes, rows[i].quotes);
        if (c != SELFSAME_OK && strstr(err_text(&e), rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].what, err_text(&e));
        if (c != SELFSAME_OK) {
            assert_null(got.evidence.ptr);
            continue;
        }
        assert_int_equal(got.evidence.len, enclave->quote.len);
        assert_bytes(BYTES(got.evidence.ptr + HEADER + DATA, 64), BYTES_ARR(binder));
    }
}

static void
what_fails_says_what_to_do(void **state)
{
    const struct {
        struct gramine g;
        const char *remedy;
    } rows[] = {
        { { DCAP, .quote_fails = -EACCES }, "AESM" },
        { { DCAP, .quote_fails = -ENOENT }, "sgx.remote_attestation" },
        { { .type = "none" }, "sgx.remote_attestation" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct gramine g = rows[i].g;
        struct selfsame_err e = { 0 };
        struct tee_collected got;

        assert_true(collect(&g, binder, &arena, &got, &e) != SELFSAME_OK);
        assert_non_null(e.remedy);
        assert_non_null(strstr(e.remedy, rows[i].remedy));
    }
}

static void
every_allocation_may_fail(void **state)
{
    enum selfsame_code c = SELFSAME_NOMEM;

    (void)state;
    for (long n = 1; c != SELFSAME_OK; n++) {
        auto_arena arena = arena_new(1 << 20);
        struct gramine g = { DCAP };
        struct selfsame_err e = { 0 };
        struct tee_collected got = { { NULL, 0 }, { NULL, 0 } };

        arena.fail_at = n;
        c = collect(&g, binder, &arena, &got, &e);
        assert_true(c == SELFSAME_NOMEM || (c == SELFSAME_OK && n > 1));
        assert_int_equal(g.held, 0);
    }
}

/* Threads of one process ask for different things of the one file. */
static struct gramine shared = { DCAP, .yields = true };

static void *
ask_often(void *arg)
{
    uint8_t data[64];

    memset(data, *(const uint8_t *)arg, sizeof(data));
    for (int i = 0; i < 50; i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct tee_collected got;

        if (collect(&shared, data, &arena, &got, &e) != SELFSAME_OK ||
            !bytes_eq(BYTES(got.evidence.ptr + HEADER + DATA, 64), BYTES_ARR(data)))
            return arg;
    }
    return NULL;
}

static void
threads_take_turns(void **state)
{
    uint8_t byte[4] = { 1, 2, 3, 4 };
    pthread_t thread[COUNT(byte)];
    void *failed;

    (void)state;
    for (size_t i = 0; i < COUNT(thread); i++)
        assert_int_equal(pthread_create(&thread[i], NULL, ask_often, &byte[i]), 0);
    for (size_t i = 0; i < COUNT(thread); i++) {
        assert_int_equal(pthread_join(thread[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(shared.most_held, 1);
    assert_int_equal(shared.quotes, 4 * 50); /* nobody had to ask again */
}

static void
only_files_of_an_enclave_are_taken(void **state)
{
    struct gramine g = { .type = "none" };
    const struct tsm_io io = { .write = fake_write, .read = fake_read, .ctx = &g };
    const struct sgx_guest guest = { &io, fake_lock, fake_unlock };

    (void)state;
    assert_true(sgx_present(&guest, NULL)); /* and collect says what is missing */
    assert_false(sgx_present(&guest, "/dev/nsm"));
    assert_false(sgx_present(&guest, "unix:/nowhere/sgx"));
    assert_false(sgx_present(&guest, "unix:/nowhere/nsm"));
    g.type = NULL;
    assert_false(sgx_present(&guest, NULL));
}

/* What `doctor` says, without asking for a quote. */
static void
what_is_missing_is_told(void **state)
{
    const struct {
        struct gramine g;
        bool ok;
    } rows[] = {
        { { .type = "dcap" }, true },
        { { .type = "none" }, false },
        { { .type = "epid" }, false },
        { { .type = "dcap2" }, false },
        { { .type = "" }, false },
        { { .type = "dcap", .type_fails = -EACCES }, false },
        { { .type = NULL }, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gramine held = rows[i].g;
        const struct tsm_io io = {
            .write = fake_write, .read = fake_read, .ctx = &held
        };
        const struct sgx_guest g = { &io, fake_lock, fake_unlock };
        struct tee_host_fact facts[TEE_GUEST_FACTS];

        assert_int_equal(sgx_look(&g, facts), 1);
        assert_int_equal(facts[0].ok, rows[i].ok);
        assert_non_null(strstr(facts[0].fix, "sgx.remote_attestation"));
        assert_int_equal(held.writes + held.quotes, 0);
    }
}

static int
make_quotes(void **state)
{
    (void)state;
    enclave = world_new(DCAP_SGX, 3);
    td = world_new(DCAP_TDX, 4);
    return 0;
}

static int
free_quotes(void **state)
{
    (void)state;
    world_free(enclave);
    world_free(td);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_come_through_gramine),
        cmocka_unit_test(what_fails_says_what_to_do),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(only_files_of_an_enclave_are_taken),
        cmocka_unit_test(what_is_missing_is_told),
    };

    return cmocka_run_group_tests(tests, make_quotes, free_quotes);
}
