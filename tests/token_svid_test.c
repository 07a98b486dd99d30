/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/csr.h"
#include "token/svid.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* SPIFFE ids, SVIDs of both kinds, bundles, and the CSRs from which they are made. */

static const struct {
    const char *text, *domain, *path; /* domain NULL: malformed */
} ids[] = {
    { "spiffe://example.org/tee/hello/1.4.2", "example.org", "/tee/hello/1.4.2" },
    { "spiffe://example.org", "example.org", "" },
    { "spiffe://10.1.2.3/a", "10.1.2.3", "/a" },
    { "spiffe://a_b-c.d/A_b-C.9/..a/.../a.", "a_b-c.d", "/A_b-C.9/..a/.../a." },
    { "", NULL, NULL },
    { "spiffe://", NULL, NULL },
    { "spiffe:///a", NULL, NULL },
    { "spiffe:/example.org/a", NULL, NULL },
    { "SPIFFE://example.org/a", NULL, NULL },
    { "https://example.org/a", NULL, NULL },
    { "spiffe://Example.org/a", NULL, NULL },
    { "spiffe://example.org:443/a", NULL, NULL },
    { "spiffe://user@example.org/a", NULL, NULL },
    { "spiffe://[::1]/a", NULL, NULL },
    { "spiffe://example.org/", NULL, NULL },
    { "spiffe://example.org/a/", NULL, NULL },
    { "spiffe://example.org//a", NULL, NULL },
    { "spiffe://example.org/a//b", NULL, NULL },
    { "spiffe://example.org/.", NULL, NULL },
    { "spiffe://example.org/a/../b", NULL, NULL },
    { "spiffe://example.org/a/..", NULL, NULL },
    { "spiffe://example.org/%61", NULL, NULL },
    { "spiffe://exam%70le.org/a", NULL, NULL },
    { "spiffe://example.org/a?b", NULL, NULL },
    { "spiffe://example.org?b", NULL, NULL },
    { "spiffe://example.org/a#b", NULL, NULL },
    { "spiffe://example.org/a b", NULL, NULL },
    { "spiffe://example.org/\xc3\xa4", NULL, NULL },
    { "spiffe://\xc3\xa4.org/a", NULL, NULL },
    { " spiffe://example.org/a", NULL, NULL },
    { "spiffe://example.org/a\n", NULL, NULL },
};

static void
ids_are_what_the_standard_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ids); i++) {
        struct selfsame_err e = { 0 };
        struct spiffe_id id = { .domain = BYTES_NONE };
        enum selfsame_code code = spiffe_id_parse(bytes_str(ids[i].text), &id, &e);

        if (code != (ids[i].domain != NULL ? SELFSAME_OK : SELFSAME_MALFORMED))
            fail_msg("%s: %s", ids[i].text, selfsame_code_name(code));
        if (ids[i].domain == NULL)
            continue;
        assert_bytes(id.domain, bytes_str(ids[i].domain));
        assert_bytes(id.path, bytes_str(ids[i].path));
    }
}

static void
ids_have_a_length(void **state)
{
    char text[SPIFFE_ID_MAX + 2];
    struct selfsame_err e = { 0 };
    struct spiffe_id id;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "spiffe://d/", 11);
    assert_code(spiffe_id_parse(BYTES((uint8_t *)text, SPIFFE_ID_MAX), &id, &e),
        SELFSAME_OK, &e);
    assert_code(spiffe_id_parse(BYTES((uint8_t *)text, SPIFFE_ID_MAX + 1), &id, &e),
        SELFSAME_MALFORMED, &e);
    text[10] = 'a'; /* now all of it is the trust domain */
    assert_code(spiffe_id_parse(BYTES((uint8_t *)text, 9 + SPIFFE_DOMAIN_MAX), &id, &e),
        SELFSAME_OK, &e);
    assert_code(
        spiffe_id_parse(BYTES((uint8_t *)text, 10 + SPIFFE_DOMAIN_MAX), &id, &e),
        SELFSAME_MALFORMED, &e);
}

/* ---- X.509 ---- */

struct authority {
    struct arena arena;
    struct key *key;
    struct selfsame_bytes cert;
};

static int
setup(void **state)
{
    struct authority *a = calloc(1, sizeof(*a));
    struct selfsame_err e = { 0 };
    const struct cert_request r = { .organization = "SPIFFE",
        .uri = "spiffe://example.org",
        .not_before = 1700000000,
        .not_after = 1800000000,
        .ca = true,
        .path_len = 0 };

    assert_non_null(a);
    a->arena = arena_new(1 << 20);
    assert_code(key_generate(KEY_P256, &a->key, &e), SELFSAME_OK, &e);
    assert_code(cert_make(&r, a->key, BYTES_NONE, a->key, &a->arena, &a->cert, &e),
        SELFSAME_OK, &e);
    *state = a;
    return 0;
}

static int
teardown(void **state)
{
    struct authority *a = *state;

    key_free(&a->key);
    arena_free(&a->arena);
    free(a);
    return 0;
}

static const struct selfsame_bytes handled[] = {
    { (const uint8_t *)"\x55\x1d\x11", 3 },
    { (const uint8_t *)"\x55\x1d\x25", 3 },
};
static const struct cert_profile profile = {
    .handled = handled, .handled_count = COUNT(handled), .ed25519 = true
};

static const struct cert_request good_leaf = {
    .organization = "SPIFFE",
    .uri = "spiffe://example.org/tee/hello",
    .not_before = 1700000000,
    .not_after = 1700003600,
    .path_len = -1,
    .server_and_client = true,
};

static struct cert
leaf_of(struct authority *a, const struct cert_request *r, enum key_type subject,
    struct selfsame_bytes *ret_der)
{
    auto_key *key = NULL;
    struct selfsame_err e = { 0 };
    struct cert_request with = *r;
    struct cert c;

    assert_code(key_generate(subject, &key, &e), SELFSAME_OK, &e);
    assert_code(key_spki(key, &a->arena, &with.spki, &e), SELFSAME_OK, &e);
    assert_code(cert_make(&with, NULL, a->cert, a->key, &a->arena, ret_der, &e),
        SELFSAME_OK, &e);
    assert_code(cert_parse_as(*ret_der, &profile, &c, &e), SELFSAME_OK, &e);
    assert_bytes(c.spki, with.spki);
    return c;
}

/* libcrypto builds the chain and knows both purposes of the leaf. */
static void
a_leaf_is_an_svid_for_others(void **state)
{
    static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_ED25519 };
    struct authority *a = *state;

    for (size_t i = 0; i < COUNT(types); i++) {
        struct cert_request r = good_leaf;
        struct selfsame_bytes der;
        struct selfsame_err e = { 0 };
        struct spiffe_id id;

        r.no_subject = i == 1;
        r.organization = i == 1 ? NULL : "SPIFFE";
        struct cert c = leaf_of(a, &r, types[i], &der);
        assert_code(svid_x509_read(&c, &id, &e), SELFSAME_OK, &e);
        assert_bytes(id.path, BYTES_LIT("/tee/hello"));
        assert_int_equal(cert_extension_critical(&c, OID_EXT_ALT_NAME), i == 1);
        const uint8_t *p = der.ptr, *q = a->cert.ptr;
        X509 *leaf = d2i_X509(NULL, &p, (long)der.len);
        X509 *root = d2i_X509(NULL, &q, (long)a->cert.len);
        for (int purpose = X509_PURPOSE_SSL_CLIENT; purpose <= X509_PURPOSE_SSL_SERVER;
             purpose++) {
            X509_STORE *store = X509_STORE_new();
            X509_STORE_CTX *ctx = X509_STORE_CTX_new();
            assert_int_equal(X509_STORE_add_cert(store, root), 1);
            assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
            X509_STORE_CTX_set_time(ctx, 0, 1700000100);
            assert_int_equal(X509_STORE_CTX_set_purpose(ctx, purpose), 1);
            X509_VERIFY_PARAM_set_flags(
                X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
            assert_int_equal(X509_verify_cert(ctx), 1);
            X509_STORE_CTX_free(ctx);
            X509_STORE_free(store);
        }
        X509_free(leaf);
        X509_free(root);
    }
}

static const struct cert_extension
    server_only = { { (const uint8_t *)"\x55\x1d\x25", 3 },
        { (const uint8_t *)"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01", 12 },
        false },
    two_uris = { { (const uint8_t *)"\x55\x1d\x11", 3 },
        { (const uint8_t *)"\x30\x1c\x86\x0cspiffe://a/b\x86\x0cspiffe://a/c", 30 },
        false },
    with_dns = { { (const uint8_t *)"\x55\x1d\x11", 3 },
        { (const uint8_t *)"\x30\x11\x82\x01x\x86\x0cspiffe://a/b", 19 }, false };

static void
what_is_no_leaf_is_no_svid(void **state)
{
    const struct {
        struct cert_request r;
        bool good;
    } cases[] = {
        { { .uri = "spiffe://example.org" }, false },  /* no path */
        { { .uri = "https://example.org/a" }, false }, /* not SPIFFE */
        { { .uri = NULL, .dns_name = "example.org" }, false },
        { { .uri = "spiffe://example.org/a", .ca = true }, false },
        { { .uri = "spiffe://example.org/a", .leaf_usage_noncritical = true }, false },
        { { .uri = "spiffe://example.org/a", .bare = true /* no keyUsage at all */ },
            false },
        { { .uri = "spiffe://example.org/a",
              .extensions = &server_only,
              .extension_count = 1 },
            false },
        { { .extensions = &two_uris, .extension_count = 1 }, false },
        { { .extensions = &with_dns, .extension_count = 1 }, true },
        { { .uri = "spiffe://example.org/a", .dns_name = "example.org" }, true },
        { { .uri = "spiffe://example.org/a" },
            true }, /* extendedKeyUsage may be missing */
    };
    struct authority *a = *state;

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cert_request r = cases[i].r;
        struct selfsame_bytes der;
        struct selfsame_err e = { 0 };
        struct spiffe_id id;

        r.common_name = "leaf";
        r.not_before = 1700000000;
        r.not_after = 1700000600;
        r.path_len = -1;
        struct cert c = leaf_of(a, &r, KEY_P256, &der);
        enum selfsame_code code = svid_x509_read(&c, &id, &e);
        if (code != (cases[i].good ? SELFSAME_OK : SELFSAME_MALFORMED))
            fail_msg("case %zu: %s", i, selfsame_code_name(code));
    }
}

static void
a_key_that_is_none_gets_no_certificate(void **state)
{
    struct authority *a = *state;
    struct cert_request r = good_leaf;
    struct selfsame_bytes der;
    struct selfsame_err e = { 0 };

    r.spki = BYTES_LIT("\x30\x03\x02\x01\x01");
    assert_code(
        cert_make(&r, NULL, a->cert, a->key, &a->arena, &der, &e), SELFSAME_USAGE, &e);
}

/* ---- JWT ---- */

static const struct {
    const char *header, *claims;
    enum selfsame_code want;
} jwts[] = {
    { "{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"JWT\"}",
        "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}", SELFSAME_OK },
    { "{\"alg\":\"PS512\",\"typ\":\"JOSE\"}",
        "{\"sub\":\"spiffe://d/a\",\"aud\":[\"you\",\"me\"],\"exp\":941.5}",
        SELFSAME_OK },
    { "{\"alg\":\"EdDSA\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}",
        SELFSAME_UNSUPPORTED },
    { "{\"alg\":\"none\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}",
        SELFSAME_UNSUPPORTED },
    { "{\"alg\":\"HS256\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}",
        SELFSAME_UNSUPPORTED },
    { "{}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}",
        SELFSAME_UNSUPPORTED },
    { "{\"alg\":\"ES256\",\"jku\":\"https://x\"}",
        "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}", SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}",
        "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}", SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\",\"typ\":1}",
        "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":1000}", SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d\",\"aud\":\"me\",\"exp\":1000}",
        SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"hello\",\"aud\":\"me\",\"exp\":1000}",
        SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\"}", "{\"aud\":\"me\",\"exp\":1000}", SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\"}",
        SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\"}",
        "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":\"1000\"}",
        SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":-1}",
        SELFSAME_MALFORMED },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me\",\"exp\":939}",
        SELFSAME_STALE },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d/a\",\"exp\":1000}",
        SELFSAME_MISMATCH },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":[],\"exp\":1000}",
        SELFSAME_MISMATCH },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":[7],\"exp\":1000}",
        SELFSAME_MISMATCH },
    { "{\"alg\":\"ES256\"}", "{\"sub\":\"spiffe://d/a\",\"aud\":\"me2\",\"exp\":1000}",
        SELFSAME_MISMATCH },
};

static void
tokens_are_read_by_the_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(jwts); i++) {
        auto_json *header = NULL, *claims = NULL;
        struct selfsame_err e = { 0 };
        struct svid_jwt s;

        assert_code(
            json_parse(bytes_str(jwts[i].header), "h", &header, &e), SELFSAME_OK, &e);
        assert_code(
            json_parse(bytes_str(jwts[i].claims), "c", &claims, &e), SELFSAME_OK, &e);
        enum selfsame_code code = svid_jwt_read(header, claims, "me", 1001, &s, &e);
        if (code != jwts[i].want)
            fail_msg(
                "%s %s: %s", jwts[i].header, jwts[i].claims, selfsame_code_name(code));
    }
}

static void
our_tokens_keep_the_rules(void **state)
{
    static const char *const audiences[] = { "reports", "mail" };
    auto_json *header = svid_jwt_header("kid-1");
    auto_json *claims = svid_jwt_claims("spiffe://d/a", audiences, 2, 1000, 300);
    struct selfsame_err e = { 0 };
    struct svid_jwt s;

    (void)state;
    assert_non_null(header);
    assert_non_null(claims);
    assert_int_equal(json_object_set_new(header, "alg", json_string("ES256")), 0);
    assert_code(svid_jwt_read(header, claims, "mail", 1300, &s, &e), SELFSAME_OK, &e);
    assert_int_equal(s.expires_s, 1300);
    assert_code(
        svid_jwt_read(header, claims, "post", 1300, &s, &e), SELFSAME_MISMATCH, &e);
    assert_code(
        svid_jwt_read(header, claims, "mail", 1361, &s, &e), SELFSAME_STALE, &e);
}

/* ---- the bundle ---- */

static void
a_bundle_tells_who_signs(void **state)
{
    struct authority *a = *state;
    auto_json *jwk = json_pack(
        "{s:s, s:s, s:s, s:s}", "kty", "EC", "crv", "P-256", "use", "sig", "kid", "k1");
    auto_json *without = json_pack("{s:s}", "kty", "EC"), *j = NULL, *none = NULL;
    json_t *keys[] = { jwk };
    struct selfsame_err e = { 0 };
    struct spiffe_bundle b = { 7, 300, &a->cert, 1, keys, 1 };

    assert_code(spiffe_bundle_json(&b, &j, &e), SELFSAME_OK, &e);
    assert_int_equal(json_integer_value(json_object_get(j, "spiffe_sequence")), 7);
    assert_int_equal(
        json_integer_value(json_object_get(j, "spiffe_refresh_hint")), 300);
    json_t *list = json_object_get(j, "keys");
    assert_int_equal(json_array_size(list), 2);
    json_t *ca = json_array_get(list, 0), *signer = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(ca, "use")), "x509-svid");
    assert_null(json_object_get(ca, "kid"));
    assert_string_equal(json_string_value(json_object_get(ca, "kty")), "EC");
    assert_int_equal(strlen(json_string_value(json_object_get(ca, "x"))), 43);
    json_t *x5c = json_object_get(ca, "x5c");
    assert_int_equal(json_array_size(x5c), 1);
    const char *text = json_string_value(json_array_get(x5c, 0));
    uint8_t der[2048];
    size_t n = 0;
    assert_true(base64_decode(text, strlen(text), false, der, sizeof(der), &n));
    assert_bytes(BYTES(der, n), a->cert);
    assert_string_equal(json_string_value(json_object_get(signer, "use")), "jwt-svid");
    assert_string_equal(json_string_value(json_object_get(signer, "kid")), "k1");
    assert_string_equal(json_string_value(json_object_get(jwk, "use")), "sig");
    keys[0] = without;
    assert_code(spiffe_bundle_json(&b, &none, &e), SELFSAME_USAGE, &e);
    b.authorities = (struct selfsame_bytes[]){ BYTES_LIT("no certificate") };
    assert_code(spiffe_bundle_json(&b, &none, &e), SELFSAME_MALFORMED, &e);
}

/* ---- CSRs, as libcrypto makes them ---- */

static struct selfsame_bytes
csr_of(const char *type, const char *group, const EVP_MD *md, bool extensions,
    struct arena *arena)
{
    EVP_PKEY *key = strcmp(type, "RSA") == 0
                        ? EVP_RSA_gen(2048)
                        : EVP_PKEY_Q_keygen(NULL, NULL, type, group);
    X509_REQ *req = X509_REQ_new();
    uint8_t *der = NULL;
    struct selfsame_bytes out;

    assert_int_equal(X509_REQ_set_version(req, 0), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN",
                         MBSTRING_UTF8, (const uint8_t *)"anything", -1, -1, 0),
        1);
    assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
    if (extensions) {
        STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
        X509_EXTENSION *x = X509V3_EXT_conf_nid(
            NULL, NULL, NID_subject_alt_name, "URI:spiffe://example.org/admin");

        assert_non_null(x);
        assert_true(sk_X509_EXTENSION_push(list, x) > 0);
        assert_int_equal(X509_REQ_add_extensions(req, list), 1);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    }
    assert_true(X509_REQ_sign(req, key, md) > 0);
    int n = i2d_X509_REQ(req, &der);
    assert_true(n > 0);
    assert_true(arena_dup(arena, BYTES(der, (size_t)n), &out));
    OPENSSL_free(der);
    X509_REQ_free(req);
    EVP_PKEY_free(key);
    return out;
}

static void
requests_of_libcrypto_are_read(void **state)
{
    (void)state;
    const struct {
        const char *type, *group;
        const EVP_MD *md;
        enum selfsame_code want;
    } cases[] = {
        { "EC", "P-256", EVP_sha256(), SELFSAME_OK },
        { "EC", "P-384", EVP_sha384(), SELFSAME_OK },
        { "EC", "P-521", EVP_sha512(), SELFSAME_OK },
        { "ED25519", NULL, NULL, SELFSAME_OK },
        { "RSA", NULL, EVP_sha256(), SELFSAME_OK },
        { "EC", "P-256", EVP_sha1(), SELFSAME_UNSUPPORTED },
        { "EC", "P-224", EVP_sha256(), SELFSAME_UNSUPPORTED },
        { "ED448", NULL, NULL, SELFSAME_UNSUPPORTED },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int extensions = 0; extensions < 2; extensions++) {
            auto_arena arena = arena_new(1 << 16);
            struct selfsame_err e = { 0 };
            struct csr c = { .key_alg = SIG_NONE };
            struct selfsame_bytes der = csr_of(
                cases[i].type, cases[i].group, cases[i].md, extensions != 0, &arena);

            assert_code(csr_read(der, &c, &e), cases[i].want, &e);
            assert_int_equal(c.spki.ptr != NULL, cases[i].want == SELFSAME_OK);
        }
}

static void
each_bit_of_a_request_counts(void **state)
{
    static const char *const types[][2] = { { "EC", "P-256" }, { "ED25519", NULL } };

    (void)state;
    for (size_t t = 0; t < COUNT(types); t++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        struct csr c;
        struct selfsame_bytes der = csr_of(
            types[t][0], types[t][1], t == 0 ? EVP_sha256() : NULL, true, &arena);
        uint8_t *copy = arena_alloc(&arena, 1, der.len + 1);

        assert_non_null(copy);
        memcpy(copy, der.ptr, der.len);
        assert_code(csr_read(BYTES(copy, der.len), &c, &e), SELFSAME_OK, &e);
        for (size_t i = 0; i < 8 * der.len; i++) {
            copy[i / 8] ^= (uint8_t)(1u << i % 8);
            if (csr_read(BYTES(copy, der.len), &c, &e) == SELFSAME_OK)
                fail_msg("bit %zu does not count", i);
            copy[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        for (size_t n = 0; n < der.len; n++)
            assert_code(csr_read(BYTES(copy, n), &c, &e), SELFSAME_MALFORMED, &e);
        assert_code(csr_read(BYTES(copy, der.len + 1), &c, &e), SELFSAME_MALFORMED, &e);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_what_the_standard_says),
        cmocka_unit_test(ids_have_a_length),
        cmocka_unit_test(a_leaf_is_an_svid_for_others),
        cmocka_unit_test(what_is_no_leaf_is_no_svid),
        cmocka_unit_test(a_key_that_is_none_gets_no_certificate),
        cmocka_unit_test(tokens_are_read_by_the_rules),
        cmocka_unit_test(our_tokens_keep_the_rules),
        cmocka_unit_test(a_bundle_tells_who_signs),
        cmocka_unit_test(requests_of_libcrypto_are_read),
        cmocka_unit_test(each_bit_of_a_request_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
