/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/recipe_parts.h"

/*
 * "tdx": a machine under Intel TDX, and the shapes that its registers depend on. What a
 * shape says is for the measurer, which refuses what it does not know.
 */
enum { SHAPES = 64, MIB_LEAST = 64, MIB_MOST = 1 << 26 };

static enum selfsame_code
memories(const struct recipe_reading *p, const json_t *v, const char *member,
    struct recipe_td_shape *ret)
{
    size_t n = json_array_size(v);

    if (!json_is_array(v) || n == 0 || n > SHAPES)
        return recipe_wrong(
            p, member, "'memory_mib' to be an array of 1 to 64 numbers");
    uint64_t *list = ARENA_NEW(p->arena, uint64_t, n);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        json_int_t x = json_integer_value(json_array_get(v, i));

        if (x < MIB_LEAST || x > MIB_MOST)
            return recipe_wrong(p, member, "'memory_mib' from 64 to 67108864");
        list[i] = (uint64_t)x;
    }
    ret->memory = list;
    ret->memory_count = n;
    return SELFSAME_OK;
}

/* ["one-pass"], ["one-pass", "two-pass"]; absent: both. */
static enum selfsame_code
words(const struct recipe_reading *p, const json_t *v, const char *member,
    const char *const names[static 2], const char **ret)
{
    bool seen[2] = { false, false };
    size_t i;
    json_t *one;

    if (v == NULL)
        return SELFSAME_OK;
    json_array_foreach((json_t *)(uintptr_t)v, i, one)
    {
        const char *s = json_string_value(one);

        if (s == NULL || (strcmp(s, names[0]) != 0 && strcmp(s, names[1]) != 0))
            return recipe_wrong(p, member,
                "'pages' of \"one-pass\", \"two-pass\"; 'kernel_as' of \"whole\", "
                "\"patched\"; 'separator' of \"rtmr0\", \"rtmr1\"");
        seen[strcmp(s, names[1]) == 0] = true;
    }
    if (!seen[0] && !seen[1])
        return recipe_wrong(p, member, "lists of one word or two");
    *ret = arena_printf(p->arena, "%s%s%s", seen[0] ? names[0] : "",
        seen[0] && seen[1] ? "," : "", seen[1] ? names[1] : "");
    return *ret != NULL ? SELFSAME_OK : recipe_no_memory(p);
}

static enum selfsame_code
shape(const struct recipe_reading *p, json_t *v, size_t i, struct recipe_td_shape *ret)
{
    static const char *const known[] = { "vmm", "memory_mib", "pages", "kernel_as",
        "separator", NULL };
    static const char *const pages[2] = { "one-pass", "two-pass" };
    static const char *const kernel[2] = { "whole", "patched" };
    static const char *const separator[2] = { "rtmr0", "rtmr1" };
    char *member = arena_printf(p->arena, "tdx.shapes[%zu]", i);
    char *prefix = arena_printf(p->arena, "tdx.shapes[%zu].", i);

    if (member == NULL || prefix == NULL)
        return recipe_no_memory(p);
    if (!json_is_object(v))
        return recipe_wrong(p, member, "an object");
    TRY(recipe_only(p, v, prefix, known));
    const char *vmm = json_string_value(json_object_get(v, "vmm"));
    if (vmm == NULL || strcmp(vmm, "qemu") != 0)
        return recipe_wrong(p, member, "'vmm' to be \"qemu\"");
    ret->vmm = "qemu";
    TRY(memories(p, json_object_get(v, "memory_mib"), member, ret));
    TRY(words(p, json_object_get(v, "pages"), member, pages, &ret->pages));
    TRY(words(p, json_object_get(v, "kernel_as"), member, kernel, &ret->kernel_as));
    return words(
        p, json_object_get(v, "separator"), member, separator, &ret->separator);
}

static enum selfsame_code
shapes(const struct recipe_reading *p, const json_t *v, struct recipe_tdx *r)
{
    size_t n = json_array_size(v), sum = 0;

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_array(v) || n == 0 || n > SHAPES)
        return recipe_wrong(p, "tdx.shapes", "an array of 1 to 64 shapes");
    struct recipe_td_shape *list = ARENA_NEW(p->arena, struct recipe_td_shape, n);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        TRY(shape(p, json_array_get(v, i), i, &list[i]));
        sum += list[i].memory_count;
    }
    if (sum > SHAPES)
        return recipe_wrong(p, "tdx.shapes", "at most 64 sizes of memory in all");
    r->shapes = list;
    r->shape_count = n;
    return SELFSAME_OK;
}

void
recipe_tdx_default(struct recipe_tdx *ret)
{
    static const uint64_t memory[] = { 2048 };
    static const struct recipe_td_shape usual = {
        .vmm = "qemu", .memory = memory, .memory_count = COUNT(memory)
    };

    *ret = (struct recipe_tdx){
        .machine = { .net = "dhcp" }, .shapes = &usual, .shape_count = 1
    };
}

enum selfsame_code
recipe_tdx(const struct recipe_reading *p, const json_t *root, struct recipe_tdx *ret)
{
    const json_t *v = json_object_get(root, "tdx");

    if (v == NULL)
        return SELFSAME_OK;
    TRY(recipe_machine(p, root, "tdx", &ret->machine));
    return shapes(p, json_object_get(v, "shapes"), ret);
}
