/* SPDX-License-Identifier: Apache-2.0 */
#include "repro/recipe_parts.h"

/*
 * "snp": a machine under AMD SEV-SNP, and the shapes (processors, their type, features)
 * that its measurement depends on.
 */
enum { VCPUS_MAX = 512, SHAPES = 64 };

/* ---- shapes ---- */

static enum selfsame_code
numbers(const struct recipe_reading *p, const json_t *v, const char *member,
    struct recipe_shape *ret)
{
    size_t n = json_array_size(v);

    if (!json_is_array(v) || n == 0 || n > SHAPES)
        return recipe_wrong(p, member, "an array of 1 to 64 numbers");
    unsigned *list = ARENA_NEW(p->arena, unsigned, n);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        json_int_t x = json_integer_value(json_array_get(v, i));

        if (x < 1 || x > VCPUS_MAX)
            return recipe_wrong(p, member, "numbers from 1 to 512");
        list[i] = (unsigned)x;
    }
    ret->vcpus = list;
    ret->vcpu_count = n;
    return SELFSAME_OK;
}

static enum selfsame_code
words(const struct recipe_reading *p, const json_t *v, const char *member,
    const char *const **ret)
{
    const char *const *list;

    TRY(recipe_strings(p, v, member, &list));
    for (size_t i = 0; list[i] != NULL; i++)
        if (list[i][0] == 0)
            return recipe_wrong(p, member, "strings that are not empty");
    if (list[0] == NULL || json_array_size(v) > SHAPES)
        return recipe_wrong(p, member, "1 to 64 strings");
    *ret = list;
    return SELFSAME_OK;
}

static enum selfsame_code
shape(const struct recipe_reading *p, json_t *v, size_t i, struct recipe_shape *ret)
{
    static const char *const known[] = { "vmm", "vcpus", "cpu", "features", NULL };
    char *member = arena_printf(p->arena, "snp.shapes[%zu]", i);
    char *prefix = arena_printf(p->arena, "snp.shapes[%zu].", i);

    if (member == NULL || prefix == NULL)
        return recipe_no_memory(p);
    if (!json_is_object(v))
        return recipe_wrong(p, member, "an object");
    TRY(recipe_only(p, v, prefix, known));
    const char *vmm = json_string_value(json_object_get(v, "vmm"));
    if (vmm == NULL || strcmp(vmm, "qemu") != 0)
        return recipe_wrong(p, member, "'vmm' to be \"qemu\"");
    ret->vmm = "qemu";
    TRY(numbers(p, json_object_get(v, "vcpus"), member, ret));
    TRY(words(p, json_object_get(v, "cpu"), member, &ret->cpus));
    return words(p, json_object_get(v, "features"), member, &ret->features);
}

static enum selfsame_code
shapes(const struct recipe_reading *p, const json_t *v, struct recipe_snp *r)
{
    size_t n = json_array_size(v), sum = 0;

    if (v == NULL)
        return SELFSAME_OK;
    if (!json_is_array(v) || n == 0 || n > SHAPES)
        return recipe_wrong(p, "snp.shapes", "an array of 1 to 64 shapes");
    struct recipe_shape *list = ARENA_NEW(p->arena, struct recipe_shape, n);
    if (list == NULL)
        return recipe_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        size_t cpus = 0, features = 0;

        TRY(shape(p, json_array_get(v, i), i, &list[i]));
        while (list[i].cpus[cpus] != NULL)
            cpus++;
        while (list[i].features[features] != NULL)
            features++;
        sum += list[i].vcpu_count * cpus * features;
    }
    if (sum > SHAPES)
        return recipe_wrong(p, "snp.shapes", "at most 64 combinations in all");
    r->shapes = list;
    r->shape_count = n;
    return SELFSAME_OK;
}

/* ---- all of it ---- */

void
recipe_snp_default(struct recipe_snp *ret)
{
    static const unsigned vcpus[] = { 1, 2, 4 };
    static const char *const cpus[] = { "EPYC-Milan-v2", NULL };
    static const char *const features[] = { "0x1", NULL };
    static const struct recipe_shape usual = { .vmm = "qemu",
        .vcpus = vcpus,
        .vcpu_count = COUNT(vcpus),
        .cpus = cpus,
        .features = features };

    *ret = (struct recipe_snp){
        .machine = { .net = "dhcp" }, .shapes = &usual, .shape_count = 1
    };
}

enum selfsame_code
recipe_snp(const struct recipe_reading *p, const json_t *root, struct recipe_snp *ret)
{
    const json_t *v = json_object_get(root, "snp");

    if (v == NULL)
        return SELFSAME_OK;
    TRY(recipe_machine(p, root, "snp", &ret->machine));
    return shapes(p, json_object_get(v, "shapes"), ret);
}
