/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "codec/pem.h"
#include "crypto/x509.h"

#include <openssl/x509v3.h>
#include <pthread.h>

enum { NOW = 1750000000, LEVELS = 4 };
static const char *const names[LEVELS] = { "Root", "Region", "Instance", "leaf" };

/* Root, two CAs and a leaf, made by cert_make and bent by a test. */
struct world {
    struct arena arena;
    struct key *key[LEVELS];
    struct key *stranger;
    struct selfsame_bytes der[LEVELS];
};

static struct cert_request
request(size_t level)
{
    return (struct cert_request){ .common_name = names[level],
        .organization = "Test",
        .not_before = NOW - 1000,
        .not_after = NOW + 1000,
        .ca = level < LEVELS - 1,
        .path_len = level == 0 || level == LEVELS - 1 ? -1
                                                      : (int)(LEVELS - 2 - level) };
}

static void
issue(struct world *w, size_t level, const struct cert_request *r,
    struct selfsame_bytes issuer_cert, const struct key *signer)
{
    struct selfsame_err e = { 0 };

    assert_code(
        cert_make(r, w->key[level], issuer_cert, signer, &w->arena, &w->der[level], &e),
        SELFSAME_OK, &e);
}

static void
issue_all(struct world *w)
{
    for (size_t i = 0; i < LEVELS; i++) {
        struct cert_request r = request(i);
        issue(
            w, i, &r, i == 0 ? BYTES_NONE : w->der[i - 1], w->key[i == 0 ? 0 : i - 1]);
    }
}

static int
setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct selfsame_err e = { 0 };

    assert_non_null(w);
    w->arena = arena_new(1 << 20);
    for (size_t i = 0; i < LEVELS; i++)
        assert_code(key_generate(i == 1 ? KEY_P256 : KEY_P384, &w->key[i], &e),
            SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P384, &w->stranger, &e), SELFSAME_OK, &e);
    issue_all(w);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < LEVELS; i++)
        key_free(&w->key[i]);
    key_free(&w->stranger);
    arena_free(&w->arena);
    free(w);
    return 0;
}

/* Parses and verifies; a certificate that does not parse counts as refused. */
static enum selfsame_code
verify_ders(const struct selfsame_bytes *der, size_t count, int64_t now,
    struct cert_cache *cache, struct selfsame_err *e)
{
    struct chain c = { .count = count - 1 };

    TRY(cert_parse(der[0], &c.anchor, e));
    for (size_t i = 1; i < count; i++)
        TRY(cert_parse(der[i], &c.cert[i - 1], e));
    return chain_verify(&c, now, cache, e);
}

static X509 *
oracle(struct selfsame_bytes der)
{
    const uint8_t *p = der.ptr;
    X509 *x = d2i_X509(NULL, &p, (long)der.len);

    assert_non_null(x);
    return x;
}

static bool
oracle_accepts(const struct selfsame_bytes *der, size_t count, int64_t now)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *middle = sk_X509_new_null();
    X509 *root = oracle(der[0]), *leaf = oracle(der[count - 1]);

    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    for (size_t i = 1; i + 1 < count; i++)
        assert_true(sk_X509_push(middle, oracle(der[i])) > 0);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, middle), 1);
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(ctx), now);
    bool ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_pop_free(middle, X509_free);
    X509_free(root);
    X509_free(leaf);
    return ok;
}

/* ---- defects that cert_make would not make: changed by libcrypto, signed again ---- */

static void
drop_extension(X509 *x, int nid)
{
    int i = X509_get_ext_by_NID(x, nid, -1);

    assert_true(i >= 0);
    X509_EXTENSION_free(X509_delete_ext(x, i));
}

static void
without_usage(X509 *x)
{
    drop_extension(x, NID_key_usage);
}

static void
set_usage_bit(X509 *x, int bit)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();

    assert_int_equal(ASN1_BIT_STRING_set_bit(bits, bit, 1), 1);
    drop_extension(x, NID_key_usage);
    assert_int_equal(X509_add1_ext_i2d(x, NID_key_usage, bits, 1, 0), 1);
    ASN1_BIT_STRING_free(bits);
}

static void
only_key_encipherment(X509 *x)
{
    set_usage_bit(x, 2);
}

static void
only_digital_signature(X509 *x)
{
    set_usage_bit(x, 0);
}

static void
unknown_critical(X509 *x)
{
    static const uint8_t value[] = { 0x05, 0x00 };
    ASN1_OBJECT *obj = OBJ_txt2obj("1.2.3.4.5", 1);
    ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();

    assert_int_equal(ASN1_OCTET_STRING_set(data, value, sizeof(value)), 1);
    X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 1, data);
    assert_int_equal(X509_add_ext(x, ext, -1), 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(data);
    ASN1_OBJECT_free(obj);
}

static void
other_authority_key_id(X509 *x)
{
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();

    aki->keyid = ASN1_OCTET_STRING_new();
    assert_int_equal(
        ASN1_OCTET_STRING_set(aki->keyid, (const uint8_t *)"another!", 8), 1);
    drop_extension(x, NID_authority_key_identifier);
    assert_int_equal(X509_add1_ext_i2d(x, NID_authority_key_identifier, aki, 0, 0), 1);
    AUTHORITY_KEYID_free(aki);
}

static void
other_issuer_name(X509 *x)
{
    X509_NAME *name = X509_NAME_new();

    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                         (const uint8_t *)"Nobody", -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    X509_NAME_free(name);
}

/* The same words as PrintableString: equal to libcrypto, other bytes to us. */
static void
issuer_name_in_other_letters(X509 *x)
{
    X509_NAME *name = X509_NAME_new();

    assert_int_equal(X509_NAME_add_entry_by_txt(name, "O", V_ASN1_PRINTABLESTRING,
                         (const uint8_t *)"Test", -1, -1, 0),
        1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_PRINTABLESTRING,
                         (const uint8_t *)"Instance", -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    X509_NAME_free(name);
}

static void
rewrite(
    struct world *w, size_t level, void (*change)(X509 *x), const struct key *signer)
{
    X509 *x = oracle(w->der[level]);
    uint8_t *der = NULL;
    const EVP_MD *md = key_type_of(signer) == KEY_P256 ? EVP_sha256() : EVP_sha384();

    if (change != NULL)
        change(x);
    assert_true(X509_sign(x, key_native(signer), md) > 0);
    int n = i2d_X509(x, &der);
    assert_true(n > 0);
    assert_true(arena_dup(&w->arena, BYTES(der, (size_t)n), &w->der[level]));
    OPENSSL_free(der);
    X509_free(x);
}

static void
expired(struct cert_request *r)
{
    r->not_after = NOW - 1;
}

static void
not_yet_valid(struct cert_request *r)
{
    r->not_before = NOW + 1;
}

static void
path_len_zero(struct cert_request *r)
{
    r->path_len = 0;
}

static void
not_ca(struct cert_request *r)
{
    r->ca = false;
}

static void
leaf_ca(struct cert_request *r)
{
    r->ca = true;
}

static const struct {
    const char *what;
    size_t level;
    void (*ask)(struct cert_request *r);
    void (*change)(X509 *x);
    bool stranger; /* signs instead of the issuer */
    bool oracle;   /* libcrypto accepts: here our profile is stricter */
    const char *says;
} defects[] = {
    { .what = "expired leaf",
        .level = 3,
        .ask = expired,
        .says = "certificate 3 of 3 (leaf): expired at 2025-06-15T15:06:39Z" },
    { .what = "expired CA",
        .level = 1,
        .ask = expired,
        .says = "1 of 3 (Region): exp" },
    { .what = "expired anchor",
        .level = 0,
        .ask = expired,
        .says = "trust anchor (Root): expired" },
    { .what = "leaf not yet valid",
        .level = 3,
        .ask = not_yet_valid,
        .says = "not valid before 2025-06-15T15:06:41Z" },
    { .what = "CA not yet valid", .level = 2, .ask = not_yet_valid, .says = "before" },
    { .what = "pathLen too small",
        .level = 1,
        .ask = path_len_zero,
        .says = "at most 0 CA certificates below it (pathLen), got 1" },
    { .what = "pathLen of the anchor too small",
        .level = 0,
        .ask = path_len_zero,
        .says = "at most 0 CA certificates below it (pathLen), got 2" },
    { .what = "issuer is no CA", .level = 2, .ask = not_ca, .says = "expected a CA" },
    { .what = "CA without keyUsage",
        .level = 2,
        .change = without_usage,
        .oracle = true,
        .says = "keyCertSign, got none" },
    { .what = "CA without keyCertSign",
        .level = 2,
        .change = only_digital_signature,
        .says = "keyCertSign, got other uses" },
    { .what = "leaf without keyUsage",
        .level = 3,
        .change = without_usage,
        .oracle = true,
        .says = "digitalSignature, got none" },
    { .what = "leaf that may only encrypt",
        .level = 3,
        .change = only_key_encipherment,
        .oracle = true,
        .says = "digitalSignature, got other uses" },
    { .what = "leaf that is a CA",
        .level = 3,
        .ask = leaf_ca,
        .oracle = true,
        .says = "got a CA" },
    { .what = "other issuer name",
        .level = 3,
        .change = other_issuer_name,
        .says = "expected issuer Instance, got Nobody" },
    { .what = "issuer name in another string type",
        .level = 3,
        .change = issuer_name_in_other_letters,
        .oracle = true,
        .says = "expected issuer" },
    { .what = "other authority key identifier",
        .level = 3,
        .change = other_authority_key_id,
        .says = "authority key identifier" },
    { .what = "leaf signed by a stranger",
        .level = 3,
        .stranger = true,
        .says = "does not verify" },
    { .what = "CA signed by a stranger",
        .level = 1,
        .stranger = true,
        .says = "does not verify" },
    { .what = "unknown critical extension in the leaf",
        .level = 3,
        .change = unknown_critical,
        .says = "critical extension" },
    { .what = "unknown critical extension in a CA",
        .level = 1,
        .change = unknown_critical,
        .says = "critical extension" },
};

static void
spoil(struct world *w, size_t i)
{
    size_t level = defects[i].level, above = level == 0 ? 0 : level - 1;
    const struct key *signer = defects[i].stranger ? w->stranger : w->key[above];
    struct cert_request r = request(level);

    if (defects[i].ask != NULL)
        defects[i].ask(&r);
    issue(w, level, &r, level == 0 ? BYTES_NONE : w->der[above], w->key[above]);
    rewrite(w, level, defects[i].change, signer);
}

static void
a_good_chain_is_accepted(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };

    assert_true(oracle_accepts(w->der, LEVELS, NOW));
    assert_code(verify_ders(w->der, LEVELS, NOW, NULL, &e), SELFSAME_OK, &e);
    assert_code(verify_ders(w->der, LEVELS, NOW - 1000, NULL, &e), SELFSAME_OK, &e);
    assert_code(verify_ders(w->der, LEVELS, NOW + 1000, NULL, &e), SELFSAME_OK, &e);
    assert_int_equal(
        verify_ders(w->der, LEVELS, NOW - 1001, NULL, &e), SELFSAME_BAD_CHAIN);
    assert_int_equal(
        verify_ders(w->der, LEVELS, NOW + 1001, NULL, &e), SELFSAME_BAD_CHAIN);
}

static void
every_defect_is_refused_as_libcrypto_does_or_stricter(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < COUNT(defects); i++) {
        struct selfsame_err e = { 0 };
        struct cert_cache *cache = cert_cache_new(16);

        issue_all(w);
        assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
        spoil(w, i);
        if (oracle_accepts(w->der, LEVELS, NOW) != defects[i].oracle)
            fail_msg("libcrypto thinks otherwise: %s", defects[i].what);
        /* A warm cache must not help any of them through. */
        struct cert_cache *caches[] = { NULL, cache };
        for (size_t j = 0; j < COUNT(caches); j++) {
            enum selfsame_code got = verify_ders(w->der, LEVELS, NOW, caches[j], &e);
            if (got != SELFSAME_BAD_CHAIN &&
                !(got == SELFSAME_UNSUPPORTED && defects[i].change == unknown_critical))
                fail_msg("%s: %s", defects[i].what, selfsame_code_name(got));
            assert_int_equal(e.code, got);
            if (strstr(err_text(&e), defects[i].says) == NULL)
                fail_msg("%s says: %s", defects[i].what, err_text(&e));
        }
        assert_int_equal(cert_cache_stats(cache).entries, LEVELS - 1);
        cert_cache_free(cache);
    }
}

static void
the_failing_signature_is_named(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    char text[1024];

    rewrite(w, 2, NULL, w->stranger);
    assert_int_equal(verify_ders(w->der, LEVELS, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
    selfsame_err_print(&e, text, sizeof(text));
    assert_non_null(
        strstr(text, "certificate 2 of 3 (Instance): signature by Region: "));
    assert_non_null(strstr(text, "[bad-chain]"));
}

static void
chains_of_no_or_too_many_certificates_are_refused(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct chain c = { .count = 0 };

    assert_code(cert_parse(w->der[0], &c.anchor, &e), SELFSAME_OK, &e);
    assert_int_equal(chain_verify(&c, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
    c.count = CHAIN_MAX + 1;
    assert_int_equal(chain_verify(&c, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
    /* The zero chain: nothing in it is a CA. */
    struct chain zero = { .count = 1 };
    assert_int_equal(chain_verify(&zero, 0, NULL, &e), SELFSAME_BAD_CHAIN);
}

static void
leaving_out_or_reordering_certificates_is_refused(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct selfsame_bytes cut[] = { w->der[0], w->der[2], w->der[3] };
    struct selfsame_bytes turned[] = { w->der[0], w->der[2], w->der[1], w->der[3] };
    struct selfsame_bytes ends_in_ca[] = { w->der[0], w->der[1], w->der[2] };

    assert_int_equal(verify_ders(cut, 3, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
    assert_int_equal(verify_ders(turned, 4, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
    assert_int_equal(verify_ders(ends_in_ca, 3, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
}

static void
a_usage_of_the_leaf_may_be_missing_only_when_said(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct chain c = { .count = LEVELS - 1, .leaf_may_lack_usage = true };

    rewrite(w, 3, without_usage, w->key[2]);
    assert_code(cert_parse(w->der[0], &c.anchor, &e), SELFSAME_OK, &e);
    for (size_t i = 1; i < LEVELS; i++)
        assert_code(cert_parse(w->der[i], &c.cert[i - 1], &e), SELFSAME_OK, &e);
    assert_code(chain_verify(&c, NOW, NULL, &e), SELFSAME_OK, &e);
    c.leaf_may_lack_usage = false;
    assert_int_equal(chain_verify(&c, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
    /* One that is there must still allow signing. */
    issue_all(w);
    rewrite(w, 3, only_key_encipherment, w->key[2]);
    assert_code(cert_parse(w->der[3], &c.cert[2], &e), SELFSAME_OK, &e);
    c.leaf_may_lack_usage = true;
    assert_int_equal(chain_verify(&c, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
}

/* ---- every bit ---- */

static void
no_flipped_bit_passes_even_with_a_warm_cache(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct cert_cache *cache = cert_cache_new(16);

    assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    for (size_t level = 1; level < LEVELS; level++) {
        struct selfsame_bytes bent;
        assert_true(arena_dup(&w->arena, w->der[level], &bent));
        uint8_t *p = (uint8_t *)(uintptr_t)bent.ptr;
        struct selfsame_bytes der[LEVELS];
        memcpy(der, w->der, sizeof(der));
        der[level] = bent;
        for (size_t bit = 0; bit < 8 * bent.len; bit++) {
            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (verify_ders(der, LEVELS, NOW, cache, &e) == SELFSAME_OK)
                fail_msg("level %zu, bit %zu is accepted", level, bit);
            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_int_equal(cert_cache_stats(cache).entries, LEVELS - 1);
    cert_cache_free(cache);
}

/* ---- cache ---- */

static void
a_cache_saves_signatures_but_not_checks(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct cert_cache *cache = cert_cache_new(16);

    assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    struct cert_cache_stats s = cert_cache_stats(cache);
    assert_int_equal(s.hits, 0);
    assert_int_equal(s.misses, 3);
    assert_int_equal(s.entries, 3);
    assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    s = cert_cache_stats(cache);
    assert_int_equal(s.hits, 3);
    assert_int_equal(s.misses, 3);
    assert_int_equal(
        verify_ders(w->der, LEVELS, NOW + 2000, cache, &e), SELFSAME_BAD_CHAIN);
    cert_cache_flush(cache);
    assert_int_equal(cert_cache_stats(cache).entries, 0);
    assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    assert_int_equal(cert_cache_stats(cache).misses, 6);
    cert_cache_free(cache);
}

static void
a_chain_that_fails_at_the_end_leaves_no_trace(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct cert_cache *cache = cert_cache_new(16);

    rewrite(w, 3, NULL, w->stranger);
    assert_int_equal(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_BAD_CHAIN);
    assert_int_equal(cert_cache_stats(cache).entries, 0);
    cert_cache_free(cache);
}

/* Same issuer key in another anchor certificate: what was learnt does not count. */
static void
another_anchor_does_not_share_entries(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct cert_cache *cache = cert_cache_new(16);

    assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    struct cert_request r = request(0);
    issue(w, 0, &r, BYTES_NONE, w->key[0]);
    assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    assert_int_equal(cert_cache_stats(cache).hits, 0);
    assert_int_equal(cert_cache_stats(cache).entries, 6);
    cert_cache_free(cache);
}

/*
 * A CA of the same name with another key, itself in order: what its namesake signed
 * is none of its own, however well it is remembered.
 */
static void
another_issuer_of_the_same_name_does_not_share_entries(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct cert_cache *cache = cert_cache_new(16);
    struct cert_request leaf = request(3), issuer = request(2);

    leaf.no_key_ids = true; /* an AKI would tell the two apart before any signature */
    issue(w, 3, &leaf, w->der[2], w->key[2]);
    assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    assert_code(cert_make(&issuer, w->stranger, w->der[1], w->key[1], &w->arena,
                    &w->der[2], &e),
        SELFSAME_OK, &e);
    assert_int_equal(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_BAD_CHAIN);
    assert_int_equal(verify_ders(w->der, LEVELS, NOW, NULL, &e), SELFSAME_BAD_CHAIN);
    cert_cache_free(cache);
}

static void
a_full_cache_forgets_the_oldest(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct cert_cache *cache = cert_cache_new(4);
    struct selfsame_bytes leaf[3][LEVELS];

    for (size_t i = 0; i < 3; i++) {
        struct cert_request r = request(3);
        issue(w, 3, &r, w->der[2], w->key[2]);
        memcpy(leaf[i], w->der, sizeof(w->der));
    }
    /* Two CAs and two leaves fit; the third leaf pushes the first one out. */
    for (size_t i = 0; i < 3; i++)
        assert_code(verify_ders(leaf[i], LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    assert_int_equal(cert_cache_stats(cache).entries, 4);
    assert_int_equal(cert_cache_stats(cache).misses, 5);
    assert_code(verify_ders(leaf[1], LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    assert_int_equal(cert_cache_stats(cache).misses, 5);
    assert_code(verify_ders(leaf[0], LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    assert_int_equal(cert_cache_stats(cache).misses, 6);
    cert_cache_free(cache);
    assert_null(cert_cache_new(0));
    cert_cache_free(NULL);
}

/* One entry, so that every insertion evicts: the lists must hold together. */
static void
the_smallest_cache_works(void **state)
{
    struct world *w = *state;
    struct selfsame_err e = { 0 };
    struct cert_cache *cache = cert_cache_new(1);

    for (int i = 0; i < 5; i++)
        assert_code(verify_ders(w->der, LEVELS, NOW, cache, &e), SELFSAME_OK, &e);
    assert_int_equal(cert_cache_stats(cache).entries, 1);
    cert_cache_free(cache);
}

struct job {
    const struct world *w;
    struct cert_cache *cache;
    enum selfsame_code code;
};

static void *
verify_often(void *arg)
{
    struct job *j = arg;
    struct selfsame_err e;

    for (int i = 0; i < 50 && j->code == SELFSAME_OK; i++)
        j->code = verify_ders(j->w->der, LEVELS, NOW, j->cache, &e);
    return NULL;
}

static void
threads_share_a_cache(void **state)
{
    struct world *w = *state;
    struct cert_cache *cache = cert_cache_new(2);
    struct job job[4];
    pthread_t t[4];

    for (size_t i = 0; i < COUNT(t); i++) {
        job[i] = (struct job){ .w = w, .cache = cache };
        assert_int_equal(pthread_create(&t[i], NULL, verify_often, &job[i]), 0);
    }
    for (size_t i = 0; i < COUNT(t); i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(job[i].code, SELFSAME_OK);
    }
    assert_int_equal(cert_cache_stats(cache).entries, 2);
    cert_cache_free(cache);
}

/* ---- real chains ---- */

/* The certificates of a Nitro document as its CBOR holds them: 59 LL LL 30 82 … */
static size_t
carve(struct selfsame_bytes doc, struct selfsame_bytes *ret, size_t cap)
{
    size_t count = 0;

    for (size_t i = 0; i + 5 < doc.len && count < cap; i++) {
        const uint8_t *p = doc.ptr + i;
        size_t n = (size_t)p[1] << 8 | p[2];
        if (p[0] != 0x59 || p[3] != 0x30 || p[4] != 0x82 || i + 3 + n > doc.len ||
            ((size_t)p[5] << 8 | p[6]) + 4 != n)
            continue;
        ret[count++] = BYTES(p + 3, n);
        i += n;
    }
    return count;
}

static const char *const aws_documents[] = {
    "evervault+attestation-doc-validation/ga-valid-attestation-doc.cbor",
    "evervault+attestation-doc-validation/valid-attestation-doc.cbor",
    "evervault+attestation-doc-validation/debug-mode-attestation-doc.cbor",
    "evervault+attestation-doc-validation/from-cert-prod-2023-01-18.cbor",
    "evervault+attestation-doc-validation/from-cert-debug-2023-01-18.cbor",
    "Dstack-TEE+dstack/attest-prod.cbor",
    "Dstack-TEE+dstack/attest-debug.cbor",
    "marlinprotocol+oyster-monorepo/aws.cbor",
};

/* Leaf first in the document; we want the root first and the leaf last. */
static void
root_first(struct selfsame_bytes der[5])
{
    struct selfsame_bytes leaf = der[0];

    memmove(der, der + 1, 4 * sizeof(*der));
    der[4] = leaf;
}

static void
aws_chains_hold_in_their_three_hours(void **state)
{
    (void)state;
    need_shared();
    struct cert_cache *cache = cert_cache_new(64);
    for (size_t i = 0; i < COUNT(aws_documents); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes der[8];
        struct cert leaf;
        char path[200];

        (void)snprintf(path, sizeof(path), "vectors/nitro/%s", aws_documents[i]);
        assert_int_equal(carve(shared_file(path, &arena), der, COUNT(der)), 5);
        root_first(der);
        assert_code(cert_parse(der[4], &leaf, &e), SELFSAME_OK, &e);
        int64_t in = leaf.not_before + 60, out = leaf.not_after + 1;
        assert_true(oracle_accepts(der, 5, in));
        assert_code(verify_ders(der, 5, in, cache, &e), SELFSAME_OK, &e);
        assert_code(verify_ders(der, 5, in, cache, &e), SELFSAME_OK, &e);
        assert_int_equal(verify_ders(der, 5, out, cache, &e), SELFSAME_BAD_CHAIN);
        assert_false(oracle_accepts(der, 5, out));
    }
    assert_true(cert_cache_stats(cache).hits >= 4 * COUNT(aws_documents));
    cert_cache_free(cache);
}

static size_t
read_pem(const char *path, struct arena *arena, struct selfsame_bytes *ret)
{
    struct selfsame_err e = { 0 };
    struct selfsame_bytes rest = shared_file(path, arena);

    for (size_t n = 0;; n++) {
        assert_code(
            pem_next(&rest, "CERTIFICATE", arena, &ret[n], &e), SELFSAME_OK, &e);
        if (ret[n].ptr == NULL)
            return n;
    }
}

static void
amd_chains_hold(void **state)
{
    (void)state;
    need_shared();
    static const struct {
        const char *ark, *ask, *vcek;
    } products[] = {
        { "virtee+sev/chain/milan-ark.pem", "virtee+sev/chain/milan-ask.pem",
            "virtee+sev/milan-v2/vcek.der" },
        { "virtee+sev/chain/genoa-ark.pem", "virtee+sev/chain/genoa-ask.pem",
            "veraison+services/genoa-v3-tsm/vcek.der" },
        { "virtee+sev/chain/turin-ark.pem", "virtee+sev/chain/turin-ask.pem",
            "microsoft+TEE-Attestation-Verification/turin-v5/vcek.der" },
    };
    for (size_t i = 0; i < COUNT(products); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct selfsame_bytes der[3][4];
        char path[200];
        struct chain c = { .count = 2, .leaf_may_lack_usage = true };

        (void)snprintf(path, sizeof(path), "vectors/snp/%s", products[i].ark);
        assert_int_equal(read_pem(path, &arena, der[0]), 1);
        (void)snprintf(path, sizeof(path), "vectors/snp/%s", products[i].ask);
        assert_int_equal(read_pem(path, &arena, der[1]), 1);
        (void)snprintf(path, sizeof(path), "vectors/snp/%s", products[i].vcek);
        der[2][0] = shared_file(path, &arena);
        assert_code(cert_parse(der[0][0], &c.anchor, &e), SELFSAME_OK, &e);
        assert_code(cert_parse(der[1][0], &c.cert[0], &e), SELFSAME_OK, &e);
        assert_code(cert_parse(der[2][0], &c.cert[1], &e), SELFSAME_OK, &e);
        int64_t now = c.cert[1].not_before;
        assert_code(chain_verify(&c, now, NULL, &e), SELFSAME_OK, &e);
        c.leaf_may_lack_usage = false;
        assert_int_equal(chain_verify(&c, now, NULL, &e), SELFSAME_BAD_CHAIN);
        /* The root signed itself, too. */
        uint8_t store[256];
        struct sig_check check;
        assert_code(
            cert_sig_check(&c.anchor, &c.anchor, store, &check, &e), SELFSAME_OK, &e);
        assert_code(sig_verify(&check, &e), SELFSAME_OK, &e);
    }
}

static void
intel_chains_hold(void **state)
{
    (void)state;
    need_shared();
#define QVL "vectors/sgx/intel+SGX-TDX-DCAP-QuoteVerificationLibrary/sample/"
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes sign[4], pck[4], root[4], tcb[4];

    assert_int_equal(read_pem(QVL "trustedRootCaCert.pem", &arena, root), 1);
    assert_int_equal(read_pem(QVL "pckCert.pem", &arena, pck), 1);
    size_t n = read_pem(QVL "pckSignChain.pem", &arena, sign);
    assert_int_equal(n, 2);
    struct selfsame_bytes middle = bytes_eq(sign[0], root[0]) ? sign[1] : sign[0];
    struct selfsame_bytes chain[] = { root[0], middle, pck[0] };
    struct cert leaf;
    assert_code(cert_parse(pck[0], &leaf, &e), SELFSAME_OK, &e);
    int64_t now = leaf.not_before + 86400;
    assert_int_equal(
        verify_ders(chain, 3, now, NULL, &e), oracle_accepts(chain, 3, now) ? 0 : 12);
    assert_code(verify_ders(chain, 3, now, NULL, &e), SELFSAME_OK, &e);

    n = read_pem(
        "vectors/sgx/Phala-Network+dcap-qvl/sgx-v3/tcb_issuer_chain.pem", &arena, tcb);
    assert_int_equal(n, 2);
    assert_code(cert_parse(tcb[0], &leaf, &e), SELFSAME_OK, &e);
    struct selfsame_bytes signing[] = { tcb[1], tcb[0] };
    assert_code(
        verify_ders(signing, 2, leaf.not_before + 1, NULL, &e), SELFSAME_OK, &e);
    /* Another leaf than the root's: the PCK of the sample under the real root. */
    struct selfsame_bytes mixed[] = { tcb[1], pck[0] };
    assert_int_equal(verify_ders(mixed, 2, now, NULL, &e), SELFSAME_BAD_CHAIN);
}

#define BENT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        BENT(a_good_chain_is_accepted),
        BENT(every_defect_is_refused_as_libcrypto_does_or_stricter),
        BENT(the_failing_signature_is_named),
        BENT(chains_of_no_or_too_many_certificates_are_refused),
        BENT(leaving_out_or_reordering_certificates_is_refused),
        BENT(a_usage_of_the_leaf_may_be_missing_only_when_said),
        BENT(no_flipped_bit_passes_even_with_a_warm_cache),
        BENT(a_cache_saves_signatures_but_not_checks),
        BENT(a_chain_that_fails_at_the_end_leaves_no_trace),
        BENT(another_anchor_does_not_share_entries),
        BENT(another_issuer_of_the_same_name_does_not_share_entries),
        BENT(a_full_cache_forgets_the_oldest),
        BENT(the_smallest_cache_works),
        BENT(threads_share_a_cache),
        cmocka_unit_test(aws_chains_hold_in_their_three_hours),
        cmocka_unit_test(amd_chains_hold),
        cmocka_unit_test(intel_chains_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
