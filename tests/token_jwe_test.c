/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "token/jwe.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

static const char secret[] = "a secret of somebody";

/* Made with npm jose 6.2 (CompactEncrypt) and keys of its own. */
static const struct {
    enum agree_alg alg;
    const char *d, *token;
} foreign[] = {
    { AGREE_P256, "LC44rYHRv0ws4WDpK8e-Au3-ftwlnTgw9SwQ2_0YRNg",
        "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsieCI6Inll"
        "RGVhbTh0MTBTV1ZmRzZOUXVVNVRSVUdGVy1nU3prdW5Ma21BV3ZOc2ciLCJjcnYiOiJQLTI1"
        "NiIsImt0eSI6IkVDIiwieSI6Ijc2RjBQN1RldUZTWVV4WHVTZS1udC1maU9XbWxtakxPRkxH"
        "NlhENV9rUjQifX0.muI7x1i4cDZ-ytQcYUTH9I5aXfr6yFqnYWw-7kJHDc-UfEEmIlUXEg.i"
        "0pFeZB35m5MzCHY.SKRp9GmDCIR0R69g1gQwow8aCYk.eC_sDGUTSJ3a1yh39ExYwg" },
    { AGREE_P384, "6iDY9PBAExd-f3zMkNzawQwhz_sqcXhH4fx0cunxBJjF8zl6MQxt6WWat_o0QFTF",
        "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsieCI6ImVh"
        "RmFwbTc1cU0tQlhWc3JXZ2hjV0pweUpqRVFWTXplaE91VVZ0UHJycEs0aUN2YUlVbGZUbmYx"
        "dDBoZ2g4WE4iLCJjcnYiOiJQLTM4NCIsImt0eSI6IkVDIiwieSI6ImFaVzRoMmdDMm90bHdV"
        "THZ2bGs4RVIwc0lfMV9jLVBYR0hBUVNHTTdrQ21WVEY3Z2JLbWNJM1h3SHBia1RlbWgifX0."
        "Jl3qQmAc5iOyDG_azbJF-4fApq0IoEedEMtwINkhX3r__iN3t8qxBw.uP0TplR2gCZeQoDX."
        "d2jFsQeGZAFBcI7zO7xMfVD-EIE.oVSOf_6Hk5-QwK95jHw9OA" },
    { AGREE_P521,
        "ATsMwRdT4WnPrSAuKVwo0DHiEfJeFbANavjvDI4dVBcuvDlyBS8EGd5lYXw86TzWCt44dnrBkMiFrd"
        "o4UMv2MwHP",
        "eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJlcGsiOnsieCI6IkFP"
        "dlEtQ2QyejA3TjlSajdPdVUyUjNLSDA5Y1VyVEh2Vzl6dTZnaF9VVktxNmJGdUhrSVdkajhS"
        "OUl6cy1uelQxdWpOd2Zjb0MyODRJY0VIZUhCUGdaYjUiLCJjcnYiOiJQLTUyMSIsImt0eSI6"
        "IkVDIiwieSI6IkFlQjQxaDFMTEw5bWM2SDFMX0JLV3hVdHhFamRYS0pTeEZKQnpreTczVjFt"
        "LTNoeGxBRkR4VDA0TkFleTVvRTdPWl9neW5jTzZTNkVjVkN5UzU2TFVNTzMifX0.Csja0iBK"
        "0XYAhwi2mSRXvkADhDy7jLbMNpwHKTde_9u50vp5CprUvw.SWPmc9k6k3LkAH3H.mD5kORKi"
        "dBCRNgVrgcNPV9BGTTc.SMsjgDTCEcu-wI85XQsxJg" },
};

static struct selfsame_bytes
unbase(const char *text, size_t len, struct arena *arena)
{
    uint8_t *buf = arena_alloc(arena, 1, len + 1);
    size_t n = 0;

    assert_non_null(buf);
    assert_true(base64_decode(text, len, true, buf, len + 1, &n));
    return BYTES(buf, n);
}

static void
tokens_of_others_open(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(foreign); i++) {
        auto_arena arena = arena_new(1 << 18);
        auto_agree_key *own = NULL, *other = NULL;
        struct selfsame_err e = { 0 };
        struct selfsame_bytes plain = BYTES_NONE;
        struct selfsame_bytes token = bytes_str(foreign[i].token);

        assert_code(agree_from_private(foreign[i].alg,
                        unbase(foreign[i].d, strlen(foreign[i].d), &arena), &own, &e),
            SELFSAME_OK, &e);
        assert_code(agree_generate(foreign[i].alg, &other, &e), SELFSAME_OK, &e);
        const struct jwe_key k = { .agree = own }, wrong = { .agree = other };
        assert_code(jwe_open(&k, token, &arena, &plain, &e), SELFSAME_OK, &e);
        assert_bytes(plain, bytes_str(secret));
        assert_code(
            jwe_open(&wrong, token, &arena, &plain, &e), SELFSAME_BAD_SIGNATURE, &e);
    }
}

/* ---- ours ---- */

struct world {
    struct arena arena;
    EVP_PKEY *rsa;
    struct selfsame_bytes pem;
    struct envelope_to to[4]; /* P-256, P-384, P-521, RSA */
    struct agree_key *agree[3];
};

static char *
jwk_of(const struct agree_key *k, const char *crv, struct arena *arena)
{
    struct selfsame_bytes xy = agree_public(k);
    char x[128], y[128];

    (void)base64_encode(BYTES(xy.ptr, xy.len / 2), true, x);
    (void)base64_encode(BYTES(xy.ptr + xy.len / 2, xy.len / 2), true, y);
    char *text = arena_printf(arena,
        "{\"kty\":\"EC\",\"crv\":\"%s\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"%s\",\"y\":"
        "\"%s\"}",
        crv, x, y);
    assert_non_null(text);
    return text;
}

static enum selfsame_code
to_of(const char *jwk, struct arena *arena, struct envelope_to *ret,
    struct selfsame_err *e)
{
    auto_json *j = NULL;

    TRY(json_parse(bytes_str(jwk), "JWK", &j, e));
    return jwe_to_jwk(j, arena, ret, e);
}

static char *
number(const BIGNUM *n, struct arena *arena)
{
    uint8_t buf[1024];
    int len = BN_bn2bin(n, buf);
    char *text = arena_alloc(arena, 1, BASE64_SIZE(sizeof(buf)));

    assert_non_null(text);
    (void)base64_encode(BYTES(buf, (size_t)len), true, text);
    return text;
}

static void
rsa_make(struct world *w)
{
    struct selfsame_err e = { 0 };
    BIGNUM *n = NULL, *x = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;

    w->rsa = EVP_RSA_gen(2048);
    assert_int_equal(EVP_PKEY_get_bn_param(w->rsa, "n", &n), 1);
    assert_int_equal(EVP_PKEY_get_bn_param(w->rsa, "e", &x), 1);
    char *jwk = arena_printf(&w->arena,
        "{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP-256\",\"n\":\"%s\",\"e\":\"%s\"}",
        number(n, &w->arena), number(x, &w->arena));
    assert_non_null(jwk);
    assert_code(to_of(jwk, &w->arena, &w->to[3], &e), SELFSAME_OK, &e);
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(out, w->rsa, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(out, &text);
    assert_true(
        arena_dup(&w->arena, BYTES((const uint8_t *)text, (size_t)len), &w->pem));
    BIO_free(out);
    BN_free(n);
    BN_free(x);
}

static int
setup(void **state)
{
    static const char *const curves[] = { "P-256", "P-384", "P-521" };
    struct world *w = calloc(1, sizeof(*w));
    struct selfsame_err e = { 0 };

    assert_non_null(w);
    w->arena = arena_new(4 << 20);
    for (size_t i = 0; i < 3; i++) {
        assert_code(agree_generate((enum agree_alg)(AGREE_P256 + i), &w->agree[i], &e),
            SELFSAME_OK, &e);
        assert_code(
            to_of(jwk_of(w->agree[i], curves[i], &w->arena), &w->arena, &w->to[i], &e),
            SELFSAME_OK, &e);
        assert_int_equal(w->to[i].kind, ENVELOPE_EC);
        assert_bytes(w->to[i].key, agree_public(w->agree[i]));
    }
    rsa_make(w);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < 3; i++)
        agree_free(&w->agree[i]);
    EVP_PKEY_free(w->rsa);
    arena_free(&w->arena);
    free(w);
    return 0;
}

static struct jwe_key
key_of(const struct world *w, size_t i)
{
    return i < 3 ? (struct jwe_key){ .agree = w->agree[i] }
                 : (struct jwe_key){ .rsa_pem = w->pem };
}

static void
what_is_sealed_opens_with_its_key_alone(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < 4; i++)
        for (size_t size = 0; size < 70; size += 23) {
            auto_arena arena = arena_new(1 << 18);
            struct selfsame_err e = { 0 };
            struct selfsame_bytes plain = BYTES_NONE, want;
            char *text = NULL;
            uint8_t buf[70] = { 'x' };

            want = BYTES(buf, size);
            assert_code(jwe_seal(&w->to[i], want, &arena, &text, &e), SELFSAME_OK, &e);
            for (size_t k = 0; k < 4; k++) {
                const struct jwe_key key = key_of(w, k);
                enum selfsame_code code = jwe_open(
                    &key, bytes_str(text), &arena, &plain, &e);

                assert_code(code, k == i ? SELFSAME_OK : SELFSAME_UNSUPPORTED, &e);
            }
            assert_bytes(plain, want);
        }
}

/* The bytes that Trustee's client makes of the header when it writes it again. */
static void
the_header_is_compact_and_in_order(void **state)
{
    struct world *w = *state;
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    static const char *const heads[] = {
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-256\","
        "\"kty\":\"EC\",\"x\":\"",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-384\","
        "\"kty\":\"EC\",\"x\":\"",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-521\","
        "\"kty\":\"EC\",\"x\":\"",
        "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}",
    };

    for (size_t i = 0; i < 4; i++) {
        auto_json *j = NULL;
        char *text = NULL;

        assert_code(
            jwe_seal(&w->to[i], bytes_str(secret), &arena, &text, &e), SELFSAME_OK, &e);
        assert_code(json_parse(bytes_str(text), "JWE", &j, &e), SELFSAME_OK, &e);
        const char *protected_ = json_string_value(json_object_get(j, "protected"));
        assert_non_null(protected_);
        struct selfsame_bytes head = unbase(protected_, strlen(protected_), &arena);
        assert_true(bytes_has_prefix(head, bytes_str(heads[i])));
        auto_json *h = NULL;
        assert_code(json_parse(head, "header", &h, &e), SELFSAME_OK, &e);
        char *again = json_compact(h); /* in the order it was read */
        assert_non_null(again);
        assert_bytes(bytes_str(again), head);
        free(again);
        assert_int_equal(json_object_size(j), 5);
    }
}

/* Two for one person share nothing. */
static void
nothing_is_used_twice(void **state)
{
    struct world *w = *state;
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < 4; i++) {
        char *text[2] = { NULL };
        auto_json *a = NULL, *b = NULL;
        const char *name;
        json_t *v;

        for (size_t k = 0; k < 2; k++)
            assert_code(jwe_seal(&w->to[i], bytes_str(secret), &arena, &text[k], &e),
                SELFSAME_OK, &e);
        assert_code(json_parse(bytes_str(text[0]), "JWE", &a, &e), SELFSAME_OK, &e);
        assert_code(json_parse(bytes_str(text[1]), "JWE", &b, &e), SELFSAME_OK, &e);
        json_object_foreach(a, name, v) if (i < 3 || strcmp(name, "protected") != 0)
            assert_false(json_equal(v, json_object_get(b, name)));
    }
}

/* Each bit of each character, and each length: never the secret, never anything but a refusal. */
static void
nothing_but_the_whole_opens(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    auto_arena keep = arena_new(1 << 18);
    char *text = NULL;

    assert_code(
        jwe_seal(&w->to[0], bytes_str(secret), &keep, &text, &e), SELFSAME_OK, &e);
    const struct jwe_key key = key_of(w, 0);
    const size_t len = strlen(text);
    for (size_t i = 0; i < 8 * len; i++) {
        auto_arena arena = arena_new(1 << 18);
        struct selfsame_bytes plain = BYTES_NONE;

        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
        enum selfsame_code code = jwe_open(
            &key, BYTES((const uint8_t *)text, len), &arena, &plain, &e);
        text[i / 8] = (char)(text[i / 8] ^ (1 << i % 8));
        if (code == SELFSAME_OK || code == SELFSAME_NOMEM || code == SELFSAME_INTERNAL)
            fail_msg("bit %zu: %s", i, selfsame_code_name(code));
    }
    for (size_t n = 0; n < len; n++) {
        auto_arena arena = arena_new(1 << 18);
        struct selfsame_bytes plain = BYTES_NONE;

        assert_code(jwe_open(&key, BYTES((const uint8_t *)text, n), &arena, &plain, &e),
            SELFSAME_MALFORMED, &e);
    }
    char *more = arena_printf(&keep, "%s.", text);
    struct selfsame_bytes plain = BYTES_NONE;
    assert_code(
        jwe_open(&key, bytes_str(more), &keep, &plain, &e), SELFSAME_MALFORMED, &e);
}

static void
no_memory_is_told(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct selfsame_bytes plain = BYTES_NONE;
    char *text = NULL;

    for (size_t i = 0; i < 4; i++) {
        long at = 1;
        enum selfsame_code code = SELFSAME_NOMEM;

        for (; code == SELFSAME_NOMEM && at < 100; at++) {
            auto_arena arena = arena_new(1 << 18);

            arena.fail_at = at;
            code = jwe_seal(&w->to[i], bytes_str(secret), &arena, &text, &e);
        }
        assert_code(code, SELFSAME_OK, &e);
        assert_true(at > 5);
        auto_arena keep = arena_new(1 << 18);
        assert_code(
            jwe_seal(&w->to[i], bytes_str(secret), &keep, &text, &e), SELFSAME_OK, &e);
        const struct jwe_key key = key_of(w, i);
        code = SELFSAME_NOMEM;
        for (at = 1; code == SELFSAME_NOMEM && at < 100; at++) {
            auto_arena arena = arena_new(1 << 18);

            arena.fail_at = at;
            code = jwe_open(&key, bytes_str(text), &arena, &plain, &e);
        }
        assert_code(code, SELFSAME_OK, &e);
        assert_true(at > 5);
    }
}

#define X "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0"
#define Y "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"
static const struct {
    const char *jwk;
    enum selfsame_code want;
} jwks[] = {
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        SELFSAME_OK },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"" X
      "\",\"y\":\"" Y "\",\"kid\":\"1\"}",
        SELFSAME_OK },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"x\":\"" X "\",\"y\":\"" Y
      "\"}",
        SELFSAME_UNSUPPORTED },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":7,\"x\":\"" X "\",\"y\":\"" Y "\"}",
        SELFSAME_UNSUPPORTED },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\",\"d\":\"AA\"}",
        SELFSAME_MALFORMED },
    { "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        SELFSAME_MALFORMED },
    { "{\"kty\":\"EC\",\"crv\":\"P-224\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
        SELFSAME_UNSUPPORTED },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "=\",\"y\":\"" Y "\"}",
        SELFSAME_MALFORMED },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\"}", SELFSAME_MALFORMED },
    { "{\"kty\":\"EC\",\"x\":\"" X "\",\"y\":\"" Y "\"}", SELFSAME_UNSUPPORTED },
    { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" X "\"}", SELFSAME_UNSUPPORTED },
    { "{\"kty\":\"RSA\",\"n\":\"AQAB\"}", SELFSAME_MALFORMED },
    { "{\"kty\":\"RSA\",\"n\":\"AAAB\",\"e\":\"AQAB\"}", SELFSAME_MALFORMED },
    { "{\"kty\":\"RSA\",\"alg\":\"RSA1_5\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        SELFSAME_UNSUPPORTED },
    { "{\"kty\":\"oct\",\"k\":\"AQAB\"}", SELFSAME_MALFORMED },
    { "[]", SELFSAME_MALFORMED },
    { "{}", SELFSAME_UNSUPPORTED },
};

static void
only_public_keys_for_encryption_are_recipients(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(jwks); i++) {
        auto_arena arena = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        struct envelope_to to;
        enum selfsame_code code = to_of(jwks[i].jwk, &arena, &to, &e);

        if (code != jwks[i].want)
            fail_msg("%s: %s", jwks[i].jwk, selfsame_code_name(code));
    }
    auto_arena arena = arena_new(1 << 18);
    struct selfsame_err e = { 0 };
    struct envelope_to to;
    char *text = NULL;
    /* A point that is off the curve, an RSA key that is too short: told when used. */
    assert_code(
        to_of("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" X "\"}",
            &arena, &to, &e),
        SELFSAME_OK, &e);
    assert_code(jwe_seal(&to, BYTES_NONE, &arena, &text, &e), SELFSAME_MALFORMED, &e);
    assert_code(
        to_of("{\"kty\":\"RSA\",\"n\":\"" X "\",\"e\":\"AQAB\"}", &arena, &to, &e),
        SELFSAME_OK, &e);
    assert_code(jwe_seal(&to, BYTES_NONE, &arena, &text, &e), SELFSAME_UNSUPPORTED, &e);
    to = (struct envelope_to){ .kind = ENVELOPE_X25519, .alg = AGREE_X25519 };
    assert_code(jwe_seal(&to, BYTES_NONE, &arena, &text, &e), SELFSAME_UNSUPPORTED, &e);
    to = (struct envelope_to){ .kind = ENVELOPE_NONE };
    assert_code(jwe_seal(&to, BYTES_NONE, &arena, &text, &e), SELFSAME_UNSUPPORTED, &e);
}

/* Headers that ask for more than this reader does. */
static void
unknown_demands_are_refused(void **state)
{
    static const char *const heads[] = {
        "{\"alg\":\"dir\",\"enc\":\"A256GCM\"}",
        "{\"alg\":\"none\",\"enc\":\"A256GCM\"}",
        "{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\",\"epk\":{}}",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A128CBC-HS256\",\"epk\":{}}",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"zip\":\"DEF\"}",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"apu\":\"QQ\"}",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"p2c\":99999999}",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\"}",
        "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"EC\","
        "\"crv\":"
        "\"P-384\"}}",
        "{\"alg\":\"RSA-OAEP\",\"enc\":\"A256GCM\"}",
    };
    struct world *w = *state;
    const struct jwe_key key = key_of(w, 0);

    for (size_t i = 0; i < COUNT(heads); i++) {
        auto_arena arena = arena_new(1 << 18);
        char *b64 = arena_alloc(&arena, 1, BASE64_SIZE(256));
        struct selfsame_bytes plain = BYTES_NONE;
        struct selfsame_err e = { 0 };

        assert_non_null(b64);
        (void)base64_encode(bytes_str(heads[i]), true, b64);
        char *text = arena_printf(
            &arena, "%s.AAAA.AAAAAAAAAAAAAAAA..AAAAAAAAAAAAAAAAAAAAAA", b64);
        assert_code(jwe_open(&key, bytes_str(text), &arena, &plain, &e),
            SELFSAME_UNSUPPORTED, &e);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_others_open),
        cmocka_unit_test(what_is_sealed_opens_with_its_key_alone),
        cmocka_unit_test(the_header_is_compact_and_in_order),
        cmocka_unit_test(nothing_is_used_twice),
        cmocka_unit_test(nothing_but_the_whole_opens),
        cmocka_unit_test(no_memory_is_told),
        cmocka_unit_test(only_public_keys_for_encryption_are_recipients),
        cmocka_unit_test(unknown_demands_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
