/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/release_input.h"

#include "codec/json.h"
#include "log/statement.h"
#include "os/os.h"

static enum selfsame_code
take_envelope(struct selfsame_bytes in, struct arena *arena, struct release_input *r,
    struct selfsame_err *e)
{
    struct envelope v;

    TRY(envelope_parse(in, arena, &v, e));
    if (!bytes_eq(v.payload_type, BYTES_LIT(STATEMENT_PAYLOAD)))
        FAIL(e, SELFSAME_UNSUPPORTED, "envelope: expected a payload of type %s",
            STATEMENT_PAYLOAD);
    r->envelope = in;
    r->payload = v.payload;
    return SELFSAME_OK;
}

static enum selfsame_code
take_proof(struct selfsame_bytes in, struct arena *arena, struct release_input *r,
    struct selfsame_err *e)
{
    struct log_proof p;

    TRY(proof_parse(in, arena, &p, e));
    if (!p.has_extra)
        FAIL(e, SELFSAME_MALFORMED,
            "proof: expected the release beside it (\"extra\"), got none");
    return take_envelope(p.extra, arena, r, e);
}

static enum selfsame_code
take_json(struct selfsame_bytes in, struct arena *arena, struct release_input *r,
    struct selfsame_err *e)
{
    auto_json *j = NULL;

    TRY(json_parse(in, "release", &j, e));
    if (json_object_get(j, "payload") != NULL) {
        r->kind = "envelope";
        return take_envelope(in, arena, r, e);
    }
    r->kind = "statement";
    r->payload = in;
    return SELFSAME_OK;
}

enum selfsame_code
release_input_parse(struct selfsame_bytes in, struct arena *arena,
    struct release_input *ret, struct selfsame_err *e)
{
    struct release_input r = { .kind = "proof" };

    if (in.len == 0)
        return file_empty(e, "a release");
    if (bytes_has_prefix(in, BYTES_LIT("c2sp.org/tlog-proof@")))
        TRY(take_proof(in, arena, &r, e));
    else if (in.ptr[0] == '{')
        TRY(take_json(in, arena, &r, e));
    else
        FAIL(e, SELFSAME_MALFORMED,
            "expected a tlog-proof, an envelope or a statement, got none of them");
    TRY(canonical_check(r.payload, "statement", e));
    *ret = r;
    return SELFSAME_OK;
}
