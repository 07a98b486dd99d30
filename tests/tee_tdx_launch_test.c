/* SPDX-License-Identifier: Apache-2.0 */
#include "laid_out.h"

#include "image/placeholder.h"
#include "tee/tdx/launch.h"

/* With a QEMU that writes down its arguments. */
struct fake_host {
    struct laid_out at;
    char image[96];
    struct tdx_host host;
};

static void
put_file(const struct fake_host *h, const char *path, const char *text)
{
    laid_out_put(&h->at, path, bytes_str(text), 0755);
}

#define QEMU(version, objects)                                               \
    "#!/bin/sh\n"                                                            \
    "if [ \"$1\" = --version ]; then echo 'QEMU emulator version " version   \
    "'; exit; fi\n"                                                          \
    "if [ \"$1 $2\" = '-object help' ]; then echo '" objects "'; exit; fi\n" \
    "for word; do echo \"$word\"; done > \"${0%/bin/*}/arguments\"\n"
static const char qemu_101[] = QEMU("10.1.0 (Debian 1:10.1.0)", "sev-snp-guest");

static void
host_start(struct fake_host *h)
{
    laid_out_start(&h->at);
    (void)snprintf(h->image, sizeof(h->image), "%s/image", h->at.root);
    h->host = (struct tdx_host){ .at = { .root = h->at.root, .path = h->at.bin },
        .qgs = TDX_QGS_ANSWERS };
    put_file(h, "/dev/kvm", "");
    put_file(h, "/proc/cpuinfo",
        "processor\t: 0\nflags\t\t: fpu sgx tdx_host_platform tme\nbugs\t\t: none\n");
    put_file(h, "/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    4194304 kB\n");
    put_file(h, "/sys/module/kvm_intel/parameters/tdx", "Y\n");
    put_file(h, "/bin/qemu-system-x86_64", qemu_101);
    put_file(h, "/image/tdx.kernel", "MZ a kernel");
    put_file(h, "/image/tdx.initrd", "070701");
    put_file(h, "/image/tdx.firmware", "OVMF");
    put_file(h, "/image/tdx.cmdline", "console=ttyS0 panic=30");
}

static const struct tee_shape shapes[] = { { .vmm = "other", .memory_mib = 512 },
    { .vmm = "qemu", .memory_mib = 2048 }, { .vmm = "qemu", .memory_mib = 1024 } };

static struct tee_launch_request
request(const struct fake_host *h)
{
    return (struct tee_launch_request){ .image = h->image,
        .image_size = 50 << 20,
        .shapes = shapes,
        .shape_count = COUNT(shapes) };
}

static void
a_complete_host_has_every_fact(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    assert_code(
        tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 9);
    for (size_t i = 0; i < count; i++)
        assert_true(list[i].ok);
    assert_non_null(strstr(list[7].found, "needs 2048 MiB")); /* of the shape */
    put_file(&h, "/bin/qemu-system-x86_64", QEMU("9.1.0", "  tdx-guest"));
    assert_code(
        tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    h.host.qgs = TDX_QGS_UNKNOWN; /* nobody can tell: no reason to refuse */
    assert_code(
        tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_non_null(strstr(list[4].found, "cannot be tried"));
    q.image = NULL; /* as `doctor` asks */
    assert_code(
        tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 6);
    laid_out_stop(&h.at);
}

static void
each_missing_thing_is_named_with_its_remedy(void **state)
{
    static const struct {
        const char *path, *text; /* text NULL: removed; path NULL: no QGS */
        size_t fact;
        const char *found;
    } rows[] = {
        { "/dev/kvm", NULL, 1, "/dev/kvm" },
        { "/sys/module/kvm_intel/parameters/tdx", "N\n", 2, "off" },
        { "/sys/module/kvm_intel/parameters/tdx", NULL, 2, "no parameter" },
        { "/bin/qemu-system-x86_64", NULL, 3, "no qemu-system-x86_64" },
        { "/bin/qemu-system-x86_64", QEMU("10.0.2", "sev-guest"), 3, "10.0.2" },
        { "/bin/qemu-system-x86_64", QEMU("9.1.0", "sev-guest"), 3, "9.1.0" },
        { "/bin/qemu-system-x86_64", "#!/bin/sh\necho something\n", 3,
            "does not tell" },
        { NULL, NULL, 4, "nothing answers" },
        { "/image/tdx.kernel", NULL, 5, "no tdx.kernel" },
        { "/image/tdx.firmware", NULL, 6, "no tdx.firmware" },
        { "/proc/meminfo", "MemAvailable: 2097151 kB\n", 7, "available are 2047 MiB" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { .depth = 0 };
        struct tee_host_fact *list = NULL;
        struct fake_host h;
        char full[512];
        size_t count = 0;

        host_start(&h);
        struct tee_launch_request q = request(&h);
        if (rows[i].path == NULL)
            h.host.qgs = TDX_QGS_SILENT;
        else if (rows[i].text != NULL)
            put_file(&h, rows[i].path, rows[i].text);
        else {
            (void)snprintf(full, sizeof(full), "%s%s", h.at.root, rows[i].path);
            assert_int_equal(unlink(full), 0);
        }
        assert_code(
            tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
        assert_int_equal(count, 9);
        for (size_t k = 0; k < count; k++)
            assert_int_equal(list[k].ok, k != rows[i].fact);
        assert_non_null(strstr(list[rows[i].fact].found, rows[i].found));
        assert_true(strlen(list[rows[i].fact].fix) > 0);
        assert_non_null(strstr(err_text(&e), rows[i].found));
        laid_out_stop(&h.at);
    }
}

static void
a_host_without_tdx_is_told_so(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    put_file(&h, "/proc/cpuinfo", "x\nflags\t: sgx xtdx_host_platform\nbugs\t: none\n");
    put_file(&h, "/sys/module/kvm_intel/parameters/tdx", "N\n");
    assert_code(
        tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
    assert_false(list[0].ok);
    assert_non_null(strstr(err_text(&e), "no tdx_host_platform"));
    assert_non_null(strstr(e.remedy, "Xeon"));
    laid_out_stop(&h.at);
}

static void
placeholders_are_not_started(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    static uint8_t firmware[PLACEHOLDER_TDVF], kernel[PLACEHOLDER_PE];
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    placeholder_tdvf(firmware);
    placeholder_pe(kernel);
    laid_out_put(&h.at, "/image/tdx.firmware", BYTES_ARR(firmware), 0644);
    laid_out_put(&h.at, "/image/tdx.kernel", BYTES_ARR(kernel), 0644);
    assert_code(
        tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
    assert_false(list[5].ok);
    assert_false(list[6].ok);
    assert_non_null(strstr(list[5].found, "simulator only"));
    laid_out_stop(&h.at);
}

/* The words QEMU got, with newlines; the launch must have gone well. */
static void
launch(const struct fake_host *h, const struct tee_launch_request *q,
    char words[static 8192])
{
    struct selfsame_err e = { .depth = 0 };
    char path[512];

    assert_code(tdx_host_launch(&h->host, q, &e), SELFSAME_OK, &e);
    (void)snprintf(path, sizeof(path), "%s/arguments", h->at.root);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    words[fread(words, 1, 8191, f)] = '\0';
    (void)fclose(f);
}

static void
qemu_gets_what_was_measured(void **state)
{
    static const struct tee_port port = {
        .address = "127.0.0.1", .host = 8443, .guest = 443
    };
    uint8_t id[TDX_ID] = { 1 };
    char words[8192], expected[4096];
    struct fake_host h;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    q.cpus = 4;
    q.ports = &port;
    q.port_count = 1;
    launch(&h, &q, words);
    (void)snprintf(expected, sizeof(expected),
        "-nodefaults\n-no-user-config\n-no-reboot\n-display\nnone\n-monitor\nnone\n"
        "-serial\nstdio\n-m\n2048\n-machine\nq35,accel=kvm,kernel-irqchip=split,"
        "confidential-guest-support=tdx0,memory-backend=ram0\n-cpu\nhost\n-smp\n"
        "4,maxcpus=4\n-object\nmemory-backend-memfd,id=ram0,size=2048M,share=true\n"
        "-object\n{\"qom-type\":\"tdx-guest\",\"id\":\"tdx0\",\"attributes\":268435456,"
        "\"quote-generation-socket\":{\"type\":\"vsock\",\"cid\":\"2\",\"port\":"
        "\"4050\"}}\n-bios\n%s/tdx.firmware\n-kernel\n%s/tdx.kernel\n-initrd\n"
        "%s/tdx.initrd\n-append\nconsole=ttyS0 panic=30\n-netdev\n"
        "user,id=net0,hostfwd=tcp:127.0.0.1:8443-:443\n-device\n"
        "virtio-net-pci,netdev=net0,romfile=,disable-legacy=on,iommu_platform=on\n",
        h.image, h.image, h.image);
    assert_string_equal(words, expected);
    put_file(&h, TDX_QGS_SOCKET, "");
    q.insecure_debug = true;
    q.own_id[1] = BYTES_ARR(id);
    q.memory_mib = 4096; /* as 2048: low memory is the same */
    launch(&h, &q, words);
    assert_non_null(strstr(words, "-m\n4096\n"));
    assert_non_null(strstr(words, "\"attributes\":268435457,"));
    assert_non_null(
        strstr(words, "{\"type\":\"unix\",\"path\":\"" TDX_QGS_SOCKET "\"}"));
    assert_non_null(strstr(words, ",\"mrowner\":\"AQAAAA"));
    assert_null(strstr(words, "mrconfigid"));
    laid_out_stop(&h.at);
}

static void
what_cannot_be_is_refused(void **state)
{
    struct selfsame_err e = { .depth = 0 };
    struct fake_host h;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    q.memory_mib = 512; /* measured, but for another VMM */
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    assert_non_null(strstr(err_text(&e), "512 MiB"));
    q.memory_mib = 2049;
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    q = request(&h);
    q.id_block = BYTES_LIT("x");
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    q = request(&h);
    q.cpu = "EPYC";
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    q = request(&h);
    q.own_id[0] = BYTES_LIT("short");
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_USAGE, &e);
    put_file(&h, "/image/tdx.cmdline", "");
    q = request(&h);
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_MALFORMED, &e);
    put_file(&h, "/image/tdx.cmdline", "x");
    put_file(&h, "/bin/qemu-system-x86_64", "#!/bin/sh\nexit 3\n");
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "got 3"));
    h.host.at.path = NULL;
    assert_code(tdx_host_launch(&h.host, &q, &e), SELFSAME_IO, &e);
    laid_out_stop(&h.at);
}

static void
a_plain_machine_has_nothing_of_tdx(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    char words[8192];
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    q.insecure_plain_vm = q.emulated = true;
    h.host.qgs = TDX_QGS_SILENT;
    put_file(&h, "/bin/qemu-system-x86_64", QEMU("7.2.0", "nothing"));
    assert_code(
        tdx_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 4);
    launch(&h, &q, words);
    assert_null(strstr(words, "tdx0"));
    assert_null(strstr(words, "iommu_platform"));
    assert_null(strstr(words, "-bios"));
    assert_non_null(strstr(words, "q35,accel=tcg\n"));
    laid_out_stop(&h.at);
}

static void
every_failed_allocation_is_reported(void **state)
{
    struct fake_host h;
    enum selfsame_code c = SELFSAME_NOMEM;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    for (long n = 1; c != SELFSAME_OK; n++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { .depth = 0 };
        struct tee_host_fact *list = NULL;
        size_t count = 0;

        arena.fail_at = n;
        c = tdx_host_facts(&h.host, &q, &arena, &list, &count, &e);
        assert_true(c == SELFSAME_OK || c == SELFSAME_NOMEM);
        assert_true(n < 100);
    }
    laid_out_stop(&h.at);
}

/* This one: whatever it is, looking at it must not hang nor crash. */
static void
this_host_can_be_looked_at(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_launch_request q = { .image = NULL };
    struct tee_host_fact *list = NULL;
    struct tdx_host host = tdx_this_host();
    size_t count = 0;

    (void)state;
    enum selfsame_code c = tdx_host_facts(&host, &q, &arena, &list, &count, &e);
    assert_true(c == SELFSAME_OK || c == SELFSAME_IO);
    assert_int_equal(count, 6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_host_has_every_fact),
        cmocka_unit_test(each_missing_thing_is_named_with_its_remedy),
        cmocka_unit_test(a_host_without_tdx_is_told_so),
        cmocka_unit_test(placeholders_are_not_started),
        cmocka_unit_test(qemu_gets_what_was_measured),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(a_plain_machine_has_nothing_of_tdx),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(this_host_can_be_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
