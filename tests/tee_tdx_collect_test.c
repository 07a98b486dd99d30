/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/crypto.h"
#include "tee/tdx/collect.h"
#include "tee_dcap.h"

#include <errno.h>

/*
 * A TD whose kernel is this file: configfs-tsm with provider tdx_guest as
 * drivers/virt/coco/tdx-guest behaves, and the register files of Linux 6.16, each with
 * every way to go wrong.
 */
static const uint8_t binder[64] = { 0xb1, 0xb2, 0xb3 };
static struct dcap_world *td, *td15, *enclave;
enum { HEADER = 48, TD_DATA = 520 };

struct driver {
    const char *provider;
    int write_fails, read_fails, times; /* -errno, so often */
    bool lost_write, other_writer, other_data, big_out;
    const struct dcap_world *quote; /* NULL: td */
    size_t cut, trailer;            /* bytes less, zeros more */
    uint8_t flip;                   /* into the version */
    int dirs;
    unsigned generation;
    uint8_t data[64];
    bool has_data;
    /* registers */
    uint8_t rtmr[4][48];
    int get_fails, get_later_fails, extend_fails; /* -errno */
    long register_size;                           /* 0: 48 */
    bool extend_is_lost, extend_twice;
    unsigned reads, extends;
};

static int
fake_make(void *ctx, const char *path)
{
    struct driver *d = ctx;

    (void)path;
    if (d->provider == NULL)
        return -ENOENT;
    d->dirs++;
    d->has_data = false;
    return 0;
}

static void
fake_remove(void *ctx, const char *path)
{
    (void)path;
    ((struct driver *)ctx)->dirs--;
}

static void
extend_with(uint8_t rtmr[48], const uint8_t *digest)
{
    uint8_t both[96], out[HASH_MAX];

    memcpy(both, rtmr, 48);
    memcpy(both + 48, digest, 48);
    assert_true(hash_bytes(HASH_SHA384, BYTES_ARR(both), out));
    memcpy(rtmr, out, 48);
}

/* "…/measurements/rtmr3:sha384" → 3; -1: no register's. */
static int
register_of(const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    if (strncmp(path, TDX_MEASUREMENTS "/", sizeof(TDX_MEASUREMENTS)) != 0 ||
        strncmp(name, "rtmr", 4) != 0 || strcmp(name + 5, ":sha384") != 0)
        return -1;
    assert_in_range(name[4], '0', '3');
    return name[4] - '0';
}

static int
write_register(struct driver *d, int index, struct selfsame_bytes b)
{
    d->extends++;
    if (d->extend_fails != 0)
        return d->extend_fails;
    if (b.len != 48)
        return -EINVAL; /* partial writes are refused */
    if (!d->extend_is_lost)
        extend_with(d->rtmr[index], b.ptr);
    if (d->extend_twice)
        extend_with(d->rtmr[index], b.ptr);
    return 0;
}

static int
fake_write(void *ctx, const char *path, struct selfsame_bytes b)
{
    struct driver *d = ctx;

    if (register_of(path) >= 0)
        return write_register(d, register_of(path), b);
    assert_non_null(strstr(path, "/inblob"));
    assert_int_equal(b.len, 64);
    if (d->write_fails != 0 && d->times-- > 0)
        return d->write_fails;
    if (d->lost_write && d->times-- > 0)
        return 0;
    d->generation++;
    memcpy(d->data, b.ptr, 64);
    d->has_data = true;
    if (d->other_writer && d->times-- > 0) {
        d->generation++;
        memset(d->data, 0xee, 64);
    }
    return 0;
}

static long
read_register(struct driver *d, int index, uint8_t *buf, size_t cap)
{
    int why = d->reads++ == 0 ? d->get_fails : d->get_later_fails;
    long size = d->register_size != 0 ? d->register_size : 48;

    if (why != 0)
        return why;
    if ((size_t)size > cap)
        return -EFBIG;
    memset(buf, 0, (size_t)size);
    memcpy(buf, d->rtmr[index], size < 48 ? (size_t)size : 48);
    return size;
}

static long
read_quote(struct driver *d, uint8_t *buf, size_t cap)
{
    const struct dcap_world *w = d->quote != NULL ? d->quote : td;
    size_t len = w->quote.len - d->cut;

    assert_true(len + d->trailer <= cap);
    memcpy(buf, w->quote.ptr, len);
    memset(buf + len, 0, d->trailer);
    memcpy(buf + HEADER + (w == td15 ? 6 : 0) + TD_DATA, d->data, 64);
    buf[0] ^= d->flip;
    if (d->other_data)
        buf[HEADER + TD_DATA + 63] ^= 1;
    return (long)(len + d->trailer);
}

static long
fake_read(void *ctx, const char *path, uint8_t *buf, size_t cap)
{
    struct driver *d = ctx;
    const char *name = strrchr(path, '/') + 1;

    if (register_of(path) >= 0)
        return read_register(d, register_of(path), buf, cap);
    if (strcmp(name, "provider") == 0)
        return snprintf((char *)buf, cap, "%s\n", d->provider);
    if (strcmp(name, "generation") == 0)
        return snprintf((char *)buf, cap, "%u\n", d->generation);
    if (strcmp(name, "auxblob") == 0)
        return -ENOENT;
    assert_string_equal(name, "outblob");
    if (d->read_fails != 0 && d->times-- > 0)
        return d->read_fails;
    if (d->big_out)
        return -EFBIG;
    return d->has_data ? read_quote(d, buf, cap) : -EINVAL;
}

static bool node_is_there;
static bool
fake_node(const char *path)
{
    return node_is_there && strcmp(path, "/dev/tdx_guest") == 0;
}

static enum selfsame_code
collect(struct driver *d, struct arena *arena, struct tee_collected *ret,
    struct selfsame_err *e)
{
    const struct tsm_io io = { .make_dir = fake_make,
        .remove_dir = fake_remove,
        .write = fake_write,
        .read = fake_read,
        .ctx = d };
    const struct tdx_guest g = { .files = &io, .node = fake_node };
    const struct tee_report_request q = { .binder64 = binder };

    return tdx_collect(&g, &q, arena, ret, e);
}

#define TDX .provider = "tdx_guest"
static void
quotes_come_through_configfs(void **state)
{
    const struct {
        const char *what;
        struct driver d;
        enum selfsame_code want;
        const char *says;
    } rows[] = {
        { "as it should be", { TDX }, SELFSAME_OK, "" },
        { "of version 5", { TDX, .quote = td15 }, SELFSAME_OK, "" },
        { "a buffer of fixed size", { TDX, .trailer = 3000 }, SELFSAME_OK, "" },
        { "busy twice", { TDX, .read_fails = -EBUSY, .times = 2 }, SELFSAME_OK, "" },
        { "busy for ever", { TDX, .read_fails = -EBUSY, .times = 99 }, SELFSAME_IO,
            "outblob" },
        { "interrupted", { TDX, .write_fails = -EINTR, .times = 1 }, SELFSAME_OK, "" },
        { "refused", { TDX, .write_fails = -EINVAL, .times = 9 }, SELFSAME_IO,
            "inblob" },
        { "the hypercall fails", { TDX, .read_fails = -EIO, .times = 9 }, SELFSAME_IO,
            "outblob" },
        { "nobody quotes in time", { TDX, .read_fails = -ETIMEDOUT, .times = 9 },
            SELFSAME_IO, "timed out" },
        { "not root", { TDX, .write_fails = -EACCES, .times = 9 }, SELFSAME_IO,
            "inblob" },
        { "a write that was lost", { TDX, .lost_write = true, .times = 1 }, SELFSAME_OK,
            "" },
        { "always lost", { TDX, .lost_write = true, .times = 99 }, SELFSAME_IO, "" },
        { "somebody wrote in between", { TDX, .other_writer = true, .times = 2 },
            SELFSAME_OK, "" },
        { "somebody always does", { TDX, .other_writer = true, .times = 99 },
            SELFSAME_IO, "somebody" },
        { "other report data", { TDX, .other_data = true }, SELFSAME_UNBOUND,
            "report data" },
        { "more than fits", { TDX, .big_out = true }, SELFSAME_IO, "outblob" },
        { "a quote that ends early", { TDX, .cut = 700 }, SELFSAME_MALFORMED, "" },
        { "a quote of an enclave", { TDX, .quote = enclave }, SELFSAME_MALFORMED,
            "quote of TDX" },
        { "a quote of another version", { TDX, .flip = 0x10 }, SELFSAME_UNSUPPORTED,
            "" },
        { "no configfs-tsm", { .provider = NULL }, SELFSAME_UNSUPPORTED, "TDREPORT" },
        { "configfs-tsm of SNP", { .provider = "sev_guest" }, SELFSAME_UNSUPPORTED,
            "TDREPORT" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct driver d = rows[i].d;
        struct selfsame_err e = { 0 };
        struct tee_collected got = { { NULL, 0 }, { NULL, 0 } };
        enum selfsame_code c = collect(&d, &arena, &got, &e);

        if (c != rows[i].want)
            print_error("%s\n", rows[i].what);
        assert_code(c, rows[i].want, &e);
        assert_int_equal(d.dirs, 0); /* every request is removed */
        assert_null(got.endorsement.ptr);
        if (c != SELFSAME_OK && strcasestr(err_text(&e), rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].what, err_text(&e));
        if (c != SELFSAME_OK) {
            assert_null(got.evidence.ptr);
            continue;
        }
        /* The buffer's end is no part of it. */
        assert_int_equal(
            got.evidence.len, (rows[i].d.quote == td15 ? td15 : td)->quote.len);
        assert_bytes(BYTES(got.evidence.ptr + HEADER +
                               (rows[i].d.quote == td15 ? 6 : 0) + TD_DATA,
                         64),
            BYTES_ARR(binder));
    }
}

static void
every_allocation_may_fail(void **state)
{
    enum selfsame_code c = SELFSAME_NOMEM;

    (void)state;
    for (long n = 1; c != SELFSAME_OK; n++) {
        auto_arena arena = arena_new(1 << 20);
        struct driver d = { TDX };
        struct selfsame_err e = { 0 };
        struct tee_collected got = { { NULL, 0 }, { NULL, 0 } };

        arena.fail_at = n;
        c = collect(&d, &arena, &got, &e);
        assert_true(c == SELFSAME_NOMEM || (c == SELFSAME_OK && n > 1));
        assert_int_equal(d.dirs, 0);
    }
}

/* The device alone: an answer is promised, and it names what is missing. */
static void
a_kernel_without_configfs_is_told(void **state)
{
    struct driver d = { .provider = NULL };
    const struct tsm_io io = {
        .make_dir = fake_make, .remove_dir = fake_remove, .read = fake_read, .ctx = &d
    };
    const struct tdx_guest g = { .files = &io, .node = fake_node };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct tee_collected got;

    (void)state;
    node_is_there = false;
    assert_false(tdx_present(&g, NULL));
    node_is_there = true;
    assert_true(tdx_present(&g, NULL));
    assert_true(tdx_present(&g, "/dev/tdx_guest"));
    assert_false(tdx_present(&g, "/dev/nsm"));
    assert_false(tdx_present(&g, "unix:/nowhere/tdx_guest"));
    assert_false(tdx_present(&g, "unix:/nowhere/nsm"));
    assert_code(collect(&d, &arena, &got, &e), SELFSAME_UNSUPPORTED, &e);
    assert_non_null(strstr(e.remedy, "6.7"));
    d.provider = "sev_guest";
    node_is_there = false;
    assert_false(tdx_present(&g, NULL));
    d.provider = "tdx_guest";
    assert_true(tdx_present(&g, NULL));
    assert_int_equal(d.dirs, 0);
}

static void
registers_are_extended_once(void **state)
{
    const struct {
        const char *what;
        struct driver d;
        unsigned index;
        size_t len; /* of the digest; 0: 48 */
        enum selfsame_code want;
        unsigned extends;
        const char *remedy;
    } rows[] = {
        { "as it should be", { TDX }, 3, 0, SELFSAME_OK, 1, "" },
        { "the first one", { TDX }, 0, 0, SELFSAME_OK, 1, "" },
        { "no such register", { TDX }, 4, 0, SELFSAME_USAGE, 0, "" },
        { "a digest too short", { TDX }, 3, 47, SELFSAME_USAGE, 0, "" },
        { "too long", { TDX }, 3, 49, SELFSAME_USAGE, 0, "" },
        { "none", { TDX }, 3, 1, SELFSAME_USAGE, 0, "" },
        { "a kernel before 6.16", { TDX, .get_fails = -ENOENT }, 3, 0,
            SELFSAME_UNSUPPORTED, 0, "6.16" },
        { "not root", { TDX, .extend_fails = -EACCES }, 3, 0, SELFSAME_IO, 1, "root" },
        { "not for reading", { TDX, .get_fails = -EPERM }, 3, 0, SELFSAME_IO, 0,
            "root" },
        { "the TDX module refuses", { TDX, .extend_fails = -EIO }, 3, 0, SELFSAME_IO, 1,
            "" },
        { "refused", { TDX, .extend_fails = -EINVAL }, 3, 0, SELFSAME_IO, 1, "" },
        { "a register of 32 bytes", { TDX, .register_size = 32 }, 3, 0, SELFSAME_IO, 0,
            "" },
        { "of 49", { TDX, .register_size = 49 }, 3, 0, SELFSAME_IO, 0, "" },
        { "of 64", { TDX, .register_size = 64 }, 3, 0, SELFSAME_IO, 0, "" },
        { "it cannot be read again", { TDX, .get_later_fails = -EIO }, 3, 0,
            SELFSAME_IO, 1, "" },
        { "nothing happened", { TDX, .extend_is_lost = true }, 3, 0, SELFSAME_IO, 1,
            "" },
        { "somebody else extended it", { TDX, .extend_twice = true }, 3, 0, SELFSAME_IO,
            1, "" },
    };
    static const uint8_t digest[64] = { 1, 2, 3 };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct driver d = rows[i].d;
        const struct tsm_io io = { .write = fake_write, .read = fake_read, .ctx = &d };
        const struct tdx_guest g = { .files = &io, .node = fake_node };
        struct selfsame_err e = { 0 };
        uint8_t value[48] = { 0xaa }, want[48];

        d.rtmr[3][0] = d.rtmr[0][0] = 7;
        memcpy(want, d.rtmr[3], 48);
        extend_with(want, digest);
        enum selfsame_code c = tdx_extend(&g, NULL, rows[i].index,
            BYTES(digest, rows[i].len != 0 ? rows[i].len : 48), value, &e);
        if (c != rows[i].want)
            print_error("%s\n", rows[i].what);
        assert_code(c, rows[i].want, &e);
        assert_int_equal(d.extends, rows[i].extends);
        if (rows[i].remedy[0] != '\0')
            assert_non_null(strstr(e.remedy, rows[i].remedy));
        if (c == SELFSAME_OK) {
            assert_memory_equal(value, want, 48);
            assert_memory_equal(d.rtmr[rows[i].index], want, 48);
        } else {
            assert_int_equal(value[0], 0xaa);
        }
    }
}

/* What `doctor` says: each row by itself, and nothing is written. */
static void
what_is_missing_is_told(void **state)
{
    const struct {
        struct driver d;
        bool quotes, registers;
    } rows[] = {
        { { TDX }, true, true },
        { { .provider = "sev_guest" }, false, true },
        { { .provider = NULL }, false, true },
        { { TDX, .get_fails = -ENOENT }, true, false },
        { { TDX, .register_size = 47 }, true, false },
        { { TDX, .register_size = 49 }, true, false },
        { { .get_fails = -ENOENT }, false, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct driver d = rows[i].d;
        const struct tsm_io io = { fake_make, fake_remove, fake_write, fake_read, &d };
        const struct tdx_guest g = { .files = &io, .node = fake_node };
        struct tee_host_fact facts[TEE_GUEST_FACTS];

        assert_int_equal(tdx_look(&g, facts), 2);
        assert_int_equal(facts[0].ok, rows[i].quotes);
        assert_int_equal(facts[1].ok, rows[i].registers);
        assert_non_null(strstr(facts[0].fix, "configfs mounted"));
        assert_non_null(strstr(facts[1].fix, "CONFIG_TSM_MEASUREMENTS"));
        assert_int_equal(d.extends, 0);
        assert_int_equal(d.generation, 0);
        assert_int_equal(d.dirs, 0);
    }
}

static int
make_quotes(void **state)
{
    (void)state;
    td = world_new(DCAP_TDX, 4);
    td15 = world_new(DCAP_TDX, 5);
    enclave = world_new(DCAP_SGX, 3);
    return 0;
}

static int
free_quotes(void **state)
{
    (void)state;
    world_free(td);
    world_free(td15);
    world_free(enclave);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_come_through_configfs),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_kernel_without_configfs_is_told),
        cmocka_unit_test(registers_are_extended_once),
        cmocka_unit_test(what_is_missing_is_told),
    };

    return cmocka_run_group_tests(tests, make_quotes, free_quotes);
}
