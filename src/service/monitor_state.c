/* SPDX-License-Identifier: Apache-2.0 */
/* A line of JSON for each thing that is remembered; the checkpoint last, so that a file
 * that was cut is seen to be. */
#include "service/monitor_parts.h"

#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { STATE_MAX = 64 << 20 };

static const char *const rebuild_words[] = {
    [REBUILD_IDENTICAL] = "identical",
    [REBUILD_DIFFERENT] = "different",
    [REBUILD_FAILED] = "failed",
};

const char *
rebuild_word(enum rebuild_result r)
{
    return rebuild_words[r];
}

/* ---- writing ---- */

static void
add_line(struct text *t, json_t *line)
{
    char *s = line != NULL ? json_compact(line) : NULL;

    t->bad |= s == NULL;
    if (s != NULL) {
        text_str(t, s);
        text_str(t, "\n");
    }
    free(s);
    json_decref(line);
}

static json_t *
name_line(const struct seen_name *n)
{
    char indexes[2 * sizeof(n->indexes) + 1];

    hex_encode(BYTES(n->indexes[0], sizeof(n->indexes)), indexes);
    return json_pack("{s:s,s:b,s:I,s:I,s:s}", "name", n->name, "ours", n->ours,
        "sequence", (json_int_t)n->sequence, "index_sequence",
        (json_int_t)n->index_sequence, "indexes", indexes);
}

static json_t *
release_line(const struct state *s, const struct seen_release *r)
{
    char sha256[65], key[65];

    hex_encode(BYTES_ARR(r->sha256), sha256);
    hex_encode(BYTES_ARR(r->key), key);
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:b,s:b,s:b,s:I,s:s,s:s,s:I}",
        "release", sha256, "key", key, "of", s->names[r->name].name, "version",
        r->version, "sequence", (json_int_t)r->sequence, "entry", (json_int_t)r->entry,
        "seen", (json_int_t)r->seen_s, "checked", r->checked, "current", r->current,
        "revoked", r->revoked, "since", (json_int_t)r->revoked_s, "reason", r->reason,
        "superseded_by", r->superseded_by, "more", (json_int_t)r->more);
}

static json_t *
stranger_line(const struct seen_stranger *n)
{
    return json_pack("{s:s,s:I,s:I}", "stranger", n->name, "entry",
        (json_int_t)n->entry, "count", (json_int_t)n->count);
}

static json_t *
rebuild_line(const struct state *s, const struct seen_rebuild *b)
{
    char sha256[65], key[65];

    hex_encode(BYTES_ARR(s->releases[b->release].sha256), sha256);
    hex_encode(BYTES_ARR(b->key), key);
    return json_pack("{s:s,s:s,s:s,s:b,s:s,s:I,s:I}", "rebuild", sha256, "result",
        rebuild_word(b->result), "key", key, "checked", b->checked, "label", b->label,
        "entry", (json_int_t)b->entry, "seen", (json_int_t)b->seen_s);
}

static void
add_edge(struct text *t, const struct state *s)
{
    char *hex = malloc(2 * s->edge_len + 1);

    t->bad |= hex == NULL;
    if (hex == NULL)
        return;
    hex_encode(BYTES(s->edge, s->edge_len), hex);
    add_line(t, json_pack("{s:s}", "edge", hex));
    free(hex);
}

static json_t *
pending_line(const struct seen_pending *p)
{
    return json_pack("{s:s%,s:I,s:I,s:b}", "pending", p->note, p->note_len, "since",
        (json_int_t)p->since_s, "looks", (json_int_t)p->looks, "absent", p->absent);
}

static json_t *
checkpoint_line(const struct state *s)
{
    return json_pack("{s:s%,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "checkpoint", s->note,
        s->note_len, "time", (json_int_t)s->time_s, "first", (json_int_t)s->first_s,
        "next", (json_int_t)s->next, "stuck", (json_int_t)s->stuck.looks, "stuck_at",
        (json_int_t)s->stuck.next, "stuck_since", (json_int_t)s->stuck.since_s,
        "dropped", (json_int_t)s->dropped);
}

enum selfsame_code
state_write(const char *path, const struct state *s, struct selfsame_err *e)
{
    auto_text t = { .ptr = NULL };

    add_line(&t, json_pack("{s:i}", "selfsame_monitor", 1));
    for (size_t i = 0; i < s->name_count; i++)
        add_line(&t, name_line(&s->names[i]));
    for (size_t i = 0; i < s->release_count; i++)
        add_line(&t, release_line(s, &s->releases[i]));
    for (size_t i = 0; i < s->rebuild_count; i++)
        add_line(&t, rebuild_line(s, &s->rebuilds[i]));
    for (size_t i = 0; i < s->stranger_count; i++)
        add_line(&t, stranger_line(&s->strangers[i]));
    for (size_t i = 0; i < s->pending_count; i++)
        add_line(&t, pending_line(&s->pending[i]));
    if (s->edge != NULL)
        add_edge(&t, s);
    add_line(&t, checkpoint_line(s));
    if (t.bad)
        FAIL(e, SELFSAME_NOMEM, "%s", path);
    return file_write(path, BYTES((const uint8_t *)t.ptr, t.len), false, e);
}

/* ---- reading ---- */

static bool
take_int(const json_t *j, const char *name, uint64_t *ret)
{
    const json_t *v = json_object_get(j, name);

    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(v);
    return true;
}

static bool
take_time(const json_t *j, const char *name, int64_t *ret)
{
    uint64_t v;

    if (!take_int(j, name, &v))
        return false;
    *ret = (int64_t)v;
    return true;
}

static bool
take_bool(const json_t *j, const char *name, bool *ret)
{
    const json_t *v = json_object_get(j, name);

    *ret = json_is_true(v);
    return json_is_boolean(v);
}

static bool
take_str(const json_t *j, const char *name, char *ret, size_t cap)
{
    const char *s = json_string_value(json_object_get(j, name));

    if (s == NULL || strlen(s) >= cap)
        return false;
    memcpy(ret, s, strlen(s) + 1);
    return true;
}

static bool
take_hex(const json_t *j, const char *name, uint8_t *ret, size_t size)
{
    const char *s = json_string_value(json_object_get(j, name));
    size_t len = 0;

    return s != NULL && hex_decode(s, strlen(s), ret, size, &len) && len == size;
}

static bool
take_hash(const json_t *j, const char *name, uint8_t ret[static 32])
{
    return take_hex(j, name, ret, 32);
}

static enum selfsame_code
bad_line(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_MALFORMED, "expected a line of a monitor's state, got another");
}

static enum selfsame_code
read_name(struct state *s, const json_t *j, struct selfsame_err *e)
{
    char name[STATEMENT_NAME + 1];
    const size_t had = s->name_count;
    size_t at = 0;

    if (!take_str(j, "name", name, sizeof(name)))
        return bad_line(e);
    TRY(state_name(s, name, &at, e));
    struct seen_name *n = &s->names[at];
    if (at != had || !take_bool(j, "ours", &n->ours) ||
        !take_int(j, "sequence", &n->sequence) ||
        !take_int(j, "index_sequence", &n->index_sequence) ||
        !take_hex(j, "indexes", n->indexes[0], sizeof(n->indexes)))
        return bad_line(e);
    return SELFSAME_OK;
}

static enum selfsame_code
read_release(struct state *s, const json_t *j, struct selfsame_err *e)
{
    char of[STATEMENT_NAME + 1];
    struct seen_release *r = NULL;
    const size_t names = s->name_count;

    TRY(state_add_release(s, &r, e));
    if (!take_str(j, "of", of, sizeof(of)))
        return bad_line(e);
    TRY(state_name(s, of, &r->name, e));
    if (r->name == names || !take_hash(j, "release", r->sha256) ||
        !take_hash(j, "key", r->key) ||
        !take_str(j, "version", r->version, sizeof(r->version)) ||
        !take_int(j, "sequence", &r->sequence) || !take_int(j, "entry", &r->entry) ||
        !take_time(j, "seen", &r->seen_s) || !take_bool(j, "checked", &r->checked) ||
        !take_bool(j, "current", &r->current) ||
        !take_bool(j, "revoked", &r->revoked) ||
        !take_time(j, "since", &r->revoked_s) ||
        !take_str(j, "reason", r->reason, sizeof(r->reason)) ||
        !take_str(j, "superseded_by", r->superseded_by, sizeof(r->superseded_by)) ||
        !take_int(j, "more", &r->more))
        return bad_line(e);
    return SELFSAME_OK;
}

static enum selfsame_code
read_rebuild(struct state *s, const json_t *j, struct selfsame_err *e)
{
    struct seen_rebuild *b = NULL;
    uint8_t sha256[32];
    char word[16];

    TRY(state_add_rebuild(s, &b, e));
    const struct seen_release *r = take_hash(j, "rebuild", sha256)
                                       ? state_release(s, sha256)
                                       : NULL;
    if (r == NULL || !take_str(j, "result", word, sizeof(word)) ||
        !take_hash(j, "key", b->key) || !take_bool(j, "checked", &b->checked) ||
        !take_str(j, "label", b->label, sizeof(b->label)) ||
        !take_int(j, "entry", &b->entry) || !take_time(j, "seen", &b->seen_s))
        return bad_line(e);
    b->release = (size_t)(r - s->releases);
    for (size_t i = 1; i < COUNT(rebuild_words); i++)
        if (strcmp(word, rebuild_words[i]) == 0)
            b->result = (enum rebuild_result)i;
    state_count_rebuild(s, b);
    return b->result != 0 ? SELFSAME_OK : bad_line(e);
}

static enum selfsame_code
read_stranger(struct state *s, const json_t *j, struct selfsame_err *e)
{
    char name[STATEMENT_NAME + 1];
    const size_t at = s->stranger_count;
    uint64_t entry;

    if (!take_str(j, "stranger", name, sizeof(name)) || !take_int(j, "entry", &entry))
        return bad_line(e);
    TRY(state_add_stranger(s, name, entry, e));
    return s->stranger_count == at + 1 && take_int(j, "count", &s->strangers[at].count)
               ? SELFSAME_OK
               : bad_line(e);
}

static enum selfsame_code
read_pending(struct state *s, const json_t *j, struct selfsame_err *e)
{
    const json_t *note = json_object_get(j, "pending");
    const size_t at = s->pending_count;
    int64_t since_s;
    bool absent;

    if (!json_is_string(note) || !take_time(j, "since", &since_s) ||
        !take_bool(j, "absent", &absent))
        return bad_line(e);
    TRY(state_add_pending(s,
        BYTES((const uint8_t *)json_string_value(note), json_string_length(note)),
        since_s, absent, e));
    return s->pending_count == at + 1 && take_int(j, "looks", &s->pending[at].looks)
               ? SELFSAME_OK
               : bad_line(e);
}

/* Whether it is that of the checkpoint is seen when it is used. */
static enum selfsame_code
read_edge(struct state *s, const json_t *j, struct selfsame_err *e)
{
    auto_arena arena = arena_new(TILES_EDGE_MAX + 4096);
    const char *hex = json_string_value(json_object_get(j, "edge"));
    uint8_t *to = arena_alloc(&arena, 1, TILES_EDGE_MAX);
    size_t len = 0;

    if (to == NULL)
        FAIL(e, SELFSAME_NOMEM, "the right edge of a log");
    if (hex == NULL || !hex_decode(hex, strlen(hex), to, TILES_EDGE_MAX, &len))
        return bad_line(e);
    return state_set_edge(s, BYTES(to, len), e);
}

static enum selfsame_code
read_checkpoint(struct state *s, const json_t *j, struct selfsame_err *e)
{
    const json_t *note = json_object_get(j, "checkpoint");
    int64_t time_s;

    if (!json_is_string(note) || !take_time(j, "time", &time_s) ||
        !take_time(j, "first", &s->first_s) || !take_int(j, "next", &s->next) ||
        !take_int(j, "stuck", &s->stuck.looks) ||
        !take_int(j, "stuck_at", &s->stuck.next) ||
        !take_time(j, "stuck_since", &s->stuck.since_s) ||
        !take_int(j, "dropped", &s->dropped))
        return bad_line(e);
    TRY(state_set_note(s,
        BYTES((const uint8_t *)json_string_value(note), json_string_length(note)),
        time_s, e));
    return s->next <= s->checkpoint.size ? SELFSAME_OK : bad_line(e);
}

static enum selfsame_code
read_line(
    struct state *s, struct selfsame_bytes line, bool first, struct selfsame_err *e)
{
    static const struct {
        const char *member;
        enum selfsame_code (*read)(
            struct state *s, const json_t *j, struct selfsame_err *e);
    } kinds[] = {
        { "name", read_name },
        { "release", read_release },
        { "rebuild", read_rebuild },
        { "stranger", read_stranger },
        { "pending", read_pending },
        { "edge", read_edge },
        { "checkpoint", read_checkpoint },
    };
    auto_json *j = NULL;

    TRY(json_parse(line, "state", &j, e));
    if (first)
        return json_integer_value(json_object_get(j, "selfsame_monitor")) == 1
                   ? SELFSAME_OK
                   : bad_line(e);
    for (size_t i = 0; i < COUNT(kinds) && s->note == NULL; i++)
        if (json_object_get(j, kinds[i].member) != NULL)
            return kinds[i].read(s, j, e);
    return bad_line(e);
}

enum selfsame_code
state_parse(struct selfsame_bytes text, struct state *ret, struct selfsame_err *e)
{
    __attribute__((cleanup(state_free))) struct state s = { .note = NULL };
    struct selfsame_bytes rest = text, line;
    unsigned number = 0;

    while (bytes_line(&rest, &line))
        TRY_WHILE(e, read_line(&s, line, number++ == 0, e), "line %u", number);
    if (s.note == NULL || rest.len > 0)
        FAIL(e, SELFSAME_MALFORMED,
            "expected a monitor's state that ends with a checkpoint, got another");
    *ret = s;
    s = (struct state){ .note = NULL };
    return SELFSAME_OK;
}

enum selfsame_code
state_read(const char *path, struct state *ret, struct selfsame_err *e)
{
    auto_arena arena = arena_new((size_t)STATE_MAX + (1 << 20));
    struct selfsame_bytes text;
    struct stat st;

    if (stat(path, &st) != 0 && errno == ENOENT) {
        *ret = (struct state){ .note = NULL };
        return SELFSAME_OK;
    }
    TRY(file_read(path, STATE_MAX, &arena, &text, e));
    TRY_WHILE(e, state_parse(text, ret, e), "%s", path);
    return SELFSAME_OK;
}
