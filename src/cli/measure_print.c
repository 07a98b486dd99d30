/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/measure_print.h"
#include "cli/print.h"

#include <stdio.h>

/* What it is, before what it is measured as. */
static bool
is_value(const char *name)
{
    return strcmp(name, "measurement") == 0 || strcmp(name, "mrtd") == 0;
}

/* "vmm=qemu vcpus=4 cpu=EPYC-Milan-v2" of a shape, before its digests. */
static void
print_shapes(const json_t *shapes)
{
    size_t i;
    json_t *s;

    json_array_foreach((json_t *)(uintptr_t)shapes, i, s)
    {
        const char *name;
        json_t *value;

        (void)printf("shape %zu:", i);
        json_object_foreach(s, name, value)
        {
            if (json_is_integer(value))
                (void)printf(" %s=%lld", name, (long long)json_integer_value(value));
            else if (json_is_string(value) && !is_value(name))
                (void)printf(" %s=%s", name, json_string_value(value));
        }
        (void)printf("\n");
        if (json_object_get(s, "measurement") != NULL)
            (void)printf(
                "  %s\n", json_string_value(json_object_get(s, "measurement")));
        else
            (void)printf(
                "  mrtd   %s\n", json_string_value(json_object_get(s, "mrtd")));
        json_object_foreach(json_object_get(s, "rtmr"), name, value)(void)
            printf("  rtmr.%s %s\n", name, json_string_value(value));
    }
}

/* The events that a register is the sum of, and what could not be said. */
static void
print_events(const json_t *j)
{
    size_t i;
    json_t *x;

    json_array_foreach(json_object_get(j, "predicted"), i, x)(void)
        printf("event %s %s\n  %s\n", json_string_value(json_object_get(x, "claim")),
            json_string_value(json_object_get(x, "what")),
            json_string_value(json_object_get(x, "sha384")));
    json_array_foreach(json_object_get(j, "notes"), i, x)(void)
        printf("note: %s\n", json_string_value(x));
}

/* How wide the longest "pcr.0" is. */
static int
names_width(const json_t *object, int prefix)
{
    const char *name;
    json_t *value;
    int widest = 0;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const int own = prefix + (prefix > 0) + (int)strlen(name);
        const int n = json_is_object(value) ? names_width(value, own) : own;

        if (n > widest && !json_is_array(value))
            widest = n;
    }
    return widest;
}

/* "pcr.0  abcd…" lines from the JSON object, nested names joined by dots. */
static void
print_values(const json_t *object, const char *prefix, int width)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        char path[128];

        (void)snprintf(
            path, sizeof(path), "%s%s%s", prefix, prefix[0] ? "." : "", name);
        if (json_is_object(value))
            print_values(value, path, width);
        else if (json_is_string(value))
            (void)printf("%-*s %s\n", width, path, json_string_value(value));
        else if (json_is_integer(value))
            (void)printf(
                "%-*s %lld\n", width, path, (long long)json_integer_value(value));
        else if (json_is_null(value))
            (void)printf("%-*s none\n", width, path);
    }
}

static void
print_sections(const json_t *sections)
{
    size_t i;
    json_t *s;
    int width = 0;

    json_array_foreach((json_t *)(uintptr_t)sections, i,
        s) if (width < (int)json_string_length(json_object_get(s, "name")))
        width = (int)json_string_length(json_object_get(s, "name"));
    json_array_foreach((json_t *)(uintptr_t)sections, i, s)
    {
        (void)printf(
            "section %-2zu %-*s offset %-10lld size %-10lld %s\n           sha384 %s\n",
            i, width, json_string_value(json_object_get(s, "name")),
            (long long)json_integer_value(json_object_get(s, "offset")),
            (long long)json_integer_value(json_object_get(s, "size")),
            json_string_value(json_object_get(s, "feeds")),
            json_string_value(json_object_get(s, "sha384")));
    }
}

/* One TEE's. */
static void
print_one(const json_t *j)
{
    const json_t *shapes = json_object_get(j, "shapes");
    const json_t *id = json_object_get(j, "id_block");

    if (shapes != NULL) {
        (void)printf("tee %s\n", json_string_value(json_object_get(j, "tee")));
        print_shapes(shapes);
    } else {
        print_values(j, "", names_width(j, 0));
    }
    if (id != NULL)
        print_values(id, "", names_width(id, 0));
    print_sections(json_object_get(j, "sections"));
    print_events(j);
}

/* One image as its object, several as {"measurements": [...]}: both are reference values. */
enum selfsame_code
measure_print(struct cli *c, json_t *list, struct selfsame_err *e)
{
    const bool one = json_array_size(list) == 1;
    json_t *j;
    size_t i;

    if (cli_json(c)) {
        auto_json *root = one ? json_incref(json_array_get(list, 0))
                              : json_pack("{s:O}", "measurements", list);

        return print_json_line(root, e);
    }
    json_array_foreach(list, i, j) print_one(j);
    return SELFSAME_OK;
}
