/* SPDX-License-Identifier: Apache-2.0 */
#include "laid_out.h"

#include "image/placeholder.h"
#include "tee/snp/id_block.h"
#include "tee/snp/launch.h"

/* With a QEMU that writes down its arguments. */
struct fake_host {
    struct laid_out at;
    char image[96];
    struct snp_host host;
};

static void
put_file(const struct fake_host *h, const char *path, const char *text)
{
    laid_out_put(&h->at, path, bytes_str(text), 0755);
}

static const char qemu_91[] =
    "#!/bin/sh\n"
    "if [ \"$1\" = --version ]; then echo 'QEMU emulator version 9.1.0 (Debian "
    "1:9.1.0)'; exit; fi\n"
    "for word; do echo \"$word\"; done > \"${0%/bin/*}/arguments\"\n";

static void
host_start(struct fake_host *h)
{
    laid_out_start(&h->at);
    (void)snprintf(h->image, sizeof(h->image), "%s/image", h->at.root);
    h->host = (struct snp_host){ .at = { .root = h->at.root, .path = h->at.bin },
        .sev = true,
        .cbitpos = 51,
        .phys_bits_less = 1 };
    put_file(h, "/dev/kvm", "");
    put_file(h, "/dev/sev", "");
    put_file(h, "/proc/cpuinfo",
        "processor\t: 0\nflags\t\t: fpu sev sev_es sev_snp sme\nbugs\t\t: none\n");
    put_file(h, "/proc/meminfo", "MemTotal: 9 kB\nMemAvailable:    2097152 kB\n");
    put_file(h, "/sys/module/kvm_amd/parameters/sev_snp", "Y\n");
    put_file(h, "/bin/qemu-system-x86_64", qemu_91);
    put_file(h, "/image/image.kernel", "MZ a kernel");
    put_file(h, "/image/image.initrd", "070701");
    put_file(h, "/image/image.firmware", "OVMF");
    put_file(h, "/image/image.cmdline", "console=ttyS0 panic=30");
}

static const struct tee_shape shapes[] = {
    { .vmm = "ec2", .cpu = "EPYC-Milan-v2", .vcpus = 3 },
    { .vmm = "qemu", .cpu = "EPYC-Milan-v2", .vcpus = 2 },
    { .vmm = "qemu", .cpu = "EPYC-Genoa", .vcpus = 2 },
    { .vmm = "qemu", .cpu = "EPYC-Genoa", .vcpus = 4 }
};

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
        snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 9);
    for (size_t i = 0; i < count; i++)
        assert_true(list[i].ok);
    q.image = NULL; /* as `doctor` asks */
    assert_code(
        snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    assert_int_equal(count, 6);
    laid_out_stop(&h.at);
}

static void
each_missing_thing_is_named_with_its_remedy(void **state)
{
    static const struct {
        const char *path, *text; /* text NULL: removed */
        size_t fact;
        const char *found;
    } rows[] = {
        { "/proc/cpuinfo", NULL, 0, "sev_snp" },
        { "/proc/cpuinfo", "x\nflags\t: sev sev_snp2 xsev_snp\n", 0, "no sev_snp" },
        { "/proc/cpuinfo", "x\nflags\t: sev\nbugs\t: sev_snp\n", 0, "no sev_snp" },
        { "/dev/kvm", NULL, 1, "/dev/kvm" },
        { "/dev/sev", NULL, 2, "/dev/sev" },
        { "/sys/module/kvm_amd/parameters/sev_snp", "N\n", 3, "off" },
        { "/sys/module/kvm_amd/parameters/sev_snp", NULL, 3, "no parameter" },
        { "/bin/qemu-system-x86_64", NULL, 4, "no qemu-system-x86_64" },
        { "/bin/qemu-system-x86_64", "#!/bin/sh\necho QEMU emulator version 9.0.2\n", 4,
            "9.0.2" },
        { "/bin/qemu-system-x86_64", "#!/bin/sh\necho QEMU emulator version 8.2.0\n", 4,
            "8.2.0" },
        { "/bin/qemu-system-x86_64", "#!/bin/sh\necho something\n", 4,
            "does not tell" },
        { "/bin/qemu-system-x86_64",
            "#!/bin/sh\necho QEMU emulator version 9.2.0\nexit 1\n", 4,
            "does not tell" },
        { "/image/image.kernel", NULL, 5, "no image.kernel" },
        { "/image/image.firmware", NULL, 6, "no image.firmware" },
        { "/proc/meminfo", "MemAvailable: 1048575 kB\n", 7, "available are 1023 MiB" },
        { "/proc/meminfo", NULL, 7, "available are 0 MiB" },
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
        (void)snprintf(full, sizeof(full), "%s%s", h.at.root, rows[i].path);
        if (rows[i].text != NULL)
            put_file(&h, rows[i].path, rows[i].text);
        else
            assert_int_equal(unlink(full), 0);
        assert_code(
            snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
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
placeholders_are_not_started(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    uint8_t firmware[PLACEHOLDER_FIRMWARE];
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    placeholder_firmware(firmware);
    laid_out_put(&h.at, "/image/image.firmware", BYTES_ARR(firmware), 0644);
    assert_code(
        snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
    assert_false(list[6].ok);
    q.insecure_plain_vm = true; /* which has a firmware of its own */
    assert_code(
        snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    laid_out_put(&h.at, "/image/image.kernel", placeholder_kernel(), 0644);
    assert_code(
        snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
    assert_non_null(strstr(err_text(&e), "simulator only"));
    laid_out_stop(&h.at);
}

static void
memory_that_the_image_does_not_fit_into_is_refused(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { .depth = 0 };
    struct tee_host_fact *list = NULL;
    struct fake_host h;
    size_t count = 0;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    q.memory_mib = 355;
    assert_code(
        snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_IO, &e);
    assert_false(list[8].ok);
    q.memory_mib = 356;
    assert_code(
        snp_host_facts(&h.host, &q, &arena, &list, &count, &e), SELFSAME_OK, &e);
    laid_out_stop(&h.at);
}

/* ---- the command line ---- */

static void
launch_fails(const struct tee_launch_request *q, struct fake_host *h,
    enum selfsame_code code, const char *says)
{
    struct selfsame_err e = { .depth = 0 };
    char path[128];

    assert_code(snp_host_launch(&h->host, q, &e), code, &e);
    if (strstr(err_text(&e), says) == NULL)
        fail_msg("expected \"%s\", got \"%s\"", says, err_text(&e));
    (void)snprintf(path, sizeof(path), "%s/arguments", h->at.root);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* Each argument on a line; %IMAGE% stands for the directory. */
static void
launches(const struct tee_launch_request *q, struct fake_host *h, const char *want)
{
    struct selfsame_err e = { .depth = 0 };
    char path[128], got[16384] = "", expected[16384] = "";

    assert_code(snp_host_launch(&h->host, q, &e), SELFSAME_OK, &e);
    (void)snprintf(path, sizeof(path), "%s/arguments", h->at.root);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    got[fread(got, 1, sizeof(got) - 1, f)] = '\0';
    assert_int_equal(fclose(f), 0);
    for (const char *at = want; *at != '\0';) {
        const char *mark = strstr(at, "%IMAGE%");
        size_t n = mark != NULL ? (size_t)(mark - at) : strlen(at);

        (void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
            "%.*s%s", (int)n, at, mark != NULL ? h->image : "");
        at += n + (mark != NULL ? 7 : 0);
    }
    assert_string_equal(got, expected);
    assert_int_equal(unlink(path), 0);
}

#define COMMON                                                                    \
    "-nodefaults\n-no-user-config\n-no-reboot\n-display\nnone\n-monitor\nnone\n-" \
    "serial\nstdio\n-m\n"
#define FILES                                                                 \
    "-kernel\n%IMAGE%/image.kernel\n-initrd\n%IMAGE%/image.initrd\n-append\n" \
    "console=ttyS0 panic=30\n"
#define MACHINE                                                                      \
    "-machine\nq35,accel=kvm,confidential-guest-support=sev0,memory-backend=ram0\n-" \
    "cpu"                                                                            \
    "\n"

static void
qemu_gets_what_was_measured(void **state)
{
    const struct tee_port ports[] = { { "127.0.0.1", 8443, 443 },
        { "0.0.0.0", 80, 8080 } };
    struct fake_host h;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    launches(&q, &h,
        COMMON
        "1024\n" MACHINE "EPYC-Milan-v2\n-smp\n2,maxcpus=2\n-object\n"
        "memory-backend-memfd,id=ram0,size=1024M,share=true\n-object\n"
        "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-"
        "hashes=on\n"
        "-bios\n%IMAGE%/image.firmware\n" FILES
        "-netdev\nuser,id=net0\n-device\nvirtio-net-pci,netdev=net0,romfile=,disable-"
        "legacy=on,iommu_platform=on\n");
    q.cpu = "EPYC-Genoa";
    q.cpus = 4;
    q.memory_mib = 2000;
    q.insecure_debug = true;
    q.ports = ports;
    q.port_count = COUNT(ports);
    launches(&q, &h,
        COMMON
        "2000\n" MACHINE "EPYC-Genoa\n-smp\n4,maxcpus=4\n-object\n"
        "memory-backend-memfd,id=ram0,size=2000M,share=true\n-object\n"
        "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0xb0000,kernel-"
        "hashes=on\n"
        "-bios\n%IMAGE%/image.firmware\n" FILES
        "-netdev\nuser,id=net0,hostfwd=tcp:127.0.0.1:8443-:443,hostfwd=tcp:0.0.0.0:80-:"
        "8080\n-device\nvirtio-net-pci,netdev=net0,romfile=,disable-legacy=on,iommu_"
        "platform=on\n");
    laid_out_stop(&h.at);
}

static void
a_machine_that_was_not_measured_is_refused(void **state)
{
    struct fake_host h;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    q.cpus = 4;
    q.cpu = "EPYC-Milan-v2";
    launch_fails(&q, &h, SELFSAME_USAGE, "4 processors of type EPYC-Milan-v2");
    q.cpus = 3; /* measured for another monitor */
    launch_fails(&q, &h, SELFSAME_USAGE, "not measured for QEMU");
    q = request(&h);
    q.shape_count = 0;
    launch_fails(&q, &h, SELFSAME_USAGE, "not measured for QEMU");
    laid_out_stop(&h.at);
}

static void
a_plain_machine_has_nothing_of_snp(void **state)
{
    struct fake_host h;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    q.insecure_plain_vm = true;
    q.emulated = true;
    q.cpus = 3;
    static const char words[] = COMMON
        "1024\n-machine\nq35,accel=tcg\n-cpu\nmax\n-smp\n3\n" FILES
        "-netdev\nuser,id=net0\n-device\nvirtio-net-pci,netdev=net0,romfile=,"
        "disable-legacy=on\n";
    launches(&q, &h, words);
    q.emulated = false;
    q.cpu = "EPYC";
    launches(&q, &h,
        COMMON "1024\n-machine\nq35,accel=kvm:tcg\n-cpu\nEPYC\n-smp\n3\n" FILES
               "-netdev\nuser,id=net0\n-device\nvirtio-net-pci,netdev=net0,romfile=,"
               "disable-legacy=on\n");
    laid_out_stop(&h.at);
}

static void
sign_block(uint64_t policy, bool with_author, struct arena *arena,
    struct selfsame_bytes *ret_block, struct selfsame_bytes *ret_auth)
{
    static const uint8_t measurement[SNP_DIGEST_SIZE] = { 1, 2, 3 }, id[16] = { 4 };
    struct selfsame_err e = { .depth = 0 };
    auto_key *key = NULL, *author = NULL;
    const struct snp_id_block b = {
        .measurement = BYTES_ARR(measurement),
        .family_id = BYTES_ARR(id),
        .image_id = BYTES_ARR(id),
        .policy = policy,
    };

    assert_code(key_generate(KEY_P384, &key, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P384, &author, &e), SELFSAME_OK, &e);
    assert_code(snp_id_make(&b, key, with_author ? author : NULL, arena, ret_block,
                    ret_auth, &e),
        SELFSAME_OK, &e);
}

static void
an_id_block_brings_its_policy(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    char want[16384], block64[BASE64_SIZE(SNP_ID_BLOCK_SIZE)],
        auth64[BASE64_SIZE(SNP_ID_AUTH_SIZE)];
    struct selfsame_bytes block, auth;
    struct fake_host h;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    sign_block(0x20000, true, &arena, &block, &auth); /* bit 17 alone: no SMT */
    q.id_block = block;
    launch_fails(&q, &h, SELFSAME_USAGE, "together with its authentication");
    q.id_auth = auth;
    (void)base64_encode(q.id_block, false, block64);
    (void)base64_encode(q.id_auth, false, auth64);
    (void)snprintf(want, sizeof(want),
        COMMON
        "1024\n" MACHINE "EPYC-Milan-v2\n-smp\n2,maxcpus=2\n-object\n"
        "memory-backend-memfd,id=ram0,size=1024M,share=true\n-object\n"
        "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x20000,kernel-"
        "hashes=on,id-block=%s,id-auth=%s,author-key-enabled=on\n"
        "-bios\n%%IMAGE%%/image.firmware\n",
        block64, auth64);
    char *rest = want + strlen(want);
    (void)snprintf(rest, sizeof(want) - (size_t)(rest - want), "%s",
        FILES "-netdev\nuser,id=net0\n-device\nvirtio-net-pci,netdev=net0,romfile=,"
              "disable-legacy=on,iommu_platform=on\n");
    launches(&q, &h, want);
    q.insecure_debug = true;
    launch_fails(&q, &h, SELFSAME_USAGE, "forbids debugging");
    sign_block(0xa0000, false, &arena, &q.id_block, &q.id_auth);
    q.insecure_debug = false;
    launch_fails(&q, &h, SELFSAME_USAGE, "allows debugging");
    q.id_block = block; /* another one's authentication */
    launch_fails(&q, &h, SELFSAME_BAD_SIGNATURE, "of the ID block by the ID key");
    q.id_auth = auth;
    struct tee_shape measured = q.shapes[1];
    measured.measurement = BYTES(block.ptr + 1, SNP_DIGEST_SIZE);
    q.shapes = &measured;
    q.shape_count = 1;
    q.cpus = 0;
    q.cpu = NULL;
    launch_fails(&q, &h, SELFSAME_MISMATCH, "the firmware would refuse to start");
    q.id_block.len--;
    launch_fails(&q, &h, SELFSAME_MALFORMED, "96 bytes");
    laid_out_stop(&h.at);
}

static void
a_bad_command_line_and_a_failing_qemu_are_reported(void **state)
{
    struct fake_host h;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    put_file(&h, "/image/image.cmdline", "");
    launch_fails(&q, &h, SELFSAME_MALFORMED, "image.cmdline");
    laid_out_put(
        &h.at, "/image/image.cmdline", BYTES((const uint8_t *)"a\0b", 3), 0644);
    launch_fails(&q, &h, SELFSAME_MALFORMED, "image.cmdline");
    put_file(&h, "/image/image.cmdline", "x");
    put_file(&h, "/bin/qemu-system-x86_64", "#!/bin/sh\nexit 39\n");
    launch_fails(&q, &h, SELFSAME_IO, "got 39");
    h.host.at.path = "/nonexistent";
    launch_fails(&q, &h, SELFSAME_IO, "PATH");
    laid_out_stop(&h.at);
}

static void
every_failed_allocation_is_reported(void **state)
{
    struct fake_host h;
    long n = 1;

    (void)state;
    host_start(&h);
    struct tee_launch_request q = request(&h);
    for (;; n++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { .depth = 0 };
        struct tee_host_fact *list;
        size_t count;

        arena.fail_at = n;
        enum selfsame_code code = snp_host_facts(
            &h.host, &q, &arena, &list, &count, &e);
        if (code == SELFSAME_OK)
            break;
        assert_int_equal(code, SELFSAME_NOMEM);
        assert_true(n < 50);
    }
    assert_true(n > 9);
    laid_out_stop(&h.at);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_host_has_every_fact),
        cmocka_unit_test(each_missing_thing_is_named_with_its_remedy),
        cmocka_unit_test(placeholders_are_not_started),
        cmocka_unit_test(memory_that_the_image_does_not_fit_into_is_refused),
        cmocka_unit_test(qemu_gets_what_was_measured),
        cmocka_unit_test(a_machine_that_was_not_measured_is_refused),
        cmocka_unit_test(a_plain_machine_has_nothing_of_snp),
        cmocka_unit_test(an_id_block_brings_its_policy),
        cmocka_unit_test(a_bad_command_line_and_a_failing_qemu_are_reported),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
