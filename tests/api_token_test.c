/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/token.h>

#include "codec/pem.h"
#include "token_made.h"

static struct key *signer;
static struct arena keep;
static struct selfsame_bytes spki;
static char *text, *jwks;

static int
make(void **state)
{
    struct verdict v = made_accepted();
    struct ear_subject s = made_subject();
    struct selfsame_err e = { 0 };
    struct jwk k;

    (void)state;
    keep = arena_new(1 << 20);
    assert_code(key_generate(KEY_RSA2048, &signer, &e), SELFSAME_OK, &e);
    assert_code(key_spki(signer, &keep, &spki, &e), SELFSAME_OK, &e);
    assert_code(jwk_of_key(signer, JOSE_RS256, &keep, &k, &e), SELFSAME_OK, &e);
    auto_json *set = json_pack("{s:[o]}", "keys", jwk_json(&k));
    jwks = json_compact(set);
    assert_code(ear_jwt(&v, &s, signer, JOSE_RS256, &keep, &text, &e), SELFSAME_OK, &e);
    return 0;
}

static int
unmake(void **state)
{
    (void)state;
    free(jwks);
    key_free(&signer);
    arena_free(&keep);
    return 0;
}

static struct selfsame_token_keys *
keys_of(struct selfsame_bytes key)
{
    struct selfsame_token_keys *k = NULL;
    struct selfsame_err e = { 0 };

    assert_code(selfsame_token_keys_new(&k, &e), SELFSAME_OK, &e);
    assert_code(selfsame_token_keys_add(k, key, &e), SELFSAME_OK, &e);
    return k;
}

static struct selfsame_token_rules *
rules_of(void)
{
    struct selfsame_token_rules *r = NULL;
    struct selfsame_err e = { 0 };

    assert_code(selfsame_token_rules_new(&r, &e), SELFSAME_OK, &e);
    selfsame_token_rules_require_issuer(r, MADE_ISSUER);
    selfsame_token_rules_require_audience(r, MADE_AUDIENCE);
    selfsame_token_rules_require_nonce(r, BYTES_ARR(made_nonce));
    selfsame_token_rules_set_time(r, MADE_NOW, 60);
    return r;
}

static enum selfsame_code
check(const struct selfsame_token_keys *k, const struct selfsame_token_rules *r)
{
    struct selfsame_token *t = NULL;
    struct selfsame_err e = { 0 };
    enum selfsame_code code = selfsame_token_check(bytes_str(text), k, r, &t, &e);

    assert_int_equal(code == SELFSAME_OK, t != NULL);
    selfsame_token_free(t);
    return code;
}

static void
a_checked_token_tells_its_claims(void **state)
{
    struct selfsame_token_keys *k = keys_of(bytes_str(jwks));
    struct selfsame_token_rules *r = rules_of();
    struct selfsame_token *t = NULL;
    struct selfsame_err e = { 0 };

    (void)state;
    selfsame_token_rules_require_release(r, "example.com/hello");
    selfsame_token_rules_require_claim(r, "/tee", "nitro");
    selfsame_token_rules_require_max_age(r, 10);
    assert_code(selfsame_token_check(bytes_str(text), k, r, &t, &e), SELFSAME_OK, &e);
    assert_string_equal(selfsame_token_status(t), "affirming");
    assert_string_equal(selfsame_token_claim(t, "/release_version"), "1.4.2");
    assert_string_equal(selfsame_token_claim(t, "/debug"), "false");
    assert_string_equal(selfsame_token_claim(t, "/release_sequence"), "7");
    assert_string_equal(
        selfsame_token_claim(t, "/submods/nitro/ear.veraison.policy-claims"),
        "{\"class\":\"ok\",\"failed\":[],\"insecure\":[]}");
    assert_null(selfsame_token_claim(t, "/nothing"));
    assert_int_equal(strlen(selfsame_token_key(t)), 43);
    assert_non_null(strstr(selfsame_token_json(t), "\"iss\":\"" MADE_ISSUER "\""));
    selfsame_token_free(t);
    selfsame_token_rules_free(r);
    selfsame_token_keys_free(k);
}

static void
keys_come_as_a_set_a_key_pem_or_der(void **state)
{
    struct selfsame_err e = { 0 };
    auto_json *set = NULL;

    (void)state;
    assert_code(json_parse(bytes_str(jwks), "test", &set, &e), SELFSAME_OK, &e);
    char *one = json_compact(json_array_get(json_object_get(set, "keys"), 0));
    char *pem = pem_encode("PUBLIC KEY", spki, &keep);
    const struct selfsame_bytes forms[] = { bytes_str(jwks), bytes_str(one),
        bytes_str(pem), spki };
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct selfsame_token_keys *k = keys_of(forms[i]);
        struct selfsame_token_rules *r = rules_of();

        assert_int_equal(check(k, r), SELFSAME_OK);
        selfsame_token_rules_free(r);
        selfsame_token_keys_free(k);
    }
    free(one);
}

static void
what_is_no_key_is_refused(void **state)
{
    static const struct {
        const char *text;
        enum selfsame_code code;
    } rows[] = {
        { "", SELFSAME_MALFORMED },
        { "{}", SELFSAME_UNSUPPORTED },
        { "{\"keys\":[]}", SELFSAME_UNSUPPORTED },
        { "hello", SELFSAME_MALFORMED },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            SELFSAME_MALFORMED },
    };
    struct selfsame_token_keys *k = NULL;
    struct selfsame_err e = { 0 };

    (void)state;
    assert_code(selfsame_token_keys_new(&k, &e), SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_code(
            selfsame_token_keys_add(k, bytes_str(rows[i].text), &e), rows[i].code, &e);
    for (size_t i = 0; i < JWKS_MAX; i++)
        assert_code(selfsame_token_keys_add(k, bytes_str(jwks), &e), SELFSAME_OK, &e);
    assert_code(selfsame_token_keys_add(k, bytes_str(jwks), &e), SELFSAME_USAGE, &e);
    selfsame_token_keys_free(k);
    selfsame_token_keys_free(NULL);
}

static void
rules_and_keys_that_say_nothing_refuse(void **state)
{
    struct selfsame_token_keys *none = NULL, *k = keys_of(bytes_str(jwks));
    struct selfsame_token_rules *zero = NULL, *r = rules_of();
    struct selfsame_err e = { 0 };

    (void)state;
    assert_code(selfsame_token_keys_new(&none, &e), SELFSAME_OK, &e);
    assert_code(selfsame_token_rules_new(&zero, &e), SELFSAME_OK, &e);
    assert_int_equal(check(k, zero), SELFSAME_USAGE);
    assert_int_equal(check(none, zero), SELFSAME_USAGE);
    assert_int_equal(check(none, r), SELFSAME_BAD_CHAIN);
    assert_int_equal(check(k, r), SELFSAME_OK);
    selfsame_token_rules_free(zero);
    selfsame_token_rules_free(r);
    selfsame_token_rules_free(NULL);
    selfsame_token_keys_free(none);
    selfsame_token_keys_free(k);
    selfsame_token_free(NULL);
}

/* ---- setters that were given nonsense ---- */

static void
negative_leeway(struct selfsame_token_rules *r)
{
    selfsame_token_rules_set_time(r, MADE_NOW, -1);
}
static void
endless_leeway(struct selfsame_token_rules *r)
{
    selfsame_token_rules_set_time(r, MADE_NOW, INT64_MAX);
}
static void
short_nonce(struct selfsame_token_rules *r)
{
    selfsame_token_rules_require_nonce(r, BYTES_LIT("1234567"));
}
static void
no_age(struct selfsame_token_rules *r)
{
    selfsame_token_rules_require_max_age(r, 0);
}
static void
no_pointer(struct selfsame_token_rules *r)
{
    selfsame_token_rules_require_claim(r, "tee", "nitro");
}
static void
no_key(struct selfsame_token_rules *r)
{
    selfsame_token_rules_require_key(r, BYTES_NONE);
}
static void
too_many_claims(struct selfsame_token_rules *r)
{
    for (int i = 0; i < 33; i++)
        selfsame_token_rules_require_claim(r, "/tee", "nitro");
}
static void
no_room(struct selfsame_token_rules *r)
{
    char *huge = malloc(1 << 20);

    assert_non_null(huge);
    memset(huge, 'x', (1 << 20) - 1);
    huge[(1 << 20) - 1] = '\0';
    selfsame_token_rules_require_audience(r, huge);
    selfsame_token_rules_insecure_any_audience(r);
    free(huge);
}

static void
rules_that_cannot_be_taken_refuse_everything(void **state)
{
    static void (*const bends[])(struct selfsame_token_rules * r) = { negative_leeway,
        endless_leeway, short_nonce, no_age, no_pointer, no_key, too_many_claims,
        no_room };
    struct selfsame_token_keys *k = keys_of(bytes_str(jwks));

    (void)state;
    for (size_t i = 0; i < COUNT(bends); i++) {
        struct selfsame_token_rules *r = rules_of();

        bends[i](r);
        if (check(k, r) != SELFSAME_USAGE)
            fail_msg("bend %zu", i);
        selfsame_token_rules_free(r);
    }
    selfsame_token_keys_free(k);
}

static void
each_weakening_has_its_call(void **state)
{
    struct selfsame_token_keys *k = keys_of(bytes_str(jwks));
    struct selfsame_token_rules *r = NULL;
    struct selfsame_err e = { 0 };

    (void)state;
    assert_code(selfsame_token_rules_new(&r, &e), SELFSAME_OK, &e);
    selfsame_token_rules_set_time(r, MADE_NOW, 0);
    assert_int_equal(check(k, r), SELFSAME_USAGE);
    selfsame_token_rules_insecure_any_issuer(r);
    assert_int_equal(check(k, r), SELFSAME_USAGE);
    selfsame_token_rules_insecure_any_audience(r);
    assert_int_equal(check(k, r), SELFSAME_USAGE);
    selfsame_token_rules_insecure_any_age(r);
    assert_int_equal(check(k, r), SELFSAME_OK);
    selfsame_token_rules_require_key(r, spki);
    assert_int_equal(check(k, r), SELFSAME_UNBOUND);
    selfsame_token_rules_free(r);
    selfsame_token_keys_free(k);
}

static void
measurements_and_statuses_are_rules_of_their_own(void **state)
{
    struct selfsame_token_keys *k = keys_of(bytes_str(jwks));
    struct selfsame_token_rules *r = rules_of();

    (void)state;
    selfsame_token_rules_accept_warning(r);
    selfsame_token_rules_insecure_simulated(r);
    selfsame_token_rules_insecure_debug(r);
    assert_int_equal(check(k, r), SELFSAME_OK);
    selfsame_token_rules_require_measurement(r, "abcd");
    assert_int_equal(check(k, r), SELFSAME_MISMATCH);
    selfsame_token_rules_free(r);
    selfsame_token_keys_free(k);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_checked_token_tells_its_claims),
        cmocka_unit_test(keys_come_as_a_set_a_key_pem_or_der),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(rules_and_keys_that_say_nothing_refuse),
        cmocka_unit_test(rules_that_cannot_be_taken_refuse_everything),
        cmocka_unit_test(each_weakening_has_its_call),
        cmocka_unit_test(measurements_and_statuses_are_rules_of_their_own),
    };

    return cmocka_run_group_tests(tests, make, unmake);
}
