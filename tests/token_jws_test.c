/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "token/token.h"

#include <pthread.h>

#define PAYLOAD BYTES_LIT("{\"sub\":\"x\"}")

static const struct {
    enum key_type type;
    enum jose_alg alg;
    const char *word;
} kinds[] = {
    { KEY_P256, JOSE_ES256, "ES256" },
    { KEY_P384, JOSE_ES384, "ES384" },
    { KEY_RSA2048, JOSE_RS256, "RS256" },
    { KEY_RSA2048, JOSE_PS256, "PS256" },
    { KEY_ED25519, JOSE_EDDSA, "EdDSA" },
};
static struct key *keys[COUNT(kinds)];

static int
make_keys(void **state)
{
    struct selfsame_err e = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        assert_code(key_generate(kinds[i].type, &keys[i], &e), SELFSAME_OK, &e);
    return 0;
}

static int
free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        key_free(&keys[i]);
    return 0;
}

static struct jwk
jwk_for(size_t i, struct arena *a)
{
    struct selfsame_err e = { 0 };
    struct jwk k;

    assert_code(jwk_of_key(keys[i], kinds[i].alg, a, &k, &e), SELFSAME_OK, &e);
    return k;
}

/* A token of key i; header members as JSON, or NULL. */
static char *
token(size_t i, const char *header, struct arena *a)
{
    struct selfsame_err e = { 0 };
    auto_json *h = NULL;
    char *text;

    if (header != NULL)
        assert_code(json_parse(bytes_str(header), "test", &h, &e), SELFSAME_OK, &e);
    assert_code(
        jws_sign(keys[i], kinds[i].alg, h, PAYLOAD, a, &text, &e), SELFSAME_OK, &e);
    return text;
}

/* Parses and verifies; the class of whichever fails first. */
static enum selfsame_code
check(struct selfsame_bytes text, const struct jwks *set, struct selfsame_err *e)
{
    auto_arena a = arena_new(1 << 20);
    const struct jwk *k = NULL;
    auto_jws s = { 0 };

    TRY(jws_parse(text, &a, &s, e));
    TRY(jws_verify(&s, set, &k, e));
    assert_non_null(k);
    assert_bytes(s.payload, PAYLOAD);
    return SELFSAME_OK;
}

static enum selfsame_code
check_text(const char *text, const struct jwks *set)
{
    struct selfsame_err e = { 0 };

    return check(bytes_str(text), set, &e);
}

static void
what_each_algorithm_signs_verifies_by_the_published_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        auto_arena a = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct jwk k = jwk_for(i, &a), back;
        auto_json *j = jwk_json(&k);
        char *text = json_compact(j);
        struct jwks set;

        assert_string_equal(
            json_string_value(json_object_get(j, "alg")), kinds[i].word);
        assert_code(jwk_parse(bytes_str(text), &a, &back, &e), SELFSAME_OK, &e);
        assert_string_equal(back.thumbprint, k.thumbprint);
        assert_string_equal(back.kid, k.thumbprint);
        assert_bytes(back.key, k.key);
        assert_code(jwks_parse(bytes_str(text), &a, &set, &e), SELFSAME_OK, &e);
        assert_int_equal(check_text(token(i, NULL, &a), &set), SELFSAME_OK);
        assert_int_equal(
            check_text(token(i, "{\"typ\":\"JWT\"}", &a), &set), SELFSAME_OK);
        free(text);
    }
}

/* The signature's last character may have bits that mean nothing; strict base64 refuses them. */
static void
every_bit_cut_and_appended_byte_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        auto_arena a = arena_new(1 << 20);
        struct jwk k = jwk_for(i, &a);
        struct jwks set = { &k, 1 };
        char *text = token(i, NULL, &a);
        const size_t len = strlen(text);
        char *longer = arena_printf(&a, "%sA", text);
        struct selfsame_err e = { 0 };

        for (size_t bit = 0; bit < 8 * len; bit++) {
            text[bit / 8] = (char)(text[bit / 8] ^ (1 << (bit % 8)));
            if (check(BYTES((uint8_t *)text, len), &set, &e) == SELFSAME_OK)
                fail_msg("%s: bit %zu", kinds[i].word, bit);
            text[bit / 8] = (char)(text[bit / 8] ^ (1 << (bit % 8)));
        }
        for (size_t n = 0; n < len; n++)
            assert_int_not_equal(
                check(BYTES((uint8_t *)text, n), &set, &e), SELFSAME_OK);
        assert_int_not_equal(check_text(longer, &set), SELFSAME_OK);
        assert_int_not_equal(
            check_text(arena_printf(&a, "%s.", text), &set), SELFSAME_OK);
        assert_int_not_equal(
            check_text(arena_printf(&a, "%s\n", text), &set), SELFSAME_OK);
        assert_int_not_equal(
            check_text(arena_printf(&a, " %s", text), &set), SELFSAME_OK);
        assert_int_equal(check_text(text, &set), SELFSAME_OK);
    }
}

static void
every_failed_allocation_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        auto_arena keep = arena_new(1 << 20);
        char *text = token(i, "{\"kid\":\"a\",\"typ\":\"JWT\"}", &keep);
        struct jwk k = jwk_for(i, &keep);
        auto_json *j = jwk_json(&k);
        char *json = json_compact(j);
        enum selfsame_code code = SELFSAME_NOMEM;

        for (long n = 1; code == SELFSAME_NOMEM; n++) {
            auto_arena a = arena_new(1 << 20);
            struct selfsame_err e = { 0 };
            auto_jws s = { 0 };
            struct jwk back;
            char *made;

            a.fail_at = n;
            code = jws_parse(bytes_str(text), &a, &s, &e);
            if (code == SELFSAME_OK)
                code = jwk_parse(bytes_str(json), &a, &back, &e);
            if (code == SELFSAME_OK)
                code = jws_sign(keys[i], kinds[i].alg, NULL, PAYLOAD, &a, &made, &e);
            assert_true(code == SELFSAME_NOMEM || (code == SELFSAME_OK && n > 5));
        }
        free(json);
    }
}

/* ---- confusion ---- */

static char *
forged(const char *header, struct arena *a)
{
    char h[512], p[64];

    (void)base64_encode(bytes_str(header), true, h);
    (void)base64_encode(PAYLOAD, true, p);
    return arena_printf(a, "%s.%s.", h, p);
}

static void
the_algorithm_is_the_keys_and_never_the_headers(void **state)
{
    static const char *const headers[] = { "{\"alg\":\"none\"}", "{\"alg\":\"None\"}",
        "{\"alg\":\"HS256\"}", "{\"alg\":\"HS384\"}", "{\"alg\":\"RS1\"}",
        "{\"alg\":\"es256\"}", "{\"alg\":\"ES256K\"}", "{\"alg\":\"ES512\"}",
        "{\"alg\":\"RS512\"}", "{\"alg\":\"Ed448\"}", "{\"alg\":\"\"}" };
    auto_arena a = arena_new(1 << 20);
    struct jwk list[COUNT(kinds)];
    struct jwks set = { list, COUNT(kinds) };

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        list[i] = jwk_for(i, &a);
    for (size_t i = 0; i < COUNT(headers); i++)
        assert_int_equal(
            check_text(arena_printf(&a, "%sAAAA", forged(headers[i], &a)), &set),
            SELFSAME_UNSUPPORTED);
    assert_int_equal(check_text(forged(headers[0], &a), &set), SELFSAME_MALFORMED);
    /* An HMAC with the public key as secret is the classic: HS256 is not known at all. */
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            struct jwks one = { &list[k], 1 };
            const enum selfsame_code code = check_text(token(i, NULL, &a), &one);

            assert_int_equal(code, i == k ? SELFSAME_OK : SELFSAME_BAD_CHAIN);
        }
}

static void
a_header_that_promises_extensions_is_refused(void **state)
{
    static const char *const headers[] = { "{\"crit\":[\"exp\"]}", "{\"crit\":[]}",
        "{\"b64\":false}", "{\"b64\":true}", "{\"crit\":[\"b64\"],\"b64\":false}" };
    auto_arena a = arena_new(1 << 20);
    struct jwk k = jwk_for(0, &a);
    struct jwks set = { &k, 1 };

    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++)
        assert_int_equal(
            check_text(token(0, headers[i], &a), &set), SELFSAME_UNSUPPORTED);
}

/* A "kid" or "typ" that is no text is not one that is absent. */
static void
members_of_a_header_that_are_no_text_are_malformed(void **state)
{
    static const char *const headers[] = { "{\"kid\":5}", "{\"kid\":null}",
        "{\"typ\":[\"dpop+jwt\"]}", "{\"cty\":{}}" };
    auto_arena a = arena_new(1 << 20);
    struct jwk k = jwk_for(0, &a);
    struct jwks set = { &k, 1 };

    (void)state;
    for (size_t i = 0; i < COUNT(headers); i++)
        assert_int_equal(
            check_text(token(0, headers[i], &a), &set), SELFSAME_MALFORMED);
}

/* "jwk", "x5c", "jku" of the header point to a key of the forger's. */
static void
keys_inside_the_token_are_never_used(void **state)
{
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_key *own = NULL;
    struct jwk good = jwk_for(0, &a), bad;
    struct jwks set = { &good, 1 };
    char *text;

    (void)state;
    assert_code(key_generate(KEY_P256, &own, &e), SELFSAME_OK, &e);
    assert_code(jwk_of_key(own, JOSE_ES256, &a, &bad, &e), SELFSAME_OK, &e);
    auto_json *h = json_pack("{s:o,s:s,s:s}", "jwk", jwk_json(&bad), "kid",
        good.thumbprint, "jku", "https://evil.example/jwks");
    assert_code(jws_sign(own, JOSE_ES256, h, PAYLOAD, &a, &text, &e), SELFSAME_OK, &e);
    assert_int_equal(check_text(text, &set), SELFSAME_BAD_SIGNATURE);
}

static void
a_kid_picks_the_key_and_without_one_at_most_four_are_tried(void **state)
{
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct key *made[6] = { 0 };
    struct jwk list[6];

    (void)state;
    for (size_t i = 0; i < COUNT(made); i++) {
        assert_code(key_generate(KEY_P256, &made[i], &e), SELFSAME_OK, &e);
        assert_code(jwk_of_key(made[i], JOSE_ES256, &a, &list[i], &e), SELFSAME_OK, &e);
    }
    for (size_t i = 0; i < COUNT(made); i++) {
        struct jwks set = { list, COUNT(list) };
        auto_json *h = json_pack("{s:s}", "kid", list[i].kid);
        auto_json *wrong = json_pack("{s:s}", "kid", list[(i + 1) % COUNT(made)].kid);
        auto_json *unknown = json_pack("{s:s}", "kid", "nobody");
        char *text;

        assert_code(
            jws_sign(made[i], JOSE_ES256, h, PAYLOAD, &a, &text, &e), SELFSAME_OK, &e);
        assert_int_equal(check_text(text, &set), SELFSAME_OK);
        assert_code(jws_sign(made[i], JOSE_ES256, wrong, PAYLOAD, &a, &text, &e),
            SELFSAME_OK, &e);
        assert_int_equal(check_text(text, &set), SELFSAME_BAD_SIGNATURE);
        assert_code(jws_sign(made[i], JOSE_ES256, unknown, PAYLOAD, &a, &text, &e),
            SELFSAME_OK, &e);
        assert_int_equal(check_text(text, &set), SELFSAME_BAD_CHAIN);
        assert_code(jws_sign(made[i], JOSE_ES256, NULL, PAYLOAD, &a, &text, &e),
            SELFSAME_OK, &e);
        assert_int_equal(
            check_text(text, &set), i < 4 ? SELFSAME_OK : SELFSAME_BAD_SIGNATURE);
    }
    for (size_t i = 0; i < COUNT(made); i++)
        key_free(&made[i]);
}

static void
headers_that_are_no_object_twice_the_same_or_huge_are_malformed(void **state)
{
    auto_arena a = arena_new(4 << 20);
    struct jwk k = jwk_for(0, &a);
    struct jwks set = { &k, 1 };
    char *huge = arena_alloc(&a, 1, 300000);

    (void)state;
    assert_non_null(huge);
    memset(huge, 'A', 299999);
    assert_int_equal(check_text(arena_printf(&a, "%sAAAA", forged("[]", &a)), &set),
        SELFSAME_MALFORMED);
    assert_int_equal(
        check_text(arena_printf(&a, "%sAAAA",
                       forged("{\"alg\":\"ES256\",\"alg\":\"ES256\"}", &a)),
            &set),
        SELFSAME_MALFORMED);
    assert_int_equal(
        check_text(arena_printf(&a, "%sAAAA", forged("{\"alg\":1}", &a)), &set),
        SELFSAME_MALFORMED);
    assert_int_equal(check_text(huge, &set), SELFSAME_MALFORMED);
    huge[20] = huge[40] = '.';
    assert_int_equal(check_text(huge, &set), SELFSAME_MALFORMED);
    assert_int_equal(check_text("", &set), SELFSAME_MALFORMED);
    assert_int_equal(check_text("..", &set), SELFSAME_MALFORMED);
    assert_int_equal(check_text("a.b.c.d", &set), SELFSAME_MALFORMED);
}

static void
a_key_signs_only_with_its_own_algorithms(void **state)
{
    auto_arena a = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            const bool fits = i == k || (kinds[i].type == kinds[k].type);
            struct selfsame_err e = { 0 };
            char *text;

            assert_int_equal(
                jws_sign(keys[i], kinds[k].alg, NULL, PAYLOAD, &a, &text, &e),
                fits ? SELFSAME_OK : SELFSAME_USAGE);
        }
}

/* ---- JWK ---- */

/* The keys of RFC 7638 §3.1 and of RFC 8037 A.3, with their thumbprints. */
static void
thumbprints_are_those_of_the_standards(void **state)
{
    static const struct {
        const char *jwk, *thumbprint;
    } known[] = {
        { "{\"kty\":\"RSA\",\"n\":"
          "\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4"
          "cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-"
          "5JsGY4"
          "Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
          "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7"
          "d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"
          "bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3X"
          "PksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\","
          "\"alg\":"
          "\"RS256\",\"kid\":\"2011-04-29\"}",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
          "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
          "\"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8\",\"y\":\"IBOL-C3BttVivg-"
          "lSreASjpkttcsz-1rb7btKLv8EX4\"}",
            "xNnfOFTMgZSRM3KtGHQqavZGWGF00Fe54LZBYCIxr88" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        auto_arena a = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        struct jwk k;

        assert_code(jwk_parse(bytes_str(known[i].jwk), &a, &k, &e), SELFSAME_OK, &e);
        assert_string_equal(k.thumbprint, known[i].thumbprint);
    }
}

/* RFC 7515 A.2 and A.3, and RFC 8037 A.4. */
static void
the_tokens_of_the_standards_verify(void **state)
{
    static const struct {
        const char *jwk, *token;
    } known[] = {
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
          "\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9u"
          "PHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
            "eyJhbGciOiJFUzI1NiJ9."
            "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA"
            "6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
            "F4Gaw"
            "xaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
          "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_"
            "MGCjP0JzlnL"
            "WG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        auto_arena a = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        const struct jwk *by;
        auto_jws s = { 0 };
        struct jwks set;

        assert_code(jwks_parse(bytes_str(known[i].jwk), &a, &set, &e), SELFSAME_OK, &e);
        assert_code(jws_parse(bytes_str(known[i].token), &a, &s, &e), SELFSAME_OK, &e);
        assert_code(jws_verify(&s, &set, &by, &e), SELFSAME_OK, &e);
    }
}

#define EC_XY                                                \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"                \
    "\"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8\",\"y\":" \
    "\"IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4\""

static void
keys_that_are_private_short_or_of_another_kind_are_refused(void **state)
{
    static const struct {
        const char *jwk;
        enum selfsame_code code;
    } cases[] = {
        { "{" EC_XY "}", SELFSAME_OK },
        { "{" EC_XY ",\"alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"1\",\"new\":[1]}",
            SELFSAME_OK },
        { "{" EC_XY ",\"d\":\"AA\"}", SELFSAME_MALFORMED },
        { "{" EC_XY ",\"k\":\"AA\"}", SELFSAME_MALFORMED },
        { "{" EC_XY ",\"alg\":\"RS256\"}", SELFSAME_UNSUPPORTED },
        { "{" EC_XY ",\"alg\":\"ES384\"}", SELFSAME_UNSUPPORTED },
        { "{" EC_XY ",\"kid\":1}", SELFSAME_MALFORMED },
        { "{" EC_XY ",\"x\":\"AA\"}", SELFSAME_MALFORMED },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
            SELFSAME_MALFORMED },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA=\",\"y\":\"AA\"}",
            SELFSAME_MALFORMED },
        { "{\"kty\":\"EC\",\"crv\":\"P-521\"}", SELFSAME_UNSUPPORTED },
        { "{\"kty\":\"EC\",\"crv\":\"secp256k1\"}", SELFSAME_UNSUPPORTED },
        { "{\"kty\":\"oct\",\"k\":\"AAAA\"}", SELFSAME_MALFORMED },
        { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}", SELFSAME_UNSUPPORTED },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", SELFSAME_UNSUPPORTED },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQ\"}", SELFSAME_MALFORMED },
        { "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"Ag\"}", SELFSAME_MALFORMED },
        { "{\"kty\":\"RSA\",\"n\":\"AAEAAQ\",\"e\":\"AQAB\"}", SELFSAME_MALFORMED },
        { "{\"kty\":\"RSA\"}", SELFSAME_MALFORMED },
        { "{}", SELFSAME_UNSUPPORTED },
        { "[]", SELFSAME_UNSUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        auto_arena a = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        struct jwk k;
        const enum selfsame_code code = jwk_parse(bytes_str(cases[i].jwk), &a, &k, &e);

        if (code != cases[i].code)
            fail_msg("%s: %s", cases[i].jwk, selfsame_code_name(code));
    }
}

/* On no curve: it parses, since only arithmetic says so, and nothing verifies by it. */
static void
a_point_off_its_curve_verifies_nothing(void **state)
{
    auto_arena a = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    struct jwks set;

    (void)state;
    assert_code(jwks_parse(BYTES_LIT("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":"
                                     "\"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8\","
                                     "\"y\":\"usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagn"
                                     "v8\"}"),
                    &a, &set, &e),
        SELFSAME_OK, &e);
    assert_int_not_equal(check_text(token(0, NULL, &a), &set), SELFSAME_OK);
}

static void
a_set_passes_over_what_does_not_sign_and_is_bounded(void **state)
{
    auto_arena a = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    auto_json *root = json_pack("{s:[]}", "keys");
    json_t *list = json_object_get(root, "keys");
    struct jwks set;

    (void)state;
    assert_code(
        jwks_parse(BYTES_LIT("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-521\"},{" EC_XY
                             ",\"use\":\"enc\"},{\"kty\":\"oct\"},{" EC_XY "}]}"),
            &a, &set, &e),
        SELFSAME_OK, &e);
    assert_int_equal(set.count, 1);
    assert_code(
        jwks_parse(BYTES_LIT("{\"keys\":[]}"), &a, &set, &e), SELFSAME_UNSUPPORTED, &e);
    assert_code(
        jwks_parse(BYTES_LIT("{\"keys\":{}}"), &a, &set, &e), SELFSAME_MALFORMED, &e);
    assert_code(
        jwks_parse(BYTES_LIT("{\"keys\":[{" EC_XY ",\"d\":\"AA\"}]}"), &a, &set, &e),
        SELFSAME_MALFORMED, &e);
    for (int i = 0; i <= JWKS_MAX; i++)
        assert_int_equal(
            json_array_append_new(list, json_pack("{s:s}", "kty", "x")), 0);
    char *text = json_compact(root);
    assert_code(jwks_parse(bytes_str(text), &a, &set, &e), SELFSAME_MALFORMED, &e);
    free(text);
}

static void
rs256_and_ed25519_are_the_same_every_time_and_the_others_never(void **state)
{
    auto_arena a = arena_new(1 << 20);

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        const bool fixed = kinds[i].alg == JOSE_RS256 || kinds[i].alg == JOSE_EDDSA;

        assert_int_equal(strcmp(token(i, NULL, &a), token(i, NULL, &a)) == 0, fixed);
    }
}

/* A service signs with one key from all of its threads. */
static void *
sign_often(void *arg)
{
    const size_t i = *(size_t *)arg;

    for (int n = 0; n < 40; n++) {
        auto_arena a = arena_new(1 << 20);
        struct jwk k = jwk_for(i, &a);
        struct jwks set = { &k, 1 };

        if (check_text(token(i, NULL, &a), &set) != SELFSAME_OK)
            return arg;
    }
    return NULL;
}

static void
threads_share_a_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        pthread_t threads[4];
        void *failed;

        for (size_t t = 0; t < COUNT(threads); t++)
            assert_int_equal(pthread_create(&threads[t], NULL, sign_often, &i), 0);
        for (size_t t = 0; t < COUNT(threads); t++) {
            assert_int_equal(pthread_join(threads[t], &failed), 0);
            assert_null(failed);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_each_algorithm_signs_verifies_by_the_published_key),
        cmocka_unit_test(every_bit_cut_and_appended_byte_is_refused),
        cmocka_unit_test(every_failed_allocation_is_told),
        cmocka_unit_test(the_algorithm_is_the_keys_and_never_the_headers),
        cmocka_unit_test(a_header_that_promises_extensions_is_refused),
        cmocka_unit_test(members_of_a_header_that_are_no_text_are_malformed),
        cmocka_unit_test(keys_inside_the_token_are_never_used),
        cmocka_unit_test(a_kid_picks_the_key_and_without_one_at_most_four_are_tried),
        cmocka_unit_test(
            headers_that_are_no_object_twice_the_same_or_huge_are_malformed),
        cmocka_unit_test(a_key_signs_only_with_its_own_algorithms),
        cmocka_unit_test(thumbprints_are_those_of_the_standards),
        cmocka_unit_test(the_tokens_of_the_standards_verify),
        cmocka_unit_test(keys_that_are_private_short_or_of_another_kind_are_refused),
        cmocka_unit_test(a_point_off_its_curve_verifies_nothing),
        cmocka_unit_test(a_set_passes_over_what_does_not_sign_and_is_bounded),
        cmocka_unit_test(
            rs256_and_ed25519_are_the_same_every_time_and_the_others_never),
        cmocka_unit_test(threads_share_a_key),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
