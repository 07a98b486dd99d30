/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "sim/sim.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum selfsame_code
subject_pki(struct cli *c, const struct tee_simulator *sim, int64_t now_ms,
    struct sim_pki **ret, struct selfsame_err *e)
{
    const char *path = cli_value(c, "root");
    struct selfsame_bytes pem = BYTES_NONE;

    if (path != NULL)
        TRY(file_read(path, 1 << 16, cli_arena(c), &pem, e));
    TRY_WHILE(e, sim->pki(pem, now_ms, ret, e), "making certificates below %s",
        path != NULL ? path : "the simulator's root");
    return SELFSAME_OK;
}

static enum selfsame_code
take_defects(struct cli *c, const struct tee_simulator *sim, uint64_t *ret,
    struct selfsame_err *e)
{
    const char *given[CLI_VALUES];
    size_t count = cli_values(c, "defect", given, COUNT(given));
    uint64_t defects = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t bit = sim_defect_from_word(sim, given[i]);

        if (bit == 0) {
            (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "--defect: %s evidence knows none called \"%.40s\"", sim->name,
                given[i]);
            err_remedy(e, "`selfsame-sim evidence --help` lists those of all, "
                          "`man selfsame-sim` those of one TEE alone.");
            return SELFSAME_USAGE;
        }
        defects |= bit;
    }
    for (uint64_t bit = 1; bit != 0; bit <<= 1)
        if (cli_flag(c, sim_defect_word(sim, bit)))
            defects |= bit;
    if (cli_flag(c, "insecure-debug"))
        defects |= SIM_DEBUG;
    *ret = defects;
    return SELFSAME_OK;
}

enum selfsame_code
subject_options(struct cli *c, const struct tee_simulator *sim, struct sim_subject *ret,
    struct selfsame_err *e)
{
    const char **settings = ARENA_NEW(cli_arena(c), const char *, CLI_VALUES);

    if (settings == NULL)
        FAIL(e, SELFSAME_NOMEM, "settings");
    TRY(take_defects(c, sim, &ret->defects, e));
    ret->settings = settings;
    ret->setting_count = cli_values(c, "set", settings, CLI_VALUES);
    return sim_subject_check(sim, ret, e);
}

/* "nitro, snp" */
static const char *
simulator_names(struct arena *arena)
{
    const struct tee_simulator *s;
    const char *all = "";

    for (size_t i = 0; all != NULL && (s = tee_simulator_at(i)) != NULL; i++)
        all = arena_printf(arena, "%s%s%s", all, i > 0 ? ", " : "", s->name);
    return all != NULL ? all : "?";
}

/* Is the first of its parts in this directory? */
static bool
has_parts(const struct tee_measurer *m, const char *dir, struct arena *arena)
{
    const char *path = arena_printf(arena, "%s/%s.%s", dir, m->files, m->parts[0]);

    return path != NULL && access(path, F_OK) == 0;
}

/* For a directory the first TEE whose parts are there, for a file the one with one file. */
static const char *
usual_tee(const char *image, struct arena *arena)
{
    struct stat st;
    const bool dir = image != NULL && stat(image, &st) == 0 && S_ISDIR(st.st_mode);
    const struct tee_measurer *m;
    const char *other = "none";

    for (size_t i = 0; (m = tee_measurer_at(i)) != NULL; i++) {
        if ((m->part != NULL) != dir)
            continue;
        if (!dir || has_parts(m, image, arena))
            return m->name;
        other = m->name;
    }
    return other;
}

enum selfsame_code
subject_simulator(struct cli *c, const char *image, const struct tee_simulator **ret,
    struct selfsame_err *e)
{
    const char *tee = cli_value(c, "tee");

    if (tee == NULL)
        tee = usual_tee(image, cli_arena(c));
    *ret = tee_simulator_find(tee);
    if (*ret == NULL)
        FAIL(e, SELFSAME_USAGE, "--tee %.40s: expected one that is simulated (%s)", tee,
            simulator_names(cli_arena(c)));
    return SELFSAME_OK;
}

/* ---- measurements ---- */

struct values {
    struct claim *list;
    size_t count, digest; /* bytes of a measured value */
    const char *file;
    struct arena *arena;
};
enum { VALUES_MAX = 64, DIGEST = 48, VALUE_MAX = 64 };

/* Of several accepted values the first one is as good as any. */
static enum selfsame_code
take_value(
    struct values *v, const char *path, const json_t *value, struct selfsame_err *e)
{
    const json_t *one = json_is_array(value) ? json_array_get(value, 0) : value;
    const char *hex = json_string_value(one);
    uint8_t *bytes = arena_alloc(v->arena, 1, VALUE_MAX);
    size_t len;

    if (bytes == NULL || path == NULL)
        FAIL(e, SELFSAME_NOMEM, "measurements");
    if (v->count == VALUES_MAX)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected at most %d values", v->file,
            (int)VALUES_MAX);
    if (json_is_integer(one) && json_integer_value(one) >= 0) {
        v->list[v->count++] = (struct claim){ .path = path,
            .kind = CLAIM_UINT,
            .number = (uint64_t)json_integer_value(one) };
        return SELFSAME_OK;
    }
    if (hex == NULL || !hex_decode(hex, strlen(hex), bytes, VALUE_MAX, &len) ||
        len != v->digest)
        FAIL(e, SELFSAME_MALFORMED, "%s: %s: expected %zu hex digits", v->file, path,
            2 * v->digest);
    v->list[v->count++] = (struct claim){
        .path = path, .kind = CLAIM_BYTES, .bytes = BYTES(bytes, len)
    };
    return SELFSAME_OK;
}

/* {"pcr":{"0":hex,...}} or {"measurement":[hex,...]}: claims "pcr.0", "measurement". */
static enum selfsame_code
take_values(struct values *v, const json_t *entry, struct selfsame_err *e)
{
    const char *name, *sub;
    json_t *value, *below;

    json_object_foreach((json_t *)(uintptr_t)entry, name, value)
    {
        /* Events add up to registers; they are none. */
        if (strcmp(name, "tee") == 0 || strcmp(name, "events") == 0)
            continue;
        if (!json_is_object(value)) {
            TRY(take_value(v, arena_printf(v->arena, "%s", name), value, e));
            continue;
        }
        json_object_foreach(value, sub, below)
            TRY(take_value(v, arena_printf(v->arena, "%s.%s", name, sub), below, e));
    }
    return SELFSAME_OK;
}

/* The entry of this TEE in measurements.json of a build, or in a policy; or one entry. */
static const json_t *
entry_of(const json_t *j, const char *tee)
{
    const json_t *list = json_object_get(j, "measurements"), *one;

    if (list == NULL && !json_is_array(j))
        return j;
    list = list != NULL ? list : j;
    for (size_t i = 0; (one = json_array_get(list, i)) != NULL; i++) {
        const char *its = json_string_value(json_object_get(one, "tee"));

        if (its != NULL && strcmp(its, tee) == 0)
            return one;
    }
    return NULL;
}

static enum selfsame_code
from_json(struct values *v, const char *tee, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    auto_json *j = NULL;

    TRY(file_read(v->file, JSON_LIMIT, v->arena, &text, e));
    TRY(json_parse(text, v->file, &j, e));
    const json_t *entry = entry_of(j, tee);
    if (!json_is_object(entry))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected measurements for %s, got none",
            v->file, tee);
    TRY(take_values(v, entry, e));
    if (v->count == 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected measurements for %s, got none",
            v->file, tee);
    return SELFSAME_OK;
}

/* SHA-384 of a sentence that names the value: no image has these. */
static enum selfsame_code
of_no_image(struct values *v, const char *tee, struct selfsame_err *e)
{
    const struct tee_verifier *verifier = tee_verifier_find(tee);
    const char *const *pins = verifier != NULL ? verifier->pins : NULL;

    for (size_t i = 0; pins != NULL && pins[i] != NULL && strcmp(pins[i], PINS_OR) != 0;
         i++) {
        uint8_t *digest = arena_alloc(v->arena, 1, HASH_MAX);
        char *sentence = arena_printf(
            v->arena, "selfsame-sim: %s of no image at all", pins[i]);

        if (digest == NULL || sentence == NULL ||
            !hash_bytes(HASH_SHA384, bytes_str(sentence), digest))
            FAIL(e, SELFSAME_NOMEM, "measurements");
        v->list[v->count++] = (struct claim){
            .path = pins[i], .kind = CLAIM_BYTES, .bytes = BYTES(digest, v->digest)
        };
    }
    return SELFSAME_OK;
}

enum selfsame_code
subject_measured(struct cli *c, const struct tee_simulator *sim,
    struct sim_subject *ret, struct selfsame_err *e)
{
    const char *image = cli_value(c, "image"), *json = cli_value(c, "measurements");
    struct values v = { .digest = sim->digest_size != 0 ? sim->digest_size : DIGEST,
        .file = json,
        .arena = cli_arena(c) };
    const struct load_request q = {
        .path = image,
        .tee = sim->name,
        .vcpus = cli_value(c, "vcpus"),
        .cpu = cli_value(c, "cpu"),
        .root = -1,
    };
    struct loaded loaded;

    if (image != NULL && json != NULL)
        FAIL(e, SELFSAME_USAGE, "--image and --measurements: expected one, got both");
    if (image == NULL && (q.vcpus != NULL || q.cpu != NULL))
        FAIL(e, SELFSAME_USAGE, "--vcpus and --cpu go with --image");
    if (image != NULL) {
        TRY(image_load(&q, cli_arena(c), &loaded, e));
        ret->measured = loaded.measured.list;
        ret->measured_count = loaded.measured.count;
        return SELFSAME_OK;
    }
    v.list = ARENA_NEW(cli_arena(c), struct claim, VALUES_MAX);
    if (v.list == NULL)
        FAIL(e, SELFSAME_NOMEM, "measurements");
    TRY(json != NULL ? from_json(&v, sim->name, e) : of_no_image(&v, sim->name, e));
    ret->measured = v.list;
    ret->measured_count = v.count;
    return SELFSAME_OK;
}
