/* SPDX-License-Identifier: Apache-2.0 */
/* kind: envelope (DSSE, docs/formats/release.md). */
#include "vector_maker.h"

#define RELEASE_SPEC "docs/formats/release.md"
#define SEQ "\"sequence\":17"

static void
put_envelope(const struct maker *m, const char *name, const char *expect,
    const char *text, const char *why)
{
    maker_put(m, &(struct made_vector){ .name = name,
                     .kind = "envelope",
                     .expect = expect,
                     .spec = "DSSE v1, " RELEASE_SPEC,
                     .note = *why != '\0' ? why : "not of the form",
                     .field = { "publisher", maker_base64(m, m->w->publisher_spki) },
                     .payload = bytes_str(text) });
}

/* An envelope with one member's value edited and all rightly signed. */
static const char *
signed_as(const struct maker *m, const char *type, const char *statement)
{
    const char *pae = STR(
        m, "DSSEv1 %zu %s %zu %s", strlen(type), type, strlen(statement), statement);

    return STR(m,
        "{\"payload\":\"%s\",\"payloadType\":\"%s\",\"signatures\":[{\"keyid\":\"%s\","
        "\"sig\":\"%s\"}]}",
        maker_base64(m, bytes_str(statement)), type,
        world_sha256(
            m->w, "stands for an id") /* any keyid: it is a hint and nothing else */,
        maker_base64(m, maker_sign(m, m->w->publisher, bytes_str(pae))));
}

static void
envelopes_of_bad_form(const struct maker *m, const char *good)
{
    const char *from = maker_find(good, "{\"keyid\"");
    const char *one = STR(m, "%.*s", (int)strlen(from) - 2, from);
    const char *sig = maker_find(good, "\"sig\":\"") + strlen("\"sig\":\"");
    const char *unpadded = STR(
        m, "%.*s%s", (int)(maker_find(sig, "==") - good), good, maker_find(sig, "\"}"));
    const char *keyid = STR(
        m, "%.*s", (int)(maker_find(from, "\"sig\"") - from) - 1, from + 1);
    const char *payload = STR(
        m, "%.*s", (int)(maker_find(good, "\"payloadType") - good) - 1, good + 1);
    const struct {
        const char *name, *old, *new, *why;
    } bad[] = {
        { "201-space", "{\"payload\"", "{ \"payload\"", "a second spelling" },
        { "202-no-payload-type", STR(m, ",\"payloadType\":\"%s\"", STATEMENT_PAYLOAD),
            "", "payloadType is missing" },
        { "203-no-signature", one, "", "exactly one" },
        { "204-two-signatures", one, STR(m, "%s,%s", one, one), "exactly one" },
        { "205-signatures-is-an-object", STR(m, "[%s]", one), one, "a list" },
        { "206-no-keyid", keyid, "", "one member of two" },
        { "207-unknown-member", "{\"payload\"", "{\"a\":1,\"payload\"",
            "no other members" },
        { "208-unknown-member-of-signature", "{\"keyid\"", "{\"a\":1,\"keyid\"",
            "no other members" },
        { "209-base64-of-payload", "{\"payload\":\"e", "{\"payload\":\"-", "a hyphen" },
        { "210-keyid-is-a-number", keyid, "\"keyid\":7,", "text" },
        { "211-payload-is-a-number", payload, "\"payload\":7,", "text" },
        { "217-other-member-for-keyid", keyid, "\"kid\":\"\",", "keyid is missing" },
        { "218-payload-is-a-list", payload, "\"payload\":[],", "text" },
    };

    put_envelope(m, "200-nothing", "malformed", "", "no byte at all");
    for (size_t i = 0; i < COUNT(bad); i++)
        put_envelope(m, bad[i].name, "malformed",
            maker_swap(m, good, bad[i].old, bad[i].new), bad[i].why);
    put_envelope(
        m, "212-unpadded-signature", "malformed", unpadded, "base64 is padded");
    put_envelope(m, "213-newline-behind", "malformed", STR(m, "%s\n", good),
        "a second spelling");
    put_envelope(m, "215-members-in-another-order", "malformed",
        STR(m, "{\"signatures\":[%s],%.*s}", one,
            (int)(maker_find(good, ",\"signatures\"") - good) - 1, good + 1),
        "members are sorted by byte");
    put_envelope(m, "216-escaped-slash", "malformed",
        maker_swap(m, good, "application/vnd", "application\\/vnd"),
        "a slash has no escape");
}

/* An envelope of exactly that size: a note in the statement, a keyid of some length. */
static const char *
sized(const struct maker *m, const char *statement, size_t size)
{
    const size_t letters = 47000;
    char *note = arena_alloc(&m->w->arena, 1, letters + 1), *keyid;

    assert_non_null(note);
    memset(note, 'a', letters);
    const char *text = signed_as(m, STATEMENT_PAYLOAD,
        maker_swap(m, statement, SEQ, STR(m, "\"note\":\"%s\"," SEQ, note)));
    assert_true(strlen(text) < size);
    keyid = arena_alloc(&m->w->arena, 1, size);
    assert_non_null(keyid);
    memset(keyid, 'f', size - strlen(text));
    return maker_swap(m, text, "\"keyid\":\"", STR(m, "\"keyid\":\"%s", keyid));
}

void
make_envelopes(const struct maker *m)
{
    const char *statement = world_release(
        m->w, &(struct world_release){ .sequence = 17 });
    const char *good = signed_as(m, STATEMENT_PAYLOAD, statement);
    const char *by_other = STR(m, "%.*s",
        (int)world_envelope(m->w, statement, m->w->other).len,
        (const char *)world_envelope(m->w, statement, m->w->other).ptr);
    const char *body = maker_base64(m, bytes_str(statement));
    const char *changed = maker_base64(
        m, bytes_str(maker_swap(m, statement, SEQ, "\"sequence\":18")));
    const struct selfsame_bytes bare = maker_sign(
        m, m->w->publisher, bytes_str(statement));
    const struct selfsame_bytes usual = world_envelope(
        m->w, statement, m->w->publisher);
    const char *plain = STR(m, "%.*s", (int)usual.len, (const char *)usual.ptr);
    const char *sig = maker_find(good, "\"sig\":\"");

    maker_put(m, &(struct made_vector){ .name = "100-release",
                     .kind = "envelope",
                     .expect = "ok",
                     .spec = "DSSE v1, " RELEASE_SPEC,
                     .note = "as `selfsame publish` makes it",
                     .field = { "publisher", maker_base64(m, m->w->publisher_spki),
                         "sweep", "cuts" },
                     .payload = bytes_str(plain) });
    put_envelope(m, "101-other-keyid", "ok", good,
        "it is not signed: this reader is told whose key to try");
    envelopes_of_bad_form(m, plain);
    put_envelope(m, "102-largest", "ok", sized(m, statement, 65535),
        "an entry of a log has 65535 bytes at most");
    put_envelope(m, "214-too-large", "malformed", sized(m, statement, 65536),
        "rightly signed, a byte too many");
    put_envelope(m, "300-other-type", "unsupported",
        signed_as(m, "application/json", statement), "rightly signed");
    put_envelope(m, "400-other-publisher", "log", by_other, "signed by another key");
    put_envelope(m, "401-other-payload", "log", maker_swap(m, good, body, changed),
        "the payload was changed after signing");
    put_envelope(m, "402-signature-of-the-payload", "log",
        STR(m, "%.*s\"sig\":\"%s\"}]}", (int)(sig - good), good, maker_base64(m, bare)),
        "over the payload alone, without DSSE's header");
    put_envelope(m, "403-short-signature", "log",
        STR(m, "%.*s\"sig\":\"AAAA\"}]}", (int)(sig - good), good), "three bytes");
    put_envelope(m, "404-empty-signature", "log",
        STR(m, "%.*s\"sig\":\"\"}]}", (int)(sig - good), good), "no byte");
    put_envelope(m, "405-type-changed", "unsupported",
        maker_swap(m, good, "in-toto+json", "in-toto+jso"),
        "the type is signed, and it is not ours any more");
}
