/* SPDX-License-Identifier: Apache-2.0 */
/* What logs and publishers write: proofs, notes, envelopes, trust policies, keys. */
#include "log/log.h"
#include "show/show.h"

#include <inttypes.h>
#include <stdio.h>

/* 9999-12-31T23:59:59Z */
#define YEAR_9999_END UINT64_C(253402300799)

static json_t *
text_of(struct selfsame_bytes b)
{
    return json_stringn((const char *)b.ptr, b.len);
}

static json_t *
base64_of(struct selfsame_bytes b, struct arena *arena)
{
    char *text = arena_alloc(arena, 1, BASE64_SIZE(b.len));

    if (text == NULL)
        return NULL;
    (void)base64_encode(b, false, text);
    return json_string(text);
}

/* ---- notes ---- */

bool
show_is_note(struct selfsame_bytes in)
{
    static const char dash[] = "\n\n\xe2\x80\x94 ";
    const size_t n = sizeof(dash) - 1;

    for (size_t i = 0; in.len < NOTE_MAX && i + n <= in.len; i++)
        if (bytes_eq(BYTES(in.ptr + i, n), bytes_str(dash)))
            return true;
    return false;
}

/* Times are written with four digits of a year; what is later is left a number. */
static json_t *
time_json(uint64_t at)
{
    char text[TIME_TEXT];

    if (at > YEAR_9999_END)
        (void)snprintf(text, sizeof(text), "%" PRIu64, at);
    else
        time_format((int64_t)at, text);
    return json_string(text);
}

static json_t *
line_json(const struct note_line *l)
{
    char id[9];

    (void)snprintf(id, sizeof(id), "%08x", l->id);
    json_t *j = json_pack("{s:o, s:s, s:I}", "name", text_of(l->name), "key_id", id,
        "bytes", (json_int_t)l->signature.len);
    /* A cosignature begins with its time; a plain Ed25519 signature has 64 bytes. */
    if (j != NULL && l->signature.len == 8 + 64) {
        struct reader r = reader_of(l->signature);

        if (json_object_set_new(j, "cosigned", time_json(get_be64(&r))) != 0) {
            json_decref(j);
            return NULL;
        }
    }
    return j;
}

static enum selfsame_code
put_checkpoint(
    json_t *into, const struct note *n, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_err ignored;
    struct checkpoint c;

    if (checkpoint_parse(n->text, &c, &ignored) != SELFSAME_OK)
        return show_put(into, "text", text_of(n->text), e);
    TRY(show_put(into, "origin", text_of(c.origin), e));
    TRY(show_put(into, "size", json_integer((json_int_t)c.size), e));
    return show_put(into, "root", base64_of(BYTES_ARR(c.root), arena), e);
}

enum selfsame_code
show_note(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    json_t *list = json_array();
    struct note n;

    enum selfsame_code code = note_parse(in, arena, &n, e);
    if (code != SELFSAME_OK) {
        json_decref(list);
        return code;
    }
    code = put_checkpoint(into, &n, arena, e);
    if (code != SELFSAME_OK) {
        json_decref(list);
        return code;
    }
    TRY(show_put(into, "signatures", list, e));
    for (size_t i = 0; i < n.count; i++)
        if (json_array_append_new(list, line_json(&n.lines[i])) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

/* ---- envelopes ---- */

bool
show_is_envelope(struct selfsame_bytes in)
{
    return bytes_has_prefix(in, BYTES_LIT("{\"payload\":"));
}

enum selfsame_code
show_envelope(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct selfsame_err ignored;
    struct envelope v;
    json_t *payload = NULL;

    TRY(envelope_parse(in, arena, &v, e));
    TRY(show_put(into, "payload_type", text_of(v.payload_type), e));
    TRY(show_put(into, "key_id", text_of(v.keyid), e));
    if (json_parse(v.payload, "payload", &payload, &ignored) != SELFSAME_OK)
        return show_put(into, "payload", base64_of(v.payload, arena), e);
    return show_put(into, "payload", payload, e);
}

/* ---- proofs ---- */

bool
show_is_proof(struct selfsame_bytes in)
{
    return bytes_has_prefix(in, BYTES_LIT("c2sp.org/tlog-proof@"));
}

enum selfsame_code
show_proof(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct log_proof p;

    TRY(proof_parse(in, arena, &p, e));
    TRY(show_put(into, "index", json_integer((json_int_t)p.index), e));
    TRY(show_put(into, "path", json_integer((json_int_t)p.path.count), e));
    json_t *checkpoint = json_object();
    TRY(show_put(into, "checkpoint", checkpoint, e));
    TRY(show_note(p.checkpoint, arena, checkpoint, e));
    if (!p.has_extra)
        return SELFSAME_OK;
    if (!show_is_envelope(p.extra))
        return show_put(into, "extra", base64_of(p.extra, arena), e);
    json_t *envelope = json_object();
    TRY(show_put(into, "envelope", envelope, e));
    return show_envelope(p.extra, arena, envelope, e);
}

/* ---- trust policies ---- */

/* The first line that says something begins with one of its words. */
bool
show_is_trust(struct selfsame_bytes in)
{
    static const char *const words[] = { "log ", "log\t", "witness ", "witness\t",
        "group ", "group\t", "quorum " };
    struct selfsame_bytes rest = in, line;

    while (bytes_line(&rest, &line)) {
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        for (size_t i = 0; i < COUNT(words); i++)
            if (bytes_has_prefix(line, bytes_str(words[i])))
                return true;
        return false;
    }
    return false;
}

static json_t *
key_json(const struct note_key *k, struct selfsame_bytes url, struct arena *arena)
{
    return json_pack("{s:o, s:s, s:o*}", "name", text_of(k->name), "key",
        note_key_text(k, arena), "url", url.len > 0 ? text_of(url) : NULL);
}

static enum selfsame_code
put_keys(json_t *into, const char *name, const struct note_key *keys,
    const struct selfsame_bytes *urls, size_t count, struct arena *arena,
    struct selfsame_err *e)
{
    json_t *list = json_array();

    TRY(show_put(into, name, list, e));
    for (size_t i = 0; i < count; i++)
        if (json_array_append_new(list, key_json(&keys[i], urls[i], arena)) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

enum selfsame_code
show_trust(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct log_policy p;

    TRY(log_policy_parse(in, arena, &p, e));
    TRY(put_keys(into, "logs", p.logs, p.log_urls, p.log_count, arena, e));
    TRY(put_keys(
        into, "witnesses", p.witnesses, p.witness_urls, p.witness_count, arena, e));
    json_t *groups = json_array();
    TRY(show_put(into, "groups", groups, e));
    for (size_t i = 0; i < p.group_count; i++)
        if (json_array_append_new(
                groups, json_pack("{s:o, s:i, s:i}", "name", text_of(p.groups[i].name),
                            "needed", (int)p.groups[i].needed, "members",
                            __builtin_popcountll(p.groups[i].witnesses) +
                                __builtin_popcount(p.groups[i].groups))) != 0)
            FAIL(e, SELFSAME_NOMEM, "the output");
    return show_put(into, "quorum",
        p.quorum_none       ? json_string("none")
        : p.quorum_is_group ? text_of(p.groups[p.quorum].name)
                            : text_of(p.witness_names[p.quorum]),
        e);
}
