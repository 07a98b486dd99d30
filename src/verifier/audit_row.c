/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/audit_parts.h"

#include "codec/json_read.h"

#include <assert.h>
#include <stdio.h>

enum { TEXT_MAX = 300 }; /* of one text of strangers */

/* ---- writing ---- */

static void
put_str(struct writer *w, const char *s)
{
    put_bytes(w, bytes_str(s));
}

/* What is not plain becomes '?', so that nothing has to be escaped but these two. */
static void
put_text(struct writer *w, const char *s)
{
    struct selfsame_bytes rest = bytes_str(s);

    rest.len = text_cut(rest, TEXT_MAX);
    put_u8(w, '"');
    while (rest.len > 0) {
        bool plain;
        const size_t n = text_char(rest, &plain);

        if (!plain)
            put_u8(w, '?');
        else {
            if (rest.ptr[0] == '"' || rest.ptr[0] == '\\')
                put_u8(w, '\\');
            put_bytes(w, BYTES(rest.ptr, n));
        }
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
    put_u8(w, '"');
}

static void
put_member(struct writer *w, const char *name, const char *value)
{
    put_str(w, ",\"");
    put_str(w, name);
    put_str(w, "\":");
    if (value == NULL)
        put_str(w, "null");
    else
        put_text(w, value);
}

static void
put_hash(struct writer *w, const char *name, const uint8_t hash[static 32])
{
    char hex[65];

    hex_encode(BYTES(hash, 32), hex);
    put_member(w, name, hex);
}

size_t
row_print(const struct audit_row *row, uint64_t seq, const uint8_t prev[static 32],
    char ret[static AUDIT_LINE])
{
    struct writer w = writer_of((uint8_t *)ret, AUDIT_LINE);
    char number[64], at[TIME_TEXT];

    time_format(row->at_ms / 1000, at);
    (void)snprintf(number, sizeof(number), "{\"seq\":%llu", (unsigned long long)seq);
    put_str(&w, number);
    put_hash(&w, "prev", prev);
    put_member(&w, "tenant", row->tenant);
    put_member(&w, "at", at);
    put_member(&w, "request", row->request);
    put_member(&w, "key", row->key);
    put_member(&w, "policy", row->policy);
    put_member(&w, "tee", row->tee);
    put_member(&w, "status", row->status);
    put_member(&w, "class", row->class_);
    put_member(&w, "failed", row->failed);
    put_member(&w, "release", row->release);
    put_member(&w, "token", row->token);
    put_member(&w, "given", row->given);
    put_hash(&w, "evidence_sha256", row->evidence_sha256);
    put_hash(&w, "claims_sha256", row->claims_sha256);
    put_str(&w, "}\n");
    assert(!w.bad);
    return w.len;
}

size_t
head_print(const struct audit_chain *c, char ret[static AUDIT_HEAD])
{
    struct writer w = writer_of((uint8_t *)ret, AUDIT_HEAD);
    char number[80], hex[65];
    bool more = false;

    (void)snprintf(number, sizeof(number), "{\"segment\":1,\"first\":%llu",
        (unsigned long long)c->size);
    put_str(&w, number);
    put_hash(&w, "prev", c->prev);
    put_str(&w, ",\"edge\":[");
    for (unsigned i = 0; i < AUDIT_LEVELS; i++) {
        if (!((c->size >> i) & 1))
            continue;
        hex_encode(BYTES(c->edge[i], 32), hex);
        put_str(&w, more ? ",\"" : "\"");
        put_str(&w, hex);
        put_str(&w, "\"");
        more = true;
    }
    put_str(&w, "]}\n");
    return w.len;
}

/* ---- reading ---- */

static bool
get_hash(struct jread *j, uint8_t ret[static 32])
{
    const struct selfsame_bytes text = jread_text(j);
    size_t len = 0;

    if (text.len != 64 ||
        !hex_decode((const char *)text.ptr, text.len, ret, 32, &len)) {
        jread_fail(j, "expected a SHA-256 in hex");
        return false;
    }
    return true;
}

/* Texts of rows have escapes, which jread_text would refuse: they are skipped whole. */
enum selfsame_code
row_parse(struct selfsame_bytes line, struct row_seen *ret, struct selfsame_err *e)
{
    struct jread j = jread_of(line);
    struct jread_object o = jread_object(&j);
    struct selfsame_bytes name;
    struct row_seen seen = { 0 };
    unsigned found = 0;

    while (jread_member(&j, &o, &name))
        if (bytes_eq(name, BYTES_LIT("seq"))) {
            seen.seq = jread_uint(&j, INT64_MAX);
            found |= 1;
        } else if (bytes_eq(name, BYTES_LIT("prev"))) {
            found |= get_hash(&j, seen.prev) ? 2 : 0;
        } else if (bytes_eq(name, BYTES_LIT("tenant"))) {
            seen.tenant = jread_text(&j);
            found |= 4;
        } else
            (void)jread_skip(&j);
    if (!jread_done(&j) || found != 7) {
        jread_fail(&j, "expected a row with seq, prev and tenant");
        return jread_end(&j, "audit log", e);
    }
    *ret = seen;
    return SELFSAME_OK;
}

static void
get_edge(struct jread *j, struct audit_chain *c)
{
    struct jread_array a = jread_array(j);

    for (unsigned i = 0; i < AUDIT_LEVELS; i++) {
        if (!((c->size >> i) & 1))
            continue;
        if (!jread_element(j, &a)) {
            jread_fail(j, "expected a hash for each whole subtree");
            return;
        }
        (void)get_hash(j, c->edge[i]);
    }
    if (jread_element(j, &a))
        jread_fail(j, "expected no hash more than subtrees");
}

enum selfsame_code
head_parse(struct selfsame_bytes line, struct audit_chain *ret, struct selfsame_err *e)
{
    struct jread j = jread_of(line);
    struct jread_object o = jread_object(&j);
    struct selfsame_bytes name;
    struct audit_chain c = { 0 };
    unsigned found = 0;

    while (jread_member(&j, &o, &name))
        if (bytes_eq(name, BYTES_LIT("segment"))) {
            found |= jread_uint(&j, 1) == 1 ? 1 : 0;
        } else if (bytes_eq(name, BYTES_LIT("first"))) {
            c.size = jread_uint(&j, INT64_MAX);
            found |= 2;
        } else if (bytes_eq(name, BYTES_LIT("prev"))) {
            found |= get_hash(&j, c.prev) ? 4 : 0;
        } else if (bytes_eq(name, BYTES_LIT("edge")) && (found & 2)) {
            get_edge(&j, &c);
            found |= 8;
        } else
            jread_fail(&j, "no such member");
    if (!jread_done(&j) || found != 15) {
        jread_fail(&j, "expected the head of a segment");
        return jread_end(&j, "audit log", e);
    }
    *ret = c;
    return SELFSAME_OK;
}
