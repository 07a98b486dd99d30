/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLI_PUBLISH_STATEMENT_H
#define SELFSAME_CLI_PUBLISH_STATEMENT_H

#include "cli/cli.h"
#include "log/statement.h"

/* What `publish` and `publish index` share: statements as they come and as they go. */
enum { PUBLISH_PARTS = 64 }; /* of an option that repeats */
#define PUBLISH_DAY_MS INT64_C(86400000)

/* A statement with who signed it, if anybody did. */
struct publish_source {
    struct selfsame_bytes payload;  /* complete: to be signed as it is */
    struct selfsame_bytes envelope; /* signed already */
    struct selfsame_bytes build;    /* of a build: incomplete */
    struct statement statement;     /* of payload */
    bool made;                      /* in this run, with its times */
};

/* A proof, an envelope, a complete statement, or that of a build. No signature is checked. */
MUST enum selfsame_code publish_read(struct cli *c, const char *path,
    struct publish_source *ret, struct selfsame_err *e);
/*
 * publish_pending.c: what this key signed before with the same facts, in the file at
 * `path`, in place of what was made now; *ret false: nothing of the kind is there. USAGE
 * where `strict`: another statement of the same version is.
 */
MUST enum selfsame_code publish_resume(struct cli *c, const char *path, bool strict,
    struct publish_source *s, bool *ret, struct selfsame_err *e);
/* Is it the hash of a statement, as hex? */
bool publish_is_hash(const char *text, uint8_t ret[32]);
/* The hash of a statement: hex, or a file that holds it. */
MUST enum selfsame_code publish_hash(
    struct cli *c, const char *text, uint8_t ret[32], struct selfsame_err *e);
/* From --not-before (default: now), for --valid. */
MUST enum selfsame_code publish_validity(struct cli *c, int64_t usual_ms,
    int64_t *ret_from, int64_t *ret_to, struct selfsame_err *e);

#define FINISH_OPTIONS                                                          \
    { .name = "sign-only",                                                      \
        .help = "sign, and write the envelope; another machine publishes it" }, \
    {                                                                           \
        .name = "out", .argument = "FILE|DIR",                                  \
        .help = "where the proof goes (default: NAME-VERSION.tlog-proof here)"  \
    }
/* Signs with --key what is not signed, logs it unless --sign-only, writes and says where. */
MUST enum selfsame_code publish_finish(
    struct cli *c, struct publish_source *s, struct selfsame_err *e);

#endif
