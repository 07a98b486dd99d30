/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a verdict, signed and checked: processor time of one, as a ratio measured in
 * the same run to the bare signature of libcrypto over the very bytes, and to libjwt
 * where that is installed. Rounds are interleaved; each figure is the median round.
 */
#include "token/token.h"
#include "bench.h"
#include "codec/pem.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#ifdef HAVE_LIBJWT
#include <jwt.h>
#endif

enum { ROUNDS = 15, TURNS = 200, NOW = 1790000000 };

static const uint8_t pcr[48] = { 0xab, 0xcd }, nonce[32] = { 1 }, digest[32] = { 2 };
static const char *const pins[] = { "pcr.0", "pcr.1", "pcr.2", NULL };
static const struct claim claims[] = {
    { "module_id", CLAIM_TEXT, CLAIM_ALONE,
        { (const uint8_t *)"i-0f1c2d3e4f5a6b7c8-enc1", 24 }, 0 },
    { "pcr.0", CLAIM_BYTES, CLAIM_ALONE, { pcr, 48 }, 0 },
    { "pcr.1", CLAIM_BYTES, CLAIM_ALONE, { pcr, 48 }, 0 },
    { "pcr.2", CLAIM_BYTES, CLAIM_ALONE, { pcr, 48 }, 0 },
    { "pcr.3", CLAIM_BYTES, CLAIM_ALONE, { pcr, 48 }, 0 },
    { "pcr.4", CLAIM_BYTES, CLAIM_ALONE, { pcr, 48 }, 0 },
};

/* One kind of key, and all that is measured with it. */
struct kind {
    const char *word;
    enum key_type type;
    enum jose_alg alg;
    struct key *key;
    struct jwk jwk;
    char *token, *payload, *private_pem, *public_pem;
    struct selfsame_bytes cwt, part, signature;
    struct arena arena;
};

static struct verdict verdict;
static struct ear_subject subject;

static void
make_verdict(void)
{
    static const struct identity release = {
        .release = "example.com/hello", .version = "1.4.2", .sequence = 7
    };

    verdict = (struct verdict){ .accepted = true,
        .status = "affirming",
        .identity = &release,
        .claims = { .tee = "nitro",
            .authentic = true,
            .pins = pins,
            .list = claims,
            .count = COUNT(claims) } };
    for (size_t i = 0; i < CHECK_COUNT; i++)
        verdict.checks.at[i].outcome = CHECK_PASS;
    subject = (struct ear_subject){ .issuer = "https://verifier.example",
        .audience = "https://api.example",
        .nonce = BYTES_ARR(nonce),
        .now_s = NOW,
        .life_s = 300,
        .token_id = "0123456789abcdef",
        .developer = "https://example.org",
        .build = "selfsame",
        .policy_id = "default/main@sha256:00",
        .evidence_sha256 = BYTES_ARR(digest) };
}

static void
make(struct kind *k)
{
    k->arena = arena_new(1 << 20);
    NEED_OK(key_generate(k->type, &k->key, &e));
    NEED_OK(jwk_of_key(k->key, k->alg, &k->arena, &k->jwk, &e));
    NEED_OK(key_to_pem(k->key, &k->arena, &k->private_pem, &e));
    struct selfsame_bytes spki;
    NEED_OK(key_spki(k->key, &k->arena, &spki, &e));
    k->public_pem = pem_encode("PUBLIC KEY", spki, &k->arena);
    NEED(k->public_pem != NULL);
    subject.key = spki;
    subject.kid = k->jwk.kid;
    NEED_OK(ear_jwt(&verdict, &subject, k->key, k->alg, &k->arena, &k->token, &e));
    NEED_OK(ear_cwt(&verdict, &subject, k->key, k->alg, &k->arena, &k->cwt, &e));
    struct jws s;
    NEED_OK(jws_parse(bytes_str(k->token), &k->arena, &s, &e));
    k->signature = s.signature;
    jws_free(&s);
    auto_json *j = NULL;
    NEED_OK(ear_claims(&verdict, &subject, &j, &e));
    k->payload = json_compact(j);
    NEED(k->payload != NULL);
    k->part = BYTES(
        (const uint8_t *)k->token, (size_t)(strrchr(k->token, '.') - k->token));
}

/* ---- signing ---- */

static void
bare_sign(struct kind *k)
{
    uint8_t sum[HASH_MAX], sig[512];
    size_t n = sizeof(sig);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key_native(k->key), NULL);

    NEED(hash_bytes(HASH_SHA256, k->part, sum) && ctx != NULL &&
         EVP_PKEY_sign_init(ctx) == 1);
    NEED(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1);
    NEED(EVP_PKEY_sign(ctx, sig, &n, sum, 32) == 1);
    EVP_PKEY_CTX_free(ctx);
}

static void
jwt_sign(struct kind *k)
{
    auto_arena a = arena_new(1 << 20);
    char *text;

    NEED_OK(ear_jwt(&verdict, &subject, k->key, k->alg, &a, &text, &e));
}

static void
cwt_sign(struct kind *k)
{
    auto_arena a = arena_new(1 << 20);
    struct selfsame_bytes out;

    NEED_OK(ear_cwt(&verdict, &subject, k->key, k->alg, &a, &out, &e));
}

/* ---- checking ---- */

static void
bare_verify(struct kind *k)
{
    uint8_t sum[HASH_MAX];

    NEED(hash_bytes(HASH_SHA256, k->part, sum));
    const struct sig_check c = { .alg = jose_sig_alg(k->alg),
        .hash = HASH_SHA256,
        .key = k->jwk.key,
        .digest = BYTES(sum, 32),
        .signature = k->signature };
    NEED_OK(sig_verify(&c, &e));
}

static void
check(struct kind *k, struct selfsame_bytes text)
{
    const struct token_rules rules = { .issuer = subject.issuer,
        .audience = subject.audience,
        .has_time = true,
        .now_s = NOW,
        .nonce = BYTES_ARR(nonce) };
    auto_arena a = arena_new(1 << 20);
    struct jwks set = { &k->jwk, 1 };
    auto_token t = { 0 };

    NEED_OK(token_open(text, &set, &a, &t, &e));
    NEED_OK(token_check(&t.ear, &rules, &e));
}

static void
jwt_check(struct kind *k)
{
    check(k, bytes_str(k->token));
}

static void
cwt_check(struct kind *k)
{
    check(k, k->cwt);
}

/* ---- libjwt, as its manual has it ---- */

#ifdef HAVE_LIBJWT
static void
libjwt_sign(struct kind *k)
{
    jwt_t *jwt = NULL;

    NEED(jwt_new(&jwt) == 0 && jwt_add_grants_json(jwt, k->payload) == 0);
    NEED(jwt_set_alg(jwt, k->alg == JOSE_ES256 ? JWT_ALG_ES256 : JWT_ALG_RS256,
             (const unsigned char *)k->private_pem, (int)strlen(k->private_pem)) == 0);
    char *text = jwt_encode_str(jwt);
    NEED(text != NULL);
    free(text);
    jwt_free(jwt);
}

static void
libjwt_check(struct kind *k)
{
    jwt_t *jwt = NULL;

    NEED(jwt_decode(&jwt, k->token, (const unsigned char *)k->public_pem,
             (int)strlen(k->public_pem)) == 0);
    jwt_free(jwt);
}
#endif

static const struct {
    const char *what;
    void (*turn)(struct kind *k);
    int base; /* the row that it is compared with */
} rows[] = {
    { "bare signature", bare_sign, 0 },
    { "JWT signed", jwt_sign, 0 },
    { "CWT signed", cwt_sign, 0 },
#ifdef HAVE_LIBJWT
    { "libjwt signs", libjwt_sign, 0 },
#endif
    { "bare verification", bare_verify, -1 },
    { "JWT checked", jwt_check, -1 },
    { "CWT checked", cwt_check, -1 },
#ifdef HAVE_LIBJWT
    { "libjwt checks", libjwt_check, -1 },
#endif
};

static void
measure(struct kind *k)
{
    double us[COUNT(rows)][ROUNDS], base = 0;

    make(k);
    for (int i = 0; i < ROUNDS; i++)
        for (size_t r = 0; r < COUNT(rows); r++) {
            double t = processor_us();

            for (int n = 0; n < TURNS; n++)
                rows[r].turn(k);
            us[r][i] = (processor_us() - t) / TURNS;
        }
    printf("Tokens with %s (JWT of %zu bytes, CWT of %zu):\n", k->word,
        strlen(k->token), k->cwt.len);
    for (size_t r = 0; r < COUNT(rows); r++) {
        const double one = median(us[r], ROUNDS);

        if (r == 0 || rows[r].base != rows[r - 1].base)
            base = one;
        printf("  %-20s %8.1f us %9.0f/s   %5.2f x %s\n", rows[r].what, one, 1e6 / one,
            one / base,
            rows[r].base == 0 ? "the bare signature" : "the bare verification");
    }
    free(k->payload);
    key_free(&k->key);
    arena_free(&k->arena);
}

int
main(void)
{
    struct kind kinds[] = {
        { .word = "ES256", .type = KEY_P256, .alg = JOSE_ES256 },
        { .word = "RS256", .type = KEY_RSA2048, .alg = JOSE_RS256 },
    };

    make_verdict();
    for (size_t i = 0; i < COUNT(kinds); i++)
        measure(&kinds[i]);
#ifndef HAVE_LIBJWT
    printf("  (libjwt is not installed, so it is not compared)\n");
#endif
    return 0;
}
