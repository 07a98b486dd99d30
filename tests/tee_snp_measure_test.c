/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "image/placeholder.h"
#include "tee/snp/measure.h"

#include <selfsame/measure.h>

struct part {
    const char *name;
    struct selfsame_bytes bytes;
};
struct option {
    const char *name, *value;
};

/* One measurement; the text of its JSON, or NULL and the code. */
static char *
measure(const struct option *options, const struct part *parts,
    enum selfsame_code *ret_code, struct selfsame_err *e)
{
    struct selfsame_measurement *m = NULL;
    enum selfsame_code c = selfsame_measurement_new("snp", 0, &m, e);
    char *json = NULL;

    for (; c == SELFSAME_OK && options->name != NULL; options++)
        c = selfsame_measurement_set(m, options->name, options->value, e);
    for (; c == SELFSAME_OK && parts->name != NULL; parts++) {
        c = selfsame_measurement_part(m, parts->name, parts->bytes.len, e);
        for (size_t at = 0; c == SELFSAME_OK && at < parts->bytes.len; at += 1000) {
            size_t left = parts->bytes.len - at;

            c = selfsame_measurement_update(
                m, BYTES(parts->bytes.ptr + at, left < 1000 ? left : 1000), e);
        }
    }
    if (c == SELFSAME_OK)
        c = selfsame_measurement_finish(m, e);
    if (c == SELFSAME_OK)
        c = selfsame_measurement_json(m, false, &json, e);
    selfsame_measurement_free(m);
    *ret_code = c;
    return json;
}

#define PART(name, s)                           \
    {                                           \
        (name),                                 \
        {                                       \
            (const uint8_t *)(s), sizeof(s) - 1 \
        }                                       \
    }
#define NO_KERNEL \
    {             \
        0         \
    }
#define KERNEL(line) PART("kernel", ""), PART("initrd", ""), PART("cmdline", line)

/*
 * virtee/sev-snp-measure and virtee/sev, their own test suites, over the last 4 KiB of
 * OvmfPkg's AmdSev build; EC2 is where these two disagree (RDX).
 */
static const struct {
    struct option options[6];
    struct part parts[4];
    const char *digest;
} published[] = {
    { { { "cpu", "EPYC-v4" } }, { KERNEL("") },
        "ddc5224521617a536ee7ce9dd6224d1b58a8d4fda1c741f3ac99fc4bfa04ba6e9fc98646d4a07a"
        "9"
        "079397fa3852819b5" },
    { { { "cpu", "EPYC-v4" }, { "features", "0x21" } }, { KERNEL("") },
        "329c8ce0972ae52343b64d34a434a86f245dfd74f5ed7aae15d22efc78fb9683632b9b50e4e1d7"
        "f"
        "a41179ef98a7ef198" },
    { { { "cpu", "EPYC-v4" } }, { KERNEL("console=ttyS0 loglevel=7") },
        "6d287813eb5222d770f75005c664e34c204f385ce832cc2ce7d0d6f354454362f390ef83a92046"
        "c"
        "042e706363b4b08fa" },
    { { { "cpu", "EPYC-v4" }, { "features", "33" } },
        { KERNEL("console=ttyS0 loglevel=7") },
        "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb28c653360fe4b3aba7e534442e7e1e1"
        "7"
        "895dfe778d0228977" },
    { { { "cpu", "EPYC-v4" } }, { NO_KERNEL },
        "19358ba9a7615534a9a1e2f0dfc29384dcd4dcb7062ff9c6013b26869a5fc6ecabe033c48dd6f6"
        "d"
        "b5d6d76e7c5df632d" },
    { { { "cpu", "EPYC-v4" }, { "features", "0x21" } }, { NO_KERNEL },
        "e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af9b63f6e8a1674dbf281a9278a4a2eb"
        "e"
        "0eed9f22adbcd0e2b" },
    { { { "cpu", "0x800f12" }, { "vcpus", "4" } }, { KERNEL("") },
        "5061fffb019493a903613d56d54b94912a1a2f9e4502385f5c194616753720a92441310ba6c493"
        "3"
        "de877c36e23046ad5" },
    { { { "vmm", "gce" }, { "gce_gpa_bits", "48" } }, { KERNEL("") },
        "5da7106cf14cf46b1725ebab123eb9e53bd46a1e9f400cd0c08e7827b04b688ea8b4e403c8404e"
        "f"
        "ed4397ea5d5d0722e" },
    { { { "vmm", "ec2" }, { "ec2_rdx", "0x600" } }, { KERNEL("") },
        "0883bd0eeb716e65b7b977a321c278d1e51b33b5c655fab985443bbcc65c086b9c15e8a0bd8811"
        "0"
        "50dec7e24964e5056" },
    { { { "vmm", "ec2" }, { "ec2_rdx", "0" } }, { KERNEL("") },
        "7d3756157c805bf6adf617064c8552e8c1688fa1c8756f11cbf56ba5d25c9270fb69c0505c1cbe"
        "1"
        "c5c66c0e34c6ed3be" },
};

static struct selfsame_bytes
ovmf_of(const char *build, struct arena *arena)
{
    char path[120];

    (void)snprintf(path, sizeof(path),
        "vectors/snp/virtee+sev-snp-measure/launch-digest/ovmf_%s_suffix.bin", build);
    return shared_file(path, arena);
}

static void
published_digests_are_ours(void **state)
{
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    need_shared();
    struct selfsame_bytes firmware = ovmf_of("AmdSev", &arena);
    for (size_t i = 0; i < COUNT(published); i++) {
        struct part parts[6] = { { "firmware", firmware } };
        struct selfsame_err e = { 0 };
        enum selfsame_code c;

        memcpy(parts + 1, published[i].parts, sizeof(published[i].parts));
        char *json = measure(published[i].options, parts, &c, &e);
        assert_code(c, SELFSAME_OK, &e);
        if (strstr(json, published[i].digest) == NULL)
            fail_msg("case %zu: %s", i, json);
        selfsame_free(json);
    }
}

/* A firmware that checks no hashes would let any kernel pass for measured. */
static void
a_kernel_that_nothing_measures_is_refused(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    static const struct option options[] = { { "cpu", "EPYC-v4" }, { 0 } };
    struct selfsame_err e = { 0 };
    enum selfsame_code c;

    (void)state;
    need_shared();
    struct part parts[] = { { "firmware", ovmf_of("OvmfX64", &arena) }, KERNEL(""),
        { 0 } };
    assert_null(measure(options, parts, &c, &e));
    assert_int_equal(c, SELFSAME_UNSUPPORTED);
}

/* ---- shapes ---- */

static struct part *
own_parts(uint8_t firmware[static PLACEHOLDER_FIRMWARE], struct part ret[static 5])
{
    placeholder_firmware(firmware);
    ret[0] = (struct part){ "firmware", BYTES(firmware, PLACEHOLDER_FIRMWARE) };
    ret[1] = (struct part){ "kernel", BYTES_LIT("kernel") };
    ret[2] = (struct part){ "initrd", BYTES_LIT("initrd") };
    ret[3] = (struct part){ "cmdline", BYTES_LIT("quiet") };
    ret[4] = (struct part){ 0 };
    return ret;
}

/* All at once, by several threads, are what each is alone. */
static void
a_matrix_is_the_sum_of_its_shapes(void **state)
{
    static const struct option all[] = { { "vcpus", "1-20" },
        { "cpu", "EPYC-Milan-v2,EPYC-Genoa" }, { "features", "0x1,0x21" },
        { "shape", "next" }, { "vmm", "ec2" }, { "ec2_rdx", "0" }, { 0 } };
    static const struct option each[][5] = {
        { { "vcpus", "1" }, { "cpu", "EPYC-Milan-v2" }, { 0 } },
        { { "vcpus", "8" }, { "cpu", "EPYC-Genoa" }, { "features", "0x21" }, { 0 } },
        { { "vcpus", "20" }, { "cpu", "EPYC-Genoa" }, { "features", "0x21" }, { 0 } },
        { { "vcpus", "13" }, { "cpu", "EPYC-Milan-v2" }, { "features", "0x21" },
            { 0 } },
        { { "vmm", "ec2" }, { "ec2_rdx", "0" }, { 0 } },
    };
    uint8_t firmware[PLACEHOLDER_FIRMWARE];
    struct part parts[5];
    struct selfsame_err e = { 0 };
    enum selfsame_code c;

    (void)state;
    char *matrix = measure(all, own_parts(firmware, parts), &c, &e);
    assert_code(c, SELFSAME_OK, &e);
    size_t shapes = 0;
    for (const char *p = matrix; (p = strstr(p, "\"vcpus\":")) != NULL; p++)
        shapes++;
    assert_int_equal(shapes, 20 * 2 * 2 + 1);
    for (size_t i = 0; i < COUNT(each); i++) {
        char *one = measure(each[i], parts, &c, &e), digest[97] = "";
        const char *at = one != NULL ? strstr(one, "\"measurement\":\"") : NULL;

        assert_code(c, SELFSAME_OK, &e);
        assert_non_null(at);
        memcpy(digest, at + 15, 96);
        assert_non_null(strstr(matrix, digest));
        selfsame_free(one);
    }
    selfsame_free(matrix);
}

static const struct {
    struct option options[3];
    enum selfsame_code want;
} wrong[] = {
    { { { 0 } }, SELFSAME_USAGE }, /* QEMU without a model */
    { { { "cpu", "host" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC-Milan-v22" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC," }, { "vcpus", "0" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC" }, { "vcpus", "4-2" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC" }, { "vcpus", "513" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC" }, { "vcpus", "1,,2" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC" }, { "features", "0x20" } }, SELFSAME_USAGE }, /* without SNP */
    { { { "cpu", "EPYC" }, { "features", "0xg1" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC" }, { "features", "0x10000000000000001" } }, SELFSAME_USAGE },
    { { { "vmm", "krun" } }, SELFSAME_USAGE },
    { { { "vmm", "ec2" } }, SELFSAME_USAGE },
    { { { "vmm", "gce" } }, SELFSAME_USAGE },
    { { { "vmm", "ec2" }, { "ec2_rdx", "1" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC" }, { "colour", "blue" } }, SELFSAME_USAGE },
    { { { "cpu", "EPYC" }, { "shape", "last" } }, SELFSAME_USAGE },
};

static void
unclear_shapes_are_refused(void **state)
{
    uint8_t firmware[PLACEHOLDER_FIRMWARE];
    struct part parts[5];

    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct selfsame_err e = { 0 };
        enum selfsame_code c;
        struct option options[4] = { { 0 } };

        memcpy(options, wrong[i].options, sizeof(wrong[i].options));
        char *json = measure(options, own_parts(firmware, parts), &c, &e);
        if (json != NULL || c != wrong[i].want)
            fail_msg("options %zu: got %s", i, selfsame_code_name(c));
    }
}

static void
parts_come_once_and_whole(void **state)
{
    static const struct option options[] = { { "cpu", "EPYC" }, { 0 } };
    uint8_t firmware[PLACEHOLDER_FIRMWARE];
    struct part parts[5];
    struct selfsame_measurement *m = NULL;
    struct selfsame_err e = { 0 };
    enum selfsame_code c;

    (void)state;
    (void)own_parts(firmware, parts);
    struct part twice[] = { parts[0], parts[1], parts[1], { 0 } };
    assert_null(measure(options, twice, &c, &e));
    assert_int_equal(c, SELFSAME_USAGE);
    struct part none[] = { parts[1], { 0 } };
    assert_null(measure(options, none, &c, &e));
    assert_int_equal(c, SELFSAME_USAGE);
    struct part no_kernel[] = { parts[0], parts[2], { 0 } };
    assert_null(measure(options, no_kernel, &c, &e));
    assert_int_equal(c, SELFSAME_USAGE);
    /* Fewer and more bytes than promised, and bytes of no part. */
    for (int i = 0; i < 3; i++) {
        assert_code(selfsame_measurement_new("snp", 0, &m, &e), SELFSAME_OK, &e);
        if (i < 2)
            assert_code(selfsame_measurement_part(m, "kernel", i == 0 ? 7 : 5, &e),
                SELFSAME_OK, &e);
        c = selfsame_measurement_update(m, BYTES_LIT("kernel"), &e);
        if (i == 0)
            c = selfsame_measurement_part(m, "initrd", 1, &e);
        assert_int_equal(c, i < 2 ? SELFSAME_MALFORMED : SELFSAME_USAGE);
        selfsame_measurement_free(m);
    }
}

/* ---- the firmware's tables ---- */

static void
every_bend_of_the_firmware_is_seen_or_measured(void **state)
{
    uint8_t good[PLACEHOLDER_FIRMWARE];
    struct ovmf o;
    struct selfsame_err e = { 0 };

    (void)state;
    placeholder_firmware(good);
    assert_code(ovmf_parse(BYTES_ARR(good), &o, &e), SELFSAME_OK, &e);
    assert_true(o.section_count > 3 && o.hashes_size > 0 && o.ap_reset != 0);
    for (size_t bit = 0; bit < sizeof(good) * 8; bit++) {
        good[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum selfsame_code c = ovmf_parse(BYTES_ARR(good), &o, &e);
        assert_true(
            c == SELFSAME_OK || c == SELFSAME_MALFORMED || c == SELFSAME_UNSUPPORTED);
        good[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof(good); len += 7) {
        uint8_t *exact = malloc(len + 1);

        memcpy(exact, good, len);
        assert_int_not_equal(ovmf_parse(BYTES(exact, len), &o, &e), SELFSAME_OK);
        free(exact);
    }
}

static void
overlapping_and_unknown_sections_are_refused(void **state)
{
    uint8_t f[PLACEHOLDER_FIRMWARE];
    struct ovmf o;
    struct selfsame_err e = { 0 };

    (void)state;
    placeholder_firmware(f);
    uint8_t *at = NULL;
    for (size_t i = 0; i + 4 < sizeof(f) && at == NULL; i++)
        if (bytes_eq(BYTES(f + i, 4), BYTES_LIT("ASEV")))
            at = f + i;
    assert_non_null(at);
    at[16 + 12 + 1] = 0; /* the second section's address: into the first */
    assert_int_equal(ovmf_parse(BYTES_ARR(f), &o, &e), SELFSAME_MALFORMED);
    placeholder_firmware(f);
    at[16 + 8] = 5; /* its type */
    assert_int_equal(ovmf_parse(BYTES_ARR(f), &o, &e), SELFSAME_UNSUPPORTED);
    placeholder_firmware(f);
    at[8] = 2; /* version */
    assert_int_equal(ovmf_parse(BYTES_ARR(f), &o, &e), SELFSAME_UNSUPPORTED);
    placeholder_firmware(f);
    at[12] = 0xff; /* count */
    assert_int_equal(ovmf_parse(BYTES_ARR(f), &o, &e), SELFSAME_MALFORMED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_digests_are_ours),
        cmocka_unit_test(a_kernel_that_nothing_measures_is_refused),
        cmocka_unit_test(a_matrix_is_the_sum_of_its_shapes),
        cmocka_unit_test(unclear_shapes_are_refused),
        cmocka_unit_test(parts_come_once_and_whole),
        cmocka_unit_test(every_bend_of_the_firmware_is_seen_or_measured),
        cmocka_unit_test(overlapping_and_unknown_sections_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
