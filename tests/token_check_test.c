/* SPDX-License-Identifier: Apache-2.0 */
#include "token_made.h"

static struct key *signer, *bound, *other;
static struct selfsame_bytes bound_spki, other_spki;
static struct arena keep;
static struct jwk signer_jwk;

static int
make_keys(void **state)
{
    struct selfsame_err e = { 0 };

    (void)state;
    keep = arena_new(1 << 20);
    assert_code(key_generate(KEY_P256, &signer, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P256, &bound, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P256, &other, &e), SELFSAME_OK, &e);
    assert_code(key_spki(bound, &keep, &bound_spki, &e), SELFSAME_OK, &e);
    assert_code(key_spki(other, &keep, &other_spki, &e), SELFSAME_OK, &e);
    assert_code(
        jwk_of_key(signer, JOSE_ES256, &keep, &signer_jwk, &e), SELFSAME_OK, &e);
    return 0;
}

static int
free_keys(void **state)
{
    (void)state;
    key_free(&signer);
    key_free(&bound);
    key_free(&other);
    arena_free(&keep);
    return 0;
}

/* What is wrong with a token, or with the rules; the class that says so. */
struct scene {
    struct verdict v;
    struct ear_subject s;
    struct token_rules r;
};

static void
nothing(struct scene *x)
{
    (void)x;
}
static void
no_rules(struct scene *x)
{
    x->r = (struct token_rules){ 0 };
}
static void
no_issuer(struct scene *x)
{
    x->r.issuer = NULL;
}
static void
no_audience(struct scene *x)
{
    x->r.audience = NULL;
}
static void
no_time(struct scene *x)
{
    x->r.has_time = false;
}
static void
no_freshness(struct scene *x)
{
    x->r.nonce = BYTES_NONE;
}
static void
age_in_place_of_nonce(struct scene *x)
{
    x->r.nonce = BYTES_NONE;
    x->r.max_age_s = 30;
}
static void
too_old(struct scene *x)
{
    x->r.max_age_s = 30;
    x->r.now_s = MADE_NOW + 91;
}
static void
just_old_enough(struct scene *x)
{
    x->r.max_age_s = 30;
    x->r.now_s = MADE_NOW + 90;
}
static void
other_issuer(struct scene *x)
{
    x->r.issuer = MADE_ISSUER "/";
}
static void
any_issuer(struct scene *x)
{
    x->r.issuer = NULL;
    x->r.any_issuer = true;
}
static void
other_audience(struct scene *x)
{
    x->s.audience = "https://api.example.evil";
}
static void
token_without_audience(struct scene *x)
{
    x->s.audience = NULL;
}
static void
expired(struct scene *x)
{
    x->r.now_s = MADE_NOW + MADE_LIFE + 60;
}
static void
expired_within_leeway(struct scene *x)
{
    x->r.now_s = MADE_NOW + MADE_LIFE + 59;
}
static void
from_the_future(struct scene *x)
{
    x->r.now_s = MADE_NOW - 61;
}
static void
slightly_from_the_future(struct scene *x)
{
    x->r.now_s = MADE_NOW - 60;
}
static void
other_nonce(struct scene *x)
{
    static const uint8_t another[16] = { 1, 2, 3, 0xfe };

    x->r.nonce = BYTES_ARR(another);
}
static void
shorter_nonce(struct scene *x)
{
    x->r.nonce.len--;
}
static void
token_without_nonce(struct scene *x)
{
    x->s.nonce = BYTES_NONE;
}
static void
warned(struct scene *x)
{
    x->v.status = "warning";
}
static void
warned_and_taken(struct scene *x)
{
    x->v.status = "warning";
    x->r.warning = true;
}
static void
refused(struct scene *x)
{
    x->v = made_refused(CHECK_MEASUREMENT, SELFSAME_MISMATCH);
    x->r.warning = true;
}
static void
not_judged(struct scene *x)
{
    x->v = made_refused(CHECK_PARSE, SELFSAME_MALFORMED);
    x->v.status = "none";
    x->r.warning = true;
}
static void
simulated(struct scene *x)
{
    x->v.claims.simulated = true;
    x->v.status = "warning";
    x->r.warning = true;
}
static void
simulated_and_taken(struct scene *x)
{
    simulated(x);
    x->r.simulated = true;
}
static void
simulated_and_not_warned(struct scene *x)
{
    simulated_and_taken(x);
    x->r.warning = false;
}
static void
debugged(struct scene *x)
{
    x->v.claims.debug = true;
    x->v.status = "warning";
    x->r.warning = true;
}
static void
debugged_and_taken(struct scene *x)
{
    debugged(x);
    x->r.debug = true;
}
static void
right_key(struct scene *x)
{
    x->s.key = x->r.key = bound_spki;
}
static void
wrong_key(struct scene *x)
{
    x->s.key = bound_spki;
    x->r.key = other_spki;
}
static void
no_key(struct scene *x)
{
    x->r.key = bound_spki;
}
/* One place names the right key, another does not. */
static void
two_keys(struct scene *x)
{
    static const char wrong[] =
        "0000000000000000000000000000000000000000000000000000000000000000";

    right_key(x);
    x->s.extra = json_pack("{s:s}", "key_sha256", wrong);
}
/* Neither true nor false. */
static void
simulated_by_number(struct scene *x)
{
    x->s.extra = json_pack("{s:i}", "simulated", 1);
}
static void
debugged_by_text(struct scene *x)
{
    x->s.extra = json_pack("{s:s}", "debug", "true");
}
static void
hash_of_no_text(struct scene *x)
{
    right_key(x);
    x->s.extra = json_pack("{s:i}", "key_sha256", 1);
}
/* "jwk" is the right key, "jkt" beside it another. */
static void
two_confirmations(struct scene *x)
{
    struct selfsame_err e = { 0 };
    struct jwk k;

    right_key(x);
    assert_code(jwk_of_spki(bound_spki, JOSE_NONE, &keep, &k, &e), SELFSAME_OK, &e);
    x->s.extra = json_pack(
        "{s:{s:o,s:s}}", "cnf", "jwk", jwk_json(&k), "jkt", signer_jwk.thumbprint);
}
static void
add(struct scene *x, const char *pointer, const char *value, enum selfsame_code code)
{
    x->r.claims[x->r.claim_count++] = (struct token_claim_rule){ pointer, value, code };
}
static void
right_claims(struct scene *x)
{
    add(x, "/release_name", "example.com/hello", SELFSAME_MISMATCH);
    add(x, "/release_sequence", "7", SELFSAME_DENIED);
    add(x, "/debug", "false", SELFSAME_DENIED);
    add(x, "/submods/nitro/ear.status", "affirming", SELFSAME_DENIED);
    add(x, "/submods/nitro/ear.veraison.policy-claims/class", "ok", SELFSAME_DENIED);
}
static void
wrong_release(struct scene *x)
{
    add(x, "/release_name", "example.com/hell", SELFSAME_MISMATCH);
}
static void
absent_claim(struct scene *x)
{
    add(x, "/nothing", "", SELFSAME_DENIED);
}
static void
object_claim(struct scene *x)
{
    add(x, "/submods", "", SELFSAME_DENIED);
}
static void
number_as_text(struct scene *x)
{
    add(x, "/release_sequence", "07", SELFSAME_DENIED);
}

static const struct {
    void (*bend)(struct scene *x);
    enum selfsame_code code;
    const char *says;
} scenes[] = {
    { nothing, SELFSAME_OK, "" },
    { no_rules, SELFSAME_USAGE, "issuer" },
    { no_issuer, SELFSAME_USAGE, "issuer" },
    { no_audience, SELFSAME_USAGE, "audience" },
    { no_time, SELFSAME_USAGE, "time" },
    { no_freshness, SELFSAME_USAGE, "nonce" },
    { age_in_place_of_nonce, SELFSAME_OK, "" },
    { too_old, SELFSAME_STALE, "age" },
    { just_old_enough, SELFSAME_OK, "" },
    { other_issuer, SELFSAME_DENIED, "issuer" },
    { any_issuer, SELFSAME_OK, "" },
    { other_audience, SELFSAME_UNBOUND, "audience" },
    { token_without_audience, SELFSAME_UNBOUND, "audience" },
    { expired, SELFSAME_STALE, "expired" },
    { expired_within_leeway, SELFSAME_OK, "" },
    { from_the_future, SELFSAME_STALE, "not valid" },
    { slightly_from_the_future, SELFSAME_OK, "" },
    { other_nonce, SELFSAME_STALE, "another nonce" },
    { shorter_nonce, SELFSAME_STALE, "another nonce" },
    { token_without_nonce, SELFSAME_STALE, "no nonce" },
    { warned, SELFSAME_DENIED, "warning" },
    { warned_and_taken, SELFSAME_OK, "" },
    { refused, SELFSAME_DENIED, "contraindicated" },
    { not_judged, SELFSAME_DENIED, "none" },
    { simulated, SELFSAME_DENIED, "simulated" },
    { simulated_and_taken, SELFSAME_OK, "" },
    { simulated_and_not_warned, SELFSAME_DENIED, "warning" },
    { debugged, SELFSAME_DEBUG, "debug" },
    { debugged_and_taken, SELFSAME_OK, "" },
    { right_key, SELFSAME_OK, "" },
    { wrong_key, SELFSAME_UNBOUND, "another key" },
    { no_key, SELFSAME_UNBOUND, "no key" },
    { two_keys, SELFSAME_UNBOUND, "another key" },
    { simulated_by_number, SELFSAME_DENIED, "simulated" },
    { debugged_by_text, SELFSAME_DEBUG, "debug" },
    { hash_of_no_text, SELFSAME_UNBOUND, "another key" },
    { right_claims, SELFSAME_OK, "" },
    { wrong_release, SELFSAME_MISMATCH, "release_name" },
    { absent_claim, SELFSAME_DENIED, "none" },
    { object_claim, SELFSAME_DENIED, "another value" },
    { number_as_text, SELFSAME_DENIED, "another value" },
};

static struct selfsame_bytes
token_of(const struct scene *x, bool cwt, struct arena *a)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes out;
    char *text;

    if (cwt) {
        assert_code(
            ear_cwt(&x->v, &x->s, signer, JOSE_ES256, a, &out, &e), SELFSAME_OK, &e);
        return out;
    }
    assert_code(
        ear_jwt(&x->v, &x->s, signer, JOSE_ES256, a, &text, &e), SELFSAME_OK, &e);
    return bytes_str(text);
}

static enum selfsame_code
open_and_check(struct selfsame_bytes text, const struct token_rules *r, struct arena *a,
    struct selfsame_err *e)
{
    struct jwks set = { &signer_jwk, 1 };
    auto_token t = { 0 };

    TRY(token_open(text, &set, a, &t, e));
    assert_string_equal(t.key->thumbprint, signer_jwk.thumbprint);
    return token_check(&t.ear, r, e);
}

/* In the three forms that a verifier writes. */
static void
each_breach_has_its_class_in_every_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(scenes); i++)
        for (int form = 0; form < 3; form++) {
            auto_arena a = arena_new(1 << 20);
            struct scene x = { made_accepted(), made_subject(), made_rules() };
            struct selfsame_err e = { 0 };

            scenes[i].bend(&x);
            x.s.dialect = form == 1 ? EAR_DRAFT : EAR_DEPLOYED;
            if (form > 0) /* the pointers are those of the deployed dialect */
                for (size_t k = 0; k < x.r.claim_count; k++)
                    if (strncmp(x.r.claims[k].pointer, "/submods/", 9) == 0)
                        x.r.claims[k] = (struct token_claim_rule){
                            "/submods/nitro/ear_status", "affirming", SELFSAME_DENIED
                        };
            const struct selfsame_bytes text = token_of(&x, form == 2, &a);
            const enum selfsame_code code = open_and_check(text, &x.r, &a, &e);
            json_decref(x.s.extra);
            if (code != scenes[i].code)
                fail_msg("scene %zu (%s), form %d: %s: %s", i, scenes[i].says, form,
                    selfsame_code_name(code), code != 0 ? err_text(&e) : "");
            if (code != SELFSAME_OK && strstr(err_text(&e), scenes[i].says) == NULL)
                fail_msg(
                    "scene %zu: expected %s, got %s", i, scenes[i].says, err_text(&e));
        }
}

/* A key of a kind that has no JWK here is compared by its hash and as it stands. */
static void
keys_of_other_kinds_are_compared_by_their_hash(void **state)
{
    static const uint8_t x25519[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65,
        0x6e, 0x03, 0x21, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3,
        4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8 };
    auto_arena a = arena_new(1 << 20);
    struct scene x = { made_accepted(), made_subject(), made_rules() };
    struct selfsame_err e = { 0 };
    uint8_t changed[sizeof(x25519)];

    (void)state;
    x.s.key = x.r.key = BYTES_ARR(x25519);
    assert_code(open_and_check(token_of(&x, false, &a), &x.r, &a, &e), SELFSAME_OK, &e);
    memcpy(changed, x25519, sizeof(changed));
    changed[20] ^= 1;
    x.r.key = BYTES_ARR(changed);
    assert_code(
        open_and_check(token_of(&x, false, &a), &x.r, &a, &e), SELFSAME_UNBOUND, &e);
}

static void
every_bit_cut_and_appended_byte_of_a_cwt_is_refused(void **state)
{
    auto_arena keep_token = arena_new(1 << 20);
    struct scene x = { made_accepted(), made_subject(), made_rules() };
    struct selfsame_err e = { 0 };

    (void)state;
    x.s.key = x.r.key = bound_spki;
    const struct selfsame_bytes made = token_of(&x, true, &keep_token);
    uint8_t *text = arena_alloc(&keep_token, 1, made.len + 1);
    memcpy(text, made.ptr, made.len);
    for (size_t bit = 0; bit < 8 * made.len; bit++) {
        auto_arena a = arena_new(1 << 20);

        text[bit / 8] = (uint8_t)(text[bit / 8] ^ (1u << (bit % 8)));
        if (open_and_check(BYTES(text, made.len), &x.r, &a, &e) == SELFSAME_OK)
            fail_msg("bit %zu", bit);
        text[bit / 8] = (uint8_t)(text[bit / 8] ^ (1u << (bit % 8)));
    }
    for (size_t n = 0; n < made.len; n++) {
        auto_arena a = arena_new(1 << 20);

        assert_int_not_equal(open_and_check(BYTES(text, n), &x.r, &a, &e), SELFSAME_OK);
    }
    auto_arena a = arena_new(1 << 20);
    assert_int_not_equal(
        open_and_check(BYTES(text, made.len + 1), &x.r, &a, &e), SELFSAME_OK);
    assert_code(open_and_check(BYTES(text, made.len), &x.r, &a, &e), SELFSAME_OK, &e);
    /* Tag 61 is outside of the signature: without it, it is the same COSE_Sign1. */
    assert_code(
        open_and_check(BYTES(text + 2, made.len - 2), &x.r, &a, &e), SELFSAME_OK, &e);
}

static void
every_failed_allocation_of_opening_is_told(void **state)
{
    auto_arena keep_token = arena_new(1 << 20);
    struct scene x = { made_accepted(), made_subject(), made_rules() };

    (void)state;
    x.s.key = x.r.key = bound_spki;
    for (int cwt = 0; cwt < 2; cwt++) {
        const struct selfsame_bytes made = token_of(&x, cwt, &keep_token);
        enum selfsame_code code = SELFSAME_NOMEM;
        long n = 1;

        for (; code == SELFSAME_NOMEM; n++) {
            auto_arena a = arena_new(1 << 20);
            struct selfsame_err e = { 0 };

            a.fail_at = n;
            code = open_and_check(made, &x.r, &a, &e);
        }
        assert_int_equal(code, SELFSAME_OK);
        assert_true(n > 2);
    }
}

/* Claims of JSON survive the way through CBOR, so that rules need not know the form. */
static void
a_cwt_says_what_the_jwt_says(void **state)
{
    static const enum key_type types[] = { KEY_P256, KEY_P384, KEY_ED25519,
        KEY_RSA2048 };

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        auto_arena a = arena_new(1 << 20);
        struct scene x = { made_accepted(), made_subject(), made_rules() };
        struct selfsame_err e = { 0 };
        struct selfsame_bytes cbor;
        auto_json *claims = NULL, *back = NULL;
        auto_key *k = NULL;

        assert_code(key_generate(types[i], &k, &e), SELFSAME_OK, &e);
        assert_code(key_spki(k, &a, &x.s.key, &e), SELFSAME_OK, &e);
        x.s.dialect = EAR_DRAFT;
        assert_code(ear_claims(&x.v, &x.s, &claims, &e), SELFSAME_OK, &e);
        assert_code(cwt_claims_put(claims, &a, &cbor, &e), SELFSAME_OK, &e);
        assert_code(cwt_claims_read(cbor, &back, &e), SELFSAME_OK, &e);
        /* A COSE key has no place for the kid, which is its own thumbprint. */
        (void)json_object_del(
            json_object_get(json_object_get(claims, "cnf"), "jwk"), "kid");
        if (!json_equal(claims, back))
            fail_msg("%s\n%s", json_compact(claims), json_compact(back));
        assert_true(cbor.len < json_dumpb(claims, NULL, 0, JSON_COMPACT));
    }
}

/* The example of RFC 8392 A.3: a CWT of somebody else's, whose key is in A.2.3. */
static void
the_example_of_rfc_8392_verifies(void **state)
{
    static const char hex[] =
        "d28443a10126a104524173796d6d657472696345434453413235365850a701756"
        "36f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f"
        "61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d"
        "9f0061a5610d9f007420b7158405427c1ff28d23fbad1f29c4c7c6a555e601d6f"
        "a29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f85951ecee743a5"
        "2b9b63632c57209120e1c9e30";
    auto_arena a = arena_new(1 << 20);
    struct selfsame_bytes in = unhex(hex, &a);
    struct selfsame_err e = { 0 };
    const struct jwk *by;
    auto_json *claims = NULL;
    auto_jws s = { 0 };
    struct jwks set;

    (void)state;
    assert_code(
        jwks_parse(BYTES_LIT("{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":"
                             "\"AsymmetricECDSA256\",\"x\":\"FDMpzOeGjkFpJ1mc9lo0884v_"
                             "aVafspp7YkZo5TULw8\","
                             "\"y\":\"YPfxp4DYp4O_t6LdayeW6BKNu87509Fo25Uplxo257k\"}"),
            &a, &set, &e),
        SELFSAME_OK, &e);
    assert_code(cwt_parse(in, &a, &s, &e), SELFSAME_OK, &e);
    assert_code(jws_verify(&s, &set, &by, &e), SELFSAME_OK, &e);
    assert_string_equal(s.kid, "AsymmetricECDSA256");
    assert_code(cwt_claims_read(s.payload, &claims, &e), SELFSAME_OK, &e);
    assert_string_equal(
        json_string_value(json_object_get(claims, "iss")), "coap://as.example.com");
    assert_string_equal(json_string_value(json_object_get(claims, "sub")), "erikw");
    assert_int_equal(json_integer_value(json_object_get(claims, "exp")), 1444064944);
}

static void
claims_in_cbor_that_contradict_themselves_are_malformed(void **state)
{
    static const struct {
        const char *hex;
        enum selfsame_code code;
    } rows[] = {
        { "a0", SELFSAME_OK },
        { "a10164746578 74", SELFSAME_OK },
        { "a2016161636973736162", SELFSAME_MALFORMED }, /* 1 and "iss" */
        { "a2016161016162", SELFSAME_MALFORMED },       /* 1 twice */
        { "a163313030f5", SELFSAME_OK },
        { "a21864f563313030f5", SELFSAME_MALFORMED }, /* 100 and "100" */
        { "80", SELFSAME_MALFORMED },
        { "01", SELFSAME_MALFORMED },
        { "a101f97e00", SELFSAME_MALFORMED },             /* a float */
        { "a101f7", SELFSAME_MALFORMED },                 /* undefined */
        { "a1016161 00", SELFSAME_MALFORMED },            /* more behind it */
        { "a140f5", SELFSAME_MALFORMED },                 /* a key of bytes */
        { "a101626100", SELFSAME_MALFORMED },             /* a text with NUL */
        { "a1626100f5", SELFSAME_MALFORMED },             /* a name with NUL */
        { "a10161ff", SELFSAME_MALFORMED },               /* no UTF-8 */
        { "a1011bffffffffffffffff", SELFSAME_MALFORMED }, /* no number of JSON's */
        { "bf016161ff", SELFSAME_OK },
        { "a101c1c1c1c1c1c100", SELFSAME_OK },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena a = arena_new(1 << 16);
        struct selfsame_err e = { 0 };
        auto_json *claims = NULL;
        char hex[64];
        size_t n = 0;

        for (const char *p = rows[i].hex; *p != '\0'; p++)
            if (*p != ' ')
                hex[n++] = *p;
        hex[n] = '\0';
        const enum selfsame_code code = cwt_claims_read(unhex(hex, &a), &claims, &e);
        if (code != rows[i].code)
            fail_msg("%s: %s", rows[i].hex, selfsame_code_name(code));
    }
}

/* Tags upon tags and arrays in arrays end in an error, not in the stack. */
static void
nesting_without_end_is_refused(void **state)
{
    enum { DEEP = 60000 };
    static const uint8_t heads[] = { 0x81, 0xa1, 0xc1, 0x9f };

    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        auto_arena a = arena_new(1 << 20);
        uint8_t *deep = arena_alloc(&a, 1, DEEP);
        struct selfsame_err e = { 0 };
        auto_json *claims = NULL;

        memset(deep, heads[i], DEEP);
        deep[0] = 0xa1;
        deep[1] = 0x01;
        assert_code(
            cwt_claims_read(BYTES(deep, DEEP), &claims, &e), SELFSAME_MALFORMED, &e);
    }
}

static void
pointers_find_members_as_rfc_6901_says(void **state)
{
    static const struct {
        const char *pointer, *value;
    } rows[] = {
        { "/a", "1" },
        { "/b~1c", "2" },
        { "/d~0e", "3" },
        { "/list/1", "5" },
        { "/", "6" },
        { "/in/ner", "7" },
        { "/x", NULL },
        { "a", NULL },
        { "/list/2", NULL },
        { "/list/-1", NULL },
        { "/a/b", NULL },
    };
    struct selfsame_err e = { 0 };
    auto_json *j = NULL;

    (void)state;
    assert_code(
        json_parse(BYTES_LIT("{\"a\":\"1\",\"b/c\":\"2\",\"d~e\":\"3\",\"list\":"
                             "[\"4\",\"5\"],\"\":\"6\",\"in\":{\"ner\":\"7\"}}"),
            "test", &j, &e),
        SELFSAME_OK, &e);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *got = json_string_value(token_claim(j, rows[i].pointer));

        if (rows[i].value == NULL)
            assert_null(got);
        else
            assert_string_equal(got, rows[i].value);
    }
    assert_ptr_equal(token_claim(j, ""), j);
}

/* In JSON alone: "jkt" has no place in the COSE form. */
static void
a_second_confirmation_is_compared_too(void **state)
{
    auto_arena a = arena_new(1 << 20);
    struct scene x = { made_accepted(), made_subject(), made_rules() };
    struct selfsame_err e = { 0 };

    (void)state;
    two_confirmations(&x);
    assert_code(
        open_and_check(token_of(&x, false, &a), &x.r, &a, &e), SELFSAME_UNBOUND, &e);
    json_decref(x.s.extra);
}

static void
tokens_made_for_something_else_are_not_taken(void **state)
{
    static const struct {
        const char *typ;
        enum selfsame_code code;
    } rows[] = {
        { "JWT", SELFSAME_OK },
        { "jwt", SELFSAME_OK },
        { "eat+jwt", SELFSAME_OK },
        { "application/eat+jwt; eat_profile=\"x\"", SELFSAME_OK },
        { "dpop+jwt", SELFSAME_UNSUPPORTED },
        { "secevent+jwt", SELFSAME_UNSUPPORTED },
        { "", SELFSAME_UNSUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        auto_arena a = arena_new(1 << 20);
        struct scene x = { made_accepted(), made_subject(), made_rules() };
        struct selfsame_err e = { 0 };
        auto_json *claims = NULL, *header = json_pack("{s:s}", "typ", rows[i].typ);
        char *text;

        assert_code(ear_claims(&x.v, &x.s, &claims, &e), SELFSAME_OK, &e);
        char *payload = json_compact(claims);
        assert_code(
            jws_sign(signer, JOSE_ES256, header, bytes_str(payload), &a, &text, &e),
            SELFSAME_OK, &e);
        assert_code(open_and_check(bytes_str(text), &x.r, &a, &e), rows[i].code, &e);
        free(payload);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_breach_has_its_class_in_every_form),
        cmocka_unit_test(keys_of_other_kinds_are_compared_by_their_hash),
        cmocka_unit_test(every_bit_cut_and_appended_byte_of_a_cwt_is_refused),
        cmocka_unit_test(every_failed_allocation_of_opening_is_told),
        cmocka_unit_test(a_cwt_says_what_the_jwt_says),
        cmocka_unit_test(the_example_of_rfc_8392_verifies),
        cmocka_unit_test(claims_in_cbor_that_contradict_themselves_are_malformed),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(pointers_find_members_as_rfc_6901_says),
        cmocka_unit_test(a_second_confirmation_is_compared_too),
        cmocka_unit_test(tokens_made_for_something_else_are_not_taken),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
