/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <selfsame/selfsame.h>

#include "codec/json.h"
#include "crypto/crypto.h"
#include "image/eif.h"

#include <zlib.h>

/* The smallest image: one kernel, one command line, one ramdisk. */
static struct selfsame_bytes
image_of(struct arena *arena)
{
    const struct selfsame_bytes data[] = { BYTES_LIT("kernel"), BYTES_LIT("cmdline"),
        BYTES_LIT("ramdisk") };
    struct eif_plan plan = { .default_mem = 1 << 30, .default_cpus = 2, .count = 3 };
    uint8_t *buf = arena_alloc(arena, 1, 4096), head[EIF_SECTION_HEADER];

    assert_non_null(buf);
    struct writer w = writer_of(buf, 4096);
    w.len = EIF_HEADER;
    for (size_t i = 0; i < COUNT(data); i++) {
        plan.section[i].type = (enum eif_type)(EIF_KERNEL + i);
        plan.section[i].size = data[i].len;
        eif_section_header_write(plan.section[i].type, data[i].len, head);
        put_bytes(&w, BYTES_ARR(head));
        put_bytes(&w, data[i]);
    }
    uint32_t body = (uint32_t)crc32_z(0, buf + EIF_HEADER, w.len - EIF_HEADER);
    eif_header_write(&plan, eif_crc(&plan, body, w.len - EIF_HEADER), buf);
    return BYTES(buf, w.len);
}

/* PCR = SHA-384(48 zero bytes || SHA-384(content)), as nitro.md has it. */
static void
pcr_of(struct selfsame_bytes content, uint8_t ret[static HASH_MAX])
{
    static const uint8_t zero[48];
    uint8_t inner[HASH_MAX];
    const struct selfsame_bytes part[] = { BYTES(zero, 48), BYTES(inner, 48) };

    assert_true(hash_bytes(HASH_SHA384, content, inner));
    assert_true(hash_parts(HASH_SHA384, part, 2, ret));
}

static void
an_image_is_measured_in_pieces(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    const struct selfsame_bytes image = image_of(&arena);
    uint8_t want[HASH_MAX];

    for (size_t piece = 1; piece <= image.len; piece += 97) {
        struct selfsame_err e = { 0 };
        struct selfsame_measurement *m;

        assert_code(
            selfsame_measurement_new("nitro", image.len, &m, &e), SELFSAME_OK, &e);
        for (size_t at = 0; at < image.len; at += piece) {
            size_t n = image.len - at < piece ? image.len - at : piece;
            assert_code(selfsame_measurement_update(m, BYTES(image.ptr + at, n), &e),
                SELFSAME_OK, &e);
        }
        assert_null(selfsame_measurement_get(m, "pcr.0").ptr);
        assert_code(selfsame_measurement_finish(m, &e), SELFSAME_OK, &e);
        pcr_of(BYTES_LIT("kernelcmdlineramdisk"), want);
        assert_bytes(selfsame_measurement_get(m, "pcr.0"), BYTES(want, 48));
        assert_null(selfsame_measurement_get(m, "pcr.8").ptr);
        assert_code(
            selfsame_measurement_update(m, BYTES_LIT("x"), &e), SELFSAME_USAGE, &e);
        assert_code(selfsame_measurement_finish(m, &e), SELFSAME_USAGE, &e);
        selfsame_measurement_free(m);
    }
}

static void
json_feeds_a_policy_and_explains(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    const struct selfsame_bytes image = image_of(&arena);
    struct selfsame_err e = { 0 };
    struct selfsame_measurement *m;
    struct selfsame_policy *p;
    char *text;

    assert_code(selfsame_measurement_new("nitro", image.len, &m, &e), SELFSAME_OK, &e);
    selfsame_measurement_set_explain(m);
    assert_code(selfsame_measurement_json(m, true, &text, &e), SELFSAME_USAGE, &e);
    assert_code(selfsame_measurement_update(m, image, &e), SELFSAME_OK, &e);
    assert_code(selfsame_measurement_finish(m, &e), SELFSAME_OK, &e);
    assert_code(selfsame_measurement_json(m, false, &text, &e), SELFSAME_OK, &e);
    assert_code(selfsame_policy_new(&p, &e), SELFSAME_OK, &e);
    assert_code(
        selfsame_policy_add_measurements(p, bytes_str(text), &e), SELFSAME_OK, &e);
    selfsame_policy_free(p);
    selfsame_free(text);
    assert_code(selfsame_measurement_json(m, true, &text, &e), SELFSAME_OK, &e);
    auto_json *j = NULL;
    assert_code(json_parse(bytes_str(text), "measurement", &j, &e), SELFSAME_OK, &e);
    json_t *sections = json_object_get(j, "sections");
    assert_int_equal(json_array_size(sections), 3);
    uint8_t digest[HASH_MAX];
    assert_true(hash_bytes(HASH_SHA384, BYTES_LIT("kernel"), digest));
    assert_string_equal(
        json_string_value(json_object_get(json_array_get(sections, 0), "sha384")),
        hex_dup(&arena, BYTES(digest, 48)));
    selfsame_free(text);
    selfsame_measurement_free(m);
}

static void
sections_that_nobody_asked_for_are_usage(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    const struct selfsame_bytes image = image_of(&arena);
    struct selfsame_err e = { 0 };
    struct selfsame_measurement *m;
    char *text;

    assert_code(selfsame_measurement_new("nitro", image.len, &m, &e), SELFSAME_OK, &e);
    assert_code(selfsame_measurement_update(m, image, &e), SELFSAME_OK, &e);
    assert_code(selfsame_measurement_finish(m, &e), SELFSAME_OK, &e);
    assert_code(selfsame_measurement_json(m, true, &text, &e), SELFSAME_USAGE, &e);
    selfsame_measurement_free(m);
}

static void
a_broken_image_stays_refused(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    const struct selfsame_bytes image = image_of(&arena);
    struct selfsame_err e = { 0 };
    struct selfsame_measurement *m;

    assert_code(selfsame_measurement_new("nitro", image.len, &m, &e), SELFSAME_OK, &e);
    assert_code(selfsame_measurement_update(m, BYTES(image.ptr, image.len - 1), &e),
        SELFSAME_OK, &e);
    assert_code(selfsame_measurement_finish(m, &e), SELFSAME_MALFORMED, &e);
    assert_code(selfsame_measurement_finish(m, &e), SELFSAME_USAGE, &e);
    assert_null(selfsame_measurement_get(m, "pcr.0").ptr);
    selfsame_measurement_free(m);
    assert_code(selfsame_measurement_new("toaster", 1, &m, &e), SELFSAME_USAGE, &e);
    assert_non_null(strstr(err_text(&e), "TEE \"toaster\" is not one of: nitro, "));
    selfsame_measurement_free(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_measured_in_pieces),
        cmocka_unit_test(json_feeds_a_policy_and_explains),
        cmocka_unit_test(sections_that_nobody_asked_for_are_usage),
        cmocka_unit_test(a_broken_image_stays_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
