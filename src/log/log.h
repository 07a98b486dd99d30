/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_INTERNAL_H
#define SELFSAME_LOG_INTERNAL_H

#include "crypto/crypto.h"

/*
 * Transparency logs, the pure part: formats and proofs, byte for byte those of C2SP
 * (tlog-tiles, tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-policy, signed-note)
 * and of RFC 9162's trees over SHA-256. Views point into the input or the arena.
 *
 *   merkle.c      inclusion, consistency: checked, and made from a source of hashes
 *   tile.c        names and content of tiles and entry bundles
 *   note.c        signed notes and the keys that verify them
 *   checkpoint.c  a note that says origin, size and root; cosignatures
 *   proof.c       one entry's proof in one file
 *   policy.c      which logs, witnesses and quorum are believed
 *   canonical.c   JSON in its one form
 *   envelope.c    DSSE: the leaf of a release
 *   witness.c     what a log asks a witness, and what the witness may answer
 */
enum { LOG_HASH = 32, LOG_PATH_MAX = 63 };

/* ---- merkle.c (RFC 9162 §2.1) ---- */

MUST bool merkle_leaf(struct selfsame_bytes entry, uint8_t ret[static LOG_HASH]);
MUST bool merkle_node(const uint8_t left[static LOG_HASH],
    const uint8_t right[static LOG_HASH], uint8_t ret[static LOG_HASH]);
MUST bool merkle_empty(uint8_t ret[static LOG_HASH]); /* the root of no entries */

/* A path: hashes one after another, leaf side first. */
struct merkle_path {
    const uint8_t *hashes;
    size_t count;
};
/* LOG: the proof does not hold; NOMEM. Roots and sizes come from signed checkpoints alone. */
MUST enum selfsame_code merkle_check_inclusion(uint64_t index, uint64_t size,
    const uint8_t leaf[static LOG_HASH], struct merkle_path path,
    const uint8_t root[static LOG_HASH], struct selfsame_err *e);
/* The root to which a path leads, which somebody else has to have signed. */
MUST enum selfsame_code merkle_climb(uint64_t index, uint64_t size,
    const uint8_t leaf[static LOG_HASH], struct merkle_path path,
    uint8_t ret[static LOG_HASH], struct selfsame_err *e);
/* From size 0 everything follows, and the path must be empty. */
MUST enum selfsame_code merkle_check_consistency(uint64_t old_size,
    const uint8_t old_root[static LOG_HASH], uint64_t size,
    const uint8_t root[static LOG_HASH], struct merkle_path path,
    struct selfsame_err *e);

/* Where hashes of whole subtrees come from: node (height, index) covers 2^height leaves. */
struct merkle_source {
    bool (*node)(
        void *ctx, unsigned height, uint64_t index, uint8_t ret[static LOG_HASH]);
    void *ctx;
};
/* False: the source has not what is asked. */
MUST bool merkle_root(
    const struct merkle_source *s, uint64_t size, uint8_t ret[static LOG_HASH]);
/* `hashes`: room for LOG_PATH_MAX; false also where there is no such proof. */
MUST bool merkle_prove_inclusion(const struct merkle_source *s, uint64_t index,
    uint64_t size, uint8_t *hashes, size_t *ret_count);
MUST bool merkle_prove_consistency(const struct merkle_source *s, uint64_t old_size,
    uint64_t size, uint8_t *hashes, size_t *ret_count);

/* ---- tile.c (tlog-tiles) ---- */

enum {
    TILE_WIDTH = 256,
    TILE_LEVELS = 8, /* 256^8 > 2^63 */
    TILE_BYTES = TILE_WIDTH * LOG_HASH,
    TILE_NAME = 96,
    ENTRY_MAX = 65535,
};
/* A tile of hashes (level 0 and up) or a bundle of entries, of 1 to 256. */
struct tile_id {
    bool entries;
    unsigned level; /* 0 for entries */
    uint64_t index;
    unsigned width; /* 256: whole */
};
/* "tile/0/x001/234.p/5", "tile/entries/000" */
void tile_name(const struct tile_id *id, char ret[static TILE_NAME]);
/* MALFORMED: not the one name of a tile. */
MUST enum selfsame_code tile_name_parse(
    const char *name, struct tile_id *ret, struct selfsame_err *e);
/* How many hashes of this tile a tree of that size has, 0 to 256. */
unsigned tile_width(unsigned level, uint64_t index, uint64_t size);
/* The next entry of a bundle; absent at its end. MALFORMED. */
MUST enum selfsame_code bundle_next(
    struct reader *r, struct selfsame_bytes *ret, struct selfsame_err *e);

/* ---- note.c (signed-note) ---- */

enum note_type {
    NOTE_ED25519 = 0x01,
    NOTE_ECDSA = 0x02, /* Sigstore's: read, never written */
    NOTE_COSIGNATURE = 0x04,
    NOTE_MLDSA_COSIGNATURE = 0x06, /* known and not verified yet: never good */
};
enum { NOTE_LINES = 100, NOTE_MAX = 1 << 20, NOTE_NAME_MAX = 255 };
struct note_key {
    struct selfsame_bytes name;
    uint32_t id;
    enum note_type type;
    struct selfsame_bytes key; /* Ed25519: 32 bytes; ECDSA: SPKI */
};
/* "name+hhhhhhhh+base64": MALFORMED; UNSUPPORTED for another algorithm. */
MUST enum selfsame_code note_key_parse(struct selfsame_bytes text, struct arena *arena,
    struct note_key *ret, struct selfsame_err *e);
MUST char *note_key_text(const struct note_key *k, struct arena *arena);
/* Name and public half of a key of ours. */
MUST enum selfsame_code note_key_of(struct selfsame_bytes name, enum note_type type,
    const struct key *key, struct arena *arena, struct note_key *ret,
    struct selfsame_err *e);
/* Of a key that only its public half is known of; `key` as in note_key. MALFORMED, UNSUPPORTED. */
MUST enum selfsame_code note_key_public(struct selfsame_bytes name, enum note_type type,
    struct selfsame_bytes key, struct note_key *ret, struct selfsame_err *e);
bool note_name_ok(struct selfsame_bytes name);

struct note_line {
    struct selfsame_bytes name, signature; /* without the id */
    uint32_t id;
};
struct note {
    struct selfsame_bytes text; /* with its last newline: what is signed */
    struct note_line *lines;
    size_t count;
};
MUST enum selfsame_code note_parse(struct selfsame_bytes in, struct arena *arena,
    struct note *ret, struct selfsame_err *e);
/*
 * LOG: a line of a known key does not verify, or no known key signed. *ret_good: bit i
 * for keys[i]; *ret_time: of the cosignatures, by key (may be NULL).
 */
enum { NOTE_KEYS = 64 };
MUST enum selfsame_code note_verify(const struct note *n, const struct note_key *keys,
    size_t count, uint64_t *ret_good, int64_t *ret_time, struct selfsame_err *e);
/* "— name base64\n" for a text, to be put behind it; time_s for cosignatures. */
MUST enum selfsame_code note_sign(struct selfsame_bytes text,
    struct selfsame_bytes name, enum note_type type, const struct key *key,
    int64_t time_s, struct arena *arena, char **ret_line, struct selfsame_err *e);

/* ---- checkpoint.c (tlog-checkpoint) ---- */

struct checkpoint {
    struct selfsame_bytes origin, extensions; /* lines, or empty */
    uint64_t size;
    uint8_t root[LOG_HASH];
};
MUST enum selfsame_code checkpoint_parse(
    struct selfsame_bytes text, struct checkpoint *ret, struct selfsame_err *e);
MUST char *checkpoint_text(const struct checkpoint *c, struct arena *arena);

/* ---- proof.c (tlog-proof) ---- */

struct log_proof {
    bool has_extra;
    struct selfsame_bytes extra;
    uint64_t index;
    struct merkle_path path;
    struct selfsame_bytes checkpoint; /* the whole note */
};
enum { PROOF_MAX = 1 << 20 };
MUST enum selfsame_code proof_parse(struct selfsame_bytes in, struct arena *arena,
    struct log_proof *ret, struct selfsame_err *e);
MUST char *proof_text(const struct log_proof *p, struct arena *arena);

/* ---- policy.c (tlog-policy) ---- */

enum { POLICY_LOGS = 32, POLICY_WITNESSES = 60, POLICY_GROUPS = 32 };
struct log_policy {
    struct note_key *logs;
    struct selfsame_bytes *log_urls; /* or absent */
    size_t log_count;
    struct selfsame_bytes *witness_names;
    struct note_key *witnesses;
    struct selfsame_bytes *witness_urls;
    size_t witness_count;
    struct log_group {
        struct selfsame_bytes name;
        unsigned needed;
        uint64_t witnesses; /* bit i: witnesses[i] */
        uint32_t groups;    /* bit i: groups[i], all before this one */
    } * groups;
    size_t group_count;
    bool quorum_none;
    bool quorum_is_group;
    size_t quorum; /* index of the group or witness */
};
/* USAGE names the line. */
MUST enum selfsame_code log_policy_parse(struct selfsame_bytes text,
    struct arena *arena, struct log_policy *ret, struct selfsame_err *e);
/* Is the quorum met by these witnesses (bit i: witnesses[i])? */
bool log_policy_met(const struct log_policy *p, uint64_t witnesses);

/*
 * The checkpoint of a note that a log of the policy signed and a quorum cosigned.
 * LOG tells which of the two fails. ret_witnesses: who did; ret_time: when, by witness
 * (POLICY_WITNESSES of them; may be NULL).
 */
MUST enum selfsame_code log_policy_open(const struct log_policy *p,
    struct selfsame_bytes note, struct arena *arena, struct checkpoint *ret,
    uint64_t *ret_witnesses, int64_t *ret_time, struct selfsame_err *e);

/* The same, and what is wrong with a refused one. */
enum log_refusal {
    LOG_REFUSED_NOT = 0,
    LOG_REFUSED_FORM,      /* no checkpoint in a signed note */
    LOG_REFUSED_UNKNOWN,   /* of no log of the policy */
    LOG_REFUSED_SIGNATURE, /* not by the log's key, or a known witness's line is wrong */
    LOG_REFUSED_QUORUM,
};
MUST enum selfsame_code log_policy_judge(const struct log_policy *p,
    struct selfsame_bytes note, struct arena *arena, struct checkpoint *ret,
    uint64_t *ret_witnesses, int64_t *ret_time, enum log_refusal *ret_why,
    struct selfsame_err *e);

/* ---- canonical.c (RFC 8785, restricted: specs of our statements) ---- */

enum { CANONICAL_DEPTH = 32 };
/* MALFORMED unless the text is the one form of its value: what JCS would write. */
MUST enum selfsame_code canonical_check(
    struct selfsame_bytes text, const char *what, struct selfsame_err *e);

/* ---- envelope.c (DSSE) ---- */

struct envelope {
    struct selfsame_bytes payload, payload_type, keyid, signature; /* decoded */
};
/* Canonical, and exactly one signature. MALFORMED. */
MUST enum selfsame_code envelope_parse(struct selfsame_bytes in, struct arena *arena,
    struct envelope *ret, struct selfsame_err *e);
/* PAE(type, body) in the arena. */
MUST enum selfsame_code envelope_pae(struct selfsame_bytes type,
    struct selfsame_bytes body, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);
/* By a SubjectPublicKeyInfo: Ed25519, P-256 or P-384. LOG: another key's, or nobody's. */
MUST enum selfsame_code envelope_verify(const struct envelope *v,
    struct selfsame_bytes spki, struct arena *arena, struct selfsame_err *e);
MUST enum selfsame_code envelope_make(struct selfsame_bytes payload_type,
    struct selfsame_bytes payload, const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);

/* ---- witness.c (tlog-witness, add-checkpoint) ---- */

enum { WITNESS_REQUEST_MAX = 65536 };
struct witness_request {
    uint64_t old_size; /* what the log believes that the witness cosigned last */
    struct merkle_path path;
    struct selfsame_bytes checkpoint; /* the whole note */
};
MUST enum selfsame_code witness_request_parse(struct selfsame_bytes in,
    struct arena *arena, struct witness_request *ret, struct selfsame_err *e);
MUST char *witness_request_text(const struct witness_request *r, struct arena *arena);

/* What a witness last cosigned of a log. Of none: size 0, the root of no entries. */
struct witness_state {
    uint64_t size;
    uint8_t root[LOG_HASH];
};
MUST bool witness_state_of_none(struct witness_state *ret);
struct witness_asked {
    struct witness_request request;
    struct note note;
    struct checkpoint checkpoint;
};
/*
 * A request as far as it can be judged without what is stored: HTTP status 0 for good, 400
 * malformed, 404 another log's, 403 not signed by a key of that log; 503 out of memory. `keys` are
 * those of all logs: what they are named is their log's origin.
 */
MUST int witness_open(struct selfsame_bytes body, const struct note_key *keys,
    size_t count, struct arena *arena, struct witness_asked *ret,
    struct selfsame_err *e);
/*
 * 200: what is asked follows what is stored, and *ret is what has to be stored, against
 * the stored one and durably, before the cosignature is given out. 409: the log knows
 * another size; 422: its tree does not follow; 503. *ret_fork: two roots of one size.
 */
MUST int witness_judge(const struct witness_asked *q,
    const struct witness_state *stored, struct witness_state *ret, bool *ret_fork,
    struct selfsame_err *e);

#endif
