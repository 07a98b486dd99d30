/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SGX and TDX quotes per second on one core with full collateral, as ratios to bare
 * P-256 verifications by OpenSSL in the same run, key and digest ready: cold, ten of
 * them (what a verifier does that checks root, CA, PCK, TCB signing, both CRLs, TCB info,
 * QE identity, QE report and quote); with everything but the quote known, three.
 * Real quotes and collateral are measured beside made ones where ../shared has them.
 * Rounds are interleaved; each figure is the median round.
 */
#include "../tests/tee_dcap.h"
#include "bench.h"
#include "tee/sgx/sgx.h"
#include "tee/tdx/tdx.h"

enum { TIMES = 100, ROUNDS = 9, PIECES = 8 };

struct subject {
    const char *name;
    const struct tee_verifier *verifier;
    struct selfsame_bytes quote, piece[PIECES];
    size_t pieces;
    const struct tee_anchor *anchors;
    size_t anchor_count;
    int64_t now_s;
    double cold[ROUNDS], known[ROUNDS];
};

static double
bare_p256(const struct dcap_world *w)
{
    uint8_t digest[32] = { 1 }, signature[80];
    size_t len = sizeof(signature);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(w->att_key, NULL);

    NEED(EVP_PKEY_sign_init(ctx) == 1 &&
         EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)) == 1 &&
         EVP_PKEY_verify_init(ctx) == 1);
    double t = processor_us();
    for (int i = 0; i < TIMES * 10; i++)
        NEED(EVP_PKEY_verify(ctx, signature, len, digest, sizeof(digest)) == 1);
    t = (processor_us() - t) / (TIMES * 10);
    EVP_PKEY_CTX_free(ctx);
    return t;
}

/* Any verdict about the platform will do, if nothing but its level is wrong. */
static double
ours(const struct subject *s, struct cert_cache *cache)
{
    const struct tee_trust trust = { .now_s = s->now_s,
        .anchors = s->anchors,
        .anchor_count = s->anchor_count,
        .collateral = s->piece,
        .collateral_count = s->pieces,
        .cache = cache };
    double t = processor_us();

    for (int i = 0; i < TIMES; i++) {
        auto_arena arena = arena_new(8 << 20);
        struct checks checks = { 0 };
        struct selfsame_claims claims;
        struct selfsame_err e = { 0 };
        enum selfsame_code code = s->verifier->verify(
            s->quote, &trust, &arena, &checks, &claims, &e);

        if (code != SELFSAME_OK)
            (void)fprintf(stderr, "%s: %s\n", s->name, err_text(&e));
        NEED(code == SELFSAME_OK);
    }
    return (processor_us() - t) / TIMES;
}

static struct subject
of_world(const char *name, const struct tee_verifier *verifier, struct dcap_world *w)
{
    const struct tee_trust trust = world_trust(w);
    struct subject s = { .name = name,
        .verifier = verifier,
        .quote = w->quote,
        .pieces = trust.collateral_count,
        .anchors = trust.anchors,
        .anchor_count = trust.anchor_count,
        .now_s = trust.now_s };

    memcpy(s.piece, trust.collateral, s.pieces * sizeof(s.piece[0]));
    return s;
}

/* Of a folder of ../shared; no quote where there is none. */
static struct subject
of_folder(const char *name, const struct tee_verifier *verifier, const char *folder,
    const char *at, struct arena *arena)
{
    static const char *const names[] = { "tcb_info.json", "qe_identity.json",
        "tcb_issuer_chain.pem", "pck_crl.der", "root_crl.der" };
    struct subject s = { .name = name,
        .verifier = verifier,
        .anchors = verifier->anchors,
        .anchor_count = verifier->anchor_count };

    if (!shared_present())
        return s;
    NEED(time_parse(at, &s.now_s));
    s.quote = shared_file(arena_printf(arena, "%s/quote.dat", folder), arena);
    for (size_t i = 0; i < COUNT(names) && s.quote.ptr != NULL; i++)
        s.piece[s.pieces++] = shared_file(
            arena_printf(arena, "%s/%s", folder, names[i]), arena);
    return s;
}

static void
say(struct subject *s, double bare)
{
    if (s->quote.ptr == NULL) {
        (void)printf("  %-34s not measured: no ../shared\n", s->name);
        return;
    }
    double cold = median(s->cold, ROUNDS), known = median(s->known, ROUNDS);

    (void)printf("  %-34s %8.0f/s %8.0f us   %5.2f of bare (10 P-256)   (aim 0.85)\n",
        s->name, 1e6 / cold, cold, 10 * bare / cold);
    (void)printf("  %-34s %8.0f/s %8.0f us   %5.2f of bare (3 P-256)    (aim 0.85)\n",
        "  collateral and PCK chain known", 1e6 / known, known, 3 * bare / known);
}

int
main(void)
{
    auto_arena arena = arena_new(16 << 20);
    struct dcap_world *sgx = world_new(DCAP_SGX, 3), *tdx = world_new(DCAP_TDX, 4);
    struct subject all[] = {
        of_world("SGX, version 3", &sgx_verifier, sgx),
        of_world("TDX, version 4", &tdx_verifier, tdx),
        of_folder("SGX, of Intel's hardware", &sgx_verifier,
            "vectors/sgx/Phala-Network+dcap-qvl/sgx-v3", "2025-07-01T00:00:00Z",
            &arena),
        of_folder("TDX, of Intel's hardware", &tdx_verifier,
            "vectors/tdx/Phala-Network+dcap-qvl/tdx-v4", "2025-07-01T00:00:00Z",
            &arena),
    };
    double bare[ROUNDS];

    for (size_t r = 0; r < ROUNDS; r++) {
        bare[r] = bare_p256(sgx);
        for (size_t i = 0; i < COUNT(all); i++) {
            struct cert_cache *cache = cert_cache_new(64);

            if (all[i].quote.ptr == NULL)
                continue;
            all[i].cold[r] = ours(&all[i], NULL);
            (void)ours(&all[i], cache);
            all[i].known[r] = ours(&all[i], cache);
            cert_cache_free(cache);
        }
    }
    double b = median(bare, ROUNDS);
    (void)printf(
        "\nSGX and TDX quotes, one core, TCB info, QE identity and both CRLs\n");
    (void)printf("  %-34s %8.0f/s %8.1f us\n", "bare P-256 (OpenSSL)", 1e6 / b, b);
    for (size_t i = 0; i < COUNT(all); i++)
        say(&all[i], b);
    world_free(sgx);
    world_free(tdx);
    return 0;
}
