/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_nitro.h"

#include "image/eif.h"
#include "tee/nitro/image_signature.h"

#include <zlib.h>

struct part {
    enum eif_type type;
    struct selfsame_bytes data;
};

static struct selfsame_bytes
image_of(const struct part *parts, size_t count, struct arena *arena)
{
    struct eif_plan plan = {
        .default_mem = 1 << 30, .default_cpus = 2, .count = count
    };
    size_t size = EIF_HEADER;

    for (size_t i = 0; i < count; i++) {
        plan.section[i].type = parts[i].type;
        plan.section[i].size = parts[i].data.len;
        size += EIF_SECTION_HEADER + parts[i].data.len;
    }
    uint8_t *buf = arena_alloc(arena, 1, size);
    assert_non_null(buf);
    struct writer w = writer_of(buf, size);
    w.len = EIF_HEADER;
    for (size_t i = 0; i < count; i++) {
        uint8_t head[EIF_SECTION_HEADER];

        eif_section_header_write(parts[i].type, parts[i].data.len, head);
        put_bytes(&w, BYTES_ARR(head));
        put_bytes(&w, parts[i].data);
    }
    assert_int_equal(w.len, size);
    uint32_t body = (uint32_t)crc32_z(0, buf + EIF_HEADER, size - EIF_HEADER);
    eif_header_write(&plan, eif_crc(&plan, body, size - EIF_HEADER), buf);
    return BYTES(buf, size);
}

static enum selfsame_code
measure(struct selfsame_bytes image, size_t piece, bool explain, struct arena *arena,
    struct tee_measured *ret, struct selfsame_err *e)
{
    enum selfsame_code code;
    void *state = NULL;

    TRY(nitro_measurer.begin(image.len, explain, &state, e));
    code = SELFSAME_OK;
    for (size_t at = 0; at < image.len && code == SELFSAME_OK; at += piece) {
        size_t n = image.len - at < piece ? image.len - at : piece;

        code = nitro_measurer.update(state, BYTES(image.ptr + at, n), e);
    }
    if (code == SELFSAME_OK)
        code = nitro_measurer.finish(state, arena, ret, e);
    nitro_measurer.free(state);
    return code;
}

static struct tee_measured
measured(struct selfsame_bytes image, size_t piece, bool explain, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct tee_measured m = { .count = 0 };

    assert_code(measure(image, piece, explain, arena, &m, &e), SELFSAME_OK, &e);
    return m;
}

static void
assert_measure_fails(
    struct selfsame_bytes image, enum selfsame_code want, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct tee_measured m = { .count = 77 };

    assert_code(measure(image, 4096, false, arena, &m, &e), want, &e);
    assert_int_equal(m.count, 77);
}

static struct selfsame_bytes
value(const struct tee_measured *m, const char *path)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->list[i].path, path) == 0)
            return m->list[i].bytes;
    return BYTES_NONE;
}

static void
assert_hex(struct selfsame_bytes got, const char *hex)
{
    auto_arena arena = arena_new(1 << 16);

    assert_bytes(got, unhex(hex, &arena));
}

/* nitro's rule spelt out once more, over whole parts in memory. */
static void
assert_pcr(struct selfsame_bytes got, const struct part *parts, size_t count)
{
    struct selfsame_bytes pieces[EIF_SECTIONS];
    uint8_t digest[HASH_MAX], zero[48] = { 0 }, pcr[HASH_MAX];

    for (size_t i = 0; i < count; i++)
        pieces[i] = parts[i].data;
    assert_true(hash_parts(HASH_SHA384, pieces, count, digest));
    const struct selfsame_bytes extend[] = { BYTES_ARR(zero), BYTES(digest, 48) };
    assert_true(hash_parts(HASH_SHA384, extend, 2, pcr));
    assert_bytes(got, BYTES(pcr, 48));
}

#define DERIVED "vectors/nitro/derived-by-this-collection/eif/"
#define EMPTY_PCR2                                                           \
    "21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb3" \
    "0948c90ba67310f7b964fc500a"

static void
derived_images_have_the_values_of_another_implementation(void **state)
{
    auto_arena arena = arena_new(8 << 20);
    static const char *const files[] = { DERIVED "x86-two-ramdisks.eif",
        DERIVED "signed.eif" };

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(files); i++) {
        struct tee_measured m = measured(
            shared_file(files[i], &arena), 1000, false, &arena);

        assert_hex(value(&m, "pcr.0"), "447e21ee5668f2aed796e0aa349cedb7c27df6c187abf7f"
                                       "6e8a5c2bb69475c0d5a8650c43b1"
                                       "6c302741855ac9d74042d");
        assert_hex(value(&m, "pcr.1"), "aac9d70d68fddd4140ec97c30c1cf363ee33390ac00a5d0"
                                       "c05f5f113a4395b7d1b1514d24d4"
                                       "59b4630b0750dea66addb");
        assert_hex(value(&m, "pcr.2"), "153a5c43a2a84f0ee4140914926699f7d2cd6947950795c"
                                       "8ba499472857eb62c059d4a50bf5"
                                       "b7e0430ec35488db642ce");
        if (i == 0)
            assert_null(value(&m, "pcr.8").ptr);
        else
            assert_hex(value(&m, "pcr.8"), "eeb12029926660be4d4d7092dc31a2253c75a243027"
                                           "96bf1623c1413d5290084bf3e02a"
                                           "f3fd28c2a0bd126a1592f7122");
    }
    assert_measure_fails(
        shared_file(DERIVED "bad-crc.eif", &arena), SELFSAME_MALFORMED, &arena);
}

static const struct part two_ramdisks[] = {
    { EIF_KERNEL, { (const uint8_t *)"kernel", 6 } },
    { EIF_CMDLINE, { (const uint8_t *)"reboot=k", 8 } },
    { EIF_METADATA, { (const uint8_t *)"{}", 2 } },
    { EIF_RAMDISK, { (const uint8_t *)"bootstrap", 9 } },
    { EIF_RAMDISK, { (const uint8_t *)"application", 11 } },
};

static void
pieces_of_any_size_measure_the_same(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes image = image_of(two_ramdisks, COUNT(two_ramdisks), &arena);

    (void)state;
    struct tee_measured want = measured(image, image.len, false, &arena);
    for (size_t piece = 1; piece < 40; piece++) {
        struct tee_measured got = measured(image, piece, piece & 1, &arena);

        assert_int_equal(got.count, 3);
        for (size_t i = 0; i < 3; i++)
            assert_bytes(got.list[i].bytes, want.list[i].bytes);
    }
}

static void
metadata_and_header_are_not_measured(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct part parts[COUNT(two_ramdisks)];

    (void)state;
    memcpy(parts, two_ramdisks, sizeof(parts));
    struct tee_measured a = measured(
        image_of(parts, COUNT(parts), &arena), 64, false, &arena);
    parts[2].data = BYTES_LIT("{\"BuildTime\":\"other\"}");
    struct tee_measured b = measured(
        image_of(parts, COUNT(parts), &arena), 64, false, &arena);
    for (size_t i = 0; i < 3; i++)
        assert_bytes(a.list[i].bytes, b.list[i].bytes);
}

/* Bytes moved from one part to its neighbour keep PCR0: hence all three are pinned. */
static void
pcr0_alone_does_not_tell_images_apart(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct part parts[COUNT(two_ramdisks)];

    (void)state;
    memcpy(parts, two_ramdisks, sizeof(parts));
    struct tee_measured a = measured(
        image_of(parts, COUNT(parts), &arena), 64, false, &arena);
    parts[3].data = BYTES_LIT("bootstrapa");
    parts[4].data = BYTES_LIT("pplication");
    struct tee_measured b = measured(
        image_of(parts, COUNT(parts), &arena), 64, false, &arena);
    assert_bytes(value(&a, "pcr.0"), value(&b, "pcr.0"));
    assert_false(bytes_eq(value(&a, "pcr.1"), value(&b, "pcr.1")));
    assert_false(bytes_eq(value(&a, "pcr.2"), value(&b, "pcr.2")));
}

static void
one_ramdisk_leaves_pcr2_over_nothing(void **state)
{
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    struct tee_measured m = measured(
        image_of(two_ramdisks, 4, &arena), 64, false, &arena);
    assert_hex(value(&m, "pcr.2"), EMPTY_PCR2);
    assert_bytes(value(&m, "pcr.0"), value(&m, "pcr.1"));
}

/* Nothing says the command line must stand before the ramdisks. */
static void
late_sections_still_count_for_pcr1(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    const struct part late[] = { two_ramdisks[0], two_ramdisks[3], two_ramdisks[4],
        two_ramdisks[1] };
    const struct part boot[] = { late[0], late[1], late[3] };

    (void)state;
    struct tee_measured m = measured(
        image_of(late, COUNT(late), &arena), 7, false, &arena);
    assert_pcr(value(&m, "pcr.0"), late, COUNT(late));
    assert_pcr(value(&m, "pcr.1"), boot, COUNT(boot));
    assert_pcr(value(&m, "pcr.2"), &late[2], 1);
}

/* Above 4 MiB the streams are hashed by threads. */
static void
large_images_measure_as_small_ones(void **state)
{
    auto_arena arena = arena_new(64 << 20);
    size_t big = 5 * 1024 * 1024 + 7, small = 700001;
    uint8_t *a = arena_alloc(&arena, 1, big), *b = arena_alloc(&arena, 1, small);
    static const size_t pieces[] = { 1 << 20, 65536, 12345, 64u << 20 };

    (void)state;
    assert_true(a != NULL && b != NULL);
    for (size_t i = 0; i < big; i++)
        a[i] = (uint8_t)(i * 2654435761u >> 13);
    for (size_t i = 0; i < small; i++)
        b[i] = (uint8_t)(i * 40503u >> 7);
    const struct part parts[] = { two_ramdisks[0], two_ramdisks[1], two_ramdisks[2],
        { EIF_RAMDISK, BYTES(b, small) }, { EIF_RAMDISK, BYTES(a, big) },
        { EIF_RAMDISK, BYTES(b, small / 2) } };
    const struct part all[] = { parts[0], parts[1], parts[3], parts[4], parts[5] };
    struct selfsame_bytes image = image_of(parts, COUNT(parts), &arena);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct tee_measured m = measured(image, pieces[i], i & 1, &arena);

        assert_pcr(value(&m, "pcr.0"), all, 5);
        assert_pcr(value(&m, "pcr.1"), all, 3);
        assert_pcr(value(&m, "pcr.2"), all + 3, 2);
    }
    /* Given up half-way, nothing hangs. */
    struct selfsame_err e = { .depth = 0 };
    void *half = NULL;
    assert_code(nitro_measurer.begin(image.len, true, &half, &e), SELFSAME_OK, &e);
    assert_code(nitro_measurer.update(half, BYTES(image.ptr, image.len / 2), &e),
        SELFSAME_OK, &e);
    nitro_measurer.free(half);
}

static void
sections_are_explained(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    static const char *const feeds[] = { "PCR0 PCR1", "PCR0 PCR1", "nothing",
        "PCR0 PCR1", "PCR0 PCR2" };
    struct selfsame_bytes image = image_of(two_ramdisks, COUNT(two_ramdisks), &arena);

    (void)state;
    assert_int_equal(measured(image, 9, false, &arena).section_count, 0);
    struct tee_measured m = measured(image, 9, true, &arena);
    assert_int_equal(m.section_count, COUNT(two_ramdisks));
    for (size_t i = 0; i < m.section_count; i++) {
        uint8_t digest[HASH_MAX];

        assert_string_equal(m.sections[i].name, eif_type_word(two_ramdisks[i].type));
        assert_string_equal(m.sections[i].feeds, feeds[i]);
        assert_true(m.sections[i].size == two_ramdisks[i].data.len);
        assert_true(hash_bytes(HASH_SHA384, two_ramdisks[i].data, digest));
        assert_memory_equal(m.sections[i].sha384, digest, 48);
    }
}

/* ---- signatures ---- */

struct signer {
    struct key *key;
    struct selfsame_bytes der;
    const char *pem;
    bool p256;
};

static struct signer
signer_new(enum key_type type, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    struct signer s = { .p256 = type == KEY_P256 };
    const struct cert_request r = { .common_name = "image signer",
        .not_before = test_now_s,
        .not_after = test_now_s + 3600,
        .path_len = -1 };

    assert_code(key_generate(type, &s.key, &e), SELFSAME_OK, &e);
    assert_code(
        cert_make(&r, s.key, BYTES_NONE, s.key, arena, &s.der, &e), SELFSAME_OK, &e);
    s.pem = pem_encode("CERTIFICATE", s.der, arena);
    assert_non_null(s.pem);
    return s;
}

static void
put_numbers(struct writer *w, struct selfsame_bytes b)
{
    cbor_put_array(w, b.len);
    for (size_t i = 0; i < b.len; i++)
        cbor_put_uint(w, b.ptr[i]);
}

/* The section as AWS's tool writes it, over this register with this algorithm. */
static struct selfsame_bytes
signature_section(const struct signer *s, uint64_t index, struct selfsame_bytes pcr,
    struct selfsame_bytes header, struct arena *arena)
{
    struct selfsame_err e = { .depth = 0 };
    uint8_t payload[256], digest[HASH_MAX], cose[512];
    struct writer p = writer_of(payload, sizeof(payload));
    struct writer c = writer_of(cose, sizeof(cose));
    enum hash_alg alg = s->p256 ? HASH_SHA256 : HASH_SHA384;
    struct selfsame_bytes sig;
    struct cose_tbs tbs;

    cbor_put_map(&p, 2);
    cbor_put_str(&p, "register_index");
    cbor_put_uint(&p, index);
    cbor_put_str(&p, "register_value");
    put_numbers(&p, pcr);
    struct cose_sign1 cs = { .protected_ = header, .payload = writer_bytes(&p) };
    cose_sign1_tbs(&cs, BYTES_NONE, &tbs);
    assert_true(hash_parts(alg, tbs.part, tbs.count, digest));
    assert_code(key_sign(s->key, alg, BYTES(digest, hash_size(alg)), arena, &sig, &e),
        SELFSAME_OK, &e);
    cose_sign1_put(&c, false, header, writer_bytes(&p), sig);
    size_t cap = 8192 + 2 * strlen(s->pem);
    uint8_t *buf = arena_alloc(arena, 1, cap);
    assert_non_null(buf);
    struct writer w = writer_of(buf, cap);
    cbor_put_array(&w, 1);
    cbor_put_map(&w, 2);
    cbor_put_str(&w, "signing_certificate");
    put_numbers(&w, bytes_str(s->pem));
    cbor_put_str(&w, "signature");
    put_numbers(&w, writer_bytes(&c));
    assert_false(w.bad || c.bad || p.bad);
    return writer_bytes(&w);
}

static struct selfsame_bytes
with_section(struct selfsame_bytes section, struct arena *arena)
{
    struct part parts[COUNT(two_ramdisks) + 1];

    memcpy(parts, two_ramdisks, sizeof(two_ramdisks));
    parts[COUNT(two_ramdisks)] = (struct part){ EIF_SIGNATURE, section };
    return image_of(parts, COUNT(parts), arena);
}

static struct selfsame_bytes
pcr0_of_two_ramdisks(struct arena *arena)
{
    struct tee_measured m = measured(
        image_of(two_ramdisks, COUNT(two_ramdisks), arena), 64, false, arena);

    return value(&m, "pcr.0");
}

#define ES256_HEADER BYTES_LIT("\xa1\x01\x26")

static void
pcr8_is_over_the_signing_certificate(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    static const enum key_type types[] = { KEY_P256, KEY_P384 };

    (void)state;
    struct selfsame_bytes pcr0 = pcr0_of_two_ramdisks(&arena);
    for (size_t i = 0; i < COUNT(types); i++) {
        struct signer s = signer_new(types[i], &arena);
        struct tee_measured m = measured(
            with_section(signature_section(
                             &s, 0, pcr0, s.p256 ? ES256_HEADER : ES384_HEADER, &arena),
                &arena),
            50, true, &arena);
        const struct part certificate = { EIF_SIGNATURE, s.der };

        assert_int_equal(m.count, 4);
        assert_bytes(value(&m, "pcr.0"), pcr0);
        assert_pcr(value(&m, "pcr.8"), &certificate, 1);
        assert_string_equal(m.sections[m.section_count - 1].feeds, "PCR8");
        key_free(&s.key);
    }
}

/* With the whole chain behind it, as some issuers hand it out: 15 KiB. */
static void
a_long_signing_certificate_is_measured(void **state)
{
    auto_arena arena = arena_new(4 << 20);

    (void)state;
    struct selfsame_bytes pcr0 = pcr0_of_two_ramdisks(&arena);
    struct signer s = signer_new(KEY_P384, &arena);
    const struct part certificate = { EIF_SIGNATURE, s.der };
    const char *one = s.pem;

    while (s.pem != NULL && strlen(s.pem) + strlen(one) < 15 * 1024)
        s.pem = arena_printf(&arena, "%s%s", s.pem, one);
    assert_non_null(s.pem);
    assert_true(strlen(s.pem) > 14 * 1024);
    struct tee_measured m = measured(
        with_section(signature_section(&s, 0, pcr0, ES384_HEADER, &arena), &arena), 50,
        true, &arena);
    assert_pcr(value(&m, "pcr.8"), &certificate, 1);
    key_free(&s.key);
}

/* Mistake 18: a good signature, but over the PCR0 of another image. */
static void
a_signature_of_another_image_is_refused(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct signer s = signer_new(KEY_P384, &arena);
    uint8_t other[48];

    (void)state;
    struct selfsame_bytes pcr0 = pcr0_of_two_ramdisks(&arena);
    memcpy(other, pcr0.ptr, 48);
    other[47] ^= 1;
    assert_measure_fails(
        with_section(
            signature_section(&s, 0, BYTES_ARR(other), ES384_HEADER, &arena), &arena),
        SELFSAME_MISMATCH, &arena);
    assert_measure_fails(
        with_section(signature_section(&s, 1, pcr0, ES384_HEADER, &arena), &arena),
        SELFSAME_MISMATCH, &arena);
    assert_measure_fails(with_section(signature_section(&s, 0, BYTES(pcr0.ptr, 32),
                                          ES384_HEADER, &arena),
                             &arena),
        SELFSAME_MISMATCH, &arena);
    key_free(&s.key);
}

static void
a_signature_by_another_key_or_algorithm_is_refused(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct signer a = signer_new(KEY_P384, &arena), b = signer_new(KEY_P384, &arena);

    (void)state;
    struct selfsame_bytes pcr0 = pcr0_of_two_ramdisks(&arena);
    a.pem = b.pem;
    assert_measure_fails(
        with_section(signature_section(&a, 0, pcr0, ES384_HEADER, &arena), &arena),
        SELFSAME_BAD_SIGNATURE, &arena);
    assert_measure_fails(
        with_section(signature_section(&b, 0, pcr0, ES256_HEADER, &arena), &arena),
        SELFSAME_UNSUPPORTED, &arena);
    key_free(&a.key);
    key_free(&b.key);
}

static void
broken_signature_sections_are_refused(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct signer s = signer_new(KEY_P384, &arena);

    (void)state;
    struct selfsame_bytes pcr0 = pcr0_of_two_ramdisks(&arena);
    struct selfsame_bytes good = signature_section(&s, 0, pcr0, ES384_HEADER, &arena);
    assert_measure_fails(with_section(BYTES(good.ptr, good.len - 1), &arena),
        SELFSAME_MALFORMED, &arena);
    assert_measure_fails(
        with_section(BYTES_LIT("\x80"), &arena), SELFSAME_MALFORMED, &arena);
    s.pem = "no certificate";
    assert_measure_fails(
        with_section(signature_section(&s, 0, pcr0, ES384_HEADER, &arena), &arena),
        SELFSAME_MALFORMED, &arena);
    s.pem = pem_encode("CERTIFICATE", BYTES_LIT("\x30\x03\x02\x01\x00"), &arena);
    assert_measure_fails(
        with_section(signature_section(&s, 0, pcr0, ES384_HEADER, &arena), &arena),
        SELFSAME_MALFORMED, &arena);
    const struct part twice[] = { two_ramdisks[0], two_ramdisks[1], two_ramdisks[3],
        { EIF_SIGNATURE, good }, { EIF_SIGNATURE, good } };
    assert_measure_fails(image_of(twice, 5, &arena), SELFSAME_MALFORMED, &arena);
    key_free(&s.key);
}

/* Whatever bit of the section changes, PCR8 changes or the image is refused. */
static void
no_altered_signature_section_passes_for_the_good_one(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct signer s = signer_new(KEY_P384, &arena);
    uint8_t want[48], got[48];
    struct selfsame_err e = { .depth = 0 };

    (void)state;
    struct selfsame_bytes pcr0 = pcr0_of_two_ramdisks(&arena);
    struct selfsame_bytes good = signature_section(&s, 0, pcr0, ES384_HEADER, &arena);
    uint8_t *copy = arena_alloc(&arena, 1, good.len);
    assert_non_null(copy);
    memcpy(copy, good.ptr, good.len);
    assert_code(
        nitro_image_signature(good, pcr0.ptr, &arena, want, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < good.len * 8; i++) {
        auto_arena scratch = arena_new(1 << 16);

        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        if (nitro_image_signature(BYTES(copy, good.len), pcr0.ptr, &scratch, got, &e) ==
                SELFSAME_OK &&
            bytes_eq(BYTES_ARR(want), BYTES_ARR(got)))
            fail_msg("bit %zu of the section may be flipped unseen", i);
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    key_free(&s.key);
}

static void
broken_images_are_refused(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_bytes image = image_of(two_ramdisks, COUNT(two_ramdisks), &arena);
    const struct part kernels[] = { two_ramdisks[0], two_ramdisks[0], two_ramdisks[1],
        two_ramdisks[3] };

    (void)state;
    for (size_t n = 0; n < image.len; n++)
        assert_measure_fails(BYTES(image.ptr, n), SELFSAME_MALFORMED, &arena);
    assert_measure_fails(
        image_of(kernels, COUNT(kernels), &arena), SELFSAME_MALFORMED, &arena);
    assert_measure_fails(image_of(two_ramdisks, 3, &arena), SELFSAME_MALFORMED, &arena);
    uint8_t *copy = arena_alloc(&arena, 1, image.len);
    assert_non_null(copy);
    memcpy(copy, image.ptr, image.len);
    for (size_t i = 0; i < image.len * 8; i++) {
        auto_arena scratch = arena_new(1 << 20);
        struct selfsame_err e = { .depth = 0 };
        struct tee_measured m;

        copy[i / 8] ^= (uint8_t)(1u << i % 8);
        if (measure(BYTES(copy, image.len), 100, false, &scratch, &m, &e) ==
            SELFSAME_OK)
            fail_msg("an image with bit %zu flipped is accepted", i);
        copy[i / 8] ^= (uint8_t)(1u << i % 8);
    }
}

static void
every_failed_allocation_is_reported(void **state)
{
    auto_arena arena = arena_new(2 << 20);
    struct signer s = signer_new(KEY_P384, &arena);
    struct selfsame_bytes image = with_section(
        signature_section(&s, 0, pcr0_of_two_ramdisks(&arena), ES384_HEADER, &arena),
        &arena);
    long n = 1;

    (void)state;
    for (;; n++) {
        auto_arena scratch = arena_new(1 << 20);
        struct selfsame_err e = { .depth = 0 };
        struct tee_measured m;

        scratch.fail_at = n;
        enum selfsame_code code = measure(image, 4096, true, &scratch, &m, &e);
        if (code == SELFSAME_OK)
            break;
        assert_int_equal(code, SELFSAME_NOMEM);
        assert_true(n < 100);
    }
    assert_true(n > 3);
    key_free(&s.key);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derived_images_have_the_values_of_another_implementation),
        cmocka_unit_test(pieces_of_any_size_measure_the_same),
        cmocka_unit_test(metadata_and_header_are_not_measured),
        cmocka_unit_test(pcr0_alone_does_not_tell_images_apart),
        cmocka_unit_test(one_ramdisk_leaves_pcr2_over_nothing),
        cmocka_unit_test(late_sections_still_count_for_pcr1),
        cmocka_unit_test(large_images_measure_as_small_ones),
        cmocka_unit_test(sections_are_explained),
        cmocka_unit_test(pcr8_is_over_the_signing_certificate),
        cmocka_unit_test(a_long_signing_certificate_is_measured),
        cmocka_unit_test(a_signature_of_another_image_is_refused),
        cmocka_unit_test(a_signature_by_another_key_or_algorithm_is_refused),
        cmocka_unit_test(broken_signature_sections_are_refused),
        cmocka_unit_test(no_altered_signature_section_passes_for_the_good_one),
        cmocka_unit_test(broken_images_are_refused),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
