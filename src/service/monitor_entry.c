/* SPDX-License-Identifier: Apache-2.0 */
/* What one entry of a log means to those who are watched over. */
#include "service/monitor_parts.h"

#include <stdio.h>
#include <stdlib.h>

/* One JSON text of 64 KiB, parsed, stays well below. */
enum { ENTRY_ROOM = 64 << 20 };

struct seeing {
    struct monitor *m;
    struct arena *arena;
    struct selfsame_err *e;
    uint64_t index;
    struct selfsame_bytes bytes;
    struct envelope v;
    struct statement s;
    bool parsed; /* s is there */
    const char *why_not;
    uint8_t key[32]; /* who signed: proven for known keys, else what it says */
    const char *label;
    bool publisher, retired, rebuilder; /* by a key of that list */
    bool claims; /* names a publisher's key, and another or nobody signed */
};

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "an event");
}

static bool
watches_all(const struct monitor *m)
{
    return m->c->name_count == 0 && m->c->publishers.count == 0;
}

/* ---- who signed ---- */

static enum selfsame_code
key_hash(const struct monitor_key *k, uint8_t ret[static 32], struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    if (!hash_bytes(HASH_SHA256, k->spki, digest))
        return nomem(e);
    memcpy(ret, digest, 32);
    return SELFSAME_OK;
}

/* A key id is only a hint: a thief would leave out that of a stolen key. So all are tried. */
static enum selfsame_code
signed_by(struct seeing *x, const struct monitor_keys *keys, bool *ret)
{
    *ret = false;
    for (size_t i = 0; i < keys->count && !*ret; i++) {
        auto_arena scratch = arena_new((size_t)1 << 20);
        struct selfsame_err ignored;
        enum selfsame_code code = envelope_verify(
            &x->v, keys->at[i].spki, &scratch, &ignored);

        if (code == SELFSAME_NOMEM)
            return nomem(x->e);
        if (code != SELFSAME_OK)
            continue;
        *ret = true;
        x->label = keys->at[i].label;
        TRY(key_hash(&keys->at[i], x->key, x->e));
    }
    return SELFSAME_OK;
}

/* Does the entry say the id of a key of the operator, wherever in it? */
static enum selfsame_code
says_key(struct seeing *x, const struct monitor_keys *keys, bool *ret)
{
    for (size_t i = 0; i < keys->count; i++) {
        uint8_t hash[32];
        char hex[65];

        TRY(key_hash(&keys->at[i], hash, x->e));
        hex_encode(BYTES_ARR(hash), hex);
        for (size_t at = 0; at + 64 <= x->bytes.len; at++)
            if (x->bytes.ptr[at] == (uint8_t)hex[0] &&
                bytes_has_prefix(
                    BYTES(x->bytes.ptr + at, x->bytes.len - at), bytes_str(hex)))
                *ret = true;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
find_signer(struct seeing *x)
{
    const struct monitor_config *c = x->m->c;
    size_t len = 0;

    TRY(signed_by(x, &c->publishers, &x->publisher));
    if (!x->publisher)
        TRY(signed_by(x, &c->retired, &x->retired));
    if (!x->publisher && !x->retired)
        TRY(signed_by(x, &c->rebuilders, &x->rebuilder));
    if (!x->publisher && !x->retired && !x->rebuilder &&
        (!hex_decode((const char *)x->v.keyid.ptr, x->v.keyid.len, x->key,
             sizeof(x->key), &len) ||
            len != sizeof(x->key)))
        memset(x->key, 0, sizeof(x->key));
    return SELFSAME_OK;
}

/* The envelope is open: as statement_of_envelope, without parsing it again. */
static enum selfsame_code
open_statement(struct seeing *x, struct selfsame_err *e)
{
    if (!bytes_eq(x->v.payload_type, BYTES_LIT(STATEMENT_PAYLOAD)))
        FAIL(e, SELFSAME_UNSUPPORTED, "envelope: expected a payload of type %s",
            STATEMENT_PAYLOAD);
    return statement_parse(x->v.payload, x->arena, &x->s, e);
}

static enum selfsame_code
open_entry(struct seeing *x)
{
    struct selfsame_err why = { 0 };
    enum selfsame_code code = envelope_parse(x->bytes, x->arena, &x->v, &why);

    if (code == SELFSAME_OK) {
        TRY(find_signer(x));
        code = open_statement(x, &why);
    }
    if (code == SELFSAME_NOMEM)
        return nomem(x->e);
    x->parsed = code == SELFSAME_OK;
    x->why_not = x->parsed ? NULL : arena_printf(x->arena, "%s", err_text(&why));
    if (!x->publisher && !x->retired) {
        TRY(says_key(x, &x->m->c->publishers, &x->claims));
        TRY(says_key(x, &x->m->c->retired, &x->claims));
    }
    return SELFSAME_OK;
}

/* ---- events ---- */

static const char *
name_of(const struct statement *s)
{
    switch (s->kind) {
    case STATEMENT_RELEASE: return s->release.name;
    case STATEMENT_INDEX: return s->index.name;
    case STATEMENT_REBUILD: break;
    }
    return NULL;
}

/* What is known of an entry, for all its events. */
static json_t *
about(const struct seeing *x)
{
    const struct statement *s = &x->s;
    char key[65], sha256[65];
    json_t *j = json_pack("{s:I}", "entry", (json_int_t)x->index);

    hex_encode(BYTES_ARR(x->key), key);
    if (!bytes_is_zero(BYTES_ARR(x->key)))
        (void)json_object_set_new(j, "key", json_string(key));
    (void)json_object_set_new(
        j, "checked", json_boolean(x->publisher || x->retired || x->rebuilder));
    if (x->label != NULL)
        (void)json_object_set_new(j, "label", json_string(x->label));
    if (!x->parsed)
        return j;
    hex_encode(BYTES_ARR(s->sha256), sha256);
    (void)json_object_set_new(j, "sha256", json_string(sha256));
    if (name_of(s) != NULL)
        (void)json_object_set_new(j, "name", json_string(name_of(s)));
    if (s->kind == STATEMENT_RELEASE) {
        (void)json_object_set_new(j, "version", json_string(s->release.version));
        (void)json_object_set_new(
            j, "sequence", json_integer((json_int_t)s->release.sequence));
    }
    if (s->kind == STATEMENT_INDEX)
        (void)json_object_set_new(
            j, "sequence", json_integer((json_int_t)s->index.sequence));
    return j;
}

static enum selfsame_code
tell(struct seeing *x, const char *event, json_t *more)
{
    json_t *j = json_pack("{s:s}", "event", event);
    auto_json *entry = about(x), *last = more;

    if (j != NULL && entry != NULL)
        (void)json_object_update(j, entry);
    if (j != NULL && last != NULL)
        (void)json_object_update(j, last);
    return monitor_tell(x->m, j, x->e);
}

/* ---- is it ours, and did we make it? ---- */

static bool
is_known(const struct seeing *x)
{
    const struct monitor_config *c = x->m->c;

    for (size_t i = 0; i < c->known_count; i++)
        if (bytes_eq(BYTES_ARR(c->known[i]), BYTES_ARR(x->s.sha256)))
            return true;
    return false;
}

static bool
is_our_name(const struct seeing *x, const char *name)
{
    const struct state *s = &x->m->state;

    for (size_t i = 0; i < x->m->c->name_count; i++)
        if (strcmp(x->m->c->names[i], name) == 0)
            return true;
    for (size_t i = 0; i < s->name_count; i++)
        if (s->names[i].ours && strcmp(s->names[i].name, name) == 0)
            return true;
    return false;
}

/* Others were there before: that is told as soon as the name is known to be one's own. */
static enum selfsame_code
tell_stranger(struct seeing *x, const char *name)
{
    struct seen_stranger n;

    if (!state_take_stranger(&x->m->state, name, &n))
        return SELFSAME_OK;
    return monitor_alarm(x->m, ALARM_FOREIGN,
        json_pack("{s:I,s:s,s:I}", "entry", (json_int_t)n.entry, "name", name, "count",
            (json_int_t)n.count),
        x->e,
        "entry %llu speaks of %s, which your key signs at entry %llu, and no key of "
        "yours signed it (entries of this kind: %llu)",
        (unsigned long long)n.entry, name, (unsigned long long)x->index,
        (unsigned long long)n.count);
}

/* What a key of the operator signs once is the operator's from then on. */
static enum selfsame_code
claim_name(struct seeing *x, size_t name)
{
    struct seen_name *n = &x->m->state.names[name];

    if (n->ours ||
        (!x->publisher && (x->m->c->publishers.count == 0 || !is_our_name(x, n->name))))
        return SELFSAME_OK;
    n->ours = true;
    return tell_stranger(x, n->name);
}

/* A stranger's entry under our key or name; or one of our key that we do not know of. */
static enum selfsame_code
check_maker(struct seeing *x)
{
    const struct monitor_config *c = x->m->c;
    const char *name = name_of(&x->s);
    const bool own_name = name != NULL && is_our_name(x, name);
    const bool own_key = x->publisher || x->retired;

    if (x->retired && !is_known(x))
        return monitor_alarm(x->m, ALARM_RETIRED, about(x), x->e,
            "entry %llu is signed by a retired key", (unsigned long long)x->index);
    if (x->claims && !own_key)
        return monitor_alarm(x->m, ALARM_FOREIGN, about(x), x->e,
            "entry %llu names a key of yours that did not sign it",
            (unsigned long long)x->index);
    if (own_name && !own_key && c->publishers.count > 0)
        return monitor_alarm(x->m, ALARM_FOREIGN, about(x), x->e,
            "entry %llu speaks of %s and no key of yours signed it",
            (unsigned long long)x->index, name);
    if (c->has_known && (own_key || own_name) && !is_known(x))
        return monitor_alarm(x->m, ALARM_FOREIGN, about(x), x->e,
            "entry %llu is not among the statements that you made",
            (unsigned long long)x->index);
    return SELFSAME_OK;
}

/* Do its numbers and revocations count? Those of strangers must not hide or spoil ours. */
static bool
counts(const struct seeing *x)
{
    return x->publisher || (x->retired && is_known(x)) ||
           x->m->c->publishers.count == 0;
}

/* ---- releases ---- */

static enum selfsame_code
check_sequence(
    struct seeing *x, const char *what, uint64_t highest, uint64_t got, bool *ret_new)
{
    const char *name = name_of(&x->s);

    *ret_new = got > highest;
    if (highest == 0 || got == highest + 1)
        return SELFSAME_OK;
    return monitor_alarm(x->m, ALARM_SEQUENCE, about(x), x->e,
        "the sequence of %s of %s %s: expected %llu, got %llu", what, name,
        got > highest ? "jumps" : "repeats or goes back",
        (unsigned long long)highest + 1, (unsigned long long)got);
}

static enum selfsame_code
check_version(struct seeing *x, size_t name)
{
    const struct state *s = &x->m->state;

    for (size_t i = 0; i < s->release_count; i++)
        if (s->releases[i].name == name &&
            strcmp(s->releases[i].version, x->s.release.version) == 0)
            return monitor_alarm(x->m, ALARM_DUPLICATE, about(x), x->e,
                "entries %llu and %llu are different releases of %s %s",
                (unsigned long long)s->releases[i].entry, (unsigned long long)x->index,
                x->s.release.name, x->s.release.version);
    return SELFSAME_OK;
}

static void
supersede(struct state *s, const struct statement *by, size_t name)
{
    for (size_t i = 0; i < by->release.supersedes_count; i++) {
        struct seen_release *old = state_release(s, by->release.supersedes[i]);

        if (old != NULL && old->name == name)
            (void)snprintf(old->superseded_by, sizeof(old->superseded_by), "%s",
                by->release.version);
    }
}

static enum selfsame_code
remember_release(struct seeing *x, size_t name)
{
    struct seen_release *r = NULL;

    TRY(state_add_release(&x->m->state, &r, x->e));
    memcpy(r->sha256, x->s.sha256, 32);
    memcpy(r->key, x->key, 32);
    r->name = name;
    (void)snprintf(r->version, sizeof(r->version), "%s", x->s.release.version);
    r->sequence = x->s.release.sequence;
    r->entry = x->index;
    r->seen_s = x->m->seen_s;
    r->checked = x->publisher || x->retired;
    return SELFSAME_OK;
}

/* What strangers sign under one's names: an alarm each, and a few to be shown. */
static bool
is_one_too_many(const struct seeing *x)
{
    const struct state *s = &x->m->state;
    size_t strangers = 0;

    if (counts(x))
        return false;
    for (size_t i = 0; i < s->release_count; i++)
        strangers += !s->releases[i].checked;
    return strangers >= MONITOR_STRANGERS;
}

/* Is this statement to be remembered? What finds no room is judged all the same. */
static bool
has_room(struct seeing *x, bool new_name)
{
    if (is_one_too_many(x))
        return false;
    if (state_has_room(&x->m->state, new_name))
        return true;
    x->m->state.dropped++;
    return false;
}

static enum selfsame_code
see_release(struct seeing *x)
{
    struct state *s = &x->m->state;
    struct seen_release *same = state_release(s, x->s.sha256);
    size_t name = 0;
    bool new = false;

    TRY(tell(x, "release", NULL));
    const bool had_name = state_find_name(s, x->s.release.name, &name);
    const bool room = same != NULL || has_room(x, !had_name);
    if (!room && !had_name)
        return SELFSAME_OK;
    TRY(state_name(s, x->s.release.name, &name, x->e));
    /* Several publishers sign one statement, each in an entry of its own. */
    if (same != NULL) {
        if (!same->checked && x->publisher) {
            same->checked = true;
            memcpy(same->key, x->key, 32);
        }
    } else {
        TRY(check_version(x, name));
        if (room)
            TRY(remember_release(x, name));
    }
    TRY(claim_name(x, name));
    if (!counts(x))
        return SELFSAME_OK;
    if (same == NULL || x->s.release.sequence > s->names[name].sequence)
        TRY(check_sequence(
            x, "releases", s->names[name].sequence, x->s.release.sequence, &new));
    if (new)
        s->names[name].sequence = x->s.release.sequence;
    supersede(s, &x->s, name);
    return SELFSAME_OK;
}

/* ---- indexes ---- */

/* Who may revoke: the operator's keys; where none are known, the key that released. */
static bool
may_judge(const struct seeing *x, const struct seen_release *r)
{
    return x->m->c->publishers.count > 0 ||
           bytes_eq(BYTES_ARR(r->key), BYTES_ARR(x->key));
}

static void
apply_index(struct seeing *x, size_t name, bool newest)
{
    const struct release_index *n = &x->s.index;
    struct state *s = &x->m->state;

    for (size_t i = 0; newest && i < s->release_count; i++)
        if (s->releases[i].name == name)
            s->releases[i].current = false;
    for (size_t i = 0; newest && i < n->current_count; i++) {
        struct seen_release *r = state_release(s, n->current[i].sha256);

        if (r != NULL && r->name == name)
            r->current = true;
    }
    for (size_t i = 0; i < n->revoked_count; i++) {
        struct seen_release *r = state_release(s, n->revoked[i].sha256);

        if (r == NULL || r->name != name || !may_judge(x, r))
            continue;
        r->revoked = true;
        r->revoked_s = n->revoked[i].since_s;
        copy_plain(r->reason, sizeof(r->reason), n->revoked[i].reason);
    }
}

/* The same statement again, by another publisher, which may come late. */
static bool
had_index(const struct seen_name *n, const uint8_t sha256[static 32])
{
    for (size_t i = 0; i < INDEXES; i++)
        if (bytes_eq(BYTES_ARR(n->indexes[i]), BYTES(sha256, 32)))
            return true;
    return false;
}

static enum selfsame_code
see_index(struct seeing *x)
{
    struct state *s = &x->m->state;
    size_t name = 0;
    bool new = false;

    TRY(tell(x, "index",
        json_pack("{s:I,s:I}", "current", (json_int_t)x->s.index.current_count,
            "revoked", (json_int_t)x->s.index.revoked_count)));
    const bool had_name = state_find_name(s, x->s.index.name, &name);
    if (!had_name && (!counts(x) || !has_room(x, true)))
        return SELFSAME_OK;
    TRY(state_name(s, x->s.index.name, &name, x->e));
    TRY(claim_name(x, name));
    if (!counts(x))
        return SELFSAME_OK;
    struct seen_name *n = &s->names[name];
    if (had_index(n, x->s.sha256))
        return SELFSAME_OK;
    TRY(check_sequence(x, "indexes", n->index_sequence, x->s.index.sequence, &new));
    memmove(n->indexes[1], n->indexes[0], sizeof(n->indexes) - 32);
    memcpy(n->indexes[0], x->s.sha256, 32);
    if (new)
        n->index_sequence = x->s.index.sequence;
    apply_index(x, name, new);
    return SELFSAME_OK;
}

/* ---- rebuilds ---- */

/* Anybody may say that he rebuilt a release: so many say nothing to nobody. */
static bool
has_room_for_rebuild(struct seeing *x, struct seen_release *r)
{
    struct state *s = &x->m->state;
    const bool checked = x->publisher || x->rebuilder;

    if (!checked &&
        (r->unchecked >= MONITOR_UNCHECKED || s->unchecked >= MONITOR_UNCHECKED_ALL)) {
        r->more++;
        return false;
    }
    if (s->rebuild_count < MONITOR_REBUILDS)
        return true;
    s->dropped++;
    return false;
}

static enum selfsame_code
remember_rebuild(struct seeing *x, struct seen_release *r)
{
    struct seen_rebuild *b = NULL;

    if (!has_room_for_rebuild(x, r))
        return SELFSAME_OK;
    TRY(state_add_rebuild(&x->m->state, &b, x->e));
    b->release = (size_t)(r - x->m->state.releases);
    memcpy(b->key, x->key, 32);
    b->checked = x->publisher || x->rebuilder;
    copy_plain(b->label, sizeof(b->label), x->label != NULL ? x->label : "");
    b->result = x->s.rebuild.result;
    b->entry = x->index;
    b->seen_s = x->m->seen_s;
    state_count_rebuild(&x->m->state, b);
    return SELFSAME_OK;
}

static enum selfsame_code
see_rebuild(struct seeing *x)
{
    struct seen_release *r = state_release(&x->m->state, x->s.rebuild.statement);
    const bool different = x->s.rebuild.result == REBUILD_DIFFERENT;
    char of[65];

    if (r == NULL && !x->publisher && !x->retired && !watches_all(x->m))
        return SELFSAME_OK;
    hex_encode(BYTES_ARR(x->s.rebuild.statement), of);
    TRY(tell(x, "rebuild",
        json_pack("{s:s,s:s,s:s*,s:s*}", "of", of, "result",
            rebuild_word(x->s.rebuild.result), "name",
            r != NULL ? x->m->state.names[r->name].name : NULL, "version",
            r != NULL ? r->version : NULL)));
    if (r == NULL)
        return SELFSAME_OK;
    if (different)
        TRY(monitor_alarm(x->m, ALARM_DIFFERENT, about(x), x->e,
            "entry %llu: a rebuild of %s %s got something else",
            (unsigned long long)x->index, x->m->state.names[r->name].name, r->version));
    return remember_rebuild(x, r);
}

/* ---- one entry ---- */

static enum selfsame_code
see_unparsable(struct seeing *x)
{
    if (!x->publisher && !x->retired && !x->claims)
        return watches_all(x->m) ? tell(x, "other", NULL) : SELFSAME_OK;
    return monitor_alarm(x->m, ALARM_UNPARSABLE, about(x), x->e,
        "entry %llu %s a key of yours and is no statement: %s",
        (unsigned long long)x->index, x->claims ? "names" : "is signed by",
        x->why_not != NULL ? x->why_not : "");
}

enum selfsame_code
monitor_entry(struct monitor *m, uint64_t index, struct selfsame_bytes entry,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(ENTRY_ROOM);
    struct seeing x = {
        .m = m, .arena = &arena, .e = e, .index = index, .bytes = entry
    };

    TRY(open_entry(&x));
    if (!x.parsed)
        return see_unparsable(&x);
    TRY(check_maker(&x));
    if (x.s.kind == STATEMENT_REBUILD)
        return see_rebuild(&x);
    if (!x.publisher && !x.retired && !x.claims && !watches_all(m) &&
        !is_our_name(&x, name_of(&x.s)))
        return m->c->publishers.count > 0
                   ? state_add_stranger(&m->state, name_of(&x.s), index, e)
                   : SELFSAME_OK;
    return x.s.kind == STATEMENT_RELEASE ? see_release(&x) : see_index(&x);
}
