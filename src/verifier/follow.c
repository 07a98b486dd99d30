/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/follow.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUNDLE_ARENA = 2 * BUNDLE_BYTES + (1 << 20) };

static enum selfsame_code
nomem(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory to follow a log");
}

/* ---- the state ---- */

static bool
take_number(const json_t *j, const char *name, uint64_t *ret)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(v);
    return true;
}

enum selfsame_code
followed_parse(struct selfsame_bytes text, struct arena *arena, struct followed *ret,
    struct selfsame_err *e)
{
    struct followed f = { .next = 0 };
    auto_json *j = NULL;
    size_t len = 0;

    TRY(json_parse(text, "the state of a follow", &j, e));
    const char *digest = json_string_value(json_object_get(j, "follow"));
    const char *note = json_string_value(json_object_get(j, "note"));
    if (digest == NULL || note == NULL || !take_number(j, "next", &f.next) ||
        !take_number(j, "highest", &f.highest) ||
        !hex_decode(digest, strlen(digest), f.digest, sizeof(f.digest), &len) ||
        len != sizeof(f.digest))
        FAIL(e, SELFSAME_MALFORMED,
            "the state of a follow: expected follow, note, next and highest");
    if (!arena_dup(arena, bytes_str(note), &f.note))
        return nomem(e);
    *ret = f;
    return SELFSAME_OK;
}

char *
followed_print(const struct followed *f)
{
    char digest[65];

    hex_encode(BYTES_ARR(f->digest), digest);
    auto_json *j = json_pack("{s:s,s:o,s:I,s:I}", "follow", digest, "note",
        json_stringn(f->note.len > 0 ? (const char *)f->note.ptr : "", f->note.len),
        "next", (json_int_t)f->next, "highest", (json_int_t)f->highest);
    return j != NULL ? json_compact(j) : NULL;
}

/* ---- the tree ---- */

struct reading {
    const struct object_follow *o;
    struct tiles *t;
    int64_t now_s;
    struct arena *arena;
    struct followed *f;
    struct selfsame_bytes note;
    struct checkpoint c;
    struct follow_news *news;
    struct selfsame_err *e;
};

/* Is what the log signed a continuation of what it signed before? */
static enum selfsame_code
check_continues(struct reading *r, bool *ret_older)
{
    struct checkpoint old;
    struct note n;

    *ret_older = false;
    if (r->f->note.len == 0)
        return SELFSAME_OK;
    TRY(note_parse(r->f->note, r->arena, &n, r->e));
    TRY(checkpoint_parse(n.text, &old, r->e));
    if (!bytes_eq(old.origin, r->c.origin))
        FAIL(r->e, SELFSAME_LOG, "expected the log %.*s, got %.*s", (int)old.origin.len,
            (const char *)old.origin.ptr, (int)r->c.origin.len,
            (const char *)r->c.origin.ptr);
    *ret_older = r->c.size < old.size; /* a cache in between may do that */
    if (*ret_older)
        return SELFSAME_OK;
    TRY_WHILE(r->e, tiles_follows(r->t, &old, r->e),
        "the log of size %llu is no continuation of that of size %llu",
        (unsigned long long)r->c.size, (unsigned long long)old.size);
    return SELFSAME_OK;
}

static enum selfsame_code
believe(struct reading *r, bool *ret_older)
{
    uint64_t witnesses;

    TRY(tiles_checkpoint(r->t, r->arena, &r->note, r->e));
    TRY(log_policy_open(
        &r->o->trust, r->note, r->arena, &r->c, &witnesses, NULL, r->e));
    TRY(tiles_believe(r->t, &r->c, r->e));
    return check_continues(r, ret_older);
}

/* ---- one entry ---- */

static enum selfsame_code
make_proof(
    struct reading *r, uint64_t index, struct selfsame_bytes entry, const char **ret)
{
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    struct log_proof p = { .has_extra = true,
        .extra = entry,
        .index = index,
        .path = { .hashes = hashes },
        .checkpoint = r->note };

    TRY(tiles_inclusion(r->t, index, hashes, &p.path.count, r->e));
    *ret = proof_text(&p, r->arena);
    return *ret != NULL ? SELFSAME_OK : nomem(r->e);
}

static bool
is_ours(const struct reading *r, const struct statement *s)
{
    switch (s->kind) {
    case STATEMENT_RELEASE: return strcmp(s->release.name, r->o->release) == 0;
    case STATEMENT_INDEX: return strcmp(s->index.name, r->o->release) == 0;
    case STATEMENT_REBUILD: return true; /* of which release, the registry knows */
    }
    return false;
}

/* Of a publisher of the follow, as everything that is taken; *ret: it is. */
static enum selfsame_code
vouched_for(struct reading *r, const char *proof, struct vouched *ret_v, bool *ret)
{
    const struct vouch_rule rule = { .name = r->o->release,
        .trust = &r->o->trust,
        .publishers = r->o->publishers,
        .publisher_count = r->o->publisher_count };
    struct selfsame_err why = { 0 };
    const enum selfsame_code code = vouch_proof(
        &rule, bytes_str(proof), r->now_s, r->arena, ret_v, &why);

    if (code == SELFSAME_NOMEM)
        return nomem(r->e);
    *ret = code == SELFSAME_OK;
    return SELFSAME_OK;
}

static enum selfsame_code
keep(struct reading *r, const struct statement *s, const struct envelope *envelope,
    const char *proof)
{
    struct found *x = &r->news->found[r->news->count];
    struct vouched v = { .policy = NULL };
    bool good = true;

    if (s->kind != STATEMENT_REBUILD)
        TRY(vouched_for(r, proof, &v, &good));
    if (!good)
        return SELFSAME_OK;
    if (s->kind == STATEMENT_RELEASE && v.sequence < r->f->highest) {
        r->news->rollbacks++;
        return SELFSAME_OK;
    }
    *x = (struct found){ .kind = s->kind, .sequence = v.sequence, .proof = proof };
    (void)snprintf(x->key, sizeof(x->key), "%.*s",
        (int)(envelope->keyid.len < 8 ? envelope->keyid.len : 8),
        (const char *)envelope->keyid.ptr);
    memcpy(x->sha256, s->kind == STATEMENT_REBUILD ? s->rebuild.statement : s->sha256,
        sizeof(x->sha256));
    if (s->kind == STATEMENT_RELEASE) {
        x->version = v.version;
        r->f->highest = v.sequence;
    }
    r->news->count++;
    return SELFSAME_OK;
}

/* What is no statement of ours is for others: the log is theirs, too. */
static enum selfsame_code
look_at(struct reading *r, uint64_t index, struct selfsame_bytes entry)
{
    struct selfsame_err ignored = { 0 };
    auto_arena scratch = arena_new(BUNDLE_ARENA);
    struct envelope envelope;
    struct statement s;
    const char *proof;

    if (statement_of_envelope(entry, &scratch, &envelope, &s, &ignored) !=
            SELFSAME_OK ||
        !is_ours(r, &s))
        return SELFSAME_OK;
    TRY(make_proof(r, index, entry, &proof));
    return keep(r, &s, &envelope, proof);
}

/* Entries from f->next of one bundle; false in *ret_room: enough was found. */
static enum selfsame_code
look_at_bundle(struct reading *r, bool *ret_room)
{
    auto_arena arena = arena_new(BUNDLE_ARENA);
    const uint64_t bundle = r->f->next / TILE_WIDTH;
    struct selfsame_bytes *entries;
    size_t count;

    TRY(tiles_bundle(r->t, bundle, &arena, &entries, &count, r->e));
    for (size_t i = (size_t)(r->f->next % TILE_WIDTH); i < count; i++) {
        *ret_room = r->news->count < FOLLOW_FOUND;
        if (!*ret_room)
            return SELFSAME_OK;
        TRY(look_at(r, bundle * TILE_WIDTH + i, entries[i]));
        r->f->next = bundle * TILE_WIDTH + i + 1;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_news(struct reading *r)
{
    bool older, room = true;

    TRY(believe(r, &older));
    if (older)
        return SELFSAME_OK;
    for (unsigned i = 0; i < FOLLOW_BUNDLES && room && r->f->next < r->c.size; i++)
        TRY(look_at_bundle(r, &room));
    r->f->note = r->note;
    r->news->more = r->f->next < r->c.size;
    return SELFSAME_OK;
}

enum selfsame_code
follow_read(const struct object_follow *o, struct tiles *t, int64_t now_s,
    struct arena *arena, struct followed *f, struct follow_news *ret,
    struct selfsame_err *e)
{
    struct follow_news news = { .found = ARENA_NEW(
                                    arena, struct found, FOLLOW_FOUND + 1) };
    struct followed moved = *f;
    struct reading r = { .o = o,
        .t = t,
        .now_s = now_s,
        .arena = arena,
        .f = &moved,
        .news = &news,
        .e = e };

    if (news.found == NULL)
        return nomem(e);
    TRY(read_news(&r));
    *f = moved;
    *ret = news;
    return SELFSAME_OK;
}
