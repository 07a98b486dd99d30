/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SIGSTORE_H
#define SELFSAME_SIGSTORE_H

#include "base/base.h"

/*
 * Sigstore bundles (v0.1 to v0.3, Rekor v1 and v2), verified offline against a pinned
 * trusted_root.json: docs/sigstore.md. Pure: no clock, file or network.
 *
 *     const struct sigstore_root *root;
 *     struct sigstore_claims claims;
 *     const struct sigstore_expect expect = {
 *         .identity_pattern = "https://github.com/a/b/.github/workflows/r.yml@refs/tags/v*",
 *         .issuer = "https://token.actions.githubusercontent.com",
 *         .now_s = now_s };
 *
 *     TRY(sigstore_root_parse(trusted_root_json, &arena, &root, e));
 *     TRY(sigstore_verify(bundle, &expect, root, &arena, &claims, e));
 *
 * The root may be used for many bundles, by many threads at once; it points into its arena.
 */
enum {
    SIGSTORE_BUNDLE_MAX = 4 << 20,
    SIGSTORE_ARENA = 32 << 20, /* enough for the longest bundle */
    SIGSTORE_PATTERN_MAX = 512,
    SIGSTORE_NAME_MAX = 4096,
    SIGSTORE_SKEW_S = 60, /* how far before its signing time a bundle is seen */
};

struct sigstore_root;
/* MALFORMED, UNSUPPORTED (another version), NOMEM. Keys of unknown kinds are kept and verify nothing. */
MUST enum selfsame_code sigstore_root_parse(struct selfsame_bytes json,
    struct arena *arena, const struct sigstore_root **ret, struct selfsame_err *e);

/* Who must have signed what. Either `key`, or `issuer` and one of the identities. */
struct sigstore_expect {
    /*
     * SHA-256 of the artifact. Absent: the bundle must carry a DSSE statement, whose
     * subjects the caller compares.
     */
    struct selfsame_bytes artifact;
    const char *identity; /* subjectAltName, compared whole */
    /*
     * The whole name too: '*' stands for any run of characters but '/', "**" for any run.
     */
    const char *identity_pattern;
    const char *issuer;
    struct selfsame_bytes key;  /* SubjectPublicKeyInfo, DER */
    const char *predicate_type; /* of a DSSE statement; NULL: the caller looks at it */
    int64_t now_s;              /* only so that nothing is signed in the future */
};

/* Texts are NULL where a bundle does not say. All of them are signed. */
struct sigstore_claims {
    struct selfsame_bytes payload_type,
        payload; /* DSSE; absent for a plain signature */
    const char *predicate_type;
    const char *identity, *issuer; /* NULL: signed with the expected key */
    /* What the certificate says of the build (1.3.6.1.4.1.57264.1.9 to .22). */
    const char *build_signer, *build_signer_digest;
    const char *runner;
    const char *source_repository, *source_digest, *source_ref;
    const char *build_config, *build_trigger, *run, *visibility;
    int64_t signed_s; /* the earliest of all times, and the latest */
    int64_t signed_until_s;
    const char *log;    /* base URL of the first entry's log, from the root */
    uint64_t log_index; /* within its shard, where the log (v1) promised nothing */
    bool
        included; /* every entry has an inclusion proof; false: promised (v0.1 alone) */
};

/*
 * MALFORMED; UNSUPPORTED: media type, kind of entry, algorithm; LOG: any proof, time,
 * certificate or signature that does not hold; MISMATCH: another artifact; DENIED: another
 * signer, issuer or predicate; USAGE: expectations that say too little.
 */
MUST enum selfsame_code sigstore_verify(struct selfsame_bytes bundle,
    const struct sigstore_expect *expect, const struct sigstore_root *root,
    struct arena *arena, struct sigstore_claims *ret, struct selfsame_err *e);

/* By its first bytes and media type; says nothing of its worth. */
bool sigstore_looks_like(struct selfsame_bytes in);
/* An anchored match as identity_pattern says; false also for what is too long. */
bool sigstore_match(const char *pattern, struct selfsame_bytes name);

#endif
