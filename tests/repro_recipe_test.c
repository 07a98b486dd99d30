/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/repro.h"
#include "test.h"

static enum selfsame_code
parse(const char *text, struct arena *arena, struct recipe *r, struct selfsame_err *e)
{
    return recipe_parse(bytes_str(text), "dir/r.json", arena, r, e);
}

#define ONE "{\"selfsame_recipe\":1,"
#define SHA \
    "\"sha256\":\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
#define SHAPE(vmm, vcpus, cpu, features)                                         \
    ONE "\"snp\":{\"shapes\":[{\"vmm\":" vmm ",\"vcpus\":" vcpus ",\"cpu\":" cpu \
        ",\"features\":" features "}]}}"
static const char full[] = ONE
    "\"name\":\"example.com/a\",\"version\":\"1.2\",\"tee\":[\"nitro\"],"
    "\"source_date_epoch\":1700000000,\"build\":[[\"cc\",\"-o\",\"/out/a\",\"a.c\"]],"
    "\"files\":{\"/etc/a\":{\"from\":\"./conf/a\",\"mode\":\"0600\"}},"
    "\"entrypoint\":[\"/a\"],\"cmd\":[],\"env\":{\"B\":\"2\",\"A\":\"\"},"
    "\"user\":\"1:2\",\"workdir\":\"/"
    "w\",\"serve\":{\"listen\":\"l\",\"upstream\":\"u\"},"
    "\"nsm\":\"all\",\"allow_devices\":true,\"memory_mib\":512,"
    "\"snp\":{\"kernel\":{\"file\":\"k\"," SHA "},\"firmware\":{\"file\":\"f\"," SHA
    "},"
    "\"cmdline\":\"quiet\",\"net\":\"10.0.2.15/24 10.0.2.2\","
    "\"modules\":[{\"file\":\"m/a.ko\"," SHA "},{\"file\":\"b.ko\"," SHA "}],"
    "\"shapes\":[{\"vmm\":\"qemu\",\"vcpus\":[1,8],\"cpu\":[\"EPYC-Genoa\"],"
    "\"features\":[\"0x1\",\"0x21\"]}]}}";

static void
every_member_is_read(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct recipe r;

    (void)state;
    assert_code(parse(full, &arena, &r, &e), SELFSAME_OK, &e);
    assert_string_equal(r.dir, "dir");
    assert_string_equal(r.name, "example.com/a");
    assert_int_equal(r.source_date_epoch, 1700000000);
    assert_int_equal(r.build_count, 1);
    assert_string_equal(r.build[0].argv[2], "/out/a");
    assert_string_equal(r.files[0].to, "etc/a");
    assert_string_equal(r.files[0].from, "conf/a");
    assert_int_equal(r.files[0].mode, 0600);
    assert_string_equal(r.env[0], "A=");
    assert_string_equal(r.env[1], "B=2");
    assert_null(r.env[2]);
    assert_string_equal(r.listen, "l");
    assert_true(r.allow_devices);
    assert_false(r.keep_owners);
    assert_int_equal(r.memory_mib, 512);
    assert_string_equal(r.snp.machine.kernel.file, "k");
    assert_true(
        r.snp.machine.firmware.has_sha256 && r.snp.machine.firmware.sha256[1] == 0x11);
    assert_string_equal(r.snp.machine.cmdline, "quiet");
    assert_string_equal(r.snp.machine.net, "10.0.2.15/24 10.0.2.2");
    assert_int_equal(r.snp.machine.module_count, 2);
    assert_string_equal(r.snp.machine.modules[0].file, "m/a.ko");
    assert_int_equal(r.snp.shape_count, 1);
    assert_int_equal(r.snp.shapes[0].vcpus[1], 8);
    assert_string_equal(r.snp.shapes[0].cpus[0], "EPYC-Genoa");
    assert_string_equal(r.snp.shapes[0].features[1], "0x21");
    assert_null(r.snp.shapes[0].features[2]);
}

static const struct {
    const char *text, *says;
} bad[] = {
    { "", "r.json" },
    { "[]", "selfsame_recipe" },
    { "{\"selfsame_recipe\":2}", "selfsame_recipe" },
    { "{\"selfsame_recipe\":\"1\"}", "selfsame_recipe" },
    { ONE "\n\"nmae\":\"x\"}", "line 2: 'nmae'" },
    { ONE "\"serve\":{\"listen\":\"x\"}}", "'serve'" },
    { ONE "\"serve\":{\"listen\":\"x\",\"upstream\":\"y\",\"z\":1}}", "'serve.z'" },
    { ONE "\"kernel\":{\"file\":\"k\"}}", "'kernel'" },
    { ONE "\"kernel\":{\"sha256\":\"00\"}}", "'kernel.sha256'" },
    { ONE "\"kernel\":{\"nsm\":\"k\"}}", "nsm_sha256" },
    { ONE "\"build\":[\"make\"]}", "'build[0]'" },
    { ONE "\"build\":[[]]}", "'build[0]'" },
    { ONE "\"build\":[[\"\"]]}", "'build[0]'" },
    { ONE "\"build\":[[\"a\"],[\"b\",1]]}", "'build[1]'" },
    { ONE "\"files\":{\"../x\":{\"from\":\"y\"}}}", "inside the image" },
    { ONE "\"files\":{\"/\":{\"from\":\"y\"}}}", "inside the image" },
    { ONE "\"files\":{\"x\":{\"from\":\"../y\"}}}", "inside the source" },
    { ONE "\"files\":{\"x\":{\"from\":\"/etc/passwd\"}}}", "inside the source" },
    { ONE "\"files\":{\"x\":{\"from\":\"y\",\"mode\":\"755\"}}}", "octal" },
    { ONE "\"files\":{\"x\":{\"from\":\"y\",\"mode\":\"0999\"}}}", "octal" },
    { ONE "\"files\":{\"x\":{\"from\":\"y\",\"mode\":493}}}", "octal" },
    { ONE "\"files\":{\"x\":{\"from\":\"y\",\"owner\":0}}}", "owner" },
    { ONE "\"env\":{\"A=B\":\"c\"}}", "'env.A=B'" },
    { ONE "\"env\":{\"A\":1}}", "'env.A'" },
    { ONE "\"user\":0}", "'user'" },
    { ONE "\"workdir\":\"w\"}", "absolute" },
    { ONE "\"nsm\":\"none\"}", "'nsm'" },
    { ONE "\"source_date_epoch\":-1}", "'source_date_epoch'" },
    { ONE "\"source_date_epoch\":1.5}", "'source_date_epoch'" },
    { ONE "\"memory_mib\":1e99}", "memory_mib" },
    { ONE "\"allow_devices\":1}", "'allow_devices'" },
    { ONE "\"name\":\"A\"}", "'name'" },
    { ONE "\"name\":\"a\",\"name\":\"b\"}", "name" },
    { ONE "\"version\":\"1 2\"}", "'version'" },
    { ONE "\"sgx\":1}", "'sgx'" },
    { ONE "\"sgx\":{\"kernel\":1}}", "'sgx.kernel'" },
    { ONE "\"sgx\":{\"pal\":\"p\"}}", "'sgx.pal'" },
    { ONE "\"sgx\":{\"libos\":{\"file\":\"p\"}}}", "'sgx.libos'" },
    { ONE "\"sgx\":{\"enclave_size\":512}}", "'sgx.enclave_size'" },
    { ONE "\"sgx\":{\"enclave_size\":\"M\"}}", "'sgx.enclave_size'" },
    { ONE "\"sgx\":{\"enclave_size\":\"3G\"}}", "'sgx.enclave_size'" },
    { ONE "\"sgx\":{\"enclave_size\":\"65536G\"}}", "'sgx.enclave_size'" },
    { ONE "\"sgx\":{\"threads\":4097}}", "'sgx.threads'" },
    { ONE "\"sgx\":{\"isv_prod_id\":-1}}", "'sgx.isv_prod_id'" },
    { ONE "\"sgx\":{\"isv_svn\":1.5}}", "'sgx.isv_svn'" },
    { ONE "\"sgx\":{\"edmm\":1}}", "'sgx.edmm'" },
    { ONE "\"snp\":1}", "'snp'" },
    { ONE "\"snp\":{\"nsm\":1}}", "'snp.nsm'" },
    { ONE "\"snp\":{\"kernel\":\"k\"}}", "'snp.kernel'" },
    { ONE "\"snp\":{\"kernel\":{\"file\":\"k\"}}}", "'snp.kernel'" },
    { ONE "\"snp\":{\"kernel\":{" SHA "}}}", "'snp.kernel'" },
    { ONE "\"snp\":{\"kernel\":{\"file\":\"k\",\"sha256\":\"00\"}}}",
        "'snp.kernel.sha256'" },
    { ONE "\"snp\":{\"firmware\":{\"file\":\"\"," SHA "}}}", "'snp.firmware'" },
    { ONE "\"snp\":{\"firmware\":{\"file\":\"f\"," SHA ",\"x\":1}}}",
        "'snp.firmware.x'" },
    { ONE "\"snp\":{\"cmdline\":\"\"}}", "'snp.cmdline'" },
    { ONE "\"snp\":{\"modules\":{}}}", "'snp.modules'" },
    { ONE "\"snp\":{\"modules\":[\"a.ko\"]}}", "'snp.modules[0]'" },
    { ONE "\"snp\":{\"modules\":[{\"file\":\"a b.ko\"," SHA "}]}}",
        "'snp.modules[0]'" },
    { ONE "\"snp\":{\"modules\":[{\"file\":\"a/\"," SHA "}]}}", "'snp.modules[0]'" },
    { ONE "\"snp\":{\"modules\":[{\"file\":\"a/..\"," SHA "}]}}", "'snp.modules[0]'" },
    { ONE "\"snp\":{\"modules\":[{\"file\":\"a.ko\"," SHA "},{\"file\":\"b/a.ko\"," SHA
          "}]}}",
        "'snp.modules[1]'" },
    { ONE "\"snp\":{\"net\":\"DHCP\"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"10.0.2.15\"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"10.0.2.15/33\"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"10.0.2.15/0\"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"10.0.2.15/024\"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"0.0.0.0/8\"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"10.0.2.15/24 \"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"10.0.2.15/24 10.0.2.2 \"}}", "'snp.net'" },
    { ONE "\"snp\":{\"net\":\"10.0.2.15/24\\n\"}}", "'snp.net'" },
    { ONE "\"snp\":{\"shapes\":[]}}", "'snp.shapes'" },
    { ONE "\"snp\":{\"shapes\":[1]}}", "'snp.shapes[0]'" },
    { SHAPE("\"xen\"", "[1]", "[\"a\"]", "[\"0x1\"]"), "'snp.shapes[0]'" },
    { SHAPE("\"qemu\"", "1", "[\"a\"]", "[\"0x1\"]"), "'snp.shapes[0]'" },
    { SHAPE("\"qemu\"", "[]", "[\"a\"]", "[\"0x1\"]"), "'snp.shapes[0]'" },
    { SHAPE("\"qemu\"", "[0]", "[\"a\"]", "[\"0x1\"]"), "1 to 512" },
    { SHAPE("\"qemu\"", "[513]", "[\"a\"]", "[\"0x1\"]"), "1 to 512" },
    { SHAPE("\"qemu\"", "[1.5]", "[\"a\"]", "[\"0x1\"]"), "1 to 512" },
    { SHAPE("\"qemu\"", "[1]", "[]", "[\"0x1\"]"), "'snp.shapes[0]'" },
    { SHAPE("\"qemu\"", "[1]", "[\"\"]", "[\"0x1\"]"), "not empty" },
    { SHAPE("\"qemu\"", "[1]", "[\"a\"]", "\"0x1\""), "'snp.shapes[0]'" },
    { SHAPE("\"qemu\"", "[1,2,3,4,5]", "[\"a\",\"b\",\"c\",\"d\",\"e\"]",
          "[\"0x1\",\"0x21\",\"0x3\"]"),
        "at most 64" },
    { SHAPE("\"qemu\"", "[1]", "[\"a\"]", "[\"0x1\"],\"x\":1"), "'snp.shapes[0].x'" },
};

static void
bad_recipes_are_refused_by_member(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct recipe r = { .name = "untouched" };
        char text[1200];

        assert_code(parse(bad[i].text, &arena, &r, &e), SELFSAME_USAGE, &e);
        (void)selfsame_err_print(&e, text, sizeof(text));
        if (strstr(text, bad[i].says) == NULL)
            fail_msg("%s: expected to read \"%s\", got \"%s\"", bad[i].text,
                bad[i].says, text);
        assert_string_equal(r.name, "untouched");
    }
}

static void
every_failed_allocation_is_reported(void **state)
{
    bool done = false;

    (void)state;
    for (long n = 1; !done; n++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct recipe r;

        arena.fail_at = n;
        enum selfsame_code got = parse(full, &arena, &r, &e);
        done = got == SELFSAME_OK;
        if (!done)
            assert_int_equal(got, SELFSAME_NOMEM);
        assert_true(n < 400);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_read),
        cmocka_unit_test(bad_recipes_are_refused_by_member),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
