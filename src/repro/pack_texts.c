/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "repro/kind.h"

#include <stdlib.h>

/* The texts beside an image: docs/formats/measurements.md. */

static enum selfsame_code
no_memory(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory for the measurements");
}

static bool
set_hex(json_t *object, const char *key, const uint8_t *sha256)
{
    char hex[65];

    hex_encode(BYTES(sha256, 32), hex);
    return json_object_set_new(object, key, json_string(hex)) == 0;
}

static bool
set_node(json_t *inputs, const char *key, struct tree *t, const char *path)
{
    const struct node *n = tree_find(t, path);

    return n != NULL && n->hashed && set_hex(inputs, key, n->sha256);
}

/* ---- inputs: digests of everything that is not in the source ---- */

static bool
set_modules(json_t *to, struct tree *boot)
{
    static const char prefix[] = "selfsame/modules/";
    auto_json *list = json_object();

    for (size_t i = 0; i < tree_count(boot); i++) {
        const struct node *n = tree_at(boot, i);

        if (strncmp(n->path, prefix, sizeof(prefix) - 1) == 0 &&
            !set_node(list, n->path + sizeof(prefix) - 1, boot, n->path))
            return false;
    }
    return json_object_size(list) == 0 || json_object_set(to, "modules", list) == 0;
}

static enum selfsame_code
set_extent(json_t *to, const char *key, const struct extent *x, struct selfsame_err *e)
{
    uint8_t sum[32];

    if (x->fd == NULL)
        return SELFSAME_OK;
    TRY(extent_sha256(x, sum, e));
    return set_hex(to, key, sum) ? SELFSAME_OK : no_memory(e);
}

/* Nitro's stand at the top, where they always stood. */
static enum selfsame_code
machine_inputs(json_t *inputs, const struct pack_machine *m, struct selfsame_err *e)
{
    const bool top = m->kind->inputs_at_top;
    auto_json *own = top ? json_incref(inputs) : json_object();

    if (own == NULL || !set_node(inputs, "init", m->boot, "init") ||
        (m->has_nsm && !set_node(inputs, "nsm", m->boot, "selfsame/nsm.ko")) ||
        !set_modules(own, m->boot))
        return no_memory(e);
    TRY(set_extent(own, "kernel", &m->kernel, e));
    TRY(set_extent(own, "firmware", &m->firmware, e));
    TRY(set_extent(own, "pal", &m->pal, e));
    TRY(set_extent(own, "libos", &m->libos, e));
    if (!top && json_object_size(own) > 0 && json_object_set(inputs, m->tee, own) != 0)
        return no_memory(e);
    return SELFSAME_OK;
}

static enum selfsame_code
inputs_json(const struct pack_job *job, json_t **ret, struct selfsame_err *e)
{
    auto_json *inputs = json_object();

    if (inputs == NULL ||
        (job->has_agent && !set_node(inputs, "agent", job->app, "usr/bin/selfsame")) ||
        (job->recipe->given && !set_hex(inputs, "recipe", job->recipe->sha256)))
        return no_memory(e);
    for (size_t i = 0; i < job->machine_count; i++)
        TRY(machine_inputs(inputs, &job->machine[i], e));
    *ret = json_incref(inputs);
    return SELFSAME_OK;
}

/* ---- measurements.json ---- */

/* Sorted keys: the text is the same whoever writes it. */
static enum selfsame_code
sorted_text(json_t *root, bool pretty, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    char *text = root == NULL
                     ? NULL
                     : json_dumps(root,
                           JSON_SORT_KEYS | (pretty ? JSON_INDENT(2) : JSON_COMPACT));
    char *copy = text == NULL ? NULL
                              : arena_printf(arena, "%s%s", text, pretty ? "\n" : "");

    free(text);
    if (copy == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the measurements");
    *ret = bytes_str(copy);
    return SELFSAME_OK;
}

/*
 * image.eif is "image"; the files of other TEEs are "parts", by what they are:
 * "kernel" of image.kernel, and "tdx.kernel".
 */
static enum selfsame_code
set_files(json_t *root, const struct repro_result *res, struct selfsame_err *e)
{
    static const char prefix[] = "image.";

    for (size_t i = 0; i < res->image_count; i++) {
        const struct repro_file *f = &res->image[i];
        char hex[65];

        hex_encode(BYTES_ARR(f->sha256), hex);
        json_t *one = json_pack("{s:s, s:s, s:I}", "file", f->name, "sha256", hex,
            "size", (json_int_t)f->size);
        json_t *to = root;
        const char *key = "image";
        if (strcmp(f->name, "image.eif") != 0) {
            key = f->name;
            if (strncmp(key, prefix, sizeof(prefix) - 1) == 0)
                key += sizeof(prefix) - 1;
            to = json_object_get(root, "parts");
            if (to == NULL && json_object_set_new(root, "parts", json_object()) == 0)
                to = json_object_get(root, "parts");
        }
        if (json_object_set_new(to, key, one) != 0)
            return no_memory(e);
    }
    return SELFSAME_OK;
}

enum selfsame_code
pack_measurements(const struct pack_job *job, const struct repro_result *res,
    const struct pack_measured *measured, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    auto_json *inputs = NULL;
    char tree[65];

    TRY(inputs_json(job, &inputs, e));
    hex_encode(BYTES_ARR(res->tree_sha256), tree);
    auto_json *root = json_pack("{s:i, s:s, s:s, s:s, s:b, s:O, s:O}",
        "selfsame_measurements", 1, "name", job->recipe->name, "version",
        job->recipe->version, "tree_sha256", tree, "bootable", res->lacks == NULL,
        "inputs", inputs, "measurements", measured->entries);
    if (root == NULL)
        return no_memory(e);
    TRY(set_files(root, res, e));
    if (json_array_size(measured->shapes) > 0 &&
        json_object_set(root, "shapes", measured->shapes) != 0)
        return no_memory(e);
    if (!job->sandboxed &&
        json_object_set_new(root, "insecure", json_pack("[s]", "no-sandbox")) != 0)
        return no_memory(e);
    return sorted_text(root, true, arena, ret, e);
}

/* ---- statement.json (transparency §13.2) ---- */

/* "0x1" → 1 */
static json_t *
features_json(const json_t *text)
{
    uint64_t bits = 0;

    if (!json_is_string(text) || !uint_parse(json_string_value(text),
                                     json_string_length(text), INT64_MAX, &bits))
        return NULL;
    return json_integer((json_int_t)bits);
}

/* {"digest", "vmm", "vcpus", "vcpuType", "guestFeatures"} for every shape of this TEE. */
static json_t *
launches(const json_t *shapes, const char *tee)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < json_array_size(shapes); i++) {
        const json_t *s = json_array_get(shapes, i);

        if (strcmp(json_string_value(json_object_get(s, "tee")), tee) != 0)
            continue;
        json_t *one = json_pack("{s:O, s:O, s:O, s:O, s:o}", "digest",
            json_object_get(s, "measurement"), "vmm", json_object_get(s, "vmm"),
            "vcpus", json_object_get(s, "vcpus"), "vcpuType", json_object_get(s, "cpu"),
            "guestFeatures", features_json(json_object_get(s, "features")));
        if (one == NULL || json_array_append_new(list, one) != 0)
            return NULL;
    }
    return json_incref(list);
}

json_t *
pack_release_pcrs(
    const struct image_kind *k, const struct pack_measured *measured, const json_t *one)
{
    (void)measured;
    return json_pack("{s:s, s:s, s:O, s:{s:b}, s:s}", "alg", "sha384", "artifact",
        "image.eif", "pcr", json_object_get(one, "pcr"), "require", "debug", 0, "tee",
        k->released);
}

json_t *
pack_release_launches(
    const struct image_kind *k, const struct pack_measured *measured, const json_t *one)
{
    (void)one;
    return json_pack("{s:s, s:o, s:{s:b, s:b, s:[i]}, s:s}", "artifact", "image.initrd",
        "launch", launches(measured->shapes, k->tee), "require", "debug", 0,
        "migration", 0, "vmpl", 0, "tee", k->released);
}

json_t *
pack_release_enclave(
    const struct image_kind *k, const struct pack_measured *measured, const json_t *one)
{
    (void)measured;
    return json_pack("{s:s, s:O, s:{s:b}, s:s}", "artifact", "image.manifest.sgx",
        "mrenclave", json_object_get(one, "mrenclave"), "require", "debug", 0, "tee",
        k->released);
}

json_t *
pack_release_td(
    const struct image_kind *k, const struct pack_measured *measured, const json_t *one)
{
    json_t *out = json_pack("{s:s, s:O, s:{s:b}, s:s}", "artifact", "tdx.initrd",
        "mrtd", json_object_get(one, "mrtd"), "require", "debug", 0, "tee",
        k->released);

    (void)measured;
    if (out != NULL && json_object_get(one, "rtmr") != NULL &&
        json_object_set(out, "rtmr", json_object_get(one, "rtmr")) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

/* What a build cannot know (sequence, source, validity, least TCB) is for `publish`. */
static enum selfsame_code
release_measurements(
    const struct pack_measured *measured, json_t **ret, struct selfsame_err *e)
{
    auto_json *list = json_array();

    for (size_t i = 0; i < json_array_size(measured->entries); i++) {
        const json_t *one = json_array_get(measured->entries, i);
        const struct image_kind *k;

        TRY(kind_need(json_string_value(json_object_get(one, "tee")), &k, e));
        if (json_array_append_new(list, k->release(k, measured, one)) != 0)
            return no_memory(e);
    }
    *ret = json_incref(list);
    return SELFSAME_OK;
}

static bool
add_subject(json_t *list, const char *name, const uint8_t *sha256)
{
    char hex[65];

    hex_encode(BYTES(sha256, 32), hex);
    return json_array_append_new(list,
               json_pack("{s:{s:s}, s:s}", "digest", "sha256", hex, "name", name)) == 0;
}

static enum selfsame_code
subjects(const struct repro_result *res, json_t **ret, struct selfsame_err *e)
{
    auto_json *list = json_array();
    bool good = true;

    for (size_t i = 0; i < res->image_count; i++)
        good = good && add_subject(list, res->image[i].name, res->image[i].sha256);
    if (!good || !add_subject(list, "manifest.txt", res->tree_sha256))
        return no_memory(e);
    *ret = json_incref(list);
    return SELFSAME_OK;
}

/* Without a recipe the builder's defaults did it: the digest is that of no bytes. */
static enum selfsame_code
build_json(const struct recipe *r, json_t **ret, struct selfsame_err *e)
{
    uint8_t none[HASH_MAX];
    char recipe[65];

    if (!hash_bytes(HASH_SHA256, BYTES_LIT(""), none))
        return no_memory(e);
    hex_encode(r->given ? BYTES_ARR(r->sha256) : BYTES(none, 32), recipe);
    *ret = json_pack("{s:{s:{s:s}, s:s}, s:I, s:{s:s, s:s}}", "recipe", "digest",
        "sha256", recipe, "name", r->given ? "selfsame.json" : "none",
        "sourceDateEpoch", (json_int_t)r->source_date_epoch, "tool", "name", "selfsame",
        "version", selfsame_version());
    return *ret != NULL ? SELFSAME_OK : no_memory(e);
}

enum selfsame_code
pack_statement(const struct pack_job *job, const struct repro_result *res,
    const struct pack_measured *measured, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct recipe *r = job->recipe;
    auto_json *list = NULL, *build = NULL, *subject = NULL;

    TRY(release_measurements(measured, &list, e));
    TRY(build_json(r, &build, e));
    TRY(subjects(res, &subject, e));
    auto_json *root = json_pack("{s:s, s:{s:O, s:O, s:{s:s, s:s}}, s:s, s:O}", "_type",
        "https://in-toto.io/Statement/v1", "predicate", "build", build, "measurements",
        list, "release", "name", r->name, "version", r->version, "predicateType",
        "https://selfsame.dev/predicate/tee-release/v1", "subject", subject);
    return sorted_text(root, false, arena, ret, e);
}
