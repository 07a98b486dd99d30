/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_STATEMENT_H
#define SELFSAME_STATEMENT_H

#include "log/log.h"

/*
 * Statements of authors and rebuilders: in-toto Statements v1 with a predicate of ours,
 * in canonical JSON and nothing else (docs/formats/release.md). Parsing believes
 * nothing: whoever uses one has opened its envelope with a key and its proof with a
 * policy. Views live in the arena or the payload.
 */
#define STATEMENT_TYPE "https://in-toto.io/Statement/v1"
#define STATEMENT_PAYLOAD "application/vnd.in-toto+json"
#define PREDICATE_RELEASE "https://selfsame.dev/predicate/tee-release/v1"
#define PREDICATE_REBUILD "https://selfsame.dev/predicate/tee-rebuild/v1"
#define PREDICATE_INDEX "https://selfsame.dev/predicate/tee-index/v1"

enum statement_kind { STATEMENT_RELEASE = 1, STATEMENT_REBUILD, STATEMENT_INDEX };
enum {
    STATEMENT_LIST = 1024, /* subjects, measurements, entries of an index */
    STATEMENT_SHAPES = 4096,
    STATEMENT_NAME = 128,
    RELEASE_DAYS = 400,
    INDEX_DAYS = 7,
};

struct statement_file {
    const char *name;
    uint8_t sha256[32];
};
/* One value that a release promises, found by its TEE's words: "pcr.0", "measurement". */
struct statement_value {
    const char *tee;  /* ours: "nitro", "snp", "sgx", "tdx", "tpm"; simulated: "sim" */
    const char *path; /* the claim */
    struct selfsame_bytes value;
};
/* One item of the measurements in the words of policies. */
struct release_reference {
    const char *tee;
    struct selfsame_bytes entry;   /* an entry of a policy's `measurements` */
    struct selfsame_bytes options; /* and what must hold besides: `tee.NAME` */
    const char *unusable;          /* why this build cannot use it, or NULL */
};
struct release {
    const char *name, *version, *channel /* or NULL */;
    uint64_t sequence; /* from 1 */
    const char *source_uri;
    const char *git_commit;    /* hex, or NULL */
    const char *source_sha256; /* of the canonical source tar: hex, or NULL */
    const char *git_tree;
    const char *recipe_name;
    uint8_t recipe_sha256[32];
    const char *tool_name, *tool_version;
    int64_t source_date_epoch;
    struct selfsame_bytes measurements; /* the JSON array, canonical, as it stands */
    struct statement_value *values;     /* every value in it, for look-ups */
    size_t value_count;
    struct release_reference *references; /* what a verifier compares with */
    size_t reference_count;
    int64_t not_before_s, not_after_s;
    uint8_t (*supersedes)[32];
    size_t supersedes_count;
};
enum rebuild_result { REBUILD_IDENTICAL = 1, REBUILD_DIFFERENT, REBUILD_FAILED };
struct rebuild {
    uint8_t statement[32]; /* SHA-256 of the release's payload */
    enum rebuild_result result;
    struct statement_file *rebuilt;
    size_t rebuilt_count;
};
struct index_current {
    uint64_t sequence;
    uint8_t sha256[32];
};
struct index_revoked {
    uint8_t sha256[32];
    const char *reason;
    int64_t since_s;
};
struct release_index {
    const char *name;
    uint64_t sequence; /* of the index itself */
    int64_t not_before_s, not_after_s;
    struct index_current *current;
    size_t current_count;
    struct index_revoked *revoked;
    size_t revoked_count;
};
struct statement {
    enum statement_kind kind;
    uint8_t sha256[32]; /* of the payload: how others name it */
    struct statement_file *subjects;
    size_t subject_count;
    struct release release; /* the one of `kind` */
    struct rebuild rebuild;
    struct release_index index;
};
/* MALFORMED: not canonical, not of the form; UNSUPPORTED: another predicate. */
MUST enum selfsame_code statement_parse(struct selfsame_bytes payload,
    struct arena *arena, struct statement *ret, struct selfsame_err *e);
/* The same without the demand of canonical form: for payloads that foreign tools signed. */
MUST enum selfsame_code statement_read(struct selfsame_bytes payload,
    struct arena *arena, struct statement *ret, struct selfsame_err *e);
bool release_name_ok(const char *s);
bool release_version_ok(const char *s);
/* The statement inside an envelope whose signature nobody has checked yet. */
MUST enum selfsame_code statement_of_envelope(struct selfsame_bytes envelope,
    struct arena *arena, struct envelope *ret_envelope, struct statement *ret,
    struct selfsame_err *e);

#endif
