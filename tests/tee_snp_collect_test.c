/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tee/snp/collect.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A guest whose driver is this file: configfs-tsm as drivers/virt/coco/guest/report.c
 * behaves, and /dev/sev-guest, each with every way to go wrong.
 */
static const uint8_t binder[64] = { 0xb1, 0xb2, 0xb3 };
static const uint8_t table[] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad,
    0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd, 48, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'c', 'e', 'r', 't' };

struct driver {
    const char *provider;
    int exists, mkdir_fails;     /* how often a name is taken; -errno */
    int write_fails, read_fails; /* -errno, `times` times */
    int times;
    bool lost_write, other_writer, late_writer, other_data, no_aux, garbage_aux,
        big_out;
    int dirs, made, writes;
    unsigned generation;
    uint8_t data[64];
    bool has_data;
    /* /dev/sev-guest */
    int ext_fails, get_fails;
    uint64_t ext_error;
    uint32_t status, size;
    unsigned calls;
};

static void
fill(const struct driver *d, uint8_t *report)
{
    memset(report, 0, SNP_REPORT_SIZE);
    report[0] = 3;
    report[0x0a] = 3;
    report[0x34] = 1;
    report[0x188] = 0x19;
    report[0x189] = 1;
    memcpy(report + 0x50, d->data, 64);
    if (d->other_data)
        report[0x8f] ^= 1;
}

static int
fake_make(void *ctx, const char *path)
{
    struct driver *d = ctx;

    if (d->mkdir_fails != 0)
        return d->mkdir_fails;
    assert_non_null(strstr(path, "/fake/selfsame-"));
    if (d->exists > 0) {
        d->exists--;
        return -EEXIST;
    }
    d->dirs++;
    d->made++;
    d->has_data = false;
    return 0;
}

static void
fake_remove(void *ctx, const char *path)
{
    (void)path;
    ((struct driver *)ctx)->dirs--;
}

static int
fake_write(void *ctx, const char *path, struct selfsame_bytes b)
{
    struct driver *d = ctx;

    assert_non_null(strstr(path, "/inblob"));
    assert_int_equal(b.len, 64); /* both providers want exactly that */
    if (d->write_fails != 0 && d->times-- > 0)
        return d->write_fails;
    d->writes++;
    if (d->lost_write && d->times-- > 0)
        return 0; /* the driver's error at close is lost */
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
fake_read(void *ctx, const char *path, uint8_t *buf, size_t cap)
{
    struct driver *d = ctx;
    const char *name = strrchr(path, '/') + 1;

    if (strcmp(name, "provider") == 0)
        return snprintf((char *)buf, cap, "%s\n", d->provider);
    if (strcmp(name, "generation") == 0)
        return snprintf((char *)buf, cap, "%u\n", d->generation);
    if (strcmp(name, "auxblob") == 0) {
        if (d->no_aux)
            return -ENOENT;
        memcpy(buf, table, sizeof(table));
        if (d->garbage_aux)
            buf[16] = 0xff;
        return sizeof(table);
    }
    assert_string_equal(name, "outblob");
    if (d->read_fails != 0 && d->times-- > 0)
        return d->read_fails;
    if (d->big_out)
        return -EFBIG;
    if (!d->has_data)
        return -EINVAL; /* no inblob yet */
    if (d->late_writer && d->times-- > 0)
        d->generation++; /* after our look at it, before the report was made */
    fill(d, buf);
    return SNP_REPORT_SIZE;
}

static int
fake_request(void *ctx, const char *device, unsigned long command, void *argument)
{
    struct driver *d = ctx;
    struct snp_ioctl *io = argument;
    const struct snp_ext_report_req *req = (const void *)(uintptr_t)io->request;
    uint8_t *response = (uint8_t *)(uintptr_t)io->response;

    assert_string_equal(device, "/dev/fake-sev-guest");
    assert_int_equal(io->version, 1);
    d->calls++;
    if (command == SNP_GET_EXT_REPORT) {
        assert_int_equal(req->certs_len % 4096, 0);
        if (d->ext_fails != 0) {
            io->error = d->ext_error;
            return d->ext_fails;
        }
        memcpy((void *)(uintptr_t)req->certs_address, table, sizeof(table));
    } else {
        assert_true(command == SNP_GET_REPORT);
        if (d->get_fails != 0)
            return d->get_fails;
    }
    memcpy(d->data, req->data.user_data, 64);
    memset(response, 0, SNP_RESPONSE);
    memcpy(response, &d->status, 4);
    memcpy(response + 4, &d->size, 4);
    fill(d, response + 32);
    return 0;
}

static enum selfsame_code
collect(struct driver *d, const char *device, struct arena *arena,
    struct tee_collected *ret, struct selfsame_err *e)
{
    const struct tsm_io io = { .make_dir = fake_make,
        .remove_dir = fake_remove,
        .write = fake_write,
        .read = fake_read,
        .ctx = d };
    const struct snp_guest g = { .tsm = &io, .request = fake_request, .ctx = d };
    const struct tee_report_request q = { .binder64 = binder, .device = device };

    return snp_collect(&g, &q, arena, ret, e);
}

static const struct {
    const char *what;
    struct driver d;
    enum selfsame_code want;
    bool table;
    const char *says;
} by_tsm[] = {
    { "as it should be", { .provider = "sev_guest" }, SELFSAME_OK, true, "" },
    { "names are taken", { .provider = "sev_guest", .exists = 3 }, SELFSAME_OK, true,
        "" },
    { "no certificates", { .provider = "sev_guest", .no_aux = true }, SELFSAME_OK,
        false, "" },
    { "certificates are garbage", { .provider = "sev_guest", .garbage_aux = true },
        SELFSAME_OK, false, "" },
    { "busy twice", { .provider = "sev_guest", .read_fails = -EBUSY, .times = 2 },
        SELFSAME_OK, true, "" },
    { "busy for ever", { .provider = "sev_guest", .read_fails = -EBUSY, .times = 99 },
        SELFSAME_IO, false, "outblob" },
    { "interrupted", { .provider = "sev_guest", .write_fails = -EINTR, .times = 1 },
        SELFSAME_OK, true, "" },
    { "a write that was lost",
        { .provider = "sev_guest", .lost_write = true, .times = 1 }, SELFSAME_OK, true,
        "" },
    { "writes that are always lost",
        { .provider = "sev_guest", .lost_write = true, .times = 99 }, SELFSAME_IO,
        false, "lost" },
    { "somebody wrote in between",
        { .provider = "sev_guest", .other_writer = true, .times = 2 }, SELFSAME_OK,
        true, "" },
    { "somebody wrote late",
        { .provider = "sev_guest", .late_writer = true, .times = 2 }, SELFSAME_OK, true,
        "" },
    { "somebody always does",
        { .provider = "sev_guest", .other_writer = true, .times = 99 }, SELFSAME_IO,
        false, "somebody" },
    { "other report data", { .provider = "sev_guest", .other_data = true },
        SELFSAME_UNBOUND, false, "report data" },
    { "more than fits", { .provider = "sev_guest", .big_out = true }, SELFSAME_IO,
        false, "outblob" },
    { "refused", { .provider = "sev_guest", .write_fails = -EINVAL, .times = 99 },
        SELFSAME_IO, false, "inblob" },
    { "timed out", { .provider = "sev_guest", .read_fails = -ETIMEDOUT, .times = 99 },
        SELFSAME_IO, false, "timed out" },
};

static void
reports_come_through_configfs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(by_tsm); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct driver d = by_tsm[i].d;
        struct selfsame_err e = { 0 };
        struct tee_collected got = { { NULL, 0 }, { NULL, 0 } };
        enum selfsame_code c = collect(&d, "/fake", &arena, &got, &e);

        if (c != by_tsm[i].want)
            print_error("%s\n", by_tsm[i].what);
        assert_code(c, by_tsm[i].want, &e);
        assert_int_equal(d.dirs, 0); /* every request is removed */
        assert_true(d.made <= 1 + 5);
        if (c != SELFSAME_OK && strcasestr(err_text(&e), by_tsm[i].says) == NULL)
            fail_msg("%s: %s", by_tsm[i].what, err_text(&e));
        if (c == SELFSAME_OK) {
            assert_bytes(BYTES(got.evidence.ptr + 0x50, 64), BYTES_ARR(binder));
            assert_int_equal(got.endorsement.ptr != NULL, by_tsm[i].table);
        }
    }
}

static const struct {
    const char *what;
    struct driver d;
    enum selfsame_code want;
    bool table;
    const char *says;
} by_device[] = {
    { "as it should be", { .size = SNP_REPORT_SIZE }, SELFSAME_OK, true, "" },
    { "too many certificates",
        { .size = SNP_REPORT_SIZE, .ext_fails = -EIO, .ext_error = UINT64_C(1) << 32 },
        SELFSAME_OK, false, "" },
    { "the host is busy", { .ext_fails = -EIO, .ext_error = UINT64_C(2) << 32 },
        SELFSAME_IO, false, "VMM 2" },
    { "the driver wiped its key", { .ext_fails = -ENOTTY }, SELFSAME_IO, false,
        "cannot ask" },
    { "invalid parameter", { .size = SNP_REPORT_SIZE, .status = 0x16 }, SELFSAME_IO,
        false, "0x16" },
    { "a report of another size", { .size = 1185 }, SELFSAME_IO, false, "1185" },
    { "a report larger than the buffer", { .size = 0xffffffff }, SELFSAME_IO, false,
        "expected a report" },
    { "other report data", { .size = SNP_REPORT_SIZE, .other_data = true },
        SELFSAME_UNBOUND, false, "report data" },
};

static void
reports_come_through_the_device(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(by_device); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct driver d = by_device[i].d;
        struct selfsame_err e = { 0 };
        struct tee_collected got = { { NULL, 0 }, { NULL, 0 } };

        d.mkdir_fails = -ENOENT;
        enum selfsame_code c = collect(&d, "/dev/fake-sev-guest", &arena, &got, &e);
        if (c != by_device[i].want)
            print_error("%s\n", by_device[i].what);
        assert_code(c, by_device[i].want, &e);
        if (c != SELFSAME_OK && strstr(err_text(&e), by_device[i].says) == NULL)
            fail_msg("%s: %s", by_device[i].what, err_text(&e));
        if (c == SELFSAME_OK)
            assert_int_equal(got.endorsement.ptr != NULL, by_device[i].table);
    }
}

/* A TDX guest has configfs-tsm as well: its reports are not ours. */
static void
another_provider_is_not_asked(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct driver d = { .provider = "tdx_guest", .size = SNP_REPORT_SIZE };
    struct selfsame_err e = { 0 };
    struct tsm_report r;
    const struct tsm_io io = { .make_dir = fake_make,
        .remove_dir = fake_remove,
        .write = fake_write,
        .read = fake_read,
        .ctx = &d };

    (void)state;
    assert_code(tsm_collect(&io, "/fake", "sev_guest", binder, &arena, &r, &e),
        SELFSAME_UNSUPPORTED, &e);
    assert_int_equal(d.writes, 0);
    assert_int_equal(d.dirs, 0);
}

/* The real system calls, on a directory that is no configfs: a refusal, and nothing left. */
static void
a_plain_directory_is_no_configfs(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct tsm_report r;
    char dir[] = "/tmp/selfsame-tsm.XXXXXX", text[32];

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_false(tsm_provider(&tsm_files, dir, text));
    assert_code(tsm_collect(&tsm_files, dir, "sev_guest", binder, &arena, &r, &e),
        SELFSAME_IO, &e);
    assert_int_equal(rmdir(dir), 0); /* it is empty */
    assert_code(
        tsm_collect(&tsm_files, "/nowhere", "sev_guest", binder, &arena, &r, &e),
        SELFSAME_IO, &e);
    assert_false(snp_attester.present("/nowhere"));
    assert_false(snp_attester.present("/tmp"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_come_through_configfs),
        cmocka_unit_test(reports_come_through_the_device),
        cmocka_unit_test(another_provider_is_not_asked),
        cmocka_unit_test(a_plain_directory_is_no_configfs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
