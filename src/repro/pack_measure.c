/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"
#include "repro/kind.h"

#include <selfsame/measure.h>

#include <sys/stat.h>

enum { MEASUREMENTS_MAX = 1 };

/* The measurement that one image is read for. */
struct measuring {
    struct selfsame_measurement *at[MEASUREMENTS_MAX];
    size_t count;
    const struct repro_voice *voice;
    struct hash sha256;
};

static void
measuring_free(struct measuring *m)
{
    for (size_t i = 0; i < m->count; i++)
        selfsame_measurement_free(m->at[i]);
    hash_free(&m->sha256);
}
#define auto_measuring __attribute__((cleanup(measuring_free))) struct measuring

void
pack_measured_free(struct pack_measured *m)
{
    json_decref(m->entries);
    json_decref(m->shapes);
}

static enum selfsame_code
no_memory(struct selfsame_err *e)
{
    FAIL(e, SELFSAME_NOMEM, "no memory for the measurements");
}

static enum selfsame_code
measure_piece(void *ctx, struct selfsame_bytes b, struct selfsame_err *e)
{
    struct measuring *m = ctx;

    hash_update(&m->sha256, b);
    for (size_t i = 0; i < m->count; i++)
        TRY(selfsame_measurement_update(m->at[i], b, e));
    if (m->voice->advance != NULL)
        m->voice->advance(m->voice->ctx, b.len);
    return SELFSAME_OK;
}

static enum selfsame_code
size_of(const struct file_draft *draft, uint64_t *ret, struct selfsame_err *e)
{
    struct stat st;

    if (fstat(draft->fd, &st) != 0)
        return file_error(e, "cannot look at", draft->path);
    *ret = (uint64_t)st.st_size;
    return SELFSAME_OK;
}

/* Reads it once, for its digest and for all measurements. */
static enum selfsame_code
read_once(struct measuring *m, struct pack_drafts *d, const char *name,
    struct repro_result *res, struct selfsame_err *e)
{
    struct file_draft *draft = pack_draft(d, name);
    struct repro_file *f = &res->image[res->image_count++];
    struct extent x = { .fd = &draft->fd };
    uint8_t sum[HASH_MAX];

    TRY(size_of(draft, &x.size, e));
    hash_free(&m->sha256);
    if (!hash_init(&m->sha256, HASH_SHA256))
        return no_memory(e);
    TRY(extent_copy(&x, &(struct sink){ .write = measure_piece, .ctx = m }, e));
    hash_final(&m->sha256, sum);
    f->name = name;
    f->size = x.size;
    memcpy(f->sha256, sum, sizeof(f->sha256));
    return SELFSAME_OK;
}

static void
tell(const struct repro_voice *v, const char *what, uint64_t size)
{
    if (v->step != NULL)
        v->step(v->ctx, what, size);
}

static enum selfsame_code
finish(struct selfsame_measurement *m, json_t **ret, struct selfsame_err *e)
{
    char *text = NULL;

    TRY(selfsame_measurement_finish(m, e));
    TRY(selfsame_measurement_json(m, false, &text, e));
    enum selfsame_code c = json_parse(bytes_str(text), "measurement", ret, e);
    selfsame_free(text);
    return c;
}

/* ---- one file, one measurement ---- */

/* {"tee":"nitro","pcr":{"0":"…"}} with every value as a list of one: any of these. */
static enum selfsame_code
as_lists(json_t *object, struct selfsame_err *e)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value)
    {
        if (json_is_object(value))
            TRY(as_lists(value, e));
        else if (json_is_string(value) && strcmp(key, "tee") != 0 &&
                 json_object_set_new(object, key, json_pack("[O]", value)) != 0)
            return no_memory(e);
    }
    return SELFSAME_OK;
}

enum selfsame_code
pack_measure_eif(const struct pack_job *job, const char *tee, struct pack_drafts *d,
    struct arena *arena, struct repro_result *res, struct pack_measured *ret,
    struct selfsame_err *e)
{
    (void)arena;
    auto_measuring m = { .voice = &job->options->voice };
    auto_json *one = NULL;
    uint64_t size = 0;

    TRY(size_of(pack_draft(d, "image.eif"), &size, e));
    tell(m.voice, "measuring image.eif", size);
    TRY(selfsame_measurement_new(tee, size, &m.at[0], e));
    m.count = 1;
    TRY(read_once(&m, d, "image.eif", res, e));
    TRY(finish(m.at[0], &one, e));
    TRY(as_lists(one, e));
    return json_array_append(ret->entries, one) == 0 ? SELFSAME_OK : no_memory(e);
}

/* ---- four files, one measurement of all shapes ---- */

/* One list of an option: "a,b". */
static const char *
joined(const char *const *words, struct arena *arena)
{
    const char *all = words[0];

    for (size_t i = 1; all != NULL && words[0] != NULL && words[i] != NULL; i++)
        all = arena_printf(arena, "%s,%s", all, words[i]);
    return all;
}

static const char *
joined_vcpus(const struct recipe_shape *s, struct arena *arena)
{
    const char *all = "";

    for (size_t i = 0; all != NULL && i < s->vcpu_count; i++)
        all = arena_printf(arena, "%s%s%u", all, i > 0 ? "," : "", s->vcpus[i]);
    return all;
}

/* A group of shapes of the recipe: the measurer makes all combinations. */
static enum selfsame_code
set_shape(struct selfsame_measurement *m, const struct recipe_shape *s,
    struct arena *arena, struct selfsame_err *e)
{
    const char *vcpus = joined_vcpus(s, arena), *cpus = joined(s->cpus, arena),
               *features = joined(s->features, arena);

    if (vcpus == NULL || cpus == NULL || features == NULL)
        return no_memory(e);
    TRY(selfsame_measurement_set(m, "vmm", s->vmm, e));
    TRY(selfsame_measurement_set(m, "vcpus", vcpus, e));
    TRY(selfsame_measurement_set(m, "cpu", cpus, e));
    return selfsame_measurement_set(m, "features", features, e);
}

static enum selfsame_code
read_part(struct measuring *m, struct pack_drafts *d, const char *name,
    const char *part, struct repro_result *res, struct selfsame_err *e)
{
    uint64_t size = 0;

    TRY(size_of(pack_draft(d, name), &size, e));
    TRY(selfsame_measurement_part(m->at[0], part, size, e));
    return read_once(m, d, name, res, e);
}

/* {"measurement": hex or [hex…], "shapes": […]} into what measurements.json wants. */
static enum selfsame_code
take_shapes(
    json_t *one, const char *tee, struct pack_measured *ret, struct selfsame_err *e)
{
    json_t *digests = json_object_get(one, "measurement");
    json_t *list = json_is_array(digests) ? json_incref(digests)
                                          : json_pack("[O]", digests);
    json_t *entry = json_pack("{s:s, s:o}", "tee", tee, "measurement", list), *shape;
    size_t i;

    if (entry == NULL || json_array_append_new(ret->entries, entry) != 0)
        return no_memory(e);
    json_array_foreach(json_object_get(one, "shapes"), i, shape)
    {
        if (json_object_set_new(shape, "tee", json_string(tee)) != 0 ||
            json_array_append(ret->shapes, shape) != 0)
            return no_memory(e);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_parts(struct measuring *m, struct pack_drafts *d, const char *files,
    struct arena *arena, struct repro_result *res, struct selfsame_err *e)
{
    static const char *const parts[] = { "firmware", "kernel", "initrd", "cmdline" };

    for (size_t i = 0; i < COUNT(parts); i++) {
        const char *name = arena_printf(arena, "%s.%s", files, parts[i]);

        if (name == NULL)
            return no_memory(e);
        TRY(read_part(m, d, name, parts[i], res, e));
    }
    return SELFSAME_OK;
}

enum selfsame_code
pack_measure_direct(const struct pack_job *job, const char *tee, struct pack_drafts *d,
    struct arena *arena, struct repro_result *res, struct pack_measured *ret,
    struct selfsame_err *e)
{
    const struct recipe_snp *snp = &job->recipe->snp;
    auto_measuring m = { .voice = &job->options->voice };
    auto_json *one = NULL;

    tell(m.voice, "measuring image.initrd", 0);
    TRY(selfsame_measurement_new(tee, 0, &m.at[0], e));
    m.count = 1;
    for (size_t i = 0; i < snp->shape_count; i++) {
        if (i > 0)
            TRY(selfsame_measurement_set(m.at[0], "shape", "next", e));
        TRY(set_shape(m.at[0], &snp->shapes[i], arena, e));
    }
    TRY(read_parts(&m, d, "image", arena, res, e));
    TRY(finish(m.at[0], &one, e));
    return take_shapes(one, tee, ret, e);
}

/* ---- an enclave: its files, one measurement ---- */

enum selfsame_code
pack_measure_gramine(const struct pack_job *job, const char *tee, struct pack_drafts *d,
    struct arena *arena, struct repro_result *res, struct pack_measured *ret,
    struct selfsame_err *e)
{
    static const char *const parts[] = { "manifest.sgx", "pal", "libos", "rootfs" };
    auto_measuring m = { .voice = &job->options->voice };
    auto_json *one = NULL;

    tell(m.voice, "measuring image.rootfs", 0);
    TRY(selfsame_measurement_new(tee, 0, &m.at[0], e));
    m.count = 1;
    for (size_t i = 0; i < COUNT(parts); i++) {
        const char *name = arena_printf(arena, "image.%s", parts[i]);

        if (name == NULL)
            return no_memory(e);
        TRY(read_part(&m, d, name, parts[i], res, e));
    }
    TRY(finish(m.at[0], &one, e));
    TRY(as_lists(one, e));
    return json_array_append(ret->entries, one) == 0 ? SELFSAME_OK : no_memory(e);
}

/* ---- the same four files for TDX: several registers, each a list of alternatives ---- */

static const char *
joined_memory(const struct recipe_td_shape *s, struct arena *arena)
{
    const char *all = "";

    for (size_t i = 0; all != NULL && i < s->memory_count; i++)
        all = arena_printf(
            arena, "%s%s%llu", all, i > 0 ? "," : "", (unsigned long long)s->memory[i]);
    return all;
}

static enum selfsame_code
set_td_shape(struct selfsame_measurement *m, const struct recipe_td_shape *s,
    struct arena *arena, struct selfsame_err *e)
{
    const char *memory = joined_memory(s, arena);

    if (memory == NULL)
        return no_memory(e);
    TRY(selfsame_measurement_set(m, "vmm", s->vmm, e));
    TRY(selfsame_measurement_set(m, "memory_mib", memory, e));
    if (s->pages != NULL)
        TRY(selfsame_measurement_set(m, "pages", s->pages, e));
    if (s->kernel_as != NULL)
        TRY(selfsame_measurement_set(m, "kernel_as", s->kernel_as, e));
    return s->separator != NULL
               ? selfsame_measurement_set(m, "separator", s->separator, e)
               : SELFSAME_OK;
}

/* {"mrtd": …, "rtmr": {…}, "shapes": […]} into what measurements.json wants. */
static enum selfsame_code
take_registers(
    json_t *one, const char *tee, struct pack_measured *ret, struct selfsame_err *e)
{
    auto_json *entry = json_object();
    json_t *shape;
    size_t i;

    if (entry == NULL || json_object_set_new(entry, "tee", json_string(tee)) != 0 ||
        json_object_set(entry, "mrtd", json_object_get(one, "mrtd")) != 0 ||
        (json_object_get(one, "rtmr") != NULL &&
            json_object_set(entry, "rtmr", json_object_get(one, "rtmr")) != 0))
        return no_memory(e);
    TRY(as_lists(entry, e));
    if (json_array_append(ret->entries, entry) != 0)
        return no_memory(e);
    json_array_foreach(json_object_get(one, "shapes"), i, shape)
    {
        if (json_object_set_new(shape, "tee", json_string(tee)) != 0 ||
            json_array_append(ret->shapes, shape) != 0)
            return no_memory(e);
    }
    return SELFSAME_OK;
}

enum selfsame_code
pack_measure_td(const struct pack_job *job, const char *tee, struct pack_drafts *d,
    struct arena *arena, struct repro_result *res, struct pack_measured *ret,
    struct selfsame_err *e)
{
    const struct recipe_tdx *tdx = &job->recipe->tdx;
    auto_measuring m = { .voice = &job->options->voice };
    auto_json *one = NULL;

    tell(m.voice, "measuring tdx.initrd", 0);
    TRY(selfsame_measurement_new(tee, 0, &m.at[0], e));
    m.count = 1;
    for (size_t i = 0; i < tdx->shape_count; i++) {
        if (i > 0)
            TRY(selfsame_measurement_set(m.at[0], "shape", "next", e));
        TRY(set_td_shape(m.at[0], &tdx->shapes[i], arena, e));
    }
    TRY(read_parts(&m, d, "tdx", arena, res, e));
    TRY(finish(m.at[0], &one, e));
    return take_registers(one, tee, ret, e);
}

/* ---- all images ---- */

enum selfsame_code
pack_measure(const struct pack_job *job, struct pack_drafts *d, struct arena *arena,
    struct repro_result *res, struct pack_measured *ret, struct selfsame_err *e)
{
    ret->entries = json_array();
    ret->shapes = json_array();
    if (ret->entries == NULL || ret->shapes == NULL)
        return no_memory(e);
    for (size_t i = 0; i < job->machine_count; i++) {
        const struct pack_machine *m = &job->machine[i];

        TRY_WHILE(e, m->kind->measure(job, m->tee, d, arena, res, ret, e),
            "measuring for %s", m->tee);
    }
    return SELFSAME_OK;
}
