/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/cbor.h"
#include "codec/cose.h"
#include "codec/json.h"

/* The Sig_structure in one piece. */
static struct selfsame_bytes
joined(const struct cose_tbs *t, struct arena *a)
{
    uint8_t *buf = arena_alloc(a, 1, 1 << 16);
    assert_non_null(buf);
    struct writer w = writer_of(buf, 1 << 16);

    for (size_t i = 0; i < t->count; i++)
        put_bytes(&w, t->part[i]);
    return writer_bytes(&w);
}

static enum selfsame_code
parse_hex(const char *hex, struct cose_sign1 *ret, struct arena *a)
{
    struct selfsame_err e = { 0 };

    return cose_sign1_parse(unhex(hex, a), ret, &e);
}

static void
what_is_put_is_parsed_tagged_or_not(void **state)
{
    (void)state;
    for (int tagged = 0; tagged < 2; tagged++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        uint8_t buf[64];
        struct writer w = writer_of(buf, sizeof(buf));
        struct cose_sign1 s;
        struct cose_tbs t;

        cose_sign1_put(&w, tagged, BYTES_LIT("\xa1\x01\x38\x22"), BYTES_LIT("pay"),
            BYTES_LIT("sig"));
        assert_int_equal(buf[0], tagged ? 0xd2 : 0x84);
        assert_code(cose_sign1_parse(writer_bytes(&w), &s, &e), SELFSAME_OK, &e);
        assert_int_equal(s.tagged, tagged);
        assert_true(s.has_alg);
        assert_int_equal(s.alg, COSE_ES384);
        assert_bytes(s.payload, BYTES_LIT("pay"));
        assert_bytes(s.signature, BYTES_LIT("sig"));
        assert_bytes(s.unprotected, BYTES_LIT("\xa0"));
        cose_sign1_tbs(&s, BYTES_NONE, &t);
        assert_bytes(
            joined(&t, &a), unhex("846a5369676e61747572653144a10138224043706179", &a));
    }
}

static void
alg_counts_only_as_a_protected_integer(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool has;
        int64_t alg;
    } cases[] = {
        { "8443a10126a0414140", true, -7 },
        { "8440a0414140", false, 0 },
        { "8440a10126414140", false, 0 },
        { "8441a0a10126414140", false, 0 },
        { "8448a101654553333834a0414140", false, 0 },
        { "8446a20126044131a0414140", true, -7 },
        { "8445a201260300a1044131414140", true, -7 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 16);
        struct cose_sign1 s;

        if (parse_hex(cases[i].hex, &s, &a) != SELFSAME_OK)
            fail_msg("refused: %s", cases[i].hex);
        assert_int_equal(s.has_alg, cases[i].has);
        if (s.has_alg)
            assert_int_equal(s.alg, cases[i].alg);
    }
}

static void
anything_but_a_strict_sign1_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *why, *hex;
    } cases[] = {
        { "empty", "" },
        { "other tag", "d8628440a0414140" },
        { "tag 18 twice", "d2d28440a0414140" },
        { "tag not in its shortest form", "d8128440a0414140" },
        { "self-described CBOR", "d9d9f78440a0414140" },
        { "array of 3", "8340a04141" },
        { "array of 5", "8540a041414040" },
        { "indefinite array", "9f40a0414140ff" },
        { "a map", "a0" },
        { "trailing byte", "8440a041414000" },
        { "protected is a map", "84a0a0414140" },
        { "protected is an array", "844180a0414140" },
        { "protected with trailing byte", "8442a000a0414140" },
        { "protected indefinite", "8442bfffa0414140" },
        { "protected not shortest", "8444a1011806a0414140" },
        { "protected label twice", "8445a201260126a0414140" },
        { "protected label a byte string", "8444a1414100a0414140" },
        { "unprotected is null", "8440f6414140" },
        { "unprotected is bytes", "844040414140" },
        { "unprotected label twice", "8440a204000400414140" },
        { "unprotected label a byte string", "8440a1414100414140" },
        { "unprotected indefinite", "8440bfff414140" },
        { "label in both", "8443a10126a10126414140" },
        { "text label in both", "8444a1616100a1616101414140" },
        { "detached payload", "8440a0f640" },
        { "payload is text", "8440a0614140" },
        { "signature is null", "8440a04141f6" },
        { "critical parameters", "8446a20126028103a0414140" },
        { "critical in unprotected", "8440a1028103414140" },
        { "alg beyond 64 bits", "844ba1011bffffffffffffffffa0414140" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 16);
        struct cose_sign1 s = { .alg = 4711 };

        if (parse_hex(cases[i].hex, &s, &a) == SELFSAME_OK)
            fail_msg("accepted: %s", cases[i].why);
        assert_int_equal(s.alg, 4711);
    }
}

static void
an_empty_protected_map_is_signed_as_empty(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 20);
    struct cose_sign1 s;
    struct cose_tbs t;

    assert_int_equal(parse_hex("8441a0a0414140", &s, &a), SELFSAME_OK);
    cose_sign1_tbs(&s, BYTES_LIT("aad"), &t);
    assert_bytes(joined(&t, &a), unhex("846a5369676e61747572653140436161644141", &a));
}

static void
heads_of_every_size_fit_the_store(void **state)
{
    (void)state;
    static uint8_t big[70000];
    static const size_t sizes[] = { 0, 23, 24, 255, 256, 65535, 65536, 70000 };

    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct cose_sign1 s = { .protected_ = BYTES(big, sizes[i]),
            .payload = BYTES(big, sizes[i]) };
        struct cose_tbs t;
        size_t total = 0;

        cose_sign1_tbs(&s, BYTES(big, sizes[i]), &t);
        for (size_t k = 0; k < t.count; k++)
            total += t.part[k].len;
        size_t head = sizes[i] < 24 ? 1 : sizes[i] < 256 ? 2 : sizes[i] < 65536 ? 3 : 5;
        assert_int_equal(total, 12 + 3 * (head + sizes[i]));
    }
}

static void
truncations_appended_bytes_and_flipped_bits(void **state)
{
    (void)state;
    auto_arena a = arena_new(1 << 16);
    struct selfsame_bytes good = unhex("d28443a10126a1044131437061794373696700", &a);
    uint8_t in[32];
    struct cose_sign1 s, was;
    struct selfsame_err e = { 0 };
    size_t n = good.len - 1;

    memcpy(in, good.ptr, good.len);
    for (size_t len = 0; len <= good.len; len++)
        assert_int_equal(
            cose_sign1_parse(BYTES(in, len), &was, &e) == SELFSAME_OK, len == n);
    assert_code(cose_sign1_parse(BYTES(in, n), &was, &e), SELFSAME_OK, &e);
    /* A flip either is refused or lands inside a view, never between them. */
    for (size_t bit = 0; bit < 8 * n; bit++) {
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (cose_sign1_parse(BYTES(in, n), &s, &e) == SELFSAME_OK) {
            assert_int_equal(s.payload.len, was.payload.len);
            assert_int_equal(s.signature.len, was.signature.len);
            assert_true(s.tagged);
        }
        in[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static const char *
string_at(const json_t *j, const char *a, const char *b)
{
    const char *s = json_string_value(json_object_get(json_object_get(j, a), b));

    return s;
}

/* The examples of the COSE working group: structure and signed bytes. */
static void
cose_wg_examples_parse_as_they_say(void **state)
{
    (void)state;
    need_shared();
    static const struct {
        const char *name;
        bool parses, same_tbs;
    } cases[] = {
        { "sign1-tests/sign-pass-01", true, true },
        { "sign1-tests/sign-pass-02", true, true },
        { "sign1-tests/sign-pass-03", true, true },
        { "sign1-tests/sign-fail-01", false, false }, /* other tag */
        { "sign1-tests/sign-fail-02", true, false },  /* payload changed */
        { "sign1-tests/sign-fail-03", true, false },  /* alg changed */
        { "sign1-tests/sign-fail-04", true, false },  /* alg a text */
        { "sign1-tests/sign-fail-06", true, false },  /* parameter added */
        { "sign1-tests/sign-fail-07", true, false },  /* parameter removed */
        { "ecdsa-examples/ecdsa-sig-01", true, true },
        { "ecdsa-examples/ecdsa-sig-02", true, true },
        { "ecdsa-examples/ecdsa-sig-03", true, true },
        { "ecdsa-examples/ecdsa-sig-04", true, true },
        { "eddsa-examples/eddsa-sig-01", true, true },
        { "eddsa-examples/eddsa-sig-02", true, true },
        { "rsa-pss-examples/rsa-pss-01", false, false }, /* COSE_Sign, tag 98 */
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(4 << 20);
        struct selfsame_err e = { 0 };
        auto_json *j = NULL;
        struct cose_sign1 s;
        struct cose_tbs t;
        char *path = arena_printf(
            &a, "vectors/cose/cose-wg+Examples/%s.json", cases[i].name);

        assert_code(json_parse(shared_file(path, &a), path, &j, &e), SELFSAME_OK, &e);
        enum selfsame_code code = parse_hex(string_at(j, "output", "cbor"), &s, &a);
        if (!cases[i].parses) {
            assert_int_equal(code, SELFSAME_MALFORMED);
            continue;
        }
        assert_int_equal(code, SELFSAME_OK);
        const json_t *sign0 = json_object_get(json_object_get(j, "input"), "sign0");
        const char *aad = json_string_value(json_object_get(sign0, "external"));
        cose_sign1_tbs(&s, unhex(aad != NULL ? aad : "", &a), &t);
        bool same = bytes_cmp(joined(&t, &a),
                        unhex(string_at(j, "intermediates", "ToBeSign_hex"), &a)) == 0;
        if (same != cases[i].same_tbs)
            fail_msg("%s: Sig_structure", cases[i].name);
    }
}

/* Documents of the hardware: definite maps until 2025, indefinite ones since. */
static void
nitro_documents_of_both_kinds_are_read(void **state)
{
    (void)state;
    need_shared();
    static const struct {
        const char *name;
        bool indefinite;
    } cases[] = {
        { "evervault+attestation-doc-validation/ga-valid-attestation-doc", false },
        { "evervault+attestation-doc-validation/debug-mode-attestation-doc", false },
        { "Dstack-TEE+dstack/attest-prod", true },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct cose_sign1 s;
        char *path = arena_printf(&a, "vectors/nitro/%s.cbor", cases[i].name);

        assert_code(cose_sign1_parse(shared_file(path, &a), &s, &e), SELFSAME_OK, &e);
        assert_true(s.has_alg && s.alg == COSE_ES384 && s.signature.len == 96);
        struct cbor strict = cbor_of(s.payload, CBOR_STRICT);
        assert_int_equal(cbor_get_any(&strict).ptr == NULL, cases[i].indefinite);
        struct cbor loose = cbor_of(s.payload, CBOR_INDEFINITE_OK);
        assert_int_equal(cbor_get_any(&loose).len, s.payload.len);
        assert_true(cbor_done(&loose));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_parsed_tagged_or_not),
        cmocka_unit_test(alg_counts_only_as_a_protected_integer),
        cmocka_unit_test(anything_but_a_strict_sign1_is_refused),
        cmocka_unit_test(an_empty_protected_map_is_signed_as_empty),
        cmocka_unit_test(heads_of_every_size_fit_the_store),
        cmocka_unit_test(truncations_appended_bytes_and_flipped_bits),
        cmocka_unit_test(cose_wg_examples_parse_as_they_say),
        cmocka_unit_test(nitro_documents_of_both_kinds_are_read),
    };

    return cmocka_run_group_tests_name("codec/cose", tests, NULL, NULL);
}
