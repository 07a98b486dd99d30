/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/pem.h"
#include "crypto/x509.h"

#include <openssl/x509v3.h>

/* ---- every real certificate reads as libcrypto reads it ---- */

static X509 *
oracle(struct selfsame_bytes der)
{
    const uint8_t *p = der.ptr;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);

    assert_non_null(x);
    assert_ptr_equal(p, der.ptr + der.len);
    return x;
}

static void
same_name(const X509_NAME *want, struct selfsame_bytes got)
{
    const uint8_t *der = NULL;
    size_t n = 0;

    assert_int_equal(X509_NAME_get0_der(want, &der, &n), 1);
    assert_bytes(got, BYTES(der, n));
}

static int64_t
seconds(const ASN1_TIME *t)
{
    struct tm tm;
    int64_t s = 0;

    assert_int_equal(ASN1_TIME_to_tm(t, &tm), 1);
    assert_true(time_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
        tm.tm_min, tm.tm_sec, &s));
    return s;
}

static void
same_key_and_signature(X509 *x, const struct cert *c)
{
    const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(x), *sig = NULL;
    struct selfsame_bytes key = BYTES(bits->data, (size_t)bits->length);
    uint8_t *spki = NULL;

    if (c->key_alg != SIG_RSA_PKCS1)
        key = BYTES(key.ptr + 1, key.len - 1);
    assert_bytes(c->key, key);
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
    assert_true(n > 0);
    assert_bytes(c->spki, BYTES(spki, (size_t)n));
    OPENSSL_free(spki);
    X509_get0_signature(&sig, NULL, x);
    assert_bytes(c->signature, BYTES(sig->data, (size_t)sig->length));
}

static void
same_extensions(X509 *x, const struct cert *c)
{
    const ASN1_OCTET_STRING *ski = X509_get0_subject_key_id(x),
                            *aki = X509_get0_authority_key_id(x);
    uint32_t usage = X509_get_key_usage(x), bits = 0;

    assert_int_equal(c->is_ca, (X509_get_extension_flags(x) & EXFLAG_CA) != 0);
    assert_int_equal(c->has_path_len ? (long)c->path_len : -1L, X509_get_pathlen(x));
    assert_int_equal(c->has_usage, usage != UINT32_MAX);
    /* libcrypto keeps the first byte of the BIT STRING as it is. */
    for (unsigned i = 0; i < 8 && c->has_usage; i++)
        bits |= (usage >> (7 - i) & 1) << i;
    assert_int_equal(c->usage, bits);
    assert_int_equal(c->ski.ptr != NULL, ski != NULL);
    if (ski != NULL)
        assert_bytes(c->ski, BYTES(ski->data, (size_t)ski->length));
    assert_int_equal(c->aki.ptr != NULL, aki != NULL);
    if (aki != NULL)
        assert_bytes(c->aki, BYTES(aki->data, (size_t)aki->length));
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *ext = X509_get_ext(x, i);
        const ASN1_OBJECT *obj = X509_EXTENSION_get_object(ext);
        const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
        struct selfsame_bytes got = cert_extension(
            c, BYTES(OBJ_get0_data(obj), OBJ_length(obj)));
        assert_bytes(got, BYTES(data->data, (size_t)data->length));
    }
    assert_null(cert_extension(c, BYTES_LIT("\x01\x02")).ptr);
}

static void
reads_as_libcrypto(struct selfsame_bytes der, const char *from)
{
    struct selfsame_err e = { 0 };
    struct cert c;

    if (cert_parse(der, &c, &e) != SELFSAME_OK)
        fail_msg("%s: %s", from, err_text(&e));
    X509 *x = oracle(der);
    same_name(X509_get_subject_name(x), c.subject);
    same_name(X509_get_issuer_name(x), c.issuer);
    assert_true(seconds(X509_get0_notBefore(x)) == c.not_before);
    assert_true(seconds(X509_get0_notAfter(x)) == c.not_after);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    assert_bytes(c.serial, BYTES(serial->data, (size_t)serial->length));
    same_key_and_signature(x, &c);
    same_extensions(x, &c);
    char cn[200] = "";
    (void)X509_NAME_get_text_by_NID(
        X509_get_subject_name(x), NID_commonName, cn, sizeof(cn));
    assert_bytes(name_cn(c.subject), bytes_str(cn));
    X509_free(x);
}

static size_t
pem_reads_as_libcrypto(const char *path)
{
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes rest = shared_file(path, &arena), der;
    size_t count = 0;

    for (;; count++) {
        assert_code(pem_next(&rest, "CERTIFICATE", &arena, &der, &e), SELFSAME_OK, &e);
        if (der.ptr == NULL)
            break;
        reads_as_libcrypto(der, path);
    }
    assert_true(count > 0);
    return count;
}

static const char *const pem_files[] = {
    "vectors/nitro/evervault+attestation-doc-validation/aws-nitro-root-g1.pem",
    "vectors/nitro/fortanix+rust-sgx/aws.crt",
    "vectors/snp/virtee+sev/chain/milan-ark.pem",
    "vectors/snp/virtee+sev/chain/milan-ask.pem",
    "vectors/snp/virtee+sev/chain/genoa-ark.pem",
    "vectors/snp/virtee+sev/chain/genoa-ask.pem",
    "vectors/snp/virtee+sev/chain/turin-ark.pem",
    "vectors/snp/virtee+sev/chain/turin-ask.pem",
    "vectors/snp/google+go-sev-guest/chain/milan-asvk-ark.pem",
    "vectors/snp/google+go-sev-guest/chain/genoa-asvk-ark.pem",
    "vectors/snp/google+go-sev-guest/chain/turin-asvk-ark.pem",
    "vectors/snp/confidential-containers+trustee/genoa_ask_ark_asvk.pem",
    "vectors/snp/confidential-containers+trustee/milan_ask_ark_asvk.pem",
    "vectors/snp/confidential-containers+trustee/turin_ask_ark_asvk.pem",
    "vectors/sgx/Phala-Network+dcap-qvl/sgx-v3/tcb_issuer_chain.pem",
    "vectors/sgx/matter-labs+teepot/v3-outofdate/qe_issuer_chain.pem",
    "vectors/sgx/intel+SGX-TDX-DCAP-QuoteVerificationLibrary/sample/pckCert.pem",
    "vectors/sgx/intel+SGX-TDX-DCAP-QuoteVerificationLibrary/sample/pckSignChain.pem",
    "vectors/sgx/intel+SGX-TDX-DCAP-QuoteVerificationLibrary/sample/tcbSignChain.pem",
    "vectors/tdx/Phala-Network+dcap-qvl/tdx-v4/tcb_issuer_chain.pem",
};
static const char *const der_files[] = {
    "vectors/nitro/evervault+attestation-doc-validation/ga-valid-certificate.der",
    "vectors/snp/confidential-containers+trustee/milan-v2/vcek.der",
    "vectors/snp/confidential-containers+trustee/milan-v3-vlek/vlek.der",
    "vectors/snp/confidential-containers+trustee/genoa-v3-az-hcl/vcek.der",
    "vectors/snp/veraison+services/genoa-v3-tsm/vcek.der",
    "vectors/snp/virtee+sev/milan-v2/vcek.der",
    "vectors/snp/google+go-sev-guest/milan-v2-debug/vcek.der",
    "vectors/snp/microsoft+TEE-Attestation-Verification/genoa-v3/vcek.der",
    "vectors/snp/microsoft+TEE-Attestation-Verification/turin-v5/vcek.der",
    "vectors/nitro/marlinprotocol+oyster-monorepo/mock-root.crt",
};

static void
real_certificates_read_as_libcrypto_reads_them(void **state)
{
    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(pem_files); i++)
        (void)pem_reads_as_libcrypto(pem_files[i]);
    for (size_t i = 0; i < COUNT(der_files); i++) {
        auto_arena arena = arena_new(1 << 20);
        reads_as_libcrypto(shared_file(der_files[i], &arena), der_files[i]);
    }
}

static void
names_are_told_to_people(void **state)
{
    (void)state;
    need_shared();
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes rest = shared_file(pem_files[0], &arena), der;
    struct cert c;

    assert_code(pem_next(&rest, "CERTIFICATE", &arena, &der, &e), SELFSAME_OK, &e);
    assert_code(cert_parse(der, &c, &e), SELFSAME_OK, &e);
    assert_string_equal(
        name_text(c.subject, &arena), "C=US, O=Amazon, OU=AWS, CN=aws.nitro-enclaves");
    auto_arena none = arena_new(8);
    assert_null(name_text(c.subject, &none));
}

static void
names_cannot_fake_a_part(void **state)
{
    (void)state;
    auto_arena arena = arena_new(1 << 12);

    /* O = "a, CN=b\n", and an attribute of our own. */
    struct selfsame_bytes name = unhex("3021"
                                       "3111300f060355040a0c08612c20434e3d620a"
                                       "310c300a06032a03040c034b3dff",
        &arena);
    assert_string_equal(
        name_text(name, &arena), "O=a\\, CN\\=b\\x0a, oid:2a0304=K\\=\\xff");
    assert_bytes(name_cn(name), BYTES_LIT(""));
}

/* ---- a certificate of ours to bend ---- */

struct ours {
    struct arena arena;
    struct key *key;
    struct selfsame_bytes der;
    uint8_t *bytes; /* the same, to write to */
};

static int
setup(void **state)
{
    struct ours *o = calloc(1, sizeof(*o));
    struct selfsame_err e = { 0 };
    const struct cert_request r = { .common_name = "bent",
        .not_before = 1700000000,
        .not_after = 1800000000,
        .ca = true,
        .path_len = 1,
        .extensions = &(struct cert_extension){ BYTES_LIT("\x2a\x03\x04"),
            BYTES_LIT("\x04\x01\x07"), false },
        .extension_count = 1 };

    assert_non_null(o);
    o->arena = arena_new(1 << 16);
    assert_code(key_generate(KEY_P384, &o->key, &e), SELFSAME_OK, &e);
    assert_code(cert_make(&r, o->key, BYTES_NONE, o->key, &o->arena, &o->der, &e),
        SELFSAME_OK, &e);
    o->bytes = (uint8_t *)(uintptr_t)o->der.ptr;
    *state = o;
    return 0;
}

static int
teardown(void **state)
{
    struct ours *o = *state;

    key_free(&o->key);
    arena_free(&o->arena);
    free(o);
    return 0;
}

/* Replaces the only place where `from` stands by as many other bytes. */
static void
swap(struct ours *o, struct selfsame_bytes from, struct selfsame_bytes to)
{
    size_t hits = 0;

    assert_int_equal(from.len, to.len);
    for (size_t i = 0; i + from.len <= o->der.len; i++)
        if (bytes_eq(BYTES(o->bytes + i, from.len), from)) {
            memcpy(o->bytes + i, to.ptr, to.len);
            hits++;
        }
    assert_true(hits > 0);
}

static void
bent_certificates_are_refused(void **state)
{
    struct ours *o = *state;
    const struct {
        const char *what;
        struct selfsame_bytes from, to;
        enum selfsame_code want;
    } cases[] = {
        { "version 2", BYTES_LIT("\xa0\x03\x02\x01\x02"),
            BYTES_LIT("\xa0\x03\x02\x01\x01"), SELFSAME_UNSUPPORTED },
        { "version 4", BYTES_LIT("\xa0\x03\x02\x01\x02"),
            BYTES_LIT("\xa0\x03\x02\x01\x03"), SELFSAME_UNSUPPORTED },
        { "negative serial", BYTES_LIT("\xa0\x03\x02\x01\x02\x02\x10"),
            BYTES_LIT("\xa0\x03\x02\x01\x02\x02\x11"), SELFSAME_MALFORMED },
        { "SHA-1 signature", BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x03"),
            BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x09"), SELFSAME_UNSUPPORTED },
        { "unknown curve", BYTES_LIT("\x2b\x81\x04\x00\x22"),
            BYTES_LIT("\x2b\x81\x04\x00\x0a"), SELFSAME_UNSUPPORTED },
        { "wrong curve", BYTES_LIT("\x2b\x81\x04\x00\x22"),
            BYTES_LIT("\x2b\x81\x04\x00\x23"), SELFSAME_MALFORMED },
        { "compressed point", BYTES_LIT("\x03\x62\x00\x04"),
            BYTES_LIT("\x03\x62\x00\x02"), SELFSAME_MALFORMED },
        { "hybrid point", BYTES_LIT("\x03\x62\x00\x04"), BYTES_LIT("\x03\x62\x00\x06"),
            SELFSAME_MALFORMED },
        { "key with unused bits", BYTES_LIT("\x03\x62\x00\x04"),
            BYTES_LIT("\x03\x62\x01\x04"), SELFSAME_MALFORMED },
        { "backward validity", BYTES_LIT("270115080000Z"), BYTES_LIT("210115080000Z"),
            SELFSAME_MALFORMED },
        { "month 13", BYTES_LIT("270115080000Z"), BYTES_LIT("271315080000Z"),
            SELFSAME_MALFORMED },
        { "local time", BYTES_LIT("270115080000Z"), BYTES_LIT("270115080000 "),
            SELFSAME_MALFORMED },
        { "unknown critical extension", BYTES_LIT("\x55\x1d\x13\x01\x01\xff"),
            BYTES_LIT("\x55\x1d\x1e\x01\x01\xff"), SELFSAME_UNSUPPORTED },
        { "extension twice", BYTES_LIT("\x55\x1d\x0e"), BYTES_LIT("\x55\x1d\x0f"),
            SELFSAME_MALFORMED },
        { "extension twice, which nothing reads", BYTES_LIT("\x55\x1d\x0e"),
            BYTES_LIT("\x2a\x03\x04"), SELFSAME_MALFORMED },
        { "critical written as FALSE", BYTES_LIT("\x55\x1d\x13\x01\x01\xff"),
            BYTES_LIT("\x55\x1d\x13\x01\x01\x00"), SELFSAME_MALFORMED },
        { "critical written as 1", BYTES_LIT("\x55\x1d\x13\x01\x01\xff"),
            BYTES_LIT("\x55\x1d\x13\x01\x01\x01"), SELFSAME_MALFORMED },
        { "CA written as FALSE", BYTES_LIT("\x30\x06\x01\x01\xff\x02\x01\x01"),
            BYTES_LIT("\x30\x06\x01\x01\x00\x02\x01\x01"), SELFSAME_MALFORMED },
        { "negative pathLen", BYTES_LIT("\x30\x06\x01\x01\xff\x02\x01\x01"),
            BYTES_LIT("\x30\x06\x01\x01\xff\x02\x01\xff"), SELFSAME_MALFORMED },
        { "keyUsage with a bit too many", BYTES_LIT("\x03\x02\x01\x86"),
            BYTES_LIT("\x03\x02\x01\x87"), SELFSAME_MALFORMED },
        { "empty keyUsage", BYTES_LIT("\x03\x02\x01\x86"),
            BYTES_LIT("\x03\x02\x01\x00"), SELFSAME_MALFORMED },
    };
    struct selfsame_bytes saved;

    assert_true(arena_dup(&o->arena, o->der, &saved));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selfsame_err e = { 0 };
        struct cert c = { .usage = 77 };

        swap(o, cases[i].from, cases[i].to);
        enum selfsame_code got = cert_parse(o->der, &c, &e);
        if (got != cases[i].want)
            fail_msg("%s: %s %s", cases[i].what, selfsame_code_name(got), err_text(&e));
        if (got != SELFSAME_OK)
            assert_int_equal(c.usage, 77);
        memcpy(o->bytes, saved.ptr, saved.len);
    }
}

static void
the_two_signature_algorithms_must_agree(void **state)
{
    struct ours *o = *state;
    struct selfsame_err e = { 0 };
    struct cert c;
    const struct selfsame_bytes oid = BYTES_LIT("\x2a\x86\x48\xce\x3d\x04\x03\x03");

    for (size_t i = 0; i + oid.len <= o->der.len; i++)
        if (bytes_eq(BYTES(o->bytes + i, oid.len), oid)) {
            o->bytes[i + 7] = 2;
            break;
        }
    assert_int_equal(cert_parse(o->der, &c, &e), SELFSAME_MALFORMED);
}

static void
truncated_and_prolonged_ones_are_refused(void **state)
{
    struct ours *o = *state;
    struct selfsame_err e = { 0 };
    struct cert c;
    uint8_t *longer = arena_alloc(&o->arena, 1, o->der.len + 1);

    assert_non_null(longer);
    memcpy(longer, o->der.ptr, o->der.len);
    assert_int_equal(
        cert_parse(BYTES(longer, o->der.len + 1), &c, &e), SELFSAME_MALFORMED);
    for (size_t len = 0; len < o->der.len; len++) {
        /* Its own block, so that a read past the end is seen. */
        uint8_t *cut = malloc(len + (len == 0));
        assert_non_null(cut);
        memcpy(cut, o->der.ptr, len);
        assert_int_equal(cert_parse(BYTES(cut, len), &c, &e), SELFSAME_MALFORMED);
        free(cut);
    }
    assert_int_equal(cert_parse(BYTES_NONE, &c, &e), SELFSAME_MALFORMED);
}

static void
no_flipped_bit_survives_parsing_and_the_own_signature(void **state)
{
    struct ours *o = *state;
    struct selfsame_err e = { 0 };
    struct sig_check check;
    struct cert good, c;
    uint8_t store[256];

    struct selfsame_bytes saved;
    assert_true(arena_dup(&o->arena, o->der, &saved));
    assert_code(cert_parse(saved, &good, &e), SELFSAME_OK, &e);
    assert_code(cert_sig_check(&good, &good, store, &check, &e), SELFSAME_OK, &e);
    assert_code(sig_verify(&check, &e), SELFSAME_OK, &e);
    for (size_t bit = 0; bit < 8 * o->der.len; bit++) {
        o->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (cert_parse(o->der, &c, &e) == SELFSAME_OK &&
            cert_sig_check(&c, &good, store, &check, &e) == SELFSAME_OK &&
            sig_verify(&check, &e) == SELFSAME_OK)
            fail_msg("flipped bit %zu is accepted", bit);
        o->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* ---- RSA-PSS parameters, on AMD's own certificate ---- */

static void
rsa_pss_parameters_that_differ_are_refused(void **state)
{
    struct ours *o = *state;
    need_shared();
    const struct {
        const char *what;
        struct selfsame_bytes from, to;
    } cases[] = {
        { "MGF1 with SHA-256",
            BYTES_LIT(
                "\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"),
            BYTES_LIT(
                "\x01\x01\x08\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01") },
        { "salt of 32", BYTES_LIT("\xa2\x03\x02\x01\x30"),
            BYTES_LIT("\xa2\x03\x02\x01\x20") },
        { "trailer 2", BYTES_LIT("\xa3\x03\x02\x01\x01"),
            BYTES_LIT("\xa3\x03\x02\x01\x02") },
        { "another mask function",
            BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08\x30"),
            BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x07\x30") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct selfsame_err e = { 0 };
        struct cert c;

        o->der = shared_file(der_files[1], &o->arena);
        o->bytes = (uint8_t *)(uintptr_t)o->der.ptr;
        assert_code(cert_parse(o->der, &c, &e), SELFSAME_OK, &e);
        assert_int_equal(c.sig_alg, SIG_RSA_PSS);
        assert_int_equal(c.sig_hash, HASH_SHA384);
        swap(o, cases[i].from, cases[i].to);
        if (cert_parse(o->der, &c, &e) != SELFSAME_UNSUPPORTED)
            fail_msg("%s: %s", cases[i].what, err_text(&e));
    }
}

static void
keys_and_signatures_of_two_kinds_do_not_mix(void **state)
{
    struct ours *o = *state;
    need_shared();
    struct selfsame_err e = { 0 };
    struct sig_check check;
    struct cert ec, vcek;
    uint8_t store[256];

    assert_code(cert_parse(o->der, &ec, &e), SELFSAME_OK, &e);
    assert_code(
        cert_parse(shared_file(der_files[1], &o->arena), &vcek, &e), SELFSAME_OK, &e);
    /* The VCEK is signed with RSA; no EC key can have done that. */
    assert_int_equal(cert_sig_check(&vcek, &ec, store, &check, &e), SELFSAME_BAD_CHAIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_certificates_read_as_libcrypto_reads_them),
        cmocka_unit_test(names_are_told_to_people),
        cmocka_unit_test(names_cannot_fake_a_part),
        cmocka_unit_test_setup_teardown(bent_certificates_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(
            the_two_signature_algorithms_must_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(
            truncated_and_prolonged_ones_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(
            no_flipped_bit_survives_parsing_and_the_own_signature, setup, teardown),
        cmocka_unit_test_setup_teardown(
            rsa_pss_parameters_that_differ_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(
            keys_and_signatures_of_two_kinds_do_not_mix, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
