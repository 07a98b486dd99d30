/* SPDX-License-Identifier: Apache-2.0 */
#include "image/oci.h"
#include "test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define D(extra) "{\"digest\":\"sha256:" HEX "\",\"size\":7" extra "}"

static const struct oci_choice amd64 = { .os = "linux", .arch = "amd64" };

static enum selfsame_code
index_of(const char *text, const struct oci_choice *want, struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 20);
    struct oci_descriptor d;

    return oci_index_parse(bytes_str(text), want, &arena, &d, e);
}

static void
the_platform_chooses(void **state)
{
    static const char text[] = "{\"manifests\":[" D(
        ",\"platform\":{\"os\":\"linux\",\"architecture\":"
        "\"arm64\"}") ","
                      "{\"digest\":\"sha256:" HEX "\",\"size\":9,"
                      "\"platform\":{\"os\":\"linux\","
                      "\"architecture\":\"amd64\"}}]}";
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct oci_descriptor d;
    struct oci_choice riscv = { .os = "linux", .arch = "riscv64" };

    (void)state;
    assert_code(
        oci_index_parse(bytes_str(text), &amd64, &arena, &d, &e), SELFSAME_OK, &e);
    assert_int_equal(d.size, 9);
    assert_string_equal(d.hex, HEX);
    assert_code(index_of(text, &riscv, &e), SELFSAME_UNSUPPORTED, &e);
}

static void
several_images_need_a_name(void **state)
{
#define NAMED(d, n)           \
    "{\"digest\":\"sha256:" d \
    "\",\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"" n "\"}}"
    static const char text[] = "{\"manifests\":[" NAMED(HEX, "app:1") "," NAMED(
        "ff23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "x/app:2") "]}";
    struct oci_choice one = amd64, two = amd64, none = amd64;
    struct selfsame_err e = { 0 };

    (void)state;
    one.ref = "app:1";
    two.ref = "app:2";
    none.ref = "app";
    assert_code(index_of(text, &amd64, &e), SELFSAME_USAGE, &e);
    assert_code(index_of(text, &one, &e), SELFSAME_OK, &e);
    assert_code(index_of(text, &two, &e), SELFSAME_OK, &e);
    assert_code(index_of(text, &none, &e), SELFSAME_UNSUPPORTED, &e);
}

static const struct {
    const char *text;
    enum selfsame_code code;
} bad_index[] = {
    { "", SELFSAME_MALFORMED },
    { "[]", SELFSAME_MALFORMED },
    { "{}", SELFSAME_MALFORMED },
    { "{\"manifests\":{}}", SELFSAME_MALFORMED },
    { "{\"manifests\":[]}", SELFSAME_UNSUPPORTED },
    { "{\"manifests\":[7]}", SELFSAME_MALFORMED },
    { "{\"manifests\":[{}]}", SELFSAME_MALFORMED },
    { "{\"manifests\":[{\"digest\":\"sha256:" HEX "\"}]}", SELFSAME_MALFORMED },
    { "{\"manifests\":[{\"digest\":\"sha256:" HEX "\",\"size\":-1}]}",
        SELFSAME_MALFORMED },
    { "{\"manifests\":[{\"digest\":\"sha256:" HEX "0\",\"size\":1}]}",
        SELFSAME_MALFORMED },
    { "{\"manifests\":[{\"digest\":\"sha256:../../x\",\"size\":1}]}",
        SELFSAME_MALFORMED },
    { "{\"manifests\":[{\"digest\":\"" HEX "\",\"size\":1}]}", SELFSAME_MALFORMED },
    { "{\"manifests\":[{\"digest\":\"md5:00\",\"size\":1}]}", SELFSAME_UNSUPPORTED },
    { "{\"manifests\":[" D("") "],\"manifests\":[]}", SELFSAME_MALFORMED },
};

static void
bad_indexes_are_refused_by_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_index); i++) {
        struct selfsame_err e = { 0 };
        enum selfsame_code got = index_of(bad_index[i].text, &amd64, &e);

        if (got != bad_index[i].code)
            fail_msg("%s: expected %s, got %s", bad_index[i].text,
                selfsame_code_name(bad_index[i].code), selfsame_code_name(got));
    }
}

static const char config_text[] =
    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Entrypoint\":[\"/a\"],"
    "\"Cmd\":null,\"Env\":[\"A=1\"],\"User\":\"web\",\"WorkingDir\":\"/"
    "w\",\"Later\":1},"
    "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}}";

static void
configs_are_read(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct oci_config c;

    (void)state;
    assert_code(
        oci_config_parse(bytes_str(config_text), &arena, &c, &e), SELFSAME_OK, &e);
    assert_string_equal(c.entrypoint[0], "/a");
    assert_null(c.entrypoint[1]);
    assert_null(c.cmd[0]);
    assert_string_equal(c.user, "web");
    assert_int_equal(c.diff_id_count, 1);
}

static void
bad_configs_are_refused(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"config\":[],\"rootfs\":{\"diff_ids\":[]}}",
        "{\"config\":{\"Cmd\":\"/bin/sh\"},\"rootfs\":{\"diff_ids\":[]}}",
        "{\"config\":{\"Env\":[1]},\"rootfs\":{\"diff_ids\":[]}}",
        "{\"config\":{\"User\":1},\"rootfs\":{\"diff_ids\":[]}}",
        "{\"config\":{},\"rootfs\":{\"diff_ids\":[1]}}",
        "{\"config\":{},\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct oci_config c;

        assert_code(oci_config_parse(bytes_str(bad[i]), &arena, &c, &e),
            SELFSAME_MALFORMED, &e);
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
        struct oci_config c;

        arena.fail_at = n;
        enum selfsame_code got = oci_config_parse(
            bytes_str(config_text), &arena, &c, &e);
        done = got == SELFSAME_OK;
        if (!done)
            assert_int_equal(got, SELFSAME_NOMEM);
        assert_true(n < 100);
    }
}

static const struct {
    const char *user;
    enum selfsame_code code;
    uint32_t uid, gid;
} users[] = {
    { "", SELFSAME_OK, 0, 0 },
    { "0", SELFSAME_OK, 0, 0 },
    { "7", SELFSAME_OK, 7, 0 },
    { "7:8", SELFSAME_OK, 7, 8 },
    { "101", SELFSAME_OK, 101, 102 },
    { "web", SELFSAME_OK, 101, 102 },
    { "web:www", SELFSAME_OK, 101, 103 },
    { "web:9", SELFSAME_OK, 101, 9 },
    { "9:www", SELFSAME_OK, 9, 103 },
    { "4294967294", SELFSAME_OK, 4294967294U, 0 },
    { "4294967295", SELFSAME_MALFORMED, 0, 0 },
    { "99999999999", SELFSAME_MALFORMED, 0, 0 },
    { "nobody", SELFSAME_MALFORMED, 0, 0 },
    { "web:nogroup", SELFSAME_MALFORMED, 0, 0 },
    { "web:", SELFSAME_MALFORMED, 0, 0 },
    { "-1", SELFSAME_MALFORMED, 0, 0 },
};

static void
users_are_those_of_the_image(void **state)
{
    struct selfsame_bytes passwd = BYTES_LIT(
        "root:x:0:0::/:/bin/sh\nbroken\nweb:x:101:102:::\nweb:x:5:5:::");
    struct selfsame_bytes group = BYTES_LIT("root:x:0:\nwww:x:103:web\n");

    (void)state;
    for (size_t i = 0; i < COUNT(users); i++) {
        struct selfsame_err e = { 0 };
        struct oci_user u = { 1, 1 };

        enum selfsame_code got = oci_user_resolve(users[i].user, passwd, group, &u, &e);
        if (got != users[i].code)
            fail_msg("%s: expected %s, got %s", users[i].user,
                selfsame_code_name(users[i].code), selfsame_code_name(got));
        if (got == SELFSAME_OK) {
            assert_int_equal(u.uid, users[i].uid);
            assert_int_equal(u.gid, users[i].gid);
        }
    }
}

static void
docker_manifests_are_read(void **state)
{
    static const struct {
        const char *text, *ref;
        enum selfsame_code code;
    } cases[] = {
        { "[{\"Config\":\"c\",\"Layers\":[\"l\"],\"RepoTags\":[\"x/a:1\"]}]", NULL,
            SELFSAME_OK },
        { "[{\"Config\":\"c\",\"Layers\":[\"l\"],\"RepoTags\":[\"x/a:1\"]}]", "a:1",
            SELFSAME_OK },
        { "[{\"Config\":\"c\",\"Layers\":[\"l\"],\"RepoTags\":null}]", "a:1",
            SELFSAME_MALFORMED },
        { "[{\"Config\":\"c\",\"Layers\":[]},{\"Config\":\"d\",\"Layers\":[]}]", NULL,
            SELFSAME_USAGE },
        { "[]", NULL, SELFSAME_MALFORMED },
        { "[{\"Layers\":[]}]", NULL, SELFSAME_MALFORMED },
        { "[{\"Config\":\"c\",\"Layers\":7}]", NULL, SELFSAME_MALFORMED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct oci_choice want = amd64;
        struct docker_manifest m;

        want.ref = cases[i].ref;
        assert_code(
            docker_manifest_parse(bytes_str(cases[i].text), &want, &arena, &m, &e),
            cases[i].code, &e);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_platform_chooses),
        cmocka_unit_test(several_images_need_a_name),
        cmocka_unit_test(bad_indexes_are_refused_by_class),
        cmocka_unit_test(configs_are_read),
        cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
        cmocka_unit_test(users_are_those_of_the_image),
        cmocka_unit_test(docker_manifests_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
