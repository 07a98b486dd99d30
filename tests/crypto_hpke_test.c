/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "crypto/envelope.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

/* Envelopes of src/crypto: known answers of their specifications, and what is no answer. */

static const char plain_text[] = "Beauty is truth, truth beauty";

/* RFC 9180 A.1.1 and, for AES-256-GCM, the same inputs computed with another program. */
static const struct hpke_vector {
    enum hpke_aead aead;
    const char *key, *base_nonce, *exporter, *sealed[3], *exported[3];
    size_t sealed_count, export_count;
} hpke_vectors[] = {
    { HPKE_AES128_GCM, "4531685d41d65f03dc48f6b8302c05b0", "56d890e5accaaf011cff4b7d",
        "45ff1c2e220db587171952c0592d5f5ebe103f1561a2614e38f2ffd47e99e3f8",
        { "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d0"
          "7be"
          "a87e13c512a",
            "af2d7e9ac9ae7e270f46ba1f975be53c09f8d875bdc8535458c2494e8a6eab251c03d0c22a"
            "56b8"
            "ca42c2063b84",
            "498dfcabd92e8acedc281e85af1cb4e3e31c7dc394a1ca20e173cb72516491588d96a19ad4"
            "a683"
            "518973dcc180" },
        { "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee",
            "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5",
            "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931" },
        3, 3 },
    { HPKE_AES256_GCM,
        "a2863277956ec56c4f9f16b43665870daa2403d0d22baceff6551c4ff35b8528",
        "94fc3a5af015ec686da39ff8",
        "1de04acd4387c1d4a50b2615c6c46f9c0fd311ba06c106d04e3a4f16f75bc7d3",
        { "090b7dc225419f7da9e8b460becfbb96a26c7964d79b8010d397fa838530a32a397b14f5776d"
          "b19"
          "ff5e57734e0" },
        { NULL }, 1, 0 },
};
static const char ikm_sender[] =
    "7268600d403fce431561aef583ee1613527cff655c1343f29812e667"
    "06df3234";
static const char ikm_receiver[] =
    "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7"
    "013e525037";
static const char public_sender[] =
    "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f7"
    "41f1bf4431";
static const char public_receiver[] =
    "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab0"
    "2bca80815c4d";

static void
derive(const char *ikm, struct agree_key **ret, struct arena *arena)
{
    struct selfsame_err e = { 0 };

    assert_code(hpke_derive(unhex(ikm, arena), ret, &e), SELFSAME_OK, &e);
}

static void
hpke_gives_the_answers_of_its_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(hpke_vectors); i++) {
        const struct hpke_vector *v = &hpke_vectors[i];
        auto_arena arena = arena_new(1 << 16);
        auto_agree_key *own = NULL, *ephemeral = NULL;
        auto_hpke sender, receiver;
        uint8_t enc[HPKE_ENC], out[128];
        struct selfsame_err e = { 0 };
        const struct selfsame_bytes info = BYTES_LIT("Ode on a Grecian Urn");
        static const struct selfsame_bytes contexts[] = { { NULL, 0 },
            { (const uint8_t *)"", 1 }, { (const uint8_t *)"TestContext", 11 } };

        derive(ikm_sender, &ephemeral, &arena);
        derive(ikm_receiver, &own, &arena);
        assert_bytes(agree_public(own), unhex(public_receiver, &arena));
        assert_code(
            hpke_send(v->aead, agree_public(own), info, ephemeral, enc, &sender, &e),
            SELFSAME_OK, &e);
        assert_bytes(BYTES_ARR(enc), unhex(public_sender, &arena));
        struct selfsame_bytes key = unhex(v->key, &arena);
        assert_bytes(BYTES(sender.key, key.len), key);
        assert_bytes(BYTES_ARR(sender.base_nonce), unhex(v->base_nonce, &arena));
        assert_bytes(BYTES_ARR(sender.exporter), unhex(v->exporter, &arena));
        assert_code(hpke_receive(v->aead, own, BYTES_ARR(enc), info, &receiver, &e),
            SELFSAME_OK, &e);
        for (size_t k = 0; k < v->sealed_count; k++) {
            char *aad = arena_printf(&arena, "Count-%zu", k);
            struct selfsame_bytes want = unhex(v->sealed[k], &arena);

            assert_non_null(aad);
            assert_code(
                hpke_seal(&sender, bytes_str(aad), bytes_str(plain_text), out, &e),
                SELFSAME_OK, &e);
            assert_bytes(BYTES(out, want.len), want);
            assert_code(
                hpke_open(&receiver, bytes_str(aad), want, out, &e), SELFSAME_OK, &e);
            assert_bytes(BYTES(out, want.len - AEAD_TAG), bytes_str(plain_text));
        }
        for (size_t k = 0; k < v->export_count; k++) {
            assert_code(
                hpke_export(&receiver, contexts[k], out, 32, &e), SELFSAME_OK, &e);
            assert_bytes(BYTES(out, 32), unhex(v->exported[k], &arena));
        }
    }
}

/* What a receiver needs: each bit of it counts. */
struct letter {
    uint8_t enc[HPKE_ENC], info[8], aad[8], sealed[29 + AEAD_TAG];
};

static enum selfsame_code
open_letter(const struct agree_key *own, const struct letter *l, size_t sealed,
    uint8_t *out, struct selfsame_err *e)
{
    auto_hpke h;

    TRY(hpke_receive(
        HPKE_AES256_GCM, own, BYTES_ARR(l->enc), BYTES_ARR(l->info), &h, e));
    return hpke_open(&h, BYTES_ARR(l->aad), BYTES(l->sealed, sealed), out, e);
}

static void
each_bit_of_a_letter_counts(void **state)
{
    auto_agree_key *own = NULL, *other = NULL;
    struct letter l = { .info = "subject", .aad = "default" };
    struct selfsame_err e = { 0 };
    uint8_t out[64];
    auto_hpke h;

    (void)state;
    assert_code(agree_generate(AGREE_X25519, &own, &e), SELFSAME_OK, &e);
    assert_code(agree_generate(AGREE_X25519, &other, &e), SELFSAME_OK, &e);
    assert_code(hpke_send(HPKE_AES256_GCM, agree_public(own), BYTES_ARR(l.info), NULL,
                    l.enc, &h, &e),
        SELFSAME_OK, &e);
    assert_code(hpke_seal(&h, BYTES_ARR(l.aad), bytes_str(plain_text), l.sealed, &e),
        SELFSAME_OK, &e);
    assert_code(open_letter(own, &l, sizeof(l.sealed), out, &e), SELFSAME_OK, &e);
    assert_memory_equal(out, plain_text, 29);
    assert_code(
        open_letter(other, &l, sizeof(l.sealed), out, &e), SELFSAME_BAD_SIGNATURE, &e);
    for (size_t i = 0; i < 8 * sizeof(l); i++) {
        /* RFC 7748 §5: the highest bit of an X25519 key is not looked at, but hashed. */
        ((uint8_t *)&l)[i / 8] ^= (uint8_t)(1u << i % 8);
        enum selfsame_code got = open_letter(own, &l, sizeof(l.sealed), out, &e);
        ((uint8_t *)&l)[i / 8] ^= (uint8_t)(1u << i % 8);
        if (got != SELFSAME_BAD_SIGNATURE && got != SELFSAME_MALFORMED)
            fail_msg("bit %zu: %s", i, selfsame_code_name(got));
    }
    for (size_t n = 0; n < sizeof(l.sealed); n++)
        assert_code(open_letter(own, &l, n, out, &e), SELFSAME_BAD_SIGNATURE, &e);
}

static void
messages_have_their_order_and_keys_their_kind(void **state)
{
    auto_agree_key *own = NULL, *ec = NULL;
    struct selfsame_err e = { 0 };
    uint8_t enc[HPKE_ENC], first[32], second[32], out[32], zero[HPKE_ENC] = { 0 };
    auto_hpke h, r;

    (void)state;
    assert_code(agree_generate(AGREE_X25519, &own, &e), SELFSAME_OK, &e);
    assert_code(agree_generate(AGREE_P256, &ec, &e), SELFSAME_OK, &e);
    assert_code(
        hpke_send(HPKE_AES128_GCM, agree_public(own), BYTES_NONE, NULL, enc, &h, &e),
        SELFSAME_OK, &e);
    assert_code(hpke_seal(&h, BYTES_NONE, BYTES_LIT("a"), first, &e), SELFSAME_OK, &e);
    assert_code(hpke_seal(&h, BYTES_NONE, BYTES_LIT("a"), second, &e), SELFSAME_OK, &e);
    assert_memory_not_equal(first, second, 1 + AEAD_TAG);
    assert_code(hpke_receive(HPKE_AES128_GCM, own, BYTES_ARR(enc), BYTES_NONE, &r, &e),
        SELFSAME_OK, &e);
    assert_code(hpke_open(&r, BYTES_NONE, BYTES(second, 17), out, &e),
        SELFSAME_BAD_SIGNATURE, &e);
    assert_code(hpke_open(&r, BYTES_NONE, BYTES(first, 17), out, &e), SELFSAME_OK, &e);
    assert_code(hpke_open(&r, BYTES_NONE, BYTES(second, 17), out, &e), SELFSAME_OK, &e);
    h.next = UINT64_MAX;
    assert_code(
        hpke_seal(&h, BYTES_NONE, BYTES_LIT("a"), first, &e), SELFSAME_USAGE, &e);
    /* No secret comes of a point of small order, whoever has which key. */
    assert_code(
        hpke_send(HPKE_AES128_GCM, BYTES_ARR(zero), BYTES_NONE, NULL, enc, &h, &e),
        SELFSAME_MALFORMED, &e);
    assert_code(hpke_receive(HPKE_AES128_GCM, own, BYTES_ARR(zero), BYTES_NONE, &r, &e),
        SELFSAME_MALFORMED, &e);
    assert_code(hpke_receive(HPKE_AES128_GCM, ec, BYTES_ARR(enc), BYTES_NONE, &r, &e),
        SELFSAME_UNSUPPORTED, &e);
    assert_code(hpke_send(3, agree_public(own), BYTES_NONE, NULL, enc, &h, &e),
        SELFSAME_UNSUPPORTED, &e);
    assert_code(
        hpke_send(HPKE_AES128_GCM, BYTES(enc, 31), BYTES_NONE, NULL, enc, &h, &e),
        SELFSAME_MALFORMED, &e);
    assert_code(hpke_receive(HPKE_AES128_GCM, own, BYTES(enc, 31), BYTES_NONE, &r, &e),
        SELFSAME_MALFORMED, &e);
    assert_code(
        hpke_export(&r, BYTES_NONE, NULL, HPKE_EXPORT_MAX + 1, &e), SELFSAME_USAGE, &e);
    struct agree_key *none = NULL;
    assert_code(hpke_derive(BYTES(enc, 31), &none, &e), SELFSAME_USAGE, &e);
}

/* The GCM specification of McGrew and Viega, test case 16; RFC 3394 §4.6. */
static void
aes_gives_the_answers_of_its_specifications(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    uint8_t out[128];

    (void)state;
    struct selfsame_bytes plain = unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7"
                                        "da2e4c303d8a318a721c3c0c95956809532fcf"
                                        "0e2449a6b525b16aedf5aa0de657ba637b39",
        &arena);
    struct selfsame_bytes sealed = unhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb"
        "3da7b0"
        "8b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        &arena);
    struct aead a = {
        .key = unhex(
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", &arena),
        .nonce = unhex("cafebabefacedbaddecaf888", &arena),
        .aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2", &arena),
    };
    assert_code(aead_seal(&a, plain, out, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES(out, sealed.len), sealed);
    assert_code(aead_open(&a, sealed, out, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES(out, plain.len), plain);
    a.aad = BYTES_NONE;
    memset(out, 7, sizeof(out));
    assert_code(aead_open(&a, sealed, out, &e), SELFSAME_BAD_SIGNATURE, &e);
    assert_true(bytes_is_zero(BYTES(out, plain.len))); /* nothing unproven comes out */
    /* Nothing at all is a message as well. */
    assert_code(aead_seal(&a, BYTES_NONE, out, &e), SELFSAME_OK, &e);
    assert_code(aead_open(&a, BYTES(out, AEAD_TAG), out, &e), SELFSAME_OK, &e);
    a.key.len = 24;
    assert_code(aead_seal(&a, plain, out, &e), SELFSAME_USAGE, &e);
    a.key.len = 32, a.nonce.len = 11;
    assert_code(aead_open(&a, sealed, out, &e), SELFSAME_USAGE, &e);
}

static void
each_bit_of_a_wrapped_key_counts(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    struct selfsame_err e = { 0 };
    uint8_t out[WRAP_MAX + WRAP_EXTRA], kek[32], wrapped[41] = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof(kek); i++)
        kek[i] = (uint8_t)i;
    struct selfsame_bytes key = unhex(
        "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f", &arena);
    struct selfsame_bytes want = unhex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed32"
                                       "6cbc7f0e71a99f43bfb988b9b7a02dd21",
        &arena);
    assert_code(key_wrap(kek, key, wrapped, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES(wrapped, 40), want);
    assert_code(key_unwrap(kek, want, out, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES(out, 32), key);
    for (size_t i = 0; i < 8 * 40; i++) {
        wrapped[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_code(
            key_unwrap(kek, BYTES(wrapped, 40), out, &e), SELFSAME_BAD_SIGNATURE, &e);
        wrapped[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    for (size_t n = 0; n <= 41; n++)
        if (n != 40)
            assert_code(key_unwrap(kek, BYTES(wrapped, n), out, &e),
                SELFSAME_BAD_SIGNATURE, &e);
    assert_code(key_wrap(kek, BYTES(key.ptr, 31), out, &e), SELFSAME_USAGE, &e);
    assert_code(key_wrap(kek, BYTES(key.ptr, 8), out, &e), SELFSAME_USAGE, &e);
}

/* RFC 5869 A.1 and A.3; RFC 7518 appendix C. */
static void
derivations_give_the_answers_of_their_rfcs(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    uint8_t prk[HKDF_PRK], out[48];

    (void)state;
    struct selfsame_bytes ikm = unhex(
        "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", &arena);
    struct selfsame_bytes info = unhex("f0f1f2f3f4f5f6f7f8f9", &arena);
    assert_true(
        hkdf_extract(unhex("000102030405060708090a0b0c", &arena), &ikm, 1, prk));
    assert_bytes(BYTES_ARR(prk),
        unhex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            &arena));
    assert_true(hkdf_expand(prk, &info, 1, out, 42));
    assert_bytes(BYTES(out, 42), unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4"
                                       "c5db02d56ecc4c5bf34007208d5b8"
                                       "87185865",
                                     &arena));
    assert_true(hkdf_extract(BYTES_NONE, &ikm, 1, prk));
    assert_true(hkdf_expand(prk, NULL, 0, out, 42));
    assert_bytes(BYTES(out, 42), unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879"
                                       "ec3454e5f3c738d2d9d201395faa4"
                                       "b61a96c8",
                                     &arena));
    assert_false(hkdf_expand(prk, NULL, 0, out, HKDF_OUT_MAX + 1));
    struct selfsame_bytes z = unhex(
        "9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4", &arena);
    assert_true(concat_kdf(
        z, BYTES_LIT("A128GCM"), BYTES_LIT("Alice"), BYTES_LIT("Bob"), out, 16));
    assert_bytes(BYTES(out, 16), unhex("56aa8deaf8236d205c2228cd71a7101a", &arena));
}

static struct selfsame_bytes
unbase(const char *text, struct arena *arena)
{
    uint8_t *buf = arena_alloc(arena, 1, 256);
    size_t n = 0;

    assert_non_null(buf);
    assert_true(base64_decode(text, strlen(text), true, buf, 256, &n));
    return BYTES(buf, n);
}

/* RFC 7518 appendix C: what Alice and Bob agree on. */
static void
curves_agree_as_jose_says(void **state)
{
    auto_arena arena = arena_new(1 << 16);
    auto_agree_key *alice = NULL;
    uint8_t bob[64], z[AGREE_SECRET];
    struct selfsame_err e = { 0 };
    size_t n = 0;

    (void)state;
    memcpy(bob, unbase("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", &arena).ptr, 32);
    memcpy(bob + 32, unbase("e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck", &arena).ptr,
        32);
    assert_code(
        agree_from_private(AGREE_P256,
            unbase("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo", &arena), &alice, &e),
        SELFSAME_OK, &e);
    assert_bytes(BYTES(agree_public(alice).ptr, 32),
        unbase("gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0", &arena));
    assert_code(agree_secret(alice, BYTES_ARR(bob), z, &n, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES(z, n),
        unhex("9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4",
            &arena));
    for (size_t i = 0; i < 8 * sizeof(bob); i++) { /* invalid-curve attacks */
        bob[i / 8] ^= (uint8_t)(1u << i % 8);
        assert_code(
            agree_secret(alice, BYTES_ARR(bob), z, &n, &e), SELFSAME_MALFORMED, &e);
        bob[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    assert_code(agree_secret(alice, BYTES(bob, 63), z, &n, &e), SELFSAME_MALFORMED, &e);
}

static void
both_sides_of_each_curve_agree(void **state)
{
    static const size_t sizes[] = {
        [AGREE_X25519] = 32, [AGREE_P256] = 32, [AGREE_P384] = 48, [AGREE_P521] = 66
    };

    (void)state;
    for (enum agree_alg alg = AGREE_X25519; alg <= AGREE_P521; alg++) {
        auto_agree_key *a = NULL, *b = NULL, *none = NULL;
        uint8_t za[AGREE_SECRET], zb[AGREE_SECRET], huge[AGREE_SECRET];
        struct selfsame_err e = { 0 };
        size_t na = 0, nb = 0;

        assert_code(agree_generate(alg, &a, &e), SELFSAME_OK, &e);
        assert_code(agree_generate(alg, &b, &e), SELFSAME_OK, &e);
        assert_int_equal(agree_public(a).len, agree_public_size(alg));
        assert_code(agree_secret(a, agree_public(b), za, &na, &e), SELFSAME_OK, &e);
        assert_code(agree_secret(b, agree_public(a), zb, &nb, &e), SELFSAME_OK, &e);
        assert_bytes(BYTES(za, na), BYTES(zb, nb));
        assert_int_equal(na, sizes[alg]);
        memset(huge, 0xff, sizeof(huge));
        assert_code(agree_from_private(alg, BYTES(huge, sizes[alg] - 1), &none, &e),
            SELFSAME_MALFORMED, &e);
        if (alg == AGREE_X25519)
            continue;
        assert_code(agree_from_private(alg, BYTES(huge, sizes[alg]), &none, &e),
            SELFSAME_MALFORMED, &e);
        memset(huge, 0, sizeof(huge));
        assert_code(agree_from_private(alg, BYTES(huge, sizes[alg]), &none, &e),
            SELFSAME_MALFORMED, &e);
    }
    struct agree_key *none = NULL;
    struct selfsame_err e = { 0 };
    assert_code(agree_generate(9, &none, &e), SELFSAME_UNSUPPORTED, &e);
    assert_int_equal(agree_public_size(9), 0);
}

/* ---- RSA ---- */

struct rsa {
    EVP_PKEY *key;
    struct envelope_to to;
    struct selfsame_bytes pem;
};

static void
rsa_make(struct rsa *r, unsigned bits, struct arena *arena)
{
    struct selfsame_err e = { 0 };
    uint8_t *der = NULL;
    char *text = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    struct selfsame_bytes spki;

    r->key = EVP_RSA_gen(bits);
    int n = i2d_PUBKEY(r->key, &der);
    assert_true(n > 0);
    assert_true(arena_dup(arena, BYTES(der, (size_t)n), &spki));
    OPENSSL_free(der);
    assert_int_equal(
        PEM_write_bio_PKCS8PrivateKey(out, r->key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(out, &text);
    assert_true(arena_dup(arena, BYTES((const uint8_t *)text, (size_t)len), &r->pem));
    BIO_free(out);
    if (bits >= 2048)
        assert_code(envelope_to_spki(spki, &r->to, &e), SELFSAME_OK, &e);
    else
        assert_code(envelope_to_spki(spki, &r->to, &e), SELFSAME_UNSUPPORTED, &e);
}

static void
oaep_opens_with_its_key_alone(void **state)
{
    auto_arena arena = arena_new(1 << 20);
    uint8_t sealed[OAEP_MAX], out[OAEP_MAX];
    struct selfsame_err e = { 0 };
    struct rsa own, other, small;
    size_t n = 0, len = 0;

    (void)state;
    rsa_make(&own, 2048, &arena);
    rsa_make(&other, 3072, &arena);
    rsa_make(&small, 1024, &arena);
    assert_int_equal(own.to.kind, ENVELOPE_RSA);
    assert_code(
        oaep_seal(own.to.key, bytes_str(plain_text), sealed, &n, &e), SELFSAME_OK, &e);
    assert_int_equal(n, 256);
    assert_code(oaep_open(own.pem, BYTES(sealed, n), out, &len, &e), SELFSAME_OK, &e);
    assert_bytes(BYTES(out, len), bytes_str(plain_text));
    assert_code(oaep_open(other.pem, BYTES(sealed, n), out, &len, &e),
        SELFSAME_BAD_SIGNATURE, &e);
    for (size_t i = 0; i < n; i += 17) {
        sealed[i] ^= 1;
        assert_code(oaep_open(own.pem, BYTES(sealed, n), out, &len, &e),
            SELFSAME_BAD_SIGNATURE, &e);
        sealed[i] ^= 1;
    }
    assert_code(oaep_open(own.pem, BYTES(sealed, n - 1), out, &len, &e),
        SELFSAME_BAD_SIGNATURE, &e);
    assert_code(oaep_open(BYTES_LIT("no key"), BYTES(sealed, n), out, &len, &e),
        SELFSAME_MALFORMED, &e);
    uint8_t much[256] = { 1 };
    assert_code(
        oaep_seal(own.to.key, BYTES(much, 190), sealed, &n, &e), SELFSAME_OK, &e);
    assert_code(
        oaep_seal(own.to.key, BYTES(much, 191), sealed, &n, &e), SELFSAME_USAGE, &e);
    EVP_PKEY_free(own.key);
    EVP_PKEY_free(other.key);
    EVP_PKEY_free(small.key);
}

/* libcrypto's own CMS opens what we write. */
static bool
cms_opens(struct selfsame_bytes der, EVP_PKEY *key, struct selfsame_bytes want)
{
    const uint8_t *p = der.ptr;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der.len);
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    bool same = false;

    if (cms != NULL && p == der.ptr + der.len &&
        CMS_decrypt(cms, key, NULL, NULL, out, 0) == 1) {
        long n = BIO_get_mem_data(out, &text);
        same = bytes_eq(BYTES((const uint8_t *)text, (size_t)n), want);
    }
    BIO_free(out);
    CMS_ContentInfo_free(cms);
    ERR_clear_error();
    return same;
}

static void
cms_is_what_libcrypto_opens(void **state)
{
    static const size_t sizes[] = { 0, 1, 15, 16, 17, 100, 127, 128, 255, 256, 4096,
        65535, 70000 };
    auto_arena arena = arena_new(4 << 20);
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der;
    struct rsa own, other;

    (void)state;
    rsa_make(&own, 2048, &arena);
    rsa_make(&other, 2048, &arena);
    for (enum cms_content c = CMS_AES256_CBC; c <= CMS_AES256_GCM; c++)
        for (size_t i = 0; i < COUNT(sizes); i++) {
            uint8_t *plain = arena_alloc(&arena, 1, sizes[i] + 1);

            assert_non_null(plain);
            memset(plain, 'x', sizes[i]);
            struct selfsame_bytes want = BYTES(plain, sizes[i]);
            assert_code(cms_seal(c, &own.to, want, &arena, &der, &e), SELFSAME_OK, &e);
            assert_true(cms_opens(der, own.key, want));
            assert_false(cms_opens(der, other.key, want) && sizes[i] > 0);
        }
    struct envelope_to ec = { .kind = ENVELOPE_EC };
    assert_code(cms_seal(CMS_AES256_GCM, &ec, BYTES_NONE, &arena, &der, &e),
        SELFSAME_UNSUPPORTED, &e);
    for (long at = 1; at <= 2; at++) { /* no memory for this one or that one */
        auto_arena poor = arena_new(1 << 16);

        poor.fail_at = at;
        assert_code(cms_seal(CMS_AES256_CBC, &own.to, BYTES_LIT("x"), &poor, &der, &e),
            SELFSAME_NOMEM, &e);
    }
    EVP_PKEY_free(own.key);
    EVP_PKEY_free(other.key);
}

/* Each key of a type that nothing can be encrypted to, or of two encodings. */
static void
only_keys_for_encryption_are_recipients(void **state)
{
    static const struct {
        const char *type, *group;
        enum envelope_key kind;
    } kinds[] = {
        { "X25519", NULL, ENVELOPE_X25519 },
        { "EC", "P-256", ENVELOPE_EC },
        { "EC", "P-384", ENVELOPE_EC },
        { "EC", "P-521", ENVELOPE_EC },
        { "EC", "P-224", ENVELOPE_NONE },
        { "ED25519", NULL, ENVELOPE_NONE },
        { "X448", NULL, ENVELOPE_NONE },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type, kinds[i].group);
        struct envelope_to to = { 0 };
        struct selfsame_err e = { 0 };
        uint8_t *der = NULL;

        assert_non_null(key);
        int n = i2d_PUBKEY(key, &der);
        assert_true(n > 0);
        enum selfsame_code code = envelope_to_spki(BYTES(der, (size_t)n), &to, &e);
        assert_code(code,
            kinds[i].kind != ENVELOPE_NONE ? SELFSAME_OK : SELFSAME_UNSUPPORTED, &e);
        assert_int_equal(to.kind, kinds[i].kind);
        if (kinds[i].kind != ENVELOPE_NONE)
            assert_int_equal(to.key.len, agree_public_size(to.alg));
        OPENSSL_free(der);
        EVP_PKEY_free(key);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hpke_gives_the_answers_of_its_rfc),
        cmocka_unit_test(each_bit_of_a_letter_counts),
        cmocka_unit_test(messages_have_their_order_and_keys_their_kind),
        cmocka_unit_test(aes_gives_the_answers_of_its_specifications),
        cmocka_unit_test(each_bit_of_a_wrapped_key_counts),
        cmocka_unit_test(derivations_give_the_answers_of_their_rfcs),
        cmocka_unit_test(curves_agree_as_jose_says),
        cmocka_unit_test(both_sides_of_each_curve_agree),
        cmocka_unit_test(oaep_opens_with_its_key_alone),
        cmocka_unit_test(cms_is_what_libcrypto_opens),
        cmocka_unit_test(only_keys_for_encryption_are_recipients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
