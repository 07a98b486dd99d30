/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TOKEN_MADE_H
#define SELFSAME_TOKEN_MADE_H

/* Verdicts as a verifier would have them, and who signs about them. */
#include "test.h"

#include "token/token.h"

enum { MADE_NOW = 1790000000, MADE_LIFE = 300 };
#define MADE_ISSUER "https://verifier.example"
#define MADE_AUDIENCE "https://api.example"

static const uint8_t made_pcr[48] = { 0xab, 0xcd }, made_nonce[16] = { 1, 2, 3, 0xff };
static const char *const made_pins[] = { "pcr.0", "pcr.1", "pcr.2", NULL };
#define MADE_BYTES(p)  \
    {                  \
        (p), sizeof(p) \
    }
static const struct claim made_claims[] = {
    { "module_id", CLAIM_TEXT, CLAIM_ALONE, { (const uint8_t *)"i-1", 3 }, 0 },
    { "pcr.0", CLAIM_BYTES, CLAIM_ALONE, MADE_BYTES(made_pcr), 0 },
    { "pcr.1", CLAIM_BYTES, CLAIM_ALONE, MADE_BYTES(made_pcr), 0 },
    { "pcr.2", CLAIM_BYTES, CLAIM_ALONE, MADE_BYTES(made_pcr), 0 },
    { "count", CLAIM_UINT, CLAIM_ALONE, { NULL, 0 }, 7 },
};
static const struct identity made_release = {
    .release = "example.com/hello",
    .version = "1.4.2",
    .sequence = 7,
};

static inline struct verdict
made_accepted(void)
{
    struct verdict v = {
        .accepted = true,
        .status = "affirming",
        .identity = &made_release,
        .claims = { .tee = "nitro",
            .authentic = true,
            .pins = made_pins,
            .list = made_claims,
            .count = COUNT(made_claims) },
    };

    for (size_t i = 0; i < CHECK_COUNT; i++)
        v.checks.at[i] = (struct check){ .outcome = CHECK_PASS };
    return v;
}

static inline struct verdict
made_refused(enum check_name name, enum selfsame_code code)
{
    struct verdict v = made_accepted();

    v.accepted = false;
    v.code = code;
    v.status = "contraindicated";
    v.checks.at[name] = (struct check){ .outcome = CHECK_FAIL, .code = code };
    return v;
}

static inline struct ear_subject
made_subject(void)
{
    static const uint8_t digest[32] = { 9 };

    return (struct ear_subject){
        .issuer = MADE_ISSUER,
        .audience = MADE_AUDIENCE,
        .nonce = BYTES_ARR(made_nonce),
        .caller_nonce = true,
        .now_s = MADE_NOW,
        .life_s = MADE_LIFE,
        .token_id = "id-1",
        .developer = "https://example.org",
        .build = "selfsame 0.1.0",
        .policy_id = "default/main@sha256:00",
        .evidence_sha256 = BYTES_ARR(digest),
    };
}

static inline struct token_rules
made_rules(void)
{
    return (struct token_rules){
        .issuer = MADE_ISSUER,
        .audience = MADE_AUDIENCE,
        .has_time = true,
        .now_s = MADE_NOW + 1,
        .leeway_s = 60,
        .nonce = BYTES_ARR(made_nonce),
    };
}

#endif
