/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/timestamp.h"

#include <openssl/ts.h>

/* An authority whose stamps libcrypto makes. */
struct world {
    struct arena arena;
    struct key *root_key, *key;
    struct selfsame_bytes root, signer, response;
    struct cert authority[2]; /* signer, root */
};
static const int64_t time_s = 1780000000;
#define MESSAGE BYTES_LIT("a signature")

static ASN1_INTEGER *
next_serial(struct TS_resp_ctx *ctx, void *arg)
{
    ASN1_INTEGER *n = ASN1_INTEGER_new();

    (void)ctx, (void)arg;
    assert_non_null(n);
    assert_int_equal(ASN1_INTEGER_set(n, 77), 1);
    return n;
}

static int
fixed_time(struct TS_resp_ctx *ctx, void *arg, long *sec, long *usec)
{
    (void)ctx;
    *sec = (long)time_s;
    *usec = *(const long *)arg;
    return 1;
}

static void
make_certificates(struct world *w, enum key_type type)
{
    const struct cert_extension purpose = { BYTES_LIT("\x55\x1d\x25"),
        BYTES_LIT("\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x08"), true };
    const struct cert_request root = { .common_name = "root",
        .not_before = time_s - 1000,
        .not_after = time_s + 1000,
        .ca = true,
        .path_len = -1 };
    const struct cert_request signer = { .common_name = "stamps",
        .not_before = time_s - 10,
        .not_after = time_s + 10,
        .extensions = &purpose,
        .extension_count = 1 };
    struct selfsame_err e = { 0 };

    assert_code(key_generate(KEY_P384, &w->root_key, &e), SELFSAME_OK, &e);
    assert_code(key_generate(type, &w->key, &e), SELFSAME_OK, &e);
    assert_code(
        cert_make(&root, w->root_key, BYTES_NONE, w->root_key, &w->arena, &w->root, &e),
        SELFSAME_OK, &e);
    assert_code(
        cert_make(&signer, w->key, w->root, w->root_key, &w->arena, &w->signer, &e),
        SELFSAME_OK, &e);
    assert_code(cert_parse_as(w->signer, &timestamp_profile, &w->authority[0], &e),
        SELFSAME_OK, &e);
    assert_code(cert_parse_as(w->root, &timestamp_profile, &w->authority[1], &e),
        SELFSAME_OK, &e);
}

/* A request as `openssl ts -query -sha256` makes it. */
static BIO *
make_request(bool embed)
{
    TS_REQ *q = TS_REQ_new();
    TS_MSG_IMPRINT *imprint = TS_MSG_IMPRINT_new();
    X509_ALGOR *alg = X509_ALGOR_new();
    uint8_t digest[HASH_MAX];
    BIO *out = BIO_new(BIO_s_mem());

    assert_true(q != NULL && imprint != NULL && alg != NULL && out != NULL);
    assert_true(hash_bytes(HASH_SHA256, MESSAGE, digest));
    X509_ALGOR_set_md(alg, EVP_sha256());
    assert_int_equal(TS_MSG_IMPRINT_set_algo(imprint, alg), 1);
    assert_int_equal(TS_MSG_IMPRINT_set_msg(imprint, digest, 32), 1);
    assert_int_equal(TS_REQ_set_version(q, 1), 1);
    assert_int_equal(TS_REQ_set_msg_imprint(q, imprint), 1);
    assert_int_equal(TS_REQ_set_cert_req(q, embed), 1);
    assert_int_equal(i2d_TS_REQ_bio(out, q), 1);
    X509_ALGOR_free(alg);
    TS_MSG_IMPRINT_free(imprint);
    TS_REQ_free(q);
    return out;
}

static void
make_response(struct world *w, bool embed, long usec)
{
    TS_RESP_CTX *ctx = TS_RESP_CTX_new();
    const uint8_t *p = w->signer.ptr;
    X509 *signer = d2i_X509(NULL, &p, (long)w->signer.len);
    ASN1_OBJECT *policy = OBJ_txt2obj("1.2.3.4", 1);
    uint8_t *der = NULL;
    BIO *request = make_request(embed);

    assert_true(ctx != NULL && signer != NULL && policy != NULL);
    assert_int_equal(TS_RESP_CTX_set_signer_cert(ctx, signer), 1);
    assert_int_equal(TS_RESP_CTX_set_signer_key(ctx, key_native(w->key)), 1);
    assert_int_equal(TS_RESP_CTX_set_signer_digest(ctx, EVP_sha256()), 1);
    assert_int_equal(TS_RESP_CTX_set_ess_cert_id_digest(ctx, EVP_sha256()), 1);
    assert_int_equal(TS_RESP_CTX_set_def_policy(ctx, policy), 1);
    assert_int_equal(TS_RESP_CTX_add_md(ctx, EVP_sha256()), 1);
    assert_int_equal(TS_RESP_CTX_set_clock_precision_digits(ctx, 3), 1);
    TS_RESP_CTX_set_serial_cb(ctx, next_serial, NULL);
    TS_RESP_CTX_set_time_cb(ctx, fixed_time, &usec);
    TS_RESP_CTX_add_flags(ctx, TS_TSA_NAME | TS_ORDERING);
    TS_RESP *r = TS_RESP_create_response(ctx, request);
    assert_non_null(r);
    int n = i2d_TS_RESP(r, &der);
    assert_true(n > 0);
    assert_true(arena_dup(&w->arena, BYTES(der, (size_t)n), &w->response));
    OPENSSL_free(der);
    TS_RESP_free(r);
    ASN1_OBJECT_free(policy);
    X509_free(signer);
    TS_RESP_CTX_free(ctx);
    (void)BIO_free(request);
}

static void
world_make(struct world *w, enum key_type type, bool embed, long usec)
{
    *w = (struct world){ .arena = arena_new(1 << 20) };
    make_certificates(w, type);
    make_response(w, embed, usec);
}

static void
world_free(struct world *w)
{
    key_free(&w->root_key);
    key_free(&w->key);
    arena_free(&w->arena);
}
#define auto_world __attribute__((cleanup(world_free))) struct world

/* `from`: 0 with the signer's certificate, 1 with the root alone. */
static enum selfsame_code
judge(struct world *w, struct selfsame_bytes response, size_t from, struct timestamp *t,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 16);

    TRY(timestamp_parse(response, t, e));
    return timestamp_verify(t, MESSAGE, w->authority + from, 2 - from, &arena, e);
}

static void
stamps_of_libcrypto_verify(void **state)
{
    const enum key_type types[] = { KEY_P256, KEY_P384, KEY_RSA4096 };

    (void)state;
    for (size_t i = 0; i < COUNT(types); i++) {
        auto_world w;
        struct selfsame_err e = { 0 };
        struct timestamp t;

        world_make(&w, types[i], true, 0);
        for (size_t from = 0; from < 2; from++) {
            assert_code(judge(&w, w.response, from, &t, &e), SELFSAME_OK, &e);
            assert_int_equal(t.time_s, time_s);
            assert_false(t.fraction);
            assert_true(timestamp_names(&t, w.authority + from, 2 - from));
        }
    }
}

static void
a_stamp_without_certificates_needs_the_signer(void **state)
{
    auto_world w;
    struct selfsame_err e = { 0 };
    struct timestamp t;

    (void)state;
    world_make(&w, KEY_P256, false, 125000);
    assert_code(judge(&w, w.response, 0, &t, &e), SELFSAME_OK, &e);
    assert_true(t.fraction);
    assert_int_equal(t.time_s, time_s);
    assert_code(judge(&w, w.response, 1, &t, &e), SELFSAME_BAD_CHAIN, &e);
    assert_false(timestamp_names(&t, w.authority + 1, 1));
    assert_code(judge(&w, w.response, 2, &t, &e), SELFSAME_BAD_CHAIN, &e);
}

static void
a_stamp_is_of_one_message(void **state)
{
    auto_world w;
    struct selfsame_err e = { 0 };
    struct timestamp t;

    (void)state;
    world_make(&w, KEY_P256, true, 0);
    assert_code(timestamp_parse(w.response, &t, &e), SELFSAME_OK, &e);
    assert_code(timestamp_verify(
                    &t, BYTES_LIT("another signature"), w.authority, 2, &w.arena, &e),
        SELFSAME_MISMATCH, &e);
}

static void
an_authority_of_another_key_is_refused(void **state)
{
    auto_world w, other;
    struct selfsame_err e = { 0 };
    struct timestamp t;

    (void)state;
    world_make(&w, KEY_P256, true, 0);
    world_make(&other, KEY_P256, true, 0);
    assert_code(judge(&other, w.response, 0, &t, &e), SELFSAME_BAD_CHAIN, &e);
    assert_code(judge(&other, w.response, 1, &t, &e), SELFSAME_BAD_CHAIN, &e);
}

/* But for the status, of which 0 and 1 both mean that there is a stamp. */
static void
no_flipped_bit_no_cut_and_no_more_is_accepted(void **state)
{
    auto_world w;
    struct timestamp t;
    size_t accepted = 0;
    uint8_t buf[4096];

    (void)state;
    world_make(&w, KEY_P256, false, 0);
    size_t len = w.response.len;
    assert_true(len < sizeof(buf));
    memcpy(buf, w.response.ptr, len);
    for (size_t i = 0; i < len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct selfsame_err e = { 0 };

            buf[i] ^= (uint8_t)(1u << bit);
            if (judge(&w, BYTES(buf, len), 0, &t, &e) == SELFSAME_OK) {
                assert_int_equal(buf[i - 1], 1); /* INTEGER of one byte */
                assert_int_equal(buf[i], 1);
                accepted++;
            }
            buf[i] ^= (uint8_t)(1u << bit);
        }
    assert_int_equal(accepted, 1);
    for (size_t n = 0; n < len; n++) {
        struct selfsame_err e = { 0 };

        assert_code(judge(&w, BYTES(buf, n), 0, &t, &e), SELFSAME_MALFORMED, &e);
    }
    struct selfsame_err e = { 0 };
    buf[len] = 0;
    assert_code(judge(&w, BYTES(buf, len + 1), 0, &t, &e), SELFSAME_MALFORMED, &e);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stamps_of_libcrypto_verify),
        cmocka_unit_test(a_stamp_without_certificates_needs_the_signer),
        cmocka_unit_test(a_stamp_is_of_one_message),
        cmocka_unit_test(an_authority_of_another_key_is_refused),
        cmocka_unit_test(no_flipped_bit_no_cut_and_no_more_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
