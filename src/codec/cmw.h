/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CMW_H
#define SELFSAME_CMW_H

#include "base/base.h"

/*
 * Conceptual message wrapper (draft-ietf-rats-msg-wrap): the one envelope for
 * evidence, endorsements, results. Records and collections in JSON and CBOR, and
 * the CBOR tag form of a record; nested collections are flattened, their labels
 * joined with '/' (an inner "__cmwc_t" is checked and dropped). Refused: labels
 * that are empty, have control characters or occur twice (also by flattening),
 * unknown indicator bits, empty collections, more than CMW_ENTRIES entries, and
 * nesting deeper than CMW_NESTING.
 */
enum cmw_ind {
    CMW_REFERENCE_VALUES = 1,
    CMW_ENDORSEMENTS = 2,
    CMW_EVIDENCE = 4,
    CMW_RESULTS = 8,
    CMW_POLICY = 16,
};
enum { CMW_ENTRIES = 64, CMW_NESTING = 4 };

struct cmw_entry {
    struct selfsame_bytes
        label; /* empty for a lone record; an integer label as its decimal text */
    struct selfsame_bytes type; /* media type, or empty when content_format is used */
    uint32_t content_format;    /* CoAP content format, valid when type is empty */
    struct selfsame_bytes value;
    uint32_t ind;       /* 0: not said */
    bool integer_label; /* CBOR label was, and will be, an integer */
};
struct cmw {
    bool collection;
    struct selfsame_bytes collection_type; /* "__cmwc_t", empty when absent */
    struct cmw_entry *entries;
    size_t count;
};

bool cmw_looks_like(
    struct selfsame_bytes in); /* by the first byte(s); says nothing of validity */
/* Views point into `in` or into the arena; both must outlive *ret. */
/* *ret points into `in` and into the arena. */
MUST enum selfsame_code cmw_parse(struct selfsame_bytes in, struct arena *arena,
    struct cmw *ret, struct selfsame_err *e);
/*
 * Encodes a record (collection false, one entry) or a flat collection, keys
 * sorted. USAGE for what cmw_parse would refuse, UNSUPPORTED for a content format
 * in JSON, which has media types only.
 */
MUST enum selfsame_code cmw_encode_cbor(const struct cmw *c, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code cmw_encode_json(const struct cmw *c, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/* A record of the evidence alone, or a collection of it and what came along (or absent). */
MUST enum selfsame_code cmw_encode_evidence(const char *type,
    struct selfsame_bytes evidence, const char *endorsement_type,
    struct selfsame_bytes endorsement, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);
/* The first entry with this media type; NULL when there is none. */
const struct cmw_entry *cmw_find(const struct cmw *c, const char *type);
/* Like cmw_find by label. */
const struct cmw_entry *cmw_label(const struct cmw *c, const char *label);

#endif
