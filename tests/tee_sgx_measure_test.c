/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cpio.h"
#include "crypto/crypto.h"
#include "image/placeholder.h"
#include "image/sigstruct.h"
#include "tee/sgx/gramine.h"

#include <selfsame/measure.h>

#define PCE "vectors/sgx/fortanix+rust-sgx/sigstruct/libsgx_pce.signed.so"

struct part {
    const char *name; /* NULL: the end */
    struct selfsame_bytes bytes;
};

/* The text of the measurement's JSON, or NULL and the class. */
static char *
measure_by(const struct part *parts, size_t step, enum selfsame_code *ret_code,
    struct selfsame_err *e)
{
    struct selfsame_measurement *m = NULL;
    enum selfsame_code c = selfsame_measurement_new("sgx", 0, &m, e);
    char *json = NULL;

    for (; c == SELFSAME_OK && parts->name != NULL; parts++) {
        c = selfsame_measurement_part(m, parts->name, parts->bytes.len, e);
        for (size_t at = 0; c == SELFSAME_OK && at < parts->bytes.len; at += step) {
            size_t left = parts->bytes.len - at;

            c = selfsame_measurement_update(
                m, BYTES(parts->bytes.ptr + at, left < step ? left : step), e);
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

static void
expect(const struct part *parts, size_t step, enum selfsame_code want, const char *json)
{
    struct selfsame_err e = { 0 };
    enum selfsame_code code;
    char *got = measure_by(parts, step, &code, &e);

    assert_code(code, want, &e);
    if (json != NULL)
        assert_string_equal(got, json);
    selfsame_free(got);
}

/* ---- signed enclaves of Intel's SDK ---- */

static const char pce[] =
    "{\"tee\":\"sgx\",\"mrenclave\":"
    "\"03e3f07e8c11cc08a1fa2afa93a8f2699cc8d9e17efa890af5df4e3cf7696578\","
    "\"mrsigner\":\"c54a62f2be9ef76efb1f3930ad81ea7f60defc1f5f25e09b7c067a815ae0c6cb\","
    "\"isv_prod_id\":1,\"isv_svn\":16}";

static void
intels_own_enclave_is_what_intel_signed(void **state)
{
    (void)state;
    auto_arena arena = arena_new(8 << 20);

    need_shared();
    struct part parts[] = { { "enclave", shared_file(PCE, &arena) }, { NULL, { 0 } } };
    expect(parts, 1 << 16, SELFSAME_OK, pce);
    expect(parts, 1000003, SELFSAME_OK, pce);
}

/* Bytes of code, of data, of the metadata, of SIGSTRUCT: none may change. */
static void
a_changed_enclave_is_not_what_was_signed(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        enum selfsame_code want;
    } rows[] = {
        { 0x2000, SELFSAME_MISMATCH },               /* .text */
        { 0x128000, SELFSAME_MISMATCH },             /* .rodata */
        { 0x1f4000, SELFSAME_MISMATCH },             /* .data */
        { 0x18, SELFSAME_MISMATCH },                 /* the entry, in the first page */
        { 2068933 + 960, SELFSAME_BAD_SIGNATURE },   /* ENCLAVEHASH */
        { 2068933 + 600, SELFSAME_BAD_SIGNATURE },   /* the signature */
        { 0x1f9185 + 24, SELFSAME_MISMATCH },        /* SSA frame: 1 becomes 3 … */
        { 0x1f9185 + 4668 + 8, SELFSAME_MALFORMED }, /* an address between pages */
        { 0x1f9185, SELFSAME_MALFORMED },            /* the magic number */
    };
    auto_arena arena = arena_new(8 << 20);

    need_shared();
    struct selfsame_bytes in = shared_file(PCE, &arena), copy;
    assert_true(arena_dup(&arena, in, &copy));
    uint8_t *raw = (uint8_t *)(uintptr_t)copy.ptr;
    struct part parts[] = { { "enclave", copy }, { NULL, { 0 } } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        raw[rows[i].at] ^= 2;
        expect(parts, 1 << 20, rows[i].want, NULL);
        raw[rows[i].at] ^= 2;
    }
    expect(parts, 1 << 20, SELFSAME_OK, pce);
}

static void
an_enclave_that_is_cut_is_refused(void **state)
{
    (void)state;
    auto_arena arena = arena_new(8 << 20);

    need_shared();
    struct selfsame_bytes in = shared_file(PCE, &arena);
    for (size_t n = 0; n < in.len; n = n < 200 ? n + 1 : n + 54321) {
        struct selfsame_err e = { 0 };
        enum selfsame_code code;
        struct part parts[] = { { "enclave", BYTES(in.ptr, n) }, { NULL, { 0 } } };
        char *got = measure_by(parts, 1 << 20, &code, &e);

        if (code == SELFSAME_OK || code == SELFSAME_INTERNAL)
            fail_msg("%zu bytes: %s", n, selfsame_code_name(code));
        selfsame_free(got);
    }
}

/* ---- Gramine ---- */

static uint8_t pal[PLACEHOLDER_PAL];

static struct selfsame_bytes
pal_bytes(void)
{
    placeholder_pal(pal);
    return BYTES_ARR(pal);
}

/* What gramine-sgx-sign of ff71d7a prints for these manifests and the placeholder. */
static void
gramine_measures_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *manifest, *mrenclave;
        size_t pad; /* a comment, so that the text fills its page */
    } rows[] = {
        { "sgx.enclave_size = \"64M\"\nsgx.max_threads = 1\n",
            "3141a50a14b04a5756a982109b001ef1416e446bd5d370b538d22dbaf8dfb7c8", 0 },
        { "[sgx]\nenclave_size = \"1G\"\nmax_threads = 5\nedmm_enable = true\n"
          "debug = true\n",
            "fe8ed258faa5b8e9153866e65568319f30c0c67fb87c7e30352132180502e1f6", 0 },
        { "[sgx]\n", "d903cbdc5534c00b725a0298dc63c620c20c422977164d00959718b62794c90e",
            4096 },
    };
    auto_arena arena = arena_new(1 << 20);

    for (size_t i = 0; i < COUNT(rows); i++) {
        const size_t len = strlen(rows[i].manifest);
        const size_t fill = rows[i].pad > 0 ? rows[i].pad - len - 3 : 0;
        char *x = arena_alloc(&arena, 1, fill + 1);

        assert_non_null(x);
        memset(x, 'x', fill);
        char *text = fill > 0 ? arena_printf(&arena, "# %s\n%s", x, rows[i].manifest)
                              : arena_printf(&arena, "%s", rows[i].manifest);
        char *json = arena_printf(
            &arena, "{\"tee\":\"sgx\",\"mrenclave\":\"%s\"}", rows[i].mrenclave);
        struct part parts[] = { { "manifest.sgx", bytes_str(text) },
            { "pal", pal_bytes() }, { NULL, { 0 } } };
        expect(parts, 1000, SELFSAME_OK, json);
        parts[0].name = "enclave"; /* as a file of its own */
        expect(parts, 1, SELFSAME_OK, json);
    }
}

static void
manifests_that_say_nonsense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum selfsame_code want;
    } rows[] = {
        { "", SELFSAME_MALFORMED },
        { "sgx = 1\n", SELFSAME_MALFORMED },
        { "sgx.enclave_size = 1\n", SELFSAME_MALFORMED },
        { "sgx.enclave_size = \"100M\"\n", SELFSAME_MALFORMED },
        { "sgx.enclave_size = \"64T\"\n", SELFSAME_MALFORMED },
        { "sgx.enclave_size = \"99999999999G\"\n", SELFSAME_MALFORMED },
        { "sgx.enclave_size = \"1M\"\n", SELFSAME_USAGE }, /* no room for 4 threads */
        { "sgx.max_threads = 0\n", SELFSAME_MALFORMED },
        { "sgx.max_threads = 5000\n", SELFSAME_MALFORMED },
        { "sgx.max_threads = \"4\"\n", SELFSAME_MALFORMED },
        { "sgx.isvprodid = 65536\n", SELFSAME_MALFORMED },
        { "sgx.isvsvn = -1\n", SELFSAME_MALFORMED },
        { "sgx.debug = 1\n", SELFSAME_MALFORMED },
        { "sgx.debug = true\nsgx.debug = false\n", SELFSAME_MALFORMED },
        { "sgx.require_avx = true\n", SELFSAME_UNSUPPORTED },
        { "sgx.cpu_features.mpx = \"unspecified\"\n", SELFSAME_MALFORMED },
        { "sgx.cpu_features.avx = \"sometimes\"\n", SELFSAME_MALFORMED },
        { "sgx.cpu_features = 1\n", SELFSAME_MALFORMED },
        { "sgx.trusted_files = [\"file:a\"]\n", SELFSAME_UNSUPPORTED },
        { "sgx.trusted_files = [{ uri = \"file:a\" }]\n", SELFSAME_UNSUPPORTED },
        { "sgx.trusted_files = [{ uri = \"file:a\", sha256 = \"12\" }]\n",
            SELFSAME_MALFORMED },
        { "sgx.trusted_files = { a = \"file:a\" }\n", SELFSAME_MALFORMED },
        { "sgx.allowed_files = { a = \"file:a\" }\n", SELFSAME_MALFORMED },
        { "sgx.allowed_files = \"file:a\"\n", SELFSAME_MALFORMED },
        { "sgx.enclave_size = \"1024G\"\n", SELFSAME_UNSUPPORTED }, /* to hash */
        { "sgx.remote_attestation = true\n", SELFSAME_MALFORMED },
        { "sgx.debug = false\nloader.entrypoint.sha256 = \"00\"\n",
            SELFSAME_MALFORMED },
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        struct part parts[] = { { "manifest.sgx", bytes_str(rows[i].text) },
            { "pal", pal_bytes() }, { NULL, { 0 } } };
        struct selfsame_err e = { 0 };
        enum selfsame_code code;
        char *got = measure_by(parts, 100, &code, &e);

        if (code != rows[i].want)
            fail_msg("%s: expected %s, got %s", rows[i].text,
                selfsame_code_name(rows[i].want), selfsame_code_name(code));
        selfsame_free(got);
    }
}

static void
a_manifest_needs_its_libpal(void **state)
{
    (void)state;
    struct selfsame_bytes text = BYTES_LIT("[sgx]\n");
    struct part alone[] = { { "enclave", text }, { NULL, { 0 } } };
    struct part text_for_pal[] = { { "manifest.sgx", text },
        { "pal", BYTES_LIT("no ELF at all, and for sure none that could be loaded") },
        { NULL, { 0 } } };
    struct part twice[] = { { "manifest.sgx", text }, { "manifest.sgx", text },
        { NULL, { 0 } } };
    struct part unknown[] = { { "kernel", text }, { NULL, { 0 } } };
    struct part early[] = { { "rootfs", text }, { NULL, { 0 } } };
    struct part none[] = { { NULL, { 0 } } };

    expect(alone, 10, SELFSAME_USAGE, NULL);
    expect(text_for_pal, 10, SELFSAME_MALFORMED, NULL);
    expect(twice, 10, SELFSAME_USAGE, NULL);
    expect(unknown, 10, SELFSAME_USAGE, NULL);
    expect(early, 10, SELFSAME_USAGE, NULL);
    expect(none, 10, SELFSAME_USAGE, NULL);
}

/* Each bit of a libpal changes MRENCLAVE, or what it says of itself is refused. */
static void
no_bit_of_libpal_goes_unseen(void **state)
{
    (void)state;
    struct part parts[] = {
        { "manifest.sgx",
            BYTES_LIT("sgx.enclave_size = \"4M\"\nsgx.max_threads = 1\n") },
        { "pal", pal_bytes() }, { NULL, { 0 } }
    };
    struct selfsame_err e = { 0 };
    enum selfsame_code code;
    char *want = measure_by(parts, 1 << 20, &code, &e), *got;

    assert_code(code, SELFSAME_OK, &e);
    for (size_t bit = 0; bit < 8 * 1100; bit += bit < 8 * 130 ? 1 : 97) {
        pal[bit / 8] ^= (uint8_t)(1u << bit % 8);
        got = measure_by(parts, 1 << 20, &code, &e);
        if (code == SELFSAME_OK && strcmp(got, want) == 0)
            fail_msg("bit %zu of libpal is not measured", bit);
        selfsame_free(got);
        pal[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    selfsame_free(want);
}

/* Hours of hashing, of a file of a kilobyte. */
static void
a_libpal_of_a_terabyte_is_not_measured(void **state)
{
    (void)state;
    enum { MEM_SIZE = 64 + 40 };
    struct part parts[] = {
        { "manifest.sgx",
            BYTES_LIT("sgx.enclave_size = \"4096G\"\nsgx.edmm_enable = true\n") },
        { "pal", pal_bytes() }, { NULL, { 0 } }
    };

    expect(parts, 1 << 20, SELFSAME_OK, NULL);
    pal[MEM_SIZE + 5] = 1;
    expect(parts, 1 << 20, SELFSAME_UNSUPPORTED, NULL);
}

static void
put_le(uint8_t *at, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(v >> (8 * i));
}

/* Groups that repeat entries without pages, at one place, as often as they can. */
static void
layouts_that_never_end_are_refused(void **state)
{
    (void)state;
    enum { LAYOUT = 0x1f9185 + 4668, ENTRY = 32, GROUP = 1 << 12, TIMES = 1 << 24 };
    auto_arena arena = arena_new(8 << 20);
    struct selfsame_bytes copy;

    need_shared();
    assert_true(arena_dup(&arena, shared_file(PCE, &arena), &copy));
    struct part parts[] = { { "enclave", copy }, { NULL, { 0 } } };
    uint8_t *at = (uint8_t *)(uintptr_t)copy.ptr + LAYOUT;
    for (size_t i = 0; i < 8; i += 2, at += ENTRY) {
        put_le(at + 2, 0, 2); /* not added */
        at += ENTRY;
        put_le(at, GROUP, 2);
        put_le(at + 2, 1, 2);
        put_le(at + 4, TIMES, 4);
        put_le(at + 8, 0, 8);
    }
    expect(parts, 1 << 20, SELFSAME_MALFORMED, NULL);
}

static void
memory_that_ends_is_said(void **state)
{
    (void)state;
    struct selfsame_bytes text = BYTES_LIT(
        "sgx.trusted_files = [{ uri = \"file:a\", sha256 = "
        "\"0000000000000000000000000000000000000000000000000000000000000000\" }]\n"
        "libos.entrypoint = \"/init\"\n");
    struct selfsame_err e = { 0 };
    struct gramine_manifest m;
    enum selfsame_code code = SELFSAME_NOMEM;
    long n = 0;

    while (code == SELFSAME_NOMEM) {
        auto_arena arena = arena_new(1 << 20);

        arena.fail_at = ++n;
        code = gramine_manifest_parse(text, &arena, &m, &e);
    }
    assert_code(code, SELFSAME_OK, &e);
    assert_true(n > 3);
}

/* ---- the file system ---- */

struct image {
    char *manifest;
    struct selfsame_bytes rootfs;
};

static void
put_entry(struct writer *w, const char *name, uint32_t mode, const char *data)
{
    struct cpio_entry x = { .ino = 1,
        .nlink = 1,
        .mode = mode,
        .size = (uint32_t)strlen(data),
        .name = bytes_str(name) };

    cpio_put_head(w, &x);
    put_bytes(w, bytes_str(data));
    put_zeros(w, cpio_pad(strlen(data)));
}

static const char *
digest(const char *data, struct arena *arena)
{
    uint8_t sum[HASH_MAX];

    assert_true(hash_bytes(HASH_SHA256, bytes_str(data), sum));
    return hex_dup(arena, BYTES(sum, 32));
}

static struct image
made_image(struct arena *arena)
{
    uint8_t *raw = arena_alloc(arena, 1, 4096);
    struct writer w = writer_of(raw, 4096);

    put_entry(&w, "bin", 0040755, "");
    put_entry(&w, "bin/app", 0100755, "program");
    put_entry(&w, "empty", 0100644, "");
    put_entry(&w, "link", 0120777, "bin/app");
    put_entry(&w, "TRAILER!!!", 0, "");
    put_zeros(&w, 512 - w.len % 512);
    assert_false(w.bad);
    return (struct image){ .rootfs = writer_bytes(&w),
        .manifest = arena_printf(arena,
            "sgx.enclave_size = \"4M\"\nsgx.max_threads = 1\n"
            "loader.entrypoint.sha256 = \"%s\"\n"
            "sgx.trusted_files = [\n"
            "{ uri = \"file:rootfs/empty\", sha256 = \"%s\" },\n"
            "{ uri = \"file:rootfs/bin/app\", sha256 = \"%s\" },\n]\n",
            digest("libos", arena), digest("", arena), digest("program", arena)) };
}

static void
what_the_manifest_does_not_have_is_not_measured(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct image i = made_image(&arena);
    struct part parts[] = { { "manifest.sgx", bytes_str(i.manifest) },
        { "pal", pal_bytes() }, { "libos", BYTES_LIT("libos") }, { "rootfs", i.rootfs },
        { NULL, { 0 } } };
    uint8_t *raw = (uint8_t *)(uintptr_t)i.rootfs.ptr;
    uint8_t *data = memmem(raw, i.rootfs.len, "program", 7);

    assert_non_null(data);
    for (size_t step = 1; step < 5000; step = 3 * step + 1)
        expect(parts, step, SELFSAME_OK, NULL);
    data[3] ^= 1; /* another program */
    expect(parts, 100, SELFSAME_MISMATCH, NULL);
    data[3] ^= 1;
    uint8_t *name = memmem(raw, i.rootfs.len, "bin/app", 7);
    name[6] = 'x'; /* under another name */
    expect(parts, 100, SELFSAME_MISMATCH, NULL);
    name[6] = 'p';
    parts[2].bytes = BYTES_LIT("other");
    expect(parts, 100, SELFSAME_MISMATCH, NULL);
    parts[2].bytes = BYTES_LIT("libos");
    for (size_t n = 0; n < i.rootfs.len - 512; n++) {
        parts[3].bytes = BYTES(i.rootfs.ptr, n);
        expect(parts, 100, SELFSAME_MALFORMED, NULL);
    }
    parts[3].bytes = i.rootfs;
    expect(parts, 100, SELFSAME_OK, NULL);
}

/* Each bit of an archive that files depend on: refused, or the same file. */
static void
no_bit_of_a_file_goes_unseen(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);
    struct image i = made_image(&arena);
    struct part parts[] = { { "manifest.sgx", bytes_str(i.manifest) },
        { "pal", pal_bytes() }, { "rootfs", i.rootfs }, { NULL, { 0 } } };
    uint8_t *raw = (uint8_t *)(uintptr_t)i.rootfs.ptr;
    size_t refused = 0;

    for (size_t bit = 0; bit < 8 * i.rootfs.len; bit++) {
        struct selfsame_err e = { 0 };
        enum selfsame_code code;

        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
        char *got = measure_by(parts, 4096, &code, &e);
        if (code == SELFSAME_INTERNAL || code == SELFSAME_NOMEM)
            fail_msg("bit %zu: %s", bit, selfsame_code_name(code));
        refused += code != SELFSAME_OK;
        selfsame_free(got);
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > 8 * 7);
}

/* ---- SIGSTRUCTs beside an enclave ---- */

static void
a_signature_of_another_enclave_is_refused(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 20);

    need_shared();
    struct selfsame_bytes other = shared_file(
        "vectors/sgx/matter-labs+teepot/sigstruct/gramine-test.sig", &arena);
    struct part parts[] = { { "manifest.sgx", BYTES_LIT("[sgx]\n") },
        { "pal", pal_bytes() }, { "sig", other }, { NULL, { 0 } } };
    expect(parts, 1000, SELFSAME_MISMATCH, NULL);
    struct part alone[] = { { "enclave", other }, { NULL, { 0 } } };
    expect(alone, 1, SELFSAME_OK,
        "{\"tee\":\"sgx\",\"mrenclave\":"
        "\"f78170fe28e2e8671d83f5056975d25a27eb2c333dc520c2ccaf4de6b3f9c81b\","
        "\"mrsigner\":"
        "\"f98deebef358e407b9a795eda9fe0c67de306084d735339f9454aefaaaa0f264\","
        "\"isv_prod_id\":0,\"isv_svn\":0}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intels_own_enclave_is_what_intel_signed),
        cmocka_unit_test(a_changed_enclave_is_not_what_was_signed),
        cmocka_unit_test(an_enclave_that_is_cut_is_refused),
        cmocka_unit_test(gramine_measures_the_same),
        cmocka_unit_test(manifests_that_say_nonsense_are_refused),
        cmocka_unit_test(a_manifest_needs_its_libpal),
        cmocka_unit_test(no_bit_of_libpal_goes_unseen),
        cmocka_unit_test(a_libpal_of_a_terabyte_is_not_measured),
        cmocka_unit_test(layouts_that_never_end_are_refused),
        cmocka_unit_test(memory_that_ends_is_said),
        cmocka_unit_test(what_the_manifest_does_not_have_is_not_measured),
        cmocka_unit_test(no_bit_of_a_file_goes_unseen),
        cmocka_unit_test(a_signature_of_another_enclave_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
