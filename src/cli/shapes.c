/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/shapes.h"

#include "os/os.h"

const char *const shape_options[SHAPE_OPTIONS] = { "vmm", "vcpus", "cpu", "features",
    "ec2_rdx", "gce_gpa_bits", "memory_mib", "pages", "kernel_as", "separator" };

const char *
shape_option(const json_t *row, const char *name, struct arena *arena)
{
    const json_t *value = json_object_get(row, name);

    if (json_is_integer(value))
        return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    return json_string_value(value);
}

enum selfsame_code
shapes_read(const char *dir, const char *tee, struct arena *arena, json_t **ret,
    struct selfsame_err *e)
{
    char *path = arena_printf(arena, "%s/measurements.json", dir);
    auto_json *root = NULL, *list = json_array();
    struct selfsame_bytes text;
    json_t *row;
    size_t i;

    if (path == NULL || list == NULL)
        FAIL(e, SELFSAME_NOMEM, "a path");
    TRY(file_read(path, JSON_LIMIT, arena, &text, e));
    TRY(json_parse(text, path, &root, e));
    json_array_foreach(json_object_get(root, "shapes"), i, row)
    {
        const char *of = json_string_value(json_object_get(row, "tee"));

        if (of != NULL && strcmp(of, tee) == 0 && json_array_append(list, row) != 0)
            FAIL(e, SELFSAME_NOMEM, "shapes");
    }
    if (json_array_size(list) == 0)
        FAIL(e, SELFSAME_USAGE,
            "%s: expected shapes for %s, got none: it was built for another TEE", path,
            tee);
    *ret = list;
    list = NULL;
    return SELFSAME_OK;
}
