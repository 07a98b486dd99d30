/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/x509.h"

#include <openssl/x509v3.h>

#define OTHER_NAME BYTES_LIT("\x2a\x03\x07")
static const struct selfsame_bytes handled[] = {
    { (const uint8_t *)"\x55\x1d\x25", 3 },
    { (const uint8_t *)"\x55\x1d\x11", 3 },
};
static const struct cert_profile profile = {
    .handled = handled, .handled_count = COUNT(handled), .ed25519 = true
};

/* A certificate of a fresh key with one more extension; the arena keeps it. */
static struct selfsame_bytes
made(struct cert_extension x, enum key_type signer, struct arena *arena)
{
    const struct cert_request r = { .common_name = "signer",
        .not_before = 1700000000,
        .not_after = 1800000000,
        .ca = true,
        .path_len = -1,
        .extensions = &x,
        .extension_count = 1 };
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der;
    auto_key *key = NULL;

    assert_code(key_generate(signer, &key, &e), SELFSAME_OK, &e);
    assert_code(cert_make(&r, key, BYTES_NONE, key, arena, &der, &e), SELFSAME_OK, &e);
    return der;
}

static struct cert
with(struct selfsame_bytes oid, const char *value_hex, bool critical,
    struct arena *arena)
{
    struct selfsame_err e = { 0 };
    struct cert c;
    struct selfsame_bytes der = made(
        (struct cert_extension){ oid, unhex(value_hex, arena), critical }, KEY_P256,
        arena);

    assert_code(cert_parse_as(der, &profile, &c, &e), SELFSAME_OK, &e);
    return c;
}

static const struct {
    const char *value;
    enum cert_purpose want;
} purposes[] = {
    { "300a06082b06010505070303", PURPOSE_ONLY },
    { "301406082b0601050507030306082b06010505070308", PURPOSE_AMONG },
    { "301406082b0601050507030806082b06010505070303", PURPOSE_AMONG },
    { "300a06082b06010505070308", PURPOSE_OTHER },
    { "30060604551d2500", PURPOSE_OTHER }, /* anyExtendedKeyUsage */
    { "3000", PURPOSE_OTHER },
    { "300a06082b0601050507030300", PURPOSE_OTHER },
    { "300a04082b06010505070303", PURPOSE_OTHER },
    { "300b06082b06010505070303", PURPOSE_OTHER },
};

static void
purposes_are_told_apart(void **state)
{
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(purposes); i++) {
        struct cert c = with(OID_EXT_PURPOSE, purposes[i].value, i == 0, &arena);

        assert_int_equal(cert_purpose_of(&c, OID_PURPOSE_CODE), purposes[i].want);
        assert_int_equal(cert_extension_critical(&c, OID_EXT_PURPOSE), i == 0);
    }
    struct cert none = with(BYTES_LIT("\x2a\x03\x04"), "0500", false, &arena);
    assert_int_equal(cert_purpose_of(&none, OID_PURPOSE_CODE), PURPOSE_NONE);
    assert_false(cert_extension_critical(&none, OID_EXT_PURPOSE));
}

static const struct {
    const char *value, *want; /* NULL: malformed */
} names[] = {
    { "30058603613a62", "a:b" },                /* URI */
    { "30058103614062", "a@b" },                /* e-mail */
    { "300da00b06032a0307a0040c027573", "us" }, /* ours */
    { "300da00b06032a0308a0040c027573", NULL }, /* another type */
    { "300da00b06032a0307a00413027573", NULL }, /* no UTF8String */
    { "30058203612e62", NULL },                 /* DNS */
    { "300a8603613a628603613a62", NULL },       /* two */
    { "3000", NULL },
    { "30028600", NULL },
    { "30058603613a6200", NULL },
    { "31058603613a62", NULL },
};

static void
one_name_is_read(void **state)
{
    auto_arena arena = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct cert c = with(OID_EXT_ALT_NAME, names[i].value, true, &arena);
        struct selfsame_bytes name = BYTES_NONE;
        struct selfsame_err e = { 0 };

        assert_code(cert_alt_name(&c, OTHER_NAME, &name, &e),
            names[i].want != NULL ? SELFSAME_OK : SELFSAME_MALFORMED, &e);
        if (names[i].want != NULL)
            assert_bytes(name, bytes_str(names[i].want));
        else
            assert_null(name.ptr);
    }
    struct cert none = with(BYTES_LIT("\x2a\x03\x04"), "0500", false, &arena);
    struct selfsame_bytes name;
    struct selfsame_err e = { 0 };
    assert_code(cert_alt_name(&none, OTHER_NAME, &name, &e), SELFSAME_MALFORMED, &e);
}

/* libcrypto writes the same when it deletes an extension; lengths around each step. */
static void
a_left_out_extension_changes_lengths_alone(void **state)
{
    const size_t sizes[] = { 1, 20, 60, 100, 120, 127, 128, 129, 200, 255, 256, 300,
        1000, 60000, 65400, 66000 };

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        auto_arena arena = arena_new(4 << 20);
        uint8_t *value = arena_alloc(&arena, 1, sizes[i]), *want = NULL;
        struct selfsame_bytes oid = BYTES_LIT("\x2a\x03\x04"), tbs;
        struct selfsame_err e = { 0 };
        struct cert c;

        assert_non_null(value);
        struct selfsame_bytes der = made(
            (struct cert_extension){ oid, BYTES(value, sizes[i]), false }, KEY_P256,
            &arena);
        assert_code(cert_parse_as(der, &profile, &c, &e), SELFSAME_OK, &e);
        /* Ours, whose size varies, and one whose neighbours' sizes vary. */
        const struct selfsame_bytes gone[] = { oid, BYTES_LIT("\x55\x1d\x0e") };
        for (size_t k = 0; k < COUNT(gone); k++) {
            const uint8_t *p = der.ptr;
            X509 *x = d2i_X509(NULL, &p, (long)der.len);

            assert_non_null(x);
            int at = k == 0 ? X509_get_ext_count(x) - 1
                            : X509_get_ext_by_NID(x, NID_subject_key_identifier, -1);
            X509_EXTENSION_free(X509_delete_ext(x, at));
            int n = i2d_re_X509_tbs(x, &want);
            assert_true(n > 0);
            assert_code(
                cert_tbs_without(&c, gone[k], &arena, &tbs, &e), SELFSAME_OK, &e);
            assert_bytes(tbs, BYTES(want, (size_t)n));
            OPENSSL_free(want);
            want = NULL;
            X509_free(x);
        }
        assert_code(cert_tbs_without(&c, BYTES_LIT("\x2a\x03\x05"), &arena, &tbs, &e),
            SELFSAME_MALFORMED, &e);
    }
}

static void
evidence_knows_neither_critical_names_nor_ed25519(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_bytes uri = BYTES_LIT("\x30\x05\x86\x03\x61\x3a\x62");
    struct selfsame_err e = { 0 };
    struct cert c;

    (void)state;
    struct selfsame_bytes der = made(
        (struct cert_extension){ OID_EXT_ALT_NAME, uri, true }, KEY_P256, &arena);
    assert_code(cert_parse(der, &c, &e), SELFSAME_UNSUPPORTED, &e);
    assert_code(cert_parse_as(der, &profile, &c, &e), SELFSAME_OK, &e);
    der = made((struct cert_extension){ BYTES_LIT("\x2a\x03\x04"), uri, true },
        KEY_P256, &arena);
    assert_code(cert_parse_as(der, &profile, &c, &e), SELFSAME_UNSUPPORTED, &e);
    der = made(
        (struct cert_extension){ OID_EXT_ALT_NAME, uri, false }, KEY_ED25519, &arena);
    assert_code(cert_parse(der, &c, &e), SELFSAME_UNSUPPORTED, &e);
    assert_code(cert_parse_as(der, &profile, &c, &e), SELFSAME_OK, &e);
    assert_int_equal(c.key_alg, SIG_ED25519);
    assert_int_equal(c.sig_alg, SIG_ED25519);
}

static void
ed25519_and_others_do_not_mix(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    const struct cert_extension x = { BYTES_LIT("\x2a\x03\x04"), BYTES_LIT("\5"),
        false };
    struct selfsame_bytes ed = made(x, KEY_ED25519, &arena);
    struct selfsame_bytes ec = made(x, KEY_P256, &arena);
    struct selfsame_err e = { 0 };
    struct sig_check check;
    uint8_t store[256];
    struct cert a, b;

    (void)state;
    assert_code(cert_parse_as(ed, &profile, &a, &e), SELFSAME_OK, &e);
    assert_code(cert_parse_as(ec, &profile, &b, &e), SELFSAME_OK, &e);
    assert_code(cert_sig_check(&a, &a, store, &check, &e), SELFSAME_OK, &e);
    assert_code(sig_verify(&check, &e), SELFSAME_OK, &e);
    assert_code(cert_sig_check(&a, &b, store, &check, &e), SELFSAME_BAD_CHAIN, &e);
    assert_code(cert_sig_check(&b, &a, store, &check, &e), SELFSAME_BAD_CHAIN, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purposes_are_told_apart),
        cmocka_unit_test(one_name_is_read),
        cmocka_unit_test(a_left_out_extension_changes_lengths_alone),
        cmocka_unit_test(evidence_knows_neither_critical_names_nor_ed25519),
        cmocka_unit_test(ed25519_and_others_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
