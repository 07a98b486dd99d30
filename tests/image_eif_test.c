/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cbor.h"
#include "image/eif.h"

#include <zlib.h>

static struct selfsame_err err;

/* Everything the handler was told, as text that can be compared. */
struct log {
    char text[512];
    size_t len;
    uint64_t bytes;
    uint32_t sum;
    bool refuse;
};

static enum selfsame_code
on_begin(void *ctx, enum eif_type t, unsigned index, uint64_t offset, uint64_t size,
    struct selfsame_err *e)
{
    struct log *l = ctx;

    if (l->refuse)
        FAIL(e, SELFSAME_IO, "the handler refuses");
    l->bytes = 0;
    l->sum = 0;
    l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len,
        "%u %s @%llu +%llu", index, eif_type_word(t), (unsigned long long)offset,
        (unsigned long long)size);
    return SELFSAME_OK;
}

static enum selfsame_code
on_data(void *ctx, struct selfsame_bytes piece, struct selfsame_err *e)
{
    struct log *l = ctx;

    (void)e;
    l->bytes += piece.len;
    l->sum = (uint32_t)crc32_z(l->sum, piece.ptr, piece.len);
    return SELFSAME_OK;
}

static enum selfsame_code
on_end(void *ctx, struct selfsame_err *e)
{
    struct log *l = ctx;

    (void)e;
    l->len += (size_t)snprintf(l->text + l->len, sizeof(l->text) - l->len,
        " =%llu %08lx\n", (unsigned long long)l->bytes, (unsigned long)l->sum);
    return SELFSAME_OK;
}

static const struct eif_handler handler = { on_begin, on_data, on_end };

/* Reads all in pieces whose sizes `next` says (0: all the rest). */
static enum selfsame_code
read_in(struct selfsame_bytes in, size_t (*next)(void), struct log *l)
{
    struct eif_reader r;

    *l = (struct log){ 0 };
    err = (struct selfsame_err){ 0 };
    eif_reader_init(&r, in.len, &handler, l);
    while (in.len > 0) {
        size_t n = next == NULL ? in.len : next();
        n = n > in.len ? in.len : n;
        TRY(eif_reader_push(&r, BYTES(in.ptr, n), &err));
        in = BYTES(in.ptr + n, in.len - n);
    }
    return eif_reader_end(&r, &err);
}

static enum selfsame_code
read_all(struct selfsame_bytes in)
{
    struct log l;

    return read_in(in, NULL, &l);
}

struct part {
    enum eif_type type;
    const char *text;
};

/* An image of the parts as our writer makes it; in the arena, to be spoilt. */
static uint8_t *
image_of(const struct part *parts, size_t count, struct arena *a, size_t *ret_len)
{
    struct eif_plan p = { .default_mem = 1 << 30, .default_cpus = 2, .count = count };
    size_t len = EIF_HEADER;
    for (size_t i = 0; i < count; i++) {
        p.section[i].type = parts[i].type;
        p.section[i].size = strlen(parts[i].text);
        len += EIF_SECTION_HEADER + strlen(parts[i].text);
    }
    uint8_t *out = arena_alloc(a, 1, len);
    assert_non_null(out);
    size_t at = EIF_HEADER;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(parts[i].text);
        eif_section_header_write(parts[i].type, n, out + at);
        memcpy(out + at + EIF_SECTION_HEADER, parts[i].text, n);
        at += EIF_SECTION_HEADER + n;
    }
    uint32_t body = (uint32_t)crc32_z(0, out + EIF_HEADER, len - EIF_HEADER);
    eif_header_write(&p, eif_crc(&p, body, len - EIF_HEADER), out);
    *ret_len = len;
    return out;
}

static const struct part parts[] = {
    { EIF_KERNEL, "kernel bytes" },
    { EIF_CMDLINE, "reboot=k" },
    { EIF_METADATA, "{}" },
    { EIF_RAMDISK, "first" },
    { EIF_RAMDISK, "" },
};

/* Puts the right CRC back after a change, so that only the change can be the reason. */
static void
fix_crc(uint8_t *eif, size_t len)
{
    uLong crc = crc32_z(0, eif, 544);

    crc = crc32_z(crc, eif + EIF_HEADER, len - EIF_HEADER);
    for (size_t i = 0; i < 4; i++)
        eif[544 + i] = (uint8_t)(crc >> 8 * (3 - i));
}

static void
written_images_are_read_back(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);
    struct log l;

    assert_code(read_in(BYTES(eif, len), NULL, &l), SELFSAME_OK, &err);
    assert_string_equal(l.text, "0 kernel @560 +12 =12 c181022b\n"
                                "1 cmdline @584 +8 =8 8cb2b3bc\n"
                                "2 metadata @604 +2 =2 a3a6bf43\n"
                                "3 ramdisk @618 +5 =5 9271ee57\n"
                                "4 ramdisk @635 +0 =0 00000000\n");
    static const uint8_t start[] = { '.', 'e', 'i', 'f', 0, 4, 0, 0, 0, 0, 0, 0, 0x40,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 2, 0x24 };
    assert_memory_equal(eif, start, sizeof(start));
}

static size_t piece_size, piece_seed;

static size_t
fixed_size(void)
{
    return piece_size;
}

static size_t
random_size(void)
{
    piece_seed = piece_seed * 1664525 + 1013904223;
    return 1 + piece_seed / 65536 % 700;
}

static void
same_in_pieces(struct selfsame_bytes in)
{
    struct log whole, l;

    assert_code(read_in(in, NULL, &whole), SELFSAME_OK, &err);
    for (piece_size = 1; piece_size < 40; piece_size++) {
        assert_code(read_in(in, fixed_size, &l), SELFSAME_OK, &err);
        assert_string_equal(l.text, whole.text);
    }
    for (piece_seed = 0; piece_seed < 100; piece_seed += 1) {
        size_t seed = piece_seed;
        assert_code(read_in(in, random_size, &l), SELFSAME_OK, &err);
        assert_string_equal(l.text, whole.text);
        piece_seed = seed;
    }
}

static void
pieces_of_any_size_give_the_same_events(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    const uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);

    same_in_pieces(BYTES(eif, len));
}

static void
every_flipped_bit_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);

    for (size_t bit = 0; bit < 8 * len; bit++) {
        eif[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (read_all(BYTES(eif, len)) == SELFSAME_OK)
            fail_msg("bit %zu of byte %zu may be flipped", bit % 8, bit / 8);
        eif[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_code(read_all(BYTES(eif, len)), SELFSAME_OK, &err);
}

/* With the CRC put right, only what the format leaves free may change. */
static void
every_flipped_bit_of_the_frame_is_refused_even_with_its_crc(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);

    for (size_t bit = 0; bit < 8 * EIF_HEADER - 32; bit++) {
        size_t byte = bit / 8;
        bool memory_or_cpus = byte >= 8 && byte < 24;
        bool aarch64 = byte == 7 && bit % 8 == 0;
        eif[byte] ^= (uint8_t)(1 << bit % 8);
        fix_crc(eif, len);
        bool ok = read_all(BYTES(eif, len)) == SELFSAME_OK;
        eif[byte] ^= (uint8_t)(1 << bit % 8);
        if (ok != (memory_or_cpus || aarch64))
            fail_msg("bit %zu of byte %zu: accepted is %d", bit % 8, byte, ok);
    }
}

static void
every_truncation_and_extension_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    const uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);

    for (size_t n = 0; n < len; n++) {
        assert_code(read_all(BYTES(eif, n)), SELFSAME_MALFORMED, &err);
        /* The file ends early although its size was right when we asked. */
        struct eif_reader r;
        struct log l = { 0 };
        eif_reader_init(&r, len, &handler, &l);
        assert_code(eif_reader_push(&r, BYTES(eif, n), &err), SELFSAME_OK, &err);
        assert_code(eif_reader_end(&r, &err), SELFSAME_MALFORMED, &err);
    }
    struct eif_reader r;
    struct log l = { 0 };
    eif_reader_init(&r, len, &handler, &l);
    assert_code(eif_reader_push(&r, BYTES(eif, len), &err), SELFSAME_OK, &err);
    assert_code(eif_reader_push(&r, BYTES(eif, 1), &err), SELFSAME_MALFORMED, &err);
    assert_code(eif_reader_end(&r, &err), SELFSAME_MALFORMED, &err);
}

static void
crafted_layouts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        struct part part[5];
        enum selfsame_code code;
    } cases[] = {
        { "two kernels",
            { { EIF_KERNEL, "k" }, { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" },
                { EIF_RAMDISK, "r" } },
            SELFSAME_MALFORMED },
        { "two command lines",
            { { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" }, { EIF_CMDLINE, "c" },
                { EIF_RAMDISK, "r" } },
            SELFSAME_MALFORMED },
        { "two signatures",
            { { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" }, { EIF_RAMDISK, "r" },
                { EIF_SIGNATURE, "s" }, { EIF_SIGNATURE, "s" } },
            SELFSAME_MALFORMED },
        { "two metadata",
            { { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" }, { EIF_METADATA, "m" },
                { EIF_RAMDISK, "r" }, { EIF_METADATA, "m" } },
            SELFSAME_MALFORMED },
        { "no kernel", { { EIF_CMDLINE, "c" }, { EIF_RAMDISK, "r" } },
            SELFSAME_MALFORMED },
        { "no command line", { { EIF_KERNEL, "k" }, { EIF_RAMDISK, "r" } },
            SELFSAME_MALFORMED },
        { "no ramdisk", { { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" } },
            SELFSAME_MALFORMED },
        { "type 6",
            { { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" }, { EIF_RAMDISK, "r" },
                { (enum eif_type)6, "x" } },
            SELFSAME_UNSUPPORTED },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        size_t len, count = 0;
        while (count < 5 && cases[i].part[count].text != NULL)
            count++;
        const uint8_t *eif = image_of(cases[i].part, count, &a, &len);
        if (read_all(BYTES(eif, len)) != cases[i].code)
            fail_msg("%s: %s", cases[i].what, err_text(&err));
    }
}

/* QEMU would follow the table, AWS's reader the file: nitro.md §11 #17. */
static void
a_table_in_another_order_than_the_file_is_refused(void **state)
{
    (void)state;
    static const struct part same[] = { { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" },
        { EIF_RAMDISK, "1" }, { EIF_RAMDISK, "2" } };
    auto_arena a = arena_new(1 << 20);
    size_t len;
    uint8_t *eif = image_of(same, COUNT(same), &a, &len), swap[8];
    uint8_t *third = eif + 28 + 16, *fourth = eif + 28 + 24;

    memcpy(swap, third, 8);
    memcpy(third, fourth, 8);
    memcpy(fourth, swap, 8);
    fix_crc(eif, len);
    assert_code(read_all(BYTES(eif, len)), SELFSAME_MALFORMED, &err);
}

static void
put_be64_at(uint8_t *at, uint64_t v)
{
    for (size_t i = 0; i < 8; i++)
        at[i] = (uint8_t)(v >> 8 * (7 - i));
}

/* Four sections to both readers, but other ramdisks: a header hides in the third. */
static void
section_headers_that_differ_from_the_table_are_refused(void **state)
{
    (void)state;
    enum { INNER = 4, HIDDEN = EIF_SECTION_HEADER + 2 };
    static const struct part same[] = { { EIF_KERNEL, "k" }, { EIF_CMDLINE, "c" },
        { EIF_RAMDISK, "AAAAhhhhhhhhhhhhBB" }, { EIF_RAMDISK, "CCCC" } };
    auto_arena a = arena_new(1 << 20);
    size_t len, third = EIF_HEADER + 2 * (EIF_SECTION_HEADER + 1);
    uint8_t *eif = image_of(same, COUNT(same), &a, &len);
    uint8_t *hidden = eif + third + EIF_SECTION_HEADER + INNER;

    eif_section_header_write(EIF_RAMDISK, 2 + EIF_SECTION_HEADER + 4, hidden);
    fix_crc(eif, len);
    assert_code(read_all(BYTES(eif, len)), SELFSAME_OK, &err);
    put_be64_at(eif + third + 4, INNER);
    fix_crc(eif, len);
    assert_code(read_all(BYTES(eif, len)), SELFSAME_MALFORMED, &err);
    /* The same with the table telling the file's story is an image. */
    put_be64_at(eif + 28 + 3 * 8, third + EIF_SECTION_HEADER + INNER);
    put_be64_at(eif + 284 + 2 * 8, INNER);
    put_be64_at(eif + 284 + 3 * 8, HIDDEN + 4);
    fix_crc(eif, len);
    assert_code(read_all(BYTES(eif, len)), SELFSAME_OK, &err);
}

/* `show` reads the header alone, so the header's check must stand alone. */
static void
a_table_that_ends_before_or_behind_the_file_is_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);
    struct eif_header h;

    for (int more = -1; more <= 1; more++)
        assert_code(eif_header_parse(BYTES(eif, EIF_HEADER),
                        (uint64_t)((int64_t)len + more), &h, &err),
            more == 0 ? SELFSAME_OK : SELFSAME_MALFORMED, &err);
}

static void
sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);
    struct eif_header h = { .count = 77 };

    memset(eif + 284, 0xff, 8);
    assert_code(eif_header_parse(BYTES(eif, EIF_HEADER), len, &h, &err),
        SELFSAME_MALFORMED, &err);
    assert_code(eif_header_parse(BYTES(eif, EIF_HEADER), UINT64_MAX, &h, &err),
        SELFSAME_MALFORMED, &err);
    assert_int_equal(h.count, 77);
}

static void
an_error_of_the_handler_ends_the_reading(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    size_t len;
    const uint8_t *eif = image_of(parts, COUNT(parts), &a, &len);
    struct eif_reader r;
    struct log l = { .refuse = true };

    eif_reader_init(&r, len, &handler, &l);
    assert_code(eif_reader_push(&r, BYTES(eif, len), &err), SELFSAME_IO, &err);
    assert_code(eif_reader_push(&r, BYTES(eif, 1), &err), SELFSAME_MALFORMED, &err);
    assert_code(eif_reader_end(&r, &err), SELFSAME_MALFORMED, &err);
}

#define EIF_VECTORS "vectors/nitro/derived-by-this-collection/eif/"

static void
shared_images_give_what_their_manifest_says(void **state)
{
    (void)state;
    need_shared();
    auto_arena a = arena_new(1 << 20);
    struct selfsame_bytes good = shared_file(EIF_VECTORS "x86-two-ramdisks.eif", &a);

    assert_code(read_all(good), SELFSAME_OK, &err);
    same_in_pieces(good);
    assert_code(read_all(shared_file(EIF_VECTORS "signed.eif", &a)), SELFSAME_OK, &err);
    assert_code(
        read_all(shared_file(EIF_VECTORS "bad-crc.eif", &a)), SELFSAME_MALFORMED, &err);
    assert_non_null(strstr(err_text(&err), "CRC"));
}

/* ---- signature section ---- */

static const char signature_hex[] = "81a2"
                                    "737369676e696e675f6365727469666963617465"
                                    "830018ff17"
                                    "697369676e6174757265"
                                    "8218181840";

static void
signature_arrays_become_bytes(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct eif_signature s;

    assert_code(
        eif_signature_parse(unhex(signature_hex, &a), &a, &s, &err), SELFSAME_OK, &err);
    assert_bytes(s.certificate_pem, BYTES_LIT("\x00\xff\x17"));
    assert_bytes(s.cose, BYTES_LIT("\x18\x40"));
}

/* A section with so many bytes of certificate and of signature, each 200. */
static struct selfsame_bytes
section_of(size_t certificate, size_t signature, struct arena *a)
{
    size_t cap = 64 + 2 * (certificate + signature);
    uint8_t *buf = arena_alloc(a, 1, cap);
    struct writer w = writer_of(buf, cap);

    assert_non_null(buf);
    cbor_put_array(&w, 1);
    cbor_put_map(&w, 2);
    cbor_put_str(&w, "signing_certificate");
    cbor_put_array(&w, certificate);
    for (size_t i = 0; i < certificate; i++)
        cbor_put_uint(&w, 200);
    cbor_put_str(&w, "signature");
    cbor_put_array(&w, signature);
    for (size_t i = 0; i < signature; i++)
        cbor_put_uint(&w, 200);
    assert_false(w.bad);
    return BYTES(buf, w.len);
}

static void
certificates_of_16_kib_fit_and_far_longer_ones_do_not(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct eif_signature s;

    assert_code(eif_signature_parse(section_of(16384, 2048, &a), &a, &s, &err),
        SELFSAME_OK, &err);
    assert_int_equal(s.certificate_pem.len, 16384);
    assert_int_equal(s.cose.len, 2048);
    assert_int_equal(s.certificate_pem.ptr[16383], 200);
    assert_code(eif_signature_parse(section_of(24000, 100, &a), &a, &s, &err),
        SELFSAME_MALFORMED, &err);
    assert_non_null(strstr(err_text(&err), "more items"));
}

static void
the_signature_of_a_signed_image_is_found(void **state)
{
    (void)state;
    need_shared();
    auto_arena a = arena_new(1 << 20);
    struct selfsame_bytes eif = shared_file(EIF_VECTORS "signed.eif", &a);
    struct eif_header h;
    struct eif_signature s;

    assert_code(eif_header_parse(BYTES(eif.ptr, EIF_HEADER), eif.len, &h, &err),
        SELFSAME_OK, &err);
    size_t last = h.count - 1u;
    struct selfsame_bytes section = BYTES(
        eif.ptr + h.offset[last] + EIF_SECTION_HEADER, h.size[last]);
    assert_code(eif_signature_parse(section, &a, &s, &err), SELFSAME_OK, &err);
    assert_true(
        bytes_has_prefix(s.certificate_pem, BYTES_LIT("-----BEGIN CERTIFICATE-----")));
    assert_true(bytes_has_prefix(s.cose, BYTES_LIT("\x84")));
}

static void
bad_signature_sections_are_refused(void **state)
{
    (void)state;
#define CERT "737369676e696e675f6365727469666963617465"
#define SIG "697369676e6174757265"
    static const char *const bad[] = {
        "", "80",                          /* none */
        "81a0",                            /* empty */
        "81a1" CERT "8101",                /* no signature */
        "81a2" CERT "80" SIG "8101",       /* empty certificate */
        "81a2" CERT "8101" SIG "81190100", /* 256 */
        "81a2" CERT "8101" SIG "8120",     /* -1 */
        "81a2" CERT "8101" SIG "4101",     /* a byte string */
        "81a2" CERT "8101" SIG "811801",   /* not the shortest form */
        "81a2" CERT "8101" CERT "8101",    /* twice */
        "81a3" CERT "8101" SIG "8101"
        "617800", /* unknown member */
        "82a2" CERT "8101" SIG "8101"
        "a2" CERT "8101" SIG "8101",                   /* two signatures */
        "81a2" CERT "8101" SIG "9bffffffffffffffff01", /* longer than memory */
        "81a2" CERT "8101" SIG "9f01ff",               /* indefinite */
        "a2" CERT "8101" SIG "8101",                   /* no list around it */
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        auto_arena a = arena_new(1 << 20);
        struct eif_signature s = { .cose = { NULL, 77 } };
        if (eif_signature_parse(unhex(bad[i], &a), &a, &s, &err) != SELFSAME_MALFORMED)
            fail_msg("%s is not refused", bad[i]);
        assert_int_equal(s.cose.len, 77);
    }
}

static void
signature_truncated_or_without_memory_is_an_error(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct selfsame_bytes good = unhex(signature_hex, &a);
    struct eif_signature s;

    for (size_t n = 0; n < good.len; n++)
        assert_code(eif_signature_parse(BYTES(good.ptr, n), &a, &s, &err),
            SELFSAME_MALFORMED, &err);
    for (long n = 1; n <= 2; n++) {
        a.fail_at = n;
        assert_code(eif_signature_parse(good, &a, &s, &err), SELFSAME_NOMEM, &err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_images_are_read_back),
        cmocka_unit_test(pieces_of_any_size_give_the_same_events),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_flipped_bit_of_the_frame_is_refused_even_with_its_crc),
        cmocka_unit_test(every_truncation_and_extension_is_refused),
        cmocka_unit_test(crafted_layouts_are_refused),
        cmocka_unit_test(a_table_in_another_order_than_the_file_is_refused),
        cmocka_unit_test(section_headers_that_differ_from_the_table_are_refused),
        cmocka_unit_test(a_table_that_ends_before_or_behind_the_file_is_refused),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(an_error_of_the_handler_ends_the_reading),
        cmocka_unit_test(shared_images_give_what_their_manifest_says),
        cmocka_unit_test(signature_arrays_become_bytes),
        cmocka_unit_test(certificates_of_16_kib_fit_and_far_longer_ones_do_not),
        cmocka_unit_test(the_signature_of_a_signed_image_is_found),
        cmocka_unit_test(bad_signature_sections_are_refused),
        cmocka_unit_test(signature_truncated_or_without_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
