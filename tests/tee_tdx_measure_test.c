/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/placeholder.h"
#include "tee/tdx/measure.h"
#include "tee/tee.h"

/*
 * Values are compared with a peer's in build_tdx.sh. Here: what real machines logged, and
 * what is refused.
 */
static uint8_t firmware[PLACEHOLDER_TDVF], kernel[PLACEHOLDER_PE];

static int
setup(void **state)
{
    (void)state;
    placeholder_tdvf(firmware);
    placeholder_pe(kernel);
    return 0;
}

/* ---- real logs: trustee's of OVMF with a direct boot (2 GiB) and of GRUB (10 GiB) ---- */

enum { LOGGED = 64 };
struct logged {
    uint8_t digest[LOGGED][TDX_DIGEST];
    size_t count;
};

/* The SHA-384 digests of one MR index; events that extend nothing are left out. */
static void
read_log(const char *name, uint32_t mr, struct arena *arena, struct logged *ret)
{
    char path[160];

    (void)snprintf(path, sizeof(path),
        "vectors/tdx/confidential-containers+trustee/ccel/%s", name);
    struct reader r = reader_of(shared_file(path, arena));
    (void)get_bytes(&r, 28); /* the header: an event of TPM 1.2 */
    (void)get_bytes(&r, get_le32(&r));
    ret->count = 0;
    while (!r.bad && r.rest.len > 12) {
        uint32_t index = get_le32(&r), type = get_le32(&r), algs = get_le32(&r);

        if (index == UINT32_MAX)
            break;
        assert_int_equal(algs, 1);
        assert_int_equal(get_le16(&r), 0xc);
        struct selfsame_bytes digest = get_bytes(&r, TDX_DIGEST);
        (void)get_bytes(&r, get_le32(&r));
        assert_false(r.bad);
        if (index != mr || type == 3)
            continue;
        assert_true(ret->count < LOGGED);
        memcpy(ret->digest[ret->count++], digest.ptr, TDX_DIGEST);
    }
    assert_true(ret->count > 0);
}

static void
predict(uint64_t mib, enum tdx_separator separator,
    struct tdx_log ret[static TDX_BOOT_RTMRS])
{
    const struct tdx_shape shape = { .memory_mib = mib, .separator = separator };
    static struct tdvf t;
    struct selfsame_err e = { 0 };
    struct tdx_boot b = { .firmware = &t,
        .has_kernel = true,
        .cmdline = BYTES_LIT("x"),
        .initrd_size = 1,
        .has_acpi = { true, true, true } };

    assert_code(tdvf_parse(BYTES_ARR(firmware), &t, &e), SELFSAME_OK, &e);
    assert_code(tdx_events(&b, &shape, ret, &e), SELFSAME_OK, &e);
}

/* What only that machine has, and no image tells. */
static bool
is_its_own(const char *what)
{
    static const char *const own[] = { "CFV", "ACPI loader script", "ACPI RSDP",
        "ACPI tables", "kernel", "command line", "initrd" };

    for (size_t i = 0; i < COUNT(own); i++)
        if (strcmp(what, own[i]) == 0)
            return true;
    return false;
}

/*
 * The log of a direct boot has our events, all of them, in our order; the placeholder has
 * the sections of its firmware, and so the same TD HOB.
 */
static void
a_real_direct_boot_logs_what_is_predicted(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct tdx_log log[TDX_BOOT_RTMRS];
    size_t same = 0;

    (void)state;
    need_shared();
    predict(2048, TDX_SEPARATOR_RTMR0, log);
    for (uint32_t i = 0; i < TDX_BOOT_RTMRS; i++) {
        struct logged real;

        read_log("CCEL_data_ovmf", i + 1, &arena, &real);
        assert_int_equal(log[i].count, real.count);
        for (size_t k = 0; k < real.count; k++) {
            bool equal = bytes_eq(
                BYTES_ARR(log[i].event[k].digest), BYTES_ARR(real.digest[k]));

            if (equal == is_its_own(log[i].event[k].what))
                fail_msg("RTMR%u, event %zu (%s)", i, k, log[i].event[k].what);
            same += equal;
        }
    }
    assert_int_equal(same, 10 + 3);
}

static void
the_td_hob_is_that_of_real_machines(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct tdx_log log[TDX_BOOT_RTMRS];
    struct logged real;

    (void)state;
    need_shared();
    read_log("CCEL_data_grub", 1, &arena, &real);
    predict(10240, TDX_SEPARATOR_RTMR0, log);
    assert_memory_equal(log[0].event[0].digest, real.digest[0], TDX_DIGEST);
    predict(10241, TDX_SEPARATOR_RTMR0, log);
    assert_memory_not_equal(log[0].event[0].digest, real.digest[0], TDX_DIGEST);
}

/* Google's firmware puts the second separator into RTMR1, behind the start. */
static void
the_other_place_of_the_separator_is_real_too(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct tdx_log log[TDX_BOOT_RTMRS];
    struct logged real;

    (void)state;
    need_shared();
    read_log("CCEL_data_grub_gke", 2, &arena, &real);
    predict(2048, TDX_SEPARATOR_RTMR1, log);
    assert_memory_equal(log[1].event[1].digest, real.digest[0], TDX_DIGEST);
    assert_memory_equal(log[1].event[2].digest, real.digest[1], TDX_DIGEST);
    assert_memory_equal(
        log[1].event[3].digest, real.digest[real.count - 2], TDX_DIGEST);
    assert_memory_equal(
        log[1].event[4].digest, real.digest[real.count - 1], TDX_DIGEST);
    assert_int_equal(log[0].count, 13);
}

/* ---- the measurer ---- */

struct part {
    const char *name;
    struct selfsame_bytes bytes;
};
struct option {
    const char *name, *value;
};

static enum selfsame_code
measure(const struct option *options, const struct part *parts, struct arena *arena,
    struct tee_measured *ret, struct selfsame_err *e)
{
    const struct tee_measurer *m = tee_measurer_find("tdx");
    void *s = NULL;
    enum selfsame_code c = m->begin(0, true, &s, e);

    for (; c == SELFSAME_OK && options->name != NULL; options++)
        c = m->set(s, options->name, options->value, e);
    for (; c == SELFSAME_OK && parts->name != NULL; parts++) {
        c = m->part(s, parts->name, parts->bytes.len, e);
        for (size_t at = 0; c == SELFSAME_OK && at < parts->bytes.len; at += 1000) {
            size_t left = parts->bytes.len - at;

            c = m->update(
                s, BYTES(parts->bytes.ptr + at, left < 1000 ? left : 1000), e);
        }
    }
    if (c == SELFSAME_OK)
        c = m->finish(s, arena, ret, e);
    if (s != NULL)
        m->free(s);
    return c;
}

static const struct option nothing[] = { { 0 } };
static const struct part whole[] = { { "firmware", { firmware, sizeof(firmware) } },
    { "kernel", { kernel, sizeof(kernel) } },
    { "initrd", { (const uint8_t *)"initrd", 6 } },
    { "cmdline", { (const uint8_t *)"quiet", 5 } }, { 0 } };

static size_t
count_of(const struct tee_measured *m, const char *path)
{
    size_t n = 0;

    for (size_t i = 0; i < m->count; i++)
        n += strcmp(m->list[i].path, path) == 0;
    return n;
}

static void
values_are_the_alternatives_of_all_shapes(void **state)
{
    static const struct option one[] = { { "pages", "two-pass" },
        { "kernel_as", "whole" }, { "separator", "rtmr1" },
        { "memory_mib", "2048,4096,8192" }, { 0 } };
    static const struct option next[] = { { "memory_mib", "1024" },
        { "pages", "one-pass" }, { "shape", "next" }, { "vmm", "qemu" }, { 0 } };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct tee_measured m;

    (void)state;
    assert_code(measure(nothing, whole, &arena, &m, &e), SELFSAME_OK, &e);
    assert_int_equal(m.shape_count, 8);
    assert_int_equal(count_of(&m, "mrtd"), 2);
    assert_int_equal(count_of(&m, "rtmr.0"), 0); /* no ACPI tables */
    assert_int_equal(count_of(&m, "rtmr.1"), 4);
    assert_int_equal(count_of(&m, "rtmr.2"), 1);
    assert_int_equal(m.note_count, 1);
    assert_int_equal(m.section_count, 6);
    assert_int_equal(m.predicted_count, 11 + 4 + 2);
    assert_code(measure(one, whole, &arena, &m, &e), SELFSAME_OK, &e);
    assert_int_equal(m.shape_count, 3);
    assert_int_equal(m.count, 3); /* a kernel as it is knows no memory */
    assert_code(measure(next, whole, &arena, &m, &e), SELFSAME_OK, &e);
    assert_int_equal(m.shape_count, 4 + 8);
}

static void
options_and_parts_that_say_nothing_are_refused(void **state)
{
    static const struct option bad[][2] = { { { "memory_mib", "" } },
        { { "memory_mib", "2048," } }, { { "memory_mib", ",2048" } },
        { { "memory_mib", "63" } }, { { "memory_mib", "67108865" } },
        { { "memory_mib", "2 048" } }, { { "pages", "" } }, { { "pages", "one" } },
        { { "pages", "one-pass," } }, { { "kernel_as", "patch" } },
        { { "separator", "rtmr2" } }, { { "vmm", "gce" } }, { { "vcpus", "1" } },
        { { "shape", "first" } } };
    static const struct {
        struct part parts[4];
        enum selfsame_code code;
    } rows[] = {
        { { { 0 } }, SELFSAME_USAGE },
        { { { "firmware", { firmware, 4096 } } }, SELFSAME_MALFORMED },
        { { { "firmware", { firmware, 0 } } }, SELFSAME_MALFORMED },
        { { { "firmware", { firmware, sizeof(firmware) } },
              { "firmware", { firmware, 1 } } },
            SELFSAME_USAGE },
        { { { "image", { firmware, 1 } } }, SELFSAME_USAGE },
        { { { "firmware", { firmware, sizeof(firmware) } },
              { "cmdline", { kernel, 1 } } },
            SELFSAME_USAGE },
        { { { "firmware", { firmware, sizeof(firmware) } },
              { "kernel", { kernel, 0 } } },
            SELFSAME_UNSUPPORTED },
        { { { "firmware", { firmware, sizeof(firmware) } },
              { "kernel", { kernel, 0x250 } } },
            SELFSAME_UNSUPPORTED },
        { { { "firmware", { firmware, sizeof(firmware) } },
              { "kernel", { kernel, sizeof(kernel) } },
              { "cmdline", { (const uint8_t *)"caf\xc3\xa9", 5 } } },
            SELFSAME_UNSUPPORTED },
        { { { "firmware", { firmware, sizeof(firmware) } },
              { "kernel", { kernel, sizeof(kernel) } },
              { "cmdline", { (const uint8_t *)"x vga=1", 7 } } },
            SELFSAME_UNSUPPORTED },
    };
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct tee_measured m;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_code(measure(bad[i], whole, &arena, &m, &e), SELFSAME_USAGE, &e);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_code(measure(nothing, rows[i].parts, &arena, &m, &e), rows[i].code, &e);
}

/* A part that is shorter or longer than it was said to be. */
static void
a_part_that_is_not_whole_is_refused(void **state)
{
    const struct tee_measurer *m = tee_measurer_find("tdx");
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct tee_measured out;
    void *s = NULL;

    (void)state;
    assert_code(m->begin(0, false, &s, &e), SELFSAME_OK, &e);
    assert_code(m->update(s, BYTES_LIT("x"), &e), SELFSAME_USAGE, &e);
    assert_code(m->part(s, "initrd", 2, &e), SELFSAME_OK, &e);
    assert_code(m->update(s, BYTES_LIT("xyz"), &e), SELFSAME_MALFORMED, &e);
    assert_code(m->update(s, BYTES_LIT("x"), &e), SELFSAME_OK, &e);
    assert_code(m->part(s, "cmdline", 1, &e), SELFSAME_MALFORMED, &e);
    assert_code(m->finish(s, &arena, &out, &e), SELFSAME_MALFORMED, &e);
    m->free(s);
    assert_code(m->begin(0, false, &s, &e), SELFSAME_OK, &e);
    assert_code(m->part(s, "cmdline", 65537, &e), SELFSAME_MALFORMED, &e);
    m->free(s);
}

/* What each bit of each part changes: nothing goes by unmeasured but what is named here. */
static void
every_bit_of_kernel_and_code_is_measured(void **state)
{
    static const struct option shape[] = { { "pages", "one-pass" },
        { "kernel_as", "whole" }, { "separator", "rtmr0" }, { 0 } };
    struct selfsame_err e = { 0 };
    uint8_t mrtd[TDX_DIGEST], rtmr[TDX_DIGEST];

    (void)state;
    for (size_t at = 0; at < 0x3000; at += 97) {
        auto_arena arena = arena_new(1 << 20);
        struct tee_measured m;

        if (at == 97)
            continue;
        firmware[at] ^= at == 0 ? 0 : 0x10;
        kernel[at % sizeof(kernel)] ^= at == 0 ? 0 : 0x10;
        enum selfsame_code c = measure(shape, whole, &arena, &m, &e);
        firmware[at] ^= at == 0 ? 0 : 0x10;
        kernel[at % sizeof(kernel)] ^= at == 0 ? 0 : 0x10;
        if (at == 0) {
            assert_code(c, SELFSAME_OK, &e);
            memcpy(mrtd, m.list[0].bytes.ptr, TDX_DIGEST);
            memcpy(rtmr, m.list[1].bytes.ptr, TDX_DIGEST);
            continue;
        }
        if (c != SELFSAME_OK)
            continue;
        /* The CFV is the first page: it is in RTMR0, not in MRTD. */
        assert_int_equal(!bytes_eq(m.list[0].bytes, BYTES_ARR(mrtd)), at >= 0x1000);
        assert_false(bytes_eq(m.list[1].bytes, BYTES_ARR(rtmr)));
    }
}

static void
every_failed_allocation_is_reported(void **state)
{
    enum selfsame_code c = SELFSAME_NOMEM;

    (void)state;
    for (long n = 1; c != SELFSAME_OK; n++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct tee_measured m;

        arena.fail_at = n;
        c = measure(nothing, whole, &arena, &m, &e);
        assert_true(c == SELFSAME_OK || c == SELFSAME_NOMEM);
        assert_true(n < 100);
    }
}

/* The header that QEMU writes into. */
static void
a_kernel_that_qemu_would_not_patch_so_is_refused(void **state)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
    } rows[] = { { "no HdrS", 0x202, 'h' }, { "protocol 2.02", 0x206, 2 },
        { "not loaded high", 0x211, 0 } };
    const struct tdx_shape patched = { .memory_mib = 2048,
        .kernel = TDX_KERNEL_PATCHED },
                           small = { .memory_mib = 64, .kernel = TDX_KERNEL_PATCHED };
    static uint8_t k[PLACEHOLDER_PE];
    uint8_t a[TDX_DIGEST], b[TDX_DIGEST];
    struct selfsame_err e = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        placeholder_pe(k);
        k[rows[i].at] = rows[i].value;
        if (rows[i].at == 0x206)
            k[0x207] = 2;
        assert_code(tdx_kernel_digest(BYTES_ARR(k), 1, &patched, a, &e),
            SELFSAME_UNSUPPORTED, &e);
    }
    placeholder_pe(k);
    assert_code(tdx_kernel_digest(BYTES_ARR(k), 64 << 20, &small, a, &e),
        SELFSAME_UNSUPPORTED, &e); /* an initrd larger than memory */
    assert_code(
        tdx_kernel_digest(BYTES_ARR(k), 4096, &patched, a, &e), SELFSAME_OK, &e);
    assert_code(tdx_kernel_digest(BYTES_ARR(k), 4096, &small, b, &e), SELFSAME_OK, &e);
    assert_memory_not_equal(a, b, TDX_DIGEST);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_direct_boot_logs_what_is_predicted),
        cmocka_unit_test(the_td_hob_is_that_of_real_machines),
        cmocka_unit_test(the_other_place_of_the_separator_is_real_too),
        cmocka_unit_test(values_are_the_alternatives_of_all_shapes),
        cmocka_unit_test(options_and_parts_that_say_nothing_are_refused),
        cmocka_unit_test(a_part_that_is_not_whole_is_refused),
        cmocka_unit_test(every_bit_of_kernel_and_code_is_measured),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(a_kernel_that_qemu_would_not_patch_so_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
