/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os.h"
#include "sim/sim.h"

#include <stdlib.h>

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

enum selfsame_code
subject_defects(struct cli *c, unsigned *ret, struct selfsame_err *e)
{
    const char *given[CLI_VALUES];
    size_t count = cli_values(c, "defect", given, COUNT(given));
    unsigned defects = 0;

    for (size_t i = 0; i < count; i++) {
        unsigned bit = sim_defect_from_word(given[i]);

        if (bit == 0) {
            (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
                "--defect: there is none called \"%.40s\"", given[i]);
            err_remedy(e, "`selfsame-sim evidence --help` lists them.");
            return SELFSAME_USAGE;
        }
        defects |= bit;
    }
    for (unsigned bit = 1; bit != 0; bit <<= 1)
        if (cli_flag(c, sim_defect_word(bit)))
            defects |= bit;
    if (cli_flag(c, "insecure-debug"))
        defects |= SIM_DEBUG;
    *ret = defects;
    return SELFSAME_OK;
}

/* ---- measurements ---- */

/* {"pcr":{"0":hex,...}}: every value becomes a claim "pcr.0". */
static enum selfsame_code
take_pcrs(const json_t *pcr, const char *path, struct arena *arena,
    struct tee_measured *ret, struct selfsame_err *e)
{
    struct claim *list = ARENA_NEW(arena, struct claim, json_object_size(pcr) + 1);
    size_t n = 0;
    const char *key;
    json_t *value;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "measurements");
    json_object_foreach((json_t *)(uintptr_t)pcr, key, value)
    {
        /* A policy lists several accepted values: the first one is as good as any. */
        const char *hex = json_string_value(
            json_is_array(value) ? json_array_get(value, 0) : value);
        uint8_t *bytes = arena_alloc(arena, 1, 64);
        size_t len;

        if (bytes == NULL)
            FAIL(e, SELFSAME_NOMEM, "measurements");
        if (hex == NULL || !hex_decode(hex, strlen(hex), bytes, 64, &len) || len != 48)
            FAIL(
                e, SELFSAME_MALFORMED, "%s: pcr.%s: expected 96 hex digits", path, key);
        list[n].path = arena_printf(arena, "pcr.%s", key);
        list[n].kind = CLAIM_BYTES;
        list[n++].bytes = BYTES(bytes, len);
    }
    *ret = (struct tee_measured){ .list = list, .count = n };
    return SELFSAME_OK;
}

/* measurements.json of a build, one entry of it, or the array of a policy. */
static enum selfsame_code
from_json(const char *path, const char *tee, struct arena *arena,
    struct tee_measured *ret, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    auto_json *j = NULL;

    TRY(file_read(path, JSON_LIMIT, arena, &text, e));
    TRY(json_parse(text, path, &j, e));
    const json_t *list = json_object_get(j, "measurements"), *one = list;
    if (list == NULL)
        list = one = j;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *its = json_string_value(
            json_object_get(json_array_get(list, i), "tee"));

        one = json_array_get(list, i);
        if (its != NULL && strcmp(its, tee) == 0)
            break;
        one = NULL;
    }
    const json_t *pcr = json_object_get(one, "pcr");
    if (!json_is_object(pcr))
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected measurements for %s with a member \"pcr\"", path, tee);
    return take_pcrs(pcr, path, arena, ret, e);
}

/* SHA-384 of a sentence that names the register: no image has these values. */
static enum selfsame_code
of_no_image(struct arena *arena, struct tee_measured *ret, struct selfsame_err *e)
{
    enum { PCRS = 3 };
    struct claim *list = ARENA_NEW(arena, struct claim, PCRS);
    uint8_t *digests = arena_alloc(arena, HASH_MAX, PCRS);

    if (list == NULL || digests == NULL)
        FAIL(e, SELFSAME_NOMEM, "measurements");
    for (size_t i = 0; i < PCRS; i++) {
        char *sentence = arena_printf(
            arena, "selfsame-sim: PCR%zu of no image at all", i);

        list[i].path = arena_printf(arena, "pcr.%zu", i);
        if (sentence == NULL || list[i].path == NULL ||
            !hash_bytes(HASH_SHA384, bytes_str(sentence), digests + i * HASH_MAX))
            FAIL(e, SELFSAME_NOMEM, "measurements");
        list[i].kind = CLAIM_BYTES;
        list[i].bytes = BYTES(digests + i * HASH_MAX, 48);
    }
    *ret = (struct tee_measured){ .list = list, .count = PCRS };
    return SELFSAME_OK;
}

enum selfsame_code
subject_measured(
    struct cli *c, const char *tee, struct tee_measured *ret, struct selfsame_err *e)
{
    const char *image = cli_value(c, "image"), *json = cli_value(c, "measurements");
    struct loaded loaded;

    if (image != NULL && json != NULL)
        FAIL(e, SELFSAME_USAGE, "--image and --measurements: expected one, got both");
    if (json != NULL)
        return from_json(json, tee, cli_arena(c), ret, e);
    if (image == NULL)
        return of_no_image(cli_arena(c), ret, e);
    TRY(image_load(image, tee, -1, cli_arena(c), &loaded, e));
    *ret = loaded.measured;
    return SELFSAME_OK;
}
