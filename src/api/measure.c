/* SPDX-License-Identifier: Apache-2.0 */
#include <selfsame/measure.h>

#include "appraise/appraise.h"
#include "codec/json.h"
#include "tee/tee.h"

#include <stdio.h>
#include <stdlib.h>

enum { MEASURE_ARENA = 4 << 20 };

struct selfsame_measurement {
    const struct tee_measurer *measurer;
    uint64_t size;
    bool explain, begun, finished, failed;
    void *state;
    struct arena arena;
    struct tee_measured result;
};

static enum selfsame_code
unknown_tee(const char *tee, struct selfsame_err *e)
{
    char names[80] = "";

    for (size_t i = 0, n = 0; tee_measurer_at(i) != NULL && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i > 0 ? ", " : "",
            tee_measurer_at(i)->name);
    FAIL(e, SELFSAME_USAGE, "TEE \"%.40s\" is not one of: %s", tee, names);
}

enum selfsame_code
selfsame_measurement_new(const char *tee, uint64_t size,
    struct selfsame_measurement **ret, struct selfsame_err *err)
{
    const struct tee_measurer *measurer = tee_measurer_find(tee);

    if (measurer == NULL)
        return unknown_tee(tee, err);
    struct selfsame_measurement *m = calloc(1, sizeof(*m));
    if (m == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for a measurement");
    m->measurer = measurer;
    m->size = size;
    m->arena = arena_new(MEASURE_ARENA);
    *ret = m;
    return SELFSAME_OK;
}

void
selfsame_measurement_set_explain(struct selfsame_measurement *m)
{
    m->explain = true;
}

/* Put off to the first piece, so that set_explain may come before it. */
static enum selfsame_code
begin(struct selfsame_measurement *m, struct selfsame_err *err)
{
    if (m->failed || m->finished)
        FAIL(err, SELFSAME_USAGE, "the measurement is over: make a new one");
    if (m->begun)
        return SELFSAME_OK;
    TRY(m->measurer->begin(m->size, m->explain, &m->state, err));
    m->begun = true;
    return SELFSAME_OK;
}

enum selfsame_code
selfsame_measurement_set(struct selfsame_measurement *m, const char *name,
    const char *value, struct selfsame_err *err)
{
    TRY(begin(m, err));
    if (m->measurer->set == NULL)
        FAIL(err, SELFSAME_USAGE, "images for %s have no option \"%.24s\"",
            m->measurer->name, name);
    enum selfsame_code c = m->measurer->set(m->state, name, value, err);
    m->failed = c != SELFSAME_OK;
    return c;
}

enum selfsame_code
selfsame_measurement_part(struct selfsame_measurement *m, const char *name,
    uint64_t size, struct selfsame_err *err)
{
    TRY(begin(m, err));
    if (m->measurer->part == NULL)
        FAIL(err, SELFSAME_USAGE,
            "images for %s are one file, without a part \"%.24s\"", m->measurer->name,
            name);
    enum selfsame_code c = m->measurer->part(m->state, name, size, err);
    m->failed = c != SELFSAME_OK;
    return c;
}

enum selfsame_code
selfsame_measurement_update(struct selfsame_measurement *m, struct selfsame_bytes piece,
    struct selfsame_err *err)
{
    TRY(begin(m, err));
    enum selfsame_code c = m->measurer->update(m->state, piece, err);
    m->failed = c != SELFSAME_OK;
    return c;
}

enum selfsame_code
selfsame_measurement_finish(struct selfsame_measurement *m, struct selfsame_err *err)
{
    struct tee_measured result;

    TRY(begin(m, err));
    enum selfsame_code c = m->measurer->finish(m->state, &m->arena, &result, err);
    m->failed = c != SELFSAME_OK;
    if (c != SELFSAME_OK)
        return c;
    m->result = result;
    m->finished = true;
    return SELFSAME_OK;
}

void
selfsame_measurement_free(struct selfsame_measurement *m)
{
    if (m == NULL)
        return;
    if (m->begun)
        m->measurer->free(m->state);
    arena_free(&m->arena);
    free(m);
}

struct selfsame_bytes
selfsame_measurement_get(const struct selfsame_measurement *m, const char *path)
{
    for (size_t i = 0; m->finished && i < m->result.count; i++)
        if (strcmp(m->result.list[i].path, path) == 0)
            return m->result.list[i].bytes;
    return BYTES_NONE;
}

/* NULL: out of memory */
static json_t *
section_json(const struct tee_section *s)
{
    char hex[2 * sizeof(s->sha384) + 1];

    hex_encode(BYTES_ARR(s->sha384), hex);
    return json_pack("{s:s, s:I, s:I, s:s, s:s}", "name", s->name, "offset",
        (json_int_t)s->offset, "size", (json_int_t)s->size, "sha384", hex, "feeds",
        s->feeds);
}

static bool
sections_put(json_t *root, const struct tee_measured *r)
{
    json_t *list = json_array();

    if (json_object_set_new(root, "sections", list) != 0)
        return false;
    for (size_t i = 0; i < r->section_count; i++)
        if (json_array_append_new(list, section_json(&r->sections[i])) != 0)
            return false;
    return true;
}

static bool
shapes_put(json_t *root, const struct tee_measured *r)
{
    json_t *list = json_array();

    if (json_object_set_new(root, "shapes", list) != 0)
        return false;
    for (size_t i = 0; i < r->shape_count; i++) {
        json_t *one = json_object();

        if (json_array_append_new(list, one) != 0)
            return false;
        for (size_t k = 0; k < r->shapes[i].count; k++)
            if (!claim_put_json(one, &r->shapes[i].list[k]))
                return false;
    }
    return true;
}

static bool
predicted_put(json_t *root, const struct tee_measured *r)
{
    json_t *list = json_array();

    if (json_object_set_new(root, "predicted", list) != 0)
        return false;
    for (size_t i = 0; i < r->predicted_count; i++) {
        const struct tee_predicted *p = &r->predicted[i];
        char hex[2 * sizeof(p->sha384) + 1];

        hex_encode(BYTES_ARR(p->sha384), hex);
        if (json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "claim", p->claim,
                                            "what", p->what, "sha384", hex)) != 0)
            return false;
    }
    return true;
}

static bool
notes_put(json_t *root, const struct tee_measured *r)
{
    json_t *list = json_array();

    if (json_object_set_new(root, "notes", list) != 0)
        return false;
    for (size_t i = 0; i < r->note_count; i++)
        if (json_array_append_new(list, json_string(r->notes[i])) != 0)
            return false;
    return true;
}

/* The object that "rtmr.1" is a member of, made where it is not there; its name in *path. */
static json_t *
parent_of(json_t *root, const char **path)
{
    char part[64];

    for (size_t len; (*path)[len = strcspn(*path, ".")] == '.'; *path += len + 1) {
        if (len >= sizeof(part))
            return NULL;
        memcpy(part, *path, len);
        part[len] = '\0';
        if (json_object_get(root, part) == NULL &&
            json_object_set_new(root, part, json_object()) != 0)
            return NULL;
        root = json_object_get(root, part);
    }
    return root;
}

/* A path that is there several times becomes a list: any of these. */
static bool
value_put(json_t *root, const struct tee_measured *r, size_t i)
{
    const struct claim *c = &r->list[i];
    const char *path = c->path;
    size_t same = 0;

    for (size_t k = 0; k < r->count; k++)
        same += strcmp(r->list[k].path, c->path) == 0;
    json_t *in = parent_of(root, &path);
    if (in == NULL)
        return false;
    if (same == 1) {
        struct claim last = *c;

        last.path = path;
        return claim_put_json(in, &last);
    }
    if (json_object_get(in, path) == NULL &&
        json_object_set_new(in, path, json_array()) != 0)
        return false;
    char *hex = malloc(2 * c->bytes.len + 1);
    if (hex == NULL)
        return false;
    hex_encode(c->bytes, hex);
    int bad = json_array_append_new(json_object_get(in, path), json_string(hex));
    free(hex);
    return bad == 0;
}

enum selfsame_code
selfsame_measurement_json(const struct selfsame_measurement *m, bool explain,
    char **ret, struct selfsame_err *err)
{
    if (!m->finished)
        FAIL(err, SELFSAME_USAGE, "the measurement is not finished");
    if (explain && !m->explain)
        FAIL(err, SELFSAME_USAGE, "sections were not asked for before measuring");
    auto_json *root = json_object();
    bool good = json_object_set_new(root, "tee", json_string(m->measurer->name)) == 0;
    for (size_t i = 0; i < m->result.count; i++)
        good = good && value_put(root, &m->result, i);
    good = good && (m->result.shape_count == 0 || shapes_put(root, &m->result));
    good = good && (!explain || sections_put(root, &m->result));
    good = good && (!explain || m->result.predicted_count == 0 ||
                       predicted_put(root, &m->result));
    good = good && (m->result.note_count == 0 || notes_put(root, &m->result));
    char *text = good ? json_compact(root) : NULL;
    if (text == NULL)
        FAIL(err, SELFSAME_NOMEM, "no room for the measurement as JSON");
    *ret = text;
    return SELFSAME_OK;
}
