/* SPDX-License-Identifier: Apache-2.0 */
#include "image/elf.h"
#include "image/placeholder.h"
#include "test.h"

static uint8_t file[PLACEHOLDER_FIRMWARE];

static uint32_t
le(size_t at, size_t size)
{
    uint32_t v = 0;

    assert_true(at + size <= sizeof(file));
    for (size_t i = 0; i < size; i++)
        v |= (uint32_t)file[at + i] << (8 * i);
    return v;
}

/* As they are printed; the first three parts stand in memory with their bytes turned. */
static bool
is_guid(size_t at, const char *hex)
{
    static const size_t order[] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14,
        15 };
    uint8_t want[16];
    size_t len;

    assert_true(hex_decode(hex, 32, want, sizeof(want), &len));
    for (size_t i = 0; i < 16; i++)
        if (file[at + order[i]] != want[i])
            return false;
    return true;
}

/* Backwards from the footer, as a monitor reads it; 0 when the table has no such entry. */
static size_t
entry(const char *guid)
{
    size_t end = sizeof(file) - 50, first = sizeof(file) - 32 - le(end, 2);

    while (end > first) {
        size_t size = le(end - 18, 2);

        assert_true(size >= 18 && end - size >= first);
        if (is_guid(end - 16, guid))
            return end - size;
        end -= size;
    }
    return 0;
}

static void
the_firmware_ends_as_ovmf_does(void **state)
{
    (void)state;
    placeholder_firmware(file);
    assert_true(is_guid(sizeof(file) - 48, "96b582de1fb245f7baeaa366c55a082d"));
    size_t reset = entry("00f771de1a7e4fcb890e68c77e2fb44e");
    size_t hashes = entry("7255371f3a3b4b04927b1da6efa8d454");
    size_t metadata = entry("dc886566984a4798a75e5585a7bf67cc");
    assert_true(reset != 0 && hashes != 0 && metadata != 0);
    assert_int_equal(entry("4c2eb3617d9b4cc38081127c90d3d294"), 0); /* secrets */
    assert_true(le(reset, 4) != 0);
    size_t at = sizeof(file) - le(metadata, 4);
    assert_memory_equal(file + at, "ASEV", 4);
    assert_int_equal(le(at + 8, 4), 1);
    uint32_t count = le(at + 12, 4), seen = 0;
    assert_int_equal(le(at + 4, 4), 16 + 12 * count);
    for (size_t i = 0; i < count; i++) {
        uint32_t gpa = le(at + 16 + 12 * i, 4), size = le(at + 20 + 12 * i, 4),
                 type = le(at + 24 + 12 * i, 4);

        assert_true(gpa % 4096 == 0 && size % 4096 == 0 && size > 0);
        seen |= 1u << type;
        if (type == 0x10) /* the hashes are inside this page */
            assert_true(le(hashes, 4) >= gpa &&
                        le(hashes, 4) + le(hashes + 4, 4) <= gpa + size);
    }
    assert_int_equal(seen, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 0x10);
}

static void
placeholders_are_recognised_and_others_are_not(void **state)
{
    (void)state;
    placeholder_firmware(file);
    assert_true(placeholder_recognise(BYTES(file, 64)));
    assert_true(placeholder_recognise(placeholder_kernel()));
    assert_true(placeholder_recognise(placeholder_libos()));
    assert_false(placeholder_recognise(BYTES_LIT("MZ")));
    assert_false(placeholder_recognise(BYTES_LIT("selfsame: no")));
    assert_false(placeholder_recognise(BYTES_NONE));
}

static void
libpal_can_be_loaded_and_halts(void **state)
{
    (void)state;
    struct selfsame_err e = { 0 };
    struct elf f;

    placeholder_pal(file);
    assert_true(placeholder_recognise(BYTES(file, 64)));
    assert_code(elf_parse(BYTES(file, PLACEHOLDER_PAL), &f, &e), SELFSAME_OK, &e);
    assert_int_equal(f.type, ELF_SHARED);
    assert_int_equal(f.segment_count, 1);
    assert_int_equal(f.segment[0].flags, ELF_R | ELF_X);
    assert_int_equal(f.segment[0].mem_size, PLACEHOLDER_PAL);
    assert_int_equal(file[f.entry], 0xf4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_firmware_ends_as_ovmf_does),
        cmocka_unit_test(placeholders_are_recognised_and_others_are_not),
        cmocka_unit_test(libpal_can_be_loaded_and_halts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
