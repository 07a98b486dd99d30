/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFY_OPTIONS_H
#define SELFSAME_VERIFY_OPTIONS_H

#include <selfsame/selfsame.h>

#include "cli/cli.h"
#include "cli/releases.h"

/* What verify and connect share: options → policy and verifier, result → output. */
#define VERIFY_OPTIONS                                                                 \
    { .name = "policy",                                                                \
        .argument = "FILE",                                                            \
        .help = "what to demand (policy init writes one)" },                           \
        { .name = "measurements",                                                      \
            .argument = "FILE",                                                        \
            .repeatable = true,                                                        \
            .help = "accept these: measurements.json of a build" },                    \
        { .name = "tee",                                                               \
            .argument = "TEE",                                                         \
            .help = "accept this TEE; with --policy: of its TEEs this one alone" },    \
        RELEASE_OPTIONS,                                                               \
        { .name = "trust-anchor",                                                      \
            .argument = "FILE",                                                        \
            .repeatable = true,                                                        \
            .help = "roots (PEM or DER) instead of the pinned ones" },                 \
        { .name = "collateral",                                                        \
            .argument = "FILE|DIR",                                                    \
            .repeatable = true,                                                        \
            .help = "certificates and CRLs that the evidence does not carry" },        \
        { .name = "fetch",                                                             \
            .help = "fetch what a refusal misses from the vendor, and verify again" }, \
        { .name = "cache",                                                             \
            .argument = "DIR",                                                         \
            .help = "with --fetch: where that is kept" },                              \
        { .name = "origin",                                                            \
            .argument = "URL",                                                         \
            .help = "with --fetch: a mirror in place of the vendor's host" },          \
        { .name = "origin-ca",                                                         \
            .argument = "FILE",                                                        \
            .help = "with --fetch: who vouches for that mirror's TLS certificate" },   \
        { .name = "offline", .help = "with --fetch: from the cache alone" },           \
        { .name = "refresh",                                                           \
            .help = "with --fetch: ask anew for what the cache holds" },               \
        { .name = "max-age",                                                           \
            .argument = "DURATION",                                                    \
            .help =                                                                    \
                "accept evidence up to this age (90s, 5m, 24h) by its signed time" },  \
        { .name = "insecure-any-measurement", .help = "accept any code" },             \
        { .name = "insecure-any-age", .help = "accept old evidence" },                 \
        { .name = "insecure-unbound",                                                  \
            .help = "accept evidence about another key or channel" },                  \
        { .name = "insecure-debug", .help = "accept debug mode" },                     \
        { .name = "insecure-no-revocation", .help = "do not look for revocation" },    \
        { .name = "insecure-simulated", .help = "accept the simulator" },              \
    {                                                                                  \
        .name = "insecure-any-tcb", .help = "accept outdated firmware"                 \
    }

/*
 * The policy: the file, what the flags add, or a one-off policy of the flags
 * alone (then freshness is by nonce unless --max-age is given, binding by key).
 */
MUST enum selfsame_code verify_options_policy(
    struct cli *c, struct selfsame_policy **ret, struct selfsame_err *e);
/* A verifier with the pinned roots, or those of --trust-anchor. */
MUST enum selfsame_code verify_options_verifier(
    struct cli *c, struct selfsame_verifier **ret, struct selfsame_err *e);
/*
 * Prints the result as the options ask (--json, --explain, --report FILE) on
 * `out`; returns its class, with e left empty so that nothing is printed twice.
 */
MUST enum selfsame_code verify_options_print(
    struct cli *c, const struct selfsame_result *r, int out_fd, struct selfsame_err *e);

/* collateral_files.c: files and directories that a repeatable option names, by pieces. */
struct collateral_sink {
    enum selfsame_code (*put)(
        void *ctx, struct selfsame_bytes piece, struct selfsame_err *e);
    void *ctx;
};
MUST enum selfsame_code collateral_read(struct cli *c, const char *option,
    const struct collateral_sink *s, struct selfsame_err *e);
/* --collateral into the verifier. */
MUST enum selfsame_code collateral_files(
    struct cli *c, struct selfsame_verifier *v, struct selfsame_err *e);

void policy_cleanup(struct selfsame_policy **p);
void verifier_cleanup(struct selfsame_verifier **v);
void result_cleanup(struct selfsame_result **r);
#define auto_policy __attribute__((cleanup(policy_cleanup))) struct selfsame_policy
#define auto_verifier \
    __attribute__((cleanup(verifier_cleanup))) struct selfsame_verifier
#define auto_result __attribute__((cleanup(result_cleanup))) struct selfsame_result

#endif
