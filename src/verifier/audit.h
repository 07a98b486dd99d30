/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_AUDIT_H
#define SELFSAME_VERIFIER_AUDIT_H

#include "crypto/crypto.h"

/*
 * The audit log of verdicts: appended to only, every row holds the hash of the one
 * before, and checkpoints (C2SP tlog-checkpoint, signed with the audit key, over the
 * RFC 9162 tree of the rows) are written at least every minute and at the end. A row is
 * one line of JSON: {"seq","prev":HEX,"at","request","tenant","key","policy","tee",
 * "status","class","checks":{failed …},"evidence_sha256","claims_sha256","token":jti|null,
 * "given":…|null,"release":…|null}. No evidence, no nonces, no secrets.
 *
 *     DIR/rows-000000000000.jsonl …  segments, named by their first row, at most 64 MiB
 *     DIR/checkpoint                 the last one
 *     DIR/audit.key, audit.vkey
 *
 * Rows of many requests are written and synced together by one thread; whoever gave a
 * row hears when it is durable. A torn last line, as kill -9 leaves it, is cut off when
 * the log is opened; anything else that does not fit is LOG, and the log stays shut.
 */
struct audit;
struct audit_config {
    const char *dir;
    int64_t (*clock_ms)(void *ctx);
    void *ctx;
    uint64_t segment; /* bytes of one; 0: 64 MiB */
    int (*fail)(
        void *ctx, const char *step); /* tests: errno of a step, or 0; or NULL */
};
MUST enum selfsame_code audit_init(
    const char *dir, const char *origin, struct selfsame_err *e);
MUST enum selfsame_code audit_open(
    const struct audit_config *c, struct audit **ret, struct selfsame_err *e);
void audit_close(struct audit **a); /* what was given is written, a checkpoint signed */
#define auto_audit __attribute__((cleanup(audit_close))) struct audit

struct audit_row { /* copied */
    int64_t at_ms;
    const char *request, *tenant, *key, *policy, *tee, *status, *class_;
    const char *failed;  /* first check that failed; or NULL */
    const char *release; /* or NULL */
    const char *token;   /* jti; or NULL */
    const char
        *given; /* what else it earned: "secret db/password@3", a SPIFFE id; or NULL */
    uint8_t evidence_sha256[32], claims_sha256[32];
};
/*
 * done(ctx, OK or IO) is called once, in the thread of the log, when the row is durable
 * or cannot be. Full of waiting rows (4,096): false, and done is not called.
 */
MUST bool audit_add(struct audit *a, const struct audit_row *row,
    void (*done)(void *ctx, enum selfsame_code code), void *ctx);
/* The last rows of one tenant, the newest first, from memory: at most 256 a tenant. */
struct audit_seen {
    uint64_t seq;
    const char *json; /* in the arena */
};
MUST enum selfsame_code audit_recent(struct audit *a, const char *tenant, size_t max,
    struct arena *arena, struct audit_seen **ret, size_t *ret_count,
    struct selfsame_err *e);
bool audit_healthy(struct audit *a);
uint64_t audit_size(struct audit *a);

/* Reads everything again: chain, tree, checkpoint. LOG: where it breaks. */
struct audit_check {
    uint64_t rows, segments, checkpointed;
    uint8_t root[32];
};
/* The same, and each row is handed over as it was read; row may be NULL. */
MUST enum selfsame_code audit_read(const char *dir, struct audit_check *ret,
    void (*row)(void *ctx, uint64_t seq, struct selfsame_bytes tenant,
        struct selfsame_bytes line),
    void *ctx, struct selfsame_err *e);
MUST enum selfsame_code audit_verify(
    const char *dir, struct audit_check *ret, struct selfsame_err *e);

#endif
