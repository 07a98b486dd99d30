/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_SIGSTORE_INTERNAL_H
#define SELFSAME_SIGSTORE_INTERNAL_H

#include "codec/json.h"
#include "crypto/timestamp.h"
#include "log/log.h"
#include "log/sigstore.h"

/*
 *   sigstore_json.c    members of objects, strictly
 *   sigstore_root.c    trusted_root.json
 *   sigstore_bundle.c  bundles: bytes → struct
 *   sigstore_entry.c   log entries: promise, checkpoint, inclusion
 *   sigstore_body.c    what an entry says ↔ what the bundle says
 *   sigstore_cert.c    certificate: chain, SCT, identity
 *   sigstore.c         the order of it all
 */

/* ---- sigstore_json.c: absent and null are the same; whoever needs a member says so ---- */

/* MALFORMED when there is another member. `names`: separated by spaces. */
MUST enum selfsame_code sj_only(
    const json_t *j, const char *names, const char *what, struct selfsame_err *e);
/* NULL: absent. MALFORMED: of another type. */
MUST enum selfsame_code sj_object(const json_t *j, const char *name, const char *what,
    const json_t **ret, struct selfsame_err *e);
/* At most `max` elements; an absent array has none. */
MUST enum selfsame_code sj_array(const json_t *j, const char *name, size_t max,
    const char *what, const json_t **ret, size_t *ret_count, struct selfsame_err *e);
/* A view into `j`; absent: ptr NULL. */
MUST enum selfsame_code sj_text(const json_t *j, const char *name, const char *what,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/* Decoded into the arena; absent or empty: ptr NULL. */
MUST enum selfsame_code sj_base64(const json_t *j, const char *name, const char *what,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code sj_decode(struct selfsame_bytes text, const char *name,
    const char *what, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);
/* A 64-bit integer, in decimal text (or as a number); 0 when absent, never negative. */
MUST enum selfsame_code sj_int(const json_t *j, const char *name, const char *what,
    uint64_t *ret, struct selfsame_err *e);

/* For a sentence: cut, and printable ASCII alone. */
enum { SJ_BRIEF = 64 };
const char *sj_brief(struct selfsame_bytes s, char ret[static SJ_BRIEF]);

/* ---- sigstore_root.c ---- */

enum {
    SIGSTORE_LOGS = 64,
    SIGSTORE_AUTHORITIES = 32,
    SIGSTORE_CHAIN = CHAIN_MAX,
};
/* Without a start nothing is valid. */
struct sigstore_period {
    bool has_start, has_end;
    int64_t start_s, end_s; /* both inclusive */
};
struct sigstore_key {
    struct selfsame_bytes spki;
    enum sig_alg alg; /* SIG_NONE: of a kind that we cannot use */
    struct selfsame_bytes key;
};
struct sigstore_log {
    struct selfsame_bytes url, host, id;
    uint8_t key_sha256[32]; /* of the SPKI: the id of a CT log */
    struct sigstore_key key;
    struct sigstore_period valid;
};
struct sigstore_authority {
    struct cert cert[SIGSTORE_CHAIN]; /* the anchor is the last */
    size_t count;
    struct sigstore_period valid;
};
struct sigstore_root {
    struct sigstore_log *logs, *ct_logs;
    struct sigstore_authority *authorities, *tsas;
    size_t log_count, ct_log_count, authority_count, tsa_count;
};
/* LOG: outside. `who` begins the sentence. */
MUST enum selfsame_code sigstore_period_check(const struct sigstore_period *p,
    int64_t time_s, const char *who, struct selfsame_err *e);

/* ---- sigstore_bundle.c ---- */

enum { SIGSTORE_ENTRIES = 16, SIGSTORE_STAMPS = 16, SIGSTORE_TIMES = 64 };
struct sigstore_entry {
    uint64_t index, integrated_s;
    struct selfsame_bytes log_id, kind, version;
    struct selfsame_bytes promise;         /* signed entry timestamp, or absent */
    struct selfsame_bytes body, body_text; /* decoded, and the base64 of it */
    bool has_proof;
    struct selfsame_bytes checkpoint, root; /* absent in some of v0.1 */
    uint64_t proof_index, proof_size;
    struct merkle_path path;
};
struct sigstore_bundle {
    unsigned minor; /* v0.x */
    bool by_key;
    struct cert cert; /* unless by_key */
    struct sigstore_entry *entries;
    size_t entry_count;
    struct selfsame_bytes *stamps;
    size_t stamp_count;
    bool is_dsse;
    struct selfsame_bytes payload, payload_type, pae; /* DSSE */
    struct selfsame_bytes digest; /* SHA-256 of a message, or absent */
    struct selfsame_bytes signature;
};
/* Views live in `j` (which the caller keeps) and the arena. */
MUST enum selfsame_code sigstore_bundle_parse(const json_t *j, struct arena *arena,
    struct sigstore_bundle *ret, struct selfsame_err *e);
extern const struct cert_profile sigstore_profile;

/* ---- sigstore.c ---- */

/* What is being verified, and the times that are proven so far. */
struct sigstore_work {
    const struct sigstore_bundle *bundle;
    const struct sigstore_expect *expect;
    const struct sigstore_root *root;
    struct arena *arena;
    struct sigstore_key signer;
    const struct cert *issuer; /* of the signer's certificate, in the root */
    int64_t time_s[SIGSTORE_TIMES];
    size_t time_count;
};
/* LOG: in the future, or too many. */
MUST enum selfsame_code sigstore_add_time(
    struct sigstore_work *w, int64_t time_s, const char *who, struct selfsame_err *e);
/* A signature over a message, with the digest of the key's strength. LOG. */
MUST enum selfsame_code sigstore_signed(const struct sigstore_key *k,
    struct selfsame_bytes message, struct selfsame_bytes signature, const char *what,
    struct selfsame_err *e);
/* Makes any failure but those of memory and of what we cannot do one of class LOG. */
MUST enum selfsame_code sigstore_as_log(
    enum selfsame_code code, const char *what, struct selfsame_err *e);

/* ---- sigstore_entry.c ---- */

/* The promise: adds its time. */
MUST enum selfsame_code sigstore_check_promise(
    struct sigstore_work *w, const struct sigstore_entry *n, struct selfsame_err *e);
/* Checkpoint, inclusion, and that the log's key was in use at every time of *w. */
MUST enum selfsame_code sigstore_check_entry(
    struct sigstore_work *w, const struct sigstore_entry *n, struct selfsame_err *e);
/* NULL: not in the root. */
const struct sigstore_log *sigstore_log_of(
    const struct sigstore_root *root, const struct sigstore_entry *n);

/* ---- sigstore_body.c ---- */

/* A body in the forms of Rekor v2. */
bool sigstore_entry_is_v2(const struct sigstore_entry *n);
MUST enum selfsame_code sigstore_check_body(
    struct sigstore_work *w, const struct sigstore_entry *n, struct selfsame_err *e);

/* ---- sigstore_cert.c ---- */

MUST enum selfsame_code sigstore_check_chain(
    struct sigstore_work *w, struct selfsame_err *e);
MUST enum selfsame_code sigstore_check_sct(
    struct sigstore_work *w, struct selfsame_err *e);
/* DENIED; fills what the certificate says. */
MUST enum selfsame_code sigstore_check_identity(
    struct sigstore_work *w, struct sigstore_claims *ret, struct selfsame_err *e);

#endif
