/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered, within bounds that nobody else can use up. */
#include "service/monitor_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_ROOM = 16, NAMES_MAX = MONITOR_RELEASES };

void
state_free(struct state *s)
{
    free(s->names);
    free(s->releases);
    free(s->rebuilds);
    free(s->strangers);
    free(s->note);
    free(s->edge);
    while (s->pending_count > 0)
        state_drop_pending(s, 0);
    *s = (struct state){ .note = NULL };
}

/* Room for one member more. */
static enum selfsame_code
grow(void **at, size_t size, size_t count, size_t *room, size_t max, const char *what,
    struct selfsame_err *e)
{
    if (count >= max) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "the state is full: %zu %s", count, what);
        err_remedy(e, "Watch fewer names with --name and --publisher, with a state of "
                      "their own.");
        return SELFSAME_USAGE;
    }
    if (count < *room)
        return SELFSAME_OK;
    size_t want = *room > 0 ? *room * 2 : FIRST_ROOM;
    void *more = realloc(*at, want * size);
    if (more == NULL)
        FAIL(e, SELFSAME_NOMEM, "%zu %s", want, what);
    *at = more;
    *room = want;
    return SELFSAME_OK;
}

bool
state_find_name(const struct state *s, const char *name, size_t *ret)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (strcmp(s->names[i].name, name) == 0) {
            *ret = i;
            return true;
        }
    return false;
}

/* For a release, under a name that is new. */
bool
state_has_room(const struct state *s, bool new_name)
{
    return s->release_count < MONITOR_RELEASES &&
           (!new_name || s->name_count < NAMES_MAX);
}

enum selfsame_code
state_name(struct state *s, const char *name, size_t *ret, struct selfsame_err *e)
{
    void *at = s->names;

    if (state_find_name(s, name, ret))
        return SELFSAME_OK;
    enum selfsame_code code = grow(
        &at, sizeof(*s->names), s->name_count, &s->name_room, NAMES_MAX, "names", e);
    s->names = at;
    TRY(code);
    s->names[s->name_count] = (struct seen_name){ .sequence = 0 };
    (void)snprintf(s->names[s->name_count].name, sizeof(s->names->name), "%s", name);
    *ret = s->name_count++;
    return SELFSAME_OK;
}

enum selfsame_code
state_add_release(struct state *s, struct seen_release **ret, struct selfsame_err *e)
{
    void *at = s->releases;
    enum selfsame_code code = grow(&at, sizeof(*s->releases), s->release_count,
        &s->release_room, MONITOR_RELEASES, "releases", e);

    s->releases = at;
    TRY(code);
    *ret = &s->releases[s->release_count++];
    **ret = (struct seen_release){ .sequence = 0 };
    return SELFSAME_OK;
}

enum selfsame_code
state_add_rebuild(struct state *s, struct seen_rebuild **ret, struct selfsame_err *e)
{
    void *at = s->rebuilds;
    enum selfsame_code code = grow(&at, sizeof(*s->rebuilds), s->rebuild_count,
        &s->rebuild_room, MONITOR_REBUILDS, "rebuilds", e);

    s->rebuilds = at;
    TRY(code);
    *ret = &s->rebuilds[s->rebuild_count++];
    **ret = (struct seen_rebuild){ .release = 0 };
    return SELFSAME_OK;
}

void
state_count_rebuild(struct state *s, const struct seen_rebuild *b)
{
    s->releases[b->release].unchecked += !b->checked;
    s->unchecked += !b->checked;
}

struct seen_release *
state_release(struct state *s, const uint8_t sha256[static 32])
{
    for (size_t i = 0; i < s->release_count; i++)
        if (bytes_cmp(BYTES_ARR(s->releases[i].sha256), BYTES(sha256, 32)) == 0)
            return &s->releases[i];
    return NULL;
}

static enum selfsame_code
copy_note(struct selfsame_bytes note, uint8_t **ret, struct checkpoint *ret_c,
    struct selfsame_err *e)
{
    auto_arena arena = arena_new(1 << 20);
    uint8_t *copy = malloc(note.len + 1);
    struct note n;

    if (copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "a checkpoint");
    memcpy(copy, note.ptr, note.len);
    enum selfsame_code code = note_parse(BYTES(copy, note.len), &arena, &n, e);
    if (code == SELFSAME_OK)
        code = checkpoint_parse(n.text, ret_c, e);
    if (code != SELFSAME_OK) {
        free(copy);
        return code;
    }
    *ret = copy;
    return SELFSAME_OK;
}

enum selfsame_code
state_set_note(
    struct state *s, struct selfsame_bytes note, int64_t time_s, struct selfsame_err *e)
{
    struct checkpoint c = { .size = 0 };
    uint8_t *copy = NULL;

    TRY(copy_note(note, &copy, &c, e));
    free(s->note);
    s->note = copy;
    s->note_len = note.len;
    s->checkpoint = c;
    s->time_s = time_s;
    return SELFSAME_OK;
}

enum selfsame_code
state_set_edge(struct state *s, struct selfsame_bytes edge, struct selfsame_err *e)
{
    uint8_t *copy = malloc(edge.len + 1);

    if (copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "the right edge of a log");
    if (edge.len > 0)
        memcpy(copy, edge.ptr, edge.len);
    free(s->edge);
    s->edge = copy;
    s->edge_len = edge.len;
    return SELFSAME_OK;
}

enum selfsame_code
state_add_pending(struct state *s, struct selfsame_bytes note, int64_t since_s,
    bool absent, struct selfsame_err *e)
{
    struct seen_pending p = { .since_s = since_s, .note_len = note.len };

    TRY(copy_note(note, &p.note, &p.checkpoint, e));
    p.absent = absent;
    for (size_t i = 0; i < s->pending_count; i++) {
        struct seen_pending *same = &s->pending[i];

        if (same->checkpoint.size != p.checkpoint.size ||
            !bytes_eq(BYTES_ARR(same->checkpoint.root), BYTES_ARR(p.checkpoint.root)))
            continue;
        same->absent = absent;
        free(p.note);
        return SELFSAME_OK;
    }
    if (s->pending_count == PENDING)
        free(p.note);
    else
        s->pending[s->pending_count++] = p;
    return SELFSAME_OK;
}

void
state_drop_pending(struct state *s, size_t i)
{
    free(s->pending[i].note);
    s->pending_count--;
    memmove(&s->pending[i], &s->pending[i + 1],
        (s->pending_count - i) * sizeof(s->pending[0]));
}

void
copy_plain(char *to, size_t cap, const char *from)
{
    size_t len = text_cut(bytes_str(from), cap - 1);

    memcpy(to, from, len);
    to[len] = '\0';
    text_clean(to);
}

/* The first ones stay: a name that is to be watched from the start is said by --name. */
enum selfsame_code
state_add_stranger(
    struct state *s, const char *name, uint64_t entry, struct selfsame_err *e)
{
    void *at = s->strangers;

    for (size_t i = 0; i < s->stranger_count; i++)
        if (strcmp(s->strangers[i].name, name) == 0) {
            s->strangers[i].count++;
            return SELFSAME_OK;
        }
    if (s->stranger_count == MONITOR_STRANGE_NAMES)
        return SELFSAME_OK;
    enum selfsame_code code = grow(&at, sizeof(*s->strangers), s->stranger_count,
        &s->stranger_room, MONITOR_STRANGE_NAMES, "names of others", e);
    s->strangers = at;
    TRY(code);
    struct seen_stranger *n = &s->strangers[s->stranger_count++];
    *n = (struct seen_stranger){ .entry = entry, .count = 1 };
    (void)snprintf(n->name, sizeof(n->name), "%s", name);
    return SELFSAME_OK;
}

bool
state_take_stranger(struct state *s, const char *name, struct seen_stranger *ret)
{
    for (size_t i = 0; i < s->stranger_count; i++)
        if (strcmp(s->strangers[i].name, name) == 0) {
            *ret = s->strangers[i];
            s->strangers[i] = s->strangers[--s->stranger_count];
            return true;
        }
    return false;
}
